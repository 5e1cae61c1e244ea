//! A site of open data: files by path, with validators, redirections, and pages where files should be.

use std::collections::HashMap;
use std::io;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION};
use http::{HeaderValue, Response, StatusCode};

use crate::server::{LoggedRequest, Server, Service};

/// What stands at a path.
#[derive(Debug, Clone)]
enum Found {
    File {
        media_type: String,
        body: Bytes,
        version: u64,
    },
    Redirection(String),
}

#[derive(Debug, Default)]
struct Paths {
    found: HashMap<String, Found>,
    versions: u64,
}

/// A site with files that a test puts there.
#[derive(Debug)]
pub struct FileSite {
    server: Server,
    paths: Arc<Mutex<Paths>>,
}

struct Answering(Arc<Mutex<Paths>>);

impl FileSite {
    /// Listens on the loopback; port 0 lets the system choose one.
    ///
    /// # Errors
    /// The port cannot be bound.
    pub async fn start(port: u16) -> io::Result<Self> {
        let paths: Arc<Mutex<Paths>> = Arc::default();
        let server = Server::start(port, Answering(Arc::clone(&paths))).await?;
        Ok(Self { server, paths })
    }

    /// Puts a file at a path, in the place of what is there.
    pub fn put(&self, path: &str, media_type: &str, body: impl Into<Bytes>) {
        let mut paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        paths.versions += 1;
        let file = Found::File {
            media_type: media_type.to_owned(),
            body: body.into(),
            version: paths.versions,
        };
        paths.found.insert(path.to_owned(), file);
    }

    /// Leads from a path to elsewhere.
    pub fn redirect(&self, path: &str, location: &str) {
        let mut paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        let to = Found::Redirection(location.to_owned());
        paths.found.insert(path.to_owned(), to);
    }

    /// Takes away what is at a path.
    pub fn remove(&self, path: &str) {
        let mut paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        paths.found.remove(path);
    }
}

impl Deref for FileSite {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Service for Answering {
    fn answer(&self, request: &LoggedRequest) -> Response<Bytes> {
        let paths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut response = Response::new(Bytes::new());
        let text = |text: &str| HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""));
        match paths.found.get(&request.path) {
            None => *response.status_mut() = StatusCode::NOT_FOUND,
            Some(Found::Redirection(location)) => {
                *response.status_mut() = StatusCode::FOUND;
                response.headers_mut().insert(LOCATION, text(location));
            }
            Some(Found::File {
                media_type,
                body,
                version,
            }) => {
                let tag = format!("\"v{version}\"");
                response.headers_mut().insert(ETAG, text(&tag));
                if request.header(IF_NONE_MATCH.as_str()) == Some(&tag) {
                    *response.status_mut() = StatusCode::NOT_MODIFIED;
                } else {
                    response.headers_mut().insert(CONTENT_TYPE, text(media_type));
                    *response.body_mut() = body.clone();
                }
            }
        }
        response
    }
}
