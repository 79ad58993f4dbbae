//! `quota config`: lint, print, compare configs; the built-in ones.

mod check;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Color;
use super::compare::CompareCommand;
use super::outcome::FAILED;
use super::sources::{LoadError, load, load_one};
use crate::config::Config;
use crate::config::issue::Issue;
use crate::defaults::{self, Defaults};
use crate::read::config::Loaded;
use crate::report;
use crate::report::compare;
use crate::report::diff::{self, Diff};

/// Lint, print and compare configs; the built-in one
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  quota config check prices.toml\n  quota config diff old.toml new.toml\n\n\
                        Exit codes: 0 all right, 1 what was asked for was found, 2 a file cannot be used.")]
pub struct ConfigCommand {
    #[command(subcommand)]
    action: Action,
    /// When to colour
    #[arg(long, value_enum, env = "QUOTA_COLOR", default_value_t = Color::Auto, global = true)]
    color: Color,
    /// Print only what is asked for: no notes and warnings
    #[arg(long, short, global = true)]
    quiet: bool,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Report what is wrong or doubtful in configs
    Check(check::Check),
    /// Print configs, merged, as quota's own
    Show(Show),
    /// Say which models and groups become dearer or cheaper, and by how much
    Diff(DiffOf),
    /// Print the built-in config
    Defaults(DefaultsOf),
}

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  quota config show options.json > quota.toml\n  quota config show old.toml new.toml --format json\n\n\
                        Exit codes: 0 printed, 2 a config cannot be used."
)]
struct Show {
    /// The configs; later ones lie over earlier ones
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[arg(long, value_enum, default_value_t = Format::Toml)]
    format: Format,
}

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  quota config diff old.toml new.toml\n  quota config diff old.toml new.toml --log logs.csv --format markdown\n\n\
                        Exit codes: 0 compared (with --exit-code: no difference), 1 with --exit-code: they differ, \
                        2 a config cannot be used."
)]
struct DiffOf {
    /// The config that was
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The config that will be
    #[arg(value_name = "NEW")]
    new: PathBuf,
    #[arg(long, value_enum, default_value_t = DiffFormat::Table)]
    format: DiffFormat,
    /// Say as well what this log would have cost under NEW, beside what it should have cost under OLD (repeatable)
    #[arg(long, value_name = "FILE")]
    log: Vec<PathBuf>,
    /// Exit 1 where they differ
    #[arg(long)]
    exit_code: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DiffFormat {
    Table,
    Json,
    Markdown,
}

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  quota config defaults > defaults.toml\n  quota config defaults --profile one-api --format json\n\n\
                        Exit codes: 0 printed, 2 the profile is not known."
)]
struct DefaultsOf {
    /// Whose figures
    #[arg(long, default_value = "new-api", value_parser = clap::builder::PossibleValuesParser::new(defaults::profiles()))]
    profile: String,
    #[arg(long, value_enum, default_value_t = Format::Toml)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Toml,
    Json,
}

impl ConfigCommand {
    /// Runs the command: results to `out`, messages to `err`. Gives the exit code.
    pub fn run(self, out: &mut dyn Write, err: &mut dyn Write) -> anyhow::Result<u8> {
        let colored = self.color.for_stream(io::stderr().is_terminal());
        let mut messages = Messages { err, colored, quiet: self.quiet };
        match self.action {
            Action::Check(check) => check.run(self.color.for_stream(io::stdout().is_terminal()), self.quiet, out, messages.err),
            Action::Show(show) => show.run(out, &mut messages),
            Action::Diff(diff) => diff.run(out, &mut messages),
            Action::Defaults(of) => of.run(out),
        }
    }
}

/// Where messages go.
struct Messages<'a> {
    err: &'a mut dyn Write,
    colored: bool,
    /// Only errors are told.
    quiet: bool,
}

impl Messages<'_> {
    fn issues(&mut self, issues: &[Issue]) -> io::Result<()> {
        for issue in issues.iter().filter(|issue| issue.is_error() || !self.quiet) {
            writeln!(self.err, "{}\n", report::issues::render(issue, self.colored))?;
        }
        Ok(())
    }

    /// Tells what is wrong or doubtful; the config where it can be used.
    fn config(&mut self, loaded: Result<Loaded, LoadError>) -> io::Result<Option<Config>> {
        match loaded {
            Ok(loaded) => {
                self.issues(&loaded.issues)?;
                return Ok(Some(loaded.config));
            }
            Err(LoadError::Issues(issues)) => self.issues(&issues)?,
            Err(error @ LoadError::Open { .. }) => writeln!(self.err, "error: {error}")?,
        }
        Ok(None)
    }
}

impl Show {
    fn run(self, out: &mut dyn Write, messages: &mut Messages<'_>) -> anyhow::Result<u8> {
        let Some(config) = messages.config(load(&self.files))? else { return Ok(2) };
        let sources = config.sources.iter();
        let comments: Vec<String> =
            sources.map(|source| format!("source: {} ({}, sha256 {})", source.name, source.format, source.sha256)).collect();
        print(out, &config, &comments, self.format)?;
        let omitted = report::config::omitted(&config);
        if !omitted.is_empty() && !messages.quiet {
            writeln!(messages.err, "note: not shown, since quota's own words cannot say it: {}", omitted.join(", "))?;
        }
        Ok(0)
    }
}

impl DiffOf {
    fn run(self, out: &mut dyn Write, messages: &mut Messages<'_>) -> anyhow::Result<u8> {
        let old = messages.config(load_one(&self.old))?;
        let new = messages.config(load_one(&self.new))?;
        let (Some(old), Some(new)) = (old, new) else { return Ok(2) };
        let diff = Diff::of(&old, &new);
        let log = match self.log.is_empty() {
            true => None,
            false => Some(self.compared(messages)?),
        };
        match self.format {
            DiffFormat::Table => diff::write_table(&diff, out)?,
            DiffFormat::Markdown => diff::write_markdown(&diff, out)?,
            DiffFormat::Json => {
                let names = (self.old.to_string_lossy(), self.new.to_string_lossy());
                diff::write_json(&diff, (&names.0, &names.1), log.as_ref().map(|(log, _)| log), out)?;
            }
        }
        if let Some((log, _)) = log.as_ref().filter(|_| self.format != DiffFormat::Json) {
            writeln!(
                out,
                "\nWhat the log should have cost (today), and what it would have cost under the new config (then), in points:\n"
            )?;
            match self.format {
                DiffFormat::Markdown => compare::write_markdown(log, out)?,
                _ => compare::write_table(log, out)?,
            }
        }
        let is_broken = log.is_some_and(|(_, code)| code == FAILED);
        Ok(if is_broken { FAILED } else { u8::from(self.exit_code && !diff.is_empty()) })
    }
}

impl DiffOf {
    /// The logs under both configs.
    fn compared(&self, messages: &mut Messages<'_>) -> anyhow::Result<(compare::ComparisonReport, u8)> {
        let command = CompareCommand::of_configs(self.log.clone(), self.old.clone(), self.new.clone());
        Ok(command.compare(messages.err)?)
    }
}

impl DefaultsOf {
    fn run(self, out: &mut dyn Write) -> anyhow::Result<u8> {
        let Some(Defaults { source, date, notes, config, .. }) = defaults::of(&self.profile) else {
            anyhow::bail!("no built-in config for `{}`", self.profile);
        };
        let mut comments = vec![format!("source: {source}"), format!("date: {date}")];
        comments.extend(notes.iter().map(|note| format!("note: {note}")));
        print(out, config, &comments, self.format)?;
        Ok(0)
    }
}

fn print(out: &mut dyn Write, config: &Config, comments: &[String], format: Format) -> io::Result<()> {
    let text = match format {
        Format::Toml => report::config::toml(config, comments),
        Format::Json => report::config::json(config),
    };
    out.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        config: ConfigCommand,
    }

    fn run(arguments: &[&str]) -> (u8, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let line = Line::try_parse_from(std::iter::once("config").chain(arguments.iter().copied())).unwrap();
        let code = line.config.run(&mut out, &mut err).unwrap();
        (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn check_exits_by_what_it_found() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_string_lossy().into_owned()
        };
        let good = write("good.json", r#"{"default": 1, "vip": 0.8}"#);
        let odd = write("odd.toml", "modle_ratio = {}\n");
        let bad = write("bad.toml", "[group_ratio]\nvip = -1\n");
        let (code, out, err) = run(&["check", "--config", &good]);
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(out.ends_with("good.json: groups, 2 group_ratio; 0 errors, 0 warnings\n"), "{out}");
        let broken = write(
            "broken.toml",
            "[billing_expr]\nm = \"tier(\"\n[[period]]\nfrm = 2026-01-01\n[period.model.m]\ninput_price = 3\n",
        );
        let (code, out, _) = run(&["check", &broken]);
        assert_eq!(code, 1);
        assert!(out.ends_with("1 error, 2 warnings\n"), "{out}");
        assert!(out.contains("did you mean `from`?") && out.contains("did you mean `input`?"), "{out}");
        let (code, out, _) = run(&["check", &odd]);
        assert_eq!(code, 0);
        assert!(out.contains("did you mean `model_ratio`?"), "{out}");
        let (_, quiet, _) = run(&["check", "-q", &odd, &good]);
        assert!(out.starts_with(&quiet) && !quiet.contains("warnings"), "{quiet}");
        assert_eq!(run(&["check", "--strict", &odd]).0, 1);
        assert_eq!(run(&["check", &good, &bad, &odd]).0, 1);
        assert_eq!(run(&["check", &bad, "no/such/file"]).0, 2);
        assert_eq!(run(&["show", &bad]).0, 2);
    }

    #[test]
    fn check_tells_programs_where_each_issue_stands() {
        let folder = tempfile::tempdir().unwrap();
        let bad = folder.path().join("a,b.toml");
        std::fs::write(&bad, "[group_ratio]\nvip = -1\n").unwrap();
        let bad = bad.to_string_lossy();
        let (code, out, err) = run(&["check", "--format", "json", &bad, "no/such/file"]);
        assert_eq!(code, 2);
        assert!(err.starts_with("error: cannot open config `no/such/file`"), "{err}");
        let json: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!((&json["schema"], &json["errors"]), (&"quota.config-check/1".into(), &1.into()));
        let issue = &json["files"][0]["issues"][0];
        assert_eq!((&issue["code"], &issue["line"], &issue["column"]), (&"negative-ratio".into(), &2.into(), &7.into()));
        assert_eq!((&json["files"][0]["usable"], &json["files"][1]["usable"]), (&false.into(), &false.into()));
        assert!(json["files"][1]["unread"].as_str().unwrap().contains("no/such/file"), "{out}");
        let (code, out, _) = run(&["check", "--format", "github", &bad]);
        assert_eq!(code, 1);
        let place = format!("::error file={},line=2,col=7,title=negative-ratio::", bad.replace(',', "%2C"));
        assert!(out.starts_with(&place) && out.lines().count() == 1, "{out}");
    }

    #[test]
    fn show_says_what_it_leaves_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one-api.db");
        let tables = "CREATE TABLE options (key text, value text); CREATE TABLE tasks (task_id text, quota integer); INSERT INTO tasks VALUES ('c97d', 50000)";
        rusqlite::Connection::open(&path).unwrap().execute_batch(tables).unwrap();
        let (code, _, err) = run(&["show", path.to_str().unwrap()]);
        assert_eq!((code, err.as_str()), (0, "note: not shown, since quota's own words cannot say it: charges of tasks (1)\n"));
    }

    #[test]
    fn diff_exits_1_for_a_difference_only_where_that_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let [old, new] = [("old.json", "0.8"), ("new.json", "0.7")].map(|(name, ratio)| {
            let path = folder.path().join(name);
            std::fs::write(&path, format!(r#"{{"default": 1, "vip": {ratio}}}"#)).unwrap();
            path.to_string_lossy().into_owned()
        });
        let (code, out, err) = run(&["diff", &old, &new]);
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(out.starts_with("1 cheaper.\n\n"), "{out}");
        assert!(out.contains("-12.5 %"), "{out}");
        assert_eq!(run(&["diff", "--exit-code", &old, &new]).0, 1);
        assert_eq!(
            run(&["diff", "--exit-code", &old, &old]),
            (0, "No difference in prices and groups.\n".to_owned(), String::new())
        );
        assert_eq!(run(&["diff", &old, "no/such/file"]).0, 2);
        let (_, json, _) = run(&["diff", "--format", "json", &old, &new]);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["counts"]["cheaper"], 1);
        assert_eq!(json["differences"][0]["percent"], "-12.5");
        let (_, markdown, _) = run(&["diff", "--format", "markdown", &old, &new]);
        assert!(markdown.contains("| cheaper | group | vip | ratio | 0.8 | 0.7 | -12.5 % |"), "{markdown}");
    }

    #[test]
    fn the_built_in_config_is_printed_with_source_and_date_and_reads_back() {
        for profile in defaults::profiles() {
            let (code, out, _) = run(&["defaults", "--profile", profile]);
            assert_eq!(code, 0);
            assert!(out.starts_with("# source: fresh install of "), "{out:.200}");
            let again = crate::read::config::read("again.toml", out.as_bytes()).unwrap();
            assert_eq!(again.issues, [], "{profile}");
            let mut again = again.config;
            let mut built_in = defaults::of(profile).unwrap().config.clone();
            for config in [&mut again, &mut built_in] {
                config.sources.clear();
                config.forget_origins();
            }
            assert_eq!(again, built_in, "{profile}");
        }
    }
}
