//! The operations of CIM 009 clause 6 that this version does not offer (Table 6.2-1). What holds for every operation
//! holds for them: media types, parameters, JSON and the @context are looked at in the usual order. Then the answer is
//! 422 OperationNotSupported, which names the operation.

use axum::body::Body;
use http::Method;

use super::operation::NotOffered;
use super::parameters::Parameters;
use super::request_body::{RequestBody, check_is_json};
use super::scope::Scope;
use crate::negotiate::MediaType;
use crate::problem::{ErrorType, Problem};

/// Every URL parameter of clause 6. Which of them belongs to which operation is not looked at, since none is carried
/// out; a name that no operation knows is a mistake all the same (clause 6.3.20).
const PARAMETERS: &[&str] = &[
    "type",
    "id",
    "idPattern",
    "attrs",
    "pick",
    "omit",
    "keep",
    "drop",
    "q",
    "scopeQ",
    "csf",
    "geoQ",
    "georel",
    "geometry",
    "coordinates",
    "geoproperty",
    "geometryProperty",
    "timerel",
    "timeAt",
    "endTimeAt",
    "timeproperty",
    "lastN",
    "aggrMethods",
    "aggrPeriodDuration",
    "lang",
    "datasetId",
    "deleteAll",
    "observedAt",
    "details",
    "options",
    "format",
    "limit",
    "offset",
    "count",
    "local",
    "via",
    "join",
    "joinLevel",
    "containedBy",
    "collation",
    "orderBy",
    "orderFrom",
    "orderGeometry",
    "expandValues",
    "jsonKeys",
    "entityMap",
    "entityMapLifetime",
    "splitEntities",
];

/// Whole results of queries that are stored (clause 5.16). Why there are none: `docs/decisions/snapshots-are-not-kept.md`.
const SNAPSHOTS: &str = "/ngsi-ld/v1/snapshots";

/// Looks at what every operation looks at, and refuses.
//= 5.5.6-2
pub(super) async fn refuse(operation: &'static NotOffered, scope: Scope, body: Body) -> Problem {
    check(operation, &scope, body)
        .await
        .err()
        .unwrap_or_else(|| problem(operation))
}

/// What a consumer is told of it.
pub(super) fn problem(operation: &NotOffered) -> Problem {
    let name = operation.name;
    let detail = match operation.path.starts_with(SNAPSHOTS) {
        true => format!(
            "the operation `{name}` is not offered: snapshots are whole results of queries that are stored, and this gateway keeps no \
             data of its sources; to walk through the same entities for a while, make an entity map (`entityMap=true`)"
        ),
        false => format!("the operation `{name}` is not offered by this version"),
    };
    Problem::new(ErrorType::OperationNotSupported, detail)
}

async fn check(operation: &NotOffered, scope: &Scope, body: Body) -> Result<(), Problem> {
    if operation.reads {
        MediaType::negotiate(&scope.headers, MediaType::JSON_AND_JSON_LD)?;
    }
    Parameters::parse(scope.uri.query(), PARAMETERS, &[])?;
    if !matches!(operation.method, Method::POST | Method::PATCH | Method::PUT) {
        return scope.context().await.map(drop);
    }
    let body = RequestBody::read(&operation.method, body, scope).await?;
    let text = body.bytes().clone();
    let checking = async move { check_is_json(&text) };
    scope.resources.compute_over(body.bytes().len(), checking).await??;
    if body.bytes().trim_ascii_start().starts_with(b"[") {
        // Each element of a batch has an @context of its own, of which it alone would be told.
        return body.check_link(scope);
    }
    body.context(scope).await.map(drop)
}
