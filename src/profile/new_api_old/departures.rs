//! Where a row may depart from the gateway's own price rules.

use super::quote::{Asked, Fallback, Quote};
use super::terms;
use super::usage::Way;
use crate::exact::Points;
use crate::pricing::{Class, Formula, Minimum, Slot, Sum, Terms};
use crate::profile::{Departure, Quirk};

/// The departures that a row may show; the first that its charge shows counts.
pub fn of(asked: &Asked<'_, '_>, quote: &Quote, charged: Points) -> Vec<Departure> {
    let terms = Terms { open: Vec::new(), ..terms::of(asked, quote) };
    let mut found = Found { terms: &terms, departures: Vec::new() };
    if asked.usage.test {
        found.add(Quirk::ChannelTest, terms::answer(asked, quote));
    }
    of_ways(&mut found, asked, quote);
    of_prices(&mut found, quote);
    of_rounding(&mut found);
    of_minimum(&mut found, asked, charged);
    found.departures
}

struct Found<'t> {
    terms: &'t Terms,
    departures: Vec<Departure>,
}

impl Found<'_> {
    fn add(&mut self, quirk: Quirk, rules: Terms) {
        self.departures.push(Departure { quirk, rules: Some(rules) });
    }
}

fn of_ways(found: &mut Found<'_>, asked: &Asked<'_, '_>, quote: &Quote) {
    let (usage, terms) = (asked.usage, found.terms);
    if terms.formula == Formula::Free {
        found.add(Quirk::AudioPriceFree, Terms { formula: terms::call(asked.rules), ..terms.clone() });
    }
    if let (Some(image), None) = (usage.image, quote.price) {
        let printed = asked.details.ratio("model_price").ok().flatten();
        let price = printed.unwrap_or_else(|| image.price_of_ratio(quote.model.value, &asked.names.upstream, usage.prompt));
        let rules = Terms { formula: terms::call(asked.rules), minimum: Minimum::NONE, price, ..terms.clone() };
        found.add(Quirk::ImageByRatio, rules);
    }
    if terms.no_usage && (usage.cached != 0 || usage.written != 0) {
        found.add(Quirk::CacheOnlyFree, Terms { no_usage: false, ..terms.clone() });
    }
}

fn of_minimum(found: &mut Found<'_>, asked: &Asked<'_, '_>, charged: Points) {
    let terms = found.terms;
    let with = |minimum: Minimum| Terms { minimum, ..terms.clone() };
    if asked.usage.way == Way::Claude && terms.group_ratio.is_zero() {
        found.add(Quirk::FreeGroupMinimum, with(Minimum { for_free_groups: false, ..terms.minimum }));
    }
    if terms.minimum.before_rounding && charged == Points(0) {
        found.add(Quirk::SmallRequestFree, with(Minimum { after_rounding: true, ..terms.minimum }));
    }
}

fn of_prices(found: &mut Found<'_>, quote: &Quote) {
    if quote.fallback != Fallback::No {
        found.departures.push(Departure { quirk: Quirk::FallbackRatio, rules: None });
    }
    let terms = found.terms;
    if let Some(configured) = quote.ignored_completion.filter(|_| terms.usage[Class::Output] != 0) {
        found.add(Quirk::PriceLocked, terms.with(Slot::Rate(Class::Output), configured));
    }
}

fn of_rounding(found: &mut Found<'_>) {
    let terms = found.terms;
    if matches!(terms.formula, Formula::Sum(_) | Formula::Product(_)) {
        found.add(Quirk::FloatTie, terms.in_decimals());
    }
    if terms.formula == Formula::Sum(Sum::InSteps) {
        found.add(Quirk::RoundedInSteps, Terms { formula: Formula::Decimal, ..terms.clone() });
    }
}
