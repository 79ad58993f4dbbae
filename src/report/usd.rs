//! Totals in USD. Inputs may differ in the points of 1 USD, so points are summed by that number, and only the sums are divided.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::text::usd_of;
use crate::audit::Totals;
use crate::exact::{Exact, Ratio, Whole};

/// Totals in USD. They merge in any order, exactly.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UsdTotals {
    pub charged: Exact,
    pub expected: Exact,
    pub over: Exact,
    pub under: Exact,
    pub unrated: Exact,
    points: BTreeMap<Ratio, PointSums>,
}

/// Sums of points that are worth the same.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PointSums {
    charged: i128,
    expected: i128,
    over: i128,
    under: i128,
    unrated: i128,
}

impl PointSums {
    fn between(before: &Totals, after: &Totals) -> PointSums {
        PointSums {
            charged: after.charged_points - before.charged_points,
            expected: after.expected_points - before.expected_points,
            over: after.over_points - before.over_points,
            under: after.under_points - before.under_points,
            unrated: after.unrated_points - before.unrated_points,
        }
    }

    fn merge(&mut self, other: &PointSums) {
        self.charged += other.charged;
        self.expected += other.expected;
        self.over += other.over;
        self.under += other.under;
        self.unrated += other.unrated;
    }
}

impl UsdTotals {
    /// Totals of points by how many of them are 1 USD.
    pub fn of(points: impl IntoIterator<Item = (Ratio, PointSums)>) -> UsdTotals {
        let mut totals = UsdTotals::default();
        points.into_iter().for_each(|(per_unit, part)| totals.points.entry(per_unit).or_default().merge(&part));
        totals.divided()
    }

    /// Adds what lies between two states of the totals, at so many points for 1 USD.
    pub fn add(&mut self, before: &Totals, after: &Totals, per_unit: Ratio) {
        let points = self.points().chain([(per_unit, PointSums::between(before, after))]);
        *self = UsdTotals::of(points.collect::<Vec<_>>());
    }

    /// The sums by how many points are 1 USD.
    pub fn points(&self) -> impl Iterator<Item = (Ratio, PointSums)> {
        self.points.iter().map(|(per_unit, points)| (*per_unit, points.clone()))
    }

    pub fn net(&self) -> Exact {
        self.charged.clone() - self.expected.clone()
    }

    fn divided(mut self) -> UsdTotals {
        for (per_unit, points) in &self.points {
            let usd = |points: i128| usd_of(&Exact::from(Whole::from(points)), *per_unit);
            self.charged += usd(points.charged);
            self.expected += usd(points.expected);
            self.over += usd(points.over);
            self.under += usd(points.under);
            self.unrated += usd(points.unrated);
        }
        self
    }
}
