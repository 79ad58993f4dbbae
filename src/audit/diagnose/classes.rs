//! What the mismatched rows of a class have in common. Only counts are kept, so classes merge in any order.
//!
//! A class is a model and a group. The cause that explains most of its mismatched rows, and at least two, is the cause of the rows that it explains.
//!
//! Rows that a definite cause explains are not asked for numbers. They are kept aside instead, as long as they are few, and asked at
//! the end where other rows of the class have no such cause: then a number that all rows share may be the better explanation.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::earned::{self, Interval, Number, Range, Wrong, word};
use super::{CauseSet, Diagnosis};
use crate::audit::cause::{Cause, Causes, Kind};
use crate::audit::{Judged, Span, Tally, Word, pairs};
use crate::exact::{Charged, Points, Ratio};
use crate::pricing::{PerClass, Slot, Terms};

/// A model and a group; the model alone where rows carry no group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClassKey {
    pub model: String,
    pub group: String,
}

/// Something that may explain several rows: causes, and the number or name that they must agree on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Shared {
    causes: Causes,
    number: Option<(Word, Ratio)>,
    name: Option<Box<str>>,
    /// A number that explains the row, but elects nothing.
    is_hint: bool,
}

/// Rows with the points and times of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Told {
    pub tally: Tally,
    pub span: Span,
    pub over: u64,
}

impl Told {
    /// A wrong row.
    pub fn one(charged: Points, expected: Points, time: Option<i64>) -> Told {
        let tally = Tally { rows: 1, charged_points: charged.0.into(), expected_points: expected.0.into(), mismatched: 1 };
        Told { tally, span: Span::of(time), over: u64::from(charged > expected) }
    }

    fn merge(&mut self, other: &Told) {
        self.tally.merge(&other.tally);
        self.span.merge(other.span);
        self.over += other.over;
    }

    fn take(&mut self, other: &Told) {
        self.tally.take(&other.tally);
        self.over -= other.over;
    }
}

/// Rows that are explained by something, by the causes that they have alone. There are many such sums, most of few rows with the same
/// causes: those are kept small.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(into = "ExplainedRows", from = "ExplainedRows")]
enum Explained {
    #[default]
    Nothing,
    Few(Few),
    Many(Box<ExplainedRows>),
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct ExplainedRows {
    rows: u64,
    by_own: ByOwn,
}

/// Wrong rows with the same causes, in short numbers.
#[derive(Clone, Copy, Debug)]
struct Few {
    own: Causes,
    rows: u32,
    over: u32,
    charged: i64,
    expected: i64,
    times: Option<(u32, u32)>,
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

/// The rows without a definite cause, and what all of them together leave each ratio to be: a number of any length may explain them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Agreement {
    rows: u64,
    by_own: ByOwn,
    /// What none of them rules out.
    left: Vec<Left>,
}

/// What is left of a ratio.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Left {
    cause: Cause,
    word: Word,
    within: Interval,
    /// How much the rows tell, and the one of them that tells most: it gives the number, and the others agree.
    told: u32,
    most: u32,
}

/// Rows with a definite cause that were not asked for numbers. None is kept once there are too many.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(into = "AsideAsked", from = "AsideAsked")]
struct Aside {
    seen: usize,
    rows: Vec<Unasked>,
}

#[derive(Clone, Debug, PartialEq)]
struct Unasked {
    numbers: Numbers,
    own: Causes,
    told: Told,
}

/// A wrong charge, whose numbers can be sought.
#[derive(Clone, Debug, PartialEq)]
struct Charge {
    /// Without their tokens, so that many rows share them.
    terms: Arc<Terms>,
    usage: PerClass<i64>,
    written: Charged,
    charged: Points,
}

/// What numbers explain a row that was kept aside.
#[derive(Clone, Debug, PartialEq)]
enum Numbers {
    Unsought(Box<Charge>),
    /// Of rows that were written down, which their terms are not.
    Sought(Vec<Shared>),
}

/// The rows that were kept aside, asked: so they can be written down.
#[derive(Serialize, Deserialize)]
struct AsideAsked {
    seen: usize,
    #[serde(with = "pairs")]
    rows: BTreeMap<(Vec<Shared>, Causes), Told>,
}

impl From<Aside> for AsideAsked {
    fn from(aside: Aside) -> AsideAsked {
        let mut rows: BTreeMap<(Vec<Shared>, Causes), Told> = BTreeMap::new();
        aside.rows.iter().for_each(|row| rows.entry((row.shared(), row.own)).or_default().merge(&row.told));
        AsideAsked { seen: aside.seen, rows }
    }
}

impl From<AsideAsked> for Aside {
    fn from(asked: AsideAsked) -> Aside {
        let rows = asked.rows.into_iter().map(|((shared, own), told)| Unasked { numbers: Numbers::Sought(shared), own, told });
        Aside { seen: asked.seen, rows: rows.collect() }
    }
}

impl From<Explained> for ExplainedRows {
    fn from(explained: Explained) -> ExplainedRows {
        match explained {
            Explained::Nothing => ExplainedRows::default(),
            Explained::Few(few) => ExplainedRows { rows: few.rows.into(), by_own: ByOwn(vec![(few.own, few.told())]) },
            Explained::Many(rows) => *rows,
        }
    }
}

impl From<ExplainedRows> for Explained {
    fn from(rows: ExplainedRows) -> Explained {
        let few = if let [(own, told)] = &rows.by_own.0[..] { Few::of(*own, told) } else { None };
        few.map_or_else(|| Explained::Many(Box::new(rows)), Explained::Few)
    }
}

impl PartialEq for Explained {
    fn eq(&self, other: &Explained) -> bool {
        ExplainedRows::from(self.clone()) == ExplainedRows::from(other.clone())
    }
}

/// Rows that agree on a number by chance are rarer than one in two to this.
const TELLING: u32 = 12;

impl Agreement {
    /// Counts a row. `ranges` are asked for only while anything is left.
    fn add(&mut self, own: Causes, told: &Told, ranges: impl FnOnce() -> Vec<Range>) {
        if own.kind == Kind::Definite {
            return;
        }
        let left = if self.rows == 0 || !self.left.is_empty() { ranges().into_iter().map(Left::of).collect() } else { Vec::new() };
        self.merge(&Agreement { rows: told.tally.rows, by_own: ByOwn(vec![(own, told.clone())]), left });
    }

    fn merge(&mut self, other: &Agreement) {
        match (self.rows, other.rows) {
            (_, 0) => return,
            (0, _) => self.left.clone_from(&other.left),
            _ => self.left.retain_mut(|left| left.narrow(&other.left)),
        }
        self.rows += other.rows;
        self.by_own.merge(&other.by_own);
    }

    /// The numbers on which all rows agree, by their causes.
    fn shared(&self) -> Vec<Shared> {
        let telling = self.left.iter().filter(|left| self.rows >= 2 && left.told.saturating_sub(left.most) >= TELLING);
        let mut shared: Vec<Shared> = telling
            .filter_map(|left| {
                let number = Some((left.word.clone(), left.within.simplest()?));
                Some(Shared { causes: Causes::earned(left.cause), number, name: None, is_hint: false })
            })
            .collect();
        shared.sort();
        shared
    }
}

impl Left {
    fn of(Range { cause, word, within }: Range) -> Left {
        let told = within.telling();
        Left { cause, word, within, told, most: told }
    }

    /// Whether anything is left beside what other rows leave.
    fn narrow(&mut self, others: &[Left]) -> bool {
        let Some(other) = others.iter().find(|other| (self.cause, &self.word) == (other.cause, &other.word)) else { return false };
        self.within.narrow(&other.within);
        self.told = self.told.saturating_add(other.told);
        self.most = self.most.max(other.most);
        !self.within.is_empty()
    }
}

impl Explained {
    fn rows(&self) -> u64 {
        match self {
            Explained::Nothing => 0,
            Explained::Few(few) => few.rows.into(),
            Explained::Many(rows) => rows.rows,
        }
    }

    fn add(&mut self, own: Causes, told: &Told) {
        let few = match self {
            Explained::Nothing => Few::of(own, told),
            Explained::Few(few) if few.own == own => few.plus(told),
            _ => None,
        };
        if let Some(few) = few {
            *self = Explained::Few(few);
            return;
        }
        if !matches!(self, Explained::Many(_)) {
            *self = Explained::Many(Box::new(std::mem::take(self).into()));
        }
        if let Explained::Many(rows) = self {
            rows.rows += told.tally.rows;
            rows.by_own.add(own, told);
        }
    }

    fn merge(&mut self, other: Explained) {
        ExplainedRows::from(other).by_own.0.iter().for_each(|(own, told)| self.add(*own, told));
    }
}

impl Few {
    /// None where a number is too long, or not all rows are wrong.
    fn of(own: Causes, told: &Told) -> Option<Few> {
        let Told { tally, span, over } = told;
        let time = |time: i64| u32::try_from(time).ok();
        let times = match (span.first, span.last) {
            (None, None) => None,
            (first, last) => Some((time(first?)?, time(last?)?)),
        };
        let (charged, expected) = (tally.charged_points.try_into().ok()?, tally.expected_points.try_into().ok()?);
        let are_wrong = tally.mismatched == tally.rows;
        let few = Few { own, rows: tally.rows.try_into().ok()?, over: (*over).try_into().ok()?, charged, expected, times };
        are_wrong.then_some(few)
    }

    fn told(&self) -> Told {
        let (charged_points, expected_points) = (self.charged.into(), self.expected.into());
        let tally = Tally { rows: self.rows.into(), charged_points, expected_points, mismatched: self.rows.into() };
        let (first, last) = self.times.unzip();
        Told { tally, span: Span { first: first.map(i64::from), last: last.map(i64::from) }, over: self.over.into() }
    }

    fn plus(&self, told: &Told) -> Option<Few> {
        let mut sum = self.told();
        sum.merge(told);
        Few::of(self.own, &sum)
    }
}

/// More rows of a class are not kept aside.
pub const MOST_ASIDE: usize = 50;

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

/// Rows by the causes that they have alone, in the order of the causes. There are few of these and many such sums, so it is a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct ByOwn(Vec<(Causes, Told)>);

impl ByOwn {
    fn add(&mut self, own: Causes, told: &Told) {
        match self.0.binary_search_by_key(&own, |(own, _)| *own) {
            Ok(at) => self.0[at].1.merge(told),
            Err(at) => {
                self.0.reserve_exact(1);
                self.0.insert(at, (own, told.clone()));
            }
        }
    }

    fn merge(&mut self, other: &ByOwn) {
        other.0.iter().for_each(|(own, told)| self.add(*own, told));
    }

    fn take(&mut self, own: Causes, told: &Told) {
        if let Ok(at) = self.0.binary_search_by_key(&own, |(own, _)| *own) {
            self.0[at].1.take(told);
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Unit {
    rows: u64,
    models: BTreeSet<String>,
    #[serde(with = "pairs")]
    by_class: BTreeMap<ClassKey, ByOwn>,
}

/// The causes of all rows, with what is implied of each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClassCauses {
    chosen: BTreeMap<ClassKey, Chosen>,
    unit: Option<Ratio>,
    pub totals: BTreeMap<Causes, CauseTotal>,
    /// The rows of each cause by class.
    pub by_class: BTreeMap<(Causes, ClassKey), Told>,
}

/// What explains most rows of a class.
#[derive(Clone, Debug, PartialEq)]
struct Chosen {
    shared: Shared,
    /// Other earned causes that explain as many rows.
    equals: Vec<Shared>,
    /// Whether all rows were asked for numbers.
    asked: bool,
    /// All rows without a definite cause agree on it.
    agreed: bool,
}

/// The causes of a row, as its class tells them.
#[derive(Clone, Debug, PartialEq)]
pub struct OfRow {
    pub causes: Causes,
    pub implied: Vec<(Word, String)>,
    /// Earned causes that explain as many rows of the class, and this one.
    pub also: Vec<Causes>,
}

/// Rows with one cause.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CauseTotal {
    pub told: Told,
    pub models: BTreeSet<String>,
    pub groups: BTreeSet<String>,
    pub implied: BTreeMap<Word, String>,
}

impl Shared {
    /// What explains a row, alone or with others.
    pub(super) fn all(diagnosis: &Diagnosis) -> impl Iterator<Item = Shared> {
        Shared::named(diagnosis).chain(Shared::numbered(&diagnosis.numbers))
    }

    /// What explains a row beside its numbers.
    fn named(diagnosis: &Diagnosis) -> impl Iterator<Item = Shared> {
        let of_row = diagnosis.causes.iter().filter(|explanation| explanation.causes.kind != Kind::Earned);
        let of_row = of_row.map(|explanation| Shared { causes: explanation.causes, number: None, name: None, is_hint: false });
        of_row.chain(diagnosis.models.iter().map(|model| Shared {
            causes: Causes::earned(Cause::ModelPriceOther),
            number: None,
            name: Some(model.as_str().into()),
            is_hint: false,
        }))
    }

    fn numbered(numbers: &[Number]) -> impl Iterator<Item = Shared> {
        let numbers = numbers.iter().filter(|number| number.cause != Cause::QuotaPerUnitDiffers);
        numbers.map(|number| Shared {
            causes: Causes::earned(number.cause),
            number: Some((word(number.slot).into(), number.value)),
            name: None,
            is_hint: number.is_hint,
        })
    }

    /// The same for rows that elect nothing.
    fn hint(&self) -> Shared {
        Shared { is_hint: true, ..self.clone() }
    }

    /// Whether it is among what explains a row.
    fn is_in(&self, all: &[Shared]) -> bool {
        all.iter().any(|other| (&other.causes, &other.number, &other.name) == (&self.causes, &self.number, &self.name))
    }

    fn implied(&self) -> Option<(Word, String)> {
        let number = self.number.as_ref().map(|(key, value)| (key.clone(), value.to_string()));
        number.or_else(|| self.name.as_ref().map(|name| ("model".into(), name.to_string())))
    }
}

impl Aside {
    fn add(&mut self, own: Causes, (terms, written, charged): (&Terms, &Charged, Points), told: Told) {
        self.see(1);
        if !self.is_full() {
            let (usage, bare) = (terms.usage, Terms { usage: PerClass::default(), ..terms.clone() });
            let charge = Charge { terms: self.shared(bare), usage, written: written.clone(), charged };
            self.rows.push(Unasked { numbers: Numbers::Unsought(Box::new(charge)), own, told });
        }
    }

    /// The same terms of another row, where there are any.
    fn shared(&self, terms: Terms) -> Arc<Terms> {
        let known = self.rows.iter().rev().find_map(|row| match &row.numbers {
            Numbers::Unsought(charge) if *charge.terms == terms => Some(&charge.terms),
            _ => None,
        });
        known.map_or_else(|| Arc::new(terms), Arc::clone)
    }

    fn merge(&mut self, other: Aside) {
        self.rows.extend(other.rows);
        self.see(other.seen);
    }

    /// Counts rows up to one too many: how many there are beyond does not matter.
    fn see(&mut self, rows: usize) {
        self.seen = self.seen.saturating_add(rows).min(MOST_ASIDE + 1);
        if self.is_full() {
            self.rows = Vec::new();
        }
    }

    fn is_full(&self) -> bool {
        self.seen > MOST_ASIDE
    }
}

impl Unasked {
    /// The numbers that explain the row, for its class.
    fn shared(&self) -> Vec<Shared> {
        match &self.numbers {
            Numbers::Sought(shared) => shared.clone(),
            Numbers::Unsought(charge) => {
                let terms = Terms { usage: charge.usage, ..(*charge.terms).clone() };
                let wrong = Wrong { terms: &terms, written: &charge.written, charged: charge.charged };
                Shared::numbered(&earned::numbers(wrong)).collect()
            }
        }
    }
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
            class.aside.add(own, (terms, &judged.written, judged.charged), told.clone());
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
    pub fn keep_aside(&mut self, key: &ClassKey, causes: CauseSet, charge: (Terms, Points), told: Told) {
        let keeps_aside = self.keeps_aside();
        let (Some(class), Some(own)) = (self.classes.get_mut(key).filter(|_| keeps_aside), causes.iter().next()) else { return };
        class.aside.add(own, (&charge.0, &Charged::Points(charge.1), charge.1), told);
    }

    /// Counts rows with the same definite causes. A wrong row must have been [added](Classes::add) to their class before.
    pub fn add_alike(&mut self, key: ClassKey, causes: CauseSet, told: &Told) {
        let Some(own) = causes.iter().next() else { return };
        let class = self.classes.entry(key).or_default();
        class.rows += told.tally.rows;
        class.by_own.add(own, told);
        let before = class.explained.len();
        causes.iter().for_each(|causes| class.explain(Shared { causes, number: None, name: None, is_hint: false }, own, told));
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
            let class = if self.keeps_aside() { class.asked() } else { Cow::Borrowed(class) };
            self.add_class(key, &class, unit.as_ref().map(|(_, unit)| unit), &mut causes);
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
        if let Some((shared, equals)) = agreed {
            for (own, told) in &class.agreement.by_own.0 {
                causes.count(shared.causes, key, told, shared.implied());
                left.take(*own, told);
            }
            causes.chosen.insert(key.clone(), Chosen { shared, equals, asked: false, agreed: true });
        } else if let Some((shared, explained)) = best {
            for explained in [Some(explained), class.hinted(shared)].into_iter().flatten() {
                for (own, told) in &ExplainedRows::from(explained.clone()).by_own.0 {
                    causes.count(shared.causes, key, told, shared.implied());
                    left.take(*own, told);
                }
            }
            let asked = self.keeps_aside() && class.is_asked();
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

impl Unit {
    fn add(&mut self, key: &ClassKey, own: Causes, told: &Told) {
        self.rows += 1;
        self.models.insert(key.model.clone());
        self.by_class.entry(key.clone()).or_default().add(own, told);
    }

    /// Charges that are all rounded otherwise: some number of points fits those, too.
    fn is_rounding(&self) -> bool {
        self.by_class.values().flat_map(|own| &own.0).all(|(own, _)| own.is(Cause::Rounding))
    }

    fn merge(&mut self, other: Unit) {
        self.rows += other.rows;
        self.models.extend(other.models);
        for (key, by_own) in other.by_class {
            self.by_class.entry(key).or_default().merge(&by_own);
        }
    }
}

const UNIT: Causes = Causes { kind: Kind::Earned, first: Cause::QuotaPerUnitDiffers, second: None };

impl Class {
    /// Whether something is counted already, or is no number: of those there are few.
    fn knows(&self, shared: &Shared) -> bool {
        shared.number.is_none() || self.explained.contains_key(shared)
    }

    fn explain(&mut self, shared: Shared, own: Causes, told: &Told) {
        self.explained.entry(shared).or_default().add(own, told);
    }

    /// The class with the numbers of the rows that were kept aside, where they can matter.
    fn asked(&self) -> Cow<'_, Class> {
        let is_definite = self.by_own.0.iter().all(|(own, _)| own.kind == Kind::Definite);
        if self.aside.rows.is_empty() || is_definite {
            return Cow::Borrowed(self);
        }
        let mut class = self.clone();
        for row in std::mem::take(&mut class.aside.rows) {
            row.shared().into_iter().for_each(|shared| class.explain(shared, row.own, &row.told));
        }
        Cow::Owned(class)
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

    /// Whether the rows that were kept aside have been asked.
    fn is_asked(&self) -> bool {
        self.aside.rows.is_empty() && !self.aside.is_full()
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

impl ClassCauses {
    fn count(&mut self, causes: Causes, key: &ClassKey, told: &Told, implied: Option<(Word, String)>) {
        let total = self.totals.entry(causes).or_default();
        total.told.merge(told);
        self.by_class.entry((causes, key.clone())).or_default().merge(told);
        total.models.insert(key.model.clone());
        total.groups.insert(key.group.clone());
        if let Some((key, value)) = implied {
            let text = total.implied.entry(key).or_default();
            if text.is_empty() {
                *text = value;
            } else if !text.split(", ").any(|known| known == value) && text.matches(", ").count() < 4 {
                *text += &format!(", {value}");
            }
        }
    }

    /// The causes of a row: those of its class if they explain it, else its own.
    pub fn of(&self, key: &ClassKey, judged: &Judged, diagnosis: &Diagnosis) -> OfRow {
        let by_unit = |value: &Ratio| {
            let is_listed = |number: &Number| number.cause == Cause::QuotaPerUnitDiffers && number.value == *value;
            diagnosis.numbers.iter().any(is_listed) || diagnosis.unit.is_some()
        };
        if let Some(value) = self.unit.filter(by_unit) {
            return OfRow { causes: UNIT, implied: vec![("quota_per_unit".into(), value.to_string())], also: Vec::new() };
        }
        let by_class = self.chosen.get(key).and_then(|chosen| chosen.of(judged, diagnosis));
        by_class.unwrap_or_else(|| OfRow {
            causes: diagnosis.cause(),
            implied: diagnosis.implied_by(diagnosis.cause()),
            also: Vec::new(),
        })
    }
}

impl Chosen {
    /// What the class says of a row that it explains.
    fn of(&self, judged: &Judged, diagnosis: &Diagnosis) -> Option<OfRow> {
        if self.agreed {
            let is_one = diagnosis.cause().kind != Kind::Definite;
            return is_one.then(|| OfRow {
                causes: self.shared.causes,
                implied: self.shared.implied().into_iter().collect(),
                also: self.equals.iter().map(|other| other.causes).collect(),
            });
        }
        let asks = self.asked && self.shared.number.is_some();
        let numbers = match diagnosis.numbers_unsought {
            true if !asks => Cow::Borrowed(&[][..]),
            _ => judged.numbers(),
        };
        let all: Vec<Shared> = Shared::named(diagnosis).chain(Shared::numbered(&numbers)).collect();
        let causes = self.shared.causes;
        self.shared.is_in(&all).then(|| OfRow {
            causes,
            implied: self.shared.implied().map_or_else(|| diagnosis.implied_by(causes), |implied| vec![implied]),
            also: self.equals.iter().filter(|other| other.is_in(&all)).map(|other| other.causes).collect(),
        })
    }
}
