//! A quick look at an amount, to spare the exact one where it cannot come near. Nothing is ever decided by it but "too far away".

use super::of;
use crate::exact::{Points, Ratio};

/// An amount that is right to about fifteen digits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate(f64);

impl Estimate {
    pub const NOTHING: Estimate = Estimate(0.0);

    pub fn of(ratio: Ratio) -> Estimate {
        Estimate(of(ratio))
    }

    /// Adds so many at a rate.
    pub fn add(&mut self, count: i64, rate: Ratio) {
        self.0 += count as f64 * of(rate);
    }

    pub fn plus(self, other: Estimate) -> Estimate {
        Estimate(self.0 + other.0)
    }

    pub fn times(self, ratio: Ratio) -> Estimate {
        Estimate(self.0 * of(ratio))
    }

    /// Whether the amount may become these points by some rounding.
    pub fn is_near(self, points: Points) -> bool {
        let target = points.0 as f64;
        (self.0 - target).abs() <= 2.0 + target.abs() * 1e-9
    }
}
