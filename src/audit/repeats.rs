//! Entries that come again from another input (saved pages overlap), and requests that are charged again.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZero;

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

/// A request whose charge takes points, or gives some: a hash, never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestKey(NonZero<u64>);

impl RequestKey {
    /// None where nothing can be said: without a request id, two equal requests in one second are honest, and nothing charged is
    /// nothing charged twice.
    pub fn of(request_id: &[u8], charged: Points) -> Option<RequestKey> {
        if request_id.is_empty() || charged.0 == 0 {
            return None;
        }
        let mut hash = mixed(request_id.len() as u64, SALT[usize::from(charged.0 < 0)]);
        let (words, rest) = request_id.as_chunks::<8>();
        for word in words {
            hash = mixed(hash ^ u64::from_le_bytes(*word), SALT[2]);
        }
        if !rest.is_empty() {
            // The last 8 bytes, some of which were mixed in already, or all there are.
            let short = || rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
            hash = mixed(hash ^ request_id.last_chunk().map_or_else(short, |word| u64::from_le_bytes(*word)), SALT[2]);
        }
        Some(RequestKey(NonZero::new(hash).unwrap_or(NonZero::<u64>::MIN)))
    }
}

/// Odd numbers whose bits are as good as drawn.
const SALT: [u64; 3] = [0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db, 0x8ebc_6af0_9c88_c6e3];

/// Both halves of a product in one word: each bit of the factors reaches all of them.
fn mixed(word: u64, salt: u64) -> u64 {
    let product = u128::from(word ^ SALT[0]) * u128::from(salt);
    (product >> 64) as u64 ^ product as u64
}

/// The request ids of the last charges.
///
/// Two entries of one request that both take points, or both give some, are one too many. Nearly every request is new, so that is what
/// must be seen fast: `newest` leads from the low bits of a key to the last charge with such a key, and from there to the one before.
/// Charges behind the window are not taken out; their numbers tell that they are too old.
///
/// Each such step waits for memory, and for one row after the other that takes longer than all else. So
/// [`Duplicates::foresee`] takes the steps of many rows at once; what it says holds as long as no newer charge stands in a row's way.
#[derive(Debug)]
pub struct Duplicates {
    /// The last charges, by their number.
    charges: Vec<Charged>,
    newest: Vec<Newest>,
    /// The number of the next charge; 0 is none's. Numbers begin anew when they run out.
    next: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Charged {
    key: u64,
    /// The charge before that has the same way.
    before: u32,
}

/// The last charge of a way. It tells mostly by itself that a request is another one.
#[derive(Clone, Copy, Debug, Default)]
struct Newest {
    number: u32,
    /// The high bits of its key.
    mark: u16,
    /// How far back the one before it is, in steps of [`GAP`]; [`NONE_BEFORE`] where that is behind the window.
    gap: u16,
}

const GAP: u32 = 4;
const NONE_BEFORE: u16 = u16::MAX;

impl Newest {
    /// Without a branch, since it would be one that cannot be guessed.
    #[inline(always)]
    fn may_lead_to(self, key: u64, next: u32) -> bool {
        let age = next.wrapping_sub(self.number);
        let age_before = age.wrapping_add(u32::from(self.gap) * GAP);
        let may_be = (self.mark == mark(key)) | (age_before <= WINDOW as u32);
        may_be & (self.number > 0) & (age <= WINDOW as u32)
    }
}

fn mark(key: u64) -> u16 {
    (key >> 48) as u16
}

/// What was known of a request at some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hint {
    newest: u32,
    is_known: bool,
}

/// Twice as many ways in as charges: most lead to none.
const WAYS: usize = 2 * WINDOW;

impl Default for Duplicates {
    fn default() -> Duplicates {
        Duplicates { charges: Vec::new(), newest: Vec::new(), next: 1 }
    }
}

impl Duplicates {
    /// Whether the request was charged already.
    pub fn has(&self, request: RequestKey) -> bool {
        let key = request.0.get();
        self.is_behind(self.newest(key), key)
    }

    fn newest(&self, key: u64) -> Newest {
        self.newest.get(way(key)).copied().unwrap_or_default()
    }

    fn is_in_window(&self, number: u32) -> bool {
        number > 0 && self.next.wrapping_sub(number) <= WINDOW as u32
    }

    /// Whether a charge, or one behind it, has the key.
    fn is_behind(&self, newest: Newest, key: u64) -> bool {
        if !newest.may_lead_to(key, self.next) {
            return false;
        }
        let mut number = newest.number;
        while self.is_in_window(number) {
            let charge = self.charges[number as usize % WINDOW];
            if charge.key == key {
                return true;
            }
            number = charge.before;
        }
        false
    }

    /// What is known by now of some rows' requests.
    pub fn foresee(&self, requests: impl Iterator<Item = Option<RequestKey>>, hints: &mut Vec<Hint>) {
        hints.clear();
        hints.extend(requests.map(|request| {
            let key = request.map_or(0, |request| request.0.get());
            let newest = self.newest(key);
            Hint { newest: newest.number, is_known: request.is_some() && self.is_behind(newest, key) }
        }));
    }

    /// The same as [`Duplicates::has`], where there is a hint.
    #[inline]
    pub fn has_by(&self, request: RequestKey, hint: Hint) -> bool {
        let is_as_foreseen = self.newest(request.0.get()).number == hint.newest;
        (hint.is_known || !is_as_foreseen) && self.has(request)
    }

    /// Whether the request was charged already; remembers it.
    pub fn is_charged_again(&mut self, request: RequestKey) -> bool {
        let is_again = self.has(request);
        if !is_again {
            self.remember(request);
        }
        is_again
    }

    /// Remembers a request that was not charged before.
    pub fn remember(&mut self, request: RequestKey) {
        let key = request.0.get();
        if self.newest.is_empty() {
            (self.charges, self.newest) = (vec![Charged::default(); WINDOW], vec![Newest::default(); WAYS]);
        }
        let before = self.newest[way(key)].number;
        let gap = if self.is_in_window(before) { (self.next.wrapping_sub(before) / GAP) as u16 } else { NONE_BEFORE };
        self.newest[way(key)] = Newest { number: self.next, mark: mark(key), gap };
        self.charges[self.next as usize % WINDOW] = Charged { key, before };
        self.next = self.next.checked_add(1).unwrap_or(1);
    }
}

/// The place of a key in `newest`.
fn way(key: u64) -> usize {
    key as usize % WAYS
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
    use std::collections::HashSet;

    fn again(duplicates: &mut Duplicates, id: &str, points: i64) -> bool {
        RequestKey::of(id.as_bytes(), Points(points)).is_some_and(|request| duplicates.is_charged_again(request))
    }

    #[test]
    fn a_request_is_recognised_as_long_as_it_is_among_the_last_charges() {
        let mut duplicates = Duplicates::default();
        assert!(!again(&mut duplicates, "first", 5));
        for number in 1..WINDOW {
            assert!(!again(&mut duplicates, &number.to_string(), 5));
        }
        assert!(again(&mut duplicates, "first", 7));
        assert!(!again(&mut duplicates, "one more", 5));
        assert!(!again(&mut duplicates, "first", 5), "it is behind the window now");
        assert!(again(&mut duplicates, "one more", 5));
    }

    #[test]
    fn numbers_that_run_out_begin_anew_with_the_same_window() {
        let mut duplicates = Duplicates { next: u32::MAX - 1_000, ..Duplicates::default() };
        for number in 0..WINDOW + 5 {
            assert!(!again(&mut duplicates, &number.to_string(), 1));
        }
        assert!(!duplicates.has(RequestKey::of(b"4", Points(1)).unwrap()));
        assert!((6..WINDOW + 5).all(|number| again(&mut duplicates, &number.to_string(), 1)));
    }

    #[test]
    fn what_was_foreseen_holds_or_is_looked_up_again() {
        let request = |number: usize| RequestKey::of(number.to_string().as_bytes(), Points(1));
        let (mut duplicates, mut hints) = (Duplicates::default(), Vec::new());
        for block in (0..3 * WINDOW).collect::<Vec<_>>().chunks(WINDOW / 3) {
            // Each number comes twice: at once, in the same block, or a good way behind.
            let numbers: Vec<usize> = block.iter().map(|number| number.saturating_sub(number % 7 * (number % 5) * 500)).collect();
            duplicates.foresee(numbers.iter().map(|number| request(*number)), &mut hints);
            for (number, hint) in numbers.iter().zip(&hints) {
                let request = request(*number).unwrap();
                assert_eq!(duplicates.has_by(request, *hint), duplicates.has(request));
                duplicates.is_charged_again(request);
            }
        }
    }

    #[test]
    fn twins_without_request_id_free_parts_and_what_is_given_back_are_no_duplicates() {
        let mut duplicates = Duplicates::default();
        for (id, points) in [("", 5), ("", 5), ("a", 0), ("a", 5), ("a", 0), ("a", -5)] {
            assert!(!again(&mut duplicates, id, points), "{id} {points}");
        }
        assert!(again(&mut duplicates, "a", 5));
    }

    #[test]
    fn ids_that_differ_in_one_letter_or_in_length_have_keys_of_their_own() {
        let mut keys = HashSet::new();
        for length in 1..40 {
            for at in 0..length {
                for letter in "0123456789abcXYZ".bytes() {
                    let mut id = vec![b'-'; length];
                    id[at] = letter;
                    assert!(keys.insert(RequestKey::of(&id, Points(1)).unwrap().0), "{length} {at} {letter}");
                }
            }
        }
    }
}
