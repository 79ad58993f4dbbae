//! A gateway's SQLite file: `options`, `users`, `channels`, one-hub's `prices` and `user_groups`, and what jobs were charged.

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::answers::{self, UserRow};
use super::channels::{self, ChannelRow};
use super::node::{Key, Node, Value};
use super::one_hub::{self, Packed};
use super::reader::{Author, Reader};
use super::{Loaded, finish, options};
use crate::config::MapName;
use crate::config::issue::{Code, Issue};
use crate::read::database;

/// The format of a file that says prices; one with users or channels alone is [`USERS`].
pub const PRICES: &str = "sqlite";
const USERS: &str = "users";

/// Reads what a database says of prices.
pub fn read(name: &str, sha256: String, source: &Connection) -> Result<Loaded, Vec<Issue>> {
    let found = Rows::of(source);
    let mut reader = Reader::new(name, "");
    reader.author = Author::Gateway;
    match &found {
        Err(error) => {
            let message = format!("the database cannot be read: {}", database::reason(error));
            reader.error(Code::Syntax, &(0..0), message, "copy the file again, with its -wal file");
        }
        Ok(rows) if !rows.of_gateway => {
            let found = rows.tables.join(", ");
            let message = format!("no gateway's database: it has no `options` and no `users`, but {}", crate::log::shorten(&found));
            reader.error(Code::NotAConfig, &(0..0), message, "give the gateway's own file, such as one-api.db");
        }
        Ok(rows) => read_rows(&mut reader, rows),
    }
    let has_prices = found.as_ref().is_ok_and(|rows| rows.has_prices);
    finish(reader, if has_prices { PRICES } else { USERS }, sha256)
}

/// The rows of a gateway's tables, as text. A table or column that is not there is empty.
#[derive(Debug)]
struct Rows {
    tables: Vec<String>,
    of_gateway: bool,
    has_prices: bool,
    options: Vec<(String, String)>,
    users: Vec<UserRow>,
    channels: Vec<ChannelRow>,
    prices: Vec<Packed>,
    groups: Vec<Packed>,
    /// Id and quota of tasks and Midjourney jobs.
    jobs: Vec<[String; 2]>,
}

impl Rows {
    fn of(database: &Connection) -> rusqlite::Result<Rows> {
        let tables: Vec<String> = rows(database, "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")?
            .into_iter()
            .map(|[name]| name)
            .collect();
        let has = |table: &str| tables.iter().any(|name| name == table);
        let has_prices = has("options") || (has("prices") && has("user_groups"));
        let of_gateway = has_prices || has("users") || has("channels");
        let users = cells(database, &tables, "users", ["id", "username", "group", "setting"])?;
        let channels = cells(database, &tables, "channels", channels::COLUMNS)?;
        let prices = cells(database, &tables, "prices", ["model", "type", "channel_type", "input", "output", "extra_ratios"])?;
        let groups = cells(database, &tables, "user_groups", ["symbol", "ratio"])?;
        let mut jobs = cells(database, &tables, "tasks", ["task_id", "quota"])?;
        jobs.append(&mut cells(database, &tables, "midjourneys", ["mj_id", "quota"])?);
        Ok(Rows {
            options: cells(database, &tables, "options", ["key", "value"])?.into_iter().map(Into::into).collect(),
            users: users.into_iter().map(|[id, name, group, setting]| UserRow { id, name, group, setting }).collect(),
            channels: channels.into_iter().map(ChannelRow::of).collect(),
            prices: prices
                .iter()
                .map(|[model, kind, channel, input, output, extra]| Packed::price(model, kind, [channel, input, output], extra))
                .collect(),
            groups: groups.iter().map(|[symbol, ratio]| Packed::group(symbol, ratio)).collect(),
            tables,
            of_gateway,
            has_prices,
            jobs,
        })
    }
}

fn read_rows<'a>(reader: &mut Reader<'a>, rows: &'a Rows) {
    let value = |text: &str| Node { span: 0..text.len(), value: Value::Text(text.to_owned()) };
    let options = &rows.options;
    let mut table = options.iter().map(|(key, text)| (Key { name: key.clone(), span: 0..text.len() }, value(text))).collect();
    options::drop_twins(reader, &mut table);
    for (key, text) in options.iter().filter(|(key, _)| table.iter().any(|(kept, _)| kept.name == *key)) {
        reader.enter(format!("option `{key}`"), text);
        options::read_text(reader, key, text);
    }
    options::settle_expressions(reader, false);
    rows.users.iter().for_each(|user| answers::user(reader, user));
    channels::add(reader, &rows.channels);
    one_hub::tables(reader, &rows.prices, &rows.groups);
    rows.jobs.iter().for_each(|[id, quota]| answers::task(reader, id, quota));
    if !rows.has_prices {
        options::unknown(reader, MapName::ALL);
    }
}

/// Some columns of a table.
fn cells<const N: usize>(
    database: &Connection,
    tables: &[String],
    table: &str,
    columns: [&str; N],
) -> rusqlite::Result<Vec<[String; N]>> {
    if !tables.iter().any(|name| name == table) {
        return Ok(Vec::new());
    }
    let statement = database.prepare(&format!("SELECT * FROM {table} LIMIT 0"))?;
    let column =
        |name: &str| if statement.column_names().any(|column| column == name) { format!("\"{name}\"") } else { "''".to_owned() };
    rows(database, &format!("SELECT {} FROM {table}", columns.map(column).join(", ")))
}

fn rows<const N: usize>(database: &Connection, query: &str) -> rusqlite::Result<Vec<[String; N]>> {
    let mut statement = database.prepare(query)?;
    let mut found = Vec::new();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let mut cells = [const { String::new() }; N];
        for (at, cell) in cells.iter_mut().enumerate() {
            *cell = text(row.get_ref(at)?);
        }
        found.push(cells);
    }
    Ok(found)
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
    use crate::config::Found;

    fn database(statements: &str) -> Connection {
        let database = Connection::open_in_memory().unwrap();
        database.execute_batch(statements).unwrap();
        database
    }

    #[test]
    fn options_may_be_a_view() {
        let database = database(
            r#"CREATE TABLE kept (key text, value text); INSERT INTO kept VALUES ('GroupRatio', '{"vip": 0.5}');
               CREATE VIEW options AS SELECT key, value FROM kept;"#,
        );
        let loaded = read("x.db", String::new(), &database).unwrap();
        assert_eq!(loaded.config.sources[0].format, PRICES);
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
    fn prices_groups_and_jobs_are_read() {
        let database = database(
            r#"CREATE TABLE prices (model text, type text, channel_type integer, input real, output real, extra_ratios JSON);
               CREATE TABLE user_groups (symbol text, ratio decimal(10,2));
               CREATE TABLE tasks (task_id text, quota integer); CREATE TABLE midjourneys (mj_id text, quota integer);
               INSERT INTO prices VALUES ('a "q"', 'tokens', 1, 0.06666667, 2.0, '{"cached_tokens":0.25}'), ('b*', 'times', 34, 50.0, 0.0, NULL);
               INSERT INTO user_groups VALUES ('odd', 0.06666667), ('default', 1);
               INSERT INTO tasks VALUES ('c97d', 50000), ('', 7); INSERT INTO midjourneys VALUES ('1795474424575733', 333);"#,
        );
        let config = read("one-hub.db", String::new(), &database).unwrap().config;
        let [first, second] = config.price_list.as_slice() else { panic!("{:?}", config.price_list) };
        assert_eq!((first.model.as_str(), first.input.ratio.to_string().as_str()), ("a \"q\"", "0.06666667"));
        assert_eq!(first.extra_ratios["cached_tokens"].ratio.to_string(), "0.25");
        assert!(second.per_call && second.extra_ratios.is_empty());
        assert!(matches!(config.map(MapName::GroupRatio).get("odd"), Found::Number(n) if n.ratio.to_string() == "0.06666667"));
        assert_eq!((config.task_charges["c97d"], config.task_charges["1795474424575733"]), (50_000, 333));
        assert_eq!(config.task_charges.len(), 2);
    }

    #[test]
    fn a_database_of_something_else_is_no_config() {
        let issues = read("x.db", String::new(), &database("CREATE TABLE songs (title text)")).unwrap_err();
        assert_eq!(issues[0].code, Code::NotAConfig);
        assert!(issues[0].message.ends_with("but songs"), "{}", issues[0].message);
    }
}
