//! The JSON object that a row carries (`other`, `metadata`), as a list of keys and values.
//!
//! Numbers keep their text, so that a ratio is read exactly; nothing is looked at before it is asked for.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::exact::Ratio;
use crate::log::RowError;

/// Keys and values of one JSON object.
#[derive(Clone, Debug, Default)]
pub struct Details<'a> {
    /// What the object is called in messages: `other`, `metadata`, `other.tool_surcharges`.
    name: Cow<'static, str>,
    entries: Vec<(Cow<'a, str>, &'a str)>,
    /// Which of the first 64 values were looked at, a bit for each: the others change nothing.
    asked: Cell<u64>,
}

impl<'a> Details<'a> {
    /// Reads an object. No text, `null` and `{}` all mean that there are no details.
    pub fn parse(name: &'static str, text: &'a str) -> Result<Details<'a>, RowError> {
        let text = text.trim();
        if text.is_empty() || text == "null" {
            return Ok(Details { name: Cow::Borrowed(name), entries: Vec::new(), asked: Cell::new(0) });
        }
        Details::object(Cow::Borrowed(name), text)
    }

    fn object(name: Cow<'static, str>, text: &'a str) -> Result<Details<'a>, RowError> {
        let entries = serde_json::Deserializer::from_str(text).deserialize_map(Entries);
        match entries {
            Ok(entries) => Ok(Details { name, entries, asked: Cell::new(0) }),
            Err(_) => Err(RowError::new(name, text, "a JSON object")),
        }
    }

    /// The same object without some of its keys.
    pub fn without(&self, keys: &[&str]) -> Details<'a> {
        let mut rest = self.clone();
        rest.entries.retain(|(key, _)| !keys.contains(&key.as_ref()));
        rest
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(key, _)| key.as_ref())
    }

    /// The keys with their values as they stand in the text, and whether anybody looked at the value.
    ///
    /// That a key is there, and not `null`, is not told as a look: who asks for no more than that would find the same with another
    /// number or another text as the value.
    pub fn values(&self) -> impl Iterator<Item = (&str, &'a str, bool)> {
        let asked = |at: usize| at >= 64 || self.asked.get() & (1 << at) != 0;
        self.entries.iter().enumerate().map(move |(at, (key, value))| (key.as_ref(), *value, asked(at)))
    }

    fn find(&self, key: &str) -> Option<(usize, &'a str)> {
        let at = self.entries.iter().position(|(name, _)| name == key)?;
        let value = self.entries[at].1;
        (value != "null").then_some((at, value))
    }

    fn raw(&self, key: &str) -> Option<&'a str> {
        let (at, value) = self.find(key)?;
        if at < 64 {
            self.asked.set(self.asked.get() | 1 << at);
        }
        Some(value)
    }

    pub fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// Whether the key is there and not `false`, 0 or empty.
    pub fn flag(&self, key: &str) -> bool {
        self.raw(key).is_some_and(|value| !matches!(value, "false" | "0" | "\"\""))
    }

    pub fn ratio(&self, key: &str) -> Result<Option<Ratio>, RowError> {
        self.raw(key).map(|text| text.parse().map_err(|_| self.error(key, text, "a number"))).transpose()
    }

    /// A whole number; none where the key is not there.
    pub fn whole(&self, key: &str) -> Result<Option<i64>, RowError> {
        let Some(text) = self.raw(key) else { return Ok(None) };
        if let Ok(number) = text.parse() {
            return Ok(Some(number));
        }
        let ratio: Option<Ratio> = text.parse().ok();
        ratio.and_then(Ratio::whole).map(Some).ok_or_else(|| self.error(key, text, "a whole number"))
    }

    /// A count of tokens; 0 where the key is not there.
    pub fn tokens(&self, key: &str) -> Result<i64, RowError> {
        Ok(self.whole(key)?.unwrap_or(0))
    }

    /// A text; none where the key is not there or holds no text.
    pub fn text(&self, key: &str) -> Option<Cow<'a, str>> {
        serde_json::from_str::<Text<'a>>(self.raw(key)?).ok().map(|text| text.0)
    }

    /// An object within.
    pub fn nested(&self, key: &str) -> Result<Details<'a>, RowError> {
        match self.raw(key) {
            Some(text) => Details::object(self.path(key), text),
            None => Ok(Details::default()),
        }
    }

    /// The objects of a list; none where the key is not there.
    pub fn list(&self, key: &str) -> Result<Vec<Details<'a>>, RowError> {
        let Some(text) = self.raw(key) else { return Ok(Vec::new()) };
        let items: Vec<&'a RawValue> = serde_json::from_str(text).map_err(|_| self.error(key, text, "a list of objects"))?;
        items.into_iter().map(|item| Details::object(self.path(key), item.get())).collect()
    }

    /// The keys whose values are numbers, with them.
    pub fn numbers(&self) -> impl Iterator<Item = (&str, Ratio)> {
        self.asked.set(u64::MAX);
        self.entries.iter().filter_map(|(key, value)| Some((key.as_ref(), value.parse().ok()?)))
    }

    fn path(&self, key: &str) -> Cow<'static, str> {
        Cow::Owned(format!("{}.{key}", self.name))
    }

    pub fn error(&self, key: &str, found: &str, expected: &'static str) -> RowError {
        RowError::new(self.path(key), found, expected)
    }
}

struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = Vec<(Cow<'de, str>, &'de str)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::with_capacity(24);
        while let Some((key, value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
            entries.push((key.0, value.get()));
        }
        Ok(entries)
    }
}

/// A text that is borrowed where it holds no escapes.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_text_and_errors_their_path() {
        let details =
            Details::parse("other", r#"{"model_ratio":1.7600000000000002,"n":3.0,"x":"y","a":{"b":1},"z":null}"#).unwrap();
        assert_eq!(details.ratio("model_ratio").unwrap().unwrap().to_string(), "1.7600000000000002");
        assert_eq!(details.whole("n").unwrap(), Some(3));
        assert_eq!(details.nested("a").unwrap().tokens("b").unwrap(), 1);
        assert!(!details.has("z"));
        assert_eq!(details.ratio("x").unwrap_err().to_string(), "`other.x`: expected a number, found `\"y\"`");
    }

    #[test]
    fn no_details_are_no_error_and_broken_ones_are() {
        for text in ["", "null", "{}", " "] {
            assert!(Details::parse("other", text).unwrap().is_empty());
        }
        assert!(Details::parse("other", "{\"a\":1").is_err());
        assert!(Details::parse("other", "[1]").is_err());
    }
}
