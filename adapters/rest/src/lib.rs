//! Custom platforms, described by a mapping file.
//!
//! | module | owns |
//! |---|---|
//! | [`mapping`] | the mapping file: its format, its checks, its compiled form |
//! | `record` | finding records in a body and building entities from them |
//! | `translate` | one body as entities |
//! | `source` | one platform: asking for one path and reading the answer |
//! | `pages`, `link` | which pages there are, and how one leads to the next |
//! | `filter` | what a platform can be asked to leave out |
//! | `walk` | answering a query from pages and single records |
//! | `prepared` | one question, prepared: what it decides, and the walks that it takes |
//! | `write` | entities of the view back to records, and what is sent for them |
//! | `adapter` | the contract |
//! | `kind` | its settings in the configuration, and the factory |
//! | `trial` | trying a mapping on a sample, without a platform |

mod adapter;
mod filter;
mod kind;
mod link;
pub mod mapping;
mod pages;
mod prepared;
mod record;
mod source;
#[cfg(test)]
mod tests;
mod translate;
mod trial;
mod trial_members;
mod walk;
mod write;

pub use adapter::{RestAdapter, RestSettings};
pub use kind::{RestKind, RestSource};
pub use mapping::{Mapping, MappingError};
pub use record::{Finding, UnreadableBody};
pub use translate::translate_records;
pub use trial::{AbsentField, TryReport, TryWarning, try_mapping};
pub use write::NotBack;
