//! Whoever is measured: a running process, and how it is asked.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::Failure;
use crate::command_line::BareKind;
use crate::process::Process;
use crate::wire::{Target, fetch};
use crate::workload::Workload;

/// What its answer is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// NGSI-LD: the workload says what must be in it.
    View,
    /// Whatever the origin says.
    Anything,
}

/// One process that answers requests.
#[derive(Debug)]
pub(crate) struct Contestant {
    pub(crate) name: String,
    pub(crate) target: Target,
    pub(crate) speaks: Speaks,
    pub(crate) expected_status: u16,
    pub(crate) process: Process,
    /// Lives as long as the process that reads it.
    pub(crate) _files: Option<TempDir>,
}

impl Contestant {
    /// Asks once, so that nobody wins by answering something else.
    pub(crate) fn check(&self, workload: Workload) -> Result<(), Failure> {
        let answer = fetch(&self.target)?;
        if answer.status != self.expected_status {
            let body = String::from_utf8_lossy(&answer.body);
            return Err(format!("{}: {} answered {}: {body}", workload.name(), self.name, answer.status).into());
        }
        match self.speaks {
            Speaks::View => workload.check(&self.name, &answer.body),
            Speaks::Anything => Ok(()),
        }
    }
}

/// Starts an origin of the workload, the `number`th.
pub(crate) fn origin(workload: Workload, number: usize, name: String) -> Result<Contestant, Failure> {
    let number = number.to_string();
    let arguments = ["origin", "--workload", workload.name(), "--number", &number];
    let (process, address) = Process::announcing(&mut own_role(&arguments)?)?;
    Ok(Contestant {
        name,
        target: plain(address, workload.origin_path()),
        speaks: Speaks::Anything,
        expected_status: 200,
        process,
        _files: None,
    })
}

/// Starts one of the limits in front of an origin.
pub(crate) fn bare(kind: BareKind, workload: Workload, origin: &str) -> Result<Contestant, Failure> {
    let (name, argument, speaks) = match kind {
        BareKind::Proxy => ("bare hyper proxy", "proxy", Speaks::Anything),
        BareKind::Transform => ("bare transform", "transform", Speaks::View),
        BareKind::Adapter => ("everything off", "adapter", Speaks::View),
        BareKind::Store => ("bare store", "store", Speaks::View),
    };
    let arguments = [
        "bare",
        "--kind",
        argument,
        "--workload",
        workload.name(),
        "--origin",
        origin,
    ];
    let (process, address) = Process::announcing(&mut own_role(&arguments)?)?;
    Ok(Contestant {
        name: name.to_owned(),
        target: plain(address, workload.origin_path()),
        speaks,
        expected_status: 200,
        process,
        _files: None,
    })
}

/// A request without any header that matters.
pub(crate) fn plain(address: String, path: &str) -> Target {
    Target {
        address,
        path: path.to_owned(),
        headers: Vec::new(),
    }
}

/// This program in another role.
pub(crate) fn own_role(arguments: &[&str]) -> Result<Command, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments);
    Ok(command)
}

/// A file of the repository, by its path below the root.
pub(crate) fn committed(path: &str) -> Result<String, Failure> {
    std::fs::read_to_string(Path::new(path))
        .map_err(|error| format!("cannot read {path}: {error}; run from the workspace's root").into())
}
