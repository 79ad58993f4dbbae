//! `--format json` (schema `quota.audit/1`) and `--format ndjson`. Points are integers, money and ratios decimal strings.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::text::time_text;
use super::{InputInfo, Report};
use crate::audit::{ClassCauses, Finding, Judged, Span, Summary, Word};
use crate::config::Source;
use crate::exact::{Exact, Points};

/// A map with its keys in the order of the list.
struct Ordered<K, V>(Vec<(K, V)>);

impl<K: Serialize, V: Serialize> Serialize for Ordered<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    quota: &'static str,
    inputs: Vec<Input<'a>>,
    config: ConfigPart<'a>,
    period: Times,
    #[serde(flatten)]
    body: Body<'a>,
    findings: Vec<FindingPart<'a>>,
    findings_omitted: u64,
}

#[derive(Serialize)]
struct Input<'a> {
    name: &'a str,
    format: &'a str,
    rows: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct ConfigPart<'a> {
    sources: Vec<SourcePart<'a>>,
    basis: &'static str,
    profile: &'static str,
    quota_per_unit: String,
    profiles: Ordered<&'static str, u64>,
}

#[derive(Serialize)]
struct SourcePart<'a> {
    name: &'a str,
    format: &'a str,
    sha256: &'a str,
}

#[derive(Serialize)]
struct Times {
    first: Option<String>,
    last: Option<String>,
}

impl From<Span> for Times {
    fn from(span: Span) -> Times {
        Times { first: span.first.map(time_text), last: span.last.map(time_text) }
    }
}

/// The keys from `totals` to `by`, which the last line of NDJSON has too.
#[derive(Serialize)]
struct Body<'a> {
    totals: TotalsPart,
    unrated_reasons: Ordered<&'static str, u64>,
    presumed: Ordered<&'static str, u64>,
    causes: Vec<CausePart>,
    drift: Vec<DriftPart<'a>>,
    policy: Vec<PolicyPart<'a>>,
    quirks: Vec<QuirkPart>,
    by: Ordered<&'static str, Vec<ByPart>>,
}

#[derive(Serialize)]
struct TotalsPart {
    rows: u64,
    matched: u64,
    overcharged: u64,
    undercharged: u64,
    unrated: u64,
    skipped: u64,
    malformed: u64,
    charged_points: i128,
    expected_points: i128,
    over_points: i128,
    under_points: i128,
    net_points: i128,
    unrated_points: i128,
    charged_usd: String,
    expected_usd: String,
    net_usd: String,
    unrated_usd: String,
}

#[derive(Serialize)]
struct CausePart {
    cause: String,
    rows: u64,
    net_points: i128,
    models: Vec<String>,
    groups: Vec<String>,
    #[serde(flatten)]
    times: Times,
    implied: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct DriftPart<'a> {
    key: &'a str,
    model: Option<&'a str>,
    group: Option<&'a str>,
    configured: &'a str,
    logged: &'a str,
    rows: u64,
    #[serde(flatten)]
    times: Times,
}

#[derive(Serialize)]
struct PolicyPart<'a> {
    finding: &'static str,
    level: &'static str,
    rows: u64,
    detail: &'a str,
    #[serde(flatten)]
    times: Times,
}

#[derive(Serialize)]
struct QuirkPart {
    quirk: &'static str,
    rows: u64,
    net_points: Option<i128>,
    detail: &'static str,
    #[serde(flatten)]
    times: Times,
}

#[derive(Serialize)]
struct ByPart {
    key: String,
    rows: u64,
    charged_points: i128,
    expected_points: i128,
    net_points: i128,
    mismatched: u64,
}

#[derive(Serialize)]
pub(super) struct FindingPart<'a> {
    input: &'a str,
    line: u64,
    id: Option<Id<'a>>,
    request_id: Option<&'a str>,
    time: Option<String>,
    verdict: &'static str,
    cause: Option<String>,
    also: Vec<String>,
    implied: BTreeMap<String, String>,
    model: Option<&'a str>,
    group: Option<&'a str>,
    token: Option<&'a str>,
    user: Option<&'a str>,
    charged_points: Option<i64>,
    expected_points: Option<i64>,
    delta_points: Option<i128>,
    expected_exact: Option<String>,
    usage: Ordered<Word, i64>,
    ratios: Ordered<String, String>,
    logged_ratios: Ordered<&'a str, &'a str>,
    profile: Option<&'static str>,
    quirk: Option<&'static str>,
    reason: Option<&'static str>,
    bounds: Option<[i64; 2]>,
    detail: Option<String>,
}

/// An id as the gateway gives it: a number, or a uuid.
#[derive(Serialize)]
#[serde(untagged)]
enum Id<'a> {
    Number(i64),
    Text(&'a str),
}

/// Writes the whole report.
pub fn write_json(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let summary = &report.summary;
    let causes = summary.causes();
    let document = Document {
        schema: "quota.audit/1",
        quota: env!("CARGO_PKG_VERSION"),
        inputs: report.inputs.iter().map(input).collect(),
        config: ConfigPart {
            sources: report.sources.iter().map(source).collect(),
            basis: report.basis.word(),
            profile: report.profile,
            quota_per_unit: report.quota_per_unit.to_string(),
            profiles: Ordered(summary.profiles.iter().map(|(profile, rows)| (profile.word(), *rows)).collect()),
        },
        period: summary.period.into(),
        body: body(report),
        findings: summary.findings().into_iter().map(|f| finding(f, report.input_name(f.place.input), Some(&causes))).collect(),
        findings_omitted: summary.findings_omitted(),
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

/// Writes one row as a line of NDJSON.
pub fn write_finding(found: &Finding, input: &str, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &finding(found, input, None))?;
    writeln!(out)
}

/// Writes the findings that a report lists as lines of NDJSON, with the causes of their classes: where the rows themselves are not at hand.
pub fn write_findings(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let causes = report.summary.causes();
    for found in report.summary.findings() {
        serde_json::to_writer(&mut *out, &finding(found, report.input_name(found.place.input), Some(&causes)))?;
        writeln!(out)?;
    }
    Ok(())
}

/// Writes the last line of NDJSON.
pub fn write_ndjson_end(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &body(report))?;
    writeln!(out)
}

fn input(info: &InputInfo) -> Input<'_> {
    Input { name: &info.name, format: &info.format, rows: info.rows, bytes: info.bytes }
}

fn source(source: &Source) -> SourcePart<'_> {
    SourcePart { name: &source.name, format: &source.format, sha256: &source.sha256 }
}

fn body(report: &Report) -> Body<'_> {
    let summary = &report.summary;
    let class_causes = summary.causes();
    Body {
        totals: totals(report),
        unrated_reasons: Ordered(summary.unrated_reasons.iter().map(|(reason, rows)| (reason.word(), *rows)).collect()),
        presumed: Ordered(summary.presumed.iter().map(|(reason, rows)| (reason.word(), *rows)).collect()),
        causes: causes(&class_causes),
        drift: drift(summary),
        policy: policy(summary),
        quirks: quirks(summary),
        by: Ordered(by(summary, &class_causes)),
    }
}

fn totals(report: &Report) -> TotalsPart {
    let totals = &report.summary.totals;
    let usd = |amount: &Exact| amount.clone().normalized().to_string();
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
        charged_usd: usd(&report.usd.charged),
        expected_usd: usd(&report.usd.expected),
        net_usd: usd(&report.usd.net()),
        unrated_usd: usd(&report.usd.unrated),
    }
}

fn causes(causes: &ClassCauses) -> Vec<CausePart> {
    let parts = causes.totals.iter().map(|(cause, total)| CausePart {
        cause: cause.to_string(),
        rows: total.told.tally.rows,
        net_points: total.told.tally.charged_points - total.told.tally.expected_points,
        models: total.models.iter().cloned().collect(),
        groups: total.groups.iter().cloned().collect(),
        times: total.told.span.into(),
        implied: total.implied.iter().map(|(key, value)| (key.clone().into_owned(), value.clone())).collect(),
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

fn by(summary: &Summary, causes: &ClassCauses) -> Vec<(&'static str, Vec<ByPart>)> {
    let parts = summary.breakdowns(causes).into_iter().map(|(by, parts)| {
        let rows = parts.into_iter().map(|(key, tally)| ByPart {
            key,
            rows: tally.rows,
            charged_points: tally.charged_points,
            expected_points: tally.expected_points,
            net_points: tally.charged_points - tally.expected_points,
            mismatched: tally.mismatched,
        });
        (by.word(), rows.collect())
    });
    parts.collect()
}

pub(super) fn finding<'a>(finding: &'a Finding, input: &'a str, causes: Option<&ClassCauses>) -> FindingPart<'a> {
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
