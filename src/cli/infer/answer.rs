//! What a log says to a config that was inferred from it: which rows do not come out, and whether the charge or the price is to blame.
//!
//! A row that does not come out is a wrong charge only where nothing else may explain it. Honest logs have rows of which they do not say what
//! else was charged, users whose ratio differs, prices that changed: a price is kept beside a wrong row only if the row's user, group and
//! tokens are those of right rows, earlier and later ones.

use std::collections::{BTreeMap, BTreeSet};

use super::{cell_of, channel_of};
use crate::audit::{Cause, Class, Inferred, Judged, Verdict};
use crate::details::Details;
use crate::log::LogEntry;
use crate::pricing::{self, Mode};
use crate::report::infer::{Doubt, Doubts, Misfit, Notes};

/// User and group.
type Payer = (String, String);

/// What the log says to a config that was inferred from it.
#[derive(Debug, Default)]
pub(super) struct Answer {
    by_model: BTreeMap<String, Rows>,
    /// The rows of models whose price goes by channel, by channel and model.
    by_channel: BTreeMap<(String, String), Rows>,
    by_payer: BTreeMap<Payer, Count>,
    /// When rows of a user in a group came out.
    right: BTreeMap<Payer, Times>,
    /// Rows that show the prices of a stretch before its first sample: model, number of the stretch, time.
    earlier: Vec<(String, usize, i64)>,
    /// Rows heard so far.
    heard: i64,
}

/// Rows that do not come out, of all.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    rows: u64,
    wrong: u64,
}

/// The rows of a model.
#[derive(Debug, Default)]
struct Rows {
    count: Count,
    /// The same by the stretches of its prices.
    by_stretch: BTreeMap<usize, Count>,
    /// When right rows were charged.
    right: Times,
    /// The same by the classes of tokens that they have.
    classes: BTreeMap<pricing::Class, Times>,
    /// The first rows that do not come out.
    wrong: Vec<Wrong>,
}

/// A row that does not come out.
#[derive(Debug)]
struct Wrong {
    at: i64,
    time: Option<i64>,
    /// Where it stands in the log.
    place: String,
    stretch: usize,
    payer: Payer,
    classes: Vec<pricing::Class>,
    /// Charges of so many points show a price that is off as this row is.
    shown_by: u64,
    /// It says something of the price: it is not the charge that is wrong.
    is_telling: bool,
}

/// The first and the last time of some rows, by the powers of two in their points; their number in the log where they have no time. Charges of
/// nothing are none of them: any price gives these.
#[derive(Clone, Debug, Default)]
struct Times(BTreeMap<u32, (i64, i64)>);

/// Charges up to this are mostly the minimum, or a few tokens.
const SMALL: i64 = 10;
/// A user's ratio is not right where its rows alone are wrong, of so many models, and one in so many of its rows.
const ALONE: (usize, u64) = (3, 4);
/// Of so many rows of a model one may be wrong.
const ROWS_A_WRONG_ONE: u64 = 20;
/// What most rows of a model share is its price where no more than one of so many does not come out, and at least so many do.
const ROWS_A_DOUBTFUL_ONE: u64 = 5;
const LEAST_RIGHT: u64 = 3;
/// For so many seconds a model may be unknown.
const MOST_DOUBTS: usize = 64;
/// So many wrong rows of a model are looked at; where there are more, its price is not right.
const MOST_WRONG: usize = 1_000;

impl Times {
    fn add(&mut self, at: i64, points: u64) {
        let Some(power) = points.checked_ilog2() else { return };
        let (first, last) = self.0.entry(power).or_insert((at, at));
        (*first, *last) = (at.min(*first), at.max(*last));
    }

    /// Whether there were some before and after a row that show what it shows.
    fn surround(&self, wrong: &Wrong) -> bool {
        let telling = || self.0.range(wrong.shown_by.next_power_of_two().ilog2()..).map(|(_, times)| times);
        telling().any(|(first, _)| *first < wrong.at) && telling().any(|(_, last)| wrong.at < *last)
    }
}

impl Count {
    fn add(&mut self, verdict: &Verdict) {
        self.rows += u64::from(verdict.class != Class::Unrated);
        self.wrong += u64::from(verdict.class.is_mismatch());
    }

    /// Whether half the rows are wrong, or more. A single wrong row says nothing of others.
    fn is_mostly_wrong(self) -> bool {
        self.wrong > 0 && self.wrong * 2 >= self.rows && (self.wrong > 1 || self.rows == 1)
    }
}

impl Rows {
    /// Whether the charges are wrong that do not come out, and not the price.
    fn is_price_right(&self, right: &BTreeMap<Payer, Times>) -> bool {
        self.are_few_wrong() && self.wrong.iter().all(|wrong| self.is_charge(wrong, right))
    }

    fn are_few_wrong(&self) -> bool {
        self.count.wrong <= self.count.rows / ROWS_A_WRONG_ONE && self.wrong.len() as u64 == self.count.wrong
    }

    /// Whether nothing but a wrong charge explains a row.
    fn is_charge(&self, wrong: &Wrong, right: &BTreeMap<Payer, Times>) -> bool {
        let is_payer_known = right.get(&wrong.payer).is_some_and(|times| times.surround(wrong));
        let are_tokens_known = wrong.classes.iter().all(|class| self.classes.get(class).is_some_and(|times| times.surround(wrong)));
        !wrong.is_telling && is_payer_known && are_tokens_known && self.right.surround(wrong)
    }

    /// The seconds in which nobody knows the price, where nearly all other rows show it; none where that is not so. `known` are those
    /// that were found before.
    fn doubts(&self, right: &BTreeMap<Payer, Times>, known: &Doubts) -> Option<Doubts> {
        let before: u64 = known.values().map(|doubt| doubt.rows).sum();
        let (rows, wrong) = (self.count.rows + before, self.count.wrong + before);
        let is_shared = wrong * ROWS_A_DOUBTFUL_ONE <= rows && rows - wrong >= LEAST_RIGHT;
        let are_all_seen = self.wrong.len() as u64 == self.count.wrong;
        let are_few = self.are_few_wrong();
        let mut doubts = known.clone();
        for wrong in self.wrong.iter().filter(|wrong| !(are_few && self.is_charge(wrong, right))) {
            let doubt = doubts.entry(wrong.time?).or_insert_with(|| Doubt { rows: 0, first: wrong.place.clone() });
            doubt.rows += 1;
        }
        (is_shared && are_all_seen && doubts.len() <= MOST_DOUBTS).then_some(doubts)
    }
}

impl Answer {
    pub fn hear(&mut self, entry: &LogEntry<'_>, verdict: &Verdict, inferred: &Inferred, notes: &Notes) {
        let Some(judged) = &verdict.charge else { return };
        let is_wrong = verdict.class.is_mismatch();
        if is_wrong && let Some((stretch, time)) = entry.time.and_then(|time| inferred.begins_after(entry.model, time)) {
            return self.earlier.push((entry.model.to_owned(), stretch, time));
        }
        self.heard += 1;
        let at = entry.time.unwrap_or(self.heard);
        let stretch = inferred.stretch_at(entry.model, entry.time);
        let payer = (entry.user.to_owned(), cell_of(entry, verdict.profile).into_owned());
        self.by_payer.entry(payer.clone()).or_default().add(verdict);
        let rows = match notes.channels.get(channel_of(entry)) {
            Some(channel) if channel.models.contains(entry.model) => {
                self.by_channel.entry((channel_of(entry).to_owned(), entry.model.to_owned())).or_default()
            }
            _ => self.by_model.entry(entry.model.to_owned()).or_default(),
        };
        rows.count.add(verdict);
        rows.by_stretch.entry(stretch).or_default().add(verdict);
        if is_wrong && rows.wrong.len() < MOST_WRONG {
            rows.wrong.push(Wrong { stretch, ..Wrong::of(entry, judged, at, payer.clone()) });
        }
        if verdict.class == Class::Matched {
            let points = judged.charged.0.unsigned_abs();
            rows.right.add(at, points);
            classes(judged).for_each(|class| rows.classes.entry(class).or_default().add(at, points));
            self.right.entry(payer).or_default().add(at, points);
        }
    }

    /// The rows that come out.
    pub fn right(&self) -> u64 {
        self.by_model.values().chain(self.by_channel.values()).map(|rows| rows.count.rows - rows.count.wrong).sum()
    }

    /// The models of which some charges are wrong, and not the price, by the stretches of their prices.
    pub fn misfits(&self) -> BTreeMap<(String, usize), Misfit> {
        let few = self.by_model.iter().filter(|(_, rows)| rows.count.wrong > 0 && rows.is_price_right(&self.right));
        let misfit = |rows: &Rows, stretch: usize, count: Count| {
            let first = rows.wrong.iter().find(|wrong| wrong.stretch == stretch)?.place.clone();
            Some(Misfit { wrong: count.wrong, rows: count.rows, first })
        };
        few.flat_map(|(model, rows)| {
            let by_stretch = rows.by_stretch.iter();
            by_stretch.filter_map(move |(stretch, count)| Some(((model.clone(), *stretch), misfit(rows, *stretch, *count)?)))
        })
        .collect()
    }

    /// Leaves out the groups that are mostly wrong, else the users that are mostly wrong, else the models whose price is not right, or the
    /// seconds of theirs that nobody knows; whether anything had to be.
    pub fn settle(self, inferred: &mut Inferred, notes: &mut Notes) -> bool {
        for (model, stretch, time) in &self.earlier {
            inferred.begin_earlier(model, *stretch, *time);
        }
        // Where prices go by channel, it is the price there that differs.
        let is_by_channel = !notes.channels.is_empty();
        let is_given = |group: &str| group == "default" || inferred.is_given(group);
        let groups = self.wrong_groups().filter(|group| !(is_by_channel || is_given(group)));
        let users: BTreeSet<String> = self.wrong_users().into_iter().chain(self.wrong_alone(inferred)).collect();
        let users = users.into_iter().filter(|user| !(is_by_channel || user.is_empty()));
        let models = self.by_model.iter().filter(|(_, rows)| !rows.is_price_right(&self.right)).map(|(model, _)| model.clone());
        let mut is_doubtful = false;
        let (unfit, names): (&mut BTreeSet<String>, Vec<String>) = match (groups.collect::<Vec<_>>(), users.collect::<Vec<_>>()) {
            (groups, _) if !groups.is_empty() => (&mut notes.unfit_groups, groups),
            (_, users) if !users.is_empty() => (&mut notes.unfit_users, users),
            _ => {
                let unfit;
                (unfit, is_doubtful) = self.doubt(models.collect(), is_by_channel, notes);
                (&mut notes.unfit, unfit)
            }
        };
        let is_last = names.is_empty() && !is_doubtful;
        unfit.extend(names);
        let in_channels = self.by_channel.iter().filter(|(_, rows)| is_last && rows.count.wrong > 0).map(|(key, _)| key);
        let any = in_channels.fold(false, |_, (channel, model)| {
            notes.channels.entry(channel.clone()).or_default().unfit.insert(model.clone());
            true
        });
        any || !is_last || !self.earlier.is_empty()
    }
}

impl Answer {
    /// Notes the seconds in which the prices of models are not known; the models of which that says too little, and whether there were others.
    fn doubt(&self, models: Vec<String>, is_by_channel: bool, notes: &mut Notes) -> (Vec<String>, bool) {
        let (mut unfit, mut is_any) = (Vec::new(), false);
        for model in models {
            let Some(rows) = self.by_model.get(&model) else { continue };
            let known = notes.doubts.get(&model).cloned().unwrap_or_default();
            if let Some(doubts) = rows.doubts(&self.right, &known).filter(|_| !is_by_channel) {
                notes.doubts.insert(model, doubts);
                is_any = true;
            } else {
                notes.first_wrong.extend(rows.wrong.first().map(|wrong| (model.clone(), wrong.place.clone())));
                unfit.push(model);
            }
        }
        (unfit, is_any)
    }

    /// The rows of all payers that count, by what they have in common.
    fn count_by(&self, key: fn(&Payer) -> &String, counts: impl Fn(&Payer) -> bool) -> BTreeMap<&str, Count> {
        let mut by_key: BTreeMap<&str, Count> = BTreeMap::new();
        for (payer, count) in self.by_payer.iter().filter(|(payer, _)| counts(payer)) {
            let all = by_key.entry(key(payer)).or_default();
            (all.rows, all.wrong) = (all.rows + count.rows, all.wrong + count.wrong);
        }
        by_key
    }

    /// The users of whose rows half are wrong, or more.
    fn wrong_users(&self) -> BTreeSet<String> {
        mostly_wrong(&self.count_by(|(user, _)| user, |_| true)).collect()
    }

    /// The same of groups; a user whose rows are wrong says nothing of a group that others have rows in.
    fn wrong_groups(&self) -> impl Iterator<Item = String> {
        let users = self.wrong_users();
        let mut counts = self.count_by(|(_, group)| group, |_| true);
        let of_others = self.count_by(|(_, group)| group, |(user, _)| !users.contains(user));
        counts.extend(of_others.into_iter().filter(|(_, count)| count.rows > 0));
        mostly_wrong(&counts).collect::<Vec<_>>().into_iter()
    }

    /// The users with ratios of their own whose rows alone are wrong, of several models: it is the ratio that is not right.
    fn wrong_alone(&self, inferred: &Inferred) -> Vec<String> {
        let own: BTreeSet<&str> = inferred.groups.ratios.keys().filter_map(|cell| cell.user.as_deref()).collect();
        let mut models: BTreeMap<&str, usize> = BTreeMap::new();
        for rows in self.by_model.values() {
            let users: BTreeSet<&str> = rows.wrong.iter().map(|wrong| wrong.payer.0.as_str()).collect();
            users.first().filter(|_| users.len() == 1).into_iter().for_each(|user| *models.entry(user).or_default() += 1);
        }
        let counts = self.count_by(|(user, _)| user, |_| true);
        let is_part = |user: &str| counts.get(user).is_some_and(|count| count.wrong * ALONE.1 >= count.rows);
        let is_unfit = |(user, models): &(&str, usize)| *models >= ALONE.0 && own.contains(user) && is_part(user);
        models.into_iter().filter(is_unfit).map(|(user, _)| user.to_owned()).collect()
    }
}

impl Wrong {
    fn of(entry: &LogEntry<'_>, judged: &Judged, at: i64, payer: Payer) -> Wrong {
        let expected = judged.expected.as_ref().map_or(0, |expected| expected.points.0.unsigned_abs());
        let off = u64::try_from(judged.delta().unsigned_abs()).unwrap_or(u64::MAX);
        let shown_by = expected.div_ceil(off.max(1)).max(1);
        let place = if entry.id.is_empty() { format!("line {}", entry.place.line) } else { format!("id {}", entry.id) };
        Wrong {
            at,
            time: entry.time,
            place,
            stretch: 0,
            payer,
            classes: classes(judged).collect(),
            shown_by,
            is_telling: is_telling(entry, judged),
        }
    }
}

/// The classes of tokens that a row has.
fn classes(judged: &Judged) -> impl Iterator<Item = pricing::Class> + '_ {
    let usage = judged.terms.iter().flat_map(|terms| terms.usage.iter());
    usage.filter(|(_, tokens)| *tokens != 0).map(|(class, _)| class)
}

/// Whether something else than a wrong charge may explain a row: what it prints, the rules for the least charge, further digits of the price,
/// another rounding, a tool whose price is not solved for, and calls whose number and size are seldom logged.
fn is_telling(entry: &LogEntry<'_>, judged: &Judged) -> bool {
    let is_small = judged.charged.0.abs() <= SMALL;
    let is_drift = judged.causes().is_some_and(|causes| causes.is(Cause::RatioDrift));
    let has_more = judged.terms.as_ref().is_some_and(|terms| !terms.surcharges.is_empty() || terms.formula.mode() == Mode::Call);
    is_small || is_drift || has_more || is_close(judged) || is_by_expression(entry)
}

/// Whether a price with further digits, or another rounding, would give a wrong charge.
fn is_close(judged: &Judged) -> bool {
    let (off, charged) = (judged.delta().unsigned_abs(), judged.charged.0.unsigned_abs());
    off <= 1 || off * 100 <= charged.into()
}

/// Whether the price was an expression, even where the log does not say which.
fn is_by_expression(entry: &LogEntry<'_>) -> bool {
    Details::parse("other", entry.details).is_ok_and(|details| details.has("billing_mode"))
}

/// The names of which half the rows are wrong, or more.
fn mostly_wrong(counts: &BTreeMap<&str, Count>) -> impl Iterator<Item = String> {
    counts.iter().filter(|(_, count)| count.is_mostly_wrong()).map(|(name, _)| (*name).to_owned())
}
