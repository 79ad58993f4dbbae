//! Tiered price expressions: which counts an expression sees, and which of them a row does not hold.

use std::sync::Arc;

use super::quote::Quote;
use super::terms::{add_tools, open_figure, open_groups};
use super::usage::Usage;
use crate::config::MapName;
use crate::exact::Ratio;
use crate::float::expr::{Class as Name, EvalError, Expression};
use crate::pricing::{Allowed, Class, Formula, Minimum, Open, PerClass, Reason, Slot, Terms, Tiered, outcome};
use crate::profile::tables::{Known, Tables};
use crate::profile::{Departure, Quirk};

/// The expression of a row's model, with what the row says of its evaluation.
#[derive(Clone, Debug)]
pub struct Priced {
    pub expression: Arc<Expression>,
    /// The tier that the row names.
    pub matched: Option<String>,
    /// The model has audio prices: an answer with audio would have been an audio row.
    pub audio_is_told: bool,
}

/// Whether audio answers of the model are priced as audio.
pub fn is_audio_told(tables: &Tables<'_>, name: &str) -> bool {
    [MapName::AudioRatio, MapName::AudioCompletionRatio].iter().any(|map| matches!(tables.get(*map, name), Known::Number(_)))
}

/// What an expression sees.
#[derive(Clone, Debug)]
pub struct Seen {
    pub tokens: PerClass<i64>,
    /// The whole prompt.
    pub len: i64,
    /// The prompt excludes the cache: classes that the expression does not name are not counted with it.
    pub excludes_cache: bool,
}

/// The terms of an expression, or why it has no value.
pub fn terms(usage: &Usage<'_>, seen: Seen, quote: &Quote, priced: &Priced, quota_per_unit: Ratio) -> Result<Terms, Reason> {
    let mut terms = Terms::tokens(Ratio::ONE, quote.group.value);
    terms.quota_per_unit = quota_per_unit;
    terms.minimum = Minimum::NONE;
    // Without usage only audio is free: an expression with a constant part is charged for an empty answer too.
    terms.no_usage = usage.no_usage && usage.audio.is_some();
    let Seen { tokens, len, excludes_cache } = seen;
    terms.usage = tokens;
    terms.formula = Formula::Expression(Box::new(Tiered {
        expression: Arc::clone(&priced.expression),
        named: priced.expression.variables(),
        len,
        excludes_cache,
        matched: priced.matched.clone(),
    }));
    add_tools(&mut terms, usage, quote);
    add_open(&mut terms, usage, priced);
    open_figure(&mut terms, Some(Slot::GroupRatio), quote.group);
    open_groups(&mut terms, &quote.other_groups);
    match outcome(&terms) {
        Some(Err(EvalError::NeedsRequest(_))) => Err(Reason::RequestDependentExpression),
        Some(Err(EvalError::Unsupported(_))) => Err(Reason::ExpressionNotSupported),
        Some(Err(EvalError::Failed { .. })) => Err(Reason::ExpressionFailed),
        Some(Ok(_)) | None => Ok(terms),
    }
}

/// What an expression sees of a row.
pub fn seen(usage: &Usage<'_>) -> Seen {
    let mut tokens = PerClass::default();
    let (len, excludes_cache) = fill(&mut tokens, usage);
    Seen { tokens, len, excludes_cache }
}

/// Fills the classes; gives the whole prompt, and whether the prompt excludes the cache.
fn fill(tokens: &mut PerClass<i64>, usage: &Usage<'_>) -> (i64, bool) {
    let mut set = |class: Class, count: i64| tokens[class] = count;
    set(Class::Output, usage.completion);
    if let Some(audio) = usage.audio {
        if audio.realtime {
            set(Class::Input, usage.prompt);
            return (usage.prompt, true);
        }
        set(Class::Input, usage.prompt.saturating_sub(audio.audio_input));
        set(Class::AudioInput, audio.audio_input);
        set(Class::Output, usage.completion.saturating_sub(audio.audio_output));
        set(Class::AudioOutput, audio.audio_output);
        return (usage.prompt, false);
    }
    set(Class::Cached, usage.cached);
    if usage.excludes_cache && !usage.split_only {
        let (five, hour) = if usage.anthropic { (usage.writes_5m, usage.writes_1h) } else { (usage.writes, 0) };
        set(Class::Input, usage.prompt);
        set(Class::CacheWrite5m, five);
        set(Class::CacheWrite1h, hour);
        return ([usage.cached, five, hour].into_iter().fold(usage.prompt, i64::saturating_add), true);
    }
    let audio = usage.separate_audio.map_or(0, |(tokens, _)| tokens);
    let beside = [usage.cached, usage.writes, usage.image_input, audio].into_iter().fold(0, i64::saturating_add);
    set(Class::Input, usage.prompt.saturating_sub(beside));
    set(Class::CacheWrite, usage.writes);
    set(Class::ImageInput, usage.image_input);
    set(Class::AudioInput, audio);
    (usage.prompt, false)
}

/// Classes that the expression names and the row does not hold.
fn add_open(terms: &mut Terms, usage: &Usage<'_>, priced: &Priced) {
    if priced.expression.reads_request().is_some() {
        terms.open.push(Open { reason: Reason::RequestDependentExpression, allowed: Allowed::Any });
    }
    let realtime = usage.audio.is_some_and(|audio| audio.realtime);
    if realtime || (usage.excludes_cache && !usage.split_only) {
        return;
    }
    let is_audio_hidden = usage.uncounted.audio || (usage.audio.is_none() && !priced.audio_is_told);
    for name in priced.expression.variables() {
        let hidden = match name {
            Name::Cr if usage.audio.is_some() || usage.cached_unknown => Some((Class::Cached, Class::Input)),
            Name::ImgO => Some((Class::ImageOutput, Class::Output)),
            Name::Img if usage.uncounted.images => Some((Class::ImageInput, Class::Input)),
            Name::Ao if is_audio_hidden => Some((Class::AudioOutput, Class::Output)),
            Name::Ai if is_audio_hidden && usage.separate_audio.is_none() => Some((Class::AudioInput, Class::Input)),
            _ => None,
        };
        let Some((of, from)) = hidden else { continue };
        let most = terms.usage[from];
        if most > 0 {
            let reason = if usage.cached_unknown && of == Class::Cached { Reason::TokensMissing } else { Reason::ClassNotLogged };
            terms.open.push(Open { reason, allowed: Allowed::Tokens { of, from, most } });
        }
    }
}

/// Where an expression's charge departs from its own rules.
pub fn departures(usage: &Usage<'_>, terms: &Terms) -> Vec<Departure> {
    let mut found = Vec::new();
    let unsplit = usage.writes.saturating_sub(usage.writes_5m).saturating_sub(usage.writes_1h);
    if usage.anthropic && unsplit > 0 {
        let mut rules = terms.clone();
        rules.usage[Class::CacheWrite5m] += unsplit;
        found.push(Departure { quirk: Quirk::CacheWriteUnsplitFree, rules: Some(rules) });
    }
    if let Some(Ok(value)) = outcome(terms)
        && let Some(usd) = value.value.to_ratio()
    {
        let price = Ratio::new(usd.mantissa(), usd.exponent().saturating_sub(6));
        let rules = Terms { formula: Formula::DecimalPrice, price, ..terms.clone() };
        found.push(Departure { quirk: Quirk::FloatTie, rules: Some(rules) });
    }
    found
}
