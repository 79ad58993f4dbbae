//! Another number of points for 1 USD, which all rows with a price in USD share.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::ClassKey;
use super::explained::{ByOwn, Told};
use crate::audit::cause::{Cause, Causes, Kind};
use crate::audit::pairs;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Unit {
    pub rows: u64,
    pub models: BTreeSet<String>,
    #[serde(with = "pairs")]
    pub by_class: BTreeMap<ClassKey, ByOwn>,
}

impl Unit {
    pub fn add(&mut self, key: &ClassKey, own: Causes, told: &Told) {
        self.rows += told.tally.rows;
        self.models.insert(key.model.clone());
        self.by_class.entry(key.clone()).or_default().add(own, told);
    }

    /// Charges that are all rounded otherwise: some number of points fits those, too.
    pub fn is_rounding(&self) -> bool {
        self.owns().all(|own| own.is(Cause::Rounding))
    }

    /// Whether all rows have definite causes.
    pub fn is_definite(&self) -> bool {
        self.owns().all(|own| own.kind == Kind::Definite)
    }

    fn owns(&self) -> impl Iterator<Item = Causes> + '_ {
        self.by_class.values().flat_map(|own| &own.0).map(|(own, _)| *own)
    }

    pub fn merge(&mut self, other: Unit) {
        self.rows += other.rows;
        self.models.extend(other.models);
        for (key, by_own) in other.by_class {
            self.by_class.entry(key).or_default().merge(&by_own);
        }
    }
}

pub const UNIT: Causes = Causes { kind: Kind::Earned, first: Cause::QuotaPerUnitDiffers, second: None };
