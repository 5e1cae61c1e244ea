//! What the gateway needs before anybody asks: start-up and memory at rest, with three tenants.

use std::time::Instant;

use crate::command_line::CommandLine;
use crate::contestant;
use crate::gateway;
use crate::statistics::Spread;
use crate::workload::Workload;
use crate::{Failure, precise};

pub(crate) fn measure(line: &CommandLine) -> Result<(), Failure> {
    let workload = Workload::W4;
    let origins = (1..=workload.origins())
        .map(|number| contestant::origin(workload, format!("origin {number}")))
        .collect::<Result<Vec<_>, _>>()?;
    let addresses: Vec<String> = origins.iter().map(|origin| origin.target.address.clone()).collect();
    let mut starts = Vec::new();
    let mut at_rest = Vec::new();
    for _ in 0..line.rounds.max(1) {
        let began = Instant::now();
        let started = gateway::start(&line.kakehashi, "Kakehashi", workload, &addresses, None)?;
        starts.push(precise(u64::try_from(began.elapsed().as_micros())?) / 1000.0);
        at_rest.push(started.process.resident_mebibytes()?);
    }
    let (starts, at_rest) = (Spread::of(starts), Spread::of(at_rest));
    println!(
        "start-up with three tenants: {:.0} ms ({:.0} to {:.0})",
        starts.median, starts.least, starts.most
    );
    println!(
        "memory at rest: {:.1} MiB ({:.1} to {:.1})",
        at_rest.median, at_rest.least, at_rest.most
    );
    Ok(())
}
