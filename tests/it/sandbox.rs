//! A folder like that of somebody who has `quota` installed and a log at hand, for commands that a shell runs.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::forms::Log;
use crate::run::fixture;

/// Clients of databases, which print the log in the format that the recipe asks them for.
const CLIENTS: [(&str, &str); 3] = [
    ("psql", "cat \"$SANDBOX/logs.csv\""),
    ("mysql", "cat \"$SANDBOX/logs.ndjson\""),
    ("clickhouse-client", "case \"$*\" in *CSVWithNames*) cat \"$SANDBOX/logs.csv\";; *) cat \"$SANDBOX/logs.ndjson\";; esac"),
];

/// Whether a program is on this machine: a clone needs nothing but Rust, so what calls others is left out where they are not.
pub fn has(program: &str) -> bool {
    std::env::split_paths(&std::env::var_os("PATH").unwrap()).any(|folder| folder.join(program).is_file())
}

/// The folder.
pub struct Sandbox(TempDir);

impl Sandbox {
    pub fn new() -> Sandbox {
        let sandbox = Sandbox(tempfile::tempdir().unwrap());
        let folder = sandbox.folder();
        std::fs::create_dir_all(folder.join("bin")).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_quota"), folder.join("bin/quota")).unwrap();
        for (name, body) in CLIENTS {
            sandbox.program(name, body);
        }
        sandbox.write_logs();
        let old = std::fs::read_to_string(fixture("configs/moleapi.toml")).unwrap();
        std::fs::write(folder.join("old.toml"), &old).unwrap();
        std::fs::write(folder.join("prices.toml"), &old).unwrap();
        std::fs::write(folder.join("new.toml"), old.replace("\"gpt-4o\" = 1.25", "\"gpt-4o\" = 1.5")).unwrap();
        std::fs::write(folder.join("groups.json"), r#"{"default": 1, "vip": 0.8}"#).unwrap();
        sandbox
    }

    fn folder(&self) -> &Path {
        self.0.path()
    }

    fn program(&self, name: &str, body: &str) {
        let path = self.folder().join("bin").join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The log of a gateway with its options, in several forms and pieces, and a plain log of wrong charges.
    fn write_logs(&self) {
        let folder = self.folder();
        let mut log = Log::read(&fixture("logs/new-api/logs.csv"));
        let (id, kind) = (log.column("id"), log.column("type"));
        let charge = log.records.iter().position(|record| record[kind] == "2").unwrap();
        log.records[charge][id] = "4711".to_owned();
        for (form, name) in [("csv", "logs.csv"), ("ndjson", "logs.ndjson"), ("db", "one-api.db")] {
            std::fs::rename(log.write(folder, form), folder.join(name)).unwrap();
        }
        let halves = log.records.split_at(log.records.len() / 2);
        for (records, name) in [(halves.0, "monday.csv"), (halves.1, "tuesday.csv")] {
            let half = Log { header: log.header.clone(), records: records.to_vec() };
            std::fs::rename(half.write(folder, "csv"), folder.join(name)).unwrap();
        }
        std::fs::copy(fixture("logs/new-api/options.json"), folder.join("options.json")).unwrap();
        std::fs::copy(fixture("logs/plain/discount.csv"), folder.join("wrong.csv")).unwrap();
        let parts =
            "mkdir parts; for day in monday tuesday; do quota audit $day.csv --partial > $day.json; cp $day.json parts; done";
        self.run(parts);
    }

    /// Runs a script as a careful job does: it ends at the first failure, of a pipe too.
    pub fn run(&self, script: &str) -> Output {
        let folder = self.folder();
        let path = format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", script]).current_dir(folder).env("PATH", path).env("HOME", folder);
        for variable in ["QUOTA_CONFIG", "QUOTA_COLOR", "GITHUB_STEP_SUMMARY", "GITHUB_ACTIONS"] {
            command.env_remove(variable);
        }
        command.env("SANDBOX", folder).env("DATABASE_URL", "postgres://localhost/gateway").output().unwrap()
    }

    /// Runs a script that must end with a code.
    #[track_caller]
    pub fn check(&self, script: &str, code: i32) -> Output {
        let output = self.run(script);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(output.status.code(), Some(code), "{script}\n{}\n{}", text(&output.stdout), text(&output.stderr));
        output
    }
}
