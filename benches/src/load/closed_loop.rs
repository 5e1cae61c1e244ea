//! A closed loop over plain HTTP/1.1: each connection sends the next request when it has the whole answer.
//! It speaks just enough HTTP to leave the processors to the contestants.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{Failure, precise};

/// What is asked, and of whom.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) address: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
}

/// What one round measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    /// All requests of the round, for the cost of one.
    pub(crate) requests: u64,
    pub(crate) throughput: f64,
    pub(crate) p50_milliseconds: f64,
    pub(crate) p99_milliseconds: f64,
}

/// Part of a round that is not counted: connections open, caches fill.
const WARM_UP: f64 = 0.2;

pub(crate) fn run(target: &Target, connections: usize, length: Duration) -> Result<Round, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let began = Instant::now();
        let counted_from = began + length.mul_f64(WARM_UP);
        let until = began + length;
        let loops: Vec<_> = (0..connections)
            .map(|_| tokio::spawn(connection_loop(target.clone(), counted_from, until)))
            .collect();
        let mut latencies = Vec::new();
        let mut requests = 0;
        for connection in loops {
            let connection = connection.await??;
            requests += connection.requests;
            latencies.extend(connection.latencies);
        }
        latencies.sort_unstable();
        let counted_requests = u64::try_from(latencies.len())?;
        let at = |share: usize| {
            let index = (latencies.len() * share / 100).min(latencies.len().saturating_sub(1));
            latencies
                .get(index)
                .map_or(f64::NAN, |latency| latency.as_secs_f64() * 1000.0)
        };
        let counted = until.duration_since(counted_from).as_secs_f64();
        Ok(Round {
            requests,
            throughput: precise(counted_requests) / counted,
            p50_milliseconds: at(50),
            p99_milliseconds: at(99),
        })
    })
}

/// What one connection saw.
struct Connection {
    requests: u64,
    /// Of the requests that count.
    latencies: Vec<Duration>,
}

async fn connection_loop(target: Target, counted_from: Instant, until: Instant) -> Result<Connection, Failure> {
    let mut stream = TcpStream::connect(&target.address).await?;
    stream.set_nodelay(true)?;
    let request = request_bytes(&target);
    let mut buffer = vec![0; 256 * 1024];
    let mut seen = Connection {
        requests: 0,
        latencies: Vec::new(),
    };
    loop {
        let asked = Instant::now();
        if asked >= until {
            return Ok(seen);
        }
        seen.requests += 1;
        stream.write_all(&request).await?;
        read_answer(&mut stream, &mut buffer).await?;
        if asked >= counted_from {
            seen.latencies.push(asked.elapsed());
        }
    }
}

/// One request and its body, for a look at what is measured.
pub(crate) fn fetch(target: &Target) -> Result<Vec<u8>, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut stream = TcpStream::connect(&target.address).await?;
        stream.write_all(&request_bytes(target)).await?;
        let mut buffer = vec![0; 4 * 1024 * 1024];
        let body = read_answer(&mut stream, &mut buffer).await?;
        Ok(buffer.get(body).map(<[u8]>::to_vec).unwrap_or_default())
    })
}

fn request_bytes(target: &Target) -> Vec<u8> {
    let mut request = format!("GET {} HTTP/1.1\r\nhost: {}\r\n", target.path, target.address);
    for (name, value) in &target.headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    request.into_bytes()
}

/// Reads one whole answer with a content-length; gives where its body stands in the buffer.
async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<std::ops::Range<usize>, Failure> {
    let mut filled = 0;
    let body_start = loop {
        let room = buffer
            .get_mut(filled..)
            .filter(|room| !room.is_empty())
            .ok_or("the head is too large")?;
        let read = stream.read(room).await?;
        if read == 0 {
            return Err("the connection was closed".into());
        }
        filled += read;
        let head = buffer.get(..filled).unwrap_or_default();
        if let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = std::str::from_utf8(buffer.get(..body_start).unwrap_or_default())?;
    if !head.starts_with("HTTP/1.1 200") {
        return Err(format!("an answer that is not 200: {}", head.lines().next().unwrap_or_default()).into());
    }
    let length: usize = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .ok_or("an answer without content-length")?
        .1
        .trim()
        .parse()?;
    let end = body_start + length;
    let rest = buffer.get_mut(filled..end).ok_or("the body is too large")?;
    stream.read_exact(rest).await?;
    Ok(body_start..end)
}
