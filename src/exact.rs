//! Exact decimal numbers: the only place where money and ratios are added, multiplied and rounded.
//!
//! Two types. [`Ratio`] is a number as a gateway stores it: a float64, written as its shortest decimal
//! text, at most 17 digits. [`Exact`] is a decimal of any length, the result of products and sums of
//! ratios. Nothing here is rounded unless the function says so.
//!
//! ```
//! use quota::exact::{Exact, Ratio};
//! let model: Ratio = "37.5".parse().unwrap();
//! let group: Ratio = "0.06666667".parse().unwrap();
//! let points = Exact::from(2009) * model * group;
//! assert_eq!(points.to_string(), "5022.500251125");
//! assert_eq!(points.round_half_away().to_string(), "5023");
//! ```

mod whole;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::ops::{Add, AddAssign, Mul, Neg, Sub};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use whole::Whole;

use crate::float;

/// A ratio or a price as a gateway stores it: `mantissa · 10^exponent`, at most 17 digits, no trailing zeros.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Ratio {
    mantissa: i64,
    exponent: i16,
}

impl Ratio {
    pub const ZERO: Ratio = Ratio { mantissa: 0, exponent: 0 };
    pub const ONE: Ratio = Ratio { mantissa: 1, exponent: 0 };

    /// `mantissa · 10^exponent`. The mantissa must have at most 17 digits, as every float64 text has.
    pub const fn new(mantissa: i64, exponent: i16) -> Ratio {
        let mut ratio = Ratio { mantissa, exponent };
        while ratio.mantissa != 0 && ratio.mantissa % 10 == 0 {
            ratio.mantissa /= 10;
            ratio.exponent += 1;
        }
        if ratio.mantissa == 0 {
            ratio.exponent = 0;
        }
        ratio
    }

    pub fn mantissa(self) -> i64 {
        self.mantissa
    }

    pub fn exponent(self) -> i16 {
        self.exponent
    }

    pub fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// The number, if it is a whole one of 64 bits.
    pub fn whole(self) -> Option<i64> {
        let power = u32::try_from(self.exponent).ok()?;
        self.mantissa.checked_mul(10i64.checked_pow(power)?)
    }

    pub fn is_negative(self) -> bool {
        self.mantissa < 0
    }

    /// The product, where it has no more digits than a ratio holds.
    pub fn times(self, other: Ratio) -> Option<Ratio> {
        let mantissa = i128::from(self.mantissa) * i128::from(other.mantissa);
        Ratio::of_digits(mantissa, i32::from(self.exponent) + i32::from(other.exponent))
    }

    /// The quotient, where it ends within the digits that a ratio holds.
    pub fn over(self, divisor: Ratio) -> Option<Ratio> {
        if divisor.is_zero() {
            return None;
        }
        let (above, below) = (i128::from(self.mantissa), i128::from(divisor.mantissa));
        let common = greatest_divisor(above.abs(), below.abs()) * below.signum();
        let (above, below) = (above / common, below / common);
        // It ends where nothing but twos and fives is left to divide by.
        let places = (0..=17_u32).find(|places| 10_i128.pow(*places) % below == 0)?;
        let mantissa = above.checked_mul(10_i128.pow(places) / below)?;
        let places = i32::try_from(places).ok()?;
        Ratio::of_digits(mantissa, i32::from(self.exponent) - i32::from(divisor.exponent) - places)
    }

    /// Up to 15 digits every decimal is the text of its own float64.
    fn of_digits(mut mantissa: i128, mut exponent: i32) -> Option<Ratio> {
        while mantissa != 0 && mantissa % 10 == 0 {
            (mantissa, exponent) = (mantissa / 10, exponent + 1);
        }
        let is_short = mantissa.unsigned_abs() < 1_000_000_000_000_000 && (-290..290).contains(&exponent);
        is_short.then_some(Ratio::new(i64::try_from(mantissa).ok()?, i16::try_from(exponent).ok()?))
    }
}

fn greatest_divisor(a: i128, b: i128) -> i128 {
    if b == 0 { a } else { greatest_divisor(b, a % b) }
}

/// Why a text is no [`Ratio`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotANumber;

impl fmt::Display for NotANumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a finite decimal number")
    }
}

impl std::error::Error for NotANumber {}

impl FromStr for Ratio {
    type Err = NotANumber;

    /// Reads a JSON number as a gateway does: through float64, to its shortest text.
    fn from_str(text: &str) -> Result<Ratio, NotANumber> {
        let (mantissa, exponent) = scan(text).ok_or(NotANumber)?;
        match mantissa {
            // Up to 15 digits every decimal is the shortest text of its own float64.
            Some(m) if m.unsigned_abs() < 1_000_000_000_000_000 && (-290..290).contains(&exponent) => {
                Ok(Ratio::new(m, exponent as i16))
            }
            _ => float::shortest(text).ok_or(NotANumber),
        }
    }
}

/// Splits a decimal text into mantissa (none if it needs more than 18 digits) and exponent.
fn scan(text: &str) -> Option<(Option<i64>, i32)> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (number, exponent) = match digits.find(['e', 'E']) {
        Some(at) => (&digits[..at], digits[at + 1..].parse::<i32>().ok()?),
        None => (digits, 0),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut mantissa: Option<i64> = Some(0);
    for digit in whole.bytes().chain(fraction.bytes()) {
        if !digit.is_ascii_digit() {
            return None;
        }
        mantissa = mantissa
            .and_then(|m| m.checked_mul(10)?.checked_add(i64::from(digit - b'0')))
            .filter(|m| *m < 1_000_000_000_000_000_000);
    }
    let exponent = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    Some((mantissa.map(|m| if negative { -m } else { m }), exponent))
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Exact::from(*self), f)
    }
}

impl fmt::Debug for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Ratio> for String {
    fn from(ratio: Ratio) -> String {
        ratio.to_string()
    }
}

impl TryFrom<String> for Ratio {
    type Error = NotANumber;

    fn try_from(text: String) -> Result<Ratio, NotANumber> {
        text.parse()
    }
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Ratio) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ratio {
    fn cmp(&self, other: &Ratio) -> Ordering {
        if self.exponent == other.exponent {
            return self.mantissa.cmp(&other.mantissa);
        }
        // Up to 18 places more fit 128 bits.
        let more = i32::from(self.exponent) - i32::from(other.exponent);
        let scaled = |mantissa: i64, places: i32| Some(i128::from(mantissa) * 10_i128.pow(u32::try_from(places.max(0)).ok()?));
        if more.abs() <= 18
            && let (Some(one), Some(two)) = (scaled(self.mantissa, more), scaled(other.mantissa, -more))
        {
            return one.cmp(&two);
        }
        Exact::from(*self).cmp(&Exact::from(*other))
    }
}

impl From<i64> for Ratio {
    /// Whole numbers of up to 17 digits; a gateway's float64 holds no more.
    fn from(whole: i64) -> Ratio {
        if whole.unsigned_abs() < 1_000_000_000_000_000 {
            Ratio::new(whole, 0)
        } else {
            float::shortest(&whole.to_string()).unwrap_or(Ratio::new(whole, 0))
        }
    }
}

/// An exact decimal of any length: `mantissa / 10^scale`.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Exact {
    mantissa: Whole,
    scale: u32,
}

impl Exact {
    pub fn zero() -> Exact {
        Exact::default()
    }

    pub fn is_zero(&self) -> bool {
        self.mantissa.is_zero()
    }

    pub fn is_negative(&self) -> bool {
        self.mantissa.is_negative()
    }

    pub fn is_positive(&self) -> bool {
        self.mantissa.is_positive()
    }

    /// Reads a decimal text with all its digits; none if it is no plain decimal number.
    pub fn parse(text: &str) -> Option<Exact> {
        scan(text)?;
        let (number, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok()?),
            None => (text, 0),
        };
        let fraction = number.split_once('.').map_or(0, |(_, f)| f.len());
        let digits: String = number.chars().filter(|c| *c != '.').collect();
        let exponent = exponent.checked_sub(i32::try_from(fraction).ok()?)?;
        (exponent.unsigned_abs() <= 400).then(|| Exact::power(Whole::parse(&digits).unwrap_or_default(), exponent))
    }

    fn power(mantissa: Whole, exponent: i32) -> Exact {
        match exponent {
            ..=0 => Exact { mantissa, scale: exponent.unsigned_abs() },
            1.. => Exact { mantissa: mantissa.with_zeros(exponent.unsigned_abs()), scale: 0 },
        }
    }

    fn at_scale(&self, scale: u32) -> Cow<'_, Whole> {
        match scale - self.scale {
            0 => Cow::Borrowed(&self.mantissa),
            more => Cow::Owned(self.mantissa.with_zeros(more)),
        }
    }

    fn into_scale(self, scale: u32) -> Whole {
        if scale == self.scale || self.is_zero() { self.mantissa } else { self.mantissa.with_zeros(scale - self.scale) }
    }

    /// Rounded to a whole number, halves away from zero.
    pub fn round_half_away(&self) -> Whole {
        self.rounded(0).mantissa
    }

    /// Cut to a whole number, toward zero.
    pub fn truncate(&self) -> Whole {
        if self.scale == 0 { self.mantissa.clone() } else { self.mantissa.div_rem(&Whole::ten_to(self.scale)).0 }
    }

    /// The largest whole number that is not above.
    pub fn floor(&self) -> Whole {
        if self.scale == 0 { self.mantissa.clone() } else { self.mantissa.floor_of(&Whole::ten_to(self.scale)) }
    }

    /// The smallest whole number that is not below.
    pub fn ceil(&self) -> Whole {
        -(-self.clone()).floor()
    }

    /// Rounded to `places` decimals, halves away from zero.
    pub fn rounded(&self, places: u32) -> Exact {
        if self.scale <= places {
            return self.clone();
        }
        let unit = Whole::ten_to(self.scale - places);
        Exact { mantissa: self.mantissa.divide_half_away(&unit), scale: places }
    }

    /// `self / divisor`, rounded half away from zero at `places` decimals. The divisor is not 0.
    pub fn divided_by(&self, divisor: &Exact, places: u32) -> Exact {
        let scale = self.scale.max(divisor.scale);
        let numerator = self.at_scale(scale).with_zeros(places);
        Exact { mantissa: numerator.divide_half_away(&divisor.at_scale(scale)), scale: places }
    }

    /// The number as a gateway keeps it, by its shortest text; none beyond what a float64 holds.
    pub fn to_ratio(&self) -> Option<Ratio> {
        self.clone().normalized().to_string().parse().ok()
    }

    /// The same number without trailing zeros.
    pub fn normalized(mut self) -> Exact {
        while self.scale > 0 {
            let (quotient, rest) = self.mantissa.div_rem(&Whole::from(10_i64));
            if !rest.is_zero() {
                break;
            }
            self.mantissa = quotient;
            self.scale -= 1;
        }
        self
    }

    /// The number times `10^scale`, where that is a whole number of 128 bits.
    pub fn scaled(&self, scale: u32) -> Option<i128> {
        if scale < self.scale || scale > 400 {
            return None;
        }
        self.at_scale(scale).to_i128()
    }

    /// How many decimals the number is written with.
    pub fn decimals(&self) -> u32 {
        self.scale
    }

    /// How many of these are known: behind 15 significant digits stand those of a float64, whose last ones hang on the order of its sums.
    pub fn known_decimals(&self) -> u32 {
        let shortest = self.clone().normalized();
        let text = shortest.to_string();
        let digits = text.trim_start_matches(['-', '0', '.']).bytes().filter(u8::is_ascii_digit).count();
        match u32::try_from(digits.saturating_sub(15)) {
            Ok(0) => self.scale,
            Ok(beyond) => shortest.scale.saturating_sub(beyond),
            Err(_) => 0,
        }
    }
}

impl From<Exact> for String {
    fn from(number: Exact) -> String {
        number.to_string()
    }
}

impl TryFrom<String> for Exact {
    type Error = NotANumber;

    fn try_from(text: String) -> Result<Exact, NotANumber> {
        Exact::parse(&text).ok_or(NotANumber)
    }
}

impl From<Ratio> for Exact {
    fn from(ratio: Ratio) -> Exact {
        Exact::power(Whole::from(ratio.mantissa), i32::from(ratio.exponent))
    }
}

impl From<i64> for Exact {
    fn from(whole: i64) -> Exact {
        Exact { mantissa: whole.into(), scale: 0 }
    }
}

impl From<Whole> for Exact {
    fn from(whole: Whole) -> Exact {
        Exact { mantissa: whole, scale: 0 }
    }
}

impl From<Points> for Exact {
    fn from(points: Points) -> Exact {
        Exact::from(points.0)
    }
}

impl<T: Into<Exact>> Mul<T> for Exact {
    type Output = Exact;
    fn mul(self, other: T) -> Exact {
        let other = other.into();
        Exact { mantissa: self.mantissa * other.mantissa, scale: self.scale + other.scale }
    }
}

impl Add for Exact {
    type Output = Exact;
    fn add(self, other: Exact) -> Exact {
        let scale = self.scale.max(other.scale);
        Exact { mantissa: self.into_scale(scale) + other.into_scale(scale), scale }
    }
}

impl AddAssign for Exact {
    fn add_assign(&mut self, other: Exact) {
        *self = std::mem::take(self) + other;
    }
}

impl Neg for Exact {
    type Output = Exact;
    fn neg(self) -> Exact {
        Exact { mantissa: -self.mantissa, scale: self.scale }
    }
}

impl Sub for Exact {
    type Output = Exact;
    fn sub(self, other: Exact) -> Exact {
        self + -other
    }
}

impl Ord for Exact {
    fn cmp(&self, other: &Exact) -> Ordering {
        let scale = self.scale.max(other.scale);
        self.at_scale(scale).cmp(&other.at_scale(scale))
    }
}

impl PartialOrd for Exact {
    fn partial_cmp(&self, other: &Exact) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl std::hash::Hash for Exact {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        let normal = self.clone().normalized();
        (normal.mantissa, normal.scale).hash(state);
    }
}

impl PartialEq for Exact {
    fn eq(&self, other: &Exact) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Exact {}

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.mantissa.abs().to_string();
        let scale = self.scale as usize;
        let text = if scale == 0 {
            digits
        } else {
            let padded = format!("{digits:0>width$}", width = scale + 1);
            let (whole, fraction) = padded.split_at(padded.len() - scale);
            format!("{whole}.{fraction}")
        };
        f.pad_integral(!self.mantissa.is_negative(), "", &text)
    }
}

impl fmt::Debug for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Quota points, the unit of every charge. 500 000 points are 1 USD unless the gateway says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Points(pub i64);

impl Points {
    /// The largest and smallest charge that new-api of 2026 books.
    pub const INT32: (Points, Points) = (Points(i32::MIN as i64), Points(i32::MAX as i64));

    /// A whole number as points; beyond 64 bits it stops at the last number.
    pub fn saturating(whole: &Whole) -> Points {
        Points(whole.to_i64().unwrap_or(if whole.is_negative() { i64::MIN } else { i64::MAX }))
    }

    /// What these points are in USD, exactly, when `per_unit` of them are 1 USD; rounded at `places` decimals.
    pub fn in_usd(self, per_unit: Ratio, places: u32) -> Exact {
        Exact::from(self).divided_by(&Exact::from(per_unit), places)
    }
}

impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What a row says was charged, as it is written there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Charged {
    Points(Points),
    /// Money to the digits that are written, in a currency of which `per_usd` are 1 USD.
    Money {
        amount: Exact,
        per_usd: Ratio,
    },
}

impl Charged {
    /// The same amount given back.
    pub fn negated(self) -> Charged {
        match self {
            Charged::Points(points) => Charged::Points(Points(points.0.saturating_neg())),
            Charged::Money { amount, per_usd } => Charged::Money { amount: -amount, per_usd },
        }
    }

    /// In points; money as the nearest whole number of them.
    pub fn points(&self, per_unit: Ratio) -> Points {
        match self {
            Charged::Points(points) => *points,
            Charged::Money { amount, per_usd } => {
                let points = (amount.clone() * per_unit).divided_by(&Exact::from(*per_usd), 0);
                Points::saturating(&points.round_half_away())
            }
        }
    }

    /// How it compares with an amount of points, to the last digit.
    pub fn compare(&self, amount: &Exact, per_unit: Ratio) -> Ordering {
        match self {
            Charged::Points(points) => Exact::from(*points).cmp(amount),
            Charged::Money { amount: written, per_usd } => (written.clone() * per_unit).cmp(&(amount.clone() * *per_usd)),
        }
    }

    pub fn is_zero(&self) -> bool {
        match self {
            Charged::Points(points) => *points == Points(0),
            Charged::Money { amount, .. } => *amount == Exact::zero(),
        }
    }

    /// Whether an amount of points is this number when it is written with as many digits. One in the middle between two may be written
    /// as either: a float of it prints as the one that its last bit is nearer to.
    pub fn is_written_for(&self, amount: &Exact, per_unit: Ratio) -> bool {
        match self {
            Charged::Points(points) => Exact::from(*points) == *amount,
            Charged::Money { amount: written, per_usd } => {
                // The distance from what is written is at most half a unit of its last digit that is known.
                let twice = (amount.clone() * *per_usd - written.clone() * per_unit) * 2;
                let Ok(decimals) = i16::try_from(written.known_decimals()) else { return false };
                let unit = Exact::from(Ratio::new(1, -decimals)) * per_unit;
                -unit.clone() <= twice && twice <= unit
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, shortest: &str) {
        assert_eq!(text.parse::<Ratio>().unwrap().to_string(), shortest);
    }

    #[test]
    fn a_ratio_is_the_shortest_text_of_its_float64() {
        check("0.06666667", "0.06666667");
        check("1.50", "1.5");
        check("1e-07", "0.0000001");
        check("23.333333333333332", "23.333333333333332");
        check("0.10000000000000000555", "0.1");
        check("9007199254740993", "9007199254740992");
        check("-0", "0");
        check("500000", "500000");
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", ".", "-", "1,5", "0x10", "NaN", "inf", "1e", "1.2.3", " 1", "1e999"] {
            assert!(text.parse::<Ratio>().is_err(), "{text}");
        }
    }

    #[test]
    fn halves_round_away_from_zero() {
        for (text, whole) in [("0.5", 1), ("-0.5", -1), ("1.49999999999999999999", 1), ("2.5", 3), ("-2.5", -3), ("7", 7)] {
            assert_eq!(Exact::parse(text).unwrap().round_half_away(), Whole::from(i64::from(whole)), "{text}");
        }
    }

    #[test]
    fn products_keep_every_digit() {
        let third = Exact::parse("0.33333333333333333").unwrap();
        let cube = third.clone() * third.clone() * third;
        assert_eq!(cube.to_string(), "0.037037037037037035925925925925925937037037037037037");
    }

    #[test]
    fn division_rounds_at_its_last_place() {
        let third = Exact::from(1).divided_by(&Exact::from(3), 16);
        assert_eq!(third.to_string(), "0.3333333333333333");
        assert_eq!(Points(1_015).in_usd(Ratio::new(5, 5), 6).to_string(), "0.002030");
    }
}
