//! A row of CSV: as many fields as the header has, quotes around whole fields, one line end.

use memchr::memchr_iter;
use wide::u8x16;

use super::{Facts, Fit, Role, is_key_first, line_end};
use crate::alike::bytes::{Set, Signs};
use crate::alike::template::Quoting;

/// How the rows of CSV are read.
#[derive(Debug)]
pub struct CsvScan {
    signs: CsvSigns,
    delimiter: u8,
    roles: Vec<Role>,
    key_first: bool,
}

/// Bytes that end a field, or stand only in quoted ones.
#[derive(Clone, Copy, Debug)]
struct CsvSigns {
    delimiter: u8x16,
}

impl Set for CsvSigns {
    #[inline]
    fn of(&self, lanes: u8x16) -> u8x16 {
        let is = |byte| lanes.simd_eq(u8x16::splat(byte));
        lanes.simd_eq(self.delimiter) | is(b'"') | is(b'\n') | is(b'\r')
    }
}

impl CsvScan {
    pub fn new(delimiter: u8, roles: Vec<Role>) -> CsvScan {
        CsvScan { signs: CsvSigns { delimiter: u8x16::splat(delimiter) }, delimiter, key_first: is_key_first(&roles), roles }
    }

    /// Reads the row at the start of the bytes; its length, or none where it is not one by the rules.
    pub fn row(&self, bytes: &[u8], facts: &mut Facts, mut fit: impl Fit) -> Option<usize> {
        facts.clear();
        let mut signs = Signs::new(bytes, &self.signs);
        let mut at = 0;
        for (column, role) in self.roles.iter().enumerate() {
            if column > 0 {
                at = behind(bytes, at, self.delimiter)?;
            }
            if *role == Role::Details && self.key_first {
                facts.close_key();
            }
            at = if bytes.get(at) == Some(&b'"') {
                self.quoted(*role, bytes, at, facts, &mut signs, &mut fit)?
            } else {
                let end = signs.next(at)?;
                facts.take(*role, bytes, at..end)?;
                end
            };
        }
        if !self.key_first {
            facts.close_key();
        }
        line_end(bytes, at)
    }

    /// Takes a field within quotes; what is behind it.
    fn quoted(
        &self,
        role: Role,
        bytes: &[u8],
        at: usize,
        facts: &mut Facts,
        signs: &mut Signs<'_, &CsvSigns>,
        fit: &mut impl Fit,
    ) -> Option<usize> {
        let start = at + 1;
        if role == Role::Details {
            facts.quoting = Quoting::Csv;
            if self.key_first {
                if let Some((length, lines)) = fit(&facts.key, &bytes[start..], Quoting::Csv) {
                    facts.details = start..start + length;
                    facts.inner_lines += lines;
                    return behind(bytes, start + length, b'"');
                }
            }
        }
        let end = closing_quote(bytes, start, signs, matches!(role, Role::Idle | Role::Details))?;
        facts.take(role, bytes, start..end)?;
        facts.inner_lines += memchr_iter(b'\n', &bytes[start..end]).count();
        behind(bytes, end, b'"')
    }
}

fn behind(bytes: &[u8], at: usize, byte: u8) -> Option<usize> {
    (bytes.get(at) == Some(&byte)).then_some(at + 1)
}

/// Where a field within quotes ends that begins there. Quotes within are read where nobody looks at the text itself.
fn closing_quote(bytes: &[u8], start: usize, signs: &mut Signs<'_, &CsvSigns>, may_hold_quotes: bool) -> Option<usize> {
    let mut at = start;
    loop {
        let sign = signs.next(at)?;
        at = sign + 1;
        if bytes[sign] == b'"' {
            match bytes.get(at) {
                Some(b'"') if may_hold_quotes => at += 1,
                Some(b'"') => return None,
                _ => return Some(sign),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alike::scan::Scan;
    use crate::log::{Field, Fields};
    use crate::read::{Form, Layout};

    fn scan() -> Scan {
        let cells = vec![Some(Field::Model), None, Some(Field::PromptTokens), Some(Field::Quota), Some(Field::Other)];
        let columns: Fields = cells.iter().copied().flatten().collect();
        Scan::new(&Layout { cells, columns, form: Form::Csv { delimiter: b',' } }, false).unwrap()
    }

    /// The length of a row and its `other`.
    fn read(text: &str) -> Option<(usize, &str)> {
        let mut facts = Facts::default();
        let length = scan().row(text.as_bytes(), &mut facts, |_, _, _| None)?;
        Some((length, &text[facts.details]))
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
