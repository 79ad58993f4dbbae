//! Short stable names for texts that a report must not tell: the same text has the same name wherever it stands, and nobody without the key can
//! tell which text it was.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use super::{By, Filter, Verdict};
use crate::log::LogEntry;

/// The texts of a row that may be hidden.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hides {
    pub user: bool,
    pub token: bool,
    pub content: bool,
}

/// Gives texts their names.
#[derive(Clone, Debug, Default)]
pub struct Redaction {
    hides: Hides,
    key: [u8; 32],
}

/// The names of a row's texts.
#[derive(Debug)]
pub struct Names([String; 4]);

/// What stands for a text that a message quotes.
const QUOTED: &str = "hidden";

impl Redaction {
    pub fn new(hides: Hides, key: [u8; 32]) -> Redaction {
        Redaction { hides, key }
    }

    /// Whether anything is hidden.
    pub fn is_on(&self) -> bool {
        self.hides != Hides::default()
    }

    /// The name of a user.
    pub fn user<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.name(self.hides.user, "user", text)
    }

    /// What a breakdown is told by.
    pub fn told(&self, by: By, name: &str) -> String {
        match by {
            By::User => self.user(name).into_owned(),
            By::Token => self.token(name).into_owned(),
            _ => name.to_owned(),
        }
    }

    fn token<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.name(self.hides.token, "token", text)
    }

    fn name<'t>(&self, is_hidden: bool, kind: &str, text: &'t str) -> Cow<'t, str> {
        if !is_hidden || text.is_empty() {
            return text.into();
        }
        let inner = Sha256::new().chain_update(self.key).chain_update(kind).chain_update([0]).chain_update(text).finalize();
        let outer = Sha256::new().chain_update(self.key).chain_update(inner).finalize();
        let hex: String = outer.iter().take(5).map(|byte| format!("{byte:02x}")).collect();
        format!("{kind}-{hex}").into()
    }

    /// The names of a row's texts.
    pub fn names(&self, entry: &LogEntry<'_>) -> Names {
        let names = [self.user(entry.user), self.user(entry.user_id), self.token(entry.token), self.token(entry.token_id)];
        Names(names.map(Cow::into_owned))
    }

    /// What a verdict may say of its row: a message that quotes a text quotes none.
    pub fn hide_in(&self, verdict: &mut Verdict) {
        if let Some(error) = verdict.error.as_mut().filter(|_| self.is_on()) {
            QUOTED.clone_into(&mut error.found);
        }
    }

    /// A choice of rows, with names.
    pub fn filter(&self, filter: &Filter) -> Filter {
        Filter {
            users: filter.users.iter().map(|user| self.user(user).into_owned()).collect(),
            tokens: filter.tokens.iter().map(|token| self.token(token).into_owned()).collect(),
            ..filter.clone()
        }
    }
}

impl Names {
    /// A row with names in the place of its texts.
    pub fn put_into<'n>(&'n self, entry: &LogEntry<'n>) -> LogEntry<'n> {
        let Names([user, user_id, token, token_id]) = self;
        LogEntry { user, user_id, token, token_id, ..entry.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redaction(byte: u8) -> Redaction {
        Redaction::new(Hides { user: true, token: false, content: false }, [byte; 32])
    }

    #[test]
    fn a_name_is_the_same_for_the_same_text_and_key() {
        assert_eq!(redaction(1).user("alice"), redaction(1).user("alice"));
        assert_ne!(redaction(1).user("alice"), redaction(1).user("bob"));
        assert_ne!(redaction(1).user("alice"), redaction(2).user("alice"));
        assert!(redaction(1).user("alice").starts_with("user-"));
        assert_eq!(redaction(1).user(""), "");
    }

    #[test]
    fn what_is_not_hidden_stays() {
        assert_eq!(redaction(1).token("key"), "key");
        assert!(!Redaction::default().is_on());
    }
}
