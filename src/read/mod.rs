//! Bytes to values: logs and configs, each format in one file.

pub mod config;

use crate::log::{Row, RowError};

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
pub trait ReadRows {
    fn next(&mut self, row: &mut Row) -> Next;

    /// Bytes consumed so far, as they lie in the file.
    fn bytes(&self) -> u64;
}
