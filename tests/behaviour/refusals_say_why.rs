//! A write that the policies do not permit is refused with the reason: which type or attribute, and by which kind of rule. Whether
//! something exists that the consumer may not see makes no difference.

use serde_json::{Value, json};

use super::harness::{Platform, key_of};

const POLICIES: &str = r#"
permit (principal in Role::"writer", action, resource == EntityType::"yaita/AED");
@attributes("name")
permit (principal in Role::"namer", action, resource == EntityType::"yaita/AED");
@contract("c-1")
permit (principal in Role::"stranger", action, resource == EntityType::"yaita/AED");
permit (principal in Role::"forbidden", action, resource == EntityType::"yaita/AED");
forbid (principal in Role::"forbidden", action, resource == EntityType::"yaita/AED");
@purpose("prevention")
permit (principal in Role::"purposeful", action, resource == EntityType::"yaita/AED");
permit (principal in Role::"stranger", action in Action::"read", resource == EntityType::"yaita/EvacuationSite");
permit (principal in Role::"forbidden", action in Action::"read", resource == EntityType::"yaita/EvacuationSite");
permit (principal in Role::"purposeful", action in Action::"read", resource == EntityType::"yaita/EvacuationSite");
"#;

fn aed(more: &Value) -> Value {
    let mut entity = json!({
        "id": "urn:ngsi-ld:AED:why",
        "type": "AED",
        "name": {"type": "Property", "value": "一番目"},
    });
    entity
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    entity
}

async fn platform() -> Platform {
    let mut builder = Platform::builder().await;
    for consumer in ["writer", "namer", "stranger", "forbidden", "purposeful"] {
        builder = builder.consumer(consumer);
    }
    let builder = builder.tenants(|table| {
        let consumers = table["consumers"].as_table_mut().unwrap();
        let purposeful = consumers["purposeful"].as_table_mut().unwrap();
        // Of several none is meant where none is stated.
        let purposes = ["prevention", "statistics"].map(toml::Value::from);
        purposeful.insert("purposes".into(), purposes.to_vec().into());
    });
    builder.policy("yaita.cedar", POLICIES).start().await
}

async fn refused(platform: &Platform, consumer: &str, entity: &Value) -> String {
    let asked = platform.create(entity).tenant("yaita").key(&key_of(consumer));
    let answer = asked.await;
    assert_eq!(answer.status, 403, "{consumer}: {answer}");
    answer.problem().detail
}

#[tokio::test]
async fn each_refusal_names_what_and_by_which_kind_of_rule() {
    let platform = platform().await;
    let to = |name: &str, object: &str| json!({ name: { "type": "Relationship", "object": object } });
    let person = "urn:ngsi-ld:Resident:1";
    let inside = |name: &str| {
        let inner = json!({ "type": "Relationship", "object": person });
        json!({ "remarks": { "type": "Property", "value": "x", name: inner } })
    };
    let of_type = |name: &str| json!({ "id": format!("urn:ngsi-ld:{name}:1"), "type": name });
    for (consumer, entity, what, why) in [
        ("writer", aed(&to("remarks", person)), "remarks", "it leads to a person"),
        (
            "writer",
            aed(&inside("installationLocation")),
            "remarks",
            "it leads to a person",
        ),
        (
            "writer",
            aed(&to("unheardOf", person)),
            "unheardOf",
            "nobody has classified it",
        ),
        (
            "writer",
            aed(&inside("unheardOf")),
            "remarks",
            "nobody has classified it",
        ),
        (
            "writer",
            aed(&json!({"fullName": {"type": "Property", "value": "x"}})),
            "fullName",
            "its class is personal",
        ),
        (
            "namer",
            aed(&json!({"remarks": {"type": "Property", "value": "x"}})),
            "remarks",
            "no permit of yours grants it",
        ),
        (
            "writer",
            of_type("EvacuationSite"),
            "EvacuationSite",
            "no permit of yours grants it",
        ),
        ("writer", of_type("Resident"), "Resident", "its class is personal"),
        ("stranger", aed(&json!({})), "AED", "does not have its contract"),
        ("forbidden", aed(&json!({})), "AED", "a policy forbids it"),
        ("purposeful", aed(&json!({})), "AED", "send that in Kakehashi-Purpose"),
    ] {
        let detail = refused(&platform, consumer, &entity).await;
        assert!(
            detail.contains(what) && detail.contains(why),
            "{consumer} {what}: {detail}"
        );
    }
    let with_purpose = platform
        .create(&aed(&json!({})))
        .tenant("yaita")
        .key(&key_of("purposeful"));
    assert_eq!(with_purpose.header("kakehashi-purpose", "prevention").await.status, 201);
}

#[tokio::test]
async fn what_exists_and_is_hidden_is_refused_as_what_does_not_exist() {
    let platform = platform().await;
    let detail = async |object: &str| {
        let entity = aed(&json!({ "remarks": { "type": "Relationship", "object": object } }));
        refused(&platform, "writer", &entity).await
    };
    // The stand-in of Orion holds residents, of whom the canaries' ids are known.
    let is_there = detail("urn:ngsi-ld:Resident:R-0001").await;
    assert_eq!(is_there, detail("urn:ngsi-ld:Resident:nobody").await);
}
