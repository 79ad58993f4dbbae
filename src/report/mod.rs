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
mod usd;

pub use json::{write_finding, write_findings, write_json, write_ndjson_end};
pub use table::{Style, write_table};
pub use text::{grouped, points_text, printable, time_text, usd_of, usd_text};
pub use usd::{PointSums, UsdTotals};

use std::borrow::Cow;

use crate::audit::Summary;
use crate::config::Source;
use crate::exact::Ratio;
use crate::profile::Basis;

/// An input as the report names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputInfo {
    pub name: String,
    pub format: Cow<'static, str>,
    pub rows: u64,
    pub bytes: u64,
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
