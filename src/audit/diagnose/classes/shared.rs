//! What several rows may be explained by.

use serde::{Deserialize, Serialize};

use crate::audit::Word;
use crate::audit::cause::{Cause, Causes, Kind};
use crate::audit::diagnose::Diagnosis;
use crate::audit::diagnose::earned::{Interval, Number, Range, word};
use crate::exact::Ratio;

/// Something that may explain several rows: causes, and the number or name that they must agree on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shared {
    pub causes: Causes,
    pub number: Option<(Word, Ratio)>,
    name: Option<Box<str>>,
    /// A number that explains the row, but elects nothing.
    pub is_hint: bool,
}

impl Shared {
    /// Causes that need no number and no name.
    pub fn of(causes: Causes) -> Shared {
        Shared { causes, number: None, name: None, is_hint: false }
    }

    pub fn of_number(cause: Cause, word: Word, number: Ratio) -> Shared {
        Shared { number: Some((word, number)), ..Shared::of(Causes::earned(cause)) }
    }

    /// What explains a row, alone or with others.
    pub fn all(diagnosis: &Diagnosis) -> impl Iterator<Item = Shared> {
        Shared::named(diagnosis).chain(Shared::numbered(&diagnosis.numbers))
    }

    /// What explains a row beside its numbers.
    pub fn named(diagnosis: &Diagnosis) -> impl Iterator<Item = Shared> {
        let of_row = diagnosis.causes.iter().filter(|explanation| explanation.causes.kind != Kind::Earned);
        let of_row = of_row.map(|explanation| Shared::of(explanation.causes));
        of_row.chain(
            diagnosis
                .models
                .iter()
                .map(|model| Shared { name: Some(model.as_str().into()), ..Shared::of(Causes::earned(Cause::ModelPriceOther)) }),
        )
    }

    pub fn numbered(numbers: &[Number]) -> impl Iterator<Item = Shared> {
        let numbers = numbers.iter().filter(|number| number.cause != Cause::QuotaPerUnitDiffers);
        numbers.map(|number| Shared {
            is_hint: number.is_hint,
            ..Shared::of_number(number.cause, word(number.slot).into(), number.value)
        })
    }

    /// The same for rows that elect it.
    pub fn told(&self) -> Shared {
        Shared { is_hint: false, ..self.clone() }
    }

    /// The same for rows that elect nothing.
    pub fn hint(&self) -> Shared {
        Shared { is_hint: true, ..self.clone() }
    }

    /// A number that elects nothing, as all that it may be.
    pub fn as_span(&self) -> Option<Range> {
        let (word, number) = self.number.clone().filter(|_| self.is_hint)?;
        Some(Range { cause: self.causes.first, word, within: Interval::at(number) })
    }

    /// Whether it is among what explains a row.
    pub fn is_in(&self, all: &[Shared]) -> bool {
        all.iter().any(|other| (&other.causes, &other.number, &other.name) == (&self.causes, &self.number, &self.name))
    }

    /// Whether it is a number that lies within what a charge leaves it to be.
    pub fn is_within(&self, ranges: &[Range]) -> bool {
        let Some((word, number)) = &self.number else { return false };
        let is_of = |range: &&Range| range.word == *word && Causes::earned(range.cause) == self.causes;
        ranges.iter().find(is_of).is_some_and(|range| range.within.holds(*number))
    }

    /// How much a charge tells of the number, by what it leaves it to be.
    pub fn telling(&self, ranges: &[Range]) -> u32 {
        let holding = ranges.iter().find(|range| self.is_within(std::slice::from_ref(range)));
        holding.map_or(0, |range| range.within.telling())
    }

    pub fn implied(&self) -> Option<(Word, String)> {
        let number = self.number.as_ref().map(|(key, value)| (key.clone(), value.to_string()));
        number.or_else(|| self.name.as_ref().map(|name| ("model".into(), name.to_string())))
    }
}
