//! The gauge: where no group ratio is known, one is taken, and all others are by it. Any number gives the same charges; that is taken which makes
//! the numbers short, since ratios are what somebody chose.

use std::collections::BTreeMap;

use super::Inferred;
use super::groups::Said;
use super::interval::Interval;
use super::sample::Cell;
use crate::exact::Ratio;

/// So many groups are tried as 1.
const TRIED: usize = 16;
/// What a number costs that nothing shows.
const UNKNOWN: u32 = 12;
/// A ratio other than 1 for the gauge must save so many times its own digits.
const WORTH: u32 = 2;

/// Numbers with so many digits are short.
const SHORT: u32 = 4;

impl Inferred {
    /// Takes a ratio for the group whose rows print one, else for the one of those with most models whose ratio is open that makes the numbers
    /// shortest: 1, or one from 0.5 to 2.
    pub(super) fn take_gauge(&mut self) -> bool {
        let cells = self.by_open_models();
        let Some(first) = cells.first() else { return false };
        let printed = self.groups.hints(first);
        if let (Some(ratio), 1) = (printed.first(), printed.len()) {
            self.groups.set(first.clone(), *ratio, Said::Solved);
            return true;
        }
        let (cell, ratio) = self.shortest(&cells);
        self.groups.set(cell, ratio, Said::Gauge);
        true
    }

    /// The cells whose ratio is not known: those whose rows print 1 first, then by the models whose ratio is open, then by their rows.
    fn by_open_models(&self) -> Vec<Cell> {
        let mut counts: BTreeMap<&Cell, (bool, usize, usize)> = BTreeMap::new();
        for (cell, (_, rows)) in self.fits().filter(|fit| fit.ratio.is_none()).flat_map(|fit| &fit.products) {
            if !self.groups.ratios.contains_key(cell) {
                let count = counts.entry(cell).or_default();
                let prints_one = self.groups.hints(cell) == [Ratio::ONE].into();
                *count = (prints_one, count.1 + 1, count.2 + rows);
            }
        }
        let mut cells: Vec<(&Cell, (bool, usize, usize))> = counts.into_iter().collect();
        cells.sort_by(|(_, one), (_, other)| other.cmp(one));
        cells.into_iter().map(|(cell, _)| cell.clone()).collect()
    }

    /// The cell and its ratio with which the others are shortest; of equal ones the first cell, and 1.
    fn shortest(&self, cells: &[Cell]) -> (Cell, Ratio) {
        let open = Inferred {
            models: self
                .models
                .iter()
                .filter(|(_, stretches)| stretches.iter().any(|stretch| stretch.fit.ratio.is_none()))
                .map(|(model, stretches)| (model.clone(), stretches.clone()))
                .collect(),
            groups: self.groups.clone(),
        };
        let first = &cells[0];
        let as_one = cells.iter().take(TRIED).map(|cell| (cell, Ratio::ONE, open.numbers(cell, Ratio::ONE, cells)));
        let Some((cell, one, numbers)) = as_one.min_by_key(|(.., numbers)| numbers.iter().sum::<u32>()) else {
            return (first.clone(), Ratio::ONE);
        };
        if numbers.iter().all(|digits| *digits <= SHORT) {
            return (cell.clone(), one);
        }
        let others = (50..100).chain((105..=200).step_by(5)).map(|hundredths| Ratio::new(hundredths, -2));
        let length = |ratio: Ratio| open.numbers(first, ratio, cells).iter().sum::<u32>() + digits(ratio) * WORTH;
        let other = others.map(|ratio| (ratio, length(ratio))).min_by_key(|(_, length)| *length);
        match other.filter(|(_, length)| *length < numbers.iter().sum()) {
            Some((ratio, _)) => (first.clone(), ratio),
            None => (cell.clone(), one),
        }
    }

    /// How many digits each number has that follows where a cell has a ratio.
    fn numbers(&self, cell: &Cell, ratio: Ratio, cells: &[Cell]) -> Vec<u32> {
        let mut tried = self.clone();
        tried.groups.set(cell.clone(), ratio, Said::Gauge);
        loop {
            tried.solve_models();
            if !tried.solve_groups() {
                break;
            }
        }
        let of_models = tried.fits().map(|fit| fit.ratio.as_ref().map_or(UNKNOWN, |solved| length(&solved.interval)));
        let others = cells.iter().filter(|other| *other != cell);
        of_models.chain(others.map(|other| tried.groups.ratio(other).map_or(UNKNOWN, digits))).collect()
    }
}

fn length(interval: &Interval) -> u32 {
    interval.simplest().map_or(UNKNOWN, |(value, _)| digits(value))
}

fn digits(ratio: Ratio) -> u32 {
    ratio.mantissa().unsigned_abs().checked_ilog10().map_or(1, |digits| digits + 1)
}
