//! What keeps the process whole, whoever asks for whatever: who is let in and how much it may use, what outlives a
//! request, and how the process ends.
//!
//! | module | owns |
//! |---|---|
//! | [`admission`] | who is let in, and what a request may use |
//! | [`consumer_limits`] | how often each consumer may ask, and how much at once |
//! | [`failed_attempts`] | how often an address may present what proves nothing |
//! | [`tasks`] | the one spawner of what outlives a request: how much there is of each kind, and what is still running |
//! | [`slots`] | places for work that waits, so many for each consumer and for all |
//! | `steps` | going on with what takes many steps, with others having their turn in between |
//!
//! It knows no entities, and nothing of what the tasks do.

// What outlives a request is spawned in `runtime` and nowhere else.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod admission;
pub mod consumer_limits;
pub mod failed_attempts;
pub mod slots;
pub mod steps;
pub mod tasks;
#[cfg(test)]
mod tests;

pub use admission::{Admission, Bounds};
pub use consumer_limits::{Admitted, ConsumerLimiters};
pub use failed_attempts::FailedAttempts;
pub use slots::Slots;
pub use tasks::{Spawner, Task, Tasks, TooMany};
