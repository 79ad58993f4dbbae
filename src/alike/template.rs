//! The text of `other`, with holes where it may differ.
//!
//! A template is made from a text that was read whole, and from what was looked at while its row was judged:
//!
//! ```text
//! {"admin_info":{"use_channel":["12"]},"cache_ratio":0.25,"cache_tokens":2107,"frt":1644,"model_ratio":1.25}
//! {"admin_info":{"use_channel":["··"]},"cache_ratio":0.25,"cache_tokens":####,"frt":~~~~,"model_ratio":1.25}
//! ```
//!
//! `####` is a count that enters the charge; `··` a text and `~~~~` a number that nobody looked at. All other bytes are literal: so a text
//! that fits is an object with the same keys in the same order, and whatever mattered in the first one stands in it byte for byte.
//! Escapes, other spellings of a number and other kinds of values do not fit, and the text is read whole.

use super::bytes::{Pattern, find, leading_count, number, word};
use super::scan::TextSigns;
use crate::details::Details;

/// The keys of the counts that enter a charge, in the order of [`Template::fit`]'s counts.
pub const COUNTS: [&str; 4] = ["cache_tokens", "cache_creation_tokens", "cache_creation_tokens_5m", "cache_creation_tokens_1h"];

/// What stands behind a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    End,
    /// A count of [`COUNTS`].
    Count(u8),
    Number,
    Text,
}

/// How a text stands in its row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quoting {
    #[default]
    Bare,
    /// Within quotes, its own doubled.
    Csv,
    /// Within quotes, its own behind a backslash.
    Json,
}

impl Quoting {
    /// Whether the text ends where these bytes begin.
    pub fn closes(self, rest: &[u8]) -> bool {
        match self {
            Quoting::Bare => true,
            Quoting::Csv => rest.starts_with(b"\"") && !rest.starts_with(b"\"\""),
            Quoting::Json => rest.starts_with(b"\""),
        }
    }

    /// What stands before a byte of the text.
    fn escape(self, byte: u8) -> Option<u8> {
        match (self, byte) {
            (Quoting::Csv, b'"') => Some(b'"'),
            (Quoting::Json, b'"' | b'\\') => Some(b'\\'),
            _ => None,
        }
    }
}

/// A text with holes, as it stands in its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pairs: Pairs,
    /// How many line ends are in each text that fits.
    pub lines: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pairs {
    /// There is no text.
    None,
    /// The whole text.
    InOrder(Pattern<Then>),
    /// One for each pair of the object, which may come in any order.
    InAnyOrder { pairs: Vec<Pair>, quote: usize },
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pair {
    /// The first bytes of the key behind its quote, which mostly tell it, and where they stand in a word.
    first: u64,
    inside: u64,
    pattern: Pattern<Then>,
}

/// A template that is being made.
#[derive(Default)]
struct Draft {
    pattern: Pattern<Then>,
    lines: usize,
    /// What stands behind the last hole.
    literal: Vec<u8>,
    quoting: Quoting,
}

/// Objects with more pairs are read whole, if their keys come in any order.
const MOST_PAIRS: usize = 64;

impl Template {
    /// The template of a text whose object was asked for what matters.
    pub fn new(text: &str, details: &Details<'_>, quoting: Quoting) -> Template {
        if text.is_empty() {
            return Template { pairs: Pairs::None, lines: 0 };
        }
        let mut draft = Draft { quoting, ..Draft::default() };
        let mut at = 0;
        for (key, value, asked) in details.values() {
            let start = value.as_ptr() as usize - text.as_ptr() as usize;
            draft.push(&text[at..start]);
            at = start + value.len();
            draft.push_value(key, value, asked);
        }
        draft.push(&text[at..]);
        draft.then(Then::End);
        Template { pairs: Pairs::InOrder(draft.pattern), lines: draft.lines }
    }

    /// The template of texts with the same pairs in any order; none where a key comes twice, or there are none, or too many.
    pub fn in_any_order(details: &Details<'_>, quoting: Quoting) -> Option<Template> {
        let mut values: Vec<_> = details.values().collect();
        values.sort_by_key(|(key, ..)| *key);
        let is_twice = values.windows(2).any(|keys| keys[0].0 == keys[1].0);
        if is_twice || values.is_empty() || values.len() > MOST_PAIRS {
            return None;
        }
        let (mut pairs, mut lines) = (Vec::new(), 0);
        for (key, value, asked) in values {
            let mut draft = Draft { quoting, ..Draft::default() };
            draft.push(&format!("\"{key}\":"));
            draft.push_value(key, value, asked);
            draft.then(Then::End);
            let inside = u64::MAX.checked_shl(8 * key.len() as u32).map_or(u64::MAX, |outside| !outside);
            pairs.push(Pair { first: word(key.as_bytes(), 0) & inside, inside, pattern: draft.pattern });
            lines += draft.lines;
        }
        let quote = if quoting == Quoting::Bare { 1 } else { 2 };
        Some(Template { pairs: Pairs::InAnyOrder { pairs, quote }, lines })
    }

    /// How many of the bytes fit, from their start on, and their counts; none where they do not fit.
    #[inline]
    pub fn fit(&self, bytes: &[u8]) -> Option<(usize, [i64; 4])> {
        let mut counts = [0; 4];
        let length = match &self.pairs {
            Pairs::None => 0,
            Pairs::InOrder(text) => follow(text, bytes, &mut counts)?,
            Pairs::InAnyOrder { pairs, quote } => follow_pairs(pairs, *quote, bytes, &mut counts)?,
        };
        Some((length, counts))
    }
}

/// What is behind a text with holes, and its counts.
fn follow(text: &Pattern<Then>, bytes: &[u8], counts: &mut [i64; 4]) -> Option<usize> {
    text.follow(bytes, |then, start| {
        Some(match then {
            Then::End => start,
            Then::Text => find(bytes, start, &TextSigns)?,
            Then::Number => start + number(bytes, start)?,
            Then::Count(index) => {
                let (length, count) = leading_count(bytes, start)?;
                counts[usize::from(index) % COUNTS.len()] = count;
                start + length
            }
        })
    })
}

/// The length of an object that has each of the pairs once. The order of keys changes nothing in what an object says.
fn follow_pairs(pairs: &[Pair], quote: usize, bytes: &[u8], counts: &mut [i64; 4]) -> Option<usize> {
    // A bit for each that did not come yet.
    let mut left = u64::MAX.checked_shr((MOST_PAIRS - pairs.len()) as u32)?;
    let mut at = bytes.starts_with(b"{").then_some(1)?;
    loop {
        let pair = bytes.get(at..)?;
        let first = word(pair, quote);
        let may_be = |number: usize, known: &Pair| (first & known.inside == known.first) & (left >> number & 1 == 1);
        let candidates = pairs.iter().enumerate().filter(|(number, known)| may_be(*number, known));
        let (number, length) =
            candidates.filter_map(|(number, known)| Some((number, follow(&known.pattern, pair, counts)?))).next()?;
        left &= !(1 << number);
        at += length + 1;
        match pair.get(length)? {
            b',' => {}
            b'}' => return (left == 0).then_some(at),
            _ => return None,
        }
    }
}

impl Draft {
    fn push(&mut self, text: &str) {
        for byte in text.bytes() {
            self.literal.extend(self.quoting.escape(byte));
            self.literal.push(byte);
        }
    }

    /// Ends the literal.
    fn then(&mut self, then: Then) {
        let literal = std::mem::take(&mut self.literal);
        self.lines += literal.iter().filter(|byte| **byte == b'\n').count();
        self.pattern.push(&literal, then);
    }

    fn push_value(&mut self, key: &str, value: &str, asked: bool) {
        match COUNTS.iter().position(|count| *count == key) {
            Some(count) if value.bytes().all(|byte| byte.is_ascii_digit()) => self.then(Then::Count(count as u8)),
            None if !asked => self.push_idle(value),
            _ => self.push(value),
        }
    }

    /// A value that nobody looked at: the texts and numbers within it may differ, the names of keys not.
    fn push_idle(&mut self, value: &str) {
        let mut rest = value;
        while let Some(first) = rest.chars().next() {
            let length = match first {
                '"' => text_length(rest),
                '-' | '0'..='9' => {
                    rest.bytes().take_while(|byte| matches!(byte, b'-' | b'+' | b'.' | b'0'..=b'9' | b'e' | b'E')).count()
                }
                _ => first.len_utf8(),
            };
            let (token, behind) = rest.split_at(length);
            let is_text = first == '"' && !token.contains('\\') && !behind.trim_start().starts_with(':');
            if is_text {
                self.push("\"");
                self.then(Then::Text);
                self.push("\"");
            } else if matches!(first, '-' | '0'..='9') {
                self.then(Then::Number);
            } else {
                self.push(token);
            }
            rest = behind;
        }
    }
}

/// The length of a JSON text, its quotes included.
fn text_length(rest: &str) -> usize {
    let mut escaped = false;
    let close = rest.bytes().skip(1).position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    });
    close.map_or(rest.len(), |at| at + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In one place, which a template asks for.
    static TEXT: &str = r#"{"a":{"k":["1","x"]},"cache_ratio":0.25,"cache_tokens":2107,"frt":-1.5,"id":"abc","ok":true}"#;

    fn asked() -> Details<'static> {
        let details = Details::parse("other", TEXT).unwrap();
        assert!(details.ratio("cache_ratio").unwrap().is_some());
        details
    }

    #[track_caller]
    fn check_by(template: impl Fn(Quoting) -> Template, text: &str, cached: Option<i64>) {
        let fit = |template: Template, text: &str| template.fit(text.as_bytes()).filter(|(length, _)| *length == text.len());
        assert_eq!(fit(template(Quoting::Bare), text).map(|(_, counts)| counts[0]), cached, "{text}");
        let doubled = text.replace('"', "\"\"");
        assert_eq!(fit(template(Quoting::Csv), &doubled).map(|(_, counts)| counts[0]), cached, "{doubled}");
        let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
        assert_eq!(fit(template(Quoting::Json), &escaped).map(|(_, counts)| counts[0]), cached, "{escaped}");
    }

    #[track_caller]
    fn check(text: &str, cached: Option<i64>) {
        check_by(|quoting| Template::new(TEXT, &asked(), quoting), text, cached);
    }

    #[track_caller]
    fn check_any_order(text: &str, cached: Option<i64>) {
        check_by(|quoting| Template::in_any_order(&asked(), quoting).unwrap(), text, cached);
    }

    #[test]
    fn what_nobody_asked_for_may_differ() {
        check(TEXT, Some(2107));
        check(&TEXT.replace("2107", "0").replace("-1.5", "3000").replace("abc", "é"), Some(0));
        check(&TEXT.replace(r#""x""#, r#""""#), Some(2107));
    }

    #[test]
    fn what_matters_may_not() {
        for (from, to) in [
            ("0.25", "0.250"),
            ("2107", "2107.0"),
            ("2107", "-1"),
            ("2107", "02107"),
            ("2107", "\"2107\""),
            ("-1.5", "-01.5"),
            ("-1.5", "1e3"),
            ("-1.5", "null"),
            ("abc", "a\\u0062c"),
            ("abc", "a\\\"c"),
            ("abc", "a\nc"),
            ("\"k\"", "\"l\""),
            ("true", "false"),
            ("\"id\":\"abc\",\"ok\":true", "\"ok\":true,\"id\":\"abc\""),
        ] {
            check(&TEXT.replace(from, to), None);
        }
        check(&TEXT[..TEXT.len() - 1], None);
    }

    #[test]
    fn pairs_may_come_in_any_order() {
        let pairs =
            [r#""a":{"k":["7","}"]}"#, r#""cache_ratio":0.25"#, r#""cache_tokens":3"#, r#""frt":7"#, r#""id":"x","ok":true"#];
        for first in 0..pairs.len() {
            let turned: Vec<&str> = pairs.iter().cycle().skip(first).take(pairs.len()).copied().collect();
            check_any_order(&format!("{{{}}}", turned.join(",")), Some(3));
        }
    }

    #[test]
    fn each_pair_comes_once_and_as_it_was() {
        let id = r#""id":"abc""#;
        check_any_order(TEXT, Some(2107));
        for text in [
            TEXT.replace(id, &format!("{id},{id}")),
            TEXT.replace(id, r#""id2":"abc""#),
            TEXT.replace(&format!("{id},"), ""),
            TEXT.replace("\"cache_tokens", "\"cache_token"),
            TEXT.replace("0.25", "0.255"),
            TEXT.replace(",\"frt", ", \"frt"),
            TEXT.replace("true}", "true"),
            TEXT.replace("true}", "true,}"),
            TEXT.replace("true}", "true]"),
            "{}".to_owned(),
            String::new(),
        ] {
            check_any_order(&text, None);
        }
        let twice = Details::parse("other", r#"{"a":1,"b":2,"a":1}"#);
        assert!(twice.ok().is_none_or(|details| Template::in_any_order(&details, Quoting::Bare).is_none()));
    }
}
