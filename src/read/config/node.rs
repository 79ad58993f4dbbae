//! The common tree of JSON and TOML: every value and key knows its bytes, numbers keep their digits.

use std::ops::Range;

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub span: Range<usize>,
    pub value: Value,
}

/// A name in a table and its place.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub name: String,
    pub span: Range<usize>,
}

pub(super) type Table = Vec<(Key, Node)>;

#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    /// The digits as they are written.
    Number(String),
    Text(String),
    /// A TOML date or time, as it is written.
    Time(String),
    List(Vec<Node>),
    Table(Table),
}

/// Why a text is no tree.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    Syntax { at: Range<usize>, message: String },
    Duplicate { at: Range<usize>, name: String, first: Range<usize> },
}

impl Node {
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::Time(_) => "a time",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }

    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    pub fn table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The value under a name, if this is a table that has it.
    pub fn get(&self, name: &str) -> Option<&Node> {
        find(self.table()?, name)
    }

    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// A text, number or boolean as text, as option rows hold it.
    pub fn scalar(&self) -> Option<String> {
        match &self.value {
            Value::Text(text) | Value::Number(text) | Value::Time(text) => Some(text.clone()),
            Value::Bool(truth) => Some(truth.to_string()),
            Value::Null | Value::List(_) | Value::Table(_) => None,
        }
    }
}

pub(super) fn find<'a>(table: &'a Table, name: &str) -> Option<&'a Node> {
    table.iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
}
