//! new-api and its forks.

pub mod completion;
