//! What `quota calc` prints: the lines of a charge, the sum, the group ratio, the total, and the whole formula.

use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use super::formula::{Step, steps};
use super::text::{JsonText, grouped, printable, usd_of, usd_text};
use crate::config::Currency;
use crate::exact::{Exact, Ratio};
use crate::pricing::{Adjustment, Charge, ChargeLine, Multiplier, Terms, Unit, lines, price};

/// A priced request.
#[derive(Clone, Debug)]
pub struct Calculation {
    /// Empty where only prices were given.
    pub model: String,
    pub group: String,
    pub terms: Terms,
    /// Equal requests, each rounded by itself.
    pub requests: i64,
}

/// What is shown beside USD and points.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    pub currency: Option<Currency>,
    /// As a fraction.
    pub bonus: Option<Ratio>,
}

/// A calculation with everything that is printed of it.
pub(super) struct Priced<'a> {
    of: &'a Calculation,
    pub(super) lines: Vec<ChargeLine>,
    charge: Charge,
    subtotal: Exact,
    total: Exact,
    points: i128,
}

impl<'a> Priced<'a> {
    pub(super) fn new(of: &'a Calculation) -> Priced<'a> {
        let charge = price(&of.terms);
        let lines: Vec<ChargeLine> = lines(&of.terms)
            .into_iter()
            .map(|line| ChargeLine { quantity: line.quantity.saturating_mul(of.requests), usd: line.usd * of.requests, ..line })
            .collect();
        let subtotal = lines.iter().fold(Exact::zero(), |sum, line| sum + line.usd.clone()).normalized();
        let total = usd_of(&(charge.amount.clone() * of.requests), of.terms.quota_per_unit);
        let points = i128::from(charge.points.0) * i128::from(of.requests);
        Priced { of, lines, charge, subtotal, total, points }
    }

    fn exact_points(&self) -> Exact {
        (self.charge.amount.clone() * self.of.requests).normalized()
    }
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    charges: Vec<ChargePart<'a>>,
}

#[derive(Serialize)]
pub(super) struct ChargePart<'a> {
    model: Option<&'a str>,
    group: &'a str,
    lines: Vec<LinePart<'a>>,
    subtotal_usd: String,
    multipliers: Vec<MultiplierPart<'a>>,
    group_ratio: String,
    total_usd: String,
    exact_points: String,
    points: i128,
}

#[derive(Serialize)]
struct MultiplierPart<'a> {
    name: &'a str,
    value: String,
}

#[derive(Serialize)]
struct LinePart<'a> {
    component: &'a str,
    quantity: i64,
    unit: &'static str,
    price_per_million: String,
    ratio: Option<String>,
    usd: String,
}

/// Schema `quota.calc/1`.
pub fn write_json(calculations: &[Calculation], out: &mut dyn Write) -> io::Result<()> {
    let priced: Vec<Priced<'_>> = calculations.iter().map(Priced::new).collect();
    let document = Document { schema: "quota.calc/1", charges: priced.iter().map(charge_part).collect() };
    serde_json::to_writer_pretty(JsonText(&mut *out), &document)?;
    writeln!(out)
}

pub(super) fn charge_part<'a>(priced: &'a Priced<'_>) -> ChargePart<'a> {
    ChargePart {
        model: Some(priced.of.model.as_str()).filter(|model| !model.is_empty()),
        group: &priced.of.group,
        lines: priced.lines.iter().map(line_part).collect(),
        subtotal_usd: priced.subtotal.to_string(),
        multipliers: priced.of.terms.factors().map(multiplier_part).collect(),
        group_ratio: priced.of.terms.group_ratio.to_string(),
        total_usd: priced.total.to_string(),
        exact_points: priced.exact_points().to_string(),
        points: priced.points,
    }
}

fn multiplier_part(multiplier: &Multiplier) -> MultiplierPart<'_> {
    MultiplierPart { name: &multiplier.name, value: multiplier.value.to_string() }
}

fn line_part(line: &ChargeLine) -> LinePart<'_> {
    LinePart {
        component: &line.component,
        quantity: line.quantity,
        unit: line.unit.word(),
        price_per_million: line.price_per_million.to_string(),
        ratio: line.ratio.as_ref().map(ToString::to_string),
        usd: line.usd.clone().normalized().to_string(),
    }
}

/// One charge line by line, or several side by side.
pub fn write_table(calculations: &[Calculation], extras: &Extras, out: &mut dyn Write) -> io::Result<()> {
    let priced: Vec<Priced<'_>> = calculations.iter().map(Priced::new).collect();
    match priced.as_slice() {
        [one] => write_one(one, extras, out),
        several => write_columns(several, extras, out),
    }
}

fn write_one(priced: &Priced<'_>, extras: &Extras, out: &mut dyn Write) -> io::Result<()> {
    let model = if priced.of.model.is_empty() { "prices as given" } else { &priced.of.model };
    writeln!(out, "{}, group {}\n", printable(model), printable(&priced.of.group))?;
    write_lines(&priced.lines, out)?;
    writeln!(out, "\nsubtotal     {}", exact_usd(&priced.subtotal))?;
    for multiplier in priced.of.terms.factors() {
        writeln!(out, "multiplier   {} {}", printable(&multiplier.name), multiplier.value)?;
    }
    writeln!(out, "group ratio  {}", priced.of.terms.group_ratio)?;
    writeln!(out, "total        {}", exact_usd(&priced.total))?;
    for (label, amount) in extra_amounts(priced, extras) {
        writeln!(out, "{label:<12} {amount}")?;
    }
    writeln!(out, "points       {}{}", grouped(priced.points), rule(&priced.charge))?;
    writeln!(out)?;
    write_steps(&steps(&priced.of.terms), priced.of.requests, out)
}

/// The lines of a charge as a table.
pub(super) fn write_lines(lines: &[ChargeLine], out: &mut dyn Write) -> io::Result<()> {
    let mut table = plain_table(&["component", "quantity", "price per 1M", "ratio", "USD"]);
    for line in lines {
        table.add_row([
            printable(&line.component),
            quantity(line),
            if line.unit == Unit::Summand { String::new() } else { exact_usd(&line.price_per_million) },
            line.ratio.as_ref().map(ToString::to_string).unwrap_or_default(),
            exact_usd(&line.usd),
        ]);
    }
    align(&mut table, 1..5);
    table.lines().try_for_each(|row| writeln!(out, "{}", row.trim_end()))
}

fn write_columns(several: &[Priced<'_>], extras: &Extras, out: &mut dyn Write) -> io::Result<()> {
    let mut header = vec![String::new()];
    header.extend(several.iter().map(|p| format!("{}\n{}", printable(&p.of.model), printable(&p.of.group))));
    let mut table = plain_table(&header.iter().map(String::as_str).collect::<Vec<_>>());
    let mut components: Vec<&str> = Vec::new();
    for line in several.iter().flat_map(|p| &p.lines) {
        if !components.contains(&line.component.as_str()) {
            components.push(&line.component);
        }
    }
    for component in components {
        let find = |p: &Priced<'_>| p.lines.iter().find(|line| line.component == component).and_then(price_on_card);
        add_row(&mut table, &format!("{} per 1M", printable(component)), several, &|p| find(p).unwrap_or_default());
    }
    add_row(&mut table, "subtotal", several, &|p| exact_usd(&p.subtotal));
    add_row(&mut table, "group ratio", several, &|p| p.of.terms.group_ratio.to_string());
    add_row(&mut table, "total", several, &|p| exact_usd(&p.total));
    let labels = several.first().map_or(Vec::new(), |p| extra_amounts(p, extras));
    for (index, (label, _)) in labels.iter().enumerate() {
        let amount = |p: &Priced<'_>| extra_amounts(p, extras).get(index).map(|(_, amount)| amount.clone()).unwrap_or_default();
        add_row(&mut table, label, several, &amount);
    }
    add_row(&mut table, "points", several, &|p| grouped(p.points));
    align(&mut table, 1..several.len() + 1);
    table.lines().try_for_each(|row| writeln!(out, "{}", row.trim_end()))
}

/// The price that the card shows of a part; none of a summand that is not a price times tokens.
fn price_on_card(line: &ChargeLine) -> Option<String> {
    let price = if line.unit == Unit::Summand { line.rate.as_ref() } else { Some(&line.price_per_million) };
    price.map(exact_usd)
}

fn add_row(table: &mut Table, label: &str, several: &[Priced<'_>], cell: &dyn Fn(&Priced<'_>) -> String) {
    let mut row = vec![label.to_owned()];
    row.extend(several.iter().map(cell));
    table.add_row(row);
}

fn plain_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.to_vec());
    table
}

fn align(table: &mut Table, columns: std::ops::Range<usize>) {
    for index in columns {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

fn quantity(line: &ChargeLine) -> String {
    let count = grouped(line.quantity.into());
    match line.unit {
        Unit::Tokens => count,
        Unit::Calls => format!("{count} calls"),
        Unit::Summand => String::new(),
    }
}

/// All digits of an amount, at least two decimals.
fn exact_usd(amount: &Exact) -> String {
    let amount = amount.clone().normalized();
    match amount.is_negative() {
        _ if amount.decimals() <= 6 => usd_text(&amount),
        true => format!("-${}", -amount),
        false => format!("${amount}"),
    }
}

/// The total in the second currency, and what it costs in money really paid where a recharge gives a bonus.
fn extra_amounts(priced: &Priced<'_>, extras: &Extras) -> Vec<(String, String)> {
    let mut amounts = Vec::new();
    if let Some(Currency { code, rate }) = &extras.currency {
        amounts.push((format!("in {}", printable(code)), (priced.total.clone() * *rate).rounded(6).normalized().to_string()));
    }
    if let Some(bonus) = extras.bonus {
        let paid = priced.total.divided_by(&(Exact::from(1) + Exact::from(bonus)), 12);
        let percent = (Exact::from(bonus) * 100).normalized();
        amounts.push((format!("paid (+{percent}%)"), usd_text(&paid)));
    }
    amounts
}

fn rule(charge: &Charge) -> &'static str {
    match charge.adjustment {
        Some(Adjustment::Minimum) => " (the minimum)",
        Some(Adjustment::NoUsage) => " (no usage, no charge)",
        Some(Adjustment::Saturated) => " (the largest charge that 32 bits hold)",
        None => "",
    }
}

/// The steps of the formula, the charge itself last.
pub(super) fn write_steps(steps: &[Step], requests: i64, out: &mut dyn Write) -> io::Result<()> {
    let Some((last, before)) = steps.split_last() else { return Ok(()) };
    before.iter().try_for_each(|step| writeln!(out, "{}: {step}", printable(&step.name)))?;
    match requests {
        1 => writeln!(out, "{last}"),
        times => writeln!(out, "{last}, {} times", grouped(times.into())),
    }
}
