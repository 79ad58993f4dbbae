//! Prices of quota's own files: the plain maps hold in every channel that no gateway's answer describes, what is said of `*` lies over them,
//! what is said of the channel over both.

use super::price::{Origin, Quote};
use crate::config::{ChannelPrice, ChannelPrices, Config, Extent, Found, MapName, Rates, Tariff};

/// Every channel.
const ANY: &str = "*";

/// What is said of a channel, the nearest first.
pub fn said<'c>(channel: &str, config: &'c Config) -> impl Iterator<Item = &'c ChannelPrices> {
    [channel, ANY].into_iter().filter_map(|name| config.channel_prices.get(name))
}

/// The rates that quota's own files give a model in a channel.
#[derive(Clone, Copy, Debug, Default)]
pub struct Said {
    pub rates: Rates,
}

/// What is said of a model in a channel; none where nobody can say its price.
pub fn price(channel: &str, model: &str, config: &Config) -> Option<Said> {
    let mut rates = if config.channels.contains_key(channel) { Rates::default() } else { plain(model, config) };
    let prices: Vec<_> = said(channel, config).filter_map(|prices| prices.models.get(model)).collect();
    let mut price = ChannelPrice::default();
    prices.into_iter().rev().for_each(|nearer| price.overlay(nearer));
    rates.overlay(&price.rates());
    (!price.unknown).then_some(Said { rates })
}

fn plain(model: &str, config: &Config) -> Rates {
    let number = |map: MapName| match config.map(map).get(model) {
        Found::Number(number) => Some(number.ratio),
        Found::Absent | Found::Default | Found::Unknown => None,
    };
    let input = number(MapName::ModelRatio);
    Rates { input, completion: input.and(number(MapName::CompletionRatio)), ..Rates::default() }
}

impl Said {
    /// Lays what is said over another price. A ratio of its own takes the place of all but the completion ratio.
    pub fn over(self, quote: Quote) -> Quote {
        let mut quote = quote;
        if self.rates.input.is_some() {
            let completion = quote.tariff.rates.completion;
            quote = Quote {
                tariff: Tariff { extent: Extent::Whole, rates: Rates { completion, ..Rates::default() }, ..Tariff::default() },
                origin: Origin::Own,
                ..quote
            };
        }
        quote.tariff.rates.overlay(&self.rates);
        quote
    }
}
