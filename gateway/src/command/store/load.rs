//! `kakehashi store load`

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use kakehashi_adapters::store::Loaded;
use kakehashi_config::{ConfigOverrides, today_in_japan};
use kakehashi_documents::vocabulary::compact_type;
use kakehashi_explain::unseen::{Named, unseen};
use kakehashi_policy::PlaceOfId;
use kakehashi_subscriptions::MOST_OF_A_LOAD;
use ngsi_ld::Entity;
use ngsi_ld::entity::DateTime;

use super::entity_file::{Faults, Stands, read};
use super::partition::Partition;
use super::{Failure, Files, output, runtime};

/// Largest file, in MiB: it is held in memory with all entities of it, which take several times its size. It is five times a
/// hundred thousand facilities.
const MOST_MIB: u64 = 256;

/// Names that nobody sees of which whoever loads is told. More are counted.
const MOST_UNSEEN: usize = 20;

/// Load entities into a tenant's partition.
#[derive(Debug, Args)]
pub(in crate::command) struct Load {
    #[command(flatten)]
    files: Files,
    /// The tenant whose partition is meant.
    #[arg(long)]
    tenant: String,
    /// A JSON array of normalized NGSI-LD entities, with the short names of the gateway's own @context where they bring none.
    file: PathBuf,
}

impl Load {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.files.load_to_look(&ConfigOverrides::default())?;
        let partition = Partition::of(&config, &self.tenant)?;
        let file = self.file.display();
        let json = read_bounded(&self.file)?;
        let mut faults = Faults::default();
        let entities = read(&json, &config.gateway.public_url, &mut faults)
            .map_err(|error| Failure::other(&format!("{file} holds no entities that can be loaded"), error))?;
        check_ids(
            &partition,
            entities.iter().map(|(stands, entity)| (*stands, entity)),
            &mut faults,
        );
        if !faults.is_empty() {
            return Err(Failure::Other(format!("{file}: {faults}")));
        }
        let entities: Vec<Entity> = entities.into_iter().map(|(_, entity)| entity).collect();
        let (named, count) = (named(&entities), entities.len());
        let loaded = runtime()?.block_on(put(&partition, entities))?;
        output::line(loaded);
        tell_unseen(&partition, &named);
        tell_of_subscribers(count);
        Ok(())
    }
}

/// Reads a file, or as much of what is none, a pipe or a device, as a file may hold.
fn read_bounded(path: &Path) -> Result<Vec<u8>, Failure> {
    let file = path.display();
    let failed = |error| Failure::other(&format!("cannot read {file}"), error);
    let most = MOST_MIB * 1024 * 1024;
    let opened = File::open(path).map_err(failed)?;
    let mut size = opened.metadata().map_err(failed)?.len();
    let mut json = Vec::new();
    if size <= most {
        opened.take(most + 1).read_to_end(&mut json).map_err(failed)?;
        size = u64::try_from(json.len()).unwrap_or(u64::MAX);
    }
    match size > most {
        true => Err(Failure::Other(format!(
            "nothing was loaded: {file} holds more than {MOST_MIB} MiB, and is held in memory as a whole; load it in portions, \
             each of them a JSON array"
        ))),
        false => Ok(json),
    }
}

/// Loads entities that stand in no file of somebody's; says what became of them.
pub(super) async fn load(partition: &Partition<'_>, entities: Vec<Entity>) -> Result<String, Failure> {
    let mut faults = Faults::default();
    let places = (1_usize..).map(|position| Stands { position, line: 1 });
    check_ids(partition, places.zip(&entities), &mut faults);
    match faults.is_empty() {
        true => put(partition, entities).await,
        false => Err(Failure::Other(faults.to_string())),
    }
}

/// Finds entities that would be hidden from those who may use their ids: whoever may write the type that the id names would
/// find out that it is there.
fn check_ids<'a>(partition: &Partition<'_>, entities: impl Iterator<Item = (Stands, &'a Entity)>, faults: &mut Faults) {
    for (stands, entity) in entities {
        let place = partition.config.policy.place_of_id(entity, partition.personal_data);
        if let PlaceOfId::GuardedInOthers(name) = place {
            let name = compact_type(&name);
            faults.add(format!(
                "the id of {stands} lies in the namespace of `{name}`, and one of its types is hidden from some who may \
                 write `{name}`, so that they would find out that it is there; give it an id that names that type, as \
                 urn:ngsi-ld:<type>:... does"
            ));
        }
    }
}

async fn put(partition: &Partition<'_>, entities: Vec<Entity>) -> Result<String, Failure> {
    let opened = partition.open_for_loads().await?;
    let now = DateTime::from_system_time(SystemTime::now());
    let loaded = opened
        .load(entities, now)
        .await
        .map_err(|error| partition.failed(error))?;
    opened.close().await;
    let Loaded {
        created,
        replaced,
        unchanged,
    } = loaded;
    Ok(match unchanged {
        0 => format!("{}: {created} created, {replaced} replaced", partition.tenant),
        _ => format!(
            "{}: {created} created, {replaced} replaced, {unchanged} unchanged",
            partition.tenant
        ),
    })
}

/// The types and attributes of entities.
fn named(entities: &[Entity]) -> Named {
    let mut named = Named::new();
    for entity in entities {
        let attributes = entity.attributes.iter().map(|attribute| attribute.name.clone());
        let own: &mut BTreeSet<_> = named.entry(entity.types.to_vec()).or_default();
        own.extend(attributes);
    }
    named
}

/// Says what of it no consumer sees: without that, an empty list is all that anybody finds.
fn tell_unseen(partition: &Partition<'_>, named: &Named) {
    let unseen = unseen(
        partition.config,
        partition.tenant,
        partition.personal_data,
        named,
        today_in_japan(),
    );
    for one in unseen.iter().take(MOST_UNSEEN) {
        output::note(format_args!("note: nobody sees {}: {}", one.what, one.why));
    }
    let more = unseen.len().saturating_sub(MOST_UNSEEN);
    if more > 0 {
        output::note(format_args!(
            "note: nobody sees {more} more; `kakehashi who-can-see` says of each why"
        ));
    }
}

fn tell_of_subscribers(count: usize) {
    if u64::try_from(count).unwrap_or(u64::MAX) > MOST_OF_A_LOAD {
        output::note(format_args!(
            "note: subscribers are told nothing of a load of more than {MOST_OF_A_LOAD} entities; load it in portions of that size \
             where they are to be told"
        ));
    } else if count > 0 {
        output::note("note: a gateway that runs on this store tells its subscribers within some seconds");
    }
}
