//! Latency at a fixed rate of arrivals. Each connection has its own appointed times; a request that must wait for
//! the one before counts its wait as well, because it is measured from the time at which it should have been sent
//! (else a slow answer would hide the requests that it held up: coordinated omission).

use std::time::{Duration, Instant};

use crate::statistics::percentile;
use crate::wire::{Connection, Target};
use crate::{Failure, precise};

/// Latencies from the appointed time to the end of the answer, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
}

/// Threads, one a connection: enough that an answer of a tenth of a second delays nobody at the rates measured.
pub(crate) const CONNECTIONS: u32 = 32;

pub(crate) fn run(target: &Target, rate: f64, length: Duration, expected_status: u16) -> Result<Latency, Failure> {
    let interval = Duration::from_secs_f64(1.0 / rate);
    let requests = (rate * length.as_secs_f64() / f64::from(CONNECTIONS)).floor();
    // Connections are open before the first appointed time.
    let begin = Instant::now() + Duration::from_millis(200);
    let seen: Vec<Result<Vec<f64>, Failure>> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..CONNECTIONS)
            .map(|number| {
                let first = begin + interval * number;
                scope.spawn(move || keep_appointments(target, first, interval * CONNECTIONS, requests, expected_status))
            })
            .collect();
        let joined = handles.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined
            .map(|result| result.unwrap_or_else(|_| Err("a load thread panicked".into())))
            .collect()
    });
    let mut latencies = Vec::new();
    for one in seen {
        latencies.extend(one?);
    }
    latencies.sort_by(f64::total_cmp);
    if latencies.is_empty() {
        return Err(format!("a rate of {rate} gives no request in {} s", precise(length.as_secs())).into());
    }
    Ok(Latency {
        p50: percentile(&latencies, 0.5),
        p99: percentile(&latencies, 0.99),
        p999: percentile(&latencies, 0.999),
    })
}

fn keep_appointments(
    target: &Target,
    first: Instant,
    every: Duration,
    requests: f64,
    expected_status: u16,
) -> Result<Vec<f64>, Failure> {
    let mut connection = Connection::open(target)?;
    let mut latencies = Vec::new();
    let mut appointed = first;
    while precise(u64::try_from(latencies.len())?) < requests {
        std::thread::sleep(appointed.saturating_duration_since(Instant::now()));
        let answer = connection.ask()?;
        if answer.status != expected_status {
            return Err(format!("status {} at a fixed rate", answer.status).into());
        }
        latencies.push(appointed.elapsed().as_secs_f64() * 1000.0);
        appointed += every;
    }
    Ok(latencies)
}
