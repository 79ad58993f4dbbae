//! When a run fails: `--fail-on`, `--max-mismatches`, `--allow-empty`, and what they make of a report.

use clap::{Args, ValueEnum};

use super::outcome::{FOUND, NOTHING_AUDITED};
use crate::audit::{Cause, Level, Summary};

/// What makes a run fail.
#[derive(Args, Debug)]
pub struct GateArgs {
    /// What makes the run fail: over, under, drift, policy, notice, quirk, unrated, malformed, any (the first four), all, none
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "any")]
    fail_on: Vec<FailOn>,
    /// Over- and undercharged rows fail the run only above this number
    #[arg(long, value_name = "N")]
    max_mismatches: Option<u64>,
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

/// What was found, as far as it can make a run fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Rows whose cause is no drift.
    pub over: u64,
    pub under: u64,
    pub drift: bool,
    pub violations: bool,
    pub notices: bool,
    pub quirks: bool,
    pub unrated: bool,
    pub malformed: bool,
}

impl Found {
    /// Everything that a run found.
    pub fn of(summary: &Summary) -> Found {
        let totals = &summary.totals;
        let causes = summary.causes();
        let drifted = causes.totals.iter().filter(|(causes, _)| causes.is(Cause::RatioDrift));
        let (drift_rows, drift_over) =
            drifted.fold((0, 0), |(rows, over), (_, total)| (rows + total.told.tally.rows, over + total.told.over));
        let has = |level: Level| summary.policy.keys().any(|(policy, _)| policy.level() == level);
        Found {
            over: totals.overcharged - drift_over,
            under: totals.undercharged - (drift_rows - drift_over),
            drift: !summary.drift.is_empty(),
            violations: has(Level::Violation),
            notices: has(Level::Notice),
            quirks: !summary.quirks.is_empty(),
            unrated: totals.unrated > 0,
            malformed: totals.malformed > 0,
        }
    }
}

impl GateArgs {
    /// The exit code for what was found.
    pub fn exit_code(&self, summary: &Summary, found: &Found) -> u8 {
        let totals = &summary.totals;
        if self.fails(found) {
            FOUND
        } else if totals.audited() > 0 || (self.allow_empty && totals.unrated == 0) {
            0
        } else {
            NOTHING_AUDITED
        }
    }

    fn fails(&self, found: &Found) -> bool {
        let too_many = found.over + found.under > self.max_mismatches.unwrap_or(0);
        let any = too_many || found.drift || found.violations;
        self.fail_on.iter().any(|fail_on| match fail_on {
            FailOn::Over => too_many && found.over > 0,
            FailOn::Under => too_many && found.under > 0,
            FailOn::Drift => found.drift,
            FailOn::Policy => found.violations,
            FailOn::Notice => found.notices,
            FailOn::Quirk => found.quirks,
            FailOn::Unrated => found.unrated,
            FailOn::Malformed => found.malformed,
            FailOn::None => false,
            FailOn::Any => any,
            FailOn::All => any || found.notices || found.quirks || found.unrated || found.malformed,
        })
    }
}
