//! `quota infer --format json` (schema `quota.infer/1`): the config as `quota config show --format json` prints it, and what the comments of the TOML
//! say, as data.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::value::RawValue;

use super::channels::{ABSOLUTE, are_by_themselves};
use super::{Misfit, Notes, RATES, doubt_text, doubts, ends, gauge, moment, periods_of_groups, unknown_why, why_open};
use crate::audit::{Cell, Inferred, ModelFit, Said, Solved, SolvedRate, Stretch};
use crate::pricing::Class;
use crate::report::text::JsonText;

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    quota: &'static str,
    rows: u64,
    rows_not_used: u64,
    profile: Option<&'static str>,
    gauge: String,
    numbers: Vec<NumberPart<'a>>,
    unknown: Vec<UnknownPart<'a>>,
    misfits: Vec<MisfitPart<'a>>,
    config: &'a RawValue,
}

/// Whose number it is, and when it holds.
#[derive(Clone, Default, Serialize)]
struct Place<'a> {
    model: Option<&'a str>,
    group: Option<&'a str>,
    user: Option<&'a str>,
    channel: Option<&'a str>,
    from: Option<String>,
    until: Option<String>,
}

#[derive(Serialize)]
struct NumberPart<'a> {
    kind: &'static str,
    #[serde(flatten)]
    place: Place<'a>,
    value: String,
    low: Option<String>,
    high: Option<String>,
    rows: u64,
    open: bool,
    known: &'static str,
}

#[derive(Serialize)]
struct UnknownPart<'a> {
    #[serde(flatten)]
    place: Place<'a>,
    reason: String,
}

/// Rows that do not come out, though the price is right.
#[derive(Serialize)]
struct MisfitPart<'a> {
    #[serde(flatten)]
    place: Place<'a>,
    wrong: u64,
    rows: u64,
    /// Where the first of them stands in the log.
    first: &'a str,
}

/// Writes the config, which is given as JSON, and what is known of its numbers.
pub fn write_json(inferred: &Inferred, notes: &Notes, config: &str, out: &mut dyn Write) -> io::Result<()> {
    let mut parts = Parts { inferred, notes, numbers: Vec::new(), unknown: Vec::new(), misfits: Vec::new() };
    parts.groups();
    parts.models();
    parts.channels();
    let Parts { numbers, unknown, misfits, .. } = parts;
    let document = Document {
        schema: "quota.infer/1",
        quota: env!("CARGO_PKG_VERSION"),
        rows: notes.rows,
        rows_not_used: notes.left_out,
        profile: notes.profile,
        gauge: gauge(inferred, notes),
        numbers,
        unknown,
        misfits,
        config: serde_json::from_str(config.trim_end())?,
    };
    serde_json::to_writer_pretty(JsonText(&mut *out), &document)?;
    writeln!(out)
}

struct Parts<'a> {
    inferred: &'a Inferred,
    notes: &'a Notes,
    numbers: Vec<NumberPart<'a>>,
    unknown: Vec<UnknownPart<'a>>,
    misfits: Vec<MisfitPart<'a>>,
}

fn time(seconds: Option<i64>) -> Option<String> {
    seconds.and_then(moment).map(|time| time.to_string())
}

impl<'a> Parts<'a> {
    fn groups(&mut self) {
        let constant = self.inferred.groups.ratios.iter().filter(|(cell, _)| cell.since.is_none());
        for (cell, (solved, said)) in constant {
            self.group(cell, solved, *said, Place::default());
        }
        for (cell, (solved, said), until) in periods_of_groups(self.inferred) {
            self.group(cell, solved, *said, Place { from: time(cell.since), until: time(until), ..Place::default() });
        }
        for group in &self.notes.unfit_groups {
            self.leave_open(Place { group: Some(group), ..Place::default() }, "no one ratio gives all its rows".to_owned());
        }
        for user in &self.notes.unfit_users {
            self.leave_open(Place { user: Some(user), ..Place::default() }, "no ratios of groups give its rows".to_owned());
        }
    }

    fn group(&mut self, cell: &'a Cell, solved: &Solved, said: Said, place: Place<'a>) {
        let Some(value) = solved.value else { return };
        let known = match said {
            Said::Given => "given",
            Said::Gauge => "assumed",
            Said::Solved if solved.rows == 0 => "printed",
            Said::Solved | Said::Simplest => "solved",
        };
        let place = Place { group: Some(&cell.group), user: cell.user.as_deref(), ..place };
        self.numbers.push(NumberPart {
            open: said == Said::Simplest,
            known,
            ..number("group_ratio", value.to_string(), solved, place)
        });
    }

    fn models(&mut self) {
        for model in self.notes.models.iter().filter(|model| !are_by_themselves(model, self.notes)) {
            let place = Place { model: Some(model), ..Place::default() };
            match self.inferred.models.get(model) {
                Some(stretches) if stretches.len() == 1 || !self.notes.unfit.contains(model) => self.stretches(model, stretches),
                _ => self.leave_open(place, unknown_why(self.inferred, model, self.notes).unwrap_or_default()),
            }
        }
    }

    fn stretches(&mut self, model: &'a str, stretches: &'a [Stretch]) {
        let untils = stretches.iter().skip(1).map(|next| next.from).chain([None]);
        for ((at, stretch), until) in stretches.iter().enumerate().zip(untils) {
            let place = Place { model: Some(model), from: time(stretch.begins()), until: time(until), ..Place::default() };
            match why_open(model, &stretch.fit, self.notes) {
                Some(reason) => self.leave_open(place.clone(), reason),
                None => self.prices(&stretch.fit, &place),
            }
            if let Some(Misfit { wrong, rows, first }) = self.notes.misfits.get(&(model.to_owned(), at)) {
                self.misfits.push(MisfitPart { place, wrong: *wrong, rows: *rows, first });
            }
        }
        for (second, doubt) in doubts(model, self.notes) {
            let place = Place { model: Some(model), from: time(Some(second)), until: time(Some(second + 1)), ..Place::default() };
            self.leave_open(place, doubt_text(doubt));
        }
    }

    fn channels(&mut self) {
        for (channel, notes) in &self.notes.channels {
            for model in &notes.models {
                let place = Place { model: Some(model), channel: Some(channel), ..Place::default() };
                let known = notes.found.models.get(model).map(Vec::as_slice);
                match known {
                    Some([Stretch { fit, .. }]) if fit.sure_ratio().is_some() && !notes.unfit.contains(model) => {
                        self.prices(fit, &place)
                    }
                    _ => self.leave_open(place, "no one price is known here".to_owned()),
                }
            }
        }
    }

    fn prices(&mut self, fit: &ModelFit, place: &Place<'a>) {
        let Some((solved, value)) = fit.ratio.as_ref().zip(fit.sure_ratio()) else { return };
        let kind = if fit.per_call { "model_price" } else { "model_ratio" };
        self.numbers.push(number(kind, value.to_string(), solved, place.clone()));
        for (class, rate) in &fit.rates {
            if let Some(kind) = self.kind(*class) {
                self.numbers.push(of_rate(kind, rate, place.clone()));
            }
        }
    }

    /// The option that holds the rate of a class.
    fn kind(&self, class: Class) -> Option<&'static str> {
        let absolute = ABSOLUTE.iter().filter(|_| !self.notes.channels.is_empty()).find(|(_, of)| *of == class);
        absolute.map(|(word, _)| *word).or_else(|| RATES.iter().find(|(_, of)| of.contains(&class)).map(|(word, _)| *word))
    }

    fn leave_open(&mut self, place: Place<'a>, reason: String) {
        self.unknown.push(UnknownPart { place, reason });
    }
}

fn number<'a>(kind: &'static str, value: String, solved: &Solved, place: Place<'a>) -> NumberPart<'a> {
    let (low, high) = (solved.rows > 0).then(|| ends(&solved.interval)).unzip();
    NumberPart { kind, place, value, low, high, rows: solved.rows as u64, open: solved.is_open, known: "solved" }
}

fn of_rate<'a>(kind: &'static str, rate: &SolvedRate, place: Place<'a>) -> NumberPart<'a> {
    let (low, high) = rate.interval.as_ref().map(ends).unzip();
    let known = match () {
        () if rate.is_whole => "printed",
        () if rate.is_built_in => "built-in",
        () => "solved",
    };
    NumberPart { kind, place, value: rate.value.to_string(), low, high, rows: rate.rows as u64, open: rate.is_open(), known }
}
