//! Exports of gateways without `other`: the content of a row is all that tells what it was.

use serde_json::Value;

use crate::run::{Audit, audit, verdict};

/// Audits a table by a config.
fn audited(table: &str, config: &str, flags: &[&str]) -> Audit {
    let folder = tempfile::tempdir().unwrap();
    let (path, config_path) = (folder.path().join("logs.csv"), folder.path().join("config.json"));
    std::fs::write(&path, table).unwrap();
    std::fs::write(&config_path, config).unwrap();
    audit(&path, &[&["--config", config_path.to_str().unwrap()], flags].concat())
}

/// The verdict of a row, with the reason where it has one.
fn said(row: &Value) -> String {
    match row["reason"].as_str() {
        Some(reason) => format!("{} {reason}", verdict(row)),
        None => verdict(row).to_owned(),
    }
}

/// Type, model, group, tokens, charge, content; and what is to be said of it.
type Exported<'t> = (i64, &'t str, &'t str, [i64; 2], i64, &'t str, &'t str);

/// The same of an older gateway, without the type.
type Old<'t> = (&'t str, &'t str, [i64; 2], i64, &'t str, &'t str);

/// Rows of MoleAPI's export. What is said of each, on both ways through.
#[track_caller]
fn check_export(config: &str, rows: &[Exported<'_>]) {
    let header = "time_utc,type,model,token_name,input_tokens,output_tokens,quota_units,group,request_id,content";
    let mut table = header.to_owned();
    for (number, (kind, model, group, [input, output], charged, content, _)) in rows.iter().enumerate() {
        let line = format!("\n2026-08-08T05:20:03Z,{kind},{model},k,{input},{output},{charged},{group},R{number},\"{content}\"");
        table.push_str(&line);
    }
    for way in [["--threads", "2"].as_slice(), &["--one-by-one"]] {
        let audit = audited(&table, config, way);
        audit.keeps_the_law();
        for (row, expected) in audit.rows.iter().zip(rows) {
            assert_eq!((said(row).as_str(), row["profile"].as_str()), (expected.6, Some("new-api")), "{row}");
        }
    }
}

const TASKS: &str = r#"{"ModelRatio": {"kling-r": 3.7, "m": 1}, "ModelPrice": {"sora-2": 0.1, "wan": 0.3, "mj_imagine": 0.1},
    "GroupRatio": {"default": 1, "vip": 0.8}, "GroupGroupRatio": {}}"#;

#[test]
fn the_content_of_a_task_says_what_is_taken() {
    check_export(
        TASKS,
        &[
            // 0.1 · 500,000 · 0.8 · 4
            (2, "sora-2", "vip", [0, 0], 160_000, "操作 textGenerate, 计算参数：seconds: 4.00", "matched"),
            (2, "sora-2", "default", [0, 0], 50_000, "操作 textGenerate", "matched"),
            (2, "wan", "vip", [0, 0], 120_000, "操作 textGenerate，按次计费", "matched"),
            // 3.7 / 2 · 500,000 · 0.8
            (2, "kling-r", "vip", [0, 0], 740_000, "操作 generate", "matched"),
            (2, "sora-2", "vip", [0, 0], 40_000, "操作 textGenerate, 计算参数：seconds: 4.00", "multiplier-omitted"),
            (2, "mj_imagine", "vip", [0, 0], 40_000, "模型固定价格 0.10，分组倍率 0.80，操作 IMAGINE，ID 17", "matched"),
        ],
    );
}

/// 500,000 · 3.7 · 0.8 = 1,480,000, of which 740,000 were taken at the submit.
#[test]
fn a_settlement_without_its_advance_is_presumed_to_settle_the_right_one() {
    let content = "token重算：tokens=500000, modelRatio=3.70, groupRatio=0.80, otherMultiplier=1.0000";
    let less = "token重算：tokens=100000, modelRatio=3.70, groupRatio=0.80, otherMultiplier=1.0000";
    check_export(
        TASKS,
        &[
            (2, "kling-r", "vip", [0, 0], 740_000, content, "matched no-charge-found"),
            (2, "kling-r", "vip", [0, 0], 700_000, content, "unrated no-charge-found"),
            // 296,000 − 740,000
            (6, "kling-r", "vip", [0, 0], 444_000, less, "matched no-charge-found"),
        ],
    );
}

#[test]
fn what_a_refund_or_a_fee_follows_from_is_not_in_its_row() {
    check_export(
        TASKS,
        &[
            (6, "wan", "vip", [0, 0], 120_000, "", "unrated no-charge-found"),
            (6, "mj_imagine", "", [0, 0], 50_000, "", "unrated no-charge-found"),
            (2, "m", "vip", [0, 0], 20_000, "Violation fee charged", "unrated no-ratios"),
        ],
    );
}

const CLASSES: &str = r#"{"ModelRatio": {"gpt-4o-audio-preview": 1.25, "gemini-2.5-flash": 0.15, "gpt-image-1": 2.5},
    "CompletionRatio": {"gpt-4o-audio-preview": 4, "gemini-2.5-flash": 8.3333333, "gpt-image-1": 8}, "ModelPrice": {"rt": 0.05},
    "AudioRatio": {"gpt-4o-audio-preview": 16}, "AudioCompletionRatio": {"gpt-4o-audio-preview": 2},
    "ImageRatio": {"gpt-image-1": 2}, "CacheRatio": {}, "GroupRatio": {"default": 1, "vip": 0.8}}"#;

/// 1,000 and 150 of text are 1.25 · (1,000 + 600) = 2,000; all of audio 1.25 · (16,000 + 4,800) = 26,000.
#[test]
fn audio_is_not_counted_in_an_export() {
    let content = "模型倍率 1.25，补全倍率 4.00，音频倍率 16.00，音频补全倍率 2.00，分组倍率 1.00";
    let row = |charged, expected| (2, "gpt-4o-audio-preview", "default", [1_000, 150], charged, content, expected);
    check_export(
        CLASSES,
        &[
            row(2_000, "matched class-not-logged"),
            row(22_375, "unrated class-not-logged"),
            row(1, "unrated class-not-logged"),
            row(26_001, "unexplained"),
            // A price per call is not handed on to sessions.
            (2, "rt", "default", [71, 2_380], 0, "模型价格 0.05，分组倍率 1.00", "matched"),
        ],
    );
}

/// 0.15 · (1,000 + 833.33333) = 275, and 1 USD per 1M tokens of audio.
#[test]
fn audio_with_a_price_of_its_own_is_not_counted_in_an_export() {
    let row =
        |charged, expected| (2, "gemini-2.5-flash", "default", [1_000, 100], charged, "Audio Input 花费 ＄0.000400 额度", expected);
    check_export(CLASSES, &[row(415, "unrated class-not-logged"), row(625, "unrated class-not-logged"), row(626, "unexplained")]);
}

/// 2.5 · (1,000 + 8,000) = 22,500 for text; each image token costs as much again.
#[test]
fn images_in_the_prompt_are_not_counted_in_an_export() {
    let content = "大小 1024x1024, 品质 low, 生成数量 1";
    let row = |charged, expected| (2, "gpt-image-1", "default", [1_000, 1_000], charged, content, expected);
    check_export(
        CLASSES,
        &[row(22_500, "matched split-not-logged"), row(24_000, "unrated split-not-logged"), row(20_000, "input-omitted")],
    );
}

const OLD: &str = r#"{"ModelRatio": {"m": 1.15}, "CompletionRatio": {"m": 2.5}, "CacheRatio": {}, "GroupRatio": {"default": 1, "vip": 0.95},
    "ModelPrice": {"img-p": 0.0123, "dall-e-3": 0.04, "mj_imagine": 0.1}}"#;

#[track_caller]
fn check_old(rows: &[Old<'_>]) -> Value {
    let mut table = "created_at,type,username,token_name,model_name,prompt_tokens,completion_tokens,quota,group,content".to_owned();
    for (model, group, [prompt, completion], charged, content, _) in rows {
        table.push_str(&format!("\n1745000001,2,bob,t,{model},{prompt},{completion},{charged},{group},\"{content}\""));
    }
    let audit = audited(&table, OLD, &[]);
    for (row, expected) in audit.rows.iter().zip(rows) {
        assert_eq!((verdict(row), row["profile"].as_str()), (expected.5, Some("new-api-2025")), "{row}");
    }
    audit.end["drift"].clone()
}

#[test]
fn a_row_of_2025_tells_for_the_others_of_its_input() {
    let drift = check_old(&[
        // 0.0123 · 500,000; the text before the first row that tells.
        ("img-p", "default", [9, 9], 6_150, "模型价格 0.01，分组倍率 1.00", "matched"),
        ("m", "default", [1_000, 100], 1_438, "模型倍率 1.15，补全倍率 2.50，分组倍率 1.00", "matched"),
        // 0.0123 · 2 and 0.04 · 2 · 2, of which the text has two decimals.
        ("img-p", "default", [2, 0], 12_300, "模型价格 0.02，分组倍率 1.00, 大小 1024x1024, 品质 standard", "matched"),
        ("dall-e-3", "default", [2, 0], 80_000, "模型价格 0.16，分组倍率 1.00, 大小 1792x1024, 品质 standard", "matched"),
        // Not in the prices: 0.1 USD.
        ("suno_lyrics", "vip", [0, 0], 47_500, "模型固定价格 0.10，分组倍率 0.95，操作 LYRICS", "matched"),
        ("mj_imagine", "vip", [0, 0], 47_500, "模型固定价格 0.10，分组倍率 0.95，操作 IMAGINE，ID 17", "matched"),
    ]);
    assert_eq!(drift, serde_json::json!([]));
}

#[test]
fn printed_ratios_that_are_not_the_configs_are_drift() {
    let drift = check_old(&[
        // 0.8 · (1,000 + 400), and the same at 0.95
        ("m", "default", [1_000, 100], 1_120, "模型倍率 0.80，补全倍率 4.00，分组倍率 1.00", "ratio-drift"),
        ("m", "vip", [1_000, 100], 1_064, "模型倍率 0.80，补全倍率 4.00，分组倍率 0.95", "ratio-drift"),
    ]);
    let keys: Vec<_> = drift.as_array().unwrap().iter().map(|drift| (drift["key"].as_str(), drift["logged"].as_str())).collect();
    assert_eq!(keys, [(Some("completion_ratio"), Some("4")), (Some("model_ratio"), Some("0.8"))]);
}
