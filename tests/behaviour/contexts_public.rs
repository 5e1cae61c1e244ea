//! Contexts that answers name are readable by whoever reads the answer: the gateway's own, and what a consumer has stored for
//! everybody. What it has stored for itself stays its own.

use http::Method;
use serde_json::{Value, json};
use toml::Value as Toml;

use super::contexts::calling_sites;
use super::harness::{Answer, Builder, Platform, section};

const CONTEXTS: &str = "/ngsi-ld/v1/jsonldContexts";
const OWN: &str = "/ngsi-ld/v1/jsonldContexts/kakehashi";

/// `maker` may store contexts; whoever presents nothing is nobody.
async fn platform() -> Platform {
    let builder = closed(with_maker(Platform::builder().await));
    builder.start().await
}

fn with_maker(builder: Builder) -> Builder {
    builder.consumer("maker").policy(
        "yaita.cedar",
        "permit (principal in Role::\"maker\", action in Action::\"provide\", resource in Tenant::\"yaita\");\n\
         permit (principal in Role::\"maker\", action in Action::\"read\", resource in Tenant::\"yaita\");",
    )
}

fn closed(builder: Builder) -> Builder {
    let builder = builder.tenants(|table| {
        section(table, "consumers").remove("anonymous").unwrap();
    });
    builder.files().remove("policies/tests");
    builder
}

/// Stores a context and gives its path.
async fn stored(platform: &Platform, query: &str, document: &Value) -> String {
    let added = platform
        .request(Method::POST, format!("{CONTEXTS}{query}"))
        .by("maker")
        .body("application/ld+json", document.to_string())
        .await;
    assert_eq!(added.status, 201, "{added}");
    added.header("location").unwrap().to_owned()
}

fn is_for_browsers(answer: &Answer) {
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{answer}");
    assert_eq!(answer.header("cache-control"), Some("public, max-age=3600"), "{answer}");
    assert!(answer.header("etag").is_some(), "{answer}");
}

#[tokio::test]
async fn who_has_no_credential_reads_what_is_for_everybody_and_nothing_else() {
    let platform = platform().await;
    let document = calling_sites("Hinan");
    let public = stored(&platform, "?public=true", &document).await;
    let own = stored(&platform, "", &document).await;
    let also_own = stored(&platform, "?public=false", &document).await;
    let (_, id) = public.rsplit_once('/').unwrap();
    assert!(
        id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit()),
        "128 bits: {id}"
    );

    let read = platform.get(&*public).anonymous().await.ok();
    assert_eq!(
        (read.json(), read.header("content-type")),
        (document.clone(), Some("application/json"))
    );
    is_for_browsers(&read);
    let as_json_ld = platform
        .get(&*public)
        .anonymous()
        .accept("application/ld+json, */*;q=0.1")
        .await
        .ok();
    assert_eq!(as_json_ld.header("content-type"), Some("application/ld+json"));
    let known = platform
        .get(&*public)
        .anonymous()
        .header("if-none-match", read.header("etag").unwrap());
    assert_eq!(known.await.status, 304);
    let gateways = platform.get(OWN).anonymous().await.ok();
    assert_eq!(gateways.header("content-type"), Some("application/ld+json"));
    is_for_browsers(&gateways);
    let head = platform.request(Method::HEAD, OWN).anonymous().await.ok();
    assert_eq!(head.body.len(), 0);

    // Everything else is as before for whoever presents nothing: whether there is something is not told.
    for path in [
        own.clone(),
        also_own,
        format!("{CONTEXTS}/unknown"),
        format!("{public}?details=true"),
        format!("{OWN}?details=true"),
        CONTEXTS.to_owned(),
        "/ngsi-ld/v1/entities?type=AED".to_owned(),
    ] {
        let refused = platform.get(&*path).anonymous().await;
        assert_eq!((refused.status, refused.header("etag")), (401, None), "{refused}");
        assert!(refused.header("www-authenticate").is_some(), "{refused}");
    }
    for method in [Method::DELETE, Method::OPTIONS] {
        assert_eq!(platform.request(method, &*public).anonymous().await.status, 401);
    }
    // What proves nothing is still wrong, and no way in.
    let wrong = platform.get(&*public).anonymous().header("x-api-key", "wrong").await;
    assert_eq!(wrong.status, 401, "{wrong}");

    // Its owner sees that it is public, and which is not.
    for (path, is_public) in [(&public, true), (&own, false)] {
        let details = platform.get(format!("{path}?details=true")).by("maker").await.ok();
        // Only of what is public: the standard knows no such member.
        let expected = is_public.then_some(true);
        assert_eq!(
            details.json().get("public").and_then(serde_json::Value::as_bool),
            expected,
            "{details}"
        );
    }
    let by_owner = platform.get(&*own).by("maker").await.ok();
    assert_eq!(by_owner.header("cache-control"), Some("private, no-cache"));
    assert_eq!(by_owner.header("x-content-type-options"), Some("nosniff"));

    // Gone is gone.
    assert_eq!(platform.request(Method::DELETE, &*public).by("maker").await.status, 204);
    assert_eq!(platform.get(public).anonymous().await.status, 401);
}

#[tokio::test]
async fn another_consumer_reads_and_uses_it_and_cannot_delete_or_list_it() {
    let platform = platform().await;
    let public = stored(&platform, "?public=true", &calling_sites("Hinan")).await;
    let own = stored(&platform, "", &calling_sites("Basho")).await;
    let url = format!("{}{public}", platform.gateway().url());
    let read = platform.get(&*public).await.ok();
    assert_eq!(read.json(), calling_sites("Hinan"));
    is_for_browsers(&read);
    let mut wanted = Vec::new();
    for name in [&*url, &*public] {
        wanted.push(
            super::contexts::sites(&platform, "Hinan", name)
                .await
                .ok()
                .entities()
                .remove(0)["type"]
                .take(),
        );
    }
    assert_eq!(wanted, ["Hinan", "Hinan"]);
    for refused in [
        platform.get(&*own).await,
        platform.get(format!("{public}?details=true")).await,
    ] {
        assert_eq!(
            (refused.status, refused.error_type().as_str()),
            (404, "ResourceNotFound"),
            "{refused}"
        );
    }
    assert_eq!(platform.get(CONTEXTS).await.ok().json(), json!([]));
    let deleted = platform.request(Method::DELETE, &*public).await;
    assert!([403, 404].contains(&deleted.status), "{deleted}");
    assert_eq!(platform.request(Method::DELETE, &*public).by("maker").await.status, 204);
    let gone = super::contexts::sites(&platform, "Hinan", &url).await;
    assert_eq!(
        gone.error_type(),
        "LdContextNotAvailable",
        "what is deleted is not used on"
    );
}

#[tokio::test]
async fn what_a_body_spells_out_has_an_address_of_its_owners_alone() {
    let platform = platform().await;
    let query = json!({
        "@context": calling_sites("Hinan")["@context"],
        "type": "Query",
        "entities": [{ "type": "Hinan" }],
    });
    let answer = platform
        .post("/ngsi-ld/v1/entityOperations/query")
        .by("maker")
        .body("application/ld+json", query.to_string())
        .await
        .ok();
    let list = platform.get(CONTEXTS).by("maker").await.ok().json();
    let addresses: Vec<&str> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|url| url.as_str().unwrap())
        .collect();
    for address in addresses {
        let (_, path) = address.split_once("/ngsi-ld").unwrap();
        let path = format!("/ngsi-ld{path}");
        assert_eq!(platform.get(&*path).anonymous().await.status, 401, "{answer}");
        assert_eq!(platform.get(&*path).await.status, 404);
        assert_eq!(platform.get(path).by("maker").await.status, 200);
    }
}

#[tokio::test]
async fn an_address_reads_so_much_and_no_more() {
    let platform = platform().await;
    let mut refused = None;
    for _ in 0..10_000 {
        let answer = platform.get(OWN).anonymous().await;
        if answer.status != 200 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("it is bounded");
    assert_eq!(refused.status, 429, "{refused}");
    assert!(refused.header("retry-after").is_some());
    assert_eq!(
        platform.get(OWN).await.status,
        200,
        "who has a credential is not held up"
    );
}

#[tokio::test]
async fn where_there_is_an_anonymous_consumer_it_reads_within_its_limits() {
    let builder = with_maker(Platform::builder().await).tenants(|table| {
        let anonymous = section(section(table, "consumers"), "anonymous");
        let limits = [("requests_per_second", 1), ("burst", 1000)];
        let limits = limits.map(|(name, limit)| (name.to_owned(), Toml::Integer(limit)));
        anonymous.insert("limits".to_owned(), Toml::Table(limits.into_iter().collect()));
    });
    let platform = builder.start().await;
    let public = stored(&platform, "?public=true", &calling_sites("Hinan")).await;
    let own = stored(&platform, "", &calling_sites("Hinan")).await;
    let read = platform.get(public).anonymous().await.ok();
    assert!(read.header("ratelimit").is_some(), "{read}");
    assert_eq!(platform.get(own).anonymous().await.status, 404);
}
