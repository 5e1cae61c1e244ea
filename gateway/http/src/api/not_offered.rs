//! The operations of CIM 009 clause 6 that this version does not offer (Table 6.2-1). What holds for every operation
//! holds for them: media types, parameters, JSON and the @context are looked at in the usual order. Then the answer is
//! 422 OperationNotSupported, which names the operation.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::routing::{MethodFilter, on};
use http::Method;
use kakehashi_running::Gateway;

use super::parameters::Parameters;
use super::request_body::{RequestBody, check_is_json};
use super::scope::Scope;
use crate::negotiate::MediaType;
use crate::problem::{ErrorType, Problem};

/// The root of the API.
const ROOT: &str = "/ngsi-ld/v1";

/// An operation, as CIM 009 names it.
struct Operation {
    path: &'static str,
    method: Method,
    name: &'static str,
    /// Whether it answers with data, so that `Accept` counts (clause 6.3.4).
    reads: bool,
}

const fn reading(path: &'static str, method: Method, name: &'static str) -> Operation {
    Operation {
        path,
        method,
        name,
        reads: true,
    }
}

const fn changing(path: &'static str, method: Method, name: &'static str) -> Operation {
    Operation {
        path,
        method,
        name,
        reads: false,
    }
}

/// Table 6.2-1, without what [`super::operations`] offers.
static OPERATIONS: &[Operation] = &[
    changing("/entities", Method::DELETE, "Purge Entities"),
    changing("/entities/{entityId}", Method::PATCH, "Merge Entity"),
    changing("/entities/{entityId}", Method::PUT, "Replace Entity"),
    changing("/entities/{entityId}/attrs", Method::POST, "Append Attributes"),
    changing("/entities/{entityId}/attrs", Method::PATCH, "Update Attributes"),
    changing(
        "/entities/{entityId}/attrs/{attrId}",
        Method::PATCH,
        "Partial Attribute Update",
    ),
    changing(
        "/entities/{entityId}/attrs/{attrId}",
        Method::DELETE,
        "Delete Attribute",
    ),
    changing("/entities/{entityId}/attrs/{attrId}", Method::PUT, "Replace Attribute"),
    reading(
        "/types/{type}",
        Method::GET,
        "Retrieve Available Entity Type Information",
    ),
    reading("/attributes", Method::GET, "Retrieve Available Attributes"),
    reading(
        "/attributes/{attrId}",
        Method::GET,
        "Retrieve Available Attribute Information",
    ),
    changing("/csourceRegistrations", Method::POST, "Register Context Source"),
    reading(
        "/csourceRegistrations",
        Method::GET,
        "Query Context Source Registrations",
    ),
    reading(
        "/csourceRegistrations/{registrationId}",
        Method::GET,
        "Retrieve Context Source Registration",
    ),
    changing(
        "/csourceRegistrations/{registrationId}",
        Method::PATCH,
        "Update Context Source Registration",
    ),
    changing(
        "/csourceRegistrations/{registrationId}",
        Method::DELETE,
        "Delete Context Source Registration",
    ),
    changing(
        "/csourceSubscriptions",
        Method::POST,
        "Create Context Source Registration Subscription",
    ),
    reading(
        "/csourceSubscriptions",
        Method::GET,
        "Query Context Source Registration Subscriptions",
    ),
    reading(
        "/csourceSubscriptions/{subscriptionId}",
        Method::GET,
        "Retrieve Context Source Registration Subscription",
    ),
    changing(
        "/csourceSubscriptions/{subscriptionId}",
        Method::PATCH,
        "Update Context Source Registration Subscription",
    ),
    changing(
        "/csourceSubscriptions/{subscriptionId}",
        Method::DELETE,
        "Delete Context Source Registration Subscription",
    ),
    changing("/entityOperations/update", Method::POST, "Batch Entity Update"),
    changing("/entityOperations/merge", Method::POST, "Batch Entity Merge"),
    changing(
        "/temporal/entities",
        Method::POST,
        "Create or Update Temporal Evolution of an Entity",
    ),
    reading(
        "/temporal/entities",
        Method::GET,
        "Query Temporal Evolution of Entities",
    ),
    reading(
        "/temporal/entities/{entityId}",
        Method::GET,
        "Retrieve Temporal Evolution of an Entity",
    ),
    changing(
        "/temporal/entities/{entityId}",
        Method::DELETE,
        "Delete Temporal Evolution of an Entity",
    ),
    changing(
        "/temporal/entities/{entityId}/attrs",
        Method::POST,
        "Add Attributes to Temporal Evolution of an Entity",
    ),
    changing(
        "/temporal/entities/{entityId}/attrs/{attrId}",
        Method::DELETE,
        "Delete Attribute from Temporal Evolution of an Entity",
    ),
    changing(
        "/temporal/entities/{entityId}/attrs/{attrId}/{instanceId}",
        Method::PATCH,
        "Modify Attribute Instance in Temporal Evolution of an Entity",
    ),
    changing(
        "/temporal/entities/{entityId}/attrs/{attrId}/{instanceId}",
        Method::DELETE,
        "Delete Attribute Instance from Temporal Evolution of an Entity",
    ),
    reading(
        "/temporal/entityOperations/query",
        Method::POST,
        "Query Temporal Evolution of Entities by POST",
    ),
    reading(
        "/temporal/entityMaps",
        Method::GET,
        "Create EntityMap for Query Temporal Evolution",
    ),
    reading(
        "/temporal/entityMaps",
        Method::POST,
        "Create EntityMap for Query Temporal Evolution by POST",
    ),
    reading("/entityMaps", Method::GET, "Create EntityMap for Query Entities"),
    reading(
        "/entityMaps",
        Method::POST,
        "Create EntityMap for Query Entities by POST",
    ),
    reading("/entityMaps/{entityMapId}", Method::GET, "Retrieve EntityMap"),
    changing("/entityMaps/{entityMapId}", Method::PATCH, "Update EntityMap"),
    changing("/entityMaps/{entityMapId}", Method::DELETE, "Delete EntityMap"),
    reading(
        "/info/sourceIdentity",
        Method::GET,
        "Retrieve Context Source Identity Information",
    ),
    changing("/snapshots", Method::POST, "Create Snapshot"),
    changing("/snapshots", Method::DELETE, "Purge Snapshots"),
    reading("/snapshots/{snapshotId}", Method::GET, "Retrieve Snapshot Status"),
    changing("/snapshots/{snapshotId}", Method::PATCH, "Update Snapshot Status"),
    changing("/snapshots/{snapshotId}", Method::DELETE, "Delete Snapshot"),
    changing("/snapshots/{snapshotId}/clone", Method::POST, "Clone Snapshot"),
];

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

/// Adds the operations to those that are offered.
pub(super) fn add_to(router: Router<Arc<Gateway>>) -> Router<Arc<Gateway>> {
    OPERATIONS.iter().fold(router, |router, operation| {
        let Ok(method) = MethodFilter::try_from(operation.method.clone()) else {
            return router;
        };
        let answer = move |scope: Scope, body: Body| refuse(operation, scope, body);
        router.route(&format!("{ROOT}{}", operation.path), on(method, answer))
    })
}

/// Looks at what every operation looks at, and refuses.
async fn refuse(operation: &'static Operation, scope: Scope, body: Body) -> Problem {
    match check(operation, &scope, body).await {
        Err(problem) => problem,
        Ok(()) => {
            let detail = format!("the operation `{}` is not offered by this version", operation.name);
            Problem::new(ErrorType::OperationNotSupported, detail)
        }
    }
}

async fn check(operation: &Operation, scope: &Scope, body: Body) -> Result<(), Problem> {
    if operation.reads {
        MediaType::negotiate(&scope.headers, false)?;
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
