//! What a row says was used, and by which of the gateway's ways it was charged.

use super::Rules;
use crate::details::Details;
use crate::log::{Field, LogEntry, RowError};
use crate::profile::image::Image;

/// Tokens of an audio or realtime row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Audio {
    pub text_input: i64,
    pub text_output: i64,
    pub audio_input: i64,
    pub audio_output: i64,
}

/// The way of a charge through the gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    #[default]
    Text,
    /// A request of Claude's own kind (`claude` in the row).
    Claude,
    /// A chat with audio: a requested name that begins with `gpt-4o-audio`.
    Audio(Audio),
    Realtime(Audio),
    /// Midjourney and Suno.
    Task,
}

/// What a row says was used.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage<'a> {
    pub way: Way,
    /// A test that an operator made in the console.
    pub test: bool,
    /// For images the number that was asked for.
    pub prompt: i64,
    pub completion: i64,
    pub cached: i64,
    pub written: i64,
    pub image: Option<Image<'a>>,
    /// The gateway saw no tokens.
    pub nothing: bool,
    /// The input has no place that could hold cached tokens.
    pub cached_unknown: bool,
    /// Audio within prompt and completion is not counted: an export without details.
    pub audio_uncounted: bool,
}

/// What the content says of an answer without tokens.
const NOTHING: &str = "（可能是上游超时）";

impl<'a> Usage<'a> {
    pub fn of(entry: &LogEntry<'a>, details: &Details<'a>, rules: &Rules) -> Result<Usage<'a>, RowError> {
        let way = way(entry, details, rules)?;
        let tokens = &entry.tokens;
        let bare = details.is_empty();
        let cached = if bare { tokens.cached.unwrap_or(0) } else { details.tokens("cache_tokens")? };
        let prompt = tokens.prompt.or(tokens.uncached.map(|uncached| uncached.saturating_add(cached))).unwrap_or(0);
        let completion = tokens.completion.unwrap_or(0);
        let empty = prompt.saturating_add(completion) == 0;
        Ok(Usage {
            way,
            test: entry.is_channel_test(),
            prompt,
            completion,
            cached,
            written: details.tokens("cache_creation_tokens")?,
            image: Image::of(entry.content),
            nothing: match way {
                Way::Text | Way::Claude => empty,
                Way::Audio(_) | Way::Realtime(_) => entry.content.contains(NOTHING),
                Way::Task => false,
            },
            cached_unknown: rules.caches && bare && tokens.cached.is_none() && tokens.uncached.is_none(),
            audio_uncounted: bare && is_audio_text(entry.content),
        })
    }

    pub fn audio(&self) -> Option<Audio> {
        match self.way {
            Way::Audio(audio) | Way::Realtime(audio) => Some(audio),
            _ => None,
        }
    }
}

fn way(entry: &LogEntry<'_>, details: &Details<'_>, rules: &Rules) -> Result<Way, RowError> {
    if details.flag("ws") {
        return Ok(Way::Realtime(audio(details)?));
    }
    if details.flag("audio") {
        return Ok(Way::Audio(audio(details)?));
    }
    if details.is_empty() && (is_audio_text(entry.content) || is_free_audio(entry)) {
        let audio = Audio {
            text_input: entry.tokens.prompt.unwrap_or(0),
            text_output: entry.tokens.completion.unwrap_or(0),
            ..Audio::default()
        };
        let is_chat = entry.model.starts_with("gpt-4o-audio");
        return Ok(if is_chat { Way::Audio(audio) } else { Way::Realtime(audio) });
    }
    let task = details.has("model_price") && !details.has("model_ratio");
    if task || entry.content.starts_with("模型固定价格") {
        return Ok(Way::Task);
    }
    Ok(if rules.caches && (details.flag("claude") || is_bare_claude(entry, details)) { Way::Claude } else { Way::Text })
}

/// Of all rows only those of Claude's own kind have no text, or only the one that nothing came.
fn is_bare_claude(entry: &LogEntry<'_>, details: &Details<'_>) -> bool {
    let has_column = entry.columns.contains(Field::Content);
    details.is_empty() && has_column && matches!(entry.content, "" | "（可能是上游出错）")
}

/// `模型倍率 2.50，补全倍率 4.00，音频倍率 20.00，…`.
fn is_audio_text(content: &str) -> bool {
    content.starts_with("模型倍率 ") && content.contains("，音频倍率 ")
}

/// A price per call is not handed on to answers with audio, and their text is that of other calls: only a charge of 0 tells them apart.
fn is_free_audio(entry: &LogEntry<'_>) -> bool {
    let speaks = entry.model.starts_with("gpt-4o-audio") || entry.model.contains("-realtime");
    speaks && entry.content.starts_with("模型价格 ") && entry.is_free()
}

fn audio(details: &Details<'_>) -> Result<Audio, RowError> {
    Ok(Audio {
        text_input: details.tokens("text_input")?,
        text_output: details.tokens("text_output")?,
        audio_input: details.tokens("audio_input")?,
        audio_output: details.tokens("audio_output")?,
    })
}
