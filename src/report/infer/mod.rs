//! What `quota infer` writes: the ratios that were found, as quota's own TOML, with the rows that each rests on and what they leave open.

mod channels;
mod json;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

pub use self::channels::{ChannelNotes, EVERY_CHANNEL};
pub use self::json::write_json;

use crate::audit::{Cell, Inferred, Interval, ModelFit, Said, Solved, SolvedRate, Stretch};
use crate::exact::{Exact, Ratio};
use crate::pricing::Class;
use crate::report::text::{grouped, printable, toml_text};

/// What is said beside the numbers.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    /// Rows that were looked at, and rows of kinds that are not.
    pub rows: u64,
    pub left_out: u64,
    pub quota_per_unit: Ratio,
    /// The gateway that was named: its formula is needed to price by what was found.
    pub profile: Option<&'static str>,
    /// Nobody named it: its formula gives more rows than that of new-api.
    pub is_profile_found: bool,
    /// The group ratios are those of a config.
    pub is_gauge_given: bool,
    /// All models that were charged.
    pub models: BTreeSet<String>,
    /// Models, groups and users whose rows the numbers do not all give.
    pub unfit: BTreeSet<String>,
    pub unfit_groups: BTreeSet<String>,
    pub unfit_users: BTreeSet<String>,
    /// The channels that prices go by, where they do, with the models that have a price of their own there.
    pub channels: BTreeMap<String, ChannelNotes>,
    /// Rows that do not come out, of all, by model and stretch of its prices: so few that the charges are wrong, and not the prices.
    pub misfits: BTreeMap<(String, usize), Misfit>,
    /// The seconds of models in which rows do not come out, and nothing tells a wrong charge from another price.
    pub doubts: BTreeMap<String, Doubts>,
    /// The first row that does not come out of each model that is left out.
    pub first_wrong: BTreeMap<String, String>,
}

/// Rows that do not come out.
#[derive(Clone, Debug, Default)]
pub struct Misfit {
    pub wrong: u64,
    pub rows: u64,
    /// Where the first of them stands in the log.
    pub first: String,
}

/// Rows of one second that do not come out.
#[derive(Clone, Debug, Default)]
pub struct Doubt {
    pub rows: u64,
    pub first: String,
}

/// By their second.
pub type Doubts = BTreeMap<i64, Doubt>;

/// The options that hold the rates of classes. A map that is written replaces the gateway's own whole.
const RATES: [(&str, &[Class]); 6] = [
    ("completion_ratio", &[Class::Output]),
    ("cache_ratio", &[Class::Cached, Class::CacheRead]),
    ("create_cache_ratio", &[Class::CacheWrite, Class::CacheWrite5m]),
    ("image_ratio", &[Class::ImageInput]),
    ("audio_ratio", &[Class::AudioInput]),
    ("audio_completion_ratio", &[Class::AudioOutput]),
];

/// A number or a table of the config, with what is said of it.
struct Line {
    key: String,
    value: String,
    comment: String,
}

type Lines = Vec<Line>;

/// Writes the config.
pub fn write_toml(inferred: &Inferred, notes: &Notes, out: &mut dyn Write) -> io::Result<()> {
    let mut toml = Vec::new();
    write_all(inferred, notes, &mut toml)?;
    out.write_all(toml_text(&String::from_utf8_lossy(&toml)).as_bytes())
}

fn write_all(inferred: &Inferred, notes: &Notes, out: &mut dyn Write) -> io::Result<()> {
    write_head(inferred, notes, out)?;
    write_table("group_ratio", &groups(inferred, notes), out)?;
    write_special(inferred, notes, out)?;
    let whole = |stretches: &Vec<Stretch>| stretches.first().filter(|_| stretches.len() == 1).map(|stretch| stretch.fit.clone());
    let fits: BTreeMap<&String, ModelFit> =
        inferred.models.iter().filter_map(|(model, stretches)| Some((model, whole(stretches)?))).collect();
    write_prices("", &fits.iter().map(|(model, fit)| (model.as_str(), fit)).collect::<Vec<_>>(), 0, notes, out)?;
    let is_whole = |model: &&String| !channels::are_by_themselves(model, notes);
    let unknown = notes.models.iter().filter(is_whole).filter_map(|model| unknown(inferred, model, notes)).collect();
    write_unless_empty("model", &unknown, out)?;
    let groups = notes.unfit_groups.iter().map(|group| unknown_line(group, "no one ratio gives all its rows".to_owned()));
    write_unless_empty("group", &groups.collect(), out)?;
    channels::write(&fits, notes, out)?;
    write_group_periods(inferred, notes, out)?;
    write_periods(inferred, notes, out)?;
    write_doubts(notes, out)
}

fn write_head(inferred: &Inferred, notes: &Notes, out: &mut dyn Write) -> io::Result<()> {
    let were = if notes.rows == 1 { "was" } else { "were" };
    writeln!(out, "# The ratios that {} {were} really charged with, by `quota infer`.", rows(notes.rows))?;
    if notes.left_out > 0 {
        let kinds = "what they are charged for is not known, or follows from an expression";
        writeln!(out, "# Not used: {} ({kinds}).", rows(notes.left_out))?;
    }
    writeln!(out, "# A charge shows only the product of model and group ratio: {}.", gauge(inferred, notes))?;
    writeln!(out, "# A number stands where what its rows leave is narrow: 1/1000 of the unit of its last digit for one row,")?;
    writeln!(out, "# 1/20 for two to nine, 1/3 for ten and more; behind it the rows, and what they leave. It is `open` where")?;
    writeln!(out, "# that is wider than 1/20 (1/5 for up to three digits), or hangs on a number that is open.")?;
    let has_price = inferred.models.values().flatten().any(|stretch| stretch.fit.per_call);
    let as_given = if has_price { "  # taken as given: a log does not show it, and prices of calls are by it" } else { "" };
    writeln!(out, "quota_per_unit = {}{as_given}", notes.quota_per_unit)?;
    let why = if notes.is_profile_found { "  # no row names the gateway; this one's formula gives most of them" } else { "" };
    notes.profile.map_or(Ok(()), |profile| writeln!(out, "profile = \"{profile}\"{why}"))
}

/// By what the ratios are told apart.
fn gauge(inferred: &Inferred, notes: &Notes) -> String {
    let ratios = || inferred.groups.ratios.iter();
    let given = ratios().find(|(_, (_, said))| *said == Said::Given);
    let chosen: Vec<(&Cell, Ratio)> = ratios()
        .filter(|(_, (_, said))| *said == Said::Gauge)
        .filter_map(|(cell, (solved, _))| Some((cell, solved.value?)))
        .collect();
    match (given, chosen.as_slice()) {
        _ if notes.is_gauge_given => "the group ratios of the config are taken as given".to_owned(),
        (Some((cell, _)), _) => format!("the ratio of {} is taken as 1", payer(cell)),
        (None, []) => "the ratios of groups are those that their rows print".to_owned(),
        (None, [(cell, ratio), others @ ..]) => {
            let others =
                if others.is_empty() { String::new() } else { format!(" (and of {} others, by themselves)", others.len()) };
            format!("the ratio of {} is taken as {ratio}{others}, which makes the others short", payer(cell))
        }
    }
}

/// Whose ratio it is, in a comment.
fn payer(cell: &Cell) -> String {
    match &cell.user {
        Some(user) => format!("user `{}`", printable(user)),
        None => format!("`{}`", printable(&cell.group)),
    }
}

fn rows(count: u64) -> String {
    format!("{} row{}", grouped(count.into()), if count == 1 { "" } else { "s" })
}

fn key(name: &str) -> String {
    serde_json::Value::from(name).to_string()
}

fn write_table(name: &str, lines: &Lines, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n[{name}]")?;
    lines.iter().try_for_each(|Line { key, value, comment }| writeln!(out, "{key} = {value}  # {comment}"))
}

fn write_unless_empty(name: &str, lines: &Lines, out: &mut dyn Write) -> io::Result<()> {
    if lines.is_empty() { Ok(()) } else { write_table(name, lines, out) }
}

/// The ends of an interval, to as many digits as its width deserves.
fn ends(interval: &Interval) -> (String, String) {
    let width = interval.high.clone() - interval.low.clone();
    let places = (0..16).find(|places| width.clone() * Ratio::new(1, *places) >= Exact::from(1)).unwrap_or(16) + 1;
    let short = |end: &Exact| end.rounded(places.unsigned_abs().into()).normalized().to_string();
    (short(&interval.low), short(&interval.high))
}

fn left_of(interval: &Interval) -> String {
    let (low, high) = ends(interval);
    format!("{low} to {high}")
}

fn left(solved: &Solved) -> String {
    format!("{}: {}", rows(solved.rows as u64), left_of(&solved.interval))
}

/// The same, and whether the number is open.
fn left_of_model(solved: &Solved) -> String {
    let open = if solved.is_open { ", open" } else { "" };
    format!("{}{open}: {}", rows(solved.rows as u64), left_of(&solved.interval))
}

fn left_of_group(solved: &Solved, said: Said) -> String {
    match said {
        Said::Simplest => format!("open, {}; the simplest number stands here", left(solved)),
        Said::Solved if solved.rows == 0 => "as its rows print it".to_owned(),
        _ => left(solved),
    }
}

/// A ratio that was chosen to be the gauge.
fn taken_as(solved: &Solved) -> String {
    let value = solved.value.unwrap_or_default();
    format!("taken as {value}: it shares no model with a group whose ratio is known")
}

fn left_of_user(solved: &Solved, said: Said) -> String {
    match said {
        Said::Given | Said::Gauge => taken_as(solved),
        Said::Solved | Said::Simplest => left_of_group(solved, said),
    }
}

fn groups(inferred: &Inferred, notes: &Notes) -> Lines {
    // A config that was inferred before holds the users' groups.
    let is_of_user = |group: &str| special(inferred).any(|(cell, user, ..)| cell.group == "default" && special_name(user) == group);
    let plain = inferred.groups.ratios.iter().filter(|(cell, _)| cell.user.is_none() && cell.since.is_none());
    let plain = plain.filter(|(cell, _)| !is_of_user(&cell.group));
    let told = plain.filter_map(|(cell, (solved, said))| group_line(cell, solved, *said, notes));
    // A gateway whose rows name no group finds it by the user.
    let of_users = special(inferred).filter(|(cell, ..)| cell.group == "default").map(|(cell, user, ratio, solved, said)| Line {
        key: key(&special_name(user)),
        value: ratio.to_string(),
        comment: format!("{}, of {}", left_of_user(solved, said), key(&cell.group)),
    });
    told.chain(of_users).collect()
}

fn group_line(cell: &Cell, solved: &Solved, said: Said, notes: &Notes) -> Option<Line> {
    let comment = match said {
        Said::Given if notes.is_gauge_given => "the config's".to_owned(),
        Said::Given => "taken as given".to_owned(),
        Said::Solved | Said::Simplest => left_of_group(solved, said),
        Said::Gauge => taken_as(solved),
    };
    Some(Line { key: key(&cell.group), value: solved.value?.to_string(), comment })
}

/// The ratios that groups had from a time on, and until when; the ratio before is that of the whole.
fn periods_of_groups(inferred: &Inferred) -> Vec<(&Cell, &(Solved, Said), Option<i64>)> {
    let mut cells: Vec<(&Cell, &(Solved, Said))> = inferred.groups.ratios.iter().filter(|(cell, _)| cell.user.is_none()).collect();
    // A price that changed may look like a group ratio that did, until it is known.
    cells.dedup_by(|(cell, (solved, _)), (before, (known, _))| cell.group == before.group && solved.value == known.value);
    let until =
        |at: usize, cell: &Cell| cells.get(at + 1).filter(|(next, _)| next.group == cell.group).and_then(|(next, _)| next.since);
    let changed = cells.iter().enumerate().filter(|(_, (cell, _))| cell.since.is_some());
    changed.map(|(at, (cell, known))| (*cell, *known, until(at, cell))).collect()
}

/// A table for each time from which on a group had another ratio.
fn write_group_periods(inferred: &Inferred, notes: &Notes, out: &mut dyn Write) -> io::Result<()> {
    for (cell, (solved, said), until) in periods_of_groups(inferred) {
        write_times(cell.since, until, out)?;
        writeln!(
            out,
            "# The ratio of the group changed: all its models cost as much more or less, and in other groups they do not."
        )?;
        write_table("period.group_ratio", &group_line(cell, solved, *said, notes).into_iter().collect(), out)?;
    }
    Ok(())
}

/// Special ratios: cell, user and ratio, and how it is known.
fn special(inferred: &Inferred) -> impl Iterator<Item = (&Cell, &str, Ratio, &Solved, Said)> {
    let ratios = inferred.groups.ratios.iter();
    ratios.filter_map(|(cell, (solved, said))| Some((cell, cell.user.as_deref()?, solved.value?, solved, *said)))
}

fn special_name(user: &str) -> String {
    format!("user {user}")
}

/// Each user with a special ratio gets a group of its own, which has that ratio.
fn write_special(inferred: &Inferred, notes: &Notes, out: &mut dyn Write) -> io::Result<()> {
    let mut users: BTreeMap<&str, Lines> = BTreeMap::new();
    for (cell, user, ratio, solved, said) in special(inferred) {
        let line = Line { key: key(&cell.group), value: ratio.to_string(), comment: left_of_user(solved, said) };
        users.entry(user).or_default().push(line);
    }
    for (user, lines) in &users {
        write_table(&format!("group_group_ratio.{}", key(&special_name(user))), lines, out)?;
    }
    let own = |user: &&str| Line {
        key: key(user),
        value: format!("{{ group = {} }}", key(&special_name(user))),
        comment: "the group that holds its ratios".to_owned(),
    };
    let own = users.keys().filter(|user| !user.is_empty() && !notes.unfit_users.contains(**user)).map(own);
    let unfit = notes.unfit_users.iter().map(|user| unknown_line(user, "no ratios of groups give its rows".to_owned()));
    write_unless_empty("user", &own.chain(unfit).collect(), out)
}

/// The ratios of models that are known, for one stretch of their prices. `within` is the table that they stand in.
fn write_prices(within: &str, fits: &[(&str, &ModelFit)], stretch: usize, notes: &Notes, out: &mut dyn Write) -> io::Result<()> {
    let fits = || fits.iter().filter(|(model, _)| !notes.unfit.contains(*model));
    for per_call in [false, true] {
        let known = fits().filter(|(_, fit)| fit.per_call == per_call).filter_map(|(model, fit)| {
            let value = fit.sure_ratio()?.to_string();
            let comment = fit.ratio.as_ref().map(left_of_model).unwrap_or_default() + &misfit(model, stretch, notes);
            Some(Line { key: key(model), value, comment })
        });
        write_map(within, if per_call { "model_price" } else { "model_ratio" }, &known.collect(), out)?;
    }
    for (name, classes) in RATES.into_iter().filter(|(name, _)| notes.channels.is_empty() || *name == "completion_ratio") {
        let known: Vec<(&str, &SolvedRate)> = fits()
            .filter(|(_, fit)| fit.sure_ratio().is_some())
            .filter_map(|(model, fit)| Some((*model, classes.iter().find_map(|class| fit.rates.get(class))?)))
            .collect();
        // Audio of a model that the map lacks may count as text.
        let is_needed = match name {
            "completion_ratio" | "cache_ratio" | "create_cache_ratio" => true,
            "audio_ratio" => !known.is_empty(),
            _ => known.iter().any(|(_, rate)| !rate.is_built_in),
        };
        if is_needed {
            write_map(within, name, &known.into_iter().map(|(model, rate)| rate_line(model, rate)).collect(), out)?;
        }
    }
    Ok(())
}

/// What is said of the rows that an audit will flag, and of those that it cannot rate.
fn misfit(model: &str, stretch: usize, notes: &Notes) -> String {
    if notes.unfit.contains(model) {
        return String::new();
    }
    let told = notes.misfits.get(&(model.to_owned(), stretch)).map(|Misfit { wrong, rows: all, first }| {
        let place = if *wrong == 1 { first.clone() } else { format!("the first is {first}") };
        format!("; {} of {} {} not fit: {}", rows(*wrong), grouped((*all).into()), do_or_does(*wrong), printable(&place))
    });
    let left: u64 = doubts(model, notes).filter(|_| stretch == 0).map(|(_, doubt)| doubt.rows).sum();
    let first = doubts(model, notes).next().map(|(_, doubt)| doubt.first.as_str()).filter(|_| left > 0);
    let left = first.map(|first| {
        format!("; {} {} not fit, and the price is unknown in their seconds: {}", rows(left), do_or_does(left), printable(first))
    });
    told.into_iter().chain(left).collect()
}

fn do_or_does(rows: u64) -> &'static str {
    if rows == 1 { "does" } else { "do" }
}

/// The seconds in which nobody knows the price of a model that is known else.
fn doubts<'n>(model: &str, notes: &'n Notes) -> impl Iterator<Item = (i64, &'n Doubt)> {
    let told = notes.doubts.get(model).filter(|_| !notes.unfit.contains(model));
    told.into_iter().flatten().map(|(second, doubt)| (*second, doubt))
}

fn doubt_text(doubt: &Doubt) -> String {
    let other = if doubt.rows == 1 { "" } else { "from " };
    format!("{} {} not fit, {other}{}: a wrong charge, or another price", rows(doubt.rows), do_or_does(doubt.rows), doubt.first)
}

/// A table for each second in which nobody knows the price of a model.
fn write_doubts(notes: &Notes, out: &mut dyn Write) -> io::Result<()> {
    for model in notes.doubts.keys() {
        for (second, doubt) in doubts(model, notes) {
            write_times(Some(second), Some(second + 1), out)?;
            write_table("period.model", &vec![unknown_line(model, printable(&doubt_text(doubt)))], out)?;
        }
    }
    Ok(())
}

/// The maps of the whole log are given even where they hold nothing, so that none is the gateway's own.
fn write_map(within: &str, name: &str, lines: &Lines, out: &mut dyn Write) -> io::Result<()> {
    if within.is_empty() { write_table(name, lines, out) } else { write_unless_empty(&format!("{within}.{name}"), lines, out) }
}

fn rate_line(model: &str, rate: &SolvedRate) -> Line {
    Line { key: key(model), value: rate.value.to_string(), comment: left_of_rate(rate) }
}

fn left_of_rate(rate: &SolvedRate) -> String {
    let own = if rate.is_built_in { ", the gateway's own" } else { "" };
    let open = if rate.is_open() { ", open" } else { "" };
    let left = rate.interval.as_ref().map_or_else(String::new, |interval| format!(": {}", left_of(interval)));
    format!("{}{open}{left}{own}", rows(rate.rows as u64))
}

fn unknown_line(name: &str, why: String) -> Line {
    Line { key: key(name), value: "{ unknown = true }".to_owned(), comment: why }
}

/// The line of a model that has no number: without it the gateway's own price would be taken where there is one.
fn unknown(inferred: &Inferred, model: &str, notes: &Notes) -> Option<Line> {
    unknown_why(inferred, model, notes).map(|why| unknown_line(model, why))
}

fn unknown_why(inferred: &Inferred, model: &str, notes: &Notes) -> Option<String> {
    match inferred.models.get(model).map(Vec::as_slice) {
        None => Some("its rows say nothing of ratios".to_owned()),
        Some([Stretch { fit, .. }]) => why_open(model, fit, notes),
        Some(_) if notes.unfit.contains(model) => Some("no prices of a few times give all rows".to_owned()),
        Some(_) => None,
    }
}

fn why_open(model: &str, fit: &ModelFit, notes: &Notes) -> Option<String> {
    let (fitting, all) = (fit.fitting() as u64, fit.rows as u64);
    if notes.unfit.contains(model) {
        let best = fit.ratio.as_ref().and_then(|ratio| ratio.value);
        if fitting == all {
            let told = best.map_or(String::new(), |best| format!(" on {best}"));
            let first = notes.first_wrong.get(model).map_or(String::new(), |first| format!(": not {}", printable(first)));
            return Some(format!("{} agree{told}, but an audit by it does not give all{first}", rows(all)));
        }
        let told = best.map_or(String::new(), |best| format!(", {best} most of them"));
        let first = notes
            .first_wrong
            .get(model)
            .map_or(String::new(), |first| format!("; {} is the first that does not", printable(first)));
        return Some(format!("no one price gives all of {} ({} agree{told}{first})", rows(all), grouped(fitting.into())));
    }
    if fit.sure_ratio().is_some() {
        return None;
    }
    Some(match &fit.ratio {
        Some(solved) if solved.value.is_none() => format!("open, {}{}{}", left(solved), taken(fit), contradiction(fit, notes)),
        Some(solved) if fit.rates.values().any(|rate| rate.has_rivals) => {
            format!("{}{}, with a rate beside which others fit as well", left(solved), taken(fit))
        }
        Some(solved) => format!("{}{}, with a rate that too few rows show", left(solved), taken(fit)),
        None => format!("open: its groups are free, or tied to none whose ratio is known ({})", rows(all)),
    })
}

/// That given group ratios do not go together.
fn contradiction(fit: &ModelFit, notes: &Notes) -> String {
    let rows_of = || if fit.disagreeing == 1 { "1 row shows".to_owned() } else { format!("{} rows show", fit.disagreeing) };
    let is_told = fit.disagreeing > 0 && notes.is_gauge_given;
    if is_told { format!("; {} another: the group ratios of the config contradict each other", rows_of()) } else { String::new() }
}

/// The rates on which what is left of an open ratio hangs, where no row prints them.
fn taken(fit: &ModelFit) -> String {
    let rates = fit.rates.iter().filter(|(_, rate)| !rate.is_printed);
    let words: Vec<String> = rates.map(|(class, rate)| format!("{} {}", class.rate_word(), rate.value)).collect();
    if words.is_empty() { String::new() } else { format!(" at {}", words.join(", ")) }
}

/// A table for each time that a model had a price of its own, and for the seconds in which it changed.
fn write_periods(inferred: &Inferred, notes: &Notes, out: &mut dyn Write) -> io::Result<()> {
    for (model, stretches) in inferred.models.iter().filter(|(model, _)| !notes.unfit.contains(*model)) {
        let untils = stretches.iter().skip(1).map(|next| next.from).chain([None]);
        for ((at, stretch), until) in stretches.iter().enumerate().zip(untils).filter(|_| stretches.len() > 1) {
            if let Some(second) = stretch.mixed() {
                write_times(stretch.from, Some(second + 1), out)?;
                let why = "the prices changed within this second".to_owned();
                write_table("period.model", &vec![unknown_line(model, why)], out)?;
            }
            write_period(model, (at, stretch), until, notes, out)?;
        }
    }
    Ok(())
}

fn write_times(from: Option<i64>, until: Option<i64>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n[[period]]")?;
    for (word, time) in [("from", from), ("until", until)] {
        if let Some(time) = time.and_then(moment) {
            writeln!(out, "{word} = {time}")?;
        }
    }
    Ok(())
}

fn moment(seconds: i64) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_second(seconds).ok()
}

fn write_period(
    model: &str,
    (at, stretch): (usize, &Stretch),
    until: Option<i64>,
    notes: &Notes,
    out: &mut dyn Write,
) -> io::Result<()> {
    let from = stretch.begins();
    if until.is_some_and(|until| from >= Some(until)) {
        return Ok(());
    }
    write_times(from, until, out)?;
    if let Some(after) = stretch.after.and_then(moment) {
        writeln!(out, "# The last row of {} with other prices is of {after}.", printable(&key(model)))?;
    }
    write_prices("period", &[(model, &stretch.fit)], at, notes, out)?;
    channels::write_period(model, &stretch.fit, notes, out)?;
    let unknown = why_open(model, &stretch.fit, notes).map(|why| unknown_line(model, why));
    write_unless_empty("period.model", &unknown.into_iter().collect(), out)
}

/// What is told on standard error where numbers had to be left out.
pub fn unfit_text(notes: &Notes) -> Option<String> {
    let kinds = [
        (&notes.unfit, "no one price gives all their rows"),
        (&notes.unfit_groups, "no one ratio gives all rows of the group"),
        (&notes.unfit_users, "no ratios of groups give the rows of the user"),
    ];
    let told = kinds.into_iter().filter(|(names, _)| !names.is_empty()).map(|(names, why)| {
        let names: Vec<String> = names.iter().map(|name| format!("`{}`", printable(name))).collect();
        format!("note: left out, since {why}: {}", names.join(", "))
    });
    let lines: Vec<String> = told.collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}
