//! Numbers on which all rows of a class agree, whatever their length.

use serde::{Deserialize, Serialize};

use super::explained::{ByOwn, Told};
use super::shared::Shared;
use crate::audit::Word;
use crate::audit::cause::{Cause, Causes, Kind};
use crate::audit::diagnose::earned::{Interval, Range};

/// The rows without a definite cause, and what all of them together leave each ratio to be: a number of any length may explain them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    pub rows: u64,
    pub by_own: ByOwn,
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

/// Rows that agree on a number by chance are rarer than one in two to this.
const TELLING: u32 = 12;

impl Agreement {
    /// Counts a row. `ranges` are asked for only while anything is left.
    pub fn add(&mut self, own: Causes, told: &Told, ranges: impl FnOnce() -> Vec<Range>) {
        if own.kind == Kind::Definite {
            return;
        }
        let left = if self.rows == 0 || !self.left.is_empty() { ranges().into_iter().map(Left::of).collect() } else { Vec::new() };
        self.merge(&Agreement { rows: told.tally.rows, by_own: ByOwn(vec![(own, told.clone())]), left });
    }

    pub fn merge(&mut self, other: &Agreement) {
        match (self.rows, other.rows) {
            (_, 0) => return,
            (0, _) => self.left.clone_from(&other.left),
            _ => self.left.retain_mut(|left| left.narrow(&other.left)),
        }
        self.rows += other.rows;
        self.by_own.merge(&other.by_own);
    }

    /// The numbers on which all rows agree, by their causes.
    pub fn shared(&self) -> Vec<Shared> {
        let telling = self.left.iter().filter(|left| self.rows >= 2 && left.told.saturating_sub(left.most) >= TELLING);
        let mut shared: Vec<Shared> =
            telling.filter_map(|left| Some(Shared::of_number(left.cause, left.word.clone(), left.within.simplest()?))).collect();
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
