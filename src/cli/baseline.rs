//! `--baseline`: what an earlier report knows does not fail a run again, and what is gone since is told.
//!
//! Known are the classes of the report (a cause of a model in a group), its drift, its findings beside the charges, its quirks and reasons, and
//! its rows. A cause is one defect, however many rows it has; rows that nothing explains are known only one by one.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, Write};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::outcome::Failure;
use crate::audit::{Causes, Class, ClassKey, DriftKey, Finding, Judged, Policy, Summary, Told};
use crate::pricing::Reason;
use crate::profile::Quirk;
use crate::report::{printable, time_text};

const SCHEMA: &str = "quota.audit/1";

/// What a report knows; nothing where there is none.
#[derive(Debug, Default)]
pub struct Baseline {
    /// The rows of the report, and how often each is still to come.
    rows: RefCell<BTreeMap<RowKey, u64>>,
    known: BTreeSet<Thing>,
    /// The rows of findings of which each further row is another one.
    counted: BTreeMap<Thing, u64>,
    /// Classes of which not all rows are listed: causes with all models and groups that they have.
    crossed: Vec<CauseEntry>,
    malformed: u64,
    /// Rows of this run that the report lists, and whether they are overcharged.
    seen: RefCell<Vec<(ClassKey, Judged, bool)>>,
}

/// What tells a row from others, wherever it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct RowKey {
    id: String,
    time: String,
    model: String,
    group: String,
    charged: i64,
    expected: i64,
}

/// Something that a report tells, by what it is known again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thing {
    Class { cause: String, model: String, group: String },
    Drift { key: String, of: String, configured: String, logged: String },
    Policy { finding: String, detail: String },
    Quirk(String),
    Unrated(String),
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Thing::Class { cause, model, group } if group.is_empty() => write!(f, "cause {cause} of `{}`", printable(model)),
            Thing::Class { cause, model, group } => {
                write!(f, "cause {cause} of `{}` in `{}`", printable(model), printable(group))
            }
            Thing::Drift { key, of, configured, logged } => {
                write!(
                    f,
                    "drift of {key} of `{}`: {} in the config, {} in the log",
                    printable(of),
                    printable(configured),
                    printable(logged)
                )
            }
            Thing::Policy { finding, detail } => write!(f, "{finding}: {}", printable(detail)),
            Thing::Quirk(quirk) => write!(f, "quirk {quirk}"),
            Thing::Unrated(reason) => write!(f, "unrated because of {reason}"),
        }
    }
}

/// What a run found and the baseline does not know.
#[derive(Debug, Default)]
pub struct News {
    /// Mismatched rows by their class.
    pub classes: BTreeMap<(Causes, ClassKey), Rows>,
    pub drift: Vec<Thing>,
    /// With the rows that are new, where they are counted.
    pub policy: Vec<(Policy, Thing, Option<u64>)>,
    pub quirks: Vec<Quirk>,
    pub unrated: Vec<Reason>,
    pub malformed: u64,
}

/// Rows, and how many of them are overcharged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    pub all: u64,
    pub over: u64,
}

#[derive(Deserialize)]
struct ReportText {
    totals: TotalsText,
    unrated_reasons: BTreeMap<String, u64>,
    causes: Vec<CauseEntry>,
    drift: Vec<DriftEntry>,
    policy: Vec<PolicyEntry>,
    quirks: Vec<QuirkEntry>,
    findings: Vec<FindingEntry>,
    findings_omitted: u64,
}

#[derive(Deserialize)]
struct TotalsText {
    malformed: u64,
}

#[derive(Debug, Deserialize)]
struct CauseEntry {
    cause: String,
    models: Vec<String>,
    groups: Vec<String>,
}

#[derive(Deserialize)]
struct DriftEntry {
    key: String,
    model: Option<String>,
    group: Option<String>,
    configured: String,
    logged: String,
}

#[derive(Deserialize)]
struct PolicyEntry {
    finding: String,
    detail: String,
    rows: u64,
}

#[derive(Deserialize)]
struct QuirkEntry {
    quirk: String,
}

#[derive(Deserialize)]
struct FindingEntry {
    id: Value,
    request_id: Option<String>,
    time: Option<String>,
    cause: Option<String>,
    model: Option<String>,
    group: Option<String>,
    charged_points: i64,
    expected_points: i64,
}

impl Baseline {
    /// Reads a report.
    pub fn load(path: &Path) -> Result<Baseline, Failure> {
        let problem = |what: String| {
            let hint = "`quota audit --format json -o FILE` writes one".to_owned();
            Failure::usage(format!("{}: {what}", path.display()), Some(hint))
        };
        let text = std::fs::read_to_string(path).map_err(|error| problem(error.to_string()))?;
        let value: Value = serde_json::from_str(&text).map_err(|error| problem(format!("no report: {error}")))?;
        match value.get("schema").and_then(Value::as_str) {
            Some(SCHEMA) => {}
            found => return Err(problem(format!("expected schema `{SCHEMA}`, found `{}`", found.unwrap_or("none")))),
        }
        let report: ReportText = serde_json::from_value(value).map_err(|error| problem(format!("no report: {error}")))?;
        Ok(Baseline::of(report))
    }

    fn of(report: ReportText) -> Baseline {
        let mut known: BTreeSet<Thing> = report.findings.iter().filter_map(FindingEntry::class).collect();
        known.extend(report.drift.into_iter().map(Thing::from));
        let policy: BTreeMap<Thing, u64> = report.policy.into_iter().map(PolicyEntry::counted).collect();
        known.extend(policy.keys().cloned());
        known.extend(report.quirks.into_iter().map(|entry| Thing::Quirk(entry.quirk)));
        known.extend(report.unrated_reasons.into_keys().map(Thing::Unrated));
        let mut rows: BTreeMap<RowKey, u64> = BTreeMap::new();
        report.findings.into_iter().for_each(|finding| *rows.entry(finding.key()).or_default() += 1);
        let crossed = report.causes.into_iter().filter(|entry| report.findings_omitted > 0 && is_class(&entry.cause)).collect();
        let malformed = report.totals.malformed;
        Baseline { rows: RefCell::new(rows), known, counted: policy, crossed, malformed, seen: RefCell::default() }
    }

    /// Looks at a row of the run: one that the report lists is known.
    pub fn see(&self, finding: &Finding) {
        let Some(judged) = finding.charge() else { return };
        let mut rows = self.rows.borrow_mut();
        let Some(times) = RowKey::of(finding).and_then(|key| rows.get_mut(&key)).filter(|times| **times > 0) else { return };
        *times -= 1;
        let class = ClassKey { model: finding.model.clone(), group: finding.group.clone() };
        self.seen.borrow_mut().push((class, judged.clone(), finding.verdict.class == Class::Overcharged));
    }

    /// What a run found and the report does not know.
    pub fn news(&self, summary: &Summary) -> News {
        let unknown = |thing: &Thing| !self.known.contains(thing);
        News {
            classes: self.new_classes(summary),
            drift: summary.drift.keys().map(Thing::from).filter(unknown).collect(),
            policy: summary
                .policy
                .iter()
                .filter_map(|((policy, detail), (rows, _))| self.new_policy(*policy, detail, *rows))
                .collect(),
            quirks: summary.quirks.keys().copied().filter(|quirk| unknown(&Thing::from(*quirk))).collect(),
            unrated: summary.unrated_reasons.keys().copied().filter(|reason| unknown(&Thing::from(*reason))).collect(),
            malformed: summary.totals.malformed.saturating_sub(self.malformed),
        }
    }

    fn new_policy(&self, policy: Policy, detail: &str, rows: u64) -> Option<(Policy, Thing, Option<u64>)> {
        let thing = Thing::policy(policy, detail);
        let known = self.counted.get(&thing).copied();
        match known {
            None => Some((policy, thing, None)),
            Some(known) if is_counted(policy) && rows > known => Some((policy, thing, Some(rows - known))),
            Some(_) => None,
        }
    }

    /// The mismatched rows of each class but those that are known: as such, or by their class.
    fn new_classes(&self, summary: &Summary) -> BTreeMap<(Causes, ClassKey), Rows> {
        let causes = summary.causes();
        let of = |((cause, key), told): (&(Causes, ClassKey), &Told)| {
            ((*cause, key.clone()), Rows { all: told.tally.rows, over: told.over })
        };
        let mut classes: BTreeMap<(Causes, ClassKey), Rows> = causes.by_class.iter().map(of).collect();
        for (key, judged, is_over) in self.seen.borrow().iter() {
            let cause = judged.diagnosis.as_ref().map(|diagnosis| causes.of(key, judged, diagnosis).causes);
            if let Some(rows) = cause.and_then(|cause| classes.get_mut(&(cause, key.clone()))) {
                rows.all = rows.all.saturating_sub(1);
                rows.over = rows.over.saturating_sub(u64::from(*is_over));
            }
        }
        classes.retain(|(cause, key), rows| rows.all > 0 && !self.knows_class(*cause, key));
        classes
    }

    fn knows_class(&self, cause: Causes, key: &ClassKey) -> bool {
        let crossed = |entry: &CauseEntry| {
            entry.cause == cause.to_string() && entry.models.contains(&key.model) && entry.groups.contains(&key.group)
        };
        self.known.contains(&class(cause, key)) || self.crossed.iter().any(crossed)
    }

    /// Says on standard error what is new, and what of the report is gone.
    pub fn tell(&self, news: &News, summary: &Summary, err: &mut dyn Write) -> io::Result<()> {
        let new = news.lines();
        let gone = self.gone(summary);
        for (word, lines) in [("new", new), ("gone", gone)] {
            for line in lines.iter().take(TOLD) {
                writeln!(err, "{word} since the baseline: {}", printable(line))?;
            }
            if let more @ 1.. = lines.len().saturating_sub(TOLD) {
                writeln!(err, "{word} since the baseline: and {more} more")?;
            }
        }
        Ok(())
    }

    /// What the report knows and this run did not find.
    fn gone(&self, summary: &Summary) -> Vec<String> {
        let mut found: BTreeSet<Thing> = summary.causes().by_class.keys().map(|(cause, key)| class(*cause, key)).collect();
        found.extend(summary.drift.keys().map(Thing::from));
        found.extend(summary.quirks.keys().copied().map(Thing::from));
        found.extend(summary.unrated_reasons.keys().copied().map(Thing::from));
        found.extend(summary.policy.iter().map(|((policy, detail), _)| Thing::policy(*policy, detail)));
        let mut gone: Vec<String> = self.known.difference(&found).map(ToString::to_string).collect();
        if let rows @ 1.. = self.rows.borrow().values().sum::<u64>() {
            gone.push(format!("{rows} of its rows"));
        }
        gone
    }
}

/// So many lines are told of each kind.
const TOLD: usize = 20;

impl News {
    fn lines(&self) -> Vec<String> {
        let classes = self.classes.iter().map(|((cause, key), rows)| {
            let s = if rows.all == 1 { "" } else { "s" };
            format!("{}, {} row{s}", class(*cause, key), rows.all)
        });
        let policy = self.policy.iter().map(|(_, thing, more)| match more {
            None => thing.to_string(),
            Some(more) => format!("{thing}, {more} more"),
        });
        let things = self.drift.iter().map(ToString::to_string).chain(policy);
        let quirks = self.quirks.iter().map(|quirk| Thing::from(*quirk).to_string());
        let unrated = self.unrated.iter().map(|reason| Thing::from(*reason).to_string());
        let malformed = (self.malformed > 0).then(|| format!("{} malformed rows", self.malformed));
        classes.chain(things).chain(quirks).chain(unrated).chain(malformed).collect()
    }
}

/// Whether each further row of a finding is another one: a request that was charged twice is charged a third time.
fn is_counted(policy: Policy) -> bool {
    policy == Policy::DuplicateCharge
}

impl Thing {
    fn policy(policy: Policy, detail: &str) -> Thing {
        Thing::Policy { finding: policy.word().to_owned(), detail: detail.to_owned() }
    }
}

impl PolicyEntry {
    fn counted(self) -> (Thing, u64) {
        (Thing::Policy { finding: self.finding, detail: self.detail }, self.rows)
    }
}

impl From<&DriftKey> for Thing {
    fn from(drift: &DriftKey) -> Thing {
        Thing::Drift {
            key: drift.key.clone().into_owned(),
            of: drift.model.clone().or_else(|| drift.group.clone()).unwrap_or_default(),
            configured: drift.configured.clone(),
            logged: drift.logged.clone(),
        }
    }
}

impl From<Quirk> for Thing {
    fn from(quirk: Quirk) -> Thing {
        Thing::Quirk(quirk.word().to_owned())
    }
}

impl From<Reason> for Thing {
    fn from(reason: Reason) -> Thing {
        Thing::Unrated(reason.word().to_owned())
    }
}

fn class(cause: Causes, key: &ClassKey) -> Thing {
    Thing::Class { cause: cause.to_string(), model: key.model.clone(), group: key.group.clone() }
}

/// Whether rows of a cause have something in common.
fn is_class(cause: &str) -> bool {
    cause != Causes::UNEXPLAINED.to_string()
}

impl RowKey {
    /// None for a row without an expected charge.
    fn of(finding: &Finding) -> Option<RowKey> {
        let judged = finding.charge()?;
        Some(RowKey {
            id: if finding.request_id.is_empty() { finding.id.clone() } else { finding.request_id.clone() },
            time: finding.time.map(time_text).unwrap_or_default(),
            model: finding.model.clone(),
            group: finding.group.clone(),
            charged: judged.charged.0,
            expected: judged.expected.as_ref()?.points.0,
        })
    }
}

impl FindingEntry {
    fn key(self) -> RowKey {
        let id = match self.id {
            Value::String(text) => text,
            Value::Null => String::new(),
            number => number.to_string(),
        };
        RowKey {
            id: self.request_id.unwrap_or(id),
            time: self.time.unwrap_or_default(),
            model: self.model.unwrap_or_default(),
            group: self.group.unwrap_or_default(),
            charged: self.charged_points,
            expected: self.expected_points,
        }
    }

    fn class(&self) -> Option<Thing> {
        let cause = self.cause.clone().filter(|cause| is_class(cause))?;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        Some(Thing::Class { cause, model: text(&self.model), group: text(&self.group) })
    }
}

impl From<DriftEntry> for Thing {
    fn from(entry: DriftEntry) -> Thing {
        let of = entry.model.or(entry.group).unwrap_or_default();
        Thing::Drift { key: entry.key, of, configured: entry.configured, logged: entry.logged }
    }
}
