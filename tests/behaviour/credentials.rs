//! Who asks: a key in either header, nobody, or somebody with a wrong one.

use serde_json::json;
use toml::Value;

use super::harness::{Platform, key_of, keys, section};

const SITES: &str = "type=EvacuationSite&limit=1";

#[tokio::test]
async fn a_key_is_understood_in_both_headers() {
    let platform = Platform::start().await;
    let key = key_of("bousai-map");
    for header in ["x-api-key", "apikey", "X-API-Key"] {
        let answer = platform.entities(SITES).anonymous().header(header, &key).await;
        assert_eq!(answer.status, 200, "{header}");
    }
    // The policy header tells whose limits count: not the anonymous consumer's.
    assert!(
        platform
            .asked()
            .iter()
            .all(|request| !format!("{request:?}").contains(&key))
    );
}

#[tokio::test]
async fn a_wrong_key_is_401_and_never_anonymous() {
    let platform = Platform::start().await;
    let right = key_of("bousai-map");
    for wrong in [
        "nonsense",
        "",
        " ",
        right.get(1..).unwrap(),
        &format!("{right}x"),
        &right.to_uppercase(),
        "架け橋",
        &"k".repeat(5000),
    ] {
        for header in ["x-api-key", "apikey"] {
            let Ok(value) = http::HeaderValue::try_from(wrong) else {
                continue;
            };
            let answer = platform
                .entities(SITES)
                .anonymous()
                .header(header, &String::from_utf8_lossy(value.as_bytes()))
                .await;
            assert_eq!(answer.status, 401, "{header}: {wrong:?}");
            assert!(answer.header("www-authenticate").is_some(), "{answer}");
            assert!(answer.problem().detail.contains("API key"), "{answer}");
            assert!(
                wrong.trim().is_empty() || !answer.problem().detail.contains(wrong),
                "the key is repeated"
            );
        }
    }
    for (name, value) in [("authorization", "Bearer abc"), ("authorization", "Basic YTpi")] {
        assert_eq!(
            platform.entities(SITES).anonymous().header(name, value).await.status,
            401,
            "{name}: {value}"
        );
    }
    let two = platform
        .entities(SITES)
        .anonymous()
        .header("x-api-key", &right)
        .header("apikey", "nonsense")
        .await;
    assert_eq!(two.status, 401, "one of two is wrong");
    assert_eq!(platform.asked().len(), 0, "a source was asked for somebody unknown");
}

#[tokio::test]
async fn an_expired_key_is_401() {
    let builder = Platform::builder().await.tenants(|table| {
        let mut expired = keys("an-old-key");
        expired[0]
            .as_table_mut()
            .unwrap()
            .insert("expires".into(), Value::Datetime("2020-03-31".parse().unwrap()));
        section(section(table, "consumers"), "sano-dashboard").insert("keys".into(), expired);
    });
    let platform = builder.start().await;
    assert_eq!(platform.entities(SITES).key("an-old-key").await.status, 401);
    assert_eq!(
        platform.entities(SITES).await.status,
        200,
        "the others' keys still hold"
    );
    assert_eq!(
        platform.entities(SITES).by("sano-dashboard").await.status,
        401,
        "and its earlier one is gone"
    );
    // Whoever runs the gateway is told whose it is, once: who presents it is not.
    platform.entities(SITES).key("an-old-key").await;
    let log = platform.whole_log().await;
    let told: Vec<&str> = log.lines().filter(|line| line.contains("an expired key")).collect();
    let [line] = told.as_slice() else {
        panic!("{told:?}");
    };
    for part in ["sano-dashboard", "tests", "2020-03-31", "kakehashi key new"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(!log.contains("an-old-key"), "the key itself is in the log");
}

#[tokio::test]
async fn nobody_is_the_anonymous_consumer_where_there_is_one() {
    let platform = Platform::start().await;
    assert_eq!(
        platform
            .entities("type=EvacuationSite&limit=0&count=true")
            .anonymous()
            .await
            .ok()
            .count(),
        102
    );
    let builder = Platform::builder().await.tenants(|table| {
        section(table, "consumers").remove("anonymous").unwrap();
    });
    // The expectations about the anonymous consumer go with it.
    builder.files().remove("policies/tests");
    let closed = builder.start().await;
    for target in [
        "/ngsi-ld/v1/entities?type=EvacuationSite",
        "/ngsi-ld/v1/types",
        "/ngsi-ld/v1/entities/urn:a:b",
    ] {
        let answer = closed.get(target).anonymous().await;
        assert_eq!(answer.status, 401, "{answer}");
    }
    assert_eq!(closed.asked().len(), 0);
    assert_eq!(closed.entities(SITES).await.status, 200);
}

#[tokio::test]
async fn what_a_caller_claims_in_other_headers_counts_for_nothing() {
    let platform = Platform::start().await;
    for (name, value) in [
        ("x-consumer-id", "bousai-map"),
        ("x-consumer-username", "sano-dashboard"),
        ("x-credential-identifier", "bousai-map"),
    ] {
        let answer = platform
            .entities("type=DesignatedShelter&limit=0&count=true")
            .by("limited-app")
            .header(name, value)
            .await
            .ok();
        assert_eq!(answer.count(), 0, "{name}");
    }
    platform
        .entities(SITES)
        .header("fiware-service", "other")
        .header("fiware-servicepath", "/x")
        .header("x-auth-token", "secret-of-caller")
        .await
        .ok();
    for request in platform.asked() {
        let heads = format!("{:?}", request.headers);
        assert!(
            !heads.contains("secret-of-caller") && !heads.contains("other"),
            "a caller's header was passed on: {heads}"
        );
    }
    for request in platform.asked_of_orion() {
        assert_eq!(request.header("fiware-service"), Some("nasushiobara"));
        assert_eq!(request.header("x-api-key"), None);
    }
    for request in platform.asked_of_sano() {
        assert_eq!(
            request.header("x-api-key"),
            Some(stand_ins::SANO_DEMO_API_KEY),
            "the source's own credential"
        );
    }
}

#[tokio::test]
async fn the_probes_of_administrators_are_not_the_consumers() {
    let platform = Platform::start().await;
    for path in ["/metrics", "/readyz", "/healthz", "/admin/v1", "/console/"] {
        assert_eq!(platform.get(path).await.status, 404, "{path}");
    }
    let admin = platform.gateway().ready()["admin"].as_str().unwrap().to_owned();
    assert_ne!(json!(admin), platform.gateway().ready()["gateway"]);
    let client = super::harness::Client::new(&admin, None);
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(client.get(path).await.status, 200, "{path}");
    }
}
