//! Prices requests to an LLM gateway and audits its log: see `docs/architecture.md`.

pub mod alike;
pub mod audit;
pub mod cli;
pub mod config;
pub mod defaults;
pub mod details;
pub mod exact;
mod fetch;
pub mod float;
pub mod log;
pub mod partial;
pub mod pricing;
pub mod profile;
pub mod read;
pub mod report;
