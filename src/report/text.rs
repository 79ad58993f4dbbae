//! Numbers, money and times as people and machines read them.

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

/// Unix seconds as `2026-08-08T05:20:03Z`.
pub fn time_text(seconds: i64) -> String {
    match jiff::Timestamp::from_second(seconds) {
        Ok(time) => time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        Err(_) => seconds.to_string(),
    }
}

/// A text from a log, safe for a terminal: control characters and those that turn the direction of text are shown as `\u{…}`.
pub fn printable(text: &str) -> String {
    let hostile = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    if !text.chars().any(hostile) {
        return text.to_owned();
    }
    text.chars().map(|c| if hostile(c) { c.escape_unicode().to_string() } else { c.to_string() }).collect()
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
}
