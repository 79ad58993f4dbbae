//! one-api: ratios only in the text of a row, float64 rounded up.

use super::{Context, Rating, Skip};
use crate::details::Details;
use crate::log::{LogEntry, RowError};

/// Before November 2023 amounts were cut, since then they are rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    Before,
    Since2023,
}

/// Rates a row.
pub fn rate(_entry: &LogEntry<'_>, _details: &Details<'_>, _context: &Context<'_>, _period: Period) -> Result<Rating, RowError> {
    Ok(Rating::Skipped(Skip::UnknownType))
}
