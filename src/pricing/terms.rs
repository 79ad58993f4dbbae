//! Everything that a charge depends on, resolved and complete.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::open::Open;
use super::usage::{Class, PerClass};
use crate::exact::{Exact, Ratio};
use crate::float;
use crate::float::expr::{self, Expression};
pub use crate::float::gateway::FloatRounding;

/// How the amount comes about and how it becomes whole points. Written as formulas in `docs/billing.md`.
#[derive(Clone, Debug, PartialEq)]
pub enum Formula {
    /// Exact decimals, rounded half away: `Σ tokens·rate · model ratio · group ratio · multipliers + tools`.
    Decimal,
    /// Exact decimals, rounded half away: `price · Q · group ratio · multipliers + tools`.
    DecimalPrice,
    /// Tokens at their rates, in the float64 arithmetic of a gateway.
    Sum(Sum),
    /// A product of float64 factors from left to right, rounded.
    Product(Product),
    /// The value of a price expression, in float64.
    Expression(Box<Tiered>),
    /// A sum or a product in exact decimals instead of float64, rounded as it is: what `float-tie` is measured by.
    InDecimals(Box<Formula>),
    /// The rules of one-hub in exact decimals, to tell what its float64 and its steps change.
    OneHubRules(OneHubRules),
    /// Nothing is computed: the gateway does not charge this kind of row (`audio-price-free`).
    Free,
}

/// The float64 sums of gateways; `float::gateway` has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sum {
    /// Each class rounded by itself: new-api of 2024, channel tests.
    InSteps,
    /// Claude rows of new-api in 2025: cut.
    ClaudeOf2025,
    /// one-api: rounded up.
    OneApi,
    /// one-api before November 2023: cut in steps.
    OneApiOf2023,
    /// one-hub: the model ratio is the input ratio, and the rate of output is the absolute output ratio. `usage[Input]` is the whole prompt and
    /// `usage[Output]` the whole completion; the other classes stand within them, at rates relative to the rest.
    OneHub,
    /// one-hub: a price by `times`, where a price of 1 is 1000 points a call. Tokens decide only whether there was usage.
    OneHubCall,
    /// Laisky: the rates of cached and written tokens are absolute (0 as input, below 0 free). Tools are not multiplied by the group.
    /// Audio tokens cost what text does, and a surcharge that is rounded by itself.
    Laisky,
}

/// How much of one-hub's arithmetic is kept in exact decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OneHubRules {
    /// As [`Sum::OneHubCall`], else as [`Sum::OneHub`].
    pub per_call: bool,
    /// Each class is cut by itself before the sum.
    pub in_steps: bool,
    /// A request whose adjusted tokens sum to 0 is free.
    pub zero_rule: bool,
}

/// A product of float64 factors, rounded, with what comes after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Product {
    pub factors: &'static [Factor],
    pub rounding: FloatRounding,
    pub after: After,
}

/// A factor of a [`Product`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Factor {
    Price,
    QuotaPerUnit,
    GroupRatio,
    ModelRatio,
    HalfModelRatio,
    /// The tokens of [`Class::Input`].
    Tokens,
    /// All multipliers, multiplied first.
    Multipliers,
    /// The first multiplier alone.
    FirstMultiplier,
    Thousand,
}

/// What happens to a rounded product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum After {
    Nothing,
    /// Multiplied by the last multiplier, a whole number.
    TimesLast,
    /// Multiplied by all multipliers and cut again.
    Multiplied,
    /// As [`After::TimesLast`], and the tokens of an image (rates in USD per 1M) added, rounded up by themselves. They ignore a group ratio
    /// of 0 (Laisky).
    TimesLastAndTokens,
}

impl Product {
    /// `trunc(price · Q · group ratio)`.
    pub const PRICE: Product = Product {
        factors: &[Factor::Price, Factor::QuotaPerUnit, Factor::GroupRatio],
        rounding: FloatRounding::Truncate,
        after: After::Nothing,
    };
    /// `trunc(price · group ratio · Q)`: Midjourney and Suno of 2024, 2025 and Veloera.
    pub const PRICE_GROUP_FIRST: Product =
        Product { factors: &[Factor::Price, Factor::GroupRatio, Factor::QuotaPerUnit], ..Product::PRICE };
    /// `trunc(trunc(price · Q · group ratio) · Π)`: tasks.
    pub const TASK: Product = Product { after: After::Multiplied, ..Product::PRICE };
    /// `ceil(price · Q · tier · group ratio) · n`: images of Laisky.
    pub const IMAGE_BY_PRICE: Product = Product {
        factors: &[Factor::Price, Factor::QuotaPerUnit, Factor::FirstMultiplier, Factor::GroupRatio],
        rounding: FloatRounding::Ceil,
        after: After::TimesLast,
    };
    /// `ceil(tokens · model ratio · group ratio)`: rerank of Laisky.
    pub const UNITS: Product = Product {
        factors: &[Factor::Tokens, Factor::ModelRatio, Factor::GroupRatio],
        rounding: FloatRounding::Ceil,
        after: After::Nothing,
    };
    /// `trunc(count · (model ratio · group ratio))`: speech of Laisky.
    pub const COUNTED: Product = Product {
        factors: &[Factor::ModelRatio, Factor::GroupRatio, Factor::FirstMultiplier],
        rounding: FloatRounding::Truncate,
        after: After::Nothing,
    };
    /// The same with half the model ratio, for tasks without a price.
    pub const TASK_BY_RATIO: Product =
        Product { factors: &[Factor::HalfModelRatio, Factor::QuotaPerUnit, Factor::GroupRatio], ..Product::TASK };
    /// `trunc(model ratio · group ratio · size · 1000) · n`: one-api's images.
    pub const IMAGE: Product = Product {
        factors: &[Factor::ModelRatio, Factor::GroupRatio, Factor::FirstMultiplier, Factor::Thousand],
        rounding: FloatRounding::Truncate,
        after: After::TimesLast,
    };
    /// As many points as there are tokens.
    pub const COUNT: Product = Product { factors: &[Factor::Tokens], ..Product::PRICE };
    /// `trunc(tokens · model ratio · group ratio · Π)`: what a settled task really costs.
    pub const TASK_TOKENS: Product =
        Product { factors: &[Factor::Tokens, Factor::ModelRatio, Factor::GroupRatio, Factor::Multipliers], ..Product::PRICE };
}

/// What a price expression is evaluated with; its token counts come from [`Terms::usage`].
#[derive(Clone, Debug)]
pub struct Tiered {
    pub expression: Arc<Expression>,
    /// The whole prompt (`len`).
    pub len: i64,
    /// The prompt excludes the cache, and writes have a split: nothing is taken out of `p` and `c`.
    pub excludes_cache: bool,
    /// The classes that the expression names: they are taken out of `p` and `c`.
    pub named: BTreeSet<expr::Class>,
    /// The tier that the row names: the presumed branch where the request decides.
    pub matched: Option<String>,
}

impl PartialEq for Tiered {
    fn eq(&self, other: &Tiered) -> bool {
        let key = |tiered: &Tiered| (tiered.len, tiered.excludes_cache, tiered.matched.clone());
        self.expression.source() == other.expression.source() && key(self) == key(other)
    }
}

/// What a price is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    Tokens,
    Call,
    Expression,
    Free,
}

impl Mode {
    pub fn word(self) -> &'static str {
        match self {
            Mode::Tokens => "tokens",
            Mode::Call => "per-call",
            Mode::Expression => "expression",
            Mode::Free => "free",
        }
    }
}

impl Formula {
    /// The formula, in whichever arithmetic it is computed.
    pub fn rules(&self) -> &Formula {
        if let Formula::InDecimals(formula) = self { formula.rules() } else { self }
    }

    pub fn mode(&self) -> Mode {
        match self {
            Formula::Sum(Sum::OneHubCall) | Formula::OneHubRules(OneHubRules { per_call: true, .. }) => Mode::Call,
            Formula::Decimal | Formula::Sum(_) | Formula::OneHubRules(_) => Mode::Tokens,
            Formula::DecimalPrice => Mode::Call,
            Formula::Product(product) if product.factors.contains(&Factor::Price) => Mode::Call,
            Formula::Product(_) => Mode::Tokens,
            Formula::InDecimals(formula) => formula.mode(),
            Formula::Expression(_) => Mode::Expression,
            Formula::Free => Mode::Free,
        }
    }
}

/// When a charge that comes to nothing becomes one point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Minimum {
    /// An amount of 0 or less becomes 1 before it is rounded.
    pub before_rounding: bool,
    /// A charge of 0 or less becomes 1 after it is rounded.
    pub after_rounding: bool,
    /// It acts for group ratio 0 too.
    pub for_free_groups: bool,
}

impl Minimum {
    pub const NONE: Minimum = Minimum { before_rounding: false, after_rounding: false, for_free_groups: false };
    pub const BOTH: Minimum = Minimum { before_rounding: true, after_rounding: true, for_free_groups: false };
    pub const BEFORE: Minimum = Minimum { after_rounding: false, ..Minimum::BOTH };
    pub const AFTER: Minimum = Minimum { before_rounding: false, ..Minimum::BOTH };

    /// Whether it acts on an amount, and the whole number that it was rounded to.
    pub(super) fn acts(self, is_amount_positive: bool, is_whole_positive: bool) -> bool {
        (self.before_rounding && !is_amount_positive) || (self.after_rounding && !is_whole_positive)
    }
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
    /// USD per call; one-hub: in units of 1000 points.
    pub price: Ratio,
    /// What the price of a call is multiplied with before all else, in float64: images of new-api in 2024 and 2025.
    pub price_factors: Vec<Multiplier>,
    pub multipliers: Vec<Multiplier>,
    pub surcharges: Vec<Surcharge>,
    /// Points for 1 USD.
    pub quota_per_unit: Ratio,
    pub minimum: Minimum,
    /// The request had no usage: only tools are charged, if any.
    pub no_usage: bool,
    /// Charges are held within 32 bits.
    pub saturates: bool,
    /// Points that were taken in advance; only the difference is charged.
    pub advance: i64,
    /// The charge is given back: its points count as negative.
    pub credit: bool,
    pub open: Vec<Open>,
}

/// 500 000 points for 1 USD.
pub const QUOTA_PER_UNIT: Ratio = Ratio::new(500_000, 0);

/// The terms of one of many charges that differ in their tokens alone.
#[derive(Clone, Debug, PartialEq)]
pub struct AlikeTerms {
    /// Without any tokens.
    pub bare: Arc<Terms>,
    pub usage: PerClass<i64>,
}

impl AlikeTerms {
    pub fn whole(&self) -> Terms {
        Terms { usage: self.usage, ..(*self.bare).clone() }
    }
}

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
            price_factors: Vec::new(),
            multipliers: Vec::new(),
            surcharges: Vec::new(),
            quota_per_unit: QUOTA_PER_UNIT,
            minimum: Minimum::BOTH,
            no_usage: false,
            saturates: true,
            advance: 0,
            credit: false,
            open: Vec::new(),
        }
    }

    /// Adds tokens of a class and sets its rate.
    pub fn add(&mut self, class: Class, tokens: i64, rate: Ratio) {
        self.usage[class] = self.usage[class].saturating_add(tokens);
        self.rates[class] = rate;
    }

    fn is_one_hub(&self) -> bool {
        matches!(self.formula, Formula::Sum(Sum::OneHub | Sum::OneHubCall) | Formula::OneHubRules(_))
    }

    /// Whether the rate of a class is a price by itself, and not relative to the model ratio.
    pub fn is_absolute(&self, class: Class) -> bool {
        match self.formula.rules() {
            Formula::Sum(Sum::Laisky) => matches!(class, Class::Cached | Class::CacheWrite5m | Class::CacheWrite1h),
            _ => self.is_one_hub() && class == Class::Output,
        }
    }

    /// Whether the class counts tokens that another class holds already.
    pub fn is_within(&self, class: Class) -> bool {
        self.is_one_hub() && class.is_within()
    }

    /// The word of reports for the tokens of a class.
    pub fn usage_word(&self, class: Class) -> &'static str {
        if self.is_one_hub() && class == Class::Input { "prompt_tokens" } else { class.word() }
    }

    /// The word of reports for the rate of a class: what the gateway itself calls it.
    pub fn rate_word(&self, class: Class) -> &'static str {
        if !self.is_one_hub() {
            return class.rate_word();
        }
        match class {
            Class::Input => "input_ratio",
            Class::Output => "output_ratio",
            Class::Cached => "cached_tokens_ratio",
            Class::CacheWrite => "cached_write_tokens_ratio",
            Class::CacheRead => "cached_read_tokens_ratio",
            Class::ImageInput => "input_image_tokens_ratio",
            Class::AudioInput => "input_audio_tokens_ratio",
            Class::AudioOutput => "output_audio_tokens_ratio",
            _ => class.rate_word(),
        }
    }

    /// Whether the rate of a class enters the charge: it has tokens, or others that are priced relative to it.
    pub fn enters(&self, class: Class) -> bool {
        let is_base = class == Class::AudioInput && !self.is_one_hub();
        self.usage[class] != 0 || is_base && self.usage[Class::AudioOutput] != 0
    }

    /// Whether the points for 1 USD enter the charge.
    pub fn is_in_usd(&self) -> bool {
        let in_usd = match self.formula.rules() {
            Formula::Product(product) => product.factors.contains(&Factor::QuotaPerUnit),
            formula => matches!(formula.mode(), Mode::Call | Mode::Expression),
        };
        in_usd || !self.surcharges.is_empty()
    }

    /// The word of reports for the price of a call.
    pub fn price_word(&self) -> &'static str {
        if self.is_one_hub() { "input_ratio" } else { "model_price" }
    }

    /// The price of a call with its factors: `price · Π`, Π multiplied first.
    pub fn whole_price(&self) -> Ratio {
        let times = |a: Ratio, b: Ratio| float::product(a, b).unwrap_or(a);
        let all = self.price_factors.iter().map(|factor| factor.value).reduce(times);
        all.map_or(self.price, |all| times(self.price, all))
    }

    /// What the charge is multiplied with, in the order of reports. Within the price of a call, 1 says nothing.
    pub fn factors(&self) -> impl Iterator<Item = &Multiplier> {
        self.price_factors.iter().filter(|factor| factor.value != Ratio::ONE).chain(&self.multipliers)
    }

    /// The price of a call in USD, without its factors.
    pub fn call_price(&self) -> Exact {
        let price = Exact::from(self.price);
        if self.is_one_hub() { super::lines::in_usd(price * 1000, self.quota_per_unit) } else { price }
    }

    /// Whether the minimum takes the place of an amount, and of the whole number that it was rounded to.
    pub fn takes_minimum(&self, is_amount_positive: bool, is_whole_positive: bool) -> bool {
        self.minimum.acts(is_amount_positive, is_whole_positive) && self.has_ratio()
    }

    /// Whether a minimum can act: neither the model nor, mostly, the group is free.
    pub(super) fn has_ratio(&self) -> bool {
        let unit = if matches!(self.formula, Formula::Sum(Sum::OneHubCall)) { self.price } else { self.model_ratio };
        !unit.is_zero() && (self.minimum.for_free_groups || !self.group_ratio.is_zero())
    }
}
