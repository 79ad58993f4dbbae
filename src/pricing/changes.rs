//! Changes to terms that keep their meaning, whatever the formula: the parts that causes are made of.

use std::sync::Arc;

use super::terms::{Formula, Sum, Terms, Tiered};
use super::usage::Class;
use crate::exact::{Exact, Ratio};
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

    /// The terms with another model ratio; what stands in proportion to it goes with it.
    pub fn with_model_ratio(&self, ratio: Ratio) -> Terms {
        let mut terms = self.clone();
        terms.model_ratio = ratio;
        if self.formula == Formula::Sum(Sum::OneHub) && !self.model_ratio.is_zero() {
            let output = Exact::from(self.rates[Class::Output]) * ratio;
            let scaled = output.divided_by(&Exact::from(self.model_ratio), 17).normalized();
            terms.rates[Class::Output] = scaled.to_string().parse().unwrap_or(ratio);
        }
        terms
    }
}

impl Terms {
    /// The terms at the gateway's ratio for models without a price; one-hub has one for output, too.
    pub fn with_fallback(&self, ratio: Ratio) -> Terms {
        let mut terms = self.with_model_ratio(ratio);
        if self.is_absolute(Class::Output) {
            terms.rates[Class::Output] = ratio;
        }
        terms
    }
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
