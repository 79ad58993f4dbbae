//! Writes large logs as a new-api gateway would, with wrong charges planted in them, and checks that an audit found exactly those.
//!
//! ```sh
//! cargo bench --bench generate -- --rows 5000000 --out bench-logs            # logs.csv, config.json, faults.csv
//! target/release/quota audit bench-logs/logs.csv --config bench-logs/config.json \
//!     --format json --limit 1000000 > bench-logs/report.json
//! cargo bench --bench generate -- --out bench-logs --check bench-logs/report.json
//! ```
//!
//! The same seed gives the same bytes. Charges are computed here in integers of their own, not by the library, so that a mistake of
//! the library cannot hide in the log.

#![allow(clippy::print_stdout, reason = "it tells what it wrote")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

/// Ratios are integers of this many decimals.
const PLACES: usize = 8;
const ONE: u128 = 10u128.pow(PLACES as u32);

/// What is asked for on the command line.
struct Job {
    rows: u64,
    out: PathBuf,
    form: String,
    seed: u64,
    /// One charge of so many is wrong.
    fault_every: u64,
    unfriendly: Vec<String>,
    check: Option<PathBuf>,
}

const HELP: &str = "--rows N (5000000)  --out FOLDER (bench-logs)  --form csv|ndjson|slim|sqlite (csv)  --seed N (1)\n\
    --fault-every N (1000)  --check REPORT.json\n\
    --unfriendly unique|quoted|unsorted|models|wrong|caused, repeatable: a text of its own in each row's `other`, every field\n\
    quoted, keys of `other` in any order, 5000 models, every charge wrong, every charge\n\
    wrong by one of five causes";

fn main() -> io::Result<()> {
    let Some(job) = Job::parse(std::env::args().skip(1)) else {
        println!("{HELP}");
        return Ok(());
    };
    match &job.check {
        Some(report) => check(report, &job.out.join("faults.csv")),
        None => generate(&job),
    }
}

impl Job {
    /// None where a word is not understood.
    fn parse(mut words: impl Iterator<Item = String>) -> Option<Job> {
        let mut job = Job {
            rows: 5_000_000,
            out: PathBuf::from("bench-logs"),
            form: "csv".to_owned(),
            seed: 1,
            fault_every: 1_000,
            unfriendly: Vec::new(),
            check: None,
        };
        while let Some(word) = words.next() {
            // What the test harness of a bench would be told.
            if word == "--bench" {
                continue;
            }
            let value = words.next()?;
            match word.as_str() {
                "--rows" => job.rows = value.replace('_', "").parse().ok()?,
                "--out" => job.out = PathBuf::from(value),
                "--form" if ["csv", "ndjson", "slim", "sqlite"].contains(&value.as_str()) => job.form = value,
                "--seed" => job.seed = value.parse().ok()?,
                "--fault-every" => job.fault_every = value.parse().ok().filter(|every| *every > 0)?,
                "--unfriendly" if ["unique", "quoted", "unsorted", "models", "wrong", "caused"].contains(&value.as_str()) => {
                    job.unfriendly.push(value);
                }
                "--check" => job.check = Some(PathBuf::from(value)),
                _ => return None,
            }
        }
        Some(job)
    }

    fn is(&self, unfriendly: &str) -> bool {
        self.unfriendly.iter().any(|word| word == unfriendly)
    }
}

/// SplitMix64: small, fast, the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `below`, without it.
    fn below(&mut self, below: u64) -> u64 {
        self.next() % below
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len() as u64) as usize]
    }
}

/// A model with its ratios, in units of [`ONE`].
struct Model {
    name: String,
    ratio: u128,
    completion: u128,
    cache: u128,
}

struct Group {
    name: &'static str,
    ratio: u128,
}

const GROUPS: [Group; 6] = [
    Group { name: "default", ratio: ONE },
    Group { name: "vip", ratio: 85_000_000 },
    Group { name: "discount", ratio: 80_000_000 },
    Group { name: "relay", ratio: 30_000_000 },
    Group { name: "many", ratio: 6_666_667 },
    Group { name: "long", ratio: 123_456_789 },
];

const RATIOS: [u128; 10] =
    [7_500_000, 12_500_000, 50_000_000, 62_500_000, ONE, 125_000_000, 250_000_000, 33_333_333, 750_000_000, 3_750_000_000];
const COMPLETIONS: [u128; 6] = [ONE, 2 * ONE, 4 * ONE, 5 * ONE, 8 * ONE, 457_000_000];
const CACHES: [u128; 4] = [10_000_000, 25_000_000, 50_000_000, ONE];

fn models(count: usize) -> Vec<Model> {
    let model = |index: usize| Model {
        name: format!("bench-model-{index:02}"),
        ratio: RATIOS[index % RATIOS.len()],
        completion: COMPLETIONS[index % COMPLETIONS.len()],
        cache: CACHES[index % CACHES.len()],
    };
    (0..count).map(model).collect()
}

/// A ratio as JSON prints it.
fn decimal(ratio: u128) -> String {
    let (whole, rest) = (ratio / ONE, ratio % ONE);
    let fraction = format!("{rest:0PLACES$}");
    match fraction.trim_end_matches('0') {
        "" => whole.to_string(),
        digits => format!("{whole}.{digits}"),
    }
}

/// One request of the log.
struct Request<'a> {
    id: u64,
    time: u64,
    user: u64,
    model: &'a Model,
    group: &'a Group,
    prompt: u64,
    cached: u64,
    completion: u64,
    request_id: String,
    streamed: bool,
}

impl<'a> Request<'a> {
    fn random(id: u64, random: &mut Random, models: &'a [Model]) -> Request<'a> {
        let is_long = random.below(20) == 0;
        let prompt = 1 + random.below(if is_long { 200_000 } else { 8_000 });
        let is_cached = random.below(100) < 55;
        let cached = if is_cached { 1 + random.below(prompt) } else { 0 };
        let time = 1_795_000_000 + id / 40;
        Request {
            id,
            time,
            user: 1 + random.below(500),
            model: random.pick(models),
            group: random.pick(&GROUPS),
            prompt,
            cached,
            completion: random.below(4_000),
            request_id: format!("{time}{:016x}", random.next()),
            streamed: random.below(2) == 0,
        }
    }

    /// `(plain + cached·cache + completion·completion ratio) · model ratio · group ratio`, rounded half up, at least one point.
    fn charge(&self) -> i64 {
        let (plain, cached, completion) =
            (u128::from(self.prompt - self.cached), u128::from(self.cached), u128::from(self.completion));
        self.at(plain * ONE + cached * self.model.cache + completion * self.model.completion, self.group.ratio)
    }

    fn at(&self, tokens: u128, group: u128) -> i64 {
        // tokens < 2^60, ratios < 2^39 and 2^27: within 128 bits.
        let (amount, unit) = (tokens * self.model.ratio * group, ONE * ONE * ONE);
        let points = (2 * amount + unit) / (2 * unit);
        i64::try_from(points.max(1)).unwrap_or(i64::MAX)
    }

    /// A wrong charge, by the first of five causes from a random one on that makes a difference: the group ratio left out, cached tokens
    /// free, cached tokens like input, output free, output like input. Else one point more.
    fn caused(&self, random: &mut Random) -> i64 {
        let (Model { cache, completion, .. }, group) = (self.model, self.group.ratio);
        let [plain, cached, output] = [self.prompt - self.cached, self.cached, self.completion].map(u128::from);
        let charges = [
            self.at(plain * ONE + cached * cache + output * completion, ONE),
            self.at(plain * ONE + output * completion, group),
            self.at((plain + cached) * ONE + output * completion, group),
            self.at(plain * ONE + cached * cache, group),
            self.at(plain * ONE + cached * cache + output * ONE, group),
        ];
        let first = random.below(5) as usize;
        let wrong = charges.iter().cycle().skip(first).take(5).find(|charge| **charge != self.charge());
        wrong.copied().unwrap_or(self.charge() + 1)
    }

    /// The key `other` as the gateway writes it: sorted, unless asked otherwise.
    fn other(&self, random: &mut Random, job: &Job) -> String {
        let mut parts = vec![
            "\"admin_info\":{\"use_channel\":[\"1\"]}".to_owned(),
            format!("\"cache_ratio\":{}", decimal(self.model.cache)),
            format!("\"cache_tokens\":{}", self.cached),
            format!("\"completion_ratio\":{}", decimal(self.model.completion)),
            format!("\"frt\":{}", random.below(3_000)),
            format!("\"group_ratio\":{}", decimal(self.group.ratio)),
            "\"model_price\":-1".to_owned(),
            format!("\"model_ratio\":{}", decimal(self.model.ratio)),
            "\"user_group_ratio\":-1".to_owned(),
        ];
        if job.is("unique") {
            parts.push(format!("\"z_trace\":\"{:016x}\"", random.next()));
        }
        if job.is("unsorted") {
            for last in (1..parts.len()).rev() {
                parts.swap(last, random.below(last as u64 + 1) as usize);
            }
        }
        format!("{{{}}}", parts.join(","))
    }
}

/// A request with what was charged for it.
struct Line<'a> {
    request: &'a Request<'a>,
    charge: i64,
    other: &'a str,
}

/// A form of the log.
trait Form {
    /// Writes a row.
    fn write(&mut self, line: &Line<'_>) -> io::Result<()>;

    fn finish(&mut self) -> io::Result<()>;
}

fn open(path: &Path) -> io::Result<BufWriter<File>> {
    Ok(BufWriter::with_capacity(1 << 20, File::create(path)?))
}

const COLUMNS: &str = "id,user_id,created_at,type,content,username,token_name,model_name,quota,prompt_tokens,completion_tokens,\
    use_time,is_stream,channel_id,token_id,group,ip,request_id,other";

struct Csv {
    file: BufWriter<File>,
    quoted: bool,
}

impl Csv {
    fn new(path: &Path, quoted: bool) -> io::Result<Csv> {
        let mut file = open(path)?;
        let header = if quoted { format!("\"{}\"", COLUMNS.replace(',', "\",\"")) } else { COLUMNS.to_owned() };
        writeln!(file, "{header}")?;
        Ok(Csv { file, quoted })
    }
}

impl Form for Csv {
    fn write(&mut self, line: &Line<'_>) -> io::Result<()> {
        let (r, q) = (line.request, if self.quoted { "\"" } else { "" });
        let s = format!("{q},{q}");
        write!(self.file, "{q}{}{s}{}{s}{}{s}2{s}{s}user{}{s}key{}{s}", r.id, r.user, r.time, r.user, r.user)?;
        write!(self.file, "{}{s}{}{s}{}{s}{}{s}1{s}", r.model.name, line.charge, r.prompt, r.completion)?;
        write!(self.file, "{}{s}1{s}{}{s}{}{s}{s}{}{q},", u8::from(r.streamed), r.user, r.group.name, r.request_id)?;
        writeln!(self.file, "\"{}\"", line.other.replace('"', "\"\""))
    }

    fn finish(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Six columns, as an export for accountants.
struct Slim(BufWriter<File>);

impl Form for Slim {
    fn write(&mut self, line: &Line<'_>) -> io::Result<()> {
        let r = line.request;
        writeln!(self.0, "{},{},{},{},{},{}", r.model.name, r.group.name, r.prompt, r.cached, r.completion, line.charge)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Rows as the gateway's API gives them.
struct Ndjson(BufWriter<File>);

impl Form for Ndjson {
    fn write(&mut self, line: &Line<'_>) -> io::Result<()> {
        let r = line.request;
        write!(self.0, "{{\"id\":{},\"user_id\":{},\"created_at\":{},\"type\":2,\"content\":\"\",", r.id, r.user, r.time)?;
        write!(self.0, "\"username\":\"user{}\",\"token_name\":\"key{}\",\"model_name\":\"{}\",", r.user, r.user, r.model.name)?;
        write!(self.0, "\"quota\":{},\"prompt_tokens\":{},\"completion_tokens\":{},", line.charge, r.prompt, r.completion)?;
        write!(self.0, "\"use_time\":1,\"is_stream\":{},\"channel\":1,\"channel_name\":\"\",\"token_id\":{},", r.streamed, r.user)?;
        write!(self.0, "\"group\":\"{}\",\"ip\":\"\",\"request_id\":\"{}\",", r.group.name, r.request_id)?;
        writeln!(self.0, "\"other\":\"{}\"}}", line.other.replace('"', "\\\""))
    }

    fn finish(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A gateway's own file.
struct Sqlite(Connection);

const SCHEMA: &str = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
    CREATE TABLE logs (id integer PRIMARY KEY, user_id integer, created_at integer, type integer, content text, username text,
        token_name text, model_name text, quota integer, prompt_tokens integer, completion_tokens integer, use_time integer,
        is_stream numeric, channel_id integer, token_id integer, \"group\" text, ip text, request_id text, other text);
    BEGIN";

const INSERT: &str = "INSERT INTO logs VALUES (?1, ?2, ?3, 2, '', ?4, ?5, ?6, ?7, ?8, ?9, 1, ?10, 1, ?2, ?11, '', ?12, ?13)";

impl Sqlite {
    fn new(path: &Path) -> io::Result<Sqlite> {
        if path.exists() {
            std::fs::remove_file(path)?;
        }
        let database = Connection::open(path).map_err(io::Error::other)?;
        database.execute_batch(SCHEMA).map_err(io::Error::other)?;
        Ok(Sqlite(database))
    }
}

impl Form for Sqlite {
    fn write(&mut self, line: &Line<'_>) -> io::Result<()> {
        let r = line.request;
        let mut insert = self.0.prepare_cached(INSERT).map_err(io::Error::other)?;
        let (user, token) = (format!("user{}", r.user), format!("key{}", r.user));
        let (id, user_id, time) = (r.id as i64, r.user as i64, r.time as i64);
        let (prompt, completion) = (r.prompt as i64, r.completion as i64);
        let values = rusqlite::params![
            id,
            user_id,
            time,
            user,
            token,
            r.model.name,
            line.charge,
            prompt,
            completion,
            r.streamed,
            r.group.name,
            r.request_id,
            line.other
        ];
        insert.execute(values).map(drop).map_err(io::Error::other)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.0.execute_batch("COMMIT").map_err(io::Error::other)
    }
}

/// Opens the log; the name of the file, and whether its first row stands on line 2.
fn form(job: &Job) -> io::Result<(Box<dyn Form>, bool)> {
    Ok(match job.form.as_str() {
        "ndjson" => (Box::new(Ndjson(open(&job.out.join("logs.ndjson"))?)), false),
        "sqlite" => (Box::new(Sqlite::new(&job.out.join("logs.db"))?), false),
        "slim" => {
            let mut file = open(&job.out.join("slim.csv"))?;
            writeln!(file, "model_name,group,prompt_tokens,cached_tokens,completion_tokens,quota")?;
            (Box::new(Slim(file)), true)
        }
        _ => (Box::new(Csv::new(&job.out.join("logs.csv"), job.is("quoted"))?), true),
    })
}

fn generate(job: &Job) -> io::Result<()> {
    std::fs::create_dir_all(&job.out)?;
    let models = models(if job.is("models") { 5_000 } else { 40 });
    std::fs::write(job.out.join("config.json"), config(&models))?;
    let mut faults = open(&job.out.join("faults.csv"))?;
    writeln!(faults, "line,charged,expected")?;
    let (mut form, has_header) = form(job)?;
    let mut random = Random(job.seed);
    let mut planted = 0;
    for id in 1..=job.rows {
        let request = Request::random(id, &mut random, &models);
        let other = request.other(&mut random, job);
        let expected = request.charge();
        let charge = if job.is("caused") { request.caused(&mut random) } else { expected + fault(&mut random, job, expected) };
        if charge != expected {
            planted += 1;
            writeln!(faults, "{},{charge},{expected}", id + u64::from(has_header))?;
        }
        form.write(&Line { request: &request, charge, other: &other })?;
    }
    form.finish()?;
    faults.flush()?;
    println!("{} rows as {}, {planted} of them wrong, in {}", job.rows, job.form, job.out.display());
    Ok(())
}

/// By how much a charge is wrong; nearly always 0.
fn fault(random: &mut Random, job: &Job, expected: i64) -> i64 {
    if !job.is("wrong") && random.below(job.fault_every) != 0 {
        return 0;
    }
    let size = 1 + random.below(50) as i64;
    if random.below(2) == 0 || size >= expected { size } else { -size }
}

/// The ratios as the gateway's options, in one object.
fn config(models: &[Model]) -> String {
    let map = |of: fn(&Model) -> u128| -> String {
        models.iter().map(|model| format!("\"{}\": {}", model.name, decimal(of(model)))).collect::<Vec<_>>().join(", ")
    };
    let groups: Vec<String> = GROUPS.iter().map(|group| format!("\"{}\": {}", group.name, decimal(group.ratio))).collect();
    let mut text = String::new();
    let _ = writeln!(text, "{{\"ModelRatio\": {{{}}},", map(|model| model.ratio));
    let _ = writeln!(text, " \"CompletionRatio\": {{{}}},", map(|model| model.completion));
    let _ = writeln!(text, " \"CacheRatio\": {{{}}},", map(|model| model.cache));
    let _ = writeln!(text, " \"GroupRatio\": {{{}}}}}", groups.join(", "));
    text
}

/// Charged and expected points by line.
type Faults = BTreeMap<u64, (i64, i64)>;

/// Compares the findings of a report with the planted faults.
fn check(report: &Path, planted: &Path) -> io::Result<()> {
    let found = findings(report)?;
    let planted = faults(planted)?;
    let missed = planted.iter().filter(|(line, fault)| found.get(line) != Some(fault)).count();
    let invented = found.keys().filter(|line| !planted.contains_key(line)).count();
    println!("{} planted, {} found, {missed} missed, {invented} invented", planted.len(), found.len());
    if missed + invented > 0 { Err(io::Error::other("the audit did not find exactly what was planted")) } else { Ok(()) }
}

fn findings(report: &Path) -> io::Result<Faults> {
    let report: serde_json::Value = serde_json::from_reader(BufReader::new(File::open(report)?))?;
    let finding = |finding: &serde_json::Value| {
        let points = |key: &str| finding[key].as_i64();
        Some((finding["line"].as_u64()?, (points("charged_points")?, points("expected_points")?)))
    };
    let list = report["findings"].as_array().ok_or_else(|| io::Error::other("the report has no findings"))?;
    list.iter().map(|entry| finding(entry).ok_or_else(|| io::Error::other("a finding without points"))).collect()
}

fn faults(path: &Path) -> io::Result<Faults> {
    let fault = |line: io::Result<String>| {
        let line = line?;
        let numbers: Vec<i64> = line.split(',').filter_map(|number| number.parse().ok()).collect();
        match numbers[..] {
            [line, charged, expected] => Ok((line.unsigned_abs(), (charged, expected))),
            _ => Err(io::Error::other(format!("no fault: {line}"))),
        }
    };
    BufReader::new(File::open(path)?).lines().skip(1).map(fault).collect()
}
