//! What tells whom a row is like, and a table of what is known of rows by it.

use std::sync::Arc;

use super::bytes::{Span, short_word, word};

/// Words that two rows must have in common, with a hash of them.
#[derive(Clone, Debug)]
pub struct Key {
    /// Only the first ones count. The others of their block are 0.
    words: [u64; MOST_WORDS + BLOCK],
    end: End,
}

/// The length and the sum of a key: of all words, each times an odd number of its own.
#[derive(Clone, Copy, Debug, Default)]
struct End {
    length: usize,
    sum: u64,
}

/// Rows whose keys are longer are like no others.
const MOST_WORDS: usize = 64;

/// So many words are compared at once.
const BLOCK: usize = 8;

impl Default for Key {
    fn default() -> Key {
        Key { words: [0; MOST_WORDS + BLOCK], end: End::default() }
    }
}

impl Key {
    /// Whole blocks, of which the last one is filled up with 0.
    fn blocks(&self) -> &[[u64; BLOCK]] {
        &self.words.as_chunks().0[..self.end.length.div_ceil(BLOCK)]
    }

    fn hash(&self) -> u32 {
        // High bits of words reach none but high bits of the sum.
        let sum = self.end.sum;
        ((sum ^ sum >> 32).wrapping_mul(FACTOR) >> 32) as u32
    }

    /// Makes it anew of the texts of some fields and a word; none where there is no room.
    #[inline(always)]
    pub fn set(&mut self, bytes: &[u8], fields: impl Iterator<Item = Span>, word: u64) -> Option<()> {
        // In registers, since each word changes both.
        let mut end = End::default();
        for field in fields {
            self.push_text(&mut end, bytes, field);
        }
        self.push(&mut end, word);
        self.close(end)
    }

    /// Adds a word; none where there is no room.
    pub fn add(&mut self, word: u64) -> Option<()> {
        let mut end = self.end;
        self.push(&mut end, word);
        self.close(end)
    }

    #[inline(always)]
    fn close(&mut self, end: End) -> Option<()> {
        self.end = end;
        *self.words.get_mut(end.length..)?.first_chunk_mut::<BLOCK>()? = [0; BLOCK];
        Some(())
    }

    /// Whether there is room is asked at the end.
    #[inline(always)]
    fn push(&mut self, end: &mut End, word: u64) {
        let at = end.length % MOST_WORDS;
        self.words[at] = word;
        end.sum = end.sum.wrapping_add(word.wrapping_mul(FACTORS[at]));
        end.length += 1;
    }

    /// The text of a field. It ends in a word with a byte that is in no UTF-8, so that two texts never look like another two.
    #[inline(always)]
    fn push_text(&mut self, end: &mut End, bytes: &[u8], field: Span) {
        let (mut at, mut left) = (field.start(), field.length());
        while left >= 8 {
            self.push(end, word(bytes, at));
            (at, left) = (at + 8, left - 8);
        }
        self.push(end, short_word(bytes, at, left) | (0xf8 | left as u64) << 56);
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
    blocks: Vec<[u64; BLOCK]>,
}

/// A way that is taken leads to a key, and to the next way.
#[derive(Clone, Copy, Debug, Default)]
struct Way {
    hash: u32,
    /// The number of a key, and 1.
    number: u32,
    /// Where its blocks are.
    start: u32,
    blocks: u32,
}

impl<T> Default for Table<T> {
    fn default() -> Table<T> {
        Table { index: Arc::new(Index { ways: vec![Way::default(); 64], blocks: Vec::new() }), values: Vec::new() }
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

    /// All keys have as many texts, and as many words behind these: so where they end needs no comparison.
    #[inline(always)]
    fn is_to(&self, way: &Way, key: &Key) -> bool {
        let own = self.blocks.get(way.start as usize..).and_then(|rest| rest.get(..way.blocks as usize)).unwrap_or(&[]);
        let blocks = key.blocks();
        own.len() == blocks.len() && own.iter().zip(blocks).all(|(own, block)| is_same(own, block))
    }

    /// Gives a new key a number.
    fn insert(&mut self, key: &Key, number: usize) {
        if number * 4 >= self.ways.len() {
            self.widen();
        }
        let (start, blocks) = (self.blocks.len() as u32, key.blocks());
        self.blocks.extend_from_slice(blocks);
        self.take_way(Way { hash: key.hash(), number: number as u32 + 1, start, blocks: blocks.len() as u32 });
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

#[inline(always)]
fn is_same(one: &[u64; BLOCK], other: &[u64; BLOCK]) -> bool {
    one.iter().zip(other).fold(0, |others, (one, other)| others | (one ^ other)) == 0
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
            assert!(all[..at].iter().all(|other| key(other).blocks() != key(texts).blocks()), "{texts:?}");
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
