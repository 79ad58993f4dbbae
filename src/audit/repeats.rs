//! Entries that come again from another input (saved pages overlap), and requests that are charged again.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::exact::Points;
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

/// The request ids of the last charges.
///
/// Two entries of one request that both take points, or both give some, are one too many. Nothing is said of entries without
/// a request id: two equal requests in one second are honest.
#[derive(Debug, Default)]
pub struct Duplicates {
    seen: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Duplicates {
    /// Whether the request was charged already; remembers it.
    pub fn is_charged_again(&mut self, request_id: &str, charged: Points) -> bool {
        if request_id.is_empty() || charged.0 == 0 {
            return false;
        }
        let mut hasher = DefaultHasher::new();
        (request_id, charged.0.signum()).hash(&mut hasher);
        let hash = hasher.finish();
        if !self.seen.insert(hash) {
            return true;
        }
        self.order.push_back(hash);
        if self.order.len() > WINDOW
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        false
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_recognised_as_long_as_it_is_among_the_last_charges() {
        let mut duplicates = Duplicates::default();
        assert!(!duplicates.is_charged_again("first", Points(5)));
        for number in 1..WINDOW {
            assert!(!duplicates.is_charged_again(&number.to_string(), Points(5)));
        }
        assert!(duplicates.is_charged_again("first", Points(7)));
        assert!(!duplicates.is_charged_again("one more", Points(5)));
        assert!(!duplicates.is_charged_again("first", Points(5)), "it is behind the window now");
        assert_eq!((duplicates.seen.len(), duplicates.order.len()), (WINDOW, WINDOW));
    }

    #[test]
    fn twins_without_request_id_free_parts_and_what_is_given_back_are_no_duplicates() {
        let mut duplicates = Duplicates::default();
        for (id, points) in [("", 5), ("", 5), ("a", 0), ("a", 5), ("a", 0), ("a", -5)] {
            assert!(!duplicates.is_charged_again(id, Points(points)), "{id} {points}");
        }
        assert!(duplicates.is_charged_again("a", Points(5)));
    }
}
