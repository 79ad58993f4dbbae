//! A row of a database, as [`read::cells`](crate::read::cells) writes it down.

use wide::u8x16;

use super::{Columns, Facts};
use crate::alike::bytes::{Only, Set, Signs, Span};
use crate::read::cells::{ESCAPE, RECORD, UNIT};

/// How the rows of a database are read.
#[derive(Debug)]
pub struct CellScan {
    columns: Columns,
}

/// Bytes that end a row, or change a value.
#[derive(Clone, Copy, Debug)]
struct CellSigns;

impl Set for CellSigns {
    #[inline(always)]
    fn of(&self, lanes: u8x16) -> u8x16 {
        let is = |byte| lanes.simd_eq(u8x16::splat(byte));
        is(RECORD) | is(ESCAPE)
    }
}

impl CellScan {
    pub fn new(columns: Columns) -> CellScan {
        CellScan { columns }
    }

    /// Reads the row at the start of the bytes; its length, or none where it is not one by the rules.
    pub fn row(&self, bytes: &[u8], facts: &mut Facts) -> Option<usize> {
        facts.clear();
        let mut signs = Signs::new(bytes, Only::new(UNIT), CellSigns);
        let mut column = 0;
        let (start, end) = signs.fields(0, |field| facts.put(&mut column, field))?;
        facts.put(&mut column, Span::new(start, end));
        let is_whole = column == self.columns.roles.len() && bytes[end..].starts_with(&[RECORD, b'\n']);
        if !is_whole {
            return None;
        }
        facts.take(&self.columns, bytes)?;
        Some(end + 2)
    }
}
