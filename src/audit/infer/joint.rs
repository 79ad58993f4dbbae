//! Rates solved from all rows at once, whatever classes of tokens they have.
//!
//! A charge is nearly `Σ tokens · price`, with a price for each class: so the rows of a cell, or of several whose ratios are known, are a system of
//! linear equations with a little doubt in each. Its solution tells what each rate may be beside that of the input. The narrowest is settled first,
//! by the number that rows print, the gateway's own or the simplest one within, and the others are solved again.

use std::collections::BTreeMap;

use super::Groups;
use super::fit::Cells;
use super::interval::Interval;
use super::sample::Sample;
use crate::exact::Ratio;
use crate::float::squares::{Equation, Known, Part, parts};
use crate::pricing::{Class, PerClass};

/// A rate, and whether the rows leave no other one as simple.
pub(super) type Settled = (Ratio, bool);

/// The rates of all classes that rows have tokens of; none where the rows are too few to tell.
pub(super) fn rates(cells: &Cells<'_>, built_in: &PerClass<Ratio>, groups: &Groups) -> Option<BTreeMap<Class, Settled>> {
    let rows = comparable(cells, groups);
    let has = |class: &Class| rows.iter().any(|(sample, _)| sample.has(*class));
    let classes: Vec<Class> = Class::ALL.into_iter().filter(has).collect();
    if classes.first() != Some(&Class::Input) {
        return None;
    }
    let equation = |(sample, ratio): &(&Sample, Ratio)| {
        let Interval { low, high } = sample.by_tokens(None)?;
        Equation::new(classes.iter().map(|class| sample.usage()[*class]), (&low, &high), *ratio)
    };
    let equations: Vec<Equation> = rows.iter().filter_map(equation).collect();
    let mut known: Known = classes.iter().map(|class| (*class == Class::Input).then_some(Ratio::ONE)).collect();
    let mut settled = BTreeMap::new();
    while known.contains(&None) {
        let left = known.iter().enumerate().filter(|(_, rate)| rate.is_none()).map(|(at, _)| at);
        let found = left.zip(parts(&equations, &known)?);
        let (at, part) = found.reduce(|one, other| if other.1.is_narrower(&one.1) { other } else { one })?;
        let class = classes[at];
        let of_class: Vec<&Sample> = rows.iter().map(|(sample, _)| *sample).filter(|sample| sample.has(class)).collect();
        let rate = settle(part, class, &of_class, built_in)?;
        known[at] = Some(rate.0);
        settled.insert(class, rate);
    }
    Some(settled)
}

/// The rows whose charges are of one ratio, or of ratios that are known; with these.
fn comparable<'s>(cells: &Cells<'s>, groups: &Groups) -> Vec<(&'s Sample, Ratio)> {
    // A point or none may be a minimum, and tools are charged beside.
    let is_plain = |sample: &&&Sample| !sample.has_tools() && sample.by_tokens(None).is_some_and(|amount| amount.low.is_positive());
    let rows = |samples: &Vec<&'s Sample>, ratio: Ratio| -> Vec<(&'s Sample, Ratio)> {
        samples.iter().filter(is_plain).map(|sample| (*sample, ratio)).collect()
    };
    let of_known = cells.iter().filter_map(|(cell, samples)| Some((samples, groups.ratio(cell)?)));
    let known: Vec<_> = of_known.filter(|(_, ratio)| !ratio.is_zero()).flat_map(|(samples, ratio)| rows(samples, ratio)).collect();
    let largest = cells.values().map(|samples| rows(samples, Ratio::ONE)).max_by_key(Vec::len).unwrap_or_default();
    if largest.len() > known.len() { largest } else { known }
}

fn settle(part: Part, class: Class, samples: &[&Sample], built_in: &PerClass<Ratio>) -> Option<Settled> {
    let within = Interval { low: part.low.into(), high: part.high.into() };
    let printed = samples.iter().filter_map(|sample| sample.hints.as_ref()).map(|hints| hints.rates[class]);
    if let Some(rate) = printed.chain([built_in[class]]).find(|rate| within.holds(&(*rate).into())) {
        return Some((rate, true));
    }
    let (simplest, _) = within.simplest()?;
    Some((simplest, within.only() == Some(simplest)))
}
