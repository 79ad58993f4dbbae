//! Where the numbers of a charge come from: the row itself, or the config.

use super::completion;
use super::names::{self, Names, Priced};
use super::usage::{Usage, Way};
use super::{Rules, audio, group, printed};
use crate::config::{Config, MapName, ModelPrices};
use crate::details::Details;
use crate::exact::{Exact, Ratio};
use crate::log::{LogEntry, RowError};
use crate::pricing::Reason;
use crate::profile::image::{self, Factors};
use crate::profile::new_api::points_of_a_dollar;
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

    pub fn any(value: Ratio, reason: Reason) -> Figure {
        Figure { value, doubt: Some(Doubt { reason, ends: None }) }
    }

    pub fn between(value: Ratio, reason: Reason, ends: (Ratio, Ratio)) -> Figure {
        Figure { value, doubt: Some(Doubt { reason, ends: Some(ends) }) }
    }

    /// Whether it may be this number.
    pub fn may_be(self, number: Ratio) -> bool {
        let between = |(low, high): (Ratio, Ratio)| low <= number && number <= high;
        match self.doubt {
            Some(Doubt { ends: Some(ends), .. }) => between(ends),
            Some(Doubt { ends: None, .. }) => true,
            None => self.value == number,
        }
    }

    /// What the config says of a number; where its source cannot carry it, the row's own is presumed.
    fn configured(known: Known, absent: Ratio, own: Option<Ratio>) -> Figure {
        match known {
            Known::Number(number) => Figure::sure(number.ratio),
            Known::Absent => Figure::sure(absent),
            Known::Unknown => Figure::any(own.unwrap_or(absent), Reason::RatioUnknown),
        }
    }
}

/// All prices of a row's model and group.
#[derive(Clone, Debug, PartialEq)]
pub struct Quote {
    /// USD per call; then the ratios do not count.
    pub price: Option<Figure>,
    /// What the price of an image is multiplied with.
    pub image: Option<Factors>,
    pub model: Figure,
    pub completion: Figure,
    pub cache: Figure,
    pub write: Figure,
    pub audio: Ratio,
    pub group: Figure,
    pub fallback: Fallback,
    /// A configured completion ratio that the gateway ignores.
    pub ignored_completion: Option<Ratio>,
}

impl Quote {
    /// The price per call with the factors of an image.
    pub fn whole_price(&self) -> Option<Ratio> {
        let price = self.price?.value;
        Some(self.image.map_or(price, |image| image.price(price)))
    }

    /// Whether another quote has the same prices for what this row used.
    fn agrees(&self, other: &Quote, usage: &Usage<'_>) -> bool {
        let same = |a: Figure, b: Figure| a.value == b.value;
        match (self.whole_price(), other.whole_price()) {
            (Some(price), Some(its)) => price == its,
            (None, None) => {
                let output = usage.completion == 0 || usage.audio().is_some() || same(self.completion, other.completion);
                same(self.model, other.model) && output && (usage.cached == 0 || same(self.cache, other.cache))
            }
            _ => false,
        }
    }
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
const UNSET: Ratio = Ratio::new(375, -1);
/// The ratio of a cache write. No option changes it.
const WRITE: Ratio = Ratio::new(125, -2);
/// What a Midjourney or Suno job costs in USD where the prices lack it.
const TASK: Ratio = Ratio::new(1, -1);

/// The row whose prices are looked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'r, 'a> {
    pub entry: &'r LogEntry<'a>,
    pub details: &'r Details<'a>,
    pub usage: &'r Usage<'a>,
    pub names: &'r Names<'a>,
    pub quota_per_unit: Ratio,
    pub rules: &'r Rules,
    /// By token what has a price per call, and by the gateway's own price what has none.
    pub other_mode: bool,
}

/// The prices that the row itself carries; none where it carries no price of its model.
pub fn of_row(asked: &Asked<'_, '_>) -> Result<Option<Quote>, RowError> {
    let (details, columns) = (asked.details, &asked.entry.ratios);
    let number = |key: &str, column: Option<Ratio>| Ok::<_, RowError>(details.ratio(key)?.or(column));
    let price = number("model_price", columns.price)?;
    let model = number("model_ratio", columns.model)?;
    if price.is_none() && model.is_none() {
        return Ok(None);
    }
    let by_price = is_by_price(asked, price, model);
    let or_unknown = |number: Option<Ratio>| number.map_or(Figure::any(Ratio::ONE, Reason::NoRatios), Figure::sure);
    let (price, image) = price.filter(|_| by_price).map_or((None, None), |price| taken_apart(asked, price));
    Ok(Some(Quote {
        price: price.map(Figure::sure),
        image,
        model: Figure::sure(model.filter(|_| !by_price).unwrap_or_default()),
        completion: or_unknown(number("completion_ratio", columns.completion)?),
        cache: or_unprinted(number("cache_ratio", columns.cache)?, Ratio::ONE),
        write: Figure::sure(number("cache_creation_ratio", columns.cache_write)?.unwrap_or(WRITE)),
        audio: audio_of_row(asked)?,
        group: match number("group_ratio", columns.group)? {
            None if matches!(asked.entry.group, "" | "default") => Figure::sure(Ratio::ONE),
            ratio => or_unknown(ratio),
        },
        fallback: Fallback::No,
        ignored_completion: None,
    }))
}

/// The row of an image shows the price with its factors.
fn taken_apart(asked: &Asked<'_, '_>, price: Ratio) -> (Option<Ratio>, Option<Factors>) {
    let factors = asked.usage.image.map(|image| image.factors(&asked.names.upstream, asked.usage.prompt));
    match factors.and_then(|factors| Some((factors.one(price)?, factors))) {
        Some((one, factors)) => (Some(one), Some(factors)),
        None => (Some(price), None),
    }
}

/// A cache rate that the row does not print: presumed as plain input, at least free.
fn or_unprinted(number: Option<Ratio>, most: Ratio) -> Figure {
    number.map_or(Figure::between(Ratio::ONE, Reason::RateNotLogged, (Ratio::ZERO, most)), Figure::sure)
}

/// Whether a row was charged by its price. An image priced by ratio shows a price beside its ratio, a channel test a ratio
/// beside its price, and the price of an image may be negative: the content tells.
fn is_by_price(asked: &Asked<'_, '_>, price: Option<Ratio>, model: Option<Ratio>) -> bool {
    let Some(price) = price else { return false };
    match asked.entry.content {
        _ if asked.usage.way == Way::Task => true,
        content if content.starts_with("模型价格") => true,
        content if content.starts_with("模型倍率") => false,
        _ => price != Ratio::from(-1) && (asked.usage.test || model.is_none_or(Ratio::is_zero)),
    }
}

/// Realtime rows print the audio ratio of the requested name and are charged by that of the upstream name, which they show.
fn audio_of_row(asked: &Asked<'_, '_>) -> Result<Ratio, RowError> {
    let printed = match asked.usage.way {
        Way::Realtime(_) => None,
        _ => asked.details.ratio("audio_ratio")?,
    };
    Ok(printed.unwrap_or_else(|| audio::ratio(asked.names.asked)))
}

/// The prices that the config gives, and the other ones that it may have meant.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub quote: Quote,
    pub others: Vec<Quote>,
}

impl Found {
    pub fn sure(quote: Quote) -> Found {
        Found { quote, others: Vec::new() }
    }
}

/// The prices that the config gives. Where the row does not tell by which of its names it was priced, its own ratios choose.
pub fn of_config(asked: &Asked<'_, '_>, tables: &Tables<'_>, config: &Config, own: Option<&Quote>) -> Result<Found, Reason> {
    let (names, rules) = (asked.names, asked.rules);
    let by = |priced: Priced<'_>| of_names(asked, tables, own, priced);
    let shown = |quote: &Quote| own.is_some_and(|own| own.agrees(quote, asked.usage));
    let prefix = names::prefix_of(asked.entry, config);
    let mut first = Err(Reason::UnknownModel);
    for priced in names.priced(rules, asked.usage, prefix) {
        first = first.or_else(|_| by(priced));
    }
    if first.as_ref().is_ok_and(shown) {
        return first.map(Found::sure);
    }
    let speech = names.of_speech(rules, asked.usage).and_then(|priced| by(priced).ok());
    let stripped = names.without_prefix(rules).filter(|_| prefix.is_none()).filter(|priced| is_priced(tables, priced.model));
    let mut stripped = stripped.filter_map(|priced| by(priced).ok()).filter(shown);
    match speech.clone().filter(shown).or_else(|| stripped.next()) {
        Some(quote) => Ok(Found { quote, others: first.into_iter().collect() }),
        None => first.map(|quote| Found { quote, others: speech.into_iter().collect() }),
    }
}

fn is_priced(tables: &Tables<'_>, name: &str) -> bool {
    let known = |map: MapName| matches!(tables.get(map, name), Known::Number(_));
    known(MapName::ModelRatio) || known(MapName::ModelPrice) || tables.config.model_prices.contains_key(name)
}

fn of_names(asked: &Asked<'_, '_>, tables: &Tables<'_>, own: Option<&Quote>, priced: Priced<'_>) -> Result<Quote, Reason> {
    let mut quote = match tables.config.model_prices.get(priced.model) {
        Some(prices) => of_price_list(prices, asked),
        None => of_maps(asked, tables, own, priced)?,
    };
    quote.audio = audio::ratio(priced.rates);
    quote.group = group::of_config(asked, tables, own.map(|own| own.group.value));
    if quote.price.is_some() {
        let upstream = if asked.names.mapped { &asked.names.upstream } else { priced.model };
        let of = |upstream: &str| asked.usage.image.map(|image| image.factors(upstream, asked.usage.prompt));
        quote.image = of(upstream);
        quote.image = of(image::WITH_QUALITY).filter(|image| is_printed(asked, &quote, *image)).or(quote.image);
    }
    Ok(quote)
}

/// Whether a row that does not say to which model it was mapped prints the price with other factors, and not with those of its own name.
fn is_printed(asked: &Asked<'_, '_>, quote: &Quote, image: Factors) -> bool {
    let printed = if asked.details.is_empty() { printed::quote(asked).and_then(|printed| printed.price) } else { None };
    let other = Quote { image: Some(image), ..quote.clone() };
    let fits = |quote: &Quote| printed.zip(quote.whole_price()).is_some_and(|(printed, whole)| printed.may_be(whole));
    fits(&other) && !fits(quote)
}

fn of_maps(asked: &Asked<'_, '_>, tables: &Tables<'_>, own: Option<&Quote>, priced: Priced<'_>) -> Result<Quote, Reason> {
    let price = price(asked, tables, own, priced.model)?;
    let (model, fallback) = match price {
        Some(_) => (Figure::sure(Ratio::ZERO), Fallback::No),
        None => model_ratio(asked, tables, own, priced.model)?,
    };
    let price = price.or_else(|| image_price(asked, tables, model, priced.model));
    let (completion, ignored_completion) = completion_ratio(tables, asked.rules, own, priced.rates);
    let cache = tables.get(MapName::CacheRatio, priced.rates);
    let write = match tables.get(MapName::CreateCacheRatio, priced.rates) {
        Known::Number(number) => number.ratio,
        _ => WRITE,
    };
    Ok(Quote {
        price,
        image: None,
        model,
        completion,
        cache: Figure::configured(cache, Ratio::ONE, own.map(|own| own.cache.value)),
        write: Figure::sure(write),
        audio: Ratio::ONE,
        group: Figure::sure(Ratio::ONE),
        fallback,
        ignored_completion,
    })
}

/// Where the other billing mode is asked for, the price that the gateway works out of an image's ratio, and does not charge.
fn image_price(asked: &Asked<'_, '_>, tables: &Tables<'_>, model: Figure, name: &str) -> Option<Figure> {
    let is_by_ratio = tables.get(MapName::ModelPrice, names::of_price(name)) == Known::Absent;
    let is_asked = asked.other_mode && asked.usage.image.is_some() && is_by_ratio;
    is_asked.then(|| Figure::sure(image::one_of_ratio(model.value)))
}

/// The price per call of a name, if it has one. A job of Midjourney or Suno always has one.
fn price(asked: &Asked<'_, '_>, tables: &Tables<'_>, own: Option<&Quote>, name: &str) -> Result<Option<Figure>, Reason> {
    let task = asked.usage.way == Way::Task;
    let known = tables.get(MapName::ModelPrice, names::of_price(name));
    if asked.other_mode && !task {
        return Ok(match (known, tables.built_in().get(MapName::ModelPrice, names::of_price(name))) {
            (Known::Absent, Known::Number(number)) => Some(Figure::sure(number.ratio)),
            _ => None,
        });
    }
    match known {
        Known::Number(number) => Ok(Some(Figure::sure(number.ratio))),
        Known::Absent => Ok(task.then_some(Figure::sure(TASK))),
        Known::Unknown => {
            let own = own.ok_or(Reason::RatioUnknown)?;
            Ok(own.price.map(|price| Figure::any(price.value, Reason::RatioUnknown)))
        }
    }
}

/// The model ratio, or the gateway's fallback for models without a price.
fn model_ratio(asked: &Asked<'_, '_>, tables: &Tables<'_>, own: Option<&Quote>, name: &str) -> Result<(Figure, Fallback), Reason> {
    match tables.get(MapName::ModelRatio, names::of_ratio(name)) {
        Known::Number(number) => return Ok((Figure::sure(number.ratio), Fallback::No)),
        Known::Unknown => {
            let own = own.ok_or(Reason::RatioUnknown)?;
            return Ok((Figure::any(own.model.value, Reason::RatioUnknown), Fallback::No));
        }
        Known::Absent => {}
    }
    let shown = own.is_some_and(|own| own.price.is_none() && own.model.value == UNSET);
    match asked.rules.fallback {
        true if accepts_unset(asked, tables) => Ok((Figure::sure(UNSET), Fallback::Accepted)),
        true if shown => Ok((Figure::sure(UNSET), Fallback::Presumed)),
        // The price list for users has 37.5 for a model without a price, and its reader takes that for none.
        false if tables.config.effective_completion.contains_key(name) => Ok((Figure::sure(UNSET), Fallback::No)),
        _ => Err(Reason::UnknownModel),
    }
}

/// Whether the site or the user accepts models without a price.
fn accepts_unset(asked: &Asked<'_, '_>, tables: &Tables<'_>) -> bool {
    let users = &tables.config.users;
    let user = users.get(asked.entry.user).or_else(|| users.get(asked.entry.user_id));
    let site = tables.config.settings.get("SelfUseModeEnabled").is_some_and(|value| value == "true");
    site || user.is_some_and(|user| user.accepts_unset)
}

/// The completion ratio in force, and the configured one where a lock ignores it.
fn completion_ratio(tables: &Tables<'_>, rules: &Rules, own: Option<&Quote>, name: &str) -> (Figure, Option<Ratio>) {
    let table = rules.completion;
    let asked_for = if rules.folds_completion { names::of_price(name) } else { name };
    let option = match tables.get(MapName::CompletionRatio, asked_for) {
        Known::Number(number) => Some(number.ratio),
        Known::Absent | Known::Unknown => None,
    };
    // The price list for users shows other ratios for folded names than are charged.
    let listed =
        tables.config.effective_completion.get(asked_for).filter(|_| rules.folds_completion || names::of_price(name) == name);
    let unknown = tables.get(MapName::CompletionRatio, asked_for) == Known::Unknown && names::of_price(name) == name;
    let effective = match listed {
        Some(listed) => listed.number.ratio,
        None if unknown && !completion::is_locked(table, name) => {
            let own = own.map_or(Ratio::ONE, |own| own.completion.value);
            return (Figure::any(own, Reason::RatioUnknown), None);
        }
        None => completion::effective(table, name, option),
    };
    (Figure::sure(effective), option.filter(|option| *option != effective))
}

/// Prices in USD per 1M tokens become ratios, as the gateway's own console makes them.
fn of_price_list(prices: &ModelPrices, asked: &Asked<'_, '_>) -> Quote {
    let input = prices.input.map_or(Ratio::ZERO, |number| number.ratio);
    let relative = |number: Option<crate::config::Number>, absent: Ratio| {
        Figure::sure(number.map_or(absent, |number| over(number.ratio, input)))
    };
    let model = Exact::from(input) * points_of_a_dollar(asked.quota_per_unit);
    Quote {
        price: prices.per_call.or(prices.per_image).or(prices.per_second).map(|number| Figure::sure(number.ratio)),
        image: None,
        model: Figure::sure(model.to_ratio().unwrap_or_default()),
        completion: relative(prices.output, Ratio::ONE),
        cache: relative(prices.cached, Ratio::ONE),
        write: relative(prices.cache_write, WRITE),
        audio: Ratio::ONE,
        group: Figure::sure(Ratio::ONE),
        fallback: Fallback::No,
        ignored_completion: None,
    }
}

fn over(price: Ratio, input: Ratio) -> Ratio {
    if input.is_zero() { Ratio::ONE } else { Exact::from(price).divided_by(&Exact::from(input), 30).to_ratio().unwrap_or_default() }
}
