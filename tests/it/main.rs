//! The program as a whole: its commands, its laws, its documents and the shape of its code.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

mod alike;
mod balances;
mod baseline;
mod calc;
mod cases;
mod charges;
mod compare;
mod corpus;
mod databases;
mod disputes;
mod docs;
mod explain;
mod forms;
mod groups;
mod hostile;
mod infer;
mod infer_doubt;
mod infer_gateways;
mod infer_printed;
mod laws;
mod merge;
mod named;
mod order;
mod pipes;
mod plain;
mod planted;
#[cfg(unix)]
mod recipes;
mod reports;
mod run;
#[cfg(unix)]
mod sandbox;
mod schemas;
mod slim;
mod tidy;
