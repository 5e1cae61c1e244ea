//! Entity tags, and the condition that somebody puts on an answer by naming those that it has (RFC 9110 sections 8.8.3, 13.1.2
//! and 15.4.5). A tag is a keyed digest of what is shown and of nothing else: of the body, and of the headers that say what it
//! is and what is missing of it, so that no part is taken for the whole. Each consumer's tags are made with a key of its own:
//! that two were shown the same cannot be told by their tags. Answers that are sent while they are written have none, since
//! nobody knows yet what they say.

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use highway::{HighwayHash, HighwayHasher};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt;
use kakehashi_resources::{Resources, pause};

use crate::problem::{ErrorType, Problem};
use crate::tags::{EntityTag, Of, Tags, keyed};

/// So much of a body is digested before others have their turn.
const PART: usize = 64 * 1024;

/// Headers that are a part of what an answer says: what its body is, and what is missing of it.
const SAYING: [HeaderName; 4] = [
    header::CONTENT_TYPE,
    header::LINK,
    HeaderName::from_static("ngsild-warning"),
    HeaderName::from_static("ngsild-results-count"),
];

/// Headers of an answer that are about the body, which 304 has not.
const OF_THE_BODY: [HeaderName; 3] = [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CONTENT_ENCODING];

/// The tags that somebody has the answers to already, as the request names them.
#[derive(Debug)]
pub(super) struct Known {
    /// Whether it is a request that only asks.
    asks: bool,
    if_none_match: Vec<HeaderValue>,
    /// What the answer must be, or not be given (RFC 9110 section 13.1.1). Of a change the operation judges it.
    if_match: HeaderMap,
}

/// The digest of an answer, and that of the entity, where it shows one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Digest([[u8; size_of::<u64>()]; 2], Option<EntityTag>);

impl Known {
    /// Those of a request.
    pub(super) fn of(request: &Request) -> Self {
        let asks = [Method::GET, Method::HEAD].contains(request.method());
        let named = |name| request.headers().get_all(name).iter().filter(|_| asks).cloned();
        Self {
            asks,
            if_none_match: named(header::IF_NONE_MATCH).collect(),
            if_match: named(header::IF_MATCH).map(|value| (header::IF_MATCH, value)).collect(),
        }
    }

    /// The digest of an answer that may be kept and is here as a whole.
    pub(super) async fn digest(
        &self,
        response: Response,
        consumer: &str,
        resources: &Resources,
    ) -> (Response, Option<Digest>) {
        let has_gone_well = [StatusCode::OK, StatusCode::NON_AUTHORITATIVE_INFORMATION].contains(&response.status());
        // What says nothing of being kept is different each time.
        let may_be_kept = response.headers().contains_key(header::CACHE_CONTROL);
        let whole = http_body::Body::size_hint(response.body()).exact();
        if !self.asks || !has_gone_well || !may_be_kept || whole.is_none() {
            return (response, None);
        }
        let (mut parts, body) = response.into_parts();
        let entity: Option<EntityTag> = parts.extensions.remove();
        let body = match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => {
                let broken = Body::from_stream(futures::stream::once(async { Err::<Bytes, _>(error) }));
                return (Response::from_parts(parts, broken), None);
            }
        };
        let digest = match Digesting::begin(consumer, parts.status, &parts.headers) {
            Some(digesting) if body.len() <= PART => Some(digesting.end(&body)),
            Some(digesting) => {
                let digested = resources.compute_over(body.len(), digesting.by_turns(body.clone()));
                digested.await.ok()
            }
            None => None,
        };
        let digest = digest.map(|Digest(of_answer, _)| Digest(of_answer, entity));
        (Response::from_parts(parts, Body::from(body)), digest)
    }

    /// The answer with its tag, in whatever coding it is; or that it is the one that is known.
    pub(super) fn judge(&self, mut response: Response, digest: Option<Digest>) -> Response {
        let tag = digest.map(|digest| digest.tag(response.headers().get(header::CONTENT_ENCODING)));
        if response.status().is_success() && !self.is_wanted(tag.as_deref()) {
            let detail = "header `If-Match`: the answer is none of these; leave the header out to be given it";
            return Problem::new(ErrorType::PreconditionFailed, detail).into_response();
        }
        let Some(tag) = tag else { return response };
        let is_known = self
            .if_none_match
            .iter()
            .any(|value| names(value.as_bytes(), tag.as_bytes()));
        if let Ok(value) = HeaderValue::try_from(tag) {
            response.headers_mut().insert(header::ETAG, value);
        }
        if is_known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.body_mut() = Body::empty();
            for name in &OF_THE_BODY {
                response.headers_mut().remove(name);
            }
        }
        response
    }

    /// Whether the answer of this tag may be given. What is sent while it is written is none that somebody can name.
    fn is_wanted(&self, tag: Option<&str>) -> bool {
        match Tags::of(&self.if_match, &header::IF_MATCH) {
            Ok(None | Some(Tags::Any)) => true,
            Ok(Some(Tags::These(named))) => {
                let opaque = tag.map(|tag| tag.trim_matches('"').as_bytes());
                named.iter().any(|named| !named.is_weak && Some(named.opaque) == opaque)
            }
            // Whatever is malformed was refused before.
            Err(_) => false,
        }
    }
}

impl Digest {
    /// The tag of what is sent in this coding. Each coding of an answer is one of its own (RFC 9110 section 8.8.3.3).
    fn tag(self, coding: Option<&HeaderValue>) -> String {
        let mut tag = String::with_capacity(64);
        tag.push('"');
        URL_SAFE_NO_PAD.encode_string(self.0.as_flattened(), &mut tag);
        if let Some(entity) = self.1 {
            entity.write(&mut tag);
        }
        if let Some(coding) = coding.and_then(|coding| coding.to_str().ok()) {
            tag.push('.');
            tag.push_str(coding);
        }
        tag.push('"');
        tag
    }
}

struct Digesting(HighwayHasher);

impl Digesting {
    /// With the consumer's key. Everything is digested behind its length, so that no two answers run together.
    fn begin(consumer: &str, status: StatusCode, headers: &HeaderMap) -> Option<Self> {
        let mut digesting = keyed(consumer, Of::Answer)?;
        digesting.append(&status.as_u16().to_le_bytes());
        for name in &SAYING {
            for value in headers.get_all(name) {
                let said = said_by(name, value);
                digesting.append(&said.len().to_le_bytes());
                digesting.append(said);
            }
            // No header is as long.
            digesting.append(&usize::MAX.to_le_bytes());
        }
        Some(Self(digesting))
    }

    fn end(mut self, body: &[u8]) -> Digest {
        self.0.append(body);
        let [low, high] = self.0.finalize128().map(u64::to_le_bytes);
        Digest([low, high], None)
    }

    async fn by_turns(mut self, body: Bytes) -> Digest {
        for part in body.chunks(PART) {
            self.0.append(part);
            pause().await;
        }
        self.end(&[])
    }
}

/// What a header says beyond how it says so. Where the next page begins may be written differently each time; that there is one
/// is said, and 304 says where.
fn said_by<'v>(name: &HeaderName, value: &'v HeaderValue) -> &'v [u8] {
    let value = value.as_bytes();
    let end = value
        .iter()
        .position(|byte| *byte == b'>')
        .filter(|_| *name == header::LINK);
    let relation = end.and_then(|end| value.get(end..)).unwrap_or_default();
    let is_of_pages = relation.starts_with(b">;rel=\"next\"") || relation.starts_with(b">;rel=\"prev\"");
    if is_of_pages { relation } else { value }
}

/// Whether a list of tags names this one, or any (`*`). They are compared weakly (RFC 9110 section 8.8.3.2). What is no tag
/// names none.
fn names(list: &[u8], tag: &[u8]) -> bool {
    if list.trim_ascii() == b"*" {
        return true;
    }
    let mut rest = list;
    loop {
        rest = match rest {
            [b' ' | b'\t' | b',', after @ ..] | [b'W', b'/', after @ ..] => after,
            [b'"', after @ ..] => {
                let Some(length) = after.iter().position(|byte| *byte == b'"') else {
                    return false;
                };
                // With both of its quotes.
                let (named, behind) = rest.split_at_checked(length + 2).unwrap_or((rest, &[]));
                if named == tag {
                    return true;
                }
                behind
            }
            _ => return false,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(consumer: &str, headers: &[(&'static str, &'static str)], body: &[u8]) -> Digest {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let begun = Digesting::begin(consumer, StatusCode::OK, &headers.collect()).unwrap();
        begun.end(body)
    }

    #[test]
    fn a_tag_is_of_all_that_is_said_and_of_one_consumer() {
        let json = ("content-type", "application/json");
        let warning = ("ngsild-warning", "199 a \"b\"");
        let first = digest("a", &[json], b"[]");
        assert_eq!(
            first,
            digest("a", &[json, ("age", "7")], b"[]"),
            "an answer may be older"
        );
        for other in [
            digest("b", &[json], b"[]"),
            digest("a", &[json], b"[1]"),
            digest("a", &[("content-type", "application/ld+json")], b"[]"),
            digest("a", &[json, warning], b"[]"),
            digest("a", &[json, ("ngsild-results-count", "0")], b"[]"),
            digest("a", &[json, ("link", "<a>;rel=\"next\"")], b"[]"),
            digest("a", &[json, ("link", "<a>; rel=\"context\"")], b"[]"),
            digest("a", &[json, ("link", "<b>; rel=\"context\"")], b"[]"),
        ] {
            assert_ne!(first, other);
        }
        let with_link = |link| digest("a", &[json, ("link", link)], b"[]");
        assert_ne!(with_link("<a>; rel=\"context\""), with_link("<b>; rel=\"context\""));
        assert_ne!(with_link("<a>;rel=\"next\""), with_link("<a>;rel=\"prev\""));
        assert_eq!(
            with_link("<a?cursor=1>;rel=\"next\""),
            with_link("<a?cursor=2>;rel=\"next\"")
        );
    }

    #[tokio::test]
    async fn by_turns_it_is_the_same() {
        let body = Bytes::from(vec![7; 3 * PART + 5]);
        let begin = || Digesting::begin("a", StatusCode::OK, &HeaderMap::new()).unwrap();
        assert_eq!(begin().by_turns(body.clone()).await, begin().end(&body));
    }

    #[test]
    fn each_coding_has_a_tag_of_its_own() {
        let digest = Digest([[0; 8]; 2], None);
        assert_eq!(digest.tag(None), "\"AAAAAAAAAAAAAAAAAAAAAA\"");
        let gzip = HeaderValue::from_static("gzip");
        assert_eq!(digest.tag(Some(&gzip)), "\"AAAAAAAAAAAAAAAAAAAAAA.gzip\"");
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_list_is_it_names_those_that_stand_in_it_and_no_other(
            tags in proptest::collection::vec(("(W/)?", "[!#-~\u{80}-\u{ff}]{0,9}", "[ \t,]{1,3}"), 0..5),
            other in "[!#-~]{10}",
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..40),
        ) {
            let quoted = |tag: &str| format!("\"{tag}\"");
            let list: String = tags.iter().map(|(weak, tag, end)| format!("{weak}{}{end}", quoted(tag))).collect();
            for (_, tag, _) in &tags {
                proptest::prop_assert!(names(list.as_bytes(), quoted(tag).as_bytes()));
            }
            proptest::prop_assert!(!names(list.as_bytes(), quoted(&other).as_bytes()));
            proptest::prop_assert!(!names(&bytes, quoted(&other).as_bytes()) || bytes.trim_ascii() == b"*");
        }
    }

    #[test]
    fn tags_are_found_in_lists_and_nowhere_else() {
        for list in [
            "\"a\"",
            "W/\"a\"",
            "\"b\", \"a\"",
            "\"x,y\",W/\"a\"",
            "  \"a\" ",
            "*",
            " * ",
            ",,\"a\"",
        ] {
            assert!(names(list.as_bytes(), b"\"a\""), "{list}");
        }
        for list in [
            "",
            "a",
            "\"a",
            "\"A\"",
            "\"aa\"",
            "\"b\"",
            "\"b\" *",
            "\"b, \"a\"",
            "'a'",
            "w/\"a\"",
            "\"\"",
        ] {
            assert!(!names(list.as_bytes(), b"\"a\""), "{list}");
        }
    }
}
