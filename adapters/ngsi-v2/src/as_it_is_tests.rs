//! The adapter against what an Orion holds in the wild: places that it does not look for, and entities too large for an answer.

use futures::TryStreamExt;
use ngsi_ld::query::GeoQuery;
use stand_ins::Orion;

use super::tests::{call, ids, of_id, of_types, settings, with};
use super::*;
use kakehashi_client::HttpClientSettings;
use kakehashi_contract::{Flaw, Page, Yielded};

/// A place for `location`, and one that Orion does not look for.
fn site(id: &str, ignored: bool, latitude: f64) -> String {
    let metadata = if ignored {
        r#""ignoreType":{"type":"Boolean","value":true}"#
    } else {
        ""
    };
    format!(
        r#"{{"id":"urn:x:{id}","type":"Room","location":{{"type":"geo:point","value":"{latitude},139","metadata":{{{metadata}}}}}}}"#
    )
}

fn near() -> SourceQuery {
    let near = GeoQuery::parse("near;maxDistance==8000", "Point", "[139,36]", None, Context::core()).unwrap();
    SourceQuery {
        geo: Some(near.into()),
        ..of_types(&["Room"])
    }
}

#[tokio::test]
async fn places_that_the_source_ignores_are_asked_for_beside_a_geo_query() {
    let here = format!(
        "[{},{},{}]",
        site("1", false, 36.0),
        site("2", true, 36.01),
        site("3", false, 50.0)
    );
    let (orion, adapter) = with(&here).await;
    for _ in 0..2 {
        assert_eq!(ids(&adapter, &near()).await, ["urn:x:1", "urn:x:2"]);
        let requests = orion.requests();
        orion.clear_requests();
        assert_eq!(requests.len(), 2);
        assert_eq!(requests[0].parameter("mq"), None);
        assert_eq!(requests[1].parameter("georel"), None);
        assert_eq!(
            requests[1].parameter("mq").as_deref(),
            Some("location.ignoreType==true")
        );
        assert_eq!(requests[1].parameter("type").as_deref(), Some("Room"));
    }
}

#[tokio::test]
async fn that_there_are_none_is_found_out_once_until_one_is_shown() {
    let (orion, adapter) = with(&format!("[{}]", site("1", false, 36.0))).await;
    let requests = async || {
        orion.clear_requests();
        let found = ids(&adapter, &near()).await;
        (found.len(), orion.requests().len())
    };
    assert_eq!(requests().await, (1, 2));
    assert_eq!(requests().await, (1, 1));
    orion
        .load("city", "/", &format!("[{}]", site("2", true, 36.0)))
        .unwrap();
    // A list shows it, and so it is found from then on.
    assert_eq!(ids(&adapter, &of_types(&["Room"])).await.len(), 2);
    assert_eq!(requests().await, (2, 2));
    // By their ids entities are asked for as they are.
    let by_id = SourceQuery {
        geo: near().geo,
        ..of_id("urn:x:2", &["Room"])
    };
    assert_eq!(ids(&adapter, &by_id).await, ["urn:x:2"]);
}

#[tokio::test]
async fn what_does_not_fit_into_an_answer_is_asked_for_in_smaller_pages_and_costs_itself_alone() {
    let entity = |number: usize| {
        let text = if number == 7 { 40_000 } else { 100 };
        format!(
            r#"{{"id":"urn:x:{number}","type":"Room","a":{{"value":"{}"}}}}"#,
            "x".repeat(text)
        )
    };
    let all_of_them: Vec<String> = (0..200).map(entity).collect();
    let orion = Orion::start().await.unwrap();
    orion
        .load("city", "/", &format!("[{}]", all_of_them.join(",")))
        .unwrap();
    let limits = SourceLimits {
        // So few that not all of the small ones fit into one answer either.
        body: 20_000,
        ..SourceLimits::default()
    };
    let http = HttpClient::new(&HttpClientSettings::default()).unwrap();
    let adapter = NgsiV2Adapter::new(http, settings(&orion), None, limits).unwrap();
    let prepared = adapter.prepare(&of_types(&["Room"]));
    let yielded: Vec<Yielded> = prepared.query(None, &call()).try_collect().await.unwrap();
    assert_eq!(yielded.len(), 200);
    for (number, one) in yielded.iter().enumerate() {
        match one {
            Yielded::Entity(entity) => assert_eq!(entity.id.as_str(), format!("urn:x:{number}")),
            Yielded::LeftOut(flaw) => assert_eq!((*flaw, number), (Flaw::TooLarge, 7)),
        }
    }
    assert!(orion.requests().len() < 40, "{}", orion.requests().len());
    orion.clear_requests();
    let alone = adapter
        .prepare(&of_id("urn:x:7", &["Room"]))
        .retrieve(&call())
        .await
        .unwrap();
    assert_eq!(alone, Some(Yielded::LeftOut(Flaw::TooLarge)));
    let page = Page { limit: 1, offset: 7 };
    let of_page: Vec<Yielded> = prepared.query(Some(page), &call()).try_collect().await.unwrap();
    assert_eq!(of_page, [Yielded::LeftOut(Flaw::TooLarge)]);
}
