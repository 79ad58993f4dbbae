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
const MOST: i128 = 1 << 80;
const MOST_TOKENS: i64 = 1 << 40;

/// The prices of terms, whatever their tokens are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
    constant: i128,
    coefficients: Vec<(Class, i128)>,
    denominator: i128,
    /// None where a ratio is 0, so that it does not act.
    minimum: Minimum,
    saturates: bool,
}

/// A sum over tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Come {
    /// Above 0, whatever it is rounded to.
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
        let constant = amount(terms, None)?;
        let mut amounts = Vec::new();
        for class in classes.iter().copied() {
            amounts.push((class, amount(terms, Some(class))? - constant.clone()));
        }
        let scale = amounts.iter().map(|(_, amount)| amount.decimals()).chain([constant.decimals()]).max()?;
        let small = |amount: &Exact| amount.scaled(scale).filter(|number| (0..MOST).contains(number));
        let mut coefficients = Vec::new();
        for (class, amount) in &amounts {
            coefficients.push((*class, small(amount)?));
        }
        coefficients.retain(|(_, coefficient)| *coefficient != 0);
        let denominator = small(&Exact::from(1)).filter(|_| scale < 25)?;
        let minimum = if terms.has_ratio() { terms.minimum } else { Minimum::NONE };
        Some(Compiled { constant: small(&constant)?, coefficients, denominator, minimum, saturates: terms.saturates })
    }

    /// What so many tokens come to; none where the numbers are too long. Tokens of other classes than it was compiled for must be 0.
    pub fn come(&self, tokens: &PerClass<i64>) -> Option<Come> {
        let mut sum = self.constant;
        for (class, coefficient) in &self.coefficients {
            let count = tokens[*class];
            if count.abs() >= MOST_TOKENS {
                return None;
            }
            sum += i128::from(count) * coefficient;
        }
        let size = (2 * sum.abs() + self.denominator) / (2 * self.denominator);
        let whole = i64::try_from(if sum < 0 { -size } else { size }).ok()?;
        let (low, high) = Points::INT32;
        let points = match self.minimum.acts(sum > 0, whole > 0) {
            true => 1,
            false if self.saturates => whole.clamp(low.0, high.0),
            false => whole,
        };
        Some(Come { is_positive: sum > 0, whole, points })
    }

    /// No usage comes to less, but none at all.
    pub fn least_points(&self) -> i64 {
        if self.minimum.before_rounding && self.minimum.after_rounding { 1 } else { i64::MIN }
    }

    /// What a token of a class costs, and what is charged without any, nearly.
    pub fn weights(&self, classes: &[Class]) -> Weights {
        let coefficient = |class: &Class| self.coefficients.iter().find(|(own, _)| own == class).map_or(0, |(_, number)| *number);
        Weights::of(self.constant, classes.iter().map(coefficient), self.denominator)
    }

    /// Whether so many tokens come to this charge by the formula alone: no minimum, no limit had to be asked.
    ///
    /// False says nothing: the charge may be wrong, or one for the rules that are not looked at here.
    pub fn gives(&self, tokens: &PerClass<i64>, points: i64) -> bool {
        if points < 1 || points >= Points::INT32.1.0 {
            return false;
        }
        let mut sum = self.constant;
        for (class, coefficient) in &self.coefficients {
            let count = tokens[*class];
            if !(0..MOST_TOKENS).contains(&count) {
                return false;
            }
            sum += i128::from(count) * coefficient;
        }
        let distance = 2 * sum + self.denominator - 2 * self.denominator * i128::from(points);
        (0..2 * self.denominator).contains(&distance)
    }
}

/// The exact amount of one token of a class, or of none.
fn amount(terms: &Terms, class: Option<Class>) -> Option<Exact> {
    let mut terms = Terms { usage: PerClass::default(), open: Vec::new(), ..terms.clone() };
    if let Some(class) = class {
        terms.usage[class] = 1;
    }
    let charge = price(&terms);
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
        assert!(compiled.gives(&half.usage, 2));
        assert!(!compiled.gives(&half.usage, 1) && !compiled.gives(&half.usage, 3));
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
            let given = Compiled::of(&terms).unwrap().gives(&terms.usage, charge.points.0 + off);
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
