//! Types, as far as the gateway looks at them before it accepts an expression.
//!
//! What it cannot know, such as the answer of `param` or a ternary with an integer and a float, passes and may
//! fail when it is evaluated. One thing the check changes: literal integers, also in sums, differences and
//! products, become floats where a function wants one.

use super::functions::{self, Parameter, Returns};
use super::tree::{Binary, Id, Node, Tree, Unary};
use super::{ErrorKind, ExprError, Span};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Nil,
    Bool,
    Integer,
    Float,
    Text,
    List,
    /// Anything, as a function returns it.
    Any,
    /// Anything, since two types met.
    Unknown,
}

type Result<T> = std::result::Result<T, ExprError>;

/// Checks the tree; what the gateway would refuse is an error.
pub(super) fn check(tree: &mut Tree) -> Result<()> {
    let mut checker = Checker { types: Vec::with_capacity(tree.len()), tree };
    for id in checker.tree.ids() {
        let found = checker.node(id)?;
        checker.types.push(found);
    }
    match checker.of(checker.tree.root()) {
        Type::Integer | Type::Float | Type::Any | Type::Unknown => Ok(()),
        Type::List => Err(unsupported(checker.tree.span(checker.tree.root()))),
        other => Err(refused(checker.tree.span(checker.tree.root()), format!("the result must be a number, not {}", other.name()))),
    }
}

struct Checker<'t> {
    tree: &'t mut Tree,
    types: Vec<Type>,
}

impl Checker<'_> {
    fn of(&self, id: Id) -> Type {
        self.types[id.index()]
    }

    fn node(&mut self, id: Id) -> Result<Type> {
        match self.tree[id].clone() {
            Node::Nil => Ok(Type::Nil),
            Node::Bool(_) => Ok(Type::Bool),
            Node::Integer(_) => Ok(Type::Integer),
            Node::Float(_) | Node::Class(_) | Node::HiddenClass(_) => Ok(Type::Float),
            Node::Text(_) => Ok(Type::Text),
            Node::Local(value) | Node::Let(_, value) => Ok(self.of(value)),
            Node::Unary(operator, operand) => self.unary(operator, operand, id),
            Node::Binary(operator, left, right) => self.binary(operator, left, right, id),
            Node::Choice(condition, then, otherwise) => self.choice(condition, then, otherwise),
            Node::Call(function, arguments) => match functions::signature(function) {
                Some(signature) => self.call(signature, &arguments, id),
                None => Ok(Type::Unknown),
            },
            Node::Sequence(parts) => Ok(parts.last().map_or(Type::Unknown, |last| self.of(*last))),
            Node::List(_) => Ok(Type::List),
            Node::Range(from, to) => match (self.of(from), self.of(to)) {
                (Type::Integer, b) if b == Type::Integer || b.is_open() => Ok(Type::List),
                (a, Type::Integer) if a.is_open() => Ok(Type::List),
                (a, b) if a.is_open() && b.is_open() => Ok(Type::List),
                (a, b) => Err(self.mismatch("..", &[a, b], id)),
            },
        }
    }

    fn unary(&self, operator: Unary, operand: Id, id: Id) -> Result<Type> {
        match (operator, self.of(operand)) {
            (Unary::Not, Type::Bool | Type::Any | Type::Unknown) => Ok(Type::Bool),
            (Unary::Plus | Unary::Minus, number @ (Type::Integer | Type::Float)) => Ok(number),
            (Unary::Plus | Unary::Minus, Type::Any | Type::Unknown) => Ok(Type::Unknown),
            (operator, other) => Err(self.mismatch(operator.sign(), &[other], id)),
        }
    }

    fn binary(&mut self, operator: Binary, left: Id, right: Id, id: Id) -> Result<Type> {
        let (a, b) = (self.of(left), self.of(right));
        if operator == Binary::In {
            self.members(left, right, id)?;
            return Ok(Type::Bool);
        }
        let found = if operator == Binary::Coalesce && a != Type::List && b != Type::List {
            Some(coalesced(a, b))
        } else {
            combined(operator, a, b)
        };
        found.ok_or_else(|| self.mismatch(operator.sign(), &[a, b], id))
    }

    /// `left in right`
    fn members(&mut self, left: Id, right: Id, id: Id) -> Result<()> {
        let (needle, list) = (self.of(left), self.of(right));
        let member = match &self.tree[right] {
            Node::List(items) => self.member(items),
            Node::Range(..) => {
                if needle == Type::Integer {
                    self.tree.set(id, Node::Binary(Binary::Within, left, right));
                }
                Type::Integer
            }
            _ if list.is_open() || needle == Type::List => return Err(unsupported(self.tree.span(right))),
            _ => return Err(self.mismatch("in", &[needle, list], id)),
        };
        if comparable(needle, member) { Ok(()) } else { Err(self.mismatch("in", &[needle, member], id)) }
    }

    /// The common type of a list's items.
    fn member(&self, items: &[Id]) -> Type {
        let mut types = items.iter().map(|item| self.of(*item));
        let first = types.next().unwrap_or(Type::Unknown);
        if types.all(|other| other == first) { first } else { Type::Any }
    }

    fn choice(&self, condition: Id, then: Id, otherwise: Id) -> Result<Type> {
        let tested = self.of(condition);
        if tested != Type::Bool && !tested.is_open() {
            let message = format!("a condition must be true or false, not {}", tested.name());
            return Err(refused(self.tree.span(condition), message));
        }
        let (a, b) = (self.of(then), self.of(otherwise));
        Ok(match (a, b) {
            (Type::Nil, other) | (other, Type::Nil) => other,
            _ if assignable(a, b) => a,
            _ => Type::Unknown,
        })
    }

    fn call(&mut self, signature: &functions::Signature, arguments: &[Id], id: Id) -> Result<Type> {
        let (wanted, given) = (signature.parameters.len(), arguments.len());
        if given != wanted {
            let message = format!("`{}` takes {wanted} arguments, not {given}", signature.name);
            // Some functions of the language take one more.
            let kind = if signature.is_builtin() && given > wanted { ErrorKind::Unsupported } else { ErrorKind::Type };
            return Err(ExprError { kind, span: self.tree.span(id), message });
        }
        for (parameter, argument) in signature.parameters.iter().zip(arguments) {
            self.argument(*parameter, *argument, signature.name)?;
        }
        Ok(match signature.returns {
            Returns::Float => Type::Float,
            Returns::Integer => Type::Integer,
            Returns::Text => Type::Text,
            Returns::Bool => Type::Bool,
            Returns::Any => Type::Any,
        })
    }

    fn argument(&mut self, parameter: Parameter, argument: Id, function: &str) -> Result<()> {
        let given = self.of(argument);
        let fits = match given {
            Type::Any | Type::Unknown => true,
            Type::List => return Err(unsupported(self.tree.span(argument))),
            Type::Nil | Type::Bool => parameter == Parameter::Any,
            Type::Integer | Type::Float => parameter != Parameter::Text,
            Type::Text => !matches!(parameter, Parameter::Float | Parameter::Number),
        };
        if !fits {
            return Err(refused(self.tree.span(argument), format!("`{function}` does not take {} here", given.name())));
        }
        if parameter == Parameter::Float && given == Type::Integer {
            self.turn_to_float(argument);
        }
        Ok(())
    }

    fn turn_to_float(&mut self, id: Id) {
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            match self.tree[id] {
                Node::Integer(value) => self.tree.set(id, Node::Float(value as f64)),
                Node::Unary(_, operand) => open.push(operand),
                Node::Binary(Binary::Add | Binary::Subtract | Binary::Multiply, left, right) => open.extend([left, right]),
                _ => {}
            }
        }
    }

    fn mismatch(&self, operator: &str, types: &[Type], id: Id) -> ExprError {
        if types.contains(&Type::List) {
            return unsupported(self.tree.span(id));
        }
        let names: Vec<_> = types.iter().map(|found| found.name()).collect();
        refused(self.tree.span(id), format!("`{operator}` does not go with {}", names.join(" and ")))
    }
}

impl Type {
    fn is_open(self) -> bool {
        matches!(self, Type::Any | Type::Unknown)
    }

    fn is_number(self) -> bool {
        matches!(self, Type::Integer | Type::Float)
    }

    fn name(self) -> &'static str {
        match self {
            Type::Nil => "nil",
            Type::Bool => "true or false",
            Type::Integer => "an integer",
            Type::Float => "a float",
            Type::Text => "a text",
            Type::List => "a list",
            Type::Any | Type::Unknown => "anything",
        }
    }
}

/// The result of an operator, if the gateway lets the two types through.
fn combined(operator: Binary, a: Type, b: Type) -> Option<Type> {
    use Binary::*;
    let both = |fits: fn(Type) -> bool| (fits(a) || a.is_open()) && (fits(b) || b.is_open());
    let text = |one| one == Type::Text;
    let integer = |one| one == Type::Integer;
    let boolean = |one| one == Type::Bool;
    match operator {
        Equal | NotEqual => comparable(a, b).then_some(Type::Bool),
        And | Or => both(boolean).then_some(Type::Bool),
        Less | LessOrEqual | More | MoreOrEqual => (both(Type::is_number) || both(text)).then_some(Type::Bool),
        Contains | StartsWith | EndsWith | Matches => both(text).then_some(Type::Bool),
        Divide | Power => both(Type::is_number).then_some(Type::Float),
        Remainder => both(integer).then_some(Type::Integer),
        Add if text(a) && text(b) => Some(Type::Text),
        Add if both(text) => Some(Type::Unknown),
        Add | Subtract | Multiply => both(Type::is_number).then(|| promoted(a, b)),
        In | Within | Coalesce => None,
    }
}

fn promoted(a: Type, b: Type) -> Type {
    match (a, b) {
        (Type::Integer, Type::Integer) => Type::Integer,
        _ if a.is_open() || b.is_open() => Type::Unknown,
        _ => Type::Float,
    }
}

fn coalesced(a: Type, b: Type) -> Type {
    match (a, b) {
        (Type::Nil, other) | (other, Type::Nil) => other,
        _ if assignable(b, a) => a,
        _ => Type::Unknown,
    }
}

fn assignable(from: Type, to: Type) -> bool {
    match (from, to) {
        (Type::Unknown | Type::Nil, _) | (_, Type::Unknown | Type::Nil) => false,
        (_, Type::Any) => true,
        _ => from == to,
    }
}

fn comparable(a: Type, b: Type) -> bool {
    let open = |one: Type| one.is_open() || one == Type::Nil;
    a != Type::List && b != Type::List && (open(a) || open(b) || a.is_number() && b.is_number() || a == b)
}

impl Unary {
    pub(super) fn sign(self) -> &'static str {
        match self {
            Unary::Plus => "+",
            Unary::Minus => "-",
            Unary::Not => "not",
        }
    }
}

impl Binary {
    pub(super) fn sign(self) -> &'static str {
        match self {
            Binary::Or => "or",
            Binary::And => "and",
            Binary::Equal => "==",
            Binary::NotEqual => "!=",
            Binary::Less => "<",
            Binary::LessOrEqual => "<=",
            Binary::More => ">",
            Binary::MoreOrEqual => ">=",
            Binary::In | Binary::Within => "in",
            Binary::Contains => "contains",
            Binary::StartsWith => "startsWith",
            Binary::EndsWith => "endsWith",
            Binary::Matches => "matches",
            Binary::Add => "+",
            Binary::Subtract => "-",
            Binary::Multiply => "*",
            Binary::Divide => "/",
            Binary::Remainder => "%",
            Binary::Power => "**",
            Binary::Coalesce => "??",
        }
    }
}

fn refused(span: Span, message: impl Into<String>) -> ExprError {
    ExprError { kind: ErrorKind::Type, span, message: message.into() }
}

fn unsupported(span: Span) -> ExprError {
    let message = "a list is only supported as such, right of `in`".to_owned();
    ExprError { kind: ErrorKind::Unsupported, span, message }
}
