//! Custom platforms, described by a mapping file.
//!
//! | module | owns |
//! |---|---|
//! | [`mapping`] | the mapping file: its format, its checks, its compiled form |
//! | `record` | finding records in a body and building entities from them |

pub mod mapping;
mod record;

pub use mapping::{Mapping, MappingError};
pub use record::Finding;
