//! Medians, spread and ratios: a table for people, JSON for programs, and the plot.

use std::path::Path;

use serde::Serialize;

use crate::closed_loop::Round;
use crate::command_line::CommandLine;
use crate::open_loop::{CONNECTIONS, Latency};
use crate::statistics::Spread;
use crate::workload::Workload;
use crate::{Failure, plot};

/// What was measured of one contestant in one workload. Times are in milliseconds, unless the name says otherwise.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) name: String,
    pub(crate) throughput: Spread,
    p50: Spread,
    p99: Spread,
    cpu_microseconds: Spread,
    peak_mebibytes: f64,
    /// One connection.
    pub(crate) alone_p50: Spread,
    /// Requests a second of the open loop.
    rate: f64,
    open_p50: f64,
    open_p99: f64,
    open_p999: f64,
}

impl Measured {
    pub(crate) fn new(name: &str, rounds: &[Round], cpu: &[f64], alone: &[Round], peak_mebibytes: f64) -> Self {
        let spread = |value: fn(&Round) -> f64| Spread::of(rounds.iter().map(value));
        Self {
            name: name.to_owned(),
            throughput: spread(|round| round.throughput),
            p50: spread(|round| round.p50_milliseconds),
            p99: spread(|round| round.p99_milliseconds),
            cpu_microseconds: Spread::of(cpu.iter().copied()),
            peak_mebibytes,
            alone_p50: Spread::of(alone.iter().map(|round| round.p50_milliseconds)),
            rate: 0.0,
            open_p50: 0.0,
            open_p99: 0.0,
            open_p999: 0.0,
        }
    }

    pub(crate) fn add_open_loop(&mut self, rate: f64, latency: Latency) {
        self.rate = rate;
        self.open_p50 = latency.p50;
        self.open_p99 = latency.p99;
        self.open_p999 = latency.p999;
    }
}

/// Prints the table of a workload. Ratios are the first contestant's throughput to that of the line.
pub(crate) fn print(workload: Workload, measured: &[Measured]) {
    let rate = measured.first().map_or(0.0, |one| one.rate);
    println!("\n{}: {}", workload.name(), workload.title());
    println!("(open loop: {rate:.0} requests/s over {CONNECTIONS} connections, from the appointed time)");
    println!(
        "{:<28} {:>10} {:>18} {:>6} {:>8} {:>8} {:>8} {:>9} {:>9} {:>9} {:>9}",
        "",
        "requests/s",
        "(least to most)",
        "ratio",
        "p50 ms",
        "p99 ms",
        "CPU us",
        "peak MiB",
        "1 conn ms",
        "open p50",
        "open p99"
    );
    let first = measured.first().map_or(f64::NAN, |one| one.throughput.median);
    for one in measured {
        println!(
            "{:<28} {:>10.0} {:>18} {:>6.2} {:>8.2} {:>8.2} {:>8.1} {:>9.1} {:>9.3} {:>9.2} {:>9.2}",
            one.name,
            one.throughput.median,
            format!("({:.0} to {:.0})", one.throughput.least, one.throughput.most),
            first / one.throughput.median,
            one.p50.median,
            one.p99.median,
            one.cpu_microseconds.median,
            one.peak_mebibytes,
            one.alone_p50.median,
            one.open_p50,
            one.open_p99,
        );
    }
}

#[derive(Serialize)]
struct Run<'a> {
    rounds: usize,
    seconds: u64,
    connections: usize,
    processors: usize,
    workloads: Vec<OneWorkload<'a>>,
}

#[derive(Serialize)]
struct OneWorkload<'a> {
    name: &'static str,
    title: &'static str,
    contestants: &'a [Measured],
}

/// Writes the JSON and the plot; what earlier runs have written of other workloads stays.
pub(crate) fn write(line: &CommandLine, results: &[(Workload, Vec<Measured>)]) -> Result<(), Failure> {
    std::fs::create_dir_all(&line.out)?;
    for (workload, measured) in results {
        let run = Run {
            rounds: line.rounds,
            seconds: line.seconds,
            connections: line.connections,
            processors: std::thread::available_parallelism()?.get(),
            workloads: vec![OneWorkload {
                name: workload.name(),
                title: workload.title(),
                contestants: measured,
            }],
        };
        let kind = if line.features { "features-" } else { "" };
        let stem = format!("{kind}{}", workload.name());
        write_file(&line.out, &format!("{stem}.json"), &serde_json::to_string_pretty(&run)?)?;
        let bars: Vec<plot::Bar<'_>> = measured
            .iter()
            .map(|one| plot::Bar {
                name: &one.name,
                spread: one.throughput,
            })
            .collect();
        let title = format!("{}: {}, requests/s", workload.name(), workload.title());
        write_file(&line.out, &format!("{stem}.svg"), &plot::bars(&title, &bars))?;
    }
    println!("\nJSON and plots: {}", line.out.display());
    Ok(())
}

fn write_file(folder: &Path, name: &str, text: &str) -> Result<(), Failure> {
    std::fs::write(folder.join(name), text)?;
    Ok(())
}
