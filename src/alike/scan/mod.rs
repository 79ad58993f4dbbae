//! A row, read as it lies: nothing is copied but what tells whom the row is like.
//!
//! Only rows by the letter of their format are read here ([`csv`], [`lines`], [`cells`]). Every other row is left to the general reader, which then
//! says what it is.

mod cells;
mod csv;
mod lines;
mod prints;
mod texts;

use cells::CellScan;
use csv::CsvScan;
use lines::LineScan;
use memchr::memchr;
pub use prints::Prints;
use texts::Texts;
pub use texts::{NameColumns, RowFilter};
use wide::u8x16;

use super::bytes::{Set, Span, count, find};
use super::key::Key;
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

/// What else than the usual tells whom a row is like.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyedBy {
    pub user: bool,
    pub channel: bool,
}

/// Which columns are for what.
#[derive(Debug)]
pub struct Columns {
    roles: Vec<Role>,
    keys: Vec<usize>,
    filled: Vec<usize>,
    zero: Vec<usize>,
    /// Where there is none, that of a field that is always empty.
    request: usize,
    prompt: usize,
    completion: usize,
    cached: usize,
    writes: usize,
    quota: usize,
    time: usize,
    details: usize,
    has_time: bool,
    /// All columns that tell whom a row is like stand before `other`.
    key_first: bool,
}

/// Inputs with as many columns, or more, are read one by one.
const MOST_COLUMNS: usize = 64;

/// A row has so many names: of a token, a user and a channel.
const MOST_NAMES: usize = 3;

/// What a row says.
#[derive(Clone, Debug)]
pub struct Facts {
    /// One for each column; those behind are empty.
    fields: [Span; MOST_COLUMNS],
    /// All that tells whom it is like, but for `other`.
    pub key: Key,
    has_key: bool,
    /// The counts of its columns.
    pub counts: Counts,
    pub charged: i64,
    pub time: Option<i64>,
    /// Where `other` stands, without its quotes.
    pub details: Span,
    pub quoting: Quoting,
    /// Where the request id stands.
    pub request: Span,
    /// Where the names stand that sums are broken down by.
    pub names: [Span; MOST_NAMES],
    /// The line ends within its fields.
    pub inner_lines: usize,
}

/// How the rows of one input are read.
#[derive(Debug)]
pub enum Scan {
    Csv(CsvScan),
    Lines(LineScan),
    Cells(CellScan),
}

/// Asked how long `other` is at the start of some bytes, and how many line ends are in it, once all is known that tells whom the row is
/// like: the key, the bytes, how the text stands there.
pub trait Fit: FnMut(&Key, &[u8], Quoting) -> Option<(usize, usize)> {}

impl<F: FnMut(&Key, &[u8], Quoting) -> Option<(usize, usize)>> Fit for F {}

impl Scan {
    /// None where a column asks for more than is read here.
    pub fn new(layout: &Layout, by: KeyedBy) -> Option<Scan> {
        let mut roles = Vec::new();
        for cell in &layout.cells {
            roles.push(cell.map_or(Some(Role::Idle), |field| role(field, by))?);
        }
        let columns = Columns::new(roles).filter(|_| layout.columns.contains(Field::Model))?;
        Some(match &layout.form {
            Form::Csv { delimiter } => Scan::Csv(CsvScan::new(*delimiter, columns)),
            Form::Lines { before, kinds, end } => Scan::Lines(LineScan::new(before, kinds, end, columns)),
            Form::Cells => Scan::Cells(CellScan::new(columns)),
        })
    }

    /// Reads the row at the start of the bytes; its length, or none where it is not one by the rules.
    pub fn row(&self, bytes: &[u8], facts: &mut Facts, fit: impl Fit) -> Option<usize> {
        match self {
            Scan::Csv(scan) => scan.row(bytes, facts, fit),
            Scan::Lines(scan) => scan.row(bytes, facts, fit),
            Scan::Cells(scan) => scan.row(bytes, facts),
        }
    }

    /// The length of a row that cannot be read here, where it is known all the same.
    pub fn unread_row(&self, bytes: &[u8]) -> Option<usize> {
        match self {
            Scan::Csv(_) | Scan::Cells(_) => None,
            Scan::Lines(_) => memchr(b'\n', bytes).map(|end| end + 1),
        }
    }
}

fn role(field: Field, by: KeyedBy) -> Option<Role> {
    Some(match field {
        Field::Model | Field::UpstreamModel | Field::Group | Field::UserGroup | Field::Content | Field::Type => Role::Key,
        Field::ModelRatio | Field::CompletionRatio | Field::CacheRatio => Role::Key,
        Field::CacheWriteRatio | Field::GroupRatio | Field::ModelPrice => Role::Key,
        Field::User | Field::UserId if by.user => Role::Key,
        Field::Channel | Field::ChannelUuid if by.channel => Role::Key,
        Field::Id | Field::User | Field::UserId | Field::Token | Field::TokenId | Field::Channel | Field::ChannelUuid => Role::Idle,
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
        Field::ElapsedTime | Field::SystemPromptReset => Role::Filled,
        Field::Uuid | Field::TraceId | Field::OriginModel | Field::RequestTime | Field::SourceIp => Role::Filled,
        Field::UncachedTokens | Field::Metadata => return None,
    })
}

impl Columns {
    /// None where no column holds the charge, or there are too many.
    fn new(roles: Vec<Role>) -> Option<Columns> {
        if roles.len() >= MOST_COLUMNS {
            return None;
        }
        let all = |role: Role| roles.iter().enumerate().filter(move |(_, other)| **other == role).map(|(column, _)| column);
        let one = |role| all(role).next();
        let or_empty = |role| one(role).unwrap_or(roles.len());
        let is_of_key = |role: &Role| matches!(role, Role::Key | Role::Filled | Role::Request | Role::Cached | Role::Time);
        Some(Columns {
            keys: all(Role::Key).collect(),
            // No count of cached tokens is another thing than none cached.
            filled: all(Role::Filled).chain(all(Role::Request)).chain(all(Role::Cached)).collect(),
            zero: all(Role::Zero).collect(),
            request: or_empty(Role::Request),
            prompt: or_empty(Role::Prompt),
            completion: or_empty(Role::Completion),
            cached: or_empty(Role::Cached),
            writes: or_empty(Role::Writes),
            quota: one(Role::Quota)?,
            time: or_empty(Role::Time),
            details: or_empty(Role::Details),
            has_time: roles.contains(&Role::Time),
            key_first: one(Role::Details).is_some_and(|details| !roles[details..].iter().any(is_of_key)),
            roles,
        })
    }
}

impl Facts {
    fn clear(&mut self) {
        (self.has_key, self.inner_lines) = (false, 0);
        self.quoting = Quoting::Bare;
    }

    /// Puts down the field of a column, and goes to the next one. Rows with too many are found out by their number.
    #[inline(always)]
    fn put(&mut self, column: &mut usize, field: Span) {
        self.fields[*column % MOST_COLUMNS] = field;
        *column += 1;
    }

    /// The field of a column, which is never one of too many.
    #[inline(always)]
    fn field(&self, column: usize) -> Span {
        self.fields[column % MOST_COLUMNS]
    }

    /// Takes the fields of the key; none where one is not as the general way would read it at once.
    fn take_key(&mut self, columns: &Columns, bytes: &[u8]) -> Option<()> {
        let mut filled = 0;
        for column in &columns.filled {
            let field = self.field(*column);
            let is_filled = !field.is_empty();
            // Some words and signs mean that there is nothing.
            if is_filled && matches!(bytes[field.start()], b'N' | b'n' | b'\\' | b'\'') {
                return None;
            }
            filled = filled << 1 | u64::from(is_filled);
        }
        let fields = &self.fields;
        let texts = columns.keys.iter().map(|column| fields[column % MOST_COLUMNS]);
        self.key.set(bytes, texts, filled)?;
        self.has_key = true;
        Some(())
    }

    /// Asks how long `other` is that begins there, where all that tells whom the row is like stands before it. None, too, where that
    /// cannot be taken; then [`Facts::take`] fails as well.
    fn fit(&mut self, columns: &Columns, bytes: &[u8], start: usize, fit: &mut impl Fit) -> Option<(usize, usize)> {
        if !columns.key_first {
            return None;
        }
        self.take_key(columns, bytes)?;
        fit(&self.key, &bytes[start..], self.quoting)
    }

    /// Takes all fields; none where one is not as the general way would read it at once.
    #[inline(never)]
    fn take(&mut self, columns: &Columns, bytes: &[u8]) -> Option<()> {
        if !self.has_key {
            self.take_key(columns, bytes)?;
        }
        let number = |column: usize| count(bytes, self.field(column));
        self.counts = Counts {
            prompt: number(columns.prompt)?,
            completion: number(columns.completion)?,
            cached: number(columns.cached)?,
            writes: number(columns.writes)?,
            writes_5m: 0,
            writes_1h: 0,
        };
        let (charged, time) = (self.field(columns.quota), self.field(columns.time));
        // Longer times are parts of seconds, shorter ones may be dates.
        if charged.is_empty() || (columns.has_time && !(9..=11).contains(&time.length())) {
            return None;
        }
        self.charged = count(bytes, charged)?;
        let time = count(bytes, time)?;
        self.time = columns.has_time.then_some(time);
        (self.request, self.details) = (self.field(columns.request), self.field(columns.details));
        let is_zero = |column: &usize| matches!(self.field(*column).of(bytes), [] | [b'0']);
        columns.zero.iter().all(is_zero).then_some(())
    }
}

impl Default for Facts {
    fn default() -> Facts {
        Facts {
            fields: [Span::default(); MOST_COLUMNS],
            key: Key::default(),
            has_key: false,
            counts: Counts::default(),
            charged: 0,
            time: None,
            details: Span::default(),
            quoting: Quoting::Bare,
            request: Span::default(),
            names: [Span::default(); MOST_NAMES],
            inner_lines: 0,
        }
    }
}

/// Bytes that end a JSON text, or stand in none.
#[derive(Clone, Copy, Debug)]
pub struct TextSigns;

impl Set for TextSigns {
    #[inline(always)]
    fn of(&self, lanes: u8x16) -> u8x16 {
        let controls = lanes.min(u8x16::splat(0x1f)).simd_eq(lanes);
        lanes.simd_eq(u8x16::splat(b'"')) | lanes.simd_eq(u8x16::splat(b'\\')) | controls
    }
}

/// Where a text ends whose inside begins there, and whether it has escapes.
#[inline(always)]
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
