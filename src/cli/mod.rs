//! The command line: arguments, files, exit codes.

pub mod config;
pub mod sources;
