//! What the gateway needs before anybody asks: start-up and memory at rest, with three tenants; and what it needs more
//! while a large answer streams through.

use std::time::Instant;

use crate::command_line::CommandLine;
use crate::contestant;
use crate::gateway;
use crate::statistics::Spread;
use crate::wire::Connection;
use crate::workload::Workload;
use crate::{Failure, precise};

pub(crate) fn measure(line: &CommandLine) -> Result<(), Failure> {
    let workload = Workload::W4;
    let origins = (1..=workload.origins())
        .map(|number| contestant::origin(workload, number, format!("origin {number}")))
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
    let streamed = streamed(line)?;
    println!(
        "memory while {:.0} MB stream through: {:.1} MiB more than before ({:.1} MiB)",
        streamed.megabytes, streamed.more, streamed.before
    );
    Ok(())
}

/// Entities of the large answer, as many as the largest page has.
const LARGE_ENTITIES: usize = 1000;

/// Bytes of each, about.
const LARGE_ENTITY: usize = 100_000;

struct Streamed {
    megabytes: f64,
    /// MiB
    before: f64,
    /// MiB
    more: f64,
}

/// One consumer reads one large page of the store.
fn streamed(line: &CommandLine) -> Result<Streamed, Failure> {
    let text = "a".repeat(LARGE_ENTITY);
    let entities: Vec<String> = (0..LARGE_ENTITIES)
        .map(|number| {
            format!(
                r#"{{"id":"urn:ngsi-ld:EvacuationSite:{number:04}","type":"EvacuationSite","name":{{"type":"Property","value":"{text}"}}}}"#
            )
        })
        .collect();
    let stored = Some(format!("[{}]", entities.join(",")));
    let mut started = gateway::start_filled(&line.kakehashi, "Kakehashi", Workload::W5, &[], None, stored)?;
    started.target.path = format!("/ngsi-ld/v1/entities?type=EvacuationSite&limit={LARGE_ENTITIES}");
    let before = started.process.resident_mebibytes()?;
    let answer = Connection::open(&started.target)?.ask()?;
    if answer.status != 200 || answer.body.len() < LARGE_ENTITIES * LARGE_ENTITY {
        return Err(format!("an answer with status {} of {} bytes", answer.status, answer.body.len()).into());
    }
    Ok(Streamed {
        megabytes: precise(u64::try_from(answer.body.len())?) / 1e6,
        before,
        more: started.process.peak_mebibytes()? - before,
    })
}
