//! A request as somebody writes it down, to be explained. The list of operations says which one it is, and that operation
//! reads it by the code that reads requests over the wire.

use std::borrow::Cow;

use kakehashi_core::names::TenantId;
use ngsi_ld::context::Context;
use percent_encoding::percent_decode_str;

use super::command::{Command, Written};
use super::not_offered;
use super::operation::matches;
use super::operations::{Listed, OPERATIONS, offered};
use super::question::not_utf8;
use super::surroundings::Surroundings;
use crate::negotiate::MediaType;
use crate::problem::{ErrorType, Problem};

/// Where the API begins.
const BASE: &str = "/ngsi-ld/v1/";

/// A request as it is written down.
#[derive(Debug, Clone, Copy)]
pub struct WrittenRequest<'a> {
    /// `GET`, `POST`, `DELETE`.
    pub method: &'a str,
    /// Path and query, or a whole URL. Other characters than those of a URL may stand in it as they are.
    pub target: &'a str,
    /// The body; `None`: it is not known.
    pub body: Option<&'a [u8]>,
    /// `NGSILD-Tenant`
    pub tenant: Option<&'a TenantId>,
    /// What its names stand for.
    pub context: &'a Context,
    /// The largest `limit`.
    pub largest_page: usize,
    /// `splitEntities`, where it does not say it.
    pub split_entities: bool,
}

/// Reads a request.
///
/// # Errors
/// The problem that the consumer would be told, or that the request is none that can be explained.
pub fn read(request: &WrittenRequest<'_>) -> Result<Command, Problem> {
    let (path, query) = path_and_query(request.target);
    let method = request.method.to_ascii_uppercase();
    let resource = path.strip_prefix(BASE).unwrap_or(path).trim_matches('/');
    let canonical = format!("{BASE}{resource}");
    for listed in OPERATIONS {
        match listed {
            Listed::Offered(operation) if operation.method == *method => {
                let (Some(variable), Some(explained)) = (matches(operation.path, &canonical), operation.explained)
                else {
                    continue;
                };
                let id = variable.map(decoded).transpose()?.unwrap_or_default();
                return explained(&Written {
                    query,
                    id: &id,
                    body: request.body,
                    around: Surroundings {
                        context: request.context,
                        media_type: MediaType::Json,
                        tenant: request.tenant,
                        largest_page: request.largest_page,
                        split_entities: request.split_entities,
                    },
                });
            }
            Listed::NotOffered(operation)
                if operation.method == *method && matches(operation.path, &canonical).is_some() =>
            {
                return Err(not_offered::problem(operation));
            }
            _ => {}
        }
    }
    let explained: Vec<String> = offered()
        .filter(|operation| operation.explained.is_some())
        .map(|operation| format!("{} {}", operation.method, operation.path))
        .collect();
    let detail = format!(
        "{method} {path} cannot be explained: what can is {}",
        explained.join(", ")
    );
    Err(Problem::new(ErrorType::OperationNotSupported, detail))
}

/// Path and query of a target that may be a whole URL.
fn path_and_query(target: &str) -> (&str, Option<&str>) {
    let target = match target.split_once("://") {
        Some(("http" | "https", rest)) => rest.find('/').and_then(|start| rest.get(start..)).unwrap_or("/"),
        _ => target,
    };
    match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    }
}

fn decoded(segment: &str) -> Result<Cow<'_, str>, Problem> {
    percent_decode_str(segment).decode_utf8().map_err(|_| not_utf8())
}

#[cfg(test)]
mod tests {
    use kakehashi_policy::Operation;

    use super::*;

    fn read_one(method: &str, target: &str) -> Result<Command, Problem> {
        read(&WrittenRequest {
            method,
            target,
            body: None,
            tenant: None,
            context: Context::kakehashi(),
            largest_page: 1000,
            split_entities: false,
        })
    }

    #[test]
    fn requests_are_what_the_routes_make_of_them() {
        for (method, target, operation) in [
            ("GET", "/ngsi-ld/v1/entities?type=AED", Operation::QueryEntity),
            (
                "get",
                "https://a.jp/ngsi-ld/v1/entities/?type=AED",
                Operation::QueryEntity,
            ),
            ("GET", "entities?type=AED", Operation::QueryEntity),
            ("GET", "/ngsi-ld/v1/entities/urn:x:1", Operation::RetrieveEntity),
            (
                "GET",
                "/ngsi-ld/v1/entities/https%3A%2F%2Fa%2Fb",
                Operation::RetrieveEntity,
            ),
            ("GET", "/ngsi-ld/v1/types", Operation::RetrieveEntityTypes),
            (
                "GET",
                "/ngsi-ld/v1/types?details=true",
                Operation::RetrieveEntityTypeDetails,
            ),
            ("GET", "/ngsi-ld/v1/types/AED", Operation::RetrieveEntityTypeInfo),
            ("GET", "attributes", Operation::RetrieveAttrTypes),
            ("GET", "attributes?details=true", Operation::RetrieveAttrTypeDetails),
            ("GET", "/ngsi-ld/v1/attributes/name", Operation::RetrieveAttrTypeInfo),
            ("POST", "/ngsi-ld/v1/entities", Operation::CreateEntity),
            ("POST", "/ngsi-ld/v1/entityOperations/upsert", Operation::UpsertBatch),
            (
                "DELETE",
                "/ngsi-ld/v1/entities/urn:x:1?type=AED",
                Operation::DeleteEntity,
            ),
        ] {
            let asked = read_one(method, target).unwrap_or_else(|problem| panic!("{target}: {}", problem.detail));
            assert_eq!(asked.operation(), operation, "{target}");
        }
    }

    #[test]
    fn a_query_by_post_is_the_query_of_its_body() {
        let read_body = |body: Option<&str>| {
            read(&WrittenRequest {
                method: "POST",
                target: "/ngsi-ld/v1/entityOperations/query?limit=3",
                body: body.map(str::as_bytes),
                tenant: None,
                context: Context::kakehashi(),
                largest_page: 1000,
                split_entities: false,
            })
        };
        let posted = read_body(Some(
            r#"{"type": "Query", "entities": [{"type": "AED"}], "q": "remarks", "attrs": ["name"]}"#,
        ));
        let got = read_one("GET", "entities?type=AED&q=remarks&attrs=name&limit=3");
        let (Ok(Command::Query { question, page, .. }), Ok(Command::Query { question: same, .. })) = (posted, got)
        else {
            panic!("no query");
        };
        assert_eq!((question.query, question.shown), (same.query, same.shown));
        assert_eq!(page.limit, 3);
        assert!(read_body(None).unwrap_err().detail.contains("the body"));
    }

    #[test]
    fn what_the_consumer_would_be_told_is_told() {
        let told = |method, target| read_one(method, target).unwrap_err().detail;
        assert!(told("GET", "/ngsi-ld/v1/entities").contains("too wide"));
        assert!(told("GET", "/ngsi-ld/v1/entities?typ=AED").contains("did you mean `type`?"));
        assert!(told("GET", "/ngsi-ld/v1/entities?type=AED&q=a==").contains("parameter `q`"));
        assert!(told("PUT", "/ngsi-ld/v1/entities").contains("cannot be explained"));
        assert!(told("GET", "/ngsi-ld/v1/subscriptions").contains("cannot be explained"));
        assert!(told("GET", "/ngsi-ld/v1/entities/a/b").contains("cannot be explained"));
        assert!(told("GET", "/ngsi-ld/v1/attributes/createdAt").contains("no entity with that attribute"));
        assert!(told("DELETE", "/ngsi-ld/v1/entities").contains("too wide"));
        assert!(told("DELETE", "/ngsi-ld/v1/entities?type=AED&keep=name&drop=name").contains("at once"));
        assert!(told("POST", "/ngsi-ld/v1/csourceRegistrations").contains("is not offered"));
        assert!(told("POST", "/ngsi-ld/v1/entities?via=true").contains("parameter `via`"));
        assert!(told("POST", "/ngsi-ld/v1/entityOperations/upsert?options=merge").contains("`replace` or `update`"));
        assert!(told("PATCH", "/ngsi-ld/v1/entities/urn:a:1?observedAt=2026").contains("parameter `observedAt`"));
        assert!(told("POST", "/ngsi-ld/v1/entities/urn:a:1/attrs?options=append").contains("`noOverwrite`"));
        assert!(told("POST", "/ngsi-ld/v1/entityOperations/delete?type=AED").contains("unknown parameter `type`"));
    }

    #[test]
    fn of_a_batch_each_entity_is_read_by_itself() {
        let read_body = |body: &str| {
            read(&WrittenRequest {
                method: "POST",
                target: "/ngsi-ld/v1/entityOperations/create",
                body: Some(body.as_bytes()),
                tenant: None,
                context: Context::kakehashi(),
                largest_page: 1000,
                split_entities: false,
            })
        };
        let batch = r#"[{"id": "urn:a:1", "type": "AED"}, {"id": "urn:a:2", "type": "AED", "name": {"type": "None"}}]"#;
        let Ok(Command::Write(Operation::CreateBatch, Some(entities))) = read_body(batch) else {
            panic!("no batch");
        };
        let read: Vec<(&str, bool)> = entities.iter().map(|one| (&*one.id, one.entity.is_ok())).collect();
        assert_eq!(read, [("urn:a:1", true), ("urn:a:2", false)]);
        assert!(read_body("[]").unwrap_err().detail.contains("empty"));
        let Ok(Command::Write(_, Some(entities))) = read_body(r#"[{"type": "AED"}]"#) else {
            panic!("no batch");
        };
        assert!(entities[0].entity.as_ref().unwrap_err().detail.starts_with("[0]"));
    }
}
