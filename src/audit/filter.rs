//! Which charges are audited.

use serde::{Deserialize, Serialize};

use crate::log::{Field, LogEntry};
use crate::profile::Profile;

/// A charge is admitted if it is within the time and each list that is not empty names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Unix seconds, included.
    pub since: Option<i64>,
    /// Unix seconds, excluded.
    pub until: Option<i64>,
    pub models: Vec<String>,
    pub groups: Vec<String>,
    pub tokens: Vec<String>,
    pub users: Vec<String>,
}

impl Filter {
    pub fn admits(&self, entry: &LogEntry<'_>, profile: Profile) -> bool {
        let names = |list: &[String], name: &str| list.is_empty() || list.iter().any(|wanted| wanted == name);
        self.admits_time(entry.time)
            && names(&self.models, entry.model)
            && names(&self.groups, told_group(entry, Some(profile)))
            && names(&self.tokens, entry.token)
            && names(&self.users, entry.user)
    }

    /// Whether a row of that time is looked at, whatever it is.
    pub fn admits_time(&self, time: Option<i64>) -> bool {
        match time {
            Some(time) => self.since.is_none_or(|since| since <= time) && self.until.is_none_or(|until| time < until),
            None => self.since.is_none() && self.until.is_none(),
        }
    }
}

/// The group that filters and reports know a charge by. A plain log without groups is in the default one; a gateway's own log without
/// them is not.
pub fn told_group<'a>(entry: &LogEntry<'a>, profile: Option<Profile>) -> &'a str {
    let is_plain = !entry.columns.contains(Field::Group) && profile.is_some_and(Profile::is_of_new_api);
    if is_plain { entry.group_or_default() } else { entry.group }
}
