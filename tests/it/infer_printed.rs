//! `quota infer` where rows print their prices, and where all rows have tokens of several classes.

use std::fs::write;
use std::path::PathBuf;

use quota::exact::{Exact, Ratio};
use tempfile::TempDir;

use crate::infer::{all_match, has, infer};

fn log(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.csv");
    write(&log, text).unwrap();
    (folder, log)
}

fn ratio(text: &str) -> Ratio {
    text.parse().unwrap()
}

/// `(prompt − cached + cached·cache + output·completion) · model · group`, rounded half away.
fn points([prompt, cached, output]: [i64; 3], [model, completion, cache, group]: [&str; 4]) -> String {
    let tokens = Exact::from(prompt - cached) + Exact::from(cached) * ratio(cache) + Exact::from(output) * ratio(completion);
    (tokens * ratio(model) * ratio(group)).round_half_away().to_string()
}

/// One row in each group leaves everything open but what the rows print.
#[test]
fn rows_that_print_their_prices_are_taken_at_their_word() {
    let mut text = "created_at,type,username,model_name,quota,prompt_tokens,completion_tokens,group,other\n".to_owned();
    for (at, (group, group_ratio)) in (1..).zip([("default", "1"), ("vip", "0.95"), ("cheap", "0.0667"), ("long", "1.2345")]) {
        let tokens = [211 * at, 71 + at, 1_319 + 17 * at];
        let quota = points(tokens, ["3.3", "2", "0.1", group_ratio]);
        let other = format!(
            "{{\"\"cache_ratio\"\":0.1,\"\"cache_tokens\"\":{},\"\"completion_ratio\"\":2,\"\"group_ratio\"\":{group_ratio},\"\"model_price\"\":-1,\"\"model_ratio\"\":3.3}}",
            tokens[1]
        );
        text += &format!("{},2,ann,m-x,{quota},{},{},{group},\"{other}\"\n", 1_795_000_000 + at, tokens[0], tokens[2]);
    }
    let (folder, log) = log(&text);
    let (config, text) = infer(&log, folder.path(), &[]);
    for line in ["\"m-x\" = 3.3", "\"m-x\" = 2", "\"m-x\" = 0.1", "\"vip\" = 0.95", "\"cheap\" = 0.0667", "\"long\" = 1.2345"] {
        has(&text, line);
    }
    all_match(&log, &config, 4, &text);
}

/// A price so low that calls cost nothing is a price per call all the same.
#[test]
fn a_printed_price_of_a_call_is_no_ratio() {
    let row = |at| {
        format!("{at},2,m-x,0,100,{at},default,\"{{\"\"group_ratio\"\":1,\"\"model_price\"\":3e-07,\"\"model_ratio\"\":0}}\"\n")
    };
    let header = "created_at,type,model_name,quota,prompt_tokens,completion_tokens,group,other\n".to_owned();
    let (folder, log) = log(&(1_795_000_000..1_795_000_004).map(row).fold(header, |text, row| text + &row));
    let (config, text) = infer(&log, folder.path(), &[]);
    assert!(text.contains("[model_price]\n\"m-x\" = 0.0000003"), "{text}");
    all_match(&log, &config, 4, &text);
}

/// No row shows the completion ratio alone.
#[test]
fn rates_are_solved_together_where_all_rows_have_cached_tokens() {
    let mut text = "type,model,group,prompt_tokens,cached_tokens,completion_tokens,quota\n".to_owned();
    for at in 1..30 {
        let tokens = [2_003 + at * 7_919 % 4_001, 1 + at * 104_729 % 1_999, 1 + at * 1_299_709 % 997];
        let quota = points(tokens, ["1.25", "5", "0.25", "1"]);
        text += &format!("2,m-x,default,{},{},{},{quota}\n", tokens[0], tokens[1], tokens[2]);
    }
    let (folder, log) = log(&text);
    let (config, text) = infer(&log, folder.path(), &[]);
    for line in ["\"m-x\" = 1.25", "\"m-x\" = 5", "\"m-x\" = 0.25"] {
        has(&text, line);
    }
    all_match(&log, &config, 29, &text);
}

/// `$0.00` is less than half a cent, and says nothing of what is free.
#[test]
fn money_that_is_written_as_nothing_leaves_the_price_open() {
    let rows = (1..40).map(|at| format!("m-x,{},{},$0.00\n", 100 + at * 37, 10 + at));
    let (folder, log) = log(&rows.fold("model,prompt_tokens,completion_tokens,cost_usd\n".to_owned(), |text, row| text + &row));
    let (_, text) = infer(&log, folder.path(), &[]);
    assert!(text.contains("\"m-x\" = { unknown = true }"), "{text}");
}

/// one-api prints ratios with two decimals: those of a group that prints 1 are the models' own.
#[test]
fn the_group_that_prints_one_is_taken_as_one() {
    let mut text = "id,created_at,type,content,username,model_name,quota,prompt_tokens,completion_tokens,elapsed_time\n".to_owned();
    for at in 0..40 {
        let (user, group, printed) = if at % 2 == 0 { ("ann", "0.953", "0.95") } else { ("bob", "1", "1.00") };
        let (prompt, output) = (20_011 + at * 7_919, 1_009 + at * at * 131);
        let tokens = Exact::from(prompt) + Exact::from(output) * 4;
        let quota = (tokens * ratio("7.5") * ratio(group)).ceil();
        text += &format!("{at},{},2,倍率：7.50 × {printed} × 4.00,{user},m-x,{quota},{prompt},{output},900\n", 1_795_000_000 + at);
    }
    let (folder, log) = log(&text);
    let (config, text) = infer(&log, folder.path(), &[]);
    for line in ["\"m-x\" = 7.5", "\"prints 1\" = 1", "\"prints 0.95\" = 0.953"] {
        has(&text, line);
    }
    all_match(&log, &config, 40, &text);
}
