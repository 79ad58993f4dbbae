//! Constants, computed once.
//!
//! The gateway folds too, and it shows: an operand of `and` or `or` that can no longer matter is gone, with the
//! classes it names, and a remainder by a constant 0 is refused. Ternaries keep both branches.

use super::eval::{self, Value};
use super::tree::{Binary, Id, Node, Tree, Unary};
use super::{ErrorKind, ExprError};

/// A folded text is no longer than this.
const LONGEST_TEXT: usize = 4096;

pub(super) fn fold(tree: &mut Tree) -> Result<(), ExprError> {
    for id in tree.ids() {
        let folded = match tree[id] {
            Node::Unary(operator, operand) => unary(operator, &tree[operand]),
            Node::Binary(operator @ (Binary::And | Binary::Or), left, right) => boolean(operator, left, right, tree),
            Node::Binary(Binary::Remainder, left, right) => remainder(tree, left, right, id)?,
            Node::Binary(operator, left, right) => binary(operator, &tree[left], &tree[right]),
            _ => None,
        };
        if let Some(node) = folded {
            tree.set(id, node);
        }
    }
    Ok(())
}

fn unary(operator: Unary, operand: &Node) -> Option<Node> {
    let folds = match operator {
        Unary::Not => matches!(operand, Node::Bool(_)),
        Unary::Plus | Unary::Minus => matches!(operand, Node::Integer(_) | Node::Float(_)),
    };
    let value = constant(operand).filter(|_| folds)?;
    node(eval::unary(operator, value).ok()?)
}

fn boolean(operator: Binary, left: Id, right: Id, tree: &Tree) -> Option<Node> {
    // The value that decides alone, whatever the other operand is.
    let decisive = operator == Binary::Or;
    match (&tree[left], &tree[right]) {
        (Node::Bool(value), other) | (other, Node::Bool(value)) if *value != decisive => Some(other.clone()),
        (Node::Bool(_), _) | (_, Node::Bool(_)) => Some(Node::Bool(decisive)),
        _ => None,
    }
}

fn remainder(tree: &Tree, left: Id, right: Id, id: Id) -> Result<Option<Node>, ExprError> {
    match (&tree[left], &tree[right]) {
        (Node::Integer(_), Node::Integer(0)) => {
            let message = "the remainder of a division by 0".to_owned();
            Err(ExprError { kind: ErrorKind::Type, span: tree.span(id), message })
        }
        (Node::Integer(a), Node::Integer(b)) => Ok(Some(Node::Integer(a.wrapping_rem(*b)))),
        _ => Ok(None),
    }
}

fn binary(operator: Binary, left: &Node, right: &Node) -> Option<Node> {
    use Binary::*;
    let numbers = |one: &Node| matches!(one, Node::Integer(_) | Node::Float(_));
    let folds = match operator {
        Add | Subtract | Multiply | Divide | Power if numbers(left) && numbers(right) => true,
        Add => matches!((left, right), (Node::Text(a), Node::Text(b)) if a.len() + b.len() <= LONGEST_TEXT),
        Equal => {
            matches!(
                (left, right),
                (Node::Integer(_), Node::Integer(_)) | (Node::Text(_), Node::Text(_)) | (Node::Bool(_), Node::Bool(_))
            )
        }
        _ => false,
    };
    if !folds {
        return None;
    }
    node(eval::binary(operator, &constant(left)?, &constant(right)?).ok()?)
}

fn constant(node: &Node) -> Option<Value> {
    match node {
        Node::Bool(value) => Some(Value::Bool(*value)),
        Node::Integer(value) => Some(Value::Integer(*value)),
        Node::Float(value) => Some(Value::Float(*value)),
        Node::Text(text) => Some(Value::Text(text.clone())),
        _ => None,
    }
}

fn node(value: Value) -> Option<Node> {
    match value {
        Value::Bool(value) => Some(Node::Bool(value)),
        Value::Integer(value) => Some(Node::Integer(value)),
        Value::Float(value) => Some(Node::Float(value)),
        Value::Text(text) => Some(Node::Text(text)),
        Value::Nil | Value::Unread => None,
    }
}
