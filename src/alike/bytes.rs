//! Bytes looked at many at a time.
//!
//! Rows are short texts between signs, so what takes time is to find the next sign, to compare, and to read numbers. All three are done
//! here for 8 to 64 bytes at once.

use std::ops::Range;

use wide::u8x16;

/// The bytes that are looked for: their lanes have all bits set.
pub trait Set {
    fn of(&self, lanes: u8x16) -> u8x16;
}

impl<S: Set> Set for &S {
    #[inline]
    fn of(&self, lanes: u8x16) -> u8x16 {
        (*self).of(lanes)
    }
}

/// The bytes of a text that belong to a set, from front to back:
///
/// ```text
/// bytes  2,,user236,key236,"{""admin_info…
/// mask   .11.......1......11..11              a bit for each of 64 bytes, made at once
/// ```
#[derive(Debug)]
pub struct Signs<'b, S> {
    bytes: &'b [u8],
    set: S,
    base: usize,
    mask: u64,
}

impl<'b, S: Set> Signs<'b, S> {
    pub fn new(bytes: &'b [u8], set: S) -> Signs<'b, S> {
        let mask = mask(bytes, 0, &set);
        Signs { bytes, set, base: 0, mask }
    }

    /// Where the first one stands from a place on. Later calls ask for the same place or ones behind it.
    #[inline]
    pub fn next(&mut self, from: usize) -> Option<usize> {
        let passed = from - self.base;
        let left = if passed < 64 { self.mask & u64::MAX << passed } else { 0 };
        if left != 0 { Some(self.base + left.trailing_zeros() as usize) } else { self.further(from) }
    }

    fn further(&mut self, from: usize) -> Option<usize> {
        self.base = from.max(self.base + 64);
        while self.base < self.bytes.len() {
            self.mask = mask(self.bytes, self.base, &self.set);
            if self.mask != 0 {
                return Some(self.base + self.mask.trailing_zeros() as usize);
            }
            self.base += 64;
        }
        (self.base, self.mask) = (self.bytes.len(), 0);
        None
    }
}

/// A bit for each of the 64 bytes from a place on; those behind the end are in no set.
#[inline]
fn mask(bytes: &[u8], base: usize, set: &impl Set) -> u64 {
    let rest = &bytes[base..];
    match rest.first_chunk::<64>() {
        Some(block) => block_mask(block, set),
        None => {
            let mut block = [0; 64];
            block[..rest.len()].copy_from_slice(rest);
            block_mask(&block, set) & !(u64::MAX << rest.len())
        }
    }
}

#[inline]
fn block_mask(block: &[u8; 64], set: &impl Set) -> u64 {
    let (lanes, _) = block.as_chunks::<16>();
    let bits = |at: usize| u64::from(set.of(u8x16::new(lanes[at])).to_bitmask()) << (16 * at);
    bits(0) | bits(1) | bits(2) | bits(3)
}

/// Where the first byte of a set stands from a place on: for texts that mostly end soon.
#[inline]
pub fn find(bytes: &[u8], from: usize, set: &impl Set) -> Option<usize> {
    let mut at = from;
    while let Some(lanes) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let bits = set.of(u8x16::new(*lanes)).to_bitmask();
        if bits != 0 {
            return Some(at + bits.trailing_zeros() as usize);
        }
        at += 16;
    }
    Signs::new(bytes.get(at..)?, set).next(0).map(|length| at + length)
}

/// Whether a text begins with a literal.
#[inline]
pub fn begins(text: &[u8], literal: &[u8]) -> bool {
    let Some(text) = text.get(..literal.len()) else { return false };
    let ((a, text), (b, literal)) = (text.as_chunks::<16>(), literal.as_chunks::<16>());
    a.iter().zip(b).all(|(a, b)| a == b) && rest_is_same(text, literal)
}

/// Fewer than 16 bytes, in words that may overlap.
#[inline]
fn rest_is_same(a: &[u8], b: &[u8]) -> bool {
    match (a.first_chunk::<8>(), b.first_chunk::<8>()) {
        (Some(first), Some(other)) => first == other && a.last_chunk::<8>() == b.last_chunk::<8>(),
        _ => match (a.first_chunk::<4>(), b.first_chunk::<4>()) {
            (Some(first), Some(other)) => first == other && a.last_chunk::<4>() == b.last_chunk::<4>(),
            _ => a == b,
        },
    }
}

/// A text that others are compared with, 16 bytes at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Literal {
    /// The last one is filled up with zeros.
    blocks: Vec<[u8; 16]>,
    length: usize,
}

impl Literal {
    pub fn push(&mut self, byte: u8) {
        let at = self.length % 16;
        if at == 0 {
            self.blocks.push([0; 16]);
        }
        if let Some(block) = self.blocks.last_mut() {
            block[at] = byte;
        }
        self.length += 1;
    }

    /// How often a byte that is not 0 stands in it.
    pub fn count(&self, byte: u8) -> usize {
        self.blocks.as_flattened().iter().filter(|other| **other == byte).count()
    }

    /// What is behind it, where it stands there.
    #[inline]
    pub fn behind(&self, bytes: &[u8], start: usize) -> Option<usize> {
        let (mut at, end) = (start, start + self.length);
        for block in &self.blocks {
            let differing = match bytes.get(at..).and_then(<[u8]>::first_chunk) {
                Some(text) => !u8x16::new(*text).simd_eq(u8x16::new(*block)).to_bitmask(),
                None => return begins(bytes.get(start..)?, &self.blocks.as_flattened()[..self.length]).then_some(end),
            };
            // Of the last block only what is filled has to agree.
            let filled = if end - at < 16 { !(u32::MAX << (end - at)) } else { 0xffff };
            if differing & filled != 0 {
                return None;
            }
            at += 16;
        }
        Some(end)
    }
}

/// The 8 bytes from a place on as a number, the first one lowest; what is behind the end is 0.
#[inline]
pub fn word(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..).and_then(<[u8]>::first_chunk) {
        Some(word) => u64::from_le_bytes(*word),
        None => bytes.iter().skip(at).take(8).rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

const ONES: u64 = u64::MAX / 255;
const HIGH: u64 = ONES << 7;

/// How many digits there are from a place on.
#[inline]
pub fn digits(bytes: &[u8], at: usize) -> usize {
    let mut length = 0;
    loop {
        let values = word(bytes, at + length) ^ (ONES * u64::from(b'0'));
        // 9 + 0x76 has no high bit. A byte that is no digit may spoil those above it, not those below.
        let others = (values.wrapping_add(ONES * 0x76) | values) & HIGH;
        length += others.trailing_zeros() as usize / 8;
        if others != 0 {
            return length;
        }
    }
}

/// How long the whole number from a place on is, as JSON writes it, and what it is; none where there is none, or a longer one than any
/// count.
#[inline]
pub fn leading_count(bytes: &[u8], at: usize) -> Option<(usize, i64)> {
    let length = digits(bytes, at);
    let is_one = length == 1 || (length > 1 && bytes[at] != b'0');
    if is_one { Some((length, count(bytes, at..at + length)?)) } else { None }
}

/// The whole number that a field of digits says, 0 if it is empty; none where it is not one, or longer than any count.
#[inline]
pub fn count(bytes: &[u8], field: Range<usize>) -> Option<i64> {
    match field.len() {
        0 => Some(0),
        1..=8 => short(bytes, field),
        9..=12 => {
            let middle = field.end - 8;
            Some(short(bytes, field.start..middle)? * 100_000_000 + short(bytes, middle..field.end)?)
        }
        _ => None,
    }
}

/// The number of 1 to 8 digits.
#[inline]
fn short(bytes: &[u8], field: Range<usize>) -> Option<i64> {
    let values = word(bytes, field.start) ^ (ONES * u64::from(b'0'));
    // The last digit comes to the highest byte; before the first one there are zeros.
    let values = values << (8 * (8 - field.len()));
    if (values.wrapping_add(ONES * 0x76) | values) & HIGH != 0 {
        return None;
    }
    // Neighbours are joined: digits to pairs, pairs to fours, fours to the number.
    let pairs = (values.wrapping_mul(10) + (values >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100) + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    i64::try_from((fours.wrapping_mul(10_000) + (fours >> 32)) & 0xffff_ffff).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Comma;

    impl Set for Comma {
        fn of(&self, lanes: u8x16) -> u8x16 {
            lanes.simd_eq(u8x16::splat(b','))
        }
    }

    #[test]
    fn numbers_are_those_that_are_written() {
        let count = |text: &str| {
            let alone = count(text.as_bytes(), 0..text.len());
            assert_eq!(count(format!("7{text}89").as_bytes(), 1..1 + text.len()), alone);
            alone
        };
        for number in (0..200).chain([9_999_999, 12_345_678, 99_999_999, 100_000_000, 999_999_999_999]) {
            assert_eq!(count(&number.to_string()), Some(number));
        }
        assert_eq!((count(""), count("007"), count("000000000012")), (Some(0), Some(7), Some(12)));
        for text in ["1234567890123", "-1", "1.0", " 1", "1 ", "1é", "/", ":", "12345678:", "é", "1\0"] {
            assert_eq!(count(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn signs_are_found_one_after_the_other(text in "[a-c,é]{0,200}", from in 0_usize..100) {
            let bytes = text.as_bytes();
            let (mut signs, mut at) = (Signs::new(bytes, Comma), from);
            let mut found = Vec::new();
            while let Some(next) = signs.next(at) {
                found.push(next);
                at = next + 1;
            }
            let expected: Vec<_> = (from..bytes.len()).filter(|at| bytes[*at] == b',').collect();
            prop_assert_eq!(find(bytes, from, &Comma), expected.first().copied());
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn beginnings_are_compared_whole(text in "[ab]{0,70}", length in 0_usize..75, change in 0_usize..75) {
            let literal = &text.as_bytes()[..length.min(text.len())];
            prop_assert!(begins(text.as_bytes(), literal));
            prop_assert!(!begins(literal, &[literal, b"a"].concat()));
            let mut other = literal.to_vec();
            if let Some(byte) = other.get_mut(change) {
                *byte ^= 1;
                prop_assert!(!begins(text.as_bytes(), &other));
            }
        }

        #[test]
        fn literals_are_compared_whole(text in "[ab]{0,70}", length in 0_usize..75, start in 0_usize..4, change in 0_usize..75) {
            let (text, mut literal) = (text.as_bytes(), Literal::default());
            let inside = text.get(start..).unwrap_or_default();
            let copied = &inside[..length.min(inside.len())];
            copied.iter().for_each(|byte| literal.push(*byte));
            prop_assert_eq!(literal.count(b'b'), copied.iter().filter(|byte| **byte == b'b').count());
            if start <= text.len() {
                prop_assert_eq!(literal.behind(text, start), Some(start + copied.len()));
            }
            literal.push(b'c');
            prop_assert_eq!(literal.behind(text, start), None);
            let mut other = Literal::default();
            copied.iter().enumerate().for_each(|(at, byte)| other.push(if at == change { byte ^ 1 } else { *byte }));
            prop_assert_eq!(other.behind(text, start).is_some(), change >= copied.len() && start <= text.len());
        }

        #[test]
        fn digits_are_counted(text in "[0-9]{0,20}[^0-9]?.{0,9}", at in 0_usize..3) {
            let expected = text.bytes().skip(at).take_while(u8::is_ascii_digit).count();
            prop_assert_eq!(digits(text.as_bytes(), at), expected);
            if (1..13).contains(&expected) {
                let number: i64 = text[at..at + expected].parse().unwrap();
                let is_one = number.to_string().len() == expected;
                prop_assert_eq!(leading_count(text.as_bytes(), at), is_one.then_some((expected, number)));
            }
        }
    }
}
