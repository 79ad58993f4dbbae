//! Usage and quote, put together to the terms of a charge.

use super::Rules;
use super::quote::{Doubt, Fallback, Figure, Quote};
use super::shape::{Counts, Shape};
use super::usage::{Audio, Usage};
use crate::exact::Ratio;
use crate::pricing::{Allowed, Class, Formula, Minimum, Multiplier, Open, Per, Reason, Slot, Surcharge, Terms};

/// At most so many images are received for one request.
const MOST_IMAGES: i64 = 128;
/// Ali channels count prompt extension as a factor of 2 besides.
const MOST_IMAGE_FACTOR: i64 = 2 * MOST_IMAGES;

/// The terms of a row without an expression: by audio, by call or by token, in this order.
pub fn of(usage: &Usage<'_>, quote: &Quote, rules: &Rules, quota_per_unit: Ratio) -> Terms {
    let mut terms = Terms::tokens(quote.model.value, quote.group.value);
    terms.quota_per_unit = quota_per_unit;
    terms.minimum = if rules.minimum { Minimum::BOTH } else { Minimum::NONE };
    terms.saturates = rules.saturates;
    terms.no_usage = usage.no_usage && rules.zero_rule;
    match (&usage.audio, quote.price) {
        (Some(_), Some(price)) => {
            terms.formula = Formula::Free;
            terms.price = price;
        }
        (Some(audio), None) => add_audio(&mut terms, *audio, usage, quote, rules),
        (None, Some(price)) => add_call(&mut terms, usage, quote, price),
        (None, None) => add_tokens(&mut terms, usage, quote, rules),
    }
    add_open(&mut terms, usage, quote);
    terms
}

fn add_call(terms: &mut Terms, usage: &Usage<'_>, quote: &Quote, price: Ratio) {
    terms.formula = Formula::DecimalPrice;
    terms.price = price;
    if let Some(factors) = usage.image.and_then(|image| image.factors)
        && let Some(one) = factors.one(price)
    {
        (terms.price, terms.price_factors) = (one, factors.of_one());
    }
    terms.minimum = Minimum::NONE;
    terms.no_usage &= !usage.untold;
    add_image_count(terms, usage, usage.image.map_or(1, |image| image.count));
    add_count(terms, usage, quote);
    add_tools(terms, usage, quote);
}

/// The number of images received is not logged; the number asked for is.
fn add_image_count(terms: &mut Terms, usage: &Usage<'_>, presumed: i64) {
    if usage.image.is_none() {
        return;
    }
    terms.multipliers.push(Multiplier { name: "n".to_owned(), value: Ratio::from(presumed) });
    let allowed = Allowed::Count { multiplier: terms.multipliers.len() - 1, least: 1, most: MOST_IMAGE_FACTOR };
    terms.open.push(Open { reason: Reason::CountNotLogged, allowed });
}

/// Part of the prompt may be images; and part of it may have come from the cache.
fn open_images(terms: &mut Terms, usage: &Usage<'_>, quote: &Quote) {
    let most = terms.usage[Class::Input];
    if !usage.uncounted.images || most <= 0 || (quote.image.value == quote.input && quote.image.doubt.is_none()) {
        return;
    }
    let (of, from) = (Class::ImageInput, Class::Input);
    let allowed = match usage.cached_unknown {
        true => Allowed::Among { of: &[Class::Cached, Class::ImageInput], from },
        false => Allowed::Tokens { of, from, most },
    };
    // Before the number of images, which is open in every such row.
    terms.open.insert(0, Open { reason: Reason::SplitNotLogged, allowed });
}

/// A row without details does not say how many seconds or images its price is multiplied with.
fn add_count(terms: &mut Terms, usage: &Usage<'_>, quote: &Quote) {
    let Some(name) = quote.counted.filter(|_| usage.bare && usage.image.is_none()) else { return };
    terms.multipliers.push(Multiplier { name: name.to_owned(), value: Ratio::ONE });
    let most = if name == "n" { MOST_IMAGES } else { Allowed::MANY };
    let allowed = Allowed::Count { multiplier: terms.multipliers.len() - 1, least: 1, most };
    terms.open.push(Open { reason: Reason::CountNotLogged, allowed });
}

fn add_audio(terms: &mut Terms, audio: Audio, usage: &Usage<'_>, quote: &Quote, rules: &Rules) {
    if rules.minimum {
        terms.minimum = Minimum::BEFORE;
    }
    terms.add(Class::Input, audio.text_input, quote.input);
    terms.add(Class::Output, audio.text_output, quote.completion.value);
    terms.add(Class::AudioInput, audio.audio_input, quote.audio.value);
    terms.add(Class::AudioOutput, audio.audio_output, quote.audio_completion.value);
    if usage.uncounted.audio {
        terms.open_audio();
    }
}

fn add_tokens(terms: &mut Terms, usage: &Usage<'_>, quote: &Quote, rules: &Rules) {
    fill_classes(terms, usage, quote, rules, usage.excludes_cache, usage.split_priced);
    add_image_count(terms, usage, 1);
    open_images(terms, usage, quote);
    add_separate_audio(terms, usage, quote);
    add_tools(terms, usage, quote);
    if usage.split_only {
        let mut other = terms.clone();
        other.usage = Default::default();
        fill_classes(&mut other, usage, quote, rules, false, false);
        terms.open.push(Open { reason: Reason::SplitNotLogged, allowed: Allowed::Readings(vec![other]) });
    }
}

fn fill_classes(terms: &mut Terms, usage: &Usage<'_>, quote: &Quote, rules: &Rules, excludes: bool, split: bool) {
    let separate = separate_audio(usage, quote).map_or(0, |(tokens, _)| tokens);
    let (audio_input, audio_output) = match quote.audio_as_text {
        true => (0, 0),
        false => usage.audio_within,
    };
    let apart = [usage.image_input, separate, audio_input].into_iter().fold(0, i64::saturating_add);
    let shape = Shape { excludes, split, clamps: rules.clamps, ..Shape::WHOLE };
    let tokens = shape.all_tokens(&Counts::of(usage), apart);
    terms.add(Class::Input, tokens[Class::Input], quote.input);
    terms.add(Class::Cached, tokens[Class::Cached], quote.cache.value);
    terms.add(Class::CacheWrite, tokens[Class::CacheWrite], quote.write.value);
    terms.add(Class::CacheWrite5m, tokens[Class::CacheWrite5m], quote.write_5m.value);
    terms.add(Class::CacheWrite1h, tokens[Class::CacheWrite1h], quote.write_1h.value);
    terms.add(Class::ImageInput, usage.image_input, quote.image.value);
    terms.add(Class::AudioInput, audio_input, quote.audio.value);
    terms.add(Class::Output, tokens[Class::Output].saturating_sub(audio_output), quote.completion.value);
    terms.add(Class::AudioOutput, audio_output, quote.audio_completion.value);
}

/// Tokens of audio input that have a price of their own, and that price. Models with audio ratios have none.
fn separate_audio(usage: &Usage<'_>, quote: &Quote) -> Option<(i64, Ratio)> {
    let within = || (quote.audio_as_text && usage.audio_within.0 != 0).then_some(usage.audio_within.0);
    Some((usage.separate_audio.map(|(tokens, _)| tokens).or_else(within)?, quote.separate_audio?))
}

fn add_separate_audio(terms: &mut Terms, usage: &Usage<'_>, quote: &Quote) {
    let uncounted = || quote.separate_audio.filter(|_| usage.uncounted.separate_audio).map(|price| (0, price));
    if let Some((count, price)) = separate_audio(usage, quote).or_else(uncounted) {
        let name = "audio_input".to_owned();
        terms.surcharges.push(Surcharge { name, count, price, per: Per::Million, multiplied: true });
    }
    let most = terms.usage[Class::Input];
    if uncounted().is_some() && most > 0 {
        let allowed = Allowed::Apart { surcharge: terms.surcharges.len() - 1, from: Class::Input, most };
        terms.open.push(Open { reason: Reason::ClassNotLogged, allowed });
    }
}

/// Adds calls of tools.
pub fn add_tools(terms: &mut Terms, usage: &Usage<'_>, quote: &Quote) {
    for (tool, price) in usage.tools.iter().zip(&quote.tools) {
        terms.surcharges.push(Surcharge {
            name: tool.name.to_string(),
            count: tool.count,
            price: price.value,
            per: Per::Thousand,
            multiplied: false,
        });
        if tool.count != 0 {
            open_figure(terms, None, *price);
        }
    }
}

/// What is open in the figures that enter the charge.
fn add_open(terms: &mut Terms, usage: &Usage<'_>, quote: &Quote) {
    if quote.fallback == Fallback::Presumed {
        terms.open.push(Open { reason: Reason::UnknownModel, allowed: Allowed::Presumed });
    }
    open_figure(terms, Some(Slot::GroupRatio), quote.group);
    if terms.formula == Formula::Decimal {
        open_figure(terms, Some(Slot::ModelRatio), quote.model);
        for (class, figure) in [
            (Class::Output, quote.completion),
            (Class::Cached, quote.cache),
            (Class::CacheWrite, quote.write),
            (Class::CacheWrite5m, quote.write_5m),
            (Class::CacheWrite1h, quote.write_1h),
            (Class::ImageInput, quote.image),
            (Class::AudioInput, quote.audio),
            (Class::AudioOutput, quote.audio_completion),
        ] {
            if terms.usage[class] != 0 {
                open_figure(terms, Some(Slot::Rate(class)), figure);
            }
        }
        open_cached_tokens(terms, usage, quote);
    }
    open_groups(terms, &quote.other_groups);
}

/// Other group ratios that may have been served.
pub fn open_groups(terms: &mut Terms, others: &[Ratio]) {
    if !others.is_empty() {
        let readings = others.iter().map(|ratio| terms.with(Slot::GroupRatio, *ratio)).collect();
        terms.open.push(Open { reason: Reason::PriceAmbiguous, allowed: Allowed::Readings(readings) });
    }
}

pub fn open_figure(terms: &mut Terms, slot: Option<Slot>, figure: Figure) {
    let Some(Doubt { reason, ends }) = figure.doubt else { return };
    let allowed = match (slot, ends) {
        (Some(slot), Some((low, high))) => Allowed::Between { slot, low, high },
        _ => Allowed::Any,
    };
    terms.open.push(Open { reason, allowed });
}

/// An export without cached tokens: any part of the prompt may have been cached.
fn open_cached_tokens(terms: &mut Terms, usage: &Usage<'_>, quote: &Quote) {
    let is_among = terms.open.iter().any(|open| matches!(open.allowed, Allowed::Among { .. }));
    let matters = !is_among && (quote.cache.value != quote.input || quote.cache.doubt.is_some());
    if usage.cached_unknown && matters && terms.usage[Class::Input] > 0 {
        let allowed = Allowed::Tokens { of: Class::Cached, from: Class::Input, most: terms.usage[Class::Input] };
        terms.open.push(Open { reason: Reason::TokensMissing, allowed });
        // What may have been cached may have cost whatever its rate may be.
        if quote.cache.has_ends() {
            open_figure(terms, Some(Slot::Rate(Class::Cached)), quote.cache);
        }
    }
}
