//! The parsed expression: nodes in one list, every child before its parent.
//!
//! Whoever goes through the list from front to back has met all children of a node before the node itself, so
//! checking and folding need no recursion. A node may have two parents: `a < b < c` holds `b` twice.

use std::sync::Arc;

use super::functions::Function;
use super::{Class, Span};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id(u32);

#[derive(Clone, Debug)]
pub(super) enum Node {
    Nil,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(Arc<str>),
    Class(Class),
    /// `$env.cr`: worth as much as `cr`, but the gateway does not see that it is named.
    HiddenClass(Class),
    /// A name bound by `let`: the node of its value.
    Local(Id),
    Unary(Unary, Id),
    Binary(Binary, Id, Id),
    /// `condition ? then : otherwise`, or `if`.
    Choice(Id, Id, Id),
    Call(Function, Box<[Id]>),
    /// `let … = value; body`
    Let(Id, Id),
    /// `a; b`
    Sequence(Box<[Id]>),
    /// `[a, b]`, only right of `in`.
    List(Box<[Id]>),
    /// `a..b`, only right of `in`.
    Range(Id, Id),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unary {
    Plus,
    Minus,
    Not,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
    In,
    /// `in`, an integer in a range: if its ends are constants the gateway compares and never builds it.
    Within,
    Contains,
    StartsWith,
    EndsWith,
    Matches,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
    Coalesce,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    spans: Vec<Span>,
    root: Option<Id>,
}

impl Tree {
    pub(super) fn push(&mut self, node: Node, span: Span) -> Id {
        self.nodes.push(node);
        self.spans.push(span);
        Id(self.nodes.len() as u32 - 1)
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = Id> + use<> {
        (0..self.nodes.len() as u32).map(Id)
    }

    pub(super) fn set_root(&mut self, root: Id) {
        self.root = Some(root);
    }

    pub(super) fn root(&self) -> Id {
        self.root.unwrap_or(Id(0))
    }

    pub(super) fn span(&self, id: Id) -> Span {
        self.spans[id.index()].clone()
    }

    pub(super) fn set_span(&mut self, id: Id, span: Span) {
        self.spans[id.index()] = span;
    }

    pub(super) fn set(&mut self, id: Id, node: Node) {
        self.nodes[id.index()] = node;
    }

    /// All nodes that hang on this one, each once, itself first.
    pub(super) fn below(&self, id: Id) -> Vec<Id> {
        let mut met = vec![false; id.index() + 1];
        let mut open = vec![id];
        let mut found = Vec::new();
        while let Some(id) = open.pop() {
            if !std::mem::replace(&mut met[id.index()], true) {
                found.push(id);
                self[id].children(|child| open.push(child));
            }
        }
        found
    }
}

impl Id {
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

impl std::ops::Index<Id> for Tree {
    type Output = Node;
    fn index(&self, id: Id) -> &Node {
        &self.nodes[id.index()]
    }
}

impl Node {
    pub(super) fn children(&self, mut visit: impl FnMut(Id)) {
        match self {
            Node::Nil | Node::Bool(_) | Node::Integer(_) | Node::Float(_) | Node::Text(_) => {}
            Node::Class(_) | Node::HiddenClass(_) | Node::Local(_) => {}
            Node::Unary(_, a) => visit(*a),
            Node::Binary(_, a, b) | Node::Let(a, b) | Node::Range(a, b) => [*a, *b].into_iter().for_each(visit),
            Node::Choice(a, b, c) => [*a, *b, *c].into_iter().for_each(visit),
            Node::Call(_, list) | Node::Sequence(list) | Node::List(list) => list.iter().copied().for_each(visit),
        }
    }

    /// The child that is always evaluated, and before all others.
    pub(super) fn first(&self) -> Option<Id> {
        match self {
            Node::Unary(_, a) | Node::Binary(_, a, _) | Node::Choice(a, _, _) | Node::Let(a, _) => Some(*a),
            Node::Call(_, list) | Node::Sequence(list) => list.first().copied(),
            _ => None,
        }
    }
}
