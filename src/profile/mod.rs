//! What each gateway does differently.

pub mod new_api;
