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
fn a_group_that_is_in_no_config_is_an_error() {
    let path = fixture("logs/plain/moleapi.csv");
    let done = quota(&["compare", path.to_str().unwrap(), "--group", "nowhere"]);
    assert_eq!(done.code, 2);
    assert!(done.err.contains("group `nowhere` is in no config"), "{}", done.err);
    assert_eq!(quota(&["compare", path.to_str().unwrap()]).code, 2);
}
