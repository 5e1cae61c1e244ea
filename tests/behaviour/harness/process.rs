//! A `kakehashi` that runs until it is told to end.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

use serde_json::Value;

use super::{Client, PATIENCE, key_of, scan};

/// The running process. Dropping it ends it and looks at what it has left behind.
#[derive(Debug)]
pub(crate) struct Gateway {
    child: Child,
    folder: PathBuf,
    ready: String,
}

impl Gateway {
    /// Starts a command of `kakehashi` that prints when it is ready, and waits for its first line. Both outputs go
    /// to files in the folder.
    pub(crate) async fn start(mut command: Command, folder: &Path) -> Self {
        let stderr = File::create(folder.join("gateway.stderr")).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let kept = File::create(folder.join("gateway.stdout")).unwrap();
        let (sender, first_line) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || keep_lines(stdout, kept, sender));
        let mut gateway = Self {
            child,
            folder: folder.to_owned(),
            ready: String::new(),
        };
        match tokio::time::timeout(PATIENCE, first_line).await {
            Ok(Ok(line)) => gateway.ready = line,
            _ => panic!("it did not become ready: {}", gateway.stderr()),
        }
        gateway
    }

    /// The first line, as JSON.
    pub(crate) fn ready(&self) -> Value {
        serde_json::from_str(&self.ready).unwrap_or_else(|error| panic!("{error}: {}", self.ready))
    }

    /// Where its files and outputs are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it has printed so far.
    pub(crate) fn stdout(&self) -> String {
        fs::read_to_string(self.folder.join("gateway.stdout")).unwrap()
    }

    /// What it has logged so far.
    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.join("gateway.stderr")).unwrap()).into_owned()
    }

    /// Where it serves consumers.
    pub(crate) fn url(&self) -> String {
        self.ready()["gateway"].as_str().unwrap().to_owned()
    }

    /// The administrators' listener, asked with the key that tests use for one.
    pub(crate) fn admin(&self, administrator: &str) -> Client {
        Client::new(self.ready()["admin"].as_str().unwrap(), Some(key_of(administrator)))
    }

    /// Asks it to end, as an operator does.
    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Asks it to read its configuration again.
    pub(crate) fn hang_up(&self) {
        self.signal("-HUP");
    }

    /// Ends it without letting it finish anything.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal, such as `-HUP`.
    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// The metrics as they are now.
    pub(crate) fn metrics(&self) -> String {
        let ready = self.ready();
        let address = ready["admin"].as_str().unwrap().strip_prefix("http://").unwrap();
        read_metrics(address).unwrap()
    }

    /// Keeps the metrics as they are now beside the logs.
    pub(crate) fn keep_metrics(&self) {
        let ready: Value = serde_json::from_str(&self.ready).unwrap_or_default();
        let Some(address) = ready
            .get("admin")
            .and_then(Value::as_str)
            .and_then(|url| url.strip_prefix("http://"))
        else {
            return;
        };
        if let Some(metrics) = read_metrics(address) {
            fs::write(self.folder.join("metrics"), metrics).unwrap();
        }
    }

    fn end(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.keep_metrics();
            self.terminate();
            self.wait();
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _gone = self.child.kill();
            let _ended = self.child.wait();
            return;
        }
        self.end();
        assert!(!self.stderr().contains("panicked"), "it panicked: {}", self.stderr());
        let found = scan().folder(&self.folder).unwrap();
        assert!(
            found.findings.is_empty(),
            "personal values were written: {:?}",
            found.findings
        );
    }
}

fn keep_lines(stdout: impl Read, mut kept: File, first_line: tokio::sync::oneshot::Sender<String>) {
    let mut first_line = Some(first_line);
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        writeln!(kept, "{line}").unwrap();
        if let Some(sender) = first_line.take() {
            let _nobody_waits = sender.send(line);
        }
    }
}

/// Reads the metrics without a runtime, which a dropped value cannot wait for.
fn read_metrics(address: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    write!(
        stream,
        "GET /metrics HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
