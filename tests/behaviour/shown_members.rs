//! What is shown of an entity: `pick`, `omit`, `attrs`, `datasetId` and `lang`, alike from the store and from every
//! other platform, and in every representation.

use serde_json::{Value, json};

use super::harness::{Platform, encoded, key_of, keys, sano_sites, section};

const ID: &str = "urn:ngsi-ld:EvacuationSite:shown";

/// The platform, with one site in the prefecture's partition whose attributes have languages and instances.
async fn platform() -> Platform {
    let writes = "permit (principal == Consumer::\"writer\", action in Action::\"provide\", \
                  resource in Tenant::\"tochigi\") when { resource.class == Class::\"open\" };";
    let platform = Platform::builder()
        .await
        .tenants(|table| {
            let mut consumer = toml::Table::new();
            consumer.insert("name".into(), "writer".into());
            consumer.insert("tenant".into(), "tochigi".into());
            consumer.insert("roles".into(), toml::Value::Array(vec!["writer".into()]));
            consumer.insert("keys".into(), keys(&key_of("writer")));
            section(table, "consumers").insert("writer".into(), toml::Value::Table(consumer));
        })
        .policy("tochigi.cedar", writes)
        .start()
        .await;
    let site = json!({
        "id": ID,
        "type": "EvacuationSite",
        "scope": "/disaster/flood",
        "name": { "type": "LanguageProperty", "languageMap": { "ja": "小学校", "en-GB": "School", "@none": "校" } },
        "maxCapacity": [
            { "type": "Property", "value": 300 },
            { "type": "Property", "value": 180, "datasetId": "urn:ngsi-ld:Dataset:snow" },
        ],
        "location": { "type": "GeoProperty", "value": { "type": "Point", "coordinates": [139.9, 36.8] } },
    });
    let created = platform.create(&site).by("writer").await;
    assert_eq!(created.status, 201, "{created}");
    platform
}

async fn shown(platform: &Platform, parameters: &str) -> Value {
    let listed = platform
        .entities(format!("type=EvacuationSite&id={ID}&{parameters}"))
        .await
        .ok();
    let one = platform
        .get(format!("/ngsi-ld/v1/entities/{ID}?{parameters}"))
        .await
        .ok()
        .json();
    assert_eq!(
        listed.entities(),
        std::slice::from_ref(&one),
        "a list shows what a retrieve shows"
    );
    one
}

fn names(entity: &Value) -> Vec<&str> {
    entity.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn dates_of_the_system_do_not_depend_on_what_is_shown() {
    let platform = platform().await;
    let whole = shown(&platform, "options=sysAttrs").await;
    for picked in ["id,modifiedAt", "id,type,modifiedAt"] {
        let one = shown(&platform, &format!("options=sysAttrs&pick={picked}")).await;
        assert_eq!(one["modifiedAt"], whole["modifiedAt"], "{picked}");
    }
    for picked in ["id", "id,type", "id,name"] {
        for (q, found) in [
            ("modifiedAt>2020-01-01T00:00:00Z", 1),
            ("modifiedAt<2020-01-01T00:00:00Z", 0),
        ] {
            let q = encoded(q);
            let parameters = format!("type=EvacuationSite&id={ID}&pick={picked}&q={q}");
            let listed = platform.entities(parameters).await.ok();
            assert_eq!(listed.entities().len(), found, "{picked} {q}");
        }
    }
}

#[tokio::test]
//= 5.7.1.5-5, 5.7.2.5-7
async fn picked_members_are_shown_and_no_others() {
    let platform = platform().await;
    for (picked, expected) in [
        ("id,name", &["id", "name"][..]),
        ("name", &["name"]),
        ("type|scope", &["type", "scope"]),
        ("id,nobodyHasIt", &["id"]),
        ("name,maxCapacity&omit=location", &["name", "maxCapacity"]),
        ("scope", &["scope"]),
    ] {
        let entity = shown(&platform, &format!("pick={picked}")).await;
        let mut found = names(&entity);
        let mut expected = expected.to_vec();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "pick={picked}: {entity}");
    }
    let everything = shown(&platform, "").await;
    let without = shown(&platform, "omit=location,scope,id").await;
    for name in names(&everything) {
        let omitted = ["location", "scope", "id"].contains(&name);
        assert_eq!(without.get(name).is_none(), omitted, "{name}: {without}");
    }
    // Whatever platform an entity comes from, and although the sources are not asked for what is not shown.
    for entity in platform
        .entities("type=EvacuationSite&pick=id,name&limit=1000")
        .await
        .ok()
        .entities()
    {
        assert_eq!(names(&entity), ["id", "name"], "{entity}");
    }
    let site = &sano_sites()[0].id;
    let of_sano = platform
        .get(format!("/ngsi-ld/v1/entities/{site}?omit=name,type"))
        .await
        .ok()
        .json();
    assert!(of_sano.get("fullAddress").is_some() && of_sano.get("name").is_none() && of_sano.get("type").is_none());
}

#[tokio::test]
async fn an_entity_of_which_nothing_is_left_is_not_shown() {
    let platform = platform().await;
    let everything = shown(&platform, "").await;
    let all = names(&everything).join(",");
    for parameters in [
        "pick=nobodyHasIt".to_owned(),
        format!("omit={all}"),
        "pick=name&datasetId=urn:ngsi-ld:Dataset:snow".to_owned(),
        "omit=id,type,scope,maxCapacity&datasetId=urn:ngsi-ld:Dataset:snow".to_owned(),
    ] {
        let one = platform.get(format!("/ngsi-ld/v1/entities/{ID}?{parameters}")).await;
        assert_eq!(
            (one.status, one.error_type().as_str()),
            (404, "ResourceNotFound"),
            "{one}"
        );
        let list = platform
            .entities(format!("type=EvacuationSite&id={ID}&count=true&{parameters}"))
            .await
            .ok();
        assert_eq!((list.count(), list.entities().len()), (0, 0), "{list}");
    }
    // Only five have it, whatever platform they come from: the count and the pages follow.
    let noted = platform
        .entities("type=EvacuationSite&pick=prefecturalNote&count=true&limit=3")
        .await
        .ok();
    assert_eq!((noted.count(), noted.entities().len()), (5, 3), "{noted}");
    let scoped = platform
        .entities("type=EvacuationSite&pick=scope&count=true")
        .await
        .ok();
    assert_eq!(scoped.json(), json!([{ "scope": "/disaster/flood" }]));
    assert_eq!(scoped.count(), 1);
    // What only chooses what is shown does not make a question narrow enough.
    assert_eq!(platform.entities("pick=name").await.status, 400);
}

#[tokio::test]
//= 5.7.2.4-15
async fn what_has_expired_is_not_shown() {
    let platform = platform().await;
    let gone = "urn:ngsi-ld:EvacuationSite:gone";
    let expired = json!({
        "id": gone, "type": "EvacuationSite", "expiresAt": "2000-01-01T00:00:00Z",
        "name": { "type": "Property", "value": "閉鎖" },
    });
    let partly = json!({
        "id": "urn:ngsi-ld:EvacuationSite:partly", "type": "EvacuationSite",
        "name": { "type": "Property", "value": "小学校" },
        "maxCapacity": { "type": "Property", "value": 5, "expiresAt": "2000-01-01T00:00:00Z" },
    });
    for entity in [&expired, &partly] {
        let created = platform.create(entity).by("writer").await;
        // What is created expired may be refused at once; it must not be shown.
        assert!([201, 400].contains(&created.status), "{created}");
    }
    assert_eq!(platform.entity(gone).await.status, 404);
    let list = platform
        .entities(format!(
            "type=EvacuationSite&id={gone},urn:ngsi-ld:EvacuationSite:partly"
        ))
        .await
        .ok();
    for entity in list.entities() {
        assert_ne!(entity["id"], gone, "{entity}");
        assert!(entity.get("maxCapacity").is_none(), "{entity}");
    }
    let by_value = platform
        .entities("type=EvacuationSite&q=maxCapacity==5&count=true")
        .await
        .ok();
    assert_eq!((by_value.entities().len(), by_value.count()), (0, 0), "{by_value}");
    // One source decides this count alone.
    let counted = platform
        .entities(format!("type=EvacuationSite&id={gone}&count=true&limit=0"))
        .await
        .ok();
    assert_eq!(counted.count(), 0, "{counted}");
    // What is no longer there takes nobody's place.
    let again = json!({ "id": gone, "type": "EvacuationSite", "name": { "type": "Property", "value": "再開" } });
    assert_eq!(platform.create(&again).by("writer").await.status, 201);
    assert_eq!(platform.entity(gone).await.ok().json()["name"]["value"], "再開");
}

#[tokio::test]
async fn a_feature_has_its_geometry_whatever_is_picked() {
    let platform = platform().await;
    for parameters in ["pick=name", "omit=location", "attrs=name"] {
        let feature = platform
            .get(format!("/ngsi-ld/v1/entities/{ID}?{parameters}"))
            .accept("application/geo+json")
            .await
            .ok()
            .json();
        assert_eq!(feature["geometry"]["coordinates"], json!([139.9, 36.8]), "{feature}");
        assert!(feature["properties"].get("location").is_none(), "{feature}");
        assert!(feature["properties"].get("name").is_some(), "{feature}");
    }
}

#[tokio::test]
//= 4.15-2, 5.7.1.5-2, 5.7.2.5-4
async fn one_language_is_shown_and_named() {
    let platform = platform().await;
    for (wanted, tag, text) in [
        ("en", "en-GB", "School"),
        ("ja-JP,en;q=0.5", "ja", "小学校"),
        ("fr", "@none", "校"),
        ("*", "@none", "校"),
        ("fr,en;q=0.1", "en-GB", "School"),
    ] {
        let wanted = encoded(wanted);
        let normalized = shown(&platform, &format!("lang={wanted}")).await;
        assert_eq!(
            normalized["name"],
            json!({ "type": "Property", "value": text, "lang": tag }),
            "{wanted}"
        );
        let concise = shown(&platform, &format!("lang={wanted}&format=concise")).await;
        assert_eq!(concise["name"], json!({ "value": text, "lang": tag }), "{wanted}");
        let simplified = shown(&platform, &format!("lang={wanted}&format=simplified")).await;
        assert_eq!(simplified["name"], text, "{wanted}");
    }
    let feature = platform
        .get(format!("/ngsi-ld/v1/entities/{ID}?lang=en&options=keyValues"))
        .accept("application/geo+json")
        .await
        .ok()
        .json();
    assert_eq!(feature["properties"]["name"], "School");
}

#[tokio::test]
//= 4.5.5.1-1, 5.7.1.4-10, 5.7.2.4-18
async fn instances_are_chosen_by_their_dataset() {
    let platform = platform().await;
    let snow = shown(&platform, "datasetId=urn:ngsi-ld:Dataset:snow").await;
    assert_eq!(names(&snow), ["id", "type", "scope", "maxCapacity"], "{snow}");
    assert_eq!(snow["maxCapacity"]["value"], 180);
    let default = shown(&platform, "datasetId=@none&options=keyValues").await;
    assert_eq!(default["maxCapacity"], 300, "{default}");
    assert!(default.get("name").is_some());
    let both = shown(&platform, "datasetId=@none,urn:ngsi-ld:Dataset:snow").await;
    assert_eq!(both["maxCapacity"].as_array().map(Vec::len), Some(2), "{both}");
    // The conditions look at all instances; what is shown comes after.
    let found = platform
        .entities("type=EvacuationSite&q=maxCapacity==180&datasetId=@none&options=keyValues")
        .await
        .ok();
    assert_eq!(found.entities()[0]["maxCapacity"], 300, "{found}");
    // Clause 5.7.1.4: without an instance left the attribute is not there, which `attrs` asks for.
    let path = format!("/ngsi-ld/v1/entities/{ID}?attrs=name&datasetId=urn:ngsi-ld:Dataset:snow");
    assert_eq!(platform.get(path).await.status, 404);
    let path = format!("/ngsi-ld/v1/entities/{ID}?attrs=maxCapacity,name&datasetId=urn:ngsi-ld:Dataset:snow");
    assert_eq!(
        names(&platform.get(path).await.ok().json()),
        ["id", "type", "scope", "maxCapacity"]
    );
}

#[tokio::test]
//= 5.7.1.4-3, 5.7.2.4-3, 6.4.3.2-7, 6.5.3.1-5
async fn what_is_no_choice_of_members_is_refused_with_its_place() {
    let platform = Platform::start().await;
    for (parameters, expected) in [
        ("pick=name,,id", "parameter `pick` at position 5"),
        ("omit=", "parameter `omit` at position 0"),
        ("pick=managedBy%7Bname%7D", "parameter `pick` at position 9"),
        ("lang=en,fr_CH", "parameter `lang` at position 3"),
        ("datasetId=@none,snow", "parameter `datasetId` at position 6"),
        ("join=sideways", "parameter `join` at position 0"),
        ("pick=id,name&omit=name", "parameter `omit` at position 0"),
        ("pick=name&attrs=name", "parameter `attrs` at position 0"),
    ] {
        let answer = platform.entities(format!("type=EvacuationSite&{parameters}")).await;
        assert_eq!(
            (answer.status, answer.error_type().as_str()),
            (400, "BadRequestData"),
            "{answer}"
        );
        assert!(answer.problem().detail.starts_with(expected), "{answer}");
    }
    assert_eq!(platform.asked().len(), 0, "refused before any source is asked");
}

#[tokio::test]
//= 5.7.1.4-12, 5.7.2.4-19, 6.3.6-3, 6.4.3.2-10, 6.5.3.1-7
async fn a_reader_of_an_earlier_version_gets_what_that_version_has() {
    let platform = platform().await;
    let ask = |prefer: &str| {
        let path = format!("/ngsi-ld/v1/entities/{ID}");
        platform.get(path).header("prefer", prefer)
    };
    let earlier = ask("ngsi-ld=1.3").await;
    assert_eq!(
        (earlier.status, earlier.header("preference-applied")),
        (203, Some("ngsi-ld=1.3")),
        "{earlier}"
    );
    let entity = earlier.json();
    assert_eq!(entity["name"]["type"], "Property", "{entity}");
    assert_eq!(entity["name"]["value"]["ja"], "小学校", "{entity}");
    assert!(entity.get("scope").is_none(), "{entity}");
    let current = ask("NGSI-LD=\"1.9\"; q=0.5").await;
    assert_eq!(
        (current.status, current.header("preference-applied")),
        (200, Some("ngsi-ld=1.9")),
        "{current}"
    );
    let later = ask("ngsi-ld=2.0").await;
    assert_eq!(
        (later.status, later.header("preference-applied")),
        (200, Some("ngsi-ld=1.9")),
        "{later}"
    );
    let unknown = ask("ngsi-ld=newest").await;
    assert_eq!(
        (unknown.status, unknown.header("preference-applied")),
        (200, None),
        "{unknown}"
    );
    let list = platform
        .entities(format!("type=EvacuationSite&id={ID}"))
        .header("prefer", "ngsi-ld=1.0")
        .await;
    assert_eq!(
        (list.status, list.header("preference-applied")),
        (203, Some("ngsi-ld=1.0")),
        "{list}"
    );
    assert_eq!(
        list.json()[0]["maxCapacity"]["value"],
        300,
        "one instance, the default one: {list}"
    );
    let types = platform
        .get("/ngsi-ld/v1/types")
        .header("prefer", "ngsi-ld=1.6")
        .await
        .ok();
    assert_eq!(types.header("preference-applied"), Some("ngsi-ld=1.6"), "{types}");
}
