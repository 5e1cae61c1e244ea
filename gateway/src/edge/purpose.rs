//! What a request asks data for. CIM 009 knows no purposes; owners do (`@purpose`, `context.purpose`). A consumer may
//! state one of those that tenants.toml gives it. Any other is refused: nothing is assumed in its place.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::HeaderName;

use super::Caller;
use crate::api::problem::{ErrorType, Problem};

/// The header that states it.
const PURPOSE: HeaderName = HeaderName::from_static("kakehashi-purpose");

/// Makes the caller one that asks for the stated purpose.
pub(super) async fn purpose(mut request: Request, next: Next) -> Response {
    let caller = match stated(&request) {
        Ok(None) => return next.run(request).await,
        Ok(Some(caller)) => caller,
        Err(problem) => return problem.into_response(),
    };
    request.extensions_mut().insert(caller.clone());
    let mut response = next.run(request).await;
    // For the log.
    response.extensions_mut().insert(caller);
    response
}

/// The caller with its purpose; `None`: it states none.
fn stated(request: &Request) -> Result<Option<Caller>, Problem> {
    let mut values = request.headers().get_all(&PURPOSE).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => value,
        (Some(_), Some(_)) => {
            let detail = "header `Kakehashi-Purpose`: is given twice; ask for one purpose at a time";
            return Err(Problem::new(ErrorType::InvalidRequest, detail));
        }
    };
    let caller = request.extensions().get::<Caller>();
    let named = value.to_str().ok().map(str::trim);
    let consumer = named
        .zip(caller)
        .and_then(|(named, caller)| caller.0.for_purpose(named));
    // The consumer's own text is not said back, nor what others may ask for.
    let refused = || {
        let detail = "header `Kakehashi-Purpose`: none of the purposes that you are registered with; \
                      ask the operator to add it";
        Problem::new(ErrorType::Forbidden, detail)
    };
    consumer.map(|consumer| Some(Caller(consumer))).ok_or_else(refused)
}
