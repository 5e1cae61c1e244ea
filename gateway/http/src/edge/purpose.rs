//! What a request asks data for. CIM 009 knows no purposes; owners do (`@purpose`, `context.purpose`). A consumer may
//! state one of those that tenants.toml gives it. Any other is refused: nothing is assumed in its place.

use http::{HeaderMap, HeaderName};

use super::Caller;
use crate::problem::{ErrorType, Problem};

/// The header that states it.
const PURPOSE: HeaderName = HeaderName::from_static("kakehashi-purpose");

/// The caller with the purpose that the request states; `None`: it states none.
pub(super) fn stated(headers: &HeaderMap, caller: &Caller) -> Result<Option<Caller>, Problem> {
    let mut values = headers.get_all(&PURPOSE).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => value,
        (Some(_), Some(_)) => {
            let detail = "header `Kakehashi-Purpose`: is given twice; ask for one purpose at a time";
            return Err(Problem::new(ErrorType::InvalidRequest, detail));
        }
    };
    let named = value.to_str().ok().map(str::trim);
    let consumer = named.and_then(|named| caller.0.for_purpose(named));
    // The consumer's own text is not said back, nor what others may ask for.
    let refused = || {
        let detail = "header `Kakehashi-Purpose`: none of the purposes that you are registered with; \
                      ask the operator to add it";
        Problem::new(ErrorType::Forbidden, detail)
    };
    consumer.map(|consumer| Some(Caller(consumer))).ok_or_else(refused)
}
