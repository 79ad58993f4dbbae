//! `quota explain`.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Common;
use super::file::write_result;
use super::logs::{FilterArgs, LogArgs, Logs, ReadRow, Visited};
use super::outcome::Failure;
use crate::audit::{Auditor, Finding, Past, Repeats, Summary, Verdict};
use crate::config::{Config, Found, MapName, Number};
use crate::details::Details;
use crate::exact::Ratio;
use crate::log::{LogEntry, Place};
use crate::profile::{Basis, Context};
use crate::report::explain::{Booked, Explained, write_json, write_table};

/// Show the arithmetic of single log rows, line by line, as a person would check it by hand
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  quota explain logs.csv --config options.json --id 4711\n  \
                        quota explain one-api.db --limit 3 --format json\n\n\
                        Exit codes: 0 explained, 2 a named row is not there, or the job could not be done.\n\
                        Environment: QUOTA_CONFIG (a config file), QUOTA_COLOR (auto, always, never); flags win.")]
pub struct ExplainCommand {
    #[command(flatten)]
    logs: LogArgs,
    #[command(flatten)]
    common: Common,
    /// The row with this id (repeatable)
    #[arg(long, value_name = "N")]
    id: Vec<String>,
    /// The row with this request id (repeatable)
    #[arg(long, value_name = "ID")]
    request_id: Vec<String>,
    /// The row on this line (repeatable)
    #[arg(long, value_name = "N")]
    line: Vec<u64>,
    /// Without a named row: how many of the worst are explained
    #[arg(long, value_name = "N", default_value_t = 5)]
    limit: usize,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Write the result to a file
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    filter: FilterArgs,
    /// Take a difference of up to so many points as matched
    #[arg(long, value_name = "POINTS", default_value_t = 0)]
    tolerance: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

/// The rows that are wanted, as they are found.
struct Wanted<'c> {
    command: &'c ExplainCommand,
    summary: Summary,
    past: Past,
    rows: Vec<Explained>,
    /// Which of the ids, request ids and lines were met, in this order.
    met: [Vec<bool>; 3],
}

impl ExplainCommand {
    /// Explains rows; the exit code.
    pub fn run(self, out: &mut dyn Write, err: &mut dyn Write) -> Result<u8, Failure> {
        let chosen = self.common.load(err)?;
        let logs = Logs::new(&self.logs, &self.common, chosen)?;
        logs.keep_from(self.output.iter())?;
        let profile = self.common.profile(&logs.chosen.config)?;
        let auditor = Auditor { profile, tolerance: self.tolerance, filter: logs.filter(&self.filter)? };
        let mut wanted = Wanted::new(&self);
        logs.read_all(&mut |row| Ok(wanted.take(row, &auditor, &logs.chosen.config)))?;
        let rows = wanted.finish()?;
        write_result(self.output.as_ref(), out, |out| self.write(&rows, &wanted.summary, out))?;
        Ok(logs.exit_code(0, err))
    }

    fn names_rows(&self) -> bool {
        !(self.id.is_empty() && self.request_id.is_empty() && self.line.is_empty())
    }

    fn write(&self, rows: &[Explained], summary: &Summary, out: &mut dyn Write) -> Result<(), Failure> {
        let causes = summary.causes();
        match self.format {
            Format::Json => write_json(rows, causes, out)?,
            Format::Table if rows.is_empty() => {
                let totals = &summary.totals;
                let found = match totals.overcharged + totals.undercharged {
                    0 => "No charge is wrong".to_owned(),
                    1 => "1 charge is wrong, and not shown".to_owned(),
                    wrong => format!("{wrong} charges are wrong, and not shown"),
                };
                writeln!(out, "{found} ({} of {} rows could be audited).", totals.audited(), totals.rows)?;
            }
            Format::Table => write_table(rows, causes, out)?,
        }
        Ok(())
    }
}

impl<'c> Wanted<'c> {
    fn new(command: &'c ExplainCommand) -> Wanted<'c> {
        let met = [command.id.len(), command.request_id.len(), command.line.len()].map(|length| vec![false; length]);
        let past = Past::new(Repeats::among(command.logs.files.len()));
        Wanted { command, summary: Summary::new(0, &[]), past, rows: Vec::new(), met }
    }

    fn take(&mut self, row: ReadRow<'_>, auditor: &Auditor, given: &Config) -> Visited {
        let context = row.pricing.context(row.entry.as_ref().ok().and_then(|entry| entry.time));
        row.announce(&mut self.past);
        let (entry, verdict) = match &row.entry {
            Ok(entry) => (Some(*entry), auditor.judge(entry, &context, &mut self.past)),
            Err(error) => (None, Verdict::malformed(error.clone())),
        };
        if row.must_wait(&self.past) {
            return Visited::Waits;
        }
        self.summary.add(row.place, entry, &verdict, &|_| String::new());
        let is_wanted = if self.command.names_rows() {
            self.is_named(row.place, entry)
        } else {
            verdict.class.is_mismatch() && self.is_among_worst(&verdict)
        };
        if is_wanted {
            self.rows.push(Explained {
                input: row.info.name.clone(),
                quota_per_unit: context.quota_per_unit,
                group_ratio_from: origin(entry, &verdict, &context, given),
                booked: entry.map(booked).unwrap_or_default(),
                finding: Finding::new(row.place, entry, verdict),
            });
            self.drop_least();
        }
        Visited::Done
    }

    /// Whether a flag names the row; what names it is met.
    fn is_named(&mut self, place: Place, entry: Option<&LogEntry<'_>>) -> bool {
        let mut named = false;
        let mut meet = |met: &mut Vec<bool>, at: Option<usize>| {
            if let Some(met) = at.and_then(|at| met.get_mut(at)) {
                *met = true;
                named = true;
            }
        };
        let [ids, requests, lines] = &mut self.met;
        if let Some(entry) = entry {
            meet(ids, self.command.id.iter().position(|id| id == entry.id));
            meet(requests, self.command.request_id.iter().position(|id| id == entry.request_id));
        }
        meet(lines, self.command.line.iter().position(|line| *line == place.line));
        named
    }

    fn is_among_worst(&self, verdict: &Verdict) -> bool {
        let limit = self.command.limit;
        limit > 0 && (self.rows.len() < limit || self.rows.iter().any(|row| size(&row.finding.verdict) < size(verdict)))
    }

    /// Keeps no more of the worst rows than are wanted; of equal ones the earlier.
    fn drop_least(&mut self) {
        if self.command.names_rows() || self.rows.len() <= self.command.limit {
            return;
        }
        let least = self.rows.iter().enumerate().rev().min_by_key(|(_, row)| size(&row.finding.verdict)).map(|(at, _)| at);
        if let Some(least) = least {
            self.rows.remove(least);
        }
    }

    /// The rows, the worst first where none was named; an error where a named one is not there.
    fn finish(&mut self) -> Result<Vec<Explained>, Failure> {
        let ids = self.command.id.iter().map(|id| format!("id {id}"));
        let requests = self.command.request_id.iter().map(|id| format!("request id {id}"));
        let lines = self.command.line.iter().map(|line| format!("line {line}"));
        let names = ids.chain(requests).chain(lines);
        let missing: Vec<String> =
            names.zip(self.met.iter().flatten()).filter(|(_, met)| !**met).map(|(name, _)| format!("`{name}`")).collect();
        if !missing.is_empty() {
            let hint = "ids and lines are those of the input: `quota audit --format ndjson` prints both for each row".to_owned();
            return Err(Failure::usage(format!("no row has the {}", missing.join(", ")), Some(hint)));
        }
        let mut rows = std::mem::take(&mut self.rows);
        if !self.command.names_rows() {
            rows.sort_by_key(|row| (std::cmp::Reverse(size(&row.finding.verdict)), row.finding.place));
        }
        Ok(rows)
    }
}

fn size(verdict: &Verdict) -> u128 {
    verdict.charge.as_ref().map_or(0, |judged| judged.delta().unsigned_abs())
}

/// Where a row's group ratio comes from: the first place that gives this very number.
fn origin(entry: Option<&LogEntry<'_>>, verdict: &Verdict, context: &Context<'_>, given: &Config) -> String {
    let terms = verdict.charge.as_ref().and_then(|judged| judged.terms.as_ref());
    let (Some(entry), Some(terms)) = (entry, terms) else { return "not known".to_owned() };
    let ratio = terms.group_ratio;
    if context.basis == Basis::Logged {
        return if printed(entry) == Some(ratio) { "as the row prints it".to_owned() } else { "not printed by the row".to_owned() };
    }
    let config = context.config;
    let group = entry.group_or_default();
    let at = |number: &Number| place(config, given, number);
    let special = config.group_group_ratio.iter().flatten().filter_map(|(user, map)| Some((user, map.get(group)?)));
    let mine = config.users.get(entry.user).or_else(|| config.users.get(entry.user_id)).map(|user| user.group.as_str());
    let is_mine = |user: &str| mine.is_none_or(|mine| mine == user) && (entry.user_group.is_empty() || entry.user_group == user);
    if let Some((user, number)) = special.into_iter().find(|(user, number)| number.ratio == ratio && is_mine(user)) {
        let plain = config.map(MapName::GroupRatio).get(group);
        if !matches!(plain, Found::Number(plain) if plain.ratio == ratio) {
            return format!("special ratio of `{user}` users in `{group}`, {}", at(number));
        }
    }
    match config.map(MapName::GroupRatio).get(group) {
        Found::Number(number) if number.ratio == ratio => format!("`{group}`, {}", at(&number)),
        Found::Number(_) => format!("`{group}`, not the plain ratio of the config"),
        Found::Absent => format!("the config has no `{group}`: the gateway takes 1"),
        Found::Default => "built in".to_owned(),
        Found::Unknown => "the config cannot say: as the row prints it".to_owned(),
    }
}

/// The group ratio that a row itself prints.
fn printed(entry: &LogEntry<'_>) -> Option<Ratio> {
    let details = Details::parse("other", entry.details).unwrap_or_default();
    let special = details.ratio("user_group_ratio").ok().flatten().filter(|ratio| *ratio != Ratio::from(-1));
    special.or_else(|| details.ratio("group_ratio").ok().flatten()).or(entry.ratios.group)
}

fn place(config: &Config, given: &Config, number: &Number) -> String {
    let sources = if config.sources.is_empty() { &given.sources } else { &config.sources };
    match sources.get(usize::from(number.origin.source)) {
        Some(source) if number.origin.line > 0 => format!("{}:{}", source.name, number.origin.line),
        Some(source) => source.name.clone(),
        None => "the config".to_owned(),
    }
}

/// What the row says of an advance, in the words of the gateways.
fn booked(entry: &LogEntry<'_>) -> Booked {
    let details = Details::parse("other", entry.details).unwrap_or_default();
    let find = |keys: &[&str]| keys.iter().find_map(|key| details.whole(key).ok().flatten());
    let pre_consumed = find(&["pre_consumed_quota", "pre_consumed"]);
    let actual = find(&["actual_quota", "actual"]);
    let adjustment = find(&["quota_delta", "adjustment"]).or_else(|| Some(actual?.saturating_sub(pre_consumed?)));
    Booked { pre_consumed, actual, adjustment }
}
