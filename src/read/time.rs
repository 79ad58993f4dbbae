//! The times that logs hold: unix seconds or parts of them, RFC 3339, and dates with or without a time of day.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};

/// Turns texts into unix seconds. A time that names no zone is one of `zone`.
#[derive(Clone, Debug)]
pub struct TimeReader {
    pub zone: TimeZone,
}

impl TimeReader {
    pub fn new(zone: TimeZone) -> TimeReader {
        TimeReader { zone }
    }

    /// Unix seconds, or none if the text is no time.
    pub fn parse(&self, text: &str) -> Option<i64> {
        let text = text.trim();
        let digits = text.get(..8).and_then(whole_date).zip(text.get(8..));
        match digits.and_then(|(date, rest)| Some((date, whole_time(rest)?))) {
            Some((date, time)) => self.moment(date, time, ""),
            None => unix(text).or_else(|| self.civil(text)),
        }
    }

    /// The day of a time, as `2026-08-08`.
    pub fn day(&self, time: i64) -> String {
        match jiff::Timestamp::from_second(time) {
            Ok(time) => time.to_zoned(self.zone.clone()).date().to_string(),
            Err(_) => String::new(),
        }
    }

    fn civil(&self, text: &str) -> Option<i64> {
        let (date, rest) = date(text)?;
        let rest = rest.strip_prefix(['T', 't']).unwrap_or(rest).trim_start();
        let (time, rest) = if rest.is_empty() { (Time::midnight(), "") } else { time(rest)? };
        self.moment(date, time, rest.trim())
    }

    fn moment(&self, date: Date, time: Time, zone: &str) -> Option<i64> {
        let moment = DateTime::from_parts(date, time);
        let zone = match zone {
            "" => self.zone.clone(),
            "Z" | "z" | "UTC" | "GMT" => TimeZone::UTC,
            offset => TimeZone::fixed(read_offset(offset)?),
        };
        Some(moment.to_zoned(zone).ok()?.timestamp().as_second())
    }
}

/// `20260808`: as unix seconds it would be of a year when no gateway was.
fn whole_date(text: &str) -> Option<Date> {
    let is_date = text.len() == 8 && text.starts_with("20") && text.bytes().all(|byte| byte.is_ascii_digit());
    let number: i64 = is_date.then(|| text.parse().ok())??;
    Date::new(i16::try_from(number / 10_000).ok()?, narrow(number / 100 % 100)?, narrow(number % 100)?).ok()
}

/// The time behind a date of digits: none, or `120000`. As a number of milliseconds it would be of another century.
fn whole_time(text: &str) -> Option<Time> {
    if text.is_empty() {
        return Some(Time::midnight());
    }
    let is_time = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
    let number: i64 = is_time.then(|| text.parse().ok())??;
    Time::new(narrow(number / 10_000)?, narrow(number / 100 % 100)?, narrow(number % 100)?, 0).ok()
}

/// Whole or broken unix seconds; 12 digits and more are milliseconds, 15 and more microseconds, 18 and more nanoseconds.
fn unix(text: &str) -> Option<i64> {
    let digits = text.split_once('.').map_or(text, |(whole, fraction)| match fraction.bytes().all(|b| b.is_ascii_digit()) {
        true => whole,
        false => text,
    });
    let number: i64 = digits.parse().ok()?;
    let parts = match number.unsigned_abs() {
        0..100_000_000_000 => 1,
        100_000_000_000..100_000_000_000_000 => 1_000,
        100_000_000_000_000..100_000_000_000_000_000 => 1_000_000,
        _ => 1_000_000_000,
    };
    Some(number.div_euclid(parts))
}

/// `2026-08-08` or `2026/8/8`, and what follows.
fn date(text: &str) -> Option<(Date, &str)> {
    let (year, rest) = number(text)?;
    let separator = rest.chars().next().filter(|c| matches!(c, '-' | '/'))?;
    let (month, rest) = number(&rest[1..])?;
    let (day, rest) = number(rest.strip_prefix(separator)?)?;
    // A year of four digits tells this order of the parts from the others.
    let date = Date::new(i16::try_from(year).ok().filter(|y| *y >= 1000)?, narrow(month)?, narrow(day)?).ok()?;
    Some((date, rest))
}

/// `05:20`, `05:20:03` or `05:20:03.123`, and what follows.
fn time(text: &str) -> Option<(Time, &str)> {
    let (hour, rest) = number(text)?;
    let (minute, rest) = number(rest.strip_prefix(':')?)?;
    let (second, rest) = match rest.strip_prefix(':') {
        Some(rest) => number(rest)?,
        None => (0, rest),
    };
    let rest = rest.strip_prefix(['.', ',']).map_or(rest, |fraction| fraction.trim_start_matches(|c: char| c.is_ascii_digit()));
    Some((Time::new(narrow(hour)?, narrow(minute)?, narrow(second)?, 0).ok()?, rest))
}

/// A zone by its name, or by what it is ahead of UTC: `Asia/Shanghai`, `+08:00`.
pub fn zone(text: &str) -> Option<TimeZone> {
    read_offset(text).map(TimeZone::fixed).or_else(|| TimeZone::get(text).ok())
}

/// `+08:00`, `-0530`, `+08`, also as `+0800 CST`.
fn read_offset(text: &str) -> Option<Offset> {
    let text = text.split_whitespace().next()?;
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+')?),
    };
    let digits = digits.replace(':', "");
    if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: i32 = digits.parse().ok()?;
    let minutes = if digits.len() == 4 { number / 100 * 60 + number % 100 } else { number * 60 };
    Offset::from_seconds(sign * minutes * 60).ok()
}

fn number(text: &str) -> Option<(i64, &str)> {
    let end = text.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

fn narrow(number: i64) -> Option<i8> {
    i8::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(zone: &str, text: &str, expected: Option<i64>) {
        assert_eq!(TimeReader::new(TimeZone::get(zone).unwrap()).parse(text), expected, "{text}");
    }

    #[test]
    fn times_that_name_their_zone() {
        for text in [
            "1786166403",
            " 1786166403 ",
            "1786166403.987",
            "1786166403123",
            "1786166403123456",
            "1786166403123456789",
            "2026-08-08T05:20:03Z",
            "2026-08-08t05:20:03.5z",
            "2026-08-08T13:20:03+08:00",
            "2026-08-08 13:20:03.123456 +0800 CST",
            "2026-08-08 05:20:03 UTC",
            "2026-08-08 05:20:03+00",
            "2026-08-07 23:50:03 -0530",
        ] {
            check("Asia/Tokyo", text, Some(1_786_166_403));
        }
    }

    #[test]
    fn times_of_the_zone_that_is_set() {
        check("UTC", "2026-08-08 05:20:03", Some(1_786_166_403));
        check("Asia/Shanghai", "2026-08-08 13:20:03", Some(1_786_166_403));
        check("Asia/Shanghai", "2026/8/8 13:20", Some(1_786_166_400));
        check("UTC", "2026-08-08", Some(1_786_147_200));
        check("UTC", "20260808", Some(1_786_147_200));
        check("Asia/Shanghai", "20260808", Some(1_786_118_400));
        check("UTC", "20261308", Some(20_261_308));
        check("Asia/Shanghai", "2026-08-08T08:00:00", Some(1_786_147_200));
    }

    #[test]
    fn a_zone_is_a_name_or_an_offset() {
        let read = |text| TimeReader::new(zone(text).unwrap()).parse("2026-08-08 13:20:03");
        for text in ["Asia/Shanghai", "+08:00", "+08", "+0800"] {
            assert_eq!(read(text), Some(1_786_166_403), "{text}");
        }
        assert!(zone("+8:99").is_none() && zone("Mars").is_none());
    }

    #[test]
    fn what_is_no_time() {
        for text in [
            "",
            "yesterday",
            "8/8/2026",
            "2026-13-01",
            "2026-08-08 25:00",
            "2026-08-08 05",
            "05:20",
            "1.5e9",
            "2026-08-08 05:20 XST",
        ] {
            check("UTC", text, None);
        }
    }
}
