//! A gateway's SQLite file: its `options`, `users` and `channels`.

use std::ffi::OsString;
use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use super::answers::{self, UserRow};
use super::channels::{self, ChannelRow};
use super::node::{Key, Node, Value};
use super::reader::{Author, Reader};
use super::{Loaded, finish, options};
use crate::config::issue::{Code, Issue};

/// What every SQLite file begins with.
pub const MAGIC: &[u8] = b"SQLite format 3\0";

/// Opens a file for reading only. Without a write-ahead log beside it the file is taken as immutable, so that no lock is
/// made and a read-only folder is enough.
pub fn open(path: &Path) -> rusqlite::Result<Connection> {
    let mut log = OsString::from(path);
    log.push("-wal");
    let mode = if Path::new(&log).exists() { "mode=ro" } else { "immutable=1" };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(format!("file:{}?{mode}", escape(path)), flags)
}

/// A path inside a URI.
fn escape(path: &Path) -> String {
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

/// What a database says, table by table; a table that it lacks is empty.
struct Tables {
    options: Vec<(String, String)>,
    users: Vec<UserRow>,
    channels: Vec<ChannelRow>,
}

/// Reads what a database says of prices.
pub fn read(name: &str, sha256: String, database: &Connection) -> Result<Loaded, Vec<Issue>> {
    let mut reader = Reader::new(name, "");
    reader.author = Author::Gateway;
    match tables(database) {
        Err(error) => {
            let message = format!("the database cannot be read: {error}");
            reader.error(Code::NotAConfig, &(0..0), message, "copy the file again, with its -wal file");
        }
        Ok(Err(found)) => {
            let message = format!("no gateway's database: it has no `options` and no `users`, but {}", crate::log::shorten(&found));
            reader.error(Code::NotAConfig, &(0..0), message, "give the gateway's own file, such as one-api.db");
        }
        Ok(Ok(tables)) => {
            read_options(&mut reader, &tables.options);
            tables.users.iter().for_each(|user| answers::user(&mut reader, user));
            channels::add(&mut reader, &tables.channels);
            return finish(reader, "sqlite", sha256);
        }
    }
    finish(reader, "sqlite", sha256)
}

/// The tables that say something of prices, or the names of the others where there are none.
fn tables(database: &Connection) -> rusqlite::Result<Result<Tables, String>> {
    let names = rows(database, "SELECT name, type FROM sqlite_master WHERE type = 'table'")?;
    let has = |table: &str| names.iter().any(|(name, _)| name == table);
    if !["options", "users", "channels"].into_iter().any(has) {
        return Ok(Err(names.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")));
    }
    Ok(Ok(Tables {
        options: if has("options") { rows(database, "SELECT key, value FROM options")? } else { Vec::new() },
        users: if has("users") { user_rows(database)? } else { Vec::new() },
        channels: if has("channels") { channel_rows(database)? } else { Vec::new() },
    }))
}

fn read_options<'a>(reader: &mut Reader<'a>, options: &'a [(String, String)]) {
    let value = |text: &str| Node { span: 0..text.len(), value: Value::Text(text.to_owned()) };
    let mut table = options.iter().map(|(key, text)| (Key { name: key.clone(), span: 0..text.len() }, value(text))).collect();
    options::drop_twins(reader, &mut table);
    for (key, text) in options.iter().filter(|(key, _)| table.iter().any(|(kept, _)| kept.name == *key)) {
        reader.enter(format!("option `{key}`"), text);
        options::read_text(reader, key, text);
    }
    options::settle_expressions(reader, false);
}

fn user_rows(database: &Connection) -> rusqlite::Result<Vec<UserRow>> {
    let rows = columns_of(database, "users", ["id", "username", "group", "setting"])?;
    Ok(rows.into_iter().map(|[id, name, group, setting]| UserRow { id, name, group, setting }).collect())
}

fn channel_rows(database: &Connection) -> rusqlite::Result<Vec<ChannelRow>> {
    let rows = columns_of(database, "channels", channels::COLUMNS)?;
    Ok(rows.into_iter().map(ChannelRow::of).collect())
}

/// The texts of some columns of a table; one that the table lacks is empty.
fn columns_of<const N: usize>(database: &Connection, table: &str, columns: [&str; N]) -> rusqlite::Result<Vec<[String; N]>> {
    let statement = database.prepare(&format!("SELECT * FROM {table} LIMIT 0"))?;
    let there: Vec<&str> = statement.column_names().collect();
    let select = columns.map(|name| if there.contains(&name) { format!("\"{name}\"") } else { "''".to_owned() });
    let mut statement = database.prepare(&format!("SELECT {} FROM {table}", select.join(", ")))?;
    let rows = statement.query_map([], |row| {
        let mut texts = [const { String::new() }; N];
        for (at, slot) in texts.iter_mut().enumerate() {
            *slot = text(row.get_ref(at)?);
        }
        Ok(texts)
    })?;
    rows.collect()
}

fn rows(database: &Connection, query: &str) -> rusqlite::Result<Vec<(String, String)>> {
    let mut statement = database.prepare(query)?;
    let rows = statement.query_map([], |row| Ok((text(row.get_ref(0)?), text(row.get_ref(1)?))))?;
    rows.collect()
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(whole) => whole.to_string(),
        ValueRef::Real(real) => real.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Found, MapName};

    fn database(statements: &str) -> Connection {
        let database = Connection::open_in_memory().unwrap();
        database.execute_batch(statements).unwrap();
        database
    }

    #[test]
    fn options_and_users_are_read() {
        let database = database(
            r#"CREATE TABLE options (key text, value text); CREATE TABLE users (id integer, username text, "group" text, setting text);
               INSERT INTO options VALUES ('ModelRatio', '{"r-neg": -0.25, "r-0715": 7.15e-2}'), ('QuotaPerUnit', '1000000'), ('SMTPPort', '587');
               INSERT INTO users VALUES (7, 'erin', 'vip', '{"accept_unset_model_ratio_model":true}');"#,
        );
        let loaded = read("one-api.db", "00".to_owned(), &database).unwrap();
        let found = |name| match loaded.config.map(MapName::ModelRatio).get(name) {
            Found::Number(number) => number.ratio.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!((found("r-0715").as_str(), found("r-neg").as_str()), ("0.0715", "-0.25"));
        assert_eq!(loaded.config.quota_per_unit.unwrap().ratio.to_string(), "1000000");
        for key in ["erin", "7"] {
            assert_eq!((loaded.config.users[key].group.as_str(), loaded.config.users[key].accepts_unset), ("vip", true));
        }
        let issues: Vec<String> = loaded.issues.iter().map(ToString::to_string).collect();
        assert_eq!(issues, ["one-api.db (option `ModelRatio`):1:11: warning: `r-neg`: negative ratio `-0.25`"]);
    }

    #[test]
    fn channels_are_read_with_the_columns_that_they_have() {
        let database = database(
            r#"CREATE TABLE channels (id integer, type integer, name text, "group" text, model_mapping text);
               INSERT INTO channels VALUES (3, 33, 'one', 'default,vip', NULL);"#,
        );
        let config = read("one-api.db", String::new(), &database).unwrap().config;
        assert_eq!((config.channels["3"].kind, config.channels["3"].groups.len(), config.channels.len()), (33, 2, 1));
    }

    #[test]
    fn a_broken_option_says_which_one_it_is() {
        let database =
            database("CREATE TABLE options (key text, value text); INSERT INTO options VALUES ('GroupRatio', '{\"vip\": 0.8,}');");
        let issues = read("x.db", String::new(), &database).unwrap_err();
        assert_eq!(issues[0].part.as_deref(), Some("option `GroupRatio`"));
        assert_eq!((issues[0].code, issues[0].column), (Code::Syntax, 13));
    }

    #[test]
    fn a_database_of_something_else_is_no_config() {
        let issues = read("x.db", String::new(), &database("CREATE TABLE songs (title text)")).unwrap_err();
        assert_eq!(issues[0].code, Code::NotAConfig);
        assert!(issues[0].message.ends_with("but songs"), "{}", issues[0].message);
    }
}
