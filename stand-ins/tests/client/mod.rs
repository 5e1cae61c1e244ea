//! A pooled HTTP client for the tests.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

pub(crate) type TestClient = Client<HttpConnector, Full<Bytes>>;

pub(crate) fn client() -> TestClient {
    Client::builder(TokioExecutor::new()).build_http()
}

/// Asks with GET and these header fields.
pub(crate) async fn ask(client: &TestClient, url: &str, headers: &[(&str, &str)]) -> Result<Response<Incoming>, Error> {
    let mut request = Request::get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    client.request(request.body(Full::default()).unwrap()).await
}

/// As [`ask`], with the status and the body as JSON.
pub(crate) async fn json(client: &TestClient, url: &str, headers: &[(&str, &str)]) -> (u16, Value) {
    let response = ask(client, url, headers).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap())
}
