//! The personal-data store that stands beside a city OS, with routes like PXR's. The gateway must never contact it:
//! its log of requests is there to prove that.

use std::io;
use std::ops::Deref;

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::server::{self, LoggedRequest, Server};

use super::persons;

/// The cookie of an operator's session; without it every route answers 401.
pub const SESSION_COOKIE: &str = "operator_type0_session";

/// A running personal-data module. Dereferences to its [`Server`].
#[derive(Debug)]
pub struct PersonalDataModule {
    server: Server,
}

// === impl PersonalDataModule ===

impl PersonalDataModule {
    /// Starts it on a port; 0 lets the system choose.
    ///
    /// # Errors
    /// The port cannot be bound.
    pub async fn start(port: u16) -> io::Result<Self> {
        let server = Server::start(port, Books).await?;
        Ok(Self { server })
    }
}

impl Deref for PersonalDataModule {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

struct Books;

impl server::Service for Books {
    fn answer(&self, request: &LoggedRequest) -> Response<Bytes> {
        if !has_session(request) {
            return problem(StatusCode::UNAUTHORIZED, "unauthorized");
        }
        let segments: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        match (&request.method, segments.as_slice()) {
            (&Method::POST, ["book-operate", "share"]) => {
                server::json(StatusCode::OK, &Value::Array(persons::records()))
            }
            (&Method::GET, ["event" | "thing" | "document", user_id]) => persons::record(user_id).map_or_else(
                || problem(StatusCode::NOT_FOUND, "not found"),
                |record| server::json(StatusCode::OK, &record),
            ),
            (&Method::POST, ["event" | "thing" | "document", user_id]) => {
                server::json(StatusCode::OK, &json!({ "userId": user_id, "result": "success" }))
            }
            _ => problem(StatusCode::NOT_FOUND, "not found"),
        }
    }
}

fn has_session(request: &LoggedRequest) -> bool {
    request.header("cookie").is_some_and(|cookies| {
        cookies
            .split(';')
            .filter_map(|cookie| cookie.trim().split_once('='))
            .any(|(name, value)| name == SESSION_COOKIE && !value.is_empty())
    })
}

fn problem(status: StatusCode, message: &str) -> Response<Bytes> {
    server::json(status, &json!({ "status": status.as_u16(), "message": message }))
}
