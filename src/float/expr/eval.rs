//! The value of a tree, in float64 and wrapping 64-bit integers.
//!
//! Every node is evaluated at most once and keeps its value, which is also what an explanation reads. Only the
//! operands that may be left out are reached by recursion; the parser bounds how deep they nest.

use std::sync::Arc;

use super::functions::Function;
use super::tree::{Binary, Id, Node, Tree, Unary};
use super::{EvalError, Variables, math};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Nil,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(Arc<str>),
    /// Depends on a request or a clock that nobody has; only when branches are presumed.
    Unread,
}

/// Why a node has no value; the evaluator adds the place.
pub(super) type Fault = &'static str;

/// A text that an expression builds is no longer than this.
const LONGEST_TEXT: usize = 1 << 16;

/// The gateway builds ranges of fewer members than this, all of an expression together.
const MOST_MEMBERS: i64 = 1_000_000;

pub(super) struct Evaluator<'t> {
    tree: &'t Tree,
    variables: &'t Variables,
    /// The tier whose branch to take where a condition is unread; without one, an unread value is an error.
    presumed: Option<&'t str>,
    values: Vec<Option<Value>>,
    tier: Option<Id>,
    members: i64,
    /// Nodes that wait for the value of their first operand.
    waiting: Vec<Id>,
}

type Result<T> = std::result::Result<T, EvalError>;

impl<'t> Evaluator<'t> {
    pub(super) fn new(tree: &'t Tree, variables: &'t Variables, presumed: Option<&'t str>) -> Evaluator<'t> {
        Evaluator { tree, variables, presumed, values: vec![None; tree.len()], tier: None, members: 0, waiting: Vec::new() }
    }

    /// The value of the whole, if it is a number.
    pub(super) fn run(&mut self) -> Result<f64> {
        let root = self.tree.root();
        match self.value(root)? {
            Value::Float(value) => Ok(value),
            Value::Integer(value) => Ok(value as f64),
            _ => Err(self.failed(root, "the result is not a number")),
        }
    }

    /// The `tier` call that ran last, and its arguments.
    pub(super) fn last_tier(&self) -> Option<&'t [Id]> {
        match &self.tree[self.tier?] {
            Node::Call(_, arguments) => Some(arguments),
            _ => None,
        }
    }

    pub(super) fn seen(&self, id: Id) -> Option<&Value> {
        self.values[id.index()].as_ref()
    }

    fn failed(&self, id: Id, message: Fault) -> EvalError {
        EvalError::Failed { span: self.tree.span(id), message }
    }

    /// Goes down to the operand that comes first of all, and back up from there: a chain of a thousand `+` takes
    /// no recursion.
    fn value(&mut self, id: Id) -> Result<Value> {
        let bottom = self.waiting.len();
        let mut next = Some(id);
        while let Some(id) = next {
            self.waiting.push(id);
            next = self.tree[id].first().filter(|_| self.seen(id).is_none());
        }
        let value = self.climb(bottom);
        self.waiting.truncate(bottom);
        value
    }

    fn climb(&mut self, bottom: usize) -> Result<Value> {
        let mut value = Value::Nil;
        while self.waiting.len() > bottom {
            let Some(id) = self.waiting.pop() else { break };
            if let Some(known) = self.seen(id) {
                value = known.clone();
                continue;
            }
            value = self.node(id, value)?;
            self.values[id.index()] = Some(value.clone());
        }
        Ok(value)
    }

    /// The value of a node whose first operand is known.
    fn node(&mut self, id: Id, first: Value) -> Result<Value> {
        let tree = self.tree;
        match &tree[id] {
            Node::Nil => Ok(Value::Nil),
            Node::Bool(value) => Ok(Value::Bool(*value)),
            Node::Integer(value) => Ok(Value::Integer(*value)),
            Node::Float(value) => Ok(Value::Float(*value)),
            Node::Text(text) => Ok(Value::Text(text.clone())),
            Node::Class(class) | Node::HiddenClass(class) => Ok(Value::Float(self.variables.get(*class) as f64)),
            Node::Local(value) => self.value(*value),
            Node::Unary(operator, _) => unary(*operator, first).map_err(|fault| self.failed(id, fault)),
            Node::Binary(operator, _, right) => self.binary(*operator, first, *right, id),
            Node::Choice(condition, then, otherwise) => self.choice(first, *condition, *then, *otherwise),
            Node::Call(function, arguments) => self.call(*function, arguments, id),
            Node::Let(_, body) => self.value(*body),
            Node::Sequence(parts) => {
                let mut last = first;
                for part in parts.iter().skip(1) {
                    last = self.value(*part)?;
                }
                Ok(last)
            }
            Node::List(_) | Node::Range(..) => Err(EvalError::Unsupported("a list outside of `in`")),
        }
    }

    fn binary(&mut self, operator: Binary, left: Value, right: Id, id: Id) -> Result<Value> {
        match (operator, &left) {
            (Binary::And | Binary::Or, _) => self.boolean(operator == Binary::Or, left, right, id),
            (Binary::Coalesce, Value::Nil) => self.value(right),
            (Binary::Coalesce, _) => Ok(left),
            (Binary::In, _) => self.is_in(left, right, false),
            (Binary::Within, _) => self.is_in(left, right, true),
            (Binary::Matches, _) => {
                self.value(right)?;
                if left == Value::Unread { Ok(left) } else { Err(EvalError::Unsupported("`matches`")) }
            }
            _ => {
                let right = self.value(right)?;
                binary(operator, &left, &right).map_err(|fault| self.failed(id, fault))
            }
        }
    }

    /// `and`, or `or` (decided by true). An unread side may not matter.
    fn boolean(&mut self, decisive: bool, left: Value, right: Id, id: Id) -> Result<Value> {
        match left {
            Value::Bool(value) if value == decisive => Ok(left),
            Value::Bool(_) => self.value(right),
            Value::Unread => match self.value(right) {
                Ok(Value::Bool(value)) if value == decisive => Ok(Value::Bool(value)),
                _ => Ok(Value::Unread),
            },
            _ => Err(self.failed(id, "neither true nor false")),
        }
    }

    fn choice(&mut self, tested: Value, condition: Id, then: Id, otherwise: Id) -> Result<Value> {
        match tested {
            Value::Bool(true) => self.value(then),
            Value::Bool(false) => self.value(otherwise),
            Value::Unread => match (self.leads_to_presumed(then), self.leads_to_presumed(otherwise)) {
                (true, false) => self.value(then),
                (false, true) => self.value(otherwise),
                _ => Ok(Value::Unread),
            },
            _ => Err(self.failed(condition, "a condition is neither true nor false")),
        }
    }

    /// Whether the presumed tier stands in this branch.
    fn leads_to_presumed(&self, branch: Id) -> bool {
        self.tree.below(branch).into_iter().any(|id| match &self.tree[id] {
            Node::Call(Function::Tier, arguments) => {
                let name = arguments.first().map(|name| &self.tree[*name]);
                matches!((name, self.presumed), (Some(Node::Text(name)), Some(presumed)) if **name == *presumed)
            }
            _ => false,
        })
    }

    fn is_in(&mut self, needle: Value, list: Id, is_integer: bool) -> Result<Value> {
        match &self.tree[list] {
            Node::List(items) => self.is_member(&needle, items),
            Node::Range(from, to) => self.is_between(&needle, *from, *to, is_integer, list),
            _ => Err(EvalError::Unsupported("a list that is not written out")),
        }
    }

    fn is_member(&mut self, needle: &Value, items: &[Id]) -> Result<Value> {
        let mut answers = Vec::with_capacity(items.len());
        for item in items {
            answers.push(equal(needle, &self.value(*item)?));
        }
        let found = [Value::Bool(true), Value::Unread].into_iter().find(|answer| answers.contains(answer));
        Ok(found.unwrap_or(Value::Bool(false)))
    }

    fn is_between(&mut self, needle: &Value, from: Id, to: Id, is_integer: bool, list: Id) -> Result<Value> {
        let is_constant = |id: Id| matches!(self.tree[id], Node::Integer(_));
        let is_built = !(is_integer && is_constant(from) && is_constant(to));
        let (from, to) = (self.value(from)?, self.value(to)?);
        if from == Value::Unread || to == Value::Unread {
            return Ok(Value::Unread);
        }
        let (from, to) = (self.range_end(from, list)?, self.range_end(to, list)?);
        // The length of a range that is built wraps, and may leave it empty.
        let length = to.wrapping_sub(from).wrapping_add(1);
        if is_built {
            self.grow(length, list)?;
        }
        Ok(match needle {
            Value::Unread => Value::Unread,
            _ if is_built && length <= 0 => Value::Bool(false),
            Value::Integer(value) => Value::Bool((from..=to).contains(value)),
            Value::Float(value) => Value::Bool(value.fract() == 0.0 && (from as f64..=to as f64).contains(value)),
            _ => Value::Bool(false),
        })
    }

    fn range_end(&self, end: Value, list: Id) -> Result<i64> {
        match end {
            Value::Integer(end) => Ok(end),
            Value::Float(end) => Ok(math::to_integer(end)),
            _ => Err(self.failed(list, "the end of a range is not a number")),
        }
    }

    fn grow(&mut self, members: i64, list: Id) -> Result<()> {
        self.members = self.members.saturating_add(members.max(0));
        if self.members < MOST_MEMBERS { Ok(()) } else { Err(self.failed(list, "the range is too long")) }
    }

    fn call(&mut self, function: Function, arguments: &[Id], id: Id) -> Result<Value> {
        let mut values = Vec::with_capacity(arguments.len());
        for argument in arguments {
            values.push(self.value(*argument)?);
        }
        if let Function::Request(name) = function {
            return if self.presumed.is_some() { Ok(Value::Unread) } else { Err(EvalError::NeedsRequest(name)) };
        }
        if function == Function::Tier && !tier_takes(&values) {
            return Err(self.failed(id, "`tier` wants a text and a float"));
        }
        let value = call(function, &values).map_err(|fault| self.failed(id, fault))?;
        if function == Function::Tier {
            self.tier = Some(id);
        }
        Ok(value)
    }
}

pub(super) fn unary(operator: Unary, operand: Value) -> std::result::Result<Value, Fault> {
    match (operator, operand) {
        (_, Value::Unread) => Ok(Value::Unread),
        (Unary::Not, Value::Bool(value)) => Ok(Value::Bool(!value)),
        (Unary::Not, _) => Err("neither true nor false"),
        (Unary::Plus, value) => Ok(value),
        (Unary::Minus, Value::Integer(value)) => Ok(Value::Integer(value.wrapping_neg())),
        (Unary::Minus, Value::Float(value)) => Ok(Value::Float(-value)),
        (Unary::Minus, _) => Err("not a number"),
    }
}

/// An operator that always has both operands.
pub(super) fn binary(operator: Binary, left: &Value, right: &Value) -> std::result::Result<Value, Fault> {
    use Binary::*;
    if *left == Value::Unread || *right == Value::Unread {
        return Ok(Value::Unread);
    }
    match operator {
        Equal => Ok(equal(left, right)),
        NotEqual => unary(Unary::Not, equal(left, right)),
        Less | LessOrEqual | More | MoreOrEqual => ordered(operator, left, right),
        Contains | StartsWith | EndsWith => match (left, right) {
            (Value::Text(text), Value::Text(part)) => Ok(Value::Bool(match operator {
                Contains => text.contains(&**part),
                StartsWith => text.starts_with(&**part),
                _ => text.ends_with(&**part),
            })),
            // Only what was never typed gets here.
            (Value::Nil, _) | (_, Value::Nil) => Ok(Value::Bool(false)),
            _ => Err("not a text"),
        },
        _ => arithmetic(operator, left, right),
    }
}

fn arithmetic(operator: Binary, left: &Value, right: &Value) -> std::result::Result<Value, Fault> {
    match (left, right) {
        (Value::Integer(a), Value::Integer(b)) => match operator {
            Binary::Add => Ok(Value::Integer(a.wrapping_add(*b))),
            Binary::Subtract => Ok(Value::Integer(a.wrapping_sub(*b))),
            Binary::Multiply => Ok(Value::Integer(a.wrapping_mul(*b))),
            Binary::Remainder if *b == 0 => Err("the remainder of a division by 0"),
            Binary::Remainder => Ok(Value::Integer(a.wrapping_rem(*b))),
            _ => floats(operator, *a as f64, *b as f64),
        },
        (Value::Integer(a), Value::Float(b)) => floats(operator, *a as f64, *b),
        (Value::Float(a), Value::Integer(b)) => floats(operator, *a, *b as f64),
        (Value::Float(a), Value::Float(b)) => floats(operator, *a, *b),
        (Value::Text(a), Value::Text(b)) if operator == Binary::Add => text([&**a, &**b].concat()),
        _ => Err("not numbers"),
    }
}

fn floats(operator: Binary, a: f64, b: f64) -> std::result::Result<Value, Fault> {
    Ok(Value::Float(match operator {
        Binary::Add => a + b,
        Binary::Subtract => a - b,
        Binary::Multiply => a * b,
        Binary::Divide => a / b,
        Binary::Power => math::pow(a, b),
        _ => return Err("only integers leave a remainder"),
    }))
}

/// Numbers by their value; a text never equals a number.
fn equal(left: &Value, right: &Value) -> Value {
    Value::Bool(match (left, right) {
        (Value::Unread, _) | (_, Value::Unread) => return Value::Unread,
        (Value::Integer(a), Value::Float(b)) | (Value::Float(b), Value::Integer(a)) => *a as f64 == *b,
        (a, b) => a == b,
    })
}

fn ordered(operator: Binary, left: &Value, right: &Value) -> std::result::Result<Value, Fault> {
    use std::cmp::Ordering::*;
    let order = match (left, right) {
        (Value::Integer(a), Value::Integer(b)) => Some(a.cmp(b)),
        (Value::Integer(a), Value::Float(b)) => (*a as f64).partial_cmp(b),
        (Value::Float(a), Value::Integer(b)) => a.partial_cmp(&(*b as f64)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        _ => return Err("nothing that can be compared"),
    };
    Ok(Value::Bool(match operator {
        Binary::Less => order == Some(Less),
        Binary::LessOrEqual => matches!(order, Some(Less | Equal)),
        Binary::More => order == Some(Greater),
        _ => matches!(order, Some(Greater | Equal)),
    }))
}

fn text(text: String) -> std::result::Result<Value, Fault> {
    if text.len() > LONGEST_TEXT { Err("the text is too long") } else { Ok(Value::Text(Arc::from(text))) }
}

/// Nil stands for the empty name and for 0.
fn tier_takes(arguments: &[Value]) -> bool {
    use Value::*;
    matches!(arguments, [Text(_) | Nil | Unread, Float(_) | Nil | Unread])
}

fn call(function: Function, arguments: &[Value]) -> std::result::Result<Value, Fault> {
    use Value::{Bool, Float, Integer, Nil, Text, Unread};
    if arguments.contains(&Unread) {
        return Ok(Unread);
    }
    Ok(match (function, arguments) {
        (Function::Tier, [_, Nil]) => Float(0.0),
        (Function::Tier, [_, value]) => value.clone(),
        (Function::Max, [a, b]) => Float(math::max(zero_or(a)?, zero_or(b)?)),
        (Function::Min, [a, b]) => Float(math::min(zero_or(a)?, zero_or(b)?)),
        (Function::Abs, [Float(value)]) => Float(value.abs()),
        (Function::Ceil, [Float(value)]) => Float(value.ceil()),
        (Function::Floor, [Float(value)]) => Float(value.floor()),
        (Function::Has, [Nil, Text(_) | Nil] | [_, Nil]) => Bool(false),
        (Function::Has, [source, Text(part)]) => Bool(!part.is_empty() && printed(source).contains(&**part)),
        (Function::Int, [value @ Integer(_)]) | (Function::Float, [value @ Float(_)]) => value.clone(),
        (Function::Int, [Float(value)]) => Integer(math::to_integer(*value)),
        (Function::Int, [Text(text)]) => Integer(text.parse().map_err(|_| "not a whole number")?),
        (Function::Float | Function::Round, [Integer(value)]) => Float(*value as f64),
        (Function::Float, [Text(text)]) => Float(float(text)?),
        (Function::Round, [Float(value)]) => Float(value.round()),
        (Function::String, [value]) => Text(Arc::from(printed(value))),
        (Function::Type, [value]) => Text(Arc::from(type_name(value))),
        _ => return texts(function, arguments),
    })
}

/// Functions of texts alone.
fn texts(function: Function, arguments: &[Value]) -> std::result::Result<Value, Fault> {
    let mut parts = Vec::with_capacity(3);
    for argument in arguments {
        match argument {
            Value::Text(part) => parts.push(&**part),
            _ => return Err("an argument of the wrong type"),
        }
    }
    let place = |at: Option<usize>| Value::Integer(at.map_or(-1, |at| at as i64));
    match (function, &parts[..]) {
        (Function::Upper, [a]) => text(a.chars().map(|c| single(c, c.to_uppercase())).collect()),
        (Function::Lower, [a]) => text(a.chars().map(|c| single(c, c.to_lowercase())).collect()),
        (Function::Trim, [a]) => text(a.trim().to_owned()),
        (Function::Replace, [a, from, to]) => {
            let longest = a.len().saturating_add(a.matches(from).count().saturating_mul(to.len()));
            if longest > LONGEST_TEXT { Err("the text is too long") } else { text(a.replace(from, to)) }
        }
        (Function::IndexOf, [a, part]) => Ok(place(a.find(part))),
        (Function::LastIndexOf, [a, part]) => Ok(place(a.rfind(part))),
        (Function::HasPrefix, [a, part]) => Ok(Value::Bool(a.starts_with(part))),
        (Function::HasSuffix, [a, part]) => Ok(Value::Bool(a.ends_with(part))),
        _ => Err("an argument of the wrong type"),
    }
}

/// A letter's other case, where that is one letter again.
fn single(c: char, mut other: impl ExactSizeIterator<Item = char>) -> char {
    if other.len() == 1 { other.next().unwrap_or(c) } else { c }
}

fn zero_or(value: &Value) -> std::result::Result<f64, Fault> {
    match value {
        Value::Nil => Ok(0.0),
        Value::Float(value) => Ok(*value),
        _ => Err("not a float"),
    }
}

fn float(text: &str) -> std::result::Result<f64, Fault> {
    let value: f64 = text.parse().map_err(|_| "not a number")?;
    let named = text.contains(['i', 'I']);
    if value.is_infinite() && !named { Err("a number beyond 64 bits") } else { Ok(value) }
}

fn printed(value: &Value) -> String {
    match value {
        Value::Nil | Value::Unread => "<nil>".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Float(value) => math::text(*value),
        Value::Text(text) => text.to_string(),
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Nil | Value::Unread => "nil",
        Value::Bool(_) => "bool",
        Value::Integer(_) => "int",
        Value::Float(_) => "float",
        Value::Text(_) => "string",
    }
}
