//! Tokens that are counted in another way.

use super::super::Case;
use super::Changes;
use crate::exact::Ratio;
use crate::float::gateway::{FloatRounding, product};
use crate::pricing::{Class, Formula, Mode, PerClass, Sum, Terms};

/// Whether anything is left of a usage by which the gateway would not say that there was none.
pub fn is_any_left(usage: &PerClass<i64>, prompt: i64) -> bool {
    usage.iter().any(|(class, tokens)| tokens != 0 && (class.is_output() || prompt > 0))
}

/// Token counts by class.
pub trait CountsByClass: Copy {
    fn of(&self, class: Class) -> i64;

    fn put(&mut self, class: Class, count: i64);
}

impl CountsByClass for PerClass<i64> {
    fn of(&self, class: Class) -> i64 {
        self[class]
    }

    fn put(&mut self, class: Class, count: i64) {
        self[class] = count;
    }
}

/// Token counts that may be counted in another way.
#[derive(Clone, Copy, Debug)]
pub struct Tokens<'t, C> {
    pub usage: &'t C,
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
    pub fn usage<C: CountsByClass>(self, tokens: &Tokens<'_, C>) -> Option<C> {
        let classes = self.classes();
        if classes.iter().all(|class| tokens.usage.of(*class) == 0) {
            return None;
        }
        let mut usage = *tokens.usage;
        let input = match self {
            // Elsewhere output at a price of 0 is none.
            Counted::Free(&[Class::Output]) if !is_within_input(tokens.formula) => return None,
            Counted::Without(_) if !matches!(tokens.formula.mode(), Mode::Tokens | Mode::Expression) => return None,
            // There the input is the whole prompt, of which the other classes are a part.
            Counted::Without(&[Class::Input]) if is_within_input(tokens.formula) => {
                usage.put(Class::TextInput, 0);
                beside_input(&[]).map(|class| usage.of(class)).fold(0, i64::saturating_add)
            }
            Counted::Free(_) | Counted::Without(_) => {
                classes.iter().for_each(|class| usage.put(*class, 0));
                return Some(usage);
            }
            Counted::Twice(_) => usage.of(Class::Input).saturating_add(tokens_of(&usage, classes)),
            Counted::Held(_) => held(tokens.prompt, &usage, classes)?,
            Counted::Less(_) => tokens.input_less(classes)?,
            Counted::Drained(_) => tokens.input_less(classes).filter(|left| *left < 0).map(|_| 0)?,
        };
        usage.put(Class::Input, input);
        Some(usage)
    }
}

impl<C: CountsByClass> Tokens<'_, C> {
    /// The input without cached tokens and other classes. Of a prompt that holds them they are taken out already: twice means something
    /// only where some input is left.
    fn input_less(&self, classes: &[Class]) -> Option<i64> {
        let input = self.usage.of(Class::Input);
        let left = input.saturating_sub(tokens_of(self.usage, classes));
        let may_be = tokens_of(self.usage, &READS) != 0 && (left > 0 || input >= self.prompt);
        (left != input && may_be && !is_within_input(self.formula)).then_some(left)
    }
}

/// Whether the other classes stand within the input.
fn is_within_input(formula: &Formula) -> bool {
    matches!(formula, Formula::Sum(Sum::OneHub))
}

pub const READS: [Class; 2] = [Class::Cached, Class::CacheRead];

const CACHE: [Class; 5] = [Class::Cached, Class::CacheRead, Class::CacheWrite, Class::CacheWrite5m, Class::CacheWrite1h];

pub fn used<'t>(terms: &'t Terms, classes: &'t [Class]) -> impl Iterator<Item = Class> + 't {
    classes.iter().copied().filter(|class| terms.usage[*class] != 0)
}

pub fn tokens_of(usage: &impl CountsByClass, classes: &[Class]) -> i64 {
    classes.iter().map(|class| usage.of(*class)).fold(0, i64::saturating_add)
}

pub const CACHE_FREE: &[Counted] = &[Counted::Free(&READS)];

pub const CACHE_DOUBLE_COUNTED: &[Counted] = &[Counted::Twice(&READS), Counted::Held(&READS)];

/// one-hub: a prompt that holds cached tokens, and these beside it, cut by themselves.
pub fn cached_beside(_: &Case<'_>, terms: &Terms, changes: &mut Changes<'_>) {
    if !is_within_input(&terms.formula) || used(terms, &READS).next().is_none() {
        return;
    }
    let mut changed = terms.clone();
    for class in used(terms, &READS) {
        let own = product([Ratio::from(terms.usage[class]), terms.rates[class]], FloatRounding::Truncate).whole;
        changed.usage[Class::Input] = changed.usage[Class::Input].saturating_add(own);
        changed.usage[class] = 0;
    }
    changes.push(changed);
}

/// Where the classes within a prompt are more than it holds: what is left of it without them, but with those that are left in.
pub fn held(prompt: i64, usage: &impl CountsByClass, left_in: &[Class]) -> Option<i64> {
    let rest = beside_input(left_in).fold(prompt, |rest, class| rest.saturating_sub(usage.of(class)));
    (usage.of(Class::Input) <= 0).then_some(rest.max(0))
}

/// The classes within a prompt beside its input, but those that are left in.
pub fn beside_input(left_in: &[Class]) -> impl Iterator<Item = Class> {
    Class::INPUTS.iter().copied().filter(|class| !left_in.contains(class) && *class != Class::Input)
}

pub const CACHE_SUBTRACTED: &[Counted] =
    &[Counted::Less(&READS), Counted::Drained(&READS), Counted::Less(&CACHE), Counted::Drained(&CACHE)];

/// All writes, and each kind of them.
pub const CACHE_WRITE_OMITTED: &[Counted] = &[
    Counted::Free(&Class::WRITES),
    Counted::Free(&[Class::CacheWrite]),
    Counted::Free(&[Class::CacheWrite5m]),
    Counted::Free(&[Class::CacheWrite1h]),
];

pub const OUTPUT_OMITTED: &[Counted] =
    &[Counted::Without(&[Class::Output]), Counted::Without(Class::OUTPUTS), Counted::Free(&[Class::Output])];

pub const INPUT_OMITTED: &[Counted] = &[Counted::Without(&[Class::Input]), Counted::Without(Class::INPUTS)];

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes alone that are not charged are left out, and not taken out of the input.
    #[test]
    fn nothing_is_subtracted_where_nothing_was_cached() {
        let mut usage = PerClass::default();
        (usage[Class::Input], usage[Class::CacheWrite]) = (4_388, 852);
        let subtracted = |usage: &PerClass<i64>| {
            let tokens = Tokens { usage, prompt: 5_240, formula: &Formula::Decimal };
            CACHE_SUBTRACTED.iter().filter_map(|counted| Some(counted.usage(&tokens)?[Class::Input])).collect::<Vec<_>>()
        };
        assert!(subtracted(&usage).is_empty());
        usage[Class::Cached] = 100;
        assert_eq!(subtracted(&usage), [4_288, 3_436]);
    }
}
