//! Solving for a free number: what a ratio would have to be, and whether a simple decimal lies there.
//!
//! A charge is linear in each ratio, so two prices give the interval of a ratio within which the charge comes out. Some number
//! always fits one row. It is earned by the row alone if it has at most four digits and lies in so narrow an interval that a
//! chance hit is unlikely; else several rows must agree on it.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::Explanation;
use super::changes::tools;
use crate::audit::Word;
use crate::audit::cause::{Cause, Causes};
use crate::exact::{Charged, Exact, Points, Ratio};
use crate::float::estimate::Around;
use crate::pricing::{After, Class, FloatRounding, Formula, Mode, Rounding, Slot, Sum, Terms, agrees, estimate, may_give, price};

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

/// More digits than this are no simple number.
const MOST_DIGITS: i16 = 4;
/// An interval with more simple numbers than this says nothing of the longer ones.
const MOST_NUMBERS: usize = 12;
/// Of the shorter ones it still tells something where one as simple lies in one of so many such intervals.
const TELLING: i64 = 4;
/// A number is earned where one as simple lies in one of so many such intervals.
const RARE: i64 = 1_000;

/// What a charge says of the numbers that enter it.
#[derive(Clone, Debug, Default)]
pub struct Solved {
    /// The simple numbers that give the charge.
    pub numbers: Vec<Number>,
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

/// The simple numbers that give a charge.
pub fn numbers(wrong: Wrong<'_>) -> Vec<Number> {
    let mut solved = Solved::default();
    solved.add_all(wrong);
    solved.numbers
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
        for (value, telling) in simple.into_iter().filter(|(value, _)| !is_omission(slot, *value)) {
            let number = Number { cause, slot, value, is_earned: telling == Telling::Earned, is_hint: telling == Telling::Little };
            if !self.numbers.iter().any(|known| known.is_same(&number)) {
                self.numbers.push(number);
            }
        }
        Some(are_all)
    }
}

/// Where a number lies. Answers are none where they are in doubt.
trait Within {
    /// The power of ten of the first digit of the highest value.
    fn magnitude(&self) -> Option<i16>;

    /// Which multiples of a power of ten lie within.
    fn multiples(&self, power: i16) -> Option<RangeInclusive<i64>>;

    /// Whether at most one in so many such intervals holds a multiple of a power of ten.
    fn is_rare(&self, power: i16, times: i64) -> Option<bool>;

    /// Whether the amount at a value is rounded to the charge, halves away from 0.
    fn rounds(&self, value: Ratio) -> Option<bool>;
}

impl Within for Around {
    fn magnitude(&self) -> Option<i16> {
        Around::magnitude(self)
    }

    fn multiples(&self, power: i16) -> Option<RangeInclusive<i64>> {
        Around::multiples(self, power)
    }

    fn is_rare(&self, power: i16, times: i64) -> Option<bool> {
        Around::is_rare(self, power, times)
    }

    fn rounds(&self, value: Ratio) -> Option<bool> {
        Around::rounds(self, value)
    }
}

impl Within for Interval {
    fn magnitude(&self) -> Option<i16> {
        Some(magnitude(&self.high))
    }

    fn multiples(&self, power: i16) -> Option<RangeInclusive<i64>> {
        let unit = Exact::from(Ratio::new(1, power));
        // An end has 24 decimals: none of them may be lost.
        let count = |end: &Exact| end.divided_by(&unit, 40).floor().to_i64();
        let ends = count(&self.low).zip(count(&self.high));
        Some(ends.map_or(RangeInclusive::new(1, 0), |(low, high)| low.saturating_add(1)..=high))
    }

    fn is_rare(&self, power: i16, times: i64) -> Option<bool> {
        Some(self.width() * times <= Exact::from(Ratio::new(1, power)))
    }

    fn rounds(&self, _: Ratio) -> Option<bool> {
        None
    }
}

/// The numbers of at most four digits within, the simplest first.
fn simple(within: &dyn Within) -> Option<Simple> {
    // A further digit may bring too many, and those that it did are dropped.
    let mut simple = Simple { numbers: Vec::with_capacity(2 * MOST_NUMBERS + 2), are_all: true };
    let top = within.magnitude()?;
    for digits in 0..MOST_DIGITS {
        let (power, shorter) = (top - digits, simple.numbers.len());
        for value in values(within, power)? {
            if !simple.numbers.iter().any(|(known, _)| *known == value) {
                simple.numbers.push((value, Telling::Little));
            }
        }
        if simple.numbers.len() > MOST_NUMBERS {
            simple.are_all = false;
            simple.numbers.truncate(shorter);
            break;
        }
        if simple.numbers.len() > shorter {
            let telling = telling(within, power)?;
            simple.numbers[shorter..].iter_mut().for_each(|(_, own)| *own = telling);
        }
    }
    if simple.are_all {
        let told = simple.numbers.iter_mut().filter(|(_, telling)| *telling == Telling::Little);
        told.for_each(|(_, telling)| *telling = Telling::Some);
    }
    Some(simple)
}

/// How much a multiple of a power of ten within tells.
fn telling(within: &dyn Within, power: i16) -> Option<Telling> {
    Some(match within.is_rare(power, RARE)? {
        true => Telling::Earned,
        false if within.is_rare(power, TELLING)? => Telling::Some,
        false => Telling::Little,
    })
}

/// The number with the fewest digits within that gives the charge, if there is one: the lowest may be an end that does not.
fn simplest(within: &dyn Within, gives: impl Fn(Ratio) -> bool) -> Option<Option<Ratio>> {
    let top = within.magnitude()?;
    let mut tried = 0;
    for digits in 0..16 {
        let few: Vec<Ratio> = values(within, top - digits)?.take(2).collect();
        tried += usize::from(!few.is_empty());
        let found = few.into_iter().find(|value| gives(*value));
        if found.is_some() || tried == 2 {
            return Some(found);
        }
    }
    Some(None)
}

/// The multiples of a power of ten within that are above 0; a few of them.
fn values(within: &dyn Within, power: i16) -> Option<impl Iterator<Item = Ratio> + use<>> {
    let unit = Ratio::new(1, power);
    let (first, last) = within.multiples(power)?.into_inner();
    let first = first.max(1);
    let few = first..=last.min(first.saturating_add(MOST_NUMBERS as i64 + 1));
    Some(few.map(move |n| Ratio::new(n.saturating_mul(unit.mantissa()), unit.exponent())))
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
        Slot::Multiplier(_) => "multiplier",
        Slot::ToolPrice(_) => "tool_price",
        Slot::QuotaPerUnit => "quota_per_unit",
    }
}

/// The ratios that enter a charge, each with the cause of another value.
fn slots(terms: &Terms) -> Vec<(Cause, Slot)> {
    let mut slots = vec![(Cause::GroupRatioDiffers, Slot::GroupRatio)];
    match terms.formula.mode() {
        Mode::Tokens => {
            slots.push((Cause::ModelRatioDiffers, Slot::ModelRatio));
            let rates = [
                (Cause::CompletionRatioDiffers, Class::Output),
                (Cause::CacheRatioDiffers, Class::Cached),
                (Cause::CacheRatioDiffers, Class::CacheRead),
                (Cause::CacheWriteRatioDiffers, Class::CacheWrite),
                (Cause::CacheWriteRatioDiffers, Class::CacheWrite5m),
                (Cause::CacheWriteRatioDiffers, Class::CacheWrite1h),
            ];
            let used = rates.into_iter().filter(|(_, class)| terms.usage[*class] != 0);
            slots.extend(used.map(|(cause, class)| (cause, Slot::Rate(class))));
        }
        Mode::Call => slots.push((Cause::ModelRatioDiffers, Slot::Price)),
        Mode::Expression | Mode::Free => {}
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
    let slot = slots(terms).into_iter().find(|(cause, _)| causes == Causes::earned(*cause)).map(|(_, slot)| slot)?;
    Some(terms.with(slot, implied.get(word(slot))?.parse().ok()?))
}

/// What a charge leaves a ratio to be, by the rounding of its formula.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    pub cause: Cause,
    pub word: Word,
    pub within: Interval,
}

/// What a charge leaves each of its ratios to be; none where that cannot be told to the point.
pub fn ranges(wrong: Wrong<'_>) -> Vec<Range> {
    let slots = slots(wrong.terms)
        .into_iter()
        .filter(|(_, slot)| !matches!(slot, Slot::Multiplier(_) | Slot::ToolPrice(_) | Slot::QuotaPerUnit));
    let mut found: Vec<Range> = Vec::new();
    for (cause, slot) in slots {
        let word = Word::from(word(slot));
        let is_other = found.iter().all(|known| (known.cause, &known.word) != (cause, &word));
        if let Some(within) = Interval::rounded(wrong, slot).filter(|_| is_other) {
            found.push(Range { cause, word, within });
        }
    }
    found
}

/// The simple numbers of an interval.
struct Simple {
    numbers: Vec<(Ratio, Telling)>,
    /// There are no others of at most four digits.
    are_all: bool,
}

/// How unlikely it is that a number as simple lies in an interval by chance.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Telling {
    Little,
    Some,
    Earned,
}

/// What a ratio may be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    low: Exact,
    high: Exact,
}

impl Interval {
    /// The values of a slot around the charge; none where the charge does not grow with it, or only values of 0 and less would fit.
    fn of(wrong: Wrong<'_>, slot: Slot) -> Option<Interval> {
        let at = |value: i64| price(&wrong.terms.with(slot, Ratio::from(value))).amount;
        // A rate of 0 may mean something else than free. What is cut or rounded up by itself must weigh little.
        let step = if slot == Slot::QuotaPerUnit { 1_000_000_000 } else { 1 };
        let one = at(step);
        let steep = at(2 * step) - one.clone();
        let (none, slope) = (one - steep.clone(), steep.divided_by(&Exact::from(step), 24));
        if slope.is_zero() {
            return None;
        }
        let slack = slack(wrong.terms, slot);
        let end = |offset: Exact| (Exact::from(wrong.charged) + offset - none.clone()).divided_by(&slope, 24);
        let (one, other) = (end(-slack.clone()), end(slack));
        let (mut low, high) = if one <= other { (one, other) } else { (other, one) };
        if rounds_up(wrong.terms) {
            // An amount that is whole may have become a little more in float64.
            low += Exact::from(Ratio::new(-1, -20));
        }
        high.is_positive().then_some(Interval { low, high })
    }

    /// The values of a slot at which an amount is rounded to the charge.
    fn rounded(wrong: Wrong<'_>, slot: Slot) -> Option<Interval> {
        let (terms, charged) = (wrong.terms, wrong.charged.0);
        let is_usual = charged > 0 && (!terms.saturates || charged < Points::INT32.1.0) && !terms.no_usage;
        let is_plain = terms.advance == 0 && !terms.credit && matches!(wrong.written, Charged::Points(_));
        let steps = slack(terms, slot) - Exact::from(1);
        let is_told = matches!(terms.formula, Formula::Product(_)) || steps.is_zero();
        if !(is_usual && is_plain && is_told) {
            return None;
        }
        let at = |value: i64| price(&terms.with(slot, Ratio::from(value)));
        let one = at(1);
        let slope = at(2).amount - one.amount.clone();
        let none = one.amount - slope.clone();
        if !slope.is_positive() {
            return None;
        }
        let step = if steps.is_zero() { Exact::from(1) } else { steps };
        let (mut below, above) = match one.rounding {
            Rounding::HalfAway => (step.clone() * Ratio::new(5, -1), step * Ratio::new(5, -1)),
            Rounding::Ceil => (step, Exact::zero()),
            Rounding::Truncate => (Exact::zero(), step),
        };
        if slot == Slot::GroupRatio && terms.formula == Formula::Sum(Sum::OneHub) && !terms.surcharges.is_empty() {
            // Tools are multiplied by the group and rounded up by themselves.
            below += Exact::from(1);
        }
        let end = |amount: Exact| (amount - none.clone()).divided_by(&slope, 24);
        // An end at which another charge comes out lies outside. A minimum may have made one point of less.
        let (after, before) = if one.rounding == Rounding::Ceil { (1, 0) } else { (0, 1) };
        let low =
            if charged == 1 { Exact::zero() } else { end(Exact::from(charged) - below) + Exact::from(Ratio::new(after, -20)) };
        let high = end(Exact::from(charged) + above) - Exact::from(Ratio::new(before, -20));
        (high.is_positive() && low < high).then(|| Interval { low: low.max(Exact::zero()), high })
    }

    /// How many times its width goes into its highest value, as a power of two: so little is left to chance.
    pub fn telling(&self) -> u32 {
        if self.width().is_zero() {
            return 0;
        }
        let times = Points::saturating(&self.high.divided_by(&self.width(), 0).floor());
        times.0.max(1).ilog2()
    }

    pub fn is_empty(&self) -> bool {
        self.low > self.high
    }

    /// The number with the fewest digits within.
    pub fn simplest(&self) -> Option<Ratio> {
        simplest(self, |_| true).flatten()
    }

    pub fn holds(&self, value: Ratio) -> bool {
        let value = Exact::from(value);
        self.low <= value && value <= self.high
    }

    /// What lies in both; it may be empty.
    pub fn narrow(&mut self, other: &Interval) {
        self.low = self.low.clone().max(other.low.clone());
        self.high = self.high.clone().min(other.high.clone());
    }

    fn width(&self) -> Exact {
        self.high.clone() - self.low.clone()
    }
}

/// By how much a charge may be off the amount of its terms: a point by rounding, and what steps before that make of it.
fn slack(terms: &Terms, slot: Slot) -> Exact {
    let ratios = || Exact::from(terms.model_ratio) * terms.group_ratio;
    let multipliers = || terms.multipliers.iter().map(|multiplier| Exact::from(multiplier.value));
    let steps = match (&terms.formula, slot) {
        (Formula::Sum(Sum::InSteps | Sum::OneApiOf2023), Slot::Rate(_)) => ratios(),
        (Formula::Sum(Sum::OneHub), Slot::Rate(class)) if class.is_within() => ratios(),
        (Formula::Sum(Sum::OneHub | Sum::OneHubCall | Sum::Laisky), Slot::QuotaPerUnit) => {
            let calls = terms.surcharges.iter().fold(0, |calls: i64, tool| calls.saturating_add(tool.count));
            Exact::from(calls.saturating_add(1)) * terms.group_ratio.max(Ratio::ONE)
        }
        (Formula::Product(product), Slot::Price | Slot::ModelRatio | Slot::GroupRatio | Slot::QuotaPerUnit) => {
            match product.after {
                After::Nothing => Exact::zero(),
                After::TimesLast | After::TimesLastAndTokens => multipliers().next_back().unwrap_or_default(),
                After::Multiplied => multipliers().fold(Exact::from(1), |all, multiplier| all * multiplier),
            }
        }
        (Formula::Decimal | Formula::DecimalPrice | Formula::Expression(_), _) => Exact::zero(),
        // A call is rounded by itself, and what all come to once more.
        (_, Slot::ToolPrice(index)) => (Exact::from(terms.group_ratio) + Exact::from(1)) * terms.surcharges[index].count,
        _ => Exact::zero(),
    };
    if steps.is_negative() { Exact::from(1) } else { steps + Exact::from(1) }
}

/// Whether amounts are rounded up, in the float64 arithmetic of a gateway.
fn rounds_up(terms: &Terms) -> bool {
    match terms.formula {
        Formula::Sum(sum) => matches!(sum, Sum::OneApi | Sum::OneHub | Sum::Laisky),
        Formula::Product(product) => product.rounding == FloatRounding::Ceil,
        _ => false,
    }
}

/// The power of ten of a number's first digit.
fn magnitude(number: &Exact) -> i16 {
    let text = number.clone().normalized().to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let whole = whole.trim_start_matches('0');
    if whole.is_empty() {
        let zeros = fraction.bytes().take_while(|digit| *digit == b'0').count();
        -i16::try_from(zeros).unwrap_or(i16::MAX) - 1
    } else {
        i16::try_from(whole.len()).unwrap_or(i16::MAX) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(low: &str, high: &str, expected: &[&str]) {
        let interval = Interval { low: Exact::parse(low).unwrap(), high: Exact::parse(high).unwrap() };
        let telling = simple(&interval).unwrap().numbers.into_iter().filter(|(_, telling)| *telling != Telling::Little);
        let found: Vec<String> = telling.map(|(value, _)| value.to_string()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn simple_numbers_come_in_the_order_of_their_digits() {
        check("0.84991", "0.85009", &["0.85"]);
        check("0.8499", "0.8501", &["0.85", "0.8501"]);
        check("0.0666661", "0.0666669", &[]);
        check("0.3292", "0.3307", &["0.33"]);
        check("0.4", "0.8", &[]);
        check("0.769999999999999999999999", "0.770000000000000000000001", &["0.77"]);
    }

    #[test]
    fn a_narrow_interval_earns_a_number_and_a_wide_one_does_not() {
        let earned = |low: &str, high: &str| {
            let interval = Interval { low: Exact::parse(low).unwrap(), high: Exact::parse(high).unwrap() };
            simple(&interval).unwrap().numbers.first().map(|(_, telling)| *telling == Telling::Earned)
        };
        assert_eq!(earned("0.849999", "0.850001"), Some(true));
        assert_eq!(earned("0.8499", "0.8501"), Some(false));
    }

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
