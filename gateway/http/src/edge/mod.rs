//! What happens to every request before an operation sees it, and to every response after: one service, whose steps stand
//! in `answer` and `admit` in the order of the request. The edge knows consumers, tenants and limits; it
//! knows no entities.

pub mod authenticate;
pub mod client_address;
mod content_coding;
pub mod cors;
mod deadline;
mod entity_tag;
pub mod everybody;
mod held_body;
mod hygiene;
mod observe;
mod preconditions;
mod purpose;
mod rate_limit;
pub mod tenant;

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderValue, Method, StatusCode, header};
use http_body::Body as HttpBody;
use kakehashi_config::Proof;
use kakehashi_core::ClientNetwork;
use kakehashi_core::names::TenantId;
use kakehashi_messages::Language;
use kakehashi_resources::Resources;
use kakehashi_revision::Revision;
use kakehashi_running::Gateway;
use tower::Service;

use authenticate::Authenticated;
pub use authenticate::{Caller, PresentedToken};
use content_coding::Accepted;
pub use deadline::Deadline;
use entity_tag::Known;
use everybody::Anybody;
pub use held_body::HeldBody;
pub use observe::{RequestId, Route};

use crate::in_language;
use crate::problem::{ErrorType, Problem};
use client_address::client_address;
use cors::CrossOrigin;
use observe::Observed;

/// What the edge has found out about a request, for the operation: an extension of every request that has passed it.
#[derive(Debug, Clone)]
pub struct Passed {
    /// The revision that holds for the whole request.
    pub revision: Arc<Revision>,
    /// Its identity.
    pub id: RequestId,
    /// When the sources must have answered.
    pub deadline: Deadline,
    /// Who asks.
    pub caller: Caller,
    /// By what that is known.
    pub proof: Proof,
    /// The token that was presented.
    pub token: Option<PresentedToken>,
    /// What the request may use of the process.
    pub resources: Resources,
    /// The address that asks.
    pub address: ClientNetwork,
    /// `NGSILD-Tenant`, or the tenant that is meant without it (clause 4.14); `None`: the federation of all.
    pub tenant: Option<TenantId>,
}

/// The operations within the edge. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Edge(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    gateway: Arc<Gateway>,
    operations: Router,
    limited: bool,
}

impl Edge {
    /// Puts the operations within the edge. `limited` is false in measurements of what the limits cost, and nowhere
    /// else.
    #[must_use]
    pub fn around(gateway: &Arc<Gateway>, operations: Router, limited: bool) -> Self {
        Self(Arc::new(Inside {
            gateway: Arc::clone(gateway),
            operations,
            limited,
        }))
    }
}

impl Service<Request> for Edge {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let inside = Arc::clone(&self.0);
        Box::pin(async move { Ok(inside.answer(request).await) })
    }
}

impl Inside {
    /// Whatever becomes of a request, it has an id, is counted and is logged. One revision holds for all of it, and
    /// nothing that is done for it outlives its deadline.
    async fn answer(&self, mut request: Request) -> Response {
        let mut observed = Observed::begin(&mut request, &self.gateway);
        // HEAD is GET whose body does not leave (RFC 9110 section 9.3.2).
        let is_head = *request.method() == Method::HEAD;
        if is_head {
            *request.method_mut() = Method::GET;
        }
        let language = in_language::asked_for(&request);
        let is_safe = request.method().is_safe() || request.uri().path().ends_with("/entityOperations/query");
        let revision = self.gateway.revision();
        let deadline = Deadline::begin(&revision.config);
        let pages = CrossOrigin::of(&request, &revision);
        let steps = self.admit(request, revision, &pages, &observed.id, deadline, &mut observed.caller);
        // A panic below is a fault of ours; it must cost this request alone.
        let steps = AssertUnwindSafe(steps).catch_unwind();
        let mut response = match tokio::time::timeout_at(deadline.of_the_answer().into(), steps).await {
            Ok(Ok(Ok(response) | Err(response))) => response,
            Ok(Err(_)) => answer_panic(),
            Err(_) => {
                let detail = match is_safe {
                    true => "the request took longer than its deadline; ask for less",
                    false => {
                        "the request took longer than its deadline; some of it may have been done: look before you send it again, \
                         and send less at once"
                    }
                };
                Problem::new(ErrorType::Timeout, detail).into_response()
            }
        };
        // Of what was refused before anything asked in which form it is wanted.
        in_language::tell(language, &mut response);
        // Whatever was answered, a page that may know it can read it.
        pages.tell(observed.caller.as_ref(), &mut response);
        if is_head {
            drop_body(&mut response);
        }
        observed.end(&mut response);
        response
    }

    /// From the wire to the operation. The error is the answer to a request that does not get there.
    async fn admit(
        &self,
        mut request: Request,
        revision: Arc<Revision>,
        pages: &CrossOrigin,
        id: &RequestId,
        deadline: Deadline,
        found: &mut Option<Caller>,
    ) -> Result<Response, Response> {
        let (gateway, config) = (&*self.gateway, &revision.config);
        // Before anything reads a header or the path: one canonical path, no header that claims an identity.
        hygiene::clean(&mut request, config).map_err(IntoResponse::into_response)?;
        // A browser asks before it shows a credential. That it is told costs less than to refuse it: what bounds it is what
        // bounds connections of an address, and no limit of consumers.
        if let Some(response) = pages.answer_preflight(config) {
            return Ok(response);
        }
        let address = client_address(&request, &config.gateway);
        let form = Form::asked_for_by(&request);
        if everybody::is_asked_for(&request) && authenticate::is_nobody(&request, config) {
            authenticate::count_unknown(gateway, address).map_err(IntoResponse::into_response)?;
            request.extensions_mut().insert(Anybody(Arc::clone(&revision)));
            let Ok(response) = self.operations.clone().call(request).await;
            let resources = Resources::uncounted(deadline.of_the_answer());
            return Ok(form.give(response, "", &resources).await);
        }
        // Who asks decides all that follows.
        let authenticated = authenticate::authenticate(gateway, config, &mut request, address).await;
        let Authenticated { caller, proof, token } = authenticated.map_err(IntoResponse::into_response)?;
        *found = Some(caller.clone());
        // After the caller is known, before a tenant is looked up: guessing tenants costs tokens.
        let admitted = match self.limited {
            true => Some(rate_limit::admit(gateway, &caller.0, address).map_err(|refusal| *refusal)?),
            false => None,
        };
        // After the consumer's own limits, so that who is over them is told so.
        let resources = match self.limited {
            true => {
                let admitted = gateway.admission.admit(&caller.0, address, deadline.of_the_answer());
                admitted.map_err(|_| Problem::busy().into_response())?
            }
            false => Resources::uncounted(deadline.of_the_answer()),
        };
        let passed = Passed {
            revision,
            id: id.clone(),
            deadline,
            caller,
            proof,
            token,
            resources: resources.clone(),
            address,
            tenant: None,
        };
        let consumer = passed.caller.0.id.clone();
        let response = self.operate(request, pages, passed, found).await;
        let response = response.unwrap_or_else(|refusal| refusal);
        let response = form.give(response, consumer.as_str(), &resources).await;
        Ok(match admitted {
            Some(admitted) => rate_limit::held_by(admitted, response, resources),
            None => response,
        })
    }

    /// From which page, what for, what holds whatever the request is about, then the tenant, then the operation.
    //= 5.5.10-2, 5.5.10-3, 6.3.14-1
    async fn operate(
        &self,
        mut request: Request,
        pages: &CrossOrigin,
        mut passed: Passed,
        found: &mut Option<Caller>,
    ) -> Result<Response, Response> {
        pages.check_write(&passed.caller).map_err(|problem| {
            self.gateway.metrics.record_refusal("origin");
            problem.into_response()
        })?;
        // Part of who asks; after the limits, so that guessing purposes costs tokens, too.
        let stated = purpose::stated(request.headers(), &passed.caller).map_err(IntoResponse::into_response)?;
        if let Some(caller) = stated {
            passed.caller = caller.clone();
            *found = Some(caller);
        }
        preconditions::check(&request).map_err(IntoResponse::into_response)?;
        let named: Option<HeaderValue> = tenant::named(request.headers()).map_err(IntoResponse::into_response)?;
        let looked_up = named
            .as_ref()
            .map(|named| tenant::look_up(&passed.revision, &passed.caller, named));
        let mut response = match looked_up.transpose() {
            Ok(tenant) => {
                // Not looked up: the default tenant always exists, for everybody (clause 4.14).
                passed.tenant = tenant.or_else(|| passed.revision.config.gateway.without_tenant.clone());
                request.extensions_mut().insert(passed);
                let Ok(response) = self.operations.clone().call(request).await;
                response
            }
            Err(problem) => problem.into_response(),
        };
        if let Some(named) = named {
            response.headers_mut().insert(tenant::TENANT, named);
        }
        Ok(response)
    }
}

/// In which form an answer is asked for.
struct Form {
    language: Language,
    known: Known,
    codings: Option<Accepted>,
}

impl Form {
    fn asked_for_by(request: &Request) -> Self {
        Self {
            language: in_language::asked_for(request),
            known: Known::of(request),
            codings: Accepted::by(request),
        }
    }

    /// The answer in that form: in its language, with its tag, coded, or that it is the one that the consumer has.
    async fn give(self, mut response: Response, consumer: &str, resources: &Resources) -> Response {
        in_language::tell(self.language, &mut response);
        let (mut response, digest) = self.known.digest(response, consumer, resources).await;
        if let Some(codings) = self.codings {
            // Rare, and large: it has no room in what every answer takes.
            response = Box::pin(codings.code(response, resources)).await;
        }
        self.known.judge(response, digest)
    }
}

/// What HEAD is answered with: how long the body would be, where that is known (RFC 9110 section 8.6), and no body.
fn drop_body(response: &mut Response) {
    let length = HttpBody::size_hint(response.body()).exact();
    *response.body_mut() = Body::empty();
    let is_without = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&response.status());
    if let (Some(length), false) = (length, is_without) {
        response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    }
}

/// What a consumer is told when the gateway fails it.
//= 5.5.6-1
fn answer_panic() -> Response {
    tracing::error!("a request ended in a panic");
    let detail = "a fault of the gateway; the operator finds it by the request id";
    Problem::new(ErrorType::InternalError, detail).into_response()
}
