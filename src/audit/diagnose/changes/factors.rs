//! Factors on a whole charge, such as a number of images or seconds.

use super::super::Case;
use super::Changes;
use crate::exact::{Exact, Points, Ratio};
use crate::pricing::{After, Class, Formula, Mode, Multiplier, Product, Slot, Terms, price};

/// How many times an amount is charged that is rounded before, and which multiplier says so.
pub fn times_after_rounding(terms: &Terms) -> Option<(usize, i64)> {
    let Formula::Product(Product { after: After::TimesLast, .. }) = terms.formula else { return None };
    let last = terms.multipliers.len().checked_sub(1)?;
    Some((last, terms.multipliers[last].value.whole()?))
}

/// The factors of a charge: those within the price of a call, and those beside it.
fn factors(terms: &Terms) -> impl Iterator<Item = (usize, &Multiplier)> {
    terms.price_factors.iter().chain(&terms.multipliers).enumerate()
}

fn with_factor(terms: &Terms, index: usize, value: Ratio) -> Terms {
    let mut changed = terms.clone();
    let mut factors = changed.price_factors.iter_mut().chain(&mut changed.multipliers);
    factors.nth(index).into_iter().for_each(|factor| factor.value = value);
    changed
}

pub fn multiplier_omitted(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    if case.images(terms).is_some_and(|number| number != 1) {
        changes.push_with(terms, Some(("multiplier", &NUMBER)), |changed| changed.usage[Class::Input] = 1);
    }
    let counting = || factors(terms).filter(|(_, factor)| factor.value != Ratio::ONE);
    for (index, factor) in counting() {
        changes.push_implied(with_factor(terms, index, Ratio::ONE), "multiplier", &factor.name);
    }
    if counting().count() > 1 {
        changes.push(counting().fold(terms.clone(), |changed, (index, _)| with_factor(&changed, index, Ratio::ONE)));
    }
}

/// More than anybody multiplies a request with.
const MOST_FACTOR: i64 = 10_000;

/// In a pair a whole factor of fewer points than this would be chance.
const LEAST_UNIT: i64 = 1_000;

/// The name of a number of images or calls.
const NUMBER: &str = "n";

/// A whole factor on a charge that has multipliers; a price per call counts as one. The factor may stand behind the rounding.
pub fn multiplier_whole(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    // In a pair that makes a price per call of tokens, some number of calls would come near any charge.
    if terms.multipliers.is_empty() && case.terms.formula.mode() != Mode::Call {
        return;
    }
    let least = least_unit(case, terms);
    let mut base = terms.clone();
    // Of the factors within a price only the number is any whole one.
    let within = base.price_factors.iter().position(|factor| factor.name == NUMBER);
    within.into_iter().for_each(|index| other_factors(case, least, &base, index, changes));
    if base.multipliers.is_empty() {
        price_times(case, terms, changes);
        base.multipliers.push(Multiplier { name: NUMBER.to_owned(), value: Ratio::ONE });
        if let Formula::Product(product) = &mut base.formula {
            product.after = After::Multiplied;
        }
    }
    for index in base.price_factors.len()..base.price_factors.len() + base.multipliers.len() {
        other_factors(case, least, &base, index, changes);
    }
    if let Some(times) = times(case) {
        changes.push_times(case.charged, times);
    }
}

/// Other whole numbers that a factor may have been.
fn other_factors(case: &Case<'_>, least: i64, terms: &Terms, index: usize, changes: &mut Changes<'_>) {
    for factor in whole_factors(case, least, terms, index) {
        changes.push_implied(with_factor(terms, index, Ratio::from(factor)), "multiplier", factor);
    }
}

/// A whole factor on a price that is rounded once.
fn price_times(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    let with = |times: i64| {
        let mantissa = terms.price.mantissa().checked_mul(times)?;
        Some(terms.with(Slot::Price, Ratio::new(mantissa, terms.price.exponent())))
    };
    let factors = near(case, least_unit(case, terms), &|times| with(times).map_or_else(Exact::zero, |terms| price(&terms).amount));
    for times in factors.filter(|times| is_factor(*times)) {
        with(times).into_iter().for_each(|terms| changes.push_implied(terms, "multiplier", times));
    }
}

/// How many times the whole charge is charged.
pub fn times(case: &Case<'_>) -> Option<i64> {
    let expected = case.expected.points.0;
    let times = case.charged.0.checked_div(expected)?;
    (expected.checked_mul(times) == Some(case.charged.0) && is_factor(times)).then_some(times)
}

fn whole_factors(case: &Case<'_>, least: i64, terms: &Terms, index: usize) -> impl Iterator<Item = i64> + use<> {
    let current = factors(terms).nth(index).and_then(|(_, factor)| factor.value.whole());
    let counts = near(case, least, &|value| multiplied(&with_factor(terms, index, Ratio::from(value))));
    counts.filter(move |count| is_factor(*count) && Some(*count) != current)
}

fn is_factor(count: i64) -> bool {
    (2..=MOST_FACTOR).contains(&count)
}

/// The amount in proportion to the multipliers. What is multiplied behind the rounding is whole points.
pub fn multiplied(terms: &Terms) -> Exact {
    let charge = price(terms);
    if times_after_rounding(terms).is_some() { charge.points.into() } else { charge.amount }
}

/// How many points one of something must be for a whole number of them to tell anything.
fn least_unit(case: &Case<'_>, terms: &Terms) -> i64 {
    if std::ptr::eq(terms, case.terms) { 0 } else { LEAST_UNIT }
}

/// The whole numbers next to the one at which an amount that grows in proportion is the charge; none where it grows by less than `least`.
pub fn near(case: &Case<'_>, least: i64, amount_at: &dyn Fn(i64) -> Exact) -> impl Iterator<Item = i64> + use<> {
    let none = amount_at(0);
    let unit = amount_at(1) - none.clone();
    let is_enough = !unit.is_zero() && (unit >= Exact::from(least) || least == 0);
    let count = is_enough.then(|| (Exact::from(case.charged) - none).divided_by(&unit, 0).round_half_away());
    let count = count.map(|count| Points::saturating(&count).0);
    count.into_iter().flat_map(|count| count.saturating_sub(1)..=count.saturating_add(1))
}
