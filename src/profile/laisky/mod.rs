//! Laisky's one-api: prices by channel, absolute cache ratios, tiers and time windows. The law stands in `docs/billing/laisky.md`.
//!
//! A row is of one kind by its type and text ([`content`]); its tokens are split ([`usage`]); its price comes from the channel ([`price`],
//! [`window`], [`group`]) or from what it prints; both make its terms ([`terms`]).

pub mod content;
mod group;
mod own;
mod price;
mod terms;
#[cfg(test)]
mod tests;
mod usage;
mod window;

use super::{Basis, Context, Departure, Quirk, Rated, Rating, Skip, charge_of};
use crate::config::Config;
use crate::details::Details;
use crate::exact::{Charged, Points, Ratio};
use crate::log::{Kind, LogEntry, RowError};
use crate::pricing::{Allowed, Class, Formula, Open, Reason, Sum, Terms};
use content::{Content, Image, Printed, TextRates};
use own::Served;
use price::{Asked, Origin, Price, Quote};
use usage::Usage;

/// Rates a row.
pub fn rate(entry: &LogEntry<'_>, details: &Details<'_>, context: &Context<'_>) -> Result<Rating, RowError> {
    let content = Content::of(entry.content);
    if let Some(skip) = skipped(entry.kind, &content, entry.charged.as_ref()) {
        return Ok(Rating::Skipped(skip));
    }
    let charged = charge_of(entry)?;
    if let Some(reason) = untold(entry.kind, &content) {
        return Ok(rating(charged, Err(reason), None, Vec::new()));
    }
    let text = if let Content::Text(rates) = &content { Some(rates) } else { None };
    let usage = Usage::of(entry, details, text)?;
    let row = Row { entry, content: &content, usage: &usage, estimated: details.flag("estimated_charge") };
    Ok(match context.basis {
        Basis::Logged => rating(charged, row.printed(None).ok_or(Reason::NoRatios), None, Vec::new()),
        Basis::Config => row.by_config(context, charged),
    })
}

/// The tool prices of a row's channel: USD for one call.
pub fn tool_prices(entry: &LogEntry<'_>, config: &Config) -> Vec<(String, Ratio)> {
    let prices = price::tools(Served::of(entry, config).name, config).into_iter();
    prices.map(|(name, usd)| (name.to_owned(), usd)).collect()
}

/// The terms of a row in each tier of its price, by the token counts from which a tier holds.
pub fn tiers(entry: &LogEntry<'_>, details: &Details<'_>, context: &Context<'_>) -> Vec<(String, Terms)> {
    let content = Content::of(entry.content);
    let Content::Text(rates) = &content else { return Vec::new() };
    let Ok(usage) = Usage::of(entry, details, Some(rates)) else { return Vec::new() };
    let row = Row { entry, content: &content, usage: &usage, estimated: false };
    let asked = row.asked(context.config);
    let Some(quote) = Quote::of(&asked, context.config) else { return Vec::new() };
    let tiers = quote.tiers(&asked, row.instants().0).into_iter();
    tiers.map(|(name, price)| (name, terms::text(&usage, &price, Ratio::ONE))).collect()
}

fn rating(charged: Charged, terms: Result<Terms, Reason>, own: Option<Terms>, departures: Vec<Departure>) -> Rating {
    Rating::Charge(Box::new(Rated { charged, terms, own, departures, shape: None }))
}

/// Rows that are no charge of their own.
fn skipped(kind: Kind, content: &Content<'_>, charged: Option<&Charged>) -> Option<Skip> {
    match kind {
        Kind::Absent | Kind::Code(2) => {
            let nothing = charged.is_none_or(|charged| *charged == Charged::Points(Points(0)));
            (*content == Content::Superseded && nothing).then_some(Skip::PartOfAnother)
        }
        Kind::Code(1) => Some(Skip::TopUp),
        Kind::Code(3) => Some(Skip::Manage),
        Kind::Code(4) => Some(Skip::System),
        Kind::Code(5) => Some(Skip::Test),
        Kind::Code(6) => None,
        Kind::Code(7) if *content == Content::External => None,
        Kind::Code(7) => Some(Skip::PartOfAnother),
        Kind::Code(_) => Some(Skip::UnknownType),
    }
}

/// Charges that no price gives: an estimate that was never settled, an amount that the caller named.
fn untold(kind: Kind, content: &Content<'_>) -> Option<Reason> {
    match (kind, content) {
        (Kind::Code(6), _) | (_, Content::Provisional) => Some(Reason::Estimate),
        (Kind::Code(7), _) | (_, Content::External | Content::ToolCall) => Some(Reason::NoRatios),
        _ => None,
    }
}

/// A charge with what it says of itself.
struct Row<'r, 'a> {
    entry: &'r LogEntry<'a>,
    content: &'r Content<'a>,
    usage: &'r Usage,
    /// The tokens are not the upstream's.
    estimated: bool,
}

/// The terms of a row by the config, with its departures from the rules.
struct Configured {
    terms: Terms,
    departures: Vec<Departure>,
}

impl Row<'_, '_> {
    /// The row, if its prompt holds the cached tokens.
    fn other_reading<T>(&self, of: impl FnOnce(&Row<'_, '_>) -> T) -> Option<T> {
        let usage =
            self.usage.other_reading(self.entry.model).filter(|_| matches!(self.content, Content::Text(_) | Content::Other))?;
        Some(of(&Row { usage: &usage, ..*self }))
    }

    /// The terms by the numbers that the row prints, in all its readings.
    fn printed(&self, configured: Option<&Terms>) -> Option<Terms> {
        let terms = self.by_itself(configured)?;
        let other = self.other_reading(|row| row.by_itself(configured)).flatten();
        Some(with_reading(terms, other))
    }

    /// The terms by the numbers that the row prints; a number that prints like the configured one is taken for it.
    fn by_itself(&self, configured: Option<&Terms>) -> Option<Terms> {
        let mut terms = match self.content {
            Content::Text(TextRates { completion: None, model, group, .. }) => self.printed_speech(*model, *group, configured),
            Content::Text(rates) => {
                let mut terms = terms::printed_text(self.usage, rates, configured);
                self.copy_tools(&mut terms, rates.tools, configured);
                terms
            }
            Content::Image(image) => terms::printed_image(image, self.usage, self.image_model(image), configured)?,
            Content::Units { unit, group, per_call } => terms::printed_units(self.count(*per_call), *unit, *group, configured),
            Content::Usd { usd, factors, group } => terms::printed_usd(*usd, factors, *group),
            Content::Superseded | Content::Refunded => nothing(),
            Content::ToolCall | Content::External | Content::Provisional | Content::Other => return None,
        };
        self.open_estimate(&mut terms);
        Some(terms)
    }

    fn copy_tools(&self, terms: &mut Terms, points: i64, configured: Option<&Terms>) {
        match configured {
            Some(configured) => terms.surcharges.clone_from(&configured.surcharges),
            None => terms::add_tools(terms, points, &[]),
        }
    }

    fn printed_speech(&self, model: Printed, group: Printed, configured: Option<&Terms>) -> Terms {
        let like = |printed: Printed, number: fn(&Terms) -> Ratio| {
            configured.map(number).filter(|number| printed.is_of(*number)).unwrap_or(printed.value)
        };
        let mut terms = terms::speech(like(model, |terms| terms.model_ratio), like(group, |terms| terms.group_ratio));
        terms.open.clear();
        terms::open(&mut terms, Reason::CountNotLogged, Allowed::Any);
        terms
    }

    fn open_estimate(&self, terms: &mut Terms) {
        if self.estimated {
            terms::open(terms, Reason::Estimate, Allowed::Any);
        }
    }

    fn image_model<'m>(&'m self, image: &Image<'m>) -> &'m str {
        if image.model.is_empty() { self.entry.model } else { image.model }
    }

    fn count(&self, per_call: bool) -> i64 {
        if per_call { 1 } else { self.usage.prompt }
    }

    /// The rating by the config, with what the row's own numbers give.
    fn by_config(&self, context: &Context<'_>, charged: Charged) -> Rating {
        match self.configured(context) {
            Ok(mut configured) => {
                let other = self.other_reading(|row| row.configured(context)).and_then(Result::ok);
                configured.terms = with_reading(configured.terms, other.map(|other| other.terms));
                let own = self.printed(Some(&configured.terms));
                rating(charged, Ok(configured.terms), own, configured.departures)
            }
            // What the config does not know is as the row says, if that gives the charge.
            Err(reason) => {
                let terms = self.printed(None).map(|terms| doubted(terms, reason));
                rating(charged, terms.ok_or(reason), None, Vec::new())
            }
        }
    }

    fn configured(&self, context: &Context<'_>) -> Result<Configured, Reason> {
        if matches!(self.content, Content::Superseded | Content::Refunded) {
            return Ok(Configured { terms: nothing(), departures: Vec::new() });
        }
        if matches!(self.content, Content::Usd { .. }) {
            return Err(Reason::RatioUnknown);
        }
        let asked = self.asked(context.config);
        let quote = Quote::of(&asked, context.config).ok_or(Reason::RatioUnknown)?;
        let printed_group = self.printed_group();
        let group = group::of_channel(asked.channel, context.config);
        let ratio = group.or(printed_group.map(|printed| printed.value)).unwrap_or(Ratio::ONE);
        let instants = self.instants();
        let mut configured = self.at(&asked, &quote, instants.0, ratio, context)?;
        if !quote.tariff.windows.is_empty() && instants.0 != instants.1 {
            self.open_windows(&mut configured, &self.at(&asked, &quote, instants.1, ratio, context)?);
        }
        if group.is_none() {
            configured.terms = doubted(configured.terms, Reason::RatioUnknown);
        }
        self.open_estimate(&mut configured.terms);
        Ok(configured)
    }

    fn asked(&self, config: &Config) -> Asked<'_> {
        let model = if let Content::Image(image) = self.content { self.image_model(image) } else { self.entry.model };
        let Usage { prompt, completion, .. } = *self.usage;
        let channel = Served::of(self.entry, config);
        Asked { channel, model, prompt, completion, printed: self.printed_model() }
    }

    fn printed_model(&self) -> Option<Printed> {
        match self.content {
            Content::Text(rates) => Some(rates.model),
            Content::Image(image) => image.model_ratio,
            Content::Units { unit, .. } => Some(*unit),
            _ => None,
        }
    }

    fn printed_group(&self) -> Option<Printed> {
        match self.content {
            Content::Text(rates) => Some(rates.group),
            Content::Image(image) => Some(image.group),
            Content::Units { group, .. } => Some(*group),
            _ => None,
        }
    }

    /// When the request began, in unix milliseconds: the earliest and the latest that the row allows. Its time is that of its end in whole
    /// seconds, or of its start where an estimate was written first.
    fn instants(&self) -> (i64, i64) {
        let end = self.entry.time.unwrap_or(0).saturating_mul(1000);
        (end.saturating_sub(self.entry.elapsed_ms.max(0)), end.saturating_add(999))
    }

    /// A window that began or ended while the request ran: either price may hold.
    fn open_windows(&self, configured: &mut Configured, other: &Configured) {
        if configured.terms != other.terms {
            terms::open(&mut configured.terms, Reason::PriceAmbiguous, Allowed::Readings(vec![other.terms.clone()]));
        }
    }

    fn at(
        &self,
        asked: &Asked<'_>,
        quote: &Quote,
        instant: i64,
        group: Ratio,
        context: &Context<'_>,
    ) -> Result<Configured, Reason> {
        let price = quote.at(asked, instant);
        let terms = match self.content {
            Content::Image(image) => {
                let (usd, factor) = terms::image_price(&price, image).ok_or(Reason::RatioUnknown)?;
                let model = price::mapped_in(asked, context.config);
                terms::image(image, self.usage, model, usd, factor, group)
            }
            Content::Units { per_call, .. } => {
                let unit = price.per_call.filter(|_| *per_call).and_then(points_of).unwrap_or(price.input);
                terms::units(self.count(*per_call), unit, group)
            }
            Content::Text(TextRates { completion: None, .. }) => self.speech(quote, &price, group),
            _ => self.text(asked, quote, &price, group, context.config),
        };
        self.settle(quote, &price, terms)
    }

    fn text(&self, asked: &Asked<'_>, quote: &Quote, price: &Price, group: Ratio, config: &Config) -> Terms {
        let mut terms = terms::text(self.usage, price, group);
        if price::is_partial(quote) && self.needs_more_than_ratios() {
            terms = doubted(terms, Reason::RatioUnknown);
        }
        if let Content::Text(rates) = self.content {
            terms::add_tools(&mut terms, rates.tools, &price::tools(asked.channel.name, config));
        }
        terms
    }

    fn needs_more_than_ratios(&self) -> bool {
        let usage = self.usage;
        usage.realtime || [usage.cached, usage.write_5m, usage.write_1h].into_iter().any(|tokens| tokens > 0)
    }

    /// What is priced by seconds cannot be told from speech where the source has no audio prices.
    fn speech(&self, quote: &Quote, price: &Price, group: Ratio) -> Terms {
        let mut terms = terms::speech(price.input, group);
        if price::is_partial(quote) || price.audio.is_some_and(|audio| audio.by_second) {
            terms.open.clear();
            terms::open(&mut terms, Reason::CountNotLogged, Allowed::Any);
        }
        terms
    }

    /// Settles what is known of the price itself, and names the departures from the rules.
    fn settle(&self, quote: &Quote, price: &Price, mut terms: Terms) -> Result<Configured, Reason> {
        let mut departures = Vec::new();
        let is_priced_by_ratio = !matches!(self.content, Content::Image(_));
        let printed = self.printed_model();
        if quote.origin == Origin::Fallback && is_priced_by_ratio {
            terms = at_fallback(terms, price, printed)?;
            departures.push(Departure { quirk: Quirk::FallbackRatio, rules: None });
        } else if price::is_partial(quote)
            && let Some(printed) = printed.filter(|printed| !printed.is_of(terms.model_ratio))
        {
            // A tier that the source cannot carry, or another version of the gateway.
            terms.model_ratio = printed.value;
            terms = doubted(terms, Reason::RatioUnknown);
        }
        departures.extend(departures_of(&terms, price));
        Ok(Configured { terms, departures })
    }
}

/// Terms with another reading of the row. It comes first, so that what else is open holds in both.
fn with_reading(mut terms: Terms, other: Option<Terms>) -> Terms {
    if let Some(other) = other.filter(|other| *other != terms) {
        terms.open.insert(0, Open { reason: Reason::SplitNotLogged, allowed: Allowed::Readings(vec![other]) });
    }
    terms
}

/// A charge that was given back.
fn nothing() -> Terms {
    let mut terms = Terms::tokens(Ratio::ZERO, Ratio::ONE);
    terms.formula = Formula::Free;
    terms
}

/// Terms that hold if the config's source is right about what it cannot say.
fn doubted(mut terms: Terms, reason: Reason) -> Terms {
    terms.open.insert(0, Open { reason, allowed: Allowed::Any });
    terms
}

/// A model that nobody prices is charged at the fallback, if the row prints that.
fn at_fallback(mut terms: Terms, price: &Price, printed: Option<Printed>) -> Result<Terms, Reason> {
    let printed = printed.ok_or(Reason::UnknownModel)?;
    let fallback = [price.input, price::FALLBACK, price::OLD_FALLBACK].into_iter().find(|ratio| printed.is_of(*ratio));
    terms.model_ratio = fallback.ok_or(Reason::UnknownModel)?;
    terms::open(&mut terms, Reason::UnknownModel, Allowed::Presumed);
    Ok(terms)
}

fn points_of(usd: Ratio) -> Option<Ratio> {
    crate::float::product(usd, crate::pricing::QUOTA_PER_UNIT)
}

/// Where the gateway departs from its own price rules in this charge.
fn departures_of(terms: &Terms, price: &Price) -> Vec<Departure> {
    let by_the_rules = |quirk: Quirk, rules: Terms| Departure { quirk, rules: Some(rules) };
    let mut found = Vec::new();
    let cached = [Class::Cached, Class::CacheWrite5m, Class::CacheWrite1h].into_iter().any(|class| terms.usage[class] != 0);
    if terms.no_usage && cached {
        found.push(by_the_rules(Quirk::CacheOnlyFree, Terms { no_usage: false, ..terms.clone() }));
    }
    if let (Some(input), Formula::Sum(_)) = (price.ignored_input, &terms.formula) {
        let mut rules = Terms { model_ratio: input, ..terms.clone() };
        rules.rates[Class::Output] = crate::float::gateway::laisky_completion(input, price.completion);
        found.push(by_the_rules(Quirk::TierInputIgnored, rules));
    }
    let image_tokens = [Class::TextInput, Class::ImageInput].into_iter().any(|class| terms.usage[class] != 0);
    if terms.group_ratio.is_zero() && image_tokens {
        found.push(by_the_rules(Quirk::ImageGroupZero, Terms { usage: Default::default(), ..terms.clone() }));
    }
    if matches!(terms.formula, Formula::Sum(Sum::Laisky) | Formula::Product(_)) {
        let mut rules = terms.in_decimals();
        if matches!(terms.formula, Formula::Sum(_)) {
            rules.rates[Class::Output] = price.completion;
        }
        found.push(by_the_rules(Quirk::FloatTie, rules));
    }
    found
}
