//! What one request would cost by a gateway's own rules: a row that says its counts and nothing else is rated.

use super::new_api::Request;
use super::{Context, Memory, Profile, Rating, rate};
use crate::details::Details;
use crate::log::{Field, LogEntry, Reading, Row};
use crate::pricing::{Reason, Terms};

/// The terms of a request, or why it has no price. Tools and multipliers are new-api's alone and do not count.
pub fn of_request(profile: Profile, request: &Request, context: &Context<'_>) -> Result<Terms, Reason> {
    let mut row = Row::default();
    for (field, text) in [(Field::Model, &request.model), (Field::Group, &request.group), (Field::UserGroup, &request.user_group)] {
        row.set(field, text);
        row.columns.insert(field);
    }
    for (field, count) in [
        (Field::PromptTokens, request.prompt),
        (Field::CompletionTokens, request.completion),
        (Field::CachedTokens, request.cached),
        (Field::CacheWrite5mTokens, request.writes_5m),
        (Field::CacheWrite1hTokens, request.writes_1h),
        (Field::ImageInputTokens, request.image_input),
        (Field::AudioInputTokens, request.audio_input),
        (Field::AudioOutputTokens, request.audio_output),
        (Field::Quota, 0),
    ] {
        row.set(field, &count.to_string());
        row.columns.insert(field);
    }
    let entry = LogEntry::parse(&row, &Reading { time: &|_| None, currency: None }).map_err(|_| Reason::UnknownModel)?;
    match rate(profile, &entry, &Details::default(), context, &mut Memory::default()) {
        Ok(Rating::Charge(rated)) => rated.terms,
        _ => Err(Reason::UnknownModel),
    }
}
