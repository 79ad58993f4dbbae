//! Float64 formulas in exact decimals: what a gateway's own rules give where its floats are a point off.

use num_bigint::BigInt;
use num_traits::ToPrimitive;

use super::price::{Rounding, weighted};
use super::terms::{After, Factor, FloatRounding, InDecimals, Product, Terms};
use super::usage::Class;
use crate::exact::{Exact, Ratio};

/// The amount, how it is rounded, and the whole number that it becomes.
pub fn amount(terms: &Terms, formula: InDecimals) -> (Exact, Rounding, BigInt) {
    let input = || Exact::from(terms.usage[Class::Input]);
    let output = || weighted(terms, Class::Output, terms.usage[Class::Output]);
    match formula {
        InDecimals::OneApi => rounded(rated(terms, input() + output()), FloatRounding::Ceil),
        InDecimals::OneApiOf2023 => {
            let output = Exact::from(output().truncate());
            rounded(rated(terms, input() + output), FloatRounding::Truncate)
        }
        InDecimals::Product(product) => of_product(terms, product),
    }
}

fn rated(terms: &Terms, tokens: Exact) -> Exact {
    tokens * terms.model_ratio * terms.group_ratio
}

fn rounded(amount: Exact, rounding: FloatRounding) -> (Exact, Rounding, BigInt) {
    let whole = held(match rounding {
        FloatRounding::HalfAway => amount.round_half_away(),
        FloatRounding::Truncate => amount.truncate(),
        FloatRounding::Ceil => amount.ceil(),
    });
    (amount, rounding.into(), whole)
}

/// What does not fit 64 bits becomes the smallest number, as in the gateway: that is no matter of floats.
fn held(whole: BigInt) -> BigInt {
    whole.to_i64().unwrap_or(i64::MIN).into()
}

fn of_product(terms: &Terms, product: Product) -> (Exact, Rounding, BigInt) {
    let multipliers = || terms.multipliers.iter().map(|multiplier| multiplier.value);
    let all = || multipliers().fold(Exact::from(1), |product, value| product * value);
    let factor = |factor: &Factor| match factor {
        Factor::Price => Exact::from(terms.price),
        Factor::QuotaPerUnit => Exact::from(terms.quota_per_unit),
        Factor::GroupRatio => Exact::from(terms.group_ratio),
        Factor::ModelRatio => Exact::from(terms.model_ratio),
        Factor::HalfModelRatio => Exact::from(terms.model_ratio) * Ratio::new(5, -1),
        Factor::Tokens => Exact::from(terms.usage[Class::Input]),
        Factor::Multipliers => all(),
        Factor::FirstMultiplier => multipliers().next().unwrap_or(Ratio::ONE).into(),
        Factor::Thousand => Exact::from(1_000),
    };
    let exact = product.factors.iter().map(factor).fold(Exact::from(1), |product, factor| product * factor);
    let (amount, rounding, whole) = rounded(exact, product.rounding);
    let whole = match product.after {
        After::Nothing => whole,
        After::TimesLast => held(whole * multipliers().next_back().and_then(Ratio::whole).unwrap_or(1)),
        After::Multiplied => held((Exact::from(whole) * all()).truncate()),
    };
    (amount, rounding, whole)
}

#[cfg(test)]
mod tests {
    use crate::exact::{Points, Ratio};
    use crate::pricing::{Class, Formula, Minimum, Multiplier, Product, Sum, Terms, price};

    fn ratio(text: &str) -> Ratio {
        text.parse().unwrap()
    }

    #[track_caller]
    fn check(terms: &Terms, float: i64, exact: i64) {
        assert_eq!(price(terms).points, Points(float));
        assert_eq!(price(&terms.in_decimals().unwrap()).points, Points(exact));
    }

    #[test]
    fn a_whole_product_is_a_point_more_in_floats() {
        let mut terms = Terms::tokens(ratio("0.1"), ratio("1.1"));
        terms.formula = Formula::Sum(Sum::OneApi);
        terms.minimum = Minimum::AFTER;
        terms.saturates = false;
        terms.add(Class::Input, 100, Ratio::ONE);
        check(&terms, 12, 11);
        terms.add(Class::Input, i64::MAX - 100, Ratio::ONE);
        terms.model_ratio = ratio("37.5");
        check(&terms, 1, 1);
    }

    #[test]
    fn an_image_is_cut_before_it_is_counted() {
        let mut terms = Terms::tokens(ratio("7"), ratio("0.95"));
        terms.formula = Formula::Product(Product::IMAGE);
        terms.minimum = Minimum::NONE;
        for (name, value) in [("size", 1), ("n", 2)] {
            terms.multipliers.push(Multiplier { name: name.to_owned(), value: Ratio::from(value) });
        }
        check(&terms, 13_298, 13_300);
    }
}
