//! HTTP: both versions alike, what real clients send, and an end that cuts nobody off.

use std::future::IntoFuture;

use futures::future::join_all;
use http::Method;
use stand_ins::Fault;

use super::harness::{Client, Platform, sano_sites, until};

#[tokio::test]
async fn http_2_without_asking_and_http_1_1_answer_the_same() {
    let platform = Platform::start().await;
    let over_http2 = platform.over_http2();
    for target in [
        "/ngsi-ld/v1/entities?type=EvacuationSite&limit=1000&count=true",
        "/ngsi-ld/v1/entities/urn:ngsi-ld:EvacuationSite:E0920400001201",
        "/ngsi-ld/v1/entities?type=EvacuationSite&limit=abc",
        "/nonsense",
    ] {
        let (first, second) = (platform.get(target).await, over_http2.get(target).await);
        assert_eq!((first.status, &first.body), (second.status, &second.body), "{target}");
        assert_eq!(
            first.header("ngsild-results-count"),
            second.header("ngsild-results-count")
        );
        assert_eq!(first.header("content-type"), second.header("content-type"));
    }
    let many = join_all((0..50).map(|_| over_http2.entities("type=EvacuationSite&limit=5").into_future())).await;
    assert!(
        many.iter()
            .all(|answer| answer.status == 200 && answer.body == many[0].body)
    );
}

#[tokio::test]
async fn what_real_clients_send_works() {
    let platform = Platform::start().await;
    let plain = platform.entities("type=EvacuationSite&limit=5").await.ok();
    let slashed = platform
        .get("/ngsi-ld/v1/entities/?type=EvacuationSite&limit=5")
        .await
        .ok();
    assert_eq!(plain.body, slashed.body);
    let typed = platform
        .entities("type=EvacuationSite&limit=5")
        .header("content-type", "application/json")
        .await
        .ok();
    assert_eq!(plain.body, typed.body);
    let probe = platform.entities("type=None&limit=0&count=true").await.ok();
    assert_eq!((probe.count(), probe.entities().len()), (0, 0));
    let any = platform
        .entities("type=EvacuationSite&limit=5")
        .accept("*/*")
        .await
        .ok();
    assert_eq!(plain.body, any.body);
    let place = &sano_sites()[0];
    let plus = format!(
        "type=EvacuationSite&q=name==%22{}%22",
        super::harness::encoded(&place.name)
    );
    assert_eq!(
        platform.entities(plus).await.ok().ids(),
        [place.id.as_str()],
        "`==` and `:` need no encoding"
    );
    let head = platform
        .request(
            Method::HEAD,
            "/ngsi-ld/v1/entities?type=EvacuationSite&count=true&limit=1",
        )
        .await;
    assert_eq!(head.status, 200, "{head}");
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn every_answer_has_an_id_and_traces_go_on_to_the_sources() {
    let platform = Platform::start().await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let answer = platform
        .entities("type=EvacuationSite&limit=1")
        .header("traceparent", &format!("00-{trace}-00f067aa0ba902b7-01"))
        .await
        .ok();
    assert_eq!(answer.header("x-request-id"), Some(trace));
    until("the log line can be found by it", || {
        platform.gateway().stderr().contains(trace)
    })
    .await;
    assert!(!platform.asked().is_empty());
    for request in platform.asked() {
        assert!(
            request.header("traceparent").is_some_and(|value| value.contains(trace)),
            "{request:?}"
        );
    }
    let (first, second) = (platform.get("/nonsense").await, platform.get("/nonsense").await);
    assert_eq!(first.header("x-request-id").unwrap().len(), 32);
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
}

#[tokio::test]
async fn who_is_asked_to_end_answers_what_was_asked_before() {
    for http2 in [false, true] {
        let mut platform = Platform::start().await;
        platform.demo().orion().set_fault(Fault::Held);
        let client: Client = if http2 {
            platform.over_http2()
        } else {
            (*platform).clone()
        };
        let asking = tokio::spawn(
            client
                .entities("type=EvacuationSite&count=true&limit=1000")
                .into_future(),
        );
        until("Orion was asked", || !platform.demo().orion().requests().is_empty()).await;
        platform.gateway().terminate();
        let address = platform.gateway().ready()["gateway"]
            .as_str()
            .unwrap()
            .trim_start_matches("http://")
            .to_owned();
        until("nobody listens any more", || {
            std::net::TcpStream::connect(&address).is_err()
        })
        .await;
        assert!(!asking.is_finished(), "the source holds its answer");
        platform.demo().orion().clear_fault();
        let answer = asking.await.unwrap().ok();
        assert_eq!((answer.count(), answer.warnings().len()), (102, 0), "{answer}");
        assert_eq!(platform.gateway_mut().wait().code(), Some(0));
    }
}

#[tokio::test]
async fn fifty_at_once_get_what_one_gets() {
    let platform = Platform::builder().await.log("info").start().await;
    let alone = platform
        .entities("type=EvacuationSite&limit=1000&count=true")
        .await
        .ok();
    let together = join_all((0..50).map(|_| {
        platform
            .entities("type=EvacuationSite&limit=1000&count=true")
            .into_future()
    }))
    .await;
    for answer in together {
        assert_eq!(answer.warnings(), [""; 0]);
        assert_eq!(answer.body, alone.body);
    }
}
