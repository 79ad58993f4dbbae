//! Saved answers of the gateways' APIs: each kind, and which maps it cannot carry.

use std::collections::HashMap;

use super::json;
use super::node::{Key, Node, Table, Value};
use super::options::{self, unknown};
use super::own;
use super::reader::Reader;
use super::words::{self, Word};
use crate::config::issue::Code;
use crate::config::{EffectiveCompletion, Map, MapName, Number, User};
use crate::exact::Ratio;

/// What `/api/pricing` lists for a model that has no price at all.
const UNSET: Ratio = Ratio::new(375, -1);

/// The optional maps of `/api/pricing`: its rows carry all of them or, before 2026, none.
const OPTIONAL: [(&str, MapName); 5] = [
    ("cache_ratio", MapName::CacheRatio),
    ("create_cache_ratio", MapName::CreateCacheRatio),
    ("image_ratio", MapName::ImageRatio),
    ("audio_ratio", MapName::AudioRatio),
    ("audio_completion_ratio", MapName::AudioCompletionRatio),
];

/// What a row of `/api/pricing` says of the price beside these.
const PRICE: [&str; 6] = ["quota_type", "model_ratio", "model_price", "completion_ratio", "billing_mode", "billing_expr"];

/// `/api/option/`: rows of key and value.
pub(super) fn options(reader: &mut Reader<'_>, rows: Vec<Node>) {
    let rows: Table = rows.into_iter().filter_map(option_row).collect();
    // A gateway without any map of ratios among its options keeps its prices elsewhere.
    let has_ratios = rows.iter().any(|(key, _)| matches!(words::find(&key.name), Some((Word::Map(_), _))));
    options::read(reader, rows);
    options::settle_expressions(reader, false);
    if !has_ratios {
        unknown(reader, MapName::ALL);
    }
}

fn option_row(row: Node) -> Option<(Key, Node)> {
    let Value::Table(fields) = row.value else { return None };
    let (mut key, mut value) = (None, None);
    for (name, node) in fields {
        match name.name.as_str() {
            "key" => key = node.text().map(|text| Key { name: text.to_owned(), span: node.span.clone() }),
            "value" => value = Some(node),
            _ => {}
        }
    }
    key.zip(value)
}

/// `/api/pricing`: effective prices of the models that a user sees. The rest of the answer has the groups.
pub(super) fn pricing(reader: &mut Reader<'_>, rows: &[Node], answer: &Node) {
    unknown(reader, [MapName::CompletionRatio, MapName::ToolPrice]);
    // Special ratios came together with the endpoint types: an answer without these is of a gateway that has none.
    reader.config.group_group_unknown = rows.iter().any(|row| row.has("supported_endpoint_types"));
    let optional = rows.iter().any(|row| OPTIONAL.iter().any(|(name, _)| row.has(name)));
    for map in
        [MapName::ModelRatio, MapName::ModelPrice].into_iter().chain(OPTIONAL.iter().map(|(_, map)| *map).filter(|_| optional))
    {
        *reader.config.map_mut(map) = Map::Given(HashMap::new());
    }
    if !optional {
        unknown(reader, OPTIONAL.map(|(_, map)| map));
    }
    one_price_each(reader, rows);
    rows.iter().for_each(|row| pricing_row(reader, row));
    models_of_all(reader);
    match answer.get("group_ratio") {
        Some(groups) => own::bare_groups(reader, groups),
        None => unknown(reader, [MapName::GroupRatio]),
    }
}

/// A model that is listed twice must have the same price both times.
fn one_price_each(reader: &mut Reader<'_>, rows: &[Node]) {
    let price = |row: &Node| {
        PRICE
            .iter()
            .chain(OPTIONAL.iter().map(|(name, _)| name))
            .map(|name| row.get(name).and_then(Node::scalar))
            .collect::<Vec<_>>()
    };
    let mut seen: HashMap<&str, &Node> = HashMap::new();
    for row in rows {
        let Some((model, node)) = row.get("model_name").and_then(|node| Some((node.text()?, node))) else { continue };
        match seen.get(model) {
            Some(first) if price(first) != price(row) => reader.repeated(model, &node.span, &first.span),
            Some(_) => {}
            None => {
                seen.insert(model, row);
            }
        }
    }
}

fn pricing_row(reader: &mut Reader<'_>, row: &Node) {
    let Some(model) = row.get("model_name").and_then(Node::text).map(str::to_owned) else {
        reader.error(Code::WrongType, &row.span, "a price without `model_name`", "save the answer of /api/pricing again");
        return;
    };
    groups_of(reader, row, &model);
    let number = |reader: &mut Reader<'_>, name: &str| row.get(name).and_then(|node| reader.number(node, &model));
    for (name, map) in OPTIONAL {
        let optional = number(reader, name);
        put(reader, map, row, &model, optional);
    }
    if row.get("billing_mode").and_then(Node::text) == Some("tiered_expr") {
        let expression = row.get("billing_expr").and_then(Node::text).filter(|text| !text.is_empty());
        if let Some(text) = expression {
            reader.config.expressions.insert(model, text.to_owned());
        }
    } else if row.get("quota_type").and_then(Node::scalar).as_deref() == Some("1") {
        let price = number(reader, "model_price");
        put(reader, MapName::ModelPrice, row, &model, price);
    } else {
        let ratio = number(reader, "model_ratio").filter(|number| number.ratio != UNSET);
        put(reader, MapName::ModelRatio, row, &model, ratio);
        if let Some(number) = number(reader, "completion_ratio") {
            reader.config.effective_completion.insert(model, EffectiveCompletion { number, locked: false });
        }
    }
}

fn put(reader: &mut Reader<'_>, map: MapName, row: &Node, model: &str, number: Option<Number>) {
    if let (Some(number), Map::Given(numbers)) = (number, reader.config.map_mut(map)) {
        numbers.insert(model.to_owned(), number);
        let spot = reader.spot(&row.span);
        reader.spots.insert((map, model.to_owned()), spot);
    }
}

fn groups_of(reader: &mut Reader<'_>, row: &Node, model: &str) {
    for group in row.get("enable_groups").and_then(Node::list).into_iter().flatten().filter_map(Node::text) {
        let rules = reader.config.groups.entry(group.to_owned()).or_default();
        rules.models.get_or_insert_default().push(model.to_owned());
        rules.listed_only = true;
    }
}

/// A model that is enabled for `all` is every group's.
fn models_of_all(reader: &mut Reader<'_>) {
    let of_all = reader.config.groups.remove("all").and_then(|rules| rules.models).unwrap_or_default();
    for models in reader.config.groups.values_mut().filter_map(|rules| rules.models.as_mut()) {
        models.extend(of_all.iter().cloned());
    }
}

/// `/api/ratio_config`: the option maps of models, without groups, images, audio and tools.
pub(super) fn ratio_config(reader: &mut Reader<'_>, mut table: Table) {
    options::drop_repeats(reader, &mut table);
    for (key, value) in table {
        if let Some((word @ (Word::Map(_) | Word::BillingMode | Word::BillingExpr), name)) = words::find(&key.name) {
            options::option(reader, word, name, &key, value);
        }
    }
    options::settle_expressions(reader, false);
    let missing = MapName::ALL.into_iter().filter(|map| *reader.config.map(*map) == Map::Default).collect::<Vec<_>>();
    unknown(reader, missing);
    reader.config.group_group_unknown = true;
}

/// `/api/status`: points for 1 USD, and no prices.
pub(super) fn status(reader: &mut Reader<'_>, table: &Table) {
    for (_, value) in table.iter().filter(|(key, _)| key.name == "quota_per_unit") {
        options::quota_per_unit(reader, value);
    }
    unknown(reader, MapName::ALL);
}

/// One user as a gateway keeps it.
#[derive(Debug)]
pub(super) struct UserRow {
    pub id: String,
    pub name: String,
    pub group: String,
    /// The user's own settings, as JSON.
    pub setting: String,
}

/// `/api/user/`: the groups of users, and who accepts models without a price.
pub(super) fn users(reader: &mut Reader<'_>, rows: &[Node]) {
    for row in rows {
        let text = |name: &str| row.get(name).and_then(Node::scalar).unwrap_or_default();
        user(reader, &UserRow { id: text("id"), name: text("username"), group: text("group"), setting: text("setting") });
    }
    unknown(reader, MapName::ALL);
}

/// A user, by name and by id. Broken settings are no matter of prices.
pub(super) fn user(reader: &mut Reader<'_>, row: &UserRow) {
    let setting = json::parse(&row.setting).0;
    let accepts = setting.as_ref().and_then(|setting| setting.get("accept_unset_model_ratio_model"));
    let accepts_unset = accepts.is_some_and(|accepts| matches!(accepts.value, Value::Bool(true)));
    for key in [&row.id, &row.name].into_iter().filter(|key| !key.is_empty()) {
        reader.config.users.insert(key.clone(), User { group: row.group.clone(), accepts_unset });
    }
}

/// `/api/user/groups`: ratio and description by group, as they are for the user who asked.
pub(super) fn user_groups(reader: &mut Reader<'_>, table: &Table) {
    let mut numbers = HashMap::new();
    for (key, value) in table {
        // The group `auto` has a word for its ratio.
        if let Some(ratio) = value.get("ratio").filter(|ratio| matches!(ratio.value, Value::Number(_)))
            && let Some(number) = reader.number(ratio, &key.name)
        {
            numbers.insert(key.name.clone(), number);
        }
    }
    *reader.config.map_mut(MapName::GroupRatio) = Map::Given(numbers);
    reader.config.group_group_unknown = true;
    unknown(reader, MapName::ALL);
}

/// `/api/task/` and `/api/mj/`: what each job was charged.
pub(super) fn tasks(reader: &mut Reader<'_>, rows: &[Node]) {
    for row in rows {
        let id = row.get("task_id").or_else(|| row.get("mj_id")).and_then(Node::text).unwrap_or_default();
        let quota = row.get("quota").and_then(Node::scalar).unwrap_or_default();
        task(reader, id, &quota);
    }
    unknown(reader, MapName::ALL);
}

/// The points of a job, by the id that log rows name.
pub(super) fn task(reader: &mut Reader<'_>, id: &str, quota: &str) {
    if let Ok(points) = quota.parse()
        && !id.is_empty()
    {
        reader.config.task_charges.insert(id.to_owned(), points);
    }
}
