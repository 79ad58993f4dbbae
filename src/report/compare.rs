//! What `quota compare` prints: today's charges beside those under each target, by model and in all.

use std::collections::BTreeMap;
use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use super::text::{JsonText, grouped, printable, usd_text};
use crate::audit::{Compared, Comparison};

/// A log under all targets.
#[derive(Debug)]
pub struct ComparisonReport {
    pub comparisons: Vec<Comparison>,
    /// Charges whose price today is not known, by reason: they are compared with nothing.
    pub unrated: BTreeMap<&'static str, u64>,
}

impl ComparisonReport {
    /// The group that costs least, of those that price most rows; none where fewer than two are compared.
    pub fn cheapest(&self) -> Option<&str> {
        let groups = self.comparisons.iter().filter(|comparison| comparison.target.kind() == "group");
        let totals: Vec<(&str, Compared)> = groups.map(|comparison| (comparison.target.name(), comparison.total())).collect();
        let most = totals.iter().map(|(_, total)| total.rows).max().filter(|rows| *rows > 0 && totals.len() > 1)?;
        let whole = totals.iter().filter(|(_, total)| total.rows == most);
        whole.min_by(|(_, a), (_, b)| a.then.usd().cmp(&b.then.usd())).map(|(name, _)| *name)
    }
}

/// What [`write_json`] writes.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    schema: &'static str,
    unrated: &'a BTreeMap<&'static str, u64>,
    targets: Vec<TargetPart<'a>>,
    cheapest_group: Option<&'a str>,
}

#[derive(Serialize)]
struct TargetPart<'a> {
    kind: &'static str,
    name: &'a str,
    total: ComparedPart,
    models: Vec<ModelPart<'a>>,
}

#[derive(Serialize)]
struct ModelPart<'a> {
    model: &'a str,
    #[serde(flatten)]
    part: ComparedPart,
}

#[derive(Serialize)]
struct ComparedPart {
    rows: u64,
    today_points: i128,
    then_points: i128,
    difference_points: i128,
    today_usd: String,
    then_usd: String,
    difference_usd: String,
    difference_percent: Option<String>,
    unpriced: BTreeMap<&'static str, u64>,
}

impl From<&Compared> for ComparedPart {
    fn from(compared: &Compared) -> ComparedPart {
        ComparedPart {
            rows: compared.rows,
            today_points: compared.today.points(),
            then_points: compared.then.points(),
            difference_points: compared.points(),
            today_usd: compared.today.usd().to_string(),
            then_usd: compared.then.usd().to_string(),
            difference_usd: compared.usd().to_string(),
            difference_percent: compared.percent().map(|percent| percent.to_string()),
            unpriced: compared.unpriced.clone(),
        }
    }
}

/// Schema `quota.compare/1`.
pub fn write_json(report: &ComparisonReport, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(JsonText(&mut *out), &document(report))?;
    writeln!(out)
}

pub(super) fn document(report: &ComparisonReport) -> Document<'_> {
    let targets = report.comparisons.iter().map(|comparison| TargetPart {
        kind: comparison.target.kind(),
        name: comparison.target.name(),
        total: (&comparison.total()).into(),
        models: comparison.models.iter().map(|(model, part)| ModelPart { model, part: part.into() }).collect(),
    });
    Document { schema: "quota.compare/1", unrated: &report.unrated, targets: targets.collect(), cheapest_group: report.cheapest() }
}

/// For a pull request: the whole, and the models that become dearer or cheaper, the largest differences first.
pub fn write_markdown(report: &ComparisonReport, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "| | {} |\n|---|--:|--:|--:|--:|--:|--:|--:|", HEADER.join(" | "))?;
    for comparison in &report.comparisons {
        write_markdown_row("all", &comparison.total(), out)?;
        let mut models: Vec<(&String, &Compared)> = comparison.models.iter().filter(|(_, part)| part.points() != 0).collect();
        models.sort_by_key(|(model, part)| (std::cmp::Reverse(part.points().unsigned_abs()), *model));
        models.into_iter().try_for_each(|(model, part)| write_markdown_row(model, part, out))?;
    }
    write_unpriced(report, out)
}

fn write_markdown_row(name: &str, part: &Compared, out: &mut dyn Write) -> io::Result<()> {
    let name = printable(name).replace('|', "\\|");
    writeln!(out, "| {name} | {} |", cells(part).join(" | "))
}

/// First all targets, then each by model.
pub fn write_table(report: &ComparisonReport, out: &mut dyn Write) -> io::Result<()> {
    if let Some(group) = report.cheapest() {
        writeln!(out, "cheapest for this log: {}\n", printable(group))?;
    }
    let name = |comparison: &Comparison| format!("{} {}", comparison.target.kind(), comparison.target.name());
    let totals: Vec<(String, Compared)> = report.comparisons.iter().map(|c| (name(c), c.total())).collect();
    write_rows("target", totals.iter().map(|(name, total)| (name.as_str(), total)), out)?;
    for comparison in report.comparisons.iter().filter(|comparison| !comparison.models.is_empty()) {
        writeln!(out, "\n{}", printable(&name(comparison)))?;
        write_rows("model", comparison.models.iter().map(|(model, part)| (model.as_str(), part)), out)?;
    }
    write_unpriced(report, out)
}

fn write_rows<'a>(title: &str, rows: impl Iterator<Item = (&'a str, &'a Compared)>, out: &mut dyn Write) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([title].into_iter().chain(HEADER));
    for (name, part) in rows {
        table.add_row(std::iter::once(printable(name)).chain(cells(part)));
    }
    for index in 1..=HEADER.len() {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().try_for_each(|row| writeln!(out, "{}", row.trim_end()))
}

const HEADER: [&str; 7] = ["rows", "today", "then", "difference", "USD", "%", "not priced"];

fn cells(part: &Compared) -> [String; HEADER.len()] {
    [
        grouped(part.rows.into()),
        grouped(part.today.points()),
        grouped(part.then.points()),
        signed(&grouped(part.points()), part.points() > 0),
        signed(&usd_text(&part.usd()), part.points() > 0),
        part.percent().map_or(String::new(), |percent| signed(&percent.to_string(), percent.is_positive())),
        grouped(part.unpriced_rows().into()),
    ]
}

fn signed(text: &str, is_more: bool) -> String {
    if is_more { format!("+{text}") } else { text.to_owned() }
}

/// Which rows are in no sum, and why.
fn write_unpriced(report: &ComparisonReport, out: &mut dyn Write) -> io::Result<()> {
    let reasons = |counts: &BTreeMap<&'static str, u64>| {
        counts.iter().map(|(reason, rows)| format!("{reason} ({})", grouped((*rows).into()))).collect::<Vec<_>>().join(", ")
    };
    if !report.unrated.is_empty() {
        writeln!(out, "\nnot compared, today's price is not known: {}", reasons(&report.unrated))?;
    }
    for comparison in &report.comparisons {
        let unpriced = comparison.total().unpriced;
        if !unpriced.is_empty() {
            let (kind, name) = (comparison.target.kind(), printable(comparison.target.name()));
            writeln!(out, "not priced under {kind} {name}: {}", reasons(&unpriced))?;
        }
    }
    Ok(())
}
