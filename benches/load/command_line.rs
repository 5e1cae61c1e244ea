//! What the rig can be asked for.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::overload::Attack;
use crate::workload::Workload;

#[derive(Debug, Parser)]
#[command(name = "load", about = "Measures Kakehashi beside its rivals.")]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) role: Option<Role>,
    /// The gateway to measure.
    #[arg(long, default_value = "target/release/kakehashi")]
    pub(crate) kakehashi: PathBuf,
    /// What is asked; all of them by default. May be given several times.
    #[arg(long, value_enum, ignore_case = true)]
    pub(crate) workload: Vec<Workload>,
    /// Instead of the rivals: the gateway with each feature off in turn.
    #[arg(long)]
    pub(crate) features: bool,
    /// Instead of load: start-up, memory at rest, memory while a large answer passes.
    #[arg(long)]
    pub(crate) footprint: bool,
    /// Instead of load: what an honest consumer feels while others attack, and the memory that is held then.
    #[arg(long)]
    pub(crate) overload: bool,
    /// With `--overload`: which attacks; all of them by default. May be given several times.
    #[arg(long, value_enum, requires = "overload")]
    pub(crate) attack: Vec<Attack>,
    /// Another gateway, to be measured in turn with the first: the one before a change. The rivals are left out.
    #[arg(long, conflicts_with_all = ["features", "footprint", "overload"])]
    pub(crate) against: Option<PathBuf>,
    /// Rounds for each contestant.
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: usize,
    /// Seconds a round.
    #[arg(long, default_value_t = 3)]
    pub(crate) seconds: u64,
    /// Connections at once, where throughput is measured.
    #[arg(long, default_value_t = 64)]
    pub(crate) connections: usize,
    /// Where the JSON and the plot go.
    #[arg(long, default_value = "target/load")]
    pub(crate) out: PathBuf,
}

/// Parts of the rig that run as processes of their own.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// An origin.
    Origin(OriginRole),
    /// One of the limits.
    Bare(BareRole),
    /// The gateway, put together without one feature.
    Gateway(GatewayRole),
}

#[derive(Debug, Args)]
pub(crate) struct OriginRole {
    /// For which workload.
    #[arg(long, value_enum, ignore_case = true)]
    pub(crate) workload: Workload,
    /// Which of several it is, where each has entities of its own.
    #[arg(long, default_value_t = 1)]
    pub(crate) number: usize,
}

#[derive(Debug, Args)]
pub(crate) struct BareRole {
    /// Which limit.
    #[arg(long, value_enum)]
    pub(crate) kind: BareKind,
    /// For which workload.
    #[arg(long, value_enum, ignore_case = true)]
    pub(crate) workload: Workload,
    /// The origin's address, if it has one.
    #[arg(long, default_value = "")]
    pub(crate) origin: String,
}

/// What there is to compare with beside products.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BareKind {
    /// A proxy that passes every byte through.
    Proxy,
    /// A proxy that translates with the typed transform, and does nothing else.
    Transform,
    /// The gateway's own adapter and renderer without a gateway: everything off.
    Adapter,
    /// A page of entities that rest in SQLite as the JSON that is answered, and nothing else.
    Store,
}

#[derive(Debug, Args)]
pub(crate) struct GatewayRole {
    #[arg(long)]
    pub(crate) config: PathBuf,
    #[arg(long)]
    pub(crate) policies: PathBuf,
    /// What is left out.
    #[arg(long, value_enum)]
    pub(crate) without: Feature,
}

/// What can be off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Feature {
    /// No credential is presented: the anonymous consumer reads.
    Authentication,
    /// One permit of everything, nothing classified, a source without personal data: the least there can be.
    Policy,
    /// No layer that limits consumers.
    Limits,
    /// No log line and no span.
    Tracing,
    /// No instrument.
    Metrics,
    /// All of these at once.
    Every,
}
