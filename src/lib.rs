//! Prices requests to an LLM gateway and audits its log: see `docs/architecture.md`.

pub mod cli;
pub mod config;
pub mod defaults;
pub mod exact;
pub mod float;
pub mod log;
pub mod profile;
pub mod read;
pub mod report;
