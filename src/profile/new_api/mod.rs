//! new-api of 2026 (MoleAPI and most relays), and the bare formula of the MoleAPI document.
//!
//! A row's usage ([`usage`]) and its prices ([`quote`], from the row or from the config) make its terms ([`terms`]).

mod base64;
mod calculate;
pub mod completion;
mod expression;
mod group;
mod names;
mod price_list;
mod quote;
mod shape;
mod special;
mod task;
mod terms;
mod tools;
mod usage;

pub use calculate::{Overrides, Request, calculate};
pub use names::Names;
pub use quote::points_of_a_dollar;
pub use shape::{Counts, Shape};
pub use tools::{built_in as tool_prices, in_force as tool_prices_in_force};

use crate::config::Config;
use crate::defaults;
use crate::details::Details;
use crate::exact::{Charged, Ratio};
use crate::log::{Kind, LogEntry, RowError};
use crate::pricing::{Allowed, Class, Formula, Open, Reason, Slot, Terms};
use crate::profile::tables::Tables;
use crate::profile::{Basis, Context, Departure, Memory, Profile, Quirk, Rated, Rating, Skip, charge_of};
use expression::Priced;
use quote::{Asked, Fallback, Quote};
use task::Job;
use usage::Usage;

/// What one period of the family does and another does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Some completion ratios are fixed in the gateway.
    pub locks: bool,
    /// Models without a price are charged at 37.5 where that is accepted.
    pub fallback: bool,
    /// A charge that comes to nothing is one point.
    pub minimum: bool,
    /// An answer without tokens is free.
    pub zero_rule: bool,
    /// Uncached input is never counted below 0.
    pub clamps: bool,
    /// Charges are held within 32 bits.
    pub saturates: bool,
}

impl Rules {
    pub const OF_2026: Rules = Rules { locks: true, fallback: true, minimum: true, zero_rule: true, clamps: true, saturates: true };
    /// The formula of the MoleAPI document and nothing else.
    pub const DOCUMENT: Rules =
        Rules { locks: false, fallback: false, minimum: false, zero_rule: false, clamps: false, saturates: false };
}

/// Rates a row of the family.
pub fn rate(
    profile: Profile,
    entry: &LogEntry<'_>,
    details: &Details<'_>,
    context: &Context<'_>,
    memory: &mut Memory,
) -> Result<Rating, RowError> {
    if let Some(skip) = skipped(entry.kind) {
        return Ok(Rating::Skipped(skip));
    }
    let rules = if profile == Profile::Exact { Rules::DOCUMENT } else { Rules::OF_2026 };
    let charged = signed(charge_of(entry)?, entry.kind);
    let usage = Usage::of(entry, details)?;
    let names = Names::of(entry.model, entry.content);
    let asked = Asked { other_mode: context.other_mode, ..Asked::new(entry, details, &usage, names, context.quota_per_unit) };
    let rated = if let Some(reason) = special::untold(&asked) {
        Rated { charged, terms: Err(reason), own: None, departures: Vec::new(), shape: None }
    } else if details.flag("violation_fee") {
        let (terms, own) = special::fee_terms(&asked, context)?;
        Rated { charged, terms, own, departures: Vec::new(), shape: None }
    } else if let Some(job) = Job::of(entry.kind, entry.content, details) {
        let task::Task { terms, own, departures } = task::rate(job, &asked, context, memory)?;
        Rated { charged, terms, own, departures, shape: None }
    } else {
        rate_usage(&asked, charged, context, memory, &rules)?
    };
    Ok(Rating::Charge(Box::new(rated)))
}

/// A row of type 6 gives its amount back.
fn signed(charged: Charged, kind: Kind) -> Charged {
    if kind == Kind::Code(REFUND) { charged.negated() } else { charged }
}

/// The type of refunds.
const REFUND: i64 = 6;

fn rate_usage(
    asked: &Asked<'_, '_>,
    charged: Charged,
    context: &Context<'_>,
    memory: &mut Memory,
    rules: &Rules,
) -> Result<Rated, RowError> {
    let own = quote::of_row(asked)?;
    let own = own.map(|quote| with_expression_of_row(quote, asked, context, memory)).transpose()?;
    let quote = quote_of(asked, context, own.as_ref(), rules).map(|quote| with_expression(quote, asked, context, memory));
    let build = |quote: &Quote| terms_of(asked, quote, rules);
    let terms = quote.as_ref().map_err(|reason| *reason).and_then(build);
    let terms = terms.or_else(|reason| without_price(asked, context, (reason, rules)));
    let departures = match (&quote, &terms) {
        (Ok(quote), Ok(terms)) => departures(asked, quote, terms, rules),
        _ => Vec::new(),
    };
    let own = match &quote {
        // Columns that a plain log lacks say nothing.
        Ok(quote) if asked.details.is_empty() => quote.with_columns(&asked.entry.ratios),
        _ => own,
    };
    let own = own.filter(|_| context.basis == Basis::Config).and_then(|own| build(&own).ok());
    let shape = match (&quote, &terms) {
        (Ok(quote), Ok(terms)) if departures.is_empty() => shape::of(asked, quote, terms, rules),
        _ => None,
    };
    Ok(Rated { charged, terms, own, departures, shape })
}

/// A model without a price: no price has a say in a group that is free, nor where nothing was used and nothing charged.
fn without_price(asked: &Asked<'_, '_>, context: &Context<'_>, (reason, rules): (Reason, &Rules)) -> Result<Terms, Reason> {
    if reason != Reason::UnknownModel || asked.entry.is_channel_test() {
        return Err(reason);
    }
    let tables = tables_of(context.config);
    let quote = quote::in_group(Quote::free(asked.quota_per_unit), asked, &tables, None)?;
    let mut terms = terms_of(asked, &quote, rules)?;
    terms.open.push(Open { reason, allowed: Allowed::Presumed });
    let is_free = quote.group == quote::Figure::sure(Ratio::ZERO) && quote.other_groups.is_empty();
    let is_unused = terms.no_usage && asked.usage.tools.is_empty() && asked.entry.is_free();
    if is_free || is_unused { Ok(terms) } else { Err(reason) }
}

/// The terms of an answer: a channel test, an expression, or by audio, by call, by token.
fn terms_of(asked: &Asked<'_, '_>, quote: &Quote, rules: &Rules) -> Result<Terms, Reason> {
    let (usage, quota_per_unit) = (asked.usage, asked.quota_per_unit);
    let mut terms = match &quote.expression {
        Some(Err(reason)) => return Err(*reason),
        Some(Ok(priced)) => expression::terms(usage, expression::seen(usage), quote, priced, quota_per_unit)?,
        None if asked.entry.is_channel_test() => special::test_terms(usage, quote, quota_per_unit),
        None => terms::of(usage, quote, rules, quota_per_unit),
    };
    terms.credit = asked.entry.kind == Kind::Code(REFUND);
    if quote.is_presumed {
        terms.open.push(Open { reason: Reason::RatioUnknown, allowed: Allowed::Any });
    }
    Ok(terms)
}

/// A row's own quote with the expression that the row carries.
fn with_expression_of_row(
    mut quote: Quote,
    asked: &Asked<'_, '_>,
    context: &Context<'_>,
    memory: &mut Memory,
) -> Result<Quote, RowError> {
    let details = asked.details;
    if details.text("billing_mode").as_deref() != Some("tiered_expr") {
        return Ok(quote);
    }
    let encoded = details.text("expr_b64").unwrap_or_default();
    let decoded = base64::decode(&encoded).and_then(|bytes| String::from_utf8(bytes).ok());
    let text = decoded.ok_or_else(|| details.error("expr_b64", &encoded, "an expression in base64"))?;
    quote.expression = Some(priced(&text, asked, context, memory));
    Ok(quote)
}

/// A quote of the config with the model's expression, if it has one.
fn with_expression(mut quote: Quote, asked: &Asked<'_, '_>, context: &Context<'_>, memory: &mut Memory) -> Quote {
    if context.basis == Basis::Config
        && let Some(text) = context.config.expressions.get(asked.names.bare)
    {
        quote.expression = Some(priced(text, asked, context, memory));
    }
    quote
}

fn priced(text: &str, asked: &Asked<'_, '_>, context: &Context<'_>, memory: &mut Memory) -> Result<Priced, Reason> {
    let matched = asked.details.text("matched_tier").map(|tier| tier.into_owned());
    if asked.details.has("billing_mode") && matched.is_none() {
        return Err(Reason::ExpressionFailed);
    }
    let expression = memory.expression(text).map_err(|_| Reason::ExpressionNotSupported)?;
    let tables = tables_of(context.config);
    Ok(Priced { expression, matched, audio_is_told: expression::is_audio_told(&tables, asked.names.folded) })
}

fn skipped(kind: Kind) -> Option<Skip> {
    match kind {
        Kind::Absent | Kind::Code(2 | 6) => None,
        Kind::Code(1) => Some(Skip::TopUp),
        Kind::Code(3) => Some(Skip::Manage),
        Kind::Code(4) => Some(Skip::System),
        Kind::Code(5) => Some(Skip::Error),
        Kind::Code(7) => Some(Skip::Login),
        Kind::Code(_) => Some(Skip::UnknownType),
    }
}

/// Whether the model of a row has a price per call in the config or in the gateway.
pub fn may_be_by_call(entry: &LogEntry<'_>, config: &Config) -> bool {
    quote::may_be_by_call(Names::of(entry.model, entry.content), &tables_of(config))
}

/// The config with the gateway's tables behind it.
fn tables_of(config: &Config) -> Tables<'_> {
    Tables { config, defaults: defaults::new_api() }
}

/// The prices that the basis asks for.
fn quote_of(asked: &Asked<'_, '_>, context: &Context<'_>, own: Option<&Quote>, rules: &Rules) -> Result<Quote, Reason> {
    let tables = tables_of(context.config);
    match (context.basis, own) {
        (Basis::Config, _) => quote::of_config(asked, &tables, own, rules),
        (Basis::Logged, Some(own)) => Ok(own.clone()),
        (Basis::Logged, None) => built_in(asked, rules),
    }
}

/// A row without ratios and no config: the built-in prices, for the group `default` or a group whose ratio the row prints.
fn built_in(asked: &Asked<'_, '_>, rules: &Rules) -> Result<Quote, Reason> {
    let nothing = Config::default();
    let tables = tables_of(&nothing);
    let own_group = asked.entry.ratios.group;
    if own_group.is_none() && !matches!(asked.entry.group, "" | "default") {
        return Err(Reason::NoRatios);
    }
    let mut quote = quote::of_config(asked, &tables, None, rules).map_err(|_| Reason::NoRatios)?;
    if let Some(ratio) = own_group {
        quote.group = quote::Figure::sure(ratio);
    }
    Ok(quote)
}

/// Where this row departs from the gateway's own price rules.
fn departures(asked: &Asked<'_, '_>, quote: &Quote, terms: &Terms, rules: &Rules) -> Vec<Departure> {
    let usage = asked.usage;
    if quote.expression.is_some() {
        return expression::departures(usage, terms);
    }
    let mut found = Vec::new();
    if asked.entry.is_channel_test() {
        let rules = terms::of(usage, quote, rules, asked.quota_per_unit);
        found.push(Departure { quirk: Quirk::ChannelTest, rules: Some(rules) });
    }
    if terms.formula == Formula::Free {
        let rules = Terms { formula: Formula::DecimalPrice, ..terms.clone() };
        found.push(Departure { quirk: Quirk::AudioPriceFree, rules: Some(rules) });
    }
    let responses = asked.details.text("request_path").is_some_and(|path| path.starts_with("/v1/responses"));
    if usage.audio.is_some() && responses && asked.names.bare.starts_with("gpt-4o-audio") {
        found.push(Departure { quirk: Quirk::AudioResponsesUnpaid, rules: None });
    }
    if terms.no_usage && (usage.cached != 0 || usage.writes != 0) {
        let rules = Terms { no_usage: false, ..terms.clone() };
        found.push(Departure { quirk: Quirk::CacheOnlyFree, rules: Some(rules) });
    }
    if quote.fallback != Fallback::No {
        found.push(Departure { quirk: Quirk::FallbackRatio, rules: None });
    }
    if let Some(configured) = quote.ignored_completion.filter(|_| terms.formula == Formula::Decimal) {
        let rules = terms.with(Slot::Rate(Class::Output), configured);
        found.push(Departure { quirk: Quirk::PriceLocked, rules: Some(rules) });
    }
    found
}
