//! What the edge has found out about a request, for the operations.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, Uri};
use kakehashi_adapters::Call;

use serde_json::value::RawValue;

use super::negotiate::{BodyMediaType, MediaType, RequestContext};
use super::problem::{ErrorType, Problem};
use super::question::Surroundings;
use crate::config::TenantId;
use crate::edge::{Caller, Deadline, RequestId, RequestedTenant};
use crate::federation::gather;
use crate::federation::plan::Asker;
use crate::policy::Operation;
use crate::{Gateway, Revision};

/// One request, as the operations see it.
#[derive(Debug)]
pub(super) struct Scope {
    /// The revision that holds for the whole request.
    pub revision: Arc<Revision>,
    /// Who asks.
    pub caller: Caller,
    /// The tenant whose sources are meant; `None`: the federation.
    pub tenant: Option<TenantId>,
    /// The URL.
    pub uri: Uri,
    /// The headers that are left after the edge.
    pub headers: HeaderMap,
    deadline: Deadline,
    id: RequestId,
}

impl FromRequestParts<Arc<Gateway>> for Scope {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, gateway: &Arc<Gateway>) -> Result<Self, Problem> {
        let missing = || Problem::new(ErrorType::InternalError, "the request did not pass the edge");
        let extensions = &parts.extensions;
        // Without a caller nobody has been authenticated: refuse rather than assume anything.
        let caller = extensions.get::<Caller>().cloned().ok_or_else(missing)?;
        let deadline = extensions.get::<Deadline>().copied().ok_or_else(missing)?;
        let id = extensions.get::<RequestId>().cloned().ok_or_else(missing)?;
        let tenant = extensions.get::<RequestedTenant>().cloned().ok_or_else(missing)?;
        let revision = extensions
            .get::<Arc<Revision>>()
            .cloned()
            .unwrap_or_else(|| gateway.revision());
        Ok(Self {
            revision,
            caller,
            tenant: tenant.0,
            uri: parts.uri.clone(),
            headers: parts.headers.clone(),
            deadline,
            id,
        })
    }
}

impl Scope {
    /// The @context that the request names, or the default.
    ///
    /// # Errors
    /// As [`super::negotiate::KnownContexts::of_request`].
    pub(super) fn context(&self) -> Result<RequestContext, Problem> {
        self.revision.contexts.of_request(&self.headers)
    }

    /// The @context of a POST, PATCH or PUT. `member` is the member `@context` of the body, as it is written; of
    /// a batch, that of one of its entities.
    ///
    /// # Errors
    /// 400 when the header and the body mix what clause 6.3.5 keeps apart, else as [`Scope::context`].
    pub(super) async fn body_context(
        &self,
        media_type: BodyMediaType,
        member: Option<&RawValue>,
    ) -> Result<RequestContext, Problem> {
        let bad = |detail: String| Problem::new(ErrorType::BadRequestData, detail);
        match (media_type, member) {
            (BodyMediaType::Json, None) => self.context(),
            (BodyMediaType::Json, Some(_)) => Err(bad("member `@context`: name the context in the Link header".into())),
            (BodyMediaType::JsonLd, None) => Err(bad("member `@context`: missing".into())),
            (BodyMediaType::JsonLd, Some(member)) => {
                let context = ngsi_ld::context::Context::builder()
                    .value(member.get())
                    .and_then(ngsi_ld::context::ContextBuilder::build)
                    .map_err(|error| match error {
                        ngsi_ld::context::ContextError::Unavailable(url) => {
                            Problem::new(ErrorType::LdContextNotAvailable, url)
                        }
                        error => bad(format!("the @context: {error}")),
                    })?;
                let mut named = RequestContext::core();
                named.context = Arc::new(context);
                Ok(named)
            }
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
        }
    }

    /// Who asks for an operation, and by what rules.
    #[must_use]
    pub(super) fn asker(&self, operation: Operation) -> Asker<'_> {
        Asker {
            consumer: &self.caller.0,
            operation,
            policies: &self.revision.config.policy,
            registry: &self.revision.registry,
            tenant_limits: &self.revision.tenant_limits,
            fan_out: self.revision.config.gateway.limits.fan_out,
        }
    }

    /// What the sources are told about the request.
    #[must_use]
    pub(super) fn gathering(&self, gateway: &Gateway) -> gather::Request {
        let call = Call {
            deadline: self.deadline.0,
            traceparent: Some(Arc::clone(&self.id.traceparent)),
        };
        gather::Request {
            call,
            metrics: Arc::clone(&gateway.metrics.sources),
        }
    }
}
