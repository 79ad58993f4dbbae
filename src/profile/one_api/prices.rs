//! Where the numbers of a charge come from: the row itself, or the config and what is compiled in behind it.

use std::sync::OnceLock;

use super::terms::{Figures, Quoted};
use super::{Row, Work, completion, group, image};
use crate::config::{Config, Map, MapName, ModelPrices, Number};
use crate::defaults;
use crate::exact::Ratio;
use crate::float;
use crate::pricing::Reason;
use crate::profile::new_api::points_of_a_dollar;
use crate::profile::tables::Tables;

/// The model ratio of models without a price.
const UNSET: Ratio = Ratio::new(30, 0);

/// Prices of a model on a channel.
#[derive(Clone, Debug, PartialEq)]
struct Price {
    model: Ratio,
    completion: Ratio,
    is_fallback: bool,
    /// The name that the price was found by.
    name: String,
}

/// The prices that the row itself prints; rows without any are priced by what is compiled in, where the group is `default`.
pub fn of_row(row: &Row<'_, '_>) -> Result<Quoted, Reason> {
    let Some(printed) = row.printed else {
        let nothing = Config::default();
        return if row.entry.group == "default" { of_config(row, &nothing) } else { Err(Reason::NoRatios) };
    };
    let model = row.entry.model;
    let name = image::whole_name(model).unwrap_or(model).to_owned();
    Ok(Quoted::of_row(&printed, name, completion_by_name(row, model)))
}

/// The prices that the config gives. Where the channel's type is not known, the row's print chooses among those of all types.
pub fn of_config(row: &Row<'_, '_>, config: &Config) -> Result<Quoted, Reason> {
    let tables = Tables { config, defaults: built_in() };
    if are_unknown(config) && !config.model_prices.contains_key(row.entry.model) {
        return Err(Reason::RatioUnknown);
    }
    let group = group::of_config(row, &tables)?;
    let candidates = candidates(row, &tables);
    // The model of a row that prints another ratio had a price when it was written.
    if candidates.iter().all(|price| price.is_fallback) && row.printed.is_some_and(|printed| !printed.model.fits(UNSET)) {
        return Err(Reason::UnknownModel);
    }
    let mut prices = printing_so(row, candidates);
    let first = prices.remove(0);
    let figures = |price: &Price| Figures { model: price.model, completion: price.completion, group: group.ratio };
    let mut others: Vec<Figures> = prices.iter().map(figures).filter(|other| *other != figures(&first)).collect();
    others.dedup();
    Ok(Quoted {
        figures: figures(&first),
        others,
        other_groups: group.others,
        rounded: Vec::new(),
        unprinted_completion: false,
        is_fallback: first.is_fallback,
        name: first.name,
    })
}

/// Whether the config's source can carry no ratios of models.
pub fn are_unknown(config: &Config) -> bool {
    config.map(MapName::ModelRatio) == &Map::Unknown
}

fn built_in() -> &'static Config {
    static NOTHING: OnceLock<Config> = OnceLock::new();
    defaults::of("one-api").map_or_else(|| NOTHING.get_or_init(Config::default), |defaults| &defaults.config)
}

/// Of all candidates those that print as the row does; the first one alone where none does.
fn printing_so(row: &Row<'_, '_>, mut candidates: Vec<Price>) -> Vec<Price> {
    let Some(printed) = row.printed else { return candidates };
    let fits = |price: &Price| printed.fits(price.model, price.completion);
    if candidates.iter().any(fits) {
        candidates.retain(fits);
    } else {
        candidates.truncate(1);
    }
    candidates
}

/// The prices of the row's model: for each name that it may have had, and each type of its channel. At least one.
fn candidates(row: &Row<'_, '_>, tables: &Tables<'_>) -> Vec<Price> {
    let model = row.entry.model;
    if let Some(prices) = tables.config.model_prices.get(model) {
        return vec![of_price_list(row, prices)];
    }
    let whole = image::whole_name(model).filter(|_| row.work == Work::Image);
    let channel = tables.config.channels.get(row.entry.channel);
    let names = whole.into_iter().chain([model]);
    match channel {
        Some(channel) => names.map(|name| price(row, tables, name, Some(channel.kind))).collect(),
        None => names.flat_map(|name| of_all_types(row, tables, name)).collect(),
    }
}

/// The plain price, and that of every channel type that has one of its own.
fn of_all_types(row: &Row<'_, '_>, tables: &Tables<'_>, name: &str) -> Vec<Price> {
    let mut types: Vec<i64> = [MapName::ModelRatio, MapName::CompletionRatio]
        .into_iter()
        .flat_map(|map| [tables.config.map(map), tables.defaults.map(map)])
        .filter_map(|map| if let Map::Given(numbers) = map { Some(numbers) } else { None })
        .flat_map(|numbers| numbers.keys().filter_map(|key| type_of(key, bare(name))))
        .collect();
    types.sort_unstable();
    types.dedup();
    let types = types.into_iter().map(Some);
    [None].into_iter().chain(types).map(|kind| price(row, tables, name, kind)).collect()
}

/// The channel type of a key `name(type)`.
fn type_of(key: &str, name: &str) -> Option<i64> {
    key.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')')?.parse().ok()
}

fn price(row: &Row<'_, '_>, tables: &Tables<'_>, name: &str, kind: Option<i64>) -> Price {
    let model = look_up(tables, MapName::ModelRatio, bare(name), kind);
    let completion = look_up(tables, MapName::CompletionRatio, bare_for_completion(name), kind);
    Price {
        model: model.unwrap_or(UNSET),
        completion: completion.unwrap_or_else(|| completion_by_name(row, bare_for_completion(name))),
        is_fallback: model.is_none(),
        name: name.to_owned(),
    }
}

/// A number of a map: under `name(type)` first, and each time in the option, then in what is compiled in.
fn look_up(tables: &Tables<'_>, map: MapName, name: &str, kind: Option<i64>) -> Option<Ratio> {
    let find = |key: &str| [tables.config, tables.defaults].into_iter().find_map(|config| number(config, map, key));
    let typed = kind.map(|kind| format!("{name}({kind})"));
    typed.and_then(|key| find(&key)).or_else(|| find(name))
}

fn number(config: &Config, map: MapName, key: &str) -> Option<Ratio> {
    match config.map(map) {
        Map::Given(numbers) => numbers.get(key).map(|number| number.ratio),
        _ => None,
    }
}

/// Rows before 2024 print no completion ratio, and none could be configured then.
fn completion_by_name(row: &Row<'_, '_>, name: &str) -> Ratio {
    let is_old = row.printed.is_some_and(|printed| printed.is_before_2024());
    if is_old { completion::of_2023(name, row.entry.time) } else { completion::by_name(name) }
}

const INTERNET: &str = "-internet";

/// A model that searches the web costs as it does without.
fn bare(name: &str) -> &str {
    let is_plain = !name.starts_with("qwen-") && !name.starts_with("command-");
    if is_plain { name } else { name.strip_suffix(INTERNET).unwrap_or(name) }
}

/// The gateway forgets `command-` here.
fn bare_for_completion(name: &str) -> &str {
    if name.starts_with("qwen-") { bare(name) } else { name }
}

/// Prices in USD per 1M tokens, as ratios.
fn of_price_list(row: &Row<'_, '_>, prices: &ModelPrices) -> Price {
    let ratio = |number: Option<Number>| number.map_or(Ratio::ZERO, |number| number.ratio);
    let (input, output) = (ratio(prices.input), ratio(prices.output.or(prices.input)));
    Price {
        model: float::product(input, points_of_a_dollar(row.quota_per_unit)).unwrap_or_default(),
        completion: float::quotient(output, input).unwrap_or(Ratio::ONE),
        is_fallback: false,
        name: row.entry.model.to_owned(),
    }
}
