//! Conservation: what a user's balance lost must be what the log says.
//!
//! `after − before = top-ups + gifts + refunds + manual changes − charges`. Accounts are sums, so they merge in any order: those of one
//! user with the same balances before and after are one, and others stay apart.
//!
//! Some rows name a user by the id alone. They are kept by it until all rows are read: others tell whose id it is.

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
    /// What rows move that name an id which the balances do not have.
    by_other_id: BTreeMap<String, Account>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Account {
    opening: Opening,
    /// The ids that rows give the user.
    ids: BTreeSet<String>,
    /// It is no user's that is listed, but of an id that may be one's.
    is_of_id: bool,
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

    /// The accounts under other names.
    pub fn renamed(self, name: impl Fn(&str) -> String) -> Balances {
        let rename = |account: Account| {
            let opening = Opening { user: name(&account.opening.user), user_id: name(&account.opening.user_id), ..account.opening };
            Account { opening, ids: account.ids.iter().map(|id| name(id)).collect(), ..account }
        };
        Vec::from(self).into_iter().map(rename).collect::<Vec<Account>>().into()
    }

    /// Adds what another part of the log moved.
    pub fn merge(&mut self, other: Balances) {
        let mut accounts: BTreeMap<(Opening, bool), Account> = BTreeMap::new();
        for part in Vec::from(std::mem::take(self)).into_iter().chain(Vec::from(other)) {
            match accounts.entry((part.opening.clone(), part.is_of_id)) {
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

    /// Notes whose an id is.
    pub fn learn(&mut self, user: &str, user_id: &str) {
        if let Some(index) = self.by_name.get(user).filter(|_| !user.is_empty() && !user_id.is_empty()) {
            let ids = &mut self.accounts[*index].ids;
            if !ids.contains(user_id) {
                ids.insert(user_id.to_owned());
            }
        }
    }

    /// Books a movement; users that are not listed are not watched.
    pub fn book(&mut self, movement: &Movement<'_>) {
        let id = movement.user_id.as_ref();
        let index = self.by_name.get(movement.user).filter(|_| !movement.user.is_empty());
        let account = match index.or_else(|| self.by_id.get(id)) {
            Some(index) => &mut self.accounts[*index],
            None if movement.user.is_empty() && !id.is_empty() => {
                self.by_other_id.entry(id.to_owned()).or_insert_with(|| Account::of_id(id))
            }
            None => return,
        };
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
        let known = self.accounts.iter().filter(|account| !self.may_lack(account));
        known.filter_map(|account| self.with_ids(account).imbalance()).collect()
    }

    /// The users of whom that cannot be said: their balance does not agree, and rows of an id that is nobody's may be theirs.
    pub fn unknown(&self) -> Vec<&str> {
        let unknown = self.accounts.iter().filter(|account| self.may_lack(account) && account.imbalance().is_some());
        unknown.map(|account| account.opening.user.as_str()).collect()
    }

    /// Whether rows of an id may be those of a user whose id is not known.
    fn may_lack(&self, account: &Account) -> bool {
        let is_nobodys = |id: &String| !self.accounts.iter().any(|account| account.ids.contains(id));
        account.opening.user_id.is_empty() && account.ids.is_empty() && self.by_other_id.keys().any(is_nobodys)
    }

    /// An account with what stands under the user's ids.
    fn with_ids(&self, account: &Account) -> Account {
        let mut whole = account.clone();
        account.ids.iter().filter_map(|id| self.by_other_id.get(id)).for_each(|part| whole.merge(part.clone()));
        whole
    }
}

impl From<Vec<Account>> for Balances {
    fn from(accounts: Vec<Account>) -> Balances {
        let mut balances = Balances::default();
        let (of_ids, accounts): (Vec<Account>, Vec<Account>) = accounts.into_iter().partition(|account| account.is_of_id);
        balances.by_other_id = of_ids.into_iter().map(|account| (account.opening.user_id.clone(), account)).collect();
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
        balances.accounts.into_iter().chain(balances.by_other_id.into_values()).collect()
    }
}

impl Account {
    fn new(opening: Opening) -> Account {
        Account {
            opening,
            ids: BTreeSet::new(),
            is_of_id: false,
            change: 0,
            to_before: 0,
            slack: 0,
            unknown: 0,
            tests: 0,
            doubts: BTreeSet::new(),
            rows: 0,
        }
    }

    fn of_id(id: &str) -> Account {
        let opening = Opening { user: String::new(), user_id: id.to_owned(), before: 0, after: 0 };
        Account { is_of_id: true, ..Account::new(opening) }
    }

    fn merge(&mut self, other: Account) {
        self.ids.extend(other.ids);
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
