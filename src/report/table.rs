//! The report for a terminal: first whether the bill is right, then where it is not, then the rows.

use std::io::{self, Write};

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table as Grid};

use super::Format;
use super::text::{grouped, points_text, shown};
use super::view::{FindingPart, ReasonPart, TotalsPart, View};

/// How the table is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub color: bool,
    /// Columns of the terminal.
    pub width: u16,
    /// Only the first sentence.
    pub quiet: bool,
    /// So many findings are listed: the largest.
    pub limit: usize,
}

/// The report for people at a terminal.
#[derive(Clone, Copy, Debug)]
pub struct Table(pub Style);

impl Format for Table {
    fn end(&mut self, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
        let style = self.0;
        writeln!(out, "{}", colored(&view.sentence(), mood(&view.totals), style))?;
        if style.quiet {
            return Ok(());
        }
        writeln!(out)?;
        write_totals(view, out)?;
        write_reasons(view, out)?;
        write_causes(view, style, out)?;
        write_drift(view, style, out)?;
        write_policy(view, style, out)?;
        write_quirks(view, style, out)?;
        write_breakdowns(view, style, out)?;
        write_findings(view, style, out)
    }
}

#[derive(Clone, Copy)]
enum Mood {
    Good,
    Bad,
    Unsure,
}

fn mood(totals: &TotalsPart) -> Mood {
    match totals {
        totals if totals.wrong() > 0 => Mood::Bad,
        totals if totals.audited() == 0 => Mood::Unsure,
        _ => Mood::Good,
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

fn write_totals(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let totals = &view.totals;
    let sum: Vec<String> = totals.classes().iter().map(|(word, count)| format!("{} {word}", grouped((*count).into()))).collect();
    writeln!(out, "rows      {} = {}", grouped(totals.rows.into()), sum.join(" + "))?;
    writeln!(out, "charged   {} ({})", points_text(totals.charged_points), totals.charged_usd)?;
    writeln!(out, "expected  {} ({})", points_text(totals.expected_points), totals.expected_usd)?;
    if totals.unrated > 0 {
        writeln!(out, "unrated   {} ({})", points_text(totals.unrated_points), totals.unrated_usd)?;
    }
    if let (Some(first), Some(last)) = (&view.period.first, &view.period.last) {
        writeln!(out, "period    {first} to {last}")?;
    }
    let profiles: Vec<String> =
        view.config.profiles.0.iter().map(|(profile, rows)| format!("{profile} {}", grouped((*rows).into()))).collect();
    let profiles = if profiles.is_empty() { String::new() } else { format!(" ({})", profiles.join(", ")) };
    writeln!(out, "basis     {}; profile {}{profiles}", view.config.basis, view.config.profile)?;
    let names: Vec<String> = view.config.sources.iter().map(|source| shown(source.name)).collect();
    writeln!(out, "config    {}", if names.is_empty() { "built-in defaults".to_owned() } else { names.join(", ") })
}

fn write_reasons(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    for (title, reasons) in [("unrated because", &view.unrated_reasons), ("matched, presuming", &view.presumed)] {
        if !reasons.is_empty() {
            let part = |part: &ReasonPart| format!("{} ({})", part.reason, grouped(part.rows.into()));
            writeln!(out, "{title}: {}", reasons.iter().map(part).collect::<Vec<_>>().join(", "))?;
        }
    }
    Ok(())
}

fn table(style: Style, header: &[&str], numbers: &[usize]) -> Grid {
    let mut table = Grid::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(style.width).set_header(header.to_vec());
    for column in numbers {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn write_section(title: &str, table: &Grid, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n{title}")?;
    table.lines().try_for_each(|line| writeln!(out, "{}", line.trim_end()))
}

fn write_causes(view: &View<'_>, style: Style, out: &mut dyn Write) -> io::Result<()> {
    if view.causes.is_empty() {
        return Ok(());
    }
    let mut table = table(style, &["cause", "rows", "net points", "net USD", "models", "groups"], &[1, 2, 3]);
    for part in &view.causes {
        table.add_row([
            part.cause.clone(),
            grouped(part.rows.into()),
            grouped(part.net_points),
            view.usd(part.net_points).to_string(),
            some_of(&part.models),
            some_of(&part.groups),
        ]);
    }
    write_section("Causes", &table, out)
}

fn some_of(names: &[String]) -> String {
    let mut text: Vec<String> = names.iter().take(3).map(|name| shown(name)).collect();
    if names.len() > 3 {
        text.push(format!("and {} more", names.len() - 3));
    }
    text.join(", ")
}

fn write_drift(view: &View<'_>, style: Style, out: &mut dyn Write) -> io::Result<()> {
    if view.drift.is_empty() {
        return Ok(());
    }
    let mut table = table(style, &["ratio", "of", "config", "log", "rows", "first", "last"], &[2, 3, 4]);
    for part in &view.drift {
        table.add_row([
            part.key.to_owned(),
            shown(part.model.or(part.group).unwrap_or("")),
            shown(part.configured),
            shown(part.logged),
            grouped(part.rows.into()),
            part.times.first.clone().unwrap_or_default(),
            part.times.last.clone().unwrap_or_default(),
        ]);
    }
    write_section("Drift: ratios in the log that are not the config's", &table, out)
}

fn write_policy(view: &View<'_>, style: Style, out: &mut dyn Write) -> io::Result<()> {
    if view.policy.is_empty() {
        return Ok(());
    }
    let mut table = table(style, &["finding", "level", "rows", "what"], &[2]);
    for part in &view.policy {
        table.add_row([part.finding.to_owned(), part.level.to_owned(), grouped(part.rows.into()), shown(part.detail)]);
    }
    write_section("Beside the charges", &table, out)
}

fn write_quirks(view: &View<'_>, style: Style, out: &mut dyn Write) -> io::Result<()> {
    if view.quirks.is_empty() {
        return Ok(());
    }
    let mut table = table(style, &["quirk", "rows", "net points", "why"], &[1, 2]);
    for part in &view.quirks {
        let net = part.net_points.map_or("not known".to_owned(), grouped);
        table.add_row([part.quirk.to_owned(), grouped(part.rows.into()), net, part.detail.to_owned()]);
    }
    write_section("Quirks: matched rows in which the gateway departs from its own price rules", &table, out)
}

fn write_breakdowns(view: &View<'_>, style: Style, out: &mut dyn Write) -> io::Result<()> {
    for (by, parts) in view.by() {
        let mut table = table(style, &[by.word(), "rows", "charged", "expected", "net", "wrong"], &[1, 2, 3, 4, 5]);
        for part in parts {
            table.add_row([
                shown(&part.key),
                grouped(part.rows.into()),
                grouped(part.charged_points),
                grouped(part.expected_points),
                grouped(part.net_points),
                grouped(part.mismatched.into()),
            ]);
        }
        write_section(&format!("By {}", by.word()), &table, out)?;
    }
    Ok(())
}

fn write_findings(view: &View<'_>, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let (findings, omitted) = view.largest(style.limit);
    if findings.is_empty() {
        return Ok(());
    }
    let header = ["row", "model", "group", "charged", "expected", "difference", "cause"];
    let mut table = table(style, &header, &[3, 4, 5]);
    findings.into_iter().for_each(|finding| {
        table.add_row(finding_cells(finding));
    });
    write_section("Findings", &table, out)?;
    match omitted {
        0 => Ok(()),
        omitted => writeln!(out, "and {} more (`--limit` lists more of them)", grouped(omitted.into())),
    }
}

fn finding_cells(finding: &FindingPart<'_>) -> Vec<Cell> {
    let number = |number: Option<i64>| number.map_or_else(String::new, |number| grouped(number.into()));
    let delta = finding.delta_points.unwrap_or(0);
    let sign = if finding.verdict == "overcharged" { "+" } else { "" };
    vec![
        Cell::new(format!("{}:{}", shown(finding.input), finding.line)),
        Cell::new(shown(finding.model.unwrap_or(""))),
        Cell::new(shown(finding.group.unwrap_or(""))),
        Cell::new(number(finding.charged_points)),
        Cell::new(number(finding.expected_points)),
        Cell::new(format!("{sign}{}", grouped(delta))),
        Cell::new(finding.cause.as_deref().unwrap_or("")),
    ]
}
