//! Linked Entity retrieval (`join`): what Relationships lead to stands in the answer, from whichever source it comes,
//! each once and not too far away.

use serde_json::{Value, json};
use stand_ins::Fault;

use super::harness::{Answer, ORION, Platform, encoded, members, nasushiobara_sites, sano_sites};

const AED: &str = "urn:ngsi-ld:AED:A1";
const HALL: &str = "urn:ngsi-ld:PublicFacility:F1";
const CLINIC: &str = "urn:ngsi-ld:MedicalInstitution:M1";

fn relationship(object: impl Into<Value>) -> Value {
    json!({"type": "Relationship", "object": object.into()})
}

/// An AED in a town hall, whose clinic leads back to it; and another one beside it.
fn town() -> Value {
    json!([
        {
            "id": AED, "type": "AED",
            "name": {"type": "Property", "value": "玄関"},
            "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [139.92, 36.8]}},
            "source": {"type": "Relationship", "object": HALL, "objectType": "PublicFacility"},
        },
        {
            "id": "urn:ngsi-ld:AED:A2", "type": "AED",
            "name": {"type": "Property", "value": "裏口"},
            "source": {"type": "Relationship", "object": HALL, "objectType": "PublicFacility"},
            "seeAlso": {"type": "ListRelationship", "objectList": [CLINIC, AED, "urn:ngsi-ld:AED:nowhere"]},
        },
        {
            "id": HALL, "type": "PublicFacility",
            "name": {"type": "LanguageProperty", "languageMap": {"ja": "役場", "en": "Town hall"}},
            "remarks": [
                {"type": "Property", "value": "一階"},
                {"type": "Property", "value": "工事中", "datasetId": "urn:ngsi-ld:Dataset:works"},
            ],
            "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [139.9, 36.7]}},
            "dataProvider": relationship(CLINIC),
        },
        {
            "id": CLINIC, "type": "MedicalInstitution",
            "name": {"type": "Property", "value": "診療所"},
            "seeAlso": relationship(json!([AED, HALL])),
        },
    ])
}

async fn platform() -> Platform {
    let builder = Platform::builder().await;
    builder.store("yaita", town().to_string()).start().await
}

async fn joined(platform: &Platform, id: &str, query: &str) -> Answer {
    platform.get(format!("/ngsi-ld/v1/entities/{id}?{query}")).await
}

#[tokio::test]
//= 4.5.23.2-1, 5.7.1.5-3
async fn one_level_stands_inside_of_the_relationship() {
    let platform = platform().await;
    let normalized = joined(&platform, AED, "join=inline&pick=id,source").await.ok().json();
    assert_eq!(
        members(&normalized["source"]),
        ["entity", "object", "objectType", "type"]
    );
    let hall = &normalized["source"]["entity"];
    assert_eq!((&hall["id"], &hall["type"]), (&json!(HALL), &json!("PublicFacility")));
    assert_eq!(hall["name"]["type"], "LanguageProperty");
    assert!(hall["dataProvider"].get("entity").is_none(), "{hall}");

    let concise = joined(&platform, AED, "join=inline&pick=id,source&format=concise")
        .await
        .ok()
        .json();
    assert_eq!(concise["source"]["entity"]["dataProvider"], json!({"object": CLINIC}));
    let simplified = joined(&platform, AED, "join=inline&pick=id,source&options=keyValues")
        .await
        .ok()
        .json();
    assert_eq!(simplified["source"]["dataProvider"], CLINIC);
    assert_eq!(simplified["source"]["name"]["languageMap"]["en"], "Town hall");
}

#[tokio::test]
async fn what_else_is_asked_of_the_answer_holds_for_linked_entities() {
    let platform = platform().await;
    let chosen = joined(&platform, AED, "join=inline&lang=en&options=keyValues,sysAttrs")
        .await
        .ok()
        .json();
    assert_eq!(chosen["source"]["name"], "Town hall");
    assert!(chosen["source"]["createdAt"].is_string(), "{chosen}");
    // The Relationship is a default instance; of the hall the instance of the dataset is left beside those.
    let query = "join=inline&options=keyValues&datasetId=@none,urn:ngsi-ld:Dataset:works";
    let both = joined(&platform, AED, query).await.ok().json();
    assert_eq!(
        both["source"]["remarks"]["dataset"]["urn:ngsi-ld:Dataset:works"],
        "工事中"
    );
    let default = joined(&platform, AED, "join=inline&options=keyValues&datasetId=@none")
        .await
        .ok()
        .json();
    assert_eq!(default["source"]["remarks"], "一階");
}

#[tokio::test]
//= 5.7.2.5-5
async fn a_list_is_ordered_and_what_is_not_there_is_left_out() {
    let platform = platform().await;
    let answer = joined(&platform, "urn:ngsi-ld:AED:A2", "join=inline").await.ok().json();
    let list = answer["seeAlso"]["entityList"].as_array().unwrap();
    let ids: Vec<&str> = list.iter().map(|entity| entity["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [CLINIC, AED]);
    assert_eq!(answer["seeAlso"]["objectList"].as_array().unwrap().len(), 3);
    let simplified = joined(&platform, "urn:ngsi-ld:AED:A2", "join=inline&options=keyValues")
        .await
        .ok()
        .json();
    assert_eq!(simplified["seeAlso"][2], "urn:ngsi-ld:AED:nowhere");
    assert_eq!(simplified["seeAlso"][0]["name"], "診療所");
}

#[tokio::test]
async fn loops_end_and_each_entity_is_shown_once() {
    let platform = platform().await;
    let answer = joined(&platform, AED, "join=inline&joinLevel=5&options=keyValues")
        .await
        .ok()
        .json();
    let clinic = &answer["source"]["dataProvider"];
    assert_eq!(clinic["id"], CLINIC);
    // What is around it is not inside of it again.
    assert_eq!(clinic["seeAlso"], json!([AED, HALL]));
    let flat = joined(&platform, AED, "join=flat&joinLevel=5").await.ok();
    assert_eq!(flat.ids(), [AED, HALL, CLINIC]);
    let flat = joined(&platform, AED, "join=flat").await.ok();
    assert_eq!(flat.ids(), [AED, HALL]);
}

#[tokio::test]
//= 4.5.23.3-1, 5.7.1.5-4, 5.7.2.5-6
async fn a_flat_answer_is_an_array_that_a_batch_takes() {
    let platform = platform().await;
    let alone = joined(&platform, AED, "join=flat&pick=id,type,name").await.ok();
    assert_eq!(alone.ids(), [AED], "an array even if nothing is linked");
    let query = "type=AED&join=flat&joinLevel=2&count=true&idPattern=AED:A&limit=100";
    let page = platform.entities(query).tenant("yaita").await.ok();
    assert_eq!(page.ids(), [AED, "urn:ngsi-ld:AED:A2", HALL, CLINIC]);
    assert_eq!(page.count(), 2, "linked entities do not count");
    for entity in page.entities() {
        assert!(!entity.to_string().contains("\"entity"), "{entity}");
    }
    let first = platform
        .entities("type=AED&join=flat&idPattern=AED:A&limit=1")
        .tenant("yaita")
        .await
        .ok();
    assert_eq!(first.ids(), [AED, HALL], "a page is so many linking entities");
    assert!(first.link("next").is_some());
}

#[tokio::test]
async fn each_entity_of_a_page_is_complete_on_its_own() {
    let platform = platform().await;
    let query = "type=AED&join=inline&idPattern=AED:A&options=keyValues";
    let page = platform.entities(query).tenant("yaita").await.ok().entities();
    for entity in &page {
        assert_eq!(entity["source"]["id"], HALL, "{entity}");
    }
    assert_eq!(
        page[1]["seeAlso"][1]["name"], "玄関",
        "an entity of the page is linked, too"
    );
}

#[tokio::test]
async fn geo_json_has_linked_entities_as_properties_or_as_features() {
    let platform = platform().await;
    let ask = |query: &str| {
        let target = format!("/ngsi-ld/v1/entities/{AED}?{query}");
        platform.get(target).accept("application/geo+json")
    };
    let feature = ask("join=inline").await.ok().json();
    assert_eq!(feature["type"], "Feature");
    assert_eq!(feature["properties"]["source"]["entity"]["id"], HALL);
    let collection = ask("join=flat&pick=id,source%7Bid,name%7D").await.ok().json();
    assert_eq!(collection["type"], "FeatureCollection");
    assert!(collection["@context"].is_string() || collection["@context"].is_array());
    let features = collection["features"].as_array().unwrap();
    assert_eq!(features.len(), 2);
    assert_eq!(features[1]["geometry"]["coordinates"], json!([139.9, 36.7]));
    assert_eq!(members(&features[1]["properties"]), ["name"]);
}

#[tokio::test]
async fn braces_choose_from_linked_entities() {
    let platform = platform().await;
    let ask = async |query: &str| joined(&platform, AED, &format!("{}&options=keyValues", encoded_braces(query))).await;
    let picked = ask("join=inline&joinLevel=2&pick=id,source{id,dataProvider{name}}")
        .await
        .ok()
        .json();
    assert_eq!(
        picked,
        json!({"id": AED, "source": {"id": HALL, "dataProvider": {"name": "診療所"}}})
    );
    let omitted = ask("join=inline&omit=type,location,source{type,name,location,remarks}")
        .await
        .ok()
        .json();
    assert_eq!(
        omitted,
        json!({"id": AED, "name": "玄関", "source": {"id": HALL, "dataProvider": CLINIC}})
    );
    let flat = ask("join=flat&pick=id|source{name}").await.ok().json();
    assert_eq!(
        flat[1],
        json!({"name": {"languageMap": {"ja": "役場", "en": "Town hall"}}})
    );
    for (query, told) in [
        ("pick=source{name}", "linked entity retrieval (`join`)"),
        ("join=@none&pick=source{name}", "linked entity retrieval (`join`)"),
        (
            "join=inline&omit=source{dataProvider{name}}",
            "farther away than `joinLevel`",
        ),
        ("join=inline&pick=source{}", "parameter `pick` at position 7"),
        ("join=inline&pick=source{name", "parameter `pick` at position 11"),
        (
            "join=inline&pick=source{name}&omit=source{name}",
            "names a member that `pick` names",
        ),
    ] {
        let refused = ask(query).await;
        assert_eq!(
            (refused.status, refused.error_type()),
            (400, "BadRequestData".to_owned()),
            "{query}"
        );
        assert!(refused.problem().detail.contains(told), "{query}: {refused}");
    }
}

#[tokio::test]
async fn a_question_by_post_has_linked_entities_too() {
    let platform = platform().await;
    let ask = async |more: Value| {
        let mut body = json!({"type": "Query", "entities": [{"type": "AED", "idPattern": "AED:A1"}]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let asked = platform.post("/ngsi-ld/v1/entityOperations/query?options=keyValues");
        asked.json(&body).tenant("yaita").await
    };
    let inline = ask(json!({"join": "inline"})).await.ok().entities();
    assert_eq!(inline[0]["source"]["id"], HALL);
    let flat = ask(json!({"join": "flat", "joinLevel": 2, "containedBy": ["urn:ngsi-ld:AED:other"]})).await;
    assert_eq!(flat.ok().ids(), [AED, HALL, CLINIC]);
    let met = ask(json!({"join": "flat", "joinLevel": 2, "containedBy": [HALL]})).await;
    assert_eq!(met.ok().ids(), [AED]);
    let conditions = json!({"join": "inline", "q": "source{PublicFacility:remarks}==\"一階\"", "pick": ["id"]});
    assert_eq!(ask(conditions).await.ok().entities(), [json!({"id": AED})]);
    let too_deep = ask(json!({"join": "inline", "q": "source{dataProvider{name}}"})).await;
    assert_eq!(too_deep.status, 400, "{too_deep}");
}

/// Braces, which a URL holds percent-encoded.
fn encoded_braces(query: &str) -> String {
    query.replace('{', "%7B").replace('}', "%7D").replace('|', "%7C")
}

#[tokio::test]
async fn entities_that_were_met_before_are_not_shown_again() {
    let platform = platform().await;
    let query = format!("join=flat&joinLevel=3&containedBy={CLINIC},urn:ngsi-ld:AED:other");
    assert_eq!(joined(&platform, AED, &query).await.ok().ids(), [AED, HALL]);
    let query = format!("join=inline&joinLevel=3&options=keyValues&containedBy={HALL}");
    let answer = joined(&platform, AED, &query).await.ok().json();
    assert_eq!(answer["source"], HALL, "nor is what it leads to");
}

/// Two AEDs of Yaita that refer to a site in Nasushiobara's Orion, and to one of Sano's.
async fn across_towns() -> (Platform, String, String) {
    let (in_orion, in_sano) = (nasushiobara_sites()[0].id.clone(), sano_sites()[10].id.clone());
    let aed = |id: &str| {
        json!({
            "id": id, "type": "AED",
            "seeAlso": relationship(json!([in_orion, in_sano])),
            "source": {"type": "Relationship", "object": in_orion, "objectType": "EvacuationSite"},
        })
    };
    let town = json!([aed(AED), aed("urn:ngsi-ld:AED:A2")]);
    let platform = Platform::builder().await.store("yaita", town.to_string()).start().await;
    (platform, in_orion, in_sano)
}

#[tokio::test]
async fn linked_entities_come_from_every_source_and_are_asked_for_once() {
    let (platform, in_orion, in_sano) = across_towns().await;
    let query = "type=AED&idPattern=AED:A%5B12%5D%24&join=flat&pick=id,seeAlso%7Bid,type,name%7D";
    let answer = platform.entities(query).await.ok();
    assert_eq!(answer.ids()[2..], [in_orion.clone(), in_sano.clone()]);
    for site in &answer.entities()[2..] {
        assert_eq!(site["type"], "EvacuationSite");
        assert!(
            members(site).iter().all(|name| ["id", "type", "name"].contains(name)),
            "{site}"
        );
    }
    let asked = platform.asked_of_orion();
    let for_site: Vec<_> = asked.iter().filter(|request| request.query.contains("id=")).collect();
    assert_eq!(for_site.len(), 1, "{asked:?}");
    let attributes = for_site[0].parameter("attrs").unwrap();
    assert!(
        !attributes.contains("fullAddress"),
        "no more is asked for than is shown: {attributes}"
    );

    // Where the Relationship says what it leads to, nobody else is asked.
    platform.forget_requests();
    let typed = format!("join=inline&pick=id,source&{}", "options=keyValues");
    let answer = joined(&platform, AED, &typed).await.ok().json();
    assert_eq!(answer["source"]["id"], in_orion.as_str());
    assert_eq!(platform.asked_of_sano().len(), 0, "no site of Sano's has such an id");
}

#[tokio::test]
async fn a_tenant_or_the_local_scope_holds_for_linked_entities_too() {
    let (platform, ..) = across_towns().await;
    for query in [
        "type=AED&join=flat&joinLevel=2&id=urn:ngsi-ld:AED:A1",
        "local=true&join=flat&id=urn:ngsi-ld:AED:A1",
    ] {
        platform.forget_requests();
        let asked = platform.entities(query);
        let answer = if query.starts_with("local") {
            asked.await
        } else {
            asked.tenant("yaita").await
        };
        assert_eq!(answer.ok().ids(), [AED], "{query}");
        assert!(platform.asked().is_empty(), "{query}");
    }
}

#[tokio::test]
async fn a_source_that_fails_costs_its_linked_entities_and_is_named() {
    let (platform, in_orion, in_sano) = across_towns().await;
    platform.demo().orion().set_fault(Fault::Status(500));
    for query in [
        "join=inline&options=keyValues&pick=id,seeAlso",
        "join=flat&pick=id,seeAlso",
    ] {
        let answer = platform.entities(format!("type=AED&id={AED}&{query}")).await.ok();
        let warnings = answer.warnings();
        assert_eq!(warnings.len(), 1, "{answer}");
        assert!(warnings[0].contains(ORION), "{warnings:?}");
        let text = answer.json().to_string();
        assert!(text.contains(&in_orion) && text.contains(&in_sano), "{text}");
    }
    let one = joined(&platform, AED, "join=inline&options=keyValues&pick=id,seeAlso")
        .await
        .ok();
    assert!(one.warnings().iter().all(|warning| warning.contains(ORION)), "{one}");
    let answer = one.json();
    assert_eq!(answer["seeAlso"][0], in_orion.as_str(), "the Relationship stays");
    assert_eq!(answer["seeAlso"][1]["id"], in_sano.as_str());
}

#[tokio::test]
async fn too_many_linked_entities_are_refused_and_never_shown_in_part() {
    let many: Vec<String> = (0..1_001)
        .map(|number| format!("urn:ngsi-ld:AED:far-{number:04}"))
        .collect();
    let town = json!([
        {"id": AED, "type": "AED", "seeAlso": relationship(json!(many)), "source": relationship(HALL)},
        {"id": HALL, "type": "PublicFacility", "name": {"type": "Property", "value": "役場"}},
    ]);
    let platform = Platform::builder().await.store("yaita", town.to_string()).start().await;
    for form in ["inline", "flat"] {
        let refused = joined(&platform, AED, &format!("join={form}")).await;
        assert_eq!(
            (refused.status, refused.error_type()),
            (403, "TooManyResults".to_owned())
        );
        assert!(refused.problem().detail.contains("more than 1000"), "{refused}");
    }
    let fewer = joined(&platform, AED, "join=flat&pick=id,source").await.ok();
    assert_eq!(fewer.ids(), [AED, HALL]);
    let too_deep = joined(&platform, AED, "join=flat&joinLevel=11").await;
    assert_eq!(
        (too_deep.status, too_deep.error_type()),
        (403, "TooComplexQuery".to_owned())
    );
    for (query, told) in [
        ("join=inline&joinLevel=0", "from 1"),
        ("joinLevel=1", "together with `join`"),
        ("join=sideways", "expected flat, inline or @none"),
        ("join=flat&containedBy=urn:a:1", "together with `joinLevel`"),
        ("join=flat&joinLevel=1&containedBy=x", "not a URI"),
    ] {
        let refused = joined(&platform, AED, query).await;
        assert_eq!(
            (refused.status, refused.error_type()),
            (400, "BadRequestData".to_owned()),
            "{query}"
        );
        assert!(refused.problem().detail.contains(told), "{query}: {refused}");
    }
    assert_eq!(joined(&platform, AED, "join=@none").await.ok().json()["id"], AED);
    let q = encoded("source{name}==\"役場\"");
    assert_eq!(platform.entities(format!("type=AED&q={q}")).await.status, 400);
}
