//! Wrong charges whose arithmetic has a corner: each is worked out by hand, and has the cause that it was made with.

use serde_json::{Value, json};

use crate::run::{Audit, audit, quota, verdict};

/// A row of new-api of 2026: what its `other` says, prompt, completion and content; what is charged; the cause.
struct Wrong {
    other: Value,
    tokens: (i64, i64),
    content: &'static str,
    charged: i64,
    cause: &'static str,
}

fn wrong(mut other: Value, tokens: (i64, i64), charged: i64, cause: &'static str) -> Wrong {
    let ratios = [("model_ratio", json!(1)), ("completion_ratio", json!(1)), ("model_price", json!(-1)), ("group_ratio", json!(1))];
    for (key, ratio) in ratios {
        other.as_object_mut().unwrap().entry(key).or_insert(ratio);
    }
    Wrong { other, tokens, content: "", charged, cause }
}

/// The marks of new-api of 2026.
fn today(mut other: Value) -> Value {
    other["request_path"] = json!("/v1/chat/completions");
    other["user_group_ratio"] = json!(-1);
    other["cache_ratio"] = other.get("cache_ratio").cloned().unwrap_or(json!(1));
    other
}

fn by_expression(base64: &str, cached: i64) -> Value {
    today(json!({"billing_mode": "tiered_expr", "expr_b64": base64, "matched_tier": "base", "model_price": 0, "model_ratio": 0,
        "completion_ratio": 0, "cache_tokens": cached}))
}

/// `tier("base", p * 2.5 + c * 15 + cr * 0.25)`
const WITH_CACHED: &str = "dGllcigiYmFzZSIsIHAgKiAyLjUgKyBjICogMTUgKyBjciAqIDAuMjUp";
/// `tier("base", p * 2.5 + c * 15)`
const WITHOUT_CACHED: &str = "dGllcigiYmFzZSIsIHAgKiAyLjUgKyBjICogMTUp";

fn rows() -> Vec<Wrong> {
    vec![
        // 500 · (1.5 · 0.3) is 224.99… in float64.
        wrong(today(json!({"model_ratio": 1.5, "completion_ratio": 5, "group_ratio": 0.3})), (100, 20), 224, "pre-consumed-kept"),
        // The estimate is of the prompt or of 500 tokens, and not of both.
        wrong(today(json!({"model_ratio": 1, "completion_ratio": 2, "group_ratio": 1})), (100, 10), 600, "unexplained"),
        // An estimate of 500 tokens would be cut to 0, but that of the prompt is 13: 43,590 · 0.0003.
        wrong(today(json!({"model_ratio": 0.0003, "completion_ratio": 3})), (43_590, 600), 0, "zero-charge"),
        // 9 · 0.0715 is 0.6435: cut to 0, it would become the minimum of 1.
        wrong(today(json!({"model_ratio": 0.0715, "completion_ratio": 4})), (5, 1), 0, "zero-charge"),
        // Without the minimum, 11 tokens at -2 would give 22 points.
        wrong(today(json!({"model_ratio": -2})), (10, 1), 0, "zero-charge"),
        wrong(today(json!({"model_ratio": -2})), (10, 1), -22, "minimum-charge"),
        // Without output, and nothing cached: 100 · 2.5 USD per 1M.
        wrong(by_expression(WITH_CACHED, 40), (100, 10), 125, "pre-consumed-kept"),
        // 1,000 + 100 · 4 points, and 2 calls at 10 USD per 1,000.
        wrong(
            today(json!({"completion_ratio": 4, "tool_surcharges": [{"name": "web_search", "count": 2, "price": 10}]})),
            (1_000, 100),
            1_400,
            "tool-surcharge-omitted",
        ),
        // 1,400 points, and 60 calls at 17.3 USD per 1,000 in place of 10.
        wrong(
            today(json!({"completion_ratio": 4, "tool_surcharges": [{"name": "web_search", "count": 60, "price": 10}]})),
            (1_000, 100),
            520_400,
            "tool-surcharge-differs",
        ),
        // 10 · 0.5 is rounded to 5 and 3 · 0.5 to 2 points; the calls are added to that.
        wrong(
            today(
                json!({"model_ratio": 0.5, "completion_ratio": 1, "tool_surcharges": [{"name": "web_search", "count": 1, "price": 10}]}),
            ),
            (11, 3),
            5_008,
            "rounding",
        ),
        // A task without a price is no sum of tokens: 0.2 / 2 USD for each of 7 seconds.
        Wrong {
            content: "操作 generate，计算参数：seconds: 7.00",
            ..wrong(json!({"is_task": true, "request_path": "/v1/videos", "model_ratio": 0.2}), (0, 0), 0, "zero-charge")
        },
        // Audio tokens with a price of their own are left out: 80 + 30 + 10 points, and a search.
        wrong(
            today(json!({"cache_tokens": 80, "cache_ratio": 1, "image": true, "image_output": 30, "image_ratio": 1,
                "audio_input_seperate_price": true, "audio_input_price": 100, "audio_input_token_count": 40,
                "tool_surcharges": [{"name": "google_search", "count": 1, "price": 14}]})),
            (100, 10),
            7_120,
            "input-omitted",
        ),
        // Here 10 tokens of text are left: 70 + 20 + 10 + 10 points in place of 70 + 20 + 10 + 2,000.
        wrong(
            today(json!({"cache_tokens": 70, "cache_ratio": 1, "image": true, "image_output": 20, "image_ratio": 1,
                "audio_input_seperate_price": true, "audio_input_price": 100, "audio_input_token_count": 40})),
            (100, 10),
            110,
            "audio-ratio-omitted",
        ),
        // With the cached tokens left in, 40 are left: 70 + 20 + 10 + 2,000 points, and 40.
        wrong(
            today(json!({"cache_tokens": 70, "cache_ratio": 1, "image": true, "image_output": 20, "image_ratio": 1,
                "audio_input_seperate_price": true, "audio_input_price": 100, "audio_input_token_count": 40})),
            (100, 10),
            2_140,
            "cache-double-counted",
        ),
        // More is cached than the prompt holds, so `p` is 0: (10 · 2.5 + 150 · 0.25) / 2 points.
        wrong(by_expression(WITH_CACHED, 150), (100, 10), 31, "completion-ratio-omitted"),
        // (150 · 2.5 + 10 · 15 + 150 · 0.25) / 2
        wrong(by_expression(WITH_CACHED, 150), (100, 10), 281, "cache-double-counted"),
        // Cached tokens that an expression does not name are input: 10 · 15 / 2.
        wrong(by_expression(WITHOUT_CACHED, 60), (100, 10), 75, "input-omitted"),
        // Of a prompt that holds them, cached tokens are taken out once: 100 · 1 is what is left without the 60 others.
        wrong(today(json!({"cache_tokens": 100, "cache_ratio": 0.5, "completion_ratio": 4})), (160, 10), 90, "input-omitted"),
        // A Claude row holds none: 300 - 100, and 100 · 0.1, and 10 · 5.
        wrong(
            today(
                json!({"claude": true, "usage_semantic": "anthropic", "cache_tokens": 100, "cache_ratio": 0.1, "completion_ratio": 5}),
            ),
            (300, 10),
            260,
            "cache-subtracted",
        ),
        // Claude rows of 2025 cut the price of a call: 0.0333333 · 500,000 · 0.95 · 3 is 47,499.95.
        wrong(
            json!({"claude": true, "cache_ratio": 0, "model_ratio": 0, "completion_ratio": 0, "model_price": 0.0333333, "group_ratio": 0.95}),
            (10, 10),
            47_499,
            "multiplier-differs",
        ),
        // (100 - 300 + 300 · 0.1 + 10) · 0.5 is -80: one point is right, and nothing is no such sum.
        wrong(json!({"cache_tokens": 300, "cache_ratio": 0.1, "model_ratio": 0.5}), (100, 10), -80, "minimum-charge"),
        wrong(json!({"cache_tokens": 300, "cache_ratio": 0.1, "model_ratio": 0.5}), (100, 10), 0, "zero-charge"),
    ]
}

/// `len <= 200000 ? tier("standard", p * 3 + c * 15) : tier("long", p * 6 + c * 22.5)`
const TIERS: &str = "bGVuIDw9IDIwMDAwMCA/IHRpZXIoInN0YW5kYXJkIiwgcCAqIDMgKyBjICogMTUpIDogdGllcigibG9uZyIsIHAgKiA2ICsgYyAqIDIyLjUp";

/// What the operator has set; the price of `dall-e-3` is the gateway's own.
fn options() -> Value {
    let maps = [
        ("ModelRatio", json!({"called": 1.25, "dall-e-3": 1, "asked": 2, "served": 0.5, "small": 0.1, "free": 1, "plan": 1.25})),
        ("CompletionRatio", json!({"called": 4, "asked": 4, "served": 3, "plan": 4})),
        ("ModelPrice", json!({"called": 0.04})),
        ("billing_setting.billing_mode", json!({"tiered": "tiered_expr"})),
        (
            "billing_setting.billing_expr",
            json!({"tiered": "len <= 200000 ? tier(\"standard\", p * 3 + c * 15) : tier(\"long\", p * 6 + c * 22.5)"}),
        ),
        ("GroupRatio", json!({"default": 1, "discount": 0.8, "gratis": 0})),
    ];
    let options = maps.map(|(key, map)| json!({"key": key, "value": map.to_string()}));
    json!({"success": true, "data": options})
}

/// Rows of the models of [`options`].
fn rows_of_config() -> Vec<(&'static str, &'static str, Wrong)> {
    let plan = json!({"model_ratio": 1.25, "completion_ratio": 4, "group_ratio": 0.8, "billing_source": "subscription",
        "subscription_pre_consumed": 500, "subscription_consumed": 1_250});
    let called = json!({"model_price": 0.04, "model_ratio": 0, "completion_ratio": 0});
    let tiers = json!({"billing_mode": "tiered_expr", "expr_b64": TIERS, "matched_tier": "standard", "model_price": 0,
        "model_ratio": 0, "completion_ratio": 0});
    let mapped = json!({"model_ratio": 2, "completion_ratio": 4, "is_model_mapped": true, "upstream_model_name": "served"});
    vec![
        // 20,000 points a call; (600 + 100 · 4) · 1.25
        ("called", "default", wrong(today(called), (600, 100), 1_250, "per-call-as-tokens")),
        // 700 points; 0.04 USD a call.
        ("dall-e-3", "default", wrong(today(json!({})), (600, 100), 20_000, "tokens-as-per-call")),
        // (600 · 3 + 100 · 15) / 2 points; in the other tier (600 · 6 + 100 · 22.5) / 2.
        ("tiered", "default", wrong(today(tiers), (600, 100), 2_925, "tier-other")),
        // 1,000 · 2 points; (600 + 100 · 3) · 0.5 as the upstream model.
        ("asked", "default", wrong(today(mapped), (600, 100), 450, "model-price-other")),
        // 0.2 points are 1.
        ("small", "default", wrong(today(json!({"model_ratio": 0.1})), (2, 0), 0, "minimum-charge")),
        // A free group pays nothing.
        ("free", "gratis", wrong(today(json!({"group_ratio": 0})), (600, 100), 1, "minimum-charge")),
        // 1,000 · 1.25 · 0.8 points, whoever pays them.
        ("plan", "discount", wrong(today(plan), (600, 100), 1_250, "group-ratio-omitted")),
    ]
}

#[test]
fn other_prices_of_the_config_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (log, config) = (folder.path().join("log.ndjson"), folder.path().join("options.json"));
    let rows = rows_of_config();
    let lines = rows.iter().enumerate().map(|(id, (model, group, row))| line(id, model, group, row));
    std::fs::write(&log, lines.collect::<String>()).unwrap();
    std::fs::write(&config, options().to_string()).unwrap();
    let audited = audit(&log, &["--config", config.to_str().unwrap()]);
    let told: Vec<&str> = audited.rows.iter().map(verdict).collect();
    let made: Vec<&str> = rows.iter().map(|(_, _, row)| row.cause).collect();
    assert_eq!(told, made, "{:#?}", audited.rows);
}

fn line(id: usize, model: &str, group: &str, row: &Wrong) -> String {
    let row = json!({"id": id, "created_at": 1_795_000_000 + id, "type": 2, "content": row.content, "username": "u",
        "token_name": "t", "model_name": model, "quota": row.charged, "prompt_tokens": row.tokens.0,
        "completion_tokens": row.tokens.1, "group": group, "other": row.other.to_string()});
    format!("{row}\n")
}

#[test]
fn corners_have_the_cause_that_they_were_made_with() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.ndjson");
    let rows = rows();
    std::fs::write(&log, rows.iter().enumerate().map(|(id, row)| line(id, &format!("m{id}"), "default", row)).collect::<String>())
        .unwrap();
    let audited = audit(&log, &["--basis", "logged"]);
    let told: Vec<&str> = audited.rows.iter().map(verdict).collect();
    let made: Vec<&str> = rows.iter().map(|row| row.cause).collect();
    assert_eq!(told, made, "{:#?}", audited.rows);
}

#[test]
fn a_small_charge_is_explained_by_the_number_that_larger_ones_agree_on() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.ndjson");
    // Tokens · 0.494 in place of 1.7. The last row would be 0.493 or 0.495 as well.
    let rows = [(20_001, 9_880), (30_011, 14_825), (700, 346)];
    let rows = rows.map(|(tokens, charged)| wrong(today(json!({"model_ratio": 1.7})), (tokens, 0), charged, "model-ratio-differs"));
    std::fs::write(&log, rows.iter().enumerate().map(|(id, row)| line(id, "m", "default", row)).collect::<String>()).unwrap();
    let audited = audit(&log, &["--basis", "logged"]);
    let causes = audited.end["causes"].as_array().unwrap();
    let told: Vec<_> = causes.iter().map(|cause| (cause["cause"].as_str(), cause["rows"].as_i64(), &cause["implied"])).collect();
    assert_eq!(told, [(Some("model-ratio-differs"), Some(3), &json!({"model_ratio": "0.494"}))], "{causes:#?}");
}

#[test]
fn another_number_of_points_for_1_usd_holds_for_expressions_and_videos() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.ndjson");
    let video = |content, price: Value, charged| Wrong {
        content,
        ..wrong(json!({"is_task": true, "request_path": "/v1/videos", "model_price": price}), (0, 0), charged, "")
    };
    // Points for 1 USD are 610,000: (p · 2.5 + c · 15) / 10⁶ · 610,000, and the price of each second that is cut to whole points.
    let rows = [
        ("tiered", wrong(by_expression(WITHOUT_CACHED, 0), (4_000, 1_000), 15_250, "")),
        ("tiered", wrong(by_expression(WITHOUT_CACHED, 0), (10_000, 100), 16_165, "")),
        ("video", video("操作 textGenerate, 计算参数：seconds: 8.00", json!(0.123_457), 602_464)),
        ("video", video("操作 textGenerate, 计算参数：seconds: 5.00", json!(0.123_457), 376_540)),
        ("song", video("操作 MUSIC", json!(0.1), 61_000)),
    ];
    let lines = rows.iter().enumerate().map(|(id, (model, row))| line(id, model, "default", row));
    std::fs::write(&log, lines.collect::<String>()).unwrap();
    let audited = audit(&log, &["--basis", "logged"]);
    let causes = audited.end["causes"].as_array().unwrap();
    let told: Vec<_> = causes.iter().map(|cause| (cause["cause"].as_str(), cause["rows"].as_i64(), &cause["implied"])).collect();
    assert_eq!(told, [(Some("quota-per-unit-differs"), Some(5), &json!({"quota_per_unit": "610000"}))], "{causes:#?}");
}

#[test]
fn another_number_of_points_for_1_usd_may_come_to_a_whole_number_that_a_float_falls_short_of() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.ndjson");
    // 1,000,000 points for 1 USD: 0.1 · 1,000,000 · 1.15 is 114,999.99999999999 in float64, and is cut.
    let rows = [("0.1", "video", 114_999), ("0.1", "song", 114_999), ("0.05", "photo", 57_499)];
    let lines = rows.iter().enumerate().map(|(id, (price, model, charged))| {
        let other = json!({"is_task": true, "request_path": "/v1/videos", "model_price": price.parse::<Value>().unwrap(), "group_ratio": 1.15});
        line(id, model, "default", &wrong(other, (0, 0), *charged, ""))
    });
    std::fs::write(&log, lines.collect::<String>()).unwrap();
    let audited = audit(&log, &["--basis", "logged"]);
    let causes = audited.end["causes"].as_array().unwrap();
    let told: Vec<_> = causes.iter().map(|cause| (cause["cause"].as_str(), cause["rows"].as_i64(), &cause["implied"])).collect();
    assert_eq!(told, [(Some("quota-per-unit-differs"), Some(3), &json!({"quota_per_unit": "1000000"}))], "{causes:#?}");
}

/// A row of another gateway with what is charged, and the cause.
struct Elsewhere {
    row: Value,
    charged: i64,
    cause: &'static str,
}

/// Audits rows with configs, and compares their causes with those that they were made with.
#[track_caller]
fn check_elsewhere(rows: &[Elsewhere], configs: &[(&str, Value)]) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.ndjson");
    let line = |(id, made): (usize, &Elsewhere)| {
        let mut row = json!({"id": id, "created_at": 1_795_000_000 + id, "type": 2, "content": "", "username": "u", "token_name": "t",
            "quota": made.charged, "completion_tokens": 0});
        row.as_object_mut().unwrap().extend(made.row.as_object().unwrap().clone());
        format!("{row}\n")
    };
    std::fs::write(&log, rows.iter().enumerate().map(line).collect::<String>()).unwrap();
    let mut flags = Vec::new();
    for (name, config) in configs {
        let path = folder.path().join(name);
        std::fs::write(&path, config.to_string()).unwrap();
        flags.extend(["--config".to_owned(), path.to_str().unwrap().to_owned()]);
    }
    let audited = audit(&log, &flags.iter().map(String::as_str).collect::<Vec<_>>());
    let told: Vec<&str> = audited.rows.iter().map(verdict).collect();
    let made: Vec<&str> = rows.iter().map(|row| row.cause).collect();
    assert_eq!(told, made, "{:#?}", audited.rows);
}

#[test]
fn corners_of_one_hub() {
    let of_one_hub = |tokens: (i64, i64), mut metadata: Value, charged: i64, cause: &'static str| {
        for (key, value) in [("price_type", json!("tokens")), ("group_name", json!("default")), ("is_backup_group", json!(false))] {
            metadata.as_object_mut().unwrap().entry(key).or_insert(value);
        }
        let row = json!({"model_name": "m", "prompt_tokens": tokens.0, "completion_tokens": tokens.1, "request_time": 1,
            "source_ip": "", "channel_id": 1, "metadata": metadata});
        Elsewhere { row, charged, cause }
    };
    let ratios = |input: i64, output: i64| json!({"input_ratio": input, "output_ratio": output, "group_ratio": 1});
    let mut cached = ratios(10, 10);
    (cached["cached_tokens"], cached["cached_tokens_ratio"]) = (json!(5), json!(0.3));
    let quarter = || {
        let mut quarter = ratios(1, 2);
        (quarter["cached_tokens"], quarter["cached_tokens_ratio"]) = (json!(10), json!(0.25));
        quarter
    };
    let mut called = ratios(25, 0);
    let mut halved = ratios(1, 1);
    halved["input_ratio"] = json!(0.5);
    called["price_type"] = json!("times");
    check_elsewhere(
        &[
            // 5 · (0.3 − 1) is cut to −3: (11 − 3) · 10 points are right, and (11 − 3.5) · 10 if nothing is cut.
            of_one_hub((11, 0), cached, 75, "rounding"),
            // Cached tokens left in: 20 + 10 + trunc(10 · (0.25 − 1)), or 20 + trunc(10 · 0.25), in place of 20 + trunc(10 · (0.25 − 1)).
            of_one_hub((20, 0), quarter(), 23, "cache-double-counted"),
            of_one_hub((20, 0), quarter(), 22, "cache-double-counted"),
            // 10 + trunc(10 · (0.25 − 1)) for what was cached, and 6 · 2, in place of 13 + 12.
            of_one_hub((20, 6), quarter(), 15, "input-omitted"),
            of_one_hub((20, 6), quarter(), 12, "input-omitted"),
            // 100 · 2 points and 500 of them in advance, in place of 200 + 1,000 · 4.
            of_one_hub((100, 1_000), ratios(2, 4), 700, "pre-consumed-kept"),
            // 1,000 · 0.5 + 117 points. A call would be 500, but nothing says that there were 3.
            of_one_hub((1_000, 117), halved, 1_500, "unexplained"),
            // 50 · 2 points in place of nothing but the minimum: output without a price is usage all the same.
            of_one_hub((0, 50), ratios(1, 2), 1, "output-omitted"),
            // 25,000 points a call: there three times as much is told by itself.
            of_one_hub((1, 0), called, 75_000, "multiplier-differs"),
        ],
        &[],
    );
}

#[test]
fn corners_of_laisky() {
    let models = json!({
        "tiered": {"ratio": 1, "completion_ratio": 2, "tiers": [{"input_token_threshold": 1000, "completion_ratio": 4}]},
        "heeded": {"ratio": 1, "tiers": [{"input_token_threshold": 1000, "ratio": 3}]},
        "drawn": {"ratio": 0, "image": {"price_per_image_usd": 0.0033, "size_multipliers": {"1024x1024": 0.763}}},
        "cached": {"ratio": 1.25, "completion_ratio": 1, "cached_input_ratio": 0.5},
    });
    let channel = json!({"uuid": "c-1", "type": 50, "name": "one", "models": "", "base_url": "", "group": "default",
        "model_configs": models.to_string(), "config": ""});
    let options = json!({"success": true, "data": [{"key": "GroupRatio", "value": "{\"default\":1}"}]});
    let of_laisky = |model: &str, content: &str, [prompt, cached, completion]: [i64; 3], charged: i64, cause: &'static str| {
        let row = json!({"uuid": "r-1", "model_name": model, "content": content, "prompt_tokens": prompt, "channel_uuid": "c-1",
            "completion_tokens": completion, "cached_prompt_tokens": cached, "trace_id": "t"});
        Elsewhere { row, charged, cause }
    };
    let text = "model rate 1.00, group rate 1.00, completion rate 2.00, cached_prompt 0, cache_write_5m 0, cache_write_1h 0";
    let plain = "model rate 1.00, group rate 1.00, completion rate 1.00, cached_prompt 0, cache_write_5m 0, cache_write_1h 0";
    let half = "model rate 1.25, group rate 1.00, completion rate 1.00, cached_prompt 1000000, cache_write_5m 0, cache_write_1h 0";
    let image = "image model=drawn size=1024x1024 quality=standard requested_n=4 billed_n=4 total_usd=0.0101 group_rate=1.00 \
        unit_usd=0.0025 tier=0.76 base_usd=0.0101";
    check_elsewhere(
        &[
            // 500 + 100 · 2 points; from 1,000 tokens on 500 + 100 · 4.
            of_laisky("tiered", text, [500, 0, 100], 900, "tier-other"),
            // 500 + 100 points; three times as much by the tier's own input ratio, which the gateway ignores.
            of_laisky("heeded", plain, [500, 0, 100], 1_800, "tier-other"),
            // 0.0033 · 500,000 · 0.763 is 1,258.95: 4 · 1,259 points are right, 5 · 1,259 those of 5 images.
            of_laisky("drawn", image, [0, 0, 0], 6_295, "multiplier-differs"),
            // 4 · 1,258
            of_laisky("drawn", image, [0, 0, 0], 5_032, "rounding"),
            // One image.
            of_laisky("drawn", image, [0, 0, 0], 1_259, "multiplier-omitted"),
            // 500,000 · 1.25 + 1,000,000 · 0.5 + 10 · 1.25 points; with 0.25 for cached tokens 875,012.5.
            of_laisky("cached", half, [1_500_000, 1_000_000, 10], 875_013, "cache-ratio-differs"),
        ],
        &[("options.json", options), ("channels.json", json!({"success": true, "data": [channel], "total": 1}))],
    );
}

#[test]
fn a_number_of_which_a_float_makes_a_point_more_is_found() {
    let options = [("ModelRatio", json!({"m": 30})), ("CompletionRatio", json!({"m": 1})), ("GroupRatio", json!({"default": 1}))];
    let options = options.map(|(key, map)| json!({"key": key, "value": map.to_string()}));
    let row = json!({"model_name": "m", "content": "倍率：30.00 × 1.00 × 1.00", "prompt_tokens": 500_000, "channel": 1,
        "elapsed_time": 1, "system_prompt_reset": false});
    // 30 · 0.13 is 3.9000000000000004 in float64, and 500,000 of that are rounded up to 1,950,001 points.
    let made = Elsewhere { row, charged: 1_950_001, cause: "group-ratio-differs" };
    check_elsewhere(&[made], &[("options.json", json!({"success": true, "data": options}))]);
}

#[test]
fn rows_may_agree_on_a_number_of_any_length() {
    let folder = tempfile::tempdir().unwrap();
    let (log, config) = (folder.path().join("log.csv"), folder.path().join("config.toml"));
    // Tokens of `m` at 1.0333333337 in place of 1; those of `n` at no number.
    let rows = ["m,a,1234567,1275719", "m,a,7654321,7909465", "m,a,40000,41333", "n,a,7654321,9000001", "n,a,40000,30011"];
    std::fs::write(&log, format!("model,group,prompt_tokens,quota\n{}\n", rows.join("\n"))).unwrap();
    std::fs::write(&config, "[model_ratio]\nm = 1\nn = 1\n[group_ratio]\na = 1\n").unwrap();
    let done = quota(&["audit", log.to_str().unwrap(), "--config", config.to_str().unwrap(), "--format", "json"]);
    let report: Value = serde_json::from_str(&done.out).unwrap();
    let told = |model: &str| -> Vec<(&str, i64)> {
        let causes = report["causes"].as_array().unwrap().iter();
        let of_model = causes.filter(|cause| cause["models"].as_array().unwrap().contains(&json!(model)));
        of_model.map(|cause| (cause["cause"].as_str().unwrap(), cause["rows"].as_i64().unwrap())).collect()
    };
    assert_eq!(told("m"), [("group-ratio-differs", 3)], "{report:#}");
    assert_eq!(told("n"), [("unexplained", 2)], "{report:#}");
}

/// A plain log: 5,000 uncached tokens at 0.0715 are 358 points, and with 3,174 · 4 for the output 1,265.
#[test]
fn uncached_tokens_are_a_prompt_like_any_other() {
    let rows = [
        ("5000,0,3174,0", "zero-charge"),
        ("5000,0,3174,358", "output-omitted"),
        // Without the input nothing is left.
        ("101,73,0,0", "input-omitted"),
        // Nothing but cached tokens: 400 · 0.3 · 0.0715 points.
        ("0,400,0,0", "cache-free"),
        ("0,400,5,0", "zero-charge"),
    ];
    let head =
        "id,model,uncached_tokens,cached_tokens,completion_tokens,quota,model_ratio,completion_ratio,cache_ratio,group_ratio\n";
    let lines = rows.iter().enumerate().map(|(id, (row, _))| format!("{id},m,{row},0.0715,4,0.3,1\n"));
    told_of_plain(&(head.to_owned() + &lines.collect::<String>()), &rows.map(|(_, cause)| cause));
}

/// Neither cached tokens nor their rate: 1,000 tokens of input cost 0 to 1,000 points, 100 of output 400.
#[test]
fn what_is_not_known_of_the_cache_is_both_its_tokens_and_their_rate() {
    let rows = [("1400", "matched"), ("1130", "unrated"), ("400", "unrated"), ("399", "unexplained"), ("1401", "unexplained")];
    let head = "id,model,prompt_tokens,completion_tokens,model_ratio,completion_ratio,group_ratio,quota\n";
    let lines = rows.iter().enumerate().map(|(id, (charged, _))| format!("{id},m,1000,100,1,4,1,{charged}\n"));
    let audited = told_of_plain(&(head.to_owned() + &lines.collect::<String>()), &rows.map(|(_, cause)| cause));
    for row in &audited.rows[1..3] {
        assert_eq!((&row["reason"], &row["bounds"]), (&json!("tokens-missing"), &json!([400, 1400])));
    }
}

/// Audits a plain log; `told` are the verdicts on its rows.
#[track_caller]
fn told_of_plain(csv: &str, told: &[&str]) -> Audit {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.csv");
    std::fs::write(&log, csv).unwrap();
    let audited = audit(&log, &["--basis", "logged"]);
    assert_eq!(audited.rows.iter().map(verdict).collect::<Vec<_>>(), told, "{:#?}", audited.rows);
    audited
}

/// What is told of rows of a model at ratio 1 and completion ratio 4, in a group at 1: causes with their rows and what they imply.
#[track_caller]
fn check_class(rows: &[(i64, i64, i64)], made: &[(&str, i64, Value)]) {
    let folder = tempfile::tempdir().unwrap();
    let (log, config) = (folder.path().join("log.csv"), folder.path().join("config.toml"));
    let rows: String = rows.iter().map(|(prompt, output, charged)| format!("m,a,{prompt},{output},{charged}\n")).collect();
    std::fs::write(&log, format!("model,group,prompt_tokens,completion_tokens,quota\n{rows}")).unwrap();
    std::fs::write(&config, "[model_ratio]\nm = 1\n[completion_ratio]\nm = 4\n[group_ratio]\na = 1\n").unwrap();
    let done = quota(&["audit", log.to_str().unwrap(), "--config", config.to_str().unwrap(), "--format", "json"]);
    let report: Value = serde_json::from_str(&done.out).unwrap();
    let causes = report["causes"].as_array().unwrap().iter();
    let told = causes.map(|cause| (cause["cause"].as_str().unwrap(), cause["rows"].as_i64().unwrap(), cause["implied"].clone()));
    let mut told: Vec<_> = told.collect();
    told.sort_by_key(|(cause, ..)| *cause);
    assert_eq!(told, made, "{report:#}");
}

/// Prompt + 6.5 · output.
const AT_ANOTHER_COMPLETION_RATIO: [(i64, i64, i64); 4] =
    [(165_779, 1_766, 177_258), (1_199, 5_501, 36_956), (137_587, 240, 139_147), (840, 375, 3_278)];

#[test]
fn rows_that_the_cause_of_their_class_does_not_explain_may_agree_on_another() {
    let completions = ("completion-ratio-differs", 4, json!({"completion_ratio": "6.5"}));
    // The prompt alone.
    let without_output = [(1_000, 200, 1_000), (17_293, 2_761, 17_293), (5_000, 77, 5_000), (61_940, 202, 61_940)];
    check_class(
        &[&AT_ANOTHER_COMPLETION_RATIO[..], &without_output[..]].concat(),
        &[completions.clone(), ("output-omitted", 4, json!({}))],
    );
    // (Prompt + 4 · output) · 0.93
    let in_another_group = [(10_007, 1_003, 13_038), (2_003, 507, 3_749), (40_011, 99, 37_579)];
    check_class(
        &[&in_another_group[..], &AT_ANOTHER_COMPLETION_RATIO[..]].concat(),
        &[completions, ("group-ratio-differs", 3, json!({"group_ratio": "0.93"}))],
    );
}

#[test]
fn the_number_of_a_class_is_the_simplest_that_explains_most_rows_however_small_they_are() {
    let made = |rows, number| [("group-ratio-differs", rows, json!({"group_ratio": number}))];
    // Tokens · 0.452: 39.3 are told by a hundred numbers.
    check_class(&[(153, 0, 69), (87, 0, 39), (6_675, 0, 3_017), (18_172, 0, 8_214)], &made(4, "0.452"));
    // Tokens · 0.7, and 0.6999 comes to the same.
    check_class(&[(3_367, 0, 2_357), (2_049, 0, 1_434)], &made(2, "0.7"));
    // Tokens · 0.62: either row alone says too little.
    check_class(&[(165, 0, 102), (27_338, 0, 16_950)], &made(2, "0.62"));
}

#[test]
fn all_prices_in_usd_may_be_off_by_a_number_of_any_length() {
    let folder = tempfile::tempdir().unwrap();
    let (log, config) = (folder.path().join("log.csv"), folder.path().join("config.toml"));
    // 536,850 points for 1 USD.
    let rows = "a,default,21474\na,vip,17179\nb,default,6711\nb,vip,5369\n";
    std::fs::write(&log, format!("model,group,quota\n{rows}")).unwrap();
    std::fs::write(&config, "[model_price]\na = 0.04\nb = 0.0125\n[group_ratio]\ndefault = 1\nvip = 0.8\n").unwrap();
    let done = quota(&["audit", log.to_str().unwrap(), "--config", config.to_str().unwrap(), "--format", "json"]);
    let report: Value = serde_json::from_str(&done.out).unwrap();
    let cause = &report["causes"][0];
    let told = (cause["cause"].as_str(), cause["rows"].as_i64(), &cause["implied"]);
    assert_eq!(told, (Some("quota-per-unit-differs"), Some(4), &json!({"quota_per_unit": "536850"})), "{report:#}");
}

#[test]
fn a_gateway_may_have_rounded_by_the_rule_of_another_version() {
    let options =
        [("ModelRatio", json!({"m": 2.25})), ("CompletionRatio", json!({"m": 4.5})), ("GroupRatio", json!({"default": 1}))];
    let options = options.map(|(key, map)| json!({"key": key, "value": map.to_string()}));
    let row = json!({"model_name": "m", "content": "倍率：2.25 × 1.00 × 4.50", "prompt_tokens": 1_000, "completion_tokens": 101,
        "channel": 1, "elapsed_time": 1, "system_prompt_reset": false});
    // (1,000 + 454.5) · 2.25 rounded up are 3,273 points; 2023 cut 454.5, and 1,454 · 2.25 = 3,271.5.
    let made = Elsewhere { row, charged: 3_271, cause: "rounding" };
    check_elsewhere(&[made], &[("options.json", json!({"success": true, "data": options}))]);
}

/// Models by token are charged at another model's price of a call, and models per call at another's tokens: both in group ratio 0.8.
#[test]
fn another_model_may_have_a_price_of_the_other_kind() {
    let folder = tempfile::tempdir().unwrap();
    let (log, config) = (folder.path().join("log.ndjson"), folder.path().join("options.json"));
    let maps = [
        ("ModelRatio", json!({"tok-a": 0.85, "tok-b": 1.25})),
        ("CompletionRatio", json!({"tok-a": 4, "tok-b": 5})),
        ("ModelPrice", json!({"call-a": 0.026, "call-b": 0.015})),
        ("GroupRatio", json!({"vip": 0.8})),
    ];
    let options = maps.map(|(key, map)| json!({"key": key, "value": map.to_string()}));
    std::fs::write(&config, json!({"success": true, "data": options}).to_string()).unwrap();
    let by_token = || today(json!({"model_ratio": 0.85, "completion_ratio": 4, "group_ratio": 0.8}));
    let by_call = || today(json!({"model_price": 0.026, "model_ratio": 0, "completion_ratio": 0, "group_ratio": 0.8}));
    let rows = [
        // (prompt + completion · 5) · 1.25 · 0.8
        ("call-a", wrong(by_call(), (19_611, 2_431), 31_766, "")),
        ("call-a", wrong(by_call(), (10_271, 1_144), 15_991, "")),
        // 0.015 · 500,000 · 0.8
        ("tok-a", wrong(by_token(), (29_519, 484), 6_000, "")),
        ("tok-a", wrong(by_token(), (65_944, 216), 6_000, "")),
        ("tok-a", wrong(by_token(), (2_276, 2_950), 6_000, "")),
    ];
    let lines = rows.iter().enumerate().map(|(id, (model, row))| line(id, model, "vip", row));
    std::fs::write(&log, lines.collect::<String>()).unwrap();
    let audited = audit(&log, &["--config", config.to_str().unwrap()]);
    let causes = audited.end["causes"].as_array().unwrap().iter();
    let told: Vec<_> = causes.map(|cause| (cause["cause"].as_str(), &cause["implied"], cause["rows"].as_i64())).collect();
    assert_eq!(told, [(Some("model-price-other"), &json!({"model": "tok-b, call-b"}), Some(5))], "{audited:#?}");
}

/// 1,125,270 · 0.125 points are 0.2813175 USD: a float of that is printed as ...317 or ...318.
#[test]
fn an_amount_in_the_middle_is_written_as_either_neighbour() {
    let rows = [("0.281317", "matched"), ("0.281318", "matched"), ("0.281316", "rounding"), ("0.28131", "unexplained")];
    let head =
        "id,model,prompt_tokens,cached_tokens,completion_tokens,model_ratio,completion_ratio,cache_ratio,group_ratio,cost_usd\n";
    let lines = rows.iter().enumerate().map(|(id, (cost, _))| format!("{id},m,1125270,0,0,0.125,1,1,1,{cost}\n"));
    told_of_plain(&(head.to_owned() + &lines.collect::<String>()), &rows.map(|(_, cause)| cause));
}
