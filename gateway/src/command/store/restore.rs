//! `kakehashi store restore`

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use kakehashi_adapters::store::{PartitionCopy, Stamp};
use kakehashi_config::ConfigOverrides;
use kakehashi_documents::vocabulary::compact_type;
use ngsi_ld::{Iri, TypeName};

use super::partition::Partition;
use super::{Failure, Files, output, runtime};
use crate::command::acts::Act;

/// Names that are told of what would be gone, and of what was left out. More are counted.
const MOST_TOLD: usize = 20;

/// Put a backup in the place of a tenant's partition. Nobody else may have it open: the gateway is stopped before.
#[derive(Debug, Args)]
pub(in crate::command) struct Restore {
    #[command(flatten)]
    files: Files,
    /// The tenant whose partition is meant.
    #[arg(long)]
    tenant: String,
    /// Do it: without it is only said whether the backup is whole, what it has, and what would be gone.
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
        let copy = PartitionCopy::open(&self.tenant, &self.file).map_err(|error| refused(&error))?;
        tell_what_is_missing(&copy, &partition);
        let Stamp { made_at, entities, .. } = copy.stamp();
        if !self.yes {
            return Err(Failure::Other(format!(
                "{shown} is a whole backup of the partition of `{}`, of {made_at}, with {entities} entities, which would take \
                 the place of all that is there: nothing was restored; say --yes to do it",
                self.tenant
            )));
        }
        let runtime = runtime()?;
        let act = runtime.block_on(Act::begin(&config, "restore", &self.tenant, &shown))?;
        let restored = runtime.block_on(async {
            // Beside the partition: on the same disk, and where nobody else looks.
            std::fs::create_dir_all(partition.folder())?;
            let apart = tempfile::Builder::new()
                .prefix(".kakehashi-restore-")
                .tempdir_in(partition.folder())?;
            Ok(copy.restore(partition.folder(), apart.path()).await)
        });
        let restored = match restored {
            Ok(restored) => restored.map_err(|error| refused(&error)),
            Err(error) => Err(refused(&std::io::Error::to_string(&error))),
        };
        let told = |stamp: &Stamp| format!("{} entities, as of {}", stamp.entities, stamp.made_at);
        let stamp = runtime.block_on(act.end_with(restored, told))?;
        output::line(format_args!(
            "{}: {} entities, as they were at {}",
            self.tenant, stamp.entities, stamp.made_at
        ));
        Ok(())
    }
}

/// Says what is there now and not in the backup, and what was left out of the backup.
fn tell_what_is_missing(copy: &PartitionCopy, partition: &Partition<'_>) {
    match copy.missing(partition.folder()) {
        Ok(missing) => {
            let named = |types: &Vec<String>| {
                let names = types
                    .iter()
                    .map(|name| compact_type(&TypeName::new(Iri::new(name.as_str()))));
                names.collect::<Vec<_>>().join("+")
            };
            let missing: BTreeMap<String, u64> = missing.iter().map(|(types, count)| (named(types), *count)).collect();
            tell(&missing, |name, count| {
                format!(
                    "note: {count} entities of {name} are there now that the backup does not hold: a restore deletes them"
                )
            });
        }
        // What is damaged is what is restored most.
        Err(error) => output::note(format_args!(
            "note: what is there now cannot be read, so that nobody can say what of it the backup does not hold: {error}"
        )),
    }
    tell(&copy.stamp().left_out, |name, count| {
        format!("note: was left out of the backup {count} times, and does not come back: {name}")
    });
}

fn tell(names: &BTreeMap<String, u64>, text: impl Fn(&str, u64) -> String) {
    for (name, count) in names.iter().take(MOST_TOLD) {
        output::note(text(name, *count));
    }
    let more = names.len().saturating_sub(MOST_TOLD);
    if more > 0 {
        output::note(format_args!("note: and {more} more names"));
    }
}
