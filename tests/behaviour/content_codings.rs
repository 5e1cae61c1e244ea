//! What is packed on its way: answers for whom asks for it, bodies that consumers send, and bodies that sources send although
//! nobody asked. What comes out is what it would be otherwise, and no more of it than there may be.

use std::io::Write;
use std::sync::Mutex;

use async_compression::tokio::bufread::{
    BrotliDecoder, BrotliEncoder, GzipDecoder, ZlibEncoder, ZstdDecoder, ZstdEncoder,
};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderValue, Method, Response};
use serde_json::{Value, json};
use stand_ins::server::Service;
use stand_ins::{LoggedRequest, Server};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::harness::{Answer, Client, ORION, Platform, RawOrion, in_place_of_orion};

const CODINGS: [&str; 3] = ["gzip", "br", "zstd"];
const SITES: &str = "/ngsi-ld/v1/entities?type=EvacuationSite&limit=100&count=true";

async fn read(mut coded: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut all = Vec::new();
    coded.read_to_end(&mut all).await.unwrap();
    all
}

async fn decoded(answer: &Answer) -> Vec<u8> {
    let body = &*answer.body;
    match answer.header("content-encoding") {
        None => body.to_vec(),
        Some("gzip") => read(GzipDecoder::new(body)).await,
        Some("br") => read(BrotliDecoder::new(body)).await,
        Some("zstd") => read(ZstdDecoder::new(body)).await,
        Some(_) => panic!("nobody asked for that: {answer}"),
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn who_asks_for_a_coding_has_the_same_answer_in_it() {
    let platform = Platform::start().await;
    for client in [(*platform).clone(), platform.over_http2()] {
        for target in [SITES, "/openapi.json", "/ngsi-ld/v1/jsonldContexts/kakehashi"] {
            let ask = |method: Method, coding: &str| client.request(method, target).header("accept-encoding", coding);
            let plain = client.get(target).await.ok();
            assert_eq!(plain.header("content-encoding"), None);
            assert!(plain.header("vary").unwrap().contains("accept-encoding"), "{plain}");
            assert_eq!(ask(Method::GET, "identity").await.ok().body, plain.body);
            let mut tags = vec![plain.header("etag").unwrap().to_owned()];
            for coding in CODINGS {
                let coded = ask(Method::GET, coding).await.ok();
                assert_eq!(coded.header("content-encoding"), Some(coding), "{target}");
                assert!(coded.body.len() < plain.body.len() / 2, "{target} {coding}");
                assert_eq!(decoded(&coded).await, plain.body, "{target} {coding}");
                for name in ["content-type", "vary", "cache-control", "ngsild-results-count"] {
                    assert_eq!(coded.header(name), plain.header(name), "{target} {coding} {name}");
                }
                let tag = coded.header("etag").unwrap();
                let known = ask(Method::GET, coding).header("if-none-match", tag).await;
                assert_eq!((known.status, known.header("etag")), (304, Some(tag)), "{known}");
                assert_eq!(known.header("content-encoding"), None, "{known}");
                assert_eq!(known.header("vary"), plain.header("vary"), "{known}");
                // What somebody has in another coding is another one.
                let other = ask(Method::GET, coding).header("if-none-match", &tags.join(", "));
                assert_eq!(other.await.status, 200, "{target} {coding}");
                let head = ask(Method::HEAD, coding).await.ok();
                assert_eq!((head.body.len(), head.header("content-length")), (0, None), "{head}");
                for name in ["content-encoding", "etag", "vary"] {
                    assert_eq!(head.header(name), coded.header(name), "{head}");
                }
                tags.push(tag.to_owned());
            }
            tags.sort_unstable();
            tags.dedup();
            assert_eq!(tags.len(), 4, "{tags:?}");
        }
    }
    // What is small is sent as it is, and so is what went wrong.
    for target in [
        "/version",
        "/ngsi-ld/v1/entities?type=EvacuationSite&limit=1&pick=id",
        "/nothing",
    ] {
        let small = platform.get(target).header("accept-encoding", "gzip, br, zstd").await;
        assert_eq!(small.header("content-encoding"), None, "{small}");
        assert!(small.header("content-length").is_some(), "{small}");
    }
}

#[tokio::test]
async fn a_list_that_is_sent_as_it_arrives_is_coded_as_it_is_written() {
    let large = |number: usize| {
        json!({
            "id": format!("urn:ngsi-ld:AED:large:{number:04}"), "type": "AED",
            "name": { "type": "Property", "value": "矢板".repeat(1350) },
        })
    };
    let entities: Vec<Value> = (0..400).map(large).collect();
    let builder = Platform::builder().await;
    let platform = builder.store("yaita", Value::Array(entities).to_string()).start().await;
    for client in [(*platform).clone(), platform.over_http2()] {
        let ask = || client.entities("type=AED&limit=1000").tenant("yaita");
        let plain = ask().await.ok();
        assert_eq!(plain.header("content-length"), None, "it is streamed");
        for coding in CODINGS {
            let coded = ask().header("accept-encoding", coding).await.ok();
            assert_eq!(coded.header("content-encoding"), Some(coding));
            assert_eq!(decoded(&coded).await, plain.body, "{coding}");
        }
    }
}

const QUERY: &str = "/ngsi-ld/v1/entityOperations/query";

#[tokio::test]
async fn a_body_that_is_packed_is_read_as_one_that_is_not() {
    let platform = Platform::start().await;
    let question = json!({ "type": "Query", "entities": [{ "type": "EvacuationSite" }] }).to_string();
    let ask = |coding: &str, body: Vec<u8>| {
        let ask = platform.post(QUERY).body("application/json", body);
        ask.header("content-encoding", coding)
    };
    let plain = platform
        .post(QUERY)
        .body("application/json", question.clone())
        .await
        .ok();
    for (coding, body) in [
        ("gzip", gzip(question.as_bytes())),
        ("GZIP", gzip(question.as_bytes())),
        ("x-gzip", gzip(question.as_bytes())),
        ("identity", question.clone().into_bytes()),
    ] {
        assert_eq!(ask(coding, body).await.ok().body, plain.body, "{coding}");
    }
    for coding in ["br", "zstd", "deflate", "gzip, gzip", "gzip, br", "nonsense"] {
        let answer = ask(coding, gzip(question.as_bytes())).await;
        assert_eq!(answer.status, 415, "{coding}: {answer}");
        assert_eq!(answer.header("accept-encoding"), Some("gzip, identity"), "{answer}");
        assert!(answer.problem().detail.contains("Content-Encoding"), "{answer}");
    }
    let packed = gzip(question.as_bytes());
    for wrong in [question.into_bytes(), packed[..packed.len() - 3].to_vec()] {
        let answer = ask("gzip", wrong).await;
        assert_eq!(
            (answer.status, answer.error_type().as_str()),
            (400, "InvalidRequest"),
            "{answer}"
        );
        assert!(answer.problem().detail.contains("gzip"), "{answer}");
    }
    // It nests no deeper, and is no larger, than any other.
    let deep = gzip(&[vec![b'['; 100_000], vec![b']'; 100_000]].concat());
    assert_eq!(ask("gzip", deep).await.status, 400);
    let spaces = vec![b' '; 3 * 1024 * 1024];
    let answer = ask("gzip", gzip(&spaces)).await;
    assert_eq!(answer.status, 413, "{answer}");
    // A gigabyte in a megabyte: members of ten.
    let bomb = gzip(&vec![b' '; 10 * 1024 * 1024]).repeat(100);
    assert!(bomb.len() < 2 * 1024 * 1024, "{}", bomb.len());
    let answer = ask("gzip", bomb).await;
    assert_eq!(answer.status, 413, "{answer}");
    assert!(answer.problem().detail.contains("unpacked"), "{answer}");
}

/// A broker that packs what it says.
#[derive(Debug)]
struct Packing {
    broker: RawOrion,
    how: Mutex<How>,
}

#[derive(Debug, Clone, Copy)]
enum How {
    Not,
    In(&'static str),
    /// As gzip that ends too early.
    CutOff,
    /// It says gzip and sends what it has.
    Lying,
    /// As gzip of very much.
    Bomb,
    /// In a coding that there is not.
    Unknown,
    Twice,
}

impl Service for &'static Packing {
    fn answer(&self, request: &LoggedRequest) -> Response<Bytes> {
        assert_eq!(request.header("accept-encoding"), None, "nobody asks for it");
        let answer = self.broker.answer(request);
        let body = answer.body().clone();
        let how = *self.how.lock().unwrap();
        let (coding, body) = match how {
            How::Not => return answer,
            How::In(coding) => (coding, packed(coding, &body)),
            How::CutOff => {
                let whole = gzip(&body);
                ("gzip", whole[..whole.len() / 2].to_vec())
            }
            How::Lying => ("gzip", body.to_vec()),
            How::Bomb => ("gzip", gzip(&vec![b' '; 1024 * 1024]).repeat(200)),
            How::Unknown => ("upstream-internal-detail", body.to_vec()),
            How::Twice => ("gzip, gzip", gzip(&gzip(&body))),
        };
        let mut answer = answer.map(|_| Bytes::from(body));
        let coding = HeaderValue::from_static(coding);
        answer.headers_mut().insert("content-encoding", coding);
        answer
    }
}

fn packed(coding: &str, bytes: &[u8]) -> Vec<u8> {
    use futures::executor::block_on;
    match coding {
        "deflate" => block_on(read(ZlibEncoder::new(bytes))),
        "br" => block_on(read(BrotliEncoder::with_quality(
            bytes,
            async_compression::Level::Fastest,
        ))),
        "zstd" => block_on(read(ZstdEncoder::new(bytes))),
        _ => gzip(bytes),
    }
}

async fn packing() -> (Platform, Server, &'static Packing) {
    let site = |number: usize| {
        json!({
            "id": format!("S{number:04}"), "type": "EvacuationSite",
            "name": { "type": "Text", "value": "那須塩原".repeat(50) },
            "location": { "type": "geo:point", "value": "36.96, 139.99" },
        })
        .to_string()
    };
    let broker = RawOrion::of((0..50).map(site).collect());
    let packing: &'static Packing = Box::leak(Box::new(Packing {
        broker,
        how: Mutex::new(How::Not),
    }));
    let server = Server::start(0, packing).await.unwrap();
    let platform = in_place_of_orion(Platform::builder().await, &server).start().await;
    (platform, server, packing)
}

async fn sites(platform: &Client) -> Answer {
    let ask = platform.entities("type=EvacuationSite&limit=100&count=true");
    ask.tenant("nasushiobara").await.ok()
}

#[tokio::test]
async fn what_a_source_packs_unasked_is_unpacked() {
    let (platform, _server, packing) = packing().await;
    let plain = sites(&platform).await;
    assert_eq!((plain.count(), plain.warnings().len()), (50, 0));
    for coding in ["gzip", "x-gzip", "deflate", "br", "zstd"] {
        *packing.how.lock().unwrap() = How::In(coding);
        let answer = sites(&platform).await;
        assert_eq!(
            (&answer.body, answer.warnings().len()),
            (&plain.body, 0),
            "{coding}: {answer}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_unpacked_or_is_too_much_costs_the_source_its_part() {
    for (how, said) in [
        (How::CutOff, "the source's answer is not valid"),
        (How::Lying, "the source's answer is not valid"),
        (How::Unknown, "the source's answer is not valid"),
        (How::Twice, "the source's answer is not valid"),
        (How::Bomb, "the source's answer is too large"),
    ] {
        let (platform, _server, packing) = packing().await;
        *packing.how.lock().unwrap() = how;
        let answer = sites(&platform).await;
        assert_eq!(
            answer.warnings(),
            [format!("111 {ORION} \"{said}\"")],
            "{how:?}: {answer}"
        );
        assert!(answer.entities().is_empty(), "{how:?}: {answer}");
        *packing.how.lock().unwrap() = How::Not;
        assert_eq!(sites(&platform).await.count(), 50, "{how:?}: it is asked again");
    }
}
