//! What opens the circuit of a source and what does not, against small servers on real sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;

use super::breaker::FAILURES_TO_OPEN;
use super::tests::{call, client, kind, limits, ok, read_request, serve, short};
use super::*;
use kakehashi_contract::{Call, ErrorKind};

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

#[tokio::test]
async fn a_body_that_stalls_or_breaks_off_is_a_failure() {
    for (status, keeps, expected) in [
        ("200 OK", true, Some(ErrorKind::Timeout)),
        ("200 OK", false, Some(ErrorKind::InvalidPayload)),
        // What explains a status is read as far as it comes; the source is no better for that.
        ("500 Oh", true, None),
        ("404 No", false, None),
    ] {
        let text = STALLED.replace("200 OK", status);
        let (address, counter) = saying(move |_| (text.clone(), keeps)).await;
        let client = client(&address, short());
        for _ in 0..FAILURES_TO_OPEN {
            let answer = client.get("/", &[], &call()).await;
            assert_eq!(answer.err().map(|error| error.kind), expected, "{status} {keeps}");
        }
        assert_eq!(asked(&counter), FAILURES_TO_OPEN as usize);
        assert_eq!(
            kind(client.get("/", &[], &call()).await),
            ErrorKind::Unreachable,
            "{status} {keeps}"
        );
        assert_eq!(
            asked(&counter),
            FAILURES_TO_OPEN as usize,
            "nobody waits for it any more"
        );
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
        assert_eq!(client.get("/", &[], &call()).await.is_ok(), number == 4, "{number}");
    }
    assert_eq!(asked(&counter), 10);
    assert!(
        client.status().open_since.is_some(),
        "five in a row after the whole one"
    );
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
        (ok(&"x".repeat(1000)).replace("200 OK", "500 Oh"), None),
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
    let long = ok(&"x".repeat(1024 * 1024)).replace("200 OK", "503 Oh");
    let (address, _) = saying(move |number| match number {
        4 => (long.clone(), true),
        _ => (STALLED.to_owned(), true),
    })
    .await;
    let client = client(&address, short());
    for number in 0..10 {
        assert!(client.status().open_since.is_none(), "{number}");
        let answer = client.get("/", &[], &call()).await;
        let explained = answer.ok().map(|answer| (answer.status.as_u16(), answer.body.len()));
        assert_eq!(explained, (number == 4).then_some((503, 64 * 1024)), "{number}");
    }
    assert!(client.status().open_since.is_some(), "five in a row after it");
}
