//! Every stand-in can be asked to misbehave, and can be stopped.

// clippy.toml exempts tests, but not what they call.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

#[allow(dead_code)]
mod client;

use std::time::Duration;

use bytes::Bytes;
use client::{TestClient, ask, client};
use http::Version;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use stand_ins::server::UPSTREAM_TEXT;
use stand_ins::{Fault, Orion};
use tokio::net::TcpStream;
use tokio::time::timeout;

async fn body(client: &TestClient, orion: &Orion) -> Bytes {
    let answer = ask(client, &url(orion), &[]).await.unwrap();
    answer.into_body().collect().await.unwrap().to_bytes()
}

fn url(orion: &Orion) -> String {
    format!("{}/v2/entities", orion.url())
}

#[tokio::test]
async fn a_status_and_a_page_carry_the_upstreams_text() {
    let (orion, client) = (Orion::start().await.unwrap(), client());
    orion.set_fault(Fault::Status(503));
    let answer = ask(&client, &url(&orion), &[]).await.unwrap();
    assert_eq!(answer.status(), 503);
    orion.set_fault(Fault::Html);
    let answer = ask(&client, &url(&orion), &[]).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
    let page = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&page).contains(UPSTREAM_TEXT));
    orion.clear_fault();
    assert_eq!(body(&client, &orion).await, "[]");
}

#[tokio::test]
async fn broken_and_empty_bodies_are_not_json() {
    let (orion, client) = (Orion::start().await.unwrap(), client());
    for fault in [Fault::BrokenJson, Fault::EmptyBody] {
        orion.set_fault(fault);
        let body = body(&client, &orion).await;
        assert!(serde_json::from_slice::<Value>(&body).is_err(), "{fault:?}");
    }
}

#[tokio::test]
async fn a_slow_answer_is_late_but_right() {
    let (orion, client) = (Orion::start().await.unwrap(), client());
    orion.set_fault(Fault::Slow(Duration::from_millis(50)));
    let started = std::time::Instant::now();
    assert_eq!(body(&client, &orion).await, "[]");
    assert!(started.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn a_slow_body_begins_at_once_and_does_not_end() {
    let (orion, client) = (Orion::start().await.unwrap(), client());
    orion.set_fault(Fault::SlowBody);
    let answer = ask(&client, &url(&orion), &[]).await.unwrap();
    let mut body = answer.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first, "[");
    let rest = timeout(Duration::from_millis(30), body.collect()).await;
    assert!(rest.is_err());
}

#[tokio::test]
async fn an_endless_body_outgrows_every_limit() {
    let (orion, client) = (Orion::start().await.unwrap(), client());
    orion.set_fault(Fault::EndlessBody);
    let answer = ask(&client, &url(&orion), &[]).await.unwrap();
    let mut body = answer.into_body();
    let mut read = 0;
    while read < 10_000_000 {
        read += body.frame().await.unwrap().unwrap().into_data().unwrap().len();
    }
}

#[tokio::test]
async fn a_reset_ends_old_and_new_connections_without_an_answer() {
    let (orion, client) = (Orion::start().await.unwrap(), client());
    assert_eq!(body(&client, &orion).await, "[]");
    orion.set_fault(Fault::Reset);
    for _ in 0..2 {
        assert!(ask(&client, &url(&orion), &[]).await.is_err());
    }
    orion.clear_fault();
    assert_eq!(body(&client, &orion).await, "[]");
}

#[tokio::test]
async fn after_stop_connects_are_refused_and_the_port_is_free() {
    let orion = Orion::start().await.unwrap();
    let client = client();
    assert_eq!(body(&client, &orion).await, "[]");
    orion.stop().await;
    assert!(TcpStream::connect(orion.addr()).await.is_err());
    assert!(ask(&client, &url(&orion), &[]).await.is_err());
    let again = Orion::builder().port(orion.addr().port()).start().await.unwrap();
    assert_eq!(again.url(), orion.url());
    orion.stop().await;
}

#[tokio::test]
async fn dropping_stops() {
    let orion = Orion::start().await.unwrap();
    let address = orion.addr();
    drop(orion);
    // The task that owns the listener ends when it is next polled.
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn requests_are_logged_until_that_is_switched_off() {
    let (orion, client) = (Orion::start().await.unwrap(), client());
    let target = format!("{}?type=%E9%81%BF&q=a==1", url(&orion));
    ask(&client, &target, &[("Fiware-Service", "sano")]).await.unwrap();
    let requests = orion.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].path, "/v2/entities");
    assert_eq!(requests[0].query, "type=%E9%81%BF&q=a==1");
    assert_eq!(requests[0].parameter("q").as_deref(), Some("a==1"));
    assert_eq!(requests[0].header("fiware-service"), Some("sano"));
    orion.clear_requests();
    orion.log_requests(false);
    ask(&client, &target, &[]).await.unwrap();
    assert!(orion.requests().is_empty());
}

#[tokio::test]
async fn http_2_is_spoken_in_the_clear() {
    let orion = Orion::start().await.unwrap();
    let client: TestClient = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http::<Full<Bytes>>();
    let answer = ask(&client, &url(&orion), &[]).await.unwrap();
    assert_eq!(answer.version(), Version::HTTP_2);
}
