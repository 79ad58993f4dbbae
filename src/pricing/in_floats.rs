//! Terms handed to the float64 arithmetic of gateways.

use super::terms::{After, Factor, Formula, Product, Sum, Terms, Tiered};
use super::usage::{Class, PerClass};
use crate::exact::{Exact, Ratio};
use crate::float::Float;
use crate::float::expr::{self, EvalError, Expression, Outcome, Variables};
use crate::float::gateway::{self, Laisky, OneHub, Rounded, Weighted};

/// A float amount, rounded; `nothing` where the gateway's own rule says that there is no usage.
pub struct InFloats {
    pub rounded: Rounded,
    /// How many times the rounded amount is charged.
    pub times: i64,
    /// Whole points that were added after the rounding.
    pub beside: i64,
    pub nothing: bool,
}

impl InFloats {
    /// The amount before rounding; 0 where it is no finite number.
    pub fn amount(&self) -> Exact {
        exact(self.rounded.before) * self.times + Exact::from(self.beside)
    }
}

pub fn exact(value: Float) -> Exact {
    value.to_ratio().map_or_else(Exact::zero, Exact::from)
}

/// The numbers that a sum over tokens depends on, as the floats that a gateway has: the same for all rows of a kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbers {
    sum: Sum,
    rates: PerClass<Float>,
    model: Float,
    group: Float,
    price: Float,
    quota_per_unit: Float,
    /// Tools: calls, and USD for one.
    tools: Vec<Weighted>,
    /// What they come to, where each is rounded by itself.
    tool_points: i64,
}

impl Numbers {
    pub fn of(terms: &Terms, sum: Sum) -> Numbers {
        let tools = terms.surcharges.iter();
        Numbers {
            sum,
            rates: terms.rates.map(Float::from),
            model: terms.model_ratio.into(),
            group: terms.group_ratio.into(),
            price: terms.price.into(),
            quota_per_unit: terms.quota_per_unit.into(),
            tools: tools.map(|tool| (tool.count, tool.price.into())).collect(),
            tool_points: if sum == Sum::Laisky { tool_points(terms) } else { 0 },
        }
    }

    /// What so many tokens come to.
    pub fn come(&self, usage: &PerClass<i64>) -> InFloats {
        let at = |class: Class| -> Weighted { (usage[class], self.rates[class]) };
        let (input, output, model, group) = (usage[Class::Input], at(Class::Output), self.model, self.group);
        let rounded = match self.sum {
            Sum::InSteps => {
                let audio = at(Class::AudioInput);
                let spoken = (usage[Class::AudioOutput], audio.1, self.rates[Class::AudioOutput]);
                gateway::in_steps(input, output, audio, spoken, model, group)
            }
            Sum::ClaudeOf2025 => gateway::claude_of_2025(input, at(Class::Cached), at(Class::CacheWrite), output, model, group),
            Sum::OneApi => gateway::one_api(input, output, model, group),
            Sum::OneApiOf2023 => gateway::one_api_of_2023(input, output, model, group),
            Sum::OneHub => return self.one_hub(usage, false),
            Sum::OneHubCall => return self.one_hub(usage, true),
            Sum::Laisky => return self.laisky(usage),
        };
        InFloats { rounded, times: 1, beside: 0, nothing: false }
    }

    /// Classes without tokens add nothing.
    fn one_hub(&self, usage: &PerClass<i64>, per_call: bool) -> InFloats {
        let at = |class: Class| -> Weighted { (usage[class], self.rates[class]) };
        let charge = OneHub {
            prompt: usage[Class::Input],
            completion: usage[Class::Output],
            inputs: &Class::WITHIN_INPUT.map(at),
            outputs: &Class::WITHIN_OUTPUT.map(at),
            per_call,
            input_ratio: if per_call { self.price } else { self.model },
            output_ratio: self.rates[Class::Output],
            group: self.group,
            extras: &self.tools,
            quota_per_unit: self.quota_per_unit,
        };
        let (rounded, beside, nothing) = charge.price();
        InFloats { rounded, times: 1, beside, nothing }
    }

    fn laisky(&self, usage: &PerClass<i64>) -> InFloats {
        let at = |class: Class| -> Weighted { (usage[class], self.rates[class]) };
        let (audio_in, audio_out) = (at(Class::AudioInput), at(Class::AudioOutput));
        let completion = self.rates[Class::Output];
        let mut rounded = Laisky {
            plain: usage[Class::Input].saturating_add(audio_in.0),
            cached: at(Class::Cached),
            completion: (usage[Class::Output].saturating_add(audio_out.0), completion),
            write_5m: at(Class::CacheWrite5m),
            write_1h: at(Class::CacheWrite1h),
            model: self.model,
            group: self.group,
        }
        .price();
        let mut beside = self.tool_points;
        if (audio_in.0, audio_out.0) != (0, 0) {
            let audio = gateway::laisky_audio(audio_in, audio_out, completion, self.model, self.group);
            beside = beside.wrapping_add(audio.whole);
        }
        rounded.whole = rounded.whole.wrapping_add(beside);
        InFloats { rounded, times: 1, beside, nothing: false }
    }
}

fn tool_points(terms: &Terms) -> i64 {
    let calls = terms.surcharges.iter().map(|surcharge| {
        let call = gateway::product([surcharge.price, terms.quota_per_unit], gateway::FloatRounding::Ceil).whole;
        call.wrapping_mul(surcharge.count)
    });
    calls.fold(0, i64::wrapping_add)
}

pub fn sum(terms: &Terms, sum: Sum) -> InFloats {
    Numbers::of(terms, sum).come(&terms.usage)
}

/// The number that a factor stands for.
pub fn number(terms: &Terms, factor: &Factor) -> Ratio {
    let multipliers = || terms.multipliers.iter().map(|multiplier| multiplier.value);
    match factor {
        Factor::Price => terms.whole_price(),
        Factor::QuotaPerUnit => terms.quota_per_unit,
        Factor::GroupRatio => terms.group_ratio,
        Factor::ModelRatio => terms.model_ratio,
        Factor::HalfModelRatio => crate::float::product(terms.model_ratio, Ratio::new(5, -1)).unwrap_or_default(),
        Factor::Tokens => Ratio::from(terms.usage[Class::Input]),
        Factor::Multipliers => multipliers().reduce(|a, b| crate::float::product(a, b).unwrap_or(a)).unwrap_or(Ratio::ONE),
        Factor::FirstMultiplier => multipliers().next().unwrap_or(Ratio::ONE),
        Factor::Thousand => Ratio::new(1, 3),
    }
}

pub fn product(terms: &Terms, product: Product) -> InFloats {
    let multipliers = || terms.multipliers.iter().map(|multiplier| multiplier.value);
    let number = |factor: &Factor| number(terms, factor);
    let first = gateway::product(product.factors.iter().map(number), product.rounding);
    match product.after {
        After::Nothing => InFloats { rounded: first, times: 1, beside: 0, nothing: false },
        After::Multiplied => {
            InFloats { rounded: gateway::truncated_again(first.whole, multipliers()), times: 1, beside: 0, nothing: false }
        }
        After::TimesLast | After::TimesLastAndTokens => {
            let times = multipliers().next_back().and_then(Ratio::whole).unwrap_or(1);
            let beside = if product.after == After::TimesLast { 0 } else { image_tokens(terms).whole };
            let rounded = Rounded { whole: first.whole.wrapping_mul(times).wrapping_add(beside), ..first };
            InFloats { rounded, times, beside, nothing: false }
        }
    }
}

fn image_tokens(terms: &Terms) -> Rounded {
    let buckets = Class::OF_IMAGES.map(|class| (terms.usage[class], terms.rates[class].into()));
    gateway::laisky_image_tokens(&buckets, terms.group_ratio.into())
}

/// The value of an expression on the usage of the terms; where the request decides, in the tier that the row names.
pub fn evaluate(terms: &Terms, tiered: &Tiered) -> Result<Outcome, EvalError> {
    let variables = variables(terms, tiered);
    match tiered.expression.evaluate(&variables) {
        Err(EvalError::NeedsRequest(name)) => {
            let matched = tiered.matched.as_deref().unwrap_or("");
            tiered.expression.evaluate_branch(&variables, matched).ok_or(EvalError::NeedsRequest(name))
        }
        outcome => outcome,
    }
}

/// A summand of an expression's value: its text, and its value in USD per 1M tokens.
pub fn summands(terms: &Terms, tiered: &Tiered) -> Vec<(String, Exact)> {
    let source = tiered.expression.source();
    let summands = tiered.expression.terms(&variables(terms, tiered), tiered.matched.as_deref());
    let parts: Vec<(String, Exact)> =
        summands.into_iter().map(|term| (source.get(term.span).unwrap_or_default().to_owned(), exact(term.value))).collect();
    // What stands around the tier is in no summand; then only the whole can be told.
    let Ok(outcome) = evaluate(terms, tiered) else { return Vec::new() };
    let whole = exact(outcome.value);
    let sum = parts.iter().fold(Exact::zero(), |sum, (_, value)| sum + value.clone());
    if sum == whole { parts } else { vec![(source.to_owned(), whole)] }
}

/// The number that a text multiplies the tokens of one class with; none where it is anything else than such a product.
pub fn weight(text: &str) -> Option<Ratio> {
    let expression = Expression::parse(text).ok()?;
    let names = expression.variables();
    let class = *names.first().filter(|_| names.len() == 1)?;
    let at = |tokens: i64| {
        let mut variables = Variables::default();
        variables.set(class, tokens);
        Some(exact(expression.evaluate(&variables).ok()?.value))
    };
    let (none, one, two) = (at(0)?, at(1)?, at(2)?);
    let is_product = none.is_zero() && one.clone() * 2 == two && one.clone() * 1_048_576 == at(1_048_576)?;
    if is_product { one.to_ratio() } else { None }
}

/// The names in an expression with what they stand for; none where the terms have no expression.
pub fn expression_variables(terms: &Terms) -> Option<Vec<(&'static str, i64)>> {
    let Formula::Expression(tiered) = &terms.formula else { return None };
    let variables = variables(terms, tiered);
    Some(expr::Class::ALL.iter().map(|class| (class.name(), variables.get(*class))).collect())
}

/// The variables of an expression. Classes that it does not name stay in `p` and `c`, unless the prompt excludes the cache anyway.
fn variables(terms: &Terms, tiered: &Tiered) -> Variables {
    use expr::Class as Name;
    let usage = |class: Class| terms.usage[class];
    let mut variables = Variables {
        p: usage(Class::Input),
        c: usage(Class::Output),
        len: tiered.len,
        cr: usage(Class::Cached),
        cc: usage(Class::CacheWrite).saturating_add(usage(Class::CacheWrite5m)),
        cc1h: usage(Class::CacheWrite1h),
        img: usage(Class::ImageInput),
        img_o: usage(Class::ImageOutput),
        ai: usage(Class::AudioInput),
        ao: usage(Class::AudioOutput),
    };
    if tiered.excludes_cache {
        return variables;
    }
    let named = &tiered.named;
    let unnamed = |names: &[Name]| {
        let left = names.iter().filter(|name| !named.contains(name)).map(|name| variables.get(*name));
        left.fold(0, i64::saturating_add)
    };
    let (input, output) = (unnamed(&[Name::Cr, Name::Cc, Name::Cc1h, Name::Img, Name::Ai]), unnamed(&[Name::ImgO, Name::Ao]));
    variables.p = variables.p.saturating_add(input).max(0);
    variables.c = variables.c.saturating_add(output).max(0);
    variables
}

/// The terms of an expression with the classes that it does not name counted as the input and output that they are priced as; none
/// where that is how they stand. The charge is the same.
pub fn as_priced(terms: &Terms) -> Option<Terms> {
    use expr::Class as Name;
    let Formula::Expression(tiered) = &terms.formula else { return None };
    if tiered.excludes_cache {
        return None;
    }
    let Variables { p, c, .. } = variables(terms, tiered);
    let mut usage = terms.usage;
    (usage[Class::Input], usage[Class::Output]) = (p, c);
    let names = [
        (Name::Cr, &[Class::Cached][..]),
        (Name::Cc, &[Class::CacheWrite, Class::CacheWrite5m]),
        (Name::Cc1h, &[Class::CacheWrite1h]),
        (Name::Img, &[Class::ImageInput]),
        (Name::Ai, &[Class::AudioInput]),
        (Name::ImgO, &[Class::ImageOutput]),
        (Name::Ao, &[Class::AudioOutput]),
    ];
    let unnamed = names.into_iter().filter(|(name, _)| !tiered.named.contains(name));
    unnamed.flat_map(|(_, classes)| classes).for_each(|class| usage[*class] = 0);
    (usage != terms.usage).then(|| Terms { usage, ..terms.clone() })
}
