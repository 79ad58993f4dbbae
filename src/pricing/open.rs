//! What is not known: a value that the log leaves open, its presumption, and what else it may be.
//!
//! The presumption is what stands in the [`Terms`]. An [`Open`] adds the reason and the other values. Since a charge grows or
//! falls with each of them, the charges at their ends bound all others.

use super::price::price;
use super::terms::{Mode, Terms};
use super::usage::Class;
use crate::exact::{Charged, Points, Ratio};

/// Why a charge, or a part of it, cannot be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    RatiosRounded,
    TokensMissing,
    ClassNotLogged,
    RateNotLogged,
    CountNotLogged,
    SplitNotLogged,
    PriceAmbiguous,
    RatioUnknown,
    RequestDependentExpression,
    UnknownModel,
    NoRatios,
    ExpressionFailed,
    ExpressionNotSupported,
    Estimate,
    NoChargeFound,
}

impl Reason {
    pub fn word(self) -> &'static str {
        match self {
            Reason::RatiosRounded => "ratios-rounded",
            Reason::TokensMissing => "tokens-missing",
            Reason::ClassNotLogged => "class-not-logged",
            Reason::RateNotLogged => "rate-not-logged",
            Reason::CountNotLogged => "count-not-logged",
            Reason::SplitNotLogged => "split-not-logged",
            Reason::PriceAmbiguous => "price-ambiguous",
            Reason::RatioUnknown => "ratio-unknown",
            Reason::RequestDependentExpression => "request-dependent-expression",
            Reason::UnknownModel => "unknown-model",
            Reason::NoRatios => "no-ratios",
            Reason::ExpressionFailed => "expression-failed",
            Reason::ExpressionNotSupported => "expression-not-supported",
            Reason::Estimate => "estimate",
            Reason::NoChargeFound => "no-charge-found",
        }
    }
}

/// One thing that is not known.
#[derive(Clone, Debug, PartialEq)]
pub struct Open {
    pub reason: Reason,
    pub allowed: Allowed,
}

/// The values that an open thing may have, the presumed one among them.
#[derive(Clone, Debug, PartialEq)]
pub enum Allowed {
    /// Any: the charge has no bounds.
    Any,
    /// The presumption alone; that it holds is what is not known.
    Presumed,
    /// Other readings of the whole row.
    Readings(Vec<Terms>),
    /// A whole number of tokens of `from` may be of class `of` instead, at most `most`.
    Tokens { of: Class, from: Class, most: i64 },
    /// A whole number as the multiplier at this index.
    Count { multiplier: usize, least: i64, most: i64 },
    /// A decimal between two.
    Between { slot: Slot, low: Ratio, high: Ratio },
}

/// A decimal that enters the charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    ModelRatio,
    GroupRatio,
    Price,
    Rate(Class),
    Multiplier(usize),
    QuotaPerUnit,
}

impl Terms {
    /// The terms with another number in a slot.
    pub fn with(&self, slot: Slot, value: Ratio) -> Terms {
        let mut terms = self.clone();
        match slot {
            Slot::ModelRatio => return self.with_model_ratio(value),
            Slot::QuotaPerUnit => terms.quota_per_unit = value,
            Slot::GroupRatio => terms.group_ratio = value,
            Slot::Price => terms.price = value,
            Slot::Rate(class) => terms.rates[class] = value,
            Slot::Multiplier(index) => {
                if let Some(multiplier) = terms.multipliers.get_mut(index) {
                    multiplier.value = value;
                }
            }
        }
        terms
    }

    /// The terms with `tokens` of one class counted as another.
    pub fn with_moved(&self, from: Class, of: Class, tokens: i64) -> Terms {
        let mut terms = self.clone();
        terms.usage[from] = terms.usage[from].saturating_sub(tokens);
        terms.usage[of] = terms.usage[of].saturating_add(tokens);
        terms
    }
}

impl Allowed {
    /// The terms at the ends of what is allowed; none where it has no ends.
    fn ends(&self, terms: &Terms) -> Option<Vec<Terms>> {
        Some(match self {
            Allowed::Any => return None,
            Allowed::Presumed => vec![terms.clone()],
            Allowed::Readings(readings) => readings.iter().chain([terms]).cloned().collect(),
            Allowed::Tokens { of, from, most } => vec![terms.clone(), terms.with_moved(*from, *of, *most)],
            Allowed::Count { multiplier, least, most } => {
                [*least, *most].map(|count| terms.with(Slot::Multiplier(*multiplier), Ratio::from(count))).to_vec()
            }
            Allowed::Between { slot, low, high } => [*low, *high].map(|value| terms.with(*slot, value)).to_vec(),
        })
    }

    /// The terms at a whole number of a range, with the range.
    fn whole(&self) -> Option<(i64, i64)> {
        match self {
            Allowed::Tokens { most, .. } => Some((0, *most)),
            Allowed::Count { least, most, .. } => Some((*least, *most)),
            _ => None,
        }
    }

    fn at(&self, terms: &Terms, number: i64) -> Terms {
        match self {
            Allowed::Tokens { of, from, .. } => terms.with_moved(*from, *of, number),
            Allowed::Count { multiplier, .. } => terms.with(Slot::Multiplier(*multiplier), Ratio::from(number)),
            _ => terms.clone(),
        }
    }
}

/// The smallest and the largest charge that what is open allows, ends included; none where it has no bounds.
pub fn bounds(terms: &Terms) -> Option<(Points, Points)> {
    let mut corners = vec![terms.clone()];
    for open in &terms.open {
        let mut next = Vec::new();
        for corner in &corners {
            next.extend(open.allowed.ends(corner)?);
        }
        corners = next;
    }
    let charges = corners.iter().map(|corner| price(corner).points);
    Some(charges.fold(None, |ends: Option<(Points, Points)>, points| {
        Some(ends.map_or((points, points), |(low, high)| (low.min(points), high.max(points))))
    }))
    .flatten()
}

/// Whether some allowed value gives the charge.
pub(super) fn possible(terms: &Terms, charged: &Charged, agrees: &dyn Fn(&Terms) -> bool) -> bool {
    if terms.open.iter().any(|open| open.allowed == Allowed::Any) {
        return true;
    }
    match terms.open.as_slice() {
        [] => false,
        [Open { allowed: Allowed::Readings(readings), .. }] => readings.iter().any(agrees),
        [Open { allowed: Allowed::Presumed, .. }] => false,
        [open] if open.allowed.whole().is_some() && terms.formula.mode() != Mode::Expression => {
            found_between(terms, &open.allowed, charged, agrees)
        }
        _ => {
            let points = charged.points(terms.quota_per_unit);
            bounds(terms).is_some_and(|(low, high)| low <= points && points <= high)
        }
    }
}

/// Searches the whole numbers of a range for one that gives the charge; the charge rises or falls with them.
fn found_between(terms: &Terms, allowed: &Allowed, charged: &Charged, agrees: &dyn Fn(&Terms) -> bool) -> bool {
    let Some((mut low, mut high)) = allowed.whole() else { return false };
    let target = charged.points(terms.quota_per_unit);
    let points = |number| price(&allowed.at(terms, number)).points;
    let rising = points(low) <= points(high);
    while low <= high {
        let middle = low + (high - low) / 2;
        let there = points(middle);
        if agrees(&allowed.at(terms, middle)) {
            return true;
        }
        if (there < target) == rising { low = middle + 1 } else { high = middle - 1 }
    }
    false
}
