//! `quota calc`: one request, priced by what was typed, a config and the rules of its gateway.

use std::process::Command;

use serde_json::Value;

use crate::run::{Done, fixture, quota};

fn calc(flags: &[&str]) -> Done {
    quota(&[&["calc", "--format", "json"], flags].concat())
}

/// The points of a request.
#[track_caller]
fn check(flags: &[&str], points: i64) {
    let done = calc(flags);
    let document: Value = serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{error}: {}", done.err));
    assert_eq!(document["charges"][0]["points"], points, "{flags:?}");
}

#[track_caller]
fn check_unpriced(flags: &[&str], message: &str) {
    let done = calc(flags);
    assert_eq!((done.code, done.out.as_str()), (3, ""), "{flags:?}");
    assert!(done.err.contains(message), "{}", done.err);
}

/// The path of a config with this text.
fn config(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quota.toml");
    std::fs::write(&path, text).unwrap();
    let path = path.display().to_string();
    (folder, path)
}

#[test]
fn an_expression_sees_all_classes_that_were_typed() {
    // What it does not name is input: 900 · 3 + 100 · 3.75 = 3075 USD per 1M are 1537.5 points.
    check(&["--expr", r#"tier("b", p*3 + cc*3.75)"#, "--prompt", "1000", "--cache-write", "100", "--audio-input", "30"], 1538);
    // 920 · 3 + 50 · 5 = 3010.
    check(&["--expr", r#"tier("b", p*3 + img*5 + ai*0)"#, "--prompt", "1000", "--image-input", "50", "--audio-input", "30"], 1505);
    check(&["--expr", r#"tier("b", p*3 + img*5)"#, "--prompt", "1000", "--image-input", "50", "--audio-input", "30"], 1550);
    // 800 · 3 + 200 · 0.3 = 2460.
    check(&["--expr", r#"tier("b", p*3 + cr*0.3)"#, "--prompt", "1000", "--cached", "200", "--audio-input", "30"], 1230);
    check(&["--expr", r#"tier("b", p*3 + ai*9 + ao*9)"#, "--prompt", "1000", "--audio-input", "30", "--audio-output", "2"], 1599);
}

#[test]
fn a_tool_has_its_price_without_a_model() {
    // 10 USD per 1000 calls, beside 1000 points of tokens.
    for price in [["--model-ratio", "1"], ["--input-price", "2"]] {
        check(&[&price[..], &["--input", "1000", "--tool", "web_search=2"]].concat(), 11_000);
    }
    check(&["--model-price", "0.01", "--tool", "web_search=2"], 15_000);
    check_unpriced(&["--model-ratio", "1", "--input", "1000", "--tool", "x=2"], "no price for a tool of `x`");
}

#[test]
fn typed_prices_take_the_ratio_of_the_group() {
    let (_folder, config) = config("[group_ratio]\nvip = 0.5\n");
    check(&["--config", &config, "--group", "vip", "--input-price", "2", "--input", "1000"], 500);
}

/// new-api: a write that no map names costs 1.25 of the input, one for an hour 1.6 times that.
#[test]
fn what_was_not_typed_is_what_the_gateway_takes_of_its_own() {
    // 1000 · 1 · 1.25, and 1000 · 1 · 2.
    check(&["--model-ratio", "1", "--cache-write", "1000"], 1250);
    check(&["--model-ratio", "1", "--cache-write-1h", "1000"], 2000);
    // 1000 · 1.25 · 2 USD per 1M are 1250 points.
    check(&["--input-price", "2", "--cache-write", "1000"], 1250);
    check(&["--input-price", "2", "--output-price", "8", "--cache-write-1h", "1000", "--output", "100"], 2400);
    // What is read from the cache, and audio, have no price of their own.
    check(&["--model-ratio", "1", "--cached", "1000", "--audio-input", "100"], 1100);
    // A name that no table has, priced by a flag: the gateway's rule for its family is 5.
    check(&["--model", "claude-3-of-mine", "--model-ratio", "1", "--cache-write", "1000", "--output", "100"], 1750);
}

/// 0.1 USD a second, 8 seconds, two of them: the subtotal is of one.
#[test]
fn multipliers_stand_in_the_json() {
    let done = calc(&["--model-price", "0.1", "--multiplier", "seconds=8", "--multiplier", "n=2", "--group-ratio", "0.5"]);
    let document: Value = serde_json::from_str(&done.out).unwrap();
    let charge = &document["charges"][0];
    assert_eq!(charge["multipliers"], serde_json::json!([{"name": "seconds", "value": "8"}, {"name": "n", "value": "2"}]));
    assert_eq!((&charge["subtotal_usd"], &charge["total_usd"], &charge["points"]), (&"0.1".into(), &"0.8".into(), &400_000.into()));
}

#[test]
fn a_price_of_output_says_nothing_of_input() {
    check_unpriced(&["--output-price", "15", "--input", "1000", "--output", "10"], "no price for input");
    check(&["--output-price", "15", "--input-price", "0", "--input", "1000", "--output", "10"], 75);
    let (_folder, config) = config("[model.m]\noutput = 5\n");
    let done = calc(&["--config", &config, "--model", "m", "--output", "10"]);
    assert_eq!(done.code, 2);
    assert!(done.err.contains("no price of `input`"), "{}", done.err);
}

#[test]
fn the_rules_are_those_of_the_gateway() {
    let (_folder, named) = config("profile = \"one-api\"\n[model_ratio]\nm = 1.25\n[group_ratio]\ndefault = 1\nvip = 0.5\n");
    let request = ["--config", &named, "--model", "m", "--input", "1001"];
    // 1251.25, which one-api rounds up.
    check(&request, 1252);
    check(&[&request[..], &["--profile", "new-api"]].concat(), 1251);
    check(&[&request[..], &["--group-ratio", "2"]].concat(), 2503);
    check(&[&request[..], &["--group", "vip"]].concat(), 626);
    let refused = calc(&[&request[..], &["--input-price", "2"]].concat());
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("the rules of one-api do not take `--input-price`"), "{}", refused.err);
    // gpt-4o is in one-api's own table alone, at 2.5.
    check(&["--config", &named, "--model", "gpt-4o", "--input", "1001"], 2503);
}

#[test]
fn what_the_gateway_does_not_tell_apart_is_said() {
    let flags = ["--profile", "one-api", "--model", "gpt-4o", "--prompt", "1000", "--cached", "200"];
    check(&flags, 2500);
    let done = calc(&flags);
    assert!(
        done.err.contains("a fresh one-api") && done.err.contains("no price of its own is known for `--cached`"),
        "{}",
        done.err
    );
}

#[test]
fn a_model_that_the_group_does_not_hold_is_said() {
    let moleapi = fixture("configs/moleapi.toml").display().to_string();
    let (_folder, config) = config("[group.k]\nratio = 0.5\nmodels = [\"zz*\"]\n");
    let flags = ["--config", &moleapi, "--config", &config, "--group", "k", "--model", "gpt-4o", "--input", "1000"];
    check(&flags, 625);
    assert!(calc(&flags).err.contains("note: group `k` does not hold `gpt-4o`"));
}

/// A real charge of a gateway: 130 tokens of audio at 1 USD per 1M, beside images at 5/3.
#[test]
fn audio_is_priced_as_the_gateway_does() {
    let (_folder, config) = config(
        "[group_ratio]\ntie = 1.15\n[cache_ratio]\n\"gemini-2.5-flash\" = 0.25\n[image_ratio]\n\"gemini-2.5-flash\" = 1.6666667\n",
    );
    let usage = ["--prompt", "395", "--cached", "131", "--audio-input", "130", "--image-input", "38", "--output", "15552"];
    check(&[&["--config", &config, "--model", "gemini-2.5-flash", "--group", "tie"], &usage[..]].concat(), 22_464);
}

#[test]
fn audio_without_a_price_is_text() {
    // (1000 + 10 · 4) · 1.25
    check(&["--model", "gpt-4o", "--input", "970", "--audio-input", "30", "--audio-output", "10"], 1300);
    check(&["--input-price", "2.5", "--output-price", "10", "--input", "970", "--audio-input", "30", "--audio-output", "10"], 1300);
    let (_folder, config) = config("[model.m]\ninput = 2.5\noutput = 10\naudio_input = 40\naudio_output = 80\n");
    // 1000 · 1.25 + 30 · 20 + 10 · 40
    check(&["--config", &config, "--model", "m", "--input", "1000", "--audio-input", "30", "--audio-output", "10"], 2250);
}

#[track_caller]
fn check_refused(flags: &[&str], told: [&str; 2]) {
    let done = calc(flags);
    assert_eq!((done.code, done.out.as_str()), (2, ""), "{flags:?}");
    assert!(told.into_iter().all(|flag| done.err.contains(flag)), "{}", done.err);
}

#[test]
fn what_lies_within_the_prompt_is_no_more_than_it() {
    check_refused(&["--model", "gpt-4o", "--prompt", "100", "--cached", "200"], ["`--prompt`", "`--cached`"]);
    check_refused(
        &["--model", "gpt-4o", "--prompt", "100", "--cached", "60", "--cache-write", "60"],
        ["`--cached`", "`--cache-write`"],
    );
    check(&["--model", "gpt-4o", "--prompt", "100", "--cached", "100"], 63);
}

/// The command line refuses these by itself, and prints why.
#[test]
fn prices_that_contradict_each_other_are_refused() {
    for [one, other] in [
        ["--model-price", "--model-ratio"],
        ["--model-price", "--input-price"],
        ["--input-price", "--model-ratio"],
        ["--completion-ratio", "--output-price"],
        ["--expr", "--model-ratio"],
        ["--expr", "--cache-ratio"],
        ["--expr", "--output-price"],
    ] {
        let output =
            Command::new(env!("CARGO_BIN_EXE_quota")).args(["calc", "--input", "10", one, "1", other, "2"]).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{one} {other}");
        assert!(err.contains(one) && err.contains(other), "{err}");
    }
    check(&["--input-price", "2", "--completion-ratio", "4", "--input", "1000", "--output", "10"], 1040);
}

#[test]
fn an_expression_without_a_number_has_no_price() {
    for expression in ["p/0", "0/0", "(0-p)/0"] {
        check_unpriced(&["--expr", expression, "--prompt", "1000"], "the expression comes to no finite number");
    }
    check_unpriced(&["--expr", "param(\"x\") ? p : c", "--prompt", "1000"], "request-dependent-expression");
}

#[test]
fn a_name_that_is_typed_twice_makes_one_column() {
    let done = calc(&["--model", "gpt-4o", "--model", "gpt-4o", "--group", "vip", "--group", "vip", "--input", "10"]);
    let document: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(document["charges"].as_array().unwrap().len(), 1);
}

/// 1.5 points for a token at 3 USD per 1M, and rates of 5 and 0.1 beside it.
const IN_USD: &str =
    "[model.m]\ninput = 3\noutput = 15\ncached = 0.3\n[model.odd]\ninput = 0.3\noutput = 2.5\n[model.video]\nper_second = 0.1\n";

#[test]
fn typed_ratios_take_the_place_of_prices() {
    let (_folder, config) = config(IN_USD);
    let million = ["--config", &config, "--input", "1000000", "--output", "1000000", "--model"];
    check(&[&million[..], &["m", "--model-ratio", "1"]].concat(), 6_000_000);
    check(&[&million[..], &["m", "--completion-ratio", "2"]].concat(), 4_500_000);
    check(&[&million[..], &["m", "--cache-ratio", "0.5", "--cached", "1000000"]].concat(), 9_750_000);
    // What has no flag keeps its ratio.
    check(&[&million[..], &["m", "--input-price", "6"]].concat(), 18_000_000);
    check(&[&million[..], &["m", "--output-price", "6"]].concat(), 4_500_000);
    // 2.5 / 0.3 does not end: the ratio is 8.333….
    check(&[&million[..], &["odd"]].concat(), 1_400_000);
    check(&[&million[..], &["odd", "--completion-ratio", "2"]].concat(), 450_000);
    check(&[&million[..], &["odd", "--model-ratio", "3"]].concat(), 28_000_000);
    check(&[&million[..], &["odd", "--input-price", "0.6"]].concat(), 2_800_000);
    check(&["--config", &config, "--input", "1000000", "--model", "video", "--model-ratio", "1"], 1_000_000);
}

#[test]
fn cache_writes_are_priced_by_the_rules_that_have_them() {
    let prices = r#"[{"model":"m","type":"tokens","channel_type":1,"input":2.5,"output":7.5}]"#;
    let (_prices, prices) = config(prices);
    let (_groups, groups) = config("[group_ratio]\ndefault = 1\n");
    // (1000 + 100 · 0.25) · 2.5
    for flag in ["--cache-write", "--cache-write-1h"] {
        let configs = ["--config", &prices, "--config", &groups, "--profile", "one-hub"];
        check(&[&configs[..], &["--model", "m", "--prompt", "1000", flag, "100"]].concat(), 2563);
    }
}

#[test]
fn the_card_has_the_prices_of_an_expression() {
    let (_folder, config) =
        config("[model.e]\nexpression = 'tier(\"a\", p*3 + c*15 + max(cr, 5)*2)'\n[group_ratio]\na = 1\nb = 2\n");
    let flags =
        ["calc", "-q", "--config", &config, "--model", "e", "--group", "a", "--group", "b", "--input", "10", "--output", "20"];
    let done = quota(&flags);
    let cells = |label: &str| {
        let line = done.out.lines().find(|line| line.trim_start().starts_with(label)).unwrap_or_else(|| panic!("{}", done.out));
        line.trim_start().trim_start_matches(label).split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(cells("p*3 per 1M"), ["$3.00", "$3.00"]);
    assert_eq!(cells("c*15 per 1M"), ["$15.00", "$15.00"]);
    // No price times tokens.
    assert_eq!(cells("max(cr, 5)*2 per 1M"), [""; 0]);
}

#[test]
fn the_config_is_the_one_that_an_audit_reads() {
    let (_prices, prices) = config("[model.a]\ninput = 3\noutput = 15\n[group_ratio]\ng = 1\n");
    let (_unknown, unknown) = config("[model.a]\nunknown = true\n[group.g]\nunknown = true\n");
    let (_dated, dated) = config("[[period]]\nuntil = 2030-01-01\n[period.model_ratio]\na = 9\n");
    let request = ["--config", &prices, "--model", "a", "--group", "g", "--input", "1000"];
    check(&request, 1500);
    check_unpriced(&[&request[..], &["--config", &unknown]].concat(), "ratio-unknown");
    check_unpriced(&[&request[..], &["--config", &unknown, "--model-ratio", "2"]].concat(), "`--group-ratio`");
    check(&[&request[..], &["--config", &unknown, "--model-ratio", "2", "--group-ratio", "1"]].concat(), 2000);
    // What holds from the beginning, as for rows without a time.
    check(&[&request[..], &["--config", &dated]].concat(), 9000);
}

#[test]
fn a_user_without_a_group_has_no_special_ratio() {
    let (_folder, config) =
        config("[model_ratio]\nm = 2\n[group_ratio]\ndefault = 1\nhalf = 0.5\n[group_group_ratio.vip]\nhalf = 0.25\n");
    let request = ["--config", &config, "--model", "m", "--input", "1000", "--group", "half"];
    check(&request, 1000);
    check(&[&request[..], &["--user-group", ""]].concat(), 1000);
    check(&[&request[..], &["--user-group", "vip"]].concat(), 500);
    let note = "note: users of `vip` pay another ratio in group `half`";
    assert!(calc(&request).err.contains(note));
    assert!(!calc(&[&request[..], &["--user-group", "vip"]].concat()).err.contains(note));
    assert_eq!(calc(&["--config", &config, "--model", "m", "--input", "1000", "--group", "all"]).code, 0);
}

#[test]
fn a_hint_names_the_flag_that_helps() {
    let (_status, status) = config(r#"{"success":true,"data":{"quota_per_unit":500000}}"#);
    let typed = ["--config", &status, "--input-price", "2.5", "--input", "1000"];
    check_unpriced(&typed, "hint: name it with `--group-ratio`, or another config");
    check(&[&typed[..], &["--group-ratio", "1"]].concat(), 1250);
    // The config has prices, but none of this model.
    let (_ratios, ratios) = config(r#"{"ModelRatio": {"m": 1}}"#);
    check_unpriced(&["--config", &ratios, "--model", "gpt-4o", "--input", "5"], "hint: name its price with");
    check_unpriced(&["--config", &status, "--model", "gpt-4o", "--input", "5"], "hint: the config says nothing of prices");
}

#[test]
fn known_groups_are_named_once_and_in_order() {
    let (_folder, config) =
        config("[model_ratio]\nm = 1\n[group_ratio]\nb = 1\n[group.a]\nratio = 1\nmodels = [\"m\"]\n[group.c]\nmodels = [\"m\"]\n");
    let done = calc(&["--config", &config, "--model", "m", "--input", "1"]);
    assert!(done.err.contains("known are a, b, c\n"), "{}", done.err);
}
