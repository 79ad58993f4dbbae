//! The cause of each class, and of its rows.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::ClassKey;
use super::explained::Told;
use super::shared::Shared;
use super::unit::UNIT;
use crate::audit::cause::{Cause, Causes, Kind};
use crate::audit::diagnose::Diagnosis;
use crate::audit::diagnose::earned::Number;
use crate::audit::{Judged, Word};
use crate::exact::Ratio;

/// The causes of all rows, with what is implied of each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClassCauses {
    pub chosen: BTreeMap<ClassKey, Chosen>,
    pub unit: Option<Ratio>,
    pub totals: BTreeMap<Causes, CauseTotal>,
    /// The rows of each cause by class.
    pub by_class: BTreeMap<(Causes, ClassKey), Told>,
}

/// What explains most rows of a class.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    pub shared: Shared,
    /// Other earned causes that explain as many rows.
    pub equals: Vec<Shared>,
    /// Whether the rows that were kept aside were asked for numbers.
    pub asked: bool,
    /// All rows without a definite cause agree on it.
    pub agreed: bool,
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

impl ClassCauses {
    pub fn count(&mut self, causes: Causes, key: &ClassKey, told: &Told, implied: Option<(Word, String)>) {
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
        let agrees = self.agreed && diagnosis.cause().kind != Kind::Definite;
        let asks = self.asked && self.shared.number.is_some();
        let is_listed = !diagnosis.numbers_unsought || asks;
        let numbers = if is_listed { judged.numbers() } else { Cow::Borrowed(&[][..]) };
        let ranges = if diagnosis.numbers_unsought && asks { judged.ranges() } else { Cow::Borrowed(&[][..]) };
        let all: Vec<Shared> = Shared::named(diagnosis).chain(Shared::numbered(&numbers)).collect();
        let is_of = |shared: &Shared| agrees || shared.is_in(&all) || shared.is_within(&ranges);
        let causes = self.shared.causes;
        is_of(&self.shared).then(|| OfRow {
            causes,
            implied: self.shared.implied().map_or_else(|| diagnosis.implied_by(causes), |implied| vec![implied]),
            also: self.equals.iter().filter(|other| is_of(other)).map(|other| other.causes).collect(),
        })
    }
}
