//! Rows without a definite cause, kept as long as there are few.
//!
//! Two numbers may explain the same row, so counts do not tell how many rows a number leaves to others: that is asked of the rows themselves.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::aside::MOST_ASIDE;
use super::election::Candidate;
use super::explained::Told;
use super::shared::Shared;
use crate::audit::cause::{Causes, Kind};
use crate::audit::diagnose::Diagnosis;
use crate::audit::diagnose::earned::{self, Range};
use crate::audit::pairs;

/// Rows that numbers may explain; none once there are too many.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Open {
    seen: u64,
    #[serde(with = "pairs")]
    rows: BTreeMap<OpenRow, Told>,
}

/// All that may explain a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OpenRow {
    pub own: Causes,
    pub shared: Vec<Shared>,
    pub spans: Vec<Range>,
}

impl Open {
    pub fn add(&mut self, row: OpenRow, told: &Told) {
        self.see(told.tally.rows);
        if !self.is_full() {
            self.rows.entry(row).or_default().merge(told);
        }
    }

    pub fn merge(&mut self, other: Open) {
        other.rows.into_iter().for_each(|(row, told)| self.rows.entry(row).or_default().merge(&told));
        self.see(other.seen);
    }

    /// Counts rows up to one too many.
    pub fn see(&mut self, rows: u64) {
        self.seen = self.seen.saturating_add(rows).min(MOST_ASIDE as u64 + 1);
        if self.is_full() {
            self.rows = BTreeMap::new();
        }
    }

    /// No rows are kept any more.
    pub fn close(&mut self) {
        self.see(MOST_ASIDE as u64 + 1);
    }

    /// The rows that something does not explain.
    pub fn without(&self, explaining: &Candidate, by_spans: bool) -> Open {
        self.filtered(|row| !row.is_of(explaining, by_spans))
    }

    /// Those rows alone whose own causes are asked for.
    pub fn only(&self, is_asked: impl Fn(Causes) -> bool) -> Open {
        self.filtered(|row| is_asked(row.own))
    }

    pub fn rows(&self) -> impl Iterator<Item = (&OpenRow, &Told)> {
        self.rows.iter()
    }

    fn filtered(&self, is_left: impl Fn(&OpenRow) -> bool) -> Open {
        let rows = self.rows.iter().filter(|(row, _)| is_left(row));
        Open { seen: self.seen, rows: rows.map(|(row, told)| (row.clone(), told.clone())).collect() }
    }

    fn is_full(&self) -> bool {
        self.seen > MOST_ASIDE as u64
    }
}

impl OpenRow {
    /// `ranges` are what its charge leaves ratios to be of which too many numbers give it.
    pub fn of(diagnosis: &Diagnosis, ranges: &[Range]) -> OpenRow {
        let shared = Shared::all(diagnosis).collect();
        OpenRow { own: diagnosis.cause(), shared, spans: earned::spans(&diagnosis.numbers, ranges).collect() }
    }

    fn is_of(&self, candidate: &Candidate, by_spans: bool) -> bool {
        let agrees = candidate.agreed && self.own.kind != Kind::Definite;
        agrees || candidate.shared.is_in(&self.shared) || (by_spans && candidate.shared.is_within(&self.spans))
    }
}
