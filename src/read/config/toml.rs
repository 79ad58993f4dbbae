//! TOML text to the common tree.

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};

use super::node::{Fault, Key, Node, Table, Value};

/// Reads a whole text.
pub(super) fn parse(text: &str) -> Result<Node, Fault> {
    match DeTable::parse(text) {
        Ok(table) => Ok(Node { span: 0..text.len(), value: Value::Table(entries(table.into_inner())) }),
        Err(error) => Err(fault(text, &error)),
    }
}

fn fault(text: &str, error: &::toml::de::Error) -> Fault {
    let at = error.span().unwrap_or(text.len()..text.len());
    let message = error.message().to_owned();
    match text.get(at.clone()).filter(|_| message.contains("duplicate key")) {
        Some(name) => Fault::Duplicate { first: at.clone(), name: name.trim_matches(['"', '\'']).to_owned(), at },
        None => Fault::Syntax { at, message },
    }
}

fn entries(table: DeTable<'_>) -> Table {
    let key = |key: Spanned<_>| Key { span: key.span(), name: std::borrow::Cow::into_owned(key.into_inner()) };
    table.into_iter().map(|(name, value)| (key(name), node(value))).collect()
}

fn node(value: Spanned<DeValue<'_>>) -> Node {
    let span = value.span();
    let value = match value.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) if number.radix() == 10 => Value::Number(number.as_str().to_owned()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Value::Text(number.to_string()), |n| Value::Number(n.to_string())),
        DeValue::Float(number) => Value::Number(number.as_str().to_owned()),
        DeValue::Boolean(truth) => Value::Bool(truth),
        DeValue::Datetime(time) => Value::Time(time.to_string()),
        DeValue::Array(items) => Value::List(items.into_iter().map(node).collect()),
        DeValue::Table(table) => Value::Table(entries(table)),
    };
    Node { span, value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits() {
        let root = parse("a = 1.50\nb = 10_000\nc = 0x10\nd = 1e-7\ne = 12345678901234567.25").unwrap();
        let digits: Vec<String> = root.table().unwrap().iter().filter_map(|(_, node)| node.scalar()).collect();
        assert_eq!(digits, ["1.50", "10000", "16", "1e-7", "12345678901234567.25"]);
    }

    #[test]
    fn a_duplicate_key_is_named() {
        let text = "[m]\n\"gpt-4o\" = 1\n\"gpt-4o\" = 2\n";
        match parse(text) {
            Err(Fault::Duplicate { name, at, .. }) => assert_eq!((name.as_str(), at.start), ("gpt-4o", 17)),
            other => panic!("{other:?}"),
        }
    }
}
