//! Copies of a partition: backups, putting one back, and whether a partition is whole. They are made and used by somebody's
//! command alone, and hold what the one who makes them lets through: this knows no classes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use futures::Stream;
use kakehashi_contract::Call;
use ngsi_ld::Entity;
use ngsi_ld::entity::DateTime;

use super::StoreError;
use super::backend::sql::everything;
use super::backend::sqlite::{self, CopyFile, Stamp};
use super::body::Wanted;
use super::error::NotRestored;
use super::partition::{StoreOptions, StorePartition, file_of};
use super::read::{Reads, all};

/// Entities of a copy that are written together.
const AT_ONCE: usize = 1_000;

/// A backup that was looked through: it is whole, and of the tenant that is named.
#[derive(Debug)]
pub struct PartitionCopy {
    file: CopyFile,
    tenant: String,
}

impl PartitionCopy {
    /// Looks through a copy: whose it is, and that it is whole.
    ///
    /// # Errors
    /// [`NotRestored`]
    pub fn open(tenant: &str, file: &Path) -> Result<Self, NotRestored> {
        Ok(Self {
            file: CopyFile::open(file, tenant)?,
            tenant: tenant.to_owned(),
        })
    }

    /// What it says of itself.
    #[must_use]
    pub const fn stamp(&self) -> &Stamp {
        self.file.stamp()
    }

    /// How many entities of the tenant's partition, which may be in use, are not in the copy, by their types.
    ///
    /// # Errors
    /// [`StoreError`] where the partition cannot be looked through.
    pub fn missing(&self, folder: &Path) -> Result<BTreeMap<Vec<String>, u64>, StoreError> {
        let file = file_of(folder, &self.tenant)?;
        match file.exists() {
            true => sqlite::missing_in_copy(&file, &self.file).map_err(StoreError::Row),
            false => Ok(BTreeMap::new()),
        }
    }

    /// Puts what it has in the place of the tenant's partition, which nobody has open: its entities are written into a partition
    /// that is made in a folder of its own, `apart`, and that takes the place.
    ///
    /// # Errors
    /// [`NotRestored`]; then the partition is as it was.
    pub async fn restore(self, folder: &Path, apart: &Path) -> Result<Stamp, NotRestored> {
        let unwritten = |error: StoreError| NotRestored::Unwritten(error.to_string());
        let file = file_of(folder, &self.tenant).map_err(unwritten)?;
        // Said before the work and not behind it; whoever comes meanwhile is found when it is replaced.
        sqlite::is_free(&file)?;
        let made = StorePartition::open(apart, &self.tenant, StoreOptions::for_loads()).await;
        let made = made.map_err(unwritten)?;
        let now = DateTime::from_system_time(SystemTime::now());
        let mut last = i64::MIN;
        loop {
            let (upto, entities) = self.file.entities_behind(last, AT_ONCE)?;
            if entities.is_empty() {
                break;
            }
            last = upto;
            made.copy_in(&entities, &now).await.map_err(unwritten)?;
        }
        made.close().await;
        sqlite::replace(&file, made.file())?;
        Ok(self.stamp().clone())
    }
}

impl StorePartition {
    /// Every entity, with its dates, as all of them were at one moment.
    pub fn everything(&self, call: Call) -> impl Stream<Item = Result<Entity, StoreError>> + Send + 'static {
        let statement = everything().finish(self.dialect());
        let reads: Reads = Box::new(move |selecting, names, take| selecting.look_through(&statement, names, take));
        all(self.clone(), reads, Arc::new(Wanted::EVERYTHING), call)
    }

    /// Ends a copy that was made in a folder of its own and is closed: it says from then on whose it is, that it is whole, and what
    /// was left out of it.
    ///
    /// # Errors
    /// [`StoreError::Row`]
    pub fn stamp_copy(
        file: &Path,
        tenant: &str,
        made_at: &str,
        left_out: &BTreeMap<String, u64>,
    ) -> Result<Stamp, StoreError> {
        sqlite::stamp(file, tenant, made_at, left_out).map_err(StoreError::Row)
    }

    /// What is wrong with a tenant's partition, which may be in use; nothing, where it is whole.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be looked through.
    pub fn check(folder: &Path, tenant: &str) -> Result<Vec<String>, StoreError> {
        sqlite::check(&file_of(folder, tenant)?).map_err(StoreError::Row)
    }
}
