//! The float64 sums and products of gateways, each in the gateway's order of operations.
//!
//! The last bit decides a ceil or a truncation, so nothing here may be rearranged. The formulas stand in `docs/billing.md`.

use super::{Float, of};
use crate::exact::Ratio;

/// An amount before its last rounding, and the whole number that it became.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rounded {
    pub before: Float,
    pub whole: i64,
}

/// How a float becomes a whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FloatRounding {
    HalfAway,
    Truncate,
    Ceil,
}

/// Tokens and their rate.
pub type Weighted = (i64, Float);

/// Go's conversion to a 64-bit integer on amd64: what does not fit becomes the smallest one.
fn int(value: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&value) { value as i64 } else { i64::MIN }
}

fn round(value: f64, rounding: FloatRounding) -> Rounded {
    let rounded = match rounding {
        FloatRounding::HalfAway => value.round(),
        FloatRounding::Truncate => value.trunc(),
        FloatRounding::Ceil => value.ceil(),
    };
    Rounded { before: Float(value), whole: int(rounded) }
}

fn weighted((tokens, rate): Weighted) -> f64 {
    tokens as f64 * rate.0
}

/// new-api of 2024 and channel tests: every class is rounded by itself, and then the whole.
pub fn in_steps(
    input: i64,
    output: Weighted,
    audio_input: Weighted,
    audio_output: (i64, Float, Float),
    model: Float,
    group: Float,
) -> Rounded {
    let (audio_tokens, audio, audio_completion) = audio_output;
    let spoken = audio_tokens as f64 * audio.0 * audio_completion.0;
    let steps = [weighted(output), weighted(audio_input), spoken].map(|step| int(step.round()));
    let sum = steps.into_iter().fold(input, i64::wrapping_add);
    round(sum as f64 * (model.0 * group.0), FloatRounding::HalfAway)
}

/// Claude rows of new-api in 2025: summed in this order, the group ratio first, cut.
pub fn claude_of_2025(input: i64, cached: Weighted, written: Weighted, output: Weighted, model: Float, group: Float) -> Rounded {
    let mut value = input as f64;
    value += weighted(cached);
    value += weighted(written);
    value += weighted(output);
    round(value * group.0 * model.0, FloatRounding::Truncate)
}

/// one-api: `ceil((prompt + completion·cr) · (model·group))`.
pub fn one_api(input: i64, output: Weighted, model: Float, group: Float) -> Rounded {
    round((input as f64 + weighted(output)) * (model.0 * group.0), FloatRounding::Ceil)
}

/// one-api before November 2023: `trunc((prompt + trunc(completion·cr)) · (model·group))`.
pub fn one_api_of_2023(input: i64, output: Weighted, model: Float, group: Float) -> Rounded {
    let tokens = input.wrapping_add(int(weighted(output)));
    round(tokens as f64 * (model.0 * group.0), FloatRounding::Truncate)
}

/// A one-hub charge: tokens adjusted by the classes within them, at absolute input and output ratios.
#[derive(Clone, Debug)]
pub struct OneHub<'a> {
    pub prompt: i64,
    pub completion: i64,
    /// Classes within the prompt, and within the completion: tokens, and their ratio to the rest.
    pub inputs: &'a [Weighted],
    pub outputs: &'a [Weighted],
    /// The input ratio is that of a call; tokens decide only whether there was usage.
    pub per_call: bool,
    pub input_ratio: Float,
    pub output_ratio: Float,
    pub group: Float,
    /// Extra billing: calls, and USD for one.
    pub extras: &'a [Weighted],
    pub quota_per_unit: Float,
}

impl OneHub<'_> {
    /// `ceil(p'·in + c'·out) + ceil(Σ ceil(unit·Q)·calls · group)` (a call: `trunc(1000·in) + …`) with its second part, and whether
    /// p' + c' = 0.
    pub fn price(&self) -> (Rounded, i64, bool) {
        let prompt = self.prompt.wrapping_add(adjustment(self.inputs));
        let completion = self.completion.wrapping_add(adjustment(self.outputs));
        let input = self.input_ratio.0.max(0.0) * self.group.0;
        let output = self.output_ratio.0.max(0.0) * self.group.0;
        let mut rounded = if self.per_call {
            round(1000.0 * input, FloatRounding::Truncate)
        } else {
            round(prompt as f64 * input + completion as f64 * output, FloatRounding::Ceil)
        };
        let unit = |usd: Float| int((usd.0 * self.quota_per_unit.0).ceil());
        let extra = self.extras.iter().map(|(calls, usd)| unit(*usd).wrapping_mul(*calls)).fold(0, i64::wrapping_add);
        let beside = if extra > 0 { int((extra as f64 * self.group.0).ceil()) } else { 0 };
        rounded.whole = rounded.whole.wrapping_add(beside);
        (rounded, beside, prompt.wrapping_add(completion) == 0)
    }
}

/// `Σ trunc(tokens·(ratio − 1))`: each class is cut by itself.
fn adjustment(classes: &[Weighted]) -> i64 {
    let used = classes.iter().filter(|(tokens, _)| *tokens != 0);
    used.map(|(tokens, ratio)| int(*tokens as f64 * (ratio.0 - 1.0))).fold(0, i64::wrapping_add)
}

/// A Laisky charge: absolute prices of cached and written tokens, where 0 means as input and below 0 free.
#[derive(Clone, Copy, Debug)]
pub struct Laisky {
    pub plain: i64,
    pub cached: Weighted,
    pub completion: Weighted,
    pub write_5m: Weighted,
    pub write_1h: Weighted,
    pub model: Float,
    pub group: Float,
}

impl Laisky {
    /// `ceil(plain·in + cached·p_c + completion·out + w5·p_5 + w1·p_1)`, summed from left to right.
    pub fn price(&self) -> Rounded {
        let group = self.group.0;
        let input = self.model.0 * group;
        let output = (self.model.0 * self.completion.1.0) * group;
        let own = |ratio: Float| match ratio.0 {
            0.0 => input,
            free if free < 0.0 => 0.0,
            price => price * group,
        };
        let mut cost = self.plain as f64 * input;
        cost += self.cached.0 as f64 * own(self.cached.1);
        cost += self.completion.0 as f64 * output;
        cost += self.write_5m.0 as f64 * own(self.write_5m.1);
        cost += self.write_1h.0 as f64 * own(self.write_1h.1);
        round(cost, FloatRounding::Ceil)
    }
}

/// The surcharge of audio tokens: `ceil(in·model·group·(audio − 1) + out·model·group·(audio·audio completion − completion))`.
pub fn laisky_audio(input: Weighted, output: Weighted, completion: Float, model: Float, group: Float) -> Rounded {
    let (audio, spoken) = (input.1.0, output.1.0);
    let mut value = input.0 as f64 * model.0 * group.0 * (audio - 1.0);
    value += output.0 as f64 * model.0 * group.0 * (audio * spoken - completion.0);
    round(value, FloatRounding::Ceil)
}

/// The tokens of an image at their prices in USD per 1M: `ceil(Σ tokens·usd·0.5 · group)`; a group ratio of 0 does not count.
pub fn laisky_image_tokens(buckets: &[Weighted], group: Float) -> Rounded {
    let sum = buckets.iter().map(|(tokens, usd)| *tokens as f64 * usd.0 * 0.5).fold(0.0, |sum, part| sum + part);
    round(if group.0 > 0.0 { sum * group.0 } else { sum }, FloatRounding::Ceil)
}

/// The completion ratio that a charge is computed with: the output price, divided by the input price again.
pub fn laisky_completion(model: Ratio, completion: Ratio) -> Ratio {
    let (input, output) = (of(model), of(model) * of(completion));
    if input == 0.0 { Ratio::ONE } else { super::to_ratio(output / input).unwrap_or(completion) }
}

/// A product from left to right, rounded once.
pub fn product(factors: impl IntoIterator<Item = Ratio>, rounding: FloatRounding) -> Rounded {
    round(factors.into_iter().map(of).fold(1.0, |product, factor| product * factor), rounding)
}

/// What new-api takes in advance for so many tokens: `trunc(tokens · (model·group))`.
#[derive(Clone, Copy, Debug)]
pub struct Advance(f64);

impl Advance {
    pub fn of(model: Ratio, group: Ratio) -> Advance {
        Advance(of(model) * of(group))
    }

    pub fn points(self, tokens: i64) -> i64 {
        round(tokens as f64 * self.0, FloatRounding::Truncate).whole
    }
}

/// `trunc(whole · Π)`, Π multiplied first.
pub fn truncated_again(whole: i64, factors: impl IntoIterator<Item = Ratio>) -> Rounded {
    let all = factors.into_iter().map(of).fold(1.0, |product, factor| product * factor);
    round(whole as f64 * all, FloatRounding::Truncate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(text: &str) -> Float {
        Float(text.parse().unwrap())
    }

    #[test]
    fn one_api_rounds_up() {
        // 1251 prompt and 102 completion tokens of gpt-4o-mini: ceil(124.425).
        assert_eq!(one_api(1251, (102, ratio("4")), ratio("0.075"), ratio("1")).whole, 125);
    }

    #[test]
    fn one_hub_cuts_each_adjustment() {
        let charge = OneHub {
            prompt: 1816,
            completion: 64,
            inputs: &[(1792, ratio("0.25"))],
            outputs: &[],
            per_call: false,
            input_ratio: ratio("1"),
            output_ratio: ratio("4"),
            group: ratio("1.2"),
            extras: &[],
            quota_per_unit: ratio("500000"),
        };
        assert_eq!(charge.price().0.whole, 874);
    }

    #[test]
    fn laisky_sums_from_left_to_right() {
        let charge = Laisky {
            plain: 62,
            cached: (3544, ratio("0.15")),
            completion: (95, ratio("5")),
            write_5m: (586, ratio("1.875")),
            write_1h: (0, ratio("0")),
            model: ratio("1.5"),
            group: ratio("1"),
        };
        assert_eq!(charge.price().whole, 2436);
    }

    #[test]
    fn laisky_adds_audio_and_image_tokens() {
        // 20 audio tokens in and 10 out at 8 and 8·2 times the input, 4 of which the text price counts: ceil(20·2·7 + 10·2·12).
        let audio = laisky_audio((20, ratio("8")), (10, ratio("2")), ratio("4"), ratio("2"), ratio("1"));
        assert_eq!(audio.whole, 520);
        // 2 text, 173 image and 1 output tokens of gpt-image-1: ceil(0.95 · (2·5 + 173·10 + 40) / 2).
        let buckets = [(2, ratio("5")), (173, ratio("10")), (1, ratio("40"))];
        assert_eq!(laisky_image_tokens(&buckets, ratio("0.95")).whole, 846);
        assert_eq!(laisky_image_tokens(&buckets, ratio("0")).whole, 890);
    }

    #[test]
    fn what_does_not_fit_becomes_the_smallest_integer() {
        assert_eq!(one_api(4_000_000_000_000_000_000, (0, ratio("1")), ratio("37.5"), ratio("1")).whole, i64::MIN);
    }
}
