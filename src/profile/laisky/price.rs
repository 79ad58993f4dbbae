//! The price of a row: by channel and mapped model, then by time, then by tier.
//!
//! First the channel's own price, then what is compiled in for its provider, then the merged table of several providers, then the fallback.
//! What is compiled in is known from what the gateway shows of channels without a price of their own, else from its lists, which lack
//! cache rates, tiers, images and audio.

use std::iter;

use super::own::Served;
use super::{own, window};
use crate::config::{AudioTariff, Channel, CompiledIn, Config, Displayed, Extent, ImageTariff, Provider, Rates, Tariff, Tier};
use crate::defaults;
use crate::exact::{Exact, Ratio};

/// Points per token of a model that nobody prices.
pub const FALLBACK: Ratio = Ratio::new(125, -2);
/// The same in gateways before 2026: 2.5 USD per 1M tokens, taken for points.
pub const OLD_FALLBACK: Ratio = Ratio::new(25, -7);
/// Below this a displayed price is the rate times 1,000,000 instead of times 2.
const SHOWN_WRONG_BELOW: Ratio = Ratio::new(1, -3);

/// What decides the price of a row.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'r> {
    pub channel: Served<'r>,
    /// The model as the row names it.
    pub model: &'r str,
    pub prompt: i64,
    pub completion: i64,
    /// The model rate as the row prints it, where it does.
    pub printed: Option<super::content::Printed>,
}

/// Where the number of plain input comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Own,
    CompiledIn,
    /// Nobody prices the model.
    Fallback,
}

/// A price with everything settled but the time.
#[derive(Clone, Debug)]
pub struct Quote {
    pub tariff: Tariff,
    pub origin: Origin,
    /// The channel has its own ratio for the model and no time windows: the input ratio of a tier is ignored.
    pub(super) ignores_tier_input: bool,
}

/// The numbers of one charge. Rates of 0 are as input, below 0 free.
#[derive(Clone, Debug, PartialEq)]
pub struct Price {
    pub input: Ratio,
    pub completion: Ratio,
    pub cached: Ratio,
    pub write_5m: Ratio,
    pub write_1h: Ratio,
    /// The input ratio of a tier that the gateway ignores.
    pub ignored_input: Option<Ratio>,
    pub audio: Option<AudioTariff>,
    pub per_call: Option<Ratio>,
    pub image: Option<ImageTariff>,
}

impl Quote {
    /// The price of a model in a channel; none where the config knows neither.
    pub fn of(asked: &Asked<'_>, config: &Config) -> Option<Quote> {
        let channel = config.channels.get(asked.channel.name);
        let model = mapped(channel, asked.model);
        let said = own::price(asked.channel, model, config)?;
        let of_gateway = match channel {
            Some(channel) => Some(base(asked, model, channel, config)),
            None => shown_in(asked, config),
        };
        let base = match said.rates.input {
            Some(_) => of_gateway.or_else(|| Some(unlisted(model, config)))?,
            None => of_gateway?,
        };
        let quote = match channel.and_then(|channel| channel.tariffs.get(model)) {
            Some(own) => over(own, base),
            None => base,
        };
        Some(said.over(quote))
    }

    /// The price in each tier at an instant, by the token counts from which it holds: as the gateway takes a tier, and with its input ratio
    /// where the gateway ignores that.
    pub fn tiers(&self, asked: &Asked<'_>, instant: i64) -> Vec<(String, Price)> {
        let tiers = &window::at(&self.tariff, instant).tiers;
        if tiers.is_empty() {
            return Vec::new();
        }
        let counts = |count: fn(&Tier) -> i64| -> Vec<i64> {
            let mut counts: Vec<i64> = iter::once(0).chain(tiers.iter().map(count)).collect();
            counts.sort_unstable();
            counts.dedup();
            counts
        };
        let prompts = counts(|tier| tier.prompt_from);
        let completions = counts(|tier| tier.completion_from);
        let heeding = Quote { ignores_tier_input: false, ..self.clone() };
        let mut found = Vec::new();
        for quote in [self, &heeding] {
            for (prompt, completion) in
                prompts.iter().flat_map(|prompt| completions.iter().map(|completion| (*prompt, *completion)))
            {
                let name = if completion == 0 { prompt.to_string() } else { format!("{prompt}/{completion}") };
                found.push((name, quote.at(&Asked { prompt, completion, ..*asked }, instant)));
            }
        }
        found
    }

    /// The price at an instant (unix milliseconds), in the tier of the row.
    pub fn at(&self, asked: &Asked<'_>, instant: i64) -> Price {
        let tariff = window::at(&self.tariff, instant);
        let mut rates = tariff.rates;
        let mut by_the_tier = rates.input;
        for tier in tariff.tiers.iter().filter(|tier| asked.prompt >= tier.prompt_from && asked.completion >= tier.completion_from)
        {
            by_the_tier = tier.rates.input.or(by_the_tier);
            let input = if self.ignores_tier_input { None } else { tier.rates.input };
            rates.overlay(&Rates { input, ..tier.rates });
        }
        let or_as_input = |rate: Option<Ratio>| rate.unwrap_or(Ratio::ZERO);
        Price {
            input: rates.input.unwrap_or(FALLBACK),
            completion: rates.completion.unwrap_or(Ratio::ONE),
            cached: or_as_input(rates.cached),
            write_5m: or_as_input(rates.write_5m),
            write_1h: or_as_input(rates.write_1h),
            ignored_input: by_the_tier.filter(|input| Some(*input) != rates.input),
            audio: tariff.audio,
            per_call: tariff.per_call,
            image: tariff.image.clone(),
        }
    }
}

/// The name that prices a request: what the channel maps it to. Most rows name that already.
fn mapped<'m>(channel: Option<&'m Channel>, model: &'m str) -> &'m str {
    match channel {
        Some(channel) if !channel.tariffs.contains_key(model) => channel.model_mapping.get(model).map_or(model, String::as_str),
        _ => model,
    }
}

/// What the channel of a row maps its model to.
pub fn mapped_in<'r>(asked: &Asked<'r>, config: &'r Config) -> &'r str {
    mapped(config.channels.get(asked.channel.name), asked.model)
}

/// The price in a channel that the config does not know.
fn unlisted(model: &str, config: &Config) -> Quote {
    let compiled_in = listed(model, 0, config);
    let origin = if compiled_in.is_some() { Origin::CompiledIn } else { Origin::Fallback };
    Quote { tariff: compiled_in.cloned().unwrap_or_else(fallback), origin, ignores_tier_input: false }
}

/// A channel's own price. Of what it lacks only ratio, completion ratio, image and audio come from below.
fn over(own: &Tariff, base: Quote) -> Quote {
    let mut tariff = own.clone();
    let origin = if own.rates.input.is_some() { Origin::Own } else { base.origin };
    tariff.rates.input = own.rates.input.or(base.tariff.rates.input);
    tariff.rates.completion = own.rates.completion.or(base.tariff.rates.completion);
    tariff.image = tariff.image.or(base.tariff.image);
    tariff.audio = tariff.audio.or(base.tariff.audio);
    tariff.per_call = tariff.per_call.or(base.tariff.per_call);
    let ignores_tier_input = own.rates.input.is_some() && own.windows.is_empty();
    Quote { tariff, origin, ignores_tier_input }
}

/// What is compiled in for a channel's provider.
fn base(asked: &Asked<'_>, model: &str, channel: &Channel, config: &Config) -> Quote {
    let listed = listed(model, channel.kind, config);
    let origin = if listed.is_some() { Origin::CompiledIn } else { Origin::Fallback };
    let shown = shown(asked, model, channel, config).map(|tariff| read_shown(tariff, asked));
    let tariff = shown.or_else(|| listed.cloned()).unwrap_or_else(fallback);
    let is_fallback = origin == Origin::Fallback && [FALLBACK, OLD_FALLBACK].map(Some).contains(&tariff.rates.input);
    Quote { tariff, origin: if is_fallback { origin } else { Origin::CompiledIn }, ignores_tier_input: false }
}

fn fallback() -> Tariff {
    let rates = Rates { input: Some(FALLBACK), completion: Some(Ratio::ONE), ..Rates::default() };
    Tariff { rates, ..Tariff::default() }
}

/// What the lists of compiled-in prices say of a model, the provider's own first.
fn listed<'c>(model: &str, kind: i64, config: &'c Config) -> Option<&'c Tariff> {
    [provider(kind), Provider::Merged].into_iter().find_map(|provider| compiled_in(provider, config)?.tariffs.get(model))
}

/// USD for one call of a tool: the channel's own price, else what is compiled in.
pub fn tools<'c>(channel: &str, config: &'c Config) -> Vec<(&'c str, Ratio)> {
    let Some(channel) = config.channels.get(channel) else { return Vec::new() };
    let own = channel.tools.iter();
    let below = compiled_in(provider(channel.kind), config).into_iter().flat_map(|compiled_in| &compiled_in.tools);
    let mut tools: Vec<(&str, Ratio)> =
        own.chain(below.filter(|(name, _)| !channel.tools.contains_key(*name))).map(|(name, usd)| (name.as_str(), *usd)).collect();
    // Only searches are counted from answers.
    tools.sort_by_key(|(name, _)| (*name != "web_search", !name.starts_with("web_search"), *name));
    tools
}

fn compiled_in(provider: Provider, config: &Config) -> Option<&CompiledIn> {
    config.compiled_in.get(&provider).or_else(|| defaults::compiled_in(provider))
}

/// Whose prices are compiled in for a type of channels.
fn provider(kind: i64) -> Provider {
    match kind {
        1 | 8 | 50 => Provider::OpenAi,
        14 => Provider::Anthropic,
        24 => Provider::Gemini,
        35 => Provider::Cohere,
        _ => Provider::Merged,
    }
}

/// A displayed price of the model in a channel of the same type that has no price of its own for it: it is what is compiled in.
/// The gateway lists requested names, so names that are mapped to the model count too.
fn shown<'c>(asked: &Asked<'_>, model: &str, channel: &Channel, config: &'c Config) -> Option<&'c Tariff> {
    let aliases = channel.model_mapping.iter().filter(|(_, target)| *target == model).map(|(name, _)| name.as_str());
    let names = [model, asked.model].into_iter().chain(aliases);
    let mut entries = names.filter_map(|name| Some((name, config.displayed.get(name)?))).flat_map(|(name, entries)| {
        entries.iter().filter(move |entry| entry.kind == channel.kind && shows_compiled_in(entry, name, model, config))
    });
    entries.next().map(|entry| &entry.tariff)
}

fn shows_compiled_in(entry: &Displayed, name: &str, model: &str, config: &Config) -> bool {
    match config.channels.get(&entry.channel) {
        Some(channel) => !channel.tariffs.contains_key(model) && mapped(Some(channel), name) == model,
        None => name == model,
    }
}

/// The displayed price of a channel that the config does not know: the effective one.
fn shown_in(asked: &Asked<'_>, config: &Config) -> Option<Quote> {
    let entries = config.displayed.get(asked.model)?;
    let entry = entries.iter().find(|entry| entry.channel == asked.channel.name)?;
    Some(Quote { tariff: read_shown(&entry.tariff, asked), origin: Origin::CompiledIn, ignores_tier_input: false })
}

/// Very small rates are displayed wrong; the rate that the row prints tells which ones.
fn read_shown(tariff: &Tariff, asked: &Asked<'_>) -> Tariff {
    let mut tariff = tariff.clone();
    let small = |rate: Ratio| small_rate(rate).filter(|small| *small < SHOWN_WRONG_BELOW);
    if let (Some(input), Some(printed)) = (tariff.rates.input, asked.printed)
        && !printed.is_of(input)
        && let Some(small) = small(input).filter(|small| printed.is_of(*small))
    {
        tariff.rates.input = Some(small);
    }
    let input = tariff.rates.input.unwrap_or(Ratio::ZERO);
    let most = Exact::from(input) * 4;
    for rate in [&mut tariff.rates.cached, &mut tariff.rates.write_5m, &mut tariff.rates.write_1h] {
        // A cache rate of more than four times the input is no cache rate.
        if let Some(small) = rate.filter(|rate| Exact::from(*rate) > most).and_then(small) {
            *rate = Some(small);
        }
    }
    tariff
}

/// The rate whose price was displayed times 1,000,000 and has been halved.
fn small_rate(halved: Ratio) -> Option<Ratio> {
    (Exact::from(halved) * Ratio::new(2, -6)).to_ratio()
}

/// The factor for the size and quality of an image; none where the price has none for them.
pub fn image_factor(image: &ImageTariff, size: &str, quality: &str) -> Option<Ratio> {
    let size = size.trim().to_lowercase().replace(['×', '*'], "x").replace(' ', "");
    let quality = quality.trim().to_lowercase();
    let quality = if quality.is_empty() { "default" } else { quality.as_str() };
    if !image.quality_sizes.is_empty() {
        let of = |quality: &str| image.quality_sizes.get(quality)?.get(&size).copied();
        return of(quality);
    }
    let of_size = if image.sizes.is_empty() { Some(Ratio::ONE) } else { image.sizes.get(&size).copied() };
    let of_quality = match image.qualities.get(quality) {
        Some(factor) => *factor,
        None if image.qualities.is_empty() || quality == "default" => Ratio::ONE,
        None => return None,
    };
    crate::float::product(of_size?, of_quality)
}

/// Whether the source of a price can say no more than ratios.
pub fn is_partial(quote: &Quote) -> bool {
    quote.tariff.extent == Extent::RatioOnly
}
