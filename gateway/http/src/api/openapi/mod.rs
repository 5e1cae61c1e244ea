//! The OpenAPI 3.1 document of the API: made of the operations that are offered, as their files describe themselves, and of
//! what holds for each of them. It knows no configuration, so that it tells nothing of any.

mod schemas;

use axum::body::Bytes;
use http::Method;
use serde_json::{Map, Value, json};

use super::known_parameters::{Parameter, Takes};
use super::operation::{Content, Offered, Success};
use crate::api::conditions::may_be_conditional;
use crate::api::entity_maps::takes_entity_map;
use crate::negotiate::{BodyMediaType, MediaType};

/// Headers of requests that hold for every operation on data.
const REQUEST_HEADERS: [(&str, &str, &str); 10] = [
    (
        "Tenant",
        "NGSILD-Tenant",
        "The tenant whose sources alone are meant (clause 4.14); without it those of all, or, of a write, your own.",
    ),
    (
        "Purpose",
        "Kakehashi-Purpose",
        "What you ask data for, where you are registered with several purposes.",
    ),
    (
        "Context",
        "Link",
        "The @context of your names: `<URL>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"`. \
         Not beside a body of `application/ld+json`, which carries its own (clause 6.3.5).",
    ),
    (
        "Prefer",
        "Prefer",
        "`ngsi-ld=1.6`: what that version has (clause 4.3.6.8); `body=json`: GeoJSON without the @context (RFC 7240).",
    ),
    (
        "EntityMap",
        "NGSILD-EntityMap",
        "The address of an entity map of yours, as an answer has told it: the entities that it lists are those that are considered \
         (clause 5.5.14). Where there is none of it any more, a new one is made.",
    ),
    (
        "Fresh",
        "Cache-Control",
        "`no-cache`: the sources themselves are asked, whatever is kept of them (RFC 9111 section 5.2.1.4).",
    ),
    (
        "Codings",
        "Accept-Encoding",
        "`gzip`, `br` or `zstd`: the answer is packed, where it is longer than 2 KiB (RFC 9110 section 12.5.3).",
    ),
    (
        "Known",
        "If-None-Match",
        "The `ETag` of an answer that you have, or several, separated by commas: if nothing has changed you are told 304 in its \
         place (RFC 9110 section 13.1.2).",
    ),
    (
        "AsRead",
        "If-Match",
        "The `ETag` of the entity as you have read it, several, or `*`: it is changed only if you still see it so, else you are told \
         412 (RFC 9110 section 13.1.1).",
    ),
    (
        "IfAbsent",
        "If-None-Match",
        "`*`: it is changed only if you see no such entity, else you are told 412 (RFC 9110 section 13.1.2).",
    ),
];

/// Headers of answers.
const ANSWER_HEADERS: [(&str, &str); 18] = [
    (
        "NGSILD-EntityMap",
        "The address of the entity map that the answer is by (clause 5.5.14).",
    ),
    (
        "Content-Encoding",
        "How the body is packed, as `Accept-Encoding` has asked for it.",
    ),
    (
        "Accept-Encoding",
        "How a body may be packed, where yours is packed otherwise.",
    ),
    (
        "ETag",
        "Names this answer among all that you are given; of one that is sent while it is written there is none (RFC 9110 section \
         8.8.3).",
    ),
    (
        "Allow",
        "The methods that the resource offers, where it does not offer yours.",
    ),
    (
        "Accept",
        "The media types that may be sent, where yours is none of them.",
    ),
    ("Accept-Patch", "The same of a PATCH (RFC 5789)."),
    (
        "NGSILD-Warning",
        "One for each source whose part is missing, or some of it (Table 6.3.17-1): code, source, reason. The answer is then incomplete.",
    ),
    (
        "Age",
        "How many seconds ago the oldest part of the answer was read, where a source was not asked for it (RFC 9111 section 5.1).",
    ),
    (
        "NGSILD-Results-Count",
        "How many there are in all, with `count=true` (clause 6.3.13).",
    ),
    (
        "Link",
        "The @context, where it is not in the body; the next and the previous page, as paths of the same host (clauses 6.3.6 and 6.3.10).",
    ),
    (
        "Kakehashi-Hint",
        "Of a list without anything: why that may be, each in a sentence; a List of Display Strings (RFC 9651). It speaks of what \
         you have asked and may see, and of nothing else.",
    ),
    ("Location", "The path of what is new."),
    ("Preference-Applied", "Which version of NGSI-LD the answer conforms to."),
    ("x-request-id", "The id of the request, to be quoted to the operator."),
    ("RateLimit", "How many requests are left, and when all are back."),
    ("RateLimit-Policy", "How many requests you may make in which time."),
    ("Retry-After", "After how many seconds it is worth trying again."),
];

/// Those that every answer has.
const OF_EVERY_ANSWER: &[&str] = &["Content-Encoding", "x-request-id", "RateLimit", "RateLimit-Policy"];

/// What names an answer. A question in a body has the answers of the one in a URL, but for this.
const ETAG: &str = "ETag";

/// Where data is: what stands elsewhere is about the gateway.
const DATA: &str = "/ngsi-ld/v1/";

/// Names of @contexts are none that an @context expands.
const CONTEXTS: &str = "/ngsi-ld/v1/jsonldContexts";

/// The document, as it is sent.
pub(super) fn document(operations: impl Iterator<Item = &'static Offered>) -> Bytes {
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations {
        let methods = paths.entry(path_of(operation)).or_insert_with(|| json!({}));
        if let Some(methods) = methods.as_object_mut() {
            methods.insert(operation.method.as_str().to_ascii_lowercase(), described(operation));
        }
    }
    let document = json!({
        "openapi": "3.1.1",
        "info": {
            "title": "Kakehashi",
            "summary": "Entities of many sources as one NGSI-LD view",
            "description": "The NGSI-LD API (ETSI GS CIM 009 v1.9.1) as this version offers it. What CIM 009 has beyond this is \
                            refused with 422, by its name. What has GET has HEAD as well, and every resource answers OPTIONS with \
                            what it offers in `Allow`.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            "version": env!("CARGO_PKG_VERSION"),
        },
        "servers": [{ "url": "/" }],
        "security": [{}, { "apiKey": [] }, { "apiKeyOfKong": [] }, { "token": [] }, { "certificate": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas::all(),
            "parameters": request_headers(),
            "headers": answer_headers(),
            "responses": {
                "Refused": failure("What is wrong with the request, or why it is not answered. 405, 411 and 415 say what to send."),
                "Failed": failure("Why the gateway cannot answer now."),
                "Known": {
                    "description": "You have the answer already: one of the tags of `If-None-Match` is its own. Its headers hold, \
                                    warnings among them.",
                    "headers": headers(&["ETag", "NGSILD-Warning", "NGSILD-Results-Count", "Link", "Age", "Preference-Applied", "Kakehashi-Hint"]),
                },
            },
            "securitySchemes": {
                "apiKey": {
                    "type": "apiKey", "in": "header", "name": "x-api-key",
                    "description": "The operator may have chosen another name.",
                },
                "apiKeyOfKong": {
                    "type": "apiKey", "in": "header", "name": "apikey",
                    "description": "Always understood in the place of the other.",
                },
                "token": {
                    "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                    "description": "Where the operator has an issuer of tokens.",
                },
                "certificate": {
                    "type": "mutualTLS",
                    "description": "Where the operator knows you by a certificate.",
                },
            },
        },
    });
    // Values of texts and numbers always serialize.
    Bytes::from(serde_json::to_vec(&document).unwrap_or_default())
}

/// The path as OpenAPI writes it: of a variable that may hold slashes it has no notion.
fn path_of(operation: &Offered) -> String {
    operation.path.replace("{*", "{")
}

fn described(operation: &Offered) -> Value {
    let mut described = Map::new();
    let mut add = |name: &str, value: Value| described.insert(name.to_owned(), value);
    add("operationId", operation.name.into());
    add("summary", operation.summary.into());
    add("tags", json!([tag_of(operation.path)]));
    add("parameters", parameters(operation).into());
    add("responses", answers(operation));
    if let Some(clause) = operation.clause {
        add("description", format!("Clauses {clause} of CIM 009.").into());
    }
    if let Some(schema) = operation.body {
        let types = BodyMediaType::names(&operation.method).iter();
        let content: Map<String, Value> = types.map(|name| ((*name).to_owned(), content_of(schema))).collect();
        let description = "It may be packed by gzip (`Content-Encoding: gzip`).";
        add(
            "requestBody",
            json!({ "description": description, "required": true, "content": content }),
        );
    }
    described.into()
}

/// The resource family of an operation.
fn tag_of(path: &str) -> &str {
    match path.strip_prefix(DATA) {
        Some(resource) => resource.split('/').next().unwrap_or(resource),
        None => "gateway",
    }
}

fn parameters(operation: &Offered) -> Vec<Value> {
    let variables = operation.path.split('/').filter_map(|segment| {
        let name = segment.strip_prefix('{')?.strip_suffix('}')?;
        let name = name.trim_start_matches('*');
        Some(json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } }))
    });
    let is_of_data = operation.path.starts_with(DATA);
    let shows_entities = operation.representations.contains(&MediaType::GeoJson);
    let headers = REQUEST_HEADERS.iter().filter(|(name, ..)| match *name {
        "Context" => is_of_data && !operation.path.starts_with(CONTEXTS),
        "Prefer" | "Fresh" => shows_entities,
        "EntityMap" => takes_entity_map(&operation.method, operation.path),
        "Known" => has_tags(operation),
        "AsRead" | "IfAbsent" => may_be_conditional(&operation.method, operation.path),
        "Codings" => true,
        _ => is_of_data,
    });
    let headers = headers.map(|(name, ..)| json!({ "$ref": format!("#/components/parameters/{name}") }));
    variables
        .chain(operation.parameters.iter().map(parameter))
        .chain(headers)
        .collect()
}

/// Whether its answers have tags.
fn has_tags(operation: &Offered) -> bool {
    let mut headers = operation.successes.iter().flat_map(|success| success.headers);
    operation.method == Method::GET && headers.any(|name| *name == ETAG)
}

fn parameter(parameter: &Parameter) -> Value {
    let schema = match parameter.takes {
        Takes::Text => json!({ "type": "string", "minLength": 1 }),
        Takes::List => json!({ "type": "array", "minItems": 1, "items": { "type": "string", "minLength": 1 } }),
        Takes::ListOf(values) => json!({ "type": "array", "minItems": 1, "items": { "enum": values } }),
        Takes::OneOf(values) => json!({ "enum": values }),
        Takes::Number(least) => json!({ "type": "integer", "minimum": least }),
        Takes::Boolean => json!({ "type": "boolean" }),
    };
    let description = match parameter.only_for {
        Some(media_type) => format!("{} Only with `Accept: {}`.", parameter.meaning, media_type.as_str()),
        None => parameter.meaning.to_owned(),
    };
    let (name, is_list) = (
        parameter.name,
        matches!(parameter.takes, Takes::List | Takes::ListOf(_)),
    );
    // Lists are separated by commas; of one value it says nothing.
    json!({ "name": name, "in": "query", "description": description, "explode": !is_list, "schema": schema })
}

fn answers(operation: &Offered) -> Value {
    let answers = operation.successes.iter();
    let mut answers: Map<String, Value> = answers
        .map(|answer| (answer.status.to_string(), answered(answer, operation)))
        .collect();
    let known = has_tags(operation).then_some(("304", "Known"));
    for (statuses, name) in known.into_iter().chain([("4XX", "Refused"), ("5XX", "Failed")]) {
        answers.insert(
            statuses.to_owned(),
            json!({ "$ref": format!("#/components/responses/{name}") }),
        );
    }
    answers.into()
}

fn answered(answer: &Success, operation: &Offered) -> Value {
    let content: Vec<(&str, &str)> = match answer.body {
        Content::Nothing => Vec::new(),
        Content::Json(schema) => vec![(MediaType::Json.as_str(), schema)],
        Content::Negotiated(schema) => (operation.representations.iter())
            .map(|media_type| (media_type.as_str(), schema))
            .collect(),
        Content::Entities(schema, of_geo_json) => (operation.representations.iter())
            .map(|media_type| match media_type {
                MediaType::GeoJson => (media_type.as_str(), of_geo_json),
                MediaType::Json | MediaType::JsonLd => (media_type.as_str(), schema),
            })
            .collect(),
    };
    let content = content
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), content_of(schema)));
    let content: Map<String, Value> = content.collect();
    let named = answer.headers.iter().copied();
    let named: Vec<&str> = named.filter(|name| *name != ETAG || has_tags(operation)).collect();
    json!({ "description": answer.meaning, "headers": headers(&named), "content": content })
}

fn content_of(schema: &str) -> Value {
    json!({ "schema": { "$ref": format!("#/components/schemas/{schema}") } })
}

fn headers(names: &[&str]) -> Map<String, Value> {
    let all = names.iter().chain(OF_EVERY_ANSWER);
    all.map(|name| {
        (
            (*name).to_owned(),
            json!({ "$ref": format!("#/components/headers/{name}") }),
        )
    })
    .collect()
}

fn failure(description: &str) -> Value {
    json!({
        "description": description,
        "headers": headers(&["Retry-After", "NGSILD-Warning", "Allow", "Accept", "Accept-Encoding", "Accept-Patch"]),
        "content": { "application/json": content_of("ProblemDetails") },
    })
}

fn request_headers() -> Map<String, Value> {
    let described = |(name, header, description): &(&str, &str, &str)| {
        let described = json!({
            "name": header, "in": "header", "description": description, "schema": { "type": "string" },
        });
        ((*name).to_owned(), described)
    };
    REQUEST_HEADERS.iter().map(described).collect()
}

fn answer_headers() -> Map<String, Value> {
    let described = |(name, description): &(&str, &str)| {
        let schema = match *name {
            "NGSILD-Results-Count" | "Retry-After" => json!({ "type": "integer", "minimum": 0 }),
            _ => json!({ "type": "string" }),
        };
        (
            (*name).to_owned(),
            json!({ "description": description, "schema": schema }),
        )
    };
    ANSWER_HEADERS.iter().map(described).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::api::operations::offered;

    /// The most that is sent to whoever asks, in bytes. It is held once.
    const MOST_BYTES: usize = 256 * 1024;

    fn made() -> Value {
        let document = document(offered());
        assert!(document.len() < MOST_BYTES, "{}", document.len());
        serde_json::from_slice(&document).unwrap()
    }

    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref") {
                    found.insert(reference.clone());
                }
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_component_is_referred_to() {
        let document = made();
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        for reference in &found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
        }
        for kind in ["schemas", "parameters", "headers", "responses"] {
            for name in document["components"][kind].as_object().unwrap().keys() {
                let reference = format!("#/components/{kind}/{name}");
                assert!(found.contains(&reference), "nothing refers to {reference}");
            }
        }
    }
}
