//! A request as somebody writes it down, to be explained: what the handlers would make of it, by their own code.

use std::borrow::Cow;

use kakehashi_adapters::Page;
use kakehashi_core::names::TenantId;
use kakehashi_federation::Question;
use kakehashi_federation::linked_retrieval::Join;
use kakehashi_policy::Operation;
use kakehashi_subscriptions::members_of;
use ngsi_ld::context::Context;
use ngsi_ld::entity::parse::{InvalidEntity, parse_entities, parse_entity};
use ngsi_ld::query::TypeSelection;
use ngsi_ld::{Entity, EntityId};
use percent_encoding::percent_decode_str;

use super::entity_types::types_request;
use super::parameters::Parameters;
use super::question::{QueryRequest, Surroundings, posted_request, query_request, retrieve_request, syntax};
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

/// What is asked.
#[derive(Debug)]
pub enum Asked {
    /// `queryEntity`
    Query {
        /// What.
        question: Question,
        /// Which part of the answer.
        page: Page,
        /// Which linked entities are shown, if any.
        join: Option<Join>,
    },
    /// `retrieveEntity`
    Retrieve {
        /// What.
        question: Question,
        /// Which linked entities are shown, if any.
        join: Option<Join>,
    },
    /// `retrieveEntityTypes`
    Types(Question),
    /// Entities that are written; `None`: they are not known.
    Write(Operation, Option<Vec<Entity>>),
    /// Entities that are deleted, of these types; `None`: of any.
    Delete(Operation, Option<TypeSelection>),
}

impl Asked {
    /// The operation, as policies name it.
    pub fn operation(&self) -> Operation {
        match self {
            Self::Query { .. } => Operation::QueryEntity,
            Self::Retrieve { .. } => Operation::RetrieveEntity,
            Self::Types(_) => Operation::RetrieveEntityTypes,
            Self::Write(operation, _) | Self::Delete(operation, _) => *operation,
        }
    }

    /// Which linked entities are shown, if any.
    pub fn join(&self) -> Option<&Join> {
        match self {
            Self::Query { join, .. } | Self::Retrieve { join, .. } => join.as_ref(),
            _ => None,
        }
    }
}

/// Reads a request.
///
/// # Errors
/// The problem that the consumer would be told, or that the request is none that can be explained.
pub fn read(request: &WrittenRequest<'_>) -> Result<Asked, Problem> {
    let (path, query) = path_and_query(request.target);
    let around = Surroundings {
        context: request.context,
        media_type: MediaType::Json,
        tenant: request.tenant,
        largest_page: request.largest_page,
        split_entities: request.split_entities,
    };
    let method = request.method.to_ascii_uppercase();
    let resource = path.strip_prefix(BASE).unwrap_or(path).trim_matches('/');
    match (method.as_str(), resource.split_once('/').unwrap_or((resource, ""))) {
        ("GET", ("entities", "")) => Ok(asked(query_request(query, &around)?)),
        ("GET", ("entities", id)) => {
            let (presentation, question) = retrieve_request(&decoded(id)?, query, &around)?;
            let join = presentation.join();
            Ok(Asked::Retrieve { question, join })
        }
        ("GET", ("types", "")) => Ok(Asked::Types(types_request(query, request.tenant)?)),
        ("POST", ("entities", "")) => {
            let entity = request.body.map(|body| parse_entity(body, request.context)).transpose();
            let entity = entity.map_err(|error| invalid(&error))?;
            Ok(Asked::Write(Operation::CreateEntity, entity.map(|entity| vec![entity])))
        }
        ("POST", ("entityOperations", "query")) => {
            let Some(body) = request.body else {
                let detail = "the body: it is not given, and what is asked stands there";
                return Err(Problem::new(ErrorType::BadRequestData, detail));
            };
            let members = members_of(body)?;
            Ok(asked(posted_request(query, &members, &around)?))
        }
        ("POST", ("entityOperations", "create")) => write(Operation::CreateBatch, request),
        ("POST", ("entityOperations", "upsert")) => write(Operation::UpsertBatch, request),
        ("POST", ("entityOperations", "delete")) => Ok(Asked::Delete(Operation::DeleteBatch, None)),
        ("DELETE", ("entities", id)) if !id.is_empty() => {
            EntityId::parse(&decoded(id)?).map_err(|error| {
                let detail = format!("the entity id in the path is not a URI: {error}");
                Problem::new(ErrorType::BadRequestData, detail)
            })?;
            let parameters = Parameters::parse(query, &["type"], &["local", "via"])?;
            let selection = match parameters.text("type")? {
                None | Some("*") => None,
                Some(text) => {
                    let selection = TypeSelection::parse(text, request.context);
                    Some(selection.map_err(|error| syntax(&parameters, "type", &error))?)
                }
            };
            Ok(Asked::Delete(Operation::DeleteEntity, selection))
        }
        _ => {
            let detail = format!(
                "{method} {path} cannot be explained: what can is GET and POST of /ngsi-ld/v1/entities, GET and DELETE of \
                 /ngsi-ld/v1/entities/{{id}}, GET of /ngsi-ld/v1/types, and POST of /ngsi-ld/v1/entityOperations/query, \
                 create, upsert and delete"
            );
            Err(Problem::new(ErrorType::OperationNotSupported, detail))
        }
    }
}

/// A queryEntity, however it was asked.
fn asked(request: QueryRequest) -> Asked {
    Asked::Query {
        join: request.presentation.join(),
        question: request.question,
        page: request.page,
    }
}

fn write(operation: Operation, request: &WrittenRequest<'_>) -> Result<Asked, Problem> {
    let entities = request
        .body
        .map(|body| parse_entities(body, request.context))
        .transpose();
    Ok(Asked::Write(operation, entities.map_err(|error| invalid(&error))?))
}

fn invalid(error: &InvalidEntity) -> Problem {
    Problem::new(ErrorType::BadRequestData, format!("the body: {error}"))
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
    percent_decode_str(segment).decode_utf8().map_err(|_| {
        let detail = "the entity id is not a URI: its percent-encoded bytes are not UTF-8";
        Problem::new(ErrorType::BadRequestData, detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(method: &str, target: &str) -> Result<Asked, Problem> {
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
        let (Ok(Asked::Query { question, page, .. }), Ok(Asked::Query { question: same, .. })) = (posted, got) else {
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
        assert!(told("DELETE", "/ngsi-ld/v1/entities").contains("cannot be explained"));
    }
}
