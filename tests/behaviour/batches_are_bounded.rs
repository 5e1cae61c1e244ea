//! A batch is bounded in what it may hold and in what is told of it, so that a small body cannot become a large answer; what is
//! wrong with an element that can be told is told of that one. An entity does not grow without bound either, and no misspelt name
//! empties one.

use http::Method;
use serde_json::{Value, json};

use super::harness::{Answer, Platform, key_of, keys, section};

async fn platform() -> Platform {
    platform_with_deadline("10s").await
}

async fn platform_with_deadline(deadline: &str) -> Platform {
    let policy = "permit (principal == Consumer::\"writer\", action, resource == EntityType::\"yaita/AED\");";
    let builder = Platform::builder().await.tenants(|table| {
        let limits = section(section(table, "gateway"), "limits");
        limits.insert("deadline".into(), deadline.into());
        let mut writer = toml::Table::new();
        writer.insert("name".into(), "writer".into());
        writer.insert("tenant".into(), "yaita".into());
        writer.insert("keys".into(), keys(&key_of("writer")));
        section(table, "consumers").insert("writer".into(), toml::Value::Table(writer));
    });
    builder.policy("yaita.cedar", policy).start().await
}

const ID: &str = "urn:ngsi-ld:AED:bounded";

async fn batch(platform: &Platform, of: &str, body: &str) -> Answer {
    let target = format!("/ngsi-ld/v1/entityOperations/{of}");
    let request = platform.post(target).by("writer");
    request.body("application/json", body.to_owned()).await
}

fn ones(count: usize) -> String {
    format!("[{}1]", "1,".repeat(count - 1))
}

fn aed(mut attributes: Value) -> Value {
    attributes["id"] = ID.into();
    attributes["type"] = "AED".into();
    attributes
}

#[tokio::test]
async fn a_batch_has_no_more_elements_than_it_may_have() {
    let platform = platform().await;
    for of in ["create", "upsert", "update", "merge", "delete"] {
        let refused = batch(&platform, of, &ones(50_001)).await;
        assert_eq!(refused.status, 413, "{of}: {refused}");
        let detail = refused.problem().detail;
        assert!(
            detail.contains("50001 elements") && detail.contains("50000"),
            "{detail}"
        );
    }
}

#[tokio::test]
async fn of_what_can_be_no_entity_at_all_the_first_is_told() {
    let platform = platform().await;
    for of in ["create", "upsert", "update", "merge", "delete"] {
        let refused = batch(&platform, of, &ones(40_000)).await;
        assert_eq!(
            (refused.status, refused.error_type().as_str()),
            (400, "BadRequestData"),
            "{of}: {refused}"
        );
        let detail = refused.problem().detail;
        assert!(
            detail.contains("39999 more of 40000") && detail.contains("[0]: expected"),
            "{detail}"
        );
        assert!(refused.body.len() < 1_000);
        let told = batch(&platform, of, &ones(1_000)).await;
        assert_eq!(told.status, 207, "{of}: {told}");
        assert_eq!(told.json()["errors"].as_array().unwrap().len(), 1_000);
    }
    let in_japanese = platform
        .post("/ngsi-ld/v1/entityOperations/create")
        .by("writer")
        .header("accept-language", "ja")
        .body("application/json", "[1, 2]")
        .await;
    assert_eq!(
        (in_japanese.status, in_japanese.header("content-language")),
        (207, Some("ja")),
        "{in_japanese}"
    );
    let detail = in_japanese.json()["errors"][1]["error"]["detail"].clone();
    assert!(
        detail.as_str().unwrap().contains("JSON オブジェクトが必要です"),
        "{detail}"
    );
}

#[tokio::test]
async fn what_says_to_be_in_another_encoding_is_not_read_as_utf_8() {
    let platform = platform().await;
    let body = json!([aed(json!({ "name": "a" }))]).to_string();
    for (charset, status) in [("shift_jis", 415), ("utf-8", 201)] {
        let request = platform.post("/ngsi-ld/v1/entityOperations/create").by("writer");
        let media_type = format!("application/json; charset={charset}");
        let answer = request.body(&media_type, body.clone()).await;
        assert_eq!(answer.status, status, "{charset}: {answer}");
    }
}

#[tokio::test]
async fn an_id_that_is_none_is_told_by_its_position() {
    let platform = platform().await;
    let created = batch(&platform, "create", &json!([aed(json!({ "name": "a" }))]).to_string()).await;
    assert_eq!(created.status, 201, "{created}");
    let partly = batch(&platform, "delete", &json!([ID, 5, "no uri"]).to_string()).await;
    assert_eq!(partly.status, 207, "{partly}");
    assert_eq!(partly.json()["success"], json!([ID]));
    let errors = partly.json()["errors"].clone();
    for (error, place) in errors.as_array().unwrap().iter().zip(["[1]: ", "[2]: "]) {
        assert_eq!(error["entityId"], "urn:ngsi-ld:null");
        assert!(error["error"]["detail"].as_str().unwrap().starts_with(place), "{error}");
    }
    assert_eq!(platform.entity(ID).by("writer").await.status, 404);
}

#[tokio::test]
async fn an_upsert_that_updates_takes_attributes_away_where_it_says_so() {
    let platform = platform().await;
    let with_null = json!([aed(json!({ "name": "urn:ngsi-ld:null", "remarks": "x" }))]).to_string();
    let none_there = batch(&platform, "upsert?options=update", &with_null).await;
    assert_eq!(none_there.status, 207, "{none_there}");
    assert_eq!(none_there.json()["errors"][0]["error"]["status"], 404, "{none_there}");
    let created = batch(&platform, "upsert", &json!([aed(json!({ "name": "a" }))]).to_string()).await;
    assert_eq!(created.status, 201, "{created}");
    let replaced = batch(&platform, "upsert", &with_null).await;
    assert_eq!(replaced.status, 207, "what replaces the whole has no nulls: {replaced}");
    let updated = batch(&platform, "upsert?options=update", &with_null).await;
    assert_eq!(updated.status, 204, "{updated}");
    let entity = platform.entity(ID).by("writer").await.ok().json();
    assert_eq!((entity.get("name"), &entity["remarks"]["value"]), (None, &json!("x")));
}

#[tokio::test]
async fn an_entity_grows_to_a_bound_and_becomes_smaller_beyond_it() {
    let platform = platform().await;
    let created = batch(&platform, "create", &json!([aed(json!({ "name": "a" }))]).to_string()).await;
    assert_eq!(created.status, 201, "{created}");
    let large = "x".repeat(1_900_000);
    let target = format!("/ngsi-ld/v1/entities/{ID}/attrs");
    let append = |number: usize| {
        let dataset = format!("urn:example:{number}");
        let remarks = json!({ "type": "Property", "value": large, "datasetId": dataset });
        platform.post(&target).by("writer").json(&json!({ "remarks": remarks }))
    };
    for number in 0..4 {
        let appended = append(number).await;
        assert_eq!(appended.status, 204, "{number}: {appended}");
    }
    let refused = append(4).await;
    assert_eq!(
        (refused.status, refused.error_type().as_str()),
        (400, "BadRequestData"),
        "{refused}"
    );
    assert!(
        refused.problem().detail.contains("larger than 8388608 bytes"),
        "{refused}"
    );
    let deleted = platform
        .delete(&format!("{ID}/attrs/remarks?datasetId=urn:example:0"))
        .by("writer")
        .await;
    assert_eq!(deleted.status, 204, "{deleted}");
    assert_eq!(append(4).await.status, 204);
}

#[tokio::test]
async fn a_purge_that_keeps_a_name_that_is_misspelt_takes_nothing_away() {
    let platform = platform().await;
    let created = batch(&platform, "create", &json!([aed(json!({ "name": "a" }))]).to_string()).await;
    assert_eq!(created.status, 201, "{created}");
    let purge = |keep: &str| {
        let target = format!("/ngsi-ld/v1/entities?type=AED&id={ID}&keep={keep}");
        platform.request(Method::DELETE, &target).by("writer")
    };
    let refused = purge("nmae").await;
    assert_eq!(refused.status, 403, "{refused}");
    assert!(refused.problem().detail.contains("nmae"), "{refused}");
    assert_eq!(platform.entity(ID).by("writer").await.ok().json()["name"]["value"], "a");
    assert_eq!(purge("name").await.status, 204);
    assert_eq!(platform.entity(ID).by("writer").await.ok().json()["name"]["value"], "a");
}

/// How often a batch is sent of which nothing was begun.
const ATTEMPTS: usize = 8;

#[tokio::test]
async fn what_a_batch_has_no_time_for_is_told_as_not_begun() {
    let platform = platform_with_deadline("1s").await;
    let count = 25_000;
    let entity = |number: usize| json!({ "id": format!("{ID}-{number}"), "type": "AED", "name": "a" });
    let body = Value::Array((0..count).map(entity).collect()).to_string();
    let mut partly = batch(&platform, "upsert", &body).await;
    for _ in 0..ATTEMPTS {
        if partly.status != 504 {
            break;
        }
        // Nothing was begun: on a busy machine to read the body alone may take that long.
        partly = batch(&platform, "upsert", &body).await;
    }
    assert_eq!(partly.status, 207, "{}", partly.status);
    let result = partly.json();
    let (success, errors) = (
        result["success"].as_array().unwrap(),
        result["errors"].as_array().unwrap(),
    );
    assert_eq!(success.len() + errors.len(), count);
    let last = errors.last().unwrap();
    assert_eq!(
        (&last["entityId"], &last["error"]["status"]),
        (&json!(format!("{ID}-{}", count - 1)), &json!(503))
    );
    assert!(
        last["error"]["detail"]
            .as_str()
            .unwrap()
            .starts_with("it was not begun"),
        "{last}"
    );
    for number in [success.len().saturating_sub(1), success.len()] {
        let is_there = platform.entity(&format!("{ID}-{number}")).by("writer").await.status == 200;
        assert_eq!(is_there, number < success.len(), "{number}");
    }
}
