//! From the value of a price expression to points.
//!
//! ```text
//! before = value / 1000000 · Q                    float64, in this order
//! charge = round(before · group ratio)            float64, half away, kept within 32 bits
//! with tools: dec(before) · dec(group ratio) + tools, exactly, and then the one rounding
//! ```
//!
//! The division comes first, so not even whole prices are safe: 2031 tokens at 1 USD are 1015 points in float64 and
//! 1016 in exact arithmetic.

use super::{Float, of};
use crate::exact::{Exact, Points, Ratio};

/// What an expression's value is charged as.
#[derive(Clone, Debug, PartialEq)]
pub struct Charge {
    /// The points before the group ratio.
    pub before: Float,
    /// The points before rounding, tools included; none if they are no finite number.
    pub amount: Option<Exact>,
    pub points: Points,
    /// Whether the points are not the rounded amount: beyond 32 bits, or no number at all.
    pub saturated: bool,
}

/// Charges a value, with the points of its tool calls added. None where the gateway gives up: tools were called, and
/// the value is infinite or no number.
pub fn charge(value: Float, quota_per_unit: Ratio, group_ratio: Ratio, tools: &Exact) -> Option<Charge> {
    let before = Float(value.0 / 1_000_000.0 * of(quota_per_unit));
    if tools.is_zero() {
        return Some(in_floats(before, group_ratio));
    }
    let amount = Exact::from(before.to_ratio()?) * group_ratio + tools.clone();
    let whole = amount.round_half_away();
    let points = Points::saturating(&whole).clamp(Points::INT32.0, Points::INT32.1);
    let saturated = whole != points.0.into();
    Some(Charge { before, amount: Some(amount), points, saturated })
}

fn in_floats(before: Float, group_ratio: Ratio) -> Charge {
    let amount = before.0 * of(group_ratio);
    // A cast keeps within its type and turns NaN to 0.
    let points = amount.round() as i32;
    Charge {
        before,
        amount: Float(amount).to_ratio().map(Exact::from),
        points: Points(i64::from(points)),
        saturated: f64::from(points) != amount.round(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: f64, tools: &str, points: Option<i64>) {
        let tools = Exact::parse(tools).unwrap();
        let charge = charge(Float(value), Ratio::from(500_000), Ratio::ONE, &tools);
        assert_eq!(charge.map(|charge| charge.points), points.map(Points), "{value} and {tools}");
    }

    #[test]
    fn the_division_comes_first() {
        check(2031.0, "0", Some(1015));
        check(2033.0, "0", Some(1017));
        check(-3.0, "0", Some(-2));
    }

    #[test]
    fn what_32_bits_do_not_hold_is_cut() {
        check(1e12, "0", Some(2_147_483_647));
        check(f64::NEG_INFINITY, "0", Some(-2_147_483_648));
        check(f64::NAN, "0", Some(0));
        check(1e300, "0.5", Some(2_147_483_647));
    }

    #[test]
    fn tools_are_added_exactly() {
        check(2031.0, "0.5", Some(1016));
        check(f64::NAN, "0.5", None);
        check(f64::INFINITY, "-1", None);
    }
}
