//! `quota audit`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::logs::{FilterArgs, LogArgs, Logs, Pricing, ReadRow};
use super::outcome::{FOUND, Failure, NOTHING_AUDITED};
use super::outputs::{OutputArgs, Outputs};
use super::{Chosen, Common};
use crate::audit::{Auditor, Balances, Cause, Finding, Level, Past, Policy, Repeats, Span, Summary, Totals, Verdict};
use crate::details::Details;
use crate::exact::{Exact, Ratio};
use crate::log::{LogEntry, Place};
use crate::profile::{self, Context, Rates, Skip};
use crate::report::{self, InputInfo, Report, UsdTotals};

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
    #[command(flatten)]
    outputs: OutputArgs,
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
    /// Check each user's balance: JSON or CSV with user, before, after (points)
    #[arg(long, value_name = "FILE")]
    balances: Option<PathBuf>,
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

impl AuditCommand {
    /// Audits the inputs; the exit code.
    pub fn run(self, out: &mut dyn Write, err: &mut dyn Write) -> Result<u8, Failure> {
        let chosen = self.common.load(err)?;
        let run = Run::new(&self, chosen)?;
        let mut outputs = Outputs::open(&self.outputs, &self.common, out)?;
        let report = run.audit(&mut outputs, err)?;
        outputs.keep()?;
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
    fn audit(&self, outputs: &mut Outputs<'_>, err: &mut dyn Write) -> Result<Report, Failure> {
        let mut report = Report {
            inputs: Vec::new(),
            sources: Vec::new(),
            basis: self.logs.basis(),
            profile: self.auditor.profile.map_or("auto", |profile| profile.word()),
            quota_per_unit: self.command.common.quota_per_unit(&self.logs.chosen.config),
            summary: self.command.outputs.summary(),
            usd: UsdTotals::default(),
            by: self.command.outputs.by(),
        };
        let books = match &self.command.balances {
            Some(path) => Balances::new(super::balances::load(path)?),
            None => Balances::default(),
        };
        let past = Past::new(Repeats::among(self.command.logs.files.len()));
        let mut kept = Kept { past, books };
        for (index, path) in self.command.logs.files.iter().enumerate() {
            let before = report.summary.totals.clone();
            let pricing = self.audit_input(path, index, &mut report, &mut kept, outputs)?;
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
        outputs.end(&report)?;
        self.tell_malformed(&report, err)?;
        Ok(report)
    }

    fn audit_input(
        &self,
        path: &Path,
        index: usize,
        report: &mut Report,
        kept: &mut Kept,
        outputs: &mut Outputs<'_>,
    ) -> Result<Pricing, Failure> {
        let (info, pricing) = self.logs.read(path, index, &mut |row| self.audit_row(row, report, kept, outputs))?;
        report.sources.extend(pricing.sources.iter().cloned());
        report.inputs.push(info);
        Ok(pricing)
    }

    fn audit_row(&self, row: ReadRow<'_>, report: &mut Report, kept: &mut Kept, outputs: &mut Outputs<'_>) -> Result<(), Failure> {
        let entry = match row.entry {
            Err(error) => return self.note(row.place, None, Verdict::malformed(error), row.info, report, outputs),
            Ok(entry) => entry,
        };
        let context = row.pricing.context(entry.time);
        let verdict = self.auditor.judge(entry, &context, &mut kept.past);
        if !kept.books.is_empty() && verdict.skip != Some(Skip::Repeated) {
            book(entry, &context, &mut kept.books);
        }
        self.note(row.place, Some(entry), verdict, row.info, report, outputs)
    }

    /// Counts a row, and streams it where the format is a stream.
    fn note(
        &self,
        place: Place,
        entry: Option<&LogEntry<'_>>,
        verdict: Verdict,
        info: &InputInfo,
        report: &mut Report,
        outputs: &mut Outputs<'_>,
    ) -> Result<(), Failure> {
        if let Some(error) = verdict.error.as_ref().filter(|_| self.command.strict) {
            let hint = "without `--strict` the other rows are still audited".to_owned();
            return Err(Failure::usage(format!("{}:{}: {error}", info.name, place.line), Some(hint)));
        }
        report.summary.add(place, entry, &verdict, &|time| self.logs.times.day(time));
        if outputs.stream() {
            outputs.row(&Finding::new(place, entry, verdict), &info.name)?;
        }
        Ok(())
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
