//! What rows print: where it gives their charges, nothing has to be solved.

use std::collections::{BTreeMap, BTreeSet};

use super::fit::{Cells, ModelFit, Solved, SolvedRate, built_in, products};
use super::interval::Interval;
use super::sample::{Cell, Sample};
use super::{Groups, Samples};
use crate::exact::Ratio;
use crate::pricing::Class;

/// The classes whose rates a config can say, by themselves or with others.
const WRITTEN: [Class; 9] = [
    Class::Output,
    Class::Cached,
    Class::CacheRead,
    Class::CacheWrite,
    Class::CacheWrite5m,
    Class::CacheWrite1h,
    Class::ImageInput,
    Class::AudioInput,
    Class::AudioOutput,
];

impl Samples {
    /// The ratios of the cells of which half the rows, or more, print theirs, and all these print the same one, to all its digits.
    pub(super) fn printed_groups(&self) -> BTreeMap<Cell, Ratio> {
        let mut printed: BTreeMap<&Cell, (Vec<Ratio>, usize)> = BTreeMap::new();
        for sample in self.by_model.values().flat_map(BTreeMap::values).flat_map(|thinned| &thinned.rows) {
            let (ratios, rows) = printed.entry(&sample.cell).or_default();
            ratios.extend(sample.hints.as_ref().filter(|hints| hints.are_whole).map(|hints| hints.group));
            *rows += 1;
        }
        let same = |ratios: &[Ratio]| ratios.first().copied().filter(|first| ratios.iter().all(|ratio| ratio == first));
        let told = printed.into_iter().filter(|(_, (ratios, rows))| ratios.len() * 2 >= *rows);
        told.filter_map(|(cell, (ratios, _))| Some((cell.clone(), same(&ratios)?))).collect()
    }
}

impl ModelFit {
    /// The prices that all rows print, to all their digits; none where they do not, or print different ones.
    pub(super) fn as_printed(samples: &[&Sample], cells: &Cells<'_>, groups: &Groups) -> Option<ModelFit> {
        let first = samples.first()?.hints.as_ref()?;
        let mut rates: BTreeMap<Class, SolvedRate> = BTreeMap::new();
        let built_in = built_in(samples);
        for sample in samples {
            let own = sample.hints.as_ref().filter(|own| own.are_whole)?;
            if (own.model, own.per_call) != (first.model, first.per_call) {
                return None;
            }
            let used = sample.usage().iter().filter(|(class, tokens)| !first.per_call && *class != Class::Input && *tokens != 0);
            for (class, value) in used.map(|(class, _)| (class, own.rates[class])) {
                let is_built_in = value == built_in[class];
                if !(is_built_in || WRITTEN.contains(&class)) {
                    return None;
                }
                let rate = rates.entry(class).or_insert(SolvedRate::new(value, 0, is_built_in, true).whole());
                rate.rows += 1;
                if rate.value != value {
                    return None;
                }
            }
        }
        let mut all_rates = built_in;
        rates.iter().for_each(|(class, rate)| all_rates[*class] = rate.value);
        let ratio =
            Some(Solved { value: Some(first.model), interval: Interval::point(first.model), rows: samples.len(), is_open: false });
        let printed = BTreeSet::from([first.model]);
        let per_call = first.per_call;
        let whole = printed.clone();
        let mut fit = ModelFit {
            per_call,
            rates,
            products: BTreeMap::new(),
            exact_products: BTreeMap::new(),
            ratio,
            rows: 0,
            disagreeing: 0,
            printed,
            whole,
            all_rates,
        };
        (fit.products, fit.rows) = products(cells, &|sample| fit.product(sample, groups));
        fit.exact_products.clone_from(&fit.products);
        Some(fit)
    }
}
