//! How much the store is asked for what is asked often: what is short is read where the request arrived, without a way to the
//! thread of a connection and back; a write takes such a way to begin, to write all its rows, and to commit.

use serde_json::{Value, json};

use super::harness::{Ask, Platform, key_of, keys, section};

/// Entities in the partition.
const STORED: usize = 300;

fn aed(number: usize) -> Value {
    json!({
        "id": format!("urn:ngsi-ld:AED:{number:04}"),
        "type": "AED",
        "name": {"type": "Property", "value": format!("AED {number}")},
        "location": {
            "type": "GeoProperty",
            "value": {"type": "Point", "coordinates": [139.9 + number as f64 / 10_000.0, 36.8]}
        }
    })
}

async fn platform() -> Platform {
    let builder = Platform::builder().await.tenants(|table| {
        let mut consumer = toml::Table::new();
        consumer.insert("name".into(), "writer".into());
        consumer.insert("tenant".into(), "yaita".into());
        consumer.insert("keys".into(), keys(&key_of("writer")));
        section(table, "consumers").insert("writer".into(), toml::Value::Table(consumer));
    });
    let everything = "permit (principal == Consumer::\"writer\", action, resource == EntityType::\"yaita/AED\");\n";
    let stored: Vec<Value> = (0..STORED).map(aed).collect();
    let builder = builder.policy("yaita.cedar", everything);
    let builder = builder.log("info,sqlx::query=debug,kakehashi_store=debug");
    builder.store("yaita", Value::from(stored).to_string()).start().await
}

/// What a request made the store do.
#[derive(Debug, Default)]
struct Work {
    /// Statements that were sent to a connection's thread; without those of upkeep, which are no request's.
    sent: Vec<String>,
    /// How many rows were read by each statement that was run in place.
    in_place: Vec<u64>,
}

async fn work(platform: &Platform, ask: Ask, status: u16) -> Work {
    let before = platform.whole_log().await.len();
    let answer = ask.await;
    assert_eq!(answer.status, status, "{answer}");
    let log = platform.whole_log().await.split_off(before);
    let mut work = Work::default();
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let fields = line.get("fields").unwrap_or(&line);
        let text = format!("{}{}", fields["summary"], fields["db.statement"]);
        if line["target"] == "sqlx::query" && !text.contains("PRAGMA") && !text.contains("expir") {
            work.sent.push(text);
        } else if fields["message"] == "looked up in place" {
            work.in_place.push(fields["rows_returned"].as_u64().unwrap());
        }
    }
    work
}

#[tokio::test]
async fn a_page_of_the_store_is_read_where_its_request_arrived() {
    let platform = platform().await;
    for (conditions, rows) in [
        ("", 21),
        ("&q=name==%22AED%2042%22", 1),
        (
            "&georel=near;maxDistance==100000&geometry=Point&coordinates=[139.9,36.8]",
            0,
        ),
        ("&count=true", 21),
    ] {
        let path = format!("/ngsi-ld/v1/entities?type=AED&limit=20{conditions}");
        let ask = || platform.get(path.clone()).tenant("yaita").by("writer");
        // What has expired is looked for once, and connections are opened.
        ask().await;
        let work = work(&platform, ask(), 200).await;
        assert!(work.sent.is_empty(), "{conditions}: {work:?}");
        assert!(work.in_place.contains(&rows) || rows == 0, "{conditions}: {work:?}");
        // No more is read than the page and the one behind it need, and of candidates some more.
        assert!(work.in_place.iter().all(|rows| *rows <= 40), "{conditions}: {work:?}");
    }
}

#[tokio::test]
async fn a_page_that_is_long_is_read_by_a_connection_of_its_own_and_says_the_same() {
    let platform = platform().await;
    let page = async |limit: usize, offset: usize| {
        let path = format!("/ngsi-ld/v1/entities?type=AED&limit={limit}&offset={offset}");
        let answer = platform.get(path).tenant("yaita").by("writer").await;
        answer.json().as_array().unwrap().clone()
    };
    let mut short = Vec::new();
    while short.len() < STORED {
        short.extend(page(20, short.len()).await);
    }
    assert_eq!(short, page(STORED, 0).await);
}

#[tokio::test]
async fn a_write_sends_little_to_the_connection_however_many_rows_it_has() {
    let platform = platform().await;
    let attributes = |entity: &mut Value, value: &str| {
        let instance = |number: u32| json!({"type": "Property", "value": format!("{value} {number}"), "datasetId": format!("urn:of:{number}")});
        entity["remarks"] = (0..30).map(instance).collect();
    };
    let mut one = aed(STORED);
    attributes(&mut one, "first");
    // Names are given their numbers once.
    let created = platform.create(&one).by("writer").tenant("yaita").await;
    assert_eq!(created.status, 201, "{created}");
    for value in ["second", "third"] {
        attributes(&mut one, value);
        let ask = platform.post("/ngsi-ld/v1/entityOperations/upsert");
        let ask = ask.by("writer").tenant("yaita").json(&json!([one]));
        let work = work(&platform, ask, 204).await;
        assert!(work.sent.len() <= 4, "{work:?}");
    }
}
