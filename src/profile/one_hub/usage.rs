//! What a row says was used.

use std::borrow::Cow;

use crate::details::Details;
use crate::exact::Ratio;
use crate::log::{LogEntry, RowError};
use crate::pricing::{Class, PerClass};

/// The classes as `metadata` and price lists name them, with their ratio where a price has none.
pub const CLASSES: [(&str, Class, Ratio); 10] = [
    ("cached_tokens", Class::Cached, Ratio::ONE),
    ("cached_write_tokens", Class::CacheWrite, Ratio::new(125, -2)),
    ("cached_read_tokens", Class::CacheRead, Ratio::new(1, -1)),
    ("input_text_tokens", Class::TextInput, Ratio::ONE),
    ("input_image_tokens", Class::ImageInput, Ratio::ONE),
    ("input_audio_tokens", Class::AudioInput, Ratio::ONE),
    ("output_text_tokens", Class::TextOutput, Ratio::ONE),
    ("output_image_tokens", Class::ImageOutput, Ratio::ONE),
    ("output_audio_tokens", Class::AudioOutput, Ratio::ONE),
    ("reasoning_tokens", Class::Reasoning, Ratio::ONE),
];

/// The ratios of classes whose price has none.
pub fn unpriced() -> PerClass<Ratio> {
    let mut ratios = PerClass::default();
    CLASSES.iter().for_each(|(_, class, ratio)| ratios[*class] = *ratio);
    ratios
}

/// A tool of `extra_billing`.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool<'a> {
    pub name: String,
    /// Quality and size of an image, how much a search reads; mostly empty.
    pub kind: Cow<'a, str>,
    pub calls: i64,
    /// USD for one call, as the row prints it.
    pub price: Option<Ratio>,
}

/// What was used. The classes stand within prompt and completion.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage<'a> {
    pub prompt: i64,
    pub completion: i64,
    pub classes: PerClass<i64>,
    pub tools: Vec<Tool<'a>>,
}

impl<'a> Usage<'a> {
    pub fn of(entry: &LogEntry<'a>, details: &Details<'a>) -> Result<Usage<'a>, RowError> {
        let tokens = &entry.tokens;
        let mut classes = PerClass::default();
        for (key, class, _) in CLASSES {
            classes[class] = details.whole(key)?.or(column(entry, class)).unwrap_or(0);
        }
        let prompt = tokens.all_input().unwrap_or_else(|| tokens.beside_uncached());
        Ok(Usage { prompt, completion: tokens.completion.unwrap_or(0), classes, tools: tools(details)? })
    }
}

/// The column of a class; only plain logs have them.
fn column(entry: &LogEntry<'_>, class: Class) -> Option<i64> {
    let tokens = &entry.tokens;
    match class {
        Class::Cached => tokens.cached,
        Class::CacheWrite => Some(tokens.all_writes()),
        Class::ImageInput => tokens.image_input,
        Class::AudioInput => tokens.audio_input,
        Class::AudioOutput => tokens.audio_output,
        _ => None,
    }
}

fn tools<'a>(details: &Details<'a>) -> Result<Vec<Tool<'a>>, RowError> {
    let billed = details.nested("extra_billing")?;
    let names: Vec<String> = billed.keys().map(str::to_owned).collect();
    names
        .into_iter()
        .map(|name| {
            let tool = billed.nested(&name)?;
            let kind = tool.text("type").unwrap_or_default();
            Ok(Tool { kind, calls: tool.tokens("call_count")?, price: tool.ratio("price")?, name })
        })
        .collect()
}
