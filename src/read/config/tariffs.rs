//! Laisky's prices: of channels (`model_configs`, `config`), as `/api/models/display` shows them, and as
//! `/api/channel/default-pricing` lists what is compiled in.

use std::collections::HashMap;

use super::json;
use super::node::{Key, Node, Table, Value};
use super::reader::Reader;
use crate::config::issue::Code;
use crate::config::{AudioTariff, CompiledIn, Displayed, Extent, ImageTariff, Provider, Rates, Tariff, Tier, Window};
use crate::defaults;
use crate::exact::{Exact, Ratio};
use crate::float;
use crate::log::shorten;

/// The prices that a channel's `model_configs` gives, by model. What is broken gives none, as in the gateway.
pub(super) fn of_channel(model_configs: &str) -> HashMap<String, Tariff> {
    let root = json::parse(model_configs).0;
    let models = root.as_ref().and_then(Node::table).into_iter().flatten();
    models.map(|(model, node)| (model.name.clone(), tariff(node, &Scale::RATIOS))).collect()
}

/// The tool prices of a channel's `config`: USD for one call.
pub(super) fn tools_of_channel(config: &str) -> HashMap<String, Ratio> {
    let root = json::parse(config).0;
    root.as_ref().and_then(|root| root.get("tooling")).map(tools).unwrap_or_default()
}

fn tools(tooling: &Node) -> HashMap<String, Ratio> {
    let prices = tooling.get("pricing").and_then(Node::table).into_iter().flatten();
    prices.filter_map(|(name, price)| Some((name.name.to_lowercase(), per_call(price)?))).collect()
}

/// USD for one call of a tool, which may be given in points.
fn per_call(price: &Node) -> Option<Ratio> {
    let points = || float::usd_for(given(price, "quota_per_call")?.whole()?);
    given(price, "usd_per_call").or_else(points)
}

/// `/api/models/display`: effective prices by channel and model, in USD per 1M tokens.
pub(super) fn displayed(reader: &mut Reader<'_>, table: &Table) {
    for (_, channel) in table {
        let name = channel.get("channel_name").and_then(Node::text).unwrap_or_default();
        // The provider stands before the name.
        let name = name.split_once(':').map_or(name, |(_, name)| name);
        let kind = channel.get("channel_type").and_then(Node::scalar).and_then(|kind| kind.parse().ok()).unwrap_or(0);
        for (model, node) in channel.get("models").and_then(Node::table).into_iter().flatten() {
            let entry = Displayed { channel: name.to_owned(), kind, tariff: shown(node) };
            reader.config.displayed.entry(model.name.clone()).or_default().push(entry);
        }
    }
}

/// A displayed tariff. A free cached price is shown as 0.
fn shown(node: &Node) -> Tariff {
    let mut tariff = tariff(node, &Scale::PRICES);
    if number(node, "input_price").is_some_and(|price| !price.is_zero())
        && number(node, "cached_input_price").is_some_and(Ratio::is_zero)
    {
        tariff.rates.cached = Some(Ratio::from(-1));
    }
    tariff.rates.input = tariff.rates.input.or_else(|| number(node, "input_price"));
    tariff
}

/// `/api/channel/default-pricing`: ratios alone, as JSON in strings. The answer does not say of which provider it is; its names do.
pub(super) fn compiled_in(reader: &mut Reader<'_>, data: &Node) {
    let part = |name: &str| data.get(name).and_then(Node::text).and_then(|text| json::parse(text).0);
    let models = part("model_configs");
    let tariffs: HashMap<String, Tariff> = models
        .as_ref()
        .and_then(Node::table)
        .into_iter()
        .flatten()
        .map(|(model, node)| {
            let whole = tariff(node, &Scale::RATIOS);
            let input = number(node, "ratio").or(Some(Ratio::ZERO));
            (model.name.clone(), Tariff { extent: Extent::RatioOnly, rates: Rates { input, ..whole.rates }, ..whole })
        })
        .collect();
    let tools = part("tooling").as_ref().map(tools).unwrap_or_default();
    let provider = provider(&tariffs);
    reader.config.compiled_in.insert(provider, CompiledIn { tariffs, tools });
}

/// What quota's own files say is compiled in for a provider.
pub(super) fn of_provider(reader: &mut Reader<'_>, provider: &Key, table: &Table) {
    let Some(provider) = Provider::from_word(&provider.name) else {
        let words = Provider::ALL.map(Provider::word).join(", ");
        let message = format!("no provider `{}`", shorten(&provider.name));
        return reader.error(Code::BadValue, &provider.span, message, format!("one of {words}"));
    };
    let mut compiled_in = CompiledIn::default();
    for (part, numbers) in table {
        for (name, node) in reader.table(numbers, &part.name).into_iter().flatten() {
            let Some(number) = reader.number(node, &name.name) else { continue };
            if part.name == "tool_call" {
                compiled_in.tools.insert(name.name.clone(), number.ratio);
                continue;
            }
            let tariff = compiled_in.tariffs.entry(name.name.clone()).or_default();
            tariff.extent = Extent::RatioOnly;
            match part.name.as_str() {
                "model_ratio" => tariff.rates.input = Some(number.ratio),
                "completion_ratio" => tariff.rates.completion = Some(number.ratio),
                _ => {}
            }
        }
    }
    reader.config.compiled_in.insert(provider, compiled_in);
}

/// The provider whose built-in names are most like these.
fn provider(tariffs: &HashMap<String, Tariff>) -> Provider {
    let likeness = |provider: &Provider| {
        let Some(known) = defaults::compiled_in(*provider) else { return 0 };
        let shared = tariffs.keys().filter(|name| known.tariffs.contains_key(*name)).count();
        shared * 1_000_000 / (tariffs.len() + known.tariffs.len() - shared).max(1)
    };
    Provider::ALL.into_iter().max_by_key(likeness).unwrap_or(Provider::Merged)
}

/// How the numbers of a source become rates.
struct Scale {
    input: &'static str,
    output: &'static str,
    cached: &'static str,
    write_5m: &'static str,
    write_1h: &'static str,
    image: &'static str,
    audio: &'static str,
    per_call: &'static str,
    prices: bool,
}

impl Scale {
    /// Points per token, as a channel keeps them.
    const RATIOS: Scale = Scale {
        input: "ratio",
        output: "completion_ratio",
        cached: "cached_input_ratio",
        write_5m: "cache_write_5m_ratio",
        write_1h: "cache_write_1h_ratio",
        image: "image",
        audio: "audio",
        per_call: "per_call",
        prices: false,
    };
    /// USD per 1M tokens, as the gateway shows them.
    const PRICES: Scale = Scale {
        input: "input_price",
        output: "output_price",
        cached: "cached_input_price",
        write_5m: "cache_write_5m_price",
        write_1h: "cache_write_1h_price",
        image: "image_pricing",
        audio: "audio_pricing",
        per_call: "per_call_pricing",
        prices: true,
    };

    fn rate(&self, node: &Node, name: &str) -> Option<Ratio> {
        let number = given(node, name)?;
        if self.prices { half(number) } else { Some(number) }
    }

    /// The completion ratio; where the source has an output price, relative to the input as the gateway divides it.
    fn completion(&self, node: &Node, input: Option<Ratio>) -> Option<Ratio> {
        let output = self.rate(node, self.output)?;
        if self.prices { float::quotient(output, input?) } else { Some(output) }
    }
}

/// 1 point for a token is 2 USD per 1M tokens.
fn half(price: Ratio) -> Option<Ratio> {
    (Exact::from(price) * Ratio::new(5, -1)).to_ratio()
}

fn tariff(node: &Node, scale: &Scale) -> Tariff {
    let list = |name: &str| node.get(name).and_then(Node::list).unwrap_or_default();
    let rates = rates(node, scale, None);
    let mut tiers: Vec<Tier> = list("tiers").iter().map(|tier| tier_of(tier, scale, rates.input)).collect();
    tiers.sort_by_key(|tier| (tier.prompt_from, tier.completion_from));
    Tariff {
        extent: Extent::Whole,
        rates,
        tiers,
        windows: list("time_windows").iter().map(|window| window_of(window, scale)).collect(),
        image: node.get(scale.image).map(image),
        audio: node.get(scale.audio).map(audio),
        per_call: node.get(scale.per_call).and_then(thousandth),
    }
}

fn thousandth(per_call: &Node) -> Option<Ratio> {
    let thousand = given(per_call, "usd_per_thousand_calls")?;
    given(per_call, "usd_per_call").or_else(|| float::quotient(thousand, Ratio::from(1000)))
}

/// The rates of a price, or of a tier over the input rate of its price.
fn rates(node: &Node, scale: &Scale, base: Option<Ratio>) -> Rates {
    let input = scale.rate(node, scale.input);
    Rates {
        input,
        completion: scale.completion(node, input.or(base)),
        cached: scale.rate(node, scale.cached),
        write_5m: scale.rate(node, scale.write_5m),
        write_1h: scale.rate(node, scale.write_1h),
    }
}

fn tier_of(node: &Node, scale: &Scale, base: Option<Ratio>) -> Tier {
    let count = |name: &str| number(node, name).and_then(Ratio::whole).unwrap_or(0);
    Tier {
        prompt_from: count("input_token_threshold"),
        completion_from: count("output_token_threshold"),
        rates: rates(node, scale, base),
    }
}

/// A time window; one that the gateway cannot read never holds.
fn window_of(node: &Node, scale: &Scale) -> Window {
    let list = |name: &str| node.get(name).and_then(Node::list).unwrap_or_default();
    let text = |name: &str| node.get(name).and_then(Node::text).filter(|text| !text.is_empty());
    let date = |name: &str| match text(name) {
        None => Some(None),
        Some(date) => date.parse::<jiff::civil::Date>().ok().map(|date| Some(date.to_string())),
    };
    let days = list("days_of_week").iter().filter_map(|day| day.scalar()?.parse().ok()).collect();
    let ranges: Option<Vec<(u16, u16)>> = list("ranges").iter().map(range).collect();
    let over = Box::new(node.get("overlay").map(|over| tariff(over, scale)).unwrap_or_default());
    let (from, until) = (date("date_from"), date("date_to"));
    let readable = from.is_some() && until.is_some();
    Window {
        zone: text("timezone").unwrap_or("UTC").to_owned(),
        ranges: ranges.filter(|_| readable).unwrap_or_default(),
        days,
        from: from.flatten(),
        until: until.flatten(),
        over,
    }
}

fn range(node: &Node) -> Option<(u16, u16)> {
    let minutes = |name: &str| -> Option<u16> {
        let (hour, minute) = node.get(name)?.text()?.split_once(':')?;
        let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
        (hour < 24 && minute < 60).then_some(hour * 60 + minute)
    };
    Some((minutes("start")?, minutes("end")?))
}

fn image(node: &Node) -> ImageTariff {
    let map = |node: &Node| -> HashMap<String, Ratio> {
        let entries = node.table().into_iter().flatten();
        entries.filter_map(|(key, value)| Some((key.name.to_lowercase(), ratio(value)?))).collect()
    };
    let tables = node.get("quality_size_multipliers").and_then(Node::table).into_iter().flatten();
    ImageTariff {
        price: given(node, "price_per_image_usd"),
        sizes: node.get("size_multipliers").map(map).unwrap_or_default(),
        qualities: node.get("quality_multipliers").map(map).unwrap_or_default(),
        quality_sizes: tables.map(|(quality, sizes)| (quality.name.to_lowercase(), map(sizes))).collect(),
    }
}

fn audio(node: &Node) -> AudioTariff {
    let either = |one: &str, other: &str| given(node, one).or_else(|| given(node, other));
    AudioTariff {
        prompt: either("prompt_ratio", "prompt_token_ratio"),
        completion: either("completion_ratio", "completion_token_ratio"),
        by_second: given(node, "usd_per_second").is_some(),
    }
}

fn ratio(node: &Node) -> Option<Ratio> {
    match &node.value {
        Value::Number(digits) => digits.parse().ok(),
        _ => None,
    }
}

fn number(node: &Node, name: &str) -> Option<Ratio> {
    ratio(node.get(name)?)
}

/// A number that is set: 0 means that nothing is given.
fn given(node: &Node, name: &str) -> Option<Ratio> {
    number(node, name).filter(|number| !number.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::read::config::read;

    fn text(ratio: Option<Ratio>) -> String {
        ratio.map_or_else(|| "-".to_owned(), |ratio| ratio.to_string())
    }

    fn of(text: &str) -> Config {
        read("x.json", text.as_bytes()).unwrap_or_else(|issues| panic!("{issues:#?}")).config
    }

    #[test]
    fn a_channel_has_prices_of_its_own() {
        let tariffs = of_channel(
            r#"{"a": {"ratio": 0, "completion_ratio": 4, "cached_input_ratio": -1,
                "tiers": [{"ratio": 2, "input_token_threshold": 400}, {"completion_ratio": 3, "input_token_threshold": 200}],
                "time_windows": [{"ranges": [{"start": "20:00", "end": "08:00"}], "days_of_week": [0, 6], "overlay": {"ratio": 9}},
                                 {"ranges": [{"start": "20:00", "end": "24:00"}], "overlay": {"ratio": 9}}]}}"#,
        );
        let rates = tariffs["a"].rates;
        assert_eq!([rates.input, rates.completion, rates.cached].map(text), ["-", "4", "-1"]);
        assert_eq!(tariffs["a"].tiers.iter().map(|tier| tier.prompt_from).collect::<Vec<_>>(), [200, 400]);
        let windows = &tariffs["a"].windows;
        assert_eq!((windows[0].ranges.as_slice(), windows[0].days.as_slice()), ([(1200, 480)].as_slice(), [0, 6].as_slice()));
        assert!(windows[1].ranges.is_empty(), "no such time of the day");
        assert!(of_channel("{").is_empty());
    }

    #[test]
    fn tool_prices_are_in_usd_or_in_points() {
        let tools = tools_of_channel(
            r#"{"tooling":{"pricing":{"Web_Search":{"usd_per_call":0.0111111},"file_search":{"quota_per_call":77}}}}"#,
        );
        assert_eq!((tools["web_search"].to_string(), tools["file_search"].to_string()), ("0.0111111".into(), "0.000154".into()));
    }

    #[test]
    fn displayed_prices_become_rates() {
        let config = of(
            r#"{"success":true,"message":"","data":{"gemini:a:b":{"channel_name":"gemini:a:b","channel_type":24,"models":{
                "pro":{"input_price":1.25,"cached_input_price":0.125,"output_price":10,"tiers":[{"input_price":2.5,"output_price":15,"input_token_threshold":200001}]},
                "free":{"input_price":1,"cached_input_price":0,"output_price":1},"nothing":{"input_price":0,"cached_input_price":0,"output_price":0}}}}}"#,
        );
        let shown = |model: &str| &config.displayed[model][0];
        assert_eq!((shown("pro").channel.as_str(), shown("pro").kind), ("a:b", 24));
        let rates = shown("pro").tariff.rates;
        assert_eq!([rates.input, rates.completion, rates.cached].map(text), ["0.625", "8", "0.0625"]);
        let tier = shown("pro").tariff.tiers[0];
        assert_eq!([tier.rates.input, tier.rates.completion, tier.rates.cached].map(text), ["1.25", "6", "-"]);
        assert_eq!(text(shown("free").tariff.rates.cached), "-1");
        let rates = shown("nothing").tariff.rates;
        assert_eq!([rates.input, rates.completion, rates.cached].map(text), ["0", "-", "-"]);
    }

    #[test]
    fn the_names_tell_whose_compiled_in_prices_they_are() {
        let config = of(
            r#"{"success":true,"data":{"model_ratio":"{}","completion_ratio":"{}","tooling":"{\"pricing\":{\"web_search\":{\"usd_per_call\":0.02}}}",
                "model_configs":"{\"claude-2.0\":{\"ratio\":4,\"completion_ratio\":3},\"claude-new\":{\"ratio\":1}}"}}"#,
        );
        let anthropic = &config.compiled_in[&Provider::Anthropic];
        assert_eq!(
            (text(anthropic.tariffs["claude-2.0"].rates.completion), anthropic.tools["web_search"].to_string()),
            ("3".into(), "0.02".into())
        );
        assert_eq!(anthropic.tariffs["claude-new"].extent, Extent::RatioOnly);
    }
}
