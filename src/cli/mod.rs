//! The command line: arguments, files, standard output, exit codes. The only place that prints or knows the environment.

mod audit;
mod balances;
mod baseline;
mod calc;
mod compare;
pub mod config;
mod digest;
mod explain;
mod file;
mod gate;
mod in_turn;
mod infer;
mod install;
mod logs;
mod merge;
mod outcome;
mod outputs;
mod progress;
mod redact;
pub mod sources;
mod statements;

use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use clap::builder::Resettable;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::config::Config;
use crate::config::issue::Issue;
use crate::exact::Ratio;
use crate::profile::Profile;
use crate::report::{issues, printable};
use outcome::Failure;
use outputs::Screen;

/// Recompute every charge in an LLM gateway's log exactly, and say what does not match
#[derive(Debug, Parser)]
#[command(name = "quota", version, about, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Examples:\n  quota audit logs.csv\n  quota calc --model gpt-4o --input 1000 --output 500\n\n\
                        Exit codes: 0 all right, 1 something was found, 2 the job could not be done, 3 nothing could be audited.\n\
                        Environment: QUOTA_CONFIG (a config file), QUOTA_COLOR (auto, always, never), QUOTA_THREADS (a number); flags win.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Calc(Box<calc::CalcCommand>),
    Audit(Box<audit::AuditCommand>),
    Explain(Box<explain::ExplainCommand>),
    Compare(Box<compare::CompareCommand>),
    Infer(Box<infer::InferCommand>),
    Config(config::ConfigCommand),
    Merge(merge::MergeCommand),
    Completions(install::CompletionsCommand),
    Man(install::ManCommand),
}

/// What every command takes.
#[derive(Debug, Args)]
struct Common {
    /// Price config: ratio JSON, a saved API answer, a gateway's SQLite file or quota's own TOML; later ones override
    #[arg(long, value_name = "FILE")]
    config: Vec<PathBuf>,
    /// Whose arithmetic: auto, or one of the gateways; `exact` is the bare formula
    #[arg(long, value_name = "NAME", value_parser = profile_word)]
    profile: Option<ProfileChoice>,
    /// Points for 1 USD [default: the config's, else 500000]
    #[arg(long, value_name = "N", value_parser = positive)]
    quota_per_unit: Option<Ratio>,
    /// When to colour
    #[arg(long, value_enum, env = "QUOTA_COLOR", default_value_t = Color::Auto)]
    color: Color,
    /// Print only what is asked for: no notes and warnings, and of the table of an audit only the first sentence
    #[arg(long, short)]
    quiet: bool,
}

/// `--profile`: the rows decide, or one profile for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ProfileChoice {
    Auto,
    Of(Profile),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    fn for_stream(self, is_terminal: bool) -> bool {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        match self {
            Color::Always => true,
            Color::Never => false,
            Color::Auto if set("NO_COLOR") => false,
            Color::Auto if set("CLICOLOR_FORCE") => true,
            Color::Auto => is_terminal && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
        }
    }
}

fn profile_word(word: &str) -> Result<ProfileChoice, String> {
    if word == "auto" {
        return Ok(ProfileChoice::Auto);
    }
    let words: Vec<&str> = Profile::ALL.iter().map(|profile| profile.word()).collect();
    Profile::from_word(word).map(ProfileChoice::Of).ok_or_else(|| format!("expected auto, {}", words.join(", ")))
}

fn number(text: &str) -> Result<Ratio, String> {
    text.parse().map_err(|_| "expected a number".to_owned())
}

fn positive(text: &str) -> Result<Ratio, String> {
    number(text).and_then(|ratio| if ratio > Ratio::ZERO { Ok(ratio) } else { Err("expected a number above 0".to_owned()) })
}

/// The config of a run, as the flags and the environment choose it.
struct Chosen {
    config: Config,
    /// Whether there is any: the built-in defaults are none.
    given: bool,
}

impl Common {
    /// A config of which nothing else is said.
    fn of(config: PathBuf) -> Common {
        Common { config: vec![config], profile: None, quota_per_unit: None, color: Color::Auto, quiet: true }
    }

    fn screen(&self) -> Screen {
        Screen { color: self.color, quiet: self.quiet }
    }

    fn load(&self, err: &mut dyn Write) -> Result<Chosen, Failure> {
        let choice = sources::choose(&self.config, std::env::var_os("QUOTA_CONFIG"), |path| path.symlink_metadata().is_ok());
        let color = self.color.for_stream(io::stderr().is_terminal());
        if let Some(note) = choice.note().filter(|_| !self.quiet) {
            writeln!(err, "{}", printable(&note))?;
        }
        let loaded = sources::load(choice.paths()).map_err(|error| Failure::config(error, color))?;
        if !self.quiet {
            tell(&loaded.issues, color, err)?;
        }
        Ok(Chosen { config: loaded.config, given: !choice.paths().is_empty() })
    }

    /// The forced profile, if any: the flag wins over the config.
    fn profile(&self, config: &Config) -> Result<Option<Profile>, Failure> {
        match self.profile {
            Some(ProfileChoice::Auto) => Ok(None),
            Some(ProfileChoice::Of(profile)) => Ok(Some(profile)),
            None => match config.profile.as_deref() {
                None | Some("auto") => Ok(None),
                Some(word) => match Profile::from_word(word) {
                    Some(profile) => Ok(Some(profile)),
                    None => Err(Failure::usage(format!("the config names the profile `{word}`, which is not known"), None)),
                },
            },
        }
    }

    fn quota_per_unit(&self, config: &Config) -> Ratio {
        self.quota_per_unit
            .or(config.quota_per_unit.map(|number| number.ratio))
            .filter(|ratio| *ratio > Ratio::ZERO)
            .unwrap_or(crate::pricing::QUOTA_PER_UNIT)
    }
}

/// Tells warnings of configs: all of a few, else the first of them.
fn tell(warnings: &[Issue], color: bool, err: &mut dyn Write) -> io::Result<()> {
    const TOLD: usize = 3;
    for issue in warnings.iter().take(TOLD) {
        writeln!(err, "{}", issues::render(issue, color))?;
    }
    match warnings.len().saturating_sub(TOLD) {
        0 => Ok(()),
        more => writeln!(err, "and {more} more warnings; `quota config check` prints them all"),
    }
}

/// The command line as a value, for completions, the manual and tests.
pub fn command() -> clap::Command {
    Cli::command()
}

/// A variable without a text is not set.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|text| text.is_empty());
    let unset = |arg: clap::Arg| if arg.get_env().is_some_and(is_empty) { arg.env(Resettable::Reset) } else { arg };
    command.mut_args(unset).mut_subcommands(without_empty_variables)
}

/// Runs the program: the exit code.
pub fn main() -> u8 {
    run(std::env::args_os(), &mut io::stdout().lock(), &mut io::stderr().lock())
}

/// Runs a command line. Results go to `out`, everything else to `err`.
pub fn run(arguments: impl IntoIterator<Item = OsString>, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let matches = without_empty_variables(command()).try_get_matches_from(arguments);
    let cli = match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => {
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            return if error.print().is_ok() { code } else { outcome::CLOSED_PIPE };
        }
    };
    let mut out = io::BufWriter::with_capacity(1 << 16, out);
    let result = match cli.command {
        Command::Calc(command) => command.run(&mut out, err),
        Command::Audit(command) => command.run(&mut out, err),
        Command::Explain(command) => command.run(&mut out, err),
        Command::Compare(command) => command.run(&mut out, err),
        Command::Infer(command) => command.run(&mut out, err),
        Command::Config(command) => command.run(&mut out, err).map_err(Failure::from),
        Command::Merge(command) => command.run(&mut out, err),
        Command::Completions(command) => command.run(self::command(), &mut out),
        Command::Man(command) => command.run(self::command(), &mut out),
    };
    let result = result.and_then(|code| out.flush().map(|()| code).map_err(Failure::from));
    result.unwrap_or_else(|failure| {
        // What is still in the buffer must not be written again when it is dropped.
        let _ = out.into_parts();
        failure.tell(err)
    })
}
