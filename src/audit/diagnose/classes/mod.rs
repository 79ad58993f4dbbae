//! What the mismatched rows of a class have in common. Only counts are kept, so classes merge in any order.
//!
//! A class is a model and a group. The cause that explains most of its mismatched rows, and at least two, is the cause of the rows that it explains.
//!
//! Rows that a definite cause explains are not asked for numbers. They are kept [`aside`] instead, as long as they are few, and asked at
//! the end where other rows of the class have no such cause: then a number that all rows share may be the better explanation. Another
//! number of points for 1 USD is sought over all classes ([`unit`]).

mod agreement;
mod aside;
mod causes;
mod explained;
mod shared;
mod unit;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::earned::{self, Interval, Range, Wrong};
use super::{CauseSet, Diagnosis};
use crate::audit::cause::{Cause, Causes, Kind};
use crate::audit::{Judged, pairs};
use crate::exact::{Charged, Points, Ratio};
use crate::pricing::{AlikeTerms, Slot, Terms};
use agreement::Agreement;
use aside::Aside;
use causes::Chosen;
use explained::{ByOwn, Explained, ExplainedRows};
use unit::{UNIT, Unit};

pub(super) use shared::Shared;

pub use aside::MOST_ASIDE;
pub use causes::{ClassCauses, OfRow};
pub use explained::Told;

/// A model and a group; the model alone where rows carry no group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClassKey {
    pub model: String,
    pub group: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Class {
    rows: u64,
    by_own: ByOwn,
    #[serde(with = "pairs")]
    explained: BTreeMap<Shared, Explained>,
    aside: Aside,
    agreement: Agreement,
}

/// In a run with more classes no rows are kept aside.
pub const MOST_CLASSES: usize = 400;

/// So many different numbers are counted in all classes; beyond, a class counts new ones only while it has few.
const MOST_SHARED: usize = 30_000;

const FEW_SHARED: usize = 200;

/// Of one number for all rows the first row tells all that it may be.
const MOST_UNITS: usize = 500;

/// An earned cause must explain at least one of so many rows of its class.
const EARNED_SHARE: u64 = 5;

/// The classes of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Classes {
    #[serde(with = "pairs")]
    classes: BTreeMap<ClassKey, Class>,
    /// How many different things explain rows, over all classes.
    shared: usize,
    /// Mismatched rows with a price in USD, and what another number of points for 1 USD would explain of them.
    priced_rows: u64,
    #[serde(with = "pairs")]
    units: BTreeMap<Ratio, Unit>,
    /// The rows whose charge is so small that many numbers give it, and what is left for all of them.
    small: Unit,
    within: Option<Interval>,
}

impl Classes {
    /// Counts a mismatched row.
    pub fn add(&mut self, key: &ClassKey, judged: &Judged, diagnosis: &Diagnosis, told: &Told) {
        let own = diagnosis.cause();
        self.add_unit(key, diagnosis, own, told);
        let before = self.classes.len();
        let ranges = || {
            let wrong = judged.terms.as_ref().map(|terms| Wrong { terms, written: &judged.written, charged: judged.charged });
            wrong.map_or_else(Vec::new, earned::ranges)
        };
        let Some(class) = self.count(key, diagnosis, told, ranges) else { return };
        if let Some(terms) = judged.terms.as_ref().filter(|_| diagnosis.numbers_unsought && before <= MOST_CLASSES) {
            class.aside.add(own, |aside| (aside.alike(terms), judged.written.clone(), judged.charged), told.clone());
        }
        if before > MOST_CLASSES {
            class.aside.see(MOST_ASIDE + 1);
        } else if !self.keeps_aside() {
            self.drop_aside();
        }
    }

    /// Counts a mismatched row that is not priced in USD, and was asked for numbers.
    pub fn add_asked(&mut self, key: &ClassKey, (terms, charged): (&Terms, Points), diagnosis: &Diagnosis, told: &Told) {
        self.count(key, diagnosis, told, || earned::ranges(Wrong { terms, written: &Charged::Points(charged), charged }));
    }

    fn count(
        &mut self,
        key: &ClassKey,
        diagnosis: &Diagnosis,
        told: &Told,
        ranges: impl FnOnce() -> Vec<Range>,
    ) -> Option<&mut Class> {
        let own = diagnosis.cause();
        if !self.classes.contains_key(key) {
            self.classes.insert(key.clone(), Class::default());
        }
        let class = self.classes.get_mut(key)?;
        class.rows += 1;
        class.by_own.add(own, told);
        class.agreement.add(own, told, ranges);
        let before_row = class.explained.len();
        let has_room = self.shared < MOST_SHARED || before_row < FEW_SHARED;
        for shared in Shared::all(diagnosis) {
            if has_room || class.knows(&shared) {
                class.explain(shared, own, told);
            }
        }
        self.shared += class.explained.len() - before_row;
        Some(class)
    }

    /// Keeps a row aside that is [counted with others](Classes::add_alike), as long as there are few.
    pub fn keep_aside(&mut self, key: &ClassKey, causes: CauseSet, (terms, charged): (AlikeTerms, Points), told: Told) {
        let keeps_aside = self.keeps_aside();
        let (Some(class), Some(own)) = (self.classes.get_mut(key).filter(|_| keeps_aside), causes.iter().next()) else { return };
        class.aside.add(own, |_| (terms, Charged::Points(charged), charged), told);
    }

    /// Counts rows with the same definite causes. A wrong row must have been [added](Classes::add) to their class before.
    pub fn add_alike(&mut self, key: ClassKey, causes: CauseSet, told: &Told) {
        let Some(own) = causes.iter().next() else { return };
        let class = self.classes.entry(key).or_default();
        class.rows += told.tally.rows;
        class.by_own.add(own, told);
        let before = class.explained.len();
        causes.iter().for_each(|causes| class.explain(Shared::of(causes), own, told));
        self.shared += class.explained.len() - before;
    }

    fn keeps_aside(&self) -> bool {
        self.classes.len() <= MOST_CLASSES
    }

    fn drop_aside(&mut self) {
        self.classes.values_mut().for_each(|class| class.aside.see(MOST_ASIDE + 1));
    }

    fn narrow(&mut self, other: &Interval) {
        match &mut self.within {
            Some(within) => within.narrow(other),
            None => self.within = Some(other.clone()),
        }
    }

    fn add_unit(&mut self, key: &ClassKey, diagnosis: &Diagnosis, own: Causes, told: &Told) {
        let units: Vec<Ratio> =
            diagnosis.numbers.iter().filter(|n| n.cause == Cause::QuotaPerUnitDiffers).map(|n| n.value).collect();
        let is_priced = diagnosis.implied.iter().any(|(slot, _)| *slot == Slot::QuotaPerUnit);
        self.priced_rows += u64::from(is_priced);
        if let Some(within) = diagnosis.unit.as_ref().filter(|_| is_priced) {
            self.small.add(key, own, told);
            self.narrow(within);
        }
        for value in units {
            if self.units.len() < MOST_UNITS || self.units.contains_key(&value) {
                self.units.entry(value).or_default().add(key, own, told);
            }
        }
    }

    /// Adds the counts of another part.
    pub fn merge(&mut self, other: Classes) {
        for (key, part) in other.classes {
            let class = self.classes.entry(key).or_default();
            class.rows += part.rows;
            class.by_own.merge(&part.by_own);
            class.agreement.merge(&part.agreement);
            for (shared, part) in part.explained {
                class.explained.entry(shared).or_default().merge(part);
            }
            class.aside.merge(part.aside);
        }
        if !self.keeps_aside() {
            self.drop_aside();
        }
        self.priced_rows += other.priced_rows;
        for (value, part) in other.units {
            self.units.entry(value).or_default().merge(part);
        }
        self.shared = self.classes.values().map(|class| class.explained.len()).sum();
        self.small.merge(other.small);
        other.within.iter().for_each(|within| self.narrow(within));
    }

    /// The cause of every row.
    pub fn causes(&self) -> ClassCauses {
        let mut causes = ClassCauses::default();
        let unit = self.unit();
        if let Some((value, unit)) = &unit {
            causes.unit = Some(*value);
            let implied = Some(("quota_per_unit".into(), value.to_string()));
            for (key, by_own) in &unit.by_class {
                by_own.0.iter().for_each(|(_, told)| causes.count(UNIT, key, told, implied.clone()));
            }
        }
        for (key, class) in &self.classes {
            self.add_class(key, &class.asked(), unit.as_ref().map(|(_, unit)| unit), &mut causes);
        }
        causes
    }

    fn add_class(&self, key: &ClassKey, class: &Class, unit: Option<&Unit>, causes: &mut ClassCauses) {
        let mut left = class.by_own.clone();
        let by_unit = unit.and_then(|unit| unit.by_class.get(key));
        by_unit.into_iter().flat_map(|own| &own.0).for_each(|(own, told)| left.take(*own, told));
        let best = class.best().filter(|_| by_unit.is_none());
        let by_best = best.map_or(0, |(shared, explained)| explained.rows() + class.hinted(shared).map_or(0, Explained::rows));
        let agreed = class.agreed(by_best).filter(|_| by_unit.is_none());
        let asked = class.asks();
        if let Some((shared, equals)) = agreed {
            let agreeing = class.agreement.by_own.0.iter().map(|(own, told)| (*own, told));
            for (own, told) in agreeing.chain(class.asked_rows_of(&shared)) {
                causes.count(shared.causes, key, told, shared.implied());
                left.take(own, told);
            }
            causes.chosen.insert(key.clone(), Chosen { shared, equals, asked, agreed: true });
        } else if let Some((shared, explained)) = best {
            for explained in [Some(explained), class.hinted(shared)].into_iter().flatten() {
                for (own, told) in &ExplainedRows::from(explained.clone()).by_own.0 {
                    causes.count(shared.causes, key, told, shared.implied());
                    left.take(*own, told);
                }
            }
            causes.chosen.insert(
                key.clone(),
                Chosen { shared: shared.clone(), equals: class.equals(shared, explained), asked, agreed: false },
            );
        }
        for (own, told) in left.0.iter().filter(|(_, told)| told.tally.rows > 0) {
            causes.count(*own, key, told, None);
        }
    }

    /// One number of points for 1 USD that explains every row with a USD price, of at least two models.
    fn unit(&self) -> Option<(Ratio, Unit)> {
        let may_be = |value: Ratio| self.within.as_ref().is_none_or(|within| within.holds(value));
        let enough = self.units.iter().filter(|(value, unit)| unit.rows + self.small.rows == self.priced_rows && may_be(**value));
        let mut all = enough.map(|(value, unit)| {
            let mut unit = unit.clone();
            unit.merge(self.small.clone());
            (*value, unit)
        });
        all.find(|(_, unit)| unit.models.len() > 1 && !unit.is_rounding())
    }
}

impl Class {
    /// Whether something is counted already, or is no number: of those there are few.
    fn knows(&self, shared: &Shared) -> bool {
        shared.number.is_none() || self.explained.contains_key(shared)
    }

    fn explain(&mut self, shared: Shared, own: Causes, told: &Told) {
        self.explained.entry(shared).or_default().add(own, told);
    }

    /// Whether the rows that were kept aside are asked for numbers: where these can matter.
    fn asks(&self) -> bool {
        !self.aside.rows().is_empty() && self.by_own.0.iter().any(|(own, _)| own.kind != Kind::Definite)
    }

    /// The class with what numbers explain of the rows that were kept aside.
    fn asked(&self) -> Cow<'_, Class> {
        if !self.asks() {
            return Cow::Borrowed(self);
        }
        let mut class = self.clone();
        let rows: Vec<_> = self.aside.rows().iter().map(|row| (row, row.shared())).collect();
        for (row, listed) in &rows {
            listed.iter().for_each(|shared| class.explain(shared.clone(), row.own, &row.told));
        }
        // A small charge leaves more numbers than it lists.
        let numbers: Vec<Shared> =
            class.explained.keys().filter(|shared| shared.number.is_some() && !shared.is_hint).cloned().collect();
        for (row, listed) in &rows {
            let ranges = row.ranges();
            let others = numbers.iter().filter(|number| number.is_within(&ranges) && !number.is_in(listed));
            others.for_each(|number| class.explain(number.clone(), row.own, &row.told));
        }
        Cow::Owned(class)
    }

    /// The rows that were kept aside, and asked, which a number explains.
    fn asked_rows_of<'c>(&'c self, number: &'c Shared) -> impl Iterator<Item = (Causes, &'c Told)> {
        let rows = if self.asks() { self.aside.rows() } else { &[] };
        rows.iter().filter(|row| number.is_within(&row.ranges()) || number.is_in(&row.shared())).map(|row| (row.own, &row.told))
    }

    /// Other earned causes that explain as many rows as an earned one.
    fn equals(&self, best: &Shared, explained: &Explained) -> Vec<Shared> {
        let is_equal = |(shared, other): &(&Shared, &Explained)| {
            other.rows() == explained.rows()
                && shared.causes.kind == Kind::Earned
                && shared.causes != best.causes
                && !shared.is_hint
        };
        let others = self.explained.iter().filter(|_| best.causes.kind == Kind::Earned).filter(is_equal);
        others.map(|(shared, _)| shared.clone()).collect()
    }

    /// The number on which all rows without a definite cause agree, where that explains more rows than anything else, with the others on
    /// which they agree.
    fn agreed(&self, explained: u64) -> Option<(Shared, Vec<Shared>)> {
        let mut shared = if self.agreement.rows > explained { self.agreement.shared() } else { Vec::new() }.into_iter();
        Some((shared.next()?, shared.collect()))
    }

    /// The rows that something explains without electing it.
    fn hinted(&self, shared: &Shared) -> Option<&Explained> {
        self.explained.get(&shared.hint())
    }

    /// What explains most rows, and at least two; definite before earned before pairs at equal counts.
    fn best(&self) -> Option<(&Shared, &Explained)> {
        let enough = |(shared, explained): &(&Shared, &Explained)| {
            let rows = explained.rows();
            rows >= 2 && !shared.is_hint && (shared.causes.kind != Kind::Earned || rows * EARNED_SHARE >= self.rows)
        };
        self.explained.iter().filter(enough).min_by(|(a, x), (b, y)| y.rows().cmp(&x.rows()).then_with(|| a.cmp(b)))
    }
}
