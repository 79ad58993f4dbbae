//! Prices of tool calls and of separately priced audio input.

use std::collections::HashMap;

use crate::config::{Map, MapName, Number};
use crate::exact::Ratio;
use crate::profile::tables::Tables;

/// USD per 1000 calls of a fresh install (new-api 2026). An option map replaces them key by key.
const BUILT_IN: [(&str, Ratio); 7] = [
    ("web_search", Ratio::new(10, 0)),
    ("web_search_preview", Ratio::new(10, 0)),
    ("web_search_preview:gpt-4o*", Ratio::new(25, 0)),
    ("web_search_preview:gpt-4.1*", Ratio::new(25, 0)),
    ("file_search", Ratio::new(25, -1)),
    ("google_search", Ratio::new(14, 0)),
    ("image_generation", Ratio::new(150, 0)),
];

/// The built-in prices, by tool or `tool:model-prefix*`.
pub fn built_in() -> impl Iterator<Item = (&'static str, Ratio)> {
    BUILT_IN.into_iter()
}

/// The built-in prices with those of the map over them.
pub fn in_force(map: &Map) -> HashMap<String, Ratio> {
    let mut prices: HashMap<String, Ratio> = built_in().map(|(key, price)| (key.to_owned(), price)).collect();
    if let Map::Given(numbers) = map {
        prices.extend(numbers.iter().map(|(key, number)| (key.clone(), number.ratio)));
    }
    prices
}

/// USD per 1000 calls of a tool by a model; the longest model prefix wins. None where nobody prices the tool.
pub fn price(tables: &Tables<'_>, tool: &str, model: &str) -> Option<Ratio> {
    let given = match tables.config.map(MapName::ToolPrice) {
        Map::Given(numbers) => Some(numbers),
        _ => None,
    };
    let configured = given.into_iter().flatten().map(|(key, number)| (key.as_str(), number.ratio));
    let built_in = BUILT_IN.into_iter().filter(|(key, _)| !is_given(given, key));
    configured
        .chain(built_in)
        .filter_map(|(key, price)| Some((fit(key, tool, model)?, price)))
        .max_by_key(|(length, _)| *length)
        .map(|(_, price)| price)
}

fn is_given(given: Option<&HashMap<String, Number>>, key: &str) -> bool {
    given.is_some_and(|numbers| numbers.contains_key(key))
}

/// How well a key fits: 0 for the tool itself, more for a longer model prefix.
fn fit(key: &str, tool: &str, model: &str) -> Option<usize> {
    let rest = key.strip_prefix(tool)?;
    if rest.is_empty() {
        return Some(0);
    }
    let pattern = rest.strip_prefix(':')?;
    match pattern.strip_suffix('*') {
        Some(prefix) => model.starts_with(prefix).then_some(1 + prefix.len()),
        None => (model == pattern).then_some(usize::MAX),
    }
}

/// USD per 1M tokens of audio input, for the models that have such a price. It is compiled into the gateway.
pub fn audio_input_price(model: &str) -> Option<Ratio> {
    const PRICES: [(&str, Ratio); 6] = [
        ("gemini-2.5-flash-preview-native-audio", Ratio::new(3, 0)),
        ("gemini-2.5-flash-preview-lite", Ratio::new(5, -1)),
        ("gemini-2.5-flash-preview", Ratio::new(1, 0)),
        ("gemini-2.5-flash", Ratio::new(1, 0)),
        ("gemini-2.0-flash", Ratio::new(7, -1)),
        ("gemini-robotics-er-1.5", Ratio::new(1, 0)),
    ];
    PRICES.into_iter().find(|(prefix, _)| model.starts_with(prefix)).map(|(_, price)| price)
}
