//! What is wrong with a config, as values: code, place, the offending text and a way out.

use std::fmt;
use std::ops::Range;

/// How grave an issue is. An error leaves no config; a warning does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
}

impl Severity {
    pub fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// What kind of issue it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    Syntax,
    DuplicateKey,
    NotANumber,
    NegativeRatio,
    WrongType,
    BadValue,
    NotAConfig,
    NotSupported,
    ApiError,
    UnknownKey,
    RatioAndPrice,
    LockedCompletion,
    UndefinedGroup,
    TwoNames,
}

impl Code {
    pub fn word(self) -> &'static str {
        match self {
            Code::Syntax => "syntax",
            Code::DuplicateKey => "duplicate-key",
            Code::NotANumber => "not-a-number",
            Code::NegativeRatio => "negative-ratio",
            Code::WrongType => "wrong-type",
            Code::BadValue => "bad-value",
            Code::NotAConfig => "not-a-config",
            Code::NotSupported => "not-supported",
            Code::ApiError => "api-error",
            Code::UnknownKey => "unknown-key",
            Code::RatioAndPrice => "ratio-and-price",
            Code::LockedCompletion => "locked-completion",
            Code::UndefinedGroup => "undefined-group",
            Code::TwoNames => "two-names",
        }
    }
}

/// The text around an issue: one line, or a window of a long one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Excerpt {
    pub text: String,
    /// The offending bytes of `text`.
    pub span: Range<usize>,
}

/// One issue of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    pub severity: Severity,
    pub code: Code,
    /// The source as it was named.
    pub source: String,
    /// The row of a database that the place is in; lines and bytes count from the start of its value.
    pub part: Option<String>,
    pub span: Range<usize>,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    pub excerpt: Excerpt,
    pub message: String,
    /// A way out.
    pub hint: String,
}

impl Issue {
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        if let Some(part) = &self.part {
            write!(f, " ({part})")?;
        }
        write!(f, ":{}:{}: {}: {}", self.line, self.column, self.severity.word(), self.message)
    }
}
