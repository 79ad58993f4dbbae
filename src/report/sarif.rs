//! `--format sarif`: SARIF 2.1.0, one result for each class of findings (a cause for a model in a group), with its first row and its count.

use std::collections::BTreeSet;
use std::io::{self, Write};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::Format;
use super::junit::named;
use super::text::{JsonText, capital, shown};
use super::view::{ByPart, ClassPart, Ordered, TotalsPart, View, charges};

/// GitHub shows so many results of a run.
const MOST_RESULTS: usize = 5_000;

/// The report as SARIF.
#[derive(Clone, Copy, Debug)]
pub struct Sarif;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Log<'v> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'v>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'v> {
    tool: Tool,
    results: Vec<SarifResult>,
    column_kind: &'static str,
    properties: RunProperties<'v>,
}

#[derive(Serialize)]
struct RunProperties<'v> {
    sentence: String,
    totals: &'v TotalsPart,
    by: Ordered<&'static str, &'v [ByPart]>,
    results_omitted: usize,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    semantic_version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    short_description: Message,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Message {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult {
    rule_id: String,
    level: &'static str,
    message: Message,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locations: Vec<Location>,
    partial_fingerprints: Ordered<&'static str, String>,
    /// 1 or more.
    occurrence_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<ResultProperties>,
}

#[derive(Serialize)]
struct ResultProperties {
    model: String,
    group: String,
    rows: u64,
    net_points: i128,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: PhysicalLocation,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: Artifact,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Serialize)]
struct Artifact {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u64,
}

impl Format for Sarif {
    fn end(&mut self, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
        let mut found: Vec<(SarifResult, Rule)> = view.classes.iter().map(|class| of_class(class, view)).collect();
        found.extend(drift(view));
        found.extend(policy(view));
        let results_omitted = found.len().saturating_sub(MOST_RESULTS);
        found.truncate(MOST_RESULTS);
        let rules: BTreeSet<Rule> = found.iter().map(|(_, rule)| rule.clone()).collect();
        let driver = Driver { name: "quota", semantic_version: env!("CARGO_PKG_VERSION"), rules: rules.into_iter().collect() };
        let by = Ordered(view.by().map(|(by, parts)| (by.word(), parts)).collect());
        let log = Log {
            schema: "https://json.schemastore.org/sarif-2.1.0.json",
            version: "2.1.0",
            runs: [Run {
                tool: Tool { driver },
                results: found.into_iter().map(|(result, _)| result).collect(),
                column_kind: "unicodeCodePoints",
                properties: RunProperties { sentence: view.sentence(), totals: &view.totals, by, results_omitted },
            }],
        };
        serde_json::to_writer_pretty(JsonText(&mut *out), &log)?;
        writeln!(out)
    }
}

fn of_class(class: &ClassPart<'_>, view: &View<'_>) -> (SarifResult, Rule) {
    let rows = class.told.tally.rows;
    let (model, group) = (named(class.model, "no model"), named(class.group, "no group"));
    let (count, net) = (charges(rows), view.too_much(class.net_points));
    let text = format!("{model} in group {group}: {count}, {net}. {}.", capital(&class.sentence));
    let result = SarifResult {
        rule_id: class.cause.clone(),
        level: "error",
        message: message(&text),
        locations: class.first.map(|(finding, input)| location(input, Some(finding.place.line))).into_iter().collect(),
        partial_fingerprints: fingerprint(&[&class.cause, class.model, class.group]),
        occurrence_count: rows.max(1),
        properties: Some(ResultProperties { model, group, rows, net_points: class.net_points }),
    };
    (result, Rule { id: class.cause.clone(), short_description: message(&capital(&class.sentence)) })
}

fn drift<'v>(view: &'v View<'_>) -> impl Iterator<Item = (SarifResult, Rule)> + 'v {
    view.drift.iter().map(|part| {
        let of = named(part.model.or(part.group).unwrap_or(""), "no model");
        let (configured, logged) = (shown(part.configured), shown(part.logged));
        let text = format!("{} of {of}: the config has {configured}, {} rows have {logged}.", part.key, part.rows);
        let marks = ["drift", part.key, part.model.unwrap_or(""), part.group.unwrap_or(""), part.configured, part.logged];
        beside(("drift", "Ratios in the log that are not the config's"), "warning", text, part.rows, (&marks, view))
    })
}

fn policy<'v>(view: &'v View<'_>) -> impl Iterator<Item = (SarifResult, Rule)> + 'v {
    view.policy.iter().map(|part| {
        let level = if part.level == "violation" { "error" } else { "note" };
        let text = format!("{}: {} rows.", shown(part.detail), part.rows);
        beside((part.finding, part.finding), level, text, part.rows, (&[part.finding, part.detail], view))
    })
}

/// A result that has no row of its own.
fn beside(
    (id, short): (&str, &str),
    level: &'static str,
    text: String,
    rows: u64,
    (marks, view): (&[&str], &View<'_>),
) -> (SarifResult, Rule) {
    let result = SarifResult {
        rule_id: id.to_owned(),
        level,
        message: message(&text),
        locations: view.inputs.first().map(|input| location(input.name, None)).into_iter().collect(),
        partial_fingerprints: fingerprint(marks),
        occurrence_count: rows.max(1),
        properties: None,
    };
    (result, Rule { id: id.to_owned(), short_description: message(short) })
}

fn location(input: &str, line: Option<u64>) -> Location {
    let region = line.filter(|line| *line > 0).map(|start_line| Region { start_line });
    let artifact_location = Artifact { uri: if input == "-" { "stdin".to_owned() } else { uri(input) } };
    Location { physical_location: PhysicalLocation { artifact_location, region } }
}

/// A text in which nothing is a placeholder (`{0}`) or a link.
fn message(text: &str) -> Message {
    Message { text: text.replace('{', "(").replace('}', ")").replace("](", "] (") }
}

/// A file name as a reference: what is no letter, digit, `-._~` or `/` stands as `%XX`.
fn uri(name: &str) -> String {
    let encoded = name.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    // `//host` would name a machine.
    encoded.collect::<String>().replacen("//", "/", usize::from(name.starts_with("//")))
}

/// The same for the same class in every run: nothing of counts, lines or points is in it.
fn fingerprint(marks: &[&str]) -> Ordered<&'static str, String> {
    let mut hash = Sha256::new();
    for mark in marks {
        hash.update((mark.len() as u64).to_be_bytes());
        hash.update(mark.as_bytes());
    }
    let hex: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    Ordered(vec![("quotaClass/v1", hex)])
}

#[cfg(test)]
mod tests {
    use super::{fingerprint, uri};

    #[test]
    fn a_file_name_is_no_address() {
        assert_eq!(uri("logs/a b.csv"), "logs/a%20b.csv");
        assert_eq!(uri("javascript:x"), "javascript%3Ax");
        assert_eq!(uri("//host/x"), "/host/x");
    }

    #[test]
    fn a_fingerprint_tells_classes_apart() {
        assert_eq!(fingerprint(&["a", "b"]).0, fingerprint(&["a", "b"]).0);
        assert_ne!(fingerprint(&["ab", ""]).0, fingerprint(&["a", "b"]).0);
    }
}
