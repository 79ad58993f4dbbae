//! The price of a name: its own, else that of a wildcard, else the gateway's fallback.

use super::usage::{CLASSES, unpriced};
use crate::config::{Config, Found, ListedPrice, Map, MapName, ModelPrices, Number};
use crate::exact::{Exact, Ratio};
use crate::pricing::{Class, PerClass};
use crate::profile::tables::{Known, Tables};

/// What a name costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Price {
    pub per_call: bool,
    pub input: Ratio,
    /// Of no effect where the price is per call.
    pub output: Ratio,
    pub classes: PerClass<Ratio>,
    pub is_fallback: bool,
}

/// Input and output of a name without a price.
const FALLBACK: Ratio = Ratio::new(30, 0);

/// The prices that a name may have: several where wildcards overlap, for the gateway takes one of them by chance.
pub fn of(model: &str, tables: &Tables<'_>, quota_per_unit: Ratio) -> Vec<Price> {
    let own = tables.config.model_prices.get(model).map(|prices| in_dollars(prices, quota_per_unit));
    if let Some(price) = own.or_else(|| of_maps(model, tables)) {
        return vec![price];
    }
    let list = if tables.config.price_list.is_empty() { &tables.defaults.price_list } else { &tables.config.price_list };
    let found = listed(model, list);
    if found.is_empty() { vec![fallback()] } else { found }
}

fn fallback() -> Price {
    Price { per_call: false, input: FALLBACK, output: FALLBACK, classes: unpriced(), is_fallback: true }
}

/// The exact name, of which the last counts; else every wildcard whose stem begins the name, equal prices once.
fn listed(model: &str, list: &[ListedPrice]) -> Vec<Price> {
    if let Some(exact) = list.iter().rfind(|price| price.model == model) {
        return vec![listed_price(exact)];
    }
    let mut found = Vec::new();
    for listed in list.iter().filter(|price| price.model.strip_suffix('*').is_some_and(|stem| model.starts_with(stem))) {
        let price = listed_price(listed);
        if !found.contains(&price) {
            found.push(price);
        }
    }
    found
}

/// The source that has the last word of a name's price; of a name that no list has, that of the last list.
fn source_of(model: &str, list: &[ListedPrice]) -> Option<u16> {
    let source = |listed: &ListedPrice| listed.input.origin.source;
    let exact = list.iter().rfind(|price| price.model == model).map(source);
    exact.or_else(|| list.iter().map(source).max())
}

fn listed_price(listed: &ListedPrice) -> Price {
    let mut classes = unpriced();
    for (key, class, _) in CLASSES {
        if let Some(number) = listed.extra_ratios.get(key) {
            classes[class] = number.ratio;
        }
    }
    let (input, output) = (listed.input.ratio, listed.output.ratio);
    Price { per_call: listed.per_call, input, output, classes, is_fallback: false }
}

/// Whether the config's source can carry no price of the name.
pub fn are_unknown(model: &str, config: &Config) -> bool {
    let is_unknown = |map| config.map(map) == &Map::Unknown;
    let no_map = is_unknown(MapName::ModelRatio) && is_unknown(MapName::ModelPrice);
    no_map && config.price_list.is_empty() && !config.model_prices.contains_key(model)
}

/// quota's own words, where they give prices and no price list of the same source or a later one does.
fn of_maps(model: &str, tables: &Tables<'_>) -> Option<Price> {
    let config: &Config = tables.config;
    let given = |map| matches!(config.map(map), Map::Given(_));
    if !(given(MapName::ModelRatio) || given(MapName::ModelPrice)) {
        return None;
    }
    if let Some(source) = source_of(model, &config.price_list) {
        let is_later = |map| matches!(config.map(map).get(model), Found::Number(number) if number.origin.source > source);
        if !is_later(MapName::ModelRatio) && !is_later(MapName::ModelPrice) {
            return None;
        }
    }
    let number = |map| match tables.get(map, model) {
        Known::Number(number) => Some(number.ratio),
        _ => None,
    };
    if let Some(price) = number(MapName::ModelPrice) {
        return Some(call(price, Ratio::new(500, 0)));
    }
    let Some(input) = number(MapName::ModelRatio) else { return Some(fallback()) };
    // The gateway's own list has a price of the output, which is a short decimal: a product of floats may not be.
    let output = number(MapName::CompletionRatio)
        .map_or(input, |completion| (Exact::from(input) * completion).to_ratio().unwrap_or_default());
    let mut classes = unpriced();
    for (class, map) in [
        (Class::Cached, MapName::CacheRatio),
        (Class::CacheRead, MapName::CacheRatio),
        (Class::CacheWrite, MapName::CreateCacheRatio),
        (Class::ImageInput, MapName::ImageRatio),
        (Class::AudioInput, MapName::AudioRatio),
        (Class::AudioOutput, MapName::AudioCompletionRatio),
    ] {
        classes[class] = number(map).unwrap_or(classes[class]);
    }
    Some(Price { per_call: false, input, output, classes, is_fallback: false })
}

/// A price per call in USD, where `units` of the list are 1 USD.
fn call(usd: Ratio, units: Ratio) -> Price {
    let input = (Exact::from(usd) * units).to_ratio().unwrap_or_default();
    Price { per_call: true, input, output: Ratio::ZERO, classes: unpriced(), is_fallback: false }
}

/// Prices in USD per 1M tokens, as ratios.
fn in_dollars(prices: &ModelPrices, quota_per_unit: Ratio) -> Price {
    let usd = |number: Option<Number>| number.map(|number| number.ratio);
    if let Some(price) = usd(prices.per_call) {
        return call(price, (Exact::from(quota_per_unit) * Ratio::new(1, -3)).to_ratio().unwrap_or_default());
    }
    let points = |price: Ratio| (Exact::from(price) * quota_per_unit * Ratio::new(1, -6)).to_ratio().unwrap_or_default();
    let input = usd(prices.input).unwrap_or_default();
    let output = usd(prices.output).unwrap_or(input);
    let mut classes = unpriced();
    let mut set = |class: Class, price: Option<Number>, base: Ratio| {
        if let Some(price) = usd(price).filter(|_| !base.is_zero()) {
            classes[class] = Exact::from(price).divided_by(&Exact::from(base), 16).to_ratio().unwrap_or_default();
        }
    };
    set(Class::Cached, prices.cached, input);
    set(Class::CacheRead, prices.cached, input);
    set(Class::CacheWrite, prices.cache_write, input);
    set(Class::ImageInput, prices.image_input, input);
    set(Class::AudioInput, prices.audio_input, input);
    set(Class::AudioOutput, prices.audio_output, output);
    Price { per_call: false, input: points(input), output: points(output), classes, is_fallback: false }
}
