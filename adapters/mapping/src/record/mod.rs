//! From the bytes of a body to entities: the records are found while the bytes stream by, the wanted fields of
//! each are borrowed, and the attributes are built from them. It knows nothing of requests.

mod document;
mod entity;
mod fields;
mod findings;
mod mended;
mod scalar;
#[cfg(test)]
mod tests;

pub use self::document::UnreadableBody;
pub use self::document::{DocumentPaths, Envelope, Pass, read_document};
pub use self::entity::{Projection, build_entity};
pub use self::fields::{FieldTree, Fields, Slot};
pub use self::findings::Finding;
pub use self::findings::{FindingCounts, Findings};
pub use self::mended::without_unreadable;
