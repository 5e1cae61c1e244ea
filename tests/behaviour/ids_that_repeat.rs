//! One id in several service paths of an Orion is one entity of the view: its parts united, counted once, on one page.

use std::collections::BTreeSet;

use serde_json::json;

use super::harness::{ORION, Platform, READER, change_source, finds_out_ids};

/// Sites that the demo's Orion has by itself, and six of which two stand in three paths and one in two.
async fn with_repeated(ids_repeat: Option<&str>) -> Platform {
    let builder = Platform::builder().await.tenants(|table| {
        change_source(table, ORION, |source| {
            if let Some(ids_repeat) = ids_repeat {
                source.insert("ids_repeat".into(), ids_repeat.into());
            }
        });
    });
    let paths: [(&str, &str, &[u8]); 3] = [
        ("/disaster", "name", &[1, 2, 3, 4]),
        ("/north", "maxCapacity", &[2, 3, 5]),
        ("/north/station", "remarks", &[3, 4, 6]),
    ];
    for (path, attribute, numbers) in paths {
        let sites: Vec<_> = numbers
            .iter()
            .map(|number| {
                json!({
                    "id": format!("urn:ngsi-ld:EvacuationSite:repeated-{number}"),
                    "type": "EvacuationSite",
                    attribute: { "value": number },
                })
            })
            .collect();
        let orion = builder.demo().orion();
        orion.load("nasushiobara", path, &json!(sites).to_string()).unwrap();
    }
    builder.start().await
}

const REPEATED: &str = "type=EvacuationSite&idPattern=repeated-";

#[tokio::test]
async fn it_is_counted_once_and_stands_on_one_page_whole() {
    let platform = with_repeated(None).await;
    let own = async |question: &str| platform.entities(question).tenant("nasushiobara").await.ok();
    let all = own("type=EvacuationSite&limit=1000&count=true").await;
    assert_eq!(all.count(), all.ids().len());
    assert_eq!(all.ids().iter().collect::<BTreeSet<_>>().len(), all.ids().len());
    let repeated = own(&format!("{REPEATED}&limit=100&count=true")).await;
    assert_eq!((repeated.count(), repeated.ids().len()), (6, 6));
    let entities = repeated.entities();
    let third = entities
        .iter()
        .find(|entity| entity["id"] == "urn:ngsi-ld:EvacuationSite:repeated-3");
    for attribute in ["name", "maxCapacity", "remarks"] {
        assert_eq!(third.unwrap()[attribute]["value"], 3, "{attribute}");
    }
    // Page after page, by the links and by offsets.
    for limit in [1, 7, 100] {
        let (mut walked, mut at_offsets) = (Vec::new(), Vec::new());
        let mut next = Some(format!(
            "/ngsi-ld/v1/entities?type=EvacuationSite&limit={limit}&count=true"
        ));
        while let Some(path) = next {
            let page = platform.get(&path).tenant("nasushiobara").await.ok();
            assert_eq!(page.count(), all.count(), "{path}");
            if limit > 1 {
                let offset = walked.len();
                let same = own(&format!("type=EvacuationSite&limit={limit}&offset={offset}")).await;
                at_offsets.extend(same.ids());
            }
            walked.extend(page.ids());
            next = page.link("next");
        }
        assert_eq!(
            walked.iter().collect::<BTreeSet<_>>().len(),
            walked.len(),
            "{limit}: once each"
        );
        assert_eq!(walked.len(), all.count(), "{limit}");
        assert!(limit == 1 || at_offsets == walked, "{limit}");
    }
}

#[tokio::test]
async fn a_condition_is_judged_on_all_of_it() {
    let platform = with_repeated(None).await;
    for (q, expected) in [
        ("name==3;maxCapacity==3", &["3"][..]),
        ("name==2;maxCapacity==2", &["2"]),
        ("maxCapacity<4;name", &["2", "3"]),
        ("remarks==4;name==4", &["4"]),
        ("name==1|remarks==6", &["1", "6"]),
    ] {
        let query = [
            ("type", "EvacuationSite"),
            ("q", q),
            ("idPattern", "repeated-"),
            ("count", "true"),
        ];
        let found = platform.query(&query).tenant("nasushiobara").await.ok();
        let mut numbers: Vec<String> = found
            .ids()
            .iter()
            .map(|id| id.rsplit('-').next().unwrap().to_owned())
            .collect();
        numbers.sort();
        assert_eq!(numbers, expected, "{q}");
        assert_eq!(found.count(), expected.len(), "{q}");
        for id in found.ids() {
            let alone = platform
                .get(format!("/ngsi-ld/v1/entities/{id}"))
                .tenant("nasushiobara")
                .await
                .ok();
            let listed = found.entities().into_iter().find(|entity| entity["id"] == *id).unwrap();
            assert_eq!(alone.json(), listed, "{q}: as it is by its id");
        }
    }
}

#[tokio::test]
async fn it_is_found_out_once_for_each_set_of_types_and_never_where_the_operator_knows() {
    let platform = with_repeated(None).await;
    let finding_out = |platform: &Platform| {
        let requests = platform.demo().orion().requests();
        requests.iter().filter(|request| finds_out_ids(request)).count()
    };
    for _ in 0..3 {
        platform
            .entities("type=EvacuationSite")
            .tenant("nasushiobara")
            .await
            .ok();
    }
    assert_eq!(finding_out(&platform), 1);
    let known = with_repeated(Some("no")).await;
    known.entities("type=EvacuationSite").tenant("nasushiobara").await.ok();
    assert_eq!(finding_out(&known), 0);
}

/// Types whose attributes are granted differently are asked for apart.
#[tokio::test]
async fn it_is_one_under_several_types_whatever_is_granted_of_each() {
    let policy = "@without(\"remarks\") permit (principal in Role::\"narrow\", action in Action::\"read\", \
                  resource in Tenant::\"nasushiobara\") when { resource.class == Class::\"open\" };";
    let builder = Platform::builder()
        .await
        .consumer("narrow")
        .policy("nasushiobara.cedar", policy);
    for (r#type, attribute) in [("EvacuationSite", "name"), ("DesignatedShelter", "maxCapacity")] {
        let both: Vec<_> = (1..4)
            .map(|number| {
                let id = format!("urn:x:both-{number}");
                json!({ "id": id, "type": r#type, attribute: { "value": number } })
            })
            .collect();
        let orion = builder.demo().orion();
        orion
            .load("nasushiobara", "/disaster", &json!(both).to_string())
            .unwrap();
    }
    let platform = builder.start().await;
    let types = "type=EvacuationSite,DesignatedShelter";
    for consumer in ["narrow", READER] {
        let ask = async |question: &str| {
            let question = format!("{types}&{question}");
            platform
                .entities(question)
                .tenant("nasushiobara")
                .by(consumer)
                .await
                .ok()
        };
        let all = ask("limit=1000&count=true").await;
        let distinct: BTreeSet<String> = all.ids().into_iter().collect();
        assert_eq!(
            (all.ids().len(), all.count()),
            (distinct.len(), distinct.len()),
            "{consumer}"
        );
        let mut walked = Vec::new();
        let mut next = Some(format!("/ngsi-ld/v1/entities?{types}&limit=9&count=true"));
        while let Some(path) = next {
            let page = platform.get(&path).tenant("nasushiobara").by(consumer).await.ok();
            assert_eq!(page.count(), distinct.len(), "{consumer}: {path}");
            walked.extend(page.ids());
            next = page.link("next");
        }
        assert_eq!(walked.len(), distinct.len(), "{consumer}");
        assert_eq!(walked.into_iter().collect::<BTreeSet<_>>(), distinct, "{consumer}");
        // Parts that are asked for apart are found together as those of several sources are.
        let found = ask("idPattern=both-&q=name;maxCapacity&count=true&splitEntities=true").await;
        assert_eq!((found.count(), found.ids().len()), (3, 3), "{consumer}: {found}");
    }
}
