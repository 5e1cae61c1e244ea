//! What a consumer may not see of linked entities is as if it were not there: neither `join`, nor a condition, nor a
//! count tells of it.

use serde_json::{Value, json};

use super::harness::{Answer, Platform, encoded};

const NARROWED: &str = "narrowed";
/// What only hidden entities say.
const SECRET: &str = "秘密の建物";

/// AEDs of any kind; of facilities those that are open, and of these all but remarks.
const PERMITS: &str = "permit (principal in Role::\"narrowed\", action, resource == EntityType::\"yaita/AED\");\n\
    @q(\"alternateName==\\\"open\\\"\") @without(\"remarks\")\n\
    permit (principal in Role::\"narrowed\", action, resource == EntityType::\"yaita/PublicFacility\");";

/// An AED in a facility.
fn aed(id: &str, facility: &str) -> Value {
    json!({
        "id": format!("urn:ngsi-ld:AED:{id}"), "type": "AED",
        "name": {"type": "Property", "value": "入口"},
        "source": {"type": "Relationship", "object": facility},
        "seeAlso": {"type": "ListRelationship", "objectList": [facility, "urn:ngsi-ld:PublicFacility:open"]},
    })
}

fn facility(id: &str, name: &str, state: &str) -> Value {
    json!({
        "id": format!("urn:ngsi-ld:PublicFacility:{id}"), "type": "PublicFacility",
        "name": {"type": "Property", "value": name},
        "alternateName": {"type": "Property", "value": state},
        "remarks": {"type": "Property", "value": SECRET},
        "dataProvider": {"type": "Relationship", "object": "urn:ngsi-ld:PublicFacility:open"},
    })
}

async fn platform() -> Platform {
    let town = json!([
        aed("to-hidden", "urn:ngsi-ld:PublicFacility:hidden"),
        aed("to-absent", "urn:ngsi-ld:PublicFacility:absent"),
        aed("to-clinic", "urn:ngsi-ld:MedicalInstitution:M1"),
        aed("to-nobody", "urn:ngsi-ld:MedicalInstitution:M2"),
        facility("hidden", SECRET, "closed"),
        facility("open", "見える建物", "open"),
        {"id": "urn:ngsi-ld:MedicalInstitution:M1", "type": "MedicalInstitution", "name": {"type": "Property", "value": SECRET}},
    ]);
    let builder = Platform::builder()
        .await
        .consumer(NARROWED)
        .policy("yaita.cedar", PERMITS);
    builder.store("yaita", town.to_string()).start().await
}

/// What can be told from an answer, with the ids that differ taken out.
fn told(answer: &Answer, from: &str, to: &str) -> (u16, String, Vec<String>) {
    let anonymous = |text: &str| text.replace(from, "FROM").replace(to, "TO");
    let headers = ["ngsild-results-count", "link", "ngsild-warning"];
    let headers = headers
        .iter()
        .flat_map(|name| answer.all(name))
        .map(anonymous)
        .collect();
    (
        answer.status,
        anonymous(&String::from_utf8_lossy(&answer.body)),
        headers,
    )
}

#[tokio::test]
async fn linked_entities_that_are_hidden_look_like_absent_ones() {
    let platform = platform().await;
    let pairs = [
        (
            "AED:to-hidden",
            "PublicFacility:hidden",
            "AED:to-absent",
            "PublicFacility:absent",
        ),
        (
            "AED:to-clinic",
            "MedicalInstitution:M1",
            "AED:to-nobody",
            "MedicalInstitution:M2",
        ),
    ];
    let conditions = [
        format!("source{{name}}==\"{SECRET}\""),
        "source{name}!=\"x\"".to_owned(),
        "source{name}".to_owned(),
        "source{dataProvider{name}}".to_owned(),
        "seeAlso{remarks}".to_owned(),
        format!("seeAlso{{remarks}}==\"{SECRET}\""),
        "seeAlso{remarks}!=\"x\"".to_owned(),
        "source{name}|seeAlso{name}".to_owned(),
        "source{PublicFacility,MedicalInstitution:name}~=\".*\"".to_owned(),
        "name==\"入口\"|source{name}".to_owned(),
    ];
    let joins = [
        "join=inline",
        "join=inline&joinLevel=3",
        "join=flat&joinLevel=2",
        "join=inline&options=keyValues",
        "join=flat&pick=id,source%7Bname,remarks%7D",
        "join=inline&options=sysAttrs&pick=id,seeAlso",
        "join=inline&omit=source%7Bid%7D",
    ];
    let mut queries: Vec<String> = joins.map(str::to_owned).to_vec();
    for q in &conditions {
        queries.push(format!("join=inline&joinLevel=2&pick=id&q={}", encoded(q)));
    }
    for (from, to, other_from, other_to) in pairs {
        for query in &queries {
            let ask = |id: &str| {
                let target = format!("type=AED&count=true&id=urn:ngsi-ld:{id}&{query}");
                platform.entities(target).by(NARROWED)
            };
            let (hidden, absent) = (ask(from).await, ask(other_from).await);
            assert_eq!(told(&hidden, from, to), told(&absent, other_from, other_to), "{query}");
            assert!(
                !String::from_utf8_lossy(&hidden.body).contains(SECRET),
                "{query}: {hidden}"
            );
            // With a key that sees them there is something to be told apart.
            if query.contains("join=inline&joinLevel=3") {
                let target = format!("type=AED&id=urn:ngsi-ld:{from}&{query}");
                let seen = platform.entities(target).await.ok();
                assert!(String::from_utf8_lossy(&seen.body).contains(SECRET), "{seen}");
            }
        }
    }
}

#[tokio::test]
async fn of_linked_entities_no_more_is_shown_than_of_others() {
    let platform = platform().await;
    let target = "/ngsi-ld/v1/entities/urn:ngsi-ld:AED:to-hidden?join=inline&options=keyValues";
    let answer = platform.get(target).by(NARROWED).await.ok().json();
    assert_eq!(answer["source"], "urn:ngsi-ld:PublicFacility:hidden");
    let open = &answer["seeAlso"][1];
    assert_eq!(open["name"], "見える建物");
    assert!(open.get("remarks").is_none(), "{open}");
    let asked_directly = platform
        .get("/ngsi-ld/v1/entities/urn:ngsi-ld:PublicFacility:open?options=keyValues")
        .by(NARROWED)
        .await
        .ok()
        .json();
    assert_eq!(*open, asked_directly);
}

#[tokio::test]
async fn what_leads_to_a_person_is_not_followed() {
    let resident = "urn:ngsi-ld:Resident:1";
    let town = json!([{
        "id": "urn:ngsi-ld:AED:A1", "type": "AED",
        "name": {"type": "Property", "value": "入口"},
        "seeAlso": {"type": "Relationship", "object": resident},
        // It does not say that it is one, and the id does not either.
        "source": {"type": "Relationship", "object": "urn:x:somebody", "objectType": "AED"},
    }]);
    let platform = Platform::builder().await.store("yaita", town.to_string()).start().await;
    for query in ["join=inline", "join=flat&joinLevel=2", "join=inline&options=keyValues"] {
        let answer = platform
            .get(format!("/ngsi-ld/v1/entities/urn:ngsi-ld:AED:A1?{query}"))
            .await
            .ok();
        assert!(!String::from_utf8_lossy(&answer.body).contains("Resident"), "{answer}");
    }
    for q in [
        "seeAlso",
        "seeAlso{name}",
        "seeAlso{Resident:fullName}",
        "seeAlso{fullName}!=\"x\"",
    ] {
        let answer = platform
            .entities(format!("type=AED&join=inline&count=true&q={}", encoded(q)))
            .await
            .ok();
        assert_eq!(answer.count(), 0, "{q}");
    }
    for request in platform.asked() {
        assert!(!request.query.contains(resident), "{request:?}");
    }
}

#[tokio::test]
async fn nor_what_is_masked() {
    let permit = "@relationships(\"masked\")\n\
                  permit (principal in Role::\"sees-masks\", action, resource == EntityType::\"yaita/AED\");";
    // Somebody has even written an entity of that name.
    let town = json!([
        aed("A1", "urn:ngsi-ld:PublicFacility:hidden"),
        {"id": "urn:kakehashi:hidden", "type": "AED", "name": {"type": "Property", "value": SECRET}},
    ]);
    let builder = Platform::builder()
        .await
        .consumer("sees-masks")
        .policy("yaita.cedar", permit);
    let platform = builder.store("yaita", town.to_string()).start().await;
    let answer = platform
        .get("/ngsi-ld/v1/entities/urn:ngsi-ld:AED:A1?join=flat")
        .by("sees-masks")
        .await
        .ok();
    assert_eq!(answer.ids(), ["urn:ngsi-ld:AED:A1"]);
    assert_eq!(answer.entities()[0]["source"]["object"], "urn:kakehashi:hidden");
    let q = encoded("source{name}");
    let found = platform
        .entities(format!("type=AED&join=inline&q={q}"))
        .by("sees-masks")
        .await
        .ok();
    assert!(found.ids().is_empty(), "{found}");
}
