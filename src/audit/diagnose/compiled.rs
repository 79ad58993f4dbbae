//! The definite causes of rows of one kind, ready for many rows.
//!
//! Rows of a kind have the same terms but for how many tokens they have. So what a change of prices makes of them is a sum over tokens as
//! well, and is compiled once ([`Compiled`]); a change of tokens is made to the row's own and priced as the right charge is; and a number
//! that follows from the right charge is asked of the general way, if it can come near at all. It is the same list of causes
//! ([`DEFINITE`](changes::DEFINITE)) that the general way goes through, and what is in doubt here is left to it.

use std::rc::Rc;

use super::changes::{self, Counted, Counting, Make, To};
use super::{Case, Diagnosis, Look};
use crate::audit::cause::{Cause, Causes, Kind};
use crate::exact::{Charged, Points};
use crate::float::estimate::{Counts, Weights};
use crate::pricing::{Class, Come, Compiled, Formula, Mode, PerClass, Terms, price};
use crate::profile::{Related, RelatedModel};

/// The definite causes of rows that have tokens of the same classes, and else the same terms.
#[derive(Clone, Debug)]
pub struct CompiledCauses {
    /// Any terms of the kind.
    terms: Terms,
    /// The classes that have tokens, or may get some by a change.
    classes: Box<[Class]>,
    right: Priced,
    changed: Box<[(Cause, Priced)]>,
}

/// Prices, and the same nearly.
#[derive(Clone, Debug)]
struct Priced {
    exactly: Compiled,
    nearly: Weights,
}

/// Definite causes that explain a row, a bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CauseSet(u64);

/// Why a row is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explained {
    pub causes: CauseSet,
    pub expected: Points,
}

/// A row to be explained.
#[derive(Clone, Copy, Debug)]
struct Row<'r> {
    usage: &'r PerClass<i64>,
    prompt: i64,
    charged: Points,
    right: Come,
}

impl CauseSet {
    fn add(&mut self, cause: Cause) {
        self.0 |= 1 << cause as u64;
    }

    fn has(self, cause: Cause) -> bool {
        self.0 & 1 << cause as u64 != 0
    }

    /// The causes of a diagnosis that sought no further; none where it did.
    pub fn of(diagnosis: &Diagnosis) -> Option<CauseSet> {
        let mut set = CauseSet::default();
        for explanation in &diagnosis.causes {
            set.add(Some(explanation.causes).filter(|causes| causes.kind == Kind::Definite)?.first);
        }
        // In another order they are told otherwise.
        let is_in_order = diagnosis.causes.iter().map(|explanation| explanation.causes).eq(set.iter());
        (diagnosis.numbers_unsought && is_in_order).then_some(set)
    }

    /// The causes in their order: the first is the cause.
    pub fn iter(self) -> impl Iterator<Item = Causes> {
        changes::causes().filter(move |cause| self.has(*cause)).map(Causes::definite)
    }
}

impl Priced {
    fn of(terms: &Terms, classes: &[Class]) -> Option<Priced> {
        let exactly = Compiled::of_classes(terms, classes)?;
        let nearly = exactly.weights(classes);
        Some(Priced { exactly, nearly })
    }

    /// Whether tokens come to a charge; none where that cannot be said.
    fn gives(&self, usage: &PerClass<i64>, counts: &Counts, charged: Points) -> Option<bool> {
        if charged.0 < self.exactly.least_points() || (charged.0 > 1 && !self.nearly.estimate(counts).may_round_to(charged)) {
            return Some(false);
        }
        Some(self.exactly.come(usage)?.points == charged.0)
    }
}

impl CompiledCauses {
    /// Compiles the causes of a case; none where its rows must be asked one by one.
    pub fn of(case: &Case<'_>) -> Option<CompiledCauses> {
        let terms = case.terms;
        let is_plain = terms.formula == Formula::Decimal && terms.open.is_empty() && case.own.is_none();
        if !is_plain || !matches!(case.written, Charged::Points(_)) {
            return None;
        }
        let has_tokens = |class: &Class| *class == Class::Input || terms.usage[*class] != 0;
        let classes: Box<[Class]> = Class::ALL.into_iter().filter(has_tokens).collect();
        let right = Priced::of(terms, &classes)?;
        let changed = changed_prices(case, &classes)?.into();
        Some(CompiledCauses { terms: terms.clone(), classes, right, changed })
    }

    /// Why a row with such tokens is charged otherwise than it should be; none where the general way must say it. All classes that
    /// have tokens must be those of the case that was compiled.
    pub fn explain(&self, usage: &PerClass<i64>, prompt: i64, charged: Points) -> Option<Explained> {
        let right = self.right.exactly.come(usage)?;
        let is_by_formula = right.whole >= 1 && right.points == right.whole && right.points < Points::INT32.1.0;
        if charged.0 < 0 || charged >= Points::INT32.1 || !is_by_formula || charged.0 == right.points {
            return None;
        }
        let row = Row { usage, prompt, charged, right };
        let mut causes = CauseSet::default();
        self.add_prices(row, &mut causes)?;
        for definite in changes::DEFINITE {
            match definite.make {
                Make::Tokens(count) if self.is_given_by_tokens(row, count)? => causes.add(definite.cause),
                Make::Points(_) if self.is_given_by_points(row, definite) => causes.add(definite.cause),
                _ => {}
            }
        }
        (causes != CauseSet::default()).then_some(Explained { causes, expected: Points(right.points) })
    }

    fn counts(&self, usage: &PerClass<i64>) -> Counts {
        Counts::of(self.classes.iter().map(|class| usage[*class]))
    }

    fn add_prices(&self, row: Row<'_>, causes: &mut CauseSet) -> Option<()> {
        let counts = self.counts(row.usage);
        for (cause, priced) in &self.changed {
            if !causes.has(*cause) && priced.gives(row.usage, &counts, row.charged)? {
                causes.add(*cause);
            }
        }
        Some(())
    }

    fn is_given_by_tokens(&self, row: Row<'_>, count: Counting) -> Option<bool> {
        let tokens = changes::Tokens { usage: row.usage, prompt: row.prompt, mode: Mode::Tokens };
        let mut found = Some(false);
        count(&tokens, &mut |counted| {
            if found == Some(false) {
                found = self.gives_counted(row, counted);
            }
        });
        found
    }

    fn gives_counted(&self, row: Row<'_>, counted: Counted) -> Option<bool> {
        let usage = match counted {
            Counted::As(usage) => usage,
            Counted::Free(classes) => {
                let mut usage = *row.usage;
                classes.iter().for_each(|class| usage[*class] = 0);
                usage
            }
        };
        let is_free = row.charged.0 == 0 && !changes::is_any_left(&usage, row.prompt);
        if is_free { Some(true) } else { self.right.gives(&usage, &self.counts(&usage), row.charged) }
    }

    /// Only what may be is asked.
    fn is_given_by_points(&self, row: Row<'_>, definite: &changes::Definite) -> bool {
        let may_be = match definite.cause {
            Cause::Rounding => self.may_be_rounding(row),
            Cause::PreConsumedKept => self.may_be_estimate(row),
            Cause::MinimumCharge => row.charged.0 <= 1 || row.right.points <= 1,
            Cause::ZeroCharge => row.charged.0 == 0,
            _ => true,
        };
        may_be && self.is_shown(row, definite)
    }

    fn may_be_rounding(&self, row: Row<'_>) -> bool {
        let amount = self.right.nearly.estimate(&self.counts(row.usage));
        let unit = self.right.nearly.unit(self.terms.model_ratio, self.terms.group_ratio);
        amount.may_round_in_steps_to(row.charged, self.classes.len(), unit)
    }

    fn may_be_estimate(&self, row: Row<'_>) -> bool {
        changes::estimated_tokens(row.prompt).into_iter().any(|tokens| self.right.nearly.part(0, tokens).is_near(row.charged))
    }

    /// Whether the general way finds the charge among the points of a cause.
    fn is_shown(&self, row: Row<'_>, definite: &changes::Definite) -> bool {
        let terms = Terms { usage: *row.usage, ..self.terms.clone() };
        let (expected, written) = (price(&terms), Charged::Points(row.charged));
        let case = Case::new(&terms, None, &expected, (&written, row.charged), row.prompt, &Blind);
        let mut is_shown = false;
        changes::show(&case, &terms, (definite.cause, definite.make), &mut terms.clone(), &mut |change| is_shown |= case.gives(&change));
        is_shown
    }
}

/// The compiled prices of the causes that change prices; none where any change is of another kind.
fn changed_prices(case: &Case<'_>, classes: &[Class]) -> Option<Vec<(Cause, Priced)>> {
    let mut found = Some(Vec::new());
    let mut changed = case.terms.clone();
    for definite in changes::DEFINITE {
        if matches!(definite.make, Make::Tokens(_) | Make::Points(_)) {
            continue;
        }
        let is_of_prices = matches!(definite.make, Make::Prices(_));
        changes::show(case, case.terms, (definite.cause, definite.make), &mut changed, &mut |change| {
            let priced = match change.to {
                To::Terms(terms) if is_of_prices && is_plain(terms, case.terms) => Priced::of(terms, classes),
                _ => None,
            };
            match (&mut found, priced) {
                (Some(found), Some(priced)) => found.push((change.cause, priced)),
                (found, _) => *found = None,
            }
        });
    }
    found
}

/// Whether the row's own tokens are priced, or none at all.
fn is_plain(changed: &Terms, terms: &Terms) -> bool {
    !changed.no_usage && (changed.usage == terms.usage || changed.formula == Formula::DecimalPrice)
}

/// Points follow from the row alone: nothing is looked up for them.
struct Blind;

impl Look for Blind {
    fn related(&self, _: &Terms) -> Rc<Related> {
        Rc::default()
    }

    fn models(&self, _: &Terms) -> Rc<Vec<RelatedModel>> {
        Rc::default()
    }

    fn own_model(&self) -> Option<&str> {
        None
    }

    fn other_mode(&self) -> Option<Terms> {
        None
    }
}
