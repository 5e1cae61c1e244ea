//! An edit of the configuration holds while the gateway runs, whole or not at all; what it does not touch goes on.

use std::fs;
use std::future::IntoFuture;
use std::os::unix::fs::symlink;
use std::time::Duration;

use serde_json::Value;
use stand_ins::Fault;
use toml::Table;

use super::harness::{
    Client, Files, Gateway, ORION, Platform, SANO, change_source, kakehashi, key_of, keys, section, until,
};

/// How many answers a query for all sites gets.
const SITES: &str = "type=EvacuationSite&limit=0&count=true";

/// The revision that runs, as the probe says.
async fn running(platform: &Platform) -> String {
    let ready = platform.admin("ops").get("/readyz").await.ok();
    let text = String::from_utf8(ready.body.to_vec()).unwrap();
    text.trim().rsplit(' ').next().unwrap().to_owned()
}

/// Waits until another revision runs than the one before.
pub(super) async fn another(platform: &Platform, before: &str) -> String {
    loop {
        let now = running(platform).await;
        if now != before {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Changes the files, and waits until the change holds.
pub(super) async fn edit(platform: &Platform, change: impl FnOnce(&Files)) {
    let before = running(platform).await;
    change(platform.files());
    let waited = tokio::time::timeout(super::harness::PATIENCE, another(platform, &before)).await;
    waited.unwrap_or_else(|_| panic!("the edit does not hold: {}", platform.gateway().stderr()));
}

/// Readers lose what Sano shows.
fn hide_sano(files: &Files) {
    files.append(
        "policies/sano.cedar",
        "forbid (principal, action, resource in Tenant::\"sano\");",
    );
}

#[tokio::test]
async fn an_edit_holds_whichever_way_it_is_made() {
    let platform = Platform::builder().await.log("info").start().await;
    let all = platform.entities(SITES).await.ok().count();
    // Written in place.
    let shown = platform.files().read("policies/sano.cedar");
    edit(&platform, hide_sano).await;
    let without = platform.entities(SITES).await.ok().count();
    assert!(without < all, "{without} of {all}");
    // As editors write: another file that takes the name.
    edit(&platform, |files| {
        files.write("policies/sano.cedar~", &shown);
        fs::rename(
            files.folder().join("policies/sano.cedar~"),
            files.folder().join("policies/sano.cedar"),
        )
        .unwrap();
    })
    .await;
    assert_eq!(platform.entities(SITES).await.ok().count(), all);
    // A file that goes.
    edit(&platform, |files| files.remove("policies/sano.cedar")).await;
    assert_eq!(platform.entities(SITES).await.ok().count(), without);
    // A mapping, which only tenants.toml leads to.
    edit(&platform, |files| files.write("policies/sano.cedar", &shown)).await;
    edit(&platform, |files| files.append("mappings/sano.toml", "# a remark")).await;
    assert_eq!(platform.entities(SITES).await.ok().count(), all);
}

#[tokio::test]
async fn the_files_of_a_volume_are_swapped_by_a_link() {
    let platform = Platform::builder().await.administrators().log("info").start().await;
    let (files, volume) = (platform.files(), Files::committed());
    let folder = volume.folder();
    for (revision, hidden) in [("1", false), ("2", true)] {
        let data = folder.join(format!("..{revision}"));
        for part in ["policies/tests", "mappings"] {
            fs::create_dir_all(data.join(part)).unwrap();
        }
        fs::write(data.join("tenants.toml"), files.read("tenants.toml")).unwrap();
        for part in ["policies", "mappings"] {
            for entry in fs::read_dir(files.folder().join(part)).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_file() {
                    fs::copy(entry.path(), data.join(part).join(entry.file_name())).unwrap();
                }
            }
        }
        if hidden {
            fs::remove_file(data.join("policies/sano.cedar")).unwrap();
        }
    }
    symlink("..1", folder.join("..data")).unwrap();
    for part in ["policies", "mappings", "tenants.toml"] {
        volume.remove(part);
        symlink(format!("..data/{part}"), folder.join(part)).unwrap();
    }
    let mut command = kakehashi(folder);
    command.args(["serve", "--json"]).env("KAKEHASHI_LOG", "info");
    let gateway = Gateway::start(command, folder).await;
    let client = Client::new(&gateway.url(), Some(key_of("bousai-map")));
    // The store of this one is empty.
    let before = client.entities(SITES).await.ok().count();
    symlink("..2", folder.join("..data_tmp")).unwrap();
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    until("the link leads to another revision", || {
        gateway.stderr().contains("a new revision holds")
    })
    .await;
    let after = client.entities(SITES).await.ok().count();
    assert!(after < before, "{after} of {before}");
    // What is a link is changed where it leads, by whoever has made it.
    let admin = gateway.admin("ops");
    let running = admin.get("/admin/v1/revision/files").await.ok();
    let tenants_toml = running.json()["files"]["tenants.toml"].as_str().unwrap().to_owned() + "# a remark\n";
    let refused = admin
        .request(http::Method::PATCH, "/admin/v1/revision")
        .header("if-match", running.header("etag").unwrap())
        .json(&serde_json::json!({ "files": { "tenants.toml": tenants_toml } }))
        .await;
    assert_eq!(refused.status, 409, "{refused}");
    assert!(
        refused.json()["detail"].as_str().unwrap().contains("symbolic link"),
        "{refused}"
    );
    assert!(!folder.join(".kakehashi-apply.json").exists());
}

#[tokio::test]
async fn a_hangup_reads_the_files_and_new_secrets_again() {
    let platform = Platform::builder().await.log("info").tenants(|table| {
        change_source(table, SANO, |source| {
            let credential = "header = \"x-api-key\"\nvalue = { file = \"secret-of-sano\" }";
            source.insert("credential".into(), toml::Value::Table(credential.parse().unwrap()));
        });
    });
    platform.files().write("secret-of-sano", "wrong-for-now\n");
    let platform = platform.start().await;
    let all = platform.entities(SITES).await.ok();
    let is_named = all.warnings().iter().any(|warning| warning.contains(SANO));
    assert!(is_named, "the key is wrong: {all}");
    // The file of a secret is none of the revision's: nobody watches it.
    platform.files().write("secret-of-sano", stand_ins::SANO_DEMO_API_KEY);
    platform.gateway().hang_up();
    until("the files are read again", || {
        platform.gateway().stderr().contains("a new revision holds")
    })
    .await;
    let all = platform.entities(SITES).await.ok();
    assert_eq!((all.warnings().len(), all.count()), (0, 102), "{all}");
    assert!(
        !platform.gateway().stderr().contains("wrong-for-now"),
        "a secret was logged"
    );
}

#[tokio::test]
async fn a_bad_edit_is_refused_and_told_in_three_places_without_its_secrets() {
    const PLANTED: &str = "planted-secret-7f3a";
    let platform = Platform::builder().await.administrators().log("info").start().await;
    let before = running(&platform).await;
    let well = platform.files().read("tenants.toml");
    platform.files().change_tenants(|table| {
        section(table, "gateway").insert("lissten".into(), "127.0.0.1:1".into());
        change_source(table, SANO, |source| {
            let credential = format!("header = \"x-api-key\"\nvalue = \"{PLANTED}\"");
            source.insert("credential".into(), toml::Value::Table(credential.parse().unwrap()));
        });
    });
    until("the edit is refused", || {
        platform.gateway().stderr().contains("lissten")
    })
    .await;
    let log = platform.gateway().stderr();
    let shown = platform.admin("ops").get("/admin/v1/revision").await.ok().json();
    let metrics = platform.admin("ops").get("/metrics").await.ok();
    let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
    let diagnostics = shown["refused"]["diagnostics"].to_string();
    for told in [&log, &diagnostics] {
        for says in [
            "unknown key `lissten`",
            "did you mean `listen`?",
            "must not stand in this file",
            "tenants.toml",
        ] {
            assert!(told.contains(says), "{says}: {told}");
        }
        assert!(!told.contains(PLANTED), "a secret is told: {told}");
    }
    assert!(
        shown["refused"]["diagnostics"][0]["location"]["line"].as_u64().unwrap() > 1,
        "{shown}"
    );
    assert!(
        metrics.contains("kakehashi_config_reloads_total{outcome=\"refused\""),
        "{metrics}"
    );
    let running_now = format!("kakehashi_config_revision_info{{revision=\"{before}\"}} 1");
    assert!(metrics.contains(&running_now), "{metrics}");
    assert!(
        metrics.contains("kakehashi_config_last_reload_success_timestamp_seconds 1"),
        "{metrics}"
    );
    assert_eq!(running(&platform).await, before);
    assert_eq!(platform.entities(SITES).await.ok().count(), 102);
    // Undone by hand: nothing is wrong any more.
    platform.files().write("tenants.toml", well);
    loop {
        let shown = platform.admin("ops").get("/admin/v1/revision").await.ok().json();
        if shown["refused"].is_null() {
            assert_eq!(shown["revision"], Value::from(before.as_str()));
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn what_needs_a_restart_is_refused_and_says_so() {
    let platform = Platform::builder().await.administrators().log("info").start().await;
    let ops = platform.admin("ops");
    for (key, value) in [
        ("listen", "127.0.0.1:1"),
        ("admin_listen", "127.0.0.1:2"),
        ("state", "sqlite:other.db"),
        ("default_context", "core"),
        ("egress_allow", ""),
    ] {
        let mut table: Table = platform.files().read("tenants.toml").parse().unwrap();
        let value = match value {
            "" => toml::Value::Array(vec!["127.0.0.0/8".into()]),
            text => text.into(),
        };
        section(&mut table, "gateway").insert(key.into(), value);
        let files = serde_json::json!({ "files": { "tenants.toml": toml::to_string(&table).unwrap() } });
        let checked = ops
            .request(http::Method::PATCH, "/admin/v1/revision?dry-run=true")
            .json(&files)
            .await
            .ok();
        let checked = checked.json();
        assert_eq!(checked["accepted"], false, "{key}: {checked}");
        let said = checked["diagnostics"][0]["message"].as_str().unwrap();
        assert!(
            said.contains(&format!("`{key}`")) && said.contains("needs a restart"),
            "{said}"
        );
    }
    // Limits of requests are not among them.
    edit(&platform, |files| {
        files.change_tenants(|table| {
            section(section(table, "gateway"), "limits").insert("page".into(), 5.into());
        });
    })
    .await;
    assert_eq!(platform.entities("type=EvacuationSite&limit=6").await.status, 403);
    assert_eq!(
        platform
            .entities("type=EvacuationSite&limit=5")
            .await
            .ok()
            .entities()
            .len(),
        5
    );
}

#[tokio::test]
async fn new_sources_and_consumers_work_and_removed_ones_are_gone() {
    let platform = Platform::builder().await.log("info").start().await;
    let well = platform.files().read("tenants.toml");
    edit(&platform, |files| {
        files.change_tenants(|table| {
            let tenants = section(table, "tenants");
            section(tenants, "nasushiobara").remove("sources");
            let consumers = section(table, "consumers");
            consumers.remove("sano-dashboard");
            let added = "organisation = \"new\"\nroles = [\"reader\"]".parse::<Table>().unwrap();
            consumers.insert("added".into(), toml::Value::Table(added));
            section(consumers, "added").insert("keys".into(), keys("key-of-added-in-tests"));
        });
        // What the expectations say of the source that went would refuse the revision.
        files.remove("policies/tests");
    })
    .await;
    assert_eq!(platform.entities(SITES).by("sano-dashboard").await.status, 401);
    assert_eq!(platform.entities(SITES).by("added").await.ok().count(), 102 - 19);
    edit(&platform, |files| files.write("tenants.toml", &well)).await;
    assert_eq!(platform.entities(SITES).by("added").await.status, 401);
    assert_eq!(platform.entities(SITES).by("sano-dashboard").await.ok().count(), 102);
}

#[tokio::test]
async fn requests_under_way_to_a_source_that_is_removed_finish() {
    let platform = Platform::builder().await.log("info").start().await;
    platform.demo().sano().set_fault(Fault::Held);
    let under_way = tokio::spawn(platform.entities(SITES).into_future());
    until("the source is asked", || !platform.asked_of_sano().is_empty()).await;
    edit(&platform, |files| {
        files.change_tenants(|table| {
            section(section(table, "tenants"), "sano").remove("sources");
        });
        files.remove("policies/tests");
    })
    .await;
    assert!(
        !under_way.is_finished(),
        "the edit must hold while the source still works"
    );
    platform.demo().sano().clear_fault();
    let answer = under_way.await.unwrap().ok();
    assert_eq!((answer.count(), answer.warnings().len()), (102, 0), "{answer}");
    // The prefecture's copies are left.
    assert_eq!(platform.entities(SITES).await.ok().count(), 19 + 25 + 5);
}

#[tokio::test]
async fn breakers_connections_and_counters_survive_what_does_not_touch_them() {
    let platform = Platform::builder()
        .await
        .administrators()
        .log("info")
        .tenants(|table| {
            let consumer = section(section(table, "consumers"), "limited-app");
            let limits = "requests_per_second = 1\nburst = 50".parse::<Table>().unwrap();
            consumer.insert("limits".into(), toml::Value::Table(limits));
        })
        .start()
        .await;
    platform.demo().orion().set_fault(Fault::Reset);
    let health = async |id: &str| -> Value {
        let sources = platform.admin("ops").get("/admin/v1/sources").await.ok().json();
        let found = sources["sources"]
            .as_array()
            .unwrap()
            .iter()
            .find(|source| source["id"] == id)
            .cloned();
        found.unwrap_or_else(|| panic!("{id}: {sources}"))
    };
    assert_eq!(health(ORION).await["health"], "not-asked");
    while health(ORION).await["breaker"] != "open" {
        platform.entities(SITES).by("limited-app").await;
    }
    let (orion, sano) = (health(ORION).await, health(SANO).await);
    assert_eq!(
        (&orion["health"], &orion["lastError"]),
        (&"held-back".into(), &"unreachable".into())
    );
    assert_eq!((&sano["health"], &sano["breaker"]), (&"ok".into(), &"closed".into()));
    assert!(sano["latencyMilliseconds"].as_f64().unwrap() > 0.0, "{sano}");
    let remaining = |answer: &super::harness::Answer| -> u32 {
        let header = answer.header("ratelimit").unwrap();
        header
            .split("r=")
            .nth(1)
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .parse()
            .unwrap()
    };
    let left = remaining(&platform.entities(SITES).by("limited-app").await);
    assert!(left < 48, "{left}");

    edit(&platform, |files| {
        files.append("policies/yaita.cedar", "// a remark");
        files.change_tenants(|table| {
            change_source(table, SANO, |source| {
                source.insert("timeout".into(), "11m".into());
            });
        });
    })
    .await;
    // The other source was changed, and has begun anew.
    while health(SANO).await["health"] != "not-asked" {
        // Two files were edited, maybe in two readings.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let after = health(ORION).await;
    assert_eq!(after["breaker"], "open", "{after}");
    assert!(
        after["failures"].as_u64() >= orion["failures"].as_u64(),
        "{after} after {orion}"
    );
    let now_left = remaining(&platform.entities(SITES).by("limited-app").await);
    // One token a second comes back; a new limiter would have all fifty.
    assert!(now_left < 49, "{now_left} after {left}");
}

#[tokio::test]
async fn subscriptions_are_told_what_the_new_revision_lets_them_be_told() {
    let platform = super::subscriptions::platform().await;
    let (told, untold) = (
        super::notifications::endpoint().await,
        super::notifications::endpoint().await,
    );
    for (consumer, server) in [("other", &told), ("watcher", &untold)] {
        let subscription = super::subscriptions::to_aeds(server.url(), &serde_json::json!({}));
        super::subscriptions::subscribed(&platform, consumer, &subscription).await;
    }
    super::notifications::put(&platform, &super::notifications::aed("urn:ngsi-ld:AED:seen", "1")).await;
    for server in [&told, &untold] {
        super::notifications::notified(server, 1).await;
    }
    edit(&platform, |files| {
        let forbid = "forbid (principal in Role::\"watcher\", action, resource in Tenant::\"yaita\");";
        files.append("policies/yaita.cedar", forbid);
    })
    .await;
    for (count, name) in [(2, "2"), (3, "3")] {
        super::notifications::put(&platform, &super::notifications::aed("urn:ngsi-ld:AED:seen", name)).await;
        super::notifications::notified(&told, count).await;
    }
    super::notifications::notified(&untold, 1).await;
}
