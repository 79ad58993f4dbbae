//! Charges that are not for an answer: channel tests and violation fees.

use super::REFUND;
use super::group::{self, GroupRatio};
use super::quote::{Asked, Quote};
use super::task::SETTLED;
use super::terms::{open_figure, open_groups};
use super::usage::{Usage, has_no_columns};
use crate::exact::Ratio;
use crate::log::{Kind, RowError};
use crate::pricing::{Class, Formula, Minimum, Product, Reason, Slot, Sum, Terms};
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

/// Why nobody can say what a row without details was charged for: the amount of a fee, or the charge that a refund gives back, is not in it.
pub fn untold(asked: &Asked<'_, '_>) -> Option<Reason> {
    let Asked { entry, details, usage, .. } = *asked;
    let is_refund =
        entry.kind == Kind::Code(REFUND) && usage.no_usage && !has_no_columns(entry) && !entry.content.starts_with(SETTLED);
    match details.is_empty() {
        true if entry.content == FEE => Some(Reason::NoRatios),
        true if is_refund => Some(Reason::NoChargeFound),
        _ => None,
    }
}

/// The content of a fee.
const FEE: &str = "Violation fee charged";

/// A fee for a violation: the amount of the row, since the option may have changed. By what the basis asks for, and by the row's own ratio.
pub fn fee_terms(asked: &Asked<'_, '_>, context: &Context<'_>) -> Result<(Result<Terms, Reason>, Option<Terms>), RowError> {
    let Some(amount) = asked.details.ratio("base_amount")? else { return Ok((Err(Reason::NoRatios), None)) };
    let own_group = asked.details.ratio("group_ratio")?;
    let own = own_group.map(|ratio| fee(amount, ratio, asked.quota_per_unit));
    if context.basis == Basis::Logged {
        return Ok((own.ok_or(Reason::NoRatios), None));
    }
    let group = group::of_config(asked, &super::tables_of(context.config), own_group);
    let terms = group.map(|GroupRatio { figure, others }| {
        let mut terms = fee(amount, figure.value, asked.quota_per_unit);
        open_figure(&mut terms, Some(Slot::GroupRatio), figure);
        open_groups(&mut terms, &others);
        terms
    });
    Ok((terms, own))
}

fn fee(amount: Ratio, group: Ratio, quota_per_unit: Ratio) -> Terms {
    Terms {
        formula: Formula::DecimalPrice,
        minimum: Minimum::NONE,
        price: amount,
        quota_per_unit,
        ..Terms::tokens(Ratio::ZERO, group)
    }
}
