//! The attacks, each until it is told to end. They are what was once seen to hurt others.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::ValueEnum;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use super::scene::{ATTACKER_KEY, SUBSCRIBER_KEY, Started, circle};
use crate::Failure;

/// What somebody does to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Attack {
    /// Anonymous questions that take long to compute.
    Geometry,
    /// Large answers that nobody reads.
    Unread,
    /// Questions that need very many entities of two sources.
    Wide,
    /// Connections that do nothing, from one address.
    Idle,
    /// Subscriptions that notify every 5 s, of all that is near a long line.
    Periodic,
}

/// Requests at once.
const GEOMETRIES: usize = 8;
const UNREAD: usize = 396;
const WIDE: usize = 20;
const IDLE: usize = 10_000;
const PERIODIC: usize = 100;

/// What the idle ones come from: loopback, and not the address of the honest.
const ELSEWHERE: ([u8; 4], u16) = ([127, 0, 0, 2], 0);

/// When somebody who is refused or closed tries again: as `Retry-After` says.
const AGAIN: Duration = Duration::from_secs(1);

/// How often an attacker looks whether it shall end.
const LOOKS: Duration = Duration::from_millis(20);

impl Attack {
    pub(super) const ALL: [Self; 5] = [Self::Geometry, Self::Unread, Self::Wide, Self::Idle, Self::Periodic];

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Geometry => "8 at once: near a line of 2,800 positions, 200 lines of 200",
            Self::Unread => "396 answers of 14 MB that nobody reads",
            Self::Wide => "20 at once: a question that needs two sources of 10,000 entities of 14 KB",
            Self::Idle => "10,000 idle connections of one address",
            Self::Periodic => "100 subscriptions of 5 s with a large geometry, of a consumer of 1 request/s",
        }
    }

    /// Goes on until `ends`.
    pub(super) fn run(self, started: &Started, ends: &AtomicBool) -> Result<(), Failure> {
        match self {
            Self::Geometry => {
                let question = post("entityOperations/query", None, &near("Line"));
                at_once(GEOMETRIES, started, ends, &question)
            }
            Self::Unread => unread(started, ends),
            Self::Wide => at_once(WIDE, started, ends, &get("entities?type=Wide&limit=1000")),
            Self::Idle => idle(started, ends),
            Self::Periodic => periodic(started, ends),
        }
    }
}

/// Asks the same again and again over so many connections, and takes the answers.
fn at_once(count: usize, started: &Started, ends: &AtomicBool, request: &[u8]) -> Result<(), Failure> {
    std::thread::scope(|scope| {
        let attackers: Vec<_> = (0..count)
            .map(|_| {
                scope.spawn(|| {
                    while !ends.load(Ordering::Relaxed) {
                        match ask(started.address(), request, ends) {
                            Ok(Some(status)) => {
                                let refused = status == "503" || status == "429";
                                started.saw(status);
                                if refused {
                                    std::thread::sleep(AGAIN);
                                }
                            }
                            // It was time to end.
                            Ok(None) => return,
                            Err(_) => {
                                started.saw("cut off".to_owned());
                                std::thread::sleep(AGAIN);
                            }
                        }
                    }
                })
            })
            .collect();
        for attacker in attackers {
            attacker.join().map_err(|_| "an attacker panicked")?;
        }
        Ok(())
    })
}

/// The status of an answer that has been taken whole.
fn ask(address: &str, request: &[u8], ends: &AtomicBool) -> Result<Option<String>, Failure> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LOOKS))?;
    stream.write_all(request)?;
    let (mut first, mut piece) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        match stream.read(&mut piece) {
            Ok(0) if first.is_empty() => return Err("closed".into()),
            Ok(0) => return Ok(Some(status(&first))),
            Ok(read) if first.len() < 12 => first.extend_from_slice(piece.get(..read).unwrap_or_default()),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                if ends.load(Ordering::Relaxed) {
                    stream.shutdown(Shutdown::Both)?;
                    return Ok(None);
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn status(head: &[u8]) -> String {
    String::from_utf8_lossy(head.get(9..12).unwrap_or_default()).into_owned()
}

/// Whoever is here asks, reads the first bytes, and then nothing more until it is cut off.
fn unread(started: &Started, ends: &AtomicBool) -> Result<(), Failure> {
    let request = get("entities?type=Large&limit=1000");
    many(UNREAD, ends, async || {
        let outcome = async {
            let socket = TcpSocket::new_v4()?;
            // Small, so that what is not read stays with the gateway and not in the kernel.
            socket.set_recv_buffer_size(4096)?;
            let mut stream = socket.connect(started.address().parse()?).await?;
            stream.write_all(&request).await?;
            let mut head = [0; 12];
            stream.read_exact(&mut head).await?;
            let status = status(&head);
            if status == "200" {
                // A peek that says 0 or fails: cut off.
                stream.ready(tokio::io::Interest::ERROR).await?;
            }
            Ok::<_, Failure>(status)
        };
        let outcome = outcome.await;
        started.saw(outcome.unwrap_or_else(|_| "cut off".to_owned()));
    })
}

/// Connections that say nothing. One that is closed is opened again.
fn idle(started: &Started, ends: &AtomicBool) -> Result<(), Failure> {
    many(IDLE, ends, async || {
        let outcome = async {
            let socket = TcpSocket::new_v4()?;
            socket.bind(ELSEWHERE.into())?;
            let mut stream = socket.connect(started.address().parse()?).await?;
            let mut byte = [0];
            stream.read_exact(&mut byte).await?;
            Ok::<_, Failure>(())
        };
        let ended = outcome.await;
        started.saw(if ended.is_ok() { "answered" } else { "closed" }.to_owned());
    })
}

/// So many of them at once, each begun again when it has ended, on one thread.
fn many<W: Future<Output = ()>>(count: usize, ends: &AtomicBool, one: impl Fn() -> W) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let again = || async {
        loop {
            one().await;
            tokio::time::sleep(AGAIN).await;
        }
    };
    let ended = async {
        while !ends.load(Ordering::Relaxed) {
            tokio::time::sleep(LOOKS).await;
        }
    };
    runtime.block_on(async {
        let all = futures::future::join_all((0..count).map(|_| again()));
        tokio::select! {
            _ = all => {}
            () = ended => {}
        }
    });
    Ok(())
}

/// As many subscriptions as are accepted. They go on until the gateway ends.
fn periodic(started: &Started, ends: &AtomicBool) -> Result<(), Failure> {
    let sink = crate::origin::Origin::in_this_process(Vec::new())?;
    for number in 0..PERIODIC {
        let body = format!(
            r#"{{"id":"urn:ngsi-ld:Subscription:{number}","type":"Subscription","entities":[{{"type":"Line"}}],{},"timeInterval":5,"notification":{{"endpoint":{{"uri":"http://{}/"}}}}}}"#,
            near_condition(),
            sink.address()
        );
        if let Some(status) = ask(
            started.address(),
            &post("subscriptions", Some(SUBSCRIBER_KEY), &body),
            ends,
        )? {
            started.saw(status);
        }
    }
    while !ends.load(Ordering::Relaxed) {
        std::thread::sleep(LOOKS);
    }
    Ok(())
}

fn near_condition() -> String {
    format!(
        r#""geoQ":{{"georel":"near;maxDistance==8000","geometry":"LineString","coordinates":{}}}"#,
        circle()
    )
}

fn near(of: &str) -> String {
    format!(
        r#"{{"type":"Query","entities":[{{"type":"{of}"}}],{}}}"#,
        near_condition()
    )
}

fn get(path: &str) -> Vec<u8> {
    format!(
        "GET /ngsi-ld/v1/{path} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {ATTACKER_KEY}\r\nconnection: close\r\n\r\n"
    )
    .into_bytes()
}

fn post(path: &str, key: Option<&str>, body: &str) -> Vec<u8> {
    let key = key.map(|key| format!("x-api-key: {key}\r\n")).unwrap_or_default();
    format!(
        "POST /ngsi-ld/v1/{path} HTTP/1.1\r\nhost: localhost\r\n{key}connection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
