//! Findings that are not about one charge's arithmetic.

use std::collections::BTreeMap;
use std::collections::btree_map;
use std::ops::Bound;

use serde::{Deserialize, Serialize};

use super::pairs;
use super::totals::Span;

/// A finding beside the charges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    DuplicateCharge,
    ModelNotInGroup,
    RateLimitExceeded,
    BalanceMismatch,
    FallbackGroupUsed,
    GroupUnknown,
    NegativeCharge,
    SaturatedCharge,
    RefundWithoutCharge,
}

/// How grave it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Violation,
    Notice,
}

impl Level {
    pub fn word(self) -> &'static str {
        match self {
            Level::Violation => "violation",
            Level::Notice => "notice",
        }
    }
}

impl Policy {
    pub const ALL: [Policy; 9] = [
        Policy::DuplicateCharge,
        Policy::ModelNotInGroup,
        Policy::RateLimitExceeded,
        Policy::BalanceMismatch,
        Policy::FallbackGroupUsed,
        Policy::GroupUnknown,
        Policy::NegativeCharge,
        Policy::SaturatedCharge,
        Policy::RefundWithoutCharge,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Policy::DuplicateCharge => "duplicate-charge",
            Policy::ModelNotInGroup => "model-not-in-group",
            Policy::RateLimitExceeded => "rate-limit-exceeded",
            Policy::BalanceMismatch => "balance-mismatch",
            Policy::FallbackGroupUsed => "fallback-group-used",
            Policy::GroupUnknown => "group-unknown",
            Policy::NegativeCharge => "negative-charge",
            Policy::SaturatedCharge => "saturated-charge",
            Policy::RefundWithoutCharge => "refund-without-charge",
        }
    }

    pub fn level(self) -> Level {
        match self {
            Policy::DuplicateCharge | Policy::ModelNotInGroup | Policy::RateLimitExceeded | Policy::BalanceMismatch => {
                Level::Violation
            }
            _ => Level::Notice,
        }
    }

    /// What is said of rows where nothing else is.
    pub fn sentence(self) -> &'static str {
        match self {
            Policy::DuplicateCharge => "a request is charged more than once",
            Policy::ModelNotInGroup => "the group does not hold this model",
            Policy::RateLimitExceeded => "more requests were served than the group allows",
            Policy::BalanceMismatch => "a user's balance and log do not agree",
            Policy::FallbackGroupUsed => "a fallback of the usual group served the request, at the fallback's ratio",
            Policy::GroupUnknown => "the config has no ratio for this group; the gateway takes 1",
            Policy::NegativeCharge => "the charge is negative: the user gets points",
            Policy::SaturatedCharge => "the charge is the largest or smallest that 32 bits hold",
            Policy::RefundWithoutCharge => "the charge that is given back is not in the input",
        }
    }

    fn next(self) -> Option<Policy> {
        Policy::ALL.into_iter().find(|other| *other > self)
    }
}

/// How many details are told of one finding; what lies behind them, in their own order, is counted together.
const TOLD: usize = 10_000;

/// What is said of the rest.
const REST: &str = "and more of the kind, counted together";

type Key = (Policy, String);

/// Findings by what is said of them. Memory stays constant, and merging is associative and commutative: of each finding the
/// details that come first in their own order are told one by one, whatever the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Policies {
    #[serde(with = "pairs")]
    told: BTreeMap<Key, (u64, Span)>,
    counts: BTreeMap<Policy, usize>,
    #[serde(with = "pairs")]
    rest: BTreeMap<Key, (u64, Span)>,
}

impl Policies {
    /// Adds rows of which the same is said.
    pub fn add(&mut self, policy: Policy, detail: String, rows: u64, span: Span) {
        if detail == REST {
            return add(self.rest.entry((policy, detail)).or_default(), rows, span);
        }
        match self.told.entry((policy, detail)) {
            btree_map::Entry::Occupied(mut told) => add(told.get_mut(), rows, span),
            btree_map::Entry::Vacant(told) => {
                told.insert((rows, span));
                let count = self.counts.entry(policy).or_default();
                *count += 1;
                if *count > TOLD {
                    *count -= 1;
                    self.fold_last(policy);
                }
            }
        }
    }

    fn fold_last(&mut self, policy: Policy) {
        let end = policy.next().map_or(Bound::Unbounded, |next| Bound::Excluded((next, String::new())));
        let last = self.told.range((Bound::Unbounded, end)).next_back().map(|(key, _)| key.clone());
        if let Some((rows, span)) = last.and_then(|key| self.told.remove(&key)) {
            add(self.rest.entry((policy, REST.to_owned())).or_default(), rows, span);
        }
    }

    pub fn merge(&mut self, other: Policies) {
        for ((policy, detail), (rows, span)) in other.told.into_iter().chain(other.rest) {
            self.add(policy, detail, rows, span);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.told.is_empty() && self.rest.is_empty()
    }

    /// The findings with rows and times, by finding and detail; the rests at the end.
    pub fn iter(&self) -> impl Iterator<Item = (&(Policy, String), &(u64, Span))> {
        self.told.iter().chain(&self.rest)
    }

    pub fn keys(&self) -> impl Iterator<Item = &(Policy, String)> {
        self.told.keys()
    }
}

fn add(sum: &mut (u64, Span), rows: u64, span: Span) {
    sum.0 += rows;
    sum.1.merge(span);
}

impl<'a> IntoIterator for &'a Policies {
    type Item = (&'a (Policy, String), &'a (u64, Span));
    type IntoIter = std::iter::Chain<btree_map::Iter<'a, Key, (u64, Span)>, btree_map::Iter<'a, Key, (u64, Span)>>;

    fn into_iter(self) -> Self::IntoIter {
        self.told.iter().chain(&self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Findings number `from` to `until`, told in another order than their own.
    fn part(from: u32, until: u32) -> Policies {
        let mut policies = Policies::default();
        for number in (from..until).rev() {
            policies.add(Policy::DuplicateCharge, format!("{number:06}"), 1, Span::of(Some(number.into())));
        }
        policies.add(Policy::RateLimitExceeded, "a".to_owned(), 2, Span::of(Some(from.into())));
        policies
    }

    fn merged(a: &Policies, b: &Policies) -> Policies {
        let mut sum = a.clone();
        sum.merge(b.clone());
        sum
    }

    #[test]
    fn merging_is_associative_and_commutative_beyond_what_is_told_one_by_one() {
        let [a, b, c] = [part(0, 9_000), part(6_000, 14_000), part(5_000, 20_000)];
        let left = merged(&merged(&a, &b), &c);
        assert_eq!(left, merged(&a, &merged(&b, &c)));
        assert_eq!(left, merged(&merged(&c, &a), &b));
        assert_eq!(merged(&left, &Policies::default()), left);
        let rows: u64 = left.iter().filter(|((policy, _), _)| *policy == Policy::DuplicateCharge).map(|(_, told)| told.0).sum();
        assert_eq!(rows, 9_000 + 8_000 + 15_000);
        assert_eq!(left.iter().count(), TOLD + 2, "ten thousand, their rest, and the other finding");
    }
}
