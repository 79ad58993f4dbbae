//! one-hub: absolute input and output ratios, classes within the tokens adjusted one by one.
//!
//! With `in = max(input, 0)·group` and `out = max(output, 0)·group`, in float64: `p' = prompt + Σ trunc(tokens·(ratio − 1))` over the
//! classes of the prompt, `c'` likewise, and the charge is `ceil(p'·in + c'·out)`, or `trunc(1000·in)` for a price by `times`; then
//! `ceil(Σ ceil(unit·Q)·calls · group)` for tools. It is at least 1 where `in` is not 0, and 0 where `p' + c'` is 0. Nothing is held
//! within 32 bits, and a charge may be negative.
//!
//! A row's usage ([`usage`]) and its prices ([`quote`], from the row or from the config) make its terms ([`terms`]).

mod content;
mod prices;
mod quote;
mod refund;
mod terms;
mod tools;
mod usage;

use super::{Basis, Context, Departure, Memory, Quirk, Rated, Rating, Skip, charge_of};
use crate::details::Details;
use crate::exact::{Charged, Points};
use crate::log::{Kind, LogEntry, RowError};
use crate::pricing::{Class, Formula, OneHubRules, Terms};
use quote::Quote;
use usage::Usage;

/// Rates a row.
pub fn rate(entry: &LogEntry<'_>, details: &Details<'_>, context: &Context<'_>, memory: &mut Memory) -> Result<Rating, RowError> {
    if entry.kind == Kind::Code(4) {
        return Ok(refund::rate(entry, context.quota_per_unit, memory));
    }
    if let Some(skip) = skipped(entry) {
        return Ok(Rating::Skipped(skip));
    }
    let charged = charge_of(entry)?;
    if is_passed_through(entry) {
        return Ok(passed_through(charged, context));
    }
    let usage = Usage::of(entry, details)?;
    let own = quote::of_row(entry, details, &usage)?;
    let build = |quote: &Quote| terms::of(&usage, quote, context.quota_per_unit);
    let quote = match (context.basis, &own) {
        (Basis::Config, _) => quote::of_config(entry, &usage, context, own.as_ref()),
        (Basis::Logged, Some(own)) => Ok(Quote { per_call: own.per_call != context.other_mode, ..own.clone() }),
        (Basis::Logged, None) => quote::built_in(entry, &usage, context),
    };
    let terms = quote.as_ref().map(build).map_err(|reason| *reason);
    let departures = match (&quote, &terms) {
        (Ok(quote), Ok(terms)) => {
            refund::remember(entry, &usage, own.as_ref(), terms, memory);
            departures(quote, terms)
        }
        _ => Vec::new(),
    };
    let own = own.filter(|_| context.basis == Basis::Config).map(|own| build(&own));
    Ok(Rating::Charge(Box::new(Rated { charged, terms, own, departures, shape: None })))
}

fn skipped(entry: &LogEntry<'_>) -> Option<Skip> {
    match entry.kind {
        Kind::Code(2) if is_passed_through(entry) && entry.charged == Some(Charged::Points(Points(0))) => Some(Skip::PassThrough),
        Kind::Absent | Kind::Code(2) => None,
        Kind::Code(1) => Some(Skip::TopUp),
        Kind::Code(3) => Some(Skip::Manage),
        Kind::Code(_) => Some(Skip::UnknownType),
    }
}

/// A request to a route that has no price (`中继:/v1/files`).
fn is_passed_through(entry: &LogEntry<'_>) -> bool {
    entry.model.is_empty() && entry.content.starts_with("中继:")
}

/// What was passed through costs nothing.
fn passed_through(charged: Charged, context: &Context<'_>) -> Rating {
    let free = Quote::default();
    let terms = Terms { formula: Formula::Free, ..terms::of(&Usage::default(), &free, context.quota_per_unit) };
    Rating::Charge(Box::new(Rated { charged, terms: Ok(terms), own: None, departures: Vec::new(), shape: None }))
}

/// Where this row departs from the gateway's own price rules.
fn departures(quote: &Quote, terms: &Terms) -> Vec<Departure> {
    let rules = |in_steps: bool, zero_rule: bool| {
        let rules = OneHubRules { per_call: quote.per_call, in_steps, zero_rule };
        Some(Terms { formula: Formula::OneHubRules(rules), ..terms.clone() })
    };
    let mut found = Vec::new();
    if [Class::Cached, Class::CacheRead, Class::CacheWrite].iter().any(|class| terms.usage[*class] != 0) {
        found.push(Departure { quirk: Quirk::CacheOnlyFree, rules: rules(true, false).filter(is_free_by_zero_rule) });
        found.retain(|departure| departure.rules.is_some());
    }
    if quote.is_fallback {
        found.push(Departure { quirk: Quirk::FallbackRatio, rules: None });
    }
    found.push(Departure { quirk: Quirk::FloatTie, rules: rules(true, true) });
    found.push(Departure { quirk: Quirk::RoundedInSteps, rules: rules(false, true) });
    found
}

/// Whether the zero rule makes the terms free, of which these are the rules without it.
fn is_free_by_zero_rule(rules: &Terms) -> bool {
    let Formula::OneHubRules(without) = rules.formula else { return false };
    let with = Terms { formula: Formula::OneHubRules(OneHubRules { zero_rule: true, ..without }), ..rules.clone() };
    crate::pricing::price(&with).adjustment == Some(crate::pricing::Adjustment::NoUsage)
}

#[cfg(test)]
mod tests;
