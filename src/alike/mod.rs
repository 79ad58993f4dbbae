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
//! Only rows that are right to the point, and of which nothing else is to be told, are counted here. All others (wrong, open,
//! drifting, by a minimum, of tasks, malformed) go the general way, one by one and in the order of the input.

mod scan;
mod template;

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

pub use scan::{Facts, Scan};
use template::Template;

use crate::audit::{Class, Lesson, Plain, Span, Summary, Verdict};
use crate::config::Timeline;
use crate::log::LogEntry;
use crate::pricing::{Compiled, PerClass, Reason};
use crate::profile::{Counts, Profile, Shape, is_veloera_row};
use crate::read::{Ahead, ReadRows};

/// So many keys, templates of a key, and kinds of rows of a template are kept; what is beyond them goes the general way.
const MOST_KIN: usize = 4_096;
const MOST_BRANCHES: usize = 16;
const MOST_KNOWN: usize = 16;

/// What is known of the rows of one input.
#[derive(Debug)]
pub struct Alike<'t> {
    timeline: &'t Timeline,
    scan: Option<Scan>,
    begun: bool,
    known: Kinds,
    tallies: Vec<Tally>,
    /// The row that was not known.
    facts: Facts,
    /// Its `other`, as it stands there; none where nothing can be learnt from the row.
    details: Option<Vec<u8>>,
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

/// Rows that were counted.
#[derive(Clone, Copy, Debug, Default)]
struct Passed {
    rows: u64,
    length: usize,
    /// Behind them the bytes are at their end, or what stands there cannot be read here.
    at_end: bool,
}

impl<'t> Alike<'t> {
    pub fn new(timeline: &'t Timeline) -> Alike<'t> {
        Alike {
            timeline,
            scan: None,
            begun: false,
            known: Kinds::default(),
            tallies: Vec::new(),
            facts: Facts::default(),
            details: None,
        }
    }

    /// Counts the next rows as long as they are right and known; how many there were. Behind them stands one for the general way.
    pub fn pass(&mut self, rows: &mut dyn ReadRows) -> u64 {
        let mut passed = 0;
        self.details = None;
        loop {
            let Some(ahead) = rows.ahead() else { return passed };
            self.begin(&ahead);
            let Passed { rows: count, length, at_end } = self.pass_block(ahead.bytes);
            rows.pass(length);
            passed += count;
            if count == 0 || !at_end {
                return passed;
            }
        }
    }

    fn begin(&mut self, ahead: &Ahead<'_>) {
        if !self.begun {
            self.begun = true;
            let by_user = self.timeline.configs().any(|config| !config.users.is_empty());
            let is_short = self.timeline.configs().len() <= 256;
            self.scan = Scan::new(ahead.layout, by_user).filter(|_| is_short);
        }
    }

    /// Counts the rows at the start of the bytes.
    fn pass_block(&mut self, bytes: &[u8]) -> Passed {
        let (mut rows, mut at) = (0, 0);
        let Some(scan) = &self.scan else { return Passed::default() };
        let is_timeless = self.timeline.configs().len() == 1;
        loop {
            let rest = &bytes[at..];
            let mut fitted = None;
            let length = scan.row(rest, &mut self.facts, |key, details| {
                // Which prices hold may depend on the time: then the key is not whole yet.
                let kin = self.known.kin.get(key).filter(|_| is_timeless)?;
                let (length, branch, counts) = kin.fit(details, true)?;
                fitted = Some((branch, counts));
                Some(length)
            });
            let Some(length) = length else { return Passed { rows, length: at, at_end: true } };
            if !is_timeless {
                self.facts.key.push(self.timeline.stretch(self.facts.time) as u8);
            }
            let details = &rest[self.facts.details.clone()];
            match self.known.look(&self.facts, details, fitted) {
                Look::Right(outcome) => self.tallies[outcome].count(&self.facts),
                Look::Wrong => return Passed { rows, length: at, at_end: false },
                Look::New => {
                    self.details = Some(details.to_vec());
                    return Passed { rows, length: at, at_end: false };
                }
            }
            rows += 1;
            at += length;
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
enum Look {
    /// It is right; where it is counted.
    Right(usize),
    /// Rows like it are known, and this one may be wrong.
    Wrong,
    New,
}

impl Kinds {
    fn look(&self, facts: &Facts, details: &[u8], fitted: Option<(&Branch, [i64; 4])>) -> Look {
        let find = || {
            let (length, branch, counts) = self.kin.get(facts.key.as_slice())?.fit(details, facts.quoted)?;
            (length == details.len()).then_some((branch, counts))
        };
        let Some((branch, held)) = fitted.or_else(find) else { return Look::New };
        let counts = branch.counts(facts, held);
        if counts.prompt + counts.completion == 0 {
            return Look::Wrong;
        }
        let Some(known) = branch.known(filled(&counts)) else { return Look::New };
        let tokens = known.shape.tokens(&counts, 0);
        if !known.prices.gives(&tokens, facts.charged) {
            return Look::Wrong;
        }
        let classes = classes(&tokens);
        known.proven.iter().find(|(proven, _)| *proven == classes).map_or(Look::New, |(_, outcome)| Look::Right(*outcome))
    }

    /// Keeps what a row teaches; none where rows like it may differ in more than their counts.
    fn learn(
        &mut self,
        facts: &Facts,
        details: &[u8],
        entry: &LogEntry<'_>,
        verdict: &Verdict,
        lesson: &Lesson<'_>,
    ) -> Option<()> {
        let judged = verdict.charge.as_deref().filter(|_| verdict.class == Class::Matched)?;
        let expected = judged.expected.as_ref().filter(|expected| expected.adjustment.is_none())?;
        let is_plain = judged.drift.is_empty() && judged.notices.is_empty() && judged.quirk.is_none();
        if !is_plain || judged.charged != expected.points || judged.charged.0 != facts.charged {
            return None;
        }
        let terms = judged.terms.as_ref()?;
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

    /// The branch of a key with the same template; the new one, where there is none yet and room for one.
    fn branch(&mut self, key: &[u8], new: Branch) -> Option<&mut Branch> {
        if !self.kin.contains_key(key) {
            if self.kin.len() >= MOST_KIN {
                return None;
            }
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
