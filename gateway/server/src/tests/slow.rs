//! Readers and senders that are too slow, and those that are slow but honest.

use http_body_util::{Empty, Full};
use hyper::client::conn::http2;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Holds on to something until the body is dropped.
struct Held {
    body: Full<bytes::Bytes>,
    _held: Arc<()>,
}

impl http_body::Body for Held {
    type Data = bytes::Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<bytes::Bytes>, Infallible>>> {
        std::pin::Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

/// Answers as many bytes as the path says, in one frame, and keeps `held` as long as the answer.
fn large(held: &Arc<()>) -> impl Answers {
    let held = Arc::clone(held);
    tower::service_fn(move |request: Request<Body>| {
        let held = Arc::clone(&held);
        let length: usize = request.uri().path().trim_start_matches('/').parse().unwrap();
        async move {
            let body = Full::new(bytes::Bytes::from(vec![b'x'; length]));
            Ok::<_, Infallible>(Response::new(Body::new(Held { body, _held: held })))
        }
    })
}

/// Reads so many bytes every ten seconds, until the end; says how many came, and whether that was all.
async fn read_slowly(bytes: usize) -> (usize, bool) {
    const LENGTH: usize = 400_000;
    let held = Arc::new(());
    let mut client = connect(large(&held), 1024);
    let ask = format!("GET /{LENGTH} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    client.write_all(ask.as_bytes()).await.unwrap();
    let mut read = 0;
    let mut buffer = vec![0; bytes];
    loop {
        tokio::time::sleep(10 * SECOND).await;
        match client.read_exact(&mut buffer).await {
            Ok(_) => read += bytes,
            Err(_) => break,
        }
    }
    tokio::task::yield_now().await;
    assert_eq!(Arc::strong_count(&held), 1, "the answer is still held");
    (read, read + bytes > LENGTH)
}

#[tokio::test(start_paused = true)]
async fn two_kilobytes_in_ten_seconds_are_cut_off() {
    let (read, whole) = read_slowly(2000).await;
    assert!(!whole && read < 20_000, "{read} bytes were read");
}

#[tokio::test(start_paused = true)]
async fn a_throttled_line_gets_everything() {
    // 128 kbit/s, shared by seven.
    let (_, whole) = read_slowly(22_000).await;
    assert!(whole);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_ends_a_minute_after_its_last_answer() {
    let held = Arc::new(());
    let mut client = connect(large(&held), 1024);
    client
        .write_all(b"GET /400000 HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    // It takes three minutes to read it.
    let mut some = vec![0; 22_000];
    for _ in 0..18 {
        tokio::time::sleep(10 * SECOND).await;
        client.read_exact(&mut some).await.unwrap();
    }
    let answered = Instant::now();
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await.unwrap();
    assert_eq!(answered.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_held_here_and_not_in_the_library_until_it_is_read() {
    let held = Arc::new(());
    let mut client = connect(large(&held), 1024);
    client
        .write_all(b"GET /1000000 HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    let mut most = vec![0; 800_000];
    client.read_exact(&mut most).await.unwrap();
    assert_eq!(Arc::strong_count(&held), 3, "the service, here, and the answer");
    let mut rest = vec![0; 200_000];
    client.read_exact(&mut rest).await.unwrap();
    tokio::time::sleep(SECOND).await;
    assert_eq!(Arc::strong_count(&held), 2, "the answer has left");
}

/// Speaks HTTP/2, with a window of so many bytes for each stream.
async fn over_http2(client: DuplexStream, window: u32) -> http2::SendRequest<Empty<bytes::Bytes>> {
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(window)
        .initial_connection_window_size(4 * 1024 * 1024)
        .handshake(TokioIo::new(client))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

fn ask(length: usize) -> Request<Empty<bytes::Bytes>> {
    Request::get(format!("http://a/{length}")).body(Empty::new()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_a_window_is_reset_and_the_others_go_on() {
    let held = Arc::new(());
    let mut sender = over_http2(connect(large(&held), 64 * 1024), 65_535).await;
    // It is asked for and not read: the library gives it no window beyond the first.
    let stuck = sender.send_request(ask(1_000_000)).await.unwrap();
    let began = Instant::now();
    while Arc::strong_count(&held) > 2 {
        let other = sender.send_request(ask(100_000)).await.unwrap();
        let body = other.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body.len(), 100_000, "who reads is served");
        tokio::time::sleep(SECOND).await;
        assert!(began.elapsed() < 300 * SECOND, "the answer is held for ever");
    }
    assert!(began.elapsed() > 30 * SECOND, "it has had no time");
    stuck.into_body().collect().await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn streams_of_which_none_is_taken_from_buy_each_other_no_time() {
    let held = Arc::new(());
    // No window at all: 90 small answers that nobody takes, and a large one.
    let mut sender = over_http2(connect(large(&held), 64 * 1024), 0).await;
    let began = Instant::now();
    let mut answers = Vec::new();
    for length in std::iter::repeat_n(1000, 90).chain([1_000_000]) {
        answers.push(sender.send_request(ask(length)).await.unwrap());
    }
    while Arc::strong_count(&held) > 2 {
        tokio::time::sleep(SECOND).await;
        assert!(
            began.elapsed() <= 60 * SECOND,
            "{} are held",
            Arc::strong_count(&held) - 2
        );
    }
    for answer in answers {
        answer.into_body().collect().await.unwrap_err();
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_of_http_2_without_requests_is_closed_although_it_answers_pings() {
    let held = Arc::new(());
    let mut sender = over_http2(connect(large(&held), 64 * 1024), 65_535).await;
    for _ in 0..3 {
        let answer = sender.send_request(ask(10)).await.unwrap();
        answer.into_body().collect().await.unwrap();
        tokio::time::sleep(50 * SECOND).await;
        assert!(sender.ready().await.is_ok(), "it has not been idle for long enough");
    }
    tokio::time::sleep(15 * SECOND).await;
    sender.ready().await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn an_answer_whose_end_gets_no_window_is_not_kept_by_the_library() {
    let held = Arc::new(());
    let mut sender = over_http2(connect(large(&held), 64 * 1024), 1000).await;
    for length in [1001, 1002, 10_000] {
        let stuck = sender.send_request(ask(length)).await.unwrap();
        tokio::time::sleep(100 * SECOND).await;
        stuck.into_body().collect().await.unwrap_err();
        let read = sender.send_request(ask(length)).await.unwrap();
        assert_eq!(read.into_body().collect().await.unwrap().to_bytes().len(), length);
    }
}

#[tokio::test(start_paused = true)]
async fn streams_that_share_a_slow_line_are_all_served() {
    let held = Arc::new(());
    let mut sender = over_http2(connect(large(&held), 1024), 65_535).await;
    let mut bodies = Vec::new();
    for _ in 0..20 {
        let answer = sender.send_request(ask(200_000)).await.unwrap();
        bodies.push((answer.into_body(), 0));
    }
    // A frame of one, then of the next: 8,000 bytes a second for all of them.
    while !bodies.is_empty() {
        let mut left = Vec::new();
        for (mut body, mut read) in bodies {
            match body.frame().await {
                Some(frame) => {
                    let bytes = frame.unwrap().into_data().unwrap().len();
                    read += bytes;
                    tokio::time::sleep(SECOND * u32::try_from(bytes).unwrap() / 8000).await;
                    left.push((body, read));
                }
                None => assert_eq!(read, 200_000),
            }
        }
        bodies = left;
    }
}

#[tokio::test(start_paused = true)]
async fn answers_of_every_length_arrive_whole_over_http_2() {
    let held = Arc::new(());
    let mut sender = over_http2(connect(large(&held), 64 * 1024), 65_535).await;
    for length in [
        0, 1, 2, 255, 256, 257, 16_383, 16_384, 16_385, 16_386, 65_535, 65_536, 300_000,
    ] {
        let answer = sender.send_request(ask(length)).await.unwrap();
        if length > 0 {
            assert_eq!(answer.headers()["content-length"], length.to_string());
        }
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes().len(), length);
    }
}

/// Sends a body byte by byte, with so much time between two, and returns the answer.
async fn trickle(length: usize, bytes: usize, between: Duration) -> String {
    let mut client = connect(tower::service_fn(echo), 64 * 1024);
    let head = format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(client);
    let sending = async {
        for _ in 0..length / bytes {
            tokio::time::sleep(between).await;
            if writer.write_all(&vec![b'x'; bytes]).await.is_err() {
                break;
            }
        }
    };
    let mut answered = String::new();
    let (read, ()) = tokio::join!(reader.read_to_string(&mut answered), sending);
    read.unwrap();
    answered
}

#[tokio::test(start_paused = true)]
async fn a_body_that_trickles_in_is_refused_and_a_slow_one_is_taken() {
    let answered = trickle(1000, 1, SECOND).await;
    assert!(answered.starts_with("HTTP/1.1 408 "), "{answered}");
    assert!(answered.contains("connection: close"), "{answered}");
    let answered = trickle(160_000, 16_000, SECOND).await;
    assert!(answered.starts_with("HTTP/1.1 200 "), "128 kbit/s: {answered}");
}
