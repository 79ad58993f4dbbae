//! What tells whom a row is like, and a table of what is known of rows by it.

use std::sync::Arc;

use super::bytes::{Span, short_word, word};

/// Words that two rows must have in common, with a hash of them.
#[derive(Clone, Debug)]
pub struct Key {
    /// Only the first ones count.
    words: [u64; MOST_WORDS],
    length: usize,
    /// The sum of all words, each times an odd number of its own.
    sum: u64,
}

/// Rows whose keys are longer are like no others.
const MOST_WORDS: usize = 64;

impl Default for Key {
    fn default() -> Key {
        Key { words: [0; MOST_WORDS], length: 0, sum: 0 }
    }
}

impl Key {
    fn words(&self) -> &[u64] {
        &self.words[..self.length]
    }

    fn hash(&self) -> u32 {
        // High bits of words reach none but high bits of the sum.
        ((self.sum ^ self.sum >> 32).wrapping_mul(FACTOR) >> 32) as u32
    }

    /// Makes it anew of the texts of some fields and a word; none where there is no room.
    #[inline(always)]
    pub fn set(&mut self, bytes: &[u8], fields: impl Iterator<Item = Span>, word: u64) -> Option<()> {
        // In registers, since each word changes both.
        let mut end = End::default();
        for field in fields {
            self.push_text(&mut end, bytes, field)?;
        }
        self.push(&mut end, word)?;
        (self.length, self.sum) = (end.length, end.sum);
        Some(())
    }

    /// Adds a word; none where there is no room.
    pub fn add(&mut self, word: u64) -> Option<()> {
        let mut end = End { length: self.length, sum: self.sum };
        self.push(&mut end, word)?;
        (self.length, self.sum) = (end.length, end.sum);
        Some(())
    }

    #[inline(always)]
    fn push(&mut self, end: &mut End, word: u64) -> Option<()> {
        *self.words.get_mut(end.length)? = word;
        end.sum = end.sum.wrapping_add(word.wrapping_mul(FACTORS[end.length]));
        end.length += 1;
        Some(())
    }

    /// The text of a field. It ends in a word with a byte that is in no UTF-8, so that two texts never look like another two.
    #[inline(always)]
    fn push_text(&mut self, end: &mut End, bytes: &[u8], field: Span) -> Option<()> {
        let (mut at, mut left) = (field.start(), field.length());
        while left >= 8 {
            self.push(end, word(bytes, at))?;
            (at, left) = (at + 8, left - 8);
        }
        self.push(end, short_word(bytes, at, left) | (0xf8 | left as u64) << 56)
    }
}

const FACTOR: u64 = 0x517c_c1b7_2722_0a95;

/// Odd numbers.
const FACTORS: [u64; MOST_WORDS] = {
    let (mut factors, mut at) = ([FACTOR; MOST_WORDS], 1);
    while at < MOST_WORDS {
        factors[at] = factors[at - 1].wrapping_mul(FACTOR);
        at += 1;
    }
    factors
};

/// The length and the sum of a key that is being made.
#[derive(Default)]
struct End {
    length: usize,
    sum: u64,
}

/// Values by key. A copy shares all of them, and a change to one copies that one alone.
#[derive(Clone, Debug)]
pub struct Table<T> {
    index: Arc<Index>,
    values: Vec<Arc<T>>,
}

/// The numbers of keys.
#[derive(Clone, Debug)]
struct Index {
    ways: Vec<Way>,
    /// The words of all keys.
    words: Vec<u64>,
}

/// A way that is taken leads to a key, and to the next way.
#[derive(Clone, Copy, Debug, Default)]
struct Way {
    hash: u32,
    /// The number of a key, and 1.
    number: u32,
    /// Where its words are.
    start: u32,
    length: u32,
}

impl<T> Default for Table<T> {
    fn default() -> Table<T> {
        Table { index: Arc::new(Index { ways: vec![Way::default(); 64], words: Vec::new() }), values: Vec::new() }
    }
}

impl<T: Clone + Default> Table<T> {
    pub fn len(&self) -> usize {
        self.values.len()
    }

    #[inline(always)]
    pub fn get(&self, key: &Key) -> Option<&T> {
        let number = self.index.number(key)?;
        Some(&self.values[number])
    }

    /// The value of a key; a new one, where there is none.
    pub fn get_or_insert(&mut self, key: &Key) -> &mut T {
        let number = self.index.number(key).unwrap_or_else(|| {
            Arc::make_mut(&mut self.index).insert(key, self.values.len());
            self.values.push(Arc::default());
            self.values.len() - 1
        });
        Arc::make_mut(&mut self.values[number])
    }
}

impl Index {
    #[inline(always)]
    fn number(&self, key: &Key) -> Option<usize> {
        let hash = key.hash();
        let mut at = hash as usize;
        loop {
            // There are as many ways as a power of 2.
            let way = self.ways.get(at & (self.ways.len() - 1))?;
            if way.number == 0 {
                return None;
            }
            if way.hash == hash && self.is_to(way, key) {
                return Some(way.number as usize - 1);
            }
            at += 1;
        }
    }

    #[inline(always)]
    fn is_to(&self, way: &Way, key: &Key) -> bool {
        let words = self.words.get(way.start as usize..).and_then(|rest| rest.get(..way.length as usize)).unwrap_or(&[]);
        // So short that a call would take longer.
        words.len() == key.length && words.iter().zip(&key.words).fold(0, |others, (a, b)| others | (a ^ b)) == 0
    }

    /// Gives a new key a number.
    fn insert(&mut self, key: &Key, number: usize) {
        if number * 4 >= self.ways.len() {
            self.widen();
        }
        let start = self.words.len() as u32;
        self.words.extend_from_slice(key.words());
        self.take_way(Way { hash: key.hash(), number: number as u32 + 1, start, length: key.length as u32 });
    }

    fn widen(&mut self) {
        let wider = vec![Way::default(); self.ways.len() * 4];
        let taken = std::mem::replace(&mut self.ways, wider);
        taken.into_iter().filter(|way| way.number > 0).for_each(|way| self.take_way(way));
    }

    fn take_way(&mut self, new: Way) {
        let (mut at, mask) = (new.hash as usize, self.ways.len() - 1);
        while self.ways[at & mask].number > 0 {
            at += 1;
        }
        self.ways[at & mask] = new;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(texts: &[&str]) -> Key {
        let mut key = Key::default();
        let bytes = texts.concat().into_bytes();
        let ends = texts.iter().scan(0, |end, text| {
            *end += text.len();
            Some(Span::new(*end - text.len(), *end))
        });
        key.set(&bytes, ends, 0).unwrap();
        key
    }

    #[test]
    fn texts_have_keys_of_their_own() {
        let all =
            [&["a", ""][..], &["", "a"], &["a"], &["", ""], &["12345678", ""], &["12345678"], &["1234567", "8"], &["a\0", ""]];
        for (at, texts) in all.iter().enumerate() {
            assert!(all[..at].iter().all(|other| key(other).words() != key(texts).words()), "{texts:?}");
        }
    }

    #[test]
    fn a_table_knows_its_keys_and_no_others() {
        let mut table: Table<usize> = Table::default();
        for number in 0..3_000 {
            *table.get_or_insert(&key(&[&number.to_string()])) = number;
        }
        let copy = table.clone();
        *table.get_or_insert(&key(&["7"])) = 70;
        for number in 0..3_000 {
            assert_eq!(copy.get(&key(&[&number.to_string()])), Some(&number));
        }
        assert_eq!((table.len(), table.get(&key(&["7"])), table.get(&key(&["x"]))), (3_000, Some(&70), None));
    }
}
