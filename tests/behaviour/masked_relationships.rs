//! A permit may show that a Relationship to a person exists, and not whereto it leads. Which entities a condition finds
//! does not tell either: the source, which holds the id, is not left to decide it.

use serde_json::json;

use super::harness::{Platform, encoded};

const RESIDENT: &str = "urn:ngsi-ld:Resident:1";
const MASK: &str = "urn:kakehashi:hidden";

#[tokio::test]
async fn whereto_it_leads_cannot_be_guessed() {
    let permit = "@relationships(\"masked\")\n\
                  permit (principal in Role::\"sees-masks\", action, resource == EntityType::\"yaita/AED\");";
    let aed = json!([{
        "id": "urn:ngsi-ld:AED:A1",
        "type": "AED",
        "name": {"type": "Property", "value": "一番目"},
        "seeAlso": {"type": "Relationship", "object": RESIDENT},
    }]);
    let platform = Platform::builder()
        .await
        .consumer("sees-masks")
        .policy("yaita.cedar", permit)
        .store("yaita", aed.to_string())
        .start()
        .await;
    let found = async |q: &str| {
        let query = format!("type=AED&count=true&limit=1000&q={}", encoded(q));
        let answer = platform.entities(query).tenant("yaita").by("sees-masks").await.ok();
        assert!(!String::from_utf8_lossy(&answer.body).contains("Resident"), "{q}");
        assert_eq!(answer.count(), answer.ids().len(), "{q}");
        answer.count()
    };
    assert_eq!(found("seeAlso").await, 1);
    assert_eq!(found(&format!("seeAlso==\"{MASK}\"")).await, 1);
    for guess in [RESIDENT, "urn:ngsi-ld:Resident:2"] {
        assert_eq!(found(&format!("seeAlso==\"{guess}\"")).await, 0, "{guess}");
        assert_eq!(found(&format!("seeAlso!=\"{guess}\"")).await, 1, "{guess}");
        let either = format!("seeAlso==\"{guess}\"|seeAlso==\"{MASK}\"");
        assert_eq!(found(&either).await, 1, "{guess}");
    }
}

#[tokio::test]
async fn nor_where_it_is_one_target_of_several() {
    let aed = json!([{
        "id": "urn:ngsi-ld:AED:A1",
        "type": "AED",
        "name": {"type": "Property", "value": "一番目"},
        "seeAlso": {"type": "Relationship", "object": [RESIDENT, "urn:ngsi-ld:AED:A2"]},
    }]);
    let platform = Platform::builder().await.store("yaita", aed.to_string()).start().await;
    for guess in [RESIDENT, "urn:ngsi-ld:Resident:2"] {
        let denied = encoded(&format!("seeAlso!=\"{guess}\""));
        let query = format!("type=AED&count=true&limit=1000&q={denied}");
        let answer = platform.entities(query).tenant("yaita").await.ok();
        assert_eq!((answer.count(), answer.ids().len()), (1, 1), "{guess}");
        let shown = &answer.entities()[0]["seeAlso"];
        assert!(shown.to_string().contains("AED:A2") && !shown.to_string().contains("Resident"));
    }
}
