//! What is known of rows: kinds of them, what their charges follow from, and what is told of those that are right.

use std::sync::Arc;

use super::Stranger;
use super::key::{Key, Table};
use super::lookout::{OutcomeId, Seen};
use super::scan::{Facts, Scan};
use super::sorted::Sorter;
use super::template::{Quoting, Template};
use crate::audit::{Class, Lesson, RequestKey, Verdict};
use crate::config::Stretches;
use crate::exact::Points;
use crate::log::LogEntry;
use crate::pricing::{Compiled, Only, Reason};
use crate::profile::{Counts, Profile, Shape};

/// So many keys, templates of a key, and kinds of rows of a template are kept; what is beyond them goes the general way.
const MOST_KIN: usize = 4_096;
const MOST_BRANCHES: usize = 16;
const MOST_KNOWN: usize = 32;

/// All that was learnt. A copy shares what it can.
#[derive(Clone, Debug, Default)]
pub struct Kinds {
    kin: Table<Kin>,
}

/// Rows with the same key.
#[derive(Clone, Debug, Default)]
struct Kin {
    branches: Vec<Branch>,
    /// Branches whose templates are those of texts with their keys in order.
    sorted: Vec<Branch>,
}

/// Where a key has so many branches, texts are sorted.
const MOST_ORDERS: usize = 8;

/// Rows with the same key whose `other` fits a template.
#[derive(Clone, Debug)]
struct Branch {
    template: Template,
    quoting: Quoting,
    /// The line ends in each `other`.
    lines: usize,
    /// The counts are those of the columns: the details are empty.
    of_columns: bool,
    known: Vec<Known>,
}

/// Rows of a branch in which the same counts are 0, and the same classes of tokens.
#[derive(Clone, Debug)]
struct Known {
    filled: u8,
    classes: u8,
    shape: Shape,
    outcome: OutcomeId,
    prices: Only<{ Shape::CLASSES.len() }>,
}

/// What is told of rows that are right.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub model: String,
    pub group: String,
    pub profile: Profile,
    pub presumed: Option<Reason>,
    /// The rows are requests, which must not be charged twice.
    pub is_request: bool,
}

/// How a row is looked at. A copy stays what it is while the original learns.
#[derive(Clone, Debug)]
pub struct Look {
    scan: Arc<Scan>,
    stretches: Arc<Stretches>,
    pub known: Arc<Kinds>,
}

impl Look {
    pub fn new(scan: Scan, stretches: Stretches) -> Look {
        Look { scan: Arc::new(scan), stretches: Arc::new(stretches), known: Arc::default() }
    }

    /// Knows no rows any more.
    pub fn forget(&mut self) {
        self.known = Arc::default();
    }

    /// What is seen of the row at the start of the bytes; none where nobody knows here where it ends.
    pub fn at(&self, bytes: &[u8], facts: &mut Facts) -> Option<Seen> {
        self.read(bytes, facts).or_else(|| {
            let length = u32::try_from(self.scan.unread_row(bytes)?).ok()?;
            Some(Seen { outcome: None, length, lines: 1, charged: 0, time: None, request: None })
        })
    }

    /// What is seen of a row that can be read here.
    fn read(&self, bytes: &[u8], facts: &mut Facts) -> Option<Seen> {
        // The time is a part of the key, but not known yet when `other` is at hand.
        let is_timeless = self.stretches.is_one();
        let mut fitted = None;
        let length = self.scan.row(bytes, facts, |key, details, quoting| {
            let (length, branch, counts) = self.known.kin.get(key).filter(|_| is_timeless)?.fit(details, quoting)?;
            fitted = Some((branch, counts));
            Some((length, branch.lines))
        })?;
        if !is_timeless {
            facts.key.add(self.stretches.at(facts.time) as u64)?;
        }
        let details = facts.details.of(bytes);
        Some(Seen {
            outcome: self.known.outcome(facts, details, fitted).or_else(|| self.known.outcome_if_sorted(facts, details)),
            length: u32::try_from(length).ok()?,
            lines: 1 + u32::try_from(facts.inner_lines).ok()?,
            charged: facts.charged,
            time: facts.time,
            request: RequestKey::of(facts.request.of(bytes), Points(facts.charged)),
        })
    }

    /// What is told of a row that was new when it was seen, if it is known by now.
    pub fn again(&self, bytes: &[u8], row: &Seen) -> Option<OutcomeId> {
        self.read(bytes.get(..row.length as usize)?, &mut Facts::default())?.outcome
    }

    /// A row that goes the general way.
    pub fn stranger(&self, row: &[u8]) -> Stranger {
        let mut facts = Facts::default();
        let is_read = self.read(row, &mut facts).is_some();
        let details = (is_read && self.known.has_room(&facts.key)).then(|| facts.details.of(row).to_vec());
        Stranger { facts, details }
    }
}

impl Kinds {
    /// What is told of a row if it is right; none where that is not known.
    fn outcome(&self, facts: &Facts, details: &[u8], fitted: Option<(&Branch, [i64; 4])>) -> Option<OutcomeId> {
        let find = || {
            let (length, branch, counts) = self.kin.get(&facts.key)?.fit(details, facts.quoting)?;
            (length == details.len()).then_some((branch, counts))
        };
        let (branch, held) = fitted.or_else(find)?;
        branch.outcome(facts, held)
    }

    /// The same, of the text with its keys in order.
    fn outcome_if_sorted(&self, facts: &mut Facts, details: &[u8]) -> Option<OutcomeId> {
        let kin = self.kin.get(&facts.key).filter(|kin| !kin.sorted.is_empty())?;
        let sorted = facts.sorter.sort(details, facts.quoting)?;
        let fits = |branch: &Branch| branch.template.fit(sorted).filter(|(length, _)| *length == sorted.len());
        let (branch, held) = kin.sorted.iter().find_map(|branch| Some((branch, fits(branch)?.1)))?;
        branch.outcome(facts, held)
    }

    /// Keeps what a row teaches under a number; none where rows like it may differ in more than their counts.
    pub fn learn(
        &mut self,
        facts: &Facts,
        details: &[u8],
        entry: &LogEntry<'_>,
        verdict: &Verdict,
        lesson: &Lesson<'_>,
        id: OutcomeId,
    ) -> Option<Outcome> {
        let judged = verdict.charge.as_deref().filter(|_| verdict.class == Class::Matched)?;
        let expected = judged.expected.as_ref().filter(|expected| expected.adjustment.is_none())?;
        let is_plain = judged.drift.is_empty() && judged.notices.is_empty() && judged.quirk.is_none();
        if !is_plain || judged.charged != expected.points || judged.charged.0 != facts.charged {
            return None;
        }
        let terms = judged.terms.as_ref()?;
        let prices = Compiled::of(terms)?.only(&Shape::CLASSES);
        let sorts = self.kin.get(&facts.key).is_some_and(|kin| kin.branches.len() >= MOST_ORDERS);
        let mut sorter = Sorter::default();
        let (details, quoting) =
            if sorts { (sorter.sort(details, facts.quoting)?, Quoting::Bare) } else { (details, facts.quoting) };
        let template =
            if sorts { Template::sorted(&lesson.details) } else { Template::new(entry.details, &lesson.details, quoting) };
        let (_, held) = template.fit(details).filter(|(length, _)| *length == details.len())?;
        let new = Branch { lines: template.lines(), template, quoting, of_columns: lesson.details.is_empty(), known: Vec::new() };
        let counts = new.counts(facts, held);
        let tokens = lesson.shape.tokens(&counts, 0);
        // What was read here must be what the general way read.
        if lesson.shape.all_tokens(&counts, 0) != terms.usage || !prices.gives(&tokens, facts.charged) {
            return None;
        }
        let outcome = Outcome {
            model: entry.model.to_owned(),
            group: entry.group.to_owned(),
            profile: verdict.profile?,
            presumed: judged.reason,
            is_request: lesson.is_request,
        };
        let (filled, classes) = (filled(&counts), classes(&tokens));
        let known = Known { filled, classes, shape: lesson.shape, outcome: id, prices };
        self.branch(&facts.key, new, sorts)?.add(known)?;
        Some(outcome)
    }

    fn has_room(&self, key: &Key) -> bool {
        let is_full =
            |kin: &Kin| kin.sorted.len() >= MOST_BRANCHES && kin.sorted.iter().all(|branch| branch.known.len() >= MOST_KNOWN);
        self.kin.get(key).map_or(self.kin.len() < MOST_KIN, |kin| !is_full(kin))
    }

    /// The branch of a key with the same template; the new one, where there is none yet and room for one.
    fn branch(&mut self, key: &Key, new: Branch, sorted: bool) -> Option<&mut Branch> {
        let kin = self.kin.get_or_insert(key);
        let branches = if sorted { &mut kin.sorted } else { &mut kin.branches };
        let same = |branch: &Branch| branch.template == new.template && branch.quoting == new.quoting;
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
    fn fit(&self, details: &[u8], quoting: Quoting) -> Option<(usize, &Branch, [i64; 4])> {
        // A shorter text would do for `{}`: the text must end there.
        let ends = |rest: &[u8]| rest.is_empty() || quoting.closes(rest);
        self.branches.iter().filter(|branch| branch.quoting == quoting).find_map(|branch| {
            let (length, counts) = branch.template.fit(details)?;
            ends(&details[length..]).then_some((length, branch, counts))
        })
    }
}

impl Branch {
    /// The counts of a row: where it has details, all but prompt and completion stand there.
    fn counts(&self, facts: &Facts, [cached, writes, writes_5m, writes_1h]: [i64; 4]) -> Counts {
        if self.of_columns { facts.counts } else { Counts { cached, writes, writes_5m, writes_1h, ..facts.counts } }
    }

    /// What is told of a row whose details hold such counts, if it is right; none where that is not known.
    fn outcome(&self, facts: &Facts, held: [i64; 4]) -> Option<OutcomeId> {
        let counts = self.counts(facts, held);
        if counts.prompt + counts.completion == 0 {
            return None;
        }
        let filled = filled(&counts);
        let (known, tokens) = self.known.iter().filter(|known| known.filled == filled).find_map(|known| {
            let tokens = known.shape.tokens(&counts, 0);
            (classes(&tokens) == known.classes).then_some((known, tokens))
        })?;
        known.prices.gives(&tokens, facts.charged).then_some(known.outcome)
    }

    /// Adds rows with other counts, or other classes of them; none where there is no room, or the same counts mean something else.
    fn add(&mut self, new: Known) -> Option<()> {
        let mut same = self.known.iter().filter(|known| known.filled == new.filled);
        let is_clear = same.all(|known| known.shape == new.shape && known.prices == new.prices && known.classes != new.classes);
        (is_clear && self.known.len() < MOST_KNOWN).then(|| self.known.push(new))
    }
}

/// Which counts are not 0, a bit for each.
fn filled(counts: &Counts) -> u8 {
    let Counts { prompt, completion, cached, writes, writes_5m, writes_1h } = *counts;
    classes(&[prompt, completion, cached, writes, writes_5m, writes_1h])
}

/// Which of the numbers are not 0, a bit for each.
fn classes(numbers: &[i64; 6]) -> u8 {
    numbers.iter().enumerate().fold(0, |bits, (at, count)| bits | u8::from(*count != 0) << at)
}
