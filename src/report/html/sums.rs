//! The sums: by day, and where the difference comes from.

use std::cmp::Reverse;
use std::io;

use super::days;
use super::page::{Bar, Cell, Column, Holds, NUMBERS, Page, TEXTS};
use crate::audit::By;
use crate::report::text::grouped;
use crate::report::view::{ByPart, CausePart, View, too_much};

/// Rows of a breakdown that are told one by one; the rest is told in one.
const PARTS: usize = 40;
const DAYS: usize = 366;

pub fn by_day(view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let days = view.breakdown(By::Day);
    if days.is_empty() {
        return Ok(());
    }
    page.section("By day", "What was charged on each day, and what should have been.")?;
    let from = days.len().saturating_sub(DAYS);
    let drawn: Vec<&ByPart> = days[from..].iter().collect();
    days::draw(&drawn, page)?;
    let rest = ByPart::rest(&days[..from].iter().collect::<Vec<_>>(), "earlier days");
    let rows: Vec<Vec<Cell>> = rest.iter().chain(drawn).map(|day| part_cells(day, view, None, "no time")).collect();
    page.mark(if rows.len() > 31 { "<details><summary>The numbers of all days</summary>\n" } else { "" })?;
    page.table(&part_columns("day", false), &rows, 0)?;
    page.mark(if rows.len() > 31 { "</details>\n" } else { "" })?;
    page.end_section()
}

/// Where the difference comes from: by cause, by model, by group.
pub fn differences(view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
    if view.totals.audited() == 0 {
        return Ok(());
    }
    page.section(
        "Where the difference comes from",
        "Points charged beyond what was right stand to the right, points left out to the left.",
    )?;
    if !view.causes.is_empty() {
        page.mark("<h3>By cause</h3>\n")?;
        let most = most(view.causes.iter().map(|part| part.net_points));
        let mut causes: Vec<&CausePart> = view.causes.iter().collect();
        causes.sort_by_key(|part| Reverse(part.net_points.unsigned_abs()));
        let rows: Vec<Vec<Cell>> = causes.into_iter().map(|part| cause_cells(part, most, view)).collect();
        let columns = [
            ("what happened", TEXTS),
            ("cause", TEXTS),
            ("charges", NUMBERS),
            ("difference", NUMBERS),
            ("in USD", NUMBERS),
            ("too little | too much", Holds::Bars),
        ];
        page.table(&columns, &rows, 0)?;
    }
    page.mark("<h3>By model</h3>\n")?;
    breakdown("model", view.breakdown(By::Model), view, page)?;
    page.mark("<h3>By group</h3>\n")?;
    breakdown("group", view.breakdown(By::Group), view, page)?;
    page.end_section()
}

/// The breakdowns that were asked for, but those that every page has.
pub fn asked(view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
    for (by, parts) in view.by() {
        let (title, word) = match by {
            By::Token => ("By token", "token"),
            By::User => ("By user", "user"),
            By::Channel => ("By channel", "channel"),
            By::Model | By::Group | By::Day | By::Cause => continue,
        };
        page.section(title, "The largest differences first.")?;
        breakdown(word, parts, view, page)?;
        page.end_section()?;
    }
    Ok(())
}

/// A breakdown with the largest differences first; the sum of its rows is the whole.
fn breakdown(of: &'static str, parts: &[ByPart], view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let mut ranked: Vec<&ByPart> = parts.iter().collect();
    ranked.sort_by_key(|part| (Reverse(part.net_points.unsigned_abs()), Reverse(part.charged_points)));
    let (told, others) = ranked.split_at(ranked.len().min(PARTS));
    let rest = ByPart::rest(others, &format!("{} more", grouped(others.len() as i128)));
    let most = most(told.iter().map(|part| part.net_points));
    let whole = ByPart::rest(&ranked, "sum");
    let rows: Vec<Vec<Cell>> = told
        .iter()
        .copied()
        .chain(&rest)
        .map(|part| part_cells(part, view, Some(most), "not named"))
        .chain(whole.iter().map(|sum| [part_cells(sum, view, None, ""), vec![Cell::Blank]].concat()))
        .collect();
    page.table(&part_columns(of, true), &rows, usize::from(whole.is_some()))
}

fn part_columns(of: &'static str, bars: bool) -> Vec<Column> {
    let mut columns = vec![(of, TEXTS), ("charges", NUMBERS), ("wrong", NUMBERS), ("charged", NUMBERS), ("expected", NUMBERS)];
    columns.extend([("difference", NUMBERS), ("in USD", NUMBERS)]);
    columns.extend(bars.then_some(("too little | too much", Holds::Bars)));
    columns
}

fn part_cells(part: &ByPart, view: &View<'_>, most: Option<i128>, without: &'static str) -> Vec<Cell> {
    let mut cells = vec![
        Cell::TextOr(part.key.clone(), without),
        Cell::Number(part.rows.into()),
        Cell::Number(part.mismatched.into()),
        Cell::Number(part.charged_points),
        Cell::Number(part.expected_points),
        Cell::Number(part.net_points),
        Cell::Money(view.usd(part.net_points)),
    ];
    cells.extend(most.map(|most| bar(part.net_points, most)));
    cells
}

fn cause_cells(part: &CausePart, most: i128, view: &View<'_>) -> Vec<Cell> {
    let net = part.net_points;
    vec![
        Cell::Words(part.sentence.clone()),
        Cell::Words(part.cause.clone()),
        Cell::Number(part.rows.into()),
        Cell::Number(net),
        Cell::Money(view.usd(net)),
        bar(net, most),
    ]
}

fn bar(value: i128, most: i128) -> Cell {
    Cell::Bar(Bar { value, most, label: too_much(value) })
}

fn most(values: impl Iterator<Item = i128>) -> i128 {
    values.map(i128::abs).max().unwrap_or(0)
}
