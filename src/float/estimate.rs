//! A quick look at an amount, to spare the exact one where it cannot come near. Nothing is ever decided by it but what lies far from
//! any doubt: "too far away", "between these whole numbers".

use std::ops::{Add, RangeInclusive, Sub};

use super::{POWERS, of};
use crate::exact::{Points, Ratio};

/// Sums and products of a few numbers are right to so many parts of their size, which is that of all that was added.
const SLACK: f64 = 1e-14;

/// An amount, nearly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    value: f64,
    /// The same amount with nothing taken off.
    size: f64,
}

impl Estimate {
    pub const NOTHING: Estimate = Estimate { value: 0.0, size: 0.0 };

    pub fn of(ratio: Ratio) -> Estimate {
        let value = about(ratio);
        Estimate { value, size: value.abs() }
    }

    /// So many at a rate.
    pub fn product(count: i64, rate: Ratio) -> Estimate {
        let value = count as f64 * about(rate);
        Estimate { value, size: value.abs() }
    }

    pub fn plus(self, other: Estimate) -> Estimate {
        Estimate { value: self.value + other.value, size: self.size + other.size }
    }

    pub fn times(self, ratio: Ratio) -> Estimate {
        let ratio = about(ratio);
        Estimate { value: self.value * ratio, size: self.size * ratio.abs() }
    }

    /// Whether the amount may become these points by some rounding.
    pub fn is_near(self, points: Points) -> bool {
        self.is_within(2.0, points)
    }

    /// Whether the amount may be rounded to these points, halves either way.
    pub fn may_round_to(self, points: Points) -> bool {
        self.is_within(0.5, points)
    }

    fn is_within(self, distance: f64, points: Points) -> bool {
        let target = points.0 as f64;
        let found = (self.value - target).abs();
        // What is no number is not known to be far away.
        found.is_nan() || found <= distance + (target.abs() + self.size) * 1e-9
    }
}

/// A ratio to fifteen digits.
fn about(ratio: Ratio) -> f64 {
    const PARTS: [f64; 23] = [
        1e0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-13, 1e-14, 1e-15, 1e-16, 1e-17, 1e-18,
        1e-19, 1e-20, 1e-21, 1e-22,
    ];
    let (mantissa, exponent) = (ratio.mantissa() as f64, usize::from(ratio.exponent().unsigned_abs()));
    match (if ratio.exponent() < 0 { &PARTS } else { &POWERS }).get(exponent) {
        _ if exponent == 0 => mantissa,
        Some(power) => mantissa * power,
        None => of(ratio),
    }
}

/// So many classes have tokens, at most.
pub const MOST_CLASSES: usize = 14;

/// A sum over token counts, nearly: what a token of each class adds to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    constant: f64,
    weights: [f64; MOST_CLASSES],
}

/// Weights of some classes alone, one sum behind the other.
#[derive(Clone, Debug)]
pub struct Sums {
    classes: usize,
    /// The constant and the weights of each.
    numbers: Box<[f64]>,
}

/// A sum over tokens, nearly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Amount(f64);

impl Add for Amount {
    type Output = Amount;
    fn add(self, other: Amount) -> Amount {
        Amount(self.0 + other.0)
    }
}

impl Sub for Amount {
    type Output = Amount;
    fn sub(self, other: Amount) -> Amount {
        Amount(self.0 - other.0)
    }
}

/// What an amount must be near to.
#[derive(Clone, Copy, Debug)]
pub struct Near {
    low: f64,
    high: f64,
}

/// By how much a sum may change where each of its parts is rounded by itself.
#[derive(Clone, Copy, Debug)]
pub struct Steps(f64);

impl Steps {
    /// For so many parts, in units of a product.
    pub fn of(parts: usize, unit: [Ratio; 2]) -> Steps {
        let unit: f64 = unit.into_iter().map(about).product();
        Steps(2.0 + parts as f64 * (1.0 + unit.abs()))
    }
}

impl Near {
    /// What may be rounded to these points, halves either way. `most` is an amount that other parts may be taken off from.
    pub fn rounded(points: Points, most: Amount) -> Near {
        let slack = 0.5 + (points.0.abs() as f64 + most.0.abs()) * 1e-9;
        Near { low: points.0 as f64 - slack, high: points.0 as f64 + slack }
    }

    /// What may be cut to these points, or is one below or above by the last bit of a float.
    pub fn cut(points: Points) -> Near {
        let slack = 1e-3 + points.0.abs() as f64 * 1e-9;
        Near { low: points.0 as f64 - slack, high: points.0 as f64 + 1.0 + slack }
    }

    /// What may come to these points in steps.
    pub fn in_steps(points: Points, steps: Steps) -> Near {
        let slack = steps.0 + points.0.abs() as f64 * 1e-9;
        Near { low: points.0 as f64 - slack, high: points.0 as f64 + slack }
    }

    #[inline]
    pub fn has(self, amount: Amount) -> bool {
        // What is no number is not known to be far away.
        let is_away = amount.0 < self.low || amount.0 > self.high;
        !is_away
    }
}

impl Weights {
    /// Weights over a common denominator.
    pub fn of(constant: u128, weights: &[u128; MOST_CLASSES], denominator: u128) -> Weights {
        let part = |number: u128| number as f64 / denominator as f64;
        Weights { constant: part(constant), weights: weights.map(part) }
    }

    /// What so many tokens of each class add, and the amount of all.
    pub fn parts(&self, counts: &[i64]) -> ([Amount; MOST_CLASSES], Amount) {
        let (mut parts, mut sum) = ([Amount(0.0); MOST_CLASSES], self.constant);
        for ((part, weight), count) in parts.iter_mut().zip(&self.weights).zip(counts).filter(|(_, count)| **count != 0) {
            part.0 = weight * *count as f64;
            sum += part.0;
        }
        (parts, Amount(sum))
    }

    /// What so many tokens of the class at an index add.
    #[inline]
    pub fn part(&self, index: usize, count: i64) -> Amount {
        Amount(self.weights.get(index).map_or(0.0, |weight| weight * count as f64))
    }
}

impl Sums {
    /// The classes are those at these indexes.
    pub fn of(classes: &[usize], sums: &[Weights]) -> Sums {
        let numbers = |sum: &Weights| {
            let weights = classes.iter().map(|index| sum.weights.get(*index).copied().unwrap_or(0.0));
            [sum.constant].into_iter().chain(weights).collect::<Vec<f64>>()
        };
        Sums { classes: classes.len(), numbers: sums.iter().flat_map(numbers).collect() }
    }

    /// The numbers of those sums that are near, for so many tokens of the classes.
    pub fn near(&self, counts: impl Iterator<Item = i64>, near: Near) -> impl Iterator<Item = usize> {
        let mut floats = [1.0; MOST_CLASSES + 1];
        floats[1..].iter_mut().zip(counts).for_each(|(float, count)| *float = count as f64);
        let sums = self.numbers.chunks_exact(self.classes + 1).enumerate();
        let amount =
            move |numbers: &[f64]| Amount(numbers.iter().zip(&floats).fold(0.0, |sum, (number, count)| sum + number * count));
        sums.filter(move |(_, numbers)| near.has(amount(numbers))).map(|(index, _)| index)
    }
}

/// The values of a number between which an amount that grows with it comes within a point of a charge, nearly.
///
/// Its answers are none where they are in doubt.
#[derive(Clone, Copy, Debug)]
pub struct Around {
    low: f64,
    high: f64,
    /// How far off either may be.
    slack: f64,
}

impl Around {
    /// `none` and `one` are the amounts at 0 and 1. Within, none where only values of 0 and less fit.
    pub fn of(none: Estimate, one: Estimate, charged: Points) -> Option<Option<Around>> {
        let slope = one.value - none.value;
        let slack = (one.size + none.size) * SLACK;
        let charged = charged.0 as f64;
        let (low, high) = ((charged - 1.0 - none.value) / slope, (charged + 1.0 - none.value) / slope);
        let size = (charged.abs() + 1.0 + none.size) / slope;
        let is_rising = slope > 1e6 * slack && low.is_finite() && high.is_finite();
        let slack = size * (SLACK + slack / slope) * 4.0;
        (is_rising && high.abs() > slack).then_some((high > 0.0).then_some(Around { low, high, slack }))
    }

    /// The power of ten of the first digit of the highest value.
    pub fn magnitude(&self) -> Option<i16> {
        let power = self.high.log10().floor() as i16;
        let digit = self.high / ten_to(power)?;
        let slack = self.slack / ten_to(power)? + 1e-9;
        (1.0 + slack..10.0 - slack).contains(&digit).then_some(power)
    }

    /// Which multiples of a power of ten lie within, from the first that is above the lowest value on.
    pub fn multiples(&self, power: i16) -> Option<RangeInclusive<i64>> {
        // The exact bounds have 24 places, and are counted to six.
        let unit = ten_to(power).filter(|_| power >= -17)?;
        let slack = self.slack / unit + 1e-6;
        let below = |value: f64| {
            let count = value / unit;
            let floor = count.floor();
            let slack = slack + count.abs() * SLACK;
            (floor.abs() < 1e15 && count - floor > slack && floor + 1.0 - count > slack).then_some(floor as i64)
        };
        Some(below(self.low)? + 1..=below(self.high)?)
    }

    /// Whether one in so many intervals of this width holds a multiple of a power of ten.
    pub fn is_rare(&self, power: i16, rare: i64) -> Option<bool> {
        let width = (self.high - self.low) * rare as f64 / ten_to(power)?;
        let slack = 2.0 * self.slack * rare as f64 / ten_to(power)? + 1e-9;
        ((width - 1.0).abs() > slack).then_some(width < 1.0)
    }
}

fn ten_to(power: i16) -> Option<f64> {
    let size = POWERS.get(usize::from(power.unsigned_abs()))?;
    Some(if power < 0 { 1.0 / size } else { *size })
}
