//! The price of one model: its rates relative to the input, and the product of its ratio with that of each group.
//!
//! Rates are tried in turn: those that the gateway has by itself, those that rows print, those that two rows solve for. That with which most
//! rows agree on the product of their cell is taken.

use std::collections::{BTreeMap, BTreeSet};

use super::Groups;
use super::interval::Interval;
use super::rates::{best_rate, rate_within};
use super::sample::{Cell, Sample};
use crate::exact::{Exact, Ratio};
use crate::pricing::{Class, PerClass};

/// A number with the rows that it rests on; none where they leave it open.
#[derive(Clone, Debug, PartialEq)]
pub struct Solved {
    pub value: Option<Ratio>,
    pub interval: Interval,
    pub rows: usize,
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
    /// Other rows determine the model's ratio, and then all rows of the class this rate.
    pub is_determined: bool,
    /// The rows leave others that are as simple.
    pub is_open: bool,
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
    pub ratio: Option<Solved>,
    pub rows: usize,
    /// Model ratios (or prices) that rows print.
    pub printed: BTreeSet<Ratio>,
    pub(super) all_rates: PerClass<Ratio>,
}

/// The prices of a model from a time on.
#[derive(Clone, Debug, PartialEq)]
pub struct Stretch {
    /// The first row that shows these prices; none where they hold from the beginning.
    pub from: Option<i64>,
    /// The last row that does not; of the same second where the prices changed within it.
    pub after: Option<i64>,
    pub fit: ModelFit,
}

pub(super) type Cells<'s> = BTreeMap<Cell, Vec<&'s Sample>>;

/// A rate that is neither printed nor the gateway's own must fit at least so many rows: two always agree on some.
const LEAST_ROWS: usize = 3;
/// One row that shows a rate says little, however narrow its interval is.
const LEAST_DETERMINED: usize = 2;
/// A stretch of fewer rows is no price of its own.
const LEAST_STRETCH: usize = 2;
/// A stretch of which not all rows agree has at least so many.
const LEAST_NEARLY: usize = 5;
/// Of fewer rows none may be wrong.
const LEAST_JUDGED: u64 = 6;
/// No model has a ratio above this: 1,000 USD per 1M tokens.
const MOST_RATIO: i64 = 500;
/// Prices do not change more often within one log.
const MOST_STRETCHES: usize = 4;

impl Stretch {
    /// Whether enough rows agree on its prices that they are a price of their own.
    pub fn is_sure(&self) -> bool {
        self.fit.sure_ratio().is_some() && self.fit.ratio.as_ref().is_some_and(|ratio| ratio.rows >= LEAST_STRETCH)
    }

    /// Whether another stretch has other prices.
    pub fn differs(&self, other: &Stretch) -> bool {
        let (one, other) = (&self.fit, &other.fit);
        let differs =
            |class: &Class, rate: &SolvedRate| other.rates.get(class).is_some_and(|of_other| of_other.value != rate.value);
        one.per_call != other.per_call
            || one.sure_ratio() != other.sure_ratio()
            || one.rates.iter().any(|(class, rate)| differs(class, rate))
    }

    /// The second in which old and new prices were charged.
    pub fn mixed(&self) -> Option<i64> {
        self.from.filter(|_| self.from == self.after)
    }
}

impl SolvedRate {
    pub(super) fn new(value: Ratio, rows: usize, is_built_in: bool, is_printed: bool) -> SolvedRate {
        SolvedRate { value, rows, is_built_in, is_printed, is_determined: false, is_open: false, interval: None }
    }

    /// The rate of a class, of which some rows may print it.
    pub(super) fn of(class: Class, value: Ratio, rows: usize, samples: &[&Sample], built_in: &PerClass<Ratio>) -> SolvedRate {
        let of_class: Vec<&Sample> = samples.iter().copied().filter(|sample| sample.has(class)).collect();
        let is_printed = hints(&of_class).any(|hints| hints.rates[class] == value);
        SolvedRate::new(value, rows, value == built_in[class], is_printed)
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
        self.is_built_in || self.is_printed || (self.rows >= LEAST_ROWS && !self.is_open)
    }

    pub fn is_sure(&self) -> bool {
        self.is_shown() || self.is_determined
    }
}

/// How the time of a model may be parted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parting {
    /// One price for all time.
    Whole,
    /// Each part has a price that gives all its rows.
    Exact,
    /// Each part has a price that gives nearly all its rows.
    Nearly,
}

/// So many rows may be wrong where so many were charged: one in ten, of less than twenty one, of less than six none.
pub fn most_wrong(rows: u64) -> u64 {
    if rows < LEAST_JUDGED { 0 } else { (rows / 10).max(1) }
}

/// The prices of a model over time. `samples` are in the order of time. Where no single price gives all rows, the time is parted so that each
/// part has one; where that does not go either, the price that most rows agree on is given alone.
pub fn stretches(samples: &[&Sample], groups: &Groups, parting: Parting) -> Vec<Stretch> {
    let whole = ModelFit::of(samples, groups);
    let has_times = samples.iter().all(|sample| sample.time.is_some());
    let longest = match parting {
        Parting::Exact if !whole.is_complete() => longest,
        Parting::Nearly if !whole.is_nearly_complete() => longest_nearly,
        _ => return vec![Stretch { from: None, after: None, fit: whole }],
    };
    let parts = if has_times { parted(samples, groups, longest) } else { None };
    parts.unwrap_or_else(|| vec![Stretch { from: None, after: None, fit: whole }])
}

/// The longest beginning that has a price, and that price.
type Longest = fn(&[&Sample], &Groups) -> Option<(usize, ModelFit)>;

fn parted(samples: &[&Sample], groups: &Groups, longest: Longest) -> Option<Vec<Stretch>> {
    let mut parts: Vec<Stretch> = Vec::new();
    let mut begin = 0;
    while begin < samples.len() {
        let (length, fit) = longest(&samples[begin..], groups)?;
        let from = samples[begin].time.filter(|_| begin > 0);
        let after = begin.checked_sub(1).and_then(|last| samples[last].time);
        let last = parts.last().and_then(Stretch::mixed);
        if parts.len() >= MOST_STRETCHES || last.is_some_and(|second| from <= Some(second + 1)) {
            return None;
        }
        parts.push(Stretch { from, after, fit });
        begin += length;
    }
    Some(parts)
}

/// The longest beginning that one price gives.
fn longest(samples: &[&Sample], groups: &Groups) -> Option<(usize, ModelFit)> {
    let complete = |length: usize| Some(ModelFit::of(&samples[..length], groups)).filter(ModelFit::is_complete);
    if let Some(fit) = complete(samples.len()) {
        return (samples.len() >= LEAST_STRETCH).then_some((samples.len(), fit));
    }
    let (mut good, mut bad) = (LEAST_STRETCH, samples.len());
    let mut best = complete(good.min(bad))?;
    while bad - good > 1 {
        let middle = good.midpoint(bad);
        match complete(middle) {
            Some(fit) => (good, best) = (middle, fit),
            None => bad = middle,
        }
    }
    Some((good, best))
}

/// The longest beginning that one price nearly gives. It ends with a row that has this price: one that has not may be the first of another.
fn longest_nearly(samples: &[&Sample], groups: &Groups) -> Option<(usize, ModelFit)> {
    let halves = std::iter::successors(Some(samples.len()), |length| Some(length / 2));
    let mut fits = halves.take_while(|length| *length >= LEAST_NEARLY).map(|length| ModelFit::of(&samples[..length], groups));
    let seed = fits.find(ModelFit::is_nearly_complete)?;
    let (mut wrong, mut length) = (0, 0);
    for (row, sample) in samples.iter().enumerate() {
        if seed.gives(sample, groups) == Some(false) {
            wrong += 1;
        } else if wrong <= most_wrong(row as u64 + 1) {
            length = row + 1;
        }
    }
    let fit = ModelFit::of(&samples[..length], groups);
    fit.is_nearly_complete().then_some((length, fit))
}

impl ModelFit {
    fn of(samples: &[&Sample], groups: &Groups) -> ModelFit {
        let cells = cells(samples);
        if let Some(fit) = ModelFit::as_printed(samples, &cells, groups) {
            return fit;
        }
        let tokens = ModelFit::by_tokens(samples, &cells, groups).or_joint(samples, &cells, groups);
        let by_call = ModelFit::by_call(samples, &cells, groups);
        let is_dear = tokens.is_beyond_price() && by_call.is_nearly_complete();
        // Where all is free, or costs 1 point, either fits.
        let is_printed = by_call.fitting() == tokens.fitting() && hints(samples).next().is_some_and(|hints| hints.per_call);
        if by_call.fitting() > tokens.fitting() || is_dear || is_printed { by_call } else { tokens }
    }

    /// Whether a token would be dearer than any: rows that all have the same few tokens say nothing of what they are priced by.
    fn is_beyond_price(&self) -> bool {
        self.products.values().any(|(interval, _)| interval.low > Exact::from(MOST_RATIO))
    }

    /// What the rows of all cells whose ratio is known share of its own ratio, and how many they are.
    pub(super) fn shared_ratio(&self, groups: &Groups) -> Option<(Interval, usize)> {
        let of_known = self.products.iter().filter_map(|(cell, (interval, rows))| {
            let ratio = groups.ratio(cell)?;
            Some((interval.over(&Interval::point(ratio))?, *rows))
        });
        Interval::shared(&of_known.collect::<Vec<_>>())
    }

    /// How many rows agree.
    pub fn fitting(&self) -> usize {
        self.products.values().map(|(_, rows)| rows).sum()
    }

    pub fn is_complete(&self) -> bool {
        self.fitting() == self.rows
    }

    /// Whether no more rows differ than may be wrong.
    pub fn is_nearly_complete(&self) -> bool {
        (self.rows - self.fitting()) as u64 <= most_wrong(self.rows as u64)
    }

    /// Whether a row agrees with those of its cell; none where it says nothing, or there are none.
    fn gives(&self, sample: &Sample, groups: &Groups) -> Option<bool> {
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
        ModelFit { per_call: true, rates, products, ratio: None, rows, printed: printed(samples), all_rates }
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
        // A rate that is a price by itself is hardly exact beside the input: rows without it say more.
        let is_exact = |sample: &Sample| {
            solved.iter().all(|(class, rate)| rate.is_built_in || !sample.has(*class) || !sample.is_absolute(*class))
        };
        for (cell, (interval, _)) in self::products(&filtered(cells, is_exact), &product).0 {
            products.entry(cell).and_modify(|(all, _)| *all = interval);
        }
        let printed = printed(samples);
        ModelFit { per_call: false, rates: solved, products, ratio: None, rows, printed, all_rates: rates }
    }

    /// Tells what the rows leave of each rate, now that the ratio is known.
    pub fn bound_rates(&mut self, samples: &[&Sample], groups: &Groups) {
        let Some(model) = self.ratio.as_ref().and_then(|ratio| ratio.value) else { return };
        let all_rates = self.all_rates;
        let doubtful: Vec<Class> = self.rates.iter().filter(|(_, rate)| !rate.is_shown()).map(|(class, _)| *class).collect();
        let is_model_known = self.is_known_without(&doubtful, model, samples, groups);
        for (class, rate) in &mut self.rates {
            let of_class = || samples.iter().filter(|sample| sample.has(*class));
            let of_rows = of_class().filter_map(|sample| {
                let group = groups.ratio(&sample.cell)?;
                let product = Exact::from(model) * group;
                let tokens = sample.by_tokens(Some(group))?.divided_by(&product)?;
                Some((rate_within(sample, &all_rates, *class, &tokens)?, 1))
            });
            let said: Vec<(Interval, usize)> = of_rows.collect();
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

fn printed(samples: &[&Sample]) -> BTreeSet<Ratio> {
    hints(samples).map(|hints| hints.model).collect()
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
