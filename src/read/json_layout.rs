//! How the objects of an input are laid out that are written one like the other.

use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::Deserializer;
use serde_json::value::RawValue;
use std::fmt;

use crate::log::{Field, Fields};
use crate::read::json_row::Keys;
use crate::read::vocabulary::Rank;
use crate::read::{Form, Layout, ValueKind};

/// The layout of the object at the start of the bytes; none where it is not on one line, or holds more than texts, numbers and details.
pub fn layout(bytes: &[u8], keys: &mut Keys) -> Option<Layout> {
    let line = bytes.split(|byte| *byte == b'\n').next()?.trim_ascii_end();
    let pairs = Deserializer::from_slice(line).deserialize_map(Pairs).ok()?;
    let (mut at, mut before, mut kinds, mut cells) = (0, Vec::new(), Vec::new(), Vec::new());
    let mut best = [(Rank::MAX, 0); Field::COUNT];
    for (number, (key, value)) in pairs.iter().enumerate() {
        // The value is a part of the line, so this difference is its offset there.
        let start = value.as_ptr().addr() - line.as_ptr().addr();
        before.push(Box::from(line.get(at..start)?));
        at = start + value.len();
        kinds.push(match value.as_bytes().first() {
            Some(b'"') => ValueKind::Text,
            Some(b'-' | b'0'..=b'9') => ValueKind::Number,
            _ => ValueKind::Other,
        });
        let known = keys.field(number, key);
        cells.push(known.map(|(field, _)| field));
        if let Some((field, rank)) = known.filter(|(field, rank)| *rank <= best[*field as usize].0) {
            best[field as usize] = (rank, number);
        }
        let is_object = value.starts_with(['{', '[']);
        if is_object && known.is_none_or(|(field, _)| field != Field::Other) {
            return None;
        }
    }
    let columns: Fields = cells.iter().copied().flatten().collect();
    // Of several keys for a field, one gives its text.
    for (number, cell) in cells.iter_mut().enumerate() {
        *cell = cell.filter(|field| best[*field as usize].1 == number);
    }
    Some(Layout { cells, columns, form: Form::Lines { before, kinds, end: line.get(at..)?.into() } })
}

/// The keys of an object with their values as they stand there.
struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Vec<(String, &'de str)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some((key, value)) = map.next_entry::<String, &'de RawValue>()? {
            pairs.push((key, value.get()));
        }
        Ok(pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::vocabulary::Vocabulary;

    fn of(line: &str) -> Option<Layout> {
        layout(line.as_bytes(), &mut Keys::new(Vocabulary::default()))
    }

    #[test]
    fn values_and_what_is_between_them() {
        let found = of("{\"channel_id\": 1, \"channel_name\":\"x\",\"y\":[0]}\n{");
        assert_eq!(found, None, "a list that nobody reads");
        let found = of("{\"channel_name\":\"x\", \"channel_id\": 1,\"quota\":2 }\r\n{").unwrap();
        assert_eq!(found.cells, [None, Some(Field::Channel), Some(Field::Quota)]);
        let before = ["{\"channel_name\":", ", \"channel_id\": ", ",\"quota\":"].map(|text| text.as_bytes().into()).to_vec();
        let kinds = vec![ValueKind::Text, ValueKind::Number, ValueKind::Number];
        assert_eq!(found.form, Form::Lines { before, kinds, end: b" }"[..].into() });
        assert_eq!(of("{\n\"quota\":2}"), None);
    }
}
