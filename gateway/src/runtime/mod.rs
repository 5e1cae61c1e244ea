//! What keeps the process whole, whoever asks for whatever: who is let in and how much it may use, what outlives a
//! request, and how the process ends.
//!
//! | module | owns |
//! |---|---|
//! | [`admission`] | who is let in, and what a request may use |
//! | [`tasks`] | the one spawner of what outlives a request: how much there is of each kind, and what is still running |
//! | [`slots`] | places for work that waits, so many for each consumer and for all |
//! | `steps` | going on with what takes many steps, with others having their turn in between |
//! | `stopping` | what happens in which order when the process is asked to end, and how long each step may take |
//!
//! It knows no entities, and nothing of what the tasks do.

pub mod admission;
pub mod slots;
pub(crate) mod steps;
pub(crate) mod stopping;
pub mod tasks;
#[cfg(test)]
mod tests;

pub use admission::{Admission, Bounds};
pub use slots::Slots;
pub use tasks::{Spawner, Task, Tasks, TooMany};
