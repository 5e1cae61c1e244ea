//! From the bytes of a body to entities: the records are found while the bytes stream by, the wanted fields of
//! each are borrowed, and the attributes are built from them. It knows nothing of requests.

mod computed;
mod document;
mod entity;
mod fields;
mod findings;
mod gathered;
#[cfg(test)]
mod language_tests;
mod mended;
mod node;
mod origin;
mod placed;
mod position;
mod projection;
mod scalar;
mod seed;
mod table;
#[cfg(test)]
mod tests;
mod tree;
mod value;
mod written;
#[cfg(test)]
mod written_tests;

pub use self::document::UnreadableBody;
pub use self::document::{DocumentPaths, Envelope, Pass, read_document};
pub use self::entity::build_entity;
pub use self::fields::{Content, Fields, Slot};
pub use self::findings::Finding;
pub use self::findings::{FindingCounts, Findings};
pub use self::gathered::Gathered;
pub use self::mended::without_unreadable;
pub use self::origin::{Origin, Outside};
pub use self::projection::Projection;
pub(crate) use self::scalar::written_number;
pub use self::table::TableReader;
pub use self::tree::FieldTree;
