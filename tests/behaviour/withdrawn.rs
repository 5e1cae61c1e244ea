//! What leaves late is decided when it leaves: by the consumer, by what it proved itself by, and by its grants at that
//! moment, and not by those of the moment at which it was ordered.

use http::Method;
use serde_json::{Value, json};
use stand_ins::{Fault, Server};
use toml::Table;

use super::harness::{Files, Platform, key_of, keys, section, until};
use super::notifications::{aed, body_of, endpoint, notified, put};
use super::subscriptions::{builder, shown, subscribed, to_aeds};

const ID: &str = "urn:ngsi-ld:AED:late";

/// Notifications that wait behind the first one, which its endpoint holds back.
const WAITING: usize = 20;

/// The second key of `watcher`.
const OTHER_KEY: &str = "the-other-key-of-watcher";

async fn started() -> (Platform, Server, String) {
    let builder = builder().await.tenants(|table| {
        let watcher = section(section(table, "consumers"), "watcher");
        let mut both = keys(&key_of("watcher")).as_array().unwrap().clone();
        let mut other = keys(OTHER_KEY).as_array().unwrap()[0].clone();
        other["name"] = "other".into();
        both.push(other);
        watcher.insert("keys".into(), both.into());
    });
    let (platform, server) = (builder.start().await, endpoint().await);
    let mut subscription = to_aeds(
        server.url(),
        &json!({"notificationTrigger": ["entityCreated", "entityUpdated"]}),
    );
    subscription["notification"]["endpoint"]["timeout"] = json!(20_000);
    let path = subscribed(&platform, "watcher", &subscription).await;
    (platform, server, path)
}

/// One notification is under way, and as many as said wait behind it.
async fn waiting(platform: &Platform, server: &Server) {
    server.set_fault(Fault::Held);
    for number in 0..=WAITING {
        put(platform, &aed(ID, &number.to_string())).await;
    }
    notified(server, 1).await;
}

fn counted(platform: &Platform, name: &str) -> u64 {
    let metrics = platform.gateway().metrics();
    let line = metrics.lines().find(|line| line.starts_with(name));
    line.map_or(0, |line| line.rsplit_once(' ').unwrap().1.parse().unwrap())
}

/// Lets changed files hold.
pub(super) async fn revised(platform: &Platform, change: impl FnOnce(&Files)) {
    const APPLIED: &str = "kakehashi_config_reloads_total{outcome=\"applied\"";
    let before = counted(platform, APPLIED);
    change(platform.files());
    platform.gateway().hang_up();
    until("the new revision holds", || counted(platform, APPLIED) > before).await;
}

async fn all_are_withdrawn(platform: &Platform, server: &Server) {
    const WITHDRAWN: &str = "kakehashi_notifications_total{outcome=\"withdrawn\"";
    server.clear_fault();
    until("what waited is given up", || {
        counted(platform, WITHDRAWN) == WAITING as u64
    })
    .await;
    assert_eq!(server.requests().len(), 1, "nothing more has left");
}

fn watcher(table: &mut Table) -> &mut Table {
    section(section(table, "consumers"), "watcher")
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaves_for_a_consumer_that_was_removed() {
    let (platform, server, _) = started().await;
    waiting(&platform, &server).await;
    revised(&platform, |files| {
        files.change_tenants(|table| {
            section(table, "consumers").remove("watcher");
        });
    })
    .await;
    all_are_withdrawn(&platform, &server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaves_for_a_grant_that_was_withdrawn() {
    let (platform, server, _) = started().await;
    waiting(&platform, &server).await;
    revised(&platform, |files| {
        files.append(
            "policies/yaita.cedar",
            "forbid (principal in Role::\"watcher\", action, resource);",
        );
    })
    .await;
    all_are_withdrawn(&platform, &server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_narrowed_by_the_grants_of_the_moment() {
    let (platform, server, _) = started().await;
    waiting(&platform, &server).await;
    revised(&platform, |files| {
        let names = "@attributes(\"name\") permit (principal in Role::\"watcher\", action in [Action::\"read\", \
                     Action::\"subscribe\"], resource == EntityType::\"yaita/AED\");";
        let others = files.read("policies/yaita.cedar");
        let without: Vec<&str> = others.lines().filter(|line| !line.contains("\"watcher\"")).collect();
        files.write("policies/yaita.cedar", format!("{}\n{names}\n", without.join("\n")));
    })
    .await;
    server.clear_fault();
    let told = notified(&server, 1 + WAITING).await;
    let entities: Vec<Value> = told.iter().map(|request| body_of(request)["data"][0].clone()).collect();
    assert!(entities[0].get("location").is_some(), "{}", entities[0]);
    for (number, entity) in entities.iter().enumerate().skip(1) {
        assert_eq!(entity["name"]["value"], number.to_string(), "{entity}");
        assert!(entity.get("location").is_none(), "{entity}");
        assert!(entity.get("installationLocation").is_none(), "{entity}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_revoked_delivers_nothing_until_another_key_takes_its_subscription_over() {
    let (mut platform, server, path) = started().await;
    waiting(&platform, &server).await;
    revised(&platform, |files| {
        files.change_tenants(|table| {
            let mut other = keys(OTHER_KEY).as_array().unwrap()[0].clone();
            other["name"] = "other".into();
            watcher(table).insert("keys".into(), vec![other].into());
        });
    })
    .await;
    all_are_withdrawn(&platform, &server).await;
    let status = async |platform: &Platform| {
        let found = platform.get(&path).key(OTHER_KEY).await.ok();
        found.json()["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(status(&platform).await, "paused");
    // It is so after a restart, too.
    platform.kill_and_start_again().await;
    assert_eq!(status(&platform).await, "paused");
    put(&platform, &aed(ID, "told to nobody")).await;
    let change = platform.request(Method::PATCH, &path).key(OTHER_KEY);
    let change = change.json(&json!({"description": "taken over"})).await;
    assert_eq!(change.status, 204, "{change}");
    assert_eq!(status(&platform).await, "active");
    put(&platform, &aed(ID, "told again")).await;
    let told = notified(&server, 2).await;
    assert_eq!(body_of(&told[1])["data"][0]["name"]["value"], "told again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_concerns_nobody_here_takes_nothing_away() {
    let (platform, server, path) = started().await;
    waiting(&platform, &server).await;
    revised(&platform, |files| {
        files.change_tenants(|table| {
            section(section(table, "tenants"), "sano").insert("name".into(), "佐野市(新)".into());
        });
    })
    .await;
    server.clear_fault();
    let told = notified(&server, 1 + WAITING).await;
    let last = body_of(&told[WAITING]);
    assert_eq!(last["data"][0]["name"]["value"], WAITING.to_string());
    assert_eq!(shown(&platform, "watcher", &path).await["status"], "active");
}
