//! What stands beside the sums: what could not be judged, other prices, other findings, quirks, and each wrong charge.

use std::io;

use super::page::{Cell, MOST_LINES, NUMBERS, Page, TEXTS};
use crate::report::text::{grouped, shown};
use crate::report::view::{FindingPart, View, charges};

pub fn unrated(view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
    if view.unrated_reasons.is_empty() && view.totals.malformed == 0 {
        return Ok(());
    }
    page.section(
        "What could not be judged",
        "Nothing is guessed. These charges are neither right nor wrong, and they are in no sum above.",
    )?;
    let mut rows: Vec<Vec<Cell>> = view
        .unrated_reasons
        .iter()
        .map(|part| {
            let points = part.points.map_or(Cell::Blank, Cell::Number);
            let usd = part.points.map_or(Cell::Blank, |points| Cell::Money(view.usd(points)));
            vec![
                Cell::Words(part.sentence.to_owned()),
                Cell::Words(part.reason.to_owned()),
                Cell::Number(part.rows.into()),
                points,
                usd,
            ]
        })
        .collect();
    if view.totals.malformed > 0 {
        let why = "the row could not be read".to_owned();
        rows.push(vec![
            Cell::Words(why),
            Cell::Words("malformed".to_owned()),
            Cell::Number(view.totals.malformed.into()),
            Cell::Blank,
            Cell::Blank,
        ]);
    }
    let columns = [("why", TEXTS), ("reason", TEXTS), ("rows", NUMBERS), ("points", NUMBERS), ("in USD", NUMBERS)];
    page.table(&columns, &rows, 0)?;
    page.end_section()
}

pub fn drift(view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
    if view.drift.is_empty() {
        return Ok(());
    }
    page.section("Prices that differ from the config", "The log prints these ratios, and the config has others.")?;
    let rows: Vec<Vec<Cell>> = view
        .drift
        .iter()
        .take(MOST_LINES)
        .map(|part| {
            vec![
                Cell::Words(part.key.to_owned()),
                Cell::TextOr(part.model.or(part.group).unwrap_or("").to_owned(), "not named"),
                Cell::Text(part.configured.to_owned()),
                Cell::Text(part.logged.to_owned()),
                Cell::Number(part.rows.into()),
                Cell::Words(part.times.first.clone().unwrap_or_default()),
                Cell::Words(part.times.last.clone().unwrap_or_default()),
            ]
        })
        .collect();
    let columns = [
        ("ratio", TEXTS),
        ("of", TEXTS),
        ("config", NUMBERS),
        ("log", NUMBERS),
        ("rows", NUMBERS),
        ("first", TEXTS),
        ("last", TEXTS),
    ];
    page.table(&columns, &rows, 0)?;
    page.more(view.drift.len(), MOST_LINES)?;
    page.end_section()
}

pub fn beside(view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
    if view.policy.is_empty() {
        return Ok(());
    }
    page.section("Beside the charges", "What was found that is not about the arithmetic of one charge.")?;
    let rows: Vec<Vec<Cell>> = view
        .policy
        .iter()
        .take(MOST_LINES)
        .map(|part| {
            let word = |word: &str| Cell::Words(word.to_owned());
            vec![word(part.finding), word(part.level), Cell::Number(part.rows.into()), Cell::Text(part.detail.to_owned())]
        })
        .collect();
    page.table(&[("finding", TEXTS), ("level", TEXTS), ("rows", NUMBERS), ("what", TEXTS)], &rows, 0)?;
    page.more(view.policy.len(), MOST_LINES)?;
    page.end_section()
}

pub fn quirks(view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
    if view.quirks.is_empty() {
        return Ok(());
    }
    page.section(
        "Quirks of the gateway",
        "These charges are what the gateway’s code computes, and they depart from its own price rules.",
    )?;
    let rows: Vec<Vec<Cell>> = view
        .quirks
        .iter()
        .map(|part| {
            let net = part.net_points.map_or(Cell::Words("not known".to_owned()), Cell::Number);
            vec![Cell::Words(part.quirk.to_owned()), Cell::Words(part.detail.to_owned()), Cell::Number(part.rows.into()), net]
        })
        .collect();
    page.table(&[("quirk", TEXTS), ("why", TEXTS), ("rows", NUMBERS), ("beyond the rules", NUMBERS)], &rows, 0)?;
    page.end_section()
}

pub fn findings(view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
    if view.findings.is_empty() {
        return Ok(());
    }
    page.section("The wrong charges", "One line for each, in the order of the log.")?;
    let count = view.findings.len();
    page.mark(if count > 20 { "<details>\n<summary>" } else { "<details open>\n<summary>" })?;
    page.words(&match view.findings_omitted {
        0 => charges(count as u64),
        omitted => {
            format!("the {} with the largest difference; {} more are in the sums", charges(count as u64), grouped(omitted.into()))
        }
    })?;
    page.mark("</summary>\n")?;
    let rows: Vec<Vec<Cell>> = view.findings.iter().map(finding_cells).collect();
    let columns = [
        ("row", TEXTS),
        ("model", TEXTS),
        ("group", TEXTS),
        ("charged", NUMBERS),
        ("expected", NUMBERS),
        ("difference", NUMBERS),
        ("cause", TEXTS),
    ];
    page.table(&columns, &rows, 0)?;
    page.mark("</details>\n")?;
    page.end_section()
}

fn finding_cells(part: &FindingPart<'_>) -> Vec<Cell> {
    let number = |number: Option<i64>| number.map_or(Cell::Blank, |number| Cell::Number(number.into()));
    vec![
        Cell::Text(format!("{}:{}", shown(part.input), part.line)),
        Cell::TextOr(part.model.unwrap_or("").to_owned(), "no model"),
        Cell::TextOr(part.group.unwrap_or("").to_owned(), "not named"),
        number(part.charged_points),
        number(part.expected_points),
        part.delta_points.map_or(Cell::Blank, Cell::Number),
        Cell::Words(part.cause.clone().unwrap_or_default()),
    ]
}
