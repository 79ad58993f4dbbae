//! A row, read as it lies: nothing is copied but what tells whom the row is like.
//!
//! Only rows by the letter of their format are read here ([`csv`], [`lines`]). Every other row is left to the general reader, which then
//! says what it is.

pub mod csv;
mod lines;

use std::ops::Range;

use csv::CsvScan;
use lines::LineScan;
use memchr::{memchr, memrchr};

use super::sorted::Sorter;
use super::template::{Quoting, count};
use crate::log::Field;
use crate::profile::Counts;
use crate::read::{Form, Layout};

/// What a column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It changes nothing in a charge that is right.
    Idle,
    /// Its text tells whom the row is like.
    Key,
    /// Whether it has a text tells it.
    Filled,
    /// The same, and the text itself tells whether the request was charged before.
    Request,
    /// A count that is 0 in all rows that are read here.
    Zero,
    Prompt,
    Completion,
    Cached,
    Writes,
    Quota,
    Time,
    Details,
}

/// What a row says.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// All that tells whom it is like, but for `other`.
    pub key: Vec<u64>,
    /// The counts of its columns.
    pub counts: Counts,
    pub charged: i64,
    pub time: Option<i64>,
    /// Where `other` stands, without its quotes.
    pub details: Range<usize>,
    pub quoting: Quoting,
    /// Where the request id stands.
    pub request: Range<usize>,
    pub sorter: Sorter,
}

/// How the rows of one input are read.
#[derive(Debug)]
pub enum Scan {
    Csv(CsvScan),
    Lines(LineScan),
}

/// Asked how long `other` is at the start of some bytes, once all is known that tells whom the row is like: the key, the bytes, how the
/// text stands there.
pub trait Fit: FnMut(&[u64], &[u8], Quoting) -> Option<usize> {}

impl<F: FnMut(&[u64], &[u8], Quoting) -> Option<usize>> Fit for F {}

impl Scan {
    /// None where a column asks for more than is read here.
    pub fn new(layout: &Layout, by_user: bool) -> Option<Scan> {
        let mut roles = Vec::new();
        for cell in &layout.cells {
            roles.push(cell.map_or(Some(Role::Idle), |field| role(field, by_user))?);
        }
        let is_whole = roles.contains(&Role::Quota) && layout.columns.contains(Field::Model);
        is_whole.then(|| match &layout.form {
            Form::Csv { delimiter } => Scan::Csv(CsvScan::new(*delimiter, roles)),
            Form::Lines { before, end } => Scan::Lines(LineScan::new(before, end, &roles)),
        })
    }

    /// Reads the row at the start of the bytes; its length, or none where it is not one by the rules.
    pub fn row(&self, bytes: &[u8], facts: &mut Facts, fit: impl Fit) -> Option<usize> {
        match self {
            Scan::Csv(scan) => scan.row(bytes, facts, fit),
            Scan::Lines(scan) => scan.row(bytes, facts, fit),
        }
    }

    /// The length of a row that cannot be read here, where it is known all the same.
    pub fn unread_row(&self, bytes: &[u8]) -> Option<usize> {
        match self {
            Scan::Csv(_) => None,
            Scan::Lines(_) => memchr(b'\n', bytes).map(|end| end + 1),
        }
    }

    /// The length of the rows that are whole: a good guess, or, to be sure as far as all of them are by the rules, with care.
    pub fn whole_rows(&self, bytes: &[u8], with_care: bool) -> usize {
        match self {
            Scan::Csv(_) if with_care => csv::whole_rows(bytes),
            _ => memrchr(b'\n', bytes).map_or(0, |end| end + 1),
        }
    }
}

/// Whether all columns that tell whom a row is like stand before `other`.
fn is_key_first(roles: &[Role]) -> bool {
    let details = roles.iter().position(|role| *role == Role::Details);
    let late = &roles[details.unwrap_or(roles.len())..];
    !late.iter().any(|role| matches!(role, Role::Key | Role::Filled | Role::Request | Role::Time))
}

fn role(field: Field, by_user: bool) -> Option<Role> {
    Some(match field {
        Field::Model | Field::Group | Field::UserGroup | Field::Content | Field::Type => Role::Key,
        Field::ModelRatio | Field::CompletionRatio | Field::CacheRatio => Role::Key,
        Field::CacheWriteRatio | Field::GroupRatio | Field::ModelPrice => Role::Key,
        Field::User if by_user => Role::Key,
        Field::Id
        | Field::UpstreamModel
        | Field::User
        | Field::UserId
        | Field::Token
        | Field::TokenId
        | Field::Channel
        | Field::ChannelUuid => Role::Idle,
        Field::CostUsd => Role::Idle,
        Field::CacheWrite5mTokens | Field::CacheWrite1hTokens => Role::Zero,
        Field::AudioInputTokens | Field::AudioOutputTokens | Field::ImageInputTokens => Role::Zero,
        Field::PromptTokens => Role::Prompt,
        Field::CompletionTokens => Role::Completion,
        Field::CachedTokens => Role::Cached,
        Field::CacheWriteTokens => Role::Writes,
        Field::Quota => Role::Quota,
        Field::Time => Role::Time,
        Field::Other => Role::Details,
        Field::RequestId => Role::Request,
        Field::UseTime | Field::Stream | Field::UpstreamRequestId => Role::Filled,
        Field::Uuid | Field::TraceId | Field::OriginModel | Field::RequestTime | Field::SourceIp => Role::Filled,
        Field::UncachedTokens | Field::Metadata | Field::ElapsedTime | Field::SystemPromptReset => return None,
    })
}

impl Facts {
    fn clear(&mut self) {
        self.key.clear();
        self.counts = Counts::default();
        (self.charged, self.time) = (0, None);
        (self.details, self.quoting, self.request) = (0..0, Quoting::Bare, 0..0);
    }

    /// Takes a field; none where it is not as the general way would read it at once.
    fn take(&mut self, role: Role, bytes: &[u8], field: Range<usize>) -> Option<()> {
        let text = &bytes[field.clone()];
        match role {
            Role::Idle => {}
            Role::Details => self.details = field,
            Role::Request => {
                self.take(Role::Filled, bytes, field.clone())?;
                self.request = field;
            }
            Role::Key => {
                self.key.push(text.len() as u64);
                self.key.extend(text.chunks(8).map(word));
            }
            Role::Filled => match text.first() {
                // Some words and signs mean that there is nothing.
                Some(b'N' | b'n' | b'\\' | b'\'') => return None,
                first => self.key.push(u64::from(first.is_some())),
            },
            Role::Zero if matches!(text, b"" | b"0") => {}
            Role::Zero => return None,
            Role::Prompt => self.counts.prompt = count(text)?,
            Role::Completion => self.counts.completion = count(text)?,
            Role::Cached => self.counts.cached = count(text)?,
            Role::Writes => self.counts.writes = count(text)?,
            Role::Quota if text.is_empty() => return None,
            Role::Quota => self.charged = count(text)?,
            // Longer ones are parts of seconds.
            Role::Time if text.is_empty() || text.len() > 11 => return None,
            Role::Time => self.time = Some(count(text)?),
        }
        Some(())
    }
}

/// Up to 8 bytes as a number.
fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// Where a byte stands from a place on. Fields are short, so that a word at a time is faster than what long texts are searched with.
fn find(bytes: &[u8], mut at: usize, byte: u8) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    let pattern = ONES * u64::from(byte);
    while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        // The lowest byte that is 0 where the word and the pattern agree has its highest bit set, and none below it.
        let differing = u64::from_le_bytes(*word) ^ pattern;
        let agreeing = differing.wrapping_sub(ONES) & !differing & (ONES << 7);
        if agreeing != 0 {
            return Some(at + agreeing.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let rest = bytes.get(at..)?.iter().position(|other| *other == byte)?;
    Some(at + rest)
}

/// Where a text ends whose inside begins there, and whether it has escapes.
pub fn text_end(bytes: &[u8], start: usize) -> Option<(usize, bool)> {
    let (mut at, mut is_escaped) = (start, false);
    loop {
        let end = find(bytes, at, b'"')?;
        match memchr(b'\\', &bytes[at..end]) {
            None => break is_free_of_controls(&bytes[start..end]).then_some((end, is_escaped)),
            Some(length) => at = behind_escape(bytes, at + length)?,
        }
        is_escaped = true;
    }
}

/// JSON texts hold no control characters.
fn is_free_of_controls(text: &[u8]) -> bool {
    text.iter().fold(true, |is_free, byte| is_free & (*byte >= 0x20))
}

fn behind_escape(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at + 1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 2),
        b'u' => bytes.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit).then_some(at + 6),
        _ => None,
    }
}

/// What is behind a line end.
fn line_end(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at..)? {
        [b'\n', ..] => Some(at + 1),
        [b'\r', b'\n', ..] => Some(at + 2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_such_byte_is_found(bytes in "[a-d,\"é\u{80}-\u{ff}]{0,40}", at in 0_usize..20) {
            let bytes = bytes.as_bytes();
            for byte in [b',', b'"', b'a', 0xc3, 0] {
                let expected = bytes.iter().enumerate().skip(at).find(|(_, other)| **other == byte).map(|(at, _)| at);
                prop_assert_eq!(find(bytes, at, byte), expected);
            }
        }
    }
}
