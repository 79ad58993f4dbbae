//! What earlier rows said that later ones need: the charges that refunds give back.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::Profile;
use crate::exact::{Points, Ratio};
use crate::float::expr::{ErrorKind, Expression};

/// How many charges back a refund finds the one that it gives back.
const WINDOW: usize = 131_072;

/// How many price expressions are kept ready.
const EXPRESSIONS: usize = 1_024;

/// The right charge of a task: what the basis asks for, and what the row's own ratios give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refundable {
    pub expected: Taken,
    pub own: Option<Taken>,
}

/// What a task was charged: so many points, or a price per call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    Points(Points),
    Call { price: Ratio, group_ratio: Ratio },
}

/// What is remembered of earlier rows. It is bounded, so that memory stays constant.
#[derive(Debug, Default)]
pub struct Memory {
    /// None where a refund gave it back.
    charges: HashMap<String, Option<Refundable>>,
    order: VecDeque<String>,
    multiplied: HashMap<String, bool>,
    jobs: HashMap<String, Vec<i64>>,
    jobs_held: usize,
    expressions: HashMap<String, Result<Arc<Expression>, ErrorKind>>,
    /// The last input with a row that tells its gateway.
    teller: Option<(u32, Profile)>,
    /// Something was asked for that no row said yet.
    is_wanting: Cell<bool>,
    /// A row that asks for what no row said yet comes again when all are read.
    may_come_again: bool,
}

impl Memory {
    /// Remembers the right charge of a task by its id.
    pub fn remember_charge(&mut self, id: &str, charge: Refundable) {
        // A submit that is read again was given back already.
        if self.charges.get(id) != Some(&None) {
            self.keep_charge(id, Some(charge));
        }
    }

    fn keep_charge(&mut self, id: &str, charge: Option<Refundable>) {
        if self.charges.insert(id.to_owned(), charge).is_none() {
            self.order.push_back(id.to_owned());
        }
        if self.order.len() > WINDOW
            && let Some(oldest) = self.order.pop_front()
        {
            self.charges.remove(&oldest);
        }
    }

    /// The right charge of a task that a refund gives back, or what is listed of it. Nothing is given back twice.
    pub fn give_back(&mut self, id: &str, listed: impl FnOnce() -> Option<Refundable>) -> Option<Refundable> {
        let known = self.charges.get(id).copied();
        if known == Some(None) {
            return None;
        }
        let charge = self.wanted(known.flatten());
        if charge.is_none() && self.may_come_again {
            return None;
        }
        let charge = charge.or_else(listed)?;
        self.keep_charge(id, None);
        Some(charge)
    }

    /// Whether a task was given back before. The row must have asked for all else that it wants: it may come again.
    pub fn is_given_back_again(&mut self, id: &str) -> bool {
        let is_again = self.charges.get(id) == Some(&None);
        if !(is_again || self.may_come_again && self.is_wanting.get()) {
            self.keep_charge(id, None);
        }
        is_again
    }

    /// Tells whether the next row may come again when all are read.
    pub fn expect_again(&mut self, may_come_again: bool) {
        self.may_come_again = may_come_again;
    }

    fn wanted<T>(&self, known: Option<T>) -> Option<T> {
        self.is_wanting.set(self.is_wanting.get() || known.is_none());
        known
    }

    /// Whether something was asked for, since the last question, that no row said yet: where a log has the newest rows first, a later one may.
    pub fn was_wanting(&self) -> bool {
        self.is_wanting.take()
    }

    /// Remembers the gateway of an input. What tells Veloera tells more than what may be new-api of 2025.
    pub fn remember_gateway(&mut self, input: u32, gateway: Profile) {
        if self.gateway(input) != Some(Profile::Veloera) {
            self.teller = Some((input, gateway));
        }
    }

    /// The gateway of an input, where an earlier row told it.
    pub fn gateway(&self, input: u32) -> Option<Profile> {
        self.teller.filter(|(teller, _)| *teller == input).map(|(_, gateway)| gateway)
    }

    /// Remembers that a refund under this key would give back so many points more than the job was charged.
    pub fn remember_job(&mut self, key: &str, more: i64) {
        if self.jobs_held < WINDOW {
            self.jobs_held += 1;
            self.jobs.entry(key.to_owned()).or_default().push(more);
        }
    }

    /// What the job that a refund gives back was charged too little for it; of several, the one whose charge is given back best. So all must
    /// be known: the row comes again where it may.
    pub fn take_job(&mut self, key: &str) -> Option<i64> {
        if self.may_come_again {
            return self.wanted(None);
        }
        let jobs = self.jobs.get_mut(key).filter(|jobs| !jobs.is_empty());
        let taken = jobs.and_then(|jobs| {
            let best = jobs.iter().enumerate().min_by_key(|(_, more)| **more)?.0;
            Some(jobs.swap_remove(best))
        });
        self.jobs_held = self.jobs_held.saturating_sub(usize::from(taken.is_some()));
        self.wanted(taken)
    }

    /// Remembers whether the multipliers of a model's tasks count. One task where they do not is enough.
    pub fn remember_multiplied(&mut self, model: &str, counts: bool) {
        if let Some(known) = self.multiplied.get_mut(model) {
            *known &= counts;
        } else if self.multiplied.len() < WINDOW {
            self.multiplied.insert(model.to_owned(), counts);
        }
    }

    /// Whether the multipliers of a model's tasks count, where an earlier row said so.
    pub fn is_multiplied(&self, model: &str) -> Option<bool> {
        self.wanted(self.multiplied.get(model).copied())
    }

    /// A price expression, read once.
    pub fn expression(&mut self, text: &str) -> Result<Arc<Expression>, ErrorKind> {
        if let Some(known) = self.expressions.get(text) {
            return known.clone();
        }
        let read = Expression::parse(text).map(Arc::new).map_err(|error| error.kind);
        if self.expressions.len() < EXPRESSIONS {
            self.expressions.insert(text.to_owned(), read.clone());
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHARGE: Refundable = Refundable { expected: Taken::Points(Points(33_250)), own: None };

    #[test]
    fn a_charge_is_given_back_once() {
        let mut memory = Memory::default();
        memory.remember_charge("1795", CHARGE);
        assert_eq!(memory.give_back("1795", || None), Some(CHARGE));
        // A page that is read again has the submit and the refund once more.
        memory.remember_charge("1795", CHARGE);
        assert_eq!(memory.give_back("1795", || Some(CHARGE)), None);
        assert_eq!(memory.give_back("2", || Some(CHARGE)), Some(CHARGE));
        assert_eq!(memory.give_back("2", || Some(CHARGE)), None);
    }

    #[test]
    fn nothing_is_given_back_before_all_charges_are_known() {
        let mut memory = Memory::default();
        memory.expect_again(true);
        assert_eq!(memory.give_back("1795", || Some(CHARGE)), None);
        memory.remember_job("50000", 49_950);
        assert_eq!(memory.take_job("50000"), None);
        assert!(memory.was_wanting());
        memory.remember_job("50000", 0);
        memory.remember_charge("1795", CHARGE);
        memory.expect_again(false);
        assert_eq!(memory.give_back("1795", || None), Some(CHARGE));
        assert_eq!(memory.take_job("50000"), Some(0));
    }
}
