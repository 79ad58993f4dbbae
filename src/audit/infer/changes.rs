//! Group ratios that changed: from a time on all rows of a group show another ratio, whatever their model, and other groups show the old prices.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::interval::Interval;
use super::sample::{Cell, Sample};
use super::{Inferred, Samples};
use crate::exact::Ratio;

/// What the rows of a group say of its ratio, in the order of time.
type Said<'s> = Vec<(&'s Sample, i64, Interval)>;

/// A time for which a group has one ratio.
struct Part<'s> {
    from: i64,
    last: i64,
    shared: Interval,
    rows: usize,
    users: BTreeSet<&'s str>,
}

/// A ratio that fewer rows show is none of its own.
const LEAST_ROWS: usize = 3;
/// Ratios do not change more often within one log.
const MOST_PARTS: usize = 4;

impl<'s> Part<'s> {
    fn of((sample, time, interval): &(&'s Sample, i64, Interval)) -> Part<'s> {
        let users = BTreeSet::from([sample.user.as_str()]);
        Part { from: *time, last: *time, shared: interval.clone(), rows: 1, users }
    }

    /// Takes a row that the ratio may give; whether it may.
    fn take(&mut self, (sample, time, interval): &(&'s Sample, i64, Interval)) -> bool {
        let meets = self.shared.meets(interval);
        if meets {
            let shared = &self.shared;
            self.shared = Interval {
                low: shared.low.clone().max(interval.low.clone()),
                high: shared.high.clone().min(interval.high.clone()),
            };
            self.last = self.last.max(*time);
            self.users.insert(&sample.user);
            self.rows += 1;
        }
        meets
    }

    fn ratio(&self) -> Option<Ratio> {
        self.shared.determined(self.rows).filter(|_| self.rows >= LEAST_ROWS)
    }
}

impl Inferred {
    /// The times from which groups have another ratio, in order; of groups where that is so.
    pub(super) fn group_changes(&self, samples: &Samples) -> BTreeMap<String, Vec<i64>> {
        let by_group = self.said_of_groups(samples);
        let parted = by_group.iter().filter_map(|(group, said)| Some((*group, parts(said).filter(|parts| parts.len() > 1)?)));
        let parted: BTreeMap<&str, Vec<Part<'_>>> = parted.collect();
        let stays = |group: &str, from: i64| {
            let others = by_group.iter().filter(|(other, _)| **other != group && !parted.contains_key(**other));
            others.flat_map(|(_, said)| said).any(|(_, time, _)| *time >= from)
        };
        let told = parted.iter().filter(|(group, parts)| parts.iter().skip(1).all(|part| stays(group, part.from)));
        told.map(|(group, parts)| ((*group).to_owned(), parts.iter().skip(1).map(|part| part.from).collect())).collect()
    }

    fn said_of_groups<'s>(&self, samples: &'s Samples) -> BTreeMap<&'s str, Said<'s>> {
        let mut by_group: BTreeMap<&str, Said<'_>> = BTreeMap::new();
        for (model, rows) in samples.in_order() {
            // A model of one group does not tell its own price from the group's ratio.
            let has_others = |sample: &Sample| rows.iter().any(|other| other.cell.group != sample.cell.group);
            for sample in rows.iter().filter(|sample| sample.cell == Cell::of_group(&sample.cell.group) && has_others(sample)) {
                let Some(fit) = self.at(model, sample.time) else { continue };
                if let Some((time, interval)) = sample.time.zip(self.ratio_of_row(fit, sample)) {
                    by_group.entry(&sample.cell.group).or_default().push((sample, time, interval));
                }
            }
        }
        let is_newest_first = samples.is_newest_first();
        for said in by_group.values_mut() {
            said.sort_by_key(|(sample, time, _)| {
                (*time, if is_newest_first { Err(Reverse(sample.order)) } else { Ok(sample.order) })
            });
        }
        by_group
    }
}

/// The times with a ratio each; none where they are not clear. A row that neither its neighbours nor their ratio agree with is wrong by itself.
fn parts<'s>(said: &Said<'s>) -> Option<Vec<Part<'s>>> {
    let mut parts: Vec<Part<'s>> = Vec::new();
    let mut now: Option<Part<'s>> = None;
    for (at, row) in said.iter().enumerate() {
        let Some(part) = &mut now else {
            now = Some(Part::of(row));
            continue;
        };
        if part.take(row) {
            continue;
        }
        let next = &said[at + 1..];
        let is_new = next.len() + 1 >= LEAST_ROWS && next[..LEAST_ROWS - 1].iter().all(|(_, _, next)| !part.shared.meets(next));
        if is_new || part.rows < LEAST_ROWS {
            parts.extend(now.replace(Part::of(row)).filter(|part| part.rows >= LEAST_ROWS));
        }
    }
    parts.extend(now.filter(|part| part.rows >= LEAST_ROWS));
    // Where nobody has rows before and after, it is the users whose ratios differ.
    let is_clear = |pair: &[Part<'_>]| {
        pair[0].last < pair[1].from && pair[0].ratio() != pair[1].ratio() && !pair[0].users.is_disjoint(&pair[1].users)
    };
    let are_known = parts.len() <= MOST_PARTS && parts.iter().all(|part| part.ratio().is_some());
    (are_known && parts.windows(2).all(is_clear)).then_some(parts)
}
