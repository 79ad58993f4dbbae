//! The rules of one-hub in exact decimals: what its charge would be without the last bits of float64, or without its steps.

use super::terms::{OneHubRules, Terms};
use super::usage::Class;
use crate::exact::{Exact, Whole};

/// An amount and the whole points that it comes to; `nothing` where the zero rule acts.
pub struct InDecimals {
    pub amount: Exact,
    pub whole: Whole,
    pub nothing: bool,
}

/// The same sum as `float::gateway::OneHub`.
pub fn price(terms: &Terms, rules: OneHubRules) -> InDecimals {
    let prompt = Exact::from(terms.usage[Class::Input]) + adjustments(terms, false, rules.in_steps);
    let completion = Exact::from(terms.usage[Class::Output]) + adjustments(terms, true, rules.in_steps);
    let nothing = rules.zero_rule && (prompt.clone() + completion.clone()).is_zero();
    let tokens = if rules.per_call {
        Exact::from(1000) * terms.price
    } else {
        prompt * terms.model_ratio + completion * terms.rates[Class::Output]
    };
    let tokens = tokens * terms.group_ratio;
    let whole = if rules.per_call { tokens.truncate() } else { tokens.ceil() };
    let extra = extras(terms);
    InDecimals { amount: tokens + Exact::from(extra.clone()), whole: whole + extra, nothing }
}

/// What the classes within the prompt, or within the completion, add to its tokens.
fn adjustments(terms: &Terms, output: bool, in_steps: bool) -> Exact {
    let within = terms.usage.iter().filter(|(class, _)| class.is_within() && class.is_output() == output);
    within.fold(Exact::zero(), |sum, (class, tokens)| sum + adjustment(terms, class, tokens, in_steps))
}

/// `tokens · (ratio − 1)`, cut where the gateway cuts it.
pub fn adjustment(terms: &Terms, class: Class, tokens: i64, in_steps: bool) -> Exact {
    let exact = Exact::from(tokens) * (Exact::from(terms.rates[class]) - Exact::from(1));
    if in_steps { exact.truncate().into() } else { exact }
}

/// `ceil(Σ ceil(unit·Q)·calls · group)`.
fn extras(terms: &Terms) -> Whole {
    let points = |price| (Exact::from(terms.quota_per_unit) * price).ceil();
    let sum: Whole = terms.surcharges.iter().map(|extra| points(extra.price) * Whole::from(extra.count)).sum();
    (Exact::from(sum) * terms.group_ratio).ceil()
}
