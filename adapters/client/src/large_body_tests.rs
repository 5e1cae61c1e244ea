//! Bodies that are read where long work takes turns, and the connections that they arrive on.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures::FutureExt;
use kakehashi_resources::request::{Bounds, Process};
use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;

use super::SourceLimits;
use super::tests::{client, kind, limits, read_request, serve, short};
use kakehashi_contract::{Call, ErrorKind};

const MEBIBYTE: usize = 1024 * 1024;

fn process(bytes: usize) -> Arc<Process> {
    Process::start(Bounds {
        requests: 10,
        bytes,
        bytes_of_one: bytes,
        computing: 10,
        threads: NonZeroUsize::MIN,
    })
    .unwrap()
}

fn call(process: &Arc<Process>) -> Call {
    let later = Instant::now() + Duration::from_secs(600);
    Call {
        resources: process.admit(&process.caller(1), later).unwrap(),
        ..Call::until(later)
    }
}

/// Bytes of which each tells its place.
fn numbered(length: usize) -> Vec<u8> {
    (0..length).map(|place| (place % 251) as u8).collect()
}

/// How a body of so many bytes is sent.
fn head(length: usize, is_chunked: bool) -> String {
    if is_chunked {
        return "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
    }
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n")
}

#[tokio::test]
async fn what_is_large_is_read_by_turns_and_its_connection_is_kept() {
    for is_chunked in [false, true] {
        let (address, connections) = serve(move |_, mut stream| {
            Box::pin(async move {
                while let Some(request) = read_request(&mut stream).await {
                    let length: usize = request.split(['/', ' ']).nth(2).unwrap().parse().unwrap();
                    stream.write_all(head(length, is_chunked).as_bytes()).await.unwrap();
                    for piece in numbered(length).chunks(100_000) {
                        if is_chunked {
                            stream
                                .write_all(format!("{:x}\r\n", piece.len()).as_bytes())
                                .await
                                .unwrap();
                        }
                        stream.write_all(piece).await.unwrap();
                        if is_chunked {
                            stream.write_all(b"\r\n").await.unwrap();
                        }
                    }
                    if is_chunked {
                        stream.write_all(b"0\r\n\r\n").await.unwrap();
                    }
                }
            })
        })
        .await;
        let client = client(&address, limits());
        let process = process(100 * MEBIBYTE);
        // As a request of a consumer's, it is a task among others where its connections are driven.
        let ask = async |length: usize| {
            let (client, call) = (client.clone(), call(&process));
            let asked = tokio::spawn(async move { client.get(&format!("/{length}"), &[], &call).await });
            asked.await.unwrap().unwrap()
        };
        let turns = || process.in_use().turns.turns;
        for length in [1, 200_000] {
            let answer = ask(length).await;
            assert!(answer.body == numbered(length), "{length}");
        }
        assert_eq!(turns(), 0, "what is small is read where its connection lives");
        // The least of them is more than comes at once.
        for length in [500_000, 5 * MEBIBYTE + 7, 200_000, 9 * MEBIBYTE] {
            let before = turns();
            let answer = ask(length).await;
            assert!(answer.body == numbered(length), "{length}");
            assert_eq!(answer.held.bytes(), process.in_use().bytes);
            assert!(answer.held.bytes() <= 2 * length, "{length}");
            assert_eq!(turns() > before, length > 200_000, "{length}");
        }
        assert!(connections.load(Ordering::SeqCst) <= 2, "they are used again");
        assert_eq!(process.in_use().bytes, 0);
    }
}

#[tokio::test]
async fn a_large_body_that_stalls_ends_at_its_deadline_and_opens_the_breaker() {
    let (address, connections) = serve(|_, mut stream| {
        Box::pin(async move {
            let request = read_request(&mut stream).await.unwrap();
            stream.write_all(head(2 * MEBIBYTE, false).as_bytes()).await.unwrap();
            let sent = if request.starts_with("GET /large") { MEBIBYTE } else { 1 };
            let _ = stream.write_all(&numbered(sent)).await;
            read_request(&mut stream).await;
        })
    })
    .await;
    let client = client(&address, short());
    let process = process(100 * MEBIBYTE);
    let most = super::breaker::FAILURES_TO_OPEN as usize;
    let mut timeouts = 0;
    while client.status().open_since.is_none() {
        match kind(client.get("/large", &[], &call(&process)).await) {
            ErrorKind::Timeout => timeouts += 1,
            kind => assert_eq!(kind, ErrorKind::Unreachable),
        }
    }
    // Where this process was busy itself, the source was not to blame. Nobody waits for the rest of it on the same connection.
    assert!(timeouts >= most && connections.load(Ordering::SeqCst) <= timeouts + 1);
    assert_eq!((client.status().in_flight, process.in_use().bytes), (0, 0));
}

#[tokio::test]
async fn a_source_is_not_to_blame_for_what_a_large_body_waits_for_turns() {
    let (address, _) = serve(|_, mut stream| {
        Box::pin(async move {
            while read_request(&mut stream).await.is_some() {
                stream.write_all(head(2 * MEBIBYTE, false).as_bytes()).await.unwrap();
                if stream.write_all(&numbered(2 * MEBIBYTE)).await.is_err() {
                    break;
                }
            }
        })
    })
    .await;
    let timeout = Duration::from_secs(3);
    let client = client(&address, SourceLimits { timeout, ..limits() });
    let process = process(100 * MEBIBYTE);
    // Somebody else has the only thread on which turns are taken until everybody's time is over.
    let (ends, ended) = std::sync::mpsc::channel::<()>();
    let (begins, begun) = tokio::sync::oneshot::channel();
    let busy = call(&process);
    let busy = tokio::spawn(async move {
        let work = async move {
            begins.send(()).unwrap();
            let _ = ended.recv();
        };
        busy.resources.compute_elsewhere(work).await
    });
    begun.await.unwrap();
    let asked: Vec<_> = (0..super::breaker::FAILURES_TO_OPEN)
        .map(|_| {
            let (client, call) = (client.clone(), call(&process));
            tokio::spawn(async move { client.get("/", &[], &call).await })
        })
        .collect();
    while process.in_use().turns.waiting < asked.len() {
        assert!(
            asked.iter().all(|asking| !asking.is_finished()),
            "none has begun to wait"
        );
        tokio::task::yield_now().await;
    }
    // Until everybody's time is over.
    tokio::time::sleep(timeout).await;
    ends.send(()).unwrap();
    for answer in asked {
        assert_eq!(kind(answer.await.unwrap()), ErrorKind::Timeout);
    }
    busy.await.unwrap().unwrap();
    assert_eq!(client.status().open_since, None);
    assert!(client.get("/", &[], &call(&process)).await.is_ok());
}

#[tokio::test]
async fn a_large_body_that_breaks_off_or_is_more_than_is_held_is_told() {
    let (address, _) = serve(|_, mut stream| {
        Box::pin(async move {
            let whole = read_request(&mut stream).await.unwrap().contains("whole");
            stream.write_all(head(4 * MEBIBYTE, false).as_bytes()).await.unwrap();
            let length = if whole { 4 * MEBIBYTE } else { 3 * MEBIBYTE };
            let _ = stream.write_all(&numbered(length)).await;
        })
    })
    .await;
    let client = client(&address, limits());
    let ample = process(100 * MEBIBYTE);
    assert_eq!(
        kind(client.get("/", &[], &call(&ample)).await),
        ErrorKind::InvalidPayload
    );
    // The connection ends with the body: there may be nothing left to borrow.
    let whole = client.get("/whole", &[], &call(&ample)).await.unwrap();
    assert!(whole.body == numbered(4 * MEBIBYTE));
    let little = process(MEBIBYTE);
    assert!(matches!(
        kind(client.get("/whole", &[], &call(&little)).await),
        ErrorKind::Exhausted(_)
    ));
    drop(whole);
    assert_eq!((ample.in_use().bytes, little.in_use().bytes), (0, 0));
}

#[tokio::test]
async fn whoever_stops_waiting_for_a_large_body_leaves_nothing_behind() {
    let sent = Arc::new(Semaphore::new(0));
    let gone = Arc::new(Semaphore::new(0));
    let (has_sent, has_gone) = (Arc::clone(&sent), Arc::clone(&gone));
    let (address, _) = serve(move |_, mut stream| {
        let (sent, gone) = (Arc::clone(&has_sent), Arc::clone(&has_gone));
        Box::pin(async move {
            read_request(&mut stream).await;
            stream.write_all(head(8 * MEBIBYTE, false).as_bytes()).await.unwrap();
            stream.write_all(&numbered(2 * MEBIBYTE)).await.unwrap();
            sent.add_permits(1);
            while stream.write_all(&numbered(MEBIBYTE)).await.is_ok() {
                tokio::task::yield_now().await;
            }
            gone.add_permits(1);
        })
    })
    .await;
    let client = client(&address, limits());
    let process = process(100 * MEBIBYTE);
    let asked = call(&process);
    let mut asking = Box::pin(client.get("/", &[], &asked));
    // Until it is read by turns.
    while process.in_use().turns.turns == 0 {
        assert!((&mut asking).now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    sent.acquire().await.unwrap().forget();
    drop(asking);
    gone.acquire().await.unwrap().forget();
    while process.in_use().bytes > 0 || client.status().in_flight > 0 {
        tokio::task::yield_now().await;
    }
}
