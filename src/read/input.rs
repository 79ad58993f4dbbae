//! Opens a log: compression, encoding and format are recognised from its content, never from its name.
//!
//! An input is opened once its first rows are known to be those of a log. An empty input is a log without rows.

use std::fmt;
use std::fs::File;
use std::io::{Error, ErrorKind, Read};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use encoding_rs::Encoding;
use flate2::read::MultiGzDecoder;

use crate::log::{Field, Row};
use crate::read::chunks::Chunks;
use crate::read::csv::CsvReader;
use crate::read::decode::Decoded;
use crate::read::error::{OpenError, OpenErrorKind};
use crate::read::group::WithGroups;
use crate::read::json::JsonReader;
use crate::read::vocabulary::Vocabulary;
use crate::read::window::{ROW_LIMIT, Window};
use crate::read::{Next, ReadRows, database, sqlite};

/// The formats of `--input-format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Csv,
    Json,
    Ndjson,
    Sqlite,
}

impl Format {
    pub const ALL: [Format; 4] = [Format::Csv, Format::Json, Format::Ndjson, Format::Sqlite];

    pub fn word(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Json => "json",
            Format::Ndjson => "ndjson",
            Format::Sqlite => "sqlite",
        }
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Format, String> {
        let format = Format::ALL.into_iter().find(|format| format.word() == text);
        format.ok_or_else(|| format!("expected csv, json, ndjson or sqlite, found `{text}`"))
    }
}

/// What the command line says about inputs.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// None: recognised from the content.
    pub format: Option<Format>,
    /// None: UTF-8, or UTF-16 where a byte order mark says so.
    pub encoding: Option<String>,
    /// Columns named by hand: see [`crate::read::vocabulary::parse_map`].
    pub map: Vec<(Field, String)>,
}

/// An open log.
pub struct Input {
    pub name: String,
    /// `csv`, `json`, `ndjson` or `sqlite`.
    pub format: &'static str,
    /// How many bytes it has, where that is known.
    pub size: Option<u64>,
    pub rows: Box<dyn ReadRows + Send>,
    /// The file of a database, for what it says beside its log. The rows go first when both are dropped.
    pub database: Option<database::Place>,
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").field("name", &self.name).field("format", &self.format).finish_non_exhaustive()
    }
}

/// Opens a file.
pub fn open_path(path: &Path, options: &OpenOptions) -> Result<Input, OpenError> {
    let name = path.display().to_string();
    let (file, size) = open_file(path).map_err(|kind| kind.of(&name))?;
    let opened = Opening { options, path: Some(path) }.open(&name, Box::new(file));
    opened.map(|input| Input { size, ..input }).map_err(|kind| kind.of(&name))
}

/// Opens a stream, such as standard input, under the name that messages give it.
pub fn open_stream(name: &str, source: impl Read + Send + 'static, options: &OpenOptions) -> Result<Input, OpenError> {
    Opening { options, path: None }.open(name, Box::new(source)).map_err(|kind| kind.of(name))
}

fn open_file(path: &Path) -> Result<(File, Option<u64>), OpenErrorKind> {
    let problem = |error: Error| match error.kind() {
        ErrorKind::NotFound => OpenErrorKind::NotFound,
        ErrorKind::IsADirectory => OpenErrorKind::Directory,
        _ => OpenErrorKind::Unreadable { reason: error.to_string() },
    };
    let file = File::open(path).map_err(problem)?;
    let data = file.metadata().map_err(problem)?;
    if data.is_dir() {
        return Err(OpenErrorKind::Directory);
    }
    Ok((file, data.is_file().then_some(data.len())))
}

type Source = Box<dyn Read + Send>;

/// A format and its rows.
type Rows = (&'static str, Box<dyn ReadRows + Send>);

struct Opening<'o> {
    options: &'o OpenOptions,
    path: Option<&'o Path>,
}

impl Opening<'_> {
    fn open(&self, name: &str, source: Source) -> Result<Input, OpenErrorKind> {
        let read = Arc::new(AtomicU64::new(0));
        let counted = Box::new(Counted { source, read: Arc::clone(&read) });
        let begun = self.decompressed(Begun::new(counted))?;
        let ((format, rows), database) = if begun.head.starts_with(database::MAGIC) {
            let place = self.place(begun)?;
            (self.database(&place, &read)?, Some(place))
        } else {
            (self.text(begun, read)?, None)
        };
        Ok(Input { name: name.to_owned(), format, size: None, rows: Box::new(WithGroups(rows)), database })
    }

    /// Takes compression off, at most two layers of it.
    fn decompressed(&self, mut begun: Begun) -> Result<Begun, OpenErrorKind> {
        for _ in 0..2 {
            let Some(format) = begun.compression() else { break };
            begun = begun.decompress(format)?;
        }
        match begun.failure.as_ref() {
            Some(error) if begun.head.is_empty() => Err(OpenErrorKind::Unreadable { reason: error.to_string() }),
            _ => Ok(begun),
        }
    }

    /// Where a database lies: the file that was named, or one that its bytes are put into.
    fn place(&self, mut begun: Begun) -> Result<database::Place, OpenErrorKind> {
        if let Some(format) = self.options.format.filter(|format| *format != Format::Sqlite) {
            return Err(OpenErrorKind::WrongFormat { expected: format.word() });
        }
        match self.path.filter(|path| !begun.unpacked && path.is_file()) {
            Some(path) => Ok(database::Place::Named(path.to_owned())),
            None => database::Place::of_stream(&mut begun).map_err(|error| OpenErrorKind::Unstored { reason: error.to_string() }),
        }
    }

    fn database(&self, place: &database::Place, read: &AtomicU64) -> Result<Rows, OpenErrorKind> {
        let size = match place {
            database::Place::Named(path) => std::fs::metadata(path).map_or(0, |data| data.len()),
            database::Place::Temporary(_) => read.load(Ordering::Relaxed),
        };
        let reader = sqlite::open(place.path(), size, &Vocabulary::new(&self.options.map))?;
        Ok((Format::Sqlite.word(), Box::new(reader)))
    }

    fn text(&self, begun: Begun, read: Arc<AtomicU64>) -> Result<Rows, OpenErrorKind> {
        if let Some((found, way_out)) = foreign(&begun.head) {
            return Err(OpenErrorKind::Foreign { found, way_out });
        }
        let begun = self.decoded(begun)?.past_blanks();
        if self.options.encoding.is_none() && !is_utf8(&begun.head) {
            return Err(OpenErrorKind::NotUtf8);
        }
        let first = begun.head.iter().copied().find(|byte| !byte.is_ascii_whitespace());
        let recognised = match first {
            Some(_) if is_json(&begun.head) => Format::Json,
            Some(b'<') => return Err(foreign_error(HTML)),
            None if begun.failure.is_none() && begun.head.len() < ROW_LIMIT => {
                return Ok((self.options.format.unwrap_or(Format::Csv).word(), Box::new(NoRows)));
            }
            _ => Format::Csv,
        };
        let mut window = Window::new(Box::new(begun));
        match self.options.format.unwrap_or(recognised) {
            Format::Csv if recognised == Format::Json => Err(OpenErrorKind::WrongFormat { expected: Format::Csv.word() }),
            Format::Csv => self.csv(window, read),
            Format::Json | Format::Ndjson if recognised == Format::Json => {
                window.more();
                if Chunks::begin(&mut window) {
                    return self.csv(Window::new(Box::new(Chunks::new(window))), read);
                }
                self.json(window, read)
            }
            expected => Err(OpenErrorKind::WrongFormat { expected: expected.word() }),
        }
    }

    fn csv(&self, window: Window, read: Arc<AtomicU64>) -> Result<Rows, OpenErrorKind> {
        let reader = CsvReader::open(window, read, &Vocabulary::new(&self.options.map))?;
        Ok((Format::Csv.word(), Box::new(reader)))
    }

    fn json(&self, window: Window, read: Arc<AtomicU64>) -> Result<Rows, OpenErrorKind> {
        let lines = (self.options.format == Some(Format::Ndjson)).then_some(true);
        let mut reader = JsonReader::open(window, read, Vocabulary::new(&self.options.map), lines)?;
        let format = if lines.is_some() { Format::Ndjson.word() } else { reader.format() };
        Ok((format, Box::new(reader)))
    }

    /// The text as UTF-8: by the encoding that is named, or else by its byte order mark.
    fn decoded(&self, begun: Begun) -> Result<Begun, OpenErrorKind> {
        let marked = Encoding::for_bom(&begun.head).map(|(encoding, _)| encoding);
        let encoding = match &self.options.encoding {
            Some(name) => Some(encoding_named(name)?),
            None => marked.filter(|encoding| *encoding != encoding_rs::UTF_8),
        };
        match encoding {
            Some(encoding) if marked.is_none() && encoding != encoding_rs::UTF_8 && is_surely_utf8(&begun.head) => {
                Err(OpenErrorKind::IsUtf8 { named: encoding.name() })
            }
            Some(encoding) if marked.unwrap_or(encoding) != encoding_rs::UTF_8 => {
                Ok(Begun { unpacked: begun.unpacked, ..Begun::new(Box::new(Decoded::new(Box::new(begun), encoding))) })
            }
            _ => Ok(begun.without_mark()),
        }
    }
}

fn encoding_named(name: &str) -> Result<&'static Encoding, OpenErrorKind> {
    let unknown = || OpenErrorKind::UnknownEncoding { name: name.to_owned() };
    let label = name.trim().to_ascii_lowercase();
    let page = label.strip_prefix("cp").or_else(|| label.strip_prefix("windows-")).unwrap_or("");
    let label = CODE_PAGES.iter().find(|(number, _)| *number == page).map_or(label.as_str(), |(_, label)| label);
    Encoding::for_label(label.as_bytes()).filter(|encoding| *encoding != encoding_rs::REPLACEMENT).ok_or_else(unknown)
}

/// What Windows and Python call encodings by.
const CODE_PAGES: [(&str, &str); 6] =
    [("932", "shift_jis"), ("936", "gbk"), ("949", "euc-kr"), ("950", "big5"), ("54936", "gb18030"), ("65001", "utf-8")];

/// A log without rows.
struct NoRows;

impl ReadRows for NoRows {
    fn next(&mut self, _row: &mut Row) -> Next {
        Next::End
    }

    fn bytes(&self) -> u64 {
        0
    }
}

/// Counts the bytes that were read of the file as it lies.
struct Counted {
    source: Source,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let count = self.source.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

const HEAD: usize = 64 << 10;

/// A stream whose first bytes were looked at; reading it gives them first.
struct Begun {
    head: Vec<u8>,
    given: usize,
    failure: Option<Error>,
    rest: Source,
    /// Compression was taken off.
    unpacked: bool,
}

impl Begun {
    fn new(mut rest: Source) -> Begun {
        let mut head = Vec::new();
        let failure = rest.by_ref().take(HEAD as u64).read_to_end(&mut head).err();
        Begun { head, given: 0, failure, rest, unpacked: false }
    }

    /// Reads on as long as there was nothing but blanks, up to the length of a row.
    fn past_blanks(mut self) -> Begun {
        let mut seen = 0;
        while self.failure.is_none()
            && seen < self.head.len().min(ROW_LIMIT)
            && self.head[seen..].iter().all(u8::is_ascii_whitespace)
        {
            seen = self.head.len();
            self.failure = self.rest.by_ref().take(HEAD as u64).read_to_end(&mut self.head).err();
        }
        self
    }

    fn compression(&self) -> Option<Compression> {
        match self.head.as_slice() {
            [0x1f, 0x8b, ..] => Some(Compression::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Compression::Zstd),
            _ => None,
        }
    }

    fn decompress(self, compression: Compression) -> Result<Begun, OpenErrorKind> {
        let broken = |error: &Error| OpenErrorKind::BrokenCompression { format: compression.word(), reason: error.to_string() };
        let source: Source = match compression {
            Compression::Gzip => Box::new(MultiGzDecoder::new(self)),
            Compression::Zstd => Box::new(zstd::stream::read::Decoder::new(self).map_err(|error| broken(&error))?),
        };
        let begun = Begun { unpacked: true, ..Begun::new(source) };
        match begun.failure.as_ref() {
            Some(error) if begun.head.is_empty() => Err(broken(error)),
            _ => Ok(begun),
        }
    }

    fn without_mark(mut self) -> Begun {
        if self.head.starts_with(b"\xef\xbb\xbf") {
            self.head.drain(..3);
        }
        self
    }
}

impl Read for Begun {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        if self.given < self.head.len() {
            let count = (&self.head[self.given..]).read(buffer)?;
            self.given += count;
            return Ok(count);
        }
        match self.failure.take() {
            Some(error) => Err(error),
            None => self.rest.read(buffer),
        }
    }
}

#[derive(Clone, Copy)]
enum Compression {
    Gzip,
    Zstd,
}

impl Compression {
    fn word(self) -> &'static str {
        match self {
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        }
    }
}

type Foreign = (&'static str, &'static str);

const HTML: Foreign = ("a web page or XML", "save the export or the API's answer itself");

const SPREADSHEET: Foreign = ("a spreadsheet file", "save as CSV");

/// Kinds of files by their first bytes, and the way to a log.
const FOREIGN: &[(&[u8], Foreign)] = &[
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", SPREADSHEET),
    (b"PK\x03\x04", ("a zip archive", "unpack it first")),
    (b"\xfd7zXZ\0", ("xz data", "decompress it first: xz -dc FILE | quota audit -")),
    (b"BZh", ("bzip2 data", "decompress it first: bzip2 -dc FILE | quota audit -")),
    (b"PAR1", ("a Parquet file", "export it as CSV or NDJSON")),
    (b"%PDF", ("a PDF file", "export the log as CSV")),
    (b"-- MySQL dump", SQL_DUMP),
    (b"-- MariaDB dump", SQL_DUMP),
    (b"--\n-- PostgreSQL database dump", SQL_DUMP),
    (b"PRAGMA foreign_keys", SQL_DUMP),
    (b"INSERT INTO", SQL_DUMP),
    (b"CREATE TABLE", SQL_DUMP),
];

const SQL_DUMP: Foreign = ("an SQL dump", "export the rows as CSV: SELECT * FROM logs");

fn foreign(head: &[u8]) -> Option<Foreign> {
    let holds = |text: &[u8]| memchr::memmem::find(head, text).is_some();
    if head.starts_with(b"PK\x03\x04") && (holds(b"[Content_Types]") || holds(b"xl/")) {
        return Some(SPREADSHEET);
    }
    FOREIGN.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, foreign)| *foreign)
}

fn foreign_error((found, way_out): Foreign) -> OpenErrorKind {
    OpenErrorKind::Foreign { found, way_out }
}

/// Whether the text is JSON: it begins so, or a later line does, where the first one is the end of a cut row.
fn is_json(head: &[u8]) -> bool {
    let begins_row = |line: &[u8]| {
        let key = line.strip_prefix(b"{\"").unwrap_or_default();
        let length = key.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        length > 0 && key[length..].starts_with(b"\":")
    };
    let mut lines = head.split(|byte| *byte == b'\n').skip(1);
    matches!(head.trim_ascii_start(), [b'{' | b'[', ..]) || lines.any(begins_row)
}

/// Whether the first bytes are UTF-8 on the whole. A broken character here and there costs single rows; a header of CSV
/// that is none, or more broken than whole characters, is another encoding.
fn is_utf8(head: &[u8]) -> bool {
    let header = head.split(|byte| *byte == b'\n').next().filter(|_| !is_json(head)).unwrap_or_default();
    // Of UTF-16 without a byte order mark, every second byte of a header is 0.
    let start = &head[..head.len().min(64)];
    let zeros = memchr::memchr_iter(0, start).count() * 4 > start.len();
    let cut = |bytes: &[u8]| matches!(std::str::from_utf8(bytes), Err(error) if error.error_len().is_some());
    let (mut whole, mut broken) = (0_usize, 0_usize);
    for chunk in head.utf8_chunks() {
        whole += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        broken += usize::from(!chunk.invalid().is_empty());
    }
    !zeros && !cut(header) && (broken < 8 || broken <= whole)
}

/// Whether the first bytes can hardly be anything else: characters of three bytes are no chance.
fn is_surely_utf8(head: &[u8]) -> bool {
    let end = match std::str::from_utf8(head) {
        Ok(_) => head.len(),
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Err(_) => return false,
    };
    let text = std::str::from_utf8(&head[..end]).unwrap_or_default();
    text.chars().filter(|c| c.len_utf8() > 2).nth(1).is_some()
}

#[cfg(test)]
mod tests;
