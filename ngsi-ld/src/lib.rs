//! The view's language: what a consumer of Kakehashi sees, and how it asks.
//!
//! This crate is pure: no I/O, no async, no clock of its own. It knows CIM 009 (NGSI-LD v1.9.1) and
//! nothing of HTTP servers, sources or policies.
//!
//! | module | owns |
//! |---|---|
//! | [`entity`] | [`Entity`], the attribute kinds, their parsing and rendering (clauses 4.5, 4.6, 5.2) |
//! | [`context`] | JSON-LD @context: processing, expansion and compaction of terms (clause 5.5.7) |
//! | [`query`] | the query AST, its parsers and its evaluator (clauses 4.9, 4.10, 4.17) |
//! | [`merge`] | joining the parts of one entity that came from several sources (clause 4.5.5) |
//! | [`update`] | what the operations of context provision do to one entity (clauses 5.5.8, 5.5.12 and 5.6) |
//!
//! Inside the crate, and everywhere behind the gateway's edge, names are expanded IRIs; short names exist
//! only in what a consumer sends and receives.

mod byte_order_mark;
pub mod context;
pub mod entity;
mod iri;
pub mod merge;
pub mod query;
pub mod update;

pub use byte_order_mark::{text_without_byte_order_mark, without_byte_order_mark};
pub use entity::Entity;
pub use iri::{AttributeName, EntityId, InvalidIri, Iri, MAX_IRI_BYTES, TypeName, check_absolute, check_new_id};
pub use query::projection;
