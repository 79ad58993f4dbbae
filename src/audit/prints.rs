//! What a request, and an entry of a log, are known by: a hash of what they say.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::recent::Key;
use crate::exact::{Charged, Points};
use crate::log::{Field, Kind, LogEntry};

/// A request whose charge takes points, or gives some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestKey(Key);

impl RequestKey {
    /// None where nothing can be said: without a request id, two equal requests in one second are honest, and nothing charged is
    /// nothing charged twice.
    pub fn of(request_id: &[u8], charged: Points) -> Option<RequestKey> {
        if request_id.is_empty() || charged.0 == 0 {
            return None;
        }
        Some(RequestKey(key(hash(request_id, SALT[usize::from(charged.0 < 0)], |word| word))))
    }

    pub fn key(self) -> Key {
        self.0
    }
}

/// All that an entry says; its id only where it has no request id, since views of the log number their rows anew. Where rows have
/// uuids, some views lack the numbers of channels and users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Print(Key);

impl Print {
    /// The fields whose texts are in it, in the order of those of an entry below.
    pub const TEXTS: [Field; 14] = [
        Field::Id,
        Field::RequestId,
        Field::Model,
        Field::UpstreamModel,
        Field::Group,
        Field::UserGroup,
        Field::User,
        Field::UserId,
        Field::Token,
        Field::TokenId,
        Field::Channel,
        Field::ChannelUuid,
        Field::Content,
        Field::Other,
    ];

    pub fn of(entry: &LogEntry<'_>) -> Print {
        let mut sum = PrintSum::default();
        let has_uuids = !entry.channel_uuid.is_empty() || entry.marks.contains(Field::Uuid);
        let number = |number| if has_uuids { "" } else { number };
        let id = if entry.request_id.is_empty() { number(entry.id) } else { "" };
        let details = details_of(entry);
        let texts = [
            id,
            entry.request_id,
            entry.model,
            entry.upstream_model,
            entry.group,
            entry.user_group,
            entry.user,
            number(entry.user_id),
            entry.token,
            entry.token_id,
            number(entry.channel),
            entry.channel_uuid,
            entry.content,
            &details,
        ];
        for (field, text) in Print::TEXTS.iter().zip(texts) {
            sum.add_text(*field, text.replace('"', "\"\"").as_bytes(), Quotes::Doubled);
        }
        let tokens = &entry.tokens;
        for (field, number) in [
            (Field::Type, if let Kind::Code(code) = entry.kind { Some(code + 1) } else { None }),
            (Field::Time, entry.time),
            (Field::PromptTokens, tokens.prompt),
            (Field::UncachedTokens, tokens.uncached),
            (Field::CachedTokens, tokens.cached),
            (Field::CompletionTokens, tokens.completion),
            (Field::CacheWriteTokens, tokens.cache_write),
            (Field::CacheWrite5mTokens, tokens.cache_write_5m),
            (Field::CacheWrite1hTokens, tokens.cache_write_1h),
            (Field::AudioInputTokens, tokens.audio_input),
            (Field::AudioOutputTokens, tokens.audio_output),
            (Field::ImageInputTokens, tokens.image_input),
        ] {
            sum.add_number(field, number.unwrap_or(0));
        }
        match &entry.charged {
            Some(Charged::Points(points)) => sum.add_number(Field::Quota, points.0),
            money => sum.add_other(Field::CostUsd, money),
        }
        sum.add_other(Field::ModelRatio, &entry.ratios);
        sum.print()
    }

    pub fn key(self) -> Key {
        self.0
    }
}

/// The details, with the keys of `metadata` in their order: a database may write them in another one than the API.
fn details_of<'a>(entry: &LogEntry<'a>) -> Cow<'a, str> {
    let value = || serde_json::from_str::<serde_json::Value>(entry.details).ok();
    let Some(mut value) = entry.marks.contains(Field::Metadata).then(value).flatten() else { return Cow::Borrowed(entry.details) };
    value.sort_all_objects();
    Cow::Owned(value.to_string())
}

/// How quotes stand in a text: doubled, as within quotes of CSV, or behind a backslash, as in JSON. Both count as the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quotes {
    Doubled,
    /// The text has no other backslashes.
    Escaped,
}

/// A print in the making. It does not hang on the order of the fields, and what is empty or 0 counts as not there.
#[derive(Clone, Copy, Debug, Default)]
pub struct PrintSum(u64);

impl PrintSum {
    #[inline(always)]
    pub fn add_text(&mut self, field: Field, text: &[u8], quotes: Quotes) {
        if !text.is_empty() {
            let hash = match quotes {
                Quotes::Doubled => hash(text, SALT[1], |word| word),
                Quotes::Escaped => hash(text, SALT[1], doubled),
            };
            self.add(field, hash);
        }
    }

    #[inline(always)]
    pub fn add_number(&mut self, field: Field, number: i64) {
        if number != 0 {
            self.add(field, number as u64);
        }
    }

    /// Adds what only few logs have.
    fn add_other<T: Hash + Default + PartialEq>(&mut self, field: Field, value: &T) {
        if *value != T::default() {
            let mut hasher = DefaultHasher::new();
            value.hash(&mut hasher);
            self.add(field, hasher.finish());
        }
    }

    #[inline(always)]
    fn add(&mut self, field: Field, word: u64) {
        self.0 = self.0.wrapping_add(mixed(word, SALT[2].wrapping_mul(2 * field as u64 + 1)));
    }

    #[inline(always)]
    pub fn print(self) -> Print {
        Print(key(mixed(self.0, SALT[2])))
    }
}

fn key(hash: u64) -> Key {
    Key::new(hash).unwrap_or(Key::MIN)
}

/// Odd numbers whose bits are as good as drawn.
const SALT: [u64; 3] = [0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db, 0x8ebc_6af0_9c88_c6e3];

/// A hash of a text, 8 bytes at a time, each of which may be changed first.
#[inline(always)]
fn hash(text: &[u8], salt: u64, change: impl Fn(u64) -> u64) -> u64 {
    let mut hash = mixed(text.len() as u64, salt);
    let (words, rest) = text.as_chunks::<8>();
    for word in words {
        hash = mixed(hash ^ change(u64::from_le_bytes(*word)), SALT[2]);
    }
    if !rest.is_empty() {
        // The last 8 bytes, some of which were mixed in already, or all there are.
        let short = || rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        hash = mixed(hash ^ change(text.last_chunk().map_or_else(short, |word| u64::from_le_bytes(*word))), SALT[2]);
    }
    hash
}

/// Both halves of a product in one word: each bit of the factors reaches all of them.
#[inline(always)]
fn mixed(word: u64, salt: u64) -> u64 {
    let product = u128::from(word ^ SALT[0]) * u128::from(salt);
    (product >> 64) as u64 ^ product as u64
}

/// 8 bytes with each backslash made a quote.
#[inline(always)]
fn doubled(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const LOW: u64 = 0x7f * ONES;
    let other = word ^ (u64::from(b'\\') * ONES);
    // The high bit of each byte that is a backslash.
    let backslashes = !(((other & LOW) + LOW) | other | LOW);
    word ^ ((backslashes >> 7) * u64::from(b'\\' ^ b'"'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Reading, Row};
    use std::collections::HashSet;

    #[test]
    fn ids_that_differ_in_one_letter_or_in_length_have_keys_of_their_own() {
        let mut keys = HashSet::new();
        for length in 1..40 {
            for at in 0..length {
                for letter in "0123456789abcXYZ".bytes() {
                    let mut id = vec![b'-'; length];
                    id[at] = letter;
                    assert!(keys.insert(RequestKey::of(&id, Points(1)).unwrap().0), "{length} {at} {letter}");
                }
            }
        }
    }

    #[test]
    fn requests_without_an_id_or_a_charge_have_no_key_and_what_is_given_back_has_one_of_its_own() {
        let key = |id: &str, points| RequestKey::of(id.as_bytes(), Points(points));
        assert_eq!((key("", 5), key("a", 0)), (None, None));
        assert!(key("a", 5) == key("a", 7) && key("a", 5) != key("a", -5) && key("a", 5) != key("b", 5));
    }

    fn print(texts: &[(Field, &str)], quotes: Quotes) -> Print {
        let mut sum = PrintSum::default();
        texts.iter().for_each(|(field, text)| sum.add_text(*field, text.as_bytes(), quotes));
        sum.print()
    }

    #[test]
    fn quotes_count_the_same_however_they_are_written() {
        for text in ["{\"a\":1}", "\"", "0123456\"", "01234567\"", "{\"admin\":{\"b\":\"\"},\"other\":\"1.25\"}", "\u{80}\"ß"] {
            let doubled = print(&[(Field::Other, &text.replace('"', "\"\""))], Quotes::Doubled);
            assert_eq!(doubled, print(&[(Field::Other, &text.replace('"', "\\\""))], Quotes::Escaped), "{text}");
        }
    }

    #[test]
    fn a_print_hangs_on_what_stands_in_which_field_and_not_on_their_order() {
        let [a, b] = [(Field::User, "a"), (Field::Token, "b")];
        let of = |texts: &[(Field, &str)]| print(texts, Quotes::Doubled);
        assert_eq!(of(&[a, b]), of(&[b, a, (Field::Group, "")]));
        assert_ne!(of(&[a, b]), of(&[(Field::User, "b"), (Field::Token, "a")]));
        assert_ne!(of(&[a]), of(&[(Field::User, "a\0")]));
    }

    /// Whatever an entry says is in its print, but for its id where it has a request id.
    #[test]
    fn entries_that_differ_anywhere_have_prints_of_their_own() {
        let reading = Reading { time: &|text| text.parse().ok(), currency: None };
        let says = |field: Field, text: &str| {
            let mut row = Row::default();
            let usual = [(Field::RequestId, "r"), (Field::Type, "2"), (Field::Quota, "1")];
            for (field, text) in [(field, text)].into_iter().chain(usual) {
                row.set(field, text);
            }
            Print::of(&LogEntry::parse(&row, &reading).unwrap())
        };
        let counts = &Field::ALL[Field::PromptTokens as usize..=Field::ModelPrice as usize];
        let numbers = counts.iter().filter(|field| **field != Field::CostUsd).chain([&Field::Time, &Field::Type]);
        let texts = Print::TEXTS.iter().filter(|field| **field != Field::Id);
        let all: Vec<Print> = numbers.chain(texts).flat_map(|field| ["3", "4"].map(|text| says(*field, text))).collect();
        assert!((0..all.len()).all(|at| !all[..at].contains(&all[at])));
        assert_eq!(says(Field::Id, "3"), says(Field::Id, "4"));
        let nameless = ["3", "4"].map(|id| {
            let mut row = Row::default();
            row.set(Field::Id, id);
            Print::of(&LogEntry::parse(&row, &reading).unwrap())
        });
        assert_ne!(nameless[0], nameless[1]);
    }

    /// The console of Laisky's gateway shows no numbers, its database and an export of that do.
    #[test]
    fn numbers_of_rows_with_uuids_say_nothing() {
        let says = |cells: &[(Field, &str)]| {
            let mut row = Row::default();
            cells.iter().for_each(|(field, text)| row.set(*field, text));
            let reading = Reading { time: &|text| text.parse().ok(), currency: None };
            Print::of(&LogEntry::parse(&row, &reading).unwrap())
        };
        let [uuid, user, channel] = [(Field::Uuid, "01a2"), (Field::UserId, "3"), (Field::Channel, "0")];
        assert_eq!(says(&[uuid, user, channel]), says(&[uuid]));
        assert_ne!(says(&[user, channel]), says(&[]));
    }
}
