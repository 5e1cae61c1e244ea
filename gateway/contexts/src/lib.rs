//! The @contexts of requests: where a named one comes from, how long a copy is good, and its compiled form
//! (CIM 009 clauses 5.5.5, 5.5.7, 5.13 and 6.3.5).
//!
//! | module | owns |
//! |---|---|
//! | [`resolver`] | from what a request names to a compiled context |
//! | [`download`] | one download: size, time, redirects |
//! | [`documents`] | the copies; one download at a time for each URL |
//! | [`compiled`] | what was compiled of them |
//! | [`hosted`] | what consumers have stored here |
//! | [`collection`] | adding, listing, serving, deleting, reloading |
//! | [`usage`] | how often each was used, and by whom |
//!
//! It knows no entities and no sources. A failed download is never taken for an empty context.

// What outlives a request is spawned in `runtime` and nowhere else.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod collection;
pub mod compiled;
pub mod documents;
pub mod download;
pub mod hosted;
pub mod resolver;
pub mod usage;

use std::sync::Arc;
use std::time::Instant;

use http::HeaderValue;
use kakehashi_core::names::ConsumerId;
use kakehashi_resources::{Exhausted, Resources};
use ngsi_ld::context::{CORE_CONTEXT_URL, Context, ContextError};
use serde_json::value::RawValue;

pub use download::Unavailability;
pub use resolver::Contexts;

/// The collection of contexts, below the public URL.
pub const CONTEXTS_PATH: &str = "/ngsi-ld/v1/jsonldContexts";

/// The path of the gateway's own context, below the public URL.
pub const OWN_CONTEXT_PATH: &str = "/ngsi-ld/v1/jsonldContexts/kakehashi";

/// The identifier of the gateway's own context in the collection.
pub const OWN_CONTEXT_ID: &str = "kakehashi";

/// The link relation that names an @context (JSON-LD 1.1 section 6.1).
pub const CONTEXT_RELATION: &str = "http://www.w3.org/ns/json-ld#context";

/// The @context of one request, and how it is named to the consumer.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// The compiled context.
    pub context: Arc<Context>,
    /// Its address; `None` for one that a body spells out.
    pub url: Option<Arc<str>>,
    /// The member `@context` of a body under it, as JSON.
    pub member: Arc<RawValue>,
    /// Whether a part of it is a copy that should have been renewed, and could not be.
    pub stale: bool,
}

impl RequestContext {
    /// The core context.
    #[must_use]
    pub fn core() -> Self {
        Self::at(Arc::clone(Context::core()), CORE_CONTEXT_URL)
    }

    /// The gateway's own context, published below this URL.
    #[must_use]
    pub fn own(public_url: &str) -> Self {
        let url = format!("{}{OWN_CONTEXT_PATH}", public_url.trim_end_matches('/'));
        Self::at(Arc::clone(Context::kakehashi()), &url)
    }

    /// A context that has an address.
    pub fn at(context: Arc<Context>, url: &str) -> Self {
        // A text is always JSON; without the member the Link header still names the context.
        let member = serde_json::value::to_raw_value(url).unwrap_or_else(|_| RawValue::NULL.to_owned());
        Self {
            context,
            url: Some(url.into()),
            member: member.into(),
            stale: false,
        }
    }

    /// The `Link` header that names the context (clause 6.3.6); `None` when it has no address.
    #[must_use]
    pub fn link(&self) -> Option<HeaderValue> {
        let url = self.url.as_deref()?;
        let link = [
            "<",
            url,
            ">; rel=\"",
            CONTEXT_RELATION,
            "\"; type=\"application/ld+json\"",
        ];
        HeaderValue::try_from(link.concat()).ok()
    }
}

/// What a request says about its @context.
#[derive(Debug, Clone, Copy)]
pub enum NamedContext<'a> {
    /// Nothing: the default.
    Default,
    /// The target of a Link header.
    Url(&'a str),
    /// The member `@context` of the body: a URL, an object, or an array of those.
    Member(&'a RawValue),
}

/// Who uses a context.
#[derive(Debug, Clone, Copy)]
pub struct ContextUser<'a> {
    /// The consumer: contexts that others have stored do not exist for it.
    pub consumer: &'a ConsumerId,
    /// The host that it has addressed: a URL with it is one of this gateway.
    pub host: Option<&'a str>,
    /// Until when a download is waited for.
    pub deadline: Instant,
    /// What may be used of the process for it.
    pub resources: &'a Resources,
}

/// Why there is no context.
#[derive(Debug, Clone)]
pub enum ContextFailure {
    /// A document that it needs cannot be had: 504 LdContextNotAvailable.
    Unavailable {
        /// Which.
        url: String,
        /// Why.
        reason: Unavailability,
    },
    /// It was had, and is none that NGSI-LD allows: 400 BadRequestData.
    Invalid(ContextError),
    /// What may be used of the process for it is used up.
    Exhausted(Exhausted),
    /// It is stored here, and what is stored cannot be read now: 503.
    Later,
    /// A fault of the gateway.
    Internal,
}
