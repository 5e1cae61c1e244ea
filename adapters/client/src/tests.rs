//! The client against small servers on real sockets.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::header::{HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::breaker::FAILURES_TO_OPEN;
use super::*;
use kakehashi_contract::{AdapterError, Call, ErrorKind, SourceId};

/// What a server does with one connection; the number counts connections from 0.
pub(super) trait Serve:
    Fn(usize, TcpStream) -> futures::future::BoxFuture<'static, ()> + Send + Sync + 'static
{
}
impl<F: Fn(usize, TcpStream) -> futures::future::BoxFuture<'static, ()> + Send + Sync + 'static> Serve for F {}

/// A server on a free port of this machine; it goes with the test's runtime.
pub(super) async fn serve(serve: impl Serve) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let number = counter.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve(number, stream));
        }
    });
    (address, connections)
}

/// Reads the head of one request; `None` when the client has gone.
pub(super) async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).await.ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

/// A server that answers every request on every connection with this text.
async fn answering(answer: impl Into<String>) -> (String, Arc<AtomicUsize>) {
    let answer: Arc<str> = answer.into().into();
    serve(move |_, mut stream| {
        let answer = Arc::clone(&answer);
        Box::pin(async move {
            while read_request(&mut stream).await.is_some() {
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        })
    })
    .await
}

pub(super) fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

pub(super) fn limits() -> SourceLimits {
    SourceLimits {
        timeout: Duration::from_secs(20),
        ..SourceLimits::default()
    }
}

pub(super) fn short() -> SourceLimits {
    SourceLimits {
        timeout: Duration::from_millis(200),
        ..SourceLimits::default()
    }
}

pub(super) fn client_with(endpoint: &str, credential: Option<Credential>, limits: SourceLimits) -> SourceClient {
    let http = HttpClient::new(&HttpClientSettings::default()).unwrap();
    SourceClient::new(http, SourceId::new("test"), endpoint, credential, limits).unwrap()
}

pub(super) fn client(endpoint: &str, limits: SourceLimits) -> SourceClient {
    client_with(endpoint, None, limits)
}

pub(super) fn call() -> Call {
    Call::until(Instant::now() + Duration::from_secs(20))
}

pub(super) fn kind(result: Result<Response, AdapterError>) -> ErrorKind {
    result.unwrap_err().kind
}

#[tokio::test]
async fn a_request_carries_what_it_was_given_and_the_credential_and_nothing_else() {
    let (sender, mut requests) = tokio::sync::mpsc::unbounded_channel();
    let (address, _) = serve(move |_, mut stream| {
        let sender = sender.clone();
        Box::pin(async move {
            while let Some(request) = read_request(&mut stream).await {
                sender.send(request).unwrap();
                stream.write_all(ok("[]").as_bytes()).await.unwrap();
            }
        })
    })
    .await;
    let service = (
        HeaderName::from_static("fiware-service"),
        HeaderValue::from_static("sano"),
    );
    let traced = Call {
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        ..call()
    };
    let bearer = Credential::Bearer(HeaderValue::from_static("t0ken"));
    let client = client_with(&format!("{address}/base/"), Some(bearer), limits());
    let answer = client.get("/v2/entities?limit=1", &[service], &traced).await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"[]"[..]));

    let request = requests.recv().await.unwrap().to_lowercase();
    let mut lines: Vec<&str> = request.trim_end().lines().collect();
    assert_eq!(lines.remove(0), "get /base/v2/entities?limit=1 http/1.1");
    lines.sort_unstable();
    let host = format!("host: {}", address.trim_start_matches("http://"));
    assert_eq!(
        lines,
        [
            "authorization: bearer t0ken",
            "fiware-service: sano",
            &host,
            "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            concat!("user-agent: kakehashi/", env!("CARGO_PKG_VERSION")),
        ]
    );
}

#[test]
fn credentials_become_headers_and_never_show() {
    let shown = |credential: Credential| format!("{:?}", client_with("http://a/", Some(credential), limits()));
    let basic = Credential::Basic {
        username: "u".into(),
        password: "hush".into(),
    };
    let encoded = "dTpodXNo";
    assert!(!format!("{basic:?}").contains("hush"));
    let text = shown(basic);
    assert!(!text.contains("hush") && !text.contains(encoded), "{text}");
    let bearer = Credential::Bearer(HeaderValue::from_static("hush"));
    assert!(!shown(bearer).contains("hush"));
}

#[tokio::test]
async fn connections_are_used_again() {
    let (address, connections) = answering(ok("{}")).await;
    let client = client(&address, limits());
    for _ in 0..5 {
        client.get("/", &[], &call()).await.unwrap();
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_pooled_connection_that_died_costs_nothing() {
    // Every connection answers once, reads the next request and closes without a word.
    let (address, connections) = serve(|_, mut stream| {
        Box::pin(async move {
            if read_request(&mut stream).await.is_some() {
                let _ = stream.write_all(ok("{}").as_bytes()).await;
                read_request(&mut stream).await;
            }
        })
    })
    .await;
    let client = client(&address, limits());
    for _ in 0..4 {
        client.get("/", &[], &call()).await.unwrap();
    }
    assert_eq!(connections.load(Ordering::SeqCst), 4);
    assert_eq!(client.status().last_error, None);
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = client(&address, limits());
    assert_eq!(kind(client.get("/", &[], &call()).await), ErrorKind::Unreachable);
    assert_eq!(client.status().last_error, Some(ErrorKind::Unreachable));
    assert_eq!(client.status().in_flight, 0);
}

/// Lets these addresses through, and counts what it was asked.
#[derive(Debug)]
struct Only(Vec<std::net::IpAddr>, AtomicUsize);

#[async_trait::async_trait]
impl AddressRule for Only {
    async fn allowed(&self, mut found: Vec<std::net::IpAddr>) -> Vec<std::net::IpAddr> {
        self.1.fetch_add(1, Ordering::SeqCst);
        found.retain(|address| self.0.contains(address));
        found
    }
}

#[tokio::test]
async fn a_rule_of_addresses_decides_before_anything_is_connected_to() {
    let (address, connections) = answering(ok("[]")).await;
    let port = address.rsplit(':').next().unwrap();
    let loopback: std::net::IpAddr = "127.0.0.1".parse().unwrap();
    // A name, an address, and forms that only the system's resolver reads as addresses.
    let hosts = ["localhost", "127.0.0.1", "2130706433", "0x7f.1", "LocalHost"];
    for host in hosts {
        let endpoint = format!("http://{host}:{port}");
        for (allowed, reached) in [(vec![], 0), (vec![loopback], 1)] {
            connections.store(0, Ordering::SeqCst);
            let rule = Arc::new(Only(allowed, AtomicUsize::new(0)));
            let under: Arc<dyn AddressRule> = Arc::<Only>::clone(&rule);
            let settings = HttpClientSettings::default();
            let http = HttpClient::under_rule(&settings, &SourceTls::default(), Some(under)).unwrap();
            let client = SourceClient::new(http, SourceId::new("test"), &endpoint, None, limits()).unwrap();
            let answer = client.get("/", &[], &call()).await;
            if reached == 0 {
                assert_eq!(kind(answer), ErrorKind::Refused, "{host}");
                assert_eq!(client.status().last_error, Some(ErrorKind::Refused));
                assert_eq!(
                    client.status().open_since,
                    None,
                    "a refusal is no failure of the source's"
                );
            } else {
                answer.unwrap_or_else(|error| panic!("{host}: {error:?}"));
            }
            assert_eq!(connections.load(Ordering::SeqCst), reached, "{host}");
            assert_eq!(rule.1.load(Ordering::SeqCst), 1, "{host}");
        }
    }
}

#[tokio::test]
async fn what_closes_without_an_answer_is_unreachable_after_one_more_try() {
    let (address, connections) = serve(|_, mut stream| {
        Box::pin(async move {
            read_request(&mut stream).await;
        })
    })
    .await;
    assert_eq!(
        kind(client(&address, limits()).get("/", &[], &call()).await),
        ErrorKind::Unreachable
    );
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_is_not_http_is_an_invalid_payload() {
    let (address, _) = answering("SSH-2.0-OpenSSH_9.6\r\n\r\n").await;
    let error = client(&address, limits()).get("/", &[], &call()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidPayload);
    assert!(!error.to_string().contains("SSH"), "{error}");
}

#[tokio::test]
async fn silence_and_a_body_without_end_stop_at_the_deadline() {
    for start in [
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{",
    ] {
        let (address, _) = serve(move |_, mut stream| {
            Box::pin(async move {
                read_request(&mut stream).await;
                stream.write_all(start.as_bytes()).await.unwrap();
                read_request(&mut stream).await;
            })
        })
        .await;
        assert_eq!(
            kind(client(&address, short()).get("/", &[], &call()).await),
            ErrorKind::Timeout,
            "{start}"
        );
        let soon = Call::until(Instant::now() + Duration::from_millis(100));
        assert_eq!(
            kind(client(&address, limits()).get("/", &[], &soon).await),
            ErrorKind::Timeout,
            "{start}"
        );
    }
}

#[tokio::test]
async fn a_body_that_trickles_without_end_stops_at_the_deadline() {
    let (address, _) = serve(|_, mut stream| {
        Box::pin(async move {
            read_request(&mut stream).await;
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
                .await;
            while stream.write_all(b"1\r\n \r\n").await.is_ok() {
                tokio::task::yield_now().await;
            }
        })
    })
    .await;
    let kind = kind(client(&address, short()).get("/", &[], &call()).await);
    assert!(matches!(kind, ErrorKind::Timeout | ErrorKind::TooLarge), "{kind}");
}

#[tokio::test]
async fn a_body_beyond_the_cap_is_refused_whether_it_says_so_or_not() {
    let declared = ok(&"x".repeat(101));
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n65\r\n{}\r\n0\r\n\r\n",
        "x".repeat(101)
    );
    let untold = format!("HTTP/1.0 200 OK\r\n\r\n{}", "x".repeat(101));
    for answer in [declared, chunked, untold] {
        let (address, _) = answering(answer).await;
        let limits = SourceLimits { body: 100, ..limits() };
        assert_eq!(
            kind(client(&address, limits).get("/", &[], &call()).await),
            ErrorKind::TooLarge
        );
    }
}

#[tokio::test]
async fn a_body_that_is_cut_off_is_an_invalid_payload() {
    let (address, _) = serve(|_, mut stream| {
        Box::pin(async move {
            read_request(&mut stream).await;
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n[1,")
                .await
                .unwrap();
        })
    })
    .await;
    assert_eq!(
        kind(client(&address, limits()).get("/", &[], &call()).await),
        ErrorKind::InvalidPayload
    );
}

#[tokio::test]
async fn redirections_are_not_followed_and_other_statuses_are_answers() {
    let (address, connections) =
        answering("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(
        kind(client(&address, limits()).get("/", &[], &call()).await),
        ErrorKind::Status(302)
    );
    assert_eq!(connections.load(Ordering::SeqCst), 1);

    let (address, _) = answering("HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}").await;
    let answer = client(&address, limits()).get("/", &[], &call()).await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (404, &b"{}"[..]));
}

#[tokio::test]
async fn a_status_is_known_even_if_its_body_never_ends() {
    let (address, _) = serve(|_, mut stream| {
        Box::pin(async move {
            read_request(&mut stream).await;
            let _ = stream.write_all(b"HTTP/1.1 500 Oh\r\ncontent-length: 9\r\n\r\n<").await;
            read_request(&mut stream).await;
        })
    })
    .await;
    let answer = client(&address, short()).get("/", &[], &call()).await.unwrap();
    assert_eq!(answer.status.as_u16(), 500);
}

#[tokio::test]
async fn no_more_requests_are_under_way_than_the_source_allows_until_their_bodies_ended() {
    let rest_is_sent = Arc::new(tokio::sync::Notify::new());
    let (told, until_told) = (Arc::new(tokio::sync::Notify::new()), Arc::clone(&rest_is_sent));
    let begun = Arc::clone(&told);
    let (address, _) = serve(move |_, mut stream| {
        let (begun, until_told) = (Arc::clone(&begun), Arc::clone(&until_told));
        Box::pin(async move {
            while read_request(&mut stream).await.is_some() {
                let whole = ok("[1,2]");
                let (first, rest) = whole.split_at(whole.len() - 2);
                stream.write_all(first.as_bytes()).await.unwrap();
                begun.notify_one();
                until_told.notified().await;
                stream.write_all(rest.as_bytes()).await.unwrap();
            }
        })
    })
    .await;
    let limits = SourceLimits {
        concurrency: 1,
        ..limits()
    };
    let client = client(&address, limits);
    let asking = client.clone();
    let first = tokio::spawn(async move { asking.get("/", &[], &call()).await });
    told.notified().await;
    assert_eq!(client.status().in_flight, 1);
    let soon = Call::until(Instant::now() + Duration::from_millis(50));
    assert_eq!(kind(client.get("/other", &[], &soon).await), ErrorKind::Overloaded);

    rest_is_sent.notify_one();
    assert_eq!(first.await.unwrap().unwrap().body, "[1,2]");
    assert_eq!(client.status().in_flight, 0);
    rest_is_sent.notify_one();
    client.get("/", &[], &call()).await.unwrap();
}

#[tokio::test]
async fn the_places_of_a_source_are_shared_between_callers() {
    use kakehashi_resources::request::{Bounds, Process};
    let process = Process::start(Bounds {
        requests: 100,
        bytes: 1 << 20,
        bytes_of_one: 1 << 18,
        computing: 10,
        threads: std::num::NonZeroUsize::MIN,
    })
    .unwrap();
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let held = Arc::new(tokio::sync::Semaphore::new(0));
    let until_told = Arc::clone(&held);
    let (address, _) = serve(move |_, mut stream| {
        let (log, held) = (Arc::clone(&log), Arc::clone(&until_told));
        Box::pin(async move {
            while let Some(head) = read_request(&mut stream).await {
                log.lock().unwrap().push(head.split(' ').nth(1).unwrap().to_owned());
                held.acquire().await.unwrap().forget();
                if stream.write_all(ok("{}").as_bytes()).await.is_err() {
                    return;
                }
            }
        })
    })
    .await;
    let limits = SourceLimits {
        concurrency: 4,
        ..limits()
    };
    let client = Arc::new(client(&address, limits));
    let later = Instant::now() + Duration::from_secs(600);
    let ask = |caller: &kakehashi_resources::Caller, path: String| {
        let resources = process.admit(caller, later).unwrap();
        let (client, call) = (
            Arc::clone(&client),
            Call {
                resources,
                ..Call::until(later)
            },
        );
        tokio::spawn(async move { client.get(&path, &[], &call).await.map(|answer| answer.status) })
    };
    let (greedy, other) = (process.caller(1), process.caller(2));
    let of_greedy: Vec<_> = (0..20)
        .map(|number| ask(&greedy, format!("/greedy/{number}")))
        .collect();
    // One caller leaves half of the places to others, and whoever comes last has a place at once.
    while asked.lock().unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    let of_other = ask(&other, "/other".to_owned());
    while !asked.lock().unwrap().contains(&"/other".to_owned()) {
        tokio::task::yield_now().await;
    }
    assert_eq!(*asked.lock().unwrap(), ["/greedy/0", "/greedy/1", "/other"]);
    held.add_permits(100);
    for answer in of_greedy.into_iter().chain([of_other]) {
        assert_eq!(answer.await.unwrap().unwrap().as_u16(), 200);
    }
}

#[tokio::test]
async fn the_rate_is_kept_by_waiting_and_by_giving_up_when_waiting_is_in_vain() {
    let (address, _) = answering(ok("{}")).await;
    let limits = SourceLimits {
        requests_per_second: NonZeroU32::new(20),
        burst: NonZeroU32::new(2),
        ..limits()
    };
    let client = client(&address, limits.clone());
    let start = Instant::now();
    for _ in 0..4 {
        client.get("/", &[], &call()).await.unwrap();
    }
    assert!(
        start.elapsed() >= Duration::from_millis(90),
        "two of the four had to wait 50 ms each"
    );
    let slow = SourceLimits {
        requests_per_second: NonZeroU32::new(1),
        burst: NonZeroU32::new(1),
        ..limits
    };
    let client = super::tests::client(&address, slow);
    client.get("/", &[], &call()).await.unwrap();
    let soon = Call::until(Instant::now() + Duration::from_millis(200));
    assert_eq!(kind(client.get("/", &[], &soon).await), ErrorKind::Overloaded);
}

#[tokio::test]
async fn after_failures_in_a_row_nobody_waits_for_the_source() {
    let (address, connections) = serve(|_, mut stream| {
        Box::pin(async move {
            read_request(&mut stream).await;
            read_request(&mut stream).await;
        })
    })
    .await;
    let limits = SourceLimits {
        timeout: Duration::from_millis(20),
        ..SourceLimits::default()
    };
    let client = client(&address, limits);
    for _ in 0..FAILURES_TO_OPEN {
        assert_eq!(kind(client.get("/", &[], &call()).await), ErrorKind::Timeout);
    }
    // The request of the gateway's own is waited for.
    let refused = client.get("/", &[], &call()).await.unwrap_err();
    assert_eq!((refused.kind, refused.is_held_back), (ErrorKind::Unreachable, true));
    assert!(client.status().open_since.is_some());
    assert_eq!(connections.load(Ordering::SeqCst), FAILURES_TO_OPEN as usize + 1);
    assert_eq!(kind(client.get("/", &[], &call()).await), ErrorKind::Unreachable);
    assert_eq!(connections.load(Ordering::SeqCst), FAILURES_TO_OPEN as usize + 1);
}
