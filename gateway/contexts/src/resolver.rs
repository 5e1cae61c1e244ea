//! From what a request names to a compiled context.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::{Duration, Instant};

use futures::future::join_all;
use jiff::Timestamp;
use kakehashi_config::{DefaultContext, GatewayConfig};
use kakehashi_runtime::Spawner;
use kakehashi_state::State;
use ngsi_ld::context::{Context, ContextBuilder, ContextError, CoreVersion, KAKEHASHI_CONTEXT};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::compiled::{Compiled, CompiledContexts, Key};
use super::documents::{Documents, FAILURE};
use super::download::{CannotDownload, Downloader, Unavailability};
use super::hosted::{Added, HostedContexts, StateError};
use super::usage::Usage;
use super::{
    CONTEXTS_PATH, ContextFailure, ContextUser, NamedContext, OWN_CONTEXT_ID, OWN_CONTEXT_PATH, RequestContext,
};

/// Most documents that one context may be made of.
const MOST_DOCUMENTS: usize = 32;

/// Longest URL of a context.
const MOST_URL_BYTES: usize = 2048;

/// For how long what is made of built-in and stored documents alone is good: they announce their changes.
const UNCHANGING: Duration = Duration::from_secs(24 * 60 * 60);

/// All contexts of the gateway.
#[derive(Debug)]
pub struct Contexts {
    own: RequestContext,
    default: Default,
    public_url: String,
    pub(super) documents: Arc<Documents>,
    pub(super) hosted: HostedContexts,
    pub(super) compiled: CompiledContexts,
}

/// What requests that name nothing speak under.
#[derive(Debug)]
enum Default {
    BuiltIn(RequestContext),
    Url(String),
}

/// Why contexts cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum CannotHaveContexts {
    /// The downloads.
    #[error(transparent)]
    Download(#[from] CannotDownload),
}

/// A document that a context is made of.
struct Found {
    url: String,
    /// Where it was found in the end: what it refers to is relative to that.
    place: Arc<str>,
    json: Arc<str>,
    hash: [u8; 32],
    fresh_until: Instant,
    stale: bool,
    /// Whether it is the consumer's own and exists for nobody else.
    owned: bool,
    usage: Option<Arc<Usage>>,
}

impl Contexts {
    /// Sets up downloads, which the spawner runs. What consumers have stored is in the state.
    ///
    /// # Errors
    /// [`CannotHaveContexts`]
    pub fn new(gateway: &GatewayConfig, state: &State, downloads: Spawner) -> Result<Self, CannotHaveContexts> {
        let own = RequestContext::own(&gateway.public_url);
        let default = match &gateway.default_context {
            DefaultContext::Kakehashi => Default::BuiltIn(own.clone()),
            DefaultContext::Core => Default::BuiltIn(RequestContext::core()),
            DefaultContext::Url(url) => Default::Url(url.clone()),
        };
        Ok(Self {
            own,
            default,
            public_url: gateway.public_url.trim_end_matches('/').to_owned(),
            documents: Arc::new(Documents::new(Downloader::new(&gateway.egress_allow)?, downloads)),
            hosted: HostedContexts::new(state),
            compiled: CompiledContexts::default(),
        })
    }

    pub(super) fn public_url(&self) -> &str {
        &self.public_url
    }

    /// The address of a context that is stored here.
    #[must_use]
    pub fn url_of(&self, id: &str) -> String {
        format!("{}{CONTEXTS_PATH}/{id}", self.public_url)
    }

    /// The context that a request names. The core context always stands last, whatever is named (clause 4.4).
    ///
    /// # Errors
    /// [`ContextFailure`]
    //= 5.5.5-1
    pub async fn resolve(
        &self,
        named: NamedContext<'_>,
        user: &ContextUser<'_>,
    ) -> Result<RequestContext, ContextFailure> {
        match named {
            NamedContext::Default => match &self.default {
                Default::BuiltIn(context) => Ok(context.clone()),
                Default::Url(url) => self.at_url(url, user).await,
            },
            NamedContext::Url(url) => self.at_url(url, user).await,
            NamedContext::Member(member) => match address_in(member) {
                Some(url) => self.at_url(&url, user).await,
                None => self.spelled_out(member, user).await,
            },
        }
    }

    /// Gives a context that a body spells out an address, at which it is served (kind ImplicitlyCreated), so that
    /// it can stand in a Link header. A context that has an address keeps it.
    ///
    /// # Errors
    /// [`StateError`]
    //= 4.4-3, 5.2.3-1
    pub async fn publish(
        &self,
        context: &RequestContext,
        user: &ContextUser<'_>,
    ) -> Result<RequestContext, StateError> {
        if context.url.is_some() {
            return Ok(context.clone());
        }
        let document = format!("{{\"@context\":{}}}", context.member.get());
        let mut published = context.clone();
        // Without a place for it the consumer gets no link; the answer's names are still whole IRIs to it.
        if let Added::Id(id) = self.hosted.publish(user.consumer, &document).await? {
            self.compiled.documents_changed();
            published.url = Some(self.url_of(&id).into());
        }
        Ok(published)
    }

    async fn at_url(&self, url: &str, user: &ContextUser<'_>) -> Result<RequestContext, ContextFailure> {
        if let Some(version) = CoreVersion::of_url(url) {
            return Ok(RequestContext::at(Arc::clone(Context::core_of(version)), url));
        }
        if url.ends_with(OWN_CONTEXT_PATH) {
            return Ok(self.own.clone());
        }
        let builder = Context::builder().reference(url);
        let shown = |context| RequestContext::at(context, url);
        self.compiled(("url", url), builder, shown, user).await
    }

    async fn spelled_out(&self, member: &RawValue, user: &ContextUser<'_>) -> Result<RequestContext, ContextFailure> {
        // A key that is hashed costs less than parsing; the text is parsed only when it is new.
        let builder = || Context::builder().value(member.get()).map_err(ContextFailure::Invalid);
        let shown = |context| RequestContext {
            context,
            url: None,
            member: member.to_owned().into(),
            stale: false,
        };
        let named = ("member", member.get());
        if let Some(compiled) = self.ready(named, user) {
            return compiled.use_by(user);
        }
        self.compiled(named, builder()?, shown, user).await
    }

    /// What was compiled and holds now.
    fn ready(&self, named: (&str, &str), user: &ContextUser<'_>) -> Option<Arc<Compiled>> {
        let known = self.known(named, user)?;
        self.compiled.holds(&known).then_some(known)
    }

    /// What was compiled, for everybody or for this consumer.
    fn known(&self, named: (&str, &str), user: &ContextUser<'_>) -> Option<Arc<Compiled>> {
        let named = hash_of([named.0.as_bytes(), named.1.as_bytes()]);
        let own = || {
            self.compiled.get(&Key {
                named,
                owner: Some(user.consumer.clone()),
            })
        };
        self.compiled.get(&Key { named, owner: None }).or_else(own)
    }

    async fn compiled(
        &self,
        named: (&str, &str),
        builder: ContextBuilder,
        shown: impl FnOnce(Arc<Context>) -> RequestContext,
        user: &ContextUser<'_>,
    ) -> Result<RequestContext, ContextFailure> {
        if let Some(compiled) = self.ready(named, user) {
            return compiled.use_by(user);
        }
        let generation = self.compiled.generation();
        let (builder, found) = self.collect(builder, user).await?;
        let parts = found
            .iter()
            .flat_map(|found| [found.url.as_bytes(), found.place.as_bytes(), found.hash.as_slice()]);
        let fingerprint = hash_of([named.0.as_bytes(), named.1.as_bytes()].into_iter().chain(parts));
        let earlier = self
            .known(named, user)
            .filter(|earlier| earlier.fingerprint == fingerprint);
        let outcome = match earlier {
            Some(earlier) => earlier.outcome.clone(),
            // Compiling takes up to some tens of milliseconds: not on a thread that serves connections.
            None => user
                .resources
                .compute_elsewhere(async move { builder.build() })
                .await
                .map_err(ContextFailure::Exhausted)?
                .map(Arc::new)
                .map(shown),
        };
        let stale = found.iter().any(|found| found.stale);
        let now = Instant::now();
        let due = found.iter().map(|found| found.fresh_until).min();
        let compiled = Arc::new(Compiled {
            outcome: outcome.map(|context| RequestContext { stale, ..context }),
            fingerprint,
            // A stale copy is used for as long as the failure is remembered, then its origin is asked again.
            fresh_until: if stale {
                now + FAILURE
            } else {
                due.unwrap_or(now + UNCHANGING)
            },
            usages: found.iter().filter_map(|found| found.usage.clone()).collect(),
            generation,
            last: AtomicI64::new(Timestamp::now().as_millisecond()),
        });
        let owned = found.iter().any(|found| found.owned);
        let key = Key {
            named: hash_of([named.0.as_bytes(), named.1.as_bytes()]),
            owner: owned.then(|| user.consumer.clone()),
        };
        self.compiled.keep(&key, &compiled);
        compiled.use_by(user)
    }

    /// Adds the documents that a context refers to, and those that these refer to, until none is missing.
    async fn collect(
        &self,
        mut builder: ContextBuilder,
        user: &ContextUser<'_>,
    ) -> Result<(ContextBuilder, Vec<Found>), ContextFailure> {
        let mut all = Vec::new();
        loop {
            let missing = builder.missing();
            if missing.is_empty() {
                return Ok((builder, all));
            }
            if all.len() + missing.len() > MOST_DOCUMENTS {
                return Err(ContextFailure::Invalid(ContextError::TooManyContexts));
            }
            for found in join_all(missing.into_iter().map(|url| self.document(url, user))).await {
                let found = found?;
                builder = builder
                    .remote_at(&found.url, &found.place, &found.json)
                    .map_err(ContextFailure::Invalid)?;
                all.push(found);
            }
        }
    }

    async fn document(&self, url: String, user: &ContextUser<'_>) -> Result<Found, ContextFailure> {
        if let Some(id) = self.local_id(&url, user) {
            return self.stored(id.to_owned(), url, user).await;
        }
        if url.len() > MOST_URL_BYTES {
            let reason = Unavailability::NotAllowed;
            return Err(ContextFailure::Unavailable { url, reason });
        }
        match self.documents.get(&url, user.consumer, user.deadline).await {
            Ok(held) => Ok(Found {
                url,
                place: Arc::clone(&held.document.place),
                json: Arc::clone(&held.document.json),
                hash: held.document.hash,
                fresh_until: held.document.fresh_until,
                stale: held.stale,
                owned: false,
                usage: Some(Arc::clone(&held.document.usage)),
            }),
            Err(reason) => Err(ContextFailure::Unavailable { url, reason }),
        }
    }

    /// A context of this gateway: its own, or one of the consumer's.
    async fn stored(&self, id: String, url: String, user: &ContextUser<'_>) -> Result<Found, ContextFailure> {
        let (json, owned, usage): (Arc<str>, bool, _) = if id == OWN_CONTEXT_ID {
            (KAKEHASHI_CONTEXT.into(), false, None)
        } else {
            let found = match self.hosted.get(user.consumer, &id).await {
                Ok(None) => self.hosted.public(&id).await,
                found => found,
            };
            match found {
                // What others may use as well is compiled for each all the same: its owner may delete it.
                Ok(Some(hosted)) => (hosted.document, true, Some(self.hosted.usage(&id))),
                Ok(None) => {
                    let reason = Unavailability::NotHere;
                    return Err(ContextFailure::Unavailable { url, reason });
                }
                Err(error) if error.is_passing() => return Err(ContextFailure::Later),
                Err(error) => {
                    tracing::error!(error = %error, "a stored @context cannot be read");
                    return Err(ContextFailure::Internal);
                }
            }
        };
        Ok(Found {
            place: self.url_of(&id).into(),
            url,
            hash: hash_of([json.as_bytes()]),
            json,
            fresh_until: Instant::now() + UNCHANGING,
            stale: false,
            owned,
            usage,
        })
    }
}

impl Compiled {
    fn use_by(&self, user: &ContextUser<'_>) -> Result<RequestContext, ContextFailure> {
        self.record(user.consumer);
        self.outcome.clone().map_err(ContextFailure::Invalid)
    }
}

/// The address that a member `@context` consists of. An array with nothing but one address is the same context, so that
/// it needs no other address to be named by.
fn address_in(member: &RawValue) -> Option<String> {
    let text = member.get();
    serde_json::from_str::<String>(text)
        .or_else(|_| serde_json::from_str::<[String; 1]>(text).map(|[url]| url))
        .ok()
}

/// The SHA-256 of several texts, each with its length, so that no two lists of texts run together.
fn hash_of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}
