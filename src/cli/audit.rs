//! `quota audit`.

use std::io::{self, IsTerminal, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;

use super::outcome::{FOUND, Failure, NOTHING_AUDITED};
use super::{Chosen, Common, sources};
use crate::alike::Alike;
use crate::audit::{Auditor, Balances, By, Cause, Filter, Finding, Level, Past, Policy, Repeats, Span, Summary, Totals, Verdict};
use crate::config::{Config, Timeline};
use crate::details::Details;
use crate::exact::{Exact, Ratio};
use crate::log::{LogEntry, Place, Reading, Row};
use crate::profile::{self, Basis, Context, Rates, Skip};
use crate::read::input::{self, Format as InputFormat, Input, OpenOptions};
use crate::read::time::TimeReader;
use crate::read::{Next, vocabulary};
use crate::report::{self, InputInfo, Report, Style, UsdTotals};

/// Recompute every charge of a log, and flag what does not match
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  quota audit logs.csv --config options.json\n  \
                        quota audit one-api.db --by model --fail-on over\n\n\
                        Exit codes: 0 all right, 1 something that --fail-on names was found, 2 the job could not be done, \
                        3 nothing could be audited.")]
pub struct AuditCommand {
    /// Logs: CSV, JSON, NDJSON or a gateway's SQLite file, gzip and zstd too; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    common: Common,
    /// What charges are held against [default: config where there is one, else logged]
    #[arg(long, value_enum)]
    basis: Option<BasisChoice>,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Write the report to a file
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Read the input as this format [default: recognised from its content]
    #[arg(long, value_name = "FORMAT", value_parser = str::parse::<InputFormat>)]
    input_format: Option<InputFormat>,
    /// The encoding of the input, such as gbk [default: UTF-8, or UTF-16 with a byte order mark]
    #[arg(long, value_name = "NAME")]
    encoding: Option<String>,
    /// Name the column of a field by hand
    #[arg(long, value_name = "FIELD=COLUMN")]
    map: Vec<String>,
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
    /// Only charges from this time on (a date, RFC 3339 or unix seconds)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only charges before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// The zone of times without one, and of days
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    tz: String,
    /// Only charges of this model (repeatable)
    #[arg(long, value_name = "NAME")]
    model: Vec<String>,
    /// Only charges in this group (repeatable)
    #[arg(long, value_name = "NAME")]
    group: Vec<String>,
    /// Only charges of this token (repeatable)
    #[arg(long, value_name = "NAME")]
    token: Vec<String>,
    /// Only charges of this user (repeatable)
    #[arg(long, value_name = "NAME")]
    user: Vec<String>,
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
enum BasisChoice {
    /// What the config says
    Config,
    /// The ratios that the row itself carries
    Logged,
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
    chosen: Chosen,
    auditor: Auditor,
    times: TimeReader,
    options: OpenOptions,
}

/// What rows leave behind for later ones.
struct Kept {
    past: Past,
    books: Balances,
}

/// The prices of one input.
struct Pricing {
    timeline: Timeline,
    basis: Basis,
    quota_per_unit: Ratio,
    currency: Option<(String, Ratio)>,
    veloera: bool,
}

impl<'c> Run<'c> {
    fn new(command: &'c AuditCommand, chosen: Chosen) -> Result<Run<'c>, Failure> {
        let zone = TimeZone::get(&command.tz).map_err(|_| {
            Failure::usage(
                format!("`--tz`: unknown time zone `{}`", command.tz),
                Some("zones have names such as UTC or Asia/Shanghai".to_owned()),
            )
        })?;
        let times = TimeReader::new(zone);
        let moment = |flag: &str, text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => times.parse(text).map(Some).ok_or_else(|| {
                Failure::usage(format!("`{flag}`: expected a date, an RFC 3339 time or unix seconds, found `{text}`"), None)
            }),
        };
        let filter = Filter {
            since: moment("--since", &command.since)?,
            until: moment("--until", &command.until)?,
            models: command.model.clone(),
            groups: command.group.clone(),
            tokens: command.token.clone(),
            users: command.user.clone(),
        };
        let profile = command.common.profile(&chosen.config)?;
        let map = command
            .map
            .iter()
            .map(|text| vocabulary::parse_map(text).map_err(|error| Failure::usage(format!("`--map`: {error}"), None)));
        let options =
            OpenOptions { format: command.input_format, encoding: command.encoding.clone(), map: map.collect::<Result<_, _>>()? };
        Ok(Run { command, chosen, auditor: Auditor { profile, tolerance: command.tolerance, filter }, times, options })
    }

    /// Audits all inputs and writes the report.
    fn write(&self, out: &mut dyn Write, err: &mut dyn Write) -> Result<Report, Failure> {
        let by: Vec<By> = self.command.by.iter().map(|choice| By::from(*choice)).collect();
        let mut report = Report {
            inputs: Vec::new(),
            sources: Vec::new(),
            basis: if self.chosen.given { Basis::Config } else { Basis::Logged },
            profile: self.auditor.profile.map_or("auto", |profile| profile.word()),
            quota_per_unit: self.command.common.quota_per_unit(&self.chosen.config),
            summary: Summary::new(self.command.limit(), &by),
            usd: UsdTotals::default(),
        };
        let books = match &self.command.balances {
            Some(path) => Balances::new(super::balances::load(path)?),
            None => Balances::default(),
        };
        let past = Past { repeats: Repeats::among(self.command.files.len()), ..Past::default() };
        let mut kept = Kept { past, books };
        for (index, path) in self.command.files.iter().enumerate() {
            let before = report.summary.totals.clone();
            let pricing = self.audit_input(path, index, &mut report, &mut kept, out)?;
            report.usd.add(&before, &report.summary.totals, pricing.quota_per_unit);
            if index == 0 {
                report.quota_per_unit = pricing.quota_per_unit;
                report.basis = pricing.basis;
            }
        }
        add_sources(&mut report.sources, &self.chosen.config);
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
        let mut input = self.open(path)?;
        let pricing = self.pricing(path, &input, report)?;
        let mut info = InputInfo { name: input.name.clone(), format: input.format, rows: 0, bytes: 0 };
        let mut row = Row::default();
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        row.clear(Place { input: number, line: 0 });
        let mut alike = self.may_be_alike(kept).then(|| Alike::new(&pricing.timeline, self.threads()));
        loop {
            info.rows += alike.as_mut().map_or(0, |alike| alike.pass(&mut *input.rows));
            let next = input.rows.next(&mut row);
            row.place.input = number;
            match next {
                Next::End => break,
                Next::Row => self.audit_row(&row, &pricing, &info, report, kept, alike.as_mut(), out)?,
                Next::Malformed(error) => {
                    self.note(row.place, None, Verdict::malformed(error), &info, report, out)?;
                }
            }
            info.rows += 1;
        }
        if let Some(alike) = alike {
            alike.add_to(&mut report.summary);
        }
        info.bytes = input.rows.bytes();
        report.inputs.push(info);
        Ok(pricing)
    }

    fn audit_row(
        &self,
        row: &Row,
        pricing: &Pricing,
        info: &InputInfo,
        report: &mut Report,
        kept: &mut Kept,
        alike: Option<&mut Alike<'_>>,
        out: &mut dyn Write,
    ) -> Result<(), Failure> {
        let currency = pricing.currency.as_ref().map(|(code, rate)| (code.as_str(), *rate));
        let reading = Reading { time: &|text| self.times.parse(text), currency };
        match LogEntry::parse(row, &reading) {
            Err(error) => self.note(row.place, None, Verdict::malformed(error), info, report, out),
            Ok(entry) => {
                let config = pricing.timeline.at(entry.time);
                let context = Context {
                    config,
                    basis: pricing.basis,
                    quota_per_unit: pricing.quota_per_unit,
                    veloera: pricing.veloera,
                    other_mode: false,
                };
                let (verdict, lesson) = self.auditor.judge_and_learn(&entry, &context, &mut kept.past);
                if let Some(alike) = alike {
                    alike.learn(&entry, &verdict, lesson);
                }
                if !kept.books.is_empty() && verdict.skip != Some(Skip::Repeated) {
                    book(&entry, &context, &mut kept.books);
                }
                self.note(row.place, Some(&entry), verdict, info, report, out)
            }
        }
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
            && self.command.files.len() == 1
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
        report.summary.add(place, entry, &verdict, &|time| self.times.day(time));
        if self.command.format == Format::Ndjson {
            report::write_finding(&Finding::new(place, entry, verdict), &info.name, out)?;
        }
        Ok(())
    }

    fn open(&self, path: &Path) -> Result<Input, Failure> {
        Ok(if path.as_os_str() == "-" {
            input::open_stream("-", io::stdin(), &self.options)?
        } else {
            input::open_path(path, &self.options)?
        })
    }

    /// What an input is priced with: the options of a database for its own rows, and the config over them.
    fn pricing(&self, path: &Path, input: &Input, report: &mut Report) -> Result<Pricing, Failure> {
        let own = if input.format == InputFormat::Sqlite.word() { sources::load_one(path).ok() } else { None };
        let mut config = own.map_or_else(Config::default, |loaded| loaded.config);
        add_sources(&mut report.sources, &config);
        let given = self.chosen.given || !config.is_empty();
        config.overlay(self.chosen.config.clone());
        let basis = match self.command.basis {
            Some(BasisChoice::Config) if !given => {
                let hint = "name one with `--config`, or take `--basis logged`".to_owned();
                return Err(Failure::usage("`--basis config` needs a config".to_owned(), Some(hint)));
            }
            Some(BasisChoice::Config) => Basis::Config,
            Some(BasisChoice::Logged) => Basis::Logged,
            None if given => Basis::Config,
            None => Basis::Logged,
        };
        let quota_per_unit = self.command.common.quota_per_unit(&config);
        let currency = config.currency.as_ref().map(|currency| (currency.code.clone(), currency.rate));
        let veloera = profile::is_veloera(&config);
        Ok(Pricing { timeline: Timeline::new(config), basis, quota_per_unit, currency, veloera })
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

/// Books what a row moves on its user's balance.
fn book(entry: &LogEntry<'_>, context: &Context<'_>, books: &mut Balances) {
    let rates = Rates { quota_per_unit: context.quota_per_unit, config: context.config };
    let details = Details::parse("other", entry.details).unwrap_or_default();
    if let Some(movement) = profile::movement(entry, &details, rates) {
        books.book(&movement);
    }
}

/// Columns of the terminal; a pipe gets a wide table that is not broken.
fn terminal_width(to_terminal: bool) -> u16 {
    if !to_terminal {
        return 160;
    }
    let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    columns.unwrap_or(100).clamp(60, 400)
}

fn add_sources(sources: &mut Vec<crate::config::Source>, config: &Config) {
    sources.extend(config.sources.iter().cloned());
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

/// Writes a file whole or not at all: beside it first, then in its place.
fn write_whole<T>(path: &Path, write: impl FnOnce(&mut dyn Write) -> Result<T, Failure>) -> Result<T, Failure> {
    let problem = |error: io::Error| Failure::usage(format!("cannot write `{}`: {error}", path.display()), None);
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let beside = PathBuf::from(name);
    let mut file = io::BufWriter::new(std::fs::File::create(&beside).map_err(problem)?);
    let result = write(&mut file).and_then(|value| file.flush().map_err(problem).map(|()| value));
    let result = result.and_then(|value| std::fs::rename(&beside, path).map_err(problem).map(|()| value));
    if result.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    result
}
