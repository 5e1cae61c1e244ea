//! A process that takes part, with its children: starting it, ending it, and what it has cost (Linux: /proc).

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::{Failure, precise};

/// A process that ends with this value.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
}

/// The processes that run, to be ended with the rig.
static RUNNING: Mutex<Vec<u32>> = Mutex::new(Vec::new());

impl Process {
    fn new(child: Child) -> Self {
        running().push(child.id());
        Self { child }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        end(self.child.id());
        let _ = self.child.wait();
        running().retain(|id| *id != self.child.id());
    }
}

fn running() -> std::sync::MutexGuard<'static, Vec<u32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// SIGTERM, so that a master ends its workers; it may have ended by itself, and nothing is to do then.
fn end(id: u32) {
    let _ = Command::new("kill").arg(id.to_string()).status();
}

/// Ends all processes when the rig is asked to end (SIGINT, SIGTERM), and then the rig.
pub(crate) fn end_all_on_signal() -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            let (Ok(mut interrupted), Ok(mut terminated)) =
                (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
            else {
                return;
            };
            tokio::select! {
                _ = interrupted.recv() => {}
                _ = terminated.recv() => {}
            }
            // Kept locked, so that none is started while the others end.
            let running = running();
            running.iter().for_each(|id| end(*id));
            std::process::exit(130);
        });
    });
    Ok(())
}

/// How long a server may take until it listens.
const UNTIL_LISTENING: Duration = Duration::from_secs(10);

impl Process {
    /// Starts a program that prints, as its first line, how it is reached.
    pub(crate) fn announcing(command: &mut Command) -> Result<(Self, String), Failure> {
        let mut child = spawn(command.stdout(Stdio::piped()))?;
        let out = child.stdout.take();
        let process = Self::new(child);
        let out = out.ok_or("no output")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        if line.is_empty() {
            return Err(format!("{:?} ended before it was ready", command.get_program()).into());
        }
        Ok((process, line.trim().to_owned()))
    }

    /// Starts a program that listens on a given address.
    pub(crate) fn listening(command: &mut Command, address: &str) -> Result<Self, Failure> {
        let mut process = Self::new(spawn(command.stdout(Stdio::null()))?);
        let until = Instant::now() + UNTIL_LISTENING;
        while TcpStream::connect(address).is_err() {
            if let Some(status) = process.child.try_wait()? {
                return Err(format!("{:?} ended with {status}", command.get_program()).into());
            }
            if Instant::now() > until {
                return Err(format!("{:?} does not listen on {address}", command.get_program()).into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(process)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Processor time used so far, in microseconds: fields 14 and 15 of stat, in ticks of 10 ms.
    pub(crate) fn cpu_microseconds(&self) -> Result<f64, Failure> {
        const MICROSECONDS_PER_TICK: f64 = 10_000.0;
        let mut ticks = 0;
        for id in family(self.id()) {
            let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
            let after_name = stat.rsplit_once(')').ok_or("an odd stat file")?.1;
            let times = after_name.split_whitespace().skip(11).take(2);
            ticks += times.filter_map(|field| field.parse::<u64>().ok()).sum::<u64>();
        }
        Ok(precise(ticks) * MICROSECONDS_PER_TICK)
    }

    /// Largest memory it has held, in MiB. Of several processes the sum, which counts shared pages twice.
    pub(crate) fn peak_mebibytes(&self) -> Result<f64, Failure> {
        self.memory("VmHWM:")
    }

    /// Memory it holds now, in MiB.
    pub(crate) fn resident_mebibytes(&self) -> Result<f64, Failure> {
        self.memory("VmRSS:")
    }

    fn memory(&self, label: &str) -> Result<f64, Failure> {
        let mut kibibytes = 0;
        for id in family(self.id()) {
            let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
            let line = status.lines().find_map(|line| line.strip_prefix(label));
            let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            kibibytes += number.ok_or("an odd status file")?;
        }
        Ok(precise(kibibytes) / 1024.0)
    }
}

fn spawn(command: &mut Command) -> Result<Child, Failure> {
    command
        .stdin(Stdio::null())
        .spawn()
        .map_err(|error| format!("cannot start {:?}: {error}", command.get_program()).into())
}

/// The process and its children.
fn family(id: u32) -> Vec<u32> {
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|child| child.parse().ok());
    std::iter::once(id).chain(children).collect()
}

/// An address that nobody listens on.
pub(crate) fn free_address() -> Result<String, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.to_string())
}

/// Whether a program is installed: it, or it in the folders that only administrators have in their path.
pub(crate) fn find_program(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(Into::into));
    folders
        .map(|folder| Path::new(&folder).join(name))
        .find(|program| program.is_file())
}
