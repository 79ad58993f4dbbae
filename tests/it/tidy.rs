//! The shape of the code, as absences: `docs/architecture.md` says them, these tests hold them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The floor of each part. Imports go to the same floor or down, and `APART` names who must not know whom on top of that.
const FLOORS: [(&str, u8); 15] = [
    ("fetch", 0),
    ("exact", 0),
    ("float", 0),
    ("pricing", 1),
    ("config", 1),
    ("log", 2),
    ("details", 2),
    ("profile", 2),
    ("defaults", 2),
    ("audit", 3),
    ("read", 3),
    ("alike", 4),
    ("report", 4),
    ("partial", 4),
    ("cli", 5),
];

const APART: [(&str, &str); 10] = [
    ("read", "audit"),
    ("audit", "read"),
    ("report", "read"),
    ("report", "alike"),
    ("alike", "report"),
    ("report", "partial"),
    ("partial", "read"),
    ("pricing", "config"),
    ("config", "pricing"),
    ("log", "profile"),
];

/// A file of `src`: its path below it, its part, and its production code.
struct File {
    path: String,
    part: String,
    code: String,
    /// Everything, tests too.
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn files_below(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<File> {
    let src = root().join("src");
    let file = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let path = path.strip_prefix(&src).unwrap().to_string_lossy().replace('\\', "/");
        let part = path.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
        let code = if path.ends_with("tests.rs") { String::new() } else { production(&text) };
        File { path, part, code, text }
    };
    files_below(&src, ".rs").into_iter().map(file).collect()
}

/// The code without its comments and without the tests, which stand at the end of a file.
fn production(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or("");
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    code.lines().filter(is_code).map(|line| line.to_owned() + "\n").collect()
}

/// The parts that a code names with `crate::`.
fn imports(code: &str) -> BTreeSet<String> {
    let word = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut names: BTreeSet<String> = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            // `use crate::{a, b::c};`
            Some(list) => names.extend(list.split(['}', ';']).next().unwrap_or("").split(',').map(|part| word(part.trim()))),
            None => {
                names.insert(word(rest));
            }
        }
    }
    names
}

/// Whether a code has a word, whole.
fn names(code: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let (before, after) = (code[..at].chars().next_back(), code[at + word.len()..].chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

fn floor(part: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == part).map(|(_, floor)| *floor)
}

#[test]
fn imports_go_down_only() {
    for file in sources().iter().filter(|file| !matches!(file.part.as_str(), "lib" | "main")) {
        let own = floor(&file.part).unwrap_or_else(|| panic!("{}: give this part a floor", file.path));
        for other in imports(&file.code) {
            let below = floor(&other).unwrap_or_else(|| panic!("{}: `{other}` has no floor", file.path));
            assert!(below <= own, "{} is on floor {own} and knows `{other}` on floor {below}", file.path);
            let apart = APART.contains(&(file.part.as_str(), other.as_str()));
            assert!(!apart, "{} knows `{other}`", file.path);
        }
    }
}

#[test]
fn the_tidy_test_sees_what_it_looks_for() {
    assert_eq!(
        imports("use crate::{exact, read::csv};\ncrate::log::Row").into_iter().collect::<Vec<_>>(),
        ["exact", "log", "read"]
    );
    assert!(names("let x: f64 = 0;", "f64") && !names("to_f64(x)", "f64"));
    assert!(production("/// f64\nfn a() {}\n#[cfg(test)]\nmod tests { f64 }").trim() == "fn a() {}");
    let parts: BTreeSet<String> = sources().into_iter().map(|file| file.part).collect();
    assert!(FLOORS.iter().all(|(part, _)| parts.contains(*part)), "a part is gone: {parts:?}");
}

#[test]
fn pricing_knows_no_file_and_no_wire_format() {
    for file in sources().iter().filter(|file| file.part == "pricing") {
        for word in ["serde", "serde_json", "csv", "toml", "rusqlite", "jiff", "io", "fs", "Profile", "LogEntry", "SystemTime"] {
            assert!(!names(&file.code, word), "{} names `{word}`", file.path);
        }
    }
}

#[test]
fn floats_stand_in_one_module() {
    for file in sources().iter().filter(|file| file.part != "float") {
        for word in ["f64", "f32"] {
            assert!(!names(&file.code, word), "{} names `{word}`", file.path);
        }
    }
}

#[test]
fn below_the_command_line_nothing_prints_exits_or_reads_the_environment() {
    for file in sources().iter().filter(|file| !matches!(file.part.as_str(), "cli" | "main")) {
        for word in ["println!", "eprintln!", "print!", "eprint!", "stdout", "stderr", "exit", "var_os", "args_os"] {
            assert!(!names(&file.code, word), "{} names `{word}`", file.path);
        }
        assert!(!file.code.contains("env::"), "{} reads the environment", file.path);
        assert!(!names(&file.code, "anyhow") && !names(&file.code, "clap"), "{} knows the command line", file.path);
    }
}

#[test]
fn every_file_says_what_it_is() {
    let mut without: Vec<String> = Vec::new();
    let root = root();
    for folder in ["src", "tests", "benches"] {
        for path in files_below(&root.join(folder), ".rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let is_main = path.ends_with("src/main.rs");
            let is_tests = path.ends_with("tests.rs");
            if !text.starts_with("//! ") && !is_main && !is_tests {
                without.push(path.display().to_string());
            }
        }
    }
    assert_eq!(without, Vec::<String>::new(), "files without a module doc");
}

#[test]
fn no_code_is_unsafe() {
    for file in sources() {
        assert!(!names(&production(&file.text), "unsafe"), "{}", file.path);
    }
}

/// All fixtures together stay small, so that a clone does.
#[test]
fn fixtures_stay_under_five_megabytes() {
    let bytes: u64 = files_below(&root().join("fixtures"), "").iter().map(|path| std::fs::metadata(path).unwrap().len()).sum();
    assert!(bytes > 100_000 && bytes < 5_000_000, "{bytes}");
}

/// The documents link only to what is there.
#[test]
fn links_in_documents_lead_somewhere() {
    let root = root();
    let mut documents = files_below(&root.join("docs"), ".md");
    documents.extend(["README.md", "CHANGELOG.md", "fixtures/README.md"].map(|name| root.join(name)));
    for document in documents {
        let text = std::fs::read_to_string(&document).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap_or("");
            let is_there = target.starts_with("http") || path.is_empty() || document.parent().unwrap().join(path).exists();
            assert!(is_there, "{}: {target}", document.display());
        }
    }
}
