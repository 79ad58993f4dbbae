//! Counted rows by the names that sums are broken down by: tokens, users, channels.

use std::collections::HashMap;

use super::bytes::Span;
use super::wrong::Difference;
use crate::audit::{By, Summary};

/// For each breakdown, the sums of each name.
#[derive(Debug, Default)]
pub struct Names(Vec<(By, Sums)>);

type Sums = HashMap<Box<[u8]>, Sum>;

/// Rows with one name. Each was charged less than 2^31 points.
#[derive(Debug, Default)]
struct Sum {
    rows: u64,
    points: i64,
    wrong: u64,
    net: i64,
}

impl Names {
    pub fn new(by: &[By]) -> Names {
        Names(by.iter().map(|by| (*by, Sums::new())).collect())
    }

    /// Counts a row with a name for each breakdown.
    #[inline]
    pub fn add(&mut self, row: &[u8], names: &[Span], charge: Difference) {
        for ((_, sums), name) in self.0.iter_mut().zip(names) {
            let name = name.of(row);
            match sums.get_mut(name) {
                Some(sum) => sum.add(charge),
                None => sums.entry(name.into()).or_default().add(charge),
            }
        }
    }

    /// Adds what was counted to a summary. `told` is what a report calls a name.
    pub fn end(self, summary: &mut Summary, told: &dyn Fn(By, &str) -> String) {
        for (by, sums) in self.0 {
            for (name, sum) in sums {
                let name = told(by, &String::from_utf8_lossy(&name));
                summary.add_plain_of(by, &name, sum.rows, sum.points.into());
                summary.add_plain_wrong_of(by, &name, sum.wrong, sum.net.into());
            }
        }
    }
}

impl Sum {
    fn add(&mut self, charge: Difference) {
        self.rows += 1;
        self.points += charge.charged;
        self.wrong += u64::from(!charge.is_none());
        self.net += charge.charged - charge.expected;
    }
}
