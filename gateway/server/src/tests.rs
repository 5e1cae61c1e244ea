//! Whole connections in memory, on a clock that stands still while anybody works.

mod slow;
mod wire;

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::body::Body;
use http::{HeaderMap, Response, StatusCode};
use http_body_util::BodyExt;
use kakehashi_telemetry::Metrics;
use tokio::io::DuplexStream;

use super::*;

/// A bound that no test reaches.
const MANY: FixedBounds = FixedBounds {
    connections: 1000,
    per_address: 1000,
};

pub(super) fn metrics() -> Arc<ConnectionMetrics> {
    Arc::clone(&Metrics::unread().unwrap().connections)
}

/// Serves one connection, of which the other end is returned. Between the ends there is room for so many bytes.
fn connect<S: Answers>(service: S, room: usize) -> DuplexStream {
    let (client, server) = tokio::io::duplex(room);
    let connections = Connections::new(Arc::new(MANY), metrics());
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let connection = Connection {
        service,
        peer,
        certificate: None,
        limits: Arc::new(ConnectionLimits::default()),
        admitted: connections.admit(peer.ip()).unwrap_or_else(|_| panic!("no room")),
    };
    let state = Arc::clone(&connection.admitted.state);
    tokio::spawn(connection.speak(TimedIo::new(server, ConnectionLimits::default().idle, state)));
    client
}

/// Answers what it was asked: the method, the target, the fields and the body.
async fn echo(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    if let Some(malformed) = head.extensions.get::<Malformed>() {
        return Ok(said(malformed.status(), malformed.to_string()));
    }
    let asked = format!("{} {} {}", head.method, head.uri, text_of(&head.headers));
    Ok(match body.collect().await {
        Ok(body) => said(StatusCode::OK, format!("{asked} {:?}", body.to_bytes())),
        Err(error) if TooSlow::is_cause_of(&error) => said(StatusCode::REQUEST_TIMEOUT, "too slow".to_owned()),
        Err(_) => said(StatusCode::BAD_REQUEST, "broken body".to_owned()),
    })
}

fn text_of(fields: &HeaderMap) -> String {
    let fields = fields.iter().map(|(name, value)| format!("{name}={value:?}"));
    fields.collect::<Vec<_>>().join(" ")
}

fn said(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}
