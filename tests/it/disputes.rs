//! Charges that people disputed in public: what is said of each is what was found out in the end.

use serde_json::{Value, json};

use crate::run::audit;

/// A row as new-api logs it, with the ratios and counts of `other`, and without the marks of a test from the console.
fn row(prompt: i64, completion: i64, charged: i64, other: &Value) -> Value {
    json!({
        "id": 1, "type": 2, "created_at": 1_780_000_000, "username": "ann", "token_name": "prod", "group": "default",
        "model_name": "gpt-x", "prompt_tokens": prompt, "completion_tokens": completion, "quota": charged, "other": other.to_string(),
    })
}

/// The one row of a log, audited with further flags.
#[track_caller]
fn audited(row: &Value, config: Option<&str>, flags: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.ndjson");
    std::fs::write(&path, row.to_string()).unwrap();
    let config_path = folder.path().join("config.toml");
    let mut all = flags.to_vec();
    if let Some(text) = config {
        std::fs::write(&config_path, text).unwrap();
        all.extend(["--config", config_path.to_str().unwrap()]);
    }
    audit(&path, &all).rows.remove(0)
}

#[track_caller]
fn check(row: &Value, expected: i64, cause: &str) {
    let found = audited(row, None, &[]);
    assert_eq!((&found["expected_points"], &found["cause"]), (&json!(expected), &json!(cause)), "{found}");
}

/// 5,091 prompt tokens, 4,864 of them cached, and 15 of output.
fn cached_test(charged: i64) -> Value {
    let other = json!({
        "model_ratio": 37.5, "completion_ratio": 6, "cache_ratio": 0.1, "cache_tokens": 4864, "group_ratio": 0.06666667,
        "model_price": -1, "user_group_ratio": -1,
    });
    row(5_091, 15, charged, &other)
}

/// QuantumNous/new-api 5419: a test from the console is priced without cache and group.
#[test]
fn a_cached_test_is_priced_by_the_rule_of_tests() {
    let mut test = cached_test(194_288);
    (test["token_name"], test["content"]) = (json!("模型测试"), json!("模型测试"));
    let found = audited(&test, None, &[]);
    assert_eq!((&found["verdict"], &found["quirk"]), (&json!("matched"), &json!("channel-test")), "{found}");
}

#[test]
fn the_same_charge_without_the_marks_of_a_test_leaves_out_cache_and_group() {
    check(&cached_test(194_288), 2_009, "group-ratio-omitted+cache-ratio-omitted");
    check(&cached_test(12_953), 2_009, "cache-ratio-omitted");
    check(&cached_test(30_128), 2_009, "group-ratio-omitted");
}

/// 17 + 13 tokens at 15 are 450; with the completion ratio they are 645.
#[test]
fn output_that_is_priced_like_input() {
    let other = json!({"model_ratio": 15, "completion_ratio": 2, "group_ratio": 1, "model_price": -1});
    check(&row(17, 13, 450, &other), 645, "completion-ratio-omitted");
}

/// QuantumNous/new-api 5756: 24,951 + 854 tokens, 64,126 read from and 2,805 written to the cache, at 1.75, 8.75, 0.175 and 2.1875
/// for 1M: 0.0685 are right, 0.06236 were charged.
fn writing(charged: i64) -> Value {
    let other = json!({
        "model_ratio": 0.875, "completion_ratio": 5, "cache_ratio": 0.1, "cache_tokens": 64_126, "group_ratio": 1, "model_price": -1,
        "cache_creation_ratio": 1.25, "cache_creation_tokens": 2_805, "claude": true, "usage_semantic": "anthropic",
    });
    row(24_951, 854, charged, &other)
}

#[test]
fn cache_writes_that_are_free_or_priced_as_input() {
    // 0.06236 of the currency are 31,179 points, 0.0685 are 34,247.
    check(&writing(31_179), 34_247, "cache-write-omitted");
    check(&writing(33_634), 34_247, "cache-write-ratio-differs");
}

/// A model at 0.075 that is charged by the gateway's 30 for models without a price.
#[test]
fn a_model_that_is_charged_by_the_fallback() {
    let config = "[model_ratio]\n\"gpt-4o-mini\" = 0.075\n[completion_ratio]\n\"gpt-4o-mini\" = 4\n";
    let log = json!({"model": "gpt-4o-mini", "prompt_tokens": 1_000, "completion_tokens": 500, "quota": 90_000});
    let found = audited(&log, Some(config), &["--profile", "one-api"]);
    assert_eq!((&found["expected_points"], &found["cause"]), (&json!(225), &json!("model-ratio-fallback")), "{found}");
    assert_eq!(found["implied"], json!({"model_ratio": "30"}), "{found}");
}

/// QuantumNous/new-api 6138: a price of 2.5 a call, and 37.5 are charged.
#[test]
fn a_price_per_call_that_is_charged_fifteen_times() {
    let other = json!({"model_price": 2.5, "group_ratio": 1, "model_ratio": 0, "completion_ratio": 0});
    let found = audited(&row(10, 0, 18_750_000, &other), None, &[]);
    assert_eq!((&found["expected_points"], &found["cause"]), (&json!(1_250_000), &json!("multiplier-differs")), "{found}");
    assert_eq!(found["implied"], json!({"multiplier": "15"}), "{found}");
}
