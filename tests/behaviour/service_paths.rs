//! Where an entity stands in an Orion may be its scope in the view: as the source is configured.

use serde_json::json;

use super::harness::{ORION, Platform, change_source};

/// Sites in paths of the service that the committed configuration reads.
async fn in_paths(is_scope: bool) -> Platform {
    let builder = Platform::builder().await.tenants(|table| {
        change_source(table, ORION, |source| {
            source.insert("scope_from_servicepath".into(), is_scope.into());
        });
    });
    for (number, path) in ["/north", "/north/station", "/"].into_iter().enumerate() {
        let site = json!([{
            "id": format!("urn:ngsi-ld:EvacuationSite:path-{number}"),
            "type": "EvacuationSite",
            "name": { "type": "Text", "value": "避難所" },
        }]);
        builder
            .demo()
            .orion()
            .load("nasushiobara", path, &site.to_string())
            .unwrap();
    }
    builder.start().await
}

async fn scopes(platform: &Platform, attributes: &str) -> Vec<serde_json::Value> {
    let answer = platform
        .entities(format!(
            "type=EvacuationSite&q=name==%22避難所%22&limit=100{attributes}"
        ))
        .tenant("nasushiobara")
        .await
        .ok();
    answer.entities().iter().map(|entity| entity["scope"].clone()).collect()
}

#[tokio::test]
async fn the_service_path_of_an_entity_is_its_scope_where_the_source_says_so() {
    let platform = in_paths(true).await;
    let expected = [json!("/north"), json!("/north/station"), json!(null)];
    assert_eq!(scopes(&platform, "").await, expected);
    assert_eq!(scopes(&platform, "&attrs=name").await, expected);
    let without = in_paths(false).await;
    assert_eq!(scopes(&without, "").await, [json!(null), json!(null), json!(null)]);
}

#[tokio::test]
async fn a_scope_query_finds_the_entities_of_its_paths() {
    let found = async |platform: &Platform, scope: &str| {
        let answer = platform
            .query(&[
                ("type", "EvacuationSite"),
                ("idPattern", "path-"),
                ("scopeQ", scope),
                ("count", "true"),
            ])
            .tenant("nasushiobara")
            .await
            .ok();
        assert_eq!(answer.count(), answer.ids().len(), "{scope}");
        answer
            .ids()
            .iter()
            .map(|id| id.rsplit('-').next().unwrap().to_owned())
            .collect::<String>()
    };
    let platform = in_paths(true).await;
    for (scope, expected) in [
        ("/north", "0"),
        ("/north/#", "01"),
        ("/#", "01"),
        ("/+/station", "1"),
        ("/north,/south", "0"),
        ("(/north;/north/station)", ""),
        ("/north/station/#|/north", "01"),
        ("/south/#", ""),
    ] {
        assert_eq!(found(&platform, scope).await, expected, "{scope}");
    }
    let without = in_paths(false).await;
    assert_eq!(found(&without, "/north/#").await, "");
}
