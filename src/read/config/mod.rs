//! Bytes to a [`Config`]: ratio JSON, saved answers of the gateways, a gateway's database, quota's own TOML.
//!
//! A source is recognised by its content, never by its name. An error leaves no config; warnings come with it. A map that
//! a source cannot carry is unknown, a map that it could carry and does not give is the gateway's default.

mod answers;
pub mod issue;
mod json;
mod kind;
mod lint;
mod node;
mod options;
mod own;
mod reader;
pub mod sqlite;
mod text;
mod toml;
mod words;

use sha2::{Digest, Sha256};

use self::issue::{Code, Issue};
use self::kind::Kind;
use self::node::{Fault, Node, Value};
use self::reader::{Author, Reader};
use crate::config::{Config, Source};
use crate::log::shorten;

const ACCEPTED: &str = "accepted are ratio JSON, saved answers of /api/option/, /api/pricing, /api/ratio_config, /api/status and /api/user/, \
                        a gateway's SQLite file, and quota's own TOML";

/// A config that was read, and what is doubtful about it.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    /// Warnings only.
    pub issues: Vec<Issue>,
}

/// Whether the bytes are a SQLite file, which [`sqlite::read`] reads.
pub fn is_database(bytes: &[u8]) -> bool {
    bytes.starts_with(sqlite::MAGIC)
}

/// The hash that a report names a source by, in lower-case hex.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads one source. Its name is for messages and reports only.
///
/// ```
/// use quota::config::{Found, MapName};
/// let loaded = quota::read::config::read("groups.json", br#"{"default": 1, "discount": 0.8}"#).unwrap();
/// assert!(matches!(loaded.config.map(MapName::GroupRatio).get("discount"), Found::Number(n) if n.ratio.to_string() == "0.8"));
/// ```
pub fn read(name: &str, bytes: &[u8]) -> Result<Loaded, Vec<Issue>> {
    let hash = sha256(bytes);
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => read_text(name, text, hash),
        Err(error) => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let valid = std::str::from_utf8(valid).unwrap_or_default();
            let mut reader = Reader::new(name, valid);
            let end = valid.len()..valid.len();
            reader.error(
                Code::NotAConfig,
                &end,
                format!("the text is not UTF-8 from here on{}", encoding(bytes)),
                "save it as UTF-8",
            );
            Err(reader.issues)
        }
    }
}

fn encoding(bytes: &[u8]) -> &'static str {
    match bytes {
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => " (it looks like UTF-16)",
        [0x1F, 0x8B, ..] => " (it looks like gzip)",
        [b'P', b'K', ..] => " (it looks like a zip or spreadsheet file)",
        bytes if is_database(bytes) => " (it is a database, which is read as a file)",
        _ => "",
    }
}

fn read_text(name: &str, text: &str, hash: String) -> Result<Loaded, Vec<Issue>> {
    let mut reader = Reader::new(name, text);
    let format = match language(text) {
        Language::Json => read_json(&mut reader, text),
        Language::Toml => read_toml(&mut reader, text),
        Language::Other(found) => not_a_config(&mut reader, found),
    };
    finish(reader, format, hash)
}

enum Language {
    Json,
    Toml,
    Other(&'static str),
}

/// What a text is written in. A `[` begins a JSON list or a TOML table: a list of JSON holds no bare word.
fn language(text: &str) -> Language {
    let trimmed = text.trim_start();
    let second = trimmed.get(1..).unwrap_or_default().trim_start().chars().next();
    match trimmed.chars().next() {
        None => Language::Other("nothing but white space"),
        Some('{') => Language::Json,
        Some('[') if matches!(second, Some('{' | ']' | '0'..='9' | '-') | None) => Language::Json,
        Some('<') => Language::Other("a web page or XML"),
        _ => Language::Toml,
    }
}

fn read_json(reader: &mut Reader<'_>, text: &str) -> &'static str {
    let (root, faults) = json::parse(text);
    if root.is_none() && is_ndjson(text) {
        return not_a_config(reader, "one JSON value per line (a log?)");
    }
    faults.into_iter().for_each(|fault| reader.fault(fault, "JSON"));
    root.map_or("json", |root| read_root(reader, &root))
}

fn is_ndjson(text: &str) -> bool {
    let mut lines = text.trim().lines();
    matches!((lines.next().map(json::parse), lines.next()), (Some((Some(_), _)), Some(_)))
}

fn read_toml(reader: &mut Reader<'_>, text: &str) -> &'static str {
    match toml::parse(text) {
        Ok(Node { value: Value::Table(table), .. }) => own::read(reader, table),
        Ok(_) => {}
        Err(Fault::Syntax { .. }) if !text.lines().any(is_toml_line) => return not_a_config(reader, "text of some other kind"),
        Err(fault) => reader.fault(fault, "TOML"),
    }
    "toml"
}

/// Whether a line looks like TOML: a table, or a key with a value.
fn is_toml_line(line: &str) -> bool {
    let line = line.trim();
    let key =
        |key: &str| !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '"' | '\'' | ' '));
    line.starts_with('[') || line.split_once('=').is_some_and(|(name, _)| key(name.trim()))
}

fn not_a_config(reader: &mut Reader<'_>, found: &str) -> &'static str {
    reader.error(Code::NotAConfig, &(0..0), format!("this is no config: found {found}"), ACCEPTED);
    "none"
}

fn read_root(reader: &mut Reader<'_>, root: &Node) -> &'static str {
    match kind::of(root) {
        Kind::Options(rows) => by_gateway(reader, "options", |reader| answers::options(reader, rows)),
        Kind::Pricing(rows) => by_gateway(reader, "pricing", |reader| answers::pricing(reader, &rows, root)),
        Kind::RatioConfig(table) => by_gateway(reader, "ratio_config", |reader| answers::ratio_config(reader, table)),
        Kind::Status(table) => by_gateway(reader, "status", |reader| answers::status(reader, &table)),
        Kind::Users(rows) => by_gateway(reader, "users", |reader| answers::users(reader, &rows)),
        Kind::UserGroups(table) => by_gateway(reader, "user_groups", |reader| answers::user_groups(reader, &table)),
        Kind::BareGroups => {
            own::bare_groups(reader, root);
            "groups"
        }
        Kind::Packed(table) => by_gateway(reader, "options", |reader| {
            options::read(reader, table);
            options::settle_expressions(reader, false);
        }),
        Kind::Own(table) => {
            own::read(reader, table);
            "ratios"
        }
        Kind::Later(what) => {
            reader.error(Code::NotSupported, &(0..0), format!("this is {what}, which is not read yet"), ACCEPTED);
            "none"
        }
        Kind::Refused(message) => {
            let message = format!("the gateway refused to answer: `{}`", shorten(&message));
            reader.error(Code::ApiError, &(0..0), message, "save the answer again, with a token that may read it");
            "none"
        }
        Kind::No(found) => not_a_config(reader, found),
    }
}

fn by_gateway<'a>(reader: &mut Reader<'a>, format: &'static str, read: impl FnOnce(&mut Reader<'a>)) -> &'static str {
    reader.author = Author::Gateway;
    read(reader);
    format
}

/// Checks the whole and names the source.
fn finish(mut reader: Reader<'_>, format: &'static str, sha256: String) -> Result<Loaded, Vec<Issue>> {
    if !reader.issues.iter().any(Issue::is_error) {
        lint::check(&mut reader);
    }
    let Reader { mut config, mut issues, .. } = reader;
    issues.sort_by_key(|issue| issue.severity);
    if issues.iter().any(Issue::is_error) {
        return Err(issues);
    }
    let name = reader.name.to_owned();
    config.sources.push(Source { name, format, sha256 });
    Ok(Loaded { config, issues })
}
