//! What one administrator asks leaves room for the others: places for what is computed, connections, sizes of bodies.

use std::net::SocketAddr;

use http::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::harness::{Ask, Client, PATIENCE, Platform, address_of, connect_from, key_of};

const DIFF: &str = "/admin/v1/diff";

/// What one administrator may have computed at once (`MOST_COMPUTED_OF_ONE`).
const MOST_OF_ONE: usize = 4;

/// A body that proposes nothing new.
const BODY: &str = r#"{"files":{}}"#;

/// The address from which the tenant's administrator asks.
const ITS_ADDRESS: u8 = 2;

async fn platform() -> Platform {
    Platform::builder().await.administrators().start().await
}

fn listener(platform: &Platform) -> SocketAddr {
    address_of(platform.gateway().ready()["admin"].as_str().unwrap())
}

/// Asks without sending the body yet.
async fn ask(stream: &mut TcpStream, path: &str, administrator: &str, length: usize) {
    let key = key_of(administrator);
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: admin\r\nX-Api-Key: {key}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
}

/// A head that is answered: `100 Continue` says that the body is waited for.
async fn answered(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let reading = async {
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
    };
    let read = tokio::time::timeout(PATIENCE, reading).await;
    let head = String::from_utf8_lossy(&head).into_owned();
    assert!(read.is_ok(), "{head}");
    head
}

/// Takes all places of Sano's administrator with bodies that do not come, once those who had them have given them back.
async fn take_all_places(platform: &Platform, path: &str) -> Vec<TcpStream> {
    let mut holding = Vec::new();
    let taking = async {
        while holding.len() < MOST_OF_ONE {
            let mut stream = connect_from(ITS_ADDRESS, listener(platform)).await;
            ask(&mut stream, path, "sano-admin", BODY.len()).await;
            let answer = answered(&mut stream).await;
            if answer.starts_with("HTTP/1.1 100 ") {
                holding.push(stream);
            } else {
                assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
            }
        }
    };
    let taken = tokio::time::timeout(PATIENCE, taking).await;
    assert!(taken.is_ok(), "places are not given back");
    holding
}

fn diff(client: &Client) -> Ask {
    client.post(DIFF).json(&json!({ "files": {} }))
}

#[tokio::test]
async fn one_administrator_has_a_few_places_and_leaves_the_others() {
    let platform = platform().await;
    let (own, ops) = (platform.admin("sano-admin"), platform.admin("ops"));
    for path in [DIFF, "/admin/v1/policy-tests", "/admin/v1/explain"] {
        let mut holding = take_all_places(&platform, path).await;
        let refused = [
            diff(&own).await,
            own.get("/admin/v1/policy-tests").await,
            own.request(Method::PATCH, "/admin/v1/revision?dry-run=true")
                .json(&json!({ "files": {} }))
                .await,
            own.post("/admin/v1/revision/rollback").json(&json!({})).await,
            own.post("/admin/v1/explain").json(&json!({})).await,
        ];
        for answer in refused {
            assert_eq!(answer.status, 429, "{answer}");
            assert_eq!(answer.header("retry-after"), Some("1"), "{answer}");
            assert_eq!(
                answer.header("content-type"),
                Some("application/problem+json"),
                "{answer}"
            );
        }
        // Reading needs none of these places, and others have their own.
        own.get("/admin/v1/revision").await.ok();
        diff(&ops).await.ok();
        ops.get("/admin/v1/policy-tests").await.ok();
        // Who has its answer has given its place back.
        let first = &mut holding[0];
        first.write_all(BODY.as_bytes()).await.unwrap();
        let answer = answered(first).await;
        assert!(
            answer.starts_with("HTTP/1.1 2") || answer.starts_with("HTTP/1.1 400 "),
            "{answer}"
        );
        diff(&own).await.ok();
        // So does who goes away: the next round takes all of them.
        drop(holding);
    }
}

#[tokio::test]
async fn what_one_administrator_asks_leaves_connections_to_probes_from_the_same_address() {
    let platform = platform().await;
    let _holding = take_all_places(&platform, DIFF).await;
    let mut refused = Vec::new();
    // More than one address may have.
    for _ in 0..300 {
        let mut stream = connect_from(ITS_ADDRESS, listener(&platform)).await;
        ask(&mut stream, DIFF, "sano-admin", BODY.len()).await;
        let answer = answered(&mut stream).await;
        assert!(
            answer.starts_with("HTTP/1.1 429 ") || answer.starts_with("HTTP/1.1 100 "),
            "{answer}"
        );
        refused.push(stream);
    }
    for path in ["/readyz", "/healthz", "/metrics"] {
        let mut stream = connect_from(ITS_ADDRESS, listener(&platform)).await;
        let head = format!("GET {path} HTTP/1.1\r\nHost: admin\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let answer = answered(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_tenants_administrator_sends_less_than_an_operator() {
    const MOST_OF_TENANT: usize = 8 * 1024 * 1024;
    let platform = platform().await;
    for (administrator, length, status) in [
        ("sano-admin", MOST_OF_TENANT, "100"),
        ("sano-admin", MOST_OF_TENANT + 1, "413"),
        ("ops", MOST_OF_TENANT + 1, "100"),
        ("ops", 8 * MOST_OF_TENANT + 1, "413"),
    ] {
        let mut stream = connect_from(ITS_ADDRESS, listener(&platform)).await;
        ask(&mut stream, DIFF, administrator, length).await;
        let answer = answered(&mut stream).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{administrator}, {length}: {answer}"
        );
        assert!(
            status == "100" || answer.contains("application/problem+json"),
            "{answer}"
        );
    }
}
