//! What an honest consumer feels while others do their worst within the limits that are shipped, and what the gateway holds
//! then: each attack after a quiet round, again and again, so that noise of the machine meets both alike.
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

/// What the honest consumer felt in one round.
#[derive(Debug, Clone, Copy)]
struct Felt {
    quiet: Latency,
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
        let (quiet, attacked) = (p99(|felt| felt.quiet.p99), p99(|felt| felt.attacked.p99));
        let ratio = p99(|felt| felt.attacked.p99 / felt.quiet.p99);
        println!(
            "{}: quiet {:.2} ({:.2} to {:.2}), attacked {:.2} ({:.2} to {:.2}), ratio {:.2} ({:.2} to {:.2}); \
             p50 attacked {:.2}; at most {:.0} MiB; {}",
            attack.title(),
            quiet.median,
            quiet.least,
            quiet.most,
            attacked.median,
            attacked.least,
            attacked.most,
            ratio.median,
            ratio.least,
            ratio.most,
            p99(|felt| felt.attacked.p50).median,
            started.process.peak_mebibytes()?,
            started.outcomes(),
        );
    }
    Ok(())
}

/// A quiet round, and one beside the attack.
fn round(attack: Attack, started: &scene::Started, length: Duration) -> Result<Felt, Failure> {
    let honest = || open_loop::run(started.honest(), RATE, length, 200);
    let quiet = honest()?;
    let ends = AtomicBool::new(false);
    let attacked = std::thread::scope(|scope| {
        let attackers = scope.spawn(|| attack.run(started, &ends));
        std::thread::sleep(UNTIL_IN_FULL_SWING);
        let felt = honest();
        ends.store(true, Ordering::Relaxed);
        attackers
            .join()
            .unwrap_or_else(|_| Err("an attacker panicked".into()))?;
        felt
    })?;
    std::thread::sleep(UNTIL_QUIET);
    Ok(Felt { quiet, attacked })
}

/// A share of the whole, in percent.
fn percent(part: u64, whole: u64) -> f64 {
    100.0 * precise(part) / precise(whole.max(1))
}
