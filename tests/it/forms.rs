//! A log as CSV, and the same log in every other form.

use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};

/// The records of a CSV log.
#[derive(Clone, Debug)]
pub struct Log {
    pub header: Vec<String>,
    pub records: Vec<Vec<String>>,
}

/// The forms that a log can have.
pub const FORMS: [&str; 7] = ["csv", "tsv", "json", "page", "ndjson", "gz", "db"];

impl Log {
    pub fn read(path: &Path) -> Log {
        Log::parse(&std::fs::read(path).unwrap())
    }

    pub fn parse(bytes: &[u8]) -> Log {
        let mut reader = csv::Reader::from_reader(bytes);
        let header = reader.headers().unwrap().iter().map(str::to_owned).collect();
        let records = reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect();
        Log { header, records }
    }

    /// The index of a column.
    pub fn column(&self, name: &str) -> usize {
        self.header.iter().position(|header| header == name).unwrap_or_else(|| panic!("no column {name}"))
    }

    pub fn csv(&self, delimiter: u8) -> Vec<u8> {
        let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
        writer.write_record(&self.header).unwrap();
        self.records.iter().for_each(|record| writer.write_record(record).unwrap());
        writer.into_inner().unwrap()
    }

    /// The rows as the gateway's API gives them: numbers as such, `other` as a text.
    fn objects(&self) -> Vec<Value> {
        let value = |cell: &String| match cell.parse::<i64>() {
            Ok(number) if number.to_string() == *cell => json!(number),
            _ => json!(cell),
        };
        let object = |record: &Vec<String>| {
            let pairs = self.header.iter().zip(record).map(|(name, cell)| (name.clone(), value(cell)));
            Value::Object(pairs.collect::<Map<String, Value>>())
        };
        self.records.iter().map(object).collect()
    }

    /// Writes the log in one of [`FORMS`].
    pub fn write(&self, folder: &Path, form: &str) -> PathBuf {
        let path = folder.join(format!("log.{form}"));
        let bytes = match form {
            "csv" => self.csv(b','),
            "tsv" => self.csv(b'\t'),
            "json" => Value::Array(self.objects()).to_string().into_bytes(),
            "page" => {
                json!({"success": true, "message": "", "data": {"page": 1, "items": self.objects()}}).to_string().into_bytes()
            }
            "ndjson" => self.objects().iter().map(|object| object.to_string() + "\n").collect::<String>().into_bytes(),
            "gz" => gzipped(&self.csv(b',')),
            "db" => {
                self.database(&path);
                return path;
            }
            other => panic!("no form {other}"),
        };
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// A gateway's SQLite file with the rows under their own ids.
    fn database(&self, path: &Path) {
        let database = rusqlite::Connection::open(path).unwrap();
        let columns: Vec<String> = self.header.iter().map(|name| format!("\"{name}\" {}", affinity(name))).collect();
        database.execute_batch(&format!("CREATE TABLE logs ({}); BEGIN", columns.join(", "))).unwrap();
        let marks = vec!["?"; self.header.len()].join(", ");
        for record in &self.records {
            database.execute(&format!("INSERT INTO logs VALUES ({marks})"), rusqlite::params_from_iter(record)).unwrap();
        }
        database.execute_batch("COMMIT").unwrap();
    }
}

/// How SQLite stores a column of the gateway.
fn affinity(column: &str) -> &'static str {
    match column {
        "id" => "integer PRIMARY KEY",
        "created_at" | "type" | "quota" | "prompt_tokens" | "completion_tokens" => "integer",
        _ => "text",
    }
}

pub fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Puts the options of a saved `/api/option/` answer into a gateway's SQLite file, as the gateway itself keeps them.
pub fn add_options(database: &Path, options: &Path) {
    let answer: Value = serde_json::from_slice(&std::fs::read(options).unwrap()).unwrap();
    let database = rusqlite::Connection::open(database).unwrap();
    database.execute_batch("CREATE TABLE options (key text PRIMARY KEY, value text)").unwrap();
    for option in answer["data"].as_array().unwrap() {
        let pair = [option["key"].as_str().unwrap(), option["value"].as_str().unwrap()];
        database.execute("INSERT INTO options VALUES (?, ?)", pair).unwrap();
    }
}
