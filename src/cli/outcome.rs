//! How a command ends: exit codes, and why the job could not be done.

use std::fmt;
use std::io::{self, Write};

use super::sources::LoadError;
use crate::read::error::OpenError;
use crate::report::{issues, printable};

pub const FOUND: u8 = 1;
pub const FAILED: u8 = 2;
pub const NOTHING_AUDITED: u8 = 3;
/// 128 + SIGPIPE, as a shell reports it.
pub const CLOSED_PIPE: u8 = 141;

/// Why a job could not be done.
#[derive(Debug)]
pub enum Failure {
    /// The reader of a pipe went away.
    ClosedPipe,
    /// A message and a way out, with the exit code.
    Message { code: u8, message: String, hint: Option<String> },
    /// Messages that are complete already.
    Rendered(String),
}

impl Failure {
    pub fn usage(message: String, hint: Option<String>) -> Failure {
        Failure::Message { code: FAILED, message, hint }
    }

    /// A model without a price.
    pub fn unpriced(message: String, hint: Option<String>) -> Failure {
        Failure::Message { code: NOTHING_AUDITED, message, hint }
    }

    pub fn config(error: LoadError, color: bool) -> Failure {
        match error {
            LoadError::Issues(found) => {
                let texts: Vec<String> = found.iter().map(|issue| issues::render(issue, color)).collect();
                Failure::Rendered(texts.join("\n"))
            }
            open => Failure::usage(open.to_string(), None),
        }
    }

    /// Tells why on standard error; the exit code.
    pub fn tell(self, err: &mut dyn Write) -> u8 {
        match self {
            Failure::ClosedPipe => CLOSED_PIPE,
            Failure::Rendered(text) => {
                let _ = writeln!(err, "{text}");
                FAILED
            }
            Failure::Message { code, message, hint } => {
                let _ = writeln!(err, "error: {}", printable(&message));
                if let Some(hint) = hint {
                    let _ = writeln!(err, "hint: {}", printable(&hint));
                }
                code
            }
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::ClosedPipe => f.write_str("the reader of the pipe went away"),
            Failure::Message { message, .. } => f.write_str(message),
            Failure::Rendered(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Failure {}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::ClosedPipe,
            _ => Failure::usage(format!("cannot write the result: {error}"), None),
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Failure {
        Failure::usage(error.to_string(), error.kind.hint())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        match error.downcast::<Failure>().or_else(|error| error.downcast::<io::Error>().map(Failure::from)) {
            Ok(failure) => failure,
            Err(error) => Failure::usage(format!("{error:#}"), None),
        }
    }
}
