//! What else explains rows beside definite causes: two of them at once, and the prices of other models. Both are kept nearly; rows that come near
//! are left to the general way.

use std::sync::Arc;

use super::super::Case;
use super::super::changes::{self, Counted, Make, To};
use super::{Changed, ChangedTo, counted_weights, is_plain};
use crate::audit::cause::Cause;
use crate::exact::Ratio;
use crate::float::estimate::{Sums, Weights};
use crate::pricing::{Formula, Mode, Terms, weights};
use crate::profile::{RelatedModel, Shape};

/// What else explains rows, nearly: those that come near any of it are asked one by one.
#[derive(Clone, Debug)]
pub enum Others {
    /// It is compiled for the first row that no definite cause explains, since most kinds have none.
    Unasked,
    /// It is no sum over counts: all such rows are asked one by one.
    Unknown,
    Sums {
        pairs: Sums,
        /// In a group of ratio 1.
        models: Arc<Sums>,
    },
}

impl Others {
    pub fn of(case: &Case<'_>, singles: &[Changed], right: Weights) -> Others {
        let sums =
            pairs(case, singles, right).and_then(|pairs| Some((Sums::distinct(pairs), case.look.models_nearly(case.terms)?)));
        sums.map_or(Others::Unknown, |(pairs, models)| Others::Sums { pairs, models })
    }
}

/// What two changes at once come to, nearly; none where that is no sum over counts.
fn pairs(case: &Case<'_>, singles: &[Changed], right: Weights) -> Option<Vec<Weights>> {
    let mut found = Pairs { case, singles, sums: Some(Vec::new()) };
    for first in changes::pairable(None) {
        match first.make {
            Make::Tokens(_) => found.add_counted(first.cause, right),
            make => changes::show(case, case.terms, (first.cause, make), &mut case.terms.clone(), &mut |change| {
                let first = found.priced(make, change.to, case.terms);
                first.into_iter().for_each(|(terms, weights)| found.add_behind(change.cause, &terms, weights, None));
            }),
        }
    }
    found.sums
}

/// Collects what pairs come to.
struct Pairs<'p, 'c> {
    case: &'p Case<'c>,
    singles: &'p [Changed],
    sums: Option<Vec<Weights>>,
}

impl Pairs<'_, '_> {
    /// Adds pairs that begin with tokens counted in another way. Which classes have any then is all that prices hang on.
    fn add_counted(&mut self, first: Cause, right: Weights) {
        for counted in counted(self.singles, first) {
            let mut terms = self.case.terms.clone();
            if let Counted::Free(classes) | Counted::Without(classes) = counted {
                classes.iter().for_each(|class| terms.usage[*class] = 0);
            }
            self.add_behind(first, &terms, right, Some(counted));
        }
    }

    /// Adds the pairs of a change with those behind it.
    fn add_behind(&mut self, first: Cause, terms: &Terms, weights: Weights, before: Option<Counted>) {
        // A price per call may be charged so many times, whatever the charge is.
        if terms.formula != Formula::Decimal {
            self.sums = None;
        }
        let with_first = |weights: Weights| before.map_or(weights, |before| counted_weights(weights, before));
        for second in changes::pairable(Some(first)) {
            match second.make {
                Make::Tokens(_) => {
                    let both = counted(self.singles, second.cause).map(|counted| with_first(counted_weights(weights, counted)));
                    self.sums.iter_mut().for_each(|sums| sums.extend(both.clone()));
                }
                make => changes::show(self.case, terms, (second.cause, make), &mut terms.clone(), &mut |change| {
                    let second = self.priced(make, change.to, terms);
                    second
                        .into_iter()
                        .for_each(|(_, weights)| self.sums.iter_mut().for_each(|sums| sums.push(with_first(weights))));
                }),
            }
        }
    }

    /// A change of prices with what they come to, nearly. Others, or those that are no sums, are the end of all.
    fn priced(&mut self, make: Make, to: To<'_>, before: &Terms) -> Option<(Terms, Weights)> {
        let priced = match to {
            To::Terms(terms) if matches!(make, Make::Prices(_)) && is_plain(terms, before) => {
                weights(terms, Shape::CLASSES).map(|weights| (terms.clone(), weights))
            }
            _ => None,
        };
        if priced.is_none() {
            self.sums = None;
        }
        priced
    }
}

/// The other ways to count tokens by a cause.
fn counted(singles: &[Changed], cause: Cause) -> impl Iterator<Item = Counted> + Clone {
    singles.iter().filter(move |change| change.cause == cause).filter_map(|change| match change.to {
        ChangedTo::Tokens(counted) => Some(counted),
        ChangedTo::Prices(_) => None,
    })
}

/// The prices of other models nearly, in a group of ratio 1; none where they are not all sums over tokens.
pub fn models_nearly(models: &[RelatedModel], terms: &Terms) -> Option<Sums> {
    let by_token = Terms { group_ratio: Ratio::ONE, ..terms.clone() };
    let by_call = Terms { formula: Formula::DecimalPrice, ..by_token.clone() };
    let mut changed = [by_token, by_call];
    let of_model = |model: &RelatedModel| {
        let changed = changed.iter_mut().find(|terms| model.is_of_mode(terms))?;
        model.put_into(changed);
        weights(changed, Shape::CLASSES)
    };
    let priced = models.iter().filter(|model| model.mode() != Mode::Free);
    Some(Sums::distinct(priced.map(of_model).collect::<Option<Vec<Weights>>>()?))
}
