//! Why a database cannot be written now, as everybody speaks of it, whichever database it is.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

/// Why a database cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// There is no room left.
    Full,
    /// It, or the disk that it is on, may only be read.
    ReadOnly,
    /// Anything else: another program holds the lock, the disk fails.
    Other,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::Full, Self::ReadOnly, Self::Other];

    /// The name in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::ReadOnly => "read_only",
            Self::Other => "other",
        }
    }
}

/// A database that cannot be written.
#[derive(Debug, Clone)]
pub struct Trouble {
    /// Why.
    pub reason: Reason,
    /// Since when that is known.
    pub since: SystemTime,
    /// Whether it is read all the same.
    pub is_readable: bool,
    /// What it said first. Never a value of what stands in it.
    pub detail: Arc<str>,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.reason {
            Reason::Full => "its disk is full",
            Reason::ReadOnly => "it may only be read",
            Reason::Other => return f.write_str(&self.detail),
        };
        write!(f, "{reason} ({})", self.detail)
    }
}
