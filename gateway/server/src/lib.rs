//! Listeners and connections: HTTP/1.1 and HTTP/2 on one port, in plain text or over TLS, a bound on every phase of a
//! connection, and a shutdown that lets requests finish. It knows nothing of what a request means.
//!
//! | module | owns |
//! |---|---|
//! | `workers` | the threads that consumers' connections live on |
//! | `tls` | the handshake, and certificates that change |
//! | `connections`, `connection_state` | who is connected, and who goes when there is no room |
//! | `descriptors` | how many connections the process can have |
//! | `requests`, `request_head`, `chunks`, `host`, `malformed` | what is no request of HTTP |
//! | `request_target` | targets as people write them |
//! | `checked_io`, `timed_io` | what is done with the bytes of a connection on their way |
//! | `patience`, `timed_body`, `taken_body`, `streams` | how slow a peer may be |

mod bytes_of_heads;
mod checked_io;
mod chunks;
mod connection_state;
mod connections;
mod descriptors;
mod head_room;
mod host;
mod malformed;
mod patience;
mod pulse;
mod request_head;
mod request_target;
mod requests;
mod streams;
mod taken_body;
mod timed_body;
mod timed_io;
mod tls;
mod workers;

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use kakehashi_telemetry::ConnectionMetrics;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tower::{Service, ServiceExt};

use checked_io::CheckedIo;
use connection_state::{Ending, UnderWay};
use connections::{Admitted, Connections, NoRoom};
pub use connections::{ConnectionBounds, FixedBounds};
pub use descriptors::{connections_within, raise_descriptor_limit};
pub use malformed::{Fault, Malformed};
pub use pulse::Pulse;
use request_head::HeadLimits;
use streams::{Stream, StreamExecutor};
use taken_body::TakenBody;
use timed_body::TimedBody;
pub use timed_body::TooSlow;
use timed_io::TimedIo;
pub use tls::{PeerCertificate, TlsEndpoint};
pub use workers::LONGEST_END_OF_THREADS;
use workers::Workers;

/// How long a connection may take to end whose room somebody else needs, and on which no request is under way: a round
/// trip for the goodbye of HTTP/2, on a slow mobile line.
const CLOSES_WITHIN: Duration = Duration::from_secs(1);

/// What bounds the phases of each connection of a listener.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    /// TLS handshakes at once, each of which costs about a millisecond of computing. Beyond, clients wait within
    /// [`ConnectionLimits::handshake`].
    pub handshakes: usize,
    /// From accepting to the end of the TLS handshake.
    pub handshake: Duration,
    /// From the first byte of a request's head to its last.
    pub head: Duration,
    /// How long a connection may send nothing while it should.
    pub idle: Duration,
    /// Size of a request's head, in bytes.
    pub head_bytes: usize,
    /// Header fields in a request's head, no more than the 100 that the HTTP library takes unless it is told otherwise,
    /// which would cost it an allocation for each request.
    pub headers: usize,
    /// Requests at once on one HTTP/2 connection.
    pub streams: u32,
    /// How long requests may go on after a shutdown was asked for.
    pub drain: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
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

/// A socket that is listened on, and what holds for the connections of it.
pub struct Listener {
    /// The socket.
    pub socket: TcpListener,
    /// `None`: in plain text.
    pub tls: Option<Arc<TlsEndpoint>>,
    /// What bounds each of them.
    pub limits: ConnectionLimits,
    /// What bounds all of them.
    pub bounds: Arc<dyn ConnectionBounds>,
    /// Where they are counted.
    pub metrics: Arc<ConnectionMetrics>,
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

/// Serves until `shutdown` turns true, then lets the requests under way finish. Connections live on the caller's runtime.
pub async fn serve<S: Answers>(listener: Listener, service: S, shutdown: watch::Receiver<bool>) {
    accept_all(listener, service, None, shutdown).await;
}

/// As [`serve`], with a thread for each processor that connections are spread over.
pub async fn serve_over_threads<S: Answers>(
    listener: Listener,
    service: S,
    pulse: Arc<Pulse>,
    shutdown: watch::Receiver<bool>,
) {
    let processors = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let workers = match Workers::start(processors) {
        Ok(workers) => {
            pulse.watch(workers.runtimes());
            Some(workers)
        }
        Err(error) => {
            // Slower, and as right.
            tracing::warn!(%error, "no threads for connections alone; they share those of everything else");
            None
        }
    };
    accept_all(listener, service, workers, shutdown).await;
}

async fn accept_all<S: Answers>(
    listener: Listener,
    service: S,
    workers: Option<Workers>,
    mut shutdown: watch::Receiver<bool>,
) {
    let Listener {
        socket,
        tls,
        limits,
        bounds,
        metrics,
    } = listener;
    let limits = Arc::new(limits);
    let handshakes = Arc::new(Semaphore::new(limits.handshakes));
    let connections = Connections::new(bounds, metrics);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&socket, &connections) => accepted,
            _ = shutdown.wait_for(|asked| *asked) => break,
        };
        let Some((stream, peer, admitted)) = accepted else {
            continue;
        };
        let connection = Connection {
            service: service.clone(),
            peer,
            certificate: None,
            limits: Arc::clone(&limits),
            admitted,
        };
        let (tls, handshakes) = (tls.clone(), Arc::clone(&handshakes));
        match &workers {
            None => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "a connection is the caller's, and ends with it"
                )]
                tokio::spawn(connection.live(stream, tls, handshakes));
            }
            Some(workers) => {
                // Whoever reads a connection must be told of what arrives by the runtime of that thread.
                let Ok(stream) = stream.into_std() else { continue };
                workers.run(async move {
                    if let Ok(stream) = TcpStream::from_std(stream) {
                        connection.live(stream, tls, handshakes).await;
                    }
                });
            }
        }
    }
    drop(socket);
    if tokio::time::timeout(limits.drain, connections.end_all()).await.is_err() {
        tracing::warn!("some requests did not finish within the drain time and were cut off");
    }
    if let Some(workers) = workers {
        workers.end().await;
    }
}

/// Waits for a connection, and for room for it. Failures to accept (out of file descriptors) are waited out.
async fn accept(socket: &TcpListener, connections: &Arc<Connections>) -> Option<(TcpStream, SocketAddr, Admitted)> {
    /// Long enough not to spin, short enough not to be noticed.
    const AFTER_FAILURE: Duration = Duration::from_millis(50);
    let (stream, peer) = match socket.accept().await {
        Ok(accepted) => accepted,
        Err(error) => {
            tracing::warn!(error = %error, "cannot accept a connection");
            tokio::time::sleep(AFTER_FAILURE).await;
            return None;
        }
    };
    // Small answers leave at once; without this the kernel may wait for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let mut has_waited = false;
    loop {
        match connections.admit(peer.ip()) {
            Ok(admitted) => return Some((stream, peer, admitted)),
            Err(NoRoom::ForAddress) => {
                connections.metrics().record_refused();
                return None;
            }
            // On every connection a request is under way. Those that come later wait in the operating system's queue.
            Err(NoRoom::AtAll) => {
                if !has_waited {
                    connections.metrics().record_waited();
                }
                has_waited = true;
                // One may become idle as well, of which nobody tells.
                let _ = tokio::time::timeout(AFTER_FAILURE, connections.one_has_ended()).await;
            }
        }
    }
}

/// One connection on which HTTP is to be spoken.
struct Connection<S> {
    service: S,
    peer: SocketAddr,
    certificate: Option<PeerCertificate>,
    limits: Arc<ConnectionLimits>,
    admitted: Admitted,
}

impl<S: Answers> Connection<S> {
    /// From the handshake, where there is TLS, to its end.
    async fn live(self, stream: TcpStream, tls: Option<Arc<TlsEndpoint>>, handshakes: Arc<Semaphore>) {
        let state = Arc::clone(&self.admitted.state);
        let io = TimedIo::new(stream, self.limits.idle, Arc::clone(&state));
        let Some(tls) = tls else {
            self.speak(io).await;
            return;
        };
        let handshake = tls.shake_hands(io, &handshakes, self.limits.handshake);
        let shaken = tokio::select! {
            shaken = handshake => shaken,
            _ = poll_fn(|cx| state.poll_ending(cx)) => None,
        };
        if let Some((io, certificate)) = shaken {
            Self { certificate, ..self }.speak(io).await;
        }
    }

    async fn speak<Io: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, io: Io) {
        let Self {
            service,
            peer,
            certificate,
            limits,
            // Dropped last: the connection counts until its socket is closed.
            admitted,
        } = self;
        let state = &admitted.state;
        let head = HeadLimits {
            bytes: limits.head_bytes,
            fields: limits.headers,
        };
        let io = CheckedIo::new(io, head, limits.head, Arc::clone(state));
        let asked = Arc::clone(state);
        let answers = hyper::service::service_fn(move |request| {
            // From here on it is under way, and its number known, whenever its turn comes.
            let (under_way, malformed) = (asked.begin_request(), asked.next_request());
            answer(
                service.clone(),
                request,
                peer,
                certificate.clone(),
                under_way,
                malformed,
            )
        });
        let builder = connection_builder(&limits, StreamExecutor(Arc::clone(state)));
        let mut connection = pin!(builder.serve_connection(TokioIo::new(io), answers));
        let mut ending = None;
        let mut given_up = None;
        // What is read and written ends an idle connection of HTTP/1; one of HTTP/2 may answer pings for ever.
        let mut idle = Box::pin(tokio::time::sleep(limits.idle));
        let ended = poll_fn(|cx| {
            if ending.is_none()
                && let Poll::Ready(asked) = state.poll_ending(cx)
            {
                ending = Some(asked);
                connection.as_mut().graceful_shutdown();
                given_up = (asked == Ending::Room).then(|| Box::pin(tokio::time::sleep(CLOSES_WITHIN)));
            }
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                return Poll::Ready(ended);
            }
            while ending.is_none() && idle.as_mut().poll(cx).is_ready() {
                let since = state.idle_since().unwrap_or_else(Instant::now);
                if since + limits.idle <= Instant::now() {
                    // Woken by this, it is asked to end at once.
                    state.end(Ending::Room);
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                idle.as_mut().reset(since + limits.idle);
            }
            let Some(timer) = &mut given_up else {
                return Poll::Pending;
            };
            while timer.as_mut().poll(cx).is_ready() {
                // A request may have come on the way.
                if state.idle_since().is_some() {
                    return Poll::Ready(Ok(()));
                }
                timer.as_mut().reset(Instant::now() + CLOSES_WITHIN);
            }
            Poll::Pending
        });
        if let Err(error) = ended.await {
            // A peer that breaks off or sends nonsense is no fault of ours.
            tracing::debug!(error = %error, "connection ended early");
        }
    }
}

fn connection_builder(limits: &ConnectionLimits, streams: StreamExecutor) -> auto::Builder<StreamExecutor> {
    let mut builder = auto::Builder::new(streams);
    builder
        .http1()
        .timer(TokioTimer::new())
        // `CheckedIo` hands over whole heads, and bounds the time that they take; `TimedIo` bounds the time between them.
        .header_read_timeout(None)
        .max_buf_size(limits.head_bytes)
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
    under_way: UnderWay,
    malformed: Option<Malformed>,
) -> Result<http::Response<TakenBody>, Infallible> {
    let malformed = malformed.or_else(|| host::check(&request).err().map(Malformed::from));
    let is_http_1 = request.version() < Version::HTTP_2;
    let mut request = request.map(|body| match body.is_end_stream() {
        true => Body::empty(),
        false => Body::new(TimedBody::new(body, under_way.shared())),
    });
    request.extensions_mut().insert(PeerAddress(peer));
    if let Some(certificate) = certificate {
        request.extensions_mut().insert(certificate);
    }
    if let Some(malformed) = malformed {
        request.extensions_mut().insert(malformed);
    }
    let mut response = service.oneshot(request).await?;
    if is_http_1 && (malformed.is_some() || under_way.connection().has_failed_body()) {
        // What follows on this connection may be another request for somebody else.
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response.map(|body| TakenBody::new(body, Stream::current(), under_way)))
}
