//! What `quota explain` prints: the arithmetic of single rows, beside what was charged. It renders the charge that pricing made.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::calc::{Calculation, ChargePart, Priced, charge_part, write_lines, write_steps};
use super::formula::steps;
use super::text::{JsonText, grouped, points_text, printable, time_text, usd_of, usd_text};
use super::view::{FindingPart, cause_sentence, finding_part};
use crate::audit::{Class, ClassCauses, Finding, ToldCause};
use crate::exact::{Exact, Points, Ratio};
use crate::pricing::{Terms, Unit, price};

/// A row that is explained.
#[derive(Clone, Debug)]
pub struct Explained {
    pub finding: Finding,
    /// The input's name.
    pub input: String,
    /// Points for 1 USD.
    pub quota_per_unit: Ratio,
    /// Where the group ratio comes from, in words.
    pub group_ratio_from: String,
    pub booked: Booked,
}

/// What the row itself says of points that were taken in advance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Booked {
    pub pre_consumed: Option<i64>,
    pub actual: Option<i64>,
    pub adjustment: Option<i64>,
}

/// An explained row with what its class adds.
struct Told<'a> {
    of: &'a Explained,
    cause: Option<ToldCause>,
    /// The terms by which the cause gives the charge.
    changed: Option<Terms>,
}

impl<'a> Told<'a> {
    fn new(of: &'a Explained, causes: &ClassCauses) -> Told<'a> {
        let cause = of.finding.told(Some(causes));
        let changed = cause.as_ref().and_then(|told| changed_terms(&of.finding, told));
        Told { of, cause, changed }
    }

    fn calculation(&self) -> Option<Calculation> {
        let terms = self.of.finding.charge()?.terms.clone()?;
        Some(Calculation { model: self.of.finding.model.clone(), group: self.of.finding.group.clone(), terms, requests: 1 })
    }
}

/// The terms by which its cause gives the charge of a row.
pub(super) fn changed_terms(finding: &Finding, told: &ToldCause) -> Option<Terms> {
    finding.charge()?.changed(told.cause, &told.implied)
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    rows: Vec<RowPart<'a>>,
}

#[derive(Serialize)]
struct RowPart<'a> {
    #[serde(flatten)]
    finding: FindingPart<'a>,
    sentence: Option<String>,
    group_ratio_from: &'a str,
    #[serde(flatten)]
    booked: Booked,
    charge: Option<ChargePart<'a>>,
    steps: Vec<StepPart>,
    formula: Option<String>,
    charged_steps: Vec<StepPart>,
    charged_formula: Option<String>,
}

/// A step that comes before the formula itself.
#[derive(Serialize)]
struct StepPart {
    name: String,
    formula: String,
}

/// Schema `quota.explain/1`.
pub fn write_json(rows: &[Explained], causes: &ClassCauses, out: &mut dyn Write) -> io::Result<()> {
    let told: Vec<Told<'_>> = rows.iter().map(|row| Told::new(row, causes)).collect();
    let calculations: Vec<Option<Calculation>> = told.iter().map(Told::calculation).collect();
    let priced: Vec<Option<Priced<'_>>> = calculations.iter().map(|calculation| calculation.as_ref().map(Priced::new)).collect();
    let parts = told.iter().zip(&calculations).zip(&priced);
    let rows = parts.map(|((told, calculation), priced)| row_part(told, calculation.as_ref(), priced.as_ref(), causes)).collect();
    serde_json::to_writer_pretty(JsonText(&mut *out), &Document { schema: "quota.explain/1", rows })?;
    writeln!(out)
}

fn row_part<'a>(
    told: &'a Told<'_>,
    calculation: Option<&Calculation>,
    priced: Option<&'a Priced<'_>>,
    causes: &ClassCauses,
) -> RowPart<'a> {
    let row = told.of;
    let (before, formula) = step_parts(calculation.map(|calculation| &calculation.terms));
    let (charged_steps, charged_formula) = step_parts(told.changed.as_ref());
    RowPart {
        finding: finding_part(&row.finding, &row.input, Some(causes)),
        sentence: told.cause.as_ref().map(|told| cause_sentence(told.cause)),
        group_ratio_from: &row.group_ratio_from,
        booked: row.booked,
        charge: priced.map(charge_part),
        steps: before,
        formula,
        charged_steps,
        charged_formula,
    }
}

fn step_parts(terms: Option<&Terms>) -> (Vec<StepPart>, Option<String>) {
    let steps = terms.map(steps).unwrap_or_default();
    let Some((last, before)) = steps.split_last() else { return (Vec::new(), None) };
    let before = before.iter().map(|step| StepPart { name: step.name.clone(), formula: step.to_string() });
    (before.collect(), Some(last.to_string()))
}

/// One row after the other, for people.
pub fn write_table(rows: &[Explained], causes: &ClassCauses, out: &mut dyn Write) -> io::Result<()> {
    for (index, row) in rows.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        write_row(&Told::new(row, causes), out)?;
    }
    Ok(())
}

fn write_row(told: &Told<'_>, out: &mut dyn Write) -> io::Result<()> {
    let finding = &told.of.finding;
    writeln!(out, "{}:{}{}", printable(&told.of.input), finding.place.line, whereabouts(finding))?;
    writeln!(out, "{}", verdict(told.of))?;
    if let Some(calculation) = told.calculation() {
        write_charge(told, &calculation, out)?;
    }
    write_booked(&told.of.booked, out)
}

/// `  id 4711, gpt-4o, group vip, 2026-08-08T05:20:03Z`.
fn whereabouts(finding: &Finding) -> String {
    let named = [
        ("id ", finding.id.as_str()),
        ("request ", &finding.request_id),
        ("", &finding.model),
        ("group ", &finding.group),
        ("token ", &finding.token),
        ("user ", &finding.user),
    ];
    let mut parts: Vec<String> =
        named.into_iter().filter(|(_, text)| !text.is_empty()).map(|(word, text)| format!("{word}{}", printable(text))).collect();
    parts.extend(finding.time.map(time_text));
    parts.extend(finding.profile().map(|profile| profile.word().to_owned()));
    if parts.is_empty() { String::new() } else { format!("  {}", parts.join(", ")) }
}

/// The first sentence: the verdict, and what was charged against what was expected.
fn verdict(row: &Explained) -> String {
    let verdict = &row.finding.verdict;
    let money = |points: Points| {
        format!("{} ({})", points_text(points.0.into()), usd_text(&usd_of(&Exact::from(points), row.quota_per_unit)))
    };
    let word = verdict.class.word();
    let Some(judged) = row.finding.charge() else {
        let skip = verdict.skip.map(|skip| skip.word().to_owned());
        let why = skip.or_else(|| verdict.error.as_ref().map(ToString::to_string)).unwrap_or_default();
        return format!("{word}: {}", printable(&why));
    };
    let charged = money(judged.charged);
    let expected = judged.expected.as_ref().map(|expected| money(expected.points));
    let presumed = judged.reason.map_or(String::new(), |reason| format!(", presuming ({})", reason.word()));
    match (verdict.class, expected) {
        (Class::Matched, _) => format!("matched: {charged} is right{presumed}"),
        (Class::Unrated, expected) => {
            let reason = judged.reason.map_or("", |reason| reason.word());
            let bounds = judged.bounds.map_or(String::new(), |(Points(low), Points(high))| {
                format!(", between {} and {}", grouped(low.into()), grouped(high.into()))
            });
            let presumed = expected.map_or(String::new(), |expected| format!("; presumed {expected}{bounds}"));
            format!("unrated ({reason}): charged {charged}{presumed}")
        }
        (_, expected) => {
            let delta = judged.delta();
            let sign = if delta > 0 { "+" } else { "" };
            format!("{word}: charged {charged}, expected {}, {sign}{}", expected.unwrap_or_default(), points_text(delta))
        }
    }
}

fn write_charge(told: &Told<'_>, calculation: &Calculation, out: &mut dyn Write) -> io::Result<()> {
    let terms = &calculation.terms;
    let priced = Priced::new(calculation);
    writeln!(out)?;
    if !priced.lines.is_empty() {
        write_lines(&priced.lines, out)?;
        writeln!(out)?;
    }
    write_outside(terms, out)?;
    for multiplier in terms.factors() {
        writeln!(out, "multiplier   {} {}", printable(&multiplier.name), multiplier.value)?;
    }
    writeln!(out, "group ratio  {} ({})", terms.group_ratio, printable(&told.of.group_ratio_from))?;
    if let Some(cause) = &told.cause {
        let also: Vec<String> = cause.also.iter().map(ToString::to_string).collect();
        let also = if also.is_empty() { String::new() } else { format!(" (also: {})", also.join(", ")) };
        writeln!(out, "cause        {}: {}{}{also}", cause.cause, cause_sentence(cause.cause), implied(&cause.implied))?;
    }
    writeln!(out, "\nexpected")?;
    write_steps(&steps(terms), 1, out)?;
    if let Some(changed) = &told.changed {
        let how = if price(changed).points == told.of.finding.charge().map_or(Points(0), |judged| judged.charged) {
            ""
        } else {
            " nearly"
        };
        writeln!(out, "\ncharged{how}")?;
        write_steps(&steps(changed), 1, out)?;
    }
    Ok(())
}

/// The text of a price expression, whose summands are the lines.
fn write_outside(terms: &Terms, out: &mut dyn Write) -> io::Result<()> {
    let is_expression = crate::pricing::lines(terms).iter().any(|line| line.unit == Unit::Summand);
    match &terms.formula {
        crate::pricing::Formula::Expression(tiered) if is_expression => {
            writeln!(out, "expression   {}", printable(tiered.expression.source()))
        }
        _ => Ok(()),
    }
}

fn implied(implied: &BTreeMap<String, String>) -> String {
    let parts: Vec<String> = implied.iter().map(|(key, value)| format!("{} {}", printable(key), printable(value))).collect();
    if parts.is_empty() { String::new() } else { format!(" [{}]", parts.join(", ")) }
}

fn write_booked(booked: &Booked, out: &mut dyn Write) -> io::Result<()> {
    let parts = [("pre-consumed", booked.pre_consumed), ("actual", booked.actual), ("adjustment", booked.adjustment)];
    let known: Vec<String> =
        parts.iter().filter_map(|(word, points)| Some(format!("{word} {}", grouped((*points)?.into())))).collect();
    if known.is_empty() { Ok(()) } else { writeln!(out, "\nbooked       {}", known.join(", ")) }
}
