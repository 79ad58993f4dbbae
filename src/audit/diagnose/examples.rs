//! Rows that show what a class of findings is: its first row, and the first that something does not explain.
//!
//! The cause of a class is known only at the end of the run. A row is kept if it lacks something that explains all rows kept before it, so that
//! for each explanation the first row without it is among them; and if it brings a new one, while there are few. Merging is associative.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::classes::{ClassKey, Shared};
use super::{ClassCauses, Diagnosis};
use crate::audit::{Cause, Causes, Finding, pairs};

/// So many classes have examples: the first of them in their own order.
const MOST_CLASSES: usize = 2_000;

/// So many rows of one class bring new explanations.
const MOST_NEW: usize = 4;

type Key = (ClassKey, Causes);

/// The examples of the classes, by the causes that the rows have alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Examples(#[serde(with = "pairs")] BTreeMap<Key, Vec<Example>>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Example {
    finding: Finding,
    shared: Vec<Shared>,
}

impl Examples {
    /// Keeps a row if it shows something new. `finding` makes it, where it is kept.
    pub fn add(&mut self, class: &ClassKey, diagnosis: &Diagnosis, finding: impl FnOnce() -> Finding) {
        let key = (class.clone(), diagnosis.cause());
        let known = self.0.get(&key);
        if known.is_none() && self.is_full_before(&key) {
            return;
        }
        let shared: Vec<Shared> = Shared::all(diagnosis).collect();
        if known.is_none_or(|known| shows_more(known, &shared)) {
            self.0.entry(key).or_default().push(Example { finding: finding(), shared });
            self.drop_last();
        }
    }

    fn is_full_before(&self, key: &Key) -> bool {
        self.0.len() >= MOST_CLASSES && self.0.last_key_value().is_some_and(|(last, _)| last < key)
    }

    fn drop_last(&mut self) {
        while self.0.len() > MOST_CLASSES {
            self.0.pop_last();
        }
    }

    /// The findings that are kept.
    pub fn findings_mut(&mut self) -> impl Iterator<Item = &mut Finding> {
        self.0.values_mut().flatten().map(|example| &mut example.finding)
    }

    /// Adds what another part kept.
    pub fn merge(&mut self, other: Examples) {
        for (key, theirs) in other.0 {
            let ours = self.0.entry(key).or_default();
            ours.extend(theirs);
            ours.sort_by_key(|example| example.finding.place);
            let mut kept: Vec<Example> = Vec::new();
            for example in ours.drain(..) {
                if kept.is_empty() || shows_more(&kept, &example.shared) {
                    kept.push(example);
                }
            }
            *ours = kept;
        }
        self.drop_last();
    }

    /// The first row of a class to which a cause is told.
    pub fn first(&self, causes: Causes, class: &ClassKey, told: &ClassCauses) -> Option<&Finding> {
        let least = (class.clone(), Causes::definite(Cause::RatioDrift));
        let of_class = self.0.range(least..).take_while(|((key, _), _)| key == class).flat_map(|(_, examples)| examples);
        let is_told = |finding: &&Finding| finding.told(Some(told)).is_some_and(|own| own.cause == causes);
        of_class.map(|example| &example.finding).filter(is_told).min_by_key(|finding| finding.place)
    }
}

fn shows_more(known: &[Example], shared: &[Shared]) -> bool {
    let in_all = |candidate: &&Shared| known.iter().all(|example| example.shared.contains(candidate));
    let common = known.first().into_iter().flat_map(|first| &first.shared).filter(in_all);
    let lacks = common.into_iter().any(|common| !shared.contains(common));
    let is_new = |candidate: &Shared| !known.iter().any(|example| example.shared.contains(candidate));
    lacks || (known.len() < MOST_NEW && shared.iter().any(is_new))
}
