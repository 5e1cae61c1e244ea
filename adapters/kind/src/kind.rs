//! A kind of source: what `adapter = "<name>"` means.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use ngsi_ld::TypeName;

use crate::key::Key;
use crate::settings::Settings;
use crate::table::Table;

/// A kind of source. It has no state: one of each is shared by everybody.
pub trait Kind: fmt::Debug + Send + Sync {
    /// What the configuration calls it: the value of `adapter`.
    fn name(&self) -> &'static str;

    /// Which systems it speaks to, in one sentence.
    fn about(&self) -> &'static str;

    /// The keys that only its sources have. `endpoint` is not among them: every source has one, and its kind says what is
    /// written there.
    fn keys(&self) -> &'static [Key];

    /// How its sources are reached.
    fn transport(&self) -> Transport;

    /// Whether a source of it may be configured to take writes.
    fn takes_writes(&self) -> bool {
        false
    }

    /// Whether its sources hold a part of each of several tenants: such a source is the operator's to change, whoever brings
    /// it. Their [`Settings::partitions`] say whose.
    fn has_partitions(&self) -> bool {
        false
    }

    /// The `endpoint` of a source of it that rests in this folder of this machine. `None`: its sources rest elsewhere.
    fn resting_in(&self, _folder: &Path) -> Option<String> {
        None
    }

    /// Whether a source of it can hold entities of a type. What is well here [`Settings::open`](crate::Settings::open) takes.
    ///
    /// # Errors
    /// [`WrongType`], when none can.
    fn check_type(&self, _type: &TypeName) -> Result<(), WrongType> {
        Ok(())
    }

    /// Reads the table of one source: its own keys and `endpoint`. What is wrong is told to the table, all of it, and
    /// `None` returned.
    fn read(&self, table: &dyn Table) -> Option<Arc<dyn Settings>>;
}

/// How sources of a kind are reached, which decides what else their tables may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Over HTTP, by the outbound client: with credentials, certificates and limits.
    Http,
    /// They lie on this machine: there is nobody to prove oneself to.
    Local,
}

/// Why no source of a kind can hold entities of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongType {
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: &'static str,
}
