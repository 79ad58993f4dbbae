//! Charges that are not for an answer: channel tests and violation fees.

use super::group;
use super::quote::{Asked, Quote};
use super::usage::Usage;
use crate::exact::Ratio;
use crate::log::RowError;
use crate::pricing::{Class, Formula, Minimum, Product, Reason, Sum, Terms};
use crate::profile::{Basis, Context};

/// A channel test: rounded in steps, without cache and without group.
pub fn test_terms(usage: &Usage<'_>, quote: &Quote, quota_per_unit: Ratio) -> Terms {
    let mut terms = Terms::tokens(quote.model.value, Ratio::ONE);
    terms.quota_per_unit = quota_per_unit;
    terms.minimum = Minimum::AFTER;
    terms.formula = Formula::Sum(Sum::InSteps);
    terms.add(Class::Input, usage.prompt, quote.input);
    terms.add(Class::Output, usage.completion, quote.completion.value);
    if let Some(price) = quote.price {
        terms.formula = Formula::Product(Product::PRICE);
        terms.minimum = Minimum::NONE;
        terms.price = price;
    }
    terms
}

/// A fee for a violation: the amount of the row, since the option may have changed.
pub fn fee_terms(asked: &Asked<'_, '_>, context: &Context<'_>) -> Result<Result<Terms, Reason>, RowError> {
    let own = asked.details.ratio("group_ratio")?;
    let tables = super::tables_of(context.config);
    let group = match context.basis {
        Basis::Config => group::of_config(asked, &tables, own).map(|group| group.figure.value),
        Basis::Logged => own.ok_or(Reason::NoRatios),
    };
    let amount = asked.details.ratio("base_amount")?;
    Ok(group.and_then(|group| {
        let mut terms = Terms::tokens(Ratio::ZERO, group);
        terms.quota_per_unit = asked.quota_per_unit;
        terms.formula = Formula::DecimalPrice;
        terms.minimum = Minimum::NONE;
        terms.price = amount.ok_or(Reason::NoRatios)?;
        Ok(terms)
    }))
}
