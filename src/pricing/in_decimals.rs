//! The sums and products of float gateways in exact decimals: what their charge would be without the last bit of a float.

use num_bigint::BigInt;
use num_traits::{One, Zero};

use super::price::{Charge, Rounding, points_of, rounding_of, settle};
use super::terms::{After, Factor, Formula, Product, Sum, Terms};
use super::usage::Class;
use crate::exact::{Exact, Ratio};

/// Whether the amount has an exact counterpart here.
pub fn knows(terms: &Terms) -> bool {
    match &terms.formula {
        Formula::Sum(sum) => matches!(sum, Sum::OneApi | Sum::Laisky) && !has_audio(terms),
        Formula::Product(product) => matches!(product.after, After::Nothing | After::TimesLast),
        _ => false,
    }
}

fn has_audio(terms: &Terms) -> bool {
    terms.usage[Class::AudioInput] != 0 || terms.usage[Class::AudioOutput] != 0
}

/// The charge in exact decimals, rounded as the gateway rounds its float.
pub fn price(terms: &Terms) -> Charge {
    let (amount, rounding, further) = match &terms.formula {
        Formula::Product(product) => (factors(terms, *product), product.rounding.into(), BigInt::zero()),
        Formula::Sum(sum) => (sum_of(terms), rounding_of(*sum), tools(terms)),
        _ => (Exact::zero(), Rounding::HalfAway, BigInt::zero()),
    };
    let whole = match rounding {
        Rounding::HalfAway => amount.round_half_away(),
        Rounding::Truncate => amount.truncate(),
        Rounding::Ceil => amount.ceil(),
    };
    let whole = whole * times(terms) + further;
    let (points, adjustment) = settle(terms, &amount, &whole, terms.no_usage);
    Charge { amount, rounding, adjustment, points }
}

fn sum_of(terms: &Terms) -> Exact {
    let used = terms.usage.iter().filter(|(_, tokens)| *tokens != 0);
    used.fold(Exact::zero(), |sum, (class, tokens)| sum + points_of(terms, class, tokens)) * terms.group_ratio
}

/// Tools are rounded call by call.
fn tools(terms: &Terms) -> BigInt {
    let one = |price: Ratio| (Exact::from(price) * terms.quota_per_unit).ceil();
    terms.surcharges.iter().map(|surcharge| one(surcharge.price) * surcharge.count).sum()
}

fn factors(terms: &Terms, product: Product) -> Exact {
    let multipliers = || terms.multipliers.iter().map(|multiplier| multiplier.value);
    product.factors.iter().fold(Exact::from(1), |amount, factor| match factor {
        Factor::Price => amount * terms.price,
        Factor::QuotaPerUnit => amount * terms.quota_per_unit,
        Factor::GroupRatio => amount * terms.group_ratio,
        Factor::ModelRatio => amount * terms.model_ratio,
        Factor::Tokens => amount * terms.usage[Class::Input],
        Factor::Multipliers => multipliers().fold(amount, |amount, multiplier| amount * multiplier),
        Factor::FirstMultiplier => amount * multipliers().next().unwrap_or(Ratio::ONE),
        Factor::Thousand => amount * 1000,
    })
}

/// How often a rounded product counts.
fn times(terms: &Terms) -> BigInt {
    match &terms.formula {
        Formula::Product(Product { after: After::TimesLast, .. }) => {
            let last = terms.multipliers.last().and_then(|multiplier| multiplier.value.whole());
            last.map_or(BigInt::one(), BigInt::from)
        }
        _ => BigInt::one(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::Points;
    use crate::pricing::{self, FloatRounding, Minimum};

    fn ratio(text: &str) -> Ratio {
        text.parse().unwrap()
    }

    #[track_caller]
    fn check(terms: &Terms, in_floats: i64, in_decimals: i64) {
        assert_eq!(pricing::price(terms).points, Points(in_floats));
        assert_eq!(pricing::price(&Terms { exact: true, ..terms.clone() }).points, Points(in_decimals));
    }

    #[test]
    fn the_last_bit_of_a_float_rounds_up() {
        let mut terms = Terms::tokens(ratio("0.1"), Ratio::ONE);
        (terms.formula, terms.minimum) = (Formula::Sum(Sum::Laisky), Minimum::AFTER);
        terms.add(Class::Input, 1, Ratio::ONE);
        terms.add(Class::Cached, 29, Ratio::ZERO);
        // 0.1 + 2.9000000000000004.
        check(&terms, 4, 3);
        terms.rates[Class::Cached] = Ratio::from(-1);
        check(&terms, 1, 1);
    }

    #[test]
    fn a_product_is_rounded_before_it_is_counted() {
        let mut terms = Terms::tokens(Ratio::ZERO, ratio("1.1"));
        terms.formula = Formula::Product(Product { rounding: FloatRounding::Ceil, after: After::TimesLast, ..Product::PRICE });
        terms.price = ratio("0.0002");
        terms.multipliers = vec![pricing::Multiplier { name: "n".to_owned(), value: Ratio::from(3) }];
        // 110.00000000000001 by float.
        check(&terms, 333, 330);
    }
}
