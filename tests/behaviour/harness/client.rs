//! A consumer that asks over HTTP.

use std::future::{Future, IntoFuture};
use std::net::IpAddr;
use std::pin::Pin;
use std::time::Instant;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::{Answer, PATIENCE};

/// Asks one base address.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: legacy::Client<HttpConnector, Full<Bytes>>,
    base: String,
    key: Option<String>,
}

/// A request on its way; awaiting it sends it.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    client: Client,
    method: Method,
    target: String,
    key: Option<String>,
    headers: Vec<(String, String)>,
    body: Bytes,
}

/// Percent-encodes text for a query.
pub(crate) fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

impl Client {
    /// A client with a key, over HTTP/1.1.
    pub(crate) fn new(base: &str, key: Option<String>) -> Self {
        Self {
            http: legacy::Client::builder(TokioExecutor::new()).build_http(),
            base: base.to_owned(),
            key,
        }
    }

    /// The same over HTTP/2, without asking first.
    pub(crate) fn over_http2(&self) -> Self {
        let http = legacy::Client::builder(TokioExecutor::new())
            .http2_only(true)
            .build_http();
        Self { http, ..self.clone() }
    }

    /// The same from another address of this machine.
    pub(crate) fn at_address(&self, address: IpAddr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_local_address(Some(address));
        Self {
            http: legacy::Client::builder(TokioExecutor::new()).build(connector),
            ..self.clone()
        }
    }

    /// `GET` on a path, with a query or without.
    pub(crate) fn get(&self, target: impl Into<String>) -> Ask {
        self.request(Method::GET, target)
    }

    /// Any method.
    pub(crate) fn request(&self, method: Method, target: impl Into<String>) -> Ask {
        Ask {
            client: self.clone(),
            method,
            target: target.into(),
            key: self.key.clone(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// queryEntity, with the query as it is written.
    pub(crate) fn entities(&self, query: impl AsRef<str>) -> Ask {
        self.get(format!("/ngsi-ld/v1/entities?{}", query.as_ref()))
    }

    /// queryEntity, with values that are encoded here.
    pub(crate) fn query(&self, parameters: &[(&str, &str)]) -> Ask {
        let pairs: Vec<String> = parameters
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        self.entities(pairs.join("&"))
    }

    /// `POST`.
    pub(crate) fn post(&self, target: impl Into<String>) -> Ask {
        self.request(Method::POST, target)
    }

    /// createEntity.
    pub(crate) fn create(&self, entity: &serde_json::Value) -> Ask {
        self.post("/ngsi-ld/v1/entities").json(entity)
    }

    /// deleteEntity.
    pub(crate) fn delete(&self, id: &str) -> Ask {
        self.request(Method::DELETE, format!("/ngsi-ld/v1/entities/{id}"))
    }

    /// retrieveEntity.
    pub(crate) fn entity(&self, id: &str) -> Ask {
        self.get(format!("/ngsi-ld/v1/entities/{id}"))
    }
}

impl Ask {
    /// With this consumer's key.
    pub(crate) fn by(mut self, consumer: &str) -> Self {
        self.key = Some(super::key_of(consumer));
        self
    }

    /// With this key.
    pub(crate) fn key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// Without any.
    pub(crate) fn anonymous(mut self) -> Self {
        self.key = None;
        self
    }

    /// With a header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a body of a media type.
    pub(crate) fn body(mut self, media_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header("content-type", media_type)
    }

    /// With `Accept`.
    pub(crate) fn accept(self, media_type: &str) -> Self {
        self.header("accept", media_type)
    }

    /// With `NGSILD-Tenant`.
    pub(crate) fn tenant(self, tenant: &str) -> Self {
        self.header("ngsild-tenant", tenant)
    }

    /// With a body of `application/json`.
    pub(crate) fn json(self, body: &serde_json::Value) -> Self {
        self.body("application/json", body.to_string())
    }

    async fn send(self) -> Answer {
        self.attempt().await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The answer, or how it was broken off.
    pub(crate) async fn attempt(self) -> Result<Answer, String> {
        let asked = format!("{} {}", self.method, self.target);
        let mut request = Request::builder()
            .method(self.method)
            .uri(format!("{}{}", self.client.base, self.target));
        if let Some(key) = &self.key {
            request = request.header("x-api-key", key);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request
            .body(Full::new(self.body))
            .unwrap_or_else(|error| panic!("{asked}: {error}"));
        let began = Instant::now();
        let exchange = async {
            let sent = self.client.http.request(request).await;
            let response = sent.map_err(|error| format!("{asked}: {error:?}"))?;
            let (head, body) = response.into_parts();
            let body = body.collect().await.map_err(|error| format!("{asked}: {error:?}"))?;
            Ok::<_, String>((head, body.to_bytes()))
        };
        let answered = tokio::time::timeout(PATIENCE, exchange).await;
        let (head, body) = answered.map_err(|_| format!("{asked}: no answer"))??;
        let answer = Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
            took: began.elapsed(),
            asked: asked.clone(),
        };
        Ok(answer.hides_upstreams().hides_persons())
    }
}

impl IntoFuture for Ask {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
