//! Sums over verdicts. Merging two summaries is associative and commutative, and an empty one changes nothing.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::AddAssign;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::diagnose::{CauseSet, ClassCauses, ClassKey, Classes, Examples, MOST_ASIDE, MOST_CLASSES, Told, diagnose_by_numbers};
use super::filter::told_group;
use super::finding::{Finding, Ranked, rank};
use super::policy::Policies;
use super::totals::{By, CaseTally, Cases, Span, Tally, Totals};
use super::watch::who;
use super::wire::{listed, reasons};
use super::{Causes, Class, Judged, Policy, Verdict, Word, pairs};
use crate::exact::Points;
use crate::log::{LogEntry, Place};
use crate::pricing::{AlikeTerms, Reason, Terms};
use crate::profile::{Profile, Quirk, Skip};

/// A ratio that differs from the config's: the key of a drift entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DriftKey {
    pub key: Word,
    /// The model, or none where the number is a group's.
    pub model: Option<String>,
    pub group: Option<String>,
    pub configured: String,
    pub logged: String,
}

/// Rows that show one quirk; the points charged beyond the rules are none where those of any row are not known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuirkKey {
    pub rows: u64,
    pub net_points: Option<i128>,
    pub span: Span,
}

/// Rows of one model and group that are right to the point, with nothing else to tell of them.
#[derive(Clone, Copy, Debug)]
pub struct Plain<'a> {
    pub model: &'a str,
    pub group: &'a str,
    pub profile: Profile,
    pub presumed: Option<Reason>,
    pub rows: u64,
    pub points: i128,
    pub span: Span,
}

/// Rows of one model and group that are wrong by the same definite causes, with nothing else to tell of them.
#[derive(Clone, Copy, Debug)]
pub struct PlainWrong<'a> {
    pub model: &'a str,
    pub group: &'a str,
    pub profile: Profile,
    pub causes: CauseSet,
    pub rows: u64,
    pub points: i128,
    /// The points charged beyond the expected ones, less those that were not charged.
    pub net: i128,
    /// The overcharged rows, and what they were charged beyond the expected points.
    pub over: u64,
    pub over_points: i128,
    pub span: Span,
}

/// What a run found.
#[derive(Debug, Serialize, Deserialize)]
pub struct Summary {
    pub totals: Totals,
    pub period: Span,
    pub profiles: BTreeMap<Profile, u64>,
    #[serde(with = "reasons")]
    pub unrated_reasons: BTreeMap<Reason, u64>,
    /// The points of the same rows.
    #[serde(with = "reasons")]
    pub unrated_points: BTreeMap<Reason, i128>,
    #[serde(with = "reasons")]
    pub presumed: BTreeMap<Reason, u64>,
    pub skips: BTreeMap<Skip, u64>,
    /// What the mismatched rows of each model and group have in common.
    classes: Classes,
    /// Their causes, once somebody has asked.
    #[serde(skip)]
    causes: OnceLock<ClassCauses>,
    #[serde(with = "pairs")]
    pub drift: BTreeMap<DriftKey, (u64, Span)>,
    pub quirks: BTreeMap<Quirk, QuirkKey>,
    /// By finding, and what is said of it.
    pub policy: Policies,
    by: BTreeMap<By, BTreeMap<String, Tally>>,
    /// The charges of each model in each group, where they are kept.
    pub cases: Option<Cases>,
    /// Rows that show what each class of findings is, where they are kept.
    examples: Option<Examples>,
    /// The first malformed rows, for messages.
    pub malformed: Vec<(Place, String)>,
    #[serde(with = "listed")]
    worst: BinaryHeap<Reverse<Ranked>>,
    /// How many findings there were.
    #[serde(skip)]
    told: u64,
    limit: usize,
}

/// How many malformed rows are told one by one.
const MALFORMED_TOLD: usize = 10;

impl Summary {
    /// So many wrong rows of a class are kept to be asked for numbers, and only in so many classes.
    pub const MOST_ASIDE: usize = MOST_ASIDE;
    pub const MOST_CLASSES_ASIDE: usize = MOST_CLASSES;

    /// An empty summary that keeps the `limit` findings with the largest difference and breaks totals down by `by`.
    pub fn new(limit: usize, by: &[By]) -> Summary {
        Summary {
            totals: Totals::default(),
            period: Span::default(),
            profiles: BTreeMap::new(),
            unrated_reasons: BTreeMap::new(),
            unrated_points: BTreeMap::new(),
            presumed: BTreeMap::new(),
            skips: BTreeMap::new(),
            classes: Classes::default(),
            causes: OnceLock::new(),
            drift: BTreeMap::new(),
            quirks: BTreeMap::new(),
            policy: Policies::default(),
            by: by.iter().map(|by| (*by, BTreeMap::new())).collect(),
            cases: None,
            examples: None,
            malformed: Vec::new(),
            worst: BinaryHeap::new(),
            told: 0,
            limit,
        }
    }

    /// A summary that keeps each model in each group, and a row that shows each class of findings, as well.
    pub fn with_cases(self) -> Summary {
        Summary { cases: Some(Cases::new()), examples: Some(Examples::default()), ..self }
    }

    /// Counts a row. `day` names the day of its time, for the breakdown by day.
    pub fn add(&mut self, place: Place, entry: Option<&LogEntry<'_>>, verdict: &Verdict, day: &dyn Fn(i64) -> String) {
        self.totals.count(verdict.class);
        if let Some(skip) = verdict.skip {
            *self.skips.entry(skip).or_default() += 1;
        }
        if let Some(error) = verdict.error.as_ref().filter(|_| self.malformed.len() < MALFORMED_TOLD) {
            self.malformed.push((place, error.to_string()));
        }
        if let Some((quirk, net)) = verdict.noted {
            self.add_quirk(quirk, Some(net), Span::of(entry.and_then(|entry| entry.time)));
        }
        if let (Some(entry), Some(judged)) = (entry, verdict.charge.as_deref()) {
            self.add_charge(entry, verdict, judged, day);
        }
    }

    /// The breakdowns by names that stand in single rows.
    pub fn by_names(&self) -> Vec<By> {
        self.by.keys().copied().filter(|by| matches!(by, By::Token | By::User | By::Channel)).collect()
    }

    /// Counts rows that are right, but for breakdowns by day and by names.
    pub fn add_plain(&mut self, part: &Plain<'_>) {
        self.totals.rows += part.rows;
        self.totals.matched += part.rows;
        self.totals.charged_points += part.points;
        self.totals.expected_points += part.points;
        self.period.merge(part.span);
        *self.profiles.entry(part.profile).or_default() += part.rows;
        if let Some(reason) = part.presumed {
            *self.presumed.entry(reason).or_default() += part.rows;
        }
        let tally = Tally { rows: part.rows, charged_points: part.points, expected_points: part.points, mismatched: 0 };
        self.add_tally(part.model, part.group, &tally);
    }

    /// Counts rows that are wrong, but for breakdowns by day and by names; only where a wrong row of the same model and group was
    /// [added](Summary::add).
    pub fn add_plain_wrong(&mut self, part: &PlainWrong<'_>) {
        let expected = part.points - part.net;
        self.totals.rows += part.rows;
        self.totals.overcharged += part.over;
        self.totals.undercharged += part.rows - part.over;
        self.totals.charged_points += part.points;
        self.totals.expected_points += expected;
        self.totals.over_points += part.over_points;
        self.totals.under_points += part.over_points - part.net;
        self.period.merge(part.span);
        *self.profiles.entry(part.profile).or_default() += part.rows;
        let tally = Tally { rows: part.rows, charged_points: part.points, expected_points: expected, mismatched: part.rows };
        self.add_tally(part.model, part.group, &tally);
        let key = ClassKey { model: part.model.to_owned(), group: part.group.to_owned() };
        self.classes.add_alike(key, part.causes, &Told { tally, span: part.span, over: part.over });
        self.causes = OnceLock::new();
    }

    /// Whether somebody asks which rows show something new: the first with each cause must then be [added](Summary::add), and all
    /// that have no definite one.
    pub fn wants_examples(&self) -> bool {
        self.examples.is_some()
    }

    /// Counts what explains one of those rows that have no definite causes.
    pub fn add_unexplained(&mut self, class: &ClassKey, terms: &Terms, (charged, expected): (Points, Points), time: Option<i64>) {
        let diagnosis = diagnose_by_numbers(terms, charged);
        self.classes.add_asked(class, (terms, charged), &diagnosis, &Told::one(charged, expected, time));
        self.causes = OnceLock::new();
    }

    /// Keeps one of those rows, as long as there are few: it may be asked for numbers.
    pub fn keep_aside(
        &mut self,
        class: &ClassKey,
        causes: CauseSet,
        terms: AlikeTerms,
        (charged, expected): (Points, Points),
        time: Option<i64>,
    ) {
        self.classes.keep_aside(class, causes, (terms, charged), Told::one(charged, expected, time));
    }

    fn add_tally(&mut self, model: &str, group: &str, tally: &Tally) {
        for (by, key) in [(By::Model, model), (By::Group, group)] {
            if let Some(parts) = self.by.get_mut(&by) {
                parts.entry(key.to_owned()).or_default().merge(tally);
            }
        }
        if let Some(cases) = &mut self.cases {
            let case = cases.entry(model.to_owned()).or_default().entry(group.to_owned()).or_default();
            case.tally.merge(tally);
        }
    }

    /// Counts rows that are no charges to audit.
    pub fn add_skipped(&mut self, skip: Skip, rows: u64) {
        if rows > 0 {
            self.totals.rows += rows;
            self.totals.skipped += rows;
            *self.skips.entry(skip).or_default() += rows;
        }
    }

    /// Counts the same rows by day, or by the name of a token, a user or a channel.
    pub fn add_plain_of(&mut self, by: By, name: &str, rows: u64, points: i128) {
        if let Some(parts) = self.by.get_mut(&by) {
            let tally = Tally { rows, charged_points: points, expected_points: points, mismatched: 0 };
            parts.entry(name.to_owned()).or_default().merge(&tally);
        }
    }

    /// Tells that so many of the rows of a day or a name are wrong, by so many points.
    pub fn add_plain_wrong_of(&mut self, by: By, name: &str, rows: u64, net: i128) {
        if let Some(parts) = self.by.get_mut(&by) {
            let tally = parts.entry(name.to_owned()).or_default();
            tally.expected_points -= net;
            tally.mismatched += rows;
        }
    }

    fn add_charge(&mut self, entry: &LogEntry<'_>, verdict: &Verdict, judged: &Judged, day: &dyn Fn(i64) -> String) {
        let span = Span::of(entry.time);
        self.totals.add(verdict.class, judged);
        self.period.merge(span);
        if let Some(profile) = verdict.profile {
            *self.profiles.entry(profile).or_default() += 1;
        }
        match (verdict.class, judged.reason) {
            (Class::Unrated, Some(reason)) => {
                *self.unrated_reasons.entry(reason).or_default() += 1;
                *self.unrated_points.entry(reason).or_default() += i128::from(judged.charged.0);
            }
            (Class::Matched, Some(reason)) => *self.presumed.entry(reason).or_default() += 1,
            _ => {}
        }
        let group = told_group(entry, verdict.profile);
        self.add_drift((entry.model, group), judged, span);
        if let Some((quirk, net)) = judged.quirk {
            self.add_quirk(quirk, net, span);
        }
        for policy in &judged.notices {
            self.add_policy(*policy, detail(*policy, entry, judged), 1, span);
        }
        self.add_breakdowns(entry, verdict, judged, day);
        self.add_case((entry.model, group), verdict.class, judged);
        if let Some(diagnosis) = &judged.diagnosis {
            let told = Told { tally: Tally::of(verdict.class, judged), span, over: u64::from(verdict.class == Class::Overcharged) };
            let key = ClassKey { model: entry.model.to_owned(), group: group.to_owned() };
            if let Some(examples) = &mut self.examples {
                examples.add(&key, diagnosis, || Finding::new(entry.place, Some(entry), verdict.clone()));
            }
            self.classes.add(&key, judged, diagnosis, &told);
            self.causes = OnceLock::new();
            self.keep(entry, verdict);
        }
    }

    /// Counts a finding beside the charges.
    pub fn add_policy(&mut self, policy: Policy, detail: String, rows: u64, span: Span) {
        self.policy.add(policy, detail, rows, span);
    }

    fn add_drift(&mut self, (model, group): (&str, &str), judged: &Judged, span: Span) {
        for difference in &judged.drift {
            let of_group = difference.is_of_group();
            let key = DriftKey {
                key: difference.key.clone(),
                model: (!of_group).then(|| model.to_owned()),
                group: of_group.then(|| group.to_owned()),
                configured: difference.configured.clone(),
                logged: difference.logged.clone(),
            };
            let (rows, times) = self.drift.entry(key).or_default();
            *rows += 1;
            times.merge(span);
        }
    }

    fn add_quirk(&mut self, quirk: Quirk, net: Option<i128>, span: Span) {
        let told = QuirkKey { rows: 1, net_points: net, span };
        self.quirks.entry(quirk).and_modify(|sum| sum.merge(&told)).or_insert(told);
    }

    fn add_breakdowns(&mut self, entry: &LogEntry<'_>, verdict: &Verdict, judged: &Judged, day: &dyn Fn(i64) -> String) {
        if verdict.class == Class::Unrated {
            return;
        }
        let part = Tally::of(verdict.class, judged);
        for (by, parts) in &mut self.by {
            let of_day;
            let key = match by {
                By::Model => entry.model,
                By::Group => told_group(entry, verdict.profile),
                By::Token => entry.token,
                By::User => entry.user,
                By::Channel => entry.channel,
                By::Day => {
                    of_day = entry.time.map(day).unwrap_or_default();
                    &of_day
                }
                // Known at the end of the run, from the classes.
                By::Cause => continue,
            };
            match parts.get_mut(key) {
                Some(tally) => tally.merge(&part),
                None => {
                    parts.insert(key.to_owned(), part.clone());
                }
            }
        }
    }

    fn add_case(&mut self, (model, group): (&str, &str), class: Class, judged: &Judged) {
        let Some(cases) = &mut self.cases else { return };
        let part = match class {
            Class::Unrated => CaseTally { unrated: 1, unrated_points: judged.charged.0.into(), ..CaseTally::default() },
            _ => CaseTally { tally: Tally::of(class, judged), ..CaseTally::default() },
        };
        match cases.get_mut(model).and_then(|groups| groups.get_mut(group)) {
            Some(sum) => sum.merge(&part),
            None => {
                cases.entry(model.to_owned()).or_default().insert(group.to_owned(), part);
            }
        }
    }

    /// Makes a finding of a row and keeps it, if it is among the largest.
    fn keep(&mut self, entry: &LogEntry<'_>, verdict: &Verdict) {
        if self.omits().is_some_and(|most| rank(verdict) <= most) {
            return;
        }
        self.add_finding(Finding::new(entry.place, Some(entry), verdict.clone()));
    }

    /// Differences of at most so many points are not among the largest any more; none while all are.
    pub fn omits(&self) -> Option<u128> {
        match self.limit {
            0 => Some(u128::MAX),
            limit if self.worst.len() < limit => None,
            _ => self.worst.peek().map(|least| rank(&least.0.finding.verdict)),
        }
    }

    /// Keeps a finding if it is among the largest.
    pub fn add_finding(&mut self, finding: Finding) {
        self.told += 1;
        self.push(Ranked { finding, number: self.told });
    }

    fn push(&mut self, finding: Ranked) {
        self.worst.push(Reverse(finding));
        if self.worst.len() > self.limit {
            self.worst.pop();
        }
    }

    /// The causes of all mismatched rows.
    pub fn causes(&self) -> &ClassCauses {
        self.causes.get_or_init(|| self.classes.causes())
    }

    /// The breakdowns, that by cause included.
    pub fn breakdowns(&self, causes: &ClassCauses) -> BTreeMap<By, BTreeMap<String, Tally>> {
        let mut breakdowns = self.by.clone();
        if let Some(by_cause) = breakdowns.get_mut(&By::Cause) {
            by_cause.extend(causes.totals.iter().map(|(cause, total)| (cause.to_string(), total.told.tally.clone())));
        }
        breakdowns
    }

    /// The findings that were kept, in input order.
    pub fn findings(&self) -> Vec<&Finding> {
        let mut findings: Vec<&Ranked> = self.worst.iter().map(|Reverse(ranked)| ranked).collect();
        findings.sort_by_key(|ranked| ranked.order());
        findings.into_iter().map(|ranked| &ranked.finding).collect()
    }

    /// The first row of a class to which a cause is told, as far as it is known.
    pub fn example(&self, cause: Causes, class: &ClassKey, causes: &ClassCauses) -> Option<&Finding> {
        self.examples.as_ref().and_then(|examples| examples.first(cause, class, causes))
    }

    /// How many over- and undercharged rows are not among the findings.
    pub fn findings_omitted(&self) -> u64 {
        self.totals.overcharged + self.totals.undercharged - self.worst.len() as u64
    }

    /// Keeps no more than so many findings, the largest.
    pub fn limit_to(&mut self, limit: usize) {
        self.limit = self.limit.min(limit);
        while self.worst.len() > self.limit {
            self.worst.pop();
        }
    }

    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Gives the inputs other numbers: that at index 0 becomes `numbers[0]`.
    pub fn renumber(&mut self, numbers: &[u32]) {
        let renumber = |place: &mut Place| place.input = numbers.get(place.input as usize).copied().unwrap_or(place.input);
        self.malformed.iter_mut().for_each(|(place, _)| renumber(place));
        let mut worst = std::mem::take(&mut self.worst).into_vec();
        worst.iter_mut().for_each(|Reverse(ranked)| renumber(&mut ranked.finding.place));
        self.worst = worst.into();
        let examples = self.examples.iter_mut().flat_map(Examples::findings_mut);
        examples.for_each(|finding| renumber(&mut finding.place));
    }

    /// Adds what another part of the same run found. Of two limits the smaller holds: no more is known of the other part.
    pub fn merge(&mut self, other: Summary) {
        self.limit_to(other.limit);
        self.totals.merge(&other.totals);
        self.period.merge(other.period);
        add_counts(&mut self.profiles, other.profiles);
        add_counts(&mut self.unrated_reasons, other.unrated_reasons);
        add_counts(&mut self.unrated_points, other.unrated_points);
        add_counts(&mut self.presumed, other.presumed);
        add_counts(&mut self.skips, other.skips);
        self.classes.merge(other.classes);
        self.causes = OnceLock::new();
        for (key, (rows, span)) in other.drift {
            let sum = self.drift.entry(key).or_default();
            sum.0 += rows;
            sum.1.merge(span);
        }
        self.policy.merge(other.policy);
        for (quirk, part) in other.quirks {
            self.quirks.entry(quirk).and_modify(|sum| sum.merge(&part)).or_insert(part);
        }
        for (by, parts) in other.by {
            let sums = self.by.entry(by).or_default();
            parts.into_iter().for_each(|(key, part)| sums.entry(key).or_default().merge(&part));
        }
        for (model, groups) in other.cases.into_iter().flatten() {
            let sums = self.cases.get_or_insert_default().entry(model).or_default();
            groups.iter().for_each(|(group, part)| sums.entry(group.clone()).or_default().merge(part));
        }
        if let Some(examples) = other.examples {
            self.examples.get_or_insert_default().merge(examples);
        }
        self.malformed.extend(other.malformed);
        self.malformed.sort();
        self.malformed.truncate(MALFORMED_TOLD);
        other.worst.into_iter().for_each(|Reverse(finding)| self.push(finding));
    }
}

/// What is said of a row beside its charge.
fn detail(policy: Policy, entry: &LogEntry<'_>, judged: &Judged) -> String {
    let sentence = policy.sentence();
    match policy {
        Policy::DuplicateCharge => {
            let points = judged.charged.0;
            format!("request `{}` of {}, model `{}`: {points} points again", entry.request_id, who(entry), entry.model)
        }
        Policy::ModelNotInGroup => format!("`{}` in group `{}`: {sentence}", entry.model, entry.group_or_default()),
        Policy::FallbackGroupUsed => {
            let of = if entry.user_group.is_empty() { String::new() } else { format!(" for `{}`", entry.user_group) };
            format!("`{}`{of}, {}: {sentence}", entry.group, who(entry))
        }
        Policy::GroupUnknown => format!("`{}`: {sentence}", entry.group),
        _ => sentence.to_owned(),
    }
}

impl QuirkKey {
    fn merge(&mut self, other: &QuirkKey) {
        self.rows += other.rows;
        self.net_points = self.net_points.zip(other.net_points).map(|(a, b)| a + b);
        self.span.merge(other.span);
    }
}

fn add_counts<K: Ord, N: Default + AddAssign>(sums: &mut BTreeMap<K, N>, parts: BTreeMap<K, N>) {
    parts.into_iter().for_each(|(key, count)| *sums.entry(key).or_default() += count);
}
