//! Points that no terms give: another rounding, the minimum, what was taken before the request, nothing.

use super::super::Case;
use super::factors::times_after_rounding;
use super::{Changes, by_expression, by_tokens};
use crate::exact::{Exact, Points, Ratio};
use crate::float::gateway::Advance;
use crate::pricing::{Adjustment, Class, Formula, Minimum, OneHubRules, PerClass, Slot, Sum, Terms, price, weighted};
use crate::profile::InAdvance;

/// Other roundings of the same amount: down, up, half to even, and each class by itself.
pub fn rounding(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    let expected = &case.expected;
    if matches!(expected.adjustment, Some(Adjustment::NoUsage | Adjustment::Saturated)) {
        return;
    }
    let is_whole_charge = terms.advance == 0 && !terms.credit;
    let held = |amount: &Exact, whole: Points| {
        let is_held = is_whole_charge && terms.takes_minimum(amount.is_positive(), whole.0 > 0);
        if is_held { Points(1) } else { whole }
    };
    let amount = &expected.amount;
    if let Some((last, times)) = times_after_rounding(terms) {
        let one = price(&terms.with(Slot::Multiplier(last), Ratio::ONE)).amount;
        roundings(&one).into_iter().for_each(|one| changes.push_points(Points(one.0.saturating_mul(times))));
    }
    let [down, ..] = roundings(amount);
    let even = if down.0 % 2 == 0 { down } else { Points(down.0.saturating_add(1)) };
    let is_half = amount.clone() - Exact::from(down) == Exact::from(Ratio::new(5, -1));
    roundings(amount).into_iter().for_each(|points| changes.push_points(held(amount, points)));
    if is_half {
        changes.push_points(held(amount, even));
    }
    if is_relative(terms) {
        for amount in in_steps(terms) {
            changes.push_points(held(&amount, Points::saturating(&amount.round_half_away())));
        }
    }
    for amount in in_other_steps(terms) {
        roundings(&amount).into_iter().for_each(|points| changes.push_points(held(&amount, points)));
    }
}

/// An amount down, up, and to the nearest.
fn roundings(amount: &Exact) -> [Points; 3] {
    [amount.floor(), amount.ceil(), amount.round_half_away()].map(|whole| Points::saturating(&whole))
}

/// What the tokens come to if the gateway's rule cuts other classes by themselves before it rounds, or none.
fn in_other_steps(terms: &Terms) -> Vec<Exact> {
    let by = |sum: Sum| price(&Terms { formula: Formula::Sum(sum), minimum: Minimum::NONE, ..terms.clone() }).amount;
    match terms.formula {
        Formula::Sum(Sum::OneHub) => vec![in_one_step(terms)],
        Formula::Sum(Sum::OneApi) => vec![by(Sum::OneApiOf2023)],
        Formula::Sum(Sum::OneApiOf2023) => vec![by(Sum::OneApi)],
        Formula::Sum(Sum::InSteps) => {
            vec![price(&Terms { formula: Formula::Decimal, minimum: Minimum::NONE, ..terms.clone() }).amount]
        }
        _ => Vec::new(),
    }
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
fn in_steps(terms: &Terms) -> [Exact; 2] {
    let ratios = Exact::from(terms.model_ratio) * terms.group_ratio;
    let classes = || terms.usage.iter().filter(|(_, tokens)| *tokens != 0);
    let weight = |(class, tokens): (Class, i64)| weighted(terms, class, tokens);
    let in_tokens = classes().fold(Exact::zero(), |sum, class| sum + weight(class).rounded(0)) * ratios.clone();
    let in_points = classes().fold(Exact::zero(), |sum, class| sum + (weight(class) * ratios.clone()).rounded(0));
    let beside = beside_tokens(terms);
    [in_tokens, in_points].map(|amount| amount + beside.clone())
}

/// What is charged beside tokens.
fn beside_tokens(terms: &Terms) -> Exact {
    if terms.surcharges.is_empty() {
        return Exact::zero();
    }
    price(&Terms { usage: PerClass::default(), minimum: Minimum::NONE, ..terms.clone() }).amount
}

pub fn minimum_charge(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    match case.expected.adjustment {
        Some(Adjustment::Minimum) => changes.push(Terms { minimum: Minimum::NONE, ..terms.clone() }),
        _ if case.expected.points < Points(1) => changes.push_points(Points(1)),
        _ => {}
    }
}

/// What every gateway takes in advance: so many tokens, or points.
const LEAST_ESTIMATE: i64 = 500;

/// The estimate before the request, without output, since no log has `max_tokens`.
pub fn pre_consumed_kept(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    if by_expression(terms) {
        estimates_by_expression(case, terms).into_iter().for_each(|terms| changes.push(terms));
    }
    if !by_tokens(terms) || case.prompt < 0 {
        return;
    }
    let in_advance = |tokens: i64| Points(Advance::of(terms.model_ratio, terms.group_ratio).points(tokens));
    let advance = case.related().advance;
    if advance == InAdvance::PromptAndPoints {
        changes.push_points(Points(in_advance(case.prompt).0.saturating_add(LEAST_ESTIMATE)));
    }
    for tokens in estimated_tokens(advance, case.prompt, case.charged) {
        let amount = Exact::from(tokens) * terms.model_ratio * terms.rates[Class::Input] * terms.group_ratio;
        changes.push_points(Points::saturating(&amount.truncate()));
        // The gateways estimate in float64, whatever they charge in.
        changes.push_points(in_advance(tokens));
    }
}

/// The tokens of the estimate, where it is one of tokens alone. One that leaves the prompt out and comes to nothing is none.
pub fn estimated_tokens(advance: InAdvance, prompt: i64, charged: Points) -> impl Iterator<Item = i64> {
    let at_least = (advance != InAdvance::PromptAndPoints).then_some(prompt.max(LEAST_ESTIMATE));
    let with_prompt = (advance == InAdvance::Any).then_some(prompt.saturating_add(LEAST_ESTIMATE));
    let is_fixed = matches!(advance, InAdvance::Fixed | InAdvance::Any) && charged != Points(0);
    [at_least, with_prompt, is_fixed.then_some(LEAST_ESTIMATE)].into_iter().flatten()
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

pub fn zero_charge(_: &Case<'_>, _: &Terms, changes: &mut Changes<'_>) {
    changes.push_points(Points(0));
}
