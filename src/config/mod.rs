//! What prices are said to be: the maps of a gateway's options, with the origin of each number.
//!
//! A [`Config`] is plain data, put together from sources (`read::config`) that lie over one another. It does not
//! know which gateway it is for: names, fallbacks and locks are the profile's.

mod channel_prices;
pub mod issue;
mod overlay;
mod tariff;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::exact::{Exact, Ratio};

pub use channel_prices::{ChannelPrice, ChannelPrices};
pub use tariff::{AudioTariff, CompiledIn, Displayed, Extent, ImageTariff, Provider, Rates, Tariff, Tier, Window};

/// The maps of numbers by name that gateways keep in their options.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MapName {
    ModelRatio,
    CompletionRatio,
    CacheRatio,
    CreateCacheRatio,
    ImageRatio,
    AudioRatio,
    AudioCompletionRatio,
    /// USD per call.
    ModelPrice,
    GroupRatio,
    /// USD per 1000 calls; the key is a tool name, or `tool:model-prefix*`.
    ToolPrice,
}

impl MapName {
    pub const ALL: [MapName; 10] = [
        MapName::ModelRatio,
        MapName::CompletionRatio,
        MapName::CacheRatio,
        MapName::CreateCacheRatio,
        MapName::ImageRatio,
        MapName::AudioRatio,
        MapName::AudioCompletionRatio,
        MapName::ModelPrice,
        MapName::GroupRatio,
        MapName::ToolPrice,
    ];

    /// The word of quota's own TOML, and of `drift` and messages.
    pub fn word(self) -> &'static str {
        match self {
            MapName::ModelRatio => "model_ratio",
            MapName::CompletionRatio => "completion_ratio",
            MapName::CacheRatio => "cache_ratio",
            MapName::CreateCacheRatio => "create_cache_ratio",
            MapName::ImageRatio => "image_ratio",
            MapName::AudioRatio => "audio_ratio",
            MapName::AudioCompletionRatio => "audio_completion_ratio",
            MapName::ModelPrice => "model_price",
            MapName::GroupRatio => "group_ratio",
            MapName::ToolPrice => "tool_price",
        }
    }
}

/// Where a number stood: the source (an index into [`Config::sources`]) and its line there (0 where a source has no lines).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Origin {
    pub source: u16,
    /// The decimals that were written, with zeros at their end.
    pub decimals: u8,
    pub line: u32,
}

/// A number with its origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    pub ratio: Ratio,
    pub origin: Origin,
}

/// What the sources say of one map.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Map {
    /// No source gives it: the gateway's built-in one holds.
    #[default]
    Default,
    /// A source gives prices but is of a kind that cannot carry this map (`/api/ratio_config` has no groups).
    Unknown,
    /// Given: it replaces the built-in map whole.
    Given(HashMap<String, Number>),
}

/// What a map says of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Number(Number),
    /// The map is given and lacks the name.
    Absent,
    /// The map is not given.
    Default,
    /// Nobody can say.
    Unknown,
}

impl Map {
    pub fn get(&self, name: &str) -> Found {
        match self {
            Map::Default => Found::Default,
            Map::Unknown => Found::Unknown,
            Map::Given(numbers) => numbers.get(name).map_or(Found::Absent, |number| Found::Number(*number)),
        }
    }

    /// The numbers that are given, here or, where no source gives any, in the built-in map.
    pub fn numbers<'m>(&'m self, built_in: &'m Map) -> Option<&'m HashMap<String, Number>> {
        match (self, built_in) {
            (Map::Given(numbers), _) | (Map::Default, Map::Given(numbers)) => Some(numbers),
            _ => None,
        }
    }

    /// Lays a later source over this one: name by name where both are given.
    pub fn overlay(&mut self, later: Map) {
        match (&mut *self, later) {
            (_, Map::Default) | (Map::Given(_), Map::Unknown) => {}
            (Map::Given(numbers), Map::Given(over)) => numbers.extend(over),
            (_, later) => *self = later,
        }
    }
}

/// A source of the config, as reports name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    pub name: String,
    /// `options`, `pricing`, `ratio_config`, `status`, `ratios`, `sqlite`, `toml`, `json`, `users`, `channels`, …
    pub format: Cow<'static, str>,
    /// Lower-case hex.
    pub sha256: String,
}

/// Prices of one model in USD per 1M tokens, as price lists print them (quota's own TOML).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelPrices {
    pub input: Option<Number>,
    pub output: Option<Number>,
    pub cached: Option<Number>,
    pub cache_write: Option<Number>,
    pub cache_write_1h: Option<Number>,
    pub image_input: Option<Number>,
    pub audio_input: Option<Number>,
    pub audio_output: Option<Number>,
    /// USD per second, per image or per call; at most one of them.
    pub per_second: Option<Number>,
    pub per_image: Option<Number>,
    pub per_call: Option<Number>,
}

/// What a group may do, as quota's own TOML or `/api/pricing` says. Its ratio stands in [`MapName::GroupRatio`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GroupRules {
    /// Patterns (`*` is any text); none: every model.
    pub models: Option<Vec<String>>,
    pub fallback: Vec<String>,
    pub requests_per_minute: Option<u64>,
    pub requests_per_day: Option<u64>,
    /// The list is that of a price page: it says nothing of models that the page does not list for any group.
    pub listed_only: bool,
}

impl GroupRules {
    /// Lays a later source over this one: what it does not say stays.
    pub fn overlay(&mut self, later: GroupRules) {
        if later.models.is_some() {
            self.models = later.models;
            self.listed_only = later.listed_only;
        }
        if !later.fallback.is_empty() {
            self.fallback = later.fallback;
        }
        self.requests_per_minute = later.requests_per_minute.or(self.requests_per_minute);
        self.requests_per_day = later.requests_per_day.or(self.requests_per_day);
    }

    /// Whether a single row does not show that the rules were kept.
    pub fn span_rows(&self) -> bool {
        self.requests_per_minute.is_some() || self.requests_per_day.is_some() || !self.fallback.is_empty()
    }

    /// Whether the list of models, if there is one, has the name.
    pub fn lists(&self, name: &str) -> bool {
        self.models.as_ref().is_none_or(|patterns| patterns.iter().any(|pattern| matches(pattern, name)))
    }
}

/// Whether a name is what a pattern says: `*` is any text, everything else itself.
pub fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(name) = name.strip_prefix(start) else { return false };
    let Some((middle, end)) = rest.rsplit_once('*') else { return name.ends_with(rest) };
    let mut left = name;
    for part in middle.split('*') {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.ends_with(end)
}

/// A user of the gateway, from its `users` table or a saved `/api/user/`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct User {
    pub group: String,
    /// The user accepts models without a price (new-api: 37.5).
    pub accepts_unset: bool,
}

/// A channel of the gateway, as far as prices depend on it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Channel {
    /// What it is called where it is known under several names.
    pub name: String,
    /// The gateway's number for the provider.
    pub kind: i64,
    pub groups: Vec<String>,
    /// Veloera: a prefix of requested names that prices leave out.
    pub model_prefix: String,
    /// Requested names and what they are mapped to.
    pub model_mapping: HashMap<String, String>,
    /// Laisky: the prices that the channel itself has, as the gateway's JSON.
    pub model_configs: String,
    /// Laisky: the channel's `config` column, as JSON (tool prices).
    pub settings: String,
    /// What `model_configs` says, by model.
    pub tariffs: HashMap<String, Tariff>,
    /// What `settings` says of tools: USD for one call.
    pub tools: HashMap<String, Ratio>,
}

/// A price of one-hub's list.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedPrice {
    pub model: String,
    /// Per call instead of by token (`times`).
    pub per_call: bool,
    pub channel_kind: i64,
    pub input: Number,
    pub output: Number,
    /// By class, as one-hub names them: `cached_tokens`, `input_audio_tokens`, …
    pub extra_ratios: HashMap<String, Number>,
}

impl ListedPrice {
    fn numbers_mut(&mut self) -> impl Iterator<Item = &mut Number> {
        [&mut self.input, &mut self.output].into_iter().chain(self.extra_ratios.values_mut())
    }
}

/// The second currency that is shown beside USD.
#[derive(Clone, Debug, PartialEq)]
pub struct Currency {
    pub code: String,
    /// How many of it are 1 USD.
    pub rate: Ratio,
}

/// A group ratio relative to prices that are counted in the second currency.
#[derive(Clone, Debug, PartialEq)]
pub struct RelativeRatio {
    pub number: Number,
    pub currency: String,
}

impl RelativeRatio {
    /// The ratio in force: relative to prices in USD. None where it has too many digits.
    pub fn at(&self, rate: Ratio) -> Option<Number> {
        let product = Exact::from(self.number.ratio) * rate;
        Some(Number { ratio: product.to_ratio()?, origin: Origin { decimals: 0, ..self.number.origin } })
    }
}

/// A completion ratio in force, from `CompletionRatioMeta` or `/api/pricing`: locks are counted already.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EffectiveCompletion {
    pub number: Number,
    pub locked: bool,
}

/// A dated part of the config: lies over the rest from `from` (included) until `until` (excluded), unix seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Period {
    pub from: Option<i64>,
    pub until: Option<i64>,
    pub config: Config,
}

/// Everything that the sources say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    pub sources: Vec<Source>,
    maps: BTreeMap<MapName, Map>,
    /// Special ratios: user group, then using group.
    pub group_group_ratio: Option<HashMap<String, HashMap<String, Number>>>,
    /// True where a source gives prices but cannot carry special ratios.
    pub group_group_unknown: bool,
    pub effective_completion: HashMap<String, EffectiveCompletion>,
    /// Models whose price is an expression (`billing_mode` = `tiered_expr`), with its text.
    pub expressions: HashMap<String, String>,
    pub model_prices: HashMap<String, ModelPrices>,
    /// Models, groups and users of which nobody can say what they are charged, whatever the maps and the gateway have.
    pub unknown_models: HashSet<String>,
    pub unknown_groups: HashSet<String>,
    pub unknown_users: HashSet<String>,
    pub quota_per_unit: Option<Number>,
    /// A word of `--profile`.
    pub profile: Option<String>,
    /// Recharge bonus as a fraction: 0.15 for 15 %.
    pub bonus: Option<Ratio>,
    pub currency: Option<Currency>,
    /// Groups whose ratio in [`MapName::GroupRatio`] follows from the rate of [`Config::currency`].
    pub relative_groups: HashMap<String, RelativeRatio>,
    pub groups: HashMap<String, GroupRules>,
    /// By user name, and by id as decimal text.
    pub users: HashMap<String, User>,
    /// By channel id as decimal text; also by uuid and by name where a gateway names channels so.
    pub channels: HashMap<String, Channel>,
    /// What quota's own files say of channels, by the name that rows have; `*` is every channel.
    pub channel_prices: HashMap<String, ChannelPrices>,
    /// Laisky: effective prices as the gateway shows them, by model.
    pub displayed: HashMap<String, Vec<Displayed>>,
    /// Laisky: compiled-in prices.
    pub compiled_in: HashMap<Provider, CompiledIn>,
    /// one-hub's prices, in the order of the list; names may end in `*`.
    pub price_list: Vec<ListedPrice>,
    /// What the gateway's own tables say that a task or Midjourney job was charged, by its id.
    pub task_charges: HashMap<String, i64>,
    /// Further options by their key, as text (`SelfUseModeEnabled`, `CheckInEnabled`, …).
    pub settings: HashMap<String, String>,
    pub periods: Vec<Period>,
}

impl Config {
    pub fn map(&self, name: MapName) -> &Map {
        self.maps.get(&name).unwrap_or(&Map::Default)
    }

    pub fn map_mut(&mut self, name: MapName) -> &mut Map {
        self.maps.entry(name).or_default()
    }

    /// Whether any source says anything of prices.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    fn shift_origins(&mut self, by: u16) {
        self.each_number(&mut |number| number.origin.source = number.origin.source.saturating_add(by));
    }

    /// Takes away where each number stood, so that two configs can be compared for what they say.
    pub fn forget_origins(&mut self) {
        self.each_number(&mut |number| number.origin = Origin::default());
    }

    /// Whether any ratio or price is negative, as gateways allow.
    pub fn has_negative(&self) -> bool {
        let mut negative = false;
        self.clone().each_number(&mut |number| negative |= number.ratio.is_negative());
        negative
    }

    fn each_number(&mut self, visit: &mut dyn FnMut(&mut Number)) {
        for map in self.maps.values_mut() {
            if let Map::Given(numbers) = map {
                numbers.values_mut().for_each(&mut *visit);
            }
        }
        self.group_group_ratio.iter_mut().flat_map(HashMap::values_mut).flat_map(HashMap::values_mut).for_each(&mut *visit);
        self.effective_completion.values_mut().for_each(|effective| visit(&mut effective.number));
        self.model_prices.values_mut().for_each(|prices| prices.numbers_mut().for_each(&mut *visit));
        self.price_list.iter_mut().flat_map(ListedPrice::numbers_mut).for_each(&mut *visit);
        self.channel_prices.values_mut().flat_map(ChannelPrices::numbers_mut).for_each(&mut *visit);
        self.quota_per_unit.iter_mut().for_each(&mut *visit);
        self.relative_groups.values_mut().for_each(|relative| visit(&mut relative.number));
        self.periods.iter_mut().for_each(|period| period.config.each_number(visit));
    }
}

impl ModelPrices {
    /// The price of a call, an image or a second, before any multiplier.
    pub fn of_a_call(&self) -> Option<Number> {
        self.per_call.or(self.per_image).or(self.per_second)
    }

    fn numbers_mut(&mut self) -> impl Iterator<Item = &mut Number> {
        let ModelPrices {
            input,
            output,
            cached,
            cache_write,
            cache_write_1h,
            image_input,
            audio_input,
            audio_output,
            per_second,
            per_image,
            per_call,
        } = self;
        [
            input,
            output,
            cached,
            cache_write,
            cache_write_1h,
            image_input,
            audio_input,
            audio_output,
            per_second,
            per_image,
            per_call,
        ]
        .into_iter()
        .flatten()
    }
}

/// A config with its dated parts: which one holds at a time.
#[derive(Clone, Debug)]
pub struct Timeline {
    stretches: Stretches,
    /// The config of each stretch.
    configs: Vec<Config>,
}

/// The times from which on other prices hold, in order; the first ones hold from the beginning.
#[derive(Clone, Debug)]
pub struct Stretches(Vec<i64>);

impl Stretches {
    /// The number of the stretch that a time is in.
    pub fn at(&self, time: Option<i64>) -> usize {
        self.0.partition_point(|start| *start <= time.unwrap_or(i64::MIN)).saturating_sub(1)
    }

    /// Whether the same prices hold for all times.
    pub fn is_one(&self) -> bool {
        self.0.len() == 1
    }
}

impl Timeline {
    /// Lays each period over the rest for the time that it holds.
    pub fn new(mut config: Config) -> Timeline {
        let periods = std::mem::take(&mut config.periods);
        let mut starts = vec![i64::MIN];
        starts.extend(periods.iter().flat_map(|period| [period.from, period.until]).flatten());
        starts.sort_unstable();
        starts.dedup();
        let at = |start: &i64| {
            let mut config = config.clone();
            periods.iter().filter(|period| period.holds_at(*start)).for_each(|period| config.overlay(period.config.clone()));
            config
        };
        Timeline { configs: starts.iter().map(at).collect(), stretches: Stretches(starts) }
    }

    /// The config at a time; a row without a time is priced by what holds from the beginning.
    pub fn at(&self, time: Option<i64>) -> &Config {
        &self.configs[self.stretches.at(time)]
    }

    pub fn stretches(&self) -> &Stretches {
        &self.stretches
    }

    /// The configs of all stretches, in order.
    pub fn configs(&self) -> impl ExactSizeIterator<Item = &Config> {
        self.configs.iter()
    }
}

impl Period {
    fn holds_at(&self, time: i64) -> bool {
        self.from.is_none_or(|from| from <= time) && self.until.is_none_or(|until| time < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(whole: i64) -> Number {
        Number { ratio: Ratio::from(whole), origin: Origin::default() }
    }

    #[test]
    fn a_later_option_replaces_a_ratio_in_force_that_is_not_locked() {
        let (mut config, mut later) = (Config::default(), Config::default());
        for (name, locked) in [("gpt-4o", false), ("o1", true), ("other", false)] {
            config.effective_completion.insert(name.to_owned(), EffectiveCompletion { number: number(4), locked });
        }
        let over = ["gpt-4o", "o1"].map(|name| (name.to_owned(), number(9)));
        *later.map_mut(MapName::CompletionRatio) = Map::Given(HashMap::from(over));
        config.overlay(later);
        let mut left: Vec<&str> = config.effective_completion.keys().map(String::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["o1", "other"]);
    }

    /// The ratio of `m` in a config that says 1, with periods of other ratios, at a time.
    #[track_caller]
    fn check_periods(periods: &[(Option<i64>, Option<i64>, i64)], expected: &[(Option<i64>, i64)]) {
        let ratio_of = |ratio: i64| {
            let mut config = Config::default();
            *config.map_mut(MapName::ModelRatio) = Map::Given(HashMap::from([("m".to_owned(), number(ratio))]));
            config
        };
        let mut config = ratio_of(1);
        config.periods =
            periods.iter().map(|(from, until, ratio)| Period { from: *from, until: *until, config: ratio_of(*ratio) }).collect();
        let timeline = Timeline::new(config);
        for (time, ratio) in expected {
            assert_eq!(timeline.at(*time).map(MapName::ModelRatio).get("m"), Found::Number(number(*ratio)), "at {time:?}");
        }
    }

    #[test]
    fn a_period_begins_with_its_first_second_and_ends_before_its_last() {
        check_periods(
            &[(Some(100), Some(200), 2)],
            &[(Some(99), 1), (Some(100), 2), (Some(199), 2), (Some(200), 1), (Some(i64::MIN), 1), (Some(i64::MAX), 1)],
        );
        check_periods(&[(Some(100), Some(200), 2), (Some(200), Some(300), 3)], &[(Some(199), 2), (Some(200), 3), (Some(300), 1)]);
    }

    #[test]
    fn later_periods_lie_over_earlier_ones() {
        let inner = [(Some(100), Some(400), 2), (Some(200), Some(300), 3)];
        check_periods(&inner, &[(Some(150), 2), (Some(200), 3), (Some(299), 3), (Some(300), 2), (Some(400), 1)]);
        let hidden = [(Some(200), Some(300), 3), (Some(100), Some(400), 2)];
        check_periods(&hidden, &[(Some(150), 2), (Some(250), 2), (Some(399), 2), (Some(400), 1)]);
        let crossing = [(Some(100), Some(300), 2), (Some(200), Some(400), 3)];
        check_periods(&crossing, &[(Some(199), 2), (Some(200), 3), (Some(399), 3), (Some(400), 1)]);
    }

    #[test]
    fn a_row_without_time_has_what_holds_from_the_beginning() {
        check_periods(&[(Some(100), Some(200), 2)], &[(None, 1)]);
        check_periods(&[(None, Some(200), 2)], &[(None, 2), (Some(-5), 2), (Some(199), 2), (Some(200), 1)]);
        check_periods(&[(None, None, 2)], &[(None, 2), (Some(0), 2)]);
        check_periods(&[(Some(100), None, 2)], &[(None, 1), (Some(99), 1), (Some(100), 2), (Some(i64::MAX), 2)]);
    }

    #[test]
    fn a_star_in_a_pattern_is_any_text() {
        for (pattern, name, expected) in [
            ("claude-*", "claude-sonnet-4-5", true),
            ("claude-*", "claude-", true),
            ("claude-*", "gpt-4o", false),
            ("claude-*", "anthropic/claude-3", false),
            ("qwen3*-max", "qwen3-max", true),
            ("qwen3*-max", "qwen3.5-max", true),
            ("qwen3*-max", "qwen3-max-preview", false),
            ("qwen3*-max", "qwen3max", false),
            ("glm-5*", "glm-5.1", true),
            ("deepseek-v4", "deepseek-v4", true),
            ("deepseek-v4", "deepseek-v4-pro", false),
            ("*", "", true),
            ("*", "anything", true),
            ("*-4*-mini", "gpt-4o-mini", true),
            ("*-4*-mini", "gpt-4-mini-x", false),
            ("a*b*b", "ab", false),
            ("a*b*b", "abb", true),
            ("**", "通义", true),
            ("gpt-4-gizmo-*", "gpt-4-gizmo-*", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn what_a_later_source_does_not_say_of_a_group_stays() {
        let mut rules = GroupRules { models: Some(vec!["a".to_owned()]), listed_only: true, ..GroupRules::default() };
        rules.overlay(GroupRules { requests_per_minute: Some(60), ..GroupRules::default() });
        assert!(rules.lists("a") && !rules.lists("b") && rules.listed_only);
        rules.overlay(GroupRules { models: Some(vec!["b".to_owned()]), requests_per_minute: Some(90), ..GroupRules::default() });
        assert!(rules.lists("b") && !rules.lists("a") && !rules.listed_only);
        assert_eq!(rules.requests_per_minute, Some(90));
    }

    #[test]
    fn unknown_never_hides_what_was_given() {
        let mut map = Map::Given(HashMap::from([("a".to_owned(), number(1))]));
        map.overlay(Map::Unknown);
        assert_eq!(map.get("a"), Found::Number(number(1)));
        let mut map = Map::Unknown;
        map.overlay(Map::Default);
        assert_eq!(map.get("a"), Found::Unknown);
    }
}
