//! Tokens to a tree, by binding power.
//!
//! ```text
//! sequence    expression (";" expression)* ";"?
//! expression  "let" word "=" expression ";" sequence
//!           | "if" expression block "else" (block | "if" …)          block = "{" sequence "}"
//!           | operand (operator operand)* ("?" expression? ":" expression)?
//! operand     ("-" | "+" | "!" | "not") operand
//!           | number | text | "true" | "false" | "nil" | class | local
//!           | word "(" expression, … ")" | "(" sequence ")" | "[" expression, … "]"
//!           | "$env" ("." class | "[" text "]")
//!
//! weakest  |  or ||  and &&  comparisons in contains …  ..  + -  not !  * / %  -x +x  ** ^  ??  tightest
//! ```
//!
//! Comparisons chain: `1 < p < 3` is `1 < p && p < 3`. `??` binds so tightly that `2 * p ?? 1` is `2 * (p ?? 1)`,
//! and no other operator may follow it on its own level.

use std::sync::Arc;

use super::functions::{self, UNSUPPORTED};
use super::lex::{Kind, Lexer, Token};
use super::tree::{Binary, Id, Node, Tree, Unary};
use super::{Class, ErrorKind, ExprError, Span};

/// More nodes than this the gateway refuses.
const MOST_NODES: usize = 10_000;

/// More levels than this are refused here; the gateway has no such limit.
const MOST_LEVELS: usize = 200;

const WEAKEST: u16 = 0;
const COMPARISON: u16 = 20;
const NOT: u16 = 50;
const SIGN: u16 = 90;

/// The error in a box, since the frames of the recursion hold results.
type Result<T> = std::result::Result<T, Box<ExprError>>;

/// Parses `text` from byte `start` on.
pub(super) fn parse(text: &str, start: usize) -> Result<Tree> {
    let mut lexer = Lexer::new(text, start);
    let current = lexer.next()?;
    let mut parser = Parser { lexer, current, end: start, tree: Tree::default(), nodes: 0, levels: 0, scope: Vec::new() };
    let root = parser.sequence()?;
    if parser.current.kind != Kind::End {
        return Err(parser.unexpected());
    }
    parser.tree.set_root(root);
    Ok(parser.tree)
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    current: Token<'a>,
    /// Where the token before the current one ends.
    end: usize,
    tree: Tree,
    nodes: usize,
    levels: usize,
    /// Names bound by `let`, the innermost last.
    scope: Vec<(&'a str, Id)>,
}

/// What stands between two operands.
#[derive(Clone, Copy)]
enum Infix {
    Pipe,
    Range,
    Operator(Binary),
}

fn infix(sign: &str) -> Option<(Infix, u16)> {
    use Binary::*;
    let (operator, power) = match sign {
        "|" => return Some((Infix::Pipe, WEAKEST)),
        ".." => return Some((Infix::Range, 25)),
        "or" | "||" => (Or, 10),
        "and" | "&&" => (And, 15),
        "==" => (Equal, COMPARISON),
        "!=" => (NotEqual, COMPARISON),
        "<" => (Less, COMPARISON),
        "<=" => (LessOrEqual, COMPARISON),
        ">" => (More, COMPARISON),
        ">=" => (MoreOrEqual, COMPARISON),
        "in" => (In, COMPARISON),
        "matches" => (Matches, COMPARISON),
        "contains" => (Contains, COMPARISON),
        "startsWith" => (StartsWith, COMPARISON),
        "endsWith" => (EndsWith, COMPARISON),
        "+" => (Add, 30),
        "-" => (Subtract, 30),
        "*" => (Multiply, 60),
        "/" => (Divide, 60),
        "%" => (Remainder, 60),
        "**" | "^" => (Power, 100),
        "??" => (Coalesce, 500),
        _ => return None,
    };
    Some((Infix::Operator(operator), power))
}

/// Whether `not` may stand before the operator.
fn can_be_negated(sign: &str) -> bool {
    matches!(sign, "in" | "matches" | "contains" | "startsWith" | "endsWith")
}

fn chains(operator: Binary) -> bool {
    matches!(operator, Binary::Less | Binary::LessOrEqual | Binary::More | Binary::MoreOrEqual)
}

impl<'a> Parser<'a> {
    fn advance(&mut self) -> Result<Token<'a>> {
        let next = self.lexer.next()?;
        self.end = self.current.span.end;
        Ok(std::mem::replace(&mut self.current, next))
    }

    fn at(&self, sign: &str) -> bool {
        self.current.kind == Kind::Sign(sign)
    }

    fn accept(&mut self, sign: &str) -> Result<bool> {
        let accepted = self.at(sign);
        if accepted {
            self.advance()?;
        }
        Ok(accepted)
    }

    fn expect(&mut self, sign: &str) -> Result<()> {
        if self.accept(sign)? {
            return Ok(());
        }
        let found = describe(&self.current.kind);
        Err(syntax(self.current.span.clone(), format!("expected `{sign}`, found {found}")))
    }

    fn expect_word(&mut self) -> Result<(&'a str, Span)> {
        match self.current.kind {
            Kind::Word(word) => Ok((word, self.advance()?.span)),
            _ => Err(self.unexpected()),
        }
    }

    fn unexpected(&self) -> Box<ExprError> {
        syntax(self.current.span.clone(), format!("unexpected {}", describe(&self.current.kind)))
    }

    fn push(&mut self, node: Node, span: Span) -> Result<Id> {
        self.count(1, &span)?;
        Ok(self.tree.push(node, span))
    }

    /// Counts nodes as the gateway does, which has some that the tree here does without.
    fn count(&mut self, nodes: usize, span: &Span) -> Result<()> {
        self.nodes += nodes;
        if self.nodes <= MOST_NODES {
            return Ok(());
        }
        Err(syntax(span.clone(), format!("the gateway refuses an expression of more than {MOST_NODES} parts")))
    }

    fn span(&self, from: Id, to: Id) -> Span {
        self.tree.span(from).start..self.tree.span(to).end
    }

    fn descend(&mut self) -> Result<()> {
        if self.levels == MOST_LEVELS {
            return Err(unsupported(self.current.span.clone(), format!("nested more than {MOST_LEVELS} levels deep")));
        }
        self.levels += 1;
        Ok(())
    }

    fn sequence(&mut self) -> Result<Id> {
        let first = self.expression(WEAKEST)?;
        let mut parts = vec![first];
        while self.accept(";")? && self.current.kind != Kind::End {
            parts.push(self.expression(WEAKEST)?);
        }
        match parts[..] {
            [only] => Ok(only),
            _ => {
                let span = self.tree.span(first).start..self.end;
                self.push(Node::Sequence(parts.into()), span)
            }
        }
    }

    /// An expression whose operators bind at least as tightly as `floor`.
    fn expression(&mut self, floor: u16) -> Result<Id> {
        self.descend()?;
        let parsed = match self.current.kind {
            Kind::Sign("let") if floor == WEAKEST => self.binding()?,
            Kind::Sign("if") if floor == WEAKEST => self.if_else()?,
            _ => {
                let operand = self.operand()?;
                let whole = self.operators(operand, floor)?;
                if floor == WEAKEST { self.choice(whole)? } else { whole }
            }
        };
        self.levels -= 1;
        Ok(parsed)
    }

    fn operators(&mut self, mut left: Id, floor: u16) -> Result<Id> {
        let mut after_coalesce = false;
        while let Kind::Sign(sign) = self.current.kind {
            let negated = sign == "not";
            let sign = if negated { self.negated_sign()? } else { sign };
            let Some((operator, power)) = infix(sign).filter(|(_, power)| *power >= floor) else { break };
            if negated {
                self.advance()?;
            }
            let place = self.advance()?.span;
            let is_coalesce = matches!(operator, Infix::Operator(Binary::Coalesce));
            if after_coalesce && !is_coalesce && !matches!(operator, Infix::Pipe) {
                return Err(syntax(place, format!("`{sign}` cannot follow `??` without parentheses")));
            }
            left = self.apply(operator, power, left)?;
            if negated {
                let span = self.tree.span(left);
                left = self.push(Node::Unary(Unary::Not, left), span)?;
            }
            after_coalesce = is_coalesce;
        }
        Ok(left)
    }

    /// The operator after `not`, which stays the current token.
    fn negated_sign(&mut self) -> Result<&'a str> {
        let next = self.lexer.clone().next()?;
        match next.kind {
            Kind::Sign(sign) if can_be_negated(sign) => Ok(sign),
            other => Err(syntax(next.span, format!("unexpected {}", describe(&other)))),
        }
    }

    fn apply(&mut self, infix: Infix, power: u16, left: Id) -> Result<Id> {
        match infix {
            Infix::Pipe => {
                let (name, place) = self.expect_word()?;
                self.call(name, place, Some(left))
            }
            Infix::Range => {
                let right = self.expression(power + 1)?;
                self.push(Node::Range(left, right), self.span(left, right))
            }
            Infix::Operator(operator) if chains(operator) => self.comparison(operator, left),
            Infix::Operator(operator) => {
                let tighter = if operator == Binary::Power { power } else { power + 1 };
                let right = self.expression(tighter)?;
                self.push(Node::Binary(operator, left, right), self.span(left, right))
            }
        }
    }

    fn comparison(&mut self, mut operator: Binary, mut left: Id) -> Result<Id> {
        let first = left;
        let mut whole = None;
        loop {
            let right = self.expression(COMPARISON + 1)?;
            let one = self.push(Node::Binary(operator, left, right), self.span(left, right))?;
            let all = match whole {
                None => one,
                Some(before) => self.push(Node::Binary(Binary::And, before, one), self.span(first, one))?,
            };
            whole = Some(all);
            left = right;
            operator = match self.current.kind {
                Kind::Sign(sign) => match infix(sign) {
                    Some((Infix::Operator(next), _)) if chains(next) => next,
                    _ => return Ok(all),
                },
                _ => return Ok(all),
            };
            self.advance()?;
        }
    }

    fn binding(&mut self) -> Result<Id> {
        let start = self.advance()?.span.start;
        let (name, place) = self.expect_word()?;
        self.expect("=")?;
        let value = self.expression(WEAKEST)?;
        self.expect(";")?;
        if is_taken(name) || self.scope.iter().any(|(bound, _)| *bound == name) {
            return Err(refused(place, format!("`{name}` has a meaning already")));
        }
        self.scope.push((name, value));
        let body = self.sequence()?;
        self.scope.pop();
        self.push(Node::Let(value, body), start..self.end)
    }

    fn if_else(&mut self) -> Result<Id> {
        let start = self.advance()?.span.start;
        let condition = self.expression(WEAKEST)?;
        let then = self.block()?;
        self.expect("else")?;
        let otherwise = if self.at("if") { self.else_if()? } else { self.block()? };
        // The gateway does not count this one.
        Ok(self.tree.push(Node::Choice(condition, then, otherwise), start..self.end))
    }

    fn else_if(&mut self) -> Result<Id> {
        self.descend()?;
        let parsed = self.if_else()?;
        self.levels -= 1;
        Ok(parsed)
    }

    fn block(&mut self) -> Result<Id> {
        self.expect("{")?;
        let body = self.sequence()?;
        self.expect("}")?;
        Ok(body)
    }

    fn choice(&mut self, mut condition: Id) -> Result<Id> {
        while self.accept("?")? {
            let then = if self.at(":") { condition } else { self.expression(WEAKEST)? };
            self.expect(":")?;
            let otherwise = self.expression(WEAKEST)?;
            let span = self.span(condition, otherwise);
            condition = self.push(Node::Choice(condition, then, otherwise), span)?;
        }
        Ok(condition)
    }

    fn operand(&mut self) -> Result<Id> {
        let id = match self.current.kind {
            Kind::Sign(sign) => self.signed(sign)?,
            Kind::Word(word) => self.word(word)?,
            _ => self.literal()?,
        };
        match self.current.kind {
            Kind::Sign("." | "?." | "[") => {
                Err(unsupported(self.current.span.clone(), "fields, indexes and methods are not supported"))
            }
            _ => Ok(id),
        }
    }

    /// An operand that begins with a sign.
    fn signed(&mut self, sign: &str) -> Result<Id> {
        match sign {
            "-" => self.unary(Unary::Minus, SIGN),
            "+" => self.unary(Unary::Plus, SIGN),
            "!" | "not" => self.unary(Unary::Not, NOT),
            "(" => self.group(),
            "[" => self.list(),
            "{" => Err(unsupported(self.current.span.clone(), "maps are not supported")),
            "::" => Err(unsupported(self.current.span.clone(), "`::` is not supported")),
            _ => Err(self.unexpected()),
        }
    }

    fn word(&mut self, word: &'a str) -> Result<Id> {
        let span = self.advance()?.span;
        match word {
            "true" => self.push(Node::Bool(true), span),
            "false" => self.push(Node::Bool(false), span),
            "nil" => self.push(Node::Nil, span),
            _ if self.at("(") => self.call(word, span, None),
            _ => self.name(word, span),
        }
    }

    fn literal(&mut self) -> Result<Id> {
        if self.current.kind == Kind::End {
            return Err(self.unexpected());
        }
        let Token { kind, span } = self.advance()?;
        let node = match kind {
            Kind::Integer(value) => Node::Integer(value),
            Kind::Float(value) => Node::Float(value),
            Kind::Text(text) => Node::Text(Arc::from(text)),
            Kind::Word(_) | Kind::Sign(_) | Kind::End => Node::Nil,
        };
        self.push(node, span)
    }

    fn unary(&mut self, operator: Unary, power: u16) -> Result<Id> {
        let start = self.advance()?.span.start;
        let operand = self.expression(power)?;
        let span = start..self.tree.span(operand).end;
        self.push(Node::Unary(operator, operand), span)
    }

    /// An expression in parentheses, which then belong to its span.
    fn group(&mut self) -> Result<Id> {
        let start = self.advance()?.span.start;
        let inner = self.sequence()?;
        self.expect(")")?;
        self.tree.set_span(inner, start..self.end);
        Ok(inner)
    }

    fn list(&mut self) -> Result<Id> {
        let start = self.advance()?.span.start;
        let items = self.items("]", Vec::new())?;
        self.push(Node::List(items.into()), start..self.end)
    }

    /// Expressions with commas between them, after the last one too if you like, up to the closing bracket.
    fn items(&mut self, close: &str, mut items: Vec<Id>) -> Result<Vec<Id>> {
        let before = items.len();
        while !self.at(close) {
            if items.len() > before {
                self.expect(",")?;
                if self.at(close) {
                    break;
                }
            }
            items.push(self.expression(WEAKEST)?);
        }
        self.expect(close)?;
        Ok(items)
    }

    fn name(&mut self, name: &str, span: Span) -> Result<Id> {
        if let Some(value) = self.bound(name) {
            return self.push(Node::Local(value), span);
        }
        if name == "$env" {
            return self.environment(span);
        }
        if let Some(class) = Class::named(name) {
            return self.push(Node::Class(class), span);
        }
        if functions::find(name).is_some() || UNSUPPORTED.contains(&name) {
            return Err(unsupported(span, format!("`{name}` is a function, and only its calls are supported")));
        }
        Err(unknown(name, span))
    }

    fn bound(&self, name: &str) -> Option<Id> {
        self.scope.iter().rev().find(|(bound, _)| *bound == name).map(|(_, value)| *value)
    }

    /// What follows `$env`.
    fn environment(&mut self, span: Span) -> Result<Id> {
        let (name, place) = if self.accept(".")? {
            let (word, place) = self.expect_word()?;
            (word.to_owned(), place)
        } else if self.at("[") {
            self.advance()?;
            let Token { kind: Kind::Text(text), span: place } = self.advance()? else {
                return Err(unsupported(span, "`$env` is only supported with a name in brackets"));
            };
            self.expect("]")?;
            (text, place)
        } else {
            return Err(unsupported(span, "`$env` is only supported with a name after it"));
        };
        let class = Class::named(&name).ok_or_else(|| unknown(&name, place))?;
        self.count(2, &span)?;
        self.push(Node::HiddenClass(class), span.start..self.end)
    }

    /// The call of a function whose name was read; a piped value is its first argument.
    fn call(&mut self, name: &str, place: Span, piped: Option<Id>) -> Result<Id> {
        if self.bound(name).is_some() || Class::named(name).is_some() {
            return Err(refused(place, format!("`{name}` is a number, not a function")));
        }
        if UNSUPPORTED.contains(&name) {
            return Err(unsupported(place, format!("the function `{name}` is not supported")));
        }
        let signature = functions::find(name).ok_or_else(|| unknown(name, place.clone()))?;
        self.expect("(")?;
        let start = piped.map_or(place.start, |piped| self.tree.span(piped).start);
        let arguments = self.items(")", piped.into_iter().collect())?;
        if !signature.is_builtin() {
            self.count(1, &place)?;
        }
        self.push(Node::Call(signature.function, arguments.into()), start..self.end)
    }
}

/// Whether a name cannot be bound by `let`.
fn is_taken(name: &str) -> bool {
    Class::named(name).is_some() || functions::find(name).is_some() || UNSUPPORTED.contains(&name)
}

fn describe(kind: &Kind) -> String {
    match kind {
        Kind::Integer(value) => format!("`{value}`"),
        Kind::Float(value) => format!("`{value}`"),
        Kind::Text(_) => "a text".to_owned(),
        Kind::Word(text) | Kind::Sign(text) => format!("`{text}`"),
        Kind::End => "the end".to_owned(),
    }
}

fn syntax(span: Span, message: impl Into<String>) -> Box<ExprError> {
    Box::new(ExprError { kind: ErrorKind::Syntax, span, message: message.into() })
}

fn refused(span: Span, message: impl Into<String>) -> Box<ExprError> {
    Box::new(ExprError { kind: ErrorKind::Type, span, message: message.into() })
}

fn unsupported(span: Span, message: impl Into<String>) -> Box<ExprError> {
    Box::new(ExprError { kind: ErrorKind::Unsupported, span, message: message.into() })
}

fn unknown(name: &str, span: Span) -> Box<ExprError> {
    refused(span, format!("no variable and no function has the name `{name}`"))
}
