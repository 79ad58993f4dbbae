//! `--redact`, and the file with its key.

use std::collections::hash_map::RandomState;
use std::fs::OpenOptions;
use std::hash::BuildHasher;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::outcome::Failure;
use crate::audit::{Hides, Redaction};

/// What reports do not tell.
#[derive(Args, Debug)]
pub struct RedactArgs {
    /// Replace these texts by short stable names in every output: user, token, content
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    redact: Vec<Hidden>,
    /// A file with the key of the names, made where it is not there: the same key gives the same names in every run
    #[arg(long, value_name = "FILE", requires = "redact")]
    redact_key: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Hidden {
    User,
    Token,
    Content,
}

impl RedactArgs {
    /// What the flags ask for.
    pub fn redaction(&self) -> Result<Redaction, Failure> {
        let has = |hidden: Hidden| self.redact.contains(&hidden);
        let hides = Hides { user: has(Hidden::User), token: has(Hidden::Token), content: has(Hidden::Content) };
        let key = match &self.redact_key {
            Some(path) => key_of(path)?,
            None => random_key(),
        };
        Ok(Redaction::new(hides, key))
    }
}

/// The key of a file; a new one where there is no file.
fn key_of(path: &Path) -> Result<[u8; 32], Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => parse(text.trim()).ok_or_else(|| {
            let hint = "a key file holds 64 hexadecimal digits; a file that is not there is made".to_owned();
            Failure::usage(format!("`{}` holds no key", path.display()), Some(hint))
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let key = random_key();
            write_key(path, &key).map_err(|error| problem("write", path, &error))?;
            Ok(key)
        }
        Err(error) => Err(problem("read", path, &error)),
    }
}

fn problem(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("cannot {what} `{}`: {error}", path.display()), None)
}

fn parse(text: &str) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(key)
}

/// Nobody but the owner may read it.
fn write_key(path: &Path, key: &[u8; 32]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    writeln!(options.open(path)?, "{hex}")
}

/// The standard library seeds its hashers from the system; four of their values make a key.
fn random_key() -> [u8; 32] {
    let mut key = [0; 32];
    for (at, part) in key.chunks_mut(8).enumerate() {
        part.copy_from_slice(&RandomState::new().hash_one(at).to_le_bytes());
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_64_digits() {
        assert_eq!(parse(&"0f".repeat(32)), Some([15; 32]));
        for text in ["", "0f", &"0g".repeat(32), &"模".repeat(32), &"0f".repeat(33)] {
            assert_eq!(parse(text), None);
        }
    }

    #[test]
    fn keys_differ() {
        assert_ne!(random_key(), random_key());
    }
}
