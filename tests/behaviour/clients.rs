//! What real clients of other brokers send, each as it comes.

use http::Method;
use serde_json::json;

use super::harness::{Platform, encoded, sano_sites};

#[tokio::test]
async fn probes_at_the_start_are_answered() {
    let platform = Platform::start().await;
    let version = platform.get("/version").await.ok();
    assert_eq!(version.json()["name"], "Kakehashi");
    let statistics = platform.get("/statistics").await.ok();
    assert!(statistics.json()["uptime_in_secs"].is_u64(), "{statistics}");
    let probe = platform.entities("type=None&limit=0&count=true").await.ok();
    assert_eq!((probe.count(), probe.ids().len()), (0, 0));
    assert_eq!(platform.asked().len(), 0);
}

#[tokio::test]
async fn spellings_of_other_brokers_mean_what_they_mean_there() {
    let platform = Platform::start().await;
    let place = &sano_sites()[3];
    let key_values = platform
        .entities("type=EvacuationSite&options=keyValues,count&limit=2")
        .await
        .ok();
    assert_eq!(key_values.count(), 102);
    assert!(key_values.entities()[0]["name"].is_string());
    // Whether encoded or not.
    for q in [
        format!("name==%22{}%22", encoded(&place.name)),
        encoded(&format!("name==\"{}\"", place.name)),
    ] {
        let found = platform.entities(format!("type=EvacuationSite&q={q}")).await.ok();
        assert_eq!(found.ids(), [place.id.as_str()]);
    }
    for id in [place.id.clone(), encoded(&place.id)] {
        for slash in ["", "/"] {
            let ask = platform.get(format!("/ngsi-ld/v1/entities/{id}{slash}"));
            let entity = ask.header("content-type", "application/json").await.ok();
            assert_eq!(entity.json()["id"], place.id.as_str());
        }
    }
    // As it stands, as far as a URL can hold it.
    for (plain, same) in [
        ("type=EvacuationSite|AED&q=(name|remarks);typeOfDisasterFlood==true", 1),
        ("type=EvacuationSite&q=name;address[city]", 0),
        (
            "type=EvacuationSite&georel=near;maxDistance==3000&geometry=Point&coordinates=[139.5784,36.3146]",
            1,
        ),
    ] {
        let pairs: Vec<(&str, &str)> = plain.split('&').map(|pair| pair.split_once('=').unwrap()).collect();
        let (got, encoded) = (platform.entities(plain).await.ok(), platform.query(&pairs).await.ok());
        assert_eq!(got.body, encoded.body, "{plain}");
        assert_eq!(usize::from(!got.ids().is_empty()), same, "{plain}");
    }
    // Headers of NGSI-v2 beside those of NGSI-LD: the latter hold.
    let both = platform
        .entities("type=EvacuationSite&count=true")
        .tenant("sano")
        .header("fiware-service", "nasushiobara")
        .header("fiware-servicepath", "/")
        .await
        .ok();
    assert_eq!(both.count(), 58);
    let posted = platform
        .post("/ngsi-ld/v1/entityOperations/query/?options=keyValues,count&limit=1")
        .json(&json!({"type": "Query", "entities": [{"type": "EvacuationSite"}]}))
        .await
        .ok();
    assert_eq!((posted.count(), posted.ids().len()), (102, 1));
}

/// What the standard forbids stays forbidden, however popular; the answer says what to add.
#[tokio::test]
async fn what_is_forbidden_is_refused_with_the_remedy() {
    let platform = Platform::start().await;
    for query in ["id=urn:ngsi-ld:EvacuationSite:E0920400001201", "idPattern=.*"] {
        let answer = platform.entities(query).await;
        assert_eq!(
            (answer.status, answer.error_type().as_str()),
            (400, "BadRequestData"),
            "{answer}"
        );
        let detail = answer.problem().detail;
        assert!(detail.contains("`type`") && detail.contains("local=true"), "{detail}");
    }
    let without = platform
        .post("/ngsi-ld/v1/entityOperations/query")
        .body("application/ld+json", r#"{"type": "Query", "q": "name"}"#)
        .await;
    assert_eq!(without.status, 400, "{without}");
    assert!(without.problem().detail.contains("@context"), "{without}");
    let deleted = platform.request(Method::DELETE, "/statistics").await;
    assert_eq!(deleted.status, 405, "{deleted}");
}
