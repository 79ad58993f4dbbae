//! `quota merge`: what parts of an audit come to together.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::Color;
use super::balances::tell_unknown;
use super::file::keep_apart;
use super::gate::GateArgs;
use super::outcome::Failure;
use super::outputs::{OutputArgs, Outputs, Screen};
use crate::partial::{Partial, PartialError, merge};

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
    #[command(flatten)]
    outputs: OutputArgs,
    #[command(flatten)]
    gate: GateArgs,
    /// An input that comes in several parts is counted each time
    #[arg(long)]
    allow_duplicates: bool,
    /// Print one part again instead of a report
    #[arg(long, conflicts_with_all = ["format", "report", "fail_on", "max_mismatches", "baseline", "allow_empty"])]
    partial: bool,
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
        keep_apart(self.parts.iter(), self.outputs.places())?;
        let gate = self.gate.gate()?;
        let mut merged = self.merged()?;
        self.tell_limit(&merged, err)?;
        if self.partial {
            self.outputs.asked_limit().into_iter().for_each(|limit| merged.limit_to(limit));
            self.outputs.write_alone(out, |out| Ok(write_partial(&merged, out)?))?;
            return Ok(0);
        }
        merged.findings().into_iter().for_each(|finding| gate.see(finding));
        tell_unknown(&merged.unknown_balances(), err)?;
        merged.limit_to(self.outputs.most_listed());
        let mut outputs = Outputs::open(&self.outputs, Screen { color: self.color, quiet: self.quiet }, out)?;
        let report = merged.into_report();
        outputs.listed(&report)?;
        outputs.end(&report)?;
        outputs.keep()?;
        Ok(gate.exit_code(&report.summary, self.quiet, err)?)
    }

    fn merged(&self) -> Result<Partial, Failure> {
        let mut parts = Vec::new();
        for path in &self.parts {
            parts.extend(read_parts(path)?);
        }
        merge(parts, self.allow_duplicates)?.ok_or_else(|| no_part("the input"))
    }

    /// Says so where more findings are asked for than the parts list.
    fn tell_limit(&self, merged: &Partial, err: &mut dyn Write) -> io::Result<()> {
        match self.outputs.asked_limit().filter(|limit| *limit > merged.limit() && !self.quiet) {
            Some(_) => writeln!(err, "note: the parts list no more than {} findings each, so no more are known", merged.limit()),
            None => Ok(()),
        }
    }
}

/// Writes a part as a line.
pub fn write_partial(partial: &Partial, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(partial.to_line()?.as_bytes())
}

/// Nothing where a part should be: what was to make it may have failed.
fn no_part(place: &str) -> Failure {
    Failure::usage(format!("there is no part in {place}"), Some("`quota audit --partial` makes them".to_owned()))
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
    if lines.is_empty() {
        return Err(no_part(&name));
    }
    let label = |line: usize| if lines.len() > 1 { format!("{name}:{line}") } else { name.clone() };
    lines.iter().map(|(line, part)| Ok((label(*line), Partial::parse(&label(*line), part)?))).collect()
}

impl From<PartialError> for Failure {
    fn from(error: PartialError) -> Failure {
        Failure::usage(error.to_string(), error.hint().map(str::to_owned))
    }
}
