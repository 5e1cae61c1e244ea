//! The HTTP client for addresses that clients have named: checked addresses only, nothing followed, nothing repeated.

use std::sync::Arc;

use reqwest::{Client, ClientBuilder, redirect};

use super::rule::Egress;

/// The client cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum CannotAsk {
    /// The TLS settings.
    #[error("the TLS of requests to clients' addresses cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The HTTP client.
    #[error("the client of requests to clients' addresses cannot be set up: {0}")]
    Client(#[from] reqwest::Error),
}

/// A client that connects to what the rule allows, to be completed.
///
/// # Errors
/// [`CannotAsk::Tls`]
pub fn builder(egress: &Egress) -> Result<ClientBuilder, CannotAsk> {
    let roots: rustls::RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(egress.clone())
        .redirect(redirect::Policy::none())
        // A proxy of the environment would resolve names by itself, past the rule.
        .no_proxy()
        .referer(false)
        .retry(reqwest::retry::never())
        .http1_only()
        // These requests are rare: a connection that is kept is closed by its host before it is used again, and a
        // request on it fails without having been sent.
        .pool_max_idle_per_host(0)
        .user_agent(concat!("kakehashi/", env!("CARGO_PKG_VERSION"))))
}
