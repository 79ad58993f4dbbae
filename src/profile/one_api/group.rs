//! The ratio of a user's group, which no row names.

use super::Row;
use super::printed::Shown;
use crate::config::{Config, Map, MapName};
use crate::exact::Ratio;
use crate::pricing::Reason;
use crate::profile::tables::{Known, Tables};

/// A group's ratio, with the other ones that may have been served.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub ratio: Ratio,
    pub others: Vec<Ratio>,
}

impl Group {
    fn sure(ratio: Ratio) -> Group {
        Group { ratio, others: Vec::new() }
    }
}

/// What is known of the group of a row's user.
enum Membership<'x> {
    /// A column says it.
    Said(&'x str),
    /// The group that the user has now, and may not have had then.
    Today(&'x str),
    Unknown,
}

/// The ratio that the config gives to the user's group.
///
/// A user whose group of today does not print as the row does has moved: the group that prints so was charged.
pub fn of_config(row: &Row<'_, '_>, tables: &Tables<'_>) -> Result<Group, Reason> {
    if tables.config.map(MapName::GroupRatio) == &Map::Unknown {
        return Err(Reason::RatioUnknown);
    }
    let printed = row.printed.and_then(|printed| printed.group);
    let fits = |ratio: Ratio| printed.is_none_or(|shown| shown.fits(ratio));
    let today = match membership(row, tables.config) {
        Membership::Said(group) => return Ok(Group::sure(ratio_of(tables, group))),
        Membership::Today(group) => Some(ratio_of(tables, group)).filter(|ratio| fits(*ratio)),
        Membership::Unknown => None,
    };
    Ok(match today {
        Some(ratio) => Group::sure(ratio),
        None => printing_so(row, tables, printed, fits),
    })
}

fn membership<'x>(row: &'x Row<'_, '_>, config: &'x Config) -> Membership<'x> {
    let entry = row.entry;
    let said = [entry.user_group, entry.group].into_iter().find(|group| !group.is_empty());
    let user = || [entry.user_id, entry.user].into_iter().find_map(|user| config.users.get(user));
    match (said, user()) {
        (Some(group), _) => Membership::Said(group),
        (None, Some(user)) => Membership::Today(&user.group),
        (None, None) => Membership::Unknown,
    }
}

/// A group that is in no map has the ratio 1.
fn ratio_of(tables: &Tables<'_>, group: &str) -> Ratio {
    match tables.get(MapName::GroupRatio, group) {
        Known::Number(number) => number.ratio,
        _ => Ratio::ONE,
    }
}

/// All groups that print as the row does, the one of the printed number first. Where none does, the row contradicts the config, and the
/// user's group of today, else `default`, is what should have been charged.
fn printing_so(row: &Row<'_, '_>, tables: &Tables<'_>, printed: Option<Shown<'_>>, fits: impl Fn(Ratio) -> bool) -> Group {
    let mut ratios: Vec<Ratio> = all(tables).into_iter().filter(|ratio| fits(*ratio)).collect();
    ratios.sort();
    ratios.dedup();
    let wanted = printed.map_or_else(|| ratio_of(tables, "default"), |shown| shown.value);
    let first = ratios.iter().position(|ratio| *ratio == wanted).unwrap_or(0);
    if first < ratios.len() {
        let ratio = ratios.remove(first);
        return Group { ratio, others: ratios };
    }
    let group = match membership(row, tables.config) {
        Membership::Today(group) | Membership::Said(group) => group,
        Membership::Unknown => "default",
    };
    Group::sure(ratio_of(tables, group))
}

fn all(tables: &Tables<'_>) -> Vec<Ratio> {
    let numbers = match (tables.config.map(MapName::GroupRatio), tables.defaults.map(MapName::GroupRatio)) {
        (Map::Given(numbers), _) | (_, Map::Given(numbers)) => numbers.values().map(|number| number.ratio).collect(),
        _ => Vec::new(),
    };
    [numbers, vec![Ratio::ONE]].concat()
}
