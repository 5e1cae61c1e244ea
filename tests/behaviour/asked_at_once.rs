//! Sources are asked at the same time.

use std::future::IntoFuture;
use std::time::Duration;

use stand_ins::Fault;
use toml::Value;

use super::harness::{ORION, Platform, SANO, change_source, planted, until};

/// So long that whoever waits for one source before asking the next is seen to do so.
const SLOW: Duration = Duration::from_secs(3);

async fn platform_with_patient_sources() -> Platform {
    let builder = Platform::builder().await;
    let patient = builder.tenants(|table| {
        for id in [SANO, ORION] {
            change_source(table, id, |source| {
                source.insert("timeout".into(), Value::from("9s"));
            });
        }
    });
    patient.start().await
}

#[tokio::test]
async fn a_query_reaches_every_source_before_any_has_answered() {
    let platform = platform_with_patient_sources().await;
    for stand_in in [&**platform.demo().sano(), &**platform.demo().orion()] {
        // Far longer than the request may take: nothing can be answered while the test looks.
        stand_in.set_fault(Fault::Slow(Duration::from_secs(600)));
    }
    let asking = tokio::spawn(platform.entities("type=EvacuationSite&count=true").into_future());
    until("both sources were asked", || {
        !platform.asked_of_sano().is_empty() && !platform.asked_of_orion().is_empty()
    })
    .await;
    assert!(!asking.is_finished(), "answered before the sources could");
    asking.abort();
}

#[tokio::test]
async fn an_entity_is_asked_for_everywhere_before_any_has_answered() {
    let platform = platform_with_patient_sources().await;
    for stand_in in [&**platform.demo().sano(), &**platform.demo().orion()] {
        stand_in.set_fault(Fault::Slow(Duration::from_secs(600)));
    }
    let asking = tokio::spawn(platform.entity(&planted()[0].id).into_future());
    until("both sources were asked", || {
        !platform.asked_of_sano().is_empty() && !platform.asked_of_orion().is_empty()
    })
    .await;
    assert!(!asking.is_finished(), "answered before the sources could");
    asking.abort();
}

#[tokio::test]
async fn waiting_for_two_slow_sources_takes_as_long_as_for_one() {
    let platform = platform_with_patient_sources().await;
    platform.demo().sano().set_fault(Fault::Slow(SLOW));
    platform.demo().orion().set_fault(Fault::Slow(SLOW));
    let answer = platform.entity(&planted()[0].id).await.ok();
    assert_eq!(answer.warnings(), [""; 0]);
    assert!(answer.took >= SLOW, "{:?}", answer.took);
    assert!(answer.took < 2 * SLOW, "one after the other: {:?}", answer.took);
}
