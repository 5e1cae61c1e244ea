//! `kakehashi store`: what a tenant's partition of the store holds, put there, looked at and taken out.

pub(super) mod backup;
mod check;
mod delete;
pub(super) mod entity_file;
mod history;
pub(super) mod keeping;
mod list;
mod load;
pub(super) mod partition;
mod restore;
mod show;

use clap::Subcommand;
use kakehashi_config::Config;
use ngsi_ld::Entity;

use super::{Failure, Files, output, runtime};
use partition::Partition;

/// Work on the prefecture's store.
#[derive(Debug, Subcommand)]
pub(super) enum Store {
    /// Load entities into a tenant's partition: each is created, or replaces the one of the same id. All or none.
    Load(load::Load),
    /// List what a tenant's partition holds: its types and how many entities of each, or the ids of one type.
    List(list::List),
    /// Print an entity of a tenant's partition as it rests there.
    Show(show::Show),
    /// Delete entities from a tenant's partition, by id or by type.
    Delete(delete::Delete),
    /// Make a backup of a tenant's partition: what may lie in a file of it, as all of it was at one moment.
    Backup(backup::Backup),
    /// Put a backup in the place of a tenant's partition, once the gateway is stopped.
    Restore(restore::Restore),
    /// Say whether a tenant's partition is whole.
    Check(check::Check),
    /// List what was done with whole partitions, by whom and when.
    History(history::History),
}

impl Store {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Load(load) => load.run(),
            Self::List(list) => list.run(),
            Self::Show(show) => show.run(),
            Self::Delete(delete) => delete.run(),
            Self::Backup(backup) => backup.run(),
            Self::Restore(restore) => restore.run(),
            Self::Check(check) => check.run(),
            Self::History(history) => history.run(),
        }
    }
}

/// Loads entities into a tenant's partition of the configured store; says what became of them.
pub(super) async fn load(config: &Config, tenant: &str, entities: Vec<Entity>) -> Result<String, Failure> {
    load::load(&Partition::of(config, tenant)?, entities).await
}
