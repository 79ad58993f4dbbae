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
