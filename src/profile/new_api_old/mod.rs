//! new-api of 2024 and of 2025, and Veloera, which grew from it.
//!
//! One law, three sets of [`Rules`]: a row's usage ([`usage`]) and its prices ([`quote`], from the row or from the config) make its
//! terms ([`terms`]). `docs/billing/new-api-2024-2025.md` and `docs/billing/veloera.md` have the formulas.

mod audio;
mod completion;
mod departures;
mod group;
mod names;
mod printed;
mod quote;
mod terms;
#[cfg(test)]
mod tests;
mod usage;

use std::sync::OnceLock;

use super::image::Image;
use super::tables::Tables;
use super::{Basis, Context, Profile, Rated, Rating, Shape, Skip, charge_of};
use crate::config::Config;
use crate::defaults;
use crate::details::Details;
use crate::exact::Ratio;
use crate::log::{Kind, LogEntry, RowError};
use crate::pricing::{Allowed, Open, Reason, Terms};
use names::Names;
use quote::{Asked, Figure, Found, Quote};
use usage::{Usage, Way};

/// What one of the three does and another does not.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The word of the built-in figures.
    defaults: &'static str,
    completion: completion::Table,
    /// The option of a completion ratio is looked up by the folded name (`gpt-4o-gizmo-*`), not by the one that was asked for.
    folds_completion: bool,
    /// Exact decimals, rounded once; else float64, each class rounded by itself, and prices cut.
    exact: bool,
    /// Cached tokens and requests of Claude's own kind have prices of their own.
    caches: bool,
    /// Models without a price are charged at 37.5 where that is accepted.
    fallback: bool,
    /// Mapped models cost what the upstream model costs, and channels may have a prefix that prices leave out.
    upstream: bool,
    /// What a row of type 5 is.
    five: Skip,
}

impl Rules {
    const OF_2024: Rules = Rules {
        defaults: "new-api-2024",
        completion: completion::OF_2024,
        folds_completion: true,
        exact: false,
        caches: false,
        fallback: false,
        upstream: false,
        five: Skip::Error,
    };
    const OF_2025: Rules = Rules {
        defaults: "new-api-2025",
        completion: completion::OF_2025,
        folds_completion: false,
        exact: true,
        caches: true,
        fallback: true,
        upstream: false,
        five: Skip::Error,
    };
    const VELOERA: Rules =
        Rules { defaults: "veloera", completion: completion::VELOERA, upstream: true, five: Skip::CheckIn, ..Rules::OF_2025 };

    fn of(profile: Profile) -> Rules {
        match profile {
            Profile::NewApi2024 => Rules::OF_2024,
            Profile::Veloera => Rules::VELOERA,
            _ => Rules::OF_2025,
        }
    }

    fn tables<'c>(&self, config: &'c Config) -> Tables<'c> {
        static NOTHING: OnceLock<Config> = OnceLock::new();
        let built_in = defaults::of(self.defaults).map(|defaults| &defaults.config);
        Tables { config, defaults: built_in.unwrap_or_else(|| NOTHING.get_or_init(Config::default)) }
    }
}

/// The completion ratio that one of the three gateways has built in for a model; none for another profile.
pub fn builtin_completion(profile: Profile, model: &str) -> Option<Ratio> {
    let ours = matches!(profile, Profile::NewApi2024 | Profile::NewApi2025 | Profile::Veloera);
    ours.then(|| completion::builtin(Rules::of(profile).completion, model).0)
}

/// The number of images that stands in the place of the prompt.
pub fn images(entry: &LogEntry<'_>) -> Option<i64> {
    Image::of(entry.content).and(entry.tokens.prompt)
}

/// Rates a row.
pub fn rate(profile: Profile, entry: &LogEntry<'_>, details: &Details<'_>, context: &Context<'_>) -> Result<Rating, RowError> {
    let rules = Rules::of(profile);
    if let Some(skip) = skipped(entry.kind, &rules) {
        return Ok(Rating::Skipped(skip));
    }
    let charged = charge_of(entry)?;
    let usage = Usage::of(entry, details, &rules)?;
    let names = Names::of(entry, details);
    let asked = Asked {
        entry,
        details,
        usage: &usage,
        names: &names,
        quota_per_unit: context.quota_per_unit,
        rules: &rules,
        other_mode: context.other_mode,
    };
    let own = quote::of_row(&asked)?;
    let found = found(&asked, context, own.as_ref());
    let departures = match &found {
        Ok(Found { quote, .. }) => departures::of(&asked, quote, charged.points(context.quota_per_unit)),
        Err(_) => Vec::new(),
    };
    let shape = found.as_ref().ok().and_then(|found| shape_of(&asked, &found.quote, context));
    let own = own.or_else(|| printed::beside(&asked, &found.as_ref().ok()?.quote));
    let terms = found.map(|found| terms_of(&asked, &found));
    let own = own.filter(|_| context.basis == Basis::Config).map(|own| terms::of(&asked, &own));
    Ok(Rating::Charge(Box::new(Rated { charged, terms, own, departures, shape })))
}

/// How the counts of rows like this one become tokens; none where more than their counts enters the terms.
fn shape_of(asked: &Asked<'_, '_>, quote: &Quote, context: &Context<'_>) -> Option<Shape> {
    let usage = asked.usage;
    let is_plain = matches!(usage.way, Way::Text | Way::Claude) && usage.image.is_none() && !usage.test && !usage.nothing;
    is_plain.then_some(Shape {
        per_call: quote.price.is_some(),
        excludes: usage.way == Way::Claude,
        by_channel: asked.rules.upstream && context.basis == Basis::Config && !context.config.channels.is_empty(),
        ..Shape::WHOLE
    })
}

fn skipped(kind: Kind, rules: &Rules) -> Option<Skip> {
    match kind {
        Kind::Absent | Kind::Code(2) => None,
        Kind::Code(1) => Some(Skip::TopUp),
        Kind::Code(3) => Some(Skip::Manage),
        Kind::Code(4) => Some(Skip::System),
        Kind::Code(5) => Some(rules.five),
        Kind::Code(_) => Some(Skip::UnknownType),
    }
}

/// The prices that the basis asks for.
fn found(asked: &Asked<'_, '_>, context: &Context<'_>, own: Option<&Quote>) -> Result<Found, Reason> {
    match (context.basis, own) {
        (Basis::Config, _) => quote::of_config(asked, &asked.rules.tables(context.config), context.config, own),
        (Basis::Logged, Some(own)) => Ok(Found::sure(own.clone())),
        (Basis::Logged, None) => printed::quote(asked).map_or_else(|| built_in(asked), |quote| Ok(Found::sure(quote))),
    }
}

/// A row without ratios and no config: the built-in prices, for the group `default`.
fn built_in(asked: &Asked<'_, '_>) -> Result<Found, Reason> {
    let nothing = Config::default();
    let own_group = asked.entry.ratios.group;
    if own_group.is_none() && !matches!(asked.entry.group, "" | "default") {
        return Err(Reason::NoRatios);
    }
    let mut found = quote::of_config(asked, &asked.rules.tables(&nothing), &nothing, None).map_err(|_| Reason::NoRatios)?;
    if let Some(ratio) = own_group {
        found.quote.group = Figure::sure(ratio);
    }
    Ok(found)
}

/// The terms of what was found; the other names that may have been priced stay open.
fn terms_of(asked: &Asked<'_, '_>, found: &Found) -> Terms {
    let mut terms = terms::of(asked, &found.quote);
    if !found.others.is_empty() {
        let readings = found.others.iter().map(|quote| terms::of(asked, quote)).collect();
        terms.open.push(Open { reason: Reason::PriceAmbiguous, allowed: Allowed::Readings(readings) });
    }
    terms
}
