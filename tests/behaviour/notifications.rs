//! Notifications over real sockets (clauses 5.8.6 and 6.3.8): what is sent, to whom, in which form, and what never is.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use serde_json::{Value, json};
use stand_ins::server::{Service, empty};
use stand_ins::{Fault, LoggedRequest, Server};

use super::contexts::Origin;
use super::harness::{Client, PATIENCE, Platform, until};
use super::subscriptions::{SUBSCRIPTIONS, platform, shown, subscribe, subscribed, to_aeds};

/// Takes notifications.
struct Endpoint;

impl Service for Endpoint {
    fn answer(&self, _: &LoggedRequest) -> Response<Bytes> {
        empty(StatusCode::OK)
    }
}

pub(super) async fn endpoint() -> Server {
    Server::start(0, Endpoint).await.unwrap()
}

/// Waits until that many notifications have come, and gives them.
pub(super) async fn notified(endpoint: &Server, count: usize) -> Vec<LoggedRequest> {
    until("notifications come", || endpoint.requests().len() >= count).await;
    let requests = endpoint.requests();
    assert_eq!(requests.len(), count, "more came than were to");
    requests
}

/// The body of a notification.
pub(super) fn body_of(request: &LoggedRequest) -> Value {
    body(request)
}

fn body(request: &LoggedRequest) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

pub(super) fn aed(id: &str, name: &str) -> Value {
    json!({
        "id": id,
        "type": "AED",
        "name": {"type": "Property", "value": name},
        "installationLocation": {"type": "Property", "value": "1階"},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [139.9, 36.8]}},
    })
}

pub(super) async fn put(platform: &Client, entity: &Value) {
    let upsert = platform.post("/ngsi-ld/v1/entityOperations/upsert");
    let answer = upsert.by("writer").tenant("yaita").json(&json!([entity])).await;
    assert!(matches!(answer.status, 201 | 204), "{answer}");
}

async fn removed(platform: &Client, id: &str) {
    let answer = platform.delete(id).by("writer").tenant("yaita").await;
    assert_eq!(answer.status, 204, "{answer}");
}

/// Asks for a subscription until its `notification` says something.
async fn shown_when(client: &Client, consumer: &str, path: &str, says: impl Fn(&Value) -> bool) -> Value {
    let asking = async {
        loop {
            let found = shown(client, consumer, path).await;
            if says(&found["notification"]) {
                return found;
            }
        }
    };
    let found = tokio::time::timeout(PATIENCE, asking).await;
    found.expect("the subscription says it in time")
}

const ID: &str = "urn:ngsi-ld:AED:told";

/// A subscription to everything that can happen to AEDs.
fn to_everything(server: &Server, id: &str, notification: &Value) -> Value {
    let mut subscription = to_aeds(
        &format!("{}/{id}", server.url()),
        &json!({
            "id": format!("urn:s:{id}"),
            "notificationTrigger": ["entityCreated", "entityUpdated", "entityDeleted"],
        }),
    );
    for (name, member) in notification.as_object().unwrap() {
        subscription["notification"][name] = member.clone();
    }
    subscription
}

#[tokio::test]
//= 5.2.14.2-1, 5.2.14.2-2, 5.8.1.4-4, 5.8.1.4-14, 5.8.6-15, 5.8.6-16
async fn creating_changing_and_deleting_are_told_in_their_order() {
    let (platform, server) = (platform().await, endpoint().await);
    let path = subscribed(&platform, "watcher", &to_everything(&server, "all", &json!({}))).await;
    let created = platform.create(&aed(ID, "a")).by("writer").tenant("yaita").await;
    assert_eq!(created.status, 201, "{created}");
    for number in 0..20 {
        put(&platform, &aed(ID, &number.to_string())).await;
    }
    put(&platform, &aed(ID, "19")).await;
    removed(&platform, ID).await;
    let requests = notified(&server, 22).await;
    let told: Vec<Value> = requests
        .iter()
        .map(|request| body(request)["data"][0].clone())
        .collect();
    let names: Vec<&str> = told
        .iter()
        .filter_map(|entity| entity["name"]["value"].as_str())
        .collect();
    let numbers: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    assert_eq!(names[0], "a");
    assert_eq!(names[1..], numbers, "a value that stays the same is not told");
    assert!(
        told[21]["deletedAt"].is_string() && told[21].get("name").is_none(),
        "{}",
        told[21]
    );
    let found = shown_when(&platform, "watcher", &path, |notification| {
        notification["timesSent"] == 22 && notification["status"] == "ok"
    })
    .await;
    let notification = &found["notification"];
    assert!(
        notification["lastNotification"].is_string() && notification["lastSuccess"].is_string(),
        "{found}"
    );
    assert!(
        notification.get("timesFailed").is_none() && notification.get("lastFailure").is_none(),
        "{found}"
    );
}

#[tokio::test]
//= 5.2.15-1, 5.2.15-3, 5.2.22-1, 5.3.1-1, 5.8.6-6, 5.8.6-7, 5.8.6-10, 5.8.6-13, 5.8.6-14, 6.3.8-1, 6.3.8-2, 6.3.8-3
//= 6.3.8-4
async fn each_subscription_gets_its_own_form() {
    let (platform, server) = (platform().await, endpoint().await);
    let accept = |media_type: &str, more: Value| {
        let mut endpoint = json!({"accept": media_type});
        for (name, member) in more.as_object().unwrap() {
            endpoint[name] = member.clone();
        }
        endpoint
    };
    let plain = json!([{"key": "Prefer", "value": "body=json"}, {"key": "X-Token", "value": "t"}]);
    for (id, notification, endpoint) in [
        ("normalized", json!({}), json!({})),
        (
            "concise",
            json!({"format": "concise", "pick": ["id", "name"]}),
            json!({}),
        ),
        (
            "keyValues",
            json!({"format": "keyValues", "attributes": ["name"]}),
            json!({}),
        ),
        (
            "ld",
            json!({"format": "simplified"}),
            accept("application/ld+json", json!({})),
        ),
        (
            "geo",
            json!({"format": "simplified", "omit": ["name"]}),
            accept("application/geo+json", json!({})),
        ),
        (
            "plain-geo",
            json!({}),
            accept("application/geo+json", json!({"receiverInfo": plain})),
        ),
        ("dated", json!({"sysAttrs": true}), json!({})),
    ] {
        let mut subscription = to_everything(&server, id, &notification);
        for (name, member) in endpoint.as_object().unwrap() {
            subscription["notification"]["endpoint"][name] = member.clone();
        }
        subscribed(&platform, "watcher", &subscription).await;
    }
    put(&platform, &aed(ID, "市民会館")).await;
    let requests = notified(&server, 7).await;
    let of = |id: &str| {
        requests
            .iter()
            .find(|request| request.path == format!("/{id}"))
            .unwrap()
    };
    for request in &requests {
        assert_eq!(request.method, Method::POST);
        assert_eq!(body(request)["type"], "Notification");
        let in_link = request
            .header("link")
            .is_some_and(|link| link.contains("/jsonldContexts/kakehashi>"));
        assert_eq!(
            in_link,
            !matches!(request.path.as_str(), "/ld" | "/geo"),
            "{}",
            request.path
        );
    }
    assert_eq!(of("normalized").header("content-type"), Some("application/json"));
    assert_eq!(body(of("normalized"))["data"], json!([aed(ID, "市民会館")]));
    assert_eq!(body(of("concise"))["data"], json!([{"id": ID, "name": "市民会館"}]));
    assert_eq!(
        body(of("keyValues"))["data"],
        json!([{"id": ID, "type": "AED", "name": "市民会館"}])
    );
    assert_eq!(of("ld").header("content-type"), Some("application/ld+json"));
    let ld = body(of("ld"));
    assert!(
        ld["@context"].is_string() && ld["data"][0]["name"] == "市民会館",
        "{ld}"
    );
    assert_eq!(
        ld["data"][0]["@context"], ld["@context"],
        "what is taken out of it can be handed on: {ld}"
    );
    let geo = body(of("geo"));
    assert_eq!(
        (&geo["data"]["type"], of("geo").header("content-type")),
        (&json!("FeatureCollection"), Some("application/geo+json"))
    );
    assert!(geo["data"]["@context"].is_string(), "{geo}");
    let feature = &geo["data"]["features"][0];
    assert_eq!(feature["geometry"]["coordinates"], json!([139.9, 36.8]));
    assert!(feature["properties"].get("name").is_none(), "{feature}");
    assert!(body(of("plain-geo"))["data"].get("@context").is_none());
    assert_eq!(of("plain-geo").header("x-token"), Some("t"));
    let dated = body(of("dated"));
    assert!(
        dated["data"][0]["createdAt"].is_string() && dated["data"][0]["name"]["modifiedAt"].is_string(),
        "{dated}"
    );
}

#[tokio::test]
async fn what_is_hidden_is_neither_told_nor_a_condition_nor_a_change() {
    let (platform, server) = (platform().await, endpoint().await);
    let hidden = |id: &str, q: &str| {
        let mut subscription = to_everything(&server, id, &json!({}));
        subscription["q"] = json!(q);
        subscription
    };
    for (id, q) in [
        ("is", "installationLocation==\"1階\""),
        ("is-not", "installationLocation!=\"2階\""),
    ] {
        subscribed(&platform, "names-only", &hidden(id, q)).await;
    }
    subscribed(
        &platform,
        "names-only",
        &to_everything(&server, "shown", &json!({"showChanges": true})),
    )
    .await;
    put(&platform, &aed(ID, "a")).await;
    let mut moved = aed(ID, "a");
    moved["installationLocation"]["value"] = json!("2階");
    put(&platform, &moved).await;
    moved["name"]["value"] = json!("b");
    put(&platform, &moved).await;
    let requests = notified(&server, 2).await;
    let told: Vec<Value> = requests
        .iter()
        .map(|request| body(request)["data"][0].clone())
        .collect();
    assert_eq!(
        told[0],
        json!({"id": ID, "type": "AED", "name": {"type": "Property", "value": "a"}})
    );
    let changed = json!({"type": "Property", "value": "b", "previousValue": "a"});
    assert_eq!(told[1], json!({"id": ID, "type": "AED", "name": changed}));
}

#[tokio::test]
//= 5.2.12-4
async fn scopes_and_expanded_values_are_conditions() {
    let (platform, server) = (platform().await, endpoint().await);
    let mut subscription = to_everything(&server, "scoped", &json!({}));
    subscription["scopeQ"] = json!("/disaster/#");
    subscription["q"] = json!("installationLocation==Town");
    subscription["expandValues"] = json!("installationLocation");
    subscribed(&platform, "watcher", &subscription).await;
    let scoped = |name: &str, scope: &str, kind: &str| {
        let mut aed = aed(ID, name);
        aed["scope"] = json!(scope);
        aed["installationLocation"] = json!({"type": "VocabProperty", "vocab": kind});
        aed
    };
    put(&platform, &scoped("a", "/school", "Town")).await;
    put(&platform, &scoped("b", "/disaster/flood", "City")).await;
    put(&platform, &scoped("c", "/disaster/flood", "Town")).await;
    let requests = notified(&server, 1).await;
    let told = body(&requests[0])["data"][0].clone();
    assert_eq!(
        (&told["name"]["value"], &told["scope"]),
        (&json!("c"), &json!("/disaster/flood"))
    );
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_costs_the_others_nothing() {
    let (platform, server) = (platform().await, endpoint().await);
    // More servers than one consumer's notifications may be under way to at once.
    let mut slow = Vec::new();
    for number in 0..12 {
        let silent = endpoint().await;
        silent.set_fault(Fault::Slow(Duration::from_secs(3600)));
        let mut subscription = to_everything(&silent, &format!("slow-{number}"), &json!({}));
        subscription["notification"]["endpoint"]["timeout"] = json!(20_000);
        subscribed(&platform, "other", &subscription).await;
        slow.push(silent);
    }
    let dead = endpoint().await;
    let dead_url = dead.url().to_owned();
    dead.stop().await;
    let unreachable = to_aeds(&format!("{dead_url}/n"), &json!({"id": "urn:s:dead"}));
    let unreachable = subscribed(&platform, "names-only", &unreachable).await;
    subscribed(&platform, "watcher", &to_everything(&server, "fast", &json!({}))).await;
    let began = Instant::now();
    for number in 0..3 {
        put(&platform, &aed(ID, &number.to_string())).await;
    }
    notified(&server, 3).await;
    // As long as one of them takes to be given up would be too long.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let found = shown_when(&platform, "names-only", &unreachable, |notification| {
        notification["timesFailed"] == 3
    })
    .await;
    let notification = &found["notification"];
    assert_eq!(
        (&notification["status"], notification["lastFailure"].is_string()),
        (&json!("failed"), true),
        "{found}"
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_no_success() {
    let (platform, server) = (platform().await, endpoint().await);
    server.set_fault(Fault::Status(307));
    let path = subscribed(&platform, "watcher", &to_everything(&server, "moved", &json!({}))).await;
    put(&platform, &aed(ID, "a")).await;
    notified(&server, 1).await;
    let found = shown_when(&platform, "watcher", &path, |notification| {
        notification["status"].is_string()
    })
    .await;
    assert_eq!(found["notification"]["status"], "failed");
}

#[tokio::test]
//= 5.2.12-6, 5.8.5.4-3, 5.8.6-1
async fn paused_throttled_and_deleted_subscriptions_are_silent() {
    let (platform, server) = (platform().await, endpoint().await);
    let mut throttled = to_everything(&server, "throttled", &json!({}));
    throttled["throttling"] = json!(3600);
    subscribed(&platform, "watcher", &throttled).await;
    let mut paused = to_everything(&server, "paused", &json!({}));
    paused["isActive"] = json!(false);
    let paused = subscribed(&platform, "watcher", &paused).await;
    let deleted = subscribed(&platform, "watcher", &to_everything(&server, "deleted", &json!({}))).await;
    assert_eq!(
        platform.request(Method::DELETE, deleted).by("watcher").await.status,
        204
    );
    put(&platform, &aed(ID, "a")).await;
    put(&platform, &aed(ID, "b")).await;
    let resumed = platform.request(Method::PATCH, paused).by("watcher");
    assert_eq!(resumed.json(&json!({"isActive": true})).await.status, 204);
    put(&platform, &aed(ID, "c")).await;
    let requests = notified(&server, 2).await;
    let told: Vec<(&str, Value)> = requests
        .iter()
        .map(|request| (request.path.as_str(), body(request)["data"][0]["name"]["value"].clone()))
        .collect();
    assert!(
        told.contains(&("/throttled", json!("a"))) && told.contains(&("/paused", json!("c"))),
        "{told:?}"
    );
}

#[tokio::test]
//= 5.5.10-3
async fn the_tenant_of_a_subscription_is_said_with_each_notification() {
    let (platform, server) = (platform().await, endpoint().await);
    let subscription = to_everything(&server, "yaita", &json!({}));
    let post = platform.post(SUBSCRIPTIONS).by("watcher").tenant("yaita");
    assert_eq!(post.json(&subscription).await.status, 201);
    put(&platform, &aed(ID, "a")).await;
    let requests = notified(&server, 1).await;
    assert_eq!(requests[0].header("ngsild-tenant"), Some("yaita"));
}

/// An array of contexts, of which one is published.
async fn spelled_out() -> (Origin, Server, Value) {
    let (origin, contexts) = Origin::start().await;
    let url = format!("{}/c.jsonld", contexts.url());
    let document = json!({"@context": {"Geraet": "https://kakehashi.example.jp/vocab/AED"}});
    origin.publish("/c.jsonld", &document, &[]);
    (
        origin,
        contexts,
        json!([url, {"heisst": "https://smartdatamodels.org/name"}]),
    )
}

#[tokio::test]
//= 5.8.1.4-9, 5.13.1-4
async fn a_context_that_is_spelled_out_gets_an_address_of_its_owner() {
    let (platform, server) = (platform().await, endpoint().await);
    let (_origin, _contexts, context) = spelled_out().await;
    let mut subscription = to_everything(
        &server,
        "own",
        &json!({"format": "keyValues", "attributes": ["heisst"]}),
    );
    subscription["entities"] = json!([{"type": "Geraet"}]);
    subscription["@context"] = context.clone();
    let post = platform.post(SUBSCRIPTIONS).by("watcher");
    let created = post.body("application/ld+json", subscription.to_string()).await;
    assert_eq!(created.status, 201, "{created}");
    let found = shown(&platform, "watcher", created.header("location").unwrap()).await;
    let url = found["jsonldContext"].as_str().unwrap().to_owned();
    let path = url
        .strip_prefix(platform.gateway().ready()["gateway"].as_str().unwrap())
        .unwrap();

    put(&platform, &aed(ID, "a")).await;
    let requests = notified(&server, 1).await;
    assert!(requests[0].header("link").unwrap().contains(&url));
    let told = &body(&requests[0])["data"];
    assert_eq!(*told, json!([{"id": ID, "type": "Geraet", "heisst": "a"}]));

    let list = "/ngsi-ld/v1/jsonldContexts?kind=ImplicitlyCreated&details=true";
    let listed = platform.get(list).by("watcher").await.ok().json();
    assert_eq!(
        (&listed[0]["URL"], &listed[0]["kind"]),
        (&json!(url), &json!("ImplicitlyCreated"))
    );
    assert_eq!(
        platform.get(path).by("watcher").await.ok().json(),
        json!({ "@context": context })
    );
    assert_eq!(platform.get(list).by("other").await.ok().json(), json!([]));
    assert_eq!(platform.get(path).by("other").await.status, 404);
    assert_eq!(platform.request(Method::DELETE, path).by("watcher").await.status, 204);
    assert_eq!(platform.get(path).by("watcher").await.status, 404);
}

#[tokio::test]
//= 5.8.1.4-10
async fn a_context_that_cannot_be_had_refuses_the_subscription() {
    let platform = platform().await;
    let more = json!({"jsonldContext": "http://127.0.0.1:9/c.jsonld"});
    let refused = subscribe(&platform, "watcher", &to_aeds("http://127.0.0.1:9/n", &more)).await;
    assert_eq!(
        (refused.status, refused.error_type().as_str()),
        (504, "LdContextNotAvailable"),
        "{refused}"
    );
    assert_eq!(platform.get(SUBSCRIPTIONS).by("watcher").await.ok().json(), json!([]));
}

#[tokio::test]
//= 5.2.12-10, 5.8.1.4-13, 5.8.6-2
async fn everything_that_matches_is_told_at_each_interval() {
    let (platform, server) = (platform().await, endpoint().await);
    put(&platform, &aed("urn:ngsi-ld:AED:1", "a")).await;
    put(&platform, &aed("urn:ngsi-ld:AED:2", "b")).await;
    let more = json!({"timeInterval": 5, "q": "name==\"a\""});
    subscribed(&platform, "names-only", &to_aeds(&format!("{}/n", server.url()), &more)).await;
    put(&platform, &aed("urn:ngsi-ld:AED:3", "a")).await;
    let named_a = |id: &str| json!({"id": id, "type": "AED", "name": {"type": "Property", "value": "a"}});
    let both = [named_a("urn:ngsi-ld:AED:1"), named_a("urn:ngsi-ld:AED:3")];
    let told = |request: &LoggedRequest| {
        let mut told: Vec<Value> = body(request)["data"].as_array().unwrap().clone();
        told.sort_by_key(|entity| entity["id"].to_string());
        told
    };
    // The first may have come before the last was written: when it comes is left to chance.
    until("all of them are told", || {
        server.requests().last().is_some_and(|last| told(last) == both)
    })
    .await;
    for request in server.requests() {
        let told = told(&request);
        assert!(told == both || told == both[..1], "{told:?}");
    }
}

/// Whatever is subscribed to, nothing of an entity comes to rest beside the store.
#[tokio::test]
async fn no_value_of_an_entity_rests_in_the_state() {
    const MARK: &str = "この値は状態に残らない";
    let (platform, server): (Platform, Server) = (platform().await, endpoint().await);
    server.set_fault(Fault::Status(500));
    subscribed(
        &platform,
        "watcher",
        &to_everything(&server, "failing", &json!({"showChanges": true})),
    )
    .await;
    put(&platform, &aed(ID, MARK)).await;
    removed(&platform, ID).await;
    notified(&server, 2).await;
    let folder = platform.gateway().folder().to_owned();
    let mut platform = platform;
    platform.gateway().terminate();
    platform.gateway_mut().wait();
    let holds = |file: &str, text: &str| {
        let bytes = std::fs::read(folder.join(file)).unwrap_or_default();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    };
    let state = ["kakehashi.db", "kakehashi.db-wal"];
    let is_there = state.iter().any(|file| holds(file, "urn:s:failing"));
    assert!(is_there, "the subscription itself is there");
    for file in state.iter().chain(&["gateway.stderr"]) {
        assert!(!holds(file, MARK), "{file}");
    }
}
