//! Solving for a free number: what a ratio would have to be, and whether a simple decimal lies there.
//!
//! A charge is linear in each ratio, so two prices give the [`interval`] of a ratio within which the charge comes out. Some number
//! always fits one row. It is earned by the row alone if it has at most four digits and lies in so narrow an interval that a
//! chance hit is unlikely ([`simple`]); else several rows must agree on it.

mod interval;
mod simple;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Explanation;
use super::changes::tools;
use crate::audit::Word;
use crate::audit::cause::{Cause, Causes};
use crate::exact::{Charged, Exact, Points, Ratio};
use crate::float::estimate::Around;
use crate::pricing::{Class, Formula, Mode, Slot, Terms, agrees, estimate, may_give, price};
use interval::slack;
use simple::{Simple, Telling, Within, simple, simplest};

pub use interval::Interval;
pub use simple::{digits, is_simple};

/// A wrong charge beside the terms that do not give it.
#[derive(Clone, Copy, Debug)]
pub struct Wrong<'w> {
    pub terms: &'w Terms,
    pub written: &'w Charged,
    pub charged: Points,
}

impl Wrong<'_> {
    /// Whether other terms give the charge.
    pub fn is_given_by(&self, terms: &Terms) -> bool {
        may_give(terms, self.written, self.charged) && agrees(terms, &price(terms), self.written, 0)
    }

    /// Whether the charge can only be an amount that is rounded, halves away from 0: no other rule makes it.
    fn is_rounded(&self) -> bool {
        let is_decimal = matches!(self.terms.formula, Formula::Decimal | Formula::DecimalPrice);
        let is_usual = (2..Points::INT32.1.0).contains(&self.charged.0) && !self.terms.no_usage;
        is_decimal && is_usual && matches!(self.written, Charged::Points(_))
    }
}

/// A simple number that gives the charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    pub cause: Cause,
    pub slot: Slot,
    pub value: Ratio,
    /// So few numbers as simple lie in the interval that chance is unlikely.
    pub is_earned: bool,
    /// It elects nothing: another one as simple would lie in most intervals as wide. A row that gives it may be explained by it, if others elect it.
    pub is_hint: bool,
}

impl Number {
    /// Several multipliers of a row go by one name, and are one number.
    fn is_same(&self, other: &Number) -> bool {
        self.cause == other.cause && self.value == other.value && word(self.slot) == word(other.slot)
    }
}

/// A multiplier of 1 is none: that is a cause of its own.
fn is_omission(slot: Slot, value: Ratio) -> bool {
    matches!(slot, Slot::Multiplier(_)) && value == Ratio::ONE
}

/// What a charge says of the numbers that enter it.
#[derive(Clone, Debug, Default)]
pub struct Solved {
    /// The simple numbers that give the charge.
    pub numbers: Vec<Number>,
    /// The ratios of which too many numbers give it to list them.
    pub wide: Vec<(Cause, Slot)>,
    /// The simplest number of any length for each ratio.
    pub implied: Vec<(Slot, Ratio)>,
    /// What the points for 1 USD may be, where that is too much to list.
    pub unit: Option<Interval>,
    /// Whether the simplest numbers are asked for.
    implies: bool,
}

/// Solves for each ratio.
pub fn solve(wrong: Wrong<'_>) -> Solved {
    let mut solved = Solved { implies: true, ..Solved::default() };
    solved.add_all(wrong);
    solved
}

/// Solves for the simple numbers alone.
pub fn solve_simply(wrong: Wrong<'_>) -> Solved {
    let mut solved = Solved::default();
    solved.add_all(wrong);
    solved
}

/// The simple numbers that give a charge.
pub fn numbers(wrong: Wrong<'_>) -> Vec<Number> {
    solve_simply(wrong).numbers
}

impl Solved {
    fn add_all(&mut self, wrong: Wrong<'_>) {
        let mut changed = wrong.terms.clone();
        for (cause, slot) in slots(wrong.terms) {
            if self.add_nearly(wrong, cause, slot, &mut changed).is_none() {
                self.add_exactly(wrong, cause, slot);
            }
        }
    }

    /// Solves for a ratio by estimates; none where these leave a doubt. `changed` are terms with other numbers.
    fn add_nearly(&mut self, wrong: Wrong<'_>, cause: Cause, slot: Slot, changed: &mut Terms) -> Option<()> {
        // What the points for 1 USD may be is kept exactly.
        let is_in_one_step =
            matches!(wrong.terms.formula, Formula::Decimal | Formula::DecimalPrice) || slack(wrong.terms, slot) == Exact::from(1);
        let is_plain = wrong.terms.advance == 0 && !wrong.terms.credit && is_in_one_step;
        if slot == Slot::QuotaPerUnit || !is_plain {
            return None;
        }
        let mut at = |value: Ratio| {
            changed.take_numbers(wrong.terms);
            changed.set(slot, value);
            estimate(changed)
        };
        let around = Around::of(at(Ratio::ZERO)?, at(Ratio::ONE)?, wrong.charged)?;
        match slot {
            Slot::Multiplier(index) => changed.multipliers[index].clone_from(&wrong.terms.multipliers[index]),
            Slot::ToolPrice(index) => changed.surcharges[index].price = wrong.terms.surcharges[index].price,
            _ => {}
        }
        around.map_or(Some(()), |around| self.add(wrong, cause, slot, &around).map(drop))
    }

    fn add_exactly(&mut self, wrong: Wrong<'_>, cause: Cause, slot: Slot) {
        let Some(interval) = Interval::of(wrong, slot) else { return };
        if self.add(wrong, cause, slot, &interval) == Some(false) && slot == Slot::QuotaPerUnit {
            self.unit = Some(interval);
        }
    }

    /// Adds what lies within; whether these are all simple numbers there.
    fn add(&mut self, wrong: Wrong<'_>, cause: Cause, slot: Slot, within: &dyn Within) -> Option<bool> {
        let is_rounded = wrong.is_rounded();
        let nearly = |value: Ratio| within.rounds(value).filter(|_| is_rounded);
        let gives = |value: Ratio| nearly(value).unwrap_or_else(|| wrong.is_given_by(&wrong.terms.with(slot, value)));
        let Simple { numbers: mut simple, are_all } = simple(within)?;
        simple.retain(|(value, _)| gives(*value));
        let implied = match simple.first() {
            Some((value, _)) => Some(*value),
            None if self.implies => simplest(within, gives)?,
            None => None,
        };
        self.implied.extend(implied.map(|value| (slot, value)));
        if slot == Slot::QuotaPerUnit && !are_all {
            return Some(false);
        }
        if !are_all && simple.iter().all(|(_, telling)| *telling == Telling::Little) {
            self.wide.push((cause, slot));
        }
        for (value, telling) in simple.into_iter().filter(|(value, _)| !is_omission(slot, *value)) {
            let number = Number { cause, slot, value, is_earned: telling == Telling::Earned, is_hint: telling == Telling::Little };
            if !self.numbers.iter().any(|known| known.is_same(&number)) {
                self.numbers.push(number);
            }
        }
        Some(are_all)
    }
}

/// The earned causes of one row, in the order of the table.
pub fn of_one_row(terms: &Terms, numbers: &[Number]) -> Vec<Explanation> {
    let mut found: Vec<Explanation> = Vec::new();
    for number in numbers.iter().filter(|number| number.is_earned && number.cause != Cause::QuotaPerUnitDiffers) {
        let causes = Causes::earned(number.cause);
        if !found.iter().any(|explanation| explanation.causes == causes) {
            let changed = Some(Box::new(terms.with(number.slot, number.value)));
            found.push(Explanation { causes, implied: vec![(word(number.slot).into(), number.value.to_string())], changed });
        }
    }
    found.sort_by_key(|explanation| explanation.causes);
    found
}

/// The word of a ratio in `implied`.
pub fn word(slot: Slot) -> &'static str {
    match slot {
        Slot::ModelRatio => "model_ratio",
        Slot::GroupRatio => "group_ratio",
        Slot::Price => "model_price",
        Slot::Rate(class) => class.rate_word(),
        Slot::CacheWrites => Class::CacheWrite.rate_word(),
        Slot::Multiplier(_) => "multiplier",
        Slot::ToolPrice(_) => "tool_price",
        Slot::QuotaPerUnit => "quota_per_unit",
    }
}

/// The ratios that enter a charge, each with the cause of another value.
fn slots(terms: &Terms) -> Vec<(Cause, Slot)> {
    let mut slots = vec![(Cause::GroupRatioDiffers, Slot::GroupRatio)];
    match terms.formula.mode() {
        Mode::Tokens if terms.has_ratios() => {
            slots.push((Cause::ModelRatioDiffers, Slot::ModelRatio));
            let rates = [
                (Cause::CompletionRatioDiffers, Class::Output),
                (Cause::CacheRatioDiffers, Class::Cached),
                (Cause::CacheRatioDiffers, Class::CacheRead),
            ];
            let writes = Class::WRITES.map(|class| (Cause::CacheWriteRatioDiffers, class));
            let used = |(_, class): &(Cause, Class)| terms.usage[*class] != 0;
            let rate = |(cause, class)| (cause, Slot::Rate(class));
            slots.extend(rates.into_iter().filter(used).map(rate));
            slots.extend(terms.has_common_writes().then_some((Cause::CacheWriteRatioDiffers, Slot::CacheWrites)));
            slots.extend(writes.into_iter().filter(used).map(rate));
        }
        Mode::Call => slots.push((Cause::ModelRatioDiffers, Slot::Price)),
        Mode::Tokens | Mode::Expression | Mode::Free => {}
    }
    slots.extend((0..terms.multipliers.len()).map(|index| (Cause::MultiplierDiffers, Slot::Multiplier(index))));
    slots.extend(tools(terms).map(|(index, _)| (Cause::ToolSurchargeDiffers, Slot::ToolPrice(index))));
    if terms.is_in_usd() {
        slots.push((Cause::QuotaPerUnitDiffers, Slot::QuotaPerUnit));
    }
    slots
}

/// The terms with the number that an earned cause implies.
pub fn with_implied(terms: &Terms, causes: Causes, implied: &BTreeMap<String, String>) -> Option<Terms> {
    let is_implied = |(cause, slot): &(Cause, Slot)| causes == Causes::earned(*cause) && implied.contains_key(word(*slot));
    let (_, slot) = slots(terms).into_iter().find(is_implied)?;
    Some(terms.with(slot, implied.get(word(slot))?.parse().ok()?))
}

/// What a charge leaves a ratio to be, by the rounding of its formula.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Range {
    pub cause: Cause,
    pub word: Word,
    pub within: Interval,
}

impl Range {
    /// None where it cannot be told to the point.
    fn of(wrong: Wrong<'_>, cause: Cause, slot: Slot) -> Option<Range> {
        let is_told = !matches!(slot, Slot::Multiplier(_) | Slot::ToolPrice(_) | Slot::QuotaPerUnit);
        let within = if is_told { Interval::rounded(wrong, slot) } else { None }?;
        Some(Range { cause, word: word(slot).into(), within })
    }

    pub fn is_of(&self, cause: Cause, word: &str) -> bool {
        self.cause == cause && self.word == word
    }
}

/// What a charge leaves each of its ratios to be.
pub fn ranges(wrong: Wrong<'_>) -> Vec<Range> {
    ranges_of(wrong, &slots(wrong.terms))
}

/// What a charge leaves some ratios to be.
pub fn ranges_of(wrong: Wrong<'_>, slots: &[(Cause, Slot)]) -> Vec<Range> {
    let mut found: Vec<Range> = Vec::new();
    for (cause, slot) in slots {
        let is_known = found.iter().any(|known| known.is_of(*cause, word(*slot)));
        found.extend(if is_known { None } else { Range::of(wrong, *cause, *slot) });
    }
    found
}

/// What a charge leaves the points for 1 USD to be; none where that cannot be told to the point.
pub fn unit_range(wrong: Wrong<'_>) -> Option<Range> {
    let within = Interval::rounded(wrong, Slot::QuotaPerUnit)?;
    Some(Range { cause: Cause::QuotaPerUnitDiffers, word: word(Slot::QuotaPerUnit).into(), within })
}

/// What a row may be explained by that elects nothing: what is left of ratios of which too many numbers give the charge, and where that
/// cannot be told, those of them that are listed.
pub fn spans<'n>(numbers: &'n [Number], ranges: &'n [Range]) -> impl Iterator<Item = Range> + 'n {
    let hints = numbers.iter().filter(|number| number.is_hint);
    let is_apart = |number: &&Number| !ranges.iter().any(|range| range.is_of(number.cause, word(number.slot)));
    let points = hints.filter(is_apart).map(|number| Range {
        cause: number.cause,
        word: word(number.slot).into(),
        within: Interval::at(number.value),
    });
    ranges.iter().cloned().chain(points)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::Sum;
    use proptest::prelude::*;

    #[test]
    fn estimates_leave_no_doubt_mostly() {
        let mut terms = Terms::tokens(Ratio::new(125, -2), Ratio::new(85, -2));
        terms.add(Class::Input, 1_711, Ratio::ONE);
        terms.add(Class::Output, 1_193, Ratio::new(457, -2));
        for charged in [1_000, 3_333, 7_613, 9_001] {
            let charged = Points(charged);
            let wrong = Wrong { terms: &terms, written: &Charged::Points(charged), charged };
            for (cause, slot) in slots(&terms) {
                let mut solved = Solved { implies: true, ..Solved::default() };
                assert_eq!(solved.add_nearly(wrong, cause, slot, &mut terms.clone()), Some(()), "{charged} {slot:?}");
            }
        }
    }

    #[test]
    fn all_cache_writes_go_with_one_ratio() {
        let mut terms = Terms::tokens(Ratio::new(15, -1), Ratio::ONE);
        terms.add(Class::CacheWrite5m, 6_000, Ratio::new(125, -2));
        terms.add(Class::CacheWrite1h, 3_000, Ratio::from(2));
        let rates = [(Class::CacheWrite5m, Ratio::from(3)), (Class::CacheWrite1h, Ratio::new(48, -1))];
        let charged = price(&rates.iter().fold(terms.clone(), |terms, (class, rate)| terms.with(Slot::Rate(*class), *rate))).points;
        let found = numbers(Wrong { terms: &terms, written: &Charged::Points(charged), charged });
        let of_writes: Vec<_> = found.iter().filter(|number| number.cause == Cause::CacheWriteRatioDiffers).collect();
        assert!(
            matches!(of_writes[..], [Number { slot: Slot::CacheWrites, value, is_earned: true, .. }, ..] if *value == Ratio::from(3))
        );
    }

    #[test]
    fn cache_writes_whose_rates_stand_by_themselves_may_have_one_rate() {
        let mut terms = Terms { formula: Formula::Sum(Sum::Laisky), ..Terms::tokens(Ratio::new(15, -1), Ratio::ONE) };
        terms.add(Class::CacheWrite5m, 6_000, Ratio::new(125, -2));
        terms.add(Class::CacheWrite1h, 3_000, Ratio::from(2));
        // 9,000 · 1.7
        let charged = Points(15_300);
        let found = numbers(Wrong { terms: &terms, written: &Charged::Points(charged), charged });
        let is_of_writes = |number: &&Number| number.slot == Slot::CacheWrites;
        assert!(found.iter().filter(is_of_writes).any(|number| number.value == Ratio::new(17, -1)), "{found:?}");
    }

    proptest! {
        /// What is solved by estimates is what exact numbers say, unless they leave a doubt.
        #[test]
        fn estimates_solve_as_exact_numbers_do(
            model in 1_i64..100_000, group in 0_i64..3_000, prices in [0_i64..3_000, 0_i64..3_000, 0_i64..3_000],
            counts in [0_i64..100_000, 0_i64..100_000, 0_i64..30], times in 0_i64..3_000, off in -20_i64..20,
        ) {
            let mut terms = Terms::tokens(Ratio::new(model, -3), Ratio::new(group, -3));
            let classes = [Class::Input, Class::Cached, Class::Output];
            classes.into_iter().zip(counts).zip(prices).for_each(|((class, count), rate)| terms.add(class, count, Ratio::new(rate, -2)));
            let charged = Points(price(&terms).points.0 * times / 1_000 + off);
            let written = Charged::Points(charged);
            let wrong = Wrong { terms: &terms, written: &written, charged };
            for (cause, slot) in slots(&terms) {
                let asked = Solved { implies: true, ..Solved::default() };
                let (mut nearly, mut exactly) = (asked.clone(), asked);
                exactly.add_exactly(wrong, cause, slot);
                if nearly.add_nearly(wrong, cause, slot, &mut terms.clone()).is_some() {
                    prop_assert_eq!((nearly.numbers, nearly.implied), (exactly.numbers, exactly.implied));
                }
            }
        }
    }
}
