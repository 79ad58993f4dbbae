//! Sums of rows: by class, by what they are broken down by, and when they were.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Class, Judged};

/// First and last time, unix seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub first: Option<i64>,
    pub last: Option<i64>,
}

impl Span {
    pub fn of(time: Option<i64>) -> Span {
        Span { first: time, last: time }
    }

    pub fn merge(&mut self, other: Span) {
        self.first = [self.first, other.first].into_iter().flatten().min();
        self.last = [self.last, other.last].into_iter().flatten().max();
    }
}

/// Rows by class, and their points.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    pub rows: u64,
    pub matched: u64,
    pub overcharged: u64,
    pub undercharged: u64,
    pub unrated: u64,
    pub skipped: u64,
    pub malformed: u64,
    /// Of matched, over- and undercharged rows, as the log says.
    pub charged_points: i128,
    pub expected_points: i128,
    pub over_points: i128,
    pub under_points: i128,
    pub unrated_points: i128,
}

impl Totals {
    pub fn net_points(&self) -> i128 {
        self.charged_points - self.expected_points
    }

    /// Rows whose charge could be audited.
    pub fn audited(&self) -> u64 {
        self.matched + self.overcharged + self.undercharged
    }

    pub(super) fn count(&mut self, class: Class) {
        self.rows += 1;
        *match class {
            Class::Matched => &mut self.matched,
            Class::Overcharged => &mut self.overcharged,
            Class::Undercharged => &mut self.undercharged,
            Class::Unrated => &mut self.unrated,
            Class::Skipped => &mut self.skipped,
            Class::Malformed => &mut self.malformed,
        } += 1;
    }

    pub(super) fn add(&mut self, class: Class, judged: &Judged) {
        let charged = i128::from(judged.charged.0);
        if class == Class::Unrated {
            self.unrated_points += charged;
            return;
        }
        let delta = judged.delta();
        self.charged_points += charged;
        self.expected_points += charged - delta;
        match class {
            Class::Overcharged => self.over_points += delta,
            Class::Undercharged => self.under_points -= delta,
            _ => {}
        }
    }

    pub(super) fn merge(&mut self, other: &Totals) {
        self.rows += other.rows;
        self.matched += other.matched;
        self.overcharged += other.overcharged;
        self.undercharged += other.undercharged;
        self.unrated += other.unrated;
        self.skipped += other.skipped;
        self.malformed += other.malformed;
        self.charged_points += other.charged_points;
        self.expected_points += other.expected_points;
        self.over_points += other.over_points;
        self.under_points += other.under_points;
        self.unrated_points += other.unrated_points;
    }
}

/// The part of a breakdown with one key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    pub rows: u64,
    pub charged_points: i128,
    pub expected_points: i128,
    pub mismatched: u64,
}

impl Tally {
    /// One row.
    pub(super) fn of(class: Class, judged: &Judged) -> Tally {
        Tally {
            rows: 1,
            charged_points: judged.charged.0.into(),
            expected_points: i128::from(judged.charged.0) - judged.delta(),
            mismatched: class.is_mismatch().into(),
        }
    }

    pub(super) fn take(&mut self, other: &Tally) {
        self.rows -= other.rows;
        self.charged_points -= other.charged_points;
        self.expected_points -= other.expected_points;
        self.mismatched -= other.mismatched;
    }

    pub(super) fn merge(&mut self, other: &Tally) {
        self.rows += other.rows;
        self.charged_points += other.charged_points;
        self.expected_points += other.expected_points;
        self.mismatched += other.mismatched;
    }
}

/// The charges of a model in a group, those included that could not be judged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CaseTally {
    pub tally: Tally,
    pub unrated: u64,
    pub unrated_points: i128,
}

impl CaseTally {
    pub(super) fn merge(&mut self, other: &CaseTally) {
        self.tally.merge(&other.tally);
        self.unrated += other.unrated;
        self.unrated_points += other.unrated_points;
    }
}

/// By model, then by group.
pub type Cases = BTreeMap<String, BTreeMap<String, CaseTally>>;

/// What totals are broken down by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    Model,
    Group,
    Token,
    User,
    Channel,
    Day,
    Cause,
}

impl By {
    pub const ALL: [By; 7] = [By::Model, By::Group, By::Token, By::User, By::Channel, By::Day, By::Cause];

    pub fn word(self) -> &'static str {
        match self {
            By::Model => "model",
            By::Group => "group",
            By::Token => "token",
            By::User => "user",
            By::Channel => "channel",
            By::Day => "day",
            By::Cause => "cause",
        }
    }
}
