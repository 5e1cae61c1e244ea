//! Fetching one file: only if it has changed, and no farther than it may lead. A redirection is followed on the source's own
//! host and to those that the operator has named; the credential goes to the source's own origin and nowhere else.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use kakehashi_client::{Credential, HttpClient, Response, SourceClient, SourceClientError, SourceLimits};
use kakehashi_contract::{AdapterError, AskedRequest, Call, ErrorKind, SourceId, SourceStatus};
use url::Url;

/// Redirections that lead to one file: portals have one or two.
const MOST_REDIRECTIONS: usize = 5;

/// A validator that is longer is none: it is sent with every request, and kept.
const LONGEST_VALIDATOR: usize = 512;

/// Where pages begin that are no files.
const HTML: [&[u8]; 2] = [b"<!doctype html", b"<html"];

/// What a server says so that it can be asked whether a file has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Validator {
    pub(crate) etag: Option<HeaderValue>,
    pub(crate) last_modified: Option<HeaderValue>,
}

/// What became of fetching a file.
#[derive(Debug)]
pub(crate) enum Fetched {
    Unchanged,
    File(Bytes, Validator),
}

/// What a file is fetched with.
#[derive(Debug)]
pub(crate) struct Web {
    client: SourceClient,
    endpoint: Url,
    http: HttpClient,
    credential: Option<Credential>,
    limits: SourceLimits,
    hosts: Vec<String>,
    elsewhere: Option<HttpClient>,
}

/// What a file is fetched with, as it is made.
pub(crate) struct Making<'a> {
    pub(crate) source: &'a SourceId,
    pub(crate) endpoint: &'a Url,
    pub(crate) http: &'a HttpClient,
    pub(crate) credential: Option<Credential>,
    pub(crate) limits: SourceLimits,
    pub(crate) hosts: &'a [String],
    pub(crate) elsewhere: Option<HttpClient>,
}

impl Validator {
    fn of(headers: &HeaderMap) -> Self {
        let short = |name: HeaderName| {
            let value = headers.get(name);
            value.filter(|value| value.len() <= LONGEST_VALIDATOR).cloned()
        };
        Self {
            etag: short(ETAG),
            last_modified: short(LAST_MODIFIED),
        }
    }

    fn asked(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let etag = self.etag.clone().map(|value| (IF_NONE_MATCH, value));
        let last_modified = self.last_modified.clone().map(|value| (IF_MODIFIED_SINCE, value));
        etag.into_iter().chain(last_modified)
    }
}

impl Web {
    pub(crate) fn new(making: Making<'_>) -> Result<Self, SourceClientError> {
        let Making {
            source,
            endpoint,
            http,
            credential,
            limits,
            hosts,
            elsewhere,
        } = making;
        let client = SourceClient::new(
            http.clone(),
            source.clone(),
            endpoint.as_str(),
            credential.clone(),
            limits.clone(),
        )?;
        Ok(Self {
            client,
            endpoint: endpoint.clone(),
            http: http.clone(),
            credential,
            limits,
            hosts: hosts.to_vec(),
            elsewhere,
        })
    }

    pub(crate) fn asked(&self, path: &str) -> Result<AskedRequest, AdapterError> {
        self.client.asked(path, &[accepted()])
    }

    pub(crate) fn status(&self) -> SourceStatus {
        self.client.status()
    }

    /// The name of the file that the endpoint is.
    pub(crate) fn file_name(&self) -> Option<String> {
        let last = self.endpoint.path_segments()?.next_back()?;
        let name = percent_encoding::percent_decode_str(last).decode_utf8().ok()?;
        (!name.is_empty()).then(|| name.into_owned())
    }

    /// Fetches the file at a path below the endpoint (empty: the endpoint itself), unless it is as it was.
    pub(crate) async fn fetch(
        &self,
        path: &str,
        known: Option<&Validator>,
        call: &Call,
    ) -> Result<Fetched, AdapterError> {
        let mut headers = vec![accepted()];
        headers.extend(known.into_iter().flat_map(Validator::asked));
        let mut response = self.client.fetch(path, &headers, call).await?;
        let mut at = self.address(path);
        for _ in 0..MOST_REDIRECTIONS {
            if response.status == StatusCode::NOT_MODIFIED && known.is_some() {
                self.client.understood(&response);
                return Ok(Fetched::Unchanged);
            }
            if !response.status.is_redirection() {
                return self.file(response);
            }
            self.client.understood(&response);
            let location = response.headers.get(LOCATION).and_then(|value| value.to_str().ok());
            let Some(to) = location.and_then(|location| at.join(location).ok()) else {
                return Err(self
                    .client
                    .error(ErrorKind::InvalidPayload, "a redirection that leads nowhere"));
            };
            let client = self.client_for(&at, &to)?;
            response = client.fetch("", &headers, call).await?;
            at = to;
        }
        let detail = "more redirections than lead to one file";
        Err(self.client.error(ErrorKind::InvalidPayload, detail))
    }

    fn address(&self, path: &str) -> Url {
        let mut address = self.endpoint.clone();
        if !path.is_empty() {
            let joined = format!(
                "{}/{}",
                address.path().trim_end_matches('/'),
                path.trim_start_matches('/')
            );
            address.set_path(&joined);
        }
        address
    }

    /// Who asks where a redirection leads.
    fn client_for(&self, from: &Url, to: &Url) -> Result<SourceClient, AdapterError> {
        let refuse = |detail: &'static str| self.client.error(ErrorKind::Refused, detail);
        if !matches!(to.scheme(), "http" | "https") || to.host_str().is_none() {
            return Err(refuse("a redirection that leads to no HTTP server"));
        }
        if !to.username().is_empty() || to.password().is_some() {
            return Err(refuse("a redirection with a user or a password"));
        }
        if from.scheme() == "https" && to.scheme() == "http" {
            return Err(refuse("a redirection from https to http"));
        }
        let is_own = to.origin() == self.endpoint.origin();
        let (http, credential) = if is_own {
            (&self.http, self.credential.clone())
        } else if is_upgrade(&self.endpoint, to) {
            (&self.http, None)
        } else if self.is_named(to)
            && let Some(elsewhere) = &self.elsewhere
        {
            (elsewhere, None)
        } else {
            return Err(refuse("a redirection to a host that `hosts` does not name"));
        };
        let mut to = to.clone();
        to.set_fragment(None);
        let source = self.client.source().clone();
        let client = SourceClient::new(http.clone(), source, to.as_str(), credential, self.limits.clone());
        client.map_err(|_| refuse("a redirection to no address that can be asked"))
    }

    fn is_named(&self, to: &Url) -> bool {
        let host = to.host_str().unwrap_or_default();
        self.hosts.iter().any(|named| match to.port() {
            None => named.eq_ignore_ascii_case(host),
            Some(port) => named.eq_ignore_ascii_case(&format!("{host}:{port}")),
        })
    }

    fn file(&self, response: Response) -> Result<Fetched, AdapterError> {
        let client = &self.client;
        if !response.status.is_success() {
            return Err(client.refusal(&response, "the file is not given out"));
        }
        if response.body.iter().all(u8::is_ascii_whitespace) {
            return Err(client.not_understood(&response, "an empty file"));
        }
        let is_html = response.headers.get(CONTENT_TYPE).is_some_and(|value| {
            let value = value.as_bytes();
            value
                .get(..9)
                .is_some_and(|begin| begin.eq_ignore_ascii_case(b"text/html"))
        });
        if is_html || begins_as_html(&response.body) {
            let detail = "an HTML page where a file should be, perhaps for logging in or of an error";
            return Err(client.not_understood(&response, detail));
        }
        client.understood(&response);
        let validator = Validator::of(&response.headers);
        Ok(Fetched::File(response.body, validator))
    }
}

/// Whether one address is the other with TLS, at the usual ports.
fn is_upgrade(from: &Url, to: &Url) -> bool {
    let usual = from.port().is_none() && to.port().is_none();
    usual && from.scheme() == "http" && to.scheme() == "https" && from.host_str() == to.host_str()
}

fn begins_as_html(body: &[u8]) -> bool {
    let begin = body.trim_ascii_start();
    HTML.iter().any(|tag| {
        let begin = begin.get(..tag.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(tag))
    })
}

fn accepted() -> (HeaderName, HeaderValue) {
    (ACCEPT, HeaderValue::from_static("*/*"))
}
