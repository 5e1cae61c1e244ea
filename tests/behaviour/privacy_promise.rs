//! docs/privacy.md names the test that shows each of its sentences; here it is made sure that every one of them exists,
//! and that no sentence of the promise goes without.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn promise() -> String {
    fs::read_to_string(workspace().join("docs/privacy.md")).unwrap()
}

/// What stands between backquotes and looks like the path of a test: `module::sentence`.
fn named_tests(text: &str) -> Vec<&str> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted
        .filter(|name| {
            name.contains("::")
                && name
                    .chars()
                    .all(|letter| letter.is_ascii_alphanumeric() || "_:".contains(letter))
        })
        .collect()
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every test there is, as its file and its name: `personal_data::no_query_finds_a_resident`.
fn tests() -> BTreeSet<(String, String)> {
    let mut files = Vec::new();
    for folder in ["tests", "gateway", "stand-ins/src", "stand-ins/tests", "adapters/tests"] {
        rust_files(&workspace().join(folder), &mut files);
    }
    let mut tests = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let in_workspace = file.strip_prefix(workspace()).unwrap().with_extension("");
        let parts: Vec<String> = in_workspace
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .filter(|part| part != "src" && part != "mod")
            .collect();
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if is_test && (line.starts_with("fn ") || line.starts_with("async fn ")) {
                let name = line.trim_start_matches("async ").trim_start_matches("fn ");
                let name = name.split('(').next().unwrap();
                tests.insert((parts.join("::"), name.to_owned()));
                is_test = false;
            }
        }
    }
    tests
}

/// The files of the gateway, tests aside, in which a call stands.
fn callers(call: &str) -> BTreeSet<String> {
    let source = workspace().join("gateway");
    let mut files = Vec::new();
    rust_files(&source, &mut files);
    let holds = files.into_iter().filter(|file| {
        let is_test = file.iter().any(|part| part == "tests" || part == "tests.rs");
        !is_test && fs::read_to_string(file).unwrap().contains(call)
    });
    let names = holds.map(|file| file.strip_prefix(&source).unwrap().display().to_string());
    names.collect()
}

/// Whoever adds a way to ask a source, or to show an entity, is sent here: entities leave through `release` alone.
#[test]
fn there_is_one_way_out() {
    let expected = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<BTreeSet<String>>()
    };
    // Sources are asked here, and what they answer goes to the one place of the federation, or that of subscriptions,
    // where it is released.
    assert_eq!(
        callers("adapter.prepare("),
        expected(&[
            "federation/src/once_prepared.rs",
            "subscriptions/src/elsewhere.rs",
            "subscriptions/src/periodic.rs"
        ])
    );
    // What is prepared does not leave the federation; its plan tells of it and asks nobody.
    assert_eq!(
        callers(".prepared()"),
        expected(&[
            "federation/src/entities.rs",
            "federation/src/gather.rs",
            "federation/src/ordered.rs",
            "federation/src/pages/ids_alone.rs",
            "federation/src/pages/reading.rs",
            "federation/src/sub_query.rs"
        ])
    );
    assert_eq!(
        callers(".release("),
        // An export for a consumer is released as an answer is.
        expected(&[
            "federation/src/looking.rs",
            "src/command/export.rs",
            "subscriptions/src/access.rs"
        ])
    );
    // Projection alone is for deciding what may be written, and for the entities that expectations of policies hold.
    assert_eq!(
        callers("s.project("),
        expected(&[
            "federation/src/provide/decided.rs",
            "federation/src/provide/permitted.rs",
            "federation/src/release.rs",
            "config/src/expectations.rs"
        ])
    );
    // A second grant may take more out of what was released; and what is written is judged by what it becomes.
    assert_eq!(
        callers(".project_shown("),
        expected(&["federation/src/provide/permitted.rs", "subscriptions/src/access.rs"])
    );
}

#[test]
fn every_test_that_the_promise_names_exists() {
    let (promise, tests) = (promise(), tests());
    let named = named_tests(&promise);
    assert!(named.len() > 30, "{named:?}");
    for name in named {
        let (module, sentence) = name.rsplit_once("::").unwrap();
        let exists = tests
            .iter()
            .any(|(file, test)| test == sentence && (file == module || file.ends_with(&format!("::{module}"))));
        assert!(exists, "docs/privacy.md names `{name}`, and there is no such test");
    }
}

#[test]
fn no_sentence_of_the_promise_goes_without_a_test() {
    let promise = promise();
    let (_, promised) = promise.split_once("## The promise").unwrap();
    let (promised, _) = promised.split_once("\n## ").unwrap();
    let rows: Vec<&str> = promised.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 15, "{rows:?}");
    for row in rows.into_iter().filter(|row| !row.starts_with("|--")) {
        let (_, shown_by) = row.trim_end_matches('|').rsplit_once('|').unwrap();
        assert!(!named_tests(shown_by).is_empty(), "no test shows: {row}");
    }
}
