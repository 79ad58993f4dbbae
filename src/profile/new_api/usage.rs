//! What a row of the new-api family says was used.

use std::borrow::Cow;

use crate::details::Details;
use crate::exact::Ratio;
use crate::log::{Field, LogEntry, RowError, Tokens};
use crate::profile::image::{self, Factors};
use crate::profile::recognise;

/// A tool that was called.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool<'a> {
    pub name: Cow<'a, str>,
    pub count: i64,
    /// USD per 1000 calls as the row prints it.
    pub price: Option<Ratio>,
    /// Rows of 2025 print a price that no option changes.
    pub fixed_price: bool,
}

/// Tokens of an audio or realtime row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Audio {
    pub text_input: i64,
    pub text_output: i64,
    pub audio_input: i64,
    pub audio_output: i64,
    /// A realtime session (`ws`).
    pub realtime: bool,
}

/// An image request, as the content tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    /// What its price is multiplied with: DALL-E's alone.
    pub factors: Option<Factors>,
    /// The number that was asked for.
    pub count: i64,
}

/// What a row says was used.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage<'a> {
    pub prompt: i64,
    pub completion: i64,
    pub cached: i64,
    /// All cache writes; the split may say less or more.
    pub writes: i64,
    pub writes_5m: i64,
    pub writes_1h: i64,
    pub image_input: i64,
    /// Audio input with a price of its own (Gemini): tokens, and USD per 1M as the row prints it.
    pub separate_audio: Option<(i64, Option<Ratio>)>,
    /// Audio within prompt and completion (plain logs).
    pub audio_within: (i64, i64),
    pub audio: Option<Audio>,
    /// The prompt excludes cache reads and writes.
    pub excludes_cache: bool,
    /// The row says that its counts are Anthropic's.
    pub anthropic: bool,
    /// Writes of 5 minutes and 1 hour have their own rates.
    pub split_priced: bool,
    /// Nothing but the split tells the semantics: the other reading is possible.
    pub split_only: bool,
    pub no_usage: bool,
    /// A price per call holds without tokens: no column could tell them, or something was charged although there are none, as for a task.
    pub untold: bool,
    /// The row has no details.
    pub bare: bool,
    pub tools: Vec<Tool<'a>>,
    pub image: Option<Image>,
    /// The input has no column that could hold cached tokens.
    pub cached_unknown: bool,
    pub uncounted: Uncounted,
}

/// Kinds of tokens that a row without details may have used and that no column counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uncounted {
    /// Audio within prompt and completion, of an audio or realtime row.
    pub audio: bool,
    /// Audio input with a price of its own, within the prompt.
    pub separate_audio: bool,
    /// Images within the prompt, in a gateway's own export. A plain log used what its columns say.
    pub images: bool,
}

/// The content says that there was no usage.
const NO_USAGE: &str = "上游没有返回计费信息";
/// The content of audio and realtime rows whose upstream counted no tokens.
const NO_AUDIO_USAGE: &str = "（可能是上游超时）";
/// What the content of a row says whose audio input has a price of its own.
const SEPARATE_AUDIO: &str = "Audio Input 花费 ";

impl<'a> Usage<'a> {
    pub fn of(entry: &LogEntry<'a>, details: &Details<'a>) -> Result<Usage<'a>, RowError> {
        let mut usage = if details.is_empty() { columns(entry)? } else { of_details(entry, details)? };
        usage.image = image(entry);
        usage.bare = details.is_empty();
        usage.untold =
            !entry.content.contains(NO_USAGE) && (has_no_columns(entry) || is_paid_without_tokens(entry, details, &usage));
        Ok(usage)
    }
}

/// Whether no column could tell tokens.
pub fn has_no_columns(entry: &LogEntry<'_>) -> bool {
    entry.tokens == Tokens::default()
}

/// A call without an answer is free, a task has no tokens: without details only the charge tells them apart.
fn is_paid_without_tokens(entry: &LogEntry<'_>, details: &Details<'_>, usage: &Usage<'_>) -> bool {
    details.is_empty() && usage.no_usage && !entry.is_free()
}

fn of_details<'a>(entry: &LogEntry<'a>, details: &Details<'a>) -> Result<Usage<'a>, RowError> {
    let semantic = details.text("usage_semantic");
    let marked = details.has("claude") || semantic.is_some();
    let (writes_5m, writes_1h) = (details.tokens("cache_creation_tokens_5m")?, details.tokens("cache_creation_tokens_1h")?);
    let split_only = !marked && (writes_5m > 0 || writes_1h > 0) && !details.has("input_tokens_total");
    let anthropic = semantic.as_deref() == Some("anthropic");
    let excludes_cache = anthropic || (semantic.is_none() && details.flag("claude")) || split_only;
    let mut usage = Usage {
        prompt: entry.tokens.prompt.unwrap_or(0),
        completion: entry.tokens.completion.unwrap_or(0),
        cached: details.tokens("cache_tokens")?,
        writes: details.tokens("cache_creation_tokens")?,
        writes_5m,
        writes_1h,
        image_input: if details.flag("image") { details.tokens("image_output")?.max(0) } else { 0 },
        separate_audio: separate_audio(details)?,
        audio: audio(details)?,
        excludes_cache,
        anthropic,
        split_priced: excludes_cache,
        split_only,
        tools: tools(details)?,
        ..Usage::default()
    };
    usage.no_usage = no_usage(entry, &usage);
    Ok(usage)
}

/// The rule for empty answers looks at the tokens before an adjustment of OpenRouter's counts; there only the content tells.
fn no_usage(entry: &LogEntry<'_>, usage: &Usage<'_>) -> bool {
    if usage.audio.is_some() {
        return entry.content.ends_with(NO_AUDIO_USAGE);
    }
    let adjusted = usage.excludes_cache && (usage.cached != 0 || usage.writes != 0);
    entry.content.contains(NO_USAGE)
        || (usage.prompt.saturating_add(usage.completion) == 0 && !(adjusted && entry.columns.contains(Field::Content)))
}

fn separate_audio(details: &Details<'_>) -> Result<Option<(i64, Option<Ratio>)>, RowError> {
    if !details.flag("audio_input_seperate_price") {
        return Ok(None);
    }
    Ok(Some((details.tokens("audio_input_token_count")?, details.ratio("audio_input_price")?)))
}

fn audio(details: &Details<'_>) -> Result<Option<Audio>, RowError> {
    if !details.flag("audio") && !details.flag("ws") {
        return Ok(None);
    }
    Ok(Some(Audio {
        text_input: details.tokens("text_input")?,
        text_output: details.tokens("text_output")?,
        audio_input: details.tokens("audio_input")?,
        audio_output: details.tokens("audio_output")?,
        realtime: details.flag("ws"),
    }))
}

fn tools<'a>(details: &Details<'a>) -> Result<Vec<Tool<'a>>, RowError> {
    let mut tools = Vec::new();
    for tool in details.list("tool_surcharges")? {
        tools.push(Tool {
            name: tool.text("name").unwrap_or_default(),
            count: tool.tokens("count")?,
            price: tool.ratio("price")?,
            fixed_price: false,
        });
    }
    for (name, per_call) in [("web_search", false), ("file_search", false), ("image_generation_call", true)] {
        if details.flag(name) {
            tools.push(tool_of_2025(details, name, per_call)?);
        }
    }
    Ok(tools)
}

/// `web_search: true` with a count and a price per 1000 calls beside it; image generation has a price for one call.
fn tool_of_2025<'a>(details: &Details<'a>, name: &'static str, per_call: bool) -> Result<Tool<'a>, RowError> {
    let count = details.whole(&format!("{name}_call_count"))?.unwrap_or(1);
    let price = details.ratio(&format!("{name}_price"))?;
    let price = if per_call { price.map(|p| Ratio::new(p.mantissa(), p.exponent() + 3)) } else { price };
    Ok(Tool { name: Cow::Borrowed(name), count, price, fixed_price: true })
}

/// A row without details: a plain log, or a gateway's slim export. All counts stand in columns, the prompt includes cached and written tokens.
fn columns<'a>(entry: &LogEntry<'a>) -> Result<Usage<'a>, RowError> {
    let tokens = &entry.tokens;
    if let (Some(prompt), Some(uncached)) = (tokens.prompt, tokens.uncached)
        && prompt != uncached.saturating_add(tokens.beside_uncached())
    {
        let expected = "`prompt_tokens` to be uncached, cached and written tokens together";
        return Err(RowError::new(Field::PromptTokens.word(), &prompt.to_string(), expected));
    }
    let prompt = tokens.all_input().unwrap_or(0);
    let completion = tokens.completion.unwrap_or(0);
    let has_audio_columns = tokens.audio_input.or(tokens.audio_output).is_some();
    let is_audio = !has_audio_columns && is_audio_text(entry.content);
    let no_usage = match is_audio {
        true => entry.content.ends_with(NO_AUDIO_USAGE),
        false => entry.content.contains(NO_USAGE) || prompt.saturating_add(completion) == 0,
    };
    Ok(Usage {
        prompt,
        completion,
        cached: tokens.cached.unwrap_or(0),
        writes: tokens.all_writes(),
        writes_5m: tokens.cache_write_5m.unwrap_or(0),
        writes_1h: tokens.cache_write_1h.unwrap_or(0),
        image_input: tokens.image_input.unwrap_or(0),
        audio_within: (tokens.audio_input.unwrap_or(0), tokens.audio_output.unwrap_or(0)),
        audio: is_audio.then_some(Audio { text_input: prompt, text_output: completion, ..Audio::default() }),
        split_priced: true,
        no_usage,
        tools: tools_of_content(entry.content),
        cached_unknown: tokens.cached.is_none() && tokens.uncached.is_none() && !is_audio,
        uncounted: Uncounted {
            audio: is_audio,
            separate_audio: !has_audio_columns && entry.content.contains(SEPARATE_AUDIO),
            images: tokens.image_input.is_none() && entry.columns.contains(Field::Content),
        },
        ..Usage::default()
    })
}

/// `模型倍率 1.25，补全倍率 4.00，音频倍率 16.00，…`, or `模型价格 0.05，分组倍率 1.00`: only audio and realtime rows say this.
fn is_audio_text(content: &str) -> bool {
    recognise::is_audio_text(content) || (content.starts_with("模型价格 ") && !content.contains("大小 "))
}

/// `web_search 调用 4 次，调用花费 …` in the content, the only trace of tools in an export without `other`.
fn tools_of_content(content: &str) -> Vec<Tool<'_>> {
    let mut parts = content.split(" 调用 ");
    let mut before = parts.next().unwrap_or("");
    let mut tools = Vec::new();
    for after in parts {
        let name = before.rsplit_once(", ").map_or(before, |(_, name)| name);
        if let Some(count) = after.split_once(" 次，").and_then(|(count, _)| count.parse().ok()) {
            tools.push(Tool { name: Cow::Borrowed(name), count, price: None, fixed_price: false });
        }
        before = after;
    }
    tools
}

/// `大小 1024x1024, 品质 hd, 生成数量 2`; size and quality may be missing.
fn image(entry: &LogEntry<'_>) -> Option<Image> {
    let count = image::part(entry.content, "生成数量 ")?.parse().ok()?;
    let factors = || image::Image::of_parts(entry.content).factors(entry.model, 1);
    Some(Image { factors: matches!(entry.model, "dall-e-2" | "dall-e-3").then(factors), count })
}
