//! A round: several threads look at the bytes at hand, a slice each, and note a line for each row.
//!
//! ```text
//! bytes │ slice 0                    │ slice 1                    │ slice 2               │ a cut row, for the next round
//! rows  │ right right ? right right  │ right right right right    │ right ✗               │
//! ```
//!
//! A slice is cut at a line end, which nearly always is the end of a row. The thread that reads the rows before it sees whether it is:
//! where a row is not by the rules (✗), or goes on behind the slice, what was seen in later slices is dropped, and the general reader
//! goes on from there. The next round then cuts with care: in CSV, where there is an even number of quotes before. So nothing depends on how many threads there are, or where slices begin.

use std::thread;

use super::kinds::Look;
use super::scan::Facts;
use crate::audit::RequestKey;
use crate::read::Ahead;

/// What is told of a row that is right, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutcomeId(u32);

impl OutcomeId {
    pub fn of(number: usize) -> Option<OutcomeId> {
        u32::try_from(number).ok().map(OutcomeId)
    }

    pub fn number(self) -> usize {
        self.0 as usize
    }
}

/// What was seen of a row.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// None where it is new, or may be wrong.
    pub outcome: Option<OutcomeId>,
    pub length: u32,
    /// How many line ends are in it.
    pub lines: u32,
    pub charged: i64,
    pub time: Option<i64>,
    pub request: Option<RequestKey>,
}

/// Rows that were looked at and not counted yet.
#[derive(Debug, Default)]
pub struct Round {
    parts: Vec<Part>,
    /// The next row: its part, its number there, and its offset.
    part: usize,
    row: usize,
    offset: u64,
    /// A slice of the round before ended within a row.
    with_care: bool,
}

/// What a thread saw in a slice; its buffers are used again.
#[derive(Debug, Default)]
struct Part {
    rows: Vec<Seen>,
    facts: Facts,
    /// All rows were by the rules.
    is_whole: bool,
}

impl Round {
    /// Looks at the rows at hand.
    pub fn look(&mut self, ahead: &Ahead<'_>, threads: usize, look: &Look<'_>) {
        self.parts.resize_with(threads, Part::default);
        (self.part, self.row, self.offset) = (0, 0, ahead.offset);
        let slices = slices(ahead.bytes, threads, &|bytes| look.whole_rows(bytes, self.with_care));
        look_at(&slices, &mut self.parts, look);
        // Where a slice begins was a guess; it holds only if the rows before it end there.
        let sound = self.parts.iter().position(|part| !part.is_whole).unwrap_or(threads);
        self.with_care = sound + 1 < threads;
        self.parts.iter_mut().skip(sound + 1).for_each(|part| part.rows.clear());
    }

    /// The next row, which is passed with that.
    pub fn next(&mut self) -> Option<&Seen> {
        while self.row >= self.parts.get(self.part)?.rows.len() {
            (self.part, self.row) = (self.part + 1, 0);
        }
        let row = &self.parts[self.part].rows[self.row];
        self.row += 1;
        self.offset += u64::from(row.length);
        Some(row)
    }

    /// How many rows are left.
    pub fn len(&self) -> usize {
        let left: usize = self.parts.iter().skip(self.part).map(|part| part.rows.len()).sum();
        left - self.row.min(left)
    }

    pub fn is_over(&self) -> bool {
        self.len() == 0
    }

    /// Whether the next row stands there.
    pub fn goes_on_at(&self, offset: u64) -> bool {
        !self.is_over() && self.offset == offset
    }
}

/// Cuts the bytes behind rows; the last slice may end within one.
fn slices<'b>(bytes: &'b [u8], count: usize, whole_rows: &dyn Fn(&[u8]) -> usize) -> Vec<&'b [u8]> {
    let mut slices = Vec::with_capacity(count);
    let mut start = 0;
    for number in 1..count {
        let length = bytes.get(start..bytes.len() / count * number).map_or(0, whole_rows);
        slices.push(&bytes[start..start + length]);
        start += length;
    }
    slices.push(&bytes[start..]);
    slices
}

/// Has each slice looked at by a thread of its own.
fn look_at(slices: &[&[u8]], parts: &mut [Part], look: &Look<'_>) {
    thread::scope(|scope| {
        let mut work = slices.iter().zip(parts);
        let own = work.next();
        for (slice, part) in work {
            scope.spawn(|| part.look(slice, look));
        }
        if let Some((slice, part)) = own {
            part.look(slice, look);
        }
    });
}

impl Part {
    fn look(&mut self, slice: &[u8], look: &Look<'_>) {
        self.rows.clear();
        let text = &slice[..valid(slice)];
        let mut at = 0;
        while let Some(seen) = look.at(&text[at..], &mut self.facts) {
            at += seen.length as usize;
            self.rows.push(seen);
        }
        self.is_whole = at == slice.len();
    }
}

/// How many of the bytes are UTF-8.
fn valid(bytes: &[u8]) -> usize {
    std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alike::scan::csv;

    /// However many slices there are.
    #[test]
    fn slices_end_behind_rows() {
        let rows = ["a,1\n", "\"b\n\",2\r\n", "\"\"\"\n\"\"é\",3\n", "é,\"\"\n", "cut"];
        let text = rows.concat();
        let mut ends = vec![0];
        rows.iter().for_each(|row| ends.push(ends.last().unwrap_or(&0) + row.len()));
        for count in 1..40 {
            let slices = slices(text.as_bytes(), count, &csv::whole_rows);
            assert_eq!((slices.len(), slices.concat()), (count, text.as_bytes().to_vec()));
            let mut at = 0;
            for slice in slices {
                at += slice.len();
                assert!(ends.contains(&at), "{count} slices end at {at}");
            }
        }
    }
}
