//! What the edge has found out about a request, for the operations.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, Uri, header};
use kakehashi_adapters::{Call, Freshness, Requests};
use kakehashi_config::Proof;
use kakehashi_contexts::{ContextUser, NamedContext, RequestContext};
use kakehashi_core::ClientNetwork;
use kakehashi_core::consumer::Consumer;
use kakehashi_core::names::TenantId;
use kakehashi_federation::gather;
use kakehashi_federation::plan::Asker;
use kakehashi_policy::Operation;
use kakehashi_resources::Resources;
use kakehashi_revision::Revision;
use kakehashi_running::Gateway;
use serde_json::value::RawValue;

use super::cache_control::is_no_cache;
use super::request_context;
use super::surroundings::Surroundings;
use crate::edge::{Caller, Deadline, Passed, PresentedToken, RequestId};
use crate::negotiate::{BodyMediaType, MediaType};
use crate::problem::{ErrorType, Problem};

/// One request, as the operations see it.
#[derive(Debug)]
pub(super) struct Scope {
    /// The revision that holds for the whole request.
    pub revision: Arc<Revision>,
    /// Who asks.
    pub caller: Caller,
    /// By what that is known.
    pub proof: Proof,
    /// The tenant whose sources are meant; `None`: the federation.
    pub tenant: Option<TenantId>,
    /// The URL.
    pub uri: Uri,
    /// The headers that are left after the edge.
    pub headers: HeaderMap,
    deadline: Deadline,
    /// Its id, for the log.
    pub id: RequestId,
    token: Option<PresentedToken>,
    /// What it may use of the process.
    pub resources: Resources,
    /// The address that asks.
    pub address: ClientNetwork,
}

impl FromRequestParts<Arc<Gateway>> for Scope {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Gateway>) -> Result<Self, Problem> {
        // Without a caller nobody has been authenticated: refuse rather than assume anything. What is left of the
        // request after this is its body.
        let passed = parts.extensions.remove::<Passed>();
        let Passed {
            revision,
            id,
            deadline,
            caller,
            proof,
            token,
            resources,
            address,
            tenant,
        } = passed.ok_or_else(|| Problem::new(ErrorType::InternalError, "the request did not pass the edge"))?;
        Ok(Self {
            revision,
            caller,
            proof,
            tenant,
            uri: std::mem::take(&mut parts.uri),
            headers: std::mem::take(&mut parts.headers),
            deadline,
            id,
            token,
            resources,
            address,
        })
    }
}

impl Scope {
    /// The @context of a GET or DELETE: the one that its Link header names, or the default (clause 6.3.5).
    ///
    /// # Errors
    /// 400 when the header is malformed, names several, or names one that NGSI-LD does not allow; 504 when it
    /// cannot be had.
    //= 5.5.7-4
    pub(super) async fn context(&self) -> Result<RequestContext, Problem> {
        self.resolve(request_context::for_get(&self.headers)?).await
    }

    /// The @context of a POST, PATCH or PUT. `member` is the member `@context` of the body, as it is written; of
    /// a batch, that of one of its entities.
    ///
    /// # Errors
    /// 400 when the header and the body mix what clause 6.3.5 keeps apart, else as [`Scope::context`].
    //= 5.5.7-4
    pub(super) async fn body_context(
        &self,
        media_type: BodyMediaType,
        member: Option<&RawValue>,
    ) -> Result<RequestContext, Problem> {
        self.resolve(request_context::for_body(&self.headers, media_type, member)?)
            .await
    }

    //= 5.5.7-3
    async fn resolve(&self, named: NamedContext<'_>) -> Result<RequestContext, Problem> {
        let contexts = &self.revision.contexts;
        contexts
            .resolve(named, &self.context_user())
            .await
            .map_err(Problem::from)
    }

    /// Who uses a context, and until when it is waited for.
    #[must_use]
    pub(super) fn context_user(&self) -> ContextUser<'_> {
        ContextUser {
            consumer: &self.caller.0.id,
            host: self.headers.get(header::HOST).and_then(|host| host.to_str().ok()),
            deadline: self.deadline.0,
            resources: &self.resources,
        }
    }

    /// What surrounds the parameters.
    #[must_use]
    pub(super) fn surroundings<'a>(&'a self, context: &'a RequestContext, media_type: MediaType) -> Surroundings<'a> {
        Surroundings {
            context: &context.context,
            media_type,
            tenant: self.tenant.as_ref(),
            largest_page: self.revision.config.gateway.limits.page,
            split_entities: self.revision.config.gateway.split_entities,
        }
    }

    /// Who asks for an operation, and by what rules.
    #[must_use]
    pub(super) fn asker(&self, operation: Operation) -> Asker<'_> {
        asker(&self.revision, &self.caller.0, operation)
    }

    /// What the sources are told about the request.
    #[must_use]
    pub(super) fn gathering(&self, gateway: &Gateway) -> gather::Request {
        let call = Call {
            deadline: self.deadline.0,
            traceparent: Some(Arc::clone(&self.id.traceparent)),
            consumer_token: self.token.as_ref().map(|token| Arc::clone(&token.0)),
            no_cache: is_no_cache(&self.headers),
            resources: self.resources.clone(),
            requests: Requests::at_most(self.revision.config.gateway.limits.requests),
            freshness: Freshness::of_request(),
        };
        gather::Request {
            call,
            metrics: Arc::clone(&gateway.metrics.sources),
            scan: self.revision.config.gateway.limits.scan,
            has_part_of_the_time: false,
        }
    }
}

/// Who asks for an operation, and by what rules.
pub(super) fn asker<'a>(revision: &'a Revision, consumer: &'a Arc<Consumer>, operation: Operation) -> Asker<'a> {
    Asker {
        consumer,
        operation,
        policies: &revision.config.policy,
        registry: &revision.registry,
        tenant_limits: &revision.tenant_limits,
        fan_out: revision.config.gateway.limits.fan_out,
        extensions: revision.config.gateway.extensions,
        known_lists: &revision.known_lists,
    }
}
