//! Copies of a partition: backups, putting one back, and whether a partition is whole. They are made and used by somebody's
//! command alone, and hold what the one who makes them lets through: this knows no classes.

use std::path::Path;
use std::sync::Arc;

use futures::Stream;
use kakehashi_contract::Call;
use ngsi_ld::Entity;

use super::StoreError;
use super::backend::sql::everything;
use super::backend::sqlite::{self, Stamp};
use super::body::Wanted;
use super::error::NotRestored;
use super::partition::{StorePartition, file_of};
use super::read::{Reads, all};

impl StorePartition {
    /// Every entity, with its dates, as all of them were at one moment.
    pub fn everything(&self, call: Call) -> impl Stream<Item = Result<Entity, StoreError>> + Send + 'static {
        let statement = everything().finish(self.dialect());
        let reads: Reads = Box::new(move |selecting, names, take| selecting.look_through(&statement, names, take));
        all(self.clone(), reads, Arc::new(Wanted::EVERYTHING), call)
    }

    /// Ends a copy that was made in a folder of its own and is closed: it says from then on whose it is, and that it is whole.
    ///
    /// # Errors
    /// [`StoreError::Row`]
    pub fn stamp_copy(file: &Path, tenant: &str, made_at: &str) -> Result<Stamp, StoreError> {
        sqlite::stamp(file, tenant, made_at).map_err(StoreError::Row)
    }

    /// Looks through a copy: whose it is, and that it is whole.
    ///
    /// # Errors
    /// [`NotRestored`]
    pub fn examine_copy(tenant: &str, copy: &Path) -> Result<Stamp, NotRestored> {
        sqlite::examine_copy(tenant, copy)
    }

    /// Puts a copy in the place of a tenant's partition, which nobody has open. It is looked through before.
    ///
    /// # Errors
    /// [`NotRestored`]; then the partition is as it was.
    pub fn restore(folder: &Path, tenant: &str, copy: &Path) -> Result<Stamp, NotRestored> {
        let file = file_of(folder, tenant).map_err(|error| NotRestored::Unwritten(error.to_string()))?;
        sqlite::restore(&file, tenant, copy)
    }

    /// What is wrong with a tenant's partition, which may be in use; nothing, where it is whole.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be looked through.
    pub fn check(folder: &Path, tenant: &str) -> Result<Vec<String>, StoreError> {
        sqlite::check(&file_of(folder, tenant)?).map_err(StoreError::Row)
    }
}
