//! Ratios that a row carries and that differ from the config's.

use serde::{Deserialize, Serialize};

use super::Word;
use crate::exact::Ratio;
use crate::pricing::{Allowed, Class, Formula, Mode, Slot, Terms};

/// A number that enters the charge and stands in the row with another value than in the config.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Difference {
    pub key: Word,
    pub configured: String,
    pub logged: String,
}

impl Difference {
    /// Whether it belongs to the group and not to the model.
    pub fn is_of_group(&self) -> bool {
        self.key == GROUP
    }
}

const GROUP: &str = "group_ratio";

/// The differences between what the config says and what the row itself carries, for numbers that enter the charge.
pub fn differences(configured: &Terms, logged: &Terms) -> Vec<Difference> {
    let mut found = Vec::new();
    if configured.no_usage && configured.surcharges.is_empty() {
        return found;
    }
    let (mode, own_mode) = (configured.formula.mode(), logged.formula.mode());
    if mode != own_mode {
        push(&mut found, "billing_mode", mode.word().to_owned(), own_mode.word().to_owned());
    } else {
        match mode {
            Mode::Free => return found,
            // The same price with its factors is none other, however it is taken apart.
            Mode::Call if configured.whole_price() == logged.whole_price() => {}
            Mode::Call => compare(&mut found, configured.price_word(), configured.price, logged.price),
            Mode::Tokens => compare_rates(&mut found, configured, logged),
            Mode::Expression => compare_expressions(&mut found, configured, logged),
        }
    }
    for (expected, own) in configured.surcharges.iter().zip(&logged.surcharges).filter(|(expected, _)| expected.count != 0) {
        let key = if expected.multiplied { "audio_input_price" } else { "tool_price" };
        compare(&mut found, key, expected.price, own.price);
    }
    if !is_printed_as(configured.group_ratio, Slot::GroupRatio, logged) {
        compare(&mut found, GROUP, configured.group_ratio, logged.group_ratio);
    }
    found
}

/// Whether a number is one of those that the row may have printed so, in two decimals.
fn is_printed_as(number: Ratio, printed: Slot, row: &Terms) -> bool {
    row.open.iter().any(|open| match open.allowed {
        Allowed::Between { slot, low, high } => slot == printed && low <= number && number <= high,
        _ => false,
    })
}

fn compare_expressions(found: &mut Vec<Difference>, configured: &Terms, logged: &Terms) {
    if let (Formula::Expression(expected), Formula::Expression(own)) = (&configured.formula, &logged.formula)
        && !expected.expression.is_same(&own.expression)
    {
        let texts = (expected.expression.source().to_owned(), own.expression.source().to_owned());
        push(found, "billing_expr", texts.0, texts.1);
    }
}

fn compare(found: &mut Vec<Difference>, key: impl Into<Word>, configured: Ratio, logged: Ratio) {
    if configured != logged {
        push(found, key, configured.to_string(), logged.to_string());
    }
}

fn push(found: &mut Vec<Difference>, key: impl Into<Word>, configured: String, logged: String) {
    found.push(Difference { key: key.into(), configured, logged });
}

/// Rates are compared as they are told. Beside free input, which has no ratios, the price of the model alone tells the difference.
fn compare_rates(found: &mut Vec<Difference>, configured: &Terms, logged: &Terms) {
    let (model, own_model) = (configured.told_model_ratio(), logged.told_model_ratio());
    let used = || Class::ALL.into_iter().filter(|class| configured.enters(*class));
    let by_ratio = matches!(configured.formula, Formula::Product(_));
    if model != own_model && (by_ratio || used().next().is_some()) {
        push(found, configured.rate_word(Class::Input), model.to_string(), own_model.to_string());
    }
    for class in used().filter(|class| *class != Class::Input) {
        if let Some((told, own)) = configured.told_rate(class).zip(logged.told_rate(class)) {
            compare(found, configured.rate_word(class), told, own);
        }
    }
}
