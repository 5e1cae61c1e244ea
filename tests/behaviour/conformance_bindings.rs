//! What clauses 5.5 and 6.3 demand of every answer, and what no other behaviour looks at; see docs/conformance.md.

use http::{Method, header};
use kakehashi::http::api::operations::offered;
use serde_json::json;

use super::contexts::{Origin, calling_sites, platform_with_egress, sites};
use super::harness::{Answer, Platform};

/// The kinds of errors that CIM 009 names begin so.
const ERRORS: &str = "https://uri.etsi.org/ngsi-ld/errors/";

#[tokio::test]
//= 5.5.3-1, 5.5.3-2, 5.5.3-3, 6.3.2-1, 6.3.3-1, 6.3.6-6
async fn an_error_says_its_kind_in_a_short_title_and_is_plain_json() {
    let platform = Platform::start().await;
    for accept in [
        None,
        Some("application/ld+json"),
        Some("application/geo+json"),
        Some("*/*"),
    ] {
        let ask = |target: &str| match accept {
            Some(accept) => platform.get(target).accept(accept),
            None => platform.get(target),
        };
        for (target, status, kind) in [
            ("/ngsi-ld/v1/entities", 400, "BadRequestData"),
            ("/ngsi-ld/v1/entities?type=AED&options=no", 400, "InvalidRequest"),
            ("/ngsi-ld/v1/entities/urn:a:nobody", 404, "ResourceNotFound"),
            ("/ngsi-ld/v1/entities?type=AED&limit=100000", 403, "TooManyResults"),
            ("/ngsi-ld/v1/entities?type=AED&via=true", 422, "OperationNotSupported"),
        ] {
            let answer: Answer = ask(target).await;
            assert_eq!(answer.status, status, "{answer}");
            assert_eq!(answer.header("content-type"), Some("application/json"), "{answer}");
            assert_eq!(answer.header("link"), None, "{answer}");
            let problem = answer.json();
            assert_eq!(problem["type"], format!("{ERRORS}{kind}"), "{answer}");
            assert_eq!(problem["status"], status, "{answer}");
            let title = problem["title"].as_str().unwrap();
            assert!(
                !title.is_empty() && title.len() <= 80 && !title.contains('\n'),
                "{answer}"
            );
            assert!(problem["detail"].is_string(), "{answer}");
        }
    }
}

#[tokio::test]
//= 6.3.2-6, 6.3.4-3, 6.3.4-6
async fn what_is_accepted_decides_what_is_sent_and_what_is_not_to_be_had_is_listed() {
    let platform = Platform::start().await;
    let (json, json_ld, geo_json) = ("application/json", "application/ld+json", "application/geo+json");
    for (accept, expected) in [
        (None, json),
        (Some("*/*"), json),
        (Some("application/*"), json),
        (Some("application/geo+json, application/ld+json"), json_ld),
        (Some("application/geo+json, application/json"), json),
        (Some("application/json;q=0.4, application/ld+json;q=0.5"), json_ld),
        (Some("application/*;q=0.1, application/geo+json"), geo_json),
        (Some("text/html, application/geo+json;q=0.2"), geo_json),
    ] {
        let ask = platform.entities("type=AED&limit=1");
        let answer = match accept {
            Some(accept) => ask.accept(accept).await.ok(),
            None => ask.await.ok(),
        };
        assert_eq!(answer.header("content-type"), Some(expected), "{accept:?}");
    }
    let all = [json, json_ld, geo_json];
    let entities = ["/ngsi-ld/v1/entities?type=AED", "/ngsi-ld/v1/entities/urn:a:nobody"];
    let others = ["/ngsi-ld/v1/types", "/ngsi-ld/v1/attributes", "/ngsi-ld/v1/types/AED"];
    let of_entities = entities.map(|target| (target, "text/html", &all[..]));
    let of_others = others.map(|target| (target, geo_json, &all[..2]));
    for (target, accept, listed) in of_entities.into_iter().chain(of_others) {
        let answer = platform.get(target).accept(accept).await;
        assert_eq!(answer.status, 406, "{answer}");
        let detail = answer.problem().detail;
        for media_type in all {
            assert_eq!(detail.contains(media_type), listed.contains(&media_type), "{answer}");
        }
    }
}

#[tokio::test]
//= 6.3.13-2
async fn only_the_count_is_told_where_nothing_else_is_asked_for() {
    let platform = Platform::start().await;
    let counted = platform.entities("type=EvacuationSite&limit=0&count=true").await.ok();
    assert_eq!((counted.count(), counted.json()), (102, json!([])), "{counted}");
    let neither = platform.entities("type=EvacuationSite&limit=0").await;
    assert_eq!(
        (neither.status, neither.error_type().as_str()),
        (400, "BadRequestData"),
        "{neither}"
    );
}

#[tokio::test]
//= 6.4.3.2-9
async fn any_type_is_the_local_scope_and_no_other() {
    let platform = Platform::start().await;
    let any = platform.entities("type=*&limit=1000&count=true").await.ok();
    let local = platform.entities("local=true&limit=1000&count=true").await.ok();
    assert_eq!((any.ids(), any.count()), (local.ids(), local.count()));
    assert!(any.count() > 0, "{any}");
    assert_eq!(platform.asked().len(), 0, "no source beside the store");
    for (method, target) in [
        (Method::GET, "/ngsi-ld/v1/entities?type=*&local=false"),
        (Method::DELETE, "/ngsi-ld/v1/entities?type=*&local=false"),
    ] {
        let answer = platform.request(method, target).await;
        assert_eq!(
            (answer.status, answer.error_type().as_str()),
            (400, "BadRequestData"),
            "{answer}"
        );
    }
}

#[test]
//= 4.3.5-1
fn every_operation_of_the_core_is_offered() {
    let clauses: Vec<&str> = offered().filter_map(|operation| operation.clause).collect();
    let of_core = (1..=10)
        .chain(17..=20)
        .map(|number| format!("5.6.{number}"))
        .chain([1, 2, 5, 6, 7, 8, 9, 10].map(|number| format!("5.7.{number}")))
        .chain((1..=5).map(|number| format!("5.8.{number}")));
    for clause in of_core {
        let is_met = clauses
            .iter()
            .any(|listed| listed.split([' ', ',']).any(|one| one == clause));
        assert!(is_met, "{clause}: {clauses:?}");
    }
}

#[tokio::test]
//= 6.4.3.2-6, 6.4.3.3-5
async fn where_no_place_is_asked_for_the_name_of_one_is_ignored() {
    let platform = Platform::start().await;
    let plain = platform.entities("type=EvacuationSite&limit=1000").await.ok();
    let named = platform
        .entities("type=EvacuationSite&limit=1000&geoproperty=observationSpace")
        .await
        .ok();
    assert_eq!(named.json(), plain.json());
}

#[tokio::test]
//= 4.5.16.1-2
async fn a_feature_has_the_place_of_the_dataset_that_is_asked_for() {
    let id = "urn:ngsi-ld:EvacuationSite:places";
    let place = |longitude: f64| json!({ "type": "Point", "coordinates": [longitude, 36.8] });
    let mut entrance = json!({ "type": "GeoProperty", "value": place(139.5) });
    entrance["datasetId"] = json!("urn:d:entrance");
    let location = json!([{ "type": "GeoProperty", "value": place(139.9) }, entrance]);
    let site = json!([{ "id": id, "type": "EvacuationSite", "location": location }]);
    let platform = Platform::builder().await.store("yaita", site.to_string()).start().await;
    for (chosen, longitude) in [
        ("", 139.9),
        ("?datasetId=@none", 139.9),
        ("?datasetId=urn:d:entrance", 139.5),
    ] {
        let asked = platform.get(format!("/ngsi-ld/v1/entities/{id}{chosen}"));
        let feature = asked.tenant("yaita").accept("application/geo+json").await.ok().json();
        assert_eq!(feature["geometry"], place(longitude), "{chosen}: {feature}");
    }
}

#[tokio::test]
//= 6.23.3.1-2
async fn a_posted_query_is_amended_for_a_reader_of_an_earlier_version() {
    let id = "urn:ngsi-ld:EvacuationSite:scoped";
    let name = json!({ "type": "Property", "value": "小学校" });
    let site = json!([{ "id": id, "type": "EvacuationSite", "scope": "/a", "name": name }]);
    let platform = Platform::builder().await.store("yaita", site.to_string()).start().await;
    let query = json!({ "type": "Query", "entities": [{ "type": "EvacuationSite", "id": id }] });
    let post = || {
        platform
            .post("/ngsi-ld/v1/entityOperations/query")
            .tenant("yaita")
            .json(&query)
    };
    let current = post().await.ok();
    assert_eq!(current.json()[0]["scope"], "/a", "{current}");
    assert_eq!(current.header("preference-applied"), None, "{current}");
    let earlier = post().header("prefer", "ngsi-ld=1.3").await;
    assert_eq!(
        (earlier.status, earlier.header("preference-applied")),
        (203, Some("ngsi-ld=1.3")),
        "{earlier}"
    );
    assert!(
        earlier.json()[0].get("scope").is_none(),
        "version 1.3 has no scopes: {earlier}"
    );
}

#[tokio::test]
//= 6.3.16-1
async fn a_copy_of_a_context_is_kept_as_long_as_shared_caches_may_keep_it() {
    let (origin, server) = Origin::start().await;
    let platform = platform_with_egress().await;
    for (path, lifetime, downloads) in [
        ("/shared.jsonld", "max-age=0, s-maxage=3600", 1),
        ("/own.jsonld", "s-maxage=0, max-age=3600", 2),
    ] {
        origin.publish(path, &calling_sites("Hinan"), &[(header::CACHE_CONTROL, lifetime)]);
        for _ in 0..2 {
            sites(&platform, "Hinan", &format!("{}{path}", server.url())).await.ok();
        }
        let asked = server.requests().into_iter().filter(|request| request.path == path);
        assert_eq!(asked.count(), downloads, "{lifetime}");
    }
}
