//! Sources are asked at the same time.

use std::future::IntoFuture;

use stand_ins::Fault;

use super::harness::{Answer, Ask, Platform, planted, until};

/// Asks while both sources hold their answers, and lets them answer when both were asked.
async fn reaches_both_at_once(ask: impl Fn(&Platform) -> Ask) -> Answer {
    let platform = Platform::start().await;
    let stand_ins = [&**platform.demo().sano(), &**platform.demo().orion()];
    for stand_in in stand_ins {
        stand_in.set_fault(Fault::Held);
    }
    let asking = tokio::spawn(ask(&platform).into_future());
    until("both sources were asked", || {
        !platform.asked_of_sano().is_empty() && !platform.asked_of_orion().is_empty()
    })
    .await;
    assert!(!asking.is_finished(), "answered before the sources could");
    for stand_in in stand_ins {
        stand_in.clear_fault();
    }
    let answer = asking.await.unwrap().ok();
    assert_eq!(answer.warnings(), [""; 0], "{answer}");
    answer
}

#[tokio::test]
async fn a_query_reaches_every_source_before_any_has_answered() {
    let answer = reaches_both_at_once(|platform| platform.entities("type=EvacuationSite&count=true")).await;
    assert_eq!(answer.count(), 102);
}

#[tokio::test]
async fn an_entity_is_asked_for_everywhere_before_any_has_answered() {
    reaches_both_at_once(|platform| platform.entity(&planted()[0].id)).await;
}

#[tokio::test]
async fn types_are_asked_for_everywhere_before_any_has_answered() {
    reaches_both_at_once(|platform| platform.get("/ngsi-ld/v1/types")).await;
}
