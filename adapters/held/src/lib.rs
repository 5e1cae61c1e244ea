//! What is kept of a source in memory for a while, so that not every question reaches it.
//!
//! A source with `hold` stands behind a [`HeldSource`], which is an adapter itself. It reads the source at once, and alone what
//! is open to whoever may have it; answers from that, exactly as the source would; and asks the source whatever it cannot
//! answer. Who may see what is decided by whoever asks, of each answer as always. Nothing of it is written anywhere, and it is
//! gone as soon as it may not be kept any more. Why: `docs/decisions/held-in-memory.md`.
//!
//! | module | owns |
//! |---|---|
//! | `held` | [`HeldSource`]: the adapter around another |
//! | `shared` | what is known of the source, and what is wanted |
//! | `reading` | reading the source, one time after the other |
//! | `freshness` | whether what was read answers a question, is read anew, or the source is asked itself |
//! | `prepared` | one question, answered from memory |
//! | `itself` | the same question, where the source has to be asked after all |
//! | `memory` | how much is kept, of one source and of all |
//!
//! What was read is a snapshot that answers exactly: `kakehashi-index`.

mod freshness;
mod held;
mod itself;
mod memory;
mod prepared;
mod reading;
mod shared;
#[cfg(test)]
mod tests;

pub use self::held::{HeldSource, HeldStatus};
pub use self::memory::HeldMemory;
pub use self::reading::Upkeep;
pub use kakehashi_index::{HeldType, Holding, Judge, Judged, NotHeld, Others};
