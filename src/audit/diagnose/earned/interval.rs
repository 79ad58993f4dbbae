//! What a charge leaves a ratio to be.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::Wrong;
use super::simple::{Within, simplest};
use crate::exact::{Charged, Exact, Points, Ratio};
use crate::pricing::{After, Charge, FloatRounding, Formula, Rounding, Slot, Sum, Terms, price};

impl Within for Interval {
    fn magnitude(&self) -> Option<i16> {
        Some(magnitude(&self.high))
    }

    fn multiples(&self, power: i16) -> Option<RangeInclusive<i64>> {
        let unit = Exact::from(Ratio::new(1, power));
        // An end has 24 decimals: none of them may be lost.
        let count = |end: &Exact| end.divided_by(&unit, 40).floor().to_i64();
        let ends = count(&self.low).zip(count(&self.high));
        Some(ends.map_or(RangeInclusive::new(1, 0), |(low, high)| low.saturating_add(1)..=high))
    }

    fn is_rare(&self, power: i16, times: i64) -> Option<bool> {
        Some(self.width() * times <= Exact::from(Ratio::new(1, power)))
    }

    fn rounds(&self, _: Ratio) -> Option<bool> {
        None
    }
}

/// What a ratio may be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Interval {
    low: Exact,
    high: Exact,
}

impl Interval {
    /// The values of a slot around the charge; none where the charge does not grow with it, or only values of 0 and less would fit.
    pub fn of(wrong: Wrong<'_>, slot: Slot) -> Option<Interval> {
        let charge = |value: i64| price(&wrong.terms.with(slot, Ratio::from(value)));
        let at = |value: i64| charge(value).amount;
        // A rate of 0 may mean something else than free. What is cut or rounded up by itself must weigh little.
        let step = if slot == Slot::QuotaPerUnit { 1_000_000_000 } else { 1 };
        let Charge { amount: one, rounding, .. } = charge(step);
        let steep = at(2 * step) - one.clone();
        let (none, slope) = (one - steep.clone(), steep.divided_by(&Exact::from(step), 24));
        if slope.is_zero() {
            return None;
        }
        let slack = slack(wrong.terms, slot);
        let end = |offset: Exact| (Exact::from(wrong.charged) + offset - none.clone()).divided_by(&slope, 24);
        let (one, other) = (end(-slack.clone()), end(slack));
        let (mut low, mut high) = if one <= other { (one, other) } else { (other, one) };
        if rounds_up(wrong.terms) {
            // An amount that is whole may have become a little more in float64.
            low += Exact::from(Ratio::new(-1, -20));
        }
        if rounding == Rounding::Truncate {
            // Or a little less, and is cut to a point less.
            high += high.clone() * LAST_BITS;
        }
        let interval = high.is_positive().then_some(Interval { low, high })?;
        let is_in_steps = counts_in_steps(wrong.terms, slot) && matches!(wrong.written, Charged::Points(_));
        if is_in_steps && slope.is_positive() { interval.in_steps(wrong, slot) } else { Some(interval) }
    }

    /// The values within at which the charge itself comes out, where it grows in steps. Both ends are found by halving.
    fn in_steps(&self, wrong: Wrong<'_>, slot: Slot) -> Option<Interval> {
        let power = magnitude(&self.width()) - STEP_DIGITS;
        let (first, last) = self.multiples(power)?.into_inner();
        // A minimum may have made one point of less.
        let first = if wrong.charged <= Points(1) { 0 } else { first.max(0) };
        let points = |count: i64| price(&wrong.terms.with(slot, Ratio::new(count, power))).points;
        let low = first_of(first..=last, |count| points(count) >= wrong.charged);
        let high = first_of(low..=last, |count| points(count) > wrong.charged) - 1;
        let at = |count: i64| Exact::from(Ratio::new(count, power));
        (low <= high).then(|| Interval { low: at(low) - Exact::from(Ratio::new(1, -20)), high: at(high) })
    }

    /// The values of a slot at which an amount is rounded to the charge.
    pub fn rounded(wrong: Wrong<'_>, slot: Slot) -> Option<Interval> {
        let (terms, charged) = (wrong.terms, wrong.charged.0);
        let is_usual = charged > 0 && (!terms.saturates || charged < Points::INT32.1.0) && !terms.no_usage;
        let is_plain = terms.advance == 0 && !terms.credit && matches!(wrong.written, Charged::Points(_));
        let steps = slack(terms, slot) - Exact::from(1);
        let is_told = matches!(terms.formula, Formula::Product(_)) || steps.is_zero();
        if is_usual && is_plain && counts_in_steps(terms, slot) {
            return Interval::of(wrong, slot);
        }
        if !(is_usual && is_plain && is_told) {
            return None;
        }
        let at = |value: i64| price(&terms.with(slot, Ratio::from(value)));
        let one = at(1);
        let slope = at(2).amount - one.amount.clone();
        let none = one.amount - slope.clone();
        if !slope.is_positive() {
            return None;
        }
        let step = if steps.is_zero() { Exact::from(1) } else { steps };
        let (mut below, above) = match one.rounding {
            Rounding::HalfAway => (step.clone() * Ratio::new(5, -1), step * Ratio::new(5, -1)),
            Rounding::Ceil => (step, Exact::zero()),
            Rounding::Truncate => (Exact::zero(), step),
        };
        if slot == Slot::GroupRatio && terms.formula == Formula::Sum(Sum::OneHub) && !terms.surcharges.is_empty() {
            // Tools are multiplied by the group and rounded up by themselves.
            below += Exact::from(1);
        }
        let end = |amount: Exact| (amount - none.clone()).divided_by(&slope, 24);
        // An end at which another charge comes out lies outside. A minimum may have made one point of less.
        let (after, before) = if one.rounding == Rounding::Ceil { (1, 0) } else { (0, 1) };
        let low =
            if charged == 1 { Exact::zero() } else { end(Exact::from(charged) - below) + Exact::from(Ratio::new(after, -20)) };
        let high = end(Exact::from(charged) + above) - Exact::from(Ratio::new(before, -20));
        (high.is_positive() && low < high).then(|| Interval { low: low.max(Exact::zero()), high })
    }

    /// One value alone.
    pub fn at(value: Ratio) -> Interval {
        Interval { low: value.into(), high: value.into() }
    }

    /// How many times its width goes into its highest value, as a power of two: so little is left to chance.
    pub fn telling(&self) -> u32 {
        if self.width().is_zero() {
            return 0;
        }
        let times = Points::saturating(&self.high.divided_by(&self.width(), 0).floor());
        times.0.max(1).ilog2()
    }

    pub fn is_empty(&self) -> bool {
        self.low > self.high
    }

    /// The number with the fewest digits within; it may be the low end.
    pub fn simplest(&self) -> Option<Ratio> {
        let from_end = Interval { low: self.low.clone() - Exact::from(Ratio::new(1, -20)), high: self.high.clone() };
        simplest(&from_end, |value| self.holds(value)).flatten()
    }

    pub fn holds(&self, value: Ratio) -> bool {
        let value = Exact::from(value);
        self.low <= value && value <= self.high
    }

    /// What lies in both; it may be empty.
    pub fn narrow(&mut self, other: &Interval) {
        self.low = self.low.clone().max(other.low.clone());
        self.high = self.high.clone().min(other.high.clone());
    }

    #[cfg(test)]
    pub fn between(low: &str, high: &str) -> Interval {
        Interval { low: Exact::parse(low).unwrap(), high: Exact::parse(high).unwrap() }
    }

    fn width(&self) -> Exact {
        self.high.clone() - self.low.clone()
    }
}

/// What a few operations in float64 may take off a number, in proportion to it.
const LAST_BITS: Ratio = Ratio::new(1, -14);

/// The ends of an interval are found to so many digits of its width.
const STEP_DIGITS: i16 = 5;

/// The first number of a range at which something holds that holds for all behind it; the one behind the range, where it never holds.
fn first_of(range: RangeInclusive<i64>, holds: impl Fn(i64) -> bool) -> i64 {
    let (mut low, mut high) = (*range.start(), range.end().saturating_add(1));
    while low < high {
        let middle = low.midpoint(high);
        if holds(middle) { high = middle } else { low = middle + 1 }
    }
    low
}

/// Whether the tokens of a slot's class become a whole number by themselves.
fn counts_in_steps(terms: &Terms, slot: Slot) -> bool {
    match (&terms.formula, slot) {
        (Formula::Sum(Sum::InSteps | Sum::OneApiOf2023), Slot::Rate(_)) => true,
        (Formula::Sum(Sum::OneHub), Slot::Rate(class)) => class.is_within(),
        _ => false,
    }
}

/// By how much a charge may be off the amount of its terms: a point by rounding, and what steps before that make of it.
pub fn slack(terms: &Terms, slot: Slot) -> Exact {
    let ratios = || Exact::from(terms.model_ratio) * terms.group_ratio;
    let multipliers = || terms.multipliers.iter().map(|multiplier| Exact::from(multiplier.value));
    let steps = match (&terms.formula, slot) {
        _ if counts_in_steps(terms, slot) => ratios(),
        (Formula::Sum(Sum::OneHub | Sum::OneHubCall | Sum::Laisky), Slot::QuotaPerUnit) => {
            let calls = terms.surcharges.iter().fold(0, |calls: i64, tool| calls.saturating_add(tool.count));
            Exact::from(calls.saturating_add(1)) * terms.group_ratio.max(Ratio::ONE)
        }
        (Formula::Product(product), Slot::Price | Slot::ModelRatio | Slot::GroupRatio | Slot::QuotaPerUnit) => {
            match product.after {
                After::Nothing => Exact::zero(),
                After::TimesLast | After::TimesLastAndTokens => multipliers().next_back().unwrap_or_default(),
                After::Multiplied => multipliers().fold(Exact::from(1), |all, multiplier| all * multiplier),
            }
        }
        (Formula::Decimal | Formula::DecimalPrice | Formula::Expression(_), _) => Exact::zero(),
        // A call is rounded by itself, and what all come to once more.
        (_, Slot::ToolPrice(index)) => (Exact::from(terms.group_ratio) + Exact::from(1)) * terms.surcharges[index].count,
        _ => Exact::zero(),
    };
    if steps.is_negative() { Exact::from(1) } else { steps + Exact::from(1) }
}

/// Whether amounts are rounded up, in the float64 arithmetic of a gateway.
fn rounds_up(terms: &Terms) -> bool {
    match terms.formula {
        Formula::Sum(sum) => matches!(sum, Sum::OneApi | Sum::OneHub | Sum::Laisky),
        Formula::Product(product) => product.rounding == FloatRounding::Ceil,
        _ => false,
    }
}

/// The power of ten of a number's first digit.
pub fn magnitude(number: &Exact) -> i16 {
    let text = number.clone().normalized().to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let whole = whole.trim_start_matches('0');
    if whole.is_empty() {
        let zeros = fraction.bytes().take_while(|digit| *digit == b'0').count();
        -i16::try_from(zeros).unwrap_or(i16::MAX) - 1
    } else {
        i16::try_from(whole.len()).unwrap_or(i16::MAX) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::Class;

    /// 4 tokens at 1.75 to 2 are cut to 3 more than they are.
    #[test]
    fn a_count_that_is_cut_leaves_all_that_is_cut_to_it() {
        let mut terms = Terms { formula: Formula::Sum(Sum::OneHub), ..Terms::tokens(Ratio::new(18_816, -3), Ratio::ONE) };
        terms.add(Class::Input, 23, Ratio::ONE);
        terms.add(Class::Cached, 4, Ratio::new(25, -2));
        terms.add(Class::Output, 1_675, Ratio::new(75_264, -3));
        let charged = Points(126_557);
        let wrong = Wrong { terms: &terms, written: &Charged::Points(charged), charged };
        let interval = Interval::rounded(wrong, Slot::Rate(Class::Cached)).unwrap();
        let held: Vec<bool> = [174, 175, 192, 199, 200].map(|rate| interval.holds(Ratio::new(rate, -2))).into();
        assert_eq!(held, [false, true, true, true, false]);
    }
}
