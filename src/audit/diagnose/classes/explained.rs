//! Sums of wrong rows, by the causes that they have alone.

use serde::{Deserialize, Serialize};

use crate::audit::cause::Causes;
use crate::audit::{Span, Tally};
use crate::exact::Points;

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

    pub fn merge(&mut self, other: &Told) {
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
pub enum Explained {
    #[default]
    Nothing,
    Few(Few),
    Many(Box<ExplainedRows>),
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExplainedRows {
    rows: u64,
    pub by_own: ByOwn,
}

/// Wrong rows with the same causes, in short numbers.
#[derive(Clone, Copy, Debug)]
pub struct Few {
    own: Causes,
    rows: u32,
    over: u32,
    charged: i64,
    expected: i64,
    times: Option<(u32, u32)>,
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

impl Explained {
    pub fn rows(&self) -> u64 {
        match self {
            Explained::Nothing => 0,
            Explained::Few(few) => few.rows.into(),
            Explained::Many(rows) => rows.rows,
        }
    }

    pub fn add(&mut self, own: Causes, told: &Told) {
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

    /// Those rows alone whose own causes are asked for.
    pub fn only(&self, is_asked: impl Fn(Causes) -> bool) -> Explained {
        let mut only = Explained::Nothing;
        ExplainedRows::from(self.clone()).by_own.only(is_asked).0.iter().for_each(|(own, told)| only.add(*own, told));
        only
    }

    pub fn merge(&mut self, other: Explained) {
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

/// Rows by the causes that they have alone, in the order of the causes. There are few of these and many such sums, so it is a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ByOwn(pub Vec<(Causes, Told)>);

impl ByOwn {
    pub fn add(&mut self, own: Causes, told: &Told) {
        match self.0.binary_search_by_key(&own, |(own, _)| *own) {
            Ok(at) => self.0[at].1.merge(told),
            Err(at) => {
                self.0.reserve_exact(1);
                self.0.insert(at, (own, told.clone()));
            }
        }
    }

    pub fn merge(&mut self, other: &ByOwn) {
        other.0.iter().for_each(|(own, told)| self.add(*own, told));
    }

    pub fn rows(&self) -> u64 {
        self.0.iter().map(|(_, told)| told.tally.rows).sum()
    }

    /// Those rows alone whose own causes are asked for.
    pub fn only(&self, is_asked: impl Fn(Causes) -> bool) -> ByOwn {
        ByOwn(self.0.iter().filter(|(own, _)| is_asked(*own)).cloned().collect())
    }

    pub fn take(&mut self, own: Causes, told: &Told) {
        if let Ok(at) = self.0.binary_search_by_key(&own, |(own, _)| *own) {
            self.0[at].1.take(told);
        }
    }
}
