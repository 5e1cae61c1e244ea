//! What a consumer has no grant for it neither receives nor causes to be asked for.

use std::collections::BTreeSet;

use stand_ins::LoggedRequest;

use super::harness::{Platform, members, nasushiobara_sites, planted, sano_sites, yaita_sites};

/// Committed: its permits cover `name` and `location` of `EvacuationSite` alone, at every tenant.
const LIMITED: &str = "limited-app";

/// What `attrs` asks Orion for; it must be there.
fn asked_attributes(request: &LoggedRequest) -> BTreeSet<String> {
    let attributes = request
        .parameter("attrs")
        .unwrap_or_else(|| panic!("everything was asked for: {request:?}"));
    attributes.split(',').map(str::to_owned).collect()
}

fn only_granted_was_asked_for(platform: &Platform) {
    let requests = platform.asked_of_orion();
    assert!(!requests.is_empty());
    for request in requests {
        assert_eq!(
            request.parameter("type").as_deref(),
            Some("EvacuationSite"),
            "{request:?}"
        );
        // The dates of an entity are no attributes of it.
        let granted = ["name", "location", "dateCreated", "dateModified", "dateExpires"]
            .map(str::to_owned)
            .into();
        assert!(asked_attributes(&request).is_subset(&granted), "{request:?}");
        for name in ["q", "mq", "metadata", "orderBy"] {
            let value = request.parameter(name).unwrap_or_default();
            assert!(
                !value.contains("fullAddress") && !value.contains("commonId"),
                "{request:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_list_holds_and_asks_for_the_granted_attributes_alone() {
    let platform = Platform::start().await;
    let answer = platform
        .entities("type=EvacuationSite&limit=1000&count=true")
        .by(LIMITED)
        .await
        .ok();
    assert_eq!(answer.count(), 102);
    for entity in answer.entities() {
        assert_eq!(members(&entity), ["id", "location", "name", "type"], "{entity}");
    }
    only_granted_was_asked_for(&platform);
}

#[tokio::test]
async fn an_entity_by_its_id_too() {
    let platform = Platform::start().await;
    for place in [
        &nasushiobara_sites()[4],
        &yaita_sites()[4],
        &sano_sites()[30],
        &planted()[0],
    ] {
        let entity = platform.entity(&place.id).by(LIMITED).await.ok().json();
        assert_eq!(members(&entity), ["id", "location", "name", "type"], "{entity}");
        assert_eq!(entity["name"]["value"], place.name.as_str());
    }
    only_granted_was_asked_for(&platform);
}

#[tokio::test]
async fn no_parameter_widens_it() {
    let platform = Platform::start().await;
    for parameters in [
        "options=keyValues",
        "options=concise",
        "options=sysAttrs",
        "options=sysAttrs,keyValues",
        "pick=fullAddress",
        "attrs=name,fullAddress",
        "pick=name,commonId",
        "omit=name",
        "lang=ja",
        "datasetId=@none",
        "splitEntities=true",
        "q=name",
    ] {
        let list = platform
            .entities(format!("type=EvacuationSite&limit=1000&{parameters}"))
            .by(LIMITED)
            .await;
        for entity in list.entities() {
            let forbidden = [
                "fullAddress",
                "commonId",
                "prefecturalNote",
                "localGovernmentCode",
                "remarks",
            ];
            assert!(
                forbidden.iter().all(|name| entity.get(name).is_none()),
                "{parameters}: {entity}"
            );
        }
    }
    for accept in ["application/geo+json", "application/ld+json"] {
        let answer = platform
            .entities("type=EvacuationSite&limit=1000")
            .accept(accept)
            .by(LIMITED)
            .await
            .ok();
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(
            !text.contains("fullAddress") && !text.contains("栃木県佐野市"),
            "{accept}"
        );
    }
    only_granted_was_asked_for(&platform);
}

#[tokio::test]
async fn an_attribute_outside_of_the_grant_is_one_that_nobody_has() {
    let platform = Platform::start().await;
    let address = &sano_sites()[0].address;
    for (name, value) in [
        ("q", format!("fullAddress==\"{address}\"")),
        ("q", format!("fullAddress!=\"{address}\"")),
        ("q", "fullAddress".to_owned()),
        ("q", "prefecturalNote".to_owned()),
        ("attrs", "fullAddress".to_owned()),
    ] {
        let answer = platform
            .query(&[("type", "EvacuationSite"), (name, &value), ("count", "true")])
            .by(LIMITED)
            .await
            .ok();
        let unknown = value
            .replace("fullAddress", "nobodyHasThis")
            .replace("prefecturalNote", "nobodyHasThis");
        let nobody = platform
            .query(&[("type", "EvacuationSite"), (name, &unknown), ("count", "true")])
            .by(LIMITED)
            .await
            .ok();
        assert_eq!(
            (answer.count(), &answer.body),
            (nobody.count(), &nobody.body),
            "{name}={value}"
        );
    }
    // The same question by somebody who may: the answer was there.
    let granted = platform
        .query(&[
            ("type", "EvacuationSite"),
            ("q", &format!("fullAddress==\"{address}\"")),
        ])
        .await
        .ok();
    assert!(!granted.ids().is_empty());
    for request in platform
        .asked_of_orion()
        .iter()
        .filter(|request| request.query.contains("fullAddress"))
    {
        assert!(
            asked_attributes(request).len() > 2,
            "asked for the one who may not: {request:?}"
        );
    }
}

#[tokio::test]
async fn a_type_outside_of_the_grant_is_absent_and_no_source_is_asked() {
    let platform = Platform::start().await;
    let shelter = platform
        .entities("type=DesignatedShelter&limit=1")
        .tenant("nasushiobara")
        .await
        .ok()
        .ids()
        .remove(0);
    platform.forget_requests();
    for query in ["type=DesignatedShelter", "type=AED,WeatherObserved", "type=Resident"] {
        let answer = platform.entities(format!("{query}&count=true")).by(LIMITED).await.ok();
        assert_eq!((answer.count(), answer.ids().len()), (0, 0), "{query}");
    }
    let both = platform
        .entities("type=DesignatedShelter,EvacuationSite&limit=0&count=true")
        .tenant("yaita")
        .by(LIMITED)
        .await
        .ok();
    assert_eq!(both.count(), 25);
    assert_eq!(platform.asked().len(), 0);
    assert_eq!(
        platform
            .get(format!("/ngsi-ld/v1/entities/{shelter}?type=DesignatedShelter"))
            .by(LIMITED)
            .await
            .status,
        404
    );
    assert_eq!(platform.asked().len(), 0, "nothing granted, nobody asked");
    assert_eq!(platform.entity(&shelter).by(LIMITED).await.status, 404);
    let types = platform.get("/ngsi-ld/v1/types").by(LIMITED).await.ok().json();
    assert_eq!(types["typeList"], serde_json::json!(["EvacuationSite"]));
}

#[tokio::test]
async fn one_owners_grant_does_not_cover_anothers_attributes() {
    // Sano shows its names and places; the prefecture nothing.
    let builder = Platform::builder().await.consumer("sano-only");
    let platform = builder
        .policy(
            "sano.cedar",
            "@attributes(\"name,location,prefecturalNote\")\npermit (principal in Role::\"sano-only\", action in Action::\"read\", resource == EntityType::\"sano/EvacuationSite\");",
        )
        .start()
        .await;
    let entity = platform.entity(&planted()[0].id).by("sano-only").await.ok().json();
    assert_eq!(members(&entity), ["id", "location", "name", "type"], "{entity}");
    let all = platform
        .entities("type=EvacuationSite&count=true&limit=0")
        .by("sano-only")
        .await
        .ok();
    assert_eq!(all.count(), 58);
    assert_eq!(
        platform.asked_of_orion().len(),
        0,
        "Nasushiobara grants nothing, so it is not asked"
    );
    let noted = platform
        .entities("type=EvacuationSite&q=prefecturalNote&count=true")
        .by("sano-only")
        .await
        .ok();
    assert_eq!(noted.count(), 0);
}

#[tokio::test]
async fn whoever_asks_for_shelters_orion_is_told_which_attributes() {
    let platform = Platform::start().await;
    let list = platform
        .entities("type=DesignatedShelter&limit=1000")
        .tenant("nasushiobara")
        .await
        .ok();
    assert_eq!(list.entities().len(), 68);
    for entity in list.entities() {
        assert!(
            entity.get("managerName").is_none() && entity.get("managerMobilePhone").is_none(),
            "{}",
            entity["id"]
        );
    }
    platform.entity(&list.ids()[0]).await.ok();
    for request in platform.asked_of_orion() {
        let asked = asked_attributes(&request);
        assert!(
            asked.contains("name") && !asked.contains("managerName") && !asked.contains("*"),
            "{request:?}"
        );
    }
}
