//! Usage and price, put together to the terms of a charge: by the config, or by what the row itself prints.
//!
//! ```text
//! in = ratio·group        out = (ratio·completion)·group        price(r) = in if r = 0, 0 if r < 0, else r·group
//! cost = plain·in + cached·price(cached) + completion·out + w5·price(w5) + w1·price(w1)
//! charge = ceil(cost) + tools;   1 if ratio·group ≠ 0 and charge ≤ 0;   0 if prompt + completion = 0
//! ```

use super::content::{Image, Printed, TextRates};
use super::price::{Price, image_factor};
use super::usage::Usage;
use crate::config::{AudioTariff, Rates};
use crate::exact::Ratio;
use crate::float;
use crate::float::gateway::laisky_completion;
use crate::pricing::{
    After, Allowed, Class, Formula, Minimum, Multiplier, Open, Per, Product, QUOTA_PER_UNIT, Reason, Slot, Sum, Surcharge, Terms,
};

/// No text is longer.
const MOST_BYTES: i64 = 1 << 24;
/// Thousandths of a USD per 1M tokens of image models: text, cached text, image and output. Cached images cost less than images, and more
/// than cached text. Compiled in.
const IMAGE_TOKENS: [(&str, [i64; 4]); 7] = [
    ("gpt-image-1", [5_000, 1_250, 10_000, 40_000]),
    ("gpt-image-1-mini", [2_000, 200, 2_500, 8_000]),
    ("gpt-image-1.5", [5_000, 1_250, 8_000, 32_000]),
    ("gpt-image-1.5-2025-12-16", [5_000, 1_250, 8_000, 32_000]),
    ("chatgpt-image-latest", [5_000, 1_250, 8_000, 32_000]),
    ("gpt-image-2", [5_000, 1_250, 8_000, 30_000]),
    ("gpt-image-2-2026-04-21", [5_000, 1_250, 8_000, 30_000]),
];

fn empty(model: Ratio, group: Ratio, formula: Formula) -> Terms {
    let mut terms = Terms::tokens(model, group);
    terms.formula = formula;
    terms.minimum = Minimum::NONE;
    terms.saturates = false;
    // Prices are in USD at a fixed 500 000 points; the option only changes texts.
    terms.quota_per_unit = QUOTA_PER_UNIT;
    terms
}

pub fn open(terms: &mut Terms, reason: Reason, allowed: Allowed) {
    terms.open.push(Open { reason, allowed });
}

/// A number that is printed: any that prints alike.
fn open_printed(terms: &mut Terms, slot: Slot, printed: Printed) {
    let (low, high) = printed.ends();
    open(terms, Reason::RatiosRounded, Allowed::Between { slot, low, high });
}

fn fill(terms: &mut Terms, usage: &Usage) {
    terms.minimum = Minimum::AFTER;
    terms.no_usage = usage.is_none();
    for (class, tokens) in [
        (Class::Input, usage.plain),
        (Class::Cached, usage.cached),
        (Class::Output, usage.completion),
        (Class::CacheWrite5m, usage.write_5m),
        (Class::CacheWrite1h, usage.write_1h),
    ] {
        terms.usage[class] = tokens;
    }
}

/// A row that is priced by token, at the config's price.
pub fn text(usage: &Usage, price: &Price, group: Ratio) -> Terms {
    let mut terms = empty(price.input, group, Formula::Sum(Sum::Laisky));
    fill(&mut terms, usage);
    terms.rates[Class::Output] = laisky_completion(price.input, price.completion);
    terms.rates[Class::Cached] = price.cached;
    terms.rates[Class::CacheWrite5m] = price.write_5m;
    terms.rates[Class::CacheWrite1h] = price.write_1h;
    if usage.realtime {
        open_session(&mut terms, price.audio);
    }
    open_cached(&mut terms, usage);
    terms
}

/// Audio and cached tokens of a session are in no row: none are presumed, and all of a class may be of either kind.
fn open_session(terms: &mut Terms, audio: Option<AudioTariff>) {
    let Some(AudioTariff { prompt: Some(prompt), completion: Some(completion), .. }) = audio else {
        return open(terms, Reason::ClassNotLogged, Allowed::Any);
    };
    terms.rates[Class::AudioInput] = prompt;
    terms.rates[Class::AudioOutput] = completion;
    for (of, from) in [(Class::AudioInput, Class::Input), (Class::AudioOutput, Class::Output), (Class::Cached, Class::Input)] {
        let most = terms.usage[from];
        if most > 0 {
            open(terms, Reason::ClassNotLogged, Allowed::Tokens { of, from, most });
        }
    }
}

/// An export without cached tokens: any part of the prompt may have been cached.
fn open_cached(terms: &mut Terms, usage: &Usage) -> bool {
    let most = terms.usage[Class::Input];
    let may_be_cached = usage.cached_unknown && most > 0 && !usage.realtime;
    if may_be_cached {
        open(terms, Reason::TokensMissing, Allowed::Tokens { of: Class::Cached, from: Class::Input, most });
    }
    may_be_cached
}

/// A row that is priced by token, at the rates that it prints. A number that prints like the configured one is taken for it.
pub fn printed_text(usage: &Usage, rates: &TextRates, configured: Option<&Terms>) -> Terms {
    let like = |printed: Printed, number: fn(&Terms) -> Ratio| configured.map(number).filter(|number| printed.is_of(*number));
    let model = like(rates.model, |terms| terms.model_ratio);
    let group = like(rates.group, |terms| terms.group_ratio);
    let completion = rates.completion.and_then(|printed| like(printed, |terms| terms.rates[Class::Output]));
    let mut terms = empty(model.unwrap_or(rates.model.value), group.unwrap_or(rates.group.value), Formula::Sum(Sum::Laisky));
    fill(&mut terms, usage);
    let printed_completion = rates.completion.map_or(Ratio::ONE, |printed| printed.value);
    terms.rates[Class::Output] = completion.unwrap_or_else(|| laisky_completion(terms.model_ratio, printed_completion));
    for class in [Class::Cached, Class::CacheWrite5m, Class::CacheWrite1h] {
        terms.rates[class] = configured.map_or(Ratio::ZERO, |terms| terms.rates[class]);
    }
    if usage.realtime {
        open(&mut terms, Reason::ClassNotLogged, Allowed::Any);
    }
    if model.is_none() {
        open_cache_rates(&mut terms, rates.model);
    }
    let may_be_cached = open_cached(&mut terms, usage);
    if model.is_none() {
        if may_be_cached {
            open_cache_rate(&mut terms, Class::Cached, MOST_OF_READS);
        }
        open_printed(&mut terms, Slot::ModelRatio, rates.model);
    }
    if group.is_none() {
        open_printed(&mut terms, Slot::GroupRatio, rates.group);
    }
    match rates.completion {
        Some(printed) if completion.is_none() => open_printed(&mut terms, Slot::Rate(Class::Output), printed),
        _ => {}
    }
    terms
}

/// A rate of 0 is that of the input.
const MOST_OF_READS: Ratio = Ratio::ZERO;

/// No row prints cache rates: reads cost as much as plain input at most, writes twice as much.
fn open_cache_rates(terms: &mut Terms, model: Printed) {
    let twice = float::product(model.ends().1, Ratio::from(2)).unwrap_or(Ratio::ZERO);
    for (class, most) in [(Class::Cached, MOST_OF_READS), (Class::CacheWrite5m, twice), (Class::CacheWrite1h, twice)] {
        if terms.usage[class] > 0 {
            open_cache_rate(terms, class, most);
        }
    }
}

fn open_cache_rate(terms: &mut Terms, class: Class, most: Ratio) {
    open(terms, Reason::RateNotLogged, Allowed::Between { slot: Slot::Rate(class), low: Rates::FREE, high: most });
}

/// Adds the tools of a row, whose points it prints: calls at a known price, or one sum that an upstream asked for.
pub fn add_tools(terms: &mut Terms, points: i64, prices: &[(&str, Ratio)]) {
    if points == 0 {
        return;
    }
    let calls = |usd: Ratio| {
        let one = float::gateway::product([usd, QUOTA_PER_UNIT], float::gateway::FloatRounding::Ceil).whole;
        (one > 0 && points > 0 && points % one == 0).then(|| points / one)
    };
    let known = prices.iter().find_map(|(name, usd)| Some(((*name).to_owned(), calls(*usd)?, *usd)));
    let is_known = known.is_some();
    let (name, count, price) = known.unwrap_or_else(|| ("tools".to_owned(), 1, float::usd_for(points).unwrap_or(Ratio::ZERO)));
    terms.surcharges.push(Surcharge { name, count, price, per: Per::Call, multiplied: false });
    if !is_known && !prices.is_empty() {
        open(terms, Reason::CountNotLogged, Allowed::Presumed);
    }
}

/// Rerank, and whatever is charged by calls: `ceil(n·ratio·group)`.
pub fn units(count: i64, ratio: Ratio, group: Ratio) -> Terms {
    let mut terms = empty(ratio, group, Formula::Product(Product::UNITS));
    terms.minimum = Minimum::AFTER;
    terms.usage[Class::Input] = count;
    terms
}

/// The same at the numbers that the row prints.
pub fn printed_units(count: i64, unit: Printed, group: Printed, configured: Option<&Terms>) -> Terms {
    let like = |printed: Printed, number: fn(&Terms) -> Ratio| configured.map(number).filter(|number| printed.is_of(*number));
    let (ratio, group_ratio) = (like(unit, |terms| terms.model_ratio), like(group, |terms| terms.group_ratio));
    let mut terms = units(count, ratio.unwrap_or(unit.value), group_ratio.unwrap_or(group.value));
    if ratio.is_none() {
        open_printed(&mut terms, Slot::ModelRatio, unit);
    }
    if group_ratio.is_none() {
        open_printed(&mut terms, Slot::GroupRatio, group);
    }
    terms
}

/// Speech: `trunc(bytes·(ratio·group))`; the bytes are in no row.
pub fn speech(ratio: Ratio, group: Ratio) -> Terms {
    let mut terms = empty(ratio, group, Formula::Product(Product::COUNTED));
    terms.multipliers.push(Multiplier { name: "bytes".to_owned(), value: Ratio::ONE });
    open(&mut terms, Reason::CountNotLogged, Allowed::Count { multiplier: 0, least: 0, most: MOST_BYTES });
    terms
}

/// Images: `ceil(price·500000·factor·group)·n`, and the tokens of image models.
pub fn image(image: &Image<'_>, usage: &Usage, model: &str, price: Ratio, factor: Ratio, group: Ratio) -> Terms {
    let product = if image.has_tokens {
        Product { after: After::TimesLastAndTokens, ..Product::IMAGE_BY_PRICE }
    } else {
        Product::IMAGE_BY_PRICE
    };
    let mut terms = empty(Ratio::ZERO, group, Formula::Product(product));
    terms.price = price;
    let multiplier = |name: &str, value: Ratio| Multiplier { name: name.to_owned(), value };
    terms.multipliers = vec![multiplier("tier", factor), multiplier("n", Ratio::from(image.count))];
    if image.has_tokens {
        add_image_tokens(&mut terms, usage, model);
    }
    terms
}

/// How many of the prompt's tokens are text, how many the image, and how many were cached is in no row; all uncached text is presumed.
fn add_image_tokens(terms: &mut Terms, usage: &Usage, model: &str) {
    let Some((_, prices)) = IMAGE_TOKENS.into_iter().find(|(name, _)| *name == model) else {
        return open(terms, Reason::SplitNotLogged, Allowed::Any);
    };
    let prices = prices.map(|thousandths| Ratio::new(thousandths, -3));
    let tokens = [usage.prompt, 0, 0, usage.completion];
    Class::OF_IMAGES.into_iter().zip(tokens).zip(prices).for_each(|((class, tokens), price)| terms.add(class, tokens, price));
    let of = &[Class::Cached, Class::ImageInput];
    open(terms, Reason::SplitNotLogged, Allowed::Among { of, from: Class::TextInput });
}

/// Images at the numbers that the row prints; none where it prints no price.
pub fn printed_image(row: &Image<'_>, usage: &Usage, model: &str, configured: Option<&Terms>) -> Option<Terms> {
    let unit = row.unit?;
    let tier = |terms: &Terms| terms.multipliers.first().map_or(Ratio::ONE, |tier| tier.value);
    let whole = |terms: &Terms| if row.before_tier { Some(terms.price) } else { float::product(terms.price, tier(terms)) };
    let known = configured.filter(|terms| whole(terms).is_some_and(|usd| unit.is_of(usd)));
    let group = configured.map(|terms| terms.group_ratio).filter(|group| row.group.is_of(*group));
    let factor = row.tier.filter(|_| row.before_tier).map_or(Ratio::ONE, |tier| tier.value);
    let (price, factor) = known.map_or((unit.value, factor), |terms| (terms.price, tier(terms)));
    let mut terms = image(row, usage, model, price, factor, group.unwrap_or(row.group.value));
    if known.is_none() {
        open_printed(&mut terms, Slot::Price, unit);
        if let Some(tier) = row.tier.filter(|_| row.before_tier) {
            open_printed(&mut terms, Slot::Multiplier(0), tier);
        }
    }
    if group.is_none() {
        open_printed(&mut terms, Slot::GroupRatio, row.group);
    }
    Some(terms)
}

/// Videos, at the numbers that the row prints; no other source has them.
pub fn printed_usd(usd: Printed, factors: &[Printed], group: Printed) -> Terms {
    let mut terms = empty(Ratio::ZERO, group.value, Formula::Product(Product::IMAGE_BY_PRICE));
    terms.price = usd.value;
    let product = factors.iter().try_fold(Ratio::ONE, |product, factor| float::product(product, factor.value));
    let multiplier = |name: &str, value: Ratio| Multiplier { name: name.to_owned(), value };
    terms.multipliers = vec![multiplier("factor", product.unwrap_or(Ratio::ONE)), multiplier("n", Ratio::ONE)];
    open_printed(&mut terms, Slot::Price, usd);
    open_printed(&mut terms, Slot::GroupRatio, group);
    if !factors.is_empty() {
        let end =
            |of: fn(Printed) -> Ratio| factors.iter().try_fold(Ratio::ONE, |product, factor| float::product(product, of(*factor)));
        let (low, high) = (end(|factor| factor.ends().0), end(|factor| factor.ends().1));
        if let (Some(low), Some(high)) = (low, high) {
            open(&mut terms, Reason::RatiosRounded, Allowed::Between { slot: Slot::Multiplier(0), low, high });
        }
    }
    terms
}

/// The price and the factor of an image by the config; none where the config has none.
pub fn image_price(price: &Price, row: &Image<'_>) -> Option<(Ratio, Ratio)> {
    let tariff = price.image.as_ref()?;
    Some((tariff.price?, image_factor(tariff, row.size, row.quality)?))
}
