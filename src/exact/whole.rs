//! Whole numbers of any length. Nearly all of them fit 128 bits, and those need no memory of their own.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Mul, Neg};

use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{Signed, ToPrimitive};

/// A whole number of any length.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Whole(Form);

/// Each number has one form: what fits 128 bits is short.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Form {
    Short(i128),
    Long(BigInt),
}

use Form::{Long, Short};

impl Whole {
    pub const ZERO: Whole = Whole(Short(0));
    pub const ONE: Whole = Whole(Short(1));

    pub fn is_zero(&self) -> bool {
        self.0 == Short(0)
    }

    pub fn is_negative(&self) -> bool {
        match &self.0 {
            Short(number) => *number < 0,
            Long(number) => number.is_negative(),
        }
    }

    pub fn is_positive(&self) -> bool {
        !self.is_zero() && !self.is_negative()
    }

    /// Where it fits.
    pub fn to_i64(&self) -> Option<i64> {
        i64::try_from(self.to_i128()?).ok()
    }

    /// Where it fits.
    pub fn to_i128(&self) -> Option<i128> {
        match self.0 {
            Short(number) => Some(number),
            Long(_) => None,
        }
    }

    pub(super) fn ten_to(power: u32) -> Whole {
        10_i128.checked_pow(power).map_or_else(|| BigInt::from(10u8).pow(power).into(), Whole::from)
    }

    /// Times a power of ten.
    pub(super) fn with_zeros(&self, zeros: u32) -> Whole {
        if zeros == 0 { self.clone() } else { product(self, &Whole::ten_to(zeros)) }
    }

    pub(super) fn parse(digits: &str) -> Option<Whole> {
        digits.parse::<i128>().map_or_else(|_| digits.parse::<BigInt>().ok().map(Whole::from), |number| Some(number.into()))
    }

    pub(super) fn abs(&self) -> Whole {
        if self.is_negative() { -self.clone() } else { self.clone() }
    }

    /// Quotient and rest, the quotient cut toward zero. The divisor is not 0.
    pub(super) fn div_rem(&self, divisor: &Whole) -> (Whole, Whole) {
        if let (Short(number), Short(divisor)) = (&self.0, &divisor.0) {
            if let (Ok(number), Ok(divisor)) = (u64::try_from(*number), u64::try_from(*divisor)) {
                return (Whole::from(i128::from(number / divisor)), Whole::from(i128::from(number % divisor)));
            }
            if let Some(quotient) = number.checked_div(*divisor) {
                return (quotient.into(), (number - quotient * divisor).into());
            }
        }
        let (quotient, rest) = self.long().div_rem(&divisor.long());
        (quotient.into(), rest.into())
    }

    /// The quotient, halves away from zero. The divisor is not 0.
    pub(super) fn divide_half_away(&self, divisor: &Whole) -> Whole {
        let (quotient, rest) = self.div_rem(divisor);
        if sum(&rest.abs(), &rest.abs()) < divisor.abs() {
            return quotient;
        }
        let away = if self.is_negative() == divisor.is_negative() { 1_i64 } else { -1 };
        quotient + Whole::from(away)
    }

    /// The largest whole number that is not above the quotient. The divisor is above 0.
    pub(super) fn floor_of(&self, divisor: &Whole) -> Whole {
        let (quotient, rest) = self.div_rem(divisor);
        if rest.is_negative() { quotient + Whole::from(-1_i64) } else { quotient }
    }

    fn long(&self) -> Cow<'_, BigInt> {
        match &self.0 {
            Short(number) => Cow::Owned(BigInt::from(*number)),
            Long(number) => Cow::Borrowed(number),
        }
    }
}

fn product(a: &Whole, b: &Whole) -> Whole {
    if let (Short(a), Short(b)) = (&a.0, &b.0) {
        if let (Ok(a), Ok(b)) = (i64::try_from(*a), i64::try_from(*b)) {
            return Whole::from(i128::from(a) * i128::from(b));
        }
        if let Some(product) = a.checked_mul(*b) {
            return product.into();
        }
    }
    (a.long().as_ref() * b.long().as_ref()).into()
}

fn sum(a: &Whole, b: &Whole) -> Whole {
    if let (Short(a), Short(b)) = (&a.0, &b.0)
        && let Some(sum) = a.checked_add(*b)
    {
        return sum.into();
    }
    (a.long().as_ref() + b.long().as_ref()).into()
}

impl Default for Whole {
    fn default() -> Whole {
        Whole::ZERO
    }
}

impl From<i128> for Whole {
    fn from(number: i128) -> Whole {
        Whole(Short(number))
    }
}

impl From<i64> for Whole {
    fn from(number: i64) -> Whole {
        Whole(Short(number.into()))
    }
}

impl From<BigInt> for Whole {
    fn from(number: BigInt) -> Whole {
        Whole(number.to_i128().map_or(Long(number), Short))
    }
}

impl Add for Whole {
    type Output = Whole;
    fn add(self, other: Whole) -> Whole {
        sum(&self, &other)
    }
}

impl Mul for Whole {
    type Output = Whole;
    fn mul(self, other: Whole) -> Whole {
        product(&self, &other)
    }
}

impl Neg for Whole {
    type Output = Whole;
    fn neg(self) -> Whole {
        match self.0 {
            Short(number) if number != i128::MIN => Whole::from(-number),
            _ => (-self.long().into_owned()).into(),
        }
    }
}

impl Sum for Whole {
    fn sum<I: Iterator<Item = Whole>>(numbers: I) -> Whole {
        numbers.fold(Whole::ZERO, |sum, number| sum + number)
    }
}

impl Ord for Whole {
    fn cmp(&self, other: &Whole) -> Ordering {
        match (&self.0, &other.0) {
            (Short(a), Short(b)) => a.cmp(b),
            _ => self.long().cmp(&other.long()),
        }
    }
}

impl PartialOrd for Whole {
    fn partial_cmp(&self, other: &Whole) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Short(number) => fmt::Display::fmt(number, f),
            Long(number) => fmt::Display::fmt(number, f),
        }
    }
}

impl fmt::Debug for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Numbers around all limits of length.
    fn numbers() -> impl Strategy<Value = BigInt> {
        (any::<i128>(), 0_u32..130, 0_u32..200, -2_i64..3)
            .prop_map(|(number, cut, more, off)| BigInt::from(number >> cut.min(127)) * BigInt::from(2).pow(more / 50 * 40) + off)
    }

    proptest! {
        #[test]
        fn it_counts_as_long_numbers_do(a in numbers(), b in numbers()) {
            let (x, y) = (Whole::from(a.clone()), Whole::from(b.clone()));
            prop_assert_eq!(x.clone() + y.clone(), Whole::from(&a + &b));
            prop_assert_eq!(x.clone() * y.clone(), Whole::from(&a * &b));
            prop_assert_eq!(-x.clone(), Whole::from(-&a));
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
            prop_assert_eq!(x.to_string(), a.to_string());
            prop_assert_eq!(Whole::parse(&a.to_string()), Some(x.clone()));
            if !y.is_zero() {
                let (quotient, rest) = a.div_rem(&b);
                prop_assert_eq!(x.div_rem(&y), (Whole::from(quotient), Whole::from(rest)));
                let twice = (BigInt::from(2) * a.abs() + b.abs()).div_floor(&(BigInt::from(2) * b.abs()));
                let expected = if a.is_negative() == b.is_negative() { twice } else { -twice };
                prop_assert_eq!(x.divide_half_away(&y), Whole::from(expected));
                let positive = y.abs();
                prop_assert_eq!(x.floor_of(&positive), Whole::from(a.div_floor(&b.abs())));
            }
        }
    }
}
