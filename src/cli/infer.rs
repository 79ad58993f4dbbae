//! `quota infer`.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::Common;
use super::file::write_whole;
use super::logs::{FilterArgs, LogArgs, Logs, ReadRow};
use super::outcome::{Failure, NOTHING_AUDITED};
use crate::audit::{Filter, Inferred, Repeats, Samples};
use crate::config::{Config, Map, MapName, Number, Origin};
use crate::details::Details;
use crate::exact::Ratio;
use crate::log::LogEntry;
use crate::pricing::{Standing, judge};
use crate::profile::{self, Basis, Context, Memory, Profile, Rated, Rating};
use crate::read::config;
use crate::report::infer::{Notes, unfit_text, write_toml};

/// Solve for the ratios that a log was really charged with, and write them as a config
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  quota infer logs.csv -o quota.toml\n  \
                        quota infer logs.csv --config groups.json --from-charges\n\n\
                        Exit codes: 0 written, 2 the job could not be done, 3 no charge says anything of a ratio.\n\
                        Environment: QUOTA_CONFIG (a config file), QUOTA_COLOR (auto, always, never); flags win.")]
pub struct InferCommand {
    #[command(flatten)]
    logs: LogArgs,
    #[command(flatten)]
    common: Common,
    /// Never look at the ratios that rows print
    #[arg(long)]
    from_charges: bool,
    /// Write the config to a file
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    filter: FilterArgs,
}

/// The maps that are solved for. They are given, and hold nothing but what was found.
const SOLVED: [MapName; 6] = [
    MapName::ModelRatio,
    MapName::CompletionRatio,
    MapName::CacheRatio,
    MapName::CreateCacheRatio,
    MapName::ModelPrice,
    MapName::GroupRatio,
];

/// Rates rows by one config, and remembers what they say of later ones.
struct Rater {
    profile: Option<Profile>,
    filter: Filter,
    repeats: Repeats,
    memory: Memory,
}

impl InferCommand {
    /// Infers; the exit code.
    pub fn run(self, out: &mut dyn Write, err: &mut dyn Write) -> Result<u8, Failure> {
        let chosen = self.common.load(err)?;
        let logs = Logs::new(&self.logs, &self.common, chosen)?;
        let mut notes = Notes { quota_per_unit: self.common.quota_per_unit(&logs.chosen.config), ..Notes::default() };
        let samples = self.samples(&logs, &mut notes)?;
        if samples.is_empty() {
            let hint = "rows need tokens, a model and a charge".to_owned();
            return Err(Failure::Message {
                code: NOTHING_AUDITED,
                message: "no charge says anything of a ratio".to_owned(),
                hint: Some(hint),
            });
        }
        let known = known_groups(&logs.chosen.config);
        notes.is_gauge_given = known.is_some();
        let gauge = known.unwrap_or_else(|| BTreeMap::from([("default".to_owned(), Ratio::ONE)]));
        let inferred = samples.infer(&gauge);
        self.check(&logs, &inferred, &mut notes)?;
        if let Some(text) = unfit_text(&notes).filter(|_| !self.common.quiet) {
            writeln!(err, "{text}")?;
        }
        match &self.output {
            Some(path) => write_whole(path, |file| Ok(write_toml(&inferred, &notes, file)?))?,
            None => write_toml(&inferred, &notes, out)?,
        }
        Ok(0)
    }

    fn rater(&self, logs: &Logs<'_>) -> Result<Rater, Failure> {
        Ok(Rater {
            profile: self.common.profile(&logs.chosen.config)?,
            filter: logs.filter(&self.filter)?,
            repeats: Repeats::among(self.logs.files.len()),
            memory: Memory::default(),
        })
    }

    /// What each row says, with all ratios taken as 1.
    fn samples(&self, logs: &Logs<'_>, notes: &mut Notes) -> Result<Samples, Failure> {
        let mut rater = self.rater(logs)?;
        let mut samples = Samples::default();
        let mut ones = blank(&logs.chosen.config);
        for (index, path) in self.logs.files.iter().enumerate() {
            logs.read(path, index, &mut |row| {
                let Ok(entry) = row.entry else { return Ok(()) };
                set_to_one(&mut ones, entry);
                let context = row.pricing.context(entry.time);
                let by_ones = Context { config: &ones, basis: Basis::Config, ..context };
                let Some(rated) = rater.rate(entry, &by_ones) else { return Ok(()) };
                notes.rows += 1;
                let printed = if self.from_charges { None } else { rater.printed(entry, &context) };
                match &rated.terms {
                    Ok(terms) => samples.add(
                        entry.model,
                        group_of(entry),
                        &rated.charged,
                        terms,
                        printed.and_then(|p| p.terms.ok()).as_ref(),
                    ),
                    Err(_) => samples.left_out += 1,
                }
                Ok(())
            })?;
        }
        notes.left_out = samples.left_out;
        Ok(samples)
    }

    /// Prices the log by what was found, and leaves out the models that it does not give.
    fn check(&self, logs: &Logs<'_>, inferred: &Inferred, notes: &mut Notes) -> Result<(), Failure> {
        if self.logs.files.iter().any(|path| path.as_os_str() == "-") {
            return Ok(());
        }
        let mut text = Vec::new();
        write_toml(inferred, notes, &mut text)?;
        let Ok(loaded) = config::read("inferred", &text) else { return Ok(()) };
        let mut rater = self.rater(logs)?;
        for (index, path) in self.logs.files.iter().enumerate() {
            logs.read(path, index, &mut |row| {
                rater.check(row, &loaded.config, notes);
                Ok(())
            })?;
        }
        Ok(())
    }
}

impl Rater {
    /// The charge of a row that counts.
    fn rate(&mut self, entry: &LogEntry<'_>, context: &Context<'_>) -> Option<Rated> {
        let details = Details::parse("other", entry.details).ok()?;
        if profile::is_veloera_row(entry, &details) {
            self.memory.remember_veloera(entry.place.input);
        }
        let profile = self.profile_of(entry, &details, context);
        let rating = profile::rate(profile, entry, &details, context, &mut self.memory).ok()?;
        let Rating::Charge(rated) = rating else { return None };
        (self.filter.admits(entry) && !self.repeats.is_repeated(entry)).then_some(*rated)
    }

    /// What the row's own ratios give.
    fn printed(&self, entry: &LogEntry<'_>, context: &Context<'_>) -> Option<Rated> {
        let details = Details::parse("other", entry.details).ok()?;
        let context = Context { basis: Basis::Logged, ..*context };
        let profile = self.profile_of(entry, &details, &context);
        match profile::rate(profile, entry, &details, &context, &mut Memory::default()).ok()? {
            Rating::Charge(rated) => Some(*rated),
            _ => None,
        }
    }

    fn profile_of(&self, entry: &LogEntry<'_>, details: &Details<'_>, context: &Context<'_>) -> Profile {
        let veloera = context.veloera || self.memory.is_veloera(entry.place.input);
        self.profile.unwrap_or_else(|| profile::recognise(entry, details, veloera))
    }

    fn check(&mut self, row: ReadRow<'_>, config: &Config, notes: &mut Notes) {
        let Ok(entry) = row.entry else { return };
        let context = Context { config, basis: Basis::Config, ..row.pricing.context(entry.time) };
        let Some(Rated { charged, terms: Ok(terms), .. }) = self.rate(entry, &context) else { return };
        if judge(&terms, &charged, 0).standing == Standing::Mismatch {
            notes.unfit.insert(entry.model.to_owned());
        }
    }
}

fn group_of<'e>(entry: &LogEntry<'e>) -> &'e str {
    if entry.group.is_empty() { "default" } else { entry.group }
}

/// The config without any price.
fn blank(config: &Config) -> Config {
    let mut blank = Config::default();
    blank.users.clone_from(&config.users);
    blank.channels.clone_from(&config.channels);
    SOLVED.into_iter().for_each(|map| *blank.map_mut(map) = Map::Given(HashMap::new()));
    blank
}

fn set_to_one(config: &mut Config, entry: &LogEntry<'_>) {
    let one = Number { ratio: Ratio::ONE, origin: Origin::default() };
    for (map, name) in [(MapName::ModelRatio, entry.model), (MapName::GroupRatio, group_of(entry))] {
        if let Map::Given(numbers) = config.map_mut(map)
            && !numbers.contains_key(name)
        {
            numbers.insert(name.to_owned(), one);
        }
    }
}

/// The group ratios of a config, where it has any.
fn known_groups(config: &Config) -> Option<BTreeMap<String, Ratio>> {
    match config.map(MapName::GroupRatio) {
        Map::Given(numbers) => Some(numbers.iter().map(|(name, number)| (name.clone(), number.ratio)).collect()),
        Map::Default | Map::Unknown => None,
    }
}
