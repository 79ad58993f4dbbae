//! All numbers between two, and the decimals that lie there.

use std::collections::BTreeSet;

use crate::exact::{Exact, Ratio};

/// All numbers between two, ends included.
#[derive(Clone, Debug, PartialEq)]
pub struct Interval {
    pub low: Exact,
    pub high: Exact,
}

/// A number with this many digits is seldom somebody's choice.
const SIMPLE_DIGITS: u32 = 6;
/// By how much it must where the number is to be sure: of odd numbers one in fifty looks like a simple one then. Numbers with few digits are what most
/// ratios are.
const SURE: i64 = 20;
const SURE_FEW: i64 = 5;
const FEW_DIGITS: u32 = 3;
const MIDDLE_PLACES: u32 = 15;
/// What is less may as well be nothing; and the least rate of a class beside nothing.
/// What is as simple lies further off than a part of a number like this.
const NEAR: i64 = 4;
const NOTHING: Ratio = Ratio::new(3, -2);
const LEAST_RATE: Ratio = Ratio::new(1, -2);
/// Digits to which ends are divided.
const PLACES: u32 = 24;

impl Interval {
    pub fn point(ratio: Ratio) -> Interval {
        Interval { low: ratio.into(), high: ratio.into() }
    }

    pub fn minus(&self, amount: &Exact) -> Interval {
        Interval { low: self.low.clone() - amount.clone(), high: self.high.clone() - amount.clone() }
    }

    /// This interval by a number; none where that is not positive.
    pub fn divided_by(&self, weight: &Exact) -> Option<Interval> {
        let end = |end: &Exact| end.divided_by(weight, PLACES);
        weight.is_positive().then(|| Interval { low: end(&self.low), high: end(&self.high) })
    }

    pub fn times(&self, factor: Ratio) -> Interval {
        Interval { low: self.low.clone() * factor, high: self.high.clone() * factor }
    }

    /// The number in the middle, cut to so many places that it seldom stands for itself.
    pub fn middle(&self) -> Option<Ratio> {
        ((self.low.clone() + self.high.clone()) * Ratio::new(5, -1)).rounded(MIDDLE_PLACES).to_ratio()
    }

    /// This interval by another one; none where that may be 0.
    pub fn over(&self, other: &Interval) -> Option<Interval> {
        if !other.low.is_positive() || self.low.is_negative() {
            return None;
        }
        Some(Interval { low: self.low.divided_by(&other.high, PLACES), high: self.high.divided_by(&other.low, PLACES) })
    }

    /// The products of this interval's numbers with another's; none where they may be negative.
    pub fn by(&self, other: &Interval) -> Option<Interval> {
        let is_positive = !(self.low.is_negative() || other.low.is_negative());
        let ends = || Interval { low: self.low.clone() * other.low.clone(), high: self.high.clone() * other.high.clone() };
        is_positive.then(ends)
    }

    /// From the least of both to the most.
    pub fn or(&self, other: &Interval) -> Interval {
        Interval { low: self.low.clone().min(other.low.clone()), high: self.high.clone().max(other.high.clone()) }
    }

    /// What both hold, where they meet.
    pub fn and(&self, other: &Interval) -> Interval {
        Interval { low: self.low.clone().max(other.low.clone()), high: self.high.clone().min(other.high.clone()) }
    }

    pub fn holds(&self, number: &Exact) -> bool {
        self.low <= *number && *number <= self.high
    }

    /// Whether both hold some number.
    pub fn meets(&self, other: &Interval) -> bool {
        self.low <= other.high && other.low <= self.high
    }

    /// The decimal with the fewest digits, and the unit of its last digit.
    pub fn simplest(&self) -> Option<(Ratio, Exact)> {
        if self.holds(&Exact::zero()) {
            return Some((Ratio::ZERO, NOTHING.into()));
        }
        (-3..=16).find_map(|places: i16| {
            let unit = Ratio::new(1, -places);
            let count = Exact::from(self.low.divided_by(&Exact::from(unit), 12).ceil());
            let number = count * unit;
            let ratio = number.to_ratio()?;
            self.holds(&number).then_some((ratio, Exact::from(unit)))
        })
    }

    /// The number that so many rows agree on; none where another one would do as well.
    pub fn determined(&self, rows: usize) -> Option<Ratio> {
        self.within_units(|digits| units_apart(rows, digits))
    }

    /// Whether so many rows leave hardly any doubt that it is this number.
    pub fn shows(&self, value: Ratio, rows: usize) -> bool {
        let least = |digits: u32| if digits <= FEW_DIGITS { SURE_FEW } else { SURE };
        self.within_units(|digits| units_apart(rows, digits).max(least(digits))) == Some(value)
    }

    /// The simplest number, where the unit of its last digit is so many times the interval.
    fn within_units(&self, times: impl Fn(u32) -> i64) -> Option<Ratio> {
        let (value, unit) = self.simplest()?;
        let width = self.high.clone() - self.low.clone();
        let digits = value.mantissa().unsigned_abs().checked_ilog10().map_or(1, |digits| digits + 1);
        (width * times(digits) <= unit).then_some(value)
    }

    /// The simplest number, where no other one within is as simple.
    pub fn only(&self) -> Option<Ratio> {
        let (value, unit) = self.simplest()?;
        let unit = if value.is_zero() { LEAST_RATE.into() } else { unit };
        let width = self.high.clone() - self.low.clone();
        let is_near = value.is_zero() || width.clone() * NEAR < Exact::from(value);
        (width < unit && is_near).then_some(value)
    }

    /// The number among some that lies within, else the one that is determined.
    pub fn one_of(&self, hints: &BTreeSet<Ratio>, rows: usize) -> Option<Ratio> {
        let hint = hints.iter().find(|hint| self.holds(&Exact::from(**hint)));
        hint.copied().or_else(|| self.determined(rows))
    }

    /// A few simple decimals within, the simplest first.
    pub fn some(&self) -> Vec<Ratio> {
        let mut found: Vec<Ratio> = Vec::new();
        for places in 0..=4i16 {
            let unit = Exact::from(Ratio::new(1, -places));
            let first = Exact::from(self.low.divided_by(&unit, 12).ceil());
            let numbers = (0..3).map(|n| (first.clone() + Exact::from(n)) * unit.clone()).filter(|number| self.holds(number));
            for ratio in numbers.filter_map(|number| number.to_ratio()) {
                if !found.contains(&ratio) {
                    found.push(ratio);
                }
            }
        }
        found.truncate(4);
        found
    }

    /// How many rows allow a number.
    pub fn allowing(parts: &[(Interval, usize)], number: Ratio) -> usize {
        parts.iter().filter(|(interval, _)| interval.holds(&number.into())).map(|(_, rows)| rows).sum()
    }

    /// What the intervals of most rows share, and how many rows that are.
    pub fn shared(parts: &[(Interval, usize)]) -> Option<(Interval, usize)> {
        let mut begins: Vec<&(Interval, usize)> = parts.iter().collect();
        let mut ends = begins.clone();
        begins.sort_by(|a, b| a.0.low.cmp(&b.0.low));
        ends.sort_by(|a, b| a.0.high.cmp(&b.0.high));
        let (mut ended, mut rows, mut best) = (0, 0, None);
        for (interval, weight) in begins {
            rows += weight;
            while ends[ended].0.high < interval.low {
                rows -= ends[ended].1;
                ended += 1;
            }
            if best.as_ref().is_none_or(|(most, _)| rows > *most) {
                best = Some((rows, Interval { low: interval.low.clone(), high: ends[ended].0.high.clone() }));
            }
        }
        best.map(|(rows, interval)| (interval, rows))
    }
}

/// By how much the unit of the last digit must exceed the interval: the fewer rows and the more digits, the likelier is chance.
fn units_apart(rows: usize, digits: u32) -> i64 {
    match rows {
        0..=1 => 1000,
        _ if digits > SIMPLE_DIGITS => 100,
        2..=9 => 20,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(low: &str, high: &str) -> Interval {
        Interval { low: Exact::parse(low).unwrap(), high: Exact::parse(high).unwrap() }
    }

    #[track_caller]
    fn check_determined(low: &str, high: &str, rows: usize, expected: Option<&str>) {
        let found = interval(low, high).determined(rows).map(|ratio| ratio.to_string());
        assert_eq!(found.as_deref(), expected, "{low} to {high}, {rows} rows");
    }

    #[test]
    fn fewer_rows_need_a_narrower_interval() {
        check_determined("1.2495", "1.2505", 1, None);
        check_determined("1.2499", "1.2501", 2, Some("1.25"));
        check_determined("1.24999999", "1.25000001", 1, Some("1.25"));
        check_determined("1.249", "1.251", 9, None);
        check_determined("1.249", "1.251", 10, Some("1.25"));
        check_determined("0.06666666", "0.06666668", 50, None);
        check_determined("0.0666666699", "0.0666666701", 50, None);
        check_determined("0.06666666999", "0.06666667001", 50, Some("0.06666667"));
    }

    #[test]
    fn what_most_rows_share() {
        let parts = [(interval("1", "3"), 2), (interval("2", "4"), 1), (interval("5", "6"), 2), (interval("5.5", "9"), 2)];
        assert_eq!(Interval::shared(&parts), Some((interval("5.5", "6"), 4)));
        assert_eq!(Interval::shared(&parts[..2]), Some((interval("2", "3"), 3)));
        assert_eq!(Interval::shared(&[]), None);
    }
}
