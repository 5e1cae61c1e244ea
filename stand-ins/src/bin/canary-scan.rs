//! `canary-scan FOLDER...`: reads every file below the folders and looks for the personal values that the stand-ins
//! serve, in every form that [`stand_ins::canary`] knows.
//!
//! Exit codes: 0 none found; 1 found, each place on a line of its own as `file:offset: value NUMBER as FORM`, never the
//! value itself; 2 wrong usage, or something could not be read, or there was nothing to read.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use stand_ins::canaries;
use stand_ins::canary::{Report, Scan};

fn main() -> ExitCode {
    let folders: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if folders.is_empty() {
        return told(io::stderr(), "usage: canary-scan FOLDER...", 2);
    }
    let values = canaries();
    let scan = Scan::for_values(&values);
    let mut whole = Report::default();
    for folder in &folders {
        match scan.folder(folder) {
            Ok(report) if report.files == 0 => {
                return told(
                    io::stderr(),
                    &format!("error: {} holds no file, so it proves nothing", folder.display()),
                    2,
                );
            }
            Ok(report) => {
                whole.files += report.files;
                whole.bytes += report.bytes;
                whole.findings.extend(report.findings);
            }
            Err(error) => return told(io::stderr(), &format!("error: cannot read {error}"), 2),
        }
    }
    let lines = whole.findings.iter().map(|finding| {
        format!(
            "{}:{}: value {} as {}\n",
            finding.file.display(),
            finding.offset,
            finding.value,
            finding.form
        )
    });
    let (places, files, bytes) = (whole.findings.len(), whole.files, whole.bytes);
    let summary = format!(
        "{places} places; {files} files, {bytes} bytes, looked through for {} values",
        values.len()
    );
    let text = lines.chain([summary]).collect::<String>();
    told(io::stdout(), &text, u8::from(places > 0))
}

fn told(mut to: impl Write, text: &str, code: u8) -> ExitCode {
    // Nobody may be reading; the exit code still tells.
    let _written = writeln!(to, "{text}");
    ExitCode::from(code)
}
