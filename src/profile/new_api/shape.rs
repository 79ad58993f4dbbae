//! How the counts of a plain answer become tokens by class.
//!
//! Two rows with the same model, group, marks and ratios differ in their counts alone, and these enter the terms here and nowhere
//! else. So whoever holds the terms of one such row and its [`Shape`] has those of all others.

use super::Rules;
use super::quote::{Asked, Quote};
use super::usage::Usage;
use crate::pricing::{Class, PerClass, Terms};

/// The numbers of tokens that a row says, as it says them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub prompt: i64,
    pub completion: i64,
    pub cached: i64,
    pub writes: i64,
    pub writes_5m: i64,
    pub writes_1h: i64,
}

/// What is to be done with the counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The charge does not depend on them.
    pub per_call: bool,
    /// The prompt excludes what was read from the cache and written to it.
    pub excludes: bool,
    /// Writes of 5 minutes and 1 hour have their own rates.
    pub split: bool,
    /// Uncached input is never counted below 0.
    pub clamps: bool,
    /// The price hangs on the channel.
    pub by_channel: bool,
}

impl Counts {
    pub(super) fn of(usage: &Usage<'_>) -> Counts {
        Counts {
            prompt: usage.prompt,
            completion: usage.completion,
            cached: usage.cached,
            writes: usage.writes,
            writes_5m: usage.writes_5m,
            writes_1h: usage.writes_1h,
        }
    }
}

impl Shape {
    /// The classes that a shape gives tokens to.
    pub const CLASSES: [Class; 6] =
        [Class::Input, Class::Cached, Class::CacheWrite, Class::CacheWrite5m, Class::CacheWrite1h, Class::Output];

    /// Prompt and completion are counted as they are, and whatever else counts stands beside or within them.
    pub const WHOLE: Shape = Shape { per_call: false, excludes: true, split: false, clamps: false, by_channel: false };

    /// The tokens of all classes; `apart` are those of the prompt that other classes hold.
    pub fn all_tokens(self, counts: &Counts, apart: i64) -> PerClass<i64> {
        let mut all = PerClass::default();
        for (class, tokens) in Shape::CLASSES.into_iter().zip(self.tokens(counts, apart)) {
            all[class] = tokens;
        }
        all
    }

    /// The tokens of [`Shape::CLASSES`].
    #[inline]
    pub fn tokens(self, counts: &Counts, apart: i64) -> [i64; 6] {
        if self.per_call {
            return [0; 6];
        }
        let beside = if self.excludes { 0 } else { counts.cached.saturating_add(counts.writes) };
        let base = counts.prompt.saturating_sub(beside.saturating_add(apart));
        let (five, hour) = if self.split { (counts.writes_5m, counts.writes_1h) } else { (0, 0) };
        let rest = counts.writes.saturating_sub(five).saturating_sub(hour);
        let input = if self.clamps { base.max(0) } else { base };
        let writes = if self.split { rest.max(0) } else { rest };
        [input, counts.cached, writes, five, hour, counts.completion]
    }
}

/// The shape of a row; none where more than its counts enters the terms, or enters them in another way.
pub fn of(asked: &Asked<'_, '_>, quote: &Quote, terms: &Terms, rules: &Rules) -> Option<Shape> {
    let usage = asked.usage;
    let is_plain = usage.audio.is_none()
        && usage.separate_audio.is_none()
        && usage.audio_within == (0, 0)
        && usage.image.is_none()
        && usage.image_input == 0
        && usage.tools.is_empty()
        && terms.multipliers.is_empty()
        && !usage.split_only
        && !terms.no_usage
        && quote.expression.is_none()
        && !asked.entry.may_be_channel_test();
    is_plain.then_some(Shape {
        per_call: quote.price.is_some(),
        excludes: usage.excludes_cache,
        split: usage.split_priced,
        clamps: rules.clamps,
        by_channel: false,
    })
}
