//! The groups of the documents, each with a config and a log: charges worked out by hand, and what the groups allow.

use crate::run::{Audit, audit, fixture, quota};

fn path(name: &str) -> String {
    fixture(name).to_str().unwrap().to_owned()
}

fn audit_of(log: &str, configs: &[&str]) -> Audit {
    let configs: Vec<String> =
        configs.iter().flat_map(|name| ["--config".to_owned(), path(&format!("configs/{name}.toml"))]).collect();
    audit(&fixture(&format!("logs/groups/{log}.csv")), &configs.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The expected points of rows by request id, in the order of the log.
#[track_caller]
fn check_points(audit: &Audit, expected: &[(&str, i64)]) {
    let points = audit.rows.iter().map(|row| (row["request_id"].as_str().unwrap(), row["expected_points"].as_i64().unwrap()));
    assert_eq!(points.collect::<Vec<_>>(), expected);
    assert_eq!(audit.total("matched"), expected.len() as i64, "the log charges what is right");
}

/// The findings beside the charges: which, how many rows, and what is said.
fn policy(audit: &Audit) -> Vec<(&str, i64, &str)> {
    let findings = audit.end["policy"].as_array().unwrap().iter();
    findings.map(|f| (f["finding"].as_str().unwrap(), f["rows"].as_i64().unwrap(), f["detail"].as_str().unwrap())).collect()
}

#[test]
fn the_groups_of_moleapi() {
    let audit = audit_of("moleapi", &["moleapi", "moleapi-examples"]);
    // (input + cached · cache ratio + output · completion ratio) · model ratio · group ratio
    let expected = [
        // (1000 + 500 · 4) · 1.25 = 3000 · 1.25 = 3750 in default 1, then · 0.8, · 0.3, · 0.1
        ("m-01", 3750),
        ("m-02", 3000),
        ("m-03", 1125),
        ("m-04", 375),
        // (2003 + 401 · 2) · 0.25 = 2805 · 0.25 = 701.25
        ("m-05", 701),
        // (12345 + 678 · 4) · 0.075 · 0.8 = 15057 · 0.06 = 903.42
        ("m-06", 903),
        // (1500 + 2500 · 4) · 7.5 · 0.3 = 11500 · 2.25 = 25875
        ("m-07", 25875),
        // (62 + 3072 · 1 + 1193 · 8) · 0.125 = 12678 · 0.125 = 1584.75
        ("m-08", 1585),
        // (827 + 338 · 8) · 0.125 = 3531 · 0.125 = 441.375
        ("m-09", 441),
        // (357360 + 30208 · 0.1 + 100 · 6) · 1.25 · 0.3 = 360980.8 · 0.375 = 135367.8
        ("m-10", 135368),
    ];
    check_points(&audit, &expected);
    assert_eq!((audit.code, policy(&audit)), (0, vec![]));
}

#[test]
fn the_groups_of_tokenopen() {
    let audit = audit_of("tokenopen", &["tokenopen"]);
    // In points for a token: USD per 1M / 2. gpt-4o-mini 0.075 and 0.3, gpt-4o 1.25 and 5, claude-opus-4-5 2.5, cached 0.25 and 12.5.
    // 10000 · 0.075 + 1000 · 0.3 = 750 + 300 = 1050 in Default
    let default = ["t-01", "t-02", "t-03", "t-04", "t-05", "t-06", "t-07"].map(|id| (id, 1050));
    let others = [
        // 1050 · 0.8 in VIP
        ("t-08", 840),
        // (4000 · 1.25 + 300 · 5) · 0.8 = 6500 · 0.8
        ("t-09", 5200),
        // (2000 · 2.5 + 100 · 12.5) · 0.8 = 6250 · 0.8
        ("t-10", 5000),
        // (10000 · 2.5 + 40000 · 0.25 + 2000 · 12.5) · 0.65 = (25000 + 10000 + 25000) · 0.65, twice
        ("t-11", 39000),
        ("t-11", 39000),
    ];
    check_points(&audit, &[&default[..], &others].concat());
    // Default allows 3 a minute and 5 a day: four stand in 09:00, six on 2 March; the seventh is of the next day.
    let expected = [
        ("duplicate-charge", 1, "request `t-11` of user `cid`, model `claude-opus-4-5`: 39000 points again"),
        ("model-not-in-group", 1, "`claude-opus-4-5` in group `VIP`: the group does not hold this model"),
        ("rate-limit-exceeded", 1, "group `Default`, user `ann`, 2026-03-02: 6 requests, 5 a day allowed, 1 over"),
        ("rate-limit-exceeded", 1, "group `Default`, user `ann`, 2026-03-02T09:00Z: 4 requests, 3 a minute allowed, 1 over"),
    ];
    assert_eq!(policy(&audit), expected);
    assert_eq!(audit.code, 1, "violations fail a run");
    let minute = audit.end["policy"].as_array().unwrap().last().unwrap();
    assert_eq!((&minute["first"], &minute["last"]), (&"2026-03-02T09:00:01Z".into(), &"2026-03-02T09:00:59Z".into()));
}

#[test]
fn the_groups_of_apiyi() {
    let audit = audit_of("apiyi", &["apiyi"]);
    let expected = [
        // 12000 prompt of which 10000 cached: (2000 · 1.5 + 10000 · 0.15 + 800 · 7.5) · 0.95 = 10500 · 0.95 = 9975
        ("a-01", 9975),
        // (6000 · 0.5 + 1500 · 1.6) · 0.95 = 5400 · 0.95
        ("a-02", 5130),
        // (3000 · 0.6 + 700 · 3) · 0.95 = 3900 · 0.95
        ("a-03", 3705),
        // (5000 · 0.14 + 20000 · 0.014 + 3000 · 0.21) · 0.95 = (700 + 280 + 630) · 0.95 = 1610 · 0.95 = 1529.5
        ("a-04", 1530),
        // the first request again, which Default served as a fallback: 10500 · 1
        ("a-05", 10500),
        // (2000 · 1.25 + 400 · 5) · 0.95 = 4500 · 0.95, a model that ClaudeCode does not hold
        ("a-06", 4275),
        ("a-07", 4500),
        // 0.14 of a price in RMB: 4500 · 0.14 · 7.3 = 4500 · 1.022
        ("a-08", 4599),
        // 8 seconds of 0.10 USD, 5 of 0.05, one call of 0.50; 500000 points for 1 USD
        ("a-09", 400_000),
        ("a-10", 125_000),
        ("a-11", 250_000),
        ("a-12", 400_000),
    ];
    check_points(&audit, &expected);
    let expected = [
        ("model-not-in-group", 1, "`gpt-4o` in group `ClaudeCode`: the group does not hold this model"),
        ("model-not-in-group", 1, "`sora-2` in group `Wan`: the group does not hold this model"),
        ("fallback-group-used", 1, "token `code` of user `ann`: `Default` served requests of its usual group `ClaudeCode`"),
    ];
    assert_eq!(policy(&audit), expected);
}

/// Rows that come newest first, and rows in two files, give the same findings.
#[test]
fn the_order_of_rows_does_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    for (log, config) in [("tokenopen", "tokenopen"), ("apiyi", "apiyi")] {
        let text = std::fs::read_to_string(fixture(&format!("logs/groups/{log}.csv"))).unwrap();
        let (header, rows) = text.split_once('\n').unwrap();
        let mut rows: Vec<&str> = rows.lines().collect();
        rows.reverse();
        let file = folder.path().join(format!("{log}.csv"));
        std::fs::write(&file, format!("{header}\n{}\n", rows.join("\n"))).unwrap();
        let config = path(&format!("configs/{config}.toml"));
        let turned = audit(&file, &["--config", &config]);
        assert_eq!(policy(&turned), policy(&audit_of(log, &[log])), "{log}");
    }
}

#[test]
fn what_fails_a_run_can_be_chosen() {
    let (log, config) = (path("logs/groups/apiyi.csv"), path("configs/apiyi.toml"));
    for (list, code) in [("policy", 1), ("notice", 1), ("any", 1), ("over,under,drift", 0), ("none", 0)] {
        assert_eq!(quota(&["audit", &log, "--config", &config, "--fail-on", list]).code, code, "{list}");
    }
    assert_eq!(quota(&["audit", &log, "--config", &config, "--basis", "logged", "--fail-on", "policy"]).code, 0);
}

/// A request in ClaudeCode, with what it costs in money paid and in RMB.
#[test]
fn a_bonus_and_a_second_currency_stand_beside_points_and_dollars() {
    let config = path("configs/apiyi.toml");
    let usage = ["--model", "claude-sonnet-4-5", "--input", "2000", "--cached", "10000", "--output", "800"];
    let flags = ["calc", "--config", &config, "--group", "ClaudeCode"];
    let done = quota(&[&flags[..], &usage].concat());
    // (2000 · 3 + 10000 · 0.3 + 800 · 15) / 1M = 0.021; · 0.95 = 0.01995 USD = 9975 points; · 7.3 = 0.145635 CNY;
    // 10 % bonus: 0.01995 / 1.1 = 0.0181363…
    for text in ["$0.01995", "9,975", "0.145635", "$0.018136"] {
        assert!(done.out.contains(text), "{text} in {}", done.out);
    }
    let done = quota(&[&flags[..], &usage, &["--bonus", "20%"]].concat());
    assert!(done.out.contains("$0.016625"), "0.01995 / 1.2 in {}", done.out);
    // 0.14 · 7.3 = 1.022: 0.021 · 1.022 = 0.021462 USD = 10731 points
    let done = quota(&[&["calc", "--config", &config, "--group", "Transit"][..], &usage].concat());
    assert!(done.out.contains("1.022") && done.out.contains("$0.021462") && done.out.contains("10,731"), "{}", done.out);
    // 8 s · 0.10 USD = 0.80 USD
    let video = ["--model", "sora-2", "--group", "Sora2Official", "--multiplier", "seconds=8"];
    let done = quota(&[&["calc", "--config", &config][..], &video].concat());
    assert!(done.out.contains("$0.80") && done.out.contains("400,000"), "{}", done.out);
}

/// A price that holds for March only: `from` is included, `until` is not; a row without time has what holds without periods.
#[test]
fn a_row_is_priced_by_the_config_of_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let config = write(
        "dated.toml",
        "[model_ratio]\nm = 1\n[group_ratio]\ndefault = 1\nvip = 0.5\n\
         [[period]]\nfrom = 2026-03-01\nuntil = 2026-04-01\n[period.model_ratio]\nm = 2\n\
         [[period]]\nfrom = 2026-03-10T00:00:00+08:00\nuntil = 2026-03-20\n[period.model_ratio]\nm = 3\n[period.group.vip]\nratio = 0.25\n",
    );
    let rows = [
        ("2026-02-28T23:59:59Z", "default", 100),
        ("2026-03-01T00:00:00Z", "default", 200),
        ("2026-03-09T15:59:59Z", "default", 200),
        ("2026-03-09T16:00:00Z", "default", 300),
        ("2026-03-15T00:00:00Z", "vip", 75),
        ("2026-03-19T23:59:59Z", "default", 300),
        ("2026-03-20T00:00:00Z", "default", 200),
        ("2026-03-20T00:00:00Z", "vip", 100),
        ("2026-03-31T23:59:59Z", "default", 200),
        ("2026-04-01T00:00:00Z", "default", 100),
        ("", "default", 100),
    ];
    let lines: String = rows.iter().map(|(time, group, quota)| format!("{time},m,{group},100,0,0,{quota}\n")).collect();
    let log = write("dated.csv", &format!("time,model,group,prompt_tokens,cached_tokens,completion_tokens,quota\n{lines}"));
    let found = audit(log.as_ref(), &["--config", &config]);
    let expected: Vec<i64> = found.rows.iter().map(|row| row["expected_points"].as_i64().unwrap()).collect();
    assert_eq!(expected, rows.map(|(_, _, points)| points));
    assert_eq!(found.code, 0);
}

#[test]
fn an_honest_log_has_no_violations() {
    for basis in ["config", "logged"] {
        let log = fixture("logs/new-api/logs.csv");
        let found = audit(&log, &["--config", &path("logs/new-api/options.json"), "--basis", basis]);
        let violations =
            policy(&found).into_iter().filter(|(finding, ..)| matches!(*finding, "duplicate-charge" | "model-not-in-group"));
        assert_eq!(violations.count(), 0);
    }
}

/// Each word of a cause, a quirk and a finding has its paragraph.
#[test]
fn every_word_is_explained() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap();
    let document = read("docs/causes.md");
    for file in ["src/audit/cause.rs", "src/profile/quirk.rs", "src/audit/policy.rs"] {
        let code = read(file);
        let words = code.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next());
        let words: Vec<&str> = words.filter(|word| word.contains('-') && !word.contains(' ')).collect();
        assert!(words.len() >= 9, "{file}: {words:?}");
        for word in words {
            assert!(document.contains(&format!("**`{word}`**")), "`{word}` of {file}");
        }
    }
}
