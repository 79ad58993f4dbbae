//! Wrong rows that are counted together: their sums by outcome and by day.
//!
//! What explains a class of rows is known only at the end of the run, and a number that all rows share may be the better cause. As long as a
//! class has few rows, they can be asked for numbers, for which the summary keeps the first of them.

use std::collections::HashMap;

use super::days::Days;
use super::kinds::Outcome;
use super::lookout::Told;
use crate::audit::{CauseSet, ClassKey, PlainWrong, Span, Summary};
use crate::exact::Points;
use crate::pricing::Terms;

/// So many rows of a class are kept; where there are more, none is asked for numbers.
const MOST_KEPT: usize = Summary::MOST_ASIDE + 1;

/// The wrong rows that were counted.
#[derive(Debug, Default)]
pub struct Wrongs {
    /// By the number of the outcome.
    sums: Vec<Sum>,
    days: Days,
    /// The number of each class, and the classes by their numbers with how many rows of them were kept.
    numbers: HashMap<ClassKey, u32>,
    classes: Vec<(ClassKey, usize)>,
}

/// There are many of these, so they are short. 64 bits hold the points of 2^32 rows of the dearest.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    class: u32,
    causes: CauseSet,
    /// What was charged beyond the expected points, less what was not charged.
    net: i64,
    over: u64,
    over_points: i64,
}

/// A row that is charged otherwise than expected.
#[derive(Clone, Copy, Debug)]
pub struct Difference {
    pub charged: i64,
    pub expected: i64,
    pub time: Option<i64>,
}

impl Difference {
    #[inline(always)]
    pub fn new(told: &Told, time: Option<i64>) -> Difference {
        Difference { charged: told.charged.into(), expected: told.expected.into(), time }
    }

    pub fn is_none(self) -> bool {
        self.charged == self.expected
    }

    pub fn size(self) -> u128 {
        (self.charged - self.expected).unsigned_abs().into()
    }
}

impl Wrongs {
    /// Knows an outcome; those that are right need not be known.
    pub fn learn(&mut self, number: usize, outcome: &Outcome) {
        let Some(causes) = outcome.causes else { return };
        let Ok(next) = u32::try_from(self.classes.len()) else { return };
        let class = *self.numbers.entry(outcome.class()).or_insert(next);
        if class == next {
            self.classes.push((outcome.class(), 0));
        }
        self.sums.resize(number + 1, Sum::default());
        self.sums[number] = Sum { class, causes, ..Sum::default() };
    }

    /// Counts a row. `terms` tells what its charge should have followed from, where that is asked; none where that cannot be told, and
    /// the row is not counted. Numbers that explain a row without definite causes are counted in the summary at once, in the order of rows.
    pub fn add(
        &mut self,
        number: usize,
        row: Difference,
        terms: impl FnOnce() -> Option<Terms>,
        summary: &mut Summary,
    ) -> Option<()> {
        let sum = self.sums.get_mut(number)?;
        let (class, kept) = self.classes.get_mut(sum.class as usize)?;
        let charges = (Points(row.charged), Points(row.expected));
        if sum.causes.is_empty() {
            if summary.wants_examples() {
                return None;
            }
            summary.add_unexplained(class, &terms()?, charges, row.time);
        } else if self.numbers.len() <= Summary::MOST_CLASSES_ASIDE && *kept < MOST_KEPT {
            *kept += 1;
            summary.keep_aside(class, sum.causes, terms()?, charges, row.time);
        }
        let net = row.charged - row.expected;
        sum.net += net;
        sum.over += u64::from(net > 0);
        sum.over_points += net.max(0);
        self.days.add(row.time, net);
        Some(())
    }

    /// Adds the rows of an outcome to a summary.
    pub fn add_to(&self, number: usize, outcome: &Outcome, (rows, points, span): (u64, i128, Span), summary: &mut Summary) {
        let (Some(sum), Some(causes)) = (self.sums.get(number), outcome.causes) else { return };
        summary.add_plain_wrong(&PlainWrong {
            model: &outcome.model,
            group: &outcome.group,
            profile: outcome.profile,
            causes,
            rows,
            points,
            net: sum.net.into(),
            over: sum.over,
            over_points: sum.over_points.into(),
            span,
        });
    }

    /// Adds what was counted by day.
    pub fn end(self, summary: &mut Summary, day: &dyn Fn(i64) -> String) {
        for (time, sum) in self.days.sums() {
            summary.add_plain_wrong_of_day(time.map(day).unwrap_or_default(), sum.rows, sum.points);
        }
    }
}
