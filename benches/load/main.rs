//! The load rig: Kakehashi and its rivals in front of the same origin, in interleaved rounds, each a process of
//! its own, so that noise of the machine meets all alike. `benches/load/run` builds and starts it.
//!
//! | module | owns |
//! |---|---|
//! | [`workload`] | what is asked: W0 to W10, and what the origins answer |
//! | [`origin`], [`made`] | the origins: answers made beforehand or as they are asked for, so that they are never the bottleneck |
//! | [`bare`] | the limits: a bare hyper proxy, a bare typed transform, the adapter without a gateway |
//! | [`bare_store`] | the limit of W9: SQLite and nothing else |
//! | [`rivals`] | nginx, HAProxy, Envoy and their configurations |
//! | [`gateway`] | Kakehashi, with everything on and with one feature off |
//! | [`process`] | starting, ending, processor time and memory of a process and its children |
//! | [`closed_loop`], [`open_loop`], [`wire`] | load |
//! | [`rounds`] | who is measured when |
//! | [`large_sources`] | W10: pages, counts and a walk over large sources |
//! | [`report`], [`plot`] | medians, spread and ratios as a table, JSON and SVG |
//! | [`footprint`] | memory and start-up |
//! | [`overload`] | what an honest consumer feels while others attack |

#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

mod bare;
mod bare_store;
mod closed_loop;
mod command_line;
mod contestant;
mod footprint;
mod gateway;
mod large_sources;
mod made;
mod open_loop;
mod origin;
mod overload;
mod plot;
mod process;
mod report;
mod rivals;
mod rounds;
mod statistics;
mod wire;
mod workload;

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;

use command_line::{CommandLine, Role};

/// The same allocator as the gateway's, so that the bare proxies are as fast as they can be.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// What can go wrong with the rig itself.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let line = CommandLine::parse();
    let outcome = match &line.role {
        Some(Role::Origin(origin)) => origin::serve(origin),
        Some(Role::Bare(bare)) => bare::serve(bare),
        Some(Role::Gateway(assembled)) => gateway::serve_assembled(assembled),
        None => process::end_all_on_signal().and_then(|()| match (line.footprint, line.overload) {
            (true, _) => footprint::measure(&line),
            (_, true) => overload::measure(&line),
            _ => rounds::run(&line),
        }),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            println!("failed: {failure}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a benchmark are far below 2^52")]
fn precise(count: u64) -> f64 {
    count as f64
}
