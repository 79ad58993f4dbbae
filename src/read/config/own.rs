//! quota's own words, as TOML or JSON: option maps, and what gateways' JSON cannot say.

use std::str::FromStr;

use super::channels;
use super::node::{Key, Node, Table, Value, find};
use super::one_hub;
use super::options;
use super::reader::{Author, Reader};
use super::tariffs;
use super::words::{self, Word};
use crate::config::issue::{Code, Severity};
use crate::config::{
    ChannelPrice, ChannelPrices, Config, Currency, GroupRules, Map, MapName, ModelPrices, Number, Period, RelativeRatio, User,
};
use crate::exact::Ratio;
use crate::log::shorten;

const MODEL_KEYS: &[&str] = &[
    "input",
    "output",
    "cached",
    "cache_write",
    "cache_write_1h",
    "image_input",
    "audio_input",
    "audio_output",
    "per_second",
    "per_image",
    "per_call",
    "expression",
    "unknown",
];
/// Our own words, and the columns of the gateways.
const CHANNEL_KEYS: &[&str] =
    &["groups", "model", "name", "type", "group", "model_prefix", "model_mapping", "model_configs", "config"];
const CHANNEL_PRICE_KEYS: &[&str] =
    &["ratio", "completion_ratio", "cached_input_ratio", "cache_write_5m_ratio", "cache_write_1h_ratio", "unknown"];
const GROUP_KEYS: &[&str] =
    &["ratio", "ratio_in", "models", "fallback", "requests_per_minute", "requests_per_day", "listed_only", "unknown"];

/// Reads the whole file.
pub(super) fn read(reader: &mut Reader<'_>, mut table: Table) {
    options::drop_twins(reader, &mut table);
    tables(reader, table, false);
}

/// Reads the words of the file, or of one period of it.
fn tables(reader: &mut Reader<'_>, mut table: Table, in_period: bool) {
    options::drop_repeats(reader, &mut table);
    if let Some(node) = find(&table, "allow_negative")
        && reader.truth(node, "allow_negative") == Some(true)
    {
        reader.author = Author::Gateway;
    }
    if let Some(node) = find(&table, "allow_unreadable") {
        reader.keeps_unreadable = reader.truth(node, "allow_unreadable").unwrap_or(false);
    }
    if let Some(node) = find(&table, "currency") {
        currency(reader, node);
    }
    for (key, value) in table {
        match words::find(&key.name) {
            _ if in_period && matches!(key.name.as_str(), "from" | "until") => {}
            None => {
                let bound = words::nearest(&key.name, ["from", "until"]).filter(|_| in_period);
                unknown_key(reader, &key, bound.or_else(|| words::nearest_key(&key.name)));
            }
            Some((Word::Period, _)) if in_period => unknown_key(reader, &key, None),
            Some((word, name)) => entry(reader, word, name, &key, value),
        }
    }
    options::settle_expressions(reader, true);
}

fn entry(reader: &mut Reader<'_>, word: Word, name: &str, key: &Key, value: Node) {
    match word {
        Word::Currency | Word::AllowNegative | Word::AllowUnreadable => {}
        Word::Profile => profile(reader, &value),
        Word::Bonus => reader.config.bonus = bonus(reader, &value),
        Word::Model => each(reader, &value, "model", model),
        Word::Group => each(reader, &value, "group", group),
        Word::User => each(reader, &value, "user", user),
        Word::Channel => each(reader, &value, "channel", channel),
        Word::Settings => settings(reader, &value),
        Word::CompiledIn => each(reader, &value, "compiled_in", tariffs::of_provider),
        Word::Unknown => unknown_maps(reader, &value),
        Word::Period => periods(reader, value),
        Word::PriceList => price_list(reader, &value),
        _ => options::option(reader, word, name, key, value),
    }
}

/// one-hub's list, a table for each price.
fn price_list(reader: &mut Reader<'_>, node: &Node) {
    for row in reader.list(node, "price_list").unwrap_or_default() {
        if let Some(table) = reader.table(row, "price_list") {
            known_keys(reader, table, &["model", "type", "channel_type", "input", "output", "locked", "extra_ratios"]);
            one_hub::price(reader, row);
        }
    }
}

fn each(reader: &mut Reader<'_>, node: &Node, of: &str, read: fn(&mut Reader<'_>, &Key, &Table)) {
    for (key, value) in reader.table(node, of).into_iter().flatten() {
        if let Some(table) = reader.table(value, &key.name) {
            read(reader, key, table);
        }
    }
}

fn unknown_key(reader: &mut Reader<'_>, key: &Key, nearest: Option<&str>) {
    let hint = nearest.map_or_else(|| "it has no effect: take it out".to_owned(), |name| format!("did you mean `{name}`?"));
    reader.warn(Code::UnknownKey, &key.span, format!("unknown key `{}`", shorten(&key.name)), hint);
}

fn known_keys(reader: &mut Reader<'_>, table: &Table, known: &'static [&'static str]) {
    for (key, _) in table.iter().filter(|(key, _)| !known.contains(&key.name.as_str())) {
        // `input_price` for `input`.
        let begun = || known.iter().copied().filter(|name| key.name.starts_with(name)).max_by_key(|name| name.len());
        unknown_key(reader, key, words::nearest(&key.name, known.iter().copied()).or_else(begun));
    }
}

fn profile(reader: &mut Reader<'_>, node: &Node) {
    let Some(word) = reader.words(node, "profile") else { return };
    if !words::PROFILES.contains(&word) {
        let hint = match words::nearest(word, words::PROFILES.iter().copied()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("one of {}", words::PROFILES.join(", ")),
        };
        reader.error(Code::BadValue, &node.span, format!("no profile `{}`", shorten(word)), hint);
    }
    reader.config.profile = Some(word.to_owned());
}

fn bonus(reader: &mut Reader<'_>, node: &Node) -> Option<Ratio> {
    let percent = node.text().and_then(|text| text.trim().strip_suffix('%')).and_then(|digits| Ratio::from_str(digits.trim()).ok());
    match percent.filter(|ratio| !ratio.is_negative()) {
        Some(percent) => Some(Ratio::new(percent.mantissa(), percent.exponent().saturating_sub(2))),
        None => {
            let message =
                format!("`bonus`: expected a percentage, found {}", shorten(&node.scalar().unwrap_or(node.kind().to_owned())));
            reader.error(Code::BadValue, &node.span, message, "write it as a text, such as \"15%\"");
            None
        }
    }
}

fn currency(reader: &mut Reader<'_>, node: &Node) {
    let Some(table) = reader.table(node, "currency") else { return };
    known_keys(reader, table, &["code", "rate"]);
    let code = find(table, "code").and_then(|code| reader.words(code, "code"));
    let rate = find(table, "rate").and_then(|rate| reader.positive(rate, "rate", "write how many of it are 1 USD, such as 7.3"));
    match (code, rate) {
        (Some(code), Some(rate)) => {
            reader.config.currency = Some(Currency { code: code.to_owned(), rate: rate.ratio });
        }
        _ => reader.error(
            Code::BadValue,
            &node.span,
            "`currency` needs a code and a rate",
            "write code = \"CNY\" and rate = 7.3 (for 1 USD)",
        ),
    }
}

fn model(reader: &mut Reader<'_>, key: &Key, table: &Table) {
    known_keys(reader, table, MODEL_KEYS);
    let mut price = |name: &str| find(table, name).and_then(|node| reader.number(node, name));
    let prices = ModelPrices {
        input: price("input"),
        output: price("output"),
        cached: price("cached"),
        cache_write: price("cache_write"),
        cache_write_1h: price("cache_write_1h"),
        image_input: price("image_input"),
        audio_input: price("audio_input"),
        audio_output: price("audio_output"),
        per_second: price("per_second"),
        per_image: price("per_image"),
        per_call: price("per_call"),
    };
    if [prices.per_second, prices.per_image, prices.per_call].iter().flatten().count() > 1 {
        let message = format!("`{}`: more than one of per_second, per_image, per_call", shorten(&key.name));
        reader.error(Code::BadValue, &key.span, message, "keep the one that the model is billed by");
    }
    let is_by_token = prices.of_a_call().is_none() && prices != ModelPrices::default();
    if is_by_token && prices.input.is_none() {
        let message = format!("`{}`: no price of `input`, and what is not said is not free", shorten(&key.name));
        reader.error(Code::BadValue, &key.span, message, "write `input`, 0 where it is free");
    }
    if prices.of_a_call().is_some() && prices.input.is_some() {
        let message = format!("`{}` has prices by token and a price per call: those by token have no effect", shorten(&key.name));
        let spot = reader.spot(&key.span);
        reader.issue_at(Severity::Warning, Code::RatioAndPrice, &spot, message, "take the one out that does not count".to_owned());
    }
    if let Some(node) = find(table, "expression")
        && let Some(text) = reader.words(node, "expression")
    {
        options::check_expression(reader, &key.name, &node.span, text);
        reader.config.expressions.insert(key.name.clone(), text.to_owned());
    }
    if is_unknown(reader, table) {
        reader.config.unknown_models.insert(key.name.clone());
    }
    if prices != ModelPrices::default() {
        reader.config.model_prices.insert(key.name.clone(), prices);
    }
}

fn group(reader: &mut Reader<'_>, key: &Key, table: &Table) {
    known_keys(reader, table, GROUP_KEYS);
    if let Some(number) = find(table, "ratio").and_then(|node| reader.number(node, "ratio")) {
        reader.place(MapName::GroupRatio, &key.name, &key.span);
        let number = find(table, "ratio_in").map_or(Some(number), |code| in_currency(reader, &key.name, code, number));
        let numbers = number.into_iter().map(|number| (key.name.clone(), number)).collect();
        reader.config.map_mut(MapName::GroupRatio).overlay(Map::Given(numbers));
    } else {
        reader.mention(&key.name, &key.span);
    }
    let rules = GroupRules {
        models: find(table, "models").map(|node| reader.texts(node, "models")),
        fallback: find(table, "fallback").map(|node| mentioned(reader, node, "fallback")).unwrap_or_default(),
        requests_per_minute: find(table, "requests_per_minute").and_then(|node| reader.count(node, "requests_per_minute")),
        requests_per_day: find(table, "requests_per_day").and_then(|node| reader.count(node, "requests_per_day")),
        listed_only: find(table, "listed_only").and_then(|node| reader.truth(node, "listed_only")).unwrap_or(false),
    };
    if is_unknown(reader, table) {
        reader.config.unknown_groups.insert(key.name.clone());
    }
    if rules != GroupRules::default() {
        reader.config.groups.insert(key.name.clone(), rules);
    }
}

/// Whether the table says that nobody knows what its name is charged.
fn is_unknown(reader: &mut Reader<'_>, table: &Table) -> bool {
    find(table, "unknown").and_then(|node| reader.truth(node, "unknown")).unwrap_or(false)
}

/// A list of groups.
fn mentioned(reader: &mut Reader<'_>, node: &Node, of: &str) -> Vec<String> {
    for item in node.list().unwrap_or_default() {
        if let Some(name) = item.text() {
            reader.mention(name, &item.span);
        }
    }
    reader.texts(node, of)
}

/// A ratio that is relative to prices counted in another currency: in force is ratio · rate.
fn in_currency(reader: &mut Reader<'_>, group: &str, node: &Node, number: Number) -> Option<Number> {
    let code = reader.words(node, "ratio_in")?;
    if code == "USD" {
        return Some(number);
    }
    let rate = reader.config.currency.as_ref().filter(|currency| currency.code == code).map(|currency| currency.rate);
    let Some(rate) = rate else {
        let message = format!("`ratio_in`: no rate for `{}`", shorten(code));
        reader.error(
            Code::BadValue,
            &node.span,
            message,
            format!("add [currency] with code = \"{}\" and its rate for 1 USD", shorten(code)),
        );
        return None;
    };
    let relative = RelativeRatio { number, currency: code.to_owned() };
    let in_force = relative.at(rate);
    reader.config.relative_groups.insert(group.to_owned(), relative);
    in_force
}

fn user(reader: &mut Reader<'_>, key: &Key, table: &Table) {
    known_keys(reader, table, &["group", "accepts_unset", "unknown"]);
    if is_unknown(reader, table) {
        reader.config.unknown_users.insert(key.name.clone());
        if find(table, "group").is_none() {
            return;
        }
    }
    let group = find(table, "group").and_then(|node| reader.words(node, "group")).unwrap_or("default").to_owned();
    let accepts_unset = find(table, "accepts_unset").and_then(|node| reader.truth(node, "accepts_unset")).unwrap_or(false);
    reader.config.users.insert(key.name.clone(), User { group, accepts_unset });
}

/// What is said of a channel: its groups, and the prices of models in it.
fn channel(reader: &mut Reader<'_>, key: &Key, table: &Table) {
    known_keys(reader, table, CHANNEL_KEYS);
    if let Some(channel) = channels::of_table(reader, table) {
        reader.config.channels.insert(key.name.clone(), channel);
    }
    let groups = find(table, "groups").map(|node| mentioned(reader, node, "groups"));
    let mut prices = ChannelPrices { groups, ..ChannelPrices::default() };
    for (model, node) in find(table, "model").and_then(|node| reader.table(node, "model")).into_iter().flatten() {
        if let Some(table) = reader.table(node, &model.name) {
            prices.models.insert(model.name.clone(), channel_price(reader, table));
        }
    }
    if prices != ChannelPrices::default() {
        reader.config.channel_prices.insert(key.name.clone(), prices);
    }
}

fn channel_price(reader: &mut Reader<'_>, table: &Table) -> ChannelPrice {
    known_keys(reader, table, CHANNEL_PRICE_KEYS);
    let mut number = |name: &str| find(table, name).and_then(|node| reader.number(node, name));
    let price = ChannelPrice {
        ratio: number("ratio"),
        completion_ratio: number("completion_ratio"),
        cached_input_ratio: number("cached_input_ratio"),
        cache_write_5m_ratio: number("cache_write_5m_ratio"),
        cache_write_1h_ratio: number("cache_write_1h_ratio"),
        unknown: false,
    };
    ChannelPrice { unknown: is_unknown(reader, table), ..price }
}

fn settings(reader: &mut Reader<'_>, node: &Node) {
    for (key, value) in reader.table(node, "settings").into_iter().flatten() {
        if let Some(text) = value.scalar() {
            reader.config.settings.insert(key.name.clone(), text);
        }
    }
}

/// The maps that nobody can say, by name.
fn unknown_maps(reader: &mut Reader<'_>, node: &Node) {
    for item in reader.list(node, "unknown").unwrap_or_default() {
        match item.text().and_then(words::find) {
            Some((Word::Map(map), _)) => reader.config.map_mut(map).overlay(Map::Unknown),
            Some((Word::GroupGroup, _)) => reader.config.group_group_unknown = true,
            _ => reader.error(Code::BadValue, &item.span, "`unknown` lists maps by name", "such as \"cache_ratio\""),
        }
    }
}

fn periods(reader: &mut Reader<'_>, node: Node) {
    let Value::List(items) = node.value else {
        reader.error(Code::WrongType, &node.span, "`period`: expected a list of tables", "write [[period]]");
        return;
    };
    for item in items {
        if let Some(period) = period(reader, item) {
            reader.config.periods.push(period);
        }
    }
}

fn period(reader: &mut Reader<'_>, node: Node) -> Option<Period> {
    let Value::Table(table) = node.value else {
        reader.table(&node, "period");
        return None;
    };
    let from = find(&table, "from").and_then(|from| time(reader, from));
    let until = find(&table, "until").and_then(|until| time(reader, until));
    if let (Some(from), Some(until)) = (from, until)
        && from >= until
    {
        let at = find(&table, "until").map_or(node.span, |until| until.span.clone());
        reader.error(Code::BadValue, &at, "a period must end after it begins", "`from` is included, `until` is not");
    }
    Some(Period { from, until, config: inside(reader, table) })
}

/// Reads the words of a period into a config of its own.
fn inside(reader: &mut Reader<'_>, table: Table) -> Config {
    let currency = reader.config.currency.clone();
    let outer = std::mem::take(&mut reader.config);
    reader.config.currency = currency.clone();
    let (spots, modes, expressions) =
        (std::mem::take(&mut reader.spots), reader.modes.take(), std::mem::take(&mut reader.expressions));
    tables(reader, table, true);
    (reader.spots, reader.modes, reader.expressions) = (spots, modes, expressions);
    let mut config = std::mem::replace(&mut reader.config, outer);
    config.currency = config.currency.filter(|own| Some(own) != currency.as_ref());
    config
}

/// A date (its midnight in UTC) or a time with zone, as unix seconds.
fn time(reader: &mut Reader<'_>, node: &Node) -> Option<i64> {
    let text = match &node.value {
        Value::Time(text) | Value::Text(text) => text.trim(),
        _ => "",
    };
    let seconds = seconds(text);
    if seconds.is_none() {
        let found = node.scalar().unwrap_or_else(|| node.kind().to_owned());
        let message = format!("expected a date or a time with zone, found `{}`", shorten(&found));
        reader.error(Code::BadValue, &node.span, message, "such as 2026-03-03 or 2026-03-03T00:00:00+08:00");
    }
    seconds
}

fn seconds(text: &str) -> Option<i64> {
    if text.len() == "2026-03-03".len() {
        let date: jiff::civil::Date = text.parse().ok()?;
        return Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second());
    }
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second)
}

/// A bare map of numbers by group, as the MoleAPI documents print it.
pub(super) fn bare_groups(reader: &mut Reader<'_>, node: &Node) {
    if let Some(numbers) = reader.numbers(node, MapName::GroupRatio) {
        *reader.config.map_mut(MapName::GroupRatio) = Map::Given(numbers);
    }
}
