//! What is seen of rows before it is their turn: blocks of the input are looked at while they wait, and a line is noted for each row.
//!
//! ```text
//! block │ right right ? right right ✗ right ? … │
//! part  │ ───── seen ──────────────│ not looked at: the general way goes on there, and then the rest is looked at anew
//! ```
//!
//! A block begins where a line does, which nearly always is the start of a row. Whether it is one shows when it is its turn: where the rows
//! before it end elsewhere (a line end within quotes), what was seen is dropped. So nothing depends on how many threads there are,
//! or where blocks begin.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::bytes::Span;
use super::kinds::Look;
use super::scan::Facts;
use crate::audit::{Print, RequestKey};
use crate::read::ahead::Scout;

/// What is told of a row that is right, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutcomeId(NonZero<u32>);

impl OutcomeId {
    pub fn of(number: usize) -> Option<OutcomeId> {
        NonZero::new(u32::try_from(number).ok()?.checked_add(1)?).map(OutcomeId)
    }

    pub fn number(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// What is told of a row. Its points fit 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    pub outcome: OutcomeId,
    pub charged: i32,
    pub expected: i32,
}

/// What was seen of a row. It is short, since another thread reads it.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    pub request: Option<RequestKey>,
    /// None where one input cannot have what another had.
    pub print: Option<Print>,
    time: i64,
    /// None where it is new, or may be wrong.
    pub told: Option<Told>,
    pub length: u32,
    /// How many line ends are in it.
    pub lines: u16,
    /// The filter leaves it out, if it is a charge.
    pub is_left_out: bool,
}

/// The time of rows that have none.
const TIMELESS: i64 = i64::MIN;

impl Seen {
    #[inline(always)]
    pub fn new(time: Option<i64>, told: Option<Told>, length: u32, lines: u16) -> Seen {
        Seen { request: None, print: None, time: time.unwrap_or(TIMELESS), told, length, lines, is_left_out: false }
    }

    #[inline(always)]
    pub fn time(&self) -> Option<i64> {
        (self.time != TIMELESS).then_some(self.time)
    }
}

/// The rows at the start of some bytes, up to the first that cannot be read here.
#[derive(Debug, Default)]
pub struct Part {
    pub rows: Vec<Seen>,
    /// Where the names in them stand, so many in each row.
    names: Vec<Span>,
    names_of_row: usize,
    /// The next row, and where it stands.
    row: usize,
    offset: u64,
}

impl Part {
    /// Looks at rows, in a buffer that is used again.
    pub fn look(mut rows: Vec<Seen>, offset: u64, bytes: &[u8], look: &Look) -> Part {
        rows.clear();
        let (mut at, mut facts, mut text) = (0, Facts::default(), Text::of(bytes));
        let (mut names, names_of_row) = (Vec::new(), look.names());
        while let Some(rest) = text.from(at) {
            match look.at(rest, &mut facts) {
                Some(seen) => {
                    at += seen.length as usize;
                    rows.push(seen);
                    if names_of_row > 0 {
                        names.extend_from_slice(&facts.names[..names_of_row]);
                    }
                }
                None if text.is_whole || text.is_long_enough(at) => break,
                None => text.go_on_from(at),
            }
        }
        Part { rows, names, names_of_row, row: 0, offset }
    }

    /// The rows that were not passed yet, each with what there is of it for all rows.
    pub fn next_rows<'a, T>(&'a self, of_rows: &'a [T]) -> impl Iterator<Item = (&'a Seen, &'a T)> {
        let row = self.row.min(of_rows.len());
        self.rows[self.row..].iter().zip(&of_rows[row..])
    }

    /// Where the names in a row stand, so many rows behind the next one.
    pub fn names(&self, behind: usize) -> &[Span] {
        &self.names[(self.row + behind) * self.names_of_row..][..self.names_of_row]
    }

    /// Passes over so many rows, of such a length.
    pub fn pass(&mut self, rows: u64, length: usize) {
        self.row += rows as usize;
        self.offset += length as u64;
    }

    pub fn is_over(&self) -> bool {
        self.row == self.rows.len()
    }

    /// Whether the next row stands there.
    pub fn goes_on_at(&self, offset: u64) -> bool {
        !self.is_over() && self.offset == offset
    }
}

/// Looks at blocks, and keeps what it saw until it is their turn.
#[derive(Debug)]
pub struct Lookout(Mutex<Notes>);

#[derive(Debug)]
struct Notes {
    /// How to look; none while nobody will ask.
    look: Option<Look>,
    parts: BTreeMap<u64, Part>,
    /// Buffers that can be used again.
    spare: Vec<Vec<Seen>>,
}

impl Lookout {
    pub fn new(look: Look) -> Lookout {
        Lookout(Mutex::new(Notes { look: Some(look), parts: BTreeMap::new(), spare: Vec::new() }))
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells how to look from now on.
    pub fn tell(&self, look: Option<Look>) {
        self.notes().look = look;
    }

    /// What was seen of the bytes from there on, in exchange for a buffer; parts before are dropped.
    pub fn take(&self, offset: u64, buffer: Vec<Seen>) -> Option<Part> {
        let mut notes = self.notes();
        notes.spare.push(buffer);
        let later = notes.parts.split_off(&offset);
        let earlier = std::mem::replace(&mut notes.parts, later);
        notes.spare.extend(earlier.into_values().map(|part| part.rows));
        notes.parts.remove(&offset)
    }

    /// A buffer that was used before, if there is one.
    pub fn spare(&self) -> Vec<Seen> {
        self.notes().spare.pop().unwrap_or_default()
    }
}

impl Scout for Lookout {
    fn look(&self, offset: u64, block: &[u8]) {
        let (look, buffer) = {
            let mut notes = self.notes();
            (notes.look.clone(), notes.spare.pop().unwrap_or_default())
        };
        if let Some(look) = look {
            let part = Part::look(buffer, offset, block, &look);
            self.notes().parts.insert(offset, part);
        }
    }
}

/// The bytes of a block, as far as they are known to be UTF-8. They are looked at piece by piece, shortly before their rows are, so that each
/// piece is fetched once.
struct Text<'b> {
    bytes: &'b [u8],
    known: usize,
    /// Nothing is to be known any more.
    is_whole: bool,
}

/// So many bytes are looked at together, and so many are known before a row is looked at.
const PIECE: usize = 4_096;
const ROW: usize = 1_024;

/// Longer rows go the general way: nobody knows of a row that cannot be read whether it is cut or broken.
const LONGEST_ROW: usize = 32_768;

impl<'b> Text<'b> {
    fn of(bytes: &'b [u8]) -> Text<'b> {
        Text { bytes, known: 0, is_whole: false }
    }

    /// What is known behind a place; none where that is nothing, and nothing will be.
    fn from(&mut self, at: usize) -> Option<&'b [u8]> {
        while at + ROW > self.known && !self.is_whole {
            self.go_on_from(at);
        }
        Some(&self.bytes[at..self.known]).filter(|rest| !rest.is_empty())
    }

    fn is_long_enough(&self, at: usize) -> bool {
        self.known - at >= LONGEST_ROW
    }

    /// Looks at the next piece. It is at least as long as what is known behind a place, so that a long row is not tried again too often.
    fn go_on_from(&mut self, at: usize) {
        let rest = &self.bytes[self.known..];
        let piece = &rest[..rest.len().min(PIECE.max(self.known.saturating_sub(at)))];
        let valid = valid(piece);
        self.known += valid;
        // A piece may end within a character.
        self.is_whole = piece.len() == rest.len() || valid + 4 <= piece.len();
    }
}

/// How many of the bytes are UTF-8.
fn valid(bytes: &[u8]) -> usize {
    if bytes.is_ascii() {
        return bytes.len();
    }
    std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len)
}
