//! `kakehashi explain` of what tells of types and attributes: what it says that sources are asked they are asked.

use serde_json::Value;

use super::explained_requests::{explained, requests, was_asked};
use super::harness::{Finished, Platform};

#[tokio::test]
async fn what_tells_of_types_and_attributes_is_explained_as_well() {
    let platform = Platform::start().await;
    for (target, at_least) in [
        ("types?details=true", 4),
        ("types/EvacuationSite", 2),
        ("attributes", 4),
        ("attributes/name", 4),
    ] {
        platform.forget_requests();
        let target = format!("/ngsi-ld/v1/{target}");
        let explanation = explained(platform.files(), &["--consumer", "bousai-map", "GET", &target]);
        assert!(platform.asked().is_empty(), "explaining asked: {:?}", platform.asked());
        let told = requests(&explanation);
        assert!(told.len() >= at_least, "{target}: {explanation:#}");
        platform.get(&*target).await.ok();
        let asked = platform.asked();
        for request in &told {
            assert!(
                was_asked(&asked, request),
                "{target}: {request:?} was not asked of {asked:#?}"
            );
        }
    }
    let hidden = Finished::well(
        platform.files().folder(),
        &[
            "explain",
            "--json",
            "--consumer",
            "bousai-map",
            "GET",
            "/ngsi-ld/v1/types/Resident",
        ],
    );
    let hidden: Value = serde_json::from_str(&hidden.stdout).unwrap();
    assert_eq!(requests(&hidden), [], "{hidden:#}");
}
