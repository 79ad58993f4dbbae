//! Terms ready for many rows that differ in their tokens alone: whether so many tokens come to a charge.
//!
//! A right row may show a quirk, which is told by pricing the rules that the gateway departs from. A row shows none where its formula
//! and all these rules come to the same points. A float64 formula is the gateway's own function, asked with factors that are
//! converted once. A formula in exact decimals is a sum over tokens, some of which may be rounded before: its coefficients are found by
//! pricing, and with the rounding folded in, the points are `⌊V / S⌋`.

use std::sync::Arc;

use super::compiled::{Compiled, Only};
use super::in_decimals::{self, Step};
use super::in_floats::Numbers;
use super::price::{Rounding, price};
use super::terms::{Factor, Formula, OneHubRules, Product, Sum, Terms};
use super::usage::{Class, PerClass};
use crate::exact::{Exact, Points};

/// What rows with tokens of a few classes must come to, to be right and show nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Ready<const N: usize> {
    /// A sum in exact decimals, with no rules beside it.
    Sum(Only<N>),
    Ways(Arc<Ways<N>>),
}

/// The formula, and the rules beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Ways<const N: usize> {
    classes: [Class; N],
    ways: Vec<Way<N>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Way<const N: usize> {
    /// The same points for any tokens.
    Fixed(i64),
    Floats(Numbers),
    Decimals(Floor<N>),
}

/// Tokens stay below this, and numbers below [`MOST`]: the sum of 7 products then fits 127 bits.
const MOST_TOKENS: u64 = 1 << 40;
const MOST: i128 = 1 << 80;

/// Prices with their rounding: the points are `⌊(constant + Σ tokens · coefficient) / denominator⌋`.
#[derive(Clone, Debug, PartialEq)]
struct Floor<const N: usize> {
    /// Classes whose tokens are rounded before.
    steps: [Option<Step>; N],
    constant: i128,
    coefficients: [i128; N],
    denominator: i128,
}

impl<const N: usize> Ready<N> {
    /// Prepares terms and the rules beside them; none where their charge is not found in one of these ways.
    pub fn of<'t>(terms: &'t Terms, rules: impl Iterator<Item = &'t Terms>, classes: &[Class; N]) -> Option<Ready<N>> {
        let rules: Vec<&Terms> = rules.collect();
        if rules.is_empty()
            && let Some(compiled) = Compiled::of_classes(terms, classes)
        {
            return Some(Ready::Sum(compiled.only(classes)));
        }
        let ways = [terms].into_iter().chain(rules).map(|terms| Way::of(terms, classes)).collect::<Option<_>>()?;
        Some(Ready::Ways(Arc::new(Ways { classes: *classes, ways })))
    }

    /// Whether so many tokens come to this charge by each of the ways: no minimum, no limit had to be asked. The request must have had
    /// usage.
    ///
    /// False says nothing: the charge may be wrong, or one for the rules that are not looked at here.
    #[inline(always)]
    pub fn gives(&self, tokens: &[i64; N], points: i64) -> bool {
        match self {
            Ready::Sum(prices) => prices.gives(tokens, points),
            Ready::Ways(ways) => ways.give(tokens, points),
        }
    }
}

impl<const N: usize> Ways<N> {
    #[inline(never)]
    fn give(&self, tokens: &[i64; N], points: i64) -> bool {
        // A number below 0 has all of its high bits set.
        let is_small = tokens.iter().fold(0, |bits, count| bits | count.cast_unsigned()) < MOST_TOKENS;
        if !is_small || points < 1 || points >= Points::INT32.1.0 {
            return false;
        }
        let mut usage = PerClass::default();
        self.classes.iter().zip(tokens).for_each(|(class, count)| usage[*class] = *count);
        self.ways.iter().all(|way| match way {
            Way::Fixed(fixed) => *fixed == points,
            Way::Floats(numbers) => {
                let come = numbers.come(&usage);
                come.rounded.whole == points && !come.nothing
            }
            Way::Decimals(floor) => floor.gives(tokens, points),
        })
    }
}

impl<const N: usize> Way<N> {
    fn of(terms: &Terms, classes: &[Class; N]) -> Option<Way<N>> {
        if terms.advance != 0 || terms.credit || terms.no_usage {
            return None;
        }
        match &terms.formula {
            Formula::Sum(Sum::OneHubCall) | Formula::OneHubRules(OneHubRules { per_call: true, .. }) | Formula::DecimalPrice => {
                Way::fixed(terms)
            }
            Formula::Sum(sum) => Some(Way::Floats(Numbers::of(terms, *sum))),
            Formula::Product(product) if !is_by_token(*product) => Way::fixed(terms),
            Formula::InDecimals(formula) => match **formula {
                Formula::Product(product) if !is_by_token(product) => Way::fixed(terms),
                Formula::Sum(_) => Floor::of(terms, classes).map(Way::Decimals),
                _ => None,
            },
            Formula::Decimal | Formula::OneHubRules(_) => Floor::of(terms, classes).map(Way::Decimals),
            _ => None,
        }
    }

    fn fixed(terms: &Terms) -> Option<Way<N>> {
        let charge = price(terms);
        charge.adjustment.is_none().then_some(Way::Fixed(charge.points.0))
    }
}

fn is_by_token(product: Product) -> bool {
    product.factors.contains(&Factor::Tokens) || product.after == super::terms::After::TimesLastAndTokens
}

impl<const N: usize> Floor<N> {
    fn of(terms: &Terms, classes: &[Class; N]) -> Option<Floor<N>> {
        let (mut terms, steps) = in_decimals::in_steps(terms, classes)?;
        (terms.usage, terms.open) = (PerClass::default(), Vec::new());
        let (constant, rounding) = amount(&terms)?;
        let mut amounts = Vec::new();
        for class in classes {
            terms.usage[*class] = 1;
            amounts.push(amount(&terms)?.0 - constant.clone());
            terms.usage[*class] = 0;
        }
        let scale = amounts.iter().map(Exact::decimals).chain([constant.decimals()]).max()?;
        let small = |amount: &Exact| amount.scaled(scale).filter(|number| number.abs() < MOST);
        let mut coefficients = [0; N];
        for (coefficient, amount) in coefficients.iter_mut().zip(&amounts) {
            *coefficient = small(amount)?;
        }
        Some(Floor { steps, constant: small(&constant)?, coefficients, denominator: small(&Exact::from(1))? }.rounded(rounding))
    }

    /// With the rounding folded in.
    fn rounded(self, rounding: Rounding) -> Floor<N> {
        let Floor { steps, constant, coefficients, denominator } = self;
        let (times, plus) = match rounding {
            Rounding::HalfAway => (2, denominator),
            Rounding::Truncate => (1, 0),
            Rounding::Ceil => (1, denominator - 1),
        };
        let coefficients = coefficients.map(|coefficient| times * coefficient);
        Floor { steps, constant: times * constant + plus, coefficients, denominator: times * denominator }
    }

    /// Whether so many tokens come to points above 0.
    fn gives(&self, tokens: &[i64; N], points: i64) -> bool {
        let mut sum = self.constant;
        for ((count, coefficient), step) in tokens.iter().zip(&self.coefficients).zip(&self.steps) {
            let count = match step {
                None => *count,
                Some(step) => match step.take(*count) {
                    Some(count) if count.unsigned_abs() < MOST_TOKENS => count,
                    _ => return false,
                },
            };
            sum += i128::from(count) * coefficient;
        }
        (0..self.denominator).contains(&(sum - self.denominator * i128::from(points)))
    }
}

fn amount(terms: &Terms) -> Option<(Exact, Rounding)> {
    if let Formula::InDecimals(formula) = &terms.formula {
        in_decimals::amount(terms, formula)?;
    }
    let charge = price(terms);
    Some((charge.amount.normalized(), charge.rounding))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::Ratio;
    use proptest::prelude::*;

    const CLASSES: [Class; 4] = [Class::Input, Class::Cached, Class::CacheWrite, Class::Output];

    fn terms(formula: Formula, ratios: [Ratio; 5], counts: [i64; 4]) -> Terms {
        let [model, group, rates @ ..] = ratios;
        let mut terms = Terms { formula, price: rates[0], saturates: false, ..Terms::tokens(model, group) };
        for ((class, count), rate) in CLASSES.into_iter().zip(counts).zip([Ratio::ONE, rates[0], rates[1], rates[2]]) {
            terms.add(class, count, rate);
        }
        terms
    }

    fn formulas() -> Vec<Formula> {
        let sums = [Sum::InSteps, Sum::ClaudeOf2025, Sum::OneApi, Sum::OneApiOf2023, Sum::OneHub, Sum::OneHubCall, Sum::Laisky];
        let sums = sums.into_iter().flat_map(|sum| {
            let decimals = Formula::InDecimals(Box::new(Formula::Sum(sum)));
            let has_decimals = !matches!(sum, Sum::OneHub | Sum::OneHubCall);
            [Formula::Sum(sum)].into_iter().chain(has_decimals.then_some(decimals))
        });
        let rules = [(false, false), (true, false), (false, true)];
        let rules = rules.map(|(per_call, in_steps)| Formula::OneHubRules(OneHubRules { per_call, in_steps, zero_rule: true }));
        let price = Formula::Product(Product::PRICE);
        let prices = [price.clone(), Formula::InDecimals(Box::new(price)), Formula::DecimalPrice, Formula::Decimal];
        sums.chain(rules).chain(prices).collect()
    }

    #[test]
    fn all_rules_must_come_to_the_same() {
        // 15 · 0.1 · 1.1 = 1.65; in float64 as well.
        let ratios = ["0.1", "1.1", "1", "1", "1"].map(|text| text.parse().unwrap());
        let one_api = terms(Formula::Sum(Sum::OneApi), ratios, [15, 0, 0, 0]);
        let whole = |rules: &[Terms]| {
            let ready = Ready::of(&one_api, rules.iter(), &CLASSES).unwrap();
            (0..4).filter(|points| ready.gives(&[15, 0, 0, 0], *points)).collect::<Vec<_>>()
        };
        assert_eq!((whole(&[]), whole(&[one_api.in_decimals()])), (vec![2], vec![2]));
        assert_eq!(whole(&[one_api.with(super::super::Slot::GroupRatio, Ratio::from(2))]), Vec::<i64>::new());
        // 1000 · 0.1 · 1.1 = 110, in float64 110.00000000000001: a quirk.
        let tie = terms(Formula::Sum(Sum::OneApi), ratios, [1_000, 0, 0, 0]);
        assert_eq!((price(&tie).points, price(&tie.in_decimals()).points), (Points(111), Points(110)));
        let ready = Ready::of(&tie, [tie.in_decimals()].iter(), &CLASSES).unwrap();
        assert!(!ready.gives(&[1_000, 0, 0, 0], 111) && !ready.gives(&[1_000, 0, 0, 0], 110));
    }

    proptest! {
        /// Each way affirms what `price` gives without an adjustment, and nothing else.
        #[test]
        fn each_way_agrees_with_price(
            ratios in [0_i64..100_000, 0_i64..3_000, 0_i64..40_000, 0_i64..40_000, 1_i64..40_000], coarse in 0_i16..5,
            counts in [0_i64..100_000, 0_i64..3_000, 0_i64..300, 0_i64..100_000], off in -1_i64..2,
        ) {
            let ratios = ratios.map(|mantissa| Ratio::new(mantissa, coarse - 4));
            for formula in formulas() {
                let counts = if let Formula::Sum(Sum::OneHubCall) | Formula::OneHubRules(_) = formula { counts.map(|count| count + 1) } else { counts };
                let terms = terms(formula, ratios, counts);
                let charge = price(&terms);
                let Some(way) = Way::of(&terms, &CLASSES) else {
                    prop_assert!(charge.adjustment.is_some() || !matches!(terms.formula, Formula::Sum(_)));
                    continue;
                };
                let ways = Ways { classes: CLASSES, ways: vec![way] };
                let points = charge.points.0 + off;
                let expected = off == 0 && points > 0 && points < Points::INT32.1.0 && charge.adjustment.is_none();
                prop_assert_eq!(ways.give(&counts, points), expected, "{:?}", terms);
            }
        }
    }
}
