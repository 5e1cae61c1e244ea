//! A real browser, without a window: Chromium, spoken to by its DevTools protocol over two pipes. It finds nothing but this
//! machine.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::{Mutex, MutexGuard};

use super::PATIENCE;

/// What it is called by those who package it.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome-stable"];

/// One at a time: each is a dozen processes.
static ONE: Mutex<()> = Mutex::const_new(());

/// A browser with one page. Dropping it ends it.
pub(crate) struct Browser {
    child: Child,
    orders: ChildStdin,
    messages: UnboundedReceiver<Value>,
    sent: u64,
    session: Option<String>,
    /// What it has told without being asked.
    events: Vec<Value>,
    _profile: TempDir,
    _one: MutexGuard<'static, ()>,
}

/// The one that is installed. Without any these tests fail: what they prove nothing else proves.
fn installed() -> &'static str {
    let found = NAMES.into_iter().find(|name| {
        let version = Command::new(name).arg("--version").output();
        version.is_ok_and(|version| version.status.success())
    });
    found.expect("these tests need a browser, Debian's `chromium`: apt-get install chromium")
}

impl Browser {
    /// Starts one that nobody has used before.
    pub(crate) async fn start() -> Self {
        let one = ONE.lock().await;
        let profile = TempDir::new().unwrap();
        let said = File::create(profile.path().join("said")).unwrap();
        // It reads orders from descriptor 3 and answers on 4.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null", "sh", installed()])
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-quic",
            ])
            .args([
                "--no-first-run",
                "--no-default-browser-check",
                "--disable-extensions",
                "--disable-sync",
            ])
            .args(["--disable-background-networking", "--disable-component-update"])
            .arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost")
            .arg(format!("--user-data-dir={}", profile.path().join("profile").display()))
            .args(["--remote-debugging-pipe", "about:blank"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(said)
            .spawn()
            .unwrap();
        let orders = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let (sender, messages) = unbounded_channel();
        std::thread::spawn(move || {
            for message in answers.split(0) {
                let message = message.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
                if message.is_none_or(|message| sender.send(message).is_err()) {
                    break;
                }
            }
        });
        let mut browser = Self {
            child,
            orders,
            messages,
            sent: 0,
            session: None,
            events: Vec::new(),
            _profile: profile,
            _one: one,
        };
        let target = browser
            .order("Target.createTarget", json!({"url": "about:blank"}))
            .await;
        let target = json!({"targetId": target["targetId"], "flatten": true});
        let attached = browser.order("Target.attachToTarget", target).await;
        browser.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Accessibility"] {
            browser.order(&format!("{domain}.enable"), json!({})).await;
        }
        // Keys go to the page although no window has the focus.
        let focused = json!({"enabled": true});
        browser.order("Emulation.setFocusEmulationEnabled", focused).await;
        browser
    }

    /// Gives an order and waits for what comes of it.
    async fn order(&mut self, method: &str, parameters: Value) -> Value {
        self.sent += 1;
        let mut order = json!({"id": self.sent, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            order["sessionId"] = session.as_str().into();
        }
        let mut bytes = order.to_string().into_bytes();
        bytes.push(0);
        self.orders.write_all(&bytes).unwrap();
        loop {
            let message = self.next_message(method).await;
            if message["id"] != self.sent {
                self.events.push(message);
                continue;
            }
            assert!(message.get("error").is_none(), "{method}: {message}");
            return message["result"].clone();
        }
    }

    async fn next_message(&mut self, waiting: &str) -> Value {
        let message = tokio::time::timeout(PATIENCE, self.messages.recv()).await;
        match message {
            Ok(Some(message)) => message,
            _ => panic!("the browser does not answer {waiting}: {:?}", self.child.try_wait()),
        }
    }

    /// Opens a page and waits until it is loaded.
    pub(crate) async fn open(&mut self, url: &str) {
        self.events.clear();
        let navigated = self.order("Page.navigate", json!({"url": url})).await;
        assert!(navigated.get("errorText").is_none(), "{url}: {navigated}");
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            let event = self.next_message(url).await;
            self.events.push(event);
        }
    }

    /// What an expression of the page comes to; a promise is waited for.
    pub(crate) async fn evaluate(&mut self, expression: &str) -> Value {
        let parameters = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let evaluated = self.order("Runtime.evaluate", parameters).await;
        assert!(evaluated.get("exceptionDetails").is_none(), "{expression}: {evaluated}");
        evaluated["result"]["value"].clone()
    }

    /// Waits until an expression of the page is true.
    pub(crate) async fn until(&mut self, expression: &str) {
        let waiting = async {
            while self.evaluate(expression).await != true {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(waited.is_ok(), "waited in vain until {expression}");
    }

    /// Presses a key as a person does.
    pub(crate) async fn press(&mut self, key: &str) {
        let (number, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            "End" => (35, ""),
            "Home" => (36, ""),
            "ArrowLeft" => (37, ""),
            "ArrowUp" => (38, ""),
            "ArrowRight" => (39, ""),
            "ArrowDown" => (40, ""),
            "+" => (187, "+"),
            other => panic!("no such key: {other}"),
        };
        for kind in ["keyDown", "keyUp"] {
            let mut parameters = json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": number});
            if kind == "keyDown" && !text.is_empty() {
                parameters["text"] = text.into();
            }
            self.order("Input.dispatchKeyEvent", parameters).await;
        }
    }

    /// As on a screen of so many points.
    pub(crate) async fn resize(&mut self, width: u32, height: u32) {
        let parameters = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.order("Emulation.setDeviceMetricsOverride", parameters).await;
    }

    /// Role and name of everything that a screen reader reads.
    pub(crate) async fn read_aloud(&mut self) -> Vec<(String, String)> {
        let tree = self.order("Accessibility.getFullAXTree", json!({})).await;
        let nodes = tree["nodes"].as_array().unwrap().iter();
        let text = |node: &Value, member: &str| node[member]["value"].as_str().unwrap_or_default().to_owned();
        nodes
            .filter(|node| node["ignored"] == false)
            .map(|node| (text(node, "role"), text(node, "name")))
            .collect()
    }

    /// Keeps a picture of the whole page.
    pub(crate) async fn picture(&mut self, file: &Path) {
        let parameters = json!({"format": "png", "captureBeyondViewport": true});
        let picture = self.order("Page.captureScreenshot", parameters).await;
        let bytes = BASE64_STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }

    /// Errors of scripts, since the page was opened.
    pub(crate) fn errors(&self) -> Vec<String> {
        let thrown = self
            .events
            .iter()
            .filter(|event| event["method"] == "Runtime.exceptionThrown");
        thrown.map(|event| event["params"].to_string()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // `exec` has put the browser in the place of the shell.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}
