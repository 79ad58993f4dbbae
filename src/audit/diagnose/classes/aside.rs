//! Rows with a definite cause, kept until it is known whether numbers matter.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::explained::Told;
use super::shared::Shared;
use crate::audit::cause::Causes;
use crate::audit::diagnose::earned::{self, Range, Wrong};
use crate::audit::pairs;
use crate::exact::{Charged, Points};
use crate::pricing::{AlikeTerms, PerClass, Terms};

/// Rows with a definite cause that were not asked for numbers. None is kept once there are too many.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(into = "AsideAsked", from = "AsideAsked")]
pub struct Aside {
    seen: usize,
    rows: Vec<Unasked>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Unasked {
    numbers: Numbers,
    pub own: Causes,
    pub told: Told,
}

/// A wrong charge, whose numbers can be sought.
#[derive(Clone, Debug, PartialEq)]
struct Charge {
    terms: AlikeTerms,
    written: Charged,
    charged: Points,
}

/// What numbers explain a row that was kept aside.
#[derive(Clone, Debug, PartialEq)]
enum Numbers {
    Unsought(Box<Charge>),
    /// Of rows that were written down, which their terms are not.
    Sought(Vec<Shared>, Vec<Range>),
}

/// The rows that were kept aside, asked: so they can be written down.
#[derive(Serialize, Deserialize)]
struct AsideAsked {
    seen: usize,
    #[serde(with = "pairs")]
    rows: BTreeMap<(Vec<Shared>, Vec<Range>, Causes), Told>,
}

impl From<Aside> for AsideAsked {
    fn from(aside: Aside) -> AsideAsked {
        let mut rows: BTreeMap<(Vec<Shared>, Vec<Range>, Causes), Told> = BTreeMap::new();
        aside.rows.iter().for_each(|row| rows.entry((row.shared(), row.ranges(), row.own)).or_default().merge(&row.told));
        AsideAsked { seen: aside.seen, rows }
    }
}

impl From<AsideAsked> for Aside {
    fn from(asked: AsideAsked) -> Aside {
        let rows = asked.rows.into_iter();
        let rows = rows.map(|((shared, ranges, own), told)| Unasked { numbers: Numbers::Sought(shared, ranges), own, told });
        Aside { seen: asked.seen, rows: rows.collect() }
    }
}

/// More rows of a class are not kept aside.
pub const MOST_ASIDE: usize = 50;

impl Aside {
    pub fn add(&mut self, own: Causes, charge: impl FnOnce(&Aside) -> (AlikeTerms, Charged, Points), told: Told) {
        self.see(1);
        if !self.is_full() {
            let (terms, written, charged) = charge(self);
            let charge = Charge { terms, written, charged };
            self.rows.push(Unasked { numbers: Numbers::Unsought(Box::new(charge)), own, told });
        }
    }

    /// Terms that share with those of another row what they can.
    pub fn alike(&self, terms: &Terms) -> AlikeTerms {
        let bare = Terms { usage: PerClass::default(), ..terms.clone() };
        let known = self.rows.iter().rev().find_map(|row| match &row.numbers {
            Numbers::Unsought(charge) if *charge.terms.bare == bare => Some(&charge.terms.bare),
            _ => None,
        });
        AlikeTerms { bare: known.map_or_else(|| Arc::new(bare), Arc::clone), usage: terms.usage }
    }

    pub fn merge(&mut self, other: Aside) {
        self.rows.extend(other.rows);
        self.see(other.seen);
    }

    /// Counts rows up to one too many: how many there are beyond does not matter.
    pub fn see(&mut self, rows: usize) {
        self.seen = self.seen.saturating_add(rows).min(MOST_ASIDE + 1);
        if self.is_full() {
            self.rows = Vec::new();
        }
    }

    /// The rows that are kept.
    pub fn rows(&self) -> &[Unasked] {
        &self.rows
    }

    fn is_full(&self) -> bool {
        self.seen > MOST_ASIDE
    }
}

impl Unasked {
    /// The numbers that explain the row, for its class.
    pub fn shared(&self) -> Vec<Shared> {
        match &self.numbers {
            Numbers::Sought(shared, _) => shared.clone(),
            Numbers::Unsought(charge) => charge.ask(|wrong| Shared::numbered(&earned::numbers(wrong)).collect()),
        }
    }

    /// What its charge leaves each ratio to be.
    pub fn ranges(&self) -> Vec<Range> {
        match &self.numbers {
            Numbers::Sought(_, ranges) => ranges.clone(),
            Numbers::Unsought(charge) => charge.ask(earned::ranges),
        }
    }
}

impl Charge {
    fn ask<T>(&self, ask: impl FnOnce(Wrong<'_>) -> T) -> T {
        let terms = self.terms.whole();
        ask(Wrong { terms: &terms, written: &self.written, charged: self.charged })
    }
}
