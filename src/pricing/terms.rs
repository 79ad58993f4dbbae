//! Everything that a charge depends on, resolved and complete.

use super::open::Open;
use super::usage::{Class, PerClass};
use crate::exact::Ratio;

/// How the amount comes about and how it becomes whole points. Written as formulas in `docs/billing.md`.
#[derive(Clone, Debug, PartialEq)]
pub enum Formula {
    /// Exact decimals, rounded half away: `Σ tokens·rate · model ratio · group ratio · multipliers + tools`.
    Decimal,
    /// Exact decimals, rounded half away: `price · Q · group ratio · multipliers + tools`.
    DecimalPrice,
    /// Nothing is computed: the gateway does not charge this kind of row (`audio-price-free`).
    Free,
}

impl Formula {
    /// Whether the price is for the call and not for tokens.
    pub fn is_per_call(&self) -> bool {
        matches!(self, Formula::DecimalPrice)
    }
}

/// When a charge that comes to nothing becomes one point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Minimum {
    /// An amount of 0 or less becomes 1 before it is rounded.
    pub before_rounding: bool,
    /// A charge of 0 or less becomes 1 after it is rounded.
    pub after_rounding: bool,
}

impl Minimum {
    pub const NONE: Minimum = Minimum { before_rounding: false, after_rounding: false };
    pub const BOTH: Minimum = Minimum { before_rounding: true, after_rounding: true };
    pub const BEFORE: Minimum = Minimum { before_rounding: true, after_rounding: false };
    pub const AFTER: Minimum = Minimum { before_rounding: false, after_rounding: true };
}

/// A further factor of the price: number of images, seconds, size.
#[derive(Clone, Debug, PartialEq)]
pub struct Multiplier {
    pub name: String,
    pub value: Ratio,
}

/// How many of a thing a surcharge's price is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    Call,
    Thousand,
    Million,
}

impl Per {
    pub fn number(self) -> i64 {
        match self {
            Per::Call => 1,
            Per::Thousand => 1_000,
            Per::Million => 1_000_000,
        }
    }
}

/// A part of the charge with a USD price of its own: tool calls, separately priced audio input.
#[derive(Clone, Debug, PartialEq)]
pub struct Surcharge {
    pub name: String,
    pub count: i64,
    /// USD.
    pub price: Ratio,
    pub per: Per,
    /// Whether the further multipliers hold for it.
    pub multiplied: bool,
}

/// Everything that a charge depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    pub formula: Formula,
    pub usage: PerClass<i64>,
    /// Relative to the model ratio; audio output relative to audio input.
    pub rates: PerClass<Ratio>,
    pub model_ratio: Ratio,
    pub group_ratio: Ratio,
    /// USD per call.
    pub price: Ratio,
    pub multipliers: Vec<Multiplier>,
    pub surcharges: Vec<Surcharge>,
    /// Points for 1 USD.
    pub quota_per_unit: Ratio,
    pub minimum: Minimum,
    /// The request had no usage: only tools are charged, if any.
    pub no_usage: bool,
    /// Charges are held within 32 bits.
    pub saturates: bool,
    pub open: Vec<Open>,
}

/// 500 000 points for 1 USD.
pub const QUOTA_PER_UNIT: Ratio = Ratio::new(500_000, 0);

impl Terms {
    /// Token-priced terms of the new-api family, without usage.
    pub fn tokens(model_ratio: Ratio, group_ratio: Ratio) -> Terms {
        let mut rates = PerClass::default();
        for class in Class::ALL {
            rates[class] = Ratio::ONE;
        }
        Terms {
            formula: Formula::Decimal,
            usage: PerClass::default(),
            rates,
            model_ratio,
            group_ratio,
            price: Ratio::ZERO,
            multipliers: Vec::new(),
            surcharges: Vec::new(),
            quota_per_unit: QUOTA_PER_UNIT,
            minimum: Minimum::BOTH,
            no_usage: false,
            saturates: true,
            open: Vec::new(),
        }
    }

    /// Adds tokens of a class and sets its rate.
    pub fn add(&mut self, class: Class, tokens: i64, rate: Ratio) {
        self.usage[class] = self.usage[class].saturating_add(tokens);
        self.rates[class] = rate;
    }

    /// Whether any token, call or tool is there that could be charged.
    pub fn has_ratio(&self) -> bool {
        !self.model_ratio.is_zero() && !self.group_ratio.is_zero()
    }
}
