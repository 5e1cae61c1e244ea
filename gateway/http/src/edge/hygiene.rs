//! One canonical path, and no header that claims what only the gateway may say.

use axum::extract::Request;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, StatusCode, Uri, header};
use kakehashi_config::Config;
use kakehashi_server::Malformed;

use crate::problem::{ErrorType, Problem};

/// Headers by which proxies pass an identity on. Here nobody in front of the gateway may: they are dropped.
const IDENTITY_HEADERS: [HeaderName; 8] = [
    HeaderName::from_static("client-cert"),
    HeaderName::from_static("x-forwarded-client-cert"),
    HeaderName::from_static("x-consumer-id"),
    HeaderName::from_static("x-consumer-username"),
    HeaderName::from_static("x-credential-identifier"),
    HeaderName::from_static("x-authenticated-userid"),
    HeaderName::from_static("x-user"),
    HeaderName::from_static("x-remote-user"),
];

/// Headers that end at this hop (RFC 9110 section 7.6.1).
const HOP_BY_HOP: [HeaderName; 6] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::UPGRADE,
];

/// Refuses what is no request of HTTP and what no path may hold, trims trailing slashes, drops headers.
pub(super) fn clean(request: &mut Request, config: &Config) -> Result<(), Problem> {
    if let Some(malformed) = request.extensions().get::<Malformed>() {
        return Err(refuse(*malformed));
    }
    let longest = config.gateway.limits.url.bytes();
    let length = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    if length > longest {
        let detail = format!("the URL has {length} bytes, {longest} are allowed; use fewer ids or attributes");
        return Err(Problem::new(ErrorType::InvalidRequest, detail));
    }
    if let Some(uri) = canonical(request.uri())? {
        *request.uri_mut() = uri;
    }
    drop_headers(request.headers_mut(), &config.gateway.api_key_header);
    Ok(())
}

/// What a consumer is told whose request is none of HTTP.
fn refuse(malformed: Malformed) -> Problem {
    let error_type = match malformed.status() {
        StatusCode::REQUEST_TIMEOUT => ErrorType::RequestTimeout,
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => ErrorType::HeadTooLarge,
        _ => ErrorType::InvalidRequest,
    };
    Problem::new(error_type, malformed.to_string())
}

/// The URI with its one canonical path; `None` when it has that already.
fn canonical(uri: &Uri) -> Result<Option<Uri>, Problem> {
    let path = uri.path();
    // Without a dot, plain or encoded, no segment can climb; most paths have none.
    let may_climb = path.bytes().any(|byte| matches!(byte, b'.' | b'%'));
    let climbs = may_climb
        && path.split('/').any(|segment| {
            let segment = segment.replace("%2e", ".").replace("%2E", ".");
            segment == "." || segment == ".."
        });
    if climbs {
        return Err(Problem::new(
            ErrorType::InvalidRequest,
            "the path holds a `.` or `..` segment",
        ));
    }
    let trimmed = path.trim_end_matches('/');
    if trimmed.len() == path.len() || trimmed.is_empty() {
        return Ok(None);
    }
    let with_query = match uri.query() {
        Some(query) => format!("{trimmed}?{query}"),
        None => trimmed.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(with_query).ok();
    Ok(Uri::from_parts(parts).ok())
}

fn drop_headers(headers: &mut HeaderMap, api_key_header: &HeaderName) {
    let named: Vec<String> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    // A client must not make us forget a header that protects it or us by naming it as hop-by-hop.
    const KEPT: [&str; 5] = ["authorization", "host", "ngsild-tenant", "apikey", "x-forwarded-for"];
    for name in named
        .iter()
        .filter(|name| !KEPT.contains(&name.as_str()) && *name != api_key_header.as_str())
    {
        headers.remove(name.as_str());
    }
    // Few requests have one: to look at what there is takes less than to look for each.
    let is_dropped = |name: &HeaderName| HOP_BY_HOP.contains(name) || IDENTITY_HEADERS.contains(name);
    if headers.keys().any(is_dropped) {
        for name in HOP_BY_HOP.iter().chain(&IDENTITY_HEADERS) {
            headers.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical_path(path: &str) -> Option<String> {
        let uri: Uri = path.parse().unwrap();
        canonical(&uri).ok().map(|changed| changed.unwrap_or(uri).to_string())
    }

    #[test]
    fn trailing_slashes_go_and_the_query_stays() {
        assert_eq!(
            canonical_path("/ngsi-ld/v1/entities/?type=A").as_deref(),
            Some("/ngsi-ld/v1/entities?type=A")
        );
        assert_eq!(
            canonical_path("/ngsi-ld/v1/entities").as_deref(),
            Some("/ngsi-ld/v1/entities")
        );
        assert_eq!(canonical_path("/").as_deref(), Some("/"));
    }

    #[test]
    fn climbing_paths_are_refused() {
        for path in ["/a/../b", "/a/%2e%2E/b", "/./a", "/a/.%2e"] {
            assert_eq!(canonical_path(path), None, "{path}");
        }
    }

    #[test]
    fn identity_headers_and_what_connection_names_are_dropped() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Trick, x-api-key"),
            ("x-trick", "1"),
            ("x-api-key", "k"),
            ("x-consumer-id", "a"),
            ("accept", "b"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        drop_headers(&mut headers, &HeaderName::from_static("x-api-key"));
        let mut left: Vec<&str> = headers.keys().map(http::HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["accept", "x-api-key"]);
    }
}
