//! docs/architecture.md and the crates say the same: each crate stands on one floor and knows lower ones alone.

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
