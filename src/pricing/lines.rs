//! The parts of a charge, as `calc` and `explain` print them. They sum to the amount that [`price`](super::price) computes.

use super::in_floats;
use super::one_hub::adjustment;
use super::price::{points_of, usd, weighted};
use super::terms::{Formula, Mode, Per, Terms};
use super::usage::Class;
use crate::exact::{Exact, Ratio};

/// What a quantity counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Tokens,
    Calls,
    /// A summand of a price expression, whose value is a number of USD per 1M.
    Summand,
}

impl Unit {
    pub fn word(self) -> &'static str {
        match self {
            Unit::Tokens => "tokens",
            Unit::Calls => "calls",
            Unit::Summand => "summand",
        }
    }
}

/// One part of a charge, before the group ratio.
#[derive(Clone, Debug, PartialEq)]
pub struct ChargeLine {
    pub component: String,
    pub quantity: i64,
    pub unit: Unit,
    /// USD for one million of the unit.
    pub price_per_million: Exact,
    /// What the tokens are weighted with before the model ratio; none where the line has a price of its own. Of a summand that is a price
    /// times the tokens of one class, that price.
    pub rate: Option<Exact>,
    /// The rate relative to plain input, where it is a decimal.
    pub ratio: Option<Exact>,
    pub usd: Exact,
}

/// The parts of a charge: each class with tokens, then calls and tools. Amounts are before group ratio and multipliers.
pub fn lines(terms: &Terms) -> Vec<ChargeLine> {
    let mut lines: Vec<ChargeLine> = match terms.formula.mode() {
        Mode::Call => vec![call(terms)],
        Mode::Tokens => terms.usage.iter().filter(|(_, n)| *n != 0).map(|(class, n)| token_line(terms, class, n)).collect(),
        Mode::Expression => summands(terms),
        Mode::Free => Vec::new(),
    };
    lines.extend(terms.surcharges.iter().map(|surcharge| ChargeLine {
        component: surcharge.name.clone(),
        quantity: surcharge.count,
        unit: if surcharge.per == Per::Million { Unit::Tokens } else { Unit::Calls },
        price_per_million: Exact::from(surcharge.price) * (1_000_000 / surcharge.per.number()),
        rate: None,
        ratio: None,
        usd: usd(surcharge).normalized(),
    }));
    lines
}

fn summands(terms: &Terms) -> Vec<ChargeLine> {
    let Formula::Expression(tiered) = &terms.formula else { return Vec::new() };
    let parts = in_floats::summands(terms, tiered).into_iter();
    parts
        .map(|(text, value)| ChargeLine {
            rate: in_floats::weight(&text).map(Exact::from),
            component: text,
            quantity: 1,
            unit: Unit::Summand,
            price_per_million: value.clone().normalized(),
            ratio: None,
            usd: (value * Ratio::new(1, -6)).normalized(),
        })
        .collect()
}

fn call(terms: &Terms) -> ChargeLine {
    ChargeLine {
        component: "call".to_owned(),
        quantity: 1,
        unit: Unit::Calls,
        price_per_million: (terms.call_price() * 1_000_000).normalized(),
        rate: None,
        ratio: None,
        usd: terms.call_price(),
    }
}

fn token_line(terms: &Terms, class: Class, tokens: i64) -> ChargeLine {
    if terms.is_within(class) {
        return adjustment_line(terms, class, tokens);
    }
    let rate = (!terms.is_absolute(class) || class.is_output()).then(|| weighted(terms, class, 1));
    let per_million = in_usd(points_of(terms, class, 1) * 1_000_000, terms.quota_per_unit);
    let usd = in_usd(points_of(terms, class, tokens), terms.quota_per_unit);
    ChargeLine {
        component: terms.usage_word(class).trim_end_matches("_tokens").to_owned(),
        quantity: tokens,
        unit: Unit::Tokens,
        price_per_million: per_million,
        ratio: rate.as_ref().and_then(|rate| relative(rate, terms.rates[Class::Input])),
        rate: rate.map(Exact::normalized),
        usd,
    }
}

/// What a class within the prompt, or within the completion, adds to it: its tokens are counted there already.
fn adjustment_line(terms: &Terms, class: Class, tokens: i64) -> ChargeLine {
    let ratio = Exact::from(terms.rates[class]);
    let unit = if class.is_output() { terms.rates[Class::Output] } else { terms.model_ratio };
    let more = ratio.clone() - Exact::from(1);
    ChargeLine {
        component: class.word().trim_end_matches("_tokens").to_owned(),
        quantity: tokens,
        unit: Unit::Tokens,
        price_per_million: in_usd(more.clone() * unit * 1_000_000, terms.quota_per_unit),
        rate: Some(more.normalized()),
        ratio: Some(ratio.normalized()),
        usd: in_usd(adjustment(terms, class, tokens, true) * unit, terms.quota_per_unit),
    }
}

fn relative(rate: &Exact, input: Ratio) -> Option<Exact> {
    if input.is_zero() {
        return None;
    }
    let ratio = rate.divided_by(&Exact::from(input), 12).normalized();
    (ratio.clone() * input == *rate).then_some(ratio)
}

/// Points as USD. 500 000 divides without rest; another `QuotaPerUnit` may not, and then 30 places are shown.
pub(super) fn in_usd(points: Exact, per_unit: Ratio) -> Exact {
    let places = points.decimals() + 30;
    points.divided_by(&Exact::from(per_unit), places).normalized()
}
