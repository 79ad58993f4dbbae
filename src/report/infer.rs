//! What `quota infer` writes: the ratios that were found, as quota's own TOML, with the rows that each rests on.

use std::collections::BTreeSet;
use std::io::{self, Write};

use super::text::{grouped, printable};
use crate::audit::{Inferred, Interval, ModelFit};
use crate::exact::{Exact, Ratio};
use crate::pricing::Class;

/// What is said beside the numbers.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    /// Rows that were looked at, and rows of kinds that are not.
    pub rows: u64,
    pub left_out: u64,
    pub quota_per_unit: Ratio,
    /// The group ratios are those of a config.
    pub is_gauge_given: bool,
    /// Models whose rows the numbers do not all give.
    pub unfit: BTreeSet<String>,
}

/// The options that hold the rates of classes. A map that is written replaces the gateway's own whole.
const RATES: [(&str, &[Class]); 6] = [
    ("completion_ratio", &[Class::Output]),
    ("cache_ratio", &[Class::Cached]),
    ("create_cache_ratio", &[Class::CacheWrite, Class::CacheWrite5m]),
    ("image_ratio", &[Class::ImageInput]),
    ("audio_ratio", &[Class::AudioInput]),
    ("audio_completion_ratio", &[Class::AudioOutput]),
];

/// A rate that is not the gateway's own must fit at least so many rows: two always agree on some.
const LEAST_ROWS: usize = 3;

/// Whether a model's numbers are all known.
fn ratio_of<'a>(model: &str, fit: &'a ModelFit, notes: &Notes) -> Option<(Ratio, &'a ModelFit)> {
    let is_sure = fit.rates.values().all(|rate| rate.is_built_in || rate.rows >= LEAST_ROWS);
    let value = fit.ratio.as_ref()?.value?;
    (is_sure && !notes.unfit.contains(model)).then_some((value, fit))
}

/// Writes the config.
pub fn write_toml(inferred: &Inferred, notes: &Notes, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "# The ratios that {} were really charged with, by `quota infer`.", rows(notes.rows))?;
    if notes.left_out > 0 {
        writeln!(
            out,
            "# Not used: {} of other kinds (price per call or by expression, tools, multipliers, settlements).",
            rows(notes.left_out)
        )?;
    }
    writeln!(out, "# A charge shows only the product of model and group ratio: {}.", gauge(notes))?;
    writeln!(out, "quota_per_unit = {}\n\n[group_ratio]", notes.quota_per_unit)?;
    write_groups(inferred, notes, out)?;
    for per_call in [false, true] {
        writeln!(out, "\n[{}]", if per_call { "model_price" } else { "model_ratio" })?;
        for (model, fit) in inferred.models.iter().filter(|(_, fit)| fit.per_call == per_call) {
            match ratio_of(model, fit, notes) {
                Some((value, _)) => writeln!(out, "{} = {value}  # {}", key(model), rows(fit.fitting() as u64))?,
                None => writeln!(out, "# {}: {}", key(model), why_open(model, fit, notes))?,
            }
        }
    }
    RATES.iter().try_for_each(|(name, classes)| write_rates(name, classes, inferred, notes, out))
}

fn gauge(notes: &Notes) -> &'static str {
    if notes.is_gauge_given { "the group ratios of the config are taken as given" } else { "the ratio of `default` is taken as 1" }
}

fn rows(count: u64) -> String {
    format!("{} row{}", grouped(count.into()), if count == 1 { "" } else { "s" })
}

fn key(name: &str) -> String {
    serde_json::Value::from(name).to_string()
}

fn between(interval: &Interval) -> String {
    let short = |end: &Exact| end.rounded(8).normalized();
    format!("between {} and {}", short(&interval.low), short(&interval.high))
}

fn write_groups(inferred: &Inferred, notes: &Notes, out: &mut dyn Write) -> io::Result<()> {
    for (group, solved) in &inferred.groups {
        match solved.value {
            Some(value) if inferred.set_to_one.contains(group) => {
                writeln!(
                    out,
                    "{} = {value}  # taken as 1: it shares no model whose ratio is known with another group",
                    key(group)
                )?;
            }
            Some(value) if solved.rows == 0 => {
                let whose = if notes.is_gauge_given { "the config's" } else { "taken as given" };
                writeln!(out, "{} = {value}  # {whose}", key(group))?;
            }
            Some(value) => writeln!(out, "{} = {value}  # {}", key(group), rows(solved.rows as u64))?,
            // Without a number the gateway takes 1, which the charges rule out or leave as open as any other.
            None => {
                let simplest = solved.interval.simplest().map_or(Ratio::ONE, |(value, _)| value);
                let open = between(&solved.interval);
                writeln!(
                    out,
                    "{} = {simplest}  # open, {open} ({}); the simplest number stands here",
                    key(group),
                    rows(solved.rows as u64)
                )?;
            }
        }
    }
    Ok(())
}

fn why_open(model: &str, fit: &ModelFit, notes: &Notes) -> String {
    let (fitting, all) = (fit.fitting() as u64, fit.rows as u64);
    if notes.unfit.contains(model) {
        return format!("no one price gives all of {} ({} agree)", rows(all), grouped(fitting.into()));
    }
    match &fit.ratio {
        Some(solved) if solved.value.is_none() => format!("{} ({})", between(&solved.interval), rows(all)),
        Some(solved) => format!("{}, with a rate that too few rows show ({})", between(&solved.interval), rows(all)),
        None => format!("open: its groups are free, or tied to none whose ratio is known ({})", rows(all)),
    }
}

fn write_rates(name: &str, classes: &[Class], inferred: &Inferred, notes: &Notes, out: &mut dyn Write) -> io::Result<()> {
    let rate = |fit: &ModelFit| classes.iter().find_map(|class| fit.rates.get(class)).cloned();
    let models = inferred.models.iter().filter_map(|(model, fit)| Some((model, ratio_of(model, fit, notes)?.1)));
    let found: Vec<_> = models.filter_map(|(model, fit)| Some((model, rate(fit)?))).collect();
    let is_optional = !matches!(name, "completion_ratio" | "cache_ratio" | "create_cache_ratio");
    if is_optional && found.iter().all(|(_, rate)| rate.is_built_in) {
        return Ok(());
    }
    writeln!(out, "\n[{name}]")?;
    for (model, rate) in found {
        let own = if rate.is_built_in { ", the gateway's own" } else { "" };
        writeln!(out, "{} = {}  # {}{own}", key(model), rate.value, rows(rate.rows as u64))?;
    }
    Ok(())
}

/// What is told on standard error where numbers had to be left out.
pub fn unfit_text(notes: &Notes) -> Option<String> {
    let names: Vec<String> = notes.unfit.iter().map(|model| format!("`{}`", printable(model))).collect();
    (!names.is_empty()).then(|| format!("note: left out, since no one price gives all their rows: {}", names.join(", ")))
}
