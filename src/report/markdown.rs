//! `--format markdown`: the report for a ticket, a pull request or the summary of a pipeline's step.
//!
//! Names from a log stand in code spans, where nothing is a link, a mention or markup; what would end a span or a cell is shown as `\u{…}`.

use std::io::{self, Write};

use super::Format;
use super::text::{grouped, points_text, shown};
use super::view::{ByPart, Usd, View};

/// The report in GitHub's Markdown.
#[derive(Clone, Copy, Debug)]
pub struct Markdown {
    /// So many lines of each table are written; what is beyond them is counted.
    pub limit: usize,
}

/// A text from a log as a code span.
pub fn span(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let text = shown(text).replace('`', "\\u{60}").replace('|', "\\u{7c}");
    // A span that ends with a backslash, or is nothing but spaces, would be read as something else.
    let text = if text.trim().is_empty() { "\\u{20}".repeat(text.len()) } else { text };
    match text.strip_suffix('\\') {
        Some(rest) => format!("`{rest}\\u{{5c}}`"),
        None => format!("`{text}`"),
    }
}

/// The number alone: a `$` begins a formula on some pages.
fn money(usd: &Usd) -> String {
    usd.to_string().replace('$', "")
}

/// A table, its rows as they come.
struct Grid<'o> {
    out: &'o mut dyn Write,
    limit: usize,
}

impl Grid<'_> {
    /// Writes a table with a title; `:` before the name of a column sets it right.
    fn table(&mut self, title: &str, columns: &[&str], rows: impl ExactSizeIterator<Item = Vec<String>>) -> io::Result<()> {
        let count = rows.len();
        if count == 0 {
            return Ok(());
        }
        writeln!(self.out, "\n### {title}\n")?;
        let names: Vec<&str> = columns.iter().map(|column| column.trim_start_matches(':')).collect();
        writeln!(self.out, "| {} |", names.join(" | "))?;
        let rule = |column: &&str| if column.starts_with(':') { "--:" } else { "---" };
        writeln!(self.out, "| {} |", columns.iter().map(rule).collect::<Vec<_>>().join(" | "))?;
        for row in rows.take(self.limit) {
            writeln!(self.out, "| {} |", row.join(" | "))?;
        }
        match count.saturating_sub(self.limit) {
            0 => Ok(()),
            more => writeln!(self.out, "\nand {} more", grouped(more as i128)),
        }
    }
}

impl Format for Markdown {
    fn end(&mut self, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "## {}\n", view.sentence().replace('$', "USD "))?;
        write_totals(view, out)?;
        let mut grid = Grid { out, limit: self.limit };
        write_causes(view, &mut grid)?;
        write_unrated(view, &mut grid)?;
        write_drift(view, &mut grid)?;
        write_policy(view, &mut grid)?;
        write_quirks(view, &mut grid)?;
        for (by, parts) in view.by() {
            write_by(by.word(), parts, view, &mut grid)?;
        }
        write_findings(view, &mut grid)?;
        write_read(view, &mut grid)
    }
}

fn write_totals(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let totals = &view.totals;
    writeln!(out, "| | points | USD |\n| --- | --: | --: |")?;
    let lines = [
        ("charged", totals.charged_points, &totals.charged_usd),
        ("expected", totals.expected_points, &totals.expected_usd),
        ("difference", totals.net_points, &totals.net_usd),
        ("too much", totals.over_points, &view.over_usd),
        ("too little", totals.under_points, &view.under_usd),
        ("not judged", totals.unrated_points, &totals.unrated_usd),
    ];
    for (word, points, usd) in lines {
        writeln!(out, "| {word} | {} | {} |", grouped(points), money(usd))?;
    }
    let classes = totals.classes().map(|(word, rows)| format!("{} {word}", grouped(rows.into())));
    writeln!(out, "\n{} rows = {}", grouped(totals.rows.into()), classes.join(" + "))?;
    if let (Some(first), Some(last)) = (&view.period.first, &view.period.last) {
        writeln!(out, "\nPeriod: {first} to {last}. Basis: {}.", view.config.basis)?;
    }
    Ok(())
}

fn write_causes(view: &View<'_>, grid: &mut Grid<'_>) -> io::Result<()> {
    let columns = ["cause", "model", "group", ":charges", ":difference", ":USD", "first row", "what happened"];
    let rows = view.classes.iter().map(|class| {
        let first = class.first.map(|(finding, input)| span(&format!("{input}:{}", finding.place.line)));
        vec![
            class.cause.clone(),
            span(class.model),
            span(class.group),
            grouped(class.told.tally.rows.into()),
            grouped(class.net_points),
            money(&view.usd(class.net_points)),
            first.unwrap_or_default(),
            class.sentence.clone(),
        ]
    });
    grid.table("Why", &columns, rows)
}

fn write_unrated(view: &View<'_>, grid: &mut Grid<'_>) -> io::Result<()> {
    let rows = view
        .unrated_reasons
        .iter()
        .map(|part| vec![part.reason.to_owned(), grouped(part.rows.into()), part.points.map_or_else(String::new, grouped)]);
    grid.table("What could not be judged", &["reason", ":charges", ":points"], rows)
}

fn write_drift(view: &View<'_>, grid: &mut Grid<'_>) -> io::Result<()> {
    let rows = view.drift.iter().map(|part| {
        let of = span(part.model.or(part.group).unwrap_or(""));
        vec![part.key.to_owned(), of, span(part.configured), span(part.logged), grouped(part.rows.into())]
    });
    grid.table("Ratios in the log that are not the config's", &["ratio", "of", ":config", ":log", ":rows"], rows)
}

fn write_policy(view: &View<'_>, grid: &mut Grid<'_>) -> io::Result<()> {
    let rows = view.policy.iter().map(|part| {
        vec![part.finding.to_owned(), part.level.to_owned(), grouped(part.rows.into()), span(&part.detail.replace('`', "'"))]
    });
    grid.table("Beside the charges", &["finding", "level", ":rows", "what"], rows)
}

fn write_quirks(view: &View<'_>, grid: &mut Grid<'_>) -> io::Result<()> {
    let rows = view.quirks.iter().map(|part| {
        let net = part.net_points.map_or("not known".to_owned(), grouped);
        vec![part.quirk.to_owned(), grouped(part.rows.into()), net, part.detail.to_owned()]
    });
    grid.table("Quirks of the gateway", &["quirk", ":rows", ":net points", "why"], rows)
}

fn write_by(word: &str, parts: &[ByPart], view: &View<'_>, grid: &mut Grid<'_>) -> io::Result<()> {
    let columns = [word, ":charges", ":charged", ":expected", ":difference", ":USD", ":wrong"];
    let rows = parts.iter().map(|part| {
        vec![
            span(&part.key),
            grouped(part.rows.into()),
            grouped(part.charged_points),
            grouped(part.expected_points),
            grouped(part.net_points),
            money(&view.usd(part.net_points)),
            grouped(part.mismatched.into()),
        ]
    });
    grid.table(&format!("By {word}"), &columns, rows)
}

fn write_findings(view: &View<'_>, grid: &mut Grid<'_>) -> io::Result<()> {
    let (findings, omitted) = view.largest(grid.limit);
    let columns = ["row", "model", "group", ":charged", ":expected", ":difference", "cause"];
    let rows = findings.iter().map(|finding| {
        vec![
            span(&format!("{}:{}", finding.input, finding.line)),
            span(finding.model.unwrap_or("")),
            span(finding.group.unwrap_or("")),
            finding.charged_points.map_or_else(String::new, |points| grouped(points.into())),
            finding.expected_points.map_or_else(String::new, |points| grouped(points.into())),
            finding.delta_points.map_or_else(String::new, grouped),
            finding.cause.clone().unwrap_or_default(),
        ]
    });
    grid.table("The largest differences", &columns, rows)?;
    match omitted {
        0 => Ok(()),
        omitted => writeln!(grid.out, "\nand {} more", grouped(omitted.into())),
    }
}

fn write_read(view: &View<'_>, grid: &mut Grid<'_>) -> io::Result<()> {
    let inputs =
        view.inputs.iter().map(|input| vec![span(input.name), input.format.to_owned(), grouped(input.rows.into()), String::new()]);
    let sources = view.config.sources.iter();
    let sources = sources.map(|source| vec![span(source.name), source.format.to_owned(), String::new(), span(source.sha256)]);
    let rows: Vec<Vec<String>> = inputs.chain(sources).collect();
    grid.table("What was read", &["file", "format", ":rows", "sha256"], rows.into_iter())?;
    writeln!(grid.out, "\nquota {}, {} for 1 USD.", env!("CARGO_PKG_VERSION"), points_of(&view.config.quota_per_unit))
}

fn points_of(per_unit: &str) -> String {
    per_unit.parse::<i128>().map_or_else(|_| format!("{per_unit} points"), points_text)
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn a_span_ends_only_where_it_should() {
        for (text, shown) in [
            ("gpt-4o", "`gpt-4o`"),
            ("a`b|c", "`a\\u{60}b\\u{7c}c`"),
            ("a\\", "`a\\u{5c}`"),
            ("  ", "`\\u{20}\\u{20}`"),
            ("a\nb", "`a\\u{a}b`"),
            ("", ""),
        ] {
            assert_eq!(span(text), shown);
        }
    }
}
