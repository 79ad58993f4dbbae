//! The functions that an expression can call.

/// A function known here. What the language has beyond these is in [`UNSUPPORTED`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    // The gateway's own.
    Tier,
    Max,
    Min,
    Abs,
    Ceil,
    Floor,
    Has,
    /// Reads the request or the clock: its name.
    Request(&'static str),
    // The language's.
    Int,
    Float,
    Round,
    String,
    Type,
    Upper,
    Lower,
    Trim,
    Replace,
    IndexOf,
    LastIndexOf,
    HasPrefix,
    HasSuffix,
}

/// What an argument may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parameter {
    /// A float; literal integers are turned into floats.
    Float,
    Text,
    Any,
    /// An integer or a float.
    Number,
    NumberOrText,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Returns {
    Float,
    Integer,
    Text,
    Bool,
    Any,
}

#[derive(Debug)]
pub(super) struct Signature {
    pub(super) name: &'static str,
    pub(super) function: Function,
    pub(super) parameters: &'static [Parameter],
    pub(super) returns: Returns,
}

impl Signature {
    /// Whether the language brings the function; the rest are the gateway's.
    pub(super) fn is_builtin(&self) -> bool {
        use Function::*;
        !matches!(self.function, Tier | Max | Min | Abs | Ceil | Floor | Has | Request(_))
    }
}

pub(super) fn find(name: &str) -> Option<&'static Signature> {
    FUNCTIONS.iter().find(|signature| signature.name == name)
}

pub(super) fn signature(function: Function) -> Option<&'static Signature> {
    FUNCTIONS.iter().find(|signature| signature.function == function)
}

const fn row(name: &'static str, function: Function, parameters: &'static [Parameter], returns: Returns) -> Signature {
    Signature { name, function, parameters, returns }
}

use Parameter as P;
use Returns as R;

const FUNCTIONS: &[Signature] = &[
    row("tier", Function::Tier, &[P::Text, P::Float], R::Float),
    row("max", Function::Max, &[P::Float, P::Float], R::Float),
    row("min", Function::Min, &[P::Float, P::Float], R::Float),
    row("abs", Function::Abs, &[P::Float], R::Float),
    row("ceil", Function::Ceil, &[P::Float], R::Float),
    row("floor", Function::Floor, &[P::Float], R::Float),
    row("has", Function::Has, &[P::Any, P::Text], R::Bool),
    row("param", Function::Request("param"), &[P::Text], R::Any),
    row("header", Function::Request("header"), &[P::Text], R::Text),
    row("hour", Function::Request("hour"), &[P::Text], R::Integer),
    row("minute", Function::Request("minute"), &[P::Text], R::Integer),
    row("weekday", Function::Request("weekday"), &[P::Text], R::Integer),
    row("month", Function::Request("month"), &[P::Text], R::Integer),
    row("day", Function::Request("day"), &[P::Text], R::Integer),
    row("int", Function::Int, &[P::NumberOrText], R::Integer),
    row("float", Function::Float, &[P::NumberOrText], R::Float),
    row("round", Function::Round, &[P::Number], R::Float),
    row("string", Function::String, &[P::Any], R::Text),
    row("type", Function::Type, &[P::Any], R::Text),
    row("upper", Function::Upper, &[P::Text], R::Text),
    row("lower", Function::Lower, &[P::Text], R::Text),
    row("trim", Function::Trim, &[P::Text], R::Text),
    row("replace", Function::Replace, &[P::Text, P::Text, P::Text], R::Text),
    row("indexOf", Function::IndexOf, &[P::Text, P::Text], R::Integer),
    row("lastIndexOf", Function::LastIndexOf, &[P::Text, P::Text], R::Integer),
    row("hasPrefix", Function::HasPrefix, &[P::Text, P::Text], R::Bool),
    row("hasSuffix", Function::HasSuffix, &[P::Text, P::Text], R::Bool),
];

/// Functions of the language that are not evaluated here: they take lists, maps, closures or times, or make them.
pub(super) const UNSUPPORTED: &[&str] = &[
    "all",
    "none",
    "any",
    "one",
    "filter",
    "map",
    "find",
    "findIndex",
    "findLast",
    "findLastIndex",
    "count",
    "sum",
    "groupBy",
    "sortBy",
    "reduce",
    "trimPrefix",
    "trimSuffix",
    "split",
    "splitAfter",
    "repeat",
    "join",
    "mean",
    "median",
    "toJSON",
    "fromJSON",
    "toBase64",
    "fromBase64",
    "now",
    "duration",
    "date",
    "timezone",
    "first",
    "last",
    "get",
    "take",
    "keys",
    "values",
    "toPairs",
    "fromPairs",
    "reverse",
    "uniq",
    "concat",
    "flatten",
    "sort",
    "bitand",
    "bitor",
    "bitxor",
    "bitnand",
    "bitshl",
    "bitshr",
    "bitushr",
    "bitnot",
];
