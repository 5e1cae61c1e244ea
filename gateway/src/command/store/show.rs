//! `kakehashi store show`

use clap::Args;
use kakehashi_adapters::{Adapter, SourceQuery, Yielded};
use kakehashi_config::ConfigOverrides;
use ngsi_ld::EntityId;
use ngsi_ld::context::Context;
use ngsi_ld::entity::render::{Format, Rendering, render_entity};

use super::partition::{Partition, call};
use super::{Failure, Files, output, runtime};

/// Print an entity of a tenant's partition as it rests there, whatever consumers may see of it: normalized, with its dates.
#[derive(Debug, Args)]
pub(in crate::command) struct Show {
    #[command(flatten)]
    files: Files,
    /// The tenant whose partition is meant.
    #[arg(long)]
    tenant: String,
    /// The id of the entity.
    id: String,
}

impl Show {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.files.load_to_look(&ConfigOverrides::default())?;
        let partition = Partition::of(&config, &self.tenant)?;
        let id = parse_id(&self.id)?;
        let found = runtime()?.block_on(find(&partition, id))?;
        let Some(Yielded::Entity(entity)) = found else {
            return Err(not_there(&partition, &self.id));
        };
        let rendering = Rendering {
            system_attributes: true,
            ..Rendering::new(Context::kakehashi(), Format::Normalized)
        };
        let mut json = Vec::new();
        render_entity(&rendering, &entity, &mut json);
        output::data(String::from_utf8_lossy(&json));
        Ok(())
    }
}

async fn find(partition: &Partition<'_>, id: EntityId) -> Result<Option<Yielded>, Failure> {
    let opened = partition.open_existing().await?;
    let held = partition.held_types(&opened).await?;
    let query = SourceQuery {
        ids: vec![id],
        system_attributes: true,
        ..SourceQuery::of_types(held.into_iter().map(|(_, name)| name).collect())
    };
    let found = match query.types.is_empty() {
        true => None,
        false => {
            let found = opened.prepare(&query).retrieve(&call()).await;
            found.map_err(|error| partition.failed(error))?
        }
    };
    opened.partition().close().await;
    Ok(found)
}

/// An id as it is written.
pub(super) fn parse_id(text: &str) -> Result<EntityId, Failure> {
    EntityId::parse(text).map_err(|error| Failure::Other(format!("`{text}` is no id of an entity: {error}")))
}

/// What is told of ids that are not there.
pub(super) fn not_there(partition: &Partition<'_>, ids: &str) -> Failure {
    Failure::Other(format!(
        "the partition of `{0}` holds no {ids}; `kakehashi store list --tenant {0} --type TYPE` lists what it holds",
        partition.tenant
    ))
}
