//! Accepting connections and taking one request through log, fault and service.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::body::Body;
use super::log::RequestLog;
use super::{Fault, LoggedRequest, Service};

pub(super) struct Shared {
    service: Box<dyn Service>,
    fault: watch::Sender<Option<Fault>>,
    pub(super) log: RequestLog,
    pub(super) stopping: Notify,
    /// Requests whose peer has gone before there was an answer.
    pub(super) abandoned: AtomicUsize,
}

// === impl Shared ===

impl Shared {
    pub(super) fn new(service: impl Service) -> Self {
        Self {
            service: Box::new(service),
            fault: watch::Sender::default(),
            log: RequestLog::new(),
            stopping: Notify::new(),
            abandoned: AtomicUsize::new(0),
        }
    }

    pub(super) fn set_fault(&self, fault: Option<Fault>) {
        self.fault.send_replace(fault);
    }

    /// Waits while answers are held.
    async fn released(&self) {
        let mut fault = self.fault.subscribe();
        // An error would say that the sender is gone, which is borrowed here.
        let _released = fault.wait_for(|fault| *fault != Some(Fault::Held)).await;
    }

    fn fault(&self) -> Option<Fault> {
        *self.fault.borrow()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Shared")
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}

/// Accepts until it is told to stop. The set owns the connections: they end with this task.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // An error concerns the connection that just failed (ECONNABORTED), not the listener.
                let Ok((stream, _peer)) = accepted else {
                    tokio::task::yield_now().await;
                    continue;
                };
                if shared.fault() == Some(Fault::Reset) {
                    // Without lingering, closing sends RST in place of FIN.
                    let _refused = stream.set_zero_linger();
                    continue;
                }
                connections.spawn(serve(stream, Arc::clone(&shared)));
            }
            Some(_ended) = connections.join_next() => {}
            () = shared.stopping.notified() => break,
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    // Answers are small; waiting for more to send would only distort measurements.
    let _best_effort = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { answer(request, &shared).await }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).title_case_headers(true);
    builder.http2().timer(TokioTimer::new());
    // What ends a connection early is the peer's choice, or the fault that was asked for.
    let _ended = builder.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, shared: &Shared) -> io::Result<Response<Body>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let request = Arc::new(LoggedRequest {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        version: head.version,
        headers: head.headers,
        body,
    });
    shared.log.record(&request);

    // Dropped with the connection, while this waits.
    let waited_for = WaitedFor(&shared.abandoned);
    let answer = answer_as_due(&request, shared).await;
    std::mem::forget(waited_for);
    answer
}

struct WaitedFor<'a>(&'a AtomicUsize);

impl Drop for WaitedFor<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

async fn answer_as_due(request: &LoggedRequest, shared: &Shared) -> io::Result<Response<Body>> {
    match shared.fault() {
        Some(Fault::Reset) => return Err(io::ErrorKind::ConnectionReset.into()),
        Some(Fault::Slow(delay)) => tokio::time::sleep(delay).await,
        Some(Fault::Held) => shared.released().await,
        Some(Fault::DatabaseGone) if request.path != "/version" => {
            return Fault::without_database(&request.path).ok_or_else(|| io::ErrorKind::ConnectionReset.into());
        }
        Some(fault) => {
            if let Some(response) = fault.answer() {
                return Ok(response);
            }
        }
        None => {}
    }
    Ok(shared.service.answer(request).map(Body::full))
}
