//! docs/architecture.md and the crates say the same: each crate stands on one floor and knows lower ones alone, no
//! modules of a crate go round in a circle, SQL stands in backends alone, and no kind of source is named by who reads a
//! configuration.

#![expect(clippy::string_slice, reason = "the places are found in the same text")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use toml::Table;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn table(file: &Path) -> Table {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    text.parse().unwrap()
}

/// The folders of the workspace's crates, as they are called in it, by the names of their packages.
fn crates() -> BTreeMap<String, String> {
    let workspace = table(&repository().join("Cargo.toml"));
    let members = workspace["workspace"]["members"].as_array().unwrap();
    let folders = members.iter().map(|member| member.as_str().unwrap().to_owned());
    let named = folders.map(|folder| {
        let manifest = table(&repository().join(&folder).join("Cargo.toml"));
        (manifest["package"]["name"].as_str().unwrap().to_owned(), folder)
    });
    named.collect()
}

/// The floors of the page, from the ground up, each with its crates' folders.
fn floors() -> Vec<Vec<String>> {
    let page = fs::read_to_string(repository().join("docs/architecture.md")).unwrap();
    let (_, after) = page.split_once("## The floors").unwrap();
    let (section, _) = after.split_once("\n## ").unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| ")).skip(1);
    let mut floors: Vec<Vec<String>> = rows
        .map(|row| {
            let folders = row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2);
            folders.map(str::to_owned).collect()
        })
        .collect();
    floors.reverse();
    floors
}

#[test]
fn each_crate_stands_on_one_floor_and_knows_lower_ones_alone() {
    let (crates, floors) = (crates(), floors());
    let mut floor_of: BTreeMap<&str, usize> = BTreeMap::new();
    for (floor, folders) in floors.iter().enumerate() {
        for folder in folders {
            assert_eq!(floor_of.insert(folder, floor), None, "{folder} stands on two floors");
        }
    }
    let standing: BTreeSet<&str> = floor_of.keys().copied().collect();
    let existing: BTreeSet<&str> = crates.values().map(String::as_str).collect();
    assert_eq!(
        standing, existing,
        "the floors of docs/architecture.md and the workspace"
    );
    let mut known = 0;
    for folder in crates.values() {
        let manifest = table(&repository().join(folder).join("Cargo.toml"));
        let Some(dependencies) = manifest.get("dependencies").and_then(toml::Value::as_table) else {
            continue;
        };
        for lower in dependencies.keys().filter_map(|name| crates.get(name)) {
            known += 1;
            let (own, other) = (floor_of[folder.as_str()], floor_of[lower.as_str()]);
            assert!(
                other < own,
                "{folder} knows {lower}, which does not stand on a lower floor"
            );
        }
    }
    assert!(known > 100, "{known}");
}

#[test]
fn no_tests_stand_where_none_are_run() {
    let mut looked_at = 0;
    for folder in crates().values() {
        let manifest = table(&repository().join(folder).join("Cargo.toml"));
        let is_tried = manifest.get("lib").and_then(|library| library.get("test"));
        if is_tried.and_then(toml::Value::as_bool) != Some(false) {
            continue;
        }
        looked_at += 1;
        let mut waiting = vec![repository().join(folder).join("src")];
        while let Some(place) = waiting.pop() {
            for entry in fs::read_dir(&place).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    waiting.push(path);
                    continue;
                }
                let text = fs::read_to_string(&path).unwrap();
                assert!(
                    !text.contains("#[test]") && !text.contains("::test]"),
                    "{} has tests that nobody runs: take `test = false` out of the manifest",
                    path.display()
                );
            }
        }
    }
    assert!(looked_at > 0, "no crate is without tests of its own");
}

/// The modules of a crate by their paths, with what stands in their files; tests are none.
fn modules(folder: &Path) -> BTreeMap<Vec<String>, String> {
    let source = folder.join("src");
    let mut found = BTreeMap::new();
    let mut waiting = vec![source.clone()];
    while let Some(place) = waiting.pop() {
        for entry in fs::read_dir(&place).into_iter().flatten() {
            let path = entry.unwrap().path();
            let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
            let is_test = stem == "tests" || stem.ends_with("_tests") || stem == "samples";
            if is_test || (path.is_dir() && stem == "bin") {
                continue;
            }
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && stem != "main" {
                let mut module: Vec<String> = path
                    .strip_prefix(&source)
                    .unwrap()
                    .with_extension("")
                    .iter()
                    .map(|part| part.to_string_lossy().into_owned())
                    .collect();
                if stem == "mod" || stem == "lib" {
                    module.pop();
                }
                let text = fs::read_to_string(&path).unwrap();
                let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
                found.insert(module, text);
            }
        }
    }
    found
}

/// The paths into its own crate that a text names, each as its segments: `use super::a::{B, c::D}` names two.
fn paths(text: &str) -> Vec<Vec<String>> {
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut found = Vec::new();
    for start in ["crate::", "super::", "self::"] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|before| before.is_alphanumeric() || "_:".contains(before)) {
                continue;
            }
            named(&code[at..], &mut Vec::new(), &mut found);
        }
    }
    found
}

/// Reads one path, or a tree of them, and says how much of the text it took.
fn named(text: &str, before: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> usize {
    let depth = before.len();
    let mut at = 0;
    loop {
        let rest = &text[at..];
        if rest.starts_with('{') {
            at += 1;
            while !text[at..].starts_with('}') && at < text.len() {
                let skipped = text[at..].find(|next: char| !next.is_whitespace() && next != ',');
                at += skipped.unwrap_or(text.len() - at);
                if text[at..].starts_with('}') {
                    break;
                }
                let taken = named(&text[at..], before, found);
                at += taken.max(1);
                // `as` and the other name.
                at += text[at..].find([',', '}']).unwrap_or(0);
            }
            at += 1;
            break;
        }
        let length = rest.find(|next: char| !(next.is_alphanumeric() || next == '_' || next == '#'));
        let length = length.unwrap_or(rest.len());
        if length == 0 {
            break;
        }
        before.push(rest[..length].trim_start_matches("r#").to_owned());
        at += length;
        if !text[at..].starts_with("::") {
            found.push(before.clone());
            break;
        }
        at += 2;
    }
    before.truncate(depth);
    at
}

/// The module that a path of another module leads to.
fn target(module: &[String], path: &[String], all: &BTreeMap<Vec<String>, String>) -> Option<Vec<String>> {
    let mut place = match path.first()?.as_str() {
        "crate" => Vec::new(),
        "self" => module.to_vec(),
        _ => module.split_last()?.1.to_vec(),
    };
    for segment in &path[1..] {
        if segment == "super" {
            place.pop()?;
            continue;
        }
        place.push(segment.clone());
        if !all.contains_key(&place) {
            place.pop();
            break;
        }
    }
    Some(place)
}

#[test]
fn no_modules_go_round_in_a_circle() {
    let mut circles = Vec::new();
    let mut arrows = 0;
    for folder in crates().values() {
        let all = modules(&repository().join(folder));
        let mut known: BTreeMap<&Vec<String>, BTreeSet<Vec<String>>> = BTreeMap::new();
        for (module, text) in &all {
            let targets = paths(text).into_iter().filter_map(|path| target(module, &path, &all));
            // A parent and what is in it are one subject.
            let others = targets.filter(|other| !other.starts_with(module) && !module.starts_with(other));
            known.insert(module, others.collect());
        }
        arrows += known.values().map(BTreeSet::len).sum::<usize>();
        // Who reaches whom, by any number of arrows.
        let reached: BTreeMap<&Vec<String>, BTreeSet<Vec<String>>> = all
            .keys()
            .map(|module| {
                let mut reached = BTreeSet::new();
                let mut waiting: Vec<&Vec<String>> = known[module].iter().collect();
                while let Some(next) = waiting.pop() {
                    if reached.insert(next.clone()) {
                        waiting.extend(&known[next]);
                    }
                }
                (module, reached)
            })
            .collect();
        for (module, others) in &known {
            for other in others.iter().filter(|other| reached[other].contains(*module)) {
                circles.push(format!("{folder}: {} -> {}", module.join("::"), other.join("::")));
            }
        }
    }
    assert!(arrows > 500, "{arrows}");
    assert!(circles.is_empty(), "these go round in circles:\n{}", circles.join("\n"));
}

/// The folders with SQL: one for each database of the store and of the state, and the file of SQLite that both have.
const BACKENDS: [&str; 3] = [
    "adapters/store/src/backend",
    "gateway/state/src/backend",
    "adapters/database/src",
];

/// What a text is about, where it is SQL.
const SQL: [&str; 12] = [
    "SELECT ",
    "INSERT INTO",
    "INSERT OR ",
    "UPDATE ",
    "DELETE FROM",
    "CREATE TABLE",
    "CREATE INDEX",
    "ALTER TABLE",
    "DROP TABLE",
    "PRAGMA ",
    "sqlx::",
    "rusqlite::",
];

/// The code of a file, without what is said in comments.
fn without_comments(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn sql_stands_in_backends_alone() {
    let is_backend = |path: &str| BACKENDS.iter().any(|backend| path.starts_with(backend));
    let (mut found, mut in_backends) = (Vec::new(), 0);
    for folder in crates().values() {
        for (module, text) in modules(&repository().join(folder)) {
            let path = format!("{folder}/src/{}", module.join("/"));
            let code = without_comments(&text);
            let words = SQL.iter().filter(|word| code.contains(**word));
            if is_backend(&path) {
                in_backends += words.count();
            } else {
                found.extend(words.map(|word| format!("{path}: {word}")));
            }
        }
        let manifest = table(&repository().join(folder).join("Cargo.toml"));
        let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
        let drivers = ["sqlx", "rusqlite"]
            .iter()
            .filter(|name| dependencies.is_some_and(|dependencies| dependencies.contains_key(**name)));
        let has_backend = |backend: &&str| backend.starts_with(&format!("{folder}/src"));
        // What measures the store measures it beside SQLite alone.
        if folder != "benches" && !BACKENDS.iter().any(has_backend) {
            found.extend(drivers.map(|name| format!("{folder}/Cargo.toml: {name}")));
        }
    }
    assert!(in_backends > 20, "{in_backends}");
    assert!(found.is_empty(), "SQL outside of a backend:\n{}", found.join("\n"));
}

/// Words that are names of kinds and mean something else where they stand.
const OTHERWISE: [(&str, &str); 1] = [
    // A domain on the internet.
    ("gateway/policy/src/inspection/address", "store"),
];

/// The names of the kinds that are built in, as a configuration has them, and of the example's.
fn kinds() -> Vec<String> {
    let built_in = kakehashi_adapters::KINDS.iter().map(|kind| kind.name().to_owned());
    built_in.chain(["entity-file".to_owned()]).collect()
}

#[test]
fn no_kind_of_source_is_named_outside_of_its_own_folder() {
    let mut found = Vec::new();
    let mut looked_at = 0;
    for folder in crates().values().filter(|folder| folder.starts_with("gateway/")) {
        for (module, text) in modules(&repository().join(folder)) {
            looked_at += 1;
            let code = without_comments(&text);
            let path = format!("{folder}/src/{}", module.join("/"));
            let named = kinds().into_iter().filter(|kind| code.contains(&format!("\"{kind}\"")));
            let named = named.filter(|kind| !OTHERWISE.contains(&(path.as_str(), kind.as_str())));
            found.extend(named.map(|kind| format!("{path}: {kind}")));
        }
    }
    assert!(looked_at > 200, "{looked_at}");
    assert!(
        found.is_empty(),
        "let these come from what a kind says of itself (adapters/kind):\n{}",
        found.join("\n")
    );
}
