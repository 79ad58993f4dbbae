//! Where a gateway departs from its own price rules.

use crate::pricing::Terms;

/// A named departure of a gateway from its own price rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Quirk {
    AudioPriceFree,
    AudioResponsesUnpaid,
    CacheOnlyFree,
    FallbackRatio,
    PriceLocked,
}

impl Quirk {
    pub fn word(self) -> &'static str {
        match self {
            Quirk::AudioPriceFree => "audio-price-free",
            Quirk::AudioResponsesUnpaid => "audio-responses-unpaid",
            Quirk::CacheOnlyFree => "cache-only-free",
            Quirk::FallbackRatio => "fallback-ratio",
            Quirk::PriceLocked => "price-locked",
        }
    }

    /// One sentence that says why, for the report.
    pub fn sentence(self) -> &'static str {
        match self {
            Quirk::AudioPriceFree => {
                "a model with a price per call that answers with audio is charged 0: the price never reaches the audio formula"
            }
            Quirk::AudioResponsesUnpaid => {
                "gpt-4o-audio models over /v1/responses cost 1 point: the audio formula gets no token counts there"
            }
            Quirk::CacheOnlyFree => "a request that consists of cached tokens only is free: the gateway sees no usage in it",
            Quirk::FallbackRatio => "a model without a configured price is charged at the gateway's fallback ratio",
            Quirk::PriceLocked => "the gateway has a fixed completion ratio for this model and ignores the configured one",
        }
    }
}

/// A departure that a row may show: the quirk, and the terms that the rules would give, where they can be known.
#[derive(Clone, Debug, PartialEq)]
pub struct Departure {
    pub quirk: Quirk,
    pub rules: Option<Terms>,
}
