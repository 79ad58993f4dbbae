//! `quota compare`: the same usage under other prices.

use serde_json::Value;

use crate::run::{audit, fixture, quota};

fn compare(flags: &[&str], code: u8) -> Value {
    let path = fixture("logs/new-api/logs.csv");
    let config = fixture("logs/new-api/options.json");
    let all = [&["compare", path.to_str().unwrap(), "--config", config.to_str().unwrap(), "--format", "json"], flags].concat();
    let done = quota(&all);
    assert_eq!(done.code, code, "{}", done.err);
    serde_json::from_str(&done.out).unwrap()
}

#[test]
fn a_log_under_its_own_config_costs_what_it_costs() {
    let config = fixture("logs/new-api/options.json");
    let document = compare(&["--against", config.to_str().unwrap()], 0);
    let total = &document["targets"][0]["total"];
    assert_eq!(total["difference_points"], 0, "{total:#}");
    let path = fixture("logs/new-api/logs.csv");
    let audited = audit(&path, &["--config", config.to_str().unwrap()]);
    let priced = total["rows"].as_i64().unwrap();
    let unpriced: i64 = total["unpriced"].as_object().unwrap().values().map(|rows| rows.as_i64().unwrap()).sum();
    assert_eq!(priced + unpriced, audited.total("matched") + audited.total("overcharged") + audited.total("undercharged"));
}

#[test]
fn the_models_sum_to_the_total_and_the_cheapest_group_is_named() {
    let document = compare(&["--group", "all"], 0);
    let targets = document["targets"].as_array().unwrap();
    for target in targets {
        for key in ["rows", "today_points", "then_points", "difference_points"] {
            let sum: i64 = target["models"].as_array().unwrap().iter().map(|model| model[key].as_i64().unwrap()).sum();
            assert_eq!(target["total"][key], sum, "{key}");
        }
    }
    let least = targets.iter().min_by_key(|target| target["total"]["then_points"].as_i64()).unwrap();
    assert_eq!(least["name"], document["cheapest_group"]);
}

#[test]
fn a_model_without_a_price_is_counted_and_never_free() {
    let document = compare(&["--model", "no-such-model"], 3);
    let total = &document["targets"][0]["total"];
    let unpriced: i64 = total["unpriced"].as_object().unwrap().values().map(|rows| rows.as_i64().unwrap()).sum();
    assert!(unpriced > 50 && total["rows"] == 0, "{total:#}");
}

#[test]
fn a_group_that_does_not_hold_a_model_has_no_price_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let config = "[model_ratio]\nm = 1.25\nzz1 = 1\n[group_ratio]\ndefault = 1\n[group.k]\nratio = 0.5\nmodels = [\"zz*\"]\n[group.j]\nratio = 0.8\n";
    std::fs::write(path("config.toml"), config).unwrap();
    std::fs::write(path("log.csv"), "model,group,prompt_tokens,quota\nm,default,1000,1250\nzz1,k,1000,500\n").unwrap();
    let targets = ["--group", "all", "--model", "m", "--config", &path("config.toml"), "--format", "json"];
    let done = quota(&[&["compare", &path("log.csv")], &targets[..]].concat());
    let document: Value = serde_json::from_str(&done.out).unwrap();
    let of =
        |name: &str| document["targets"].as_array().unwrap().iter().find(|target| target["name"] == name).unwrap()["total"].clone();
    for name in ["k", "m"] {
        assert_eq!((&of(name)["rows"], &of(name)["unpriced"]), (&1.into(), &serde_json::json!({"model-not-in-group": 1})));
    }
    assert_eq!(document["cheapest_group"], "j", "among those that price both");
}

#[test]
fn a_group_that_is_in_no_config_is_an_error() {
    let path = fixture("logs/plain/moleapi.csv");
    let done = quota(&["compare", path.to_str().unwrap(), "--group", "nowhere"]);
    assert_eq!(done.code, 2);
    assert!(done.err.contains("group `nowhere` is in no config"), "{}", done.err);
    assert_eq!(quota(&["compare", path.to_str().unwrap()]).code, 2);
}

/// 1000 tokens at 1.25 are 1250 points, at 1.5 they are 1500: 20 % more. `b` stays.
#[test]
fn a_diff_with_a_log_says_what_it_would_have_cost() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let config = |ratio: &str| format!("[model_ratio]\na = {ratio}\nb = 1\n[group_ratio]\ndefault = 1\n");
    let (old, new) = (file("old.toml", &config("1.25")), file("new.toml", &config("1.5")));
    let log = file("log.csv", "model,prompt_tokens,completion_tokens,quota\na,1000,0,1250\nb,10,0,10\n");
    let diff = |format: &str| quota(&["config", "diff", &old, &new, "--log", &log, "--format", format]);
    let json: Value = serde_json::from_str(&diff("json").out).unwrap();
    let compared = quota(&["compare", &log, "--config", &old, "--against", &new, "--format", "json"]);
    assert_eq!(json["log"], serde_json::from_str::<Value>(&compared.out).unwrap());
    assert_eq!(json["log"]["targets"][0]["total"]["difference_points"], 250);
    let markdown = diff("markdown").out;
    assert!(markdown.contains("| all | 2 | 1,260 | 1,510 | +250 | +$0.0005 | +19.84 | 0 |"), "{markdown}");
    assert!(markdown.contains("| a | 1 | 1,250 | 1,500 | +250 | +$0.0005 | +20 | 0 |"), "{markdown}");
    assert!(!markdown.contains("| b |"), "{markdown}");
    assert_eq!(quota(&["config", "diff", &old, &new, "--log", "no/such.csv"]).code, 2);
    let without: Value = serde_json::from_str(&quota(&["config", "diff", &old, &new, "--format", "json"]).out).unwrap();
    assert_eq!(without["log"], Value::Null);
}

/// 1000 · 1.25 at the special ratio that the row prints, which its user has no more, or did not have yet.
#[test]
fn in_its_own_group_a_row_costs_what_it_cost() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let config = "[model_ratio]\nm = 1.25\n[group_ratio]\ndefault = 1\ncheap = 0.3\n[group_group_ratio.vip]\ncheap = 0.25\n[user.mover]\ngroup = \"vip\"\n";
    let row = |user: &str, quota: i64, group: &str, special: &str| {
        let other =
            format!(r#"{{""model_ratio"":1.25,""group_ratio"":{group},""model_price"":-1,""user_group_ratio"":{special}}}"#);
        format!("{user},m,{quota},1000,0,cheap,\"{other}\"\n")
    };
    let rows = row("ann", 313, "0.25", "0.25") + &row("mover", 375, "0.3", "-1");
    std::fs::write(path("config.toml"), config).unwrap();
    std::fs::write(path("log.csv"), format!("username,model_name,quota,prompt_tokens,completion_tokens,group,other\n{rows}"))
        .unwrap();
    let targets = ["--group", "cheap", "--group", "cheap", "--config", &path("config.toml"), "--format", "json"];
    let done = quota(&[&["compare", &path("log.csv")], &targets[..]].concat());
    let document: Value = serde_json::from_str(&done.out).unwrap();
    let total = &document["targets"][0]["total"];
    assert_eq!((&total["today_points"], &total["then_points"]), (&688.into(), &688.into()), "{total:#}");
    assert_eq!((document["targets"].as_array().unwrap().len(), &document["cheapest_group"]), (1, &Value::Null));
}
