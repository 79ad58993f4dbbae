//! A row of CSV: as many fields as the header has, quotes around whole fields, one line end.

use std::ops::Range;

use memchr::{memchr, memchr_iter, memchr3, memrchr2};

use super::{Facts, Fit, Role, find, is_key_first, line_end};
use crate::alike::template::Quoting;

/// How the rows of CSV are read.
#[derive(Debug)]
pub struct CsvScan {
    delimiter: u8,
    roles: Vec<Role>,
    key_first: bool,
}

impl CsvScan {
    pub fn new(delimiter: u8, roles: Vec<Role>) -> CsvScan {
        CsvScan { delimiter, key_first: is_key_first(&roles), roles }
    }

    /// Reads the row at the start of the bytes; its length, or none where it is not one by the rules.
    pub fn row(&self, bytes: &[u8], facts: &mut Facts, mut fit: impl Fit) -> Option<usize> {
        facts.clear();
        let last = self.roles.len() - 1;
        // Where fields without quotes begin that were not looked through for bytes which only quoted ones may hold.
        let (mut at, mut bare) = (0, 0);
        for (column, role) in self.roles.iter().enumerate() {
            let end = if bytes.get(at) == Some(&b'"') {
                check_bare(&bytes[bare..at])?;
                let end = self.quoted(*role, bytes, at, facts, &mut fit)?;
                bare = end;
                end
            } else {
                let end = if column == last {
                    at + memchr3(b'\n', b'\r', self.delimiter, &bytes[at..])?
                } else {
                    find(bytes, at, self.delimiter)?
                };
                facts.take(*role, bytes, at..end)?;
                end
            };
            at = if column == last { end } else { behind(bytes, end, self.delimiter)? };
        }
        check_bare(&bytes[bare..at])?;
        line_end(bytes, at)
    }

    /// Takes a field within quotes; what is behind it.
    fn quoted(&self, role: Role, bytes: &[u8], at: usize, facts: &mut Facts, fit: &mut impl Fit) -> Option<usize> {
        if role == Role::Details {
            facts.quoting = Quoting::Csv;
            if let Some(length) = fit(&facts.key, &bytes[at + 1..], Quoting::Csv).filter(|_| self.key_first) {
                facts.details = at + 1..at + 1 + length;
                return behind(bytes, facts.details.end, b'"');
            }
        }
        let (inside, end) = quoted(bytes, at, matches!(role, Role::Idle | Role::Details))?;
        facts.take(role, bytes, inside)?;
        Some(end)
    }
}

fn behind(bytes: &[u8], at: usize, byte: u8) -> Option<usize> {
    (bytes.get(at) == Some(&byte)).then_some(at + 1)
}

/// Whether fields without quotes hold nothing that belongs within some.
fn check_bare(bytes: &[u8]) -> Option<()> {
    memchr3(b'"', b'\n', b'\r', bytes).is_none().then_some(())
}

/// A field within quotes: its inside, and what is behind it. Quotes within are read where nobody looks at the text itself.
fn quoted(bytes: &[u8], at: usize, may_hold_quotes: bool) -> Option<(Range<usize>, usize)> {
    let mut end = at + 1;
    loop {
        end += memchr(b'"', bytes.get(end..)?)?;
        if bytes.get(end + 1) != Some(&b'"') {
            return Some((at + 1..end, end + 1));
        }
        if !may_hold_quotes {
            return None;
        }
        end += 2;
    }
}

/// The length of the rows that are whole: up to the last line end with an even number of quotes before it.
pub fn whole_rows(bytes: &[u8]) -> usize {
    let mut is_open = memchr_iter(b'"', bytes).count() % 2 == 1;
    let mut end = bytes.len();
    while let Some(at) = memrchr2(b'"', b'\n', &bytes[..end]) {
        match bytes[at] {
            b'"' => is_open = !is_open,
            _ if !is_open => return at + 1,
            _ => {}
        }
        end = at;
    }
    0
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
