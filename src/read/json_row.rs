//! One row of a log as a JSON object: its keys by the vocabulary, its values as texts.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Deserializer;
use serde_json::value::{RawValue, Value};

use crate::log::{Field, Fields, Row};
use crate::read::error::OpenErrorKind;
use crate::read::vocabulary::{Rank, Vocabulary};

/// The field that a key holds, and how much the key is preferred among those of the field.
pub type Known = Option<(Field, Rank)>;

/// What the keys that were seen stand for. Rows have the same keys in the same order, so each is looked up once.
pub struct Keys {
    vocabulary: Vocabulary,
    in_order: Vec<(Box<str>, Known)>,
    seen: HashMap<Box<str>, Known>,
}

/// So many distinct keys are kept in mind; an input with more is no log.
const KEYS_KEPT: usize = 4096;

impl Keys {
    pub fn new(vocabulary: Vocabulary) -> Keys {
        Keys { vocabulary, in_order: Vec::new(), seen: HashMap::new() }
    }

    pub fn known(&mut self, key: &[u8]) -> bool {
        std::str::from_utf8(key).is_ok_and(|key| self.look_up(key).is_some())
    }

    /// The field of the key that stands at this place of its row.
    pub fn field(&mut self, at: usize, key: &str) -> Known {
        if let Some((known, field)) = self.in_order.get(at)
            && **known == *key
        {
            return *field;
        }
        let field = self.look_up(key);
        if at == self.in_order.len() && at < KEYS_KEPT {
            self.in_order.push((key.into(), field));
        } else if let Some(slot) = self.in_order.get_mut(at) {
            *slot = (key.into(), field);
        }
        field
    }

    fn look_up(&mut self, key: &str) -> Known {
        if let Some(field) = self.seen.get(key) {
            return *field;
        }
        let field = self.vocabulary.field(key);
        if self.seen.len() < KEYS_KEPT {
            self.seen.insert(key.into(), field);
        }
        field
    }

    /// Whether an object is a row of a log; else what it is.
    pub fn check(&self, object: &[u8]) -> Result<(), OpenErrorKind> {
        match answer(object) {
            Answer::Error(message) => Err(OpenErrorKind::GatewayError { message }),
            Answer::Empty => Ok(()),
            Answer::None => self.vocabulary.check(&keys(object)),
        }
    }
}

/// The values of an object that are fields of a log.
pub struct Object<'b> {
    values: [Option<&'b RawValue>; Field::COUNT],
    ranks: [Rank; Field::COUNT],
    pub columns: Fields,
    /// How many bytes it takes.
    pub length: usize,
}

impl<'b> Object<'b> {
    /// Reads the object at the start of `bytes`.
    pub fn parse(bytes: &'b [u8], keys: &mut Keys) -> Result<Object<'b>, serde_json::Error> {
        let values = [None; Field::COUNT];
        let mut object = Object { values, ranks: [Rank::MAX; Field::COUNT], columns: Fields::NONE, length: 0 };
        let mut last = 1;
        ObjectSeed { object: &mut object, keys, last: &mut last, bytes }.deserialize(&mut Deserializer::from_slice(bytes))?;
        let close = bytes.get(last..).and_then(|rest| memchr::memchr(b'}', rest)).unwrap_or_default();
        object.length = last + close + 1;
        Ok(object)
    }

    /// Whether it says anything that a row of a log says.
    pub fn is_row(&self) -> bool {
        [Field::Model, Field::Quota, Field::CostUsd, Field::Type].into_iter().any(|field| self.columns.contains(field))
    }

    pub fn fill(&self, row: &mut Row) {
        row.columns = self.columns;
        for (field, value) in Field::ALL.iter().zip(&self.values) {
            if let Some(value) = value {
                fill(row, *field, value.get());
            }
        }
    }

    fn put(&mut self, field: Field, rank: Rank, value: &'b RawValue) {
        let nested = value.get().starts_with(['{', '[']);
        if nested && !matches!(field, Field::Other | Field::Metadata | Field::Content) {
            return;
        }
        self.columns.insert(field);
        let at = field as usize;
        // Of one name given twice the last value counts, as in the gateways' own JSON reader.
        if rank <= self.ranks[at] {
            self.ranks[at] = rank;
            self.values[at] = Some(value);
        }
    }
}

fn fill(row: &mut Row, field: Field, value: &str) {
    match value.as_bytes() {
        [b'"', .., b'"'] => row.set_with(field, |text| unescape(&value[1..value.len() - 1], text)),
        b"null" => {}
        _ => row.set(field, value),
    }
}

struct ObjectSeed<'o, 'b> {
    object: &'o mut Object<'b>,
    keys: &'o mut Keys,
    /// Where the last value ended.
    last: &'o mut usize,
    bytes: &'b [u8],
}

#[derive(Deserialize)]
struct Key<'k>(#[serde(borrow)] Cow<'k, str>);

impl<'b> DeserializeSeed<'b> for ObjectSeed<'_, 'b> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'b>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'b> Visitor<'b> for ObjectSeed<'_, 'b> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'b>>(self, mut map: A) -> Result<(), A::Error> {
        let mut at = 0;
        while let Some(Key(key)) = map.next_key()? {
            let value: &'b RawValue = map.next_value()?;
            // The value is a part of `bytes`, so this difference is its offset there.
            *self.last = value.get().as_ptr().addr() - self.bytes.as_ptr().addr() + value.get().len();
            if let Some((field, rank)) = self.keys.field(at, &key) {
                self.object.put(field, rank, value);
            }
            at += 1;
        }
        Ok(())
    }
}

/// Appends the text that the inside of a JSON string stands for. A lone half of a surrogate pair becomes U+FFFD.
fn unescape(inside: &str, text: &mut String) {
    let mut rest = inside;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        text.push_str(&rest[..at]);
        let escape = rest.as_bytes().get(at + 1).copied().unwrap_or(b'\\');
        rest = rest.get(at + 2..).unwrap_or_default();
        match escape {
            b'n' => text.push('\n'),
            b't' => text.push('\t'),
            b'r' => text.push('\r'),
            b'b' => text.push('\u{8}'),
            b'f' => text.push('\u{c}'),
            b'u' => rest = unescape_unicode(rest, text),
            other => text.push(char::from(other)),
        }
    }
    text.push_str(rest);
}

/// Appends the character of the digits behind `\u`; gives what follows.
fn unescape_unicode<'t>(digits: &'t str, text: &mut String) -> &'t str {
    let unit = |text: &str| text.get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
    let Some(first) = unit(digits) else {
        text.push(char::REPLACEMENT_CHARACTER);
        return digits;
    };
    let rest = &digits[4..];
    let second = rest.strip_prefix("\\u").and_then(unit);
    let pair = second.and_then(|second| char::decode_utf16([first, second]).next()?.ok());
    if let (Some(pair), 0xD800..=0xDBFF) = (pair, first) {
        text.push(pair);
        return &rest[6..];
    }
    text.push(char::from_u32(u32::from(first)).unwrap_or(char::REPLACEMENT_CHARACTER));
    rest
}

/// The keys of an object, for messages.
pub fn keys(object: &[u8]) -> Vec<String> {
    struct Names;

    impl<'de> Visitor<'de> for Names {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<String>, A::Error> {
            let mut names = Vec::new();
            while let Some((name, _)) = map.next_entry::<String, IgnoredAny>()? {
                names.push(name);
            }
            Ok(names)
        }
    }

    Deserializer::from_slice(object).deserialize_map(Names).unwrap_or_default()
}

/// What an object without rows says as the answer of an API.
pub enum Answer {
    /// `success` is false: what the gateway said.
    Error(String),
    /// A page behind the last one.
    Empty,
    None,
}

pub fn answer(object: &[u8]) -> Answer {
    let Ok(Value::Object(object)) = serde_json::from_slice(object) else { return Answer::None };
    let message = ["message", "error", "msg"].iter().find_map(|key| object.get(*key));
    match (object.get("success"), message, object.get("data")) {
        (Some(Value::Bool(false)), message, _) => {
            Answer::Error(message.map_or_else(String::new, |m| m.as_str().map_or_else(|| m.to_string(), str::to_owned)))
        }
        (None, Some(Value::Object(error)), _) if error.contains_key("message") => {
            Answer::Error(error.get("message").and_then(Value::as_str).unwrap_or_default().to_owned())
        }
        (Some(Value::Bool(true)), _, Some(Value::Null)) => Answer::Empty,
        (Some(Value::Bool(true)), _, Some(Value::Object(page))) => match page.get("items").or_else(|| page.get("data")) {
            Some(Value::Null) => Answer::Empty,
            _ => Answer::None,
        },
        _ => Answer::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, field: Field, expected: &str) {
        let mut row = Row::default();
        let mut keys = Keys::new(Vocabulary::default());
        let object = Object::parse(json.as_bytes(), &mut keys).unwrap();
        assert!(json[object.length..].trim().is_empty(), "{}", object.length);
        object.fill(&mut row);
        assert_eq!(row.get(field), expected);
    }

    #[test]
    fn values_become_texts() {
        check(r#"{"quota":12.5}"#, Field::Quota, "12.5");
        check(r#"{ "quota" : null } "#, Field::Quota, "");
        check(r#"{"is_stream":true,"x":{"a":"}"}}"#, Field::Stream, "true");
        check(r#"{"other":{"a": [1]}}"#, Field::Other, r#"{"a": [1]}"#);
        check(r#"{"other":"{\"a\":1}"}"#, Field::Other, r#"{"a":1}"#);
        check(r#"{"channel":{"id":1},"channel_id":7}"#, Field::Channel, "7");
        check(r#"{"channel_id":7,"channel":null}"#, Field::Channel, "7");
        check(r#"{"updated_at":2,"created_at":1}"#, Field::Time, "1");
        check(r#"{"quota":1,"quota":2}"#, Field::Quota, "2");
        check("{}", Field::Quota, "");
    }

    #[test]
    fn strings_are_unescaped() {
        check(r#"{"model":"a\"\\\/\b\f\n\r\tz"}"#, Field::Model, "a\"\\/\u{8}\u{c}\n\r\tz");
        check(r#"{"model":"\u989d度\ud83d\ude00"}"#, Field::Model, "额度😀");
        check(r#"{"model":"\ud83dx\ude00\ud83d\u0041"}"#, Field::Model, "\u{fffd}x\u{fffd}\u{fffd}A");
        check(r#"{"m\u006fdel":"x"}"#, Field::Model, "x");
    }

    #[test]
    fn answers() {
        assert!(matches!(answer(br#"{"success":false,"message":"no"}"#), Answer::Error(m) if m == "no"));
        assert!(matches!(answer(br#"{"error":{"message":"no","type":"x"}}"#), Answer::Error(m) if m == "no"));
        assert!(matches!(answer(br#"{"success":true,"data":{"items":null}}"#), Answer::Empty));
        assert!(matches!(answer(br#"{"success":true,"data":3}"#), Answer::None));
    }
}
