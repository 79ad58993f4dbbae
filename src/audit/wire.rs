//! A finding as data that can be written down and read again, in whatever format serde is given.
//!
//! Everything that reports and classes ask of a finding is in it. Its terms are not: what they say of usage and ratios is
//! written as the words of reports.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use serde::{Deserialize, Serialize};

use super::diagnose::{Diagnosis, Explanation, Interval, Number, Range, word};
use super::finding::{Figures, Finding, Ranked};
use super::{Cause, Causes, Class, Difference, Judged, Policy, Verdict, Word};
use crate::exact::{Charged, Exact, Points, Ratio};
use crate::log::Place;
use crate::pricing::{self, Adjustment, Charge, Rounding, Slot};
use crate::profile::Profile;

/// A finding: an over- or undercharged row.
#[derive(Debug, Serialize, Deserialize)]
pub struct Line {
    place: Place,
    id: String,
    request_id: String,
    time: Option<i64>,
    model: String,
    group: String,
    token: String,
    user: String,
    class: Class,
    profile: Option<Profile>,
    charged: i64,
    expected: Option<Expected>,
    figures: Figures,
    explanation: Explained,
    drift: Vec<Difference>,
    notices: Vec<Policy>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Expected {
    amount: Exact,
    #[serde(with = "RoundingWord")]
    rounding: Rounding,
    adjustment: Option<Adjusted>,
    points: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Rounding", rename_all = "kebab-case")]
enum RoundingWord {
    HalfAway,
    Truncate,
    Ceil,
}

#[derive(Debug, Serialize, Deserialize)]
struct Adjusted(#[serde(with = "AdjustmentWord")] Adjustment);

#[derive(Serialize, Deserialize)]
#[serde(remote = "Adjustment", rename_all = "kebab-case")]
enum AdjustmentWord {
    Minimum,
    NoUsage,
    Saturated,
}

/// What explains the row alone, and what may explain it together with others.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Explained {
    causes: Vec<(Causes, Vec<(Word, String)>)>,
    numbers: Vec<(Cause, SlotWord, Ratio, (bool, bool))>,
    /// The numbers, and what else each may be, count only where the whole class was asked for some.
    numbers_unsought: bool,
    ranges: Vec<Range>,
    models: Vec<String>,
    unit: Option<Interval>,
    implied: Vec<(SlotWord, Ratio)>,
}

/// A slot by the word that reports have for it, which is all that is asked of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
struct SlotWord(Slot);

impl From<SlotWord> for String {
    fn from(slot: SlotWord) -> String {
        word(slot.0).to_owned()
    }
}

impl TryFrom<String> for SlotWord {
    type Error = String;

    fn try_from(text: String) -> Result<SlotWord, String> {
        let plain = [Slot::ModelRatio, Slot::GroupRatio, Slot::Price, Slot::Multiplier(0), Slot::ToolPrice(0), Slot::QuotaPerUnit];
        let rates = pricing::Class::ALL.into_iter().map(Slot::Rate);
        let found = plain.into_iter().chain(rates).find(|slot| word(*slot) == text);
        found.map(SlotWord).ok_or_else(|| format!("no number of a charge is called `{text}`"))
    }
}

impl Explained {
    fn new(diagnosis: Diagnosis, numbers: Vec<Number>, ranges: Vec<Range>) -> Explained {
        let numbers = numbers.into_iter();
        Explained {
            numbers_unsought: diagnosis.numbers_unsought,
            ranges,
            causes: diagnosis.causes.into_iter().map(|explanation| (explanation.causes, explanation.implied)).collect(),
            numbers: numbers
                .map(|number| (number.cause, SlotWord(number.slot), number.value, (number.is_earned, number.is_hint)))
                .collect(),
            models: diagnosis.models,
            unit: diagnosis.unit,
            implied: diagnosis.implied.into_iter().map(|(slot, value)| (SlotWord(slot), value)).collect(),
        }
    }
}

impl From<Explained> for Diagnosis {
    fn from(explained: Explained) -> Diagnosis {
        let causes = explained.causes.into_iter();
        let numbers = explained.numbers.into_iter();
        Diagnosis {
            causes: causes.map(|(causes, implied)| Explanation { causes, implied, changed: None }).collect(),
            numbers: numbers
                .map(|(cause, SlotWord(slot), value, (is_earned, is_hint))| Number { cause, slot, value, is_earned, is_hint })
                .collect(),
            numbers_unsought: explained.numbers_unsought,
            wide: Vec::new(),
            ranges: explained.ranges,
            models: explained.models,
            unit: explained.unit,
            implied: explained.implied.into_iter().map(|(SlotWord(slot), value)| (slot, value)).collect(),
        }
    }
}

fn explained(judged: Judged) -> Explained {
    let (numbers, ranges) = (judged.numbers().into_owned(), judged.ranges().into_owned());
    judged.diagnosis.map_or_else(Explained::default, |diagnosis| Explained::new(diagnosis, numbers, ranges))
}

impl From<Charge> for Expected {
    fn from(charge: Charge) -> Expected {
        Expected {
            amount: charge.amount,
            rounding: charge.rounding,
            adjustment: charge.adjustment.map(Adjusted),
            points: charge.points.0,
        }
    }
}

impl From<Expected> for Charge {
    fn from(expected: Expected) -> Charge {
        Charge {
            amount: expected.amount,
            rounding: expected.rounding,
            adjustment: expected.adjustment.map(|adjusted| adjusted.0),
            points: Points(expected.points),
        }
    }
}

impl From<Finding> for Line {
    fn from(finding: Finding) -> Line {
        let figures = Figures { usage: finding.usage(), ratios: finding.ratios() };
        let judged = finding.verdict.charge;
        let of = |field: fn(&Judged) -> i64| judged.as_deref().map_or(0, field);
        Line {
            place: finding.place,
            id: finding.id,
            request_id: finding.request_id,
            time: finding.time,
            model: finding.model,
            group: finding.group,
            token: finding.token,
            user: finding.user,
            class: finding.verdict.class,
            profile: finding.verdict.profile,
            charged: of(|judged| judged.charged.0),
            figures,
            drift: judged.as_ref().map_or(Vec::new(), |judged| judged.drift.clone()),
            notices: judged.as_ref().map_or(Vec::new(), |judged| judged.notices.clone()),
            expected: judged.as_ref().and_then(|judged| judged.expected.clone()).map(Expected::from),
            explanation: judged.map(|judged| explained(*judged)).unwrap_or_default(),
        }
    }
}

impl From<Line> for Finding {
    fn from(line: Line) -> Finding {
        let judged = Judged {
            charged: Points(line.charged),
            written: Charged::Points(Points(line.charged)),
            terms: None,
            expected: line.expected.map(Charge::from),
            reason: None,
            bounds: None,
            diagnosis: Some(line.explanation.into()),
            drift: line.drift,
            notices: line.notices,
            quirk: None,
        };
        let charge = Some(Box::new(judged));
        Finding {
            place: line.place,
            id: line.id,
            request_id: line.request_id,
            time: line.time,
            model: line.model,
            group: line.group,
            token: line.token,
            user: line.user,
            verdict: Verdict { class: line.class, profile: line.profile, charge, skip: None, noted: None, error: None },
            figures: Some(line.figures),
        }
    }
}

/// The largest findings, in input order: `#[serde(with = "listed")]`.
pub mod listed {
    use serde::{Deserializer, Serializer};

    use super::*;

    type Worst = BinaryHeap<Reverse<Ranked>>;

    pub fn serialize<S: Serializer>(worst: &Worst, to: S) -> Result<S::Ok, S::Error> {
        let mut findings: Vec<&Ranked> = worst.iter().map(|Reverse(ranked)| ranked).collect();
        findings.sort_by_key(|ranked| ranked.order());
        to.collect_seq(findings.into_iter().map(|ranked| &ranked.finding))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Worst, D::Error> {
        let findings = Vec::<Finding>::deserialize(from)?;
        Ok((0..).zip(findings).map(|(number, finding)| Reverse(Ranked { finding, number })).collect())
    }
}

/// Sums by the word of a reason: `#[serde(with = "reasons")]`.
pub mod reasons {
    use std::collections::BTreeMap;

    use serde::de::Error;
    use serde::{Deserializer, Serializer};

    use super::*;
    use crate::pricing::Reason;

    pub fn serialize<V: Serialize, S: Serializer>(reasons: &BTreeMap<Reason, V>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(reasons.iter().map(|(reason, sum)| (reason.word(), sum)))
    }

    pub fn deserialize<'de, V: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<Reason, V>, D::Error> {
        let known = |word: &str| Reason::from_word(word).ok_or_else(|| D::Error::custom(format!("unknown reason `{word}`")));
        let counts = BTreeMap::<String, V>::deserialize(from)?;
        counts.into_iter().map(|(word, sum)| Ok((known(&word)?, sum))).collect()
    }
}
