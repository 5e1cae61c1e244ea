//! What the table of the crate says of its modules: each knows those above it and none below, and SQL stands in backends
//! alone.

use std::path::{Path, PathBuf};

/// Every module, after those that it knows.
const LAYERS: &[&str] = &[
    "tenant_name",
    "names",
    "body",
    "index",
    "rows",
    "error",
    "judged",
    "backend",
    "mark",
    "long_statements",
    "partition",
    "in_place",
    "read",
    "ways",
    "ordered",
    "prepared",
    "dates",
    "change",
    "outbox",
    "expiry",
    "upkeep",
    "write",
    "load",
    "copy",
    "writer",
    "notifying",
    "unopened",
    "kind",
];

/// The folder of the modules, and the files of each.
fn modules() -> (PathBuf, Vec<(String, PathBuf)>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![folder.clone()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let inner = path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
            let module = inner.split(['/', '.']).next().unwrap().to_owned();
            let is_of_tests = inner.ends_with("tests.rs") || module.ends_with("tests") || module == "samples";
            if !is_of_tests && !["mod", "lib"].contains(&module.as_str()) {
                found.push((module, path));
            }
        }
    }
    (folder, found)
}

#[test]
fn each_module_knows_those_above_it_and_none_below() {
    let (folder, files) = modules();
    assert!(files.len() > LAYERS.len());
    for (module, path) in files {
        let layer = LAYERS.iter().position(|layer| *layer == module);
        let layer = layer.unwrap_or_else(|| panic!("{module} has no place among the layers"));
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let is_inner = path.parent() != Some(&folder);
        for below in &LAYERS[layer + 1..] {
            let mut ways = vec![format!("crate::{below}::")];
            if !is_inner {
                ways.push(format!("super::{below}::"));
            }
            for way in ways {
                assert!(!code.contains(&way), "{} knows {below}", path.display());
            }
        }
    }
}

#[test]
fn sql_stands_in_backends_alone() {
    let (_, files) = modules();
    let is_backend = |module: &str| module == "backend";
    assert!(files.iter().any(|(module, _)| is_backend(module)));
    for (module, path) in files.iter().filter(|(module, _)| !is_backend(module)) {
        let text = std::fs::read_to_string(path).unwrap();
        for word in [
            "SELECT ",
            "INSERT ",
            "UPDATE ",
            "DELETE FROM",
            "PRAGMA ",
            "sqlx::query",
            "sqlx::raw_sql",
        ] {
            assert!(!text.contains(word), "{module} holds {word}");
        }
    }
}
