//! The report for a terminal: first whether the bill is right, then where it is not, then the rows.

use std::io::{self, Write};

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};

use super::Report;
use super::text::{grouped, points_text, printable, time_text, usd_of, usd_text};
use crate::audit::{Class, ClassCauses, Finding, Summary};
use crate::exact::Exact;

/// How the table is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub color: bool,
    /// Columns of the terminal.
    pub width: u16,
    /// Only the first sentence.
    pub quiet: bool,
}

/// Writes the report.
pub fn write_table(report: &Report, style: Style, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", colored(&sentence(report), mood(&report.summary), style))?;
    if style.quiet {
        return Ok(());
    }
    writeln!(out)?;
    write_totals(report, out)?;
    write_reasons(&report.summary, out)?;
    write_causes(report, style, out)?;
    write_drift(&report.summary, style, out)?;
    write_policy(&report.summary, style, out)?;
    write_quirks(&report.summary, style, out)?;
    write_breakdowns(&report.summary, style, out)?;
    write_findings(report, style, out)
}

#[derive(Clone, Copy)]
enum Mood {
    Good,
    Bad,
    Unsure,
}

fn mood(summary: &Summary) -> Mood {
    let totals = &summary.totals;
    if totals.overcharged + totals.undercharged > 0 {
        Mood::Bad
    } else if totals.audited() == 0 {
        Mood::Unsure
    } else {
        Mood::Good
    }
}

fn colored(text: &str, mood: Mood, style: Style) -> String {
    let code = match mood {
        Mood::Good => "32",
        Mood::Bad => "31",
        Mood::Unsure => "33",
    };
    if style.color { format!("\u{1b}[1;{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// Is the bill right, and if not, by how much?
fn sentence(report: &Report) -> String {
    let totals = &report.summary.totals;
    let wrong = totals.overcharged + totals.undercharged;
    let audited = totals.audited();
    if audited == 0 {
        return if totals.unrated > 0 {
            format!("Nothing could be audited: none of {} is known to its price.", charges(totals.unrated))
        } else {
            "Nothing could be audited: there is no charge in the input.".to_owned()
        };
    }
    if wrong == 0 {
        let all = if audited == 1 { "The charge is right".to_owned() } else { format!("All {} are right", charges(audited)) };
        return format!("{all}: {} ({}).", points_text(totals.charged_points), usd_text(&report.usd.charged));
    }
    let mut parts = Vec::new();
    if totals.over_points > 0 {
        parts.push(format!("{} ({}) too much", points_text(totals.over_points), usd_text(&report.usd.over)));
    }
    if totals.under_points > 0 {
        parts.push(format!("{} ({}) too little", points_text(totals.under_points), usd_text(&report.usd.under)));
    }
    if parts.is_empty() {
        // Money may be wrong in a digit that is no whole point.
        parts.push("by less than a point".to_owned());
    }
    let verb = if wrong == 1 { "is" } else { "are" };
    format!("{} of {} {verb} wrong: {}.", grouped(wrong.into()), charges(audited), parts.join(", "))
}

fn charges(count: u64) -> String {
    format!("{} charge{}", grouped(count.into()), if count == 1 { "" } else { "s" })
}

fn write_totals(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let totals = &report.summary.totals;
    let classes = [
        (totals.matched, "matched"),
        (totals.overcharged, "overcharged"),
        (totals.undercharged, "undercharged"),
        (totals.unrated, "unrated"),
        (totals.skipped, "skipped"),
        (totals.malformed, "malformed"),
    ];
    let sum: Vec<String> = classes.iter().map(|(count, word)| format!("{} {word}", grouped((*count).into()))).collect();
    writeln!(out, "rows      {} = {}", grouped(totals.rows.into()), sum.join(" + "))?;
    writeln!(out, "charged   {} ({})", points_text(totals.charged_points), usd_text(&report.usd.charged))?;
    writeln!(out, "expected  {} ({})", points_text(totals.expected_points), usd_text(&report.usd.expected))?;
    if totals.unrated > 0 {
        writeln!(out, "unrated   {} ({})", points_text(totals.unrated_points), usd_text(&report.usd.unrated))?;
    }
    if let (Some(first), Some(last)) = (report.summary.period.first, report.summary.period.last) {
        writeln!(out, "period    {} to {}", time_text(first), time_text(last))?;
    }
    let profiles: Vec<String> =
        report.summary.profiles.iter().map(|(profile, rows)| format!("{profile} {}", grouped((*rows).into()))).collect();
    let profiles = if profiles.is_empty() { String::new() } else { format!(" ({})", profiles.join(", ")) };
    writeln!(out, "basis     {}; profile {}{profiles}", report.basis.word(), report.profile)?;
    let names: Vec<String> = report.sources.iter().map(|source| printable(&source.name)).collect();
    writeln!(out, "config    {}", if names.is_empty() { "built-in defaults".to_owned() } else { names.join(", ") })
}

fn write_reasons(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    for (title, reasons) in [("unrated because", &summary.unrated_reasons), ("matched, presuming", &summary.presumed)] {
        if !reasons.is_empty() {
            let parts: Vec<String> =
                reasons.iter().map(|(reason, rows)| format!("{} ({})", reason.word(), grouped((*rows).into()))).collect();
            writeln!(out, "{title}: {}", parts.join(", "))?;
        }
    }
    Ok(())
}

fn table(style: Style, header: &[&str], numbers: &[usize]) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(style.width).set_header(header.to_vec());
    for column in numbers {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn write_section(title: &str, table: &Table, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n{title}")?;
    table.lines().try_for_each(|line| writeln!(out, "{}", line.trim_end()))
}

fn write_causes(report: &Report, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let causes = report.summary.causes();
    if causes.totals.is_empty() {
        return Ok(());
    }
    let mut table = table(style, &["cause", "rows", "net points", "net USD", "models", "groups"], &[1, 2, 3]);
    for (cause, total) in &causes.totals {
        let net = total.told.tally.charged_points - total.told.tally.expected_points;
        let usd = usd_of(&Exact::from(num_bigint::BigInt::from(net)), report.quota_per_unit);
        table.add_row([
            cause.to_string(),
            grouped(total.told.tally.rows.into()),
            grouped(net),
            usd_text(&usd),
            some_of(total.models.iter()),
            some_of(total.groups.iter()),
        ]);
    }
    write_section("Causes", &table, out)
}

fn some_of<'a>(names: impl ExactSizeIterator<Item = &'a String>) -> String {
    let count = names.len();
    let mut text: Vec<String> = names.take(3).map(|name| printable(name)).collect();
    if count > 3 {
        text.push(format!("and {} more", count - 3));
    }
    text.join(", ")
}

fn write_drift(summary: &Summary, style: Style, out: &mut dyn Write) -> io::Result<()> {
    if summary.drift.is_empty() {
        return Ok(());
    }
    let mut table = table(style, &["ratio", "of", "config", "log", "rows", "first", "last"], &[2, 3, 4]);
    for (key, (rows, span)) in &summary.drift {
        let of = key.model.as_deref().or(key.group.as_deref()).unwrap_or("");
        table.add_row([
            key.key.clone().into_owned(),
            printable(of),
            key.configured.clone(),
            key.logged.clone(),
            grouped((*rows).into()),
            span.first.map(time_text).unwrap_or_default(),
            span.last.map(time_text).unwrap_or_default(),
        ]);
    }
    write_section("Drift: ratios in the log that are not the config's", &table, out)
}

fn write_policy(summary: &Summary, style: Style, out: &mut dyn Write) -> io::Result<()> {
    if summary.policy.is_empty() {
        return Ok(());
    }
    let mut table = table(style, &["finding", "level", "rows", "what"], &[2]);
    for ((policy, detail), (rows, _)) in &summary.policy {
        table.add_row([policy.word().to_owned(), policy.level().word().to_owned(), grouped((*rows).into()), printable(detail)]);
    }
    write_section("Beside the charges", &table, out)
}

fn write_quirks(summary: &Summary, style: Style, out: &mut dyn Write) -> io::Result<()> {
    if summary.quirks.is_empty() {
        return Ok(());
    }
    let mut table = table(style, &["quirk", "rows", "net points", "why"], &[1, 2]);
    for (quirk, sum) in &summary.quirks {
        table.add_row([
            quirk.word().to_owned(),
            grouped(sum.rows.into()),
            sum.net_points.map_or("not known".to_owned(), grouped),
            quirk.sentence().to_owned(),
        ]);
    }
    write_section("Quirks: matched rows in which the gateway departs from its own price rules", &table, out)
}

fn write_breakdowns(summary: &Summary, style: Style, out: &mut dyn Write) -> io::Result<()> {
    for (by, parts) in &summary.breakdowns(&summary.causes()) {
        let mut table = table(style, &[by.word(), "rows", "charged", "expected", "net", "wrong"], &[1, 2, 3, 4, 5]);
        for (key, tally) in parts {
            table.add_row([
                printable(key),
                grouped(tally.rows.into()),
                grouped(tally.charged_points),
                grouped(tally.expected_points),
                grouped(tally.charged_points - tally.expected_points),
                grouped(tally.mismatched.into()),
            ]);
        }
        write_section(&format!("By {}", by.word()), &table, out)?;
    }
    Ok(())
}

fn write_findings(report: &Report, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let findings = report.summary.findings();
    if findings.is_empty() {
        return Ok(());
    }
    let causes = report.summary.causes();
    let header = ["row", "model", "group", "charged", "expected", "difference", "cause"];
    let mut table = table(style, &header, &[3, 4, 5]);
    for finding in findings {
        table.add_row(finding_cells(report, finding, &causes));
    }
    write_section("Findings", &table, out)?;
    match report.summary.findings_omitted() {
        0 => Ok(()),
        omitted => writeln!(out, "and {} more (`--limit` lists more of them)", grouped(omitted.into())),
    }
}

fn finding_cells(report: &Report, finding: &Finding, causes: &ClassCauses) -> Vec<Cell> {
    let place = format!("{}:{}", printable(report.input_name(finding.place.input)), finding.place.line);
    let charge = finding.charge();
    let expected = charge.and_then(|judged| judged.expected.as_ref());
    let sign = if finding.verdict.class == Class::Overcharged { "+" } else { "" };
    vec![
        Cell::new(place),
        Cell::new(printable(&finding.model)),
        Cell::new(printable(&finding.group)),
        Cell::new(charge.map_or_else(String::new, |judged| grouped(judged.charged.0.into()))),
        Cell::new(expected.map_or_else(String::new, |expected| grouped(expected.points.0.into()))),
        Cell::new(charge.map_or_else(String::new, |judged| format!("{sign}{}", grouped(judged.delta())))),
        Cell::new(finding.told(Some(causes)).map_or_else(String::new, |told| told.cause.to_string())),
    ]
}
