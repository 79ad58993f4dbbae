//! A row of a database, as [`read::cells`](crate::read::cells) writes it down.

use wide::u8x16;

use super::{Columns, Facts, Fit, Role, Span};
use crate::alike::bytes::{Set, Signs};
use crate::read::cells::{ESCAPE, RECORD, UNIT};

/// How the rows of a database are read.
#[derive(Debug)]
pub struct CellScan {
    columns: Columns,
}

/// Bytes that end a value, or change one.
#[derive(Clone, Copy, Debug)]
struct CellSigns;

impl Set for CellSigns {
    #[inline(always)]
    fn of(&self, lanes: u8x16) -> u8x16 {
        let is = |byte| lanes.simd_eq(u8x16::splat(byte));
        is(UNIT) | is(RECORD) | is(ESCAPE)
    }
}

impl CellScan {
    pub fn new(columns: Columns) -> CellScan {
        CellScan { columns }
    }

    /// Reads the row at the start of the bytes; its length, or none where it is not one by the rules.
    pub fn row(&self, bytes: &[u8], facts: &mut Facts, mut fit: impl Fit) -> Option<usize> {
        facts.clear();
        let mut signs = Signs::new(bytes, CellSigns);
        let last = self.columns.roles.len() - 1;
        let mut at = 0;
        for (column, role) in self.columns.roles.iter().enumerate() {
            let fitted = if *role == Role::Details { facts.fit(&self.columns, bytes, at, &mut fit) } else { None };
            let known = fitted.map(|(length, _)| at + length);
            known.into_iter().for_each(|end| signs.skip_to(end));
            let (sign, byte) = signs.next()?;
            facts.fields[column] = Span { start: at, end: sign };
            if byte != if column == last { RECORD } else { UNIT } || known.is_some_and(|end| end != sign) {
                return None;
            }
            at = sign + 1;
        }
        facts.take(&self.columns, bytes)?;
        (bytes.get(at) == Some(&b'\n')).then_some(at + 1)
    }
}
