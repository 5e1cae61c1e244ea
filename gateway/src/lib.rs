//! Placeholder.

pub mod config;
pub mod policy;
