//! Entries that come again from another input (saved pages overlap), and requests that are charged again.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZero;

use crate::exact::Points;
use crate::fetch::fetch;
use crate::log::{Field, LogEntry};

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
/// must be seen fast, and what takes time is to wait for memory. So what tells it of a request lies together:
///
/// ```text
/// key ─▶ bucket │ newest … oldest │ of 16 charges, each a part of its key (its mark) and its number
///                          └─▶ keys of the last charges, by number: only where a mark is the same
/// ```
///
/// Where a bucket loses a charge that is not too old yet, its key is kept beside. [`Duplicates::foresee`] looks at the buckets of many rows at
/// once, so that their memory is waited for at once; what it says holds as long as no newer charge came into a row's bucket.
#[derive(Debug)]
pub struct Duplicates {
    /// The keys of the last charges, by their number.
    keys: Vec<u64>,
    buckets: Vec<Bucket>,
    /// The number of the next charge; numbers begin anew when they run out.
    next: u32,
    /// Charges that their buckets had no room for, by their key.
    lost: HashMap<u64, u32>,
    /// So many of them, and those that are too old are taken out.
    most_lost: usize,
}

/// The last charges with the same low bits of their keys, the newest first: the low bits of its number, and its mark. It fills one line of
/// the cache.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Bucket([u32; PLACES]);

const PLACES: usize = 16;

/// Twice as many places as charges in the window.
const BUCKETS: usize = 2 * WINDOW / PLACES;

/// The bits of a charge that tell its number.
const NUMBERED: u32 = (1 << 20) - 1;

const LEAST_LOST: usize = 4_096;

impl Bucket {
    /// Whether a charge has the mark of a key. All are compared at once.
    #[inline(always)]
    fn has_mark(&self, key: u64) -> bool {
        let mark = mark(key);
        self.0.iter().fold(false, |found, charge| found | (charge & !NUMBERED == mark))
    }

    fn newest(&self) -> u32 {
        self.0[0]
    }

    fn oldest(&self) -> u32 {
        self.0[PLACES - 1]
    }

    #[inline(always)]
    fn push(&mut self, charge: u32) {
        let before = self.0;
        self.0[1..].copy_from_slice(&before[..PLACES - 1]);
        self.0[0] = charge;
    }
}

fn mark(key: u64) -> u32 {
    (key >> 32) as u32 & !NUMBERED
}

/// The bucket of a key.
fn bucket_of(key: u64) -> usize {
    key as usize % BUCKETS
}

/// What was known of a request at some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hint {
    newest: u32,
    may_be_known: bool,
}

impl Default for Duplicates {
    fn default() -> Duplicates {
        // No place that is empty looks like a charge of the window.
        Duplicates { keys: Vec::new(), buckets: Vec::new(), next: 2 * WINDOW as u32, lost: HashMap::new(), most_lost: LEAST_LOST }
    }
}

impl Duplicates {
    /// Whether the request was charged already.
    pub fn has(&self, request: RequestKey) -> bool {
        let key = request.0.get();
        self.may_have(&self.bucket(key), key) && self.has_surely(key)
    }

    #[inline(always)]
    fn bucket(&self, key: u64) -> Bucket {
        self.buckets.get(bucket_of(key)).copied().unwrap_or_default()
    }

    #[inline(always)]
    fn may_have(&self, bucket: &Bucket, key: u64) -> bool {
        bucket.has_mark(key) | self.may_be_in_window(bucket.oldest())
    }

    /// Whether a charge may be one of the last ones. A much older one may look like one of them.
    fn may_be_in_window(&self, charge: u32) -> bool {
        (self.next.wrapping_sub(charge) & NUMBERED) <= WINDOW as u32
    }

    #[cold]
    fn has_surely(&self, key: u64) -> bool {
        let is_of = |number: u32| self.key(number) == key;
        self.bucket(key).0.into_iter().any(is_of) || self.lost.get(&key).is_some_and(|number| is_of(*number))
    }

    /// The key of a charge of the window; another one, where it is too old.
    fn key(&self, number: u32) -> u64 {
        self.keys.get(number as usize % WINDOW).copied().unwrap_or_default()
    }

    /// What is known by now of some rows' requests.
    pub fn foresee(&self, requests: impl Iterator<Item = Option<RequestKey>> + Clone, hints: &mut Vec<Hint>) {
        hints.clear();
        requests
            .clone()
            .flatten()
            .for_each(|RequestKey(key)| fetch(self.buckets.get(bucket_of(key.get())).map(|bucket| &bucket.0[0])));
        hints.extend(requests.map(|request| {
            let Some(RequestKey(key)) = request else { return Hint::default() };
            let bucket = self.bucket(key.get());
            Hint { newest: bucket.newest(), may_be_known: self.may_have(&bucket, key.get()) }
        }));
    }

    /// The same as [`Duplicates::has`], where there is a hint.
    #[inline]
    pub fn has_by(&self, request: RequestKey, hint: Hint) -> bool {
        let is_as_foreseen = self.bucket(request.0.get()).newest() == hint.newest;
        (hint.may_be_known || !is_as_foreseen) && self.has(request)
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
    #[inline]
    pub fn remember(&mut self, request: RequestKey) {
        let key = request.0.get();
        if self.buckets.is_empty() {
            (self.keys, self.buckets) = (vec![0; WINDOW], vec![Bucket::default(); BUCKETS]);
        }
        let oldest = self.buckets[bucket_of(key)].oldest();
        if self.may_be_in_window(oldest) {
            self.lose(oldest);
        }
        self.buckets[bucket_of(key)].push(self.next & NUMBERED | mark(key));
        self.keys[self.next as usize % WINDOW] = key;
        self.next = self.next.wrapping_add(1);
    }

    /// Keeps the key of a charge that leaves its bucket.
    #[cold]
    fn lose(&mut self, charge: u32) {
        self.lost.insert(self.key(charge), charge);
        if self.lost.len() > self.most_lost {
            let keys = &self.keys;
            self.lost.retain(|key, number| keys[*number as usize % WINDOW] == *key);
            self.most_lost = LEAST_LOST.max(2 * self.lost.len());
        }
    }
}

/// All that an entry says; its id only where it has no request id, since views of the log number their rows anew. Where channels have
/// uuids, some views lack the numbers of channels and users.
fn fingerprint(entry: &LogEntry<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    let number = |number| if entry.channel_uuid.is_empty() { number } else { "" };
    let id = if entry.request_id.is_empty() { number(entry.id) } else { "" };
    [id, entry.request_id, entry.model, entry.upstream_model, entry.group, entry.user_group].hash(&mut hasher);
    [entry.user, number(entry.user_id), entry.token, entry.token_id, number(entry.channel), entry.channel_uuid].hash(&mut hasher);
    [entry.content, &details_of(entry)].hash(&mut hasher);
    (entry.kind, entry.time, entry.tokens, entry.ratios, &entry.charged).hash(&mut hasher);
    hasher.finish()
}

/// The details, with the keys of `metadata` in their order: a database may write them in another one than the API.
fn details_of<'a>(entry: &LogEntry<'a>) -> Cow<'a, str> {
    let value = || serde_json::from_str::<serde_json::Value>(entry.details).ok();
    let Some(mut value) = entry.marks.contains(Field::Metadata).then(value).flatten() else { return Cow::Borrowed(entry.details) };
    value.sort_all_objects();
    Cow::Owned(value.to_string())
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
