//! What the same usage would cost at another price: sums of what is due today and of what would be due, by model.
//!
//! A row is in the sums only if it is priced on both sides. One that is not is counted under the reason, never as 0.

use std::collections::BTreeMap;

use super::Judged;
use super::policy::Policy;
use super::watch::is_held;
use crate::config::{Config, Found, MapName};
use crate::defaults;
use crate::details::Details;
use crate::exact::{Exact, Points, Ratio, Whole};
use crate::log::LogEntry;
use crate::pricing::{Reason, Slot, Terms, price};
use crate::profile::{self, Basis, Context, Memory, Profile, Quirk, Rating};

/// Points, kept apart by how many of them are 1 USD.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Amount(BTreeMap<Ratio, i128>);

impl Amount {
    fn add(&mut self, points: Points, per_unit: Ratio) {
        *self.0.entry(per_unit).or_default() += i128::from(points.0);
    }

    pub fn points(&self) -> i128 {
        self.0.values().sum()
    }

    /// In USD; 30 places where the points do not divide.
    pub fn usd(&self) -> Exact {
        let usd = |(per_unit, points): (&Ratio, &i128)| Exact::from(Whole::from(*points)).divided_by(&Exact::from(*per_unit), 30);
        self.0.iter().map(usd).fold(Exact::zero(), |sum, usd| sum + usd).normalized()
    }
}

/// Rows that are priced on both sides, and those that the target cannot price.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Compared {
    pub rows: u64,
    pub today: Amount,
    pub then: Amount,
    pub unpriced: BTreeMap<&'static str, u64>,
}

impl Compared {
    pub fn points(&self) -> i128 {
        self.then.points() - self.today.points()
    }

    pub fn usd(&self) -> Exact {
        (self.then.usd() - self.today.usd()).normalized()
    }

    /// The difference in percent of today's USD, to two decimals.
    pub fn percent(&self) -> Option<Exact> {
        let today = self.today.usd();
        (!today.is_zero()).then(|| (self.usd() * 100).divided_by(&today, 2).normalized())
    }

    pub fn unpriced_rows(&self) -> u64 {
        self.unpriced.values().sum()
    }

    fn merge(&mut self, other: &Compared) {
        self.rows += other.rows;
        for (sum, part) in [(&mut self.today, &other.today), (&mut self.then, &other.then)] {
            part.0.iter().for_each(|(per_unit, points)| *sum.0.entry(*per_unit).or_default() += points);
        }
        other.unpriced.iter().for_each(|(reason, rows)| *self.unpriced.entry(reason).or_default() += rows);
    }
}

/// What a log is priced by instead.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    Group(String),
    Model(String),
    Config { name: String, config: Box<Config>, quota_per_unit: Ratio },
}

impl Target {
    pub fn kind(&self) -> &'static str {
        match self {
            Target::Group(_) => "group",
            Target::Model(_) => "model",
            Target::Config { .. } => "config",
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Target::Group(name) | Target::Model(name) | Target::Config { name, .. } => name,
        }
    }
}

/// A log under one target, by model.
#[derive(Debug)]
pub struct Comparison {
    pub target: Target,
    pub models: BTreeMap<String, Compared>,
    memory: Memory,
}

impl Comparison {
    pub fn new(target: Target) -> Comparison {
        Comparison { target, models: BTreeMap::new(), memory: Memory::default() }
    }

    pub fn total(&self) -> Compared {
        let mut total = Compared::default();
        self.models.values().for_each(|part| total.merge(part));
        total
    }

    /// Prices a charge under the target. What is due today must be known.
    pub fn add(&mut self, entry: &LogEntry<'_>, profile: Profile, judged: &Judged, context: &Context<'_>) {
        let Some(today) = &judged.expected else { return };
        let then = self.price(entry, profile, judged, context);
        let sums = self.models.entry(entry.model.to_owned()).or_default();
        match then {
            Ok((points, per_unit)) => {
                sums.rows += 1;
                sums.today.add(today.points, context.quota_per_unit);
                sums.then.add(points, per_unit);
            }
            Err(reason) => *sums.unpriced.entry(reason).or_default() += 1,
        }
    }

    fn price(
        &mut self,
        entry: &LogEntry<'_>,
        profile: Profile,
        judged: &Judged,
        context: &Context<'_>,
    ) -> Result<(Points, Ratio), &'static str> {
        let terms = match &self.target {
            Target::Group(group) => in_group(group, entry, judged, context)?,
            Target::Model(model) => {
                if !is_held(entry.group_or_default(), model, "", context.config) {
                    return Err(Policy::ModelNotInGroup.word());
                }
                let other = LogEntry { model, upstream_model: "", ..entry.clone() };
                let context = Context { basis: Basis::Config, ..*context };
                rated(&other, profile, &context, &mut self.memory)?
            }
            Target::Config { config, quota_per_unit, .. } => {
                let context = Context { config, basis: Basis::Config, quota_per_unit: *quota_per_unit, ..*context };
                rated(entry, profile, &context, &mut self.memory)?
            }
        };
        if terms.advance != 0 {
            // The advance was taken at today's price, so the difference says nothing.
            return Err("settlement");
        }
        Ok((price(&terms).points, terms.quota_per_unit))
    }
}

/// The row's own terms at the ratio of another group that holds its model. Console tests have no group.
fn in_group(group: &str, entry: &LogEntry<'_>, judged: &Judged, context: &Context<'_>) -> Result<Terms, &'static str> {
    let terms = judged.terms.clone().ok_or("no-ratios")?;
    if matches!(judged.quirk, Some((Quirk::ChannelTest, _))) {
        return Ok(terms);
    }
    if !is_held(group, entry.model, entry.content, context.config) {
        return Err(Policy::ModelNotInGroup.word());
    }
    // What the row costs in its own group is known best from the row: its user may have had another special ratio than today.
    if group == entry.group_or_default() {
        return Ok(terms);
    }
    let ratio = group_ratio(group, entry, context.config).ok_or("ratio-unknown")?;
    Ok(terms.with(Slot::GroupRatio, ratio))
}

/// A group's ratio for the user of a row: the special one where the user's own group has one.
pub fn group_ratio(group: &str, entry: &LogEntry<'_>, config: &Config) -> Option<Ratio> {
    let user = config.users.get(entry.user).or_else(|| config.users.get(entry.user_id));
    let user_group = user.map(|user| user.group.as_str()).unwrap_or(entry.user_group);
    let special = config.group_group_ratio.as_ref().and_then(|map| map.get(user_group)?.get(group));
    special.map(|number| number.ratio).or_else(|| plain_ratio(group, config))
}

fn plain_ratio(group: &str, config: &Config) -> Option<Ratio> {
    match config.map(MapName::GroupRatio).get(group) {
        Found::Number(number) => Some(number.ratio),
        Found::Default => match defaults::new_api().map(MapName::GroupRatio).get(group) {
            Found::Number(number) => Some(number.ratio),
            _ => None,
        },
        Found::Absent | Found::Unknown => None,
    }
}

/// The groups that a config has, by name.
pub fn groups(config: &Config) -> Vec<String> {
    let known = config.map(MapName::GroupRatio).numbers(defaults::new_api().map(MapName::GroupRatio));
    let mut names: Vec<String> = known.into_iter().flat_map(|numbers| numbers.keys().cloned()).collect();
    names.sort();
    names
}

/// The terms of a row by a config; a price that the config does not have is none.
fn rated(entry: &LogEntry<'_>, profile: Profile, context: &Context<'_>, memory: &mut Memory) -> Result<Terms, &'static str> {
    let details = Details::parse("other", entry.details).unwrap_or_default();
    let terms = match profile::rate(profile, entry, &details, context, memory) {
        Ok(Rating::Charge(rated)) => rated.terms.map_err(Reason::word)?,
        Ok(Rating::Skipped(skip) | Rating::Noted(skip, ..)) => return Err(skip.word()),
        Err(_) => return Err("malformed"),
    };
    let unknown = terms.open.iter().find(|open| open.allowed.is_mere_presumption());
    unknown.map_or(Ok(()), |open| Err(open.reason.word()))?;
    Ok(terms)
}
