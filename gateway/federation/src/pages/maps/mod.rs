//! Entity maps (clauses 5.14, 5.5.9.3 and 5.5.14): the ids that a question has found at one moment, so that a walk visits each
//! entity once whatever comes and goes meanwhile.
//!
//! A map is the list of a question with its ids, found as `listing` finds it, and its pages are judged as
//! those of every list are (`by_ids`): it fixes which entities are considered, and shows nothing. It lives in
//! memory alone, for a while. Why: `docs/decisions/entity-maps-are-kept-in-memory.md`.
//!
//! | module | owns |
//! |---|---|
//! | [`map`] | one map: whose it is, what was asked, which ids are left |
//! | `entries` | its ids, packed |
//! | [`kept`] | the maps of the process, and how many there may be |
//! | [`making`] | finding the ids, at first and again |
//! | [`paging`] | a page of a map |

mod entries;
pub mod kept;
pub mod making;
pub mod map;
pub mod paging;
