//! `quota infer`: the ratios of a log from its charges, as a config under which the log audits clean.

use std::path::{Path, PathBuf};

use quota::exact::{Exact, Ratio};

use crate::run::{audit, fixture, quota};

/// A log of charges at known prices, without a ratio in it.
fn write_log(folder: &Path, name: &str, groups: &[(&str, &str)]) -> PathBuf {
    let models = [("gpt-x", "1.25", "4", "0.1"), ("small-x", "0.075", "3.5", "0.5"), ("odd-x", "0.12345", "2", "0.25")];
    let mut text = "type,model,group,prompt_tokens,cached_tokens,completion_tokens,quota\n".to_owned();
    let mut seed = 7u64;
    let mut next = |most: i64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(seed >> 33).unwrap() % most
    };
    for (model, ratio, completion, cache) in models {
        for (group, group_ratio) in groups {
            for row in 0..12 {
                let (prompt, output) = (next(200_000) + 1000, next(20_000));
                let cached = if row % 3 == 0 { next(prompt) } else { 0 };
                let [ratio, completion, cache, group_ratio] =
                    [ratio, completion, cache, group_ratio].map(|text| text.parse::<Ratio>().unwrap());
                let tokens = Exact::from(prompt - cached) + Exact::from(cached) * cache + Exact::from(output) * completion;
                let quota = (tokens * ratio * group_ratio).round_half_away();
                text += &format!("2,{model},{group},{prompt},{cached},{output},{quota}\n");
            }
        }
    }
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[track_caller]
pub fn infer(log: &Path, folder: &Path, flags: &[&str]) -> (PathBuf, String) {
    let config = folder.join("inferred.toml");
    let done = quota(&[&["infer", log.to_str().unwrap(), "-o", config.to_str().unwrap()], flags].concat());
    assert_eq!(done.code, 0, "{}", done.err);
    let text = std::fs::read_to_string(&config).unwrap();
    (config, text)
}

#[track_caller]
pub fn has(text: &str, line: &str) {
    assert!(text.lines().any(|found| found.split("  #").next() == Some(line)), "no `{line}` in\n{text}");
}

#[test]
fn what_the_charges_determine_is_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let log = write_log(folder.path(), "log.csv", &[("default", "1"), ("vip", "0.85"), ("cheap", "0.06")]);
    let (config, text) = infer(&log, folder.path(), &[]);
    for line in ["\"gpt-x\" = 1.25", "\"small-x\" = 0.075", "\"odd-x\" = 0.12345", "\"vip\" = 0.85", "\"cheap\" = 0.06"] {
        has(&text, line);
    }
    for line in ["\"gpt-x\" = 4", "\"small-x\" = 3.5", "\"odd-x\" = 2", "\"gpt-x\" = 0.1", "\"small-x\" = 0.5", "\"odd-x\" = 0.25"]
    {
        has(&text, line);
    }
    let audited = audit(&log, &["--config", config.to_str().unwrap()]);
    assert_eq!((audited.code, audited.total("matched")), (0, 108));
}

#[test]
fn a_group_that_nothing_ties_to_a_known_one_is_set_to_one_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let log = write_log(folder.path(), "log.csv", &[("vip", "0.5"), ("cheap", "0.25")]);
    let (_, text) = infer(&log, folder.path(), &[]);
    assert!(text.contains(" = 1  # taken as 1"), "{text}");
    // No row is in `default`.
    assert!(text.contains("group ratio: the ratio of `vip` is taken as 1,") && !text.contains("default"), "{text}");
    let groups = folder.path().join("groups.json");
    std::fs::write(&groups, r#"{"GroupRatio": {"vip": 0.5}}"#).unwrap();
    let (_, text) = infer(&log, folder.path(), &["--config", groups.to_str().unwrap()]);
    has(&text, "\"gpt-x\" = 1.25");
    has(&text, "\"cheap\" = 0.25");
}

/// Whether a log audits without a mismatch under what was inferred from it.
#[track_caller]
fn is_clean(log: &Path, flags: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("inferred.toml");
    let done = quota(&[&["infer", log.to_str().unwrap(), "-o", config.to_str().unwrap()], flags].concat());
    if done.code == 3 {
        // Nothing can be said, and nothing is written.
        assert!(!config.exists());
        return;
    }
    assert_eq!(done.code, 0, "{}", done.err);
    let text = std::fs::read_to_string(&config).unwrap();
    let audited = audit(log, &["--config", config.to_str().unwrap()]);
    let wrong: Vec<String> = audited.rows.iter().filter(|row| !row["cause"].is_null()).map(ToString::to_string).collect();
    assert!(wrong.is_empty(), "{}\n{text}", wrong.join("\n"));
}

/// What the ratios of a row are called in its details.
const RATIOS: [&str; 16] = [
    "model_ratio",
    "completion_ratio",
    "cache_ratio",
    "cache_creation_ratio",
    "cache_creation_ratio_5m",
    "cache_creation_ratio_1h",
    "image_ratio",
    "audio_ratio",
    "audio_completion_ratio",
    "model_price",
    "group_ratio",
    "user_group_ratio",
    "input_ratio",
    "output_ratio",
    "price_type",
    "expr_b64",
];

/// Writes a log again with some of its columns, and with changed details.
fn rewrite(log: &Path, to: &Path, keep: &dyn Fn(&str) -> bool, change: &dyn Fn(&str) -> String) {
    let mut reader = csv::Reader::from_path(log).unwrap();
    let mut writer = csv::Writer::from_path(to).unwrap();
    let header = reader.headers().unwrap().clone();
    let kept: Vec<usize> = (0..header.len()).filter(|at| keep(&header[*at])).collect();
    writer.write_record(kept.iter().map(|at| &header[*at])).unwrap();
    for record in reader.records() {
        let record = record.unwrap();
        let cell = |at: &usize| if is_details(&header[*at]) { change(&record[*at]) } else { record[*at].to_owned() };
        writer.write_record(kept.iter().map(cell)).unwrap();
    }
    writer.flush().unwrap();
}

fn is_details(column: &str) -> bool {
    matches!(column, "other" | "metadata")
}

fn without_ratios(details: &str) -> String {
    match serde_json::from_str(details) {
        Ok(serde_json::Value::Object(mut keys)) => {
            RATIOS.iter().for_each(|key| drop(keys.remove(*key)));
            serde_json::Value::Object(keys).to_string()
        }
        _ => details.to_owned(),
    }
}

/// Whatever is inferred from an honest log, with its details, without its ratios or as a slim export, no row contradicts it.
#[track_caller]
fn check_clean(log: &str) {
    let log = fixture(log);
    let folder = tempfile::tempdir().unwrap();
    is_clean(&log, &[]);
    is_clean(&log, &["--from-charges"]);
    let slim =
        ["created_at", "type", "model_name", "model", "group", "prompt_tokens", "completion_tokens", "cached_tokens", "quota"];
    let as_is = |details: &str| details.to_owned();
    let rewritten = |name: &str, keep: &dyn Fn(&str) -> bool, change: &dyn Fn(&str) -> String| {
        let path = folder.path().join(name);
        rewrite(&log, &path, keep, change);
        is_clean(&path, &[]);
    };
    rewritten("stripped.csv", &|_| true, &without_ratios);
    rewritten("empty.csv", &|_| true, &|_| String::new());
    rewritten("bare.csv", &|column| !is_details(column) && column != "content", &as_is);
    rewritten("slim.csv", &|column| slim.contains(&column), &as_is);
}

macro_rules! clean {
    ($($name:ident: $log:literal,)*) => {
        $(#[test]
        fn $name() {
            check_clean($log);
        })*
    };
}

clean! {
    new_api_audits_clean: "logs/new-api/logs.csv",
    new_api_of_2025_audits_clean: "logs/new-api-2025/logs.csv",
    new_api_of_2024_audits_clean: "logs/new-api-2024/logs.csv",
    veloera_audits_clean: "logs/veloera/logs.csv",
    one_api_audits_clean: "logs/one-api/logs.csv",
    one_hub_audits_clean: "logs/one-hub/logs.csv",
    laisky_audits_clean: "logs/laisky/logs.csv",
    a_plain_log_audits_clean: "logs/plain/discount.csv",
    moleapi_audits_clean: "logs/groups/moleapi.csv",
    tokenopen_audits_clean: "logs/groups/tokenopen.csv",
    apiyi_audits_clean: "logs/groups/apiyi.csv",
}

/// A log of one model at a ratio that a row's number and user decide, with completion ratio 4.
fn write_rows(folder: &Path, seconds: i64, ratio: &dyn Fn(i64, &str) -> &'static str) -> PathBuf {
    let mut text = "created_at,type,username,model,group,prompt_tokens,completion_tokens,quota\n".to_owned();
    for row in 0..24 {
        let user = if row % 4 == 1 { "ann" } else { "bob" };
        let (prompt, output) = (100_003 + row * 7_919, 1_009 + row * row * 131);
        let tokens = Exact::from(prompt) + Exact::from(output) * 4;
        let quota = (tokens * ratio(row, user).parse::<Ratio>().unwrap()).round_half_away();
        text += &format!("{},2,{user},gpt-x,default,{prompt},{output},{quota}\n", 1_770_000_000 + row * seconds);
    }
    let path = folder.join("log.csv");
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_price_that_changed_gets_a_period_for_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let log = write_rows(folder.path(), 60, &|row, _| if row < 10 { "1.25" } else { "1.5" });
    let (config, text) = infer(&log, folder.path(), &[]);
    for line in ["until = 2026-02-02T02:50:00Z", "from = 2026-02-02T02:50:00Z", "\"gpt-x\" = 1.25", "\"gpt-x\" = 1.5"] {
        has(&text, line);
    }
    all_match(&log, &config, 24, &text);
}

#[test]
fn the_second_in_which_a_price_changed_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let log = write_rows(folder.path(), 0, &|row, _| if row < 10 { "1.25" } else { "1.5" });
    let text = std::fs::read_to_string(&log).unwrap();
    // Three rows are earlier, two are later.
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    (1..4).for_each(|row| lines[row] = lines[row].replace("1770000000", "1769999990"));
    (23..25).for_each(|row| lines[row] = lines[row].replace("1770000000", "1770000009"));
    std::fs::write(&log, lines.join("\n") + "\n").unwrap();
    let (config, text) = infer(&log, folder.path(), &[]);
    has(&text, "\"gpt-x\" = { unknown = true }");
    let audited = audit(&log, &["--config", config.to_str().unwrap()]);
    assert_eq!((audited.code, audited.total("matched"), audited.total("unrated")), (0, 5, 19), "{text}");
}

#[test]
fn a_user_with_a_ratio_of_its_own_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let log = write_rows(folder.path(), 60, &|_, user| if user == "ann" { "1" } else { "1.25" });
    let (config, text) = infer(&log, folder.path(), &[]);
    has(&text, "\"gpt-x\" = 1.25");
    has(&text, "\"default\" = 0.8");
    has(&text, "\"ann\" = { group = \"user ann\" }");
    all_match(&log, &config, 24, &text);
}

#[test]
fn what_a_config_says_is_unknown_is_unrated() {
    let folder = tempfile::tempdir().unwrap();
    let log = write_rows(folder.path(), 60, &|_, _| "1.25");
    let config = folder.path().join("config.toml");
    let prices = "[model_ratio]\ngpt-x = 1.25\n[completion_ratio]\ngpt-x = 4\n";
    for (unknown, unrated) in [
        ("", 0),
        ("[model]\ngpt-x = { unknown = true }", 24),
        ("[group.default]\nunknown = true", 24),
        ("[user.ann]\nunknown = true", 6),
    ] {
        std::fs::write(&config, format!("{prices}{unknown}\n")).unwrap();
        let audited = audit(&log, &["--config", config.to_str().unwrap()]);
        assert_eq!((audited.total("matched"), audited.total("unrated")), (24 - unrated, unrated), "{unknown}");
    }
}

/// new-api of 2024 rounds the output by itself: `round((prompt + round(output · 3.7)) · 37.5)`.
#[test]
fn a_log_that_names_no_gateway_is_solved_by_the_one_that_fits() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.csv");
    let row = |row: i64| {
        let (prompt, output) = (1_003 + row * 79, 109 + row * row * 13);
        let output_counted = (Exact::from(output) * "3.7".parse::<Ratio>().unwrap()).rounded(0);
        let quota = ((Exact::from(prompt) + output_counted) * "37.5".parse::<Ratio>().unwrap()).round_half_away();
        format!("{},2,ann,m-x,default,{prompt},{output},{quota}\n", 1_770_000_000 + row)
    };
    let header = "created_at,type,username,model_name,group,prompt_tokens,completion_tokens,quota\n".to_owned();
    std::fs::write(&log, (0..24).map(row).fold(header, |text, line| text + &line)).unwrap();
    let (config, text) = infer(&log, folder.path(), &[]);
    for line in ["profile = \"new-api-2024\"", "\"m-x\" = 37.5", "\"m-x\" = 3.7"] {
        has(&text, line);
    }
    all_match(&log, &config, 24, &text);
}

/// Where new-api of today gives as many rows, the log is its.
#[test]
fn a_log_that_several_gateways_fit_is_of_new_api() {
    let folder = tempfile::tempdir().unwrap();
    let log = write_log(folder.path(), "log.csv", &[("default", "1"), ("vip", "0.85")]);
    let (_, text) = infer(&log, folder.path(), &[]);
    assert!(!text.contains("profile ="), "{text}");
}

#[test]
fn the_gateway_that_was_named_is_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let log = write_rows(folder.path(), 60, &|_, _| "1.25");
    let (config, text) = infer(&log, folder.path(), &["--profile", "one-api"]);
    has(&text, "profile = \"one-api\"");
    // one-api rounds up: the charges of another gateway are only right where its amount is whole or was rounded up anyway.
    let audited = audit(&log, &["--config", config.to_str().unwrap()]);
    assert!(audited.rows.iter().all(|row| row["profile"] == "one-api" && row["cause"].is_null()), "{text}");
}

/// All so many rows are right under the inferred config.
#[track_caller]
pub fn all_match(log: &Path, config: &Path, rows: i64, text: &str) {
    let audited = audit(log, &["--config", config.to_str().unwrap()]);
    assert_eq!((audited.code, audited.total("matched")), (0, rows), "{text}");
}

/// The rows of the inferred config's audit that are wrong, by line.
fn flagged(log: &Path, config: &Path) -> Vec<u64> {
    let audited = audit(log, &["--config", config.to_str().unwrap()]);
    let wrong = audited.rows.iter().filter(|row| !row["cause"].is_null());
    wrong.map(|row| row["line"].as_u64().unwrap()).collect()
}

/// Makes the charge of a line (the header is line 1) another one.
fn plant(log: &Path, line: usize, charge: &dyn Fn(i64) -> i64) {
    let text = std::fs::read_to_string(log).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let (rest, quota) = lines[line - 1].rsplit_once(',').unwrap();
    lines[line - 1] = format!("{rest},{}", charge(quota.parse().unwrap()));
    std::fs::write(log, lines.join("\n") + "\n").unwrap();
}

#[test]
fn a_wrong_charge_among_many_right_ones_is_told_and_flagged() {
    let folder = tempfile::tempdir().unwrap();
    let log = write_log(folder.path(), "log.csv", &[("default", "1"), ("vip", "0.85"), ("cheap", "0.06")]);
    // One in each model: the rows of a model are 36 lines.
    let lines = [7, 60, 90];
    lines.iter().for_each(|line| plant(&log, *line, &|quota| quota * 2));
    let (config, text) = infer(&log, folder.path(), &[]);
    for line in ["\"gpt-x\" = 1.25", "\"small-x\" = 0.075", "\"odd-x\" = 0.12345", "\"vip\" = 0.85", "\"cheap\" = 0.06"] {
        has(&text, line);
    }
    assert_eq!(text.matches("; 1 row of 36 does not fit").count(), 3, "{text}");
    assert_eq!(flagged(&log, &config), lines.map(|line| line as u64));
}

#[test]
fn where_more_charges_differ_the_price_is_unknown_in_their_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let log = write_rows(folder.path(), 60, &|_, _| "1.25");
    // Its rows have no details: one of 24 may be wrong, two may not.
    plant(&log, 6, &|quota| quota * 2);
    let (config, text) = infer(&log, folder.path(), &[]);
    assert!(text.contains("; 1 row of 24 does not fit: line 6"), "{text}");
    assert_eq!(flagged(&log, &config), [6]);
    plant(&log, 17, &|quota| quota * 5);
    let (config, text) = infer(&log, folder.path(), &[]);
    all_but_some_are_right(&log, &config, &text, 22);
    assert!(text.contains("; 2 rows do not fit, and the price is unknown in their seconds: line 6"), "{text}");
    // Six of 24 are more than one in five.
    [3, 9, 12, 20].into_iter().for_each(|line| plant(&log, line, &|quota| quota * 3));
    let (config, text) = infer(&log, folder.path(), &[]);
    has(&text, "\"gpt-x\" = { unknown = true }");
    assert!(text.contains("is the first that does not") && !text.contains("[[period]]"), "{text}");
    assert!(flagged(&log, &config).is_empty(), "{text}");
}

/// Whether so many rows of the model come out by its price, and the others are unrated.
#[track_caller]
fn all_but_some_are_right(log: &Path, config: &Path, text: &str, right: i64) {
    has(text, "\"gpt-x\" = 1.25");
    let audited = audit(log, &["--config", config.to_str().unwrap()]);
    assert_eq!((audited.code, audited.total("matched"), audited.total("unrated")), (0, right, 24 - right), "{text}");
}

/// The last row of a user may be the first at another ratio.
#[test]
fn a_wrong_charge_has_right_ones_before_and_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = write_rows(folder.path(), 60, &|_, _| "1.25");
    plant(&log, 25, &|quota| quota * 2);
    let (config, text) = infer(&log, folder.path(), &[]);
    all_but_some_are_right(&log, &config, &text, 23);
    // 23 minutes after the first row.
    for line in ["from = 2026-02-02T03:03:00Z", "until = 2026-02-02T03:03:01Z", "\"gpt-x\" = { unknown = true }"] {
        has(&text, line);
    }
    assert!(text.contains("# 1 row does not fit, line 25: a wrong charge, or another price"), "{text}");
    let done = quota(&["infer", log.to_str().unwrap(), "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(json["unknown"][0]["from"], "2026-02-02T03:03:00Z");
}

/// A ratio that one point may be the minimum of is not 0.
#[test]
fn the_least_charge_does_not_make_a_ratio_zero() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.csv");
    let rows = (1..12).map(|row| format!("2,m-x,default,{row},0,1\n"));
    let header = "type,model,group,prompt_tokens,completion_tokens,quota\n".to_owned();
    std::fs::write(&log, rows.fold(header, |text, line| text + &line)).unwrap();
    let (_, text) = infer(&log, folder.path(), &[]);
    has(&text, "\"m-x\" = { unknown = true }");
}

/// Details without ratios are those of several gateways.
#[test]
fn a_log_whose_details_lack_their_ratios_is_solved_by_the_gateway_that_fits() {
    let folder = tempfile::tempdir().unwrap();
    for (log, line) in [("new-api-2025", "profile = \"new-api-2025\""), ("new-api-2024", "profile = \"new-api-2024\"")] {
        let stripped = folder.path().join("stripped.csv");
        rewrite(&fixture(&format!("logs/{log}/logs.csv")), &stripped, &|_| true, &without_ratios);
        let (_, text) = infer(&stripped, folder.path(), &[]);
        has(&text, line);
    }
}

#[test]
fn a_price_that_changed_is_no_wrong_charge_and_a_wrong_charge_no_price() {
    let folder = tempfile::tempdir().unwrap();
    let log = write_rows(folder.path(), 60, &|row, _| if row < 12 { "1.25" } else { "1.5" });
    plant(&log, 5, &|quota| quota * 2);
    let (config, text) = infer(&log, folder.path(), &[]);
    for line in ["until = 2026-02-02T02:52:00Z", "from = 2026-02-02T02:52:00Z", "\"gpt-x\" = 1.25", "\"gpt-x\" = 1.5"] {
        has(&text, line);
    }
    assert_eq!(flagged(&log, &config), [5]);
}

/// A log of two models in three groups; the ratio of one group changes with row 20 of 40, that of the model with row 30.
fn write_changes(folder: &Path, of_group: &dyn Fn(&str, i64) -> &'static str, of_model: &dyn Fn(i64) -> &'static str) -> PathBuf {
    let mut text = "created_at,type,model,group,prompt_tokens,completion_tokens,quota\n".to_owned();
    for row in 0..40 {
        for (at, group) in ["default", "vip", "cheap"].into_iter().enumerate() {
            for (model, factor, completion) in [("gpt-x", "1", "4"), ("small-x", "0.06", "2")] {
                let (prompt, output) = (100_003 + row * 7_919 + at as i64 * 1_777, 1_009 + row * row * 131);
                let [completion, factor, of_model, of_group] =
                    [completion, factor, of_model(row), of_group(group, row)].map(|text| text.parse::<Ratio>().unwrap());
                let tokens = Exact::from(prompt) + Exact::from(output) * completion;
                let quota = (tokens * of_model * factor * of_group).round_half_away();
                text += &format!("{},2,{model},{group},{prompt},{output},{quota}\n", 1_770_000_000 + row * 60);
            }
        }
    }
    let path = folder.join("log.csv");
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_group_ratio_that_changed_is_the_groups_period() {
    let folder = tempfile::tempdir().unwrap();
    let of_group = |group: &str, row: i64| match group {
        "default" => "1",
        "vip" if row < 20 => "0.85",
        "vip" => "0.9",
        _ => "0.3",
    };
    let log = write_changes(folder.path(), &of_group, &|_| "1.25");
    let (config, text) = infer(&log, folder.path(), &[]);
    for line in ["\"gpt-x\" = 1.25", "\"small-x\" = 0.075", "\"vip\" = 0.85", "\"cheap\" = 0.3", "\"vip\" = 0.9"] {
        has(&text, line);
    }
    has(&text, "from = 2026-02-02T03:00:00Z");
    assert_eq!((text.matches("[[period]]").count(), text.matches("[period.group_ratio]").count()), (1, 1), "{text}");
    all_match(&log, &config, 240, &text);
    // Wrong charges before and behind the change are still wrong charges.
    plant(&log, 20, &|quota| quota * 2);
    plant(&log, 200, &|quota| quota * 3);
    let (config, text) = infer(&log, folder.path(), &[]);
    has(&text, "\"vip\" = 0.9");
    assert_eq!(flagged(&log, &config), [20, 200]);
}

#[test]
fn prices_that_change_in_all_groups_are_those_of_the_models() {
    let folder = tempfile::tempdir().unwrap();
    let of_group = |group: &str, _: i64| if group == "default" { "1" } else { "0.5" };
    let log = write_changes(folder.path(), &of_group, &|row| if row < 30 { "1.25" } else { "1.5" });
    let (config, text) = infer(&log, folder.path(), &[]);
    assert!(!text.contains("[period.group_ratio]"), "{text}");
    for line in ["\"gpt-x\" = 1.25", "\"gpt-x\" = 1.5", "\"small-x\" = 0.075", "\"small-x\" = 0.09"] {
        has(&text, line);
    }
    all_match(&log, &config, 240, &text);
}

/// one-api rows name no group; `ceil(tokens · (model ratio · group ratio))` with the group of the user.
#[test]
fn where_rows_name_no_group_each_user_has_a_ratio() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.csv");
    let mut text = "created_at,type,username,model_name,prompt_tokens,completion_tokens,quota,elapsed_time\n".to_owned();
    for row in 0..36 {
        let (user, group_ratio) = [("ann", "1"), ("bob", "0.85"), ("cat", "0.3")][usize::try_from(row % 3).unwrap()];
        let (prompt, output) = (100_003 + row * 7_919, 1_009 + row * row * 131);
        let tokens = Exact::from(prompt) + Exact::from(output) * 4;
        let [model_ratio, group_ratio] = ["1.25", group_ratio].map(|text| text.parse::<Ratio>().unwrap());
        let quota = (tokens * model_ratio * group_ratio).ceil();
        text += &format!("{},2,{user},gpt-x,{prompt},{output},{quota},7\n", 1_770_000_000 + row);
    }
    std::fs::write(&log, text).unwrap();
    let (config, text) = infer(&log, folder.path(), &[]);
    // The ratio of one user is taken as 1.
    let number = |line: &str| text.lines().find_map(|found| found.strip_prefix(line)?.split("  #").next()?.parse::<Ratio>().ok());
    let [model, ann, bob, cat] =
        ["\"gpt-x\" = ", "\"user ann\" = ", "\"user bob\" = ", "\"user cat\" = "].map(|line| number(line).unwrap());
    let products = [ann, bob, cat].map(|ratio| Exact::from(model) * ratio);
    let expected = ["1.25", "1.0625", "0.375"].map(|text| Exact::from(text.parse::<Ratio>().unwrap()));
    assert_eq!(products, expected, "{text}");
    all_match(&log, &config, 36, &text);
}
