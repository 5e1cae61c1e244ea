//! Listeners and connections: HTTP/1.1 and HTTP/2 on one port, in plain text or over TLS, a bound on every phase of a
//! connection, and a shutdown that lets requests finish. It knows nothing of what a request means.

mod request_target;
mod timed_io;
mod tls;
mod workers;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::{Service, ServiceExt};

use request_target::EncodedTargets;
use timed_io::TimedIo;
pub use tls::{PeerCertificate, TlsEndpoint};
#[cfg(test)]
pub(crate) use workers::LONGEST_END_OF_THREADS;
use workers::Workers;

/// What bounds the connections of a listener.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    /// Connections at once. Beyond, clients wait in the listen queue of the operating system.
    pub connections: usize,
    /// TLS handshakes at once, each of which costs about a millisecond of computing. Beyond, clients wait within
    /// [`ConnectionLimits::handshake`].
    pub handshakes: usize,
    /// From accepting to the end of the TLS handshake.
    pub handshake: Duration,
    /// From accepting to the last byte of a request's head.
    pub head: Duration,
    /// How long a connection may neither send nor receive a byte while it should.
    pub idle: Duration,
    /// Size of a request's head, in bytes.
    pub head_bytes: usize,
    /// Header fields in a request's head.
    pub headers: usize,
    /// Requests at once on one HTTP/2 connection.
    pub streams: u32,
    /// How long requests may go on after a shutdown was asked for.
    pub drain: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            // A connection costs some 20 KiB; this bounds them to a few hundred MiB.
            connections: 10_000,
            // What a burst of reconnecting clients needs, a tenth of the connections.
            handshakes: 1000,
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(10),
            // Longer than the deadline of a request, shorter than what load balancers keep.
            idle: Duration::from_secs(60),
            // A URL of 8 KiB, a bearer token of 8 KiB, and the usual rest.
            head_bytes: 64 * 1024,
            headers: 100,
            streams: 100,
            drain: Duration::from_secs(20),
        }
    }
}

/// What is served: for each request, an answer.
pub trait Answers:
    Service<Request<Body>, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static
{
}

impl<S> Answers for S where
    S: Service<Request<Body>, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static
{
}

/// The address of the peer, as an extension of every request.
#[derive(Debug, Clone, Copy)]
pub struct PeerAddress(pub SocketAddr);

/// Serves on `listener` until `shutdown` turns true, then lets the requests under way finish. Connections live
/// on the caller's runtime.
pub async fn serve<S: Answers>(
    listener: TcpListener,
    service: S,
    limits: ConnectionLimits,
    shutdown: watch::Receiver<bool>,
) {
    accept_all(listener, service, None, None, limits, shutdown).await;
}

/// As [`serve`], over TLS where it is given, with a thread for each processor that connections are spread over.
pub async fn serve_over<S: Answers>(
    listener: TcpListener,
    service: S,
    tls: Option<Arc<TlsEndpoint>>,
    limits: ConnectionLimits,
    shutdown: watch::Receiver<bool>,
) {
    let processors = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let workers = match Workers::start(processors) {
        Ok(workers) => Some(workers),
        Err(error) => {
            // Slower, and as right.
            tracing::warn!(%error, "no threads for connections alone; they share those of everything else");
            None
        }
    };
    accept_all(listener, service, tls, workers, limits, shutdown).await;
}

async fn accept_all<S: Answers>(
    listener: TcpListener,
    service: S,
    tls: Option<Arc<TlsEndpoint>>,
    workers: Option<Workers>,
    limits: ConnectionLimits,
    mut shutdown: watch::Receiver<bool>,
) {
    let permits = Arc::new(Semaphore::new(limits.connections));
    let handshakes = Arc::new(Semaphore::new(limits.handshakes));
    let connections = Arc::new(connection_builder(&limits));
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &permits) => accepted,
            _ = shutdown.wait_for(|asked| *asked) => break,
        };
        let Some((stream, peer, permit)) = accepted else {
            continue;
        };
        let connection = Connection {
            service: service.clone(),
            peer,
            certificate: None,
            builder: Arc::clone(&connections),
            watcher: graceful.watcher(),
        };
        let (tls, handshakes) = (tls.clone(), Arc::clone(&handshakes));
        let (idle, within) = (limits.idle, limits.handshake);
        match &workers {
            None => {
                let io = TimedIo::new(stream, idle);
                #[expect(
                    clippy::disallowed_methods,
                    reason = "a connection is the caller's, and ends with it"
                )]
                tokio::spawn(connection.live(io, tls, handshakes, within, permit));
            }
            Some(workers) => {
                // Whoever reads a connection must be told of what arrives by the runtime of that thread.
                let Ok(stream) = stream.into_std() else { continue };
                workers.run(async move {
                    let Ok(stream) = TcpStream::from_std(stream) else {
                        return;
                    };
                    let io = TimedIo::new(stream, idle);
                    connection.live(io, tls, handshakes, within, permit).await;
                });
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(limits.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish within the drain time and were cut off");
    }
    if let Some(workers) = workers {
        workers.end().await;
    }
}

/// One connection on which HTTP is to be spoken.
struct Connection<S> {
    service: S,
    peer: SocketAddr,
    certificate: Option<PeerCertificate>,
    builder: Arc<auto::Builder<TokioExecutor>>,
    watcher: Watcher,
}

impl<S: Answers> Connection<S> {
    /// From the handshake, where there is TLS, to its end.
    async fn live(
        self,
        io: TimedIo,
        tls: Option<Arc<TlsEndpoint>>,
        handshakes: Arc<Semaphore>,
        within: Duration,
        permit: OwnedSemaphorePermit,
    ) {
        match tls {
            None => self.speak(io).await,
            Some(tls) => {
                if let Some((io, certificate)) = tls.shake_hands(io, &handshakes, within).await {
                    Self { certificate, ..self }.speak(io).await;
                }
            }
        }
        drop(permit);
    }

    async fn speak<Io: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, io: Io) {
        let Self {
            service,
            peer,
            certificate,
            builder,
            watcher,
        } = self;
        let service =
            hyper::service::service_fn(move |request| answer(service.clone(), request, peer, certificate.clone()));
        let connection = builder
            .serve_connection_with_upgrades(TokioIo::new(EncodedTargets::new(io)), service)
            .into_owned();
        if let Err(error) = watcher.watch(connection).await {
            // A peer that breaks off or sends nonsense is no fault of ours.
            tracing::debug!(error = %error, "connection ended early");
        }
    }
}

/// Waits for room, then for a connection. Failures to accept (out of file descriptors) are waited out.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    /// Long enough not to spin, short enough not to be noticed.
    const AFTER_FAILURE: Duration = Duration::from_millis(50);
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Small answers leave at once; without this the kernel may wait for an acknowledgement.
            let _ = stream.set_nodelay(true);
            Some((stream, peer, permit))
        }
        Err(error) => {
            tracing::warn!(error = %error, "cannot accept a connection");
            tokio::time::sleep(AFTER_FAILURE).await;
            None
        }
    }
}

fn connection_builder(limits: &ConnectionLimits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(limits.head_bytes)
        .max_headers(limits.headers)
        .keep_alive(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.idle / 3)
        .keep_alive_timeout(limits.head)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(limits.streams)
        // A client that opens and resets streams without end (CVE-2023-44487) is cut off after this many.
        .max_pending_accept_reset_streams(20);
    builder
}

async fn answer<S: Answers>(
    service: S,
    request: Request<Incoming>,
    peer: SocketAddr,
    certificate: Option<PeerCertificate>,
) -> Result<Response, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(PeerAddress(peer));
    if let Some(certificate) = certificate {
        request.extensions_mut().insert(certificate);
    }
    service.oneshot(request).await
}
