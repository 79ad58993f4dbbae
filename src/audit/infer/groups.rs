//! Taking the products of model and group ratios apart.
//!
//! From the groups whose ratio is given, the models of these groups follow, from these models further groups, and so on. A group that is only
//! bounded gets the simplest number within. Where no ratio is known, any number would do for one group: the [`gauge`](super::gauge) is chosen.

use std::collections::{BTreeMap, BTreeSet};

use super::fit::{ModelFit, Solved};
use super::interval::Interval;
use super::sample::{Cell, Sample};
use super::{Inferred, Samples};
use crate::exact::Ratio;

/// How a group ratio is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    Given,
    /// The rows determine it, or print it.
    Solved,
    /// The simplest number that the rows allow.
    Simplest,
    /// Nothing ties it to a known one: the others are by it.
    Gauge,
}

/// The ratios of groups, and special ones of users in groups.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    pub ratios: BTreeMap<Cell, (Solved, Said)>,
    printed: BTreeMap<Cell, BTreeSet<Ratio>>,
    /// Those of rows that print all their digits.
    whole: BTreeMap<Cell, BTreeSet<Ratio>>,
}

/// Of so many rows of a user one may be of a model whose price is not right yet.
const MOST_OTHERS: usize = 5;
/// A special ratio of a user rests on at least so many rows.
const LEAST_ROWS: usize = 3;

/// What the rows of a model in a cell say of the cell's ratio, and how many they are.
type Parts = Vec<(Interval, usize)>;

impl Groups {
    pub fn given(known: &BTreeMap<String, Ratio>) -> Groups {
        let mut groups = Groups::default();
        known.iter().for_each(|(group, ratio)| groups.set(Cell::of_group(group), *ratio, Said::Given));
        groups
    }

    pub fn ratio(&self, cell: &Cell) -> Option<Ratio> {
        self.ratios.get(cell)?.0.value
    }

    pub(super) fn set(&mut self, cell: Cell, ratio: Ratio, said: Said) {
        let solved = Solved { value: Some(ratio), interval: Interval::point(ratio), rows: 0, is_open: false };
        self.ratios.insert(cell, (solved, said));
    }

    /// Whether its ratio is no more than the simplest number.
    pub(super) fn is_open(&self, cell: &Cell) -> bool {
        self.ratios.get(cell).is_some_and(|(solved, _)| solved.is_open)
    }

    pub(super) fn hints(&self, cell: &Cell) -> BTreeSet<Ratio> {
        self.printed.get(cell).cloned().unwrap_or_default()
    }
}

impl Inferred {
    /// Takes all products apart.
    pub(super) fn separate(&mut self, samples: &Samples) {
        for (_, rows) in samples.in_order() {
            for (sample, hints) in rows.iter().filter_map(|sample| Some((sample, sample.hints.as_ref()?))) {
                self.groups.printed.entry(sample.cell.clone()).or_default().insert(hints.group);
                if hints.are_whole {
                    self.groups.whole.entry(sample.cell.clone()).or_default().insert(hints.group);
                }
            }
        }
        for (cell, ratio) in samples.printed_groups() {
            if !self.groups.ratios.contains_key(&cell) {
                self.groups.set(cell, ratio, Said::Solved);
            }
        }
        loop {
            self.solve_models();
            if !(self.solve_groups() || self.solve_openly() || self.take_simplest() || self.take_gauge()) {
                break;
            }
        }
    }

    pub(super) fn solve_models(&mut self) {
        let groups = &self.groups;
        self.models.values_mut().flatten().for_each(|stretch| stretch.fit.solve(groups));
    }

    /// What models say of the groups that are not known yet, by what is known of the ratio of each.
    fn parts(&self, range: Range) -> BTreeMap<Cell, Parts> {
        self.parts_of(range, |fit| &fit.products)
    }

    fn parts_of(&self, range: Range, products: fn(&ModelFit) -> &BTreeMap<Cell, (Interval, usize)>) -> BTreeMap<Cell, Parts> {
        let mut parts: BTreeMap<Cell, Parts> = BTreeMap::new();
        for fit in self.fits() {
            let Some(model) = range(fit) else { continue };
            for (cell, (interval, rows)) in products(fit).iter().filter(|(cell, _)| !self.groups.ratios.contains_key(*cell)) {
                if let Some(interval) = interval.over(&model) {
                    parts.entry(cell.clone()).or_default().push((interval, *rows));
                }
            }
        }
        parts
    }

    /// Solves for the groups that the models determine which hang on no guess, unless the others outvote them.
    pub(super) fn solve_groups(&mut self) -> bool {
        let mut any = false;
        let all = self.parts_of(sure, |fit| if fit.exact_ratio().is_some() { &fit.exact_products } else { &fit.products });
        for (cell, parts) in self.parts_of(exact, |fit| &fit.exact_products) {
            let Some((interval, rows)) = Interval::shared(&parts) else { continue };
            let Some(value) = interval.one_of(&self.groups.hints(&cell), rows) else { continue };
            let is_printed = self.groups.whole.get(&cell).is_some_and(|whole| whole.contains(&value));
            let is_sure = is_printed || (interval.shows(value, rows) && is_agreed(rows, &parts));
            if is_sure && !is_outvoted(value, &all[&cell]) {
                self.groups.ratios.insert(cell, (Solved { value: Some(value), interval, rows, is_open: false }, Said::Solved));
                any = true;
            }
        }
        any
    }

    /// Solves for the groups that all known models determine.
    fn solve_openly(&mut self) -> bool {
        let mut any = false;
        for (cell, parts) in self.parts(sure) {
            let Some((interval, rows)) = Interval::shared(&parts) else { continue };
            let Some(value) = interval.one_of(&self.groups.hints(&cell), rows) else { continue };
            // What is free is so at any price.
            let is_open = !(value.is_zero() && interval.shows(value, rows));
            let said = if is_open { Said::Simplest } else { Said::Solved };
            self.groups.ratios.insert(cell, (Solved { value: Some(value), interval, rows, is_open }, said));
            any = true;
        }
        any
    }

    /// Takes the simplest number for the group that most rows bound.
    fn take_simplest(&mut self) -> bool {
        let most = [sure, bounded, likely].into_iter().find_map(|range: Range| {
            let parts = self.parts(range).into_iter();
            let shared = parts.filter_map(|(cell, parts)| Some((cell, Interval::shared(&parts)?)));
            shared.max_by_key(|(_, (_, rows))| *rows)
        });
        let Some((cell, (interval, rows))) = most else { return false };
        let value = interval.one_of(&self.groups.hints(&cell), rows).or_else(|| interval.simplest().map(|(value, _)| value));
        self.groups.ratios.insert(cell, (Solved { value, interval, rows, is_open: true }, Said::Simplest));
        true
    }

    /// Users whose rows in a group (nearly) all have another ratio than the group, where the rows do not say so themselves.
    pub(super) fn special(&self, samples: &Samples) -> BTreeSet<(String, String)> {
        let mut by_user: BTreeMap<(&str, &str), Parts> = BTreeMap::new();
        for (model, rows) in samples.in_order() {
            for sample in rows.into_iter().filter(|sample| sample.may_be_special()) {
                let interval = self.at(model, sample.time).and_then(|fit| self.ratio_of_row(fit, sample));
                let parts = interval.map(|interval| (interval, 1));
                by_user.entry((&sample.cell.group, &sample.user)).or_default().extend(parts);
            }
        }
        let is_special = |group: &str, parts: &Parts| {
            let ratio = self.groups.ratio(&Cell::of_group(group))?;
            let (interval, rows) = Interval::shared(parts)?;
            let is_nearly_all = (parts.len() - rows) * MOST_OTHERS <= parts.len();
            let agree = is_nearly_all && rows >= LEAST_ROWS && interval.determined(rows).is_some();
            Some(agree && !interval.holds(&ratio.into()))
        };
        // What all rows of a group have in common is the group's.
        let has_others = |group: &str| by_user.keys().filter(|(other, _)| *other == group).nth(1).is_some() || self.is_given(group);
        let special = by_user.iter().filter(|((group, _), parts)| has_others(group) && is_special(group, parts) == Some(true));
        special.map(|((group, user), _)| ((*group).to_owned(), (*user).to_owned())).collect()
    }

    /// What a row says of the ratio of its group.
    pub(super) fn ratio_of_row(&self, fit: &ModelFit, sample: &Sample) -> Option<Interval> {
        let model = fit.sure_ratio().filter(|_| !sample.has_tools())?;
        fit.product(sample, &self.groups)?.over(&Interval::point(model))
    }
}

/// Whether nearly all rows agree, where so many do.
fn is_agreed(rows: usize, parts: &[(Interval, usize)]) -> bool {
    let all: usize = parts.iter().map(|(_, rows)| rows).sum();
    (all - rows) * MOST_OTHERS <= all
}

/// Whether more of the rows that exclude a number agree on another one.
pub(super) fn is_outvoted(value: Ratio, parts: &[(Interval, usize)]) -> bool {
    let others: Vec<_> = parts.iter().filter(|(interval, _)| !interval.holds(&value.into())).cloned().collect();
    Interval::shared(&others).is_some_and(|(_, rows)| Interval::allowing(parts, value) < rows)
}

/// What is known of the ratio of a model; none where that is too little.
type Range = fn(&ModelFit) -> Option<Interval>;

fn exact(fit: &ModelFit) -> Option<Interval> {
    fit.exact_ratio().map(Interval::point)
}

/// The number that is written, whatever it hangs on.
fn sure(fit: &ModelFit) -> Option<Interval> {
    fit.sure_ratio().map(Interval::point)
}

/// What enough rows leave of it.
fn bounded(fit: &ModelFit) -> Option<Interval> {
    let solved = fit.ratio.as_ref().filter(|_| fit.is_bounding())?;
    Some(solved.value.map_or_else(|| solved.interval.clone(), Interval::point))
}

/// A number that hangs on rates that too few rows show.
fn likely(fit: &ModelFit) -> Option<Interval> {
    fit.ratio.as_ref()?.value.map(Interval::point)
}
