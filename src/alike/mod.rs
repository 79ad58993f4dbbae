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
//! ([`Ready`](crate::pricing::Ready)). The way from counts to tokens is the profile's own function
//! ([`Shape`](crate::profile::Shape)). Which values of `other` matter is not listed either:
//! [`Details`](crate::details::Details) notes what was looked at while the first row was judged. Since that run depended on nothing
//! else, a row with the same bytes in all those places takes the same way. Which counts are 0, and which classes of tokens, is a
//! part of what is known, since open figures hang on it.
//!
//! Several threads read blocks of the input and note a line for each row ([`lookout`]); the rows are counted in the order of the
//! input, here, by one thread. So what hangs on earlier rows (was this request charged before?) is seen as on the general way, and
//! nothing depends on how many threads there are.
//!
//! Only rows that are right to the point, or wrong by definite causes ([`CompiledCauses`](crate::audit::CompiledCauses)) or by nothing
//! but a number, and of which nothing else is to be told, are counted here. All others (wrong in another way, open, drifting, by a
//! minimum, of tasks, charged twice, malformed) go the general way, one by one, when their turn comes. Those that are wrong by the most
//! points are counted, and kept to be told at the end ([`Largest`]).

mod bytes;
mod days;
mod key;
mod kinds;
mod largest;
mod lookout;
mod names;
mod scan;
mod tally;
mod template;
mod wrong;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use days::Days;
use kinds::{Beside, Look, Outcome};
use lookout::{Lookout, OutcomeId, Part, Seen};
use names::Names;
use scan::{Facts, KeyedBy, NameColumns, Prints, RowFilter, Scan};
use tally::Tally;
use wrong::{Difference, Wrongs};

pub use largest::Largest;

use crate::audit::{Asked, By, CauseSet, Filter, Hint, Past, Plain, Summary, Taught};
use crate::config::Timeline;
use crate::fetch::fetch;
use crate::log::{Field, LogEntry};
use crate::profile::{Profile, Skip};
use crate::read::ahead::Scout;
use crate::read::{Ahead, Layout, ReadRows};

/// Which rows are counted, and by which names: of tokens, users, channels.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub by: Vec<By>,
    pub filter: Filter,
}

/// What is known of the rows of one input.
#[derive(Debug)]
pub struct Alike {
    threads: usize,
    /// The number of the input.
    input: u32,
    wanted: Wanted,
    eye: Eye,
    outcomes: Vec<Outcome>,
    /// Those before are not told of any row any more.
    valid_from: usize,
    /// For each outcome.
    tallies: Vec<Tally>,
    days: Days,
    names: Names,
    wrongs: Wrongs,
    /// How many rows the filter left out.
    left_out: u64,
    /// The next rows, and what is known of their requests.
    part: Part,
    hints: Vec<Hint>,
    luck: Luck,
    faults: Faults,
    largest: Largest,
    /// The row that goes the general way now.
    next: Option<Box<Stranger>>,
    /// What a row told of the input: all that was known before says nothing any more.
    gateway: Option<Profile>,
}

/// How rows are read.
#[derive(Debug)]
enum Eye {
    Closed,
    Open(Open),
    /// The rows of this input can only be read one by one.
    Blind,
}

#[derive(Debug)]
struct Open {
    look: Look,
    lookout: Arc<Lookout>,
    /// Rows are alike only where their channel is the same.
    by_channel: bool,
    /// More is known than the lookout was told.
    is_ahead: bool,
}

/// A row that is like none before it.
#[derive(Debug)]
struct Stranger {
    facts: Facts,
    /// Its `other`, as it stands there; none where nothing more can be learnt.
    details: Option<Vec<u8>>,
    /// Which causes would be new, if it is wrong.
    asked: Asked,
    /// The causes that explain it, where the causes of its kind are compiled but rows with these ones are new; and what is told of other
    /// rows of the kind.
    explained: Option<(CauseSet, OutcomeId)>,
}

/// Why a row is the last that was looked at for now.
#[derive(Clone, Copy, Debug)]
enum Stop {
    /// It is like none before, as far as is known.
    New,
    /// Other rows say something of it, or more is to be told of it.
    Noted,
}

/// Rows that stand one behind the other.
#[derive(Clone, Copy, Debug, Default)]
struct Stretch {
    rows: u64,
    length: usize,
    lines: u64,
}

/// How common wrong rows are: to compile their causes takes as long as to judge some of them one by one.
#[derive(Debug, Default)]
struct Faults {
    rows: u64,
    wrong: u64,
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
    pub fn new(input: u32, threads: usize, wanted: Wanted) -> Alike {
        Alike {
            threads,
            input,
            eye: Eye::Closed,
            outcomes: Vec::new(),
            valid_from: 0,
            tallies: Vec::new(),
            days: Days::default(),
            names: Names::new(&wanted.by),
            left_out: 0,
            wanted,
            wrongs: Wrongs::default(),
            part: Part::default(),
            hints: Vec::new(),
            luck: Luck::default(),
            faults: Faults::default(),
            largest: Largest::default(),
            next: None,
            gateway: None,
        }
    }

    /// Counts the next rows as long as they are known; how many there were. Behind them stands one for the general way.
    pub fn pass(&mut self, rows: &mut dyn ReadRows, timeline: &Timeline, past: &mut Past, summary: &mut Summary) -> u64 {
        self.next = None;
        self.largest.limit_to(summary.limit());
        if self.part.is_over() && self.rests() {
            return 0;
        }
        let gateway = past.memory.gateway(self.input);
        if gateway != self.gateway {
            self.gateway = gateway;
            self.forget();
        }
        let mut passed = 0;
        while self.is_part_ready(rows, timeline, past) {
            let Some(ahead) = rows.ahead() else { break };
            let stretch = self.count(&ahead, past, summary);
            rows.pass(stretch.length, stretch.lines);
            passed += stretch.rows;
            if self.next.is_some() {
                break;
            }
        }
        self.luck.passed += passed;
        passed
    }

    fn rests(&mut self) -> bool {
        let rested = self.luck.rest > 0;
        let rests = self.luck.rests();
        if let Eye::Open(open) = &mut self.eye
            && rests != rested
        {
            open.lookout.tell((!rests).then(|| open.look.clone()));
        }
        rests
    }

    /// Knows no rows any more. The outcomes stay, since rows were counted for them.
    fn forget(&mut self) {
        self.valid_from = self.outcomes.len();
        if let Eye::Open(open) = &mut self.eye {
            open.look.forget();
            open.is_ahead = true;
        }
    }

    /// Whether the next row was looked at; where none was, the rows at hand are.
    fn is_part_ready(&mut self, rows: &mut dyn ReadRows, timeline: &Timeline, past: &Past) -> bool {
        let Some(ahead) = rows.ahead() else { return false };
        if self.part.goes_on_at(ahead.offset) {
            return true;
        }
        if matches!(self.eye, Eye::Closed) {
            self.eye = Eye::open(ahead.layout, timeline, past.repeats.is_watching(), &self.wanted);
            if let Eye::Open(open) = &self.eye {
                rows.read_ahead(self.threads, Arc::clone(&open.lookout) as Arc<dyn Scout>);
            }
        }
        let (Eye::Open(open), Some(ahead)) = (&mut self.eye, rows.ahead()) else { return false };
        let seen = open.lookout.take(ahead.offset, std::mem::take(&mut self.part.rows));
        self.part = seen.unwrap_or_else(|| Part::look(open.lookout.spare(), ahead.offset, ahead.bytes, &open.look));
        open.tell();
        past.watch.foresee(self.part.rows.iter().map(|row| row.request), &mut self.hints);
        if past.repeats.is_watching() {
            past.repeats.fetch(self.part.rows.iter().filter_map(|row| row.print));
        }
        self.fetch_tallies();
        // A row that cannot be read was looked at in vain.
        self.luck.looked_at += self.part.rows.len().max(1) as u64;
        !self.part.is_over()
    }

    /// Looks at the sums of all rows at hand.
    fn fetch_tallies(&self) {
        let outcomes = self.part.rows.iter().filter_map(|row| row.told).map(|told| told.outcome.number());
        outcomes.for_each(|number| fetch(self.tallies.get(number).map(|tally| &tally.rows)));
    }

    /// The counted rows with the largest differences: takes them away.
    pub fn take_largest(&mut self) -> Largest {
        std::mem::take(&mut self.largest)
    }

    /// Counts the rows at the start of the bytes at hand up to the first that is not known.
    fn count(&mut self, ahead: &Ahead<'_>, past: &mut Past, summary: &mut Summary) -> Stretch {
        let (mut stretch, omitted) = (Stretch::default(), summary.omits());
        let mut omitted = omitted.max(self.largest.omits());
        let Eye::Open(Open { look, .. }) = &self.eye else { return stretch };
        let (mut stop, mut wrong) = (None, 0);
        for (at, (row, hint)) in self.part.next_rows(&self.hints).enumerate() {
            let rest = &ahead.bytes[stretch.length..];
            // What was new when the block was looked at may be known by now.
            let seen = row.told.filter(|told| told.outcome.number() >= self.valid_from);
            let is_again = || {
                row.request.is_some_and(|request| past.watch.has_charged(request, *hint))
                    || row.print.is_some_and(|print| past.repeats.has(print))
            };
            let Some(told) = seen.or_else(|| look.again(rest, row)) else {
                stop = Some((row, if is_again() { Stop::Noted } else { Stop::New }));
                break;
            };
            if row.is_left_out {
                self.left_out += 1;
                stretch.add(row);
                continue;
            }
            let difference = Difference::new(&told, row.time());
            let is_large = !difference.is_none() && omitted.is_none_or(|most| difference.size() > most);
            // Rows that are judged at the end know nothing of the input.
            let is_left = is_again() || is_large && self.gateway.is_some();
            let (outcome, tally) = (&self.outcomes[told.outcome.number()], &mut self.tallies[told.outcome.number()]);
            let terms = || look.terms(rest, row);
            let is_counted =
                !is_left && (difference.is_none() || self.wrongs.add((outcome, tally), difference, terms, summary).is_some());
            if !is_counted {
                stop = Some((row, Stop::Noted));
                break;
            }
            tally.add(told.charged.into(), row.time());
            self.days.add(row.time(), told.charged.into());
            self.names.add(rest, self.part.names(at), difference);
            if let Some(request) = row.request.filter(|_| tally.is_request) {
                past.watch.remember(request);
            }
            if let Some(print) = row.print {
                past.repeats.remember(print, self.input);
            }
            wrong += u64::from(told.charged != told.expected);
            if is_large {
                let place = (ahead.offset + stretch.length as u64, ahead.line + stretch.lines);
                self.largest.keep(difference.size(), place, &rest[..row.length as usize]);
                omitted = omitted.max(self.largest.omits());
            }
            stretch.add(row);
        }
        self.faults.add(stretch.rows, wrong);
        let stop = stop.map(|(row, stop)| (row.length as usize, stop));
        self.part.pass(stretch.rows, stretch.length);
        if let Some((length, stop)) = stop {
            self.stop_at(&ahead.bytes[stretch.length..][..length], stop, summary);
        }
        stretch
    }

    /// A row that is read one by one; or counted when it is tried again, now that it is known what is told of it.
    fn stop_at(&mut self, row: &[u8], stop: Stop, summary: &Summary) {
        let Eye::Open(Open { look, .. }) = &self.eye else { return };
        let new = look.stranger(row);
        if matches!(stop, Stop::New) && !summary.wants_examples() && self.learn_explained(&new) {
            return;
        }
        self.next = Some(Box::new(new));
        self.part.pass(1, row.len());
    }

    /// Learns what is told of a row whose kind has compiled causes: they explain it, but none before it had the same.
    fn learn_explained(&mut self, new: &Stranger) -> bool {
        let (Some((causes, like)), Some(details)) = (new.explained, &new.details) else { return false };
        let (Eye::Open(open), Some(id)) = (&mut self.eye, OutcomeId::of(self.outcomes.len())) else { return false };
        let Some(like) = self.outcomes.get(like.number()) else { return false };
        let outcome = Outcome { causes: Some(causes), ..like.clone() };
        let is_learnt = Arc::make_mut(&mut open.look.known).learn_explained(&new.facts, details, (causes, id));
        if is_learnt {
            self.add(outcome);
        }
        is_learnt
    }

    /// Which causes of the row that goes the general way now would be new, if it is wrong.
    pub fn asked(&self) -> Asked {
        match &self.next {
            Some(new) if self.faults.are_common() => new.asked,
            _ => Asked::Nothing,
        }
    }

    /// Learns from a row that went the general way.
    pub fn learn(&mut self, entry: &LogEntry<'_>, taught: &mut Taught<'_>, with_wrong: bool) {
        self.faults.add(1, taught.is_wrong().into());
        let (Some(new), Some((verdict, lesson))) = (self.next.take(), taught.lesson(with_wrong)) else { return };
        let Stranger { facts, details: Some(details), .. } = *new else { return };
        let (Eye::Open(open), Some(id)) = (&mut self.eye, OutcomeId::of(self.outcomes.len())) else { return };
        if lesson.shape.by_channel && !open.by_channel {
            return;
        }
        let known = Arc::make_mut(&mut open.look.known);
        if let Some(outcome) = known.learn(&facts, &details, entry, verdict, &lesson, id) {
            // That it was new is no bad luck.
            self.luck.looked_at = self.luck.looked_at.saturating_sub(1);
            self.add(outcome);
        }
    }

    /// Adds what is told of rows from now on.
    fn add(&mut self, outcome: Outcome) {
        let mut tally = Tally::new(outcome.is_request);
        self.wrongs.learn(&outcome, &mut tally);
        self.tallies.push(tally);
        self.outcomes.push(outcome);
        if let Eye::Open(open) = &mut self.eye {
            open.is_ahead = true;
        }
    }

    /// Adds what was counted to a summary. `day` names the day of a time, and `name` is what a report calls a token, user or channel.
    pub fn add_to(self, summary: &mut Summary, day: &dyn Fn(i64) -> String, name: &dyn Fn(By, &str) -> String) {
        let counted = self.outcomes.iter().zip(&self.tallies);
        for (outcome, tally) in counted.filter(|(_, tally)| tally.rows > 0) {
            if outcome.causes.is_some() {
                wrong::add_to(summary, outcome, tally);
                continue;
            }
            summary.add_plain(&Plain {
                model: &outcome.model,
                group: &outcome.group,
                profile: outcome.profile,
                presumed: outcome.presumed,
                rows: tally.rows,
                points: tally.points.into(),
                span: tally.span(),
            });
        }
        for (time, sum) in self.days.sums() {
            summary.add_plain_of(By::Day, &time.map(day).unwrap_or_default(), sum.rows, sum.points);
        }
        self.names.end(summary, name);
        summary.add_skipped(Skip::Filtered, self.left_out);
        self.wrongs.end(summary, day);
    }
}

impl Eye {
    fn open(layout: &Layout, timeline: &Timeline, with_prints: bool, wanted: &Wanted) -> Eye {
        let mut configs = timeline.configs();
        // Limits and fallbacks are watched row by row.
        if configs.any(|config| config.groups.values().any(|rules| rules.span_rows())) {
            return Eye::Blind;
        }
        let user = timeline.configs().any(|config| !config.users.is_empty() || !config.unknown_users.is_empty());
        // Only prices of gateways whose rows have no request id, or name its time, hang on the channel.
        let may_ask = !layout.columns.contains(Field::RequestId) || layout.columns.contains(Field::ElapsedTime);
        let channel = may_ask && timeline.configs().any(|config| !config.channels.is_empty());
        let look = || {
            let prints = if with_prints { Some(Prints::new(layout)?) } else { None };
            let (names, filter) = (NameColumns::new(layout, &wanted.by)?, RowFilter::new(layout, &wanted.filter)?);
            let scan = Scan::new(layout, KeyedBy { user, channel })?;
            Some(Look::new(scan, Beside { prints, names, filter }, timeline.stretches().clone()))
        };
        look().map_or(Eye::Blind, |look| {
            let lookout = Arc::new(Lookout::new(look.clone()));
            Eye::Open(Open { lookout, look, by_channel: channel, is_ahead: false })
        })
    }
}

impl Open {
    /// Tells the lookout what is known by now.
    fn tell(&mut self) {
        if std::mem::take(&mut self.is_ahead) {
            self.lookout.tell(Some(self.look.clone()));
        }
    }
}

impl Faults {
    /// The share is that of about so many rows, the last ones.
    const ROWS: u64 = 8_192;

    fn add(&mut self, rows: u64, wrong: u64) {
        (self.rows, self.wrong) = (self.rows + rows, self.wrong + wrong);
        if self.rows >= Faults::ROWS {
            (self.rows, self.wrong) = (self.rows / 2, self.wrong / 2);
        }
    }

    /// More than 1 in 64, and some at all.
    fn are_common(&self) -> bool {
        self.wrong * 64 > self.rows + 512
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
