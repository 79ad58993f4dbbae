//! From terms to the charge.

use super::in_decimals;
use super::in_floats::{self, InFloats};
use super::one_hub;
use super::terms::{FloatRounding, Formula, Per, Sum, Surcharge, Terms, Tiered};
use super::usage::Class;
use crate::exact::{Exact, Points, Whole};
use crate::float::expr::{EvalError, Outcome};
use crate::float::tiered;

/// How an amount became whole points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    HalfAway,
    Truncate,
    Ceil,
}

/// A rule that replaced the rounded amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adjustment {
    Minimum,
    NoUsage,
    Saturated,
}

/// What terms come to.
#[derive(Clone, Debug, PartialEq)]
pub struct Charge {
    /// The amount in points before any rounding or rule, in the gateway's own arithmetic.
    pub amount: Exact,
    pub rounding: Rounding,
    pub adjustment: Option<Adjustment>,
    pub points: Points,
}

/// Prices terms.
pub fn price(terms: &Terms) -> Charge {
    let charge = whole(terms);
    if terms.advance == 0 && !terms.credit {
        return charge;
    }
    let sign = if terms.credit { -1 } else { 1 };
    let points = Points(charge.points.0.saturating_sub(terms.advance).saturating_mul(sign));
    Charge { amount: (charge.amount - Exact::from(terms.advance)) * sign, points, ..charge }
}

/// The charge before an advance is taken off, or its sign is changed.
fn whole(terms: &Terms) -> Charge {
    match &terms.formula {
        Formula::Decimal => decimal(terms, multiplied(terms, tokens(terms) * terms.model_ratio * terms.group_ratio) + tools(terms)),
        Formula::DecimalPrice => {
            let call = Exact::from(terms.whole_price()) * terms.quota_per_unit * terms.group_ratio;
            decimal(terms, multiplied(terms, call) + tools(terms))
        }
        Formula::Sum(sum) => float(terms, in_floats::sum(terms, *sum), rounding_of(*sum)),
        Formula::Product(product) => float(terms, in_floats::product(terms, *product), product.rounding.into()),
        Formula::Expression(tiered) => expression(terms, tiered),
        Formula::InDecimals(formula) => exactly(terms, formula),
        Formula::OneHubRules(rules) => {
            let sum = one_hub::price(terms, *rules);
            let (points, adjustment) = settle(terms, &sum.amount, &sum.whole, terms.no_usage || sum.nothing);
            let rounding = if rules.per_call { Rounding::Truncate } else { Rounding::Ceil };
            Charge { amount: sum.amount, rounding, adjustment, points }
        }
        Formula::Free => decimal(terms, Exact::zero()),
    }
}

fn decimal(terms: &Terms, amount: Exact) -> Charge {
    let (points, adjustment) = settle(terms, &amount, &amount.round_half_away(), terms.no_usage);
    Charge { amount, rounding: Rounding::HalfAway, adjustment, points }
}

fn exactly(terms: &Terms, formula: &Formula) -> Charge {
    let Some((amount, rounding)) = in_decimals::amount(terms, formula) else {
        return whole(&Terms { formula: formula.clone(), ..terms.clone() });
    };
    // What does not fit 64 bits becomes the smallest number, as in the gateway: that is no matter of floats.
    let whole = Whole::from(rounding.round(&amount).to_i64().unwrap_or(i64::MIN));
    let (points, adjustment) = settle(terms, &amount, &whole, terms.no_usage);
    Charge { amount, rounding, adjustment, points }
}

fn float(terms: &Terms, amount: InFloats, rounding: Rounding) -> Charge {
    let exact = amount.amount();
    let (points, adjustment) = settle(terms, &exact, &amount.rounded.whole.into(), terms.no_usage || amount.nothing);
    Charge { amount: exact, rounding, adjustment, points }
}

pub(super) fn rounding_of(sum: Sum) -> Rounding {
    match sum {
        Sum::InSteps => Rounding::HalfAway,
        Sum::ClaudeOf2025 | Sum::OneApiOf2023 | Sum::OneHubCall => Rounding::Truncate,
        Sum::OneApi | Sum::OneHub | Sum::Laisky => Rounding::Ceil,
    }
}

impl From<FloatRounding> for Rounding {
    fn from(rounding: FloatRounding) -> Rounding {
        match rounding {
            FloatRounding::HalfAway => Rounding::HalfAway,
            FloatRounding::Truncate => Rounding::Truncate,
            FloatRounding::Ceil => Rounding::Ceil,
        }
    }
}

/// What the terms' expression comes to; none where they have no expression.
pub fn outcome(terms: &Terms) -> Option<Result<Outcome, EvalError>> {
    match &terms.formula {
        Formula::Expression(tiered) => Some(in_floats::evaluate(terms, tiered)),
        _ => None,
    }
}

/// An expression has neither a minimum nor a rule for empty answers, but for audio (`no_usage`). One without a value is charged as 0
/// here; a profile says `unrated` before it comes to that.
fn expression(terms: &Terms, tiered: &Tiered) -> Charge {
    let nothing = |adjustment| Charge { amount: Exact::zero(), rounding: Rounding::HalfAway, adjustment, points: Points(0) };
    if terms.no_usage {
        return nothing(Some(Adjustment::NoUsage));
    }
    let value = in_floats::evaluate(terms, tiered).ok();
    let charge = value.and_then(|outcome| tiered::charge(outcome.value, terms.quota_per_unit, terms.group_ratio, &tools(terms)));
    charge.map_or_else(
        || nothing(None),
        |charge| Charge {
            amount: charge.amount.unwrap_or_default(),
            rounding: Rounding::HalfAway,
            adjustment: charge.saturated.then_some(Adjustment::Saturated),
            points: charge.points,
        },
    )
}

/// Σ tokens · rate.
fn tokens(terms: &Terms) -> Exact {
    let mut sum = Exact::zero();
    for (class, count) in terms.usage.iter().filter(|(_, count)| *count != 0) {
        sum += weighted(terms, class, count);
    }
    sum
}

/// The points of the tokens of a class, before the group ratio.
pub(super) fn points_of(terms: &Terms, class: Class, count: i64) -> Exact {
    let rate = terms.rates[class];
    match terms.is_absolute(class) {
        false => weighted(terms, class, count) * terms.model_ratio,
        true if rate.is_negative() => Exact::zero(),
        true if rate.is_zero() && !class.is_output() => Exact::from(count) * terms.model_ratio,
        true => Exact::from(count) * rate,
    }
}

/// The tokens of a class, counted as input tokens of the model.
pub fn weighted(terms: &Terms, class: Class, count: i64) -> Exact {
    let own = Exact::from(count) * terms.rates[class];
    match class {
        Class::AudioOutput => own * terms.rates[Class::AudioInput],
        _ => own,
    }
}

fn multiplied(terms: &Terms, base: Exact) -> Exact {
    let separate = surcharges(terms, true);
    terms.multipliers.iter().fold(base + separate, |amount, multiplier| amount * multiplier.value)
}

fn tools(terms: &Terms) -> Exact {
    surcharges(terms, false)
}

fn surcharges(terms: &Terms, multiplied: bool) -> Exact {
    let mut sum = Exact::zero();
    for surcharge in terms.surcharges.iter().filter(|s| s.multiplied == multiplied) {
        sum += usd(surcharge) * terms.group_ratio * terms.quota_per_unit;
    }
    sum
}

/// A surcharge in USD. The gateway's decimals divide to 16 places.
pub(super) fn usd(surcharge: &Surcharge) -> Exact {
    let price = Exact::from(surcharge.price);
    match surcharge.per {
        Per::Call => price * surcharge.count,
        Per::Thousand => (price * surcharge.count).divided_by(&Exact::from(1_000), 16),
        Per::Million => price.divided_by(&Exact::from(1_000_000), 16) * surcharge.count,
    }
}

/// The minimum, the rule for empty answers and the limit of 32 bits.
fn settle(terms: &Terms, amount: &Exact, whole: &Whole, no_usage: bool) -> (Points, Option<Adjustment>) {
    if no_usage && !is_tool_charged(terms) {
        return (Points(0), Some(Adjustment::NoUsage));
    }
    if terms.takes_minimum(amount.is_positive(), whole.is_positive()) {
        return (Points(1), Some(Adjustment::Minimum));
    }
    saturate(terms, whole)
}

/// Only new-api charges tools for an answer without usage.
fn is_tool_charged(terms: &Terms) -> bool {
    !matches!(terms.formula.rules(), Formula::Sum(_) | Formula::OneHubRules(_))
        && terms.surcharges.iter().any(|s| !s.multiplied && s.count != 0)
}

fn saturate(terms: &Terms, whole: &Whole) -> (Points, Option<Adjustment>) {
    let points = Points::saturating(whole);
    if !terms.saturates {
        return (points, None);
    }
    let (low, high) = Points::INT32;
    let held = points.clamp(low, high);
    // The gateway marks a charge that only just reaches the limit as well.
    (held, (held != points || held == high).then_some(Adjustment::Saturated))
}
