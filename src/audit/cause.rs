//! The names of causes, in the order in which they are tried.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a charge is wrong: the change to its pricing that gives exactly the charged amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    RatioDrift,
    Rounding,
    MinimumCharge,
    GroupRatioOmitted,
    GroupRatioOther,
    GroupRatioDiffers,
    ModelRatioFallback,
    ModelPriceOther,
    ModelRatioDiffers,
    CompletionRatioOmitted,
    CompletionRatioDiffers,
    CacheRatioOmitted,
    CacheFree,
    CacheDoubleCounted,
    CacheSubtracted,
    CacheRatioDiffers,
    CacheWriteOmitted,
    CacheWriteRatioDiffers,
    OutputOmitted,
    InputOmitted,
    PerCallAsTokens,
    TokensAsPerCall,
    MultiplierOmitted,
    MultiplierDiffers,
    ToolSurchargeOmitted,
    ToolSurchargeDiffers,
    AudioRatioOmitted,
    ImageRatioOmitted,
    TierOther,
    QuotaPerUnitDiffers,
    PreConsumedKept,
    ZeroCharge,
    Unexplained,
}

impl Cause {
    pub fn word(self) -> &'static str {
        match self {
            Cause::RatioDrift => "ratio-drift",
            Cause::Rounding => "rounding",
            Cause::MinimumCharge => "minimum-charge",
            Cause::GroupRatioOmitted => "group-ratio-omitted",
            Cause::GroupRatioOther => "group-ratio-other",
            Cause::GroupRatioDiffers => "group-ratio-differs",
            Cause::ModelRatioFallback => "model-ratio-fallback",
            Cause::ModelPriceOther => "model-price-other",
            Cause::ModelRatioDiffers => "model-ratio-differs",
            Cause::CompletionRatioOmitted => "completion-ratio-omitted",
            Cause::CompletionRatioDiffers => "completion-ratio-differs",
            Cause::CacheRatioOmitted => "cache-ratio-omitted",
            Cause::CacheFree => "cache-free",
            Cause::CacheDoubleCounted => "cache-double-counted",
            Cause::CacheSubtracted => "cache-subtracted",
            Cause::CacheRatioDiffers => "cache-ratio-differs",
            Cause::CacheWriteOmitted => "cache-write-omitted",
            Cause::CacheWriteRatioDiffers => "cache-write-ratio-differs",
            Cause::OutputOmitted => "output-omitted",
            Cause::InputOmitted => "input-omitted",
            Cause::PerCallAsTokens => "per-call-as-tokens",
            Cause::TokensAsPerCall => "tokens-as-per-call",
            Cause::MultiplierOmitted => "multiplier-omitted",
            Cause::MultiplierDiffers => "multiplier-differs",
            Cause::ToolSurchargeOmitted => "tool-surcharge-omitted",
            Cause::ToolSurchargeDiffers => "tool-surcharge-differs",
            Cause::AudioRatioOmitted => "audio-ratio-omitted",
            Cause::ImageRatioOmitted => "image-ratio-omitted",
            Cause::TierOther => "tier-other",
            Cause::QuotaPerUnitDiffers => "quota-per-unit-differs",
            Cause::PreConsumedKept => "pre-consumed-kept",
            Cause::ZeroCharge => "zero-charge",
            Cause::Unexplained => "unexplained",
        }
    }

    /// What happened, in one plain sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Cause::RatioDrift => "the ratios that the row itself carries were used, and they are not the config's",
            Cause::Rounding => "the amount was rounded by another rule, or in steps",
            Cause::MinimumCharge => "the minimum of one point was left out where it acts, or applied where it does not",
            Cause::GroupRatioOmitted => "the group ratio was left out",
            Cause::GroupRatioOther => "another group's ratio was used",
            Cause::GroupRatioDiffers => "a group ratio was used that is in no config",
            Cause::ModelRatioFallback => "the gateway's fallback for models without a price was used",
            Cause::ModelPriceOther => "another model's price was used",
            Cause::ModelRatioDiffers => "a model price was used that is in no config",
            Cause::CompletionRatioOmitted => "output was priced like input",
            Cause::CompletionRatioDiffers => "another completion ratio was used",
            Cause::CacheRatioOmitted => "cached tokens were priced like other input",
            Cause::CacheFree => "cached tokens were not charged at all",
            Cause::CacheDoubleCounted => "cached tokens were charged and left in the input as well",
            Cause::CacheSubtracted => "cached tokens were taken out of an input count that does not hold them",
            Cause::CacheRatioDiffers => "another cache ratio was used",
            Cause::CacheWriteOmitted => "cache writes were not charged",
            Cause::CacheWriteRatioDiffers => "cache writes were charged at another ratio",
            Cause::OutputOmitted => "output was not charged",
            Cause::InputOmitted => "input was not charged",
            Cause::PerCallAsTokens => "a model with a price per call was charged by token",
            Cause::TokensAsPerCall => "a model priced by token was charged per call",
            Cause::MultiplierOmitted => "a multiplier (number, seconds, size) was left out",
            Cause::MultiplierDiffers => "a multiplier (number, seconds, size) has another value",
            Cause::ToolSurchargeOmitted => "tool calls were not charged",
            Cause::ToolSurchargeDiffers => "tool calls were charged at another price or count",
            Cause::AudioRatioOmitted => "audio was priced like text",
            Cause::ImageRatioOmitted => "images were priced like text",
            Cause::TierOther => "another tier of the price was used",
            Cause::QuotaPerUnitDiffers => "another number of points for 1 USD was used",
            Cause::PreConsumedKept => "the estimate taken before the request was never settled",
            Cause::ZeroCharge => "nothing was charged for billable usage",
            Cause::Unexplained => "no single change to the pricing gives this charge",
        }
    }
}

/// How sure a cause is. At equal counts the first wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A change to a known other value.
    Definite,
    /// A free number, which must be a simple one or shared by several rows.
    Earned,
    /// Two definite changes at once.
    Pair,
    Unexplained,
}

/// A cause, or two at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Causes {
    pub kind: Kind,
    pub first: Cause,
    pub second: Option<Cause>,
}

impl Causes {
    pub fn definite(cause: Cause) -> Causes {
        Causes { kind: Kind::Definite, first: cause, second: None }
    }

    pub fn earned(cause: Cause) -> Causes {
        Causes { kind: Kind::Earned, first: cause, second: None }
    }

    /// Two causes, in the order of the table.
    pub fn pair(a: Cause, b: Cause) -> Causes {
        Causes { kind: Kind::Pair, first: a.min(b), second: Some(a.max(b)) }
    }

    pub const UNEXPLAINED: Causes = Causes { kind: Kind::Unexplained, first: Cause::Unexplained, second: None };

    pub fn is(self, cause: Cause) -> bool {
        self.first == cause && self.second.is_none()
    }
}

impl fmt::Display for Causes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.first.word())?;
        match self.second {
            Some(second) => write!(f, "+{}", second.word()),
            None => Ok(()),
        }
    }
}
