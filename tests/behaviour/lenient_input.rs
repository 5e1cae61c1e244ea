//! What can mean one thing only is taken, also where clients write it a little otherwise; and what nobody can tell from another
//! is not made.

use serde_json::{Value, json};

use super::harness::{Answer, Client, encoded};
use super::subscriptions::{self, subscribe, to_aeds};

const WRITER: &str = "writer";

async fn create(client: &Client, entity: &Value) -> Answer {
    client.create(entity).by(WRITER).tenant("yaita").await
}

async fn created(client: &Client, entity: &Value) {
    let answer = create(client, entity).await;
    assert_eq!(answer.status, 201, "{answer}");
}

async fn found(client: &Client, parameters: &[(&str, &str)]) -> Vec<String> {
    let mut all = vec![("type", "AED"), ("idPattern", ":lenient-")];
    all.extend(parameters);
    client.query(&all).tenant("yaita").await.ok().ids()
}

fn id(name: &str) -> String {
    format!("urn:ngsi-ld:AED:lenient-{name}")
}

fn aed(name: &str, attribute: &str, value: Value) -> Value {
    let mut aed = json!({ "id": id(name), "type": "AED" });
    aed[attribute] = value;
    aed
}

#[tokio::test]
async fn any_text_is_the_term_of_a_vocab_property() {
    let platform = subscriptions::platform().await;
    let texts = json!(["non-commercial", "8:30 to 17:00", "利用 中", "type", "a\"b", ""]);
    created(
        &platform,
        &aed(
            "one",
            "name",
            json!({ "type": "VocabProperty", "vocab": "non-commercial" }),
        ),
    )
    .await;
    created(
        &platform,
        &aed("several", "name", json!({ "type": "VocabProperty", "vocab": texts })),
    )
    .await;
    let shown = async |name: &str, format: &str| {
        let target = format!("/ngsi-ld/v1/entities/{}?format={format}", id(name));
        platform.get(target).tenant("yaita").await.ok().json()["name"].clone()
    };
    for format in ["normalized", "concise", "simplified"] {
        assert_eq!(shown("one", format).await["vocab"], "non-commercial", "{format}");
        assert_eq!(shown("several", format).await["vocab"], texts, "{format}");
    }
    for q in ["name==non-commercial", "name==\"non-commercial\""] {
        assert_eq!(
            found(&platform, &[("q", q), ("expandValues", "name")]).await,
            [id("one"), id("several")],
            "{q}"
        );
    }
}

#[tokio::test]
async fn lists_that_may_be_empty_are() {
    let platform = subscriptions::platform().await;
    for (name, value) in [
        ("list", json!({ "type": "ListProperty", "valueList": [] })),
        ("objects", json!({ "type": "ListRelationship", "objectList": [] })),
        (
            "texts",
            json!({ "type": "LanguageProperty", "languageMap": { "ja": [], "en": "x" } }),
        ),
        ("value", json!({ "type": "Property", "value": [] })),
    ] {
        created(&platform, &aed(name, "name", value.clone())).await;
        let shown = platform.entity(&id(name)).tenant("yaita").await.ok().json();
        assert_eq!(shown["name"], value);
    }
    for (member, pairs) in [
        ("receiverInfo", json!([])),
        ("notifierInfo", json!([])),
        ("notifierInfo", json!([{ "key": "MQTT-Version", "value": "mqtt5.0" }])),
    ] {
        let mut subscription = to_aeds("http://127.0.0.1:1/told", &json!({}));
        subscription["id"] = json!(format!(
            "urn:ngsi-ld:Subscription:{member}-{}",
            pairs.as_array().unwrap().len()
        ));
        subscription["notification"]["endpoint"][member] = pairs;
        let answer = subscribe(&platform, "watcher", &subscription).await;
        assert_eq!(answer.status, 201, "{answer}");
    }
}

#[tokio::test]
async fn a_question_is_read_as_it_is_meant() {
    let platform = subscriptions::platform().await;
    created(
        &platform,
        &aed("hyphen", "name", json!({ "type": "Property", "value": "in-use" })),
    )
    .await;
    let mut observed = aed(
        "observed",
        "name",
        json!({ "type": "Property", "value": "観測", "observedAt": "2026-04-01T00:00:00Z" }),
    );
    observed["scope"] = json!("/disaster/map");
    created(&platform, &observed).await;
    assert_eq!(found(&platform, &[("q", "name==in-use")]).await, [id("hyphen")]);
    assert_eq!(found(&platform, &[("q", "name!=in-use")]).await, [id("observed")]);
    for same in [
        "name.observedAt==2026-04-01T00:00:00Z",
        "name.observedAt==2026-04-01T09:00:00+09:00",
        "name.observedAt==2026-03-31T20:30:00-03:30",
        "name.observedAt>=2026-04-01T08:59:59.5+09:00",
    ] {
        assert_eq!(found(&platform, &[("q", same)]).await, [id("observed")], "{same}");
    }
    // The `+` that a client has not encoded.
    let target = "/ngsi-ld/v1/entities?type=AED&q=name.observedAt==2026-04-01T09:00:00+09:00";
    assert_eq!(platform.get(target).tenant("yaita").await.ok().ids(), [id("observed")]);
    for scope in [
        "/disaster/map",
        "\"/disaster/map\"",
        "\"/disaster/#\"",
        "\"/nowhere\",\"/disaster/map\"",
    ] {
        assert_eq!(
            found(&platform, &[("scopeQ", scope)]).await,
            [id("observed")],
            "{scope}"
        );
    }
    // What is written is of clause 4.6.3.
    let offset = aed(
        "offset",
        "name",
        json!({ "type": "Property", "value": 1, "observedAt": "2026-04-01T09:00:00+09:00" }),
    );
    let refused = create(&platform, &offset).await;
    assert_eq!(
        (refused.status, refused.error_type().as_str()),
        (400, "BadRequestData"),
        "{refused}"
    );
    assert!(refused.problem().detail.contains("name.observedAt"), "{refused}");
}

#[tokio::test]
async fn nothing_new_has_an_id_of_which_nobody_sees_all() {
    let platform = subscriptions::platform().await;
    for character in [
        "\u{feff}", "\u{200b}", "\u{200d}", "\u{2060}", "\u{ad}", "\u{2028}", "\u{2029}", "\u{202e}", "\u{2066}",
        "\u{fe0f}",
    ] {
        let hidden = format!("urn:ngsi-ld:AED:A{character}B");
        let entity = json!({ "id": hidden, "type": "AED", "name": { "type": "Property", "value": "x" } });
        for answer in [
            create(&platform, &entity).await,
            platform
                .post("/ngsi-ld/v1/entityOperations/upsert")
                .by(WRITER)
                .tenant("yaita")
                .json(&json!([entity]))
                .await,
        ] {
            let body = answer.json();
            let said = match answer.status {
                400 => &body["detail"],
                207 => &body["errors"][0]["error"]["detail"],
                _ => panic!("{character:?} {answer}"),
            };
            let said = said.as_str().unwrap();
            assert!(
                said.contains("at position 17") && !said.contains(character),
                "{character:?} {said}"
            );
        }
        let mut subscription = to_aeds("http://127.0.0.1:1/told", &json!({}));
        subscription["id"] = json!(format!("urn:ngsi-ld:Subscription:{character}"));
        let refused = subscribe(&platform, "watcher", &subscription).await;
        assert_eq!(
            (refused.status, refused.error_type().as_str()),
            (400, "BadRequestData"),
            "{refused}"
        );
        assert!(refused.problem().detail.contains("`id`"), "{refused}");
        // Asking for one is a question like others.
        let asked = platform
            .entities(format!("type=AED&idPattern={}", encoded(character)))
            .tenant("yaita")
            .await
            .ok();
        assert_eq!(asked.entities().len(), 0);
    }
}
