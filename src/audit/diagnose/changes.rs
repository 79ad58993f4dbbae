//! The causes as data: each is a function from the case to changed terms, none, one or a few.
//!
//! The same pricing prices the changed terms; nothing here computes a charge. A new cause is a row of [`DEFINITE`] and a
//! function of a few lines.

use super::Case;
use crate::audit::{Cause, Word};
use crate::exact::{Exact, Points, Ratio};
use crate::float::gateway;
use crate::pricing::{
    Adjustment, After, Class, Formula, Minimum, Mode, Multiplier, PerClass, Slot, Sum, Surcharge, Terms, Tiered, as_priced, price,
    tiers, weighted,
};

/// A changed pricing.
#[derive(Clone, Debug)]
pub struct Change {
    pub cause: Cause,
    pub to: To,
    /// What the change says of the number or name that was used.
    pub implied: Option<(Word, String)>,
}

/// What is charged instead.
#[derive(Clone, Debug)]
pub enum To {
    Terms(Box<Terms>),
    /// A number that no terms give: another rounding, an estimate, nothing.
    Points(Points),
}

impl To {
    pub fn terms(self) -> Option<Box<Terms>> {
        match self {
            To::Terms(terms) => Some(terms),
            To::Points(_) => None,
        }
    }
}

/// Collects the changes of one cause.
pub struct Changes<'o> {
    cause: Cause,
    out: &'o mut Vec<Change>,
}

impl Changes<'_> {
    fn push(&mut self, terms: Terms) {
        self.out.push(Change { cause: self.cause, to: To::Terms(Box::new(terms)), implied: None });
    }

    fn push_implied(&mut self, terms: Terms, key: &'static str, value: impl ToString) {
        let implied = Some((key.into(), value.to_string()));
        self.out.push(Change { cause: self.cause, to: To::Terms(Box::new(terms)), implied });
    }

    /// Terms with other token counts. A request that is left without any is free by the gateway's rule, and a price expression may
    /// take the other counts into the length of the prompt.
    fn push_usage(&mut self, case: &Case<'_>, before: &Terms, changed: Terms) {
        let is_left = |(class, tokens): (Class, i64)| tokens != 0 && (class.is_output() || case.prompt > 0);
        if !changed.usage.iter().any(is_left) {
            self.push(Terms { no_usage: true, ..changed.clone() });
        }
        if let Some(with_len) = with_len(before, &changed) {
            self.push(with_len);
        }
        self.push(changed);
    }

    /// The whole charge so many times over.
    fn push_times(&mut self, points: Points, times: i64) {
        self.out.push(Change {
            cause: self.cause,
            to: To::Points(points),
            implied: Some(("multiplier".into(), times.to_string())),
        });
    }

    fn push_points(&mut self, points: Points) {
        self.out.push(Change { cause: self.cause, to: To::Points(points), implied: None });
    }
}

type Make = fn(&Case<'_>, &Terms, &mut Changes<'_>);

/// A definite cause.
struct Definite {
    cause: Cause,
    /// Whether it takes part in pairs.
    pairs: bool,
    make: Make,
}

const fn definite(cause: Cause, make: Make) -> Definite {
    Definite { cause, pairs: true, make }
}

const fn alone(cause: Cause, make: Make) -> Definite {
    Definite { cause, pairs: false, make }
}

/// The definite causes, in the order in which the first that fits is the cause.
const DEFINITE: &[Definite] = &[
    alone(Cause::RatioDrift, ratio_drift),
    alone(Cause::Rounding, rounding),
    alone(Cause::MinimumCharge, minimum_charge),
    definite(Cause::GroupRatioOmitted, group_ratio_omitted),
    definite(Cause::GroupRatioOther, group_ratio_other),
    definite(Cause::ModelRatioFallback, model_ratio_fallback),
    alone(Cause::ModelPriceOther, upstream_price),
    definite(Cause::CompletionRatioOmitted, completion_ratio_omitted),
    definite(Cause::CompletionRatioDiffers, completion_ratio_known),
    definite(Cause::CacheRatioOmitted, cache_ratio_omitted),
    definite(Cause::CacheFree, cache_free),
    definite(Cause::CacheDoubleCounted, cache_double_counted),
    definite(Cause::CacheSubtracted, cache_subtracted),
    definite(Cause::CacheWriteOmitted, cache_write_omitted),
    definite(Cause::CacheWriteRatioDiffers, cache_write_ratio_known),
    definite(Cause::OutputOmitted, output_omitted),
    definite(Cause::InputOmitted, input_omitted),
    definite(Cause::PerCallAsTokens, per_call_as_tokens),
    definite(Cause::TokensAsPerCall, tokens_as_per_call),
    definite(Cause::MultiplierOmitted, multiplier_omitted),
    definite(Cause::MultiplierDiffers, multiplier_whole),
    definite(Cause::ToolSurchargeOmitted, tool_surcharge_omitted),
    definite(Cause::ToolSurchargeDiffers, tool_price_known),
    alone(Cause::ToolSurchargeDiffers, tool_calls),
    definite(Cause::AudioRatioOmitted, audio_ratio_omitted),
    definite(Cause::ImageRatioOmitted, image_ratio_omitted),
    definite(Cause::TierOther, tier_other),
    alone(Cause::PreConsumedKept, pre_consumed_kept),
    alone(Cause::ZeroCharge, zero_charge),
];

/// All definite changes of a case, in order. A row that prints the gateway's fallback is one of it before anything else.
pub fn definite_changes(case: &Case<'_>) -> Vec<Change> {
    let mut changes = Vec::with_capacity(48);
    if case.prints_fallback() {
        make(case, case.terms, Cause::ModelRatioFallback, model_ratio_fallback, &mut changes);
    }
    let as_priced = as_priced(case.terms);
    for definite in DEFINITE {
        make(case, case.terms, definite.cause, definite.make, &mut changes);
        if let Some(terms) = &as_priced {
            make(case, terms, definite.cause, definite.make, &mut changes);
        }
    }
    changes
}

/// The changes that may take part in a pair, of terms that may be changed already; only causes behind `after`.
pub fn pairable_changes(case: &Case<'_>, terms: &Terms, after: Option<Cause>) -> Vec<Change> {
    let mut changes = Vec::with_capacity(32);
    for definite in DEFINITE.iter().filter(|definite| definite.pairs && after.is_none_or(|after| definite.cause > after)) {
        make(case, terms, definite.cause, definite.make, &mut changes);
    }
    changes
}

fn make(case: &Case<'_>, terms: &Terms, cause: Cause, make: Make, out: &mut Vec<Change>) {
    make(case, terms, &mut Changes { cause, out });
}

const READS: [Class; 2] = [Class::Cached, Class::CacheRead];
const WRITES: [Class; 3] = [Class::CacheWrite, Class::CacheWrite5m, Class::CacheWrite1h];

fn used<'t>(terms: &'t Terms, classes: &'t [Class]) -> impl Iterator<Item = Class> + 't {
    classes.iter().copied().filter(|class| terms.usage[*class] != 0)
}

fn tokens_of(terms: &Terms, classes: &[Class]) -> i64 {
    used(terms, classes).map(|class| terms.usage[class]).fold(0, i64::saturating_add)
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

/// The terms with the tokens of some classes counted as another; none where the classes have no tokens.
fn counted_as(terms: &Terms, classes: &[Class], other: Class) -> Option<Terms> {
    let moved = |terms: Terms, class: Class| terms.with_moved(class, other, terms.usage[class]);
    let first = used(terms, classes).find(|class| *class != other)?;
    let rest = used(terms, classes).filter(|class| *class != other && *class != first);
    Some(rest.fold(moved(terms.clone(), first), moved))
}

/// The terms with some classes priced like the input; by an expression they are counted as input.
fn like_input(terms: &Terms, classes: &[Class]) -> Option<Terms> {
    if by_expression(terms) {
        return counted_as(terms, classes, Class::Input);
    }
    each(terms, classes, |terms, class| terms.rates[class] = terms.rate_of_input(class))
}

/// The terms with the same change made to each class that has tokens; none where no class has any.
fn each(terms: &Terms, classes: &[Class], change: impl Fn(&mut Terms, Class)) -> Option<Terms> {
    used(terms, classes).next()?;
    let mut changed = terms.clone();
    used(terms, classes).for_each(|class| change(&mut changed, class));
    Some(changed)
}

fn ratio_drift(case: &Case<'_>, _: &Terms, changes: &mut Changes<'_>) {
    if let Some(own) = case.own {
        changes.push(own.clone());
    }
}

/// Other roundings of the same amount: down, up, half to even, and each class by itself.
fn rounding(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    let expected = &case.expected;
    if matches!(expected.adjustment, Some(Adjustment::NoUsage | Adjustment::Saturated)) {
        return;
    }
    let held = |whole: Points| if expected.adjustment == Some(Adjustment::Minimum) { Points(whole.0.max(1)) } else { whole };
    let amount = &expected.amount;
    let down = Points::saturating(&amount.floor());
    let even = if down.0 % 2 == 0 { down } else { Points(down.0.saturating_add(1)) };
    let is_half = amount.clone() - Exact::from(down) == Exact::from(Ratio::new(5, -1));
    changes.push_points(held(down));
    changes.push_points(held(Points::saturating(&amount.ceil())));
    changes.push_points(held(Points::saturating(&amount.round_half_away())));
    if is_half {
        changes.push_points(held(even));
    }
    if is_relative(terms) {
        in_steps(terms).into_iter().for_each(|points| changes.push_points(held(points)));
    }
}

/// Whether the charge is a sum of tokens whose rates are all relative to the model ratio.
fn is_relative(terms: &Terms) -> bool {
    matches!(
        terms.formula.rules(),
        Formula::Decimal | Formula::Sum(Sum::InSteps | Sum::ClaudeOf2025 | Sum::OneApi | Sum::OneApiOf2023)
    )
}

/// The sum with each class rounded to whole tokens, and to whole points; surcharges are added to it.
fn in_steps(terms: &Terms) -> [Points; 2] {
    let ratios = Exact::from(terms.model_ratio) * terms.group_ratio;
    let classes = || terms.usage.iter().filter(|(_, tokens)| *tokens != 0);
    let weight = |(class, tokens): (Class, i64)| weighted(terms, class, tokens);
    let in_tokens = classes().fold(Exact::zero(), |sum, class| sum + weight(class).rounded(0)) * ratios.clone();
    let in_points = classes().fold(Exact::zero(), |sum, class| sum + (weight(class) * ratios.clone()).rounded(0));
    let beside = beside_tokens(terms);
    [in_tokens, in_points].map(|amount| Points::saturating(&(amount + beside.clone()).round_half_away()))
}

/// What is charged beside tokens.
fn beside_tokens(terms: &Terms) -> Exact {
    if terms.surcharges.is_empty() {
        return Exact::zero();
    }
    price(&Terms { usage: PerClass::default(), minimum: Minimum::NONE, ..terms.clone() }).amount
}

fn minimum_charge(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    match case.expected.adjustment {
        Some(Adjustment::Minimum) => {
            changes.push(Terms { minimum: Minimum::NONE, ..terms.clone() });
            changes.push_points(Points(0));
        }
        _ if case.expected.points < Points(1) => changes.push_points(Points(1)),
        _ => {}
    }
}

fn group_ratio_omitted(_: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    if terms.group_ratio != Ratio::ONE {
        changes.push(terms.with(Slot::GroupRatio, Ratio::ONE));
    }
}

fn group_ratio_other(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    for (group, ratio) in case.related().groups.iter().filter(|(_, ratio)| !ratio.is_zero() && *ratio != terms.group_ratio) {
        changes.push_implied(terms.with(Slot::GroupRatio, *ratio), "group", group);
    }
}

fn model_ratio_fallback(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    let Some(fallback) = case.related().fallback.filter(|_| by_tokens(terms)) else { return };
    if fallback != terms.model_ratio {
        changes.push_implied(terms.with_fallback(fallback), "model_ratio", fallback);
    }
}

fn upstream_price(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    let Some(upstream) = &case.related().upstream else { return };
    if let Some(priced) = upstream.price(terms) {
        changes.push_implied(priced, "model", &upstream.name);
    }
}

fn completion_ratio_omitted(_: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    if let Some(changed) = like_input(terms, &[Class::Output]) {
        changes.push(changed);
    }
}

fn completion_ratio_known(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    let known = case.related().completions.iter().filter(|ratio| **ratio != terms.rates[Class::Output]);
    if by_tokens(terms) && terms.usage[Class::Output] != 0 {
        known.for_each(|ratio| changes.push_implied(terms.with(Slot::Rate(Class::Output), *ratio), "completion_ratio", ratio));
    }
}

fn cache_ratio_omitted(_: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    if let Some(changed) = like_input(terms, &READS) {
        changes.push(changed);
    }
}

fn cache_free(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    if let Some(changed) = each(terms, &READS, Terms::set_free) {
        changes.push_usage(case, terms, changed);
    }
}

/// Where more is cached and written than the prompt holds, what is left in is the prompt without the other classes.
fn cache_double_counted(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    let cached = tokens_of(terms, &READS);
    if cached == 0 {
        return;
    }
    let input = terms.usage[Class::Input];
    for counted in [Some(input.saturating_add(cached)), held(case, terms, &READS)].into_iter().flatten() {
        let mut changed = terms.clone();
        changed.usage[Class::Input] = counted;
        changes.push_usage(case, terms, changed);
    }
}

/// Where the classes within a prompt are more than it holds: what is left of it without them, but with those that are left in.
fn held(case: &Case<'_>, terms: &Terms, left_in: &[Class]) -> Option<i64> {
    let is_within = |class: Class| !class.is_output() && !left_in.contains(&class) && class != Class::Input;
    let others = terms.usage.iter().filter(|(class, _)| is_within(*class));
    let rest = others.fold(case.prompt, |rest, (_, tokens)| rest.saturating_sub(tokens));
    (terms.usage[Class::Input] <= 0).then_some(rest.max(0))
}

/// Of a prompt that holds the cached tokens they are taken out already: twice means something only where some input is left.
fn cache_subtracted(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    if matches!(terms.formula, Formula::Sum(Sum::OneHub)) {
        return;
    }
    let is_held = terms.usage[Class::Input] < case.prompt;
    for classes in [&READS[..], &[Class::Cached, Class::CacheRead, Class::CacheWrite, Class::CacheWrite5m, Class::CacheWrite1h]] {
        let cached = tokens_of(terms, classes);
        let left = terms.usage[Class::Input].saturating_sub(cached);
        for left in [left, left.max(0)] {
            if left != terms.usage[Class::Input] && (left > 0 || !is_held) {
                let mut changed = terms.clone();
                changed.usage[Class::Input] = left;
                changes.push_usage(case, terms, changed);
            }
        }
    }
}

fn cache_write_omitted(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    if let Some(changed) = each(terms, &WRITES, Terms::set_free) {
        changes.push_usage(case, terms, changed);
    }
    for class in used(terms, &WRITES) {
        let mut changed = terms.clone();
        changed.set_free(class);
        changes.push_usage(case, terms, changed);
    }
}

/// Writes at each other known rate: as plain input, as a read, as the other kinds of writes.
fn cache_write_ratio_known(_: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    if by_expression(terms) {
        let others = [Class::Input, Class::Cached, Class::CacheWrite5m, Class::CacheWrite1h];
        others.into_iter().filter_map(|other| counted_as(terms, &WRITES, other)).for_each(|terms| changes.push(terms));
        return;
    }
    writes_in_proportion(terms).into_iter().for_each(|terms| changes.push(terms));
    let mut known: Vec<Ratio> = WRITES.iter().chain(&READS).map(|class| terms.rates[*class]).collect();
    known.extend(used(terms, &WRITES).next().map(|class| terms.rate_of_input(class)));
    known.sort();
    known.dedup();
    for rate in known {
        for classes in [&WRITES[..], &WRITES[..1], &WRITES[1..2], &WRITES[2..]] {
            let differs = used(terms, classes).any(|class| terms.rates[class] != rate);
            if let Some(changed) = each(terms, classes, |terms, class| terms.rates[class] = rate).filter(|_| differs) {
                changes.push_implied(changed, "cache_write_ratio", rate);
            }
        }
    }
}

/// Writes for 5 minutes as plain input, those for an hour in the proportion that they have.
fn writes_in_proportion(terms: &Terms) -> Option<Terms> {
    let base =
        [Class::CacheWrite, Class::CacheWrite5m].map(|class| terms.rates[class]).into_iter().find(|rate| *rate != Ratio::ONE)?;
    let long = Exact::from(terms.rates[Class::CacheWrite1h]);
    let proportion: Ratio =
        long.divided_by(&Exact::from(Some(base).filter(|base| !base.is_zero())?), 16).normalized().to_string().parse().ok()?;
    each(terms, &WRITES, |terms, class| {
        terms.rates[class] = if class == Class::CacheWrite1h { proportion } else { terms.rate_of_input(class) }
    })
}

fn output_omitted(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    let outputs = [Class::Output, Class::AudioOutput, Class::TextOutput, Class::ImageOutput, Class::Reasoning];
    if (by_tokens(terms) || by_expression(terms)) && tokens_of(terms, &outputs) != 0 {
        let mut changed = terms.clone();
        changed.usage[Class::Output] = 0;
        if tokens_of(&changed, &outputs) != 0 {
            changes.push(changed.clone());
            outputs.into_iter().for_each(|class| changed.usage[class] = 0);
        }
        changes.push_usage(case, terms, changed);
    }
}

fn input_omitted(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    let inputs = || Class::ALL.into_iter().filter(|class| !class.is_output());
    if (by_tokens(terms) || by_expression(terms)) && inputs().any(|class| terms.usage[class] != 0) {
        let mut changed = terms.clone();
        changed.usage[Class::Input] = 0;
        changes.push_usage(case, terms, changed.clone());
        inputs().for_each(|class| changed.usage[class] = 0);
        changes.push_usage(case, terms, changed);
    }
    if terms.surcharges.iter().any(is_audio) {
        let mut changed = terms.clone();
        changed.surcharges.retain(|surcharge| !is_audio(surcharge));
        changes.push(changed);
    }
}

fn per_call_as_tokens(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    other_mode(case, terms, changes, Mode::Call);
}

fn tokens_as_per_call(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    other_mode(case, terms, changes, Mode::Tokens);
}

fn other_mode(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>, from: Mode) {
    if terms.formula.mode() != from {
        return;
    }
    if let Some(other) = case.other_mode() {
        // In a pair the group ratio may be changed already.
        changes.push(other.with(Slot::GroupRatio, terms.group_ratio));
    }
}

fn multiplier_omitted(_: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    let counts = terms.multipliers.iter().filter(|multiplier| multiplier.value != Ratio::ONE).count();
    for (index, multiplier) in terms.multipliers.iter().enumerate().filter(|(_, multiplier)| multiplier.value != Ratio::ONE) {
        changes.push_implied(terms.with(Slot::Multiplier(index), Ratio::ONE), "multiplier", &multiplier.name);
    }
    if counts > 1 {
        let mut changed = terms.clone();
        changed.multipliers.iter_mut().for_each(|multiplier| multiplier.value = Ratio::ONE);
        changes.push(changed);
    }
}

/// More than anybody multiplies a request with.
const MOST_FACTOR: i64 = 10_000;

/// A whole factor on a charge that has multipliers; a price per call counts as one. The factor may stand behind the rounding.
fn multiplier_whole(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    let mut base = terms.clone();
    if base.multipliers.is_empty() && terms.formula.mode() != Mode::Call {
        return;
    }
    if base.multipliers.is_empty() {
        price_times(case, terms, changes);
        base.multipliers.push(Multiplier { name: "n".to_owned(), value: Ratio::ONE });
        if let Formula::Product(product) = &mut base.formula {
            product.after = After::Multiplied;
        }
    }
    for index in 0..base.multipliers.len() {
        for factor in whole_factors(case, &base, index) {
            changes.push_implied(base.with(Slot::Multiplier(index), Ratio::from(factor)), "multiplier", factor);
        }
    }
    if let Some(times) = times(case) {
        changes.push_times(case.charged, times);
    }
}

/// A whole factor on a price that is rounded once.
fn price_times(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    let with = |times: i64| {
        let mantissa = terms.price.mantissa().checked_mul(times)?;
        Some(terms.with(Slot::Price, Ratio::new(mantissa, terms.price.exponent())))
    };
    let factors = near(case, &|times| with(times).map_or_else(Exact::zero, |terms| price(&terms).amount));
    for times in factors.filter(|times| (2..=MOST_FACTOR).contains(times)) {
        with(times).into_iter().for_each(|terms| changes.push_implied(terms, "multiplier", times));
    }
}

/// How many times the whole charge is charged.
fn times(case: &Case<'_>) -> Option<i64> {
    let expected = case.expected.points.0;
    let times = case.charged.0.checked_div(expected)?;
    (expected.checked_mul(times) == Some(case.charged.0) && (2..=MOST_FACTOR).contains(&times)).then_some(times)
}

/// Other whole numbers that a multiplier may have been.
fn whole_factors(case: &Case<'_>, terms: &Terms, index: usize) -> impl Iterator<Item = i64> + use<> {
    let current = terms.multipliers.get(index).and_then(|multiplier| multiplier.value.whole());
    let counts = near(case, &|value| price(&terms.with(Slot::Multiplier(index), Ratio::from(value))).amount);
    counts.filter(move |count| (2..=MOST_FACTOR).contains(count) && Some(*count) != current)
}

/// The whole numbers next to the one at which an amount that grows in proportion is the charge.
fn near(case: &Case<'_>, amount_at: &dyn Fn(i64) -> Exact) -> impl Iterator<Item = i64> + use<> {
    let none = amount_at(0);
    let unit = amount_at(1) - none.clone();
    let count = (!unit.is_zero()).then(|| (Exact::from(case.charged) - none).divided_by(&unit, 0).round_half_away());
    let count = count.map(|count| Points::saturating(&count).0);
    count.into_iter().flat_map(|count| count.saturating_sub(1)..=count.saturating_add(1))
}

fn tools(terms: &Terms) -> impl Iterator<Item = (usize, &Surcharge)> {
    surcharges(terms).filter(|(_, surcharge)| !is_audio(surcharge))
}

fn surcharges(terms: &Terms) -> impl Iterator<Item = (usize, &Surcharge)> {
    terms.surcharges.iter().enumerate().filter(|(_, surcharge)| surcharge.count != 0)
}

/// Audio tokens with a price of their own stand among the surcharges.
fn is_audio(surcharge: &Surcharge) -> bool {
    surcharge.multiplied
}

fn tool_surcharge_omitted(_: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    let without = |index: usize| {
        let mut changed = terms.clone();
        changed.surcharges[index].count = 0;
        changed
    };
    for (index, tool) in tools(terms) {
        changes.push_implied(without(index), "tool", &tool.name);
    }
    if tools(terms).count() > 1 {
        let mut changed = terms.clone();
        changed.surcharges.retain(is_audio);
        changes.push(changed);
    }
}

/// More tools than this nobody calls in a request.
const MOST_CALLS: i64 = 100;

fn with_tool(terms: &Terms, index: usize, change: impl Fn(&mut Surcharge)) -> Terms {
    let mut changed = terms.clone();
    changed.surcharges.get_mut(index).into_iter().for_each(change);
    changed
}

/// Tools at another known price.
fn tool_price_known(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    for (index, tool) in tools(terms) {
        let known = case.related().tools.iter().filter(|(name, price)| *name == tool.name && *price != tool.price);
        for (_, price) in known {
            changes.push_implied(with_tool(terms, index, |tool| tool.price = *price), "tool_price", price);
        }
    }
}

/// Another whole number of calls.
fn tool_calls(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    for (index, tool) in tools(terms) {
        let with = |count: i64| with_tool(terms, index, |tool| tool.count = count);
        let counts = near(case, &|count| price(&with(count)).amount).filter(|count| (1..=MOST_CALLS).contains(count));
        counts.filter(|count| *count != tool.count).for_each(|count| changes.push_implied(with(count), "tool_calls", count));
    }
}

fn audio_ratio_omitted(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    if by_expression(terms) {
        audio_as_text(terms).into_iter().for_each(|terms| changes.push(terms));
    } else if tokens_of(terms, &[Class::AudioInput, Class::AudioOutput]) != 0 {
        audio_at_rates(terms).into_iter().flatten().for_each(|terms| changes.push(terms));
    }
    for (index, audio) in surcharges(terms).filter(|(_, surcharge)| is_audio(surcharge)) {
        let input = terms.usage[Class::Input];
        for counted in [Some(input.saturating_add(audio.count)), held(case, terms, &[])].into_iter().flatten() {
            let mut changed = terms.clone();
            changed.surcharges.remove(index);
            changed.usage[Class::Input] = counted;
            changes.push(changed);
        }
    }
}

/// Audio counted as text: both kinds, output alone, input alone.
fn audio_as_text(terms: &Terms) -> Vec<Terms> {
    let input = |terms: &Terms| counted_as(terms, &[Class::AudioInput], Class::Input);
    let output = |terms: &Terms| counted_as(terms, &[Class::AudioOutput], Class::Output);
    let both = input(terms).and_then(|terms| output(&terms));
    [both, output(terms), input(terms)].into_iter().flatten().collect()
}

/// Audio output is relative to audio input. Either ratio may be left out, the other kept or made up for it.
fn audio_at_rates(terms: &Terms) -> [Option<Terms>; 6] {
    let text = terms.rate_of_input(Class::AudioInput);
    let input_as_text = terms.with(Slot::Rate(Class::AudioInput), text);
    let own_price = Exact::from(terms.rates[Class::AudioInput]) * terms.rates[Class::AudioOutput];
    let own_price = own_price.normalized().to_string().parse().ok();
    let output_as_text = |terms: &Terms| counted_as(terms, &[Class::AudioOutput], Class::Output);
    [
        output_as_text(&input_as_text),
        output_as_text(terms),
        own_price.map(|price| input_as_text.with(Slot::Rate(Class::AudioOutput), price)),
        Some(terms.with(Slot::Rate(Class::AudioOutput), text)),
        Some(input_as_text.with(Slot::Rate(Class::AudioOutput), text)),
        Some(input_as_text),
    ]
}

fn image_ratio_omitted(_: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    if let Some(changed) = like_input(terms, &[Class::ImageInput]) {
        changes.push(changed);
    }
}

fn tier_other(_: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    for (tier, changed) in tiers(terms) {
        changes.push_implied(changed, "tier", tier);
    }
}

/// The estimate before the request: at least 500 tokens of the prompt, and no output, since no log has `max_tokens`.
fn pre_consumed_kept(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    const LEAST: i64 = 500;
    if by_expression(terms) {
        estimates_by_expression(case, terms).into_iter().for_each(|terms| changes.push(terms));
    }
    if !by_tokens(terms) || case.prompt < 0 {
        return;
    }
    for tokens in [case.prompt.max(LEAST), LEAST, case.prompt.saturating_add(LEAST)] {
        let amount = Exact::from(tokens) * terms.model_ratio * terms.rates[Class::Input] * terms.group_ratio;
        changes.push_points(Points::saturating(&amount.truncate()));
        // The gateways estimate in float64, whatever they charge in.
        changes.push_points(Points(gateway::estimate(tokens, terms.model_ratio, terms.group_ratio)));
    }
}

/// An expression on the prompt alone, without output and with as much as new-api takes for it.
fn estimates_by_expression(case: &Case<'_>, terms: &Terms) -> Vec<Terms> {
    const MOST_OUTPUT: i64 = 8192;
    let estimate = |output: i64| {
        let mut changed = terms.clone();
        changed.usage = PerClass::default();
        changed.usage[Class::Input] = case.prompt;
        changed.usage[Class::Output] = output;
        changed.surcharges = Vec::new();
        if let Formula::Expression(tiered) = &mut changed.formula {
            tiered.len = case.prompt;
        }
        changed
    };
    [0, MOST_OUTPUT].map(estimate).into()
}

fn zero_charge(_: &Case<'_>, _: &Terms, changes: &mut Changes<'_>) {
    changes.push_points(Points(0));
}
