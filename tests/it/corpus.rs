//! The log of a real gateway that ships with the project: each row is what its verdict says, in every form and on both
//! bases, and any change to a charge is found.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::forms::{FORMS, Log, add_options, gzipped};
use crate::run::{Audit, audit, fixture, quota, verdict};

const BASES: [&str; 2] = ["config", "logged"];

fn log() -> Log {
    Log::read(&fixture("logs/new-api/logs.csv"))
}

/// The flags of an audit of the fixture.
fn flags(basis: &str) -> Vec<String> {
    let options = fixture("logs/new-api/options.json");
    vec!["--config".to_owned(), options.to_str().unwrap().to_owned(), "--basis".to_owned(), basis.to_owned()]
}

fn audit_on(path: &Path, basis: &str) -> Audit {
    let flags = flags(basis);
    audit(path, &flags.iter().map(String::as_str).collect::<Vec<_>>())
}

/// What is right for each row, by id, on a basis.
fn right(basis: &str) -> HashMap<String, String> {
    let verdicts = Log::read(&fixture("logs/new-api/verdicts.csv"));
    let column = verdicts.column(basis);
    verdicts.records.iter().map(|record| (record[0].clone(), record[column].clone())).collect()
}

#[track_caller]
fn check_verdicts(found: &Audit, basis: &str) {
    found.keeps_the_law();
    let right = right(basis);
    assert_eq!(found.rows.len(), right.len());
    for (id, verdict) in found.verdicts() {
        assert_eq!(verdict, right[&id], "row {id} on basis {basis}");
    }
}

/// The report without what differs between forms: the lines of findings.
fn sums(audit: &Audit) -> String {
    audit.end.to_string()
}

#[test]
fn a_config_without_prices_blames_no_row() {
    for (log, config) in [("new-api", "users.json"), ("one-hub", "options.json"), ("one-hub", "user_groups.json")] {
        let [log, config] = [format!("logs/{log}/logs.csv"), format!("logs/{log}/{config}")].map(|name| fixture(&name));
        let found = audit(&log, &["--config", config.to_str().unwrap()]);
        found.keeps_the_law();
        assert_eq!((found.total("overcharged"), found.total("undercharged")), (0, 0), "{}", config.display());
        assert!(found.total("matched") > found.total("unrated"), "{}", config.display());
    }
}

#[test]
fn every_row_is_what_its_verdict_says_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let log = log();
    for basis in BASES {
        let first = audit_on(&fixture("logs/new-api/logs.csv"), basis);
        for form in FORMS {
            let path = log.write(folder.path(), form);
            let found = audit_on(&path, basis);
            check_verdicts(&found, basis);
            assert_eq!(sums(&found), sums(&first), "{form}");
            std::fs::remove_file(path).unwrap();
        }
    }
}

#[test]
fn a_database_is_audited_by_its_own_options() {
    let folder = tempfile::tempdir().unwrap();
    let path = log().write(folder.path(), "db");
    add_options(&path, &fixture("logs/new-api/options.json"));
    let alone = audit(&path, &[]);
    check_verdicts(&alone, "config");
    assert_eq!(sums(&alone), sums(&audit_on(&fixture("logs/new-api/logs.csv"), "config")));
    assert_eq!(alone.code, 1, "prices changed while the log was written");
    assert_eq!(audit(&path, &["--basis", "logged"]).code, 0);
}

#[test]
fn standard_input_is_audited_as_a_file_is() {
    let expected = audit_on(&fixture("logs/new-api/logs.csv"), "config");
    let folder = tempfile::tempdir().unwrap();
    for form in ["csv", "gz", "page"] {
        let bytes = std::fs::read(log().write(folder.path(), form)).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_quota"))
            .args(["audit", "-", "--quiet", "--format", "ndjson"])
            .args(flags("config"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let writer = std::thread::spawn(move || stdin.write_all(&bytes));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        assert_eq!(output.status.code(), Some(expected.code.into()), "{form}");
        let last = String::from_utf8(output.stdout).unwrap().lines().last().map(str::to_owned);
        assert_eq!(last, Some(sums(&expected)), "{form}");
    }
}

#[test]
fn entries_that_come_again_from_another_input_count_once() {
    let folder = tempfile::tempdir().unwrap();
    let page = log().write(folder.path(), "page");
    let once = audit_on(&page, "logged");
    let twice = {
        let mut flags = flags("logged");
        flags.push(fixture("logs/new-api/logs.csv").to_str().unwrap().to_owned());
        audit(&page, &flags.iter().map(String::as_str).collect::<Vec<_>>())
    };
    twice.keeps_the_law();
    let repeated = twice.rows.iter().filter(|row| row["reason"] == "repeated").count() as i64;
    assert_eq!(repeated, once.total("rows"));
    for word in ["matched", "unrated", "charged_points", "expected_points", "unrated_points"] {
        assert_eq!(twice.total(word), once.total(word), "{word}");
    }
}

/// A database and an API write the keys of `metadata` in other orders, and Laisky's API leaves out the numbers beside the uuids. A top-up
/// that comes again is booked once.
#[test]
fn views_of_one_entry_are_one_entry() {
    let folder = tempfile::tempdir().unwrap();
    let once = |name: &str, [one, other]: [String; 2], flags: &[&str]| {
        let paths = [one, other].map(|text| {
            let path = folder.path().join(format!("{name}-{}", text.len()));
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        });
        let audit = audit(Path::new(&paths[0]), &[&[paths[1].as_str()], flags].concat());
        audit.keeps_the_law();
        assert!(audit.rows.iter().filter(|row| row["reason"] == "repeated").count() * 2 == audit.rows.len(), "{name}: {audit:?}");
        assert_eq!(audit.end["policy"], Value::Array(Vec::new()), "{name}");
    };
    let one_hub = |tool: &str| {
        format!(
            r#"{{"id":618,"user_id":4,"created_at":1795474415,"type":2,"content":"","username":"u","token_name":"t","model_name":"gpt-4o","quota":26250,"prompt_tokens":10000,"completion_tokens":250,"channel_id":1,"request_time":65,"is_stream":true,"source_ip":"","metadata":{{"backup_group_name":"","extra_billing":{{"web_search_preview":{{{tool}}}}},"group_name":"default","group_ratio":1,"input_ratio":1.25,"is_backup_group":false,"output_ratio":5,"price_type":"tokens"}}}}"#
        )
    };
    let tools = [r#""type":"high","call_count":1,"price":0.025"#, r#" "call_count":1,"price":0.025,"type":"high""#];
    once("one-hub", tools.map(one_hub), &[]);
    let row = r#"model rate 1.62, group rate 0.95, completion rate 4.00, cached_prompt 0, cache_write_5m 0, cache_write_1h 0"#;
    let table = format!(
        "id,user_id,uuid,user_uuid,created_at,type,content,username,token_name,token_uuid,model_name,origin_model_name,quota,prompt_tokens,completion_tokens,channel_id,channel_uuid,request_id,trace_id,updated_at,elapsed_time,is_stream,system_prompt_reset,cached_prompt_tokens,metadata\n300,3,u-1,u-2,1795475882,2,\"{row}\",bob,tok,u-3,m,m,33562,16791,1254,2,u-4,r-1,t-1,1795475882832,42,0,0,0,\n"
    );
    let page = format!(
        r#"{{"uuid":"u-1","user_uuid":"u-2","created_at":1795475882,"type":2,"content":"{row}","username":"bob","token_name":"tok","token_uuid":"u-3","model_name":"m","origin_model_name":"m","quota":33562,"prompt_tokens":16791,"completion_tokens":1254,"channel_uuid":"u-4","channel_name":"two vip","request_id":"r-1","trace_id":"t-1","updated_at":1795475882832,"elapsed_time":42,"is_stream":false,"system_prompt_reset":false,"cached_prompt_tokens":0,"metadata":null}}"#
    );
    once("laisky", [table, page], &[]);
    let top_up = r#"{"id":1,"user_id":3,"created_at":1795478600,"type":1,"content":"通过 API 充值 5000 点额度","username":"bob","token_name":"","model_name":"","quota":5000,"prompt_tokens":0,"completion_tokens":0,"channel":0,"request_id":"a","elapsed_time":0,"is_stream":false,"system_prompt_reset":false}"#;
    let balances = folder.path().join("balances.json");
    std::fs::write(&balances, r#"[{"user":"bob","before":0,"after":5000}]"#).unwrap();
    once("top-up", [top_up.to_owned(), format!("{top_up}\n")], &["--balances", balances.to_str().unwrap()]);
}

/// On one basis every second charge becomes larger and the others smaller; on the other basis the other way round.
#[track_caller]
fn check_each_charge_changed(basis: &str, parity: usize) {
    let folder = tempfile::tempdir().unwrap();
    let log = log();
    let quota = log.column("quota");
    let before = audit_on(&log.write(folder.path(), "csv"), basis);
    let mut known = 0;
    for (index, was) in before.rows.iter().enumerate().filter(|(_, row)| is_right(row)) {
        known += usize::from(was["reason"].is_null());
        let step = if index % 2 == parity { 1 } else { -1 };
        let mut changed = log.clone();
        let charge: i64 = changed.records[index][quota].parse().unwrap();
        changed.records[index][quota] = (charge + step).to_string();
        let after = audit_on(&changed.write(folder.path(), "csv"), basis);
        check_changed(&before, &after, index, step);
    }
    assert!(known > 140, "{known} charges are known for sure");
}

#[test]
fn a_charge_that_is_off_by_one_point_is_the_only_mismatch_by_the_config() {
    check_each_charge_changed("config", 0);
}

#[test]
fn a_charge_that_is_off_by_one_point_is_the_only_mismatch_by_the_row_itself() {
    check_each_charge_changed("logged", 1);
}

/// Charged as the config says, or exactly as the row's own ratios say.
fn is_right(row: &Value) -> bool {
    matches!(verdict(row), "matched" | "ratio-drift")
}

/// The changed row is wrong, or, where something of it had to be presumed, cannot be known; no other row is touched.
#[track_caller]
fn check_changed(before: &Audit, after: &Audit, index: usize, step: i64) {
    let (was, is) = (&before.rows[index], &after.rows[index]);
    assert_eq!(is["delta_points"].as_i64(), was["delta_points"].as_i64().map(|delta| delta + step), "{is}");
    let (is_presumed, class) = (!was["reason"].is_null(), is["verdict"].as_str());
    let is_wrong = matches!(class, Some("overcharged" | "undercharged")) && is["cause"] != "ratio-drift";
    assert!(is_wrong || (is_presumed && class == Some("unrated")), "{is}");
    let others = |audit: &Audit| -> Vec<Value> {
        audit.rows.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, row)| row.clone()).collect()
    };
    let (were, are) = (others(before), others(after));
    assert!(were == are, "row {index} changed another row: {:?}", were.iter().zip(&are).find(|(a, b)| a != b));
}

/// Every so many bytes, with a step that meets all kinds of places.
fn positions(length: usize, count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |n| n * (length / count) + (n * 7919) % (length / count))
}

/// Audits damaged bytes: no panic, the law holds, and each row that could not be read is named.
#[track_caller]
fn check_damaged(bytes: &[u8], name: &str, what: &str) -> Option<Audit> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let done = quota(&["audit", path.to_str().unwrap(), "--basis", "logged"]);
    if done.code == 2 && done.out.is_empty() {
        assert!(done.err.starts_with("error: "), "{what}: {}", done.err);
        return None;
    }
    let found = audit(&path, &["--basis", "logged"]);
    found.keeps_the_law();
    for row in found.rows.iter().filter(|row| row["verdict"] == "malformed") {
        assert!(row["line"].as_u64().is_some_and(|line| line > 0), "{what}: {row}");
        assert!(row["detail"].as_str().is_some_and(|detail| detail.starts_with('`')), "{what}: {row}");
    }
    Some(found)
}

/// How many rows of the whole log are found again with the same verdict.
fn kept(before: &Audit, after: &Audit) -> usize {
    let is_kept = |row: &&Value| {
        after.rows.iter().any(|other| other["request_id"] == row["request_id"] && other["verdict"] == row["verdict"])
    };
    before.rows.iter().filter(is_kept).count()
}

#[test]
fn a_log_that_is_cut_anywhere_is_audited_up_to_the_cut() {
    let folder = tempfile::tempdir().unwrap();
    for form in ["csv", "ndjson", "json", "gz"] {
        let bytes = std::fs::read(log().write(folder.path(), form)).unwrap();
        let whole = audit_on(&log().write(folder.path(), "csv"), "logged").rows.len();
        for at in positions(bytes.len(), 12) {
            let what = format!("{form} cut at {at}");
            if let Some(found) = check_damaged(&bytes[..at], &format!("log.{form}"), &what) {
                assert!(found.total("malformed") <= 1, "{what}: {}", found.end);
                if form != "gz" {
                    // The longest row takes up a fifth of this log.
                    let share = whole * at / bytes.len();
                    assert!(found.rows.len() + whole / 5 >= share, "{what}: {} of about {share}", found.rows.len());
                }
            }
        }
    }
}

/// What followed in an input that breaks off is not known, so what was read does not speak for all of it. A text whose last line is cut has
/// one malformed row.
#[test]
fn an_input_that_breaks_off_fails_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read(fixture("logs/new-api/logs.csv")).unwrap();
    // In two frames, since nothing is read of one that is cut.
    let (start, end) = text.split_at(text.len() / 2);
    let (gzip, zstd) = (gzipped(&text), [start, end].map(|part| zstd::encode_all(part, 0).unwrap()).concat());
    let mut changed = gzip.clone();
    let checksum = changed.len() - 8;
    changed[checksum] ^= 1;
    let path = folder.path().join("log");
    let run = |bytes: &[u8], command: &[&str]| {
        std::fs::write(&path, bytes).unwrap();
        quota(&[&[command[0], path.to_str().unwrap()], &command[1..]].concat())
    };
    for bytes in [gzip.as_slice(), &zstd] {
        assert_eq!(run(bytes, &["audit"]).code, 0);
    }
    let broken = [&gzip[..gzip.len() - 4], &zstd[..zstd.len() - 1], &changed];
    let commands: [&[&str]; 5] =
        [&["audit"], &["audit", "--partial"], &["explain", "--limit", "1"], &["infer"], &["compare", "--model", "gpt-4o"]];
    for (bytes, command) in broken.iter().flat_map(|bytes| commands.map(|command| (bytes, command))) {
        let done = run(bytes, command);
        assert!(done.code == 2 && !done.out.is_empty(), "{command:?}: {}", done.err);
        assert!(done.err.contains("the input breaks off"), "{command:?}: {}", done.err);
    }
    let cut = run(&text[..text.len() - 12], &["audit"]);
    assert!(cut.code == 0 && cut.out.contains("1 row could not be read"), "{} {}", cut.out, cut.err);
}

#[test]
fn a_log_with_a_flipped_byte_loses_only_the_row_that_is_hit() {
    let folder = tempfile::tempdir().unwrap();
    for form in ["csv", "ndjson", "json", "db"] {
        let path = log().write(folder.path(), form);
        let bytes = std::fs::read(&path).unwrap();
        let before = audit_on(&path, "logged");
        let first_row = bytes.iter().position(|byte| *byte == b'\n').filter(|_| form != "json").unwrap_or(0);
        for (n, at) in positions(bytes.len(), 24).enumerate() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (n % 8);
            let what = format!("{form}, byte {at}: {:?} to {:?}", bytes[at] as char, damaged[at] as char);
            let Some(found) = check_damaged(&damaged, &format!("log.{form}"), &what) else {
                continue;
            };
            if form != "db" && at > first_row {
                let lost = before.rows.len() - kept(&before, &found);
                assert!(lost <= 2, "{what}: {lost} rows lost");
            }
        }
    }
}
