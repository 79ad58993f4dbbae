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

use memchr::memchr;

use super::bytes::{Piece, digits, find, leading_count};
use super::scan::TextSigns;
use crate::details::Details;

/// The keys of the counts that enter a charge, in the order of [`Template::fit`]'s counts.
pub const COUNTS: [&str; 4] = ["cache_tokens", "cache_creation_tokens", "cache_creation_tokens_5m", "cache_creation_tokens_1h"];

/// What stands behind a piece of a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// Its next piece, or the end.
    Literal,
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

    /// Writes the text itself; none where it is written in another way than here.
    pub fn undo(self, text: &[u8], plain: &mut Vec<u8>) -> Option<()> {
        plain.clear();
        let sign = match self {
            Quoting::Bare => None,
            Quoting::Csv => Some(b'"'),
            Quoting::Json => Some(b'\\'),
        };
        let mut rest = text;
        while let Some(at) = sign.and_then(|sign| memchr(sign, rest)) {
            let escaped = *rest.get(at + 1)?;
            self.escape(escaped)?;
            plain.extend_from_slice(&rest[..at]);
            plain.push(escaped);
            rest = &rest[at + 2..];
        }
        plain.extend_from_slice(rest);
        Some(())
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<(Piece, Then)>,
    /// How many line ends are in each text that fits.
    pub lines: usize,
}

/// A template that is being made.
#[derive(Default)]
struct Draft {
    template: Template,
    /// What stands behind the last hole.
    literal: Vec<u8>,
    quoting: Quoting,
}

impl Template {
    /// The template of a text whose object was asked for what matters.
    pub fn new(text: &str, details: &Details<'_>, quoting: Quoting) -> Template {
        let mut draft = Draft { quoting, ..Draft::default() };
        let mut at = 0;
        for (key, value, asked) in details.values() {
            let start = value.as_ptr() as usize - text.as_ptr() as usize;
            draft.push(&text[at..start]);
            at = start + value.len();
            draft.push_value(key, value, asked);
        }
        draft.push(&text[at..]);
        draft.done()
    }

    /// The template of the same object with its keys in order.
    pub fn sorted(details: &Details<'_>) -> Template {
        let mut draft = Draft::default();
        let mut values: Vec<_> = details.values().collect();
        // With the quotes behind them, as the rows' keys are compared.
        values.sort_by_key(|(key, ..)| format!("{key}\""));
        for (at, (key, value, asked)) in values.into_iter().enumerate() {
            let sign = if at == 0 { "{" } else { "," };
            draft.push(&format!("{sign}\"{key}\":"));
            draft.push_value(key, value, asked);
        }
        draft.push("}");
        draft.done()
    }

    /// How many of the bytes fit, from their start on, and their counts; none where they do not fit.
    pub fn fit(&self, bytes: &[u8]) -> Option<(usize, [i64; 4])> {
        let (mut counts, mut at) = ([0; 4], 0);
        for (piece, then) in &self.pieces {
            let start = piece.behind(bytes, at)?;
            at = match then {
                Then::Literal => start,
                Then::Text => find(bytes, start, &TextSigns)?,
                Then::Number => start + number(bytes, start)?,
                Then::Count(index) => {
                    let (length, count) = leading_count(bytes, start)?;
                    counts[usize::from(*index) % COUNTS.len()] = count;
                    start + length
                }
            };
        }
        Some((at, counts))
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
        self.template.lines += literal.iter().filter(|byte| **byte == b'\n').count();
        let pieces = Piece::all(&literal);
        let last = pieces.len().saturating_sub(1);
        self.template.pieces.extend(pieces.enumerate().map(|(at, piece)| (piece, if at == last { then } else { Then::Literal })));
    }

    fn done(mut self) -> Template {
        self.then(Then::Literal);
        self.template
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

/// The length of a whole number without sign, as JSON writes it.
#[inline(always)]
fn whole(bytes: &[u8], at: usize) -> Option<usize> {
    let length = digits(bytes, at);
    (length == 1 || (length > 1 && bytes[at] != b'0')).then_some(length)
}

/// The length of a number without exponent.
#[inline(always)]
pub fn number(bytes: &[u8], start: usize) -> Option<usize> {
    let at = start + usize::from(bytes.get(start) == Some(&b'-'));
    let end = at + whole(bytes, at)?;
    if bytes.get(end) != Some(&b'.') {
        return Some(end - start);
    }
    let fraction = digits(bytes, end + 1);
    (fraction > 0).then_some(end + 1 + fraction - start)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"a":{"k":["1","x"]},"cache_ratio":0.25,"cache_tokens":2107,"frt":-1.5,"id":"abc","ok":true}"#;

    fn template(quoting: Quoting) -> Template {
        let details = Details::parse("other", TEXT).unwrap();
        assert!(details.ratio("cache_ratio").unwrap().is_some());
        Template::new(TEXT, &details, quoting)
    }

    #[track_caller]
    fn check(text: &str, cached: Option<i64>) {
        let fit = |template: Template, text: &str| template.fit(text.as_bytes()).filter(|(length, _)| *length == text.len());
        assert_eq!(fit(template(Quoting::Bare), text).map(|(_, counts)| counts[0]), cached, "{text}");
        let doubled = text.replace('"', "\"\"");
        assert_eq!(fit(template(Quoting::Csv), &doubled).map(|(_, counts)| counts[0]), cached, "{doubled}");
        let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
        assert_eq!(fit(template(Quoting::Json), &escaped).map(|(_, counts)| counts[0]), cached, "{escaped}");
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
}
