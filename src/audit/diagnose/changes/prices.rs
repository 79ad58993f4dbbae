//! Other prices of the same tokens: ratios left out, those of another group or model, the other billing mode. By an expression, which has no
//! ratios, tokens are counted as others instead.

use super::super::Case;
use super::counted::{READS, held, tokens_of, used};
use super::tools::{is_audio, surcharges};
use super::{Changes, by_expression, by_tokens};
use crate::exact::{Exact, Ratio};
use crate::pricing::{Class, Formula, Mode, Slot, Sum, Terms, tiers};

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
pub fn each(terms: &Terms, classes: &[Class], change: impl Fn(&mut Terms, Class)) -> Option<Terms> {
    used(terms, classes).next()?;
    let mut changed = terms.clone();
    used(terms, classes).for_each(|class| change(&mut changed, class));
    Some(changed)
}

pub fn ratio_drift(case: &Case<'_>, _: &Terms, changes: &mut Changes<'_>) {
    if let Some(own) = case.own {
        changes.push(own.clone());
    }
}

pub fn group_ratio_omitted(_: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    if terms.group_ratio != Ratio::ONE {
        changes.push_with(terms, None, |terms| terms.group_ratio = Ratio::ONE);
    }
}

pub fn group_ratio_other(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    for (group, ratio) in case.related().groups.iter().filter(|(_, ratio)| !ratio.is_zero() && *ratio != terms.group_ratio) {
        changes.push_with(terms, Some(("group", group)), |terms| terms.group_ratio = *ratio);
    }
}

pub fn model_ratio_fallback(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    let Some(fallback) = case.related().fallback else { return };
    if terms.formula == Formula::Sum(Sum::OneHubCall) {
        let mut changed = terms.clone();
        changed.set_fallback(fallback);
        changes.push_implied(changed, "model_ratio", fallback);
    } else if by_tokens(terms) && terms.has_ratios() && fallback != terms.model_ratio {
        changes.push_with(terms, Some(("model_ratio", &fallback)), |terms| terms.set_fallback(fallback));
    }
}

pub fn upstream_price(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    let Some(upstream) = &case.related().upstream else { return };
    let priced = if upstream.is_of_mode(terms) { upstream.price(terms) } else { case.as_model(&upstream.name) };
    if let Some(priced) = priced {
        changes.push_implied(priced, "model", &upstream.name);
    }
}

pub fn completion_ratio_omitted(_: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    push_like_input(terms, &[Class::Output], changes);
}

pub fn completion_ratio_known(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    let Some(told) = terms.told_rate(Class::Output) else { return };
    let known = case.related().completions.iter().filter(|ratio| **ratio != told);
    if by_tokens(terms) && terms.usage[Class::Output] != 0 {
        known.for_each(|ratio| {
            changes.push_with(terms, Some(("completion_ratio", ratio)), |terms| terms.set_rate(Class::Output, *ratio));
        });
    }
}

pub fn cache_ratio_omitted(_: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    push_like_input(terms, &READS, changes);
}

/// Writes at each other known rate: as plain input, as a read, as the other kinds of writes.
pub fn cache_write_ratio_known(_: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    if by_expression(terms) {
        let others = [Class::Input, Class::Cached, Class::CacheWrite5m, Class::CacheWrite1h];
        others.into_iter().filter_map(|other| counted_as(terms, &Class::WRITES, other)).for_each(|terms| changes.push(terms));
        return;
    }
    if used(terms, &Class::WRITES).next().is_none() {
        return;
    }
    writes_in_proportion(terms).into_iter().for_each(|terms| changes.push(terms));
    let mut known: Vec<Ratio> = Class::WRITES.iter().chain(&READS).map(|class| terms.rates[*class]).collect();
    known.extend(used(terms, &Class::WRITES).next().map(|class| terms.rate_of_input(class)));
    known.sort();
    known.dedup();
    for rate in known {
        for classes in [&Class::WRITES[..], &Class::WRITES[..1], &Class::WRITES[1..2], &Class::WRITES[2..]] {
            let differs = used(terms, classes).any(|class| terms.rates[class] != rate);
            if let Some(changed) = each(terms, classes, |terms, class| terms.rates[class] = rate).filter(|_| differs) {
                match terms.told(Class::CacheWrite, rate) {
                    Some(told) => changes.push_implied(changed, "cache_write_ratio", told),
                    None => changes.push(changed),
                }
            }
        }
    }
}

fn told_rate_of_input(terms: &Terms, class: Class) -> Ratio {
    terms.told(class, terms.rate_of_input(class)).unwrap_or(Ratio::ZERO)
}

/// Writes for 5 minutes as plain input, those for an hour in the proportion that they have.
fn writes_in_proportion(terms: &Terms) -> Option<Terms> {
    terms.has_write_proportion().then(|| terms.with(Slot::CacheWrites, told_rate_of_input(terms, Class::CacheWrite5m)))
}

pub fn separate_audio_omitted(_: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    if terms.surcharges.iter().any(is_audio) {
        let mut changed = terms.clone();
        changed.surcharges.retain(|surcharge| !is_audio(surcharge));
        changes.push(changed);
    }
}

pub fn per_call_as_tokens(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    other_mode(case, terms, changes, Mode::Call);
}

pub fn tokens_as_per_call(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    other_mode(case, terms, changes, Mode::Tokens);
}

fn other_mode(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>, from: Mode) {
    // In a pair the same price was tried already, unless the group is another.
    let is_tried = !std::ptr::eq(terms, case.terms) && terms.group_ratio == case.terms.group_ratio;
    if terms.formula.mode() != from || is_tried {
        return;
    }
    for other in case.other_mode() {
        // In a pair the group ratio may be changed already.
        changes.push(other.with(Slot::GroupRatio, terms.group_ratio));
    }
}

pub fn audio_ratio_omitted(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    if by_expression(terms) {
        as_text(terms, Class::AudioInput, Class::AudioOutput).into_iter().for_each(|terms| changes.push(terms));
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

/// Classes of input and output counted as text: both kinds, output alone, input alone.
fn as_text(terms: &Terms, input: Class, output: Class) -> Vec<Terms> {
    let input = |terms: &Terms| counted_as(terms, &[input], Class::Input);
    let output = |terms: &Terms| counted_as(terms, &[output], Class::Output);
    let both = input(terms).and_then(|terms| output(&terms));
    [both, output(terms), input(terms)].into_iter().flatten().collect()
}

/// Audio output is relative to audio input. Either ratio may be left out, the other kept or made up for it.
fn audio_at_rates(terms: &Terms) -> [Option<Terms>; 6] {
    let text = told_rate_of_input(terms, Class::AudioInput);
    let input_as_text = terms.with(Slot::Rate(Class::AudioInput), text);
    let own_price = Exact::from(terms.told_rate(Class::AudioInput).unwrap_or_default()) * terms.rates[Class::AudioOutput];
    let own_price = own_price.to_ratio();
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

pub fn image_ratio_omitted(_: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    const BOTH: [Class; 2] = [Class::ImageInput, Class::ImageOutput];
    if by_expression(terms) {
        as_text(terms, Class::ImageInput, Class::ImageOutput).into_iter().for_each(|terms| changes.push(terms));
        return;
    }
    BOTH.iter().for_each(|class| push_like_input(terms, std::slice::from_ref(class), changes));
    if used(terms, &BOTH).count() > 1 {
        push_like_input(terms, &BOTH, changes);
    }
}

pub fn tier_other(case: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    for (tier, changed) in tiers(terms) {
        changes.push_implied(changed, "tier", tier);
    }
    for tier in case.tiers() {
        if let Some(changed) = tier.price(terms) {
            changes.push_implied(changed, "tier", &tier.name);
        }
    }
}
