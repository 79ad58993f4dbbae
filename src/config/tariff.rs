//! Prices that are more than one ratio by name: Laisky's channels and compiled-in tables have them.
//!
//! A rate is in points per token: 1 is 2 USD per 1M tokens. The rates of cached and written tokens are absolute, not relative to the input.

use std::collections::HashMap;

use crate::exact::Ratio;

/// How much a source can say of a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    /// What is not given is not there.
    #[default]
    Whole,
    /// Ratio and completion ratio alone: cache rates, tiers, images and audio are not known.
    RatioOnly,
}

/// The price of one model. A number that is not given falls back to another source, or to what the gateway does without it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tariff {
    pub extent: Extent,
    pub rates: Rates,
    /// In ascending order of their thresholds.
    pub tiers: Vec<Tier>,
    pub windows: Vec<Window>,
    pub image: Option<ImageTariff>,
    pub audio: Option<AudioTariff>,
    /// USD for one call.
    pub per_call: Option<Ratio>,
}

/// Rates of one model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    pub input: Option<Ratio>,
    /// Relative to the input.
    pub completion: Option<Ratio>,
    /// Below 0: free. Not given: as input.
    pub cached: Option<Ratio>,
    pub write_5m: Option<Ratio>,
    pub write_1h: Option<Ratio>,
}

impl Rates {
    /// How a gateway writes a rate that is free: below 0.
    pub const FREE: Ratio = Ratio::new(-1, 0);

    /// Lays the numbers that `over` gives over these.
    pub fn overlay(&mut self, over: &Rates) {
        self.input = over.input.or(self.input);
        self.completion = over.completion.or(self.completion);
        self.cached = over.cached.or(self.cached);
        self.write_5m = over.write_5m.or(self.write_5m);
        self.write_1h = over.write_1h.or(self.write_1h);
    }
}

/// Rates that hold from so many tokens on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tier {
    pub prompt_from: i64,
    pub completion_from: i64,
    pub rates: Rates,
}

/// A price that lies over the usual one at certain times.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    /// A zone of the IANA database; empty is UTC.
    pub zone: String,
    /// Minutes of the day, start included, end excluded. Equal ones are the whole day; an end before its start is on the next day.
    pub ranges: Vec<(u16, u16)>,
    /// Sunday is 0; empty is every day.
    pub days: Vec<i64>,
    /// `2026-08-22`, included.
    pub from: Option<String>,
    /// Excluded.
    pub until: Option<String>,
    pub over: Box<Tariff>,
}

/// The price of images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageTariff {
    /// USD for one image.
    pub price: Option<Ratio>,
    pub sizes: HashMap<String, Ratio>,
    pub qualities: HashMap<String, Ratio>,
    /// Factors by quality, then size; where there are any, the two other maps do not count.
    pub quality_sizes: HashMap<String, HashMap<String, Ratio>>,
}

/// Audio within text prices, relative to the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AudioTariff {
    pub prompt: Option<Ratio>,
    /// Relative to audio input.
    pub completion: Option<Ratio>,
    /// The price goes by seconds.
    pub by_second: bool,
}

/// Whose compiled-in prices hold in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Provider {
    OpenAi,
    Anthropic,
    Gemini,
    Cohere,
    /// The tables of several providers, put together: what a channel of another type falls back to.
    Merged,
}

impl Provider {
    pub const ALL: [Provider; 5] = [Provider::OpenAi, Provider::Anthropic, Provider::Gemini, Provider::Cohere, Provider::Merged];

    pub fn word(self) -> &'static str {
        match self {
            Provider::OpenAi => "openai",
            Provider::Anthropic => "anthropic",
            Provider::Gemini => "gemini",
            Provider::Cohere => "cohere",
            Provider::Merged => "merged",
        }
    }

    pub fn from_word(word: &str) -> Option<Provider> {
        Provider::ALL.into_iter().find(|provider| provider.word() == word)
    }
}

/// What is compiled into a gateway for one provider.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CompiledIn {
    pub tariffs: HashMap<String, Tariff>,
    /// USD for one call of a tool.
    pub tools: HashMap<String, Ratio>,
}

/// The price of a model in one channel, as a gateway shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Displayed {
    pub channel: String,
    /// The gateway's number for the provider of the channel.
    pub kind: i64,
    pub tariff: Tariff,
}
