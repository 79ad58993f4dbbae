//! Which of the things that explain rows of a class become causes.
//!
//! What explains most rows is elected, and what explains most of those that it leaves is elected among them. A definite cause leaves the rows
//! that have none of their own, and a pair those that have no pair either: so counts are enough. What a number leaves is asked of
//! the rows themselves, as long as they are few.

use std::borrow::Cow;
use std::cmp::Reverse;

use super::Class;
use super::agreement::TELLING;
use super::explained::{ByOwn, Explained, ExplainedRows};
use super::shared::Shared;
use crate::audit::cause::{Causes, Kind};
use crate::audit::diagnose::earned;

/// An earned cause must explain at least one of so many rows of its class.
const EARNED_SHARE: u64 = 5;

/// Something that may become the cause of rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    pub shared: Shared,
    /// All rows without a definite cause agree on it.
    pub agreed: bool,
}

/// What is elected, with the rows that it explains.
pub struct Elected {
    pub by: Candidate,
    /// Other earned causes that explain as many rows.
    pub equals: Vec<Candidate>,
    pub among: Among,
    pub rows: ByOwn,
}

/// The rows that take part in an election, if none before explains them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Among {
    All,
    /// Those that have no cause of their own of this kind, nor a definite one.
    Without(Kind),
}

impl Among {
    pub fn has(self, own: Causes) -> bool {
        match self {
            Among::All => true,
            Among::Without(kind) => own.kind != kind && own.kind != Kind::Definite,
        }
    }

    /// The rows that are left after something of a kind is elected.
    fn after(self, kind: Kind) -> Among {
        match (self, kind) {
            (Among::All, Kind::Earned) => Among::Without(Kind::Definite),
            (_, Kind::Earned) => self,
            _ => Among::Without(kind),
        }
    }
}

impl Class {
    /// The causes of the class, one after another.
    pub(super) fn elected(&self) -> Vec<Elected> {
        let mut elected: Vec<Elected> = Vec::new();
        let mut left = Cow::Borrowed(self);
        let mut among = Among::All;
        while let Some(next) = left.elect(among) {
            let kind = next.by.shared.causes.kind;
            left = Cow::Owned(match kind {
                Kind::Earned => left.besides(&next.by),
                _ => left.without(kind),
            });
            among = among.after(kind);
            elected.push(next);
        }
        elected
    }

    /// The class with the rows alone that have no definite cause, and which something does not explain.
    fn besides(&self, explaining: &Candidate) -> Class {
        let open = self.open.without(explaining, !self.spans.are_dropped);
        let mut left = Class::default();
        left.spans.are_dropped = self.spans.are_dropped;
        for (row, told) in open.rows() {
            left.rows += told.tally.rows;
            left.by_own.add(row.own, told);
            left.explain_row(row, told, true);
        }
        Class { open, ..left }
    }

    /// The class with the rows alone that have no cause of their own of a kind, nor a definite one.
    fn without(&self, kind: Kind) -> Class {
        let is_left = |own: Causes| Among::Without(kind).has(own);
        let explained = self.explained.iter().map(|(shared, rows)| (shared.clone(), rows.only(is_left)));
        let by_own = self.by_own.only(is_left);
        Class {
            rows: by_own.rows(),
            by_own,
            explained: explained.filter(|(_, rows)| rows.rows() > 0).collect(),
            spans: self.spans.only(is_left),
            open: self.open.only(is_left),
            agreement: if kind == Kind::Definite { self.agreement.clone() } else { Default::default() },
            ..Class::default()
        }
    }

    fn elect(&self, among: Among) -> Option<Elected> {
        let mut counted: Vec<(Candidate, ByOwn)> = self.agreed().chain(self.counted()).collect();
        counted.sort_by(|(a, x), (b, y)| y.rows().cmp(&x.rows()).then_with(|| a.order().cmp(&b.order())));
        let mut counted = counted.into_iter();
        let (by, rows) = counted.next()?;
        let mut equals: Vec<Candidate> = Vec::new();
        for (other, _) in counted.take_while(|(_, others)| others.rows() == rows.rows()) {
            let is_known = [&by].into_iter().chain(&equals).any(|known| known.shared.causes == other.shared.causes);
            let is_earned = [&by, &other].iter().all(|one| one.shared.causes.kind == Kind::Earned);
            equals.extend(Some(other).filter(|_| is_earned && !is_known));
        }
        Some(Elected { by, equals, among, rows })
    }

    /// What explains at least two rows, and enough of the class.
    fn counted(&self) -> impl Iterator<Item = (Candidate, ByOwn)> + '_ {
        let enough =
            |shared: &Shared, rows: u64| rows >= 2 && (shared.causes.kind != Kind::Earned || rows * EARNED_SHARE >= self.rows);
        let listing = |shared: &Shared| self.explained.get(shared).map_or(0, Explained::rows);
        self.explained.keys().filter_map(move |key| {
            let shared = key.told();
            let by_itself = listing(&shared);
            let is_new = !key.is_hint || by_itself == 0;
            if !is_new || !enough(&shared, by_itself + listing(&shared.hint())) {
                return None;
            }
            let mut rows = self.explained.get(&shared).map_or_else(ByOwn::default, |rows| ExplainedRows::from(rows.clone()).by_own);
            self.add_hinted(&shared, &mut rows);
            let is_told = enough(&shared, by_itself) || self.hints_tell(&shared, rows.rows());
            is_told.then_some((Candidate { shared, agreed: false }, rows))
        })
    }

    /// Whether rows that elect nothing by themselves agree on a number more than so many of the class would by chance.
    fn hints_tell(&self, number: &Shared, rows: u64) -> bool {
        self.spans.telling(number) >= TELLING.saturating_add(bits_of_choice(rows, self.rows))
    }

    /// The numbers on which all rows without a definite cause agree, if that tells enough.
    fn agreed(&self) -> impl Iterator<Item = (Candidate, ByOwn)> + '_ {
        self.agreement.numbers().filter_map(|(shared, telling)| {
            let mut rows = self.agreement.by_own.clone();
            let mut more = 0;
            for row in self.asked_rows_of(&shared) {
                rows.add(row.own, &row.told);
                more += shared.telling(&row.ranges());
            }
            // Some of the rows with a definite cause agree by chance, unless all do.
            let told = telling + if rows.rows() == self.rows { more } else { 0 };
            (rows.rows() >= 2 && told >= TELLING).then_some((Candidate { shared, agreed: true }, rows))
        })
    }

    /// The rows that something explains without electing it. Where there are too many spans, those are known that list it.
    fn add_hinted(&self, shared: &Shared, rows: &mut ByOwn) {
        if !self.spans.are_dropped {
            self.spans.add_rows_of(shared, rows);
        } else if let Some(hinted) = self.explained.get(&shared.hint()) {
            rows.merge(&ExplainedRows::from(hinted.clone()).by_own);
        }
    }
}

/// In how many ways some rows are chosen of all, as a power of two; rounded up.
fn bits_of_choice(some: u64, all: u64) -> u32 {
    let mut ways = 1_u128;
    for step in 1..=some.min(all.saturating_sub(some)) {
        ways = ways * u128::from(all - step + 1) / u128::from(step);
        if ways > u128::from(u64::MAX) {
            return u64::BITS;
        }
    }
    ways.next_power_of_two().ilog2()
}

impl Candidate {
    /// At equal counts definite causes come before earned ones and pairs, and the simplest number of a cause first. A number that is
    /// longer than simple ones comes last.
    fn order(&self) -> (bool, Causes, u32, &Shared, Reverse<bool>) {
        let number = self.shared.number.as_ref().map(|(_, number)| *number);
        let is_long = number.is_some_and(|number| !earned::is_simple(number));
        (is_long, self.shared.causes, number.map_or(0, earned::digits), &self.shared, Reverse(self.agreed))
    }
}
