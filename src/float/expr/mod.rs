//! Tiered price expressions: the language in which new-api gives the price of an answer.
//!
//! An expression computes USD per million tokens times tokens from the token counts of one answer:
//!
//! ```
//! use quota::float::expr::{Expression, Variables};
//! let price = Expression::parse(r#"len <= 200000 ? tier("standard", p * 3 + c * 15) : tier("long", p * 6 + c * 22.5)"#).unwrap();
//! let outcome = price.evaluate(&Variables { p: 1000, c: 200, len: 1000, ..Variables::default() }).unwrap();
//! assert_eq!(outcome.value.to_string(), "6000");
//! assert_eq!(outcome.tier.as_deref(), Some("standard"));
//! ```
//!
//! The law: a value here has the bits that the gateway computes, in float64 and in the order that is written. The
//! language is expr-lang 1.17.8 of Go; `parse.rs` draws its grammar. What the gateway refuses is an error, and what
//! is not covered (maps, closures, lists beyond `in`) is an error of its own kind, never a guess.
//!
//! ```text
//! text ── lex ──▶ tokens ── parse ──▶ tree ── check ──▶ typed ── fold ──▶ Expression ── eval ──▶ Outcome, Terms
//! ```

mod check;
mod eval;
mod fold;
mod functions;
mod lex;
mod math;
mod parse;
mod tree;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use super::Float;
use eval::{Evaluator, Value};
use functions::Function;
use tree::{Binary, Id, Node, Tree};

/// Bytes of the source text.
pub type Span = Range<usize>;

/// Defines the classes of tokens once: variant, field of [`Variables`], name in an expression.
macro_rules! classes {
    ($($(#[$doc:meta])* $class:ident $field:ident),* $(,)?) => {
        /// A class of tokens that an expression can name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Class {
            $($(#[$doc])* $class,)*
        }

        /// The token counts of one answer.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Variables {
            $($(#[$doc])* pub $field: i64,)*
        }

        impl Class {
            /// All classes, in the order of the gateway.
            pub const ALL: &'static [Class] = &[$(Class::$class),*];

            /// The name in an expression.
            pub fn name(self) -> &'static str {
                match self {
                    $(Class::$class => stringify!($field),)*
                }
            }
        }

        impl Variables {
            pub fn get(&self, class: Class) -> i64 {
                match class {
                    $(Class::$class => self.$field,)*
                }
            }

            pub fn set(&mut self, class: Class, tokens: i64) {
                match class {
                    $(Class::$class => self.$field = tokens,)*
                }
            }
        }
    };
}

classes! {
    /// Input, without the classes that the expression names.
    P p,
    /// Output, without the classes that the expression names.
    C c,
    /// The whole input, for conditions.
    Len len,
    /// Input read from a cache.
    Cr cr,
    /// Input written to a cache.
    Cc cc,
    /// Input written to a cache for an hour.
    Cc1h cc1h,
    /// Images in the input.
    Img img,
    /// Images in the output.
    ImgO img_o,
    /// Audio in the input.
    Ai ai,
    /// Audio in the output.
    Ao ao,
}

impl Class {
    fn named(name: &str) -> Option<Class> {
        Class::ALL.iter().copied().find(|class| class.name() == name)
    }
}

/// Why a text is no expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExprError {
    pub kind: ErrorKind,
    /// Where in the text, in bytes.
    pub span: Span,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The text does not follow the grammar: the gateway refuses it.
    Syntax,
    /// An unknown name, a wrong type, a wrong number of arguments: the gateway refuses it.
    Type,
    /// The gateway may well take it, but it is not covered here.
    Unsupported,
}

impl fmt::Display for ExprError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ExprError {}

/// Why an expression has no value for the given counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvalError {
    /// The named function reads the request or the clock.
    NeedsRequest(&'static str),
    /// Not covered here.
    Unsupported(&'static str),
    /// The gateway fails too, and charges its estimate.
    Failed { span: Span, message: &'static str },
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EvalError::NeedsRequest(name) => write!(f, "`{name}` reads the request, which a log does not hold"),
            EvalError::Unsupported(what) => write!(f, "{what} is not supported"),
            EvalError::Failed { message, .. } => f.write_str(message),
        }
    }
}

impl std::error::Error for EvalError {}

/// What an expression comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// USD per million tokens, times tokens.
    pub value: Float,
    /// The name in the `tier` call that ran last.
    pub tier: Option<String>,
}

/// One summand of a tier's value, as it stands in the text. Added from left to right, the terms are the value.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    pub span: Span,
    /// Negative for what is subtracted.
    pub value: Float,
}

/// The signs of an expression without blanks, but for those within texts.
fn without_blanks(source: &str) -> impl Iterator<Item = char> + '_ {
    let (mut quote, mut is_escaped) = (None, false);
    source.strip_prefix("v1:").unwrap_or(source).chars().filter(move |sign| {
        let is_within = quote.is_some();
        match quote {
            Some(_) if is_escaped => is_escaped = false,
            Some(_) if *sign == '\\' => is_escaped = true,
            Some(open) if *sign == open => quote = None,
            None if matches!(sign, '"' | '\'' | '`') => quote = Some(*sign),
            _ => {}
        }
        is_within || !sign.is_whitespace()
    })
}

/// A price expression that the gateway accepts.
#[derive(Clone, Debug)]
pub struct Expression {
    source: String,
    tree: Tree,
}

impl Expression {
    /// Reads an expression, with or without `v1:` before it.
    pub fn parse(text: &str) -> Result<Expression, ExprError> {
        let start = if text.starts_with("v1:") { 3 } else { 0 };
        let mut tree = parse::parse(text, start).map_err(|error| *error)?;
        check::check(&mut tree)?;
        fold::fold(&mut tree)?;
        Ok(Expression { source: text.to_owned(), tree })
    }

    /// Whether another one says the same in the same words: blanks between them and `v1:` before them say nothing.
    pub fn is_same(&self, other: &Expression) -> bool {
        without_blanks(&self.source).eq(without_blanks(&other.source))
    }

    /// The text it was read from; all spans count its bytes.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The classes that the gateway sees named, which it takes out of `p` and `c`. An operand of `and` or `or` that a
    /// constant makes idle does not count; the branches of a ternary always do.
    pub fn variables(&self) -> BTreeSet<Class> {
        let named = |id: Id| match self.tree[id] {
            Node::Class(class) => Some(class),
            _ => None,
        };
        self.tree.below(self.tree.root()).into_iter().filter_map(named).collect()
    }

    /// The first function in the text that reads the request or the clock, if there is one.
    pub fn reads_request(&self) -> Option<&'static str> {
        let reader = |id: Id| match self.tree[id] {
            Node::Call(Function::Request(name), _) => Some((self.tree.span(id).start, name)),
            _ => None,
        };
        self.tree.below(self.tree.root()).into_iter().filter_map(reader).min().map(|(_, name)| name)
    }

    /// The tiers that have a fixed name: the name, and the text of the `tier` call.
    pub fn tiers(&self) -> Vec<(String, String)> {
        let tier = |id: Id| match &self.tree[id] {
            Node::Call(Function::Tier, arguments) => match self.tree[*arguments.first()?] {
                Node::Text(ref name) => Some((name.to_string(), self.source.get(self.tree.span(id))?.to_owned())),
                _ => None,
            },
            _ => None,
        };
        self.tree.below(self.tree.root()).into_iter().filter_map(tier).collect()
    }

    /// The value for these token counts.
    pub fn evaluate(&self, variables: &Variables) -> Result<Outcome, EvalError> {
        self.outcome(variables, None).map(|(outcome, _)| outcome)
    }

    /// The value if a condition that reads the request came out so that the tier `matched` was reached. None if it
    /// cannot be reached, if two branches hold it, or if the value depends on the request in another way.
    pub fn evaluate_branch(&self, variables: &Variables, matched: &str) -> Option<Outcome> {
        let (outcome, _) = self.outcome(variables, Some(matched)).ok()?;
        (outcome.tier.as_deref() == Some(matched)).then_some(outcome)
    }

    /// The summands of the tier that ran last (of the whole, if none ran), in written order; with `matched` as in
    /// [`Expression::evaluate_branch`]. Empty if there is no value.
    pub fn terms(&self, variables: &Variables, matched: Option<&str>) -> Vec<Term> {
        match self.outcome(variables, matched) {
            Ok((_, evaluator)) => {
                let value = evaluator.last_tier().and_then(|arguments| arguments.get(1));
                self.summands(value.copied().unwrap_or(self.tree.root()), &evaluator)
            }
            Err(_) => Vec::new(),
        }
    }

    fn outcome<'a>(&'a self, variables: &'a Variables, matched: Option<&'a str>) -> Result<(Outcome, Evaluator<'a>), EvalError> {
        let mut evaluator = Evaluator::new(&self.tree, variables, matched);
        let value = Float(evaluator.run()?);
        let name = evaluator.last_tier().and_then(|arguments| evaluator.seen(*arguments.first()?));
        let tier = match name {
            Some(Value::Text(name)) => Some(name.to_string()),
            Some(Value::Nil) => Some(String::new()),
            _ => None,
        };
        Ok((Outcome { value, tier }, evaluator))
    }

    fn summands(&self, whole: Id, evaluator: &Evaluator<'_>) -> Vec<Term> {
        let mut terms = Vec::new();
        let mut rest = self.chosen(whole, evaluator);
        while let Node::Binary(operator @ (Binary::Add | Binary::Subtract), left, right) = self.tree[rest] {
            let start = self.tree.span(left).end;
            terms.extend(self.term(right, operator == Binary::Subtract, start, evaluator));
            rest = self.chosen(left, evaluator);
        }
        terms.extend(self.term(rest, false, 0, evaluator));
        terms.reverse();
        terms
    }

    /// Past the choices that were made and the names that were bound.
    fn chosen(&self, mut id: Id, evaluator: &Evaluator<'_>) -> Id {
        loop {
            let next = match &self.tree[id] {
                Node::Choice(_, then, _) if evaluator.seen(*then).is_some() => *then,
                Node::Choice(_, _, otherwise) => *otherwise,
                Node::Let(_, body) => *body,
                Node::Sequence(parts) => *parts.last().unwrap_or(&id),
                _ => return id,
            };
            id = next;
        }
    }

    fn term(&self, id: Id, subtracted: bool, after: usize, evaluator: &Evaluator<'_>) -> Option<Term> {
        let value = match evaluator.seen(id)? {
            Value::Float(value) => *value,
            Value::Integer(value) => *value as f64,
            _ => return None,
        };
        let mut span = self.tree.span(id);
        if subtracted {
            // The sign belongs to the term.
            span.start = self.source.get(after..span.start).and_then(|gap| gap.find('-')).map_or(span.start, |at| after + at);
        }
        Some(Term { span, value: Float(if subtracted { -value } else { value }) })
    }
}

#[cfg(test)]
mod tests;
