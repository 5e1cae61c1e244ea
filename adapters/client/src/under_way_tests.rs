//! Equal requests that are under way at the same time, against a source that answers when it is let.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use http::{HeaderName, HeaderValue, Method};
use kakehashi_contract::{Call, ErrorKind, SourceId};
use stand_ins::TokenIssuer;
use stand_ins::issuer::{RegisteredClient, SigningKey};

use super::breaker::FAILURES_TO_OPEN;
use super::holding::{Answers, Holding, ask, ask_with, call_of, process, says_yes, send};
use super::tests::{call, client, limits, ok};
use super::*;

#[tokio::test]
async fn equal_requests_under_way_are_one_and_who_comes_later_asks_anew() {
    let source = Holding::start(says_yes).await;
    let (client, process) = (source.client(), process(1000));
    let asking: Vec<_> = (0..20).map(|_| ask_with(&client, "/", call_of(&process))).collect();
    source.is_asked(1).await;
    source.answers();
    let answers = join_all(asking).await;
    assert_eq!(process.in_use().bytes, 20 * "[yes]".len(), "each holds what it has");
    for answer in answers {
        let answer = answer.unwrap();
        assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"[yes]"[..]));
        assert_eq!(answer.headers["content-length"], "5");
        assert_eq!(answer.held.bytes(), 5);
    }
    assert_eq!(process.in_use().bytes, 0);
    let status = client.status();
    assert_eq!((status.requests, status.joined, status.in_flight), (1, 19, 0));
    client.get("/", &[], &call()).await.unwrap();
    assert_eq!((source.asked(), client.status().joined), (2, 19));
}

#[tokio::test]
async fn what_differs_in_anything_is_asked_apart() {
    const SERVICE: HeaderName = HeaderName::from_static("fiware-service");
    static SANO: [(HeaderName, HeaderValue); 1] = [(SERVICE, HeaderValue::from_static("sano"))];
    static YAITA: [(HeaderName, HeaderValue); 1] = [(SERVICE, HeaderValue::from_static("yaita"))];
    let post = |body: &'static str, resend| SourceRequest {
        method: Method::POST,
        body: Bytes::from_static(body.as_bytes()),
        resend,
        ..SourceRequest::get("/op/query", &SANO)
    };
    let get = |path: &'static str| SourceRequest::get(path, &SANO);
    let with = |method: Method, resend| SourceRequest {
        method,
        resend,
        ..get("/a")
    };
    let pairs = [
        (get("/a"), get("/b"), 2),
        (get("/a?x=1"), get("/a?x=2"), 2),
        (get("/a"), SourceRequest::get("/a", &YAITA), 2),
        (get("/a"), SourceRequest::get("/a", &[]), 2),
        (get("/a"), with(Method::HEAD, Resend::AsMethodSays), 2),
        (get("/a"), get("/a"), 1),
        (post("{}", Resend::OnlyAsks), post("[]", Resend::OnlyAsks), 2),
        (post("{}", Resend::OnlyAsks), post("{}", Resend::OnlyAsks), 1),
        // What does something is done as often as it is asked for.
        (post("{}", Resend::Harmless), post("{}", Resend::Harmless), 2),
        (post("{}", Resend::AsMethodSays), post("{}", Resend::AsMethodSays), 2),
        (
            with(Method::PUT, Resend::AsMethodSays),
            with(Method::PUT, Resend::AsMethodSays),
            2,
        ),
    ];
    for (one, other, sent) in pairs {
        let source = Holding::start(says_yes).await;
        let client = source.client();
        let shown = format!("{one:?} {other:?}");
        let asking = [send(&client, one), send(&client, other)];
        source.is_asked(sent).await;
        source.answers();
        join_all(asking)
            .await
            .into_iter()
            .for_each(|answer| drop(answer.unwrap()));
        assert_eq!(source.asked(), sent, "{shown}");
    }
}

#[tokio::test]
async fn another_consumers_token_or_wish_is_a_request_of_its_own_and_a_trace_is_none() {
    let token = |text: &'static str| Call {
        consumer_token: Some(Arc::new(HeaderValue::from_static(text))),
        ..call()
    };
    let trace = |text: &str| Call {
        traceparent: Some(text.into()),
        ..call()
    };
    let no_cache = || Call {
        no_cache: true,
        ..call()
    };
    for (passes, one, other, sent) in [
        (true, token("Bearer a"), token("Bearer b"), 2),
        (true, token("Bearer a"), token("Bearer a"), 1),
        (false, token("Bearer a"), token("Bearer b"), 1),
        (false, trace("00-a"), trace("00-b"), 1),
        (false, no_cache(), call(), 2),
        (false, call(), no_cache(), 2),
        (false, no_cache(), no_cache(), 2),
    ] {
        let source = Holding::start(says_yes).await;
        let http = HttpClient::new(&HttpClientSettings::default()).unwrap();
        let credential = passes.then_some(Credential::PassThrough);
        let client = SourceClient::new(http, SourceId::new("test"), &source.address, credential, limits()).unwrap();
        let asking = [ask_with(&client, "/", one), ask_with(&client, "/", other)];
        source.is_asked(sent).await;
        source.answers();
        join_all(asking)
            .await
            .into_iter()
            .for_each(|answer| drop(answer.unwrap()));
        assert_eq!(source.asked(), sent);
    }
}

#[tokio::test]
async fn who_began_may_leave_and_when_all_have_left_it_ends() {
    let source = Holding::start(says_yes).await;
    let (client, process) = (source.client(), process(1000));
    let mut asking: Vec<_> = (0..3).map(|_| ask_with(&client, "/", call_of(&process))).collect();
    source.is_asked(1).await;
    drop(asking.remove(0));
    drop(asking.remove(0));
    // Nothing of who has left is kept.
    while process.in_use().requests > 1 {
        tokio::task::yield_now().await;
    }
    source.answers();
    assert_eq!(asking.remove(0).await.unwrap().body, "[yes]");
    assert_eq!((source.asked(), source.given_up.load(Ordering::SeqCst)), (1, 0));

    source.holds();
    let asking: Vec<_> = (0..3).map(|_| ask(&client, "/")).collect();
    source.is_asked(2).await;
    drop(asking);
    while source.given_up.load(Ordering::SeqCst) < 1 || client.status().in_flight > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!((process.in_use().requests, process.in_use().bytes), (0, 0));
    // Who comes then does not wait for what was given up.
    source.answers();
    client.get("/", &[], &call()).await.unwrap();
    assert_eq!(source.asked(), 3);
}

#[tokio::test]
async fn each_waits_until_its_own_time_is_over() {
    let source = Holding::start(says_yes).await;
    let client = source.client();
    let soon = || Call::until(Instant::now() + Duration::from_millis(100));
    let began = ask_with(&client, "/", soon());
    let (stays, leaves) = (ask(&client, "/"), ask_with(&client, "/", soon()));
    source.is_asked(1).await;
    for leaving in [began, leaves] {
        assert_eq!(leaving.await.unwrap_err().kind, ErrorKind::Timeout);
    }
    assert_eq!(client.status().failures, 1, "one exchange counts once");
    source.answers();
    assert_eq!(stays.await.unwrap().body, "[yes]");
    assert_eq!((source.asked(), client.status().in_flight), (1, 0));
}

#[tokio::test]
async fn what_the_source_does_wrong_is_told_to_all_and_counts_once() {
    let refuses: Answers = |_| Some("HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length: 4\r\n\r\nbusy".to_owned());
    let source = Holding::start(refuses).await;
    let client = source.client();
    let asking: Vec<_> = (0..5).map(|_| ask(&client, "/")).collect();
    source.answers();
    for answer in join_all(asking).await {
        let answer = answer.unwrap();
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (503, &b"busy"[..]));
        assert_eq!(answer.headers["retry-after"], "7");
    }
    assert_eq!(source.asked(), 1);

    let source = Holding::start(|_| None).await;
    let client = source.client();
    let asking: Vec<_> = (0..5).map(|_| ask(&client, "/")).collect();
    source.answers();
    for answer in join_all(asking).await {
        assert_eq!(answer.unwrap_err().kind, ErrorKind::Unreachable);
    }
    assert_eq!(source.asked(), 2, "once more, because the connection broke");
    assert_eq!((client.status().failures, client.status().open_since), (1, None));
}

#[tokio::test]
async fn that_who_began_may_hold_no_more_is_nobody_elses_trouble() {
    for chunked in [false, true] {
        let source = Holding::start(if chunked { chunks } else { says_yes }).await;
        let (client, poor, rich) = (source.client(), process(3), process(1 << 20));
        let asking = [
            ask_with(&client, "/", call_of(&poor)),
            ask_with(&client, "/", call_of(&rich)),
            ask_with(&client, "/", call_of(&poor)),
        ];
        source.is_asked(1).await;
        source.answers();
        let [began, rich_one, other] = join_all(asking).await.try_into().unwrap();
        for poor_one in [began, other] {
            let kind = poor_one.unwrap_err().kind;
            assert!(matches!(kind, ErrorKind::Exhausted(_)), "{kind}");
        }
        drop(rich_one.unwrap());
        assert_eq!((poor.in_use().bytes, rich.in_use().bytes), (0, 0));
        assert_eq!(client.status().open_since, None);
    }
}

fn chunks(_: &str) -> Option<String> {
    let chunk = "x".repeat(100_000);
    let chunk = format!("{:x}\r\n{chunk}\r\n", chunk.len());
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    Some(format!("{head}{}0\r\n\r\n", chunk.repeat(2)))
}

/// Bodies of 300,000 bytes, declared or not, for `/large`; small ones for anything else.
fn large(request: &str) -> Option<String> {
    if request.starts_with("GET /small") {
        return says_yes(request);
    }
    let body = "0123456789".repeat(30_000);
    Some(if request.contains("chunked") {
        let chunk = format!("{:x}\r\n{body}\r\n", body.len());
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunk}0\r\n\r\n")
    } else {
        ok(&body)
    })
}

#[tokio::test]
async fn a_large_answer_belongs_to_one_and_the_others_ask_and_remember_it() {
    for path in ["/large", "/large?chunked"] {
        let source = Holding::start(large).await;
        let (client, process) = (source.client(), process(10 << 20));
        let ask_all = || -> Vec<_> { (0..3).map(|_| ask_with(&client, path, call_of(&process))).collect() };
        let (asking, other) = (ask_all(), ask(&client, "/small"));
        source.is_asked(2).await;
        source.answers();
        for answer in join_all(asking).await {
            let answer = answer.unwrap();
            assert_eq!(answer.body.len(), 300_000);
            assert!(answer.held.bytes() >= 300_000);
        }
        other.await.unwrap();
        assert_eq!((source.asked(), process.in_use().bytes), (4, 0), "{path}");
        // Nobody waits for another's head in vain again; other requests are shared as before.
        source.holds();
        let asking = ask_all();
        let others: Vec<_> = (0..3).map(|_| ask(&client, "/small")).collect();
        source.is_asked(4 + 3 + 1).await;
        source.answers();
        join_all(asking.into_iter().chain(others)).await;
    }
}

#[tokio::test]
async fn what_has_become_small_is_shared_again() {
    static IS_SMALL: AtomicUsize = AtomicUsize::new(0);
    let source = Holding::start(|request| match IS_SMALL.load(Ordering::SeqCst) {
        0 => large(request),
        _ => says_yes(request),
    })
    .await;
    let client = source.client();
    source.answers();
    client.get("/", &[], &call()).await.unwrap();
    IS_SMALL.store(1, Ordering::SeqCst);
    client.get("/", &[], &call()).await.unwrap();
    source.holds();
    let asking = [ask(&client, "/"), ask(&client, "/")];
    source.is_asked(3).await;
    source.answers();
    join_all(asking).await;
    assert_eq!(source.asked(), 3);
}

#[tokio::test]
async fn who_waits_for_a_place_joins_when_an_equal_request_begins() {
    let source = Holding::start(says_yes).await;
    let limits = SourceLimits {
        concurrency: 1,
        ..limits()
    };
    let client = client(&source.address, limits);
    let first = ask(&client, "/first");
    let asking: Vec<_> = (0..10).map(|_| ask(&client, "/")).collect();
    // Some leave before their turn comes.
    let left: Vec<_> = (0..3).map(|_| ask(&client, "/")).collect();
    let unequal = ask(&client, "/unequal");
    drop(left);
    source.is_asked(1).await;
    source.answers();
    first.await.unwrap();
    for answer in join_all(asking).await {
        assert_eq!(answer.unwrap().body, "[yes]");
    }
    unequal.await.unwrap();
    assert_eq!((source.asked(), client.status().joined), (3, 9));
    assert_eq!(client.status().in_flight, 0);
}

#[tokio::test]
async fn nobody_waits_for_a_source_that_has_failed_several_times() {
    let source = Holding::start(|request| (!request.contains("breaks")).then(|| ok("[yes]"))).await;
    let client = source.client().probing("/now/breaks", &[]);
    let held = ask(&client, "/");
    source.is_asked(1).await;
    for _ in 0..FAILURES_TO_OPEN {
        drop(client.get("/now/breaks", &[], &call()).await.unwrap_err());
    }
    let refused = client.get("/", &[], &call()).await.unwrap_err();
    assert!(client.status().open_since.is_some());
    assert_eq!((refused.kind, client.status().joined), (ErrorKind::Unreachable, 0));
    source.answers();
    held.await.unwrap();
}

#[tokio::test]
async fn what_is_asked_after_a_write_is_not_answered_by_what_was_asked_before() {
    let source = Holding::start(says_yes).await;
    let client = source.client();
    let put = SourceRequest {
        method: Method::PUT,
        ..SourceRequest::get("/", &[])
    };
    let before = ask(&client, "/");
    source.is_asked(1).await;
    let writes = [put.clone(), put].map(|put| send(&client, put));
    source.is_asked(3).await;
    let [written, given_up] = writes;
    // Nobody knows of a write that was given up what has become of it.
    drop(given_up);
    while source.given_up.load(Ordering::SeqCst) < 1 {
        tokio::task::yield_now().await;
    }
    let after_one = ask(&client, "/");
    source.is_asked(4).await;
    source.answers();
    written.await.unwrap();
    source.holds();
    let after_both = ask(&client, "/");
    source.is_asked(5).await;
    source.answers();
    for answer in join_all([before, after_one, after_both]).await {
        answer.unwrap();
    }
}

#[tokio::test]
async fn what_was_sent_with_a_token_that_is_no_more_is_not_joined() {
    let issuer = TokenIssuer::start(0, &SigningKey::new("k").unwrap()).await.unwrap();
    issuer.register(RegisteredClient {
        id: "kakehashi".to_owned(),
        secret: "secret".to_owned(),
        token_bytes: 20,
        expires_in: 3600,
    });
    let source = Holding::start(|request| {
        let refusal = "HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n".to_owned();
        Some(if request.contains("refused") {
            refusal
        } else {
            ok("[yes]")
        })
    })
    .await;
    let settings = OAuth2Settings {
        token_url: issuer.token_url().parse().unwrap(),
        client_id: "kakehashi".to_owned(),
        client_secret: "secret".into(),
        scope: None,
        audience: None,
        authentication: ClientAuthentication::Basic,
        authorities: None,
    };
    let http = HttpClient::new(&HttpClientSettings::default()).unwrap();
    let credential = Some(Credential::OAuth2(Box::new(settings)));
    let client = SourceClient::new(http, SourceId::new("test"), &source.address, credential, limits()).unwrap();
    // Whoever waits for the first token joins as well.
    let asking: Vec<_> = (0..3).map(|_| ask(&client, "/")).collect();
    source.is_asked(1).await;
    source.lets.add_permits(1);
    for answer in join_all(asking).await {
        answer.unwrap();
    }
    assert_eq!((source.asked(), client.status().joined), (1, 2));

    let asking = [ask(&client, "/"), ask(&client, "/")];
    source.is_asked(2).await;
    assert_eq!(client.status().joined, 3);
    // It takes the token no more: another one is fetched.
    client.get("/now/refused", &[], &call()).await.unwrap();
    assert_eq!(issuer.issued().len(), 2);
    let with_another = ask(&client, "/");
    source.is_asked(5).await;
    source.answers();
    for answer in join_all(asking.into_iter().chain([with_another])).await {
        answer.unwrap();
    }
    assert_eq!(client.status().joined, 3);
}

#[test]
fn what_was_begun_on_a_thread_that_ends_is_asked_anew_by_who_still_waits() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let (home, ending) = (runtime(), runtime());
    let source = home.block_on(Holding::start(says_yes));
    let client = source.client();
    let began = {
        let _there = ending.enter();
        ask(&client, "/")
    };
    let stays = {
        let _here = home.enter();
        ask(&client, "/")
    };
    assert_eq!(client.status().joined, 1);
    drop(ending);
    source.answers();
    assert_eq!(home.block_on(stays).unwrap().body, "[yes]");
    drop(began);
    assert_eq!(client.status().in_flight, 0);
}
