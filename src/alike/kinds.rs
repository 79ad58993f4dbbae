//! What is known of rows: kinds of them, what their charges follow from, and what is told of those that are right.

use std::sync::Arc;

use super::Stranger;
use super::key::{Key, Table};
use super::lookout::{OutcomeId, Seen, Told};
use super::scan::{Facts, NameColumns, Prints, RowFilter, Scan};
use super::template::{Quoting, Template};
use crate::audit::{Asked, CauseSet, Class, ClassKey, CompiledCauses, Lesson, RequestKey, Verdict, told_group};
use crate::config::Stretches;
use crate::exact::Points;
use crate::fetch::fetch;
use crate::log::LogEntry;
use crate::pricing::{AlikeTerms, Ready, Reason};
use crate::profile::{Counts, Profile, Shape};

/// So many keys, templates of a key, and kinds of rows of a template are kept; what is beyond them goes the general way.
const MOST_KIN: usize = 4_096;
const MOST_BRANCHES: usize = 16;
const MOST_KNOWN: usize = 32;

/// All that was learnt. A copy shares what it can.
#[derive(Clone, Debug, Default)]
pub struct Kinds {
    kin: Table<Kin>,
    /// How many kinds have compiled causes.
    wrong: usize,
}

/// Rows with the same key.
#[derive(Clone, Debug, Default)]
struct Kin {
    branches: Vec<Branch>,
    /// Branches whose texts have their keys in any order; where there are some, the others are not tried.
    in_any_order: Vec<Branch>,
}

/// Where a key has so many branches, the order of the keys in `other` no longer counts.
const MOST_ORDERS: usize = 8;

/// Rows with the same key whose `other` fits a template.
#[derive(Clone, Debug)]
struct Branch {
    template: Template,
    quoting: Quoting,
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
    /// What is told of right ones; none while none was seen.
    outcome: Option<OutcomeId>,
    wrong: Option<Wrong>,
    prices: Ready<{ Shape::CLASSES.len() }>,
}

/// The wrong ones among rows of a kind.
#[derive(Clone, Debug)]
struct Wrong {
    compiled: Arc<CompiledCauses>,
    /// By the causes: what is told of the rows.
    proven: Vec<(CauseSet, OutcomeId)>,
}

/// So many kinds have compiled causes.
const MOST_WRONG: usize = 2_048;

/// What is told of rows that are right, or wrong by the same causes.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub model: String,
    pub group: String,
    pub profile: Profile,
    pub presumed: Option<Reason>,
    /// The rows are requests, which must not be charged twice.
    pub is_request: bool,
    /// Why the rows are wrong, if they are.
    pub causes: Option<CauseSet>,
}

impl Outcome {
    pub fn class(&self) -> ClassKey {
        ClassKey { model: self.model.clone(), group: self.group.clone() }
    }
}

/// A branch that a text fits, and the counts in the text.
type Fitted<'k> = (&'k Branch, [i64; 4]);

/// What is seen of a row beside its charge.
#[derive(Debug)]
pub struct Beside {
    /// Only where an entry may come again from another input.
    pub prints: Option<Prints>,
    pub names: NameColumns,
    pub filter: RowFilter,
}

impl Beside {
    fn is_asked(&self) -> bool {
        self.prints.is_some() || self.names.count() > 0 || self.filter.leaves_out()
    }

    /// None where that cannot be seen here.
    #[inline(always)]
    fn see(&self, bytes: &[u8], facts: &mut Facts, seen: &mut Seen) -> Option<()> {
        seen.is_left_out = !self.filter.admits(bytes, facts)?;
        if let Some(prints) = &self.prints {
            seen.print = Some(prints.of(bytes, facts)?);
        }
        self.names.take(bytes, facts)
    }
}

/// How a row is looked at. A copy stays what it is while the original learns.
#[derive(Clone, Debug)]
pub struct Look {
    scan: Arc<Scan>,
    /// None where nothing of it is asked.
    beside: Option<Arc<Beside>>,
    stretches: Arc<Stretches>,
    pub known: Arc<Kinds>,
}

impl Look {
    pub fn new(scan: Scan, beside: Beside, stretches: Stretches) -> Look {
        let beside = Some(beside).filter(Beside::is_asked).map(Arc::new);
        Look { scan: Arc::new(scan), beside, stretches: Arc::new(stretches), known: Arc::default() }
    }

    /// Knows no rows any more.
    pub fn forget(&mut self) {
        self.known = Arc::default();
    }

    /// What is seen of the row at the start of the bytes; none where nobody knows here where it ends.
    #[inline(always)]
    pub fn at(&self, bytes: &[u8], facts: &mut Facts) -> Option<Seen> {
        self.read(bytes, facts).or_else(|| {
            let length = u32::try_from(self.scan.unread_row(bytes)?).ok()?;
            Some(Seen::new(None, None, length, 1))
        })
    }

    /// What is seen of a row that can be read here.
    #[inline(always)]
    fn read(&self, bytes: &[u8], facts: &mut Facts) -> Option<Seen> {
        let (length, fitted) = self.facts(bytes, facts)?;
        let details = facts.details.of(bytes);
        let told = fitted.or_else(|| self.known.fit(facts, details)).and_then(|(branch, held)| branch.told(facts, held));
        let lines = u16::try_from(1 + facts.inner_lines).ok()?;
        let mut seen = Seen::new(facts.time, told, u32::try_from(length).ok()?, lines);
        seen.request = RequestKey::of(facts.request.of(bytes), Points(facts.charged));
        if let Some(beside) = &self.beside
            && beside.see(bytes, facts, &mut seen).is_none()
        {
            seen.told = None;
        }
        Some(seen)
    }

    /// How many names a row has that sums are broken down by.
    pub fn names(&self) -> usize {
        self.beside.as_ref().map_or(0, |beside| beside.names.count())
    }

    /// The same for a single row.
    #[inline(never)]
    fn read_one(&self, bytes: &[u8], facts: &mut Facts) -> Option<Seen> {
        self.read(bytes, facts)
    }

    /// The facts of a row and its length, with the branch and the counts in it where these were found on the way.
    #[inline(always)]
    fn facts(&self, bytes: &[u8], facts: &mut Facts) -> Option<(usize, Option<Fitted<'_>>)> {
        // The time is a part of the key, but not known yet when `other` is at hand.
        let is_timeless = self.stretches.is_one();
        let mut fitted = None;
        let length = self.scan.row(bytes, facts, |key, details, quoting| {
            let (length, branch, counts) = self.known.kin.get(key).filter(|_| is_timeless)?.fit(details, quoting)?;
            fitted = Some((branch, counts));
            Some((length, branch.template.lines))
        })?;
        if !is_timeless {
            facts.key.add(self.stretches.at(facts.time) as u64)?;
        }
        Some((length, fitted))
    }

    /// What is told of a row that was new when it was seen, if it is known by now.
    pub fn again(&self, bytes: &[u8], row: &Seen) -> Option<Told> {
        self.read_one(bytes.get(..row.length as usize)?, &mut Facts::default())?.told
    }

    /// What the charge of a wrong row should have followed from.
    pub fn terms(&self, bytes: &[u8], row: &Seen) -> Option<AlikeTerms> {
        let (bytes, mut facts) = (bytes.get(..row.length as usize)?, Facts::default());
        self.facts(bytes, &mut facts)?;
        self.known.terms(&facts, bytes)
    }

    /// A row that goes the general way.
    pub fn stranger(&self, row: &[u8]) -> Stranger {
        let mut facts = Facts::default();
        let is_read = self.read_one(row, &mut facts).is_some();
        let details = (is_read && self.known.has_room(&facts.key)).then(|| facts.details.of(row).to_vec());
        let (asked, explained) = details.as_ref().map_or((Asked::Nothing, None), |details| self.known.asked(&facts, details));
        Stranger { facts, details, asked, explained }
    }
}

impl Kinds {
    /// The branch that a whole `other` fits, and the counts in it.
    fn fit(&self, facts: &Facts, details: &[u8]) -> Option<(&Branch, [i64; 4])> {
        let (length, branch, counts) = self.kin.get(&facts.key)?.fit(details, facts.quoting)?;
        (length == details.len()).then_some((branch, counts))
    }

    /// Which causes of a row would be new, if it is wrong; or else the causes by which it is, with what is told of other rows of its kind.
    fn asked(&self, facts: &Facts, details: &[u8]) -> (Asked, Option<(CauseSet, OutcomeId)>) {
        let Some((wrong, tokens)) = self.wrong(facts, details) else {
            return (if self.wrong < MOST_WRONG { Asked::Causes } else { Asked::Nothing }, None);
        };
        match wrong.compiled.explain(&tokens, facts.counts.prompt, Points(facts.charged)) {
            Some((causes, _)) => (Asked::Nothing, wrong.proven.first().map(|(_, like)| (causes, *like))),
            None if !wrong.compiled.knows_others() => (Asked::Others, None),
            None => (Asked::Nothing, None),
        }
    }

    /// What is known of wrong rows like one, and its tokens.
    fn wrong(&self, facts: &Facts, details: &[u8]) -> Option<(&Wrong, [i64; 6])> {
        let (branch, held) = self.fit(facts, details)?;
        let (known, tokens) = branch.known(&branch.counts(facts, held))?;
        Some((known.wrong.as_ref()?, tokens))
    }

    /// Whether it is known what is told of a row that is wrong by some causes.
    fn knows(&self, facts: &Facts, details: &[u8], causes: CauseSet) -> bool {
        self.wrong(facts, details).is_some_and(|(wrong, _)| wrong.outcome(causes).is_some())
    }

    fn terms(&self, facts: &Facts, bytes: &[u8]) -> Option<AlikeTerms> {
        let (wrong, tokens) = self.wrong(facts, facts.details.of(bytes))?;
        Some(wrong.compiled.terms(&tokens))
    }

    /// Learns what is told of rows whose kind has compiled causes, and that are wrong by some of these; whether it is new.
    pub fn learn_explained(&mut self, facts: &Facts, details: &[u8], told: (CauseSet, OutcomeId)) -> bool {
        let fitted = self.kin.get_or_insert(&facts.key).fit_mut(details, facts.quoting);
        let known = fitted.and_then(|(branch, held)| {
            let counts = branch.counts(facts, held);
            branch.known_mut(&counts)
        });
        known.and_then(|known| known.wrong.as_mut()).is_some_and(|wrong| wrong.add(told))
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
        let judged = verdict.charge.as_deref()?;
        let expected = judged.expected.as_ref().filter(|expected| expected.adjustment.is_none())?;
        let is_plain = judged.drift.is_empty() && judged.notices.is_empty() && judged.quirk.is_none();
        let is_right = verdict.class == Class::Matched && judged.charged == expected.points;
        let causes = judged.diagnosis.as_ref().and_then(CauseSet::of);
        if !is_plain || is_right == causes.is_some() || judged.charged.0 != facts.charged {
            return None;
        }
        if lesson.causes.is_none() && causes.is_some_and(|causes| self.knows(facts, details, causes)) {
            return None;
        }
        let terms = judged.terms.as_ref()?;
        let prices = Ready::of(terms, lesson.rules.iter(), &Shape::CLASSES)?;
        let quoting = facts.quoting;
        let is_any_order = self.kin.get(&facts.key).is_some_and(|kin| kin.branches.len() >= MOST_ORDERS);
        let template = match is_any_order {
            true => Template::in_any_order(&lesson.details, quoting)?,
            false => Template::new(entry.details, &lesson.details, quoting),
        };
        let (_, held) = template.fit(details).filter(|(length, _)| *length == details.len())?;
        let new = Branch { template, quoting, of_columns: lesson.details.is_empty(), known: Vec::new() };
        let counts = new.counts(facts, held);
        let tokens = lesson.shape.tokens(&counts, 0);
        // What was read here must be what the general way read.
        let is_read = lesson.shape.all_tokens(&counts, 0) == terms.usage && entry.tokens.prompt.unwrap_or(0) == counts.prompt;
        if !is_read || !prices.gives(&tokens, expected.points.0) {
            return None;
        }
        let outcome = Outcome {
            model: entry.model.to_owned(),
            group: told_group(entry, verdict.profile).to_owned(),
            profile: verdict.profile?,
            presumed: judged.reason,
            is_request: lesson.is_request,
            causes,
        };
        let (filled, classes) = (filled(&counts), classes(&tokens));
        let mut known = Known { filled, classes, shape: lesson.shape, outcome: Some(id), wrong: None, prices };
        if let Some(causes) = causes {
            known.outcome = None;
            let compiled = lesson.causes.as_ref();
            let explained = compiled.and_then(|compiled| compiled.explain(&tokens, counts.prompt, judged.charged));
            if explained.is_some_and(|explained| explained != (causes, expected.points)) {
                return None;
            }
            if let Some(wrong) = self.known_branch(&facts.key, &new, is_any_order).and_then(|branch| branch.wrong_like(&known)) {
                compiled.into_iter().for_each(|compiled| wrong.take_others(compiled));
                return wrong.add((causes, id)).then_some(outcome);
            }
            let compiled = compiled.filter(|_| explained.is_some() && self.wrong < MOST_WRONG)?;
            let compiled = self.kin.get_or_insert(&facts.key).shared(compiled);
            known.wrong = Some(Wrong { compiled, proven: vec![(causes, id)] });
        }
        self.branch(&facts.key, new, is_any_order)?.add(known)?;
        self.wrong += usize::from(causes.is_some());
        Some(outcome)
    }

    fn has_room(&self, key: &Key) -> bool {
        let is_full = |kin: &Kin| {
            kin.in_any_order.len() >= MOST_BRANCHES && kin.in_any_order.iter().all(|branch| branch.known.len() >= MOST_KNOWN)
        };
        self.kin.get(key).map_or(self.kin.len() < MOST_KIN, |kin| !is_full(kin))
    }

    /// The branch of a key with the same template.
    fn known_branch(&mut self, key: &Key, like: &Branch, is_any_order: bool) -> Option<&mut Branch> {
        self.kin.get(key)?;
        let kin = self.kin.get_or_insert(key);
        let branches = if is_any_order { &mut kin.in_any_order } else { &mut kin.branches };
        branches.iter_mut().find(|branch| branch.is_like(like))
    }

    /// The branch of a key with the same template; the new one, where there is none yet and room for one.
    fn branch(&mut self, key: &Key, new: Branch, is_any_order: bool) -> Option<&mut Branch> {
        let kin = self.kin.get_or_insert(key);
        let branches = if is_any_order { &mut kin.in_any_order } else { &mut kin.branches };
        let at = match branches.iter().position(|branch| branch.is_like(&new)) {
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
        let branches = if self.in_any_order.is_empty() { &self.branches } else { &self.in_any_order };
        // A shorter text would do for `{}`: the text must end there.
        let ends = |rest: &[u8]| rest.is_empty() || quoting.closes(rest);
        branches.iter().filter(|branch| branch.quoting == quoting).find_map(|branch| {
            fetch(branch.known.first().map(|known| &known.filled));
            let (length, counts) = branch.template.fit(details)?;
            ends(&details[length..]).then_some((length, branch, counts))
        })
    }

    /// The causes for one more kind of rows: those of another kind, where they cover them. Where it is the other way round, the other
    /// kind takes the new ones. Of what is compiled more would fit the caches, if there were less of it.
    fn shared(&mut self, new: &CompiledCauses) -> Arc<CompiledCauses> {
        let branches = self.branches.iter_mut().chain(&mut self.in_any_order);
        let mut all: Vec<&mut Wrong> =
            branches.flat_map(|branch| &mut branch.known).filter_map(|known| known.wrong.as_mut()).collect();
        if let Some(wrong) = all.iter().find(|wrong| wrong.compiled.covers(new)) {
            return Arc::clone(&wrong.compiled);
        }
        let new = Arc::new(new.clone());
        for wrong in all.iter_mut().filter(|wrong| new.covers(&wrong.compiled)) {
            wrong.compiled = Arc::clone(&new);
        }
        new
    }

    /// The same for a whole `other`.
    fn fit_mut(&mut self, details: &[u8], quoting: Quoting) -> Option<(&mut Branch, [i64; 4])> {
        let branches = if self.in_any_order.is_empty() { &mut self.branches } else { &mut self.in_any_order };
        branches.iter_mut().filter(|branch| branch.quoting == quoting).find_map(|branch| {
            let (length, counts) = branch.template.fit(details)?;
            (length == details.len()).then_some((branch, counts))
        })
    }
}

impl Branch {
    /// The counts of a row: where it has details, all but prompt and completion stand there.
    fn counts(&self, facts: &Facts, [cached, writes, writes_5m, writes_1h]: [i64; 4]) -> Counts {
        if self.of_columns { facts.counts } else { Counts { cached, writes, writes_5m, writes_1h, ..facts.counts } }
    }

    /// What is told of a row whose details hold such counts; none where that is not known.
    fn told(&self, facts: &Facts, held: [i64; 4]) -> Option<Told> {
        let counts = self.counts(facts, held);
        if counts.prompt + counts.completion == 0 {
            return None;
        }
        let (known, tokens) = self.known(&counts)?;
        if known.prices.gives(&tokens, facts.charged) {
            let charged = i32::try_from(facts.charged).ok()?;
            return known.outcome.map(|outcome| Told { outcome, charged, expected: charged });
        }
        known.told_of_wrong(&tokens, counts.prompt, facts.charged)
    }

    #[inline(always)]
    fn known(&self, counts: &Counts) -> Option<(&Known, [i64; 6])> {
        let filled = filled(counts);
        self.known.iter().filter(|known| known.filled == filled).find_map(|known| {
            let tokens = known.shape.tokens(counts, 0);
            (classes(&tokens) == known.classes).then_some((known, tokens))
        })
    }

    fn known_mut(&mut self, counts: &Counts) -> Option<&mut Known> {
        let filled = filled(counts);
        self.known.iter_mut().find(|known| known.filled == filled && classes(&known.shape.tokens(counts, 0)) == known.classes)
    }

    fn is_like(&self, other: &Branch) -> bool {
        self.template == other.template && self.quoting == other.quoting
    }

    /// What is known of wrong rows of the same kind.
    fn wrong_like(&mut self, new: &Known) -> Option<&mut Wrong> {
        self.known.iter_mut().find(|known| known.is_like(new) && known.classes == new.classes)?.wrong.as_mut()
    }

    /// Adds rows with other counts, or other classes of them; none where there is no room, or the same counts mean something else.
    fn add(&mut self, new: Known) -> Option<()> {
        let mut same = self.known.iter().filter(|known| known.filled == new.filled);
        if !same.all(|known| known.is_like(&new)) {
            return None;
        }
        let has_room = self.known.len() < MOST_KNOWN;
        match self.known.iter_mut().find(|known| known.filled == new.filled && known.classes == new.classes) {
            Some(known) if known.outcome.is_none() && new.outcome.is_some() => known.outcome = new.outcome,
            Some(known) if known.wrong.is_none() && new.wrong.is_some() => known.wrong = new.wrong,
            Some(_) => return None,
            None if has_room => self.known.push(new),
            None => return None,
        }
        Some(())
    }
}

impl Known {
    fn is_like(&self, other: &Known) -> bool {
        self.filled == other.filled && self.shape == other.shape && self.prices == other.prices
    }

    /// What is told of a row that is not charged what the formula gives.
    fn told_of_wrong(&self, tokens: &[i64; 6], prompt: i64, charged: i64) -> Option<Told> {
        let wrong = self.wrong.as_ref()?;
        fetch(wrong.proven.first());
        let (causes, expected) = wrong.compiled.explain(tokens, prompt, Points(charged))?;
        let outcome = wrong.outcome(causes)?;
        Some(Told { outcome, charged: i32::try_from(charged).ok()?, expected: i32::try_from(expected.0).ok()? })
    }
}

impl Wrong {
    /// What is told of rows with such causes, if that is known.
    fn outcome(&self, causes: CauseSet) -> Option<OutcomeId> {
        self.proven.iter().find(|(proven, _)| *proven == causes).map(|(_, outcome)| *outcome)
    }

    /// Adds what is told of rows with such causes; whether it is new.
    fn add(&mut self, told: (CauseSet, OutcomeId)) -> bool {
        let is_new = self.outcome(told.0).is_none();
        if is_new {
            self.proven.push(told);
        }
        is_new
    }

    /// Takes causes that know what else explains rows, where those at hand do not.
    fn take_others(&mut self, compiled: &CompiledCauses) {
        if compiled.knows_others() && !self.compiled.knows_others() {
            self.compiled = Arc::new(compiled.clone());
        }
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
