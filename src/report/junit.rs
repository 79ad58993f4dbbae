//! `--format junit`: a case for each model in each group, which fails where a charge is wrong.
//!
//! Drift and findings beside the charges stand in suites of their own, where there are any.

use std::collections::HashMap;
use std::io::{self, Write};

use super::Format;
use super::text::{points_text, shown};
use super::view::{CasePart, ClassPart, View, charges, too_much};
use super::xml::escaped;

/// The report as test results.
#[derive(Clone, Copy, Debug)]
pub struct Junit;

struct Case {
    class: String,
    name: String,
    outcome: Outcome,
}

enum Outcome {
    Passed,
    Skipped(String),
    Failed { kind: String, message: String, lines: Vec<String> },
}

impl Format for Junit {
    fn end(&mut self, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
        let suites = [
            ("charges", view.cases.iter().map(|case| charge_case(case, view)).collect()),
            ("drift", drift(view)),
            ("beside the charges", policy(view)),
        ]
        .map(|(name, cases)| (name, apart(cases)));
        let kept = suites.iter().filter(|(name, cases): &&(&str, Vec<Case>)| *name == "charges" || !cases.is_empty());
        let all = || suites.iter().flat_map(|(_, cases)| cases);
        writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
        writeln!(out, "<testsuites name=\"quota audit\" {} time=\"0\">", counts(all(), false))?;
        for (index, (name, cases)) in kept.enumerate() {
            write_suite((index, name), cases, view, out)?;
        }
        writeln!(out, "</testsuites>")
    }
}

/// Cases of the same name, told apart by a number: readers take them for one.
fn apart(mut cases: Vec<Case>) -> Vec<Case> {
    let mut seen: HashMap<(String, String), usize> = HashMap::new();
    for case in &mut cases {
        let count = seen.entry((case.class.clone(), case.name.clone())).or_default();
        *count += 1;
        if *count > 1 {
            case.name = format!("{} ({count})", case.name);
        }
    }
    cases
}

fn counts<'c>(cases: impl Iterator<Item = &'c Case> + Clone, skipped: bool) -> String {
    let failed = cases.clone().filter(|case| matches!(case.outcome, Outcome::Failed { .. })).count();
    let left = cases.clone().filter(|case| matches!(case.outcome, Outcome::Skipped(_))).count();
    let skipped = if skipped { format!(" skipped=\"{left}\"") } else { String::new() };
    format!("tests=\"{}\" failures=\"{failed}\" errors=\"0\"{skipped}", cases.count())
}

fn write_suite((id, name): (usize, &str), cases: &[Case], view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    // A report says the same whenever it is made: the time is that of the log.
    let time = view.period.last.as_deref().unwrap_or("1970-01-01T00:00:00Z").trim_end_matches('Z');
    let counts = counts(cases.iter(), true);
    writeln!(
        out,
        "  <testsuite name=\"{name}\" package=\"quota\" id=\"{id}\" hostname=\"localhost\" timestamp=\"{time}\" {counts} time=\"0\">"
    )?;
    write_properties(id, view, out)?;
    cases.iter().try_for_each(|case| write_case(case, out))?;
    writeln!(out, "    <system-out>{}</system-out>", escaped(&view.sentence()))?;
    writeln!(out, "    <system-err></system-err>")?;
    writeln!(out, "  </testsuite>")
}

/// The sums, in the first suite.
fn write_properties(id: usize, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    if id != 0 {
        return writeln!(out, "    <properties></properties>");
    }
    let totals = &view.totals;
    let mut properties = vec![("rows", totals.rows.to_string())];
    properties.extend(totals.classes().map(|(word, rows)| (word, rows.to_string())));
    properties.extend([
        ("charged_points", totals.charged_points.to_string()),
        ("expected_points", totals.expected_points.to_string()),
        ("over_points", totals.over_points.to_string()),
        ("under_points", totals.under_points.to_string()),
        ("net_points", totals.net_points.to_string()),
        ("unrated_points", totals.unrated_points.to_string()),
        ("charged_usd", totals.charged_usd.exact()),
        ("expected_usd", totals.expected_usd.exact()),
        ("net_usd", totals.net_usd.exact()),
        ("unrated_usd", totals.unrated_usd.exact()),
    ]);
    writeln!(out, "    <properties>")?;
    for (name, value) in properties {
        writeln!(out, "      <property name=\"{name}\" value=\"{value}\"/>")?;
    }
    for (by, parts) in view.by() {
        for part in parts {
            let name = escaped(&format!("by {} {}", by.word(), shown(&part.key)));
            let (rows, charged, expected, net) = (part.rows, part.charged_points, part.expected_points, part.net_points);
            let value = format!("rows {rows}, charged_points {charged}, expected_points {expected}, net_points {net}");
            writeln!(out, "      <property name=\"{name}\" value=\"{value}\"/>")?;
        }
    }
    writeln!(out, "    </properties>")
}

fn write_case(case: &Case, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "    <testcase classname=\"{}\" name=\"{}\" time=\"0\"", escaped(&case.class), escaped(&case.name))?;
    match &case.outcome {
        Outcome::Passed => writeln!(out, "/>"),
        Outcome::Skipped(why) => writeln!(out, "><skipped message=\"{}\"/></testcase>", escaped(why)),
        Outcome::Failed { kind, message, lines } => {
            writeln!(out, ">\n      <failure type=\"{}\" message=\"{}\">", escaped(kind), escaped(message))?;
            lines.iter().try_for_each(|line| writeln!(out, "{}", escaped(line)))?;
            writeln!(out, "</failure>\n    </testcase>")
        }
    }
}

fn charge_case(case: &CasePart<'_>, view: &View<'_>) -> Case {
    let tally = case.tally;
    let outcome = if tally.mismatched > 0 {
        let of_case = view.classes.iter().filter(|class| class.model == case.model && class.group == case.group);
        let classes: Vec<&ClassPart<'_>> = of_case.collect();
        let kinds: Vec<&str> = classes.iter().map(|class| class.cause.as_str()).collect();
        Outcome::Failed {
            kind: kinds.join(" "),
            message: format!("wrong: {} of {}, {}", tally.mismatched, charges(tally.rows), too_much(case.net_points)),
            lines: classes.into_iter().map(class_line).collect(),
        }
    } else if tally.rows == 0 {
        Outcome::Skipped(format!("{} cannot be judged, {}", charges(case.unrated), points_text(case.unrated_points)))
    } else {
        Outcome::Passed
    };
    Case { class: named(case.model, "no model"), name: named(case.group, "no group"), outcome }
}

/// What is said of a class of findings in one line.
pub(super) fn class_line(class: &ClassPart<'_>) -> String {
    let first = class.first.map(|(finding, input)| format!("; first row {}:{}", shown(input), finding.place.line));
    let (count, net) = (charges(class.told.tally.rows), too_much(class.net_points));
    format!("{}: {count}, {net}: {}{}", class.cause, class.sentence, first.unwrap_or_default())
}

pub(super) fn named(text: &str, without: &str) -> String {
    if text.trim().is_empty() { without.to_owned() } else { shown(text) }
}

fn drift(view: &View<'_>) -> Vec<Case> {
    let case = view.drift.iter().map(|part| {
        let message = format!("config {}, log {}", shown(part.configured), shown(part.logged));
        let lines = vec![format!("{} rows", part.rows)];
        let outcome = Outcome::Failed { kind: "drift".to_owned(), message, lines };
        Case { class: named(part.model.or(part.group).unwrap_or(""), "no model"), name: part.key.to_owned(), outcome }
    });
    case.collect()
}

fn policy(view: &View<'_>) -> Vec<Case> {
    let cases = view.policy.iter().map(|part| {
        let outcome = match part.level {
            "violation" => {
                let lines = vec![format!("{} rows", part.rows)];
                Outcome::Failed { kind: part.finding.to_owned(), message: shown(part.detail), lines }
            }
            _ => Outcome::Passed,
        };
        Case { class: part.finding.to_owned(), name: shown(part.detail), outcome }
    });
    cases.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_cases_have_one_name() {
        let case = |name: &str| Case { class: "m".to_owned(), name: name.to_owned(), outcome: Outcome::Passed };
        let names: Vec<String> = apart(["a", "b", "a"].map(case).into()).into_iter().map(|case| case.name).collect();
        assert_eq!(names, ["a", "b", "a (2)"]);
    }
}
