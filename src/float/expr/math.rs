//! Go's float64 functions, where they differ from Rust's.
//!
//! Go does not round `x ** y` correctly: it splits y into a whole and a broken part, raises the mantissa by
//! repeated squaring and multiplies it by `exp(broken · ln x)`. [`pow`] does the same, with the exponential and the
//! logarithm that Go has on x86-64 processors with fused multiplication, which is what gateways run on. They are off
//! by some units in the last place, and on other processors by others; whole powers and square roots are the same
//! everywhere.

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
/// The exponent of numbers in [0.5, 1).
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

/// e^x, |x| < 400: x less its multiple of ln 2, a sixteenth of that by Taylor's series, squared four times. Products
/// and sums are fused where the processor's are.
fn exp(x: f64) -> f64 {
    const LN_2_UPPER: f64 = 0.693_147_180_559_662_956_511_601_805_686_950_683_593_75;
    const LN_2_LOWER: f64 = 0.282_352_905_630_315_771_225_884_481_750_134_360_255_254_120_68e-12;
    const FACTORIALS: [f64; 8] = [40_320.0, 5_040.0, 720.0, 120.0, 24.0, 6.0, 2.0, 1.0];
    let doublings = (x * std::f64::consts::LOG2_E).round_ties_even();
    let rest = doublings.mul_add(-LN_2_LOWER, doublings.mul_add(-LN_2_UPPER, x));
    let part = rest * 0.0625;
    let series = FACTORIALS.iter().fold(0.0, |sum: f64, factorial| sum.mul_add(part, 1.0 / factorial));
    let mut less_one = part * series;
    for _ in 0..3 {
        less_one *= less_one + 2.0;
    }
    scale((less_one + 2.0).mul_add(less_one, 1.0), doublings as i64)
}

/// The natural logarithm of a positive number, by the series in s² for s = f / (2 + f), x = 2^k · (1 + f).
fn ln(x: f64) -> f64 {
    const LN_2_UPPER: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
    const LN_2_LOWER: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);
    /// Nearly 2/3, 2/7, 2/11 and 2/15, the last first.
    const ODD: [u64; 4] = [0x3fc2_f112_df3e_5244, 0x3fc7_4664_96cb_03de, 0x3fd2_4924_9422_9359, 0x3fe5_5555_5555_5593];
    /// Nearly 2/5, 2/9 and 2/13.
    const EVEN: [u64; 3] = [0x3fc3_9a09_d078_c69f, 0x3fcc_71c5_1d8e_78af, 0x3fd9_9999_9997_fa04];
    // Not `split`: the mantissa of a subnormal is not shifted, and its logarithm is wrong.
    let mut k = (x.to_bits() >> 52) as f64 - 1022.0;
    let mut mantissa = f64::from_bits(x.to_bits() & MANTISSA | HALF);
    if mantissa <= std::f64::consts::FRAC_1_SQRT_2 {
        mantissa *= 2.0;
        k -= 1.0;
    }
    let f = mantissa - 1.0;
    let s = f / (2.0 + f);
    let square = s * s;
    let fourth = square * square;
    let series = |terms: &[u64]| terms.iter().fold(0.0, |sum, term| sum * fourth + f64::from_bits(*term));
    let rest = square * series(&ODD) + fourth * series(&EVEN);
    let half = 0.5 * f * f;
    k * LN_2_UPPER - ((half - (s * (half + rest) + k * LN_2_LOWER)) - f)
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
    fn broken_powers_are_off_by_as_much_as_go_s() {
        check(859.0, 1.5, f64::from_bits(0x40d8_960b_3064_46e8));
        check(9_812_425.0, 1.5, f64::from_bits(0x421c_a052_c400_ffc4));
        check(196.0, 1.5, f64::from_bits(0x40a5_7000_0000_0002));
        check(3.0, 489.496_600_538_203_67, f64::from_bits(0x706c_8461_967d_1b8c));
        check(1e-310, -0.378_521_338_561_313_3, f64::from_bits(0x5822_b2ea_5635_97bf));
    }

    #[test]
    fn not_a_number_and_infinities_in_max_and_min() {
        assert_eq!(max(f64::NAN, f64::INFINITY), f64::INFINITY);
        assert_eq!(min(f64::NAN, f64::NEG_INFINITY), f64::NEG_INFINITY);
        assert!(max(f64::NAN, 1.0).is_nan() && min(1.0, f64::NAN).is_nan());
        assert!(max(-0.0, 0.0).is_sign_positive() && min(-0.0, 0.0).is_sign_negative());
    }
}
