//! Other prices that the config knows, for the causes of a wrong charge: other groups, other models, the other billing mode.

use std::sync::Arc;

use super::{Basis, Context, Memory, Profile, Rating, laisky, new_api, new_api_old, rate};
use crate::config::{Config, Map, MapName};
use crate::details::Details;
use crate::exact::Ratio;
use crate::log::LogEntry;
use crate::pricing::{Formula, Mode, PerClass, Terms};

/// What else might have been charged.
#[derive(Clone, Debug, Default)]
pub struct Related {
    /// Other groups of the config, special ratios included.
    pub groups: Vec<(String, Ratio)>,
    /// The gateway's model ratio for models without a price.
    pub fallback: Option<Ratio>,
    /// Known completion ratios of the model: the configured and the gateway's own.
    pub completions: Vec<Ratio>,
    /// Known prices of tools, USD per 1000 calls (Laisky: for one).
    pub tools: Vec<(String, Ratio)>,
    /// The model that the request was sent to, where it is another.
    pub upstream: Option<RelatedModel>,
    pub advance: InAdvance,
}

/// What a gateway takes before a request that names no `max_tokens`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InAdvance {
    /// The prompt, at least 500 tokens.
    #[default]
    AtLeast,
    /// 500 tokens, whatever the prompt; or, by version, the same as above.
    Fixed,
    /// The prompt and 500 tokens, too.
    Any,
    /// The prompt, and 500 points.
    PromptAndPoints,
}

impl InAdvance {
    fn of(profile: Profile) -> InAdvance {
        match profile {
            Profile::NewApi | Profile::Exact => InAdvance::AtLeast,
            Profile::NewApi2025 | Profile::NewApi2024 | Profile::Veloera => InAdvance::Fixed,
            Profile::OneApi | Profile::OneApi2023 | Profile::Laisky => InAdvance::Any,
            Profile::OneHub => InAdvance::PromptAndPoints,
        }
    }
}

/// Another model's price.
#[derive(Clone, Debug)]
pub struct RelatedModel {
    pub name: String,
    formula: Formula,
    model_ratio: Ratio,
    rates: PerClass<Ratio>,
    price: Ratio,
}

impl RelatedModel {
    /// The terms at this model's price; none where they are the same, or of another mode.
    pub fn price(&self, terms: &Terms) -> Option<Terms> {
        self.may_replace(terms).then(|| {
            let mut changed = terms.clone();
            self.put_into(&mut changed);
            changed
        })
    }

    /// Whether its price is another of the same mode.
    fn may_replace(&self, terms: &Terms) -> bool {
        let differs = self.model_ratio != terms.model_ratio || self.rates != terms.rates || self.price != terms.price;
        (differs || self.mode() == Mode::Expression) && self.is_of_mode(terms)
    }

    /// Whether its price is for the same.
    pub fn is_of_mode(&self, terms: &Terms) -> bool {
        self.mode() == terms.formula.mode()
    }

    pub fn mode(&self) -> Mode {
        self.formula.mode()
    }

    /// Puts its price in the place of the terms' own.
    pub fn put_into(&self, terms: &mut Terms) {
        terms.model_ratio = self.model_ratio;
        terms.rates = self.rates;
        terms.price = self.price;
        if let (Formula::Expression(own), Formula::Expression(tiered)) = (&self.formula, &mut terms.formula) {
            tiered.expression = Arc::clone(&own.expression);
            tiered.named.clone_from(&own.named);
        }
    }
}

/// Looks up what is related to a row. Only the given config is asked for groups.
pub fn related(profile: Profile, entry: &LogEntry<'_>, details: &Details<'_>, context: &Context<'_>) -> Related {
    Related {
        groups: groups(context.config),
        fallback: fallback(profile),
        completions: completions(profile, entry.model, context.config),
        tools: if profile == Profile::Laisky { laisky::tool_prices(entry, context.config) } else { tools(context.config) },
        upstream: Pricer::new(profile, entry, details, context).upstream(),
        advance: InAdvance::of(profile),
    }
}

/// The prices of the models of the given config, but the upstream one. They do not hang on the row's own model.
pub fn models(profile: Profile, entry: &LogEntry<'_>, details: &Details<'_>, context: &Context<'_>) -> Vec<RelatedModel> {
    Pricer::new(profile, entry, details, context).models()
}

/// The row as if it were one of another model of the given config.
pub fn as_model(name: &str, profile: Profile, entry: &LogEntry<'_>, details: &Details<'_>, context: &Context<'_>) -> Option<Terms> {
    Pricer::new(profile, entry, details, context).terms(name)
}

/// Veloera prices the model that a request was mapped to, whatever the row's own model is.
pub fn is_priced_as_mapped(profile: Profile, entry: &LogEntry<'_>, details: &Details<'_>) -> bool {
    profile == Profile::Veloera && upstream_of(entry, details).is_some()
}

/// Prices a row as if it were one of another model.
struct Pricer<'p, 'a> {
    profile: Profile,
    entry: &'p LogEntry<'a>,
    details: Details<'p>,
    context: Context<'p>,
    upstream: Option<String>,
    is_mapped: bool,
}

impl<'p, 'a> Pricer<'p, 'a> {
    fn new(profile: Profile, entry: &'p LogEntry<'a>, details: &'p Details<'p>, context: &'p Context<'p>) -> Pricer<'p, 'a> {
        let upstream = upstream_of(entry, details);
        let is_mapped = is_priced_as_mapped(profile, entry, details);
        let details = if is_mapped { details.without(&["is_model_mapped", "upstream_model_name"]) } else { details.clone() };
        Pricer { profile, entry, details, context: Context { basis: Basis::Config, ..*context }, upstream, is_mapped }
    }

    fn terms(&self, name: &str) -> Option<Terms> {
        let entry = LogEntry { model: name, ..self.entry.clone() };
        let rating = rate(self.profile, &entry, &self.details, &self.context, &mut Memory::default()).ok()?;
        let Rating::Charge(rated) = rating else { return None };
        rated.terms.ok()
    }

    fn price(&self, name: &str) -> Option<RelatedModel> {
        let Terms { formula, model_ratio, rates, price, .. } = self.terms(name)?;
        Some(RelatedModel { name: name.to_owned(), formula, model_ratio, rates, price })
    }

    fn upstream(&self) -> Option<RelatedModel> {
        let upstream = self.upstream.as_deref().filter(|upstream| self.is_mapped || *upstream != self.entry.model)?;
        names(self.context.config).contains(&upstream).then(|| self.price(upstream))?
    }

    fn models(&self) -> Vec<RelatedModel> {
        let models = names(self.context.config).into_iter().filter(|name| self.upstream.as_deref() != Some(name));
        models.filter_map(|name| self.price(name)).collect()
    }
}

/// The row by tokens, or per call, where the row, the config or the gateway has such a price of it.
pub fn by_mode(mode: Mode, profile: Profile, entry: &LogEntry<'_>, details: &Details<'_>, context: &Context<'_>) -> Vec<Terms> {
    let is_new_api = matches!(profile, Profile::NewApi | Profile::Exact);
    if mode == Mode::Call && is_new_api && !new_api::may_be_by_call(entry, context.config) {
        return Vec::new();
    }
    let by = |basis: Basis, other_mode: bool| {
        let context = Context { basis, other_mode, ..*context };
        match rate(profile, entry, details, &context, &mut Memory::default()) {
            Ok(Rating::Charge(rated)) => rated.terms.ok().filter(|terms| terms.formula.mode() == mode),
            _ => None,
        }
    };
    let by_config = by(Basis::Config, true);
    if context.basis == Basis::Config {
        return by_config.into_iter().collect();
    }
    // A row that carries its own price may be of another mode than the config.
    let by_config = by_config.or_else(|| by(Basis::Config, false));
    by(Basis::Logged, true).into_iter().chain(by_config).collect()
}

/// The number of images, where it stands in the place of tokens.
pub fn images(profile: Profile, entry: &LogEntry<'_>) -> Option<i64> {
    let counts = matches!(profile, Profile::NewApi2024 | Profile::NewApi2025 | Profile::Veloera);
    if counts { new_api_old::images(entry) } else { None }
}

/// The row's price in each tier that its model has.
pub fn tiers(profile: Profile, entry: &LogEntry<'_>, details: &Details<'_>, context: &Context<'_>) -> Vec<RelatedModel> {
    let tiers = if profile == Profile::Laisky { laisky::tiers(entry, details, context) } else { Vec::new() };
    let priced = tiers.into_iter().map(|(name, terms)| {
        let Terms { formula, model_ratio, rates, price, .. } = terms;
        RelatedModel { name, formula, model_ratio, rates, price }
    });
    priced.collect()
}

/// The model that the request was sent to, where the row says so.
pub fn upstream_of(entry: &LogEntry<'_>, details: &Details<'_>) -> Option<String> {
    let named = details.text("upstream_model_name").map(|name| name.into_owned());
    named.or_else(|| Some(entry.upstream_model.to_owned()).filter(|name| !name.is_empty()))
}

/// The models that the config prices, in the order of their names.
fn names(config: &Config) -> Vec<&str> {
    let maps = [MapName::ModelRatio, MapName::ModelPrice].into_iter().filter_map(|map| match config.map(map) {
        Map::Given(numbers) => Some(numbers.keys()),
        _ => None,
    });
    let mut names: Vec<&str> = maps.flatten().chain(config.model_prices.keys()).map(String::as_str).collect();
    names.extend(config.expressions.keys().map(String::as_str));
    names.extend(config.price_list.iter().map(|price| price.model.as_str()));
    names.extend(config.channels.values().flat_map(|channel| channel.tariffs.keys()).map(String::as_str));
    names.extend(config.displayed.keys().map(String::as_str));
    names.sort_unstable();
    names.dedup();
    names
}

fn groups(config: &Config) -> Vec<(String, Ratio)> {
    let mut groups: Vec<(String, Ratio)> = match config.map(MapName::GroupRatio) {
        Map::Given(numbers) => numbers.iter().map(|(name, number)| (name.clone(), number.ratio)).collect(),
        _ => Vec::new(),
    };
    let special = config.group_group_ratio.iter().flatten();
    groups.extend(special.flat_map(|(user, ratios)| {
        ratios.iter().map(move |(group, number)| (format!("{group} for users of {user}"), number.ratio))
    }));
    groups.sort();
    groups
}

fn fallback(profile: Profile) -> Option<Ratio> {
    match profile {
        Profile::NewApi | Profile::NewApi2025 | Profile::NewApi2024 | Profile::Veloera => Some(Ratio::new(375, -1)),
        Profile::OneApi | Profile::OneApi2023 | Profile::OneHub => Some(Ratio::from(30)),
        Profile::Laisky => Some(Ratio::new(125, -2)),
        Profile::Exact => None,
    }
}

fn completions(profile: Profile, model: &str, config: &Config) -> Vec<Ratio> {
    let configured = match config.map(MapName::CompletionRatio) {
        Map::Given(numbers) => numbers.get(model).map(|number| number.ratio),
        _ => None,
    };
    let built_in = match profile {
        Profile::NewApi => Some(new_api::completion::builtin(model).ratio),
        _ => new_api_old::builtin_completion(profile, model),
    };
    configured.into_iter().chain(built_in).collect()
}

fn tools(config: &Config) -> Vec<(String, Ratio)> {
    let tool = |key: &str| key.split(':').next().unwrap_or(key).to_owned();
    let mut tools: Vec<(String, Ratio)> = match config.map(MapName::ToolPrice) {
        Map::Given(numbers) => numbers.iter().map(|(key, number)| (tool(key), number.ratio)).collect(),
        _ => Vec::new(),
    };
    tools.extend(new_api::tool_prices().map(|(key, price)| (tool(key), price)));
    tools.sort();
    tools.dedup();
    tools
}
