//! A row with its verdict, owned, as reports list it.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::diagnose::{ClassCauses, ClassKey, word};
use super::filter::told_group;
use super::wire::Line;
use super::{Cause, Causes, Judged, OfRow, Verdict, Word};
use crate::log::{LogEntry, Place};
use crate::pricing::{Class, Mode, Terms};
use crate::profile::Profile;

/// A row with its verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "Line", from = "Line")]
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
    /// What its terms said, where they are not at hand: a finding that was made elsewhere.
    pub figures: Option<Figures>,
}

/// What enters a charge, in the words of reports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    pub usage: Vec<(Word, i64)>,
    pub ratios: Vec<(String, String)>,
}

impl Finding {
    /// What is known of a row; nothing but its place where it could not be read.
    pub fn new(place: Place, entry: Option<&LogEntry<'_>>, verdict: Verdict) -> Finding {
        let group = entry.map_or("", |entry| told_group(entry, verdict.profile)).to_owned();
        let text = |field: fn(&LogEntry<'_>) -> String| entry.map(field).unwrap_or_default();
        Finding {
            place,
            id: text(|entry| entry.id.to_owned()),
            request_id: text(|entry| entry.request_id.to_owned()),
            time: entry.and_then(|entry| entry.time),
            model: text(|entry| entry.model.to_owned()),
            group,
            token: text(|entry| entry.token.to_owned()),
            user: text(|entry| entry.user.to_owned()),
            verdict,
            figures: None,
        }
    }

    pub fn charge(&self) -> Option<&Judged> {
        self.verdict.charge.as_deref()
    }

    fn terms(&self) -> Option<&Terms> {
        self.charge()?.terms.as_ref()
    }

    /// The tokens of each class that has any.
    pub fn usage(&self) -> Vec<(Word, i64)> {
        match (self.terms(), &self.figures) {
            (Some(terms), _) => {
                let used = terms.usage.iter().filter(|(_, tokens)| *tokens != 0);
                used.map(|(class, tokens)| (terms.usage_word(class).into(), tokens)).collect()
            }
            (None, figures) => figures.as_ref().map_or(Vec::new(), |figures| figures.usage.clone()),
        }
    }

    /// The numbers that enter the charge.
    pub fn ratios(&self) -> Vec<(String, String)> {
        match (self.terms(), &self.figures) {
            (Some(terms), _) => ratios(terms),
            (None, figures) => figures.as_ref().map_or(Vec::new(), |figures| figures.ratios.clone()),
        }
    }

    /// The cause of a mismatched row: that of its class where it explains the row, else its own.
    pub fn told(&self, classes: Option<&ClassCauses>) -> Option<ToldCause> {
        let judged = self.charge()?;
        let diagnosis = judged.diagnosis.as_ref()?;
        let key = ClassKey { model: self.model.clone(), group: self.group.clone() };
        let own = diagnosis.cause();
        let OfRow { causes: cause, implied, also } = match classes {
            Some(classes) => classes.of(&key, judged, diagnosis),
            None => OfRow { causes: own, implied: diagnosis.implied_by(own), also: Vec::new() },
        };
        let same_kind = diagnosis.causes.iter().map(|explanation| explanation.causes).filter(|other| other.kind == cause.kind);
        let mut also: Vec<Causes> = same_kind.chain(also).filter(|other| *other != cause).collect();
        also.sort();
        also.dedup();
        let mut implied: BTreeMap<String, String> = implied.into_iter().map(|(key, value)| (key.into_owned(), value)).collect();
        if cause.is(Cause::RatioDrift) {
            implied.extend(judged.drift.iter().map(|difference| (difference.key.clone().into_owned(), difference.logged.clone())));
        }
        if cause == Causes::UNEXPLAINED {
            implied.extend(diagnosis.implied.iter().map(|(slot, value)| (word(*slot).to_owned(), value.to_string())));
        }
        Some(ToldCause { cause, also, implied })
    }

    pub fn profile(&self) -> Option<Profile> {
        self.verdict.profile
    }
}

fn ratios(terms: &Terms) -> Vec<(String, String)> {
    let mut used: Vec<(String, String)> = Vec::new();
    match terms.formula.mode() {
        Mode::Call | Mode::Free => used.push((terms.price_word().to_owned(), terms.price.to_string())),
        Mode::Expression => {}
        Mode::Tokens => {
            used.push((terms.rate_word(Class::Input).to_owned(), terms.told_model_ratio().to_string()));
            let classes = Class::ALL.into_iter().filter(|class| *class != Class::Input && terms.enters(*class));
            let told = |class: Class| Some((terms.rate_word(class).to_owned(), terms.told_rate(class)?.to_string()));
            used.extend(classes.filter_map(told));
        }
    }
    used.push(("group_ratio".to_owned(), terms.group_ratio.to_string()));
    used.extend(terms.factors().map(|factor| (factor.name.clone(), factor.value.to_string())));
    used.extend(terms.surcharges.iter().map(|surcharge| (surcharge.name.clone(), surcharge.price.to_string())));
    used
}

/// The cause of a row, as reports tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldCause {
    pub cause: Causes,
    /// What explains the row equally.
    pub also: Vec<Causes>,
    /// The numbers and names that the cause implies.
    pub implied: BTreeMap<String, String>,
}

/// Findings by the size of their difference, the largest last; of equal ones the earlier row is the larger.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
    pub finding: Finding,
    /// In which order those came that stand on one line: a page of JSON may be one.
    pub number: u64,
}

impl Ranked {
    fn rank(&self) -> (u128, Reverse<(Place, u64)>) {
        (rank(&self.finding.verdict), Reverse(self.order()))
    }

    /// Where it stands among others.
    pub fn order(&self) -> (Place, u64) {
        (self.finding.place, self.number)
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
