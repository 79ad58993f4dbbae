//! What a row says was used, and how the prompt splits into plain, cached and written tokens.
//!
//! The buckets stand beside the prompt if the model's name holds `claude`, or if either is larger than the prompt; else they are parts of it.
//! The log keeps the writes as the upstream sent them, so what was cut off them is cut off here again.

use crate::details::Details;
use crate::log::{LogEntry, RowError};

use super::content::TextRates;

/// The tokens of a row that is priced by token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The prompt that tiers and the rule for empty answers look at.
    pub prompt: i64,
    pub completion: i64,
    pub plain: i64,
    pub cached: i64,
    pub write_5m: i64,
    pub write_1h: i64,
    /// The writes as the log keeps them: 5 min and 1 h.
    logged_writes: (i64, i64),
    /// Neither a column nor the text says how many tokens were cached.
    pub cached_unknown: bool,
    /// Audio and cached tokens of a session are in no row.
    pub realtime: bool,
    /// Nothing says by which route the request came: the prompt may hold the cached tokens, as it does for `claude_messages`.
    route_unknown: bool,
}

impl Usage {
    pub fn of(entry: &LogEntry<'_>, details: &Details<'_>, text: Option<&TextRates>) -> Result<Usage, RowError> {
        let writes = details.nested("cache_write_tokens")?;
        let columns = &entry.tokens;
        let written = |key: &str, column: Option<i64>, printed: Option<i64>| -> Result<i64, RowError> {
            Ok(writes.whole(key)?.or(column).or(printed).unwrap_or(0).max(0))
        };
        let cached = columns.cached.or(text.and_then(|text| text.cached));
        let format = details.text("user_api_format").unwrap_or_default();
        let mut prompt = columns.prompt.or(columns.uncached).unwrap_or(0);
        if format == "claude_messages" {
            prompt = prompt.saturating_sub(cached.unwrap_or(0));
        }
        let write_5m = written("ephemeral_5m", columns.cache_write_5m, text.and_then(|text| text.write_5m))?;
        let write_1h = written("ephemeral_1h", columns.cache_write_1h, text.and_then(|text| text.write_1h))?;
        let usage = Usage {
            prompt,
            completion: columns.completion.unwrap_or(0),
            cached: cached.unwrap_or(0).max(0),
            logged_writes: (write_5m, write_1h),
            cached_unknown: cached.is_none(),
            realtime: format == "realtime",
            route_unknown: format.is_empty(),
            ..Usage::default()
        };
        Ok(usage.split(entry.model))
    }

    /// The same row if its prompt holds the cached tokens, where that may be.
    pub fn other_reading(&self, model: &str) -> Option<Usage> {
        let prompt = self.prompt.checked_sub(self.cached).filter(|prompt| *prompt >= 0)?;
        let written = Usage { prompt, route_unknown: false, ..*self };
        (self.route_unknown && self.cached > 0).then(|| written.split(model))
    }

    /// Without any tokens the charge is 0.
    pub fn is_none(&self) -> bool {
        self.prompt.saturating_add(self.completion) == 0
    }

    fn split(mut self, model: &str) -> Usage {
        (self.write_5m, self.write_1h) = self.logged_writes;
        let prompt = self.prompt.max(0);
        let writes = self.write_5m.saturating_add(self.write_1h);
        if is_claude(model) || self.cached > self.prompt || writes > self.prompt {
            return Usage { plain: prompt, ..self };
        }
        let rest = prompt - self.cached;
        let excess = writes.saturating_sub(rest).max(0);
        let of_hour = excess.min(self.write_1h);
        self.write_1h -= of_hour;
        self.write_5m -= excess - of_hour;
        self.plain = rest - self.write_5m - self.write_1h;
        self
    }
}

fn is_claude(model: &str) -> bool {
    model.to_ascii_lowercase().contains("claude")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Model, then prompt, cached, 5 min and 1 h writes; expected are plain, cached and the writes that count.
    #[track_caller]
    fn check(model: &str, [prompt, cached, write_5m, write_1h]: [i64; 4], expected: [i64; 4]) {
        let usage = Usage { prompt, cached, logged_writes: (write_5m, write_1h), ..Usage::default() }.split(model);
        assert_eq!([usage.plain, usage.cached, usage.write_5m, usage.write_1h], expected, "{model} {prompt}");
    }

    #[test]
    fn buckets_are_parts_of_the_prompt() {
        check("gpt-4o", [100, 30, 20, 10], [40, 30, 20, 10]);
        check("gpt-4o", [100, 60, 30, 30], [0, 60, 30, 10]);
        check("gpt-4o", [100, 90, 40, 20], [0, 90, 10, 0]);
        check("gpt-4o", [100, 100, 0, 0], [0, 100, 0, 0]);
    }

    #[test]
    fn without_a_route_the_prompt_may_hold_the_cached_tokens() {
        let usage = Usage { prompt: 500, cached: 400, logged_writes: (0, 90), route_unknown: true, ..Usage::default() }.split("m");
        assert_eq!((usage.plain, usage.write_1h), (10, 90));
        let other = usage.other_reading("m").unwrap();
        assert_eq!((other.prompt, other.plain, other.cached, other.write_1h), (100, 100, 400, 90));
        assert_eq!(Usage { route_unknown: false, ..usage }.other_reading("m"), None);
        assert_eq!(Usage { prompt: 399, ..usage }.other_reading("m"), None);
    }

    #[test]
    fn buckets_stand_beside_the_prompt() {
        check("my-Claude-x", [100, 30, 20, 10], [100, 30, 20, 10]);
        check("gpt-4o", [100, 101, 20, 0], [100, 101, 20, 0]);
        check("gpt-4o", [100, 0, 60, 41], [100, 0, 60, 41]);
    }
}
