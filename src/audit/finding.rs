//! A row with its verdict, owned, as reports list it.

use std::cmp::Ordering;

use super::{Judged, Verdict};
use crate::log::{LogEntry, Place};
use crate::profile::Profile;

/// A row with its verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub place: Place,
    pub id: String,
    pub request_id: String,
    pub time: Option<i64>,
    pub model: String,
    pub group: String,
    pub token: String,
    pub user: String,
    pub verdict: Verdict,
}

impl Finding {
    /// What is known of a row; nothing but its place where it could not be read.
    pub fn new(place: Place, entry: Option<&LogEntry<'_>>, verdict: Verdict) -> Finding {
        let text = |field: fn(&LogEntry<'_>) -> String| entry.map(field).unwrap_or_default();
        Finding {
            place,
            id: text(|entry| entry.id.to_owned()),
            request_id: text(|entry| entry.request_id.to_owned()),
            time: entry.and_then(|entry| entry.time),
            model: text(|entry| entry.model.to_owned()),
            group: text(|entry| entry.group.to_owned()),
            token: text(|entry| entry.token.to_owned()),
            user: text(|entry| entry.user.to_owned()),
            verdict,
        }
    }

    pub fn charge(&self) -> Option<&Judged> {
        self.verdict.charge.as_deref()
    }

    pub fn profile(&self) -> Option<Profile> {
        self.verdict.profile
    }
}

/// Findings by the size of their difference, the largest last; of equal ones the earlier row is the larger.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked(pub Finding);

impl Ranked {
    fn rank(&self) -> (u128, std::cmp::Reverse<Place>) {
        (rank(&self.0.verdict), std::cmp::Reverse(self.0.place))
    }
}

/// The size of a verdict's difference.
pub fn rank(verdict: &Verdict) -> u128 {
    verdict.charge.as_ref().map_or(0, |judged| judged.delta().unsigned_abs())
}

impl Eq for Ranked {}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Ranked) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Ranked) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}
