//! What the mismatched rows of a class have in common. Only counts are kept, so classes merge in any order.
//!
//! A class is a model and a group. The cause that explains most of its mismatched rows, and at least two, is the cause of the rows that it explains.

use std::collections::{BTreeMap, BTreeSet};

use super::Diagnosis;
use super::earned::word;
use crate::audit::cause::{Cause, Causes, Kind};
use crate::audit::{Span, Tally};
use crate::exact::Ratio;

/// A model and a group; the model alone where rows carry no group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassKey {
    pub model: String,
    pub group: String,
}

/// Something that may explain several rows: causes, and the number or name that they must agree on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shared {
    causes: Causes,
    number: Option<(&'static str, Ratio)>,
    name: Option<String>,
}

/// Rows with the points and times of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    pub tally: Tally,
    pub span: Span,
    pub over: u64,
}

impl Told {
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

/// Rows that are explained by something, by the causes that they have alone.
#[derive(Clone, Debug, Default, PartialEq)]
struct Explained {
    rows: u64,
    by_own: BTreeMap<Causes, Told>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Class {
    rows: u64,
    by_own: BTreeMap<Causes, Told>,
    explained: BTreeMap<Shared, Explained>,
}

/// So many different numbers are counted in a class; further ones are not.
const MOST_SHARED: usize = 20_000;

/// An earned cause must explain at least one of so many rows of its class.
const EARNED_SHARE: u64 = 5;

/// The classes of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Classes {
    classes: BTreeMap<ClassKey, Class>,
    /// Mismatched rows with a price in USD, and what another number of points for 1 USD would explain of them.
    priced_rows: u64,
    units: BTreeMap<Ratio, Unit>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Unit {
    rows: u64,
    models: BTreeSet<String>,
    by_class: BTreeMap<ClassKey, BTreeMap<Causes, Told>>,
}

/// The causes of all rows, with what is implied of each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClassCauses {
    chosen: BTreeMap<ClassKey, Shared>,
    unit: Option<Ratio>,
    pub totals: BTreeMap<Causes, CauseTotal>,
    /// The rows of each cause by class.
    pub by_class: BTreeMap<(Causes, ClassKey), Told>,
}

/// Rows with one cause.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CauseTotal {
    pub told: Told,
    pub models: BTreeSet<String>,
    pub groups: BTreeSet<String>,
    pub implied: BTreeMap<&'static str, String>,
}

impl Shared {
    pub(super) fn all(diagnosis: &Diagnosis) -> Vec<Shared> {
        let of_row = diagnosis.causes.iter().filter(|explanation| explanation.causes.kind != Kind::Earned);
        let mut all: Vec<Shared> =
            of_row.map(|explanation| Shared { causes: explanation.causes, number: None, name: None }).collect();
        let numbers = diagnosis.numbers.iter().filter(|number| number.cause != Cause::QuotaPerUnitDiffers);
        all.extend(numbers.map(|number| Shared {
            causes: Causes::earned(number.cause),
            number: Some((word(number.slot), number.value)),
            name: None,
        }));
        all.extend(diagnosis.models.iter().map(|model| Shared {
            causes: Causes::earned(Cause::ModelPriceOther),
            number: None,
            name: Some(model.clone()),
        }));
        all
    }

    fn implied(&self) -> Option<(&'static str, String)> {
        let number = self.number.map(|(key, value)| (key, value.to_string()));
        number.or_else(|| self.name.as_ref().map(|name| ("model", name.clone())))
    }
}

impl Classes {
    /// Counts a mismatched row.
    pub fn add(&mut self, key: ClassKey, diagnosis: &Diagnosis, told: &Told) {
        let own = diagnosis.cause();
        self.add_unit(&key, diagnosis, own, told);
        let class = self.classes.entry(key).or_default();
        class.rows += 1;
        class.by_own.entry(own).or_default().merge(told);
        for shared in Shared::all(diagnosis) {
            if class.explained.len() < MOST_SHARED || class.explained.contains_key(&shared) {
                let explained = class.explained.entry(shared).or_default();
                explained.rows += 1;
                explained.by_own.entry(own).or_default().merge(told);
            }
        }
    }

    fn add_unit(&mut self, key: &ClassKey, diagnosis: &Diagnosis, own: Causes, told: &Told) {
        let units: Vec<Ratio> =
            diagnosis.numbers.iter().filter(|n| n.cause == Cause::QuotaPerUnitDiffers).map(|n| n.value).collect();
        let is_priced = diagnosis.implied.iter().any(|(slot, _)| *slot == crate::pricing::Slot::QuotaPerUnit);
        self.priced_rows += u64::from(is_priced);
        for value in units {
            if self.units.len() < MOST_SHARED || self.units.contains_key(&value) {
                let unit = self.units.entry(value).or_default();
                unit.rows += 1;
                unit.models.insert(key.model.clone());
                unit.by_class.entry(key.clone()).or_default().entry(own).or_default().merge(told);
            }
        }
    }

    /// Adds the counts of another part.
    pub fn merge(&mut self, other: Classes) {
        for (key, part) in other.classes {
            let class = self.classes.entry(key).or_default();
            class.rows += part.rows;
            part.by_own.iter().for_each(|(own, told)| class.by_own.entry(*own).or_default().merge(told));
            for (shared, part) in part.explained {
                let explained = class.explained.entry(shared).or_default();
                explained.rows += part.rows;
                part.by_own.iter().for_each(|(own, told)| explained.by_own.entry(*own).or_default().merge(told));
            }
        }
        self.priced_rows += other.priced_rows;
        for (value, part) in other.units {
            let unit = self.units.entry(value).or_default();
            unit.rows += part.rows;
            unit.models.extend(part.models);
            for (key, by_own) in part.by_class {
                let sums = unit.by_class.entry(key).or_default();
                by_own.iter().for_each(|(own, told)| sums.entry(*own).or_default().merge(told));
            }
        }
    }

    /// The cause of every row.
    pub fn causes(&self) -> ClassCauses {
        let mut causes = ClassCauses::default();
        let unit = self.unit();
        if let Some((value, unit)) = unit {
            causes.unit = Some(value);
            let implied = Some(("quota_per_unit", value.to_string()));
            for (key, by_own) in &unit.by_class {
                by_own.values().for_each(|told| causes.count(UNIT, key, told, implied.clone()));
            }
        }
        for (key, class) in &self.classes {
            self.add_class(key, class, unit.map(|(_, unit)| unit), &mut causes);
        }
        causes
    }

    fn add_class(&self, key: &ClassKey, class: &Class, unit: Option<&Unit>, causes: &mut ClassCauses) {
        let mut left = class.by_own.clone();
        let by_unit = unit.and_then(|unit| unit.by_class.get(key));
        by_unit.into_iter().flatten().for_each(|(own, told)| take(&mut left, *own, told));
        if let Some((shared, explained)) = class.best().filter(|_| by_unit.is_none()) {
            for (own, told) in &explained.by_own {
                causes.count(shared.causes, key, told, shared.implied());
                take(&mut left, *own, told);
            }
            causes.chosen.insert(key.clone(), shared.clone());
        }
        for (own, told) in left.iter().filter(|(_, told)| told.tally.rows > 0) {
            causes.count(*own, key, told, None);
        }
    }

    /// One number of points for 1 USD that explains every row with a USD price, of at least two models.
    fn unit(&self) -> Option<(Ratio, &Unit)> {
        let explains = |unit: &&Unit| unit.rows == self.priced_rows && unit.models.len() > 1;
        self.units.iter().map(|(value, unit)| (*value, unit)).find(|(_, unit)| explains(unit))
    }
}

const UNIT: Causes = Causes { kind: Kind::Earned, first: Cause::QuotaPerUnitDiffers, second: None };

fn take(left: &mut BTreeMap<Causes, Told>, own: Causes, told: &Told) {
    if let Some(sum) = left.get_mut(&own) {
        sum.take(told);
    }
}

impl Class {
    /// What explains most rows, and at least two; definite before earned before pairs at equal counts.
    fn best(&self) -> Option<(&Shared, &Explained)> {
        let enough = |(shared, explained): &(&Shared, &Explained)| {
            explained.rows >= 2 && (shared.causes.kind != Kind::Earned || explained.rows * EARNED_SHARE >= self.rows)
        };
        self.explained.iter().filter(enough).min_by(|(a, x), (b, y)| y.rows.cmp(&x.rows).then_with(|| a.cmp(b)))
    }
}

impl ClassCauses {
    fn count(&mut self, causes: Causes, key: &ClassKey, told: &Told, implied: Option<(&'static str, String)>) {
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
    pub fn of(&self, key: &ClassKey, diagnosis: &Diagnosis) -> (Causes, Vec<(&'static str, String)>) {
        let by_unit = |value: &Ratio| {
            diagnosis.numbers.iter().any(|number| number.cause == Cause::QuotaPerUnitDiffers && number.value == *value)
        };
        if let Some(value) = self.unit.filter(by_unit) {
            return (UNIT, vec![("quota_per_unit", value.to_string())]);
        }
        let shared = self.chosen.get(key).filter(|shared| Shared::all(diagnosis).contains(shared));
        let own = |causes: Causes| {
            let explanation = diagnosis.causes.iter().find(|explanation| explanation.causes == causes);
            explanation.map_or(Vec::new(), |explanation| explanation.implied.clone())
        };
        match shared {
            Some(shared) => (shared.causes, shared.implied().map_or_else(|| own(shared.causes), |implied| vec![implied])),
            None => (diagnosis.cause(), own(diagnosis.cause())),
        }
    }
}
