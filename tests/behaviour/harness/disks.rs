//! Disks that can be filled and made read-only: small file systems in memory, in a mount namespace that a process of the
//! test keeps and that a gateway is started in. They are gone with the test, whatever becomes of it, and nobody outside
//! of the namespace ever sees them mounted.
//!
//! Needs `unshare`, `nsenter`, `mount` (util-linux) and the right to mount: as root, or in a user namespace.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::evidence::copy_folder;

/// Room for everything that a test writes, and little enough to be filled at once.
const SIZE: &str = "24m";

/// Mounts a file system at each of its arguments, says so, and waits for the end of the test.
const HOLD: &str =
    r#"for at; do mount -t tmpfs -o size="$SIZE" kakehashi-test "$at" || exit 1; done; echo mounted; exec cat"#;

/// Runs the rest of its arguments in the folder that is the first.
const RUN: &str = r#"cd "$1" && shift && exec "$@""#;

/// The file with which a disk is filled.
const FILLING: &str = "filling";

/// Disks in a namespace of their own.
#[derive(Debug)]
pub(crate) struct Disks {
    holder: Child,
    folder: PathBuf,
    names: &'static [&'static str],
    in_user_namespace: bool,
}

impl Disks {
    /// Puts a disk in the place of each of these folders, with what the folder holds.
    pub(crate) fn mount(folder: &Path, names: &'static [&'static str]) -> Self {
        for name in names {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        let mut reasons = Vec::new();
        for in_user_namespace in [false, true] {
            match hold(folder, names, in_user_namespace) {
                Ok(holder) => {
                    let disks = Self {
                        holder,
                        folder: folder.to_owned(),
                        names,
                        in_user_namespace,
                    };
                    for name in names {
                        copy_folder(&folder.join(name), &disks.path(name));
                    }
                    return disks;
                }
                Err(reason) => reasons.push(reason),
            }
        }
        panic!(
            "no disk can be mounted for this test. It needs unshare, nsenter and mount (package util-linux) and either root \
             with CAP_SYS_ADMIN (a container: --privileged, or --cap-add SYS_ADMIN with a seccomp and AppArmor profile that \
             allows mount) or unprivileged user namespaces. As root: {}. In a user namespace: {}",
            reasons[0], reasons[1]
        );
    }

    /// Where something on a disk is, for the test.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        let inside = self.folder.canonicalize().unwrap().join(name);
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(inside.strip_prefix("/").unwrap())
    }

    /// The same command, run where the disks are.
    pub(crate) fn command(&self, command: &Command) -> Command {
        let folder = command.get_current_dir().unwrap_or(&self.folder);
        let mut inside = self.inside("sh");
        inside.args(["-c", RUN, "sh"]).arg(folder.canonicalize().unwrap());
        inside.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside.stdin(Stdio::null());
        inside
    }

    /// Leaves no byte on a disk.
    pub(crate) fn fill(&self, name: &str) {
        let path = self.path(name).join(FILLING);
        let mut filling = OpenOptions::new().create(true).append(true).open(path).unwrap();
        let block = vec![0; 64 * 1024];
        for size in [block.len(), 1024, 1] {
            loop {
                match filling.write(&block[..size]) {
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }

    /// Has room on a disk again.
    pub(crate) fn empty(&self, name: &str) {
        fs::remove_file(self.path(name).join(FILLING)).unwrap();
    }

    /// Has a disk read alone; nobody may have a file on it open for writing.
    pub(crate) fn make_read_only(&self, name: &str) {
        self.run(&["mount", "-o", "remount,bind,ro"], name);
    }

    /// Has a disk written again.
    pub(crate) fn make_writable(&self, name: &str) {
        self.run(&["mount", "-o", "remount,bind,rw"], name);
    }

    /// Has one file read alone.
    pub(crate) fn make_file_read_only(&self, name: &str) {
        let at = self.folder.canonicalize().unwrap().join(name);
        self.run(&["mount", "--bind", at.to_str().unwrap()], name);
        self.run(&["mount", "-o", "remount,bind,ro"], name);
    }

    /// Has one file written again.
    pub(crate) fn make_file_writable(&self, name: &str) {
        self.run(&["umount", "--lazy"], name);
    }

    fn run(&self, command: &[&str], name: &str) {
        let at = self.folder.canonicalize().unwrap().join(name);
        let output = self.inside(command[0]).args(&command[1..]).arg(at).output().unwrap();
        assert!(output.status.success(), "{command:?} {name}: {output:?}");
    }

    fn inside(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.holder.id().to_string(), "--mount"]);
        if self.in_user_namespace {
            command.args(["--user", "--preserve-credentials"]);
        }
        command.arg("--").arg(program);
        command
    }
}

impl Drop for Disks {
    fn drop(&mut self) {
        // What was written there is looked through, too.
        for name in self.names {
            let _gone = fs::remove_file(self.path(name).join(FILLING));
            copy_folder(&self.path(name), &self.folder.join(format!("{name}-as-it-was-left")));
        }
        let _ended = self.holder.kill();
        let _ended = self.holder.wait();
    }
}

/// The process that keeps the namespace, once everything is mounted.
fn hold(folder: &Path, names: &[&str], in_user_namespace: bool) -> Result<Child, String> {
    let mut command = Command::new("unshare");
    command.arg("--mount");
    if in_user_namespace {
        command.arg("--map-root-user");
    }
    let folder = folder.canonicalize().unwrap();
    command
        .args(["sh", "-c", HOLD, "sh"])
        .args(names.iter().map(|name| folder.join(name)))
        .env("SIZE", SIZE)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut holder = command.spawn().map_err(|error| format!("unshare: {error}"))?;
    let mut line = String::new();
    BufReader::new(holder.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    if line.trim() == "mounted" {
        return Ok(holder);
    }
    let mut said = String::new();
    holder.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    holder.wait().unwrap();
    Err(said.trim().to_owned())
}
