//! The command line. Exit codes: 0 well, 1 refused or failed, 2 wrong usage. Errors go to standard error,
//! what was asked for to standard output.

mod acts;
mod admin_api;
mod check;
mod consumer_api;
mod demo;
mod demo_files;
mod diff;
mod explain;
mod explain_config;
mod export;
mod get;
mod help;
mod import;
mod key;
mod key_file;
mod keys_again;
mod mapping;
mod output;
mod policy;
mod serve;
mod store;
mod table;
mod undo;
mod who_can_see;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use kakehashi_config::{Config, ConfigOverrides, Environment};
use kakehashi_core::diagnostics::Diagnostics;
use kakehashi_reload::ConfigFiles;
use kakehashi_telemetry::{flush_log, tell_panics_without_their_text};

/// Kakehashi (架け橋): one NGSI-LD address for the data of a prefecture and its municipalities.
#[derive(Debug, Parser)]
#[command(name = "kakehashi", version, about)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway on the configured sources.
    Serve(serve::Serve),
    /// Run the gateway with stand-ins for Sano, Nasushiobara and the prefecture's store, on loopback.
    Demo(demo::Demo),
    /// Say whether a configuration would load, and why not.
    Check(check::Check),
    /// Print what would become of a request, and why; no source is contacted.
    Explain(explain::Explain),
    /// Print who sees a type of a tenant's, or an attribute of it, by which permits, or why nobody does.
    WhoCanSee(who_can_see::WhoCanSee),
    /// Print who gains and who loses what between two configurations.
    Diff(diff::Diff),
    /// Take back the latest change of the configuration of a gateway that runs.
    ///
    /// It says what it switches back to and what differs, and does it. Once more takes that back. The environment variable
    /// KAKEHASHI_ADMIN_KEY says who asks (the key of an administrator), or KAKEHASHI_ADMIN_TOKEN (a token).
    Undo(undo::Undo),
    /// Work on the policies.
    #[command(subcommand)]
    Policy(policy::Policy),
    /// Print every key of tenants.toml with the value in effect and where it comes from.
    ExplainConfig(explain_config::ExplainConfig),
    /// Make, list and revoke API keys.
    #[command(subcommand)]
    Key(key::Key),
    /// Work on mappings of custom platforms.
    #[command(subcommand)]
    Mapping(mapping::Mapping),
    /// Ask a gateway that runs for entities, as a consumer, and show them as a table, JSON, GeoJSON or CSV.
    Get(get::Get),
    /// Import very many entities from files into a tenant's partition of the store.
    ///
    /// What may not rest there is refused record by record, and the rest is written. What is as it was is not written again, and
    /// told to nobody.
    Import(import::Import),
    /// Export what a tenant's partition of the store holds into a file: all of class open and limited, or what one consumer
    /// may see.
    Export(export::Export),
    /// Work on the prefecture's store.
    #[command(subcommand)]
    Store(store::Store),
}

/// Where the configuration is.
#[derive(Debug, Args)]
struct Files {
    /// The tenants, sources and consumers.
    #[arg(long, default_value = "tenants.toml")]
    config: PathBuf,
    /// The folder of policies and classification.
    #[arg(long, default_value = "policies/")]
    policies: PathBuf,
}

impl Files {
    /// The files, to be read more than once.
    fn config_files(&self, overrides: ConfigOverrides) -> ConfigFiles {
        ConfigFiles::new(&self.config, &self.policies, overrides)
    }

    fn load(&self, overrides: &ConfigOverrides) -> Result<Config, Failure> {
        Config::load_with(&self.config, &self.policies, &Environment::of_process(), overrides)
            .map_err(Failure::Configuration)
    }
}

impl Files {
    /// The revision for whoever only looks at it: where a secret is missing it is done without.
    fn load_to_look(&self, overrides: &ConfigOverrides) -> Result<Config, Failure> {
        let environment = Environment::of_process().only_to_look();
        Config::load_with(&self.config, &self.policies, &environment, overrides).map_err(Failure::Configuration)
    }
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The configuration is refused; the diagnostics say why.
    #[error("{0}")]
    Configuration(Diagnostics),
    /// Anything else, in one sentence.
    #[error("{0}")]
    Other(String),
    /// Several things, each in one sentence.
    #[error("{}", .0.join("; "))]
    Several(Vec<String>),
}

impl Failure {
    fn other(what: &str, error: impl std::fmt::Display) -> Self {
        Self::Other(format!("{what}: {error}"))
    }
}

/// Runs the command that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    tell_panics_without_their_text();
    let outcome = match command_line().command {
        Command::Serve(serve) => serve.run(),
        Command::Demo(demo) => demo.run(),
        Command::Check(check) => check.run(),
        Command::Explain(explain) => explain.run(),
        Command::WhoCanSee(who_can_see) => who_can_see.run(),
        Command::Diff(diff) => diff.run(),
        Command::Undo(undo) => undo.run(),
        Command::Policy(policy) => policy.run(),
        Command::ExplainConfig(explain) => explain.run(),
        Command::Key(key) => key.run(),
        Command::Mapping(mapping) => mapping.run(),
        Command::Get(get) => get.run(),
        Command::Import(import) => import.run(),
        Command::Export(export) => export.run(),
        Command::Store(store) => store.run(),
    };
    flush_log();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::error(&failure);
            ExitCode::FAILURE
        }
    }
}

/// What the process was started with. Wrong usage, and questions for help, end it.
fn command_line() -> CommandLine {
    let command = help::in_language(CommandLine::command(), output::language());
    let matches = command.try_get_matches();
    let read = matches.and_then(|matches| CommandLine::from_arg_matches(&matches));
    read.unwrap_or_else(|error| {
        if output::wrong_usage(&error) {
            std::process::exit(error.exit_code());
        }
        error.exit()
    })
}

/// A runtime for the commands that talk to something.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::other("cannot start the asynchronous runtime", error))
}
