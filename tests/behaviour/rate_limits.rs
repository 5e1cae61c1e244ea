//! Over the limit: 429 that says when to come back; another consumer is not affected.

use std::future::IntoFuture;
use std::net::IpAddr;
use std::time::Instant;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use stand_ins::Fault;
use toml::{Table, Value};

use super::harness::{Answer, Ask, ORION, Platform, change_source, section, until};

/// So slow a refill that no test is long enough to see it: one token in a thousand seconds would be best, one in a
/// second is what the configuration can say, so bursts are asked at once.
fn limits(per_second: i64, burst: i64) -> Value {
    Value::Table(Table::from_iter([
        ("requests_per_second".to_owned(), Value::Integer(per_second)),
        ("burst".to_owned(), Value::Integer(burst)),
    ]))
}

async fn platform_with(consumer: &'static str, set: Value) -> Platform {
    let builder = Platform::builder().await.ids_do_not_repeat().tenants(|table| {
        section(section(table, "consumers"), consumer).insert("limits".into(), set);
    });
    builder.start().await
}

/// Asks what needs no source, so that a burst is over long before a token comes back.
const NOTHING: &str = "type=NoSuchType";

fn refused(answer: &Answer) {
    assert_eq!(answer.status, 429, "{answer}");
    let seconds: u64 = answer.header("retry-after").expect("Retry-After").parse().unwrap();
    assert!((1..=86_400).contains(&seconds), "{answer}");
    assert!(answer.header("ratelimit").unwrap().contains("r=0"), "{answer}");
    assert!(answer.header("ratelimit-policy").unwrap().contains("q="), "{answer}");
    assert!(answer.problem().detail.contains("limit"), "{answer}");
}

/// The statuses of one question after the other, up to the first 429. Where a token comes back every second, and a
/// question takes milliseconds, 200 are enough however busy the machine is.
async fn until_refused(ask: impl Fn(usize) -> Ask) -> Vec<u16> {
    let mut statuses = Vec::new();
    for number in 0..200 {
        statuses.push(ask(number).await.status);
        if statuses.last() == Some(&429) {
            return statuses;
        }
    }
    panic!("never refused: {statuses:?}");
}

#[tokio::test]
async fn over_the_limit_is_429_and_another_consumer_is_not_affected() {
    let platform = platform_with("limited-app", limits(1, 5)).await;
    let mut left = Vec::new();
    let mut over = Vec::new();
    let began = Instant::now();
    for _ in 0..40 {
        let answer = platform.entities(NOTHING).by("limited-app").await;
        match answer.status {
            200 => {
                let told = answer.header("ratelimit").expect("RateLimit").to_owned();
                let remaining = told.split(';').find_map(|part| part.trim().strip_prefix("r=")).unwrap();
                left.push(remaining.parse::<u32>().unwrap());
                assert!(answer.header("ratelimit-policy").unwrap().contains("q=5"), "{answer}");
                assert_eq!(answer.header("retry-after"), None);
            }
            _ => over.push(answer),
        }
    }
    // One token comes back each second; nothing else lets a request through.
    let refilled = usize::try_from(began.elapsed().as_secs()).unwrap() + 1;
    assert!((5..=5 + refilled).contains(&left.len()), "{left:?}");
    assert_eq!(left.iter().min(), Some(&0), "what is left is told: {left:?}");
    assert!(!over.is_empty());
    over.iter().for_each(refused);
    for consumer in ["bousai-map", "sano-dashboard"] {
        assert_eq!(platform.entities(NOTHING).by(consumer).await.status, 200, "{consumer}");
    }
    assert_eq!(platform.entities(NOTHING).anonymous().await.status, 200);
}

#[tokio::test]
async fn who_is_over_the_limit_costs_no_source_anything() {
    let platform = platform_with("limited-app", limits(1, 2)).await;
    for _ in 0..10 {
        platform.entities("type=EvacuationSite&limit=1").by("limited-app").await;
    }
    platform.forget_requests();
    let began = Instant::now();
    let answers = futures::future::join_all((0..6).map(|_| {
        platform
            .entities("type=EvacuationSite&limit=1")
            .by("limited-app")
            .into_future()
    }))
    .await;
    let answered = answers.iter().filter(|answer| answer.status == 200).count();
    let refilled = usize::try_from(began.elapsed().as_secs()).unwrap() + 1;
    assert!(answered <= refilled, "{answered}");
    // One list of Orion's for each that was answered, none for the others.
    assert!(
        platform.asked_of_orion().len() <= answered * 2,
        "{} for {answered}",
        platform.asked_of_orion().len()
    );
}

#[tokio::test]
async fn a_wrong_question_costs_a_token_too() {
    let platform = platform_with("limited-app", limits(1, 3)).await;
    let statuses = until_refused(|_| platform.entities("nonsense=1").by("limited-app")).await;
    assert_eq!(statuses[..3], [400; 3]);
}

#[tokio::test]
async fn a_day_has_an_end() {
    let mut set = limits(1000, 1000);
    set.as_table_mut()
        .unwrap()
        .insert("requests_per_day".into(), Value::Integer(3));
    let platform = platform_with("limited-app", set).await;
    for _ in 0..3 {
        assert_eq!(platform.entities(NOTHING).by("limited-app").await.status, 200);
    }
    let over = platform.entities(NOTHING).by("limited-app").await;
    refused(&over);
    let wait: u64 = over.header("retry-after").unwrap().parse().unwrap();
    assert!(
        wait > 60,
        "a token of a day's three does not come back within a minute: {wait}"
    );
}

#[tokio::test]
async fn anonymous_clients_are_counted_by_their_address() {
    let platform = platform_with("anonymous", limits(1, 3)).await;
    let first = platform.at_address(IpAddr::from([127, 0, 0, 1]));
    let second = platform.at_address(IpAddr::from([127, 0, 0, 2]));
    let statuses = until_refused(|number| {
        // An address that a client merely claims is not believed.
        let claimed = format!("198.51.100.{number}");
        first.entities(NOTHING).anonymous().header("x-forwarded-for", &claimed)
    })
    .await;
    assert_eq!(statuses[..3], [200; 3]);
    assert_eq!(
        second.entities(NOTHING).anonymous().await.status,
        200,
        "another address has its own"
    );
    assert_eq!(
        first.entities(NOTHING).await.status,
        200,
        "and so has a key from the same address"
    );
}

#[tokio::test]
async fn a_trusted_proxy_may_say_for_whom_it_asks() {
    let builder = Platform::builder().await.tenants(|table| {
        section(table, "gateway").insert("trusted_proxies".into(), Value::Array(vec!["127.0.0.1/32".into()]));
        section(section(table, "consumers"), "anonymous").insert("limits".into(), limits(1, 2));
    });
    let platform = builder.start().await;
    let ask = |forwarded: &str| {
        platform
            .entities(NOTHING)
            .anonymous()
            .header("x-forwarded-for", forwarded)
    };
    // The last entry is the proxy's; what stands before it anybody may have written.
    until_refused(|number| ask(&format!("203.0.113.{number}, 198.51.100.7"))).await;
    assert_eq!(ask("198.51.100.8").await.status, 200);
}

#[tokio::test]
async fn so_many_at_once_and_no_more() {
    let mut set = limits(1000, 1000);
    set.as_table_mut()
        .unwrap()
        .insert("concurrency".into(), Value::Integer(2));
    let platform = platform_with("limited-app", set).await;
    platform.demo().orion().set_fault(Fault::Held);
    let sites = || platform.entities("type=EvacuationSite&limit=1");
    let mut asks: FuturesUnordered<_> = (0..6).map(|_| sites().by("limited-app").into_future()).collect();
    // While the source holds its answers, two wait for them and no others.
    for answer in asks.by_ref().take(4).collect::<Vec<_>>().await {
        assert_eq!(answer.status, 429, "{answer}");
        assert!(answer.header("retry-after").is_some(), "{answer}");
    }
    let asked = platform.asked_of_orion().len();
    let other = tokio::spawn(sites().into_future());
    until("another consumer's request is not affected", || {
        platform.asked_of_orion().len() > asked
    })
    .await;
    platform.demo().orion().clear_fault();
    assert_eq!(other.await.unwrap().status, 200);
    for answer in asks.collect::<Vec<_>>().await {
        assert_eq!(answer.status, 200, "{answer}");
    }
    let again = platform.entities(NOTHING).by("limited-app").await;
    assert_eq!(again.status, 200, "what has ended makes room");
}

#[tokio::test]
async fn a_sources_limit_protects_it_from_all_consumers_together() {
    let builder = Platform::builder().await.tenants(|table| {
        change_source(table, ORION, |source| {
            source.insert("limits".into(), limits(1, 2));
            source.insert("timeout".into(), "500ms".into());
        });
    });
    let platform = builder.start().await;
    let began = Instant::now();
    let asks = (0..20).map(|number| {
        let consumer = ["bousai-map", "limited-app", "sano-dashboard"][number % 3];
        platform
            .entities("type=EvacuationSite&limit=0&count=true")
            .by(consumer)
            .into_future()
    });
    let answers = futures::future::join_all(asks).await;
    let allowed = 2 + usize::try_from(began.elapsed().as_secs()).unwrap() + 1;
    let asked = platform.asked_of_orion().len();
    assert!((1..=allowed).contains(&asked), "{asked} of {allowed}");
    for answer in answers {
        assert_eq!(answer.status, 200, "the source's limit is not the consumer's: {answer}");
        match answer.warnings().as_slice() {
            [] => assert_eq!(answer.count(), 102),
            [warning] => {
                assert!(warning.contains(ORION), "{warning}");
                assert_eq!(answer.count(), 102 - 19);
            }
            more => panic!("{more:?}"),
        }
    }
}
