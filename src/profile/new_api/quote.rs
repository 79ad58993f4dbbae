//! Where the numbers of a charge come from: the row itself, or the config.

use super::Rules;
use super::completion;
use super::expression::Priced;
use super::names::Names;
use super::price_list;
use super::tools;
use super::usage::{Image, Tool, Usage};
use crate::config::{Config, Map, MapName, ModelPrices, Number};
use crate::details::Details;
use crate::exact::{Exact, Ratio};
use crate::float;
use crate::log::{LogEntry, RowError, RowRatios};
use crate::pricing::Reason;
use crate::profile::tables::{Known, Tables};

/// A number that enters a charge, and why it may be another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    pub value: Ratio,
    pub doubt: Option<Doubt>,
}

/// Why a figure is not known, and the values that it may have (any, where there are no ends).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    pub reason: Reason,
    pub ends: Option<(Ratio, Ratio)>,
}

impl Figure {
    pub fn sure(value: Ratio) -> Figure {
        Figure { value, doubt: None }
    }

    /// A number of which two decimals are printed.
    pub fn rounded(printed: Ratio) -> Figure {
        let half = Exact::from(Ratio::new(5, -3));
        let end = |exact: Exact| exact.to_ratio().unwrap_or(printed);
        let ends = (end(Exact::from(printed) - half.clone()), end(Exact::from(printed) + half));
        Figure { value: printed, doubt: Some(Doubt { reason: Reason::RatiosRounded, ends: Some(ends) }) }
    }

    /// Whether it may be another one, but only between two ends.
    pub fn has_ends(self) -> bool {
        self.doubt.is_some_and(|doubt| doubt.ends.is_some())
    }

    pub fn any(value: Ratio, reason: Reason) -> Figure {
        Figure { value, doubt: Some(Doubt { reason, ends: None }) }
    }

    /// What the config says of a number; where its source cannot carry it, the row's own is presumed.
    fn configured(known: Known, fallback: Ratio, own: Option<Ratio>) -> Figure {
        match known {
            Known::Number(number) => Figure::sure(number.ratio),
            Known::Absent => Figure::sure(fallback),
            Known::Unknown => Figure::any(own.unwrap_or(fallback), Reason::RatioUnknown),
        }
    }
}

/// All prices of a row's model and group.
#[derive(Clone, Debug)]
pub struct Quote {
    /// The config's source cannot carry prices: the row's own are presumed.
    pub is_presumed: bool,
    /// A price expression; then nothing else counts but the group and tools.
    pub expression: Option<Result<Priced, Reason>>,
    /// USD per call; then the ratios do not count.
    pub price: Option<Ratio>,
    /// What the price is for, where it is not the call: a multiplier by this name.
    pub counted: Option<&'static str>,
    pub model: Figure,
    /// The rate of plain input: 1, but where the rates are [prices in USD](price_list) and the model ratio is the unit.
    pub input: Ratio,
    pub completion: Figure,
    pub cache: Figure,
    pub write: Figure,
    pub write_5m: Figure,
    pub write_1h: Figure,
    pub image: Figure,
    pub audio: Figure,
    pub audio_completion: Figure,
    /// Audio of the model has no price of its own: it counts as text.
    pub audio_as_text: bool,
    /// USD per 1M tokens of separately priced audio input.
    pub separate_audio: Option<Ratio>,
    pub group: Figure,
    /// Other group ratios that may have been served.
    pub other_groups: Vec<Ratio>,
    /// USD per 1000 calls of each tool of the row, in its order.
    pub tools: Vec<Figure>,
    /// The model has no price: the gateway's fallback stands for it.
    pub fallback: Fallback,
    /// A configured completion ratio that the gateway ignores.
    pub ignored_completion: Option<Ratio>,
}

impl Quote {
    /// Prices of a model that costs nothing.
    pub fn free(quota_per_unit: Ratio) -> Quote {
        Quote { model: Figure::sure(Ratio::ZERO), ..price_list::quote(&ModelPrices::default(), quota_per_unit) }
    }

    /// The prices with the ratios in their place that the columns of a row say; none where they say nothing.
    pub fn with_columns(&self, columns: &RowRatios) -> Option<Quote> {
        if *columns == RowRatios::default() {
            return None;
        }
        let mut own = self.clone();
        own.price = match (columns.price, columns.model) {
            (Some(price), _) => Some(price).filter(|price| !price.is_negative()),
            (None, Some(model)) if !model.is_zero() => None,
            _ => self.price,
        };
        if let Some(model) = columns.model.filter(|_| own.price.is_none()) {
            own.set_model(model);
        }
        let relative = |ratio: Ratio| Figure::sure(times(ratio, own.input));
        let (completion, cache, write) =
            [columns.completion, columns.cache, columns.cache_write].map(|ratio| ratio.map(relative)).into();
        own.completion = completion.unwrap_or(own.completion);
        own.cache = cache.unwrap_or(own.cache);
        if let Some(write) = write {
            (own.write, own.write_5m, own.write_1h) = (write, write, Figure { value: of_hour(write.value), ..write });
        }
        if let Some(group) = columns.group {
            (own.group, own.other_groups) = (Figure::sure(group), Vec::new());
        }
        Some(own)
    }

    /// Another model ratio. Of prices in USD the one of plain input changes, and the others with it.
    fn set_model(&mut self, ratio: Ratio) {
        if self.input == Ratio::ONE || self.model.value.is_zero() {
            (self.model, self.price) = (Figure::sure(ratio), None);
            return;
        }
        let input = exact_quotient(ratio, self.model.value);
        let rates =
            [&mut self.completion, &mut self.cache, &mut self.write, &mut self.write_5m, &mut self.write_1h, &mut self.image];
        if !self.input.is_zero() && input != self.input {
            for figure in rates {
                figure.value = exact_quotient(times(figure.value, input), self.input);
            }
        }
        self.input = input;
    }
}

fn times(a: Ratio, b: Ratio) -> Ratio {
    (Exact::from(a) * b).to_ratio().unwrap_or_default()
}

/// Cut far behind all digits that count, where it does not end.
fn exact_quotient(a: Ratio, b: Ratio) -> Ratio {
    Exact::from(a).divided_by(&Exact::from(b), 24).to_ratio().unwrap_or_default()
}

/// Whether the model ratio is the one for models without a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    No,
    /// The config says that the gateway accepts such models.
    Accepted,
    /// The row's own ratio is the fallback; that the gateway accepted it is presumed.
    Presumed,
}

/// The model ratio of models without a price.
pub const UNSET: Ratio = Ratio::new(375, -1);
/// The ratio of a cache write where no map has the model.
pub const WRITE: Ratio = Ratio::new(125, -2);
/// A 1-hour write costs 6 / 3.75 of a 5-minute one, multiplied as float64.
pub const HOUR: Ratio = Ratio::new(16, -1);

fn of_hour(write: Ratio) -> Ratio {
    float::product(write, HOUR).unwrap_or(write)
}

/// The row whose prices are looked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'r, 'a> {
    pub entry: &'r LogEntry<'a>,
    pub details: &'r Details<'a>,
    pub usage: &'r Usage<'a>,
    pub names: Names<'r>,
    pub quota_per_unit: Ratio,
    /// The other billing mode is asked for.
    pub other_mode: bool,
}

impl<'r, 'a> Asked<'r, 'a> {
    pub fn new(
        entry: &'r LogEntry<'a>,
        details: &'r Details<'a>,
        usage: &'r Usage<'a>,
        names: Names<'r>,
        quota_per_unit: Ratio,
    ) -> Asked<'r, 'a> {
        Asked { entry, details, usage, names, quota_per_unit, other_mode: false }
    }
}

/// The prices that the row itself carries; none where it carries no price of its model.
pub fn of_row(asked: &Asked<'_, '_>) -> Result<Option<Quote>, RowError> {
    let (details, columns) = (asked.details, &asked.entry.ratios);
    let number = |key: &str, column: Option<Ratio>| Ok(details.ratio(key)?.or(column));
    let price = number("model_price", columns.price)?.filter(|price| !price.is_negative());
    let Some(model) = number("model_ratio", columns.model)?.or(price.map(|_| Ratio::ZERO)) else {
        return Ok(None);
    };
    let write = number("cache_creation_ratio", columns.cache_write)?;
    let write_5m = details.ratio("cache_creation_ratio_5m")?.or(write);
    let write_1h = details.ratio("cache_creation_ratio_1h")?.or(write_5m.map(of_hour));
    let read = number("cache_ratio", columns.cache)?;
    Ok(Some(Quote {
        is_presumed: false,
        expression: None,
        price,
        counted: None,
        model: Figure::sure(model),
        input: Ratio::ONE,
        completion: or_unknown(number("completion_ratio", columns.completion)?),
        cache: or_unprinted(read, Ratio::ONE),
        write: or_unprinted(write, Ratio::from(2)),
        write_5m: or_unprinted(write_5m, Ratio::from(2)),
        write_1h: or_unprinted(write_1h, Ratio::from(2)),
        image: or_one(details.ratio("image_ratio")?),
        audio: or_one(details.ratio("audio_ratio")?),
        audio_completion: or_one(details.ratio("audio_completion_ratio")?),
        audio_as_text: false,
        separate_audio: asked.usage.separate_audio.and_then(|(_, price)| price),
        group: group_of_row(asked, number("group_ratio", columns.group)?),
        other_groups: Vec::new(),
        tools: asked.usage.tools.iter().map(|tool| or_unknown(tool.price)).collect(),
        fallback: Fallback::No,
        ignored_completion: None,
    }))
}

fn or_unknown(number: Option<Ratio>) -> Figure {
    number.map_or(Figure::any(Ratio::ONE, Reason::NoRatios), Figure::sure)
}

fn or_one(number: Option<Ratio>) -> Figure {
    Figure::sure(number.unwrap_or(Ratio::ONE))
}

/// A cache rate that the row does not print: presumed as plain input, at least free.
fn or_unprinted(number: Option<Ratio>, most: Ratio) -> Figure {
    let doubt = Doubt { reason: Reason::RateNotLogged, ends: Some((Ratio::ZERO, most)) };
    number.map_or(Figure { value: Ratio::ONE, doubt: Some(doubt) }, Figure::sure)
}

fn group_of_row(asked: &Asked<'_, '_>, own: Option<Ratio>) -> Figure {
    match own {
        Some(ratio) => Figure::sure(ratio),
        None if is_default(asked.entry.group) => Figure::sure(Ratio::ONE),
        None => Figure::any(Ratio::ONE, Reason::NoRatios),
    }
}

fn is_default(group: &str) -> bool {
    matches!(group, "" | "default")
}

/// The prices that the config gives; `own` are the row's, which stand in where the config's source cannot carry a number.
pub fn of_config(asked: &Asked<'_, '_>, tables: &Tables<'_>, own: Option<&Quote>, rules: &Rules) -> Result<Quote, Reason> {
    in_group(of_model(asked, tables, own, rules)?, asked, tables, own)
}

/// The prices of the model alone.
pub fn of_model(asked: &Asked<'_, '_>, tables: &Tables<'_>, own: Option<&Quote>, rules: &Rules) -> Result<Quote, Reason> {
    match tables.config.model_prices.get(asked.names.bare) {
        Some(prices) => Ok(price_list::quote(prices, asked.quota_per_unit)),
        None if carries_no_price(asked.names, tables.config) => own.cloned().map(presumed).ok_or(Reason::RatioUnknown),
        None => of_maps(asked, tables, own, rules),
    }
}

/// Whether the config's source can carry neither a ratio nor a price nor an expression of the model.
fn carries_no_price(names: Names<'_>, config: &Config) -> bool {
    let is_unknown = |map| matches!(config.map(map), Map::Unknown);
    is_unknown(MapName::ModelRatio) && is_unknown(MapName::ModelPrice) && !config.expressions.contains_key(names.bare)
}

fn presumed(own: Quote) -> Quote {
    Quote { is_presumed: true, ..own }
}

/// With the ratio of the group, and the prices of tools.
pub fn in_group(quote: Quote, asked: &Asked<'_, '_>, tables: &Tables<'_>, own: Option<&Quote>) -> Result<Quote, Reason> {
    let group = super::group::of_config(asked, tables, own.map(|quote| quote.group.value))?;
    let quote = Quote { group: group.figure, other_groups: group.others, ..quote };
    if quote.is_presumed {
        return Ok(quote);
    }
    let tools = asked.usage.tools.iter().map(|tool| tool_price(tool, tables, asked.names.bare));
    Ok(Quote { tools: tools.collect(), ..quote })
}

/// The price of a tool: the config's, unless its source cannot carry any, or no option changes the one that the row prints.
fn tool_price(tool: &Tool<'_>, tables: &Tables<'_>, model: &str) -> Figure {
    let is_unknown = *tables.config.map(MapName::ToolPrice) == Map::Unknown;
    match (tools::price(tables, &tool.name, model), tool.price) {
        (_, Some(own)) if tool.fixed_price => Figure::sure(own),
        (_, Some(own)) if is_unknown => Figure::any(own, Reason::RatioUnknown),
        (Some(price), _) | (None, Some(price)) => Figure::sure(price),
        (None, None) => Figure::any(Ratio::ZERO, Reason::UnknownModel),
    }
}

fn of_maps(asked: &Asked<'_, '_>, tables: &Tables<'_>, own: Option<&Quote>, rules: &Rules) -> Result<Quote, Reason> {
    let bare = asked.names.bare;
    let price = call_price(asked, tables).map(|number| price_of(number, asked.usage.image));
    let has_expression = tables.config.expressions.contains_key(bare);
    let (model, fallback) = match price {
        Some(_) => (Figure::sure(Ratio::ZERO), Fallback::No),
        None if has_expression => (Figure::sure(Ratio::ZERO), Fallback::No),
        None => model_ratio(asked, tables, own, rules)?,
    };
    Ok(Quote { price, model, fallback, ..rates(asked, tables, own, rules) })
}

/// The prices of a model that has none, for a model ratio that is still to come: what the gateway takes of its own.
pub fn of_unlisted(asked: &Asked<'_, '_>, tables: &Tables<'_>, rules: &Rules) -> Quote {
    rates(asked, tables, None, rules)
}

/// All but the price of the model: its rates relative to the input.
fn rates(asked: &Asked<'_, '_>, tables: &Tables<'_>, own: Option<&Quote>, rules: &Rules) -> Quote {
    let Names { bare, folded } = asked.names;
    let number =
        |map: MapName, name: &str, fallback: Ratio, own: Option<Ratio>| Figure::configured(tables.get(map, name), fallback, own);
    let (completion, ignored_completion) = completion_ratio(tables, folded, own, rules);
    let write = number(MapName::CreateCacheRatio, bare, WRITE, own.map(|own| own.write.value));
    Quote {
        is_presumed: false,
        expression: None,
        price: None,
        counted: None,
        model: Figure::sure(Ratio::ONE),
        input: Ratio::ONE,
        completion,
        cache: number(MapName::CacheRatio, bare, Ratio::ONE, own.map(|own| own.cache.value)),
        write,
        write_5m: write,
        write_1h: Figure { value: of_hour(write.value), ..write },
        image: number(MapName::ImageRatio, bare, Ratio::ONE, own.map(|own| own.image.value)),
        audio: number(MapName::AudioRatio, folded, Ratio::ONE, own.map(|own| own.audio.value)),
        audio_completion: number(MapName::AudioCompletionRatio, folded, Ratio::ONE, own.map(|own| own.audio_completion.value)),
        audio_as_text: [MapName::AudioRatio, MapName::AudioCompletionRatio]
            .iter()
            .all(|map| tables.get(*map, folded) == Known::Absent),
        separate_audio: tools::audio_input_price(bare).or(own.and_then(|own| own.separate_audio)),
        group: Figure::sure(Ratio::ONE),
        other_groups: Vec::new(),
        tools: Vec::new(),
        fallback: Fallback::No,
        ignored_completion,
    }
}

/// The price per call of the model; where the other billing mode is asked for, none where it has one, and the built-in one where not.
fn call_price(asked: &Asked<'_, '_>, tables: &Tables<'_>) -> Option<Number> {
    let price = backed_up(tables, MapName::ModelPrice, asked.names);
    if !asked.other_mode {
        return price;
    }
    if price.is_some() { None } else { backed_up(&tables.built_in(), MapName::ModelPrice, asked.names) }
}

/// Whether a model has a price per call in the config or in the gateway.
pub fn may_be_by_call(names: Names<'_>, tables: &Tables<'_>) -> bool {
    let listed = tables.config.model_prices.get(names.bare);
    let in_maps = |tables: &Tables<'_>| backed_up(tables, MapName::ModelPrice, names).is_some();
    listed.is_some_and(|prices| prices.of_a_call().is_some()) || in_maps(tables) || in_maps(&tables.built_in())
}

fn backed_up(tables: &Tables<'_>, map: MapName, names: Names<'_>) -> Option<Number> {
    let find = |name: &str| match tables.get(map, name) {
        Known::Number(number) => Some(number),
        _ => None,
    };
    find(names.folded).or_else(|| find(names.backup()?))
}

/// The model ratio, or the gateway's fallback for models without a price.
fn model_ratio(
    asked: &Asked<'_, '_>,
    tables: &Tables<'_>,
    own: Option<&Quote>,
    rules: &Rules,
) -> Result<(Figure, Fallback), Reason> {
    if let Some(number) = backed_up(tables, MapName::ModelRatio, asked.names) {
        return Ok((Figure::sure(number.ratio), Fallback::No));
    }
    if tables.get(MapName::ModelRatio, asked.names.folded) == Known::Unknown {
        let own = own.ok_or(Reason::RatioUnknown)?;
        return Ok((Figure::any(own.model.value, Reason::RatioUnknown), Fallback::No));
    }
    let shows_fallback = own.is_some_and(|own| own.price.is_none() && own.model.value == UNSET);
    match rules.fallback {
        true if accepts_unset(asked, tables) => Ok((Figure::sure(UNSET), Fallback::Accepted)),
        true if shows_fallback => Ok((Figure::sure(UNSET), Fallback::Presumed)),
        _ => Err(Reason::UnknownModel),
    }
}

/// Whether the site or the user accepts models without a price.
fn accepts_unset(asked: &Asked<'_, '_>, tables: &Tables<'_>) -> bool {
    let site = tables.config.settings.get("SelfUseModeEnabled").is_some_and(|value| value == "true");
    site || tables.config.users.get(asked.entry.user).is_some_and(|user| user.accepts_unset)
}

/// The completion ratio in force, and the configured one where a lock ignores it.
fn completion_ratio(tables: &Tables<'_>, name: &str, own: Option<&Quote>, rules: &Rules) -> (Figure, Option<Ratio>) {
    let known = tables.get(MapName::CompletionRatio, name);
    let option = if let Known::Number(number) = known { Some(number.ratio) } else { None };
    let (effective, ignored) = match (tables.config.effective_completion.get(name), rules.locks) {
        (Some(effective), _) if rules.locks || known == Known::Unknown => (effective.number.ratio, option),
        _ if known == Known::Unknown => {
            let own = own.map_or(Ratio::ONE, |own| own.completion.value);
            return (Figure::any(own, Reason::RatioUnknown), None);
        }
        (_, true) => (completion::effective(name, option).0, option),
        (_, false) => (option.unwrap_or(Ratio::ONE), None),
    };
    (Figure::sure(effective), ignored.filter(|option| *option != effective))
}

/// The price of a call; DALL-E's depends on size and quality.
fn price_of(number: Number, image: Option<Image>) -> Ratio {
    let factors = image.and_then(|image| image.factors);
    factors.map_or(number.ratio, |factors| factors.price(number.ratio))
}

/// The points of 1 USD per 1M tokens for one token.
pub fn points_of_a_dollar(quota_per_unit: Ratio) -> Ratio {
    let per_token = Exact::from(quota_per_unit) * Ratio::new(1, -6);
    per_token.to_ratio().unwrap_or(Ratio::ZERO)
}
