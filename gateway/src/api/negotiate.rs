//! What the consumer accepts, and under which @context it speaks (clauses 6.3.4 to 6.3.6).

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, header};
use ngsi_ld::context::{CORE_CONTEXT_URL, Context, is_core_context};

use super::problem::{ErrorType, Problem};

/// The media types of a response with entities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaType {
    /// `application/json`: the @context goes into the Link header.
    Json,
    /// `application/ld+json`: the @context goes into the body.
    JsonLd,
    /// `application/geo+json`
    GeoJson,
}

impl MediaType {
    /// The order of clause 6.3.4: the first that the consumer likes best is taken.
    const PREFERENCE: [Self; 3] = [Self::Json, Self::JsonLd, Self::GeoJson];

    /// The name of the media type.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::JsonLd => "application/ld+json",
            Self::GeoJson => "application/geo+json",
        }
    }

    /// Finds the media type that the consumer likes best among those offered.
    ///
    /// # Errors
    /// 406 with the list of what there is, when none is acceptable.
    pub fn negotiate(headers: &HeaderMap, geojson_offered: bool) -> Result<Self, Problem> {
        let accepted: Vec<&str> = headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|range| !range.is_empty())
            .collect();
        if accepted.is_empty() {
            return Ok(Self::Json);
        }
        let offered = Self::PREFERENCE
            .iter()
            .filter(|kind| geojson_offered || **kind != Self::GeoJson);
        let mut best: Option<(u16, Self)> = None;
        for kind in offered {
            let weight = weight_of(kind.as_str(), &accepted);
            if weight > best.map_or(0, |(weight, _)| weight) {
                best = Some((weight, *kind));
            }
        }
        best.map(|(_, kind)| kind).ok_or_else(|| {
            let available = if geojson_offered {
                "application/json, application/ld+json, application/geo+json"
            } else {
                "application/json, application/ld+json"
            };
            Problem::new(
                ErrorType::NotAcceptable,
                format!("available representations: {available}"),
            )
        })
    }
}

/// The media types of a request with a body (clause 6.3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyMediaType {
    /// `application/json`, and `application/merge-patch+json` of a PATCH: the @context is in the Link header.
    Json,
    /// `application/ld+json`: the @context is in the body.
    JsonLd,
}

impl BodyMediaType {
    /// The media type that the header `Content-Type` names.
    ///
    /// # Errors
    /// 415 when it is none of those, is missing, or stands there twice.
    pub fn of_request(method: &Method, headers: &HeaderMap) -> Result<Self, Problem> {
        let mut types = headers.get_all(header::CONTENT_TYPE).iter();
        let only = types.next().filter(|_| types.next().is_none());
        let text = only.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/json" => Ok(Self::Json),
            "application/merge-patch+json" if *method == Method::PATCH => Ok(Self::Json),
            "application/ld+json" => Ok(Self::JsonLd),
            _ => Err(Problem::new(
                ErrorType::UnsupportedMediaType,
                "header `Content-Type`: send application/json or application/ld+json",
            )),
        }
    }
}

/// The weight, in thousandths, that the most specific matching range gives a media type (RFC 9110 12.5.1).
fn weight_of(media_type: &str, accepted: &[&str]) -> u16 {
    let mut found: Option<(u8, u16)> = None;
    for range in accepted {
        let mut parts = range.split(';').map(str::trim);
        let Some(name) = parts.next() else { continue };
        let specificity = match name {
            "*/*" => 0,
            "application/*" => 1,
            _ if name.eq_ignore_ascii_case(media_type) => 2,
            _ => continue,
        };
        let weight = parts
            .find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
            .map_or(1000, parse_weight);
        if found.is_none_or(|(earlier, _)| specificity > earlier) {
            found = Some((specificity, weight));
        }
    }
    found.map_or(0, |(_, weight)| weight)
}

fn parse_weight(text: &str) -> u16 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let thousandths = format!("{fraction:0<3}");
    match (whole, thousandths.parse::<u16>()) {
        ("0", Ok(weight)) if thousandths.len() == 3 => weight,
        _ => 1000,
    }
}

/// The @context of one request, and how it is named to the consumer.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// The compiled context.
    pub context: Arc<Context>,
    /// Its address.
    pub url: Arc<str>,
    /// The member `@context` of a body under it, as JSON.
    pub member: Arc<str>,
}

/// The contexts that are known without fetching.
#[derive(Debug)]
pub struct KnownContexts {
    /// For requests that name none.
    pub default: RequestContext,
    /// The gateway's own.
    pub own: RequestContext,
}

/// The path of the gateway's own context, below the public URL.
pub const OWN_CONTEXT_PATH: &str = "/ngsi-ld/v1/jsonldContexts/kakehashi";

/// The link relation that names an @context (JSON-LD 1.1 section 6.1).
const CONTEXT_RELATION: &str = "http://www.w3.org/ns/json-ld#context";

impl RequestContext {
    /// The core context.
    #[must_use]
    pub fn core() -> Self {
        Self::new(Arc::clone(Context::core()), CORE_CONTEXT_URL)
    }

    fn new(context: Arc<Context>, url: &str) -> Self {
        let member = serde_json::Value::from(url).to_string();
        Self {
            context,
            url: url.into(),
            member: member.into(),
        }
    }

    /// The gateway's own context, published below this URL.
    #[must_use]
    pub fn own(public_url: &str) -> Self {
        let url = format!("{}{OWN_CONTEXT_PATH}", public_url.trim_end_matches('/'));
        Self::new(Arc::clone(Context::kakehashi()), &url)
    }

    /// The `Link` header that names the context (clause 6.3.6).
    #[must_use]
    pub fn link(&self) -> Option<HeaderValue> {
        let link = format!(
            "<{}>; rel=\"{CONTEXT_RELATION}\"; type=\"application/ld+json\"",
            self.url
        );
        HeaderValue::try_from(link).ok()
    }
}

impl KnownContexts {
    /// The context that the `Link` header of a GET or DELETE names (clause 6.3.5).
    ///
    /// # Errors
    /// 400 when the header names several contexts, 504 when it names one that is not known here.
    pub fn of_request(&self, headers: &HeaderMap) -> Result<RequestContext, Problem> {
        let mut named: Option<&str> = None;
        for value in headers.get_all(header::LINK) {
            let text = value.to_str().map_err(|_| {
                Problem::new(
                    ErrorType::InvalidRequest,
                    "header `Link`: holds characters outside of ASCII",
                )
            })?;
            for target in context_targets(text)? {
                if named.replace(target).is_some() {
                    return Err(Problem::new(
                        ErrorType::BadRequestData,
                        "header `Link`: names more than one @context; name one that includes the others",
                    ));
                }
            }
        }
        match named {
            None => Ok(self.default.clone()),
            Some(url) if is_core_context(url) => Ok(RequestContext::new(Arc::clone(Context::core()), url)),
            Some(url) if url == &*self.own.url || url.ends_with(OWN_CONTEXT_PATH) => Ok(self.own.clone()),
            Some(url) => Err(Problem::new(
                ErrorType::LdContextNotAvailable,
                format!(
                    "the @context {url} cannot be had: this version knows {CORE_CONTEXT_URL} and {}",
                    self.own.url
                ),
            )),
        }
    }
}

/// The targets of a Link header (RFC 8288) whose relation is that of an @context.
fn context_targets(header: &str) -> Result<Vec<&str>, Problem> {
    let malformed = || {
        Problem::new(
            ErrorType::InvalidRequest,
            "header `Link`: expected `<URL>; rel=\"...\"; type=\"...\"`",
        )
    };
    let mut targets = Vec::new();
    let mut rest = header.trim();
    while !rest.is_empty() {
        let (target, after) = rest
            .strip_prefix('<')
            .and_then(|inner| inner.split_once('>'))
            .ok_or_else(malformed)?;
        let end = end_of_link(after);
        let (parameters, next) = after.split_at_checked(end).ok_or_else(malformed)?;
        let is_context = parameters.split(';').map(str::trim).any(|parameter| {
            parameter
                .strip_prefix("rel=")
                .is_some_and(|relation| relation.trim_matches('"') == CONTEXT_RELATION)
        });
        if is_context {
            targets.push(target);
        }
        rest = next.trim_start_matches([',', ' ', '\t']);
    }
    Ok(targets)
}

/// Where the comma is that ends a link's parameters; commas inside of quotes do not count.
fn end_of_link(text: &str) -> usize {
    let mut quoted = false;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => return index,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn negotiated(accept: &str) -> Option<MediaType> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        MediaType::negotiate(&headers, true).ok()
    }

    #[test]
    fn the_order_of_the_clause_decides_between_equals() {
        assert_eq!(negotiated("*/*"), Some(MediaType::Json));
        assert_eq!(
            negotiated("application/geo+json, application/ld+json"),
            Some(MediaType::JsonLd)
        );
        assert_eq!(
            negotiated("application/*;q=0.5, application/geo+json"),
            Some(MediaType::GeoJson)
        );
        assert_eq!(
            negotiated("application/json;q=0.1, application/ld+json;q=0.2"),
            Some(MediaType::JsonLd)
        );
        assert_eq!(negotiated("application/json;q=0, */*"), Some(MediaType::JsonLd));
        assert_eq!(negotiated("text/html"), None);
        assert_eq!(
            MediaType::negotiate(&HeaderMap::new(), true).ok(),
            Some(MediaType::Json)
        );
    }

    #[test]
    fn links_are_taken_apart() {
        let context = "<http://a/c.jsonld>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"";
        assert_eq!(context_targets(context).unwrap(), ["http://a/c.jsonld"]);
        let two = format!("<http://x>; rel=\"next\"; title=\"a, b\", {context}");
        assert_eq!(context_targets(&two).unwrap(), ["http://a/c.jsonld"]);
        assert!(context_targets("http://a/c.jsonld").is_err());
        assert!(context_targets("<http://a").is_err());
    }
}
