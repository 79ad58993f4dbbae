//! Which kind of config a JSON text is, told by its content alone.

use super::node::{Node, Table, Value};
use super::words;

/// A recognised kind with what is to be read of it.
#[derive(Debug)]
pub(super) enum Kind {
    Options(Vec<Node>),
    /// The rows, and whether the answer around them is `whole`.
    Pricing(Vec<Node>),
    RatioConfig(Table),
    Status(Table),
    Users(Vec<Node>),
    Channels(Vec<Node>),
    UserGroups(Table),
    /// Prices by channel and model.
    Displayed(Table),
    /// The `data` of what is compiled in for a type of channels.
    CompiledIn(Node),
    /// one-hub's price list.
    PriceList(Vec<Node>),
    /// one-hub's groups, by symbol.
    GroupList(Vec<Node>),
    /// Jobs with what they were charged, as `/api/task` and `/api/mj` list them.
    Tasks(Vec<Node>),
    /// quota's own words, or the gateways' option maps.
    Own(Table),
    /// Option rows as one object, maps packed into JSON strings.
    Packed(Table),
    BareGroups,
    /// Known, but not read yet: what it is.
    Later(&'static str),
    /// The gateway said no, with its message.
    Refused(String),
    /// What was found instead of a config.
    No(&'static str),
}

/// Looks at a whole text.
pub(super) fn of(root: &Node) -> Kind {
    match &root.value {
        Value::List(rows) => rows_of(rows),
        Value::Table(table) => of_table(root, table),
        _ => Kind::No("a single value"),
    }
}

fn of_table(root: &Node, table: &Table) -> Kind {
    let failed = root.get("success").is_some_and(|success| matches!(success.value, Value::Bool(false)));
    if failed {
        let message = root.get("message").and_then(Node::text).unwrap_or_default();
        return Kind::Refused(message.to_owned());
    }
    if let Some(data) = root.get("data").filter(|_| root.has("success") || root.has("message") || root.has("group_ratio")) {
        return of_data(data);
    }
    if table.iter().any(|(key, _)| words::find(&key.name).is_some()) {
        let packed = |(key, value): &(_, Node)| is_map(key) && value.text().is_some_and(|text| text.trim_start().starts_with('{'));
        return if table.iter().any(packed) { Kind::Packed(table.clone()) } else { Kind::Own(table.clone()) };
    }
    of_plain(table)
}

fn of_data(data: &Node) -> Kind {
    let rows = data.list().or_else(|| data.get("items").and_then(Node::list)).or_else(|| data.get("data").and_then(Node::list));
    match (rows, data.table()) {
        (Some(rows), _) => rows_of(rows),
        (None, Some(table)) if data.has("quota_per_unit") => Kind::Status(table.clone()),
        (None, Some(_)) if data.has("model_configs") => Kind::CompiledIn(data.clone()),
        (None, Some(table)) if ["model_ratio", "model_price"].iter().any(|map| data.has(map)) => Kind::RatioConfig(table.clone()),
        (None, Some(table)) => of_named(table),
        (None, None) => Kind::No("an answer without data"),
    }
}

fn is_map(key: &super::node::Key) -> bool {
    matches!(words::find(&key.name), Some((words::Word::Map(_), _)))
}

/// A table whose keys are names of groups or channels.
fn of_named(table: &Table) -> Kind {
    let all = |name: &str| !table.is_empty() && table.iter().all(|(_, value)| value.has(name));
    if all("symbol") && all("ratio") {
        Kind::GroupList(table.iter().map(|(_, value)| value.clone()).collect())
    } else if all("ratio") && all("desc") {
        Kind::UserGroups(table.clone())
    } else if all("channel_name") {
        Kind::Displayed(table.clone())
    } else if all("price") {
        Kind::Later("an answer of /api/available_model")
    } else {
        Kind::No("an answer of some other kind")
    }
}

fn rows_of(rows: &[Node]) -> Kind {
    let Some(first) = rows.first() else { return Kind::No("an empty list") };
    let has = |names: &[&str]| names.iter().all(|name| first.has(name));
    if has(&["key", "value"]) {
        Kind::Options(rows.to_vec())
    } else if has(&["model_name", "quota_type"]) {
        Kind::Pricing(rows.to_vec())
    } else if has(&["model", "channel_type", "input", "output"]) {
        Kind::PriceList(rows.to_vec())
    } else if has(&["symbol", "ratio"]) {
        Kind::GroupList(rows.to_vec())
    } else if has(&["username", "group", "role"]) {
        Kind::Users(rows.to_vec())
    } else if has(&["models", "type", "base_url"]) {
        Kind::Channels(rows.to_vec())
    } else if has(&["quota", "task_id"]) || has(&["quota", "mj_id"]) {
        Kind::Tasks(rows.to_vec())
    } else if has(&["quota", "model_name"]) || has(&["prompt_tokens"]) {
        Kind::No("a log")
    } else {
        Kind::No("a list of something else")
    }
}

fn of_plain(table: &Table) -> Kind {
    let numbers = !table.is_empty() && table.iter().all(|(_, value)| matches!(value.value, Value::Number(_)));
    let has = |name: &str| table.iter().any(|(key, _)| key.name == name);
    if numbers && has("default") {
        Kind::BareGroups
    } else if numbers {
        Kind::No("numbers by name, without a word for what they are")
    } else if table.is_empty() {
        Kind::No("an empty object")
    } else if has("quota") || has("prompt_tokens") {
        Kind::No("a log row")
    } else {
        Kind::No("an object without any known key")
    }
}
