//! `csf`: which sources are asked (clauses 4.9 and 5.7.2.4).

use serde_json::json;

use super::harness::Platform;

/// Sites of the store, which is no registered source: it is asked whatever the filter says. What the prefecture adds to
/// those of Sano stands with them alone.
const IN_STORE: usize = 25;

#[tokio::test]
//= 5.2.23-3, 5.7.2.4-17
async fn only_the_sources_that_match_are_asked() {
    let platform = Platform::start().await;
    for (filter, count, (orion, sano)) in [
        ("registrationName==\"sano-safe-map\"", IN_STORE + 58, (false, true)),
        ("tenant==\"nasushiobara\"", IN_STORE + 19, (true, false)),
        ("tenant~=\".*s.*\";mode==\"inclusive\"", 102, (true, true)),
        ("tenant!=\"sano\"|registrationName~=\"sano-.*\"", 102, (true, true)),
        (
            "id==\"urn:ngsi-ld:ContextSourceRegistration:nasushiobara-orion\"",
            IN_STORE + 19,
            (true, false),
        ),
        ("mode==\"exclusive\"", IN_STORE, (false, false)),
        ("description", IN_STORE, (false, false)),
    ] {
        platform.forget_requests();
        let got = platform
            .query(&[("type", "EvacuationSite"), ("csf", filter), ("count", "true")])
            .await
            .ok();
        assert_eq!(got.count(), count, "{filter}");
        let asked = (
            !platform.asked_of_orion().is_empty(),
            !platform.asked_of_sano().is_empty(),
        );
        assert_eq!(asked, (orion, sano), "{filter}");
        let body = json!({"type": "Query", "entities": [{"type": "EvacuationSite"}], "csf": filter});
        let posted = platform
            .post("/ngsi-ld/v1/entityOperations/query?count=true")
            .json(&body)
            .await
            .ok();
        assert_eq!((posted.count(), posted.body), (count, got.body), "{filter}");
    }
}

/// Where a source is, and how it is asked, is nobody's business: no filter finds it out.
#[tokio::test]
async fn what_the_configuration_says_beyond_that_is_met_by_nothing() {
    let platform = Platform::start().await;
    for filter in [
        "endpoint",
        "endpoint~=\".*127.*\"",
        "endpoint!=\"x\"",
        "contextSourceInfo",
        "information",
        "credential",
    ] {
        let got = platform
            .query(&[("type", "EvacuationSite"), ("csf", filter), ("count", "true")])
            .await
            .ok();
        assert_eq!(got.count(), IN_STORE, "{filter}");
    }
    assert_eq!(platform.asked().len(), 0);
}

/// A filter says which sources are asked, not for what: alone it leaves the question too wide.
#[tokio::test]
async fn a_filter_alone_is_too_wide_a_question() {
    let platform = Platform::start().await;
    let alone = platform.query(&[("csf", "tenant==\"sano\"")]).await;
    assert_eq!(
        (alone.status, alone.error_type().as_str()),
        (400, "BadRequestData"),
        "{alone}"
    );
    let of_another = platform
        .query(&[
            ("type", "EvacuationSite"),
            ("csf", "tenant==\"sano\""),
            ("count", "true"),
        ])
        .tenant("nasushiobara")
        .await
        .ok();
    assert_eq!(of_another.count(), 0);
}
