//! Numbers, money and times as people and machines read them.

use std::io::{self, Write};

use crate::exact::{Exact, Ratio};

/// `1234567` as `1,234,567`.
pub fn grouped(number: i128) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0 { format!("-{text}") } else { text }
}

/// `1,234 points`, `1 point`.
pub fn points_text(points: i128) -> String {
    format!("{} point{}", grouped(points), if points.unsigned_abs() == 1 { "" } else { "s" })
}

/// Points in USD, exact; where `per_unit` does not divide them, 30 more places are kept.
pub fn usd_of(points: &Exact, per_unit: Ratio) -> Exact {
    if per_unit.is_zero() {
        return Exact::zero();
    }
    points.divided_by(&Exact::from(per_unit), points.decimals() + 30).normalized()
}

/// An amount as `$0.123456`: at least two and at most six decimals, rounded half away from zero.
pub fn usd_text(amount: &Exact) -> String {
    let rounded = amount.rounded(6).normalized();
    let text = (if rounded.is_negative() { -rounded.clone() } else { rounded.clone() }).to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let whole = whole.parse::<i128>().map_or_else(|_| whole.to_owned(), grouped);
    let sign = if rounded.is_negative() { "-" } else { "" };
    format!("{sign}${whole}.{fraction:0<2}")
}

/// An amount with six decimals, for columns in which the points stand below each other.
pub fn usd_aligned(amount: &Exact) -> String {
    let text = usd_text(amount);
    let decimals = text.rsplit('.').next().map_or(0, str::len);
    text + &"0".repeat(6_usize.saturating_sub(decimals))
}

/// Unix seconds as `2026-08-08T05:20:03Z`.
pub fn time_text(seconds: i64) -> String {
    match jiff::Timestamp::from_second(seconds) {
        Ok(time) => time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        Err(_) => seconds.to_string(),
    }
}

/// Characters that act on a terminal, turn the direction of text or are no text at all.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        || matches!(c, '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}')
}

/// A text from a log, safe on a terminal and in the log of a pipeline: what acts there is shown as `\u{…}`. Those are control characters, those
/// that turn the direction of text, and the beginnings of workflow commands, `::` and `##[`.
pub fn printable(text: &str) -> String {
    if !text.chars().any(is_hostile) && !text.contains("::") && !text.contains("##[") {
        return text.to_owned();
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for (at, c) in text.char_indices() {
        let starts_command = text[at..].starts_with("##[") || (c == ':' && text[..at].ends_with(':'));
        if is_hostile(c) || starts_command {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    safe
}

/// A text from a log as a reader sees it: safe, and no longer than a line or two.
pub fn shown(text: &str) -> String {
    const MOST: usize = 200;
    match text.char_indices().nth(MOST) {
        None => printable(text),
        Some((end, _)) => format!("{}…", printable(&text[..end])),
    }
}

/// A sentence with a capital letter.
pub fn capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// TOML on its way out: what acts on a terminal stands as `\uXXXX`, which in its texts is the same text.
pub fn toml_text(toml: &str) -> String {
    let mut safe = String::with_capacity(toml.len());
    for c in toml.chars() {
        match u32::from(c) {
            _ if !is_hostile(c) || c == '\n' => safe.push(c),
            code @ ..=0xffff => safe.extend(format!("\\u{code:04x}").chars()),
            code => safe.extend(format!("\\U{code:08x}").chars()),
        }
    }
    safe
}

/// JSON on its way out: what acts on a terminal stands as `\uXXXX` in its strings, which is the same text.
#[derive(Debug)]
pub struct JsonText<W>(pub W);

impl<W: Write> Write for JsonText<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    /// The writer of JSON hands over whole characters.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        // Nearly all bytes are plain, which is seen of many at once.
        let is_plain = bytes.iter().fold(true, |plain, byte| plain & (*byte < 0x7f) & (*byte != b'#'));
        if is_plain {
            return self.0.write_all(bytes);
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => self.write_escaped(text),
            Err(_) => self.0.write_all(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W: Write> JsonText<W> {
    fn write_escaped(&mut self, text: &str) -> io::Result<()> {
        let mut done = 0;
        for (at, c) in text.char_indices() {
            if (is_hostile(c) && c != '\n') || text[at..].starts_with("##[") {
                self.0.write_all(&text.as_bytes()[done..at])?;
                c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(self.0, "\\u{unit:04x}"))?;
                done = at + c.len_utf8();
            }
        }
        self.0.write_all(&text.as_bytes()[done..])
    }
}

/// A JSON document as it goes [out](JsonText).
pub fn json_text(json: &str) -> String {
    let mut safe = Vec::with_capacity(json.len());
    let written = JsonText(&mut safe).write_all(json.as_bytes());
    written.ok().and_then(|()| String::from_utf8(safe).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_has_two_to_six_decimals() {
        for (amount, text) in [("0.0031695", "$0.00317"), ("12", "$12.00"), ("-1234.5", "-$1,234.50"), ("0.0000004", "$0.00")] {
            assert_eq!(usd_text(&Exact::parse(amount).unwrap()), text);
        }
    }

    #[test]
    fn times_are_utc() {
        assert_eq!(time_text(1_786_166_403), "2026-08-08T05:20:03Z");
    }

    #[test]
    fn control_characters_are_shown() {
        assert_eq!(printable("a\u{1b}[31m\u{202e}b"), "a\\u{1b}[31m\\u{202e}b");
    }

    #[test]
    fn workflow_commands_do_not_begin() {
        assert_eq!(printable("::error::x ##[group]"), ":\\u{3a}error:\\u{3a}x \\u{23}#[group]");
        assert_eq!(printable("a:b #[x]"), "a:b #[x]");
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(shown(&"模".repeat(201)), "模".repeat(200) + "…");
        assert_eq!(shown(&"模".repeat(200)), "模".repeat(200));
    }

    #[test]
    fn json_keeps_the_text_but_not_what_acts() {
        for text in ["\u{9b}31m\u{202e}\u{7f}\u{feff}\u{e0041}##[x]", "plain 模\n\t", "\u{1b}[2J\0"] {
            let mut bytes = Vec::new();
            serde_json::to_writer(JsonText(&mut bytes), &[text]).unwrap();
            let json = String::from_utf8(bytes).unwrap();
            assert!(!json.chars().any(is_hostile) && !json.contains("##["), "{json}");
            assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), [text]);
        }
    }
}
