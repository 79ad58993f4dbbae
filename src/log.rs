//! One entry of a gateway's log: what the row says, in the words of our vocabulary, without judgement.
//!
//! A reader fills a [`Row`]: texts by [`Field`]. [`LogEntry::parse`] types them. All readers share this step,
//! so the same log read from CSV, JSON, NDJSON or SQLite gives equal entries.

use std::borrow::Cow;
use std::fmt;
use std::ops::{Range, RangeInclusive};

use serde::{Deserialize, Serialize};

pub use number::whole;
use number::{cost, instead_of_cost, instead_of_ratio, instead_of_whole, ungrouped};

use crate::exact::{Charged, Exact, Points, Ratio};

mod number;

macro_rules! fields {
    ($($variant:ident = $word:literal,)*) => {
        /// A field of the vocabulary. `docs/formats.md` lists the headers that each one is known by.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Field { $($variant,)* }

        impl Field {
            pub const ALL: &[Field] = &[$(Field::$variant,)*];
            pub const COUNT: usize = Field::ALL.len();

            /// The word of `--map`, messages, NDJSON output and docs.
            pub fn word(self) -> &'static str {
                match self { $(Field::$variant => $word,)* }
            }
        }
    };
}

fields! {
    Time = "time",
    Type = "type",
    Id = "id",
    RequestId = "request_id",
    Model = "model",
    UpstreamModel = "upstream_model",
    Group = "group",
    UserGroup = "user_group",
    User = "user",
    UserId = "user_id",
    Token = "token",
    TokenId = "token_id",
    Channel = "channel",
    ChannelUuid = "channel_uuid",
    Content = "content",
    Other = "other",
    PromptTokens = "prompt_tokens",
    UncachedTokens = "uncached_tokens",
    CachedTokens = "cached_tokens",
    CompletionTokens = "completion_tokens",
    CacheWriteTokens = "cache_write_tokens",
    CacheWrite5mTokens = "cache_write_5m_tokens",
    CacheWrite1hTokens = "cache_write_1h_tokens",
    AudioInputTokens = "audio_input_tokens",
    AudioOutputTokens = "audio_output_tokens",
    ImageInputTokens = "image_input_tokens",
    Quota = "quota",
    CostUsd = "cost_usd",
    ModelRatio = "model_ratio",
    CompletionRatio = "completion_ratio",
    CacheRatio = "cache_ratio",
    CacheWriteRatio = "cache_write_ratio",
    GroupRatio = "group_ratio",
    ModelPrice = "model_price",
    // What tells one gateway's row from another's.
    Uuid = "uuid",
    TraceId = "trace_id",
    OriginModel = "origin_model_name",
    Metadata = "metadata",
    RequestTime = "request_time",
    SourceIp = "source_ip",
    ElapsedTime = "elapsed_time",
    SystemPromptReset = "system_prompt_reset",
    UseTime = "use_time",
    Stream = "is_stream",
    UpstreamRequestId = "upstream_request_id",
}

impl Field {
    /// The columns of [`RowRatios`].
    pub const RATIOS: [Field; 6] = [
        Field::ModelRatio,
        Field::CompletionRatio,
        Field::CacheRatio,
        Field::CacheWriteRatio,
        Field::GroupRatio,
        Field::ModelPrice,
    ];
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A set of fields: the columns that an input has, or the fields that a row fills.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Fields(u64);

impl Fields {
    pub const NONE: Fields = Fields(0);

    pub fn insert(&mut self, field: Field) {
        self.0 |= 1 << field as u8;
    }

    pub fn contains(self, field: Field) -> bool {
        self.0 & (1 << field as u8) != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Field> for Fields {
    fn from_iter<I: IntoIterator<Item = Field>>(fields: I) -> Fields {
        let mut set = Fields::NONE;
        fields.into_iter().for_each(|field| set.insert(field));
        set
    }
}

/// Where a row stood: the input (in the order given) and its line there, counted from 1.
/// For a row of a SQLite file the line is its row id; in JSON, the line on which the object begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    pub input: u32,
    pub line: u64,
}

/// The texts of one row, in one buffer that is used again for the next row.
///
/// A field that the row lacks reads as "". Objects (`other`, `metadata`) stand as JSON text.
#[derive(Clone, Debug)]
pub struct Row {
    pub place: Place,
    /// The columns that the input has (JSON: the keys of this row, `null` or not); the reader sets them.
    pub columns: Fields,
    text: String,
    spans: [(u32, u32); Field::COUNT],
}

impl Default for Row {
    fn default() -> Row {
        Row { place: Place::default(), columns: Fields::NONE, text: String::new(), spans: [(0, 0); Field::COUNT] }
    }
}

impl Row {
    /// Empties the row; its buffer stays.
    pub fn clear(&mut self, place: Place) {
        self.place = place;
        self.text.clear();
        self.spans = [(0, 0); Field::COUNT];
    }

    /// Sets a field. The first text that a field gets in a row stays, so that `quota` wins over its aliases.
    pub fn set(&mut self, field: Field, text: &str) {
        self.set_with(field, |buffer| buffer.push_str(text));
    }

    /// Sets a field to what `write` appends to the buffer (numbers, unescaped JSON strings).
    pub fn set_with(&mut self, field: Field, write: impl FnOnce(&mut String)) {
        if !self.get(field).is_empty() {
            return;
        }
        let start = self.text.len();
        write(&mut self.text);
        // A row of 4 GiB does not fit the spans; such a field reads as empty and the row as malformed.
        let span = u32::try_from(start).and_then(|start| Ok((start, u32::try_from(self.text.len())?)));
        self.spans[field as usize] = span.unwrap_or((0, 0));
    }

    pub fn get(&self, field: Field) -> &str {
        let (start, end) = self.spans[field as usize];
        &self.text[Range { start: start as usize, end: end as usize }]
    }
}

/// Why a row could not be read: the field, what was found there, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    pub field: Cow<'static, str>,
    pub found: String,
    pub expected: &'static str,
}

impl RowError {
    pub fn new(field: impl Into<Cow<'static, str>>, found: &str, expected: &'static str) -> RowError {
        RowError { field: field.into(), found: shorten(found), expected }
    }
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: expected {}, found `{}`", self.field, self.expected, self.found)
    }
}

impl std::error::Error for RowError {}

/// The first 80 characters of a text, for messages.
pub fn shorten(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What kind of row it is: the number of the gateway's `type`, whose meaning the profile knows above 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `type` as a number, or a word for it (`consume`, `消费`, `Consume (2)`).
    Code(i64),
    /// The row has no type.
    Absent,
}

/// One row, typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry<'a> {
    pub place: Place,
    /// The columns that the input has (JSON: the keys of this row).
    pub columns: Fields,
    pub kind: Kind,
    /// Unix seconds.
    pub time: Option<i64>,
    /// What the gateway calls the row by: a number, or a uuid.
    pub id: &'a str,
    pub request_id: &'a str,
    pub model: &'a str,
    /// The model that the request was sent to, where a column says so.
    pub upstream_model: &'a str,
    pub group: &'a str,
    pub user_group: &'a str,
    pub user: &'a str,
    pub user_id: &'a str,
    pub token: &'a str,
    pub token_id: &'a str,
    /// The channel as the log names it best: id, else uuid or name.
    pub channel: &'a str,
    pub channel_uuid: &'a str,
    pub content: &'a str,
    /// JSON text of `other`, or of `metadata` where the gateway names it so.
    pub details: &'a str,
    pub tokens: Tokens,
    pub ratios: RowRatios,
    pub charged: Option<Charged>,
    /// Marks of single gateways: filled `uuid`, `trace_id`, …
    pub marks: Fields,
    /// Milliseconds that the request took (one-api, Laisky), for the start of the request.
    pub elapsed_ms: i64,
}

/// The token columns of a row; none where the row has no such column, 0 where the cell is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tokens {
    pub prompt: Option<i64>,
    pub uncached: Option<i64>,
    pub cached: Option<i64>,
    pub completion: Option<i64>,
    pub cache_write: Option<i64>,
    pub cache_write_5m: Option<i64>,
    pub cache_write_1h: Option<i64>,
    pub audio_input: Option<i64>,
    pub audio_output: Option<i64>,
    pub image_input: Option<i64>,
}

impl Tokens {
    /// All input, cached and written tokens inside, whichever column says it; none where no column does.
    pub fn all_input(&self) -> Option<i64> {
        let with_others = |uncached: i64| uncached.saturating_add(self.beside_uncached());
        self.prompt.or(self.uncached.map(with_others))
    }

    /// The input that is not uncached.
    pub fn beside_uncached(&self) -> i64 {
        self.cached.unwrap_or(0).saturating_add(self.all_writes())
    }

    /// All cache writes. Those that are split by how long they are kept stand within the others.
    pub fn all_writes(&self) -> i64 {
        let split = [self.cache_write_5m, self.cache_write_1h].into_iter().flatten().fold(0, i64::saturating_add);
        self.cache_write.unwrap_or(0).max(split)
    }
}

/// The ratio columns of a plain log: the row's own ratios.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RowRatios {
    pub model: Option<Ratio>,
    pub completion: Option<Ratio>,
    pub cache: Option<Ratio>,
    pub cache_write: Option<Ratio>,
    pub group: Option<Ratio>,
    pub price: Option<Ratio>,
}

/// What a plain log needs to be read: the zone of times without one, and what 1 unit of a foreign sign is in USD.
#[allow(missing_debug_implementations)]
pub struct Reading<'a> {
    /// Turns `2026-08-08 05:20:03` (and RFC 3339, dates, unix seconds and milliseconds) into unix seconds.
    pub time: &'a dyn Fn(&str) -> Option<i64>,
    /// The sign (`¥`) or code of the second currency, and how many of it are 1 USD.
    pub currency: Option<(&'a str, Ratio)>,
}

impl<'a> LogEntry<'a> {
    /// The group that a row counts to: without a name it is `default`.
    pub fn group_or_default(&self) -> &'a str {
        if self.group.is_empty() { "default" } else { self.group }
    }

    /// A test of a channel that an operator makes in the console: so say its token and its content, as far as they are there.
    pub fn is_channel_test(&self) -> bool {
        self.may_be_channel_test() && (self.token == TEST || !self.columns.contains(Field::Token))
    }

    /// Whether nothing was charged.
    pub fn is_free(&self) -> bool {
        self.charged.as_ref().is_none_or(Charged::is_zero)
    }

    /// Whether it is one if its token says so, too.
    pub fn may_be_channel_test(&self) -> bool {
        self.content == TEST
    }

    /// Types the texts of a row.
    pub fn parse(row: &'a Row, reading: &Reading<'_>) -> Result<LogEntry<'a>, RowError> {
        let cell = Cell { row };
        let marks = Field::ALL[Field::Uuid as usize..].iter().copied().filter(|f| !is_null(row.get(*f))).collect();
        let details = [Field::Other, Field::Metadata].map(|field| row.get(field));
        let details = details.into_iter().find(|text| !is_null(text)).unwrap_or("");
        Ok(LogEntry {
            place: row.place,
            columns: row.columns,
            kind: kind(row.get(Field::Type))?,
            time: cell.time(reading)?,
            id: cell.first_of([Field::Id, Field::Uuid]),
            request_id: row.get(Field::RequestId),
            model: row.get(Field::Model),
            upstream_model: row.get(Field::UpstreamModel),
            group: row.get(Field::Group),
            user_group: row.get(Field::UserGroup),
            user: row.get(Field::User),
            user_id: row.get(Field::UserId),
            token: row.get(Field::Token),
            token_id: row.get(Field::TokenId),
            channel: cell.first_of([Field::Channel, Field::ChannelUuid]),
            channel_uuid: row.get(Field::ChannelUuid),
            content: row.get(Field::Content),
            details,
            tokens: cell.all_tokens()?,
            ratios: cell.all_ratios()?,
            charged: cell.charged(reading)?,
            marks,
            elapsed_ms: cell.milliseconds(),
        })
    }
}

/// Whether a text is that of nothing: databases print a JSON column without a value as `null`.
fn is_null(text: &str) -> bool {
    matches!(text, "" | "null")
}

struct Cell<'r> {
    row: &'r Row,
}

impl<'r> Cell<'r> {
    /// The first of these fields that has a text.
    fn first_of(&self, fields: [Field; 2]) -> &'r str {
        fields.map(|field| self.row.get(field)).into_iter().find(|text| !text.is_empty()).unwrap_or("")
    }

    fn time(&self, reading: &Reading<'_>) -> Result<Option<i64>, RowError> {
        match self.row.get(Field::Time).trim() {
            "" => Ok(None),
            text => (reading.time)(text)
                .map(Some)
                .ok_or_else(|| RowError::new("time", text, "a date such as 2026-03-08, an RFC 3339 time or unix seconds")),
        }
    }

    fn all_tokens(&self) -> Result<Tokens, RowError> {
        Ok(Tokens {
            prompt: self.tokens(Field::PromptTokens)?,
            uncached: self.tokens(Field::UncachedTokens)?,
            cached: self.tokens(Field::CachedTokens)?,
            completion: self.tokens(Field::CompletionTokens)?,
            cache_write: self.tokens(Field::CacheWriteTokens)?,
            cache_write_5m: self.tokens(Field::CacheWrite5mTokens)?,
            cache_write_1h: self.tokens(Field::CacheWrite1hTokens)?,
            audio_input: self.tokens(Field::AudioInputTokens)?,
            audio_output: self.tokens(Field::AudioOutputTokens)?,
            image_input: self.tokens(Field::ImageInputTokens)?,
        })
    }

    fn tokens(&self, field: Field) -> Result<Option<i64>, RowError> {
        match self.row.get(field).trim() {
            "" => Ok(self.row.columns.contains(field).then_some(0)),
            text => whole(text)
                .map(Some)
                .ok_or_else(|| RowError::new(field.word(), text, instead_of_whole(text).unwrap_or("a whole number"))),
        }
    }

    fn all_ratios(&self) -> Result<RowRatios, RowError> {
        Ok(RowRatios {
            model: self.ratio(Field::ModelRatio)?,
            completion: self.ratio(Field::CompletionRatio)?,
            cache: self.ratio(Field::CacheRatio)?,
            cache_write: self.ratio(Field::CacheWriteRatio)?,
            group: self.ratio(Field::GroupRatio)?,
            price: self.ratio(Field::ModelPrice)?,
        })
    }

    fn ratio(&self, field: Field) -> Result<Option<Ratio>, RowError> {
        match self.row.get(field).trim() {
            "" => Ok(None),
            text => ungrouped(text)
                .parse()
                .map(Some)
                .map_err(|_| RowError::new(field.word(), text, instead_of_ratio(text).unwrap_or("a finite number"))),
        }
    }

    fn charged(&self, reading: &Reading<'_>) -> Result<Option<Charged>, RowError> {
        match self.row.get(Field::Quota).trim() {
            "" => self.cost(reading),
            text => match whole(text) {
                Some(points) => Ok(Some(Charged::Points(Points(points)))),
                // Consoles show a quota as money, and so do exports of what they show.
                None if text.contains(['$', '＄']) => cost(text, None).map(Some).ok_or_else(|| {
                    RowError::new("quota", text, instead_of_cost(text).unwrap_or("quota points, or an amount in USD"))
                }),
                None => {
                    let expected = instead_of_whole(text).unwrap_or("a whole number of quota points");
                    Err(RowError::new("quota", text, expected))
                }
            },
        }
    }

    fn cost(&self, reading: &Reading<'_>) -> Result<Option<Charged>, RowError> {
        const OTHER: &str = "an amount in USD (another currency needs `[currency]` in the config)";
        match self.row.get(Field::CostUsd).trim() {
            "" => Ok(None),
            text => cost(text, reading.currency)
                .map(Some)
                .ok_or_else(|| RowError::new("cost_usd", text, instead_of_cost(text).unwrap_or(OTHER))),
        }
    }

    /// `elapsed_time` in milliseconds; a console's `3.1s` or `812ms` too. What cannot be read is 0: no charge hangs on it but by time windows.
    fn milliseconds(&self) -> i64 {
        let text = self.row.get(Field::ElapsedTime).trim();
        if let Some(ms) = text.strip_suffix("ms") {
            return whole(ms.trim()).unwrap_or(0);
        }
        if let Some(seconds) = text.strip_suffix('s') {
            let exact = Exact::parse(seconds.trim()).map(|s| (s * 1000).round_half_away());
            return exact.map_or(0, |ms| Points::saturating(&ms).0);
        }
        whole(text).unwrap_or(0)
    }
}

/// The token name and the content of a test of a channel.
const TEST: &str = "模型测试";

/// The type of a row: a number, or the words that consoles print for it.
fn kind(text: &str) -> Result<Kind, RowError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Kind::Absent);
    }
    let code = text.strip_suffix(')').and_then(|t| t.rsplit_once('(')).map_or(text, |(_, code)| code);
    if let Some(code) = whole(code.trim()).filter(|code| CODES.contains(code)) {
        return Ok(Kind::Code(code));
    }
    let word = text.to_lowercase();
    KINDS
        .iter()
        .find(|(words, _)| words.contains(&word.as_str()))
        .map(|(_, code)| Kind::Code(*code))
        .ok_or_else(|| RowError::new("type", text, "a number from 0 to 7 or a word such as `consume` or `消费`"))
}

/// The numbers that gateways have.
const CODES: RangeInclusive<i64> = 0..=7;

const KINDS: &[(&[&str], i64)] = &[
    (&["unknown", "未知"], 0),
    (&["topup", "top-up", "top up", "recharge", "充值"], 1),
    (&["consume", "consumption", "usage", "消费", "消耗"], 2),
    (&["manage", "management", "管理"], 3),
    (&["system", "系统"], 4),
    (&["error", "错误", "test", "测试", "テスト"], 5),
    (&["refund", "退款"], 6),
    (&["login", "登录", "tool", "工具"], 7),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn reading() -> Reading<'static> {
        Reading { time: &|text| text.parse().ok(), currency: Some(("CNY", Ratio::new(73, -1))) }
    }

    #[track_caller]
    fn parse(field: Field, text: &str) -> Result<(), RowError> {
        let mut row = Row::default();
        row.set(field, text);
        row.columns.insert(field);
        LogEntry::parse(&row, &reading()).map(|_| ())
    }

    #[test]
    fn a_cell_that_is_no_number_names_its_field() {
        let error = parse(Field::PromptTokens, "12.5").unwrap_err();
        assert_eq!(error.to_string(), "`prompt_tokens`: expected a whole number, found `12.5`");
        assert!(parse(Field::PromptTokens, "").is_ok());
    }

    #[test]
    fn a_quota_may_be_shown_as_money() {
        let mut row = Row::default();
        row.set(Field::Quota, "$0.0049");
        let charged = LogEntry::parse(&row, &reading()).unwrap().charged;
        assert_eq!(charged, Some(Charged::Money { amount: Exact::parse("0.0049").unwrap(), per_usd: Ratio::ONE }));
    }

    #[test]
    fn the_word_null_is_no_metadata() {
        let mut row = Row::default();
        row.set(Field::Metadata, "null");
        let entry = LogEntry::parse(&row, &reading()).unwrap();
        assert_eq!((entry.details, entry.marks), ("", Fields::NONE));
    }

    #[test]
    fn a_type_is_a_number_or_a_word() {
        for (text, code) in [("2", 2), ("2.0", 2), ("消费", 2), ("Consume (2)", 2), ("退款", 6)] {
            assert_eq!(kind(text), Ok(Kind::Code(code)), "{text}");
        }
        for text in ["spent", "99", "-1", "2.5"] {
            assert!(kind(text).is_err(), "{text}");
        }
    }
}
