//! The cause of each class, and of its rows.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::ClassKey;
use super::election::{Among, Candidate};
use super::explained::Told;
use super::shared::Shared;
use super::unit::UNIT;
use crate::audit::cause::{Causes, Kind};
use crate::audit::diagnose::Diagnosis;
use crate::audit::{Judged, Word};
use crate::exact::Ratio;

/// The causes of all rows, with what is implied of each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClassCauses {
    pub chosen: BTreeMap<ClassKey, Vec<Chosen>>,
    pub unit: Option<Ratio>,
    pub totals: BTreeMap<Causes, CauseTotal>,
    /// The rows of each cause by class.
    pub by_class: BTreeMap<(Causes, ClassKey), Told>,
}

/// What explains most rows of a class, or of those that are left.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    pub by: Candidate,
    /// Other earned causes that explain as many rows.
    pub equals: Vec<Candidate>,
    pub among: Among,
    /// Whether the rows that were kept aside were asked for numbers.
    pub asked: bool,
    /// Whether small charges are explained by all that they leave a ratio to be.
    pub by_spans: bool,
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
        if let Some(value) = self.unit.filter(|_| diagnosis.is_priced()) {
            return OfRow { causes: UNIT, implied: vec![("quota_per_unit".into(), value.to_string())], also: Vec::new() };
        }
        let by_class = self.chosen.get(key).into_iter().flatten().find_map(|chosen| chosen.of(judged, diagnosis));
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
        let own = diagnosis.cause();
        let asks = self.asked && self.by.shared.number.is_some();
        let is_listed = !diagnosis.numbers_unsought || asks;
        let has_ranges = if diagnosis.numbers_unsought { asks } else { self.by_spans };
        let numbers = if is_listed { judged.numbers() } else { Cow::Borrowed(&[][..]) };
        let ranges = if has_ranges { judged.ranges() } else { Cow::Borrowed(&[][..]) };
        let all: Vec<Shared> = Shared::named(diagnosis).chain(Shared::numbered(&numbers)).collect();
        let agrees = |candidate: &Candidate| candidate.agreed && own.kind != Kind::Definite;
        let is_of =
            |candidate: &Candidate| agrees(candidate) || candidate.shared.is_in(&all) || candidate.shared.is_within(&ranges);
        let causes = self.by.shared.causes;
        (self.among.has(own) && is_of(&self.by)).then(|| OfRow {
            causes,
            implied: self.by.shared.implied().map_or_else(|| diagnosis.implied_by(causes), |implied| vec![implied]),
            also: self.equals.iter().filter(|other| is_of(other)).map(|other| other.shared.causes).collect(),
        })
    }
}
