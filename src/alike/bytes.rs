//! Bytes looked at many at a time.
//!
//! Rows are short texts between signs, so what takes time is to find the next sign, to compare, and to read numbers. All three are done
//! here for 8 to 64 bytes at once.

use wide::u8x16;

/// Where a field stands in its row, without its quotes. Rows of 4 GiB are not looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    #[inline(always)]
    pub fn new(start: usize, end: usize) -> Span {
        Span { start: start as u32, end: end as u32 }
    }

    #[inline(always)]
    pub fn start(self) -> usize {
        self.start as usize
    }

    #[inline(always)]
    pub fn end(self) -> usize {
        self.end as usize
    }

    #[inline(always)]
    pub fn length(self) -> usize {
        self.end.wrapping_sub(self.start) as usize
    }

    #[inline(always)]
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The bytes of the field.
    #[inline(always)]
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start()..self.end()]
    }
}

/// The bytes that are looked for: their lanes have all bits set.
pub trait Set {
    fn of(&self, lanes: u8x16) -> u8x16;
}

/// One byte, in all lanes.
#[derive(Clone, Copy, Debug)]
pub struct Only(u8x16);

impl Only {
    pub fn new(byte: u8) -> Only {
        Only(u8x16::splat(byte))
    }
}

impl Set for Only {
    #[inline(always)]
    fn of(&self, lanes: u8x16) -> u8x16 {
        lanes.simd_eq(self.0)
    }
}

/// The signs of a text, from front to back: separators, and others that end a run of fields between separators.
///
/// ```text
/// bytes       2,,user236,key236,"{""admin_info…
/// separators  .11.......1......1...............     a bit for each of 64 bytes, made at once
/// others      ..................1.11
/// ```
#[derive(Debug)]
pub struct Signs<'b, O> {
    bytes: &'b [u8],
    separator: Only,
    other: O,
    base: usize,
    separators: u64,
    others: u64,
}

impl<'b, O: Set> Signs<'b, O> {
    #[inline(always)]
    pub fn new(bytes: &'b [u8], separator: Only, other: O) -> Signs<'b, O> {
        let mut signs = Signs { bytes, separator, other, base: 0, separators: 0, others: 0 };
        signs.see();
        signs
    }

    #[inline(always)]
    fn see(&mut self) {
        (self.separators, self.others) = masks(self.bytes, self.base, &self.separator, &self.other);
    }

    /// Goes to the next 64 bytes; none where there are no more.
    #[inline(always)]
    fn go_on(&mut self) -> Option<()> {
        self.base += 64;
        if self.base >= self.bytes.len() {
            return None;
        }
        self.see();
        Some(())
    }

    /// Takes the fields that begin there and end in separators; where the last one begins, and the other sign that is next.
    #[inline(always)]
    pub fn fields(&mut self, mut start: usize, mut take: impl FnMut(Span)) -> Option<(usize, usize)> {
        loop {
            // Separators behind the next other sign are not its.
            let mut run = self.separators & (self.others.wrapping_sub(1) & !self.others);
            while run != 0 {
                let end = self.base + run.trailing_zeros() as usize;
                take(Span::new(start, end));
                start = end + 1;
                run &= run - 1;
            }
            if self.others != 0 {
                return Some((start, self.base + self.others.trailing_zeros() as usize));
            }
            self.go_on()?;
        }
    }

    /// Where the next other sign stands, which is passed with that.
    #[inline(always)]
    pub fn next(&mut self) -> Option<usize> {
        while self.others == 0 {
            self.go_on()?;
        }
        let at = self.base + self.others.trailing_zeros() as usize;
        self.others &= self.others - 1;
        Some(at)
    }

    /// Passes over all that stand before a place behind those that were passed.
    #[inline(always)]
    pub fn pass_to(&mut self, place: usize) {
        let passed = place.wrapping_sub(self.base);
        if passed < 64 {
            self.separators &= u64::MAX << passed;
            self.others &= u64::MAX << passed;
        } else {
            self.base = place.min(self.bytes.len());
            self.see();
        }
    }
}

/// A bit for each of the 64 bytes from a place on, for two sets; those behind the end are in none.
#[inline(always)]
fn masks(bytes: &[u8], base: usize, first: &impl Set, second: &impl Set) -> (u64, u64) {
    let rest = &bytes[base..];
    match rest.first_chunk::<64>() {
        Some(block) => (mask(block, first), mask(block, second)),
        None => {
            let mut block = [0; 64];
            block[..rest.len()].copy_from_slice(rest);
            let inside = !(u64::MAX << rest.len());
            (mask(&block, first) & inside, mask(&block, second) & inside)
        }
    }
}

#[inline(always)]
fn mask(block: &[u8; 64], set: &impl Set) -> u64 {
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
    find_near_end(bytes, at, set)
}

#[cold]
#[inline(never)]
fn find_near_end(bytes: &[u8], at: usize, set: &impl Set) -> Option<usize> {
    let (_, bits) = masks(bytes, at.min(bytes.len()), set, set);
    (bits != 0).then(|| at + bits.trailing_zeros() as usize)
}

/// Literals, compared up to 64 bytes at a time, and what stands behind each.
///
/// ```text
/// ""],""cache_ratio"":0.25,""cache_tokens"":      a literal
/// |--------------||--------------|
///            |--------------||--------------|     lanes from both ends, which may lie one over the other
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern<T> {
    /// All literals, one behind the other, and a lane of nothing.
    text: Vec<u8>,
    steps: Vec<Step<T>>,
}

/// Up to 64 bytes of a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step<T> {
    length: u8,
    /// None where the literal goes on.
    then: Option<T>,
}

impl<T> Default for Pattern<T> {
    fn default() -> Pattern<T> {
        Pattern { text: vec![0; LANE], steps: Vec::new() }
    }
}

/// So many bytes are compared at once.
const LANE: usize = 16;

impl<T: Copy> Pattern<T> {
    pub fn push(&mut self, literal: &[u8], then: T) {
        let end = self.text.len() - LANE;
        self.text.splice(end..end, literal.iter().copied());
        let mut parts = literal.chunks(4 * LANE);
        let last = parts.next_back().unwrap_or_default();
        self.steps.extend(parts.map(|part| Step { length: part.len() as u8, then: None }));
        self.steps.push(Step { length: last.len() as u8, then: Some(then) });
    }

    /// Follows the literals from the start of the bytes on. `pass` is told what stands behind a literal, and where, and says what is
    /// behind that.
    #[inline(always)]
    pub fn follow(&self, bytes: &[u8], mut pass: impl FnMut(T, usize) -> Option<usize>) -> Option<usize> {
        let (mut text, mut at) = (&self.text[..], 0);
        for step in &self.steps {
            let length = usize::from(step.length);
            let rest = bytes.get(at..)?;
            let is_there = match length {
                0 => true,
                1..LANE => begins_shortly(rest, text, length),
                _ => begins(rest, text.get(..length)?),
            };
            if !is_there {
                return None;
            }
            (text, at) = (text.get(length..)?, at + length);
            if let Some(then) = step.then {
                at = pass(then, at)?;
            }
        }
        Some(at)
    }
}

/// Whether bytes begin with a text of 1 to 4 lanes.
#[inline(always)]
fn begins(bytes: &[u8], text: &[u8]) -> bool {
    let Some(bytes) = bytes.get(..text.len()) else { return false };
    let all = match (ends::<{ 2 * LANE }>(bytes), ends::<{ 2 * LANE }>(text)) {
        (Some(bytes), Some(text)) => same(bytes, text),
        _ => match (ends::<LANE>(bytes), ends::<LANE>(text)) {
            (Some(bytes), Some(text)) => same(bytes, text),
            _ => return false,
        },
    };
    all.to_bitmask() == 0xffff
}

/// The first and the last bytes of a text, which may lie one over the other.
#[inline(always)]
fn ends<const N: usize>(text: &[u8]) -> Option<[&[u8; N]; 2]> {
    Some([text.first_chunk()?, text.last_chunk()?])
}

/// The lanes that are the same in all of the texts.
#[inline(always)]
fn same<const N: usize>(texts: [&[u8; N]; 2], others: [&[u8; N]; 2]) -> u8x16 {
    let lanes = |text: &[u8; N], at: usize| u8x16::new(text.as_chunks().0[at]);
    let mut all = u8x16::splat(0xff);
    for (text, other) in texts.into_iter().zip(others) {
        for at in 0..N / LANE {
            all &= lanes(text, at).simd_eq(lanes(other, at));
        }
    }
    all
}

/// Whether bytes begin with less than a lane of a text, behind which there is more than that.
#[inline(always)]
fn begins_shortly(bytes: &[u8], text: &[u8], length: usize) -> bool {
    match (bytes.first_chunk(), text.first_chunk()) {
        (Some(bytes), Some(text)) => {
            let same = u8x16::new(*bytes).simd_eq(u8x16::new(*text)).to_bitmask();
            (!same).trailing_zeros() as usize >= length
        }
        _ => begins_near_end(bytes, &text[..length]),
    }
}

#[cold]
#[inline(never)]
fn begins_near_end(bytes: &[u8], text: &[u8]) -> bool {
    bytes.starts_with(text)
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

/// The bytes from a place on, less than 8; the others are 0.
#[inline(always)]
pub fn short_word(bytes: &[u8], at: usize, length: usize) -> u64 {
    word(bytes, at) & INSIDE[length % 8]
}

/// The bytes of a word that belong to a text of so many.
const INSIDE: [u64; 8] = [0, 0xff, 0xffff, 0xff_ffff, 0xffff_ffff, 0xff_ffff_ffff, 0xffff_ffff_ffff, 0xff_ffff_ffff_ffff];

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

/// The length of a number from a place on, as JSON writes it; none where there is none, or one with an exponent.
#[inline(always)]
pub fn number(bytes: &[u8], start: usize) -> Option<usize> {
    let values = values(bytes, start);
    let length = others(values).trailing_zeros() as usize / 8;
    let byte = |at: usize| (values >> (8 * at)) as u8 ^ b'0';
    let is_short = (1..8).contains(&length) && (length == 1 || byte(0) != b'0') && byte(length) != b'.';
    if is_short { Some(length) } else { long_number(bytes, start) }
}

#[inline(never)]
fn long_number(bytes: &[u8], start: usize) -> Option<usize> {
    let at = start + usize::from(bytes.get(start) == Some(&b'-'));
    let whole = digits(bytes, at);
    if whole == 0 || (whole > 1 && bytes[at] == b'0') {
        return None;
    }
    let end = at + whole;
    if bytes.get(end) != Some(&b'.') {
        return Some(end - start);
    }
    let fraction = digits(bytes, end + 1);
    (fraction > 0).then_some(end + 1 + fraction - start)
}

/// How many digits there are from a place on.
#[inline(always)]
fn digits(bytes: &[u8], at: usize) -> usize {
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
    Some((length, count(bytes, Span::new(at, at + length))?))
}

/// The whole number that a field of digits says, 0 if it is empty; none where it is not one, or longer than any count.
#[inline(always)]
pub fn count(bytes: &[u8], field: Span) -> Option<i64> {
    match field.length() {
        0 => Some(0),
        length @ 1..=8 => short(bytes, field.start(), length),
        length @ 9..=12 => {
            let high = short(bytes, field.start(), length - 8)?;
            Some(high * 100_000_000 + short(bytes, field.end() - 8, 8)?)
        }
        _ => None,
    }
}

/// The number of 1 to 8 digits.
#[inline(always)]
fn short(bytes: &[u8], at: usize, length: usize) -> Option<i64> {
    // The last digit comes to the highest byte; before the first one there are zeros.
    let values = values(bytes, at) << (8 * (8 - length));
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

    #[test]
    fn numbers_are_those_that_are_written() {
        let count = |text: &str| {
            let alone = count(text.as_bytes(), Span::new(0, text.len()));
            assert_eq!(count(format!("7{text}89").as_bytes(), Span::new(1, 1 + text.len())), alone);
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
        fn signs_are_found_one_after_the_other(text in "[a-c,é;]{0,200}", from in 0_usize..100) {
            let bytes = text.as_bytes();
            let from = from.min(bytes.len());
            let places = |byte| (from..bytes.len()).filter(|at| bytes[*at] == byte).collect::<Vec<_>>();
            let mut signs = Signs::new(bytes, Only::new(b','), Only::new(b';'));
            signs.pass_to(from);
            let found: Vec<usize> = std::iter::from_fn(|| signs.next()).collect();
            prop_assert_eq!(find(bytes, from, &Only::new(b',')), places(b',').first().copied());
            prop_assert_eq!(found, places(b';'));
        }

        /// Runs of fields as splitting the text tells them.
        #[test]
        fn fields_are_taken_up_to_another_sign(text in "[a-c,é;]{0,200}") {
            let mut signs = Signs::new(text.as_bytes(), Only::new(b','), Only::new(b';'));
            let (mut at, mut runs) = (0, Vec::new());
            loop {
                let mut run = Vec::new();
                let Some((start, sign)) = signs.fields(at, |field| run.push(field)) else { break };
                run.push(Span::new(start, sign));
                runs.push(run.iter().map(|field| std::str::from_utf8(field.of(text.as_bytes())).unwrap()).collect::<Vec<_>>());
                at = sign + 1;
                signs.pass_to(at);
            }
            let mut expected: Vec<Vec<&str>> = text.split(';').map(|run| run.split(',').collect()).collect();
            expected.pop();
            prop_assert_eq!(runs, expected);
        }

        #[test]
        fn literals_are_compared_whole(text in "[ab]{0,120}", parts in prop::collection::vec(0_usize..50, 0..4), change in 0_usize..120) {
            let bytes = text.as_bytes();
            let (mut pattern, mut end) = (Pattern::default(), 0);
            for (number, length) in parts.into_iter().enumerate() {
                let next = bytes.len().min(end + length);
                pattern.push(&bytes[end..next], number);
                end = next;
            }
            let follow = |text: &[u8]| pattern.follow(text, |_, at| Some(at));
            prop_assert_eq!(follow(bytes), Some(end));
            prop_assert_eq!(follow(&bytes[..end]), Some(end));
            if end > 0 {
                prop_assert_eq!(follow(&bytes[..end - 1]), None);
            }
            let mut other = bytes.to_vec();
            if let Some(byte) = other.get_mut(change) {
                *byte ^= 1;
            }
            prop_assert_eq!(follow(&other).is_some(), change >= end);
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
