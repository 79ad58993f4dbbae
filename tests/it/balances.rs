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
