//! Logs as CSV, with a header, in any of the usual dialects.
//!
//! Lines end in LF or CRLF; the delimiter is a comma, semicolon, tab or bar, whichever shows most columns. A row has as
//! many fields as the header. A quote that never closes swallows the rows behind it: so a record over several lines
//! must be quoted to the letter, or it is one malformed row, and reading goes on at the line after its start.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use memchr::memchr;

use crate::log::{Field, Fields, Place, Row, RowError};
use crate::read::ahead::Scout;
use crate::read::error::OpenErrorKind;
use crate::read::vocabulary::Vocabulary;
use crate::read::window::{ROW_LIMIT, Window};
use crate::read::{Ahead, Form, Layout, Next, ReadRows, cut_short, malformed, not_utf8};

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

pub struct CsvReader {
    window: Window,
    records: Records,
    header: Header,
    read: Arc<AtomicU64>,
    /// The offset up to which malformed records belong to one that was reported already.
    reported: u64,
    done: bool,
}

struct Header {
    names: Vec<String>,
    /// The header as its line stands: files that were joined repeat it.
    line: Vec<u8>,
    cells: Vec<(Field, usize)>,
    columns: Fields,
    layout: Layout,
    /// Cells that a spreadsheet would take for a formula have a `'` before them. Dumps of a database do not.
    guarded: bool,
    /// Content is the last column, so that commas in it can be told from delimiters even where nothing is quoted.
    open_ended: bool,
}

/// Splits records into fields, in buffers that are used again.
struct Records {
    core: Reader,
    delimiter: u8,
    text: Vec<u8>,
    ends: Vec<usize>,
    fields: usize,
}

/// How the bytes at the start of the window were read.
enum Record {
    /// A record of that many bytes, its line end included.
    Whole(usize),
    /// The input ends in this record, maybe rightly.
    Last(usize),
    TooLong,
}

impl CsvReader {
    pub fn open(mut window: Window, read: Arc<AtomicU64>, vocabulary: &Vocabulary) -> Result<CsvReader, OpenErrorKind> {
        let told = told_delimiter(&mut window);
        window.skip(is_line_end);
        let candidates = told.as_slice();
        let candidates = if candidates.is_empty() { &DELIMITERS } else { candidates };
        let (mut records, names, length) = read_header(&mut window, candidates, vocabulary)?;
        vocabulary.check(&names)?;
        let line = trim_line_end(&window.bytes()[..length]).to_vec();
        window.consume(length);
        records.core.reset();
        let delimiter = records.delimiter;
        Ok(CsvReader { window, records, header: Header::new(names, line, delimiter, vocabulary), read, reported: 0, done: false })
    }

    /// Judges the record at the start of the window, fills the row and consumes it.
    fn record(&mut self, row: &mut Row, length: usize, last: bool) -> Option<Next> {
        let raw = trim_line_end(&self.window.bytes()[..length]);
        let lines = memchr(b'\n', raw).is_some();
        let quoting = if lines || last { quoting(raw, self.records.delimiter) } else { Quoting::Strict };
        if lines && quoting != Quoting::Strict {
            return self.tangled(row, length);
        }
        if last && (quoting == Quoting::Open || self.window.failure().is_some()) {
            return self.cut(row);
        }
        if raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw) == self.header.line {
            self.window.consume(length);
            return None;
        }
        if let Err(error) = self.header.fit(&mut self.records, raw) {
            return if lines { self.tangled(row, length) } else { self.malformed(row, length, error) };
        }
        row.clear(Place { input: row.place.input, line: self.window.line() });
        match self.header.fill(row, &self.records) {
            Ok(()) => {
                self.window.consume(length);
                Some(Next::Row)
            }
            Err(error) => self.malformed(row, length, error),
        }
    }

    /// Whether the line at hand belongs to a malformed record that was reported already. One with as many fields as the header has is a row
    /// of its own.
    fn is_reported(&self) -> bool {
        let line = || self.window.bytes().split(|byte| *byte == b'\n').next().unwrap_or_default();
        self.window.offset() < self.reported && fields_of_line(line(), self.records.delimiter) < self.header.names.len()
    }

    fn malformed(&mut self, row: &mut Row, length: usize, error: RowError) -> Option<Next> {
        let known = self.is_reported();
        let line = self.window.line();
        self.window.consume(length);
        (!known).then(|| malformed(row, line, error))
    }

    /// A record that runs over lines which it cannot have: the lines behind its first one are read anew.
    fn tangled(&mut self, row: &mut Row, length: usize) -> Option<Next> {
        let known = self.is_reported();
        let line = self.window.line();
        self.reported = self.reported.max(self.window.offset() + length as u64);
        let found = String::from_utf8_lossy(&self.window.bytes()[..length.min(400)]).into_owned();
        self.window.skip_line();
        self.records.core.reset();
        (!known).then(|| malformed(row, line, RowError::new("row", &found, "quotes that close in the same row")))
    }

    fn cut(&mut self, row: &mut Row) -> Option<Next> {
        let line = self.window.line();
        self.done = true;
        let known = self.is_reported() && self.window.failure().is_none();
        (!known).then(|| malformed(row, line, cut_short(self.window.failure())))
    }

    fn end(&mut self, row: &mut Row) -> Next {
        if self.done || self.window.failure().is_none() {
            return Next::End;
        }
        self.done = true;
        malformed(row, self.window.line(), cut_short(self.window.failure()))
    }
}

impl ReadRows for CsvReader {
    fn next(&mut self, row: &mut Row) -> Next {
        row.columns = self.header.columns;
        loop {
            if self.done || self.window.skip(is_line_end).is_none() {
                return self.end(row);
            }
            let found = match self.records.read(&mut self.window) {
                Record::Whole(length) => self.record(row, length, false),
                Record::Last(length) => self.record(row, length, true),
                Record::TooLong => self.tangled(row, ROW_LIMIT),
            };
            if let Some(next) = found {
                return next;
            }
        }
    }

    fn ahead(&mut self) -> Option<Ahead<'_>> {
        if self.done || self.window.offset() < self.reported {
            return None;
        }
        self.window.skip(is_line_end)?;
        let (offset, line) = (self.window.offset(), self.window.line());
        Some(Ahead { bytes: self.window.bytes(), offset, line, layout: &self.header.layout })
    }

    fn read_ahead(&mut self, threads: usize, scout: Arc<dyn Scout>) {
        self.window.read_ahead(threads, scout);
    }

    fn pass(&mut self, bytes: usize, lines: u64) {
        self.window.consume_lines(bytes, lines);
    }

    fn again(&mut self, bytes: &[u8], line: u64, row: &mut Row) -> Next {
        self.window = Window::of(bytes, line);
        self.records.core.reset();
        (self.reported, self.done) = (0, false);
        self.next(row)
    }

    fn failure(&self) -> Option<&str> {
        self.window.failure()
    }

    fn bytes(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
}

impl Header {
    fn new(names: Vec<String>, line: Vec<u8>, delimiter: u8, vocabulary: &Vocabulary) -> Header {
        let cells = vocabulary.columns(&names);
        let field_at = |at: usize| cells.iter().find(|(_, cell)| *cell == at).map(|(field, _)| *field);
        let columns: Fields = cells.iter().map(|(field, _)| *field).collect();
        Header {
            layout: Layout { cells: (0..names.len()).map(field_at).collect(), columns, form: Form::Csv { delimiter } },
            guarded: !columns.contains(Field::Other) && !columns.contains(Field::Metadata),
            open_ended: cells.contains(&(Field::Content, names.len() - 1)),
            names,
            line,
            cells,
            columns,
        }
    }

    /// Whether the record has as many fields as the header; commas in an unquoted last column are put back first.
    fn fit(&self, records: &mut Records, raw: &[u8]) -> Result<(), RowError> {
        let wanted = self.names.len();
        if records.fields > wanted && self.open_ended && memchr(b'"', raw).is_none() {
            records.join_from(wanted - 1, raw);
        }
        if records.fields == wanted {
            return Ok(());
        }
        let found = format!("{} fields", records.fields);
        Err(RowError::new("row", &found, "as many fields as the header has"))
    }

    fn fill(&self, row: &mut Row, records: &Records) -> Result<(), RowError> {
        for (field, at) in &self.cells {
            let cell = records.field(*at);
            let text = std::str::from_utf8(cell).map_err(|_| not_utf8(field.word(), cell))?;
            row.set(*field, self.plain(text));
        }
        Ok(())
    }

    /// A cell without what exports and database clients put around it: a guard against formulas, a word for null.
    fn plain<'t>(&self, text: &'t str) -> &'t str {
        match text.strip_prefix('\'') {
            Some(rest) if self.guarded && rest.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) => rest,
            _ if matches!(text, "NULL" | "\\N") => "",
            _ => text,
        }
    }
}

impl Records {
    fn new(delimiter: u8) -> Records {
        let core = ReaderBuilder::new().delimiter(delimiter).build();
        Records { core, delimiter, text: vec![0; 4096], ends: vec![0; 64], fields: 0 }
    }

    /// Reads the record at the start of the window; the window keeps its bytes.
    fn read(&mut self, window: &mut Window) -> Record {
        let (mut used, mut written) = (0, 0);
        self.fields = 0;
        loop {
            let input = window.bytes().get(used..).unwrap_or_default();
            let at_end = input.is_empty() && window.ended();
            let (result, read, wrote, ended) =
                self.core.read_record(input, &mut self.text[written..], &mut self.ends[self.fields..]);
            used += read;
            written += wrote;
            self.fields += ended;
            match result {
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record | ReadRecordResult::End if at_end => return Record::Last(used),
                ReadRecordResult::Record | ReadRecordResult::End => return Record::Whole(used),
                ReadRecordResult::InputEmpty if used >= ROW_LIMIT => return Record::TooLong,
                ReadRecordResult::InputEmpty => {
                    window.more();
                }
            }
        }
    }

    fn field(&self, at: usize) -> &[u8] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.text[start..self.ends[at]]
    }

    /// Makes the fields from `at` on one again, as they stand in the unquoted record.
    fn join_from(&mut self, at: usize, raw: &[u8]) {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        let rest = &raw[(start + at).min(raw.len())..];
        self.text.truncate(start);
        self.text.extend_from_slice(rest);
        self.ends[at] = self.text.len();
        self.text.resize(self.text.capacity().max(4096), 0);
        self.fields = at + 1;
    }
}

/// Reads the first record with the delimiter that shows most columns of a log.
fn read_header(
    window: &mut Window,
    delimiters: &[u8],
    vocabulary: &Vocabulary,
) -> Result<(Records, Vec<String>, usize), OpenErrorKind> {
    let mut best: Option<(usize, Records, Vec<String>, usize)> = None;
    for delimiter in delimiters {
        let mut records = Records::new(*delimiter);
        let length = match records.read(window) {
            Record::Whole(length) | Record::Last(length) => length,
            Record::TooLong => continue,
        };
        let names = names(&records);
        let known = vocabulary.columns(&names).len();
        if best.as_ref().is_none_or(|(most, ..)| known > *most) {
            best = Some((known, records, names, length));
        }
    }
    best.map(|(_, records, names, length)| (records, names, length))
        .ok_or(OpenErrorKind::NotALog { columns: Vec::new(), missing: "`model` and a charge (`quota` or `cost_usd`)" })
}

fn names(records: &Records) -> Vec<String> {
    let name = |at| String::from_utf8_lossy(records.field(at)).trim_matches([' ', '\u{feff}']).to_owned();
    (0..records.fields).map(name).collect()
}

/// The delimiter that a first line `sep=;` names, as spreadsheets write it.
fn told_delimiter(window: &mut Window) -> Option<u8> {
    window.skip(is_line_end);
    let line = window.bytes().split(|byte| *byte == b'\n').next()?;
    let told = match trim_line_end(line) {
        [b's', b'e', b'p', b'=', delimiter] => *delimiter,
        _ => return None,
    };
    window.skip_line();
    Some(told)
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

fn trim_line_end(raw: &[u8]) -> &[u8] {
    let raw = raw.strip_suffix(b"\n").unwrap_or(raw);
    raw.strip_suffix(b"\r").unwrap_or(raw)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quoting {
    /// Quotes stand only where the CSV rules have them: around a whole field, and doubled inside of it.
    Strict,
    Loose,
    /// A quote never closes.
    Open,
}

fn quoting(raw: &[u8], delimiter: u8) -> Quoting {
    let mut at = 0;
    loop {
        at += match raw.get(at) {
            Some(b'"') => match quoted_length(&raw[at..]) {
                Some(length) => length,
                None => return Quoting::Open,
            },
            _ => match raw[at..].iter().position(|byte| *byte == delimiter || *byte == b'"') {
                Some(length) => length,
                None => return Quoting::Strict,
            },
        };
        match raw.get(at) {
            None => return Quoting::Strict,
            Some(byte) if *byte == delimiter => at += 1,
            Some(_) => return Quoting::Loose,
        }
    }
}

/// How many fields a line has, if a quote that does not close in it means nothing.
fn fields_of_line(line: &[u8], delimiter: u8) -> usize {
    let (mut at, mut fields) = (0, 1);
    while let Some(byte) = line.get(at) {
        at += match byte {
            b'"' => quoted_length(&line[at..]).unwrap_or(1),
            _ => 1,
        };
        fields += usize::from(*byte == delimiter);
    }
    fields
}

/// The length of a quoted field, its quotes included; none if it never closes.
fn quoted_length(field: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr(b'"', field.get(at..)?)? + 1;
        if field.get(at) != Some(&b'"') {
            return Some(at);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::input::{OpenOptions, open_stream};

    /// What a text reads as: a line for each row, `line: model prompt quota content`.
    #[track_caller]
    fn check(text: impl Into<Vec<u8>>, expected: &[&str]) {
        assert_eq!(read(text), expected);
    }

    fn read(text: impl Into<Vec<u8>>) -> Vec<String> {
        let mut input = open_stream("x.csv", std::io::Cursor::new(text.into()), &OpenOptions::default()).unwrap();
        assert_eq!(input.format, "csv");
        let mut row = Row::default();
        let mut found = Vec::new();
        loop {
            let next = input.rows.next(&mut row);
            let line = row.place.line;
            match next {
                Next::Row => {
                    let fields = [Field::Model, Field::PromptTokens, Field::Quota, Field::Content].map(|f| row.get(f));
                    found.push(format!("{line}: {}", fields.join(" ").trim_end()));
                }
                Next::Malformed(error) => found.push(format!("{line}: {error}")),
                Next::End => return found,
            }
        }
    }

    #[test]
    fn dialects() {
        check("model,prompt,quota\na,1,2\n", &["2: a 1 2"]);
        check("\u{feff}model;prompt;quota\r\na;1;2\r\nb;3;4", &["2: a 1 2", "3: b 3 4"]);
        check("\n\r\n\"model\"\t\"prompt\"\t\"quota\"\n\n\"a\"\t\"1\"\t\"2\"\n", &["5: a 1 2"]);
        check("sep=;\r\nmodel;quota;content\r\na;1;x,y\r\n", &["3: a  1 x,y"]);
        check("model|quota\ra|1\r", &["1: a  1"]);
        check("model,quota,content\r\na,1,\r\n", &["2: a  1"]);
    }

    #[test]
    fn quoted_newlines_and_quotes() {
        check("model,quota,content\na,1,\"x\n\"\"y\"\"\"\nb,2,z\n", &["2: a  1 x\n\"y\"", "4: b  2 z"]);
        check("model,content,quota\na,\"x\r\ny\",1\r\nb,z,2\r\n", &["2: a  1 x\r\ny", "4: b  2 z"]);
    }

    #[test]
    fn cells_are_plain() {
        check("model,prompt,quota,content\na,NULL,'-5,'=1+1\n", &["2: a  -5 =1+1"]);
        check("model,quota,content,other\na,1,'=1+1,\\N\n", &["2: a  1 '=1+1"]);
    }

    #[test]
    fn rows_of_other_lengths_are_malformed() {
        let error = "`row`: expected as many fields as the header has, found";
        check(
            "model,quota\na,1\nb\nc,2,3\nd,4\n",
            &["2: a  1", &format!("3: {error} `1 fields`"), &format!("4: {error} `3 fields`"), "5: d  4"],
        );
    }

    #[test]
    fn an_unquoted_last_column_keeps_its_commas() {
        check("model,quota,content\na,1,rate 1.50, group 1, x\nb,2,\n", &["2: a  1 rate 1.50, group 1, x", "3: b  2"]);
    }

    #[test]
    fn a_lost_quote_costs_one_row() {
        let tangled = "`row`: expected quotes that close in the same row, found";
        // The quote of the next row closes the lost one, with the right number of fields.
        let found = read("model,content,quota\na,x,1\nb,\"y,2\nc,\"z\",3\nd,\"u\",4\n");
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found[1].starts_with(&format!("3: {tangled}")), "{found:?}");
        assert_eq!((found[2].as_str(), found[3].as_str()), ("4: c  3 z", "5: d  4 u"));
        // Nothing closes it.
        let found = read("model,content,quota\na,\"x,1\nb,y,2\nc,z,3\n");
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(found[2], "4: c  3 z");
    }

    /// Each line with as many fields as the header is a row of its own, and told if it cannot be read.
    #[test]
    fn each_lost_quote_costs_one_row() {
        let found = read("model,content,quota\na,\"x,1\nb,\"y,2\nc,\"z,3\nd,u,4\ne,\"v,5,6\nf,w,7\n");
        let lines: Vec<&str> = found.iter().filter_map(|row| row.split(':').next()).collect();
        assert_eq!(lines, ["2", "3", "4", "5", "6", "7"], "{found:?}");
        assert_eq!((found[3].as_str(), found[5].as_str()), ("5: d  4 u", "7: f  7 w"));
    }

    #[test]
    fn a_quote_that_never_closes_swallows_no_huge_file() {
        let mut text = b"model,quota,content\na,1,\"".to_vec();
        for _ in 0..(ROW_LIMIT / 16 + 100_000) {
            text.extend_from_slice(b"x\nmodel-b,2,yyyy");
        }
        let found = read(text);
        assert_eq!(found.len(), ROW_LIMIT / 16 + 100_001);
    }

    #[test]
    fn a_cut_record_is_one_malformed_row() {
        check(
            "model,quota,content\na,1,x\nb,2,\"yy",
            &["2: a  1 x", "3: `row`: expected the rest of the row, found `the end of the file`"],
        );
        check(
            "model,quota,content\na,1,x\nb,2",
            &["2: a  1 x", "3: `row`: expected as many fields as the header has, found `2 fields`"],
        );
    }

    #[test]
    fn joined_files_repeat_the_header() {
        check("model,quota\na,1\n\u{feff}model,quota\nb,2\nmodel,quota\r\n", &["2: a  1", "4: b  2"]);
    }

    #[test]
    fn odd_bytes() {
        check(
            "model,quota\n\0\0\0\0\na\0,1\n",
            &["2: `row`: expected as many fields as the header has, found `1 fields`", "3: a\0  1"],
        );
        check("model,quota\n12\" a,1\n", &["2: 12\" a  1"]);
        let found = read(b"model,quota\nab\xff,1\nc,2\n".to_vec());
        assert!(found[0].contains("--encoding"), "{found:?}");
        assert_eq!(found[1], "3: c  2");
    }

    #[test]
    fn quotes_by_the_rules() {
        for (raw, expected) in [
            ("a,b", Quoting::Strict),
            ("\"a\"\"\n\",b", Quoting::Strict),
            ("\"a\"", Quoting::Strict),
            ("", Quoting::Strict),
            (",", Quoting::Strict),
            ("\"a\"b,c", Quoting::Loose),
            ("a\"b", Quoting::Loose),
            ("\"a", Quoting::Open),
            ("\"a\"\"", Quoting::Open),
        ] {
            assert_eq!(quoting(raw.as_bytes(), b','), expected, "{raw}");
        }
    }
}
