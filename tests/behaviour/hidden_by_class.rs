//! A source that its owner says holds nothing personal is asked for everything of a type. What the classification calls
//! personal is hidden there, too, and no condition that such a source decides by itself may tell of it.

use serde_json::{Value, json};

use super::harness::{Platform, change_source, encoded};

/// Two AEDs, of which one has a manager: an attribute that is personal.
fn aeds() -> Value {
    let aed = |id: &str| {
        json!({
            "id": format!("urn:ngsi-ld:AED:{id}"), "type": "AED", "name": { "type": "Property", "value": id },
        })
    };
    let mut managed = aed("managed");
    managed["managerName"] = json!({ "type": "Property", "value": "x" });
    json!([aed("free"), managed])
}

#[tokio::test]
async fn no_condition_tells_of_what_the_classification_hides() {
    let builder = Platform::builder().await.tenants(|table| {
        change_source(table, "tochigi-store", |source| {
            source.insert("personal_data".into(), "none".into());
        });
    });
    let platform = builder.store("yaita", aeds().to_string()).start().await;
    let of_yaita = |query: String| {
        platform
            .entities(format!("type=AED&count=true&{query}"))
            .tenant("yaita")
    };
    assert_eq!(of_yaita("limit=10".to_owned()).await.ok().count(), 2);
    for condition in [
        "managerName",
        "managerName==\"x\"",
        "managerName!=\"y\"",
        "managerName==\"x\"|name==\"nothing\"",
    ] {
        let answer = of_yaita(format!("q={}", encoded(condition))).await.ok();
        assert_eq!((answer.count(), answer.entities().len()), (0, 0), "{condition}");
    }
    let either = of_yaita(format!("q={}", encoded("managerName==\"x\"|name==\"free\"")))
        .await
        .ok();
    assert_eq!(either.ids(), ["urn:ngsi-ld:AED:free"]);
    assert_eq!(of_yaita("attrs=managerName".to_owned()).await.ok().count(), 0);
    let both = of_yaita("attrs=managerName,name".to_owned()).await.ok();
    assert_eq!(both.count(), 2);
}
