//! `quota audit`.

use std::io::{self, IsTerminal, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::file::{terminal_width, write_whole};
use super::logs::{FilterArgs, LogArgs, Logs, Pricing, ReadRow, Visitor};
use super::outcome::{FOUND, Failure, NOTHING_AUDITED};
use super::{Chosen, Common};
use crate::alike::Alike;
use crate::audit::{Auditor, Balances, By, Cause, Filter, Finding, Level, Past, Policy, Repeats, Span, Summary, Totals, Verdict};
use crate::details::Details;
use crate::exact::{Exact, Ratio};
use crate::log::{LogEntry, Place};
use crate::profile::{self, Context, Rates, Skip};
use crate::read::ReadRows;
use crate::report::{self, InputInfo, Report, Style, UsdTotals};

/// Recompute every charge of a log, and flag what does not match
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  quota audit logs.csv --config options.json\n  \
                        quota audit one-api.db --by model --fail-on over\n\n\
                        Exit codes: 0 all right, 1 something that --fail-on names was found, 2 the job could not be done, \
                        3 nothing could be audited.")]
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
    /// What makes the run fail: over, under, drift, policy, notice, quirk, unrated, malformed, any (the first four), all, none
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "any")]
    fail_on: Vec<FailOn>,
    /// Over- and undercharged rows fail the run only above this number
    #[arg(long, value_name = "N")]
    max_mismatches: Option<u64>,
    /// An input without any charge is all right
    #[arg(long)]
    allow_empty: bool,
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
    /// How many findings are listed: the largest [default: 20 in a table, else 1000]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Ndjson,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FailOn {
    Over,
    Under,
    Drift,
    Policy,
    Notice,
    Quirk,
    Unrated,
    Malformed,
    Any,
    All,
    None,
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
        Ok(self.exit_code(&report.summary))
    }

    fn exit_code(&self, summary: &Summary) -> u8 {
        let totals = &summary.totals;
        if self.fails(summary) {
            FOUND
        } else if totals.audited() > 0 || (self.allow_empty && totals.unrated == 0) {
            0
        } else {
            NOTHING_AUDITED
        }
    }

    fn fails(&self, summary: &Summary) -> bool {
        let totals = &summary.totals;
        let causes = summary.causes();
        let drifted = causes.totals.iter().filter(|(causes, _)| causes.is(Cause::RatioDrift));
        let (drift_rows, drift_over) =
            drifted.fold((0, 0), |(rows, over), (_, total)| (rows + total.told.tally.rows, over + total.told.over));
        let mismatches = totals.overcharged + totals.undercharged - drift_rows;
        let too_many = mismatches > self.max_mismatches.unwrap_or(0);
        let has = |level: Level| summary.policy.keys().any(|(policy, _)| policy.level() == level);
        self.fail_on.iter().any(|fail_on| match fail_on {
            FailOn::Over => too_many && totals.overcharged > drift_over,
            FailOn::Under => too_many && totals.undercharged > drift_rows - drift_over,
            FailOn::Drift => !summary.drift.is_empty(),
            FailOn::Policy => has(Level::Violation),
            FailOn::Notice => has(Level::Notice),
            FailOn::None => false,
            FailOn::Quirk => !summary.quirks.is_empty(),
            FailOn::Unrated => totals.unrated > 0,
            FailOn::Malformed => totals.malformed > 0,
            FailOn::Any => (too_many && mismatches > 0) || !summary.drift.is_empty() || has(Level::Violation),
            FailOn::All => {
                (too_many && mismatches > 0)
                    || !summary.drift.is_empty()
                    || !summary.quirks.is_empty()
                    || !summary.policy.is_empty()
                    || totals.unrated + totals.malformed > 0
            }
        })
    }

    fn limit(&self) -> usize {
        self.limit.unwrap_or(match self.format {
            Format::Table => 20,
            Format::Json | Format::Ndjson => 1000,
        })
    }
}

/// One audit: what the flags ask for, as core values.
struct Run<'c> {
    command: &'c AuditCommand,
    logs: Logs<'c>,
    auditor: Auditor,
}

/// What rows leave behind for later ones.
struct Kept {
    past: Past,
    books: Balances,
}

impl<'c> Run<'c> {
    fn new(command: &'c AuditCommand, chosen: Chosen) -> Result<Run<'c>, Failure> {
        let logs = Logs::new(&command.logs, &command.common, chosen)?;
        let profile = command.common.profile(&logs.chosen.config)?;
        let auditor = Auditor { profile, tolerance: command.tolerance, filter: logs.filter(&command.filter)? };
        Ok(Run { command, logs, auditor })
    }

    /// Audits all inputs and writes the report.
    fn write(&self, out: &mut dyn Write, err: &mut dyn Write) -> Result<Report, Failure> {
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
        for (index, path) in self.command.logs.files.iter().enumerate() {
            let before = report.summary.totals.clone();
            let pricing = self.audit_input(path, index, &mut report, &mut kept, out)?;
            report.usd.add(&before, &report.summary.totals, pricing.quota_per_unit);
            if index == 0 {
                report.quota_per_unit = pricing.quota_per_unit;
                report.basis = pricing.basis;
            }
        }
        report.sources.extend(self.logs.chosen.config.sources.iter().cloned());
        report.summary.policy.merge(kept.past.watch.close());
        for imbalance in kept.books.imbalances() {
            report.summary.add_policy(Policy::BalanceMismatch, imbalance.detail, imbalance.rows, Span::default());
        }
        self.write_report(&report, out)?;
        self.tell_malformed(&report, err)?;
        Ok(report)
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
        if self.command.format == Format::Ndjson {
            report::write_finding(&Finding::new(place, entry, verdict), &info.name, out)?;
        }
        Ok(())
    }

    fn write_report(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        match self.command.format {
            Format::Json => report::write_json(report, out),
            Format::Ndjson => report::write_ndjson_end(report, out),
            Format::Table => {
                let to_terminal = self.command.output.is_none() && io::stdout().is_terminal();
                let style = Style {
                    color: self.command.common.color.for_stream(to_terminal),
                    width: terminal_width(to_terminal),
                    quiet: self.command.common.quiet,
                };
                report::write_table(report, style, out)
            }
        }
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

/// Books what a row moves on its user's balance.
fn book(entry: &LogEntry<'_>, context: &Context<'_>, books: &mut Balances) {
    let rates = Rates { quota_per_unit: context.quota_per_unit, config: context.config };
    let details = Details::parse("other", entry.details).unwrap_or_default();
    if let Some(movement) = profile::movement(entry, &details, rates) {
        books.book(&movement);
    }
}

impl UsdTotals {
    /// Adds what lies between two states of the totals, at so many points for 1 USD.
    fn add(&mut self, before: &Totals, after: &Totals, per_unit: Ratio) {
        let usd = |before: i128, after: i128| report::usd_of(&Exact::from(num_bigint::BigInt::from(after - before)), per_unit);
        self.charged += usd(before.charged_points, after.charged_points);
        self.expected += usd(before.expected_points, after.expected_points);
        self.over += usd(before.over_points, after.over_points);
        self.under += usd(before.under_points, after.under_points);
        self.unrated += usd(before.unrated_points, after.unrated_points);
    }
}
