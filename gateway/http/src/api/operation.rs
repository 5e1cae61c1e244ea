//! What an operation is: its route, what the policies are asked, its parameters, its body and answers, how it is read where
//! it is to be explained, and what answers it. Each has a file of its own in [`mod@super::operations`]; whatever speaks of all
//! of them (the router, `Allow`, 422, `explain`, `/openapi.json`, the tests) goes through the list there.

use std::sync::Arc;

use axum::routing::{MethodFilter, MethodRouter};
use http::{HeaderMap, Method};
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;

use super::command::{Command, Written};
use super::known_parameters::Parameter;
use super::parameters::Parameters;
use crate::negotiate::MediaType;
use crate::problem::Problem;

/// An operation that is offered.
pub struct Offered {
    /// Its name, of which there is no second.
    pub name: &'static str,
    /// Where CIM 009 v1.9.1 defines it. None: it is none of CIM 009.
    pub clause: Option<&'static str>,
    /// The method.
    pub method: Method,
    /// The path, with its variables in braces.
    pub path: &'static str,
    /// What the policies are asked about. None at all: it shows no entity and no resource of another consumer.
    pub asks: Option<Operation>,
    /// What it is for, in a few words of Markdown, as the guide for consumers says it.
    pub summary: &'static str,
    /// What may stand in the query part of the URL. Anything else is refused.
    pub parameters: &'static [Parameter],
    /// What CIM 009 lets stand there and this version refuses by name.
    pub lacks: &'static [&'static str],
    /// What `Accept` may choose. None: nothing, whatever it says.
    pub representations: &'static [MediaType],
    /// What the body is: a name of the schemas of `/openapi.json`. None: it has none.
    pub body: Option<&'static str>,
    /// What the answers are when it went well.
    pub successes: &'static [Success],
    /// Reads a request that is to be explained. None: it cannot be.
    pub explained: Option<ReadWritten>,
    /// What answers it.
    pub route: fn(MethodFilter) -> MethodRouter<Arc<Gateway>>,
}

/// Reads a request that is to be explained.
pub type ReadWritten = fn(&Written<'_>) -> Result<Command, Problem>;

/// An operation of CIM 009 that this version does not offer.
#[derive(Debug)]
pub struct NotOffered {
    /// Its name in Table 6.2-1.
    pub name: &'static str,
    /// The method.
    pub method: Method,
    /// The path, with its variables in braces.
    pub path: &'static str,
    /// Whether it answers with data, so that `Accept` counts (clause 6.3.4).
    pub reads: bool,
}

/// An answer when it went well.
#[derive(Debug, Clone, Copy)]
pub struct Success {
    /// The status.
    pub status: u16,
    /// What it means.
    pub meaning: &'static str,
    /// The body: names of the schemas of `/openapi.json`.
    pub body: Content,
    /// Headers that it may have beside those of every answer.
    pub headers: &'static [&'static str],
}

/// The body of an answer.
#[derive(Debug, Clone, Copy)]
pub enum Content {
    /// There is none.
    Nothing,
    /// This, as `application/json` whatever `Accept` chooses.
    Json(&'static str),
    /// This, in the representation that `Accept` chooses.
    Negotiated(&'static str),
    /// The first as JSON and JSON-LD, the second as GeoJSON.
    Entities(&'static str, &'static str),
}

impl Offered {
    /// Reads the query part of a URL.
    ///
    /// # Errors
    /// A problem that names the parameter that is not of this operation, is given twice or badly encoded.
    pub(super) fn parameters<'a>(&self, query: Option<&'a str>) -> Result<Parameters<'a>, Problem> {
        Parameters::parse(query, self.parameters, self.lacks)
    }

    /// The representation of the answer that the consumer likes best.
    ///
    /// # Errors
    /// 406
    pub(super) fn negotiate(&self, headers: &HeaderMap) -> Result<MediaType, Problem> {
        MediaType::negotiate(headers, self.representations)
    }
}

impl std::fmt::Debug for Offered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} {})", self.name, self.method, self.path)
    }
}

/// Whether a path is that of a resource; what its variable stands for, as it is written.
pub(super) fn matches<'p>(resource: &str, path: &'p str) -> Option<Option<&'p str>> {
    let mut rest = path;
    let mut variable = None;
    let mut segments = resource.split('/').peekable();
    while let Some(expected) = segments.next() {
        if expected.starts_with("{*") {
            return (!rest.is_empty()).then_some(Some(rest));
        }
        let (segment, after) = match segments.peek() {
            Some(_) => rest.split_once('/')?,
            None => (rest, ""),
        };
        if expected.starts_with('{') {
            if segment.is_empty() || segment.contains('/') {
                return None;
            }
            variable = Some(segment);
        } else if expected != segment {
            return None;
        }
        rest = after;
    }
    Some(variable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_that_of_one_resource() {
        assert_eq!(matches("/v1/entities", "/v1/entities"), Some(None));
        assert_eq!(matches("/v1/entities", "/v1/entities/urn:a:1"), None);
        assert_eq!(
            matches("/v1/entities/{id}", "/v1/entities/urn:a:1"),
            Some(Some("urn:a:1"))
        );
        for other in ["/v1/entities", "/v1/entities/", "/v1/entities/a/b", "/v1/types/a"] {
            assert_eq!(matches("/v1/entities/{id}", other), None, "{other}");
        }
        assert_eq!(matches("/v1/{id}/attrs", "/v1/a/attrs"), Some(Some("a")));
        assert_eq!(matches("/v1/{id}/attrs", "/v1/a/attrs/b"), None);
        assert_eq!(matches("/c/{*id}", "/c/http://a/b"), Some(Some("http://a/b")));
        assert_eq!(matches("/c/{*id}", "/c/"), None);
    }
}
