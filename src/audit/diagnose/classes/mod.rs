//! What the mismatched rows of a class have in common. Only counts are kept, so classes merge in any order.
//!
//! A class is a model and a group. The cause that explains most of its mismatched rows, and at least two, is the cause of the rows that it explains;
//! those that are left may have another in common ([`election`]).
//!
//! Rows that a definite cause explains are not asked for numbers. They are kept [`aside`] instead, as long as they are few, and asked at
//! the end where other rows of the class have no such cause: then a number that all rows share may be the better explanation. Another
//! number of points for 1 USD is sought over all classes ([`unit`]).

mod agreement;
mod aside;
mod causes;
mod election;
mod explained;
mod open;
mod shared;
mod spans;
mod unit;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::earned::{self, Interval, Wrong};
use super::{CauseSet, Diagnosis};
use crate::audit::cause::{Cause, Causes, Kind};
use crate::audit::{Judged, pairs};
use crate::exact::{Charged, Points, Ratio};
use crate::pricing::{AlikeTerms, Terms};
use agreement::Agreement;
use aside::{Aside, Unasked};
use causes::Chosen;
use election::Elected;
use explained::{ByOwn, Explained};
use open::{Open, OpenRow};
use spans::Spans;
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
    spans: Spans,
    aside: Aside,
    open: Open,
    /// The rows without a definite cause.
    agreement: Agreement,
}

/// In a run with more classes no rows are kept aside.
pub const MOST_CLASSES: usize = 400;

/// So many different numbers are counted in all classes; beyond, a class counts new ones only while it has few.
const MOST_SHARED: usize = 30_000;

const FEW_SHARED: usize = 200;

/// Of one number for all rows the first row tells all that it may be.
const MOST_UNITS: usize = 500;

/// In a run with more spans none are kept.
const MOST_SPANS: usize = 30_000;

/// The classes of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Classes {
    #[serde(with = "pairs")]
    classes: BTreeMap<ClassKey, Class>,
    /// How many different things explain rows, over all classes.
    shared: usize,
    /// How many spans are kept, until there were too many.
    spans: usize,
    are_spans_dropped: bool,
    /// Mismatched rows with a price in USD, and what another number of points for 1 USD would explain of them.
    priced: Unit,
    priced_agreement: Agreement,
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
        self.add_unit(key, judged, diagnosis, told);
        let before = self.classes.len();
        let Some(class) = self.count(key, judged.wrong(), diagnosis, told) else { return };
        if let Some(terms) = judged.terms.as_ref().filter(|_| diagnosis.numbers_unsought && before <= MOST_CLASSES) {
            class.aside.add(own, |aside| (aside.alike(terms), judged.written.clone(), judged.charged), told.clone());
        }
        self.limit(before);
    }

    /// Counts a mismatched row that is not priced in USD, and was asked for numbers.
    pub fn add_asked(&mut self, key: &ClassKey, (terms, charged): (&Terms, Points), diagnosis: &Diagnosis, told: &Told) {
        let before = self.classes.len();
        self.count(key, Some(Wrong { terms, written: &Charged::Points(charged), charged }), diagnosis, told);
        self.limit(before);
    }

    fn count(&mut self, key: &ClassKey, wrong: Option<Wrong<'_>>, diagnosis: &Diagnosis, told: &Told) -> Option<&mut Class> {
        let own = diagnosis.cause();
        let before = self.classes.len();
        if !self.classes.contains_key(key) {
            self.classes.insert(key.clone(), Class::default());
        }
        let class = self.classes.get_mut(key)?;
        class.rows += 1;
        class.by_own.add(own, told);
        if own.kind != Kind::Definite {
            class.agreement.add(own, told, || wrong.map_or_else(Vec::new, earned::ranges));
        }
        let before_row = (class.explained.len(), class.spans.len());
        class.spans.are_dropped = self.are_spans_dropped;
        let wide =
            wrong.filter(|_| !self.are_spans_dropped).map_or_else(Vec::new, |wrong| earned::ranges_of(wrong, &diagnosis.wide));
        let row = OpenRow::of(diagnosis, &wide);
        class.explain_row(&row, told, self.shared < MOST_SHARED || before_row.0 < FEW_SHARED);
        if before > MOST_CLASSES {
            class.close();
        } else if own.kind != Kind::Definite {
            class.open.add(row, told);
        }
        self.shared += class.explained.len() - before_row.0;
        self.spans += class.spans.len() - before_row.1;
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
        class.spans.are_dropped = self.are_spans_dropped;
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
        self.classes.values_mut().for_each(Class::close);
    }

    /// Keeps no more than is allowed, after a row that may have brought a new class.
    fn limit(&mut self, classes_before: usize) {
        if classes_before <= MOST_CLASSES && !self.keeps_aside() {
            self.drop_aside();
        }
        self.are_spans_dropped |= self.spans > MOST_SPANS;
        if self.are_spans_dropped && self.spans > 0 {
            self.drop_spans();
        }
    }

    fn drop_spans(&mut self) {
        self.classes.values_mut().for_each(|class| class.spans.drop_all());
        self.spans = 0;
    }

    fn narrow(&mut self, other: &Interval) {
        match &mut self.within {
            Some(within) => within.narrow(other),
            None => self.within = Some(other.clone()),
        }
    }

    fn add_unit(&mut self, key: &ClassKey, judged: &Judged, diagnosis: &Diagnosis, told: &Told) {
        if !diagnosis.is_priced() {
            return;
        }
        let own = diagnosis.cause();
        self.priced.add(key, own, told);
        self.priced_agreement.add(own, told, || judged.wrong().and_then(earned::unit_range).into_iter().collect());
        if let Some(within) = &diagnosis.unit {
            self.small.add(key, own, told);
            self.narrow(within);
        }
        for number in diagnosis.numbers.iter().filter(|number| number.cause == Cause::QuotaPerUnitDiffers) {
            if self.units.len() < MOST_UNITS || self.units.contains_key(&number.value) {
                self.units.entry(number.value).or_default().add(key, own, told);
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
            class.spans.merge(part.spans);
            class.aside.merge(part.aside);
            class.open.merge(part.open);
        }
        self.spans = self.classes.values().map(|class| class.spans.len()).sum();
        self.are_spans_dropped |= other.are_spans_dropped || self.spans > MOST_SPANS;
        if self.are_spans_dropped {
            self.drop_spans();
        }
        if !self.keeps_aside() {
            self.drop_aside();
        }
        self.priced.merge(other.priced);
        self.priced_agreement.merge(&other.priced_agreement);
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
        if let Some((value, unit)) = unit {
            causes.unit = Some(value);
            let implied = Some(("quota_per_unit".into(), value.to_string()));
            for (key, by_own) in &unit.by_class {
                by_own.0.iter().for_each(|(_, told)| causes.count(UNIT, key, told, implied.clone()));
            }
        }
        for (key, class) in &self.classes {
            self.add_class(key, &class.asked(), unit.map(|(_, unit)| unit), &mut causes);
        }
        causes
    }

    fn add_class(&self, key: &ClassKey, class: &Class, unit: Option<&Unit>, causes: &mut ClassCauses) {
        let mut left = class.by_own.clone();
        let by_unit = unit.and_then(|unit| unit.by_class.get(key));
        by_unit.into_iter().flat_map(|own| &own.0).for_each(|(own, told)| left.take(*own, told));
        let elected = if by_unit.is_none() { class.elected() } else { Vec::new() };
        for elected in elected {
            for (own, told) in &elected.rows.0 {
                causes.count(elected.by.shared.causes, key, told, elected.by.shared.implied());
                left.take(*own, told);
            }
            causes.chosen.entry(key.clone()).or_default().push(class.chosen(elected));
        }
        for (own, told) in left.0.iter().filter(|(_, told)| told.tally.rows > 0) {
            causes.count(*own, key, told, None);
        }
    }

    /// One number of points for 1 USD that explains every row with a USD price, of at least two models.
    fn unit(&self) -> Option<(Ratio, &Unit)> {
        if self.priced.models.len() < 2 || self.priced.is_rounding() {
            return None;
        }
        let may_be = |value: Ratio| self.within.as_ref().is_none_or(|within| within.holds(value));
        let explains_all = |(value, unit): &(&Ratio, &Unit)| unit.rows + self.small.rows == self.priced.rows && may_be(**value);
        let listed = self.units.iter().find(explains_all).map(|(value, _)| *value);
        let agreed = || self.priced_agreement.told_numbers().next()?.0.number.map(|(_, value)| value);
        // A longer number says less than causes that the rows have without any.
        let value = listed.or_else(|| agreed().filter(|_| !self.priced.is_definite()))?;
        Some((value, &self.priced))
    }
}

impl Class {
    /// Whether something is counted already, or is no number: of those there are few.
    fn knows(&self, shared: &Shared) -> bool {
        shared.number.is_none() || self.explained.contains_key(shared)
    }

    /// Keeps no rows.
    fn close(&mut self) {
        self.aside.see(MOST_ASIDE + 1);
        self.open.close();
    }

    /// Counts what explains a row; only what is known already, where there is no room for more.
    fn explain_row(&mut self, row: &OpenRow, told: &Told, has_room: bool) {
        for shared in &row.shared {
            if has_room || self.knows(shared) {
                self.explain(shared.clone(), row.own, told);
            }
        }
        row.spans.iter().for_each(|span| self.spans.add(span.clone(), row.own, told));
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
            listed.iter().filter_map(Shared::as_span).for_each(|span| class.spans.add(span, row.own, &row.told));
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
    fn asked_rows_of<'c>(&'c self, number: &'c Shared) -> impl Iterator<Item = &'c Unasked> {
        let rows = if self.asks() { self.aside.rows() } else { &[] };
        rows.iter().filter(|row| number.is_within(&row.ranges()) || number.is_in(&row.shared()))
    }

    /// What was elected, for its rows.
    fn chosen(&self, Elected { by, equals, among, .. }: Elected) -> Chosen {
        Chosen { by, equals, among, asked: self.asks(), by_spans: !self.spans.are_dropped }
    }
}
