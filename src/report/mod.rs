//! Values to bytes.

pub mod config;
pub mod issues;
