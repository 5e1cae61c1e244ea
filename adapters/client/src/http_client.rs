//! The connections of the whole gateway: one TLS configuration, and a pool for each thread that answers consumers. A
//! source with authorities or a certificate of its own has connections of its own.

use std::cell::Cell;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioTimer;
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::address_rule::{AddressRule, Connector};
use super::driven::WhereItIsOpened;

/// A client with its pool.
pub(super) type Connections = Client<HttpsConnector<Connector>, Full<Bytes>>;

/// How connections are made and kept.
#[derive(Debug, Clone)]
pub struct HttpClientSettings {
    /// How long a TCP connection may take to come about. A request's own deadline may end it earlier.
    pub connect_timeout: Duration,
    /// How long an unused connection is kept.
    pub idle_timeout: Duration,
    /// How many unused connections each thread keeps for one address.
    pub idle_connections: usize,
    /// Largest head of an answer, in bytes.
    pub head: usize,
}

impl Default for HttpClientSettings {
    fn default() -> Self {
        Self {
            // Within one country a connection that takes longer than two lost SYN packets (1 s + 2 s) is none.
            connect_timeout: Duration::from_secs(3),
            // Shorter than what servers commonly keep (nginx 75 s, Tomcat 60 s), so that they seldom close first.
            idle_timeout: Duration::from_secs(30),
            // The default concurrency of a source: a burst leaves no more behind than it needs the next time.
            idle_connections: 32,
            // Servers commonly send at most 8 KiB; hyper's own default is 400 KiB for every connection.
            head: 64 * 1024,
        }
    }
}

/// The TLS library refused its settings.
#[derive(Debug, thiserror::Error)]
#[error("TLS cannot be set up: {0}")]
pub struct TlsSetupError(#[from] rustls::Error);

/// What TLS towards one source needs beside the usual.
#[derive(Debug, Clone, Default)]
pub struct SourceTls {
    /// Who signs the source's certificate, and nobody else; `None`: the roots that Mozilla trusts.
    pub authorities: Option<Arc<RootCertStore>>,
    /// Who the gateway is to the source.
    pub identity: Option<Arc<ClientIdentity>>,
}

impl SourceTls {
    /// Whether it asks for nothing.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        self.authorities.is_none() && self.identity.is_none()
    }
}

/// A certificate that the gateway presents, with its key.
pub struct ClientIdentity {
    /// The gateway's own certificate, then its chain.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key of the first certificate.
    pub key: PrivateKeyDer<'static>,
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientIdentity(***)")
    }
}

/// The connections of the whole gateway. Cheap to clone: clones share the pools.
#[derive(Debug, Clone)]
pub struct HttpClient {
    /// For threads that have none of their own.
    shared: Connections,
    own: Arc<[Connections]>,
}

thread_local! {
    /// Which of a client's own pools this thread uses; `None`: the shared one.
    static POOL: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Gives the current thread connections of its own. A connection is read where it was opened; to wait on one thread for
/// what another reads costs waking it. More threads than processors share pools.
pub fn use_own_connections() {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    let earlier = THREADS.fetch_add(1, Ordering::Relaxed);
    POOL.set(Some(earlier % processors()));
}

fn processors() -> usize {
    available_parallelism().map_or(1, NonZeroUsize::get)
}

impl HttpClient {
    /// A client without connections yet. Certificates are checked against the roots that Mozilla trusts.
    ///
    /// # Errors
    /// [`TlsSetupError`] when TLS cannot be set up.
    pub fn new(settings: &HttpClientSettings) -> Result<Self, TlsSetupError> {
        Self::with_tls(settings, &SourceTls::default())
    }

    /// The same, with authorities or a certificate of one source.
    ///
    /// # Errors
    /// [`TlsSetupError`] when TLS cannot be set up, such as with a key that is not the certificate's.
    pub fn with_tls(settings: &HttpClientSettings, tls: &SourceTls) -> Result<Self, TlsSetupError> {
        Self::under_rule(settings, tls, None)
    }

    /// The same, which connects to what a rule lets through and nothing else. Its connections are its own: those of others
    /// may lead to where the rule would not.
    ///
    /// # Errors
    /// As [`HttpClient::with_tls`].
    pub fn under_rule(
        settings: &HttpClientSettings,
        tls: &SourceTls,
        rule: Option<Arc<dyn AddressRule>>,
    ) -> Result<Self, TlsSetupError> {
        let tcp = Connector::new(rule, |tcp| {
            tcp.enforce_http(false);
            // A request is one small write; waiting for more to send only delays it.
            tcp.set_nodelay(true);
            tcp.set_connect_timeout(Some(settings.connect_timeout));
            // Notices a peer that vanished behind a firewall before a request is lost on its connection.
            tcp.set_keepalive(Some(settings.idle_timeout));
        });
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(client_config(tls)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let mut builder = Client::builder(WhereItIsOpened);
        builder
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(settings.idle_timeout)
            .pool_max_idle_per_host(settings.idle_connections)
            .http1_max_buf_size(settings.head.max(MIN_HEAD));
        let own = (0..processors()).map(|_| builder.build(connector.clone())).collect();
        let shared = builder.build(connector);
        Ok(Self { shared, own })
    }

    /// The connections of the current thread.
    pub(super) fn connections(&self) -> &Connections {
        let own = POOL.get().and_then(|number| self.own.get(number));
        own.unwrap_or(&self.shared)
    }
}

fn client_config(tls: &SourceTls) -> Result<rustls::ClientConfig, rustls::Error> {
    let roots = tls.authorities.clone().unwrap_or_else(|| {
        let roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        Arc::new(roots)
    });
    let builder = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    match &tls.identity {
        None => Ok(builder.with_no_client_auth()),
        Some(identity) => builder.with_client_auth_cert(identity.chain.clone(), identity.key.clone_key()),
    }
}

/// hyper refuses smaller buffers by a panic.
const MIN_HEAD: usize = 8192;
