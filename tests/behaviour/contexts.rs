//! A context that a consumer names is downloaded with care, once, and never taken for empty (clauses 6.3.5 and 5.5.7).

use std::collections::HashMap;
use std::future::IntoFuture;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};
use stand_ins::server::{Service, empty, response};
use stand_ins::{Fault, LoggedRequest, Server};

use super::harness::{Answer, Ask, PATIENCE, Platform, section, until};

const EVACUATION_SITE: &str = "https://kakehashi.example.jp/vocab/EvacuationSite";

/// A server of context documents.
#[derive(Clone, Default)]
pub(super) struct Origin(Arc<Mutex<HashMap<String, Response<Bytes>>>>);

impl Service for Origin {
    fn answer(&self, request: &LoggedRequest) -> Response<Bytes> {
        let pages = self.0.lock().unwrap();
        let Some(page) = pages.get(&request.path) else {
            return empty(StatusCode::NOT_FOUND);
        };
        let etag = page.headers().get(header::ETAG);
        if etag.is_some() && request.headers.get(header::IF_NONE_MATCH) == etag {
            let mut unchanged = empty(StatusCode::NOT_MODIFIED);
            *unchanged.headers_mut() = page.headers().clone();
            return unchanged;
        }
        page.clone()
    }
}

impl Origin {
    pub(super) async fn start() -> (Self, Server) {
        let origin = Self::default();
        let server = Server::start(0, origin.clone()).await.unwrap();
        (origin, server)
    }

    /// Publishes a document, with headers.
    pub(super) fn publish(&self, path: &str, document: &Value, headers: &[(HeaderName, &'static str)]) {
        let mut page = response(StatusCode::OK, "application/ld+json", document.to_string());
        for (name, value) in headers {
            page.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        self.put(path, page);
    }

    fn put(&self, path: &str, page: Response<Bytes>) {
        self.0.lock().unwrap().insert(path.to_owned(), page);
    }

    pub(super) fn redirect(&self, path: &str, target: &str) {
        let mut page = empty(StatusCode::FOUND);
        page.headers_mut().insert(header::LOCATION, target.parse().unwrap());
        self.put(path, page);
    }
}

/// A context in which evacuation sites are called `name`.
pub(super) fn calling_sites(name: &str) -> Value {
    json!({ "@context": { name: EVACUATION_SITE } })
}

/// A platform that may fetch from the loopback.
pub(super) async fn platform_with_egress() -> Platform {
    let builder = Platform::builder().await;
    let allow_loopback = |table: &mut toml::Table| {
        let ranges = vec![toml::Value::from("127.0.0.0/8")];
        section(table, "gateway").insert("egress_allow".into(), toml::Value::Array(ranges));
    };
    builder
        .consumer("maker")
        .policy(
            "yaita.cedar",
            "permit (principal in Role::\"maker\", action in Action::\"provide\", resource in Tenant::\"yaita\");\n\
             permit (principal in Role::\"maker\", action in Action::\"read\", resource in Tenant::\"yaita\");",
        )
        .tenants(allow_loopback)
        .start()
        .await
}

/// Sites, called by a name, under the context at a URL.
pub(super) fn sites(platform: &Platform, name: &str, url: &str) -> Ask {
    let link = format!("<{url}>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"");
    platform.entities(format!("type={name}&limit=1")).header("link", &link)
}

#[track_caller]
fn is_not_available(answer: &Answer) {
    let (status, kind) = (answer.status, answer.error_type());
    assert_eq!((status, kind.as_str()), (504, "LdContextNotAvailable"), "{answer}");
}

/// What came is no context (clause 5.5.6).
#[track_caller]
fn is_not_valid(answer: &Answer) {
    let (status, kind) = (answer.status, answer.error_type());
    assert_eq!((status, kind.as_str()), (400, "BadRequestData"), "{answer}");
}

#[tokio::test]
async fn what_is_inside_is_not_fetched_unless_the_operator_allows_it() {
    let (origin, server) = Origin::start().await;
    origin.publish("/c.jsonld", &calling_sites("Hinan"), &[]);
    let platform = Platform::start().await;
    let port = server.addr().port();
    for host in ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"] {
        let answer = sites(&platform, "Hinan", &format!("http://{host}:{port}/c.jsonld")).await;
        is_not_available(&answer);
    }
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
//= 5.5.7-3
async fn names_mean_what_the_context_says_and_answers_speak_it() {
    let (origin, server) = Origin::start().await;
    origin.publish("/c.jsonld", &calling_sites("Hinan"), &[]);
    let platform = platform_with_egress().await;
    let url = format!("{}/c.jsonld", server.url());
    for _ in 0..3 {
        let answer = sites(&platform, "Hinan", &url).await.ok();
        assert_eq!(answer.entities()[0]["type"], "Hinan");
        assert!(
            answer
                .all("link")
                .iter()
                .any(|link| link.starts_with(&format!("<{url}>"))),
            "{answer}"
        );
        assert!(answer.warnings().is_empty());
    }
    let in_body = sites(&platform, "Hinan", &url).accept("application/ld+json").await.ok();
    assert_eq!(in_body.entities()[0]["@context"], url);
    assert_eq!(server.requests().len(), 1, "one download serves every request");
    let sent = &server.requests()[0];
    assert!(sent.header("cookie").is_none() && sent.header("x-api-key").is_none() && sent.header("referer").is_none());
}

#[tokio::test]
async fn requests_at_once_wait_for_one_download() {
    let (origin, server) = Origin::start().await;
    origin.publish("/c.jsonld", &calling_sites("Hinan"), &[]);
    server.set_fault(Fault::Slow(Duration::from_millis(300)));
    let platform = platform_with_egress().await;
    let url = format!("{}/c.jsonld", server.url());
    let asked = (0..20).map(|_| sites(&platform, "Hinan", &url).into_future());
    for answer in futures::future::join_all(asked).await {
        assert_eq!(answer.ok().entities()[0]["type"], "Hinan");
    }
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_failed_download_is_never_an_empty_context() {
    let (origin, server) = Origin::start().await;
    let platform = platform_with_egress().await;
    let faults = [
        Fault::Status(500),
        Fault::Status(404),
        Fault::EndlessBody,
        Fault::Reset,
        Fault::Html,
        Fault::BrokenJson,
        Fault::EmptyBody,
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        let path = format!("/{number}.jsonld");
        origin.publish(&path, &calling_sites("Hinan"), &[]);
        server.set_fault(fault);
        let answer = sites(&platform, "Hinan", &format!("{}{path}", server.url())).await;
        match fault {
            Fault::Html | Fault::BrokenJson | Fault::EmptyBody => is_not_valid(&answer),
            _ => is_not_available(&answer),
        }
    }
    assert_eq!(platform.asked().len(), 0, "no source is asked without a context");
}

#[tokio::test]
async fn a_host_that_never_ends_costs_a_bounded_time() {
    let (_, server) = Origin::start().await;
    let platform = platform_with_egress().await;
    server.set_fault(Fault::SlowBody);
    let answer = sites(&platform, "Hinan", &format!("{}/c.jsonld", server.url())).await;
    is_not_available(&answer);
    assert!(answer.took < PATIENCE, "{:?}", answer.took);
}

#[tokio::test]
//= 5.5.6-6
async fn documents_that_are_too_large_too_deep_or_no_context_are_refused() {
    let (origin, server) = Origin::start().await;
    let platform = platform_with_egress().await;
    let deep = format!(
        "{{\"@context\":{{\"a\":{}{}}}}}",
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let large = json!({ "@context": { "Hinan": EVACUATION_SITE }, "more": "x".repeat(2_000_000) }).to_string();
    let pages = [deep, "[]".to_owned(), "{}".to_owned(), "{\"@context\":7}".to_owned()];
    for (number, page) in pages.into_iter().enumerate() {
        let path = format!("/{number}.jsonld");
        origin.put(&path, response(StatusCode::OK, "application/ld+json", page));
        is_not_valid(&sites(&platform, "Hinan", &format!("{}{path}", server.url())).await);
    }
    origin.put("/large", response(StatusCode::OK, "application/ld+json", large));
    is_not_available(&sites(&platform, "Hinan", &format!("{}/large", server.url())).await);
}

#[tokio::test]
async fn redirects_are_followed_three_times_and_never_inside() {
    let (origin, server) = Origin::start().await;
    let platform = platform_with_egress().await;
    let url = |path: &str| format!("{}{path}", server.url());
    origin.publish("/0", &calling_sites("Hinan"), &[]);
    for hop in 1..5 {
        origin.redirect(&format!("/{hop}"), &format!("/{}", hop - 1));
    }
    origin.redirect("/loop", "/loop");
    origin.redirect("/inside", "http://169.254.169.254/latest/meta-data/");
    origin.redirect("/file", "file:///etc/passwd");
    assert_eq!(
        sites(&platform, "Hinan", &url("/3")).await.ok().entities()[0]["type"],
        "Hinan"
    );
    for path in ["/4", "/loop", "/inside", "/file"] {
        is_not_available(&sites(&platform, "Hinan", &url(path)).await);
    }
}

#[tokio::test]
async fn contexts_may_refer_to_contexts_but_not_in_circles() {
    let (origin, server) = Origin::start().await;
    let platform = platform_with_egress().await;
    let url = |path: &str| format!("{}{path}", server.url());
    origin.publish("/inner", &calling_sites("Hinan"), &[]);
    origin.publish(
        "/outer",
        &json!({ "@context": [url("/inner"), { "other": "https://example.org/other" }] }),
        &[],
    );
    origin.publish("/circle", &json!({ "@context": [url("/circle")] }), &[]);
    let many: Vec<String> = (0..40).map(|number| url(&format!("/many/{number}"))).collect();
    origin.publish("/many", &json!({ "@context": many }), &[]);
    origin.publish(
        "/scoped",
        &json!({ "@context": { "Hinan": { "@id": EVACUATION_SITE, "@context": {} } } }),
        &[],
    );
    assert_eq!(
        sites(&platform, "Hinan", &url("/outer")).await.ok().entities()[0]["type"],
        "Hinan"
    );
    for path in ["/circle", "/many", "/scoped"] {
        let answer = sites(&platform, "Hinan", &url(path)).await;
        assert_eq!(
            (answer.status, answer.error_type().as_str()),
            (400, "BadRequestData"),
            "{answer}"
        );
    }
    origin.publish("/broken", &json!({ "@context": [url("/nowhere")] }), &[]);
    is_not_available(&sites(&platform, "Hinan", &url("/broken")).await);
}

#[tokio::test]
//= 5.13.1-1
async fn a_copy_is_renewed_and_a_stale_one_serves_with_a_warning_while_its_origin_is_away() {
    let (origin, server) = Origin::start().await;
    let platform = platform_with_egress().await;
    let url = format!("{}/c.jsonld", server.url());
    let always_ask = [(header::CACHE_CONTROL, "no-cache"), (header::ETAG, "\"one\"")];
    origin.publish("/c.jsonld", &calling_sites("Hinan"), &always_ask);
    sites(&platform, "Hinan", &url).await.ok();
    sites(&platform, "Hinan", &url).await.ok();
    let validators: Vec<_> = server
        .requests()
        .iter()
        .map(|sent| sent.header("if-none-match").is_some())
        .collect();
    assert_eq!(validators, [false, true]);

    let changed = [(header::CACHE_CONTROL, "no-cache"), (header::ETAG, "\"two\"")];
    origin.publish("/c.jsonld", &calling_sites("Basho"), &changed);
    assert_eq!(
        sites(&platform, "Basho", &url).await.ok().entities()[0]["type"],
        "Basho"
    );

    server.set_fault(Fault::Status(503));
    let stale = sites(&platform, "Basho", &url).await.ok();
    assert_eq!(stale.entities()[0]["type"], "Basho");
    assert!(
        stale.warnings().iter().any(|warning| warning.starts_with("110 ")),
        "{stale}"
    );
}

#[tokio::test]
async fn a_context_that_its_origin_has_removed_does_not_serve_on() {
    let (origin, server) = Origin::start().await;
    let platform = platform_with_egress().await;
    let url = format!("{}/c.jsonld", server.url());
    origin.publish(
        "/c.jsonld",
        &calling_sites("Hinan"),
        &[(header::CACHE_CONTROL, "no-cache")],
    );
    sites(&platform, "Hinan", &url).await.ok();
    server.set_fault(Fault::Status(410));
    is_not_available(&sites(&platform, "Hinan", &url).await);
}

#[tokio::test]
async fn the_default_may_be_a_url() {
    let (origin, server) = Origin::start().await;
    origin.publish("/c.jsonld", &calling_sites("Hinan"), &[]);
    let url = format!("{}/c.jsonld", server.url());
    let platform = Platform::builder()
        .await
        .tenants(|table| {
            let gateway = section(table, "gateway");
            gateway.insert("default_context".into(), url.as_str().into());
            gateway.insert("egress_allow".into(), toml::Value::Array(vec!["127.0.0.1".into()]));
        })
        .start()
        .await;
    let answer = platform.entities("type=Hinan&limit=1").await.ok();
    assert_eq!(answer.entities()[0]["type"], "Hinan");
    assert!(
        answer
            .all("link")
            .iter()
            .any(|link| link.starts_with(&format!("<{url}>"))),
        "{answer}"
    );
}

#[tokio::test]
async fn hosts_that_never_answer_cost_other_consumers_nothing() {
    // What may be downloaded at once for all, and more.
    const PLACES: usize = 32;
    const ASKED_FOR: usize = 40;
    let platform = platform_with_egress().await;
    let (_silent, held) = Origin::start().await;
    held.set_fault(Fault::Held);
    let (origin, server) = Origin::start().await;
    origin.publish("/c.jsonld", &calling_sites("Hinan"), &[]);
    let asking: Vec<_> = (0..ASKED_FOR)
        .map(|number| {
            let ask = sites(&platform, "Hinan", &format!("{}/{number}", held.url()));
            tokio::spawn(ask.by("maker").into_future())
        })
        .collect();
    until("all of them are waited for", || {
        let metrics = platform.gateway().metrics();
        let mut running = metrics
            .lines()
            .filter(|line| line.starts_with("kakehashi_tasks_running"));
        let line = running.find(|line| line.contains("kind=\"context\""));
        line.is_some_and(|line| line.ends_with(&format!(" {ASKED_FOR}")))
    })
    .await;
    sites(&platform, "Hinan", &format!("{}/c.jsonld", server.url()))
        .await
        .ok();
    assert!(
        held.requests().len() < PLACES,
        "most wait for a place of their consumer's own"
    );
    for answer in asking {
        is_not_available(&answer.await.unwrap());
    }
}
