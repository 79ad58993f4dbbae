//! one-api: float64 rounded up, and ratios that stand in the row only with two decimals.
//!
//! Text: `ceil((prompt + completion·cr) · (model·group))`, at least 1 where the ratio is not 0, and 0 without tokens; before November
//! 2023 both the output and the whole were cut instead. Images: `trunc(model·group·size·1000)·n`, where a row names neither size nor n. Speech
//! and transcriptions: the charge is repeated as prompt tokens, and nothing else is said of it.
//!
//! What a row prints ([`printed`]) chooses among the prices of the config ([`prices`], [`group`]) where the channel's type or the user's
//! group is not known; without a config it is all that there is.

mod completion;
mod group;
mod image;
mod prices;
mod printed;
mod terms;
#[cfg(test)]
mod tests;

use super::recognise::hangs_on_time;
use super::{Basis, Context, Departure, Quirk, Rated, Rating, Shape, Skip, charge_of};
use crate::details::Details;
use crate::exact::{Charged, Points, Ratio};
use crate::log::{Kind, LogEntry, RowError};
use crate::pricing::{Allowed, Open, Reason, Terms};
use printed::{Form, Printed};
use terms::{Figures, Quoted};

/// Before November 2023 amounts were cut, since then they are rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    Before,
    Since2023,
}

/// What a row charges for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Text,
    /// Text or speech: rows before 2024 tell neither.
    TextOrSpeech,
    Image,
    /// Speech, transcription or translation.
    Speech,
    /// Rows before 24 June 2023 say nothing of tokens.
    Untold,
}

/// A row that is rated.
#[derive(Clone, Copy, Debug)]
struct Row<'r, 'a> {
    entry: &'r LogEntry<'a>,
    printed: Option<Printed<'r>>,
    work: Work,
    period: Period,
    prompt: i64,
    completion: i64,
    quota_per_unit: Ratio,
}

/// Rates a row.
pub fn rate(entry: &LogEntry<'_>, _details: &Details<'_>, context: &Context<'_>, period: Period) -> Result<Rating, RowError> {
    if let Some(skip) = skipped(entry.kind) {
        return Ok(Rating::Skipped(skip));
    }
    let printed = printed::of(entry);
    let told = printed.filter(|printed| printed.form == Form::Told && has_no_columns(entry));
    let charged = match told.and_then(|printed| printed.charged()) {
        Some(charged) => charged,
        None => charge_of(entry)?,
    };
    let (prompt, completion) = tokens(entry);
    let work = work_of(printed.as_ref(), (prompt, completion), charged.points(context.quota_per_unit), told.is_some());
    let row = Row { entry, printed, work, period, prompt, completion, quota_per_unit: context.quota_per_unit };
    Ok(Rating::Charge(Box::new(rated(&row, charged, context))))
}

fn skipped(kind: Kind) -> Option<Skip> {
    match kind {
        Kind::Absent | Kind::Code(2) => None,
        Kind::Code(1) => Some(Skip::TopUp),
        Kind::Code(3) => Some(Skip::Manage),
        Kind::Code(4) => Some(Skip::System),
        Kind::Code(5) => Some(Skip::Test),
        Kind::Code(_) => Some(Skip::UnknownType),
    }
}

/// Whether the row is of the time when the text held all that was told: the columns came later and are empty.
fn has_no_columns(entry: &LogEntry<'_>) -> bool {
    let nothing = entry.charged.as_ref().is_none_or(|charged| *charged == Charged::Points(Points(0)));
    nothing && tokens(entry) == (0, 0)
}

fn tokens(entry: &LogEntry<'_>) -> (i64, i64) {
    let tokens = &entry.tokens;
    let within = || [tokens.uncached, tokens.cached, tokens.cache_write].into_iter().flatten().fold(0, i64::saturating_add);
    (tokens.prompt.unwrap_or_else(within), tokens.completion.unwrap_or(0))
}

fn work_of(printed: Option<&Printed<'_>>, tokens: (i64, i64), charged: Points, untold: bool) -> Work {
    let is_empty = tokens == (0, 0);
    match printed.map(|printed| (printed.form, printed.completion.is_some())) {
        _ if untold => Work::Untold,
        Some((Form::Signs, false)) => {
            if is_empty {
                Work::Image
            } else {
                Work::Speech
            }
        }
        // Text without tokens is free; only an image costs something.
        None | Some((Form::Columns, _) | (Form::Words, false)) if is_empty && charged != Points(0) => Work::Image,
        Some((Form::Words, false)) if tokens.1 == 0 && !is_empty => Work::TextOrSpeech,
        _ => Work::Text,
    }
}

fn rated(row: &Row<'_, '_>, charged: Charged, context: &Context<'_>) -> Rated {
    let unknown =
        |reason: Reason| Rated { charged: charged.clone(), terms: Err(reason), own: None, departures: Vec::new(), shape: None };
    match row.work {
        Work::Untold => return unknown(Reason::TokensMissing),
        Work::Speech => return Rated { charged, terms: Ok(terms::speech(row)), own: None, departures: Vec::new(), shape: None },
        _ => {}
    }
    let quoted = match context.basis {
        Basis::Config => prices::of_config(row, context.config),
        Basis::Logged => prices::of_row(row),
    };
    let is_presumed = quoted == Err(Reason::RatioUnknown) && row.printed.is_some() && prices::are_unknown(context.config);
    let quoted = if is_presumed { prices::of_row(row) } else { quoted };
    let quoted = match quoted {
        Ok(quoted) => quoted,
        Err(reason) => return unknown(reason),
    };
    let mut terms = terms::of(row, &quoted);
    if row.work == Work::TextOrSpeech {
        let allowed = Allowed::Readings(vec![terms::speech(row)]);
        terms.open.push(Open { reason: Reason::CountNotLogged, allowed });
    }
    if is_presumed {
        terms.open.push(Open { reason: Reason::RatioUnknown, allowed: Allowed::Any });
    }
    let own = own(row, &quoted).filter(|_| context.basis == Basis::Config);
    let by_channel = context.basis == Basis::Config && !context.config.channels.is_empty();
    let shape = is_plain(row, &terms).then_some(Shape { by_channel, ..Shape::WHOLE });
    Rated { charged, departures: departures(&quoted, &terms), own, terms: Ok(terms), shape }
}

/// Whether a row's charge hangs on its tokens alone, among rows of the same text. Prices of 2023 hang on the time.
fn is_plain(row: &Row<'_, '_>, terms: &Terms) -> bool {
    let is_old = hangs_on_time(row.entry) || row.printed.is_some_and(|printed| printed.is_before_2024());
    row.work == Work::Text && !is_old && !terms.no_usage
}

/// What the row's own numbers give where they contradict the config; they are known to two decimals.
fn own(row: &Row<'_, '_>, quoted: &Quoted) -> Option<Terms> {
    let printed = row.printed.as_ref()?;
    let Figures { model, completion, group } = quoted.figures;
    let own = Quoted::printed(quoted, printed.unlike(model, completion, group)?);
    Some(terms::of(row, &own))
}

fn departures(quoted: &Quoted, terms: &Terms) -> Vec<Departure> {
    let fallback = quoted.is_fallback.then_some(Departure { quirk: Quirk::FallbackRatio, rules: None });
    let tie = Departure { quirk: Quirk::FloatTie, rules: Some(terms.in_decimals()) };
    fallback.into_iter().chain([tie]).collect()
}
