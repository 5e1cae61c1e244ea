//! `kakehashi store list`

use clap::Args;
use futures::TryStreamExt;
use kakehashi_adapters::{Adapter, Page};
use kakehashi_config::ConfigOverrides;
use kakehashi_documents::vocabulary::compact_type;
use serde_json::json;

use super::partition::{Partition, call, ids_of};
use super::{Failure, Files, output, runtime};

/// List what a tenant's partition holds.
#[derive(Debug, Args)]
pub(in crate::command) struct List {
    #[command(flatten)]
    files: Files,
    /// The tenant whose partition is meant.
    #[arg(long)]
    tenant: String,
    /// The ids of this type, instead of the types.
    #[arg(long)]
    r#type: Option<String>,
    /// At most so many ids.
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// After skipping so many ids.
    #[arg(long, default_value_t = 0)]
    offset: usize,
    /// For machines.
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.files.load_to_look(&ConfigOverrides::default())?;
        let partition = Partition::of(&config, &self.tenant)?;
        let runtime = runtime()?;
        match &self.r#type {
            None => runtime.block_on(self.types(&partition)),
            Some(name) => runtime.block_on(self.ids(&partition, name)),
        }
    }

    async fn types(&self, partition: &Partition<'_>) -> Result<(), Failure> {
        let opened = partition.open_existing().await?;
        let mut counted = Vec::new();
        for (shown, name) in partition.held_types(&opened).await? {
            counted.push((shown, partition.count(&opened, &name).await?));
        }
        opened.partition().close().await;
        if self.json {
            let types = counted
                .iter()
                .map(|(name, count)| json!({ "type": name, "count": count }));
            let types: Vec<_> = types.collect();
            return output::json(&json!({ "tenant": partition.tenant, "types": types }));
        }
        if counted.is_empty() {
            output::note(format_args!("the partition of `{}` is empty", partition.tenant));
        }
        for (name, count) in counted {
            output::line(format_args!("{count:>8}  {name}"));
        }
        Ok(())
    }

    async fn ids(&self, partition: &Partition<'_>, name: &str) -> Result<(), Failure> {
        let opened = partition.open_existing().await?;
        let (name, count) = partition.named_type(&opened, name).await?;
        let page = Page {
            limit: self.limit,
            offset: self.offset,
        };
        let found = opened.prepare(&ids_of(&name)).query(Some(page), &call());
        let found = found.try_collect::<Vec<_>>().await;
        let found = found.map_err(|error| partition.failed(error))?;
        opened.partition().close().await;
        let ids = found.into_iter().filter_map(kakehashi_adapters::Yielded::entity);
        let ids: Vec<String> = ids.map(|entity| entity.id.as_str().to_owned()).collect();
        if self.json {
            return output::json(&json!({
                "tenant": partition.tenant,
                "type": compact_type(&name),
                "count": count,
                "offset": self.offset,
                "ids": ids,
            }));
        }
        let next = self.offset.saturating_add(ids.len());
        for id in &ids {
            output::data(id);
        }
        if !ids.is_empty() && u64::try_from(next).unwrap_or(u64::MAX) < count {
            output::note(format_args!("{} of {count}; --offset {next} goes on", ids.len()));
        }
        Ok(())
    }
}
