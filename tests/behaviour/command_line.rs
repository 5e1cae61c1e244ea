//! The command: 0 well, 1 refused or failed, 2 wrong usage.

use serde_json::Value;
use sha2::{Digest, Sha256};
use stand_ins::prefecture::YAITA_ENTITIES;
use stand_ins::{SANO_DEMO_API_KEY, Sano};

use super::harness::{Client, Files, Finished, sano_sites};

#[test]
fn the_committed_configuration_is_well() {
    let files = Files::committed();
    let finished = Finished::well(files.folder(), &["check"]);
    assert!(
        finished.stdout.contains("4 tenants") && finished.stdout.contains("3 sources"),
        "{}",
        finished.stdout
    );
}

#[test]
fn the_configuration_for_the_conformance_suite_is_well() {
    let files = Files::committed();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/conformance");
    let (config, policies) = (format!("{folder}/tenants.toml"), format!("{folder}/policies"));
    let arguments = ["check", "--config", &config, "--policies", &policies];
    let finished = Finished::well(files.folder(), &arguments);
    assert!(finished.stdout.contains("1 tenant"), "{}", finished.stdout);
    assert_eq!(
        finished.stderr, "",
        "its permit applies to types that nobody has classified"
    );
}

#[test]
fn wrong_usage_is_2() {
    let files = Files::committed();
    for arguments in [
        ["nonsense"].as_slice(),
        &["check", "--nonsense"],
        &["demo", "--port", "seven"],
        &["mapping", "try"],
        &["store", "load"],
        &["key"],
        &[],
    ] {
        let finished = Finished::of(files.folder(), arguments);
        assert_eq!(finished.code, Some(2), "{arguments:?}: {finished:?}");
        assert!(
            !finished.stderr.is_empty() && finished.stdout.is_empty(),
            "errors go to standard error: {finished:?}"
        );
    }
    for arguments in [["--help"], ["--version"]] {
        assert_eq!(Finished::of(files.folder(), &arguments).code, Some(0));
    }
}

#[test]
fn what_fails_is_1() {
    let files = Files::committed();
    files.write("broken.json", "[{\"id\": \"x\"");
    files.write("nothing.json", "{\"unrelated\": true}");
    for arguments in [
        ["check", "--config", "missing.toml"].as_slice(),
        &["mapping", "try", "mappings/sano.toml", "missing.json"],
        &["mapping", "try", "missing.toml", "broken.json"],
        &["mapping", "try", "mappings/sano.toml", "broken.json"],
        &["store", "load", "missing.jsonld", "--tenant", "yaita"],
        &["store", "load", "broken.json", "--tenant", "yaita"],
        &["store", "load", "nothing.json", "--tenant", "yaita"],
    ] {
        let finished = Finished::of(files.folder(), arguments);
        assert_eq!(finished.code, Some(1), "{arguments:?}: {finished:?}");
        assert!(finished.stderr.starts_with("error"), "{arguments:?}: {finished:?}");
    }
}

#[tokio::test]
async fn a_mapping_can_be_tried_on_a_sample() {
    let files = Files::committed();
    let sano = Sano::start(0).await.unwrap();
    let sample = Client::new(sano.url(), Some(SANO_DEMO_API_KEY.to_owned()))
        .get("/api/v1/sites?per_page=50&fields=public")
        .await
        .ok();
    files.write("sample.json", &sample.body);
    let finished = Finished::well(files.folder(), &["mapping", "try", "mappings/sano.toml", "sample.json"]);
    let entities: Vec<Value> = finished
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(entities.len(), 50, "{}", finished.stderr);
    for (entity, place) in entities.iter().zip(sano_sites()) {
        assert_eq!(entity["id"], place.id.as_str());
        assert_eq!(entity["type"], "EvacuationSite");
        assert_eq!(entity["name"]["value"], place.name.as_str());
        assert!(entity["typeOfDisasterFlood"]["value"].is_boolean(), "{entity}");
    }
}

/// A misspelt field takes no record away, so that nobody sees it in counts: `check` tries each type on its sample.
#[test]
fn check_tells_what_a_mapping_does_not_find_in_its_sample() {
    let files = Files::committed();
    let checked = Finished::well(files.folder(), &["check"]);
    assert_eq!(checked.stderr, "", "the committed samples have what the mapping names");
    let mapping = files.read("mappings/sano.toml");
    let place_of = |mapping: &str, text: &str| {
        let before = mapping.split(text).next().unwrap();
        let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
        format!("mappings/sano.toml:{}:{column}: ", before.matches('\n').count() + 1)
    };
    for (right, wrong, expected) in [
        (
            "name = \"namae\"",
            "name = \"nmae\"",
            "types.EvacuationSite.attributes.name: the field `nmae` has a value in none of 3 records; did you mean `namae`? \
             (tried on `samples/sano-sites.json`)",
        ),
        (
            "records = \"$.items[*]\"",
            "records = \"$.itmes[*]\"",
            "types.EvacuationSite.records: `$.itmes[*]` leads to no records",
        ),
        (
            "sample = \"samples/sano-aed.json\"",
            "sample = \"samples/aed.json\"",
            "types.AED.sample: cannot read `samples/aed.json`",
        ),
    ] {
        let changed = mapping.replace(right, wrong);
        assert_ne!(changed, mapping);
        files.write("mappings/sano.toml", &changed);
        let checked = Finished::well(files.folder(), &["check"]);
        let line = checked.stderr.lines().next().unwrap_or_default();
        assert!(line.starts_with("warning: mappings/sano.toml:"), "{checked:?}");
        assert!(line.contains(expected), "{expected}\n{checked:?}");
        if wrong.contains("nmae") {
            assert!(line.contains(&place_of(&changed, "\"nmae\"")), "{checked:?}");
        }
        assert_eq!(checked.stderr.lines().count(), 1, "{checked:?}");
        assert!(!checked.stderr.contains("葛生"), "a value is told: {checked:?}");
    }
}

#[tokio::test]
async fn another_type_of_the_mapping_is_chosen_by_name() {
    let files = Files::committed();
    let sano = Sano::start(0).await.unwrap();
    let client = Client::new(sano.url(), Some(SANO_DEMO_API_KEY.to_owned()));
    for (path, r#type, expected) in [
        ("/api/v1/aed", "AED", 12),
        ("/api/v1/rain", "WeatherObserved", 6),
        ("/api/v1/shelters.geojson", "DesignatedShelter", 58),
    ] {
        files.write("sample.json", &client.get(path).await.ok().body);
        let finished = Finished::well(
            files.folder(),
            &["mapping", "try", "mappings/sano.toml", "sample.json", "--type", r#type],
        );
        assert_eq!(finished.stdout.lines().count(), expected, "{type}: {}", finished.stderr);
    }
    let unknown = Finished::of(
        files.folder(),
        &["mapping", "try", "mappings/sano.toml", "sample.json", "--type", "AE"],
    );
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
}

#[test]
fn a_new_key_comes_with_its_hash() {
    let files = Files::committed();
    let mut keys = Vec::new();
    for _ in 0..2 {
        let finished = Finished::well(files.folder(), &["key", "new"]);
        let words: Vec<&str> = finished.stdout.split_whitespace().collect();
        let after = |label: &str| words[words.iter().position(|word| *word == label).unwrap() + 1].to_owned();
        let (key, hash) = (after("key"), after("sha256"));
        let expected: String = Sha256::digest(key.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(hash, expected);
        assert!(key.len() >= 40, "long enough that nobody guesses it");
        keys.push(key);
    }
    assert_ne!(keys[0], keys[1]);
}

#[test]
fn loading_twice_changes_nothing() {
    let files = Files::committed();
    files.write("yaita.jsonld", YAITA_ENTITIES);
    let load = || {
        Finished::well(
            files.folder(),
            &[
                "store",
                "load",
                "yaita.jsonld",
                "--tenant",
                "yaita",
                "--config",
                "tenants.toml",
            ],
        )
        .stdout
    };
    assert!(load().contains("50 created"));
    assert!(load().contains("0 created, 0 replaced, 50 unchanged"));
    let nobody = Finished::of(files.folder(), &["store", "load", "yaita.jsonld", "--tenant", "sano"]);
    assert_eq!(nobody.code, Some(1), "Sano has no partition: {nobody:?}");
    assert!(nobody.stderr.contains("sano"), "{}", nobody.stderr);
}
