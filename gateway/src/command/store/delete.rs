//! `kakehashi store delete`

use std::collections::HashSet;

use clap::Args;
use futures::TryStreamExt;
use kakehashi_adapters::{Adapter, Yielded};
use kakehashi_config::ConfigOverrides;
use kakehashi_documents::vocabulary::compact_type;
use ngsi_ld::EntityId;

use super::partition::{Partition, call, ids_of};
use super::show::{not_there, parse_id};
use super::{Failure, Files, output, runtime};

/// Delete entities from a tenant's partition.
#[derive(Debug, Args)]
pub(in crate::command) struct Delete {
    #[command(flatten)]
    files: Files,
    /// The tenant whose partition is meant.
    #[arg(long)]
    tenant: String,
    /// All entities of this type, also those that have another type, too. Needs --yes.
    #[arg(long, conflicts_with = "ids", required_unless_present = "ids")]
    r#type: Option<String>,
    /// Do it: without it is only said how many entities of the type there are.
    #[arg(long, conflicts_with = "ids")]
    yes: bool,
    /// The ids of the entities.
    ids: Vec<String>,
}

impl Delete {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.files.load_to_look(&ConfigOverrides::default())?;
        let partition = Partition::of(&config, &self.tenant)?;
        let runtime = runtime()?;
        let deleted = match &self.r#type {
            Some(name) => runtime.block_on(self.of_type(&partition, name))?,
            None => runtime.block_on(self.named(&partition))?,
        };
        output::line(format_args!("{}: {deleted} deleted", partition.tenant));
        output::note(
            "note: a gateway that runs on this store tells subscribers of `entityDeleted` within some seconds",
        );
        Ok(())
    }

    async fn of_type(&self, partition: &Partition<'_>, name: &str) -> Result<u64, Failure> {
        let opened = partition.open_existing().await?;
        let (name, count) = partition.named_type(&opened, name).await?;
        if !self.yes {
            return Err(Failure::Other(format!(
                "{count} entities of type `{}` would be deleted from the partition of `{}`, for good: nothing was deleted; say \
                 --yes to delete them",
                compact_type(&name),
                partition.tenant
            )));
        }
        let found = opened.prepare(&ids_of(&name)).query(None, &call());
        let ids = found.try_filter_map(async |yielded| Ok(Yielded::entity(yielded).map(|entity| entity.id)));
        let ids = ids.try_collect::<Vec<EntityId>>().await;
        let ids = ids.map_err(|error| partition.failed(error))?;
        let deleted = opened.partition().delete_all(&ids).await;
        let deleted = deleted.map_err(|error| partition.failed(error))?;
        opened.partition().close().await;
        Ok(deleted)
    }

    /// Those that are named: all that are there, and then it is told which were not.
    async fn named(&self, partition: &Partition<'_>) -> Result<u64, Failure> {
        let ids = self.ids.iter().map(|id| parse_id(id));
        let mut ids: Vec<EntityId> = ids.collect::<Result<_, _>>()?;
        // What is named twice is there once.
        let mut named = HashSet::new();
        ids.retain(|id| named.insert(id.as_str().to_owned()));
        let opened = partition.open_existing().await?;
        let (mut deleted, mut missing) = (0, Vec::new());
        for id in &ids {
            let is_gone = opened.partition().delete(id).await;
            match is_gone.map_err(|error| partition.failed(error))? {
                true => deleted += 1,
                false => missing.push(id.as_str()),
            }
        }
        opened.partition().close().await;
        if deleted == 0 {
            return Err(not_there(partition, &missing.join(" and no ")));
        }
        for id in missing {
            output::note(format_args!("note: {id} was not there"));
        }
        Ok(deleted)
    }
}
