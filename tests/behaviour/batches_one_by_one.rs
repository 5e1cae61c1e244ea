//! In a batch each entity is on its own: what is wrong with one keeps no other from being written, and each is told what became
//! of it (clauses 5.5.11, 5.6.7 to 5.6.9 and 5.6.20).

use serde_json::{Value, json};

use super::harness::{Answer, Platform, key_of, keys, section};

async fn platform() -> Platform {
    let policy = "permit (principal == Consumer::\"writer\", action, resource == EntityType::\"yaita/AED\");";
    let builder = Platform::builder().await.tenants(|table| {
        let mut writer = toml::Table::new();
        writer.insert("name".into(), "writer".into());
        writer.insert("tenant".into(), "yaita".into());
        writer.insert("keys".into(), keys(&key_of("writer")));
        section(table, "consumers").insert("writer".into(), toml::Value::Table(writer));
    });
    builder.policy("yaita.cedar", policy).start().await
}

fn id(number: usize) -> String {
    format!("urn:ngsi-ld:AED:one-by-one-{number}")
}

fn aed(number: usize, name: &str) -> Value {
    json!({ "id": id(number), "type": "AED", "name": { "type": "Property", "value": name } })
}

async fn batch(platform: &Platform, of: &str, body: Value) -> Answer {
    let target = format!("/ngsi-ld/v1/entityOperations/{of}");
    platform.post(target).by("writer").json(&body).await
}

async fn read(platform: &Platform, number: usize) -> Value {
    let mut entity = platform.entity(&id(number)).by("writer").await.ok().json();
    entity.as_object_mut().unwrap().remove("@context");
    entity
}

/// The id, the status and the detail of each error.
fn errors(answer: &Answer) -> Vec<(String, u64, String)> {
    assert_eq!(answer.status, 207, "{answer}");
    let errors = answer.json()["errors"].clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let errors = errors.as_array().unwrap().iter();
    errors
        .map(|error| {
            let problem = &error["error"];
            (
                text(&error["entityId"]),
                problem["status"].as_u64().unwrap(),
                text(&problem["detail"]),
            )
        })
        .collect()
}

#[tokio::test]
//= 5.6.8.4-1, 5.6.9.4-1
async fn what_has_no_id_that_could_be_told_is_told_by_its_position() {
    let platform = platform().await;
    let nothing = "urn:ngsi-ld:null".to_owned();
    let partly = batch(
        &platform,
        "create",
        json!([
            { "type": "AED" },
            aed(1, "a"),
            { "id": "no uri", "type": "AED" },
            5,
            { "id": id(2) },
            aed(3, "b"),
        ]),
    )
    .await;
    assert_eq!(partly.json()["success"], json!([id(1), id(3)]), "{partly}");
    let errors = errors(&partly);
    let told: Vec<_> = errors.iter().map(|(id, status, _)| (id.clone(), *status)).collect();
    assert_eq!(
        told,
        [
            (nothing.clone(), 400),
            (nothing.clone(), 400),
            (nothing, 400),
            (id(2), 400)
        ]
    );
    for (index, place) in ["[0]", "[2]", "[3]"].iter().enumerate() {
        assert!(errors[index].2.starts_with(place), "{errors:?}");
    }
    assert_eq!(read(&platform, 1).await, aed(1, "a"));
    // A null in the array, or nothing in it, is a mistake of the batch.
    for of in ["create", "upsert", "update", "merge"] {
        for body in [json!([]), json!([aed(4, "c"), null]), json!({})] {
            let whole = batch(&platform, of, body).await;
            assert_eq!(
                (whole.status, whole.error_type().as_str()),
                (400, "BadRequestData"),
                "{whole}"
            );
        }
    }
    assert_eq!(platform.entity(&id(4)).by("writer").await.status, 404);
}

#[tokio::test]
//= 5.5.11.0-1, 5.5.11.2-1, 5.5.11.5-1
async fn what_stands_twice_is_written_in_its_order() {
    let platform = platform().await;
    let created = batch(&platform, "create", json!([aed(1, "a"), aed(1, "b")])).await;
    assert_eq!(created.json()["success"], json!([id(1)]), "{created}");
    let told = errors(&created);
    assert_eq!((told.len(), &told[0].0, told[0].1), (1, &id(1), 409));
    assert_eq!(read(&platform, 1).await, aed(1, "a"));
    let upserted = batch(&platform, "upsert", json!([aed(2, "a"), aed(2, "b")])).await;
    assert_eq!((upserted.status, upserted.json()), (201, json!([id(2)])), "{upserted}");
    assert_eq!(read(&platform, 2).await, aed(2, "b"));
    let merge = |value: Value| json!({ "id": id(2), "remarks": { "type": "Property", "value": value } });
    let merged = batch(
        &platform,
        "merge",
        json!([merge(json!({"x": 1})), merge(json!({"y": 2}))]),
    )
    .await;
    assert_eq!((merged.status, merged.body.len()), (204, 0), "{merged}");
    assert_eq!(read(&platform, 2).await["remarks"]["value"], json!({ "x": 1, "y": 2 }));
}

#[tokio::test]
//= 5.6.8.3-1, 5.6.8.3-2, 5.6.8.4-2, 6.15.3.1-2
async fn an_upsert_lays_attributes_over_those_that_are_there_if_that_is_asked_for() {
    let platform = platform().await;
    assert_eq!(batch(&platform, "create", json!([aed(1, "a")])).await.status, 201);
    let remarks = json!({ "type": "Property", "value": "x" });
    let with_remarks = |number: usize| json!({ "id": id(number), "type": "AED", "remarks": remarks });
    let both = json!([with_remarks(1), with_remarks(2)]);
    let updated = batch(&platform, "upsert?options=update", both.clone()).await;
    assert_eq!((updated.status, updated.json()), (201, json!([id(2)])), "{updated}");
    let mut expected = aed(1, "a");
    expected["remarks"] = remarks.clone();
    assert_eq!(read(&platform, 1).await, expected);
    assert_eq!(read(&platform, 2).await, with_remarks(2));
    assert_eq!(
        batch(&platform, "upsert?options=update", both.clone()).await.status,
        204
    );
    assert_eq!(batch(&platform, "upsert?options=replace", both).await.status, 204);
    assert_eq!(read(&platform, 1).await, with_remarks(1));
}

#[tokio::test]
//= 5.6.9.3-1, 5.6.9.4-2, 5.6.20.4-1, 6.16.3.1-1, 6.16.3.1-2, 6.31.3.1-1
async fn updates_and_merges_are_of_what_is_there() {
    let platform = platform().await;
    assert_eq!(
        batch(&platform, "create", json!([aed(1, "a"), aed(2, "b")]))
            .await
            .status,
        201
    );
    let fragment = |number: usize| json!({ "id": id(number), "type": "AED", "name": { "type": "Property", "value": "z" }, "remarks": "x" });
    let three = json!([fragment(1), fragment(9), fragment(2)]);
    for of in ["update", "merge"] {
        let partly = batch(&platform, of, three.clone()).await;
        assert_eq!(partly.json()["success"], json!([id(1), id(2)]), "{partly}");
        let told = errors(&partly);
        assert_eq!((told.len(), &told[0].0, told[0].1), (1, &id(9), 404));
    }
    let done = batch(&platform, "merge", json!([{ "id": id(1), "name": "urn:ngsi-ld:null" }])).await;
    assert_eq!((done.status, done.body.len()), (204, 0), "{done}");
    assert_eq!(read(&platform, 1).await.get("name"), None);
    // What is there stays, what is not is added, and the entity is told to have kept something.
    let kept = batch(
        &platform,
        "update?options=noOverwrite",
        json!([fragment(1), fragment(2)]),
    )
    .await;
    assert_eq!(kept.json()["success"], json!([]), "{kept}");
    let told = errors(&kept);
    assert_eq!(told.len(), 2);
    assert!(
        told[0].2.contains("noOverwrite") && told[0].2.contains("remarks"),
        "{told:?}"
    );
    assert_eq!(read(&platform, 1).await["name"]["value"], "z");
    let null = batch(
        &platform,
        "update",
        json!([{ "id": id(1), "name": "urn:ngsi-ld:null" }]),
    )
    .await;
    assert_eq!(errors(&null)[0].1, 400);
}
