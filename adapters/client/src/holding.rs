//! For tests: a source that answers when it is let, and those who ask it meanwhile.

use std::future::Future;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::FutureExt;
use kakehashi_contract::{AdapterError, Call};
use kakehashi_resources::request::{Bounds, Process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::tests::{call, client, limits, ok, read_request, serve};
use super::*;

/// A source that keeps what it was asked, and answers each request when it is let; what begins with `/now`, at once.
pub(super) struct Holding {
    pub(super) address: String,
    pub(super) asked: Arc<Mutex<Vec<String>>>,
    pub(super) lets: Arc<Semaphore>,
    /// Requests whose connection was closed while they waited.
    pub(super) given_up: Arc<AtomicUsize>,
}

/// What it answers to a request; `None`: it closes the connection.
pub(super) type Answers = fn(&str) -> Option<String>;

pub(super) fn says_yes(_: &str) -> Option<String> {
    Some(ok("[yes]"))
}

impl Holding {
    pub(super) async fn start(answers: Answers) -> Self {
        let (asked, lets) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Semaphore::new(0)));
        let given_up = Arc::new(AtomicUsize::new(0));
        let (log, may, left) = (Arc::clone(&asked), Arc::clone(&lets), Arc::clone(&given_up));
        let (address, _) = serve(move |_, mut stream| {
            let (log, may, left) = (Arc::clone(&log), Arc::clone(&may), Arc::clone(&left));
            Box::pin(async move {
                while let Some(mut request) = read_request(&mut stream).await {
                    let length = request.lines().find_map(|line| line.strip_prefix("content-length: "));
                    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
                    stream.read_exact(&mut body).await.unwrap();
                    request.push_str(std::str::from_utf8(&body).unwrap());
                    log.lock().unwrap().push(request.clone());
                    if !request.starts_with("GET /now") {
                        tokio::select! {
                            permit = may.acquire() => permit.unwrap().forget(),
                            _ = stream.read_u8() => {
                                left.fetch_add(1, Ordering::SeqCst);
                                return;
                            }
                        }
                    }
                    let Some(answer) = answers(&request) else { return };
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            })
        })
        .await;
        Self {
            address,
            asked,
            lets,
            given_up,
        }
    }

    pub(super) fn client(&self) -> SourceClient {
        client(&self.address, limits())
    }

    pub(super) fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// Waits until it was asked so often.
    pub(super) async fn is_asked(&self, times: usize) {
        while self.asked() < times {
            tokio::task::yield_now().await;
        }
        assert_eq!(self.asked(), times);
    }

    /// Lets it answer whatever it is asked.
    pub(super) fn answers(&self) {
        self.lets.add_permits(1000);
    }

    /// From now on it holds its answers back again.
    pub(super) fn holds(&self) {
        self.lets.forget_permits(usize::MAX);
    }
}

pub(super) type Answer = Result<Response, AdapterError>;

/// Somebody who has asked and waits. It leaves when it is dropped.
pub(super) struct Asking(JoinHandle<Answer>);

impl Future for Asking {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        Pin::new(&mut self.0).poll(cx).map(Result::unwrap)
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Begins to wait now.
pub(super) fn begun(asking: impl Future<Output = Answer> + Send + 'static) -> Asking {
    let mut asking = asking.boxed();
    assert!((&mut asking).now_or_never().is_none());
    Asking(tokio::spawn(asking))
}

pub(super) fn ask(client: &SourceClient, path: &'static str) -> Asking {
    ask_with(client, path, call())
}

pub(super) fn ask_with(client: &SourceClient, path: &'static str, call: Call) -> Asking {
    let client = client.clone();
    begun(async move { client.get(path, &[], &call).await })
}

pub(super) fn send(client: &SourceClient, request: SourceRequest<'static>) -> Asking {
    let client = client.clone();
    begun(async move { client.send(&request, &call()).await })
}

pub(super) fn process(bytes_of_one: usize) -> Arc<Process> {
    Process::start(Bounds {
        requests: 100,
        bytes: 1 << 30,
        bytes_of_one,
        computing: 10,
        threads: NonZeroUsize::MIN,
    })
    .unwrap()
}

pub(super) fn call_of(process: &Arc<Process>) -> Call {
    let later = Instant::now() + Duration::from_secs(600);
    Call {
        resources: process.admit(&process.caller(1), later).unwrap(),
        ..Call::until(later)
    }
}
