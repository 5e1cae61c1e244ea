//! What is no request of HTTP, or could be read as two different ones, is refused with a reason and ends its connection:
//! nothing behind it is answered, and no source is asked.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::net::TcpStream;

use super::harness::{Platform, address_of, converse, key_of};

/// Where consumers are served.
fn consumers(platform: &Platform) -> SocketAddr {
    address_of(&platform.gateway().url())
}

/// The statuses of the answers on a connection, in their order.
fn statuses(answered: &str) -> Vec<u16> {
    let lines = answered.split("HTTP/1.1 ").skip(1);
    // A reason may name the version as well.
    lines.filter_map(|line| line.get(..3)?.parse().ok()).collect()
}

/// The last answer refuses its request with a reason that names what is wrong, and ends the connection.
#[track_caller]
fn is_refused(answered: &str, names: &str) {
    let last = answered.rsplit("HTTP/1.1 4").next().unwrap();
    let (head, body) = last
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("{names}: {answered}"));
    assert!(head.contains("connection: close"), "{names}: {answered}");
    assert!(
        head.contains("x-request-id: "),
        "the operator cannot find it: {answered}"
    );
    let problem: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{names}: {error}: {answered}"));
    assert!(
        problem["detail"].as_str().unwrap().contains(names),
        "{names}: {answered}"
    );
}

/// A request for sites that is well-formed, with more fields and maybe a body.
fn request(more: &str) -> String {
    let key = key_of("bousai-map");
    format!("GET /ngsi-ld/v1/entities?type=Nothing&limit=1 HTTP/1.1\r\nhost: a\r\nx-api-key: {key}\r\n{more}\r\n")
}

/// A question in a body.
fn question() -> String {
    let key = key_of("bousai-map");
    let body = r#"{"type": "Query", "entities": [{"type": "Nothing"}]}"#;
    let length = body.len();
    format!(
        "POST /ngsi-ld/v1/entityOperations/query HTTP/1.1\r\nhost: a\r\nx-api-key: {key}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

#[tokio::test]
async fn a_line_that_ends_with_a_bare_line_feed_is_refused_wherever_it_is() {
    let platform = Platform::start().await;
    let smuggling =
        "GET /ngsi-ld/v1/types HTTP/1.1\r\nhost: a\r\nX-A: b\n\nGET /ngsi-ld/v1/types HTTP/1.1\r\nhost: a\r\n\r\n";
    for bare in [
        "GET /ngsi-ld/v1/types HTTP/1.1\nhost: a\n\n",
        "GET /ngsi-ld/v1/types HTTP/1.1\r\nhost: a\n\r\n",
        "GET /ngsi-ld/v1/types HTTP/1.1\r\nhost: a\r\n\n",
        "\nGET /ngsi-ld/v1/types HTTP/1.1\r\nhost: a\r\n\r\n",
        smuggling,
    ] {
        let before = [String::new(), request(""), question(), question() + &request("")];
        for before in before {
            let answered = converse(consumers(&platform), [format!("{before}{bare}")]).await;
            let mut expected = vec![200; before.matches(" HTTP/1.1").count()];
            expected.push(400);
            assert_eq!(statuses(&answered), expected, "{bare:?}: {answered}");
            is_refused(&answered, "bare line feed");
        }
    }
    assert_eq!(platform.asked().len(), 0);
}

#[tokio::test]
async fn however_its_bytes_arrive_a_request_is_the_same() {
    let platform = Platform::start().await;
    let good = request("connection: close\r\n");
    let bad = request("X-A: b\n");
    for (sent, status) in [(good, 200), (bad, 400)] {
        let whole = converse(consumers(&platform), [&sent]).await;
        let bytes: Vec<[u8; 1]> = sent.bytes().map(|byte| [byte]).collect();
        let piecewise = converse(consumers(&platform), bytes).await;
        assert_eq!((statuses(&whole), statuses(&piecewise)), (vec![status], vec![status]));
    }
}

#[tokio::test]
async fn a_request_that_two_readers_would_frame_differently_is_refused() {
    let platform = Platform::start().await;
    let with = |fields: &str| question().replace("content-type: application/json\r\n", fields);
    for (sent, names) in [
        (request("x-a: b\r\n c\r\n"), "line above"),
        (request("x-a : b\r\n"), "before the colon"),
        (request("x-a\r\n"), "name of a field"),
        (request("x-a: b\rc: d\r\n"), "CR without LF"),
        (request("x-a: b\0\r\n"), "control character"),
        (with("transfer-encoding: chunked\r\n"), "both `Content-Length` and"),
        (with("content-length: 1\r\n"), "`Content-Length` stands there twice"),
        (with("content-length: 52\r\n"), "`Content-Length` stands there twice"),
        (request("content-length: 1, 2\r\n"), "no number of bytes"),
        (request("content-length: +0\r\n"), "no number of bytes"),
        (request("transfer-encoding: gzip, chunked\r\n"), "only `chunked`"),
        (request("transfer-encoding: gzip\r\n"), "only `chunked`"),
        (
            request("transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n"),
            "only `chunked`",
        ),
        (
            request("transfer-encoding: chunked\r\n").replace("HTTP/1.1", "HTTP/1.0"),
            "HTTP/1.0 has no",
        ),
        (request("").replace("HTTP/1.1", "HTTP/1.2"), "HTTP/1.1 or HTTP/1.0"),
        (request("").replace("limit=1", "limit= 1"), "%20"),
        (request("").replace("limit=1", "scopeQ=/A/#"), "%23"),
        (
            format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(70_000)),
            "too large",
        ),
        (request(&"x: y\r\n".repeat(101)), "too many header fields"),
    ] {
        // What follows would be the smuggled request.
        let answered = converse(consumers(&platform), [sent.clone() + &request("")]).await;
        assert_eq!(statuses(&answered).len(), 1, "{sent:?}: {answered}");
        is_refused(&answered, names);
    }
    assert_eq!(platform.asked().len(), 0);
}

#[tokio::test]
async fn a_body_whose_chunks_are_broken_is_refused_and_nothing_behind_it_is_read() {
    let platform = Platform::builder().await.administrators().start().await;
    let admin = address_of(platform.gateway().ready()["admin"].as_str().unwrap());
    let head = format!(
        "POST /admin/v1/diff HTTP/1.1\r\nhost: a\r\nx-api-key: {}\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\n\r\n",
        key_of("ops")
    );
    let smuggled = "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n";
    let endless = format!("1;{}", "x".repeat(20_000));
    let trailers = format!("0\r\n{}", "x: y\r\n".repeat(4000));
    for chunks in [
        "2\n{}\n0\n\n",
        "2\r\n{}0\r\n\r\n",
        "0x2\r\n{}\r\n0\r\n\r\n",
        "2\r\n{}\r\n0\r\nx: y\n\r\n",
        "fffffffffffffffff\r\n",
        endless.as_str(),
        trailers.as_str(),
    ] {
        let answered = converse(admin, [format!("{head}{chunks}{smuggled}")]).await;
        assert_eq!(statuses(&answered), [400], "{chunks:?}: {answered}");
    }
    // Well-formed, it is read whole, with its extensions and trailers.
    let good = format!("{head}2;a=\"b\"\r\n{{}}\r\n0\r\nx: y\r\n\r\n{smuggled}");
    let good = good.replace(
        "GET /healthz HTTP/1.1\r\n",
        "GET /healthz HTTP/1.1\r\nconnection: close\r\n",
    );
    let answered = converse(admin, [good]).await;
    assert_eq!(statuses(&answered).last(), Some(&200), "{answered}");
}

#[tokio::test]
async fn a_request_names_one_host_and_names_it_well() {
    let platform = Platform::start().await;
    let with = |hosts: &str| request("").replace("host: a\r\n", hosts);
    for (hosts, names) in [
        ("", "one `Host` field"),
        ("host: a\r\nhost: a\r\n", "stands there twice"),
        ("host: a\r\nHOST: b\r\n", "stands there twice"),
        ("host:\r\n", "no host with or without a port"),
        ("host: a b\r\n", "no host with or without a port"),
        ("host: a, b\r\n", "no host with or without a port"),
        ("host: user@a\r\n", "no host with or without a port"),
        ("host: a:65536\r\n", "no host with or without a port"),
        ("host: a/b\r\n", "no host with or without a port"),
        ("host: 橋\r\n", "no host with or without a port"),
    ] {
        for before in ["", &question()] {
            let answered = converse(
                consumers(&platform),
                [format!("{before}{}{}", with(hosts), request(""))],
            )
            .await;
            let expected = if before.is_empty() { vec![400] } else { vec![200, 400] };
            assert_eq!(statuses(&answered), expected, "{hosts:?}: {answered}");
            is_refused(&answered, names);
        }
    }
    for host in ["a", "A.example:8080", "192.0.2.1", "[2001:db8::1]:443", "a:"] {
        let sent = with(&format!("host: {host}\r\nconnection: close\r\n"));
        assert_eq!(statuses(&converse(consumers(&platform), [sent]).await), [200], "{host}");
    }
    // HTTP/1.0 knew no hosts.
    let sent = with("").replace("HTTP/1.1", "HTTP/1.0");
    assert!(
        converse(consumers(&platform), [sent])
            .await
            .starts_with("HTTP/1.0 200 OK")
    );
    assert_eq!(platform.asked().len(), 0);
}

#[tokio::test]
async fn a_target_in_absolute_form_names_the_host_that_host_names() {
    let platform = Platform::start().await;
    let with = |target: &str, host: &str| {
        let sent = request("connection: close\r\n").replace("host: a\r\n", &format!("host: {host}\r\n"));
        sent.replace("/ngsi-ld/v1/entities?type=Nothing&limit=1", target)
    };
    let plain = platform.get("/ngsi-ld/v1/entities?type=Nothing&limit=1").await.ok();
    for (target, host) in [
        ("http://a/ngsi-ld/v1/entities?type=Nothing&limit=1", "a"),
        ("http://A:80/ngsi-ld/v1/entities?type=Nothing&limit=1", "a"),
        ("https://a/ngsi-ld/v1/entities?type=Nothing&limit=1", "a:443"),
        ("http://a:8080/ngsi-ld/v1/entities?type=Nothing&limit=1", "a:8080"),
    ] {
        let answered = converse(consumers(&platform), [with(target, host)]).await;
        assert_eq!(statuses(&answered), [200], "{target}: {answered}");
        assert!(answered.as_bytes().ends_with(&plain.body), "{target}: {answered}");
    }
    for (target, host, names) in [
        ("http://b/ngsi-ld/v1/entities?type=Nothing&limit=1", "a", "another host"),
        (
            "http://a:8080/ngsi-ld/v1/entities?type=Nothing&limit=1",
            "a",
            "another host",
        ),
        (
            "http://user@a/ngsi-ld/v1/entities?type=Nothing&limit=1",
            "a",
            "user or password",
        ),
        (
            "ftp://a/ngsi-ld/v1/entities?type=Nothing&limit=1",
            "a",
            "`http:` or `https:`",
        ),
        ("a:80", "a:80", "CONNECT only"),
        ("*", "a", "OPTIONS only"),
        ("?limit=1", "a", "no URI"),
    ] {
        let answered = converse(consumers(&platform), [with(target, host)]).await;
        assert_eq!(statuses(&answered), [400], "{target}: {answered}");
        is_refused(&answered, names);
    }
    let connect = "CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n";
    is_refused(&converse(consumers(&platform), [connect]).await, "asks for a proxy");
    assert_eq!(platform.asked().len(), 0);
}

#[tokio::test]
async fn over_http_2_a_request_names_one_host_as_well() {
    let platform = Platform::start().await;
    let stream = TcpStream::connect(consumers(&platform)).await.unwrap();
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    for (target, hosts, status) in [
        ("http://a/ngsi-ld/v1/entities?type=Nothing&limit=1", [].as_slice(), 200),
        ("http://a/ngsi-ld/v1/entities?type=Nothing&limit=1", &["a"], 200),
        ("http://a/ngsi-ld/v1/entities?type=Nothing&limit=1", &["b"], 400),
        ("http://a/ngsi-ld/v1/entities?type=Nothing&limit=1", &["a", "a"], 400),
        ("http://user@a/ngsi-ld/v1/entities?type=Nothing&limit=1", &[], 400),
        ("gopher://a/ngsi-ld/v1/entities?type=Nothing&limit=1", &[], 400),
    ] {
        let mut request = Request::get(target).header("x-api-key", key_of("bousai-map"));
        for host in hosts {
            request = request.header("host", *host);
        }
        let answer = sender
            .send_request(request.body(Empty::<Bytes>::new()).unwrap())
            .await
            .unwrap();
        let (head, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        assert_eq!(
            head.status,
            StatusCode::from_u16(status).unwrap(),
            "{target} {hosts:?}: {body:?}"
        );
        assert_eq!(head.headers.get("connection"), None, "its other requests go on");
    }
}

#[tokio::test]
async fn the_administrators_listener_refuses_the_same() {
    let platform = Platform::start().await;
    let admin = address_of(platform.gateway().ready()["admin"].as_str().unwrap());
    for (sent, names) in [
        ("GET /healthz HTTP/1.1\nhost: a\n\n", "bare line feed"),
        ("GET /metrics HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", "twice"),
        ("GET http://b/readyz HTTP/1.1\r\nhost: a\r\n\r\n", "another host"),
    ] {
        let answered = converse(admin, [sent]).await;
        assert_eq!(statuses(&answered), [400], "{answered}");
        assert!(
            answered.contains(names) && answered.contains("application/problem+json"),
            "{answered}"
        );
    }
}
