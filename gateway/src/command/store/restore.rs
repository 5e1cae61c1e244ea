//! `kakehashi store restore`

use std::path::PathBuf;

use clap::Args;
use kakehashi_adapters::store::{Stamp, StorePartition};
use kakehashi_config::ConfigOverrides;

use super::partition::Partition;
use super::{Failure, Files, output, runtime};
use crate::command::acts::Act;

/// Put a backup in the place of a tenant's partition. Nobody else may have it open: the gateway is stopped before.
#[derive(Debug, Args)]
pub(in crate::command) struct Restore {
    #[command(flatten)]
    files: Files,
    /// The tenant whose partition is meant.
    #[arg(long)]
    tenant: String,
    /// Do it: without it is only said whether the backup is whole, and what it has.
    #[arg(long)]
    yes: bool,
    /// A file that `kakehashi store backup` has made of this tenant's partition.
    file: PathBuf,
}

impl Restore {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.files.load_to_look(&ConfigOverrides::default())?;
        let partition = Partition::of(&config, &self.tenant)?;
        let shown = self.file.display().to_string();
        let refused = |why: &dyn std::fmt::Display| Failure::Other(format!("nothing was restored: {shown}: {why}"));
        let examined = StorePartition::examine_copy(&self.tenant, &self.file).map_err(|error| refused(&error))?;
        let Stamp { made_at, entities, .. } = &examined;
        if !self.yes {
            return Err(Failure::Other(format!(
                "{shown} is a whole backup of the partition of `{}`, of {made_at}, with {entities} entities, which would take \
                 the place of all that is there: nothing was restored; say --yes to do it",
                self.tenant
            )));
        }
        let runtime = runtime()?;
        let act = runtime.block_on(Act::begin(&config, "restore", &self.tenant, &shown))?;
        let restored = StorePartition::restore(partition.folder(), &self.tenant, &self.file);
        let restored = restored.map_err(|error| refused(&error));
        let told = |stamp: &Stamp| format!("{} entities, as of {}", stamp.entities, stamp.made_at);
        let stamp = runtime.block_on(act.end_with(restored, told))?;
        output::line(format_args!(
            "{}: {} entities, as they were at {}",
            self.tenant, stamp.entities, stamp.made_at
        ));
        Ok(())
    }
}
