//! The collection `/jsonldContexts`: adding, listing, serving, deleting, reloading (clause 5.13).
//!
//! What a consumer has stored exists for it alone, unless it lets everybody read it: then who knows its address may read and use
//! it, and nothing else. A copy that was downloaded is listed to those who have used it
//! and to nobody else: an address may be known to its users only, and may hold a token.

use std::sync::Arc;

use http::Uri;
use http::uri::Authority;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ngsi_ld::context::{Context, ContextError, KAKEHASHI_CONTEXT, is_core_context};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::documents::{CachedDocument, local_id};
use super::download::Unavailability;
use super::hosted::{Added, HostedContext, HostedKind, StateError};
use super::usage::Usage;
use super::{ContextUser, Contexts, OWN_CONTEXT_ID};

/// The kinds of stored contexts (clause 5.13.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Kind {
    /// Downloaded.
    Cached,
    /// Added by a consumer.
    Hosted,
    /// Made by the gateway for a consumer.
    ImplicitlyCreated,
}

impl Kind {
    /// The kind of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "Cached" => Some(Self::Cached),
            "Hosted" => Some(Self::Hosted),
            "ImplicitlyCreated" => Some(Self::ImplicitlyCreated),
            _ => None,
        }
    }
}

/// What is known of a stored context (clause 5.13.3.5).
#[derive(Debug, Clone, Serialize)]
pub struct ContextDetails {
    /// Where it can be downloaded: of a copy, the address it was downloaded from.
    #[serde(rename = "URL")]
    pub url: String,
    /// Its identifier in the collection.
    #[serde(rename = "localId")]
    pub local_id: String,
    /// Its kind.
    pub kind: Kind,
    /// That everybody may read it: said where it is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public: Option<bool>,
    /// When it was stored.
    #[serde(rename = "createdAt", skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// Until when a copy is good.
    #[serde(rename = "expiresAt", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// When it was used last, since the process began.
    #[serde(rename = "lastUsage", skip_serializing_if = "Option::is_none")]
    pub last_usage: Option<String>,
    /// How often it was found in the storage, since the process began.
    #[serde(rename = "numberOfHits", skip_serializing_if = "Option::is_none")]
    pub number_of_hits: Option<u64>,
}

/// A stored context.
#[derive(Debug, Clone)]
pub struct StoredContext {
    /// What is known of it.
    pub details: ContextDetails,
    /// The document; `None` for a copy, which is never served.
    pub document: Option<Arc<str>>,
}

/// Why a document is not added.
#[derive(Debug, thiserror::Error)]
pub enum CannotAdd {
    /// It is no JSON: 400 InvalidRequest.
    #[error("the body is no JSON object, or names a member twice")]
    Json,
    /// It is no context that NGSI-LD allows: 400 BadRequestData.
    #[error("the @context: {0}")]
    Context(#[from] ContextError),
    /// The consumer has as many as it may.
    #[error("you have stored as many contexts as you may; delete one")]
    Full,
    /// The storage.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Why a context is not deleted or reloaded.
#[derive(Debug, thiserror::Error)]
pub enum CannotDelete {
    /// For this consumer there is none of that identifier.
    #[error("no context of that identifier is stored for you")]
    Unknown,
    /// The core context and the gateway's own are always there.
    #[error("the context is built in and stays")]
    BuiltIn,
    /// Only copies can be downloaded again.
    #[error("parameter `reload`: no copy of that identifier is kept for you, so nothing can be downloaded again")]
    NotCached,
    /// The download failed; the copy stays.
    #[error("the @context could not be downloaded again: {0}; the stored copy stays")]
    Unavailable(Unavailability),
    /// The storage.
    #[error(transparent)]
    State(#[from] StateError),
}

/// The body of an addition; whatever else it holds is discarded (clause 5.13.2.3).
#[derive(Deserialize)]
//= 5.13.2.3-1
struct Addition {
    #[serde(rename = "@context")]
    context: Option<Box<RawValue>>,
}

enum Found {
    BuiltIn(StoredContext),
    Hosted(HostedContext),
    Cached(Arc<CachedDocument>),
}

impl Contexts {
    /// Stores a document for the consumer and gives its identifier. Who knows that of a `public` one may read it.
    ///
    /// # Errors
    /// [`CannotAdd`]
    //= 5.13.2.4-2
    pub async fn add(&self, body: &str, public: bool, user: &ContextUser<'_>) -> Result<String, CannotAdd> {
        let addition: Addition = serde_json::from_str(body).map_err(|_| CannotAdd::Json)?;
        let context = addition.context.ok_or(ContextError::Missing)?;
        let builder = Context::builder().value(context.get())?;
        match builder.build() {
            // What it refers to is had when it is used.
            Ok(_) | Err(ContextError::Unavailable(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let document = format!("{{\"@context\":{}}}", context.get());
        match self.hosted.add(user.consumer, &document, public).await? {
            Added::Id(id) => {
                self.compiled.documents_changed();
                Ok(id)
            }
            Added::Full => Err(CannotAdd::Full),
        }
    }

    /// What is stored, as far as the consumer may know of it.
    ///
    /// # Errors
    /// [`StateError`]
    pub async fn list(&self, kind: Option<Kind>, user: &ContextUser<'_>) -> Result<Vec<ContextDetails>, StateError> {
        let hosted = self.hosted.list(user.consumer).await?;
        let hosted = hosted.iter().map(|hosted| self.details_of_hosted(hosted));
        let copies = self.documents.copies().into_iter();
        let cached = copies
            .filter(|copy| copy.usage.is_user(user.consumer))
            .map(|copy| details_of_copy(&copy));
        let all = hosted.chain(cached);
        Ok(all
            .filter(|details| kind.is_none_or(|kind| details.kind == kind))
            .collect())
    }

    /// A stored context, by its identifier or its address.
    ///
    /// # Errors
    /// [`StateError`]
    pub async fn find(&self, id: &str, user: &ContextUser<'_>) -> Result<Option<StoredContext>, StateError> {
        Ok(self.found(id, user).await?.map(|found| match found {
            Found::BuiltIn(stored) => stored,
            Found::Hosted(hosted) => StoredContext {
                details: self.details_of_hosted(&hosted),
                document: Some(hosted.document),
            },
            Found::Cached(copy) => StoredContext {
                details: details_of_copy(&copy),
                document: None,
            },
        }))
    }

    /// The document that everybody may read who knows its identifier: the gateway's own, or one that its owner has made public.
    ///
    /// # Errors
    /// [`StateError`]
    pub async fn for_everybody(&self, id: &str) -> Result<Option<Arc<str>>, StateError> {
        let id = id.strip_prefix(&self.url_of("")).unwrap_or(id);
        if id == OWN_CONTEXT_ID {
            return Ok(Some(KAKEHASHI_CONTEXT.into()));
        }
        Ok(self.hosted.public(id).await?.map(|hosted| hosted.document))
    }

    /// Removes a stored context; with `reload` a copy is downloaded again instead, and replaced only if that goes
    /// well.
    ///
    /// # Errors
    /// [`CannotDelete`]
    //= 5.13.5.4-5, 5.13.5.4-6
    pub async fn delete(&self, id: &str, reload: bool, user: &ContextUser<'_>) -> Result<(), CannotDelete> {
        match (self.found(id, user).await?, reload) {
            (None, false) => return Err(CannotDelete::Unknown),
            // It is as new as it can be: nothing of it is ever downloaded, so that it cannot be made to be another.
            (Some(Found::BuiltIn(_)), true) if is_core_context(id) => return Ok(()),
            (Some(Found::BuiltIn(_)), _) => return Err(CannotDelete::BuiltIn),
            // Only the identifier of a copy can be reloaded; whatever else it is, or is not, is of no matter.
            (None | Some(Found::Hosted(_)), true) => return Err(CannotDelete::NotCached),
            (Some(Found::Cached(copy)), true) => {
                let reloaded = self.documents.reload(&copy.url, user.consumer, user.deadline).await;
                reloaded.map_err(CannotDelete::Unavailable)?;
            }
            (Some(Found::Cached(copy)), false) => self.documents.forget(&copy.url),
            (Some(Found::Hosted(hosted)), false) => {
                if !self.hosted.delete(user.consumer, &hosted.id).await? {
                    return Err(CannotDelete::Unknown);
                }
            }
        }
        self.compiled.documents_changed();
        Ok(())
    }

    //= 5.13.5.1-1
    async fn found(&self, id: &str, user: &ContextUser<'_>) -> Result<Option<Found>, StateError> {
        if is_core_context(id) {
            return Ok(Some(Found::BuiltIn(core(id))));
        }
        let own_id = self.local_id(id, user).unwrap_or(id);
        if own_id == OWN_CONTEXT_ID {
            return Ok(Some(Found::BuiltIn(self.own_stored())));
        }
        if let Some(hosted) = self.hosted.get(user.consumer, own_id).await? {
            return Ok(Some(Found::Hosted(hosted)));
        }
        let mut copies = self.documents.copies().into_iter();
        let copy = copies.find(|copy| &*copy.url == id || copy.id() == id);
        Ok(copy.filter(|copy| copy.usage.is_user(user.consumer)).map(Found::Cached))
    }

    fn details_of_hosted(&self, hosted: &HostedContext) -> ContextDetails {
        let usage = self.hosted.usage(&hosted.id);
        ContextDetails {
            url: self.url_of(&hosted.id),
            local_id: hosted.id.clone(),
            kind: match hosted.kind {
                HostedKind::Hosted => Kind::Hosted,
                HostedKind::ImplicitlyCreated => Kind::ImplicitlyCreated,
            },
            public: hosted.public.then_some(true),
            created_at: Some(date_time(hosted.created_at)),
            expires_at: None,
            last_usage: last_usage(&usage),
            number_of_hits: Some(usage.hits()),
        }
    }

    fn own_stored(&self) -> StoredContext {
        StoredContext {
            details: built_in(self.url_of(OWN_CONTEXT_ID), OWN_CONTEXT_ID.to_owned(), Kind::Hosted),
            document: Some(KAKEHASHI_CONTEXT.into()),
        }
    }

    /// The identifier in a URL that leads to this gateway, which never asks itself.
    pub(super) fn local_id<'u>(&self, url: &'u str, user: &ContextUser<'_>) -> Option<&'u str> {
        let (start, id) = url.rsplit_once('/')?;
        let base = start.strip_suffix(super::CONTEXTS_PATH)?;
        let is_addressed_host = || {
            let uri: Option<Uri> = base.parse().ok();
            let authority = uri.as_ref().and_then(Uri::authority).map(Authority::as_str);
            user.host.is_some() && user.host == authority
        };
        (base.is_empty() || base == self.public_url() || is_addressed_host()).then_some(id)
    }
}

/// A core context, of whatever version: served by its publisher, never from here.
fn core(url: &str) -> StoredContext {
    StoredContext {
        details: built_in(url.to_owned(), local_id(url), Kind::Cached),
        document: None,
    }
}

fn built_in(url: String, local_id: String, kind: Kind) -> ContextDetails {
    ContextDetails {
        url,
        local_id,
        kind,
        public: None,
        created_at: None,
        expires_at: None,
        last_usage: None,
        number_of_hits: None,
    }
}

//= 5.13.3.1-1
fn details_of_copy(copy: &CachedDocument) -> ContextDetails {
    ContextDetails {
        url: copy.url.to_string(),
        local_id: copy.id(),
        kind: Kind::Cached,
        public: None,
        created_at: Some(date_time(copy.created_at)),
        expires_at: Some(date_time(copy.expires_at)),
        last_usage: last_usage(&copy.usage),
        number_of_hits: Some(copy.usage.hits()),
    }
}

fn last_usage(usage: &Usage) -> Option<String> {
    usage.last().map(date_time)
}

/// A DateTime of clause 4.6.3, to the millisecond.
fn date_time(time: Timestamp) -> String {
    let zoned = time.to_zoned(TimeZone::UTC);
    zoned.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
