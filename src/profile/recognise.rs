//! Which gateway wrote a row: the first mark that fits.

use super::Profile;
use super::laisky::content;
use crate::config::Config;
use crate::details::Details;
use crate::log::{Field, LogEntry};

/// The profile of a row, by the marks that it carries (never by its date).
///
/// Rows of new-api of 2025 and of Veloera look alike; `veloera` says what is known of the whole input.
pub fn recognise(entry: &LogEntry<'_>, details: &Details<'_>, veloera: bool) -> Profile {
    let marked = |fields: &[Field]| fields.iter().any(|field| entry.marks.contains(*field));
    let keyed = |keys: &[&str]| keys.iter().any(|key| details.has(key));
    let old = if veloera { Profile::Veloera } else { Profile::NewApi2025 };
    // Rows of this gateway leave these columns empty where nothing was requested: the header counts too.
    let laisky = [Field::Uuid, Field::TraceId, Field::OriginModel];
    if marked(&laisky) || laisky.iter().any(|field| entry.columns.contains(*field)) || content::is_own_text(entry.content) {
        return Profile::Laisky;
    }
    if marked(&[Field::RequestTime, Field::SourceIp]) || details.has("input_ratio") {
        return Profile::OneHub;
    }
    if marked(&[Field::ElapsedTime, Field::SystemPromptReset]) || (details.is_empty() && is_one_api_text(entry.content)) {
        let early = entry.request_id.is_empty() && entry.time.is_some_and(|time| time < NOVEMBER_2023);
        return if early && !names_completion(entry.content) { Profile::OneApi2023 } else { Profile::OneApi };
    }
    if !entry.request_id.is_empty() || keyed(&NEW_API) {
        return Profile::NewApi;
    }
    if keyed(&["input_content", "output_content", "context"]) {
        return Profile::Veloera;
    }
    if details.has("cache_ratio") {
        return old;
    }
    if details.has("model_ratio") {
        return Profile::NewApi2024;
    }
    // Midjourney and Suno rows carry nothing else, and are priced alike in all three.
    if details.has("group_ratio") && details.has("model_price") {
        return old;
    }
    Profile::NewApi
}

/// 2023-11-05, when one-api began to round up.
const NOVEMBER_2023: i64 = 1_699_142_400;

const NEW_API: [&str; 9] = [
    "request_path",
    "user_group_ratio",
    "billing_source",
    "usage_semantic",
    "tool_surcharges",
    "billing_mode",
    "task_id",
    "is_task",
    "violation_fee",
];

fn is_one_api_text(content: &str) -> bool {
    content.starts_with("倍率：") || content.starts_with("模型倍率 ") || content.contains("点额度（模型倍率")
}

fn names_completion(content: &str) -> bool {
    content.contains("补全倍率") || content.matches('×').count() == 2
}

/// Whether the options are Veloera's.
pub fn is_veloera(config: &Config) -> bool {
    config.settings.keys().any(|key| key.starts_with("CheckIn") || key.starts_with("Rebate"))
}
