//! The outbox of the store: of what was changed it holds values that may rest, and none of a class that has become stricter.

use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};

use super::harness::{PATIENCE, Platform};
use super::notifications::put;
use super::subscriptions::builder;
use super::withdrawn::revised;

/// In how many marks of Yaita's partition a text stands.
pub(super) async fn marks_with(platform: &Platform, text: &str) -> i64 {
    let file = platform.files().folder().join("store/yaita.db");
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let statement = "SELECT count(*) FROM outbox WHERE instr(before, ?1) OR instr(after, ?1)";
    let counted = sqlx::query_scalar(statement)
        .bind(text.as_bytes())
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    counted
}

#[tokio::test]
async fn values_rest_in_the_outbox_as_their_class_allows_and_go_when_it_becomes_stricter() {
    const OPEN: &str = "北側の入口";
    let platform = builder().await.start().await;
    let aed = |text: &str| {
        json!({
            "id": "urn:ngsi-ld:AED:of-the-outbox",
            "type": "AED",
            "installationLocation": {"type": "Property", "value": text},
            "name": {"type": "Property", "value": "庁舎"},
        })
    };
    put(&platform, &aed(OPEN)).await;
    put(&platform, &aed("南側の入口")).await;
    assert_eq!(marks_with(&platform, OPEN).await, 2, "as it was, and as it became");

    revised(&platform, |files| {
        let classes = files.read("policies/classification.toml");
        let open = "[types.AED.attributes]\nopen = [\n  \"installationLocation\", ";
        assert!(classes.contains(open));
        let stricter = "[types.AED.attributes]\npersonal = [\"installationLocation\"]\nopen = [\n  ";
        files.write("policies/classification.toml", classes.replace(open, stricter));
    })
    .await;
    let gone = async { while marks_with(&platform, OPEN).await > 0 {} };
    tokio::time::timeout(PATIENCE, gone).await.unwrap();
    // What else there was of it still rests, and the store has what its owner has written.
    assert_eq!(marks_with(&platform, "庁舎").await, 2);
}
