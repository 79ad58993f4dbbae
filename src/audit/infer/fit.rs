//! The price of one model: its rates relative to the input, and the product of its ratio with that of each group.
//!
//! Rates are tried in turn: those that the gateway has by itself, those that rows print, those that two rows solve for. That with which most
//! rows agree on the product of their cell is taken.

use std::collections::{BTreeMap, BTreeSet};

use super::Groups;
use super::groups::is_outvoted;
use super::interval::Interval;
use super::rates::{best_rate, is_narrow, rate_within};
use super::sample::{Cell, Sample};
use crate::exact::{Exact, Ratio};
use crate::pricing::{Class, PerClass};

/// A number with the rows that it rests on; none where they leave it open.
#[derive(Clone, Debug, PartialEq)]
pub struct Solved {
    pub value: Option<Ratio>,
    pub interval: Interval,
    pub rows: usize,
    /// The value is no more than the simplest, or hangs on numbers that are.
    pub is_open: bool,
}

/// The rate of a class.
#[derive(Clone, Debug, PartialEq)]
pub struct SolvedRate {
    pub value: Ratio,
    pub rows: usize,
    /// It is the gateway's own.
    pub is_built_in: bool,
    /// Rows print it.
    pub is_printed: bool,
    /// A row prints it to all its digits.
    pub is_whole: bool,
    /// Other rows determine the model's ratio, and then all rows of the class this rate.
    pub is_determined: bool,
    /// The rows leave others that are as simple.
    pub has_rivals: bool,
    /// It is printed, the gateway's own, or rows contradict any that is a little off: what is solved with it hangs on no guess.
    pub is_exact: bool,
    /// It had to give way to what more rows allow.
    pub is_moved: bool,
    /// What the rows leave, once the model's ratio is known.
    pub interval: Option<Interval>,
}

/// What was found out about a model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelFit {
    pub per_call: bool,
    pub rates: BTreeMap<Class, SolvedRate>,
    /// Model ratio (or price per call) times group ratio, by cell, with the rows that agree.
    pub products: BTreeMap<Cell, (Interval, usize)>,
    /// The same of the rows alone that hang on no rate which may be another one.
    pub(super) exact_products: BTreeMap<Cell, (Interval, usize)>,
    pub ratio: Option<Solved>,
    pub rows: usize,
    /// Rows in groups whose ratio is known that show another ratio of the model than the most.
    pub disagreeing: usize,
    /// Model ratios (or prices) that rows print.
    pub printed: BTreeSet<Ratio>,
    /// Those to all their digits.
    pub(super) whole: BTreeSet<Ratio>,
    pub(super) all_rates: PerClass<Ratio>,
}

pub(super) type Cells<'s> = BTreeMap<Cell, Vec<&'s Sample>>;

/// A rate that is neither printed nor the gateway's own must fit at least so many rows: two always agree on some.
const LEAST_ROWS: usize = 3;
/// One row that shows a rate says little, however narrow its interval is.
const LEAST_DETERMINED: usize = 2;
/// Of fewer rows none may be wrong.
const LEAST_JUDGED: u64 = 6;
/// No model has a ratio above this: 1,000 USD per 1M tokens.
const MOST_RATIO: i64 = 500;

impl SolvedRate {
    pub(super) fn new(value: Ratio, rows: usize, is_built_in: bool, is_printed: bool) -> SolvedRate {
        SolvedRate {
            value,
            rows,
            is_built_in,
            is_printed,
            is_whole: false,
            is_determined: false,
            has_rivals: false,
            is_exact: false,
            is_moved: false,
            interval: None,
        }
    }

    /// The same where rows print it to all its digits.
    pub(super) fn whole(self) -> SolvedRate {
        SolvedRate { is_whole: true, is_exact: true, ..self }
    }

    /// The rate of a class, of which some rows may print it.
    pub(super) fn of(class: Class, value: Ratio, rows: usize, samples: &[&Sample], built_in: &PerClass<Ratio>) -> SolvedRate {
        let of_class: Vec<&Sample> = samples.iter().copied().filter(|sample| sample.has(class)).collect();
        let printed = || hints(&of_class).filter(|hints| hints.rates[class] == value);
        let rate = SolvedRate::new(value, rows, value == built_in[class], printed().next().is_some());
        if printed().any(|hints| hints.are_whole) { rate.whole() } else { rate }
    }

    /// The simplest rate that more rows allow, if there is one. What is printed or built in was not guessed: there it is a charge that is wrong.
    fn giving_way(&self, said: &[(Interval, usize)]) -> Option<SolvedRate> {
        let (interval, agree) = Interval::shared(said)?;
        let own = Interval::allowing(said, self.value);
        let is_better = !(self.is_printed || self.is_built_in) && own < agree && agree >= LEAST_ROWS;
        let (value, _) = interval.simplest().filter(|(value, _)| is_better && !value.is_negative())?;
        Some(SolvedRate { is_moved: true, ..SolvedRate::new(value, agree, false, false) })
    }

    /// The rate as a price by itself instead of relative to the input.
    fn make_absolute(&mut self, model: Ratio) {
        self.interval = self.interval.as_ref().map(|interval| interval.times(model));
        if let Some(interval) = self.interval.as_ref().filter(|_| !self.value.is_zero()) {
            let simplest = interval.simplest().map(|(value, _)| value);
            self.value = interval.determined(self.rows).or(simplest).unwrap_or(self.value);
        }
    }

    /// Whether it is known by itself, or so many rows fit that it is no chance.
    pub(super) fn is_shown(&self) -> bool {
        self.is_built_in || self.is_printed || (self.rows >= LEAST_ROWS && !self.has_rivals)
    }

    pub fn is_sure(&self) -> bool {
        !self.value.is_negative() && (self.is_shown() || self.is_determined)
    }

    /// Whether what its rows leave is too wide for the number to be sure.
    pub fn is_open(&self) -> bool {
        let is_wide = self.interval.as_ref().map_or(!self.is_exact, |interval| !interval.shows(self.value, self.rows));
        self.is_moved || (is_wide && !self.is_whole)
    }
}

/// So many rows may be wrong where so many were charged: one in ten, of less than twenty one, of less than six none.
pub fn most_wrong(rows: u64) -> u64 {
    if rows < LEAST_JUDGED { 0 } else { (rows / 10).max(1) }
}

impl ModelFit {
    pub(super) fn of(samples: &[&Sample], groups: &Groups) -> ModelFit {
        let cells = cells(samples);
        if let Some(fit) = ModelFit::as_printed(samples, &cells, groups) {
            return fit;
        }
        let tokens = ModelFit::by_tokens(samples, &cells, groups).or_joint(samples, &cells, groups);
        let by_call = ModelFit::by_call(samples, &cells, groups);
        let is_dear = tokens.is_beyond_price() && by_call.is_nearly_complete();
        // Where all is free, or costs 1 point, either fits.
        let is_printed = by_call.fitting() == tokens.fitting() && hints(samples).next().is_some_and(|hints| hints.per_call);
        if by_call.fitting() > tokens.fitting() || is_dear || is_printed { by_call } else { tokens.with_exact(&cells, groups) }
    }

    /// Tells which rates rows show to be what they are, and nothing beside.
    fn with_exact(mut self, cells: &Cells<'_>, groups: &Groups) -> ModelFit {
        for (class, rate) in self.rates.iter_mut().filter(|(_, rate)| !rate.is_exact) {
            // A price by itself is hardly exact beside the input; what is solved does without its rows.
            let is_absolute = cells.values().flatten().any(|sample| sample.is_absolute(*class));
            let are_enough = rate.rows >= LEAST_ROWS || rate.is_built_in;
            rate.is_exact = is_absolute || (are_enough && is_narrow(rate.value, &self.all_rates, *class, cells, groups));
        }
        self.with_exact_products(cells, groups)
    }

    fn with_exact_products(mut self, cells: &Cells<'_>, groups: &Groups) -> ModelFit {
        let hangs_on_none = |sample: &Sample| {
            is_relative(sample, &self.rates) && self.rates.iter().all(|(class, rate)| rate.is_exact || !sample.has(*class))
        };
        let exact = filtered(cells, hangs_on_none);
        self.exact_products = products(&exact, &|sample| self.product(sample, groups)).0;
        // Where no row is left out, the others may still say less: those of prices by themselves.
        let is_whole = |cell: &Cell| exact.get(cell).map(Vec::len) == cells.get(cell).map(Vec::len);
        let whole: Vec<_> =
            self.products.iter().filter(|(cell, _)| is_whole(cell)).map(|(cell, part)| (cell.clone(), part.clone())).collect();
        self.exact_products.extend(whole);
        self
    }

    /// Whether what is solved with its rates hangs on no guess.
    fn is_exact(&self) -> bool {
        self.is_nearly_complete() && self.rates.values().all(|rate| rate.is_exact || rate.is_determined)
    }

    /// Solves for its own ratio. Groups whose ratio is open say something of it only where the others leave it open.
    pub(super) fn solve(&mut self, groups: &Groups) {
        let of = |products: Products<'_>, is_open: bool| {
            let (interval, rows) = Interval::shared(&parts(products, groups, is_open))?;
            let value = interval.one_of(&self.printed, rows);
            let is_shown = value.is_some_and(|value| self.whole.contains(&value) || interval.shows(value, rows));
            Some(Solved { value, interval, rows, is_open: is_open || !is_shown })
        };
        // What hangs on no guess, where that determines it by itself.
        let exact = of(&self.exact_products, false).filter(|solved| !solved.is_open && self.is_nearly_complete());
        let hanging = || of(&self.products, false).map(|solved| Solved { is_open: solved.is_open || !self.is_exact(), ..solved });
        let voters = if exact.is_some() { &self.exact_products } else { &self.products };
        let sure = exact.or_else(hanging);
        let value = sure.as_ref().and_then(|solved| solved.value);
        let is_known = value.is_some_and(|value| !is_outvoted(value, &parts(voters, groups, true)));
        let open = if is_known { None } else { of(&self.products, true).filter(|open| sure.is_none() || open.value.is_some()) };
        self.ratio = open.or(sure).or(self.ratio.take());
        let all = self.parts(groups, true);
        self.disagreeing = all.iter().map(|(_, rows)| rows).sum::<usize>() - Interval::shared(&all).map_or(0, |(_, rows)| rows);
    }

    /// The number that is written, where it hangs on no guess.
    pub fn exact_ratio(&self) -> Option<Ratio> {
        self.sure_ratio().filter(|_| self.ratio.as_ref().is_some_and(|ratio| !ratio.is_open))
    }

    /// Whether a token would be dearer than any: rows that all have the same few tokens say nothing of what they are priced by.
    fn is_beyond_price(&self) -> bool {
        self.products.values().any(|(interval, _)| interval.low > Exact::from(MOST_RATIO))
    }

    /// What the rows of all cells whose ratio is known share of its own ratio, and how many they are.
    pub(super) fn shared_ratio(&self, groups: &Groups) -> Option<(Interval, usize)> {
        Interval::shared(&self.parts(groups, true))
    }

    /// What the rows of each cell whose ratio is known say of its own ratio, with the cells whose ratio is open or without.
    fn parts(&self, groups: &Groups, with_open: bool) -> Vec<(Interval, usize)> {
        parts(&self.products, groups, with_open)
    }

    /// How many rows agree.
    pub fn fitting(&self) -> usize {
        self.products.values().map(|(_, rows)| rows).sum()
    }

    pub fn is_complete(&self) -> bool {
        self.fitting() == self.rows
    }

    /// Whether the groups whose ratios are sure show one ratio.
    pub(super) fn is_one(&self, groups: &Groups) -> bool {
        let parts = self.parts(groups, false);
        Interval::shared(&parts).is_none_or(|(_, rows)| rows == parts.iter().map(|(_, rows)| rows).sum::<usize>())
    }

    /// Whether no more rows differ than may be wrong.
    pub fn is_nearly_complete(&self) -> bool {
        (self.rows - self.fitting()) as u64 <= most_wrong(self.rows as u64)
    }

    /// Whether a row agrees with those of its cell; none where it says nothing, or there are none.
    pub(super) fn gives(&self, sample: &Sample, groups: &Groups) -> Option<bool> {
        let (shared, _) = self.products.get(&sample.cell)?;
        Some(shared.meets(&self.product(sample, groups)?))
    }

    /// Whether so many rows agree that what they leave of its ratio is worth something.
    pub fn is_bounding(&self) -> bool {
        self.is_nearly_complete() && self.rows >= LEAST_ROWS && self.rates.values().all(SolvedRate::is_sure)
    }

    /// The number that is written, where all that it needs is known.
    pub fn sure_ratio(&self) -> Option<Ratio> {
        self.ratio.as_ref()?.value.filter(|_| self.rates.values().all(SolvedRate::is_sure))
    }

    /// What a row says of the product of model and group ratio.
    pub fn product(&self, sample: &Sample, groups: &Groups) -> Option<Interval> {
        let group = groups.ratio(&sample.cell);
        if self.per_call { sample.call(group) } else { sample.product(&self.all_rates, group) }
    }

    /// Rows that all cost the same.
    fn by_call(samples: &[&Sample], cells: &Cells<'_>, groups: &Groups) -> ModelFit {
        let (products, rows) = products(cells, &|sample| sample.call(groups.ratio(&sample.cell)));
        let (rates, all_rates) = (BTreeMap::new(), PerClass::default());
        let (printed, whole) = printed(samples);
        let exact_products = products.clone();
        ModelFit { per_call: true, rates, products, exact_products, ratio: None, rows, disagreeing: 0, printed, whole, all_rates }
    }

    fn by_tokens(samples: &[&Sample], cells: &Cells<'_>, groups: &Groups) -> ModelFit {
        let built_in = built_in(samples);
        let mut rates = built_in;
        let mut solved = BTreeMap::new();
        let mut known = vec![Class::Input];
        let further = Class::ALL.into_iter().filter(|class| !matches!(class, Class::Input | Class::Output));
        for class in [Class::Output].into_iter().chain(further).filter(|class| samples.iter().any(|sample| sample.has(*class))) {
            known.push(class);
            let of_known = filtered(cells, |sample| sample.is_of(&known));
            let (value, rows) = best_rate(&of_known, &rates, class, groups);
            rates[class] = value;
            solved.insert(class, SolvedRate::of(class, value, rows, samples, &built_in));
        }
        ModelFit::of_rates(samples, cells, groups, solved, rates)
    }

    pub(super) fn of_rates(
        samples: &[&Sample],
        cells: &Cells<'_>,
        groups: &Groups,
        solved: BTreeMap<Class, SolvedRate>,
        rates: PerClass<Ratio>,
    ) -> ModelFit {
        let product = |sample: &Sample| sample.product(&rates, groups.ratio(&sample.cell));
        let (mut products, rows) = products(cells, &product);
        let is_exact = |sample: &Sample| is_relative(sample, &solved);
        for (cell, (interval, _)) in self::products(&filtered(cells, is_exact), &product).0 {
            products.entry(cell).and_modify(|(all, _)| *all = interval);
        }
        let (printed, whole) = printed(samples);
        let exact_products = products.clone();
        ModelFit {
            per_call: false,
            rates: solved,
            products,
            exact_products,
            ratio: None,
            rows,
            disagreeing: 0,
            printed,
            whole,
            all_rates: rates,
        }
    }

    /// Lets each rate give way to a simpler one with which more rows come out.
    fn give_way(&mut self, samples: &[&Sample], groups: &Groups) {
        if !samples.iter().all(|sample| is_relative(sample, &self.rates)) {
            return;
        }
        for class in self.rates.keys().copied().collect::<Vec<_>>() {
            let Some(model) = self.ratio.as_ref().and_then(|ratio| ratio.value) else { return };
            let said = said_of_rate(samples, &self.all_rates, class, model, groups);
            let Some(rate) = self.rates[&class].giving_way(&said) else { continue };
            let moved = self.with_rate(class, rate, samples, groups);
            if moved.coming_out(samples, groups) > self.coming_out(samples, groups) {
                *self = moved;
            }
        }
    }

    /// The same with another rate of a class.
    fn with_rate(&self, class: Class, rate: SolvedRate, samples: &[&Sample], groups: &Groups) -> ModelFit {
        let mut moved = self.clone();
        moved.all_rates[class] = rate.value;
        moved.rates.insert(class, rate);
        let product = |sample: &Sample| sample.product(&moved.all_rates, groups.ratio(&sample.cell));
        let cells = cells(samples);
        (moved.products, moved.rows) = products(&cells, &product);
        moved = moved.with_exact_products(&cells, groups);
        moved.solve(groups);
        moved
    }

    /// How many rows its numbers give.
    fn coming_out(&self, samples: &[&Sample], groups: &Groups) -> usize {
        let gives = |sample: &&&Sample| {
            let ratio = self.ratio.as_ref()?.value?;
            Some(self.product(sample, groups)?.holds(&(Exact::from(ratio) * groups.ratio(&sample.cell)?)))
        };
        samples.iter().filter(|sample| gives(sample) == Some(true)).count()
    }

    /// Tells what the rows leave of each rate, now that the ratio is known.
    pub fn bound_rates(&mut self, samples: &[&Sample], groups: &Groups) {
        self.give_way(samples, groups);
        let Some(model) = self.ratio.as_ref().and_then(|ratio| ratio.value) else { return };
        let known: Vec<&Sample> = samples.iter().copied().filter(|sample| groups.ratio(&sample.cell).is_some()).collect();
        let sure: Vec<&Sample> = known.iter().copied().filter(|sample| !groups.is_open(&sample.cell)).collect();
        let sure = if sure.is_empty() { &known } else { &sure };
        let doubtful: Vec<Class> = self.rates.iter().filter(|(_, rate)| !rate.is_shown()).map(|(class, _)| *class).collect();
        let is_model_known = self.is_known_without(&doubtful, model, sure, groups);
        for (class, rate) in &mut self.rates {
            let of_class = || sure.iter().filter(|sample| sample.has(*class));
            let said = said_of_rate(sure, &self.all_rates, *class, model, groups);
            let (interval, agree) = Interval::shared(&said).unzip();
            rate.interval = interval;
            if of_class().any(|sample| sample.is_absolute(*class)) {
                rate.make_absolute(model);
            }
            let is_alone = of_class().all(|sample| doubtful.iter().all(|other| other == class || !sample.has(*other)));
            let all_agree = said.len() >= LEAST_DETERMINED && agree == Some(said.len());
            let determined = rate.interval.as_ref().and_then(|interval| interval.determined(said.len()));
            rate.is_determined = is_model_known && is_alone && all_agree && determined == Some(rate.value);
        }
    }

    /// Whether rows without some classes determine the model's ratio by themselves.
    fn is_known_without(&self, classes: &[Class], model: Ratio, samples: &[&Sample], groups: &Groups) -> bool {
        let others = samples.iter().filter(|sample| !classes.iter().any(|class| sample.has(*class)));
        let said = others.filter_map(|sample| {
            let group = Interval::point(groups.ratio(&sample.cell)?);
            Some((self.product(sample, groups)?.over(&group)?, 1))
        });
        let shared = Interval::shared(&said.collect::<Vec<_>>());
        shared.is_some_and(|(interval, rows)| interval.determined(rows) == Some(model))
    }
}

type Products<'f> = &'f BTreeMap<Cell, (Interval, usize)>;

fn parts(products: Products<'_>, groups: &Groups, with_open: bool) -> Vec<(Interval, usize)> {
    let known = products.iter().filter(|(cell, _)| with_open || !groups.is_open(cell));
    let of_known = known.filter_map(|(cell, (interval, rows))| {
        let ratio = groups.ratio(cell)?;
        Some((interval.over(&Interval::point(ratio))?, *rows))
    });
    of_known.collect()
}

fn cells<'s>(samples: &[&'s Sample]) -> Cells<'s> {
    let mut cells = Cells::new();
    samples.iter().for_each(|sample| cells.entry(sample.cell.clone()).or_default().push(sample));
    cells
}

pub(super) fn filtered<'s>(cells: &Cells<'s>, keep: impl Fn(&Sample) -> bool) -> Cells<'s> {
    let kept = |rows: &Vec<&'s Sample>| rows.iter().copied().filter(|sample| keep(sample)).collect();
    cells.iter().map(|(cell, rows)| (cell.clone(), kept(rows))).collect()
}

pub(super) fn hints<'s>(samples: &'s [&Sample]) -> impl Iterator<Item = &'s super::sample::Hints> {
    samples.iter().filter_map(|sample| sample.hints.as_ref())
}

/// The model ratios that rows print, and those to all their digits.
fn printed(samples: &[&Sample]) -> (BTreeSet<Ratio>, BTreeSet<Ratio>) {
    let whole = hints(samples).filter(|hints| hints.are_whole).map(|hints| hints.model);
    (hints(samples).map(|hints| hints.model).collect(), whole.collect())
}

/// The gateway's own rates: those of the first row that has tokens of the class.
pub(super) fn built_in(samples: &[&Sample]) -> PerClass<Ratio> {
    let mut rates = samples.first().map(|sample| *sample.built_in()).unwrap_or_default();
    for class in Class::ALL {
        if let Some(sample) = samples.iter().find(|sample| sample.has(class)) {
            rates[class] = sample.built_in()[class];
        }
    }
    rates
}

/// Whether no rate of a row is a price by itself, which is hardly exact beside the input: such rows say more.
fn is_relative(sample: &Sample, rates: &BTreeMap<Class, SolvedRate>) -> bool {
    rates.iter().all(|(class, rate)| rate.is_built_in || !sample.has(*class) || !sample.is_absolute(*class))
}

/// What rows whose groups are known say of the rate of a class, if the model's ratio and the other rates are right.
fn said_of_rate(
    samples: &[&Sample],
    rates: &PerClass<Ratio>,
    class: Class,
    model: Ratio,
    groups: &Groups,
) -> Vec<(Interval, usize)> {
    let said = samples.iter().filter(|sample| sample.has(class)).filter_map(|sample| {
        let group = groups.ratio(&sample.cell)?;
        let tokens = sample.by_tokens(Some(group))?.divided_by(&(Exact::from(model) * group))?;
        Some((rate_within(sample, rates, class, &tokens)?, 1))
    });
    said.collect()
}

/// What the rows of each cell share, and how many rows say anything at all.
pub(super) fn products(
    cells: &Cells<'_>,
    product: &dyn Fn(&Sample) -> Option<Interval>,
) -> (BTreeMap<Cell, (Interval, usize)>, usize) {
    let mut rows = 0;
    let mut shared = BTreeMap::new();
    for (cell, samples) in cells {
        let parts: Vec<(Interval, usize)> = samples.iter().filter_map(|sample| Some((product(sample)?, 1))).collect();
        rows += parts.len();
        shared.extend(Interval::shared(&parts).map(|found| (cell.clone(), found)));
    }
    (shared, rows)
}
