//! Prices in USD per 1M tokens, as price lists print them.
//!
//! They become the ratios that the gateway would keep: the model ratio is the price of input, each rate relative to it. Nearly all quotients
//! of prices end, and then both forms come to the same amounts. Where one does not (2.5 / 0.3), its nearest decimal would be off by a
//! point where an amount ends in a half, so the prices stay what they are: the model ratio is the points of 1 USD per 1M tokens, and
//! each rate a price.

use super::quote::{Fallback, Figure, HOUR, Quote, WRITE, points_of_a_dollar};
use crate::config::{ModelPrices, Number};
use crate::exact::{Exact, Ratio};
use crate::float;
use crate::pricing::Reason;

/// What a model costs by its prices.
pub fn quote(prices: &ModelPrices, quota_per_unit: Ratio) -> Quote {
    let in_usd = in_usd(prices, quota_per_unit);
    in_ratios(&in_usd).unwrap_or(in_usd)
}

fn in_usd(prices: &ModelPrices, quota_per_unit: Ratio) -> Quote {
    let ratio = |number: Option<Number>| number.map(|number| number.ratio);
    let input = ratio(prices.input).unwrap_or(Ratio::ZERO);
    let or_input = |number: Option<Number>| Figure::sure(ratio(number).unwrap_or(input));
    let write = ratio(prices.cache_write).unwrap_or_else(|| product(input, WRITE));
    let audio = ratio(prices.audio_input).unwrap_or(input);
    Quote {
        is_presumed: false,
        expression: None,
        price: ratio(prices.of_a_call()),
        counted: counted(prices),
        model: Figure::sure(points_of_a_dollar(quota_per_unit)),
        input,
        completion: or_input(prices.output),
        cache: or_input(prices.cached),
        write: Figure::sure(write),
        write_5m: Figure::sure(write),
        write_1h: Figure::sure(ratio(prices.cache_write_1h).unwrap_or_else(|| product(write, HOUR))),
        image: or_input(prices.image_input),
        audio: Figure::sure(audio),
        audio_completion: audio_completion(prices, audio),
        audio_as_text: prices.audio_input.or(prices.audio_output).is_none(),
        separate_audio: None,
        group: Figure::sure(Ratio::ONE),
        other_groups: Vec::new(),
        tools: Vec::new(),
        fallback: Fallback::No,
        ignored_completion: None,
    }
}

fn counted(prices: &ModelPrices) -> Option<&'static str> {
    let kinds = [(prices.per_call, None), (prices.per_image, Some("n")), (prices.per_second, Some("seconds"))];
    kinds.into_iter().find(|(price, _)| price.is_some())?.1
}

fn product(a: Ratio, b: Ratio) -> Ratio {
    a.times(b).or_else(|| float::product(a, b)).unwrap_or(a)
}

/// What audio output costs relative to audio input. A quotient that does not end is cut far behind all digits that count.
fn audio_completion(prices: &ModelPrices, audio: Ratio) -> Figure {
    let Some(output) = prices.audio_output else { return Figure::sure(Ratio::ONE) };
    if audio.is_zero() {
        let is_free = output.ratio.is_zero();
        return if is_free { Figure::sure(Ratio::ONE) } else { Figure::any(Ratio::ONE, Reason::RatioUnknown) };
    }
    Figure::sure(nearly(output.ratio, audio))
}

/// A quotient; one that does not end is cut.
fn nearly(price: Ratio, input: Ratio) -> Ratio {
    let cut = || Exact::from(price).divided_by(&Exact::from(input), 30).to_ratio();
    price.over(input).or_else(cut).unwrap_or(Ratio::ONE)
}

/// The same amounts by ratios, if there are such.
fn in_ratios(in_usd: &Quote) -> Option<Quote> {
    let model = in_usd.model.value.times(in_usd.input)?;
    relative(in_usd, model, |price| price.over(in_usd.input))
}

/// The ratios nearest to prices. The rates of a model without a price of input are those of input.
pub fn nearest_ratios(in_usd: &Quote) -> Quote {
    let input = in_usd.input;
    let over_input = |price: Ratio| Some(if input.is_zero() { Ratio::ONE } else { nearly(price, input) });
    relative(in_usd, product(in_usd.model.value, input), over_input).unwrap_or_else(|| in_usd.clone())
}

/// Audio output is relative to audio input in both forms.
fn relative(in_usd: &Quote, model: Ratio, over_input: impl Fn(Ratio) -> Option<Ratio>) -> Option<Quote> {
    let rate = |figure: Figure| Some(Figure { value: over_input(figure.value)?, ..figure });
    Some(Quote {
        model: Figure::sure(model),
        input: Ratio::ONE,
        completion: rate(in_usd.completion)?,
        cache: rate(in_usd.cache)?,
        write: rate(in_usd.write)?,
        write_5m: rate(in_usd.write_5m)?,
        write_1h: rate(in_usd.write_1h)?,
        image: rate(in_usd.image)?,
        audio: rate(in_usd.audio)?,
        ..in_usd.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Origin;
    use crate::pricing::{Class, Terms, price};
    use proptest::prelude::*;

    const Q: Ratio = Ratio::new(500_000, 0);

    fn prices([input, cached, write, output]: [i64; 4]) -> ModelPrices {
        let usd = |cents: i64| Some(Number { ratio: Ratio::new(cents, -3), origin: Origin::default() });
        ModelPrices {
            input: usd(input),
            cached: usd(cached),
            cache_write: usd(write),
            output: usd(output),
            ..ModelPrices::default()
        }
    }

    fn terms(quote: &Quote, tokens: [i64; 5], group: Ratio) -> Terms {
        let mut terms = Terms::tokens(quote.model.value, group);
        let rates = [
            (Class::Input, quote.input),
            (Class::Cached, quote.cache.value),
            (Class::CacheWrite, quote.write.value),
            (Class::CacheWrite1h, quote.write_1h.value),
            (Class::Output, quote.completion.value),
        ];
        rates.into_iter().zip(tokens).for_each(|((class, rate), tokens)| terms.add(class, tokens, rate));
        terms
    }

    #[test]
    fn prices_become_ratios_where_all_quotients_end() {
        let found = quote(&prices([3_000, 300, 3_750, 15_000]), Q);
        let ratios =
            [found.model, found.cache, found.write, found.write_1h, found.completion].map(|figure| figure.value.to_string());
        assert_eq!((ratios, found.input), (["1.5", "0.1", "1.25", "2", "5"].map(str::to_owned), Ratio::ONE));
        // 2.5 / 0.3
        let found = quote(&prices([300, 30, 375, 2_500]), Q);
        assert_eq!((found.input, found.completion.value), (Ratio::new(3, -1), Ratio::new(25, -1)));
        assert_eq!(nearest_ratios(&found).completion.value.to_string(), "8.333333333333334");
    }

    proptest! {
        /// Both forms come to the same amount, to the last digit.
        #[test]
        fn ratios_come_to_what_prices_come_to(
            prices_of in [1_i64..100_000, 0_i64..100_000, 0_i64..100_000, 0_i64..100_000],
            tokens in [0_i64..10_000_000, 0_i64..10_000_000, 0_i64..10_000_000, 0_i64..10_000_000, 0_i64..10_000_000],
            group in 0_i64..10_000,
            is_round in any::<bool>(),
        ) {
            // Multiples of the input's price end.
            let input = prices_of[0];
            let [_, cached, write, output] = prices_of;
            let listed = if is_round { [input, cached * input, write * input, output * input] } else { prices_of };
            let (in_usd, found) = (in_usd(&prices(listed), Q), quote(&prices(listed), Q));
            prop_assert!(!is_round || found.input == Ratio::ONE);
            let group = Ratio::new(group, -3);
            let charges = [&in_usd, &found].map(|quote| price(&terms(quote, tokens, group)));
            prop_assert_eq!(&charges[0].amount, &charges[1].amount);
            prop_assert_eq!(charges[0].points, charges[1].points);
        }
    }
}
