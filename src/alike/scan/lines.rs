//! A row of NDJSON: an object on a line of its own, with the same keys in the same order, written with the same spaces, as the first one.

use super::{Columns, Facts, Fit, Role, TextSigns, line_end, text_end};
use crate::alike::bytes::{Pattern, Span, find, number};
use crate::alike::template::Quoting;
use crate::read::ValueKind;

/// How the rows of NDJSON are read.
#[derive(Debug)]
pub struct LineScan {
    /// What stands before each value, and behind the last.
    before: Vec<Box<[u8]>>,
    end: Box<[u8]>,
    /// The same, where each value is of the kind that it was in the first row.
    like_the_first: Pattern<Then>,
    columns: Columns,
}

/// What stands behind a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    LineEnd,
    /// The inside of a text: its quotes belong to the literals.
    Text,
    Number,
    Value,
    Details,
}

impl LineScan {
    pub fn new(before: &[Box<[u8]>], kinds: &[ValueKind], end: &[u8], columns: Columns) -> LineScan {
        let then = |(role, kind): (&Role, &ValueKind)| match (role, kind) {
            (Role::Details, _) => Then::Details,
            (_, ValueKind::Text) => Then::Text,
            (_, ValueKind::Number) => Then::Number,
            (_, ValueKind::Other) => Then::Value,
        };
        let (mut like_the_first, mut last) = (Pattern::default(), Then::LineEnd);
        let behind = columns.roles.iter().zip(kinds).map(then).chain([Then::LineEnd]);
        for (text, then) in before.iter().map(|text| &**text).chain([end]).zip(behind) {
            like_the_first.push(&[quote(last), text, quote(then)].concat(), then);
            last = then;
        }
        LineScan { before: before.to_vec(), end: end.into(), like_the_first, columns }
    }

    /// Reads the row at the start of the bytes; its length, or none where it is not one by the rules.
    pub fn row(&self, bytes: &[u8], facts: &mut Facts, mut fit: impl Fit) -> Option<usize> {
        facts.clear();
        let end = self.like_the_first(bytes, facts, &mut fit).or_else(|| {
            facts.clear();
            self.of_other_values(bytes, facts, &mut fit)
        })?;
        facts.take(&self.columns, bytes)?;
        line_end(bytes, end)
    }

    /// Where the row ends, if its values are of the kinds that they were in the first row, and free of escapes.
    fn like_the_first(&self, bytes: &[u8], facts: &mut Facts, fit: &mut impl Fit) -> Option<usize> {
        let mut column = 0;
        self.like_the_first.follow(bytes, |then, start| {
            let (field, behind) = match then {
                Then::LineEnd => return Some(start),
                Then::Text => {
                    let end = find(bytes, start, &TextSigns)?;
                    (Span::new(start, end), end)
                }
                Then::Number => {
                    let end = start + number(bytes, start)?;
                    (Span::new(start, end), end)
                }
                Then::Value => value(self.columns.roles[column], bytes, start)?,
                Then::Details => self.details(bytes, start, facts, fit)?,
            };
            facts.put(&mut column, field);
            Some(behind)
        })
    }

    /// Where the row ends, whatever its values are.
    #[inline(never)]
    fn of_other_values(&self, bytes: &[u8], facts: &mut Facts, fit: &mut impl Fit) -> Option<usize> {
        let mut at = 0;
        for (column, (role, before)) in self.columns.roles.iter().zip(&self.before).enumerate() {
            at = behind(bytes, at, before)?;
            (facts.fields[column], at) = match role {
                Role::Details => self.details(bytes, at, facts, fit)?,
                _ => value(*role, bytes, at)?,
            };
        }
        behind(bytes, at, &self.end)
    }

    /// Takes `other`: a text, or the object itself; what is behind it.
    fn details(&self, bytes: &[u8], at: usize, facts: &mut Facts, fit: &mut impl Fit) -> Option<(Span, usize)> {
        let (start, quoting) = match bytes.get(at)? {
            b'"' => (at + 1, Quoting::Json),
            b'{' => (at, Quoting::Bare),
            _ => return None,
        };
        facts.quoting = quoting;
        let end = match facts.fit(&self.columns, bytes, start, fit) {
            Some((length, _)) => start + length,
            None if quoting == Quoting::Json => text_end(bytes, start)?.0,
            None => object_end(bytes, start)?,
        };
        Some((Span::new(start, end), if quoting == Quoting::Json { end + 1 } else { end }))
    }
}

/// What is behind a literal that stands there.
fn behind(bytes: &[u8], at: usize, literal: &[u8]) -> Option<usize> {
    bytes.get(at..)?.starts_with(literal).then_some(at + literal.len())
}

/// The quotes around a value that belong to the literals.
fn quote(value: Then) -> &'static [u8] {
    if value == Then::Text { b"\"" } else { b"" }
}

/// A value that is neither object nor array, and what is behind it.
#[inline(never)]
fn value(role: Role, bytes: &[u8], at: usize) -> Option<(Span, usize)> {
    let rest = bytes.get(at..)?;
    let length = match rest.first()? {
        b'"' => {
            let (end, is_escaped) = text_end(bytes, at + 1)?;
            // The same escapes mean the same text; what the text itself is, nobody has to know here.
            let is_read = !is_escaped || matches!(role, Role::Idle | Role::Key);
            return is_read.then_some((Span::new(at + 1, end), end + 1));
        }
        b'n' if role == Role::Idle && rest.starts_with(b"null") => 4,
        b't' if rest.starts_with(b"true") => 4,
        b'f' if rest.starts_with(b"false") => 5,
        _ => number(bytes, at)?,
    };
    Some((Span::new(at, at + length), at + length))
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
    use crate::alike::scan::{KeyedBy, Scan};
    use crate::log::{Field, Fields};
    use crate::read::{Form, Layout};

    const ROW: &str = "{\"x\":\"\\\"\",\"model\": \"a\",\"quota\":12,\"other\":\"{\\\"b\\\":1}\"}\n";

    fn scan() -> Scan {
        let cells = vec![None, Some(Field::Model), Some(Field::Quota), Some(Field::Other)];
        let columns: Fields = cells.iter().copied().flatten().collect();
        let kinds = vec![ValueKind::Text, ValueKind::Text, ValueKind::Number, ValueKind::Text];
        let before = ["{\"x\":", ",\"model\": ", ",\"quota\":", ",\"other\":"].map(|text| text.as_bytes().into()).to_vec();
        Scan::new(&Layout { cells, columns, form: Form::Lines { before, kinds, end: b"}"[..].into() } }, KeyedBy::default())
            .unwrap()
    }

    /// The `other` of a row, and its charge.
    fn read(text: &str) -> Option<(&str, i64)> {
        let mut facts = Facts::default();
        let length = scan().row(text.as_bytes(), &mut facts, |_, _, _| None)?;
        assert_eq!(length, text.find('\n').unwrap() + 1);
        Some((std::str::from_utf8(facts.details.of(text.as_bytes())).unwrap(), facts.charged))
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
