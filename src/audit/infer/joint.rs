//! Rates solved from all rows at once, whatever classes of tokens they have.
//!
//! A charge is nearly `Σ tokens · price`, with a price for each class: so the rows of a cell, or of several whose ratios are known, are a system of
//! linear equations with a little doubt in each. Its solution tells what each rate may be beside that of the input. The narrowest is settled first,
//! by the number that rows print, the gateway's own or the simplest one within, and the others are solved again.

use std::collections::BTreeMap;

use super::Groups;
use super::fit::{Cells, ModelFit, SolvedRate, built_in, hints};
use super::interval::Interval;
use super::rates::{is_narrow, only_rate, rows_at, shortened};
use super::sample::Sample;
use crate::exact::Ratio;
use crate::float::squares::{Equation, Known, Part, parts};
use crate::pricing::{Class, PerClass};

impl ModelFit {
    /// The same, or the rates that all rows together show, where these give more rows, or as many and the others are solved from few.
    pub(super) fn or_joint(self, samples: &[&Sample], cells: &Cells<'_>, groups: &Groups) -> ModelFit {
        let is_known = |rate: &SolvedRate| rate.rows > 0 && (rate.is_built_in || rate.is_printed);
        let is_the_only = |(class, rate): (&Class, &SolvedRate)| {
            is_known(rate) || (rate.is_shown() && only_rate(cells, &self.all_rates, *class, groups) == Some(rate.value))
        };
        if (self.is_nearly_complete() && self.rates.iter().all(is_the_only))
            || samples.iter().any(|sample| sample.is_absolute(Class::Cached))
        {
            return self;
        }
        let built_in = built_in(samples);
        let Some(mut settled) = rates(cells, &built_in, groups) else { return self };
        let solved: PerClass<Ratio> = settled.iter().fold(self.all_rates, |mut all, (class, (rate, _))| {
            all[*class] = *rate;
            all
        });
        let is_known =
            |class: Class, rate: Ratio| rate == built_in[class] || samples.iter().any(|sample| sample.prints(class, rate));
        for (class, (rate, _)) in settled.iter_mut().filter(|(class, (rate, _))| !is_known(**class, *rate)) {
            *rate = shortened(*rate, &solved, *class, cells, groups);
        }
        if self.is_nearly_complete() && settled.iter().all(|(class, (rate, _))| self.all_rates[*class] == *rate) {
            return self;
        }
        let mut all_rates = self.all_rates;
        settled.iter().for_each(|(class, (rate, _))| all_rates[*class] = *rate);
        let mut solved = self.rates.clone();
        for (class, rate) in &mut solved {
            let Some((value, is_sure)) = settled.get(class) else { continue };
            let rows = rows_at(*value, &all_rates, *class, cells, groups);
            let is_only = || only_rate(cells, &all_rates, *class, groups) == Some(*value);
            let has_rivals = !(*is_sure || is_only() || is_narrow(*value, &all_rates, *class, cells, groups));
            *rate = SolvedRate { has_rivals, ..SolvedRate::of(*class, *value, rows, samples, &built_in) };
        }
        let joint = ModelFit::of_rates(samples, cells, groups, solved, all_rates);
        if joint.agreement(groups) >= self.agreement(groups) { joint } else { self }
    }

    /// How many rows agree with those of their cell; and with those of other cells, as far as their ratios are known.
    fn agreement(&self, groups: &Groups) -> (usize, usize) {
        (self.fitting(), self.shared_ratio(groups).map_or(0, |(_, rows)| rows))
    }
}

/// A rate, and whether the rows leave no other one as simple.
type Settled = (Ratio, bool);

/// The rates of all classes that rows have tokens of; none where the rows are too few to tell.
fn rates(cells: &Cells<'_>, built_in: &PerClass<Ratio>, groups: &Groups) -> Option<BTreeMap<Class, Settled>> {
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
    let printed = hints(samples).map(|hints| hints.rates[class]);
    if let Some(rate) = printed.chain([built_in[class]]).find(|rate| within.holds(&(*rate).into())) {
        return Some((rate, true));
    }
    let (simplest, _) = within.simplest()?;
    Some((simplest, within.only() == Some(simplest)))
}
