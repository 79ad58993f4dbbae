//! Values to bytes: one report, in several formats.
//!
//! A [`Report`] is complete. A [`View`] of it computes every number that is shown, and each [`Format`] writes the view; none computes a
//! number itself.

pub mod calc;
pub mod check;
pub mod compare;
pub mod config;
pub mod csv;
pub mod diff;
pub mod explain;
pub mod formula;
pub mod github;
pub mod html;
pub mod infer;
pub mod issues;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod sarif;
pub mod table;
mod text;
mod usd;
pub mod view;
mod xml;

pub use text::{JsonText, grouped, points_text, printable, time_text, usd_of, usd_text};
pub use usd::{PointSums, UsdTotals};

use std::borrow::Cow;
use std::io::{self, Write};

use view::{FindingPart, View};

use crate::audit::{By, Summary};
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
    /// The breakdowns that were asked for; the summary may keep more of them.
    pub by: Vec<By>,
}

/// One format of a report.
pub trait Format {
    /// Whether it writes every row as it is read.
    fn streams(&self) -> bool {
        false
    }

    /// Writes a row, in input order.
    fn row(&mut self, _row: &FindingPart<'_>, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    /// Writes what is known at the end of the run.
    fn end(&mut self, view: &View<'_>, out: &mut dyn Write) -> io::Result<()>;
}

impl Report {
    /// The name of an input, for the place of a row.
    pub fn input_name(&self, input: u32) -> &str {
        self.inputs.get(input as usize).map_or("", |info| info.name.as_str())
    }

    /// Writes it in one format.
    pub fn write(&self, format: &mut dyn Format, out: &mut dyn Write) -> io::Result<()> {
        format.end(&View::new(self, self.summary.causes()), out)
    }
}
