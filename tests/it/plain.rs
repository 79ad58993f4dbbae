//! Plain logs: what a table of one's own may leave out, and what must be said of it.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::run::{Done, quota, verdict};

/// A folder with a log.
fn log(bytes: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logs.csv");
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn audit(text: impl AsRef<[u8]>, flags: &[&str]) -> Done {
    let (_folder, path) = log(text);
    quota(&[&["audit", path.to_str().unwrap()], flags].concat())
}

/// 827 · 0.125 + 338 · 8 · 0.125 = 441.375 points: 0.000882 USD as points, 0.00088275 exactly.
#[track_caller]
fn check_money(cost: &str, class: &str) {
    let header =
        "model,prompt_tokens,cached_tokens,completion_tokens,model_ratio,completion_ratio,cache_ratio,group_ratio,cost_usd";
    let text = format!("{header}\nm,827,0,338,0.125,8,1,1,{cost}\n");
    let done = audit(&text, &["--format", "ndjson", "--fail-on", "over"]);
    let row: serde_json::Value = serde_json::from_str(done.out.lines().next().unwrap()).unwrap();
    assert_eq!((row["verdict"].as_str(), done.code), (Some(class), u8::from(class == "overcharged")), "{cost}");
    if class == "matched" {
        assert_eq!(verdict(&row), "matched");
    }
}

#[test]
fn money_is_over_or_under_by_its_amount() {
    check_money("0.00088275", "matched");
    check_money("0.0008820000", "matched");
    check_money("0.0008828000", "overcharged");
    check_money("0.0008827000", "undercharged");
    check_money("0.000880", "undercharged");
    check_money("0.000886", "overcharged");
}

const CONFIG: &str = "[model_ratio]\nm=1.25\n[completion_ratio]\nm=4\n[group_ratio]\ndefault=1\nvip=0.5\n";

#[test]
fn a_log_without_groups_is_of_the_default_one() {
    let (folder, path) = log("model,prompt_tokens,cached_tokens,completion_tokens,quota\nm,1000,0,500,3750\n");
    let config = folder.path().join("quota.toml");
    std::fs::write(&config, CONFIG).unwrap();
    let run = |command: &str, flags: &[&str]| {
        quota(&[&[command, path.to_str().unwrap(), "--config", config.to_str().unwrap()], flags].concat())
    };
    for flags in [["--threads", "1"].as_slice(), &["--one-by-one"]] {
        let done = run("audit", &[flags, &["--by", "group", "--format", "json"]].concat());
        let report: serde_json::Value = serde_json::from_str(&done.out).unwrap();
        assert_eq!(report["by"]["group"][0]["key"], "default");
    }
    assert_eq!(run("audit", &["--group", "default"]).code, 0);
    assert_eq!(run("audit", &["--group", "vip"]).code, 3);
    assert_eq!(run("compare", &["--group", "vip", "--where-group", "default"]).code, 0);
}

#[test]
fn types_are_numbers_that_gateways_have() {
    let text =
        "type,model,prompt_tokens,cached_tokens,completion_tokens,quota,model_ratio\n2.0,m,1000,0,0,1000,1\n99,m,1000,0,0,1000,1\n";
    let done = audit(text, &[]);
    assert!(done.out.contains("2 = 1 matched") && done.out.contains("1 malformed"), "{}", done.out);
    assert!(done.err.contains("`type`: expected a number from 0 to 7"), "{}", done.err);
}

#[test]
fn a_date_may_be_written_without_signs() {
    let rows = "20260307,m,1000,0,0,1000,1\n20260308,m,1000,0,0,1000,1\n";
    let text = format!("time,model,prompt_tokens,cached_tokens,completion_tokens,quota,model_ratio\n{rows}");
    let done = audit(&text, &["--since", "20260308", "--format", "json"]);
    assert!(done.out.contains("\"first\": \"2026-03-08T00:00:00Z\"") && done.out.contains("\"matched\": 1"), "{}", done.out);
}

#[test]
fn two_columns_of_one_name_are_an_error() {
    let text = "model,prompt_tokens,quota,Quota\nm,1000,3750,3751\n";
    let done = audit(text, &[]);
    assert!(done.code == 2 && done.err.contains("two columns `quota`"), "{}", done.err);
    let unread = "model,prompt_tokens,quota,note,note\nm,1000,3750,a,b\n";
    assert_eq!(audit(unread, &["--allow-empty", "--fail-on", "none"]).err, "");
}

#[test]
fn encodings_have_the_names_of_code_pages() {
    let text = "模型,prompt_tokens,cached_tokens,completion_tokens,额度,model_ratio\n数学,1000,0,0,1000,1\n";
    let gbk = encoding_rs::GBK.encode(text).0;
    for name in ["gbk", "cp936", "CP936", "windows-936"] {
        assert_eq!(audit(&gbk, &["--encoding", name]).code, 0, "{name}");
    }
    let done = audit(text, &["--encoding", "gbk"]);
    assert!(done.code == 2 && done.err.contains("the text is UTF-8, not GBK"), "{}", done.err);
}

#[test]
fn balances_of_nobody_are_an_error() {
    let (folder, path) = log("model,prompt_tokens,cached_tokens,completion_tokens,quota,model_ratio\nm,1000,0,0,1000,1\n");
    for text in ["[]", "{}", "{\"users\": []}", "user,before,after\n"] {
        let balances = folder.path().join("balances");
        std::fs::write(&balances, text).unwrap();
        let done = quota(&["audit", path.to_str().unwrap(), "--balances", balances.to_str().unwrap()]);
        assert!(done.code == 2 && done.err.contains("no user is listed"), "{text}: {}", done.err);
    }
}

/// The verdicts on the rows of a table, and the drift.
fn judged(table: &str) -> (Vec<String>, serde_json::Value) {
    let (folder, path) = log(table);
    let config = folder.path().join("quota.toml");
    std::fs::write(&config, "[model_price]\nmj=0.04\n".to_owned() + CONFIG + "free=0\n").unwrap();
    let audit = crate::run::audit(&path, &["--config", config.to_str().unwrap()]);
    (audit.rows.iter().map(|row| verdict(row).to_owned()).collect(), audit.end["drift"].clone())
}

#[track_caller]
fn check_rows(table: &str, expected: &[&str], drift: usize) {
    let (verdicts, found) = judged(table);
    assert_eq!(
        (verdicts.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), found.as_array().unwrap().len()),
        (expected, drift)
    );
}

#[test]
fn a_table_without_groups_is_of_the_default_one_whatever_its_ratios_say() {
    let header = "model,prompt_tokens,cached_tokens,completion_tokens,model_ratio,completion_ratio,group_ratio,quota";
    // 1.25 · (1,000 + 400) = 1,750
    let rows = "m,1000,0,100,1.25,4,1,875\nm,1000,0,100,1.25,4,0.5,875\nm,1000,0,100,1.25,4,1,1750";
    check_rows(&format!("{header}\n{rows}\n"), &["group-ratio-other", "ratio-drift", "matched"], 1);
}

#[test]
fn a_ratio_column_that_is_not_there_says_nothing() {
    let header = "model,group,prompt_tokens,cached_tokens,completion_tokens";
    check_rows(&format!("{header},model_ratio,quota\nm,vip,1000,0,100,1.25,875\n"), &["matched"], 0);
    check_rows(&format!("{header},group_ratio,quota\nm,vip,1000,0,100,0.7,1225\n"), &["ratio-drift"], 1);
    check_rows(&format!("{header},completion_ratio,quota\nm,default,1000,0,100,5,1875\n"), &["ratio-drift"], 1);
}

#[test]
fn a_call_without_tokens_costs_its_price_or_nothing() {
    let header = "model,group,prompt_tokens,cached_tokens,completion_tokens,quota";
    let rows = "mj,default,,,,20000\nmj,vip,0,0,0,10000\nmj,vip,0,0,0,0\nmj,vip,0,0,0,20000";
    check_rows(&format!("{header}\n{rows}\n"), &["matched", "matched", "matched", "group-ratio-omitted"], 0);
}

#[test]
fn a_model_without_a_price_costs_nothing_where_no_price_counts() {
    let header = "model,group,prompt_tokens,cached_tokens,completion_tokens,quota";
    let rows = "zz,default,0,0,0,0\nzz,default,0,0,0,7\nzz,free,100,0,10,0\nzz,free,100,0,10,5\nzz,vip,100,0,10,0";
    check_rows(&format!("{header}\n{rows}\n"), &["matched", "unrated", "matched", "unexplained", "unrated"], 0);
}

/// 827 · 0.125 + 338 · 8 · 0.125 as a float prints it, and 2 tokens that come to less than a point.
#[test]
fn the_last_digits_of_a_float_are_not_held_against_a_charge() {
    check_money("0.0008827500000000001", "matched");
    check_money("0.0008827499999999999", "matched");
    check_money("0.000882750000001", "overcharged");
    let header =
        "model,prompt_tokens,cached_tokens,completion_tokens,model_ratio,completion_ratio,cache_ratio,group_ratio,cost_usd";
    let done = audit(format!("{header}\nm,2,0,0,0.125,8,1,1,0.0000005\n"), &["--quiet"]);
    assert_eq!(done.code, 0, "{}", done.out);
}

const HEADER: &str = "model,group,prompt_tokens,cached_tokens,cache_write_1h_tokens,completion_tokens,quota";

/// What reports say of a row, in which prices and ratios must not differ.
fn told(config: &str, row: &str) -> serde_json::Value {
    let (folder, path) = log(format!("{HEADER}\n{row}\n"));
    let prices = folder.path().join("quota.toml");
    std::fs::write(&prices, config).unwrap();
    let flags = ["--config", prices.to_str().unwrap(), "--format", "json"];
    let done = quota(&[&["audit", path.to_str().unwrap()], &flags[..]].concat());
    let report: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    let finding = &report["findings"][0];
    serde_json::json!([finding["cause"], finding["implied"], finding["expected_points"], finding["ratios"]])
}

/// Prices of which all quotients end say the same as ratios, and so does the nearest ratio where one does not.
#[test]
fn prices_are_told_as_ratios() {
    let in_usd = "[model.m]\ninput = 3\ncached = 0.3\ncache_write = 3.75\ncache_write_1h = 6\noutput = 15\n[group_ratio]\ng = 1\n";
    let ratios = "[model_ratio]\nm = 1.5\n[completion_ratio]\nm = 5\n[cache_ratio]\nm = 0.1\n[create_cache_ratio]\nm = 1.25\n[group_ratio]\ng = 1\n";
    // (1000 - 200 - 100 + 200 · 0.1 + 100 · 2 + 500 · 5) · 1.5 = 5130; at 37.5, at 2, with output at 4, with writes as of 5 minutes.
    for charged in [128_250, 6840, 4380, 5018] {
        let row = format!("m,g,1000,200,100,500,{charged}");
        assert_eq!(told(in_usd, &row), told(ratios, &row), "{charged}");
    }
    let odd = "[model.m]\ninput = 0.3\ncached = 0.03\noutput = 2.5\n[group_ratio]\ng = 1\n";
    // (100,000 + 50,000 · 8.333…) · 0.15 = 77,500; at the fallback, and with output at 4.
    for (charged, cause, implied) in [(19_375_000, "model-ratio-fallback", "37.5"), (45_000, "completion-ratio-differs", "4")] {
        let told = told(odd, &format!("m,g,100000,0,0,50000,{charged}"));
        assert_eq!((&told[0], &told[2]), (&cause.into(), &77_500.into()), "{told:#}");
        assert!(told[1].as_object().unwrap().values().all(|value| value == implied), "{told:#}");
        assert_eq!((&told[3]["model_ratio"], &told[3]["completion_ratio"]), (&"0.15".into(), &"8.333333333333334".into()));
    }
}

/// The ratios that a row prints are those of its prices, or drift.
#[test]
fn prices_drift_as_ratios() {
    let header =
        "model,group,prompt_tokens,cached_tokens,completion_tokens,model_ratio,completion_ratio,cache_ratio,group_ratio,quota";
    let config = "[model.m]\ninput = 3\noutput = 15\n[group_ratio]\ng = 1\n";
    let drift = |row: &str| {
        let (folder, path) = log(format!("{header}\n{row}\n"));
        let prices = folder.path().join("quota.toml");
        std::fs::write(&prices, config).unwrap();
        let flags = ["--config", prices.to_str().unwrap(), "--format", "json"];
        let done = quota(&[&["audit", path.to_str().unwrap()], &flags[..]].concat());
        serde_json::from_str::<serde_json::Value>(&done.out).unwrap()["drift"].clone()
    };
    assert_eq!(drift("m,g,1000,0,100,1.5,5,1,1,2250"), serde_json::json!([]));
    let found = drift("m,g,1000,0,100,1.5,2,1,1,2250");
    assert_eq!(
        (&found[0]["key"], &found[0]["configured"], &found[0]["logged"]),
        (&"completion_ratio".into(), &"5".into(), &"2".into())
    );
}

/// Whether a plain row of a price for seconds, or for images, says how many there were: it does not.
#[test]
fn seconds_and_images_that_no_column_counts_are_open() {
    let config = "[model.video]\nper_second = 0.1\n[model.image]\nper_image = 0.02\n[group_ratio]\ndefault = 1\n";
    let rows = [
        ("video", 50_000, "matched", "count-not-logged"),
        ("video", 400_000, "unrated", "count-not-logged"),
        ("video", 425_000, "overcharged", "null"),
        ("image", 40_000, "unrated", "count-not-logged"),
    ];
    for (model, quota_points, class, reason) in rows {
        let (folder, path) = log(format!("model,group,quota\n{model},default,{quota_points}\n"));
        let prices = folder.path().join("quota.toml");
        std::fs::write(&prices, config).unwrap();
        let done = quota(&["audit", path.to_str().unwrap(), "--config", prices.to_str().unwrap(), "--format", "ndjson"]);
        let row: serde_json::Value = serde_json::from_str(done.out.lines().next().unwrap()).unwrap();
        assert_eq!((row["verdict"].as_str(), row["reason"].as_str().unwrap_or("null")), (Some(class), reason), "{row:#}");
    }
}

#[test]
fn a_log_without_groups_is_of_the_default_one_in_every_report() {
    let (folder, path) = log("model,prompt_tokens,cached_tokens,quota\nm,1000,0,1400\nm,2000,0,2800\n");
    let prices = folder.path().join("quota.toml");
    std::fs::write(&prices, CONFIG).unwrap();
    let flags = ["--config", prices.to_str().unwrap(), "--by", "group"];
    let report = |format: &str| quota(&[&["audit", path.to_str().unwrap(), "--format", format], &flags[..]].concat()).out;
    let json: serde_json::Value = serde_json::from_str(&report("json")).unwrap();
    let groups = [&json["by"]["group"][0]["key"], &json["causes"][0]["groups"][0], &json["findings"][0]["group"]];
    assert_eq!(groups, ["default"; 3], "{json:#}");
    assert!(report("github").contains("m in group default"));
}

/// A charge that its own ratios drive to what 32 bits hold is told, whatever the config says of it.
#[test]
fn a_wrong_charge_may_be_held_within_32_bits_too() {
    let (folder, path) =
        log("model,group,prompt_tokens,cached_tokens,model_ratio,group_ratio,quota\nm,default,10,0,1e12,1,2147483647\n");
    let prices = folder.path().join("quota.toml");
    std::fs::write(&prices, CONFIG).unwrap();
    let done = quota(&["audit", path.to_str().unwrap(), "--config", prices.to_str().unwrap(), "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(
        (&report["causes"][0]["cause"], &report["policy"][0]["finding"]),
        (&"ratio-drift".into(), &"saturated-charge".into())
    );
}
