//! Real processes: pipes that close, and what goes to which stream.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use crate::run::fixture;

/// Standard output that goes away after one line.
#[test]
fn a_closed_pipe_ends_the_run_with_141_and_no_word() {
    // More rows than a pipe and the buffers hold.
    let log = std::fs::read_to_string(fixture("logs/new-api/logs.csv")).unwrap();
    let (header, rows) = log.split_once('\n').unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logs.csv");
    std::fs::write(&path, format!("{header}\n{}", rows.repeat(8))).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_quota"))
        .args(["audit", path.to_str().unwrap(), "--format", "ndjson"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut first).unwrap();
    drop(stdout);
    assert!(first.starts_with("{\"input\":"), "{first}");
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(141));
    assert_eq!(errors, "");
}
