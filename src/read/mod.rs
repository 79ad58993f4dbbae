//! Bytes to values: logs and configs, each format in one file.
//!
//! [`input`] opens an input and recognises its format. The readers give rows, and [`vocabulary`] tells them which
//! column holds which field.

pub mod ahead;
pub mod cells;
pub mod config;
pub mod database;
pub mod error;
pub mod input;
pub mod time;
pub mod vocabulary;

mod chunks;
mod csv;
mod decode;
mod group;
mod json;
mod json_layout;
mod json_row;
mod sqlite;
mod window;

use std::sync::Arc;

use ahead::Scout;

use crate::log::{Field, Fields, Place, Row, RowError};

/// What a reader found next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// A row; it is in the buffer.
    Row,
    /// Something that is no row. `Row::place` says where; reading goes on behind it.
    Malformed(RowError),
    End,
}

/// A stream of rows. It never fails as a whole once it is open: what cannot be read is a malformed row.
///
/// `Row::place.input` is the caller's; the reader sets the line.
pub trait ReadRows {
    fn next(&mut self, row: &mut Row) -> Next;

    /// The bytes at hand, from the next row on, for who can read rows faster than [`ReadRows::next`]; the last one may be cut. There are
    /// some, if the input has any. None where rows can only be read one by one.
    fn ahead(&mut self) -> Option<Ahead<'_>> {
        None
    }

    /// Has what is behind the bytes at hand read by several threads, and looked at by a scout. Only where there is an
    /// [`ReadRows::ahead`].
    fn read_ahead(&mut self, _threads: usize, _scout: Arc<dyn Scout>) {}

    /// Passes over so many of the bytes at hand, with so many line ends in them: whole rows that need not be read any more.
    fn pass(&mut self, _bytes: usize, _lines: u64) {}

    /// Reads a row again that was passed, from its bytes and the line that it began on. Only at the end: what was not read yet is given up.
    fn again(&mut self, _bytes: &[u8], _line: u64, _row: &mut Row) -> Next {
        Next::End
    }

    /// Why the input broke off before its end, once its last row was read: what followed is not known.
    fn failure(&self) -> Option<&str> {
        None
    }

    /// Bytes consumed so far, as they lie in the file.
    fn bytes(&self) -> u64;
}

/// Rows as they lie in the input; not all of it may be UTF-8.
#[derive(Clone, Copy, Debug)]
pub struct Ahead<'w> {
    pub bytes: &'w [u8],
    /// How many bytes of the text are before them.
    pub offset: u64,
    /// The line that they begin on.
    pub line: u64,
    pub layout: &'w Layout,
}

/// Where the fields of a row stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The field of each value, in their order.
    pub cells: Vec<Option<Field>>,
    pub columns: Fields,
    pub form: Form,
}

impl Layout {
    /// Which value is that of a field.
    pub fn column(&self, field: Field) -> Option<usize> {
        self.cells.iter().position(|cell| *cell == Some(field))
    }
}

/// What stands between values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    Csv {
        delimiter: u8,
    },
    /// Objects, each on a line of its own: what stands before each value, what values of the first one are, and what stands behind the
    /// last.
    Lines {
        before: Vec<Box<[u8]>>,
        kinds: Vec<ValueKind>,
        end: Box<[u8]>,
    },
    /// See [`cells`].
    Cells,
}

/// What a value of JSON is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    Text,
    Number,
    Other,
}

/// Something at a line that is no row.
fn malformed(row: &mut Row, line: u64, error: RowError) -> Next {
    row.clear(Place { input: row.place.input, line });
    Next::Malformed(error)
}

/// The error of an input that ends in the middle of a row, or that cannot be read any further.
fn cut_short(failure: Option<&str>) -> RowError {
    match failure {
        Some(reason) => RowError::new("input", reason, "readable data"),
        None => RowError::new("row", "the end of the file", "the rest of the row"),
    }
}

/// The error of a text that is no UTF-8.
fn not_utf8(field: &'static str, bytes: &[u8]) -> RowError {
    let found = String::from_utf8_lossy(&bytes[..bytes.len().min(400)]);
    RowError::new(field, &found, "UTF-8 text (name another encoding with `--encoding`)")
}
