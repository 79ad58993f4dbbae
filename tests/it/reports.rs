//! The formats of a report: all say the same, and files are written whole or not at all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::run::{fixture, quota};

/// The logs of real gateways, with their options.
const GATEWAYS: [&str; 7] = ["new-api", "new-api-2024", "new-api-2025", "veloera", "one-api", "one-hub", "laisky"];

/// A log with faults: every third charge is doubled, and of every seventh nothing is left.
fn with_faults(log: &Path, to: &Path) {
    let mut reader = csv::Reader::from_path(log).unwrap();
    let header = reader.headers().unwrap().clone();
    let quota = header.iter().position(|name| name == "quota").unwrap();
    let mut writer = csv::Writer::from_path(to).unwrap();
    writer.write_record(&header).unwrap();
    for (index, record) in reader.records().enumerate() {
        let record = record.unwrap();
        let cells = record.iter().enumerate().map(|(column, cell)| match cell.parse::<i64>() {
            Ok(points) if column == quota && index % 3 == 0 => (points / 2).to_string(),
            Ok(_) if column == quota && index % 7 == 0 => "0".to_owned(),
            _ => cell.to_owned(),
        });
        writer.write_record(cells.collect::<Vec<_>>()).unwrap();
    }
}

/// One audit in every format.
struct Reports {
    _folder: tempfile::TempDir,
    json: Value,
    files: BTreeMap<&'static str, String>,
}

const FORMATS: [&str; 6] = ["csv", "markdown", "html", "junit", "sarif", "github"];

impl Reports {
    fn of(log: &Path, configs: &[PathBuf], flags: &[&str]) -> Reports {
        let folder = tempfile::tempdir().unwrap();
        let place = |format: &str| folder.path().join(format).to_str().unwrap().to_owned();
        let further: Vec<String> = FORMATS.iter().map(|format| format!("--report={format}={}", place(format))).collect();
        let by = "model,group,token,user,channel,day,cause";
        let mut line = vec!["audit", log.to_str().unwrap()];
        line.extend(configs.iter().flat_map(|config| ["--config", config.to_str().unwrap()]));
        line.extend(["--format", "json", "--quiet", "--fail-on", "none", "--by", by]);
        line.extend(further.iter().map(String::as_str).chain(flags.iter().copied()));
        let done = quota(&line);
        assert_eq!(done.code, 0, "{}", done.err);
        let files = FORMATS.map(|format| (format, std::fs::read_to_string(place(format)).unwrap())).into();
        Reports { _folder: folder, json: serde_json::from_str(&done.out).unwrap(), files }
    }

    fn total(&self, word: &str) -> String {
        text(&self.json["totals"][word])
    }

    fn csv(&self) -> Vec<BTreeMap<String, String>> {
        csv::Reader::from_reader(self.files["csv"].as_bytes()).deserialize().map(Result::unwrap).collect()
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What the gateway itself says of its prices.
fn configs(gateway: &str) -> Vec<PathBuf> {
    let mut files = names(&fixture(&format!("logs/{gateway}")));
    files.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
    files.sort();
    files
}

/// Every real log with its options, as it is and with faults.
fn each_log(check: impl Fn(&str, &Reports)) {
    let folder = tempfile::tempdir().unwrap();
    for gateway in GATEWAYS {
        let (log, config) = (fixture(&format!("logs/{gateway}/logs.csv")), configs(gateway));
        let faulty = folder.path().join(format!("{gateway}.csv"));
        with_faults(&log, &faulty);
        check(gateway, &Reports::of(&log, &config, &[]));
        let reports = Reports::of(&faulty, &config, &["--limit", "100000"]);
        assert!(reports.json["totals"]["undercharged"].as_u64().unwrap() > 0, "{gateway}: no faults");
        check(gateway, &reports);
    }
}

const CLASSES: [&str; 6] = ["matched", "overcharged", "undercharged", "unrated", "skipped", "malformed"];

#[test]
fn csv_carries_the_sums_of_json() {
    each_log(|gateway, reports| {
        let lines = reports.csv();
        let of = |record: &'static str| lines.iter().filter(move |line| line["record"] == record);
        let total = of("total").next().unwrap();
        for (column, word) in [
            ("rows", "rows"),
            ("charged_points", "charged_points"),
            ("expected_points", "expected_points"),
            ("delta_points", "net_points"),
            ("charged_usd", "charged_usd"),
            ("expected_usd", "expected_usd"),
            ("delta_usd", "net_usd"),
        ] {
            assert_eq!(total[column], reports.total(word), "{gateway}: {word}");
        }
        let class = |word: &str| of("class").find(|line| line["name"] == word).unwrap();
        CLASSES.iter().for_each(|word| assert_eq!(class(word)["rows"], reports.total(word)));
        assert_eq!(class("overcharged")["delta_points"], reports.total("over_points"));
        assert_eq!(class("undercharged")["delta_points"].trim_start_matches('-'), reports.total("under_points"));
        assert_eq!(class("unrated")["charged_points"], reports.total("unrated_points"));
        assert_eq!(class("unrated")["charged_usd"], reports.total("unrated_usd"));
        for word in ["model", "group", "token", "user", "channel", "day", "cause"] {
            let parts: Vec<[String; 4]> = reports.json["by"][word].as_array().unwrap().iter().map(by_part).collect();
            let told: Vec<[String; 4]> = of("by").filter(|line| line["by"] == word).map(by_line).collect();
            assert_eq!(parts, told, "{gateway}: by {word}");
        }
        let listed = |column: &str| of("finding").map(|line| line[column].parse::<i64>().unwrap()).sum::<i64>();
        assert_eq!(listed("delta_points").to_string(), reports.total("net_points"), "{gateway}: findings");
    });
}

fn by_part(part: &Value) -> [String; 4] {
    ["rows", "charged_points", "net_points", "mismatched"].map(|word| part[word].to_string())
}

fn by_line(line: &BTreeMap<String, String>) -> [String; 4] {
    ["rows", "charged_points", "delta_points", "mismatched"].map(|word| line[word].clone())
}

#[test]
fn markdown_carries_the_sums_of_json() {
    each_log(|gateway, reports| {
        let plain = reports.files["markdown"].replace([',', '\\'], "");
        let line = |word: &str, points: &str| {
            let start = format!("| {word} | {} | ", reports.total(points));
            assert!(plain.contains(&start), "{gateway}: {start}\n{plain}");
        };
        let words = [("charged", "charged_points"), ("expected", "expected_points"), ("difference", "net_points")];
        words.iter().for_each(|(word, points)| line(word, points));
        let words = [("too much", "over_points"), ("too little", "under_points"), ("not judged", "unrated_points")];
        words.iter().for_each(|(word, points)| line(word, points));
        let classes = CLASSES.map(|word| format!("{} {word}", reports.total(word))).join(" + ");
        assert!(plain.contains(&format!("{} rows = {classes}", reports.total("rows"))), "{gateway}: {classes}");
    });
}

#[test]
fn html_carries_the_sums_of_json() {
    each_log(|gateway, reports| {
        let plain = reports.files["html"].replace(',', "").replace('\u{2212}', "-");
        for (word, points) in [
            ("Charged", "charged_points"),
            ("Expected", "expected_points"),
            ("Difference", "net_points"),
            ("charged too much", "over_points"),
            ("charged too little", "under_points"),
            ("not judged", "unrated_points"),
        ] {
            let cells = format!("{word}</th><td class=\"n\">{}</td>", reports.total(points));
            assert!(plain.contains(&cells), "{gateway}: {cells}");
        }
        let classes = CLASSES.map(|word| format!("{} {word}", reports.total(word))).join(" + ");
        assert!(plain.contains(&format!("{} = {classes}", reports.total("rows"))), "{gateway}: {classes}");
        let sum = "<td data-l=\"group\">sum</td><td class=\"n\" data-l=\"charges\">";
        let audited: u64 =
            ["matched", "overcharged", "undercharged"].map(|word| reports.json["totals"][word].as_u64().unwrap()).iter().sum();
        assert!(plain.contains(&format!("{sum}{audited}</td>")), "{gateway}: groups sum to {audited}");
    });
}

#[test]
fn junit_carries_the_sums_of_json_and_fails_where_charges_are_wrong() {
    each_log(|gateway, reports| {
        let junit = &reports.files["junit"];
        let totals = reports.json["totals"].as_object().unwrap();
        for (word, value) in totals {
            let property = format!("<property name=\"{word}\" value=\"{}\"/>", text(value));
            assert!(junit.contains(&property), "{gateway}: {property}");
        }
        let wrong = |part: &Value| part["mismatched"].as_u64().unwrap() > 0;
        let models = reports.json["by"]["model"].as_array().unwrap();
        let failing = junit.split("</testsuite>").next().unwrap().matches("<failure ").count();
        assert!(failing >= models.iter().filter(|part| wrong(part)).count(), "{gateway}");
        assert_eq!(failing > 0, models.iter().any(wrong), "{gateway}");
    });
}

/// What stands of a class in the SARIF results: rows, points, the first line.
type Classes = BTreeMap<(String, String, String), (u64, i64, u64)>;

fn sarif_classes(reports: &Reports) -> Classes {
    let sarif: Value = serde_json::from_str(&reports.files["sarif"]).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap().clone();
    let of_class = results.into_iter().filter(|result| result["properties"].is_object());
    let class = |result: Value| {
        let properties = &result["properties"];
        let line = result["locations"][0]["physicalLocation"]["region"]["startLine"].as_u64().unwrap_or(0);
        let key = (text(&result["ruleId"]), text(&properties["model"]), text(&properties["group"]));
        assert_eq!(result["occurrenceCount"], properties["rows"]);
        (key, (properties["rows"].as_u64().unwrap(), properties["net_points"].as_i64().unwrap(), line))
    };
    of_class.map(class).collect()
}

/// The same from the findings, all of which are listed.
fn finding_classes(reports: &Reports) -> Classes {
    let mut classes = Classes::new();
    for finding in reports.json["findings"].as_array().unwrap() {
        let name = |word: &str| match &finding[word] {
            Value::Null => format!("no {word}"),
            value => quota::report::printable(&text(value)),
        };
        let key = (text(&finding["cause"]), name("model"), name("group"));
        let (line, points) = (finding["line"].as_u64().unwrap(), finding["delta_points"].as_i64().unwrap());
        let (rows, net, first) = classes.entry(key).or_insert((0, 0, line));
        (*rows, *net, *first) = (*rows + 1, *net + points, line.min(*first));
    }
    classes
}

#[test]
fn sarif_has_one_result_a_class_with_its_first_line() {
    each_log(|gateway, reports| {
        assert_eq!(sarif_classes(reports), finding_classes(reports), "{gateway}");
        let sarif: Value = serde_json::from_str(&reports.files["sarif"]).unwrap();
        assert_eq!(sarif["runs"][0]["properties"]["totals"], reports.json["totals"], "{gateway}");
        assert_eq!(sarif["runs"][0]["properties"]["by"], reports.json["by"], "{gateway}");
    });
}

fn fingerprints(reports: &Reports) -> Vec<String> {
    let sarif: Value = serde_json::from_str(&reports.files["sarif"]).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap().clone();
    let mut prints: Vec<String> = results.iter().map(|result| text(&result["partialFingerprints"]["quotaClass/v1"])).collect();
    prints.sort();
    prints
}

#[test]
fn fingerprints_stay_when_rows_move_and_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let config = configs("new-api");
    let (once, moved) = (folder.path().join("once.csv"), folder.path().join("moved.csv"));
    with_faults(&fixture("logs/new-api/logs.csv"), &once);
    let text = std::fs::read_to_string(&once).unwrap();
    let (header, rows) = text.split_once('\n').unwrap();
    std::fs::write(&moved, format!("{header}\n\n\n{rows}")).unwrap();
    let (once, moved) = (Reports::of(&once, &config, &[]), Reports::of(&moved, &config, &[]));
    assert!(fingerprints(&once).len() > 20);
    assert_eq!(fingerprints(&once), fingerprints(&moved));
    let mut unique = fingerprints(&once);
    unique.dedup();
    assert_eq!(unique, fingerprints(&once), "each class has its own");
}

#[test]
fn github_shows_ten_errors_and_writes_the_summary_of_the_step() {
    let folder = tempfile::tempdir().unwrap();
    let (log, summary) = (folder.path().join("a,b.csv"), folder.path().join("summary.md"));
    with_faults(&fixture("logs/new-api/logs.csv"), &log);
    std::fs::write(&summary, "before\n").unwrap();
    let run = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quota"));
        command.arg("audit").arg(&log).args(["--format", "github"]).env("GITHUB_STEP_SUMMARY", &summary);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let out = run();
    let errors: Vec<&str> = out.lines().filter(|line| line.starts_with("::")).collect();
    assert_eq!(errors.len(), 10, "{out}");
    let file = format!("::error file={},line=", log.to_str().unwrap().replace(',', "%2C"));
    assert!(errors.iter().all(|line| line.starts_with(&file)), "{out}");
    let text = std::fs::read_to_string(&summary).unwrap();
    assert!(text.starts_with("before\n## ") && text.contains("| charged | "), "{text}");
    // GitHub drops a summary that is too large, so nothing is added that would make it so.
    std::fs::write(&summary, "x".repeat((1 << 20) - 100)).unwrap();
    run();
    assert_eq!(std::fs::metadata(&summary).unwrap().len(), (1 << 20) - 100);
}

fn names(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn a_file_is_written_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let (kept, new) = (folder.path().join("kept.json"), folder.path().join("new.csv"));
    std::fs::write(&kept, "as it was").unwrap();
    let malformed = fixture("cases/audit-malformed/logs.csv");
    let flags = ["--format", "json", "-o", kept.to_str().unwrap(), "--report", &format!("csv={}", new.display()), "--strict"];
    let done = quota(&[&["audit", malformed.to_str().unwrap()], &flags[..]].concat());
    assert_eq!(done.code, 2, "{}", done.err);
    assert_eq!(names(folder.path()), std::slice::from_ref(&kept));
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "as it was");
    let done = quota(&[&["audit", malformed.to_str().unwrap()], &flags[..6]].concat());
    assert_ne!(done.code, 2, "{}", done.err);
    assert_eq!(names(folder.path()).len(), 2);
    assert!(std::fs::read_to_string(&kept).unwrap().starts_with('{'));
}

#[test]
fn a_disk_that_is_full_is_an_error() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let log = fixture("logs/plain/moleapi.csv");
    let done = quota(&["audit", log.to_str().unwrap(), "--report", "json=/dev/full"]);
    assert_eq!(done.code, 2);
    assert!(done.err.contains("cannot write `/dev/full`"), "{}", done.err);
    assert!(Path::new("/dev/full").metadata().is_ok_and(|data| !data.is_file()), "a device stays a device");
}

#[test]
fn what_is_read_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (log, config, link) = (place("logs.csv"), place("prices.toml"), place("link.csv"));
    std::fs::copy(fixture("logs/plain/moleapi.csv"), &log).unwrap();
    std::fs::copy(fixture("configs/moleapi.toml"), &config).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&log, &link).unwrap();
    #[cfg(not(unix))]
    std::fs::hard_link(&log, &link).unwrap();
    let before = std::fs::read(&log).unwrap();
    let report = format!("html={log}");
    let page = ["--report", report.as_str()];
    for (command, flags) in [
        ("audit", vec!["-o", log.as_str()]),
        ("audit", vec!["-o", link.as_str()]),
        ("audit", vec!["-o", config.as_str(), "--config", config.as_str()]),
        ("audit", vec!["--partial", "-o", log.as_str()]),
        ("audit", page.to_vec()),
        ("infer", vec!["-o", log.as_str()]),
        ("explain", vec!["-o", log.as_str()]),
        ("compare", vec!["--group", "all", "-o", log.as_str()]),
    ] {
        let done = quota(&[&[command, log.as_str()], &flags[..]].concat());
        assert!(done.code == 2 && done.err.contains("is read, and would be written over"), "{command} {flags:?}: {}", done.err);
    }
    assert_eq!(std::fs::read(&log).unwrap(), before);
}

#[test]
fn places_of_reports_are_checked_first() {
    let log = fixture("logs/plain/moleapi.csv");
    for (flags, said) in [
        (vec!["--report", "csv=x", "--report", "json=x"], "two reports would be written to `x`"),
        (vec!["--report", "pdf=x"], "unknown format `pdf`"),
        (vec!["--report", "csv"], "expected FORMAT=FILE"),
        (vec!["--report", "csv=-"], "a further report needs a file"),
        (vec!["--report", "csv=/no/such/folder/x"], "cannot write `/no/such/folder/x`"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quota"));
        let done = command.arg("audit").arg(&log).args(&flags).output().unwrap();
        let err = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(2), "{flags:?}");
        assert!(err.contains(said), "{flags:?}: {err}");
    }
}

/// A log of three users, with wrong charges, a malformed row and limits that are exceeded.
fn users_log(folder: &Path) -> (PathBuf, PathBuf, PathBuf) {
    let mut log = "time,request_id,model,group,user,token,content,prompt_tokens,cached_tokens,completion_tokens,quota\n".to_owned();
    for (index, user) in ["alice-liddell", "bob-cratchit", "carol-danvers"].iter().cycle().take(60).enumerate() {
        let (points, token) = (1300 + index % 4, format!("key-of-{user}"));
        let request = if index % 10 == 9 { "again".to_owned() } else { format!("r{index}") };
        log += &format!("{},{request},gpt-4o,default,{user},{token},secret-of-{user},1000,0,10,{points}\n", 1_786_166_403 + index);
    }
    log += "1786166403,r,gpt-4o,default,alice-liddell,k,s,broken-bob-cratchit,0,10,5\n";
    let config = "[model_ratio]\n\"gpt-4o\" = 1.25\n[group_ratio]\ndefault = 1\n[group.default]\nmodels = [\"*\"]\nrequests_per_minute = 3\n";
    let balances = "user,before,after\nalice-liddell,1000000,5\nbob-cratchit,7,7\n";
    let paths = ["log.csv", "config.toml", "balances.csv"].map(|name| folder.join(name));
    [log.as_str(), config, balances].iter().zip(&paths).for_each(|(text, path)| std::fs::write(path, text).unwrap());
    let [log, config, balances] = paths;
    (log, config, balances)
}

const PEOPLE: [&str; 3] = ["alice-liddell", "bob-cratchit", "carol-danvers"];

#[test]
fn statements_tell_of_one_user_each_and_sum_to_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (log, config, _) = users_log(folder.path());
    let statements = folder.path().join("statements");
    let line = ["audit", log.to_str().unwrap(), "--config", config.to_str().unwrap(), "--format", "json", "--fail-on", "none"];
    let done = quota(&[&line[..], &["--statements", statements.to_str().unwrap()]].concat());
    let json: Value = serde_json::from_str(&done.out).unwrap();
    let pages: Vec<(PathBuf, String)> =
        names(&statements).into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect();
    assert_eq!(pages.len(), 4, "three users, and the row that cannot be read");
    for (path, page) in &pages {
        let of = |person: &&&str| path.to_str().unwrap().contains(**person);
        let others = PEOPLE.iter().filter(|person| !of(person));
        others.for_each(|other| assert!(!page.contains(other), "{other} is in {}", path.display()));
        assert!(PEOPLE.iter().filter(of).all(|own| page.contains(own)));
    }
    for (word, total) in [("Charged", "charged_points"), ("Expected", "expected_points"), ("Difference", "net_points")] {
        let start = format!("{word}</th><td class=\"n\">");
        let number = |page: &str| {
            let digits = page.split(&start).nth(1).unwrap().split('<').next().unwrap().replace(',', "");
            digits.replace('\u{2212}', "-").parse::<i64>().unwrap()
        };
        let sum: i64 = pages.iter().map(|(_, page)| number(page)).sum();
        assert_eq!(sum, json["totals"][total].as_i64().unwrap(), "{word}");
    }
    assert!(json["totals"]["overcharged"].as_u64().unwrap() > 20);
}

/// Everything that a run prints and writes.
fn everything(folder: &Path, flags: &[&str]) -> String {
    let (log, config, balances) = users_log(folder);
    let out = folder.join("out");
    let _ = std::fs::remove_dir_all(&out);
    std::fs::create_dir_all(&out).unwrap();
    let mut line: Vec<String> = vec!["audit".to_owned(), log.display().to_string()];
    line.extend(["--config", config.to_str().unwrap(), "--balances", balances.to_str().unwrap()].map(str::to_owned));
    line.extend(["--fail-on", "none", "--by", "user,token"].map(str::to_owned));
    line.extend(FORMATS.iter().chain(&["json", "ndjson"]).map(|format| format!("--report={format}={}/{format}", out.display())));
    line.push(format!("--statements={}/statements", out.display()));
    line.extend(flags.iter().map(|flag| (*flag).to_owned()));
    let line: Vec<&str> = line.iter().map(String::as_str).collect();
    let done = quota(&line);
    assert_eq!(done.code, 0, "{}", done.err);
    let part = quota(&[&line[..6], &["--partial"], flags].concat());
    assert!(part.out.contains("quota.partial"), "{}", part.err);
    let mut files = names(&out.join("statements"));
    files.extend(names(&out).into_iter().filter(|path| path.is_file()));
    files.sort();
    let of_file = |path: &PathBuf| format!("{}\n{}", path.display(), std::fs::read_to_string(path).unwrap());
    [done.out, done.err, part.out, part.err].into_iter().chain(files.iter().map(of_file)).collect::<Vec<_>>().join("\n")
}

#[test]
fn redacted_texts_are_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    let flags = ["--redact", "user,token,content", "--redact-key", key.to_str().unwrap()];
    let (plain, hidden) = (everything(folder.path(), &[]), everything(folder.path(), &flags));
    for person in PEOPLE {
        assert!(plain.contains(person), "{person} would be told");
        assert!(!hidden.contains(person), "{}", hidden.split(person).next().unwrap().lines().last().unwrap());
    }
    for word in ["balance-mismatch", "rate-limit-exceeded", "duplicate-charge", "malformed"] {
        assert!(hidden.contains(word), "{word}");
    }
    // The same names in every output, and again in the next run with the key.
    let name = hidden.split("user `user-").nth(1).unwrap().split('`').next().unwrap().to_owned();
    let name = format!("user-{name}");
    assert!(hidden.matches(&name).count() > 20, "{name}");
    assert!(everything(folder.path(), &flags).contains(&name));
    assert!(!everything(folder.path(), &["--redact", "user"]).contains(&name), "without the key there are other names");
    let refused = quota(&["audit", "x.csv", "--redact-key", "key"]);
    assert_eq!(refused.code, 2);
}
