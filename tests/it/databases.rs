//! A gateway's SQLite file carries the prices of its own rows.

use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

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
