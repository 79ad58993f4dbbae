//! Prices ready for many rows: what a token of each class costs, as integers over one denominator.
//!
//! Where a charge is a sum over tokens, `price` itself tells the coefficients: the amount of no token, and of one token of each class.
//! A row is then a few products, and whether it was rounded to `q` points needs no division: for an amount `V / S` that is not
//! negative, `round half away (V / S) = q` says the same as `0 ≤ 2 V + S − 2 S q < 2 S`.

use super::price::{Rounding, price};
use super::terms::{Formula, Minimum, Terms};
use super::usage::{Class, PerClass};
use crate::exact::{Exact, Points};
use crate::float::estimate::Weights;

/// Coefficients and denominators stay below this, tokens below [`MOST_TOKENS`]: 14 products and their double then fit 128 bits.
/// A difference below 0 is then far above every denominator.
const MOST: u128 = 1 << 80;
const MOST_TOKENS: u64 = 1 << 40;

/// The prices of terms, whatever their tokens are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
    constant: u128,
    coefficients: [u128; Class::ALL.len()],
    denominator: u128,
    /// None where a ratio is 0, so that it does not act.
    minimum: Minimum,
    saturates: bool,
}

/// What tokens come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Come {
    /// The amount is above 0, whatever it is rounded to.
    pub is_positive: bool,
    /// Rounded half away, before any rule.
    pub whole: i64,
    pub points: i64,
}

impl Compiled {
    /// Compiles terms by pricing them; none where their charge is no sum over tokens, or its numbers are too long.
    pub fn of(terms: &Terms) -> Option<Compiled> {
        Compiled::of_classes(terms, &Class::ALL)
    }

    /// The same for rows that have tokens of some classes alone.
    pub fn of_classes(terms: &Terms, classes: &[Class]) -> Option<Compiled> {
        let is_sum = matches!(terms.formula, Formula::Decimal | Formula::DecimalPrice);
        let is_bare = terms.surcharges.is_empty() && terms.multipliers.is_empty() && terms.advance == 0;
        if !is_sum || !is_bare || terms.credit || terms.no_usage {
            return None;
        }
        let mut terms = Terms { usage: PerClass::default(), open: Vec::new(), ..terms.clone() };
        let constant = amount(&terms)?;
        let mut amounts = Vec::new();
        for class in classes.iter().copied() {
            terms.usage[class] = 1;
            amounts.push((class, amount(&terms)? - constant.clone()));
            terms.usage[class] = 0;
        }
        let scale = amounts.iter().map(|(_, amount)| amount.decimals()).chain([constant.decimals()]).max()?;
        let small = |amount: &Exact| u128::try_from(amount.scaled(scale)?).ok().filter(|number| *number < MOST);
        let mut coefficients = [0; Class::ALL.len()];
        for (class, amount) in &amounts {
            coefficients[*class as usize] = small(amount)?;
        }
        let denominator = small(&Exact::from(1)).filter(|_| scale < 25)?;
        let minimum = if terms.has_ratio() { terms.minimum } else { Minimum::NONE };
        Some(Compiled { constant: small(&constant)?, coefficients, denominator, minimum, saturates: terms.saturates })
    }

    /// What so many tokens come to; none where the numbers are too long. Tokens of other classes than it was compiled for must be 0.
    pub fn come(&self, tokens: &PerClass<i64>) -> Option<Come> {
        let mut sum = self.constant.cast_signed();
        for (count, coefficient) in tokens.values().iter().zip(&self.coefficients) {
            if *count == 0 {
                continue;
            }
            if count.unsigned_abs() >= MOST_TOKENS {
                return None;
            }
            sum += i128::from(*count) * coefficient.cast_signed();
        }
        let size = i64::try_from(quotient(2 * sum.unsigned_abs() + self.denominator, 2 * self.denominator)).ok()?;
        let whole = if sum < 0 { -size } else { size };
        let (low, high) = Points::INT32;
        let points = match self.minimum.acts(sum > 0, whole > 0) {
            true => 1,
            false if self.saturates => whole.clamp(low.0, high.0),
            false => whole,
        };
        Some(Come { is_positive: sum > 0, whole, points })
    }

    /// The least that any usage comes to.
    pub fn least_points(&self) -> i64 {
        if self.minimum.before_rounding && self.minimum.after_rounding { 1 } else { i64::MIN }
    }

    /// What a token of each class costs, and what is charged without any, nearly.
    pub fn weights(&self) -> Weights {
        Weights::of(self.constant, &self.coefficients, self.denominator)
    }

    /// The prices of some classes alone.
    pub fn only<const N: usize>(&self, classes: &[Class; N]) -> Only<N> {
        let coefficients = classes.map(|class| self.coefficients[class as usize]);
        Only::new(Prices { constant: self.constant, coefficients, denominator: self.denominator })
    }
}

/// The prices of a few classes, for charges without tokens of others. Those of most models are short, so that many fit what is at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Only<const N: usize> {
    Short(Prices<u64, N>),
    Long(Box<Prices<u128, N>>),
}

/// The parts of an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prices<T, const N: usize> {
    constant: T,
    coefficients: [T; N],
    denominator: T,
}

impl<const N: usize> Only<N> {
    fn new(prices: Prices<u128, N>) -> Only<N> {
        let short = |number: u128| u64::try_from(number).ok();
        let all_short = || {
            let mut coefficients = [0; N];
            for (to, from) in coefficients.iter_mut().zip(prices.coefficients) {
                *to = short(from)?;
            }
            Some(Prices { constant: short(prices.constant)?, coefficients, denominator: short(prices.denominator)? })
        };
        all_short().map_or_else(|| Only::Long(Box::new(prices)), Only::Short)
    }

    /// Whether so many tokens come to this charge by the formula alone: no minimum, no limit had to be asked.
    ///
    /// False says nothing: the charge may be wrong, or one for the rules that are not looked at here.
    #[inline(always)]
    pub fn gives(&self, tokens: &[i64; N], points: i64) -> bool {
        match self {
            Only::Short(prices) => prices.gives(tokens, points),
            Only::Long(prices) => prices.gives(tokens, points),
        }
    }
}

impl<T: Copy + Into<u128>, const N: usize> Prices<T, N> {
    #[inline(always)]
    fn gives(&self, tokens: &[i64; N], points: i64) -> bool {
        // A number below 0 has all of its high bits set.
        let bits = tokens.iter().fold(0, |bits, count| bits | count.cast_unsigned());
        if bits >= MOST_TOKENS || points < 1 || points >= Points::INT32.1.0 {
            return false;
        }
        let products =
            self.coefficients.iter().zip(tokens).map(|(price, count)| u128::from(count.cast_unsigned()) * (*price).into());
        let sum = products.fold(self.constant.into(), |sum, product| sum + product);
        let denominator: u128 = self.denominator.into();
        let (amount, charged) = (2 * sum + denominator, 2 * denominator * u128::from(points.cast_unsigned()));
        amount.wrapping_sub(charged) < 2 * denominator
    }
}

/// Most numbers fit 64 bits, which are divided faster.
fn quotient(number: u128, divisor: u128) -> u128 {
    match (u64::try_from(number), u64::try_from(divisor)) {
        (Ok(number), Ok(divisor)) => u128::from(number / divisor),
        _ => number / divisor,
    }
}

/// The exact amount of terms.
fn amount(terms: &Terms) -> Option<Exact> {
    let charge = price(terms);
    (charge.rounding == Rounding::HalfAway).then(|| charge.amount.normalized())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::Ratio;
    use proptest::prelude::*;

    fn terms(model: Ratio, group: Ratio, counts: [i64; 3]) -> Terms {
        let mut terms = Terms::tokens(model, group);
        let rates = [Ratio::ONE, Ratio::new(25, -2), Ratio::new(457, -2)];
        for ((class, count), rate) in [Class::Input, Class::Cached, Class::Output].into_iter().zip(counts).zip(rates) {
            terms.add(class, count, rate);
        }
        terms
    }

    #[test]
    fn halves_are_rounded_away() {
        let half = terms(Ratio::new(5, -1), Ratio::ONE, [3, 0, 0]);
        let compiled = Compiled::of(&half).unwrap();
        let given: Vec<i64> = (0..5).filter(|points| compiled.only(&[Class::Input]).gives(&[3], *points)).collect();
        assert_eq!(given, [2]);
    }

    #[test]
    fn what_is_no_sum_is_not_compiled() {
        let mut terms = terms(Ratio::ONE, Ratio::ONE, [1, 1, 1]);
        terms.formula = Formula::Free;
        assert_eq!(Compiled::of(&terms), None);
        terms.formula = Formula::Decimal;
        terms.model_ratio = Ratio::new(123_456_789, -40);
        assert_eq!(Compiled::of(&terms), None);
    }

    proptest! {
        /// What the compiled prices affirm is what `price` gives; they miss a right charge only where another rule made it.
        #[test]
        fn it_agrees_with_price(
            model in 0_i64..100_000, group in 0_i64..3_000, counts in [0_i64..100_000, 0_i64..100_000, 0_i64..100_000], off in -1_i64..2,
        ) {
            let terms = terms(Ratio::new(model, -4), Ratio::new(group, -3), counts);
            let charge = price(&terms);
            let tokens = Class::ALL.map(|class| terms.usage[class]);
            let given = Compiled::of(&terms).unwrap().only(&Class::ALL).gives(&tokens, charge.points.0 + off);
            prop_assert_eq!(given, off == 0 && charge.points.0 > 0 && charge.adjustment.is_none());
        }

        /// Whatever the tokens are, with and without rules.
        #[test]
        fn it_comes_to_what_price_says(
            model in 0_i64..100_000, group in 0_i64..3_000, counts in [-1_000_i64..100_000, 0_i64..100_000, -9_i64..100_000],
            rules in [any::<bool>(), any::<bool>(), any::<bool>()], scale in 0_i16..4,
        ) {
            let mut terms = terms(Ratio::new(model, -scale), Ratio::new(group, -3), counts);
            terms.minimum = Minimum { before_rounding: rules[0], after_rounding: rules[1], for_free_groups: false };
            terms.saturates = rules[2];
            let charge = price(&terms);
            let come = Compiled::of_classes(&terms, &[Class::Input, Class::Cached, Class::Output]).unwrap().come(&terms.usage).unwrap();
            prop_assert_eq!((come.points, come.is_positive), (charge.points.0, charge.amount.is_positive()));
            prop_assert_eq!(Some(come.whole), charge.amount.round_half_away().to_i64());
        }
    }
}
