//! `kakehashi store check`

use clap::Args;
use kakehashi_adapters::store::StorePartition;
use kakehashi_config::ConfigOverrides;

use super::partition::Partition;
use super::{Failure, Files, output};

/// Say whether a tenant's partition is whole, while the gateway runs or not.
#[derive(Debug, Args)]
pub(in crate::command) struct Check {
    #[command(flatten)]
    files: Files,
    /// The tenant whose partition is meant.
    #[arg(long)]
    tenant: String,
}

impl Check {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.files.load_to_look(&ConfigOverrides::default())?;
        let partition = Partition::of(&config, &self.tenant)?;
        partition.is_there()?;
        let faults =
            StorePartition::check(partition.folder(), &self.tenant).map_err(|error| partition.failed(error))?;
        if faults.is_empty() {
            output::line(format_args!("{}: the partition is whole", self.tenant));
            return Ok(());
        }
        for fault in &faults {
            output::note(format_args!("{}: {fault}", self.tenant));
        }
        Err(Failure::Other(format!(
            "the partition of `{}` is damaged: stop the gateway, keep a copy of the file, and put a backup in its place with \
             `kakehashi store restore`",
            self.tenant
        )))
    }
}
