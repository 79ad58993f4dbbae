//! The causes as data: each is a function from the case to changed terms, none, one or a few.
//!
//! The same pricing prices the changed terms; nothing here computes a charge. A new cause is a row of [`DEFINITE`] and a
//! function of a few lines, beside those that change the same: [`prices`], [tokens](counted), [`factors`], [`tools`], or nothing but
//! the [`points`].

mod counted;
mod factors;
mod points;
mod prices;
mod tools;

use std::fmt::Display;
use std::sync::LazyLock;

use super::Case;
use crate::audit::{Cause, Word};
use crate::exact::Points;
use crate::pricing::{Formula, Mode, Terms, Tiered, as_priced};
use counted::used;
use tools::{is_audio, surcharges};

pub use counted::{Counted, CountsByClass, Tokens, beside_input, is_any_left};
pub use points::estimated_tokens;
pub use tools::tools;

/// A changed pricing, shown once.
#[derive(Clone, Copy)]
pub struct Change<'c> {
    pub cause: Cause,
    pub to: To<'c>,
    /// What the change says of the number or name that was used.
    pub implied: Implied<'c>,
}

type Implied<'c> = Option<(&'static str, &'c dyn Display)>;

/// What is charged instead.
#[derive(Clone, Copy, Debug)]
pub enum To<'c> {
    Terms(&'c Terms),
    /// A number that no terms give: another rounding, an estimate, nothing.
    Points(Points),
}

impl Change<'_> {
    /// The terms, to keep them.
    pub fn terms(&self) -> Option<Box<Terms>> {
        match self.to {
            To::Terms(terms) => Some(Box::new(terms.clone())),
            To::Points(_) => None,
        }
    }

    /// What it implies, to keep it.
    pub fn told(&self) -> Option<(Word, String)> {
        self.implied.map(|(key, value)| (key.into(), value.to_string()))
    }
}

/// Who is shown the changes. Most changes do not give the charge, so nothing is kept of them, or written in words, before that is known.
pub type See<'s> = dyn FnMut(Change<'_>) + 's;

/// Shows the changes of one cause.
pub struct Changes<'o> {
    cause: Cause,
    /// The terms, to be changed for as long as they are shown.
    changed: &'o mut Terms,
    see: &'o mut See<'o>,
}

impl Changes<'_> {
    fn push(&mut self, terms: Terms) {
        self.show(To::Terms(&terms), None);
    }

    fn push_implied(&mut self, terms: Terms, key: &'static str, value: impl Display) {
        self.show(To::Terms(&terms), Some((key, &value)));
    }

    /// The terms with other numbers.
    fn push_with(&mut self, terms: &Terms, implied: Implied<'_>, change: impl FnOnce(&mut Terms)) {
        self.changed.take_numbers(terms);
        change(self.changed);
        self.show_changed(implied);
    }

    fn show_changed(&mut self, implied: Implied<'_>) {
        (self.see)(Change { cause: self.cause, to: To::Terms(self.changed), implied });
    }

    /// Terms with other token counts. A request that is left without any is free by the gateway's rule, and a price expression may
    /// take the other counts into the length of the prompt.
    fn push_usage(&mut self, case: &Case<'_>, before: &Terms, change: impl FnOnce(&mut Terms)) {
        self.changed.take_numbers(before);
        change(self.changed);
        if !is_any_left(&self.changed.usage, case.prompt) {
            self.changed.no_usage = true;
            self.show_changed(None);
            self.changed.no_usage = before.no_usage;
        }
        if let Some(with_len) = with_len(before, self.changed) {
            self.push(with_len);
        }
        self.show_changed(None);
    }

    /// The whole charge so many times over.
    fn push_times(&mut self, points: Points, times: i64) {
        self.show(To::Points(points), Some(("multiplier", &times)));
    }

    fn push_points(&mut self, points: Points) {
        self.show(To::Points(points), None);
    }

    fn show(&mut self, to: To<'_>, implied: Implied<'_>) {
        (self.see)(Change { cause: self.cause, to, implied });
    }
}

/// A definite cause.
pub struct Definite {
    pub cause: Cause,
    /// Whether it takes part in pairs.
    pairs: bool,
    pub make: Make,
}

/// How the changes of a cause are made.
#[derive(Clone, Copy)]
pub enum Make {
    /// Other prices. Of the tokens they hang on nothing but which classes have any.
    Prices(Changing),
    /// Other tokens at the same prices.
    Tokens(&'static [Counted]),
    /// A number that follows from the right charge, or the prompt.
    Points(Changing),
    /// Whatever else.
    Other(Changing),
}

impl Make {
    pub fn counting(self) -> Option<&'static [Counted]> {
        if let TokensOf(counted) = self { Some(counted) } else { None }
    }

    fn pointing(self) -> Option<Changing> {
        if let PointsOf(make) = self { Some(make) } else { None }
    }
}

pub type Changing = fn(&Case<'_>, &Terms, &mut Changes<'_>);

const fn definite(cause: Cause, make: Make) -> Definite {
    Definite { cause, pairs: true, make }
}

const fn alone(cause: Cause, make: Make) -> Definite {
    Definite { cause, pairs: false, make }
}

use Make::{Other, Points as PointsOf, Prices, Tokens as TokensOf};

/// The definite causes, in the order in which the first that fits is the cause.
pub const DEFINITE: &[Definite] = &[
    alone(Cause::RatioDrift, Other(prices::ratio_drift)),
    alone(Cause::Rounding, PointsOf(points::rounding)),
    alone(Cause::MinimumCharge, PointsOf(points::minimum_charge)),
    definite(Cause::GroupRatioOmitted, Prices(prices::group_ratio_omitted)),
    definite(Cause::GroupRatioOther, Prices(prices::group_ratio_other)),
    definite(Cause::ModelRatioFallback, Prices(prices::model_ratio_fallback)),
    alone(Cause::ModelPriceOther, Prices(prices::upstream_price)),
    definite(Cause::CompletionRatioOmitted, Prices(prices::completion_ratio_omitted)),
    definite(Cause::CompletionRatioDiffers, Prices(prices::completion_ratio_known)),
    definite(Cause::CacheRatioOmitted, Prices(prices::cache_ratio_omitted)),
    definite(Cause::CacheFree, TokensOf(counted::CACHE_FREE)),
    definite(Cause::CacheDoubleCounted, TokensOf(counted::CACHE_DOUBLE_COUNTED)),
    definite(Cause::CacheDoubleCounted, Other(counted::cached_beside)),
    definite(Cause::CacheSubtracted, TokensOf(counted::CACHE_SUBTRACTED)),
    definite(Cause::CacheWriteOmitted, TokensOf(counted::CACHE_WRITE_OMITTED)),
    definite(Cause::CacheWriteRatioDiffers, Prices(prices::cache_write_ratio_known)),
    definite(Cause::OutputOmitted, TokensOf(counted::OUTPUT_OMITTED)),
    definite(Cause::InputOmitted, TokensOf(counted::INPUT_OMITTED)),
    definite(Cause::InputOmitted, Other(prices::separate_audio_omitted)),
    definite(Cause::PerCallAsTokens, Prices(prices::per_call_as_tokens)),
    definite(Cause::TokensAsPerCall, Prices(prices::tokens_as_per_call)),
    definite(Cause::MultiplierOmitted, Other(factors::multiplier_omitted)),
    definite(Cause::MultiplierDiffers, Other(factors::multiplier_whole)),
    definite(Cause::ToolSurchargeOmitted, Other(tools::tool_surcharge_omitted)),
    definite(Cause::ToolSurchargeDiffers, Other(tools::tool_price_known)),
    alone(Cause::ToolSurchargeDiffers, Other(tools::tool_calls)),
    definite(Cause::AudioRatioOmitted, Other(prices::audio_ratio_omitted)),
    definite(Cause::ImageRatioOmitted, Prices(prices::image_ratio_omitted)),
    definite(Cause::TierOther, Other(prices::tier_other)),
    alone(Cause::PreConsumedKept, PointsOf(points::pre_consumed_kept)),
    alone(Cause::ZeroCharge, PointsOf(points::zero_charge)),
];

/// The definite causes, each once, in their order.
pub fn causes() -> impl Iterator<Item = Cause> {
    let is_first = |at: &usize| *at == 0 || DEFINITE[*at - 1].cause != DEFINITE[*at].cause;
    (0..DEFINITE.len()).filter(is_first).map(|at| DEFINITE[at].cause)
}

/// Those of them that are a number which follows from the right charge, or the prompt.
pub fn pointing() -> &'static [(Cause, Changing)] {
    static POINTING: LazyLock<Vec<(Cause, Changing)>> = LazyLock::new(|| {
        let pointing = DEFINITE.iter().filter_map(|definite| Some((definite.cause, definite.make.pointing()?)));
        pointing.collect()
    });
    &POINTING
}

/// Shows all definite changes of a case, in order. A row that prints the gateway's fallback is one of it before anything else.
pub fn definite_changes(case: &Case<'_>, see: &mut See<'_>) {
    let mut changed = case.terms.clone();
    if case.prints_fallback() {
        show(case, case.terms, (Cause::ModelRatioFallback, Prices(prices::model_ratio_fallback)), &mut changed, see);
    }
    let mut as_priced = as_priced(case.terms).map(|terms| (terms.clone(), terms));
    for definite in DEFINITE {
        show(case, case.terms, (definite.cause, definite.make), &mut changed, see);
        if let Some((terms, changed)) = &mut as_priced {
            show(case, terms, (definite.cause, definite.make), changed, see);
        }
    }
}

/// The causes that may take part in a pair; only those behind `after`.
pub fn pairable(after: Option<Cause>) -> impl Iterator<Item = &'static Definite> {
    DEFINITE.iter().filter(move |definite| definite.pairs && after.is_none_or(|after| definite.cause > after))
}

/// Shows the changes that may take part in a pair, of terms that may be changed already.
pub fn pairable_changes(case: &Case<'_>, terms: &Terms, after: Option<Cause>, see: &mut See<'_>) {
    let mut changed = terms.clone();
    for definite in pairable(after) {
        show(case, terms, (definite.cause, definite.make), &mut changed, see);
    }
}

/// Shows the changes of one cause. `changed` are the terms too, to be changed for as long as they are shown.
pub fn show(case: &Case<'_>, terms: &Terms, (cause, make): (Cause, Make), changed: &mut Terms, see: &mut See<'_>) {
    let mut changes = Changes { cause, changed, see: &mut |change| see(change) };
    match make {
        Prices(make) | PointsOf(make) | Other(make) => make(case, terms, &mut changes),
        TokensOf(counted) => {
            // Audio with a price of its own is within the prompt, but no class of the usage.
            let apart: i64 = surcharges(terms).filter(|(_, surcharge)| is_audio(surcharge)).map(|(_, audio)| audio.count).sum();
            let prompt = case.prompt.saturating_sub(apart);
            let tokens = Tokens { usage: &terms.usage, prompt, formula: &terms.formula };
            for (counted, usage) in counted.iter().filter_map(|counted| Some((counted, counted.usage(&tokens)?))) {
                changes.push_usage(case, terms, |changed| match counted {
                    Counted::Free(classes) => used(terms, classes).for_each(|class| changed.set_free(class)),
                    _ => changed.usage = usage,
                });
            }
        }
    }
}

fn by_tokens(terms: &Terms) -> bool {
    terms.formula.mode() == Mode::Tokens
}

fn by_expression(terms: &Terms) -> bool {
    terms.formula.mode() == Mode::Expression
}

/// The changed terms with the length of the prompt that goes with their input; none where it is the same, or no part of the price.
fn with_len(before: &Terms, changed: &Terms) -> Option<Terms> {
    let input = |terms: &Terms| {
        let inputs = terms.usage.iter().filter(|(class, _)| !class.is_output());
        inputs.fold(0i64, |sum, (_, tokens)| sum.saturating_add(tokens))
    };
    let more = input(changed).saturating_sub(input(before));
    let Formula::Expression(tiered) = &changed.formula else { return None };
    let len = tiered.len.saturating_add(more).max(0);
    (len != tiered.len)
        .then(|| Terms { formula: Formula::Expression(Box::new(Tiered { len, ..(**tiered).clone() })), ..changed.clone() })
}
