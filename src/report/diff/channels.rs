//! What models cost in a channel alone, as Laisky's one-api has it: by what the channel's gateway says, and by quota's own words.

use std::collections::HashMap;

use super::{Figure, Figures, Kind, Parts};
use crate::config::{AudioTariff, Channel, ChannelPrices, Config, ImageTariff, Rates, Tariff, Tier, Window};
use crate::exact::{Exact, Ratio};

const RATE: &str = "points per token";

/// Puts the figures of all channels.
pub(super) fn put(config: &Config, figures: &mut Figures) {
    let is_priced = config.channels.values().any(|channel| !channel.model_configs.is_empty());
    // A channel that is known under several names is told once.
    for (name, channel) in config.channels.iter().filter(|(name, channel)| channel.name.is_empty() || channel.name == **name) {
        of_gateway(name, channel, figures);
        // Elsewhere the groups of a channel say who may use it.
        if is_priced {
            of_itself(name, channel, figures);
        }
    }
    for (name, prices) in &config.channel_prices {
        of_own_words(name, prices, figures);
    }
}

fn of_gateway(name: &str, channel: &Channel, figures: &mut Figures) {
    let place = format!("channel {name}");
    for (model, tariff) in &channel.tariffs {
        let mut parts = Parts::new();
        of_tariff(tariff, "", &mut parts);
        add(figures, Kind::Model, format!("{model}, {place}"), parts);
    }
    for (tool, price) in &channel.tools {
        add(figures, Kind::Tool, format!("{tool}, {place}"), Parts::from([("price".to_owned(), number(*price, "USD per call"))]));
    }
}

/// What decides the group ratio of a channel, and whose built-in prices hold in it.
fn of_itself(name: &str, channel: &Channel, figures: &mut Figures) {
    let groups = Figure::Names(channel.groups.iter().cloned().collect());
    let kind = Figure::Text(channel.kind.to_string());
    add(figures, Kind::Channel, name.to_owned(), Parts::from([("groups".to_owned(), groups), ("type".to_owned(), kind)]));
}

fn of_own_words(name: &str, prices: &ChannelPrices, figures: &mut Figures) {
    let place = if name == "*" { "every channel".to_owned() } else { format!("channel {name}") };
    for (model, price) in &prices.models {
        let mut parts = Parts::new();
        of_rates(&price.rates(), "", &mut parts);
        if price.unknown {
            parts.insert("unknown".to_owned(), Figure::Text("true".to_owned()));
        }
        add(figures, Kind::Model, format!("{model}, {place}"), parts);
    }
    if let Some(groups) = &prices.groups {
        let groups = Figure::Names(groups.iter().cloned().collect());
        add(figures, Kind::Channel, name.to_owned(), Parts::from([("groups that count".to_owned(), groups)]));
    }
}

fn add(figures: &mut Figures, kind: Kind, name: String, parts: Parts) {
    if !parts.is_empty() {
        figures.entry((kind, name)).or_default().extend(parts);
    }
}

fn number(ratio: Ratio, unit: &'static str) -> Figure {
    Figure::Number(Exact::from(ratio), unit)
}

/// The figures of a tariff; `when` follows each part, and says when they hold.
fn of_tariff(tariff: &Tariff, when: &str, parts: &mut Parts) {
    let Tariff { extent: _, rates, tiers, windows, image, audio, per_call } = tariff;
    of_rates(rates, when, parts);
    for tier in tiers {
        of_rates(&tier.rates, &format!("{when}{}", threshold(tier)), parts);
    }
    for (at, window) in windows.iter().enumerate() {
        of_window(window, at + 1, when, parts);
    }
    if let Some(image) = image {
        of_image(image, when, parts);
    }
    if let Some(audio) = audio {
        of_audio(audio, when, parts);
    }
    if let Some(price) = per_call {
        parts.insert(format!("call{when}"), number(*price, "USD per call"));
    }
}

fn of_rates(rates: &Rates, when: &str, parts: &mut Parts) {
    let mut put = |part: &str, figure: Figure| {
        parts.insert(format!("{part}{when}"), figure);
    };
    match (rates.input, rates.completion) {
        (Some(input), Some(completion)) => {
            put("input", number(input, RATE));
            put("output", Figure::Number((Exact::from(input) * completion).normalized(), RATE));
        }
        (Some(input), None) => put("input", number(input, RATE)),
        (None, Some(completion)) => put("output beside input", number(completion, "ratio")),
        (None, None) => {}
    }
    for (part, rate) in [("cached", rates.cached), ("cache_write", rates.write_5m), ("cache_write_1h", rates.write_1h)] {
        if let Some(rate) = rate {
            put(part, number(rate.max(Ratio::ZERO), RATE));
        }
    }
}

fn threshold(tier: &Tier) -> String {
    match (tier.prompt_from, tier.completion_from) {
        (prompt, 0) => format!(" from {prompt} tokens on"),
        (0, completion) => format!(" from {completion} tokens of output on"),
        (prompt, completion) => format!(" from {prompt} tokens, {completion} of output on"),
    }
}

fn of_window(window: &Window, at: usize, when: &str, parts: &mut Parts) {
    let Window { zone, ranges, days, from, until, over } = window;
    let clock = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
    let ranges: Vec<String> = ranges.iter().map(|(start, end)| format!("{}-{}", clock(*start), clock(*end))).collect();
    let mut text = format!("{} {zone}", ranges.join(" "));
    if !days.is_empty() {
        text += &format!(", days {days:?}");
    }
    text += &[("from", from), ("until", until)]
        .map(|(word, date)| date.as_ref().map_or(String::new(), |date| format!(", {word} {date}")))
        .concat();
    parts.insert(format!("window {at}{when}"), Figure::Text(text));
    of_tariff(over, &format!("{when} in window {at}"), parts);
}

fn of_image(image: &ImageTariff, when: &str, parts: &mut Parts) {
    let ImageTariff { price, sizes, qualities, quality_sizes } = image;
    let mut put = |part: String, ratio: Ratio, unit| {
        parts.insert(format!("{part}{when}"), number(ratio, unit));
    };
    if let Some(price) = price {
        put("price of an image".to_owned(), *price, "USD per image");
    }
    let mut factors = |numbers: &HashMap<String, Ratio>, of: &str| {
        numbers.iter().for_each(|(name, factor)| put(format!("factor of {of}{name}"), *factor, "ratio"));
    };
    factors(sizes, "");
    factors(qualities, "");
    quality_sizes.iter().for_each(|(quality, sizes)| factors(sizes, &format!("{quality} ")));
}

fn of_audio(audio: &AudioTariff, when: &str, parts: &mut Parts) {
    let AudioTariff { prompt, completion, by_second } = audio;
    for (part, ratio) in [("input of audio", prompt), ("output of audio", completion)] {
        if let Some(ratio) = ratio {
            parts.insert(format!("{part}{when}"), number(*ratio, "ratio"));
        }
    }
    if *by_second {
        parts.insert(format!("audio by the second{when}"), Figure::Text("true".to_owned()));
    }
}
