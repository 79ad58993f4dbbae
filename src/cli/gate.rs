//! When a run fails: `--fail-on`, `--max-mismatches`, `--baseline`, `--allow-empty`, and what they make of a report.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::baseline::{Baseline, News};
use super::outcome::{FOUND, Failure, NOTHING_AUDITED};
use crate::audit::{Cause, Finding, Level, Summary};

/// What makes a run fail.
#[derive(Args, Debug)]
pub struct GateArgs {
    /// What makes the run fail: over, under, drift, policy, notice, quirk, unrated, malformed, any (the first four), all, none
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "any")]
    fail_on: Vec<FailOn>,
    /// Over- and undercharged rows fail the run only above this number; drift is apart from them
    #[arg(long, value_name = "N")]
    max_mismatches: Option<u64>,
    /// Only what this report does not know fails the run (a report of `--format json`)
    #[arg(long, value_name = "REPORT.json")]
    baseline: Option<PathBuf>,
    /// An input without any charge is all right
    #[arg(long)]
    allow_empty: bool,
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

/// The flags, and what a baseline knows.
#[derive(Debug)]
pub struct Gate<'a> {
    args: &'a GateArgs,
    baseline: Baseline,
}

impl GateArgs {
    /// Reads the baseline.
    pub fn gate(&self) -> Result<Gate<'_>, Failure> {
        let baseline = self.baseline.as_deref().map_or_else(|| Ok(Baseline::default()), Baseline::load)?;
        Ok(Gate { args: self, baseline })
    }
}

impl Gate<'_> {
    /// Whether the mismatched rows must be shown to it.
    pub fn wants_rows(&self) -> bool {
        self.args.baseline.is_some()
    }

    pub fn see(&self, finding: &Finding) {
        self.baseline.see(finding);
    }

    /// The exit code for what was found. With a baseline, what is new and what is gone is told.
    pub fn exit_code(&self, summary: &Summary, quiet: bool, err: &mut dyn Write) -> io::Result<u8> {
        let news = self.baseline.news(summary);
        if self.wants_rows() && !quiet {
            self.baseline.tell(&news, summary, err)?;
        }
        let totals = &summary.totals;
        Ok(if self.fails(&news) {
            FOUND
        } else if totals.audited() > 0 || (self.args.allow_empty && totals.unrated == 0) {
            0
        } else {
            NOTHING_AUDITED
        })
    }

    fn fails(&self, news: &News) -> bool {
        let mismatches = news.classes.iter().filter(|((cause, _), _)| !cause.is(Cause::RatioDrift)).map(|(_, rows)| rows);
        let (all, over) = mismatches.fold((0, 0), |(all, over), rows| (all + rows.all, over + rows.over));
        let too_many = all > self.args.max_mismatches.unwrap_or(0);
        let has = |level: Level| news.policy.iter().any(|(policy, _, _)| policy.level() == level);
        let drift = !news.drift.is_empty() || news.classes.keys().any(|(cause, _)| cause.is(Cause::RatioDrift));
        let any = too_many || drift || has(Level::Violation);
        let rest = || has(Level::Notice) || !news.quirks.is_empty() || !news.unrated.is_empty() || news.malformed > 0;
        self.args.fail_on.iter().any(|fail_on| match fail_on {
            FailOn::Over => too_many && over > 0,
            FailOn::Under => too_many && all > over,
            FailOn::Drift => drift,
            FailOn::Policy => has(Level::Violation),
            FailOn::Notice => has(Level::Notice),
            FailOn::Quirk => !news.quirks.is_empty(),
            FailOn::Unrated => !news.unrated.is_empty(),
            FailOn::Malformed => news.malformed > 0,
            FailOn::None => false,
            FailOn::Any => any,
            FailOn::All => any || rest(),
        })
    }
}
