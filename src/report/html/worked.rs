//! What is wrong, class by class, each with a row to check by hand.

use std::io;

use super::page::{MOST_LINES, Page};
use crate::audit::Finding;
use crate::pricing::{Terms, price};
use crate::report::calc::write_steps;
use crate::report::explain::changed_terms;
use crate::report::formula::steps;
use crate::report::text::{capital, grouped, time_text};
use crate::report::view::{ClassPart, Ordered, View, charges, finding_part};

pub fn classes(view: &View<'_>, page: &mut Page<'_>) -> io::Result<()> {
    if view.classes.is_empty() {
        return Ok(());
    }
    page.section(
        "What is wrong",
        "Charges of one model in one group that are wrong in the same way. Each opens to a row that can be checked by hand.",
    )?;
    for class in view.classes.iter().take(MOST_LINES) {
        class_details(class, view, page)?;
    }
    page.more(view.classes.len(), MOST_LINES)?;
    page.end_section()
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
    page.words(&format!("{}.", capital(&class.sentence)))?;
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
    if let (None, Some(expected)) = (&judged.terms, &judged.expected) {
        page.element("<p class=\"label\">expected</p>\n<pre>", &grouped(expected.points.0.into()), "</pre>\n")?;
    }
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
fn arithmetic(terms: &Terms) -> io::Result<String> {
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
