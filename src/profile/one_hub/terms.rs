//! Usage and quote, put together to the terms of a charge.

use super::quote::{GroupDoubt, Quote};
use super::usage::{CLASSES, Usage};
use crate::exact::Ratio;
use crate::pricing::{Allowed, Class, Formula, Minimum, Open, Per, Reason, Slot, Sum, Surcharge, Terms};

/// The terms of a row, with the other prices that it may have had.
pub fn of(usage: &Usage<'_>, quote: &Quote, quota_per_unit: Ratio) -> Terms {
    let mut terms = sure(usage, quote, quota_per_unit);
    open_group(&mut terms, quote);
    if quote.is_presumed {
        terms.open.push(Open { reason: Reason::RatioUnknown, allowed: Allowed::Any });
    }
    if !quote.others.is_empty() {
        let readings = quote.others.iter().map(|other| sure(usage, other, quota_per_unit)).collect();
        terms.open.push(Open { reason: Reason::PriceAmbiguous, allowed: Allowed::Readings(readings) });
    }
    terms
}

fn sure(usage: &Usage<'_>, quote: &Quote, quota_per_unit: Ratio) -> Terms {
    let positive = |ratio: Ratio| ratio.max(Ratio::ZERO);
    let mut terms = Terms::tokens(positive(quote.input), quote.group);
    terms.formula = Formula::Sum(if quote.per_call { Sum::OneHubCall } else { Sum::OneHub });
    let (price, output) = if quote.per_call { (quote.input, Ratio::ZERO) } else { (Ratio::ZERO, quote.output) };
    terms.price = positive(price);
    terms.quota_per_unit = quota_per_unit;
    terms.minimum = Minimum::AFTER;
    terms.saturates = false;
    terms.add(Class::Input, usage.prompt, Ratio::ONE);
    terms.add(Class::Output, usage.completion, positive(output));
    for (_, class, _) in CLASSES {
        terms.add(class, usage.classes[class], quote.classes[class]);
    }
    for (tool, price) in usage.tools.iter().zip(&quote.tools) {
        let (name, count) = (tool.name.clone(), tool.calls);
        terms.surcharges.push(Surcharge { name, count, price: *price, per: Per::Call, multiplied: false });
    }
    terms
}

fn open_group(terms: &mut Terms, quote: &Quote) {
    let (reason, allowed) = match quote.group_doubt {
        None => return,
        Some(GroupDoubt::Any(reason)) => (reason, Allowed::Any),
        Some(GroupDoubt::Rounded { low, high }) => (Reason::RatiosRounded, Allowed::Between { slot: Slot::GroupRatio, low, high }),
    };
    terms.open.push(Open { reason, allowed });
}
