//! The laws of all readers: one log in many forms gives equal entries, and damage costs only the rows that it hits.

use std::io::{Cursor, Write};
use std::path::Path;

use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::log::{LogEntry, Place, Reading};
use crate::read::time::TimeReader;

/// What an input reads as: entries (place aside) and malformed rows, in order.
#[derive(Debug, Default, PartialEq)]
struct Found {
    entries: Vec<String>,
    malformed: Vec<(u64, String)>,
}

fn drain(input: &mut Input, most: usize) -> Found {
    let times = TimeReader::new(TimeZone::UTC);
    let reading = Reading { time: &|text| times.parse(text), currency: None };
    let mut row = Row::default();
    let mut found = Found::default();
    for _ in 0..most {
        match input.rows.next(&mut row) {
            Next::Row => {
                let line = std::mem::take(&mut row.place).line;
                match LogEntry::parse(&row, &reading) {
                    Ok(entry) => found.entries.push(format!("{entry:?}")),
                    Err(error) => found.malformed.push((line, error.to_string())),
                }
            }
            Next::Malformed(error) => found.malformed.push((row.place.line, error.to_string())),
            Next::End => {
                assert_eq!(input.rows.next(&mut row), Next::End);
                return found;
            }
        }
    }
    panic!("the reader does not come to an end");
}

fn read_with(bytes: &[u8], options: &OpenOptions) -> Result<(&'static str, Found), OpenError> {
    let mut input = open_stream("x", Cursor::new(bytes.to_vec()), options)?;
    let found = drain(&mut input, bytes.len() + 16);
    Ok((input.format, found))
}

fn read(bytes: &[u8]) -> Result<(&'static str, Found), OpenError> {
    read_with(bytes, &OpenOptions::default())
}

#[track_caller]
fn check_entries(bytes: &[u8], format: &str, expected: &[String]) {
    let (found_format, found) = read(bytes).unwrap();
    assert_eq!(found.malformed, []);
    assert_eq!(found_format, format);
    assert!(found.entries == expected, "{:#?}", found.entries.iter().zip(expected).find(|(a, b)| a != b));
}

/// A log of a real gateway, in parts from which other forms are made.
struct Log {
    csv: Vec<u8>,
    header: Vec<String>,
    records: Vec<Vec<String>>,
}

const GATEWAYS: [&str; 6] = ["new-api", "new-api-2024", "veloera", "one-api", "one-hub", "laisky"];

impl Log {
    fn of(gateway: &str) -> Log {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/logs").join(gateway).join("logs.csv");
        let csv = std::fs::read(path).unwrap();
        let mut reader = ::csv::Reader::from_reader(csv.as_slice());
        let header = reader.headers().unwrap().iter().map(str::to_owned).collect();
        let records = reader.records().map(|r| r.unwrap().iter().map(str::to_owned).collect()).collect();
        Log { csv, header, records }
    }

    /// Rows that are not too long, so many, among them one over several lines if there is one.
    fn short(gateway: &str, rows: usize) -> Log {
        let mut log = Log::of(gateway);
        log.records.retain(|r| r.iter().map(String::len).sum::<usize>() < 900);
        let lines = log.records.iter().find(|r| r.iter().any(|cell| cell.contains('\n'))).cloned();
        let step = log.records.len() / rows;
        log.records = log.records.into_iter().step_by(step).take(rows).collect();
        log.records.splice(2..2 + lines.iter().len(), lines);
        log.csv = log.as_csv(b',', ::csv::QuoteStyle::Necessary, "\n");
        log
    }

    fn entries(&self) -> Vec<String> {
        let (format, found) = read(&self.csv).unwrap();
        assert_eq!((format, found.malformed.as_slice(), found.entries.len()), ("csv", [].as_slice(), self.records.len()));
        found.entries
    }

    fn as_csv(&self, delimiter: u8, quoting: ::csv::QuoteStyle, end: &str) -> Vec<u8> {
        let end = if end == "\r\n" { ::csv::Terminator::CRLF } else { ::csv::Terminator::Any(b'\n') };
        let mut writer =
            ::csv::WriterBuilder::new().delimiter(delimiter).quote_style(quoting).terminator(end).from_writer(Vec::new());
        writer.write_record(&self.header).unwrap();
        self.records.iter().for_each(|record| writer.write_record(record).unwrap());
        writer.into_inner().unwrap()
    }

    fn objects(&self) -> Vec<Value> {
        let value = |name: &str, cell: &str| match cell.parse::<i64>() {
            Ok(number) if name != "content" && number.to_string() == cell => json!(number),
            _ if cell.is_empty() && name == "channel_name" => Value::Null,
            _ => json!(cell),
        };
        let object = |record: &Vec<String>| {
            let pairs = self.header.iter().zip(record).map(|(name, cell)| (name.clone(), value(name, cell)));
            Value::Object(pairs.collect::<Map<String, Value>>())
        };
        self.records.iter().map(object).collect()
    }

    fn as_ndjson(&self) -> Vec<u8> {
        self.objects().iter().map(|object| object.to_string() + "\n").collect::<String>().into_bytes()
    }

    fn as_json(&self) -> Vec<u8> {
        Value::Array(self.objects()).to_string().into_bytes()
    }

    fn into_database(self, path: &Path) {
        let database = rusqlite::Connection::open(path).unwrap();
        let names: Vec<String> = self.header.iter().map(|name| format!("\"{name}\"")).collect();
        database.execute_batch(&format!("CREATE TABLE \"logs\" ({})", names.join(","))).unwrap();
        let marks = vec!["?"; names.len()].join(",");
        for record in &self.records {
            let cells = record.iter().map(|cell| if cell.is_empty() { None } else { Some(cell) });
            database.execute(&format!("INSERT INTO logs VALUES ({marks})"), rusqlite::params_from_iter(cells)).unwrap();
        }
    }
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn every_form_of_csv_gives_equal_entries() {
    for gateway in GATEWAYS {
        let log = Log::of(gateway);
        let entries = log.entries();
        for delimiter in [b',', b';', b'\t'] {
            for quoting in [::csv::QuoteStyle::Necessary, ::csv::QuoteStyle::Always] {
                for end in ["\n", "\r\n"] {
                    check_entries(&log.as_csv(delimiter, quoting, end), "csv", &entries);
                }
            }
        }
        check_entries(log.csv.trim_ascii_end(), "csv", &entries);
    }
}

#[test]
fn every_form_of_json_gives_equal_entries() {
    for gateway in GATEWAYS {
        let log = Log::of(gateway);
        let (entries, objects) = (log.entries(), log.objects());
        check_entries(&log.as_json(), "json", &entries);
        check_entries(&log.as_ndjson(), "ndjson", &entries);
        check_entries(&serde_json::to_vec_pretty(&objects).unwrap(), "json", &entries);
        for page in [
            json!({"success": true, "message": "", "data": {"page": 1, "page_size": 100, "total": 3, "items": objects}}),
            json!({"data": objects, "message": "", "success": true, "total": 3}),
            json!({"success": true, "message": "", "data": {"data": objects, "page": 1, "size": 10, "total_count": 9}}),
            json!({"logs": objects}),
            json!({"meta": [{"name": "id", "type": "Int64"}], "rows": objects, "statistics": {"elapsed": 0.1}}),
        ] {
            check_entries(page.to_string().as_bytes(), "json", &entries);
            check_entries(&serde_json::to_vec_pretty(&page).unwrap(), "json", &entries);
        }
        let pretty = objects.iter().map(|object| serde_json::to_string_pretty(object).unwrap());
        check_entries(pretty.collect::<Vec<_>>().join("\n").as_bytes(), "json", &entries);
        let (first, rest) = objects.split_at(20);
        let pages = [first, rest].map(|rows| json!({"success": true, "data": {"items": rows}}).to_string());
        check_entries(pages.concat().as_bytes(), "json", &entries);
        check_entries(pages.join("\n").as_bytes(), "json", &entries);
    }
}

#[test]
fn a_database_gives_equal_entries() {
    let folder = tempfile::tempdir().unwrap();
    for gateway in GATEWAYS {
        let log = Log::of(gateway);
        let entries = log.entries();
        let path = folder.path().join(gateway);
        log.into_database(&path);
        let mut input = open_path(&path, &OpenOptions::default()).unwrap();
        assert_eq!((input.format, input.size), ("sqlite", Some(std::fs::metadata(&path).unwrap().len())));
        let found = drain(&mut input, 10_000);
        assert_eq!(found, Found { entries, malformed: Vec::new() });
    }
}

#[test]
fn compression_and_encodings_change_nothing() {
    let log = Log::of("one-api");
    let entries = log.entries();
    let text = String::from_utf8(log.csv.clone()).unwrap();
    let utf16 = |order: fn(u16) -> [u8; 2]| "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(order).collect();
    let (head, tail) = log.csv.split_at(1000);
    let forms: [Vec<u8>; 8] = [
        gzipped(&log.csv),
        [gzipped(head), gzipped(tail)].concat(),
        zstd::encode_all(log.csv.as_slice(), 1).unwrap(),
        [zstd::encode_all(head, 1).unwrap(), zstd::encode_all(tail, 1).unwrap()].concat(),
        zstd::encode_all(gzipped(&log.csv).as_slice(), 1).unwrap(),
        [b"\xef\xbb\xbf", log.csv.as_slice()].concat(),
        utf16(u16::to_le_bytes),
        utf16(u16::to_be_bytes),
    ];
    for form in &forms {
        check_entries(form, "csv", &entries);
    }
    for (name, encoding) in [("gbk", encoding_rs::GBK), ("GB18030", encoding_rs::GB18030)] {
        let options = OpenOptions { encoding: Some(name.to_owned()), ..OpenOptions::default() };
        let encoded = encoding.encode(&text).0.into_owned();
        assert_eq!(read_with(&gzipped(&encoded), &options).unwrap().1.entries, entries);
        assert_eq!(read(&encoded).unwrap_err().kind, OpenErrorKind::NotUtf8);
        // A byte order mark wins over the flag.
        assert_eq!(read_with(&forms[6], &options).unwrap().1.entries, entries);
        assert_eq!(read_with(&forms[5], &options).unwrap().1.entries, entries);
    }
}

#[test]
fn an_export_stream_is_one_csv() {
    let log = Log::of("one-api");
    let text = String::from_utf8(log.csv.clone()).unwrap();
    let line = |text: &str| json!({"csv": text, "count": 1, "done": false}).to_string() + "\n";
    let middle = text.char_indices().nth(700).unwrap().0;
    let stream = line(&("\u{feff}".to_owned() + &text[..middle])) + &line(&text[middle..]) + "{\"csv\":\"\",\"done\":true}\n";
    check_entries(stream.as_bytes(), "csv", &log.entries());
}

#[test]
fn a_single_object_is_a_log() {
    let object = r#"{"model":"gpt-4o","prompt_tokens":1,"quota":2}"#;
    for form in [object.to_owned(), format!("{{\"success\":true,\"data\":{object}}}"), format!("[{object}]")] {
        let (format, found) = read(form.as_bytes()).unwrap();
        assert_eq!((format, found.entries.len(), found.malformed.len()), ("json", 1, 0), "{form}");
    }
}

#[test]
fn lines_are_counted() {
    let lines = |text: &str| {
        let mut input = open_stream("x", Cursor::new(text.as_bytes().to_vec()), &OpenOptions::default()).unwrap();
        let mut row = Row::default();
        let mut lines = Vec::new();
        while input.rows.next(&mut row) != Next::End {
            lines.push(row.place.line);
        }
        lines
    };
    let row = r#"{"model":"a","quota":1}"#;
    assert_eq!(lines(&format!("\n{row}\nbroken\n\n{row}\n")), [2, 3, 5]);
    assert_eq!(lines(&format!("[\n{row},\n {row},{row}\n,{{\n\"model\":\"b\",\n\"quota\":1}},\n{row}]")), [2, 3, 3, 4, 7]);
}

#[test]
fn a_broken_row_of_json_is_one_malformed_row() {
    let row = |model: &str| format!(r#"{{"model":"{model}","quota":1,"other":"{{\"a\":1}}"}}"#);
    let broken = r#"{"model":"x","quota":1 "other":"{\"a\":1},{\"model\":\"y\",\"quota\":1}"}"#;
    let (a, b) = (row("a"), row("b"));
    for text in [
        format!("{a}\n{broken}\n{b}\n"),
        format!("[{a},{broken},{b}]"),
        format!("[\n{a},\n{broken},\n{b}\n]"),
        format!("{{\"data\":[{a},{broken},{b}],\"total\":3}}"),
        format!("[{a},\"x\",{b}]"),
        format!("[{a},[1,{{}}],{b}]"),
        format!("{a}\n[1]\n{b}\n"),
        format!("{a}\nnull\n{b}"),
        format!("{a}\n{{\"level\":\"info\"}}\n{b}"),
        format!("{a}\n{{\"success\":false,\"message\":\"x\"}}\n{b}"),
    ] {
        let (_, found) = read(text.as_bytes()).unwrap();
        assert_eq!((found.entries.len(), found.malformed.len()), (2, 1), "{text}\n{:?}", found.malformed);
        let models = ["a", "b"].map(|model| format!("model: \"{model}\""));
        assert!(found.entries.iter().zip(models).all(|(entry, model)| entry.contains(&model)), "{text}");
    }
}

/// The first block ends wherever it likes within the broken lines.
#[test]
fn what_is_said_of_a_broken_line_hangs_on_no_block() {
    let row = |content: &str| format!(r#"{{"model":"a","quota":1,"content":"{content}"}}"#) + "\n";
    let broken =
        ["roup\":\"a\",\"request_id\":\"r1\"}\n", r#"{"model":"a","quota":1 "content":"some more text here"}"#].concat() + "\n";
    let all = |padding: usize| {
        let text = row(&"x".repeat(padding)) + &broken + &row("") + "a stray text\n";
        read(text.as_bytes()).unwrap().1.malformed
    };
    let expected = all(1);
    assert_eq!(expected.len(), 3);
    let most = crate::read::window::BLOCK;
    for padding in most - 200..most + 10 {
        assert_eq!(all(padding), expected, "{padding}");
    }
}

#[test]
fn each_element_that_is_no_object_is_a_malformed_row() {
    let found = read(br#"[{"model":"a","quota":1},1, 2 ,"x",null,{"model":"b","quota":1},[3]]"#).unwrap().1;
    assert_eq!((found.entries.len(), found.malformed.len()), (2, 5), "{:?}", found.malformed);
}

#[test]
fn lines_may_begin_with_the_end_of_a_cut_row() {
    let (format, found) =
        read(b"quota\":1,\"other\":\"\"}\n{\"model\":\"a\",\"quota\":1}\n{\"model\":\"b\",\"quota\":1}\n").unwrap();
    assert_eq!((format, found.entries.len(), found.malformed.len()), ("ndjson", 2, 1));
    // In a cell of CSV such a line has its quotes doubled.
    let (format, found) = read(b"model,quota,other\na,1,\"\n{\"\"a\"\":1}\"\n").unwrap();
    assert_eq!((format, found.entries.len(), found.malformed.len()), ("csv", 1, 0));
}

#[test]
fn deep_nesting_is_no_danger() {
    let deep = "[".repeat(100_000);
    let text = format!("{{\"model\":\"a\",\"quota\":1,\"other\":{deep}\n{{\"model\":\"a\",\"quota\":1}}\n");
    assert_eq!(read(text.as_bytes()).unwrap().1.malformed.len(), 1);
    assert!(read(deep.as_bytes()).is_err());
    let row = "{\"model\":\"a\",\"quota\":1}";
    for deep in ["{\"a\":", "{\"a\":\n", "[{"].map(|text| text.repeat(20_000)) {
        for end in ["", "x"] {
            let text = format!("[{row},{deep}{end}");
            assert_eq!(read(text.as_bytes()).unwrap().1.entries.len(), 1);
            let _ = read(format!("{deep}{end}").as_bytes());
            let _ = read(format!("{row}\n{deep}{end}").as_bytes());
            let _ = read(format!("{row} {deep}{end}").as_bytes());
        }
    }
    let pages = "{\"success\":true,\"data\":null}\n".repeat(10_000);
    assert_eq!(read(pages.as_bytes()).unwrap().1, Found::default());
}

#[test]
fn an_empty_input_is_a_log_without_rows() {
    for text in ["", "\n \n", "\u{feff}", "[]", "{\"success\":true,\"data\":{\"items\":null,\"total\":0}}", "model,quota\n"] {
        let (_, found) = read(text.as_bytes()).unwrap();
        assert_eq!(found, Found::default(), "{text:?}");
    }
    assert_eq!(read(&gzipped(b"")).unwrap().1, Found::default());
}

#[track_caller]
fn check_error(bytes: &[u8], message: &str, hint: &str) {
    let error = read(bytes).unwrap_err();
    assert_eq!((error.to_string().as_str(), error.kind.hint().unwrap_or_default().as_str()), (message, hint));
}

#[test]
fn what_is_no_log_says_so() {
    let map = "name a column by hand with `--map FIELD=COLUMN`";
    let config = "give it as `--config`";
    check_error(b"a,b\n1,2\n", "x: no column for `model` and a charge (`quota` or `cost_usd`), found `a`, `b`", map);
    check_error(br#"{"model":"x","level":1}"#, "x: no column for a charge (`quota` or `cost_usd`), found `model`, `level`", map);
    check_error(b"[1,2]", "x: an array without objects, expected the rows of a log", "");
    check_error(br#"{"ModelRatio":{"a":1}}"#, "x: looks like a config, expected a log", config);
    check_error(br#"{"success":true,"data":[{"key":"a","value":"b"}]}"#, "x: looks like a config, expected a log", config);
    check_error(br#"[{"model_name":"a","quota_type":0}]"#, "x: looks like a config, expected a log", config);
    check_error(
        br#"{"success":false,"message":"no such user"}"#,
        "x: the gateway answered with an error in place of a log: `no such user`",
        "",
    );
    check_error(b"PK\x03\x04....[Content_Types].xml", "x: a spreadsheet file, expected a log", "save as CSV");
    check_error(b"  <!doctype html>", "x: a web page or XML, expected a log", "save the export or the API's answer itself");
    check_error(b"SQLite format 3\0....", "x: cannot be read: file is not a database", "");
    check_error(b"id,model\xff,quota\n", "x: the text is not UTF-8", "name its encoding, for example `--encoding gbk`");
    check_error(b"i\0d\0,\0", "x: the text is not UTF-8", "name its encoding, for example `--encoding gbk`");
    assert!(read(b"\x1f\x8b\x08garbage").unwrap_err().to_string().starts_with("x: broken gzip data: "));
    let encoding = OpenOptions { encoding: Some("klingon".to_owned()), ..OpenOptions::default() };
    assert_eq!(read_with(b"a", &encoding).unwrap_err().to_string(), "x: unknown encoding `klingon`");
    let json = OpenOptions { format: Some(Format::Json), ..OpenOptions::default() };
    assert_eq!(read_with(b"model,quota\n", &json).unwrap_err().to_string(), "x: expected json, as `--input-format` says");
}

#[test]
fn paths_that_are_no_files() {
    let error = |path: &Path| open_path(path, &OpenOptions::default()).err().unwrap().kind;
    assert_eq!(error(Path::new("no/such/file")), OpenErrorKind::NotFound);
    assert_eq!(error(tempfile::tempdir().unwrap().path()), OpenErrorKind::Directory);
}

#[test]
fn a_map_names_columns_by_hand() {
    let map = vec![(Field::Quota, "Spent".to_owned())];
    let options = OpenOptions { map, ..OpenOptions::default() };
    for text in ["model,quota,spent\na,1,2\n", "{\"model\":\"a\",\"quota\":1,\"spent\":2}"] {
        let (_, found) = read_with(text.as_bytes(), &options).unwrap();
        assert!(found.entries[0].contains("charged: Some(Points(Points(2)))"), "{:?}", found.entries);
    }
    let error = read_with(b"model,quota\n", &options).unwrap_err();
    assert_eq!(error.to_string(), "x: `--map quota=Spent`: no column `Spent`");
}

/// The rows of a text: their bytes, in order.
fn spans(bytes: &[u8], rows: &[Vec<u8>]) -> Vec<std::ops::Range<usize>> {
    let mut from = 0;
    let mut span = |row: &Vec<u8>| {
        let start = from + memchr::memmem::find(&bytes[from..], row).unwrap();
        from = start + row.len();
        start..from
    };
    rows.iter().map(&mut span).collect()
}

/// Whether all of `wanted` are among `found`, in order.
fn holds_all(found: &[String], wanted: &[&String]) -> bool {
    let mut rest = found.iter();
    wanted.iter().all(|entry| rest.any(|other| other == *entry))
}

/// A form of a log, where each row stands in it, and the entries of those rows.
type Form = (Vec<u8>, Vec<std::ops::Range<usize>>, Vec<String>);

/// Each form of a small log.
fn damaged_forms() -> Vec<Form> {
    let mut forms = Vec::new();
    for gateway in ["new-api", "one-hub"] {
        let log = Log::short(gateway, 6);
        let entries = log.entries();
        let line = |record: &Vec<String>| {
            let alone = Log { csv: Vec::new(), header: record.clone(), records: Vec::new() };
            alone.as_csv(b',', ::csv::QuoteStyle::Necessary, "\n").trim_ascii_end().to_vec()
        };
        let lines: Vec<Vec<u8>> = log.records.iter().map(line).collect();
        forms.push((log.csv.clone(), spans(&log.csv, &lines), entries.clone()));
        let objects: Vec<Vec<u8>> = log.objects().iter().map(|object| object.to_string().into_bytes()).collect();
        let page = json!({"success": true, "data": {"items": log.objects(), "total": 6}}).to_string().into_bytes();
        for form in [log.as_json(), log.as_ndjson(), page] {
            let spans = spans(&form, &objects);
            forms.push((form, spans, entries.clone()));
        }
    }
    forms
}

#[test]
fn a_damaged_byte_costs_only_its_own_row() {
    for (bytes, spans, entries) in damaged_forms() {
        for at in spans[0].start..bytes.len() {
            for (turn, byte) in b"\"\n,{}[]\\\0\xffx".iter().enumerate() {
                // All bytes at some places, single ones at others.
                if at % 101 != 0 && (at + turn) % 44 != 0 {
                    continue;
                }
                let mut damaged = bytes.clone();
                damaged[at] = *byte;
                let hit = |span: &std::ops::Range<usize>| at + 1 >= span.start && at <= span.end;
                let whole: Vec<&String> = entries.iter().zip(&spans).filter(|(_, span)| !hit(span)).map(|(e, _)| e).collect();
                let (_, found) = read(&damaged).unwrap_or_else(|e| panic!("{at} {byte} {e} {}", String::from_utf8_lossy(&damaged)));
                let right = holds_all(&found.entries, &whole) && found.entries.len() <= entries.len();
                assert!(right && found.malformed.len() <= 3, "{at} {byte} {}\n{found:#?}", String::from_utf8_lossy(&damaged));
            }
        }
    }
}

#[test]
fn a_cut_costs_only_its_own_row() {
    for (bytes, spans, entries) in damaged_forms() {
        for at in (spans[0].start..bytes.len()).step_by(3) {
            let whole: Vec<&String> = entries.iter().zip(&spans).filter(|(_, span)| span.end <= at).map(|(e, _)| e).collect();
            let (_, found) = read(&bytes[..at]).unwrap();
            assert!(holds_all(&found.entries, &whole), "{at} {:?}", found.malformed);
            assert!(found.malformed.len() <= 1 && found.entries.len() <= whole.len() + 1, "{at} {:?}", found.malformed);
        }
    }
}

#[test]
fn a_cut_in_compressed_data_is_one_malformed_row() {
    for (bytes, _, entries) in damaged_forms() {
        for packed in [gzipped(&bytes), zstd::encode_all(bytes.as_slice(), 1).unwrap()] {
            for at in (8..packed.len()).step_by(31) {
                if let Ok((_, found)) = read(&packed[..at]) {
                    // A row over several lines that is cut, and the broken data itself.
                    assert!((1..=2).contains(&found.malformed.len()), "{at} {found:?}");
                    assert_eq!(found.entries, entries[..found.entries.len()]);
                }
            }
        }
    }
}

/// Gives seven bytes at a time, so that every token lies across reads once.
struct Drip(Cursor<Vec<u8>>);

impl Read for Drip {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let count = buffer.len().min(7);
        self.0.read(&mut buffer[..count])
    }
}

#[test]
fn small_reads_change_nothing() {
    for (bytes, _, entries) in damaged_forms() {
        let window = Window::new(Box::new(Drip(Cursor::new(bytes.clone()))));
        let opening = Opening { options: &OpenOptions::default(), path: None };
        let opened = if is_json(&bytes) { opening.json(window, Arc::default()) } else { opening.csv(window, Arc::default()) };
        let (format, rows) = opened.unwrap();
        let mut input = Input { name: String::new(), format, size: None, rows: Box::new(WithGroups(rows)), database: None };
        assert_eq!(drain(&mut input, 100), Found { entries, malformed: Vec::new() });
    }
}

#[test]
fn a_number_may_be_cut_anywhere() {
    let rows = "{\"model\":\"a\",\"quota\":-1,\"x\":[1.25,-1e2,12.5E+10,1e-3]}\n{\"model\":\"a\",\"quota\":-2}\n";
    let page = "{\"data\":[{\"model\":\"a\",\"quota\":-1,\"x\":{\"y\":0.25}}],\"x\":-5.5e+1}";
    for (text, spaces) in [rows, page].into_iter().flat_map(|text| (0..7).map(move |spaces| (text, spaces))) {
        let text = text.replacen('{', &format!("{{{}", " ".repeat(spaces)), 1);
        let window = Window::new(Box::new(Drip(Cursor::new(text.clone().into_bytes()))));
        let opening = Opening { options: &OpenOptions::default(), path: None };
        let (format, rows) = opening.json(window, Arc::default()).unwrap();
        let mut input = Input { name: String::new(), format, size: None, rows, database: None };
        let found = drain(&mut input, 100);
        assert_eq!((found.entries.len(), found.malformed), (text.matches("model").count(), Vec::new()), "{text}");
    }
}

#[test]
fn rows_across_blocks_are_whole() {
    let log = Log::short("new-api", 6);
    let mut entries = Vec::new();
    let (mut csv, mut json) = (log.as_csv(b',', ::csv::QuoteStyle::Always, "\r\n"), b"[".to_vec());
    let rows = csv[memchr::memchr(b'\n', &csv).unwrap() + 1..].to_vec();
    let objects = log.as_json();
    csv.truncate(csv.len() - rows.len());
    while csv.len() < 700_000 {
        csv.extend_from_slice(&rows);
        json.extend_from_slice(&objects[1..objects.len() - 1]);
        json.push(b',');
        entries.extend(log.entries());
    }
    json.pop();
    json.push(b']');
    check_entries(&csv, "csv", &entries);
    check_entries(&json, "json", &entries);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_a_reader_panic(head in 0_usize..6, tail in prop::collection::vec(any::<u8>(), 0..400)) {
        let heads = ["", "model,quota\n", "[", "{\"data\":[", "{\"model\":\"a\",\"quota\":1}\n", "model\tquota\tcontent\n\"a\"\t"];
        let mut bytes = heads[head].as_bytes().to_vec();
        bytes.extend_from_slice(&tail);
        let _ = read(&bytes);
    }

    #[test]
    fn no_text_of_marks_makes_a_reader_panic(text in "[\\[\\]{}\",:\\\\\\n a1]{0,60}", head in 0_usize..4) {
        let heads = ["", "model,quota\n", "[{\"model\":\"a\",\"quota\":1},", "{\"success\":true,\"data\":{\"items\":["];
        let _ = read((heads[head].to_owned() + &text).as_bytes());
    }

    #[test]
    fn a_written_cell_is_read_as_written(content in "\\PC{0,20}|[\"',;\\n\\r\\\\x]{0,12}", quota in any::<i64>()) {
        prop_assume!(content != "NULL" && content != "\\N" && !content.starts_with('\''));
        let mut writer = ::csv::Writer::from_writer(Vec::new());
        writer.write_record(["content", "model", "quota"]).unwrap();
        writer.write_record([content.as_str(), "m", &quota.to_string()]).unwrap();
        writer.write_record(["last", "m", "1"]).unwrap();
        let csv = writer.into_inner().unwrap();
        let json = format!("{}\n{}", json!({"content": content, "model": "m", "quota": quota}), json!({"content": "last", "model": "m", "quota": 1}));
        let (_, found) = read(&csv).unwrap();
        prop_assert_eq!(&found.malformed, &[]);
        prop_assert_eq!(&found.entries, &read(json.as_bytes()).unwrap().1.entries);
        let written = format!("content: {content:?}");
        prop_assert!(found.entries[0].contains(&written));
    }
}

/// However many blank lines there are before the header, they are lines.
#[test]
fn blanks_at_the_start_hide_no_log() {
    for (blanks, lines) in [("\n".repeat(200_000), 200_000), (" ".repeat(100_000) + "\n", 1)] {
        let mut input =
            open_stream("x", Cursor::new((blanks + "{\"model\":\"a\",\"quota\":1}\n").into_bytes()), &OpenOptions::default())
                .unwrap();
        let mut row = Row::default();
        assert_eq!(input.rows.next(&mut row), Next::Row);
        assert_eq!(row.place.line, lines + 1);
    }
    let blanks = "\n".repeat(200_000) + "model,quota\na,1\n";
    assert_eq!(read(blanks.as_bytes()).unwrap().1.entries.len(), 1);
    assert_eq!(read("\n".repeat(200_000).as_bytes()).unwrap().1.entries.len(), 0);
}

/// `Place` is the caller's but for its line.
#[test]
fn the_input_number_stays() {
    let mut input = open_stream("x", Cursor::new(b"model,quota\na,1\nb\n".to_vec()), &OpenOptions::default()).unwrap();
    let mut row = Row::default();
    row.place.input = 7;
    assert_eq!(input.rows.next(&mut row), Next::Row);
    assert_eq!(row.place, Place { input: 7, line: 2 });
    assert!(matches!(input.rows.next(&mut row), Next::Malformed(_)));
    assert_eq!(row.place, Place { input: 7, line: 3 });
    assert_eq!(input.rows.bytes(), 18);
}
