//! Something that is wrong now, as the operator is told of it: by the admin API and by a metric.

use jiff::Timestamp;

use crate::names::TenantId;

/// Something that is wrong.
#[derive(Debug, Clone)]
pub struct Condition {
    /// What, as one word that does not change: `store-unwritable`.
    pub what: &'static str,
    /// Whose data it is about; `None`: it is about the gateway as a whole.
    pub tenant: Option<TenantId>,
    /// Why, as one of a few words: `full`.
    pub reason: &'static str,
    /// Since when.
    pub since: Timestamp,
    /// More, for the operator. Never a value, nor the text of a source.
    pub detail: String,
}
