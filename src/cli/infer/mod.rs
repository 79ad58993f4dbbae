//! `quota infer`.

mod answer;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use self::answer::Answer;
use super::file::write_result;
use super::logs::{FilterArgs, LogArgs, Logs};
use super::outcome::{Failure, NOTHING_AUDITED};
use super::{Chosen, Common};
use crate::audit::{Auditor, Cell, Filter, Inferred, Observed, Past, Repeats, Samples, Special};
use crate::config::{ChannelPrice, ChannelPrices, Config, Map, MapName, Number, Origin, User};
use crate::defaults;
use crate::details::Details;
use crate::exact::Ratio;
use crate::log::LogEntry;
use crate::pricing::Terms;
use crate::profile::{self, Basis, Context, Memory, Profile, Rated, Rating};
use crate::read::config;
use crate::report;
use crate::report::infer::{ChannelNotes, EVERY_CHANNEL, Notes, unfit_text, write_json, write_toml};

/// Solve for the ratios that a log was really charged with, and write them as a config
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  quota infer logs.csv -o quota.toml\n  \
                        quota infer logs.csv --config groups.json --from-charges\n  \
                        quota infer logs.csv --format json\n\n\
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
    #[arg(long, value_enum, default_value_t = Format::Toml)]
    format: Format,
    /// Write the config to a file
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    filter: FilterArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Toml,
    Json,
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
    /// A charge says which gateway wrote it.
    is_marked: bool,
    filter: Filter,
    repeats: Repeats,
    memory: Memory,
}

/// What was solved by one gateway's formula.
struct Solved {
    inferred: Inferred,
    notes: Notes,
    /// Rows that come out by it.
    right: u64,
    /// A row says which gateway wrote it.
    is_marked: bool,
    /// A row says that it was Veloera.
    is_veloera: bool,
}

/// Rows without details, or without the keys that tell, may be of any of these: they log the same columns.
const UNMARKED: [Profile; 3] = [Profile::NewApi2025, Profile::NewApi2024, Profile::OneApi];

/// The log is priced so many times by what was found; each time leaves something out.
const CHECKS: usize = 8;

impl InferCommand {
    /// Infers; the exit code.
    pub fn run(self, out: &mut dyn Write, err: &mut dyn Write) -> Result<u8, Failure> {
        let chosen = self.common.load(err)?;
        let logs = Logs::new(&self.logs, &self.common, chosen)?;
        logs.keep_from(self.output.iter())?;
        let mut notes = Notes { quota_per_unit: self.common.quota_per_unit(&logs.chosen.config), ..Notes::default() };
        let known = known_groups(&logs.chosen.config);
        notes.is_gauge_given = known.is_some();
        if has_prices(&logs.chosen.config) && !self.common.quiet {
            writeln!(err, "note: of the prices of the config only group ratios are used: the others are what is solved for")?;
        }
        let Solved { inferred, notes, .. } = self.best(&logs, notes, known.as_ref())?;
        if let Some(text) = unfit_text(&notes).filter(|_| !self.common.quiet) {
            writeln!(err, "{text}")?;
        }
        write_result(self.output.as_ref(), out, |out| self.write(&inferred, &notes, out))?;
        Ok(logs.exit_code(0, err))
    }

    fn write(&self, inferred: &Inferred, notes: &Notes, out: &mut dyn Write) -> Result<(), Failure> {
        match self.format {
            Format::Toml => write_toml(inferred, notes, out)?,
            Format::Json => write_json(inferred, notes, &report::config::json(&as_config(inferred, notes)?), out)?,
        }
        Ok(())
    }

    /// What is solved by the gateway that was named. Where none was, and no row says which, by the one whose formula gives most rows.
    fn best(&self, logs: &Logs<'_>, notes: Notes, gauge: Option<&BTreeMap<String, Ratio>>) -> Result<Solved, Failure> {
        let named = self.common.profile(&logs.chosen.config)?;
        let mut best = self.solved(logs, notes.clone(), gauge, named)?;
        if named.is_some() || best.is_marked || self.is_read_once() {
            return Ok(best);
        }
        let others: &[Profile] = if best.is_veloera { &[Profile::Veloera] } else { &UNMARKED };
        for profile in others.iter().copied() {
            // No rules of another gateway explain a charge that is named as wrong.
            let named: u64 = best.notes.misfits.values().map(|misfit| misfit.wrong).sum();
            if best.right + named == best.notes.rows {
                break;
            }
            let solved = self.solved(logs, notes.clone(), gauge, Some(profile))?;
            if solved.right > best.right {
                best = Solved { notes: Notes { is_profile_found: true, ..solved.notes }, ..solved };
            }
        }
        Ok(best)
    }

    /// What is solved by the formula of one gateway, or of that which each row names.
    fn solved(
        &self,
        logs: &Logs<'_>,
        mut notes: Notes,
        gauge: Option<&BTreeMap<String, Ratio>>,
        profile: Option<Profile>,
    ) -> Result<Solved, Failure> {
        let (samples, rater) = self.samples(logs, &mut notes, profile)?;
        if samples.is_empty() {
            return Err(Failure::Message {
                code: NOTHING_AUDITED,
                message: "no charge says anything of a ratio".to_owned(),
                hint: Some("rows need tokens, a model and a charge".to_owned()),
            });
        }
        notes.profile = profile.map(Profile::word);
        let mut inferred = samples.infer(gauge);
        let mut right = self.settle(&mut inferred, &mut notes)?;
        if !(notes.channels.is_empty() || notes.unfit.is_empty()) {
            self.solve_channels(logs, &inferred, &mut notes, profile)?;
            right = self.settle(&mut inferred, &mut notes)?;
        }
        let is_veloera = (0..).zip(&self.logs.files).any(|(index, _)| rater.memory.gateway(index) == Some(Profile::Veloera));
        Ok(Solved { inferred, notes, right, is_marked: rater.is_marked, is_veloera })
    }

    /// Standard input is read once, so what was found cannot be tried on it.
    fn is_read_once(&self) -> bool {
        self.logs.files.iter().any(|path| path.as_os_str() == "-")
    }

    fn rater(&self, logs: &Logs<'_>, profile: Option<Profile>) -> Result<Rater, Failure> {
        Ok(Rater {
            profile,
            is_marked: false,
            filter: logs.filter(&self.filter)?,
            repeats: Repeats::among(self.logs.files.len()),
            memory: Memory::default(),
        })
    }

    /// What each row says, with all ratios taken as 1; and what is remembered of the rows.
    fn samples(&self, logs: &Logs<'_>, notes: &mut Notes, profile: Option<Profile>) -> Result<(Samples, Rater), Failure> {
        let mut samples = Samples::default();
        let rater = self.each_row(logs, profile, &mut |seen| {
            notes.rows += 1;
            if seen.profile == Profile::Laisky {
                notes.channels.entry(channel_of(seen.entry).to_owned()).or_default();
            }
            observe(seen, &mut samples);
        })?;
        notes.left_out = samples.left_out;
        notes.models.clone_from(&samples.models);
        Ok((samples, rater))
    }

    /// Solves for the models of which no one price gives the rows of all channels, in each channel by itself.
    fn solve_channels(
        &self,
        logs: &Logs<'_>,
        inferred: &Inferred,
        notes: &mut Notes,
        profile: Option<Profile>,
    ) -> Result<(), Failure> {
        let mut by_channel: BTreeMap<String, (Samples, String)> = BTreeMap::new();
        let unfit = &notes.unfit;
        self.each_row(logs, profile, &mut |seen| {
            if seen.profile == Profile::Laisky && unfit.contains(seen.entry.model) {
                let group = cell_of(seen.entry, Some(seen.profile));
                let (samples, _) =
                    by_channel.entry(channel_of(seen.entry).to_owned()).or_insert_with(|| (Samples::default(), group.into_owned()));
                observe(seen, samples);
            }
        })?;
        for (channel, (samples, group)) in by_channel {
            let ratio = inferred.groups.ratio(&Cell::of_group(&group));
            let known: BTreeMap<String, Ratio> = ratio.map(|ratio| (group, ratio)).into_iter().collect();
            let models = samples.models.clone();
            let found = samples.infer(Some(&known));
            notes.channels.insert(channel, ChannelNotes { models, found, ..ChannelNotes::default() });
        }
        Ok(())
    }

    /// Rates each row with all ratios taken as 1; what is remembered of the rows.
    fn each_row(&self, logs: &Logs<'_>, profile: Option<Profile>, see: &mut dyn FnMut(&Seen<'_>)) -> Result<Rater, Failure> {
        let mut rater = self.rater(logs, profile)?;
        let mut ones = blank(&logs.chosen.config);
        for (index, path) in self.logs.files.iter().enumerate() {
            logs.read(path, index, &mut |row| {
                let Ok(entry) = row.entry else { return Ok(()) };
                let context = row.pricing.context(entry.time);
                let Some(profile) = rater.recognise(entry, &context) else { return Ok(()) };
                set_to_one(&mut ones, entry, profile);
                let by_ones = Context { config: &ones, basis: Basis::Config, ..context };
                let Some((rated, profile)) = rater.rate(entry, &by_ones) else { return Ok(()) };
                let printed = if self.from_charges { None } else { rater.printed(entry, &context) };
                see(&Seen { entry, profile, rated: &rated, printed: printed.as_ref() });
                Ok(())
            })?;
        }
        Ok(rater)
    }

    /// Audits the log by what was found, and leaves out what it contradicts until it does not. How many rows come out.
    fn settle(&self, inferred: &mut Inferred, notes: &mut Notes) -> Result<u64, Failure> {
        let mut right = 0;
        if self.is_read_once() {
            return Ok(right);
        }
        for _ in 0..CHECKS {
            let answer = self.ask(inferred, notes)?;
            right = answer.right();
            notes.misfits = answer.misfits();
            if !answer.settle(inferred, notes) {
                break;
            }
        }
        Ok(right)
    }

    /// Audits the log by what was found.
    fn ask(&self, inferred: &Inferred, notes: &Notes) -> Result<Answer, Failure> {
        let logs = Logs::new(&self.logs, &self.common, Chosen { config: as_config(inferred, notes)?, given: true })?;
        let profile = self.common.profile(&logs.chosen.config)?;
        let auditor = Auditor { profile, tolerance: 0, filter: logs.filter(&self.filter)? };
        let mut past = Past::new(Repeats::among(self.logs.files.len()));
        let mut answer = Answer::default();
        for (index, path) in self.logs.files.iter().enumerate() {
            logs.read(path, index, &mut |row| {
                if let Ok(entry) = row.entry {
                    let verdict = auditor.judge(entry, &row.pricing.context(entry.time), &mut past);
                    answer.hear(entry, &verdict, inferred, notes);
                }
                Ok(())
            })?;
        }
        Ok(answer)
    }
}

/// What was found, as the config that it is written as.
fn as_config(inferred: &Inferred, notes: &Notes) -> Result<Config, Failure> {
    let mut text = Vec::new();
    write_toml(inferred, notes, &mut text)?;
    let loaded = config::read("inferred", &text).map_err(|issues| {
        let first = issues.first().map(ToString::to_string).unwrap_or_default();
        Failure::usage(format!("what was found cannot be read as a config: {first}"), None)
    })?;
    Ok(loaded.config)
}

/// A row with what it is charged where all ratios are 1.
struct Seen<'s> {
    entry: &'s LogEntry<'s>,
    profile: Profile,
    rated: &'s Rated,
    /// What its own ratios give.
    printed: Option<&'s Rated>,
}

/// Hands a row over; one that names no group is of the group that it prints, or, where a gateway names none, of its user's or its channel's.
fn observe(seen: &Seen<'_>, samples: &mut Samples) {
    let Seen { entry, profile, rated, printed } = *seen;
    let Ok(terms) = &rated.terms else { return samples.leave_out(entry.model) };
    let printed = printed.and_then(|printed| printed.terms.as_ref().ok());
    let is_by_channel = profile == Profile::Laisky;
    let shown = printed.filter(|_| entry.group.is_empty() && !is_by_channel).map(|terms| format!("prints {}", terms.group_ratio));
    let is_by_user = is_by_user(entry, profile);
    let details = Details::parse("other", entry.details).unwrap_or_default();
    let special = match () {
        () if is_by_channel => Special::No,
        () if is_by_user && shown.is_none() => Special::Yes,
        () => special(&details),
    };
    // That the token may have a group of its own shows in rows that do not come out.
    let is_presumed = profile == Profile::OneHub && is_by_user && terms.open.len() == 1;
    samples.add(&Observed {
        special,
        model: entry.model,
        group: shown.as_deref().unwrap_or(&cell_of(entry, Some(profile))),
        user: entry.user,
        time: entry.time,
        charged: &rated.charged,
        terms: &Terms { open: if is_presumed { Vec::new() } else { terms.open.clone() }, ..terms.clone() },
        printed,
        // The others stand where that of the group does.
        is_all_printed: entry.ratios.group.is_some() || details.has("group_ratio"),
    });
}

/// Whether a row names no group, and its gateway takes that of the user.
fn is_by_user(entry: &LogEntry<'_>, profile: Profile) -> bool {
    let is_of_gateway = matches!(profile, Profile::OneApi | Profile::OneApi2023 | Profile::OneHub);
    is_of_gateway && entry.group.is_empty() && !entry.user.is_empty()
}

/// new-api writes the special ratio beside that of the group, or -1.
fn special(details: &Details<'_>) -> Special {
    match details.ratio("user_group_ratio") {
        Ok(Some(ratio)) if ratio != Ratio::from(-1) => Special::Yes,
        _ if !details.has("group_ratio") => Special::Unsaid,
        _ => Special::No,
    }
}

impl Rater {
    /// Whose arithmetic a row is rated by.
    fn recognise(&self, entry: &LogEntry<'_>, context: &Context<'_>) -> Option<Profile> {
        Some(self.profile_of(entry, &Details::parse("other", entry.details).ok()?, context))
    }

    /// The charge of a row that counts, and whose arithmetic holds.
    fn rate(&mut self, entry: &LogEntry<'_>, context: &Context<'_>) -> Option<(Rated, Profile)> {
        let details = Details::parse("other", entry.details).ok()?;
        profile::remember_gateway(entry, &details, &mut self.memory);
        let profile = self.profile_of(entry, &details, context);
        let rating = profile::rate(profile, entry, &details, context, &mut self.memory).ok()?;
        let Rating::Charge(rated) = rating else { return None };
        self.is_marked = self.is_marked || !profile::is_undecided(entry, &details, profile);
        (self.filter.admits(entry, profile) && !self.repeats.is_repeated(entry)).then_some((*rated, profile))
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
        self.profile.unwrap_or_else(|| profile::of_row(entry, details, context, &self.memory))
    }
}

/// The config without any price.
fn blank(config: &Config) -> Config {
    let mut blank = Config::default();
    blank.users.clone_from(&config.users);
    blank.channels.clone_from(&config.channels);
    SOLVED.into_iter().for_each(|map| *blank.map_mut(map) = Map::Given(HashMap::new()));
    blank
}

/// Whose ratio a row is charged with: Laisky's go by the channel.
fn cell_of<'e>(entry: &LogEntry<'e>, profile: Option<Profile>) -> Cow<'e, str> {
    match profile {
        Some(Profile::Laisky) if !entry.channel.is_empty() => Cow::Owned(format!("channel {}", entry.channel)),
        _ => Cow::Borrowed(entry.group_or_default()),
    }
}

/// The channel of a row by the name that a config has for it.
fn channel_of<'e>(entry: &LogEntry<'e>) -> &'e str {
    if entry.channel.is_empty() { EVERY_CHANNEL } else { entry.channel }
}

fn set_to_one(config: &mut Config, entry: &LogEntry<'_>, profile: Profile) {
    let one = Number { ratio: Ratio::ONE, origin: Origin::default() };
    let group = cell_of(entry, Some(profile));
    if profile == Profile::Laisky {
        let prices = config
            .channel_prices
            .entry(channel_of(entry).to_owned())
            .or_insert_with(|| ChannelPrices { groups: Some(vec![group.clone().into_owned()]), ..ChannelPrices::default() });
        let price = ChannelPrice { ratio: Some(one), ..ChannelPrice::default() };
        prices.models.entry(entry.model.to_owned()).or_insert(price);
    }
    if profile == Profile::OneHub && is_by_user(entry, profile) && !config.users.contains_key(entry.user) {
        config.users.insert(entry.user.to_owned(), User { group: group.clone().into_owned(), ..User::default() });
    }
    let has_audio = [entry.tokens.audio_input, entry.tokens.audio_output].iter().any(|tokens| tokens.unwrap_or(0) != 0);
    if profile == Profile::NewApi && has_audio {
        // Without a ratio of its own audio would count as text.
        let map = config.map_mut(MapName::AudioRatio);
        if matches!(map, Map::Default) {
            map.clone_from(defaults::new_api().map(MapName::AudioRatio));
        }
        if let Map::Given(numbers) = map {
            numbers.entry(entry.model.to_owned()).or_insert(one);
        }
    }
    for (map, name) in [(MapName::ModelRatio, entry.model), (MapName::GroupRatio, &*group)] {
        if let Map::Given(numbers) = config.map_mut(map)
            && !numbers.contains_key(name)
        {
            numbers.insert(name.to_owned(), one);
        }
    }
}

/// Whether a config says what is solved for.
fn has_prices(config: &Config) -> bool {
    let solved = SOLVED.into_iter().filter(|map| *map != MapName::GroupRatio);
    solved.into_iter().any(|map| matches!(config.map(map), Map::Given(numbers) if !numbers.is_empty()))
        || !config.model_prices.is_empty()
}

/// The group ratios of a config, where it has any.
fn known_groups(config: &Config) -> Option<BTreeMap<String, Ratio>> {
    match config.map(MapName::GroupRatio) {
        Map::Given(numbers) => Some(numbers.iter().map(|(name, number)| (name.clone(), number.ratio)).collect()),
        Map::Default | Map::Unknown => None,
    }
}
