//! What opens the circuit of a source and what does not, against small servers on real sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::HeaderValue;
use tokio::io::AsyncWriteExt;

use super::breaker::FAILURES_TO_OPEN;
use super::tests::{call, client, kind, limits, ok, read_request, serve, short};
use super::*;
use kakehashi_contract::{AdapterError, Call, ErrorKind};

/// A server that answers each request with the text that stands for it, and then keeps the connection or closes it.
/// It counts requests.
async fn saying(answer: impl Fn(usize) -> (String, bool) + Send + Sync + 'static) -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let (counter, answer) = (Arc::clone(&asked), Arc::new(answer));
    let (address, _) = serve(move |_, mut stream| {
        let (counter, answer) = (Arc::clone(&counter), Arc::clone(&answer));
        Box::pin(async move {
            while read_request(&mut stream).await.is_some() {
                let (text, keeps) = answer(counter.fetch_add(1, Ordering::SeqCst));
                if stream.write_all(text.as_bytes()).await.is_err() || !keeps {
                    return;
                }
            }
        })
    })
    .await;
    (address, asked)
}

fn asked(counter: &AtomicUsize) -> usize {
    counter.load(Ordering::SeqCst)
}

const STALLED: &str = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n[";

fn status(status: &str, body: &str) -> String {
    ok(body).replace("200 OK", status)
}

/// As an adapter does: what is no JSON is not understood.
async fn read(client: &SourceClient, path: &str, call: &Call) -> Result<(), AdapterError> {
    let answer = client.get(path, &[], call).await?;
    if !answer.status.is_success() {
        return Err(client.refusal(&answer, "refused"));
    }
    if answer.body.first() != Some(&b'[') {
        return Err(client.not_understood(&answer, "not JSON"));
    }
    client.understood(&answer);
    Ok(())
}

const MANY: usize = 12;

#[tokio::test]
async fn whatever_is_wrong_with_a_source_it_is_asked_five_times_and_once_more_by_the_gateway_itself() {
    for (text, keeps, expected) in [
        (STALLED.to_owned(), true, ErrorKind::Timeout),
        (STALLED.to_owned(), false, ErrorKind::InvalidPayload),
        (status("503 Busy", "busy"), true, ErrorKind::Status(503)),
        (status("500 Oh", "{}"), true, ErrorKind::Status(500)),
        (status("502 Bad", ""), false, ErrorKind::Status(502)),
        (status("302 Log in", ""), true, ErrorKind::Status(302)),
        // What explains a status is read as far as it comes; the source is no better for that.
        (STALLED.replace("200 OK", "500 Oh"), true, ErrorKind::Status(500)),
        (STALLED.replace("200 OK", "404 No"), false, ErrorKind::Status(404)),
        (
            ok("<!DOCTYPE html><title>Maintenance</title>"),
            true,
            ErrorKind::InvalidPayload,
        ),
        (ok(""), true, ErrorKind::InvalidPayload),
        (ok("\u{0}\u{1}garbage"), true, ErrorKind::InvalidPayload),
        (
            "SSH-2.0-OpenSSH_9.6\r\n\r\n".to_owned(),
            false,
            ErrorKind::InvalidPayload,
        ),
    ] {
        let (said, whole) = (text.clone(), ok("[]"));
        let is_well = Arc::new(AtomicUsize::new(0));
        let mended = Arc::clone(&is_well);
        let (address, counter) = saying(move |_| match mended.load(Ordering::SeqCst) {
            0 => (said.clone(), keeps),
            _ => (whole.clone(), true),
        })
        .await;
        let client = client(&address, short()).probing("/probe", &[]);
        for number in 0..MANY {
            let error = read(&client, "/", &call()).await.unwrap_err();
            let is_held_back = number >= FAILURES_TO_OPEN as usize;
            assert_eq!(error.is_held_back, is_held_back, "{text}: {number}");
            if !is_held_back {
                assert_eq!(error.kind, expected, "{text}");
            }
        }
        assert_eq!(asked(&counter), FAILURES_TO_OPEN as usize + 1, "{text}");
        assert!(client.status().open_since.is_some(), "{text}");
        // It comes back, and nobody is refused who asks then: all wait for the one that tries it.
        is_well.store(1, Ordering::SeqCst);
        client.let_time_pass(super::breaker::OPEN_FOR);
        let (one, other) = (call(), call());
        let both = tokio::join!(read(&client, "/one", &one), read(&client, "/other", &other));
        both.0.unwrap();
        both.1.unwrap();
        assert!(client.status().open_since.is_none(), "{text}");
        assert_eq!(asked(&counter), FAILURES_TO_OPEN as usize + 4, "{text}");
    }
}

/// Sick for whoever asks so.
fn stumbles(request: &str) -> bool {
    request.starts_with("GET /odd")
}

#[tokio::test]
async fn what_one_asks_closes_a_source_that_is_well_to_nobody() {
    for text in [
        STALLED.to_owned(),
        status("500 Oh", "{}"),
        status("502 Bad", ""),
        status("400 Bad", "{}"),
        ok("<html>blocked</html>"),
        String::new(),
    ] {
        let odd = text.clone();
        let (address, _) = serve(move |_, mut stream| {
            let odd = odd.clone();
            Box::pin(async move {
                while let Some(request) = read_request(&mut stream).await {
                    let text = if stumbles(&request) { odd.clone() } else { ok("[]") };
                    if text.is_empty() || stream.write_all(text.as_bytes()).await.is_err() {
                        return;
                    }
                }
            })
        })
        .await;
        let client = client(&address, short()).probing("/probe", &[]);
        for _ in 0..2 * FAILURES_TO_OPEN {
            assert!(
                !read(&client, "/odd", &call()).await.unwrap_err().is_held_back,
                "{text}"
            );
            assert!(client.status().open_since.is_none(), "{text}");
        }
        read(&client, "/", &call()).await.unwrap();
    }
}

#[tokio::test]
async fn a_source_that_wants_to_be_left_alone_is_asked_once() {
    let (address, counter) = saying(|_| {
        let busy = "HTTP/1.1 503 Busy\r\nretry-after: 30\r\ncontent-length: 0\r\n\r\n";
        (busy.to_owned(), true)
    })
    .await;
    let client = client(&address, limits());
    for number in 0..24 {
        let error = read(&client, "/", &call()).await.unwrap_err();
        let after = error.retry_after.unwrap();
        assert!(
            after <= Duration::from_secs(30) && after > Duration::from_secs(20),
            "{after:?}"
        );
        assert_eq!(error.is_held_back, number > 0);
    }
    assert_eq!(asked(&counter), 1);
    // When the time has come it is asked with one, which says the same again.
    client.let_time_pass(Duration::from_secs(30));
    for _ in 0..24 {
        assert!(read(&client, "/", &call()).await.unwrap_err().is_held_back);
    }
    assert_eq!(asked(&counter), 2);
}

/// A request with the token of one consumer.
fn call_with(token: &str) -> Call {
    Call {
        consumer_token: Some(Arc::new(HeaderValue::from_str(token).unwrap())),
        ..call()
    }
}

#[tokio::test]
async fn what_a_source_says_of_one_credential_holds_back_nobody_elses() {
    let late = "HTTP/1.1 429 Late\r\nretry-after: 60\r\ncontent-length: 0\r\n\r\n".to_owned();
    for (refusal, most) in [
        (status("401 No", ""), FAILURES_TO_OPEN as usize + 1),
        (status("429 Late", ""), FAILURES_TO_OPEN as usize + 1),
        (late, 1),
    ] {
        let counter = Arc::new(AtomicUsize::new(0));
        let (refused, says) = (Arc::clone(&counter), refusal.clone());
        let (address, _) = serve(move |_, mut stream| {
            let (refused, says) = (Arc::clone(&refused), says.clone());
            Box::pin(async move {
                while let Some(request) = read_request(&mut stream).await {
                    let text = if request.contains("good") {
                        ok("[]")
                    } else {
                        refused.fetch_add(1, Ordering::SeqCst);
                        says.clone()
                    };
                    stream.write_all(text.as_bytes()).await.unwrap();
                }
            })
        })
        .await;
        let client = super::tests::client_with(&address, Some(Credential::PassThrough), limits());
        let client = client.probing("/probe", &[]);
        for _ in 0..MANY {
            read(&client, "/", &call_with("bad")).await.unwrap_err();
            read(&client, "/", &call_with("good")).await.unwrap();
        }
        assert_eq!(asked(&counter), most, "{refusal}");
        assert!(client.status().open_since.is_none());
        // Another's is asked for itself.
        read(&client, "/", &call_with("other")).await.unwrap_err();
        assert_eq!(asked(&counter), most + 1, "{refusal}");
    }
}

#[tokio::test]
async fn whoever_leaves_a_silent_source_lets_a_probe_find_out_whether_it_is_well() {
    for (answers_probes, opens) in [(true, false), (false, true)] {
        let probes = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&probes);
        let (address, _) = serve(move |_, mut stream| {
            let counter = Arc::clone(&counter);
            Box::pin(async move {
                while let Some(request) = read_request(&mut stream).await {
                    if request.starts_with("GET /probe") {
                        counter.fetch_add(1, Ordering::SeqCst);
                        if answers_probes && stream.write_all(ok("[]").as_bytes()).await.is_err() {
                            return;
                        }
                    }
                }
            })
        })
        .await;
        let patience = SourceLimits {
            timeout: Duration::from_millis(1500),
            ..limits()
        };
        let client = client(&address, patience).probing("/probe", &[]);
        for number in 1..=FAILURES_TO_OPEN as usize {
            // The caller's own time is over before the source's is.
            let soon = Call::until(Instant::now() + Duration::from_millis(1050));
            assert_eq!(kind(client.get("/", &[], &soon).await), ErrorKind::Timeout);
            while asked(&probes) < number {
                tokio::task::yield_now().await;
            }
            assert!(client.status().open_since.is_none());
            // Until the probe has ended.
            while client.status().in_flight > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        assert_eq!(client.status().open_since.is_some(), opens);
    }
}

#[tokio::test]
async fn a_whole_answer_between_failures_closes_the_circuit_and_a_head_does_not() {
    let (address, counter) = saying(|number| match number {
        4 => (ok("[]"), true),
        _ => (STALLED.to_owned(), true),
    })
    .await;
    let client = client(&address, short());
    for number in 0..10 {
        let error = read(&client, "/", &call()).await.err();
        assert_eq!(error.is_none(), number == 4, "{number}");
        assert!(!error.is_some_and(|error| error.is_held_back), "{number}");
    }
    assert!(read(&client, "/", &call()).await.unwrap_err().is_held_back);
    assert_eq!(asked(&counter), 11, "five in a row after the whole one, and the probe");
}

#[tokio::test]
async fn whoever_leaves_says_nothing_about_the_source() {
    let (told, mut answered) = tokio::sync::mpsc::unbounded_channel();
    let (address, counter) = saying(move |_| {
        told.send(()).unwrap();
        (STALLED.to_owned(), true)
    })
    .await;
    let client = client(&address, limits());
    for _ in 0..2 * FAILURES_TO_OPEN {
        let call = call();
        tokio::select! {
            answer = client.get("/", &[], &call) => panic!("it never ends: {answer:?}"),
            () = async { answered.recv().await.unwrap() } => {}
        }
        // Nor does one whose own time is over a moment after bytes have come.
        let soon = Call::until(Instant::now() + Duration::from_millis(50));
        assert_eq!(kind(client.get("/", &[], &soon).await), ErrorKind::Timeout);
        answered.recv().await.unwrap();
    }
    assert!(client.status().open_since.is_none());
    assert_eq!(asked(&counter), 4 * FAILURES_TO_OPEN as usize);
}

#[tokio::test]
async fn an_answer_that_is_larger_than_what_is_read_is_no_failure_of_the_source() {
    let limits = SourceLimits { body: 100, ..limits() };
    let endless = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n80\r\n{}\r\n",
        "x".repeat(128)
    );
    for (text, expected) in [
        (ok(&"x".repeat(1000)), Some(ErrorKind::TooLarge)),
        (endless, Some(ErrorKind::TooLarge)),
        (ok(&"x".repeat(1000)).replace("200 OK", "404 No"), None),
    ] {
        let (address, _) = saying(move |_| (text.clone(), true)).await;
        let client = client(&address, limits.clone());
        for _ in 0..2 * FAILURES_TO_OPEN {
            assert_eq!(
                client.get("/", &[], &call()).await.err().map(|error| error.kind),
                expected
            );
        }
        assert!(
            client.status().open_since.is_none(),
            "whoever asks for much closes it to nobody"
        );
    }
}

#[tokio::test]
async fn of_a_long_explanation_the_beginning_is_enough() {
    let long = status("404 No", &"x".repeat(1024 * 1024));
    let (address, _) = saying(move |_| (long.clone(), true)).await;
    let client = client(&address, short());
    for _ in 0..2 * FAILURES_TO_OPEN {
        let answer = client.get("/", &[], &call()).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.body.len()), (404, 64 * 1024));
    }
    assert!(
        client.status().open_since.is_none(),
        "what the request has caused is no failure"
    );
}
