//! Every command of `kakehashi` in the guide for administrators does what the guide says, as it is written there. Those
//! of the pages that are done from their beginning to their end are in `guide_for_administrators`. The guide for developers names each
//! operation and each parameter that there is, and no other.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use kakehashi::http::api::operation::Offered;
use kakehashi::http::api::operations::offered;
use stand_ins::prefecture::YAITA_ENTITIES;
use stand_ins::{SANO_DEMO_API_KEY, Sano};

use super::harness::{Client, Files, Finished, Gateway, kakehashi};

/// Pages whose commands build on each other.
const DONE_AS_A_WHOLE: [&str; 2] = ["first-day.md", "steps.md"];

/// The commands of the guide, without the comments behind them, and the lines that it shows as their answers.
fn commands() -> Vec<(Vec<String>, Vec<String>)> {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs");
    let mut pages: Vec<PathBuf> = vec![format!("{docs}/administrators.md").into()];
    let folder = fs::read_dir(format!("{docs}/administrators")).unwrap();
    let in_folder = folder.map(|entry| entry.unwrap().path());
    pages.extend(in_folder.filter(|path| !DONE_AS_A_WHOLE.iter().any(|page| path.ends_with(page))));
    pages.sort();
    let mut commands: Vec<(Vec<String>, Vec<String>)> = Vec::new();
    let mut answers = false;
    let text: String = pages.iter().map(|page| fs::read_to_string(page).unwrap()).collect();
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("$ kakehashi ") {
            let written = command.split(" #").next().unwrap();
            commands.push((written.split_whitespace().map(str::to_owned).collect(), Vec::new()));
            answers = true;
        } else if line.starts_with("```") || line.starts_with("$ ") {
            answers = false;
        } else if answers && !line.trim().is_empty() && !line.contains("...") {
            commands.last_mut().unwrap().1.push(line.to_owned());
        }
    }
    commands
}

#[tokio::test]
async fn every_command_of_the_guide_for_administrators_works_as_it_is_written() {
    let files = Files::committed();
    files.write("yaita.jsonld", YAITA_ENTITIES);
    files.write(
        "roads.jsonl",
        "{\"id\": \"urn:ngsi-ld:AED:of-the-guide\", \"type\": \"AED\"}\n",
    );
    files.write(
        "shelters.geojson",
        "{\"type\": \"FeatureCollection\", \"features\": []}",
    );
    let sano = Sano::start(0).await.unwrap();
    let platform = Client::new(sano.url(), Some(SANO_DEMO_API_KEY.to_owned()));
    files.write(
        "sample.json",
        &platform.get("/api/v1/sites?per_page=50&fields=public").await.ok().body,
    );
    // As it is when a key is being rotated: the new one beside the old.
    let rotated = files.read("tenants.toml").replacen(
        "expires = 2027-03-31 }]",
        &format!(
            "expires = 2027-03-31 }}, {{ name = \"2027\", sha256 = \"{}\", expires = 2028-03-31 }}]",
            "0".repeat(64)
        ),
        1,
    );
    files.write("tenants.toml", rotated);

    let commands = commands();
    let has = |wanted: &[&str]| {
        commands
            .iter()
            .any(|(words, _)| words.starts_with(&wanted.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()))
    };
    for wanted in [
        &["check"],
        ["explain-config"].as_slice(),
        &["key", "new"],
        &["key", "revoke"],
        &["serve"],
    ] {
        assert!(has(wanted), "{wanted:?} is not in the guide any more");
    }
    for (words, answer) in commands {
        let mut command = kakehashi(files.folder());
        command
            .args(&words)
            .env("KAKEHASHI__GATEWAY__LISTEN", "127.0.0.1:0")
            .env("KAKEHASHI__GATEWAY__ADMIN_LISTEN", "127.0.0.1:0");
        if words[0] == "serve" {
            // It becomes ready, or this panics; it ends when it is dropped.
            drop(Gateway::start(command, files.folder()).await);
            continue;
        }
        let finished = Finished::of_command(&mut command, files.folder());
        assert_eq!(finished.code, Some(0), "{words:?}: {finished:?}");
        for line in answer {
            assert!(
                finished.stdout.contains(&line),
                "{words:?} does not say `{line}`: {}",
                finished.stdout
            );
        }
    }
}

fn guide_for_developers() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/consumers.md")).unwrap()
}

/// What stands between backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn the_table_of_operations_in_the_guide_for_developers_is_the_list_of_them() {
    let guide = guide_for_developers();
    let (_, section) = guide.split_once("## What there is\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
    let row = |operation: &Offered| {
        let path = operation.path.replace("{*", "{");
        format!("| `{} {path}` | {} |", operation.method, operation.summary)
    };
    let listed: Vec<String> = offered().map(row).collect();
    assert_eq!(rows, listed, "the table is to be:\n{}", listed.join("\n"));
}

#[test]
fn the_parameters_in_the_guide_for_developers_are_those_of_the_operations() {
    let guide = guide_for_developers();
    let of = |name: &str| -> BTreeSet<&str> {
        let operation = offered().find(|operation| operation.name == name).unwrap();
        operation.parameters.iter().map(|parameter| parameter.name).collect()
    };
    let (_, table) = guide.split_once("| parameter | meaning |\n").unwrap();
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    let named: BTreeSet<&str> = rows.flat_map(|row| quoted(row.split('|').nth(1).unwrap())).collect();
    assert_eq!(named, of("queryEntity"));
    let (_, sentence) = guide.split_once("`GET /entities/{id}` takes").unwrap();
    let (sentence, _) = sentence.split_once(". ").unwrap();
    assert_eq!(quoted(sentence).collect::<BTreeSet<_>>(), of("retrieveEntity"));
    let (_, sentence) = guide.split_once("`ordering` holds").unwrap();
    let (_, sentence) = sentence.split_once(". ").unwrap();
    let (sentence, _) = sentence.split_once("stand in the URL").unwrap();
    let in_url: BTreeSet<&str> = quoted(sentence).collect();
    assert!(in_url.is_subset(&of("queryEntityByPost")), "{in_url:?}");
}
