//! Bytes to a [`Config`]: ratio JSON, saved answers of the gateways, a gateway's database, quota's own TOML.
//!
//! A source is recognised by its content, never by its name. An error leaves no config; warnings come with it. A map that
//! a source cannot carry is unknown, a map that it could carry and does not give is the gateway's default.

mod answers;
mod channels;
mod json;
mod kind;
mod lint;
mod node;
mod one_hub;
mod options;
mod own;
mod reader;
pub mod sqlite;
mod tariffs;
mod text;
mod toml;
mod words;

use sha2::{Digest, Sha256};

use self::kind::Kind;
use self::node::{Fault, Node, Value};
use self::reader::{Author, Reader};
use crate::config::issue::{Code, Issue};
use crate::config::{Config, Source};
use crate::log::shorten;
use crate::read::database;

const ACCEPTED: &str = "accepted are ratio JSON, saved answers of /api/option/, /api/pricing, /api/ratio_config, /api/status, /api/user/, /api/channel/, \
                        /api/models/display and /api/channel/default-pricing, one-hub's price and group lists, a gateway's SQLite file, \
                        and quota's own TOML";

/// A config that was read, and what is doubtful about it.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    /// Warnings only.
    pub issues: Vec<Issue>,
}

/// Whether the bytes are a SQLite file, which [`sqlite::read`] reads.
pub fn is_database(bytes: &[u8]) -> bool {
    bytes.starts_with(database::MAGIC)
}

/// The hash that a report names a source by, in lower-case hex.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads one source. Its name is for messages and reports only.
///
/// ```
/// use quota::config::{Found, MapName};
/// let loaded = quota::read::config::read("groups.json", br#"{"default": 1, "discount": 0.8}"#).unwrap();
/// assert!(matches!(loaded.config.map(MapName::GroupRatio).get("discount"), Found::Number(n) if n.ratio.to_string() == "0.8"));
/// ```
pub fn read(name: &str, bytes: &[u8]) -> Result<Loaded, Vec<Issue>> {
    let hash = sha256(bytes);
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => read_text(name, text, hash),
        Err(error) => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let valid = std::str::from_utf8(valid).unwrap_or_default();
            let mut reader = Reader::new(name, valid);
            let end = valid.len()..valid.len();
            reader.error(
                Code::NotAConfig,
                &end,
                format!("the text is not UTF-8 from here on{}", encoding(bytes)),
                "save it as UTF-8",
            );
            Err(reader.issues)
        }
    }
}

fn encoding(bytes: &[u8]) -> &'static str {
    match bytes {
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => " (it looks like UTF-16)",
        [0x1F, 0x8B, ..] => " (it looks like gzip)",
        [b'P', b'K', ..] => " (it looks like a zip or spreadsheet file)",
        bytes if is_database(bytes) => " (it is a database, which is read as a file)",
        _ => "",
    }
}

fn read_text(name: &str, text: &str, hash: String) -> Result<Loaded, Vec<Issue>> {
    let mut reader = Reader::new(name, text);
    let format = match language(text) {
        Language::Json => read_json(&mut reader, text),
        Language::Toml => read_toml(&mut reader, text),
        Language::Other(found) => not_a_config(&mut reader, found),
    };
    finish(reader, format, hash)
}

enum Language {
    Json,
    Toml,
    Other(&'static str),
}

/// What a text is written in. A `[` begins a JSON list or a TOML table: a list of JSON holds no bare word.
fn language(text: &str) -> Language {
    let trimmed = text.trim_start();
    let second = trimmed.get(1..).unwrap_or_default().trim_start().chars().next();
    match trimmed.chars().next() {
        None => Language::Other("nothing but white space"),
        Some('{') => Language::Json,
        Some('[') if matches!(second, Some('{' | ']' | '0'..='9' | '-') | None) => Language::Json,
        Some('<') => Language::Other("a web page or XML"),
        _ => Language::Toml,
    }
}

fn read_json(reader: &mut Reader<'_>, text: &str) -> &'static str {
    let (root, faults) = json::parse(text);
    if root.is_none() && is_ndjson(text) {
        return not_a_config(reader, "one JSON value per line (a log?)");
    }
    faults.into_iter().for_each(|fault| reader.fault(fault, "JSON"));
    root.map_or("json", |root| read_root(reader, &root))
}

fn is_ndjson(text: &str) -> bool {
    let mut lines = text.trim().lines();
    matches!((lines.next().map(json::parse), lines.next()), (Some((Some(_), _)), Some(_)))
}

fn read_toml(reader: &mut Reader<'_>, text: &str) -> &'static str {
    match toml::parse(text) {
        Ok(Node { value: Value::Table(table), .. }) => own::read(reader, table),
        Ok(_) => {}
        Err(Fault::Syntax { .. }) if !text.lines().any(is_toml_line) => return not_a_config(reader, "text of some other kind"),
        Err(fault) => reader.fault(fault, "TOML"),
    }
    "toml"
}

/// Whether a line looks like TOML: a table, or a key with a value.
fn is_toml_line(line: &str) -> bool {
    let line = line.trim();
    let key =
        |key: &str| !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '"' | '\'' | ' '));
    line.starts_with('[') || line.split_once('=').is_some_and(|(name, _)| key(name.trim()))
}

fn not_a_config(reader: &mut Reader<'_>, found: &str) -> &'static str {
    reader.error(Code::NotAConfig, &(0..0), format!("this is no config: found {found}"), ACCEPTED);
    "none"
}

fn read_root(reader: &mut Reader<'_>, root: &Node) -> &'static str {
    match kind::of(root) {
        Kind::Options(rows) => by_gateway(reader, "options", |reader| answers::options(reader, rows)),
        Kind::Pricing(rows) => by_gateway(reader, "pricing", |reader| answers::pricing(reader, &rows, root)),
        Kind::RatioConfig(table) => by_gateway(reader, "ratio_config", |reader| answers::ratio_config(reader, table)),
        Kind::Status(table) => by_gateway(reader, "status", |reader| answers::status(reader, &table)),
        Kind::Users(rows) => by_gateway(reader, "users", |reader| answers::users(reader, &rows)),
        Kind::Channels(rows) => by_gateway(reader, "channels", |reader| channels::answer(reader, &rows)),
        Kind::Displayed(table) => by_gateway(reader, "models_display", |reader| tariffs::displayed(reader, &table)),
        Kind::CompiledIn(data) => by_gateway(reader, "default_pricing", |reader| tariffs::compiled_in(reader, &data)),
        Kind::UserGroups(table) => by_gateway(reader, "user_groups", |reader| answers::user_groups(reader, &table)),
        Kind::PriceList(rows) => by_gateway(reader, "prices", |reader| one_hub::prices(reader, &rows)),
        Kind::GroupList(rows) => by_gateway(reader, "user_groups", |reader| one_hub::group_list(reader, &rows)),
        Kind::Tasks(rows) => by_gateway(reader, "tasks", |reader| answers::tasks(reader, &rows)),
        Kind::BareGroups => {
            own::bare_groups(reader, root);
            "groups"
        }
        Kind::Packed(table) => by_gateway(reader, "options", |reader| {
            options::read(reader, table);
            options::settle_expressions(reader, false);
        }),
        Kind::Own(table) => {
            own::read(reader, table);
            "ratios"
        }
        Kind::Later(what) => {
            reader.error(Code::NotSupported, &(0..0), format!("this is {what}, which is not read yet"), ACCEPTED);
            "none"
        }
        Kind::Refused(message) => {
            let message = format!("the gateway refused to answer: `{}`", shorten(&message));
            reader.error(Code::ApiError, &(0..0), message, "save the answer again, with a token that may read it");
            "none"
        }
        Kind::No(found) => not_a_config(reader, found),
    }
}

fn by_gateway<'a>(reader: &mut Reader<'a>, format: &'static str, read: impl FnOnce(&mut Reader<'a>)) -> &'static str {
    reader.author = Author::Gateway;
    read(reader);
    format
}

/// Checks the whole and names the source.
fn finish(mut reader: Reader<'_>, format: &'static str, sha256: String) -> Result<Loaded, Vec<Issue>> {
    if !reader.issues.iter().any(Issue::is_error) {
        lint::check(&mut reader);
    }
    let Reader { mut config, mut issues, .. } = reader;
    issues.sort_by(|a, b| (a.severity, &a.part, a.span.start).cmp(&(b.severity, &b.part, b.span.start)));
    if issues.iter().any(Issue::is_error) {
        return Err(issues);
    }
    let name = reader.name.to_owned();
    config.sources.push(Source { name, format: format.into(), sha256 });
    Ok(Loaded { config, issues })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Found, Map, MapName};
    use proptest::prelude::*;

    fn config(text: &str) -> Config {
        read("x", text.as_bytes()).unwrap_or_else(|issues| panic!("{issues:#?}")).config
    }

    /// `line:column code` of each issue.
    fn issues(text: &str) -> Vec<String> {
        let issues = read("x", text.as_bytes()).map_or_else(|issues| issues, |loaded| loaded.issues);
        issues
            .iter()
            .map(|issue| format!("{}:{} {} {}", issue.line, issue.column, issue.severity.word(), issue.code.word()))
            .collect()
    }

    fn shown(config: &Config, map: MapName, name: &str) -> String {
        match config.map(map).get(name) {
            Found::Number(number) => number.ratio.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[track_caller]
    fn check(text: &str, map: MapName, name: &str, expected: &str) {
        assert_eq!(shown(&config(text), map, name), expected);
    }

    #[track_caller]
    fn wrong(text: &str, expected: &[&str]) {
        assert_eq!(issues(text), expected, "{text:.200}");
    }

    const OPTIONS: &str = r#"{"data":[{"key":"SMTPPort","value":"587"},
 {"key":"GroupRatio","value":"{\"default\": 1, \"vip\": 0.95, \"专线 \\\"q\\\"\": 1.1, \"many\": 0.06666667}"},
 {"key":"group_ratio_setting.group_ratio","value":"{\"default\":1,\"svip\":1,\"vip\":1}"},
 {"key":"GroupGroupRatio","value":"{\"vip\": {\"vip\": 0.85}}"},
 {"key":"ImageRatio","value":""},
 {"key":"CompletionRatio","value":"{\"gpt-5\": 99, \"gpt-4o\": 4}"},
 {"key":"CompletionRatioMeta","value":"{\"gpt-5\":{\"ratio\":8,\"locked\":true},\"gpt-4o\":{\"ratio\":4,\"locked\":false}}"},
 {"key":"billing_setting.billing_mode","value":"{\"a\":\"tiered_expr\",\"b\":\"ratio\"}"},
 {"key":"billing_setting.billing_expr","value":"{\"a\":\"tier(\\\"t\\\", p)\",\"b\":\"p\"}"},
 {"key":"SelfUseModeEnabled","value":"false"},
 {"key":"QuotaPerUnit","value":"500000"}],"message":"","success":true}"#;

    #[test]
    fn options_are_maps_in_json_strings() {
        check(OPTIONS, MapName::GroupRatio, "专线 \"q\"", "1.1");
        check(OPTIONS, MapName::GroupRatio, "svip", "Absent");
        check(OPTIONS, MapName::CacheRatio, "gpt-4o", "Default");
        check(OPTIONS, MapName::ImageRatio, "gpt-4o", "Default");
        let config = config(OPTIONS);
        assert_eq!(config.quota_per_unit.unwrap().origin.line, 11);
        assert_eq!(config.expressions.keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(config.group_group_ratio.unwrap()["vip"]["vip"].ratio.to_string(), "0.85");
        let effective = config.effective_completion["gpt-5"];
        assert_eq!((effective.number.ratio.to_string().as_str(), effective.locked), ("8", true));
        assert_eq!(config.settings["SelfUseModeEnabled"], "false");
        assert_eq!((config.sources[0].format.as_ref(), config.sources[0].sha256.len()), ("options", 64));
        wrong(OPTIONS, &["6:37 warning locked-completion"]);
    }

    #[test]
    fn a_broken_option_has_its_place_inside_the_string() {
        wrong("{\"success\":true,\"data\":[\n{\"key\":\"GroupRatio\",\"value\":\"{\\\"a\\\": 1,, }\"}]}", &["2:40 error syntax"]);
        wrong("[{\"key\":\"ModelRatio\",\"value\":\"{\\\"a\\\": 1, \\\"a\\\": 2}\"}]", &["1:42 error duplicate-key"]);
        wrong("[{\"key\":\"ModelRatio\",\"value\":\"{\\\"r-neg\\\": -0.25}\"}]", &["1:43 warning negative-ratio"]);
    }

    #[test]
    fn pricing_of_2026_says_what_is_not_configured() {
        let text = r#"{"success":true,"group_ratio":{"default":1,"vip":0.85},"data":[
            {"model_name":"price-long","quota_type":1,"model_ratio":0,"model_price":0.0142857142857,"completion_ratio":0,"enable_groups":["default"],"supported_endpoint_types":["openai"]},
            {"model_name":"unset-1","quota_type":0,"model_ratio":37.5,"model_price":0,"completion_ratio":1,"enable_groups":["default"]},
            {"model_name":"tx","quota_type":0,"model_ratio":37.5,"model_price":0,"completion_ratio":1,"enable_groups":["vip"],"billing_mode":"tiered_expr","billing_expr":"p * 2"},
            {"model_name":"gpt-4o","quota_type":0,"model_ratio":1.25,"model_price":0,"completion_ratio":4,"cache_ratio":0.5,"enable_groups":["default","vip"]}]}"#;
        check(text, MapName::ModelPrice, "price-long", "0.0142857142857");
        check(text, MapName::ModelRatio, "price-long", "Absent");
        check(text, MapName::ModelRatio, "unset-1", "Absent");
        check(text, MapName::ModelRatio, "gpt-4o", "1.25");
        check(text, MapName::CacheRatio, "gpt-4o", "0.5");
        check(text, MapName::CreateCacheRatio, "gpt-4o", "Absent");
        check(text, MapName::CompletionRatio, "gpt-4o", "Unknown");
        check(text, MapName::ToolPrice, "web_search", "Unknown");
        check(text, MapName::GroupRatio, "vip", "0.85");
        let config = config(text);
        assert_eq!(config.effective_completion["gpt-4o"].number.ratio.to_string(), "4");
        assert_eq!(config.groups["vip"].models.as_deref().unwrap(), ["tx", "gpt-4o"]);
        assert_eq!(config.expressions["tx"], "p * 2");
        assert!(config.group_group_unknown);
        wrong(text, &[]);
    }

    #[test]
    fn pricing_of_2025_cannot_say_cache_ratios() {
        let text = r#"{"success":true,"group_ratio":{},"data":[{"model_name":"a","quota_type":0,"model_ratio":1,"model_price":0,"completion_ratio":1,"enable_groups":[]}]}"#;
        check(text, MapName::CacheRatio, "a", "Unknown");
        assert!(!config(text).group_group_unknown);
    }

    #[test]
    fn ratio_config_knows_no_groups() {
        let text = r#"{"data":{"cache_ratio":{"a":0.1},"model_ratio":{"a":2}},"message":"","success":true}"#;
        check(text, MapName::CacheRatio, "a", "0.1");
        for map in [MapName::GroupRatio, MapName::ImageRatio, MapName::AudioRatio, MapName::ToolPrice] {
            check(text, map, "a", "Unknown");
        }
        assert!(config(text).group_group_unknown);
    }

    #[test]
    fn quotas_own_toml_is_read_whole() {
        let config = config(include_str!("../../../fixtures/configs/whole.toml"));
        assert_eq!(shown(&config, MapName::GroupRatio, "rmb"), "1.022");
        assert_eq!(shown(&config, MapName::GroupRatio, "ClaudeCode"), "0.95");
        assert_eq!(config.bonus.unwrap().to_string(), "0.15");
        assert_eq!(config.profile.as_deref(), Some("new-api"));
        let claude = &config.groups["ClaudeCode"];
        assert_eq!((claude.requests_per_minute, claude.requests_per_day), (Some(60), Some(10_000)));
        assert_eq!(claude.models.as_deref().unwrap(), ["claude-*", "glm-5*"]);
        assert_eq!(config.model_prices["claude-sonnet-4-5"].cache_write.unwrap().ratio.to_string(), "3.75");
        assert_eq!(config.model_prices["claude-sonnet-4-5"].cache_write.unwrap().origin.line, 17);
        let period = &config.periods[0];
        assert_eq!((period.from, period.until), (Some(1_772_496_000), Some(1_775_001_600)));
        assert_eq!(shown(&period.config, MapName::ModelRatio, "gpt-4o"), "1.5");
        assert_eq!(shown(&config, MapName::ModelRatio, "gpt-4o"), "1.25");
    }

    #[test]
    fn the_same_words_as_json() {
        let text = r#"{"bonus":"7.5%","group":{"vip":{"ratio":0.9,"fallback":["default"]}},"GroupRatio":{"default":1},
            "period":[{"from":"2026-03-03T00:00:00+08:00","model_ratio":{"a":1}}]}"#;
        let config = config(text);
        assert_eq!(shown(&config, MapName::GroupRatio, "vip"), "0.9");
        assert_eq!(config.bonus.unwrap().to_string(), "0.075");
        assert_eq!(config.periods[0].from, Some(1_772_467_200));
        wrong(text, &[]);
    }

    #[test]
    fn users_are_known_by_name_and_id() {
        let text = r#"{"success":true,"data":[{"id":12,"username":"ann","role":1,"group":"vip","setting":"{\"accept_unset_model_ratio_model\":true}"},
            {"id":13,"username":"bob","role":1,"group":"default","setting":"not json"}]}"#;
        let config = config(text);
        assert_eq!(config.users["12"], config.users["ann"]);
        assert_eq!((config.users["ann"].group.as_str(), config.users["ann"].accepts_unset), ("vip", true));
        assert!(!config.users["13"].accepts_unset);
        assert_eq!(*config.map(MapName::ModelRatio), Map::Unknown, "it cannot say");
    }

    #[test]
    fn what_cannot_carry_prices_leaves_them_unknown() {
        for text in [
            r#"{"success":true,"data":{"quota_per_unit":1000000}}"#,
            r#"{"success":true,"data":{"vip":{"ratio":0.8,"desc":"x"}}}"#,
            r#"{"success":true,"data":{"vip":{"symbol":"vip","ratio":0.8}}}"#,
            r#"{"success":true,"data":[{"key":"QuotaPerUnit","value":"500000"},{"key":"SMTPPort","value":"587"}]}"#,
            r#"{"success":true,"data":[{"id":3,"type":33,"name":"b","models":"m","base_url":"","group":"vip"}]}"#,
            r#"{"success":true,"data":[{"task_id":"c97d","quota":50000}]}"#,
        ] {
            check(text, MapName::ModelRatio, "gpt-4o", "Unknown");
            check(text, MapName::ToolPrice, "web_search", "Unknown");
            let group = if text.contains("0.8") { "0.8" } else { "Unknown" };
            check(text, MapName::GroupRatio, "vip", group);
        }
        // Options of a gateway that keeps ratios there: what is not among them is as installed.
        check(r#"[{"key":"GroupRatio","value":"{\"vip\":0.8}"}]"#, MapName::ModelRatio, "gpt-4o", "Default");
        check(r#"{"default":1,"vip":0.8}"#, MapName::ModelRatio, "gpt-4o", "Default");
    }

    #[test]
    fn a_name_says_one_thing_in_one_file() {
        wrong("[group_ratio]\na = 1\n[group.a]\nratio = 2\n", &["3:8 error duplicate-key"]);
        wrong("[group.a]\nratio = 2\n[group_ratio]\na = 1\n", &["4:1 error duplicate-key"]);
        wrong("[group_ratio]\na = 1\n[group.a]\nmodels = [\"m\"]\n", &[]);
        wrong(r#"{"ModelRatio":{"m":1},"model_ratio":{"m":2}}"#, &["1:23 error duplicate-key"]);
        wrong(
            r#"[{"key":"ModelRatio","value":"{\"m\":1}"},{"key":"ModelRatio","value":"{\"m\":2}"}]"#,
            &["1:50 error duplicate-key"],
        );
        wrong(
            r#"{"success":true,"data":[{"model_name":"m","quota_type":0,"model_ratio":1,"enable_groups":["a"]},{"model_name":"m","quota_type":0,"model_ratio":1,"enable_groups":["b"]},{"model_name":"m","quota_type":0,"model_ratio":2}]}"#,
            &["1:183 error duplicate-key"],
        );
        wrong("[model_ratio]\nm = 1\n[model.m]\ninput = 2\n", &["2:1 warning ratio-and-price"]);
        wrong("[model_ratio]\nm = 1\n[[period]]\n[period.model_ratio]\nm = 2\n", &[]);
    }

    #[test]
    fn points_and_rates_are_above_0_whoever_wrote_them() {
        for start in ["", "allow_negative = true\n"] {
            let line = 1 + start.lines().count();
            wrong(&format!("{start}quota_per_unit = -5\n"), &[&format!("{line}:18 error bad-value")]);
            let currency = format!("{start}currency = {{ code = \"CNY\", rate = -7.3 }}\n");
            wrong(&currency, &[&format!("{line}:35 error bad-value")]);
        }
    }

    #[test]
    fn an_expression_that_cannot_be_read_may_be_kept() {
        wrong("[billing_expr]\nm = \"tier(\"\n", &["2:5 error bad-value"]);
        wrong("allow_unreadable = true\n[billing_expr]\nm = \"tier(\"\n", &["3:5 warning bad-value"]);
    }

    #[test]
    fn errors_have_their_place() {
        wrong("{\"ModelRatio\": {\n \"a\": 1,\n \"a\": 2}}", &["3:2 error duplicate-key"]);
        wrong("[model_ratio]\na = 1\na = 2\n", &["3:1 error duplicate-key"]);
        wrong(
            "[model_ratio]\na = inf\nb = -1\nc = \"1\"\n",
            &["2:5 error not-a-number", "3:5 error negative-ratio", "4:5 error wrong-type"],
        );
        wrong("{\"GroupRatio\": {\"a\": 1e999}}", &["1:22 error not-a-number"]);
        wrong("{\"default\": 1,\n", &["2:1 error syntax"]);
        wrong("[group_ratio]\nvip = 0,8\n", &["2:8 error syntax"]);
        wrong(
            "profile = \"newapi\"\nbonus = 15\nquota_per_unit = 0\n",
            &["1:11 error bad-value", "2:9 error bad-value", "3:18 error bad-value"],
        );
        wrong("[group.rmb]\nratio = 0.14\nratio_in = \"CNY\"\n", &["3:12 error bad-value"]);
        wrong("[[period]]\nfrom = 2026-04-01\nuntil = 2026-03-03\n", &["3:9 error bad-value"]);
        wrong("[[period]]\nfrom = 2026-04-01T00:00:00\n", &["2:8 error bad-value"]);
        wrong("[model.a]\nper_call = 1\nper_image = 2\n", &["1:8 error bad-value"]);
        wrong("[model.a]\ninput = 1\nper_call = 1\n", &["1:8 warning ratio-and-price"]);
        wrong("allow_negative = true\n[model_ratio]\na = -1\n", &["3:5 warning negative-ratio"]);
    }

    #[test]
    fn warnings_have_their_place() {
        wrong("modle_ratio = 1\n[group.a]\nmodle = 2\n", &["1:1 warning unknown-key", "3:1 warning unknown-key"]);
        wrong("[model_ratio]\na = 1\n[model_price]\na = 2\n", &["2:1 warning ratio-and-price"]);
        wrong("[completion_ratio]\no1 = 5\no3 = 4\ngpt-4o = 5\n\"x/o1\" = 9\n", &["2:1 warning locked-completion"]);
        wrong("profile = \"one-api\"\n[completion_ratio]\no1 = 5\n", &[]);
        wrong(
            "[group_ratio]\ndefault = 1\n[group.vip]\nratio = 2\nfallback = [\"defalt\", \"default\"]\n",
            &["5:13 warning undefined-group"],
        );
        wrong("{\"GroupRatio\":{\"a\":1},\"GroupGroupRatio\":{\"vip\":{\"b\":1}}}", &["1:49 warning undefined-group"]);
    }

    /// new-api is installed with `gpt-4-gizmo-*` at 15 and at 0.1 USD per call, and with 0.9 for users of `vip` in `edit_this`; one-api with a
    /// ratio of -500000.
    #[test]
    fn what_a_gateway_is_installed_with_is_no_slip() {
        wrong("[model_ratio]\n\"gpt-4-gizmo-*\" = 15\n[model_price]\n\"gpt-4-gizmo-*\" = 0.1\n", &[]);
        let changed = ["2:1 warning ratio-and-price"];
        wrong("[model_ratio]\n\"gpt-4-gizmo-*\" = 14\n[model_price]\n\"gpt-4-gizmo-*\" = 0.1\n", &changed);
        wrong("[model_ratio]\n\"gpt-4-gizmo-*\" = 15\n[model_price]\n\"gpt-4-gizmo-*\" = 0.2\n", &changed);
        let special = |ratio: &str| format!(r#"{{"GroupRatio":{{"a":1}},"GroupGroupRatio":{{"vip":{{"edit_this":{ratio}}}}}}}"#);
        wrong(&special("0.9"), &[]);
        wrong(&special("0.8"), &["1:49 warning undefined-group"]);
        let negative = |ratio: &str| format!(r#"[{{"key":"ModelRatio","value":"{{\"openrouter/auto\": {ratio}}}"}}]"#);
        wrong(&negative("-500000"), &[]);
        wrong(&negative("-5"), &["1:53 warning negative-ratio"]);
    }

    #[test]
    fn what_is_no_config_is_named() {
        let no = "1:1 error not-a-config";
        for text in [
            "",
            "  \n",
            "<!DOCTYPE html>",
            "id,model,quota\n1,gpt-4o,5\n",
            "[]",
            "{}",
            "[1,2]",
            "{\"vip\":0.8}",
            "{\"id\":1}\n{\"id\":2}\n",
        ] {
            wrong(text, &[no]);
        }
        wrong(r#"{"success":true,"data":{"items":[{"id":1,"model_name":"a","quota":5}]}}"#, &[no]);
        wrong(r#"{"success":false,"message":"无权进行此操作"}"#, &["1:1 error api-error"]);
        wrong(r#"{"data":{"gpt-4o":{"groups":["default"],"price":{}}},"success":true}"#, &["1:1 error not-supported"]);
        let utf16 = read("x", b"\xFF\xFE{\0}\0").unwrap_err();
        assert!(utf16[0].message.contains("UTF-16"), "{}", utf16[0].message);
    }

    #[test]
    fn a_text_cut_anywhere_is_a_result() {
        for text in [OPTIONS, include_str!("../../../fixtures/configs/whole.toml")] {
            for end in 0..text.len() {
                let _ = read("x", &text.as_bytes()[..end]);
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(start in "(\\{\"ModelRatio\":|\\[\\{\"key\":\"GroupRatio\",\"value\":\"|\\[\\[period\\]\\]\n|)", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read("x", &[start.as_bytes(), &bytes].concat());
        }

        #[test]
        fn names_and_numbers_survive_every_packing(name in ".{0,12}", mantissa in 0i64..1_000_000_000, exponent in -12i16..3) {
            let number = crate::exact::Ratio::new(mantissa, exponent).to_string();
            let map = format!("{{{}: {number}}}", serde_json::Value::from(name.as_str()));
            let plain = format!("{{\"ModelRatio\": {map}}}");
            let packed = format!("[{{\"key\":\"ModelRatio\",\"value\":{}}}]", serde_json::Value::from(map.as_str()));
            for text in [plain, packed] {
                let found = shown(&config(&text), MapName::ModelRatio, &name);
                prop_assert_eq!(&found, &number);
            }
        }
    }
}
