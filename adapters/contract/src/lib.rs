//! The contract between the gateway and every kind of source: what a source is asked, what it may answer, how it fails.
//!
//! | module | owns |
//! |---|---|
//! | `adapter` | [`Adapter`]: what every kind of source can be asked |
//! | `prepared` | [`PreparedQuery`]: one question to one source, decided once: what it is asked, what it may answer |
//! | `query`, `selection` | [`SourceQuery`]: what one source is asked, and [`PushDown`]: how much of it the source decides |
//! | `call` | [`Call`]: what holds for one request of one consumer, whichever sources it needs |
//! | `freshness` | [`Freshness`]: how old an answer is that was kept |
//! | [`flaw`] | [`Yielded`]: an entity of a source, or why it was left out |
//! | `asked` | [`AskedRequest`]: what a source would be asked, told and not sent |
//! | `writing` | [`EntityWriter`]: what a source that takes writes is asked |
//! | `plain_writes` | writes that are decided by yes or no: what tests are written in |
//! | `notifies` | [`Notifies`]: what a source says of its changes |
//! | `history` | [`History`]: the place of what a source tells of how its entities were |
//! | `requests` | [`Requests`]: how many requests to sources one question may cause |
//! | `error`, `status` | [`AdapterError`]: what went wrong; [`SourceStatus`]: how exchanges with a source go |
//! | [`literal`], [`not_finite`] | what adapters of several kinds need to read patterns and numbers |
//!
//! The gateway hands an adapter a [`SourceQuery`]: types, attributes and conditions that are already narrowed
//! to the consumer's grant. The adapter asks its system, in that system's own language, for candidates: at
//! least every entity that matches, never an attribute that was not asked for. What the system cannot decide
//! stays with the gateway, as [`PreparedQuery::push_down`] says beforehand.
//!
//! It knows no kind of source and no way to speak to one. What every adapter must do is proved by
//! `adapters/tests/contract.rs`.

mod adapter;
mod asked;
mod call;
mod error;
pub mod flaw;
mod freshness;
mod history;
pub mod literal;
pub mod not_finite;
mod notifies;
pub mod plain_writes;
mod prepared;
mod query;
mod requests;
mod selection;
mod source_id;
mod status;
mod writing;

pub use self::adapter::Adapter;
pub use self::asked::{AskedRequest, HIDDEN};
pub use self::call::Call;
pub use self::error::{AdapterError, ErrorKind, Origin, Repeating};
pub use self::flaw::{Counted, Flaw, LeftOut, Yielded, entities_of};
pub use self::freshness::Freshness;
pub use self::history::History;
pub use self::notifies::{Change, Changed, Fate, MayRest, Notifies, Position, Told, Values};
pub use self::prepared::{EntityStream, Foremost, PlaceStream, PreparedQuery};
pub use self::query::{Coverage, Page, PushDown, SourceQuery};
pub use self::requests::{Requests, TooManyRequests};
pub use self::selection::{AttributeSelection, SelectedNames};
pub use self::source_id::SourceId;
pub use self::status::{Reshaped, SourceStatus};
/// For those that know no more of the view's language than that its texts are UTF-8.
pub use ngsi_ld::without_byte_order_mark;

pub use self::writing::{Decide, Decision, EntityWrite, EntityWriter, WriteError, WriteOffer, WriteOperation, Written};
