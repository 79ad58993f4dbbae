//! `quota config check`: what is wrong or doubtful in configs.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::cli::sources::{LoadError, load_one};
use crate::config::{Config, Map, MapName};
use crate::report::check::{Checked, Holds, write_github, write_json};
use crate::report::issues::render;
use crate::report::printable;

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  quota config check prices.toml\n  quota config check --strict old.toml new.toml\n\n\
                        Exit codes: 0 no error, 1 an error (with --strict also a warning), 2 a file cannot be opened.")]
pub struct Check {
    /// The configs, each checked by itself
    #[arg(value_name = "FILE", required_unless_present = "config")]
    files: Vec<PathBuf>,
    /// The same, as other commands name them
    #[arg(long, value_name = "FILE")]
    config: Vec<PathBuf>,
    /// Exit 1 for a warning, too
    #[arg(long)]
    strict: bool,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Github,
}

impl Check {
    pub fn run(self, colored: bool, quiet: bool, out: &mut dyn Write, err: &mut dyn Write) -> anyhow::Result<u8> {
        let checked: Vec<Checked> = self.files.iter().chain(&self.config).map(|file| checked(file)).collect();
        for unread in checked.iter().filter_map(|config| config.unread.as_ref()) {
            writeln!(err, "error: {}", printable(unread))?;
        }
        match self.format {
            Format::Table => write_table(&checked, colored, quiet, out)?,
            Format::Json => write_json(&checked, out)?,
            Format::Github => write_github(&checked, out)?,
        }
        Ok(checked.iter().map(|config| self.code(config)).max().unwrap_or(0))
    }

    fn code(&self, config: &Checked) -> u8 {
        let is_found = config.errors() > 0 || self.strict && config.warnings() > 0;
        if config.unread.is_some() { 2 } else { u8::from(is_found) }
    }
}

fn checked(file: &Path) -> Checked {
    let name = file.display().to_string();
    match load_one(file) {
        Ok(loaded) => Checked { name, holds: Some(holds(&loaded.config)), issues: loaded.issues, unread: None },
        Err(LoadError::Issues(issues)) => Checked { name, holds: None, issues, unread: None },
        Err(error @ LoadError::Open { .. }) => Checked { name, holds: None, issues: Vec::new(), unread: Some(error.to_string()) },
    }
}

/// All issues, and a line for each config behind its own; quietly, only the issues.
fn write_table(checked: &[Checked], colored: bool, quiet: bool, out: &mut dyn Write) -> io::Result<()> {
    for config in checked.iter().filter(|config| config.unread.is_none()) {
        for issue in &config.issues {
            writeln!(out, "{}\n", render(issue, colored))?;
        }
        if !quiet {
            let holds = config.holds.as_ref().map_or_else(|| "not usable".to_owned(), words);
            let found = [count(config.errors(), "error"), count(config.warnings(), "warning")].join(", ");
            writeln!(out, "{}: {holds}; {found}", printable(&config.name))?;
        }
    }
    Ok(())
}

fn count(number: usize, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

fn words(holds: &Holds) -> String {
    let parts = holds.parts.iter().map(|(word, number)| match *word {
        "quota_per_unit" => format!("{word} {number}"),
        _ => format!("{number} {word}"),
    });
    std::iter::once(holds.format.clone()).chain(parts).collect::<Vec<_>>().join(", ")
}

/// The format of a config, and how much it holds.
fn holds(config: &Config) -> Holds {
    let format = config.sources.first().map_or_else(|| "none".to_owned(), |source| source.format.to_string());
    let given = MapName::ALL.into_iter().filter_map(|map| match config.map(map) {
        Map::Given(numbers) => Some((map.word(), numbers.len())),
        Map::Default | Map::Unknown => None,
    });
    let others = [
        ("group_group_ratio", config.group_group_ratio.as_ref().map_or(0, std::collections::HashMap::len)),
        ("billing_expr", config.expressions.len()),
        ("model", config.model_prices.len()),
        ("group", config.groups.len()),
        ("user", config.users.len()),
        ("period", config.periods.len()),
    ];
    let numbers = given.chain(others.into_iter().filter(|(_, number)| *number > 0));
    let unit = config.quota_per_unit.iter().map(|unit| ("quota_per_unit", unit.ratio.to_string()));
    Holds { format, parts: unit.chain(numbers.map(|(word, number)| (word, number.to_string()))).collect() }
}
