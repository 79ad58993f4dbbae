//! Does a charge follow from its terms?

use std::cmp::Ordering;

use super::open::{Reason, bounds, possible};
use super::price::{Adjustment, Charge, price};
use super::terms::Terms;
use crate::exact::{Charged, Points};

/// What can be said of a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The terms give it; `presumed` names what had to be presumed.
    Matched { presumed: Option<Reason> },
    /// Another allowed value gives it.
    Unrated { reason: Reason, bounds: Option<(Points, Points)> },
    /// Nothing that is allowed gives it.
    Mismatch,
}

/// The charge that is right, and what can be said of the one that was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    pub expected: Charge,
    pub charged: Points,
    pub standing: Standing,
}

impl Judgement {
    /// Whether more was charged than expected. Money may be off by less than a point: then the amounts say it.
    pub fn is_over(&self, terms: &Terms, charged: &Charged) -> bool {
        let amount = || match self.expected.adjustment {
            None => self.expected.amount.clone(),
            Some(_) => self.expected.points.into(),
        };
        match self.charged.cmp(&self.expected.points) {
            Ordering::Equal => charged.compare(&amount(), terms.quota_per_unit).is_gt(),
            by_points => by_points.is_gt(),
        }
    }
}

/// Judges a charge by its terms.
pub fn judge(terms: &Terms, charged: &Charged, tolerance: u64) -> Judgement {
    let expected = price(terms);
    let points = charged.points(terms.quota_per_unit);
    let standing = standing(terms, &expected, charged, tolerance);
    Judgement { expected, charged: points, standing }
}

fn standing(terms: &Terms, expected: &Charge, charged: &Charged, tolerance: u64) -> Standing {
    let presumed = terms.open.first().map(|open| open.reason);
    if agrees(terms, expected, charged, tolerance) {
        return Standing::Matched { presumed };
    }
    let other = |terms: &Terms| agrees(terms, &price(terms), charged, tolerance);
    match presumed {
        Some(reason) if possible(terms, charged, &other) => Standing::Unrated { reason, bounds: bounds(terms) },
        _ => Standing::Mismatch,
    }
}

/// Whether the exact amount may stand for the charge: rounding and the minimum of one point belong to points.
fn is_amount_due(expected: &Charge) -> bool {
    matches!(expected.adjustment, None | Some(Adjustment::Minimum))
}

/// Whether a computed charge is the one that was made: to the point, or, for money, to the digits that are written.
pub fn agrees(terms: &Terms, expected: &Charge, charged: &Charged, tolerance: u64) -> bool {
    let per_unit = terms.quota_per_unit;
    let distance = expected.points.0.abs_diff(charged.points(per_unit).0);
    match charged {
        Charged::Points(_) => distance <= tolerance,
        Charged::Money { .. } => {
            (tolerance > 0 && distance <= tolerance)
                || charged.is_written_for(&expected.points.into(), per_unit)
                || (is_amount_due(expected) && charged.is_written_for(&expected.amount, per_unit))
        }
    }
}
