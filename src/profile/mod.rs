//! What each gateway does differently: what a row's numbers mean, where its prices come from, how it rounds.
//!
//! A profile turns a [`LogEntry`] into [`Terms`]. All that differs between gateways ends here; nothing after it asks which
//! gateway wrote the row.

mod either;
mod image;
pub mod laisky;
mod ledger;
mod memory;
pub mod new_api;
pub mod new_api_old;
pub mod one_api;
pub mod one_hub;
mod quirk;
mod recognise;
mod related;
mod request;
mod tables;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use either::second_reading;
pub use ledger::{Change, Doubt, Movement, Rates, movement};
pub use memory::Memory;
pub use new_api::{Counts, Shape};
pub use quirk::{Departure, Quirk};
pub use recognise::{is_undecided, is_veloera};
pub use related::{
    InAdvance, Related, RelatedModel, as_model, by_mode, images, is_priced_as_mapped, models, related, tiers, upstream_of,
};
pub use request::of_request;

use crate::config::Config;
use crate::details::Details;
use crate::exact::{Charged, Ratio};
use crate::log::{Field, LogEntry, RowError};
use crate::pricing::{Reason, Terms};

/// Whose arithmetic holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Profile {
    NewApi,
    NewApi2025,
    NewApi2024,
    Veloera,
    OneApi,
    OneApi2023,
    OneHub,
    Laisky,
    /// The formula of the MoleAPI document and nothing else.
    Exact,
}

impl Profile {
    pub const ALL: [Profile; 9] = [
        Profile::NewApi,
        Profile::NewApi2025,
        Profile::NewApi2024,
        Profile::Veloera,
        Profile::OneApi,
        Profile::OneApi2023,
        Profile::OneHub,
        Profile::Laisky,
        Profile::Exact,
    ];

    /// The word of `--profile`.
    pub fn word(self) -> &'static str {
        match self {
            Profile::NewApi => "new-api",
            Profile::NewApi2025 => "new-api-2025",
            Profile::NewApi2024 => "new-api-2024",
            Profile::Veloera => "veloera",
            Profile::OneApi => "one-api",
            Profile::OneApi2023 => "one-api-2023",
            Profile::OneHub => "one-hub",
            Profile::Laisky => "laisky",
            Profile::Exact => "exact",
        }
    }

    /// Whether its rules are those of plain logs, or grew out of them.
    pub fn is_of_new_api(self) -> bool {
        !matches!(self, Profile::OneApi | Profile::OneApi2023 | Profile::OneHub | Profile::Laisky)
    }

    pub fn from_word(word: &str) -> Option<Profile> {
        Profile::ALL.into_iter().find(|profile| profile.word() == word)
    }
}

impl From<Profile> for String {
    fn from(profile: Profile) -> String {
        profile.word().to_owned()
    }
}

impl TryFrom<String> for Profile {
    type Error = String;

    fn try_from(word: String) -> Result<Profile, String> {
        Profile::from_word(&word).ok_or_else(|| format!("unknown profile `{word}`"))
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What a charge is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
    /// The input is Veloera's, as far as anything tells.
    pub veloera: bool,
    /// A model with a price per call is priced by token, and one without by the gateway's own price per call: what a
    /// charge by the wrong billing mode would be.
    pub other_mode: bool,
}

/// Why a row is no usage charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Skip {
    TopUp,
    Manage,
    System,
    Error,
    Login,
    UnknownType,
    CheckIn,
    /// A test that the gateway made, where nothing is charged.
    Test,
    /// A part of another row's charge: a tool call, a superseded attempt.
    PartOfAnother,
    /// A row without a model: the request was passed on and not priced.
    PassThrough,
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
            Skip::CheckIn => "check-in",
            Skip::Test => "test",
            Skip::PartOfAnother => "part-of-another-charge",
            Skip::PassThrough => "pass-through",
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
    /// How the counts of rows like this one become tokens by class, where nothing else in them matters.
    pub shape: Option<Shape>,
}

/// What a row is.
#[derive(Clone, Debug, PartialEq)]
pub enum Rating {
    Skipped(Skip),
    /// Skipped, but it shows a departure that gives or takes so many points.
    Noted(Skip, Quirk, i128),
    Charge(Box<Rated>),
}

/// Remembers what a row tells of the other rows of its input.
pub fn remember_gateway(entry: &LogEntry<'_>, details: &Details<'_>, memory: &mut Memory) {
    if let Some(gateway) = recognise::told(entry, details) {
        memory.remember_gateway(entry.place.input, gateway);
    }
}

/// The profile of a row, by its marks and by what the config and earlier rows tell of its input.
pub fn of_row(entry: &LogEntry<'_>, details: &Details<'_>, context: &Context<'_>, memory: &Memory) -> Profile {
    let by_config = context.veloera.then_some(Profile::Veloera);
    recognise::recognise(entry, details, by_config.or_else(|| memory.gateway(entry.place.input)))
}

/// Rates one row. `memory` holds what earlier rows said that later ones need.
pub fn rate(
    profile: Profile,
    entry: &LogEntry<'_>,
    details: &Details<'_>,
    context: &Context<'_>,
    memory: &mut Memory,
) -> Result<Rating, RowError> {
    let rating = match profile {
        Profile::NewApi | Profile::Exact => new_api::rate(profile, entry, details, context, memory),
        Profile::NewApi2025 | Profile::NewApi2024 | Profile::Veloera => new_api_old::rate(profile, entry, details, context),
        Profile::OneApi => one_api::rate(entry, details, context, one_api::Period::Since2023),
        Profile::OneApi2023 => one_api::rate(entry, details, context, one_api::Period::Before),
        Profile::OneHub => one_hub::rate(entry, details, context, memory),
        Profile::Laisky => laisky::rate(entry, details, context),
    }?;
    Ok(match rating {
        Rating::Charge(rated) if is_unknown(entry, context) => {
            let unknown = Rated { terms: Err(Reason::RatioUnknown), own: None, departures: Vec::new(), ..*rated };
            Rating::Charge(Box::new(unknown))
        }
        rating => rating,
    })
}

/// Whether the config says that nobody knows what the row's model, group or user is charged.
fn is_unknown(entry: &LogEntry<'_>, context: &Context<'_>) -> bool {
    let Config { unknown_models, unknown_groups, unknown_users, .. } = context.config;
    let is_said = unknown_models.contains(entry.model)
        || unknown_groups.contains(entry.group_or_default())
        || unknown_users.contains(entry.user);
    context.basis == Basis::Config && is_said
}

/// The charge of a usage row; a row without one is malformed.
fn charge_of(entry: &LogEntry<'_>) -> Result<Charged, RowError> {
    entry.charged.clone().ok_or_else(|| RowError::new(Field::Quota.word(), "", "a charge: quota points or an amount in USD"))
}
