//! The rate of a class of tokens relative to the input: which numbers are tried, and which most rows agree on.

use std::collections::BTreeSet;

use super::Groups;
use super::fit::{Cells, filtered, products};
use super::interval::Interval;
use super::sample::Sample;
use crate::exact::{Exact, Ratio};
use crate::pricing::{Class, PerClass};

/// Rates are tried on so many rows.
const SCORED: usize = 96;
/// By so many rows they are bounded.
const BOUNDED: usize = 800;
/// So many rows are paired to solve for a rate.
const PAIRED: usize = 20;
/// So many rates are tried.
const CANDIDATES: usize = 120;

/// The rate of a class with which most rows agree; of equal ones the printed, then the gateway's own, then the simplest.
pub(super) fn best_rate(cells: &Cells<'_>, rates: &PerClass<Ratio>, class: Class, groups: &Groups) -> (Ratio, usize) {
    let some = thinned(cells, SCORED);
    let all: usize = some.values().map(Vec::len).sum();
    let mut best = (rates[class], None);
    for candidate in candidates(&some, rates, class) {
        let rows = agreement(candidate, rates, class, &some, groups);
        if Some(rows) > best.1 {
            best = (candidate, Some(rows));
        }
        if rows >= all {
            break;
        }
    }
    let is_known =
        best.0 == rates[class] || cells.values().flatten().any(|sample| sample.is_absolute(class) || sample.prints(class, best.0));
    let value = if is_known { best.0 } else { shortened(best.0, rates, class, cells, groups) };
    (value, rows_at(value, rates, class, cells, groups))
}

/// How many rows of a class agree under a rate.
pub(super) fn rows_at(value: Ratio, rates: &PerClass<Ratio>, class: Class, cells: &Cells<'_>, groups: &Groups) -> usize {
    let mut rates = *rates;
    rates[class] = value;
    agreeing(cells, &rates, groups).values().flatten().filter(|sample| sample.has(class)).count()
}

/// Whether fewer rows agree if a rate is off by a little, to either side.
pub(super) fn is_narrow(value: Ratio, rates: &PerClass<Ratio>, class: Class, cells: &Cells<'_>, groups: &Groups) -> bool {
    let some = thinned(cells, BOUNDED);
    let agree = |value: Exact| value.to_ratio().map_or(0, |value| agreement(value, rates, class, &some, groups));
    let off = Exact::from(if value.is_zero() { LEAST_OFF } else { Ratio::new(1, value.exponent()) }) * OFF;
    let all = agree(value.into());
    agree(Exact::from(value) + off.clone()) < all && (value.is_zero() || agree(Exact::from(value) - off) < all)
}

/// How many rows agree under a rate, those without its class too. A row of nothing but what is free, that may be free, does not contradict.
fn agreement(value: Ratio, rates: &PerClass<Ratio>, class: Class, cells: &Cells<'_>, groups: &Groups) -> usize {
    let mut rates = *rates;
    rates[class] = value;
    let (shared, telling) = products(cells, &|sample| sample.product(&rates, groups.ratio(&sample.cell)));
    let agree: usize = shared.values().map(|(_, rows)| rows).sum();
    let samples = || cells.values().flatten();
    let are_all_telling = telling == samples().count();
    let may_be_free = |sample: &&&Sample| !are_all_telling && sample.may_be_free(&rates, groups.ratio(&sample.cell));
    agree + samples().filter(may_be_free).count()
}

/// The shortest decimal near a rate that gives as many rows: where classes are rounded by themselves many do.
pub(super) fn shortened(value: Ratio, rates: &PerClass<Ratio>, class: Class, cells: &Cells<'_>, groups: &Groups) -> Ratio {
    let agree = |value: Ratio| agreement(value, rates, class, cells, groups);
    let places = u32::try_from(-value.exponent()).unwrap_or(0);
    let all = if places > 0 { agree(value) } else { 0 };
    let mut shorter = (0..places).filter_map(|places| Exact::from(value).rounded(places).to_ratio());
    shorter.find(|shorter| agree(*shorter) >= all).unwrap_or(value)
}

/// A rate must be surer than this part of the unit of its last digit; beside nothing than of a hundredth.
const OFF: Ratio = Ratio::new(25, -3);
const LEAST_OFF: Ratio = Ratio::new(1, -2);

/// The rows that agree with those of their cell.
fn agreeing<'s>(cells: &Cells<'s>, rates: &PerClass<Ratio>, groups: &Groups) -> Cells<'s> {
    let product = |sample: &Sample| sample.product(rates, groups.ratio(&sample.cell));
    let shared = products(cells, &product).0;
    filtered(cells, |sample| shared.get(&sample.cell).zip(product(sample)).is_some_and(|((of_cell, _), own)| of_cell.meets(&own)))
}

fn candidates(cells: &Cells<'_>, rates: &PerClass<Ratio>, class: Class) -> Vec<Ratio> {
    let samples = || cells.values().flatten().filter(|sample| sample.has(class));
    let printed = samples().filter_map(|sample| sample.hints.as_ref()).map(|hints| hints.rates[class]);
    let solved = cells.values().flat_map(|samples| solved_rates(samples, rates, class));
    let left = left_of_rate(cells, rates, class);
    let mut tried = BTreeSet::new();
    let all = printed.chain([rates[class]]).chain(left).chain(solved);
    all.filter(|candidate| tried.insert(*candidate)).take(CANDIDATES).collect()
}

/// What the rows leave of a rate that is a price by itself, where those without its class show their product: it is seldom simple beside the
/// input.
fn left_of_rate(cells: &Cells<'_>, rates: &PerClass<Ratio>, class: Class) -> Vec<Ratio> {
    let of_class = || cells.values().flatten().filter(|sample| sample.has(class));
    if !of_class().any(|sample| sample.is_absolute(class)) {
        return Vec::new();
    }
    let without = products(&filtered(cells, |sample| !sample.has(class)), &|sample| sample.product(rates, None)).0;
    let said = of_class().filter_map(|sample| {
        let tokens = sample.by_tokens(None)?.over(&without.get(&sample.cell)?.0)?;
        Some((rate_within(sample, rates, class, &tokens)?, 1))
    });
    let shared = Interval::shared(&said.collect::<Vec<_>>()).map(|(shared, _)| shared).filter(|shared| !shared.low.is_negative());
    shared.into_iter().flat_map(|shared| [shared.simplest().map(|(value, _)| value), shared.middle()]).flatten().collect()
}

/// What two rows say of a rate: `q₁·(a₂ + n₂·r) = q₂·(a₁ + n₁·r)`.
fn solved_rates(samples: &[&Sample], rates: &PerClass<Ratio>, class: Class) -> Vec<Ratio> {
    let alone = samples.iter().filter(|sample| !sample.has_tools()).take(PAIRED);
    let lines: Vec<Line> = alone.filter_map(|sample| Line::of(sample, rates, class, None)).collect();
    let pairs = (1..).zip(&lines).flat_map(|(behind, one)| lines[behind..].iter().map(move |other| solved_rate(one, other)));
    pairs.flatten().collect()
}

fn solved_rate(one: &Line, other: &Line) -> Vec<Ratio> {
    let (first, second) = (&one.amount, &other.amount);
    let at = |first: &Exact, second: &Exact| one.meets_at(first, other, second);
    let ends =
        [at(&first.low, &second.high), at(&first.high, &second.low), at(&first.low, &second.low), at(&first.high, &second.high)];
    let Some(ends) = ends.into_iter().collect::<Option<Vec<Exact>>>() else { return Vec::new() };
    match (ends.iter().min(), ends.iter().max()) {
        (Some(low), Some(high)) if !high.is_negative() => {
            Interval { low: low.clone().max(Exact::zero()), high: high.clone() }.some()
        }
        _ => Vec::new(),
    }
}

/// What a row says of one rate, if all else is known; none where the charge is no straight line of the rate.
pub(super) fn rate_within(sample: &Sample, rates: &PerClass<Ratio>, class: Class, tokens: &Interval) -> Option<Interval> {
    let (rest, slope) = parts(sample, rates, class);
    let other = Ratio::new(137, -2);
    let mut at_other = *rates;
    at_other[class] = other;
    let weight = sample.weight(&at_other);
    let off = weight.clone() - rest.clone() - slope.clone() * other;
    // A gateway that computes in float64 is off by less.
    let is_straight = off.clone().max(-off) * STRAIGHT <= weight;
    tokens.minus(&rest).divided_by(&slope).filter(|_| is_straight)
}

/// What is no straight line is off by more than one of so many.
const STRAIGHT: i64 = 1_000_000_000;

/// What a row comes to without a class at ratios of 1, and what a rate of 1 adds.
fn parts(sample: &Sample, rates: &PerClass<Ratio>, class: Class) -> (Exact, Exact) {
    let mut rates = *rates;
    rates[class] = Ratio::ZERO;
    let rest = sample.weight(&rates);
    rates[class] = Ratio::ONE;
    let slope = sample.weight(&rates) - rest.clone();
    (rest, slope)
}

/// A row whose charge is a straight line of a rate: its [`parts`], and its amount.
struct Line {
    rest: Exact,
    slope: Exact,
    amount: Interval,
}

impl Line {
    fn of(sample: &Sample, rates: &PerClass<Ratio>, class: Class, group: Option<Ratio>) -> Option<Line> {
        let amount = sample.by_tokens(group)?;
        let (rest, slope) = parts(sample, rates, class);
        Some(Line { rest, slope, amount })
    }

    /// The products of model and group ratio at a rate; none where nothing is charged by it.
    fn product(&self, rate: &Exact) -> Option<Interval> {
        self.amount.divided_by(&(self.rest.clone() + self.slope.clone() * rate.clone()))
    }

    /// The rate at which both come to the same product, if each has one amount of its own; none where no rate decides that.
    fn meets_at(&self, own: &Exact, other: &Line, of_other: &Exact) -> Option<Exact> {
        let above = own.clone() * other.rest.clone() - of_other.clone() * self.rest.clone();
        let below = of_other.clone() * self.slope.clone() - own.clone() * other.slope.clone();
        (!below.is_zero()).then(|| above.divided_by(&below, 24))
    }
}

/// The simplest rate that all rows which agree allow, where they allow no other one as simple.
pub(super) fn only_rate(cells: &Cells<'_>, rates: &PerClass<Ratio>, class: Class, groups: &Groups) -> Option<Ratio> {
    range(cells, rates, class, groups)?.only()
}

/// What the rows of all cells that agree leave of a rate, whatever the product of each cell is, if the other rates are right.
fn range(cells: &Cells<'_>, rates: &PerClass<Ratio>, class: Class, groups: &Groups) -> Option<Interval> {
    let mut all = Interval { low: Exact::zero(), high: MOST_RATE.into() };
    for (cell, samples) in agreeing(&thinned(cells, BOUNDED), rates, groups) {
        let lines: Vec<Line> = samples.iter().filter_map(|sample| Line::of(sample, rates, class, groups.ratio(&cell))).collect();
        all.low = all.low.max(end(&lines, Exact::zero(), rates[class].into())?);
        all.high = all.high.min(end(&lines, MOST_RATE.into(), rates[class].into())?);
    }
    Some(all)
}

/// No rate is above this.
const MOST_RATE: Ratio = Ratio::new(1, 3);
/// Each step leaves a pair of rows behind that do not agree, so that few are taken.
const STEPS: usize = 60;

/// From a rate on towards one that all rows agree on: the first on the way that they agree on.
fn end(lines: &[Line], from: Exact, to: Exact) -> Option<Exact> {
    let mut rate = from;
    for _ in 0..STEPS {
        let products: Vec<(Interval, &Line)> = lines.iter().filter_map(|line| Some((line.product(&rate)?, line))).collect();
        let least = products.iter().max_by(|(one, _), (other, _)| one.low.cmp(&other.low));
        let most = products.iter().min_by(|(one, _), (other, _)| one.high.cmp(&other.high));
        let (Some((least, one)), Some((most, other))) = (least, most) else { return Some(rate) };
        if least.low <= most.high {
            return Some(rate);
        }
        // Where the product that one row asks for at least is what the other one allows at most.
        let next = one.meets_at(&one.amount.low, other, &other.amount.high)?;
        let is_nearer = (rate < next && next <= to) || (to <= next && next < rate);
        if !is_nearer {
            return Some(rate);
        }
        rate = next;
    }
    Some(rate)
}

/// Every so manieth row, so that no more than the limit are left.
fn thinned<'s>(cells: &Cells<'s>, rows: usize) -> Cells<'s> {
    let step = cells.values().map(Vec::len).sum::<usize>().div_ceil(rows).max(1);
    cells.iter().map(|(cell, rows)| (cell.clone(), rows.iter().copied().step_by(step).collect())).collect()
}
