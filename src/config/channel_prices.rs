//! What quota's own TOML says of channels: the groups that decide their ratio, and prices that hold in them alone.
//!
//! `*` is every channel, a row without one too; what a channel by its name says lies over that.

use std::collections::HashMap;

use super::{Number, Rates};

/// What is said of one channel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChannelPrices {
    /// The smallest ratio of these counts.
    pub groups: Option<Vec<String>>,
    pub models: HashMap<String, ChannelPrice>,
}

/// The price of a model in a channel. Rates of cached and written tokens are points per token, not relative to the input; 0 is free.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ChannelPrice {
    pub ratio: Option<Number>,
    pub completion_ratio: Option<Number>,
    pub cached_input_ratio: Option<Number>,
    pub cache_write_5m_ratio: Option<Number>,
    pub cache_write_1h_ratio: Option<Number>,
    /// Nobody can say what the model is charged there.
    pub unknown: bool,
}

impl ChannelPrices {
    /// Lays a later source over this one: what it does not say stays.
    pub fn overlay(&mut self, later: ChannelPrices) {
        self.groups = later.groups.or(self.groups.take());
        for (model, price) in later.models {
            self.models.entry(model).or_default().overlay(&price);
        }
    }

    pub fn numbers_mut(&mut self) -> impl Iterator<Item = &mut Number> {
        self.models.values_mut().flat_map(ChannelPrice::numbers_mut)
    }
}

impl ChannelPrice {
    /// The words of the gateway, with the numbers.
    pub fn numbers(&self) -> [(&'static str, Option<Number>); 5] {
        [
            ("ratio", self.ratio),
            ("completion_ratio", self.completion_ratio),
            ("cached_input_ratio", self.cached_input_ratio),
            ("cache_write_5m_ratio", self.cache_write_5m_ratio),
            ("cache_write_1h_ratio", self.cache_write_1h_ratio),
        ]
    }

    fn numbers_mut(&mut self) -> impl Iterator<Item = &mut Number> {
        let ChannelPrice { ratio, completion_ratio, cached_input_ratio, cache_write_5m_ratio, cache_write_1h_ratio, .. } = self;
        [ratio, completion_ratio, cached_input_ratio, cache_write_5m_ratio, cache_write_1h_ratio].into_iter().flatten()
    }

    /// Lays a later or nearer price over this one.
    pub fn overlay(&mut self, later: &ChannelPrice) {
        *self = ChannelPrice {
            ratio: later.ratio.or(self.ratio),
            completion_ratio: later.completion_ratio.or(self.completion_ratio),
            cached_input_ratio: later.cached_input_ratio.or(self.cached_input_ratio),
            cache_write_5m_ratio: later.cache_write_5m_ratio.or(self.cache_write_5m_ratio),
            cache_write_1h_ratio: later.cache_write_1h_ratio.or(self.cache_write_1h_ratio),
            unknown: later.unknown || (self.unknown && later.ratio.is_none()),
        };
    }

    /// The numbers as a gateway keeps them, where free is below 0.
    pub fn rates(&self) -> Rates {
        let number = |number: Option<Number>| number.map(|number| number.ratio);
        let or_free = |rate: Option<Number>| number(rate).map(|rate| if rate.is_zero() { Rates::FREE } else { rate });
        Rates {
            input: number(self.ratio),
            completion: number(self.completion_ratio),
            cached: or_free(self.cached_input_ratio),
            write_5m: or_free(self.cache_write_5m_ratio),
            write_1h: or_free(self.cache_write_1h_ratio),
        }
    }
}
