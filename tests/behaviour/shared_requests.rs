//! Questions that become the same request to a source while it is under way are answered by it together.

use std::future::IntoFuture;

use serde_json::json;
use stand_ins::Fault;
use tokio::task::JoinHandle;

use super::harness::{Answer, Ask, ORION, Platform, members, nasushiobara_sites, until};

const SITES: &str = "type=EvacuationSite&limit=20";

/// Asks without waiting.
fn begin(asks: impl IntoIterator<Item = Ask>) -> Vec<JoinHandle<Answer>> {
    let asks = asks.into_iter().map(IntoFuture::into_future);
    asks.map(|ask| tokio::spawn(ask)).collect()
}

async fn all(asking: Vec<JoinHandle<Answer>>) -> Vec<Answer> {
    let answers = futures::future::join_all(asking).await;
    answers.into_iter().map(Result::unwrap).collect()
}

/// How many requests wait, or have waited, for the answer to another.
fn joined(platform: &Platform) -> usize {
    let metrics = platform.gateway().metrics();
    let name = format!("kakehashi_source_requests_joined_total{{source=\"{ORION}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
    line.expect("every source is counted").parse().unwrap()
}

async fn have_joined(platform: &Platform, requests: usize) {
    until("they wait for the same answer", || joined(platform) == requests).await;
}

fn sites(platform: &Platform) -> Ask {
    platform.entities(SITES).tenant("nasushiobara")
}

#[tokio::test]
async fn eighty_that_ask_the_same_at_once_cost_the_source_one_request() {
    let platform = Platform::builder().await.ids_do_not_repeat().start().await;
    let alone = sites(&platform).await.ok();
    platform.forget_requests();
    platform.demo().orion().set_fault(Fault::Held);
    // As many as one consumer's limit lets through at once, over as many connections, whichever threads they live on.
    let asking = begin(
        (0..50)
            .map(|_| sites(&platform))
            .chain((0..30).map(|_| sites(&platform).by("sano-dashboard"))),
    );
    have_joined(&platform, 79).await;
    platform.demo().orion().clear_fault();
    for answer in all(asking).await {
        let answer = answer.ok();
        assert_eq!(answer.warnings(), [""; 0], "{answer}");
        assert_eq!(answer.body, alone.body);
    }
    assert_eq!(platform.asked_of_orion().len(), 1);
    // It is over: who asks now has it as it is now.
    sites(&platform).await.ok();
    assert_eq!(platform.asked_of_orion().len(), 2);
}

#[tokio::test]
async fn who_may_see_less_or_wants_an_answer_of_its_own_has_a_request_of_its_own() {
    let platform = Platform::builder().await.ids_do_not_repeat().start().await;
    platform.demo().orion().set_fault(Fault::Held);
    let others = [
        sites(&platform).by("limited-app"),
        sites(&platform).header("cache-control", "no-cache"),
        sites(&platform).header("cache-control", "max-age=0, no-cache"),
        platform
            .entities("type=EvacuationSite&limit=20&attrs=name")
            .tenant("nasushiobara"),
        platform
            .entities("type=EvacuationSite&limit=20&offset=20")
            .tenant("nasushiobara"),
        platform
            .entities("type=EvacuationSite&limit=20&q=maxCapacity%3E10")
            .tenant("nasushiobara"),
    ];
    let asked_alone = others.len();
    let asking = begin(others.into_iter().chain([sites(&platform), sites(&platform)]));
    until("each is asked for", || platform.asked_of_orion().len() > asked_alone).await;
    have_joined(&platform, 1).await;
    platform.demo().orion().clear_fault();
    let mut answers = all(asking).await;
    let of_reader = answers.pop().unwrap().ok().entities();
    assert_eq!(answers.pop().unwrap().ok().entities(), of_reader);
    let of_limited = answers.remove(0).ok().entities();
    assert_eq!(of_limited.len(), of_reader.len());
    for (less, more) in of_limited.iter().zip(&of_reader) {
        assert_eq!(less["id"], more["id"]);
        assert_eq!(members(less), ["id", "location", "name", "type"]);
        assert!(members(more).contains(&"fullAddress"), "{more}");
    }
    // Not even the question tells what the other may see.
    let attributes: Vec<String> = platform
        .asked_of_orion()
        .iter()
        .filter_map(|asked| asked.parameter("attrs"))
        .collect();
    assert!(
        attributes.iter().any(|names| !names.contains("fullAddress")),
        "{attributes:?}"
    );
    assert_eq!(platform.asked_of_orion().len(), asked_alone + 1);
}

#[tokio::test]
async fn the_one_that_asked_first_may_leave() {
    let platform = Platform::builder().await.ids_do_not_repeat().start().await;
    platform.demo().orion().set_fault(Fault::Held);
    let first = begin([sites(&platform)]);
    until("it is asked for", || platform.asked_of_orion().len() == 1).await;
    let others = begin((0..5).map(|_| sites(&platform)));
    have_joined(&platform, 5).await;
    first.iter().for_each(JoinHandle::abort);
    until("it has left", || {
        let metrics = platform.gateway().metrics();
        metrics.lines().any(|line| line == "http_server_active_requests 5")
    })
    .await;
    platform.demo().orion().clear_fault();
    for answer in all(others).await {
        assert_eq!(answer.ok().ids().len(), nasushiobara_sites().len());
    }
    assert_eq!(platform.asked_of_orion().len(), 1);
}

#[tokio::test]
async fn what_goes_wrong_goes_wrong_for_all_who_wait() {
    let platform = Platform::builder().await.ids_do_not_repeat().start().await;
    platform.demo().orion().set_fault(Fault::Held);
    let asking = begin((0..10).map(|_| sites(&platform)));
    have_joined(&platform, 9).await;
    platform.demo().orion().stop().await;
    for answer in all(asking).await {
        let answer = answer.ok();
        let warning = format!("199 {ORION} \"the source cannot be reached\"");
        assert_eq!((answer.warnings(), answer.ids().len()), (vec![warning.as_str()], 0));
    }
    assert!(
        platform.asked_of_orion().len() <= 2,
        "once, and once more because the connection broke"
    );
}

#[tokio::test]
async fn what_this_gateway_has_written_is_seen_whatever_is_under_way() {
    let policy = "permit (principal in Role::\"writer\", action in Action::\"provide\", \
                  resource in Tenant::\"yaita\") when { resource.class == Class::\"open\" };";
    let builder = Platform::builder()
        .await
        .ids_do_not_repeat()
        .consumer("writer")
        .policy("yaita.cedar", policy);
    let platform = builder.start().await;
    platform.demo().orion().set_fault(Fault::Held);
    let everywhere = || platform.query(&[("type", "EvacuationSite"), ("q", "name==\"new\"")]);
    let before = begin([everywhere()]);
    until("it is asked for", || platform.asked_of_orion().len() == 1).await;
    let site = json!({
        "id": "urn:ngsi-ld:EvacuationSite:new", "type": "EvacuationSite", "name": {"type": "Property", "value": "new"},
    });
    let written = platform.create(&site).by("writer").tenant("yaita").await;
    let after = begin([everywhere()]);
    have_joined(&platform, 1).await;
    platform.demo().orion().clear_fault();
    all(before).await;
    assert_eq!(written.status, 201, "{written}");
    let after = all(after).await.remove(0).ok();
    assert_eq!(after.ids(), ["urn:ngsi-ld:EvacuationSite:new"], "{after}");
}
