//! Scope queries (clause 4.19), over everything that has scopes, and what a consumer may not see of them.

use serde_json::{Value, json};

use super::harness::{Answer, Ask, Platform};

fn aed(id: &str, scopes: Value) -> Value {
    let mut entity = json!({
        "id": format!("urn:ngsi-ld:AED:{id}"), "type": "AED",
        "name": {"type": "Property", "value": "装置"},
    });
    if !scopes.is_null() {
        entity["scope"] = scopes;
    }
    entity
}

/// AEDs with scopes in two partitions of the store.
async fn platform() -> Platform {
    let yaita = json!([
        aed("disaster", json!("/disaster")),
        aed("flood", json!("/disaster/flood")),
        aed("flood-map", json!(["/disaster/flood/map", "/公開/地図"])),
        aed("none", Value::Null),
    ]);
    let tochigi = json!([aed("quake-map", json!(["/disaster/quake/map", "/internal"]))]);
    let permit = "@scope(\"/disaster/#\")\npermit (principal in Role::\"scoped\", action in Action::\"read\", \
                  resource == EntityType::\"tochigi/AED\");";
    Platform::builder()
        .await
        .consumer("scoped")
        .policy("tochigi.cedar", permit)
        .store("yaita", yaita.to_string())
        .store("tochigi", tochigi.to_string())
        .start()
        .await
}

fn names(answer: &Answer) -> Vec<String> {
    let ids = answer.ids();
    let mut names: Vec<String> = ids.iter().map(|id| id.replace("urn:ngsi-ld:AED:", "")).collect();
    names.retain(|name| !name.contains("E09"));
    names.sort();
    names
}

#[tokio::test]
//= 5.7.2.4-11
async fn entities_are_found_by_their_scopes_wherever_they_are() {
    let platform = platform().await;
    for (scope, expected) in [
        ("/disaster", vec!["disaster"]),
        ("disaster", vec!["disaster"]),
        ("/disaster/#", vec!["disaster", "flood", "flood-map", "quake-map"]),
        ("/disaster/+", vec!["flood"]),
        ("/disaster/+/map", vec!["flood-map", "quake-map"]),
        ("/#", vec!["disaster", "flood", "flood-map", "quake-map"]),
        ("(/disaster/flood/map;/公開/地図)", vec!["flood-map"]),
        ("/disaster/flood/map;/公開/地図", vec!["flood-map"]),
        ("(/disaster/quake/map;/公開/地図)", vec![]),
        ("/disaster,/internal", vec!["disaster", "quake-map"]),
        ("(/disaster/flood/map;/公開/+)|/disaster", vec!["disaster", "flood-map"]),
        ("/公開/#", vec!["flood-map"]),
    ] {
        let expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
        let parameters = [("type", "AED"), ("scopeQ", scope), ("count", "true")];
        let got = platform.query(&parameters).await.ok();
        assert_eq!(
            (names(&got), got.count()),
            (expected.clone(), expected.len()),
            "{scope}"
        );
        // Plainly: all but `#`, which would end the URL.
        let plain = format!("type=AED&count=true&scopeQ={}", scope.replace('#', "%23"));
        if scope.is_ascii() {
            assert_eq!(names(&platform.entities(plain).await.ok()), expected, "{scope}");
        }
        let body = json!({"type": "Query", "entities": [{"type": "AED"}], "scopeQ": scope});
        let posted = platform
            .post("/ngsi-ld/v1/entityOperations/query?count=true")
            .json(&body)
            .await
            .ok();
        assert_eq!((names(&posted), posted.count()), (expected, got.count()), "{scope}");
        // One source alone counts and pages as all of them do.
        let alone = platform.query(&parameters).tenant("yaita").await.ok();
        assert_eq!(alone.count(), names(&alone).len(), "{scope}");
        let first = platform
            .query(&[&parameters[..], &[("limit", "1")]].concat())
            .tenant("yaita")
            .await
            .ok();
        assert_eq!(
            (first.ids().len(), first.link("next").is_some()),
            (alone.count().min(1), alone.count() > 1)
        );
    }
}

#[tokio::test]
async fn a_scope_alone_is_too_wide_a_question() {
    let platform = platform().await;
    let alone = platform.query(&[("scopeQ", "/disaster")]).await;
    assert_eq!(
        (alone.status, alone.error_type().as_str()),
        (400, "BadRequestData"),
        "{alone}"
    );
    let local = platform.query(&[("scopeQ", "/disaster"), ("local", "true")]).await.ok();
    assert_eq!(names(&local), ["disaster"]);
}

/// Of what `scoped` may see, `/internal` is no scope: a condition on it behaves as one on a scope that nothing has.
#[tokio::test]
async fn a_scope_that_is_hidden_is_met_by_nothing() {
    let platform = platform().await;
    let ask = |scope: &str| -> Ask {
        platform
            .query(&[("type", "AED"), ("scopeQ", scope), ("count", "true")])
            .by("scoped")
    };
    let whole = ask("/disaster/#").await.ok();
    assert_eq!(names(&whole), ["quake-map"]);
    assert_eq!(whole.entities()[0]["scope"], json!("/disaster/quake/map"), "{whole}");
    for (hidden, absent) in [
        ("/internal", "/nobodys"),
        ("/internal/#", "/nobodys/#"),
        ("(/internal;/disaster/#)", "(/nobodys;/disaster/#)"),
        ("/internal|/disaster/quake/map", "/nobodys|/disaster/quake/map"),
    ] {
        let (hidden, absent) = (ask(hidden).await.ok(), ask(absent).await.ok());
        assert_eq!((hidden.count(), names(&hidden)), (absent.count(), names(&absent)));
        assert_eq!(hidden.body, absent.body);
    }
    assert_eq!(ask("/+").await.ok().count(), 0, "`/internal` would be of one level");
}
