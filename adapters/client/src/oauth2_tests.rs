//! Tokens from a token endpoint, against the stand-in of one and a source that looks at them.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use http::{HeaderValue, StatusCode};
use stand_ins::TokenIssuer;
use stand_ins::issuer::{RegisteredClient, SigningKey};
use stand_ins::server::{self, Fault, LoggedRequest, Server};

use super::*;
use kakehashi_contract::{Call, ErrorKind, SourceId};

const SECRET: &str = "s3cret: with+signs%";

/// A source that takes every token but the withdrawn ones, and says who came.
#[derive(Clone, Default)]
struct Guard {
    withdrawn: Arc<Mutex<HashSet<String>>>,
    seen: Arc<Mutex<HashSet<String>>>,
    refuses_all: Arc<Mutex<bool>>,
    asked: Arc<AtomicUsize>,
}

impl server::Service for Guard {
    fn answer(&self, request: &LoggedRequest) -> http::Response<Bytes> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let token = request
            .header("authorization")
            .and_then(|value| value.strip_prefix("Bearer "));
        self.seen.lock().unwrap().extend(token.map(str::to_owned));
        let is_taken = token.is_some_and(|token| !self.withdrawn.lock().unwrap().contains(token));
        if is_taken && !*self.refuses_all.lock().unwrap() {
            return server::json(StatusCode::OK, &serde_json::json!([]));
        }
        server::empty(StatusCode::UNAUTHORIZED)
    }
}

struct Setting {
    issuer: TokenIssuer,
    guard: Guard,
    source: Server,
    client: SourceClient,
}

async fn setting(token_bytes: usize, expires_in: u64, authentication: ClientAuthentication) -> Setting {
    let issuer = TokenIssuer::start(0, &SigningKey::new("k").unwrap()).await.unwrap();
    issuer.register(RegisteredClient {
        id: "kakehashi@pref".to_owned(),
        secret: SECRET.to_owned(),
        token_bytes,
        expires_in,
    });
    let guard = Guard::default();
    let source = Server::start(0, guard.clone()).await.unwrap();
    let client = client(&issuer, source.url(), SECRET, authentication);
    Setting {
        issuer,
        guard,
        source,
        client,
    }
}

fn settings(issuer: &TokenIssuer, secret: &str, authentication: ClientAuthentication) -> OAuth2Settings {
    OAuth2Settings {
        token_url: issuer.token_url().parse().unwrap(),
        client_id: "kakehashi@pref".to_owned(),
        client_secret: secret.into(),
        scope: Some("read all".to_owned()),
        audience: None,
        authentication,
        authorities: None,
    }
}

fn client(issuer: &TokenIssuer, endpoint: &str, secret: &str, authentication: ClientAuthentication) -> SourceClient {
    let http = HttpClient::new(&HttpClientSettings::default()).unwrap();
    let credential = Credential::OAuth2(Box::new(settings(issuer, secret, authentication)));
    let limits = SourceLimits::default();
    SourceClient::new(http, SourceId::new("test"), endpoint, Some(credential), limits).unwrap()
}

/// Asks what nobody has asked before, so that it is sent by itself.
async fn ask(client: &SourceClient) -> Result<StatusCode, ErrorKind> {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let path = format!("/{}", ASKED.fetch_add(1, Ordering::Relaxed));
    let call = Call::until(Instant::now() + Duration::from_secs(20));
    let answer = client.get(&path, &[], &call).await;
    answer.map(|answer| answer.status).map_err(|error| error.kind)
}

#[tokio::test]
async fn one_token_of_8_kib_serves_all_requests_at_once() {
    for authentication in [ClientAuthentication::Basic, ClientAuthentication::Body] {
        let setting = setting(8 * 1024, 3600, authentication).await;
        let answers = join_all((0..20).map(|_| ask(&setting.client))).await;
        assert!(
            answers.iter().all(|answer| *answer == Ok(StatusCode::OK)),
            "{answers:?}"
        );
        assert_eq!(setting.issuer.token_requests(), 1);
        let requests = setting.issuer.requests();
        let form = String::from_utf8_lossy(&requests[0].body).into_owned();
        assert!(form.contains("grant_type=client%5Fcredentials") || form.contains("grant_type=client_credentials"));
        assert!(form.contains("scope=read%20all"), "{form}");
        for request in setting.source.requests() {
            assert_eq!(request.headers.get_all("authorization").iter().count(), 1);
            assert_eq!(
                request.header("authorization").unwrap().len(),
                "Bearer ".len() + 8 * 1024
            );
        }
    }
}

#[tokio::test]
async fn a_token_is_renewed_before_its_end_and_no_request_waits_in_vain() {
    let setting = setting(20, 2, ClientAuthentication::Basic).await;
    let began = Instant::now();
    // Two lives long, without a request that finds no token.
    while setting.guard.seen.lock().unwrap().len() < 3 {
        assert_eq!(ask(&setting.client).await, Ok(StatusCode::OK));
        assert!(began.elapsed() < Duration::from_secs(60), "it is never renewed");
    }
    assert!(setting.issuer.issued().len() <= 8, "it is renewed too often");
}

#[tokio::test]
async fn a_token_that_was_withdrawn_is_replaced_once() {
    let setting = setting(20, 3600, ClientAuthentication::Basic).await;
    assert_eq!(ask(&setting.client).await, Ok(StatusCode::OK));
    let first = setting.issuer.issued().remove(0);
    setting.guard.withdrawn.lock().unwrap().insert(first);
    let answers = join_all((0..10).map(|_| ask(&setting.client))).await;
    assert!(
        answers.iter().all(|answer| *answer == Ok(StatusCode::OK)),
        "{answers:?}"
    );
    assert_eq!(setting.issuer.issued().len(), 2);

    // A source that refuses whatever comes does not make the endpoint issue a token for each request.
    *setting.guard.refuses_all.lock().unwrap() = true;
    setting.guard.asked.store(0, Ordering::SeqCst);
    for number in 0..10 {
        let expected = match number {
            0..5 => Ok(StatusCode::UNAUTHORIZED),
            // It is not asked for ever.
            _ => Err(ErrorKind::Unreachable),
        };
        assert_eq!(ask(&setting.client).await, expected, "{number}");
    }
    assert_eq!(setting.issuer.issued().len(), 3);
    assert_eq!(
        setting.guard.asked.load(Ordering::SeqCst),
        7,
        "one more try for the token that was proved, and no other but the gateway's own"
    );
}

#[tokio::test]
async fn an_endpoint_that_gives_no_token_is_left_alone_for_a_while_and_is_no_failure_of_the_source() {
    let setting = setting(20, 3600, ClientAuthentication::Basic).await;
    let wrong = client(
        &setting.issuer,
        setting.source.url(),
        "wrong",
        ClientAuthentication::Basic,
    );
    let answers = join_all((0..20).map(|_| ask(&wrong))).await;
    assert!(
        answers.iter().all(|answer| *answer == Err(ErrorKind::Credential)),
        "{answers:?}"
    );
    assert_eq!(setting.issuer.token_requests(), 1);
    assert!(wrong.status().open_since.is_none(), "the source has not failed");
    assert_eq!(setting.source.requests().len(), 0, "it was asked without a credential");

    for fault in [
        Fault::Status(503),
        Fault::Html,
        Fault::BrokenJson,
        Fault::EmptyBody,
        Fault::EndlessBody,
        Fault::Reset,
    ] {
        setting.issuer.set_fault(fault);
        let client = client(
            &setting.issuer,
            setting.source.url(),
            SECRET,
            ClientAuthentication::Basic,
        );
        assert_eq!(ask(&client).await, Err(ErrorKind::Credential), "{fault:?}");
    }
    assert_eq!(setting.source.requests().len(), 0, "it was asked without a credential");
}

#[tokio::test]
async fn a_consumers_own_token_goes_on_only_where_it_may_and_nobody_else_comes_through() {
    let guard = Guard::default();
    let source = Server::start(0, guard).await.unwrap();
    let http = HttpClient::new(&HttpClientSettings::default()).unwrap();
    let client = |credential| {
        let id = SourceId::new("test");
        SourceClient::new(http.clone(), id, source.url(), credential, SourceLimits::default()).unwrap()
    };
    let call = |token: Option<&'static str>| Call {
        consumer_token: token.map(|token| Arc::new(HeaderValue::from_static(token))),
        ..Call::until(Instant::now() + Duration::from_secs(20))
    };
    let passing = client(Some(Credential::PassThrough));
    let refused = passing.get("/", &[], &call(None)).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Credential);
    assert_eq!(source.requests().len(), 0);
    passing.get("/", &[], &call(Some("Bearer own"))).await.unwrap();
    assert_eq!(source.requests()[0].header("authorization"), Some("Bearer own"));
    client(None).get("/", &[], &call(Some("Bearer own"))).await.unwrap();
    assert_eq!(source.requests()[1].header("authorization"), None);
}

#[test]
fn nothing_secret_shows_in_debug() {
    let settings = OAuth2Settings {
        token_url: http::Uri::from_static("https://id.example.jp/token"),
        client_id: "id".to_owned(),
        client_secret: SECRET.into(),
        scope: None,
        audience: None,
        authentication: ClientAuthentication::Basic,
        authorities: None,
    };
    for credential in [
        Credential::OAuth2(Box::new(settings.clone())),
        Credential::Query(QueryKey::new("key", SECRET)),
    ] {
        assert!(!format!("{credential:?} {settings:?}").contains("s3cret"));
    }
}

#[tokio::test]
async fn a_slow_endpoint_takes_nothing_of_the_sources_own_time() {
    let setting = setting(20, 3600, ClientAuthentication::Basic).await;
    let limits = SourceLimits {
        timeout: Duration::from_millis(4000),
        ..SourceLimits::default()
    };
    // Together longer than the source may take, each far shorter.
    setting.issuer.set_fault(Fault::Slow(Duration::from_millis(2100)));
    setting.source.set_fault(Fault::Slow(Duration::from_millis(2100)));
    let settings = settings(&setting.issuer, SECRET, ClientAuthentication::Basic);
    let http = HttpClient::new(&HttpClientSettings::default()).unwrap();
    let credential = Some(Credential::OAuth2(Box::new(settings)));
    let client = SourceClient::new(http, SourceId::new("test"), setting.source.url(), credential, limits).unwrap();
    assert_eq!(ask(&client).await, Ok(StatusCode::OK));
}
