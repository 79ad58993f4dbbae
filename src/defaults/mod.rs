//! The figures of fresh installs, one file a gateway: what holds where no config gives a map.
//!
//! A file is lines of `map TAB name TAB number` (`group_group_ratio` has two names, `quota_per_unit` none) behind head
//! lines that say whose figures they are. A price of one-hub is `tokens` or `times`, the name, the number of the channel type, input and
//! output, and a cell `class=ratio` for each class with a ratio of its own. Laisky's prices by provider are `tariff`, the provider, the
//! model, its ratio and completion ratio (which may be missing), and `tool`, the provider, the name and USD for one call. A further gateway is
//! a further file and a line in [`FILES`].

use std::collections::HashMap;
use std::sync::OnceLock;

use sha2::{Digest, Sha256};

use crate::config::{CompiledIn, Config, Extent, ListedPrice, Map, MapName, Number, Origin, Provider, Rates, Source, Tariff};

/// Profile and text.
const FILES: [(&str, &str); 7] = [
    ("new-api", include_str!("new-api.tsv")),
    ("new-api-2025", include_str!("new-api-2025.tsv")),
    ("new-api-2024", include_str!("new-api-2024.tsv")),
    ("veloera", include_str!("veloera.tsv")),
    ("one-api", include_str!("one-api.tsv")),
    ("laisky", include_str!("laisky.tsv")),
    ("one-hub", include_str!("one-hub.tsv")),
];

static READ: [OnceLock<Defaults>; FILES.len()] = [const { OnceLock::new() }; FILES.len()];

/// The built-in figures of one gateway. Every map is given: a name that it lacks has no price.
#[derive(Debug)]
pub struct Defaults {
    /// The word of `--profile`.
    pub profile: &'static str,
    /// Whose figures they are, with the commit.
    pub source: &'static str,
    pub date: &'static str,
    pub notes: Vec<&'static str>,
    pub config: Config,
}

/// The figures of the gateway that a profile stands for.
pub fn of(profile: &str) -> Option<&'static Defaults> {
    let at = FILES.iter().position(|(name, _)| *name == profile)?;
    let (name, text) = FILES.get(at)?;
    Some(READ.get(at)?.get_or_init(|| parse(name, text)))
}

/// The figures of new-api of 2026.
pub fn new_api() -> &'static Config {
    figures("new-api")
}

/// The figures of one-hub.
pub fn one_hub() -> &'static Config {
    figures("one-hub")
}

fn figures(profile: &str) -> &'static Config {
    static NOTHING: OnceLock<Config> = OnceLock::new();
    of(profile).map_or_else(|| NOTHING.get_or_init(Config::default), |defaults| &defaults.config)
}

/// What is compiled into Laisky's gateway for a provider.
pub fn compiled_in(provider: Provider) -> Option<&'static CompiledIn> {
    of("laisky")?.config.compiled_in.get(&provider)
}

/// The profiles that have built-in figures.
pub fn profiles() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(name, _)| *name)
}

/// Whether a fresh gateway has this entry: then nobody chose it.
pub fn is_installed(has: impl Fn(&Config) -> bool) -> bool {
    profiles().filter_map(of).any(|defaults| has(&defaults.config))
}

fn parse(profile: &'static str, text: &'static str) -> Defaults {
    let mut config = Config::default();
    MapName::ALL.into_iter().for_each(|map| *config.map_mut(map) = Map::Given(HashMap::new()));
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
        let line_number = u32::try_from(at + 1).unwrap_or_default();
        // A test holds that every line is read.
        let _ = entry(&mut config, line, line_number);
    }
    let head =
        |name: &str| text.lines().filter_map(move |line| line.strip_prefix("# ")?.strip_prefix(name)?.strip_prefix(": ")).collect();
    let (source, date): (Vec<&str>, Vec<&str>) = (head("source"), head("date"));
    let (source, date) = (source.first().copied().unwrap_or_default(), date.first().copied().unwrap_or_default());
    let sha256 = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
    config.sources.push(Source { name: format!("built-in {profile} ({date})"), format: "defaults".into(), sha256 });
    Defaults { profile, source, date, notes: head("note"), config }
}

fn entry(config: &mut Config, line: &str, at: u32) -> Option<()> {
    if let Some((kind @ ("tokens" | "times"), cells)) = line.split_once('\t') {
        config.price_list.push(price(kind, cells, Origin { line: at, ..Origin::default() })?);
        return Some(());
    }
    let cells: Vec<&str> = line.split('\t').collect();
    match cells.as_slice() {
        [word @ ("tariff" | "tool"), provider, rest @ ..] => {
            by_provider(config.compiled_in.entry(Provider::from_word(provider)?).or_default(), word, rest)
        }
        _ => by_name(config, line, at),
    }
}

fn by_provider(compiled_in: &mut CompiledIn, word: &str, cells: &[&str]) -> Option<()> {
    match (word, cells) {
        ("tool", [name, usd]) => {
            compiled_in.tools.insert((*name).to_owned(), usd.parse().ok()?);
        }
        ("tariff", [model, ratio, completion @ ..]) if completion.len() < 2 => {
            let completion = completion.first().map(|digits| digits.parse()).transpose().ok()?;
            let rates = Rates { input: Some(ratio.parse().ok()?), completion, ..Rates::default() };
            let tariff = Tariff { extent: Extent::RatioOnly, rates, ..Tariff::default() };
            compiled_in.tariffs.insert((*model).to_owned(), tariff);
        }
        _ => return None,
    }
    Some(())
}

fn by_name(config: &mut Config, line: &str, at: u32) -> Option<()> {
    let mut cells = line.split('\t');
    let (word, first) = (cells.next()?, cells.next()?);
    let (second, third) = (cells.next(), cells.next());
    let number = |digits: &str| Some(Number { ratio: digits.parse().ok()?, origin: Origin { line: at, ..Origin::default() } });
    match (word, second, third) {
        ("quota_per_unit", None, None) => config.quota_per_unit = Some(number(first)?),
        ("group_group_ratio", Some(group), Some(digits)) => {
            let row = config.group_group_ratio.get_or_insert_default().entry(first.to_owned()).or_default();
            row.insert(group.to_owned(), number(digits)?);
        }
        (_, Some(digits), None) => {
            let map = MapName::ALL.into_iter().find(|map| map.word() == word)?;
            if let Map::Given(numbers) = config.map_mut(map) {
                numbers.insert(first.to_owned(), number(digits)?);
            }
        }
        _ => return None,
    }
    Some(())
}

/// A price of one-hub.
fn price(kind: &str, cells: &str, origin: Origin) -> Option<ListedPrice> {
    let number = |digits: &str| Some(Number { ratio: digits.parse().ok()?, origin });
    let mut cells = cells.split('\t');
    let (model, channel_kind) = (cells.next()?.to_owned(), cells.next()?.parse().ok()?);
    let (input, output) = (number(cells.next()?)?, number(cells.next()?)?);
    let ratio = |cell: &str| cell.split_once('=').and_then(|(class, digits)| Some((class.to_owned(), number(digits)?)));
    let extra_ratios = cells.map(ratio).collect::<Option<_>>()?;
    Some(ListedPrice { model, per_call: kind == "times", channel_kind, input, output, extra_ratios })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Found;

    #[track_caller]
    fn check(profile: &str, map: MapName, name: &str, expected: &str) {
        let found = match of(profile).unwrap().config.map(map).get(name) {
            Found::Number(number) => number.ratio.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(found, expected, "{profile} {map:?} {name}");
    }

    #[test]
    fn every_line_of_every_file_is_read() {
        for (profile, text) in FILES {
            let mut config = Config::default();
            MapName::ALL.into_iter().for_each(|map| *config.map_mut(map) = Map::Given(HashMap::new()));
            let broken: Vec<&str> =
                text.lines().filter(|line| !line.starts_with('#') && entry(&mut config, line, 1).is_none()).collect();
            assert!(broken.is_empty(), "{profile}: {broken:?}");
            let defaults = of(profile).unwrap();
            assert!(!defaults.source.is_empty() && defaults.date.len() == 10, "{profile}");
        }
    }

    /// Figures that the READMEs and documents of the gateways print.
    #[test]
    fn known_figures() {
        for (model, ratio) in [("gpt-4o", "1.25"), ("gpt-3.5-turbo", "0.25"), ("gpt-4o-mini", "0.075"), ("o1", "7.5")] {
            check("new-api", MapName::ModelRatio, model, ratio);
        }
        check("new-api", MapName::ToolPrice, "web_search_preview:gpt-4o*", "25");
        check("new-api", MapName::GroupRatio, "vip", "1");
        check("new-api", MapName::CompletionRatio, "gpt-image-1", "8");
        check("new-api", MapName::ModelRatio, "no-such-model", "Absent");
        check("new-api-2024", MapName::CacheRatio, "gpt-4o", "Absent");
        check("one-api", MapName::ModelRatio, "gpt-4o", "2.5");
        check("one-hub", MapName::GroupRatio, "svip", "1");
        let listed = |name: &str| one_hub().price_list.iter().find(|price| price.model == name).unwrap();
        assert_eq!((listed("gpt-4o").input.ratio.to_string().as_str(), listed("gpt-4o").per_call), ("2.5", false));
        assert!(listed("mj_imagine").per_call && listed("mj_imagine").input.ratio.to_string() == "50");
        check("laisky", MapName::GroupRatio, "vip", "1");
        let compiled_in = |provider, model: &str| compiled_in(provider).unwrap().tariffs[model].rates;
        assert_eq!(compiled_in(Provider::Gemini, "gemini-2.5-flash").completion.unwrap().to_string(), "8.333333333333334");
        assert_eq!(compiled_in(Provider::Merged, "gpt-4o").input.unwrap().to_string(), "1.25");
    }

    #[test]
    fn the_install_agrees_with_the_table_of_the_documents() {
        let document = include_bytes!("../../fixtures/configs/moleapi.toml");
        let document = crate::read::config::read("moleapi.toml", document).unwrap().config;
        let Map::Given(ratios) = document.map(MapName::ModelRatio) else { panic!("no ratios") };
        for (model, number) in ratios {
            check("new-api", MapName::ModelRatio, model, &number.ratio.to_string());
            let Found::Number(completion) = document.map(MapName::CompletionRatio).get(model) else { panic!("{model}") };
            assert_eq!(crate::profile::new_api::completion::effective(model, None).0, completion.ratio, "{model}");
        }
    }
}
