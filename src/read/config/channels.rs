//! Channels of a gateway: a saved answer of `/api/channel/`, or the rows of its `channels` table.

use std::collections::{HashMap, HashSet};

use super::json;
use super::node::{Node, Table, Value, find};
use super::options;
use super::reader::Reader;
use super::tariffs;
use crate::config::issue::Code;
use crate::config::{Channel, MapName};

/// The columns that prices depend on, in the order of [`ChannelRow::of`].
pub(super) const COLUMNS: [&str; 9] =
    ["id", "uuid", "name", "type", "group", "model_prefix", "model_mapping", "model_configs", "config"];

/// One channel as a gateway keeps it; a column that it lacks is empty.
#[derive(Debug, Default)]
pub(super) struct ChannelRow {
    id: String,
    uuid: String,
    name: String,
    kind: String,
    groups: String,
    model_prefix: String,
    model_mapping: String,
    model_configs: String,
    settings: String,
}

impl ChannelRow {
    /// A row from the texts of [`COLUMNS`].
    pub fn of(texts: [String; COLUMNS.len()]) -> ChannelRow {
        let [id, uuid, name, kind, groups, model_prefix, model_mapping, model_configs, settings] = texts;
        ChannelRow { id, uuid, name, kind, groups, model_prefix, model_mapping, model_configs, settings }
    }

    fn channel(&self, name: &str) -> Channel {
        Channel {
            name: name.to_owned(),
            kind: self.kind.trim().parse().unwrap_or(0),
            groups: self.groups.split(',').map(str::trim).filter(|group| !group.is_empty()).map(str::to_owned).collect(),
            model_prefix: self.model_prefix.clone(),
            model_mapping: mapping(&self.model_mapping),
            model_configs: self.model_configs.clone(),
            settings: self.settings.clone(),
            tariffs: tariffs::of_channel(&self.model_configs),
            tools: tariffs::tools_of_channel(&self.settings),
        }
    }
}

/// `/api/channel/`.
pub(super) fn answer(reader: &mut Reader<'_>, rows: &[Node]) {
    let texts = |row: &Node| COLUMNS.map(|column| row.get(column).and_then(Node::scalar).unwrap_or_default());
    let channels: Vec<ChannelRow> = rows.iter().map(|row| ChannelRow::of(texts(row))).collect();
    add(reader, &channels);
    // Only where a channel has a column for prices of its own does the answer speak of prices, and never of group ratios.
    match rows.iter().any(|row| row.has("model_configs")) {
        true => options::unknown(reader, [MapName::GroupRatio]),
        false => options::unknown(reader, MapName::ALL),
    }
}

/// What quota's own files say of a channel in the columns of the gateways; none where they do not say its type.
pub(super) fn of_table(reader: &mut Reader<'_>, table: &Table) -> Option<Channel> {
    let kind = find(table, "type")?;
    if !matches!(&kind.value, Value::Number(_)) {
        reader.error(Code::WrongType, &kind.span, "`type`: expected a whole number", "write the gateway's number of the provider");
    }
    let row = ChannelRow::of(COLUMNS.map(|column| find(table, column).and_then(Node::scalar).unwrap_or_default()));
    Some(row.channel(&row.name))
}

/// Keeps channels by id. A gateway that gives them a uuid names them in its logs by that, or by name; a name that two of them have
/// tells neither.
pub(super) fn add(reader: &mut Reader<'_>, rows: &[ChannelRow]) {
    let (mut seen, mut shared) = (HashSet::new(), HashSet::new());
    for row in rows.iter().filter(|row| !seen.insert(row.name.as_str())) {
        shared.insert(row.name.as_str());
    }
    let is_named = |row: &ChannelRow| !row.uuid.is_empty() && !row.name.is_empty() && !shared.contains(row.name.as_str());
    for row in rows {
        let name = if is_named(row) { Some(&row.name) } else { None };
        let known: Vec<&String> = name.into_iter().chain([&row.uuid, &row.id]).filter(|name| !name.is_empty()).collect();
        let Some(called) = known.first() else { continue };
        for key in &known {
            reader.config.channels.insert((*key).clone(), row.channel(called));
        }
    }
}

/// Requested names and what they are sent as. A broken mapping maps nothing, as in the gateway.
fn mapping(text: &str) -> HashMap<String, String> {
    let node = json::parse(text).0;
    let entries = node.as_ref().and_then(Node::table).into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.name.clone(), value.text()?.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use crate::config::Channel;
    use crate::read::config::read;

    fn channels(rows: &str) -> std::collections::HashMap<String, Channel> {
        let text = format!(r#"{{"success":true,"message":"","data":{rows}}}"#);
        read("channels.json", text.as_bytes()).unwrap_or_else(|issues| panic!("{issues:#?}")).config.channels
    }

    #[test]
    fn channels_are_known_by_id() {
        let found = channels(
            r#"{"items":[{"id":3,"type":33,"name":"b","models":"m","base_url":"","group":"default, vip,","model_mapping":"{\"a\":\"b\"}",
                "model_prefix":"pp/","config":null},{"id":4,"type":1,"name":"b","models":"","base_url":"","group":"","model_mapping":"{"}]}"#,
        );
        let channel = &found["3"];
        assert_eq!((channel.kind, channel.groups.as_slice()), (33, ["default".to_owned(), "vip".to_owned()].as_slice()));
        assert_eq!((channel.model_prefix.as_str(), channel.model_mapping["a"].as_str()), ("pp/", "b"));
        assert_eq!((found["4"].kind, found["4"].groups.len(), found["4"].model_mapping.len()), (1, 0, 0));
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn channels_with_a_uuid_are_known_by_name_too() {
        let row = |uuid: &str, name: &str| {
            format!(
                r#"{{"uuid":"{uuid}","type":1,"name":"{name}","models":"","base_url":"","group":"vip","model_configs":"{{}}","config":"{{\"tooling\":{{}}}}"}}"#
            )
        };
        let found = channels(&format!("[{},{},{}]", row("u-1", "one"), row("u-2", "two"), row("u-3", "two")));
        assert_eq!((found["one"].model_configs.as_str(), found["one"].settings.as_str()), ("{}", r#"{"tooling":{}}"#));
        let mut keys: Vec<&str> = found.keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["one", "u-1", "u-2", "u-3"]);
    }
}
