//! The parts of a charge, as `calc` and `explain` print them. They sum to the amount that [`price`](super::price) computes.

use super::price::{points_of, usd, weighted};
use super::terms::{Mode, Per, RateKind, Terms};
use super::usage::Class;
use crate::exact::{Exact, Ratio};

/// What a quantity counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Tokens,
    Calls,
}

impl Unit {
    pub fn word(self) -> &'static str {
        match self {
            Unit::Tokens => "tokens",
            Unit::Calls => "calls",
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
    /// The rate relative to the model's input; none where the line has a price of its own.
    pub ratio: Option<Exact>,
    pub usd: Exact,
}

/// The parts of a charge: each class with tokens, then calls and tools. Amounts are before group ratio and multipliers.
pub fn lines(terms: &Terms) -> Vec<ChargeLine> {
    let mut lines: Vec<ChargeLine> = match terms.formula.mode() {
        Mode::Call => vec![call(terms)],
        Mode::Tokens => terms.usage.iter().filter(|(_, n)| *n != 0).map(|(class, n)| token_line(terms, class, n)).collect(),
        Mode::Expression | Mode::Free => Vec::new(),
    };
    lines.extend(terms.surcharges.iter().map(|surcharge| ChargeLine {
        component: surcharge.name.clone(),
        quantity: surcharge.count,
        unit: if surcharge.per == Per::Million { Unit::Tokens } else { Unit::Calls },
        price_per_million: Exact::from(surcharge.price) * (1_000_000 / surcharge.per.number()),
        ratio: None,
        usd: usd(surcharge).normalized(),
    }));
    lines
}

fn call(terms: &Terms) -> ChargeLine {
    ChargeLine {
        component: "call".to_owned(),
        quantity: 1,
        unit: Unit::Calls,
        price_per_million: (Exact::from(terms.price) * 1_000_000).normalized(),
        ratio: None,
        usd: Exact::from(terms.price),
    }
}

fn token_line(terms: &Terms, class: Class, tokens: i64) -> ChargeLine {
    let ratio = (terms.formula.rate_kind(class) == RateKind::Relative).then(|| weighted(terms, class, 1).normalized());
    let per_million = in_usd(points_of(terms, class, 1) * 1_000_000, terms.quota_per_unit);
    let usd = in_usd(points_of(terms, class, tokens), terms.quota_per_unit);
    ChargeLine {
        component: component(class).to_owned(),
        quantity: tokens,
        unit: Unit::Tokens,
        price_per_million: per_million,
        ratio,
        usd,
    }
}

/// Points as USD. 500 000 divides without rest; another `QuotaPerUnit` may not, and then 30 places are shown.
pub(super) fn in_usd(points: Exact, per_unit: Ratio) -> Exact {
    let places = points.decimals() + 30;
    points.divided_by(&Exact::from(per_unit), places).normalized()
}

fn component(class: Class) -> &'static str {
    class.word().trim_end_matches("_tokens")
}
