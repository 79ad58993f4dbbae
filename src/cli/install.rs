//! `quota completions` and `quota man`: what an installed tool brings along.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;

use super::file::write_whole;
use super::outcome::Failure;

/// Print a shell's completions
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  quota completions bash > ~/.local/share/bash-completion/completions/quota\n  \
                        quota completions zsh > ~/.zfunc/_quota\n\nExit codes: 0 printed, 2 the shell is not known.")]
pub struct CompletionsCommand {
    /// The shell
    #[arg(value_name = "SHELL", value_parser = clap::builder::PossibleValuesParser::new(SHELLS))]
    shell: String,
}

const SHELLS: [&str; 4] = ["bash", "zsh", "fish", "powershell"];

/// Print the manual
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  quota man | man -l -\n  quota man --dir man1\n\n\
                        Exit codes: 0 printed, 2 the folder cannot be written.")]
pub struct ManCommand {
    /// Write one page for each command into a folder, instead of one page for all
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl CompletionsCommand {
    /// Prints the completions of `cli`.
    pub fn run(self, mut cli: Command, out: &mut dyn Write) -> Result<u8, Failure> {
        let shell = match self.shell.as_str() {
            "zsh" => Shell::Zsh,
            "fish" => Shell::Fish,
            "powershell" => Shell::PowerShell,
            _ => Shell::Bash,
        };
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut cli, "quota", &mut script);
        out.write_all(&script)?;
        Ok(0)
    }
}

impl ManCommand {
    /// Prints the manual of `cli`, or writes its pages.
    pub fn run(self, mut cli: Command, out: &mut dyn Write) -> Result<u8, Failure> {
        cli.build();
        let cli = cli.disable_help_subcommand(true);
        match &self.dir {
            Some(folder) => write_pages(&cli, folder)?,
            None => write_manual(&cli, out)?,
        }
        Ok(0)
    }
}

/// All commands below one, each with its whole name (`quota config check`), the parents first.
fn commands_below(command: &Command) -> Vec<Command> {
    let shown = command.get_subcommands().filter(|below| below.get_name() != "help" && !below.is_hide_set());
    shown.flat_map(|below| std::iter::once(below.clone()).chain(commands_below(below))).collect()
}

/// One page: the program's own, then a section for each command.
fn write_manual(cli: &Command, out: &mut dyn Write) -> Result<(), Failure> {
    let mut page = Vec::new();
    Man::new(cli.clone()).render(&mut page)?;
    out.write_all(&page)?;
    for command in commands_below(cli) {
        let title = command.get_bin_name().unwrap_or_default().to_uppercase();
        let man = Man::new(command);
        let mut section = Vec::new();
        man.render_synopsis_section(&mut section)?;
        man.render_description_section(&mut section)?;
        man.render_options_section(&mut section)?;
        man.render_extra_section(&mut section)?;
        let section = String::from_utf8_lossy(&section);
        writeln!(out, ".SH \"{title}\"")?;
        out.write_all(below_a_title(&section).as_bytes())?;
    }
    Ok(())
}

/// The headings of a page as those of a section.
fn below_a_title(page: &str) -> String {
    let lines = page.lines().map(|line| line.strip_prefix(".SH ").map_or_else(|| line.to_owned(), |title| format!(".SS {title}")));
    lines.map(|line| line + "\n").collect()
}

/// A page for each command: `quota.1`, `quota-audit.1`, …
fn write_pages(cli: &Command, folder: &Path) -> Result<(), Failure> {
    let problem = |error: std::io::Error| Failure::usage(format!("cannot write to `{}`: {error}", folder.display()), None);
    std::fs::create_dir_all(folder).map_err(problem)?;
    for command in std::iter::once(cli.clone()).chain(commands_below(cli)) {
        let name = command.get_bin_name().unwrap_or("quota").replace(' ', "-");
        let mut page = Vec::new();
        Man::new(command.display_name(name.clone())).title(name.clone()).render(&mut page)?;
        write_whole(&folder.join(format!("{name}.1")), |file| Ok(file.write_all(&page)?))?;
    }
    Ok(())
}
