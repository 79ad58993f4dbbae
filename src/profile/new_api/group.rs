//! The ratio of a row's group: the plain one, or the special one of (user group, using group).

use std::collections::HashMap;

use super::quote::{Asked, Doubt, Figure};
use crate::config::{MapName, Number};
use crate::exact::Ratio;
use crate::log::{Field, RowError};
use crate::pricing::Reason;
use crate::profile::tables::{Known, Tables};

/// A group's ratio, with the other ones that may have been served.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupRatio {
    pub figure: Figure,
    pub others: Vec<Ratio>,
}

impl GroupRatio {
    fn sure(value: Ratio) -> GroupRatio {
        GroupRatio { figure: Figure::sure(value), others: Vec::new() }
    }

    fn unknown(value: Ratio) -> GroupRatio {
        let doubt = Doubt { reason: Reason::RatioUnknown, ends: None };
        GroupRatio { figure: Figure { value, doubt: Some(doubt) }, others: Vec::new() }
    }

    /// One of several; the first is presumed.
    fn one_of(value: Ratio, candidates: Vec<Ratio>) -> GroupRatio {
        let others: Vec<Ratio> = candidates.into_iter().filter(|other| *other != value).collect();
        GroupRatio { figure: Figure::sure(value), others }
    }
}

/// Which kind of ratio the row says was used.
enum Served {
    Plain,
    Special,
    /// The row does not say.
    Unsaid,
}

/// The ratio that the config gives to the row's group; `own` is the one that the row prints.
pub fn of_config(asked: &Asked<'_, '_>, tables: &Tables<'_>, own: Option<Ratio>) -> Result<GroupRatio, Reason> {
    let group = asked.entry.group_or_default();
    let plain = tables.get(MapName::GroupRatio, group);
    let special = Special::of(asked, tables, group);
    let served = served(asked).map_err(|_| Reason::RatioUnknown)?;
    // In a plain log without the column it is `default`.
    if !asked.entry.columns.contains(Field::Group)
        && !asked.details.is_empty()
        && let Some(ratio) = own.and_then(|own| of_any_group(&served, own, tables))
    {
        return Ok(ratio);
    }
    Ok(match served {
        Served::Special => special_ratio(&special, plain, own, tables),
        Served::Plain => plain_ratio(plain, own, tables),
        Served::Unsaid => unsaid_ratio(&special, plain, own, tables),
    })
}

/// A gateway's log without a column for the group: a row's own ratio is presumed, if it is that of any group.
fn of_any_group(served: &Served, own: Ratio, tables: &Tables<'_>) -> Option<GroupRatio> {
    let special = tables.config.group_group_ratio.iter().flat_map(|special| special.values());
    let mut all: Vec<Ratio> = match served {
        Served::Special => special.flat_map(|groups| groups.values()).map(|number| number.ratio).collect(),
        _ => tables.numbers(MapName::GroupRatio)?.values().map(|number| number.ratio).collect(),
    };
    all.sort();
    all.dedup();
    all.contains(&own).then(|| GroupRatio::one_of(own, all))
}

fn served(asked: &Asked<'_, '_>) -> Result<Served, RowError> {
    if asked.details.is_empty() {
        return Ok(Served::Unsaid);
    }
    Ok(match asked.details.ratio("user_group_ratio")? {
        Some(ratio) if ratio != Ratio::from(-1) => Served::Special,
        // Settlements, refunds and fees never carry the key; nor does a log whose ratios were taken out.
        None if ["task_id", "violation_fee"].iter().any(|key| asked.details.has(key)) || !asked.details.has("group_ratio") => {
            Served::Unsaid
        }
        _ => Served::Plain,
    })
}

/// The special ratios for a group: that of the user's own group, and all.
struct Special {
    /// The user's group is known; its special ratio, if it has one.
    mine: Option<Option<Ratio>>,
    all: Vec<Ratio>,
}

impl Special {
    fn of(asked: &Asked<'_, '_>, tables: &Tables<'_>, group: &str) -> Special {
        let empty = HashMap::new();
        let ratios = tables.config.group_group_ratio.as_ref().unwrap_or(&empty);
        let find = |map: &HashMap<String, Number>| map.get(group).map(|number| number.ratio);
        let mut all: Vec<Ratio> = ratios.values().filter_map(find).collect();
        all.sort();
        all.dedup();
        let mine = user_group(asked, tables).map(|user_group| ratios.get(user_group).and_then(find));
        Special { mine, all }
    }
}

fn user_group<'x>(asked: &'x Asked<'_, '_>, tables: &'x Tables<'_>) -> Option<&'x str> {
    match asked.entry.user_group {
        "" => tables.config.users.get(asked.entry.user).map(|user| user.group.as_str()),
        group => Some(group),
    }
}

/// The row says that a special ratio was used. The user may have moved since, so each special ratio of the group is possible.
fn special_ratio(special: &Special, plain: Known, own: Option<Ratio>, tables: &Tables<'_>) -> GroupRatio {
    if tables.config.group_group_unknown {
        return GroupRatio::unknown(own.unwrap_or(Ratio::ONE));
    }
    let mine = special.mine.flatten();
    match own {
        Some(own) if mine == Some(own) => GroupRatio::sure(own),
        Some(own) if special.all.contains(&own) => GroupRatio::one_of(own, special.all.clone()),
        _ => match mine.or(special.all.first().copied()) {
            Some(value) if mine.is_some() || special.all.len() == 1 => GroupRatio::sure(value),
            Some(value) => GroupRatio::one_of(value, special.all.clone()),
            None => plain_ratio(plain, own, tables),
        },
    }
}

fn plain_ratio(plain: Known, own: Option<Ratio>, tables: &Tables<'_>) -> GroupRatio {
    match plain {
        // The answer of `/api/pricing` shows one user's ratios, special ones among them.
        Known::Number(number) if tables.config.group_group_unknown && own.is_some_and(|own| own != number.ratio) => {
            GroupRatio::unknown(own.unwrap_or(number.ratio))
        }
        Known::Number(number) => GroupRatio::sure(number.ratio),
        Known::Absent => GroupRatio::sure(Ratio::ONE),
        Known::Unknown => GroupRatio::unknown(own.unwrap_or(Ratio::ONE)),
    }
}

/// Nothing says which ratio was used: the row's own if it is one that may have been, else that of the user's group, else the plain one.
fn unsaid_ratio(special: &Special, plain: Known, own: Option<Ratio>, tables: &Tables<'_>) -> GroupRatio {
    let plain = plain_ratio(plain, own, tables);
    let presumed = special.mine.flatten().unwrap_or(plain.figure.value);
    match own {
        Some(own) if own != presumed && (special.all.contains(&own) || own == plain.figure.value) => {
            GroupRatio::one_of(own, vec![presumed])
        }
        _ if special.mine.is_some() => GroupRatio { figure: Figure { value: presumed, ..plain.figure }, others: plain.others },
        _ => GroupRatio { others: special.all.iter().copied().filter(|ratio| *ratio != presumed).collect(), ..plain },
    }
}

/// The ratio of a settlement: the special one of (group, group), else the group's, whoever the user is.
pub fn of_settlement(asked: &Asked<'_, '_>, tables: &Tables<'_>, own: Option<Ratio>) -> Figure {
    let group = asked.entry.group;
    let special = tables.config.group_group_ratio.as_ref().and_then(|ratios| ratios.get(group)?.get(group));
    match special {
        Some(number) => Figure::sure(number.ratio),
        None => plain_ratio(tables.get(MapName::GroupRatio, group), own, tables).figure,
    }
}
