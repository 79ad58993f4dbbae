//! A quick look at an amount, to spare the exact one where it cannot come near. Nothing is ever decided by it but what lies far from
//! any doubt: "too far away", "between these whole numbers".

use std::cmp::Ordering;
use std::ops::RangeInclusive;

use wide::f32x8;

use super::{POWERS, of};
use crate::exact::{Points, Ratio};
use crate::fetch::fetch;

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

/// Of so many classes tokens are counted.
pub const CLASSES: usize = 6;

/// What enters a sum: 1 for what is charged without any tokens, the tokens of each class, and the prompt.
const PARTS: usize = CLASSES + 2;
const PROMPT: usize = PARTS - 1;

/// The counts of a row.
#[derive(Clone, Copy, Debug)]
pub struct Counts([f64; PARTS]);

/// A sum over counts, nearly: what one of each adds to it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Weights([f64; PARTS]);

/// A sum, nearly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Amount(f64);

/// Many sums over the same counts, some at a time. There are many of these, so their weights are short.
#[derive(Clone, Debug, Default)]
pub struct Sums {
    /// The parts that have a weight in any of them, so many at the start.
    parts: [u8; PARTS],
    used: u8,
    /// For each of those parts its weights in the sums of a block, block by block.
    weights: Box<[f32x8]>,
    count: usize,
    /// The most that is added in any of the sums where something is taken off as well.
    most: Weights,
}

/// So many sums are looked at together.
const BLOCK: usize = 8;

/// Sums of a few short numbers are right to so many parts of what is added: each number, product and sum to 2^-24.
const SHORT_SLACK: f64 = 2e-6;

/// What an amount must be near to.
#[derive(Clone, Copy, Debug)]
pub struct Near {
    low: f64,
    high: f64,
}

/// A sum over tokens whose parts are rounded one by one: before they are multiplied with the ratios, or behind that.
#[derive(Clone, Copy, Debug)]
pub struct Steps {
    rates: [f64; CLASSES],
    ratios: f64,
}

impl Counts {
    pub fn of(tokens: &[i64; CLASSES], prompt: i64) -> Counts {
        let mut counts = [1.0; PARTS];
        counts[1..PROMPT].iter_mut().zip(tokens).for_each(|(count, tokens)| *count = *tokens as f64);
        counts[PROMPT] = prompt as f64;
        Counts(counts)
    }

    /// The counts of a row that costs so many times as much.
    pub fn times(mut self, ratio: Ratio) -> Counts {
        let ratio = about(ratio);
        self.0.iter_mut().for_each(|count| *count *= ratio);
        self
    }
}

impl Weights {
    /// What nothing and one of each class come to.
    pub fn between(nothing: Estimate, ones: [Estimate; CLASSES]) -> Weights {
        let mut weights = [nothing.value; PARTS];
        weights[1..PROMPT].iter_mut().zip(ones).for_each(|(weight, one)| *weight = one.value - nothing.value);
        weights[PROMPT] = 0.0;
        Weights(weights)
    }

    /// Weights over a common denominator.
    pub fn of(constant: u128, classes: [u128; CLASSES], denominator: u128) -> Weights {
        let part = |number: u128| number as f64 / denominator as f64;
        let mut weights = [0.0; PARTS];
        weights[0] = part(constant);
        weights[1..PROMPT].iter_mut().zip(classes).for_each(|(weight, class)| *weight = part(class));
        Weights(weights)
    }

    /// The highest weight of each part in those sums that have one below 0, if that is above 0.
    fn most_of(sums: &[Weights]) -> Weights {
        let mut most = Weights::default();
        for sum in sums.iter().filter(|sum| sum.0.iter().any(|weight| *weight < 0.0)) {
            most.0.iter_mut().zip(sum.0).for_each(|(most, weight)| *most = most.max(weight));
        }
        most
    }

    pub fn sum(&self, counts: &Counts) -> Amount {
        Amount(self.0.iter().zip(&counts.0).fold(0.0, |sum, (weight, count)| sum + weight * count))
    }

    /// What so many tokens of a class add.
    pub fn part(&self, class: usize, count: i64) -> Amount {
        Amount(self.0.get(class + 1).map_or(0.0, |weight| weight * count as f64))
    }

    /// Tokens of a class add nothing.
    pub fn clear(&mut self, class: usize) {
        self.0[class + 1] = 0.0;
    }

    /// Tokens of a class are added or taken off as those of another, too.
    pub fn count_as(&mut self, class: usize, other: usize, times: i8) {
        self.0[class + 1] += self.0[other + 1] * f64::from(times);
    }

    /// There are as many tokens of a class as the prompt has.
    pub fn count_prompt_as(&mut self, class: usize) {
        self.0[PROMPT] += std::mem::take(&mut self.0[class + 1]);
    }
}

impl Sums {
    /// The same sums, each once; in another order.
    pub fn distinct(mut sums: Vec<Weights>) -> Sums {
        sums.sort_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal));
        sums.dedup();
        Sums::of(&sums)
    }

    pub fn of(sums: &[Weights]) -> Sums {
        let has_weight = |part: &u8| sums.iter().any(|sum| sum.0[usize::from(*part)] != 0.0);
        let (mut parts, mut used) = ([0; PARTS], 0);
        for (own, part) in parts.iter_mut().zip((0..PARTS as u8).filter(has_weight)) {
            (*own, used) = (part, used + 1);
        }
        let of_block = |block: &[Weights]| -> Vec<f32x8> {
            let weight = |at: usize, part: u8| block.get(at).map_or(0.0, |sum| sum.0[usize::from(part)] as f32);
            parts[..used].iter().map(|part| f32x8::new(std::array::from_fn(|at| weight(at, *part)))).collect()
        };
        let weights = sums.chunks(BLOCK).flat_map(of_block).collect();
        Sums { parts, used: used as u8, weights, count: sums.len(), most: Weights::most_of(sums) }
    }

    /// See [`fetch`].
    #[inline]
    pub fn fetch(&self) {
        fetch(self.weights.first());
    }

    /// Tells the numbers of those sums that may be rounded to some points, halves either way, as long as that is wanted; none where it was
    /// not.
    #[inline]
    pub fn each_near(&self, counts: &Counts, points: Points, mut tell: impl FnMut(usize) -> Option<()>) -> Option<()> {
        let mut own = [0.0; PARTS];
        own.iter_mut().zip(&self.parts).for_each(|(own, part)| *own = counts.0[usize::from(*part) % PARTS] as f32);
        // Of a sum that is near no more is taken off than is added.
        let size = self.most.sum(counts).0 + points.0.abs() as f64;
        let near = Near::within(0.5 + SHORT_SLACK * size, points);
        let blocks = self.weights.chunks_exact(usize::from(self.used).max(1));
        for (block, weights) in blocks.enumerate() {
            let mut bits = near_of_block(weights, &own, near);
            while bits != 0 {
                let number = block * BLOCK + bits.trailing_zeros() as usize;
                // The last block may be filled up with nothing.
                if number < self.count {
                    tell(number)?;
                }
                bits &= bits - 1;
            }
        }
        Some(())
    }
}

/// Which sums of a block are near, a bit for each. What is no number is not known to be far away.
#[inline]
fn near_of_block(weights: &[f32x8], counts: &[f32; PARTS], near: Near) -> u8 {
    let mut sums = f32x8::ZERO;
    for (weights, count) in weights.iter().zip(counts) {
        sums += *weights * f32x8::splat(*count);
    }
    let away = sums.simd_lt(f32x8::splat(near.low as f32)) | sums.simd_gt(f32x8::splat(near.high as f32));
    !(away.to_bitmask() as u8)
}

impl Amount {
    /// The nearest whole number, or one next to it.
    pub fn whole(self) -> i64 {
        (self.0 + 0.5) as i64
    }
}

impl Near {
    /// What may be cut to these points.
    pub fn cut(points: Points) -> Near {
        let Near { low, high } = Near::within(1e-3, points);
        Near { low, high: high + 1.0 }
    }

    fn within(distance: f64, points: Points) -> Near {
        let (points, slack) = (points.0 as f64, distance + points.0.abs() as f64 * 1e-9);
        Near { low: points - slack, high: points + slack }
    }

    #[inline]
    pub fn has(self, amount: Amount) -> bool {
        // What is no number is not known to be far away.
        let is_away = amount.0 < self.low || amount.0 > self.high;
        !is_away
    }
}

impl Steps {
    /// For parts at these rates.
    pub fn of(rates: [Ratio; CLASSES], ratios: [Ratio; 2]) -> Steps {
        Steps { rates: rates.map(about), ratios: ratios.into_iter().map(about).product() }
    }

    /// Whether an amount may come to these points by another rounding, or in steps.
    pub fn may_give(&self, counts: &Counts, amount: Amount, points: Points) -> bool {
        let most = 2.0 + CLASSES as f64 * (1.0 + self.ratios.abs());
        if !Near::within(most, points).has(amount) {
            return false;
        }
        Near::within(1.0 + 1e-6, points).has(amount)
            || self.is_near(counts, (1.0, self.ratios), points)
            || self.is_near(counts, (self.ratios, 1.0), points)
    }

    /// With factors before the steps, and behind them.
    fn is_near(&self, counts: &Counts, (before, behind): (f64, f64), points: Points) -> bool {
        let parts = self.rates.iter().zip(&counts.0[1..PROMPT]).filter(|(_, count)| **count != 0.0);
        let (low, high) = parts.fold((0.0, 0.0), |(low, high): (f64, f64), (rate, count)| {
            let part = rate * count * before;
            // Either way, where it is not far from a half.
            let slack = 1e-6 + part.abs() * 1e-9;
            (low + (part - slack).round(), high + (part + slack).round())
        });
        let Near { low: least, high: most } = Near::within(0.5 + 1e-6, points);
        let (one, other) = (low * behind, high * behind);
        let is_away = one.max(other) < least || one.min(other) > most;
        !is_away
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

    /// Whether the amount at a value is rounded to the charge: it is then within half of the distance.
    pub fn rounds(&self, value: Ratio) -> Option<bool> {
        let value = about(value);
        let (middle, half) = ((self.low + self.high) / 2.0, (self.high - self.low) / 4.0);
        let beyond = (value - middle).abs() - half;
        let slack = 2.0 * self.slack + value.abs() * SLACK;
        (beyond.abs() > slack).then_some(beyond < 0.0)
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
