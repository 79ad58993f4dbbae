//! Option maps: as the gateways keep them, and under the same words in quota's own files.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;

use super::json;
use super::node::{Key, Node, Table, Value};
use super::reader::{Author, Reader};
use super::words::{self, Word};
use crate::config::issue::Code;
use crate::config::{EffectiveCompletion, Map, MapName};
use crate::float::expr::Expression;
use crate::log::shorten;

/// The two names of one option map. The gateway keeps them equal in force, but its answer shows the unsaved one as installed.
const TWINS: [(&str, &str, &str); 2] = [
    ("GroupRatio", "group_ratio_setting.group_ratio", r#"{"default":1,"svip":1,"vip":1}"#),
    ("GroupGroupRatio", "group_ratio_setting.group_group_ratio", r#"{"vip":{"edit_this":0.9}}"#),
];

/// Reads option rows. Keys that are no prices are left alone, for there are hundreds.
pub(super) fn read(reader: &mut Reader<'_>, mut rows: Table) {
    drop_twins(reader, &mut rows);
    drop_repeats(reader, &mut rows);
    for (key, value) in rows {
        if let Some((word, name)) = words::find(&key.name).filter(|(word, _)| words::is_option(*word)) {
            option(reader, word, name, &key, value);
        }
    }
}

/// Reads one option of a database, whose text is the part that places count in.
pub(super) fn read_text(reader: &mut Reader<'_>, key: &str, text: &str) {
    let Some((word, name)) = words::find(key).filter(|(word, _)| words::is_option(*word)) else { return };
    let span = 0..text.len();
    let key = Key { name: key.to_owned(), span: span.clone() };
    if matches!(word, Word::QuotaPerUnit | Word::Setting) {
        option(reader, word, name, &key, Node { span, value: Value::Text(text.to_owned()) });
    } else if !text.trim().is_empty() {
        let (node, faults) = json::parse(text);
        faults.into_iter().for_each(|fault| reader.fault(fault, "JSON"));
        node.into_iter().for_each(|node| option(reader, word, name, &key, node));
    }
}

/// Of two names for one map, keeps the one that was saved.
pub(super) fn drop_twins(reader: &mut Reader<'_>, rows: &mut Table) {
    for (plain, dotted, installed) in TWINS {
        let find = |rows: &Table, name| rows.iter().position(|(key, _)| key.name == name);
        let (Some(first), Some(second)) = (find(rows, plain), find(rows, dotted)) else { continue };
        let (old, new) = (squeeze(&rows[first].1), squeeze(&rows[second].1));
        if old != new && old != installed && new != installed {
            let message = format!("`{plain}` and `{dotted}` differ: the first is taken");
            reader.warn(Code::TwoNames, &rows[second].0.span, message, "keep the one that is in force");
        }
        rows.remove(if old == installed { first } else { second });
    }
}

/// Of several keys that mean the same, keeps the first. Nobody says which one would count.
pub(super) fn drop_repeats(reader: &mut Reader<'_>, rows: &mut Table) {
    let mut seen: HashMap<(Word, &'static str), Range<usize>> = HashMap::new();
    rows.retain(|(key, _)| {
        let Some((word, name)) = words::find(&key.name) else { return true };
        let is_named = matches!(word, Word::Setting | Word::Ignored);
        let first = match seen.entry((word, if is_named { name } else { "" })) {
            Entry::Occupied(first) => first.get().clone(),
            Entry::Vacant(slot) => {
                slot.insert(key.span.clone());
                return true;
            }
        };
        reader.repeated(&key.name, &first, &key.span);
        false
    });
}

fn squeeze(node: &Node) -> String {
    node.text().map(|text| text.chars().filter(|c| !c.is_whitespace()).collect()).unwrap_or_default()
}

/// Reads one option, whose value may be packed into a JSON string.
pub(super) fn option(reader: &mut Reader<'_>, word: Word, name: &str, key: &Key, value: Node) {
    match word {
        Word::QuotaPerUnit => quota_per_unit(reader, &value),
        Word::Setting => setting(reader, name, &value),
        Word::Map(map) => {
            if let Some(numbers) = reader.unpack(value).and_then(|node| reader.numbers(&node, map)) {
                reader.config.map_mut(map).overlay(Map::Given(numbers));
            }
        }
        Word::GroupGroup => with(reader, value, special_ratios),
        Word::BillingMode => with(reader, value, |reader, node| reader.modes = Some(texts(reader, node, &key.name))),
        Word::BillingExpr => with(reader, value, |reader, node| expressions(reader, node, &key.name)),
        Word::CompletionMeta => with(reader, value, completion_meta),
        _ => {}
    }
}

fn with(reader: &mut Reader<'_>, value: Node, read: impl FnOnce(&mut Reader<'_>, &Node)) {
    if let Some(node) = reader.unpack(value) {
        read(reader, &node);
    }
}

pub(super) fn quota_per_unit(reader: &mut Reader<'_>, value: &Node) {
    if let Some(number) = reader.positive(value, "quota_per_unit", "write how many points are 1 USD, such as 500000") {
        reader.config.quota_per_unit = Some(number);
    }
}

fn setting(reader: &mut Reader<'_>, name: &str, value: &Node) {
    if let Some(text) = value.scalar() {
        reader.config.settings.insert(name.to_owned(), text);
    }
}

fn special_ratios(reader: &mut Reader<'_>, node: &Node) {
    let Some(users) = reader.table(node, "group_group_ratio") else { return };
    let mut ratios = HashMap::new();
    for (user, using) in users {
        let Some(table) = reader.table(using, &user.name) else { continue };
        let mut row = HashMap::new();
        for (group, value) in table {
            let number = reader.number(value, &group.name);
            reader.mention_special(&group.name, &group.span, number.map(|number| (user.name.clone(), number.ratio)));
            row.extend(number.map(|number| (group.name.clone(), number)));
        }
        ratios.insert(user.name.clone(), row);
    }
    reader.config.group_group_ratio.get_or_insert_default().extend(ratios);
}

fn texts(reader: &mut Reader<'_>, node: &Node, of: &str) -> HashMap<String, String> {
    let mut texts = HashMap::new();
    for (key, value) in reader.table(node, of).into_iter().flatten() {
        if let Some(text) = reader.words(value, &key.name) {
            texts.insert(key.name.clone(), text.to_owned());
        }
    }
    texts
}

fn expressions(reader: &mut Reader<'_>, node: &Node, of: &str) {
    reader.expressions = texts(reader, node, of);
    for (key, value) in node.table().into_iter().flatten() {
        if let Some(text) = value.text() {
            check_expression(reader, &key.name, &value.span, text);
        }
    }
}

/// An expression that cannot be read is an error of who wrote it; what a gateway keeps may be beyond us.
pub(super) fn check_expression(reader: &mut Reader<'_>, model: &str, span: &Range<usize>, text: &str) {
    let Err(error) = Expression::parse(text) else { return };
    let message = format!("`{}`: no price expression: {error}", shorten(model));
    let way_out = "`quota calc --expr` shows where it cannot be read";
    match reader.author {
        Author::Person if !reader.keeps_unreadable => reader.error(Code::BadValue, span, message, way_out),
        _ => reader.warn(Code::BadValue, span, message, way_out),
    }
}

fn completion_meta(reader: &mut Reader<'_>, node: &Node) {
    reader.has_meta = true;
    for (key, value) in reader.table(node, "completion_ratio_meta").into_iter().flatten() {
        let ratio = value.get("ratio").and_then(|ratio| reader.number(ratio, &key.name));
        let locked = value.get("locked").and_then(|locked| reader.truth(locked, &key.name)).unwrap_or(false);
        match ratio {
            Some(number) => {
                reader.config.effective_completion.insert(key.name.clone(), EffectiveCompletion { number, locked });
            }
            None => reader.error(
                Code::WrongType,
                &value.span,
                format!("`{}`: no `ratio`", key.name),
                "write { ratio = 4, locked = false }",
            ),
        }
    }
}

/// Keeps the expressions of the models that are priced by one: all of them where no mode is given at all.
pub(super) fn settle_expressions(reader: &mut Reader<'_>, without_modes: bool) {
    let modes = reader.modes.take();
    let tiered = |model: &str| match &modes {
        Some(modes) => modes.get(model).is_some_and(|mode| mode == "tiered_expr"),
        None => without_modes,
    };
    let expressions = std::mem::take(&mut reader.expressions);
    reader.config.expressions.extend(expressions.into_iter().filter(|(model, _)| tiered(model)));
}

/// The maps that every option dump can carry.
pub(super) fn unknown(reader: &mut Reader<'_>, maps: impl IntoIterator<Item = MapName>) {
    for map in maps {
        reader.config.map_mut(map).overlay(Map::Unknown);
    }
}
