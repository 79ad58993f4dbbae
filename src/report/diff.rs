//! `quota config diff`: which models and groups two configs price differently.
//!
//! Prices are those in force: what 1 million tokens, or a call, cost in group ratio 1, with the built-in maps where a config
//! gives none and with the ratios that the gateway locks. So a ratio and a price that say the same are no difference.

mod channels;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use super::compare::{self, ComparisonReport};
use super::text::{JsonText, printable};
use crate::config::{Config, Found, GroupRules, MapName};
use crate::defaults;
use crate::exact::{Exact, Ratio};
use crate::pricing::{QUOTA_PER_UNIT, Unit, lines};
use crate::profile::Profile;
use crate::profile::new_api::{Overrides, Request, Rules, calculate, tool_prices_in_force};

/// What became of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    Dearer,
    Cheaper,
    /// It differs, and nobody can say that it is more or less: another billing mode, another expression, another rule.
    Changed,
    Added,
    Removed,
}

impl Change {
    const ALL: [Change; 5] = [Change::Dearer, Change::Cheaper, Change::Changed, Change::Added, Change::Removed];

    fn word(self) -> &'static str {
        match self {
            Change::Dearer => "dearer",
            Change::Cheaper => "cheaper",
            Change::Changed => "changed",
            Change::Added => "added",
            Change::Removed => "removed",
        }
    }
}

/// What a name is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Model,
    Tool,
    Group,
    Channel,
    Setting,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Model => "model",
            Kind::Tool => "tool",
            Kind::Group => "group",
            Kind::Channel => "channel",
            Kind::Setting => "setting",
        }
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub change: Change,
    pub kind: Kind,
    pub name: String,
    /// `input`, `output`, `call`, `ratio`, …
    pub part: String,
    /// What the numbers count; none for texts.
    pub unit: Option<&'static str>,
    pub old: Option<String>,
    pub new: Option<String>,
    /// How much more or less, of the old number; none where that is 0 or no number.
    pub percent: Option<String>,
}

/// All differences, by change, kind, name and part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    pub differences: Vec<Difference>,
}

/// A number or text of one config.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Figure {
    Number(Exact, &'static str),
    Text(String),
    Names(BTreeSet<String>),
}

impl Figure {
    fn text(&self) -> String {
        match self {
            Figure::Number(number, _) => number.clone().normalized().to_string(),
            Figure::Text(text) => text.clone(),
            Figure::Names(names) => listed(names.iter()),
        }
    }
}

impl Figure {
    /// The text; of two lists of models what only this one has.
    fn told_beside(&self, other: Option<&Figure>) -> String {
        match (self, other) {
            (Figure::Names(names), Some(Figure::Names(others))) => listed(names.difference(others)),
            _ => self.text(),
        }
    }
}

fn listed<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// The figures of one name, by part.
type Parts = BTreeMap<String, Figure>;

/// The figures of all names.
type Figures = BTreeMap<(Kind, String), Parts>;

impl Diff {
    /// Compares what two configs say without their dated periods.
    pub fn of(old: &Config, new: &Config) -> Diff {
        let (old, new) = (figures(old), figures(new));
        let names: BTreeSet<&(Kind, String)> = old.keys().chain(new.keys()).collect();
        let mut differences: Vec<Difference> = names.into_iter().flat_map(|key| of_name(key, old.get(key), new.get(key))).collect();
        differences.sort_by_key(|difference| difference.change);
        Diff { differences }
    }

    pub fn is_empty(&self) -> bool {
        self.differences.is_empty()
    }

    fn names(&self, change: Change) -> usize {
        let of_change = self.differences.iter().filter(|difference| difference.change == change);
        of_change.map(|difference| (difference.kind, &difference.name)).collect::<BTreeSet<_>>().len()
    }

    /// How many names became what.
    fn sentence(&self) -> String {
        if self.is_empty() {
            return "No difference in prices and groups.".to_owned();
        }
        let counts = Change::ALL.into_iter().map(|change| (self.names(change), change)).filter(|(count, _)| *count > 0);
        format!("{}.", counts.map(|(count, change)| format!("{count} {}", change.word())).collect::<Vec<_>>().join(", "))
    }
}

fn of_name((kind, name): &(Kind, String), old: Option<&Parts>, new: Option<&Parts>) -> Vec<Difference> {
    let empty = Parts::new();
    let whole = match (old, new) {
        (None, _) => Some(Change::Added),
        (_, None) => Some(Change::Removed),
        _ => None,
    };
    let (old, new) = (old.unwrap_or(&empty), new.unwrap_or(&empty));
    let (old_input, new_input) = (old.get("input"), new.get("input"));
    let input = percent(old_input, new_input);
    let follows = |percent: &Option<Exact>| match whole {
        Some(_) => old_input.or(new_input).is_some(),
        None => old_input != new_input && *percent == input,
    };
    let parts: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differences = parts.into_iter().filter_map(|part| {
        let (old, new) = (old.get(part), new.get(part));
        let percent = percent(old, new);
        if old == new || is_said(*kind, part, follows(&percent)) {
            return None;
        }
        let unit = old.or(new).and_then(|figure| if let Figure::Number(_, unit) = figure { Some(*unit) } else { None });
        Some(Difference {
            change: whole.unwrap_or_else(|| change(*kind, old, new)),
            kind: *kind,
            name: name.clone(),
            part: part.clone(),
            unit,
            old: old.map(|figure| figure.told_beside(new)),
            new: new.map(|figure| figure.told_beside(old)),
            percent: percent.map(|percent| percent.rounded(2).normalized().to_string()),
        })
    });
    differences.collect()
}

/// Whether the other parts say it already: other prices follow that of input, a name that comes or goes is told by its price.
fn is_said(kind: Kind, part: &str, follows: bool) -> bool {
    follows && kind == Kind::Model && ["cache", "image", "audio"].iter().any(|start| part.starts_with(start))
}

fn change(kind: Kind, old: Option<&Figure>, new: Option<&Figure>) -> Change {
    match (old, new) {
        (Some(Figure::Number(old, _)), Some(Figure::Number(new, _))) if kind != Kind::Setting => match new.cmp(old) {
            Ordering::Greater => Change::Dearer,
            Ordering::Less => Change::Cheaper,
            Ordering::Equal => Change::Changed,
        },
        _ => Change::Changed,
    }
}

/// How much more the new number is, in percent of the old one.
fn percent(old: Option<&Figure>, new: Option<&Figure>) -> Option<Exact> {
    let (Some(Figure::Number(old, _)), Some(Figure::Number(new, _))) = (old, new) else { return None };
    let more = (new.clone() - old.clone()) * 100;
    (!old.is_zero() && !old.is_negative()).then(|| more.divided_by(old, 12).normalized())
}

fn figures(config: &Config) -> Figures {
    let mut figures = Figures::new();
    for model in models(config) {
        let parts = prices(config, &model);
        if !parts.is_empty() {
            figures.insert((Kind::Model, model), parts);
        }
    }
    for listed in &config.price_list {
        let unit = if listed.per_call { Ratio::new(2, -3) } else { Ratio::from(2) };
        let word = if listed.per_call { "USD per call" } else { "USD per 1M" };
        let parts = figures.entry((Kind::Model, listed.model.clone())).or_default();
        for (part, number) in [("input", &listed.input), ("output", &listed.output)] {
            let part = if listed.channel_kind == 0 { part.to_owned() } else { format!("{part}, channel {}", listed.channel_kind) };
            parts.insert(part, Figure::Number(Exact::from(number.ratio) * unit, word));
        }
    }
    for (name, price) in tool_prices_in_force(config.map(MapName::ToolPrice)) {
        let price = Figure::Number(Exact::from(price), "USD per 1000 calls");
        figures.insert((Kind::Tool, name), Parts::from([("price".to_owned(), price)]));
    }
    groups(config, &mut figures);
    channels::put(config, &mut figures);
    settings(config, &mut figures);
    figures
}

/// The names in a map that is given, else in the built-in one.
fn names(config: &Config, map: MapName) -> Vec<String> {
    let numbers = config.map(map).numbers(defaults::new_api().map(map));
    numbers.into_iter().flat_map(|numbers| numbers.keys().cloned()).collect()
}

fn models(config: &Config) -> BTreeSet<String> {
    let mut models: BTreeSet<String> = names(config, MapName::ModelRatio).into_iter().collect();
    models.extend(names(config, MapName::ModelPrice));
    models.extend(config.expressions.keys().chain(config.model_prices.keys()).cloned());
    models
}

/// What a model costs, by part; nothing where its price is not known.
fn prices(config: &Config, model: &str) -> Parts {
    if let Some(text) = config.expressions.get(model) {
        return Parts::from([("expression".to_owned(), Figure::Text(text.clone()))]);
    }
    let whole = Request {
        prompt: 6,
        cached: 1,
        writes_5m: 1,
        writes_1h: 1,
        image_input: 1,
        audio_input: 1,
        completion: 2,
        audio_output: 1,
        ..Request::default()
    };
    let plain = Request { prompt: 1, completion: 1, ..Request::default() };
    [whole, plain]
        .into_iter()
        .find_map(|request| priced(config, Request { model: model.to_owned(), ..request }))
        .unwrap_or_default()
}

fn priced(config: &Config, request: Request) -> Option<Parts> {
    let rules = if config.profile.as_deref() == Some(Profile::Exact.word()) { Rules::DOCUMENT } else { Rules::OF_2026 };
    let request = Request { group: "default".to_owned(), ..request };
    let overrides = Overrides { group_ratio: Some(Ratio::ONE), ..Overrides::default() };
    let per_unit = config.quota_per_unit.map_or(QUOTA_PER_UNIT, |number| number.ratio);
    let terms = calculate(&request, &overrides, config, per_unit, &rules).ok()?;
    if !terms.open.is_empty() {
        return None;
    }
    let lines = lines(&terms).into_iter().map(|line| match line.unit {
        Unit::Calls => (word(line.component), Figure::Number(line.usd.normalized(), "USD per call")),
        _ => (word(line.component), Figure::Number(line.price_per_million.normalized(), "USD per 1M")),
    });
    Some(lines.collect())
}

/// The word that quota's own TOML has for the part.
fn word(component: String) -> String {
    match component.as_str() {
        "uncached" => "input".to_owned(),
        "completion" => "output".to_owned(),
        "cache_write_5m" => "cache_write".to_owned(),
        _ => component,
    }
}

fn groups(config: &Config, figures: &mut Figures) {
    let mut put = |name: String, part: &str, figure: Figure| {
        figures.entry((Kind::Group, name)).or_default().insert(part.to_owned(), figure);
    };
    for name in names(config, MapName::GroupRatio) {
        let found = match config.map(MapName::GroupRatio).get(&name) {
            Found::Default => defaults::new_api().map(MapName::GroupRatio).get(&name),
            found => found,
        };
        if let Found::Number(number) = found {
            put(name, "ratio", Figure::Number(Exact::from(number.ratio), "ratio"));
        }
    }
    let built_in = || defaults::new_api().group_group_ratio.as_ref().filter(|_| !config.group_group_unknown);
    for (user_group, ratios) in config.group_group_ratio.as_ref().or_else(built_in).into_iter().flatten() {
        for (group, number) in ratios {
            let figure = Figure::Number(Exact::from(number.ratio), "ratio");
            put(group.clone(), &format!("ratio for users of {user_group}"), figure);
        }
    }
    for (name, rules) in &config.groups {
        rules_of(rules).into_iter().for_each(|(part, figure)| put(name.clone(), part, figure));
    }
}

fn rules_of(rules: &GroupRules) -> Vec<(&'static str, Figure)> {
    let mut parts = Vec::new();
    if let Some(models) = &rules.models {
        parts.push(("models", Figure::Names(models.iter().cloned().collect())));
    }
    if !rules.fallback.is_empty() {
        parts.push(("fallback", Figure::Text(rules.fallback.join(", "))));
    }
    let limits = [("requests per minute", rules.requests_per_minute), ("requests per day", rules.requests_per_day)];
    parts.extend(limits.into_iter().filter_map(|(part, limit)| Some((part, Figure::Text(limit?.to_string())))));
    parts
}

fn settings(config: &Config, figures: &mut Figures) {
    let mut put = |name: &str, figure: Figure| {
        figures.insert((Kind::Setting, name.to_owned()), Parts::from([("value".to_owned(), figure)]));
    };
    let per_unit = config.quota_per_unit.map_or(QUOTA_PER_UNIT, |number| number.ratio);
    put("quota_per_unit", Figure::Number(Exact::from(per_unit), "points for 1 USD"));
    if let Some(bonus) = config.bonus {
        put("bonus", Figure::Number(Exact::from(bonus) * 100, "percent"));
    }
    if let Some(currency) = &config.currency {
        put("currency", Figure::Text(format!("{} {}", currency.rate, currency.code)));
    }
    if !config.periods.is_empty() {
        put("period", Figure::Text(format!("{} dated", config.periods.len())));
    }
}

const HEADER: [&str; 7] = ["change", "what", "name", "part", "old", "new", "by"];

fn cells(difference: &Difference) -> [String; 7] {
    let part = match difference.unit {
        Some(unit) if unit != "ratio" => format!("{}, {unit}", difference.part),
        _ => difference.part.clone(),
    };
    let by = difference.percent.as_ref().map(|percent| {
        let sign = if percent.starts_with('-') { "" } else { "+" };
        format!("{sign}{percent} %")
    });
    let text = |text: &Option<String>| text.as_deref().map(printable).unwrap_or_default();
    [
        difference.change.word().to_owned(),
        difference.kind.word().to_owned(),
        printable(&difference.name),
        printable(&part),
        text(&difference.old),
        text(&difference.new),
        by.unwrap_or_default(),
    ]
}

/// For a terminal.
pub fn write_table(diff: &Diff, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", diff.sentence())?;
    if diff.is_empty() {
        return Ok(());
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(HEADER);
    table.add_rows(diff.differences.iter().map(cells));
    for index in 4..HEADER.len() {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    writeln!(out)?;
    table.lines().try_for_each(|line| writeln!(out, "{}", line.trim_end()))
}

/// For a pull request or a page.
pub fn write_markdown(diff: &Diff, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", diff.sentence())?;
    if diff.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n| {} |\n|---|---|---|---|--:|--:|--:|", HEADER.join(" | "))?;
    for difference in &diff.differences {
        let cells = cells(difference).map(|cell| cell.replace('|', "\\|"));
        writeln!(out, "| {} |", cells.join(" | "))?;
    }
    Ok(())
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    old: &'a str,
    new: &'a str,
    counts: BTreeMap<&'static str, usize>,
    differences: &'a [Difference],
    /// What a log would have cost, in the words of `quota.compare/1`.
    log: Option<compare::Document<'a>>,
}

/// Schema `quota.config-diff/1`; numbers are decimal strings.
pub fn write_json(diff: &Diff, (old, new): (&str, &str), log: Option<&ComparisonReport>, out: &mut dyn Write) -> io::Result<()> {
    let counts = Change::ALL.into_iter().map(|change| (change.word(), diff.names(change))).collect();
    let document = Document {
        schema: "quota.config-diff/1",
        old,
        new,
        counts,
        differences: &diff.differences,
        log: log.map(compare::document),
    };
    serde_json::to_writer_pretty(JsonText(&mut *out), &document)?;
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Map;
    use crate::config::Number;

    /// A config of maps of numbers, and nothing built in.
    fn config(maps: &[(MapName, &[(&str, &str)])]) -> Config {
        let mut config = Config::default();
        for map in [MapName::ModelRatio, MapName::ModelPrice, MapName::GroupRatio] {
            *config.map_mut(map) = Map::Given(Default::default());
        }
        for (map, numbers) in maps {
            *config.map_mut(*map) = self::numbers(numbers);
        }
        config
    }

    fn numbers(numbers: &[(&str, &str)]) -> Map {
        let number = |text: &str| Number { ratio: text.parse().unwrap(), origin: Default::default() };
        Map::Given(numbers.iter().map(|(name, text)| ((*name).to_owned(), number(text))).collect())
    }

    #[track_caller]
    fn check(old: &[(MapName, &[(&str, &str)])], new: &[(MapName, &[(&str, &str)])], expected: &[&str]) {
        check_configs(&config(old), &config(new), expected);
    }

    #[track_caller]
    fn check_configs(old: &Config, new: &Config, expected: &[&str]) {
        let diff = Diff::of(old, new);
        let lines: Vec<String> =
            diff.differences.iter().map(|difference| cells(difference).join(" ").trim_end().to_owned()).collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_ratio_of_1_is_two_dollars_and_output_follows_the_completion_ratio() {
        use MapName::{CacheRatio, CompletionRatio, ModelRatio};
        // 1.25 · 2 = 2.5 and 1.5 · 2 = 3: 20 % more. 2.5 · 4 = 10 and 3 · 3 = 9: 10 % less.
        check(
            &[(ModelRatio, &[("x-1", "1.25")]), (CompletionRatio, &[("x-1", "4")])],
            &[(ModelRatio, &[("x-1", "1.5")]), (CompletionRatio, &[("x-1", "3")])],
            &["dearer model x-1 input, USD per 1M 2.5 3 +20 %", "cheaper model x-1 output, USD per 1M 10 9 -10 %"],
        );
        // Only the cache: 2 · 0.5 = 1 and 2 · 0.1 = 0.2.
        check(
            &[(ModelRatio, &[("x-1", "1")]), (CacheRatio, &[("x-1", "0.5")])],
            &[(ModelRatio, &[("x-1", "1")]), (CacheRatio, &[("x-1", "0.1")])],
            &["cheaper model x-1 cached, USD per 1M 1 0.2 -80 %"],
        );
    }

    #[test]
    fn images_audio_and_tools_have_prices_of_their_own() {
        use MapName::{AudioCompletionRatio, AudioRatio, ImageRatio, ModelRatio, ToolPrice};
        let prices = |image, audio, audio_completion, tool| {
            let mut config = config(&[(ModelRatio, &[("m", "1")])]);
            for (map, name, text) in [
                (ImageRatio, "m", image),
                (AudioRatio, "m", audio),
                (AudioCompletionRatio, "m", audio_completion),
                (ToolPrice, "web_search", tool),
            ] {
                *config.map_mut(map) = numbers(&[(name, text)]);
            }
            config
        };
        // Audio output: 2 · 3 · 2 = 12 and 2 · 3.5 · 2 = 14.
        check_configs(
            &prices("2", "3", "2", "10"),
            &prices("2.5", "3.5", "2", "11"),
            &[
                "dearer model m audio_input, USD per 1M 6 7 +16.67 %",
                "dearer model m audio_output, USD per 1M 12 14 +16.67 %",
                "dearer model m image_input, USD per 1M 4 5 +25 %",
                "dearer tool web_search price, USD per 1000 calls 10 11 +10 %",
            ],
        );
    }

    #[test]
    fn names_come_and_go_and_zero_has_no_percent() {
        use MapName::{GroupRatio, ModelPrice};
        check(
            &[(ModelPrice, &[("pic", "0.04"), ("old", "1")]), (GroupRatio, &[("vip", "0.8"), ("free", "0")])],
            &[(ModelPrice, &[("pic", "0.05"), ("new", "2")]), (GroupRatio, &[("vip", "0.6"), ("free", "0.1")])],
            &[
                "dearer model pic call, USD per call 0.04 0.05 +25 %",
                "dearer group free ratio 0 0.1",
                "cheaper group vip ratio 0.8 0.6 -25 %",
                "added model new call, USD per call  2",
                "removed model old call, USD per call 1",
            ],
        );
    }

    #[test]
    fn another_billing_mode_is_neither_dearer_nor_cheaper() {
        let by_token = config(&[(MapName::ModelRatio, &[("m", "1")])]);
        let by_call = config(&[(MapName::ModelPrice, &[("m", "1")])]);
        let diff = Diff::of(&by_token, &by_call);
        assert!(!diff.is_empty() && diff.differences.iter().all(|difference| difference.change == Change::Changed));
        assert_eq!(diff.sentence(), "1 changed.");
    }

    /// What a text says differently from another one.
    #[track_caller]
    fn check_texts(old: &str, new: &str, expected: &[&str]) {
        let [old, new] = [old, new].map(|text| crate::read::config::read("x", text.as_bytes()).unwrap().config);
        check_configs(&old, &new, expected);
    }

    #[test]
    fn what_a_channel_charges_has_lines_of_its_own() {
        let own = |ratio: &str, cached: &str| {
            format!("[channel.1.model.m]\nratio = {ratio}\ncompletion_ratio = 4\ncached_input_ratio = {cached}")
        };
        check_texts(
            &own("1", "0.5"),
            &own("3", "1.5"),
            &[
                "dearer model m, channel 1 input, points per token 1 3 +200 %",
                "dearer model m, channel 1 output, points per token 4 12 +200 %",
            ],
        );
        check_texts(&own("1", "0"), &own("1", "0.1"), &["dearer model m, channel 1 cached, points per token 0 0.1"]);
        let gateway = |group: &str, configs: &str| {
            let configs = serde_json::Value::from(configs);
            format!(
                r#"{{"success":true,"data":[{{"id":7,"uuid":"u-7","name":"one","type":1,"models":"m","base_url":"","group":"{group}","model_configs":{configs}}}]}}"#
            )
        };
        check_texts(
            &gateway("vip", r#"{"m":{"ratio":1,"tiers":[{"ratio":2,"input_token_threshold":400}]},"gone":{"ratio":5}}"#),
            &gateway(
                "vip,cc",
                r#"{"m":{"ratio":1,"tiers":[{"ratio":4,"input_token_threshold":400}]},"pic":{"image":{"price_per_image_usd":0.04}}}"#,
            ),
            &[
                "dearer model m, channel one input from 400 tokens on, points per token 2 4 +100 %",
                "changed channel one groups  cc",
                "added model pic, channel one price of an image, USD per image  0.04",
                "removed model gone, channel one input, points per token 5",
            ],
        );
    }

    #[test]
    fn a_config_does_not_differ_from_itself() {
        for profile in defaults::profiles() {
            let config = &defaults::of(profile).unwrap().config;
            assert_eq!(Diff::of(config, config), Diff::default());
        }
        assert_eq!(Diff::of(&Config::default(), defaults::new_api()), Diff::default(), "what is not given is built in");
    }
}
