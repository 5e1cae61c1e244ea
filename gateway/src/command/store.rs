//! `kakehashi store`

use std::any::Any;
use std::path::PathBuf;
use std::time::SystemTime;

use clap::Subcommand;
use kakehashi_adapters::store::{StoreOptions, StorePartition, StoreSource};
use kakehashi_config::{Config, ConfigOverrides};
use kakehashi_documents::vocabulary::compact_type;
use kakehashi_policy::{PersonalData, PlaceOfId};
use ngsi_ld::Entity;
use ngsi_ld::context::Context;
use ngsi_ld::entity::DateTime;
use ngsi_ld::entity::parse::parse_entities;

use super::{Failure, Files, output, runtime};

/// Work on the prefecture's store.
#[derive(Debug, Subcommand)]
pub(super) enum Store {
    /// Load entities into a tenant's partition: each is created, or replaces the one of the same id.
    Load {
        #[command(flatten)]
        files: Files,
        /// The tenant whose partition is meant.
        #[arg(long)]
        tenant: String,
        /// A JSON array of normalized NGSI-LD entities, with the short names of the gateway's own @context.
        file: PathBuf,
    },
}

impl Store {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self::Load { files, tenant, file } = self;
        let config = files.load(&ConfigOverrides::default())?;
        let json =
            std::fs::read(&file).map_err(|error| Failure::other(&format!("cannot read {}", file.display()), error))?;
        let entities = parse_entities(&json, Context::kakehashi()).map_err(|error| {
            Failure::other(
                &format!("{} holds no entities that can be loaded", file.display()),
                error,
            )
        })?;
        let loaded = runtime()?.block_on(load(&config, &tenant, entities))?;
        output::line(loaded);
        Ok(())
    }
}

/// Refuses an entity that would be hidden from those who may use its id: whoever may write the type that the id names
/// would find out that it is there. The entity is named by its place, because its id may be about a person.
fn check_ids(config: &Config, personal_data: PersonalData, entities: &[Entity]) -> Result<(), Failure> {
    for (entity, position) in entities.iter().zip(1_usize..) {
        if let PlaceOfId::GuardedInOthers(name) = config.policy.place_of_id(entity, personal_data) {
            let name = compact_type(&name);
            return Err(Failure::Other(format!(
                "nothing was loaded: the id of entity {position} lies in the namespace of `{name}`, and one of its types is hidden \
                 from some who may write `{name}`, so that they would find out that it is there; give it an id that \
                 names that type, as urn:ngsi-ld:<type>:... does"
            )));
        }
    }
    Ok(())
}

/// Loads entities into a tenant's partition of the configured store; says what became of them.
pub(super) async fn load(config: &Config, tenant: &str, entities: Vec<Entity>) -> Result<String, Failure> {
    let store = config.sources().find_map(|source| {
        let settings: &dyn Any = &*source.settings;
        let folder = settings.downcast_ref::<StoreSource>()?.folder();
        let is_there = source.owners().iter().any(|owner| owner.as_str() == tenant);
        is_there.then_some((folder, source.personal_data))
    });
    let (folder, personal_data) = store.ok_or_else(|| {
        Failure::Other(format!(
            "no store has a partition for the tenant `{tenant}`; see `partitions` in tenants.toml"
        ))
    })?;
    check_ids(config, personal_data, &entities)?;
    let failed = |error| Failure::other(&format!("the partition of `{tenant}`"), error);
    let partition = StorePartition::open(folder, tenant, StoreOptions::default())
        .await
        .map_err(failed)?;
    let loaded = partition
        .load(entities, DateTime::from_system_time(SystemTime::now()))
        .await
        .map_err(failed)?;
    partition.close().await;
    Ok(format!(
        "{tenant}: {} created, {} replaced",
        loaded.created, loaded.replaced
    ))
}
