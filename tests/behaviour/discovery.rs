//! `/types`, `/attributes` and what is told of each: what the caller's own queries show, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::harness::{ORION, Platform, members};

const CORE: &str = "<https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"";

/// Of each attribute, in which kinds and how many instances a query shows it.
type Shown = BTreeMap<String, (BTreeSet<String>, usize)>;

fn texts(list: &Value) -> Vec<String> {
    let texts = list.as_array().unwrap_or_else(|| panic!("{list}")).iter();
    texts.map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn set(list: &Value) -> BTreeSet<String> {
    texts(list).into_iter().collect()
}

/// What queries for a type show, page by page, and of how many entities.
async fn shown(platform: &Platform, r#type: &str) -> (Shown, usize) {
    let (mut shown, mut count) = (Shown::new(), 0);
    loop {
        let page = platform
            .entities(format!("type={type}&limit=1000&offset={count}"))
            .await
            .ok();
        let entities = page.entities();
        for entity in &entities {
            for name in members(entity)
                .into_iter()
                .filter(|name| !["id", "type", "scope"].contains(name))
            {
                let instances = match &entity[name] {
                    Value::Array(several) => several.clone(),
                    one => vec![one.clone()],
                };
                let (kinds, number) = shown.entry(name.to_owned()).or_default();
                kinds.extend(instances.iter().map(|one| one["type"].as_str().unwrap().to_owned()));
                *number += instances.len();
            }
        }
        count += entities.len();
        if page.link("next").is_none() {
            return (shown, count);
        }
    }
}

#[tokio::test]
//= 4.5.11-1, 4.5.12-1, 5.2.25-1, 5.2.26-2, 6.25.3.1-1, 6.26.3.1-1
async fn each_type_is_told_as_queries_show_it() {
    let platform = Platform::start().await;
    let list = platform.get("/ngsi-ld/v1/types").await.ok().json();
    let details = platform.get("/ngsi-ld/v1/types?details=true").await.ok().json();
    let details: BTreeMap<String, Value> = details
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["typeName"].as_str().unwrap().to_owned(), one.clone()))
        .collect();
    assert_eq!(details.keys().cloned().collect::<Vec<_>>(), texts(&list["typeList"]));
    for (name, detail) in details {
        let (shown, count) = shown(&platform, &name).await;
        let names: BTreeSet<String> = shown.keys().cloned().collect();
        assert_eq!(detail["type"], "EntityType");
        assert!(detail["id"].as_str().unwrap().ends_with(&name), "{detail}");
        assert_eq!(set(&detail["attributeNames"]), names, "{name}");
        let info = platform.get(format!("/ngsi-ld/v1/types/{name}")).await.ok();
        assert_eq!(info.warnings(), [""; 0]);
        let info = info.json();
        assert_eq!((&info["type"], &info["id"]), (&json!("EntityTypeInfo"), &detail["id"]));
        assert_eq!((&info["typeName"], &info["entityCount"]), (&json!(name), &json!(count)));
        let of_each = info["attributeDetails"].as_array().unwrap().iter();
        let of_each: BTreeMap<String, BTreeSet<String>> = of_each
            .map(|one| {
                assert_eq!(one["type"], "Attribute");
                assert!(one["id"].as_str().unwrap().contains("://"), "{one}");
                (
                    one["attributeName"].as_str().unwrap().to_owned(),
                    set(&one["attributeTypes"]),
                )
            })
            .collect();
        let kinds: BTreeMap<String, BTreeSet<String>> =
            shown.into_iter().map(|(name, (kinds, _))| (name, kinds)).collect();
        assert_eq!(of_each, kinds, "{name}");
    }
}

#[tokio::test]
//= 4.5.13-1, 4.5.14-1, 4.5.15-1, 5.2.27-1, 5.2.28-1, 6.27.3.1-1, 6.28.3.1-1
async fn each_attribute_is_told_as_queries_show_it() {
    let platform = Platform::start().await;
    let types = texts(&platform.get("/ngsi-ld/v1/types").await.ok().json()["typeList"]);
    let mut all: BTreeMap<String, (BTreeSet<String>, usize, BTreeSet<String>)> = BTreeMap::new();
    for name in &types {
        for (attribute, (kinds, count)) in shown(&platform, name).await.0 {
            let known = all.entry(attribute).or_default();
            known.0.extend(kinds);
            known.1 += count;
            known.2.insert(name.clone());
        }
    }
    let list = platform.get("/ngsi-ld/v1/attributes").await.ok().json();
    assert_eq!(list["type"], "AttributeList");
    assert!(list["id"].as_str().unwrap().starts_with("urn:ngsi-ld:AttributeList:"));
    assert_eq!(set(&list["attributeList"]), all.keys().cloned().collect());
    let details = platform.get("/ngsi-ld/v1/attributes?details=true").await.ok().json();
    for detail in details.as_array().unwrap() {
        let name = detail["attributeName"].as_str().unwrap();
        assert_eq!(set(&detail["typeNames"]), all[name].2, "{name}");
        assert!(detail.get("attributeCount").is_none() && detail.get("attributeTypes").is_none());
    }
    for name in ["name", "location", "typeOfDisasterFlood", "temperature"] {
        let (kinds, count, types) = &all[name];
        let told = platform.get(format!("/ngsi-ld/v1/attributes/{name}")).await.ok().json();
        assert_eq!(set(&told["attributeTypes"]), *kinds, "{name}");
        assert_eq!(set(&told["typeNames"]), *types, "{name}");
        assert_eq!(told["attributeCount"], *count, "{name}");
    }
}

#[tokio::test]
//= 5.5.7-2
async fn names_are_those_of_the_callers_context() {
    let platform = Platform::start().await;
    let info = platform.get("/ngsi-ld/v1/types/AED").await.ok().json();
    let iri = info["id"].as_str().unwrap();
    let encoded = super::harness::encoded(iri);
    let by_iri = platform.get(format!("/ngsi-ld/v1/types/{encoded}")).await.ok().json();
    assert_eq!(by_iri, info, "a name and what it stands for are the same");
    let core = platform
        .get(format!("/ngsi-ld/v1/types/{encoded}"))
        .header("link", CORE)
        .await
        .ok();
    assert_eq!(core.json()["typeName"], iri);
    let other = platform.get("/ngsi-ld/v1/types/AED").header("link", CORE).await;
    assert_eq!(
        other.error_type(),
        "ResourceNotFound",
        "under that @context it is another name"
    );
    let linked = platform.get("/ngsi-ld/v1/attributes").await.ok();
    assert!(linked.header("link").unwrap().contains("json-ld#context"), "{linked}");
    for target in [
        "/types?details=true",
        "/types/AED",
        "/attributes",
        "/attributes?details=true",
        "/attributes/name",
        "/info/sourceIdentity",
    ] {
        let answer = platform
            .get(format!("/ngsi-ld/v1{target}"))
            .accept("application/ld+json")
            .await
            .ok();
        assert_eq!(answer.header("content-type"), Some("application/ld+json"), "{target}");
        assert_eq!(answer.header("link"), None, "{target}");
        match answer.json() {
            Value::Array(each) => assert!(each.iter().all(|one| one.get("@context").is_some()), "{target}"),
            one => assert!(one.get("@context").is_some(), "{target}"),
        }
        let refused = platform.get(format!("/ngsi-ld/v1{target}")).accept("text/csv").await;
        assert_eq!(refused.status, 406, "{target}");
    }
}

#[tokio::test]
async fn what_the_gateways_own_names_mean_is_told_in_both_languages() {
    let platform = Platform::start().await;
    let info = platform.get("/ngsi-ld/v1/types/AED").await.ok().json();
    assert_eq!(info["description"]["ja"], "AED設置場所");
    assert!(info["description"]["en"].as_str().unwrap().contains("defibrillator"));
    let name = platform.get("/ngsi-ld/v1/attributes/name").await.ok().json();
    assert_eq!(name["description"], json!({"ja": "名称", "en": "what it is called"}));
    let details = &info["attributeDetails"];
    assert!(
        details
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["description"]["ja"] == "名称"),
        "{details}"
    );
}

#[tokio::test]
async fn what_is_no_name_of_an_attribute_is_none() {
    let platform = Platform::start().await;
    for name in [
        "id",
        "type",
        "scope",
        "createdAt",
        "modifiedAt",
        "deletedAt",
        "@type",
        "nobodyHasIt",
    ] {
        let answer = platform.get(format!("/ngsi-ld/v1/attributes/{name}")).await;
        assert_eq!(
            (answer.status, &*answer.error_type()),
            (404, "ResourceNotFound"),
            "{name}: {answer}"
        );
    }
    for name in ["id", "NobodyHasIt", "@type"] {
        let answer = platform.get(format!("/ngsi-ld/v1/types/{name}")).await;
        assert_eq!(
            (answer.status, &*answer.error_type()),
            (404, "ResourceNotFound"),
            "{name}: {answer}"
        );
    }
    for target in [
        "/attributes?lang=ja",
        "/attributes?limit=5",
        "/attributes/name?details=true",
        "/types/AED?details=true",
        "/info/sourceIdentity?local=true",
    ] {
        let answer = platform.get(format!("/ngsi-ld/v1{target}")).await;
        assert_eq!(
            (answer.status, &*answer.error_type()),
            (400, "InvalidRequest"),
            "{target}: {answer}"
        );
    }
    let wrong = platform.get("/ngsi-ld/v1/types/a%3Cb").await;
    assert_eq!(wrong.error_type(), "BadRequestData", "{wrong}");
}

/// 1,200 AEDs, of which the last alone has an attribute that the classification names, and one that nobody names.
#[tokio::test]
async fn of_many_the_count_is_exact_and_rare_names_are_found_that_are_said() {
    let aed = |number: usize| {
        let mut aed = json!({
            "id": format!("urn:ngsi-ld:AED:many:{number}"), "type": "AED",
            "name": {"type": "Property", "value": "AED"},
        });
        if number == 1199 {
            aed["remarks"] = json!({"type": "Property", "value": "here"});
        }
        aed
    };
    let entities: Vec<Value> = (0..1200).map(aed).collect();
    let builder = Platform::builder().await.store("yaita", json!(entities).to_string());
    let platform = builder.start().await;
    let info = platform.get("/ngsi-ld/v1/types/AED").tenant("yaita").await.ok().json();
    assert_eq!(info["entityCount"], 1200, "{info}");
    let names: Vec<&str> = info["attributeDetails"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["attributeName"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"name") && names.contains(&"remarks"), "{names:?}");
    let rare = platform
        .get("/ngsi-ld/v1/attributes/remarks")
        .tenant("yaita")
        .await
        .ok()
        .json();
    assert_eq!(rare["attributeCount"], 1, "{rare}");
    let often = platform
        .get("/ngsi-ld/v1/attributes/name")
        .tenant("yaita")
        .await
        .ok()
        .json();
    assert_eq!(often.get("attributeCount"), None, "not all were looked at: {often}");
}

#[tokio::test]
async fn a_source_that_is_away_is_named() {
    let platform = Platform::start().await;
    platform.demo().orion().stop().await;
    for target in [
        "/types?details=true",
        "/types/EvacuationSite",
        "/attributes",
        "/attributes/name",
    ] {
        let answer = platform.get(format!("/ngsi-ld/v1{target}")).await.ok();
        let warnings = answer.warnings();
        assert!(
            warnings.iter().any(|warning| warning.contains(ORION)),
            "{target}: {answer}"
        );
    }
}

#[tokio::test]
//= 5.2.40-1, 5.15.1.4-1, 6.33.3.1-1
async fn the_gateway_and_each_tenant_have_a_name_of_their_own_as_a_source() {
    let platform = Platform::start().await;
    let whole = platform.get("/ngsi-ld/v1/info/sourceIdentity").await.ok().json();
    assert_eq!(whole["type"], "ContextSourceIdentity");
    assert!(whole["id"].as_str().unwrap().starts_with("urn:"));
    let is_duration = |text: &str| text.starts_with("PT") && text.ends_with('S');
    assert!(is_duration(whole["contextSourceUptime"].as_str().unwrap()), "{whole}");
    assert!(whole["contextSourceTimeAt"].as_str().unwrap().ends_with('Z'), "{whole}");
    let mut aliases = BTreeSet::from([whole["contextSourceAlias"].to_string()]);
    for tenant in ["sano", "yaita"] {
        let identity = platform
            .get("/ngsi-ld/v1/info/sourceIdentity")
            .tenant(tenant)
            .await
            .ok();
        aliases.insert(identity.json()["contextSourceAlias"].to_string());
    }
    assert_eq!(aliases.len(), 3, "{aliases:?}");
    let unknown = platform.get("/ngsi-ld/v1/info/sourceIdentity").tenant("nobody").await;
    assert_eq!(unknown.error_type(), "NonexistentTenant");
}
