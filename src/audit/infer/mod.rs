//! The ratios that a log was really charged with, solved from usage and charges alone.
//!
//! A charge holds its amount between two numbers ([`sample`]), and the amount of a token-priced row is `k · Σ tokens·rate`, where `k` is the
//! product of model and group ratio. Where rows print what gives their charges, nothing is solved ([`printed`]); else each row gives an
//! interval of `k` ([`interval`]), and the rows of a model and group must share a part of theirs ([`fit`]), all the time or for a part of it ([`stretches`]). Rates are tried class by class
//! ([`rates`]), or solved for all rows at once ([`joint`]). Model and group ratios are taken apart where groups share models, from a group whose
//! ratio is known ([`groups`]). A number is determined if its interval is so narrow that a decimal as simple would hardly lie in it by chance;
//! else only the interval is told. It is open if that is less than sure, or hangs on what is: then nothing is solved with it that is not open too.
//!
//! Weights come from `pricing` with ratios of 1, so that no formula is written down again here.

mod changes;
mod fit;
mod gauge;
mod groups;
mod interval;
mod joint;
mod printed;
mod rates;
mod sample;
mod stretches;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

pub use fit::{ModelFit, Solved, SolvedRate, most_wrong};
pub use groups::{Groups, Said};
pub use interval::Interval;
pub use sample::{Cell, Observed, Sample, Special};
use stretches::Parting;
pub use stretches::Stretch;

use crate::exact::Ratio;

/// What was found out about a log.
#[derive(Clone, Debug, Default)]
pub struct Inferred {
    /// The prices of each model, from the beginning on; mostly one.
    pub models: BTreeMap<String, Vec<Stretch>>,
    pub groups: Groups,
}

/// The rows of a log, by model and group.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    by_model: BTreeMap<String, BTreeMap<String, Thinned>>,
    /// All models that were charged, those of unused rows too.
    pub models: BTreeSet<String>,
    /// Rows that were not used: what they are charged for is not known, or follows from an expression.
    pub left_out: u64,
    rows: u64,
    first: Option<i64>,
    last: Option<i64>,
}

/// Rows that are spread evenly over the log, however many there are.
#[derive(Clone, Debug, Default)]
struct Thinned {
    rows: Vec<Sample>,
    /// Of so many (a power of two) one is kept.
    step: u32,
    seen: u64,
}

/// More rows of one model and group say little new.
const MOST_ROWS: usize = 400;
/// Special ratios are looked for so many times: those that were found show others.
const ROUNDS: usize = 3;

impl Thinned {
    fn push(&mut self, make: impl FnOnce() -> Option<Sample>) -> bool {
        let is_kept = self.seen.trailing_zeros() >= self.step;
        let sample = if is_kept { make() } else { None };
        let is_used = sample.is_some() || !is_kept;
        self.seen += u64::from(is_used);
        self.rows.extend(sample);
        if self.rows.len() > MOST_ROWS {
            let mut index = 0;
            self.rows.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.step += 1;
        }
        is_used
    }
}

impl Samples {
    /// Takes a row.
    pub fn add(&mut self, row: &Observed<'_>) {
        self.models.insert(row.model.to_owned());
        let rows = self.by_model.entry(row.model.to_owned()).or_default().entry(row.group.to_owned()).or_default();
        self.rows += 1;
        self.first = self.first.or(row.time);
        self.last = row.time.or(self.last);
        if !rows.push(|| Sample::new(row, self.rows)) {
            self.left_out += 1;
        }
    }

    /// Counts a row that says nothing of ratios.
    pub fn leave_out(&mut self, model: &str) {
        self.models.insert(model.to_owned());
        self.left_out += 1;
    }

    pub fn is_empty(&self) -> bool {
        self.by_model.values().flat_map(BTreeMap::values).all(|rows| rows.rows.is_empty())
    }

    /// Solves for all ratios. `known` are the group ratios that are taken as given; where there are none, that of `default` is taken as 1,
    /// if it has rows and they do not print another one.
    pub fn infer(mut self, known: Option<&BTreeMap<String, Ratio>>) -> Inferred {
        let default = Cell::of_group("default");
        let is_printed = self.printed_groups().contains_key(&default);
        let has_rows = self.by_model.values().filter_map(|groups| groups.get("default")).flat_map(|thinned| &thinned.rows);
        let is_gauge = !is_printed && has_rows.into_iter().any(|sample| sample.cell == default);
        let gauge = is_gauge.then(|| ("default".to_owned(), Ratio::ONE)).into_iter().collect();
        let known = known.unwrap_or(&gauge);
        let mut inferred = Inferred::default();
        for _ in 0..ROUNDS {
            inferred = self.solve(&inferred.groups, known, &|_| Parting::Whole);
            self.set_apart(&inferred);
            self.part_groups(&inferred);
        }
        // Where a part has no price of its own, it is no part.
        let exact = self.solve(&inferred.groups, known, &|_| Parting::Exact);
        let nearly = self.solve(&inferred.groups, known, &|_| Parting::Nearly);
        let in_order: BTreeMap<&String, Vec<&Sample>> = self.in_order().collect();
        let parting = |model: &str| match in_order.get(&model.to_owned()) {
            Some(rows) if exact.is_parted(model, rows, Stretch::are_sure) => Parting::Exact,
            Some(rows) if nearly.is_parted(model, rows, Stretch::are_sure) => Parting::Nearly,
            Some(rows) if exact.is_parted(model, rows, Stretch::are_partly_sure) => Parting::Exact,
            _ => Parting::Whole,
        };
        inferred = self.solve(&inferred.groups, known, &parting);
        inferred.bound_rates(&self);
        inferred
    }

    /// Solves for the models, then for the groups. The ratios of `groups` tell what tools are charged.
    fn solve(&self, groups: &Groups, known: &BTreeMap<String, Ratio>, parting: &dyn Fn(&str) -> Parting) -> Inferred {
        let models =
            self.in_order().map(|(model, samples)| (model.clone(), stretches::stretches(&samples, groups, parting(model))));
        let models = models.filter(|(_, stretches)| stretches.iter().any(|stretch| stretch.fit.rows > 0)).collect();
        let mut inferred = Inferred { models, groups: Groups::given(known) };
        inferred.separate(self);
        inferred
    }

    /// Whether the log begins with its last row.
    fn is_newest_first(&self) -> bool {
        self.first > self.last
    }

    /// The rows of each model in the order of time; within a second in that of the log, which may begin with the newest.
    fn in_order(&self) -> impl Iterator<Item = (&String, Vec<&Sample>)> {
        self.by_model.iter().map(|(model, groups)| {
            let mut samples: Vec<&Sample> = groups.values().flat_map(|thinned| &thinned.rows).collect();
            if self.is_newest_first() {
                samples.sort_by_key(|sample| (sample.time, Reverse(sample.order)));
            } else {
                samples.sort_by_key(|sample| (sample.time, sample.order));
            }
            (model, samples)
        })
    }

    /// Gives the rows of a group from the time on when its ratio changed a cell of their own.
    fn part_groups(&mut self, inferred: &Inferred) {
        let changes = inferred.group_changes(self);
        let samples = self.by_model.values_mut().flat_map(BTreeMap::values_mut).flat_map(|thinned| &mut thinned.rows);
        for sample in samples.filter(|sample| sample.cell.user.is_none() && sample.cell.since.is_none()) {
            let times = changes.get(&sample.cell.group).into_iter().flatten();
            sample.cell.since = times.copied().rfind(|from| sample.time >= Some(*from));
        }
    }

    /// Gives users whose rows in a group all have another ratio than the group a cell of their own.
    fn set_apart(&mut self, inferred: &Inferred) {
        let special = inferred.special(self);
        let samples = self.by_model.values_mut().flat_map(BTreeMap::values_mut).flat_map(|thinned| &mut thinned.rows);
        for sample in
            samples.filter(|sample| sample.may_be_special() && special.contains(&(sample.cell.group.clone(), sample.user.clone())))
        {
            sample.cell.user = Some(sample.user.clone());
        }
    }
}

impl Inferred {
    fn fits(&self) -> impl Iterator<Item = &ModelFit> {
        self.models.values().flatten().map(|stretch| &stretch.fit)
    }

    /// Whether a model has several prices, each of its own.
    fn is_parted(&self, model: &str, rows: &[&Sample], are_told: fn(&[Stretch]) -> bool) -> bool {
        let is_told = |stretches: &Vec<Stretch>| {
            let differ = stretches.windows(2).all(|pair| pair[0].differs(&pair[1]));
            let is_charge = |three: &[Stretch]| !three[0].differs(&three[2]) && self.is_single(three, rows);
            stretches.len() > 1 && are_told(stretches) && differ && !stretches.windows(3).any(is_charge)
        };
        self.models.get(model).is_some_and(is_told)
    }

    /// Whether the price before gives all rows of the second of three stretches but one: then it is the charge of that one that is wrong. Within a
    /// second no price is told.
    fn is_single(&self, three: &[Stretch], rows: &[&Sample]) -> bool {
        if three[2].mixed().is_some_and(|second| three[1].from == Some(second)) {
            return false;
        }
        let is_within = |sample: &&&Sample| three[1].from <= sample.time && sample.time < three[2].from;
        let others = rows.iter().filter(is_within).filter(|sample| three[0].fit.gives(sample, &self.groups) != Some(true));
        others.count() <= 1
    }

    /// The prices that hold for a model at a time.
    fn at(&self, model: &str, time: Option<i64>) -> Option<&ModelFit> {
        let stretches = self.models.get(model)?;
        stretches.get(self.stretch_at(model, time)).map(|stretch| &stretch.fit)
    }

    /// Which of the stretches of a model holds a time.
    pub fn stretch_at(&self, model: &str, time: Option<i64>) -> usize {
        let Some(stretches) = self.models.get(model) else { return 0 };
        stretches.iter().rposition(|stretch| stretch.from.is_none_or(|from| time >= Some(from))).unwrap_or(0)
    }

    /// Whether the ratio of a group was given.
    pub fn is_given(&self, group: &str) -> bool {
        self.groups.ratios.get(&Cell::of_group(group)).is_some_and(|(_, said)| *said == Said::Given)
    }

    /// The stretch that may begin with a row of that time instead of its first sample, with the time.
    pub fn begins_after(&self, model: &str, time: i64) -> Option<(usize, i64)> {
        let may = |stretch: &Stretch| stretch.after < Some(time) && stretch.from > Some(time);
        let stretches = self.models.get(model)?;
        stretches.iter().position(may).filter(|at| *at > 0).map(|at| (at, time))
    }

    /// Lets a stretch begin earlier.
    pub fn begin_earlier(&mut self, model: &str, stretch: usize, time: i64) {
        if let Some(stretch) = self.models.get_mut(model).and_then(|stretches| stretches.get_mut(stretch)) {
            stretch.from = stretch.from.map(|from| from.min(time));
        }
    }

    fn bound_rates(&mut self, samples: &Samples) {
        let groups = &self.groups;
        for (model, rows) in samples.in_order() {
            let Some(stretches) = self.models.get_mut(model) else { continue };
            let ends: Vec<Option<i64>> = stretches.iter().skip(1).map(|next| next.from).chain([None]).collect();
            for (stretch, end) in stretches.iter_mut().zip(ends) {
                let is_within = |time: Option<i64>| {
                    stretch.from.is_none_or(|from| time >= Some(from)) && end.is_none_or(|end| time < Some(end))
                };
                let own: Vec<&Sample> = rows.iter().copied().filter(|sample| is_within(sample.time)).collect();
                stretch.fit.bound_rates(&own, groups);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::{Charged, Points};
    use crate::pricing::{Class, Terms, price};

    fn ratio(text: &str) -> Ratio {
        text.parse().unwrap()
    }

    fn observe(samples: &mut Samples, model: &str, group: &str, charged: Points, terms: &Terms) {
        let charged = &Charged::Points(charged);
        samples.add(&Observed {
            model,
            group,
            user: "",
            special: Special::Unsaid,
            time: None,
            charged,
            terms,
            printed: None,
            is_all_printed: false,
        });
    }

    #[track_caller]
    fn fit<'f>(found: &'f Inferred, model: &str) -> &'f ModelFit {
        let [stretch] = found.models[model].as_slice() else { panic!("{model} has several prices") };
        &stretch.fit
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
        observe(samples, model, group, charged, &terms);
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
        let found = samples.infer(None);
        let model = |name: &str| fit(&found, name).ratio.clone().unwrap().value;
        let rate = |name: &str, class| fit(&found, name).rates[&class].value;
        assert_eq!((model("m"), model("n")), (Some(ratio("1.25")), Some(ratio("0.075"))));
        assert_eq!(found.groups.ratio(&Cell::of_group("vip")), Some(ratio("0.85")));
        assert_eq!((rate("m", Class::Output), rate("n", Class::Output)), (ratio("4"), ratio("3.5")));
        assert_eq!((rate("m", Class::Cached), rate("n", Class::Cached)), (ratio("0.1"), ratio("0.5")));
    }

    #[test]
    fn a_small_charge_leaves_its_ratio_open() {
        let mut samples = Samples::default();
        add(&mut samples, "m", "default", [62, 0, 0], ["1.25", "1", "1", "1"]);
        let found = samples.infer(None);
        assert_eq!(fit(&found, "m").ratio.as_ref().unwrap().value, None);
    }

    /// Whether a completion ratio that so many rows show is sure, beside rows that determine the model's ratio.
    #[track_caller]
    fn check_rate(completions: &[&str], expected: bool) {
        let mut samples = Samples::default();
        for tokens in [100_003, 70_001, 50_021] {
            add(&mut samples, "m", "default", [tokens, 0, 0], ["1.25", "1", "1", "1"]);
        }
        for (tokens, completion) in [30_007, 90_011].into_iter().zip(completions) {
            add(&mut samples, "m", "default", [tokens / 3, tokens, 0], ["1.25", completion, "1", "1"]);
        }
        let found = samples.infer(None);
        assert_eq!(fit(&found, "m").rates[&Class::Output].is_sure(), expected, "{completions:?}");
    }

    #[test]
    fn two_rows_that_agree_show_a_rate_where_others_show_the_ratio() {
        check_rate(&["3.5", "3.5"], true);
        check_rate(&["3.5"], false);
        check_rate(&["3.5", "3.6"], false);
    }

    /// 1000 tokens leave 0.9995 to 1.0005; 9000 and 3 of the cache, charged 9000, would leave 0.99961 to 0.99972 if these 3 cost as much as input.
    #[test]
    fn a_rate_that_no_row_determines_narrows_nothing() {
        let mut samples = Samples::default();
        for (group, ratio, factor) in [("default", "1", 1), ("vip", "0.5", 2)] {
            for tokens in [[1_000, 0, 0], [1_002, 0, 0], [998, 0, 0], [9_000, 0, 3]] {
                add(&mut samples, "m", group, [tokens[0] * factor, 0, tokens[2]], ["1", "1", "0.1", ratio]);
            }
        }
        let found = samples.infer(None);
        let fit = fit(&found, "m");
        assert_eq!((fit.exact_ratio(), fit.ratio.as_ref().unwrap().rows), (Some(ratio("1")), 6));
        assert!(fit.rates[&Class::Cached].is_open());
        let (vip, said) = &found.groups.ratios[&Cell::of_group("vip")];
        assert_eq!((vip.value, *said, vip.is_open), (Some(ratio("0.5")), Said::Solved, false));
        assert!(vip.interval.holds(&ratio("0.5").into()) && vip.interval.holds(&ratio("0.5002").into()));
    }

    const MODELS: [(&str, &str); 6] = [("a", "1.25"), ("b", "0.075"), ("c", "2.5"), ("d", "0.55"), ("e", "15"), ("f", "0.625")];

    /// The model ratios that are found where no row is in `default`, and the ratio of `vip`.
    fn found_by_gauge(groups: &[(&str, &str, usize)]) -> (Vec<Option<Ratio>>, Option<Ratio>) {
        let mut samples = Samples::default();
        for (model, ratio) in MODELS {
            for (group, factor, rows) in groups {
                for tokens in [100_003, 70_001, 50_021].into_iter().take(*rows) {
                    add(&mut samples, model, group, [tokens, 0, 0], [ratio, "1", "1", factor]);
                }
            }
        }
        let found = samples.infer(None);
        let ratios = MODELS.map(|(model, _)| fit(&found, model).exact_ratio());
        (ratios.into(), found.groups.ratio(&Cell::of_group("vip")))
    }

    #[test]
    fn the_gauge_makes_the_numbers_short() {
        let true_ratios: Vec<Option<Ratio>> = MODELS.map(|(_, own)| Some(ratio(own))).into();
        // Most rows are in `vip`: at 1 it would make 1.515152 of `std`.
        assert_eq!(found_by_gauge(&[("vip", "0.66", 3), ("std", "1", 2)]), (true_ratios.clone(), Some(ratio("0.66"))));
        // Neither 0.7 / 0.66 nor 0.66 / 0.7 ends.
        let (found, vip) = found_by_gauge(&[("vip", "0.66", 3), ("std", "0.7", 2)]);
        assert!(found.iter().all(|ratio| ratio.is_some_and(|ratio| ratio.mantissa() < 10_000)), "{found:?}");
        assert!(vip.is_some_and(|vip| vip.mantissa() < 1_000), "{vip:?}");
        // What is short by itself stays.
        assert_eq!(found_by_gauge(&[("vip", "1", 3)]), (true_ratios, Some(ratio("1"))));
    }

    #[test]
    fn a_price_per_call_does_not_hang_on_tokens() {
        let mut samples = Samples::default();
        for tokens in [10, 5_000, 70] {
            let mut terms = Terms::tokens(Ratio::ONE, Ratio::ONE);
            terms.add(Class::Input, tokens, Ratio::ONE);
            observe(&mut samples, "m", "default", Points(20_000), &terms);
        }
        let found = samples.infer(None);
        let fit = fit(&found, "m");
        assert!(fit.per_call);
        assert_eq!(fit.ratio.as_ref().unwrap().value, Some(ratio("0.04")));
    }

    #[test]
    fn rows_of_a_long_log_are_spread_over_it() {
        let mut samples = Samples::default();
        for row in 0..5_000 {
            add(&mut samples, "m", "default", [1_000 + row, 0, 0], ["1", "1", "1", "1"]);
        }
        let kept = &samples.by_model["m"]["default"];
        assert!(kept.rows.len() > MOST_ROWS / 2 && kept.rows.len() <= MOST_ROWS, "{}", kept.rows.len());
        assert!(kept.rows.last().unwrap().order > 4_900);
        assert_eq!((samples.left_out, kept.seen), (0, 5_000));
    }
}
