//! Wrong rows that were counted, but may be among the largest differences, which are told one by one.
//!
//! Far more rows are among the largest at some time than stay there. So a row is kept as it was read, and only those that are left at
//! the end go the general way, to make a finding of each.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::log::{Place, Row};

/// The rows with the largest differences of all that were counted.
#[derive(Debug, Default)]
pub struct Largest {
    /// So many are kept.
    limit: usize,
    rows: BinaryHeap<Reverse<Kept>>,
}

/// A row that was kept; of equal differences that of the earlier row is the larger.
#[derive(Debug)]
pub struct Kept {
    pub size: u128,
    pub row: Row,
}

impl Largest {
    /// Keeps no more than so many rows.
    pub fn limit_to(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Differences of at most so many points are not among the largest any more; none while all are.
    pub fn omits(&self) -> Option<u128> {
        match self.limit {
            0 => Some(u128::MAX),
            limit if self.rows.len() < limit => None,
            _ => self.rows.peek().map(|least| least.0.size),
        }
    }

    /// Keeps a row with so large a difference.
    pub fn keep(&mut self, size: u128, row: Row) {
        self.rows.push(Reverse(Kept { size, row }));
        if self.rows.len() > self.limit {
            self.rows.pop();
        }
    }

    /// The rows, the largest difference first.
    pub fn into_rows(self) -> impl Iterator<Item = Kept> {
        self.rows.into_sorted_vec().into_iter().map(|Reverse(kept)| kept)
    }
}

impl Kept {
    fn rank(&self) -> (u128, Reverse<Place>) {
        (self.size, Reverse(self.row.place))
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Kept) -> bool {
        self.rank() == other.rank()
    }
}

impl Eq for Kept {}

impl PartialOrd for Kept {
    fn partial_cmp(&self, other: &Kept) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Kept {
    fn cmp(&self, other: &Kept) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_are_kept_and_of_equal_ones_the_earlier() {
        let mut largest = Largest::default();
        assert_eq!(largest.omits(), Some(u128::MAX));
        largest.limit_to(3);
        for (line, size) in [(1, 5), (2, 7), (3, 5), (4, 9), (5, 5), (6, 7)] {
            assert!(line > 3 || largest.omits().is_none());
            let mut row = Row::default();
            row.clear(Place { input: 0, line });
            largest.keep(size, row);
        }
        assert_eq!(largest.omits(), Some(7));
        let rows: Vec<_> = largest.into_rows().map(|kept| (kept.row.place.line, kept.size)).collect();
        assert_eq!(rows, [(4, 9), (2, 7), (6, 7)]);
    }
}
