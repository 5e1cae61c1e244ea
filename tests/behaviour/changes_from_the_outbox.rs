//! Subscriptions hear of what another process has done to the store: of what was loaded, of what a second gateway has
//! written, and of what has expired. Each change is told once, in the order of the commits, and what may not rest is told
//! without having rested anywhere.

use std::path::Path;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde_json::{Value, json};
use stand_ins::Server;

use super::harness::{
    Builder, Client, Finished, Gateway, PATIENCE, Platform, change_source, kakehashi, section, until,
};
use super::notifications::{aed, body_of, endpoint, notified, put};
use super::outbox::marks_with;
use super::subscriptions::{builder, platform, shown, subscribed, to_aeds};
use super::withdrawn::revised;

/// A gateway of its own on the same store, with subscriptions of its own.
async fn second_gateway(folder: &Path) -> (Gateway, Client) {
    let config = std::fs::read_to_string(folder.join("tenants.toml")).unwrap();
    let state = "sqlite:kakehashi.db";
    assert!(config.contains(state));
    std::fs::write(folder.join("second.toml"), config.replace(state, "sqlite:second.db")).unwrap();
    let outputs = folder.join("second");
    std::fs::create_dir(&outputs).unwrap();
    let mut command = kakehashi(folder);
    command.args(["serve", "--json", "--config", "second.toml", "--policies", "policies/"]);
    let gateway = Gateway::start(command, &outputs).await;
    let client = Client::new(&gateway.url(), None);
    (gateway, client)
}

fn load(platform: &Platform, entities: &Value) {
    let files = platform.files();
    files.write("loaded.jsonld", entities.to_string());
    Finished::well(files.folder(), &["store", "load", "loaded.jsonld", "--tenant", "yaita"]);
}

fn id(name: &str) -> String {
    format!("urn:ngsi-ld:AED:elsewhere:{name}")
}

/// Everything that can happen to AEDs, with what was before.
async fn everything(platform: &Platform, consumer: &str, server: &Server, more: &Value) -> String {
    let mut subscription = to_aeds(
        &format!("{}/{consumer}", server.url()),
        &json!({"notificationTrigger": ["entityCreated", "entityUpdated", "entityDeleted"]}),
    );
    subscription["notification"]["showChanges"] = json!(true);
    for (name, member) in more.as_object().unwrap() {
        subscription[name] = member.clone();
    }
    subscribed(platform, consumer, &subscription).await
}

fn entities(server: &Server) -> Vec<Value> {
    let requests = server.requests();
    requests
        .iter()
        .map(|request| body_of(request)["data"][0].clone())
        .collect()
}

/// The ids, each with its name and the name that was before.
fn told(server: &Server) -> Vec<(String, Value, Value)> {
    let told = entities(server).into_iter().map(|entity| {
        let id = entity["id"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
        (
            id,
            entity["name"]["value"].clone(),
            entity["name"]["previousValue"].clone(),
        )
    });
    told.collect()
}

fn is(id: &str, name: &str, before: Option<&str>) -> (String, Value, Value) {
    (
        id.to_owned(),
        json!(name),
        before.map_or(Value::Null, |name| json!(name)),
    )
}

/// Whatever was changed before was told by the time at which this is: a partition is told of in one order.
async fn last_of_all(second: &Client, server: &Server) {
    put(second, &aed(&id("last"), "last")).await;
    until("the last change is told", || {
        told(server).iter().any(|(id, ..)| id == "last")
    })
    .await;
}

fn missed(platform: &Platform) -> bool {
    let metrics = platform.gateway().metrics();
    let name = "kakehashi_notifications_total{outcome=\"missed\"";
    metrics.lines().any(|line| line.starts_with(name))
}

#[tokio::test]
async fn what_is_loaded_is_told_and_nothing_of_it_twice() {
    let (platform, server) = (platform().await, endpoint().await);
    put(&platform, &aed(&id("same"), "same")).await;
    put(&platform, &aed(&id("changed"), "earlier")).await;
    everything(&platform, "watcher", &server, &json!({})).await;
    load(
        &platform,
        &json!([
            aed(&id("same"), "same"),
            aed(&id("changed"), "later"),
            aed(&id("new"), "new")
        ]),
    );
    until("what was loaded is told", || server.requests().len() >= 2).await;
    put(&platform, &aed(&id("new"), "newer")).await;
    let (_second, second) = second_gateway(platform.files().folder()).await;
    last_of_all(&second, &server).await;
    let mut told = told(&server);
    // Those of one load come in no order.
    told[..2].sort_by(|one, other| one.0.cmp(&other.0));
    let expected = [
        // What it was before is not known any more.
        is("changed", "later", None),
        is("new", "new", None),
        is("new", "newer", Some("new")),
        is("last", "last", None),
    ];
    assert_eq!(told, expected);
    assert!(!missed(&platform));
}

#[tokio::test]
async fn what_two_gateways_write_is_told_once_and_in_the_order_in_which_they_wrote() {
    let (platform, server) = (platform().await, endpoint().await);
    let (_second, second) = second_gateway(platform.files().folder()).await;
    everything(&platform, "watcher", &server, &json!({})).await;
    let mut expected = Vec::new();
    let mut before = None;
    for number in 0..30 {
        let name = number.to_string();
        // By turns, and sometimes the same one again.
        let writer: &Client = if number % 3 == 0 { &platform } else { &second };
        put(writer, &aed(&id("both"), &name)).await;
        expected.push(is("both", &name, before.as_deref()));
        before = Some(name);
    }
    last_of_all(&second, &server).await;
    expected.push(is("last", "last", None));
    assert_eq!(told(&server), expected);
}

#[tokio::test]
async fn what_two_gateways_write_at_once_is_told_once() {
    let (platform, server) = (platform().await, endpoint().await);
    let (_second, second) = second_gateway(platform.files().folder()).await;
    everything(&platform, "watcher", &server, &json!({})).await;
    let write = async |client: &Client, who: &str| {
        for number in 0..40 {
            put(client, &aed(&id(&format!("{who}-{number}")), who)).await;
            put(client, &aed(&id("shared"), &format!("{who}-{number}"))).await;
        }
    };
    tokio::join!(write(&platform, "one"), write(&second, "two"));
    last_of_all(&second, &server).await;
    let told = told(&server);
    assert_eq!(told.len(), 4 * 40 + 1, "{told:?}");
    let shared: Vec<_> = told.iter().filter(|(id, ..)| id == "shared").collect();
    for pair in shared.windows(2) {
        assert_eq!(pair[0].1, pair[1].2, "each begins with what the one before has left");
    }
}

#[tokio::test]
async fn what_another_deletes_is_told_where_its_name_is_enough_and_counted_where_it_is_not() {
    let (platform, server) = (platform().await, endpoint().await);
    let (_second, second) = second_gateway(platform.files().folder()).await;
    put(&platform, &aed(&id("gone"), "gone")).await;
    put(&platform, &aed(&id("own"), "own")).await;
    everything(&platform, "watcher", &server, &json!({})).await;
    let conditional = endpoint().await;
    let path = everything(&platform, "other", &conditional, &json!({"q": "name!=\"x\""})).await;
    for (client, name) in [(&*platform, "own"), (&second, "gone")] {
        let answer = client.delete(&id(name)).by("writer").tenant("yaita").await;
        assert_eq!(answer.status, 204, "{answer}");
    }
    last_of_all(&second, &server).await;
    let entities = entities(&server);
    for (entity, name) in entities.iter().zip(["own", "gone"]) {
        assert_eq!((&entity["id"], &entity["type"]), (&json!(id(name)), &json!("AED")));
        assert!(entity["deletedAt"].is_string(), "{entity}");
    }
    assert_eq!(entities.len(), 3);
    until("the other is told of the last one", || {
        conditional.requests().len() == 2
    })
    .await;
    assert!(missed(&platform), "nobody knows whether it met the condition");
    let counted = async { while shown(&platform, "other", &path).await["notification"]["timesFailed"] != 1 {} };
    tokio::time::timeout(PATIENCE, counted).await.unwrap();
}

fn soon() -> Value {
    let soon = Timestamp::try_from(SystemTime::now() + Duration::from_millis(1500)).unwrap();
    json!(soon.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string())
}

/// Whoever asks finds out whose time is over.
async fn asked_until_told(platform: &Platform, server: &Server) {
    let asking = async {
        while server.requests().is_empty() {
            let target = "/ngsi-ld/v1/entities?type=AED&limit=1&count=true";
            platform.get(target).by("watcher").await.ok();
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap();
}

#[tokio::test]
async fn what_has_expired_is_told_as_gone() {
    let (platform, server) = (platform().await, endpoint().await);
    let mut subscription = to_aeds(server.url(), &json!({"notificationTrigger": ["entityDeleted"]}));
    subscription["notification"]["sysAttrs"] = json!(false);
    subscribed(&platform, "watcher", &subscription).await;
    let mut brief = aed(&id("brief"), "brief");
    brief["expiresAt"] = soon();
    put(&platform, &brief).await;
    asked_until_told(&platform, &server).await;
    let requests = notified(&server, 1).await;
    let entity = &body_of(&requests[0])["data"][0];
    assert_eq!(entity["id"], json!(id("brief")));
    assert!(
        entity["deletedAt"].is_string() && entity.get("name").is_none(),
        "{entity}"
    );
}

#[tokio::test]
async fn what_has_expired_of_an_entity_is_told_as_gone_from_it() {
    let (platform, server) = (platform().await, endpoint().await);
    let hidden = endpoint().await;
    let gone = |server: &Server| to_aeds(server.url(), &json!({"notificationTrigger": ["attributeDeleted"]}));
    subscribed(&platform, "watcher", &gone(&server)).await;
    subscribed(&platform, "names-only", &gone(&hidden)).await;
    let mut brief = aed(&id("brief"), "stays");
    brief["installationLocation"]["expiresAt"] = soon();
    put(&platform, &brief).await;
    asked_until_told(&platform, &server).await;
    let requests = notified(&server, 1).await;
    let entity = &body_of(&requests[0])["data"][0];
    assert_eq!(
        (&entity["id"], &entity["name"]["value"]),
        (&json!(id("brief")), &json!("stays"))
    );
    assert_eq!(entity["installationLocation"], json!("urn:ngsi-ld:null"), "{entity}");
    let mut without = aed(&id("brief"), "stays");
    without.as_object_mut().unwrap().remove("installationLocation");
    without.as_object_mut().unwrap().remove("name");
    put(&platform, &without).await;
    let requests = notified(&hidden, 1).await;
    let entity = &body_of(&requests[0])["data"][0];
    assert_eq!(
        entity["name"]["value"],
        json!("urn:ngsi-ld:null"),
        "what it does not see did not go: {entity}"
    );
}

/// `insider` may be told of an attribute that stands for a person, which rests in the store of its owner and nowhere else.
async fn with_insider() -> Builder {
    const ATTRIBUTES: &str = "@attributes(\"name,location,installationLocation,keeper\")";
    let permit = |consumer: &str, actions: &str| {
        format!(
            "{ATTRIBUTES}\npermit (principal in Role::\"{consumer}\", action in {actions}, \
             resource == EntityType::\"yaita/AED\");\n"
        )
    };
    let insider = permit("insider", "[Action::\"read\", Action::\"subscribe\"]");
    let writer = permit("writer", "Action::\"provide\"");
    let builder = builder().await.consumer("insider");
    let classes = builder.files().read("policies/classification.toml");
    let open = "[types.AED.attributes]\n";
    let guarded = format!("{open}pseudonymised = [\"keeper\"]\n");
    builder
        .files()
        .write("policies/classification.toml", classes.replace(open, &guarded));
    builder
        .policy("yaita.cedar", &format!("{insider}{writer}"))
        .tenants(|table| {
            for consumer in ["insider", "writer"] {
                let consumer = section(section(table, "consumers"), consumer);
                consumer.remove("organisation");
                consumer.insert("tenant".into(), "yaita".into());
            }
        })
}

#[tokio::test]
async fn what_may_not_rest_is_told_as_it_is_and_rests_in_no_outbox() {
    let (platform, server) = (with_insider().await.start().await, endpoint().await);
    let narrow = endpoint().await;
    let (_second, second) = second_gateway(platform.files().folder()).await;
    everything(&platform, "insider", &server, &json!({})).await;
    everything(&platform, "watcher", &narrow, &json!({})).await;
    let keeper = |name: &str, keeper: &str| {
        let mut aed = aed(&id("kept"), name);
        aed["keeper"] = json!({"type": "Property", "value": keeper});
        aed
    };
    // Each is told before the next, so that nothing is told together. Nobody may write it; an operator may load it.
    let steps = [
        ("a", "canary-1"),
        ("a", "canary-2"),
        ("b", "canary-2"),
        ("c", "canary-3"),
    ];
    for (number, (name, value)) in steps.iter().enumerate() {
        load(&platform, &json!([keeper(name, value)]));
        until("it is told", || server.requests().len() > number).await;
    }
    let told: Vec<(Value, Value, Value)> = entities(&server)
        .into_iter()
        .map(|entity| {
            let value = |name: &str| entity[name]["value"].clone();
            (
                value("name"),
                value("keeper"),
                entity["keeper"]["previousValue"].clone(),
            )
        })
        .collect();
    // What was before a load nobody knows.
    let expected: Vec<(Value, Value, Value)> = steps
        .iter()
        .map(|(name, keeper)| (json!(name), json!(keeper), Value::Null))
        .collect();
    assert_eq!(told, expected);
    last_of_all(&second, &narrow).await;
    let names: Vec<Value> = entities(&narrow)
        .into_iter()
        .map(|entity| entity["name"]["value"].clone())
        .collect();
    assert_eq!(names, ["a", "b", "c", "last"], "what is hidden is no change");
    assert!(entities(&narrow).iter().all(|entity| entity.get("keeper").is_none()));
    assert_eq!(marks_with(&platform, "canary-").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_goes_and_comes_with_revisions_is_read_as_long_as_it_is_there() {
    let (platform, server) = (platform().await, endpoint().await);
    everything(&platform, "watcher", &server, &json!({})).await;
    let (_second, second) = second_gateway(platform.files().folder()).await;
    put(&second, &aed(&id("before"), "before")).await;
    until("it is told", || server.requests().len() == 1).await;
    let with_it = platform.files().read("tenants.toml");
    revised(&platform, |files| {
        files.change_tenants(|table| {
            change_source(table, "tochigi-store", |source| {
                source.insert("partitions".into(), vec!["tochigi"].into());
                let provides = source["provides"].as_array_mut().unwrap();
                provides.retain(|entry| entry.get("partition").is_none_or(|of| of.as_str() != Some("yaita")));
            });
        });
    })
    .await;
    put(&second, &aed(&id("meanwhile"), "meanwhile")).await;
    revised(&platform, |files| files.write("tenants.toml", &with_it)).await;
    let own = async |name: &str| put(&platform, &aed(&id(name), name)).await;
    own("own").await;
    until("what was written once it is back is told", || {
        server.requests().len() >= 2
    })
    .await;
    own("own-again").await;
    last_of_all(&second, &server).await;
    let mut names: Vec<String> = told(&server).into_iter().map(|(id, ..)| id).collect();
    // Whether what was written in between is told depends on when it was read.
    names.retain(|name| name != "meanwhile");
    assert_eq!(names, ["before", "own", "own-again", "last"]);
}

#[tokio::test]
async fn a_load_that_is_too_large_is_counted_and_what_comes_after_it_told() {
    let (platform, server) = (platform().await, endpoint().await);
    let (_second, second) = second_gateway(platform.files().folder()).await;
    let path = everything(&platform, "watcher", &server, &json!({})).await;
    let many: Vec<Value> = (0..600).map(|number| aed(&id(&number.to_string()), "many")).collect();
    load(&platform, &Value::Array(many));
    last_of_all(&second, &server).await;
    assert_eq!(told(&server), [is("last", "last", None)]);
    assert!(missed(&platform));
    let found = shown(&platform, "watcher", &path).await;
    assert_eq!(found["notification"]["timesFailed"], 1, "{found}");
    let log = platform.gateway().stderr();
    assert!(
        log.contains("more was loaded at once than is told one by one"),
        "it is in the log"
    );
}
