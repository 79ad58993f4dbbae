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
//! ([`Compiled`]). The way from counts to tokens is the profile's own function ([`Shape`]). Which values of `other` matter is not listed
//! either: [`Details`](crate::details::Details) notes what was looked at while the first row was judged. Since that run depended on nothing
//! else, a row with the same bytes in all those places takes the same way. Which counts are 0, and which classes of tokens, is a
//! part of what is known, since open figures hang on it.
//!
//! Threads (`threads`) only look at rows and count those that they know; what is known is written between their rounds, in this one.
//! Only rows that are right to the point, and of which nothing else is to be told, are counted here. All others (wrong, open,
//! drifting, by a minimum, of tasks, malformed) go the general way, one by one and in the order of the input.

mod scan;
mod template;
mod threads;

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

pub use scan::{Facts, Scan};
use template::Template;

use crate::audit::{Class, Lesson, Plain, Span, Summary, Verdict};
use crate::config::Timeline;
use crate::log::LogEntry;
use crate::pricing::{Compiled, PerClass, Reason};
use crate::profile::{Counts, Profile, Shape, is_veloera_row};
use crate::read::{Layout, ReadRows};

/// So many keys, templates of a key, and kinds of rows of a template are kept; what is beyond them goes the general way.
const MOST_KIN: usize = 4_096;
const MOST_BRANCHES: usize = 16;
const MOST_KNOWN: usize = 16;

/// The bytes that one thread looks at before it waits for the others.
const BLOCK: usize = 512 << 10;

/// What is known of the rows of one input.
#[derive(Debug)]
pub struct Alike<'t> {
    timeline: &'t Timeline,
    threads: usize,
    look: Option<Look<'t>>,
    begun: bool,
    known: Kinds,
    tallies: Vec<Tally>,
    plan: VecDeque<Step>,
    luck: Luck,
    /// The row that was not known.
    facts: Facts,
    /// Its `other`, as it stands there; none where nothing can be learnt from the row.
    details: Option<Vec<u8>>,
}

/// Rows that threads have counted already, and that are still to be passed. Behind them stands one that they did not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Step {
    rows: u64,
    length: usize,
}

/// Whether it is worth to look: not where hardly a row is like another.
#[derive(Debug, Default)]
struct Luck {
    rows: u64,
    passed: u64,
    is_good: bool,
    /// So many rows go the general way untried.
    rest: u64,
}

/// All that was learnt.
#[derive(Debug, Default)]
struct Kinds {
    kin: HashMap<Box<[u8]>, Kin, BuildHasherDefault<Mix>>,
    outcomes: Vec<Outcome>,
}

/// Rows with the same key.
#[derive(Debug, Default)]
struct Kin {
    branches: Vec<Branch>,
}

/// Rows with the same key whose `other` fits a template.
#[derive(Debug)]
struct Branch {
    template: Template,
    quoted: bool,
    /// The counts are those of the columns: the details are empty.
    of_columns: bool,
    known: Vec<Known>,
}

/// Rows of a branch in which the same counts are 0.
#[derive(Debug)]
struct Known {
    filled: u8,
    shape: Shape,
    prices: Compiled,
    /// By the classes that have tokens: where the rows are counted.
    proven: Vec<(u16, usize)>,
}

/// What is told of rows that are right.
#[derive(Debug, PartialEq)]
struct Outcome {
    model: String,
    group: String,
    profile: Profile,
    presumed: Option<Reason>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    rows: u64,
    points: i128,
    span: Span,
}

impl<'t> Alike<'t> {
    pub fn new(timeline: &'t Timeline, threads: usize) -> Alike<'t> {
        Alike {
            timeline,
            threads,
            look: None,
            begun: false,
            known: Kinds::default(),
            tallies: Vec::new(),
            plan: VecDeque::new(),
            luck: Luck::default(),
            facts: Facts::default(),
            details: None,
        }
    }

    /// Counts the next rows as long as they are right and known; how many there were. Behind them stands one for the general way.
    pub fn pass(&mut self, rows: &mut dyn ReadRows) -> u64 {
        self.details = None;
        if self.plan.is_empty() && self.luck.has_run_out() {
            return 0;
        }
        let mut passed = 0;
        loop {
            if self.plan.is_empty() && self.threads > 1 && self.luck.is_good {
                self.share_out(rows);
            }
            let step = self.plan.pop_front();
            if let Some(Step { rows: count, length }) = step {
                rows.pass(length);
                passed += count;
            }
            let (count, goes_on) = self.pass_here(rows, step.map_or(u64::MAX, |_| 1));
            passed += count;
            if !goes_on {
                self.luck.note(passed);
                return passed;
            }
        }
    }

    /// Counts known rows, at most so many; how many there were, and whether more may follow.
    fn pass_here(&mut self, rows: &mut dyn ReadRows, most: u64) -> (u64, bool) {
        let Some(ahead) = rows.ahead(BLOCK / 2) else { return (0, false) };
        if !self.begun {
            self.begun = true;
            self.look = Look::new(ahead.layout, self.timeline);
        }
        let Some(look) = &self.look else { return (0, false) };
        let (mut count, mut at, mut goes_on) = (0, 0, true);
        while count < most {
            match look.at(&ahead.bytes[at..], &self.known, &mut self.facts) {
                Some((length, Seen::Right(outcome))) => {
                    self.tallies[outcome].count(&self.facts);
                    count += 1;
                    at += length;
                }
                // The bytes are at their end, or what stands there cannot be read here.
                None => {
                    goes_on = count > 0;
                    break;
                }
                Some((_, seen)) => {
                    let details = || ahead.bytes[at..][self.facts.details.clone()].to_vec();
                    self.details = (seen == Seen::New).then(details);
                    goes_on = false;
                    break;
                }
            }
        }
        rows.pass(at);
        (count, goes_on)
    }

    /// Has the rows at hand looked at by all threads, and plans how to pass them.
    fn share_out(&mut self, rows: &mut dyn ReadRows) {
        let (Some(look), Some(ahead)) = (&self.look, rows.ahead(self.threads * BLOCK)) else { return };
        let slices = threads::slices(ahead.bytes, self.threads);
        for part in threads::look_at(&slices, look, &self.known) {
            self.tallies.iter_mut().zip(&part.tallies).for_each(|(sum, tally)| sum.merge(tally));
            let is_whole = part.is_whole;
            threads::append(&mut self.plan, part.steps);
            // Where the next slice begins was a guess; it holds only if all rows before it are by the rules.
            if !is_whole {
                break;
            }
        }
    }

    /// Learns from a row that went the general way.
    pub fn learn(&mut self, entry: &LogEntry<'_>, verdict: &Verdict, lesson: Option<Lesson<'_>>) {
        if let (Some(details), Some(lesson)) = (self.details.take(), lesson)
            && !is_veloera_row(entry, &lesson.details)
        {
            let _ = self.known.learn(&self.facts, &details, entry, verdict, &lesson);
            self.tallies.resize(self.known.outcomes.len(), Tally::default());
        }
    }

    /// Adds what was counted to a summary.
    pub fn add_to(self, summary: &mut Summary) {
        for (outcome, tally) in self.known.outcomes.iter().zip(&self.tallies).filter(|(_, tally)| tally.rows > 0) {
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
    }
}

/// What is known of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// It is right; where it is counted.
    Right(usize),
    /// Rows like it are known, and this one may be wrong.
    Wrong,
    New,
}

/// How rows are looked at; the same for all threads.
#[derive(Debug)]
struct Look<'t> {
    scan: Scan,
    timeline: &'t Timeline,
    /// Prices hold for all times: none has to be known to know the key.
    is_timeless: bool,
}

impl<'t> Look<'t> {
    fn new(layout: &Layout, timeline: &'t Timeline) -> Option<Look<'t>> {
        let by_user = timeline.configs().any(|config| !config.users.is_empty());
        let scan = Scan::new(layout, by_user)?;
        Some(Look { scan, timeline, is_timeless: timeline.configs().len() == 1 })
    }

    /// What is known of the row at the start of the bytes, and its length; none where it cannot be read here.
    fn at(&self, bytes: &[u8], known: &Kinds, facts: &mut Facts) -> Option<(usize, Seen)> {
        let mut fitted = None;
        let length = self.scan.row(bytes, facts, |key, details| {
            let (length, branch, counts) = known.kin.get(key).filter(|_| self.is_timeless)?.fit(details, true)?;
            fitted = Some((branch, counts));
            Some(length)
        })?;
        if !self.is_timeless {
            facts.key.extend_from_slice(&self.timeline.stretch(facts.time).to_le_bytes());
        }
        let details = &bytes[facts.details.clone()];
        Some((length, known.seen(facts, details, fitted)))
    }
}

impl Luck {
    /// So many rows make a judgement, and so many are then left alone if it is bad.
    const ROWS: u64 = 4_096;
    const REST: u64 = 65_536;

    fn has_run_out(&mut self) -> bool {
        let rests = self.rest > 0;
        self.rest = self.rest.saturating_sub(1);
        rests
    }

    /// So many rows were passed before one went the general way.
    fn note(&mut self, passed: u64) {
        self.passed += passed;
        self.rows += passed + 1;
        if self.rows >= Luck::ROWS {
            self.is_good = self.passed >= self.rows / 4 * 3;
            self.rest = if self.passed < self.rows / 4 { Luck::REST } else { 0 };
            (self.rows, self.passed) = (0, 0);
        }
    }
}

impl Kinds {
    fn seen(&self, facts: &Facts, details: &[u8], fitted: Option<(&Branch, [i64; 4])>) -> Seen {
        let find = || {
            let (length, branch, counts) = self.kin.get(facts.key.as_slice())?.fit(details, facts.quoted)?;
            (length == details.len()).then_some((branch, counts))
        };
        let Some((branch, held)) = fitted.or_else(find) else { return Seen::New };
        let counts = branch.counts(facts, held);
        if counts.prompt + counts.completion == 0 {
            return Seen::Wrong;
        }
        let Some(known) = branch.known(filled(&counts)) else { return Seen::New };
        let tokens = known.shape.tokens(&counts, 0);
        if !known.prices.gives(&tokens, facts.charged) {
            return Seen::Wrong;
        }
        let classes = classes(&tokens);
        known.proven.iter().find(|(proven, _)| *proven == classes).map_or(Seen::New, |(_, outcome)| Seen::Right(*outcome))
    }

    /// Keeps what a row teaches; none where rows like it may differ in more than their counts.
    fn learn(&mut self, facts: &Facts, details: &[u8], entry: &LogEntry<'_>, verdict: &Verdict, lesson: &Lesson<'_>) -> Option<()> {
        let judged = verdict.charge.as_deref().filter(|_| verdict.class == Class::Matched)?;
        let expected = judged.expected.as_ref().filter(|expected| expected.adjustment.is_none())?;
        let is_plain = judged.drift.is_empty() && judged.notices.is_empty() && judged.quirk.is_none();
        if !is_plain || judged.charged != expected.points || judged.charged.0 != facts.charged {
            return None;
        }
        let terms = judged.terms.as_ref()?;
        if !self.has_room(&facts.key) {
            return None;
        }
        let prices = Compiled::of(terms)?;
        let template = Template::new(entry.details, &lesson.details, facts.quoted);
        let (_, held) = template.fit(details).filter(|(length, _)| *length == details.len())?;
        let of_columns = lesson.details.is_empty();
        let outcome = Outcome {
            model: entry.model.to_owned(),
            group: entry.group.to_owned(),
            profile: verdict.profile?,
            presumed: judged.reason,
        };
        let new = Branch { template, quoted: facts.quoted, of_columns, known: Vec::new() };
        let counts = new.counts(facts, held);
        let tokens = lesson.shape.tokens(&counts, 0);
        // What was read here must be what the general way read.
        if tokens != terms.usage || !prices.gives(&tokens, facts.charged) {
            return None;
        }
        let at = self.outcomes.len();
        let branch = self.branch(&facts.key, new)?;
        let known = Known { filled: filled(&counts), shape: lesson.shape, prices, proven: vec![(classes(&tokens), at)] };
        branch.add(known)?;
        self.outcomes.push(outcome);
        Some(())
    }

    fn has_room(&self, key: &[u8]) -> bool {
        let is_full =
            |kin: &Kin| kin.branches.len() >= MOST_BRANCHES && kin.branches.iter().all(|branch| branch.known.len() >= MOST_KNOWN);
        self.kin.get(key).map_or(self.kin.len() < MOST_KIN, |kin| !is_full(kin))
    }

    /// The branch of a key with the same template; the new one, where there is none yet and room for one.
    fn branch(&mut self, key: &[u8], new: Branch) -> Option<&mut Branch> {
        if !self.kin.contains_key(key) {
            self.kin.insert(key.into(), Kin::default());
        }
        let branches = &mut self.kin.get_mut(key)?.branches;
        let same = |branch: &Branch| branch.template == new.template && branch.quoted == new.quoted;
        let at = match branches.iter().position(same) {
            Some(at) => at,
            None if branches.len() >= MOST_BRANCHES => return None,
            None => {
                branches.push(new);
                branches.len() - 1
            }
        };
        branches.get_mut(at)
    }
}

impl Kin {
    /// The branch whose template the bytes begin with, how many of them it takes, and the counts in them.
    fn fit(&self, details: &[u8], quoted: bool) -> Option<(usize, &Branch, [i64; 4])> {
        // Within quotes the text must end where the quotes close; a shorter text would do for `{}`.
        let ends = |length: usize| details.len() == length || (quoted && details[length..].starts_with(b"\""));
        self.branches.iter().filter(|branch| branch.quoted == quoted).find_map(|branch| {
            let (length, counts) = branch.template.fit(details)?;
            (ends(length) && !details[length..].starts_with(b"\"\"")).then_some((length, branch, counts))
        })
    }
}

impl Branch {
    /// The counts of a row: where it has details, all but prompt and completion stand there.
    fn counts(&self, facts: &Facts, [cached, writes, writes_5m, writes_1h]: [i64; 4]) -> Counts {
        if self.of_columns { facts.counts } else { Counts { cached, writes, writes_5m, writes_1h, ..facts.counts } }
    }

    fn known(&self, filled: u8) -> Option<&Known> {
        self.known.iter().find(|known| known.filled == filled)
    }

    /// Adds rows with other counts, or other classes of them; none where there is no room, or the same counts mean something else.
    fn add(&mut self, new: Known) -> Option<()> {
        match self.known.iter_mut().find(|known| known.filled == new.filled) {
            Some(known) if known.shape != new.shape || known.prices != new.prices => None,
            Some(known) => {
                let is_known = known.proven.iter().any(|(classes, _)| new.proven.iter().any(|(other, _)| classes == other));
                (!is_known).then(|| known.proven.extend(new.proven))
            }
            None => (self.known.len() < MOST_KNOWN).then(|| self.known.push(new)),
        }
    }
}

impl Tally {
    fn merge(&mut self, other: &Tally) {
        self.rows += other.rows;
        self.points += other.points;
        self.span.merge(other.span);
    }

    fn count(&mut self, facts: &Facts) {
        self.rows += 1;
        self.points += i128::from(facts.charged);
        if let Some(time) = facts.time {
            self.span.first = Some(self.span.first.map_or(time, |first| first.min(time)));
            self.span.last = Some(self.span.last.map_or(time, |last| last.max(time)));
        }
    }
}

/// Which counts are not 0, a bit for each.
fn filled(counts: &Counts) -> u8 {
    let Counts { prompt, completion, cached, writes, writes_5m, writes_1h } = *counts;
    let bits = [prompt, completion, cached, writes, writes_5m, writes_1h].into_iter().enumerate();
    bits.fold(0, |bits, (at, count)| bits | u8::from(count != 0) << at)
}

/// Which classes have tokens, a bit for each.
fn classes(tokens: &PerClass<i64>) -> u16 {
    tokens.iter().fold(0, |bits, (class, count)| bits | u16::from(count != 0) << class as u16)
}

/// A hash of few operations. Keys are compared whole, so that a collision costs time alone.
#[derive(Debug, Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            self.write_u64(word.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)));
        }
        self.write_u64(words.remainder().iter().fold(1, |word, byte| word << 8 | u64::from(*byte)));
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}
