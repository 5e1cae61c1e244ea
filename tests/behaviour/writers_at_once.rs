//! Many who write the same entity: a change that is conditioned on what its writer has read is made of just that, or not.

use std::sync::Arc;

use http::Method;
use serde_json::json;
use tokio::task::JoinSet;

use super::harness::Platform;

const ID: &str = "urn:ngsi-ld:PeopleFlowObserved:counted";

/// Increments in all; each writer makes its share.
const INCREMENTS: usize = 1000;
const WRITERS: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_increments_by_if_match_each_survives() {
    let platform = Platform::builder()
        .await
        .consumer("writer")
        .policy(
            "yaita.cedar",
            "permit (principal == Consumer::\"writer\", action in [Action::\"provide\", Action::\"read\"], \
             resource in Tenant::\"yaita\");",
        )
        .log("warn")
        .start()
        .await;
    let platform = Arc::new(platform);
    let counted = json!({"id": ID, "type": "PeopleFlowObserved", "peopleCount": {"type": "Property", "value": 0}});
    let created = platform.create(&counted).by("writer").tenant("yaita").await;
    assert_eq!(created.status, 201, "{created}");
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        let platform = Arc::clone(&platform);
        writers.spawn(async move {
            let mut refused = 0_usize;
            let mut made = 0;
            while made < INCREMENTS / WRITERS {
                let read = platform.entity(ID).by("writer").tenant("yaita").await;
                assert_eq!(read.status, 200, "{read}");
                let tag = read.header("etag").unwrap_or_default().to_owned();
                let value = read.json()["peopleCount"]["value"].as_u64().unwrap();
                let patched = platform
                    .request(Method::PATCH, format!("/ngsi-ld/v1/entities/{ID}/attrs"))
                    .header("if-match", &tag)
                    .json(&json!({"peopleCount": {"type": "Property", "value": value + 1}}))
                    .by("writer")
                    .tenant("yaita")
                    .await;
                match patched.status {
                    204 => made += 1,
                    412 => refused += 1,
                    _ => panic!("{patched}"),
                }
            }
            refused
        });
    }
    let refused: usize = writers.join_all().await.into_iter().sum();
    let left = platform.entity(ID).by("writer").tenant("yaita").await.json();
    assert_eq!(left["peopleCount"]["value"], INCREMENTS, "{refused} were refused");
    assert!(refused > 0, "nobody was in the way of anybody");
}
