//! `--format json` (schema `quota.audit/1`) and `--format ndjson`. Points are integers, money and ratios decimal strings.

use std::io::{self, Write};

use serde::Serialize;

use super::Format;
use super::text::JsonText;
use super::view::{
    ByPart, CausePart, ConfigPart, DriftPart, FindingPart, Input, Ordered, PolicyPart, QuirkPart, ReasonPart, Times, TotalsPart,
    View,
};

#[derive(Serialize)]
struct Document<'v> {
    schema: &'static str,
    quota: &'static str,
    inputs: &'v [Input<'v>],
    config: &'v ConfigPart<'v>,
    period: &'v Times,
    #[serde(flatten)]
    body: Body<'v>,
    findings: &'v [FindingPart<'v>],
    findings_omitted: u64,
}

/// The keys from `totals` to `by`, which the last line of NDJSON has too.
#[derive(Serialize)]
struct Body<'v> {
    totals: &'v TotalsPart,
    unrated_reasons: Ordered<&'static str, u64>,
    presumed: Ordered<&'static str, u64>,
    causes: &'v [CausePart],
    drift: &'v [DriftPart<'v>],
    policy: &'v [PolicyPart<'v>],
    quirks: &'v [QuirkPart],
    by: Ordered<&'static str, &'v [ByPart]>,
}

/// The whole report as one object.
#[derive(Clone, Copy, Debug)]
pub struct Json;

/// A line for each row, and one for the sums.
#[derive(Clone, Copy, Debug)]
pub struct Ndjson;

impl Format for Json {
    fn end(&mut self, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
        let document = Document {
            schema: "quota.audit/1",
            quota: env!("CARGO_PKG_VERSION"),
            inputs: &view.inputs,
            config: &view.config,
            period: &view.period,
            body: body(view),
            findings: &view.findings,
            findings_omitted: view.findings_omitted,
        };
        serde_json::to_writer_pretty(JsonText(&mut *out), &document)?;
        writeln!(out)
    }
}

impl Format for Ndjson {
    fn streams(&self) -> bool {
        true
    }

    fn row(&mut self, row: &FindingPart<'_>, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer(JsonText(&mut *out), row)?;
        writeln!(out)
    }

    fn end(&mut self, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer(JsonText(&mut *out), &body(view))?;
        writeln!(out)
    }
}

fn body<'v>(view: &'v View<'_>) -> Body<'v> {
    Body {
        totals: &view.totals,
        unrated_reasons: counts(&view.unrated_reasons),
        presumed: counts(&view.presumed),
        causes: &view.causes,
        drift: &view.drift,
        policy: &view.policy,
        quirks: &view.quirks,
        by: Ordered(view.by().map(|(by, parts)| (by.word(), parts)).collect()),
    }
}

fn counts(reasons: &[ReasonPart]) -> Ordered<&'static str, u64> {
    Ordered(reasons.iter().map(|part| (part.reason, part.rows)).collect())
}
