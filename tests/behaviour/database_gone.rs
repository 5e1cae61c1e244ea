//! An Orion whose database is gone lists nothing, as if all were well. What it held a moment ago is not believed to be gone, and that
//! is told alike to all who may read its types.

use stand_ins::{Fault, LoggedRequest};

use super::harness::{Answer, ORION, Platform, nasushiobara_sites};

const SITES: &str = "type=EvacuationSite";
const SHELTERS: &str = "type=DesignatedShelter";
const NARROW: &str = "type=EvacuationSite&q=name==%22nobody%22";

async fn ask(platform: &Platform, query: &str) -> Answer {
    platform.entities(query).tenant("nasushiobara").await.ok()
}

fn is_doubted(answer: &Answer) -> bool {
    let warnings = answer.warnings();
    warnings
        .iter()
        .any(|warning| warning.contains(ORION) && warning.contains("nothing at all"))
}

/// The requests that find out whether it has anything of what it held.
fn checks(asked: &[LoggedRequest]) -> Vec<&LoggedRequest> {
    let is_check = |request: &&LoggedRequest| {
        request.parameter("limit").as_deref() == Some("1")
            && request.parameter("attrs").as_deref() == Some("dateModified")
    };
    asked.iter().filter(is_check).collect()
}

#[tokio::test]
async fn what_was_there_a_moment_ago_is_not_believed_to_be_gone() {
    let platform = Platform::start().await;
    let orion = platform.demo().orion();
    assert!(!ask(&platform, SITES).await.ids().is_empty());
    assert!(!ask(&platform, SHELTERS).await.ids().is_empty());
    platform.forget_requests();
    orion.set_fault(Fault::DatabaseGone);
    // Somebody's narrow question finds nothing in most sources, and makes nobody doubt.
    assert_eq!(ask(&platform, NARROW).await.warnings(), [""; 0]);
    assert_eq!(checks(&platform.asked_of_orion()).len(), 0);

    let answer = ask(&platform, SITES).await;
    assert!(is_doubted(&answer), "{answer}");
    assert_eq!(answer.ids(), [""; 0]);
    let asked = platform.asked_of_orion();
    let checks = checks(&asked);
    assert_eq!(checks.len(), 1, "{asked:?}");
    assert_eq!(
        checks[0].parameter("type").as_deref(),
        Some("EvacuationSite,DesignatedShelter")
    );

    // From now on it is told to all who ask, whatever they ask for.
    for query in [
        SITES,
        SHELTERS,
        NARROW,
        "type=EvacuationSite&count=true&limit=0",
        "type=WeatherObserved",
    ] {
        let answer = ask(&platform, query).await;
        assert!(is_doubted(&answer), "{query}: {answer}");
    }
    let limited = platform
        .entities(NARROW)
        .tenant("nasushiobara")
        .by("sano-dashboard")
        .await
        .ok();
    assert!(is_doubted(&limited), "{limited}");
    let one = platform.entity(&nasushiobara_sites()[0].id).await;
    assert_eq!(one.status, 404);
    assert!(is_doubted(&one), "{one}");
    for request in platform.asked_of_orion() {
        assert_eq!(request.path, "/v2/entities", "anything else may end it");
    }
    let metrics = platform.gateway().metrics();
    assert!(metrics.contains("outcome=\"emptied\""), "{metrics}");

    // It is back, and that is seen at once.
    orion.clear_fault();
    let answer = ask(&platform, SITES).await;
    assert_eq!(answer.warnings(), [""; 0]);
    assert!(!answer.ids().is_empty());
    assert_eq!(ask(&platform, NARROW).await.warnings(), [""; 0]);
}
