//! `quota audit`.

use std::cell::RefCell;
use std::io::{self, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use clap::Args;

use super::gate::{Gate, GateArgs};
use super::logs::{FilterArgs, LogArgs, Logs, Pricing, ReadRow, Visited, Visitor};
use super::merge::write_partial;
use super::outcome::Failure;
use super::outputs::{ByArgs, OutputArgs, Outputs};
use super::redact::RedactArgs;
use super::statements::Statements;
use super::{Chosen, Common};
use crate::alike::{Alike, Largest, Wanted};
use crate::audit::{Asked, Auditor, Balances, Finding, Opening, Past, Policy, Redaction, Repeats, Span, Summary, Verdict};
use crate::details::Details;
use crate::log::{LogEntry, Place, Row};
use crate::partial::{PartInput, Partial, Settings};
use crate::profile::{self, Context, Rates, Skip};
use crate::read::{Next, ReadRows};
use crate::report::{self, InputInfo, Report, UsdTotals};

/// Recompute every charge of a log, and flag what does not match
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  quota audit logs.csv --config options.json\n  \
                        quota audit one-api.db --by model --fail-on over\n\n\
                        Exit codes: 0 all right, 1 something that --fail-on names was found, 2 the job could not be done, \
                        3 nothing could be audited.\n\
                        Environment: QUOTA_CONFIG (a config file), QUOTA_COLOR (auto, always, never), QUOTA_THREADS (a number); flags win.")]
pub struct AuditCommand {
    #[command(flatten)]
    logs: LogArgs,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    outputs: OutputArgs,
    #[command(flatten)]
    by: ByArgs,
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
    /// Check each user's balance: JSON or CSV with user, before, after (points)
    #[arg(long, value_name = "FILE")]
    balances: Option<PathBuf>,
    /// Write a statement for each user into this folder: a page with only that user's rows, names and sums
    #[arg(long, value_name = "DIR", conflicts_with = "partial")]
    statements: Option<PathBuf>,
    #[command(flatten)]
    redact: RedactArgs,
    /// How many threads look at rows [default: one for each core]
    #[arg(long, value_name = "N", env = "QUOTA_THREADS")]
    threads: Option<NonZero<usize>>,
    /// Judge each row by itself, without what rows like it have in common: the same report, slower
    #[arg(long, hide = true)]
    one_by_one: bool,
    /// Print one line for `quota merge`: sums and the largest findings, no rows. A wrong charge does not fail the run
    #[arg(long, conflicts_with_all = ["format", "report", "fail_on", "max_mismatches", "baseline", "allow_empty"])]
    partial: bool,
}

impl AuditCommand {
    /// Audits the inputs; the exit code.
    pub fn run(self, out: &mut dyn Write, err: &mut dyn Write) -> Result<u8, Failure> {
        let chosen = self.common.load(err)?;
        let run = Run::new(&self, chosen)?;
        run.logs.keep_from(self.outputs.places())?;
        if self.partial {
            let part = run.part(err)?;
            self.outputs.write_alone(out, |out| Ok(write_partial(&part, out)?))?;
            return Ok(run.logs.exit_code(0, err));
        }
        let mut outputs = Outputs::open(&self.outputs, self.common.screen(), out)?;
        outputs.statements = self.statements.as_deref().map(Statements::open).transpose()?;
        let report = run.report(&mut outputs, err)?;
        outputs.keep()?;
        let code = run.gate.exit_code(&report.summary, self.common.quiet, err)?;
        Ok(run.logs.exit_code(code, err))
    }
}

/// One audit: what the flags ask for, as core values.
struct Run<'c> {
    command: &'c AuditCommand,
    logs: Logs<'c>,
    auditor: Auditor,
    gate: Gate<'c>,
    redaction: Redaction,
}

/// What rows leave behind for later ones.
struct Kept {
    past: Past,
    books: Balances,
}

/// What all inputs came to.
struct Audited {
    report: Report,
    pricings: Vec<Rc<Pricing>>,
    books: Balances,
}

impl<'c> Run<'c> {
    fn new(command: &'c AuditCommand, chosen: Chosen) -> Result<Run<'c>, Failure> {
        let mut logs = Logs::new(&command.logs, &command.common, chosen)?;
        logs.hashes = command.partial.then(RefCell::default);
        let profile = command.common.profile(&logs.chosen.config)?;
        let auditor = Auditor { profile, tolerance: command.tolerance, filter: logs.filter(&command.filter)? };
        Ok(Run { command, logs, auditor, gate: command.gate.gate()?, redaction: command.redact.redaction()? })
    }

    /// Audits all inputs and writes the reports.
    fn report(&self, outputs: &mut Outputs<'_>, err: &mut dyn Write) -> Result<Report, Failure> {
        let summary = self.command.outputs.summary(&self.command.by.by());
        let Audited { mut report, books, .. } = self.audit(summary, outputs)?;
        for imbalance in books.imbalances() {
            report.summary.add_policy(Policy::BalanceMismatch, imbalance.detail, imbalance.rows, Span::default());
        }
        outputs.end(&report)?;
        self.tell_malformed(&report, err)?;
        super::balances::tell_unknown(&books.unknown(), err)?;
        Ok(report)
    }

    /// Audits all inputs as a part of a whole.
    fn part(&self, err: &mut dyn Write) -> Result<Partial, Failure> {
        let summary = self.command.outputs.summary_of_part(&self.command.by.by());
        let Audited { report, pricings, books } = self.audit(summary, &mut Outputs::none())?;
        self.tell_malformed(&report, err)?;
        let settings = Settings {
            config: self.logs.chosen.config.sources.clone(),
            basis: report.basis,
            profile: self.auditor.profile,
            tolerance: self.auditor.tolerance,
            filter: self.redaction.filter(&self.auditor.filter),
            zone: self.command.logs.zone().to_owned(),
            by: report.by.clone(),
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
        Ok(Partial::new(report, settings, inputs, books))
    }

    fn audit(&self, summary: Summary, outputs: &mut Outputs<'_>) -> Result<Audited, Failure> {
        let mut report = Report {
            inputs: Vec::new(),
            sources: Vec::new(),
            basis: self.logs.basis(),
            profile: self.auditor.profile.map_or("auto", |profile| profile.word()),
            quota_per_unit: self.command.common.quota_per_unit(&self.logs.chosen.config),
            summary,
            usd: UsdTotals::default(),
            by: self.command.by.by(),
        };
        let books = match &self.command.balances {
            Some(path) => Balances::new(self.watched(super::balances::load(path)?)),
            None => Balances::default(),
        };
        let mut past = Past::new(Repeats::among(self.command.logs.files.len()));
        past.watch.redaction = self.redaction.clone();
        let mut kept = Kept { past, books };
        let mut pricings = Vec::new();
        for (index, path) in self.command.logs.files.iter().enumerate() {
            let before = report.summary.totals.clone();
            let pricing = self.audit_input(path, index, &mut report, &mut kept, outputs)?;
            report.usd.add(&before, &report.summary.totals, pricing.quota_per_unit);
            outputs.end_input(pricing.quota_per_unit);
            if index == 0 {
                report.quota_per_unit = pricing.quota_per_unit;
                report.basis = pricing.basis;
            }
            pricings.push(pricing);
        }
        for (index, pricing) in pricings.iter().enumerate() {
            let before = report.summary.totals.clone();
            let mut rows = Rows { run: self, report: &mut report, kept: &mut kept, input: 0, alike: None, outputs: &mut *outputs };
            self.logs.read_waiting(index, &mut rows)?;
            report.usd.add(&before, &report.summary.totals, pricing.quota_per_unit);
            outputs.end_input(pricing.quota_per_unit);
        }
        report.sources.extend(self.logs.chosen.config.sources.iter().cloned());
        report.summary.policy.merge(kept.past.watch.close());
        let books = if self.redaction.is_on() { self.renamed(kept.books) } else { kept.books };
        Ok(Audited { report, pricings, books })
    }

    /// The balances of the users whose charges are looked at.
    fn watched(&self, openings: Vec<Opening>) -> Vec<Opening> {
        let users = &self.auditor.filter.users;
        openings.into_iter().filter(|opening| users.is_empty() || users.contains(&opening.user)).collect()
    }

    fn renamed(&self, books: Balances) -> Balances {
        books.renamed(|user| self.redaction.user(user).into_owned())
    }

    fn audit_input(
        &self,
        path: &Path,
        index: usize,
        report: &mut Report,
        kept: &mut Kept,
        outputs: &mut Outputs<'_>,
    ) -> Result<Rc<Pricing>, Failure> {
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        let alike = self.may_be_alike(kept, outputs).then(|| Alike::new(number, self.threads(), self.wanted(report)));
        let mut rows = Rows { run: self, report, kept, input: number, alike, outputs };
        let (info, pricing) = self.logs.read_by(path, index, &mut rows)?;
        let report = rows.report;
        report.sources.extend(pricing.sources.iter().cloned());
        report.inputs.push(info);
        Ok(pricing)
    }

    fn threads(&self) -> usize {
        let all = || std::thread::available_parallelism().map_or(1, NonZero::get);
        self.command.threads.map_or_else(all, NonZero::get).min(64)
    }

    /// Which rows are counted, and by which names.
    fn wanted(&self, report: &Report) -> Wanted {
        Wanted { by: report.summary.by_names(), filter: self.auditor.filter.clone() }
    }

    /// Whether rows that are right need no more than to be counted: nothing asks for them one by one.
    fn may_be_alike(&self, kept: &Kept, outputs: &Outputs<'_>) -> bool {
        !self.command.one_by_one && !outputs.stream() && outputs.statements.is_none() && kept.books.is_empty()
    }

    /// Tells a row, without the texts that are to be hidden.
    fn note(
        &self,
        place: Place,
        entry: Option<&LogEntry<'_>>,
        mut verdict: Verdict,
        info: &InputInfo,
        report: &mut Report,
        outputs: &mut Outputs<'_>,
    ) -> Result<(), Failure> {
        self.redaction.hide_in(&mut verdict);
        match entry.filter(|_| self.redaction.is_on()) {
            Some(entry) => {
                let names = self.redaction.names(entry);
                self.tell(place, Some(&names.put_into(entry)), verdict, info, report, outputs)
            }
            None => self.tell(place, entry, verdict, info, report, outputs),
        }
    }

    /// Counts a row, and streams it where the format is a stream.
    fn tell(
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
        let day = |time| self.logs.times.day(time);
        report.summary.add(place, entry, &verdict, &day);
        if let Some(statements) = &mut outputs.statements {
            statements.add(place, entry, &verdict, &day);
        }
        if verdict.class.is_mismatch() && self.gate.wants_rows() {
            self.gate.see(&Finding::new(place, entry, verdict.clone()));
        }
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
            writeln!(err, "{}:{}: {}", report::printable(report.input_name(place.input)), place.line, report::printable(message))?;
        }
        match report.summary.totals.malformed.saturating_sub(report.summary.malformed.len() as u64) {
            0 => Ok(()),
            more => writeln!(err, "and {more} more malformed rows; `--format ndjson` names each"),
        }
    }
}

/// The rows of one input, as an audit goes through them.
struct Rows<'r, 'o> {
    run: &'r Run<'r>,
    report: &'r mut Report,
    kept: &'r mut Kept,
    /// The number of the input.
    input: u32,
    alike: Option<Alike>,
    outputs: &'r mut Outputs<'o>,
}

impl Visitor for Rows<'_, '_> {
    fn visit(&mut self, row: ReadRow<'_>) -> Result<Visited, Failure> {
        let entry = match row.entry {
            Err(error) => {
                self.run.note(row.place, None, Verdict::malformed(error), row.info, self.report, self.outputs)?;
                return Ok(Visited::Done);
            }
            Ok(entry) => entry,
        };
        let context = row.pricing.context(entry.time);
        self.kept.books.learn(entry.user, entry.user_id);
        // A gate may want to see each wrong row.
        let counts_wrong = !self.run.gate.wants_rows();
        let asked = self.alike.as_ref().filter(|_| counts_wrong).map_or(Asked::Nothing, Alike::asked);
        row.announce(&mut self.kept.past);
        let verdict = match &mut self.alike {
            Some(alike) => {
                let mut taught = self.run.auditor.judge_and_learn(entry, &context, &mut self.kept.past, asked);
                alike.learn(entry, &mut taught, counts_wrong);
                taught.verdict()
            }
            None => self.run.auditor.judge(entry, &context, &mut self.kept.past),
        };
        let is_left_out = matches!(verdict.skip, Some(Skip::Repeated | Skip::Filtered));
        let is_booked = !self.kept.books.is_empty() && !is_left_out && self.run.auditor.filter.admits_time(entry.time);
        let waits = row.must_wait(&self.kept.past);
        // A row that waited was booked before.
        if is_booked && row.may_wait {
            book(entry, &context, &mut self.kept.books);
        }
        if waits {
            self.outputs.wait(row.place)?;
            return Ok(Visited::Waits);
        }
        self.run.note(row.place, Some(entry), verdict, row.info, self.report, self.outputs)?;
        Ok(Visited::Done)
    }

    fn pass(&mut self, rows: &mut dyn ReadRows, pricing: &Pricing) -> u64 {
        let summary = &mut self.report.summary;
        self.alike.as_mut().map_or(0, |alike| alike.pass(rows, &pricing.timeline, &mut self.kept.past, summary))
    }

    fn end(&mut self, rows: &mut dyn ReadRows, pricing: &Pricing) {
        let Some(mut alike) = self.alike.take() else { return };
        self.tell_largest(alike.take_largest(), rows, pricing);
        let (times, redaction) = (&self.run.logs.times, &self.run.redaction);
        alike.add_to(&mut self.report.summary, &|time| times.day(time), &|by, name| redaction.told(by, name));
    }
}

impl Rows<'_, '_> {
    /// Tells those counted rows that are among the largest differences of all.
    fn tell_largest(&mut self, largest: Largest, rows: &mut dyn ReadRows, pricing: &Pricing) {
        let (run, summary) = (self.run, &mut self.report.summary);
        let mut past = self.kept.past.take_prices();
        let mut row = Row::default();
        row.place.input = self.input;
        for kept in largest.into_rows() {
            if summary.omits().is_some_and(|most| kept.size < most) {
                return;
            }
            // It was read before.
            let Next::Row = rows.again(&kept.bytes, kept.line, &mut row) else { continue };
            let Ok(entry) = run.logs.entry(&row, pricing) else { continue };
            let verdict = run.auditor.judge_counted(&entry, &pricing.context(entry.time), &mut past);
            let names = run.redaction.names(&entry);
            summary.add_finding(Finding::new(entry.place, Some(&names.put_into(&entry)), verdict));
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
