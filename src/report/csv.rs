//! `--format csv`: one table for a spreadsheet. The column `record` says what a line is: a finding, or a sum.
//!
//! Numbers are plain. A text that a spreadsheet would take for a formula has a `'` before it.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::Format;
use super::text::printable;
use super::view::{FindingPart, Id, Ordered, Times, TotalsPart, View};

/// The columns, in their order.
pub const COLUMNS: [&str; 33] = [
    "record",
    "by",
    "name",
    "input",
    "line",
    "id",
    "request_id",
    "time",
    "last_time",
    "verdict",
    "cause",
    "also",
    "implied",
    "model",
    "group",
    "token",
    "user",
    "rows",
    "charged_points",
    "expected_points",
    "delta_points",
    "charged_usd",
    "expected_usd",
    "delta_usd",
    "mismatched",
    "expected_exact",
    "usage",
    "ratios",
    "logged_ratios",
    "profile",
    "quirk",
    "reason",
    "detail",
];

/// Findings and sums as lines of one table.
#[derive(Clone, Copy, Debug)]
pub struct Csv;

/// A line as it is filled: cells by their column.
struct Line(BTreeMap<&'static str, String>);

impl Line {
    fn new(record: &'static str) -> Line {
        Line(BTreeMap::from([("record", record.to_owned())]))
    }

    /// A number, or a word of our own.
    fn own(mut self, column: &'static str, value: impl ToString) -> Line {
        self.0.insert(column, value.to_string());
        self
    }

    /// A text from a log or a config.
    fn text(self, column: &'static str, text: &str) -> Line {
        self.own(column, cell(text))
    }

    fn maybe(self, column: &'static str, value: Option<impl ToString>) -> Line {
        match value {
            Some(value) => self.own(column, value),
            None => self,
        }
    }

    fn times(self, times: &Times) -> Line {
        self.maybe("time", times.first.as_ref()).maybe("last_time", times.last.as_ref())
    }

    fn write(&self, out: &mut csv::Writer<&mut dyn Write>) -> io::Result<()> {
        let cells = COLUMNS.iter().map(|column| self.0.get(column).map_or("", String::as_str));
        out.write_record(cells).map_err(io::Error::other)
    }
}

/// A text that is no formula in any spreadsheet, on one line.
pub fn cell(text: &str) -> String {
    let safe = printable(text);
    let starts_formula = |c: char| matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '%' | '|');
    if safe.trim_start().starts_with(starts_formula) { format!("'{safe}") } else { safe }
}

impl Format for Csv {
    fn end(&mut self, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
        let mut out = csv::Writer::from_writer(out);
        out.write_record(COLUMNS).map_err(io::Error::other)?;
        let sums = totals(&view.totals, view).into_iter().chain(parts(view));
        let findings = view.findings.iter().map(finding);
        sums.chain(findings).try_for_each(|line| line.write(&mut out))?;
        out.flush()
    }
}

fn totals(totals: &TotalsPart, view: &View<'_>) -> Vec<Line> {
    let total = Line::new("total")
        .own("rows", totals.rows)
        .own("charged_points", totals.charged_points)
        .own("expected_points", totals.expected_points)
        .own("delta_points", totals.net_points)
        .own("charged_usd", totals.charged_usd.exact())
        .own("expected_usd", totals.expected_usd.exact())
        .own("delta_usd", totals.net_usd.exact())
        .own("mismatched", totals.wrong());
    let mut lines = vec![total.times(&view.period)];
    for (word, rows) in totals.classes() {
        let line = Line::new("class").own("name", word).own("rows", rows);
        lines.push(match word {
            "overcharged" => line.own("delta_points", totals.over_points).own("delta_usd", view.over_usd.exact()),
            "undercharged" => {
                let under = view.under_usd.0.clone();
                line.own("delta_points", -totals.under_points).own("delta_usd", (-under).normalized())
            }
            "unrated" => line.own("charged_points", totals.unrated_points).own("charged_usd", totals.unrated_usd.exact()),
            _ => line,
        });
    }
    lines
}

/// Reasons, causes, drift, what stands beside the charges, quirks and breakdowns.
fn parts(view: &View<'_>) -> Vec<Line> {
    let mut lines = Vec::new();
    lines.extend(
        view.unrated_reasons
            .iter()
            .map(|part| Line::new("unrated").own("name", part.reason).own("rows", part.rows).maybe("charged_points", part.points)),
    );
    lines.extend(view.presumed.iter().map(|part| Line::new("presumed").own("name", part.reason).own("rows", part.rows)));
    lines.extend(view.causes.iter().map(|part| {
        let line = Line::new("cause").own("name", &part.cause).own("rows", part.rows).own("delta_points", part.net_points);
        let line = line.text("model", &part.models.join("; ")).text("group", &part.groups.join("; "));
        line.text("implied", &pairs(part.implied.iter())).text("detail", &part.sentence).times(&part.times)
    }));
    lines.extend(view.drift.iter().map(|part| {
        let line = Line::new("drift").own("name", part.key).own("rows", part.rows).text("model", part.model.unwrap_or(""));
        let detail = format!("config {}, log {}", part.configured, part.logged);
        line.text("group", part.group.unwrap_or("")).text("detail", &detail).times(&part.times)
    }));
    lines.extend(view.policy.iter().map(|part| {
        let line = Line::new(part.level).own("name", part.finding).own("rows", part.rows);
        line.text("detail", part.detail).times(&part.times)
    }));
    lines.extend(view.quirks.iter().map(|part| {
        let line = Line::new("quirk").own("name", part.quirk).own("rows", part.rows).maybe("delta_points", part.net_points);
        line.text("detail", part.detail).times(&part.times)
    }));
    for (by, parts) in view.by() {
        lines.extend(parts.iter().map(|part| {
            Line::new("by")
                .own("by", by.word())
                .text("name", &part.key)
                .own("rows", part.rows)
                .own("charged_points", part.charged_points)
                .own("expected_points", part.expected_points)
                .own("delta_points", part.net_points)
                .own("mismatched", part.mismatched)
        }));
    }
    lines
}

fn finding(part: &FindingPart<'_>) -> Line {
    let text = |text: Option<&str>| text.map(cell);
    Line::new("finding")
        .text("input", part.input)
        .own("line", part.line)
        .maybe("id", part.id.as_ref().map(|id| id_cell(id)))
        .maybe("request_id", text(part.request_id))
        .maybe("time", part.time.as_ref())
        .own("verdict", part.verdict)
        .maybe("cause", part.cause.as_ref())
        .own("also", part.also.join("; "))
        .text("implied", &pairs(part.implied.iter()))
        .maybe("model", text(part.model))
        .maybe("group", text(part.group))
        .maybe("token", text(part.token))
        .maybe("user", text(part.user))
        .own("rows", 1)
        .maybe("charged_points", part.charged_points)
        .maybe("expected_points", part.expected_points)
        .maybe("delta_points", part.delta_points)
        .maybe("expected_exact", part.expected_exact.as_ref())
        .text("usage", &listed(&part.usage))
        .text("ratios", &listed(&part.ratios))
        .text("logged_ratios", &listed(&part.logged_ratios))
        .maybe("profile", part.profile)
        .maybe("quirk", part.quirk)
        .maybe("reason", part.reason)
        .maybe("detail", part.detail.as_deref().map(cell))
}

fn id_cell(id: &Id<'_>) -> String {
    match id {
        Id::Number(number) => number.to_string(),
        Id::Text(text) => cell(text),
    }
}

/// `key=value; key=value`.
fn pairs<K: ToString, V: ToString>(parts: impl Iterator<Item = (K, V)>) -> String {
    parts.map(|(key, value)| format!("{}={}", key.to_string(), value.to_string())).collect::<Vec<_>>().join("; ")
}

fn listed<K: ToString, V: ToString>(parts: &Ordered<K, V>) -> String {
    pairs(parts.0.iter().map(|(key, value)| (key.to_string(), value.to_string())))
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn no_text_is_a_formula() {
        for text in ["=cmd|' /C calc'!A0", "+1", "-1+1", "@SUM(1)", " =1", "＝1", "|x"] {
            assert_eq!(cell(text), format!("'{text}"));
        }
        assert_eq!(cell("\t=1"), "\\u{9}=1");
        assert_eq!(cell("gpt-4o=1"), "gpt-4o=1");
    }
}
