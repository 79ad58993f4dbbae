//! Rows that are like rows which were judged before: how a log is audited as fast as it is read.
//!
//! Nearly every row of a log differs from an earlier one in its counts and its charge alone. So the first row of a kind goes the general
//! way, through reader, details, profile, terms and price; what comes out of it is kept, and the rows like it need only be compared and
//! multiplied:
//!
//! ```text
//! bytes ─▶ Scan ─▶ key (model, group, type, marks, …) ─▶ Kin ─▶ Template of `other` fits? ─▶ Known ─▶ charge follows? ─▶ Tally
//!           │                                             │             │                      │            │
//!           └── not by the rules ─────────────────────────┴── new ──────┴──────────────────────┴── no ──────┴──▶ general way, then learn
//! ```
//!
//! Nothing here knows a rule of billing. The terms are those that the general way built, and their prices are compiled by pricing them
//! ([`Compiled`](crate::pricing::Compiled)). The way from counts to tokens is the profile's own function
//! ([`Shape`](crate::profile::Shape)). Which values of `other` matter is not listed either:
//! [`Details`](crate::details::Details) notes what was looked at while the first row was judged. Since that run depended on nothing
//! else, a row with the same bytes in all those places takes the same way. Which counts are 0, and which classes of tokens, is a
//! part of what is known, since open figures hang on it.
//!
//! It goes in rounds. Several threads look at a slice of the bytes at hand each ([`round`]) and note a line for each row; then the rows
//! are counted in the order of the input, here, by one thread. So what hangs on earlier rows (was this request charged before?) is
//! seen as on the general way, and nothing depends on how many threads there are.
//!
//! Only rows that are right to the point, and of which nothing else is to be told, are counted here. All others (wrong, open,
//! drifting, by a minimum, of tasks, charged twice, malformed) go the general way, one by one, when their turn comes.

mod days;
mod kinds;
mod round;
mod scan;
mod sorted;
mod template;

use days::Days;
use kinds::{Kinds, Look};
use round::{Round, Seen};
use scan::{Facts, Scan};

use crate::audit::{Lesson, Past, Plain, Span, Summary, Verdict};
use crate::config::Timeline;
use crate::log::LogEntry;
use crate::read::{Layout, ReadRows};

/// The bytes that one thread looks at in a round.
const SLICE: usize = 256 << 10;

/// What is known of the rows of one input.
#[derive(Debug)]
pub struct Alike {
    threads: usize,
    /// The number of the input.
    input: u32,
    eye: Eye,
    known: Kinds,
    /// For each outcome of `known`.
    tallies: Vec<Tally>,
    days: Days,
    round: Round,
    luck: Luck,
    /// The row that goes the general way.
    new: Option<Stranger>,
    /// A row said that the input is Veloera's: all that was known before says nothing any more.
    is_veloera: bool,
}

/// How rows are read.
#[derive(Debug)]
enum Eye {
    Closed,
    Open(Scan),
    /// The rows of this input can only be read one by one.
    Blind,
}

/// A row that is like none before it.
#[derive(Debug)]
struct Stranger {
    facts: Facts,
    /// Its `other`, as it stands there; none where nothing more can be learnt.
    details: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    rows: u64,
    points: i128,
    span: Span,
}

/// Rows that stand one behind the other.
#[derive(Clone, Copy, Debug, Default)]
struct Stretch {
    rows: u64,
    length: usize,
    lines: u64,
}

/// Whether it is worth to look: not where hardly a row is like another.
#[derive(Debug, Default)]
struct Luck {
    looked_at: u64,
    passed: u64,
    /// So many rows go the general way untried.
    rest: u64,
}

impl Alike {
    pub fn new(input: u32, threads: usize) -> Alike {
        Alike {
            threads,
            input,
            eye: Eye::Closed,
            known: Kinds::default(),
            tallies: Vec::new(),
            days: Days::default(),
            round: Round::default(),
            luck: Luck::default(),
            new: None,
            is_veloera: false,
        }
    }

    /// Counts the next rows as long as they are right and known; how many there were. Behind them stands one for the general way.
    pub fn pass(&mut self, rows: &mut dyn ReadRows, timeline: &Timeline, past: &mut Past) -> u64 {
        self.new = None;
        if self.round.is_over() && self.luck.rests() {
            return 0;
        }
        if past.memory.is_veloera(self.input) && !self.is_veloera {
            self.is_veloera = true;
            self.known.forget();
            self.round = Round::default();
        }
        let mut passed = 0;
        while self.is_round_ready(rows, timeline) {
            let Some(ahead) = rows.ahead(0) else { break };
            let stretch = self.count(ahead.bytes, timeline, past);
            rows.pass(stretch.length, stretch.lines);
            passed += stretch.rows;
            if self.new.is_some() {
                break;
            }
        }
        self.luck.passed += passed;
        passed
    }

    /// Whether the next row was looked at; where none was, the rows at hand are.
    fn is_round_ready(&mut self, rows: &mut dyn ReadRows, timeline: &Timeline) -> bool {
        let Some(ahead) = rows.ahead(0) else { return false };
        if self.round.goes_on_at(ahead.offset) {
            return true;
        }
        let Some(ahead) = rows.ahead(self.threads * SLICE) else { return false };
        if matches!(self.eye, Eye::Closed) {
            self.eye = Eye::open(ahead.layout, timeline);
        }
        let Eye::Open(scan) = &self.eye else { return false };
        self.round.look(&ahead, self.threads, &Look::new(scan, timeline, &self.known));
        self.luck.looked_at += self.round.len() as u64;
        !self.round.is_over()
    }

    /// Counts the rows at the start of the bytes up to the first that is not known.
    fn count(&mut self, bytes: &[u8], timeline: &Timeline, past: &mut Past) -> Stretch {
        let mut stretch = Stretch::default();
        let Eye::Open(scan) = &self.eye else { return stretch };
        let look = Look::new(scan, timeline, &self.known);
        while let Some(row) = self.round.next() {
            let rest = &bytes[stretch.length..];
            // What was new when the round began may be known by now.
            let outcome = row.outcome.or_else(|| look.again(rest, row));
            let is_again = row.request.is_some_and(|request| past.watch.has_charged(request));
            let Some(outcome) = outcome.filter(|_| !is_again) else {
                self.new = Some(look.stranger(&rest[..row.length as usize]));
                break;
            };
            self.tallies[outcome.number()].add(row.charged, row.time);
            self.days.add(row.time, row.charged);
            if let Some(request) = row.request.filter(|_| look.is_request(outcome)) {
                past.watch.remember(request);
            }
            stretch.add(row);
        }
        stretch
    }

    /// Learns from a row that went the general way.
    pub fn learn(&mut self, entry: &LogEntry<'_>, verdict: &Verdict, lesson: Option<Lesson<'_>>) {
        if let (Some(Stranger { facts, details: Some(details) }), Some(lesson)) = (self.new.take(), lesson) {
            let _ = self.known.learn(&facts, &details, entry, verdict, &lesson);
            self.tallies.resize(self.known.outcomes().len(), Tally::default());
        }
    }

    /// Adds what was counted to a summary. `day` names the day of a time.
    pub fn add_to(self, summary: &mut Summary, day: &dyn Fn(i64) -> String) {
        for (outcome, tally) in self.known.outcomes().iter().zip(&self.tallies).filter(|(_, tally)| tally.rows > 0) {
            summary.add_plain(&Plain {
                model: &outcome.model,
                group: &outcome.group,
                profile: outcome.profile,
                presumed: outcome.presumed,
                rows: tally.rows,
                points: tally.points,
                span: tally.span,
            });
        }
        for (time, sum) in self.days.sums() {
            summary.add_plain_of_day(time.map(day).unwrap_or_default(), sum.rows, sum.points);
        }
    }
}

impl Eye {
    fn open(layout: &Layout, timeline: &Timeline) -> Eye {
        let mut configs = timeline.configs();
        // Limits and fallbacks are watched row by row.
        if configs.any(|config| config.groups.values().any(|rules| rules.span_rows())) {
            return Eye::Blind;
        }
        let by_user = timeline.configs().any(|config| !config.users.is_empty() || !config.unknown_users.is_empty());
        Scan::new(layout, by_user).map_or(Eye::Blind, Eye::Open)
    }
}

impl Luck {
    /// So many rows make a judgement, and so many are then left alone if it is bad.
    const ROWS: u64 = 4_096;
    const REST: u64 = 65_536;

    fn rests(&mut self) -> bool {
        if self.rest > 0 {
            self.rest -= 1;
            return true;
        }
        if self.looked_at >= Luck::ROWS {
            self.rest = if self.passed < self.looked_at / 4 { Luck::REST } else { 0 };
            (self.looked_at, self.passed) = (0, 0);
        }
        false
    }
}

impl Stretch {
    fn add(&mut self, row: &Seen) {
        self.rows += 1;
        self.length += row.length as usize;
        self.lines += u64::from(row.lines);
    }
}

impl Tally {
    fn add(&mut self, points: i64, time: Option<i64>) {
        self.rows += 1;
        self.points += i128::from(points);
        if let Some(time) = time {
            self.span.first = Some(self.span.first.map_or(time, |first| first.min(time)));
            self.span.last = Some(self.span.last.map_or(time, |last| last.max(time)));
        }
    }
}
