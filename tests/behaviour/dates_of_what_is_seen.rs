//! `modifiedAt` is that of what its reader sees: it does not move when something else has changed.

use serde_json::{Value, json};

use super::harness::{
    Builder, Client, Finished, ORION, Platform, RawOrion, change_source, encoded, in_place_of_orion, section,
};

const UPSERT: &str = "/ngsi-ld/v1/entityOperations/upsert";
const ID: &str = "urn:ngsi-ld:AED:dated";

/// `names-only` sees the names of AEDs, `insider` what is limited of them as well, and `writer` may write all of that.
async fn builder() -> Builder {
    let all = "@attributes(\"name,location,installationLocation,serviceNote\")";
    let aed = "resource == EntityType::\"yaita/AED\");\n";
    let policies = [
        format!("@attributes(\"name\")\npermit (principal in Role::\"names-only\", action in Action::\"read\", {aed}"),
        format!("{all}\npermit (principal in Role::\"insider\", action in Action::\"read\", {aed}"),
        // Whoever puts one entity in the place of another is granted whatever it may have.
        format!("{all}\npermit (principal in Role::\"writer\", action in Action::\"provide\", {aed}"),
        format!("permit (principal in Role::\"writer\", action in Action::\"provide\", {aed}"),
    ];
    let mut builder = Platform::builder().await;
    for consumer in ["names-only", "insider", "writer"] {
        builder = builder.consumer(consumer);
    }
    let classes = builder.files().read("policies/classification.toml");
    let with_limited = "[types.AED.attributes]\nlimited = [\"serviceNote\"]";
    let classes = classes.replace("[types.AED.attributes]", with_limited);
    builder.files().write("policies/classification.toml", classes);
    builder.policy("yaita.cedar", &policies.concat())
}

fn text(value: &str) -> Value {
    json!({"type": "Property", "value": value})
}

fn aed() -> Value {
    json!({
        "id": ID, "type": "AED", "name": text("市民会館"), "installationLocation": text("1階"), "serviceNote": text("点検済"),
    })
}

async fn put(client: &Client, entity: &Value) {
    let answer = client
        .post(UPSERT)
        .by("writer")
        .tenant("yaita")
        .json(&json!([entity]))
        .await;
    assert!(matches!(answer.status, 201 | 204), "{answer}");
}

/// The entity as a consumer sees it, with its dates.
async fn seen(client: &Client, consumer: &str) -> Value {
    let target = format!("/ngsi-ld/v1/entities/{ID}?options=sysAttrs");
    client.get(target).by(consumer).tenant("yaita").await.ok().json()
}

/// Whether a consumer finds it by a condition on its date.
async fn is_newer(client: &Client, consumer: &str, than: &Value) -> bool {
    let q = encoded(&format!("modifiedAt>{}", than.as_str().unwrap()));
    let asked = format!("type=AED&q={q}&count=true&limit=0&id={ID}");
    client.entities(asked).by(consumer).tenant("yaita").await.ok().count() == 1
}

/// A date as a text that sorts by time.
fn date(entity: &Value) -> &str {
    entity["modifiedAt"].as_str().unwrap().trim_end_matches('Z')
}

/// Puts one entity after the other, and tells of each of both readers whether anything that it is shown has moved.
async fn moves(platform: &Platform, before: &Value, after: &Value) -> [bool; 2] {
    moves_by(platform, async |entity| put(platform, entity).await, before, after).await
}

async fn moves_by(platform: &Platform, put: impl AsyncFn(&Value), before: &Value, after: &Value) -> [bool; 2] {
    put(before).await;
    let mut moved = Vec::new();
    let earlier = [seen(platform, "names-only").await, seen(platform, "insider").await];
    put(after).await;
    for (consumer, earlier) in ["names-only", "insider"].into_iter().zip(&earlier) {
        let later = seen(platform, consumer).await;
        assert_eq!(later["createdAt"], earlier["createdAt"], "{later}");
        // A condition finds what is shown.
        let is_later = date(&later) > date(earlier);
        assert_eq!(
            is_newer(platform, consumer, &earlier["modifiedAt"]).await,
            is_later,
            "{consumer}: {later}"
        );
        moved.push(later != *earlier);
    }
    moved.try_into().unwrap()
}

#[tokio::test]
async fn a_change_of_what_is_hidden_moves_no_date() {
    let platform = builder().await.start().await;
    let mut after = aed();
    for changed in ["serviceNote", "installationLocation"] {
        after[changed] = text("変わった");
        assert_eq!(moves(&platform, &aed(), &after).await, [false, true], "{changed}");
    }
    let mut more = aed();
    more["location"] = json!({"type": "GeoProperty", "value": {"type": "Point", "coordinates": [139.9, 36.8]}});
    assert_eq!(moves(&platform, &aed(), &more).await, [false, true], "what is new");
    let mut renamed = aed();
    renamed["name"] = text("新しい名前");
    assert_eq!(moves(&platform, &aed(), &renamed).await, [true, true]);
    assert_eq!(
        moves(&platform, &renamed, &aed()).await,
        [true, true],
        "the name is the former one again"
    );
    assert_eq!(
        moves(&platform, &aed(), &aed()).await,
        [false, false],
        "nothing has changed"
    );
}

#[tokio::test]
async fn nor_does_one_of_a_hidden_attribute_of_an_attribute() {
    let platform = builder().await.start().await;
    let with_note = |note: &str| {
        let mut entity = aed();
        entity["name"]["serviceNote"] = text(note);
        entity
    };
    assert_eq!(moves(&platform, &with_note("a"), &with_note("b")).await, [false, true]);
    // Of the name, too, the date is that of what is seen of it.
    let (narrow, wide) = (seen(&platform, "names-only").await, seen(&platform, "insider").await);
    assert_eq!(
        wide["name"]["modifiedAt"], wide["name"]["serviceNote"]["modifiedAt"],
        "{wide}"
    );
    assert!(
        narrow["name"]["modifiedAt"].as_str() < wide["name"]["modifiedAt"].as_str(),
        "{narrow}"
    );
    let gone = moves(&platform, &with_note("a"), &aed()).await;
    assert!(!gone[0], "who could not see it is told nothing");
}

#[tokio::test]
async fn nor_its_coming_and_going() {
    let platform = builder().await.start().await;
    let mut without = aed();
    without.as_object_mut().unwrap().remove("serviceNote");
    assert_eq!(moves(&platform, &without, &aed()).await, [false, true]);
    assert_eq!(moves(&platform, &aed(), &without).await, [false, true]);
}

/// From a source that is declared to hold nothing personal everything is shown that nobody has classified: its own date
/// would tell of the rest.
#[tokio::test]
async fn nor_where_everything_is_shown_but_what_is_personal() {
    let everything =
        "permit (principal in Role::\"insider\", action in Action::\"read\", resource in Tenant::\"yaita\");\n";
    let builder = builder().await.policy("yaita.cedar", everything).tenants(|table| {
        let sources = section(section(table, "tenants"), "tochigi")["sources"]
            .as_array_mut()
            .unwrap();
        sources[0]
            .as_table_mut()
            .unwrap()
            .insert("personal_data".into(), "none".into());
    });
    let bench = |more: Option<&str>| {
        let mut entity = json!({"id": "urn:ngsi-ld:Bench:1", "type": "Bench", "name": text("駅前")});
        if let Some(person) = more {
            entity["fullName"] = text(person);
        }
        json!([entity]).to_string()
    };
    let platform = builder.store("yaita", bench(Some("架空の人"))).start().await;
    let seen = async || {
        let target = "/ngsi-ld/v1/entities/urn:ngsi-ld:Bench:1?options=sysAttrs";
        platform.get(target).by("insider").tenant("yaita").await.ok().json()
    };
    let earlier = seen().await;
    assert!(
        earlier["name"]["modifiedAt"].is_string() && earlier["modifiedAt"].is_string(),
        "{earlier}"
    );
    for more in [Some("別の架空の人"), None, Some("架空の人")] {
        platform.files().write("one.jsonld", bench(more));
        let arguments = ["store", "load", "one.jsonld", "--tenant", "yaita"];
        Finished::well(platform.files().folder(), &arguments);
        assert_eq!(seen().await, earlier, "{more:?}");
    }
}

#[tokio::test]
async fn nor_does_one_of_what_inspection_masks() {
    let platform = builder().await.start().await;
    let held_by = |number: &str| {
        let mut entity = aed();
        entity["installationLocation"] = text(&format!("1階 {number}"));
        entity["name"]["serviceNote"] = text(&format!("連絡先 {number}"));
        entity
    };
    // Nobody may write that; an operator may have loaded it.
    let load = async |entity: &Value| {
        platform.files().write("one.jsonld", json!([entity]).to_string());
        let arguments = ["store", "load", "one.jsonld", "--tenant", "yaita"];
        Finished::well(platform.files().folder(), &arguments);
    };
    let (one, other) = (held_by("090-1234-5678"), held_by("080-8765-4321"));
    assert_eq!(moves_by(&platform, load, &one, &other).await, [false, false]);
    let shown = seen(&platform, "insider").await;
    assert_eq!(shown["installationLocation"]["value"], "1階 ***", "{shown}");
    // What is seen beside it moves as ever.
    let mut renamed = other.clone();
    renamed["name"]["value"] = "新しい名前".into();
    assert_eq!(moves_by(&platform, load, &other, &renamed).await, [true, true]);
}

/// A source that does not know when attributes were modified. What is shown of the entity must not depend on what is hidden
/// of it: neither on its date, nor on whether there is anything.
#[tokio::test]
async fn nor_does_a_date_show_whether_anything_is_hidden() {
    let site = |number: usize, hidden: &str| {
        format!(
            r#"{{"id":"S{number}","type":"EvacuationSite","name":{{"type":"Text","value":"n"}},{hidden}
            "dateCreated":{{"type":"DateTime","value":"2025-01-01T00:00:00.000Z"}},
            "dateModified":{{"type":"DateTime","value":"2026-0{}-05T00:00:00.000Z"}}}}"#,
            number + 1
        )
    };
    let text = |name: &str| format!(r#""{name}":{{"type":"Text","value":"x"}},"#);
    let relationship = r#""seeAlso":{"type":"Relationship","value":"urn:ngsi-ld:Resident:1"},"#;
    let inner = r#""address":{"type":"Text","value":"a","metadata":{"managerName":{"type":"Text","value":"x"}}},"#;
    let hidden = [
        String::new(),
        text("managerName"),
        text("fullName"),
        relationship.to_owned(),
        inner.to_owned(),
    ];
    let sites = hidden.iter().enumerate().map(|(number, hidden)| site(number, hidden));
    let orion = RawOrion::of(sites.collect()).start().await;
    let everything =
        "permit (principal in Role::\"insider\", action in Action::\"read\", resource in Tenant::\"nasushiobara\");\n";
    let builder = in_place_of_orion(builder().await, &orion).policy("nasushiobara.cedar", everything);
    let builder = builder.tenants(|table| {
        change_source(table, ORION, |source| {
            source.insert("personal_data".into(), "none".into());
        });
    });
    let platform = builder.start().await;
    let ask = async |more: &str| {
        let asked = format!("type=EvacuationSite&limit=100&count=true{more}");
        platform.entities(asked).by("insider").tenant("nasushiobara").await.ok()
    };
    let answer = ask("&options=sysAttrs").await.json();
    let dates = |name: &str| -> Vec<Value> {
        let entities = answer.as_array().unwrap().iter();
        entities.map(|entity| entity[name].clone()).collect()
    };
    assert_eq!(
        dates("createdAt"),
        vec![json!("2025-01-01T00:00:00.000Z"); 5],
        "{answer}"
    );
    assert_eq!(dates("modifiedAt"), dates("createdAt"), "{answer}");
    for (q, count) in [
        ("modifiedAt>2025-06-01T00:00:00Z", 0),
        ("modifiedAt<2025-06-01T00:00:00Z", 5),
    ] {
        assert_eq!(ask(&format!("&q={}", encoded(q))).await.count(), count, "{q}");
    }
}
