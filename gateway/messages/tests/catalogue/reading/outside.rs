//! What of the source people are not told, and why.

use super::Said;

/// Files, by how their paths begin or what stands in them, and why their texts are told to nobody in two languages.
const FILES: [(&str, &str); 22] = [
    ("/backend/", "SQL"),
    (
        "adapters/values/src/crs/systems.rs",
        "how PROJ writes reference systems",
    ),
    ("gateway/messages/", "says nothing by itself"),
    ("gateway/telemetry/", "logs and metrics, which are English always"),
    (
        "gateway/http/src/api/openapi/",
        "the description of the API, which is English",
    ),
    (
        "gateway/http/src/api/known_parameters.rs",
        "the description of the API, which is English",
    ),
    (
        "gateway/http/src/api/operation.rs",
        "the description of the API, which is English",
    ),
    (
        "gateway/config/src/keys/tables.rs",
        "the reference of the configuration: comments in a file of TOML, and a JSON schema",
    ),
    ("gateway/config/src/keys/schema.rs", "a JSON schema"),
    (
        "gateway/config/src/keys/allowed.rs",
        "the reference of the configuration",
    ),
    ("gateway/config/src/keys/cors.rs", "the reference of the configuration"),
    (
        "gateway/config/src/keys/source_credential.rs",
        "the reference of the configuration",
    ),
    (
        "gateway/http/src/api/operations/mod.rs",
        "names of operations, as CIM 009 has them",
    ),
    ("gateway/policy/src/inspection/every_way.rs", "values for tests"),
    ("gateway/policy/src/inspection/nobodys.rs", "values for tests"),
    (
        "gateway/policy/src/inspection/address.rs",
        "what stands in values in the place of @",
    ),
    ("adapters/client/src/holding.rs", "a request of HTTP"),
    ("adapters/example/", "an example for those who write an adapter"),
    ("ngsi-ld/src/query/fixture.rs", "entities for tests"),
    ("ngsi-ld/src/entity/generated.rs", "entities for tests"),
    (
        "adapters/mapping/src/standard/propose.rs",
        "a file that is proposed, which says in both languages what it is",
    ),
    ("adapters/store/src/samples.rs", "entities for tests"),
];

/// Strings with spaces that are no texts: what machines read.
const NO_TEXTS: [&str; 39] = [
    "<{context}>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"",
    "application/ld+json, application/json;q=0.9, */*;q=0.1",
    "public, max-age=3600",
    "private, no-cache",
    "accept, accept-encoding",
    "normalized, concise, simplified, keyValues",
    ", sysAttrs, count",
    "accept, accept-encoding, link, prefer",
    "accept, apikey, authorization, cache-control, content-encoding, content-type, if-match, if-none-match, kakehashi-purpose, link, ngsild-entitymap, ngsild-tenant, prefer, traceparent",
    "Access-Control-Request-Method, Access-Control-Request-Headers",
    "gzip, identity",
    "\"...\"` or `organisation = \"...\"",
    "2` or `aal = 2",
    "Class enum [\"open\", \"limited\", \"person-related\", \"anonymised\", \"pseudonymised\", \"personal\", \"special-care\", \"unclassified\"]",
    "where consumers are served, not what they see",
    "the same of administrators",
    "what links to the gateway begin with",
    "whose address counts for limits",
    "where notifications and contexts may come from and go to",
    "who the gateway is to consumers",
    "the same",
    "refused by this version",
    "never true in this version",
    "how much may be asked at once",
    "for people",
    "how much may be asked",
    "how long a source may take",
    "without effect in this version",
    "what protects a source",
    "how old what is shown may be",
    "how much it may ask",
    "text/plain; version=0.0.4",
    "python3 -m http.server 8000 --bind 127.0.0.1 --directory examples/map",
    "BEGIN IMMEDIATE",
    "Service paths of Orion inside of which may be asked, such as \"/#\".",
    "application/json, application/geo+json",
    "Services of Orion that may be asked; \"\" is none.",
    "%Y-%m-%d %H:%M:%S +09:00",
    " and no ",
];

/// How such strings begin that differ in the rest: commands to paste, the reference of the configuration, credentials and
/// challenges, SQL, headers of HTTP, what a probe reads.
const NO_TEXTS_BEGIN: [&str; 14] = [
    "{curl} ",
    "curl -sS",
    "For ngsi-v2:",
    "For rest:",
    "For store:",
    "ApiKey realm",
    "Bearer realm",
    "PRAGMA ",
    "110 ",
    "Basic {",
    "Bearer {",
    "Age, Allow, ",
    "not ready: ",
    "ready, revision ",
];

/// Whether a file's texts are not told to people.
pub(super) fn is_outside(file: &str) -> bool {
    FILES
        .iter()
        .any(|(path, _)| file.starts_with(path) || (path.starts_with('/') && file.contains(path)))
}

/// Whether a string is none that people are told.
pub(super) fn is_no_text(said: &Said) -> bool {
    NO_TEXTS.contains(&said.english.as_str()) || NO_TEXTS_BEGIN.iter().any(|begin| said.english.starts_with(begin))
}
