//! A row of CSV, read as it lies: nothing is copied but what tells whom the row is like.
//!
//! Only rows by the letter of the CSV rules are read here: as many fields as the header has, quotes around whole fields, one line end.
//! Every other row is left to the general reader, which then says what it is.

use std::ops::Range;

use memchr::memchr;

use super::template::count;
use crate::log::Field;
use crate::profile::Counts;
use crate::read::Layout;

/// What a column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
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
    pub key: Vec<u8>,
    /// The counts of its columns.
    pub counts: Counts,
    pub charged: i64,
    pub time: Option<i64>,
    /// Where `other` stands, without its quotes.
    pub details: Range<usize>,
    /// `other` stands within quotes.
    pub quoted: bool,
    /// Where the request id stands.
    pub request: Range<usize>,
}

/// How the rows of one input are read.
#[derive(Debug)]
pub struct Scan {
    delimiter: u8,
    roles: Vec<Role>,
    /// The bytes at which a field without quotes may end.
    ends: [bool; 256],
    /// The columns that tell whom a row is like all stand before `other`.
    key_first: bool,
}

impl Scan {
    /// None where a column asks for more than is read here.
    pub fn new(layout: &Layout, by_user: bool) -> Option<Scan> {
        let mut roles = Vec::new();
        for cell in &layout.cells {
            roles.push(cell.map_or(Some(Role::Idle), |field| role(field, by_user))?);
        }
        let details = roles.iter().position(|role| *role == Role::Details);
        let late = &roles[details.unwrap_or(roles.len())..];
        let key_first = !late.iter().any(|role| matches!(role, Role::Key | Role::Filled | Role::Request | Role::Time));
        let mut ends = [false; 256];
        [layout.delimiter, b'\n', b'\r', b'"'].into_iter().for_each(|byte| ends[usize::from(byte)] = true);
        let is_whole = roles.contains(&Role::Quota) && layout.columns.contains(Field::Model);
        is_whole.then_some(Scan { delimiter: layout.delimiter, roles, ends, key_first })
    }

    /// Reads the row at the start of the bytes; its length, or none where it is not one by the rules.
    ///
    /// `fit` is asked how long `other` is, once all is known that tells whom the row is like; where it does not know, its end is looked for.
    pub fn row(&self, bytes: &[u8], facts: &mut Facts, mut fit: impl FnMut(&[u8], &[u8]) -> Option<usize>) -> Option<usize> {
        facts.key.clear();
        facts.counts = Counts::default();
        facts.details = 0..0;
        facts.quoted = false;
        facts.request = 0..0;
        facts.time = None;
        let last = self.roles.len() - 1;
        let mut at = 0;
        for (column, role) in self.roles.iter().enumerate() {
            let is_quoted = bytes.get(at) == Some(&b'"');
            let known =
                if is_quoted && self.key_first && *role == Role::Details { fit(&facts.key, &bytes[at + 1..]) } else { None };
            let (field, end) = match known.map(|length| at + 1 + length) {
                Some(close) if bytes.get(close) == Some(&b'"') => (at + 1..close, close + 1),
                _ if is_quoted => quoted(bytes, at, matches!(role, Role::Idle | Role::Details))?,
                _ => self.bare(bytes, at)?,
            };
            match role {
                Role::Details => (facts.details, facts.quoted) = (field, is_quoted),
                Role::Request => {
                    facts.take(Role::Filled, &bytes[field.clone()])?;
                    facts.request = field;
                }
                _ => facts.take(*role, &bytes[field])?,
            }
            at = if column == last { line_end(bytes, end)? } else { self.behind_delimiter(bytes, end)? };
        }
        Some(at)
    }

    fn bare(&self, bytes: &[u8], at: usize) -> Option<(Range<usize>, usize)> {
        let length = bytes[at..].iter().position(|byte| self.ends[usize::from(*byte)])?;
        Some((at..at + length, at + length))
    }

    fn behind_delimiter(&self, bytes: &[u8], at: usize) -> Option<usize> {
        (bytes.get(at) == Some(&self.delimiter)).then_some(at + 1)
    }
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
    /// Takes a field; none where it is not as the general way would read it at once.
    fn take(&mut self, role: Role, text: &[u8]) -> Option<()> {
        match role {
            Role::Idle | Role::Details | Role::Request => {}
            Role::Key => {
                self.key.extend_from_slice(&u16::try_from(text.len()).ok()?.to_le_bytes());
                self.key.extend_from_slice(text);
            }
            Role::Filled => match text.first() {
                // Some words and signs mean that there is nothing.
                Some(b'N' | b'n' | b'\\' | b'\'') => return None,
                first => self.key.push(u8::from(first.is_some())),
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

/// A field within quotes: its inside, and what is behind it. Quotes within are read where nobody looks at the text itself.
fn quoted(bytes: &[u8], at: usize, may_hold_quotes: bool) -> Option<(Range<usize>, usize)> {
    let mut end = at + 1;
    loop {
        end += memchr(b'"', bytes.get(end..)?)?;
        if bytes.get(end + 1) != Some(&b'"') {
            return Some((at + 1..end, end + 1));
        }
        if !may_hold_quotes {
            return None;
        }
        end += 2;
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
    use crate::log::Fields;

    fn scan() -> Scan {
        let cells = vec![Some(Field::Model), None, Some(Field::PromptTokens), Some(Field::Quota), Some(Field::Other)];
        let columns: Fields = cells.iter().copied().flatten().collect();
        Scan::new(&Layout { delimiter: b',', cells, columns }, false).unwrap()
    }

    /// The length of a row and its `other`.
    fn read(text: &str) -> Option<(usize, &str)> {
        let mut facts = Facts::default();
        let length = scan().row(text.as_bytes(), &mut facts, |_, _| None)?;
        Some((length, &text[facts.details]))
    }

    #[test]
    fn rows_by_the_rules_are_read() {
        assert_eq!(read("a,x,1,2,\"{\"\"b\"\":1}\"\nmore"), Some((20, "{\"\"b\"\":1}")));
        assert_eq!(read("\"a\",\"x\"\"\n,\",\"1\",\"2\",\"\"\r\n"), Some((24, "")));
        assert_eq!(read("a,,,2,\r\n"), Some((8, "")));
    }

    #[test]
    fn all_others_are_left() {
        for text in [
            "a,x,1,2,",
            "a,x,1,2,\r",
            "a,x,1,2\n",
            "a,x,1,2,,\n",
            "a,x\"y\",1,2,\n",
            "a,\"x\"y,1,2,\n",
            "a,x,1,,\n",
            "a,x,1.0,2,\n",
            "a,x,-1,2,\n",
            "\"a\"\"b\",x,1,2,\n",
            "a,x,1,2,\"{\n",
            "\na,x,1,2,\n",
            "a,x,1,2,\rb",
            "",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
