//! Why a charge is wrong.
//!
//! A cause is a change to the terms, and pricing the changed terms either gives the charged amount or not. Definite causes change a
//! number to a known other one; earned causes solve for a free number, which must be a simple one or shared by several rows; pairs are two
//! definite causes at once. What a whole class of rows has in common is counted in [`classes`].

mod changes;
mod classes;
mod earned;

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::rc::Rc;

pub use changes::{Change, To};
pub use classes::{ClassCauses, ClassKey, Classes, Told};
pub use earned::{Number, word};

use super::cause::{Cause, Causes};
use crate::exact::{Charged, Points, Ratio};
use crate::pricing::{Charge, Mode, Slot, Terms, agrees, may_give, price};
use crate::profile::Related;

#[allow(missing_debug_implementations)]
/// A mismatched charge with everything that a cause may look at.
pub struct Case<'c> {
    pub terms: &'c Terms,
    /// What the ratios give that the row itself carries, where they differ.
    pub own: Option<&'c Terms>,
    pub expected: &'c Charge,
    pub written: &'c Charged,
    pub charged: Points,
    /// The prompt as the row logs it.
    pub prompt: i64,
    related: OnceCell<Rc<Related>>,
    other_mode: OnceCell<Option<Terms>>,
    look: &'c dyn Look,
}

/// Where other prices that the config knows are looked up.
pub trait Look {
    fn related(&self, terms: &Terms) -> Rc<Related>;

    /// The row by the other billing mode.
    fn other_mode(&self) -> Option<Terms>;
}

impl<'c> Case<'c> {
    pub fn new(
        terms: &'c Terms,
        own: Option<&'c Terms>,
        expected: &'c Charge,
        (written, charged): (&'c Charged, Points),
        prompt: i64,
        look: &'c dyn Look,
    ) -> Case<'c> {
        Case { terms, own, expected, written, charged, prompt, related: OnceCell::new(), other_mode: OnceCell::new(), look }
    }

    /// Other prices that the config knows. They are looked up once, and only where a cause asks for them.
    fn related(&self) -> &Related {
        self.related.get_or_init(|| self.look.related(self.terms))
    }

    fn other_mode(&self) -> Option<&Terms> {
        self.other_mode.get_or_init(|| self.look.other_mode()).as_ref()
    }

    /// Whether the row prints the gateway's ratio for models without a price.
    fn prints_fallback(&self) -> bool {
        let own = self.own.map(|own| own.model_ratio);
        own.is_some() && own == self.related().fallback
    }

    fn gives(&self, change: &Change) -> bool {
        match &change.to {
            To::Points(points) => *points == self.charged,
            To::Terms(terms) => self.is_given_by(terms),
        }
    }

    fn is_given_by(&self, terms: &Terms) -> bool {
        if !may_give(terms, self.charged) {
            return false;
        }
        let charge = price(terms);
        agrees(terms, &charge, self.written, 0)
    }
}

/// What explains one row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagnosis {
    /// The causes of the row alone that explain it equally: the first is its cause.
    pub causes: Vec<Explanation>,
    /// Numbers that explain it, for the classes: simple ones within what each ratio may be.
    pub numbers: Vec<Number>,
    /// Other models whose price gives the charge; they must be shared by several rows.
    pub models: Vec<String>,
    /// What each ratio would have to be, where nothing explains the row.
    pub implied: Vec<(Slot, Ratio)>,
}

/// A cause with the name or number that it implies.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    pub causes: Causes,
    pub implied: Vec<(&'static str, String)>,
    /// The terms that give the charge; none where it is a number that no terms give.
    pub changed: Option<Box<Terms>>,
}

impl Diagnosis {
    /// Puts a definite cause before all others, unless the gateway's fallback is told already.
    pub fn put_first(&mut self, cause: Cause, changed: Option<Box<Terms>>) {
        let causes = Causes::definite(cause);
        let is_known = |explanation: &Explanation| explanation.causes == causes;
        let fallback = |explanation: &Explanation| explanation.causes.is(Cause::ModelRatioFallback);
        if !self.causes.iter().any(is_known) {
            let at = usize::from(self.causes.first().is_some_and(fallback));
            self.causes.insert(at, Explanation { causes, implied: Vec::new(), changed });
        }
    }

    pub fn cause(&self) -> Causes {
        self.causes.first().map_or(Causes::UNEXPLAINED, |explanation| explanation.causes)
    }

    /// The terms by which causes give the charge, where `implied` is the number that they imply: those of the row's own
    /// explanation, or `terms` with the number that a class agrees on.
    pub fn changed(&self, causes: Causes, implied: &BTreeMap<String, String>, terms: &Terms) -> Option<Terms> {
        let own = self.causes.iter().find(|explanation| explanation.causes == causes);
        if let Some(changed) = own.and_then(|explanation| explanation.changed.as_deref()) {
            return Some(changed.clone());
        }
        let says = |number: &&Number| {
            causes == Causes::earned(number.cause) && implied.get(word(number.slot)) == Some(&number.value.to_string())
        };
        self.numbers.iter().find(says).map(|number| terms.with(number.slot, number.value))
    }
}

/// Finds what explains a case.
pub fn diagnose(case: &Case<'_>) -> Diagnosis {
    let mut causes = singles(case);
    // Another number of points for 1 USD is sought over the whole run, whatever else explains a row.
    let by_usd = case.terms.formula.mode() == Mode::Call || !case.terms.surcharges.is_empty();
    if !causes.is_empty() && !by_usd {
        return Diagnosis { causes, ..Diagnosis::default() };
    }
    let (numbers, implied) = earned::numbers(case);
    let models = other_models(case);
    if causes.is_empty() {
        causes = earned::of_one_row(case.terms, &numbers);
    }
    if causes.is_empty() {
        causes = pairs(case);
    }
    Diagnosis { causes, numbers, models, implied }
}

/// The definite causes that give the charge, each once.
fn singles(case: &Case<'_>) -> Vec<Explanation> {
    let mut found: Vec<Explanation> = Vec::new();
    for change in changes::definite_changes(case) {
        let causes = Causes::definite(change.cause);
        if !found.iter().any(|explanation| explanation.causes == causes) && case.gives(&change) {
            found.push(Explanation { causes, implied: change.implied.into_iter().collect(), changed: change.to.terms() });
        }
    }
    found
}

/// Two definite causes at once.
fn pairs(case: &Case<'_>) -> Vec<Explanation> {
    let mut found: Vec<Explanation> = Vec::new();
    for first in changes::pairable_changes(case, case.terms, None) {
        let To::Terms(terms) = &first.to else { continue };
        for second in changes::pairable_changes(case, terms, Some(first.cause)) {
            let causes = Causes::pair(first.cause, second.cause);
            if !found.iter().any(|explanation| explanation.causes == causes) && case.gives(&second) {
                let implied = first.implied.iter().chain(&second.implied).cloned().collect();
                found.push(Explanation { causes, implied, changed: second.to.terms() });
            }
        }
    }
    found.sort_by_key(|explanation| explanation.causes);
    found
}

/// The models of the config, but the upstream one, whose price gives the charge.
fn other_models(case: &Case<'_>) -> Vec<String> {
    let others = case.related().models.iter().filter(|model| !model.is_upstream);
    let giving = others.filter(|model| model.price(case.terms).is_some_and(|terms| case.is_given_by(&terms)));
    giving.take(MOST_MODELS).map(|model| model.name.clone()).collect()
}

/// A charge that more models than this give says nothing of any of them.
const MOST_MODELS: usize = 8;
