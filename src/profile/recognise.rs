//! Which gateway wrote a row: the first mark that fits.

use super::Profile;
use super::laisky::content;
use crate::config::Config;
use crate::details::Details;
use crate::log::{Field, Kind, LogEntry};

/// The profile of a row, by the marks that it carries (never by its date).
///
/// Rows of new-api of 2025 and of Veloera look alike, and so do rows without details; `told` is what other rows told of the whole input.
pub fn recognise(entry: &LogEntry<'_>, details: &Details<'_>, told: Option<Profile>) -> Profile {
    let marked = |fields: &[Field]| fields.iter().any(|field| entry.marks.contains(*field));
    let keyed = |keys: &[&str]| keys.iter().any(|key| details.has(key));
    let old = told.unwrap_or(Profile::NewApi2025);
    // Rows of this gateway leave these columns empty where nothing was requested: the header counts too.
    let laisky = [Field::Uuid, Field::TraceId, Field::OriginModel];
    if marked(&laisky) || laisky.iter().any(|field| entry.columns.contains(*field)) || content::is_own_text(entry.content) {
        return Profile::Laisky;
    }
    if marked(&[Field::RequestTime, Field::SourceIp]) || details.has("input_ratio") {
        return Profile::OneHub;
    }
    if is_check_in(entry) {
        return Profile::Veloera;
    }
    if details.is_empty() && is_text_with_prices(entry.content) {
        return if entry.request_id.is_empty() { old } else { Profile::NewApi };
    }
    if marked(&[Field::ElapsedTime, Field::SystemPromptReset]) || (details.is_empty() && is_one_api_text(entry.content)) {
        let early = hangs_on_time(entry) && entry.time.is_some_and(|time| time < NOVEMBER_2023);
        return if early { Profile::OneApi2023 } else { Profile::OneApi };
    }
    if !entry.request_id.is_empty() || keyed(&NEW_API) {
        return Profile::NewApi;
    }
    if keyed(&VELOERA) {
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
    told.unwrap_or(Profile::NewApi)
}

/// Whether nothing that a row carries, but for its text, could say which gateway of the new-api family wrote it: its details are gone, or
/// those of its keys that tell.
pub fn is_undecided(entry: &LogEntry<'_>, details: &Details<'_>, recognised: Profile) -> bool {
    let is_of_family = matches!(recognised, Profile::NewApi | Profile::NewApi2025 | Profile::Veloera);
    let told = ["cache_ratio", "model_ratio"].iter().chain(&NEW_API);
    let is_task = details.has("group_ratio") && details.has("model_price");
    is_of_family && entry.request_id.is_empty() && !is_task && !told.into_iter().any(|key| details.has(key))
}

/// Whether the time of a row may decide its profile.
pub fn hangs_on_time(entry: &LogEntry<'_>) -> bool {
    entry.request_id.is_empty() && !names_completion(entry.content)
}

/// 2023-11-05, when one-api began to round up.
const NOVEMBER_2023: i64 = 1_699_142_400;

/// What only new-api since May 2025 writes: tools, audio with a price of its own, and the keys of later versions.
const NEW_API: [&str; 13] = [
    "web_search",
    "file_search",
    "image_generation_call",
    "audio_input_seperate_price",
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

const VELOERA: [&str; 3] = ["input_content", "output_content", "context"];

/// The gateway that a row tells for all rows of its input that do not tell one themselves.
pub fn told(entry: &LogEntry<'_>, details: &Details<'_>) -> Option<Profile> {
    if is_veloera_row(entry, details) {
        return Some(Profile::Veloera);
    }
    let is_old = details.is_empty() && entry.request_id.is_empty() && is_old_text(entry.content);
    is_old.then_some(Profile::NewApi2025)
}

/// Whether a row is one that only Veloera writes: a check-in, a rebate, a chat that was kept.
fn is_veloera_row(entry: &LogEntry<'_>, details: &Details<'_>) -> bool {
    let kept =
        || entry.request_id.is_empty() && VELOERA.iter().any(|key| details.has(key)) && !NEW_API.iter().any(|key| details.has(key));
    match entry.kind {
        Kind::Code(4) => entry.content.contains("返佣"),
        Kind::Code(5) => is_check_in(entry),
        _ => kept(),
    }
}

fn is_check_in(entry: &LogEntry<'_>) -> bool {
    entry.kind == Kind::Code(5) && entry.content.starts_with("签到奖励")
}

fn is_one_api_text(content: &str) -> bool {
    content.starts_with("倍率：") || content.starts_with("模型倍率 ") || content.contains("额度（模型倍率 ")
}

/// new-api of August 2024 to August 2025 names the completion ratio before that of the group; one-api behind it. Of an image it names no
/// number.
fn is_old_text(content: &str) -> bool {
    let behind = |name: &str| content.find(name).unwrap_or(usize::MAX);
    let is_image = content.starts_with("模型价格 ") && content.contains(", 大小 ") && content.contains(", 品质 ");
    let is_text = content.starts_with("模型倍率 ") && behind("，补全倍率 ") < behind("，分组倍率 ");
    is_image || (is_text && !is_audio_text(content))
}

/// A text of new-api before August 2025, or one that it prints to this day: of audio, also at a price per call.
fn is_text_with_prices(content: &str) -> bool {
    is_old_text(content) || is_audio_text(content) || content.starts_with("模型价格 ")
}

/// Audio and realtime rows print their ratios to this day.
pub fn is_audio_text(content: &str) -> bool {
    content.starts_with("模型倍率 ") && content.contains("，音频倍率 ")
}

fn names_completion(content: &str) -> bool {
    content.contains("补全倍率") || content.matches('×').count() == 2
}

/// Whether the options or the channels are Veloera's.
pub fn is_veloera(config: &Config) -> bool {
    config.settings.keys().any(|key| key.starts_with("CheckIn") || key.starts_with("Rebate"))
        || config.channels.values().any(|channel| !channel.model_prefix.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Reading, Row};

    #[track_caller]
    fn check(kind: &str, content: &str, other: &str, profile: Profile, tells: Option<Profile>) {
        let mut row = Row::default();
        row.set(Field::Type, kind);
        row.set(Field::Content, content);
        row.set(Field::Other, other);
        let entry = LogEntry::parse(&row, &Reading { time: &|_| None, currency: None }).unwrap();
        let details = Details::parse("other", entry.details).unwrap();
        assert_eq!((recognise(&entry, &details, None), told(&entry, &details)), (profile, tells));
    }

    #[test]
    fn the_keys_of_a_row_decide() {
        let of_2024 = r#"{"model_ratio":1,"completion_ratio":1,"group_ratio":1,"model_price":-1}"#;
        let of_2025 = r#"{"model_ratio":1,"completion_ratio":1,"group_ratio":1,"model_price":-1,"cache_ratio":1,"cache_tokens":0}"#;
        let of_2026 = r#"{"model_ratio":1,"cache_ratio":1,"group_ratio":1,"user_group_ratio":-1}"#;
        check("2", "", of_2024, Profile::NewApi2024, None);
        check("2", "", of_2025, Profile::NewApi2025, None);
        check("2", "", of_2026, Profile::NewApi, None);
        for key in ["web_search", "file_search", "image_generation_call", "audio_input_seperate_price"] {
            check("2", "", &format!(r#"{{"model_ratio":1,"cache_ratio":1,"group_ratio":1,"{key}":true}}"#), Profile::NewApi, None);
        }
        check("2", "", r#"{"cache_ratio":1,"input_content":[]}"#, Profile::Veloera, Some(Profile::Veloera));
        check(
            "2",
            "模型固定价格 0.10，分组倍率 1.00，操作 MUSIC",
            r#"{"group_ratio":1,"model_price":0.1}"#,
            Profile::NewApi2025,
            None,
        );
    }

    #[test]
    fn texts_tell_where_there_are_no_keys() {
        check("5", "签到奖励 ＄0.038922 额度", "", Profile::Veloera, Some(Profile::Veloera));
        check("4", "获得兑换码返佣 ＄0.01 额度，返佣比例：7.5%", "", Profile::NewApi, Some(Profile::Veloera));
        check("2", "模型倍率 1.00，补全倍率 5.00，分组倍率 1.10", "", Profile::NewApi2025, Some(Profile::NewApi2025));
        check("2", "模型倍率 1.00，分组倍率 1.10，补全倍率 5.00", "", Profile::OneApi, None);
    }
}
