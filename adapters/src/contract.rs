//! The contract between the gateway and every kind of source.
//!
//! The gateway hands an adapter a [`SourceQuery`]: types, attributes and conditions that are already narrowed
//! to the consumer's grant. The adapter asks its system, in that system's own language, for candidates: at
//! least every entity that matches, never an attribute that was not asked for. What the system cannot decide
//! stays with the gateway, as [`Adapter::push_down`] says beforehand.
//!
//! What every adapter must do is proved by `adapters/tests/contract.rs`.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use futures::Stream;
use http::HeaderValue;
use kakehashi_database::Trouble;
use kakehashi_resources::{Exhausted, Resources};
use ngsi_ld::query::{Expression, GeoQuery, IdPattern, ScopeQuery};
use ngsi_ld::{AttributeName, EntityId, TypeName};

use crate::asked::AskedRequest;
use crate::client::SourceStatus;
use crate::flaw::{Counted, Yielded};
use crate::requests::Requests;
use crate::writing::EntityWriter;

/// The name of a source in the configuration.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(Arc<str>);

impl SourceId {
    /// Takes a name.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What holds for one request of one consumer, whichever sources it needs.
#[derive(Debug, Clone)]
pub struct Call {
    /// When the answer must be complete. A source's own timeout may end it earlier.
    pub deadline: Instant,
    /// `traceparent` to send along (W3C Trace Context). It holds nothing of the consumer's.
    pub traceparent: Option<Arc<str>>,
    /// `Authorization` as the consumer has sent it, where that was a token which the gateway has found valid. It goes
    /// to sources that are configured to be shown it, and to no other.
    pub consumer_token: Option<Arc<HeaderValue>>,
    /// What the request may use of the process: whatever is held for it is counted there, and what takes long is computed
    /// there.
    pub resources: Resources,
    /// How many requests to sources it may cause.
    pub requests: Requests,
}

impl Call {
    /// A call that nobody counts anything for, with nothing to send along: for what no consumer has asked for.
    #[must_use]
    pub fn until(deadline: Instant) -> Self {
        Self {
            deadline,
            traceparent: None,
            consumer_token: None,
            resources: Resources::uncounted(deadline),
            requests: Requests::unbounded(),
        }
    }
}

/// Which attributes may be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttributeSelection {
    /// Every attribute that the source has.
    All,
    /// These and no others, in the order of names. Empty: none, only ids and types. Shared, because it goes with
    /// every question.
    Only(SelectedNames),
}

impl AttributeSelection {
    /// These and no others.
    #[must_use]
    pub fn only(names: impl IntoIterator<Item = AttributeName>) -> Self {
        Self::Only(SelectedNames::new(names))
    }

    /// Whether the attribute may be asked for.
    #[must_use]
    pub fn includes(&self, name: &AttributeName) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.binary_search(name).is_ok(),
        }
    }
}

/// Names in their order, each once, so that one is found without looking at all: grants have many, and each
/// attribute of an answer is looked up.
#[derive(Debug, Clone)]
pub struct SelectedNames(Arc<Selected>);

#[derive(Debug)]
struct Selected {
    names: Box<[AttributeName]>,
    /// Of all names. Selections are keys of what is remembered for them, and have thousands of bytes.
    digest: u64,
}

impl SelectedNames {
    fn new(names: impl IntoIterator<Item = AttributeName>) -> Self {
        let mut names: Vec<AttributeName> = names.into_iter().collect();
        names.sort_unstable();
        names.dedup();
        let mut hasher = DefaultHasher::new();
        names.hash(&mut hasher);
        Self(Arc::new(Selected {
            names: names.into(),
            digest: hasher.finish(),
        }))
    }
}

impl PartialEq for SelectedNames {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.0.digest == other.0.digest && self.0.names == other.0.names)
    }
}

impl Eq for SelectedNames {}

impl Hash for SelectedNames {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.digest);
    }
}

impl Deref for SelectedNames {
    type Target = [AttributeName];

    fn deref(&self) -> &[AttributeName] {
        &self.0.names
    }
}

/// A part of the answer. Sent only when the source decides every condition exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// At most so many entities.
    pub limit: usize,
    /// After skipping so many.
    pub offset: usize,
}

/// What one source is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceQuery {
    /// Entities of any of these types, and of no other type. Never empty: an adapter must not ask a source
    /// without naming types, because what it holds beside them may be personal.
    pub types: Vec<TypeName>,
    /// Any of these ids. Empty: any id.
    pub ids: Vec<EntityId>,
    /// `idPattern`
    pub id_pattern: Option<IdPattern>,
    /// What may be asked for. The adapter sends this list to the source where the source can take one, and
    /// leaves out of the answer whatever came unasked.
    pub attributes: AttributeSelection,
    /// At least one of these attributes must exist (`attrs` of the consumer). Empty: no condition.
    pub any_attribute: Vec<AttributeName>,
    /// `q`. It touches only attributes that `attributes` includes. Shared, because it goes to every source.
    pub filter: Option<Arc<Expression>>,
    /// The geo-query. It touches only attributes that `attributes` includes.
    pub geo: Option<Arc<GeoQuery>>,
    /// `scopeQ`
    pub scope: Option<Arc<ScopeQuery>>,
    /// Whether `createdAt` and `modifiedAt` are wanted.
    pub system_attributes: bool,
    /// The part that is wanted; `None`: everything.
    pub page: Option<Page>,
}

impl SourceQuery {
    /// Everything of some types.
    #[must_use]
    pub fn of_types(types: Vec<TypeName>) -> Self {
        Self {
            types,
            ids: Vec::new(),
            id_pattern: None,
            attributes: AttributeSelection::All,
            any_attribute: Vec::new(),
            filter: None,
            geo: None,
            scope: None,
            system_attributes: false,
            page: None,
        }
    }
}

/// How much of one condition a source decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Coverage {
    /// Nothing: every entity is a candidate.
    None,
    /// It leaves some out, all of them rightly; the gateway must look at the rest.
    Narrows,
    /// It decides exactly as the evaluator in `ngsi_ld::query` would. Also when there is no condition.
    Exact,
}

/// What a source would decide of one query. What is not [`Coverage::Exact`] is the residual, which the
/// gateway evaluates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PushDown {
    /// `types`, `ids`
    pub selection: Coverage,
    /// `id_pattern`
    pub id_pattern: Coverage,
    /// `any_attribute`
    pub any_attribute: Coverage,
    /// `filter`
    pub filter: Coverage,
    /// `geo`
    pub geo: Coverage,
    /// `scope`
    pub scope: Coverage,
}

impl PushDown {
    /// Whether nothing is left for the gateway, so that pages and counts of the source are those of the view.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        [
            self.selection,
            self.id_pattern,
            self.any_attribute,
            self.filter,
            self.geo,
            self.scope,
        ]
        .iter()
        .all(|coverage| *coverage == Coverage::Exact)
    }
}

/// What a source yields: its entities, each whole, in an order that is the same at every call, and in the place of each
/// that is wrong what is wrong with it. It ends after the first error.
pub type EntityStream = Pin<Box<dyn Stream<Item = Result<Yielded, AdapterError>> + Send>>;

/// One source, spoken to in its own language. Made once per configuration revision, shared by all requests.
///
/// An adapter answers in the common view: expanded names, ids that lead back to the source's own, dates in
/// UTC, geometries in WGS84. It never returns an attribute outside of [`SourceQuery::attributes`], nor an
/// entity of a type outside of [`SourceQuery::types`]. Dropping a future or a stream ends its work.
#[async_trait]
pub trait Adapter: Send + Sync + fmt::Debug {
    /// The source's name in the configuration.
    fn source(&self) -> &SourceId;

    /// What the source would decide of this query itself. No I/O.
    fn push_down(&self, query: &SourceQuery) -> PushDown;

    /// What the source would be asked first for this query, made by the code that asks it. Several, where the query
    /// takes several requests that do not depend on each other's answers; none, where the source cannot have what is
    /// asked for. No I/O, and no secret.
    ///
    /// # Errors
    /// [`AdapterError`], when what is asked cannot be sent at all.
    fn asked(&self, query: &SourceQuery) -> Result<Vec<AskedRequest>, AdapterError>;

    /// The entity of that id, of one of `query.types`; `None` when the source has none. `query.ids` is that
    /// id alone, and there are no conditions. If the source holds several entities that are one in the view,
    /// the answer is their union; where one of them is wrong, it was left out.
    ///
    /// # Errors
    /// [`AdapterError`]; an entity that does not exist is no error, nor is one that was left out.
    async fn retrieve(&self, query: &SourceQuery, call: &Call) -> Result<Option<Yielded>, AdapterError>;

    /// The entities that match as far as [`Adapter::push_down`] says, as they arrive: all of them, or those of
    /// `query.page` when everything is decided exactly. The adapter pages through the source as it must. What is left out
    /// takes up the place of an entity in a page, so that no page depends on what is wrong with others.
    fn query(&self, query: &SourceQuery, call: &Call) -> EntityStream;

    /// Whether some entity of the source may have several types. Then no page and no count of the source is that
    /// of the view: one of an entity's types may hide it. By default none has, as in systems that know one type
    /// for each entity.
    ///
    /// # Errors
    /// [`AdapterError`]
    async fn has_entities_of_several_types(&self, _call: &Call) -> Result<bool, AdapterError> {
        Ok(false)
    }

    /// Whether an attribute of one of these names may be a Relationship in some entity. Whereto a Relationship leads may
    /// be hidden; then no page and no count that depends on it is that of the view. By default any may.
    ///
    /// # Errors
    /// [`AdapterError`]
    async fn may_hold_relationships(&self, _names: &[AttributeName], _call: &Call) -> Result<bool, AdapterError> {
        Ok(true)
    }

    /// How many entities match. Asked only when [`PushDown::is_exact`] and without a page. A source that counts by itself
    /// counts what would have to be left out, too.
    ///
    /// # Errors
    /// [`AdapterError`]
    async fn count(&self, query: &SourceQuery, call: &Call) -> Result<Counted, AdapterError>;

    /// The types that the source holds, where it can tell by itself: expanded names, each once. Sources whose
    /// types stand in the configuration need not.
    ///
    /// # Errors
    /// [`AdapterError`]
    async fn held_types(&self, _call: &Call) -> Result<Vec<TypeName>, AdapterError> {
        Ok(Vec::new())
    }

    /// How exchanges with the source go; `None`: nobody counts them, because it is no other system.
    fn status(&self) -> Option<SourceStatus> {
        None
    }

    /// Why it cannot be written now, or not even be read; `None`: it can, or nobody knows of it. It passes by itself.
    fn trouble(&self) -> Option<Trouble> {
        None
    }

    /// How the source is written to; `None`: it takes no writes.
    fn writer(&self) -> Option<&dyn EntityWriter> {
        None
    }
}

/// What went wrong between the gateway and a source.
///
/// The text of `detail` is for the operator's log and holds no value of an entity and nothing that the source
/// has sent; consumers see only the kind.
#[derive(Debug, Clone, thiserror::Error)]
#[error("source {source_id}: {kind}: {detail}")]
pub struct AdapterError {
    /// Which source.
    pub source_id: SourceId,
    /// What happened.
    pub kind: ErrorKind,
    /// More, for the log.
    pub detail: Arc<str>,
}

/// What can go wrong with a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// No connection, or it broke before an answer.
    Unreachable,
    /// No complete answer within the deadline.
    Timeout,
    /// The source's own rate or concurrency limit left no room before the deadline.
    Overloaded,
    /// The source answered with this HTTP status.
    Status(u16),
    /// The answer is not what the source's protocol promises: not JSON, HTML, empty, cut off.
    InvalidPayload,
    /// The answer is larger than the cap.
    TooLarge,
    /// The source has more entities, or more bytes of them, than one request may look through.
    TooMany,
    /// The source would have to be asked more often for one question than so many times.
    TooManyRequests(usize),
    /// The question would cause more requests to sources than so many. It is no source's part that is missing, but all of it.
    TooComplex(usize),
    /// The source's address leads to where it may not lead: it was not asked.
    Refused,
    /// There is no credential to ask the source with: no token from its token endpoint, or none of the consumer's to
    /// pass through.
    Credential,
    /// What the request may use of the gateway is used up, or all of it is in use. It is no trouble of the source's.
    Exhausted(Exhausted),
    /// The disk of what is written to is full. Nothing was written.
    InsufficientStorage,
    /// What is written to may only be read now, or cannot be written for another reason that may pass. Nothing was
    /// written.
    Unwritable,
    /// The gateway's own fault: settings that cannot work, a database that cannot be read.
    Internal,
}

impl ErrorKind {
    /// Whether asking again, later, may succeed without anybody changing anything.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::Unreachable | Self::Timeout | Self::Overloaded | Self::Credential | Self::Unwritable => true,
            Self::Status(status) => matches!(status, 429 | 502..=504),
            Self::Exhausted(exhausted) => matches!(exhausted, Exhausted::Process),
            Self::InvalidPayload
            | Self::TooLarge
            | Self::TooMany
            | Self::TooManyRequests(_)
            | Self::TooComplex(_)
            | Self::Refused
            | Self::InsufficientStorage
            | Self::Internal => false,
        }
    }

    /// The name in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Overloaded => "overloaded",
            Self::Status(_) => "status",
            Self::InvalidPayload => "invalid_payload",
            Self::TooLarge => "too_large",
            Self::TooMany => "too_many",
            Self::TooManyRequests(_) => "too_many_requests",
            Self::TooComplex(_) => "too_complex",
            Self::Refused => "refused",
            Self::Credential => "credential",
            Self::Exhausted(_) => "exhausted",
            Self::InsufficientStorage => "insufficient_storage",
            Self::Unwritable => "unwritable",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status {status}"),
            other => f.write_str(other.as_str()),
        }
    }
}

impl AdapterError {
    /// An error of a source.
    #[must_use]
    pub fn new(source_id: &SourceId, kind: ErrorKind, detail: impl Into<Arc<str>>) -> Self {
        Self {
            source_id: source_id.clone(),
            kind,
            detail: detail.into(),
        }
    }

    /// What the request may use was used up while a source was asked.
    #[must_use]
    pub fn exhausted(source_id: &SourceId, exhausted: Exhausted) -> Self {
        let kind = match exhausted {
            Exhausted::Time => ErrorKind::Timeout,
            other => ErrorKind::Exhausted(other),
        };
        Self::new(source_id, kind, exhausted.to_string())
    }
}
