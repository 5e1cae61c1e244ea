//! One caller cannot hurt another: what computes for long takes turns, what is held is counted until its last byte has
//! left, and beyond the bounds somebody is sent away while others are served as before.

use std::future::IntoFuture;
use std::io::{Read, Write};
use std::net::TcpStream;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde_json::{Value, json};
use stand_ins::{Fault, Server};
use toml::Table;

use super::harness::{
    Answer, Builder, ORION, Platform, RawOrion, change_source, in_place_of_orion, key_of, section, until,
};

/// The value of a metric without labels.
fn metric(platform: &Platform, name: &str) -> f64 {
    let metrics = platform.gateway().metrics();
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in\n{metrics}"))
        .parse()
        .unwrap()
}

fn refused_as_busy(answer: &Answer) {
    assert_eq!(answer.status, 503, "{answer}");
    assert_eq!(answer.header("retry-after"), Some("1"), "{answer}");
    assert!(answer.problem().detail.contains("busy"), "{answer}");
}

fn limits(builder: Builder, of_gateway: &[(&str, &str)]) -> Builder {
    builder.tenants(|table| {
        let limits = section(section(table, "gateway"), "limits");
        for (key, value) in of_gateway {
            limits.insert((*key).to_owned(), (*value).into());
        }
        for consumer in ["bousai-map", "sano-dashboard"] {
            let limits = Table::from_iter([
                ("requests_per_second".to_owned(), 100_000.into()),
                ("burst".to_owned(), 100_000.into()),
                ("concurrency".to_owned(), 10_000.into()),
            ]);
            section(section(table, "consumers"), consumer).insert("limits".into(), limits.into());
        }
    })
}

/// Sites whose geometries have so many positions each, all of them close to one place.
async fn sites_with_long_lines(count: usize, positions: usize) -> Server {
    let site = |number: usize| {
        let line: Vec<[f64; 2]> = (0..positions)
            .map(|position| {
                let (x, y) = ((position % 20) as f64, (position / 20 + number) as f64);
                [140.0 + x * 1e-7, 36.9 + y * 1e-7]
            })
            .collect();
        json!({
            "id": format!("L{number:05}"),
            "type": "EvacuationSite",
            "location": {"type": "geo:json", "metadata": {}, "value": {"type": "LineString", "coordinates": line}},
        })
        .to_string()
    };
    RawOrion::of((0..count).map(site).collect()).start().await
}

/// As many positions as a question may have, all of them equally far from those sites: none can be left out unseen.
fn circle_around_them() -> Value {
    let short = |degrees: f64| (degrees * 1e5).round() / 1e5;
    let positions: Vec<[f64; 2]> = (0..2_800)
        .map(|number| {
            let angle = f64::from(number) * std::f64::consts::TAU / 2_800.0;
            [short(140.0 + angle.cos() * 0.1), short(36.9 + angle.sin() * 0.08)]
        })
        .collect();
    json!({
        "type": "Query",
        "entities": [{"type": "EvacuationSite"}],
        "geoQ": {"georel": "near;maxDistance==8000", "geometry": "LineString", "coordinates": positions},
    })
}

/// The worst question, and others beside it over the same connection.
#[tokio::test]
async fn a_question_that_takes_long_to_decide_holds_up_nobody_and_ends_with_its_time() {
    let sites = sites_with_long_lines(300, 600).await;
    let builder = in_place_of_orion(Platform::builder().await, &sites);
    let platform = limits(builder, &[("deadline", "4s")]).start().await;
    let over_one_connection = platform.over_http2();
    let turns_before = metric(&platform, "kakehashi_turns_total");
    let mut heavy = FuturesUnordered::from_iter((0..3).map(|_| {
        let ask = over_one_connection.post("/ngsi-ld/v1/entityOperations/query");
        let ask = ask.anonymous().tenant("nasushiobara");
        ask.json(&circle_around_them()).into_future()
    }));
    let mut answered_meanwhile = 0;
    let mut ended = Vec::new();
    while ended.len() < 3 {
        tokio::select! {
            answer = heavy.next() => ended.push(answer.unwrap()),
            light = over_one_connection.entities("type=EvacuationSite&limit=1").tenant("sano").into_future() => {
                assert_eq!(light.status, 200, "{light}");
                answered_meanwhile += usize::from(ended.is_empty());
            }
        }
    }
    for answer in &ended {
        // How far it comes within its time is the machine's business.
        assert!([200, 403].contains(&answer.status), "{answer}");
    }
    assert!(answered_meanwhile >= 20, "{answered_meanwhile}");
    let turns = metric(&platform, "kakehashi_turns_total") - turns_before;
    assert!(turns > 100.0, "it was interrupted again and again: {turns}");
}

/// Sites with a text of so many bytes each.
async fn sites_with_long_names(name: &str, count: usize, bytes: usize) -> Server {
    let text = "長".repeat(bytes / 3);
    let site = |number: usize| {
        let id = format!("{name}{number:05}");
        format!(r#"{{"id":"{id}","type":"EvacuationSite","name":{{"type":"Text","value":"{text}","metadata":{{}}}}}}"#)
    };
    RawOrion::of((0..count).map(site).collect()).start().await
}

/// Somebody who asks, and reads nothing but the first bytes of the answer.
fn ask_without_reading(platform: &Platform, target: &str) -> (TcpStream, String) {
    let address = platform.gateway().url();
    let mut stream = TcpStream::connect(address.strip_prefix("http://").unwrap()).unwrap();
    let key = key_of("bousai-map");
    write!(
        stream,
        "GET {target} HTTP/1.1\r\nHost: localhost\r\nx-api-key: {key}\r\n\r\n"
    )
    .unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    (stream, String::from_utf8_lossy(&first).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_read_is_counted_and_beyond_the_bound_nothing_is_asked() {
    let sites = sites_with_long_names("N", 900, 14_000).await;
    let builder = in_place_of_orion(Platform::builder().await, &sites);
    let platform = limits(builder, &[("memory", "128MiB"), ("deadline", "60s")])
        .start()
        .await;
    let target = "/ngsi-ld/v1/entities?type=EvacuationSite&limit=900&pick=id,name";
    let mut held = Vec::new();
    let mut statuses = Vec::new();
    for _ in 0..12 {
        let (stream, first) = tokio::task::block_in_place(|| ask_without_reading(&platform, target));
        statuses.push(first.split(' ').nth(1).unwrap().to_owned());
        held.push(stream);
    }
    let answered = statuses.iter().filter(|status| *status == "200").count();
    let bytes = metric(&platform, "kakehashi_memory_held_bytes");
    let most = metric(&platform, "kakehashi_memory_limit_bytes");
    // One consumer alone has half, in answers of more than 12 MB each.
    assert!((1..=5).contains(&answered), "{statuses:?}");
    assert!(
        statuses.iter().all(|status| status == "200" || status == "503"),
        "{statuses:?}"
    );
    assert!(bytes > 12e6 && bytes <= most / 2.0, "{bytes} of {most}");
    let light = platform
        .entities("type=EvacuationSite&limit=1")
        .tenant("sano")
        .by("sano-dashboard")
        .await;
    assert_eq!(light.status, 200, "{light}");
    drop(held);
    until("everything is given back", || {
        metric(&platform, "kakehashi_memory_held_bytes") == 0.0
    })
    .await;
    until("nothing is under way", || {
        metric(&platform, "http_server_active_requests") == 0.0
    })
    .await;
}

#[tokio::test]
//= 5.5.9.1-2
async fn what_one_request_may_hold_is_bounded_whatever_is_free() {
    let (one, other) = (
        sites_with_long_names("A", 1500, 14_000).await,
        sites_with_long_names("B", 1500, 14_000).await,
    );
    let builder = in_place_of_orion(Platform::builder().await, &one).tenants(|table| {
        let mut second = None;
        change_source(table, ORION, |source| second = Some(source.clone()));
        let mut second = second.unwrap();
        second.insert("id".into(), "other".into());
        second.insert("endpoint".into(), other.url().into());
        let tenant = section(section(table, "tenants"), "nasushiobara");
        tenant["sources"].as_array_mut().unwrap().push(second.into());
    });
    let platform = limits(builder, &[("memory", "128MiB"), ("deadline", "60s")])
        .start()
        .await;
    let answer = platform
        .entities("type=EvacuationSite&limit=0&count=true")
        .tenant("nasushiobara")
        .await;
    assert_eq!(
        (answer.status, answer.error_type().as_str()),
        (403, "TooManyResults"),
        "{answer}"
    );
    assert!(answer.problem().detail.contains("would have to be held"), "{answer}");
    until("everything is given back", || {
        metric(&platform, "kakehashi_memory_held_bytes") == 0.0
    })
    .await;
}

/// As many requests of one consumer as it may have beside others, all of them waiting for a source.
#[tokio::test]
async fn who_has_as_much_under_way_as_it_may_is_sent_away_and_others_are_let_in() {
    let builder = limits(Platform::builder().await, &[("deadline", "50s")]);
    let platform = builder.start().await;
    platform.demo().orion().set_fault(Fault::Held);
    let clients: Vec<_> = (0..12).map(|_| platform.over_http2()).collect();
    let ask = |number: usize| {
        let ask = clients[number % clients.len()].entities("type=EvacuationSite&limit=1");
        // With a request to the source of its own.
        ask.tenant("nasushiobara")
            .header("cache-control", "no-cache")
            .into_future()
    };
    // One after the other until one is refused, so that nothing depends on which comes first.
    let mut waiting: FuturesUnordered<_> = (0..1100).map(ask).collect();
    let first = waiting.next().await.unwrap();
    refused_as_busy(&first);
    until("all of them have come", || {
        metric(&platform, "http_server_active_requests") == 1000.0
    })
    .await;
    let other = platform
        .entities("type=EvacuationSite&limit=1")
        .tenant("sano")
        .by("sano-dashboard")
        .await;
    assert_eq!(other.status, 200, "{other}");
    let mut refused = 1;
    while refused < 100 {
        refused_as_busy(&waiting.next().await.unwrap());
        refused += 1;
    }
    platform.demo().orion().clear_fault();
    let mut answered = 0;
    while let Some(answer) = waiting.next().await {
        assert_eq!(answer.status, 200, "{answer}");
        answered += 1;
    }
    assert_eq!(answered, 1000);
    let asked = platform.asked_of_orion().len();
    assert_eq!(asked, answered, "nothing was asked for who was sent away");
    until("nothing is under way", || {
        metric(&platform, "http_server_active_requests") == 0.0
    })
    .await;
    let metrics = platform.gateway().metrics();
    assert!(metrics.contains("kakehashi_refused_total{reason=\"busy\""), "{metrics}");
}
