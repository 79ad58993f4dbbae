//! Rows with a definite cause, kept until it is known whether numbers matter.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::explained::Told;
use super::shared::Shared;
use crate::audit::cause::Causes;
use crate::audit::diagnose::earned::{self, Wrong};
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
    Sought(Vec<Shared>),
}

/// The rows that were kept aside, asked: so they can be written down.
#[derive(Serialize, Deserialize)]
struct AsideAsked {
    seen: usize,
    #[serde(with = "pairs")]
    rows: BTreeMap<(Vec<Shared>, Causes), Told>,
}

impl From<Aside> for AsideAsked {
    fn from(aside: Aside) -> AsideAsked {
        let mut rows: BTreeMap<(Vec<Shared>, Causes), Told> = BTreeMap::new();
        aside.rows.iter().for_each(|row| rows.entry((row.shared(), row.own)).or_default().merge(&row.told));
        AsideAsked { seen: aside.seen, rows }
    }
}

impl From<AsideAsked> for Aside {
    fn from(asked: AsideAsked) -> Aside {
        let rows = asked.rows.into_iter().map(|((shared, own), told)| Unasked { numbers: Numbers::Sought(shared), own, told });
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

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Takes away the rows that are kept.
    pub fn take_rows(&mut self) -> Vec<Unasked> {
        std::mem::take(&mut self.rows)
    }

    pub fn is_full(&self) -> bool {
        self.seen > MOST_ASIDE
    }
}

impl Unasked {
    /// The numbers that explain the row, for its class.
    pub fn shared(&self) -> Vec<Shared> {
        match &self.numbers {
            Numbers::Sought(shared) => shared.clone(),
            Numbers::Unsought(charge) => {
                let terms = charge.terms.whole();
                let wrong = Wrong { terms: &terms, written: &charge.written, charged: charge.charged };
                Shared::numbered(&earned::numbers(wrong)).collect()
            }
        }
    }
}
