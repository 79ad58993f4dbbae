//! Group ratios that changed: from a time on all rows of a group show another ratio, whatever their model, and other groups show the old prices
//! of the same models, before and after. Where no other group shows them, or a model of the group alone keeps its price, it is a price that changed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::interval::Interval;
use super::sample::{Cell, Sample};
use super::{Inferred, Samples, Stretch};
use crate::exact::Ratio;

/// What a row says of the ratio of its group.
struct Row<'s> {
    model: &'s str,
    sample: &'s Sample,
    time: i64,
    ratio: Interval,
}

/// What the rows of a group say, in the order of time.
type Said<'s> = Vec<Row<'s>>;

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
    fn of(row: &Row<'s>) -> Part<'s> {
        let users = BTreeSet::from([row.sample.user.as_str()]);
        Part { from: row.time, last: row.time, shared: row.ratio.clone(), rows: 1, users }
    }

    /// Takes a row that the ratio may give; whether it may.
    fn take(&mut self, row: &Row<'s>) -> bool {
        let meets = self.shared.meets(&row.ratio);
        if meets {
            self.shared = self.shared.and(&row.ratio);
            self.last = self.last.max(row.time);
            self.users.insert(&row.sample.user);
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
        let stays = |group: &str, pair: &[Part<'_>]| {
            let own = models_at(&by_group[group], pair[1].from);
            let mut others = by_group.iter().filter(|(other, _)| **other != group && !parted.contains_key(**other));
            others.any(|(_, said)| own.iter().any(|model| is_kept(said.iter().filter(|row| row.model == *model), pair)))
        };
        let is_told = |group: &str, pair: &[Part<'_>]| stays(group, pair) && !self.keeps_a_price(group, pair, samples);
        let told = parted.iter().filter(|(group, parts)| parts.windows(2).all(|pair| is_told(group, pair)));
        told.map(|(group, parts)| ((*group).to_owned(), parts.iter().skip(1).map(|part| part.from).collect())).collect()
    }

    /// Whether a model of this group alone costs the same before and after a change of its ratio.
    fn keeps_a_price(&self, group: &str, pair: &[Part<'_>], samples: &Samples) -> bool {
        samples.in_order().filter(|(_, rows)| rows.iter().all(|sample| sample.cell.group == group)).any(|(model, rows)| {
            let Some([Stretch { fit, .. }]) = self.models.get(model).map(Vec::as_slice) else { return false };
            let said: Vec<Row<'_>> = rows
                .iter()
                .filter_map(|sample| {
                    let ratio = fit.product(sample, &self.groups).filter(|_| sample.cell.user.is_none())?;
                    Some(Row { model, sample, time: sample.time?, ratio })
                })
                .collect();
            is_kept(said.iter(), pair)
        })
    }

    fn said_of_groups<'s>(&self, samples: &'s Samples) -> BTreeMap<&'s str, Said<'s>> {
        let mut by_group: BTreeMap<&str, Said<'_>> = BTreeMap::new();
        for (model, rows) in samples.in_order() {
            // A model of one group does not tell its own price from the group's ratio.
            let groups: BTreeSet<&str> = rows.iter().map(|sample| sample.cell.group.as_str()).collect();
            for sample in rows.iter().filter(|sample| sample.cell == Cell::of_group(&sample.cell.group) && groups.len() > 1) {
                let Some(fit) = self.at(model, sample.time) else { continue };
                if let Some((time, ratio)) = sample.time.zip(self.ratio_of_row(fit, sample)) {
                    by_group.entry(&sample.cell.group).or_default().push(Row { model, sample, time, ratio });
                }
            }
        }
        let is_newest_first = samples.is_newest_first();
        for said in by_group.values_mut() {
            said.sort_by_key(|row| (row.time, if is_newest_first { Err(Reverse(row.sample.order)) } else { Ok(row.sample.order) }));
        }
        by_group
    }
}

/// Whether rows of one model cost the same before and after a change, and would not if they had changed as well.
fn is_kept<'r>(rows: impl Iterator<Item = &'r Row<'r>> + Clone, pair: &[Part<'_>]) -> bool {
    let from = pair[1].from;
    let shared = |is_after: bool| {
        let said = rows.clone().filter(|row| (row.time >= from) == is_after).map(|row| (row.ratio.clone(), 1));
        Interval::shared(&said.collect::<Vec<_>>()).map(|(shared, _)| shared)
    };
    let Some((before, after)) = shared(false).zip(shared(true)) else { return false };
    let changed = pair[1].shared.over(&pair[0].shared).and_then(|factor| before.by(&factor));
    before.meets(&after) && changed.is_some_and(|changed| !changed.meets(&after))
}

/// The models that rows which say something show both before a time and from then on.
fn models_at<'s>(said: &Said<'s>, from: i64) -> BTreeSet<&'s str> {
    // What is free costs the same at any price.
    let models = |is_after: bool| -> BTreeSet<&str> {
        said.iter().filter(|row| (row.time >= from) == is_after && row.ratio.low.is_positive()).map(|row| row.model).collect()
    };
    models(false).intersection(&models(true)).copied().collect()
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
        let is_new = next.len() + 1 >= LEAST_ROWS && next[..LEAST_ROWS - 1].iter().all(|next| !part.shared.meets(&next.ratio));
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
