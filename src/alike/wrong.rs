//! Wrong rows that are counted together: their sums by outcome and by day.
//!
//! What explains a class of rows is known only at the end of the run, and a number that all rows share may be the better cause. As long as a
//! class has few rows, they can be asked for numbers, for which the summary keeps the first of them.

use std::collections::HashMap;

use super::days::Days;
use super::kinds::Outcome;
use super::lookout::Told;
use super::tally::Tally;
use crate::audit::{By, ClassKey, PlainWrong, Summary};
use crate::exact::Points;
use crate::pricing::AlikeTerms;

/// So many rows of a class are kept; where there are more, none is asked for numbers.
const MOST_KEPT: usize = Summary::MOST_ASIDE + 1;

/// The wrong rows that were counted.
#[derive(Debug, Default)]
pub struct Wrongs {
    days: Days,
    /// The number of each class, and the classes by their numbers with how many rows of them were kept.
    numbers: HashMap<ClassKey, u32>,
    classes: Vec<(ClassKey, usize)>,
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
    pub fn learn(&mut self, outcome: &Outcome, tally: &mut Tally) {
        let Some(causes) = outcome.causes else { return };
        let Ok(next) = u32::try_from(self.classes.len()) else { return };
        tally.class = *self.numbers.entry(outcome.class()).or_insert(next);
        if tally.class == next {
            self.classes.push((outcome.class(), 0));
        }
        (tally.by_numbers, tally.is_kept) = (causes.is_empty(), !causes.is_empty());
    }

    /// Counts a row. `terms` tells what its charge should have followed from, where that is asked; none where that cannot be told, and
    /// the row is not counted. Numbers that explain a row without definite causes are counted in the summary at once, in the order of rows.
    pub fn add(
        &mut self,
        (outcome, tally): (&Outcome, &mut Tally),
        row: Difference,
        terms: impl FnOnce() -> Option<AlikeTerms>,
        summary: &mut Summary,
    ) -> Option<()> {
        let charges = (Points(row.charged), Points(row.expected));
        if tally.by_numbers {
            let (class, _) = self.classes.get(tally.class as usize)?;
            if summary.wants_examples() {
                return None;
            }
            summary.add_unexplained(class, &terms()?.whole(), charges, row.time);
        } else if tally.is_kept {
            let (class, kept) = self.classes.get_mut(tally.class as usize)?;
            tally.is_kept = self.numbers.len() <= Summary::MOST_CLASSES_ASIDE && *kept < MOST_KEPT;
            if tally.is_kept {
                summary.keep_aside(class, outcome.causes?, terms()?, charges, row.time);
                *kept += 1;
            }
        }
        let net = row.charged - row.expected;
        tally.add_difference(net);
        self.days.add(row.time, net);
        Some(())
    }

    /// Adds what was counted by day.
    pub fn end(self, summary: &mut Summary, day: &dyn Fn(i64) -> String) {
        for (time, sum) in self.days.sums() {
            summary.add_plain_wrong_of(By::Day, &time.map(day).unwrap_or_default(), sum.rows, sum.points);
        }
    }
}

/// Adds the wrong rows of an outcome to a summary.
pub fn add_to(summary: &mut Summary, outcome: &Outcome, tally: &Tally) {
    let Some(causes) = outcome.causes else { return };
    summary.add_plain_wrong(&PlainWrong {
        model: &outcome.model,
        group: &outcome.group,
        profile: outcome.profile,
        causes,
        rows: tally.rows,
        points: tally.points.into(),
        net: tally.net.into(),
        over: tally.over.into(),
        over_points: tally.over_points.into(),
        span: tally.span(),
    });
}
