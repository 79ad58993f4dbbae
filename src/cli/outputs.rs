//! Where the report of a run goes: one format on standard output or in a file, and further ones in the same pass.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};

use super::Color;
use super::file::{WholeFile, file_of, is_standard_output, terminal_width, write_result};
use super::in_turn::InTurn;
use super::outcome::Failure;
use super::statements::Statements;
use crate::audit::{By, Finding, Summary};
use crate::exact::Ratio;
use crate::log::Place;
use crate::report::csv::Csv;
use crate::report::github::GitHub;
use crate::report::html::Html;
use crate::report::json::{Json, Ndjson};
use crate::report::junit::Junit;
use crate::report::markdown::Markdown;
use crate::report::sarif::Sarif;
use crate::report::table::{Style, Table};
use crate::report::view::{FindingPart, View, finding_part};
use crate::report::{Format, Report};

/// Findings that a table lists, and the other formats.
const LISTED_IN_TABLE: usize = 20;
const LISTED: usize = 1000;

/// Breakdowns that the HTML report shows, asked for or not.
const SHOWN_IN_HTML: [By; 3] = [By::Model, By::Group, By::Day];

/// What is written, and where.
#[derive(Args, Debug)]
pub struct OutputArgs {
    #[arg(long, value_enum, default_value_t = FormatName::Table)]
    format: FormatName,
    /// Write the report to a file; `-` is standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write a further report in the same pass (repeatable)
    #[arg(long, value_name = "FORMAT=FILE", value_parser = further)]
    report: Vec<Further>,
    /// How many findings are listed: the largest [default: 20 in a table, else 1000]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

/// The breakdowns of a run.
#[derive(Args, Debug)]
pub struct ByArgs {
    /// Break the totals down by model, group, token, user, channel, day, cause
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = breakdown())]
    by: Vec<By>,
}

impl ByArgs {
    /// The breakdowns that were asked for.
    pub fn by(&self) -> Vec<By> {
        self.by.clone()
    }
}

/// What the flags say of a terminal.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    pub color: Color,
    pub quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormatName {
    Table,
    Json,
    Ndjson,
    Csv,
    Markdown,
    Html,
    Junit,
    Sarif,
    Github,
}

/// A report beside the first one.
#[derive(Clone, Debug)]
struct Further {
    format: FormatName,
    path: PathBuf,
}

fn further(text: &str) -> Result<Further, String> {
    let (format, path) = text.split_once('=').ok_or("expected FORMAT=FILE, such as html=report.html")?;
    let format = FormatName::from_str(format, false).map_err(|_| format!("unknown format `{format}`"))?;
    match path {
        path if path.is_empty() || is_standard_output(Path::new(path)) => {
            Err("a further report needs a file; `--format` chooses what standard output gets".to_owned())
        }
        path => Ok(Further { format, path: PathBuf::from(path) }),
    }
}

/// Takes the word of a breakdown.
fn breakdown() -> impl TypedValueParser<Value = By> {
    let of_word = |word: String| By::ALL.into_iter().find(|by| by.word() == word).ok_or("no breakdown");
    PossibleValuesParser::new(By::ALL.map(By::word)).try_map(of_word)
}

impl FormatName {
    /// Whether it shows each model in each group, or a row of each class.
    fn shows_cases(self) -> bool {
        matches!(self, FormatName::Markdown | FormatName::Html | FormatName::Junit | FormatName::Sarif | FormatName::Github)
    }

    fn default_limit(self) -> usize {
        if self == FormatName::Table { LISTED_IN_TABLE } else { LISTED }
    }
}

impl OutputArgs {
    fn formats(&self) -> impl Iterator<Item = FormatName> {
        std::iter::once(self.format).chain(self.report.iter().map(|further| further.format))
    }

    /// An empty summary that keeps what the formats show.
    pub fn summary(&self, by: &[By]) -> Summary {
        let in_html: &[By] = if self.formats().any(|format| format == FormatName::Html) { &SHOWN_IN_HTML } else { &[] };
        let summary = Summary::new(self.most_listed(), &[by, in_html].concat());
        if self.formats().any(FormatName::shows_cases) { summary.with_cases() } else { summary }
    }

    /// An empty summary that keeps what any format shows.
    pub fn summary_of_part(&self, by: &[By]) -> Summary {
        Summary::new(self.limit.unwrap_or(LISTED), &[by, &SHOWN_IN_HTML].concat()).with_cases()
    }

    /// The findings that the format with most of them lists.
    pub fn most_listed(&self) -> usize {
        self.formats().map(|format| self.limit(format)).max().unwrap_or(LISTED)
    }

    /// How many findings were asked for.
    pub fn asked_limit(&self) -> Option<usize> {
        self.limit
    }

    /// Writes something else than a report to its place.
    pub fn write_alone(
        &self,
        out: &mut dyn Write,
        write: impl FnOnce(&mut dyn Write) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        write_result(self.output.as_ref(), out, write)
    }

    fn limit(&self, format: FormatName) -> usize {
        self.limit.unwrap_or(format.default_limit())
    }

    /// Where reports are written to.
    pub fn places(&self) -> impl Iterator<Item = &PathBuf> + Clone {
        self.output.iter().chain(self.report.iter().map(|further| &further.path))
    }

    /// The place of the first report and of the further ones, each once.
    fn check_places(&self) -> Result<(), Failure> {
        let mut places: Vec<&Path> = Vec::new();
        for path in self.places() {
            if places.contains(&path.as_path()) {
                return Err(Failure::usage(format!("two reports would be written to `{}`", path.display()), None));
            }
            places.push(path);
        }
        Ok(())
    }
}

/// The reports of a run, as they are written.
pub struct Outputs<'o> {
    all: Vec<Output<'o>>,
    /// Where GitHub takes the summary of a step from.
    step_summary: Option<PathBuf>,
    /// A statement for each user.
    pub statements: Option<Statements>,
}

struct Output<'o> {
    format: Box<dyn Format>,
    sink: Sink<'o>,
    turn: InTurn,
}

enum Sink<'o> {
    Out(&'o mut dyn Write),
    File(WholeFile),
}

impl<'o> Output<'o> {
    fn new(format: Box<dyn Format>, sink: Sink<'o>) -> Output<'o> {
        Output { format, sink, turn: InTurn::default() }
    }
}

impl Sink<'_> {
    fn with<T>(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<T>) -> Result<T, Failure> {
        match self {
            Sink::Out(out) => write(*out).map_err(Failure::from),
            Sink::File(file) => write(file).map_err(|error| file.problem(&error)),
        }
    }
}

impl<'o> Outputs<'o> {
    /// Nobody asks for a report.
    pub fn none() -> Outputs<'o> {
        Outputs { all: Vec::new(), step_summary: None, statements: None }
    }

    /// Opens the files, so that a run does not fail at its end for a folder that is not there.
    pub fn open(args: &OutputArgs, screen: Screen, out: &'o mut dyn Write) -> Result<Outputs<'o>, Failure> {
        args.check_places()?;
        let file = file_of(args.output.as_ref());
        let sink = match file {
            Some(path) => Sink::File(WholeFile::create(path)?),
            None => Sink::Out(out),
        };
        let to_terminal = file.is_none() && io::stdout().is_terminal();
        let mut all = vec![Output::new(writer(args.format, args, screen, to_terminal), sink)];
        for Further { format, path } in &args.report {
            let sink = Sink::File(WholeFile::create(path)?);
            all.push(Output::new(writer(*format, args, screen, false), sink));
        }
        Ok(Outputs { all, step_summary: step_summary(args), statements: None })
    }

    /// Whether any format writes every row.
    pub fn stream(&self) -> bool {
        self.all.iter().any(|output| output.format.streams())
    }

    /// Writes a row where every row is written.
    pub fn row(&mut self, finding: &Finding, input: &str) -> Result<(), Failure> {
        self.part(finding.place, &finding_part(finding, input, None))
    }

    /// A row comes later, but stands here.
    pub fn wait(&mut self, place: Place) -> Result<(), Failure> {
        self.streaming().try_for_each(|Output { sink, turn, .. }| sink.with(|_| turn.wait(place)))
    }

    fn streaming(&mut self) -> impl Iterator<Item = &mut Output<'o>> {
        self.all.iter_mut().filter(|output| output.format.streams())
    }

    /// Writes the findings that a report lists where every row is written and the rows themselves are not at hand.
    pub fn listed(&mut self, report: &Report) -> Result<(), Failure> {
        if !self.stream() {
            return Ok(());
        }
        let causes = report.summary.causes();
        for finding in report.summary.findings() {
            self.part(finding.place, &finding_part(finding, report.input_name(finding.place.input), Some(causes)))?;
        }
        Ok(())
    }

    fn part(&mut self, place: Place, part: &FindingPart<'_>) -> Result<(), Failure> {
        for Output { format, sink, turn } in self.streaming() {
            sink.with(|out| turn.row(place, out, |out| format.row(part, out)))?;
        }
        Ok(())
    }

    /// An input has ended, in which so many points are 1 USD.
    pub fn end_input(&mut self, per_unit: Ratio) {
        if let Some(statements) = &mut self.statements {
            statements.end_input(per_unit);
        }
    }

    /// Writes what is known at the end of the run.
    pub fn end(&mut self, report: &Report) -> Result<(), Failure> {
        let view = View::new(report, report.summary.causes());
        for Output { format, sink, turn } in &mut self.all {
            sink.with(|out| {
                turn.end(out)?;
                format.end(&view, out)
            })?;
        }
        if let Some(statements) = self.statements.take() {
            statements.write(report)?;
        }
        match &self.step_summary {
            Some(path) => append_summary(&view, path),
            None => Ok(()),
        }
    }

    /// Puts the files in their places.
    pub fn keep(self) -> Result<(), Failure> {
        for output in self.all {
            if let Sink::File(file) = output.sink {
                file.keep()?;
            }
        }
        Ok(())
    }
}

fn step_summary(args: &OutputArgs) -> Option<PathBuf> {
    let is_wanted = args.formats().any(|format| format == FormatName::Github);
    std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| is_wanted && !path.is_empty()).map(PathBuf::from)
}

/// Appends the report as Markdown, as much of it as GitHub takes: it drops a summary of more than 1 MiB.
fn append_summary(view: &View<'_>, path: &Path) -> Result<(), Failure> {
    const MOST: usize = 1 << 20;
    let problem = |error: io::Error| Failure::usage(format!("cannot write `{}`: {error}", path.display()), None);
    let taken = std::fs::metadata(path).map_or(0, |data| usize::try_from(data.len()).unwrap_or(MOST));
    for limit in [100, 20, 5, 1] {
        let mut text = Vec::new();
        Markdown { limit }.end(view, &mut text).map_err(problem)?;
        if taken + text.len() < MOST {
            let file = File::options().append(true).create(true).open(path);
            return file.and_then(|mut file| file.write_all(&text)).map_err(problem);
        }
    }
    Ok(())
}

fn writer(format: FormatName, args: &OutputArgs, screen: Screen, to_terminal: bool) -> Box<dyn Format> {
    let limit = args.limit(format);
    match format {
        FormatName::Json => Box::new(Json),
        FormatName::Ndjson => Box::new(Ndjson),
        FormatName::Csv => Box::new(Csv),
        FormatName::Markdown => Box::new(Markdown { limit }),
        FormatName::Html => Box::new(Html::default()),
        FormatName::Junit => Box::new(Junit),
        FormatName::Sarif => Box::new(Sarif),
        FormatName::Github => Box::new(GitHub),
        FormatName::Table => {
            let color = screen.color.for_stream(to_terminal);
            Box::new(Table(Style { color, width: terminal_width(to_terminal), quiet: screen.quiet, limit, hints: to_terminal }))
        }
    }
}
