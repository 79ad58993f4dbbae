//! `--balances` holds what the audited rows say against what users had before and after.

use std::path::{Path, PathBuf};

use crate::run::quota;

const LOG: &str = "id,created_at,type,username,user_id,model_name,quota,prompt_tokens,completion_tokens,group,content
1,1772323200,2,ann,2,gpt-4o,1250,1000,0,default,
2,1772323201,2,bob,3,gpt-4o,1250,1000,0,default,
3,1772323202,1,ann,2,,500,0,0,,
4,1775001600,2,ann,2,gpt-4o,2500,2000,0,default,
5,1775001601,1,ann,2,,700,0,0,,
";

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// The violations of an audit with these balances.
#[track_caller]
fn violations(balances: &str, flags: &[&str]) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let [log, balances] = [("log.csv", LOG), ("balances.csv", balances)].map(|(name, text)| write(folder.path(), name, text));
    let line = ["audit", log.to_str().unwrap(), "--quiet", "--format", "json", "--balances", balances.to_str().unwrap()];
    let done = quota(&[&line, flags].concat());
    let report: serde_json::Value = serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{error}: {}", done.err));
    report["policy"].as_array().unwrap().len()
}

#[test]
fn only_what_is_in_the_time_is_booked() {
    let march = ["--since", "2026-03-01", "--until", "2026-04-01"];
    assert_eq!(violations("user,before,after\nann,10000,9250\n", &march), 0);
    assert_eq!(violations("user,before,after\nann,10000,7450\n", &march), 1);
    assert_eq!(violations("user,before,after\nann,10000,7450\n", &[]), 0);
}

#[test]
fn a_user_who_is_filtered_out_is_not_watched() {
    let both = "user,before,after\nann,10000,7450\nbob,9,9\n";
    assert_eq!((violations(both, &["--user", "ann"]), violations(both, &[])), (0, 1));
}

/// An administrator's changes name a user by the id; the user's own rows tell the name.
#[test]
fn a_change_by_id_is_booked_to_the_name_that_has_it() {
    const CHANGES: &str = r#"id,created_at,type,username,user_id,model_name,quota,prompt_tokens,completion_tokens,group,content,other
1,1772323200,3,root,1,,0,0,0,,,"{""op"":{""action"":""user.quota_add"",""params"":{""quota"":""＄0.002000 额度"",""target_user_id"":3}}}"
2,1772323201,2,ann,2,gpt-4o,1250,1000,0,default,,
3,1772323202,3,root,1,,0,0,0,,,"{""op"":{""action"":""user.quota_subtract"",""params"":{""quota"":""＄0.000600 额度"",""target_user_id"":3}}}"
"#;
    const BOB: &str = "4,1772323203,2,bob,3,gpt-4o,1250,1000,0,default,,\n";
    let check = |rows: &str, balances: &str| {
        let folder = tempfile::tempdir().unwrap();
        let log = format!("{CHANGES}{rows}");
        let [log, balances] =
            [("log.csv", log.as_str()), ("balances.csv", balances)].map(|(name, text)| write(folder.path(), name, text));
        let done = quota(&["audit", log.to_str().unwrap(), "-q", "--fail-on", "policy", "--balances", balances.to_str().unwrap()]);
        (done.code, done.err.contains("the balance of `bob` is not checked"))
    };
    // 0.002 · 500000 − 0.0006 · 500000 = 700 points, less 1250 for the charge.
    assert_eq!(check(BOB, "user,before,after\nbob,10000,9450\n"), (0, false));
    assert_eq!(check(BOB, "user,before,after\nbob,10000,8750\n"), (1, false));
    // Nothing names bob's id: what is known of ann is still held.
    assert_eq!(check("", "user,before,after\nbob,10000,10700\n"), (0, true));
    assert_eq!(check("", "user,before,after\nbob,10000,10700\nann,5000,5000\n"), (1, true));
    assert_eq!(check("", "user,user_id,before,after\nbob,3,10000,10000\n"), (1, false));
}
