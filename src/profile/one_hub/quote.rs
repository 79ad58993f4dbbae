//! Where the numbers of a charge come from: the row itself, or the config.

use super::content;
use super::prices::{self, Price};
use super::tools;
use super::usage::{CLASSES, Usage, unpriced};
use crate::config::{Config, MapName};
use crate::defaults;
use crate::details::Details;
use crate::exact::{Exact, Ratio};
use crate::float;
use crate::log::{LogEntry, RowError};
use crate::pricing::{PerClass, Reason};
use crate::profile::Context;
use crate::profile::tables::{Known, Tables};

/// All prices of a row's model and group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quote {
    /// The input ratio is for a call (`times`).
    pub per_call: bool,
    pub input: Ratio,
    pub output: Ratio,
    /// Relative to input, or to output.
    pub classes: PerClass<Ratio>,
    pub group: Ratio,
    pub group_doubt: Option<GroupDoubt>,
    /// USD for a call of each tool of the row, in its order.
    pub tools: Vec<Ratio>,
    /// The model has no price: the gateway's fallback stands for it.
    pub is_fallback: bool,
    /// The config's source cannot carry prices: the row's own are presumed.
    pub is_presumed: bool,
    /// Other prices that may have been served.
    pub others: Vec<Quote>,
}

/// Why the group ratio may be another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupDoubt {
    Any(Reason),
    Rounded { low: Ratio, high: Ratio },
}

/// The prices that the row itself carries.
pub fn of_row(entry: &LogEntry<'_>, details: &Details<'_>, usage: &Usage<'_>) -> Result<Option<Quote>, RowError> {
    let Some(input) = details.ratio("input_ratio")? else {
        return Ok(content::quote(entry.content).or_else(|| of_columns(entry, usage)));
    };
    let mut classes = unpriced();
    for (key, class, _) in CLASSES.into_iter().filter(|(_, class, _)| usage.classes[*class] != 0) {
        classes[class] = class_ratio(details, key)?.unwrap_or(classes[class]);
    }
    let per_call = details.text("price_type").is_some_and(|kind| kind == "times");
    let Some(output) = details.ratio("output_ratio")?.or((per_call || usage.completion == 0).then_some(Ratio::ZERO)) else {
        return Ok(None);
    };
    let group = details.ratio("group_ratio")?;
    Ok(Some(Quote {
        per_call,
        input,
        output,
        classes,
        group: group.unwrap_or(Ratio::ONE),
        group_doubt: group.is_none().then_some(GroupDoubt::Any(Reason::NoRatios)),
        tools: usage.tools.iter().map(|tool| tool.price.or(tools::price(tool, entry.model)).unwrap_or_default()).collect(),
        ..Quote::default()
    }))
}

/// The ratio of a class. Before 2025 that of writes and reads had a shorter name, and was what they added to the prompt.
fn class_ratio(details: &Details<'_>, key: &str) -> Result<Option<Ratio>, RowError> {
    if let Some(ratio) = details.ratio(&format!("{key}_ratio"))? {
        return Ok(Some(ratio));
    }
    let added = match key {
        "cached_write_tokens" => details.ratio("cached_write_ratio")?,
        "cached_read_tokens" => details.ratio("cached_read_ratio")?,
        _ => None,
    };
    Ok(added.and_then(|added| (Exact::from(added) + Exact::from(1)).to_ratio()))
}

/// The ratio columns of a plain log: the output ratio relative to the input, as our vocabulary has it.
fn of_columns(entry: &LogEntry<'_>, usage: &Usage<'_>) -> Option<Quote> {
    let columns = &entry.ratios;
    let input = columns.model?;
    let output = columns.completion.or((usage.completion == 0).then_some(Ratio::ONE))?;
    let mut classes = unpriced();
    for (class, ratio) in [(CLASSES[0].1, columns.cache), (CLASSES[1].1, columns.cache_write)] {
        classes[class] = ratio.unwrap_or(classes[class]);
    }
    Some(Quote {
        input,
        output: float::product(input, output)?,
        classes,
        group: columns.group.unwrap_or(Ratio::ONE),
        group_doubt: columns.group.is_none().then_some(GroupDoubt::Any(Reason::NoRatios)),
        tools: usage.tools.iter().map(|tool| tool.price.unwrap_or_default()).collect(),
        ..Quote::default()
    })
}

/// The prices that the config gives; `own` are the row's, which are presumed where the config leaves several, or none.
pub fn of_config(entry: &LogEntry<'_>, usage: &Usage<'_>, context: &Context<'_>, own: Option<&Quote>) -> Result<Quote, Reason> {
    let tables = Tables { config: context.config, defaults: defaults::one_hub() };
    let tools = usage.tools.iter().map(|tool| tools::price(tool, entry.model).or(tool.price).unwrap_or_default()).collect();
    let (group, group_doubt) = group(entry, &tables, own)?;
    if prices::are_unknown(entry.model, context.config) {
        let presumed = |own: &Quote| Quote { group, group_doubt, is_presumed: true, ..own.clone() };
        return own.map(presumed).ok_or(Reason::RatioUnknown);
    }
    let make = |price: Price| Quote {
        per_call: price.per_call,
        input: price.input,
        output: price.output,
        classes: price.classes,
        group,
        group_doubt,
        tools: Vec::clone(&tools),
        is_fallback: price.is_fallback,
        is_presumed: false,
        others: Vec::new(),
    };
    let mut found: Vec<Quote> = prices::of(entry.model, &tables, context.quota_per_unit).into_iter().map(make).collect();
    let served = own.and_then(|own| found.iter().position(|quote| agree(quote, own, usage))).unwrap_or(0);
    let mut quote = found.swap_remove(served);
    // Its model had a price when the row was written.
    if quote.is_fallback && own.is_some_and(|own| !agree(&quote, own, usage)) {
        return Err(Reason::UnknownModel);
    }
    quote.others = found;
    if context.other_mode {
        quote.others.iter_mut().for_each(|other| other.per_call = !other.per_call);
        quote.per_call = !quote.per_call;
    }
    Ok(quote)
}

/// Whether two quotes price the row's usage alike, the group aside.
fn agree(a: &Quote, b: &Quote, usage: &Usage<'_>) -> bool {
    let output = a.per_call || usage.completion == 0 || a.output == b.output;
    let used = |class| usage.classes[class] != 0;
    a.per_call == b.per_call
        && a.input == b.input
        && output
        && CLASSES.iter().all(|(_, class, _)| !used(*class) || a.classes[*class] == b.classes[*class])
}

/// The ratio of the group that served the row. One that the config does not know had a ratio all the same: the gateway refuses
/// unknown groups.
fn group(entry: &LogEntry<'_>, tables: &Tables<'_>, own: Option<&Quote>) -> Result<(Ratio, Option<GroupDoubt>), Reason> {
    let own_group = own.map(|own| (own.group, own.group_doubt));
    if entry.group.is_empty() {
        let shown = own_group.or_else(|| content::group(entry.content));
        return shown.or_else(|| group_of_user(entry, tables)).ok_or(Reason::NoRatios);
    }
    match (tables.get(MapName::GroupRatio, entry.group), own_group) {
        (Known::Number(number), _) => Ok((number.ratio, None)),
        (_, Some((ratio, _))) => Ok((ratio, Some(GroupDoubt::Any(Reason::RatioUnknown)))),
        (_, None) => Err(Reason::RatioUnknown),
    }
}

/// The ratio of the user's group, which is presumed where a row names none: its token may have another.
fn group_of_user(entry: &LogEntry<'_>, tables: &Tables<'_>) -> Option<(Ratio, Option<GroupDoubt>)> {
    let user = [entry.user, entry.user_id].into_iter().find_map(|name| tables.config.users.get(name))?;
    match tables.get(MapName::GroupRatio, &user.group) {
        Known::Number(number) => Some((number.ratio, Some(GroupDoubt::Any(Reason::RatioUnknown)))),
        Known::Absent | Known::Unknown => None,
    }
}

/// A row without ratios and no config: the built-in prices, for a group of a fresh install.
pub fn built_in(entry: &LogEntry<'_>, usage: &Usage<'_>, context: &Context<'_>) -> Result<Quote, Reason> {
    let nothing = Config::default();
    let context = Context { config: &nothing, ..*context };
    let quote = of_config(entry, usage, &context, None).map_err(|_| Reason::NoRatios)?;
    if quote.is_fallback { Err(Reason::NoRatios) } else { Ok(quote) }
}
