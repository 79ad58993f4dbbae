//! Numbers of few digits that lie in an interval, and how much they tell.

use std::ops::RangeInclusive;

use crate::exact::Ratio;
use crate::float::estimate::Around;

/// More digits than this are no simple number.
const MOST_DIGITS: i16 = 4;

/// The digits of a number, without zeros at either end.
pub fn digits(value: Ratio) -> u32 {
    value.mantissa().unsigned_abs().checked_ilog10().map_or(1, |power| power + 1)
}

pub fn is_simple(value: Ratio) -> bool {
    digits(value) <= MOST_DIGITS.unsigned_abs().into()
}

/// An interval with more simple numbers than this says nothing of the longer ones.
const MOST_NUMBERS: usize = 12;

/// Of the shorter ones it still tells something where one as simple lies in one of so many such intervals.
const TELLING: i64 = 4;

/// A number is earned where one as simple lies in one of so many such intervals.
const RARE: i64 = 400;

/// Where a number lies. Answers are none where they are in doubt.
pub trait Within {
    /// The power of ten of the first digit of the highest value.
    fn magnitude(&self) -> Option<i16>;

    /// Which multiples of a power of ten lie within.
    fn multiples(&self, power: i16) -> Option<RangeInclusive<i64>>;

    /// Whether at most one in so many such intervals holds a multiple of a power of ten.
    fn is_rare(&self, power: i16, times: i64) -> Option<bool>;

    /// Whether the amount at a value is rounded to the charge, halves away from 0.
    fn rounds(&self, value: Ratio) -> Option<bool>;
}

impl Within for Around {
    fn magnitude(&self) -> Option<i16> {
        Around::magnitude(self)
    }

    fn multiples(&self, power: i16) -> Option<RangeInclusive<i64>> {
        Around::multiples(self, power)
    }

    fn is_rare(&self, power: i16, times: i64) -> Option<bool> {
        Around::is_rare(self, power, times)
    }

    fn rounds(&self, value: Ratio) -> Option<bool> {
        Around::rounds(self, value)
    }
}

/// The numbers of at most four digits within, the simplest first.
pub fn simple(within: &dyn Within) -> Option<Simple> {
    // A further digit may bring too many, and those that it did are dropped.
    let mut simple = Simple { numbers: Vec::with_capacity(2 * MOST_NUMBERS + 2), are_all: true };
    let top = within.magnitude()?;
    for digits in 0..MOST_DIGITS {
        let (power, shorter) = (top - digits, simple.numbers.len());
        for value in values(within, power)? {
            if !simple.numbers.iter().any(|(known, _)| *known == value) {
                simple.numbers.push((value, Telling::Little));
            }
        }
        if simple.numbers.len() > MOST_NUMBERS {
            simple.are_all = false;
            simple.numbers.truncate(shorter);
            break;
        }
        if simple.numbers.len() > shorter {
            let telling = telling(within, power)?;
            simple.numbers[shorter..].iter_mut().for_each(|(_, own)| *own = telling);
        }
    }
    if simple.are_all {
        let told = simple.numbers.iter_mut().filter(|(_, telling)| *telling == Telling::Little);
        told.for_each(|(_, telling)| *telling = Telling::Some);
    }
    Some(simple)
}

/// How much a multiple of a power of ten within tells.
pub fn telling(within: &dyn Within, power: i16) -> Option<Telling> {
    Some(match within.is_rare(power, RARE)? {
        true => Telling::Earned,
        false if within.is_rare(power, TELLING)? => Telling::Some,
        false => Telling::Little,
    })
}

/// The number with the fewest digits within that gives the charge, if there is one: those near the ends may not. Of a further digit there
/// are ten times as many, so some in the middle.
pub fn simplest(within: &dyn Within, gives: impl Fn(Ratio) -> bool) -> Option<Option<Ratio>> {
    let top = within.magnitude()?;
    let mut tried = 0;
    for digits in 0..16 {
        let mut few = values(within, top - digits)?.peekable();
        tried += usize::from(few.peek().is_some());
        let found = few.find(|value| gives(*value));
        if found.is_some() || tried == 2 {
            return Some(found);
        }
    }
    Some(None)
}

/// The multiples of a power of ten within that are above 0; a few of them.
pub fn values(within: &dyn Within, power: i16) -> Option<impl Iterator<Item = Ratio> + use<>> {
    let unit = Ratio::new(1, power);
    let (first, last) = within.multiples(power)?.into_inner();
    let first = first.max(1);
    let few = first..=last.min(first.saturating_add(MOST_NUMBERS as i64 + 1));
    Some(few.map(move |n| Ratio::new(n.saturating_mul(unit.mantissa()), unit.exponent())))
}

/// The simple numbers of an interval.
pub struct Simple {
    pub numbers: Vec<(Ratio, Telling)>,
    /// There are no others of at most four digits.
    pub are_all: bool,
}

/// How unlikely it is that a number as simple lies in an interval by chance.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    Little,
    Some,
    Earned,
}

#[cfg(test)]
mod tests {
    use super::super::Interval;
    use super::*;

    #[track_caller]
    fn check(low: &str, high: &str, expected: &[&str]) {
        let telling =
            simple(&Interval::between(low, high)).unwrap().numbers.into_iter().filter(|(_, telling)| *telling != Telling::Little);
        let found: Vec<String> = telling.map(|(value, _)| value.to_string()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn simple_numbers_come_in_the_order_of_their_digits() {
        check("0.84991", "0.85009", &["0.85"]);
        check("0.8499", "0.8501", &["0.85", "0.8501"]);
        check("0.0666661", "0.0666669", &[]);
        check("0.3292", "0.3307", &["0.33"]);
        check("0.4", "0.8", &[]);
        check("0.769999999999999999999999", "0.770000000000000000000001", &["0.77"]);
    }

    #[test]
    fn a_narrow_interval_earns_a_number_and_a_wide_one_does_not() {
        let earned = |low: &str, high: &str| {
            simple(&Interval::between(low, high)).unwrap().numbers.first().map(|(_, telling)| *telling == Telling::Earned)
        };
        assert_eq!(earned("0.849999", "0.850001"), Some(true));
        assert_eq!(earned("0.8499", "0.8501"), Some(false));
    }
}
