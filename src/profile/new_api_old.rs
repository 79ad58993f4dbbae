//! new-api of 2024 and 2025, and Veloera, which grew from them.

use super::{Context, Profile, Rating, Skip};
use crate::details::Details;
use crate::log::{LogEntry, RowError};

/// Rates a row.
pub fn rate(_profile: Profile, _entry: &LogEntry<'_>, _details: &Details<'_>, _context: &Context<'_>) -> Result<Rating, RowError> {
    Ok(Rating::Skipped(Skip::UnknownType))
}
