//! Rows of a database as text: what is read from them is the same as from a file, and as fast.
//!
//! ```text
//! row id ␟ first value ␟ … ␟ last value ␞ line end
//! ```
//!
//! The two signs ([`UNIT`], [`RECORD`]) are those that ASCII has for this. Where a value holds one, or the escape itself, the escape stands
//! before it, and the sign is changed.

use std::sync::Arc;

use memchr::{memchr, memchr3};

use crate::log::{Field, Fields, Place, Row, RowError};
use crate::read::ahead::Scout;
use crate::read::window::Window;
use crate::read::{Ahead, Form, Layout, Next, ReadRows, cut_short, malformed, not_utf8};

/// Stands before each value.
pub const UNIT: u8 = 0x1f;
/// Ends a row; a line end follows, so that blocks of the text can end with rows.
pub const RECORD: u8 = 0x1e;
pub const ESCAPE: u8 = 0x10;
/// What changes an escaped sign.
const CHANGE: u8 = 0x40;

/// Writes a value behind those that a row has.
pub(super) fn write_text(text: &mut Vec<u8>, value: &[u8]) {
    text.push(UNIT);
    let mut rest = value;
    while let Some(at) = memchr3(UNIT, RECORD, ESCAPE, rest) {
        text.extend_from_slice(&rest[..at]);
        text.extend([ESCAPE, rest[at] ^ CHANGE]);
        rest = &rest[at + 1..];
    }
    text.extend_from_slice(rest);
}

/// Ends a row.
pub(super) fn write_end(text: &mut Vec<u8>) {
    text.extend([RECORD, b'\n']);
}

/// Reads such a text.
pub(super) struct CellReader {
    window: Window,
    fields: Vec<Field>,
    layout: Layout,
    /// How many bytes of the file were read, nearly.
    read: Box<dyn Fn() -> u64 + Send>,
    last_id: i64,
    is_over: bool,
}

impl CellReader {
    /// Rows have a value for each of the fields.
    pub fn new(window: Window, fields: Vec<Field>, read: Box<dyn Fn() -> u64 + Send>) -> CellReader {
        let cells = [None].into_iter().chain(fields.iter().copied().map(Some)).collect();
        let columns: Fields = fields.iter().copied().collect();
        let layout = Layout { cells, columns, form: Form::Cells };
        CellReader { window, fields, layout, read, last_id: 0, is_over: false }
    }

    /// The length of the row at the start of the window, without its end.
    fn length(&mut self) -> Option<usize> {
        let mut known = 0;
        loop {
            let bytes = self.window.bytes();
            // The line end comes with it, but maybe not at once.
            let found = memchr(RECORD, &bytes[known..]).map(|at| known + at).filter(|end| end + 1 < bytes.len());
            if found.is_some() {
                return found;
            }
            known = bytes.len().saturating_sub(1);
            if !self.window.more() {
                return None;
            }
        }
    }

    fn end(&mut self, row: &mut Row) -> Next {
        let failure = self.window.failure().filter(|_| !self.is_over).map(|reason| cut_short(Some(reason)));
        self.is_over = true;
        let line = u64::try_from(self.last_id.saturating_add(1)).unwrap_or(0);
        failure.map_or(Next::End, |error| malformed(row, line, error))
    }
}

impl ReadRows for CellReader {
    fn next(&mut self, row: &mut Row) -> Next {
        let Some(length) = self.length() else { return self.end(row) };
        let mut values = self.window.bytes()[..length].split(|byte| *byte == UNIT);
        let id = values.next().and_then(|id| std::str::from_utf8(id).ok()?.parse().ok());
        self.last_id = id.unwrap_or(self.last_id);
        row.columns = self.layout.columns;
        row.clear(Place { input: row.place.input, line: u64::try_from(self.last_id).unwrap_or(0) });
        let filled = self.fields.iter().zip(values).try_for_each(|(field, value)| fill(row, *field, value));
        self.window.consume(length + 2);
        filled.map_or_else(Next::Malformed, |()| Next::Row)
    }

    fn ahead(&mut self) -> Option<Ahead<'_>> {
        if self.window.bytes().is_empty() {
            self.window.more();
        }
        let bytes = Some(self.window.bytes()).filter(|bytes| !bytes.is_empty())?;
        Some(Ahead { bytes, offset: self.window.offset(), line: self.window.line(), layout: &self.layout })
    }

    fn read_ahead(&mut self, threads: usize, scout: Arc<dyn Scout>) {
        self.window.read_ahead(threads, scout);
    }

    fn pass(&mut self, bytes: usize, lines: u64) {
        self.window.consume_lines(bytes, lines);
    }

    fn again(&mut self, bytes: &[u8], line: u64, row: &mut Row) -> Next {
        self.window = Window::of(bytes, line);
        self.next(row)
    }

    fn failure(&self) -> Option<&str> {
        self.window.failure()
    }

    fn bytes(&self) -> u64 {
        (self.read)()
    }
}

fn fill(row: &mut Row, field: Field, value: &[u8]) -> Result<(), RowError> {
    let plain = memchr(ESCAPE, value).map(|_| unescaped(value));
    let bytes = plain.as_deref().unwrap_or(value);
    row.set(field, std::str::from_utf8(bytes).map_err(|_| not_utf8(field.word(), bytes))?);
    Ok(())
}

fn unescaped(value: &[u8]) -> Vec<u8> {
    let mut is_escaped = false;
    let mut plain = Vec::with_capacity(value.len());
    for byte in value {
        match (is_escaped, *byte) {
            (false, ESCAPE) => is_escaped = true,
            (_, byte) => {
                plain.push(if is_escaped { byte ^ CHANGE } else { byte });
                is_escaped = false;
            }
        }
    }
    plain
}
