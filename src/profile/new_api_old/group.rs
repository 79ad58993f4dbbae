//! The ratio of a row's group. This age has no special ratios: a group has one ratio, an unknown one 1.

use super::quote::{Asked, Figure};
use crate::config::{Map, MapName};
use crate::exact::Ratio;
use crate::pricing::Reason;
use crate::profile::tables::{Known, Tables};

/// The ratio that the config gives to the row's group; `own` is the one that the row prints.
pub fn of_config(asked: &Asked<'_, '_>, tables: &Tables<'_>, own: Option<Ratio>) -> Figure {
    let group = asked.entry.group;
    if let (true, Some(own)) = (group.is_empty(), own.filter(|own| is_of_any_group(tables, *own))) {
        // Rows of before December 2024 have no group.
        return Figure::any(own, Reason::PriceAmbiguous);
    }
    let group = if group.is_empty() { "default" } else { group };
    match tables.get(MapName::GroupRatio, group) {
        Known::Number(number) => Figure::sure(number.ratio),
        Known::Absent => match own.filter(|_| is_partial(tables)) {
            Some(own) => Figure::any(own, Reason::RatioUnknown),
            None => Figure::sure(Ratio::ONE),
        },
        Known::Unknown => Figure::any(own.unwrap_or(Ratio::ONE), Reason::RatioUnknown),
    }
}

fn is_of_any_group(tables: &Tables<'_>, ratio: Ratio) -> bool {
    let held = |map: &Map| matches!(map, Map::Given(numbers) if numbers.values().any(|number| number.ratio == ratio));
    match tables.config.map(MapName::GroupRatio) {
        Map::Default => held(tables.defaults.map(MapName::GroupRatio)),
        map => held(map),
    }
}

/// `/api/pricing` lists the groups that one user may choose; the options of the gateway list all.
fn is_partial(tables: &Tables<'_>) -> bool {
    *tables.config.map(MapName::CompletionRatio) == Map::Unknown
}
