//! A row of NDJSON: an object on a line of its own, with the same keys in the same order, written with the same spaces, as the first one.

use std::ops::Range;

use super::{Facts, Fit, Role, is_key_first, line_end, text_end};
use crate::alike::template::{Quoting, follow, number};

/// How the rows of NDJSON are read.
#[derive(Debug)]
pub struct LineScan {
    /// What stands before each value, and what the value is for.
    cells: Vec<(Box<[u8]>, Role)>,
    end: Box<[u8]>,
    key_first: bool,
}

/// A value that is neither object nor array nor `null`.
#[derive(Debug, PartialEq, Eq)]
struct Scalar {
    /// Without its quotes.
    inside: Range<usize>,
    end: usize,
    /// What stands there is not the text itself.
    is_escaped: bool,
}

impl LineScan {
    pub fn new(before: &[Box<[u8]>], end: &[u8], roles: &[Role]) -> LineScan {
        let cells = before.iter().cloned().zip(roles.iter().copied()).collect();
        LineScan { cells, end: end.into(), key_first: is_key_first(roles) }
    }

    /// Reads the row at the start of the bytes; its length, or none where it is not one by the rules.
    pub fn row(&self, bytes: &[u8], facts: &mut Facts, mut fit: impl Fit) -> Option<usize> {
        facts.clear();
        let mut at = 0;
        for (before, role) in &self.cells {
            at = follow(bytes, at, before)?;
            at = match role {
                Role::Details => self.details(bytes, at, facts, &mut fit)?,
                _ => value(*role, bytes, at, facts)?,
            };
        }
        if !self.key_first {
            facts.close_key();
        }
        line_end(bytes, follow(bytes, at, &self.end)?)
    }

    /// Takes `other`: a text, or the object itself; what is behind it.
    fn details(&self, bytes: &[u8], at: usize, facts: &mut Facts, fit: &mut impl Fit) -> Option<usize> {
        let (start, quoting) = match bytes.get(at)? {
            b'"' => (at + 1, Quoting::Json),
            b'{' => (at, Quoting::Bare),
            _ => return None,
        };
        let known = if self.key_first {
            facts.close_key();
            fit(&facts.key, &bytes[start..], quoting)
        } else {
            None
        };
        let end = match known {
            Some((length, _)) => start + length,
            None if quoting == Quoting::Json => text_end(bytes, start)?.0,
            None => object_end(bytes, start)?,
        };
        (facts.details, facts.quoting) = (start..end, quoting);
        Some(if quoting == Quoting::Json { end + 1 } else { end })
    }
}

/// Takes a value; what is behind it.
fn value(role: Role, bytes: &[u8], at: usize, facts: &mut Facts) -> Option<usize> {
    if role == Role::Idle && bytes[at..].starts_with(b"null") {
        return Some(at + 4);
    }
    let Scalar { inside, end, is_escaped } = scalar(bytes, at)?;
    // The same escapes mean the same text; what the text itself is, nobody has to know here.
    if is_escaped && !matches!(role, Role::Idle | Role::Key) {
        return None;
    }
    facts.take(role, bytes, inside)?;
    Some(end)
}

fn scalar(bytes: &[u8], at: usize) -> Option<Scalar> {
    let rest = bytes.get(at..)?;
    if rest.first() == Some(&b'"') {
        let (end, is_escaped) = text_end(bytes, at + 1)?;
        return Some(Scalar { inside: at + 1..end, end: end + 1, is_escaped });
    }
    let length = match rest.first()? {
        b't' if rest.starts_with(b"true") => 4,
        b'f' if rest.starts_with(b"false") => 5,
        _ => number(bytes, at)?,
    };
    Some(Scalar { inside: at..at + length, end: at + length, is_escaped: false })
}

/// Where an object ends that begins there. Whether it is one by the rules is not looked at.
fn object_end(bytes: &[u8], start: usize) -> Option<usize> {
    let (mut at, mut depth) = (start, 0_usize);
    loop {
        match bytes.get(at)? {
            b'"' => at = text_end(bytes, at + 1)?.0,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            b'\n' => return None,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alike::scan::Scan;
    use crate::log::{Field, Fields};
    use crate::read::{Form, Layout};

    const ROW: &str = "{\"x\":\"\\\"\",\"model\": \"a\",\"quota\":12,\"other\":\"{\\\"b\\\":1}\"}\n";

    fn scan() -> Scan {
        let cells = vec![None, Some(Field::Model), Some(Field::Quota), Some(Field::Other)];
        let columns: Fields = cells.iter().copied().flatten().collect();
        let before = ["{\"x\":", ",\"model\": ", ",\"quota\":", ",\"other\":"].map(|text| text.as_bytes().into()).to_vec();
        Scan::new(&Layout { cells, columns, form: Form::Lines { before, end: b"}"[..].into() } }, false).unwrap()
    }

    /// The `other` of a row, and its charge.
    fn read(text: &str) -> Option<(&str, i64)> {
        let mut facts = Facts::default();
        let length = scan().row(text.as_bytes(), &mut facts, |_, _, _| None)?;
        assert_eq!(length, text.find('\n').unwrap() + 1);
        Some((&text[facts.details], facts.charged))
    }

    #[test]
    fn rows_by_the_rules_are_read() {
        assert_eq!(read(ROW), Some(("{\\\"b\\\":1}", 12)));
        assert_eq!(read(&ROW.replace("\"{\\\"b\\\":1}\"", "{\"b\":{\"}\":[]}}")), Some(("{\"b\":{\"}\":[]}}", 12)));
        assert_eq!(read(&ROW.replace("\"a\"", "\"\\u00e9é\"").replace('\n', "\r\n")), Some(("{\\\"b\\\":1}", 12)));
        assert_eq!(read(&ROW.replace("\"\\\"\"", "null")).map(|(_, charged)| charged), Some(12));
        assert_eq!(read(&ROW.replace("12", "\"12\"")).map(|(_, charged)| charged), Some(12));
    }

    #[test]
    fn all_others_are_left() {
        for (from, to) in [
            ("model", "modal"),
            ("\"model\": ", "\"model\":"),
            ("12", "null"),
            ("12", "-12"),
            ("12", "012"),
            ("12", "12.0"),
            ("\"a\"", "{}"),
            ("\"a\"", "null"),
            ("\"a\"", "\"\t\""),
            ("\"a\"", "\"\\q\""),
            ("\"a\"", "\"\\u00g0\""),
            ("\n", ""),
            ("}\n", "} \n"),
            ("}\n", "}}\n"),
            ("}\n", "\n"),
        ] {
            assert_eq!(read(&ROW.replacen(from, to, 1)), None, "{from} {to}");
        }
    }
}
