//! A large page is sent as its entities arrive from the one source that decides it, and says the same as a whole one.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::harness::{Answer, Platform, key_of};

/// Entities in Yaita's partition beside those that it has, of about 8 KB each: several MB in all.
const LARGE: usize = 400;

fn large(number: usize) -> Value {
    json!({
        "id": format!("urn:ngsi-ld:AED:large:{number:04}"),
        "type": "AED",
        "name": { "type": "Property", "value": "矢板".repeat(1350) },
        "location": { "type": "GeoProperty", "value": { "type": "Point", "coordinates": [139.9, 36.8] } },
    })
}

async fn platform() -> Platform {
    let entities: Vec<Value> = (0..LARGE).map(large).collect();
    let builder = Platform::builder().await;
    builder.store("yaita", Value::Array(entities).to_string()).start().await
}

fn is_sent_as_it_arrives(answer: &Answer) -> bool {
    answer.header("content-length").is_none()
}

#[tokio::test]
async fn a_large_page_is_sent_as_it_arrives_and_a_small_one_with_its_length() {
    let platform = platform().await;
    let ask = |query: &str| platform.entities(format!("type=AED&{query}")).tenant("yaita");
    let small = ask("limit=20").await.ok();
    assert!(!is_sent_as_it_arrives(&small), "{small}");

    let all = ask("limit=1000&count=true").await.ok();
    assert!(is_sent_as_it_arrives(&all));
    let ids = all.ids();
    assert_eq!(ids.len(), all.count());
    assert!(ids.len() >= LARGE && ids.is_sorted());
    assert_eq!(all.link("next"), None);

    let mut walked = Vec::new();
    let mut next = Some("/ngsi-ld/v1/entities?type=AED&limit=150".to_owned());
    while let Some(page) = next {
        let page = platform.get(page).tenant("yaita").await.ok();
        walked.extend(page.ids());
        next = page.link("next");
    }
    assert_eq!(walked, ids, "the pages are those of the whole");

    let first = large(0);
    let shown = all.entities().into_iter().find(|entity| entity["id"] == first["id"]);
    assert_eq!(shown.unwrap()["name"], first["name"]);
}

#[tokio::test]
async fn a_page_that_ends_where_the_list_ends_has_no_next_one() {
    let platform = platform().await;
    let ask = |limit: usize| platform.entities(format!("type=AED&limit={limit}")).tenant("yaita");
    let all = ask(1000).await.ok().ids().len();
    let (exact, less) = (ask(all).await.ok(), ask(all - 1).await.ok());
    assert!(is_sent_as_it_arrives(&exact) && is_sent_as_it_arrives(&less));
    assert_eq!((exact.link("next"), less.link("next").is_some()), (None, true));
}

#[tokio::test]
async fn every_representation_is_whole() {
    let platform = platform().await;
    for media_type in ["application/json", "application/ld+json", "application/geo+json"] {
        for protocol in ["http/1.1", "h2"] {
            let ask = platform
                .entities("type=AED&limit=1000")
                .tenant("yaita")
                .accept(media_type);
            let answer = if protocol == "h2" {
                let client = platform.over_http2();
                let ask = client
                    .entities("type=AED&limit=1000")
                    .tenant("yaita")
                    .accept(media_type);
                ask.await.ok()
            } else {
                ask.await.ok()
            };
            assert!(is_sent_as_it_arrives(&answer), "{media_type} {protocol}");
            let body = answer.json();
            let (list, context) = match media_type {
                "application/geo+json" => (&body["features"], body.get("@context").is_some()),
                _ => (&body, body[0].get("@context").is_some()),
            };
            assert!(list.as_array().unwrap().len() >= LARGE, "{media_type}");
            assert_eq!(context, media_type != "application/json", "{media_type}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_completed_is_broken_off() {
    let platform = platform().await;
    // A row in the middle of the page can no longer be read.
    let file = platform.gateway().folder().join("store/yaita.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let mut connection = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options)
        .await
        .unwrap();
    let damaged = sqlx::query("UPDATE entities SET body = x'ff' WHERE id = 'urn:ngsi-ld:AED:large:0350'");
    assert_eq!(damaged.execute(&mut connection).await.unwrap().rows_affected(), 1);

    let ready = platform.gateway().ready();
    let address = ready["gateway"]
        .as_str()
        .unwrap()
        .trim_start_matches("http://")
        .to_owned();
    let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
    let request = format!(
        "GET /ngsi-ld/v1/entities?type=AED&limit=1000 HTTP/1.1\r\nhost: {address}\r\nx-api-key: {}\r\n\
         ngsild-tenant: yaita\r\nconnection: close\r\n\r\n",
        key_of("bousai-map")
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // The connection may end with a reset.
    let _ = stream.read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer);
    assert!(text.starts_with("HTTP/1.1 200"), "the head was sent");
    assert!(text.contains("urn:ngsi-ld:AED:large:0000"), "a part was sent");
    assert!(!text.ends_with("0\r\n\r\n"), "nobody may take it for the whole");

    // While nothing was sent yet, the failure is told in a warning, and nothing is shown.
    let small = platform
        .entities("type=AED&limit=20&offset=340")
        .tenant("yaita")
        .await
        .ok();
    assert_eq!((small.entities().len(), small.warnings().len()), (0, 1), "{small}");
}
