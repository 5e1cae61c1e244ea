//! One question to one source, prepared: what the source decides of it, and the ways to ask it.
//!
//! What the source can take is decided once, by [`Adapter::prepare`](crate::Adapter::prepare); everything here follows from
//! that one decision, so that what is asked, what is told and what is left for the gateway cannot differ.

use std::fmt;
use std::pin::Pin;

use async_trait::async_trait;
use futures::{Stream, StreamExt, TryStreamExt};
use ngsi_ld::query::Ordering;

use crate::asked::AskedRequest;
use crate::call::Call;
use crate::error::AdapterError;
use crate::flaw::{Counted, Yielded};
use crate::query::{Page, PushDown};

/// What a source yields: its entities, each whole, in an order that is the same at every call, and in the place of each
/// that is wrong what is wrong with it. It ends after the first error.
pub type EntityStream = Pin<Box<dyn Stream<Item = Result<Yielded, AdapterError>> + Send>>;

/// What stands in each place of a source's own list of candidates; `None`: nothing that did not stand in an earlier one.
pub type PlaceStream = Pin<Box<dyn Stream<Item = Result<Option<Yielded>, AdapterError>> + Send>>;

/// How much of an order is wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Foremost {
    /// So many entities, if there are as many; more may come.
    pub most: usize,
    /// Whether whoever asks may be shown something else than texts, and than numbers from this magnitude on. Then only as many
    /// come as are the first whatever those are, and after the end of these nothing is known of the others.
    pub sure_below: Option<f64>,
}

impl Foremost {
    /// All of them, as they are.
    pub const ALL: Self = Self {
        most: usize::MAX,
        sure_below: None,
    };
}

/// A [`SourceQuery`](crate::SourceQuery) as its source takes it. It can be asked as often as wanted, and whole or by pages.
#[async_trait]
pub trait PreparedQuery: Send + Sync + fmt::Debug {
    /// What the source decides itself.
    fn push_down(&self) -> PushDown;

    /// What the source would be asked first, made by the code that asks it. Several, where the query takes several requests
    /// that do not depend on each other's answers; none, where the source cannot have what is asked for. No I/O, and no
    /// secret.
    ///
    /// # Errors
    /// [`AdapterError`], when what is asked cannot be sent at all.
    fn asked(&self, page: Option<Page>) -> Result<Vec<AskedRequest>, AdapterError>;

    /// The entity of the query's id, of one of its types; `None` when the source has none. The query names that id alone,
    /// and has no conditions. If the source holds several entities that are one in the view, the answer is their union;
    /// where one of them is wrong, it was left out.
    ///
    /// # Errors
    /// [`AdapterError`]; an entity that does not exist is no error, nor is one that was left out.
    async fn retrieve(&self, call: &Call) -> Result<Option<Yielded>, AdapterError>;

    /// The entities that match as far as [`PreparedQuery::push_down`] says, as they arrive: all of them, or those of the
    /// page when everything is decided exactly. The adapter pages through the source as it must. What is left out takes up
    /// the place of an entity in a page, so that no page depends on what is wrong with others.
    fn query(&self, page: Option<Page>, call: &Call) -> EntityStream;

    /// The candidates from one place of the source's own list on, whatever is left for the gateway to decide: at least so many
    /// places as the page has, or fewer where the list ends. Whoever has enough drops it. `None`: the source cannot begin in the
    /// middle of the list, and [`query`](Self::query) reads all of it.
    fn candidates(&self, page: Page, call: &Call) -> Option<PlaceStream> {
        let exact = self.push_down().is_exact();
        exact.then(|| self.query(Some(page), call).map_ok(Some).boxed())
    }

    /// Whether [`candidates`](Self::candidates) goes on to the end of the list however few places the page has, so that nobody
    /// needs to ask what comes behind the last.
    fn candidates_go_on(&self) -> bool {
        false
    }

    /// The candidates in an order, where the source can put them in it exactly as [`Ordering::compare`] would by what it sends of
    /// each: the first come first. Whoever has enough drops it. `None`: it cannot, and [`query`](Self::query) reads all of it. Asked
    /// only when [`PushDown::is_exact`].
    fn ordered(&self, _order: &Ordering, _first: Foremost, _call: &Call) -> Option<EntityStream> {
        None
    }

    /// How many entities match. Asked only when [`PushDown::is_exact`]. A source that counts by itself counts what would
    /// have to be left out, too.
    ///
    /// # Errors
    /// [`AdapterError`]
    async fn count(&self, call: &Call) -> Result<Counted, AdapterError>;
}
