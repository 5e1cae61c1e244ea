//! Connections are shared out: who holds many idle ones gives way to others, and no request under way is cut off for it.

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::process::Command;

use bytes::Bytes;
use futures::future::join_all;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use stand_ins::Fault;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use toml::{Table, Value};

use super::harness::{
    Authority, Client, Files, Gateway, PATIENCE, Platform, SecureClient, address_of, connect_from, kakehashi, key_of,
    read_to_end, section, until,
};

/// A question that no source is asked for.
const NOTHING: &str = "/ngsi-ld/v1/entities?type=Nothing";

/// A question that a source is asked for.
const SITES: &str = "/ngsi-ld/v1/entities?type=EvacuationSite&limit=1";

/// Sets the bounds of consumers' connections.
fn bounds(connections: i64, per_address: i64) -> impl FnOnce(&mut Table) {
    move |table| {
        let limits = section(section(table, "gateway"), "limits");
        limits.insert("connections".into(), Value::Integer(connections));
        limits.insert("connections_per_address".into(), Value::Integer(per_address));
    }
}

async fn bounded(connections: i64, per_address: i64) -> Platform {
    let builder = Platform::builder().await.ids_do_not_repeat();
    builder.tenants(bounds(connections, per_address)).start().await
}

fn consumers(platform: &Platform) -> SocketAddr {
    address_of(&platform.gateway().url())
}

/// A metric of consumers' connections, as it is now.
async fn metric(platform: &Platform, name: &str) -> f64 {
    let admin = platform.gateway().ready()["admin"].as_str().unwrap().to_owned();
    let answer = Client::new(&admin, None).get("/metrics").await.ok();
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with(name) && line.contains("listener=\"consumers\""));
    line.and_then(|line| line.rsplit(' ').next())
        .map_or(0.0, |value| value.parse().unwrap())
}

/// Waits until so many of consumers' connections are open.
async fn until_open(platform: &Platform, number: f64) {
    let waiting = async { while metric(platform, "kakehashi_connections{").await != number {} };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    assert!(
        waited.is_ok(),
        "there are {}",
        metric(platform, "kakehashi_connections{").await
    );
}

/// Asks with a request to the sources of its own.
async fn ask(stream: &mut TcpStream, target: &str) {
    let head = format!(
        "GET {target} HTTP/1.1\r\nhost: a\r\nx-api-key: {}\r\ncache-control: no-cache\r\n\r\n",
        key_of("bousai-map")
    );
    stream.write_all(head.as_bytes()).await.unwrap();
}

/// The status of the next answer, which is read whole; `None`: the connection has ended.
async fn status(stream: &mut TcpStream) -> Option<u16> {
    let reading = async {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).unwrap();
        let length = head.split("content-length: ").nth(1)?.split("\r\n").next()?;
        stream.read_exact(&mut vec![0; length.parse().unwrap()]).await.ok()?;
        head.get(9..12)?.parse().ok()
    };
    tokio::time::timeout(PATIENCE, reading).await.unwrap()
}

#[tokio::test]
async fn one_address_with_many_idle_connections_keeps_nobody_out() {
    let platform = bounded(20, 20).await;
    let mut idle = Vec::new();
    for number in 0..60 {
        let mut stream = connect_from(2, consumers(&platform)).await;
        // Some say nothing, some begin a request, some have had an answer.
        match number % 3 {
            0 => {}
            1 => stream.write_all(b"GET / HTTP/1.1\r\nhost").await.unwrap(),
            _ => {
                ask(&mut stream, NOTHING).await;
                assert_eq!(status(&mut stream).await, Some(200));
            }
        }
        idle.push(stream);
    }
    until_open(&platform, 20.0).await;
    for host in 3..10 {
        let mut newcomer = connect_from(host, consumers(&platform)).await;
        ask(&mut newcomer, NOTHING).await;
        assert_eq!(status(&mut newcomer).await, Some(200), "from 127.0.0.{host}");
        idle.push(newcomer);
    }
    // Those that had been idle for longest have gone.
    read_to_end(&mut idle[0]).await;
    assert!(metric(&platform, "kakehashi_connections_closed_total").await >= 47.0);
    assert!(metric(&platform, "kakehashi_connections{").await <= 21.0);
}

#[tokio::test]
async fn a_request_under_way_is_never_cut_off_to_make_room() {
    let platform = bounded(4, 4).await;
    platform.demo().orion().set_fault(Fault::Held);
    let mut busy = Vec::new();
    for number in 1..=2 {
        let mut stream = connect_from(2, consumers(&platform)).await;
        ask(&mut stream, SITES).await;
        busy.push(stream);
        until("Orion was asked", || platform.asked_of_orion().len() >= number).await;
    }
    let _idle = [
        connect_from(2, consumers(&platform)).await,
        connect_from(2, consumers(&platform)).await,
    ];
    for host in [3, 4] {
        let mut newcomer = connect_from(host, consumers(&platform)).await;
        ask(&mut newcomer, NOTHING).await;
        assert_eq!(status(&mut newcomer).await, Some(200));
        ask(&mut newcomer, SITES).await;
        busy.push(newcomer);
    }
    until("Orion was asked by all four", || platform.asked_of_orion().len() >= 4).await;
    // Now there is no room for anybody: who comes waits, and is served when one is idle again.
    let mut waiting = connect_from(5, consumers(&platform)).await;
    ask(&mut waiting, NOTHING).await;
    let had_to_wait = async { while metric(&platform, "kakehashi_connections_waited_total").await < 1.0 {} };
    tokio::time::timeout(PATIENCE, had_to_wait).await.unwrap();
    platform.demo().orion().clear_fault();
    for stream in &mut busy {
        assert_eq!(status(stream).await, Some(200));
    }
    assert_eq!(status(&mut waiting).await, Some(200));
}

#[tokio::test]
async fn an_address_has_no_more_than_its_share_of_requests_under_way() {
    let platform = bounded(100, 2).await;
    platform.demo().orion().set_fault(Fault::Held);
    let mut busy = Vec::new();
    for number in 1..=2 {
        let mut stream = connect_from(2, consumers(&platform)).await;
        ask(&mut stream, SITES).await;
        busy.push(stream);
        until("Orion was asked", || platform.asked_of_orion().len() >= number).await;
    }
    let mut third = connect_from(2, consumers(&platform)).await;
    assert_eq!(read_to_end(&mut third).await, "");
    assert!(metric(&platform, "kakehashi_connections_refused_total").await >= 1.0);
    let mut other = connect_from(3, consumers(&platform)).await;
    ask(&mut other, NOTHING).await;
    assert_eq!(status(&mut other).await, Some(200));
    platform.demo().orion().clear_fault();
    for stream in &mut busy {
        assert_eq!(status(stream).await, Some(200));
    }
    // With nothing under way its longest idle connection goes for a new one.
    let mut third = connect_from(2, consumers(&platform)).await;
    ask(&mut third, NOTHING).await;
    assert_eq!(status(&mut third).await, Some(200));
}

#[tokio::test]
async fn an_idle_connection_of_http_2_says_goodbye_and_one_with_a_stream_goes_on() {
    let platform = bounded(2, 2).await;
    let over_http2 = async |host| {
        let stream = connect_from(host, consumers(&platform)).await;
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap()
    };
    let question = |target: &str| {
        let request = Request::get(format!("http://a{target}")).header("x-api-key", key_of("bousai-map"));
        request.body(Empty::<Bytes>::new()).unwrap()
    };
    let (mut idle, connection) = over_http2(2).await;
    let ended = tokio::spawn(connection);
    let answer = idle.send_request(question(NOTHING)).await.unwrap();
    answer.into_body().collect().await.unwrap();
    platform.demo().orion().set_fault(Fault::Held);
    let (mut busy, connection) = over_http2(2).await;
    let goes_on = tokio::spawn(connection);
    let asking = tokio::spawn(busy.send_request(question(SITES)));
    until("Orion was asked", || !platform.asked_of_orion().is_empty()).await;
    let mut newcomer = connect_from(3, consumers(&platform)).await;
    ask(&mut newcomer, NOTHING).await;
    assert_eq!(status(&mut newcomer).await, Some(200));
    // Gracefully: its client was told, and sees no error.
    tokio::time::timeout(PATIENCE, ended).await.unwrap().unwrap().unwrap();
    platform.demo().orion().clear_fault();
    assert_eq!(asking.await.unwrap().unwrap().status(), 200);
    assert!(!goes_on.is_finished());
}

#[tokio::test]
async fn who_never_ends_a_handshake_of_tls_gives_way_as_well() {
    let authority = Authority::new("here");
    let identity = authority.issue(&["127.0.0.1"]);
    let builder = Platform::builder().await.tenants(bounds(3, 3)).tenants(|table| {
        let tls = "certificate = \"server.pem\"\nkey = { file = \"server.key\" }";
        section(table, "gateway").insert("tls".into(), Value::Table(tls.parse().unwrap()));
    });
    builder.files().write("server.pem", &identity.certificate);
    builder.files().write("server.key", &identity.key);
    let platform = builder.start().await;
    let mut silent = Vec::new();
    for _ in 0..9 {
        silent.push(connect_from(2, consumers(&platform)).await);
    }
    let client = SecureClient::new(&platform.gateway().url(), &authority, None);
    let key = key_of("bousai-map");
    client.get(NOTHING, &[("x-api-key", &key)]).await.unwrap().ok();
    assert_eq!(read_to_end(&mut silent[0]).await, "");
}

#[tokio::test]
async fn a_trusted_proxy_is_not_counted_by_its_address_and_whom_to_trust_may_change() {
    let platform = bounded(100, 2).await;
    platform.demo().orion().set_fault(Fault::Held);
    let under_way = async || {
        let mut stream = connect_from(2, consumers(&platform)).await;
        ask(&mut stream, SITES).await;
        stream
    };
    let mut busy = vec![under_way().await, under_way().await];
    until("Orion was asked", || platform.asked_of_orion().len() >= 2).await;
    assert_eq!(read_to_end(&mut under_way().await).await, "");
    let trusted = |addresses: &[&str]| {
        let addresses: Vec<Value> = addresses.iter().map(|address| (*address).into()).collect();
        platform.files().change_tenants(|table| {
            section(table, "gateway").insert("trusted_proxies".into(), Value::Array(addresses));
        });
    };
    let before = platform.admin("ops").get("/readyz").await.body;
    trusted(&["127.0.0.2/32"]);
    let changed = async { while platform.admin("ops").get("/readyz").await.body == before {} };
    tokio::time::timeout(PATIENCE, changed).await.unwrap();
    busy.extend(join_all((0..5).map(|_| under_way().into_future())).await);
    until("Orion was asked by all", || platform.asked_of_orion().len() >= 7).await;
    platform.demo().orion().clear_fault();
    for stream in &mut busy {
        assert_eq!(status(stream).await, Some(200));
    }
}

#[tokio::test]
async fn more_connections_than_descriptors_allow_are_not_promised() {
    let platform = Platform::builder()
        .await
        .ids_do_not_repeat()
        .tenants(bounds(1000, 1000))
        .start()
        .await;
    let files: &Files = platform.files();
    let log = |gateway: &Gateway| gateway.stderr();
    assert!(!log(platform.gateway()).contains("file descriptors"));
    // The same with a hard limit of 400, and a soft one that is lower.
    let serve = kakehashi(files.folder());
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "ulimit -Sn 100 && ulimit -Hn 400 && exec \"$0\" \"$@\""])
        .arg(serve.get_program())
        .args(["serve", "--json", "--config", "tenants.toml", "--policies", "policies/"])
        .current_dir(files.folder());
    for (name, value) in serve.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    let folder = files.folder().join("limited");
    std::fs::create_dir(&folder).unwrap();
    limited.env(
        "KAKEHASHI__GATEWAY__STATE",
        format!("sqlite:{}", folder.join("state.db").display()),
    );
    let gateway = Gateway::start(limited, &folder).await;
    assert!(
        log(&gateway).contains("file descriptors") && log(&gateway).contains("200"),
        "{}",
        log(&gateway)
    );
    let to = address_of(&gateway.url());
    let mut held = Vec::new();
    for _ in 0..250 {
        held.push(connect_from(2, to).await);
    }
    let mut newcomer = connect_from(3, to).await;
    ask(&mut newcomer, NOTHING).await;
    assert_eq!(status(&mut newcomer).await, Some(200), "{}", log(&gateway));
}
