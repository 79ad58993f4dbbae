//! What is charged beside tokens: tools by the call, and audio with a price of its own.

use super::super::Case;
use super::Changes;
use super::factors::near;
use crate::pricing::{Surcharge, Terms, price};

pub fn tools(terms: &Terms) -> impl Iterator<Item = (usize, &Surcharge)> {
    surcharges(terms).filter(|(_, surcharge)| !is_audio(surcharge))
}

pub fn surcharges(terms: &Terms) -> impl Iterator<Item = (usize, &Surcharge)> {
    terms.surcharges.iter().enumerate().filter(|(_, surcharge)| surcharge.count != 0)
}

/// Audio tokens with a price of their own stand among the surcharges.
pub fn is_audio(surcharge: &Surcharge) -> bool {
    surcharge.multiplied
}

pub fn tool_surcharge_omitted(_: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    let without = |index: usize| {
        let mut changed = terms.clone();
        changed.surcharges[index].count = 0;
        changed
    };
    for (index, tool) in tools(terms) {
        changes.push_implied(without(index), "tool", &tool.name);
    }
    if tools(terms).count() > 1 {
        let mut changed = terms.clone();
        changed.surcharges.retain(is_audio);
        changes.push(changed);
    }
}

/// More tools than this nobody calls in a request.
const MOST_CALLS: i64 = 100;

fn with_tool(terms: &Terms, index: usize, change: impl Fn(&mut Surcharge)) -> Terms {
    let mut changed = terms.clone();
    changed.surcharges.get_mut(index).into_iter().for_each(change);
    changed
}

/// Tools at another known price.
pub fn tool_price_known(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    for (index, tool) in tools(terms) {
        let known = case.related().tools.iter().filter(|(name, price)| *name == tool.name && *price != tool.price);
        for (_, price) in known {
            changes.push_implied(with_tool(terms, index, |tool| tool.price = *price), "tool_price", price);
        }
    }
}

/// Another whole number of calls.
pub fn tool_calls(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    for (index, tool) in tools(terms) {
        let with = |count: i64| with_tool(terms, index, |tool| tool.count = count);
        let counts = near(case, 0, &|count| price(&with(count)).amount).filter(|count| (1..=MOST_CALLS).contains(count));
        counts.filter(|count| *count != tool.count).for_each(|count| changes.push_implied(with(count), "tool_calls", count));
    }
}
