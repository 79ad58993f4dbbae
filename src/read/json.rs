//! Logs as JSON, read as a stream: a bare array, a page of a gateway's API, one object, or objects one after another.
//!
//! Only one row is held in memory. What is no row is one malformed row: reading goes on at the next line where a line
//! is a row, and in an array at the next object that is one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::de::IgnoredAny;
use serde_json::Deserializer;
use serde_json::error::Category;

use crate::log::{Place, Row, RowError};
use crate::read::ahead::Scout;
use crate::read::error::OpenErrorKind;
use crate::read::json_row::{Answer, Keys, Object, answer, keys};
use crate::read::vocabulary::{Vocabulary, missing};
use crate::read::window::{ROW_LIMIT, Window};
use crate::read::{Ahead, Layout, Next, ReadRows, cut_short, json_layout, malformed, not_utf8};

/// So many bytes may be looked at in vain at the start of an input, and 16 for each that was read.
const SEARCH: u64 = 1 << 20;

/// Keys of an API's answer under which its rows are.
const LISTS: [&[u8]; 8] = [b"data", b"items", b"logs", b"rows", b"records", b"list", b"result", b"results"];

pub struct JsonReader {
    window: Window,
    keys: Keys,
    state: State,
    /// Each line is a row, so that behind a broken one the next line is read.
    lines: bool,
    /// The line on which the last row ended.
    last_line: u64,
    /// How many bytes were looked at in vain for a row behind a broken one.
    searched: u64,
    read: Arc<AtomicU64>,
    /// How rows are laid out; asked for once.
    layout: Option<Option<Layout>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Between whole values.
    Top,
    /// In an array of rows, inside of as many objects.
    Array {
        within: usize,
    },
    /// Before the only row of an answer, inside of as many objects.
    Single {
        within: usize,
    },
    /// Behind the rows of an answer, inside of as many objects.
    Tail {
        within: usize,
    },
    Done,
}

/// What stands at the start of the window.
#[derive(Debug, PartialEq, Eq)]
enum Located {
    Object,
    Stray,
    /// The input ends inside of an array or an answer.
    Cut,
    End,
}

impl JsonReader {
    pub fn open(
        window: Window,
        read: Arc<AtomicU64>,
        vocabulary: Vocabulary,
        lines: Option<bool>,
    ) -> Result<JsonReader, OpenErrorKind> {
        let keys = Keys::new(vocabulary);
        let mut reader = JsonReader { window, keys, state: State::Top, lines: true, last_line: 0, searched: 0, read, layout: None };
        reader.window.skip(|byte| byte.is_ascii_whitespace());
        reader.lines = lines.unwrap_or_else(|| !reader.is_pretty());
        reader.check_first()?;
        Ok(reader)
    }

    /// How the input is laid out, for reports.
    pub fn format(&mut self) -> &'static str {
        let further = |bytes: &[u8]| {
            let line = memchr::memchr(b'\n', bytes)?;
            bytes[line..].iter().find(|byte| !byte.is_ascii_whitespace()).copied()
        };
        let many = self.state == State::Top && self.lines && further(self.window.bytes()).is_some();
        if many { "ndjson" } else { "json" }
    }

    /// Whether the first object begins with a line of its own.
    fn is_pretty(&mut self) -> bool {
        let line = self.window.bytes().split(|byte| *byte == b'\n').next().unwrap_or_default();
        line.trim_ascii_end() == b"{"
    }

    /// Whether this is a log: the first object is a row of one, or cannot be read, or is followed by a row of one.
    fn check_first(&mut self) -> Result<(), OpenErrorKind> {
        let problem = match self.locate() {
            Located::Object => match self.parse(|object| object.length) {
                Ok(length) => self.keys.check(&self.window.bytes()[..length]),
                Err(_) => Ok(()),
            },
            Located::Stray => Err(OpenErrorKind::NoObjects),
            Located::Cut | Located::End => Ok(()),
        };
        if problem.is_err() && self.row_follows() { Ok(()) } else { problem }
    }

    /// Whether a row of a log begins somewhere in the bytes at hand.
    fn row_follows(&mut self) -> bool {
        let bytes = self.window.bytes();
        let is_row = |at| Object::parse(&bytes[at..], &mut self.keys).is_ok_and(|object| missing(object.columns).is_none());
        memchr::memchr_iter(b'{', bytes).take(200).any(is_row)
    }

    /// Goes to the next object that should be a row.
    fn locate(&mut self) -> Located {
        loop {
            let byte = self.window.skip(|byte| byte.is_ascii_whitespace() || byte == b',');
            match (self.state, byte) {
                (State::Done, _) => return Located::End,
                (State::Top, None) => return self.end(),
                (_, None) => return Located::Cut,
                (State::Top, Some(b'[')) => self.enter(1, State::Array { within: 0 }),
                (State::Top, Some(b'{')) => match self.look_for_rows() {
                    Some((length, state)) => self.enter(length, state),
                    None => return Located::Object,
                },
                (State::Array { .. } | State::Single { .. }, Some(b'{')) => return Located::Object,
                (State::Array { within }, Some(b']')) => self.leave(within),
                (State::Tail { within }, Some(b'}')) => self.leave(within - 1),
                (State::Tail { .. }, Some(b'"')) if self.skip_pair() => {}
                (State::Tail { .. }, Some(_)) => self.state = State::Top,
                (_, Some(_)) => return Located::Stray,
            }
        }
    }

    fn end(&self) -> Located {
        if self.window.failure().is_some() { Located::Cut } else { Located::End }
    }

    fn enter(&mut self, length: usize, state: State) {
        self.window.consume(length);
        self.state = state;
    }

    /// Behind one closing bracket, inside of `within` objects still.
    fn leave(&mut self, within: usize) {
        self.window.consume(1);
        self.last_line = self.window.line();
        self.state = if within == 0 { State::Top } else { State::Tail { within } };
    }

    /// Skips `"key": value` behind the rows of an answer.
    fn skip_pair(&mut self) -> bool {
        let length = match self.scan(|_, bytes| pair(bytes)) {
            Scan::Found(length) => length,
            // The end of the file lies in this pair: what is left of it is skipped, and the end found.
            Scan::Short if self.window.ended() => usize::MAX,
            _ => return false,
        };
        self.window.consume(length);
        true
    }

    /// Where the rows of an answer begin: the bytes up to there, and the state there.
    fn look_for_rows(&mut self) -> Option<(usize, State)> {
        if let Scan::Found(found) = self.scan(Keys::rows) { Some(found) } else { None }
    }

    /// Looks at the bytes at hand, and at more of them as long as they are too few to say.
    fn scan<T>(&mut self, look: impl Fn(&mut Keys, &[u8]) -> Scan<T>) -> Scan<T> {
        loop {
            match look(&mut self.keys, self.window.bytes()) {
                Scan::Short if self.may_grow() => {}
                found => return found,
            }
        }
    }

    fn may_grow(&mut self) -> bool {
        self.window.bytes().len() < ROW_LIMIT && self.window.more()
    }

    /// Reads the object at the start of the window, without consuming it.
    fn parse<T>(&mut self, mut take: impl FnMut(&Object<'_>) -> T) -> Result<T, serde_json::Error> {
        loop {
            let read = Object::parse(self.window.bytes(), &mut self.keys).map(|object| take(&object));
            match read {
                Err(error) if may_go_on(&error, self.window.bytes()) && self.may_grow() => {}
                read => return read,
            }
        }
    }

    /// Reads the object as a row. None if it is a page without rows.
    fn object(&mut self, row: &mut Row) -> Option<Next> {
        let place = Place { input: row.place.input, line: self.window.line() };
        let read = self.parse(|object| {
            let is_row = object.is_row();
            if is_row {
                row.clear(place);
                object.fill(row);
            }
            (object.length, is_row)
        });
        match read {
            Ok((length, true)) => {
                self.consume(length);
                Some(Next::Row)
            }
            Ok((length, false)) => self.foreign(row, length),
            Err(error) => Some(self.broken(row, &error)),
        }
    }

    fn consume(&mut self, length: usize) {
        self.window.consume(length);
        self.last_line = self.window.line();
        if let State::Single { within } = self.state {
            self.state = State::Tail { within };
        }
    }

    /// An object that is no row of a log.
    fn foreign(&mut self, row: &mut Row, length: usize) -> Option<Next> {
        let bytes = &self.window.bytes()[..length];
        let error = match answer(bytes) {
            Answer::Error(message) => Some(RowError::new("row", &message, "rows of a log, no error of the gateway")),
            Answer::Empty => None,
            Answer::None => Some(RowError::new("row", &keys(bytes).join(", "), "the keys of a log's row")),
        };
        let line = self.window.line();
        self.consume(length);
        error.map(|error| malformed(row, line, error))
    }

    /// An object that cannot be read.
    fn broken(&mut self, row: &mut Row, error: &serde_json::Error) -> Next {
        let line = self.window.line();
        let too_long = self.window.bytes().len() >= ROW_LIMIT;
        let cut = error.classify() == Category::Eof && !too_long;
        let found = match cut {
            true => cut_short(self.window.failure()),
            false if too_long => RowError::new("row", &excerpt(self.window.bytes(), 0), "an object of at most 16 MiB"),
            false => self.why(error),
        };
        self.searched += (error.line() + error.column()) as u64;
        let found = self.go_on(found);
        if cut && self.window.bytes().is_empty() {
            self.state = State::Done;
        }
        malformed(row, line, found)
    }

    fn why(&mut self, error: &serde_json::Error) -> RowError {
        let at = place(self.window.bytes(), error);
        self.see(at);
        let bytes = self.window.bytes();
        let line = line(&bytes[..bytes.len().min(at + SHOWN)]);
        match std::str::from_utf8(line) {
            Err(error) if error.error_len().is_some() => not_utf8("row", &line[error.valid_up_to()..]),
            _ => RowError::new("row", &excerpt(bytes, at), "a JSON object"),
        }
    }

    /// Reads on until what is shown of the text from a place on is at hand: it must not hang on where a block ends.
    fn see(&mut self, from: usize) {
        let is_seen = |bytes: &[u8]| bytes.get(from..).is_some_and(|rest| rest.len() >= SHOWN || rest.contains(&b'\n'));
        while !is_seen(self.window.bytes()) && self.may_grow() {}
    }

    /// Goes behind something that cannot be read. Gives back the error, or the one that ends the reading.
    fn go_on(&mut self, error: RowError) -> RowError {
        match self.state {
            State::Array { .. } => self.next_element(),
            State::Top if self.window.line() == self.last_line => self.next_on_line(),
            _ => {
                self.state = State::Top;
                self.next_value();
            }
        }
        if !self.is_hopeless() {
            return error;
        }
        self.state = State::Done;
        RowError::new("input", &error.found, "rows (too much is broken, the rest is not read)")
    }

    /// Goes behind a broken value: to the next line, or, where values have many lines, to the next that begins one.
    fn next_value(&mut self) {
        loop {
            self.window.skip_line();
            if self.window.bytes().is_empty() && !self.window.more() {
                return;
            }
            if self.lines || matches!(self.window.bytes().first(), Some(b'{' | b'[')) {
                return;
            }
        }
    }

    /// Goes to the next object behind the start of this one that is a row.
    fn next_element(&mut self) {
        loop {
            self.window.consume(1);
            if self.window.skip(|byte| byte != b'{').is_none() || self.is_hopeless() {
                self.state = State::Done;
                return;
            }
            if self.begins_row() {
                return;
            }
        }
    }

    /// Goes to the next row on this line, behind one that was read, or to the end of the line.
    fn next_on_line(&mut self) {
        loop {
            self.window.consume(1);
            let found = self.window.skip(|byte| !matches!(byte, b'{' | b'\n'));
            if found != Some(b'{') || self.is_hopeless() || self.begins_row() {
                return;
            }
        }
    }

    fn begins_row(&mut self) -> bool {
        let (is_row, length) = match self.parse(|object| (missing(object.columns).is_none(), object.length)) {
            Ok(found) => found,
            // At least so many bytes lie before the error.
            Err(error) => (false, error.line() + error.column()),
        };
        self.searched += if is_row { 0 } else { length as u64 };
        is_row
    }

    /// Objects nested in broken ones by the thousand: a search among them would take the square of their number.
    fn is_hopeless(&self) -> bool {
        self.searched > SEARCH + 16 * self.window.offset()
    }

    /// Something between rows that is no object.
    fn stray(&mut self, row: &mut Row) -> Next {
        let line = self.window.line();
        self.see(0);
        let error = RowError::new("row", &excerpt(self.window.bytes(), 0), "a JSON object");
        let error = if self.skip_element() { error } else { self.go_on(error) };
        malformed(row, line, error)
    }

    /// Skips an element of an array that is no object, if it can be read.
    fn skip_element(&mut self) -> bool {
        if !matches!(self.state, State::Array { .. }) {
            return false;
        }
        let Scan::Found(length) = self.scan(|_, bytes| stray_length(bytes)) else { return false };
        self.window.consume(length);
        true
    }

    fn cut(&mut self, row: &mut Row) -> Next {
        self.state = State::Done;
        malformed(row, self.window.line(), cut_short(self.window.failure()))
    }
}

impl ReadRows for JsonReader {
    fn next(&mut self, row: &mut Row) -> Next {
        loop {
            match self.locate() {
                Located::Object => match self.object(row) {
                    Some(next) => return next,
                    None => continue,
                },
                Located::Stray => return self.stray(row),
                Located::Cut => return self.cut(row),
                Located::End => return Next::End,
            }
        }
    }

    fn ahead(&mut self) -> Option<Ahead<'_>> {
        if self.state != State::Top || !self.lines || self.window.skip(|byte| byte.is_ascii_whitespace())? != b'{' {
            return None;
        }
        let of_rows = || json_layout::layout(self.window.bytes(), &mut self.keys);
        let layout = self.layout.get_or_insert_with(of_rows).as_ref()?;
        Some(Ahead { bytes: self.window.bytes(), offset: self.window.offset(), line: self.window.line(), layout })
    }

    fn read_ahead(&mut self, threads: usize, scout: Arc<dyn Scout>) {
        self.window.read_ahead(threads, scout);
    }

    fn pass(&mut self, bytes: usize, lines: u64) {
        self.window.consume_lines(bytes, lines);
    }

    fn again(&mut self, bytes: &[u8], line: u64, row: &mut Row) -> Next {
        self.window = Window::of(bytes, line);
        self.state = State::Top;
        self.next(row)
    }

    fn failure(&self) -> Option<&str> {
        self.window.failure()
    }

    fn bytes(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
}

/// What a look at the bytes at hand found.
enum Scan<T> {
    Found(T),
    /// More bytes are needed to say.
    Short,
    None,
}

impl Keys {
    /// Where the rows begin inside of the object at the start of `bytes`, if that is an answer of an API: the length up
    /// to there, and the state there. A key of a log's row says that the object is a row itself.
    fn rows(&mut self, bytes: &[u8]) -> Scan<(usize, State)> {
        let (mut at, mut within, mut start) = (1, 1, 0);
        loop {
            at += space(&bytes[at..]);
            match bytes.get(at) {
                None => return Scan::Short,
                Some(b',') => at += 1,
                Some(b'"') => {}
                Some(_) => return Scan::None,
            }
            if bytes.get(at) != Some(&b'"') {
                continue;
            }
            let (key, value) = match pair_start(&bytes[at..]) {
                Scan::Found((key, value)) => (key, at + value),
                Scan::Short => return Scan::Short,
                Scan::None => return Scan::None,
            };
            at = match (LISTS.contains(&key), bytes[value]) {
                (true, b'[') => return Scan::Found((value + 1, State::Array { within })),
                (true, b'{') if within < 3 => {
                    (within, start) = (within + 1, value);
                    value + 1
                }
                _ if self.known(key) && within == 1 => return Scan::None,
                _ if self.known(key) => return Scan::Found((start, State::Single { within: within - 1 })),
                _ => match value_length(&bytes[value..]) {
                    Scan::Found(length) => value + length,
                    Scan::Short => return Scan::Short,
                    Scan::None => return Scan::None,
                },
            };
        }
    }
}

/// The key and the offset of the value of `"key": value`.
fn pair_start(bytes: &[u8]) -> Scan<(&[u8], usize)> {
    let Some(end) = bytes.get(1..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) else { return Scan::Short };
    if bytes[end + 1] == b'\\' {
        return Scan::None;
    }
    let colon = end + 2 + space(&bytes[end + 2..]);
    match bytes.get(colon) {
        None => return Scan::Short,
        Some(b':') => {}
        Some(_) => return Scan::None,
    }
    let value = colon + 1 + space(&bytes[colon + 1..]);
    if value < bytes.len() { Scan::Found((&bytes[1..end + 1], value)) } else { Scan::Short }
}

/// The length of `"key": value`.
fn pair(bytes: &[u8]) -> Scan<usize> {
    match pair_start(bytes) {
        Scan::Found((_, value)) => match value_length(&bytes[value..]) {
            Scan::Found(length) => Scan::Found(value + length),
            other => other,
        },
        Scan::Short => Scan::Short,
        Scan::None => Scan::None,
    }
}

/// The length of an element of an array, up to the next one or the array's end.
fn stray_length(bytes: &[u8]) -> Scan<usize> {
    let mut at = match value_length(bytes) {
        Scan::Found(length) => length,
        other => return other,
    };
    at += space(&bytes[at..]);
    match bytes.get(at) {
        Some(b']') => Scan::Found(at),
        Some(b',') => {
            at += 1 + space(&bytes[at + 1..]);
            if at < bytes.len() { Scan::Found(at) } else { Scan::Short }
        }
        Some(_) => Scan::None,
        None => Scan::Short,
    }
}

fn value_length(bytes: &[u8]) -> Scan<usize> {
    let mut values = Deserializer::from_slice(bytes).into_iter::<IgnoredAny>();
    match values.next() {
        // A number that reaches the end of the bytes at hand may go on.
        Some(Ok(_)) if values.byte_offset() < bytes.len() => Scan::Found(values.byte_offset()),
        Some(Err(error)) if !may_go_on(&error, bytes) => Scan::None,
        _ => Scan::Short,
    }
}

/// Whether an error may be the end of the bytes at hand alone. Of a number that is cut behind a sign, a point or an `e` the parser says that it
/// is none.
fn may_go_on(error: &serde_json::Error, bytes: &[u8]) -> bool {
    let is_cut = || matches!(bytes, [.., b'-' | b'+' | b'.' | b'e' | b'E']) && place(bytes, error) >= bytes.len();
    error.classify() == Category::Eof || is_cut()
}

fn space(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// So many bytes of a text are looked at, of which a message shows the start.
const SHOWN: usize = 400;

/// Where an error was found.
fn place(bytes: &[u8], error: &serde_json::Error) -> usize {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').take(error.line().saturating_sub(1));
    lines.map(<[u8]>::len).sum::<usize>() + error.column()
}

/// The text around a place, from a little before it on.
fn excerpt(bytes: &[u8], at: usize) -> String {
    let rest = line(bytes[at.saturating_sub(24).min(bytes.len())..].trim_ascii_start());
    String::from_utf8_lossy(&rest[..rest.len().min(SHOWN)]).into_owned()
}

/// The bytes up to the first line end.
fn line(bytes: &[u8]) -> &[u8] {
    &bytes[..memchr::memchr(b'\n', bytes).unwrap_or(bytes.len())]
}
