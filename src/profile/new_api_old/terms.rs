//! Usage and quote, put together to the terms of a charge.

use super::Rules;
use super::quote::{Asked, Doubt, Fallback, Figure, Quote};
use super::usage::{Audio, Usage, Way};
use crate::exact::Ratio;
use crate::pricing::{Allowed, Class, Formula, Minimum, Open, Product, Reason, Slot, Sum, Terms};
use crate::profile::image::Factors;

/// The minimum of Claude's rows looks at the amount before it is cut, and not at the group.
const OF_CLAUDE: Minimum = Minimum { for_free_groups: true, ..Minimum::BEFORE };

/// The terms of a row.
pub fn of(asked: &Asked<'_, '_>, quote: &Quote) -> Terms {
    let mut terms = if asked.usage.test { test(asked, quote) } else { answer(asked, quote) };
    add_open(&mut terms, asked, quote);
    terms
}

/// The terms of an answer: a job, audio, a call or tokens, in this order. A channel test would have these as well, by the rules.
pub fn answer(asked: &Asked<'_, '_>, quote: &Quote) -> Terms {
    let (usage, rules) = (asked.usage, asked.rules);
    let mut terms = base(asked, quote, quote.group.value);
    terms.no_usage = usage.nothing;
    match (usage.way, quote.price) {
        (Way::Task, Some(price)) => by_call(&mut terms, price, Formula::Product(Product::PRICE_GROUP_FIRST)),
        (Way::Audio(_) | Way::Realtime(_), Some(price)) => by_call(&mut terms, price, Formula::Free),
        (Way::Claude, Some(price)) => by_call(&mut terms, price, Formula::Product(Product::PRICE)),
        (_, Some(price)) => {
            by_call(&mut terms, price, call(rules));
            terms.price_factors = quote.image.map_or(Vec::new(), Factors::multipliers);
        }
        (Way::Audio(audio) | Way::Realtime(audio), None) => by_audio(&mut terms, audio, quote, rules),
        (Way::Claude, None) => by_claude(&mut terms, usage, quote),
        (Way::Text | Way::Task, None) => by_tokens(&mut terms, usage, quote, rules),
    }
    terms
}

fn base(asked: &Asked<'_, '_>, quote: &Quote, group: Ratio) -> Terms {
    let mut terms = Terms::tokens(quote.model.value, group);
    terms.quota_per_unit = asked.quota_per_unit;
    terms.saturates = false;
    terms
}

/// How a price per call becomes points.
pub fn call(rules: &Rules) -> Formula {
    if rules.exact { Formula::DecimalPrice } else { Formula::Product(Product::PRICE) }
}

fn by_call(terms: &mut Terms, price: Figure, formula: Formula) {
    terms.formula = formula;
    terms.price = price.value;
    terms.minimum = Minimum::NONE;
}

fn by_sum(terms: &mut Terms, rules: &Rules) {
    (terms.formula, terms.minimum) =
        if rules.exact { (Formula::Decimal, Minimum::BEFORE) } else { (Formula::Sum(Sum::InSteps), Minimum::AFTER) };
}

fn by_audio(terms: &mut Terms, audio: Audio, quote: &Quote, rules: &Rules) {
    by_sum(terms, rules);
    terms.add(Class::Input, audio.text_input, Ratio::ONE);
    terms.add(Class::Output, audio.text_output, quote.completion.value);
    terms.add(Class::AudioInput, audio.audio_input, quote.audio);
    terms.add(Class::AudioOutput, audio.audio_output, super::audio::COMPLETION);
}

/// The prompt excludes what was read from the cache and written to it.
fn by_claude(terms: &mut Terms, usage: &Usage<'_>, quote: &Quote) {
    terms.formula = Formula::Sum(Sum::ClaudeOf2025);
    terms.minimum = OF_CLAUDE;
    terms.add(Class::Input, usage.prompt, Ratio::ONE);
    terms.add(Class::Cached, usage.cached, quote.cache.value);
    terms.add(Class::CacheWrite, usage.written, quote.write.value);
    terms.add(Class::Output, usage.completion, quote.completion.value);
}

/// The prompt includes cached tokens; uncached input may come out negative.
fn by_tokens(terms: &mut Terms, usage: &Usage<'_>, quote: &Quote, rules: &Rules) {
    by_sum(terms, rules);
    let cached = if rules.caches { usage.cached } else { 0 };
    terms.add(Class::Input, usage.prompt.saturating_sub(cached), Ratio::ONE);
    terms.add(Class::Cached, cached, quote.cache.value);
    terms.add(Class::Output, usage.completion, quote.completion.value);
}

/// A channel test: rounded in steps, without cache and group, and without the rule for empty answers.
fn test(asked: &Asked<'_, '_>, quote: &Quote) -> Terms {
    let mut terms = base(asked, quote, Ratio::ONE);
    match quote.price {
        Some(price) => by_call(&mut terms, price, Formula::Product(Product::PRICE)),
        None => {
            terms.formula = Formula::Sum(Sum::InSteps);
            terms.minimum = Minimum::AFTER;
            terms.add(Class::Input, asked.usage.prompt, Ratio::ONE);
            terms.add(Class::Output, asked.usage.completion, quote.completion.value);
        }
    }
    terms
}

/// What is open in the figures that enter the charge.
fn add_open(terms: &mut Terms, asked: &Asked<'_, '_>, quote: &Quote) {
    if terms.formula == Formula::Free || (terms.no_usage && asked.usage.audio().is_none()) {
        return;
    }
    if quote.fallback == Fallback::Presumed {
        terms.open.push(Open { reason: Reason::UnknownModel, allowed: Allowed::Presumed });
    }
    if !asked.usage.test {
        open_figure(terms, Slot::GroupRatio, quote.group);
    }
    match quote.price {
        Some(price) => open_figure(terms, Slot::Price, price),
        None => open_rates(terms, quote),
    }
    match asked.usage.way {
        _ if quote.price.is_some() => {}
        Way::Claude if asked.details.is_empty() => open_beside_the_prompt(terms),
        _ if asked.usage.audio_uncounted => terms.open_audio(),
        _ => open_cached_tokens(terms, asked.usage, quote),
    }
}

fn open_rates(terms: &mut Terms, quote: &Quote) {
    open_figure(terms, Slot::ModelRatio, quote.model);
    for (class, figure) in [(Class::Output, quote.completion), (Class::Cached, quote.cache), (Class::CacheWrite, quote.write)] {
        if terms.usage[class] != 0 {
            open_figure(terms, Slot::Rate(class), figure);
        }
    }
}

fn open_figure(terms: &mut Terms, slot: Slot, figure: Figure) {
    let Some(Doubt { reason, ends }) = figure.doubt else { return };
    let allowed = ends.map_or(Allowed::Any, |(low, high)| Allowed::Between { slot, low, high });
    terms.open.push(Open { reason, allowed });
}

/// An export of Claude's rows without what was read from the cache and written to it, which the prompt excludes: any charge from the
/// least one on, unless the model or the group is free.
fn open_beside_the_prompt(terms: &mut Terms) {
    if terms.model_ratio.is_zero() {
        return;
    }
    let allowed = Allowed::AtLeast { slot: Slot::ModelRatio, low: terms.model_ratio };
    terms.open.push(Open { reason: Reason::TokensMissing, allowed });
}

/// An export without cached tokens: any part of the prompt may have been cached.
fn open_cached_tokens(terms: &mut Terms, usage: &Usage<'_>, quote: &Quote) {
    let matters = quote.cache.value != Ratio::ONE || quote.cache.doubt.is_some();
    let most = terms.usage[Class::Input];
    if usage.cached_unknown && matters && most > 0 {
        let allowed = Allowed::Tokens { of: Class::Cached, from: Class::Input, most };
        terms.open.push(Open { reason: Reason::TokensMissing, allowed });
        // What may have been cached may have cost whatever its rate may be.
        if quote.cache.doubt.is_some_and(|doubt| doubt.ends.is_some()) {
            open_figure(terms, Slot::Rate(Class::Cached), quote.cache);
        }
    }
}
