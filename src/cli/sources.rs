//! Which files are the config: `--config`, else `QUOTA_CONFIG`, else `quota.toml` or `quota.json` here, else what is built in.
//!
//! Parent folders are never searched: a bill must not depend on where one stands.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::config::issue::{Code, Issue};
use crate::read::config::{self, Loaded};
use crate::read::database;

/// The files of the current folder that are taken without being named.
const HERE: [&str; 2] = ["quota.toml", "quota.json"];

/// What was chosen, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// `--config`; later files lie over earlier ones.
    Flags(Vec<PathBuf>),
    /// `QUOTA_CONFIG`.
    Variable(PathBuf),
    /// A file of the current folder.
    Here(PathBuf),
    BuiltIn,
}

impl Choice {
    /// The files, in the order in which they lie over one another.
    pub fn paths(&self) -> &[PathBuf] {
        match self {
            Choice::Flags(paths) => paths,
            Choice::Variable(path) | Choice::Here(path) => std::slice::from_ref(path),
            Choice::BuiltIn => &[],
        }
    }

    /// The line for standard error that says which file is used without having been named.
    pub fn note(&self) -> Option<String> {
        match self {
            Choice::Here(path) => Some(format!("note: config `{}` of this folder is used", path.display())),
            _ => None,
        }
    }
}

/// Chooses the config. `exists` says whether a file of the current folder is there.
pub fn choose(flags: &[PathBuf], variable: Option<OsString>, exists: impl Fn(&Path) -> bool) -> Choice {
    if !flags.is_empty() {
        return Choice::Flags(flags.to_vec());
    }
    if let Some(path) = variable.filter(|path| !path.is_empty()) {
        return Choice::Variable(PathBuf::from(path));
    }
    match HERE.iter().map(Path::new).find(|path| exists(path)) {
        Some(path) => Choice::Here(path.to_owned()),
        None => Choice::BuiltIn,
    }
}

/// Why no config could be loaded.
#[derive(Debug)]
pub enum LoadError {
    /// The file cannot be opened or read.
    Open { path: PathBuf, error: io::Error },
    /// What it says is wrong: errors, and warnings beside them.
    Issues(Vec<Issue>),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Open { path, error } => write!(f, "cannot open config `{}`: {error}", path.display()),
            LoadError::Issues(issues) => {
                let errors = issues.iter().filter(|issue| issue.is_error());
                f.write_str(&errors.map(ToString::to_string).collect::<Vec<_>>().join("\n"))
            }
        }
    }
}

impl std::error::Error for LoadError {}

/// Loads one file: a database as such, anything else as text.
pub fn load_one(path: &Path) -> Result<Loaded, LoadError> {
    load_named(path, &path.to_string_lossy())
}

/// Loads a file that reports know by another name.
fn load_named(path: &Path, name: &str) -> Result<Loaded, LoadError> {
    let open = |error| LoadError::Open { path: PathBuf::from(name), error };
    let mut file = File::open(path).map_err(open)?;
    let mut bytes = Vec::new();
    file.by_ref().take(database::MAGIC.len() as u64).read_to_end(&mut bytes).map_err(open)?;
    if config::is_database(&bytes) {
        let hash = hash_of(&bytes, &mut file).map_err(open)?;
        let opened = database::open(path).map_err(|error| open(io::Error::other(database::reason(&error))))?;
        return config::sqlite::read(name, hash, &opened).map_err(LoadError::Issues);
    }
    file.read_to_end(&mut bytes).map_err(open)?;
    config::read(name, &bytes).map_err(LoadError::Issues)
}

/// What a database with a log says of prices itself; none where it is no gateway's. Reports know it by the name of the log.
pub fn load_own(database: &Path, name: &str) -> Result<Option<Loaded>, LoadError> {
    match load_named(database, name) {
        Err(LoadError::Issues(issues)) if issues.iter().any(|issue| issue.code == Code::NotAConfig) => Ok(None),
        loaded => loaded.map(Some),
    }
}

/// The hash of a file that may be larger than memory.
pub(super) fn hash_of(head: &[u8], rest: &mut File) -> io::Result<String> {
    let mut hasher = Sha256::new_with_prefix(head);
    io::copy(rest, &mut hasher)?;
    Ok(hex(hasher))
}

/// A hash as lower-case hex.
pub(super) fn hex(hasher: Sha256) -> String {
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Loads files that lie over one another, later ones above. The first that cannot be used ends it.
pub fn load<P: AsRef<Path>>(paths: &[P]) -> Result<Loaded, LoadError> {
    let mut all = Loaded { config: Config::default(), issues: Vec::new() };
    for path in paths {
        let loaded = load_one(path.as_ref())?;
        all.config.overlay(loaded.config);
        all.issues.extend(loaded.issues);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Found, MapName};

    #[track_caller]
    fn check(flags: &[&str], variable: Option<&str>, here: &[&str], expected: Choice) {
        let flags: Vec<PathBuf> = flags.iter().map(PathBuf::from).collect();
        let choice = choose(&flags, variable.map(OsString::from), |path| here.iter().any(|name| path == Path::new(name)));
        assert_eq!(choice, expected);
    }

    #[test]
    fn flags_win_over_the_variable_over_the_folder() {
        let here = ["quota.json", "quota.toml"];
        check(&["a", "b"], Some("c"), &here, Choice::Flags(vec!["a".into(), "b".into()]));
        check(&[], Some("c"), &here, Choice::Variable("c".into()));
        check(&[], Some(""), &here, Choice::Here("quota.toml".into()));
        check(&[], None, &["quota.json"], Choice::Here("quota.json".into()));
        check(&[], None, &[], Choice::BuiltIn);
    }

    #[test]
    fn only_a_file_that_nobody_named_is_noted() {
        assert_eq!(Choice::Here("quota.toml".into()).note().unwrap(), "note: config `quota.toml` of this folder is used");
        assert_eq!(Choice::Variable("quota.toml".into()).note(), None);
    }

    #[test]
    fn later_files_lie_over_earlier_ones() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("a.json"), folder.path().join("b.toml"));
        std::fs::write(&first, r#"{"default": 1, "vip": 0.9}"#).unwrap();
        std::fs::write(&second, "[group_ratio]\nvip = 0.8").unwrap();
        let config = load(&[&first, &second]).unwrap().config;
        let found = |name| match config.map(MapName::GroupRatio).get(name) {
            Found::Number(number) => (number.ratio.to_string(), number.origin.source, number.origin.line),
            other => panic!("{other:?}"),
        };
        assert_eq!(found("default"), ("1".to_owned(), 0, 1));
        assert_eq!(found("vip"), ("0.8".to_owned(), 1, 2));
        assert!(config.sources.iter().all(|source| source.sha256.len() == 64));
    }

    #[test]
    fn a_database_is_read_as_one_with_and_without_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one api%20?#.db");
        let database = rusqlite::Connection::open(&path).unwrap();
        database
            .execute_batch("CREATE TABLE options (key text, value text); INSERT INTO options VALUES ('QuotaPerUnit', '7')")
            .unwrap();
        let unit = || load_one(&path).unwrap().config.quota_per_unit.unwrap().ratio.to_string();
        assert_eq!(unit(), "7");
        database.execute_batch("PRAGMA journal_mode = WAL; UPDATE options SET value = '8'").unwrap();
        assert_eq!(unit(), "8");
    }

    #[test]
    fn a_file_that_is_not_there_is_no_issue_of_its_text() {
        assert!(matches!(load_one(Path::new("no/such/file")), Err(LoadError::Open { .. })));
    }
}
