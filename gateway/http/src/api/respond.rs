//! From an answer of the federation to an HTTP response: representation, @context, warnings, page links.

use std::borrow::Cow;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode, header};
use kakehashi_adapters::{ErrorKind, Page};
use kakehashi_config::{Config, NamedBy};
use kakehashi_contexts::RequestContext;
use kakehashi_documents::quantity::Size;
use kakehashi_egress::sources::told_to_tenant;
use kakehashi_federation::warning::Missing;
use kakehashi_federation::{Refusal, Warning};
use kakehashi_resources::Exhausted;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::negotiate::MediaType;
use crate::problem::{ErrorType, Problem};

/// Clause 6.3.17.
const WARNING: HeaderName = HeaderName::from_static("ngsild-warning");
/// Code 110 of Table 6.3.17-1: the answer is under a kept copy of the @context, whose origin is away.
const STALE_CONTEXT: HeaderValue = HeaderValue::from_static("110 kakehashi \"the @context is a stale copy\"");
/// Clause 6.3.13.
const RESULTS_COUNT: HeaderName = HeaderName::from_static("ngsild-results-count");

/// What cannot stand in a path segment as it is (RFC 3986 section 3.3).
const NOT_IN_SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Headers that an answer has when it leaves: those of it, its limits, its id, its length and its date.
const USUAL_HEADERS: usize = 12;

/// A response with a rendered body. The @context goes into the Link header or, by the renderer, into the body
/// (clause 6.3.6).
#[must_use]
pub(super) fn rendered(
    body: impl Into<Body>,
    media_type: MediaType,
    context: &RequestContext,
    context_in_body: bool,
) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.reserve(USUAL_HEADERS);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type.as_str()));
    // The same URL has several representations, and what is shown depends on who asks.
    headers.insert(header::VARY, HeaderValue::from_static("accept, link, prefer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if !context_in_body && let Some(link) = context.link() {
        headers.append(header::LINK, link);
    }
    if context.stale {
        headers.append(WARNING, STALE_CONTEXT);
    }
    response
}

/// The status of an answer, which tells whether it was amended (table 6.4.3.2-3).
pub(super) const fn status(amended: bool) -> StatusCode {
    if amended {
        StatusCode::NON_AUTHORITATIVE_INFORMATION
    } else {
        StatusCode::OK
    }
}

/// Adds a warning for each source whose part, or some of it, is missing (clause 6.3.17).
pub(super) fn add_warnings(response: &mut Response, warnings: &[Warning], config: &Config) {
    for warning in warnings {
        let source = config.source(&warning.source);
        let is_named_by_tenant = source.is_some_and(|source| source.named_by == NamedBy::Tenant);
        let (code, text): (u16, Cow<'static, str>) = match warning.missing {
            // Whoever names addresses must not learn from answers what stands there.
            Missing::Part(kind) if is_named_by_tenant => (199, told_to_tenant(Some(kind)).into()),
            Missing::Part(kind) => {
                let (code, text) = describe(kind);
                (code, text.into())
            }
            Missing::Entities(1) => (111, "1 entity of the source is not valid and left out".into()),
            Missing::Entities(count) => (
                111,
                format!("{count} entities of the source are not valid and left out").into(),
            ),
            Missing::OwnerMissing(1) => (
                299,
                "1 entity of the source is left out: it only adds to one of another tenant, which is not shown".into(),
            ),
            Missing::OwnerMissing(count) => (
                299,
                format!("{count} entities of the source are left out: they only add to those of other tenants, which are not shown").into(),
            ),
        };
        let value = format!("{code} {} \"{text}\"", warning.source);
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().append(WARNING, value);
        }
    }
}

/// Table 6.3.17-1: the code, and the reason without anything that the source has said.
const fn describe(kind: ErrorKind) -> (u16, &'static str) {
    match kind {
        ErrorKind::Unreachable => (199, "the source cannot be reached"),
        ErrorKind::Timeout => (199, "no answer from the source in time"),
        ErrorKind::Overloaded => (199, "the source's limit of requests is used up"),
        ErrorKind::InvalidPayload => (111, "the source's answer is not valid"),
        ErrorKind::TooLarge => (111, "the source's answer is too large"),
        ErrorKind::TooMany => (299, "the source has more entities than one request may look through"),
        ErrorKind::TooManyRequests(_) => (299, "the source would have to be asked too often for one request"),
        ErrorKind::TooComplex(_) => (299, "the request would cause too many requests to sources"),
        ErrorKind::Status(_) => (299, "the source answered with an error"),
        ErrorKind::Refused => (299, "the source may not be asked at its address"),
        ErrorKind::Credential => (299, "there is no credential to ask the source with"),
        ErrorKind::InsufficientStorage | ErrorKind::Unwritable => (299, "the source cannot be written"),
        ErrorKind::Internal => (299, "the source cannot be asked"),
        // Refuses the whole request wherever something can still be refused.
        ErrorKind::Exhausted(_) => (299, "the gateway was too busy to ask the source"),
    }
}

/// Adds the count of all matching entities.
pub(super) fn add_count(response: &mut Response, count: Option<u64>) {
    if let Some(count) = count {
        response.headers_mut().insert(RESULTS_COUNT, HeaderValue::from(count));
    }
}

/// Adds the links to the next and the previous page (clause 6.3.10), relative to the host, with the whole path.
pub(super) fn add_page_links(
    response: &mut Response,
    path: &str,
    query: &str,
    page: Page,
    more: bool,
    media_type: MediaType,
) {
    let mut add = |relation: &str, offset: usize| {
        let target = with_page(path, query, Page { offset, ..page });
        let link = format!("<{target}>;rel=\"{relation}\";type=\"{}\"", media_type.as_str());
        if let Ok(link) = HeaderValue::try_from(link) {
            response.headers_mut().append(header::LINK, link);
        }
    };
    if more {
        add("next", page.offset.saturating_add(page.limit));
    }
    if page.offset > 0 && page.limit > 0 {
        add("prev", page.offset.saturating_sub(page.limit));
    }
}

/// The same URL with another `limit` and `offset`; everything else stays as the consumer wrote it.
fn with_page(path: &str, query: &str, page: Page) -> String {
    let kept = query.split('&').filter(|part| {
        let name = part.split('=').next().unwrap_or_default();
        let name = percent_decode_str(name).decode_utf8_lossy();
        !part.is_empty() && name != "limit" && name != "offset"
    });
    let mut url = format!("{path}?");
    for part in kept {
        url.push_str(part);
        url.push('&');
    }
    url.push_str(&format!("limit={}&offset={}", page.limit, page.offset));
    url
}

/// The relative path of what was created in a collection (Tables 6.4.3.1-1 and 6.10.3.1-1).
pub(super) fn location(collection: &str, id: &str) -> Option<HeaderValue> {
    let segment = utf8_percent_encode(id, NOT_IN_SEGMENT);
    HeaderValue::try_from(format!("{collection}/{segment}")).ok()
}

impl From<Exhausted> for Problem {
    fn from(exhausted: Exhausted) -> Self {
        match exhausted {
            Exhausted::Process => Self::busy(),
            Exhausted::Request { most } => {
                let most = Size::from_bytes(most);
                let detail = format!(
                    "more than {most} would have to be held for this request; ask for fewer entities or attributes \
                     (`limit`, `pick`), or name types, ids or an area"
                );
                Self::new(ErrorType::TooManyResults, detail)
            }
            Exhausted::Steps => {
                let detail = "the geometry touches that of an entity in too many places to be compared with it exactly; use one \
                              with fewer positions";
                Self::new(ErrorType::TooComplexQuery, detail)
            }
            Exhausted::Time => {
                let detail = "what is asked for could not be computed within the request's time; ask for less, or with a \
                              simpler geometry";
                Self::new(ErrorType::TooComplexQuery, detail)
            }
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let error_type = match refusal {
            Refusal::TooManySources { .. }
            | Refusal::TooManyQuestions { .. }
            | Refusal::TooManyRequests { .. }
            | Refusal::TooComplex => ErrorType::TooComplexQuery,
            Refusal::TooManyCandidates { .. } | Refusal::ScanTooWide | Refusal::TooManyLinked { .. } => {
                ErrorType::TooManyResults
            }
            Refusal::OrderedBeyondLocal => ErrorType::BadRequestData,
            Refusal::Exhausted(exhausted) => return exhausted.into(),
        };
        Self::new(error_type, refusal.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_links_keep_the_question_as_it_was_written() {
        let mut response = Response::new(Body::empty());
        let page = Page { limit: 7, offset: 3 };
        let query = "type=AED&limit=7&q=name%3D%3D%22%E4%BD%90%22&offset=3";
        add_page_links(
            &mut response,
            "/ngsi-ld/v1/entities",
            query,
            page,
            true,
            MediaType::Json,
        );
        let links: Vec<&str> = response
            .headers()
            .get_all(header::LINK)
            .iter()
            .map(|link| link.to_str().unwrap())
            .collect();
        assert_eq!(
            links,
            [
                "</ngsi-ld/v1/entities?type=AED&q=name%3D%3D%22%E4%BD%90%22&limit=7&offset=10>;rel=\"next\";type=\"application/json\"",
                "</ngsi-ld/v1/entities?type=AED&q=name%3D%3D%22%E4%BD%90%22&limit=7&offset=0>;rel=\"prev\";type=\"application/json\"",
            ]
        );
    }

    #[test]
    fn a_location_is_one_segment_that_leads_back_to_the_id() {
        for (id, expected) in [
            ("urn:ngsi-ld:AED:1", "/ngsi-ld/v1/entities/urn:ngsi-ld:AED:1"),
            (
                "https://a.jp/b?c=d#e",
                "/ngsi-ld/v1/entities/https:%2F%2Fa.jp%2Fb%3Fc=d%23e",
            ),
            ("urn:佐野", "/ngsi-ld/v1/entities/urn:%E4%BD%90%E9%87%8E"),
        ] {
            let location = location("/ngsi-ld/v1/entities", id).unwrap();
            assert_eq!(location.to_str().unwrap(), expected);
        }
    }
}
