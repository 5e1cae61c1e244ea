//! TLS on a listener: the handshake, bounded in time and in number, and certificates that are renewed while
//! connections go on. A connection keeps the certificate that it began with; new ones get the new.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use kakehashi_certificates::{ClientCertificate, date};
use kakehashi_config::{TlsMaterial, TlsProblem, TlsSettings};
use kakehashi_telemetry::TlsMetrics;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::timed_io::TimedIo;

/// How often the files are looked at. Whoever renews them need not tell us; a minute's delay would serve as well, and
/// a second costs two small reads.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The certificate that the client of a connection has presented, as an extension of every request. That it is signed
/// by an authority of `client_ca` and that the client holds its key has been proved.
#[derive(Debug, Clone)]
pub struct PeerCertificate(pub Arc<ClientCertificate>);

/// TLS as one listener speaks it.
#[derive(Debug)]
pub struct TlsEndpoint {
    settings: Mutex<Arc<TlsSettings>>,
    current: ArcSwap<TlsMaterial>,
    metrics: Arc<TlsMetrics>,
}

impl TlsEndpoint {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// [`TlsProblem`]
    //= 6.2-2
    pub fn open(settings: &Arc<TlsSettings>, metrics: &Arc<TlsMetrics>) -> Result<Self, TlsProblem> {
        let material = settings.read()?;
        record_expiry(metrics, &material);
        Ok(Self {
            settings: Mutex::new(Arc::clone(settings)),
            current: ArcSwap::from_pointee(material),
            metrics: Arc::clone(metrics),
        })
    }

    /// Reads the files again. What is new serves connections from now on; true: there was something new. Connections
    /// under way are not touched.
    ///
    /// # Errors
    /// [`TlsProblem`]; what was in use stays in use.
    pub fn reload(&self) -> Result<bool, TlsProblem> {
        let settings = Arc::clone(&self.settings.lock().unwrap_or_else(PoisonError::into_inner));
        self.read(&settings).map(|material| self.put_in_place(material))
    }

    /// Reads the files that another revision names, and returns what puts them in place.
    ///
    /// # Errors
    /// [`TlsProblem`]; what was in use stays in use.
    pub fn prepare(self: &Arc<Self>, settings: &Arc<TlsSettings>) -> Result<impl FnOnce() + Send + use<>, TlsProblem> {
        let material = self.read(settings)?;
        let (endpoint, settings) = (Arc::clone(self), Arc::clone(settings));
        Ok(move || {
            endpoint.put_in_place(material);
            *endpoint.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
        })
    }

    fn read(&self, settings: &TlsSettings) -> Result<TlsMaterial, TlsProblem> {
        settings.read().inspect_err(|_| self.metrics.record_load("refused"))
    }

    /// Uses it from now on; whether it is another than before.
    fn put_in_place(&self, material: TlsMaterial) -> bool {
        if material.digest == self.current.load().digest {
            return false;
        }
        self.metrics.record_load("used");
        record_expiry(&self.metrics, &material);
        let ends = date(material.certificate.not_after);
        self.current.store(Arc::new(material));
        // Said when it is so: whoever reads it may connect at once.
        tracing::info!(%ends, "a new certificate is in use");
        true
    }

    /// Reads the files again when they change, and at once on SIGHUP, until `shutdown` turns true. A change is taken
    /// when two looks see the same: certificate and key are two files, and nobody writes both at once. What cannot be
    /// used is said once.
    pub async fn watch(self: Arc<Self>, mut shutdown: watch::Receiver<bool>) {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut hangups = signal(SignalKind::hangup())
            .inspect_err(|error| tracing::warn!(%error, "SIGHUP cannot be waited for"))
            .ok();
        let mut seen: Option<Seen> = None;
        loop {
            let at_once = tokio::select! {
                _ = ticks.tick() => false,
                () = next(&mut hangups) => true,
                _ = shutdown.wait_for(|asked| *asked) => return,
            };
            let endpoint = Arc::clone(&self);
            let looked = tokio::task::spawn_blocking(move || endpoint.look()).await;
            let Ok(look) = looked else { continue };
            let before = seen.replace(look.clone());
            if !at_once && before.as_ref() != Some(&look) {
                continue;
            }
            // What was refused at the look before is refused again, and was said then.
            let is_known = !at_once && before.is_some_and(|before| before.said);
            if look.content == Content::InUse {
                continue;
            }
            if !is_known {
                let endpoint = Arc::clone(&self);
                let taken = tokio::task::spawn_blocking(move || endpoint.reload()).await;
                if let Ok(Err(problem)) = taken {
                    let help = problem.help.unwrap_or("");
                    tracing::error!(%problem, help, "the new certificate is refused; the one before stays in use");
                }
            }
            if let Some(seen) = &mut seen {
                seen.said = true;
            }
        }
    }

    fn look(&self) -> Seen {
        let settings = Arc::clone(&self.settings.lock().unwrap_or_else(PoisonError::into_inner));
        let content = match settings.read() {
            Ok(material) if material.digest == self.current.load().digest => Content::InUse,
            Ok(_) => Content::New,
            Err(problem) => Content::Refused(problem.to_string()),
        };
        Seen { content, said: false }
    }

    /// Takes a connection through the handshake; `None`: it failed, or took too long.
    pub(super) async fn shake_hands(
        &self,
        io: TimedIo,
        handshakes: &Semaphore,
        within: Duration,
    ) -> Option<(TlsStream<TimedIo>, Option<PeerCertificate>)> {
        let deadline = Instant::now() + within;
        let handshake = async {
            let _permit = handshakes.acquire().await.ok()?;
            let acceptor = TlsAcceptor::from(Arc::clone(&self.current.load().server));
            match acceptor.accept(io).await {
                Ok(stream) => Some(stream),
                Err(error) => {
                    tracing::debug!(%error, "a TLS handshake failed");
                    None
                }
            }
        };
        let stream = match timeout_at(deadline, handshake).await {
            Ok(Some(stream)) => stream,
            Ok(None) => {
                self.metrics.record_handshake("failed");
                return None;
            }
            Err(_) => {
                self.metrics.record_handshake("timeout");
                return None;
            }
        };
        self.metrics.record_handshake("ok");
        let presented = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let certificate = match presented.map(|certificate| ClientCertificate::read(certificate)) {
            None => None,
            Some(Ok(certificate)) => Some(PeerCertificate(Arc::new(certificate))),
            // Verified by rustls and not readable here: whose it is cannot be told, so that it must not pass for none.
            Some(Err(problem)) => {
                tracing::debug!(%problem, "a client's certificate cannot be read");
                return None;
            }
        };
        Some((stream, certificate))
    }
}

/// What a look at the files has seen.
#[derive(Debug, Clone)]
struct Seen {
    content: Content,
    said: bool,
}

impl PartialEq for Seen {
    fn eq(&self, other: &Self) -> bool {
        self.content == other.content
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    InUse,
    New,
    Refused(String),
}

async fn next(hangups: &mut Option<tokio::signal::unix::Signal>) {
    match hangups {
        Some(hangups) => {
            if hangups.recv().await.is_none() {
                std::future::pending::<()>().await;
            }
        }
        None => std::future::pending().await,
    }
}

fn record_expiry(metrics: &TlsMetrics, material: &TlsMaterial) {
    metrics.record_expiry("certificate", material.certificate.not_after);
    if let Some(authorities) = material.client_ca {
        metrics.record_expiry("client_ca", authorities.not_after);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpStream};
    use tokio_rustls::TlsConnector;

    use super::*;
    use kakehashi_telemetry::Metrics;

    fn write(folder: &Path, names: &[&str]) -> rcgen::Certificate {
        let key = rcgen::KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let certificate = rcgen::CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        std::fs::write(folder.join("server.pem"), certificate.pem()).unwrap();
        std::fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
        certificate
    }

    fn endpoint(folder: &Path) -> Arc<TlsEndpoint> {
        let settings = TlsSettings::of_files(folder.join("server.pem"), folder.join("server.key"), None);
        let metrics = Arc::clone(&Metrics::unread().unwrap().tls);
        Arc::new(TlsEndpoint::open(&Arc::new(settings), &metrics).unwrap())
    }

    fn connector(certificate: &rcgen::Certificate) -> TlsConnector {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        TlsConnector::from(Arc::new(config))
    }

    #[tokio::test]
    async fn clients_that_say_nothing_are_given_up_and_others_get_their_turn() {
        let folder = tempfile::tempdir().unwrap();
        let certificate = write(folder.path(), &["localhost"]);
        let endpoint = endpoint(folder.path());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        // One handshake at once, which a silent client holds until its time is over.
        let limits = crate::ConnectionLimits {
            handshakes: 1,
            handshake: Duration::from_millis(200),
            ..Default::default()
        };
        let (_shutdown, asked) = watch::channel(false);
        let listener = crate::Listener {
            socket: listener,
            tls: Some(endpoint),
            limits,
            bounds: Arc::new(crate::FixedBounds {
                connections: 100,
                per_address: 100,
            }),
            metrics: Arc::clone(&Metrics::unread().unwrap().connections),
        };
        tokio::spawn(crate::serve(listener, axum::Router::new(), asked));
        let mut silent = TcpStream::connect(address).await.unwrap();
        let mut nothing = [0; 1];
        let ended = tokio::time::timeout(Duration::from_secs(60), silent.read(&mut nothing)).await;
        assert!(matches!(ended, Ok(Ok(0) | Err(_))), "the silent client is kept");
        // On a busy machine an honest client may be too slow, too.
        let turn = async {
            loop {
                let stream = TcpStream::connect(address).await.unwrap();
                let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
                if connector(&certificate).connect(name, stream).await.is_ok() {
                    return;
                }
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(60), turn).await;
        assert!(waited.is_ok(), "nobody else gets a turn");
    }

    #[tokio::test]
    async fn what_cannot_be_used_leaves_in_use_what_was() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &["localhost"]);
        let endpoint = endpoint(folder.path());
        assert_eq!(endpoint.reload(), Ok(false), "nothing is new");
        let before = endpoint.current.load().digest;
        std::fs::write(folder.path().join("server.pem"), "nonsense").unwrap();
        let problem = endpoint.reload().unwrap_err();
        assert!(problem.to_string().contains("server.pem"), "{problem}");
        assert_eq!(endpoint.current.load().digest, before);
        write(folder.path(), &["localhost"]);
        assert_eq!(endpoint.reload(), Ok(true));
        assert_ne!(endpoint.current.load().digest, before);

        // Another revision names other files.
        let other = tempfile::tempdir().unwrap();
        write(other.path(), &["localhost"]);
        let files = |name: &str| other.path().join(name);
        let missing = Arc::new(TlsSettings::of_files(files("server.pem"), files("missing.key"), None));
        assert!(endpoint.prepare(&missing).is_err());
        let settings = Arc::new(TlsSettings::of_files(files("server.pem"), files("server.key"), None));
        let before = endpoint.current.load().digest;
        let put_in_place = endpoint.prepare(&settings).unwrap();
        assert_eq!(endpoint.current.load().digest, before, "not before its time");
        put_in_place();
        assert_ne!(endpoint.current.load().digest, before);
        assert_eq!(
            endpoint.reload(),
            Ok(false),
            "it looks at the files of the other revision from now on"
        );
    }
}
