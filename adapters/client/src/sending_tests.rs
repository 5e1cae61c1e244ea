//! Requests with a body: what is sent again and what is not, and what is known of one whose answer is lost.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use kakehashi_contract::{AdapterError, ErrorKind, Origin, Repeating};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::tests::{call, client, limits, ok, read_request, serve, short};
use super::*;

const BODY: &str = r#"{"value":5}"#;

fn request(method: Method, resend: Resend) -> SourceRequest<'static> {
    SourceRequest {
        method,
        body: Bytes::from_static(BODY.as_bytes()),
        resend,
        ..SourceRequest::get("/entities", &[])
    }
}

/// Reads a request with a body of [`BODY`]'s length.
async fn read_whole(stream: &mut TcpStream) -> Option<(String, String)> {
    let head = read_request(stream).await?;
    let mut body = vec![0; BODY.len()];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, String::from_utf8(body).ok()?))
}

/// A source that reads requests and answers each with what stands for its number, or closes the connection. It keeps them.
async fn taking(answer: impl Fn(usize) -> Option<String> + Send + Sync + 'static) -> (String, Arc<Mutex<Vec<String>>>) {
    let taken = Arc::new(Mutex::new(Vec::new()));
    let (log, answer) = (Arc::clone(&taken), Arc::new(answer));
    let (address, _) = serve(move |_, mut stream| {
        let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
        Box::pin(async move {
            while let Some((head, body)) = read_whole(&mut stream).await {
                let number = {
                    let mut log = log.lock().unwrap();
                    log.push(format!("{} {body}", head.lines().next().unwrap_or_default()));
                    log.len() - 1
                };
                let Some(text) = answer(number) else { return };
                stream.write_all(text.as_bytes()).await.unwrap();
            }
        })
    })
    .await;
    (address, taken)
}

fn about(error: &AdapterError) -> (ErrorKind, Repeating) {
    (error.kind, error.repeating)
}

#[tokio::test]
async fn any_method_carries_its_body() {
    let (address, taken) = taking(|_| Some(ok("done"))).await;
    let client = client(&address, limits());
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let request = request(method.clone(), Resend::AsMethodSays);
        assert_eq!(client.send(&request, &call()).await.unwrap().body, "done");
        let expected = format!("{method} /entities HTTP/1.1 {BODY}");
        assert_eq!(taken.lock().unwrap().pop(), Some(expected));
    }
}

/// A connection that breaks before an answer: what does no harm is sent once more, anything else is not, and is told to have
/// been done, perhaps.
#[tokio::test]
async fn what_would_do_harm_twice_is_sent_once() {
    for (method, resend, sent, repeating) in [
        (Method::POST, Resend::AsMethodSays, 1, Repeating::MayDoTwice),
        (Method::PATCH, Resend::AsMethodSays, 1, Repeating::MayDoTwice),
        (Method::POST, Resend::Harmless, 2, Repeating::IsSafe),
        (Method::PUT, Resend::AsMethodSays, 2, Repeating::IsSafe),
        (Method::DELETE, Resend::AsMethodSays, 2, Repeating::IsSafe),
        (Method::PUT, Resend::Never, 1, Repeating::MayDoTwice),
        (Method::DELETE, Resend::Never, 1, Repeating::MayDoTwice),
    ] {
        let (address, taken) = taking(|_| None).await;
        let error = client(&address, limits())
            .send(&request(method.clone(), resend), &call())
            .await
            .unwrap_err();
        assert_eq!(
            about(&error),
            (ErrorKind::Unreachable, repeating),
            "{method} {resend:?}"
        );
        assert_eq!(taken.lock().unwrap().len(), sent, "{method} {resend:?}");
        assert_eq!(error.may_be_repeated(), repeating == Repeating::IsSafe);
    }
}

#[tokio::test]
async fn a_write_may_have_been_done_wherever_its_answer_is_lost() {
    let answers: [(&str, SourceLimits, ErrorKind); 4] = [
        ("", short(), ErrorKind::Timeout),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx",
            short(),
            ErrorKind::Timeout,
        ),
        (
            "HTTP/1.1 303 See Other\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n",
            limits(),
            ErrorKind::Status(303),
        ),
        ("nonsense\r\n\r\n", limits(), ErrorKind::InvalidPayload),
    ];
    for (text, limits, kind) in answers {
        let (address, _) = taking(move |_| Some(text.to_owned())).await;
        let client = client(&address, limits);
        for (method, repeating) in [(Method::POST, Repeating::MayDoTwice), (Method::PUT, Repeating::IsSafe)] {
            let error = client.send(&request(method, Resend::AsMethodSays), &call()).await;
            assert_eq!(about(&error.unwrap_err()), (kind, repeating), "{text}");
        }
    }
}

#[tokio::test]
async fn what_was_never_sent_may_be_sent_again() {
    // A port that somebody had, and nobody has.
    let (address, connections) = serve(|_, _| Box::pin(async {})).await;
    let nowhere = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let post = request(Method::POST, Resend::AsMethodSays);
    let error = client(&nowhere, limits()).send(&post, &call()).await.unwrap_err();
    assert_eq!(about(&error), (ErrorKind::Unreachable, Repeating::IsSafe));
    let no_room = SourceLimits {
        requests_per_second: std::num::NonZeroU32::new(1),
        ..short()
    };
    let (busy, _) = taking(|_| Some(ok(""))).await;
    let busy = client(&busy, no_room);
    busy.send(&post, &call()).await.unwrap();
    let error = busy.send(&post, &call()).await.unwrap_err();
    assert_eq!(about(&error), (ErrorKind::Overloaded, Repeating::IsSafe));
    assert_eq!(error.origin, Origin::Gateway, "it is the gateway that holds back");
    let of_consumers = SourceClient::new(
        HttpClient::new(&HttpClientSettings::default()).unwrap(),
        kakehashi_contract::SourceId::new("test"),
        &address,
        Some(Credential::PassThrough),
        limits(),
    );
    let error = of_consumers.unwrap().send(&post, &call()).await.unwrap_err();
    assert_eq!((error.kind, error.origin), (ErrorKind::Credential, Origin::Consumer));
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_refusal_says_when_the_source_wants_to_be_asked_again() {
    let text = "HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n";
    let (address, _) = taking(move |_| Some(text.to_owned())).await;
    let client = client(&address, limits());
    let answer = client
        .send(&request(Method::POST, Resend::AsMethodSays), &call())
        .await
        .unwrap();
    let error = client.refusal(&answer, "it is busy");
    assert_eq!((error.kind, error.origin), (ErrorKind::Status(503), Origin::Source));
    assert_eq!(error.retry_after, Some(Duration::from_secs(7)));
}
