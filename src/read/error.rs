//! Why an input cannot be read at all. What goes wrong behind the first rows is a malformed row instead.

use std::fmt;

use crate::log::{Field, shorten};

/// An input that is no log, or that cannot be opened: which one, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenError {
    pub input: String,
    pub kind: OpenErrorKind,
}

/// What was found instead of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenErrorKind {
    NotFound,
    Directory,
    Unreadable {
        reason: String,
    },
    /// A database that must lie in a file of its own to be read, and cannot.
    Unstored {
        reason: String,
    },
    /// Compressed data that breaks off or is corrupt before the first row.
    BrokenCompression {
        format: &'static str,
        reason: String,
    },
    UnknownEncoding {
        name: String,
    },
    /// Text in an encoding that was not named.
    NotUtf8,
    /// Text in UTF-8 where another encoding was named.
    IsUtf8 {
        named: &'static str,
    },
    /// A file of a kind that is known and not read.
    Foreign {
        found: &'static str,
        way_out: &'static str,
    },
    /// Nothing that a log must have was recognised; `columns` are the names found.
    NotALog {
        columns: Vec<String>,
        missing: &'static str,
    },
    /// An array of something else than rows.
    NoObjects,
    /// A gateway's options or prices.
    Config,
    /// The gateway answered with an error in place of rows.
    GatewayError {
        message: String,
    },
    /// A database without a table `logs`.
    NoTable {
        tables: Vec<String>,
    },
    /// `logs` is a view, whose rows have no ids.
    View,
    /// `--map` names a column that is not there.
    NoColumn {
        field: Field,
        column: String,
        nearest: Option<String>,
    },
    /// Two columns of one name hold the same field.
    SameColumn {
        column: String,
    },
    /// The content is not what `--input-format` says.
    WrongFormat {
        expected: &'static str,
    },
}

impl OpenErrorKind {
    pub fn of(self, input: &str) -> OpenError {
        OpenError { input: input.to_owned(), kind: self }
    }

    /// The way out, for a line of its own.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            OpenErrorKind::Directory => "name the files in it".to_owned(),
            OpenErrorKind::UnknownEncoding { .. } => {
                "`--encoding` takes names such as gbk, big5, shift_jis, windows-1252".to_owned()
            }
            OpenErrorKind::IsUtf8 { .. } => "leave `--encoding` out".to_owned(),
            OpenErrorKind::SameColumn { .. } => "rename one of them: which one counts is not said".to_owned(),
            OpenErrorKind::NotUtf8 => "name its encoding, for example `--encoding gbk`".to_owned(),
            OpenErrorKind::Foreign { way_out, .. } => (*way_out).to_owned(),
            OpenErrorKind::Unstored { .. } => "save it as a file, unpacked, and name that".to_owned(),
            OpenErrorKind::NotALog { .. } => "name a column by hand with `--map FIELD=COLUMN`".to_owned(),
            OpenErrorKind::View => "export its rows: sqlite3 -csv -header FILE 'SELECT * FROM logs' | quota audit -".to_owned(),
            OpenErrorKind::Config => "give it as `--config`".to_owned(),
            OpenErrorKind::NoColumn { nearest, .. } => return nearest.as_ref().map(|name| format!("did you mean `{name}`?")),
            OpenErrorKind::WrongFormat { .. } => "leave `--input-format` out to have it recognised".to_owned(),
            _ => return None,
        };
        Some(hint)
    }
}

impl fmt::Display for OpenErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenErrorKind::NotFound => f.write_str("not found"),
            OpenErrorKind::Directory => f.write_str("is a directory, expected a file"),
            OpenErrorKind::Unreadable { reason } => write!(f, "cannot be read: {reason}"),
            OpenErrorKind::Unstored { reason } => write!(f, "a database that cannot be put into a temporary file: {reason}"),
            OpenErrorKind::BrokenCompression { format, reason } => write!(f, "broken {format} data: {reason}"),
            OpenErrorKind::UnknownEncoding { name } => write!(f, "unknown encoding `{name}`"),
            OpenErrorKind::IsUtf8 { named } => write!(f, "the text is UTF-8, not {named}"),
            OpenErrorKind::SameColumn { column } => write!(f, "two columns `{}`", shorten(column)),
            OpenErrorKind::NotUtf8 => f.write_str("the text is not UTF-8"),
            OpenErrorKind::Foreign { found, .. } => write!(f, "{found}, expected a log"),
            OpenErrorKind::NotALog { columns, missing } => not_a_log(f, columns, missing),
            OpenErrorKind::NoObjects => f.write_str("an array without objects, expected the rows of a log"),
            OpenErrorKind::Config => f.write_str("looks like a config, expected a log"),
            OpenErrorKind::GatewayError { message } => {
                write!(f, "the gateway answered with an error in place of a log: `{}`", shorten(message))
            }
            OpenErrorKind::View => f.write_str("expected a table `logs`, found a view of that name"),
            OpenErrorKind::NoTable { tables } if tables.is_empty() => {
                f.write_str("expected a table `logs`, the database has no tables")
            }
            OpenErrorKind::NoTable { tables } => {
                f.write_str("expected a table `logs`, found ")?;
                names(f, tables)
            }
            OpenErrorKind::NoColumn { field, column, .. } => write!(f, "`--map {field}={column}`: no column `{column}`"),
            OpenErrorKind::WrongFormat { expected } => write!(f, "expected {expected}, as `--input-format` says"),
        }
    }
}

fn not_a_log(f: &mut fmt::Formatter<'_>, columns: &[String], missing: &str) -> fmt::Result {
    write!(f, "no column for {missing}, found ")?;
    match columns {
        [] => f.write_str("no columns"),
        _ => names(f, columns),
    }
}

/// At most 30 names, so that a message stays one.
fn names(f: &mut fmt::Formatter<'_>, names: &[String]) -> fmt::Result {
    for (at, name) in names.iter().take(30).enumerate() {
        let comma = if at == 0 { "" } else { ", " };
        write!(f, "{comma}`{}`", shorten(name))?;
    }
    if names.len() > 30 { write!(f, " and {} more", names.len() - 30) } else { Ok(()) }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.input, self.kind)
    }
}

impl std::error::Error for OpenError {}
