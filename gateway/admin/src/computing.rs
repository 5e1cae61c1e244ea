//! What is computed for administrators: of how large a body, in which place, on which thread, and how long. Whatever a
//! request of the admin API has computed goes through here.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Extension, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode};
use http_body::Body as _;
use kakehashi_config::{Administrator, AdministratorRole};
use kakehashi_http::edge::HeldBody;
use kakehashi_server::TooSlow;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::Administration;
use super::places::{Place, Purpose, again};
use super::problem::AdminProblem;
use super::revision::internal;

/// Largest body: all files of a revision of 2,000 tenants are a quarter of it.
pub(super) const MAX_BODY: usize = 64 * 1024 * 1024;

/// Largest body of a tenant's administrator, who sends one table and one policy file: what the longest boundary of an area
/// takes in it.
pub(super) const MAX_BODY_OF_TENANT: usize = 8 * 1024 * 1024;

/// How long a body may take to arrive, since it is waited for in a place.
const LONGEST_BODY: Duration = Duration::from_secs(60);

/// How long something may be computed: reading a proposal of 2,000 tenants, or comparing two, takes a few seconds.
const LONGEST: Duration = Duration::from_secs(30);

/// How much computing yields to the rest of the machine, as `nice` counts: it comes after what is computed for consumers.
const NICE: i32 = 12;

/// Where something is computed for a request: its place, taken until the last one who computes has ended.
#[derive(Debug, Clone)]
pub(super) struct Computing {
    /// Given back by the last that holds it.
    _place: Arc<Place>,
}

/// Lets a request through in its place. What changes the revision goes on in it when its caller goes away; whatever else is
/// computed does not.
pub(super) async fn bounded(
    State(admin): State<Administration>,
    Extension(administrator): Extension<Arc<Administrator>>,
    request: Request,
    next: Next,
) -> Response {
    let place = match admin.places.take(Purpose::Request, &administrator) {
        Ok(place) => place,
        Err(none) => return none.told(Purpose::Request).into_response(),
    };
    let response = match computes(&request) {
        Computes::Nothing => next.run(request).await,
        computes => match prepared(&admin, &administrator, request).await {
            Err(problem) => problem.into_response(),
            Ok(request) if computes == Computes::ForCaller => next.run(request).await,
            Ok(request) => match admin.gateway.tasks.revisions.spawn(next.run(request)) {
                Ok(applying) => applying.await.unwrap_or_else(|_| internal().into_response()),
                Err(_) => internal().into_response(),
            },
        },
    };
    response.map(|body| Body::new(HeldBody::new(body, place)))
}

/// What a request has computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Computes {
    /// It reads what is there.
    Nothing,
    /// What its caller alone waits for.
    ForCaller,
    /// A revision is checked, and may be put in place.
    Revision,
}

fn computes(request: &Request) -> Computes {
    let path = request.uri().path();
    match *request.method() {
        Method::GET | Method::HEAD if path.ends_with("/policy-tests") || path.ends_with("/who-can-see") => {
            Computes::ForCaller
        }
        Method::GET | Method::HEAD | Method::OPTIONS => Computes::Nothing,
        Method::POST if !path.ends_with("/rollback") => Computes::ForCaller,
        _ => Computes::Revision,
    }
}

/// The request in its place, with its whole body.
async fn prepared(
    admin: &Administration,
    administrator: &Administrator,
    request: Request,
) -> Result<Request, AdminProblem> {
    let place = admin.places.take(Purpose::Computing, administrator);
    let place = place.map_err(|none| none.told(Purpose::Computing))?;
    let most = match administrator.role {
        AdministratorRole::Tenant(_) => MAX_BODY_OF_TENANT,
        AdministratorRole::Operator | AdministratorRole::Auditor => MAX_BODY,
    };
    let (mut parts, body) = request.into_parts();
    let too_large = || {
        let detail = format!("the body is larger than {} MiB", most / (1024 * 1024));
        AdminProblem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    };
    if body.size_hint().lower() > most as u64 {
        return Err(too_large());
    }
    let read = tokio::time::timeout(LONGEST_BODY, to_bytes(body, most)).await;
    let too_slow = || AdminProblem::new(StatusCode::REQUEST_TIMEOUT, "the body arrived too slowly");
    let bytes = read.map_err(|_| too_slow())?.map_err(|error| {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        while let Some(error) = cause {
            if error.is::<http_body_util::LengthLimitError>() {
                return too_large();
            }
            cause = error.source();
        }
        match TooSlow::is_cause_of(&error) {
            true => too_slow(),
            false => AdminProblem::new(StatusCode::BAD_REQUEST, "the body could not be read"),
        }
    })?;
    parts.extensions.insert(Computing {
        _place: Arc::new(place),
    });
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

impl Computing {
    /// Has something computed on a thread of its own, behind everything that consumers wait for. It is told when nobody
    /// waits any more, because the caller has gone or its time is over.
    pub(super) async fn run<T, W>(&self, work: W) -> Result<T, AdminProblem>
    where
        T: Send + 'static,
        W: FnOnce(&CancellationToken) -> T + Send + 'static,
    {
        self.within(LONGEST, work).await
    }

    async fn within<T, W>(&self, longest: Duration, work: W) -> Result<T, AdminProblem>
    where
        T: Send + 'static,
        W: FnOnce(&CancellationToken) -> T + Send + 'static,
    {
        let asked = CancellationToken::new();
        let _gone = asked.clone().drop_guard();
        let (tell, told) = oneshot::channel();
        let (place, runtime) = (self.clone(), Handle::current());
        let computing = move || {
            kakehashi_resources::turns::yield_to_others(NICE);
            let _entered = runtime.enter();
            // What a panic says stands on standard error.
            let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| work(&asked)));
            // Whoever has the answer may ask the next question.
            drop(place);
            if let Ok(outcome) = outcome {
                let _ = tell.send(outcome);
            }
        };
        let thread = std::thread::Builder::new().name("judging".to_owned()).spawn(computing);
        if let Err(error) = thread {
            tracing::error!(%error, "the operating system gives no thread");
            let detail = "there is no thread to compute on; try again";
            return Err(again(StatusCode::SERVICE_UNAVAILABLE, detail));
        }
        match tokio::time::timeout(longest, told).await {
            Ok(told) => told.map_err(|_| internal()),
            Err(_) => Err(took_too_long()),
        }
    }
}

/// Of what was given up.
pub(super) fn took_too_long() -> AdminProblem {
    let detail = format!(
        "it takes longer than {} s to compute and was given up: ask for a smaller change, or try again when less is computed",
        LONGEST.as_secs()
    );
    again(StatusCode::SERVICE_UNAVAILABLE, &detail)
}

#[cfg(test)]
mod tests {
    use super::super::places::Places;
    use super::*;

    fn computing(places: &Places) -> Computing {
        let administrator = Administrator {
            id: "ops".into(),
            role: AdministratorRole::Operator,
        };
        Computing {
            _place: Arc::new(places.take(Purpose::Computing, &administrator).unwrap()),
        }
    }

    /// Computes until nobody waits, and tells of it.
    fn until_given_up(ended: oneshot::Sender<()>) -> impl FnOnce(&CancellationToken) {
        move |asked: &CancellationToken| {
            while !asked.is_cancelled() {
                std::thread::yield_now();
            }
            let _ = ended.send(());
        }
    }

    #[tokio::test]
    async fn what_is_computed_is_told_to_end_when_its_time_is_over_or_its_caller_gone() {
        let places = Places::default();
        let (ended, end) = oneshot::channel();
        let problem = computing(&places).within(Duration::ZERO, until_given_up(ended)).await;
        let response = problem.unwrap_err().into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(response.headers().contains_key(http::header::RETRY_AFTER));
        end.await.unwrap();

        let (ended, end) = oneshot::channel();
        let computing = computing(&places);
        let mut waiting = Box::pin(computing.run(until_given_up(ended)));
        assert!(futures::poll!(&mut waiting).is_pending());
        drop(waiting);
        end.await.unwrap();
    }

    #[tokio::test]
    async fn a_panic_costs_one_answer_and_gives_the_place_back() {
        let places = Places::default();
        let of_one = computing(&places);
        let broken: Result<(), _> = of_one.run(|_| panic!("a fault")).await;
        assert_eq!(
            broken.unwrap_err().into_response().status(),
            StatusCode::INTERNAL_SERVER_ERROR
        );
        assert_eq!(of_one.run(|_| 7).await.unwrap(), 7);
        assert_eq!(Arc::strong_count(&of_one._place), 1);
    }
}
