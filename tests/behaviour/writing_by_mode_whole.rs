//! An entity of which a system of the city has a part that the store has not: what is replaced or purged is so in both, what is away is
//! never believed of the other, and a tag that was read of both is for neither.

use http::Method;
use serde_json::{Value, json};

use super::harness::{Ask, Platform};
use super::writing_by_mode::{
    ENTITIES, ID, ONE, OTHER, WHOLE, WRITER, away, batch, builder, change, failed_in_orion, is, platform, property,
    seen, sent, site,
};

/// One attribute of all entities of the type.
const ATTRIBUTE: &str = r#"[{ type = "EvacuationSite", attributes = ["maxCapacity"] }]"#;

fn delete(platform: &Platform, rest: &str) -> Ask {
    platform.request(Method::DELETE, format!("{ENTITIES}{rest}")).by(WRITER)
}

/// An entity of the store alone, whatever else has it.
async fn lies_in_the_store(platform: &Platform, entity: &Value) {
    let created = platform.post(format!("{ENTITIES}?local=true")).by(WRITER).json(entity);
    is(&created.await, 201);
}

#[tokio::test]
async fn what_a_system_that_is_away_may_have_is_not_written_elsewhere() {
    let capacity = json!({ "maxCapacity": property(1) });
    let both = json!({ "name": property("a"), "maxCapacity": property(1) });
    let attributes = format!("{ID}/attrs");
    for (provides, is_whole) in [(WHOLE, true), (ATTRIBUTE, false)] {
        let platform = away(builder("redirect", provides, true).await).start().await;
        lies_in_the_store(&platform, &site(ID, 250)).await;
        is(&change(&platform, Method::PATCH, ID, &capacity).await, 502);
        is(&change(&platform, Method::PATCH, &attributes, &capacity).await, 502);
        is(&change(&platform, Method::POST, &attributes, &capacity).await, 502);
        let path = format!("{attributes}/maxCapacity");
        is(
            &change(&platform, Method::PATCH, &path, &json!({ "value": 4 })).await,
            502,
        );
        is(&delete(&platform, &format!("/{path}")).await, 502);
        let merged = json!([{ "id": ID, "maxCapacity": property(1) }]);
        let merged = batch(&platform, "merge", &merged).await;
        is(&merged, 207);
        assert_eq!(merged.json()["success"], json!([]), "{merged}");
        let changed = change(&platform, Method::PATCH, ID, &both).await;
        if is_whole {
            is(&changed, 502);
            is(&delete(&platform, &format!("/{attributes}/name")).await, 502);
        } else {
            failed_in_orion(&changed, 502);
        }
        let name = if is_whole { "第一小学校" } else { "a" };
        let there = json!({ "name": name, "maxCapacity": 250 });
        assert_eq!(
            seen(&platform, ID, true).await,
            there,
            "what is not its own is as it was"
        );
    }
}

#[tokio::test]
async fn a_purge_takes_every_part_of_what_met_its_conditions() {
    let platform = platform("exclusive", ONE, true).await;
    let name = "%E7%AC%AC%E4%B8%80%E5%B0%8F%E5%AD%A6%E6%A0%A1";
    for conditions in [
        "maxCapacity%3E3".to_owned(),
        format!("name==%22{name}%22"),
        format!("name==%22{name}%22;maxCapacity==250"),
    ] {
        is(&platform.create(&site(ID, 250)).by(WRITER).await, 201);
        is(&platform.create(&site(OTHER, 2)).by(WRITER).await, 201);
        let purge = format!("?type=EvacuationSite&q={conditions}");
        let dropped = format!("{purge}&drop=maxCapacity");
        is(&delete(&platform, &dropped).await, 204);
        assert_eq!(
            seen(&platform, ID, false).await,
            json!({ "name": "第一小学校" }),
            "{conditions}"
        );
        let capacity = json!({ "maxCapacity": property(250) });
        is(
            &change(&platform, Method::POST, &format!("{ID}/attrs"), &capacity).await,
            204,
        );
        is(&delete(&platform, &purge).await, 204);
        assert_eq!(seen(&platform, ID, false).await, Value::Null, "{conditions}");
        assert_eq!(seen(&platform, ID, true).await, Value::Null, "{conditions}");
        is(&delete(&platform, "?type=EvacuationSite").await, 204);
    }
    assert!(!sent(&platform).is_empty());
}

#[tokio::test]
async fn what_is_not_sent_goes_from_every_system_when_an_entity_is_replaced() {
    let platform = platform("exclusive", ONE, true).await;
    let mut named = site(ID, 1);
    named.as_object_mut().unwrap().remove("maxCapacity");
    named["name"] = property("a");
    let mut counted = site(ID, 77);
    counted.as_object_mut().unwrap().remove("name");

    is(&platform.create(&site(ID, 250)).by(WRITER).await, 201);
    is(&change(&platform, Method::PUT, ID, &named).await, 204);
    assert_eq!(seen(&platform, ID, false).await, json!({ "name": "a" }));
    is(&change(&platform, Method::PUT, ID, &site(ID, 9)).await, 204);
    is(&change(&platform, Method::PUT, ID, &counted).await, 204);
    assert_eq!(seen(&platform, ID, false).await, json!({ "maxCapacity": 77 }));

    is(&batch(&platform, "upsert", &json!([site(ID, 9)])).await, 204);
    is(&batch(&platform, "upsert", &json!([named])).await, 204);
    assert_eq!(seen(&platform, ID, false).await, json!({ "name": "a" }));
    is(&batch(&platform, "upsert", &json!([site(ID, 9)])).await, 204);
    is(&batch(&platform, "upsert", &json!([counted])).await, 204);
    assert_eq!(seen(&platform, ID, false).await, json!({ "maxCapacity": 77 }));

    // Where there is nothing to take away nothing is made.
    is(&delete(&platform, &format!("/{ID}")).await, 204);
    sent(&platform);
    is(&batch(&platform, "upsert", &json!([named])).await, 201);
    assert!(sent(&platform).is_empty());
    assert_eq!(seen(&platform, ID, false).await, json!({ "name": "a" }));
}

#[tokio::test]
async fn a_tag_that_was_read_of_several_systems_is_for_none_of_them_alone() {
    let platform = platform("exclusive", ONE, true).await;
    is(&platform.create(&site(ID, 250)).by(WRITER).await, 201);
    let one = json!({ "maxCapacity": property(1) });
    for local in ["false", "true"] {
        let read = platform.get(format!("{ENTITIES}/{ID}?local={local}")).by(WRITER).await;
        let tag = read.header("etag").unwrap_or_else(|| panic!("{read}")).to_owned();
        let refused = change(&platform, Method::PATCH, ID, &one)
            .header("if-match", &tag)
            .await;
        is(&refused, 412);
        let told = refused.problem().detail;
        assert!(
            told.contains("several sources") && told.contains("without If-Match"),
            "{refused}"
        );
    }
}
