//! `kakehashi store backup`

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use clap::Args;
use futures::{StreamExt as _, TryStreamExt as _};
use kakehashi_adapters::Call;
use kakehashi_adapters::store::{StoreOptions, StorePartition};
use kakehashi_config::ConfigOverrides;
use ngsi_ld::Entity;
use ngsi_ld::entity::DateTime;

use super::keeping::Keeping;
use super::partition::Partition;
use super::{Failure, Files, output, runtime};
use crate::command::acts::Act;

/// Entities that are written together.
const AT_ONCE: usize = 1_000;

/// How long it may take: a partition with millions of entities takes minutes.
pub(in crate::command) const LONGEST: Duration = Duration::from_secs(6 * 3600);

/// Who may read a file that is made of a partition: its owner.
pub(in crate::command) const OWNER_ALONE: u32 = 0o600;

/// Make a backup of a tenant's partition, while the gateway runs or not.
#[derive(Debug, Args)]
pub(in crate::command) struct Backup {
    #[command(flatten)]
    files: Files,
    /// The tenant whose partition is meant.
    #[arg(long)]
    tenant: String,
    /// The file to be made. It must not be there.
    file: PathBuf,
}

impl Backup {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.files.load_to_look(&ConfigOverrides::default())?;
        let partition = Partition::of(&config, &self.tenant)?;
        let runtime = runtime()?;
        let source = partition.registered(&runtime)?;
        let mut keeping = Keeping::of(config.policy.classification(), &source);
        runtime.block_on(async {
            let shown = self.file.display().to_string();
            // A link to nothing stands there, too.
            if self.file.symlink_metadata().is_ok() {
                return Err(Failure::Other(format!(
                    "{shown} is there already: name another file, or move it away; nothing was made"
                )));
            }
            let opened = partition.open_existing().await?;
            let act = Act::begin(&config, "backup", &self.tenant, &shown).await?;
            let made = self.make(&partition, opened.partition(), &mut keeping).await;
            opened.partition().close().await;
            let left_out = keeping.count();
            let count = act.end_with(made, |count| told(*count, left_out)).await?;
            output::line(format_args!("{}: {shown} has {count} entities", self.tenant));
            keeping.tell();
            Ok(())
        })
    }

    /// A partition of its own is made, in a folder that nobody else may enter, and moved to its place once it is whole.
    async fn make(
        &self,
        partition: &Partition<'_>,
        opened: &StorePartition,
        keeping: &mut Keeping<'_>,
    ) -> Result<u64, Failure> {
        let shown = self.file.display().to_string();
        let failed = |error: &dyn std::fmt::Display| Failure::other(&format!("cannot make {shown}"), error);
        let beside = self.file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = tempfile::Builder::new()
            .prefix(".kakehashi-backup-")
            .tempdir_in(beside.unwrap_or(Path::new(".")))
            .map_err(|error| failed(&error))?;
        let tenant = self.tenant.as_str();
        let copy = StorePartition::open(folder.path(), tenant, StoreOptions::for_loads()).await;
        let copy = copy.map_err(|error| failed(&error))?;
        let now = DateTime::from_system_time(SystemTime::now());
        let copied = copy_all(opened, &copy, keeping, &now).await;
        copy.close().await;
        let made = copy.file().to_owned();
        copied.map_err(|error| partition.failed(error))?;
        let stamp = StorePartition::stamp_copy(&made, tenant, now.as_str(), keeping.left_out());
        let stamp = stamp.map_err(|error| failed(&error))?;
        fs::set_permissions(&made, Permissions::from_mode(OWNER_ALONE)).map_err(|error| failed(&error))?;
        let written = File::open(&made).and_then(|file| file.sync_all());
        written.map_err(|error| failed(&error))?;
        // It takes nobody's place: somebody may have made one of that name meanwhile.
        fs::hard_link(&made, &self.file)
            .or_else(|error| match error.kind() {
                // Some file systems have no second names.
                std::io::ErrorKind::Unsupported | std::io::ErrorKind::PermissionDenied if !self.file.exists() => {
                    fs::rename(&made, &self.file)
                }
                _ => Err(error),
            })
            .map_err(|error| failed(&error))?;
        Ok(stamp.entities)
    }
}

fn told(count: u64, left_out: u64) -> String {
    format!("{count} entities, {left_out} left out")
}

/// All as they were at one moment.
async fn copy_all(
    from: &StorePartition,
    to: &StorePartition,
    keeping: &mut Keeping<'_>,
    now: &DateTime,
) -> Result<(), kakehashi_adapters::store::StoreError> {
    let everything = from.everything(Call::until(Instant::now() + LONGEST));
    let mut some = std::pin::pin!(everything.try_chunks(AT_ONCE));
    while let Some(entities) = some.next().await {
        let entities = entities.map_err(|error| error.1)?;
        let kept: Vec<Entity> = entities.into_iter().filter_map(|entity| keeping.kept(entity)).collect();
        to.copy_in(&kept, now).await?;
    }
    Ok(())
}
