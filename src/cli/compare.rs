//! `quota compare`.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::calc::each_once;
use super::file::{keep_apart, write_result};
use super::logs::{LogArgs, Logs, ReadRow, TimeArgs, Visited};
use super::outcome::{Failure, NOTHING_AUDITED};
use super::{Common, sources};
use crate::audit::{Auditor, Class, Comparison, Filter, Past, Repeats, Target, groups};
use crate::report::compare::{ComparisonReport, write_json, write_table};

/// Show what the same log would have cost under other groups, another model's prices or another config
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  quota compare logs.csv --config options.json --group all\n  \
                        quota compare logs.csv --config old.toml --against new.toml --where-model gpt-4o\n\n\
                        Exit codes: 0 compared, 2 the job could not be done, 3 no charge could be compared.\n\
                        Environment: QUOTA_CONFIG (a config file), QUOTA_COLOR (auto, always, never); flags win.")]
pub struct CompareCommand {
    #[command(flatten)]
    logs: LogArgs,
    #[command(flatten)]
    common: Common,
    /// As if every charge were in this group (repeatable; `all` is every group of the config)
    #[arg(long, value_name = "NAME")]
    group: Vec<String>,
    /// As if every request had gone to this model (repeatable)
    #[arg(long, value_name = "NAME")]
    model: Vec<String>,
    /// As if this config held (repeatable)
    #[arg(long, value_name = "CONFIG")]
    against: Vec<PathBuf>,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Write the result to a file
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    time: TimeArgs,
    /// Only charges of this model (repeatable)
    #[arg(long, value_name = "NAME")]
    where_model: Vec<String>,
    /// Only charges in this group (repeatable)
    #[arg(long, value_name = "NAME")]
    where_group: Vec<String>,
    /// Only charges of this token (repeatable)
    #[arg(long, value_name = "NAME")]
    where_token: Vec<String>,
    /// Only charges of this user (repeatable)
    #[arg(long, value_name = "NAME")]
    where_user: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

impl CompareCommand {
    /// Compares; the exit code.
    pub fn run(self, out: &mut dyn Write, err: &mut dyn Write) -> Result<u8, Failure> {
        if self.group.is_empty() && self.model.is_empty() && self.against.is_empty() {
            let hint = "name a target with `--group`, `--model` or `--against`".to_owned();
            return Err(Failure::usage("nothing to compare with".to_owned(), Some(hint)));
        }
        let (report, code) = self.compare(err)?;
        write_result(self.output.as_ref(), out, |out| self.write(&report, out))?;
        Ok(code)
    }

    /// What the log would have cost under another config.
    pub fn of_configs(files: Vec<PathBuf>, old: PathBuf, new: PathBuf) -> CompareCommand {
        CompareCommand {
            logs: LogArgs::of(files),
            common: Common::of(old),
            group: Vec::new(),
            model: Vec::new(),
            against: vec![new],
            format: Format::Table,
            output: None,
            time: TimeArgs::default(),
            where_model: Vec::new(),
            where_group: Vec::new(),
            where_token: Vec::new(),
            where_user: Vec::new(),
        }
    }

    /// Prices the log under all targets; the exit code with it.
    pub fn compare(&self, err: &mut dyn Write) -> Result<(ComparisonReport, u8), Failure> {
        let chosen = self.common.load(err)?;
        let logs = Logs::new(&self.logs, &self.common, chosen)?;
        logs.keep_from(self.output.iter())?;
        keep_apart(self.against.iter(), self.output.iter())?;
        let profile = self.common.profile(&logs.chosen.config)?;
        let auditor = Auditor { profile, tolerance: 0, filter: self.filter(&logs)? };
        let mut report = ComparisonReport { comparisons: self.targets()?, unrated: BTreeMap::new() };
        let mut past = Past::new(Repeats::among(self.logs.files.len()));
        logs.read_all(&mut |row| self.take(row, &auditor, &mut past, &mut report))?;
        let is_compared = report.comparisons.iter().any(|comparison| comparison.total().rows > 0);
        let code = logs.exit_code(if is_compared { 0 } else { NOTHING_AUDITED }, err);
        Ok((report, code))
    }

    fn filter(&self, logs: &Logs<'_>) -> Result<Filter, Failure> {
        Ok(Filter {
            models: self.where_model.clone(),
            groups: self.where_group.clone(),
            tokens: self.where_token.clone(),
            users: self.where_user.clone(),
            ..logs.time_filter(&self.time)?
        })
    }

    /// The targets that are named; the groups of `all` are known with the first row.
    fn targets(&self) -> Result<Vec<Comparison>, Failure> {
        let color = self.common.color.for_stream(io::stderr().is_terminal());
        let groups = each_once(&self.group).into_iter().filter(|group| group != "all").map(Target::Group);
        let mut targets: Vec<Target> = groups.chain(each_once(&self.model).into_iter().map(Target::Model)).collect();
        for path in &self.against {
            let config = sources::load_one(path).map_err(|error| Failure::config(error, color))?.config;
            let quota_per_unit = self.common.quota_per_unit(&config);
            targets.push(Target::Config { name: path.display().to_string(), config: Box::new(config), quota_per_unit });
        }
        Ok(targets.into_iter().map(Comparison::new).collect())
    }

    fn take(
        &self,
        row: ReadRow<'_>,
        auditor: &Auditor,
        past: &mut Past,
        report: &mut ComparisonReport,
    ) -> Result<Visited, Failure> {
        if row.info.rows == 0 && !self.group.is_empty() {
            let known = groups(row.pricing.context(None).config);
            self.check_groups(&known)?;
            if self.group.iter().any(|group| group == "all") {
                add_groups(known, report);
            }
        }
        let Ok(entry) = row.entry else { return Ok(Visited::Done) };
        let context = row.pricing.context(entry.time);
        row.announce(past);
        let verdict = auditor.judge(entry, &context, past);
        if row.must_wait(past) {
            return Ok(Visited::Waits);
        }
        let (Some(judged), Some(profile)) = (&verdict.charge, verdict.profile) else { return Ok(Visited::Done) };
        if verdict.class == Class::Unrated {
            *report.unrated.entry(judged.reason.map_or("unrated", |reason| reason.word())).or_default() += 1;
        } else {
            report.comparisons.iter_mut().for_each(|comparison| comparison.add(entry, profile, judged, &context));
        }
        Ok(Visited::Done)
    }

    /// A group that is in no config has no price.
    fn check_groups(&self, known: &[String]) -> Result<(), Failure> {
        match self.group.iter().find(|group| *group != "all" && !known.contains(group)) {
            None => Ok(()),
            Some(group) => {
                let hint = format!("known groups: {}; name a config with `--config`", known.join(", "));
                Err(Failure::usage(format!("group `{group}` is in no config"), Some(hint)))
            }
        }
    }

    fn write(&self, report: &ComparisonReport, out: &mut dyn Write) -> Result<(), Failure> {
        match self.format {
            Format::Json => write_json(report, out)?,
            Format::Table => write_table(report, out)?,
        }
        Ok(())
    }
}

fn add_groups(known: Vec<String>, report: &mut ComparisonReport) {
    for group in known {
        let target = Target::Group(group);
        if !report.comparisons.iter().any(|comparison| comparison.target == target) {
            report.comparisons.push(Comparison::new(target));
        }
    }
}
