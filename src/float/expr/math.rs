//! Go's float64 functions, where they differ from Rust's.
//!
//! Go does not round `x ** y` correctly: it splits y into a whole and a broken part, raises the mantissa by
//! repeated squaring and multiplies it by `exp(broken · ln x)`. [`pow`] does the same. The exponential and the
//! logarithm are rounded correctly here, from sums of two floats ([`Twin`]) that hold about 100 bits; Go's own
//! may differ from that in the last bit.

/// `x ** y`.
pub(super) fn pow(x: f64, y: f64) -> f64 {
    if y == 0.0 || x == 1.0 {
        return 1.0;
    }
    if x.is_nan() || y.is_nan() {
        return f64::NAN;
    }
    if y == 1.0 {
        x
    } else if x == 0.0 || x.is_infinite() {
        pow_of_extreme(x, y)
    } else if y.is_infinite() {
        pow_to_extreme(x, y)
    } else if y == 0.5 {
        x.sqrt()
    } else if y == -0.5 {
        1.0 / x.sqrt()
    } else {
        pow_finite(x, y)
    }
}

/// Zero or infinity, raised.
fn pow_of_extreme(x: f64, y: f64) -> f64 {
    let vanishes = (x == 0.0) == (y > 0.0);
    let size = if vanishes { 0.0 } else { f64::INFINITY };
    if x.is_sign_negative() && is_odd(y) { -size } else { size }
}

/// Raised to infinity, or to a power so large that it comes to the same.
fn pow_to_extreme(x: f64, y: f64) -> f64 {
    if x == -1.0 {
        1.0
    } else if (x.abs() < 1.0) == (y > 0.0) {
        0.0
    } else {
        f64::INFINITY
    }
}

fn is_odd(y: f64) -> bool {
    y.abs() < 9_007_199_254_740_992.0 && y.fract() == 0.0 && y % 2.0 != 0.0
}

fn pow_finite(x: f64, y: f64) -> f64 {
    let (mut whole, mut broken) = (y.abs().trunc(), y.abs().fract());
    if broken != 0.0 && x < 0.0 {
        return f64::NAN;
    }
    if whole >= 9_223_372_036_854_775_808.0 {
        return pow_to_extreme(x, y);
    }
    let mut product = 1.0;
    if broken != 0.0 {
        if broken > 0.5 {
            broken -= 1.0;
            whole += 1.0;
        }
        product = exp(broken * ln(x));
    }
    let (mantissa, exponent) = raise(x, whole as i64, product);
    if y < 0.0 { scale(1.0 / mantissa, -exponent) } else { scale(mantissa, exponent) }
}

/// `start · x^n` as mantissa and binary exponent, by repeated squaring.
fn raise(x: f64, mut n: i64, start: f64) -> (f64, i64) {
    let (mut square, mut square_exponent) = split(x);
    let (mut mantissa, mut exponent) = (start, 0);
    while n != 0 {
        if square_exponent.abs() > 1 << 12 {
            // Beyond every float64: overflow or zero.
            exponent += square_exponent;
            break;
        }
        if n & 1 == 1 {
            mantissa *= square;
            exponent += square_exponent;
        }
        square *= square;
        square_exponent *= 2;
        if square < 0.5 {
            square += square;
            square_exponent -= 1;
        }
        n >>= 1;
    }
    (mantissa, exponent)
}

const MANTISSA: u64 = (1 << 52) - 1;
const HALF: u64 = 1022 << 52;

/// Mantissa in ±[0.5, 1) and binary exponent of a number that is finite and not zero.
fn split(x: f64) -> (f64, i64) {
    if x.is_subnormal() {
        let (mantissa, exponent) = split(x * f64::from_bits((1023 + 54) << 52));
        return (mantissa, exponent - 54);
    }
    let bits = x.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as i64 - 1022;
    (f64::from_bits(bits & (1 << 63 | MANTISSA) | HALF), exponent)
}

/// `x · 2^exponent`, rounded once.
fn scale(x: f64, exponent: i64) -> f64 {
    if x == 0.0 || !x.is_finite() {
        return x;
    }
    let (mantissa, own) = split(x);
    let exponent = own + exponent;
    if exponent > 1024 {
        return f64::INFINITY.copysign(x);
    }
    if exponent < -1080 {
        return 0.0_f64.copysign(x);
    }
    if exponent < -1021 {
        // A subnormal result: all bits first, then the one rounding.
        return power_of_two(mantissa, exponent + 60) * f64::from_bits((1023 - 60) << 52);
    }
    power_of_two(mantissa, exponent)
}

/// A mantissa in ±[0.5, 1) with a binary exponent that a normal float64 has.
fn power_of_two(mantissa: f64, exponent: i64) -> f64 {
    f64::from_bits(mantissa.to_bits() & (1 << 63 | MANTISSA) | ((exponent + 1022) as u64) << 52)
}

/// The unrounded sum of two floats, the second below the last bit of the first.
#[derive(Clone, Copy)]
struct Twin {
    high: f64,
    low: f64,
}

const LN_2: Twin = Twin { high: std::f64::consts::LN_2, low: 2.319_046_813_846_299_6e-17 };

impl Twin {
    const ONE: Twin = Twin { high: 1.0, low: 0.0 };

    /// `a + b`, exactly.
    fn sum(a: f64, b: f64) -> Twin {
        let high = a + b;
        let kept = high - a;
        Twin { high, low: (a - (high - kept)) + (b - kept) }
    }

    fn plus(self, other: Twin) -> Twin {
        let high = Twin::sum(self.high, other.high);
        let low = Twin::sum(self.low, other.low);
        let middle = Twin::sum(high.high, high.low + low.high);
        Twin::sum(middle.high, middle.low + low.low)
    }

    fn times(self, other: Twin) -> Twin {
        let high = self.high * other.high;
        let low = self.high.mul_add(other.high, -high);
        Twin::sum(high, low + (self.high * other.low + self.low * other.high))
    }

    fn over(self, other: Twin) -> Twin {
        let first = self.high / other.high;
        let rest = self.plus(other.times(Twin { high: -first, low: 0.0 }));
        let second = rest.high / other.high;
        let rest = rest.plus(other.times(Twin { high: -second, low: 0.0 }));
        Twin::sum(first, second).plus(Twin { high: rest.high / other.high, low: 0.0 })
    }

    fn whole(n: f64) -> Twin {
        Twin { high: n, low: 0.0 }
    }
}

/// e^x for |x| < 400, correctly rounded.
fn exp(x: f64) -> f64 {
    const SQUARINGS: i32 = 8;
    let doublings = (x / LN_2.high).round();
    let rest = Twin::whole(x).plus(LN_2.times(Twin::whole(-doublings)));
    let part = 1.0 / f64::from(1 << SQUARINGS);
    let small = Twin { high: rest.high * part, low: rest.low * part };
    // e^small − 1 = small · (1 + small/2 · (1 + small/3 · …))
    let mut series = Twin::ONE;
    for n in (2..=11).rev() {
        series = Twin::ONE.plus(small.over(Twin::whole(f64::from(n))).times(series));
    }
    let mut minus_one = small.times(series);
    for _ in 0..SQUARINGS {
        minus_one = minus_one.times(minus_one.plus(Twin::whole(2.0)));
    }
    scale(Twin::ONE.plus(minus_one).high, doublings as i64)
}

/// The natural logarithm of a finite positive number, correctly rounded.
fn ln(x: f64) -> f64 {
    let (mut mantissa, mut exponent) = split(x);
    if mantissa < std::f64::consts::FRAC_1_SQRT_2 {
        mantissa *= 2.0;
        exponent -= 1;
    }
    // ln m = 2 · (t + t³/3 + t⁵/5 + …), t = (m − 1) / (m + 1)
    let t = Twin::whole(mantissa - 1.0).over(Twin::sum(mantissa, 1.0));
    let square = t.times(t);
    let mut series = Twin::whole(0.0);
    for n in (0..24).rev() {
        series = series.times(square).plus(Twin::ONE.over(Twin::whole(f64::from(2 * n + 1))));
    }
    let mantissa_part = t.times(series).times(Twin::whole(2.0));
    LN_2.times(Twin::whole(exponent as f64)).plus(mantissa_part).high
}

/// The larger number; +Inf is larger than NaN, which is larger than the rest.
pub(super) fn max(x: f64, y: f64) -> f64 {
    if x == f64::INFINITY || y == f64::INFINITY {
        f64::INFINITY
    } else if x.is_nan() || y.is_nan() {
        f64::NAN
    } else if x == 0.0 && y == 0.0 {
        if x.is_sign_negative() { y } else { x }
    } else if x > y {
        x
    } else {
        y
    }
}

/// The smaller number; −Inf is smaller than NaN, which is smaller than the rest.
pub(super) fn min(x: f64, y: f64) -> f64 {
    -max(-x, -y)
}

/// Cut to a 64-bit integer. What does not fit, and NaN, is the smallest one, as on the gateway's processors.
pub(super) fn to_integer(x: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&x) { x as i64 } else { i64::MIN }
}

/// Go's `%v`: the shortest digits, with an exponent below 1e-4 and from 1e6 on.
pub(super) fn text(x: f64) -> String {
    if x.is_nan() {
        return "NaN".to_owned();
    }
    if x.is_infinite() {
        return if x > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{x:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..6).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        _ => x.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(x: f64, y: f64, expected: f64) {
        assert_eq!(pow(x, y).to_bits(), expected.to_bits(), "{x} ** {y} = {}", pow(x, y));
    }

    #[test]
    fn powers_have_go_s_bits() {
        check(2.0, 10.0, 1024.0);
        check(2.0, -1.0, 0.5);
        check(10.0, 400.0, f64::INFINITY);
        check(10.0, -400.0, 0.0);
        check(-2.0, 3.0, -8.0);
        check(-8.0, 1.0 / 3.0, f64::NAN);
        check(2.0, 0.5, std::f64::consts::SQRT_2);
        check(5e-324, 1.0, 5e-324);
        check(2.0, -1074.0, 5e-324);
    }

    #[test]
    fn powers_of_zero_and_infinity() {
        check(0.0, 0.0, 1.0);
        check(-0.0, 3.0, -0.0);
        check(-0.0, -3.0, f64::NEG_INFINITY);
        check(0.0, -2.0, f64::INFINITY);
        check(f64::NEG_INFINITY, 3.0, f64::NEG_INFINITY);
        check(f64::NEG_INFINITY, -3.0, -0.0);
        check(f64::NEG_INFINITY, 2.5, f64::INFINITY);
        check(-1.0, f64::INFINITY, 1.0);
        check(0.5, f64::INFINITY, 0.0);
        check(0.5, f64::NEG_INFINITY, f64::INFINITY);
    }

    #[test]
    fn exponential_and_logarithm_are_correctly_rounded() {
        // Reference digits to 60 places, rounded to float64.
        assert_eq!(exp(1.0), std::f64::consts::E);
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-0.75).to_bits(), 0x3fde_3b40_ebef_cd7e);
        assert_eq!(exp(300.25).to_bits(), 0x5b01_fda3_eaeb_3d0e);
        assert_eq!(ln(10.0), std::f64::consts::LN_10);
        assert_eq!(ln(1.0), 0.0);
        assert_eq!(ln(1.0000000000000002).to_bits(), 0x3caf_ffff_ffff_ffff);
        assert_eq!(ln(0.1).to_bits(), 0xc002_6bb1_bbb5_5515);
    }

    #[test]
    fn not_a_number_and_infinities_in_max_and_min() {
        assert_eq!(max(f64::NAN, f64::INFINITY), f64::INFINITY);
        assert_eq!(min(f64::NAN, f64::NEG_INFINITY), f64::NEG_INFINITY);
        assert!(max(f64::NAN, 1.0).is_nan() && min(1.0, f64::NAN).is_nan());
        assert!(max(-0.0, 0.0).is_sign_positive() && min(-0.0, 0.0).is_sign_negative());
    }
}
