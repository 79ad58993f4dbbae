//! The table `logs` of a gateway's SQLite file, in the order of its row ids.
//!
//! The file is only ever read. Rows come a page at a time, so that memory stays constant.

use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use crate::log::{Field, Fields, Place, Row, RowError};
use crate::read::error::OpenErrorKind;
use crate::read::vocabulary::Vocabulary;
use crate::read::{Next, ReadRows, malformed, not_utf8};

const PAGE: usize = 256;

pub struct SqliteReader {
    database: Connection,
    query: String,
    cells: Vec<Field>,
    page: Vec<(Row, Option<RowError>)>,
    given: usize,
    filled: usize,
    last_id: i64,
    max_id: i64,
    size: u64,
    failure: Option<String>,
    done: bool,
}

impl SqliteReader {
    pub fn open(path: &Path, vocabulary: &Vocabulary) -> Result<SqliteReader, OpenErrorKind> {
        let database = connect(path)?;
        let names = columns(&database)?;
        if names.is_empty() {
            return Err(OpenErrorKind::NoTable { tables: tables(&database)? });
        }
        vocabulary.check(&names)?;
        let (cells, picked): (Vec<Field>, Vec<String>) =
            vocabulary.columns(&names).into_iter().map(|(field, at)| (field, cast(&names[at]))).unzip();
        let query = format!("SELECT rowid, {} FROM \"logs\" WHERE rowid > ?1 ORDER BY rowid LIMIT {PAGE}", picked.join(", "));
        database.prepare_cached(&query).map_err(unreadable)?;
        let max_id = database.query_row("SELECT max(rowid) FROM \"logs\"", [], |row| row.get::<_, Option<i64>>(0));
        Ok(SqliteReader {
            database,
            query,
            cells,
            page: Vec::new(),
            given: 0,
            filled: 0,
            last_id: i64::MIN,
            max_id: max_id.ok().flatten().unwrap_or(0),
            size: std::fs::metadata(path).map_or(0, |data| data.len()),
            failure: None,
            done: false,
        })
    }

    /// Reads the next page. Rows before a broken one are kept.
    fn read_page(&mut self) -> Result<(), rusqlite::Error> {
        (self.given, self.filled) = (0, 0);
        let mut statement = self.database.prepare_cached(&self.query)?;
        let mut rows = statement.query([self.last_id])?;
        while let Some(source) = rows.next()? {
            if self.filled == self.page.len() {
                self.page.push(Default::default());
            }
            let (row, error) = &mut self.page[self.filled];
            self.last_id = source.get(0)?;
            row.clear(Place { input: 0, line: u64::try_from(self.last_id).unwrap_or(0) });
            *error = fill(row, source, &self.cells).err();
            self.filled += 1;
        }
        Ok(())
    }

    fn advance(&mut self) {
        if let Err(error) = self.read_page() {
            self.failure = Some(error.to_string());
        }
        self.done = self.failure.is_some() || self.filled < PAGE;
    }
}

impl ReadRows for SqliteReader {
    fn next(&mut self, row: &mut Row) -> Next {
        if self.given == self.filled && !self.done {
            self.advance();
        }
        if self.given == self.filled {
            let line = u64::try_from(self.last_id.saturating_add(1)).unwrap_or(0);
            let reason = self.failure.take();
            return reason.map_or(Next::End, |reason| malformed(row, line, RowError::new("input", &reason, "readable data")));
        }
        let (read, error) = &mut self.page[self.given];
        self.given += 1;
        read.place.input = row.place.input;
        read.columns = self.cells.iter().copied().collect::<Fields>();
        std::mem::swap(row, read);
        error.take().map_or(Next::Row, Next::Malformed)
    }

    /// The share of the file that the rows read so far are of all rows.
    fn bytes(&self) -> u64 {
        let (last, all) = (u128::try_from(self.last_id).unwrap_or(0), u128::try_from(self.max_id).unwrap_or(0));
        let share = u128::from(self.size) * last.min(all) / all.max(1);
        u64::try_from(share).unwrap_or(self.size)
    }
}

fn fill(row: &mut Row, source: &rusqlite::Row<'_>, cells: &[Field]) -> Result<(), RowError> {
    for (field, at) in cells.iter().zip(1..) {
        let value = source.get_ref(at).map_err(|error| RowError::new(field.word(), &error.to_string(), "a readable value"))?;
        if let ValueRef::Text(bytes) | ValueRef::Blob(bytes) = value {
            row.set(*field, std::str::from_utf8(bytes).map_err(|_| not_utf8(field.word(), bytes))?);
        }
    }
    Ok(())
}

/// A column as text: SQLite itself prints its numbers.
fn cast(name: &str) -> String {
    format!("CAST(\"{}\" AS TEXT)", name.replace('"', "\"\""))
}

/// Opens a file for reading. One that nobody writes is opened as unchangeable, so that its folder may be read-only too.
fn connect(path: &Path) -> Result<Connection, OpenErrorKind> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let live = std::fs::metadata(&log).is_ok_and(|data| data.len() > 0);
    let uri = format!("file:{}?{}", encoded(path), if live { "mode=ro" } else { "immutable=1" });
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(uri, flags).map_err(unreadable)
}

/// A path inside of a URI. Only what ends the path or begins an escape there is written as one.
fn encoded(path: &Path) -> String {
    path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23")
}

fn columns(database: &Connection) -> Result<Vec<String>, OpenErrorKind> {
    texts(database, "SELECT name FROM pragma_table_info('logs')")
}

fn tables(database: &Connection) -> Result<Vec<String>, OpenErrorKind> {
    texts(database, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
}

fn texts(database: &Connection, query: &str) -> Result<Vec<String>, OpenErrorKind> {
    let mut statement = database.prepare(query).map_err(unreadable)?;
    let texts = statement.query_map([], |row| row.get(0)).and_then(Iterator::collect);
    texts.map_err(unreadable)
}

fn unreadable(error: rusqlite::Error) -> OpenErrorKind {
    OpenErrorKind::Unreadable { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::input::{OpenOptions, open_path};

    fn database(name: &str, script: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        Connection::open(&path).unwrap().execute_batch(script).unwrap();
        (folder, path)
    }

    #[test]
    fn rows_come_by_row_id() {
        let (_folder, path) = database(
            "a?b#c%41.db",
            "CREATE TABLE logs (id integer primary key, model_name text, quota integer, \"group\" text, x blob);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 700)
             INSERT INTO logs SELECT i * 2, 'm' || i, i * 1000000000000, NULL, x'ff' FROM n;
             UPDATE logs SET model_name = CAST(x'ff' AS TEXT) WHERE id = 6;",
        );
        let mut input = open_path(&path, &OpenOptions::default()).unwrap();
        assert_eq!(input.format, "sqlite");
        let mut row = Row::default();
        row.place.input = 3;
        for at in 1..=700_u64 {
            let next = input.rows.next(&mut row);
            assert_eq!(row.place, Place { input: 3, line: at * 2 });
            if at == 3 {
                assert!(matches!(next, Next::Malformed(_)));
                continue;
            }
            assert_eq!(next, Next::Row);
            assert_eq!(row.get(Field::Model), format!("m{at}"));
            assert_eq!(row.get(Field::Quota), format!("{at}000000000000"));
            assert!(row.columns.contains(Field::Group) && row.get(Field::Group).is_empty());
        }
        assert_eq!(input.rows.next(&mut row), Next::End);
        assert_eq!(input.rows.bytes(), std::fs::metadata(&path).unwrap().len());
    }

    #[test]
    fn rows_that_lie_in_a_write_ahead_log_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("live.db");
        let writer = Connection::open(&path).unwrap();
        let script = "PRAGMA journal_mode = wal; CREATE TABLE logs (id integer primary key, model_name, quota);
             INSERT INTO logs VALUES (1, 'm', 2);";
        writer.execute_batch(script).unwrap();
        let mut input = open_path(&path, &OpenOptions::default()).unwrap();
        assert_eq!(input.rows.next(&mut Row::default()), Next::Row);
    }

    #[test]
    fn a_database_without_logs_names_its_tables() {
        let (_folder, path) = database("x.db", "CREATE TABLE users (id); CREATE TABLE options (key, value);");
        let error = open_path(&path, &OpenOptions::default()).unwrap_err();
        assert!(error.to_string().ends_with("x.db: expected a table `logs`, found `options`, `users`"), "{error}");
    }

    #[test]
    fn a_corrupt_page_ends_the_rows() {
        let (_folder, path) = database(
            "x.db",
            "CREATE TABLE logs (id integer primary key, model_name text, quota integer, content text);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
             INSERT INTO logs SELECT i, 'm', i, 'some words to fill the page with' FROM n;",
        );
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 4096 / 2 * 4096;
        bytes[middle..middle + 4096].fill(0xAA);
        std::fs::write(&path, &bytes).unwrap();
        let mut input = open_path(&path, &OpenOptions::default()).unwrap();
        let mut row = Row::default();
        let mut read = 0;
        let error = loop {
            match input.rows.next(&mut row) {
                Next::Row => read += 1,
                Next::Malformed(error) => break error,
                Next::End => panic!("the corrupt page was read"),
            }
        };
        assert!(read > 500 && error.to_string().contains("malformed"), "{read} {error}");
        assert_eq!(input.rows.next(&mut row), Next::End);
    }
}
