//! What each gateway does differently: what a row's numbers mean, where its prices come from, how it rounds.
//!
//! A profile turns a [`LogEntry`] into [`Terms`](crate::pricing::Terms). All that differs between gateways ends here; nothing after it asks which
//! gateway wrote the row.

pub mod new_api;
mod quirk;
mod tables;

use std::fmt;

pub use quirk::{Departure, Quirk};

use crate::config::Config;
use crate::details::Details;
use crate::exact::{Charged, Ratio};
use crate::log::{Field, LogEntry, RowError};
use crate::pricing::{Reason, Terms};

/// Whose arithmetic holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Profile {
    NewApi,
    /// The formula of the MoleAPI document and nothing else.
    Exact,
}

impl Profile {
    pub const ALL: [Profile; 2] = [Profile::NewApi, Profile::Exact];

    /// The word of `--profile`.
    pub fn word(self) -> &'static str {
        match self {
            Profile::NewApi => "new-api",
            Profile::Exact => "exact",
        }
    }

    pub fn from_word(word: &str) -> Option<Profile> {
        Profile::ALL.into_iter().find(|profile| profile.word() == word)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What a charge is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// What the config says.
    Config,
    /// The ratios that the row itself carries.
    Logged,
}

impl Basis {
    pub fn word(self) -> &'static str {
        match self {
            Basis::Config => "config",
            Basis::Logged => "logged",
        }
    }
}

/// What a row is rated with.
#[derive(Clone, Copy, Debug)]
pub struct Context<'c> {
    pub config: &'c Config,
    pub basis: Basis,
    pub quota_per_unit: Ratio,
}

/// Why a row is no usage charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Skip {
    TopUp,
    Manage,
    System,
    Error,
    Login,
    UnknownType,
    Filtered,
    Repeated,
}

impl Skip {
    pub fn word(self) -> &'static str {
        match self {
            Skip::TopUp => "top-up",
            Skip::Manage => "management",
            Skip::System => "system",
            Skip::Error => "error",
            Skip::Login => "login",
            Skip::UnknownType => "unknown-type",
            Skip::Filtered => "filtered",
            Skip::Repeated => "repeated",
        }
    }
}

/// A charge with everything that it depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct Rated {
    pub charged: Charged,
    /// What the charge should follow from, or why nobody can say.
    pub terms: Result<Terms, Reason>,
    /// Basis config: what the ratios give that the row itself carries.
    pub own: Option<Terms>,
    /// Where the gateway departs from its own price rules in this row, if the charge shows it.
    pub departures: Vec<Departure>,
}

/// What a row is.
#[derive(Clone, Debug, PartialEq)]
pub enum Rating {
    Skipped(Skip),
    Charge(Box<Rated>),
}

/// The profile of a row, by the marks that it carries.
pub fn recognise(_entry: &LogEntry<'_>, _details: &Details<'_>) -> Profile {
    Profile::NewApi
}

/// Rates one row.
pub fn rate(
    profile: Profile,
    entry: &LogEntry<'_>,
    details: &Details<'_>,
    context: &Context<'_>,
) -> Result<Rating, RowError> {
    match profile {
        Profile::NewApi => new_api::rate(entry, details, context, new_api::Rules::OF_2026),
        Profile::Exact => new_api::rate(entry, details, context, new_api::Rules::DOCUMENT),
    }
}

/// The charge of a usage row; a row without one is malformed.
fn charge_of(entry: &LogEntry<'_>) -> Result<Charged, RowError> {
    entry
        .charged
        .clone()
        .ok_or_else(|| RowError::new(Field::Quota.word(), "", "a charge: quota points or an amount in USD"))
}
