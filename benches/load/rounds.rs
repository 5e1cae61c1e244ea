//! Who is measured when: all contestants of a workload in turn, round after round.

use std::time::{Duration, Instant};

use crate::closed_loop::{Generator, Round};
use crate::command_line::{BareKind, CommandLine, Feature};
use crate::contestant::{self, Contestant};
use crate::open_loop;
use crate::process::Process;
use crate::report::{self, Measured};
use crate::rivals::{HOW_TO_INSTALL, Rival};
use crate::workload::Workload;
use crate::{Failure, gateway, large_sources, precise};

/// Load before anything counts: connections open, pools fill, pages fault in.
const WARM_UP: Duration = Duration::from_secs(1);

/// The share of one processor beyond which an origin, which has one thread, may have held others up.
const BUSY_ORIGIN: f64 = 0.9;

/// The rate of the open loop: this share of what the slowest contestant can do. Below saturation, where latency
/// says something about the contestant and not about the queue before it.
const SHARE_OF_SLOWEST: f64 = 0.5;

/// One contestant, and what was seen of it.
struct Seat {
    contestant: Contestant,
    rounds: Vec<Round>,
    /// Processor time of a request, for each round.
    cpu: Vec<f64>,
    alone: Vec<Round>,
}

pub(crate) fn run(line: &CommandLine) -> Result<(), Failure> {
    let workloads = if line.workload.is_empty() {
        Workload::ALL.to_vec()
    } else {
        line.workload.clone()
    };
    let generator = Generator::installed();
    println!("closed loop: {}", generator.name());
    let mut results = Vec::new();
    for workload in workloads {
        if workload == Workload::W10 {
            // What it measures is not one answer again and again.
            large_sources::measure(line, generator)?;
            continue;
        }
        let measured = measure(workload, line, generator)?;
        report::print(workload, &measured);
        results.push((workload, measured));
    }
    report::write(line, &results)
}

fn measure(workload: Workload, line: &CommandLine, generator: Generator) -> Result<Vec<Measured>, Failure> {
    let origins = (1..=workload.origins())
        .map(|number| contestant::origin(workload, number, format!("origin {number}")))
        .collect::<Result<Vec<_>, _>>()?;
    let addresses: Vec<String> = origins.iter().map(|origin| origin.target.address.clone()).collect();
    let contestants = if line.features {
        with_features_off(workload, line, &addresses)?
    } else {
        beside_rivals(workload, line, &addresses)?
    };
    let mut seats: Vec<Seat> = contestants
        .into_iter()
        .chain(direct(workload)?)
        .map(|contestant| Seat {
            contestant,
            rounds: Vec::new(),
            cpu: Vec::new(),
            alone: Vec::new(),
        })
        .collect();
    for seat in &seats {
        seat.contestant.check(workload)?;
        let (target, status) = (&seat.contestant.target, seat.contestant.expected_status);
        generator.run(target, line.connections, WARM_UP, status)?;
    }
    let length = Duration::from_secs(line.seconds);
    for _ in 0..line.rounds {
        for seat in &mut seats {
            closed_round(seat, &origins, generator, line.connections, length)?;
        }
    }
    // One connection: how long an answer takes when nothing waits.
    for _ in 0..line.rounds.div_ceil(2) {
        for seat in &mut seats {
            let contestant = &seat.contestant;
            let round = generator.run(
                &contestant.target,
                1,
                Duration::from_secs(1),
                contestant.expected_status,
            )?;
            seat.alone.push(round);
        }
    }
    let mut measured: Vec<Measured> = seats.iter().map(summary).collect::<Result<_, _>>()?;
    let slowest = measured
        .iter()
        .map(|one| one.throughput.median)
        .fold(f64::MAX, f64::min);
    for (seat, measured) in seats.iter().zip(&mut measured) {
        let contestant = &seat.contestant;
        let rate = slowest * SHARE_OF_SLOWEST;
        let latency = open_loop::run(&contestant.target, rate, length, contestant.expected_status)?;
        measured.add_open_loop(rate, latency);
    }
    warn_of_slow_origin(workload, &measured);
    Ok(measured)
}

/// Asked directly, an origin should answer more than through anybody. Where it does not, the load generator, which
/// must read all of it, is what is measured; a busy origin has failed the run already.
fn warn_of_slow_origin(workload: Workload, measured: &[Measured]) {
    let (origins, others): (Vec<&Measured>, Vec<&Measured>) =
        measured.iter().partition(|one| one.name.starts_with("origin"));
    let fastest = others.iter().map(|one| one.throughput.median).fold(0.0, f64::max);
    for origin in origins.iter().filter(|origin| origin.throughput.median < fastest) {
        println!(
            "{}: NOTE: asked directly the origin answers {:.0}/s, the fastest contestant {fastest:.0}/s: the load \
             generator is at its limit, and ratios between the fastest are not to be trusted",
            workload.name(),
            origin.throughput.median
        );
    }
}

/// One round of one contestant, with the processor time of it and of the origins.
fn closed_round(
    seat: &mut Seat,
    origins: &[Contestant],
    generator: Generator,
    connections: usize,
    length: Duration,
) -> Result<(), Failure> {
    let contestant = &seat.contestant;
    let used_by_origins = || {
        origins
            .iter()
            .map(|origin| origin.process.cpu_microseconds())
            .collect::<Result<Vec<f64>, _>>()
    };
    let (own_before, origins_before, began) = (
        contestant.process.cpu_microseconds()?,
        used_by_origins()?,
        Instant::now(),
    );
    let round = generator.run(&contestant.target, connections, length, contestant.expected_status)?;
    let elapsed = began.elapsed().as_secs_f64() * 1e6;
    let used = contestant.process.cpu_microseconds()? - own_before;
    for (before, after) in origins_before.iter().zip(used_by_origins()?) {
        if (after - before) / elapsed > BUSY_ORIGIN {
            return Err(format!(
                "an origin was busy for {:.0}% of a round of {}: it is the bottleneck",
                100.0 * (after - before) / elapsed,
                contestant.name
            )
            .into());
        }
    }
    seat.cpu.push(used / precise(round.requests.max(1)));
    seat.rounds.push(round);
    Ok(())
}

fn summary(seat: &Seat) -> Result<Measured, Failure> {
    let process: &Process = &seat.contestant.process;
    Ok(Measured::new(
        &seat.contestant.name,
        &seat.rounds,
        &seat.cpu,
        &seat.alone,
        process.peak_mebibytes()?,
    ))
}

/// An origin of the workload for itself: what its answers cost without anything between.
fn direct(workload: Workload) -> Result<Option<Contestant>, Failure> {
    if workload.origins() == 0 {
        return Ok(None);
    }
    contestant::origin(workload, 1, "origin, asked directly".to_owned()).map(Some)
}

fn beside_rivals(workload: Workload, line: &CommandLine, origins: &[String]) -> Result<Vec<Contestant>, Failure> {
    let origin = origins.first().map(String::as_str);
    let mut all = vec![gateway::start(&line.kakehashi, "Kakehashi", workload, origins, None)?];
    if let Some(before) = &line.against {
        all.push(gateway::start(before, "the other gateway", workload, origins, None)?);
        return Ok(all);
    }
    if workload == Workload::W4 {
        let one = origins.get(..1).unwrap_or_default();
        all.push(gateway::start(
            &line.kakehashi,
            "Kakehashi, one source (W2)",
            workload,
            one,
            None,
        )?);
    }
    if workload.is_page_of_store() {
        all.push(contestant::bare(BareKind::Store, workload, "")?);
    }
    for rival in Rival::ALL {
        match rival.start(workload, origin)? {
            Some(contestant) => all.push(contestant),
            None => println!("{} is not installed and left out ({HOW_TO_INSTALL})", rival.name()),
        }
    }
    let Some(origin) = origin else { return Ok(all) };
    if workload == Workload::W1 {
        all.push(contestant::bare(BareKind::Proxy, workload, origin)?);
    }
    if matches!(workload, Workload::W1 | Workload::W2 | Workload::W3) {
        all.push(contestant::bare(BareKind::Transform, workload, origin)?);
    }
    Ok(all)
}

fn with_features_off(workload: Workload, line: &CommandLine, origins: &[String]) -> Result<Vec<Contestant>, Failure> {
    let mut all = vec![gateway::start(
        &line.kakehashi,
        "everything on",
        workload,
        origins,
        None,
    )?];
    for feature in Feature::ALL {
        all.push(gateway::start(&line.kakehashi, "", workload, origins, Some(feature))?);
    }
    if let [origin] = origins {
        all.push(contestant::bare(BareKind::Adapter, workload, origin)?);
    }
    Ok(all)
}
