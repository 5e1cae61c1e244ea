//! What a resource can do it says: `OPTIONS` and `Allow` on each, `HEAD` wherever there is `GET`, and what to send in the place
//! of what it does not take.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use kakehashi::http::api::operations::{Listed, OPERATIONS, offered};

use toml::Value as Toml;

use super::harness::{Answer, Ask, Client, Platform, READER, address_of, converse, key_of, sano_sites, section};

/// Every method that some resource has, and one that none has.
const METHODS: [Method; 6] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
];

/// The platform, for somebody who asks often.
async fn platform() -> Platform {
    let builder = Platform::builder().await.tenants(|table| {
        let consumer = section(section(table, "consumers"), READER);
        let limits = [("requests_per_second", 10_000), ("burst", 10_000)];
        let limits = limits.map(|(name, limit)| (name.to_owned(), Toml::Integer(limit)));
        consumer.insert("limits".to_owned(), Toml::Table(limits.into_iter().collect()));
    });
    builder.start().await
}

/// The methods that each resource offers, and those that are refused by their name.
fn resources() -> BTreeMap<&'static str, (BTreeSet<String>, BTreeSet<String>)> {
    let mut resources: BTreeMap<&str, (BTreeSet<String>, BTreeSet<String>)> = BTreeMap::new();
    for listed in OPERATIONS {
        let (path, method, is_offered) = match listed {
            Listed::Offered(one) => (one.path, &one.method, true),
            Listed::NotOffered(one) => (one.path, &one.method, false),
        };
        let (offered, refused) = resources.entry(path).or_default();
        let methods = if is_offered { &mut *offered } else { refused };
        methods.insert(method.to_string());
        if *method == Method::GET {
            methods.insert("HEAD".to_owned());
        }
        offered.insert("OPTIONS".to_owned());
    }
    resources
}

/// A path of the resource.
fn path_of(resource: &str) -> String {
    let segments = resource.split('/').map(|segment| match segment {
        segment if !segment.starts_with('{') => segment,
        "{subscriptionId}" | "{entityId}" => "urn:a:1",
        "{*contextId}" => "kakehashi",
        _ => "unknown",
    });
    segments.collect::<Vec<_>>().join("/")
}

fn allowed(answer: &Answer) -> BTreeSet<String> {
    let allowed = answer
        .header("allow")
        .unwrap_or_else(|| panic!("nothing is allowed: {answer}"));
    allowed.split(',').map(|method| method.trim().to_owned()).collect()
}

fn ask(client: &Client, method: &Method, path: &str) -> Ask {
    let ask = client.request(method.clone(), path);
    match *method {
        Method::POST | Method::PUT | Method::PATCH => ask.body("application/json", "{}"),
        _ => ask,
    }
}

#[tokio::test]
//= 6.2-3, 6.3.2-2
async fn each_resource_says_what_it_offers_and_exactly_that() {
    let platform = platform().await;
    for (resource, (offered, refused)) in resources() {
        let path = path_of(resource);
        let options = platform.request(Method::OPTIONS, &*path).await;
        assert_eq!((options.status, options.body.len()), (204, 0), "{options}");
        assert_eq!(allowed(&options), offered, "{options}");
        let takes_patch = offered.contains("PATCH");
        assert_eq!(options.header("accept-patch").is_some(), takes_patch, "{options}");
        for method in METHODS {
            let answer = ask(&platform, &method, &path).await;
            let name = method.as_str();
            if refused.contains(name) {
                assert_eq!(answer.status, 422, "{answer}");
            } else if offered.contains(name) {
                assert!(![405, 422].contains(&answer.status), "{answer}");
            } else if resource == "/ngsi-ld/v1/entities" && ["PUT", "PATCH"].contains(&name) {
                // They are of one entity, and none is named (clauses 5.6.17.4 and 5.6.18.4).
                assert_eq!((answer.status, &allowed(&answer)), (400, &offered), "{answer}");
            } else {
                assert_eq!((answer.status, &allowed(&answer)), (405, &offered), "{answer}");
                if method != Method::HEAD {
                    let detail = answer.problem().detail;
                    assert!(offered.iter().all(|offered| detail.contains(&**offered)), "{answer}");
                }
            }
        }
    }
    // Of a path that is none, nothing is told; of the gateway as a whole, what there is.
    let none = platform.request(Method::OPTIONS, "/ngsi-ld/v1/nothing").await;
    assert_eq!((none.status, none.header("allow")), (404, None), "{none}");
}

#[tokio::test]
async fn options_asks_as_everybody_does() {
    let platform = platform().await;
    let wrong = platform
        .request(Method::OPTIONS, "/ngsi-ld/v1/entities")
        .anonymous()
        .header("x-api-key", "wrong")
        .await;
    assert_eq!((wrong.status, wrong.header("allow")), (401, None), "{wrong}");
    let to = address_of(&platform.gateway().url());
    let request = format!(
        "OPTIONS * HTTP/1.1\r\nhost: {to}\r\nx-api-key: {}\r\nconnection: close\r\n\r\n",
        key_of(READER)
    );
    let answer = converse(to, [request]).await.to_lowercase();
    assert!(answer.starts_with("http/1.1 204"), "{answer}");
    assert!(
        answer.contains("allow: delete, get, head, options, patch, post, put\r\n"),
        "{answer}"
    );
}

/// Headers that are another each time.
fn headers(answer: &Answer) -> BTreeMap<String, String> {
    let named = answer.headers.iter();
    let named = named.filter(|(name, _)| !["date", "x-request-id", "ratelimit", "age"].contains(&name.as_str()));
    named
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect()
}

#[tokio::test]
async fn head_is_what_get_is_without_its_body() {
    let platform = platform().await;
    let site = &sano_sites()[0].id;
    let mut paths: Vec<String> = offered()
        // Those that tell the time are another each time.
        .filter(|operation| operation.method == Method::GET && operation.path != "/statistics")
        .filter(|operation| operation.path != "/ngsi-ld/v1/info/sourceIdentity")
        .map(|operation| path_of(operation.path))
        .collect();
    paths.extend([
        format!("/ngsi-ld/v1/entities/{site}"),
        "/ngsi-ld/v1/entities?type=EvacuationSite&count=true&limit=1".to_owned(),
        "/ngsi-ld/v1/entities?type=EvacuationSite&limit=abc".to_owned(),
        "/nothing".to_owned(),
    ]);
    for client in [(*platform).clone(), platform.over_http2()] {
        for path in &paths {
            for anonymous in [false, true] {
                let ask = |method: Method| {
                    let ask = client.request(method, &**path);
                    if anonymous {
                        ask.anonymous().header("x-api-key", "wrong")
                    } else {
                        ask
                    }
                };
                let (get, head) = (ask(Method::GET).await, ask(Method::HEAD).await);
                assert_eq!(head.body.len(), 0, "{head}");
                assert_eq!((head.status, headers(&head)), (get.status, headers(&get)), "{head}");
                let length = get.body.len().to_string();
                assert_eq!(head.header("content-length"), Some(&*length), "{head}");
            }
        }
    }
}

#[tokio::test]
//= 6.3.2-4, 6.3.2-5, 6.3.4-2
async fn who_sends_what_is_not_taken_is_told_what_is() {
    let platform = platform().await;
    let subscription = "/ngsi-ld/v1/subscriptions/urn:a:1";
    for (method, path, accepted_by, types) in [
        (
            Method::POST,
            "/ngsi-ld/v1/entities",
            "accept",
            "application/json, application/ld+json",
        ),
        (
            Method::PATCH,
            subscription,
            "accept-patch",
            "application/json, application/ld+json, application/merge-patch+json",
        ),
    ] {
        for media_type in ["text/plain", "application/xml", ""] {
            let answer = platform.request(method.clone(), path).body(media_type, "{}").await;
            assert_eq!(answer.status, 415, "{answer}");
            assert_eq!(answer.header(accepted_by), Some(types), "{answer}");
            let detail = answer.problem().detail;
            assert!(detail.contains("Content-Type") && detail.contains(types), "{answer}");
        }
        let none = platform
            .request(method, path)
            .header("content-type", "application/json")
            .await;
        assert_eq!(none.status, 411, "{none}");
        assert!(none.problem().detail.contains("Content-Length"), "{none}");
    }
}
