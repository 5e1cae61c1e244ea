//! Custom platforms, described by a mapping file (`kakehashi-mapping`).
//!
//! | module | owns |
//! |---|---|
//! | `source` | one platform: asking for one path and reading the answer |
//! | `pages`, `link` | which pages there are, and how one leads to the next |
//! | `filter` | what a platform can be asked to leave out |
//! | `walk` | answering a query from pages and single records |
//! | `prepared` | one question, prepared: what it decides, and the walks that it takes |
//! | `write` | what is sent so that a record becomes what an entity of the view says |
//! | `adapter` | the contract |
//! | `kind` | its settings in the configuration, and the factory |

mod adapter;
mod filter;
mod kind;
mod link;
mod pages;
mod prepared;
mod source;
#[cfg(test)]
mod tests;
mod walk;
mod write;

pub use adapter::{RestAdapter, RestSettings};
pub use kind::{RestKind, RestSource};
