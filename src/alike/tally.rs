//! Sums of the rows that have one outcome.

use crate::audit::Span;

/// Rows with one outcome. Each was charged less than 2^31 points, so that 64 bits hold the points of 2^32 rows of the dearest. There may be
/// thousands of these, and each row needs another one: so each is one line of the caches.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub struct Tally {
    /// The rows are requests, which must not be charged twice.
    pub is_request: bool,
    /// Nothing but a number explains the rows.
    pub by_numbers: bool,
    /// The rows may be kept aside.
    pub is_kept: bool,
    /// The number of their class, if they are wrong.
    pub class: u32,
    pub rows: u64,
    pub points: i64,
    /// In reverse where no row has a time.
    first: i64,
    last: i64,
    /// What was charged beyond the expected points, less what was not charged.
    pub net: i64,
    pub over: u32,
    pub over_points: i64,
}

impl Tally {
    pub fn new(is_request: bool) -> Tally {
        Tally {
            is_request,
            by_numbers: false,
            is_kept: false,
            class: 0,
            rows: 0,
            points: 0,
            first: i64::MAX,
            last: i64::MIN,
            net: 0,
            over: 0,
            over_points: 0,
        }
    }

    #[inline(always)]
    pub fn add(&mut self, points: i64, time: Option<i64>) {
        self.rows += 1;
        self.points += points;
        if let Some(time) = time {
            self.first = self.first.min(time);
            self.last = self.last.max(time);
        }
    }

    pub fn add_difference(&mut self, points: i64) {
        self.net += points;
        self.over += u32::from(points > 0);
        self.over_points += points.max(0);
    }

    pub fn span(&self) -> Span {
        let is_timed = self.first <= self.last;
        Span { first: is_timed.then_some(self.first), last: is_timed.then_some(self.last) }
    }
}
