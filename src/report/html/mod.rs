//! `--format html`: one page without scripts that asks for nothing from anywhere, for a reader who has never heard of ratios.
//!
//! First whether the bill is right and by how much it is not, then where the difference comes from, then each class of findings with a row to
//! check by hand, and at the end what was read.

mod days;
mod page;

use std::cmp::Reverse;
use std::io::{self, Write};

use sha2::{Digest, Sha256};

use super::Format;
use super::calc::write_steps;
use super::explain::changed_terms;
use super::formula::steps;
use super::text::{grouped, points_text, shown, time_text, usd_aligned};
use super::view::{ByPart, CausePart, ClassPart, FindingPart, Ordered, Usd, View, charges, finding_part, too_much};
use crate::audit::{By, Finding};
use crate::pricing::price;
use page::{Bar, Cell, Column, Holds, Page};

const STYLE: &str = include_str!("style.css");

/// Rows of a breakdown that are told one by one; the rest is told in one.
const PARTS: usize = 40;
const DAYS: usize = 366;
/// Classes of findings that are told one by one, and what stands beside the charges.
const CLASSES: usize = 200;

/// The report as a page.
#[derive(Clone, Debug, Default)]
pub struct Html {
    /// Whose statement it is, where it is one.
    pub user: Option<String>,
}

const TEXTS: Holds = Holds::Texts;
const NUMBERS: Holds = Holds::Numbers;

impl Format for Html {
    fn end(&mut self, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
        let page = &mut Page::new(out);
        head(view, page)?;
        self.verdict(view, page)?;
        by_day(view, page)?;
        differences(view, page)?;
        classes(view, page)?;
        unrated(view, page)?;
        drift(view, page)?;
        beside(view, page)?;
        quirks(view, page)?;
        asked(view, page)?;
        findings(view, page)?;
        if self.user.is_none() {
            read(view, page)?;
        }
        foot(view, page)
    }
}

fn head(view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
    page.mark(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\"",
    )?;
    page.attribute("content", &content_policy())?;
    page.mark(concat!(
        ">\n",
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
        "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n",
        "<link rel=\"icon\" href=\"data:,\">\n<title>"
    ))?;
    page.words(&view.sentence())?;
    page.mark("</title>\n<style>")?;
    page.mark(STYLE)?;
    page.mark("</style>\n</head>\n<body>\n")
}

/// What a browser may do with the page: show it in its own style, and nothing else.
fn content_policy() -> String {
    let style = base64(&Sha256::digest(STYLE));
    format!("default-src 'none'; style-src 'sha256-{style}'; img-src data:; base-uri 'none'; form-action 'none'")
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |three: &[u8]| {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | u32::from(three.get(at).copied().unwrap_or(0)));
        let letter = move |at: usize| char::from(LETTERS[(bits >> (18 - 6 * at)) as usize & 63]);
        let length = three.len();
        (0..4).map(move |at| if at > length { '=' } else { letter(at) })
    };
    bytes.chunks(3).flat_map(group).collect()
}

impl Html {
    fn verdict(&self, view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
        let totals = &view.totals;
        page.mark("<header>\n<p class=\"kicker\"><span>")?;
        match &self.user {
            Some(user) if user.is_empty() => page.words("Charges that name no user")?,
            Some(user) => {
                page.words("Statement of ")?;
                page.text(user)?;
            }
            None => page.words("Audit of a bill")?,
        }
        page.mark("</span>")?;
        if let (Some(first), Some(last)) = (&view.period.first, &view.period.last) {
            page.element("<span>", &format!("{first} to {last}"), "</span>")?;
        }
        page.mark("</p>\n")?;
        page.mark(match totals {
            totals if totals.wrong() > 0 => "<p class=\"verdict bad\">This bill is not right</p>\n",
            totals if totals.audited() == 0 => "<p class=\"verdict unsure\">This bill could not be checked</p>\n",
            _ => "<p class=\"verdict good\">This bill is right</p>\n",
        })?;
        page.element("<h1>", &view.sentence(), "</h1>\n")?;
        page.element("<p>", &lead(view), "</p>\n")?;
        statement(view, page)?;
        page.mark("</header>\n")
    }
}

fn lead(view: &View<'_>) -> String {
    let prices = match view.config.basis {
        "config" => "the prices of the config that is named below",
        _ => "the prices that the log itself prints beside it",
    };
    let left = match view.totals.unrated {
        0 => String::new(),
        count => format!(" {} could not be judged, because the log does not say enough.", charges(count)),
    };
    format!("Every charge was computed again from what was used and {prices}, the way the gateway computes it.{left}")
}

/// The sums, as a statement of account has them.
fn statement(view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let totals = &view.totals;
    let lines: [(&'static str, &str, i128, &Usd); 6] = [
        ("<tr>", "Charged", totals.charged_points, &totals.charged_usd),
        ("<tr>", "Expected", totals.expected_points, &totals.expected_usd),
        ("<tr class=\"sum\">", "Difference", totals.net_points, &totals.net_usd),
        ("<tr class=\"sub\">", "charged too much", totals.over_points, &view.over_usd),
        ("<tr class=\"sub\">", "charged too little", totals.under_points, &view.under_usd),
        ("<tr class=\"sub\">", "not judged", totals.unrated_points, &totals.unrated_usd),
    ];
    page.mark("<table class=\"statement\">\n<thead><tr><td></td><th scope=\"col\" class=\"n\">points</th><th scope=\"col\" class=\"n\">USD</th></tr></thead>\n<tbody>\n")?;
    for (row, word, points, usd) in lines {
        page.mark(row)?;
        page.element("<th scope=\"row\">", word, "</th>")?;
        page.element("<td class=\"n\">", &page::minus(&grouped(points)), "</td>")?;
        page.element("<td class=\"n\">", &page::minus(&usd_aligned(&usd.0)), "</td></tr>\n")?;
    }
    page.mark("</tbody>\n</table>\n<p class=\"note\">")?;
    page.words(&format!("A point is the unit in which the gateway counts: {} are $1.00.", of_unit(&view.config.quota_per_unit)))?;
    page.mark("</p>\n")
}

fn of_unit(per_unit: &str) -> String {
    per_unit.parse::<i128>().map_or_else(|_| format!("{per_unit} points"), points_text)
}

/// A section with its title and a sentence.
fn section(title: &'static str, sentence: &'static str, page: &mut Page<'_>) -> io::Result<()> {
    page.mark("<section>\n<h2>")?;
    page.mark(title)?;
    page.mark("</h2>\n<p class=\"note\">")?;
    page.mark(sentence)?;
    page.mark("</p>\n")
}

fn end(page: &mut Page<'_>) -> io::Result<()> {
    page.mark("</section>\n")
}

fn by_day(view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let days = view.breakdown(By::Day);
    if days.is_empty() {
        return Ok(());
    }
    section("By day", "What was charged on each day, and what should have been.", page)?;
    let from = days.len().saturating_sub(DAYS);
    let drawn: Vec<&ByPart> = days[from..].iter().collect();
    days::draw(&drawn, page)?;
    let rest = ByPart::rest(&days[..from].iter().collect::<Vec<_>>(), "earlier days");
    let rows: Vec<Vec<Cell>> = rest.iter().chain(drawn).map(|day| part_cells(day, view, None, "no time")).collect();
    page.mark(if rows.len() > 31 { "<details><summary>The numbers of all days</summary>\n" } else { "" })?;
    page.table(&part_columns("day", false), &rows, 0)?;
    page.mark(if rows.len() > 31 { "</details>\n" } else { "" })?;
    end(page)
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

fn bar(value: i128, most: i128) -> Cell {
    Cell::Bar(Bar { value, most, label: too_much(value) })
}

/// Where the difference comes from: by cause, by model, by group.
fn differences(view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
    if view.totals.audited() == 0 {
        return Ok(());
    }
    section(
        "Where the difference comes from",
        "Points charged beyond what was right stand to the right, points left out to the left.",
        page,
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
    end(page)
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

fn most(values: impl Iterator<Item = i128>) -> i128 {
    values.map(i128::abs).max().unwrap_or(0)
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

/// The breakdowns that were asked for, but those that every page has.
fn asked(view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
    for (by, parts) in view.by() {
        let (title, word) = match by {
            By::Token => ("By token", "token"),
            By::User => ("By user", "user"),
            By::Channel => ("By channel", "channel"),
            By::Model | By::Group | By::Day | By::Cause => continue,
        };
        section(title, "The largest differences first.", page)?;
        breakdown(word, parts, view, page)?;
        end(page)?;
    }
    Ok(())
}

fn classes(view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
    if view.classes.is_empty() {
        return Ok(());
    }
    section(
        "What is wrong",
        "Charges of one model in one group that are wrong in the same way. Each opens to a row that can be checked by hand.",
        page,
    )?;
    for class in view.classes.iter().take(CLASSES) {
        class_details(class, view, page)?;
    }
    more(view.classes.len(), CLASSES, page)?;
    end(page)
}

/// Says that not all are told.
fn more(count: usize, told: usize, page: &mut Page<'_>) -> io::Result<()> {
    match count.saturating_sub(told) {
        0 => Ok(()),
        more => page.element("<p class=\"note\">", &format!("and {} more", grouped(more as i128)), "</p>\n"),
    }
}

fn class_details(class: &ClassPart<'_>, view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
    page.mark("<details>\n<summary><span class=\"what\">")?;
    page.text(if class.model.is_empty() { "no model" } else { class.model })?;
    page.words(" in group ")?;
    page.text(if class.group.is_empty() { "not named" } else { class.group })?;
    page.mark("</span><span class=\"how\">")?;
    page.words(&format!("{}, {}", class.cause, charges(class.told.tally.rows)))?;
    page.mark("</span><span class=\"much\">")?;
    page.words(&view.too_much(class.net_points))?;
    page.mark("</span></summary>\n<div class=\"inside\">\n<p>")?;
    page.words(&format!("{}.", super::text::capital(&class.sentence)))?;
    match (&class.times.first, &class.times.last) {
        (Some(first), Some(last)) if first == last => page.words(&format!(" At {first}."))?,
        (Some(first), Some(last)) => page.words(&format!(" First at {first}, last at {last}."))?,
        _ => {}
    }
    page.mark("</p>\n")?;
    if let Some((finding, input)) = class.first {
        worked(finding, input, view, page)?;
    }
    page.mark("</div>\n</details>\n")
}

/// A row with its arithmetic.
fn worked(finding: &Finding, input: &str, view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
    page.mark("<p class=\"label\">")?;
    page.text(input)?;
    page.words(&format!(", line {}", finding.place.line))?;
    for (word, text) in
        [("id ", &finding.id), ("request ", &finding.request_id), ("token ", &finding.token), ("user ", &finding.user)]
    {
        if !text.is_empty() {
            page.words(&format!(", {word}"))?;
            page.text(text)?;
        }
    }
    page.words(&finding.time.map_or_else(String::new, |time| format!(", {}", time_text(time))))?;
    page.mark("</p>\n")?;
    let Some(judged) = finding.charge() else { return Ok(()) };
    let part = finding_part(finding, input, Some(view.class_causes));
    named_numbers("used: ", &part.usage, page)?;
    named_numbers("priced by: ", &part.ratios, page)?;
    named_numbers("but the log has: ", &part.logged_ratios, page)?;
    if let Some(terms) = &judged.terms {
        page.element("<p class=\"label\">expected</p>\n<pre>", &arithmetic(terms)?, "</pre>\n")?;
    }
    let told = finding.told(Some(view.class_causes));
    match told.as_ref().and_then(|told| changed_terms(finding, told)) {
        Some(changed) => {
            let is_same = price(&changed).points == judged.charged;
            page.mark(if is_same {
                "<p class=\"label\">charged</p>\n<pre>"
            } else {
                "<p class=\"label\">charged, nearly</p>\n<pre>"
            })?;
            page.words(&arithmetic(&changed)?)?;
            page.mark("</pre>\n")
        }
        None => page.element("<p class=\"label\">charged</p>\n<pre>", &grouped(judged.charged.0.into()), "</pre>\n"),
    }
}

/// Numbers with their names, as a row or its config has them.
fn named_numbers<K: ToString, V: ToString>(title: &'static str, numbers: &Ordered<K, V>, page: &mut Page<'_>) -> io::Result<()> {
    if numbers.0.is_empty() {
        return Ok(());
    }
    page.mark("<p class=\"label\">")?;
    page.mark(title)?;
    let named = numbers.0.iter().map(|(name, value)| format!("{} {}", name.to_string().replace('_', " "), value.to_string()));
    page.text(&named.collect::<Vec<_>>().join(", "))?;
    page.mark("</p>\n")
}

/// The steps of a charge, as `quota explain` prints them.
fn arithmetic(terms: &crate::pricing::Terms) -> io::Result<String> {
    let mut text = Vec::new();
    write_steps(&steps(terms), 1, &mut text)?;
    let lines = String::from_utf8_lossy(&text);
    Ok(lines.trim_end().split('\n').map(|line| cut(line) + "\n").collect::<String>().trim_end().to_owned())
}

/// A line of arithmetic that nobody would read to its end is cut.
fn cut(line: &str) -> String {
    const MOST: usize = 2_000;
    line.char_indices().nth(MOST).map_or_else(|| line.to_owned(), |(end, _)| format!("{}…", &line[..end]))
}

fn unrated(view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
    if view.unrated_reasons.is_empty() && view.totals.malformed == 0 {
        return Ok(());
    }
    section(
        "What could not be judged",
        "Nothing is guessed. These charges are neither right nor wrong, and they are in no sum above.",
        page,
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
    end(page)
}

fn drift(view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
    if view.drift.is_empty() {
        return Ok(());
    }
    section("Prices that differ from the config", "The log prints these ratios, and the config has others.", page)?;
    let rows: Vec<Vec<Cell>> = view
        .drift
        .iter()
        .take(CLASSES)
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
    more(view.drift.len(), CLASSES, page)?;
    end(page)
}

fn beside(view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
    if view.policy.is_empty() {
        return Ok(());
    }
    section("Beside the charges", "What was found that is not about the arithmetic of one charge.", page)?;
    let rows: Vec<Vec<Cell>> = view
        .policy
        .iter()
        .take(CLASSES)
        .map(|part| {
            let word = |word: &str| Cell::Words(word.to_owned());
            vec![word(part.finding), word(part.level), Cell::Number(part.rows.into()), Cell::Text(part.detail.to_owned())]
        })
        .collect();
    page.table(&[("finding", TEXTS), ("level", TEXTS), ("rows", NUMBERS), ("what", TEXTS)], &rows, 0)?;
    more(view.policy.len(), CLASSES, page)?;
    end(page)
}

fn quirks(view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
    if view.quirks.is_empty() {
        return Ok(());
    }
    section(
        "Quirks of the gateway",
        "These charges are what the gateway’s code computes, and they depart from its own price rules.",
        page,
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
    end(page)
}

fn findings(view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
    if view.findings.is_empty() {
        return Ok(());
    }
    section("The wrong charges", "One line for each, in the order of the log.", page)?;
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
    end(page)
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

fn read(view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
    section("What was read", "The same files give the same report again.", page)?;
    let inputs: Vec<Vec<Cell>> = view
        .inputs
        .iter()
        .map(|input| {
            let (rows, bytes) = (Cell::Number(input.rows.into()), Cell::Number(input.bytes.into()));
            vec![Cell::Text(input.name.to_owned()), Cell::Words(input.format.to_owned()), rows, bytes]
        })
        .collect();
    page.table(&[("log", TEXTS), ("format", TEXTS), ("rows", NUMBERS), ("bytes", NUMBERS)], &inputs, 0)?;
    if view.config.sources.is_empty() {
        page.mark("<p>Config: the built-in defaults.</p>\n")?;
    } else {
        let sources: Vec<Vec<Cell>> = view
            .config
            .sources
            .iter()
            .map(|source| {
                vec![
                    Cell::Text(source.name.to_owned()),
                    Cell::Words(source.format.to_owned()),
                    Cell::Text(source.sha256.to_owned()),
                ]
            })
            .collect();
        page.table(&[("config", TEXTS), ("format", TEXTS), ("sha256", TEXTS)], &sources, 0)?;
    }
    let classes = view.totals.classes().map(|(word, rows)| format!("{} {word}", grouped(rows.into())));
    page.element("<h3>Rows</h3>\n<p>", &format!("{} = {}", grouped(view.totals.rows.into()), classes.join(" + ")), "</p>\n")?;
    let profiles = view.config.profiles.0.iter().map(|(profile, rows)| format!("{profile} {}", grouped((*rows).into())));
    let profiles = profiles.collect::<Vec<_>>().join(", ");
    page.element("<p>", &format!("Basis: {}. Arithmetic: {} ({profiles}).", view.config.basis, view.config.profile), "</p>\n")?;
    if !view.presumed.is_empty() {
        let presumed = view.presumed.iter().map(|part| format!("{} ({})", part.reason, grouped(part.rows.into())));
        let presumed = presumed.collect::<Vec<_>>().join(", ");
        page.element("<p>Matched, presuming what the log leaves open: ", &presumed, ".</p>\n")?;
    }
    end(page)
}

fn foot(view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let rows = grouped(view.totals.rows.into());
    page.element("<footer>", &format!("quota {}, {rows} rows.", env!("CARGO_PKG_VERSION")), "</footer>\n</body>\n</html>\n")
}

#[cfg(test)]
mod tests {
    use super::base64;

    /// RFC 4648, section 10.
    #[test]
    fn base64_is_that_of_the_standard() {
        for (text, code) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(text.as_bytes()), code);
        }
    }
}
