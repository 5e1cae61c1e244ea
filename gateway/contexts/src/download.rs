//! One download of a context document, hardened: http and https only, checked addresses, few redirects, bounded in
//! size, time and number. What comes back is bytes that somebody else has written; it goes into no message.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use kakehashi_core::names::ConsumerId;
use kakehashi_documents::quantity::Network;
use kakehashi_egress as egress;
use kakehashi_egress::client::CannotAsk;
use kakehashi_egress::rule::Egress;
use kakehashi_runtime::Slots;
use ngsi_ld::context::Context;
use reqwest::{Client, Response, Url};
use sha2::{Digest, Sha256};

use kakehashi_egress::freshness::Freshness;

/// Largest document. The largest public context, that of the Smart Data Models, has about 0.3 MiB.
const MOST_BYTES: usize = 1024 * 1024;

/// Redirects that are followed, each checked like the first URL.
const MOST_REDIRECTS: usize = 3;

/// How long a download may take, with its redirects.
const LONGEST: Duration = Duration::from_secs(5);

/// Downloads at once. They serve all consumers, and each ends within [`LONGEST`].
const MOST_AT_ONCE: usize = 32;

/// The same of one consumer: hosts that it names and that never answer cost the others nothing.
const MOST_AT_ONCE_OF_ONE_CONSUMER: usize = 8;

/// Longest validator that is kept and sent back.
const MOST_VALIDATOR_BYTES: usize = 1024;

/// Why a document cannot be had. It names nothing that the other side has said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unavailability {
    /// Not http or https, or with credentials, or an address that may not be named; a name that leads to one looks
    /// like a host that cannot be reached, so that nobody can ask what is inside.
    #[error("it is no public http or https URL")]
    NotAllowed,
    /// No connection, or it broke.
    #[error("its host cannot be reached")]
    Unreachable,
    /// No whole answer in time.
    #[error("its host did not answer in time")]
    Timeout,
    /// 4xx.
    #[error("its host says that it is not there")]
    Refused,
    /// 5xx, or a status that has no sense here.
    #[error("its host answers with an error")]
    Failing,
    /// More than three redirects.
    #[error("it is redirected too often")]
    TooManyRedirects,
    /// More than 1 MiB.
    #[error("it is larger than 1 MiB")]
    TooLarge,
    /// Something else came: no JSON, or no member `@context`.
    #[error("what its host answers is no JSON document with a member @context")]
    NotAContext,
    /// Nobody was asked: too much is being downloaded for the consumer, or for all.
    #[error("as many downloads as may be are under way; try again")]
    Busy,
    /// A context of this gateway that does not exist for the consumer.
    #[error("there is no such context here")]
    NotHere,
}

impl Unavailability {
    /// Whether the origin is away or out of order, rather than without the document: then an older copy may serve.
    pub(crate) const fn is_outage(self) -> bool {
        match self {
            Self::Unreachable
            | Self::Timeout
            | Self::Failing
            | Self::TooManyRedirects
            | Self::TooLarge
            | Self::NotAContext
            | Self::Busy => true,
            Self::NotAllowed | Self::Refused | Self::NotHere => false,
        }
    }
}

/// The downloading cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum CannotDownload {
    /// The TLS settings.
    #[error(transparent)]
    Ask(#[from] CannotAsk),
    /// The HTTP client.
    #[error("the client of downloads cannot be set up: {0}")]
    Client(#[from] reqwest::Error),
}

/// What asks the origin whether a copy is still good.
#[derive(Debug, Clone, Default)]
pub(crate) struct Validators {
    etag: Option<HeaderValue>,
    last_modified: Option<HeaderValue>,
}

impl Validators {
    fn of_response(headers: &HeaderMap) -> Self {
        let kept = |name| {
            let value: Option<&HeaderValue> = headers.get(name);
            value.filter(|value| value.len() <= MOST_VALIDATOR_BYTES).cloned()
        };
        Self {
            etag: kept(header::ETAG),
            last_modified: kept(header::LAST_MODIFIED),
        }
    }
}

/// A document as it was downloaded.
#[derive(Debug)]
pub(crate) struct Document {
    /// Where it was found, after redirects.
    pub place: Arc<str>,
    pub json: Arc<str>,
    pub hash: [u8; 32],
    pub validators: Validators,
    pub freshness: Freshness,
}

/// What the origin answers.
#[derive(Debug)]
pub(crate) enum Downloaded {
    /// The document.
    Document(Document),
    /// The copy is still good.
    NotModified(Freshness),
}

/// The client.
#[derive(Debug)]
pub(crate) struct Downloader {
    client: Client,
    egress: Egress,
    slots: Slots,
}

impl Downloader {
    /// A client that reaches public addresses and the allowed ones.
    ///
    /// # Errors
    /// [`CannotDownload`]
    pub(crate) fn new(egress_allow: &[Network]) -> Result<Self, CannotDownload> {
        let egress = Egress::new(egress_allow);
        let client = egress::client::builder(&egress)?.timeout(LONGEST).build()?;
        Ok(Self {
            client,
            egress,
            slots: Slots::new(MOST_AT_ONCE_OF_ONE_CONSUMER, MOST_AT_ONCE),
        })
    }

    /// Downloads a document for a consumer, or learns that the copy with these validators is still good.
    ///
    /// # Errors
    /// [`Unavailability`]
    pub(crate) async fn download(
        &self,
        url: &str,
        consumer: &ConsumerId,
        validators: &Validators,
    ) -> Result<Downloaded, Unavailability> {
        let exchange = async {
            // Waiting in line counts against the time.
            let _slot = self.slots.take(consumer).await;
            let response = self.follow(url, validators).await?;
            read(response, validators).await
        };
        tokio::time::timeout(LONGEST, exchange)
            .await
            .unwrap_or(Err(Unavailability::Timeout))
    }

    async fn follow(&self, url: &str, validators: &Validators) -> Result<Response, Unavailability> {
        let mut url = Url::parse(url).map_err(|_| Unavailability::NotAllowed)?;
        for _ in 0..=MOST_REDIRECTS {
            if !self.egress.allows_url(&url) {
                return Err(Unavailability::NotAllowed);
            }
            let response = self.ask(url.clone(), validators).await?;
            match redirected_to(&response) {
                None => return Ok(response),
                Some(target) => url = url.join(&target).map_err(|_| Unavailability::Failing)?,
            }
        }
        Err(Unavailability::TooManyRedirects)
    }

    async fn ask(&self, url: Url, validators: &Validators) -> Result<Response, Unavailability> {
        let mut request = self
            .client
            .get(url)
            .header(header::ACCEPT, "application/ld+json, application/json;q=0.9, */*;q=0.1")
            // Nothing is decompressed, so that the size on the wire is the size in memory.
            .header(header::ACCEPT_ENCODING, "identity");
        if let Some(etag) = &validators.etag {
            request = request.header(header::IF_NONE_MATCH, etag);
        } else if let Some(last_modified) = &validators.last_modified {
            request = request.header(header::IF_MODIFIED_SINCE, last_modified);
        }
        request.send().await.map_err(|error| failure(&error))
    }
}

/// The target of a redirect.
fn redirected_to(response: &Response) -> Option<String> {
    let status = response.status();
    let follows = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = response.headers().get(header::LOCATION).filter(|_| follows)?;
    location.to_str().ok().map(str::to_owned)
}

async fn read(response: Response, validators: &Validators) -> Result<Downloaded, Unavailability> {
    let freshness = Freshness::of_response(response.headers(), Timestamp::now());
    let asked_whether = validators.etag.is_some() || validators.last_modified.is_some();
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_MODIFIED if asked_whether => return Ok(Downloaded::NotModified(freshness)),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => return Err(Unavailability::Failing),
        status if status.is_client_error() => return Err(Unavailability::Refused),
        _ => return Err(Unavailability::Failing),
    }
    let validators = Validators::of_response(response.headers());
    let place = response.url().as_str().into();
    let json = text(response).await?;
    // Parsed once to know that it is a context at all: then it is worth keeping.
    if Context::builder().document(&json).is_err() {
        return Err(Unavailability::NotAContext);
    }
    Ok(Downloaded::Document(Document {
        place,
        hash: Sha256::digest(json.as_bytes()).into(),
        json: json.into(),
        validators,
        freshness,
    }))
}

async fn text(mut response: Response) -> Result<String, Unavailability> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
        if bytes.len() + chunk.len() > MOST_BYTES {
            return Err(Unavailability::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    // Files are published with a byte order mark, too.
    let text = str::from_utf8(ngsi_ld::without_byte_order_mark(&bytes)).map_err(|_| Unavailability::NotAContext)?;
    Ok(text.to_owned())
}

fn failure(error: &reqwest::Error) -> Unavailability {
    if error.is_timeout() {
        Unavailability::Timeout
    } else {
        Unavailability::Unreachable
    }
}
