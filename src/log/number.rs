//! Numbers as people, spreadsheets and consoles write them.
//!
//! A comma is between thousands, a point before a fraction. What may be meant the other way round is no number: one of a thousand times
//! the size would pass as right.

use std::borrow::Cow;

use crate::exact::{Charged, Exact, Ratio};

/// A whole number; thousands separators (`1,234`), an idle fraction (`12.0`) and an exponent (`1e3`) are allowed.
pub fn whole(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let text = ungrouped(text);
    if text.contains(['e', 'E']) {
        return text.parse::<Ratio>().ok()?.whole();
    }
    match text.split_once('.') {
        // `12.000` is 12 here and 12,000 there.
        Some(_) if is_grouped(&text, '.') => None,
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|b| b == b'0') => whole.parse().ok(),
        Some(_) => None,
        None => text.parse().ok(),
    }
}

/// The number without the commas that stand between groups of three digits; other commas stay, so that `1,5` is no number.
pub(super) fn ungrouped(text: &str) -> Cow<'_, str> {
    if !text.contains(',') {
        return Cow::Borrowed(text);
    }
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    if is_grouped(whole, ',') { Cow::Owned(whole.replace(',', "") + fraction) } else { Cow::Borrowed(text) }
}

/// Whether a sign stands between all thousands. Where there is nothing but zeros before it (`0,125`), it does not.
fn is_grouped(text: &str, sign: char) -> bool {
    let are_digits = |group: &str| group.bytes().all(|b| b.is_ascii_digit());
    let mut groups = text.trim_start_matches(['-', '+']).split(sign);
    let first = groups.next().unwrap_or("");
    let begins = (1..=3).contains(&first.len()) && are_digits(first) && !first.starts_with('0');
    let mut more = groups.peekable();
    begins && more.peek().is_some() && more.all(|group| group.len() == 3 && are_digits(group))
}

/// No gateway's points hold so much money.
const MOST_MONEY: i64 = 1_000_000_000_000;

/// An amount of money: `$0.0049`, `-＄1.5`, `0.000883 USD`, `1,234.5`, or one in the currency of the config.
pub(super) fn cost(text: &str, currency: Option<(&str, Ratio)>) -> Option<Charged> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest.trim_start()),
        None => (false, text),
    };
    let signed = |number: &str| -> Option<Exact> {
        let amount = Exact::parse(&ungrouped(number.trim()))?;
        is_money(&amount).then_some(if negative { -amount } else { amount })
    };
    let dollars = strip(text, &["US$", "$", "＄", "USD", "usd"]);
    if let Some(amount) = signed(dollars) {
        return Some(Charged::Money { amount, per_usd: Ratio::ONE });
    }
    let (code, per_usd) = currency?;
    let amount = signed(strip(text, signs(code)))?;
    (!per_usd.is_zero()).then_some(Charged::Money { amount, per_usd })
}

/// Whether an amount may be one of money.
fn is_money(amount: &Exact) -> bool {
    let most = Exact::from(MOST_MONEY);
    *amount < most && -amount.clone() < most
}

fn strip<'t>(text: &'t str, marks: &[&str]) -> &'t str {
    let text = text.trim();
    marks.iter().find_map(|mark| text.strip_prefix(mark).or_else(|| text.strip_suffix(mark))).unwrap_or(text).trim()
}

fn signs(code: &str) -> &'static [&'static str] {
    match code {
        "CNY" => &["CN¥", "¥", "￥", "元", "CNY", "RMB", "人民币"],
        "JPY" => &["JP¥", "¥", "￥", "円", "JPY"],
        "EUR" => &["€", "EUR"],
        "GBP" => &["£", "GBP"],
        _ => &[],
    }
}

/// What a row should have in place of a text that is no whole number, where it can be told what is wrong with it.
pub(super) fn instead_of_whole(text: &str) -> Option<&'static str> {
    if is_grouped(text, '.') {
        return Some("a whole number without a point before three digits, which may be thousands or a fraction");
    }
    let is_long = text.len() > 18 && ungrouped(text).trim_start_matches('-').bytes().all(|b| b.is_ascii_digit());
    if is_long { Some("a whole number of at most 18 digits") } else { instead_of_ratio(text) }
}

/// The same for a number.
pub(super) fn instead_of_ratio(text: &str) -> Option<&'static str> {
    has_decimal_comma(text).then_some("a number with a decimal point, not a comma")
}

/// The same for an amount of money.
pub(super) fn instead_of_cost(text: &str) -> Option<&'static str> {
    let is_number = |c: char| c.is_ascii_digit() || matches!(c, ',' | '.' | '-' | '+');
    let number = text.trim_matches(|c| !is_number(c));
    if has_decimal_comma(number) {
        return Some("an amount with a decimal point, not a comma");
    }
    let is_large = Exact::parse(&ungrouped(number)).is_some_and(|amount| !is_money(&amount));
    is_large.then_some("an amount below 1,000,000,000,000")
}

/// Whether a number is one with its comma taken as a decimal point: `2,50`, `0,003`, `1.234,56`.
fn has_decimal_comma(text: &str) -> bool {
    let Some((whole, fraction)) = text.split_once(',') else { return false };
    let is_whole = is_grouped(whole, '.') || whole.trim_start_matches(['-', '+']).bytes().all(|b| b.is_ascii_digit());
    is_whole && !is_grouped(text, ',') && !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_may_carry_thousands_separators() {
        for (text, number) in [
            ("1,234", Some(1234)),
            ("12.0", Some(12)),
            ("1234.000", Some(1234)),
            ("1,234.000", Some(1234)),
            ("0.000", Some(0)),
            ("12.000000", Some(12)),
            ("12.000", None),
            ("-1.000", None),
            ("1.234", None),
            ("1.234.567", None),
            ("0,125", None),
            ("00,025", None),
            ("1,0234", None),
            ("1,5", None),
            ("12.5", None),
            ("-1,000,000", Some(-1_000_000)),
            ("1e3", Some(1000)),
            ("-1.5E+05", Some(-150_000)),
            ("1.5e0", None),
            ("1e400", None),
            ("e", None),
        ] {
            assert_eq!(whole(text), number, "{text}");
        }
    }

    #[test]
    fn money_is_kept_to_its_written_digits() {
        let usd = |text| cost(text, Some(("CNY", Ratio::new(73, -1))));
        let some = |text: &str, per_usd| Some(Charged::Money { amount: Exact::parse(text).unwrap(), per_usd });
        assert_eq!(usd("$0.000883"), some("0.000883", Ratio::ONE));
        assert_eq!(usd("-＄1.50"), some("-1.50", Ratio::ONE));
        assert_eq!(usd("¥7.30"), some("7.30", Ratio::new(73, -1)));
        assert_eq!([usd("0,003"), usd("$0,123"), usd("2,50"), usd("-0,003"), usd("1.234,5")], [None, None, None, None, None]);
        assert_eq!(usd("$1,234.50"), some("1234.50", Ratio::ONE));
        assert_eq!([usd("€1"), usd("1000000000000"), usd("$-1e30")], [None, None, None]);
    }

    #[test]
    fn what_is_odd_about_a_number_is_told() {
        let comma = Some("an amount with a decimal point, not a comma");
        assert_eq!(["$2,50", "0,003", "-0,003 USD", "€1.234,56"].map(instead_of_cost), [comma; 4]);
        assert_eq!(["12345678901234567890", "$-1e30"].map(instead_of_cost), [Some("an amount below 1,000,000,000,000"); 2]);
        assert_eq!(["€1", "free", "1,2,3", "$1,234.5"].map(instead_of_cost), [None; 4]);
        let point = Some("a whole number without a point before three digits, which may be thousands or a fraction");
        assert_eq!(["12.000", "1.234", "1.234.567"].map(instead_of_whole), [point; 3]);
        assert_eq!(instead_of_whole("9223372036854775808"), Some("a whole number of at most 18 digits"));
        assert_eq!(["1,5", "0,125"].map(instead_of_whole), [Some("a number with a decimal point, not a comma"); 2]);
        assert_eq!(["12.5", "many", ""].map(instead_of_whole), [None; 3]);
    }
}
