//! What tells whom a row is like, and a table of what is known of rows by it.

use std::ops::Range;
use std::sync::Arc;

use super::bytes::{start, word};

/// Words that two rows must have in common, with a hash of them.
#[derive(Clone, Debug)]
pub struct Key {
    /// Only the first ones count.
    words: [u64; MOST_WORDS],
    length: usize,
    hash: u64,
}

/// Rows whose keys are longer are like no others.
const MOST_WORDS: usize = 64;

impl Default for Key {
    fn default() -> Key {
        Key { words: [0; MOST_WORDS], length: 0, hash: 0 }
    }
}

impl Key {
    fn words(&self) -> &[u64] {
        &self.words[..self.length]
    }

    /// Makes it anew of the texts of some fields and a word; none where there is no room.
    #[inline(always)]
    pub fn set(&mut self, bytes: &[u8], fields: impl Iterator<Item = Range<usize>>, word: u64) -> Option<()> {
        // In registers, since each word changes both.
        let mut end = End::default();
        for field in fields {
            self.push_text(&mut end, bytes, field)?;
        }
        self.push(&mut end, word)?;
        (self.length, self.hash) = (end.length, end.hash);
        Some(())
    }

    /// Adds a word; none where there is no room.
    pub fn add(&mut self, word: u64) -> Option<()> {
        let mut end = End { length: self.length, hash: self.hash };
        self.push(&mut end, word)?;
        (self.length, self.hash) = (end.length, end.hash);
        Some(())
    }

    #[inline(always)]
    fn push(&mut self, end: &mut End, word: u64) -> Option<()> {
        *self.words.get_mut(end.length)? = word;
        end.length += 1;
        end.hash = (end.hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
        Some(())
    }

    /// The text of a field. It ends in a word with a byte that is in no UTF-8, so that two texts never look like another two.
    #[inline(always)]
    fn push_text(&mut self, end: &mut End, bytes: &[u8], field: Range<usize>) -> Option<()> {
        let mut at = field.start;
        while at + 8 <= field.end {
            self.push(end, word(bytes, at))?;
            at += 8;
        }
        let left = (field.end - at) as u64;
        self.push(end, start(bytes, at..field.end) | (0xf8 | left) << 56)
    }
}

/// The length and the hash of a key that is being made.
#[derive(Default)]
struct End {
    length: usize,
    hash: u64,
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
    /// The words of all keys, and where each begins and ends.
    words: Vec<u64>,
    keys: Vec<Range<usize>>,
}

/// A way that is taken leads to a key, and to the next way.
#[derive(Clone, Copy, Debug, Default)]
struct Way {
    hash: u64,
    /// The number of a key, and 1.
    number: usize,
}

impl<T> Default for Table<T> {
    fn default() -> Table<T> {
        Table { index: Arc::new(Index { ways: vec![Way::default(); 64], words: Vec::new(), keys: Vec::new() }), values: Vec::new() }
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
            self.values.push(Arc::default());
            Arc::make_mut(&mut self.index).insert(key)
        });
        Arc::make_mut(&mut self.values[number])
    }
}

impl Index {
    #[inline(always)]
    fn number(&self, key: &Key) -> Option<usize> {
        let mut way = self.first_way(key.hash);
        loop {
            match self.ways[way] {
                Way { number: 0, .. } => return None,
                Way { hash, number } if hash == key.hash && self.words[self.keys[number - 1].clone()] == *key.words() => {
                    return Some(number - 1);
                }
                _ => way = (way + 1) & (self.ways.len() - 1),
            }
        }
    }

    /// The number of a new key.
    fn insert(&mut self, key: &Key) -> usize {
        let start = self.words.len();
        self.words.extend_from_slice(key.words());
        self.keys.push(start..self.words.len());
        if self.keys.len() * 4 > self.ways.len() {
            self.widen();
        }
        self.take_way(Way { hash: key.hash, number: self.keys.len() });
        self.keys.len() - 1
    }

    fn widen(&mut self) {
        let wider = vec![Way::default(); self.ways.len() * 4];
        let taken = std::mem::replace(&mut self.ways, wider);
        taken.into_iter().filter(|way| way.number > 0).for_each(|way| self.take_way(way));
    }

    fn take_way(&mut self, new: Way) {
        let mut way = self.first_way(new.hash);
        while self.ways[way].number > 0 {
            way = (way + 1) & (self.ways.len() - 1);
        }
        self.ways[way] = new;
    }

    /// There are as many ways as a power of 2.
    #[inline(always)]
    fn first_way(&self, hash: u64) -> usize {
        (hash ^ hash >> 32) as usize & (self.ways.len() - 1)
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
            Some(*end - text.len()..*end)
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
