//! Changes to terms that keep their meaning, whatever the formula: the parts that causes are made of.

use std::sync::Arc;

use super::terms::{Formula, Sum, Terms, Tiered};
use super::usage::Class;
use crate::exact::{Exact, Ratio};
use crate::float;
use crate::float::expr::Expression;

impl Terms {
    /// The rate at which a class costs what plain input (for outputs: input, too) costs.
    pub fn rate_of_input(&self, class: Class) -> Ratio {
        match (&self.formula, class) {
            // Absolute: the price of output stands beside that of input.
            (Formula::Sum(Sum::OneHub), Class::Output) => self.model_ratio,
            (Formula::Sum(Sum::Laisky), Class::Cached | Class::CacheWrite5m | Class::CacheWrite1h) => Ratio::ZERO,
            (Formula::Sum(Sum::OneHub | Sum::Laisky), _) => Ratio::ONE,
            _ => self.rates[Class::Input],
        }
    }

    /// Makes the tokens of a class cost nothing.
    pub fn set_free(&mut self, class: Class) {
        match &self.formula {
            // The class stands within the prompt: its tokens are taken out of it.
            Formula::Sum(Sum::OneHub) => self.rates[class] = Ratio::ZERO,
            _ => self.usage[class] = 0,
        }
    }

    /// The terms with another model ratio.
    pub fn with_model_ratio(&self, ratio: Ratio) -> Terms {
        let mut terms = self.clone();
        terms.set_model_ratio(ratio);
        terms
    }

    /// The rate of plain input where rates are prices, as price lists print them, and not relative to it.
    fn input_price(&self) -> Option<Ratio> {
        let input = self.rates[Class::Input];
        let may_be = matches!(self.formula.rules(), Formula::Decimal | Formula::Sum(Sum::InSteps));
        (may_be && input != Ratio::ONE).then_some(input)
    }

    /// A rate of a class as reports tell it: relative to plain input, but where rates stand by themselves. None where input is free.
    pub fn told(&self, class: Class, rate: Ratio) -> Option<Ratio> {
        match self.input_price().filter(|_| class != Class::AudioOutput) {
            Some(input) if input.is_zero() => None,
            Some(input) => rate.over(input).or_else(|| float::quotient(rate, input)),
            None => Some(rate),
        }
    }

    /// The rate of a class as reports tell it.
    pub fn told_rate(&self, class: Class) -> Option<Ratio> {
        self.told(class, self.rates[class])
    }

    /// Whether the tokens have ratios: beside input that is free there are but prices.
    pub fn has_ratios(&self) -> bool {
        self.input_price().is_none_or(|input| !input.is_zero())
    }

    /// The model ratio as reports tell it: what a token of plain input costs.
    pub fn told_model_ratio(&self) -> Exact {
        (Exact::from(self.model_ratio) * self.rates[Class::Input]).normalized()
    }

    /// Puts another [told](Terms::told_rate) rate.
    pub fn set_rate(&mut self, class: Class, told: Ratio) {
        self.rates[class] = self.rate_of_told(class, told);
    }

    fn rate_of_told(&self, class: Class, told: Ratio) -> Ratio {
        let input = self.input_price().filter(|input| class != Class::AudioOutput && !input.is_zero());
        input.map_or(told, |input| times(told, input))
    }

    /// Puts another model ratio; what stands in proportion to it goes with it.
    pub fn set_model_ratio(&mut self, ratio: Ratio) {
        if let Some(input) = self.input_price().filter(|input| !input.is_zero()) {
            for class in Class::ALL.into_iter().filter(|class| *class != Class::AudioOutput) {
                self.rates[class] = in_proportion(self.rates[class], input, Ratio::ONE);
            }
        }
        let before = std::mem::replace(&mut self.model_ratio, ratio);
        if self.formula == Formula::Sum(Sum::OneHub) && !before.is_zero() {
            self.rates[Class::Output] = in_proportion(self.rates[Class::Output], before, ratio);
        }
    }

    /// Whether there are cache writes beside those for 5 minutes, at rates that go with theirs.
    pub fn has_write_proportion(&self) -> bool {
        self.has_several_writes() && !self.is_absolute(Class::CacheWrite5m) && !self.rates[Class::CacheWrite5m].is_zero()
    }

    /// Whether one rate says that of several kinds of cache writes: the others are in proportion to it, or the same.
    pub fn has_common_writes(&self) -> bool {
        self.has_write_proportion() || (self.has_several_writes() && self.is_absolute(Class::CacheWrite5m))
    }

    fn has_several_writes(&self) -> bool {
        let used = |class: Class| self.usage[class] != 0;
        used(Class::CacheWrite1h) || (used(Class::CacheWrite) && used(Class::CacheWrite5m))
    }

    /// Puts another told rate of cache writes; that of writes for an hour keeps its proportion to it, or is the same where rates stand by themselves.
    pub(super) fn set_cache_writes(&mut self, told: Ratio) {
        let (short, long) = (Class::CacheWrite5m, Class::CacheWrite1h);
        let rate = self.rate_of_told(short, told);
        self.rates[long] = if self.is_absolute(short) { rate } else { in_proportion(self.rates[long], self.rates[short], rate) };
        (self.rates[Class::CacheWrite], self.rates[short]) = (rate, rate);
    }

    /// Puts the gateway's ratio for models without a price; one-hub has one for output, too, and no price of a call.
    pub fn set_fallback(&mut self, ratio: Ratio) {
        if self.formula == Formula::Sum(Sum::OneHubCall) {
            (self.formula, self.price) = (Formula::Sum(Sum::OneHub), Ratio::ZERO);
        }
        self.set_model_ratio(ratio);
        if self.is_absolute(Class::Output) {
            self.rates[Class::Output] = ratio;
        }
    }

    /// Takes the tokens, rates and ratios of other terms, of which all else is the same.
    pub fn take_numbers(&mut self, other: &Terms) {
        self.usage = other.usage;
        self.rates = other.rates;
        self.model_ratio = other.model_ratio;
        self.group_ratio = other.group_ratio;
        self.price = other.price;
        self.minimum = other.minimum;
        self.no_usage = other.no_usage;
    }
}

fn times(a: Ratio, b: Ratio) -> Ratio {
    a.times(b).or_else(|| (Exact::from(a) * b).to_ratio()).unwrap_or(a)
}

/// A number that changes as another one does.
fn in_proportion(number: Ratio, before: Ratio, after: Ratio) -> Ratio {
    (Exact::from(number) * after).divided_by(&Exact::from(before), 17).to_ratio().unwrap_or(after)
}

/// The same usage in each other tier of a price expression: the tier's name, and terms whose expression is that tier alone.
pub fn tiers(terms: &Terms) -> Vec<(String, Terms)> {
    let Formula::Expression(tiered) = &terms.formula else { return Vec::new() };
    let named = tiered.expression.tiers();
    let changed = named.into_iter().filter_map(|(name, text)| {
        let expression = Arc::new(Expression::parse(&text).ok()?);
        let alone = Tiered { expression, matched: None, ..(**tiered).clone() };
        Some((name, Terms { formula: Formula::Expression(Box::new(alone)), ..terms.clone() }))
    });
    changed.collect()
}
