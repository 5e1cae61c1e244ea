//! Subscriptions: made, shown, changed and deleted by the consumer that owns them, and refused where they could not be
//! served whole (clause 5.8).

use std::collections::BTreeSet;
use std::future::IntoFuture;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};

use super::harness::{Answer, Builder, Client, Gateway, PATIENCE, Platform, SANO, kakehashi, key_of, section};

pub(super) const SUBSCRIPTIONS: &str = "/ngsi-ld/v1/subscriptions";

/// What a consumer may subscribe to in Yaita's partition.
fn may_watch(consumer: &str) -> String {
    format!(
        "permit (principal in Role::\"{consumer}\", action in [Action::\"read\", Action::\"subscribe\"], \
         resource in Tenant::\"yaita\") when {{ resource.class == Class::\"open\" }};"
    )
}

/// `watcher` and `other` may read and subscribe in Yaita and nowhere else, `writer` may write there, and
/// `names-only` may read no more than the names of AEDs. Endpoints on the loopback are allowed.
pub(super) async fn platform() -> Platform {
    builder().await.start().await
}

/// The same before it starts.
pub(super) async fn builder() -> Builder {
    let writes = "permit (principal in Role::\"writer\", action in Action::\"provide\", \
                  resource in Tenant::\"yaita\") when { resource.class == Class::\"open\" };";
    let names = "@attributes(\"name\") permit (principal in Role::\"names-only\", action in Action::\"read\", \
                 resource == EntityType::\"yaita/AED\");\n\
                 permit (principal in Role::\"names-only\", action in Action::\"subscribe\", \
                 resource == EntityType::\"yaita/AED\");";
    let reader = "permit (principal in Role::\"reader\", action in Action::\"subscribe\", \
                  resource in Tenant::\"yaita\");";
    let mut builder = Platform::builder().await;
    for consumer in ["watcher", "other", "writer", "names-only"] {
        builder = builder.consumer(consumer);
    }
    builder
        .policy("yaita.cedar", &may_watch("watcher"))
        .policy("yaita.cedar", &may_watch("other"))
        .policy("yaita.cedar", writes)
        .policy("yaita.cedar", names)
        .policy("yaita.cedar", reader)
        .tenants(|table| {
            let ranges = vec![toml::Value::from("127.0.0.0/8")];
            section(table, "gateway").insert("egress_allow".into(), toml::Value::Array(ranges));
        })
}

/// A subscription to AEDs, with other members.
pub(super) fn to_aeds(endpoint: &str, more: &Value) -> Value {
    let mut subscription = json!({
        "id": "urn:ngsi-ld:Subscription:aeds",
        "type": "Subscription",
        "entities": [{"type": "AED"}],
        "notification": {"endpoint": {"uri": endpoint}},
    });
    for (name, member) in more.as_object().unwrap() {
        subscription[name] = member.clone();
    }
    subscription
}

pub(super) async fn subscribe(client: &Client, consumer: &str, subscription: &Value) -> Answer {
    client.post(SUBSCRIPTIONS).by(consumer).json(subscription).await
}

pub(super) async fn subscribed(client: &Client, consumer: &str, subscription: &Value) -> String {
    let answer = subscribe(client, consumer, subscription).await;
    assert_eq!(answer.status, 201, "{answer}");
    answer.header("location").unwrap().to_owned()
}

pub(super) async fn shown(client: &Client, consumer: &str, path: &str) -> Value {
    client.get(path).by(consumer).await.ok().json()
}

async fn patched(client: &Client, consumer: &str, path: &str, fragment: &Value) -> Answer {
    client.request(Method::PATCH, path).by(consumer).json(fragment).await
}

async fn deleted(client: &Client, consumer: &str, path: &str) -> Answer {
    client.request(Method::DELETE, path).by(consumer).await
}

/// An address that nobody listens at; nothing is ever sent to it here.
const NOWHERE: &str = "http://127.0.0.1:9/n";

#[tokio::test]
//= 5.2.12-7, 5.2.12-12, 5.8.1.4-2, 5.8.1.4-6, 5.8.2.4-3, 5.8.3.4-1, 5.8.3.4-2, 5.8.5.4-2, 6.10.3.1-1, 6.10.3.1-2
//= 6.11.3.1-1, 6.11.3.2-1, 6.11.3.3-1
async fn a_subscription_is_made_shown_changed_and_deleted() {
    let platform = platform().await;
    let subscription = to_aeds(NOWHERE, &json!({"watchedAttributes": ["name"], "description": "AED"}));
    let path = subscribed(&platform, "watcher", &subscription).await;
    assert_eq!(path, format!("{SUBSCRIPTIONS}/urn:ngsi-ld:Subscription:aeds"));
    let again = subscribe(&platform, "watcher", &subscription).await;
    assert_eq!((again.status, again.error_type().as_str()), (409, "AlreadyExists"));

    let found = shown(&platform, "watcher", &path).await;
    for (name, member) in subscription.as_object().unwrap() {
        assert_eq!(found[name], *member, "{name}");
    }
    assert_eq!(found["status"], "active");
    assert!(
        found["jsonldContext"]
            .as_str()
            .unwrap()
            .ends_with("/jsonldContexts/kakehashi")
    );
    assert!(found["notification"].get("timesSent").is_none(), "{found}");

    let fragment = json!({"isActive": false, "description": "urn:ngsi-ld:null", "throttling": 9});
    assert_eq!(patched(&platform, "watcher", &path, &fragment).await.status, 204);
    let found = shown(&platform, "watcher", &path).await;
    assert_eq!((&found["status"], &found["throttling"]), (&json!("paused"), &json!(9)));
    assert!(found.get("description").is_none());
    let wrong = patched(&platform, "watcher", &path, &json!({"q": "("})).await;
    assert_eq!((wrong.status, wrong.error_type().as_str()), (400, "BadRequestData"));
    assert!(wrong.problem().detail.contains("`q`"), "{wrong}");

    assert_eq!(deleted(&platform, "watcher", &path).await.status, 204);
    assert_eq!(
        deleted(&platform, "watcher", &path).await.error_type(),
        "ResourceNotFound"
    );
    assert_eq!(platform.get(path).by("watcher").await.error_type(), "ResourceNotFound");
    let no_uri = platform.get(format!("{SUBSCRIPTIONS}/aeds")).by("watcher").await;
    assert_eq!((no_uri.status, no_uri.error_type().as_str()), (400, "BadRequestData"));
}

#[tokio::test]
//= 5.8.2.4-2
async fn for_other_consumers_and_tenants_it_does_not_exist() {
    let platform = platform().await;
    let subscription = to_aeds(NOWHERE, &json!({}));
    let path = subscribed(&platform, "watcher", &subscription).await;
    for answer in [
        platform.get(path.as_str()).by("other").await,
        platform.get(path.as_str()).by("watcher").tenant("yaita").await,
        patched(&platform, "other", &path, &json!({"isActive": false})).await,
        deleted(&platform, "other", &path).await,
    ] {
        assert_eq!(
            (answer.status, answer.error_type().as_str()),
            (404, "ResourceNotFound"),
            "{answer}"
        );
    }
    assert_eq!(platform.get(SUBSCRIPTIONS).by("other").await.ok().json(), json!([]));
    let of_yaita = platform.get(SUBSCRIPTIONS).by("watcher").tenant("yaita").await.ok();
    assert_eq!(of_yaita.json(), json!([]));
    assert_eq!(
        subscribed(&platform, "other", &subscription).await,
        path,
        "ids are the owner's own"
    );
    assert_eq!(deleted(&platform, "other", &path).await.status, 204);
    assert_eq!(shown(&platform, "watcher", &path).await["status"], "active");
}

#[tokio::test]
//= 4.12-1, 5.8.4.4-1, 5.8.4.4-2, 6.10.3.2-1
async fn they_are_listed_in_pages_with_their_count() {
    let platform = platform().await;
    for number in 0..5 {
        let id = json!({"id": format!("urn:s:{number}")});
        subscribed(&platform, "watcher", &to_aeds(NOWHERE, &id)).await;
    }
    let mut next = Some(format!("{SUBSCRIPTIONS}?limit=2&count=true"));
    let mut ids = Vec::new();
    while let Some(page) = next {
        let answer = platform.get(page).by("watcher").await.ok();
        assert_eq!(answer.count(), 5);
        ids.extend(answer.ids());
        next = answer.link("next");
    }
    assert_eq!(ids, ["urn:s:0", "urn:s:1", "urn:s:2", "urn:s:3", "urn:s:4"]);
}

#[tokio::test]
async fn it_is_refused_where_a_source_cannot_tell_of_changes() {
    let platform = platform().await;
    let refused = subscribe(&platform, "bousai-map", &to_aeds(NOWHERE, &json!({}))).await;
    assert_eq!(
        (refused.status, refused.error_type().as_str()),
        (422, "OperationNotSupported")
    );
    let detail = refused.problem().detail;
    assert!(detail.contains(SANO) && detail.contains("localOnly"), "{detail}");
    assert!(!detail.contains("nasushiobara"), "it has no AEDs: {detail}");
    subscribed(&platform, "bousai-map", &to_aeds(NOWHERE, &json!({"localOnly": true}))).await;
    let in_yaita = platform.post(SUBSCRIPTIONS).by("bousai-map").tenant("yaita");
    let in_yaita = in_yaita.json(&to_aeds(NOWHERE, &json!({}))).await;
    assert_eq!(in_yaita.status, 201, "{in_yaita}");
    // Of sources in which it may read nothing the consumer is told nothing.
    subscribed(&platform, "watcher", &to_aeds(NOWHERE, &json!({}))).await;
}

#[tokio::test]
async fn without_a_grant_nothing_is_subscribed_to() {
    let platform = platform().await;
    for (consumer, more) in [
        ("writer", json!({})),
        ("limited-app", json!({"localOnly": true})),
        ("watcher", json!({"entities": [{"type": "Resident"}]})),
    ] {
        let refused = subscribe(&platform, consumer, &to_aeds(NOWHERE, &more)).await;
        assert_eq!(
            (refused.status, refused.error_type().as_str()),
            (403, "about:blank"),
            "{consumer}: {refused}"
        );
    }
}

#[tokio::test]
async fn endpoints_inside_are_refused_however_they_are_written() {
    let mut builder = Platform::builder().await.consumer("watcher");
    builder = builder.policy("yaita.cedar", &may_watch("watcher"));
    let platform = builder.start().await;
    for address in [
        "http://127.0.0.1:9/n",
        "http://[::1]:9/n",
        "http://2130706433/n",
        "http://10.0.0.1/n",
        "http://169.254.169.254/latest",
        "http://user:secret@example.org/n",
    ] {
        let refused = subscribe(&platform, "watcher", &to_aeds(address, &json!({}))).await;
        assert_eq!(
            (refused.status, refused.error_type().as_str()),
            (400, "BadRequestData"),
            "{address}"
        );
        assert!(
            refused.problem().detail.contains("notification.endpoint.uri"),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn what_is_not_evaluated_is_refused_by_its_name() {
    let platform = platform().await;
    for (more, name) in [
        (json!({"q": "isPartOf{name}==\"a\""}), "q"),
        (
            json!({"notification": {"endpoint": {"uri": "mqtts://example.org/t"}}}),
            "notification.endpoint.uri",
        ),
        (
            json!({"notification": {"join": "flat", "endpoint": {"uri": NOWHERE}}}),
            "notification.join",
        ),
    ] {
        let refused = subscribe(&platform, "watcher", &to_aeds(NOWHERE, &more)).await;
        assert_eq!(
            (refused.status, refused.error_type().as_str()),
            (422, "OperationNotSupported")
        );
        assert!(refused.problem().detail.contains(name), "{refused}");
    }
    let unknown = subscribe(
        &platform,
        "watcher",
        &to_aeds(NOWHERE, &json!({"watchedAttribute": ["a"]})),
    )
    .await;
    assert!(
        unknown.status == 400 && unknown.problem().detail.contains("watchedAttribute"),
        "{unknown}"
    );
    let twice = r#"{"type":"Subscription","q":"a","q":"b"}"#;
    let twice = platform
        .post(SUBSCRIPTIONS)
        .by("watcher")
        .body("application/json", twice)
        .await;
    assert_eq!((twice.status, twice.error_type().as_str()), (400, "BadRequestData"));
    let large = to_aeds(NOWHERE, &json!({"description": "x".repeat(64 * 1024)}));
    assert_eq!(subscribe(&platform, "watcher", &large).await.status, 413);
}

#[tokio::test]
async fn one_consumer_has_a_hundred_and_no_more() {
    let platform = platform().await;
    for number in 0..100 {
        let id = json!({"id": format!("urn:s:{number}")});
        subscribed(&platform, "watcher", &to_aeds(NOWHERE, &id)).await;
    }
    let refused = subscribe(&platform, "watcher", &to_aeds(NOWHERE, &json!({}))).await;
    assert_eq!(
        (refused.status, refused.error_type().as_str()),
        (400, "BadRequestData"),
        "{refused}"
    );
    subscribed(&platform, "other", &to_aeds(NOWHERE, &json!({}))).await;
    assert_eq!(
        deleted(&platform, "watcher", &format!("{SUBSCRIPTIONS}/urn:s:7"))
            .await
            .status,
        204
    );
    subscribed(&platform, "watcher", &to_aeds(NOWHERE, &json!({}))).await;
}

#[tokio::test]
async fn they_outlive_the_process() {
    let mut platform = platform().await;
    let more = json!({"q": "name==\"a\"", "expiresAt": "2999-01-01T00:00:00Z", "watchedAttributes": ["name"]});
    let path = subscribed(&platform, "watcher", &to_aeds(NOWHERE, &more)).await;
    let before = shown(&platform, "watcher", &path).await;
    let folder = platform.gateway().folder().to_owned();
    platform.gateway().terminate();
    platform.gateway_mut().wait();
    let mut command = kakehashi(&folder);
    command.args(["serve", "--json", "--config", "tenants.toml", "--policies", "policies/"]);
    let again = Gateway::start(command, &folder).await;
    let client = Client::new(again.ready()["gateway"].as_str().unwrap(), Some(key_of("watcher")));
    assert_eq!(shown(&client, "watcher", &path).await, before);
}

/// What notifies is what is stored, whatever was under way when somebody broke off.
#[tokio::test]
async fn whoever_breaks_off_whenever_what_holds_is_what_is_stored() {
    const WORKERS: usize = 8;
    const CHANGES: usize = 60;
    let platform = platform().await;
    let url = platform.gateway().url();
    let workers = (0..WORKERS).map(|worker| {
        let client = Client::new(&url, None);
        tokio::spawn(async move {
            for number in 0..CHANGES {
                let id = format!("urn:s:{worker}-{}", number % 5);
                let path = format!("{SUBSCRIPTIONS}/{id}");
                let ask = match rand::random_range(0..3) {
                    0 => client.request(Method::DELETE, path),
                    1 => client
                        .request(Method::PATCH, path)
                        .json(&json!({"description": number.to_string()})),
                    _ => client.post(SUBSCRIPTIONS).json(&to_aeds(NOWHERE, &json!({ "id": id }))),
                };
                let patience = Duration::from_micros(1 << rand::random_range(6..16));
                let _broken_off = tokio::time::timeout(patience, ask.by("watcher").into_future()).await;
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
    let file = platform.gateway().folder().join("kakehashi.db");
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    let mut state = SqliteConnection::connect_with(&options).await.unwrap();
    let comparing = async {
        loop {
            let stored: Vec<String> = sqlx::query_scalar("SELECT document FROM subscriptions")
                .fetch_all(&mut state)
                .await
                .unwrap();
            let stored = stored.iter().map(|document| serde_json::from_str(document).unwrap());
            let stored = ids_and_descriptions(stored);
            let all = shown(&platform, "watcher", &format!("{SUBSCRIPTIONS}?limit=100")).await;
            let hold = ids_and_descriptions(all.as_array().unwrap().iter().cloned());
            if stored == hold {
                break;
            }
        }
    };
    let agreed = tokio::time::timeout(PATIENCE, comparing).await;
    agreed.expect("what holds is what is stored when the last change has ended");
}

fn ids_and_descriptions(subscriptions: impl Iterator<Item = Value>) -> BTreeSet<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    subscriptions
        .map(|subscription| (text(&subscription["id"]), text(&subscription["description"])))
        .collect()
}
