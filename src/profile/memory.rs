//! What earlier rows said that later ones need: the charges that refunds give back.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::exact::Points;

/// How many charges back a refund finds the one that it gives back.
const WINDOW: usize = 131_072;

/// What is remembered of earlier rows. It is bounded, so that memory stays constant.
#[derive(Debug, Default)]
pub struct Memory {
    charges: HashMap<String, Points>,
    order: VecDeque<String>,
    without_multipliers: HashSet<String>,
}

impl Memory {
    /// Remembers the right charge of a task by its id.
    pub fn remember_charge(&mut self, id: &str, points: Points) {
        if self.charges.insert(id.to_owned(), points).is_none() {
            self.order.push_back(id.to_owned());
        }
        if self.order.len() > WINDOW
            && let Some(oldest) = self.order.pop_front()
        {
            self.charges.remove(&oldest);
        }
    }

    /// The right charge of a task that an earlier row submitted.
    pub fn charge(&self, id: &str) -> Option<Points> {
        self.charges.get(id).copied()
    }

    /// Remembers that a model's tasks take no multipliers.
    pub fn remember_without_multipliers(&mut self, model: &str) {
        if self.without_multipliers.len() < WINDOW {
            self.without_multipliers.insert(model.to_owned());
        }
    }

    /// Whether an earlier row said that the model's tasks take no multipliers.
    pub fn is_without_multipliers(&self, model: &str) -> bool {
        self.without_multipliers.contains(model)
    }
}
