//! The ratios that a log was really charged with, solved from usage and charges alone.
//!
//! A charge holds its amount between two numbers, and the amount of a token-priced row is `k · Σ tokens·rate`, where `k` is the product
//! of model and group ratio. Each row gives an interval of `k`, and the rows of a model and group must share a part of theirs. The rates
//! are tried in turn: those that the gateway has by itself, those that two rows solve for. Model and group ratios are taken apart where
//! groups share models, from a group whose ratio is known. A number is determined if its interval is so narrow that a decimal as simple
//! would hardly lie in it by chance; else only the interval is told.

use std::collections::{BTreeMap, BTreeSet};

use crate::exact::{Charged, Exact, Ratio};
use crate::pricing::{Class, Formula, PerClass, Rounding, Sum, Terms, price};

/// What one row says.
#[derive(Clone, Debug)]
pub struct Sample {
    usage: PerClass<i64>,
    /// What the gateway itself gives, and what the row prints, where that may be used.
    built_in: PerClass<Ratio>,
    printed: Option<PerClass<Ratio>>,
    per_unit: Ratio,
    amount: Interval,
}

/// All numbers between two, ends included.
#[derive(Clone, Debug, PartialEq)]
pub struct Interval {
    pub low: Exact,
    pub high: Exact,
}

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
}

/// What was found out about a model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelFit {
    pub per_call: bool,
    pub rates: BTreeMap<Class, SolvedRate>,
    /// Model ratio (or price per call) times group ratio, by group.
    products: BTreeMap<String, (Interval, usize)>,
    pub ratio: Option<Solved>,
    pub rows: usize,
}

/// What was found out about a log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inferred {
    pub models: BTreeMap<String, ModelFit>,
    pub groups: BTreeMap<String, Solved>,
    /// Groups whose ratio was set to 1 because nothing ties them to a known one.
    pub set_to_one: BTreeSet<String>,
}

/// The rows of a log, by model and group.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    by_model: BTreeMap<String, BTreeMap<String, Vec<Sample>>>,
    /// Rows that were not used: tools, multipliers, settlements, formulas of another kind.
    pub left_out: u64,
}

/// More rows of one model and group say nothing new.
const MOST_ROWS: usize = 400;
/// So many rows are paired to solve for a rate.
const PAIRED: usize = 24;
/// More digits than this are no simple number.
const MOST_DIGITS: i16 = 6;

impl Samples {
    /// Takes a row: its terms under the gateway's own rates, and those of the row itself where they may be used.
    pub fn add(&mut self, model: &str, group: &str, charged: &Charged, terms: &Terms, printed: Option<&Terms>) {
        let Some(sample) = Sample::new(charged, terms, printed) else {
            self.left_out += 1;
            return;
        };
        let rows = self.by_model.entry(model.to_owned()).or_default().entry(group.to_owned()).or_default();
        if rows.len() < MOST_ROWS {
            rows.push(sample);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.by_model.is_empty()
    }

    /// Solves for all ratios. `known` are the group ratios that are taken as given.
    pub fn infer(&self, known: &BTreeMap<String, Ratio>) -> Inferred {
        let models = self.by_model.iter().map(|(model, groups)| (model.clone(), ModelFit::of(groups))).collect();
        let mut inferred = Inferred { models, ..Inferred::default() };
        for (group, ratio) in known {
            let interval = Interval::point(*ratio);
            inferred.groups.insert(group.clone(), Solved { value: Some(*ratio), interval, rows: 0 });
        }
        inferred.separate();
        inferred
    }
}

impl Sample {
    fn new(charged: &Charged, terms: &Terms, printed: Option<&Terms>) -> Option<Sample> {
        let is_sum = matches!(terms.formula, Formula::Decimal | Formula::Sum(Sum::ClaudeOf2025 | Sum::OneApi));
        let is_alone = terms.multipliers.iter().all(|multiplier| multiplier.value == Ratio::ONE)
            && terms.surcharges.iter().all(|surcharge| surcharge.count == 0)
            && terms.advance == 0
            && !terms.credit
            && !terms.no_usage;
        (is_sum && is_alone).then(|| Sample {
            usage: terms.usage,
            built_in: terms.rates,
            printed: printed.filter(|printed| printed.formula == terms.formula).map(|printed| printed.rates),
            per_unit: terms.quota_per_unit,
            amount: amounts(charged, terms),
        })
    }

    fn has(&self, class: Class) -> bool {
        self.usage[class] != 0
    }

    /// Whether all its tokens are of some classes.
    fn is_of(&self, classes: &[Class]) -> bool {
        self.usage.iter().all(|(class, tokens)| tokens == 0 || classes.contains(&class))
    }

    /// Σ tokens·rate.
    fn weight(&self, rates: &PerClass<Ratio>) -> Exact {
        let one = |(class, tokens): (Class, i64)| {
            let own = Exact::from(tokens) * rates[class];
            if class == Class::AudioOutput { own * rates[Class::AudioInput] } else { own }
        };
        self.usage.iter().filter(|(_, tokens)| *tokens != 0).map(one).fold(Exact::zero(), |sum, part| sum + part)
    }

    fn product(&self, rates: &PerClass<Ratio>) -> Option<Interval> {
        self.amount.divided_by(&self.weight(rates))
    }
}

/// The amounts that a charge may have had before it was rounded.
fn amounts(charged: &Charged, terms: &Terms) -> Interval {
    let points = charged.points(terms.quota_per_unit);
    let (below, above) = match price(terms).rounding {
        Rounding::HalfAway => (Ratio::new(5, -1), Ratio::new(5, -1)),
        Rounding::Truncate => (Ratio::ZERO, Ratio::ONE),
        Rounding::Ceil => (Ratio::ONE, Ratio::ZERO),
    };
    let digits = match charged {
        Charged::Points(_) => Exact::zero(),
        // Half of the last digit that is written.
        Charged::Money { amount, per_usd } => {
            let unit = Ratio::new(5, i16::try_from(amount.decimals()).map_or(0, |places| -places - 1));
            (Exact::from(unit) * terms.quota_per_unit).divided_by(&Exact::from(*per_usd), 12)
        }
    };
    let widest = |half: Ratio| Exact::from(half).max(digits.clone());
    let low = Exact::from(points) - widest(below);
    let high = Exact::from(points) + widest(above);
    // A charge of one point may be the minimum.
    let is_least = (0..=1).contains(&points.0);
    Interval { low: if is_least { Exact::zero() } else { low }, high }
}

impl Interval {
    fn point(ratio: Ratio) -> Interval {
        Interval { low: ratio.into(), high: ratio.into() }
    }

    fn divided_by(&self, weight: &Exact) -> Option<Interval> {
        let end = |end: &Exact| end.divided_by(weight, 24);
        weight.is_positive().then(|| Interval { low: end(&self.low), high: end(&self.high) })
    }

    /// This interval by another one; none where that may be 0.
    fn over(&self, other: &Interval) -> Option<Interval> {
        if !other.low.is_positive() || self.low.is_negative() {
            return None;
        }
        Some(Interval { low: self.low.divided_by(&other.high, 24), high: self.high.divided_by(&other.low, 24) })
    }

    fn holds(&self, number: &Exact) -> bool {
        self.low <= *number && *number <= self.high
    }

    /// The decimal with the fewest digits, and the unit of its last digit.
    pub fn simplest(&self) -> Option<(Ratio, Exact)> {
        if self.holds(&Exact::zero()) {
            return Some((Ratio::ZERO, Exact::from(1)));
        }
        (-3..=16).find_map(|places: i16| {
            let unit = Ratio::new(1, -places);
            let count = Exact::from(self.low.divided_by(&Exact::from(unit), 12).ceil());
            let number = count * unit;
            let ratio: Ratio = number.clone().normalized().to_string().parse().ok()?;
            self.holds(&number).then_some((ratio, Exact::from(unit)))
        })
    }

    /// The number that the rows agree on; none where another one would do as well.
    fn determined(&self, rows: usize) -> Option<Ratio> {
        let (value, unit) = self.simplest()?;
        // The fewer rows, the likelier is chance.
        let narrow = match rows {
            0..=1 => 1000,
            2..=9 => 20,
            _ => 3,
        };
        let width = self.high.clone() - self.low.clone();
        let digits = value.mantissa().unsigned_abs().checked_ilog10().map_or(1, |digits| digits as i16 + 1);
        (width * narrow <= unit && digits <= MOST_DIGITS).then_some(value)
    }

    /// A few simple decimals within, the simplest first.
    fn some(&self) -> Vec<Ratio> {
        let mut found: Vec<Ratio> = Vec::new();
        for places in 0..=4i16 {
            let unit = Exact::from(Ratio::new(1, -places));
            let first = Exact::from(self.low.divided_by(&unit, 12).ceil());
            let numbers = (0..3).map(|n| (first.clone() + Exact::from(n)) * unit.clone()).filter(|number| self.holds(number));
            for ratio in numbers.filter_map(|number| number.normalized().to_string().parse().ok()) {
                if !found.contains(&ratio) {
                    found.push(ratio);
                }
            }
        }
        found.truncate(4);
        found
    }

    /// What most intervals share, and how many of them do.
    fn shared(intervals: &[Interval]) -> Option<(Interval, usize)> {
        let at = |point: &Exact| intervals.iter().filter(|interval| interval.holds(point)).collect::<Vec<_>>();
        let best = intervals.iter().map(|interval| at(&interval.low)).max_by_key(Vec::len)?;
        let low = best.iter().map(|interval| &interval.low).max()?.clone();
        let high = best.iter().map(|interval| &interval.high).min()?.clone();
        Some((Interval { low, high }, best.len()))
    }
}

type Groups = BTreeMap<String, Vec<Sample>>;

impl ModelFit {
    fn of(groups: &Groups) -> ModelFit {
        let rows = groups.values().map(Vec::len).sum();
        let tokens = ModelFit::by_tokens(groups, rows);
        let by_call = ModelFit::by_call(groups, rows);
        match by_call {
            Some(by_call) if by_call.fitting() > tokens.fitting() => by_call,
            _ => tokens,
        }
    }

    /// How many rows agree.
    pub fn fitting(&self) -> usize {
        self.products.values().map(|(_, rows)| rows).sum()
    }

    /// Rows of different usage that all cost the same.
    fn by_call(groups: &Groups, rows: usize) -> Option<ModelFit> {
        let differs = |samples: &Vec<Sample>| samples.windows(2).any(|pair| pair[0].usage != pair[1].usage);
        groups.values().any(differs).then_some(())?;
        let price = |sample: &Sample| sample.amount.divided_by(&Exact::from(sample.per_unit));
        let products = products(groups, &|sample| price(sample));
        Some(ModelFit { per_call: true, rates: BTreeMap::new(), products, ratio: None, rows })
    }

    fn by_tokens(groups: &Groups, rows: usize) -> ModelFit {
        let samples: Vec<&Sample> = groups.values().flatten().collect();
        let built_in = samples.first().map(|sample| sample.built_in).unwrap_or_default();
        let mut rates = built_in;
        let mut solved = BTreeMap::new();
        let mut known = vec![Class::Input];
        let further = Class::ALL.into_iter().filter(|class| !matches!(class, Class::Input | Class::Output));
        for class in [Class::Output].into_iter().chain(further).filter(|class| samples.iter().any(|sample| sample.has(*class))) {
            known.push(class);
            let of_known: Groups = groups
                .iter()
                .map(|(group, rows)| (group.clone(), rows.iter().filter(|sample| sample.is_of(&known)).cloned().collect()))
                .collect();
            let (value, fitting) = best_rate(&of_known, &rates, class);
            rates[class] = value;
            solved.insert(class, SolvedRate { value, rows: fitting, is_built_in: value == built_in[class] });
        }
        let products = products(groups, &|sample| sample.product(&rates));
        ModelFit { per_call: false, rates: solved, products, ratio: None, rows }
    }
}

/// The rate of a class with which most rows agree; of equal ones the gateway's own, then the printed, then the simplest.
fn best_rate(groups: &Groups, rates: &PerClass<Ratio>, class: Class) -> (Ratio, usize) {
    let with = |value: Ratio| {
        let mut rates = *rates;
        rates[class] = value;
        rates
    };
    let fitting = |value: Ratio| -> usize {
        let rates = with(value);
        products(groups, &|sample| sample.product(&rates)).values().map(|(_, rows)| rows).sum()
    };
    let printed = groups.values().flatten().filter_map(|sample| sample.printed.map(|printed| printed[class])).take(3);
    let mut candidates: Vec<Ratio> = [rates[class]].into_iter().chain(printed).collect();
    candidates.extend(groups.values().flat_map(|samples| solved_rates(samples, rates, class)));
    let mut best = (rates[class], fitting(rates[class]));
    let mut tried = BTreeSet::new();
    for candidate in candidates.into_iter().filter(|candidate| tried.insert(*candidate)).take(120) {
        let rows = fitting(candidate);
        if rows > best.1 {
            best = (candidate, rows);
        }
    }
    best
}

/// What two rows say of a rate: `q₁·(a₂ + n₂·r) = q₂·(a₁ + n₁·r)`.
fn solved_rates(samples: &[Sample], rates: &PerClass<Ratio>, class: Class) -> Vec<Ratio> {
    let mut rest = *rates;
    rest[class] = Ratio::ZERO;
    let mut found = Vec::new();
    let some = &samples[..samples.len().min(PAIRED)];
    for (at, one) in some.iter().enumerate() {
        for other in &some[at + 1..] {
            found.extend(solved_rate(one, other, &rest, class));
        }
    }
    found
}

fn solved_rate(one: &Sample, other: &Sample, rest: &PerClass<Ratio>, class: Class) -> Vec<Ratio> {
    let at = |first: &Exact, second: &Exact| -> Option<Exact> {
        let above = first.clone() * other.weight(rest) - second.clone() * one.weight(rest);
        let below = second.clone() * one.usage[class] - first.clone() * other.usage[class];
        (!below.is_zero()).then(|| above.divided_by(&below, 24))
    };
    let ends = [
        at(&one.amount.low, &other.amount.high),
        at(&one.amount.high, &other.amount.low),
        at(&one.amount.low, &other.amount.low),
        at(&one.amount.high, &other.amount.high),
    ];
    let Some(ends) = ends.into_iter().collect::<Option<Vec<Exact>>>() else { return Vec::new() };
    match (ends.iter().min(), ends.iter().max()) {
        (Some(low), Some(high)) if low.is_positive() => Interval { low: low.clone(), high: high.clone() }.some(),
        _ => Vec::new(),
    }
}

fn products(groups: &Groups, product: &dyn Fn(&Sample) -> Option<Interval>) -> BTreeMap<String, (Interval, usize)> {
    let shared = groups.iter().filter_map(|(group, samples)| {
        let intervals: Vec<Interval> = samples.iter().filter_map(product).collect();
        Some((group.clone(), Interval::shared(&intervals)?))
    });
    shared.collect()
}

impl Inferred {
    /// Takes products apart, from known groups on; a group that nothing ties to them is set to 1.
    fn separate(&mut self) {
        loop {
            self.solve_models();
            if self.solve_group() {
                continue;
            }
            let open = self.models.values().filter(|fit| fit.ratio.is_none()).flat_map(|fit| fit.products.keys());
            let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
            open.filter(|group| !self.groups.contains_key(*group)).for_each(|group| *counts.entry(group).or_default() += 1);
            let next = counts.iter().max_by_key(|(_, count)| **count).map(|(group, _)| (*group).clone());
            let Some(group) = next else { break };
            self.set_to_one.insert(group.clone());
            self.groups.insert(group, Solved { value: Some(Ratio::ONE), interval: Interval::point(Ratio::ONE), rows: 0 });
        }
    }

    fn solve_models(&mut self) {
        for fit in self.models.values_mut() {
            let of_known = fit.products.iter().filter_map(|(group, (interval, rows))| {
                let ratio = self.groups.get(group)?.value?;
                Some((interval.over(&Interval::point(ratio))?, *rows))
            });
            let parts: Vec<(Interval, usize)> = of_known.collect();
            let intervals: Vec<Interval> = parts.iter().map(|(interval, _)| interval.clone()).collect();
            let Some((interval, _)) = Interval::shared(&intervals) else { continue };
            let rows = parts.iter().filter(|(part, _)| part.holds(&interval.low)).map(|(_, rows)| rows).sum();
            fit.ratio = Some(Solved { value: interval.determined(rows), interval, rows });
        }
    }

    /// Solves for one more group by the models that it shares with known ones.
    fn solve_group(&mut self) -> bool {
        let mut found: BTreeMap<&String, Vec<(Interval, usize)>> = BTreeMap::new();
        for fit in self.models.values() {
            let Some(value) = fit.ratio.as_ref().and_then(|ratio| ratio.value) else { continue };
            for (group, (interval, rows)) in fit.products.iter().filter(|(group, _)| !self.groups.contains_key(*group)) {
                if let Some(interval) = interval.over(&Interval::point(value)) {
                    found.entry(group).or_default().push((interval, *rows));
                }
            }
        }
        let solve = |parts: &Vec<(Interval, usize)>| {
            let intervals: Vec<Interval> = parts.iter().map(|(interval, _)| interval.clone()).collect();
            let (interval, _) = Interval::shared(&intervals)?;
            let rows = parts.iter().filter(|(part, _)| part.holds(&interval.low)).map(|(_, rows)| rows).sum();
            Some(Solved { value: interval.determined(rows), interval, rows })
        };
        let solved: Vec<(String, Solved)> =
            found.iter().filter_map(|(group, parts)| Some(((*group).clone(), solve(parts)?))).collect();
        let any = !solved.is_empty();
        self.groups.extend(solved);
        any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::Points;

    fn ratio(text: &str) -> Ratio {
        text.parse().unwrap()
    }

    fn add(samples: &mut Samples, model: &str, group: &str, tokens: [i64; 3], rates: [&str; 4]) {
        let [model_ratio, completion, cache, group_ratio] = rates.map(ratio);
        let mut terms = Terms::tokens(model_ratio, group_ratio);
        terms.add(Class::Input, tokens[0], Ratio::ONE);
        terms.add(Class::Output, tokens[1], completion);
        terms.add(Class::Cached, tokens[2], cache);
        let charged = price(&terms).points;
        for class in [Class::Output, Class::Cached] {
            terms.rates[class] = Ratio::ONE;
        }
        samples.add(model, group, &Charged::Points(charged), &terms, None);
    }

    #[test]
    fn ratios_are_solved_from_charges() {
        let mut samples = Samples::default();
        let tokens = [[100_003, 0, 0], [70_001, 30_007, 0], [50_021, 90_011, 0], [40_009, 10_037, 60_013], [20_011, 7_001, 99_991]];
        for tokens in tokens {
            add(&mut samples, "m", "default", tokens, ["1.25", "4", "0.1", "1"]);
            add(&mut samples, "m", "vip", tokens, ["1.25", "4", "0.1", "0.85"]);
            add(&mut samples, "n", "vip", tokens, ["0.075", "3.5", "0.5", "0.85"]);
        }
        let found = samples.infer(&BTreeMap::from([("default".to_owned(), Ratio::ONE)]));
        let model = |name: &str| found.models[name].ratio.clone().unwrap().value;
        let rate = |name: &str, class| found.models[name].rates[&class].value;
        assert_eq!((model("m"), model("n")), (Some(ratio("1.25")), Some(ratio("0.075"))));
        assert_eq!(found.groups["vip"].value, Some(ratio("0.85")));
        assert_eq!((rate("m", Class::Output), rate("n", Class::Output)), (ratio("4"), ratio("3.5")));
        assert_eq!((rate("m", Class::Cached), rate("n", Class::Cached)), (ratio("0.1"), ratio("0.5")));
    }

    #[test]
    fn a_small_charge_leaves_its_ratio_open() {
        let mut samples = Samples::default();
        add(&mut samples, "m", "default", [62, 0, 0], ["1.25", "1", "1", "1"]);
        let found = samples.infer(&BTreeMap::from([("default".to_owned(), Ratio::ONE)]));
        assert_eq!(found.models["m"].ratio.as_ref().unwrap().value, None);
    }

    #[test]
    fn a_price_per_call_does_not_hang_on_tokens() {
        let mut samples = Samples::default();
        for tokens in [10, 5_000, 70] {
            let mut terms = Terms::tokens(Ratio::ONE, Ratio::ONE);
            terms.add(Class::Input, tokens, Ratio::ONE);
            samples.add("m", "default", &Charged::Points(Points(20_000)), &terms, None);
        }
        let fit = &samples.infer(&BTreeMap::from([("default".to_owned(), Ratio::ONE)])).models["m"];
        assert!(fit.per_call);
        assert_eq!(fit.ratio.as_ref().unwrap().value, Some(ratio("0.04")));
    }
}
