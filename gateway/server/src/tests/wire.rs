//! What the library makes of the bytes that are handed to it: the requests that were sent, and none that it refuses by
//! itself, whatever was sent and however it arrives.

use proptest::prelude::*;
use proptest::sample::Index;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// Sends bytes in pieces, and returns what is answered until the connection ends, without dates. It ends at the latest
/// when it has been idle for long.
fn answers_to(bytes: &[u8], cuts: &[usize]) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let client = connect(tower::service_fn(echo), 1024 * 1024);
        let (mut reader, mut writer) = tokio::io::split(client);
        let sending = async {
            let mut from = 0;
            for cut in cuts.iter().copied().chain([bytes.len()]) {
                // It may have been closed by now.
                let _ = writer.write_all(&bytes[from..cut]).await;
                from = cut;
                // Until what was sent is read and answered, and the clock goes on: that is one read there.
                tokio::time::sleep(Duration::from_micros(1)).await;
            }
        };
        let mut answered = Vec::new();
        let (read, ()) = tokio::join!(reader.read_to_end(&mut answered), sending);
        read.unwrap();
        let text = String::from_utf8_lossy(&answered).into_owned();
        let lines = text.split("\r\n").filter(|line| !line.starts_with("date: "));
        lines.collect::<Vec<_>>().join("\n")
    })
}

/// A request, and what is to be answered to it.
#[derive(Debug, Clone)]
struct Sent {
    bytes: Vec<u8>,
    echo: String,
}

fn requests() -> impl Strategy<Value = Vec<Sent>> {
    let target = prop::collection::vec(
        prop::sample::select(vec!["a", "/", "?", "=", "%22", "\"", "<", "小", "|"]),
        0..8,
    );
    let body = prop_oneof![
        Just(None),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Some),
        Just(Some(b"GET / HTTP/1.1\nX: \"\n\n".to_vec())),
    ];
    let request = (target, body, any::<Option<u8>>()).prop_map(|(target, body, chunks)| {
        let target = format!("/{}", target.concat());
        let uri = target
            .replace('"', "%22")
            .replace('<', "%3C")
            .replace('小', "%E5%B0%8F");
        let mut bytes = format!("POST {target} HTTP/1.1\r\nhost: a\r\n").into_bytes();
        let mut echo = format!("POST {uri} host=\"a\"");
        let content = body.clone().unwrap_or_default();
        match (body, chunks) {
            (None, _) => bytes.extend(b"\r\n"),
            (Some(body), None) => {
                let length = body.len();
                bytes.extend(format!("Content-Length: {length}\r\n\r\n").into_bytes());
                bytes.extend(&body);
                echo.push_str(&format!(" content-length=\"{length}\""));
            }
            (Some(body), Some(size)) => {
                bytes.extend(b"transfer-encoding: chunked\r\n\r\n");
                for chunk in body.chunks(usize::from(size).max(1)) {
                    bytes.extend(format!("{:x};a=\"b\"\r\n", chunk.len()).into_bytes());
                    bytes.extend(chunk);
                    bytes.extend(b"\r\n");
                }
                bytes.extend(b"0\r\ntrailer: x\r\n\r\n");
                echo.push_str(" transfer-encoding=\"chunked\"");
            }
        }
        echo.push_str(&format!(" {:?}", bytes::Bytes::from(content)));
        Sent { bytes, echo }
    });
    prop::collection::vec(request, 1..5)
}

fn in_order(cuts: &[Index], length: usize) -> Vec<usize> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(length)).collect();
    cuts.sort_unstable();
    cuts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn what_was_sent_is_what_is_read(sent in requests(), cuts in prop::collection::vec(any::<Index>(), 0..20)) {
        let bytes: Vec<u8> = sent.iter().flat_map(|sent| sent.bytes.clone()).collect();
        let answered = answers_to(&bytes, &in_order(&cuts, bytes.len()));
        let mut expected = String::new();
        for Sent { echo, .. } in &sent {
            expected.push_str(&format!("HTTP/1.1 200 OK\ncontent-length: {}\n\n{echo}", echo.len()));
        }
        prop_assert_eq!(answered, expected);
    }

    #[test]
    fn whatever_is_sent_has_one_outcome_and_is_answered_with_a_reason(
        sent in requests(),
        changes in prop::collection::vec((any::<Index>(), 0..3, prop::sample::select(b"\r\n \t:;,\0#\"a07%{/*(\x80".to_vec())), 0..6),
        cuts in prop::collection::vec(any::<Index>(), 0..20),
    ) {
        let mut bytes: Vec<u8> = sent.iter().flat_map(|sent| sent.bytes.clone()).collect();
        for (at, kind, byte) in changes {
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => {}
            }
        }
        let whole = answers_to(&bytes, &[]);
        // What the library refuses by itself has no body.
        let text = String::from_utf8_lossy(&bytes);
        prop_assert!(!whole.contains("content-length: 0"), "{} to {:?}", whole, text);
        prop_assert_eq!(&answers_to(&bytes, &in_order(&cuts, bytes.len())), &whole);
        let every: Vec<usize> = (1..bytes.len()).collect();
        prop_assert_eq!(&answers_to(&bytes, &every), &whole);
    }
}

#[test]
fn a_head_that_trickles_in_is_answered_in_the_end() {
    // The rest never comes.
    let answered = answers_to(b"GET / HTTP/1.1\r\nhost: a\r\n", &[5]);
    assert!(answered.starts_with("HTTP/1.1 408 Request Timeout\n"), "{answered}");
    assert!(answered.contains("\nconnection: close\n"), "{answered}");
    assert_eq!(answers_to(b"", &[]), "", "nobody asked anything");
}

#[test]
fn who_sends_very_much_behind_what_is_malformed_is_answered_and_not_read() {
    let mut bytes = b"GET / HTTP/1.1\n\n".to_vec();
    bytes.resize(512 * 1024, b'a');
    let answered = answers_to(&bytes, &[]);
    assert!(answered.starts_with("HTTP/1.1 400 Bad Request\n"), "{answered}");
}

#[tokio::test]
async fn a_body_that_nobody_reads_does_not_hide_the_next_request() {
    // As an operation that refuses before it reads.
    let refuse = |_: Request<Body>| async { Ok::<_, Infallible>(said(StatusCode::UNAUTHORIZED, "no".to_owned())) };
    let mut client = connect(tower::service_fn(refuse), 64 * 1024);
    let post = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n\"a\"\n\n";
    client.write_all(format!("{post}{post}").as_bytes()).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\nhost: a\r\n\r\n").await.unwrap();
    let mut answered = String::new();
    client.read_to_string(&mut answered).await.unwrap();
    assert_eq!(answered.matches("HTTP/1.1 401").count(), 3, "{answered}");
    assert!(answered.contains("connection: close"), "{answered}");
}
