//! Wrong rows that were counted, but may be among the largest differences, which are told one by one.
//!
//! Far more rows are among the largest at some time than stay there. So a row is kept as it was read, and only those that are left at
//! the end go the general way, to make a finding of each.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// The rows with the largest differences of all that were counted.
#[derive(Debug, Default)]
pub struct Largest {
    /// So many are kept.
    limit: usize,
    rows: BinaryHeap<Reverse<Kept>>,
    /// A buffer that can be used again.
    spare: Vec<u8>,
}

/// A row that was kept; of equal differences that of the earlier row is the larger.
#[derive(Debug)]
pub struct Kept {
    pub size: u128,
    /// How many bytes of the text are before it.
    offset: u64,
    /// The line that it begins on.
    pub line: u64,
    pub bytes: Vec<u8>,
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

    /// Keeps a row with so large a difference, that stands there.
    pub fn keep(&mut self, size: u128, (offset, line): (u64, u64), row: &[u8]) {
        let mut bytes = std::mem::take(&mut self.spare);
        bytes.clear();
        bytes.extend_from_slice(row);
        self.rows.push(Reverse(Kept { size, offset, line, bytes }));
        if self.rows.len() > self.limit {
            self.spare = self.rows.pop().map_or_else(Vec::new, |least| least.0.bytes);
        }
    }

    /// The rows, the largest difference first.
    pub fn into_rows(self) -> impl Iterator<Item = Kept> {
        self.rows.into_sorted_vec().into_iter().map(|Reverse(kept)| kept)
    }
}

impl Kept {
    fn rank(&self) -> (u128, Reverse<u64>) {
        (self.size, Reverse(self.offset))
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
            largest.keep(size, (line * 10, line), &[b'x'; 9][..size as usize]);
        }
        assert_eq!(largest.omits(), Some(7));
        let rows: Vec<_> = largest.into_rows().map(|kept| (kept.line, kept.size, kept.bytes.len())).collect();
        assert_eq!(rows, [(4, 9, 9), (2, 7, 7), (6, 7, 7)]);
    }
}
