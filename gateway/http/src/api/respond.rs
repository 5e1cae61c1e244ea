//! From an answer of the federation to an HTTP response: representation, @context, warnings, page links.

use std::borrow::Cow;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode, header};
use kakehashi_adapters::{ErrorKind, Origin, Page, SourceId};
use kakehashi_config::{Config, NamedBy};
use kakehashi_contexts::RequestContext;
use kakehashi_documents::quantity::Size;
use kakehashi_egress::sources::told_to_tenant;
use kakehashi_federation::warning::{Failed, Missing};
use kakehashi_federation::{Refusal, Warning};
use kakehashi_resources::Exhausted;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use super::hints::Hint;
use crate::negotiate::MediaType;
use crate::problem::{ErrorType, Problem, retry_after};

/// Clause 6.3.17.
pub(super) const WARNING: HeaderName = HeaderName::from_static("ngsild-warning");
/// Code 110 of Table 6.3.17-1: the answer is under a kept copy of the @context, whose origin is away.
//= 6.3.17-1
const STALE_CONTEXT: HeaderValue = HeaderValue::from_static("110 kakehashi \"the @context is a stale copy\"");
/// Of the gateway's own: CIM 009 has none for it.
const HINT: HeaderName = HeaderName::from_static("kakehashi-hint");

/// Most bytes of one hint as it is sent: with all of them an answer's head stays well below the 8 KiB that proxies take.
const MOST_HINT_BYTES: usize = 1_000;

/// What stands percent-encoded in a Display String (RFC 9651 section 3.3.8); so does what is beyond ASCII.
const NOT_IN_DISPLAY_STRING: &AsciiSet = &CONTROLS.add(b'"').add(b'%');

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
//= 6.3.6-2, 6.3.6-5
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
    headers.insert(
        header::VARY,
        HeaderValue::from_static("accept, accept-encoding, link, prefer"),
    );
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
//= 6.3.17-2
pub(super) fn add_warnings(response: &mut Response, warnings: &[Warning], config: &Config) {
    for warning in warnings {
        let is_named_by_tenant = is_named_by_tenant(&warning.source, config);
        let (code, text): (u16, Cow<'static, str>) = match warning.missing {
            // Whoever names addresses must not learn from answers what stands there.
            Missing::Part(failed) if is_named_by_tenant => (199, told_to_tenant(Some(failed.kind)).into()),
            Missing::Part(failed) => {
                let (code, text) = describe(failed);
                (code, text.into())
            }
            Missing::Count => (
                299,
                "the entities are not counted: more would have to be looked through than one request may".into(),
            ),
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

fn is_named_by_tenant(source: &SourceId, config: &Config) -> bool {
    let source = config.source(source);
    source.is_some_and(|source| source.named_by == NamedBy::Tenant)
}

/// Table 6.3.17-1: the code, and the reason without anything that the source has said.
const fn describe(failed: Failed) -> (u16, &'static str) {
    match (failed.kind, failed.origin) {
        (ErrorKind::Credential, Origin::Consumer) => {
            (299, "you have sent no credential that could be passed on to the source")
        }
        (ErrorKind::Timeout, Origin::Consumer) => {
            (199, "the request's time was over before the source's part was ready")
        }
        (ErrorKind::Unreachable, _) => (199, "the source cannot be reached"),
        (ErrorKind::Timeout, _) => (199, "no answer from the source in time"),
        (ErrorKind::Overloaded, _) => (199, "the source's limit of requests is used up"),
        (ErrorKind::InvalidPayload, _) => (111, "the source's answer is not valid"),
        (ErrorKind::Emptied, _) => (
            199,
            "the source says that it has nothing at all any more, which may not be so",
        ),
        (ErrorKind::TooLarge, _) => (111, "the source's answer is too large"),
        (ErrorKind::TooMany, _) => (299, "the source has more entities than one request may look through"),
        (ErrorKind::TooManyRequests(_), _) => (299, "the source would have to be asked too often for one request"),
        (ErrorKind::TooComplex(_), _) => (299, "the request would cause too many requests to sources"),
        (ErrorKind::Status(_), _) => (299, "the source answered with an error"),
        (ErrorKind::Refused, _) => (299, "the source may not be asked at its address"),
        (ErrorKind::Credential, _) => (299, "there is no credential to ask the source with"),
        (ErrorKind::InsufficientStorage | ErrorKind::Unwritable, _) => (299, "the source cannot be written"),
        (ErrorKind::Internal, _) => (299, "the source cannot be asked"),
        // Refuses the whole request wherever something can still be refused.
        (ErrorKind::Exhausted(_), _) => (299, "the gateway was too busy to ask the source"),
    }
}

/// Says of an answer that is empty when it is worth asking again, where what is missing is with sources that have said so
/// (RFC 9110 section 10.2.3): once the last of those is back.
pub(super) fn add_retry_after(response: &mut Response, warnings: &[Warning], config: &Config) {
    let said = warnings.iter().filter_map(|warning| match warning.missing {
        // Whoever names addresses must not learn from answers what stands there.
        Missing::Part(failed) if !is_named_by_tenant(&warning.source, config) => failed.retry_after,
        Missing::Part(_) | Missing::Entities(_) | Missing::OwnerMissing(_) | Missing::Count => None,
    });
    if let Some(longest) = said.max() {
        response.headers_mut().insert(header::RETRY_AFTER, retry_after(longest));
    }
}

/// Adds the count of all matching entities.
//= 4.13-1
pub(super) fn add_count(response: &mut Response, count: Option<u64>) {
    if let Some(count) = count {
        response.headers_mut().insert(RESULTS_COUNT, HeaderValue::from(count));
    }
}

/// Says why a list may be empty: a List of Display Strings (RFC 9651), one member a line.
pub(super) fn add_hints(response: &mut Response, hints: &[Hint]) {
    for hint in hints {
        if let Ok(value) = HeaderValue::try_from(display_string(&hint.to_string())) {
            response.headers_mut().append(HINT, value);
        }
    }
}

/// A text as a Display String, as much of it as is sent.
fn display_string(text: &str) -> String {
    let mut encoded = String::from("%\"");
    for character in text.chars() {
        let mut bytes = [0; 4];
        let bytes = character.encode_utf8(&mut bytes);
        // Its hexadecimal digits are small letters.
        let one = utf8_percent_encode(bytes, NOT_IN_DISPLAY_STRING).to_string();
        let one = if one == *bytes { one } else { one.to_ascii_lowercase() };
        if encoded.len() + one.len() > MOST_HINT_BYTES {
            encoded.push_str("...");
            break;
        }
        encoded.push_str(&one);
    }
    encoded.push('"');
    encoded
}

/// The page after one.
pub(super) enum NextPage {
    /// There is none.
    None,
    /// It begins where this one ends.
    AtOffset,
    /// It begins behind so many entities of this one, and this cursor leads there.
    Behind(usize, String),
}

impl NextPage {
    /// That of a list that goes on, or does not. A page with a cursor may end before it is full: `shown` entities are on it.
    //= 5.5.9.1-3
    pub(super) fn of(more: bool, cursor: Option<String>, shown: Option<usize>) -> Self {
        match (more, cursor.zip(shown)) {
            (false, _) => Self::None,
            (true, None) => Self::AtOffset,
            (true, Some((cursor, shown))) => Self::Behind(shown, cursor),
        }
    }
}

/// Adds the links to the next and the previous page (clause 6.3.10), relative to the host, with the whole path. `next`: there
/// is a next page.
//= 5.5.9.1-3, 5.5.9.1-4, 6.3.10-2, 6.3.10-3
pub(super) fn add_page_links(
    response: &mut Response,
    path: &str,
    query: &str,
    page: Page,
    next: NextPage,
    media_type: MediaType,
) {
    let mut add = |relation, offset: usize, cursor: Option<String>| {
        let page = Page { offset, ..page };
        let cursor = cursor.as_deref();
        let link = PageLink { relation, page, cursor };
        add_page_link(response, path, query, link, media_type);
    };
    match next {
        NextPage::None => {}
        NextPage::AtOffset => add("next", page.offset.saturating_add(page.limit), None),
        NextPage::Behind(shown, cursor) => add("next", page.offset.saturating_add(shown), Some(cursor)),
    }
    if page.offset > 0 && page.limit > 0 {
        add("prev", page.offset.saturating_sub(page.limit), None);
    }
}

/// A link to another page.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageLink<'a> {
    pub(super) relation: &'static str,
    pub(super) page: Page,
    pub(super) cursor: Option<&'a str>,
}

/// Adds one.
pub(super) fn add_page_link(
    response: &mut Response,
    path: &str,
    query: &str,
    link: PageLink<'_>,
    media_type: MediaType,
) {
    let PageLink { relation, page, cursor } = link;
    let target = with_page(path, query, page, cursor);
    let link = format!("<{target}>;rel=\"{relation}\";type=\"{}\"", media_type.as_str());
    if let Ok(link) = HeaderValue::try_from(link) {
        response.headers_mut().append(header::LINK, link);
    }
}

/// The same URL with another `limit`, `offset` and `cursor`; everything else stays as the consumer wrote it.
//= 5.5.9.1-5, 5.5.9.1-6
fn with_page(path: &str, query: &str, page: Page, cursor: Option<&str>) -> String {
    let kept = query.split('&').filter(|part| {
        let name = part.split('=').next().unwrap_or_default();
        let name = percent_decode_str(name).decode_utf8_lossy();
        !part.is_empty() && !["limit", "offset", "cursor"].contains(&&*name)
    });
    let mut url = format!("{path}?");
    for part in kept {
        url.push_str(part);
        url.push('&');
    }
    url.push_str(&format!("limit={}&offset={}", page.limit, page.offset));
    if let Some(cursor) = cursor {
        url.push_str("&cursor=");
        url.push_str(cursor);
    }
    url
}

/// The relative path of what was created in a collection (Tables 6.4.3.1-1 and 6.10.3.1-1).
//= 6.4.3.1-2
pub(super) fn location(collection: &str, id: &str) -> Option<HeaderValue> {
    let segment = utf8_percent_encode(id, NOT_IN_SEGMENT);
    HeaderValue::try_from(format!("{collection}/{segment}")).ok()
}

impl From<Exhausted> for Problem {
    //= 5.5.6-4, 5.5.9.1-2
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
    //= 5.5.6-3, 5.5.6-4, 5.7.2.4-6
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
    //= 6.3.10-2, 6.3.10-3
    fn page_links_keep_the_question_as_it_was_written() {
        let mut response = Response::new(Body::empty());
        let page = Page { limit: 7, offset: 3 };
        let query = "type=AED&limit=7&q=name%3D%3D%22%E4%BD%90%22&offset=3&cursor=of-this-page";
        add_page_links(
            &mut response,
            "/ngsi-ld/v1/entities",
            query,
            page,
            NextPage::Behind(7, "AbC-_".to_owned()),
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
                "</ngsi-ld/v1/entities?type=AED&q=name%3D%3D%22%E4%BD%90%22&limit=7&offset=10&cursor=AbC-_>;rel=\"next\";type=\"application/json\"",
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
