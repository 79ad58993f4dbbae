//! Rows whose charges are so small that too many numbers give them to list each.
//!
//! Such a row elects no number, since some number as simple lies in most intervals as wide. One that others elect explains it, too.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::explained::{ByOwn, Explained, ExplainedRows, Told};
use super::shared::Shared;
use crate::audit::cause::Causes;
use crate::audit::diagnose::earned::Range;
use crate::audit::pairs;

/// The rows of a class by what their charges leave ratios to be; none once there are too many in the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spans {
    pub are_dropped: bool,
    #[serde(with = "pairs")]
    rows: BTreeMap<Range, Explained>,
}

impl Spans {
    pub fn add(&mut self, range: Range, own: Causes, told: &Told) {
        if !self.are_dropped {
            self.rows.entry(range).or_default().add(own, told);
        }
    }

    pub fn merge(&mut self, other: Spans) {
        for (range, part) in other.rows {
            self.rows.entry(range).or_default().merge(part);
        }
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn drop_all(&mut self) {
        *self = Spans { are_dropped: true, rows: BTreeMap::new() };
    }

    /// Adds the rows that a number explains.
    pub fn add_rows_of(&self, number: &Shared, to: &mut ByOwn) {
        let holding = self.rows.iter().filter(|(range, _)| number.is_within(std::slice::from_ref(range)));
        holding.for_each(|(_, rows)| to.merge(&ExplainedRows::from(rows.clone()).by_own));
    }

    /// How much they tell of a number.
    pub fn telling(&self, number: &Shared) -> u32 {
        let told = self.rows.iter().map(|(range, rows)| {
            let telling = number.telling(std::slice::from_ref(range));
            telling.saturating_mul(u32::try_from(rows.rows()).unwrap_or(u32::MAX))
        });
        told.fold(0, u32::saturating_add)
    }

    /// Those rows alone whose own causes are asked for.
    pub fn only(&self, is_asked: impl Fn(Causes) -> bool) -> Spans {
        let rows = self.rows.iter().map(|(range, rows)| (range.clone(), rows.only(&is_asked)));
        Spans { are_dropped: self.are_dropped, rows: rows.filter(|(_, rows)| rows.rows() > 0).collect() }
    }
}
