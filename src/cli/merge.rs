//! `quota merge`: what parts of an audit come to together.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::Color;
use super::audit::{Format, Screen, write_report};
use super::file::write_whole;
use super::gate::{Gate, GateArgs};
use super::outcome::Failure;
use crate::partial::{Partial, PartialError, merge};
use crate::report;

/// How many findings a part lists where nothing else is asked for.
pub const PARTIAL_LIMIT: usize = 1000;

/// Join parts of an audit that `quota audit --partial` made elsewhere, on other shards or machines
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  quota merge monday.json tuesday.json --fail-on over\n  \
                        cat parts/*.json | quota merge - --format json\n\n\
                        Exit codes: 0 all right, 1 something that --fail-on names was found, 2 the parts do not belong together \
                        or cannot be read, 3 nothing could be audited.\nEnvironment: QUOTA_COLOR (auto, always, never); flags win.")]
pub struct MergeCommand {
    /// Parts, one a line: files, or `-` for standard input
    #[arg(required = true, value_name = "PART")]
    parts: Vec<PathBuf>,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Write the report to a file
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    gate: GateArgs,
    /// An input that comes in several parts is counted each time
    #[arg(long)]
    allow_duplicates: bool,
    /// Print one part again instead of a report
    #[arg(long, conflicts_with_all = ["format", "fail_on", "max_mismatches", "baseline", "allow_empty"])]
    partial: bool,
    /// How many findings are listed: the largest, and no more than the parts list [default: 20 in a table, else 1000]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// When to colour
    #[arg(long, value_enum, env = "QUOTA_COLOR", default_value_t = Color::Auto)]
    color: Color,
    /// Print only the first sentence of a table
    #[arg(long, short)]
    quiet: bool,
}

impl MergeCommand {
    /// Merges the parts; the exit code.
    pub fn run(self, out: &mut dyn Write, err: &mut dyn Write) -> Result<u8, Failure> {
        let gate = self.gate.gate()?;
        let mut merged = self.merged()?;
        self.tell_limit(&merged, err)?;
        merged.findings().into_iter().for_each(|finding| gate.see(finding));
        merged.limit_to(self.limit.unwrap_or(if self.partial { PARTIAL_LIMIT } else { self.format.limit() }));
        match &self.output {
            Some(path) => write_whole(path, |file| self.write(merged, &gate, file, err)),
            None => self.write(merged, &gate, out, err),
        }
    }

    fn merged(&self) -> Result<Partial, Failure> {
        let mut parts = Vec::new();
        for path in &self.parts {
            parts.extend(read_parts(path)?);
        }
        let none = || {
            let hint = "`quota audit --partial` makes them".to_owned();
            Failure::usage("there is no part in the input".to_owned(), Some(hint))
        };
        merge(parts, self.allow_duplicates)?.ok_or_else(none)
    }

    fn write(&self, merged: Partial, gate: &Gate<'_>, out: &mut dyn Write, err: &mut dyn Write) -> Result<u8, Failure> {
        if self.partial {
            write_partial(&merged, out)?;
            return Ok(0);
        }
        let report = merged.into_report();
        if self.format == Format::Ndjson {
            report::write_findings(&report, out)?;
        }
        let screen = Screen { color: self.color, quiet: self.quiet };
        write_report(&report, self.format, screen, self.output.is_none(), out)?;
        Ok(gate.exit_code(&report.summary, self.quiet, err)?)
    }

    /// Says so where more findings are asked for than the parts list.
    fn tell_limit(&self, merged: &Partial, err: &mut dyn Write) -> io::Result<()> {
        match self.limit.filter(|limit| *limit > merged.limit() && !self.quiet) {
            Some(_) => writeln!(err, "note: the parts list no more than {} findings each, so no more are known", merged.limit()),
            None => Ok(()),
        }
    }
}

/// Writes a part as a line.
pub fn write_partial(partial: &Partial, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(partial.to_line()?.as_bytes())
}

/// The parts of a file, each with the name that messages give it.
fn read_parts(path: &Path) -> Result<Vec<(String, Partial)>, Failure> {
    let name = path.display().to_string();
    let unreadable = |error: io::Error| Failure::usage(format!("cannot read `{name}`: {error}"), None);
    let mut text = String::new();
    if path.as_os_str() == "-" {
        io::stdin().read_to_string(&mut text).map_err(unreadable)?;
    } else {
        text = std::fs::read_to_string(path).map_err(unreadable)?;
    }
    let lines: Vec<(usize, &str)> = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()).collect();
    let label = |line: usize| if lines.len() > 1 { format!("{name}:{line}") } else { name.clone() };
    lines.iter().map(|(line, part)| Ok((label(*line), Partial::parse(&label(*line), part)?))).collect()
}

impl From<PartialError> for Failure {
    fn from(error: PartialError) -> Failure {
        Failure::usage(error.to_string(), error.hint().map(str::to_owned))
    }
}
