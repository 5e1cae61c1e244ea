//! The command that searches what a test suite has left behind.

// clippy.toml exempts tests, but not what they call.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use base64::Engine;
use stand_ins::canaries;
use tempfile::TempDir;

fn scan(folders: &[&Path]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_canary-scan"))
        .args(folders)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn a_clean_folder_is_clean() {
    let folder = TempDir::new().unwrap();
    fs::create_dir_all(folder.path().join("a/b")).unwrap();
    fs::write(folder.path().join("a/b/log"), "佐野市").unwrap();
    let output = scan(&[folder.path()]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("1 files"));
}

#[test]
fn a_planted_value_is_told_by_file_offset_and_form_and_not_repeated() {
    let folder = TempDir::new().unwrap();
    let value = &canaries()[0];
    fs::create_dir_all(folder.path().join("store")).unwrap();
    fs::write(
        folder.path().join("store/entities.db-wal"),
        [b"\0\xff123".as_slice(), value.as_bytes()].concat(),
    )
    .unwrap();
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("x{value}"));
    fs::write(folder.path().join("trace"), encoded).unwrap();
    let output = scan(&[folder.path()]);
    assert_eq!(output.status.code(), Some(1));
    let lines = text(&output.stdout);
    assert!(lines.contains("store/entities.db-wal:5: value 0 as UTF-8"), "{lines}");
    assert!(lines.contains("trace:2: value 0 as base64"), "{lines}");
    assert!(!lines.contains(value.as_str()));
}

#[test]
fn a_value_in_a_files_name_is_found() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join(format!("{}.tmp", canaries()[0])), "").unwrap();
    let output = scan(&[folder.path()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("in the name"));
}

#[test]
fn what_cannot_be_searched_is_no_proof() {
    let folder = TempDir::new().unwrap();
    assert_eq!(scan(&[]).status.code(), Some(2));
    assert_eq!(scan(&[folder.path()]).status.code(), Some(2));
    assert_eq!(scan(&[&folder.path().join("missing")]).status.code(), Some(2));
}
