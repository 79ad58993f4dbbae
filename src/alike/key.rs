//! What tells whom a row is like, and a table of what is known of rows by it.

use std::ops::Range;
use std::sync::Arc;

use super::bytes::word;

/// Words that two rows must have in common, with a hash of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Key {
    words: Vec<u64>,
    hash: u64,
}

impl Key {
    pub fn clear(&mut self) {
        self.words.clear();
        self.hash = 0;
    }

    #[inline]
    pub fn push(&mut self, word: u64) {
        self.words.push(word);
        self.hash = (self.hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    /// The text of a field. It ends in a word with a byte that is in no UTF-8, so that two texts never look like another two.
    #[inline]
    pub fn push_text(&mut self, bytes: &[u8], field: Range<usize>) {
        let mut at = field.start;
        while at + 8 <= field.end {
            self.push(word(bytes, at));
            at += 8;
        }
        let left = (field.end - at) as u64;
        let inside = !(u64::MAX << (8 * left));
        self.push(word(bytes, at) & inside | (0xf8 | left) << 56);
    }

    fn way(&self, ways: usize) -> usize {
        (self.hash ^ self.hash >> 32) as usize % ways
    }
}

/// Values by key. A copy shares all of them, and a change to one copies that one alone.
#[derive(Clone, Debug)]
pub struct Table<T> {
    /// For each way in, the number of an entry and 1; ways that are taken lead to the next one.
    ways: Vec<u32>,
    entries: Vec<(Arc<Key>, Arc<T>)>,
}

impl<T> Default for Table<T> {
    fn default() -> Table<T> {
        Table { ways: vec![0; 64], entries: Vec::new() }
    }
}

impl<T: Clone + Default> Table<T> {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    #[inline]
    pub fn get(&self, key: &Key) -> Option<&T> {
        match self.ways[self.way(key)] {
            0 => None,
            number => Some(&self.entries[number as usize - 1].1),
        }
    }

    /// The value of a key; a new one, where there is none.
    pub fn get_or_insert(&mut self, key: &Key) -> &mut T {
        let way = self.way(key);
        let number = match self.ways[way] {
            0 => self.insert(way, key),
            number => number as usize - 1,
        };
        Arc::make_mut(&mut self.entries[number].1)
    }

    fn insert(&mut self, way: usize, key: &Key) -> usize {
        let number = self.entries.len();
        self.entries.push((Arc::new(key.clone()), Arc::default()));
        self.ways[way] = number as u32 + 1;
        if self.entries.len() * 4 > self.ways.len() {
            self.widen();
        }
        number
    }

    fn widen(&mut self) {
        self.ways = vec![0; self.ways.len() * 4];
        for number in 0..self.entries.len() {
            let key = Arc::clone(&self.entries[number].0);
            let way = self.way(&key);
            self.ways[way] = number as u32 + 1;
        }
    }

    /// The way of a key: one that leads to it, or to nothing.
    #[inline]
    fn way(&self, key: &Key) -> usize {
        let mut way = key.way(self.ways.len());
        loop {
            match self.ways[way] {
                0 => return way,
                number if *self.entries[number as usize - 1].0 == *key => return way,
                _ => way = (way + 1) % self.ways.len(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(texts: &[&str]) -> Key {
        let mut key = Key::default();
        texts.iter().for_each(|text| key.push_text(text.as_bytes(), 0..text.len()));
        key
    }

    #[test]
    fn texts_have_keys_of_their_own() {
        let all =
            [&["a", ""][..], &["", "a"], &["a"], &["", ""], &["12345678", ""], &["12345678"], &["1234567", "8"], &["a\0", ""]];
        for (at, texts) in all.iter().enumerate() {
            assert!(all[..at].iter().all(|other| key(other) != key(texts)), "{texts:?}");
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
