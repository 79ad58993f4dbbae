//! Rows of a real log, and single rows at the edges of the rules.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::*;
use crate::audit::{self, Auditor, Past, Verdict};
use crate::config::Config;
use crate::log::{Field, Place, Reading, Row as Cells};
use crate::pricing::QUOTA_PER_UNIT;
use crate::read::Next;
use crate::read::input::{OpenOptions, open_path};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/logs/laisky").join(name)
}

fn config(names: &[&str]) -> Config {
    let mut config = Config::default();
    for name in names {
        let bytes = std::fs::read(fixture(name)).unwrap();
        config.overlay(crate::read::config::read(name, &bytes).unwrap_or_else(|issues| panic!("{issues:#?}")).config);
    }
    config
}

const ALL: [&str; 3] = ["options.json", "channels.json", "models-display.json"];

fn verdict(cells: &Cells, config: &Config, basis: Basis) -> Verdict {
    let entry = LogEntry::parse(cells, &Reading { time: &|text| text.parse().ok(), currency: None }).unwrap();
    let context = Context { config, basis, quota_per_unit: QUOTA_PER_UNIT, veloera: false, other_mode: false };
    Auditor::default().judge(&entry, &context, &mut Past::default())
}

/// The verdicts of the log, every charge changed by some points.
fn audit_log(config: &Config, basis: Basis, by: i64) -> Vec<(i64, Verdict)> {
    let mut input = open_path(&fixture("charges.csv"), &OpenOptions::default()).unwrap();
    let (mut cells, mut verdicts) = (Cells::default(), Vec::new());
    while input.rows.next(&mut cells) == Next::Row {
        let mut changed = Cells::default();
        changed.columns = cells.columns;
        for field in Field::ALL.iter().filter(|field| **field != Field::Quota) {
            changed.set(*field, cells.get(*field));
        }
        let quota: i64 = cells.get(Field::Quota).parse().unwrap();
        changed.set(Field::Quota, &(quota + by).to_string());
        verdicts.push((cells.get(Field::Id).parse().unwrap(), verdict(&changed, config, basis)));
    }
    verdicts
}

/// Rows by class, and for the unrated and presumed ones by reason.
fn counts(verdicts: &[(i64, Verdict)]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (_, verdict) in verdicts {
        let reason = verdict.charge.as_ref().and_then(|charge| charge.reason).map_or("", Reason::word);
        let words = format!("{} {reason}", verdict.class.word());
        *counts.entry(words.trim().to_owned()).or_default() += 1;
    }
    counts
}

#[track_caller]
fn check(verdicts: &[(i64, Verdict)], expected: &[(&str, usize)]) {
    let expected = expected.iter().map(|(words, rows)| ((*words).to_owned(), *rows)).collect::<BTreeMap<_, _>>();
    assert_eq!(counts(verdicts), expected);
}

#[test]
fn a_real_log_by_its_config() {
    let verdicts = audit_log(&config(&ALL), Basis::Config, 0);
    check(
        &verdicts,
        &[
            ("matched", 179),
            ("matched unknown-model", 2),
            ("overcharged", 1),
            ("skipped", 25),
            ("unrated class-not-logged", 1),
            ("unrated count-not-logged", 1),
            ("unrated estimate", 3),
            ("unrated no-ratios", 3),
            ("unrated split-not-logged", 2),
        ],
    );
    let drifted =
        verdicts.iter().filter_map(|(_, verdict)| verdict.charge.as_ref()).find(|charge| !charge.drift.is_empty()).unwrap();
    assert_eq!(drifted.causes(), Some(audit::Causes::definite(audit::Cause::RatioDrift)));
    let drift: Vec<(&str, &str, &str)> =
        drifted.drift.iter().map(|d| (d.key.as_ref(), d.configured.as_str(), d.logged.as_str())).collect();
    assert_eq!(drift, [("model_ratio", "0.6", "1.2")]);
}

#[test]
fn a_real_log_by_what_it_prints() {
    check(
        &audit_log(&Config::default(), Basis::Logged, 0),
        &[
            ("matched rate-not-logged", 31),
            ("matched ratios-rounded", 59),
            ("skipped", 25),
            ("unrated class-not-logged", 1),
            ("unrated count-not-logged", 1),
            ("unrated estimate", 3),
            ("unrated no-ratios", 3),
            ("unrated rate-not-logged", 72),
            ("unrated ratios-rounded", 20),
            ("unrated split-not-logged", 2),
        ],
    );
}

#[test]
fn what_is_compiled_in_has_no_cache_rates() {
    let counts = counts(&audit_log(&config(&ALL[..2]), Basis::Config, 0));
    assert_eq!((counts["overcharged"], counts.get("undercharged")), (1, None));
    assert!(counts["unrated ratio-unknown"] > 20 && counts["matched"] > 120, "{counts:?}");
}

#[test]
fn one_point_more_or_less_is_found() {
    let config = config(&ALL);
    let right = audit_log(&config, Basis::Config, 0);
    for by in [1, -1] {
        for ((id, right), (_, changed)) in right.iter().zip(audit_log(&config, Basis::Config, by)) {
            let known = right.class == audit::Class::Matched;
            assert!(!known || changed.class.is_mismatch(), "row {id} by {by}: {:?}", changed.class);
        }
    }
}

/// One row of a gateway with a channel `7`, whose prices are given.
struct Case {
    cells: Cells,
    config: Config,
}

impl Case {
    fn new(model_configs: &str, fields: &[(Field, &str)]) -> Case {
        let channel = serde_json::json!([{"id": 7, "type": 1, "name": "c", "models": "m", "base_url": "", "group": "default,half",
            "model_mapping": r#"{"asked":"m"}"#, "model_configs": model_configs}]);
        let answer = serde_json::json!({"success": true, "message": "", "data": channel}).to_string();
        let mut config = crate::read::config::read("x", br#"{"GroupRatio": {"default": 1, "half": 0.5}}"#).unwrap().config;
        config.overlay(crate::read::config::read("y", answer.as_bytes()).unwrap().config);
        let mut cells = Cells::default();
        cells.place = Place { input: 0, line: 1 };
        let usual =
            [(Field::Uuid, "u"), (Field::Type, "2"), (Field::Channel, "7"), (Field::Model, "m"), (Field::CachedTokens, "0")];
        let given = |field: Field| fields.iter().any(|(other, _)| *other == field);
        for (field, text) in fields.iter().copied().chain(usual.into_iter().filter(|(field, _)| !given(*field))) {
            cells.set(field, text);
            cells.columns.insert(field);
        }
        Case { cells, config }
    }

    fn verdict(&self) -> Verdict {
        verdict(&self.cells, &self.config, Basis::Config)
    }

    /// Class, expected points, quirk.
    #[track_caller]
    fn check(&self, class: &str, expected: i64, quirk: Option<(&str, Option<i128>)>) {
        let verdict = self.verdict();
        let charge = verdict.charge.unwrap();
        assert_eq!((verdict.class.word(), charge.expected.map(|charge| charge.points.0)), (class, Some(expected)));
        assert_eq!(charge.quirk.map(|(quirk, net)| (quirk.word(), net)), quirk);
    }
}

const CHAT: (Field, &str) = (Field::Metadata, r#"{"user_api_format":"chat"}"#);

#[test]
fn an_own_tier_counts_without_its_input_ratio() {
    let prices = r#"{"m":{"ratio":1,"completion_ratio":4,"tiers":[{"ratio":3,"completion_ratio":2,"cached_input_ratio":0.5,"input_token_threshold":100}]}}"#;
    let row = |prompt, quota| {
        [CHAT, (Field::PromptTokens, prompt), (Field::CachedTokens, "20"), (Field::CompletionTokens, "10"), (Field::Quota, quota)]
    };
    // (79 + 20 + 40) / 2, and (80 + 20·0.5 + 20) / 2; by the tier (240 + 10 + 60) / 2.
    Case::new(prices, &row("99", "70")).check("matched", 70, None);
    Case::new(prices, &row("100", "55")).check("matched", 55, Some(("tier-input-ignored", Some(-100))));
    let with_window = prices.replace(r#""tiers""#, r#""time_windows":[{"ranges":[],"overlay":{"ratio":9}}],"tiers""#);
    Case::new(&with_window, &row("100", "155")).check("matched", 155, None);
}

#[test]
fn the_last_bit_of_the_float_is_named() {
    let row = [CHAT, (Field::PromptTokens, "30"), (Field::CachedTokens, "29"), (Field::Quota, "4")];
    // 0.1 + 29·0.1, which is 2.9000000000000004.
    Case::new(r#"{"m":{"ratio":0.2}}"#, &row).check("matched", 4, Some(("float-tie", Some(1))));
}

#[test]
fn nothing_but_cache_is_free() {
    let row = [CHAT, (Field::PromptTokens, "0"), (Field::CachedTokens, "1000"), (Field::Model, "claude-x"), (Field::Quota, "0")];
    let prices = r#"{"claude-x":{"ratio":2,"cached_input_ratio":0.2}}"#;
    Case::new(prices, &row).check("matched", 0, Some(("cache-only-free", Some(-100))));
}

#[test]
fn an_image_model_in_a_free_group_pays_its_tokens() {
    let text = "image model=gpt-image-1 size=a quality=low requested_n=1 billed_n=2 total_usd=0.0000 group_rate=0.00 unit_usd=0.0100 tier=1.00 base_usd=0.0000 token_usd=0.0000";
    let row = [(Field::Content, text), (Field::PromptTokens, "10"), (Field::Model, "gpt-image-1"), (Field::Quota, "25")];
    let prices = r#"{"gpt-image-1":{"image":{"price_per_image_usd":0.01,"quality_size_multipliers":{"low":{"a":1}}}}}"#;
    let mut case = Case::new(prices, &row);
    case.config.overlay(crate::read::config::read("x", br#"{"GroupRatio": {"default": 0}}"#).unwrap().config);
    case.check("matched", 25, Some(("image-group-zero", Some(25))));
}

/// In group ratio 0.5 an image is 2,500 points, and its 10 tokens cost 1.25 to 10 USD per 1M.
#[test]
fn tokens_of_an_image_may_be_cached() {
    let text = "image model=gpt-image-1 size=a quality=low requested_n=1 billed_n=1 total_usd=0.0050 group_rate=0.50 unit_usd=0.0100 tier=1.00 base_usd=0.0050 token_usd=0.0000";
    let prices = r#"{"gpt-image-1":{"image":{"price_per_image_usd":0.01,"quality_size_multipliers":{"low":{"a":1}}}}}"#;
    // 10 · 5 / 2 · 0.5 is 12.5; of cached text it is 3.125, of an image 25.
    for (quota, class) in
        [("2513", "matched"), ("2504", "unrated"), ("2503", "undercharged"), ("2525", "unrated"), ("2526", "overcharged")]
    {
        let row = [(Field::Content, text), (Field::PromptTokens, "10"), (Field::Model, "gpt-image-1"), (Field::Quota, quota)];
        Case::new(prices, &row).check(class, 2_513, None);
    }
}

#[test]
fn a_model_that_nobody_prices_is_charged_at_the_fallback() {
    let row = |rate: &'static str, quota| {
        let text = if rate == "1.25" {
            "model rate 1.25, group rate 0.50, completion rate 1.00"
        } else {
            "model rate 3.00, group rate 0.50, completion rate 1.00"
        };
        [CHAT, (Field::Content, text), (Field::PromptTokens, "80"), (Field::Model, "nobody's"), (Field::Quota, quota)]
    };
    Case::new("{}", &row("1.25", "50")).check("matched", 50, Some(("fallback-ratio", None)));
    Case::new("{}", &row("1.25", "51")).check("overcharged", 50, None);
    let verdict = Case::new("{}", &row("3.00", "120")).verdict();
    assert_eq!(verdict.charge.unwrap().reason, Some(Reason::UnknownModel));
}

#[test]
fn a_window_that_ends_while_the_request_runs_leaves_both_prices() {
    let prices = r#"{"m":{"ratio":2,"time_windows":[{"ranges":[{"start":"00:00","end":"08:00"}],"overlay":{"ratio":4}}]}}"#;
    // 08:00:01 on 1970-01-02.
    let row = |elapsed, quota| {
        [CHAT, (Field::Time, "115201"), (Field::ElapsedTime, elapsed), (Field::PromptTokens, "100"), (Field::Quota, quota)]
    };
    Case::new(prices, &row("900", "100")).check("matched", 100, None);
    Case::new(prices, &row("900", "200")).check("overcharged", 100, None);
    Case::new(prices, &row("1001", "200")).check("matched", 200, None);
    Case::new(prices, &row("1001", "100")).check("unrated", 200, None);
    Case::new(prices, &row("1001", "150")).check("undercharged", 200, None);
}

#[test]
fn tools_are_added_at_the_channels_price_and_not_multiplied_by_the_group() {
    let text = |tools: &str| format!("model rate 1.00, group rate 0.50, completion rate 1.00, tools cost {tools}, cached_prompt 0");
    let (two, odd) = (text("10000"), text("10001"));
    let row = |text, quota| [CHAT, (Field::Content, text), (Field::PromptTokens, "100"), (Field::Quota, quota)];
    Case::new(r#"{"m":{"ratio":1}}"#, &row(two.as_str(), "10050")).check("matched", 10050, None);
    Case::new(r#"{"m":{"ratio":1}}"#, &row(two.as_str(), "5050")).check("undercharged", 10050, None);
    // No number of calls gives it: the upstream named the sum.
    let case = Case::new(r#"{"m":{"ratio":1}}"#, &row(odd.as_str(), "10051"));
    case.check("matched", 10051, None);
    assert_eq!(case.verdict().charge.unwrap().reason, Some(Reason::CountNotLogged));
}

#[test]
fn a_first_attempt_is_part_of_another_charge_unless_it_was_charged() {
    let row = |quota| [(Field::Content, "refunded: superseded by cross-channel retry"), (Field::Quota, quota)];
    assert_eq!(Case::new("{}", &row("0")).verdict().skip, Some(Skip::PartOfAnother));
    Case::new("{}", &row("5")).check("overcharged", 0, None);
}

#[test]
fn a_channel_that_the_config_lacks_leaves_the_rows_own_numbers() {
    let text = "model rate 1.50, group rate 1.00, completion rate 2.00, cached_prompt 0, cache_write_5m 0, cache_write_1h 0";
    let row = |quota| [CHAT, (Field::Channel, "8"), (Field::Content, text), (Field::PromptTokens, "100"), (Field::Quota, quota)];
    Case::new("{}", &row("150")).check("matched", 150, None);
    Case::new("{}", &row("151")).check("unrated", 150, None);
}

#[test]
fn images_go_by_the_mapped_model() {
    let text = "image model=asked size=1024x1024 quality=hd requested_n=3 billed_n=3 total_usd=0.0600 group_rate=0.50 unit_usd=0.0400 tier=2.00 base_usd=0.0600";
    let row = [(Field::Content, text), (Field::Model, "asked"), (Field::Quota, "30000")];
    let prices = r#"{"m":{"ratio":0,"image":{"price_per_image_usd":0.02,"size_multipliers":{"1024x1024":1},"quality_multipliers":{"hd":2}}}}"#;
    Case::new(prices, &row).check("matched", 30000, None);
}

#[test]
fn sessions_leave_audio_and_cached_tokens_open() {
    let prices =
        r#"{"m":{"ratio":2,"completion_ratio":4,"cached_input_ratio":0.2,"audio":{"prompt_ratio":8,"completion_ratio":2}}}"#;
    let session = (Field::Metadata, r#"{"user_api_format":"realtime"}"#);
    let row = |quota| [session, (Field::PromptTokens, "100"), (Field::CompletionTokens, "50"), (Field::Quota, quota)];
    // Text: (200 + 400) / 2. All cached: (20 + 400) / 2. All audio: + 100·7 + 50·12.
    Case::new(prices, &row("300")).check("matched", 300, None);
    for (quota, class) in [("210", "unrated"), ("209", "undercharged"), ("1600", "unrated"), ("1601", "overcharged")] {
        Case::new(prices, &row(quota)).check(class, 300, None);
    }
}
