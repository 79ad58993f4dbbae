//! From terms to the charge.

use num_bigint::BigInt;
use num_traits::Signed;

use super::terms::{Formula, Per, Surcharge, Terms};
use super::usage::Class;
use crate::exact::{Exact, Points};

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
    let amount = match terms.formula {
        Formula::Decimal => multiplied(terms, tokens(terms) * terms.model_ratio * terms.group_ratio) + tools(terms),
        Formula::DecimalPrice => {
            multiplied(terms, Exact::from(terms.price) * terms.quota_per_unit * terms.group_ratio) + tools(terms)
        }
        Formula::Free => Exact::zero(),
    };
    let (points, adjustment) = settle(terms, &amount);
    Charge { amount, rounding: Rounding::HalfAway, adjustment, points }
}

/// Σ tokens · rate.
fn tokens(terms: &Terms) -> Exact {
    let mut sum = Exact::zero();
    for (class, count) in terms.usage.iter().filter(|(_, count)| *count != 0) {
        sum += weighted(terms, class, count);
    }
    sum
}

/// The tokens of a class, counted as input tokens of the model.
pub(super) fn weighted(terms: &Terms, class: Class, count: i64) -> Exact {
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

/// Rounds, with the minimum, the rule for empty answers and the limit of 32 bits.
fn settle(terms: &Terms, amount: &Exact) -> (Points, Option<Adjustment>) {
    if terms.no_usage && terms.surcharges.iter().all(|s| s.multiplied || s.count == 0) {
        return (Points(0), Some(Adjustment::NoUsage));
    }
    let has_minimum = terms.has_ratio();
    if has_minimum && terms.minimum.before_rounding && !amount.is_positive() {
        return (Points(1), Some(Adjustment::Minimum));
    }
    let whole = amount.round_half_away();
    if has_minimum && terms.minimum.after_rounding && !whole.is_positive() {
        return (Points(1), Some(Adjustment::Minimum));
    }
    saturate(terms, &whole)
}

fn saturate(terms: &Terms, whole: &BigInt) -> (Points, Option<Adjustment>) {
    let points = Points::saturating(whole);
    if !terms.saturates {
        return (points, None);
    }
    let (low, high) = Points::INT32;
    let held = points.clamp(low, high);
    // The gateway marks a charge that only just reaches the limit as well.
    (held, (held != points || held == high).then_some(Adjustment::Saturated))
}
