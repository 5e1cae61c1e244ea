//! What another tenant says under an id that its owner has claimed adds to what the owner says, and never stands there
//! without: not when the owner's source fails, not when the owner shows nothing, not under another type, and not in
//! a notification. Nobody is asked more for it.

use serde_json::{Value, json};

use super::harness::{Platform, SANO, encoded, planted, section, sources_of};
use super::notifications::{aed, endpoint, notified};
use super::subscriptions::{builder, subscribed, to_aeds};

/// Nobody of Sano's has one, and Sano claims all such ids.
const MADE_UP: &str = "urn:ngsi-ld:EvacuationSite:E0920400009999";

fn ids_of_sano(ids: &[String]) -> usize {
    ids.iter().filter(|id| id.contains("E09204")).count()
}

/// An entity of the prefecture's with an id of Sano's.
fn spoof(id: &str, r#type: &str) -> Value {
    json!({
        "id": id,
        "type": r#type,
        "name": {"type": "Property", "value": "偽の名"},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [139.0, 36.0]}},
    })
}

fn is_left_out(warning: &str) -> bool {
    warning.starts_with("299 tochigi-store \"")
        && warning.contains("of another tenant") | warning.contains("of other tenants")
}

#[tokio::test]
async fn nothing_stands_in_the_place_of_an_owner_that_fails() {
    let platform = Platform::start().await;
    platform.demo().sano().stop().await;
    for query in [
        "type=EvacuationSite",
        "type=EvacuationSite&q=prefecturalNote",
        "type=EvacuationSite&pick=id,name",
    ] {
        let answer = platform.entities(format!("{query}&limit=1000&count=true")).await.ok();
        assert!(!answer.everything().contains("県登録名"), "{query}: {answer}");
        assert_eq!(ids_of_sano(&answer.ids()), 0, "{query}");
        assert_eq!(answer.count(), answer.entities().len());
        let warnings = answer.warnings();
        assert_eq!(warnings.len(), 2, "{query}: {warnings:?}");
        assert!(warnings.iter().any(|warning| warning.contains(SANO)), "{warnings:?}");
        assert!(warnings.iter().any(|warning| is_left_out(warning)), "{warnings:?}");
    }
    let one = platform.entity(&planted()[0].id).await;
    assert_eq!((one.status, one.warnings().len()), (404, 2), "{one}");
}

#[tokio::test]
async fn nothing_stands_in_the_place_of_an_owner_that_hides_it() {
    let hides = "\nforbid (principal, action in Action::\"read\", resource == EntityType::\"sano/EvacuationSite\");";
    let platform = Platform::builder().await.policy("sano.cedar", hides).start().await;
    let answer = platform
        .entities("type=EvacuationSite&limit=1000&count=true")
        .await
        .ok();
    assert_eq!(ids_of_sano(&answer.ids()), 0, "{answer}");
    assert_eq!(answer.count(), answer.entities().len());
    assert_eq!(platform.entity(&planted()[0].id).await.status, 404);
}

#[tokio::test]
async fn an_attribute_that_the_owner_hides_nobody_says_in_its_place() {
    // Of the prefecture's part everything is granted to this consumer, of Sano's the name and the note.
    let platform = Platform::builder()
        .await
        .policy(
            "sano.cedar",
            "\n@attributes(\"name,prefecturalNote\")\npermit (principal in Role::\"some\", action in Action::\"read\", resource == EntityType::\"sano/EvacuationSite\");",
        )
        .policy(
            "tochigi.cedar",
            "\npermit (principal in Role::\"some\", action in Action::\"read\", resource in Tenant::\"tochigi\") when { resource.class == Class::\"open\" };",
        )
        .consumer("some")
        .store("tochigi", json!([spoof(&planted()[0].id, "EvacuationSite")]).to_string())
        .start()
        .await;
    let entity = platform.entity(&planted()[0].id).by("some").await.ok().json();
    assert_eq!(entity["name"]["value"], planted()[0].name.as_str());
    assert!(entity.get("location").is_none(), "{entity}");
    let noted = platform.entity(&planted()[1].id).by("some").await.ok().json();
    assert!(noted["prefecturalNote"]["value"].is_string(), "{noted}");
    assert!(noted.get("location").is_none(), "{noted}");
}

#[tokio::test]
async fn nor_what_it_may_hide_of_one_entity_and_not_of_another() {
    let real = planted()[0].clone();
    let mut addition = spoof(&real.id, "EvacuationSite");
    addition["prefecturalNote"] = json!({"type": "Property", "value": "偽の注"});
    addition["unclassified"] = json!({"type": "Property", "value": "偽"});
    addition["related"] = json!({"type": "Relationship", "object": "urn:ngsi-ld:EvacuationSite:1"});
    // Whoever may read what the condition does not hold of sees the name alone.
    let narrowed = "\n@attributes(\"name\")\npermit (principal in Role::\"some\", action in Action::\"read\", resource == EntityType::\"sano/EvacuationSite\");\n\
        @q(\"name==\\\"zzz\\\"\")\npermit (principal in Role::\"some\", action in Action::\"read\", resource == EntityType::\"sano/EvacuationSite\");";
    let open = "\npermit (principal in Role::\"some\", action in Action::\"read\", resource in Tenant::\"tochigi\") when { resource.class == Class::\"open\" };";
    let platform = Platform::builder()
        .await
        .policy("sano.cedar", narrowed)
        .policy("tochigi.cedar", open)
        .consumer("some")
        .store("tochigi", json!([addition]).to_string())
        .start()
        .await;
    let entity = platform.entity(&real.id).by("some").await.ok().json();
    let members: Vec<&String> = entity.as_object().unwrap().keys().collect();
    assert!(
        members
            .iter()
            .all(|name| ["id", "type", "name", "@context"].contains(&name.as_str())),
        "{entity}"
    );
    let listed = platform
        .entities("type=EvacuationSite&limit=1000")
        .by("some")
        .await
        .ok();
    assert!(!listed.everything().contains('偽'), "{listed}");
}

#[tokio::test]
async fn types_scopes_dates_and_links_are_the_owners_alone() {
    let real = planted()[0].clone();
    let mut addition = spoof(&real.id, "EvacuationSite");
    addition["type"] = json!(["EvacuationSite", "PublicToilet"]);
    addition["scope"] = json!("/closed");
    addition["prefecturalNote"] = json!({"type": "Property", "value": "注"});
    addition["related"] = json!({"type": "Relationship", "object": "urn:ngsi-ld:EvacuationSite:1"});
    let platform = Platform::builder()
        .await
        .store("tochigi", json!([addition]).to_string())
        .start()
        .await;
    let entity = platform.entity(&real.id).await.ok().json();
    assert_eq!(entity["prefecturalNote"]["value"], "注", "{entity}");
    assert_eq!(entity["type"], "EvacuationSite", "{entity}");
    assert!(
        entity.get("scope").is_none() && entity.get("related").is_none(),
        "{entity}"
    );
    let closed = platform
        .entities("type=EvacuationSite&scopeQ=/closed&splitEntities=true")
        .await
        .ok();
    assert!(!closed.ids().contains(&real.id), "{closed}");
    let dated = platform
        .get(format!("/ngsi-ld/v1/entities/{}?options=sysAttrs", encoded(&real.id)))
        .await
        .ok()
        .json();
    assert!(dated.get("createdAt").is_none(), "{dated}");
    assert_eq!(dated["modifiedAt"], dated["name"]["modifiedAt"], "{dated}");
}

#[tokio::test]
async fn nothing_is_added_where_the_owner_drops_what_is_found() {
    let real = planted()[0].clone();
    let mut addition = spoof(&real.id, "EvacuationSite");
    addition["prefecturalNote"] = json!({"type": "Property", "value": "偽の注"});
    let platform = Platform::builder()
        .await
        .tenants(|table| {
            section(section(table, "tenants"), "sano").insert("inspection".to_owned(), "drop".into());
        })
        .store("tochigi", json!([addition]).to_string())
        .start()
        .await;
    let entity = platform.entity(&real.id).await.ok();
    assert!(!entity.everything().contains('偽'), "{entity}");
    assert_eq!(entity.json()["name"]["value"], real.name.as_str());
}

#[tokio::test]
async fn nor_under_another_type_nor_where_the_owner_has_none() {
    let real = planted()[0].id.clone();
    let made_up_as_aed = "urn:ngsi-ld:EvacuationSite:E0920400008888";
    let of_others = json!([
        spoof(MADE_UP, "EvacuationSite"),
        spoof(made_up_as_aed, "AED"),
        spoof(&real, "PublicToilet"),
        spoof("urn:ngsi-ld:PublicToilet:E09204-1", "PublicToilet"),
    ]);
    let platform = Platform::builder()
        .await
        .store("tochigi", of_others.to_string())
        .start()
        .await;
    for query in [
        "type=EvacuationSite",
        "type=AED",
        "type=PublicToilet",
        "type=EvacuationSite,AED,PublicToilet",
    ] {
        let answer = platform.entities(format!("{query}&limit=1000&count=true")).await.ok();
        assert!(
            !answer.ids().iter().any(|id| id == MADE_UP || id == made_up_as_aed),
            "{query}"
        );
        // The real one is shown as its owner has it, where the owner is asked; an id of another namespace is nobody's.
        let is_of_owner = query.contains("EvacuationSite");
        assert_eq!(answer.ids().contains(&real), is_of_owner, "{query}");
        for entity in answer.entities().iter().filter(|entity| entity["id"] == real.as_str()) {
            assert_eq!(entity["name"]["value"], planted()[0].name.as_str());
        }
        let own = answer.ids().iter().any(|id| id == "urn:ngsi-ld:PublicToilet:E09204-1");
        assert_eq!(own, query.contains("PublicToilet"), "{query}: {answer}");
        assert_eq!(answer.count(), answer.entities().len(), "{query}");
        assert!(
            answer.warnings().iter().any(|warning| is_left_out(warning)),
            "{query}: {answer}"
        );
    }
    for id in [MADE_UP, made_up_as_aed] {
        assert_eq!(platform.entity(id).await.status, 404, "{id}");
        let asked = format!(
            "/ngsi-ld/v1/entities/{}?type=AED,EvacuationSite,PublicToilet",
            encoded(id)
        );
        assert_eq!(platform.get(asked).await.status, 404, "{id}");
    }
    // Whoever asks the prefecture is told what the prefecture has.
    let of_prefecture = platform.entity(MADE_UP).tenant("tochigi").await.ok();
    assert_eq!(of_prefecture.json()["name"]["value"], "偽の名");
}

#[tokio::test]
async fn it_costs_no_request_more() {
    let asked = async |with_claims: bool, query: &str| {
        let builder = Platform::builder().await.tenants(|table| {
            for (_, tenant) in section(table, "tenants").iter_mut().filter(|_| !with_claims) {
                for source in sources_of(tenant.as_table_mut().unwrap()) {
                    for entry in source["provides"].as_array_mut().unwrap() {
                        entry.as_table_mut().unwrap().remove("authoritative");
                    }
                }
            }
        });
        let platform = builder.start().await;
        platform.forget_requests();
        let _ = platform.entities(query).await.ok();
        let targets = platform.asked().into_iter().map(|request| request.path);
        let mut targets: Vec<String> = targets.collect();
        targets.sort();
        targets
    };
    for query in [
        "type=EvacuationSite&limit=5&count=true",
        "type=AED&q=name",
        "type=WeatherObserved",
    ] {
        let with_claims = asked(true, query).await;
        assert!(!with_claims.is_empty());
        assert_eq!(with_claims, asked(false, query).await, "{query}");
    }
}

#[tokio::test]
async fn a_notification_tells_of_no_addition() {
    let too = "\npermit (principal in Role::\"writer\", action in Action::\"provide\", resource in Tenant::\"tochigi\") when { resource.class == Class::\"open\" };\n\
               permit (principal in Role::\"watcher\", action, resource in Tenant::\"tochigi\") when { resource.class == Class::\"open\" };";
    let platform = builder().await.policy("tochigi.cedar", too).start().await;
    let endpoint = endpoint().await;
    let _ = subscribed(&platform, "watcher", &to_aeds(endpoint.url(), &json!({}))).await;
    let put = async |tenant: &str, id: &str| {
        let upsert = platform.post("/ngsi-ld/v1/entityOperations/upsert");
        let answer = upsert.by("writer").tenant(tenant).json(&json!([aed(id, "A")])).await;
        assert!(matches!(answer.status, 201 | 204), "{answer}");
    };
    // An id of Yaita's, written by the prefecture, and then by Yaita: one is told, and it is Yaita's.
    put("tochigi", "urn:ngsi-ld:AED:092118-7777").await;
    put("yaita", "urn:ngsi-ld:AED:092118-8888").await;
    let requests = notified(&endpoint, 1).await;
    let body = String::from_utf8_lossy(&requests[0].body).into_owned();
    assert!(body.contains("8888") && !body.contains("7777"), "{body}");
}
