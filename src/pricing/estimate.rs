//! Whether terms can come to a charge at all, told quickly.

use super::price::usd;
use super::terms::{Formula, Sum, Terms};
use super::usage::{Class, PerClass};
use crate::exact::{Charged, Exact, Points};
use crate::float::estimate::{CLASSES, Estimate, Weights};

/// False only where the terms certainly do not come to these points.
pub fn may_give(terms: &Terms, written: &Charged, points: Points) -> bool {
    let (low, high) = Points::INT32;
    // A minimum, an empty answer or the limit of 32 bits may have replaced the amount.
    if points <= Points(1) || points <= low || points >= high || terms.advance != 0 || terms.credit {
        return true;
    }
    // Money is compared by its digits, which may be those of the amount itself.
    let is_halved = matches!((&terms.formula, written), (Formula::Decimal | Formula::DecimalPrice, Charged::Points(_)));
    estimate(terms).is_none_or(|amount| if is_halved { amount.may_round_to(points) } else { amount.is_near(points) })
}

/// The amount of the formulas that are plain sums or products, nearly; none for others.
pub fn estimate(terms: &Terms) -> Option<Estimate> {
    let base = match &terms.formula {
        Formula::Decimal | Formula::Sum(Sum::OneApi | Sum::ClaudeOf2025) => tokens(terms).times(terms.model_ratio),
        Formula::DecimalPrice => Estimate::of(terms.whole_price()).times(terms.quota_per_unit),
        _ => return None,
    };
    let amount = base.times(terms.group_ratio);
    if terms.surcharges.is_empty() && terms.multipliers.is_empty() {
        return Some(amount);
    }
    let amount = amount.plus(surcharges(terms, true)?);
    let amount = terms.multipliers.iter().fold(amount, |amount, multiplier| amount.times(multiplier.value));
    Some(amount.plus(surcharges(terms, false)?))
}

/// What one token of each class comes to, nearly.
pub fn weights(terms: &Terms, classes: [Class; CLASSES]) -> Option<Weights> {
    let mut one = Terms { usage: PerClass::default(), ..terms.clone() };
    let nothing = estimate(&one)?;
    let mut ones = [nothing; CLASSES];
    for (of_class, class) in ones.iter_mut().zip(classes) {
        one.usage = PerClass::default();
        one.usage[class] = 1;
        *of_class = estimate(&one)?;
    }
    Some(Weights::between(nothing, ones))
}

fn tokens(terms: &Terms) -> Estimate {
    let mut sum = Estimate::NOTHING;
    for (index, (count, rate)) in terms.usage.values().iter().zip(terms.rates.values()).enumerate() {
        match *count {
            0 => {}
            // Relative to audio input.
            count if index == Class::AudioOutput as usize => {
                sum = sum.plus(Estimate::product(count, *rate).times(terms.rates[Class::AudioInput]));
            }
            count => sum = sum.plus(Estimate::product(count, *rate)),
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
    Some(Estimate::of(sum.to_ratio()?).times(terms.group_ratio).times(terms.quota_per_unit))
}
