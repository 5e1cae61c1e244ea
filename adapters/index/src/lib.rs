//! Entities of one source in memory, from which questions are answered exactly: whatever is asked is decided here, in the
//! source's own order, cut into the same pages, with nothing in it that was not asked for.
//!
//! It asks nobody, reads nothing and writes nothing: kinds and wrappers that hold what they have read build a [`Snapshot`] of it
//! and answer from that. What may be in it is said by a [`Holding`] and, of each entity, by a [`Judge`].
//!
//! | module | owns |
//! |---|---|
//! | `holding` | [`Holding`]: which types and attributes are kept, and what of an entity may be |
//! | `snapshot` | [`Snapshot`]: what one reading has brought; [`Building`]: one under way |
//! | `columns`, `places` | which entities may meet a condition, found without looking at all |
//! | `finders` | by which attributes entities are to be found |
//! | `conditions` | whether an entity meets the conditions |
//! | `answer` | one question, answered from a snapshot |
//! | `ordered` | the same in an order, the first first |
//! | `memory` | how much is kept, of one source and of all |

mod answer;
mod columns;
mod conditions;
mod finders;
mod holding;
mod memory;
mod ordered;
mod places;
mod snapshot;

pub use self::answer::{Asked, EXACT};
pub use self::conditions::{UNDECIDED, meets};
pub use self::finders::{Finders, FoundByAttribute};
pub use self::holding::{HeldType, Holding, Judge, Judged, NotHeld, Others, looks_at_what_is_asked_for};
pub use self::memory::{Bounds, Memory, SourceMemory};
pub use self::ordered::{key, sorted};
pub use self::snapshot::{Building, Snapshot};
