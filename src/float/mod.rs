//! The float64 arithmetic that gateways themselves use, and nothing else.
//!
//! A float stands only here. Each function names the gateway formula that it reproduces and keeps its order
//! of operations, because the last bit decides a ceil or a truncation.

#![allow(clippy::disallowed_types, reason = "the one place of floats")]

pub mod estimate;
pub mod expr;
pub mod gateway;
pub mod squares;
pub mod tiered;

use std::fmt;

use crate::exact::Ratio;

/// A float64 that a gateway computed. Nothing is computed with it outside of this module.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Float(f64);

impl Float {
    pub fn is_nan(self) -> bool {
        self.0.is_nan()
    }

    pub fn is_finite(self) -> bool {
        self.0.is_finite()
    }

    pub fn is_negative(self) -> bool {
        self.0 < 0.0
    }

    /// The shortest decimal; none if it is not finite.
    pub fn to_ratio(self) -> Option<Ratio> {
        to_ratio(self.0)
    }

    /// The bits, for tests that want no rounding at all.
    pub fn bits(self) -> u64 {
        self.0.to_bits()
    }
}

impl From<i64> for Float {
    fn from(whole: i64) -> Float {
        Float(whole as f64)
    }
}

impl From<Ratio> for Float {
    fn from(ratio: Ratio) -> Float {
        Float(of(ratio))
    }
}

impl fmt::Display for Float {
    /// The shortest digits that read back as the same float64, with an exponent as JSON of Go has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.abs();
        let text = if size.is_infinite() {
            if self.0 > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() }
        } else if size != 0.0 && !(1e-6..1e21).contains(&size) && !self.is_nan() {
            format!("{:e}", self.0)
        } else {
            self.0.to_string()
        };
        f.pad(&text)
    }
}

/// The shortest decimal text that reads back as the same float64, as Go and JSON print it.
pub fn shortest(text: &str) -> Option<Ratio> {
    text.parse::<f64>().ok().and_then(to_ratio)
}

/// The shortest decimal of a finite float64.
pub fn to_ratio(value: f64) -> Option<Ratio> {
    if !value.is_finite() {
        return None;
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e')?;
    let decimals = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let mantissa: i64 = digits.replace('.', "").parse().ok()?;
    let exponent = exponent.parse::<i16>().ok()? - i16::try_from(decimals).ok()?;
    Some(Ratio::new(mantissa, exponent))
}

const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// The float64 that the ratio was read from.
pub fn of(ratio: Ratio) -> f64 {
    let (mantissa, exponent) = (ratio.mantissa(), ratio.exponent());
    // Both are exact floats here, so one operation rounds correctly.
    if mantissa.unsigned_abs() < 1 << 53 && exponent.unsigned_abs() < 23 {
        let power = POWERS[usize::from(exponent.unsigned_abs())];
        return if exponent < 0 { mantissa as f64 / power } else { mantissa as f64 * power };
    }
    format!("{mantissa}e{exponent}").parse().unwrap_or(f64::NAN)
}

/// The float64 with so many decimals, as Go's `%.2f` and its like print it.
pub fn written(ratio: Ratio, places: usize) -> String {
    format!("{:.places$}", of(ratio))
}

/// `a / b` as float64, back as a ratio.
pub fn quotient(a: Ratio, b: Ratio) -> Option<Ratio> {
    to_ratio(of(a) / of(b))
}

/// A price in USD that a gateway's `ceil(price · 500 000)` turns into so many points.
pub fn usd_for(points: i64) -> Option<Ratio> {
    const PER_USD: f64 = 500_000.0;
    let price = points as f64 / PER_USD;
    to_ratio(if (price * PER_USD).ceil() as i64 > points { price.next_down() } else { price })
}

/// `a · b` as float64, back as a ratio (a 1-hour write ratio is the 5-minute one times 6 / 3.75).
pub fn product(a: Ratio, b: Ratio) -> Option<Ratio> {
    to_ratio(of(a) * of(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_decimals_are_those_of_the_float() {
        for (ratio, text) in [("0.075", "0.07"), ("0.125", "0.12"), ("0.375", "0.38"), ("-0.001", "-0.00"), ("0.953", "0.95")] {
            assert_eq!(written(ratio.parse().unwrap(), 2), text);
        }
    }
}
