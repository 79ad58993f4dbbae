//! The causes as data: each is a function from the case to changed terms, none, one or a few.
//!
//! The same pricing prices the changed terms; nothing here computes a charge. A new cause is a row of [`DEFINITE`] and a
//! function of a few lines.

use std::fmt::Display;
use std::sync::LazyLock;

use super::Case;
use crate::audit::{Cause, Word};
use crate::exact::{Exact, Points, Ratio};
use crate::float::gateway::Advance;
use crate::pricing::{
    Adjustment, After, Class, Formula, Minimum, Mode, Multiplier, OneHubRules, PerClass, Product, Slot, Sum, Surcharge, Terms,
    Tiered, as_priced, price, tiers, weighted,
};

/// A changed pricing, shown once.
#[derive(Clone, Copy)]
pub struct Change<'c> {
    pub cause: Cause,
    pub to: To<'c>,
    /// What the change says of the number or name that was used.
    pub implied: Implied<'c>,
}

type Implied<'c> = Option<(&'static str, &'c dyn Display)>;

/// What is charged instead.
#[derive(Clone, Copy, Debug)]
pub enum To<'c> {
    Terms(&'c Terms),
    /// A number that no terms give: another rounding, an estimate, nothing.
    Points(Points),
}

impl Change<'_> {
    /// The terms, to keep them.
    pub fn terms(&self) -> Option<Box<Terms>> {
        match self.to {
            To::Terms(terms) => Some(Box::new(terms.clone())),
            To::Points(_) => None,
        }
    }

    /// What it implies, to keep it.
    pub fn told(&self) -> Option<(Word, String)> {
        self.implied.map(|(key, value)| (key.into(), value.to_string()))
    }
}

/// Who is shown the changes. Most changes do not give the charge, so nothing is kept of them, or written in words, before that is known.
pub type See<'s> = dyn FnMut(Change<'_>) + 's;

/// Shows the changes of one cause.
pub struct Changes<'o> {
    cause: Cause,
    /// The terms, to be changed for as long as they are shown.
    changed: &'o mut Terms,
    see: &'o mut See<'o>,
}

impl Changes<'_> {
    fn push(&mut self, terms: Terms) {
        self.show(To::Terms(&terms), None);
    }

    fn push_implied(&mut self, terms: Terms, key: &'static str, value: impl Display) {
        self.show(To::Terms(&terms), Some((key, &value)));
    }

    /// The terms with other numbers.
    fn push_with(&mut self, terms: &Terms, implied: Implied<'_>, change: impl FnOnce(&mut Terms)) {
        self.changed.take_numbers(terms);
        change(self.changed);
        self.show_changed(implied);
    }

    fn show_changed(&mut self, implied: Implied<'_>) {
        (self.see)(Change { cause: self.cause, to: To::Terms(self.changed), implied });
    }

    /// Terms with other token counts. A request that is left without any is free by the gateway's rule, and a price expression may
    /// take the other counts into the length of the prompt.
    fn push_usage(&mut self, case: &Case<'_>, before: &Terms, change: impl FnOnce(&mut Terms)) {
        self.changed.take_numbers(before);
        change(self.changed);
        if !is_any_left(&self.changed.usage, case.prompt) {
            self.changed.no_usage = true;
            self.show_changed(None);
            self.changed.no_usage = before.no_usage;
        }
        if let Some(with_len) = with_len(before, self.changed) {
            self.push(with_len);
        }
        self.show_changed(None);
    }

    /// The whole charge so many times over.
    fn push_times(&mut self, points: Points, times: i64) {
        self.show(To::Points(points), Some(("multiplier", &times)));
    }

    fn push_points(&mut self, points: Points) {
        self.show(To::Points(points), None);
    }

    fn show(&mut self, to: To<'_>, implied: Implied<'_>) {
        (self.see)(Change { cause: self.cause, to, implied });
    }
}

/// Whether anything is left of a usage by which the gateway would not say that there was none.
pub fn is_any_left(usage: &PerClass<i64>, prompt: i64) -> bool {
    usage.iter().any(|(class, tokens)| tokens != 0 && (class.is_output() || prompt > 0))
}

/// A definite cause.
pub struct Definite {
    pub cause: Cause,
    /// Whether it takes part in pairs.
    pairs: bool,
    pub make: Make,
}

/// How the changes of a cause are made.
#[derive(Clone, Copy)]
pub enum Make {
    /// Other prices. Of the tokens they hang on nothing but which classes have any.
    Prices(Changing),
    /// Other tokens at the same prices.
    Tokens(&'static [Counted]),
    /// A number that follows from the right charge, or the prompt.
    Points(Changing),
    /// Whatever else.
    Other(Changing),
}

impl Make {
    pub fn counting(self) -> Option<&'static [Counted]> {
        if let TokensOf(counted) = self { Some(counted) } else { None }
    }

    fn pointing(self) -> Option<Changing> {
        if let PointsOf(make) = self { Some(make) } else { None }
    }
}

pub type Changing = fn(&Case<'_>, &Terms, &mut Changes<'_>);

/// Token counts that may be counted in another way.
#[derive(Clone, Copy, Debug)]
pub struct Tokens<'t> {
    pub usage: &'t PerClass<i64>,
    /// The prompt as the row logs it.
    pub prompt: i64,
    pub formula: &'t Formula,
}

/// Other token counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// These classes cost nothing.
    Free(&'static [Class]),
    /// There are no tokens of these classes.
    Without(&'static [Class]),
    /// The tokens of these classes are in the input as well.
    Twice(&'static [Class]),
    /// Where more is cached and written than the prompt holds: the input is the prompt without the other classes, but these are left in.
    Held(&'static [Class]),
    /// The tokens of these classes are taken out of the input, even if they are more.
    Less(&'static [Class]),
    /// No input is left, where those classes are more.
    Drained(&'static [Class]),
}

impl Counted {
    /// The classes whose tokens are counted in another way: where there are none of them, nothing changes.
    pub fn classes(self) -> &'static [Class] {
        let (Counted::Free(classes)
        | Counted::Without(classes)
        | Counted::Twice(classes)
        | Counted::Held(classes)
        | Counted::Less(classes)
        | Counted::Drained(classes)) = self;
        classes
    }

    /// The other counts; none where this way says nothing of the tokens.
    pub fn usage(self, tokens: &Tokens<'_>) -> Option<PerClass<i64>> {
        let classes = self.classes();
        if classes.iter().all(|class| tokens.usage[*class] == 0) {
            return None;
        }
        let mut usage = *tokens.usage;
        match self {
            Counted::Free(_) => classes.iter().for_each(|class| usage[*class] = 0),
            Counted::Without(_) if !matches!(tokens.formula.mode(), Mode::Tokens | Mode::Expression) => return None,
            Counted::Without(_) => classes.iter().for_each(|class| usage[*class] = 0),
            Counted::Twice(_) => usage[Class::Input] = usage[Class::Input].saturating_add(tokens_of(&usage, classes)),
            Counted::Held(_) => usage[Class::Input] = held(tokens.prompt, &usage, classes)?,
            Counted::Less(_) => usage[Class::Input] = tokens.input_less(classes)?,
            Counted::Drained(_) => usage[Class::Input] = tokens.input_less(classes).filter(|left| *left < 0).map(|_| 0)?,
        }
        Some(usage)
    }
}

impl Tokens<'_> {
    /// The input without other classes. Of a prompt that holds them they are taken out already: twice means something only where some
    /// input is left.
    fn input_less(&self, classes: &[Class]) -> Option<i64> {
        let input = self.usage[Class::Input];
        let left = input.saturating_sub(tokens_of(self.usage, classes));
        let may_be = left > 0 || input >= self.prompt;
        (left != input && may_be && !matches!(self.formula, Formula::Sum(Sum::OneHub))).then_some(left)
    }
}

const fn definite(cause: Cause, make: Make) -> Definite {
    Definite { cause, pairs: true, make }
}

const fn alone(cause: Cause, make: Make) -> Definite {
    Definite { cause, pairs: false, make }
}

use Make::{Other, Points as PointsOf, Prices, Tokens as TokensOf};

/// The definite causes, in the order in which the first that fits is the cause.
pub const DEFINITE: &[Definite] = &[
    alone(Cause::RatioDrift, Other(ratio_drift)),
    alone(Cause::Rounding, PointsOf(rounding)),
    alone(Cause::MinimumCharge, PointsOf(minimum_charge)),
    definite(Cause::GroupRatioOmitted, Prices(group_ratio_omitted)),
    definite(Cause::GroupRatioOther, Prices(group_ratio_other)),
    definite(Cause::ModelRatioFallback, Prices(model_ratio_fallback)),
    alone(Cause::ModelPriceOther, Prices(upstream_price)),
    definite(Cause::CompletionRatioOmitted, Prices(completion_ratio_omitted)),
    definite(Cause::CompletionRatioDiffers, Prices(completion_ratio_known)),
    definite(Cause::CacheRatioOmitted, Prices(cache_ratio_omitted)),
    definite(Cause::CacheFree, TokensOf(CACHE_FREE)),
    definite(Cause::CacheDoubleCounted, TokensOf(CACHE_DOUBLE_COUNTED)),
    definite(Cause::CacheSubtracted, TokensOf(CACHE_SUBTRACTED)),
    definite(Cause::CacheWriteOmitted, TokensOf(CACHE_WRITE_OMITTED)),
    definite(Cause::CacheWriteRatioDiffers, Prices(cache_write_ratio_known)),
    definite(Cause::OutputOmitted, TokensOf(OUTPUT_OMITTED)),
    definite(Cause::InputOmitted, TokensOf(INPUT_OMITTED)),
    definite(Cause::InputOmitted, Other(separate_audio_omitted)),
    definite(Cause::PerCallAsTokens, Prices(per_call_as_tokens)),
    definite(Cause::TokensAsPerCall, Prices(tokens_as_per_call)),
    definite(Cause::MultiplierOmitted, Other(multiplier_omitted)),
    definite(Cause::MultiplierDiffers, Other(multiplier_whole)),
    definite(Cause::ToolSurchargeOmitted, Other(tool_surcharge_omitted)),
    definite(Cause::ToolSurchargeDiffers, Other(tool_price_known)),
    alone(Cause::ToolSurchargeDiffers, Other(tool_calls)),
    definite(Cause::AudioRatioOmitted, Other(audio_ratio_omitted)),
    definite(Cause::ImageRatioOmitted, Prices(image_ratio_omitted)),
    definite(Cause::TierOther, Other(tier_other)),
    alone(Cause::PreConsumedKept, PointsOf(pre_consumed_kept)),
    alone(Cause::ZeroCharge, PointsOf(zero_charge)),
];

/// The definite causes, each once, in their order.
pub fn causes() -> impl Iterator<Item = Cause> {
    let is_first = |at: &usize| *at == 0 || DEFINITE[*at - 1].cause != DEFINITE[*at].cause;
    (0..DEFINITE.len()).filter(is_first).map(|at| DEFINITE[at].cause)
}

/// Those of them that are a number which follows from the right charge, or the prompt.
pub fn pointing() -> &'static [(Cause, Changing)] {
    static POINTING: LazyLock<Vec<(Cause, Changing)>> = LazyLock::new(|| {
        let pointing = DEFINITE.iter().filter_map(|definite| Some((definite.cause, definite.make.pointing()?)));
        pointing.collect()
    });
    &POINTING
}

/// Shows all definite changes of a case, in order. A row that prints the gateway's fallback is one of it before anything else.
pub fn definite_changes(case: &Case<'_>, see: &mut See<'_>) {
    let mut changed = case.terms.clone();
    if case.prints_fallback() {
        show(case, case.terms, (Cause::ModelRatioFallback, Prices(model_ratio_fallback)), &mut changed, see);
    }
    let mut as_priced = as_priced(case.terms).map(|terms| (terms.clone(), terms));
    for definite in DEFINITE {
        show(case, case.terms, (definite.cause, definite.make), &mut changed, see);
        if let Some((terms, changed)) = &mut as_priced {
            show(case, terms, (definite.cause, definite.make), changed, see);
        }
    }
}

/// The causes that may take part in a pair; only those behind `after`.
pub fn pairable(after: Option<Cause>) -> impl Iterator<Item = &'static Definite> {
    DEFINITE.iter().filter(move |definite| definite.pairs && after.is_none_or(|after| definite.cause > after))
}

/// Shows the changes that may take part in a pair, of terms that may be changed already.
pub fn pairable_changes(case: &Case<'_>, terms: &Terms, after: Option<Cause>, see: &mut See<'_>) {
    let mut changed = terms.clone();
    for definite in pairable(after) {
        show(case, terms, (definite.cause, definite.make), &mut changed, see);
    }
}

/// Shows the changes of one cause. `changed` are the terms too, to be changed for as long as they are shown.
pub fn show(case: &Case<'_>, terms: &Terms, (cause, make): (Cause, Make), changed: &mut Terms, see: &mut See<'_>) {
    let mut changes = Changes { cause, changed, see: &mut |change| see(change) };
    match make {
        Prices(make) | PointsOf(make) | Other(make) => make(case, terms, &mut changes),
        TokensOf(counted) => {
            // Audio with a price of its own is within the prompt, but no class of the usage.
            let apart: i64 = surcharges(terms).filter(|(_, surcharge)| is_audio(surcharge)).map(|(_, audio)| audio.count).sum();
            let prompt = case.prompt.saturating_sub(apart);
            let tokens = Tokens { usage: &terms.usage, prompt, formula: &terms.formula };
            for (counted, usage) in counted.iter().filter_map(|counted| Some((counted, counted.usage(&tokens)?))) {
                changes.push_usage(case, terms, |changed| match counted {
                    Counted::Free(classes) => used(terms, classes).for_each(|class| changed.set_free(class)),
                    _ => changed.usage = usage,
                });
            }
        }
    }
}

const READS: [Class; 2] = [Class::Cached, Class::CacheRead];
const WRITES: [Class; 3] = [Class::CacheWrite, Class::CacheWrite5m, Class::CacheWrite1h];
const CACHE: [Class; 5] = [Class::Cached, Class::CacheRead, Class::CacheWrite, Class::CacheWrite5m, Class::CacheWrite1h];

fn used<'t>(terms: &'t Terms, classes: &'t [Class]) -> impl Iterator<Item = Class> + 't {
    classes.iter().copied().filter(|class| terms.usage[*class] != 0)
}

fn tokens_of(usage: &PerClass<i64>, classes: &[Class]) -> i64 {
    classes.iter().map(|class| usage[*class]).fold(0, i64::saturating_add)
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

/// Some classes priced like the input; by an expression they are counted as input.
fn push_like_input(terms: &Terms, classes: &[Class], changes: &mut Changes<'_>) {
    if by_expression(terms) {
        counted_as(terms, classes, Class::Input).into_iter().for_each(|terms| changes.push(terms));
    } else if used(terms, classes).next().is_some() {
        changes.push_with(terms, None, |changed| {
            used(terms, classes).for_each(|class| changed.rates[class] = terms.rate_of_input(class));
        });
    }
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
    if let Some((last, times)) = times_after_rounding(terms) {
        let one = price(&terms.with(Slot::Multiplier(last), Ratio::ONE)).amount;
        roundings(&one).into_iter().for_each(|one| changes.push_points(Points(one.0.saturating_mul(times))));
    }
    let [down, ..] = roundings(amount);
    let even = if down.0 % 2 == 0 { down } else { Points(down.0.saturating_add(1)) };
    let is_half = amount.clone() - Exact::from(down) == Exact::from(Ratio::new(5, -1));
    roundings(amount).into_iter().for_each(|points| changes.push_points(held(points)));
    if is_half {
        changes.push_points(held(even));
    }
    if is_relative(terms) {
        in_steps(terms).into_iter().for_each(|points| changes.push_points(held(points)));
    }
    if terms.formula == Formula::Sum(Sum::OneHub) {
        roundings(&in_one_step(terms)).into_iter().for_each(|points| changes.push_points(held(points)));
    }
}

/// An amount down, up, and to the nearest.
fn roundings(amount: &Exact) -> [Points; 3] {
    [amount.floor(), amount.ceil(), amount.round_half_away()].map(|whole| Points::saturating(&whole))
}

/// How many times an amount is charged that is rounded before, and which multiplier says so.
fn times_after_rounding(terms: &Terms) -> Option<(usize, i64)> {
    let Formula::Product(Product { after: After::TimesLast, .. }) = terms.formula else { return None };
    let last = terms.multipliers.len().checked_sub(1)?;
    Some((last, terms.multipliers[last].value.whole()?))
}

/// What one-hub's tokens come to if no class is cut by itself.
fn in_one_step(terms: &Terms) -> Exact {
    let rules = OneHubRules { per_call: false, in_steps: false, zero_rule: true };
    let tokens = Terms { formula: Formula::OneHubRules(rules), minimum: Minimum::NONE, surcharges: Vec::new(), ..terms.clone() };
    price(&tokens).amount + beside_tokens(terms)
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
        changes.push_with(terms, None, |terms| terms.group_ratio = Ratio::ONE);
    }
}

fn group_ratio_other(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    for (group, ratio) in case.related().groups.iter().filter(|(_, ratio)| !ratio.is_zero() && *ratio != terms.group_ratio) {
        changes.push_with(terms, Some(("group", group)), |terms| terms.group_ratio = *ratio);
    }
}

fn model_ratio_fallback(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    let Some(fallback) = case.related().fallback.filter(|_| by_tokens(terms)) else { return };
    if fallback != terms.model_ratio {
        changes.push_with(terms, Some(("model_ratio", &fallback)), |terms| terms.set_fallback(fallback));
    }
}

fn upstream_price(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    let Some(upstream) = &case.related().upstream else { return };
    if let Some(priced) = upstream.price(terms) {
        changes.push_implied(priced, "model", &upstream.name);
    }
}

fn completion_ratio_omitted(_: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    push_like_input(terms, &[Class::Output], changes);
}

fn completion_ratio_known(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    let known = case.related().completions.iter().filter(|ratio| **ratio != terms.rates[Class::Output]);
    if by_tokens(terms) && terms.usage[Class::Output] != 0 {
        known.for_each(|ratio| {
            changes.push_with(terms, Some(("completion_ratio", ratio)), |terms| terms.rates[Class::Output] = *ratio);
        });
    }
}

fn cache_ratio_omitted(_: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    push_like_input(terms, &READS, changes);
}

const CACHE_FREE: &[Counted] = &[Counted::Free(&READS)];

const CACHE_DOUBLE_COUNTED: &[Counted] = &[Counted::Twice(&READS), Counted::Held(&READS)];

/// Where the classes within a prompt are more than it holds: what is left of it without them, but with those that are left in.
fn held(prompt: i64, usage: &PerClass<i64>, left_in: &[Class]) -> Option<i64> {
    let rest = beside_input(left_in).fold(prompt, |rest, class| rest.saturating_sub(usage[class]));
    (usage[Class::Input] <= 0).then_some(rest.max(0))
}

/// The classes within a prompt beside its input, but those that are left in.
pub fn beside_input(left_in: &[Class]) -> impl Iterator<Item = Class> {
    Class::INPUTS.iter().copied().filter(|class| !left_in.contains(class) && *class != Class::Input)
}

const CACHE_SUBTRACTED: &[Counted] =
    &[Counted::Less(&READS), Counted::Drained(&READS), Counted::Less(&CACHE), Counted::Drained(&CACHE)];

/// All writes, and each kind of them.
const CACHE_WRITE_OMITTED: &[Counted] = &[
    Counted::Free(&WRITES),
    Counted::Free(&[Class::CacheWrite]),
    Counted::Free(&[Class::CacheWrite5m]),
    Counted::Free(&[Class::CacheWrite1h]),
];

/// Writes at each other known rate: as plain input, as a read, as the other kinds of writes.
fn cache_write_ratio_known(_: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    if by_expression(terms) {
        let others = [Class::Input, Class::Cached, Class::CacheWrite5m, Class::CacheWrite1h];
        others.into_iter().filter_map(|other| counted_as(terms, &WRITES, other)).for_each(|terms| changes.push(terms));
        return;
    }
    if used(terms, &WRITES).next().is_none() {
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

const OUTPUT_OMITTED: &[Counted] = &[Counted::Without(&[Class::Output]), Counted::Without(Class::OUTPUTS)];

const INPUT_OMITTED: &[Counted] = &[Counted::Without(&[Class::Input]), Counted::Without(Class::INPUTS)];

fn separate_audio_omitted(_: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
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
    // In a pair the same price was tried already, unless the group is another.
    let is_tried = !std::ptr::eq(terms, case.terms) && terms.group_ratio == case.terms.group_ratio;
    if terms.formula.mode() != from || is_tried {
        return;
    }
    if let Some(other) = case.other_mode() {
        // In a pair the group ratio may be changed already.
        changes.push(other.with(Slot::GroupRatio, terms.group_ratio));
    }
}

/// The factors of a charge: those within the price of a call, and those beside it.
fn factors(terms: &Terms) -> impl Iterator<Item = (usize, &Multiplier)> {
    terms.price_factors.iter().chain(&terms.multipliers).enumerate()
}

fn with_factor(terms: &Terms, index: usize, value: Ratio) -> Terms {
    let mut changed = terms.clone();
    let mut factors = changed.price_factors.iter_mut().chain(&mut changed.multipliers);
    factors.nth(index).into_iter().for_each(|factor| factor.value = value);
    changed
}

fn multiplier_omitted(_: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    let counting = || factors(terms).filter(|(_, factor)| factor.value != Ratio::ONE);
    for (index, factor) in counting() {
        changes.push_implied(with_factor(terms, index, Ratio::ONE), "multiplier", &factor.name);
    }
    if counting().count() > 1 {
        changes.push(counting().fold(terms.clone(), |changed, (index, _)| with_factor(&changed, index, Ratio::ONE)));
    }
}

/// More than anybody multiplies a request with.
const MOST_FACTOR: i64 = 10_000;
/// In a pair a whole factor of fewer points than this would be chance.
const LEAST_UNIT: i64 = 1_000;
/// The name of a number of images or calls.
const NUMBER: &str = "n";

/// A whole factor on a charge that has multipliers; a price per call counts as one. The factor may stand behind the rounding.
fn multiplier_whole(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    // In a pair that makes a price per call of tokens, some number of calls would come near any charge.
    if terms.multipliers.is_empty() && case.terms.formula.mode() != Mode::Call {
        return;
    }
    let least = least_unit(case, terms);
    let mut base = terms.clone();
    // Of the factors within a price only the number is any whole one.
    let within = base.price_factors.iter().position(|factor| factor.name == NUMBER);
    within.into_iter().for_each(|index| other_factors(case, least, &base, index, changes));
    if base.multipliers.is_empty() {
        price_times(case, terms, changes);
        base.multipliers.push(Multiplier { name: NUMBER.to_owned(), value: Ratio::ONE });
        if let Formula::Product(product) = &mut base.formula {
            product.after = After::Multiplied;
        }
    }
    for index in base.price_factors.len()..base.price_factors.len() + base.multipliers.len() {
        other_factors(case, least, &base, index, changes);
    }
    if let Some(times) = times(case) {
        changes.push_times(case.charged, times);
    }
}

/// Other whole numbers that a factor may have been.
fn other_factors(case: &Case<'_>, least: i64, terms: &Terms, index: usize, changes: &mut Changes<'_>) {
    for factor in whole_factors(case, least, terms, index) {
        changes.push_implied(with_factor(terms, index, Ratio::from(factor)), "multiplier", factor);
    }
}

/// A whole factor on a price that is rounded once.
fn price_times(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    let with = |times: i64| {
        let mantissa = terms.price.mantissa().checked_mul(times)?;
        Some(terms.with(Slot::Price, Ratio::new(mantissa, terms.price.exponent())))
    };
    let factors = near(case, least_unit(case, terms), &|times| with(times).map_or_else(Exact::zero, |terms| price(&terms).amount));
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

fn whole_factors(case: &Case<'_>, least: i64, terms: &Terms, index: usize) -> impl Iterator<Item = i64> + use<> {
    let current = factors(terms).nth(index).and_then(|(_, factor)| factor.value.whole());
    let counts = near(case, least, &|value| multiplied(&with_factor(terms, index, Ratio::from(value))));
    counts.filter(move |count| (2..=MOST_FACTOR).contains(count) && Some(*count) != current)
}

/// The amount in proportion to the multipliers. What is multiplied behind the rounding is whole points.
fn multiplied(terms: &Terms) -> Exact {
    let charge = price(terms);
    if times_after_rounding(terms).is_some() { charge.points.into() } else { charge.amount }
}

/// How many points one of something must be for a whole number of them to tell anything.
fn least_unit(case: &Case<'_>, terms: &Terms) -> i64 {
    if std::ptr::eq(terms, case.terms) { 0 } else { LEAST_UNIT }
}

/// The whole numbers next to the one at which an amount that grows in proportion is the charge; none where it grows by less than `least`.
fn near(case: &Case<'_>, least: i64, amount_at: &dyn Fn(i64) -> Exact) -> impl Iterator<Item = i64> + use<> {
    let none = amount_at(0);
    let unit = amount_at(1) - none.clone();
    let is_enough = !unit.is_zero() && (unit >= Exact::from(least) || least == 0);
    let count = is_enough.then(|| (Exact::from(case.charged) - none).divided_by(&unit, 0).round_half_away());
    let count = count.map(|count| Points::saturating(&count).0);
    count.into_iter().flat_map(|count| count.saturating_sub(1)..=count.saturating_add(1))
}

pub(super) fn tools(terms: &Terms) -> impl Iterator<Item = (usize, &Surcharge)> {
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
        let counts = near(case, 0, &|count| price(&with(count)).amount).filter(|count| (1..=MOST_CALLS).contains(count));
        counts.filter(|count| *count != tool.count).for_each(|count| changes.push_implied(with(count), "tool_calls", count));
    }
}

fn audio_ratio_omitted(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    if by_expression(terms) {
        audio_as_text(terms).into_iter().for_each(|terms| changes.push(terms));
    } else if tokens_of(&terms.usage, &[Class::AudioInput, Class::AudioOutput]) != 0 {
        audio_at_rates(terms).into_iter().flatten().for_each(|terms| changes.push(terms));
    }
    for (index, audio) in surcharges(terms).filter(|(_, surcharge)| is_audio(surcharge)) {
        let input = terms.usage[Class::Input];
        for counted in [Some(input.saturating_add(audio.count)), held(case.prompt, &terms.usage, &[])].into_iter().flatten() {
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
    push_like_input(terms, &[Class::ImageInput], changes);
}

fn tier_other(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    for (tier, changed) in tiers(terms) {
        changes.push_implied(changed, "tier", tier);
    }
    for tier in case.tiers() {
        if let Some(changed) = tier.price(terms) {
            changes.push_implied(changed, "tier", &tier.name);
        }
    }
}

/// What every gateway takes in advance: so many tokens, or points.
const LEAST_ESTIMATE: i64 = 500;

/// The estimate before the request: at least 500 tokens of the prompt, and no output, since no log has `max_tokens`. one-hub takes the
/// prompt and 500 points.
fn pre_consumed_kept(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    if by_expression(terms) {
        estimates_by_expression(case, terms).into_iter().for_each(|terms| changes.push(terms));
    }
    if !by_tokens(terms) || case.prompt < 0 {
        return;
    }
    let in_advance = |tokens: i64| Points(Advance::of(terms.model_ratio, terms.group_ratio).points(tokens));
    if terms.formula == Formula::Sum(Sum::OneHub) {
        changes.push_points(Points(in_advance(case.prompt).0.saturating_add(LEAST_ESTIMATE)));
    }
    for tokens in estimated_tokens(case.prompt) {
        let amount = Exact::from(tokens) * terms.model_ratio * terms.rates[Class::Input] * terms.group_ratio;
        changes.push_points(Points::saturating(&amount.truncate()));
        // The gateways estimate in float64, whatever they charge in.
        changes.push_points(in_advance(tokens));
    }
}

/// The tokens of the estimate, as different versions count them.
pub fn estimated_tokens(prompt: i64) -> [i64; 3] {
    [prompt.max(LEAST_ESTIMATE), LEAST_ESTIMATE, prompt.saturating_add(LEAST_ESTIMATE)]
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
