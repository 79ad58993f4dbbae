//! Values to bytes: one report, in several formats.
//!
//! A [`Report`] is complete; a format only writes it. None of them computes a number that another one computes too.

pub mod calc;
pub mod compare;
pub mod config;
pub mod diff;
pub mod explain;
pub mod formula;
pub mod infer;
pub mod issues;
mod json;
mod table;
mod text;

pub use json::{write_finding, write_json, write_ndjson_end};
pub use table::{Style, write_table};
pub use text::{grouped, points_text, printable, time_text, usd_of, usd_text};

use crate::audit::Summary;
use crate::config::Source;
use crate::exact::{Exact, Ratio};
use crate::profile::Basis;

/// An input as the report names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputInfo {
    pub name: String,
    pub format: &'static str,
    pub rows: u64,
    pub bytes: u64,
}

/// Totals in USD. Inputs may differ in the points of 1 USD, so they are summed apart from the points.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UsdTotals {
    pub charged: Exact,
    pub expected: Exact,
    pub over: Exact,
    pub under: Exact,
    pub unrated: Exact,
}

impl UsdTotals {
    pub fn net(&self) -> Exact {
        self.charged.clone() - self.expected.clone()
    }
}

/// Everything that a report says.
#[derive(Debug)]
pub struct Report {
    pub inputs: Vec<InputInfo>,
    pub sources: Vec<Source>,
    pub basis: Basis,
    /// `auto`, or the profile that was forced.
    pub profile: &'static str,
    pub quota_per_unit: Ratio,
    pub summary: Summary,
    pub usd: UsdTotals,
}

impl Report {
    /// The name of an input, for the place of a row.
    pub fn input_name(&self, input: u32) -> &str {
        self.inputs.get(input as usize).map_or("", |info| info.name.as_str())
    }
}
