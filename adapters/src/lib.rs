//! One folder per kind of source, behind one trait, and the outbound HTTP client that they share.
//!
//! | module | owns |
//! |---|---|
//! | [`contract`] | [`Adapter`]: what every kind of source is asked, what it may answer, how it fails |
//! | [`flaw`] | [`Yielded`]: an entity of a source, or why it was left out |
//! | [`asked`] | [`AskedRequest`]: what a source would be asked, told and not sent |
//! | [`writing`] | [`EntityWriter`]: what a source that takes writes is asked |
//! | [`requests`] | [`Requests`]: how many requests to sources one question may cause |
//! | [`client`] | the outbound HTTP client: pools, deadlines, size caps, rate and concurrency, credentials |
//! | [`ngsi_v2`] | FIWARE Orion and others that speak NGSI-v2 |
//! | [`rest`] | custom platforms, described by a mapping file |
//! | [`store`] | the prefecture's own store |
//!
//! An adapter reads no configuration file and does not decide who may see what: it is given its settings, and
//! a [`SourceQuery`] that is already narrowed to what the consumer may see.

pub mod asked;
pub mod client;
pub mod contract;
pub mod flaw;
mod literal;
pub mod ngsi_v2;
mod not_finite;
pub mod requests;
pub mod rest;
pub mod store;
#[cfg(test)]
mod strict_tests;
pub mod writing;

pub use asked::AskedRequest;
pub use contract::{
    Adapter, AdapterError, AttributeSelection, Call, Coverage, EntityStream, ErrorKind, Page, PushDown, SelectedNames,
    SourceId, SourceQuery,
};
pub use flaw::{Counted, Flaw, LeftOut, Yielded};
pub use kakehashi_database::{Reason, Trouble};
pub use requests::Requests;
pub use writing::{EntityWriter, MayChange, MayTellOf, Put, WriteError};
