//! The sums and products of gateways in exact decimals: what the same rule gives without the last bit of a float64.

use super::in_floats;
use super::price::{Rounding, points_of, rounding_of, weighted};
use super::terms::{After, Factor, Formula, Product, Sum, Terms};
use super::usage::Class;
use crate::exact::{Exact, Points, Ratio, Whole};

/// The amount of a float64 formula in exact decimals, and how it is rounded; none for a formula that has no such form.
pub fn amount(terms: &Terms, formula: &Formula) -> Option<(Exact, Rounding)> {
    match formula {
        Formula::Sum(Sum::Laisky) => laisky(terms),
        Formula::Sum(sum) => Some((tokens(terms, *sum)? * terms.model_ratio * terms.group_ratio, rounding_of(*sum))),
        Formula::Product(product) => Some(multiplied(terms, *product)),
        _ => None,
    }
}

/// The tokens, counted as input tokens of the model.
fn tokens(terms: &Terms, sum: Sum) -> Option<Exact> {
    let at = |class: Class| weighted(terms, class, terms.usage[class]);
    let input = Exact::from(terms.usage[Class::Input]);
    let output = at(Class::Output);
    Some(match sum {
        Sum::InSteps => {
            let audio = at(Class::AudioInput).rounded(0) + at(Class::AudioOutput).rounded(0);
            input + output.rounded(0) + audio
        }
        Sum::ClaudeOf2025 => input + at(Class::Cached) + at(Class::CacheWrite) + output,
        Sum::OneApi => input + output,
        Sum::OneApiOf2023 => input + Exact::from(output.truncate()),
        Sum::OneHub | Sum::OneHubCall | Sum::Laisky => return None,
    })
}

/// Tokens that are counted at a rate and rounded by themselves, before the rest is summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The rate is `numerator / denominator`.
    numerator: i64,
    denominator: i64,
    rounding: Rounding,
}

impl Step {
    fn of(rate: &Exact, rounding: Rounding) -> Option<Step> {
        let whole = |number: &Exact| i64::try_from(number.scaled(rate.decimals())?).ok();
        Some(Step { numerator: whole(rate)?, denominator: whole(&Exact::from(1))?, rounding })
    }

    /// So many tokens, rounded; none where the numbers are too long.
    pub fn take(self, tokens: i64) -> Option<i64> {
        let (product, denominator) = (i128::from(tokens) * i128::from(self.numerator), i128::from(self.denominator));
        let size = match self.rounding {
            Rounding::HalfAway => (2 * product.abs() + denominator) / (2 * denominator),
            Rounding::Truncate => product.abs() / denominator,
            Rounding::Ceil => return None,
        };
        i64::try_from(size * product.signum()).ok()
    }
}

/// The steps of a formula in exact decimals, by class, and the terms that its amount follows from when the steps are taken: no class is
/// rounded by itself in them. None where another class than these has a step.
pub fn in_steps<const N: usize>(terms: &Terms, classes: &[Class; N]) -> Option<(Terms, [Option<Step>; N])> {
    // A rate, how much it is counted less, and how it is rounded.
    let step = |class: Class| match (&terms.formula, terms.formula.rules()) {
        (Formula::OneHubRules(rules), _) if rules.in_steps && class.is_within() => Some((1, Rounding::Truncate)),
        (Formula::InDecimals(_), Formula::Sum(Sum::InSteps)) if class == Class::Output => Some((0, Rounding::HalfAway)),
        (Formula::InDecimals(_), Formula::Sum(Sum::OneApiOf2023)) if class == Class::Output => Some((0, Rounding::Truncate)),
        _ => None,
    };
    if Class::ALL.iter().any(|class| !classes.contains(class) && terms.usage[*class] != 0) {
        return None;
    }
    let (mut flat, mut steps) = (terms.clone(), [None; N]);
    for (class, slot) in classes.iter().zip(&mut steps) {
        if let Some((less, rounding)) = step(*class) {
            *slot = Some(Step::of(&(Exact::from(terms.rates[*class]) - Exact::from(less)).normalized(), rounding)?);
            flat.rates[*class] = Ratio::from(less + 1);
        }
    }
    Some((flat, steps))
}

/// Tools are whole points, so that rounding up with them is rounding up before them.
fn laisky(terms: &Terms) -> Option<(Exact, Rounding)> {
    if [Class::AudioInput, Class::AudioOutput].into_iter().any(|class| terms.usage[class] != 0) {
        return None;
    }
    let used = terms.usage.iter().filter(|(_, tokens)| *tokens != 0);
    let cost = used.fold(Exact::zero(), |cost, (class, tokens)| cost + points_of(terms, class, tokens)) * terms.group_ratio;
    let call = |price: Ratio| Rounding::Ceil.round(&(Exact::from(price) * terms.quota_per_unit));
    let tools = terms.surcharges.iter().map(|surcharge| call(surcharge.price) * Whole::from(surcharge.count)).sum::<Whole>();
    Some((cost + Exact::from(tools), Rounding::Ceil))
}

/// `Σ tokens·usd·0.5 · group`, rounded up; a group ratio of 0 does not count.
fn image_tokens(terms: &Terms) -> Exact {
    let of_class = |class: Class| Exact::from(terms.usage[class]) * terms.rates[class];
    let sum = Class::OF_IMAGES.into_iter().fold(Exact::zero(), |sum, class| sum + of_class(class)) * Ratio::new(5, -1);
    let cost = if terms.group_ratio.is_zero() { sum } else { sum * terms.group_ratio };
    Rounding::Ceil.round(&cost).into()
}

fn multiplied(terms: &Terms, product: Product) -> (Exact, Rounding) {
    let multipliers = || terms.multipliers.iter().map(|multiplier| multiplier.value);
    let factors = product.factors.iter().flat_map(|factor| match factor {
        Factor::Multipliers => multipliers().collect(),
        Factor::FirstMultiplier => multipliers().take(1).collect(),
        factor => vec![in_floats::number(terms, factor)],
    });
    let first = factors.fold(Exact::from(1), |amount, factor| amount * factor);
    let rounding = product.rounding.into();
    let factors: Vec<Ratio> = match product.after {
        After::Nothing => return (first, rounding),
        After::Multiplied => multipliers().collect(),
        After::TimesLast | After::TimesLastAndTokens => multipliers().next_back().into_iter().collect(),
    };
    let tokens = if product.after == After::TimesLastAndTokens { image_tokens(terms) } else { Exact::zero() };
    let whole = Exact::from(Points::saturating(&rounding.round(&first)));
    (factors.into_iter().fold(whole, |amount, factor| amount * factor) + tokens, Rounding::Truncate)
}

impl Rounding {
    pub(super) fn round(self, amount: &Exact) -> Whole {
        match self {
            Rounding::HalfAway => amount.round_half_away(),
            Rounding::Truncate => amount.truncate(),
            Rounding::Ceil => amount.ceil(),
        }
    }
}

impl Terms {
    /// The same terms, computed in exact decimals instead of float64.
    pub fn in_decimals(&self) -> Terms {
        Terms { formula: Formula::InDecimals(Box::new(self.formula.clone())), open: Vec::new(), ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::price;
    use super::*;

    #[track_caller]
    fn check(terms: &Terms, float: i64, exact: i64) {
        assert_eq!((price(terms).points, price(&terms.in_decimals()).points), (Points(float), Points(exact)));
    }

    #[test]
    fn a_cut_float_is_a_point_below() {
        let mut terms = Terms::tokens(Ratio::ZERO, Ratio::new(115, -2));
        terms.formula = Formula::Product(Product::PRICE);
        terms.price = Ratio::new(11, -3);
        check(&terms, 6_324, 6_325);
    }

    #[test]
    fn the_last_bit_of_a_sum_rounds_up() {
        let mut terms = Terms::tokens(Ratio::new(1, -1), Ratio::ONE);
        terms.formula = Formula::Sum(Sum::Laisky);
        terms.add(Class::Input, 1, Ratio::ONE);
        terms.add(Class::Cached, 29, Ratio::ZERO);
        // 0.1 + 2.9000000000000004.
        check(&terms, 4, 3);
        terms.rates[Class::Cached] = Ratio::from(-1);
        check(&terms, 1, 1);
    }

    #[test]
    fn amounts_round_up_or_are_cut() {
        for (amount, ceil, cut) in [("1.2", 2, 1), ("-1.2", -1, -1), ("3", 3, 3)] {
            let amount = Exact::parse(amount).unwrap();
            assert_eq!(Rounding::Ceil.round(&amount), Whole::from(i64::from(ceil)));
            assert_eq!(Rounding::Truncate.round(&amount), Whole::from(i64::from(cut)));
        }
    }
}
