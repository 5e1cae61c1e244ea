//! Whoever asks, leaves, writes and is answered in whichever order: each has the answer to the request that it waits for, by
//! the model, and the source is asked as often as the model says.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http::Method;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;

use super::holding::{Asking, ask, send};
use super::tests::{client, limits, ok, read_request, serve};
use super::*;

const PATHS: [&str; 3] = ["/a", "/b", "/c"];

/// What happens next. Numbers are taken modulo how many there are.
#[derive(Debug, Clone, Copy)]
enum Step {
    Asks(usize),
    Leaves(usize),
    Writes,
    Answers(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => (0..PATHS.len()).prop_map(Step::Asks),
        2 => any::<usize>().prop_map(Step::Leaves),
        1 => Just(Step::Writes),
        3 => any::<usize>().prop_map(Step::Answers),
    ];
    prop::collection::vec(step, 1..40)
}

/// A source that answers questions with their number when it is told to, and writes at once.
struct Numbering {
    address: String,
    held: Arc<Mutex<Vec<Option<oneshot::Sender<()>>>>>,
    given_up: Arc<AtomicUsize>,
}

async fn numbering() -> Numbering {
    let held: Arc<Mutex<Vec<Option<oneshot::Sender<()>>>>> = Arc::default();
    let given_up: Arc<AtomicUsize> = Arc::default();
    let (log, left) = (Arc::clone(&held), Arc::clone(&given_up));
    let (address, _) = serve(move |_, mut stream| {
        let (log, left) = (Arc::clone(&log), Arc::clone(&left));
        Box::pin(async move {
            while let Some(request) = read_request(&mut stream).await {
                let mut body = String::from("written");
                if request.starts_with("GET") {
                    let (tells, told) = oneshot::channel();
                    body = {
                        let mut log = log.lock().unwrap();
                        log.push(Some(tells));
                        (log.len() - 1).to_string()
                    };
                    tokio::select! {
                        told = told => told.unwrap(),
                        _ = stream.read_u8() => {
                            left.fetch_add(1, Ordering::SeqCst);
                            return;
                        }
                    }
                }
                if stream.write_all(ok(&body).as_bytes()).await.is_err() {
                    return;
                }
            }
        })
    })
    .await;
    Numbering {
        address,
        held,
        given_up,
    }
}

/// A request that the source holds, as the model knows it.
struct Held {
    path: usize,
    number: usize,
    may_be_joined: bool,
}

async fn settled(what: impl Fn() -> bool) {
    while !what() {
        tokio::task::yield_now().await;
    }
}

async fn goes_as_the_model_says(steps: Vec<Step>) {
    let source = numbering().await;
    let plenty = SourceLimits {
        concurrency: 1000,
        ..limits()
    };
    let client = client(&source.address, plenty);
    let (mut held, mut waiting): (Vec<Held>, Vec<(usize, Asking)>) = (Vec::new(), Vec::new());
    let (mut sent, mut joined, mut given_up) = (0, 0, 0);
    for step in steps {
        match step {
            Step::Asks(path) => {
                let under_way = held.iter().find(|held| held.path == path && held.may_be_joined);
                let number = under_way.map_or(sent, |held| held.number);
                if under_way.is_some() {
                    joined += 1;
                } else {
                    held.push(Held {
                        path,
                        number,
                        may_be_joined: true,
                    });
                    sent += 1;
                }
                waiting.push((number, ask(&client, PATHS[path])));
            }
            Step::Leaves(which) if !waiting.is_empty() => {
                let (number, asking) = waiting.remove(which % waiting.len());
                drop(asking);
                if waiting.iter().all(|(other, _)| *other != number) {
                    held.retain(|held| held.number != number);
                    given_up += 1;
                }
            }
            Step::Answers(which) if !held.is_empty() => {
                let Held { number, .. } = held.remove(which % held.len());
                let tells = source.held.lock().unwrap()[number].take().unwrap();
                tells.send(()).unwrap();
                let (answered, others) = waiting.into_iter().partition(|(other, _)| *other == number);
                waiting = others;
                for (_, asking) in answered {
                    assert_eq!(asking.await.unwrap().body, number.to_string());
                }
            }
            Step::Writes => {
                let write = SourceRequest {
                    method: Method::PUT,
                    ..SourceRequest::get("/", &[])
                };
                assert_eq!(send(&client, write).await.unwrap().body, "written");
                held.iter_mut().for_each(|held| held.may_be_joined = false);
            }
            Step::Leaves(_) | Step::Answers(_) => {}
        }
        settled(|| source.held.lock().unwrap().len() >= sent).await;
        settled(|| source.given_up.load(Ordering::SeqCst) >= given_up).await;
        assert_eq!(source.held.lock().unwrap().len(), sent);
        assert_eq!(client.status().joined, joined);
        settled(|| client.status().in_flight <= held.len()).await;
    }
    drop(waiting);
    settled(|| client.status().in_flight == 0).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_has_the_answer_to_the_request_that_it_waits_for(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(goes_as_the_model_says(steps));
    }
}
