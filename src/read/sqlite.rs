//! The table `logs` of a gateway's SQLite file, in the order of its row ids.
//!
//! The file is only ever read. Its rows are written down as a text of [`cells`](super::cells), a page at a time, so that memory stays
//! constant and they can be read as fast as other texts.

use std::io::{Error, Read, Result as IoResult, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::log::Field;
use crate::read::cells::{CellReader, write_end, write_text};
use crate::read::database;
use crate::read::error::OpenErrorKind;
use crate::read::vocabulary::Vocabulary;
use crate::read::window::Window;

const PAGE: usize = 256;

/// The rows as text.
struct Pages {
    database: Connection,
    query: String,
    columns: Vec<String>,
    last_id: Arc<AtomicI64>,
    /// The text of the last page, and how much of it was given.
    text: Vec<u8>,
    given: usize,
    /// What broke the rows off.
    failure: Option<rusqlite::Error>,
    is_over: bool,
}

/// Opens a database with a table `logs`, of so many bytes as it was given.
pub(super) fn open(path: &Path, size: u64, vocabulary: &Vocabulary) -> Result<CellReader, OpenErrorKind> {
    let database = database::open(path).map_err(unreadable)?;
    let names = columns(&database)?;
    if names.is_empty() {
        return Err(OpenErrorKind::NoTable { tables: tables(&database)? });
    }
    if !texts(&database, "SELECT name FROM sqlite_master WHERE type = 'view' AND lower(name) = 'logs'")?.is_empty() {
        return Err(OpenErrorKind::View);
    }
    vocabulary.check(&names)?;
    let (fields, columns): (Vec<Field>, Vec<String>) =
        vocabulary.columns(&names).into_iter().map(|(field, at)| (field, quoted(&names[at]))).unzip();
    let query = format!("SELECT rowid, {} FROM \"logs\" WHERE rowid > ?1 ORDER BY rowid LIMIT {PAGE}", columns.join(", "));
    database.prepare_cached(&query).map_err(unreadable)?;
    let max_id = database.query_row("SELECT max(rowid) FROM \"logs\"", [], |row| row.get::<_, Option<i64>>(0));
    let max_id = max_id.ok().flatten().unwrap_or(0);
    let last_id = Arc::new(AtomicI64::new(i64::MIN));
    let read = {
        let last_id = Arc::clone(&last_id);
        move || share(size, last_id.load(Ordering::Relaxed), max_id)
    };
    let pages = Pages { database, query, columns, last_id, text: Vec::new(), given: 0, failure: None, is_over: false };
    Ok(CellReader::new(Window::new(Box::new(pages)), fields, Box::new(read)))
}

/// The share of a file that the rows up to an id are of all rows.
fn share(size: u64, last_id: i64, max_id: i64) -> u64 {
    let (last, all) = (u128::try_from(last_id).unwrap_or(0), u128::try_from(max_id).unwrap_or(0));
    u64::try_from(u128::from(size) * last.min(all) / all.max(1)).unwrap_or(size)
}

impl Pages {
    /// Writes the next page down. Rows before a broken one are kept.
    fn read_page(&mut self) -> Result<usize, rusqlite::Error> {
        let mut statement = self.database.prepare_cached(&self.query)?;
        let mut rows = statement.query([self.last_id.load(Ordering::Relaxed)])?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            let start = self.text.len();
            let written = write_row(&mut self.text, row, id, &self.columns, &self.database);
            if written.is_err() {
                self.text.truncate(start);
            }
            written?;
            self.last_id.store(id, Ordering::Relaxed);
            count += 1;
        }
        Ok(count)
    }
}

impl Read for Pages {
    fn read(&mut self, buffer: &mut [u8]) -> IoResult<usize> {
        if self.given == self.text.len() && !self.is_over {
            self.text.clear();
            self.given = 0;
            let count = self.read_page();
            self.is_over = count.as_ref().map_or(true, |count| *count < PAGE);
            self.failure = count.err();
        }
        let count = (&self.text[self.given..]).read(buffer)?;
        self.given += count;
        match self.failure.take_if(|_| count == 0) {
            Some(error) => Err(Error::other(database::reason(&error))),
            None => Ok(count),
        }
    }
}

fn write_row(
    text: &mut Vec<u8>,
    row: &rusqlite::Row<'_>,
    id: i64,
    columns: &[String],
    database: &Connection,
) -> Result<(), rusqlite::Error> {
    // Nothing fails that is written to memory.
    let _ = write!(text, "{id}");
    for (at, column) in (1..).zip(columns) {
        match row.get_ref(at)? {
            ValueRef::Null => write_text(text, b""),
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => write_text(text, bytes),
            ValueRef::Integer(number) => {
                write_text(text, b"");
                let _ = write!(text, "{number}");
            }
            ValueRef::Real(_) => write_text(text, printed(database, column, id)?.as_bytes()),
        }
    }
    write_end(text);
    Ok(())
}

/// A number that is not whole, as SQLite itself prints it.
fn printed(database: &Connection, column: &str, id: i64) -> Result<String, rusqlite::Error> {
    let query = format!("SELECT CAST({column} AS TEXT) FROM \"logs\" WHERE rowid = ?1");
    database.prepare_cached(&query)?.query_row([id], |row| row.get(0))
}

/// A column's name in a query.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
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
    OpenErrorKind::Unreadable { reason: database::reason(&error) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Place, Row};
    use crate::read::Next;
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
    fn values_are_those_that_sqlite_prints() {
        let (_folder, path) = database(
            "x.db",
            "CREATE TABLE logs (id integer primary key, model_name, quota, prompt_tokens integer, content text);
             INSERT INTO logs VALUES (7, x'6d', 1e300, 1.5, 'a' || char(31) || char(16) || char(30) || char(10) || 'b');",
        );
        let mut input = open_path(&path, &OpenOptions::default()).unwrap();
        let mut row = Row::default();
        assert_eq!(input.rows.next(&mut row), Next::Row);
        let fields = [Field::Model, Field::Quota, Field::PromptTokens, Field::Content];
        assert_eq!(fields.map(|field| row.get(field)), ["m", "1.0e+300", "1.5", "a\u{1f}\u{10}\u{1e}\nb"]);
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
    fn a_view_is_no_log() {
        let (_folder, path) = database("x.db", "CREATE TABLE kept (model_name, quota); CREATE VIEW logs AS SELECT * FROM kept;");
        let error = open_path(&path, &OpenOptions::default()).unwrap_err();
        assert_eq!(error.kind, OpenErrorKind::View);
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
