//! The address for consumers of a gateway that runs, asked by a command: who asks, and what is told when it does not answer or
//! refuses.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use url::Url;

use super::{Failure, output};

/// The variable with the key of a consumer.
const KEY: &str = "KAKEHASHI_KEY";

/// The variable with a consumer's token.
const TOKEN: &str = "KAKEHASHI_TOKEN";

/// How long an answer may take: longer than any deadline of a gateway.
const LONGEST: Duration = Duration::from_secs(300);

/// How long a connection may take.
const LONGEST_TO_CONNECT: Duration = Duration::from_secs(10);

/// How often is asked again what is to be asked later.
const MOST_ATTEMPTS: u32 = 10;

/// Longest time that is waited until then: who says more is not waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How a gateway is asked.
#[derive(Debug, clap::Args)]
pub(super) struct Asking {
    /// The header that the key goes in, as `api_key_header` of tenants.toml says.
    #[arg(long, default_value = "x-api-key")]
    pub(super) key_header: String,
    /// A file with certificates in PEM that are trusted beside the public ones, for an address with one of an authority of
    /// one's own.
    #[arg(long)]
    pub(super) ca: Option<std::path::PathBuf>,
}

/// A consumer's way to a gateway.
#[derive(Debug, Clone)]
pub(super) struct ConsumerApi {
    base: Url,
    client: Client,
}

/// Problem details (RFC 7807), as far as they are told.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ProblemDetails {
    #[serde(default)]
    pub(super) title: String,
    #[serde(default)]
    pub(super) detail: String,
}

impl ConsumerApi {
    /// The gateway at an address.
    pub(super) fn of(url: &str, asking: &Asking) -> Result<Self, Failure> {
        let wrong = || {
            Failure::Other(format!(
                "`{url}` is no address of a gateway: write http://<host>:<port> or https://<host>"
            ))
        };
        let base = Url::parse(url).map_err(|_| wrong())?;
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
            return Err(wrong());
        }
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = credential(&asking.key_header)? {
            headers.insert(name, value);
        }
        let language = output::language().tag();
        headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static(language));
        let builder = Client::builder()
            .tls_backend_preconfigured(tls(asking.ca.as_deref())?)
            // A key goes nowhere but where it was meant to.
            .redirect(redirect::Policy::none())
            .referer(false)
            .connect_timeout(LONGEST_TO_CONNECT)
            .timeout(LONGEST)
            .default_headers(headers)
            .user_agent(concat!("kakehashi/", env!("CARGO_PKG_VERSION")));
        let client = builder.build();
        Ok(Self {
            base,
            client: client.map_err(|error| Failure::other("the HTTP client cannot be set up", error))?,
        })
    }

    /// The address of a resource.
    pub(super) fn url(&self, path: &str) -> Result<Url, Failure> {
        let joined = self.base.join(path);
        joined.map_err(|error| Failure::other(self.base.as_str(), error))
    }

    /// The address that a link of an answer leads to, where that is the same gateway.
    pub(super) fn followed(&self, from: &Url, target: &str) -> Result<Url, Failure> {
        let next = from
            .join(target)
            .map_err(|error| Failure::other("the next page", error))?;
        match next.origin() == self.base.origin() {
            true => Ok(next),
            // It names itself by its public address, and may be asked at another.
            false => {
                let mut own = self.base.clone();
                own.set_path(next.path());
                own.set_query(next.query());
                Ok(own)
            }
        }
    }

    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    /// Asks; what is to be asked again later is. What is asked must do no harm twice.
    pub(super) async fn ask(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let mut attempts = 1;
        loop {
            let again = request.try_clone();
            let request = again.ok_or_else(|| Failure::Other("a request cannot be sent again".to_owned()))?;
            let response = request.send().await.map_err(|error| self.failed(&error))?;
            let is_later = matches!(
                response.status(),
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
            );
            let wait = response
                .headers()
                .get(RETRY_AFTER)
                .and_then(|after| after.to_str().ok());
            let wait = wait.and_then(|after| after.parse().ok()).map(Duration::from_secs);
            match wait.filter(|wait| is_later && attempts < MOST_ATTEMPTS && *wait <= LONGEST_WAIT) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Ok(response),
            }
            attempts += 1;
        }
    }

    fn failed(&self, error: &reqwest::Error) -> Failure {
        let what = match error {
            _ if error.is_connect() => {
                "no gateway answers there: is it the address that `kakehashi serve` listens on, with http:// or https://, and \
                 is its certificate trusted (--ca FILE)?"
            }
            _ if error.is_timeout() => "it does not answer in time",
            _ => "it breaks off",
        };
        Failure::Other(format!("{}: {what}", self.base))
    }
}

/// What a gateway says of a failure, and what to do.
pub(super) async fn told(response: Response) -> Failure {
    let status = response.status();
    let is_problem = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|r#type| r#type.as_bytes().ends_with(b"json"));
    let body = response.bytes().await.unwrap_or_default();
    let problem: ProblemDetails = match is_problem {
        true => serde_json::from_slice(&body).unwrap_or_default(),
        false => ProblemDetails::default(),
    };
    let code = status.as_u16();
    let said = match (problem.detail.is_empty(), problem.title.is_empty()) {
        (false, _) => problem.detail,
        (true, false) => problem.title,
        (true, true) => {
            return Failure::Other(format!(
                "the answer ({code}) is not one of a gateway: is the address right?"
            ));
        }
    };
    let advice = match status {
        StatusCode::UNAUTHORIZED => Some(
            "put the key of a consumer into the environment variable KAKEHASHI_KEY, or a token into KAKEHASHI_TOKEN; \
             `kakehashi key new` makes a key",
        ),
        StatusCode::FORBIDDEN => Some("`kakehashi explain` says which policies decided"),
        StatusCode::NOT_FOUND => Some("look at --url and --tenant; what is not granted is answered as absent"),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Some("try again later"),
        _ => None,
    };
    match advice {
        Some(advice) => Failure::Several(vec![format!("the gateway refuses ({code}): {said}"), advice.to_owned()]),
        None => Failure::Other(format!("the gateway refuses ({code}): {said}")),
    }
}

/// Who asks; `None`: nobody says so. A secret stands in no argument of a command, where others of the machine see it.
fn credential(header: &str) -> Result<Option<(HeaderName, HeaderValue)>, Failure> {
    let of = |variable: &str| std::env::var(variable).ok().filter(|value| !value.is_empty());
    let (name, value) = match (of(KEY), of(TOKEN)) {
        (Some(key), None) => (header.to_owned(), key),
        (None, Some(token)) => (AUTHORIZATION.to_string(), format!("Bearer {token}")),
        (Some(_), Some(_)) => {
            return Err(Failure::Other(format!("both {KEY} and {TOKEN} are set: keep one")));
        }
        (None, None) => return Ok(None),
    };
    let wrong = || {
        Failure::Other(format!(
            "what {KEY} or {TOKEN} holds cannot be sent: is it whole, and on one line?"
        ))
    };
    let name = HeaderName::try_from(name).map_err(|_| wrong())?;
    let mut value = HeaderValue::try_from(value.trim()).map_err(|_| wrong())?;
    value.set_sensitive(true);
    Ok(Some((name, value)))
}

fn tls(ca: Option<&Path>) -> Result<rustls::ClientConfig, Failure> {
    let mut roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    if let Some(file) = ca {
        let wrong = |error: &dyn std::fmt::Display| Failure::other(&format!("cannot read {}", file.display()), error);
        let certificates = CertificateDer::pem_file_iter(file).map_err(|error| wrong(&error))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| wrong(&error))?;
            roots.add(certificate).map_err(|error| wrong(&error))?;
        }
    }
    let builder = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::other("TLS cannot be set up", error))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
