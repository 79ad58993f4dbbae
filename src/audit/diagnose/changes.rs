//! The causes as data: each is a function from the case to changed terms, none, one or a few.
//!
//! The same pricing prices the changed terms; nothing here computes a charge. A new cause is a row of [`DEFINITE`] and a
//! function of a few lines.

use super::Case;
use crate::audit::Cause;
use crate::exact::{Exact, Points, Ratio};
use crate::pricing::{Adjustment, Class, Minimum, Mode, Multiplier, Slot, Surcharge, Terms, price, tiers};

/// A changed pricing.
#[derive(Clone, Debug)]
pub struct Change {
    pub cause: Cause,
    pub to: To,
    /// What the change says of the number or name that was used.
    pub implied: Option<(&'static str, String)>,
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
        let implied = Some((key, value.to_string()));
        self.out.push(Change { cause: self.cause, to: To::Terms(Box::new(terms)), implied });
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
    definite(Cause::ToolSurchargeDiffers, tool_surcharge_known),
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
    for definite in DEFINITE {
        make(case, case.terms, definite.cause, definite.make, &mut changes);
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
    if by_tokens(terms) {
        in_steps(terms).into_iter().for_each(|points| changes.push_points(held(points)));
    }
}

/// The sum with each class rounded to whole tokens, and to whole points.
fn in_steps(terms: &Terms) -> [Points; 2] {
    let ratios = Exact::from(terms.model_ratio) * terms.group_ratio;
    let classes = || terms.usage.iter().filter(|(_, tokens)| *tokens != 0);
    let weight = |(class, tokens): (Class, i64)| Exact::from(tokens) * terms.rates[class];
    let in_tokens = classes().fold(Exact::zero(), |sum, class| sum + weight(class).rounded(0)) * ratios.clone();
    let in_points = classes().fold(Exact::zero(), |sum, class| sum + (weight(class) * ratios.clone()).rounded(0));
    [in_tokens, in_points].map(|amount| Points::saturating(&amount.round_half_away()))
}

fn minimum_charge(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    match case.expected.adjustment {
        Some(Adjustment::Minimum) => changes.push(Terms { minimum: Minimum::NONE, ..terms.clone() }),
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
    for model in case.related().models.iter().filter(|model| model.is_upstream) {
        if let Some(priced) = model.price(terms) {
            changes.push_implied(priced, "model", &model.name);
        }
    }
}

fn completion_ratio_omitted(_: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    if by_tokens(terms) && terms.usage[Class::Output] != 0 {
        changes.push(terms.with(Slot::Rate(Class::Output), terms.rate_of_input(Class::Output)));
    }
}

fn completion_ratio_known(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    let known = case.related().completions.iter().filter(|ratio| **ratio != terms.rates[Class::Output]);
    if by_tokens(terms) && terms.usage[Class::Output] != 0 {
        known.for_each(|ratio| changes.push_implied(terms.with(Slot::Rate(Class::Output), *ratio), "completion_ratio", ratio));
    }
}

fn cache_ratio_omitted(_: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    if let Some(changed) = each(terms, &READS, |terms, class| terms.rates[class] = terms.rate_of_input(class)) {
        changes.push(changed);
    }
}

fn cache_free(_: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    if let Some(changed) = each(terms, &READS, Terms::set_free) {
        changes.push(changed);
    }
}

fn cache_double_counted(_: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    let cached = tokens_of(terms, &READS);
    if cached != 0 {
        let mut changed = terms.clone();
        changed.usage[Class::Input] = changed.usage[Class::Input].saturating_add(cached);
        changes.push(changed);
    }
}

fn cache_subtracted(_: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    for classes in [&READS[..], &[Class::Cached, Class::CacheRead, Class::CacheWrite, Class::CacheWrite5m, Class::CacheWrite1h]] {
        let cached = tokens_of(terms, classes);
        let left = terms.usage[Class::Input].saturating_sub(cached);
        for left in [left, left.max(0)] {
            if left != terms.usage[Class::Input] {
                let mut changed = terms.clone();
                changed.usage[Class::Input] = left;
                changes.push(changed);
            }
        }
    }
}

fn cache_write_omitted(_: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    if let Some(changed) = each(terms, &WRITES, Terms::set_free) {
        changes.push(changed);
    }
    for class in used(terms, &WRITES) {
        let mut changed = terms.clone();
        changed.set_free(class);
        changes.push(changed);
    }
}

/// Writes at each other known rate: as plain input, as a read, as the other kinds of writes.
fn cache_write_ratio_known(_: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
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

fn output_omitted(_: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    let outputs = [Class::Output, Class::AudioOutput, Class::TextOutput, Class::ImageOutput, Class::Reasoning];
    if by_tokens(terms) && tokens_of(terms, &outputs) != 0 {
        let mut changed = terms.clone();
        changed.usage[Class::Output] = 0;
        changes.push(changed.clone());
        if tokens_of(&changed, &outputs) != 0 {
            outputs.into_iter().for_each(|class| changed.usage[class] = 0);
            changes.push(changed);
        }
    }
}

fn input_omitted(_: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    if by_tokens(terms) {
        let mut changed = terms.clone();
        changed.usage[Class::Input] = 0;
        changes.push(changed.clone());
        let inputs = Class::ALL.into_iter().filter(|class| !class.is_output());
        inputs.for_each(|class| changed.usage[class] = 0);
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

/// A whole factor on a charge that has multipliers; a price per call counts as one.
fn multiplier_whole(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    let mut base = terms.clone();
    if base.multipliers.is_empty() {
        if terms.formula.mode() != Mode::Call {
            return;
        }
        base.multipliers.push(Multiplier { name: "n".to_owned(), value: Ratio::ONE });
        if let crate::pricing::Formula::Product(product) = &mut base.formula {
            product.after = crate::pricing::After::Multiplied;
        }
    }
    for index in 0..base.multipliers.len() {
        for factor in whole_factors(case, &base, index) {
            let name = base.multipliers[index].name.clone();
            changes.push_implied(
                base.with(Slot::Multiplier(index), Ratio::from(factor)),
                "multiplier",
                format!("{name} = {factor}"),
            );
        }
    }
}

/// The whole numbers next to what the charge implies for a multiplier.
fn whole_factors(case: &Case<'_>, terms: &Terms, index: usize) -> Vec<i64> {
    let at = |value: i64| price(&terms.with(Slot::Multiplier(index), Ratio::from(value))).amount;
    let (none, one) = (at(0), at(1));
    let unit = one - none.clone();
    if unit.is_zero() {
        return Vec::new();
    }
    let near = Points::saturating(&(Exact::from(case.charged) - none).divided_by(&unit, 0).round_half_away()).0;
    let current = terms.multipliers.get(index).and_then(|multiplier| multiplier.value.whole());
    (near.saturating_sub(1)..=near.saturating_add(1)).filter(|n| (1..=MOST_FACTOR).contains(n) && Some(*n) != current).collect()
}

fn tools(terms: &Terms) -> impl Iterator<Item = (usize, &Surcharge)> {
    terms.surcharges.iter().enumerate().filter(|(_, surcharge)| surcharge.count != 0)
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
        changed.surcharges.iter_mut().for_each(|surcharge| surcharge.count = 0);
        changes.push(changed);
    }
}

/// Tools at another known price, or another whole number of calls.
fn tool_surcharge_known(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    for (index, tool) in tools(terms) {
        let with = |change: &dyn Fn(&mut Surcharge)| {
            let mut changed = terms.clone();
            change(&mut changed.surcharges[index]);
            changed
        };
        for price in
            case.related().tools.iter().filter(|(name, price)| *name == tool.name && *price != tool.price).map(|(_, price)| *price)
        {
            changes.push_implied(with(&|tool| tool.price = price), "tool_price", price);
        }
        let (none, one) = (price(&with(&|tool| tool.count = 0)).amount, price(&with(&|tool| tool.count = 1)).amount);
        let unit = one - none.clone();
        if unit.is_zero() {
            continue;
        }
        let near = Points::saturating(&(Exact::from(case.charged) - none).divided_by(&unit, 0).round_half_away()).0;
        for count in (near.saturating_sub(1)..=near.saturating_add(1)).filter(|n| (1..=MOST_FACTOR).contains(n) && *n != tool.count)
        {
            changes.push_implied(with(&|tool| tool.count = count), "tool_calls", count);
        }
    }
}

fn audio_ratio_omitted(_: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    if tokens_of(terms, &[Class::AudioInput, Class::AudioOutput]) != 0 {
        let as_text = |input: bool, output: bool| {
            let mut changed = terms.clone();
            let rate = terms.rates[Class::AudioInput];
            if input {
                changed.rates[Class::AudioInput] = terms.rate_of_input(Class::AudioInput);
            }
            if output {
                // Audio output is relative to audio input: as text it has the completion ratio, whatever audio input has.
                let tokens = std::mem::take(&mut changed.usage[Class::AudioOutput]);
                changed.usage[Class::Output] = changed.usage[Class::Output].saturating_add(tokens);
            } else if input && !rate.is_zero() {
                return None;
            }
            Some(changed)
        };
        [as_text(true, true), as_text(false, true), as_text(true, false)]
            .into_iter()
            .flatten()
            .for_each(|terms| changes.push(terms));
    }
    for (index, _) in tools(terms).filter(|(_, surcharge)| surcharge.multiplied) {
        let mut changed = terms.clone();
        let audio = changed.surcharges.remove(index);
        changed.usage[Class::Input] = changed.usage[Class::Input].saturating_add(audio.count);
        changes.push(changed);
    }
}

fn image_ratio_omitted(_: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    if let Some(changed) = each(terms, &[Class::ImageInput], |terms, class| terms.rates[class] = terms.rate_of_input(class)) {
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
    if !by_tokens(terms) || case.prompt <= 0 {
        return;
    }
    for tokens in [case.prompt.max(LEAST), LEAST, case.prompt.saturating_add(LEAST)] {
        let amount = Exact::from(tokens) * terms.model_ratio * terms.rates[Class::Input] * terms.group_ratio;
        changes.push_points(Points::saturating(&amount.truncate()));
    }
}

fn zero_charge(_: &Case<'_>, _: &Terms, changes: &mut Changes<'_>) {
    changes.push_points(Points(0));
}
