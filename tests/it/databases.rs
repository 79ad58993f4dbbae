//! A gateway's SQLite file carries the prices of its own rows.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::forms::gzipped;
use crate::run::{Done, quota};

/// A database with one charge that its own ratios give and the built-in prices do not.
fn database(tables: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one-api.db");
    let log = r#"CREATE TABLE logs (id integer, type integer, model_name text, quota integer, prompt_tokens integer,
                     completion_tokens integer, "group" text, other text);
                 INSERT INTO logs VALUES (1, 2, 'gpt-4o', 3000, 1000, 0, 'default',
                     '{"model_ratio": 3, "group_ratio": 1, "completion_ratio": 4, "request_path": "/v1/chat/completions"}');"#;
    rusqlite::Connection::open(&path).unwrap().execute_batch(&format!("{log}{tables}")).unwrap();
    (folder, path)
}

fn audit(tables: &str) -> Done {
    let (_folder, path) = database(tables);
    quota(&["audit", path.to_str().unwrap(), "--format", "json"])
}

#[test]
fn a_broken_option_ends_the_run() {
    let done = audit("CREATE TABLE options (key text, value text); INSERT INTO options VALUES ('GroupRatio', '{\"default\": 1');");
    assert_eq!((done.code, done.out.as_str()), (2, ""));
    assert!(done.err.contains("option `GroupRatio`"), "{}", done.err);
}

/// The basis of the audit of a database with these tables.
#[track_caller]
fn basis(tables: &str) -> String {
    let report: Value = serde_json::from_str(&audit(tables).out).unwrap();
    report["config"]["basis"].as_str().unwrap().to_owned()
}

#[test]
fn only_options_and_price_lists_are_a_config() {
    let users = r#"CREATE TABLE users (id integer, username text, "group" text); INSERT INTO users VALUES (1, 'ann', 'vip');"#;
    assert_eq!(basis(""), "logged");
    assert_eq!(basis(users), "logged");
    assert_eq!(basis("CREATE TABLE songs (title text);"), "logged");
    assert_eq!(basis(&format!("{users} CREATE TABLE options (key text, value text);")), "config");
}

/// Audits as a process of its own, with a folder for temporary files that must be empty in the end.
fn audit_apart(argument: &str, input: Stdio) -> (Option<i32>, Value, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_quota"));
    command.args(["audit", argument, "--format", "json"]).env("TMPDIR", folder.path()).env_remove("QUOTA_CONFIG").stdin(input);
    let output = command.output().unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let report = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code(), report, String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_database_may_be_compressed_or_piped() {
    let (folder, path) = database("CREATE TABLE options (key text, value text);");
    let bytes = std::fs::read(&path).unwrap();
    let packed = folder.path().join("x.gz").to_str().unwrap().to_owned();
    std::fs::write(&packed, gzipped(&bytes)).unwrap();
    let (code, plain, _) = audit_apart(path.to_str().unwrap(), Stdio::null());
    assert_eq!((code, plain["config"]["basis"].as_str()), (Some(1), Some("config")));
    let piped = std::fs::File::open(&path).unwrap().into();
    for (name, size, input) in [(packed.as_str(), gzipped(&bytes).len(), Stdio::null()), ("-", bytes.len(), piped)] {
        let (code, mut report, err) = audit_apart(name, input);
        assert_eq!(code, Some(1), "{err}");
        assert_eq!(report["inputs"][0]["bytes"], size);
        assert_eq!(report["config"]["sources"][0]["name"], name);
        report["inputs"] = plain["inputs"].clone();
        report["config"]["sources"][0]["name"] = plain["config"]["sources"][0]["name"].clone();
        report["findings"][0]["input"] = plain["findings"][0]["input"].clone();
        assert_eq!(report, plain);
    }
}

#[test]
fn a_compressed_database_that_breaks_off_is_an_error() {
    let (folder, path) = database("");
    let packed = gzipped(&std::fs::read(&path).unwrap());
    let broken = folder.path().join("x.gz");
    std::fs::write(&broken, &packed[..packed.len() - 20]).unwrap();
    let (code, _, err) = audit_apart(broken.to_str().unwrap(), Stdio::null());
    assert!(code == Some(2) && err.contains("x.gz: a database that cannot be put into a temporary file: "), "{err}");
}
