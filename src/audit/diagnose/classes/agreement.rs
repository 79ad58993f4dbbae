//! Numbers on which rows agree, whatever their length.

use serde::{Deserialize, Serialize};

use super::explained::{ByOwn, Told};
use super::shared::Shared;
use crate::audit::Word;
use crate::audit::cause::{Cause, Causes};
use crate::audit::diagnose::earned::{Interval, Range, digits};
use crate::exact::Ratio;

/// Rows, and what all of them together leave each ratio to be: a number of any length may explain them.
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

impl Agreement {
    /// Counts a row. `ranges` are asked for only while anything is left.
    pub fn add(&mut self, own: Causes, told: &Told, ranges: impl FnOnce() -> Vec<Range>) {
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

    /// Those of the numbers that the rows tell by themselves.
    pub fn told_numbers(&self) -> impl Iterator<Item = (Shared, u32)> + '_ {
        self.numbers().filter(|(_, telling)| self.rows >= 2 && *telling >= TELLING)
    }

    /// The numbers with the fewest digits on which all rows agree, with how much that tells.
    pub fn numbers(&self) -> impl Iterator<Item = (Shared, u32)> + '_ {
        self.left.iter().filter_map(|left| {
            let number = left.within.simplest()?;
            Some((Shared::of_number(left.cause, left.word.clone(), number), left.telling(number)))
        })
    }
}

/// Rows that agree on a number by chance are rarer than one in two to this.
pub const TELLING: u32 = 11;

/// How many numbers have as many digits, as a power of two.
fn bits(number: Ratio) -> u32 {
    10u64.saturating_pow(digits(number)).ilog2() + 1
}

impl Left {
    fn of(Range { cause, word, within }: Range) -> Left {
        let told = within.telling();
        Left { cause, word, within, told, most: told }
    }

    /// How much the rows tell beside the number. One row gives it, and the others agree; or it has so few digits that there are few others,
    /// and all of them agree.
    fn telling(&self, number: Ratio) -> u32 {
        self.told.saturating_sub(self.most.min(bits(number)))
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
