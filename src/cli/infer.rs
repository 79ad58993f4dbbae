//! `quota infer`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::file::write_whole;
use super::logs::{FilterArgs, LogArgs, Logs};
use super::outcome::{Failure, NOTHING_AUDITED};
use super::{Chosen, Common};
use crate::audit::{
    Auditor, Cause, Class, Filter, Inferred, Judged, Observed, Past, Repeats, Samples, Special, Verdict, most_wrong,
};
use crate::config::{Config, Map, MapName, Number, Origin};
use crate::details::Details;
use crate::exact::Ratio;
use crate::log::LogEntry;
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

/// Rows that do not come out, of all.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    rows: u64,
    wrong: u64,
    /// Of them, rows that say something of the price: it is not the charge that is wrong.
    telling: u64,
    /// Of them, rows that are a point off, or a hundredth.
    close: u64,
    /// Rows with tools, and those of them that are wrong.
    tools: u64,
    wrong_tools: u64,
    /// Rows that do not say what else was charged than tokens.
    bare: u64,
}

impl Count {
    /// Whether the charges are wrong, and not the price: one in ten at most, or one in twenty where rows do not say what else was charged; and
    /// they differ by more than a price with further digits, or another rounding, would explain. Of many rows a single one may.
    fn is_price_right(&self) -> bool {
        let most = if self.bare == 0 { most_wrong(self.rows) } else { most_wrong(self.rows / 2) };
        let is_told = self.telling > 0 || (self.wrong_tools > 0 && self.wrong_tools == self.tools);
        self.wrong <= most && !is_told && (self.close == 0 || (self.close == 1 && self.rows >= MANY_ROWS))
    }
}

/// What the log says to a config that was inferred from it.
#[derive(Debug, Default)]
struct Answer {
    by_model: BTreeMap<String, Count>,
    by_group: BTreeMap<String, Count>,
    by_user: BTreeMap<String, Count>,
    /// Rows that show the prices of a stretch before its first sample: model, number of the stretch, time.
    earlier: Vec<(String, usize, i64)>,
}

/// Charges up to this are mostly the minimum, or a few tokens.
const SMALL: i64 = 10;
/// Of so many rows of a model, one that is a point off is wrong.
const MANY_ROWS: u64 = 20;
/// The log is priced so many times by what was found; each time leaves something out.
const CHECKS: usize = 8;

impl InferCommand {
    /// Infers; the exit code.
    pub fn run(self, out: &mut dyn Write, err: &mut dyn Write) -> Result<u8, Failure> {
        let chosen = self.common.load(err)?;
        let logs = Logs::new(&self.logs, &self.common, chosen)?;
        let mut notes = Notes { quota_per_unit: self.common.quota_per_unit(&logs.chosen.config), ..Notes::default() };
        let known = known_groups(&logs.chosen.config);
        notes.is_gauge_given = known.is_some();
        let gauge = known.unwrap_or_else(|| BTreeMap::from([("default".to_owned(), Ratio::ONE)]));
        let Solved { inferred, notes, .. } = self.best(&logs, notes, &gauge)?;
        if let Some(text) = unfit_text(&notes).filter(|_| !self.common.quiet) {
            writeln!(err, "{text}")?;
        }
        match &self.output {
            Some(path) => write_whole(path, |file| Ok(write_toml(&inferred, &notes, file)?))?,
            None => write_toml(&inferred, &notes, out)?,
        }
        Ok(0)
    }

    /// What is solved by the gateway that was named. Where none was, and no row says which, by the one whose formula gives most rows.
    fn best(&self, logs: &Logs<'_>, notes: Notes, gauge: &BTreeMap<String, Ratio>) -> Result<Solved, Failure> {
        let named = self.common.profile(&logs.chosen.config)?;
        let mut best = self.solved(logs, notes.clone(), gauge, named)?;
        if named.is_some() || best.is_marked || self.is_read_once() {
            return Ok(best);
        }
        let others: &[Profile] = if best.is_veloera { &[Profile::Veloera] } else { &UNMARKED };
        for profile in others.iter().copied() {
            if best.right == best.notes.rows {
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
        gauge: &BTreeMap<String, Ratio>,
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
        let right = self.settle(&mut inferred, &mut notes)?;
        let is_veloera = (0..).zip(&self.logs.files).any(|(index, _)| rater.memory.is_veloera(index));
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
        let mut rater = self.rater(logs, profile)?;
        let mut samples = Samples::default();
        let mut ones = blank(&logs.chosen.config);
        for (index, path) in self.logs.files.iter().enumerate() {
            logs.read(path, index, &mut |row| {
                let Ok(entry) = row.entry else { return Ok(()) };
                set_to_one(&mut ones, entry);
                let context = row.pricing.context(entry.time);
                let by_ones = Context { config: &ones, basis: Basis::Config, ..context };
                let Some((rated, profile)) = rater.rate(entry, &by_ones) else { return Ok(()) };
                notes.rows += 1;
                let printed = if self.from_charges { None } else { rater.printed(entry, &context) };
                observe(entry, profile, &rated, printed.as_ref(), &mut samples);
                Ok(())
            })?;
        }
        notes.left_out = samples.left_out;
        notes.models.clone_from(&samples.models);
        Ok((samples, rater))
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
        let mut text = Vec::new();
        write_toml(inferred, notes, &mut text)?;
        let loaded = config::read("inferred", &text).map_err(|issues| {
            let first = issues.first().map(ToString::to_string).unwrap_or_default();
            Failure::usage(format!("what was found cannot be read as a config: {first}"), None)
        })?;
        let logs = Logs::new(&self.logs, &self.common, Chosen { config: loaded.config, given: true })?;
        let profile = self.common.profile(&logs.chosen.config)?;
        let auditor = Auditor { profile, tolerance: 0, filter: logs.filter(&self.filter)? };
        let mut past = Past::new(Repeats::among(self.logs.files.len()));
        let mut answer = Answer::default();
        for (index, path) in self.logs.files.iter().enumerate() {
            logs.read(path, index, &mut |row| {
                if let Ok(entry) = row.entry {
                    let verdict = auditor.judge(entry, &row.pricing.context(entry.time), &mut past);
                    answer.hear(entry, &verdict, inferred);
                }
                Ok(())
            })?;
        }
        Ok(answer)
    }
}

/// Hands a row over; one that names no group is of the group that it prints, or, where a gateway names none, of its user's.
fn observe(entry: &LogEntry<'_>, profile: Profile, rated: &Rated, printed: Option<&Rated>, samples: &mut Samples) {
    let Ok(terms) = &rated.terms else { return samples.leave_out(entry.model) };
    let printed = printed.and_then(|printed| printed.terms.as_ref().ok());
    let shown = printed.filter(|_| entry.group.is_empty()).map(|terms| format!("prints {}", terms.group_ratio));
    let is_by_user = matches!(profile, Profile::OneApi | Profile::OneApi2023) && entry.group.is_empty() && !entry.user.is_empty();
    samples.add(&Observed {
        special: if is_by_user && shown.is_none() { Special::Yes } else { special(entry) },
        model: entry.model,
        group: shown.as_deref().unwrap_or_else(|| group_of(entry)),
        user: entry.user,
        time: entry.time,
        charged: &rated.charged,
        terms,
        printed,
    });
}

/// Whether the price was an expression, even where the log does not say which.
fn is_by_expression(entry: &LogEntry<'_>) -> bool {
    Details::parse("other", entry.details).is_ok_and(|details| details.has("billing_mode"))
}

/// new-api writes the special ratio beside that of the group, or -1.
fn special(entry: &LogEntry<'_>) -> Special {
    let Ok(details) = Details::parse("other", entry.details) else { return Special::Unsaid };
    match details.ratio("user_group_ratio") {
        Ok(Some(ratio)) if ratio != Ratio::from(-1) => Special::Yes,
        _ if !details.has("group_ratio") => Special::Unsaid,
        _ => Special::No,
    }
}

impl Answer {
    fn hear(&mut self, entry: &LogEntry<'_>, verdict: &Verdict, inferred: &Inferred) {
        let Some(judged) = &verdict.charge else { return };
        let is_wrong = verdict.class.is_mismatch();
        if is_wrong && let Some((stretch, time)) = entry.time.and_then(|time| inferred.begins_after(entry.model, time)) {
            return self.earlier.push((entry.model.to_owned(), stretch, time));
        }
        let keys = [(&mut self.by_model, entry.model), (&mut self.by_group, group_of(entry)), (&mut self.by_user, entry.user)];
        for (counts, name) in keys {
            let count = counts.entry(name.to_owned()).or_default();
            count.rows += u64::from(verdict.class != Class::Unrated);
            count.wrong += u64::from(is_wrong);
            count.telling += u64::from(is_wrong && is_telling(entry, judged));
            count.close += u64::from(is_wrong && is_close(judged));
            count.tools += u64::from(has_tools(judged) && judged.charged.0 != 0);
            count.wrong_tools += u64::from(is_wrong && has_tools(judged));
            count.bare += u64::from(entry.details.is_empty());
        }
    }

    /// The rows that come out.
    fn right(&self) -> u64 {
        self.by_model.values().map(|count| count.rows - count.wrong).sum()
    }

    /// The models of which some rows are wrong, but so few that the charges are, and not the prices.
    fn misfits(&self) -> BTreeMap<String, (u64, u64)> {
        let few = self.by_model.iter().filter(|(_, count)| count.wrong > 0 && count.is_price_right());
        few.map(|(model, count)| (model.clone(), (count.wrong, count.rows))).collect()
    }

    /// Leaves out the groups that are mostly wrong, else the users that are mostly wrong, else the models of which too many rows are wrong;
    /// whether anything had to be.
    fn settle(self, inferred: &mut Inferred, notes: &mut Notes) -> bool {
        for (model, stretch, time) in &self.earlier {
            inferred.begin_earlier(model, *stretch, *time);
        }
        let is_given = |group: &str| group == "default" || inferred.is_given(group);
        let groups = mostly_wrong(self.by_group).filter(|group| !is_given(group));
        let users = mostly_wrong(self.by_user).filter(|user| !user.is_empty());
        let models = self.by_model.into_iter().filter(|(_, count)| !count.is_price_right()).map(|(model, _)| model);
        let (unfit, names): (&mut BTreeSet<String>, Vec<String>) = match (groups.collect::<Vec<_>>(), users.collect::<Vec<_>>()) {
            (groups, _) if !groups.is_empty() => (&mut notes.unfit_groups, groups),
            (_, users) if !users.is_empty() => (&mut notes.unfit_users, users),
            _ => (&mut notes.unfit, models.collect()),
        };
        let any = !(self.earlier.is_empty() && names.is_empty());
        unfit.extend(names);
        any
    }
}

/// The price of a tool is not solved for.
fn has_tools(judged: &Judged) -> bool {
    judged.terms.as_ref().is_some_and(|terms| !terms.surcharges.is_empty())
}

/// Whether a price with further digits, or another rounding, would give a wrong charge.
fn is_close(judged: &Judged) -> bool {
    let (off, charged) = (judged.delta().unsigned_abs(), judged.charged.0.unsigned_abs());
    off <= 1 || off * 100 <= charged.into()
}

/// Whether a wrong charge is explained by what a row prints, or is so small that the rules for the least charge decide.
fn is_telling(entry: &LogEntry<'_>, judged: &Judged) -> bool {
    judged.charged.0.abs() <= SMALL || is_by_expression(entry) || judged.causes().is_some_and(|causes| causes.is(Cause::RatioDrift))
}

/// The names of which half the rows are wrong, or more. A single wrong row says nothing of others.
fn mostly_wrong(counts: BTreeMap<String, Count>) -> impl Iterator<Item = String> {
    let is_wrong = |count: &Count| count.wrong > 0 && count.wrong * 2 >= count.rows && (count.wrong > 1 || count.rows == 1);
    counts.into_iter().filter(move |(_, count)| is_wrong(count)).map(|(name, _)| name)
}

impl Rater {
    /// The charge of a row that counts, and whose arithmetic holds.
    fn rate(&mut self, entry: &LogEntry<'_>, context: &Context<'_>) -> Option<(Rated, Profile)> {
        let details = Details::parse("other", entry.details).ok()?;
        if profile::is_veloera_row(entry, &details) {
            self.memory.remember_veloera(entry.place.input);
        }
        let profile = self.profile_of(entry, &details, context);
        let rating = profile::rate(profile, entry, &details, context, &mut self.memory).ok()?;
        let Rating::Charge(rated) = rating else { return None };
        self.is_marked = self.is_marked || !profile::is_undecided(entry, &details, profile);
        (self.filter.admits(entry) && !self.repeats.is_repeated(entry)).then_some((*rated, profile))
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
