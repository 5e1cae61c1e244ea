//! A source's address, and how the path of a request is joined to it.

use http::Uri;
use http::uri::{InvalidUri, PathAndQuery, Scheme};

/// Why an address cannot be one of a source.
#[derive(Debug, thiserror::Error)]
pub enum InvalidEndpoint {
    /// Not a URL at all.
    #[error("not a URL: {0}")]
    Url(#[from] InvalidUri),
    /// Another scheme, or none.
    #[error("an endpoint begins with http:// or https://")]
    Scheme,
    /// No host.
    #[error("an endpoint names a host")]
    Host,
    /// Credentials in the URL would end up in logs.
    #[error("an endpoint holds no user name or password; use `credential`")]
    UserInfo,
    /// A fragment never reaches a server.
    #[error("an endpoint holds no #fragment")]
    Fragment,
}

/// The address of a source: origin, path prefix and constant query.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    /// `https://host:port`
    origin: String,
    /// As configured, beginning with `/`.
    path: String,
    /// Without the question mark.
    query: Option<String>,
}

impl Endpoint {
    pub(super) fn parse(text: &str) -> Result<Self, InvalidEndpoint> {
        if text.contains('#') {
            return Err(InvalidEndpoint::Fragment);
        }
        let uri: Uri = text.parse()?;
        let scheme = uri.scheme().ok_or(InvalidEndpoint::Scheme)?;
        if *scheme != Scheme::HTTP && *scheme != Scheme::HTTPS {
            return Err(InvalidEndpoint::Scheme);
        }
        let authority = uri.authority().ok_or(InvalidEndpoint::Host)?;
        if authority.as_str().contains('@') {
            return Err(InvalidEndpoint::UserInfo);
        }
        if authority.host().is_empty() {
            return Err(InvalidEndpoint::Host);
        }
        Ok(Self {
            origin: format!("{scheme}://{authority}"),
            path: uri.path().to_owned(),
            query: uri
                .path_and_query()
                .and_then(PathAndQuery::query)
                .filter(|query| !query.is_empty())
                .map(str::to_owned),
        })
    }

    /// The address of one request: the endpoint's path, one slash, the request's path; the endpoint's query
    /// before the request's. An empty path means the endpoint itself.
    pub(super) fn join(&self, path_and_query: &str) -> Result<Uri, InvalidUri> {
        let (path, query) = match path_and_query.split_once('?') {
            Some((path, query)) => (path, Some(query).filter(|query| !query.is_empty())),
            None => (path_and_query, None),
        };
        let relative = path.trim_start_matches('/');
        let mut url = String::with_capacity(self.origin.len() + self.path.len() + path_and_query.len() + 2);
        url.push_str(&self.origin);
        if path.is_empty() {
            url.push_str(&self.path);
        } else {
            url.push_str(self.path.trim_end_matches('/'));
            url.push('/');
            url.push_str(relative);
        }
        for (separator, part) in ['?', '&']
            .into_iter()
            .zip(self.query.as_deref().into_iter().chain(query))
        {
            url.push(separator);
            url.push_str(part);
        }
        url.try_into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_and_query_are_joined_with_one_slash_and_nothing_lost() {
        for (endpoint, request, url) in [
            (
                "http://a:1026",
                "/v2/entities?limit=1",
                "http://a:1026/v2/entities?limit=1",
            ),
            ("http://a:1026/", "/v2/entities", "http://a:1026/v2/entities"),
            ("http://a:1026/", "v2/entities", "http://a:1026/v2/entities"),
            ("https://a/base", "/v2/entities", "https://a/base/v2/entities"),
            ("https://a/base/", "//v2/entities", "https://a/base/v2/entities"),
            ("https://a/b/c?key=1", "/d?x=2&y=3", "https://a/b/c/d?key=1&x=2&y=3"),
            ("https://a/b?key=1", "/d", "https://a/b/d?key=1"),
            ("https://a/b/?key=1", "?x=2", "https://a/b/?key=1&x=2"),
            ("https://a/b.json", "", "https://a/b.json"),
            ("https://a/b", "/", "https://a/b/"),
            ("https://a/b", "/c?", "https://a/b/c"),
            ("https://a?k=1", "/c/", "https://a/c/?k=1"),
            ("https://a", "/c?q=a?b", "https://a/c?q=a?b"),
        ] {
            let joined = Endpoint::parse(endpoint).unwrap().join(request).unwrap();
            assert_eq!(joined.to_string(), url, "{endpoint} + {request}");
        }
    }

    #[test]
    fn what_is_no_address_of_a_source_is_refused() {
        assert!(matches!(Endpoint::parse("ftp://a/"), Err(InvalidEndpoint::Scheme)));
        assert!(matches!(Endpoint::parse("/v2"), Err(InvalidEndpoint::Scheme)));
        assert!(matches!(
            Endpoint::parse("http://u:p@a/"),
            Err(InvalidEndpoint::UserInfo)
        ));
        assert!(matches!(Endpoint::parse("http://a/#b"), Err(InvalidEndpoint::Fragment)));
        assert!(matches!(Endpoint::parse("http://a b/"), Err(InvalidEndpoint::Url(_))));
        assert!(Endpoint::parse("").is_err());
    }
}
