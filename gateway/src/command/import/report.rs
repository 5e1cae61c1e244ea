//! The file that refused records are written to. Whatever else stands at its path stays as it is.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::super::Failure;
use super::super::store::backup::OWNER_ALONE;

/// Bytes of a file that are looked at to find out whether it is a report: a line of one is shorter.
const HEAD: u64 = 64 * 1024;

/// What tells a line of a report from other JSON.
#[derive(Deserialize)]
#[expect(dead_code, reason = "that the members are there is all that is asked")]
struct Line {
    file: String,
    record: u64,
    line: u64,
    byte: u64,
    reason: String,
}

/// Opens it before anything is read. `goes_on`: behind what stands there, if that is a report.
///
/// # Errors
/// That it cannot be written, or is something else.
pub(super) fn open(path: &Path, inputs: &[PathBuf], goes_on: bool) -> Result<File, Failure> {
    let shown = path.display();
    let failed = |error: std::io::Error| Failure::other(&format!("cannot write {shown}"), error);
    let mut how = OpenOptions::new();
    how.append(true).mode(OWNER_ALONE);
    let there = match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let made = how.create_new(true).open(path);
            return made.map_err(|error| match error.kind() {
                ErrorKind::AlreadyExists => is_there(path),
                _ => failed(error),
            });
        }
        there => there.map_err(failed)?,
    };
    let is_input = inputs
        .iter()
        .any(|input| fs::metadata(input).is_ok_and(|input| (input.dev(), input.ino()) == (there.dev(), there.ino())));
    if is_input {
        return Err(Failure::Other(format!(
            "{shown} is the file that is imported: name another one for the report; nothing was imported"
        )));
    }
    if there.is_file() && there.len() > 0 && !(goes_on && is_report(path)) {
        return Err(is_there(path));
    }
    how.open(path).map_err(failed)
}

fn is_there(path: &Path) -> Failure {
    let shown = path.display();
    Failure::Other(format!(
        "{shown} is there already: name another file for the report, or move it away; nothing was imported"
    ))
}

fn is_report(path: &Path) -> bool {
    let mut first = Vec::new();
    let read = File::open(path).and_then(|file| BufReader::new(file.take(HEAD)).read_until(b'\n', &mut first));
    read.is_ok() && serde_json::from_slice::<Line>(&first).is_ok()
}
