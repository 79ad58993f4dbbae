//! `quota infer` where the rows leave a doubt: whether a price changed, a group's ratio or a charge; and whether a number is the true one.

use std::fs::write;
use std::path::{Path, PathBuf};

use quota::exact::{Exact, Ratio};
use tempfile::TempDir;

use crate::infer::{all_match, has, infer};
use crate::run::audit;

/// A row of a plain log, of an hour each: model, group, tokens (prompt, output, cached), model ratio, completion ratio, group ratio.
type Row<'r> = (&'r str, &'r str, [i64; 3], [&'r str; 3]);

fn ratio(text: &str) -> Ratio {
    text.parse().unwrap()
}

/// `(prompt − cached + cached/10 + output·completion) · model · group`, before it is rounded.
fn amount([prompt, output, cached]: [i64; 3], [model, completion, group]: [&str; 3]) -> Exact {
    let tokens = Exact::from(prompt - cached) + Exact::from(cached) * ratio("0.1") + Exact::from(output) * ratio(completion);
    tokens * ratio(model) * ratio(group)
}

/// Tokens of the row with a number, none cached.
fn tokens(number: i64) -> [i64; 3] {
    [400 + number * 7_919 % 20_011, 30 + number * 104_729 % 1_499, 0]
}

fn log(columns: &str, rows: impl IntoIterator<Item = String>) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.csv");
    write(&path, rows.into_iter().fold(columns.to_owned() + "\n", |text, row| text + &row + "\n")).unwrap();
    (folder, path)
}

fn plain(rows: &[Row<'_>]) -> (TempDir, PathBuf) {
    let line = |(at, (model, group, tokens, ratios)): (i64, &Row<'_>)| {
        let [prompt, output, cached] = *tokens;
        let quota = amount(*tokens, *ratios).round_half_away();
        format!("{},{model},{group},{prompt},{output},{cached},{quota}", 1_767_225_600 + at * 3_600)
    };
    log("time,model,group,prompt_tokens,completion_tokens,cached_tokens,quota", (0..).zip(rows).map(line))
}

/// The comment behind a number.
fn comment<'t>(text: &'t str, line: &str) -> &'t str {
    let found = text.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix("  # "));
    found.unwrap_or_else(|| panic!("no `{line}` in\n{text}"))
}

/// The rows of a log that its inferred config gives, and those that it does not.
fn right_and_wrong(log: &Path, config: &Path) -> (i64, usize) {
    let audited = audit(log, &["--config", config.to_str().unwrap()]);
    (audited.total("matched"), audited.rows.iter().filter(|row| !row["cause"].is_null()).count())
}

/// A free row fits any price, so that it says neither where the old one ends nor whether the row before it is wrong.
#[test]
fn a_free_row_hides_no_change_of_a_price() {
    let at = |number: i64| match number {
        12 => ("a", "free", tokens(number), ["0.2", "8", "0"]),
        0..=10 => ("a", "default", tokens(number), ["0.25", "8", "1"]),
        _ => ("a", "default", tokens(number), ["0.2", "8", "1"]),
    };
    let (folder, log) = plain(&(0..22).map(at).collect::<Vec<_>>());
    let (config, text) = infer(&log, folder.path(), &[]);
    has(&text, "\"a\" = 0.25");
    has(&text, "\"a\" = 0.2");
    all_match(&log, &config, 22, &text);
}

/// A wrong charge beside: the border stands where fewest rows are wrong.
#[test]
fn the_border_between_two_prices_leaves_fewest_rows_wrong() {
    let mut rows: Vec<Row<'_>> = (0..60).map(|number| ("a", "default", tokens(number), ["0.25", "8", "1"])).collect();
    rows.extend((60..62).map(|number| ("a", "default", tokens(number), ["0.2", "8", "1"])));
    rows.push(("a", "free", tokens(62), ["0.2", "8", "0"]));
    rows.extend((63..120).map(|number| ("a", "default", tokens(number), ["0.2", "8", "1"])));
    rows[80].3[0] = "0.4";
    let (folder, log) = plain(&rows);
    let (config, text) = infer(&log, folder.path(), &[]);
    assert_eq!(right_and_wrong(&log, &config), (119, 1), "{text}");
}

/// The group `vip` has rows after the change alone, and says nothing of it; `b` is in `default` alone, and keeps its price.
#[test]
fn a_price_that_changed_is_no_ratio_of_a_group() {
    for other in ["vip", "free"] {
        let group_ratio = if other == "vip" { "0.5" } else { "0" };
        let row = |number: i64| match number {
            _ if number % 3 == 2 => ("b", "default", tokens(number), ["1.25", "3", "1"]),
            _ if number > 40 && number % 6 == 0 => ("a", other, tokens(number), ["2", "4", group_ratio]),
            _ if number < 30 => ("a", "default", tokens(number), ["2.5", "4", "1"]),
            _ => ("a", "default", tokens(number), ["2", "4", "1"]),
        };
        let (folder, log) = plain(&(0..60).map(row).collect::<Vec<_>>());
        let (config, text) = infer(&log, folder.path(), &[]);
        for line in ["\"a\" = 2.5", "\"a\" = 2", "\"b\" = 1.25", &format!("\"{other}\" = {group_ratio}")] {
            has(&text, line);
        }
        assert!(!text.contains("[period.group_ratio]"), "{text}");
        all_match(&log, &config, 60, &text);
    }
}

/// Before and after it the price is the same: the charge is wrong.
#[test]
fn one_wrong_charge_is_no_period() {
    let row = |number: i64| {
        let [prompt, output, cached] = match number % 4 {
            1 => [800 + number, 20, 42],
            _ => tokens(number),
        };
        let full = if number == 17 { 0 } else { cached };
        let quota = amount([prompt, output, full], ["1", "2.5", "1"]).round_half_away();
        let other = format!(
            "{{\"\"cache_ratio\"\":0.1,\"\"cache_tokens\"\":{cached},\"\"completion_ratio\"\":2.5,\"\"group_ratio\"\":1,\"\"model_price\"\":-1,\"\"model_ratio\"\":1}}"
        );
        format!("{},2,ann,m-x,{quota},{prompt},{output},default,\"{other}\"", 1_767_225_600 + number * 3_600)
    };
    let (folder, log) =
        log("created_at,type,username,model_name,quota,prompt_tokens,completion_tokens,group,other", (0..30).map(row));
    let (config, text) = infer(&log, folder.path(), &[]);
    assert!(!text.contains("[[period]]"), "{text}");
    assert_eq!(right_and_wrong(&log, &config), (29, 1), "{text}");
}

/// The completion ratio of `a` has more digits than its rows show; what `b` says of the group counts, and `a` is left open.
#[test]
fn nothing_sure_hangs_on_a_rate_that_is_open() {
    let row = |number: i64| match number % 4 {
        0 => ("a", "one", [268 + number * 511, 99 + number, 0], ["0.25", "1.2345", "0.95"]),
        1 => ("a", "default", [523 + number * 77, 63, 0], ["0.25", "1.2345", "1"]),
        2 => ("b", "one", tokens(number), ["0.25", "3", "0.95"]),
        _ => ("b", "default", tokens(number), ["0.25", "3", "1"]),
    };
    let (folder, log) = plain(&(0..40).map(row).collect::<Vec<_>>());
    let (config, text) = infer(&log, folder.path(), &[]);
    for line in ["\"one\" = 0.95", "\"b\" = 0.25", "\"b\" = 3"] {
        assert!(!comment(&text, line).contains("open"), "{text}");
    }
    assert!(comment(&text, "\"a\" = { unknown = true }").starts_with("open, 20 rows: 0.25"), "{text}");
    assert_eq!(right_and_wrong(&log, &config), (20, 0), "{text}");
}

/// What rows print is no guess: where one does not come out, no other rate is looked for.
#[test]
fn a_printed_rate_gives_way_to_no_wrong_charge() {
    let row = |number: i64| {
        let [prompt, output, cached] = if number % 8 == 3 { [9_000 + number, 20, 7_000] } else { tokens(number) };
        let quota = amount([prompt, output, 0], ["0.25", "3", "1"]).round_half_away().to_i64().unwrap();
        let quota = if number == 3 { quota * 4 / 5 } else { quota };
        let other = format!(
            "{{\"\"cache_ratio\"\":1,\"\"cache_tokens\"\":{cached},\"\"completion_ratio\"\":3,\"\"group_ratio\"\":1,\"\"model_price\"\":-1,\"\"model_ratio\"\":0.25}}"
        );
        format!("{},2,ann,m-x,{quota},{prompt},{output},default,\"{other}\"", 1_767_225_600 + number * 3_600)
    };
    let (folder, log) =
        log("created_at,type,username,model_name,quota,prompt_tokens,completion_tokens,group,other", (0..11).map(row));
    let (config, text) = infer(&log, folder.path(), &[]);
    let audited = audit(&log, &["--config", config.to_str().unwrap()]);
    assert_ne!(audited.rows[3]["verdict"], "matched", "{text}");
}

/// 0.24730773 would be told as 0.2473.
#[test]
fn a_number_of_four_digits_from_few_points_is_open() {
    let row = |number: i64| match number % 2 {
        0 => ("m", "x", [402 + number * 241, 9, 0], ["1.25", "4", "0.24730773"]),
        _ => ("m", "default", tokens(number), ["1.25", "4", "1"]),
    };
    let (folder, log) = plain(&(0..24).map(row).collect::<Vec<_>>());
    let (_, text) = infer(&log, folder.path(), &[]);
    let line = text.lines().find(|line| line.starts_with("\"x\" = ")).unwrap();
    assert!(line.contains("  # open, "), "{text}");
}

/// The price before the change is determined, that behind it is 4/3.
#[test]
fn a_price_is_known_though_that_after_it_is_open() {
    let row = |number: i64| ("m", "default", tokens(number), [if number < 60 { "1.25" } else { "1.3333333" }, "4", "1"]);
    let (folder, log) = plain(&(0..80).map(row).collect::<Vec<_>>());
    let (config, text) = infer(&log, folder.path(), &[]);
    has(&text, "\"m\" = 1.25");
    let (right, wrong) = right_and_wrong(&log, &config);
    assert!(right >= 60 && wrong == 0, "{text}");
}

/// Six decimals of a dollar are whole points: the ratio is as narrow as in points.
#[test]
fn money_with_six_decimals_says_as_much_as_points() {
    let lines = |money: bool| {
        let row = move |number: i64| {
            let [prompt, output, _] = [137 + number * 97 % 700, 40 + number * 31 % 900, 0];
            let points = amount([prompt, output, 0], ["0.0733", "1", "1"]).round_half_away().to_i64().unwrap();
            let charge = if money { format!("0.{:06}", points * 2) } else { points.to_string() };
            format!("m,default,{prompt},{output},0,{charge}")
        };
        let charge = if money { "cost_usd" } else { "quota" };
        log(&format!("model,group,prompt_tokens,completion_tokens,cached_tokens,{charge}"), (0..57).map(row))
    };
    let left = |(folder, log): (TempDir, PathBuf)| {
        let (_, text) = infer(&log, folder.path(), &[]);
        comment(&text, "\"m\" = 0.0733").to_owned()
    };
    assert_eq!(left(lines(true)), left(lines(false)));
}

/// one-hub cuts a price per call: 2500 · 0.06666667 is 166.67, and 166 points.
#[test]
fn a_price_per_call_that_is_cut_bounds_the_group_from_below() {
    let row = |number: i64| {
        let (group, call) = if number % 2 == 0 { ("odd", 166) } else { ("default", 2_500) };
        let metadata = |kind: &str| {
            format!(
                "\"{{\"\"backup_group_name\"\": \"\"\"\", \"\"group_name\"\": \"\"{group}\"\", \"\"is_backup_group\"\": false, \"\"price_type\"\": \"\"{kind}\"\"}}\""
            )
        };
        let at = 1_767_225_600 + number * 60;
        format!(
            "{number},2,{at},2,,u1,tok,draw,{call},{},{},1,50,0,127.0.0.1,{}",
            45 + number * 97,
            900 + number,
            metadata("times")
        )
    };
    let columns = "id,user_id,created_at,type,content,username,token_name,model_name,quota,prompt_tokens,completion_tokens,channel_id,request_time,is_stream,source_ip,metadata";
    let (folder, log) = log(columns, (0..20).map(row));
    let (config, text) = infer(&log, folder.path(), &[]);
    has(&text, "\"draw\" = 0.005");
    all_match(&log, &config, 20, &text);
}

/// new-api of 2024 rounds the output by itself: many rates give the same charges, and the simplest is as good.
#[test]
fn the_shortest_rate_is_taken_where_classes_are_rounded() {
    let row = |number: i64| {
        let [prompt, output, _] = tokens(number);
        let quota = amount([prompt, 0, 0], ["15", "0", "1"])
            + Exact::from((Exact::from(output) * ratio("1.75")).round_half_away()) * ratio("15");
        format!(
            "{number},2,{},2,,u1,tok,qwen,{},{prompt},{output},3,0,1,ch,1,default,",
            1_767_225_600 + number * 3_600,
            quota.round_half_away()
        )
    };
    let columns = "id,user_id,created_at,type,content,username,token_name,model_name,quota,prompt_tokens,completion_tokens,use_time,is_stream,channel_id,channel_name,token_id,group,other";
    let (folder, log) = log(columns, (0..40).map(row));
    let (_, text) = infer(&log, folder.path(), &["--profile", "new-api-2024"]);
    has(&text, "\"qwen\" = 15");
    has(&text, "\"qwen\" = 1.75");
}
