use std::path::Path;

use super::*;
use crate::audit::{Auditor, Class as Verdict, Past};
use crate::config::Timeline;
use crate::exact::{Points, Ratio};
use crate::log::{Field, Reading, Row};
use crate::pricing::{Standing, judge};
use crate::read::{Next, config, input};

const PRICES: &str = r#"[{"model":"m","type":"tokens","channel_type":1,"input":1.25,"output":5,"extra_ratios":{"cached_tokens":0.5}},
    {"model":"call","type":"times","channel_type":1,"input":0.29,"output":9},
    {"model":"free-in","type":"tokens","channel_type":1,"input":0,"output":5,"extra_ratios":{"reasoning_tokens":0}},
    {"model":"cached-free","type":"tokens","channel_type":1,"input":1.25,"output":5,"extra_ratios":{"cached_tokens":0}},
    {"model":"one-*","type":"tokens","channel_type":1,"input":2,"output":4},
    {"model":"two-*","type":"tokens","channel_type":1,"input":2,"output":4},
    {"model":"two-x-*","type":"tokens","channel_type":1,"input":3,"output":6}]"#;

const GROUPS: &str = r#"{"success":true,"data":{"data":[{"symbol":"default","ratio":1},{"symbol":"vip","ratio":0.3}]}}"#;

fn config(sources: &[&str]) -> crate::config::Config {
    let mut all = crate::config::Config::default();
    sources.iter().for_each(|text| all.overlay(config::read("x", text.as_bytes()).unwrap().config));
    all
}

fn row(model: &str, [prompt, completion]: [i64; 2], quota: i64, content: &str, metadata: &str) -> Row {
    let mut row = Row::default();
    for (field, text) in [(Field::Type, "2"), (Field::Model, model), (Field::Content, content), (Field::Metadata, metadata)] {
        row.set(field, text);
    }
    for (field, number) in [(Field::PromptTokens, prompt), (Field::CompletionTokens, completion), (Field::Quota, quota)] {
        row.set(field, &number.to_string());
    }
    row
}

fn rated(row: &Row, basis: Basis, config: &crate::config::Config) -> Rated {
    let entry = LogEntry::parse(row, &Reading { time: &|_| None, currency: None }).unwrap();
    let details = Details::parse("metadata", entry.details).unwrap();
    let context = Context { config, basis, quota_per_unit: Ratio::from(500_000), veloera: false, other_mode: false };
    match rate(&entry, &details, &context, &mut Memory::default()).unwrap() {
        Rating::Charge(rated) => *rated,
        other => panic!("{other:?}"),
    }
}

/// `matched`, `matched, presuming …`, `unrated, …`, or the points that are right; and the quirk of a matched row.
fn said(rated: &Rated) -> String {
    let terms = match &rated.terms {
        Ok(terms) => terms,
        Err(reason) => return format!("unrated, {}", reason.word()),
    };
    let judgement = judge(terms, &rated.charged, 0);
    let quirk = rated.departures.iter().find(|departure| match &departure.rules {
        Some(rules) => crate::pricing::price(rules).points != judgement.expected.points,
        None => true,
    });
    match judgement.standing {
        Standing::Matched { presumed: Some(reason) } => format!("matched, presuming {}", reason.word()),
        Standing::Matched { presumed: None } => {
            quirk.map_or("matched".to_owned(), |departure| format!("matched, {}", departure.quirk.word()))
        }
        Standing::Unrated { reason, .. } => format!("unrated, {}", reason.word()),
        Standing::Mismatch => judgement.expected.points.to_string(),
    }
}

/// By the row's own ratios.
#[track_caller]
fn own(model: &str, tokens: [i64; 2], quota: i64, metadata: &str, expected: &str) {
    let found = said(&rated(&row(model, tokens, quota, "", metadata), Basis::Logged, &config(&[])));
    assert_eq!(found, expected);
}

/// By the price list, for a row that carries these ratios.
#[track_caller]
fn listed(model: &str, tokens: [i64; 2], quota: i64, group: &str, metadata: &str, expected: &str) {
    let mut row = row(model, tokens, quota, "", metadata);
    row.set(Field::Group, group);
    assert_eq!(said(&rated(&row, Basis::Config, &config(&[PRICES, GROUPS]))), expected);
}

#[test]
fn a_source_without_prices_leaves_the_rows_own() {
    let status = r#"{"success":true,"data":{"quota_per_unit":500000}}"#;
    let groups = r#"{"success":true,"data":{"vip":{"symbol":"vip","ratio":1.2}}}"#;
    let metadata = r#"{"price_type":"tokens","group_ratio":1.2,"input_ratio":1,"output_ratio":4}"#;
    let check = |quota: i64, metadata: &str, source: &str, expected: &str| {
        let mut row = row("gpt-4o", [1000, 64], quota, "", metadata);
        row.set(Field::Group, "vip");
        assert_eq!(said(&rated(&row, Basis::Config, &config(&[source]))), expected);
    };
    for source in [status, groups] {
        // ceil((1000 + 64·4)·1.2) = 1508.
        check(1508, metadata, source, "matched, presuming ratio-unknown");
        check(1507, metadata, source, "unrated, ratio-unknown");
        check(1508, "null", source, "unrated, ratio-unknown");
    }
}

#[test]
fn a_later_ratio_lies_over_a_price_list() {
    let list = r#"[{"model":"m","type":"tokens","channel_type":1,"input":5,"output":5}]"#;
    let own = "[model_ratio]\nm = 1\n[completion_ratio]\nm = 4\n[group_ratio]\nvip = 1.2\n";
    let check = |sources: &[&str], expected: &str| {
        let mut row = row("m", [1000, 64], 1508, "", "null");
        row.set(Field::Group, "vip");
        assert_eq!(said(&rated(&row, Basis::Config, &config(sources))), expected, "{sources:?}");
    };
    check(&[list, own], "matched");
    // ceil((1000 + 64)·5·1.2) = 6384.
    check(&[own, list], "6384");
}

#[test]
fn the_rules_of_a_row() {
    let plain = r#"{"price_type":"tokens","group_ratio":1.2,"input_ratio":1,"output_ratio":4}"#;
    own("m", [1000, 64], 1508, plain, "matched");
    own("m", [1000, 64], 1507, plain, "1508");
    own("m", [0, 0], 0, plain, "matched");
    let cached = r#"{"group_ratio":1.2,"input_ratio":1,"output_ratio":4,"cached_tokens":1792,"cached_tokens_ratio":0.25}"#;
    own("m", [1816, 64], 874, cached, "matched");
    // Ratios that the row does not print: 1.25 for writes, 0.1 for reads.
    let claude = r#"{"group_ratio":1,"input_ratio":1,"output_ratio":5,"cached_write_tokens":100,"cached_read_tokens":1000}"#;
    own("m", [1200, 10], 375, claude, "matched");
    // 7.5 tokens less are 7: the rest is lost in the cut.
    let cut = r#"{"group_ratio":1,"input_ratio":10,"output_ratio":5,"cached_tokens":15,"cached_tokens_ratio":0.5}"#;
    own("m", [20, 0], 130, cut, "matched, rounded-in-steps");
    // 1.1 · 50 is 55.00000000000001.
    own("m", [1, 0], 56, r#"{"group_ratio":1.1,"input_ratio":50,"output_ratio":0}"#, "matched, float-tie");
}

#[test]
fn the_zero_rule_looks_at_the_adjusted_tokens() {
    let cached = r#"{"group_ratio":1,"input_ratio":2,"output_ratio":5,"cached_tokens":9,"cached_tokens_ratio":0,
        "extra_billing":{"file_search":{"type":"","call_count":2,"price":0.0025}}}"#;
    own("m", [9, 0], 0, cached, "matched, cache-only-free");
    own("m", [9, 1], 2505, cached, "matched");
    own("m", [0, 0], 0, r#"{"price_type":"times","group_ratio":1,"input_ratio":50}"#, "matched");
    own("m", [1, 0], 50_000, r#"{"price_type":"times","group_ratio":1,"input_ratio":50}"#, "matched");
}

#[test]
fn only_the_input_ratio_decides_the_minimum() {
    let reasoning = r#"{"group_ratio":1,"input_ratio":0,"output_ratio":5,"reasoning_tokens":100,"reasoning_tokens_ratio":0}"#;
    own("m", [5, 20], -400, reasoning, "matched");
    own("m", [1, 0], 1, r#"{"group_ratio":0.0001,"input_ratio":0.0001,"output_ratio":5}"#, "matched");
    own("m", [5, 0], 0, r#"{"group_ratio":1,"input_ratio":-3,"output_ratio":5}"#, "matched");
    own("m", [2_000_000_000, 0], 75_000_000_000, r#"{"group_ratio":1,"input_ratio":37.5,"output_ratio":5}"#, "matched");
}

#[test]
fn tools_are_rounded_by_themselves() {
    let tools = r#"{"group_ratio":0.3,"input_ratio":1,"output_ratio":4,
        "extra_billing":{"web_search_preview":{"type":"","call_count":1,"price":0.01},"image_generation":{"type":"","call_count":3,"price":0}}}"#;
    own("m", [1, 0], 1501, tools, "matched");
    own("m", [1, 0], 1500, tools, "1501");
}

#[test]
fn rows_of_before_metadata_print_prices() {
    let check = |content: &str, tokens, quota, expected: &str| {
        let row = row("m", tokens, quota, content, "null");
        assert_eq!(said(&rated(&row, Basis::Logged, &config(&[]))), expected, "{content}");
    };
    let both = "模型费率 $0.002/1k (输入) | $0.008/1k (输出)，分组倍率 1.20";
    check(both, [1000, 64], 1508, "matched, presuming ratios-rounded");
    check(both, [1000, 64], 1510, "unrated, ratios-rounded");
    check(both, [1000, 64], 1600, "1508");
    check("模型费率 $0.1/次，分组倍率 1.00", [1, 0], 50_000, "matched, presuming ratios-rounded");
    check("模型倍率 0.25，分组倍率 1.00", [1, 0], 1, "unrated, no-ratios");
    let older = row("m", [200, 10], 360, "模型倍率 0.30，分组倍率 1.20", "null");
    assert_eq!(said(&rated(&older, Basis::Config, &config(&[PRICES, GROUPS]))), "matched, presuming ratios-rounded");
}

#[test]
fn prices_by_name_wildcard_and_fallback() {
    let m = r#"{"group_ratio":0.3,"input_ratio":1.25,"output_ratio":5,"cached_tokens":100,"cached_tokens_ratio":0.5}"#;
    listed("m", [200, 10], 72, "vip", m, "matched");
    listed("call", [9, 9], 290, "default", r#"{"price_type":"times","group_ratio":1,"input_ratio":0.29}"#, "matched");
    listed("one-a", [10, 10], 60, "default", r#"{"group_ratio":1,"input_ratio":2,"output_ratio":4}"#, "matched");
    listed("none", [10, 10], 600, "default", r#"{"group_ratio":1,"input_ratio":30,"output_ratio":30}"#, "matched, fallback-ratio");
    // It had a price when the row was written.
    listed("none", [10, 10], 60, "default", r#"{"group_ratio":1,"input_ratio":2,"output_ratio":4}"#, "unrated, unknown-model");
    // Changed since the row: the list is right, the row drifted.
    listed("m", [200, 10], 250, "default", r#"{"group_ratio":1,"input_ratio":1,"output_ratio":5}"#, "300");
}

#[test]
fn of_overlapping_wildcards_the_row_shows_one() {
    let x = |input: i64, output: i64| format!(r#"{{"group_ratio":1,"input_ratio":{input},"output_ratio":{output}}}"#);
    let ambiguous = "matched, presuming price-ambiguous";
    listed("two-x-1", [10, 10], 90, "default", &x(3, 6), ambiguous);
    listed("two-x-1", [10, 10], 60, "default", &x(2, 4), ambiguous);
    listed("two-x-1", [10, 10], 60, "default", &x(3, 6), "unrated, price-ambiguous");
    listed("two-x-1", [10, 10], 61, "default", &x(3, 6), "90");
}

#[test]
fn a_group_that_the_config_lacks_is_not_known() {
    let m = r#"{"group_ratio":0.7,"input_ratio":1.25,"output_ratio":5}"#;
    listed("m", [200, 10], 210, "gone", m, "matched, presuming ratio-unknown");
    listed("m", [200, 10], 211, "gone", m, "unrated, ratio-unknown");
}

#[test]
fn what_is_passed_through_is_free() {
    let of = |quota: i64| {
        let row = row("", [0, 0], quota, "中继:/v1/files", "null");
        let entry = LogEntry::parse(&row, &Reading { time: &|_| None, currency: None }).unwrap();
        skipped(&entry)
    };
    assert_eq!((of(0), of(5)), (Some(Skip::PassThrough), None));
    assert_eq!(said(&rated(&row("", [0, 0], 5, "中继:/v1/files", "null"), Basis::Logged, &config(&[]))), "0");
}

#[test]
fn quotas_own_words_price_too() {
    let toml = "[group_ratio]\ndefault = 1\n[model.m]\ninput = 2.5\ncached = 1.25\noutput = 10\n[model.call]\nper_call = 0.00058\n";
    let config = config(&[toml]);
    for (model, tokens, quota, metadata) in [
        ("m", [200, 10], 238, r#"{"group_ratio":1,"input_ratio":9,"output_ratio":9,"cached_tokens":100,"cached_tokens_ratio":1}"#),
        ("call", [1, 0], 290, r#"{"price_type":"times","group_ratio":1,"input_ratio":9}"#),
    ] {
        let mut row = row(model, tokens, quota, "", metadata);
        row.set(Field::Group, "default");
        assert_eq!(said(&rated(&row, Basis::Config, &config)), "matched");
    }
}

#[test]
fn a_failed_job_that_gets_more_back_is_noted() {
    let mut memory = Memory::default();
    let nothing = config(&[]);
    let mut one = |kind: &str, quota: i64, content: &str, metadata: &str| {
        let mut row = Row::default();
        let tokens = if kind == "2" { "1" } else { "0" };
        for (field, text) in [
            (Field::Type, kind),
            (Field::User, "ann"),
            (Field::Content, content),
            (Field::Metadata, metadata),
            (Field::PromptTokens, tokens),
            (Field::Quota, &quota.to_string()),
        ] {
            row.set(field, text);
        }
        row.set(Field::Model, if kind == "2" { "song" } else { "" });
        let entry = LogEntry::parse(&row, &Reading { time: &|_| None, currency: None }).unwrap();
        let details = Details::parse("metadata", entry.details).unwrap();
        let context = Context {
            config: &nothing,
            basis: Basis::Logged,
            quota_per_unit: Ratio::from(500_000),
            veloera: false,
            other_mode: false,
        };
        rate(&entry, &details, &context, &mut memory).unwrap()
    };
    one("2", 50, "", r#"{"price_type":"tokens","group_ratio":1,"input_ratio":50,"output_ratio":50}"#);
    one("2", 50_000, "", r#"{"price_type":"times","group_ratio":1,"input_ratio":50}"#);
    let refund = "异步任务执行失败 83241a90，补偿 ＄0.100000 额度";
    // The first may give back the call, the second cannot.
    assert_eq!(one("4", 0, refund, "null"), Rating::Skipped(Skip::System));
    assert_eq!(one("4", 0, refund, "null"), Rating::Noted(Skip::System, Quirk::RefundExceedsCharge, 49_950));
    assert_eq!(one("4", 0, refund, "null"), Rating::Skipped(Skip::System));
}

/// Rows of a real gateway, as charged and with one point more or less.
#[test]
fn real_rows_match_and_one_point_beside_does_not() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/logs/one-hub");
    let source = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let config = config(&[&source("prices.json"), &source("user_groups.json"), &source("options.json")]);
    let timeline = Timeline::new(config);
    for basis in [Basis::Config, Basis::Logged] {
        let mut log = input::open_path(&folder.join("logs.csv"), &input::OpenOptions::default()).unwrap();
        let (mut row, mut past, mut charges) = (Row::default(), Past::default(), 0);
        while log.rows.next(&mut row) == Next::Row {
            let mut entry = LogEntry::parse(&row, &Reading { time: &|text| text.parse().ok(), currency: None }).unwrap();
            let config = timeline.at(None);
            let context = Context { config, basis, quota_per_unit: Ratio::from(500_000), veloera: false, other_mode: false };
            let mut judged = |entry: &LogEntry<'_>| Auditor::default().judge(entry, &context, &mut past).class;
            let class = judged(&entry);
            let drifted = basis == Basis::Config && entry.model == "repriced";
            assert!(matches!(class, Verdict::Matched | Verdict::Skipped) || drifted, "{entry:?}");
            if class == Verdict::Matched {
                let Some(Charged::Points(Points(right))) = entry.charged else { panic!("{entry:?}") };
                for (beside, expected) in [(right + 1, Verdict::Overcharged), (right - 1, Verdict::Undercharged)] {
                    entry.charged = Some(Charged::Points(Points(beside)));
                    assert_eq!(judged(&entry), expected, "{entry:?}");
                }
                charges += 1;
            }
        }
        assert!(charges > 50, "{charges}");
    }
}
