//! The formula of a charge, as a person would type it into a calculator.
//!
//! A formula is a list of steps. Each step is numbers with `+`, `-`, `×` and brackets alone, and has the value that a calculator gives for
//! it. Where a gateway rounds on the way, the rounded number of one step stands in a later one. The last step is the charge.
//!
//! ```text
//! cached   1792 × (0.25 - 1) = -1344, cut to -1344
//! points   (1816 - 1344) × 1 × 1.2 + 64 × 4 × 1.2 = 873.6, rounded up to 874
//! ```

use std::fmt;

use crate::exact::{Exact, Points, Ratio};
use crate::pricing::{
    Adjustment, After, Charge, Class, Factor, FloatRounding, Formula, Minimum, Per, Product, Rounding, Sum, Surcharge, Terms, Unit,
    expression_variables, lines, price,
};

/// One step of a formula.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What it gives: a class, a tool, `points` for the charge.
    pub name: String,
    /// Numbers, `+`, `-`, `×`, `(`, `)`.
    pub text: String,
    pub value: Exact,
    /// The value in the gateway's own arithmetic, where that is another one.
    pub own: Option<Exact>,
    pub rounding: Option<Rounding>,
    /// The rounded value, by the gateway's own arithmetic.
    pub whole: Exact,
    pub rule: Option<Adjustment>,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.text, self.value)?;
        if let Some(own) = &self.own {
            write!(f, ", in the gateway's arithmetic {own}")?;
        }
        match (self.rule, self.rounding) {
            (Some(rule), _) => write!(f, ", {} {}", rule_words(rule), self.whole),
            (None, Some(rounding)) => write!(f, ", {} {}", rounding_words(rounding), self.whole),
            (None, None) => Ok(()),
        }
    }
}

fn rounding_words(rounding: Rounding) -> &'static str {
    match rounding {
        Rounding::HalfAway => "rounded",
        Rounding::Truncate => "cut to",
        Rounding::Ceil => "rounded up to",
    }
}

fn rule_words(rule: Adjustment) -> &'static str {
    match rule {
        Adjustment::Minimum => "the minimum is",
        Adjustment::NoUsage => "without usage the charge is",
        Adjustment::Saturated => "32 bits hold at most",
    }
}

/// A text with its value.
#[derive(Clone)]
struct Part {
    text: String,
    value: Exact,
    is_sum: bool,
}

impl Part {
    fn of(number: impl Into<Exact>) -> Part {
        let value = number.into().normalized();
        Part { text: value.to_string(), value, is_sum: false }
    }

    fn bracketed(&self) -> String {
        if self.is_sum { format!("({})", self.text) } else { self.text.clone() }
    }

    fn times(self, number: impl Into<Exact>) -> Part {
        let factor = Part::of(number);
        Part { text: format!("{} × {}", self.bracketed(), factor.text), value: self.value * factor.value, is_sum: false }
    }

    /// The sum of parts, to be bracketed where it is multiplied.
    fn sum(parts: impl IntoIterator<Item = Part>) -> Part {
        let mut sum = Part { text: String::new(), value: Exact::zero(), is_sum: true };
        for part in parts {
            let text = part.bracketed();
            sum.text += &match (sum.text.is_empty(), text.strip_prefix('-')) {
                (true, _) => text,
                (false, Some(rest)) => format!(" - {rest}"),
                (false, None) => format!(" + {text}"),
            };
            sum.value += part.value;
        }
        if sum.text.is_empty() { Part { is_sum: true, ..Part::of(0) } } else { sum }
    }

    /// The sum, which needs no brackets where it is a single part.
    fn plus(self, parts: impl IntoIterator<Item = Part>) -> Part {
        let parts: Vec<Part> = parts.into_iter().collect();
        if parts.is_empty() { self } else { Part::sum([self].into_iter().chain(parts)) }
    }

    /// A step with what the gateway itself makes of it.
    fn step(self, name: impl Into<String>, charge: &Charge) -> Step {
        let value = self.value.normalized();
        let own = charge.amount.clone().normalized();
        let is_own = own != value && charge.adjustment != Some(Adjustment::NoUsage);
        Step {
            name: name.into(),
            text: self.text,
            value,
            own: is_own.then_some(own),
            rounding: Some(charge.rounding),
            whole: charge.points.into(),
            rule: charge.adjustment,
        }
    }

    /// A step whose value is whole.
    fn whole(self, name: impl Into<String>, points: Points) -> Step {
        let value = self.value.normalized();
        Step { name: name.into(), text: self.text, value, own: None, rounding: None, whole: points.into(), rule: None }
    }
}

/// The steps of a charge; the last one is the charge itself.
pub fn steps(terms: &Terms) -> Vec<Step> {
    let before = Terms { advance: 0, credit: false, ..terms.clone() };
    let charge = price(&before);
    let mut all = match &before.formula {
        Formula::Product(product) => of_product(&before, *product, &charge),
        Formula::Sum(Sum::OneHub | Sum::OneHubCall) | Formula::OneHubRules(_) => one_hub(&before, &charge),
        Formula::Sum(Sum::Laisky) => laisky(&before, &charge),
        Formula::Sum(Sum::InSteps) => in_steps(&before, &charge),
        Formula::Sum(Sum::OneApiOf2023) => one_api_of_2023(&before, &charge),
        Formula::InDecimals(inner) => return steps(&Terms { formula: (**inner).clone(), ..terms.clone() }),
        _ => vec![one_rounding(&before).step("points", &charge)],
    };
    if terms.advance != 0 || terms.credit {
        all.push(settled(terms, charge.points));
    }
    all
}

/// What is left beyond an advance, or given back.
fn settled(terms: &Terms, whole: Points) -> Step {
    let left =
        if terms.advance == 0 { Part::of(whole) } else { Part::sum([Part::of(whole), Part::of(-Exact::from(terms.advance))]) };
    let left = if terms.credit { left.times(-1) } else { left };
    left.whole("points", price(terms).points)
}

/// Formulas that are rounded once, at the end.
fn one_rounding(terms: &Terms) -> Part {
    let (model, group) = (terms.model_ratio, terms.group_ratio);
    let base = match &terms.formula {
        Formula::Decimal => weighted_lines(terms).times(model).times(group),
        Formula::DecimalPrice => Part::of(terms.whole_price()).times(terms.quota_per_unit).times(group),
        Formula::Sum(Sum::ClaudeOf2025) => weighted_lines(terms).times(group).times(model),
        Formula::Sum(_) => weighted_lines(terms).times(model).times(group),
        Formula::Expression(_) => summands(terms).times(Ratio::new(1, -6)).times(terms.quota_per_unit).times(group),
        _ => Part::of(0),
    };
    let base = base.plus(surcharges(terms, true));
    let multiplied = terms.multipliers.iter().fold(base, |base, multiplier| base.times(multiplier.value));
    multiplied.plus(surcharges(terms, false))
}

/// `(62 × 1 + 3072 × 0.1 + 1193 × 8)`.
fn weighted_lines(terms: &Terms) -> Part {
    let weighted = lines(terms).into_iter().filter_map(|line| Some(Part::of(line.quantity).times(line.rate?)));
    Part::sum(weighted.collect::<Vec<_>>())
}

fn surcharges(terms: &Terms, multiplied: bool) -> Vec<Part> {
    let parts = terms.surcharges.iter().filter(|surcharge| surcharge.multiplied == multiplied && surcharge.count != 0);
    parts
        .map(|surcharge| unit_price(surcharge).times(surcharge.count).times(terms.group_ratio).times(terms.quota_per_unit))
        .collect()
}

fn unit_price(surcharge: &Surcharge) -> Part {
    let price = Part::of(surcharge.price);
    match surcharge.per {
        Per::Call => price,
        Per::Thousand => price.times(Ratio::new(1, -3)),
        Per::Million => price.times(Ratio::new(1, -6)),
    }
}

/// The summands of an expression, with the tokens in them where they are plain products.
fn summands(terms: &Terms) -> Part {
    let summands = lines(terms).into_iter().filter(|line| line.unit == Unit::Summand);
    Part::sum(
        summands
            .map(|line| product_text(terms, &line.component).unwrap_or_else(|| Part::of(line.price_per_million)))
            .collect::<Vec<_>>(),
    )
}

/// `p * 2.5` as `62 × 2.5`.
fn product_text(terms: &Terms, text: &str) -> Option<Part> {
    let variables = expression_variables(terms)?;
    let factor = |word: &str| {
        let tokens = variables.iter().find(|(name, _)| *name == word).map(|(_, tokens)| Exact::from(*tokens));
        tokens.or_else(|| word.parse::<Ratio>().ok().map(Exact::from))
    };
    let mut factors = text.split('*').map(|word| factor(word.trim()));
    let first = Part::of(factors.next()??);
    factors.try_fold(first, |part, factor| Some(part.times(factor?)))
}

/// Terms without rules, for a step that is priced by itself.
fn aside(formula: Formula) -> Terms {
    let terms = Terms::tokens(Ratio::ONE, Ratio::ONE);
    Terms { formula, minimum: Minimum::NONE, saturates: false, ..terms }
}

/// `tokens · a · b`, rounded in float64.
fn tokens_times(tokens: i64, a: Ratio, b: Ratio, rounding: FloatRounding) -> (Part, Charge) {
    const FACTORS: &[Factor] = &[Factor::Tokens, Factor::ModelRatio, Factor::GroupRatio];
    let mut terms = aside(Formula::Product(Product { factors: FACTORS, rounding, after: After::Nothing }));
    (terms.usage[Class::Input], terms.model_ratio, terms.group_ratio) = (tokens, a, b);
    let part = Part::of(tokens).times(a);
    (if b == Ratio::ONE { part } else { part.times(b) }, price(&terms))
}

/// `price · Q`, rounded up in float64.
fn call_in_points(terms: &Terms, usd: Ratio) -> (Part, Charge) {
    let factors: &[Factor] = &[Factor::Price, Factor::QuotaPerUnit];
    let mut call = aside(Formula::Product(Product { factors, rounding: FloatRounding::Ceil, after: After::Nothing }));
    (call.price, call.quota_per_unit) = (usd, terms.quota_per_unit);
    (Part::of(usd).times(terms.quota_per_unit), price(&call))
}

fn in_steps(terms: &Terms, charge: &Charge) -> Vec<Step> {
    let audio = terms.rates[Class::AudioInput];
    let classes = [
        (Class::Output, terms.rates[Class::Output], Ratio::ONE),
        (Class::AudioInput, audio, Ratio::ONE),
        (Class::AudioOutput, audio, terms.rates[Class::AudioOutput]),
    ];
    let mut steps = Vec::new();
    let mut sum = vec![Part::of(terms.usage[Class::Input])];
    for (class, a, b) in classes.into_iter().filter(|(class, ..)| terms.usage[*class] != 0) {
        let (part, rounded) = tokens_times(terms.usage[class], a, b, FloatRounding::HalfAway);
        sum.push(Part::of(rounded.points));
        steps.push(part.step(name(terms, class), &rounded));
    }
    steps.push(Part::sum(sum).times(terms.model_ratio).times(terms.group_ratio).step("points", charge));
    steps
}

fn one_api_of_2023(terms: &Terms, charge: &Charge) -> Vec<Step> {
    let (output, rate) = (terms.usage[Class::Output], terms.rates[Class::Output]);
    let (part, cut) = tokens_times(output, rate, Ratio::ONE, FloatRounding::Truncate);
    let sum = Part::sum([Part::of(terms.usage[Class::Input]), Part::of(cut.points)]);
    let points = sum.times(terms.model_ratio).times(terms.group_ratio).step("points", charge);
    vec![part.step(name(terms, Class::Output), &cut), points]
}

fn name(terms: &Terms, class: Class) -> String {
    terms.usage_word(class).trim_end_matches("_tokens").to_owned()
}

/// Prompt and completion of one-hub, each with what its classes add, and extra billing beside.
fn one_hub(terms: &Terms, charge: &Charge) -> Vec<Step> {
    let per_call = matches!(terms.formula, Formula::Sum(Sum::OneHubCall));
    let mut steps = Vec::new();
    let tokens = if per_call {
        Part::of(1000).times(terms.price.max(Ratio::ZERO)).times(terms.group_ratio)
    } else {
        let input = one_hub_side(terms, Class::Input, terms.model_ratio, &mut steps);
        let output = one_hub_side(terms, Class::Output, terms.rates[Class::Output], &mut steps);
        Part::sum([input, output])
    };
    let (extra, extra_points) = one_hub_extras(terms, &mut steps);
    if extra_points == Points(0) {
        steps.push(tokens.step("points", charge));
        return steps;
    }
    let alone =
        price(&Terms { surcharges: Vec::new(), minimum: Minimum::NONE, no_usage: false, saturates: false, ..terms.clone() });
    // A request without usage is free as a whole; its tokens come to nothing.
    let alone = Charge { adjustment: None, ..alone };
    let sum = Part::sum([Part::of(alone.points), Part::of(extra_points)]);
    steps.push(tokens.step("tokens", &alone));
    steps.extend(extra);
    let whole = sum.value.clone();
    let settled = Charge { amount: whole, ..charge.clone() };
    steps.push(Step { rounding: None, ..sum.step("points", &settled) });
    steps
}

fn one_hub_side(terms: &Terms, side: Class, ratio: Ratio, steps: &mut Vec<Step>) -> Part {
    let mut sum = vec![Part::of(terms.usage[side])];
    let within = terms.usage.iter().filter(|(class, n)| *n != 0 && class.is_within() && class.is_output() == side.is_output());
    for (class, tokens) in within {
        let rate = terms.rates[class];
        let mut alone = aside(terms.formula.clone());
        alone.rates[Class::Output] = Ratio::ONE;
        alone.add(class, tokens, rate);
        let cut = Charge { rounding: Rounding::Truncate, adjustment: None, ..price(&alone) };
        let value = Exact::from(tokens) * (Exact::from(rate) - Exact::from(1));
        let part = Part { text: format!("{tokens} × ({rate} - 1)"), value: value.clone(), is_sum: false };
        sum.push(Part::of(cut.points));
        steps.push(part.step(name(terms, class), &Charge { amount: value, ..cut }));
    }
    let sum = if sum.len() == 1 { Part { is_sum: false, ..Part::sum(sum) } } else { Part::sum(sum) };
    sum.times(ratio.max(Ratio::ZERO)).times(terms.group_ratio)
}

/// Extra billing: each unit price is rounded up, and the sum again.
fn one_hub_extras(terms: &Terms, steps: &mut Vec<Step>) -> (Option<Step>, Points) {
    let mut units = Vec::new();
    let mut count = Exact::zero();
    for surcharge in terms.surcharges.iter().filter(|surcharge| surcharge.count != 0) {
        let (part, unit) = call_in_points(terms, surcharge.price);
        steps.push(part.step(surcharge.name.as_str(), &unit));
        units.push(Part::of(unit.points).times(surcharge.count));
        count += Exact::from(unit.points) * surcharge.count;
    }
    if !count.is_positive() {
        return (None, Points(0));
    }
    let (_, rounded) = tokens_times(Points::saturating(&count.truncate()).0, terms.group_ratio, Ratio::ONE, FloatRounding::Ceil);
    (Some(Part::sum(units).times(terms.group_ratio).step("extra", &rounded)), rounded.points)
}

/// Laisky: prices of cached and written tokens stand by themselves; tools are added to the rounded sum.
fn laisky(terms: &Terms, charge: &Charge) -> Vec<Step> {
    let (model, group) = (terms.model_ratio, terms.group_ratio);
    let own = |class: Class| {
        let (tokens, rate) = (Part::of(terms.usage[class]), terms.rates[class]);
        if rate.is_negative() { Part::of(0) } else { tokens.times(if rate.is_zero() { model } else { rate }).times(group) }
    };
    let parts = [Class::Input, Class::Cached, Class::Output, Class::CacheWrite5m, Class::CacheWrite1h];
    let parts = parts.into_iter().filter(|class| terms.usage[*class] != 0).map(|class| match class {
        Class::Input => Part::of(terms.usage[class]).times(model).times(group),
        Class::Output => Part::of(terms.usage[class]).times(model).times(terms.rates[class]).times(group),
        _ => own(class),
    });
    let tokens = Part::sum(parts.collect::<Vec<_>>());
    let called: Vec<&Surcharge> = terms.surcharges.iter().filter(|surcharge| surcharge.count != 0).collect();
    if called.is_empty() {
        return vec![tokens.step("points", charge)];
    }
    let alone =
        price(&Terms { surcharges: Vec::new(), minimum: Minimum::NONE, no_usage: false, saturates: false, ..terms.clone() });
    let mut sum = vec![Part::of(alone.points)];
    let mut steps = vec![tokens.step("tokens", &alone)];
    for surcharge in called {
        let (part, unit) = call_in_points(terms, surcharge.price);
        sum.push(Part::of(unit.points).times(surcharge.count));
        steps.push(part.step(surcharge.name.as_str(), &unit));
    }
    let sum = Part::sum(sum);
    let settled = Charge { amount: sum.value.clone(), ..charge.clone() };
    steps.push(Step { rounding: None, ..sum.step("points", &settled) });
    steps
}

fn of_product(terms: &Terms, product: Product, charge: &Charge) -> Vec<Step> {
    let multipliers = || terms.multipliers.iter().map(|multiplier| Exact::from(multiplier.value));
    let number = |factor: &Factor| -> Vec<Exact> {
        match factor {
            Factor::Price => vec![terms.whole_price().into()],
            Factor::QuotaPerUnit => vec![terms.quota_per_unit.into()],
            Factor::GroupRatio => vec![terms.group_ratio.into()],
            Factor::ModelRatio => vec![terms.model_ratio.into()],
            Factor::HalfModelRatio => vec![terms.model_ratio.into(), Ratio::new(5, -1).into()],
            Factor::Tokens => vec![terms.usage[Class::Input].into()],
            Factor::Multipliers => multipliers().collect(),
            Factor::FirstMultiplier => multipliers().take(1).collect(),
            Factor::Thousand => vec![Exact::from(1000)],
        }
    };
    let first = times_all(product.factors.iter().flat_map(number));
    let later: Vec<Exact> = match product.after {
        After::Nothing => Vec::new(),
        After::Multiplied => multipliers().collect(),
        After::TimesLast | After::TimesLastAndTokens => multipliers().next_back().into_iter().collect(),
    };
    if later.is_empty() {
        return vec![first.step("points", charge)];
    }
    let alone = Formula::Product(Product { after: After::Nothing, ..product });
    let cut = price(&Terms { minimum: Minimum::NONE, no_usage: false, saturates: false, formula: alone, ..terms.clone() });
    let last = times_all([Exact::from(cut.points)].into_iter().chain(later));
    if product.after == After::TimesLastAndTokens {
        return with_image_tokens(terms, first.step("one", &cut), last, charge);
    }
    let settled = match product.after {
        // The amount of such a charge is that before the number of images.
        After::TimesLast => Charge { amount: last.value.clone(), ..charge.clone() },
        _ => charge.clone(),
    };
    vec![first.step("one", &cut), last.step("points", &settled)]
}

/// An image's price and its tokens are rounded up apart.
fn with_image_tokens(terms: &Terms, one: Step, images: Part, charge: &Charge) -> Vec<Step> {
    let used = Class::OF_IMAGES.into_iter().filter(|class| terms.usage[*class] != 0);
    let half = Ratio::new(5, -1);
    let sum = Part::sum(used.map(|class| Part::of(terms.usage[class]).times(terms.rates[class]).times(half)));
    let tokens = if terms.group_ratio.is_zero() { sum } else { sum.times(terms.group_ratio) };
    let points = Points::saturating(&tokens.value.ceil());
    let rounded = Charge { amount: tokens.value.clone(), rounding: Rounding::Ceil, adjustment: None, points };
    let whole = Part::sum([images, Part::of(points)]);
    let settled = Charge { amount: whole.value.clone(), ..charge.clone() };
    vec![one, tokens.step("tokens", &rounded), Step { rounding: None, ..whole.step("points", &settled) }]
}

fn times_all(factors: impl IntoIterator<Item = Exact>) -> Part {
    let mut factors = factors.into_iter();
    let first = factors.next().map_or_else(|| Part::of(1), Part::of);
    factors.fold(first, |part, factor| part.times(factor))
}
