//! Tasks (video, music) and Midjourney: what is taken at the submit, what is settled, what is given back.
//!
//! ```text
//! submit    trunc(trunc(price · Q · group) · Π)            float64; without a price, half the model ratio stands for it
//! settled   trunc(tokens · model · group' · Π) − advance   group' is the special ratio of (group, group)
//! refund    the whole advance, back
//! ```

use super::group::{self, GroupRatio};
use super::quote::{Asked, Figure};
use super::terms::{open_figure, open_groups};
use crate::config::{MapName, ModelPrices};
use crate::details::Details;
use crate::exact::{Points, Ratio};
use crate::float;
use crate::log::{Kind, RowError};
use crate::pricing::{Allowed, Class, Formula, Minimum, Multiplier, Open, Product, Reason, Slot, Terms, price};
use crate::profile::memory::{Refundable, Taken};
use crate::profile::tables::{Known, Tables};
use crate::profile::{Basis, Context, Departure, Memory, Quirk};

/// What a row of a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    Submit,
    /// The difference between what a task really costs and its advance.
    Settled,
    /// A failed task gives its whole advance back.
    Refund,
    MidjourneySubmit,
    MidjourneyRefund,
}

/// The submit says that the multipliers do not count, or what they are.
const WITHOUT_MULTIPLIERS: &str = "按次计费";
const MULTIPLIERS: &str = "计算参数：";
/// How the content of a submit begins, and that of a settlement.
const SUBMITTED: &str = "操作 ";
pub const SETTLED: &str = "token重算：";
const MIDJOURNEY: &str = "模型固定价格 ";

impl Job {
    /// What the row is, if it is one of a task.
    pub fn of(kind: Kind, content: &str, details: &Details<'_>) -> Option<Job> {
        if details.is_empty() {
            return Job::told(content);
        }
        if details.flag("is_task") {
            return Some(Job::Submit);
        }
        if !details.has("task_id") {
            let midjourney = content.starts_with(MIDJOURNEY) && !details.has("model_ratio");
            return midjourney.then_some(Job::MidjourneySubmit);
        }
        let settled = details.has("actual_quota") || details.has("quota_delta");
        Some(match (settled, kind, details.has("group_ratio")) {
            (true, ..) => Job::Settled,
            (false, Kind::Code(6), false) => Job::MidjourneyRefund,
            _ => Job::Refund,
        })
    }

    /// What the content alone tells.
    fn told(content: &str) -> Option<Job> {
        let beginnings = [(SUBMITTED, Job::Submit), (SETTLED, Job::Settled), (MIDJOURNEY, Job::MidjourneySubmit)];
        beginnings.into_iter().find(|(beginning, _)| content.starts_with(beginning)).map(|(_, job)| job)
    }
}

/// The terms of a task's row: those that the basis asks for, the row's own, and where the gateway departs from its rules.
pub struct Task {
    pub terms: Result<Terms, Reason>,
    pub own: Option<Terms>,
    pub departures: Vec<Departure>,
}

impl Task {
    /// A refund whose charge is not known.
    fn without_charge() -> Task {
        Task { terms: Err(Reason::NoChargeFound), own: None, departures: Vec::new() }
    }
}

/// Rates a row of a task.
pub fn rate(job: Job, asked: &Asked<'_, '_>, context: &Context<'_>, memory: &mut Memory) -> Result<Task, RowError> {
    let by_config = context.basis == Basis::Config;
    if job == Job::MidjourneyRefund {
        return Ok(midjourney_refund(asked, context, memory));
    }
    let printed = Prices::of_row(job, asked)?;
    let own = printed.as_ref().map(|prices| terms(job, asked, prices, memory)).transpose()?;
    let configured = by_config.then(|| Prices::of_config(job, asked, context, printed.as_ref()));
    let terms = match configured {
        Some(Ok(prices)) => Ok(terms(job, asked, &prices, memory)?),
        Some(Err(reason)) => Err(reason),
        None => own.clone().ok_or(Reason::NoRatios),
    };
    remember(job, asked, &terms, own.as_ref(), memory);
    let id = asked.details.text("task_id").filter(|id| job == Job::Refund && !id.is_empty());
    if id.is_some_and(|id| memory.is_given_back_again(&id)) {
        return Ok(Task::without_charge());
    }
    let departures = terms.as_ref().map_or(Ok(Vec::new()), |terms| departures(job, asked, terms))?;
    Ok(Task { terms, own: own.filter(|_| by_config), departures })
}

/// Price, ratio and group of a task.
#[derive(Clone)]
struct Prices {
    price: Option<Ratio>,
    model: Ratio,
    group: Figure,
    /// That of the submit, for what was taken then.
    submit_group: Ratio,
    /// Other group ratios that may have been served.
    other_groups: Vec<Ratio>,
    /// The config's source cannot carry prices: the row's own are presumed.
    is_presumed: bool,
}

impl Prices {
    fn of_row(job: Job, asked: &Asked<'_, '_>) -> Result<Option<Prices>, RowError> {
        let details = asked.details;
        let price = details.ratio("model_price")?.filter(|price| !price.is_negative());
        let Some(model) = details.ratio("model_ratio")?.or(price.map(|_| Ratio::ZERO)) else { return Ok(None) };
        let Some(printed) = details.ratio("group_ratio")? else { return Ok(None) };
        let group = if job == Job::Settled { settled_group(asked.entry.content, printed) } else { Figure::sure(printed) };
        Ok(Some(Prices { price, model, group, submit_group: printed, other_groups: Vec::new(), is_presumed: false }))
    }

    fn of_config(job: Job, asked: &Asked<'_, '_>, context: &Context<'_>, own: Option<&Prices>) -> Result<Prices, Reason> {
        let tables = super::tables_of(context.config);
        let name = asked.names.folded;
        let price = price_of(&tables, name);
        let (price, model, is_presumed) = match (price, tables.get(MapName::ModelRatio, name)) {
            (_, Known::Number(number)) => (price, number.ratio, false),
            (Some(_), _) => (price, Ratio::ZERO, false),
            (None, Known::Unknown) => own.map(|own| (own.price, own.model, true)).ok_or(Reason::RatioUnknown)?,
            (None, Known::Absent) => return Err(Reason::UnknownModel),
        };
        let own_group = own.map(|own| own.group.value);
        let submitted = group::of_config(asked, &tables, own_group)?;
        let submit_group = submitted.figure.value;
        let GroupRatio { figure: group, others: other_groups } = match job {
            Job::Settled => GroupRatio { figure: group::of_settlement(asked, &tables, own_group), others: Vec::new() },
            _ => submitted,
        };
        Ok(Prices { price, model, group, submit_group, other_groups, is_presumed })
    }
}

/// The price of a task: that of a price list (a price per second is multiplied by the seconds), else the option map's. Tasks look
/// into the built-in table, too, where the option map lacks the name.
fn price_of(tables: &Tables<'_>, name: &str) -> Option<Ratio> {
    if let Some(listed) = tables.config.model_prices.get(name).and_then(ModelPrices::of_a_call) {
        return Some(listed.ratio);
    }
    let built_in = || tables.built_in().get(MapName::ModelPrice, name);
    match tables.get(MapName::ModelPrice, name) {
        Known::Number(number) => Some(number.ratio),
        Known::Unknown => None,
        Known::Absent => match built_in() {
            Known::Number(number) => Some(number.ratio),
            _ => None,
        },
    }
}

/// The ratio that a settlement took stands in its content with two decimals; the row's own is the submit's.
fn settled_group(content: &str, printed: Ratio) -> Figure {
    match said(content, "groupRatio=") {
        Some(said) if !is_printed_as(printed, said) => Figure::rounded(said),
        _ => Figure::sure(printed),
    }
}

fn is_printed_as(exact: Ratio, printed: Ratio) -> bool {
    let half = Ratio::new(5, -3);
    let distance = crate::exact::Exact::from(exact) - crate::exact::Exact::from(printed);
    distance <= half.into() && -distance <= half.into()
}

fn terms(job: Job, asked: &Asked<'_, '_>, prices: &Prices, memory: &Memory) -> Result<Terms, RowError> {
    let mut terms = Terms::tokens(prices.model, prices.group.value);
    terms.quota_per_unit = asked.quota_per_unit;
    terms.minimum = Minimum::NONE;
    terms.price = prices.price.unwrap_or_default();
    terms.formula = Formula::Product(match (job, prices.price) {
        (Job::MidjourneySubmit, _) => Product::PRICE,
        (_, Some(_)) => Product::TASK,
        (_, None) => Product::TASK_BY_RATIO,
    });
    match job {
        Job::Settled if asked.details.is_empty() => settle_without_advance(&mut terms, asked, prices),
        Job::Settled => settle(&mut terms, asked)?,
        Job::Refund => give_back(&mut terms, asked, memory),
        Job::Submit => add_printed_multipliers(&mut terms, asked.entry.content),
        Job::MidjourneySubmit | Job::MidjourneyRefund => {}
    }
    open_figure(&mut terms, Some(Slot::GroupRatio), prices.group);
    open_groups(&mut terms, &prices.other_groups);
    if prices.is_presumed {
        terms.open.push(Open { reason: Reason::RatioUnknown, allowed: Allowed::Any });
    }
    Ok(terms)
}

/// The actual cost by the tokens that the content names, less the advance.
fn settle(terms: &mut Terms, asked: &Asked<'_, '_>) -> Result<(), RowError> {
    let details = asked.details;
    terms.advance = details.whole("pre_consumed_quota")?.or(details.whole("pre_consumed")?).unwrap_or(0);
    terms.multipliers = own_multipliers(details);
    match said(asked.entry.content, "tokens=").or(details.whole("total_tokens")?) {
        Some(tokens) => {
            terms.formula = Formula::Product(Product::TASK_TOKENS);
            terms.usage[Class::Input] = tokens;
        }
        // An amount by a rule of the provider: only the row's own sum can be held against it.
        None => {
            terms.formula = Formula::Free;
            terms.advance = terms.advance.saturating_sub(details.whole("actual_quota")?.unwrap_or(0));
            terms.open.push(Open { reason: Reason::CountNotLogged, allowed: Allowed::Any });
        }
    }
    Ok(())
}

/// The advance stands in the submit's row alone, and nothing ties the two: presumed is what the submit should have been charged.
fn settle_without_advance(terms: &mut Terms, asked: &Asked<'_, '_>, prices: &Prices) {
    let content = asked.entry.content;
    let factors = said(content, "otherMultiplier=").map(|value| Multiplier { name: "otherMultiplier".to_owned(), value });
    terms.multipliers = factors.into_iter().collect();
    let submitted = Terms { group_ratio: prices.submit_group, ..terms.clone() };
    terms.formula = Formula::Product(Product::TASK_TOKENS);
    terms.usage[Class::Input] = said(content, "tokens=").unwrap_or(0);
    terms.advance = price(&submitted).points.0;
    terms.open.push(Open { reason: Reason::NoChargeFound, allowed: Allowed::Any });
}

/// A number that the content names: `groupRatio=0.85, …`.
fn said<T: std::str::FromStr>(content: &str, name: &str) -> Option<T> {
    let (_, rest) = content.split_once(name)?;
    rest.split([',', '，', ' ']).next()?.trim().parse().ok()
}

/// The whole advance. Only the submit shows whether the multipliers counted; without it, both are possible.
fn give_back(terms: &mut Terms, asked: &Asked<'_, '_>, memory: &Memory) {
    terms.credit = true;
    let is_multiplied = memory.is_multiplied(asked.entry.model);
    if is_multiplied == Some(false) {
        return;
    }
    let bare = terms.clone();
    terms.multipliers = own_multipliers(asked.details);
    if is_multiplied.is_none() && terms.multipliers.iter().any(|multiplier| multiplier.value != Ratio::ONE) {
        terms.open.push(Open { reason: Reason::PriceAmbiguous, allowed: Allowed::Readings(vec![bare]) });
    }
}

/// Every number of the row that is none of its prices.
fn own_multipliers(details: &Details<'_>) -> Vec<Multiplier> {
    const PRICES: [&str; 11] = [
        "group_ratio",
        "model_ratio",
        "model_price",
        "user_group_ratio",
        "pre_consumed_quota",
        "actual_quota",
        "pre_consumed",
        "quota_delta",
        "total_tokens",
        "completion_ratio",
        "status_code",
    ];
    let factors = details.numbers().filter(|(key, _)| !PRICES.contains(key));
    factors.map(|(name, value)| Multiplier { name: name.to_owned(), value }).collect()
}

/// `计算参数：seconds: 4.00, size: 1.67`: two decimals of the factors.
fn add_printed_multipliers(terms: &mut Terms, content: &str) {
    if content.contains(WITHOUT_MULTIPLIERS) {
        return;
    }
    let Some((_, printed)) = content.split_once(MULTIPLIERS) else { return };
    for (name, text) in printed.split(", ").filter_map(|part| part.split_once(": ")) {
        let Ok(value) = text.trim().parse::<Ratio>() else { continue };
        let known = true_value(name, value);
        terms.multipliers.push(Multiplier { name: name.to_owned(), value: known.unwrap_or(value) });
        // A factor of whole tenths is printed whole; another one may have further digits.
        if known.is_none() && value.exponent() <= -2 {
            let Figure { doubt: Some(doubt), .. } = Figure::rounded(value) else { continue };
            let Some((low, high)) = doubt.ends else { continue };
            let slot = Slot::Multiplier(terms.multipliers.len() - 1);
            terms.open.push(Open { reason: doubt.reason, allowed: Allowed::Between { slot, low, high } });
        }
    }
}

/// The factors that the gateway has compiled in, by the two decimals that it prints of them.
fn true_value(name: &str, printed: Ratio) -> Option<Ratio> {
    const VIDEO_INPUT: [(i64, i64); 6] = [(28, 46), (51, 46), (31, 46), (26, 46), (16, 46), (22, 37)];
    let fits = |value: &Ratio| is_printed_as(*value, printed);
    match name {
        "size" => Some(Ratio::new(1_666_667, -6)).filter(fits),
        "resolution" => Some(Ratio::new(2_333_333, -6)).filter(fits),
        "video_input" => VIDEO_INPUT.iter().filter_map(|(a, b)| float::quotient(Ratio::from(*a), Ratio::from(*b))).find(fits),
        _ if name.starts_with("resolution-") => {
            [Ratio::new(3, -1), Ratio::new(6, -1)].iter().filter_map(|d| float::quotient(Ratio::ONE, *d)).find(fits)
        }
        _ => None,
    }
}

/// Remembers what later rows give back, and whether the multipliers of a model count.
fn remember(job: Job, asked: &Asked<'_, '_>, terms: &Result<Terms, Reason>, own: Option<&Terms>, memory: &mut Memory) {
    let content = asked.entry.content;
    let without = content.contains(WITHOUT_MULTIPLIERS);
    if job == Job::Submit && (without || content.contains(MULTIPLIERS)) {
        memory.remember_multiplied(asked.entry.model, !without);
    }
    if let (Job::MidjourneySubmit, Ok(terms), Some((_, id))) = (job, terms, content.rsplit_once("，ID ")) {
        let taken = |terms: &Terms| Taken::Call { price: terms.price, group_ratio: terms.group_ratio };
        memory.remember_charge(id.trim(), Refundable { expected: taken(terms), own: own.map(taken) });
    }
}

/// A Midjourney refund names only the job; its amount is that of the submit, or of the gateway's own table.
fn midjourney_refund(asked: &Asked<'_, '_>, context: &Context<'_>, memory: &mut Memory) -> Task {
    let id = asked.details.text("task_id").unwrap_or_default();
    let back = |taken: Taken| {
        let base = Terms { minimum: Minimum::NONE, quota_per_unit: asked.quota_per_unit, ..Terms::tokens(Ratio::ZERO, Ratio::ONE) };
        match taken {
            Taken::Points(points) => Terms { formula: Formula::Free, advance: points.0, ..base },
            Taken::Call { price, group_ratio } => {
                Terms { formula: Formula::Product(Product::PRICE), price, group_ratio, credit: true, ..base }
            }
        }
    };
    let listed = || {
        context
            .config
            .task_charges
            .get(id.as_ref())
            .map(|points| Refundable { expected: Taken::Points(Points(*points)), own: None })
    };
    let Some(charge) = memory.give_back(&id, listed) else {
        return Task::without_charge();
    };
    let own = charge.own.filter(|own| *own != charge.expected && context.basis == Basis::Config);
    Task { terms: Ok(back(charge.expected)), own: own.map(back), departures: Vec::new() }
}

fn departures(job: Job, asked: &Asked<'_, '_>, terms: &Terms) -> Result<Vec<Departure>, RowError> {
    let submitted = asked.details.ratio("group_ratio")?;
    Ok(match (job, submitted) {
        (Job::Settled, Some(ratio)) if ratio != terms.group_ratio => {
            vec![Departure { quirk: Quirk::TaskSettledAtOtherGroup, rules: Some(terms.with(Slot::GroupRatio, ratio)) }]
        }
        _ => Vec::new(),
    })
}
