//! The texts of a revision.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Largest file of a revision, in bytes: the tenants.toml of 2,000 tenants is one tenth of it.
pub const MAX_FILE_BYTES: u64 = 32 * 1024 * 1024;

/// The texts of a revision's files, by the names that the revision knows them by: `tenants.toml`, `policies/...`,
/// and mappings as tenants.toml names them.
pub type FileTexts = BTreeMap<String, Arc<str>>;
