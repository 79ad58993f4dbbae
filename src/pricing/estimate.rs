//! Whether terms can come to a charge at all, told quickly.

use super::price::usd;
use super::terms::{Formula, Sum, Terms};
use super::usage::Class;
use crate::exact::{Exact, Points, Ratio};
use crate::float::estimate::Estimate;

/// False only where the terms certainly do not come to these points.
pub fn may_give(terms: &Terms, points: Points) -> bool {
    let (low, high) = Points::INT32;
    // A minimum, an empty answer or the limit of 32 bits may have replaced the amount.
    if points <= Points(1) || points <= low || points >= high || terms.advance != 0 || terms.credit {
        return true;
    }
    estimate(terms).is_none_or(|amount| amount.is_near(points))
}

/// The amount of the formulas that are plain sums or products, nearly; none for others.
pub fn estimate(terms: &Terms) -> Option<Estimate> {
    let base = match &terms.formula {
        Formula::Decimal | Formula::Sum(Sum::OneApi | Sum::ClaudeOf2025) => tokens(terms).times(terms.model_ratio),
        Formula::DecimalPrice => Estimate::of(terms.price).times(terms.quota_per_unit),
        _ => return None,
    };
    let amount = base.times(terms.group_ratio).plus(surcharges(terms, true)?);
    let amount = terms.multipliers.iter().fold(amount, |amount, multiplier| amount.times(multiplier.value));
    Some(amount.plus(surcharges(terms, false)?))
}

fn tokens(terms: &Terms) -> Estimate {
    let mut sum = Estimate::NOTHING;
    for (class, count) in terms.usage.iter().filter(|(_, count)| *count != 0) {
        match class {
            Class::AudioOutput => {
                let mut own = Estimate::NOTHING;
                own.add(count, terms.rates[class]);
                sum = sum.plus(own.times(terms.rates[Class::AudioInput]));
            }
            _ => sum.add(count, terms.rates[class]),
        }
    }
    sum
}

fn surcharges(terms: &Terms, multiplied: bool) -> Option<Estimate> {
    if terms.surcharges.is_empty() {
        return Some(Estimate::NOTHING);
    }
    let mut sum = Exact::zero();
    for surcharge in terms.surcharges.iter().filter(|surcharge| surcharge.multiplied == multiplied) {
        sum += usd(surcharge);
    }
    if sum.is_zero() {
        return Some(Estimate::NOTHING);
    }
    let sum: Ratio = sum.normalized().to_string().parse().ok()?;
    Some(Estimate::of(sum).times(terms.group_ratio).times(terms.quota_per_unit))
}
