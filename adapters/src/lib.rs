//! Every kind of source that is built in, and what they share, under one name.
//!
//! | module | owns |
//! |---|---|
//! | `contract` | [`Adapter`]: what every kind of source is asked, what it may answer, how it fails |
//! | `kind` | [`Kind`]: its settings, checks, schema, documentation and factory |
//! | [`client`] | the outbound HTTP client: pools, deadlines, size caps, rate and concurrency, credentials |
//! | [`held`] | what is kept of a source in memory for a while, so that not every question reaches it |
//! | [`mapping`] | mapping files: how records become entities of the view |
//! | [`ngsi_v2`] | FIWARE Orion and others that speak NGSI-v2 |
//! | [`open_data`] | files of open data, read at an interval and answered from memory |
//! | [`rest`] | custom platforms, described by a mapping file |
//! | [`store`] | the prefecture's own store |
//!
//! Each is a crate of its own in a folder beside this one. An adapter reads no configuration file and does not decide who
//! may see what: it is given its settings, and a [`SourceQuery`] that is already narrowed to what the consumer may see.

use kakehashi_kind::Kind;

pub use kakehashi_client as client;
pub use kakehashi_held as held;
pub use kakehashi_kind as kind;
pub use kakehashi_mapping as mapping;
pub use kakehashi_ngsi_v2 as ngsi_v2;
pub use kakehashi_open_data as open_data;
pub use kakehashi_rest as rest;
pub use kakehashi_store as store;

pub use kakehashi_contract::plain_writes;
pub use kakehashi_contract::{
    Adapter, AdapterError, AskedRequest, AttributeSelection, Call, Counted, Coverage, Decide, Decision, EntityStream,
    EntityWrite, EntityWriter, ErrorKind, Flaw, Foremost, Freshness, LeftOut, Origin, Page, PlaceStream, PreparedQuery,
    PushDown, Repeating, Requests, Reshaped, SelectedNames, SourceId, SourceQuery, SourceStatus, WriteError,
    WriteOffer, WriteOperation, Written, Yielded, flaw,
};
pub use kakehashi_contract::{Change, Changed, Fate, MayRest, Notifies, Position, Told, Values};
pub use kakehashi_trouble::{Reason, Trouble};

/// Every kind that is built in, in the order in which documentation lists them. A kind that is not here is not there.
pub static KINDS: [&dyn Kind; 4] = [
    &rest::RestKind,
    &ngsi_v2::NgsiV2Kind,
    &open_data::OpenDataKind,
    &store::StoreKind,
];

/// The kind of that name.
#[must_use]
pub fn kind_named(name: &str) -> Option<&'static dyn Kind> {
    KINDS.into_iter().find(|kind| kind.name() == name)
}
