//! From a log entry to a verdict, and from verdicts to a summary.
//!
//! The law: every row that was read is in exactly one [`Class`], and
//! `rows = matched + overcharged + undercharged + unrated + skipped + malformed`.

mod balances;
mod cause;
mod compare;
mod diagnose;
mod drift;
mod filter;
mod finding;
mod infer;
mod lookup;
mod pairs;
mod policy;
mod prints;
mod recent;
mod redact;
mod repeats;
mod summary;
mod totals;
mod watch;
mod wire;

pub use balances::{Balances, Imbalance, Opening};
pub use cause::{Cause, Causes, Kind as CauseKind};
pub use compare::{Amount, Compared, Comparison, Target, groups};
pub use diagnose::{Case, ClassCauses, Diagnosis, Explanation, Look, diagnose};
pub use diagnose::{CauseSet, ClassKey, CompiledCauses, OfRow, Told};
pub use drift::{Difference, differences};
pub use filter::{Filter, told_group};
pub use finding::{Figures, Finding, Ranked, ToldCause};
pub use infer::{Cell, Inferred, Interval, ModelFit, Observed, Said, Samples, Solved, SolvedRate, Special, Stretch, most_wrong};
pub use policy::{Level, Policies, Policy};
pub use prints::{Print, PrintSum, Quotes, RequestKey};
pub use recent::Hint;
pub use redact::{Hides, Names, Redaction};
pub use repeats::Repeats;
pub use summary::{DriftKey, Plain, PlainWrong, QuirkKey, Summary};
pub use totals::{By, CaseTally, Cases, Span, Tally, Totals};
pub use watch::{Watch, is_held};

use std::borrow::Cow;

use lookup::{Known, Lookup};
use serde::{Deserialize, Serialize};

use crate::config::{Found, MapName};
use crate::details::Details;
use crate::exact::{Charged, Points, Ratio};
use crate::log::{Field, Kind, LogEntry, RowError};
use crate::pricing::{Adjustment, Charge, Judgement, Reason, Standing, Terms, judge, price};
use crate::profile::{self, Basis, Context, Departure, Memory, Profile, Quirk, Rated, Rating, Shape, Skip};

/// A word of reports: one of our own, or one that was read from a part of an audit.
pub type Word = Cow<'static, str>;

/// The class of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    Matched,
    Overcharged,
    Undercharged,
    Unrated,
    Skipped,
    Malformed,
}

impl Class {
    pub fn word(self) -> &'static str {
        match self {
            Class::Matched => "matched",
            Class::Overcharged => "overcharged",
            Class::Undercharged => "undercharged",
            Class::Unrated => "unrated",
            Class::Skipped => "skipped",
            Class::Malformed => "malformed",
        }
    }

    pub fn is_mismatch(self) -> bool {
        matches!(self, Class::Overcharged | Class::Undercharged)
    }
}

/// What was found out about a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    pub class: Class,
    pub profile: Option<Profile>,
    pub charge: Option<Box<Judged>>,
    pub skip: Option<Skip>,
    /// The departure that a skipped row shows.
    pub noted: Option<(Quirk, i128)>,
    pub error: Option<RowError>,
}

/// A charge that was judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    pub charged: Points,
    /// The charge as it is written.
    pub written: Charged,
    /// What the charge should follow from; none where nobody can say.
    pub terms: Option<Terms>,
    pub expected: Option<Charge>,
    /// What had to be presumed, or why the charge cannot be known.
    pub reason: Option<Reason>,
    pub bounds: Option<(Points, Points)>,
    /// Why the charge is wrong.
    pub diagnosis: Option<Diagnosis>,
    /// Ratios of the row that differ from the config's.
    pub drift: Vec<Difference>,
    pub notices: Vec<Policy>,
    /// The quirk that the row shows, with the points charged beyond what the rules give, where that can be known.
    pub quirk: Option<(Quirk, Option<i128>)>,
}

impl Judged {
    /// The causes of the row alone.
    pub fn causes(&self) -> Option<Causes> {
        self.diagnosis.as_ref().map(Diagnosis::cause)
    }

    /// Points charged beyond the expected ones; 0 where those are not known.
    pub fn delta(&self) -> i128 {
        self.expected.as_ref().map_or(0, |expected| i128::from(self.charged.0) - i128::from(expected.points.0))
    }
}

impl Verdict {
    fn skipped(skip: Skip) -> Verdict {
        Verdict { class: Class::Skipped, profile: None, charge: None, skip: Some(skip), noted: None, error: None }
    }

    pub fn malformed(error: RowError) -> Verdict {
        Verdict { class: Class::Malformed, profile: None, charge: None, skip: None, noted: None, error: Some(error) }
    }
}

/// What earlier rows said.
#[derive(Debug, Default)]
pub struct Past {
    pub repeats: Repeats,
    pub memory: Memory,
    /// Prices that were looked up for wrong charges.
    related: Known,
    /// What is seen of groups and requests only over several rows.
    pub watch: Watch,
}

impl Past {
    pub fn new(repeats: Repeats) -> Past {
        Past { repeats, ..Past::default() }
    }

    /// The prices that were looked up, and nothing that rows said: takes them away.
    pub fn take_prices(&mut self) -> Past {
        Past { related: std::mem::take(&mut self.related), ..Past::default() }
    }
}

/// What rows like a matched or wrong one have in common with it: the way of its counts, and its details with what mattered of them.
#[derive(Debug)]
pub struct Lesson<'a> {
    pub shape: Shape,
    /// The rules that the gateway departs from, and those of another reading: a row that they charge otherwise shows a quirk, or what was presumed.
    pub rules: Vec<Terms>,
    /// The causes of wrong rows like it, where they were asked for.
    pub causes: Option<CompiledCauses>,
    pub details: Details<'a>,
    /// It is a user's request: see [`Watch`].
    pub is_request: bool,
}

/// Which causes are to be compiled for rows like one that is judged, if it is wrong. That takes as long as to judge some rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asked {
    #[default]
    Nothing,
    /// The definite causes, and what else may explain such rows where none explains this one.
    Causes,
    /// The same, but only where no definite cause explains this row.
    Others,
}

impl Asked {
    fn is_for(self, causes: CauseSet) -> bool {
        match self {
            Asked::Nothing => false,
            Asked::Causes => true,
            Asked::Others => causes.is_empty(),
        }
    }
}

/// A row that was judged, and what a row like it has in common with it.
#[derive(Debug)]
pub struct Taught<'a> {
    /// Of a row that the filter leaves out: what it would be.
    verdict: Verdict,
    is_left_out: bool,
    lesson: Option<Lesson<'a>>,
}

impl<'a> Taught<'a> {
    /// What is to be learnt of the row. One that is left out says only how rows like it are charged rightly.
    pub fn lesson(&mut self, with_wrong: bool) -> Option<(&Verdict, Lesson<'a>)> {
        let is_taken = self.verdict.class == Class::Matched || with_wrong && !self.is_left_out;
        self.lesson.take().filter(|_| is_taken).map(|lesson| (&self.verdict, lesson))
    }

    pub fn is_wrong(&self) -> bool {
        self.verdict.class.is_mismatch()
    }

    pub fn verdict(self) -> Verdict {
        if self.is_left_out { Verdict::skipped(Skip::Filtered) } else { self.verdict }
    }
}

/// What is to be learnt from a row.
#[derive(Debug, Default)]
struct Wanted<'a> {
    /// Something is to be learnt, of rows that the filter leaves out too.
    learns: bool,
    is_left_out: bool,
    /// The row was counted with others like it, of which nothing is seen over several rows.
    is_counted: bool,
    asked: Asked,
    causes: Option<CompiledCauses>,
    lesson: Option<Lesson<'a>>,
}

/// How rows are judged; the same for a whole run.
#[derive(Clone, Debug, Default)]
pub struct Auditor {
    /// None: each row's marks decide.
    pub profile: Option<Profile>,
    pub tolerance: u64,
    pub filter: Filter,
}

impl Auditor {
    /// Judges one row. `past` holds what earlier rows said.
    pub fn judge(&self, entry: &LogEntry<'_>, context: &Context<'_>, past: &mut Past) -> Verdict {
        self.try_judge(entry, context, past, &mut Wanted::default()).unwrap_or_else(Verdict::malformed)
    }

    /// Judges a row that was counted with others like it.
    pub fn judge_counted(&self, entry: &LogEntry<'_>, context: &Context<'_>, past: &mut Past) -> Verdict {
        let mut wanted = Wanted { is_counted: true, ..Wanted::default() };
        self.try_judge(entry, context, past, &mut wanted).unwrap_or_else(Verdict::malformed)
    }

    /// Judges one row, and tells what a row like it has in common with it; with the causes of wrong ones, where they are asked for.
    pub fn judge_and_learn<'a>(&self, entry: &LogEntry<'a>, context: &Context<'_>, past: &mut Past, asked: Asked) -> Taught<'a> {
        let mut wanted = Wanted { asked, learns: true, ..Wanted::default() };
        let verdict = self.try_judge(entry, context, past, &mut wanted).unwrap_or_else(Verdict::malformed);
        Taught { verdict, is_left_out: wanted.is_left_out, lesson: wanted.lesson }
    }

    fn try_judge<'a>(
        &self,
        entry: &LogEntry<'a>,
        context: &Context<'_>,
        past: &mut Past,
        wanted: &mut Wanted<'a>,
    ) -> Result<Verdict, RowError> {
        let name = if entry.marks.contains(Field::Metadata) { "metadata" } else { "other" };
        let details = Details::parse(name, entry.details)?;
        profile::remember_gateway(entry, &details, &mut past.memory);
        let profile = self.profile.unwrap_or_else(|| profile::of_row(entry, &details, context, &past.memory));
        let mut rated = match profile::rate(profile, entry, &details, context, &mut past.memory)? {
            Rating::Skipped(_) if past.repeats.is_other_repeated(entry) => return Ok(Verdict::skipped(Skip::Repeated)),
            Rating::Skipped(skip) => return Ok(Verdict::skipped(skip)),
            Rating::Noted(skip, quirk, net) => {
                let noted = self.filter.admits(entry, profile).then_some((quirk, net));
                return Ok(Verdict { noted, ..Verdict::skipped(skip) });
            }
            Rating::Charge(rated) => rated,
        };
        wanted.is_left_out = !self.filter.admits(entry, profile);
        if wanted.is_left_out && (!wanted.learns || Watch::looks_at_groups(context)) {
            return Ok(Verdict::skipped(Skip::Filtered));
        }
        if !wanted.is_left_out && past.repeats.is_repeated(entry) {
            return Ok(Verdict::skipped(Skip::Repeated));
        }
        let reading = self.profile.is_none().then(|| profile::second_reading(profile, entry, &details, context)).flatten();
        if let Some(reading) = &reading {
            rated.open_reading(reading);
        }
        let shape = rated.shape.filter(|_| !entry.may_be_channel_test());
        let like = shape.and_then(|shape| Some((shape, rules_beside(&rated.departures, reading)?)));
        let look = Lookup { profile, entry, details: &details, context, known: &past.related };
        let prompt = entry.tokens.all_input().unwrap_or(0);
        if !matches!(profile, Profile::NewApi | Profile::Exact) {
            // Causes are compiled of sums in decimals alone.
            wanted.asked = Asked::Nothing;
        }
        let (class, mut judged) = self.weigh(*rated, context, prompt, (&look, wanted));
        if !wanted.is_counted && !wanted.is_left_out {
            judged.notices = past.watch.see(entry, &details, context, judged.charged);
        }
        judged.notices.extend(notices(entry, context, class, &judged));
        if let Some((shape, rules)) = like.filter(|_| class == Class::Matched || class.is_mismatch()) {
            let is_request = watch::is_request(entry, &details);
            wanted.lesson = Some(Lesson { shape, rules, causes: wanted.causes.take(), details, is_request });
        }
        Ok(Verdict { class, profile: Some(profile), charge: Some(Box::new(judged)), skip: None, noted: None, error: None })
    }

    fn weigh(
        &self,
        rated: Rated,
        context: &Context<'_>,
        prompt: i64,
        (look, wanted): (&dyn Look, &mut Wanted<'_>),
    ) -> (Class, Judged) {
        let Rated { charged, terms, own, departures, shape: _ } = rated;
        let terms = match terms {
            Ok(terms) => terms,
            Err(reason) => return (Class::Unrated, unrated(charged, context.quota_per_unit, reason)),
        };
        let judgement = judge(&terms, &charged, self.tolerance);
        let is_over = judgement.is_over(&terms, &charged);
        let Judgement { expected, charged: points, standing } = judgement;
        let drift = own.as_ref().map_or(Vec::new(), |own| differences(&terms, own));
        let (class, reason, bounds) = match standing {
            Standing::Matched { presumed } => (Class::Matched, presumed, None),
            Standing::Unrated { reason, bounds } => (Class::Unrated, Some(reason), bounds),
            Standing::Mismatch if is_over => (Class::Overcharged, None, None),
            Standing::Mismatch => (Class::Undercharged, None, None),
        };
        let own = own.filter(|_| !drift.is_empty());
        let diagnosis = (class.is_mismatch() && !wanted.is_left_out).then(|| {
            let case = Case::new(&terms, own.as_ref(), &expected, (&charged, points), prompt, look);
            let mut diagnosis = diagnose(&case);
            let causes = CauseSet::of(&diagnosis).filter(|causes| self.tolerance == 0 && wanted.asked.is_for(*causes));
            wanted.causes = causes.and_then(|causes| CompiledCauses::of(&case, causes.is_empty()));
            // What is open in the row's own terms is open for drift, too.
            let by_own = own.as_ref().map(|own| judge(own, &charged, self.tolerance).standing);
            if by_own.is_some_and(|standing| standing != Standing::Mismatch) {
                diagnosis.put_first(Cause::RatioDrift, own.clone().map(Box::new));
            }
            diagnosis
        });
        let quirk = if class == Class::Matched { shown(&departures, &expected) } else { None };
        (
            class,
            Judged {
                charged: points,
                written: charged,
                terms: Some(terms),
                expected: Some(expected),
                reason,
                bounds,
                diagnosis,
                drift,
                notices: Vec::new(),
                quirk,
            },
        )
    }
}

fn unrated(written: Charged, quota_per_unit: Ratio, reason: Reason) -> Judged {
    Judged {
        charged: written.points(quota_per_unit),
        written,
        terms: None,
        expected: None,
        reason: Some(reason),
        bounds: None,
        diagnosis: None,
        drift: Vec::new(),
        notices: Vec::new(),
        quirk: None,
    }
}

/// What is worth telling of a charge beside its verdict.
fn notices(entry: &LogEntry<'_>, context: &Context<'_>, class: Class, judged: &Judged) -> Vec<Policy> {
    let is_refund = entry.kind == Kind::Code(6);
    let is_group_unknown = context.basis == Basis::Config
        && !entry.group.is_empty()
        && context.config.map(MapName::GroupRatio).get(entry.group) == Found::Absent;
    let is_at_end = [Points::INT32.0, Points::INT32.1].contains(&judged.charged);
    let is_saturated = match class {
        Class::Matched => judged.expected.as_ref().is_some_and(|charge| charge.adjustment == Some(Adjustment::Saturated)),
        _ => class.is_mismatch() && is_at_end && judged.terms.as_ref().is_some_and(|terms| terms.saturates),
    };
    let told = [
        (Policy::GroupUnknown, is_group_unknown),
        (Policy::NegativeCharge, judged.charged.0 < 0 && !is_refund),
        (Policy::SaturatedCharge, is_saturated),
        (
            Policy::RefundWithoutCharge,
            class == Class::Unrated && judged.charged.0 < 0 && judged.reason == Some(Reason::NoChargeFound),
        ),
    ];
    told.into_iter().filter(|(_, holds)| *holds).map(|(policy, _)| policy).collect()
}

/// The rules that a gateway departs from, and those of another reading; none where a departure is shown whatever they give.
fn rules_beside(departures: &[Departure], reading: Option<Terms>) -> Option<Vec<Terms>> {
    let readings = reading.into_iter().map(Some);
    departures.iter().map(|departure| departure.rules.clone()).chain(readings).collect()
}

/// The first departure that the charge shows: one whose rules are not known, or give another charge.
fn shown(departures: &[Departure], charge: &Charge) -> Option<(Quirk, Option<i128>)> {
    departures.iter().find_map(|departure| match &departure.rules {
        None => Some((departure.quirk, None)),
        Some(rules) => {
            let by_the_rules = price(rules).points;
            let net = i128::from(charge.points.0) - i128::from(by_the_rules.0);
            (net != 0).then_some((departure.quirk, Some(net)))
        }
    })
}
