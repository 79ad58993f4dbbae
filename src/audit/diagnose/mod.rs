//! Why a charge is wrong.
//!
//! A cause is a change to the terms, and pricing the changed terms either gives the charged amount or not. Definite causes change a
//! number to a known other one; earned causes solve for a free number, which must be a simple one or shared by several rows; pairs are two
//! definite causes at once. What a whole class of rows has in common is counted in [`classes`].

mod changes;
mod classes;
mod compiled;
mod earned;
mod examples;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

pub use changes::{Change, To};
pub use classes::{ClassCauses, ClassKey, Classes, OfRow, Told};
pub use classes::{MOST_ASIDE, MOST_CLASSES};
pub use compiled::{CauseSet, CompiledCauses, models_nearly};
pub use earned::{Interval, Number, Range, Wrong, word};
pub use examples::Examples;

use earned::{Solved, numbers, solve};

use super::cause::{Cause, Causes};
use super::{Judged, Word};
use crate::exact::{Charged, Points, Ratio};
use crate::float::estimate::Sums;
use crate::pricing::{Charge, Class, Mode, Slot, Terms};
use crate::profile::{Related, RelatedModel};

#[allow(missing_debug_implementations)]
/// A mismatched charge with everything that a cause may look at.
pub struct Case<'c> {
    pub terms: &'c Terms,
    /// What the ratios give that the row itself carries, where they differ.
    pub own: Option<&'c Terms>,
    pub expected: &'c Charge,
    pub written: &'c Charged,
    pub charged: Points,
    /// The prompt as the row logs it, cached and written tokens inside.
    pub prompt: i64,
    related: OnceCell<Rc<Related>>,
    other_mode: OnceCell<Vec<Terms>>,
    tiers: OnceCell<Vec<RelatedModel>>,
    look: &'c dyn Look,
}

/// Where other prices that the config knows are looked up.
pub trait Look {
    fn related(&self, terms: &Terms) -> Rc<Related>;

    /// The prices of all models but the upstream one.
    fn models(&self, terms: &Terms) -> Rc<Vec<RelatedModel>>;

    /// Those prices nearly, in a group of ratio 1; none where they are not all sums over tokens.
    fn models_nearly(&self, terms: &Terms) -> Option<Arc<Sums>> {
        models_nearly(&self.models(terms), terms).map(Arc::new)
    }

    /// The row as if it were one of another model.
    fn as_model(&self, _: &str) -> Option<Terms> {
        None
    }

    /// The model of the row, where its name says how it was priced.
    fn own_model(&self) -> Option<&str>;

    /// The row by the other billing mode, at each price of that which it has.
    fn other_mode(&self, terms: &Terms) -> Vec<Terms>;

    /// The number of images, where it stands in the place of tokens.
    fn images(&self) -> Option<i64> {
        None
    }

    /// The row's price in each tier that its model has, where tiers are no part of the terms.
    fn tiers(&self) -> Vec<RelatedModel> {
        Vec::new()
    }
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
        let (related, other_mode, tiers) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Case { terms, own, expected, written, charged, prompt, related, other_mode, tiers, look }
    }

    /// Other prices that the config knows. They are looked up once, and only where a cause asks for them.
    fn related(&self) -> &Related {
        self.related.get_or_init(|| self.look.related(self.terms))
    }

    fn other_mode(&self) -> &[Terms] {
        self.other_mode.get_or_init(|| self.look.other_mode(self.terms))
    }

    /// The row as if it were one of another model, in its own group.
    fn as_model(&self, name: &str) -> Option<Terms> {
        Some(self.look.as_model(name)?.with(Slot::GroupRatio, self.terms.group_ratio))
    }

    /// The number of images, where terms count these as tokens.
    fn images(&self, terms: &Terms) -> Option<i64> {
        self.look.images().filter(|number| terms.formula.mode() == Mode::Tokens && terms.usage[Class::Input] == *number)
    }

    fn tiers(&self) -> &[RelatedModel] {
        self.tiers.get_or_init(|| self.look.tiers())
    }

    /// Whether the row prints the gateway's ratio for models without a price.
    fn prints_fallback(&self) -> bool {
        let own = self.own.map(|own| own.model_ratio);
        own.is_some() && own == self.related().fallback
    }

    fn gives(&self, change: &Change<'_>) -> bool {
        match change.to {
            To::Points(points) => points == self.charged,
            To::Terms(terms) => self.is_given_by(terms),
        }
    }

    fn is_given_by(&self, terms: &Terms) -> bool {
        self.wrong().is_given_by(terms)
    }

    fn wrong(&self) -> Wrong<'_> {
        Wrong { terms: self.terms, written: self.written, charged: self.charged }
    }
}

/// What explains one row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagnosis {
    /// The causes of the row alone that explain it equally: the first is its cause.
    pub causes: Vec<Explanation>,
    /// Numbers that explain it, for the classes: simple ones within what each ratio may be.
    pub numbers: Vec<Number>,
    /// The numbers were not sought, since a definite cause explains the row. A class may still ask for them.
    pub numbers_unsought: bool,
    /// The ratios of which too many numbers give the charge to list them.
    pub wide: Vec<(Cause, Slot)>,
    /// What the charge leaves those to be, or each where the numbers were not sought; only of a row that was written down, which its terms
    /// are not.
    pub ranges: Vec<Range>,
    /// Other models whose price gives the charge; they must be shared by several rows.
    pub models: Vec<String>,
    /// What each ratio would have to be, where nothing explains the row.
    pub implied: Vec<(Slot, Ratio)>,
    /// What the points for 1 USD may be, where no list of numbers says it.
    pub unit: Option<Interval>,
}

/// A cause with the name or number that it implies.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    pub causes: Causes,
    pub implied: Vec<(Word, String)>,
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

    /// Whether the points for 1 USD enter the charge, and another number of them may give it.
    fn is_priced(&self) -> bool {
        self.implied.iter().any(|(slot, _)| *slot == Slot::QuotaPerUnit)
    }

    /// What causes of the row alone imply.
    pub fn implied_by(&self, causes: Causes) -> Vec<(Word, String)> {
        let own = self.causes.iter().find(|explanation| explanation.causes == causes);
        own.map_or(Vec::new(), |explanation| explanation.implied.clone())
    }

    /// The terms by which causes of the row alone give the charge.
    fn changed(&self, causes: Causes) -> Option<Terms> {
        let own = self.causes.iter().find(|explanation| explanation.causes == causes);
        own.and_then(|explanation| explanation.changed.as_deref()).cloned()
    }
}

impl Judged {
    /// The simple numbers that give a wrong charge, whether they were sought at once or not.
    pub fn numbers(&self) -> Cow<'_, [Number]> {
        let listed = self.diagnosis.as_ref().map_or(&[][..], |diagnosis| &diagnosis.numbers);
        self.unsought().map_or(Cow::Borrowed(listed), |wrong| Cow::Owned(numbers(wrong)))
    }

    /// What a wrong charge leaves each ratio to be whose numbers were not sought, or were too many to list.
    pub fn ranges(&self) -> Cow<'_, [Range]> {
        let Some(diagnosis) = &self.diagnosis else { return Cow::Borrowed(&[]) };
        match self.wrong() {
            Some(wrong) if diagnosis.numbers_unsought => Cow::Owned(earned::ranges(wrong)),
            Some(wrong) => Cow::Owned(earned::ranges_of(wrong, &diagnosis.wide)),
            None => Cow::Borrowed(&diagnosis.ranges),
        }
    }

    /// The wrong charge, if its numbers were not sought.
    fn unsought(&self) -> Option<Wrong<'_>> {
        self.wrong().filter(|_| self.diagnosis.as_ref().is_some_and(|diagnosis| diagnosis.numbers_unsought))
    }

    fn wrong(&self) -> Option<Wrong<'_>> {
        Some(Wrong { terms: self.terms.as_ref()?, written: &self.written, charged: self.charged })
    }

    /// The terms by which causes give the charge, where `implied` is the number that they imply: those of the row's own
    /// explanation, or its terms with the number that a class agrees on.
    pub fn changed(&self, causes: Causes, implied: &BTreeMap<String, String>) -> Option<Terms> {
        let own = self.diagnosis.as_ref()?.changed(causes);
        let says = |number: &&Number| {
            causes == Causes::earned(number.cause) && implied.get(word(number.slot)) == Some(&number.value.to_string())
        };
        let terms = self.terms.as_ref();
        let by_number = || self.numbers().iter().find(says).and_then(|number| Some(terms?.with(number.slot, number.value)));
        own.or_else(by_number).or_else(|| earned::with_implied(terms?, causes, implied))
    }
}

/// Finds what explains a case.
pub fn diagnose(case: &Case<'_>) -> Diagnosis {
    let mut causes = singles(case);
    // Another number of points for 1 USD is sought over the whole run, whatever else explains a row.
    if !causes.is_empty() && !case.terms.is_in_usd() {
        return Diagnosis { causes, numbers_unsought: true, ..Diagnosis::default() };
    }
    let Solved { numbers, wide, implied, unit, .. } = solve(case.wrong());
    let models = other_models(case);
    if causes.is_empty() {
        causes = earned::of_one_row(case.terms, &numbers);
    }
    if causes.is_empty() {
        causes = pairs(case);
    }
    Diagnosis { causes, numbers, wide, models, implied, unit, ..Diagnosis::default() }
}

/// What explains a charge that no definite cause, no pair and no other model's price gives.
pub fn diagnose_by_numbers(terms: &Terms, charged: Points) -> Diagnosis {
    let Solved { numbers, wide, .. } = earned::solve_simply(Wrong { terms, written: &Charged::Points(charged), charged });
    Diagnosis { causes: earned::of_one_row(terms, &numbers), numbers, wide, ..Diagnosis::default() }
}

/// The definite causes that give the charge, each once.
fn singles(case: &Case<'_>) -> Vec<Explanation> {
    let mut found: Vec<Explanation> = Vec::new();
    changes::definite_changes(case, &mut |change| {
        let causes = Causes::definite(change.cause);
        if !is_found(&found, causes) && case.gives(&change) {
            found.push(Explanation { causes, implied: change.told().into_iter().collect(), changed: change.terms() });
        }
    });
    found
}

/// Two definite causes at once.
fn pairs(case: &Case<'_>) -> Vec<Explanation> {
    let mut found: Vec<Explanation> = Vec::new();
    changes::pairable_changes(case, case.terms, None, &mut |first| {
        let To::Terms(terms) = first.to else { return };
        changes::pairable_changes(case, terms, Some(first.cause), &mut |second| {
            let causes = Causes::pair(first.cause, second.cause);
            if !is_found(&found, causes) && case.gives(&second) {
                let implied = first.told().into_iter().chain(second.told()).collect();
                found.push(Explanation { causes, implied, changed: second.terms() });
            }
        });
    });
    found.sort_by_key(|explanation| explanation.causes);
    found
}

fn is_found(found: &[Explanation], causes: Causes) -> bool {
    found.iter().any(|explanation| explanation.causes == causes)
}

/// The models of the config, but the upstream one, whose price gives the charge.
fn other_models(case: &Case<'_>) -> Vec<String> {
    let models = case.look.models(case.terms);
    let own = case.look.own_model();
    let others = || models.iter().filter(|model| own != Some(model.name.as_str()));
    // The terms of one model hold the numbers, or the expression, of all that are priced alike.
    let as_other = |mode: Mode| others().filter(|model| model.mode() == mode).find_map(|model| case.as_model(&model.name));
    let modes = [Mode::Tokens, Mode::Call, Mode::Expression].into_iter().filter(|mode| *mode != case.terms.formula.mode());
    let mut changed: Vec<Terms> = [case.terms.clone()].into_iter().chain(modes.filter_map(as_other)).collect();
    let gives = |model: &&RelatedModel| {
        let Some(changed) = changed.iter_mut().find(|terms| model.is_of_mode(terms)) else { return false };
        model.put_into(changed);
        case.is_given_by(changed)
    };
    others().filter(gives).take(MOST_MODELS).map(|model| model.name.clone()).collect()
}

/// A charge that more models than this give says nothing of any of them.
const MOST_MODELS: usize = 8;
