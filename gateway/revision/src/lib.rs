//! From a checked [`Config`](kakehashi_config::Config) to a [`Revision`] that answers, and the [`Process`] in which one
//! takes the place of another.

// What outlives a request is spawned in `runtime` and nowhere else.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod process;
mod reading;
mod revision;

pub use process::{Process, RunningRevision};
pub use revision::{CannotBuild, Revision};
