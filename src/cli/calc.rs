//! `quota calc`.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::outcome::Failure;
use super::{Chosen, Common, number, positive};
use crate::audit::is_held;
use crate::config::{Config, Currency, Map, MapName, Timeline};
use crate::defaults;
use crate::exact::Ratio;
use crate::float::expr::Expression;
use crate::pricing::{Class, Mode, Reason, Slot, Terms, outcome};
use crate::profile::new_api::{Overrides, Request, Rules, calculate};
use crate::profile::{Basis, Context, Profile, is_veloera, of_request};
use crate::report::calc::{Calculation, Extras, write_json, write_table};
use crate::report::{issues, printable};

/// Price one request, or the same request under several groups or models
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  quota calc --model gpt-4o --input 1000 --cached 200 --output 500\n  \
                        quota calc --input-price 2.5 --output-price 15 --input 1000 --output 100 --group-ratio 0.3\n\n\
                        Exit codes: 0 priced, 2 bad arguments or config, 3 the model has no price.\n\
                        Environment: QUOTA_CONFIG (a config file), QUOTA_COLOR (auto, always, never); flags win.")]
pub struct CalcCommand {
    #[command(flatten)]
    common: Common,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Uncached input tokens
    #[arg(long, value_name = "TOKENS", value_parser = tokens, conflicts_with = "prompt")]
    input: Option<i64>,
    /// All input tokens, cached and written ones inside
    #[arg(long, value_name = "TOKENS", value_parser = tokens)]
    prompt: Option<i64>,
    /// Input tokens read from the cache
    #[arg(long, value_name = "TOKENS", value_parser = tokens, default_value_t = 0)]
    cached: i64,
    /// Input tokens written to the cache for 5 minutes
    #[arg(long, value_name = "TOKENS", value_parser = tokens, default_value_t = 0)]
    cache_write: i64,
    /// Input tokens written to the cache for 1 hour
    #[arg(long = "cache-write-1h", value_name = "TOKENS", value_parser = tokens, default_value_t = 0)]
    cache_write_1h: i64,
    /// Output tokens
    #[arg(long, value_name = "TOKENS", value_parser = tokens, default_value_t = 0)]
    output: i64,
    /// Audio input tokens, beside --input or within --prompt
    #[arg(long, value_name = "TOKENS", value_parser = tokens, default_value_t = 0)]
    audio_input: i64,
    /// Audio output tokens, beside --output
    #[arg(long, value_name = "TOKENS", value_parser = tokens, default_value_t = 0)]
    audio_output: i64,
    /// Image input tokens, beside --input or within --prompt
    #[arg(long, value_name = "TOKENS", value_parser = tokens, default_value_t = 0)]
    image_input: i64,
    /// Tool calls
    #[arg(long, value_name = "NAME=CALLS", value_parser = tool)]
    tool: Vec<(String, i64)>,
    /// A further factor of the price: seconds, size, n
    #[arg(long, value_name = "NAME=X", value_parser = multiplier)]
    multiplier: Vec<(String, Ratio)>,
    /// Price so many equal requests
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..))]
    requests: i64,
    /// The model (repeatable: one column each; the formula stands under a single one)
    #[arg(long, value_name = "NAME")]
    model: Vec<String>,
    /// The group (repeatable: one column each; `all` is every group of the config)
    #[arg(long, value_name = "NAME")]
    group: Vec<String>,
    /// The user's own group, for special ratios
    #[arg(long, value_name = "NAME", default_value = "")]
    user_group: String,
    #[arg(long, value_name = "X", value_parser = number, conflicts_with_all = ["model_price", "input_price", "expr"])]
    model_ratio: Option<Ratio>,
    #[arg(long, value_name = "X", value_parser = number, conflicts_with_all = ["model_price", "output_price", "expr"])]
    completion_ratio: Option<Ratio>,
    #[arg(long, value_name = "X", value_parser = number, conflicts_with_all = ["model_price", "expr"])]
    cache_ratio: Option<Ratio>,
    #[arg(long, value_name = "X", value_parser = number)]
    group_ratio: Option<Ratio>,
    /// USD per call
    #[arg(long, value_name = "USD", value_parser = number, conflicts_with_all = ["input_price", "output_price", "expr"])]
    model_price: Option<Ratio>,
    /// USD per 1M input tokens
    #[arg(long, value_name = "USD", value_parser = number, conflicts_with = "expr")]
    input_price: Option<Ratio>,
    /// USD per 1M output tokens
    #[arg(long, value_name = "USD", value_parser = number, conflicts_with = "expr")]
    output_price: Option<Ratio>,
    /// A tiered price expression, such as 'tier("base", p * 2.5 + c * 15 + cr * 0.25)'
    #[arg(long, value_name = "TEXT")]
    expr: Option<String>,
    /// Recharge bonus, such as 15%: shows what the charge costs in money really paid
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    bonus: Option<Ratio>,
    /// Show a second currency
    #[arg(long, value_name = "CODE")]
    currency: Option<String>,
    /// How many of the second currency are 1 USD
    #[arg(long, value_name = "X", value_parser = positive, requires = "currency")]
    rate: Option<Ratio>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

fn tokens(text: &str) -> Result<i64, String> {
    let count: Option<i64> = text.replace(['_', ','], "").parse().ok();
    count.filter(|count| *count >= 0).ok_or_else(|| "expected a whole number of tokens".to_owned())
}

fn tool(text: &str) -> Result<(String, i64), String> {
    let (name, calls) = text.rsplit_once('=').ok_or("expected NAME=CALLS")?;
    Ok((name.to_owned(), tokens(calls).map_err(|_| "expected a whole number of calls")?))
}

fn multiplier(text: &str) -> Result<(String, Ratio), String> {
    let (name, factor) = text.rsplit_once('=').ok_or("expected NAME=X")?;
    Ok((name.to_owned(), number(factor)?))
}

/// `15%`, or `0.15`, as a fraction. A bare `15` may be meant as either.
fn percent(text: &str) -> Result<Ratio, String> {
    let fraction = match text.strip_suffix('%') {
        Some(number) => number.trim().parse::<Ratio>().ok().map(|n| Ratio::new(n.mantissa(), n.exponent() - 2)),
        None => text.parse().ok().filter(|fraction| *fraction < Ratio::ONE),
    };
    fraction.filter(|bonus| !bonus.is_negative()).ok_or_else(|| "expected a percentage such as 15%".to_owned())
}

impl CalcCommand {
    /// Prices the request; the exit code.
    pub fn run(self, out: &mut dyn Write, err: &mut dyn Write) -> Result<u8, Failure> {
        self.check_prompt()?;
        let Chosen { config, given } = self.common.load(err)?;
        // A request has no time: as rows without one it is priced by what holds from the beginning.
        let timeline = Timeline::new(config);
        let config = timeline.at(None);
        let profile = self.profile(config)?;
        if !given && !self.common.quiet && self.needs_prices() {
            let gateway = if profile == Profile::Exact { Profile::NewApi } else { profile };
            writeln!(
                err,
                "note: priced with the built-in defaults of a fresh {gateway} (`quota config defaults`); `--config` names your own"
            )?;
        }
        self.tell_groups(config, err)?;
        self.tell_special_ratios(config, profile, err)?;
        let calculations = self.calculations(config, profile)?;
        self.tell_classes(&calculations, err)?;
        let extras = Extras { currency: self.currency(config)?, bonus: self.bonus.or(config.bonus) };
        match self.format {
            Format::Json => write_json(&calculations, out)?,
            Format::Table => write_table(&calculations, &extras, out)?,
        }
        Ok(0)
    }

    /// What lies within the prompt cannot be more than it.
    fn check_prompt(&self) -> Result<(), Failure> {
        let within = [
            ("--cached", self.cached),
            ("--cache-write", self.cache_write),
            ("--cache-write-1h", self.cache_write_1h),
            ("--audio-input", self.audio_input),
            ("--image-input", self.image_input),
        ];
        let typed = within.into_iter().filter(|(_, tokens)| *tokens != 0);
        let sum = within.iter().fold(0_i64, |sum, (_, tokens)| sum.saturating_add(*tokens));
        match self.prompt.filter(|prompt| *prompt < sum) {
            None => Ok(()),
            Some(prompt) => {
                let flags: Vec<String> = typed.map(|(flag, _)| format!("`{flag}`")).collect();
                let message = format!("`--prompt` has {prompt} tokens, and {} within it have {sum}", flags.join(", "));
                let hint = "`--input` takes the tokens beside them".to_owned();
                Err(Failure::usage(message, Some(hint)))
            }
        }
    }

    /// Whose rules price the request: without a word of it those that an audit takes for a plain log.
    fn profile(&self, config: &Config) -> Result<Profile, Failure> {
        let asked = self.common.profile(config)?;
        let flags = self.flags_of_new_api();
        let profile = match asked {
            Some(profile) => profile,
            None if flags.is_empty() && is_veloera(config) => Profile::Veloera,
            None => Profile::NewApi,
        };
        if flags.is_empty() || matches!(profile, Profile::NewApi | Profile::Exact) {
            return Ok(profile);
        }
        let hint = "write the prices into a config, or take `--profile new-api`".to_owned();
        Err(Failure::usage(format!("the rules of {profile} do not take {}", flags.join(", ")), Some(hint)))
    }

    /// The flags that were typed and only the rules of new-api take.
    fn flags_of_new_api(&self) -> Vec<&'static str> {
        let flags = [
            ("`--tool`", !self.tool.is_empty()),
            ("`--multiplier`", !self.multiplier.is_empty()),
            ("`--expr`", self.expr.is_some()),
            ("`--model-ratio`", self.model_ratio.is_some()),
            ("`--completion-ratio`", self.completion_ratio.is_some()),
            ("`--cache-ratio`", self.cache_ratio.is_some()),
            ("`--model-price`", self.model_price.is_some()),
            ("`--input-price`", self.input_price.is_some()),
            ("`--output-price`", self.output_price.is_some()),
        ];
        flags.into_iter().filter(|(_, is_typed)| *is_typed).map(|(flag, _)| flag).collect()
    }

    /// Classes that the gateway does not tell apart are priced as what they are within.
    fn tell_classes(&self, calculations: &[Calculation], err: &mut dyn Write) -> io::Result<()> {
        let holds = |classes: &[Class]| {
            let by_token =
                |terms: &Terms| terms.formula.mode() != Mode::Tokens || classes.iter().any(|class| terms.usage[*class] != 0);
            calculations.iter().all(|calculation| by_token(&calculation.terms))
        };
        let typed: [(&str, i64, &[Class]); 6] = [
            ("--cached", self.cached, &[Class::Cached, Class::CacheRead]),
            ("--cache-write", self.cache_write, &[Class::CacheWrite, Class::CacheWrite5m]),
            ("--cache-write-1h", self.cache_write_1h, &[Class::CacheWrite, Class::CacheWrite1h]),
            ("--image-input", self.image_input, &[Class::ImageInput]),
            ("--audio-input", self.audio_input, &[Class::AudioInput]),
            ("--audio-output", self.audio_output, &[Class::AudioOutput]),
        ];
        for (flag, _, _) in typed.into_iter().filter(|(_, tokens, classes)| *tokens != 0 && !self.common.quiet && !holds(classes)) {
            writeln!(err, "note: no price of its own is known for `{flag}`: such tokens count as what they are within")?;
        }
        Ok(())
    }

    /// Whether anything of the price comes from the config or the defaults.
    fn needs_prices(&self) -> bool {
        let priced = self.expr.is_some() || self.model_price.is_some() || self.model_ratio.or(self.input_price).is_some();
        !priced || !self.model.is_empty()
    }

    fn calculations(&self, config: &Config, profile: Profile) -> Result<Vec<Calculation>, Failure> {
        if self.model.is_empty() && self.needs_prices() && self.output_price.is_none() {
            let hint = "name a model with `--model`, or prices with `--input-price` and `--output-price`".to_owned();
            return Err(Failure::usage("nothing to price".to_owned(), Some(hint)));
        }
        let models = if self.model.is_empty() { vec![String::new()] } else { each_once(&self.model) };
        let groups = self.groups(config);
        let pairs = models.iter().flat_map(|model| groups.iter().map(move |group| (model, group)));
        pairs.map(|(model, group)| self.calculation(config, profile, model, group)).collect()
    }

    /// A group that the config does not name counts as 1, which may be a slip of the pen.
    fn tell_groups(&self, config: &Config, err: &mut dyn Write) -> io::Result<()> {
        let known: BTreeSet<String> = known_groups(config).into_iter().chain(config.groups.keys().cloned()).collect();
        let known: Vec<String> = known.into_iter().collect();
        let groups = self.groups(config);
        let unknown = |group: &&String| !known.contains(group) && self.group_ratio.is_none();
        for group in groups.iter().filter(unknown).filter(|_| !self.common.quiet) {
            note(err, &format!("no group `{group}` is known, so that its ratio is 1; known are {}", known.join(", ")))?;
        }
        for group in groups.iter().filter(|_| !self.common.quiet) {
            for model in self.model.iter().filter(|model| !is_held(group, model, "", config)) {
                note(err, &format!("group `{group}` does not hold `{model}`"))?;
            }
        }
        Ok(())
    }

    /// Who names no group of the user may not know that some users pay another ratio.
    fn tell_special_ratios(&self, config: &Config, profile: Profile, err: &mut dyn Write) -> io::Result<()> {
        let has_special = matches!(profile, Profile::NewApi | Profile::Exact);
        if !has_special || self.common.quiet || !self.user_group.is_empty() || self.group_ratio.is_some() {
            return Ok(());
        }
        for group in self.groups(config) {
            let special = config.group_group_ratio.iter().flatten().filter(|(_, ratios)| ratios.contains_key(&group));
            let users: BTreeSet<String> = special.map(|(user_group, _)| format!("`{user_group}`")).collect();
            if !users.is_empty() {
                let users = users.into_iter().collect::<Vec<_>>().join(", ");
                note(err, &format!("users of {users} pay another ratio in group `{group}`; `--user-group` names the user's own"))?;
            }
        }
        Ok(())
    }

    fn groups(&self, config: &Config) -> Vec<String> {
        if self.group.is_empty() {
            return vec!["default".to_owned()];
        }
        if self.group.iter().any(|group| group == "all") { known_groups(config) } else { each_once(&self.group) }
    }

    fn calculation(&self, config: &Config, profile: Profile, model: &str, group: &str) -> Result<Calculation, Failure> {
        let request = self.request(model, group);
        let terms = match profile {
            Profile::NewApi => self.by_new_api(&request, config, &Rules::OF_2026),
            Profile::Exact => self.by_new_api(&request, config, &Rules::DOCUMENT),
            profile => self.by_gateway(&request, config, profile),
        }?;
        Ok(Calculation { model: model.to_owned(), group: group.to_owned(), terms, requests: self.requests })
    }

    fn by_new_api(&self, request: &Request, config: &Config, rules: &Rules) -> Result<Terms, Failure> {
        let overrides = self.overrides()?;
        let quota_per_unit = self.common.quota_per_unit(config);
        let price = |overrides: &Overrides| calculate(request, overrides, config, quota_per_unit, rules);
        let terms = price(&overrides).map_err(|reason| match reason {
            Reason::RequestDependentExpression | Reason::ExpressionFailed | Reason::ExpressionNotSupported => {
                unknown(request, reason, "write what it comes to for this request: `--expr` prices by numbers of tokens alone")
            }
            Reason::RatioUnknown if is_said_unknown(config, request) => {
                unknown(request, reason, &hint_of(&missing(&overrides, usize::MAX, price)))
            }
            _ => self.no_price(config, &request.model),
        })?;
        if !is_number(&terms) {
            let hint = "it divides by 0, or takes a logarithm or root that no number has".to_owned();
            return Err(Failure::unpriced("the expression comes to no finite number".to_owned(), Some(hint)));
        }
        match terms.open.first() {
            None => Ok(terms),
            // The model has a price, or there were no terms.
            Some(open) if open.reason == Reason::UnknownModel => {
                let tools: Vec<String> = self.tool.iter().map(|(name, _)| format!("`{name}`")).collect();
                let hint = "a config names prices of tools under `[tool_price]`".to_owned();
                Err(Failure::unpriced(format!("no price for a tool of {}", tools.join(", ")), Some(hint)))
            }
            Some(open) => Err(unknown(request, open.reason, &hint_of(&missing(&overrides, terms.open.len(), price)))),
        }
    }

    fn overrides(&self) -> Result<Overrides, Failure> {
        Ok(Overrides {
            expression: self.expression()?,
            model_ratio: self.model_ratio,
            completion_ratio: self.completion_ratio,
            cache_ratio: self.cache_ratio,
            group_ratio: self.group_ratio,
            model_price: self.model_price,
            input_price: self.input_price,
            output_price: self.output_price,
        })
    }

    /// By the rules of another gateway, as its rows are priced. What only a row can tell is presumed.
    fn by_gateway(&self, request: &Request, config: &Config, profile: Profile) -> Result<Terms, Failure> {
        let hint = "it may hang on what only a row tells, such as its channel; another config may say more";
        let veloera = profile == Profile::Veloera;
        let quota_per_unit = self.common.quota_per_unit(config);
        let context = Context { config, basis: Basis::Config, quota_per_unit, veloera, other_mode: false };
        let terms = of_request(profile, request, &context).map_err(|reason| match reason {
            Reason::UnknownModel => self.no_price(config, &request.model),
            reason => unknown(request, reason, hint),
        })?;
        let open = terms.open.iter().find(|open| open.allowed.is_mere_presumption());
        match (open, self.group_ratio) {
            (Some(open), _) => Err(unknown(request, open.reason, hint)),
            (None, Some(ratio)) => Ok(terms.with(Slot::GroupRatio, ratio)),
            (None, None) => Ok(terms),
        }
    }

    fn no_price(&self, config: &Config, model: &str) -> Failure {
        if model.is_empty() && self.output_price.is_some() {
            let hint = "name it with `--input-price`, 0 where it is free".to_owned();
            return Failure::unpriced("no price for input".to_owned(), Some(hint));
        }
        no_price(config, model)
    }

    fn expression(&self) -> Result<Option<Arc<Expression>>, Failure> {
        let Some(text) = &self.expr else { return Ok(None) };
        let color = self.common.color.for_stream(io::stderr().is_terminal());
        let rendered = |error| Failure::Rendered(issues::render_expression(text, &error, color));
        Expression::parse(text).map(|expression| Some(Arc::new(expression))).map_err(rendered)
    }

    fn request(&self, model: &str, group: &str) -> Request {
        let beside = [self.cached, self.cache_write, self.cache_write_1h, self.audio_input, self.image_input];
        let input = self.input.unwrap_or(0);
        Request {
            model: model.to_owned(),
            group: group.to_owned(),
            user_group: self.user_group.clone(),
            prompt: self.prompt.unwrap_or_else(|| beside.into_iter().fold(input, i64::saturating_add)),
            cached: self.cached,
            writes_5m: self.cache_write,
            writes_1h: self.cache_write_1h,
            image_input: self.image_input,
            audio_input: self.audio_input,
            audio_output: self.audio_output,
            completion: self.output.saturating_add(self.audio_output),
            tools: self.tool.clone(),
            multipliers: self.multiplier.clone(),
        }
    }

    fn currency(&self, config: &Config) -> Result<Option<Currency>, Failure> {
        let Some(code) = &self.currency else { return Ok(config.currency.clone()) };
        let known = config.currency.as_ref().filter(|currency| currency.code == *code).map(|currency| currency.rate);
        match self.rate.or(known) {
            Some(rate) => Ok(Some(Currency { code: code.clone(), rate })),
            None => {
                Err(Failure::usage(format!("how many {code} are 1 USD is not known"), Some("name it with `--rate`".to_owned())))
            }
        }
    }
}

/// Whether the config says that nobody knows the price.
fn is_said_unknown(config: &Config, request: &Request) -> bool {
    config.unknown_models.contains(&request.model) || config.unknown_groups.contains(&request.group)
}

/// The flags with which less is open than so much.
fn missing(overrides: &Overrides, open: usize, price: impl Fn(&Overrides) -> Result<Terms, Reason>) -> Vec<&'static str> {
    let one = Some(Ratio::ONE);
    let with = [
        ("`--model-ratio`", Overrides { model_ratio: one, ..overrides.clone() }),
        ("`--completion-ratio`", Overrides { completion_ratio: one, ..overrides.clone() }),
        ("`--cache-ratio`", Overrides { cache_ratio: one, ..overrides.clone() }),
        ("`--group-ratio`", Overrides { group_ratio: one, ..overrides.clone() }),
    ];
    let helps = |overrides: &Overrides| price(overrides).is_ok_and(|terms| terms.open.len() < open);
    with.into_iter().filter(|(_, overrides)| helps(overrides)).map(|(flag, _)| flag).collect()
}

fn hint_of(flags: &[&str]) -> String {
    match flags {
        [] => "another config may say more".to_owned(),
        flags => format!("name it with {}, or another config", flags.join(", ")),
    }
}

fn unknown(request: &Request, reason: Reason, hint: &str) -> Failure {
    let of_model = if request.model.is_empty() { String::new() } else { format!(" of `{}`", request.model) };
    let message = format!("the price{of_model} in group `{}` is not known: {}", request.group, reason.word());
    Failure::unpriced(message, Some(hint.to_owned()))
}

/// Whether an expression has a value that can be charged.
fn is_number(terms: &Terms) -> bool {
    outcome(terms).is_none_or(|outcome| outcome.is_ok_and(|outcome| outcome.value.is_finite()))
}

/// Names of a config may hold anything.
fn note(err: &mut dyn Write, text: &str) -> io::Result<()> {
    writeln!(err, "note: {}", printable(text))
}

/// Equal names make one column.
pub(super) fn each_once(names: &[String]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    names.iter().filter(|name| seen.insert(*name)).cloned().collect()
}

/// The groups of the config, or those of a fresh gateway.
fn known_groups(config: &Config) -> Vec<String> {
    let map = match config.map(MapName::GroupRatio) {
        Map::Given(_) => config.map(MapName::GroupRatio),
        _ => defaults::new_api().map(MapName::GroupRatio),
    };
    let mut names: Vec<String> = match map {
        Map::Given(numbers) => numbers.keys().cloned().collect(),
        _ => vec!["default".to_owned()],
    };
    names.sort();
    names
}

fn no_price(config: &Config, model: &str) -> Failure {
    let known = [config, defaults::new_api()].into_iter().flat_map(|config| {
        [MapName::ModelRatio, MapName::ModelPrice].into_iter().filter_map(|map| match config.map(map) {
            Map::Given(numbers) => Some(numbers.keys()),
            _ => None,
        })
    });
    let nearest = known
        .flatten()
        .map(|name| (strsim::damerau_levenshtein(name, model), name))
        .min()
        .filter(|(distance, _)| distance * 3 <= model.chars().count());
    let are_unknown = [MapName::ModelRatio, MapName::ModelPrice].iter().all(|map| *config.map(*map) == Map::Unknown);
    let hint = match nearest.filter(|(distance, _)| *distance > 0 || are_unknown) {
        // The gateway has a price of it, and the config is of a kind that cannot carry any.
        Some((0, _)) => "the config says nothing of prices: add one that does with `--config`, or name the price".to_owned(),
        Some((_, name)) => format!("did you mean `{name}`?"),
        None => "name its price with `--model-ratio` or `--input-price`, or a config with `--config`".to_owned(),
    };
    Failure::unpriced(format!("no price for model `{model}`"), Some(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bonus_is_a_fraction() {
        assert_eq!(percent("15%").unwrap().to_string(), "0.15");
        assert_eq!(percent("0.15").unwrap().to_string(), "0.15");
        assert!(percent("-1%").is_err() && percent("15").is_err());
        assert_eq!(percent("12.5%").unwrap().to_string(), "0.125");
    }
}
