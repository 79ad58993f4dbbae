//! `quota audit`.

use std::cell::RefCell;
use std::io::{self, IsTerminal, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::file::{terminal_width, write_whole};
use super::gate::{Gate, GateArgs};
use super::logs::{FilterArgs, LogArgs, Logs, Pricing, ReadRow, Visitor};
use super::merge::{PARTIAL_LIMIT, write_partial};
use super::outcome::Failure;
use super::{Chosen, Color, Common};
use crate::alike::Alike;
use crate::audit::{Auditor, Balances, By, Filter, Finding, Past, Policy, Repeats, Span, Summary, Verdict};
use crate::details::Details;
use crate::log::{LogEntry, Place};
use crate::partial::{PartInput, Partial, Settings};
use crate::profile::{self, Context, Rates, Skip};
use crate::read::ReadRows;
use crate::report::{self, InputInfo, Report, Style, UsdTotals};

/// Recompute every charge of a log, and flag what does not match
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  quota audit logs.csv --config options.json\n  \
                        quota audit one-api.db --by model --fail-on over\n\n\
                        Exit codes: 0 all right, 1 something that --fail-on names was found, 2 the job could not be done, \
                        3 nothing could be audited.\n\
                        Environment: QUOTA_CONFIG (a config file), QUOTA_COLOR (auto, always, never); flags win.")]
pub struct AuditCommand {
    #[command(flatten)]
    logs: LogArgs,
    #[command(flatten)]
    common: Common,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Write the report to a file
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Take a difference of up to so many points as matched
    #[arg(long, value_name = "POINTS", default_value_t = 0)]
    tolerance: u64,
    #[command(flatten)]
    gate: GateArgs,
    /// A malformed row ends the run
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    filter: FilterArgs,
    /// Break the totals down by model, group, token, user, channel, day, cause
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    by: Vec<ByChoice>,
    /// Check each user's balance: JSON or CSV with user, before, after (points)
    #[arg(long, value_name = "FILE")]
    balances: Option<PathBuf>,
    /// How many threads look at rows [default: one for each core]
    #[arg(long, value_name = "N", env = "QUOTA_THREADS")]
    threads: Option<NonZero<usize>>,
    /// Judge each row by itself, without what rows like it have in common: the same report, slower
    #[arg(long, hide = true)]
    one_by_one: bool,
    /// Print one line for `quota merge`: sums and the largest findings, no rows. A wrong charge does not fail the run
    #[arg(long, conflicts_with_all = ["format", "fail_on", "max_mismatches", "baseline", "allow_empty"])]
    partial: bool,
    /// How many findings are listed: the largest [default: 20 in a table, else 1000]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Table,
    Json,
    Ndjson,
}

impl Format {
    /// How many findings are listed where nothing else is asked for.
    pub fn limit(self) -> usize {
        match self {
            Format::Table => 20,
            Format::Json | Format::Ndjson => 1000,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ByChoice {
    Model,
    Group,
    Token,
    User,
    Channel,
    Day,
    Cause,
}

impl From<ByChoice> for By {
    fn from(choice: ByChoice) -> By {
        match choice {
            ByChoice::Model => By::Model,
            ByChoice::Group => By::Group,
            ByChoice::Token => By::Token,
            ByChoice::User => By::User,
            ByChoice::Channel => By::Channel,
            ByChoice::Day => By::Day,
            ByChoice::Cause => By::Cause,
        }
    }
}

impl AuditCommand {
    /// Audits the inputs; the exit code.
    pub fn run(self, out: &mut dyn Write, err: &mut dyn Write) -> Result<u8, Failure> {
        let chosen = self.common.load(err)?;
        let run = Run::new(&self, chosen)?;
        let report = match &self.output {
            Some(path) => write_whole(path, |file| run.write(file, err))?,
            None => run.write(out, err)?,
        };
        match report {
            Some(report) => Ok(run.gate.exit_code(&report.summary, self.common.quiet, err)?),
            None => Ok(0),
        }
    }

    fn limit(&self) -> usize {
        let usual = if self.partial { PARTIAL_LIMIT } else { self.format.limit() };
        self.limit.unwrap_or(usual)
    }
}

/// One audit: what the flags ask for, as core values.
struct Run<'c> {
    command: &'c AuditCommand,
    logs: Logs<'c>,
    auditor: Auditor,
    gate: Gate<'c>,
}

/// What rows leave behind for later ones.
struct Kept {
    past: Past,
    books: Balances,
}

impl<'c> Run<'c> {
    fn new(command: &'c AuditCommand, chosen: Chosen) -> Result<Run<'c>, Failure> {
        let mut logs = Logs::new(&command.logs, &command.common, chosen)?;
        logs.hashes = command.partial.then(RefCell::default);
        let profile = command.common.profile(&logs.chosen.config)?;
        let auditor = Auditor { profile, tolerance: command.tolerance, filter: logs.filter(&command.filter)? };
        Ok(Run { command, logs, auditor, gate: command.gate.gate()? })
    }

    /// Audits all inputs and writes the report; none where they are a part.
    fn write(&self, out: &mut dyn Write, err: &mut dyn Write) -> Result<Option<Report>, Failure> {
        let by: Vec<By> = self.command.by.iter().map(|choice| By::from(*choice)).collect();
        let mut report = Report {
            inputs: Vec::new(),
            sources: Vec::new(),
            basis: self.logs.basis(),
            profile: self.auditor.profile.map_or("auto", |profile| profile.word()),
            quota_per_unit: self.command.common.quota_per_unit(&self.logs.chosen.config),
            summary: Summary::new(self.command.limit(), &by),
            usd: UsdTotals::default(),
        };
        let books = match &self.command.balances {
            Some(path) => Balances::new(super::balances::load(path)?),
            None => Balances::default(),
        };
        let past = Past::new(Repeats::among(self.command.logs.files.len()));
        let mut kept = Kept { past, books };
        let mut pricings = Vec::new();
        for (index, path) in self.command.logs.files.iter().enumerate() {
            let before = report.summary.totals.clone();
            let pricing = self.audit_input(path, index, &mut report, &mut kept, out)?;
            report.usd.add(&before, &report.summary.totals, pricing.quota_per_unit);
            if index == 0 {
                report.quota_per_unit = pricing.quota_per_unit;
                report.basis = pricing.basis;
            }
            pricings.push(pricing);
        }
        report.sources.extend(self.logs.chosen.config.sources.iter().cloned());
        report.summary.policy.merge(kept.past.watch.close());
        self.tell_malformed(&report, err)?;
        if self.command.partial {
            return self.write_partial(report, &pricings, kept.books, out);
        }
        for imbalance in kept.books.imbalances() {
            report.summary.add_policy(Policy::BalanceMismatch, imbalance.detail, imbalance.rows, Span::default());
        }
        self.write_report(&report, out)?;
        Ok(Some(report))
    }

    /// Writes the line of a part.
    fn write_partial(
        &self,
        report: Report,
        pricings: &[Pricing],
        books: Balances,
        out: &mut dyn Write,
    ) -> Result<Option<Report>, Failure> {
        let settings = Settings {
            config: self.logs.chosen.config.sources.clone(),
            basis: report.basis,
            profile: self.auditor.profile,
            tolerance: self.auditor.tolerance,
            filter: self.auditor.filter.clone(),
            zone: self.command.logs.zone().to_owned(),
        };
        let inputs = report.inputs.iter().zip(pricings).zip(self.logs.take_hashes());
        let inputs = inputs.map(|((info, pricing), sha256)| PartInput {
            name: info.name.clone(),
            format: info.format.clone(),
            rows: info.rows,
            bytes: info.bytes,
            sha256,
            quota_per_unit: pricing.quota_per_unit,
            sources: pricing.sources.clone(),
        });
        let inputs = inputs.collect();
        write_partial(&Partial::new(report, settings, inputs, books), out)?;
        Ok(None)
    }

    fn audit_input(
        &self,
        path: &Path,
        index: usize,
        report: &mut Report,
        kept: &mut Kept,
        out: &mut dyn Write,
    ) -> Result<Pricing, Failure> {
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        let alike = self.may_be_alike(kept).then(|| Alike::new(number, self.threads()));
        let mut rows = Rows { run: self, report, kept, alike, out };
        let (info, pricing) = self.logs.read_by(path, index, &mut rows)?;
        let Rows { report, alike, .. } = rows;
        if let Some(alike) = alike {
            alike.add_to(&mut report.summary);
        }
        report.sources.extend(pricing.sources.iter().cloned());
        report.inputs.push(info);
        Ok(pricing)
    }

    fn threads(&self) -> usize {
        let all = || std::thread::available_parallelism().map_or(1, NonZero::get);
        self.command.threads.map_or_else(all, NonZero::get).min(64)
    }

    /// Whether rows that are right need no more than to be counted: nothing asks for them one by one.
    fn may_be_alike(&self, kept: &Kept) -> bool {
        let counted = |by: &ByChoice| matches!(by, ByChoice::Model | ByChoice::Group | ByChoice::Cause);
        !self.command.one_by_one
            && self.command.format != Format::Ndjson
            && self.command.logs.files.len() == 1
            && self.command.by.iter().all(counted)
            && self.auditor.filter == Filter::default()
            && kept.books.is_empty()
    }

    /// Counts a row, and streams it where the format is a stream.
    fn note(
        &self,
        place: Place,
        entry: Option<&LogEntry<'_>>,
        verdict: Verdict,
        info: &InputInfo,
        report: &mut Report,
        out: &mut dyn Write,
    ) -> Result<(), Failure> {
        if let Some(error) = verdict.error.as_ref().filter(|_| self.command.strict) {
            let hint = "without `--strict` the other rows are still audited".to_owned();
            return Err(Failure::usage(format!("{}:{}: {error}", info.name, place.line), Some(hint)));
        }
        report.summary.add(place, entry, &verdict, &|time| self.logs.times.day(time));
        if verdict.class.is_mismatch() && self.gate.wants_rows() {
            self.gate.see(&Finding::new(place, entry, verdict.clone()));
        }
        if self.command.format == Format::Ndjson {
            report::write_finding(&Finding::new(place, entry, verdict), &info.name, out)?;
        }
        Ok(())
    }

    fn write_report(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        let screen = Screen { color: self.command.common.color, quiet: self.command.common.quiet };
        write_report(report, self.command.format, screen, self.command.output.is_none(), out)
    }

    fn tell_malformed(&self, report: &Report, err: &mut dyn Write) -> io::Result<()> {
        if self.command.common.quiet {
            return Ok(());
        }
        for (place, message) in &report.summary.malformed {
            writeln!(err, "{}:{}: {}", report.input_name(place.input), place.line, report::printable(message))?;
        }
        match report.summary.totals.malformed.saturating_sub(report.summary.malformed.len() as u64) {
            0 => Ok(()),
            more => writeln!(err, "and {more} more malformed rows; `--format ndjson` names each"),
        }
    }
}

/// The rows of one input, as an audit goes through them.
struct Rows<'r> {
    run: &'r Run<'r>,
    report: &'r mut Report,
    kept: &'r mut Kept,
    alike: Option<Alike>,
    out: &'r mut dyn Write,
}

impl Visitor for Rows<'_> {
    fn visit(&mut self, row: ReadRow<'_>) -> Result<(), Failure> {
        let entry = match row.entry {
            Err(error) => return self.run.note(row.place, None, Verdict::malformed(error), row.info, self.report, self.out),
            Ok(entry) => entry,
        };
        let context = row.pricing.context(entry.time);
        let (verdict, lesson) = self.run.auditor.judge_and_learn(entry, &context, &mut self.kept.past);
        if let Some(alike) = &mut self.alike {
            alike.learn(entry, &verdict, lesson);
        }
        if !self.kept.books.is_empty() && verdict.skip != Some(Skip::Repeated) {
            book(entry, &context, &mut self.kept.books);
        }
        self.run.note(row.place, Some(entry), verdict, row.info, self.report, self.out)
    }

    fn pass(&mut self, rows: &mut dyn ReadRows, pricing: &Pricing) -> u64 {
        self.alike.as_mut().map_or(0, |alike| alike.pass(rows, &pricing.timeline, &mut self.kept.past))
    }
}

/// What the flags say of a terminal.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    pub color: Color,
    pub quiet: bool,
}

/// Writes a report in a format; that of a stream has its rows already.
pub fn write_report(report: &Report, format: Format, screen: Screen, to_stdout: bool, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Json => report::write_json(report, out),
        Format::Ndjson => report::write_ndjson_end(report, out),
        Format::Table => {
            let to_terminal = to_stdout && io::stdout().is_terminal();
            let style =
                Style { color: screen.color.for_stream(to_terminal), width: terminal_width(to_terminal), quiet: screen.quiet };
            report::write_table(report, style, out)
        }
    }
}

/// Books what a row moves on its user's balance.
fn book(entry: &LogEntry<'_>, context: &Context<'_>, books: &mut Balances) {
    let rates = Rates { quota_per_unit: context.quota_per_unit, config: context.config };
    let details = Details::parse("other", entry.details).unwrap_or_default();
    if let Some(movement) = profile::movement(entry, &details, rates) {
        books.book(&movement);
    }
}
