//! A row, read as it lies: nothing is copied but what tells whom the row is like.
//!
//! Only rows by the letter of their format are read here ([`csv`], [`lines`]). Every other row is left to the general reader, which then
//! says what it is.

pub mod csv;
mod lines;

use std::ops::Range;

use csv::CsvScan;
use lines::LineScan;
use memchr::memchr;
use wide::u8x16;

use super::bytes::{Set, count, find};
use super::key::Key;
use super::sorted::Sorter;
use super::template::Quoting;
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
    pub key: Key,
    /// A bit for each column that need only have a text; part of the key in the end.
    filled: u64,
    /// The line ends within its fields.
    pub inner_lines: usize,
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

/// Asked how long `other` is at the start of some bytes, and how many line ends are in it, once all is known that tells whom the row is
/// like: the key, the bytes, how the text stands there.
pub trait Fit: FnMut(&Key, &[u8], Quoting) -> Option<(usize, usize)> {}

impl<F: FnMut(&Key, &[u8], Quoting) -> Option<(usize, usize)>> Fit for F {}

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
}

/// Whether there is an `other`, and all columns that tell whom a row is like stand before it.
fn is_key_first(roles: &[Role]) -> bool {
    let is_of_key = |role: &Role| matches!(role, Role::Key | Role::Filled | Role::Request | Role::Time);
    let details = roles.iter().position(|role| *role == Role::Details);
    details.is_some_and(|details| !roles[details..].iter().any(is_of_key))
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
        (self.filled, self.inner_lines) = (0, 0);
        self.counts = Counts::default();
        (self.charged, self.time) = (0, None);
        (self.details, self.quoting, self.request) = (0..0, Quoting::Bare, 0..0);
    }

    /// Takes a field; none where it is not as the general way would read it at once.
    #[inline]
    fn take(&mut self, role: Role, bytes: &[u8], field: Range<usize>) -> Option<()> {
        match role {
            Role::Idle => {}
            Role::Details => self.details = field,
            Role::Request => {
                self.take_filled(bytes, &field)?;
                self.request = field;
            }
            Role::Key => self.key.push_text(bytes, field),
            Role::Filled => self.take_filled(bytes, &field)?,
            Role::Zero if matches!(bytes[field.clone()], [] | [b'0']) => {}
            Role::Zero => return None,
            Role::Prompt => self.counts.prompt = count(bytes, field)?,
            Role::Completion => self.counts.completion = count(bytes, field)?,
            Role::Cached => self.counts.cached = count(bytes, field)?,
            Role::Writes => self.counts.writes = count(bytes, field)?,
            Role::Quota if field.is_empty() => return None,
            Role::Quota => self.charged = count(bytes, field)?,
            // Longer ones are parts of seconds.
            Role::Time if field.is_empty() || field.len() > 11 => return None,
            Role::Time => self.time = Some(count(bytes, field)?),
        }
        Some(())
    }

    fn take_filled(&mut self, bytes: &[u8], field: &Range<usize>) -> Option<()> {
        let is_filled = !field.is_empty();
        // Some words and signs mean that there is nothing.
        if is_filled && matches!(bytes[field.start], b'N' | b'n' | b'\\' | b'\'') {
            return None;
        }
        self.filled = self.filled << 1 | u64::from(is_filled);
        Some(())
    }

    /// Call it once all columns of the key were taken.
    fn close_key(&mut self) {
        self.key.push(self.filled);
    }
}

/// Bytes that end a JSON text, or stand in none.
#[derive(Clone, Copy, Debug)]
pub struct TextSigns;

impl Set for TextSigns {
    #[inline]
    fn of(&self, lanes: u8x16) -> u8x16 {
        let controls = lanes.min(u8x16::splat(0x1f)).simd_eq(lanes);
        lanes.simd_eq(u8x16::splat(b'"')) | lanes.simd_eq(u8x16::splat(b'\\')) | controls
    }
}

/// Where a text ends whose inside begins there, and whether it has escapes.
#[inline]
pub fn text_end(bytes: &[u8], start: usize) -> Option<(usize, bool)> {
    let (mut at, mut is_escaped) = (start, false);
    loop {
        let end = find(bytes, at, &TextSigns)?;
        match bytes[end] {
            b'"' => return Some((end, is_escaped)),
            b'\\' => at = behind_escape(bytes, end)?,
            _ => return None,
        }
        is_escaped = true;
    }
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
