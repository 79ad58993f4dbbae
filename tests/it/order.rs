//! Rows may come in any order: gateways list the newest first, and what is given back stands before what was charged.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::run::{Audit, audit, fixture, quota};

/// A submit of Midjourney for 35,000 points, as new-api logs it, and what two refunds of such jobs give back: all of one, half of another.
const SUBMITS: [&str; 2] = [
    r#"{"id":1,"created_at":1795475504,"type":2,"content":"模型固定价格 0.07，分组倍率 1.00，操作 IMAGINE，ID 17954755043","model_name":"mj_imagine","quota":35000,"group":"default","request_id":"a","other":"{\"group_ratio\":1,\"model_price\":0.07}"}"#,
    r#"{"id":2,"created_at":1795475505,"type":2,"content":"模型固定价格 0.07，分组倍率 1.00，操作 IMAGINE，ID 17954755044","model_name":"mj_imagine","quota":35000,"group":"default","request_id":"b","other":"{\"group_ratio\":1,\"model_price\":0.07}"}"#,
];
const REFUNDS: [&str; 2] = [
    r#"{"id":3,"created_at":1795475506,"type":6,"content":"","model_name":"mj_imagine","quota":35000,"group":"default","request_id":"","other":"{\"reason\":\"构图失败\",\"task_id\":\"17954755043\"}"}"#,
    r#"{"id":4,"created_at":1795475507,"type":6,"content":"","model_name":"mj_imagine","quota":17500,"group":"default","request_id":"","other":"{\"reason\":\"构图失败\",\"task_id\":\"17954755044\"}"}"#,
];

fn written(folder: &Path, name: &str, lines: &[&str]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, lines.join("\n") + "\n").unwrap();
    path
}

#[test]
fn a_refund_is_judged_by_a_charge_that_comes_later() {
    let folder = tempfile::tempdir().unwrap();
    let oldest_first = written(folder.path(), "old.ndjson", &[SUBMITS, REFUNDS].concat());
    let mut rows = [SUBMITS, REFUNDS].concat();
    rows.reverse();
    let newest_first = written(folder.path(), "new.ndjson", &rows);
    for path in [&oldest_first, &newest_first] {
        let audit = audit(path, &[]);
        audit.keeps_the_law();
        let totals = ["matched", "undercharged", "overcharged", "unrated"].map(|class| audit.total(class));
        assert_eq!((audit.code, totals), (1, [3, 0, 1, 0]), "{path:?}");
        assert!(audit.rows.iter().map(|row| row["line"].as_u64()).is_sorted(), "{path:?}");
    }
    let pages = [written(folder.path(), "page1.ndjson", &REFUNDS), written(folder.path(), "page2.ndjson", &SUBMITS)];
    let pages = pages.each_ref().map(|page| page.to_str().unwrap());
    let done = quota(&["audit", pages[0], pages[1], "--format", "json"]);
    let report: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!((&report["totals"]["matched"], &report["totals"]["overcharged"]), (&3.into(), &1.into()));
    // The submits less what was given back: 70,000 - 35,000 - 17,500 points.
    assert_eq!((&report["totals"]["charged_points"], &report["totals"]["charged_usd"]), (&17_500.into(), &"0.035".into()));
    let explained = quota(&["explain", newest_first.to_str().unwrap(), "--id", "3"]);
    assert!(explained.out.contains("-35,000"), "{}", explained.out);
    let alone = audit(&written(folder.path(), "alone.ndjson", &REFUNDS[..1]), &[]);
    assert_eq!(alone.rows[0]["reason"], "no-charge-found");
}

/// Each row by itself, without where it stands.
fn by_row(audit: Audit) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for mut row in audit.rows {
        row.as_object_mut().unwrap().retain(|key, _| key != "line" && key != "input");
        rows.push(row.to_string());
    }
    rows.sort();
    rows
}

#[test]
fn a_log_says_the_same_from_its_end() {
    let folder = tempfile::tempdir().unwrap();
    // A row of Veloera's that only it writes tells whose the rows behind it are.
    for name in ["new-api", "new-api-2025", "new-api-2024", "one-api", "one-hub", "laisky"] {
        let log = fixture(&format!("logs/{name}/logs.csv"));
        let mut records = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_path(&log).unwrap();
        let mut records: Vec<csv::StringRecord> = records.records().collect::<Result<_, _>>().unwrap();
        records[1..].reverse();
        let turned = folder.path().join(format!("{name}.csv"));
        let mut writer = csv::WriterBuilder::new().flexible(true).from_path(&turned).unwrap();
        records.iter().for_each(|record| writer.write_record(record).unwrap());
        writer.flush().unwrap();
        let options = fixture(&format!("logs/{name}/options.json"));
        for flags in [vec![], vec!["--config", options.to_str().unwrap()]] {
            let (turned, log) = (by_row(audit(&turned, &flags)), by_row(audit(&log, &flags)));
            let differs = turned.iter().zip(&log).find(|(one, other)| one != other);
            assert_eq!((turned.len(), differs), (log.len(), None), "{name} {flags:?}");
        }
    }
}

/// A page may be one line, so that its rows have one place.
#[test]
fn findings_of_one_line_stand_in_its_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.json");
    let row = |id: u64, quota: u64| serde_json::json!({"id": id, "model": "m", "prompt_tokens": 100, "cached_tokens": 0, "completion_tokens": 0, "quota": quota});
    let rows = [(4, 150), (3, 110), (2, 150), (1, 100), (9, 150), (8, 180)].map(|(id, quota)| row(id, quota));
    std::fs::write(&path, serde_json::json!({"data": {"items": rows}}).to_string()).unwrap();
    std::fs::write(folder.path().join("p.toml"), "[model_ratio]\nm = 1\n[group_ratio]\ndefault = 1\n").unwrap();
    let config = folder.path().join("p.toml");
    let ids = |limit: &str| {
        let flags = ["audit", path.to_str().unwrap(), "--config", config.to_str().unwrap(), "--format", "json", "--limit", limit];
        let report: Value = serde_json::from_str(&quota(&flags).out).unwrap();
        report["findings"].as_array().unwrap().iter().map(|finding| finding["id"].to_string().replace('"', "")).collect::<Vec<_>>()
    };
    assert_eq!(ids("9"), ["4", "3", "2", "9", "8"]);
    assert_eq!(ids("3"), ["4", "2", "8"]);
}
