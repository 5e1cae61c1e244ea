//! The base of every stand-in: a real HTTP server on a real socket, with a log of what it was asked and faults on demand.
//!
//! It owns the socket, the connections and the log. What to answer is its [`Service`]'s business; services work in
//! memory, so they answer without waiting.

mod body;
mod connection;
mod fault;
mod log;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use fault::{Fault, UPSTREAM_TEXT};
pub use log::LoggedRequest;
pub(crate) use log::decoded;

use connection::Shared;
use log::RequestLog;

/// What a stand-in answers, computed in memory.
pub trait Service: Send + Sync + 'static {
    /// The answer to one request.
    fn answer(&self, request: &LoggedRequest) -> Response<Bytes>;
}

/// A running stand-in: where it is, what it was asked, how it misbehaves. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    url: String,
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

// === impl Server ===

impl Server {
    /// Listens on the loopback; port 0 lets the system choose one.
    ///
    /// # Errors
    /// The port cannot be bound.
    pub async fn start(port: u16, service: impl Service) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .map_err(|error| io::Error::new(error.kind(), format!("port {port}: {error}")))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(service));
        let accepting = tokio::spawn(connection::accept(listener, Arc::clone(&shared)));
        Ok(Self {
            url: format!("http://{address}"),
            address,
            shared,
            accepting: Mutex::new(Some(accepting)),
        })
    }

    /// The base URL, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The socket address.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// What was asked, oldest first; the newest 10,000 requests are kept.
    #[must_use]
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.log().requests()
    }

    /// Forgets what was asked so far.
    pub fn clear_requests(&self) {
        self.log().clear();
    }

    /// How many requests were given up: their connections were closed before there was an answer.
    #[must_use]
    pub fn abandoned(&self) -> usize {
        self.shared.abandoned.load(Ordering::SeqCst)
    }

    /// Switches the request log on or off; a benchmark does not want to pay for it.
    pub fn log_requests(&self, on: bool) {
        self.log().switch(on);
    }

    /// From now on every request meets this fault.
    pub fn set_fault(&self, fault: Fault) {
        self.shared.set_fault(Some(fault));
    }

    /// From now on requests are answered as they should be.
    pub fn clear_fault(&self) {
        self.shared.set_fault(None);
    }

    /// Closes the listener and every connection. When this returns the port is free and connects are refused.
    pub async fn stop(&self) {
        if let Some(task) = self.take_accepting() {
            self.shared.stopping.notify_one();
            // The task owns the listener and the connections; they are gone when it has been joined.
            let _ended = task.await;
        }
    }

    fn log(&self) -> &RequestLog {
        &self.shared.log
    }

    fn take_accepting(&self) -> Option<JoinHandle<()>> {
        self.accepting.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(task) = self.take_accepting() {
            task.abort();
        }
    }
}

/// An answer with a body of one media type.
#[must_use]
pub fn response(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// An answer without a body.
#[must_use]
pub fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

/// An answer that holds a value as JSON.
#[must_use]
pub fn json(status: StatusCode, value: &serde_json::Value) -> Response<Bytes> {
    response(status, "application/json", value.to_string())
}
