//! What one row says: usage, and the amounts that its charge may have had before it was rounded.

use super::interval::Interval;
use crate::exact::{Charged, Exact, Points, Ratio};
use crate::pricing::{self, Class, Formula, Mode, PerClass, Rounding, Sum, Terms};

/// Whose ratio a row is charged with: that of its group, or a special one of a user there; and from when on, where it changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    pub group: String,
    pub user: Option<String>,
    /// None: from the beginning on.
    pub since: Option<i64>,
}

impl Cell {
    pub fn of_group(group: &str) -> Cell {
        Cell { group: group.to_owned(), user: None, since: None }
    }
}

/// Whether a row says that its user has a special ratio in the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    Yes,
    No,
    Unsaid,
}

/// A row as the log has it, with its terms under ratios of 1.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'r> {
    pub model: &'r str,
    pub group: &'r str,
    pub user: &'r str,
    pub special: Special,
    pub time: Option<i64>,
    pub charged: &'r Charged,
    pub terms: &'r Terms,
    /// What the row's own ratios give, where they may be used.
    pub printed: Option<&'r Terms>,
    /// These are the row's own, and none that the gateway has built in.
    pub is_all_printed: bool,
}

/// A row that says something of ratios.
#[derive(Clone, Debug)]
pub struct Sample {
    pub time: Option<i64>,
    /// The number of the row in the log.
    pub order: u64,
    pub cell: Cell,
    pub user: String,
    special: Special,
    /// At a model ratio and a group ratio of 1.
    terms: Terms,
    /// What is charged beside the tokens at a group ratio of 1.
    beside: Exact,
    amount: Interval,
    /// The same for a price per call, of which no gateway takes a point at least.
    by_call: Interval,
    /// The row's own numbers, where they give its charge.
    pub hints: Option<Hints>,
    /// The gateway keeps the rates of cached and written tokens as prices by themselves. Here they are relative to the input all the same.
    has_absolute: bool,
}

/// Numbers that a row prints.
#[derive(Clone, Debug)]
pub struct Hints {
    pub rates: PerClass<Ratio>,
    /// The price of a call, where that counts.
    pub model: Ratio,
    pub per_call: bool,
    pub group: Ratio,
    /// The row prints all of them, to all their digits.
    pub are_whole: bool,
}

impl Sample {
    /// The sample of a row; none where its charge does not follow from one product.
    pub fn new(row: &Observed<'_>, order: u64) -> Option<Sample> {
        let mode = row.terms.formula.mode();
        let is_product = matches!(mode, Mode::Tokens | Mode::Call);
        if !is_product || row.terms.no_usage || !row.terms.open.is_empty() {
            return None;
        }
        let has_absolute = row.terms.formula == Formula::Sum(Sum::Laisky);
        let points = row.charged.points(row.terms.quota_per_unit);
        let whole = if row.terms.credit { -points.0 } else { points.0 }.checked_add(row.terms.advance)?;
        // Laisky's tools are not multiplied by the group ratio.
        let tools = if has_absolute { points_of_tools(row.terms) } else { 0 };
        let whole = whole.checked_sub(tools)?;
        let is_held = row.terms.saturates && Points(whole) >= Points::INT32.1;
        let usage = if mode == Mode::Call { PerClass::default() } else { row.terms.usage };
        let price = Ratio::ZERO;
        let mut terms =
            Terms { advance: 0, credit: false, usage, price, group_ratio: Ratio::ONE, ..row.terms.with_model_ratio(Ratio::ONE) };
        if has_absolute {
            terms.surcharges.clear();
        }
        let rounding = pricing::price(&terms).rounding;
        // Gateways that compute in float64 cut a price per call.
        let is_cut = mode == Mode::Tokens && terms.formula != Formula::Decimal;
        let by_call = amounts(whole, row.charged, &terms, if is_cut { Rounding::Truncate } else { rounding });
        let amount = amounts(whole, row.charged, &terms, rounding);
        let is_in_points = matches!(row.charged, Charged::Points(_));
        let amount = if is_in_points { with_minimum(whole, &amount, &terms) } else { amount };
        let terms = if has_absolute { linear(terms) } else { terms };
        (whole >= 0 && !is_held).then(|| Sample {
            time: row.time,
            order,
            cell: Cell { user: Some(row.user.to_owned()).filter(|_| row.special == Special::Yes), ..Cell::of_group(row.group) },
            user: row.user.to_owned(),
            special: row.special,
            beside: pricing::price(&Terms { usage: PerClass::default(), ..terms.clone() }).amount,
            amount,
            by_call,
            has_absolute,
            hints: row.printed.and_then(|printed| Hints::of(printed, points, row.is_all_printed)),
            terms,
        })
    }

    /// Whether its user may have a special ratio that is not known yet.
    pub fn may_be_special(&self) -> bool {
        self.special == Special::Unsaid && self.cell == Cell::of_group(&self.cell.group) && !self.user.is_empty()
    }

    pub fn usage(&self) -> &PerClass<i64> {
        &self.terms.usage
    }

    pub fn has(&self, class: Class) -> bool {
        self.terms.usage[class] != 0
    }

    /// The rates that the gateway gives by itself.
    pub fn built_in(&self) -> &PerClass<Ratio> {
        &self.terms.rates
    }

    /// Whether the gateway keeps the rate of a class as a price by itself.
    pub fn is_absolute(&self, class: Class) -> bool {
        self.has_absolute && ABSOLUTE.contains(&class)
    }

    /// Whether it prints this rate of a class.
    pub fn prints(&self, class: Class, rate: Ratio) -> bool {
        self.has(class) && self.hints.as_ref().is_some_and(|hints| hints.rates[class] == rate)
    }

    pub fn has_tools(&self) -> bool {
        !self.beside.is_zero()
    }

    /// Whether all its tokens are of some classes.
    pub fn is_of(&self, classes: &[Class]) -> bool {
        self.terms.usage.iter().all(|(class, tokens)| tokens == 0 || classes.contains(&class))
    }

    /// What is charged by token at ratios of 1.
    pub fn weight(&self, rates: &PerClass<Ratio>) -> Exact {
        pricing::price(&Terms { rates: *rates, ..self.terms.clone() }).amount - self.beside.clone()
    }

    /// The amounts that are charged by token, where the group ratio is known or does not matter.
    pub fn by_tokens(&self, group: Option<Ratio>) -> Option<Interval> {
        self.beside_tools(&self.amount, group)
    }

    fn beside_tools(&self, amount: &Interval, group: Option<Ratio>) -> Option<Interval> {
        if self.has_tools() { Some(amount.minus(&(self.beside.clone() * group?))) } else { Some(amount.clone()) }
    }

    /// The products of model and group ratio that give the charge.
    pub fn product(&self, rates: &PerClass<Ratio>, group: Option<Ratio>) -> Option<Interval> {
        self.by_tokens(group)?.divided_by(&self.weight(rates))
    }

    /// Whether all its tokens are free at some rates, and its charge may be of nothing.
    pub fn may_be_free(&self, rates: &PerClass<Ratio>, group: Option<Ratio>) -> bool {
        self.by_tokens(group).is_some_and(|amount| !amount.low.is_positive()) && self.weight(rates).is_zero()
    }

    /// The products of a price per call and the group ratio that give the charge.
    pub fn call(&self, group: Option<Ratio>) -> Option<Interval> {
        let amount = self.beside_tools(&self.by_call, group)?;
        let calls = self.terms.factors().fold(Exact::from(self.terms.quota_per_unit), |all, factor| all * factor.value);
        amount.divided_by(&calls)
    }
}

impl Hints {
    fn of(printed: &Terms, points: Points, is_all_printed: bool) -> Option<Hints> {
        let (model, per_call) = match printed.formula.rules().mode() {
            Mode::Tokens => (printed.model_ratio, false),
            Mode::Call => (printed.price, true),
            Mode::Expression | Mode::Free => return None,
        };
        let is_laisky = printed.formula == Formula::Sum(Sum::Laisky);
        let printed_at_one = printed.with_model_ratio(Ratio::ONE);
        let rates = if is_laisky { linear(printed_at_one).rates } else { printed_at_one.rates };
        (pricing::price(printed).points == points).then_some(Hints {
            rates,
            model,
            per_call,
            group: printed.group_ratio,
            are_whole: is_all_printed && printed.open.is_empty(),
        })
    }
}

/// Laisky's rates that are prices by themselves.
const ABSOLUTE: [Class; 3] = [Class::Cached, Class::CacheWrite5m, Class::CacheWrite1h];

/// Laisky's terms at a model ratio of 1 as a plain sum: a rate of 0 is as input, below 0 free.
fn linear(mut terms: Terms) -> Terms {
    for class in ABSOLUTE {
        let rate = terms.rates[class];
        terms.rates[class] = if rate.is_zero() { Ratio::ONE } else { rate.max(Ratio::ZERO) };
    }
    Terms { formula: Formula::Decimal, ..terms }
}

fn points_of_tools(terms: &Terms) -> i64 {
    let tools = || pricing::price(&Terms { usage: PerClass::default(), ..terms.clone() }).points.0;
    if terms.surcharges.is_empty() { 0 } else { tools() }
}

/// Above nothing, and below every amount.
const LEAST_AMOUNT: Ratio = Ratio::new(1, -15);

/// The amounts that a charge may have had before it was rounded. `whole` are its points, with what was taken before or beside it.
fn amounts(whole: i64, charged: &Charged, terms: &Terms, rounding: Rounding) -> Interval {
    let (below, above) = match rounding {
        Rounding::HalfAway => (Ratio::new(5, -1), Ratio::new(5, -1)),
        Rounding::Truncate => (Ratio::ZERO, Ratio::ONE),
        Rounding::Ceil => (Ratio::ONE, Ratio::ZERO),
    };
    let of_points = |least: Exact, most: Exact| Interval { low: least - below.into(), high: most + above.into() };
    let interval = match charged {
        Charged::Points(_) => of_points(whole.into(), whole.into()),
        Charged::Money { amount, per_usd } => {
            let in_points = |money: Exact| (money * terms.quota_per_unit).divided_by(&Exact::from(*per_usd), 12);
            let middle = in_points(amount.clone()) + Exact::from(whole) - Exact::from(charged.points(terms.quota_per_unit));
            let unit = Ratio::new(5, i16::try_from(amount.decimals()).map_or(0, |places| -places - 1));
            let half = in_points(unit.into());
            // Either the amount was written, or the points that it was rounded to.
            let written = Interval { low: middle.clone() - half.clone(), high: middle + half };
            let (least, most) = (Exact::from(written.low.ceil()), Exact::from(written.high.floor()));
            if least <= most { of_points(least, most).or(&written) } else { written }
        }
    };
    // A charge of one point may be the minimum.
    Interval { low: if whole <= 1 { Exact::zero() } else { interval.low.max(Exact::zero()) }, ..interval }
}

/// The same where a gateway takes a point at least. Where that holds for whatever is not free, a charge of nothing is of what is free, and one of a
/// point is not.
fn with_minimum(whole: i64, amount: &Interval, terms: &Terms) -> Interval {
    let has_minimum = |amount: Ratio| pricing::price(&terms.with_model_ratio(amount)).points == Points(1);
    let is_never_nothing = terms.minimum.after_rounding && has_minimum(LEAST_AMOUNT);
    match whole {
        0 if is_never_nothing => Interval::point(Ratio::ZERO),
        1 if is_never_nothing && !terms.minimum.for_free_groups => Interval { low: LEAST_AMOUNT.into(), ..amount.clone() },
        _ => amount.clone(),
    }
}
