//! Opens SQLite files so that what is read is what was committed, and nothing beside the file is made or changed.
//!
//! SQLite keeps the peace: it waits for a program that writes, and refuses a file whose journal holds a transaction that was broken off. Two
//! kinds of files are opened in another way, since SQLite would make a `-shm` file for them, and could not read them in a folder that is
//! read-only. Nobody has these open, or there would be such a file already:
//!
//! - a file in WAL mode without a `-wal` is all that there is: it is opened as unchangeable;
//! - a `-wal` without a `-shm` is a copy, or was left by a crash: its index is held in memory, which takes a connection that shares nothing.
//!
//! SQLite reads files alone: what comes compressed or as a stream is put into a temporary one first.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, Error, ErrorCode, OpenFlags, Result, ffi};
use tempfile::{NamedTempFile, TempPath};

/// What every SQLite file begins with.
pub const MAGIC: &[u8] = b"SQLite format 3\0";

/// Where a database lies.
#[derive(Debug)]
pub enum Place {
    Named(PathBuf),
    /// A file that is gone when this is dropped.
    Temporary(TempPath),
}

impl Place {
    /// Puts a database that is no file of its own into one.
    pub fn of_stream(source: &mut dyn Read) -> io::Result<Place> {
        let mut file = NamedTempFile::with_prefix("quota-")?;
        io::copy(source, &mut file)?;
        Ok(Place::Temporary(file.into_temp_path()))
    }

    pub fn path(&self) -> &Path {
        match self {
            Place::Named(path) => path,
            Place::Temporary(path) => path,
        }
    }
}

/// Opens a file for reading. Where a writer or a journal is in the way, this says so, not the first query.
pub fn open(path: &Path) -> Result<Connection> {
    // The files beside a database have its own name, not that of a link to it.
    let place = if cfg!(windows) { path.to_owned() } else { std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()) };
    let way = Way::of(&place);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(format!("file:{}?{}", escaped(&place), way.parameters()), flags)?;
    if way == Way::Alone {
        // Without this, closing would try to move the log into the file.
        database.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        database.query_row("PRAGMA locking_mode = exclusive", [], |_| Ok(()))?;
    }
    match database.query_row("PRAGMA schema_version", [], |_| Ok(())) {
        Err(error) if obstacle(&error).is_some() => Err(error),
        _ => Ok(database),
    }
}

/// Why a database cannot be read, and what to do where that is known.
pub fn reason(error: &Error) -> String {
    obstacle(error).map_or_else(|| error.to_string(), str::to_owned)
}

fn obstacle(error: &Error) -> Option<&'static str> {
    let error = error.sqlite_error()?;
    match (error.code, error.extended_code) {
        (ErrorCode::DatabaseBusy, _) => Some("a program that writes to it has locked it; try again when that is done"),
        (_, ffi::SQLITE_READONLY_ROLLBACK) => Some(
            "the `-journal` beside it holds a transaction that was broken off; take it back with `sqlite3 FILE 'SELECT 1 FROM sqlite_master'`, \
             on a copy of both files if these must stay as they are",
        ),
        _ => None,
    }
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// With the locks of SQLite.
    Shared,
    Unchangeable,
    /// Without locks, the index of the write-ahead log in memory.
    Alone,
}

impl Way {
    fn of(path: &Path) -> Way {
        let has = |ending: &str| beside(path, ending).exists();
        match has("-wal") {
            true if cfg!(unix) && !has("-shm") => Way::Alone,
            false if is_in_wal_mode(path) => Way::Unchangeable,
            _ => Way::Shared,
        }
    }

    fn parameters(self) -> &'static str {
        match self {
            Way::Shared => "mode=ro",
            Way::Unchangeable => "immutable=1",
            Way::Alone => "mode=ro&vfs=unix-none",
        }
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    PathBuf::from(name)
}

/// Whether changes go into a write-ahead log: so says the version that a program needs to read the file.
fn is_in_wal_mode(path: &Path) -> bool {
    const READ_VERSION: usize = 19;
    let mut head = [0; READ_VERSION + 1];
    File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok_and(|()| head[READ_VERSION] == 2)
}

/// A path inside of a URI.
fn escaped(path: &Path) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_' | b':' | b'~');
    let mut text = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match *byte {
            b'\\' if cfg!(windows) => text.push('/'),
            byte if plain(byte) => text.push(char::from(byte)),
            byte => text.push_str(&format!("%{byte:02x}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A database with one committed row, and the connection that made it.
    fn database(folder: &Path, journal: &str) -> (PathBuf, Connection) {
        let path = folder.join("one api%20?#.db");
        let database = Connection::open(&path).unwrap();
        let script = format!("PRAGMA journal_mode = {journal}; CREATE TABLE logs (quota); INSERT INTO logs VALUES (1)");
        database.execute_batch(&script).unwrap();
        (path, database)
    }

    fn rows(path: &Path) -> Result<i64> {
        open(path)?.query_row("SELECT count(*) FROM logs", [], |row| row.get(0))
    }

    fn files(folder: &Path) -> Vec<(OsString, Vec<u8>)> {
        let file = |entry: io::Result<fs::DirEntry>| entry.map(|e| (e.file_name(), fs::read(e.path()).unwrap())).unwrap();
        let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(file).collect();
        files.sort();
        files
    }

    #[cfg(unix)]
    #[test]
    fn a_link_leads_to_the_log_beside_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let link = elsewhere.path().join("link.db");
        let (path, _writer) = database(folder.path(), "wal");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert_eq!((rows(&path), rows(&link)), (Ok(1), Ok(1)));
    }

    #[test]
    fn a_copy_with_its_log_is_read_whole_and_stays_as_it_is() {
        let (folder, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (path, _writer) = database(folder.path(), "wal");
        for ending in ["", "-wal"] {
            fs::copy(beside(&path, ending), beside(&copy.path().join("x.db"), ending)).unwrap();
        }
        let before = files(copy.path());
        assert_eq!(rows(&copy.path().join("x.db")), Ok(1));
        assert!(before == files(copy.path()) || cfg!(not(unix)));
    }

    #[test]
    fn a_file_in_wal_mode_that_was_closed_stays_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (path, writer) = database(folder.path(), "wal");
        drop(writer);
        assert_eq!((rows(&path), files(folder.path()).len()), (Ok(1), 1));
    }

    /// A transaction that is so large that a part of it stands in the file already.
    fn half_written(writer: &Connection) {
        let script = "PRAGMA cache_size = 5; BEGIN;
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO logs SELECT hex(zeroblob(99)) FROM n;";
        writer.execute_batch(script).unwrap();
    }

    #[test]
    fn what_is_not_committed_is_not_read() {
        let (folder, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (path, writer) = database(folder.path(), "delete");
        half_written(&writer);
        let crashed = copy.path().join("x.db");
        for ending in ["", "-journal"] {
            fs::copy(beside(&path, ending), beside(&crashed, ending)).unwrap();
        }
        assert!(reason(&open(&path).unwrap_err()).contains("has locked it"));
        assert!(reason(&open(&crashed).unwrap_err()).contains("broken off"));
        writer.execute_batch("ROLLBACK").unwrap();
        assert_eq!(rows(&path), Ok(1));
        Connection::open(&crashed).unwrap().execute_batch("SELECT 1 FROM sqlite_schema").unwrap();
        assert_eq!(rows(&crashed), Ok(1));
    }
}
