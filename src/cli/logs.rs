//! Reading logs with their prices at hand: what every command on logs takes, and how it goes through the rows.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use clap::{Args, ValueEnum};

use super::digest::InputHash;
use super::file::keep_apart;
use super::outcome::Failure;
use super::progress::Progress;
use super::{Chosen, Common, sources};
use crate::audit::{Filter, Past};
use crate::config::{Config, Source, Timeline};
use crate::exact::Ratio;
use crate::log::{LogEntry, Place, Reading, Row, RowError};
use crate::profile::{self, Basis, Context};
use crate::read::config::sqlite;
use crate::read::input::{self, Format as InputFormat, Input, OpenOptions};
use crate::read::time::{self, TimeReader};
use crate::read::{Next, ReadRows, vocabulary};
use crate::report::InputInfo;

/// The logs, and how they are read.
#[derive(Args, Debug)]
pub struct LogArgs {
    /// Logs: CSV, JSON, NDJSON or a gateway's SQLite file, gzip and zstd too; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// What charges are held against [default: config where there is one, else logged]
    #[arg(long, value_enum)]
    basis: Option<BasisChoice>,
    /// Read the input as this format [default: recognised from its content]
    #[arg(long, value_name = "FORMAT", value_parser = str::parse::<InputFormat>)]
    input_format: Option<InputFormat>,
    /// The encoding of the input, such as gbk [default: UTF-8, or UTF-16 with a byte order mark]
    #[arg(long, value_name = "NAME")]
    encoding: Option<String>,
    /// Name the column of a field by hand
    #[arg(long, value_name = "FIELD=COLUMN")]
    map: Vec<String>,
    /// The zone of times without one, and of days
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    tz: String,
}

impl LogArgs {
    /// Files of which nothing else is said.
    pub fn of(files: Vec<PathBuf>) -> LogArgs {
        LogArgs { files, basis: None, input_format: None, encoding: None, map: Vec::new(), tz: "UTC".to_owned() }
    }

    /// The zone of times without one, and of days.
    pub fn zone(&self) -> &str {
        &self.tz
    }
}

/// Which charges are looked at.
#[derive(Args, Debug)]
pub struct FilterArgs {
    #[command(flatten)]
    pub time: TimeArgs,
    /// Only charges of this model (repeatable)
    #[arg(long, value_name = "NAME")]
    model: Vec<String>,
    /// Only charges in this group (repeatable)
    #[arg(long, value_name = "NAME")]
    group: Vec<String>,
    /// Only charges of this token (repeatable)
    #[arg(long, value_name = "NAME")]
    token: Vec<String>,
    /// Only charges of this user (repeatable)
    #[arg(long, value_name = "NAME")]
    user: Vec<String>,
}

/// The time that is looked at.
#[derive(Args, Debug, Default)]
pub struct TimeArgs {
    /// Only charges from this time on (a date, RFC 3339 or unix seconds)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only charges before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum BasisChoice {
    /// What the config says
    Config,
    /// The ratios that the row itself carries
    Logged,
}

/// The logs of a run, with what the flags say of them.
pub struct Logs<'c> {
    args: &'c LogArgs,
    common: &'c Common,
    pub chosen: Chosen,
    pub times: TimeReader,
    options: OpenOptions,
    /// The hashes of the inputs, where they are asked for.
    pub hashes: Option<RefCell<Vec<InputHash>>>,
    progress: RefCell<Progress>,
    waiting: RefCell<VecDeque<Waiting>>,
    /// The inputs that broke off, by their numbers, and why.
    broken: RefCell<BTreeMap<usize, String>>,
}

/// A row that waits for all others.
struct Waiting {
    row: Row,
    pricing: Rc<Pricing>,
    info: InputInfo,
}

/// So many rows wait; where there are more, the first of the input is done.
const MOST_WAITING: usize = 8_192;

/// The prices of one input.
pub struct Pricing {
    pub timeline: Timeline,
    pub basis: Basis,
    pub quota_per_unit: Ratio,
    currency: Option<(String, Ratio)>,
    veloera: bool,
    /// What the input itself says of prices.
    pub sources: Vec<Source>,
}

/// A row of an input, or why it could not be read.
pub struct ReadRow<'r> {
    pub place: Place,
    pub entry: Result<&'r LogEntry<'r>, RowError>,
    pub pricing: &'r Pricing,
    pub info: &'r InputInfo,
    /// Whether it may come again, when all rows were read.
    pub may_wait: bool,
}

impl ReadRow<'_> {
    /// Tells what remembers earlier rows whether this one may come again.
    pub fn announce(&self, past: &mut Past) {
        past.memory.expect_again(self.may_wait);
    }

    /// Whether it must come again: it was judged just now, and hangs on what no row said yet.
    pub fn must_wait(&self, past: &Past) -> bool {
        past.memory.was_wanting() && self.may_wait
    }
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visited {
    Done,
    /// It hangs on a row that may come later, as where a log has the newest rows first: it comes again at the end.
    Waits,
}

/// Who goes through the rows of an input.
pub trait Visitor {
    fn visit(&mut self, row: ReadRow<'_>) -> Result<Visited, Failure>;

    /// Takes the next rows by itself, as many as it can; how many.
    fn pass(&mut self, _rows: &mut dyn ReadRows, _pricing: &Pricing) -> u64 {
        0
    }

    /// Told that there are no more rows; those that it took by itself can be read again.
    fn end(&mut self, _rows: &mut dyn ReadRows, _pricing: &Pricing) {}
}

/// Who wants to see each row.
struct OneByOne<'v>(Visit<'v>);

type Visit<'v> = &'v mut dyn FnMut(ReadRow<'_>) -> Result<Visited, Failure>;

impl Visitor for OneByOne<'_> {
    fn visit(&mut self, row: ReadRow<'_>) -> Result<Visited, Failure> {
        (self.0)(row)
    }
}

impl Pricing {
    /// What a row of that time is rated with.
    pub fn context(&self, time: Option<i64>) -> Context<'_> {
        Context {
            config: self.timeline.at(time),
            basis: self.basis,
            quota_per_unit: self.quota_per_unit,
            veloera: self.veloera,
            other_mode: false,
        }
    }
}

impl<'c> Logs<'c> {
    pub fn new(args: &'c LogArgs, common: &'c Common, chosen: Chosen) -> Result<Logs<'c>, Failure> {
        let zone = time::zone(&args.tz).ok_or_else(|| {
            let hint = "zones have names such as UTC or Asia/Shanghai, or are offsets such as +08:00".to_owned();
            Failure::usage(format!("`--tz`: unknown time zone `{}`", args.tz), Some(hint))
        })?;
        let map = vocabulary::parse_maps(&args.map).map_err(|error| Failure::usage(format!("`--map`: {error}"), None))?;
        let options = OpenOptions { format: args.input_format, encoding: args.encoding.clone(), map };
        let progress = RefCell::new(Progress::new(&args.files, common.quiet));
        let waiting = RefCell::default();
        let broken = RefCell::default();
        Ok(Logs { args, common, chosen, times: TimeReader::new(zone), options, hashes: None, progress, waiting, broken })
    }

    /// Refuses to write over a log or a config that is read.
    pub fn keep_from<'p>(&self, written: impl Iterator<Item = &'p PathBuf> + Clone) -> Result<(), Failure> {
        keep_apart(self.args.files.iter().chain(&self.common.config), written)
    }

    /// The filter of the flags.
    pub fn filter(&self, args: &FilterArgs) -> Result<Filter, Failure> {
        Ok(Filter {
            models: args.model.clone(),
            groups: args.group.clone(),
            tokens: args.token.clone(),
            users: args.user.clone(),
            ..self.time_filter(&args.time)?
        })
    }

    pub fn time_filter(&self, args: &TimeArgs) -> Result<Filter, Failure> {
        let moment = |flag: &str, text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => self.times.parse(text).map(Some).ok_or_else(|| {
                Failure::usage(format!("`{flag}`: expected a date, an RFC 3339 time or unix seconds, found `{text}`"), None)
            }),
        };
        Ok(Filter { since: moment("--since", &args.since)?, until: moment("--until", &args.until)?, ..Filter::default() })
    }

    /// The basis where no input says otherwise.
    pub fn basis(&self) -> Basis {
        if self.chosen.given { Basis::Config } else { Basis::Logged }
    }

    /// Goes through the rows of one input, one by one.
    pub fn read(
        &self,
        path: &Path,
        index: usize,
        visit: &mut dyn FnMut(ReadRow<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.read_by(path, index, &mut OneByOne(&mut |row| visit(row).map(|()| Visited::Done))).map(drop)
    }

    /// Goes through the rows of all inputs, one by one, and through those that waited at the end.
    pub fn read_all(&self, visit: Visit<'_>) -> Result<(), Failure> {
        let mut visitor = OneByOne(visit);
        for (index, path) in self.args.files.iter().enumerate() {
            self.read_by(path, index, &mut visitor)?;
        }
        (0..self.args.files.len()).try_for_each(|index| self.read_waiting(index, &mut visitor))
    }

    /// Goes through the rows of the next input that wait, once all inputs are read. They wait in the order of the inputs.
    pub fn read_waiting(&self, index: usize, visitor: &mut dyn Visitor) -> Result<(), Failure> {
        let is_own = |waiting: &mut Waiting| waiting.row.place.input as usize == index;
        let next = || self.waiting.borrow_mut().pop_front_if(is_own);
        std::iter::from_fn(next).try_for_each(|waiting| self.visit_waiting(&waiting, visitor))
    }

    fn visit_waiting(&self, waiting: &Waiting, visitor: &mut dyn Visitor) -> Result<(), Failure> {
        self.visit_row(&waiting.row, &waiting.pricing, (&waiting.info, false), visitor).map(drop)
    }

    /// Keeps a row until all others are read, as long as there is room.
    fn keep_waiting(&self, row: &Row, pricing: &Rc<Pricing>, info: &InputInfo, visitor: &mut dyn Visitor) -> Result<(), Failure> {
        let mut waiting = self.waiting.borrow_mut();
        waiting.push_back(Waiting { row: row.clone(), pricing: Rc::clone(pricing), info: info.clone() });
        if waiting.len() <= MOST_WAITING {
            return Ok(());
        }
        let first = waiting.iter().position(|waiting| waiting.row.place.input == row.place.input);
        first.and_then(|first| waiting.remove(first)).map_or(Ok(()), |first| self.visit_waiting(&first, visitor))
    }

    /// Goes through the rows of one input, or lets the visitor pass over some.
    pub fn read_by(&self, path: &Path, index: usize, visitor: &mut dyn Visitor) -> Result<(InputInfo, Rc<Pricing>), Failure> {
        let mut input = self.open(path)?;
        let pricing = Rc::new(self.pricing(&input)?);
        let mut info = InputInfo { name: input.name.clone(), format: input.format.into(), rows: 0, bytes: 0 };
        let mut row = Row::default();
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        row.clear(Place { input: number, line: 0 });
        loop {
            info.rows += visitor.pass(&mut *input.rows, &pricing);
            let next = input.rows.next(&mut row);
            row.place.input = number;
            match next {
                Next::End => break,
                Next::Row => match self.visit_row(&row, &pricing, (&info, true), visitor)? {
                    Visited::Done => {}
                    Visited::Waits => self.keep_waiting(&row, &pricing, &info, visitor)?,
                },
                Next::Malformed(error) => {
                    let (pricing, info) = (&pricing, &info);
                    visitor.visit(ReadRow { place: row.place, entry: Err(error), pricing, info, may_wait: false })?;
                }
            }
            info.rows += 1;
            self.progress.borrow_mut().see(info.rows, || input.rows.bytes());
        }
        info.bytes = input.rows.bytes();
        if let Some(reason) = input.rows.failure() {
            self.broken.borrow_mut().insert(index, format!("{}: the input breaks off: {reason}", info.name));
        }
        visitor.end(&mut *input.rows, &pricing);
        self.progress.borrow_mut().end_input(info.rows, info.bytes);
        Ok((info, pricing))
    }

    /// The exit code of a run that would end with this one: an input that broke off is told, and fails it.
    pub fn exit_code(&self, code: u8, err: &mut dyn Write) -> u8 {
        let hint = || Some("what follows was not read, and is in no sum".to_owned());
        let broken = self.broken.take().into_values();
        broken.map(|message| Failure::usage(message, hint()).tell(err)).last().unwrap_or(code)
    }

    fn visit_row(
        &self,
        row: &Row,
        pricing: &Pricing,
        (info, may_wait): (&InputInfo, bool),
        visitor: &mut dyn Visitor,
    ) -> Result<Visited, Failure> {
        let parsed = self.entry(row, pricing);
        visitor.visit(ReadRow { place: row.place, entry: parsed.as_ref().map_err(Clone::clone), pricing, info, may_wait })
    }

    /// What a row says.
    pub fn entry<'r>(&self, row: &'r Row, pricing: &Pricing) -> Result<LogEntry<'r>, RowError> {
        let currency = pricing.currency.as_ref().map(|(code, rate)| (code.as_str(), *rate));
        LogEntry::parse(row, &Reading { time: &|text| self.times.parse(text), currency })
    }

    fn open(&self, path: &Path) -> Result<Input, Failure> {
        if path.as_os_str() == "-" {
            widen_pipe();
            return Ok(input::open_stream("-", self.hashed(io::stdin()), &self.options)?);
        }
        if let Some(hashes) = &self.hashes {
            let unreadable = |error: io::Error| Failure::usage(format!("cannot open `{}`: {error}", path.display()), None);
            if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
                let stream = File::open(path).map_err(unreadable)?;
                return Ok(input::open_stream(&path.to_string_lossy(), self.hashed(stream), &self.options)?);
            }
            hashes.borrow_mut().push(InputHash::of_file(path).map_err(unreadable)?);
        }
        Ok(input::open_path(path, &self.options)?)
    }

    /// A stream, hashed where hashes are asked for.
    fn hashed(&self, source: impl Read + Send + 'static) -> Box<dyn Read + Send> {
        let Some(hashes) = &self.hashes else { return Box::new(source) };
        let (hash, stream) = InputHash::of_stream(source);
        hashes.borrow_mut().push(hash);
        Box::new(stream)
    }

    /// The hashes of the inputs, in their order.
    pub fn take_hashes(&self) -> Vec<String> {
        self.hashes.iter().flat_map(RefCell::take).map(|hash| hash.text()).collect()
    }

    /// What a database says of prices and users itself.
    fn own_config(&self, input: &Input) -> Result<Config, Failure> {
        let Some(database) = &input.database else { return Ok(Config::default()) };
        let color = self.common.color.for_stream(io::stderr().is_terminal());
        let own = sources::load_own(database.path(), &input.name).map_err(|error| Failure::config(error, color))?;
        Ok(own.map_or_else(Config::default, |loaded| loaded.config))
    }

    /// What an input is priced with: the options of a database for its own rows, and the config over them.
    fn pricing(&self, input: &Input) -> Result<Pricing, Failure> {
        let mut config = self.own_config(input)?;
        let own_sources = config.sources.clone();
        let given = self.chosen.given || own_sources.iter().any(|source| source.format == sqlite::PRICES);
        config.overlay(self.chosen.config.clone());
        let basis = match self.args.basis {
            Some(BasisChoice::Config) if !given => {
                let hint = "name one with `--config`, or take `--basis logged`".to_owned();
                return Err(Failure::usage("`--basis config` needs a config".to_owned(), Some(hint)));
            }
            Some(BasisChoice::Config) => Basis::Config,
            Some(BasisChoice::Logged) => Basis::Logged,
            None if given => Basis::Config,
            None => Basis::Logged,
        };
        let quota_per_unit = self.common.quota_per_unit(&config);
        let currency = config.currency.as_ref().map(|currency| (currency.code.clone(), currency.rate));
        let veloera = profile::is_veloera(&config);
        Ok(Pricing { timeline: Timeline::new(config), basis, quota_per_unit, currency, veloera, sources: own_sources })
    }
}

/// Lets what writes into our standard input run ahead by a whole block: with the usual 64 KiB both sides wait for each other.
fn widen_pipe() {
    // Where it is no pipe, or may not be wider, it is read as it is.
    #[cfg(target_os = "linux")]
    let _ = rustix::pipe::fcntl_setpipe_size(io::stdin(), 1 << 20);
}
