//! A row that new-api of 2025 or of 2024 may have written: without its details nothing tells the two apart.
//!
//! 2025 is presumed. The rules of 2024 are a second reading, open beside it.

use super::{Context, Profile, Rated, Rating, new_api_old, recognise};
use crate::details::Details;
use crate::log::LogEntry;
use crate::pricing::{Allowed, Open, Reason, Terms, judge, price};

/// What a row that was recognised as one of 2025 would be charged by the rules of 2024; none where it tells that it is none of those.
pub fn second_reading(profile: Profile, entry: &LogEntry<'_>, details: &Details<'_>, context: &Context<'_>) -> Option<Terms> {
    // Nothing was cached in 2024, and its rows had a text.
    let has_cached = entry.tokens.cached.is_some_and(|tokens| tokens != 0);
    let may_be = profile == Profile::NewApi2025 && details.is_empty() && recognise::is_undecided(entry, details, profile);
    if !may_be || has_cached || entry.content.is_empty() {
        return None;
    }
    match new_api_old::rate(Profile::NewApi2024, entry, details, context) {
        Ok(Rating::Charge(rated)) => rated.terms.ok(),
        _ => None,
    }
}

impl Rated {
    /// Opens another reading, unless both give the charge.
    pub fn open_reading(&mut self, reading: &Terms) {
        let Ok(terms) = &mut self.terms else { return };
        let is_second = judge(reading, &self.charged, 0).expected.points == self.charged.points(reading.quota_per_unit);
        if is_second && price(terms).points == price(reading).points {
            return;
        }
        let reading = Terms { open: Vec::new(), ..reading.clone() };
        let open = Open { reason: Reason::PriceAmbiguous, allowed: Allowed::Readings(vec![reading]) };
        // It is what explains a charge that it gives; else what was open before comes first.
        terms.open.insert(if is_second { 0 } else { terms.open.len() }, open);
    }
}
