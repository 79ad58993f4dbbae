//! The text of a row: its kind, and the numbers that it prints.
//!
//! ```text
//! model rate 1.50, group rate 1.00, completion rate 5.00, tools cost 5000, cached_prompt 3544, cache_write_5m 586, cache_write_1h 0
//! 倍率：0.07 × 1.00 × 4.00, tools cost 5000
//! image model=dall-e-3 size=1024x1024 quality=hd requested_n=1 billed_n=1 total_usd=0.0760 group_rate=0.95 unit_usd=0.0800 tier=2.00 base_usd=0.0760
//! rerank token billing, base unit 0.700000, group rate 0.95
//! ```

use crate::exact::{Exact, Ratio};

/// A number as it is printed: the true one lies within half a unit of its last digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Printed {
    pub value: Ratio,
    half: Ratio,
}

impl Printed {
    fn parse(text: &str) -> Option<Printed> {
        let decimals = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let decimals = i16::try_from(decimals).ok()?;
        Some(Printed { value: text.parse().ok()?, half: Ratio::new(5, -decimals - 1) })
    }

    /// The ends of what it may stand for. Nothing printed here is negative.
    pub fn ends(self) -> (Ratio, Ratio) {
        let low = self.shifted(-1);
        (if low.is_negative() { Ratio::ZERO } else { low }, self.shifted(1))
    }

    fn shifted(self, by: i64) -> Ratio {
        let exact = Exact::from(self.value) + Exact::from(self.half) * by;
        exact.to_ratio().unwrap_or(self.value)
    }

    /// Whether it may stand for a number.
    pub fn is_of(self, number: Ratio) -> bool {
        let (low, high) = self.ends();
        low <= number && number <= high
    }
}

/// What a row is, by its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    Text(TextRates),
    Image(Image<'a>),
    /// So much for a call, or for each token.
    Units {
        unit: Printed,
        group: Printed,
        per_call: bool,
    },
    /// USD for one call, or for each of some seconds.
    Usd {
        usd: Printed,
        factors: Vec<Printed>,
        group: Printed,
    },
    ToolCall,
    External,
    Provisional,
    /// A first attempt that another channel took over.
    Superseded,
    /// The estimate was given back.
    Refunded,
    Other,
}

/// The rates of a row that is priced by token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextRates {
    pub model: Printed,
    pub group: Printed,
    /// None: speech and transcription.
    pub completion: Option<Printed>,
    /// Points for tools.
    pub tools: i64,
    pub cached: Option<i64>,
    pub write_5m: Option<i64>,
    pub write_1h: Option<i64>,
}

/// The text of an image row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image<'a> {
    pub model: &'a str,
    pub size: &'a str,
    pub quality: &'a str,
    pub count: i64,
    pub group: Printed,
    /// USD for one image of this size and quality; older rows print the price without the factor.
    pub unit: Option<Printed>,
    pub tier: Option<Printed>,
    /// The model is priced by token.
    pub model_ratio: Option<Printed>,
    /// The row has a part for tokens.
    pub has_tokens: bool,
    /// `unit` is the price before the factor.
    pub before_tier: bool,
}

impl<'a> Content<'a> {
    pub fn of(text: &'a str) -> Content<'a> {
        if text.starts_with("refunded: superseded") {
            return Content::Superseded;
        }
        let starts =
            [("Tool invocation: ", Content::ToolCall), ("External (", Content::External), ("[provisional]", Content::Provisional)];
        if let Some((_, content)) = starts.into_iter().find(|(start, _)| text.starts_with(start)) {
            return content;
        }
        let parsed =
            text_rates(text).or_else(|| chinese_rates(text)).map(Content::Text).or_else(|| image(text).map(Content::Image));
        let parsed = parsed.or_else(|| old_image(text).map(Content::Image)).or_else(|| units(text)).or_else(|| video(text));
        parsed.unwrap_or_else(|| if text.ends_with("refunded") { Content::Refunded } else { Content::Other })
    }
}

/// Whether a text is one that only this gateway writes.
pub fn is_own_text(text: &str) -> bool {
    match Content::of(text) {
        Content::Text(_) => text.starts_with("model rate ") || text.contains(", tools cost "),
        Content::Other | Content::Refunded => false,
        _ => true,
    }
}

/// The number behind a word, in one of the parts between commas.
fn part<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    text.split(", ").find_map(|part| part.strip_prefix(word)).map(str::trim)
}

fn printed(text: &str, word: &str) -> Option<Printed> {
    Printed::parse(part(text, word)?)
}

fn text_rates(text: &str) -> Option<TextRates> {
    if !text.starts_with("model rate ") {
        return None;
    }
    let count = |word: &str| part(text, word).and_then(|digits| digits.parse().ok());
    Some(TextRates {
        model: printed(text, "model rate ")?,
        group: printed(text, "group rate ")?,
        completion: printed(text, "completion rate "),
        tools: count("tools cost ").unwrap_or(0),
        cached: count("cached_prompt "),
        write_5m: count("cache_write_5m "),
        write_1h: count("cache_write_1h "),
    })
}

/// `倍率：model × group × completion` of January to March 2025.
fn chinese_rates(text: &str) -> Option<TextRates> {
    let rates = text.strip_prefix("倍率：")?;
    let tools = part(rates, "tools cost ").and_then(|digits| digits.parse().ok()).unwrap_or(0);
    let rates = rates.split_once(", ").map_or(rates, |(rates, _)| rates);
    let mut rates = rates.split('×').map(|rate| Printed::parse(rate.trim()));
    let (model, group) = (rates.next()??, rates.next()??);
    let completion = rates.next().flatten();
    Some(TextRates { model, group, completion, tools, cached: None, write_5m: None, write_1h: None })
}

fn image(text: &str) -> Option<Image<'_>> {
    let words = text.strip_prefix("image ")?;
    let first = words.strip_prefix("model=")?;
    // A model's name may hold spaces.
    let model = first.split_once(" size=").map_or_else(|| first.split(' ').next().unwrap_or(first), |(model, _)| model);
    let word = |name: &str| words.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let number = |name: &str| word(name).and_then(Printed::parse);
    Some(Image {
        model: model.split_once(" origin_model=").map_or(model, |(model, _)| model),
        size: word("size").unwrap_or(""),
        quality: word("quality").unwrap_or(""),
        count: word("billed_n")?.parse().ok()?,
        group: number("group_rate")?,
        unit: number("unit_usd"),
        tier: number("tier"),
        model_ratio: number("model_ratio"),
        has_tokens: word("token_usd").is_some(),
        before_tier: false,
    })
}

/// `image usd 0.040, tier 2.00, group rate 1.00, num 3`, before October 2025.
fn old_image(text: &str) -> Option<Image<'_>> {
    Some(Image {
        model: "",
        size: "",
        quality: "",
        count: part(text, "num ")?.parse().ok()?,
        group: printed(text, "group rate ")?,
        unit: Some(printed(text, "image usd ")?),
        tier: Some(printed(text, "tier ")?),
        model_ratio: None,
        has_tokens: false,
        before_tier: true,
    })
}

/// `rerank token billing, base unit 0.700000, group rate 0.95`; `OCR per-call billing, …`.
fn units(text: &str) -> Option<Content<'_>> {
    let (kind, rest) = text.split_once(" billing, ")?;
    let (unit, group) = (printed(rest, "base unit ")?, printed(rest, "group rate ")?);
    Some(Content::Units { unit, group, per_call: kind.ends_with("per-call") })
}

fn video(text: &str) -> Option<Content<'_>> {
    let group = printed(text, "group rate ")?;
    if let Some(usd) = printed(text, "video per-call usd ") {
        return Some(Content::Usd { usd, factors: Vec::new(), group });
    }
    let factors = vec![printed(text, "video seconds ")?, printed(text, "multiplier ")?];
    Some(Content::Usd { usd: printed(text, "usd ")?, factors, group })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(rates: &TextRates) -> [String; 3] {
        [Some(rates.model), Some(rates.group), rates.completion]
            .map(|rate| rate.map_or_else(String::new, |rate| rate.value.to_string()))
    }

    #[track_caller]
    fn text(content: &str, rates: [&str; 3], tools: i64, cached: Option<i64>) {
        let Content::Text(found) = Content::of(content) else { panic!("{content}") };
        assert_eq!((values(&found), found.tools, found.cached), (rates.map(str::to_owned), tools, cached));
    }

    #[test]
    fn texts_of_every_version() {
        text("model rate 1.50, group rate 0.95", ["1.5", "0.95", ""], 0, None);
        text("model rate 1.50, group rate 0.95, completion rate 5.00", ["1.5", "0.95", "5"], 0, None);
        text(
            "model rate 1.25, group rate 0.07, completion rate 4.00, tools cost 5556, cached_prompt 475, cached_completion 0, cache_write_5m 0, cache_write_1h 269",
            ["1.25", "0.07", "4"],
            5556,
            Some(475),
        );
        text("倍率：0.07 × 1.00 × 4.00, tools cost 12", ["0.07", "1", "4"], 12, None);
    }

    #[test]
    fn images_of_every_version() {
        let text = "image model=gpt-image-1 size=1024x1024 quality=high requested_n=2 billed_n=1 total_usd=0.1603 group_rate=0.95 unit_usd=0.1670 tier=15.18 base_usd=0.1587 token_usd=0.0017";
        let Content::Image(image) = Content::of(text) else { panic!() };
        assert_eq!((image.model, image.size, image.quality, image.count), ("gpt-image-1", "1024x1024", "high", 1));
        assert_eq!(image.unit.unwrap().ends(), ("0.16695".parse().unwrap(), "0.16705".parse().unwrap()));
        assert!(image.has_tokens && !image.before_tier);
        let Content::Image(image) = Content::of("image usd 0.040, tier 2.00, group rate 1.00, num 3") else { panic!() };
        assert_eq!((image.count, image.unit.unwrap().value.to_string().as_str(), image.before_tier), (3, "0.04", true));
    }

    #[test]
    fn other_texts() {
        assert!(matches!(
            Content::of("rerank per-call billing, base unit 1000.000000, group rate 0.95"),
            Content::Units { per_call: true, .. }
        ));
        assert!(
            matches!(Content::of("video per-call usd 0.5000, group rate 1.00"), Content::Usd { factors, .. } if factors.is_empty())
        );
        assert!(matches!(
            Content::of("video seconds 4.00, usd 0.100, multiplier 1.67, group rate 1.00"),
            Content::Usd { factors, .. } if factors.len() == 2
        ));
        for (text, content) in [
            ("Tool invocation: web_search", Content::ToolCall),
            ("External (ocr, \"external\") finalized ＄0.143426 quota (pre …", Content::External),
            ("[provisional] pre-consumed quota, awaiting reconciliation", Content::Provisional),
            ("refunded: superseded by cross-channel retry", Content::Superseded),
            ("upstream error, refunded", Content::Refunded),
            ("", Content::Other),
        ] {
            assert_eq!(Content::of(text), content, "{text}");
        }
        assert!(is_own_text("model rate 1.50, group rate 0.95") && !is_own_text("倍率：0.07 × 1.00 × 4.00"));
    }

    #[test]
    fn a_printed_number_stands_for_those_around_it() {
        let printed = Printed::parse("0.07").unwrap();
        assert!(printed.is_of("0.06666667".parse().unwrap()) && printed.is_of("0.075".parse().unwrap()));
        assert!(!printed.is_of("0.0750001".parse().unwrap()));
        assert_eq!(Printed::parse("0.00").unwrap().ends().0, Ratio::ZERO);
    }
}
