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

/// Standard output may be a file that others write to before and after.
#[cfg(unix)]
#[test]
fn standard_output_has_names() {
    let log = fixture("logs/plain/moleapi.csv");
    for name in ["-", "/dev/stdout"] {
        let folder = tempfile::tempdir().unwrap();
        let script = format!(
            "{{ echo before; {} audit {} -q -o {name}; echo after; }} > out.txt; ls",
            env!("CARGO_BIN_EXE_quota"),
            log.display()
        );
        let output = Command::new("sh").args(["-c", &script]).current_dir(folder.path()).output().unwrap();
        let text = std::fs::read_to_string(folder.path().join("out.txt")).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(matches!(lines.as_slice(), ["before", report, "after"] if report.contains("charges are right")), "{text}");
        assert_eq!(output.stdout, b"out.txt\n");
    }
}

/// A log on standard input is not written over, whatever its name.
#[cfg(unix)]
#[test]
fn a_log_on_standard_input_is_kept() {
    let log = std::fs::read(fixture("logs/plain/moleapi.csv")).unwrap();
    for command in ["audit - --format json", "explain -", "infer -", "compare - --model gpt-4o", "merge -"] {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("l.csv");
        std::fs::write(&place, &log).unwrap();
        let run = |output: &str| {
            let input = std::fs::File::open(&place).unwrap();
            let mut process = Command::new(env!("CARGO_BIN_EXE_quota"));
            process.args(command.split(' ')).args(["-o", output]).current_dir(folder.path()).stdin(input).output().unwrap()
        };
        let done = run("l.csv");
        let err = String::from_utf8(done.stderr).unwrap();
        assert!(done.status.code() == Some(2) && err.contains("`l.csv` is read, and would be written over"), "{command}: {err}");
        assert_eq!(std::fs::read(&place).unwrap(), log);
        assert!(!String::from_utf8(run("other.json").stderr).unwrap().contains("written over"));
    }
}

/// What is named like a config and cannot be read is not passed over.
#[cfg(unix)]
#[test]
fn a_config_that_leads_nowhere_is_told() {
    let log = fixture("logs/plain/moleapi.csv");
    let run = |folder: &std::path::Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quota"));
        let output =
            command.args(["audit", log.to_str().unwrap()]).current_dir(folder).env_remove("QUOTA_CONFIG").output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for is_link in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("quota.toml");
        if is_link { std::os::unix::fs::symlink("nowhere", path) } else { std::fs::create_dir(path) }.unwrap();
        let (code, err) = run(folder.path());
        assert!(code == Some(2) && err.contains("cannot open config `quota.toml`"), "{err}");
    }
}
