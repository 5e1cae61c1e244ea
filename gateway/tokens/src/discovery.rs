//! Fetching what an issuer publishes: its configuration (OpenID Connect Discovery 1.0 section 4) and its keys
//! (RFC 7517). Addresses come from the administrators' file, or from what stands at that address.

use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use jsonwebtoken::jwk::JwkSet;
use kakehashi_config::Issuer;
use kakehashi_egress::client::{self, CannotAsk};
use kakehashi_egress::freshness::Freshness;
use kakehashi_egress::rule::Egress;
use reqwest::{Client, redirect};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

/// Largest document. A key takes half a KiB, with its certificates four; no issuer publishes a hundred.
const MOST_BYTES: usize = 512 * 1024;

/// Longest time for one document, from the name to the last byte: callers wait for it.
const LONGEST: Duration = Duration::from_secs(5);

/// Keys of one set that are looked at.
const MOST_KEYS: usize = 100;

/// Why the keys of an issuer cannot be had. It names no address and nothing of what was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeysUnavailable {
    /// No answer in time.
    #[error("the issuer cannot be reached")]
    Unreachable,
    /// An answer with another status than 200.
    #[error("the issuer answered with status {0}")]
    Status(u16),
    /// An answer of more than half a MiB.
    #[error("the issuer's answer is too large")]
    TooLarge,
    /// Not JSON of the form that is expected.
    #[error("the issuer's answer is not valid")]
    Invalid,
    /// Its configuration is that of another issuer, or leads to keys over a way that is less safe.
    #[error("the issuer's configuration is not its own")]
    NotItsOwn,
}

/// The part of the configuration that is needed.
#[derive(Deserialize)]
struct ProviderConfiguration {
    issuer: String,
    jwks_uri: String,
}

/// The HTTP clients for issuers.
#[derive(Debug, Clone)]
pub(super) struct IssuerClient {
    /// For the host that the operator has named.
    named: Client,
    /// For another host that the issuer itself names as that of its keys: a public one, whatever its name resolves to.
    others: Client,
    rule: Egress,
}

impl IssuerClient {
    /// Sets them up.
    ///
    /// # Errors
    /// [`CannotAsk`]
    pub(super) fn new() -> Result<Self, CannotAsk> {
        let roots: rustls::RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let named = Client::builder()
            .tls_backend_preconfigured(tls.with_root_certificates(roots).with_no_client_auth())
            // A redirect would lead away from the address that the administrator has trusted.
            .redirect(redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .timeout(LONGEST)
            .user_agent(concat!("kakehashi/", env!("CARGO_PKG_VERSION")))
            .build()?;
        let rule = Egress::new(&[]);
        let others = client::builder(&rule)?.timeout(LONGEST).build()?;
        Ok(Self { named, others, rule })
    }

    /// Which of them may ask for the keys of an issuer at that address.
    fn of_keys(&self, issuer: &Issuer, address: &Url) -> Option<&Client> {
        let is_same_host = address.host() == issuer.url.host()
            && address.port_or_known_default() == issuer.url.port_or_known_default();
        if is_same_host {
            return Some(&self.named);
        }
        self.rule.allows_url(address).then_some(&self.others)
    }
}

/// The keys that an issuer publishes, and for how long they are good.
pub(super) async fn keys(client: &IssuerClient, issuer: &Issuer) -> Result<(JwkSet, Duration), KeysUnavailable> {
    let mut configuration = issuer.url.clone();
    let path = format!(
        "{}/.well-known/openid-configuration",
        issuer.url.path().trim_end_matches('/')
    );
    configuration.set_path(&path);
    let (configuration, _): (ProviderConfiguration, _) = document(&client.named, configuration).await?;
    // Section 4.3: what answers for the issuer must be the issuer.
    let is_its_own = configuration.issuer == *issuer.identifier;
    let address = Url::parse(&configuration.jwks_uri).map_err(|_| KeysUnavailable::Invalid)?;
    let is_as_safe = address.scheme() == "https" || (address.scheme() == "http" && issuer.url.scheme() == "http");
    if !is_its_own || !is_as_safe {
        return Err(KeysUnavailable::NotItsOwn);
    }
    let client = client.of_keys(issuer, &address).ok_or(KeysUnavailable::NotItsOwn)?;
    let (mut keys, freshness): (JwkSet, Freshness) = document(client, address).await?;
    keys.keys.truncate(MOST_KEYS);
    Ok((keys, freshness.lifetime))
}

async fn document<T: DeserializeOwned>(client: &Client, url: Url) -> Result<(T, Freshness), KeysUnavailable> {
    let unreachable = |_| KeysUnavailable::Unreachable;
    let request = client.get(url).header(http::header::ACCEPT, "application/json");
    let mut response = request.send().await.map_err(unreachable)?;
    if response.status() != StatusCode::OK {
        return Err(KeysUnavailable::Status(response.status().as_u16()));
    }
    let freshness = Freshness::of_response(response.headers(), Timestamp::now());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > MOST_BYTES {
            return Err(KeysUnavailable::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    let document =
        serde_json::from_slice(ngsi_ld::without_byte_order_mark(&body)).map_err(|_| KeysUnavailable::Invalid)?;
    Ok((document, freshness))
}
