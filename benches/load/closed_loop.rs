//! Throughput: each connection sends the next request when it has the whole answer. wrk does it where it is
//! installed, because it leaves the most of the processors to the contestants; a loop of our own elsewhere.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::statistics::percentile;
use crate::wire::{Connection, Target};
use crate::{Failure, precise};

/// What one round measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    pub(crate) requests: u64,
    pub(crate) throughput: f64,
    pub(crate) p50_milliseconds: f64,
    pub(crate) p99_milliseconds: f64,
}

/// Which program makes the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generator {
    Wrk,
    Own,
}

impl Generator {
    pub(crate) fn installed() -> Self {
        let found = Command::new("wrk").arg("-v").output().is_ok();
        if found { Self::Wrk } else { Self::Own }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Wrk => "wrk",
            Self::Own => "the rig's own loop (wrk is not installed: apt-get install wrk)",
        }
    }

    pub(crate) fn run(
        self,
        target: &Target,
        connections: usize,
        length: Duration,
        expected_status: u16,
    ) -> Result<Round, Failure> {
        match self {
            Self::Wrk => wrk(target, connections, length, expected_status),
            Self::Own => own(target, connections, length, expected_status),
        }
    }
}

fn wrk(target: &Target, connections: usize, length: Duration, expected_status: u16) -> Result<Round, Failure> {
    let mut command = Command::new("wrk");
    command
        .args(["-t", "1", "--latency", "-c", &connections.to_string()])
        .args(["-d", &format!("{}s", length.as_secs().max(1))]);
    for (name, value) in &target.headers {
        command.args(["-H", &format!("{name}: {value}")]);
    }
    let output = command
        .arg(format!("http://{}{}", target.address, target.path))
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!("wrk failed: {text}{}", String::from_utf8_lossy(&output.stderr)).into());
    }
    read_wrk(&text, expected_status)
}

/// Reads what wrk prints. What it calls an error makes the round worthless.
fn read_wrk(text: &str, expected_status: u16) -> Result<Round, Failure> {
    let value_of = |label: &str| {
        let line = text.lines().find(|line| line.trim_start().starts_with(label));
        line.and_then(|line| line.trim_start().strip_prefix(label))
            .map(str::trim)
            .ok_or_else(|| format!("wrk printed no `{label}`: {text}"))
    };
    if value_of("Socket errors:").is_ok() || (expected_status < 300 && value_of("Non-2xx").is_ok()) {
        return Err(format!("errors under load: {text}").into());
    }
    let requests = text
        .lines()
        .find_map(|line| line.trim().split_once(" requests in "))
        .ok_or("wrk printed no count of requests")?
        .0;
    Ok(Round {
        requests: requests.parse()?,
        throughput: value_of("Requests/sec:")?.parse()?,
        p50_milliseconds: milliseconds(value_of("50%")?)?,
        p99_milliseconds: milliseconds(value_of("99%")?)?,
    })
}

/// `812.00us`, `1.20ms`, `2.00s`
fn milliseconds(text: &str) -> Result<f64, Failure> {
    for (unit, factor) in [("us", 0.001), ("ms", 1.0), ("s", 1000.0)] {
        if let Some(number) = text.strip_suffix(unit) {
            return Ok(number.parse::<f64>()? * factor);
        }
    }
    Err(format!("`{text}` is no duration").into())
}

fn own(target: &Target, connections: usize, length: Duration, expected_status: u16) -> Result<Round, Failure> {
    let until = Instant::now() + length;
    let loops: Vec<Result<Vec<f64>, Failure>> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..connections)
            .map(|_| scope.spawn(|| ask_until(target, until, expected_status)))
            .collect();
        let joined = handles.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined
            .map(|result| result.unwrap_or_else(|_| Err("a load thread panicked".into())))
            .collect()
    });
    let mut latencies = Vec::new();
    for seen in loops {
        latencies.extend(seen?);
    }
    latencies.sort_by(f64::total_cmp);
    let requests = u64::try_from(latencies.len())?;
    Ok(Round {
        requests,
        throughput: precise(requests) / length.as_secs_f64(),
        p50_milliseconds: percentile(&latencies, 0.5),
        p99_milliseconds: percentile(&latencies, 0.99),
    })
}

fn ask_until(target: &Target, until: Instant, expected_status: u16) -> Result<Vec<f64>, Failure> {
    let mut connection = Connection::open(target)?;
    let mut latencies = Vec::new();
    loop {
        let asked = Instant::now();
        if asked >= until {
            return Ok(latencies);
        }
        let answer = connection.ask()?;
        if answer.status != expected_status {
            return Err(format!("status {} under load", answer.status).into());
        }
        latencies.push(asked.elapsed().as_secs_f64() * 1000.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "Running 1s test @ http://127.0.0.1:1/\n  Latency Distribution\n     50%  812.00us\n     75%    1.00ms\n     99%    2.50ms\n  9001 requests in 1.00s, 1.00MB read\nRequests/sec:   9000.50\n";

    #[test]
    fn what_wrk_prints_is_read_and_its_errors_are_failures() {
        let round = read_wrk(PRINTED, 200).unwrap();
        assert_eq!(round.requests, 9001);
        assert_eq!(round.throughput, 9000.5);
        assert_eq!((round.p50_milliseconds, round.p99_milliseconds), (0.812, 2.5));
        let refused = format!("{PRINTED}  Non-2xx or 3xx responses: 3\n");
        assert!(read_wrk(&refused, 200).is_err());
        assert!(read_wrk(&refused, 404).is_ok());
        let broken = format!("{PRINTED}  Socket errors: connect 0, read 1, write 0, timeout 0\n");
        assert!(read_wrk(&broken, 404).is_err());
    }
}
