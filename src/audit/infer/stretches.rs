//! The prices of a model over time: where no single one gives all rows, the time is parted.

use std::ops::Range;

use super::Groups;
use super::fit::{ModelFit, SolvedRate, most_wrong};
use super::interval::Interval;
use super::sample::Sample;
use crate::exact::Ratio;
use crate::pricing::Class;

/// The prices of a model from a time on.
#[derive(Clone, Debug, PartialEq)]
pub struct Stretch {
    /// The first row that shows these prices; none where they hold from the beginning.
    pub from: Option<i64>,
    /// The last row that does not; of the same second where the prices changed within it.
    pub after: Option<i64>,
    pub fit: ModelFit,
}

/// A stretch of fewer rows is no price of its own.
const LEAST_STRETCH: usize = 2;
/// Beside one whose price is open a stretch has at least so many.
const LEAST_SURE: usize = 10;
/// A price that is open is no other one if it may be within these parts of that before.
const APART: (Ratio, Ratio) = (Ratio::new(99, -2), Ratio::new(101, -2));
/// A stretch of which not all rows agree has at least so many.
const LEAST_NEARLY: usize = 5;
/// Prices do not change more often within one log.
const MOST_STRETCHES: usize = 4;

impl Stretch {
    /// Whether enough rows agree on its prices that they are a price of their own.
    pub fn is_sure(&self) -> bool {
        // What nearly nothing is charged for may be free at any price.
        let is_told = |ratio: Ratio| !ratio.is_zero() || self.fit.exact_ratio().is_some();
        self.fit.sure_ratio().is_some_and(is_told) && self.fit.ratio.as_ref().is_some_and(|ratio| ratio.rows >= LEAST_STRETCH)
    }

    pub fn are_sure(stretches: &[Stretch]) -> bool {
        stretches.iter().all(Stretch::is_sure)
    }

    /// Whether the price of some stretches is sure, and of the others nothing but the ratio is open: it is clearly another one, from many rows.
    pub fn are_partly_sure(stretches: &[Stretch]) -> bool {
        let is_told = |stretch: &Stretch| {
            let (rows, is_complete) = (stretch.fit.ratio.as_ref().map_or(0, |ratio| ratio.rows), stretch.fit.is_complete());
            rows >= LEAST_SURE && is_complete && stretch.mixed().is_none() && stretch.fit.rates.values().all(SolvedRate::is_sure)
        };
        let has_changed = |pair: &[Stretch]| pair[0].has_same_rates(&pair[1]) && pair[0].is_apart(&pair[1]);
        stretches.iter().any(Stretch::is_sure) && stretches.iter().all(is_told) && stretches.windows(2).all(has_changed)
    }

    fn has_same_rates(&self, other: &Stretch) -> bool {
        let rates = |stretch: &Stretch| -> Vec<(Class, Ratio)> {
            stretch.fit.rates.iter().map(|(class, rate)| (*class, rate.value)).collect()
        };
        rates(self) == rates(other)
    }

    /// Whether its ratio is off that of another by more than a part that further digits would explain.
    fn is_apart(&self, other: &Stretch) -> bool {
        let interval = |stretch: &Stretch| stretch.fit.ratio.as_ref().map(|ratio| ratio.interval.clone());
        let far = Interval { low: APART.0.into(), high: APART.1.into() };
        let factor = interval(self).zip(interval(other)).and_then(|(one, other)| other.over(&one));
        factor.is_some_and(|factor| !factor.meets(&far))
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

    /// From when on these prices alone hold.
    pub fn begins(&self) -> Option<i64> {
        self.mixed().map(|second| second + 1).or(self.from)
    }

    /// The second in which old and new prices were charged.
    pub fn mixed(&self) -> Option<i64> {
        self.from.filter(|_| self.from == self.after)
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
    let mut parts: Vec<Part> = Vec::new();
    let mut begin = 0;
    while begin < samples.len() {
        let (length, fit) = longest(&samples[begin..], groups)?;
        if parts.len() >= MOST_STRETCHES {
            return None;
        }
        parts.push(Part { rows: begin..begin + length, fit });
        begin += length;
    }
    for at in 1..parts.len() {
        settle_border(&mut parts[at - 1..=at], samples, groups);
    }
    let stretches: Vec<Stretch> = parts.into_iter().map(|part| part.stretch(samples)).collect();
    let are_apart = |pair: &[Stretch]| pair[0].mixed().is_none_or(|second| pair[1].from > Some(second + 1));
    stretches.windows(2).all(are_apart).then_some(stretches)
}

/// Some rows in the order of time, and their price.
struct Part {
    rows: Range<usize>,
    fit: ModelFit,
}

impl Part {
    fn new(rows: Range<usize>, samples: &[&Sample], groups: &Groups) -> Part {
        Part { fit: ModelFit::of(&samples[rows.clone()], groups), rows }
    }

    fn stretch(self, samples: &[&Sample]) -> Stretch {
        let before = self.rows.start.checked_sub(1);
        let from = samples[self.rows.start].time.filter(|_| before.is_some());
        Stretch { from, after: before.and_then(|last| samples[last].time), fit: self.fit }
    }
}

/// Moves the border of two parts to where fewest rows are wrong, the latest such place: a row that either price gives may have hidden the first ones
/// of the new price among the wrong ones of the old.
fn settle_border(pair: &mut [Part], samples: &[&Sample], groups: &Groups) {
    let [before, behind] = pair else { return };
    let is_wrong = |part: &Part, row: usize| part.fit.gives(samples[row], groups) == Some(false);
    let (mut border, mut saved, mut most) = (behind.rows.start, 0, 0);
    for row in (before.rows.start + 1..behind.rows.start).rev() {
        saved += i64::from(is_wrong(before, row)) - i64::from(is_wrong(behind, row));
        if saved > most {
            (border, most) = (row, saved);
        }
    }
    if border < behind.rows.start {
        *before = Part::new(before.rows.start..border, samples, groups);
        *behind = Part::new(border..behind.rows.end, samples, groups);
    }
}

/// The longest beginning that one price gives. The first few rows hardly show its rates, and so may seem to contradict each other.
fn longest(samples: &[&Sample], groups: &Groups) -> Option<(usize, ModelFit)> {
    let complete = |length: usize| {
        let fit = ModelFit::of(&samples[..length], groups);
        (fit.is_complete() && (length < LEAST_NEARLY || fit.is_one(groups))).then_some(fit)
    };
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
    best.is_one(groups).then_some((good, best))
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
