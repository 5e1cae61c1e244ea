//! What the suite needs to know of one adapter and its source.

use async_trait::async_trait;
use kakehashi_adapters::Adapter;
use ngsi_ld::Entity;
use stand_ins::Fault;

/// How long a source may take in these tests before its own timeout ends a request, in milliseconds.
pub(crate) const SOURCE_TIMEOUT_MILLIS: u64 = 2000;

/// The largest body that is read from a source in these tests, in bytes.
pub(crate) const BODY_CAP: usize = 1024 * 1024;

/// An adapter, and a source of its kind that holds the sample.
#[async_trait]
pub(crate) trait Fixture: Send + Sync + Sized {
    /// Starts the source with [`crate::sample::SITES`] in it, and makes its adapter: with
    /// [`SOURCE_TIMEOUT_MILLIS`] and [`BODY_CAP`], and a credential where the source can take one.
    async fn start() -> Self;

    /// The adapter.
    fn adapter(&self) -> &dyn Adapter;

    /// Every entity that the source exposes, as the view shows them, without system attributes. Usually
    /// [`crate::sample::entities`]; a source that cannot hold something leaves it out here.
    fn entities(&self) -> Vec<Entity>;

    /// From now on every request meets this fault; `None`: no more. `false`: a source of this kind cannot have
    /// it.
    fn set_fault(&self, fault: Option<Fault>) -> bool;

    /// What the source was asked since the start: paths, parameters and bodies, percent-decoded, one text a
    /// request. `None`: the source keeps no log.
    fn requests(&self) -> Option<Vec<String>>;

    /// Whether requests name attributes, so that one that is not wanted must not appear in them.
    fn asks_for_attributes(&self) -> bool;

    /// Whether every request carried the credential. `None`: this kind of source takes none.
    fn saw_credential(&self) -> Option<bool>;
}
