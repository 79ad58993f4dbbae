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
fn infer(log: &Path, folder: &Path, flags: &[&str]) -> (PathBuf, String) {
    let config = folder.join("inferred.toml");
    let done = quota(&[&["infer", log.to_str().unwrap(), "-o", config.to_str().unwrap()], flags].concat());
    assert_eq!(done.code, 0, "{}", done.err);
    let text = std::fs::read_to_string(&config).unwrap();
    (config, text)
}

#[track_caller]
fn has(text: &str, line: &str) {
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
    let (config, text) = infer(log, folder.path(), flags);
    let audited = audit(log, &["--config", config.to_str().unwrap()]);
    let wrong: Vec<String> = audited.rows.iter().filter(|row| !row["cause"].is_null()).map(ToString::to_string).collect();
    assert!(wrong.is_empty(), "{}\n{text}", wrong.join("\n"));
}

#[test]
fn a_gateways_log_without_its_ratios_audits_clean() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = csv::Reader::from_path(fixture("logs/new-api/logs.csv")).unwrap();
    let bare = folder.path().join("bare.csv");
    let mut writer = csv::Writer::from_path(&bare).unwrap();
    let header = reader.headers().unwrap().clone();
    let other = header.iter().position(|name| name == "other").unwrap();
    writer.write_record(header.iter().enumerate().filter(|(at, _)| *at != other).map(|(_, name)| name)).unwrap();
    for record in reader.records() {
        let record = record.unwrap();
        writer.write_record(record.iter().enumerate().filter(|(at, _)| *at != other).map(|(_, cell)| cell)).unwrap();
    }
    writer.flush().unwrap();
    is_clean(&bare, &["--from-charges"]);
}
