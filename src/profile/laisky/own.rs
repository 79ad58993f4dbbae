//! Prices of quota's own files: the plain maps hold in every channel that no gateway's answer describes, what is said of `*` lies over them,
//! what is said of the channel over both.

use super::price::{Origin, Quote};
use crate::config::{ChannelPrice, ChannelPrices, Config, Extent, Found, MapName, Rates, Tariff};
use crate::log::LogEntry;

/// Every channel.
const ANY: &str = "*";

/// The channel of a row.
#[derive(Clone, Copy, Debug)]
pub struct Served<'r> {
    /// As a gateway's answer or database names it.
    pub name: &'r str,
    /// All that the row calls it: its uuid, and its id or name.
    pub names: [&'r str; 2],
}

impl<'r> Served<'r> {
    /// The answers of the API name channels by uuid alone, the database by id too.
    pub fn of(entry: &LogEntry<'r>, config: &Config) -> Served<'r> {
        let names = [entry.channel_uuid, entry.channel];
        let known = names.into_iter().find(|name| config.channels.contains_key(*name));
        let said = || names.into_iter().find(|name| config.channel_prices.contains_key(*name));
        Served { name: known.or_else(said).unwrap_or(entry.channel), names }
    }
}

/// What is said of a channel, the nearest first.
pub fn said<'c>(channel: Served<'_>, config: &'c Config) -> impl Iterator<Item = &'c ChannelPrices> {
    let [uuid, id] = channel.names;
    [uuid, id, ANY].into_iter().filter_map(|name| config.channel_prices.get(name))
}

/// The rates that quota's own files give a model in a channel.
#[derive(Clone, Copy, Debug, Default)]
pub struct Said {
    pub rates: Rates,
}

/// What is said of a model in a channel; none where nobody can say its price.
pub fn price(channel: Served<'_>, model: &str, config: &Config) -> Option<Said> {
    let mut rates = if config.channels.contains_key(channel.name) { Rates::default() } else { plain(model, config) };
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
