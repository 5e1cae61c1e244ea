//! A source that is sick is left alone by all, and tried by one; whoever leaves, or asks oddly, closes it to nobody; the log says
//! when it goes and when it comes back.

use std::future::IntoFuture;

use stand_ins::{Fault, Server};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use toml::Value;

use super::harness::{
    Answer, ORION, Platform, SANO, address_of, change_source, key_of, nasushiobara_sites, sano_sites, until,
};

const MANY: usize = 12;

/// Failures in a row, and the one request of the gateway's own that decides.
const ASKED: usize = 6;

/// Waits for sources no longer than for a moment.
async fn hurrying() -> Platform {
    let builder = Platform::builder().await.tenants(|table| {
        for source in [ORION, SANO] {
            change_source(table, source, |source| {
                source.insert("timeout".into(), Value::from("100ms"));
            });
        }
    });
    builder.start().await
}

fn tenant_of(source: &str) -> &'static str {
    if source == SANO { "sano" } else { "nasushiobara" }
}

fn server<'p>(platform: &'p Platform, source: &str) -> &'p Server {
    match source {
        SANO => platform.demo().sano(),
        _ => platform.demo().orion(),
    }
}

async fn one_page(platform: &Platform, source: &str) -> Answer {
    // A kind of entity that one request brings.
    platform
        .entities("type=EvacuationSite&limit=5")
        .tenant(tenant_of(source))
        .await
        .ok()
}

#[tokio::test]
async fn however_a_source_is_sick_it_is_asked_five_times_and_once_more() {
    for source in [ORION, SANO] {
        for fault in [
            Fault::Status(503),
            Fault::Html,
            Fault::BrokenJson,
            Fault::EmptyBody,
            Fault::SlowBody,
            Fault::Status(401),
            Fault::Status(429),
        ] {
            let platform = hurrying().await;
            server(&platform, source).set_fault(fault);
            for number in 0..MANY {
                let answer = one_page(&platform, source).await;
                assert!(
                    answer.warnings().iter().any(|warning| warning.contains(source)),
                    "{fault:?} {number}: {answer}"
                );
            }
            let asked = server(&platform, source).requests().len();
            assert_eq!(asked, ASKED, "{source} {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_source_that_asks_for_half_a_minute_has_it() {
    for source in [ORION, SANO] {
        for status in [503, 429] {
            let platform = Platform::start().await;
            server(&platform, source).set_fault(Fault::StatusWithRetryAfter(status, 30));
            for _ in 0..24 {
                let answer = one_page(&platform, source).await;
                assert_eq!(answer.ids(), [""; 0]);
                let after: u32 = answer.header("retry-after").unwrap().parse().unwrap();
                assert!((1..=30).contains(&after), "{answer}");
                assert!(
                    answer.warnings().iter().any(|warning| warning.contains(source)),
                    "{answer}"
                );
            }
            assert_eq!(server(&platform, source).requests().len(), 1, "{source} {status}");
        }
    }
}

/// Whatever takes several requests to one source is whole, or says what is missing, from the first answer on after the source is
/// back: the page and its count, pages in turn, one entity, entities that others link to.
#[tokio::test]
async fn the_first_answer_after_a_source_is_back_is_whole_or_says_what_is_missing() {
    for source in [ORION, SANO] {
        let platform = Platform::start().await;
        let sites = if source == SANO {
            sano_sites()
        } else {
            nasushiobara_sites()
        };
        let counted = "type=EvacuationSite&count=true&limit=3";
        let whole = platform.entities(counted).tenant(tenant_of(source)).await.ok();
        assert_eq!((whole.count(), whole.warnings().len()), (sites.len(), 0), "{whole}");
        server(&platform, source).set_fault(Fault::StatusWithRetryAfter(503, 1));
        let away = platform.entities(counted).tenant(tenant_of(source)).await.ok();
        assert!(!away.warnings().is_empty(), "{away}");
        server(&platform, source).clear_fault();
        loop {
            let asking = [
                platform.entities(counted),
                platform.entities("type=EvacuationSite&limit=0&count=true"),
                platform.entities("type=EvacuationSite&count=true&limit=1000"),
            ];
            let asking = asking.map(|asking| tokio::spawn(asking.tenant(tenant_of(source)).into_future()));
            let mut missing = 0;
            for asking in asking {
                let answer = asking.await.unwrap().ok();
                if answer.warnings().is_empty() {
                    assert_eq!(answer.count(), sites.len(), "{answer}");
                } else {
                    missing += 1;
                }
            }
            if missing == 0 {
                break;
            }
        }
    }
}

fn lines<'l>(log: &'l str, what: &str, source: &str) -> Vec<&'l str> {
    let lines = log.lines().filter(|line| line.contains(what) && line.contains(source));
    lines.collect()
}

#[tokio::test]
async fn a_source_that_is_away_is_two_lines_however_often_it_is_asked() {
    let platform = Platform::start().await;
    platform.demo().orion().set_fault(Fault::StatusWithRetryAfter(503, 1));
    for _ in 0..200 {
        one_page(&platform, ORION).await;
    }
    platform.demo().orion().clear_fault();
    while !one_page(&platform, ORION).await.warnings().is_empty() {}
    let log = platform.whole_log().await;
    let (gone, back) = (
        lines(&log, "source failed", ORION),
        lines(&log, "source answers again", ORION),
    );
    assert_eq!((gone.len(), back.len()), (1, 1), "{gone:#?} {back:#?}");
    let counted: serde_json::Value = serde_json::from_str(back[0]).unwrap();
    let failures = counted["failures"].as_u64().or(counted["fields"]["failures"].as_u64());
    assert!(failures.unwrap() >= 200, "{counted}");
    let warned = log
        .lines()
        .filter(|line| line.contains(ORION) && line.contains("WARN"))
        .count();
    assert_eq!(warned, 1);
}

fn counted(platform: &Platform, name: &str, labels: &[&str]) -> u64 {
    let metrics = platform.gateway().metrics();
    let of_it = metrics
        .lines()
        .filter(|line| line.starts_with(name) && labels.iter().all(|label| line.contains(label)));
    of_it
        .map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap())
        .sum()
}

#[tokio::test]
async fn a_caller_that_leaves_is_one_line_and_one_measurement_and_takes_its_requests_with_it() {
    let platform = Platform::start().await;
    let orion = platform.demo().orion();
    orion.set_fault(Fault::Held);
    let to = address_of(&platform.gateway().url());
    let request = format!(
        "GET /ngsi-ld/v1/entities?type=EvacuationSite HTTP/1.1\r\nhost: {to}\r\nx-api-key: {}\r\nngsild-tenant: nasushiobara\r\n\r\n",
        key_of("bousai-map")
    );
    const LEFT: u64 = 5;
    for number in 1..=LEFT as usize {
        let mut stream = TcpStream::connect(to).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        until("the source is asked", || orion.requests().len() == number).await;
        drop(stream);
        until("the source is left", || orion.abandoned() == number).await;
    }
    let measured = || {
        counted(
            &platform,
            "http_server_request_duration_seconds_count",
            &["http_response_status_code=\"499\"", "entities"],
        )
    };
    until("all are measured", || measured() == LEFT).await;
    let given_up = ["outcome=\"given_up\"", ORION];
    assert_eq!(
        counted(&platform, "kakehashi_source_request_duration_seconds_count", &given_up),
        LEFT
    );
    let log = platform.whole_log().await;
    let left: Vec<&str> = log.lines().filter(|line| line.contains("left by its caller")).collect();
    assert_eq!(left.len() as u64, LEFT, "{left:#?}");
    assert!(
        left.iter()
            .all(|line| line.contains("bousai-map") && line.contains("499")),
        "{left:#?}"
    );
    // Nobody who stays has a disadvantage.
    orion.clear_fault();
    assert_eq!(one_page(&platform, ORION).await.warnings(), [""; 0]);
}
