//! Where a request says under which @context it speaks: the Link header or the body, never both (clause 6.3.5).
//! It finds what is named and fetches nothing.

use http::{HeaderMap, header};
use kakehashi_contexts::{CONTEXT_RELATION, ContextFailure, NamedContext, Unavailability};
use serde_json::value::RawValue;

use super::link_header::{MalformedLink, Targets, targets};
use crate::negotiate::{BodyMediaType, MediaType};
use crate::problem::{ErrorType, Problem};

/// Most characters of a consumer's own URL that are said back to it.
const SHOWN_URL: usize = 200;

/// What a GET or DELETE names.
///
/// # Errors
/// 400 when the Link header is malformed or names several contexts.
//= 6.3.5-1
pub(super) fn for_get(headers: &HeaderMap) -> Result<NamedContext<'_>, Problem> {
    Ok(linked(headers)?.map_or(NamedContext::Default, NamedContext::Url))
}

/// What a POST, PATCH or PUT names. `member` is the member `@context` of the body.
///
/// # Errors
/// 400 for every mix: `application/json` with a context in the body, `application/ld+json` without one or with one
/// in the Link header; and as [`for_get`].
//= 6.3.5-2, 6.3.5-3, 6.3.5-4, 6.3.5-5, 6.3.5-6
pub(super) fn for_body<'a>(
    headers: &'a HeaderMap,
    media_type: BodyMediaType,
    member: Option<&'a RawValue>,
) -> Result<NamedContext<'a>, Problem> {
    let linked = linked(headers)?;
    let wrong = |detail: &str| Err(Problem::new(ErrorType::BadRequestData, detail));
    match (media_type, linked, member) {
        (BodyMediaType::Json | BodyMediaType::MergePatch, _, Some(_)) => {
            let sent = media_type.as_str();
            wrong(&format!(
                "member `@context`: a body of {sent} has none; name the context in the Link header, or send \
                 application/ld+json"
            ))
        }
        (BodyMediaType::Json | BodyMediaType::MergePatch, linked, None) => {
            Ok(linked.map_or(NamedContext::Default, NamedContext::Url))
        }
        (BodyMediaType::JsonLd, Some(_), _) => wrong(
            "header `Link`: names an @context, and a body of application/ld+json carries its own; leave the header \
             out, or send application/json",
        ),
        (BodyMediaType::JsonLd, None, None) => {
            wrong("member `@context`: missing; a body of application/ld+json carries its context")
        }
        (BodyMediaType::JsonLd, None, Some(member)) => Ok(NamedContext::Member(member)),
    }
}

/// The context that the Link headers name.
fn linked(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut named = Targets::default();
    for value in headers.get_all(header::LINK) {
        let text = value.to_str().map_err(|_| {
            Problem::new(
                ErrorType::InvalidRequest,
                "header `Link`: holds characters outside of ASCII",
            )
        })?;
        let targets = targets(text, CONTEXT_RELATION, MediaType::JsonLd.as_str()).map_err(|MalformedLink| {
            Problem::new(
                ErrorType::InvalidRequest,
                "header `Link`: expected `<URL>; rel=\"...\"; type=\"...\"`",
            )
        })?;
        named.related.extend(targets.related);
        named.unsaid.extend(targets.unsaid);
    }
    // What says that it is a context goes before what may be one.
    let contexts = match named.related.is_empty() {
        true => named.unsaid,
        false => named.related,
    };
    match *contexts {
        [] => Ok(None),
        [only] => Ok(Some(only)),
        _ => Err(Problem::new(
            ErrorType::BadRequestData,
            "header `Link`: names more than one @context; name one that includes the others",
        )),
    }
}

/// What the consumer is told of a context that cannot be used. It names the URL, which is the consumer's own text
/// or that of a context it has named, and nothing of what was downloaded.
impl From<ContextFailure> for Problem {
    //= 5.5.6-5, 5.5.6-6, 5.8.1.4-11, 5.8.2.4-5
    fn from(failure: ContextFailure) -> Self {
        match failure {
            ContextFailure::Unavailable { url, reason } => {
                let shown: String = url.chars().take(SHOWN_URL).collect();
                match reason {
                    // Clause 5.5.6: what was retrieved and is no context is invalid, not unavailable.
                    Unavailability::NotAContext => Self::new(
                        ErrorType::BadRequestData,
                        format!("the @context {shown} is not valid: {reason}"),
                    ),
                    _ => Self::new(
                        ErrorType::LdContextNotAvailable,
                        format!("the @context {shown} is not available: {reason}"),
                    ),
                }
            }
            ContextFailure::Invalid(error) => Self::new(ErrorType::BadRequestData, format!("the @context: {error}")),
            ContextFailure::Exhausted(exhausted) => exhausted.into(),
            ContextFailure::Later => Self::later("the @contexts that are stored here cannot be read now; try again"),
            ContextFailure::Internal => Self::new(ErrorType::InternalError, "the @context cannot be processed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const LINK: &str =
        "<http://a/c.jsonld>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"";

    fn with_links(links: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for link in links {
            headers.append(header::LINK, HeaderValue::from_static(link));
        }
        headers
    }

    #[test]
    //= 6.3.5-1
    fn a_get_names_its_context_in_the_link_or_nowhere() {
        assert!(matches!(for_get(&HeaderMap::new()), Ok(NamedContext::Default)));
        let one = with_links(&[LINK]);
        assert!(matches!(for_get(&one), Ok(NamedContext::Url("http://a/c.jsonld"))));
        let two = for_get(&with_links(&[LINK, LINK])).unwrap_err();
        assert_eq!(two.error_type, ErrorType::BadRequestData);
        let unsaid = with_links(&["<http://a/d>; type=text/html, <http://a/c>", LINK]);
        assert!(matches!(for_get(&unsaid), Ok(NamedContext::Url("http://a/c.jsonld"))));
        let alone = with_links(&["<http://a/c.jsonld>; type=\"application/ld+json\""]);
        assert!(matches!(for_get(&alone), Ok(NamedContext::Url("http://a/c.jsonld"))));
        let malformed = for_get(&with_links(&["http://a/c.jsonld"])).unwrap_err();
        assert_eq!(malformed.error_type, ErrorType::InvalidRequest);
    }

    #[test]
    //= 6.3.5-2, 6.3.5-6
    fn no_mix_of_header_and_body_is_taken() {
        let none = HeaderMap::new();
        let link = with_links(&[LINK]);
        let member: Box<RawValue> = serde_json::from_str("\"http://b\"").unwrap();
        let member = Some(&*member);
        let (json, json_ld) = (BodyMediaType::Json, BodyMediaType::JsonLd);
        let merge_patch = BodyMediaType::MergePatch;
        assert!(matches!(for_body(&none, merge_patch, None), Ok(NamedContext::Default)));
        let refused = for_body(&none, merge_patch, member).unwrap_err();
        assert!(
            refused
                .detail
                .contains("a body of application/merge-patch+json has none"),
            "{refused:?}"
        );
        assert!(matches!(for_body(&none, json, None), Ok(NamedContext::Default)));
        assert!(matches!(for_body(&link, json, None), Ok(NamedContext::Url(_))));
        assert!(matches!(for_body(&none, json_ld, member), Ok(NamedContext::Member(_))));
        for (headers, media_type, member) in [
            (&none, json, member),
            (&link, json, member),
            (&none, json_ld, None),
            (&link, json_ld, None),
            (&link, json_ld, member),
        ] {
            let problem = for_body(headers, media_type, member).unwrap_err();
            assert_eq!(
                problem.error_type,
                ErrorType::BadRequestData,
                "{media_type:?} {member:?}"
            );
        }
    }
}
