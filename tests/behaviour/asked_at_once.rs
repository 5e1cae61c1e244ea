//! Sources are asked at the same time.

use std::future::IntoFuture;
use std::time::Duration;

use stand_ins::Fault;

use super::harness::{Ask, ORION, Platform, SANO, change_source, planted, section, until};

/// So long that whoever waits for one source before asking the next is seen to do so.
const SLOW: Duration = Duration::from_secs(3);

/// Sources and requests that wait longer than any test does: what is asked second because the first took too long
/// cannot be taken for what is asked at the same time.
async fn patient_platform() -> Platform {
    let builder = Platform::builder().await.tenants(|table| {
        for id in [SANO, ORION] {
            change_source(table, id, |source| {
                source.insert("timeout".into(), "10m".into());
            });
        }
        section(section(table, "gateway"), "limits").insert("deadline".into(), "10m".into());
    });
    builder.start().await
}

/// Asks while no source answers, and waits until both were asked.
async fn reaches_both_at_once(ask: impl Fn(&Platform) -> Ask) {
    let platform = patient_platform().await;
    for stand_in in [&**platform.demo().sano(), &**platform.demo().orion()] {
        stand_in.set_fault(Fault::Slow(Duration::from_secs(600)));
    }
    let asking = tokio::spawn(ask(&platform).into_future());
    until("both sources were asked", || {
        !platform.asked_of_sano().is_empty() && !platform.asked_of_orion().is_empty()
    })
    .await;
    assert!(!asking.is_finished(), "answered before the sources could");
    asking.abort();
}

// With threads of its own the client notices that nobody waits for its answer any more, and hangs up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_reaches_every_source_before_any_has_answered() {
    reaches_both_at_once(|platform| platform.entities("type=EvacuationSite&count=true")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entity_is_asked_for_everywhere_before_any_has_answered() {
    reaches_both_at_once(|platform| platform.entity(&planted()[0].id)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn types_are_asked_for_everywhere_before_any_has_answered() {
    reaches_both_at_once(|platform| platform.get("/ngsi-ld/v1/types")).await;
}

#[tokio::test]
async fn waiting_for_two_slow_sources_takes_as_long_as_for_one() {
    let platform = patient_platform().await;
    platform.demo().sano().set_fault(Fault::Slow(SLOW));
    platform.demo().orion().set_fault(Fault::Slow(SLOW));
    let answer = platform.entity(&planted()[0].id).await.ok();
    assert_eq!(answer.warnings(), [""; 0]);
    assert!(answer.took >= SLOW, "{:?}", answer.took);
    assert!(answer.took < 2 * SLOW, "one after the other: {:?}", answer.took);
}
