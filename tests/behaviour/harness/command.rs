//! Running the command to its end.

use std::path::Path;
use std::process::{Command, Stdio};

use stand_ins::SANO_DEMO_API_KEY;

/// A `kakehashi` to be run in a folder, with that folder's configuration and nothing of the caller's environment that
/// could change it.
pub(crate) fn kakehashi(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kakehashi"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("KAKEHASHI") {
            command.env_remove(name);
        }
    }
    command
        .current_dir(folder)
        .env("SANO_API_KEY", SANO_DEMO_API_KEY)
        .env("KAKEHASHI_LOG", "trace")
        .env("RUST_BACKTRACE", "1")
        // Whatever language the machine's texts are in.
        .env("LC_ALL", "C")
        .env("TMPDIR", folder)
        .stdin(Stdio::null());
    command
}

/// What became of a command.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    /// Runs `kakehashi` in a folder to its end; what it prints stays in the folder. It never panics.
    pub(crate) fn of(folder: &Path, arguments: &[&str]) -> Self {
        Self::of_command(kakehashi(folder).args(arguments), folder)
    }

    /// The same for a prepared command.
    pub(crate) fn of_command(command: &mut Command, folder: &Path) -> Self {
        let output = command.output().unwrap();
        let name = format!("command-{}", output_number());
        std::fs::write(folder.join(format!("{name}.stdout")), &output.stdout).unwrap();
        std::fs::write(folder.join(format!("{name}.stderr")), &output.stderr).unwrap();
        let finished = Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        assert!(
            !finished.stderr.contains("panicked"),
            "it panicked: {}",
            finished.stderr
        );
        finished
    }

    /// The same, which must go well.
    pub(crate) fn well(folder: &Path, arguments: &[&str]) -> Self {
        let finished = Self::of(folder, arguments);
        assert_eq!(finished.code, Some(0), "kakehashi {arguments:?}: {finished:?}");
        finished
    }
}

fn output_number() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
