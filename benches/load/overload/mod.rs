//! What an honest consumer feels while others do their worst within the limits that are shipped, and what the gateway holds
//! then: each attack after a quiet round and one beside threads that only compute, again and again, so that noise of the
//! machine meets all alike. Attackers and sources come after everything else for a processor: elsewhere they have
//! machines of their own.
//!
//! | module | owns |
//! |---|---|
//! | [`scene`] | the gateway that is attacked, what its sources hold, and who may ask |
//! | [`attack`] | the attacks, each until it is told to end |

mod attack;
mod scene;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::command_line::CommandLine;
use crate::open_loop::{self, Latency};
use crate::statistics::Spread;
use crate::{Failure, precise};

pub(crate) use attack::Attack;
use scene::Scene;

/// Honest requests a second: an app that many people look at, and far below what the gateway can do, so that its latency
/// says what the attack does and not what it does itself.
const RATE: f64 = 200.0;

/// How long an attack goes on before anything counts: it is in full swing then.
const UNTIL_IN_FULL_SWING: Duration = Duration::from_secs(3);

/// How long an attack may take to end, and the gateway to be quiet again.
const UNTIL_QUIET: Duration = Duration::from_secs(3);

/// How much the gateway's own threads that compute yield to others, as `nice` counts it.
const NICE_OF_COMPUTING: i32 = 6;

/// How much those yield that have no processor of this machine elsewhere.
const NICE_OF_ELSEWHERE: i32 = 19;

/// What the honest consumer felt in one round.
#[derive(Debug, Clone, Copy)]
struct Felt {
    quiet: Latency,
    /// While the processors are busy with what has nothing to do with the gateway, as willing to yield as the gateway's own
    /// threads that compute: what a machine without an idle processor costs, whoever keeps it busy.
    busy: Latency,
    attacked: Latency,
}

pub(crate) fn measure(line: &CommandLine) -> Result<(), Failure> {
    let scene = Scene::new()?;
    println!("an honest consumer, {RATE:.0} requests/s by id from the store; p99 in ms, medians (least to most)");
    for attack in Attack::ALL {
        if !line.attack.is_empty() && !line.attack.contains(&attack) {
            continue;
        }
        let started = scene.start(&line.kakehashi)?;
        let mut felt = Vec::new();
        for _ in 0..line.rounds.max(1) {
            felt.push(round(attack, &started, Duration::from_secs(line.seconds))?);
        }
        let p99 = |of: fn(&Felt) -> f64| Spread::of(felt.iter().map(of));
        let shown = |of: fn(&Felt) -> f64| {
            let Spread { least, median, most } = p99(of);
            format!("{median:.2} ({least:.2} to {most:.2})")
        };
        println!(
            "{}: quiet {}, busy {}, attacked {}, attacked/quiet {}, attacked/busy {}; p50 attacked {:.2}; at most {:.0} MiB; {}",
            attack.title(),
            shown(|felt| felt.quiet.p99),
            shown(|felt| felt.busy.p99),
            shown(|felt| felt.attacked.p99),
            shown(|felt| felt.attacked.p99 / felt.quiet.p99),
            shown(|felt| felt.attacked.p99 / felt.busy.p99),
            p99(|felt| felt.attacked.p50).median,
            started.process.peak_mebibytes()?,
            started.outcomes(),
        );
    }
    Ok(())
}

/// A quiet round, one beside others that compute, and one beside the attack.
fn round(attack: Attack, started: &scene::Started, length: Duration) -> Result<Felt, Failure> {
    let honest = || open_loop::run(started.honest(), RATE, length, 200);
    let quiet = honest()?;
    let ends = AtomicBool::new(false);
    let busy = std::thread::scope(|scope| {
        for _ in 0..2 * std::thread::available_parallelism()?.get() {
            scope.spawn(|| {
                yield_to_others(NICE_OF_COMPUTING);
                while !ends.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let felt = honest();
        ends.store(true, Ordering::Relaxed);
        felt
    })?;
    let ends = AtomicBool::new(false);
    let attacked = std::thread::scope(|scope| {
        let attackers = scope.spawn(|| {
            // As do the threads that it begins.
            yield_to_others(NICE_OF_ELSEWHERE);
            attack.run(started, &ends)
        });
        std::thread::sleep(UNTIL_IN_FULL_SWING);
        let felt = honest();
        ends.store(true, Ordering::Relaxed);
        attackers
            .join()
            .unwrap_or_else(|_| Err("an attacker panicked".into()))?;
        felt
    })?;
    std::thread::sleep(UNTIL_QUIET);
    Ok(Felt { quiet, busy, attacked })
}

/// Lets this thread, and those that it begins, come after others. Where the system knows no such thing it goes on as it is.
fn yield_to_others(nice: i32) {
    #[cfg(target_os = "linux")]
    {
        // On Linux the priority is the thread's own, by its number.
        let thread = rustix::thread::gettid();
        let _ = rustix::process::setpriority_process(Some(thread), nice);
    }
}

/// A share of the whole, in percent.
fn percent(part: u64, whole: u64) -> f64 {
    100.0 * precise(part) / precise(whole.max(1))
}
