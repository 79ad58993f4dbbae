//! JSON text to the common tree: duplicate keys are faults, and places inside a JSON string are those of the outer text.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::node::{Fault, Key, Node, Table, Value};

/// No config nests deeper; a deeper text is refused.
const MAX_DEPTH: usize = 64;

/// Reads a whole text.
pub(super) fn parse(text: &str) -> (Option<Node>, Vec<Fault>) {
    Parser { text, outer: Outer::None, faults: Vec::new() }.run()
}

/// Reads the content of a JSON string that stands, quotes and all, at `at` of `text`.
pub(super) fn parse_inside(text: &str, at: Range<usize>, content: &str) -> (Option<Node>, Vec<Fault>) {
    let outer = Outer::String { start: at.start + 1, jumps: jumps(text.get(at).unwrap_or_default()) };
    Parser { text: content, outer, faults: Vec::new() }.run()
}

/// How offsets of the text that is read become offsets of the source.
enum Outer {
    None,
    /// The text is a decoded string. Each jump is the end of an escape: decoded offset, raw offset behind the quote.
    String {
        start: usize,
        jumps: Vec<(usize, usize)>,
    },
}

impl Outer {
    fn place(&self, span: Range<usize>) -> Range<usize> {
        self.offset(span.start)..self.offset(span.end)
    }

    fn offset(&self, at: usize) -> usize {
        match self {
            Outer::None => at,
            Outer::String { start, jumps } => {
                let passed = jumps.partition_point(|(decoded, _)| *decoded <= at);
                let (decoded, raw) = passed.checked_sub(1).and_then(|last| jumps.get(last)).copied().unwrap_or((0, 0));
                start + raw + (at - decoded)
            }
        }
    }
}

/// Where the escapes of a JSON string (with its quotes) end, decoded and raw.
fn jumps(quoted: &str) -> Vec<(usize, usize)> {
    let bytes = quoted.as_bytes().get(1..).unwrap_or_default();
    let (mut jumps, mut raw, mut decoded) = (Vec::new(), 0, 0);
    while let Some(byte) = bytes.get(raw) {
        if *byte != b'\\' {
            (raw, decoded) = (raw + 1, decoded + 1);
            continue;
        }
        let (length, width) = escape(&bytes[raw..]);
        (raw, decoded) = (raw + length, decoded + width);
        jumps.push((decoded, raw));
    }
    jumps
}

/// The bytes of an escape, written and decoded.
fn escape(bytes: &[u8]) -> (usize, usize) {
    let unit = |at: usize| bytes.get(at..at + 4).and_then(|hex| u32::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
    match (bytes.get(1), unit(2)) {
        (Some(b'u'), Some(0xD800..0xDC00)) => (12, 4),
        (Some(b'u'), Some(code)) => (6, char::from_u32(code).map_or(3, char::len_utf8)),
        _ => (2, 1),
    }
}

struct Parser<'a> {
    text: &'a str,
    outer: Outer,
    faults: Vec<Fault>,
}

impl<'a> Parser<'a> {
    fn run(mut self) -> (Option<Node>, Vec<Fault>) {
        let node = match serde_json::from_str::<&RawValue>(self.text) {
            Ok(raw) => self.node(raw.get(), 0),
            Err(error) => Err(self.syntax(self.text, &error)),
        };
        match node {
            Ok(node) => (Some(node), self.faults),
            Err(fault) => {
                self.faults.push(fault);
                (None, self.faults)
            }
        }
    }

    fn node(&mut self, raw: &'a str, depth: usize) -> Result<Node, Fault> {
        let span = self.outer.place(self.span(raw));
        if depth > MAX_DEPTH {
            return Err(Fault::Syntax { at: span, message: format!("nested deeper than {MAX_DEPTH} levels") });
        }
        let value = match raw.as_bytes().first() {
            Some(b'{') => Value::Table(self.table(raw, depth)?),
            Some(b'[') => Value::List(self.list(raw, depth)?),
            Some(b'"') => Value::Text(self.string(raw)?),
            Some(b't') => Value::Bool(true),
            Some(b'f') => Value::Bool(false),
            Some(b'n') => Value::Null,
            _ => Value::Number(raw.to_owned()),
        };
        Ok(Node { span, value })
    }

    fn table(&mut self, raw: &'a str, depth: usize) -> Result<Table, Fault> {
        let entries: Entries<'a> = serde_json::from_str(raw).map_err(|error| self.syntax(raw, &error))?;
        let mut table = Table::with_capacity(entries.0.len());
        let mut seen: HashMap<String, Range<usize>> = HashMap::with_capacity(entries.0.len());
        for (key, value) in entries.0 {
            let (name, at) = (self.string(key.get())?, self.outer.place(self.span(key.get())));
            if let Some(first) = seen.get(&name) {
                self.faults.push(Fault::Duplicate { at, name, first: first.clone() });
                continue;
            }
            seen.insert(name.clone(), at.clone());
            table.push((Key { name, span: at }, self.node(value.get(), depth + 1)?));
        }
        Ok(table)
    }

    fn list(&mut self, raw: &'a str, depth: usize) -> Result<Vec<Node>, Fault> {
        let items: Vec<&'a RawValue> = serde_json::from_str(raw).map_err(|error| self.syntax(raw, &error))?;
        items.into_iter().map(|item| self.node(item.get(), depth + 1)).collect()
    }

    fn string(&self, raw: &str) -> Result<String, Fault> {
        serde_json::from_str(raw).map_err(|error| self.syntax(raw, &error))
    }

    /// The bytes of a part of the text.
    fn span(&self, part: &str) -> Range<usize> {
        let start = part.as_ptr().addr().saturating_sub(self.text.as_ptr().addr());
        start..start + part.len()
    }

    /// A fault of serde_json, which counts lines and bytes of `part`.
    fn syntax(&self, part: &str, error: &serde_json::Error) -> Fault {
        let line = part.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum::<usize>();
        let start = self.span(part).start + line + error.column().saturating_sub(1);
        let start = self.text.floor_char_boundary(start.min(self.text.len()));
        let end = self.text[start..].chars().next().map_or(start, |character| start + character.len_utf8());
        let message = error.to_string();
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(text, _)| text).to_owned();
        Fault::Syntax { at: self.outer.place(start..end), message }
    }
}

/// The entries of an object, all of them, in order.
struct Entries<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(All)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_inside_a_json_string_are_those_of_the_source() {
        let text = r#"{"key":"ModelRatio","value":"{\"m\\u6a21\": 1.50, \"\u6a21x\": -2}"}"#;
        let root = parse(text).0.unwrap();
        let value = root.get("value").unwrap();
        let (inner, faults) = parse_inside(text, value.span.clone(), value.text().unwrap());
        assert!(faults.is_empty());
        let inner = inner.unwrap();
        let places: Vec<&str> = inner.table().unwrap().iter().map(|(_, node)| &text[node.span.clone()]).collect();
        assert_eq!(places, ["1.50", "-2"]);
        let names: Vec<&str> = inner.table().unwrap().iter().map(|(key, _)| &text[key.span.clone()]).collect();
        assert_eq!(names, [r#"\"m\\u6a21\""#, r#"\"\u6a21x\""#]);
    }

    #[test]
    fn every_duplicate_key_is_a_fault_with_both_places() {
        let text = "{\"a\": 1,\n \"b\": {\"c\": 1, \"c\": 2}, \"a\": 3, \"\\u0061\": 4}";
        let (_, faults) = parse(text);
        let found: Vec<(&str, &str)> = faults
            .iter()
            .map(|fault| match fault {
                Fault::Duplicate { at, first, .. } => (&text[at.clone()], &text[first.clone()]),
                Fault::Syntax { .. } => panic!("{fault:?}"),
            })
            .collect();
        assert_eq!(found, [("\"c\"", "\"c\""), ("\"a\"", "\"a\""), ("\"\\u0061\"", "\"a\"")]);
    }

    #[test]
    fn hostile_texts_are_faults() {
        let deep = "[".repeat(100_000);
        let closed = format!("{deep}{}", "]".repeat(100_000));
        for text in
            [deep.as_str(), &closed, "", "{", "{\"a\"", "{\"a\":\"\\ud800\"}", "\"\\u", "{\"模\": 1,, }", "[1] x", "nul", "-"]
        {
            let (node, faults) = parse(text);
            assert!(node.is_none() && !faults.is_empty(), "{}", &text[..text.len().min(20)]);
        }
    }
}
