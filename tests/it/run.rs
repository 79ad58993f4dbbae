//! Runs the command line within the test, and reads what it printed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// What a command printed, and its exit code.
#[derive(Debug)]
pub struct Done {
    pub code: u8,
    pub out: String,
    pub err: String,
}

/// Runs a command line in this process.
pub fn quota(arguments: &[&str]) -> Done {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let line = std::iter::once("quota").chain(arguments.iter().copied()).map(OsString::from);
    let code = quota::cli::run(line, &mut out, &mut err);
    Done { code, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

/// A file or folder of `fixtures/`.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// An audit as NDJSON: a line for each row, and the totals.
#[derive(Debug)]
pub struct Audit {
    pub code: u8,
    pub rows: Vec<Value>,
    pub end: Value,
}

/// Audits a file with further flags.
#[track_caller]
pub fn audit(path: &Path, flags: &[&str]) -> Audit {
    let path = path.to_str().unwrap();
    let done = quota(&[&["audit", path, "--format", "ndjson"], flags].concat());
    let mut rows: Vec<Value> =
        done.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect();
    let end = rows.pop().unwrap_or_else(|| panic!("no report: {}", done.err));
    Audit { code: done.code, rows, end }
}

impl Audit {
    /// A number of the totals.
    pub fn total(&self, word: &str) -> i64 {
        self.end["totals"][word].as_i64().unwrap_or_else(|| panic!("no total {word}"))
    }

    /// The rows of each class sum to the rows that were read, and each row has its line.
    #[track_caller]
    pub fn keeps_the_law(&self) {
        let classes = ["matched", "overcharged", "undercharged", "unrated", "skipped", "malformed"];
        let sum: i64 = classes.iter().map(|class| self.total(class)).sum();
        assert_eq!((self.total("rows"), self.rows.len() as i64), (sum, sum));
        for class in classes {
            let told = self.rows.iter().filter(|row| row["verdict"] == class).count() as i64;
            assert_eq!(told, self.total(class), "{class}");
        }
    }

    /// The verdict on each row by its id, and the cause where it is wrong.
    pub fn verdicts(&self) -> Vec<(String, String)> {
        self.rows.iter().map(|row| (row["id"].to_string(), verdict(row).to_owned())).collect()
    }
}

/// The verdict of a row; for a wrong charge its cause.
pub fn verdict(row: &Value) -> &str {
    match row["verdict"].as_str() {
        Some("overcharged" | "undercharged") => row["cause"].as_str().unwrap_or("none"),
        verdict => verdict.unwrap_or("none"),
    }
}
