//! What data is asked for: stated with the request, out of what tenants.toml gives the consumer, and never assumed.

use serde_json::json;

use super::harness::{Ask, Platform, section};
use super::notifications::{endpoint, notified};
use super::subscriptions::{subscribed, to_aeds};

const HEADER: &str = "kakehashi-purpose";

/// `several` may ask for two purposes, `single` for one, `none` for no purpose.
async fn platform() -> Platform {
    let mut builder = Platform::builder().await.consumer("writer");
    for consumer in ["several", "single", "none"] {
        builder = builder.consumer(consumer);
        let policies = format!(
            "@purpose(\"disaster-response\")\npermit (principal in Role::\"{consumer}\", action, resource == EntityType::\"yaita/AED\");\n\
             permit (principal in Role::\"{consumer}\", action, resource == EntityType::\"yaita/EvacuationSite\")\n\
             unless {{ context has purpose && context.purpose == \"advertising\" }};"
        );
        builder = builder.policy("yaita.cedar", &policies);
    }
    let writes =
        "permit (principal in Role::\"writer\", action in Action::\"provide\", resource in Tenant::\"yaita\");";
    let aed = json!([{"id": "urn:ngsi-ld:AED:1", "type": "AED", "name": {"type": "Property", "value": "a"}}]);
    builder
        .policy("yaita.cedar", writes)
        .store("yaita", aed.to_string())
        .tenants(|table| {
            let consumers = section(table, "consumers");
            for (consumer, purposes) in [
                ("several", vec!["disaster-response", "advertising"]),
                ("single", vec!["disaster-response"]),
            ] {
                let purposes = purposes.into_iter().map(toml::Value::from).collect();
                section(consumers, consumer).insert("purposes".into(), toml::Value::Array(purposes));
            }
            let ranges = vec![toml::Value::from("127.0.0.0/8")];
            section(table, "gateway").insert("egress_allow".into(), toml::Value::Array(ranges));
        })
        .start()
        .await
}

async fn count(ask: Ask, purpose: Option<&str>) -> usize {
    match purpose {
        Some(purpose) => ask.header(HEADER, purpose),
        None => ask,
    }
    .await
    .ok()
    .count()
}

#[tokio::test]
async fn a_permit_for_a_purpose_counts_when_it_is_stated() {
    let platform = platform().await;
    let of = |name: &str, consumer: &str| {
        platform
            .entities(format!("type={name}&count=true&limit=0"))
            .by(consumer)
    };
    for (consumer, purpose, aeds, sites) in [
        ("several", None, 0, 25),
        ("several", Some("disaster-response"), 1, 25),
        ("several", Some("advertising"), 0, 0),
        ("single", None, 1, 25),
        ("single", Some("disaster-response"), 1, 25),
        ("none", None, 0, 25),
    ] {
        // Twice: what was decided for one purpose holds for no other.
        for _ in 0..2 {
            let found = (
                count(of("AED", consumer), purpose).await,
                count(of("EvacuationSite", consumer), purpose).await,
            );
            assert_eq!(found, (aeds, sites), "{consumer} {purpose:?}");
        }
    }
    // Which promise a request was made under is in the log.
    let log = platform.gateway().stderr();
    for (consumer, purpose) in [
        ("several", "advertising"),
        ("several", ""),
        ("single", "disaster-response"),
    ] {
        let line = format!("\"consumer\":\"{consumer}\",\"purpose\":\"{purpose}\"");
        assert!(log.contains(&line), "{line}");
    }
}

#[tokio::test]
async fn a_tenant_of_which_a_purpose_alone_shows_something_is_unknown_without_it() {
    let permit = "@purpose(\"disaster-response\")\npermit (principal in Role::\"several\", action, \
                  resource == EntityType::\"nasushiobara/WeatherObserved\");";
    let builder = Platform::builder().await.consumer("several");
    let platform = builder
        .policy("nasushiobara.cedar", permit)
        .tenants(|table| {
            let purposes = toml::Value::Array(vec!["disaster-response".into(), "advertising".into()]);
            section(section(table, "consumers"), "several").insert("purposes".into(), purposes);
        })
        .start()
        .await;
    let ask = |tenant: &str| platform.entities("type=WeatherObserved").by("several").tenant(tenant);
    let unknown = ask("nowhere").await;
    for purpose in [None, Some("advertising")] {
        let mut hidden = ask("nasushiobara");
        if let Some(purpose) = purpose {
            hidden = hidden.header(HEADER, purpose);
        }
        let hidden = hidden.await;
        assert_eq!((hidden.status, &hidden.body), (404, &unknown.body), "{purpose:?}");
    }
    let shown = ask("nasushiobara").header(HEADER, "disaster-response").await.ok();
    assert!(!shown.entities().is_empty());
}

#[tokio::test]
async fn a_purpose_that_a_consumer_was_not_given_is_refused() {
    let platform = platform().await;
    let ask = |consumer: &str, purpose: &str| {
        platform
            .entities("type=EvacuationSite")
            .by(consumer)
            .header(HEADER, purpose)
    };
    let mut said = Vec::new();
    for (consumer, purpose) in [
        ("none", "disaster-response"),
        ("single", "advertising"),
        ("several", "Advertising"),
        ("several", "nonsense"),
        ("several", ""),
        ("several", "disaster-response, advertising"),
    ] {
        let answer = ask(consumer, purpose).await;
        assert_eq!(
            (answer.status, answer.error_type().as_str()),
            (403, "about:blank"),
            "{consumer} {purpose}"
        );
        said.push(answer.body);
    }
    // Whether somebody else has it is not told.
    assert!(said.iter().all(|body| *body == said[0]));
    let twice = ask("several", "advertising").header(HEADER, "disaster-response").await;
    assert_eq!((twice.status, twice.error_type().as_str()), (400, "InvalidRequest"));
    assert!(platform.asked().is_empty());
}

#[tokio::test]
async fn naming_it_as_hop_by_hop_widens_nothing() {
    let platform = platform().await;
    let answer = platform
        .entities("type=AED&count=true&limit=0")
        .by("several")
        .header(HEADER, "disaster-response")
        .header("connection", HEADER)
        .await
        .ok();
    assert_eq!(answer.count(), 0);
}

#[tokio::test]
async fn notifications_are_for_the_purpose_of_their_subscription() {
    let (mut platform, server) = (platform().await, endpoint().await);
    let subscribe = |id: &str| to_aeds(&format!("{}/{id}", server.url()), &json!({"id": format!("urn:s:{id}")}));
    let refused = platform
        .post(super::subscriptions::SUBSCRIPTIONS)
        .by("several")
        .json(&subscribe("none"))
        .await;
    assert_eq!(refused.status, 403, "{refused}");
    let made = platform
        .post(super::subscriptions::SUBSCRIPTIONS)
        .by("several")
        .header(HEADER, "disaster-response")
        .json(&subscribe("stated"))
        .await;
    assert_eq!(made.status, 201, "{made}");
    subscribed(&platform, "single", &subscribe("always")).await;
    // It outlives the process, and its purpose with it.
    platform.kill_and_start_again().await;
    let entity = json!({"id": "urn:ngsi-ld:AED:1", "type": "AED", "name": {"type": "Property", "value": "b"}});
    let put = platform
        .post("/ngsi-ld/v1/entityOperations/upsert")
        .by("writer")
        .tenant("yaita");
    assert_eq!(put.json(&json!([entity])).await.status, 204);
    let mut told: Vec<String> = notified(&server, 2)
        .await
        .into_iter()
        .map(|request| request.path)
        .collect();
    told.sort();
    assert_eq!(told, ["/always", "/stated"]);
}
