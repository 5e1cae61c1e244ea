//! 空き家バンク: what the shipped policy shows of a vacant house, and to whom. A house that administrators alone may see exists for nobody
//! but applications of the tenants that ask in order to manage the register.

use serde_json::{Value, json};

use super::harness::{Ask, Platform};

const HEADER: &str = "kakehashi-purpose";
const MANAGING: &str = "vacant-house-management";
const OTHER: &str = "migration-promotion";

fn house(number: usize, listing: Option<&str>) -> Value {
    let mut house = json!({
        "id": format!("urn:ngsi-ld:VacantHouse:090000:{number}"),
        "type": "VacantHouse",
        "fullAddress": {"type": "Property", "value": "栃木県宇都宮市塙田"},
        "contactPointName": {"type": "Property", "value": "住宅課"},
    });
    if let Some(listing) = listing {
        house["vacantHouseListing"] = json!({"type": "Property", "value": listing});
    }
    house
}

/// The prefecture's partition has four houses, one of them for everybody, under the shipped policies.
async fn platform() -> Platform {
    let houses = [
        house(1, Some("一般へ公開")),
        house(2, Some("管理者のみ閲覧")),
        house(3, None),
        house(4, Some("一般へ公開、管理者のみ閲覧")),
    ];
    let builder = Platform::builder().await;
    builder.store("tochigi", json!(houses).to_string()).start().await
}

fn stating(ask: Ask, purpose: Option<&str>) -> Ask {
    match purpose {
        Some(purpose) => ask.header(HEADER, purpose),
        None => ask,
    }
}

#[tokio::test]
async fn who_manages_the_register_sees_every_house_and_whom_to_call() {
    let platform = platform().await;
    let ask = platform.entities("type=VacantHouse&count=true").by("sano-dashboard");
    let seen = stating(ask, Some(MANAGING)).await.ok();
    assert_eq!(seen.count(), 4);
    let entities = seen.entities();
    assert!(
        entities.iter().all(|house| house.get("contactPointName").is_some()),
        "{seen}"
    );
    assert!(
        entities
            .iter()
            .any(|house| house["vacantHouseListing"]["value"] == "管理者のみ閲覧"),
        "{seen}"
    );
}

#[tokio::test]
async fn for_everybody_else_and_every_other_purpose_there_is_one_house_and_nobody_to_call() {
    let platform = platform().await;
    for (consumer, purpose) in [
        (Some("sano-dashboard"), Some(OTHER)),
        (Some("sano-dashboard"), None),
        (Some("bousai-map"), None),
        (None, None),
    ] {
        let ask = |query: &str| {
            let ask = platform.entities(query);
            let ask = match consumer {
                Some(consumer) => ask.by(consumer),
                None => ask.anonymous(),
            };
            stating(ask, purpose)
        };
        let seen = ask("type=VacantHouse&count=true").await.ok();
        assert_eq!(
            seen.ids(),
            ["urn:ngsi-ld:VacantHouse:090000:1"],
            "{consumer:?} {purpose:?}"
        );
        assert_eq!(seen.count(), 1, "{consumer:?} {purpose:?}");
        let entity = &seen.entities()[0];
        assert!(entity.get("fullAddress").is_some(), "{seen}");
        assert!(entity.get("contactPointName").is_none(), "{seen}");
        assert!(entity.get("vacantHouseListing").is_none(), "{seen}");
        // No condition finds the others, nor does the id.
        let guessed = ask("type=VacantHouse&q=vacantHouseListing==%22管理者のみ閲覧%22")
            .await
            .ok();
        assert!(guessed.entities().is_empty(), "{consumer:?} {purpose:?}");
        let by_id = ask("type=VacantHouse&id=urn:ngsi-ld:VacantHouse:090000:2,urn:ngsi-ld:VacantHouse:090000:3")
            .await
            .ok();
        assert!(by_id.entities().is_empty(), "{consumer:?} {purpose:?}");
    }
}
