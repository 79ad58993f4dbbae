//! Laisky's one-api: prices by channel, absolute cache ratios, tiers and time windows.

use super::{Context, Rating, Skip};
use crate::details::Details;
use crate::log::{LogEntry, RowError};

/// Rates a row.
pub fn rate(_entry: &LogEntry<'_>, _details: &Details<'_>, _context: &Context<'_>) -> Result<Rating, RowError> {
    Ok(Rating::Skipped(Skip::UnknownType))
}
