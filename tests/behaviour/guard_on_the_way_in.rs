//! What is about persons is not taken in, whoever writes it and whatever was permitted: the whole write is refused, with the
//! names and the reason and never a value, and nothing of it is kept.

use http::Method;
use serde_json::{Value, json};

use super::harness::{Answer, Platform};

const ID: &str = "urn:ngsi-ld:AED:guarded";
const NUMBER: &str = "983205673214";

async fn platform() -> Platform {
    let everything = |tenant: &str| {
        format!(
            "permit (principal == Consumer::\"writer\", action in [Action::\"provide\", Action::\"read\"], \
             resource in Tenant::\"{tenant}\");"
        )
    };
    Platform::builder()
        .await
        .consumer("writer")
        .policy("yaita.cedar", &everything("yaita"))
        .start()
        .await
}

fn aed(attributes: &Value) -> Value {
    let mut entity = json!({"id": ID, "type": "AED", "name": {"type": "Property", "value": "庁舎"}});
    entity
        .as_object_mut()
        .unwrap()
        .extend(attributes.as_object().unwrap().clone());
    entity
}

#[track_caller]
fn refused(answer: &Answer, names: &[&str]) {
    let detail = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
    assert_eq!(answer.status, 403, "{answer}");
    for name in names {
        assert!(detail.contains(name), "{name} is missing: {detail}");
    }
    for value in [NUMBER, "090-1234-5678", "山田", "taro@example.com"] {
        assert!(!text(answer).contains(value), "{answer}");
    }
}

#[tokio::test]
async fn what_is_personal_is_refused_whole_with_its_names_and_the_reason() {
    let platform = platform().await;
    let property = |value: &str| json!({"type": "Property", "value": value});
    let resident = json!({"id": "urn:ngsi-ld:Resident:1", "type": "Resident", "name": property("山田")});
    let inside = json!({"remarks": {"type": "Property", "value": "x", "fullName": property("山田")}});
    let leads = json!({"owner": {"type": "Relationship", "object": "urn:ngsi-ld:Resident:1"}});
    for (entity, names) in [
        (resident, vec!["Resident"]),
        (aed(&json!({"fullName": property("山田")})), vec!["AED", "fullName"]),
        (
            aed(&json!({"nobodyKnowsIt": property("x")})),
            vec!["AED", "nobodyKnowsIt", "classified"],
        ),
        (aed(&inside), vec!["AED", "remarks"]),
        (aed(&leads), vec!["AED", "owner"]),
        (
            aed(&json!({"remarks": property(&format!("番号は{NUMBER}です"))})),
            vec!["AED", "remarks", "my_number"],
        ),
        (
            aed(&json!({"remarks": property("taro@example.com")})),
            vec!["AED", "remarks", "email"],
        ),
        (
            aed(&json!({"scope": ["/a/U0123456789abcdef0123456789abcdef"]})),
            vec!["line_user_id"],
        ),
    ] {
        let answer = platform.create(&entity).by("writer").tenant("yaita").await;
        refused(&answer, &names);
        let batch = json!([entity, aed(&json!({"id": "urn:ngsi-ld:AED:beside"}))]);
        let answer = platform
            .post("/ngsi-ld/v1/entityOperations/upsert")
            .json(&batch)
            .by("writer")
            .tenant("yaita")
            .await;
        assert_eq!(answer.status, 207, "{answer}");
        assert_eq!(answer.json()["errors"].as_array().unwrap().len(), 1, "{answer}");
        let id = entity["id"].as_str().unwrap();
        assert_eq!(platform.entity(id).by("writer").tenant("yaita").await.status, 404);
        assert_eq!(
            platform
                .delete("urn:ngsi-ld:AED:beside")
                .by("writer")
                .tenant("yaita")
                .await
                .status,
            204
        );
    }
}

#[tokio::test]
async fn an_update_is_judged_by_what_it_changes() {
    let platform = platform().await;
    let created = platform.create(&aed(&json!({}))).by("writer").tenant("yaita").await;
    assert_eq!(created.status, 201, "{created}");
    let target = format!("/ngsi-ld/v1/entities/{ID}/attrs");
    let append = |body: Value| {
        platform
            .request(Method::POST, target.clone())
            .json(&body)
            .by("writer")
            .tenant("yaita")
    };
    let before = platform.entity(ID).by("writer").tenant("yaita").await.json();
    let mobile = json!({"remarks": {"type": "Property", "value": "090-1234-5678"}});
    refused(&append(mobile).await, &["AED", "remarks", "mobile_phone"]);
    let named = json!({"fullName": {"type": "Property", "value": "山田"}});
    refused(&append(named).await, &["AED", "fullName"]);
    assert_eq!(platform.entity(ID).by("writer").tenant("yaita").await.json(), before);
    let plain = json!({"remarks": {"type": "Property", "value": "玄関"}});
    assert_eq!(append(plain).await.status, 204);
}

#[tokio::test]
async fn what_a_facility_is_called_at_passes() {
    let platform = platform().await;
    // A number in the attribute for it is only reported on the way out.
    let contact = json!({"contactPointPhoneNumber": {"type": "Property", "value": "090-1234-5678"}});
    let created = platform.create(&aed(&contact)).by("writer").tenant("yaita").await;
    assert_eq!(created.status, 201, "{created}");
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}
