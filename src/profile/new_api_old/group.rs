//! The ratio of a row's group. This age has no special ratios: a group has one ratio, an unknown one 1.

use super::printed;
use super::quote::{Asked, Figure};
use crate::config::{Map, MapName};
use crate::exact::Ratio;
use crate::pricing::Reason;
use crate::profile::tables::{Known, Tables};

/// The ratio that the config gives to the row's group; `own` is the one that the row prints.
pub fn of_config(asked: &Asked<'_, '_>, tables: &Tables<'_>, own: Option<Ratio>) -> Figure {
    let group = asked.entry.group;
    let shown = || match own {
        Some(own) => of_any_group(tables, own),
        None => of_printed_group(tables, printed::group(asked.entry.content)?),
    };
    if group.is_empty()
        && let Some(figure) = shown()
    {
        return figure;
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

/// Rows of before December 2024 have no group: their own ratio is presumed, if it is that of any group.
fn of_any_group(tables: &Tables<'_>, own: Ratio) -> Option<Figure> {
    let groups = tables.numbers(MapName::GroupRatio)?;
    let ratios = || groups.values().map(|number| number.ratio);
    let ends = (ratios().min()?, ratios().max()?);
    let one_of_them = ratios().any(|ratio| ratio == own);
    one_of_them.then(|| if ends.0 == ends.1 { Figure::sure(own) } else { Figure::between(own, Reason::PriceAmbiguous, ends) })
}

/// The same for a ratio in two decimals: that of any group that prints so.
fn of_printed_group(tables: &Tables<'_>, printed: Figure) -> Option<Figure> {
    let groups = tables.numbers(MapName::GroupRatio)?;
    let mut fitting: Vec<Ratio> = groups.values().map(|number| number.ratio).filter(|ratio| printed.may_be(*ratio)).collect();
    fitting.sort();
    let ends = (*fitting.first()?, *fitting.last()?);
    let nearest = if fitting.contains(&printed.value) { printed.value } else { ends.0 };
    Some(if ends.0 == ends.1 { Figure::sure(nearest) } else { Figure::between(nearest, Reason::PriceAmbiguous, ends) })
}

/// `/api/pricing` lists the groups that one user may choose; the options of the gateway list all.
fn is_partial(tables: &Tables<'_>) -> bool {
    *tables.config.map(MapName::CompletionRatio) == Map::Unknown
}
