//! What `quota config check` says of configs, for programs.

use std::io::{self, Write};

use serde::Serialize;

use super::github::{data, property};
use super::text::{JsonText, printable};
use crate::config::issue::Issue;

/// A config that was checked.
#[derive(Debug)]
pub struct Checked {
    /// As it was named.
    pub name: String,
    /// What it holds; none where it cannot be used.
    pub holds: Option<Holds>,
    pub issues: Vec<Issue>,
    /// Why it cannot be opened, if that is so.
    pub unread: Option<String>,
}

/// The format of a config, and how much of what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holds {
    pub format: String,
    pub parts: Vec<(&'static str, String)>,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    errors: usize,
    warnings: usize,
    files: Vec<FilePart<'a>>,
}

#[derive(Serialize)]
struct FilePart<'a> {
    name: &'a str,
    usable: bool,
    format: Option<&'a str>,
    holds: serde_json::Map<String, serde_json::Value>,
    unread: Option<&'a str>,
    issues: Vec<IssuePart<'a>>,
}

#[derive(Serialize)]
struct IssuePart<'a> {
    severity: &'static str,
    code: &'static str,
    part: Option<&'a str>,
    line: u32,
    column: u32,
    message: &'a str,
    hint: &'a str,
    excerpt: &'a str,
}

impl Checked {
    pub fn errors(&self) -> usize {
        self.issues.iter().filter(|issue| issue.is_error()).count()
    }

    pub fn warnings(&self) -> usize {
        self.issues.len() - self.errors()
    }
}

/// The configs as one JSON document.
pub fn write_json(checked: &[Checked], out: &mut dyn Write) -> io::Result<()> {
    let document = Document {
        schema: "quota.config-check/1",
        errors: checked.iter().map(Checked::errors).sum(),
        warnings: checked.iter().map(Checked::warnings).sum(),
        files: checked.iter().map(file_part).collect(),
    };
    serde_json::to_writer_pretty(JsonText(&mut *out), &document)?;
    writeln!(out)
}

fn file_part(checked: &Checked) -> FilePart<'_> {
    let holds = checked.holds.iter().flat_map(|holds| &holds.parts);
    FilePart {
        name: &checked.name,
        usable: checked.holds.is_some(),
        format: checked.holds.as_ref().map(|holds| holds.format.as_str()),
        holds: holds.map(|(word, number)| ((*word).to_owned(), number.as_str().into())).collect(),
        unread: checked.unread.as_deref(),
        issues: checked.issues.iter().map(issue_part).collect(),
    }
}

fn issue_part(issue: &Issue) -> IssuePart<'_> {
    IssuePart {
        severity: issue.severity.word(),
        code: issue.code.word(),
        part: issue.part.as_deref(),
        line: issue.line,
        column: issue.column,
        message: &issue.message,
        hint: &issue.hint,
        excerpt: &issue.excerpt.text,
    }
}

/// The issues as workflow commands of GitHub.
pub fn write_github(checked: &[Checked], out: &mut dyn Write) -> io::Result<()> {
    for config in checked {
        for issue in &config.issues {
            let place = format!("file={},line={},col={}", property(&config.name), issue.line, issue.column);
            let text = format!("{}; {}", issue.message, issue.hint);
            writeln!(out, "::{} {place},title={}::{}", issue.severity.word(), issue.code.word(), data(&printable(&text)))?;
        }
    }
    Ok(())
}
