//! Rows that are right, by the time of day that they came at.
//!
//! Which day a time belongs to hangs on the zone, and asking for each row takes longer than all else. So rows are counted by quarter of an hour,
//! and only those are asked: since 1972 no zone has had a day that begins within one.

use std::collections::BTreeMap;

const QUARTER: i64 = 900;

/// Rows and points by quarter of an hour; none for rows without a time.
#[derive(Debug, Default)]
pub struct Days {
    sums: BTreeMap<Option<i64>, Sum>,
    /// The quarter of the last rows, which are mostly that of the next ones too.
    at: Option<i64>,
    last: Sum,
}

/// Rows, and what they were charged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub rows: u64,
    pub points: i128,
}

impl Days {
    pub fn add(&mut self, time: Option<i64>, points: i64) {
        let quarter = time.map(|time| time.div_euclid(QUARTER));
        if quarter != self.at {
            self.put_away();
            self.at = quarter;
        }
        self.last.rows += 1;
        self.last.points += i128::from(points);
    }

    fn put_away(&mut self) {
        let last = std::mem::take(&mut self.last);
        if last.rows > 0 {
            let sum = self.sums.entry(self.at).or_default();
            sum.rows += last.rows;
            sum.points += last.points;
        }
    }

    /// The sums, each with a time within its quarter.
    pub fn sums(mut self) -> impl Iterator<Item = (Option<i64>, Sum)> {
        self.put_away();
        self.sums.into_iter().map(|(quarter, sum)| (quarter.map(|quarter| quarter * QUARTER), sum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_quarter_stand_together_in_any_order() {
        let mut days = Days::default();
        for (time, points) in [(Some(899), 1), (Some(900), 2), (None, 4), (Some(0), 8), (Some(-1), 16)] {
            days.add(time, points);
        }
        let sums: Vec<_> = days.sums().map(|(time, sum)| (time, sum.rows, sum.points)).collect();
        assert_eq!(sums, [(None, 1, 4), (Some(-900), 1, 16), (Some(0), 2, 9), (Some(900), 1, 2)]);
    }
}
