//! Warnings about a config as a whole: what contradicts itself, has no effect or is not defined. What a gateway is installed with, number by
//! number, is nobody's slip: nothing is said of it until somebody changes it.

use std::collections::HashMap;

use super::reader::{Author, Mention, Reader, Spot};
use crate::config::issue::{Code, Severity};
use crate::config::{Config, Found, Map, MapName};
use crate::defaults;
use crate::exact::Ratio;
use crate::log::shorten;
use crate::profile::new_api::completion;

pub(super) fn check(reader: &mut Reader<'_>) {
    ratio_and_price(reader);
    locked_completion(reader);
    undefined_groups(reader);
}

fn warn(reader: &mut Reader<'_>, code: Code, mut found: Vec<(String, Spot)>, say: impl Fn(&str) -> (String, String)) {
    found.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, spot) in found {
        let (message, hint) = say(&name);
        reader.issue_at(Severity::Warning, code, &spot, message, hint);
    }
}

/// Where the names of a map stand that fit.
fn spots(reader: &Reader<'_>, map: MapName, fits: impl Fn(&str, Ratio) -> bool) -> Vec<(String, Spot)> {
    let Map::Given(numbers) = reader.config.map(map) else { return Vec::new() };
    let fitting = numbers.iter().filter(|(name, number)| fits(name, number.ratio));
    fitting.filter_map(|(name, _)| Some((name.clone(), reader.spots.get(&(map, name.clone()))?.clone()))).collect()
}

fn ratio_and_price(reader: &mut Reader<'_>) {
    let by_call = |name: &str| matches!(reader.config.map(MapName::ModelPrice).get(name), Found::Number(_));
    let listed = |name: &str| reader.config.model_prices.contains_key(name);
    let is_slip = |name: &str| by_call(name) && !listed(name) && !is_installed(reader, name);
    let beside_call = spots(reader, MapName::ModelRatio, |name, _| is_slip(name));
    let maps = [(MapName::ModelRatio, "ratio"), (MapName::ModelPrice, "price per call")];
    let beside_list = maps.map(|(map, what)| (what, spots(reader, map, |name, _| listed(name))));
    let way_out = || "take the one out that does not count".to_owned();
    warn(reader, Code::RatioAndPrice, beside_call, |name| {
        (format!("`{}` has a ratio and a price per call: the ratio has no effect", shorten(name)), way_out())
    });
    for (what, found) in beside_list {
        warn(reader, Code::RatioAndPrice, found, |name| {
            (format!("`{}` has a {what} and prices in `model`: the {what} has no effect", shorten(name)), way_out())
        });
    }
}

/// Whether a fresh gateway has both numbers of a model.
fn is_installed(reader: &Reader<'_>, name: &str) -> bool {
    let number = |config: &Config, map| match config.map(map).get(name) {
        Found::Number(number) => Some(number.ratio),
        _ => None,
    };
    let maps = [MapName::ModelRatio, MapName::ModelPrice];
    defaults::is_installed(|fresh| maps.iter().all(|map| number(fresh, *map) == number(&reader.config, *map)))
}

fn locked_completion(reader: &mut Reader<'_>) {
    let Some(locks) = Locks::of(reader) else { return };
    let found = spots(reader, MapName::CompletionRatio, |name, ratio| locks.get(name).is_some_and(|locked| locked != ratio));
    warn(reader, Code::LockedCompletion, found, |name| {
        let ratio = locks.get(name).unwrap_or_default();
        let message = format!("the completion ratio of `{}` has no effect: the gateway locks it at {ratio}", shorten(name));
        (message, format!("write {ratio}, or take it out; other gateways do not lock it (`profile`)"))
    });
}

/// How to know a model's lock.
enum Locks {
    /// The gateway's own list.
    Listed(HashMap<String, Ratio>),
    /// The table of new-api.
    Table,
}

impl Locks {
    fn of(reader: &Reader<'_>) -> Option<Locks> {
        if reader.has_meta {
            let locked = reader.config.effective_completion.iter().filter(|(_, effective)| effective.locked);
            return Some(Locks::Listed(locked.map(|(name, effective)| (name.clone(), effective.number.ratio)).collect()));
        }
        is_new_api(reader).then_some(Locks::Table)
    }

    fn get(&self, name: &str) -> Option<Ratio> {
        match self {
            Locks::Listed(locked) => locked.get(name).copied(),
            Locks::Table => {
                let builtin = completion::builtin(name);
                (builtin.locked && !name.contains('/')).then_some(builtin.ratio)
            }
        }
    }
}

/// Whether the config speaks for new-api of 2026: by its profile, or as options that only new-api has.
fn is_new_api(reader: &Reader<'_>) -> bool {
    match (reader.author, reader.config.profile.as_deref()) {
        (_, Some(profile)) => profile == "new-api",
        (Author::Person, None) => true,
        (Author::Gateway, None) => [MapName::CreateCacheRatio, MapName::AudioRatio, MapName::ToolPrice]
            .iter()
            .any(|map| matches!(reader.config.map(*map), Map::Given(_))),
    }
}

/// Whether a fresh gateway has this special ratio: new-api comes with one in a group that is there to be edited.
fn is_installed_group(mention: &Mention) -> bool {
    let Some((user, ratio)) = &mention.special else { return false };
    let number = |fresh: &Config| Some(fresh.group_group_ratio.as_ref()?.get(user)?.get(&mention.group)?.ratio);
    defaults::is_installed(|fresh| number(fresh) == Some(*ratio))
}

fn undefined_groups(reader: &mut Reader<'_>) {
    let Map::Given(groups) = reader.config.map(MapName::GroupRatio) else { return };
    let names: Vec<String> = groups.keys().cloned().collect();
    let is_slip = |mention: &&Mention| !groups.contains_key(&mention.group) && !is_installed_group(mention);
    let found = reader.mentions.iter().filter(is_slip).map(|mention| (mention.group.clone(), mention.spot.clone()));
    let found: Vec<(String, Spot)> = found.collect();
    warn(reader, Code::UndefinedGroup, found, |name| {
        let message = format!("nobody defines the group `{}`: it has no ratio and counts as 1", shorten(name));
        let near = super::words::nearest(name, names.iter().map(String::as_str));
        (message, near.map_or_else(|| "give it a ratio in `group_ratio`".to_owned(), |near| format!("did you mean `{near}`?")))
    });
}
