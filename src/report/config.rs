//! A config as quota's own TOML or JSON. What is written reads back as the same config, numbers with the same digits.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write;

use super::text::{json_text, toml_text};
use crate::config::{
    Channel, ChannelPrice, Config, EffectiveCompletion, GroupRules, ListedPrice, Map, MapName, ModelPrices, Number, Provider,
    Rates, Tariff, User,
};
use crate::exact::Ratio;
use crate::float::expr::Expression;

/// A value to be written.
#[derive(Clone)]
enum Value {
    Number(String),
    Text(String),
    Bool(bool),
    /// A moment: a date-time in TOML, a text in JSON.
    Time(String),
    Texts(Vec<String>),
    Table(Table),
    Tables(Vec<Table>),
}

type Table = Vec<(String, Value)>;

/// The config as TOML, headed by comments.
pub fn toml(config: &Config, comments: &[String]) -> String {
    let mut out = String::new();
    for comment in comments {
        let _ = writeln!(out, "# {}", comment.replace(|c: char| c.is_control(), " "));
    }
    write_toml(&mut out, "", &table(config));
    toml_text(&out)
}

/// The config as JSON.
pub fn json(config: &Config) -> String {
    let mut out = String::new();
    write_json(&mut out, &Value::Table(table(config)), 0);
    out.push('\n');
    json_text(&out)
}

/// What quota's own words cannot say of a config, as its parts with how many there are.
pub fn omitted(config: &Config) -> Vec<String> {
    let has_more = |tariff: &Tariff| {
        let Rates { input, completion, .. } = tariff.rates;
        *tariff != Tariff { extent: tariff.extent, rates: Rates { input, completion, ..Rates::default() }, ..Tariff::default() }
    };
    let tariffs = config.compiled_in.values().flat_map(|compiled_in| compiled_in.tariffs.values());
    let parts = [
        ("models as the gateway displays their prices", config.displayed.len()),
        ("compiled-in prices that are more than ratios", tariffs.filter(|tariff| has_more(tariff)).count()),
        ("charges of tasks", config.task_charges.len()),
    ];
    parts.into_iter().filter(|(_, count)| *count > 0).map(|(part, count)| format!("{part} ({count})")).collect()
}

fn table(config: &Config) -> Table {
    let mut table = scalars(config);
    let mut unknown: Vec<String> = Vec::new();
    for map in MapName::ALL {
        match config.map(map) {
            Map::Default => {}
            Map::Unknown => unknown.push(map.word().to_owned()),
            Map::Given(numbers) => table.push((map.word().to_owned(), Value::Table(absolute(map, numbers, config)))),
        }
    }
    if config.group_group_unknown {
        unknown.push("group_group_ratio".to_owned());
    }
    if !unknown.is_empty() {
        table.insert(0, ("unknown".to_owned(), Value::Texts(unknown)));
    }
    if let Some(ratios) = &config.group_group_ratio {
        table.push(("group_group_ratio".to_owned(), Value::Table(sorted(ratios, |row| Value::Table(sorted(row, number))))));
    }
    push(&mut table, "completion_ratio_meta", &config.effective_completion, effective);
    push(&mut table, "billing_expr", &config.expressions, |text| Value::Text(text.clone()));
    push_or_unknown(&mut table, "model", &config.model_prices, &config.unknown_models, model);
    if !config.price_list.is_empty() {
        table.push(("price_list".to_owned(), Value::Tables(config.price_list.iter().map(listed).collect())));
    }
    push_or_unknown(&mut table, "group", &groups(config), &config.unknown_groups, Table::clone);
    push_or_unknown(&mut table, "user", &config.users, &config.unknown_users, user);
    push(&mut table, "channel", &channels(config), |channel| Value::Table(channel.clone()));
    compiled_in(&mut table, config);
    push(&mut table, "settings", &config.settings, |text| Value::Text(text.clone()));
    periods(&mut table, config);
    if config.has_negative() {
        table.insert(0, ("allow_negative".to_owned(), Value::Bool(true)));
    }
    if config.expressions.values().any(|text| Expression::parse(text).is_err()) {
        table.insert(0, ("allow_unreadable".to_owned(), Value::Bool(true)));
    }
    table
}

fn scalars(config: &Config) -> Table {
    let mut table = Table::new();
    if let Some(unit) = &config.quota_per_unit {
        table.push(("quota_per_unit".to_owned(), number(unit)));
    }
    if let Some(profile) = &config.profile {
        table.push(("profile".to_owned(), Value::Text(profile.clone())));
    }
    if let Some(bonus) = config.bonus {
        let percent = Ratio::new(bonus.mantissa(), bonus.exponent().saturating_add(2));
        table.push(("bonus".to_owned(), Value::Text(format!("{percent}%"))));
    }
    if let Some(currency) = &config.currency {
        let code = ("code".to_owned(), Value::Text(currency.code.clone()));
        table
            .push(("currency".to_owned(), Value::Table(vec![code, ("rate".to_owned(), Value::Number(currency.rate.to_string()))])));
    }
    table
}

/// Prices by provider, of which the lists of a gateway say no more than ratios.
fn compiled_in(table: &mut Table, config: &Config) {
    let ratio = |ratio: &Ratio| Value::Number(ratio.to_string());
    let providers = Provider::ALL.into_iter().filter_map(|provider| Some((provider, config.compiled_in.get(&provider)?)));
    let by_provider = providers.map(|(provider, compiled_in)| {
        let rates = |of: fn(&Rates) -> Option<Ratio>| -> HashMap<String, Ratio> {
            compiled_in.tariffs.iter().filter_map(|(model, tariff)| Some((model.clone(), of(&tariff.rates)?))).collect()
        };
        let mut parts = Table::new();
        push(&mut parts, "model_ratio", &rates(|rates| rates.input), ratio);
        push(&mut parts, "completion_ratio", &rates(|rates| rates.completion), ratio);
        push(&mut parts, "tool_call", &compiled_in.tools, ratio);
        (provider.word().to_owned(), Value::Table(parts))
    });
    let by_provider: Table = by_provider.collect();
    if !by_provider.is_empty() {
        table.push(("compiled_in".to_owned(), Value::Table(by_provider)));
    }
}

fn periods(table: &mut Table, config: &Config) {
    let time = |seconds: i64| {
        let text = jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string());
        Value::Time(text)
    };
    let periods = config.periods.iter().map(|period| {
        let bound = |name: &str, seconds: Option<i64>| seconds.map(|seconds| (name.to_owned(), time(seconds)));
        let bounds = bound("from", period.from).into_iter().chain(bound("until", period.until));
        bounds.chain(self::table(&period.config)).collect()
    });
    if !config.periods.is_empty() {
        table.push(("period".to_owned(), Value::Tables(periods.collect())));
    }
}

fn push<T>(table: &mut Table, name: &str, map: &HashMap<String, T>, value: impl Fn(&T) -> Value) {
    if !map.is_empty() {
        table.push((name.to_owned(), Value::Table(sorted(map, value))));
    }
}

/// Tables by name, in which a name may also be said to be unknown.
fn push_or_unknown<T>(
    table: &mut Table,
    word: &str,
    map: &HashMap<String, T>,
    unknown: &HashSet<String>,
    value: impl Fn(&T) -> Table,
) {
    let mut rows: HashMap<String, Table> = map.iter().map(|(name, item)| (name.clone(), value(item))).collect();
    for name in unknown {
        rows.entry(name.clone()).or_default().push(("unknown".to_owned(), Value::Bool(true)));
    }
    push(table, word, &rows, |row| Value::Table(row.clone()));
}

fn sorted<T>(map: &HashMap<String, T>, value: impl Fn(&T) -> Value) -> Table {
    let mut table: Table = map.iter().map(|(name, item)| (name.clone(), value(item))).collect();
    table.sort_by(|a, b| a.0.cmp(&b.0));
    table
}

/// A map without the ratios that stand beside the currency that they are relative to.
fn absolute(map: MapName, numbers: &HashMap<String, Number>, config: &Config) -> Table {
    let is_relative = |name: &str| map == MapName::GroupRatio && config.relative_groups.contains_key(name);
    sorted(numbers, number).into_iter().filter(|(name, _)| !is_relative(name)).collect()
}

fn number(number: &Number) -> Value {
    Value::Number(digits(number.ratio, number.origin.decimals.into()))
}

/// So many zeros at the end of a number say nothing that an exponent does not say.
const MOST_ZEROS: i16 = 20;

/// The digits with so many decimals as were written at least.
fn digits(ratio: Ratio, decimals: usize) -> String {
    if ratio.exponent() > MOST_ZEROS {
        return format!("{}e{}", ratio.mantissa(), ratio.exponent());
    }
    let mut digits = ratio.to_string();
    let written = digits.split_once('.').map(|(_, fraction)| fraction.len());
    if decimals > written.unwrap_or(0) {
        digits.push_str(if written.is_none() { "." } else { "" });
        digits.extend(std::iter::repeat_n('0', decimals - written.unwrap_or(0)));
    }
    digits
}

fn effective(effective: &EffectiveCompletion) -> Value {
    Value::Table(vec![("ratio".to_owned(), number(&effective.number)), ("locked".to_owned(), Value::Bool(effective.locked))])
}

fn user(user: &User) -> Table {
    let group = ("group".to_owned(), Value::Text(user.group.clone()));
    vec![group, ("accepts_unset".to_owned(), Value::Bool(user.accepts_unset))]
}

/// What is said of channels: in the columns of the gateway, and in our own words over them.
fn channels(config: &Config) -> HashMap<String, Table> {
    let mut tables: HashMap<String, Table> =
        config.channels.iter().map(|(name, channel)| (name.clone(), columns(channel))).collect();
    for (name, prices) in &config.channel_prices {
        let table = tables.entry(name.clone()).or_default();
        table.extend(prices.groups.iter().map(|groups| ("groups".to_owned(), Value::Texts(groups.clone()))));
        push(table, "model", &prices.models, channel_price);
    }
    tables
}

/// A channel as its gateway keeps it. Its prices are JSON, and stay so: they have tiers, images and times of the day.
fn columns(channel: &Channel) -> Table {
    let mapping = match channel.model_mapping.is_empty() {
        true => String::new(),
        false => serde_json::json!(channel.model_mapping.iter().collect::<BTreeMap<_, _>>()).to_string(),
    };
    let texts = [
        ("name", &channel.name),
        ("group", &channel.groups.join(",")),
        ("model_prefix", &channel.model_prefix),
        ("model_mapping", &mapping),
        ("model_configs", &channel.model_configs),
        ("config", &channel.settings),
    ];
    let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
    let kind = ("type".to_owned(), Value::Number(channel.kind.to_string()));
    std::iter::once(kind).chain(texts.map(|(name, text)| (name.to_owned(), Value::Text(text.clone())))).collect()
}

fn channel_price(price: &ChannelPrice) -> Value {
    let numbers = price.numbers().into_iter().filter_map(|(word, found)| Some((word.to_owned(), number(&found?))));
    let unknown = price.unknown.then(|| ("unknown".to_owned(), Value::Bool(true)));
    Value::Table(numbers.chain(unknown).collect())
}

fn model(prices: &ModelPrices) -> Table {
    let fields = [
        ("input", &prices.input),
        ("cached", &prices.cached),
        ("cache_write", &prices.cache_write),
        ("cache_write_1h", &prices.cache_write_1h),
        ("output", &prices.output),
        ("image_input", &prices.image_input),
        ("audio_input", &prices.audio_input),
        ("audio_output", &prices.audio_output),
        ("per_second", &prices.per_second),
        ("per_image", &prices.per_image),
        ("per_call", &prices.per_call),
    ];
    fields.into_iter().filter_map(|(name, price)| Some((name.to_owned(), number(price.as_ref()?)))).collect()
}

/// A price of one-hub's list.
fn listed(price: &ListedPrice) -> Table {
    let mut table: Table = vec![
        ("model".to_owned(), Value::Text(price.model.clone())),
        ("type".to_owned(), Value::Text(if price.per_call { "times" } else { "tokens" }.to_owned())),
        ("channel_type".to_owned(), Value::Number(price.channel_kind.to_string())),
        ("input".to_owned(), number(&price.input)),
        ("output".to_owned(), number(&price.output)),
    ];
    push(&mut table, "extra_ratios", &price.extra_ratios, number);
    table
}

/// What is said of groups beside their plain ratios.
fn groups(config: &Config) -> HashMap<String, Table> {
    let mut tables: HashMap<String, Table> = HashMap::new();
    for (name, relative) in &config.relative_groups {
        let currency = Value::Text(relative.currency.clone());
        tables.insert(name.clone(), vec![("ratio".to_owned(), number(&relative.number)), ("ratio_in".to_owned(), currency)]);
    }
    for (name, rules) in &config.groups {
        tables.entry(name.clone()).or_default().extend(group(rules));
    }
    tables
}

fn group(rules: &GroupRules) -> Table {
    let mut table = Table::new();
    if let Some(models) = &rules.models {
        table.push(("models".to_owned(), Value::Texts(models.clone())));
    }
    if !rules.fallback.is_empty() {
        table.push(("fallback".to_owned(), Value::Texts(rules.fallback.clone())));
    }
    for (name, limit) in [("requests_per_minute", rules.requests_per_minute), ("requests_per_day", rules.requests_per_day)] {
        table.extend(limit.map(|limit| (name.to_owned(), Value::Number(limit.to_string()))));
    }
    if rules.listed_only {
        table.push(("listed_only".to_owned(), Value::Bool(true)));
    }
    table
}

/// A text in quotes. What JSON escapes is right in TOML too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if bare { name.to_owned() } else { quoted(name) }
}

fn texts(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", "))
}

fn inline(value: &Value) -> Option<String> {
    match value {
        Value::Number(digits) => Some(digits.clone()),
        Value::Text(text) => Some(quoted(text)),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Time(time) => Some(time.clone()),
        Value::Texts(list) => Some(texts(list)),
        Value::Table(_) | Value::Tables(_) => None,
    }
}

/// Writes the plain values of a table, then the tables in it.
fn write_toml(out: &mut String, path: &str, table: &Table) {
    for (name, value) in table {
        if let Some(value) = inline(value) {
            let _ = writeln!(out, "{} = {value}", key(name));
        }
    }
    for (name, value) in table {
        let path = if path.is_empty() { key(name) } else { format!("{path}.{}", key(name)) };
        match value {
            Value::Table(inner) => head(out, &format!("[{path}]"), &path, inner),
            Value::Tables(items) => items.iter().for_each(|item| head(out, &format!("[[{path}]]"), &path, item)),
            _ => {}
        }
    }
}

fn head(out: &mut String, head: &str, path: &str, table: &Table) {
    // A table that holds only tables needs no line of its own.
    if head.starts_with("[[") || table.is_empty() || table.iter().any(|(_, value)| inline(value).is_some()) {
        let gap = if out.is_empty() { "" } else { "\n" };
        let _ = writeln!(out, "{gap}{head}");
    }
    write_toml(out, path, table);
}

fn write_json(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Time(time) => out.push_str(&quoted(time)),
        Value::Table(table) => write_object(out, table, depth),
        Value::Tables(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { ", " });
                write_object(out, item, depth);
            }
            out.push(']');
        }
        _ => out.push_str(&inline(value).unwrap_or_default()),
    }
}

fn write_object(out: &mut String, table: &Table, depth: usize) {
    out.push('{');
    for (at, (name, value)) in table.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let _ = write!(out, "{comma}\n{:width$}{}: ", "", quoted(name), width = 2 * depth + 2);
        write_json(out, value, depth + 1);
    }
    if !table.is_empty() {
        let _ = write!(out, "\n{:width$}", "", width = 2 * depth);
    }
    out.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::config::read;

    /// The TOML of the interface, whole.
    const WHOLE: &str = include_str!("../../fixtures/configs/whole.toml");

    #[track_caller]
    fn check(name: &str, text: &str) {
        let config = bare(read(name, text.as_bytes()).unwrap_or_else(|issues| panic!("{issues:#?}")).config);
        for written in [toml(&config, &["a comment\nin two lines".to_owned()]), json(&config)] {
            let again = read("again", written.as_bytes()).unwrap_or_else(|issues| panic!("{issues:#?}\n{written}"));
            assert_eq!(bare(again.config), config, "{written}");
        }
    }

    /// Without sources and places, which a written config has of its own.
    fn bare(mut config: Config) -> Config {
        config.sources.clear();
        config.forget_origins();
        config
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        check("whole.toml", WHOLE);
        check("groups.json", r#"{"default": 1, "=discount": 0.8, "专线 \"q\"\n\u007f": 1e-7, "": 1.2345678901234567}"#);
        check(
            "ratio_config.json",
            r#"{"success":true,"data":{"model_ratio":{"a":1},"completion_ratio":{},"model_price":{"b":0}}}"#,
        );
        check("status.json", r#"{"success":true,"data":{"quota_per_unit":1000000}}"#);
        check(
            "pricing.json",
            r#"{"success":true,"group_ratio":{"vip":0.85},"data":[
                {"model_name":"a","quota_type":0,"model_ratio":1.25,"model_price":0,"completion_ratio":4,"enable_groups":["vip"],"supported_endpoint_types":[]},
                {"model_name":"b","quota_type":1,"model_ratio":0,"model_price":0.04,"completion_ratio":0,"enable_groups":["vip","x"]}]}"#,
        );
        check(
            "prices.json",
            r#"[{"model":"a \"q\"","type":"tokens","channel_type":1,"input":1,"output":4.5,"extra_ratios":{"cached_tokens":0.25}},
                {"model":"b*","type":"times","channel_type":34,"input":50,"output":0}]"#,
        );
        check(
            "users.json",
            r#"{"success":true,"data":{"items":[{"id":7,"username":"erin","role":1,"group":"vip","setting":"{\"accept_unset_model_ratio_model\":true}"}]}}"#,
        );
        check(
            "channels.json",
            r#"{"success":true,"data":[{"id":3,"uuid":"u-3","type":33,"name":"b \"q\"","models":"m","base_url":"","group":"default,vip",
                "model_prefix":"pp/","model_mapping":"{\"a\":\"b\"}","config":"{\"tooling\":{\"pricing\":{\"web_search\":{\"usd_per_call\":0.02}}}}",
                "model_configs":"{\"m\":{\"ratio\":1.5,\"tiers\":[{\"ratio\":2,\"input_token_threshold\":400}]}}"},
                {"id":4,"type":1,"name":"","models":"","base_url":"","group":""}]}"#,
        );
        check(
            "options.json",
            r#"[{"key":"billing_setting.billing_mode","value":"{\"a\":\"tiered_expr\"}"},
            {"key":"billing_setting.billing_expr","value":"{\"a\":\"tier(\"}"},{"key":"ModelRatio","value":"{\"n\":-1}"}]"#,
        );
    }

    #[test]
    fn what_a_channel_is_said_to_cost_stands_beside_what_its_gateway_says() {
        check(
            "both.toml",
            "[channel.7]\ntype = 1\ngroup = \"vip\"\ngroups = [\"default\"]\n[channel.7.model.m]\nratio = 2\n[channel.\"*\"]\ngroups = []\n",
        );
    }

    #[test]
    fn numbers_keep_their_digits() {
        for (written, shown) in [
            ("0.06666667", "0.06666667"),
            ("1.2345678901234567", "1.2345678901234567"),
            ("1e-7", "0.0000001"),
            ("3.00", "3.00"),
            ("0.10", "0.10"),
            ("10", "10"),
            ("1e308", "1e308"),
            ("1.50e1", "15"),
        ] {
            let config = read("x.toml", format!("[group_ratio]\na = {written}").as_bytes()).unwrap().config;
            assert_eq!(toml(&config, &[]), format!("[group_ratio]\na = {shown}\n"));
        }
    }
}
