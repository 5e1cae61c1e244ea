//! `kakehashi demo`: one command, and everything can be tried.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::harness::{Client, Files, Finished, Gateway, kakehashi, section};

/// The demo in a folder with the committed files and none of the secrets that a real start needs.
async fn demo(files: &Files, arguments: &[&str]) -> Gateway {
    let mut command = kakehashi(files.folder());
    command.arg("demo").args(arguments).env_remove("SANO_API_KEY");
    Gateway::start(command, files.folder()).await
}

#[tokio::test]
async fn the_ready_line_leads_to_everything() {
    let files = Files::committed();
    let mut gateway = demo(&files, &["--json", "--port", "0"]).await;
    let ready = gateway.ready();
    let members: BTreeSet<&str> = ready.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        members,
        BTreeSet::from([
            "admin",
            "api_keys",
            "configuration",
            "gateway",
            "policies",
            "sources",
            "stand_ins"
        ])
    );
    assert_eq!(ready["configuration"], "tenants.toml");
    let url = ready["gateway"].as_str().unwrap();
    for consumer in ["bousai-map", "sano-dashboard", "limited-app"] {
        let key = ready["api_keys"][consumer]
            .as_str()
            .unwrap_or_else(|| panic!("no key for {consumer}: {ready}"));
        let client = Client::new(url, Some(key.to_owned()));
        assert_eq!(
            client
                .entities("type=EvacuationSite&limit=0&count=true")
                .await
                .ok()
                .count(),
            102,
            "{consumer}"
        );
    }
    let anonymous = Client::new(url, None);
    assert_eq!(
        anonymous
            .entities("type=EvacuationSite&limit=0&count=true")
            .await
            .ok()
            .count(),
        102
    );
    assert_eq!(
        Client::new(ready["admin"].as_str().unwrap(), None)
            .get("/readyz")
            .await
            .status,
        200
    );
    let sano = Client::new(ready["sources"]["sano-safe-map"].as_str().unwrap(), None);
    assert_eq!(
        sano.get("/api/v1/sites").await.status,
        401,
        "the stand-in is there and wants its key"
    );
    for (source, stand_in) in ready["stand_ins"].as_object().unwrap() {
        let client = Client::new(stand_in["url"].as_str().unwrap(), None);
        let ask = client.get(stand_in["path"].as_str().unwrap());
        let headers = stand_in["headers"].as_object().unwrap();
        let ask = headers.iter().fold(ask, |ask, (name, value)| {
            ask.header(name.as_str(), value.as_str().unwrap())
        });
        assert!(
            ask.await.ok().body.len() > 100,
            "{source} answers what the ready line says"
        );
    }
    let orion = Client::new(ready["sources"]["nasushiobara-orion"].as_str().unwrap(), None);
    assert_eq!(
        orion
            .get("/v2/entities?type=EvacuationSite&limit=1")
            .header("fiware-service", "nasushiobara")
            .await
            .ok()
            .ids()
            .len(),
        1
    );
    assert_eq!(
        gateway.stdout().lines().count(),
        1,
        "one line, for machines: {}",
        gateway.stdout()
    );
    gateway.terminate();
    assert_eq!(gateway.wait().code(), Some(0));
}

#[tokio::test]
async fn the_printed_commands_work_when_pasted() {
    let files = Files::committed();
    let gateway = demo(&files, &["--port", "0"]).await;
    super::harness::until("everything was printed", || gateway.stdout().contains("Ctrl-C")).await;
    let printed = gateway.stdout();
    let commands: Vec<&str> = printed.lines().filter(|line| line.starts_with("curl")).collect();
    assert_eq!(commands.len(), 5, "{printed}");
    let curl = Command::new("curl").arg("--version").output();
    assert!(
        curl.is_ok_and(|version| version.status.success()),
        "this test pastes what the demo prints, so it needs curl: install it"
    );
    let mut answers = Vec::new();
    for command in &commands {
        let output = Command::new("sh").args(["-c", command]).output().unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
        answers.push(String::from_utf8(output.stdout).unwrap());
    }
    assert!(
        commands[2].contains("小学校") || commands[2].contains("%E5%B0%8F"),
        "one asks in Japanese: {}",
        commands[2]
    );
    let body = |index: usize| -> Value {
        let answer = &answers[index];
        let body = answer.split_once("\r\n\r\n").map_or(answer.as_str(), |(_, body)| body);
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{}: {error}: {answer}", commands[index]))
    };
    assert!(
        answers[0].to_lowercase().contains("ngsild-results-count: 102"),
        "{}",
        answers[0]
    );
    for index in 0..3 {
        assert!(
            !body(index).as_array().unwrap().is_empty(),
            "{}: {}",
            commands[index],
            answers[index]
        );
    }
    for site in body(2).as_array().unwrap() {
        assert!(site["name"].as_str().unwrap().contains("小学校"), "{site}");
    }
    assert_eq!(body(3)["type"], "FeatureCollection");
    assert!(!body(3)["features"].as_array().unwrap().is_empty());
    // A personal attribute is asked for, and is not there.
    assert!(commands[4].contains("manager"), "{}", commands[4]);
    assert!(!answers[4].contains("managerName"), "{}", answers[4]);
    for canary in stand_ins::nasushiobara::canaries() {
        assert!(!answers.iter().any(|answer| answer.contains(&canary)));
    }
}

#[tokio::test]
async fn two_demos_do_not_meet() {
    let (first, second) = (Files::committed(), Files::committed());
    let one = demo(&first, &["--json", "--port", "0"]).await;
    let other = demo(&second, &["--json", "--port", "0"]).await;
    assert_ne!(one.ready()["gateway"], other.ready()["gateway"]);
    let keys = |gateway: &Gateway| gateway.ready()["api_keys"]["bousai-map"].as_str().unwrap().to_owned();
    let client = Client::new(other.ready()["gateway"].as_str().unwrap(), Some(keys(&one)));
    assert_eq!(
        client.entities("type=EvacuationSite").await.status,
        401,
        "keys are fresh in each"
    );
    assert_ne!(json!(keys(&one)), json!(keys(&other)));
}

/// A page that somebody tries is served from this machine.
#[tokio::test]
async fn pages_of_this_machine_may_ask_beside_those_that_are_listed() {
    let files = Files::committed();
    files.change_tenants(|table| {
        let cors: toml::Table = "origins = [\"https://map.example.jp\"]".parse().unwrap();
        section(table, "gateway").insert("cors".into(), toml::Value::Table(cors));
    });
    let gateway = demo(&files, &["--json", "--port", "0"]).await;
    let anonymous = Client::new(&gateway.url(), None);
    for (origin, status) in [
        ("http://localhost:8000", 204),
        ("http://127.0.0.1:3000", 204),
        ("http://[::1]:5173", 204),
        ("http://localhost", 204),
        ("https://map.example.jp", 204),
        ("https://localhost:8000", 403),
        ("http://localhost.example.jp:8000", 403),
        ("https://evil.example", 403),
        ("null", 403),
    ] {
        let ask = anonymous
            .request(http::Method::OPTIONS, "/ngsi-ld/v1/entities")
            .header("origin", origin);
        let answer = ask.header("access-control-request-method", "GET").await;
        assert_eq!(answer.status, status, "{origin}: {answer}");
    }
}

/// Every file below a folder, by its path from there.
fn files_below(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                found.insert(name, std::fs::read_to_string(path).unwrap());
            }
        }
    }
    found
}

#[tokio::test]
async fn the_demo_needs_no_files_of_the_repository() {
    let files = Files::committed();
    for part in ["tenants.toml", "mappings", "policies"] {
        files.remove(part);
    }
    let gateway = demo(&files, &["--json", "--port", "0"]).await;
    let ready = gateway.ready();
    let key = ready["api_keys"]["bousai-map"].as_str().unwrap().to_owned();
    let client = Client::new(ready["gateway"].as_str().unwrap(), Some(key));
    let sites = client.entities("type=EvacuationSite&limit=0&count=true").await.ok();
    assert_eq!(sites.count(), 102);
    let configuration = Path::new(ready["configuration"].as_str().unwrap());
    assert!(configuration.is_file(), "it can be looked at and changed: {ready}");
}

#[test]
fn the_demos_configuration_is_the_committed_one_and_replaces_nothing() {
    let files = Files::committed_with_ready_mappings();
    let committed: BTreeMap<String, String> = ["tenants.toml", "mappings", "policies"]
        .into_iter()
        .flat_map(|part| {
            let below = files_below(files.folder()).into_iter();
            below.filter(move |(name, _)| name.split('/').next() == Some(part))
        })
        .collect();
    assert!(committed.len() > 10);
    let written = Finished::well(files.folder(), &["demo", "--write", "new/folder"]);
    assert_eq!(files_below(&files.folder().join("new/folder")), committed);
    assert_eq!(written.stdout.lines().count(), committed.len(), "{written:?}");
    let checked = Finished::well(
        files.folder(),
        &[
            "check",
            "--config",
            "new/folder/tenants.toml",
            "--policies",
            "new/folder/policies",
        ],
    );
    assert!(checked.stdout.contains("well: revision"), "{checked:?}");
    files.remove("new/folder/policies/sano.cedar");
    let refused = Finished::of(files.folder(), &["demo", "--write", "new/folder"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("new/folder/tenants.toml"), "{refused:?}");
    assert!(refused.stderr.contains("nothing was written"), "{refused:?}");
    assert!(!files.folder().join("new/folder/policies/sano.cedar").exists());
    // Below a file there is no folder, nor where a file stands in the place of one.
    std::fs::create_dir(files.folder().join("half")).unwrap();
    files.write("half/policies", "");
    for (folder, blocked) in [("tenants.toml/below/it", "tenants.toml"), ("half", "half/policies")] {
        let refused = Finished::of(files.folder(), &["demo", "--write", folder]);
        assert_eq!(refused.code, Some(1), "{refused:?}");
        let says = format!("nothing was written, because {blocked} is no folder: name another");
        assert!(refused.stderr.contains(&says), "{refused:?}");
        assert!(!files.folder().join("half/tenants.toml").exists());
    }
}
