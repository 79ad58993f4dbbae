//! What only one-hub has: a list of absolute prices, and groups with a symbol.
//!
//! A price list cannot carry groups, so their ratios are unknown beside it until a group list is given.

use std::collections::HashMap;

use super::json;
use super::node::{Node, Value};
use super::options;
use super::reader::Reader;
use crate::config::issue::Code;
use crate::config::{ListedPrice, Map, MapName, Number};
use crate::log::shorten;

/// `/api/prices`, the `prices.json` of the command line tool: a row a model, in the order of the list.
pub(super) fn prices(reader: &mut Reader<'_>, rows: &[Node]) {
    rows.iter().for_each(|row| price(reader, row));
    options::unknown(reader, [MapName::GroupRatio]);
}

/// One price. Input and output are absolute: 1 is 0.002 USD for 1000 tokens, or for one call.
pub(super) fn price(reader: &mut Reader<'_>, row: &Node) {
    let Some(model) = row.get("model").and_then(Node::text).map(str::to_owned) else {
        reader.error(Code::WrongType, &row.span, "a price without `model`", "save the answer of /api/prices again");
        return;
    };
    let kind = row.get("type").and_then(Node::text).unwrap_or("tokens");
    if !matches!(kind, "tokens" | "times") {
        let message = format!("`{}`: no price type `{}`", shorten(&model), shorten(kind));
        reader.error(Code::BadValue, &row.span, message, "a price is by `tokens` or by `times`");
        return;
    }
    let zero = Number { ratio: crate::exact::Ratio::ZERO, origin: reader.origin(&row.span) };
    let number = |reader: &mut Reader<'_>, name: &str| row.get(name).map_or(Some(zero), |node| reader.number(node, &model));
    let (input, output) = (number(reader, "input"), number(reader, "output"));
    let (Some(input), Some(output)) = (input, output) else { return };
    let channel_kind = row.get("channel_type").and_then(Node::scalar).and_then(|text| text.parse().ok()).unwrap_or(0);
    let extra_ratios = extra_ratios(reader, row);
    reader.config.price_list.push(ListedPrice { model, per_call: kind == "times", channel_kind, input, output, extra_ratios });
}

/// The ratios of classes; none, null and `{}` are the same.
fn extra_ratios(reader: &mut Reader<'_>, row: &Node) -> HashMap<String, Number> {
    let mut ratios = HashMap::new();
    let Some(node) = row.get("extra_ratios").filter(|node| !matches!(node.value, Value::Null)) else { return ratios };
    for (key, value) in reader.table(node, "extra_ratios").into_iter().flatten() {
        if let Some(number) = reader.number(value, &key.name) {
            ratios.insert(key.name.clone(), number);
        }
    }
    ratios
}

/// `/api/user_group` and `/api/user_group_map`, which know no prices.
pub(super) fn group_list(reader: &mut Reader<'_>, rows: &[Node]) {
    groups(reader, rows);
    options::unknown(reader, MapName::ALL);
}

/// A ratio by symbol.
fn groups<'n>(reader: &mut Reader<'_>, rows: impl IntoIterator<Item = &'n Node>) {
    let mut ratios = HashMap::new();
    for row in rows {
        let symbol = row.get("symbol").and_then(Node::text).unwrap_or_default();
        let ratio = row.get("ratio").filter(|ratio| !matches!(ratio.value, Value::Null));
        if let Some(number) = ratio.and_then(|ratio| reader.number(ratio, symbol)) {
            let spot = reader.spot(&row.span);
            reader.spots.insert((MapName::GroupRatio, symbol.to_owned()), spot);
            ratios.insert(symbol.to_owned(), number);
        }
    }
    reader.config.map_mut(MapName::GroupRatio).overlay(Map::Given(ratios));
}

/// A row of a database as the JSON of the API, so that one reader serves both.
#[derive(Debug)]
pub(super) struct Packed {
    pub label: String,
    pub text: String,
}

impl Packed {
    pub fn price(model: &str, kind: &str, numbers: [&str; 3], extra_ratios: &str) -> Packed {
        let [channel, input, output] = numbers.map(|digits| if digits.is_empty() { "0" } else { digits });
        let extra = if extra_ratios.trim().is_empty() { "null" } else { extra_ratios };
        let (name, kind) = (serde_json::Value::from(model), serde_json::Value::from(kind));
        let text = format!(
            r#"{{"model":{name},"type":{kind},"channel_type":{channel},"input":{input},"output":{output},"extra_ratios":{extra}}}"#
        );
        Packed { label: format!("price `{}`", shorten(model)), text }
    }

    pub fn group(symbol: &str, ratio: &str) -> Packed {
        let (name, ratio) = (serde_json::Value::from(symbol), if ratio.is_empty() { "null" } else { ratio });
        Packed { label: format!("group `{}`", shorten(symbol)), text: format!(r#"{{"symbol":{name},"ratio":{ratio}}}"#) }
    }
}

/// Reads the rows of a database's tables `prices` and `user_groups`.
pub(super) fn tables<'a>(reader: &mut Reader<'a>, prices: &'a [Packed], groups: &'a [Packed]) {
    for row in prices {
        if let Some(node) = unpack(reader, row) {
            price(reader, &node);
        }
    }
    for row in groups {
        let node = unpack(reader, row);
        self::groups(reader, &node);
    }
}

fn unpack<'a>(reader: &mut Reader<'a>, row: &'a Packed) -> Option<Node> {
    reader.enter(row.label.clone(), &row.text);
    let (node, faults) = json::parse(&row.text);
    faults.into_iter().for_each(|fault| reader.fault(fault, "JSON"));
    node
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Found, Map, MapName};

    fn config(text: &str) -> Config {
        crate::read::config::read("x", text.as_bytes()).unwrap_or_else(|issues| panic!("{issues:#?}")).config
    }

    fn group(config: &Config, name: &str) -> String {
        match config.map(MapName::GroupRatio).get(name) {
            Found::Number(number) => number.ratio.to_string(),
            other => format!("{other:?}"),
        }
    }

    const ROWS: &str = r#"[{"model":"gpt-4.1","type":"tokens","channel_type":1,"input":1,"output":4,"locked":false,"extra_ratios":{"cached_tokens":0.25}},
        {"model":"mj-*","type":"times","channel_type":34,"input":50,"output":50,"locked":false}]"#;

    #[test]
    fn a_price_list_is_an_answer_or_a_bare_list() {
        for text in [ROWS.to_owned(), format!(r#"{{"data":{ROWS},"message":"","success":true}}"#)] {
            let config = config(&text);
            let [first, second] = config.price_list.as_slice() else { panic!("{:?}", config.price_list) };
            assert_eq!((first.model.as_str(), first.per_call, first.channel_kind), ("gpt-4.1", false, 1));
            assert_eq!((first.output.ratio.to_string(), first.output.origin.line), ("4".to_owned(), 1));
            assert_eq!(first.extra_ratios["cached_tokens"].ratio.to_string(), "0.25");
            assert_eq!((second.model.as_str(), second.per_call, second.input.origin.line), ("mj-*", true, 2));
            assert_eq!(*config.map(MapName::GroupRatio), Map::Unknown);
        }
    }

    #[test]
    fn a_broken_price_has_its_place() {
        let text = r#"[{"model":"a","type":"weeks","channel_type":1,"input":1,"output":4}]"#;
        let issues = crate::read::config::read("x", text.as_bytes()).unwrap_err();
        assert_eq!(issues[0].message, "`a`: no price type `weeks`");
    }

    #[test]
    fn groups_are_known_by_symbol() {
        let row = r#"{"id":7,"symbol":"odd","name":"group odd","ratio":0.06666667,"enable":true}"#;
        for text in [
            format!(r#"{{"data":{{"data":[{row}],"page":1,"size":100,"total_count":1}},"success":true}}"#),
            format!(r#"{{"data":{{"odd":{row}}},"message":"","success":true}}"#),
        ] {
            let config = config(&text);
            assert_eq!((group(&config, "odd").as_str(), group(&config, "vip").as_str()), ("0.06666667", "Absent"));
        }
    }
}
