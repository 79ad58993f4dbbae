//! What one request would cost: usage and prices that were typed, by the rules of the family.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::Rules;
use super::expression::{self, Priced, Seen};
use super::names::Names;
use super::price_list;
use super::quote::{self, Asked, Figure, Quote, points_of_a_dollar};
use super::terms;
use super::usage::{Tool, Usage};
use crate::config::Config;
use crate::details::Details;
use crate::exact::{Exact, Ratio};
use crate::float::expr::{Class as Name, Expression};
use crate::log::{Field, LogEntry, Reading, Row};
use crate::pricing::{Class, Multiplier, PerClass, Reason, Terms};
use crate::profile::tables::Tables;

/// A request to be priced. The prompt includes cached and written tokens.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub model: String,
    pub group: String,
    /// Special ratios go by it; without one there are none.
    pub user_group: String,
    pub prompt: i64,
    pub cached: i64,
    pub writes_5m: i64,
    pub writes_1h: i64,
    pub image_input: i64,
    pub audio_input: i64,
    pub audio_output: i64,
    pub completion: i64,
    pub tools: Vec<(String, i64)>,
    pub multipliers: Vec<(String, Ratio)>,
}

/// Prices that were typed and win over the config.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// A tiered expression; the ratios do not count then.
    pub expression: Option<Arc<Expression>>,
    pub model_ratio: Option<Ratio>,
    pub completion_ratio: Option<Ratio>,
    pub cache_ratio: Option<Ratio>,
    pub group_ratio: Option<Ratio>,
    /// USD per call.
    pub model_price: Option<Ratio>,
    /// USD per 1M tokens.
    pub input_price: Option<Ratio>,
    pub output_price: Option<Ratio>,
}

impl Overrides {
    fn has_price(&self) -> bool {
        let prices = self.model_ratio.or(self.model_price).or(self.input_price).or(self.output_price);
        self.expression.is_some() || prices.is_some()
    }
}

/// The terms of a request, or why it has no price.
pub fn calculate(
    request: &Request,
    overrides: &Overrides,
    config: &Config,
    quota_per_unit: Ratio,
    rules: &Rules,
) -> Result<Terms, Reason> {
    let usage = usage(request);
    let mut row = Row::default();
    row.set(Field::Model, &request.model);
    row.set(Field::Group, &request.group);
    row.set(Field::UserGroup, &request.user_group);
    let reading = Reading { time: &|_| None, currency: None };
    let entry = LogEntry::parse(&row, &reading).map_err(|_| Reason::UnknownModel)?;
    let details = Details::default();
    let names = Names::of(entry.model, "");
    let asked = Asked::new(&entry, &details, &usage, names, quota_per_unit);
    let tables = super::tables_of(config);
    let typed = overrides.has_price();
    let is_unknown = config.unknown_models.contains(entry.model) && !typed;
    if is_unknown || config.unknown_groups.contains(entry.group_or_default()) && overrides.group_ratio.is_none() {
        return Err(Reason::RatioUnknown);
    }
    let prices = match quote::of_model(&asked, &tables, None, rules) {
        Err(_) if typed => bare(&asked, &tables, overrides, rules)?,
        prices => prices?,
    };
    let mut quote = quote::in_group(prices, &asked, &tables, None)?;
    // How many there are is typed as a multiplier.
    quote.counted = None;
    if request.user_group.is_empty() {
        // A user without a group has no special ratio.
        quote.other_groups.clear();
    }
    apply(&mut quote, overrides, quota_per_unit);
    let mut terms = match expression_of(&asked, overrides, config)? {
        Some(priced) => {
            let seen = seen(request, &priced.expression.variables());
            expression::terms(&usage, seen, &quote, &priced, quota_per_unit)?
        }
        None => terms::of(&usage, &quote, rules, quota_per_unit),
    };
    terms.multipliers.extend(request.multipliers.iter().map(|(name, value)| Multiplier { name: name.clone(), value: *value }));
    Ok(terms)
}

/// The expression that was typed, or the model's in the config.
fn expression_of(asked: &Asked<'_, '_>, overrides: &Overrides, config: &Config) -> Result<Option<Priced>, Reason> {
    let configured = || config.expressions.get(asked.names.bare).filter(|_| !overrides.has_price());
    let expression = match (&overrides.expression, configured()) {
        (Some(typed), _) => Arc::clone(typed),
        (None, Some(text)) => Arc::new(Expression::parse(text).map_err(|_| Reason::ExpressionNotSupported)?),
        (None, None) => return Ok(None),
    };
    // All classes are as they were typed, none is hidden.
    Ok(Some(Priced { expression, matched: None, audio_is_told: true }))
}

/// What an expression sees of a request. Cache writes by how long they are kept are Claude's: there the prompt excludes what is cached
/// and written, whether the expression names it or not. Of other classes, those that it does not name are input and output.
fn seen(request: &Request, names: &BTreeSet<Name>) -> Seen {
    let excludes_cache = request.writes_5m != 0 || request.writes_1h != 0;
    let named = |name: Name, tokens: i64| if excludes_cache && !names.contains(&name) { 0 } else { tokens };
    let beside = [
        request.cached,
        request.writes_5m,
        request.writes_1h,
        named(Name::Img, request.image_input),
        named(Name::Ai, request.audio_input),
    ];
    let mut tokens = PerClass::default();
    for (class, count) in [
        (Class::Input, beside.into_iter().fold(request.prompt, i64::saturating_sub)),
        (Class::Cached, request.cached),
        (Class::CacheWrite5m, request.writes_5m),
        (Class::CacheWrite1h, request.writes_1h),
        (Class::ImageInput, request.image_input),
        (Class::AudioInput, request.audio_input),
        (Class::Output, request.completion.saturating_sub(named(Name::Ao, request.audio_output))),
        (Class::AudioOutput, request.audio_output),
    ] {
        tokens[class] = count;
    }
    Seen { tokens, len: request.prompt, excludes_cache }
}

fn usage(request: &Request) -> Usage<'_> {
    let writes = request.writes_5m.saturating_add(request.writes_1h);
    let tools = request.tools.iter().map(|(name, count)| Tool {
        name: Cow::Borrowed(name.as_str()),
        count: *count,
        price: None,
        fixed_price: false,
    });
    Usage {
        prompt: request.prompt,
        completion: request.completion,
        cached: request.cached,
        writes,
        writes_5m: request.writes_5m,
        writes_1h: request.writes_1h,
        image_input: request.image_input,
        audio_within: (request.audio_input, request.audio_output),
        split_priced: true,
        no_usage: request.prompt.saturating_add(request.completion) == 0,
        // Nobody types the tokens of a call.
        untold: true,
        tools: tools.collect(),
        ..Usage::default()
    }
}

/// A model that no table knows: what was not typed is what the gateway takes of its own. A price of output says nothing of input.
fn bare(asked: &Asked<'_, '_>, tables: &Tables<'_>, overrides: &Overrides, rules: &Rules) -> Result<Quote, Reason> {
    if overrides.output_price.is_some() && overrides.model_ratio.or(overrides.input_price).is_none() {
        return Err(Reason::UnknownModel);
    }
    // Without a name there is nothing that a config could say.
    let tables = if asked.names.bare.is_empty() { tables.built_in() } else { *tables };
    Ok(quote::of_unlisted(asked, &tables, rules))
}

fn apply(quote: &mut Quote, overrides: &Overrides, quota_per_unit: Ratio) {
    let set = |figure: &mut Figure, value: Option<Ratio>| {
        if let Some(value) = value {
            *figure = Figure::sure(value);
        }
    };
    if overrides.model_ratio.is_some() {
        quote.price = None;
        if quote.input != Ratio::ONE {
            *quote = price_list::nearest_ratios(quote);
        }
    }
    set(&mut quote.model, overrides.model_ratio);
    // Where the rates are prices, those of other parts stand beside that of input.
    let of_input = |ratio: Ratio| (Exact::from(ratio) * quote.input).to_ratio().unwrap_or_default();
    set(&mut quote.completion, overrides.completion_ratio.map(of_input));
    set(&mut quote.cache, overrides.cache_ratio.map(of_input));
    if overrides.input_price.is_some() || overrides.output_price.is_some() {
        apply_prices(quote, overrides, quota_per_unit);
    }
    if overrides.group_ratio.is_some() {
        quote.other_groups.clear();
    }
    set(&mut quote.group, overrides.group_ratio);
    quote.price = overrides.model_price.or(quote.price);
}

/// Prices per 1M tokens: the model ratio becomes the unit, and every rate a price. What has no price of its own keeps its ratio.
fn apply_prices(quote: &mut Quote, overrides: &Overrides, quota_per_unit: Ratio) {
    let unit = points_of_a_dollar(quota_per_unit);
    let before = quote.input;
    let known = (Exact::from(quote.model.value) * before).divided_by(&Exact::from(unit), 12);
    let input = overrides.input_price.unwrap_or_else(|| known.to_ratio().unwrap_or_default());
    let scaled = |figure: Figure| match before.is_zero() {
        true => figure,
        false => Figure {
            value: (Exact::from(figure.value) * input).divided_by(&Exact::from(before), 30).to_ratio().unwrap_or_default(),
            ..figure
        },
    };
    quote.price = None;
    quote.model = Figure::sure(unit);
    quote.input = input;
    quote.completion = overrides.output_price.map_or_else(|| scaled(quote.completion), Figure::sure);
    quote.cache = scaled(quote.cache);
    quote.write = scaled(quote.write);
    quote.write_5m = scaled(quote.write_5m);
    quote.write_1h = scaled(quote.write_1h);
    quote.image = scaled(quote.image);
    quote.audio = scaled(quote.audio);
}
