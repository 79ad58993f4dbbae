//! Conservation: what a user's balance lost must be what the log says.
//!
//! `after − before = top-ups + gifts + refunds + manual changes − charges`. Accounts are sums, so they merge in any order: those of one
//! user with the same balances before and after are one, and others stay apart.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::profile::{Change, Doubt, Movement};

/// A user's balance before and after the log, in points.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Opening {
    pub user: String,
    pub user_id: String,
    pub before: i64,
    pub after: i64,
}

/// The balances of all users, and what the log moved.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Account>", into = "Vec<Account>")]
pub struct Balances {
    accounts: Vec<Account>,
    by_name: HashMap<String, usize>,
    by_id: HashMap<String, usize>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Account {
    opening: Opening,
    change: i128,
    /// Changes that set the balance to what it was before the log: they may lie before the snapshot.
    to_before: i128,
    slack: i128,
    unknown: u64,
    tests: i128,
    doubts: BTreeSet<Doubt>,
    rows: u64,
}

/// A user whose balance and log do not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imbalance {
    pub user: String,
    pub rows: u64,
    pub detail: String,
}

impl Balances {
    pub fn new(openings: Vec<Opening>) -> Balances {
        openings.into_iter().map(Account::new).collect::<Vec<Account>>().into()
    }

    /// Adds what another part of the log moved.
    pub fn merge(&mut self, other: Balances) {
        let mut accounts: BTreeMap<Opening, Account> = BTreeMap::new();
        for part in std::mem::take(&mut self.accounts).into_iter().chain(other.accounts) {
            match accounts.entry(part.opening.clone()) {
                Entry::Occupied(mut account) => account.get_mut().merge(part),
                Entry::Vacant(account) => {
                    account.insert(part);
                }
            }
        }
        *self = accounts.into_values().collect::<Vec<Account>>().into();
    }

    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// Books a movement; users that are not listed are not watched.
    pub fn book(&mut self, movement: &Movement<'_>) {
        let index = self.by_name.get(movement.user).filter(|_| !movement.user.is_empty());
        let Some(index) = index.or_else(|| self.by_id.get(movement.user_id.as_ref())) else { return };
        let account = &mut self.accounts[*index];
        account.rows += 1;
        account.doubts.extend(movement.doubt);
        match movement.change {
            Change::Unknown => account.unknown += 1,
            Change::Add { points, slack } => {
                account.change += points;
                account.slack += slack;
                if movement.doubt == Some(Doubt::ChannelTest) {
                    account.tests -= points;
                }
            }
            Change::Set { from, to, slack } => {
                account.change += to - from;
                account.slack += slack;
                if to == i128::from(account.opening.before) {
                    account.to_before += to - from;
                }
            }
        }
    }

    /// The users whose balance and log do not agree.
    pub fn imbalances(&self) -> Vec<Imbalance> {
        self.accounts.iter().filter_map(Account::imbalance).collect()
    }
}

impl From<Vec<Account>> for Balances {
    fn from(accounts: Vec<Account>) -> Balances {
        let mut balances = Balances::default();
        for (index, account) in accounts.iter().enumerate() {
            balances.by_name.insert(account.opening.user.clone(), index);
            if !account.opening.user_id.is_empty() {
                balances.by_id.insert(account.opening.user_id.clone(), index);
            }
        }
        Balances { accounts, ..balances }
    }
}

impl From<Balances> for Vec<Account> {
    fn from(balances: Balances) -> Vec<Account> {
        balances.accounts
    }
}

impl Account {
    fn new(opening: Opening) -> Account {
        Account { opening, change: 0, to_before: 0, slack: 0, unknown: 0, tests: 0, doubts: BTreeSet::new(), rows: 0 }
    }

    fn merge(&mut self, other: Account) {
        self.change += other.change;
        self.to_before += other.to_before;
        self.slack += other.slack;
        self.unknown += other.unknown;
        self.tests += other.tests;
        self.doubts.extend(other.doubts);
        self.rows += other.rows;
    }

    fn imbalance(&self) -> Option<Imbalance> {
        let moved = i128::from(self.opening.after) - i128::from(self.opening.before);
        let difference = moved - self.change;
        let within = |difference: i128| difference.abs() <= self.slack;
        if within(difference) || (self.to_before != 0 && within(difference + self.to_before)) {
            return None;
        }
        let difference =
            if (difference + self.to_before).abs() < difference.abs() { difference + self.to_before } else { difference };
        Some(Imbalance { user: self.opening.user.clone(), rows: self.rows, detail: self.detail(difference) })
    }

    fn detail(&self, difference: i128) -> String {
        let direction = if difference < 0 { "less" } else { "more" };
        let mut detail =
            format!("the balance of `{}` is {} points {direction} than its log says", self.opening.user, difference.unsigned_abs());
        if self.unknown > 0 {
            detail += &format!("; {} rows name amounts in a currency without a known rate", self.unknown);
        }
        let exactly_tests = self.tests == difference;
        let likely = self.doubts.iter().filter(|doubt| exactly_tests == (**doubt == Doubt::ChannelTest));
        let reasons: Vec<&str> = likely.map(|doubt| doubt.sentence()).collect();
        if !reasons.is_empty() {
            detail += &format!("; likely: {}", reasons.join("; "));
        }
        detail
    }
}
