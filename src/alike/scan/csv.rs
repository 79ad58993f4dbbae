//! A row of CSV: as many fields as the header has, quotes around whole fields, one line end.

use wide::u8x16;

use super::{Columns, Facts, Fit, Role, line_end};
use crate::alike::bytes::{Only, Set, Signs, Span};
use crate::alike::template::Quoting;

/// How the rows of CSV are read.
#[derive(Debug)]
pub struct CsvScan {
    delimiter: u8,
    columns: Columns,
}

/// Bytes that end a row, or stand only in quoted fields.
#[derive(Clone, Copy, Debug)]
struct CsvSigns;

impl Set for CsvSigns {
    #[inline(always)]
    fn of(&self, lanes: u8x16) -> u8x16 {
        let is = |byte| lanes.simd_eq(u8x16::splat(byte));
        is(b'"') | is(b'\n') | is(b'\r')
    }
}

impl CsvScan {
    pub fn new(delimiter: u8, columns: Columns) -> CsvScan {
        CsvScan { delimiter, columns }
    }

    /// Reads the row at the start of the bytes; its length, or none where it is not one by the rules.
    pub fn row(&self, bytes: &[u8], facts: &mut Facts, mut fit: impl Fit) -> Option<usize> {
        facts.clear();
        let mut signs = Signs::new(bytes, Only::new(self.delimiter), CsvSigns);
        let last = self.columns.roles.len() - 1;
        let (mut column, mut at) = (0, 0);
        let end = loop {
            let (start, sign) = signs.fields(at, |field| facts.put(&mut column, field))?;
            if column > last {
                return None;
            }
            if bytes[sign] != b'"' {
                facts.put(&mut column, Span::new(start, sign));
                break sign;
            }
            if start != sign {
                return None;
            }
            let close = self.quoted(self.columns.roles[column], bytes, start + 1, facts, &mut signs, &mut fit)?;
            facts.put(&mut column, Span::new(start + 1, close));
            if *bytes.get(close + 1)? != self.delimiter {
                break close + 1;
            }
            at = close + 2;
            signs.pass_to(at);
        };
        if column != last + 1 {
            return None;
        }
        facts.take(&self.columns, bytes)?;
        line_end(bytes, end)
    }

    /// Where a field within quotes ends whose inside begins there.
    fn quoted(
        &self,
        role: Role,
        bytes: &[u8],
        start: usize,
        facts: &mut Facts,
        signs: &mut Signs<'_, CsvSigns>,
        fit: &mut impl Fit,
    ) -> Option<usize> {
        if role == Role::Details {
            facts.quoting = Quoting::Csv;
            if let Some((length, lines)) = facts.fit(&self.columns, bytes, start, fit) {
                facts.inner_lines += lines;
                return Some(start + length).filter(|close| bytes.get(*close) == Some(&b'"'));
            }
        }
        signs.pass_to(start);
        let (close, lines) = closing_quote(bytes, signs, matches!(role, Role::Idle | Role::Details))?;
        facts.inner_lines += lines;
        Some(close)
    }
}

/// Where the quotes close that are open, and how many line ends are before that. Quotes within are read where nobody looks at the text
/// itself.
fn closing_quote(bytes: &[u8], signs: &mut Signs<'_, CsvSigns>, may_hold_quotes: bool) -> Option<(usize, usize)> {
    let mut lines = 0;
    loop {
        let sign = signs.next()?;
        let byte = bytes[sign];
        lines += usize::from(byte == b'\n');
        if byte != b'"' {
            continue;
        }
        match bytes.get(sign + 1) {
            Some(b'"') if may_hold_quotes => signs.next()?,
            Some(b'"') => return None,
            _ => return Some((sign, lines)),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alike::scan::{KeyedBy, Scan};
    use crate::log::{Field, Fields};
    use crate::read::{Form, Layout};

    fn scan() -> Scan {
        let cells = vec![Some(Field::Model), None, Some(Field::PromptTokens), Some(Field::Quota), Some(Field::Other)];
        let columns: Fields = cells.iter().copied().flatten().collect();
        Scan::new(&Layout { cells, columns, form: Form::Csv { delimiter: b',' } }, KeyedBy::default()).unwrap()
    }

    /// The length of a row and its `other`.
    fn read(text: &str) -> Option<(usize, &str)> {
        let mut facts = Facts::default();
        let length = scan().row(text.as_bytes(), &mut facts, |_, _, _| None)?;
        Some((length, std::str::from_utf8(facts.details.of(text.as_bytes())).unwrap()))
    }

    #[test]
    fn rows_by_the_rules_are_read() {
        assert_eq!(read("a,x,1,2,\"{\"\"b\"\":1}\"\nmore"), Some((20, "{\"\"b\"\":1}")));
        assert_eq!(read("\"a\",\"x\"\"\n,\",\"1\",\"2\",\"\"\r\n"), Some((24, "")));
        assert_eq!(read("a,,,2,\r\n"), Some((8, "")));
    }

    /// Wherever a block ends (within a character, within a doubled quote, between CR and LF), the rows before it are read, and no other.
    #[test]
    fn a_row_that_is_cut_is_left() {
        let rows =
            ["a,é,1,2,\"{\"\"b\"\":\"\"é\"\"}\"\r\n", "\"a\",\"x\"\"\n,\",\"1\",\"2\",\"\"\r\n", "a,\"\"\"\",,2,\r\n", "é,,,2,x\n"];
        let text = rows.concat();
        for end in 0..=text.len() {
            let (mut at, mut facts) = (0, Facts::default());
            for row in rows {
                let length = scan().row(&text.as_bytes()[at..end], &mut facts, |_, _, _| None);
                assert_eq!(length, (at + row.len() <= end).then_some(row.len()), "{row:?} of {end} bytes");
                let Some(length) = length else { break };
                at += length;
            }
        }
    }

    #[test]
    fn all_others_are_left() {
        for text in [
            "a,x,1,2,",
            "a,x,1,2,\r",
            "a,x,1,2\n",
            "a,x,1,2,,\n",
            "a,x\"y\",1,2,\n",
            "a,\"x\"y,1,2,\n",
            "a,x,1,,\n",
            "a,x,1.0,2,\n",
            "a,x,-1,2,\n",
            "\"a\"\"b\",x,1,2,\n",
            "a,x,1,2,\"{\n",
            "\na,x,1,2,\n",
            "a,x,1,2,\rb",
            "",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
