//! Parts of an audit that were made apart, on other machines or shards, and what they come to together.
//!
//! A [`Partial`] holds sums, counts by class and the largest findings, never rows. The law: merging is associative, commutative and exact, and
//! a log cut into parts gives the report of one run. Repeats, duplicates and rate limits are judged within a part. Inputs stand in the
//! order of their names, whatever the order in which parts come.
//!
//! Only parts that were audited alike can be merged: by the same version, config, basis and flags. Inputs may differ in the points of
//! 1 USD; their sums in USD are kept apart until the end.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::audit::{Balances, By, Filter, Finding, Policy, Span, Summary};
use crate::config::Source;
use crate::exact::Ratio;
use crate::profile::{Basis, Profile};
use crate::report::{InputInfo, JsonText, PointSums, Report, UsdTotals};

/// The name and version of the format.
pub const SCHEMA: &str = "quota.partial/1";

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A part of an audit.
#[derive(Debug, Serialize, Deserialize)]
pub struct Partial {
    schema: Cow<'static, str>,
    quota: Cow<'static, str>,
    settings: Settings,
    inputs: Vec<PartInput>,
    /// Sums by the points of 1 USD.
    points: Vec<(Ratio, PointSums)>,
    summary: Summary,
    balances: Balances,
}

/// What parts must have in common.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// The config that was given; what inputs say themselves of prices stands with them.
    pub config: Vec<Source>,
    pub basis: Basis,
    /// None: each row's marks decided.
    pub profile: Option<Profile>,
    pub tolerance: u64,
    pub filter: Filter,
    /// The zone of days, and of times without one.
    pub zone: String,
    /// The breakdowns that were asked for.
    pub by: Vec<By>,
}

/// An input of a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartInput {
    pub name: String,
    pub format: Cow<'static, str>,
    pub rows: u64,
    pub bytes: u64,
    /// Of its bytes as they lie: what tells that a part comes twice.
    pub sha256: String,
    pub quota_per_unit: Ratio,
    /// What the input itself says of prices.
    pub sources: Vec<Source>,
}

/// Why parts cannot be read or merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartialError {
    /// The text is no JSON, or not that of a part.
    Unreadable { part: String, reason: String },
    /// It has another schema.
    Schema { part: String, found: String },
    /// It was made by another version.
    Version { part: String, found: String },
    /// Two parts were audited differently.
    Differs { part: String, first: String, what: &'static str },
    /// An input is in two parts.
    Twice { part: String, first: String, input: String },
}

impl PartialError {
    /// The way out.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            PartialError::Unreadable { .. } => return None,
            PartialError::Schema { .. } => "parts are made by `quota audit --partial`; a report cannot be merged",
            PartialError::Version { .. } => "audit all parts with this version",
            PartialError::Differs { .. } => "audit all parts with the same config and flags, or merge those that belong together",
            PartialError::Twice { .. } => "`--allow-duplicates` counts it each time",
        })
    }
}

impl fmt::Display for PartialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PartialError::Unreadable { part, reason } => write!(f, "{part}: no part of an audit: {reason}"),
            PartialError::Schema { part, found } => write!(f, "{part}: expected schema `{SCHEMA}`, found `{found}`"),
            PartialError::Version { part, found } => write!(f, "{part}: made by quota {found}, and this is {VERSION}"),
            PartialError::Differs { part, first, what } => write!(f, "{part}: audited with {what} other than that of {first}"),
            PartialError::Twice { part, first, input } => write!(f, "{part}: input `{input}` is in {first} already"),
        }
    }
}

impl std::error::Error for PartialError {}

impl Partial {
    /// A part of its own. `report` has no findings of `balances` yet: those are known when all parts are there.
    pub fn new(report: Report, settings: Settings, inputs: Vec<PartInput>, balances: Balances) -> Partial {
        Partial {
            schema: SCHEMA.into(),
            quota: VERSION.into(),
            settings,
            inputs,
            points: report.usd.points().collect(),
            summary: report.summary,
            balances,
        }
    }

    /// Reads a part. `part` is what messages call it.
    pub fn parse(part: &str, text: &str) -> Result<Partial, PartialError> {
        #[derive(Deserialize)]
        struct Header {
            schema: String,
            quota: String,
        }
        let part = || part.to_owned();
        let unreadable = |error: serde_json::Error| PartialError::Unreadable { part: part(), reason: error.to_string() };
        let header: Header = serde_json::from_str(text).map_err(unreadable)?;
        if header.schema != SCHEMA {
            return Err(PartialError::Schema { part: part(), found: header.schema });
        }
        if header.quota != VERSION {
            return Err(PartialError::Version { part: part(), found: header.quota });
        }
        serde_json::from_str(text).map_err(unreadable)
    }

    /// The line that is written.
    pub fn to_line(&self) -> serde_json::Result<String> {
        use serde::ser::Error as _;

        let mut line = Vec::new();
        serde_json::to_writer(JsonText(&mut line), self)?;
        line.push(b'\n');
        String::from_utf8(line).map_err(serde_json::Error::custom)
    }

    /// How many findings it lists at most.
    pub fn limit(&self) -> usize {
        self.summary.limit()
    }

    /// The findings that it lists.
    pub fn findings(&self) -> Vec<&Finding> {
        self.summary.findings()
    }

    pub fn limit_to(&mut self, limit: usize) {
        self.summary.limit_to(limit);
    }

    /// What two parts were audited by, where it differs.
    fn difference(&self, other: &Partial) -> Option<&'static str> {
        let (a, b) = (&self.settings, &other.settings);
        let hashes = |settings: &Settings| settings.config.iter().map(|source| source.sha256.clone()).collect::<Vec<_>>();
        let equal = [
            ("a config", hashes(a) == hashes(b)),
            ("a basis", a.basis == b.basis),
            ("a profile", a.profile == b.profile),
            ("a tolerance", a.tolerance == b.tolerance),
            ("a time zone", a.zone == b.zone),
            ("a choice of rows", a.filter == b.filter),
            ("a choice of breakdowns", a.by == b.by),
        ];
        equal.into_iter().find(|(_, equal)| !equal).map(|(what, _)| what)
    }

    /// The contents of its inputs. Inputs without rows say nothing, so two of them are not one.
    fn contents(&self) -> BTreeMap<&str, &str> {
        let with_rows = self.inputs.iter().filter(|input| input.rows > 0);
        with_rows.map(|input| (input.sha256.as_str(), input.name.as_str())).collect()
    }

    fn first_input(&self) -> Option<(&str, &str)> {
        self.inputs.iter().map(PartInput::order).min()
    }

    /// The users whose balance cannot be held against the log.
    pub fn unknown_balances(&self) -> Vec<&str> {
        self.balances.unknown()
    }

    /// The report of all that was merged.
    pub fn into_report(mut self) -> Report {
        for imbalance in self.balances.imbalances() {
            self.summary.add_policy(Policy::BalanceMismatch, imbalance.detail, imbalance.rows, Span::default());
        }
        let own = self.inputs.iter().flat_map(|input| &input.sources);
        Report {
            sources: own.chain(&self.settings.config).cloned().collect(),
            basis: self.settings.basis,
            profile: self.settings.profile.map_or("auto", Profile::word),
            quota_per_unit: self.inputs.first().map_or(crate::pricing::QUOTA_PER_UNIT, |input| input.quota_per_unit),
            summary: self.summary,
            usd: UsdTotals::of(self.points),
            by: self.settings.by,
            inputs: self.inputs.into_iter().map(InputInfo::from).collect(),
        }
    }
}

impl PartInput {
    /// By its name, then by its content.
    fn order(&self) -> (&str, &str) {
        (&self.name, &self.sha256)
    }
}

impl From<PartInput> for InputInfo {
    fn from(input: PartInput) -> InputInfo {
        InputInfo { name: input.name, format: input.format, rows: input.rows, bytes: input.bytes }
    }
}

/// Merges parts, each with the name that messages give it; none where there are none.
pub fn merge(mut parts: Vec<(String, Partial)>, allow_duplicates: bool) -> Result<Option<Partial>, PartialError> {
    check_alike(&parts)?;
    if !allow_duplicates {
        check_once(&parts)?;
    }
    parts.sort_by(|(_, a), (_, b)| a.first_input().cmp(&b.first_input()));
    let (inputs, numbers) = number_inputs(&parts);
    let numbered = parts.into_iter().zip(numbers).map(|((_, mut part), numbers)| {
        part.summary.renumber(&numbers);
        part
    });
    let merged = numbered.reduce(|mut sum, part| {
        sum.summary.merge(part.summary);
        sum.balances.merge(part.balances);
        sum.points.extend(part.points);
        sum
    });
    Ok(merged.map(|sum| Partial { inputs, points: UsdTotals::of(sum.points).points().collect(), ..sum }))
}

fn check_alike(parts: &[(String, Partial)]) -> Result<(), PartialError> {
    let Some((first, whole)) = parts.first() else { return Ok(()) };
    let differing = parts.iter().find_map(|(part, partial)| Some((part, whole.difference(partial)?)));
    match differing {
        Some((part, what)) => Err(PartialError::Differs { part: part.clone(), first: first.clone(), what }),
        None => Ok(()),
    }
}

/// No input is in two parts.
fn check_once(parts: &[(String, Partial)]) -> Result<(), PartialError> {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for (part, partial) in parts {
        for (content, input) in partial.contents() {
            if let Some(first) = seen.insert(content, part) {
                return Err(PartialError::Twice { part: part.clone(), first: first.to_owned(), input: input.to_owned() });
            }
        }
    }
    Ok(())
}

/// All inputs in their order, and the new number of each input of each part.
fn number_inputs(parts: &[(String, Partial)]) -> (Vec<PartInput>, Vec<Vec<u32>>) {
    let of_part = |(part, (_, partial)): (usize, &(String, Partial))| {
        partial.inputs.iter().cloned().enumerate().map(|(at, input)| (input, part, at)).collect::<Vec<_>>()
    };
    let mut all: Vec<(PartInput, usize, usize)> = parts.iter().enumerate().flat_map(of_part).collect();
    all.sort_by(|(a, ..), (b, ..)| a.order().cmp(&b.order()));
    let mut numbers: Vec<Vec<u32>> = parts.iter().map(|(_, partial)| vec![0; partial.inputs.len()]).collect();
    for (number, (_, part, at)) in (0..).zip(&all) {
        numbers[*part][*at] = number;
    }
    (all.into_iter().map(|(input, ..)| input).collect(), numbers)
}
