//! Rows that are counted because they are like others, and rows that are judged one by one, make the same report, byte for byte.

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::run::{fixture, quota};

const HEADER: &str = "id,created_at,type,content,username,token_name,model_name,quota,prompt_tokens,completion_tokens,use_time,\
    is_stream,group,request_id,other";

const CONFIG: &str = r#"{"ModelRatio":{"m0":0.125,"m1":1.25,"m2":37.5,"m3":0.33333333},"CompletionRatio":{"m0":2,"m1":4.57,"m2":1,"m3":8},
    "CacheRatio":{"m0":0.25,"m1":1,"m2":0.1,"m3":0.5},"CreateCacheRatio":{"m3":1.25},"ModelPrice":{"call":0.02},
    "GroupRatio":{"default":1,"vip":0.85,"many":0.06666667,"free":0}}"#;

/// How the rows of a log are written.
#[derive(Clone, Copy, Default)]
struct Style {
    quoted: bool,
    unsorted: bool,
    unique: bool,
    crlf: bool,
    /// Nearly all charges are wrong.
    wrong: bool,
}

/// A generator of few lines: the same numbers each time.
struct Random(u64);

impl Random {
    fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len() as u64) as usize]
    }
}

/// A log whose charges are mostly right, some by a minimum, some wrong, with rows of other kinds between them.
fn log(rows: u64, style: Style) -> String {
    let mut random = Random(7);
    let mut text = HEADER.to_owned() + if style.crlf { "\r\n" } else { "\n" };
    for id in 0..rows {
        let cells = cells(id, &mut random, style);
        let quote = |cell: &String| match style.quoted || cell.contains(['"', ',', '\n']) {
            true => format!("\"{}\"", cell.replace('"', "\"\"")),
            false => cell.clone(),
        };
        text += &cells.iter().map(quote).collect::<Vec<_>>().join(",");
        text += if style.crlf { "\r\n" } else { "\n" };
    }
    text
}

/// The same log as NDJSON; `other` as a text or as an object.
fn lines(rows: u64, style: Style, nested: bool) -> String {
    let mut random = Random(7);
    let keys: Vec<&str> = HEADER.split(',').collect();
    let mut text = String::new();
    for id in 0..rows {
        let cells = cells(id, &mut random, style);
        let pair = |(key, cell): (&&str, &String)| match *key {
            "other" if nested && cell.starts_with('{') => format!("\"other\":{cell}"),
            "id" | "created_at" | "type" | "quota" | "prompt_tokens" | "completion_tokens" => format!("\"{key}\":{cell}"),
            _ => format!("\"{key}\":{}", serde_json::Value::from(cell.as_str())),
        };
        writeln!(text, "{{{}}}", keys.iter().zip(&cells).map(pair).collect::<Vec<_>>().join(",")).unwrap();
    }
    text
}

fn cells(id: u64, random: &mut Random, style: Style) -> [String; 15] {
    // Ratios in 10^-8.
    let (name, model, completion, cache) = [
        ("m0", 12_500_000, 200_000_000, 25_000_000),
        ("m1", 125_000_000, 457_000_000, 100_000_000),
        ("m2", 3_750_000_000, 100_000_000, 10_000_000),
        ("m3", 33_333_333, 800_000_000, 50_000_000),
    ][random.below(4) as usize];
    let (group, group_ratio) =
        [("default", 100_000_000), ("vip", 85_000_000), ("many", 6_666_667), ("free", 0)][random.below(4) as usize];
    let prompt = random.below(9_000) as u128;
    let cached = if random.below(2) == 0 { 0 } else { random.below(prompt as u64 + 1) as u128 };
    let output = random.below(3_000) as u128;
    let one = 10_u128.pow(8);
    let tokens = (prompt - cached) * one + cached * cache + output * completion;
    let charge = (2 * tokens * model * group_ratio + one.pow(3)) / (2 * one.pow(3));
    let charge = if charge == 0 && group_ratio > 0 { 1 } else { charge } + u128::from(random.below(400) == 0);
    let priced = |tokens: u128, group: u128| (2 * tokens * model * group + one.pow(3)) / (2 * one.pow(3));
    let uncached = (prompt - cached) * one;
    let charge = if !style.wrong {
        charge
    } else {
        match random.below(20) {
            0 => charge,
            1 => charge + u128::from(random.below(50)),
            2 => charge.saturating_sub(random.below(50).into()),
            3 => 0,
            4 => tokens * model * group_ratio / one.pow(3),
            5 => prompt.max(500) * one * model * group_ratio / one.pow(3),
            6 | 7 => priced(uncached + output * completion, group_ratio),
            8 | 9 => priced(prompt * one + output * completion, group_ratio),
            10 | 11 => priced(uncached + cached * cache, group_ratio),
            12 | 13 => priced(uncached + cached * cache + output * one, group_ratio),
            14 => priced(cached * cache + output * completion, group_ratio),
            15 => priced(prompt * one + cached * cache + output * completion, group_ratio),
            16 => priced(uncached + output * completion, one),
            17 => priced(tokens, 85_000_000),
            _ => priced(tokens, one),
        }
    };
    let short = |ratio: u128| format!("{}", quota::exact::Ratio::new(ratio as i64, -8));
    let mut keys = vec![
        "\"admin_info\":{\"use_channel\":[\"1\"]}".to_owned(),
        format!("\"cache_ratio\":{},\"cache_tokens\":{cached}", short(cache)),
        format!("\"completion_ratio\":{},\"frt\":{}", short(completion), random.below(4_000)),
        format!("\"group_ratio\":{},\"model_price\":-1,\"model_ratio\":{}", short(group_ratio), short(model)),
        "\"request_path\":\"/v1/chat/completions\",\"user_group_ratio\":-1".to_owned(),
    ];
    if style.unique {
        keys.push(format!("\"z_trace\":\"{:016x}\"", random.below(u64::MAX >> 34)));
    }
    if style.unsorted {
        for at in (1..keys.len()).rev() {
            keys.swap(at, random.below(at as u64 + 1) as usize);
        }
    }
    let (kind, content) = match random.below(60) {
        0 => ("5", "a,\"b\"\nc"),
        1 => ("1", "充值"),
        2 => ("2", "多行\n内容"),
        _ => ("2", ""),
    };
    let other = match random.below(90) {
        0 => String::new(),
        1 => format!("{{\"x\\u0041\":1,{}}}", keys.join(",")),
        2 => format!("{{{},\"web_search\":true,\"web_search_call_count\":1,\"web_search_price\":10}}", keys.join(",")),
        _ => format!("{{{}}}", keys.join(",")),
    };
    let request = match random.below(150) {
        0 => "NULL".to_owned(),
        1 => format!("r{}", id.saturating_sub(1 + random.below(900))),
        _ => format!("r{id}"),
    };
    [
        id.to_string(),
        (1_795_000_000 + id / 9).to_string(),
        kind.to_owned(),
        content.to_owned(),
        format!("user{}", id % 9),
        random.pick(&["key", "k,ey", "模型测试"]).to_owned(),
        name.to_owned(),
        charge.to_string(),
        prompt.to_string(),
        output.to_string(),
        "1".to_owned(),
        "0".to_owned(),
        group.to_owned(),
        request,
        other,
    ]
}

/// The same report, in whatever way and by however many threads; by itself, and with all breakdowns beside one that shows examples of what
/// it found.
#[track_caller]
fn same(path: &Path, flags: &[&str], name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("report.md");
    let further = format!("markdown={}", pages.display());
    let report = ["--report", &further, "--by", "model,group,token,user,channel,day,cause"];
    same_beside(path, flags, (&report, &pages), &format!("{name}, beside pages"));
    same_beside(path, flags, (&["--by", "model,group,day,cause"], &folder.path().join("none")), name);
}

#[track_caller]
fn same_beside(path: &Path, flags: &[&str], (report, pages): (&[&str], &Path), name: &str) {
    let audit = |more: &[&str]| {
        let usual = ["audit", path.to_str().unwrap(), "--format", "json"];
        let done = quota(&[&usual, report, flags, more].concat());
        (done.code, done.out + &std::fs::read_to_string(pages).unwrap_or_default(), done.err)
    };
    let expected = audit(&["--one-by-one"]);
    for threads in ["1", "2", "5"] {
        let found = audit(&["--threads", threads]);
        assert_eq!((found.0, &found.2), (expected.0, &expected.2), "{name}, {threads} threads");
        assert!(found.1 == expected.1, "{name}, {threads} threads: the reports differ");
    }
}

/// Writes a log and compares, by the config and by the ratios of the rows.
#[track_caller]
fn check(text: impl AsRef<[u8]>, name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (log, config) = (folder.path().join("logs.csv"), folder.path().join("config.json"));
    std::fs::write(&log, text).unwrap();
    std::fs::write(&config, CONFIG).unwrap();
    same(&log, &["--config", config.to_str().unwrap()], name);
    same(&log, &[], name);
}

#[test]
fn logs_of_all_styles() {
    let plain = Style::default();
    check(log(8_000, plain), "plain");
    check(log(4_000, Style { quoted: true, ..plain }), "quoted");
    check(log(4_000, Style { unsorted: true, ..plain }), "unsorted");
    check(log(4_000, Style { unique: true, crlf: true, ..plain }), "unique, CRLF");
}

/// Rows that are wrong by definite causes are counted together, but for those that may be told one by one.
#[test]
fn logs_of_wrong_rows() {
    let wrong = Style { wrong: true, ..Style::default() };
    let folder = tempfile::tempdir().unwrap();
    let (path, config) = (folder.path().join("logs.csv"), folder.path().join("config.json"));
    std::fs::write(&config, CONFIG).unwrap();
    let flags = ["--config", config.to_str().unwrap()];
    std::fs::write(&path, log(9_000, wrong)).unwrap();
    for more in [&[][..], &["--limit", "0"], &["--limit", "7"], &["--limit", "100000"], &["--tolerance", "3"]] {
        same(&path, &[&flags, more].concat(), &format!("wrong, {more:?}"));
    }
    same(&path, &["--limit", "20"], "wrong, by the ratios of the rows");
    let key = folder.path().join("key");
    std::fs::write(&key, "0f".repeat(32)).unwrap();
    let redact = ["--redact", "user,token,content", "--redact-key", key.to_str().unwrap()];
    same(&path, &[&flags[..], &redact].concat(), "wrong, without names");
    // From a row on that only Veloera writes, the rows are its own.
    let text = log(9_000, wrong);
    let check_in = "x,1795000300,4,返佣,user1,key,,0,0,0,1,0,default,,";
    let middle = text.find("\n4500,").unwrap();
    let text = format!("{}\n{check_in}{}", &text[..middle], &text[middle..]);
    std::fs::write(&path, text).unwrap();
    same(&path, &flags, "wrong, Veloera's from a row on");
    same(&path, &[&flags[..], &["--profile", "new-api"]].concat(), "wrong, taken for new-api's");
    std::fs::write(&path, log(6_000, Style { unsorted: true, unique: true, ..wrong })).unwrap();
    same(&path, &[&flags[..], &["--limit", "20"]].concat(), "wrong, unsorted");
    std::fs::write(&path, lines(6_000, wrong, true)).unwrap();
    same(&path, &[&flags[..], &["--limit", "20"]].concat(), "wrong, NDJSON");
}

/// Inputs that overlap, in the forms that the same rows may have. What comes again is left out; all else is as in one input.
#[test]
fn several_inputs() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let write = |name: &str, text: &str| std::fs::write(place(name), text).unwrap();
    write("config.json", CONFIG);
    let plain = Style::default();
    let rows = |text: &str, ids: std::ops::Range<usize>| {
        let (header, rows) = text.split_once('\n').unwrap();
        let at = |id: usize| rows.find(&format!("\n{id},")).map_or(if id == 0 { 0 } else { rows.len() }, |at| at + 1);
        format!("{header}\n{}", &rows[at(ids.start)..at(ids.end)])
    };
    let text = log(3_000, plain);
    write("all.csv", &text);
    write("first.csv", &rows(&text, 0..2_000));
    write("last.csv", &rows(&text, 1_500..3_000));
    write("quoted.csv", &log(3_000, Style { quoted: true, crlf: true, ..plain }));
    // The word stands for nothing in CSV alone.
    write("lines.json", &lines(3_000, plain, false).replace("NULL", ""));
    write("nested.json", &lines(1_500, plain, true));
    // An entry without a request id is known by its own, and some rows go on behind a line end.
    let renumber =
        |line: &str| if line.contains(",r") && line.starts_with(|first: char| first.is_ascii_digit()) { "9" } else { "" };
    write("renumbered.csv", &text.lines().map(|line| renumber(line).to_owned() + line + "\n").collect::<String>());
    write("nameless.csv", &text.replacen(",request_id,", ",unknown,", 1));
    write("changed.csv", &text.replace(",1,0,", ",7,0,").replace("user3", "user4"));
    let wrong = log(3_000, Style { wrong: true, ..plain });
    write("wrong.csv", &rows(&wrong, 0..2_000));
    write("wrong-last.csv", &rows(&wrong, 1_250..3_000));
    let (config, limit) = (place("config.json"), ["--limit", "20"]);
    for names in [
        ["first.csv", "last.csv"].as_slice(),
        &["last.csv", "first.csv", "quoted.csv"],
        &["quoted.csv", "lines.json"],
        &["lines.json", "all.csv", "renumbered.csv"],
        &["nested.json", "lines.json"],
        &["nameless.csv", "nameless.csv"],
        &["changed.csv", "all.csv"],
        &["wrong.csv", "wrong-last.csv"],
        &["wrong.csv", "all.csv"],
    ] {
        let more: Vec<String> = names[1..].iter().map(|name| place(name)).collect();
        let more: Vec<&str> = more.iter().map(String::as_str).chain(["--config", &config]).chain(limit).collect();
        same(Path::new(&place(names[0])), &more, &format!("{names:?}"));
    }
    let matched = |names: &[&str]| {
        let paths: Vec<String> = names.iter().map(|name| place(name)).collect();
        let usual = ["audit", "--config", &config, "--format", "json"];
        let done = quota(&usual.iter().copied().chain(paths.iter().map(String::as_str)).collect::<Vec<_>>());
        let report: serde_json::Value = serde_json::from_str(&done.out).unwrap();
        report["totals"]["matched"].as_u64().unwrap()
    };
    let once = matched(&["all.csv"]);
    for names in [&["first.csv", "last.csv"][..], &["all.csv", "renumbered.csv"], &["quoted.csv", "lines.json"]] {
        assert_eq!(matched(names), once, "{names:?}");
    }
}

/// Rows that the filter leaves out are counted as such; rows like them that it admits are judged.
#[test]
fn filters() {
    let folder = tempfile::tempdir().unwrap();
    let (path, config) = (folder.path().join("logs.csv"), folder.path().join("config.json"));
    std::fs::write(&config, CONFIG).unwrap();
    let texts = [
        log(3_000, Style::default()),
        lines(3_000, Style::default(), false),
        log(3_000, Style { wrong: true, ..Style::default() }),
    ];
    for text in texts {
        std::fs::write(&path, text).unwrap();
        for filter in [
            ["--since", "2026-11-18T11:08:00Z", "--until", "2026-11-18T11:11:00Z"].as_slice(),
            &["--user", "user3", "--user", "user4"],
            &["--model", "m1", "--token", "k,ey"],
            &["--group", "vip", "--until", "2026-11-18T11:11:00Z"],
            &["--group", "nobody's"],
        ] {
            same(&path, &[&["--config", config.to_str().unwrap(), "--allow-empty"], filter].concat(), &format!("{filter:?}"));
        }
    }
}

#[test]
fn lines_of_json() {
    let plain = Style::default();
    check(lines(4_000, plain, false), "lines");
    check(lines(2_000, Style { unique: true, unsorted: true, ..plain }, true), "nested, unsorted");
    let text = lines(3_000, plain, false);
    check(&text[..text.len() - 1], "no line end");
    check(&text[..text.len() - 40], "cut");
    check(text.replace("\",\"", "\", \""), "spaces");
    check(text.replace("\"type\":5,", ""), "a key less here and there");
    check(text.replace('\n', "\r\n").replace("{\"id\":9", "\r\n{\"id\":9"), "empty lines, CRLF");
    check(text.replace("}\n{\"id\":7", "} {\"id\":7"), "two on a line");
    check("{\"success\":true}\n".to_owned() + &text, "another object first");
    damage(&text, 5, 4);
}

#[test]
fn damaged_logs() {
    let text = log(4_500, Style::default());
    check(&text[..text.len() - 1], "no line end");
    check(&text[..text.len() - 40], "cut");
    check(text.replace(',', ";"), "semicolons");
    check(text.replacen("key,", "ke\"y,", 3), "a quote within a field");
    damage(&text, 3, 4);
}

/// Compares with some bytes changed, most of them far behind, where the threads are at work.
fn damage(text: &str, seed: u64, rounds: u64) {
    let mut random = Random(seed);
    for round in 0..rounds {
        let mut bytes = text.as_bytes().to_vec();
        for _ in 0..30 {
            let at = bytes.len() / 3 + random.below((bytes.len() / 3 * 2) as u64) as usize;
            bytes[at] = [bytes[at] ^ (1 << random.below(8)), b'"', b'\n', b'\\', b',', 0xff][random.below(6) as usize];
        }
        check(bytes, &format!("flipped, {round}"));
    }
}

/// `QUOTA_FUZZ_SECONDS=600 cargo test --release --test it damaged_logs_for_long -- --ignored`
#[test]
#[ignore = "runs as long as QUOTA_FUZZ_SECONDS says"]
fn damaged_logs_for_long() {
    let seconds = std::env::var("QUOTA_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let end = Instant::now() + Duration::from_secs(seconds);
    let styles = [(false, false), (true, false), (false, true), (true, true)];
    let styles = styles.map(|(quoted, unsorted)| Style { quoted, unsorted, ..Style::default() });
    let texts = styles.map(|style| [log(1_500, style), lines(1_500, style, style.quoted)]).concat();
    let mut seed = 100;
    while Instant::now() < end {
        texts.iter().for_each(|text| damage(text, seed, 1));
        seed += 1;
    }
    println!("{} damaged logs", (seed - 100) * texts.len() as u64);
}

/// Rows that broke others' fast paths, each after rows that make its kind known.
#[test]
fn rows_at_the_edge() {
    let other = |cached: u64, more: &str| {
        let text = format!(
            "{{\"cache_ratio\":0.25,\"cache_tokens\":{cached},\"completion_ratio\":2,\"group_ratio\":1,\"model_price\":-1,\
             \"model_ratio\":0.125{more},\"user_group_ratio\":-1}}"
        );
        format!("\"{}\"", text.replace('"', "\"\""))
    };
    let row = |id: u64, content: &str, charge: i64, tokens: (u64, u64), other: &str| {
        format!("{id},179500000{},2,{content},ann,key,m0,{charge},{},{},1,0,default,q{id},{other}", id % 10, tokens.0, tokens.1)
    };
    let usual = |id: u64| row(id, "", 2, (16, 0), &other(0, ""));
    let odd = [
        row(1, "", 0, (1, 0), &other(0, "")),
        row(2, "", 1, (1, 0), &other(0, "")),
        row(3, "", 0, (0, 0), &other(0, "")),
        row(4, "\"a\nb\"", 2, (16, 0), &other(0, "")),
        row(5, "\"é\"\"…\"", 2, (16, 0), &other(0, "")),
        row(6, "", 2, (16, 0), &other(0, ",\"r\\u0061tio\":1")),
        row(7, "", 2, (16, 0), &other(0, ",\"model_ratio\":9")),
        row(8, "", 2, (16, 0), &other(0, ",\"nested\":{\"model_ratio\":9}")),
        row(9, "", 2, (16, 0), &other(40, "")),
        row(10, "", -2, (16, 0), &other(0, "")),
        row(11, "", 2, (16, 0), ""),
        row(12, "", 2, (16, 0), "null"),
        row(13, "", 2, (16, 0), "\"{}\""),
        row(14, "", 2, (16, 0), &format!("{}\"", other(0, ""))),
        row(15, "", 2, (16, 0), &other(0, ",\"task_id\":\"t\"")),
    ];
    for end in ["\n", "\r\n"] {
        let mut text = HEADER.to_owned() + end;
        for (at, odd) in odd.iter().enumerate() {
            let before = (0..20).map(|id| usual(100 * at as u64 + 100 + id) + end).collect::<String>();
            text += &(before + odd + end + &usual(9_000 + at as u64) + end);
        }
        check(&text, "odd rows");
        check(&text[..text.len() - end.len()], "odd rows, no line end");
    }
}

#[test]
fn rules_of_groups() {
    let folder = tempfile::tempdir().unwrap();
    let (path, config) = (folder.path().join("logs.csv"), folder.path().join("prices.toml"));
    std::fs::write(&path, log(2_000, Style::default())).unwrap();
    let prices = "[model_ratio]\nm0 = 0.125\nm1 = 1.25\nm2 = 37.5\nm3 = 0.33333333\n[completion_ratio]\nm0 = 2\nm1 = 4.57\nm2 = 1\nm3 = 8\n\
        [group_ratio]\ndefault = 1\nvip = 0.85\nmany = 0.06666667\nfree = 0\n";
    for rules in
        ["[group.vip]\nmodels = [\"m1\"]\n", "[group.vip]\nfallback = [\"many\"]\n", "[group.many]\nrequests_per_minute = 20\n"]
    {
        std::fs::write(&config, prices.to_owned() + rules).unwrap();
        same(&path, &["--config", config.to_str().unwrap()], rules);
    }
}

#[test]
fn rows_of_six_columns() {
    let mut text = "model_name,group,prompt_tokens,cached_tokens,completion_tokens,quota\n".to_owned();
    let mut random = Random(1);
    for _ in 0..5_000 {
        let (prompt, output) = (random.below(5_000), random.below(900));
        let cached = random.below(3) * prompt / 4;
        // m1 in the group default: 1.25 · (prompt + 4.57 · output)
        let charge = (prompt * 100 + output * 457) * 125 * 2 / 10_000;
        let charge = charge.div_ceil(2) + u64::from(random.below(300) == 0);
        writeln!(text, "m1,default,{prompt},{cached},{output},{charge}").unwrap();
    }
    check(&text, "slim");
    check(text.replace("cached_tokens", "x"), "without cached tokens");
}

/// Right rows of gateways that compute in float64 or print other keys, a few wrong ones among them.
#[test]
fn rows_of_older_gateways() {
    let header = "id,created_at,type,content,username,model_name,quota,prompt_tokens,completion_tokens";
    let mut one_api = format!("{header},request_id,elapsed_time,is_stream,system_prompt_reset\n");
    let mut of_2024 = format!("{header},use_time,is_stream,group,other\n");
    let mut of_2025 = of_2024.clone();
    let mut random = Random(3);
    for id in 0..6_000 {
        let (prompt, output) = (random.below(5_000), random.below(900));
        let cached = random.below(2) * random.below(prompt + 1);
        let off = u64::from(random.below(200) == 0);
        let row = |content: &str, charge: u64| format!("{id},1795000000,2,{content},ann,m0,{},{prompt},{output}", charge + off);
        // m0 in the group default: (prompt + 2 · output) / 8, which is at least 1.
        let tokens = prompt + 2 * output;
        let least = u64::from(tokens > 0);
        writeln!(one_api, "{},q{id},{},0,0", row("倍率：0.12 × 1.00 × 2.00", tokens.div_ceil(8)), random.below(9_000)).unwrap();
        let other = |keys: &str| {
            let keys =
                format!("{{{keys}\"completion_ratio\":2,\"frt\":{id},\"group_ratio\":1,\"model_price\":-1,\"model_ratio\":0.125}}");
            keys.replace('"', "\"\"")
        };
        let content = "模型倍率 0.12，补全倍率 2.00，分组倍率 1.00";
        let charge = ((tokens + 4) / 8).max(least);
        writeln!(of_2024, "{},1,0,default,\"{}\"", row(content, charge), other("")).unwrap();
        let keys = format!("\"cache_ratio\":0.25,\"cache_tokens\":{cached},");
        let charge = (4 * tokens - 3 * cached + 16) / 32;
        writeln!(of_2025, "{},1,0,default,\"{}\"", row(content, charge), other(&keys)).unwrap();
    }
    check(&one_api, "one-api");
    check(one_api.replace(",q", ","), "one-api, ids without a letter");
    check(&of_2024, "new-api of 2024");
    check(&of_2025, "new-api of 2025");
    check(of_2025.clone() + "7,1795000001,5,签到奖励 ＄0.038922 额度,ann,,0,0,0,1,0,,\n" + &of_2025, "Veloera from the middle on");
}

#[test]
fn periods_and_users() {
    let folder = tempfile::tempdir().unwrap();
    let (path, config) = (folder.path().join("logs.csv"), folder.path().join("prices.toml"));
    std::fs::write(&path, log(3_000, Style::default())).unwrap();
    let text = "[model_ratio]\nm0 = 0.125\nm1 = 1.25\nm2 = 37.5\nm3 = 0.33333333\n[completion_ratio]\nm0 = 2\nm1 = 4.57\nm2 = 1\nm3 = 8\n\
        [group_ratio]\ndefault = 1\nvip = 0.85\nmany = 0.06666667\nfree = 0\n[group_group_ratio.gold]\nvip = 0.5\n\
        [users.user3]\ngroup = \"gold\"\n[[period]]\nfrom = 2026-11-18T11:10:00Z\n[period.model_ratio]\nm1 = 2.5\n";
    std::fs::write(&config, text).unwrap();
    same(&path, &["--config", config.to_str().unwrap()], "periods and users");
}

#[test]
fn logs_of_gateways() {
    for name in ["new-api", "new-api-2024", "new-api-2025", "veloera", "one-hub", "one-api"] {
        let folder = fixture("logs").join(name);
        let config = folder.join("options.json");
        let flags = ["--config", config.to_str().unwrap()];
        same(&folder.join("logs.csv"), if config.exists() { &flags } else { &[] }, name);
        same(&folder.join("logs.csv"), &["--profile", "new-api"], name);
    }
}

/// A database in which some values hold the signs that its rows are written down with, or are of another type.
#[test]
fn rows_of_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one-api.db");
    let database = rusqlite::Connection::open(&path).unwrap();
    let columns: Vec<String> = HEADER.split(',').map(|name| format!("\"{name}\"")).collect();
    let numbers = ["id", "created_at", "type", "quota", "prompt_tokens", "completion_tokens"];
    let typed = HEADER.split(',').map(|name| format!("\"{name}\" {}", if numbers.contains(&name) { "integer" } else { "text" }));
    let typed = typed.collect::<Vec<_>>().join(", ").replacen("integer", "integer primary key", 1);
    database.execute_batch(&format!("CREATE TABLE logs ({typed}); BEGIN")).unwrap();
    let marks = vec!["?"; columns.len()].join(", ");
    let mut random = Random(7);
    for id in 0..6_000 {
        let cells = cells(id, &mut random, Style::default());
        database.execute(&format!("INSERT INTO logs VALUES ({marks})"), rusqlite::params_from_iter(cells)).unwrap();
    }
    for (change, every) in [
        ("content = 'a' || char(31) || char(10)", 97),
        ("model_name = char(16) || model_name", 101),
        ("other = NULL", 103),
        ("\"group\" = x'ff'", 107),
        ("quota = quota + 0.5", 109),
        ("other = other || char(30)", 113),
        ("token_name = char(30)", 127),
    ] {
        database.execute(&format!("UPDATE logs SET {change} WHERE id % {every} = 5"), []).unwrap();
    }
    database.execute_batch("COMMIT").unwrap();
    let config = folder.path().join("config.json");
    std::fs::write(&config, CONFIG).unwrap();
    same(&path, &["--config", config.to_str().unwrap()], "a database");
    same(&path, &[], "a database alone");
}
