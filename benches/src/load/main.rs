//! The side-by-side load benchmark: Kakehashi and the bare transform proxy in front of the same origin, in
//! interleaved rounds, each a process of its own, so that noise of the machine meets both alike.
//!
//! `cargo run --release -p kakehashi-benches --bin load` prints medians, their spread, and the ratio.

#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

mod closed_loop;
mod contestant;
mod servers;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;

use closed_loop::Round;
use contestant::Contestant;

/// The same allocator as the gateway's, so that the bare proxy is as fast as it can be.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[derive(Debug, Parser)]
#[command(about)]
struct CommandLine {
    #[command(subcommand)]
    role: Option<Role>,
    /// The gateway to measure.
    #[arg(long, default_value = "target/release/kakehashi")]
    kakehashi: String,
    /// Rounds for each contestant.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Seconds a round.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Connections at once.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Entities in the answer.
    #[arg(long, default_value_t = 20)]
    entities: usize,
}

/// Parts of the benchmark that run as processes of their own.
#[derive(Debug, Subcommand)]
enum Role {
    /// An origin that answers every request with the same NGSI-v2 list.
    Origin {
        /// Entities in the list.
        #[arg(long)]
        entities: usize,
    },
    /// The bare proxy in front of an origin.
    BareProxy {
        /// The origin's address.
        #[arg(long)]
        origin: String,
    },
}

/// What can go wrong with the benchmark itself.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let line = CommandLine::parse();
    let outcome = match &line.role {
        Some(Role::Origin { entities }) => servers::origin(*entities),
        Some(Role::BareProxy { origin }) => servers::bare_proxy(origin),
        None => compare(&line),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            println!("failed: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn compare(line: &CommandLine) -> Result<(), Failure> {
    let origin = contestant::origin(line.entities)?;
    let bare = contestant::bare_proxy(&origin.address)?;
    let kakehashi = contestant::kakehashi(&line.kakehashi, &origin.address)?;
    let contestants = [&kakehashi, &bare];
    for contestant in contestants {
        contestant.check(line.entities)?;
    }
    let mut rounds: Vec<Vec<Round>> = vec![Vec::new(); contestants.len()];
    for _ in 0..line.rounds {
        for (contestant, rounds) in contestants.iter().zip(&mut rounds) {
            rounds.push(closed_loop::run(
                &contestant.target,
                line.connections,
                Duration::from_secs(line.seconds),
            )?);
        }
    }
    println!(
        "{} entities, {} connections, {} rounds of {} s",
        line.entities, line.connections, line.rounds, line.seconds
    );
    println!(
        "{:<12} {:>12} {:>20} {:>10} {:>10} {:>14}",
        "", "requests/s", "(least to most)", "p50 ms", "p99 ms", "CPU us/request"
    );
    let mut throughputs = Vec::new();
    for (contestant, rounds) in contestants.iter().zip(&rounds) {
        throughputs.push(report(contestant, rounds)?);
    }
    if let [kakehashi, bare] = throughputs.as_slice() {
        println!("Kakehashi / bare transform: {:.2}", kakehashi / bare);
    }
    Ok(())
}

/// Prints one line of the table and gives the median throughput.
fn report(contestant: &Contestant, rounds: &[Round]) -> Result<f64, Failure> {
    let of = |value: fn(&Round) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let throughputs = of(|round| round.throughput);
    let median = |values: &[f64]| values.get(values.len() / 2).copied().unwrap_or(f64::NAN);
    let (least, most) = (throughputs.first().copied(), throughputs.last().copied());
    let requests: u64 = rounds.iter().map(|round| round.requests).sum();
    println!(
        "{:<12} {:>12.0} {:>20} {:>10.2} {:>10.2} {:>14.1}",
        contestant.name,
        median(&throughputs),
        format!("({:.0} to {:.0})", least.unwrap_or(f64::NAN), most.unwrap_or(f64::NAN)),
        median(&of(|round| round.p50_milliseconds)),
        median(&of(|round| round.p99_milliseconds)),
        contestant.cpu_microseconds()? / precise(requests),
    );
    Ok(median(&throughputs))
}

#[expect(clippy::cast_precision_loss, reason = "counts of a benchmark are far below 2^52")]
fn precise(count: u64) -> f64 {
    count as f64
}
