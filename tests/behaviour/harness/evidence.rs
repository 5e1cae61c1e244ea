//! Where everything that a test makes somebody write is kept, so that it can be searched for personal values.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex};

/// The workspace.
pub(super) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The folder of all evidence.
fn root() -> PathBuf {
    std::env::var_os("KAKEHASHI_TEST_EVIDENCE").map_or_else(|| workspace().join("target/test-evidence"), PathBuf::from)
}

/// A new, empty folder of this test's own; it stays after the test.
pub(crate) fn evidence_folder() -> PathBuf {
    static TAKEN: LazyLock<Mutex<HashMap<String, usize>>> = LazyLock::new(Mutex::default);
    let thread = std::thread::current();
    let test = thread
        .name()
        .unwrap_or("main")
        .trim_start_matches("behaviour::")
        .replace("::", "/");
    let mut taken = TAKEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let number = taken.entry(test.clone()).or_insert(0);
    *number += 1;
    let folder = root().join(test).join(number.to_string());
    let _absent = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Copies a folder with everything in it.
pub(super) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
