//! Where a gateway departs from its own price rules.

use serde::{Deserialize, Serialize};

use crate::pricing::Terms;

/// A named departure of a gateway from its own price rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quirk {
    ChannelTest,
    AudioPriceFree,
    AudioResponsesUnpaid,
    CacheOnlyFree,
    CacheWriteUnsplitFree,
    SmallRequestFree,
    FreeGroupMinimum,
    ImageByRatio,
    RoundedInSteps,
    FloatTie,
    FallbackRatio,
    PriceLocked,
    TaskSettledAtOtherGroup,
    TierInputIgnored,
    ImageGroupZero,
    RefundExceedsCharge,
}

impl Quirk {
    pub fn word(self) -> &'static str {
        match self {
            Quirk::ChannelTest => "channel-test",
            Quirk::AudioPriceFree => "audio-price-free",
            Quirk::AudioResponsesUnpaid => "audio-responses-unpaid",
            Quirk::CacheOnlyFree => "cache-only-free",
            Quirk::CacheWriteUnsplitFree => "cache-write-unsplit-free",
            Quirk::SmallRequestFree => "small-request-free",
            Quirk::FreeGroupMinimum => "free-group-minimum",
            Quirk::ImageByRatio => "image-by-ratio",
            Quirk::RoundedInSteps => "rounded-in-steps",
            Quirk::FloatTie => "float-tie",
            Quirk::FallbackRatio => "fallback-ratio",
            Quirk::PriceLocked => "price-locked",
            Quirk::TaskSettledAtOtherGroup => "task-settled-at-other-group",
            Quirk::TierInputIgnored => "tier-input-ignored",
            Quirk::ImageGroupZero => "image-group-zero",
            Quirk::RefundExceedsCharge => "refund-exceeds-charge",
        }
    }

    /// One sentence that says why, for the report.
    pub fn sentence(self) -> &'static str {
        match self {
            Quirk::ChannelTest => "a console test is priced without cache and group ratio, and nobody is debited for it",
            Quirk::AudioPriceFree => {
                "a model with a price per call that answers with audio is charged 0: the price never reaches the audio formula"
            }
            Quirk::AudioResponsesUnpaid => {
                "gpt-4o-audio models over /v1/responses cost 1 point: the audio formula gets no token counts there"
            }
            Quirk::CacheOnlyFree => "a request that consists of cached tokens only is free: the gateway sees no usage in it",
            Quirk::CacheWriteUnsplitFree => {
                "the price expression sees only cache writes with a 5 min / 1 h split; writes without it are free"
            }
            Quirk::SmallRequestFree => "an amount that rounds to 0 is free, although the model and the group have a price",
            Quirk::FreeGroupMinimum => "a request in a group of ratio 0 costs 1 point: the minimum looks at the model ratio alone",
            Quirk::ImageByRatio => "an image of a model priced by ratio costs a few points: the gateway counts it as tokens",
            Quirk::RoundedInSteps => "each class of tokens is rounded by itself before the sum",
            Quirk::FloatTie => {
                "the gateway computes in float64, whose last bit makes the charge another whole number than exact arithmetic"
            }
            Quirk::FallbackRatio => "a model without a configured price is charged at the gateway's fallback ratio",
            Quirk::PriceLocked => "the gateway has a fixed completion ratio for this model and ignores the configured one",
            Quirk::TaskSettledAtOtherGroup => {
                "a task is settled at the special ratio of (group, group) and not at that of the user's group"
            }
            Quirk::TierInputIgnored => "a tier of a channel's own price takes effect without its input ratio",
            Quirk::ImageGroupZero => "the token part of an image is charged in full in a group of ratio 0",
            Quirk::RefundExceedsCharge => "a failed task gets more back than it paid",
        }
    }
}

/// A departure that a row may show: the quirk, and the terms that the rules would give, where they can be known.
#[derive(Clone, Debug, PartialEq)]
pub struct Departure {
    pub quirk: Quirk,
    pub rules: Option<Terms>,
}
