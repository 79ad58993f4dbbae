//! What reading one source collects: the config, its issues, and where each number stood.

use std::collections::HashMap;
use std::ops::Range;

use super::json;
use super::node::{Fault, Node, Table, Value};
use super::text::Text;
use crate::config::issue::{Code, Issue, Severity};
use crate::config::{Config, Found, MapName, Number, Origin};
use crate::defaults;
use crate::exact::Ratio;
use crate::log::shorten;

/// Who wrote the source: a gateway may mean something by a negative ratio, a person does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Author {
    Gateway,
    Person,
}

/// A piece of text that places count in: the whole source, or one value of a database.
#[derive(Debug)]
struct Part<'a> {
    label: Option<String>,
    text: Text<'a>,
}

/// A place: a part and its bytes.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    part: usize,
    span: Range<usize>,
}

/// A group that is named somewhere.
#[derive(Debug)]
pub(super) struct Mention {
    pub group: String,
    pub spot: Spot,
    /// The user group with a special ratio in it, and that ratio, where that is why it is named.
    pub special: Option<(String, Ratio)>,
}

#[derive(Debug)]
pub(super) struct Reader<'a> {
    pub name: &'a str,
    parts: Vec<Part<'a>>,
    pub author: Author,
    pub config: Config,
    pub issues: Vec<Issue>,
    pub spots: HashMap<(MapName, String), Spot>,
    /// Groups that are spoken of, for the check that they are defined.
    pub mentions: Vec<Mention>,
    pub modes: Option<HashMap<String, String>>,
    pub expressions: HashMap<String, String>,
    /// Whether `CompletionRatioMeta` was given.
    pub has_meta: bool,
    /// Expressions that cannot be read are meant: a gateway wrote them.
    pub keeps_unreadable: bool,
}

impl<'a> Reader<'a> {
    pub fn new(name: &'a str, text: &'a str) -> Reader<'a> {
        Reader {
            name,
            parts: vec![Part { label: None, text: Text::new(text) }],
            author: Author::Person,
            config: Config::default(),
            issues: Vec::new(),
            spots: HashMap::new(),
            mentions: Vec::new(),
            modes: None,
            expressions: HashMap::new(),
            has_meta: false,
            keeps_unreadable: false,
        }
    }

    /// From here on, places count in another text: a value of a database.
    pub fn enter(&mut self, label: String, text: &'a str) {
        self.parts.push(Part { label: Some(label), text: Text::new(text) });
    }

    fn text(&self) -> &'a str {
        self.parts.last().map_or("", |part| part.text.text)
    }

    pub fn spot(&self, span: &Range<usize>) -> Spot {
        Spot { part: self.parts.len().saturating_sub(1), span: span.clone() }
    }

    pub fn origin(&self, span: &Range<usize>) -> Origin {
        let line = self.parts.last().filter(|part| part.label.is_none()).map_or(0, |part| part.text.line(span.start));
        Origin { line, ..Origin::default() }
    }

    pub fn error(&mut self, code: Code, span: &Range<usize>, message: impl Into<String>, hint: impl Into<String>) {
        let spot = self.spot(span);
        self.issue_at(Severity::Error, code, &spot, message.into(), hint.into());
    }

    pub fn warn(&mut self, code: Code, span: &Range<usize>, message: impl Into<String>, hint: impl Into<String>) {
        let spot = self.spot(span);
        self.issue_at(Severity::Warning, code, &spot, message.into(), hint.into());
    }

    pub fn issue_at(&mut self, severity: Severity, code: Code, spot: &Spot, message: String, hint: String) {
        let Some(part) = self.parts.get(spot.part) else { return };
        self.issues.push(Issue {
            severity,
            code,
            source: self.name.to_owned(),
            part: part.label.clone(),
            span: spot.span.clone(),
            line: part.text.line(spot.span.start),
            column: part.text.column(spot.span.start),
            excerpt: part.text.excerpt(&spot.span),
            message,
            hint,
        });
    }

    pub fn fault(&mut self, fault: Fault, language: &str) {
        match fault {
            Fault::Syntax { at, message } => {
                let message = format!("broken {language}: {message}");
                self.error(Code::Syntax, &at, message, "correct the text here, or save it again from the gateway");
            }
            Fault::Duplicate { at, name, first } => {
                let line = self.parts.last().map_or(0, |part| part.text.line(first.start));
                let earlier = if first == at { String::new() } else { format!(" (first on line {line})") };
                let message = format!("duplicate key `{}`{earlier}", shorten(&name));
                self.error(Code::DuplicateKey, &at, message, "keep one of them: which one would count is not said");
            }
        }
    }

    /// A name that says two things: keys that mean the same, or rows of one name.
    pub fn repeated(&mut self, name: &str, a: &Range<usize>, b: &Range<usize>) {
        let (first, at) = if a.start <= b.start { (a, b) } else { (b, a) };
        self.fault(Fault::Duplicate { at: at.clone(), name: name.to_owned(), first: first.clone() }, "");
    }

    /// Keeps where a number of a map stands, which may be said in one place only.
    pub fn place(&mut self, map: MapName, name: &str, span: &Range<usize>) {
        let spot = self.spot(span);
        if let Some(earlier) = self.spots.insert((map, name.to_owned()), spot) {
            self.repeated(name, &earlier.span, span);
        }
    }

    /// A value that a gateway may have packed into a JSON string. None: nothing is given, or it is broken and said so.
    pub fn unpack(&mut self, node: Node) -> Option<Node> {
        match &node.value {
            Value::Null => None,
            Value::Text(text) if text.trim().is_empty() => None,
            Value::Text(text) => {
                let (inner, faults) = json::parse_inside(self.text(), node.span.clone(), text);
                faults.into_iter().for_each(|fault| self.fault(fault, "JSON inside the string"));
                inner.filter(|inner| !matches!(inner.value, Value::Null))
            }
            _ => Some(node),
        }
    }

    fn wrong_type(&mut self, node: &Node, of: &str, expected: &str) {
        let message = format!("`{}`: expected {expected}, found {}", shorten(of), node.kind());
        self.error(Code::WrongType, &node.span, message, format!("write {expected} here"));
    }

    /// A number of ratios and prices, with the rule for negative ones.
    pub fn number(&mut self, node: &Node, of: &str) -> Option<Number> {
        let number = self.finite(node, of)?;
        if number.ratio.is_negative() {
            self.negative(node, of, number, &node.scalar().unwrap_or_default());
        }
        Some(number)
    }

    /// A number above 0, in quotes or not.
    pub fn positive(&mut self, node: &Node, of: &str, way_out: &str) -> Option<Number> {
        let number = self.finite(&unquoted(node), of)?;
        if number.ratio <= Ratio::ZERO {
            let digits = node.scalar().unwrap_or_default();
            self.error(Code::BadValue, &node.span, format!("`{of}` is {}, and must be above 0", shorten(&digits)), way_out);
        }
        Some(number)
    }

    /// A number that may not be missing its digits.
    fn finite(&mut self, node: &Node, of: &str) -> Option<Number> {
        let Value::Number(digits) = &node.value else {
            self.wrong_type(node, of, "a number");
            return None;
        };
        let Ok(ratio) = digits.parse::<Ratio>() else {
            let message = format!("`{}`: `{}` is not a finite number", shorten(of), shorten(digits));
            self.error(Code::NotANumber, &node.span, message, "write a decimal number, such as 0.8");
            return None;
        };
        let origin = Origin { decimals: decimals(digits), ..self.origin(&node.span) };
        Some(Number { ratio, origin })
    }

    fn negative(&mut self, node: &Node, of: &str, number: Number, digits: &str) {
        let message = format!("`{}`: negative ratio `{}`", shorten(of), shorten(digits));
        match self.author {
            Author::Person => self.error(
                Code::NegativeRatio,
                &node.span,
                message,
                "a ratio is 0 (free) or more; `allow_negative = true` keeps what a gateway wrote",
            ),
            Author::Gateway if is_installed(of, number.ratio) => {}
            Author::Gateway => {
                self.warn(
                    Code::NegativeRatio,
                    &node.span,
                    message,
                    "the gateway takes it as it stands: correct its option if it is a slip",
                );
            }
        }
    }

    pub fn table<'n>(&mut self, node: &'n Node, of: &str) -> Option<&'n Table> {
        let table = node.table();
        if table.is_none() {
            self.wrong_type(node, of, "a table");
        }
        table
    }

    pub fn words<'n>(&mut self, node: &'n Node, of: &str) -> Option<&'n str> {
        let text = node.text();
        if text.is_none() {
            self.wrong_type(node, of, "a text");
        }
        text
    }

    pub fn list<'n>(&mut self, node: &'n Node, of: &str) -> Option<&'n [Node]> {
        let list = node.list();
        if list.is_none() {
            self.wrong_type(node, of, "a list");
        }
        list
    }

    pub fn texts(&mut self, node: &Node, of: &str) -> Vec<String> {
        let items = self.list(node, of).unwrap_or_default();
        items.iter().filter_map(|item| self.words(item, of).map(str::to_owned)).collect()
    }

    pub fn truth(&mut self, node: &Node, of: &str) -> Option<bool> {
        match node.value {
            Value::Bool(truth) => Some(truth),
            _ => {
                self.wrong_type(node, of, "true or false");
                None
            }
        }
    }

    pub fn count(&mut self, node: &Node, of: &str) -> Option<u64> {
        let count = match &node.value {
            Value::Number(digits) => digits.parse().ok(),
            _ => None,
        };
        if count.is_none() {
            self.wrong_type(node, of, "a whole number");
        }
        count
    }

    /// A map of ratios by name.
    pub fn numbers(&mut self, node: &Node, map: MapName) -> Option<HashMap<String, Number>> {
        let mut numbers = HashMap::new();
        for (key, value) in self.table(node, map.word())? {
            if let Some(number) = self.number(value, &key.name) {
                self.place(map, &key.name, &key.span);
                numbers.insert(key.name.clone(), number);
            }
        }
        Some(numbers)
    }

    pub fn mention(&mut self, group: &str, span: &Range<usize>) {
        self.mention_special(group, span, None);
    }

    /// The same for a group in which a user group has a special ratio.
    pub fn mention_special(&mut self, group: &str, span: &Range<usize>, special: Option<(String, Ratio)>) {
        let spot = self.spot(span);
        self.mentions.push(Mention { group: group.to_owned(), spot, special });
    }
}

/// Whether a fresh gateway has this number in some map.
fn is_installed(name: &str, ratio: Ratio) -> bool {
    let has = |fresh: &Config, map| matches!(fresh.map(map).get(name), Found::Number(number) if number.ratio == ratio);
    defaults::is_installed(|fresh| MapName::ALL.into_iter().any(|map| has(fresh, map)))
}

/// A number that stands in quotes, as option rows hold it.
fn unquoted(node: &Node) -> Node {
    match &node.value {
        Value::Text(text) => Node { span: node.span.clone(), value: Value::Number(text.trim().to_owned()) },
        _ => node.clone(),
    }
}

/// The decimals that are written; none where the digits have an exponent.
fn decimals(digits: &str) -> u8 {
    let fraction = digits.split_once('.').map_or("", |(_, fraction)| fraction);
    if fraction.contains(['e', 'E']) { 0 } else { u8::try_from(fraction.len()).unwrap_or(0) }
}
