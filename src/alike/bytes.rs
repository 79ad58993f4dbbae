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
    #[inline(always)]
    fn of(&self, lanes: u8x16) -> u8x16 {
        (*self).of(lanes)
    }
}

/// The bytes of a text that belong to a set, from front to back:
///
/// ```text
/// bytes  2,,user236,key236,"{""admin_info…
/// mask   .11.......1......111.11              a bit for each of 64 bytes, made at once
/// ```
#[derive(Debug)]
pub struct Signs<'b, S> {
    bytes: &'b [u8],
    set: S,
    base: usize,
    mask: u64,
}

impl<'b, S: Set> Signs<'b, S> {
    #[inline(always)]
    pub fn new(bytes: &'b [u8], set: S) -> Signs<'b, S> {
        let mask = mask(bytes, 0, &set);
        Signs { bytes, set, base: 0, mask }
    }

    /// Where the next one stands, and which it is.
    #[inline(always)]
    pub fn next(&mut self) -> Option<(usize, u8)> {
        if self.mask == 0 {
            (self.base, self.mask) = next_mask(self.bytes, self.base, &self.set)?;
        }
        let at = self.base + self.mask.trailing_zeros() as usize;
        self.mask &= self.mask - 1;
        Some((at, *self.bytes.get(at)?))
    }

    /// Passes over all that stand before a place.
    pub fn skip_to(&mut self, place: usize) {
        self.base = place;
        self.mask = mask(self.bytes, place, &self.set);
    }
}

/// The next mask that is not empty, and its base.
#[inline(never)]
fn next_mask(bytes: &[u8], base: usize, set: &impl Set) -> Option<(usize, u64)> {
    let bases = (base + 64..bytes.len()).step_by(64);
    bases.map(|base| (base, mask(bytes, base, set))).find(|(_, mask)| *mask != 0)
}

/// A bit for each of the 64 bytes from a place on; those behind the end are in no set.
#[inline(always)]
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

#[inline(always)]
fn block_mask(block: &[u8; 64], set: &impl Set) -> u64 {
    let (lanes, _) = block.as_chunks::<16>();
    let bits = |at: usize| u64::from(set.of(u8x16::new(lanes[at])).to_bitmask()) << (16 * at);
    bits(0) | bits(1) | bits(2) | bits(3)
}

/// Where the first byte of a set stands from a place on: for texts that mostly end soon.
#[inline(always)]
pub fn find(bytes: &[u8], from: usize, set: &impl Set) -> Option<usize> {
    let mut at = from;
    while let Some(lanes) = bytes.get(at..at.wrapping_add(16)).and_then(<[u8]>::first_chunk) {
        let bits = set.of(u8x16::new(*lanes)).to_bitmask();
        if bits != 0 {
            return Some(at + bits.trailing_zeros() as usize);
        }
        at += 16;
    }
    Signs::new(bytes.get(at..)?, set).next().map(|(length, _)| at + length)
}

/// Up to 32 bytes of a literal, which are compared at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    halves: [[u8; 16]; 2],
    length: u8,
}

impl Piece {
    const MOST: usize = 32;

    /// The pieces of a literal; none of an empty one.
    pub fn all(literal: &[u8]) -> impl ExactSizeIterator<Item = Piece> {
        literal.chunks(Piece::MOST).map(|part| {
            let mut halves = [[0; 16]; 2];
            halves.as_flattened_mut()[..part.len()].copy_from_slice(part);
            Piece { halves, length: part.len() as u8 }
        })
    }

    /// What is behind it, where it stands there.
    #[inline(always)]
    pub fn behind(&self, bytes: &[u8], at: usize) -> Option<usize> {
        let is_there = match bytes.get(at..at.wrapping_add(Piece::MOST)).and_then(<[u8]>::first_chunk) {
            Some(text) => self.is_same(text),
            None => self.is_near_end(bytes, at),
        };
        if is_there { Some(at + usize::from(self.length)) } else { None }
    }

    #[inline(always)]
    fn is_same(&self, text: &[u8; Piece::MOST]) -> bool {
        let (halves, _) = text.as_chunks::<16>();
        let same = |half: usize| u8x16::new(halves[half]).simd_eq(u8x16::new(self.halves[half])).to_bitmask();
        let others = !(same(0) | same(1) << 16);
        others.trailing_zeros() >= u32::from(self.length)
    }

    #[cold]
    #[inline(never)]
    fn is_near_end(&self, bytes: &[u8], at: usize) -> bool {
        bytes.get(at..).is_some_and(|rest| rest.starts_with(&self.halves.as_flattened()[..usize::from(self.length)]))
    }
}

/// The 8 bytes from a place on as a number, the first one lowest; what is behind the end is 0.
#[inline(always)]
pub fn word(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..at.wrapping_add(8)).and_then(<[u8]>::first_chunk) {
        Some(word) => u64::from_le_bytes(*word),
        None => word_at_end(bytes, at),
    }
}

#[cold]
#[inline(never)]
fn word_at_end(bytes: &[u8], at: usize) -> u64 {
    bytes.iter().skip(at).take(8).rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// Up to 8 bytes from the start of a field on; the others are 0.
#[inline(always)]
pub fn start(bytes: &[u8], field: Range<usize>) -> u64 {
    let outside = if field.len() < 8 { u64::MAX << (8 * field.len()) } else { 0 };
    word(bytes, field.start) & !outside
}

const ONES: u64 = u64::MAX / 255;
const HIGH: u64 = ONES << 7;

/// The values of 8 digits from a place on, one in each byte.
#[inline(always)]
fn values(bytes: &[u8], at: usize) -> u64 {
    word(bytes, at) ^ (ONES * u64::from(b'0'))
}

/// The high bits of the bytes that are no values of digits: 9 + 0x76 has none. Such a byte may spoil those above it, not those below.
#[inline(always)]
fn others(values: u64) -> u64 {
    (values.wrapping_add(ONES * 0x76) | values) & HIGH
}

/// How many digits there are from a place on.
#[inline(always)]
pub fn digits(bytes: &[u8], at: usize) -> usize {
    let mut length = 0;
    loop {
        let others = others(values(bytes, at + length));
        length += others.trailing_zeros() as usize / 8;
        if others != 0 {
            return length;
        }
    }
}

/// How long the whole number from a place on is, as JSON writes it, and what it is; none where there is none, or a longer one than any
/// count.
#[inline(always)]
pub fn leading_count(bytes: &[u8], at: usize) -> Option<(usize, i64)> {
    let values = values(bytes, at);
    let length = others(values).trailing_zeros() as usize / 8;
    let begins_with_zero = values.trailing_zeros() >= 8;
    match length {
        1 => Some((1, (values & 0xff).cast_signed())),
        2..=7 if !begins_with_zero => Some((length, joined(values << (8 * (8 - length))))),
        8 if !begins_with_zero => long_count(bytes, at),
        _ => None,
    }
}

#[cold]
#[inline(never)]
fn long_count(bytes: &[u8], at: usize) -> Option<(usize, i64)> {
    let length = digits(bytes, at);
    Some((length, count(bytes, at..at + length)?))
}

/// The whole number that a field of digits says, 0 if it is empty; none where it is not one, or longer than any count.
#[inline(always)]
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
#[inline(always)]
fn short(bytes: &[u8], field: Range<usize>) -> Option<i64> {
    // The last digit comes to the highest byte; before the first one there are zeros.
    let values = values(bytes, field.start) << (8 * (8 - field.len()));
    if others(values) == 0 { Some(joined(values)) } else { None }
}

/// The number of 8 digits, one in each byte, the last one highest. Neighbours are joined: digits to pairs, pairs to fours, fours to the
/// number.
#[inline(always)]
fn joined(digits: u64) -> i64 {
    let pairs = (digits.wrapping_mul(10) + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100) + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    ((fours.wrapping_mul(10_000) + (fours >> 32)) & 0xffff_ffff).cast_signed()
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
            let from = from.min(bytes.len());
            let mut signs = Signs::new(bytes, Comma);
            signs.skip_to(from);
            let found: Vec<usize> = std::iter::from_fn(|| signs.next()).map(|(at, _)| at).collect();
            let expected: Vec<_> = (from..bytes.len()).filter(|at| bytes[*at] == b',').collect();
            prop_assert_eq!(find(bytes, from, &Comma), expected.first().copied());
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn literals_are_compared_whole(text in "[ab]{0,120}", start in 0_usize..9, length in 0_usize..120, change in 0_usize..120) {
            let bytes = text.as_bytes();
            let start = start.min(bytes.len());
            let end = bytes.len().min(start + length);
            let follow = |text: &[u8]| Piece::all(&bytes[start..end]).try_fold(start, |at, piece| piece.behind(text, at));
            prop_assert_eq!(follow(bytes), Some(end));
            prop_assert_eq!(follow(&bytes[..end]), Some(end));
            if start < end {
                prop_assert_eq!(follow(&bytes[..end - 1]), None);
            }
            let mut other = bytes.to_vec();
            if let Some(byte) = other.get_mut(change) {
                *byte ^= 1;
            }
            prop_assert_eq!(follow(&other).is_some(), !(start..end).contains(&change));
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
