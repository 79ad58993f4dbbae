//! The last charges of a log, by a key of each: whether one is among them.

use std::collections::HashMap;
use std::num::NonZero;

use crate::fetch::fetch;

/// How many charges back one is recognised.
pub const WINDOW: usize = 131_072;

/// What a charge is known by: a hash.
pub type Key = NonZero<u64>;

/// The keys of the last charges.
///
/// Nearly every key is new, so that is what must be seen fast, and what takes time is to wait for memory. So what tells it of a key lies
/// together:
///
/// ```text
/// key ─▶ bucket │ newest … oldest │ of 16 charges, each a part of its key (its mark) and its number
///                          └─▶ keys of the last charges, by number: only where a mark is the same
/// ```
///
/// Where a bucket loses a charge that is not too old yet, its key is kept beside. [`Recent::foresee`] looks at the buckets of many keys at
/// once, so that their memory is waited for at once; what it says holds as long as no newer charge came into a key's bucket.
#[derive(Debug)]
pub struct Recent {
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

/// The place of a charge in the window.
fn place(number: u32) -> usize {
    number as usize % WINDOW
}

/// What was known of a key at some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hint {
    newest: u32,
    may_be_known: bool,
}

impl Default for Recent {
    fn default() -> Recent {
        // No place that is empty looks like a charge of the window.
        Recent { keys: Vec::new(), buckets: Vec::new(), next: 2 * WINDOW as u32, lost: HashMap::new(), most_lost: LEAST_LOST }
    }
}

impl Recent {
    /// Whether a charge with this key is among them.
    pub fn has(&self, key: Key) -> bool {
        self.find(key).is_some()
    }

    /// The place in the window of the charge with this key.
    pub fn find(&self, key: Key) -> Option<usize> {
        let key = key.get();
        if self.may_have(&self.bucket(key), key) { self.find_surely(key) } else { None }
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
    fn find_surely(&self, key: u64) -> Option<usize> {
        let lost = self.lost.get(&key).copied();
        self.bucket(key).0.into_iter().chain(lost).map(place).find(|place| self.keys.get(*place) == Some(&key))
    }

    /// What is known by now of some keys.
    pub fn foresee(&self, keys: impl Iterator<Item = Option<Key>> + Clone, hints: &mut Vec<Hint>) {
        hints.clear();
        self.fetch(keys.clone().flatten());
        hints.extend(keys.map(|key| {
            let Some(key) = key.map(Key::get) else { return Hint::default() };
            let bucket = self.bucket(key);
            Hint { newest: bucket.newest(), may_be_known: self.may_have(&bucket, key) }
        }));
    }

    /// Looks at the buckets of some keys.
    pub fn fetch(&self, keys: impl Iterator<Item = Key>) {
        keys.for_each(|key| fetch(self.buckets.get(bucket_of(key.get())).map(|bucket| &bucket.0[0])));
    }

    /// The same as [`Recent::has`], where there is a hint.
    #[inline]
    pub fn has_by(&self, key: Key, hint: Hint) -> bool {
        let is_as_foreseen = self.bucket(key.get()).newest() == hint.newest;
        (hint.may_be_known || !is_as_foreseen) && self.has(key)
    }

    /// Remembers a key that is not among them; its place in the window.
    #[inline]
    pub fn remember(&mut self, key: Key) -> usize {
        let (key, place) = (key.get(), place(self.next));
        if self.buckets.is_empty() {
            (self.keys, self.buckets) = (vec![0; WINDOW], vec![Bucket::default(); BUCKETS]);
        }
        let oldest = self.buckets[bucket_of(key)].oldest();
        if self.may_be_in_window(oldest) {
            self.lose(oldest);
        }
        self.buckets[bucket_of(key)].push(self.next & NUMBERED | mark(key));
        self.keys[place] = key;
        self.next = self.next.wrapping_add(1);
        place
    }

    /// Keeps the key of a charge that leaves its bucket.
    #[cold]
    fn lose(&mut self, charge: u32) {
        let keys = &self.keys;
        self.lost.insert(keys[place(charge)], charge);
        if self.lost.len() > self.most_lost {
            self.lost.retain(|key, number| keys[place(*number)] == *key);
            self.most_lost = LEAST_LOST.max(2 * self.lost.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys whose numbers say nothing of their order.
    fn key(number: usize) -> Key {
        Key::new((number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)).unwrap()
    }

    /// Whether it is known; remembers it.
    fn again(recent: &mut Recent, number: usize) -> bool {
        let is_known = recent.has(key(number));
        if !is_known {
            recent.remember(key(number));
        }
        is_known
    }

    #[test]
    fn a_key_is_known_as_long_as_it_is_among_the_last_charges() {
        let mut recent = Recent::default();
        assert!((0..WINDOW).all(|number| !again(&mut recent, number)));
        assert!(again(&mut recent, 0));
        assert!(!again(&mut recent, WINDOW));
        assert!(!again(&mut recent, 0), "it is behind the window now");
        assert!(again(&mut recent, WINDOW));
    }

    #[test]
    fn numbers_that_run_out_begin_anew_with_the_same_window() {
        let mut recent = Recent { next: u32::MAX - 1_000, ..Recent::default() };
        assert!((0..WINDOW + 5).all(|number| !again(&mut recent, number)));
        assert!(!recent.has(key(4)));
        assert!((6..WINDOW + 5).all(|number| again(&mut recent, number)));
    }

    #[test]
    fn what_was_foreseen_holds_or_is_looked_up_again() {
        let (mut recent, mut hints) = (Recent::default(), Vec::new());
        for block in (0..3 * WINDOW).collect::<Vec<_>>().chunks(WINDOW / 3) {
            // Each number comes twice: at once, in the same block, or a good way behind.
            let numbers: Vec<usize> = block.iter().map(|number| number.saturating_sub(number % 7 * (number % 5) * 500)).collect();
            recent.foresee(numbers.iter().map(|number| Some(key(*number))), &mut hints);
            for (number, hint) in numbers.iter().zip(&hints) {
                assert_eq!(recent.has_by(key(*number), *hint), recent.has(key(*number)));
                again(&mut recent, *number);
            }
        }
    }

    #[test]
    fn places_are_those_that_keys_were_given() {
        let mut recent = Recent::default();
        let places: Vec<usize> = (0..WINDOW).map(|number| recent.remember(key(number))).collect();
        assert!(places.iter().enumerate().all(|(number, place)| recent.find(key(number)) == Some(*place)));
    }
}
