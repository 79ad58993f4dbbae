//! Entries that come again from another input: saved pages overlap.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::log::LogEntry;

/// How many charges back an entry is recognised.
const WINDOW: usize = 131_072;

/// The last charges, by a hash of what they say, and the input that each came from.
#[derive(Debug, Default)]
pub struct Repeats {
    seen: HashMap<u64, u32>,
    order: VecDeque<u64>,
    /// With one input nothing can be repeated.
    watching: bool,
}

impl Repeats {
    /// Watches only where there are several inputs.
    pub fn among(inputs: usize) -> Repeats {
        Repeats { watching: inputs > 1, ..Repeats::default() }
    }

    /// Whether another input had this entry; remembers it.
    pub fn is_repeated(&mut self, entry: &LogEntry<'_>) -> bool {
        if !self.watching {
            return false;
        }
        let hash = fingerprint(entry);
        match self.seen.get(&hash) {
            Some(input) => *input != entry.place.input,
            None => {
                self.remember(hash, entry.place.input);
                false
            }
        }
    }

    fn remember(&mut self, hash: u64, input: u32) {
        self.seen.insert(hash, input);
        self.order.push_back(hash);
        if self.order.len() > WINDOW
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
    }
}

/// All that an entry says; its id only where it has no request id, since views of the log number their rows anew.
fn fingerprint(entry: &LogEntry<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    let id = if entry.request_id.is_empty() { entry.id } else { "" };
    [id, entry.request_id, entry.model, entry.upstream_model, entry.group, entry.user_group].hash(&mut hasher);
    [entry.user, entry.user_id, entry.token, entry.token_id, entry.channel, entry.content, entry.details].hash(&mut hasher);
    (entry.kind, entry.time, entry.tokens, entry.ratios, &entry.charged).hash(&mut hasher);
    hasher.finish()
}
