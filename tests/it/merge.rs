//! Parts of an audit: a log cut into pieces comes to what one run finds, in any order and grouping.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use quota::partial::{Partial, merge};
use serde_json::Value;
use tempfile::TempDir;

use crate::forms::Log;
use crate::run::{Done, fixture, quota};

const PARTS: usize = 7;

/// A log with wrong charges, drift, quirks, findings beside the charges and rows that cannot be read, whole and cut.
struct Cut {
    folder: TempDir,
    whole: PathBuf,
    parts: Vec<PathBuf>,
}

/// The log of a gateway; some charges are made wrong and some rows unreadable.
fn faulty() -> Log {
    let mut log = Log::read(&fixture("logs/new-api/logs.csv"));
    let (quota, prompt) = (log.column("quota"), log.column("prompt_tokens"));
    for (index, record) in log.records.iter_mut().enumerate() {
        match index % 5 {
            1 => record[quota] = format!("{}{}", index % 9, record[quota]),
            2 if index % 4 == 0 => record[quota] = "7".to_owned(),
            3 if index % 2 == 0 => record[prompt] = "12.5".to_owned(),
            _ => {}
        }
    }
    log
}

fn write(folder: &Path, name: &str, log: &Log) -> PathBuf {
    let path = folder.join(name);
    std::fs::rename(log.write(folder, "csv"), &path).unwrap();
    path
}

fn cut() -> Cut {
    let folder = tempfile::tempdir().unwrap();
    let log = faulty();
    let whole = write(folder.path(), "whole.csv", &log);
    let size = log.records.len().div_ceil(PARTS);
    let pieces = log.records.chunks(size).map(|records| Log { header: log.header.clone(), records: records.to_vec() });
    let parts = pieces.enumerate().map(|(number, piece)| write(folder.path(), &format!("part-{number}.csv"), &piece));
    let parts = parts.collect::<Vec<_>>();
    assert_eq!(parts.len(), PARTS);
    Cut { folder, whole, parts }
}

/// What all audits of these tests are asked for.
fn flags() -> Vec<String> {
    let options = fixture("logs/new-api/options.json").display().to_string();
    let by = "model,group,token,user,channel,day,cause";
    ["--config", &options, "--by", by, "--quiet"].map(str::to_owned).to_vec()
}

#[track_caller]
fn run(command: &str, files: &[PathBuf], flags: &[String]) -> Done {
    let files = files.iter().map(|path| path.to_str().unwrap());
    let arguments: Vec<&str> = std::iter::once(command).chain(files).chain(flags.iter().map(String::as_str)).collect();
    quota(&arguments)
}

fn with(mut flags: Vec<String>, more: &[&str]) -> Vec<String> {
    flags.extend(more.iter().map(|flag| (*flag).to_owned()));
    flags
}

impl Cut {
    /// The line of each part.
    fn partials(&self, limit: &str) -> Vec<String> {
        let partial = |path: &PathBuf| {
            let done = run("audit", std::slice::from_ref(path), &with(flags(), &["--partial", "--limit", limit]));
            assert_eq!(done.code, 0, "{}", done.err);
            assert_eq!(done.out.lines().count(), 1);
            done.out
        };
        self.parts.iter().map(partial).collect()
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

fn parse(name: &str, line: &str) -> (String, Partial) {
    (name.to_owned(), Partial::parse(name, line).unwrap())
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A report without what tells a part from the whole: the inputs, and where rows stood in them.
fn bare(mut report: Value) -> Value {
    report["inputs"] = Value::Null;
    for finding in report["findings"].as_array_mut().unwrap() {
        finding["input"] = Value::Null;
        finding["line"] = Value::Null;
    }
    report
}

#[test]
fn a_log_in_seven_parts_comes_to_what_one_run_finds() {
    let cut = cut();
    for limit in ["1000", "9", "0"] {
        let json_flags = ["--format", "json", "--limit", limit];
        let whole = run("audit", std::slice::from_ref(&cut.whole), &with(flags(), &json_flags));
        let lines = cut.partials(limit);
        let files: Vec<PathBuf> = lines.iter().enumerate().map(|(n, line)| cut.file(&format!("{n}.json"), line)).collect();
        let merged = run("merge", &files, &with(vec!["--quiet".to_owned()], &json_flags));
        let (whole_report, merged_report) = (bare(json(&whole.out)), bare(json(&merged.out)));
        for part in ["causes", "drift", "quirks", "policy", "findings"] {
            let is_told = whole_report[part].as_array().is_some_and(|list| !list.is_empty());
            assert!(is_told || (part == "findings" && limit == "0"), "no {part} in the log");
        }
        assert!(whole_report["totals"]["malformed"].as_u64() > Some(0));
        assert_eq!(merged_report, whole_report);
        assert_eq!((whole.code, merged.code), (1, 1));
    }
}

#[test]
fn parts_merge_in_any_order_and_grouping() {
    let cut = cut();
    let lines = cut.partials("11");
    let all = |order: &[usize]| order.iter().map(|n| parse(&n.to_string(), &lines[*n])).collect::<Vec<_>>();
    let line = |partial: Option<Partial>| partial.unwrap().to_line().unwrap();
    let usual: Vec<usize> = (0..PARTS).collect();
    let whole = line(merge(all(&usual), false).unwrap());
    proptest!(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() },
        |(order in Just(usual.clone()).prop_shuffle(), at in 1..PARTS)| {
            prop_assert_eq!(&line(merge(all(&order), false).unwrap()), &whole);
            let (left, right) = order.split_at(at);
            let groups = [left, right].map(|group| line(merge(all(group), false).unwrap()));
            let of_groups = groups.iter().map(|group| parse("group", group)).collect();
            prop_assert_eq!(&line(merge(of_groups, false).unwrap()), &whole);
        }
    );
}

#[test]
fn a_part_that_is_written_and_read_says_the_same() {
    let cut = cut();
    for (number, text) in cut.partials("1000").iter().enumerate() {
        let (_, partial) = parse("part", text);
        assert_eq!(&partial.to_line().unwrap(), text, "part {number}");
    }
}

#[test]
fn standard_output_of_a_merge_is_a_part_again() {
    let cut = cut();
    let lines = cut.partials("1000");
    let all = cut.file("all.json", &lines.concat());
    let some = cut.file("some.json", &lines[..4].concat());
    let rest = cut.file("rest.json", &lines[4..].concat());
    let half = run("merge", &[some], &["--partial".to_owned()]);
    assert_eq!((half.code, half.err.as_str()), (0, ""));
    let half = cut.file("half.json", &half.out);
    let json_flags = with(Vec::new(), &["--format", "json"]);
    assert_eq!(run("merge", &[rest, half], &json_flags).out, run("merge", &[all], &json_flags).out);
}

#[track_caller]
fn check_refused(files: &[PathBuf], more: &[&str], message: &str) {
    let done = run("merge", files, &with(Vec::new(), more));
    assert_eq!(done.code, 2, "{}", done.out);
    assert!(done.err.contains(message), "{}", done.err);
}

#[test]
fn an_input_counts_once_unless_it_is_allowed_to_come_again() {
    let cut = cut();
    let lines = cut.partials("1000");
    let (first, second) = (cut.file("first.json", &lines[0]), cut.file("second.json", &lines[1]));
    let copy = cut.folder.path().join("copy.csv");
    std::fs::copy(&cut.parts[0], &copy).unwrap();
    let copied = run("audit", &[copy], &with(flags(), &["--partial"]));
    let copied = cut.file("copied.json", &copied.out);
    check_refused(&[first.clone(), first.clone()], &[], "is in");
    check_refused(&[first.clone(), second.clone(), copied.clone()], &[], "copy.csv` is in");
    let once = json(&run("merge", std::slice::from_ref(&first), &with(Vec::new(), &["--format", "json"])).out);
    let twice = json(&run("merge", &[first, copied], &with(Vec::new(), &["--format", "json", "--allow-duplicates"])).out);
    for total in ["rows", "charged_points", "overcharged", "net_points"] {
        let of = |report: &Value| report["totals"][total].as_i64().unwrap();
        assert_eq!(of(&twice), 2 * of(&once), "{total}");
    }
}

/// Two shards without a row have equal files, and are two shards all the same.
#[test]
fn inputs_without_rows_are_no_duplicates() {
    let cut = cut();
    let header = Log { header: faulty().header, records: Vec::new() };
    let empty = |name: &str| {
        let path = write(cut.folder.path(), name, &header);
        let done = run("audit", &[path], &with(flags(), &["--partial"]));
        assert_eq!(done.code, 0);
        cut.file(&format!("{name}.json"), &done.out)
    };
    let (a, b) = (empty("a.csv"), empty("b.csv"));
    let merged = run("merge", &[a.clone(), b.clone()], &[]);
    assert_eq!(merged.code, 3, "nothing could be audited: {}", merged.err);
    let full = cut.file("full.json", &cut.partials("1000")[0]);
    assert_eq!(run("merge", &[a, full, b], &[]).code, 1);
}

#[test]
fn parts_that_were_audited_differently_are_refused() {
    let cut = cut();
    let lines = cut.partials("1000");
    let first = cut.file("first.json", &lines[0]);
    let options = fixture("logs/new-api/options.json").display().to_string();
    let by = "model,group,token,user,channel,day,cause";
    let other = |arguments: &[&str]| {
        let done = run("audit", &cut.parts[1..2], &with(vec!["--quiet".to_owned(), "--partial".to_owned()], arguments));
        cut.file("other.json", &done.out)
    };
    let check = |arguments: &[&str], what: &str| check_refused(&[first.clone(), other(arguments)], &[], what);
    let config = ["--config", options.as_str(), "--by", by];
    check(&["--by", by], "a config other than");
    check(&["--config", &options, "--by", "model"], "a choice of breakdowns other than");
    for (flag, what) in [
        (["--basis", "logged"], "a basis other than"),
        (["--tolerance", "1"], "a tolerance other than"),
        (["--profile", "exact"], "a profile other than"),
        (["--tz", "Asia/Shanghai"], "a time zone other than"),
        (["--since", "2026-01-01"], "a choice of rows other than"),
    ] {
        check(&[&config[..], &flag[..]].concat(), what);
    }
    let plain = other(&config);
    assert_eq!(run("merge", &[first, plain], &[]).code, 1, "the same flags belong together");
}

#[test]
fn what_is_no_part_of_this_version_is_refused() {
    let cut = cut();
    let line = &cut.partials("1000")[0];
    let check = |text: &str, message: &str| check_refused(&[cut.file("x.json", text)], &[], message);
    check("", "there is no part");
    check_refused(&[cut.file("good.json", line), cut.file("failed.json", "")], &[], "there is no part");
    check("{", "no part of an audit");
    check("id,quota\n1,2\n", "no part of an audit");
    check(&line.replace("quota.partial/1", "quota.partial/2"), "expected schema `quota.partial/1`, found `quota.partial/2`");
    check(&line.replace("\"quota\":\"0.", "\"quota\":\"99."), "made by quota 99.");
    let report = run("audit", &cut.parts[..1], &with(flags(), &["--format", "json"])).out.replace('\n', " ");
    check(&report, "found `quota.audit/1`");
}

/// Each input has its own points for 1 USD: the sums of points are divided, not the parts.
#[test]
fn sums_in_usd_are_exact_whatever_the_points_for_1_usd() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let row = "model,prompt_tokens,completion_tokens,quota,model_ratio,completion_ratio,group_ratio\nm,1,0,1,1,1,1\n";
    let parts = ["a.csv", "b.csv", "c.csv"].map(|name| {
        let log = file(name, &format!("{row}{name},2,0,2,1,1,1\n"));
        let done = run("audit", &[log], &with(Vec::new(), &["--partial", "--quota-per-unit", "7"]));
        file(&format!("{name}.json"), &done.out)
    });
    let merged = json(&run("merge", &parts, &with(Vec::new(), &["--format", "json"])).out);
    // 9 points at 7 for 1 USD: 9/7, rounded once.
    assert_eq!(merged["totals"]["charged_usd"], "1.285714285714285714285714285714");
}

/// A user's balance is held against all parts together, not against each.
#[test]
fn balances_are_those_of_all_parts() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let row = |id: u32| {
        format!(
            "id,user,model,prompt_tokens,completion_tokens,quota,model_ratio,completion_ratio,group_ratio\n{id},ann,m,10,0,10,1,1,1\n"
        )
    };
    let balances = file("balances.csv", "user,before,after\nann,100,80\n");
    let part = |name: &str, id: u32| {
        let log = file(name, &row(id));
        let done = run("audit", &[log], &with(Vec::new(), &["--partial", "--balances", balances.to_str().unwrap()]));
        file(&format!("{name}.json"), &done.out)
    };
    let (a, b) = (part("a.csv", 1), part("b.csv", 2));
    assert_eq!(run("merge", &[a.clone(), b], &[]).code, 0, "20 points in all");
    let alone = run("merge", &[a], &[]);
    assert_eq!(alone.code, 1);
    assert!(alone.out.contains("balance-mismatch"), "{}", alone.out);
}
