//! What a report says, as every format says it: each number is computed here, once, and the formats only write it.
//!
//! A view is plain data over a [`Report`], whether its summary comes from one run or from several parts that were merged.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::text::{grouped, points_text, time_text, usd_of, usd_text};
use super::{InputInfo, Report};
use crate::audit::{By, Causes, ClassCauses, ClassKey, Finding, Judged, Span, Summary, Tally, Told, Word};
use crate::config::Source;
use crate::exact::{Exact, Points, Ratio, Whole};
use crate::pricing::Reason;

/// A map with its keys in the order of the list.
#[derive(Debug)]
pub struct Ordered<K, V>(pub Vec<(K, V)>);

impl<K: Serialize, V: Serialize> Serialize for Ordered<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// An amount in USD: `$0.123456` for people, all its digits for machines.
#[derive(Clone, Debug, PartialEq)]
pub struct Usd(pub Exact);

impl Usd {
    /// All digits.
    pub fn exact(&self) -> String {
        self.0.clone().normalized().to_string()
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&usd_text(&self.0))
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.exact())
    }
}

/// Everything that a report says.
#[derive(Debug)]
pub struct View<'a> {
    pub inputs: Vec<Input<'a>>,
    pub config: ConfigPart<'a>,
    pub period: Times,
    pub totals: TotalsPart,
    /// USD of the points charged too much and too little.
    pub over_usd: Usd,
    pub under_usd: Usd,
    pub unrated_reasons: Vec<ReasonPart>,
    pub presumed: Vec<ReasonPart>,
    pub causes: Vec<CausePart>,
    /// The classes of findings, those with the largest difference first.
    pub classes: Vec<ClassPart<'a>>,
    /// Each model in each group, where the summary keeps them.
    pub cases: Vec<CasePart<'a>>,
    pub drift: Vec<DriftPart<'a>>,
    pub policy: Vec<PolicyPart<'a>>,
    pub quirks: Vec<QuirkPart>,
    /// All breakdowns that the summary keeps.
    pub breakdowns: Vec<(By, Vec<ByPart>)>,
    /// The breakdowns that were asked for.
    pub asked: &'a [By],
    /// The findings that are listed, in input order.
    pub findings: Vec<FindingPart<'a>>,
    pub findings_omitted: u64,
    /// The causes of the classes.
    pub class_causes: &'a ClassCauses,
    quota_per_unit: Ratio,
}

#[derive(Debug, Serialize)]
pub struct Input<'a> {
    pub name: &'a str,
    pub format: &'a str,
    pub rows: u64,
    pub bytes: u64,
}

#[derive(Debug, Serialize)]
pub struct ConfigPart<'a> {
    pub sources: Vec<SourcePart<'a>>,
    pub basis: &'static str,
    pub profile: &'static str,
    pub quota_per_unit: String,
    pub profiles: Ordered<&'static str, u64>,
}

#[derive(Debug, Serialize)]
pub struct SourcePart<'a> {
    pub name: &'a str,
    pub format: &'a str,
    pub sha256: &'a str,
}

/// First and last time.
#[derive(Clone, Debug, Serialize)]
pub struct Times {
    pub first: Option<String>,
    pub last: Option<String>,
}

impl From<Span> for Times {
    fn from(span: Span) -> Times {
        Times { first: span.first.map(time_text), last: span.last.map(time_text) }
    }
}

#[derive(Debug, Serialize)]
pub struct TotalsPart {
    pub rows: u64,
    pub matched: u64,
    pub overcharged: u64,
    pub undercharged: u64,
    pub unrated: u64,
    pub skipped: u64,
    pub malformed: u64,
    pub charged_points: i128,
    pub expected_points: i128,
    pub over_points: i128,
    pub under_points: i128,
    pub net_points: i128,
    pub unrated_points: i128,
    pub charged_usd: Usd,
    pub expected_usd: Usd,
    pub net_usd: Usd,
    pub unrated_usd: Usd,
}

impl TotalsPart {
    /// Rows by class; their sum is the rows that were read.
    pub fn classes(&self) -> [(&'static str, u64); 6] {
        [
            ("matched", self.matched),
            ("overcharged", self.overcharged),
            ("undercharged", self.undercharged),
            ("unrated", self.unrated),
            ("skipped", self.skipped),
            ("malformed", self.malformed),
        ]
    }

    pub fn wrong(&self) -> u64 {
        self.overcharged + self.undercharged
    }

    /// Charges that could be judged.
    pub fn audited(&self) -> u64 {
        self.matched + self.wrong()
    }
}

/// Rows with one reason, and their points where those are told.
#[derive(Debug)]
pub struct ReasonPart {
    pub reason: &'static str,
    pub sentence: &'static str,
    pub rows: u64,
    pub points: Option<i128>,
}

#[derive(Debug, Serialize)]
pub struct CausePart {
    pub cause: String,
    pub rows: u64,
    pub net_points: i128,
    pub models: Vec<String>,
    pub groups: Vec<String>,
    #[serde(flatten)]
    pub times: Times,
    pub implied: BTreeMap<String, String>,
    #[serde(skip)]
    pub sentence: String,
}

/// The findings of a model in a group with one cause.
#[derive(Debug)]
pub struct ClassPart<'a> {
    pub cause: String,
    pub sentence: String,
    pub model: &'a str,
    pub group: &'a str,
    pub told: &'a Told,
    pub net_points: i128,
    pub times: Times,
    /// The first row, where it is kept, and the name of its input.
    pub first: Option<(&'a Finding, &'a str)>,
}

/// The charges of a model in a group.
#[derive(Debug)]
pub struct CasePart<'a> {
    pub model: &'a str,
    pub group: &'a str,
    pub tally: &'a Tally,
    pub net_points: i128,
    pub unrated: u64,
    pub unrated_points: i128,
}

#[derive(Debug, Serialize)]
pub struct DriftPart<'a> {
    pub key: &'a str,
    pub model: Option<&'a str>,
    pub group: Option<&'a str>,
    pub configured: &'a str,
    pub logged: &'a str,
    pub rows: u64,
    #[serde(flatten)]
    pub times: Times,
}

#[derive(Debug, Serialize)]
pub struct PolicyPart<'a> {
    pub finding: &'static str,
    pub level: &'static str,
    pub rows: u64,
    pub detail: &'a str,
    #[serde(flatten)]
    pub times: Times,
}

#[derive(Debug, Serialize)]
pub struct QuirkPart {
    pub quirk: &'static str,
    pub rows: u64,
    pub net_points: Option<i128>,
    pub detail: &'static str,
    #[serde(flatten)]
    pub times: Times,
}

#[derive(Debug, Serialize)]
pub struct ByPart {
    pub key: String,
    pub rows: u64,
    pub charged_points: i128,
    pub expected_points: i128,
    pub net_points: i128,
    pub mismatched: u64,
}

impl ByPart {
    /// Several parts in one; none of none.
    pub fn rest(parts: &[&ByPart], key: &str) -> Option<ByPart> {
        let sum = |number: fn(&ByPart) -> i128| parts.iter().map(|part| number(part)).sum::<i128>();
        (!parts.is_empty()).then(|| ByPart {
            key: key.to_owned(),
            rows: parts.iter().map(|part| part.rows).sum(),
            charged_points: sum(|part| part.charged_points),
            expected_points: sum(|part| part.expected_points),
            net_points: sum(|part| part.net_points),
            mismatched: parts.iter().map(|part| part.mismatched).sum(),
        })
    }
}

#[derive(Debug, Serialize)]
pub struct FindingPart<'a> {
    pub input: &'a str,
    pub line: u64,
    pub id: Option<Id<'a>>,
    pub request_id: Option<&'a str>,
    pub time: Option<String>,
    pub verdict: &'static str,
    pub cause: Option<String>,
    pub also: Vec<String>,
    pub implied: BTreeMap<String, String>,
    pub model: Option<&'a str>,
    pub group: Option<&'a str>,
    pub token: Option<&'a str>,
    pub user: Option<&'a str>,
    pub charged_points: Option<i64>,
    pub expected_points: Option<i64>,
    pub delta_points: Option<i128>,
    pub expected_exact: Option<String>,
    pub usage: Ordered<Word, i64>,
    pub ratios: Ordered<String, String>,
    pub logged_ratios: Ordered<&'a str, &'a str>,
    pub profile: Option<&'static str>,
    pub quirk: Option<&'static str>,
    pub reason: Option<&'static str>,
    pub bounds: Option<[i64; 2]>,
    pub detail: Option<String>,
}

/// An id as the gateway gives it: a number, or a uuid.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Id<'a> {
    Number(i64),
    Text(&'a str),
}

impl<'a> View<'a> {
    /// The view of a report. `causes` are those of its summary, for all formats once.
    pub fn new(report: &'a Report, causes: &'a ClassCauses) -> View<'a> {
        let summary = &report.summary;
        let part = |finding: &'a Finding| finding_part(finding, report.input_name(finding.place.input), Some(causes));
        View {
            inputs: report.inputs.iter().map(input).collect(),
            config: config(report),
            period: summary.period.into(),
            totals: totals(report),
            over_usd: Usd(report.usd.over.clone()),
            under_usd: Usd(report.usd.under.clone()),
            unrated_reasons: unrated_reasons(summary),
            presumed: presumed(summary),
            causes: cause_parts(causes),
            classes: classes(report, causes),
            cases: cases(summary),
            drift: drift(summary),
            policy: policy(summary),
            quirks: quirks(summary),
            breakdowns: breakdowns(summary, causes),
            asked: &report.by,
            findings: summary.findings().into_iter().map(part).collect(),
            findings_omitted: summary.findings_omitted(),
            class_causes: causes,
            quota_per_unit: report.quota_per_unit,
        }
    }

    /// Points in USD, at the points for 1 USD of the first input.
    pub fn usd(&self, points: i128) -> Usd {
        Usd(usd_of(&Exact::from(Whole::from(points)), self.quota_per_unit))
    }

    /// How much a difference is, in points and USD: `1,234 points too much ($0.002468)`.
    pub fn too_much(&self, net: i128) -> String {
        format!("{} ({})", too_much(net), self.usd(net.saturating_abs()))
    }

    /// The breakdowns that were asked for.
    pub fn by(&self) -> impl Iterator<Item = (By, &[ByPart])> {
        let is_asked = |(by, _): &&(By, Vec<ByPart>)| self.asked.contains(by);
        self.breakdowns.iter().filter(is_asked).map(|(by, parts)| (*by, parts.as_slice()))
    }

    /// A breakdown, where the summary keeps it.
    pub fn breakdown(&self, wanted: By) -> &[ByPart] {
        self.breakdowns.iter().find(|(by, _)| *by == wanted).map_or(&[], |(_, parts)| parts)
    }

    /// The findings with the largest difference, in input order, and how many there are beside them.
    pub fn largest(&self, limit: usize) -> (Vec<&FindingPart<'a>>, u64) {
        let size = |finding: &FindingPart<'_>| finding.delta_points.unwrap_or(0).unsigned_abs();
        let mut ranked: Vec<(usize, &FindingPart<'a>)> = self.findings.iter().enumerate().collect();
        ranked.sort_by_key(|(at, finding)| (std::cmp::Reverse(size(finding)), *at));
        ranked.truncate(limit);
        ranked.sort_by_key(|(at, _)| *at);
        let omitted = self.totals.wrong() - ranked.len() as u64;
        (ranked.into_iter().map(|(_, finding)| finding).collect(), omitted)
    }

    /// Is the bill right, and if not, by how much? One sentence.
    pub fn sentence(&self) -> String {
        let totals = &self.totals;
        let (wrong, audited) = (totals.wrong(), totals.audited());
        if audited == 0 {
            return nothing_audited(totals.unrated);
        }
        if wrong == 0 {
            let all = if audited == 1 { "The charge is right".to_owned() } else { format!("All {} are right", charges(audited)) };
            let charged = points_text(totals.charged_points);
            return format!("{all}: {charged} ({}){}.", totals.charged_usd, self.unread());
        }
        let verb = if wrong == 1 { "is" } else { "are" };
        format!("{} of {} {verb} wrong: {}{}.", grouped(wrong.into()), charges(audited), self.by_how_much(), self.unread())
    }

    /// That the sentence does not speak of all rows.
    fn unread(&self) -> String {
        match self.totals.malformed {
            0 => String::new(),
            1 => "; 1 row could not be read".to_owned(),
            rows => format!("; {} rows could not be read", grouped(rows.into())),
        }
    }

    fn by_how_much(&self) -> String {
        let totals = &self.totals;
        let told = [(totals.over_points, &self.over_usd, "too much"), (totals.under_points, &self.under_usd, "too little")];
        let differing = told.iter().filter(|(points, ..)| *points > 0);
        let parts: Vec<String> = differing.map(|(points, usd, word)| format!("{} ({usd}) {word}", points_text(*points))).collect();
        // Money may be wrong in a digit that is no whole point.
        if parts.is_empty() { "by less than a point".to_owned() } else { parts.join(", ") }
    }
}

fn nothing_audited(unrated: u64) -> String {
    if unrated > 0 {
        format!("Nothing could be audited: none of {} is known to its price.", charges(unrated))
    } else {
        "Nothing could be audited: there is no charge in the input.".to_owned()
    }
}

/// `1 charge`, `1,234 charges`.
pub fn charges(count: u64) -> String {
    format!("{} charge{}", grouped(count.into()), if count == 1 { "" } else { "s" })
}

/// `1,234 points too much`; nothing where the points cancel out.
pub fn too_much(net: i128) -> String {
    match net.signum() {
        1 => format!("{} too much", points_text(net)),
        -1 => format!("{} too little", points_text(-net)),
        _ => "no points in sum".to_owned(),
    }
}

/// The sentence of a cause, or of both.
pub fn cause_sentence(causes: Causes) -> String {
    match causes.second {
        Some(second) => format!("{}, and {}", causes.first.sentence(), second.sentence()),
        None => causes.first.sentence().to_owned(),
    }
}

fn input(info: &InputInfo) -> Input<'_> {
    Input { name: &info.name, format: &info.format, rows: info.rows, bytes: info.bytes }
}

fn source(source: &Source) -> SourcePart<'_> {
    SourcePart { name: &source.name, format: &source.format, sha256: &source.sha256 }
}

fn config(report: &Report) -> ConfigPart<'_> {
    ConfigPart {
        sources: report.sources.iter().map(source).collect(),
        basis: report.basis.word(),
        profile: report.profile,
        quota_per_unit: report.quota_per_unit.to_string(),
        profiles: Ordered(report.summary.profiles.iter().map(|(profile, rows)| (profile.word(), *rows)).collect()),
    }
}

fn totals(report: &Report) -> TotalsPart {
    let totals = &report.summary.totals;
    TotalsPart {
        rows: totals.rows,
        matched: totals.matched,
        overcharged: totals.overcharged,
        undercharged: totals.undercharged,
        unrated: totals.unrated,
        skipped: totals.skipped,
        malformed: totals.malformed,
        charged_points: totals.charged_points,
        expected_points: totals.expected_points,
        over_points: totals.over_points,
        under_points: totals.under_points,
        net_points: totals.net_points(),
        unrated_points: totals.unrated_points,
        charged_usd: Usd(report.usd.charged.clone()),
        expected_usd: Usd(report.usd.expected.clone()),
        net_usd: Usd(report.usd.net()),
        unrated_usd: Usd(report.usd.unrated.clone()),
    }
}

fn unrated_reasons(summary: &Summary) -> Vec<ReasonPart> {
    let points = |reason| summary.unrated_points.get(reason).copied();
    let parts = summary.unrated_reasons.iter();
    parts.map(|(reason, rows)| reason_part(*reason, *rows, points(reason))).collect()
}

fn presumed(summary: &Summary) -> Vec<ReasonPart> {
    summary.presumed.iter().map(|(reason, rows)| reason_part(*reason, *rows, None)).collect()
}

fn reason_part(reason: Reason, rows: u64, points: Option<i128>) -> ReasonPart {
    ReasonPart { reason: reason.word(), sentence: reason.sentence(), rows, points }
}

fn cause_parts(causes: &ClassCauses) -> Vec<CausePart> {
    let parts = causes.totals.iter().map(|(cause, total)| CausePart {
        cause: cause.to_string(),
        rows: total.told.tally.rows,
        net_points: net(&total.told.tally),
        models: total.models.iter().cloned().collect(),
        groups: total.groups.iter().cloned().collect(),
        times: total.told.span.into(),
        implied: total.implied.iter().map(|(key, value)| (key.clone().into_owned(), value.clone())).collect(),
        sentence: cause_sentence(*cause),
    });
    parts.collect()
}

fn net(tally: &Tally) -> i128 {
    tally.charged_points - tally.expected_points
}

fn classes<'a>(report: &'a Report, causes: &'a ClassCauses) -> Vec<ClassPart<'a>> {
    let parts = causes.by_class.iter().map(|((cause, key), told)| ClassPart {
        cause: cause.to_string(),
        sentence: cause_sentence(*cause),
        model: &key.model,
        group: &key.group,
        told,
        net_points: net(&told.tally),
        times: told.span.into(),
        first: first(report, *cause, key, causes),
    });
    let mut parts: Vec<ClassPart<'_>> = parts.collect();
    parts.sort_by_key(|class| std::cmp::Reverse(class.net_points.unsigned_abs()));
    parts
}

/// The first row of a class, of those that are kept.
fn first<'a>(report: &'a Report, cause: Causes, key: &ClassKey, causes: &ClassCauses) -> Option<(&'a Finding, &'a str)> {
    let finding = report.summary.example(cause, key, causes)?;
    Some((finding, report.input_name(finding.place.input)))
}

fn cases(summary: &Summary) -> Vec<CasePart<'_>> {
    let groups = summary.cases.iter().flatten().flat_map(|(model, groups)| groups.iter().map(move |part| (model, part)));
    let parts = groups.map(|(model, (group, case))| CasePart {
        model,
        group,
        tally: &case.tally,
        net_points: net(&case.tally),
        unrated: case.unrated,
        unrated_points: case.unrated_points,
    });
    parts.collect()
}

fn drift(summary: &Summary) -> Vec<DriftPart<'_>> {
    let parts = summary.drift.iter().map(|(key, (rows, span))| DriftPart {
        key: &key.key,
        model: key.model.as_deref(),
        group: key.group.as_deref(),
        configured: &key.configured,
        logged: &key.logged,
        rows: *rows,
        times: (*span).into(),
    });
    parts.collect()
}

fn policy(summary: &Summary) -> Vec<PolicyPart<'_>> {
    let parts = summary.policy.iter().map(|((policy, detail), (rows, span))| PolicyPart {
        finding: policy.word(),
        level: policy.level().word(),
        rows: *rows,
        detail,
        times: (*span).into(),
    });
    parts.collect()
}

fn quirks(summary: &Summary) -> Vec<QuirkPart> {
    let parts = summary.quirks.iter().map(|(quirk, sum)| QuirkPart {
        quirk: quirk.word(),
        rows: sum.rows,
        net_points: sum.net_points,
        detail: quirk.sentence(),
        times: sum.span.into(),
    });
    parts.collect()
}

fn breakdowns(summary: &Summary, causes: &ClassCauses) -> Vec<(By, Vec<ByPart>)> {
    let part = |(key, tally): (String, Tally)| ByPart {
        key,
        rows: tally.rows,
        charged_points: tally.charged_points,
        expected_points: tally.expected_points,
        net_points: net(&tally),
        mismatched: tally.mismatched,
    };
    summary.breakdowns(causes).into_iter().map(|(by, parts)| (by, parts.into_iter().map(part).collect())).collect()
}

/// A row with its verdict. Without the causes of the classes, the cause is that of the row alone.
pub fn finding_part<'a>(finding: &'a Finding, input: &'a str, causes: Option<&ClassCauses>) -> FindingPart<'a> {
    let charge = finding.charge();
    let told = finding.told(causes);
    FindingPart {
        input,
        line: finding.place.line,
        id: id(&finding.id),
        request_id: some(&finding.request_id),
        time: finding.time.map(time_text),
        verdict: finding.verdict.class.word(),
        cause: told.as_ref().map(|told| told.cause.to_string()),
        also: told.as_ref().map_or(Vec::new(), |told| told.also.iter().map(ToString::to_string).collect()),
        implied: told.map_or(BTreeMap::new(), |told| told.implied),
        model: some(&finding.model),
        group: some(&finding.group),
        token: some(&finding.token),
        user: some(&finding.user),
        charged_points: charge.map(|judged| judged.charged.0),
        expected_points: charge.and_then(|judged| judged.expected.as_ref()).map(|expected| expected.points.0),
        delta_points: charge.filter(|judged| judged.expected.is_some()).map(Judged::delta),
        expected_exact: charge.and_then(|j| j.expected.as_ref()).map(|e| e.amount.clone().normalized().to_string()),
        usage: Ordered(finding.usage()),
        ratios: Ordered(finding.ratios()),
        logged_ratios: Ordered(charge.map_or(Vec::new(), |judged| {
            judged.drift.iter().map(|difference| (difference.key.as_ref(), difference.logged.as_str())).collect()
        })),
        profile: finding.profile().map(|profile| profile.word()),
        quirk: charge
            .and_then(|judged| judged.quirk)
            .map(|(quirk, _)| quirk)
            .or(finding.verdict.noted.map(|(quirk, _)| quirk))
            .map(crate::profile::Quirk::word),
        reason: reason(finding),
        bounds: charge.and_then(|judged| judged.bounds).map(|(Points(low), Points(high))| [low, high]),
        detail: finding.verdict.error.as_ref().map(ToString::to_string),
    }
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn id(text: &str) -> Option<Id<'_>> {
    some(text).map(|text| text.parse().map_or(Id::Text(text), Id::Number))
}

fn reason(finding: &Finding) -> Option<&'static str> {
    let skip = finding.verdict.skip.map(|skip| skip.word());
    let unrated = finding.charge().and_then(|judged| judged.reason).map(|reason| reason.word());
    skip.or(unrated).or(finding.verdict.error.as_ref().map(|_| "malformed"))
}
