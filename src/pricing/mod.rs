//! The pure core: what a charge depends on ([`Terms`]), and what it is ([`Charge`]).
//!
//! A [`Terms`] is complete: usage by class, rates, group ratio, formula, rounding rules. Pricing it needs nothing else and
//! never asks which gateway it came from. What a log leaves open stands in the terms too, as a presumption with
//! the other values it may have ([`Open`]), so that [`judge`] can say `unrated` with bounds where nothing is known for sure.
//!
//! ```
//! use quota::exact::{Points, Ratio};
//! use quota::pricing::{Class, Terms, price};
//! // 62 uncached and 3072 cached tokens at cache ratio 1, 1193 output tokens, 0.25 $ and 2 $ per 1M tokens.
//! let mut terms = Terms::tokens(Ratio::new(125, -3), Ratio::ONE);
//! terms.add(Class::Input, 62, Ratio::ONE);
//! terms.add(Class::Cached, 3072, Ratio::ONE);
//! terms.add(Class::Output, 1193, Ratio::from(8));
//! assert_eq!(price(&terms).points, Points(1585));
//! ```

mod changes;
mod compiled;
mod estimate;
mod in_decimals;
mod in_floats;
mod judge;
mod lines;
mod one_hub;
mod open;
mod price;
mod ready;
mod terms;
mod usage;

pub use changes::tiers;
pub use compiled::{Come, Compiled, Only, Ruled};
pub use estimate::{estimate, may_give, weights};
pub use in_floats::{as_priced, expression_variables};
pub use judge::{Judgement, Standing, agrees, judge};
pub use lines::{ChargeLine, Unit, lines};
pub use open::{Allowed, Open, Reason, Slot, bounds};
pub use price::{Adjustment, Charge, Rounding, outcome, price, weighted};
pub use ready::Ready;
pub use terms::{
    After, AlikeTerms, Factor, FloatRounding, Formula, Minimum, Mode, Multiplier, OneHubRules, Per, Product, QUOTA_PER_UNIT, Sum,
    Surcharge, Terms, Tiered,
};
pub use usage::{Class, PerClass};
