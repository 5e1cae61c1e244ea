//! What the state rests in. Another database is another folder that implements [`Backend`]; what is outside of these
//! folders writes no SQL.
//!
//! | module | owns |
//! |---|---|
//! | `sqlite` | SQLite: its file, its tables, every statement |

pub(crate) mod sqlite;

use std::fmt;

use async_trait::async_trait;
use kakehashi_trouble::Trouble;
use tokio::sync::watch;

use crate::acts::Acts;
use crate::contexts::Contexts;
use crate::files::Files;
use crate::revisions::Revisions;
use crate::subscriptions::Subscriptions;

/// A database with what the gateway keeps.
#[async_trait]
pub(crate) trait Backend: Contexts + Subscriptions + Revisions + Acts + Files + fmt::Debug {
    /// Why it cannot be written, and perhaps not even read.
    fn trouble(&self) -> Option<Trouble>;

    /// Whether what is kept can be read, or nothing was ever kept.
    fn is_known(&self) -> bool;

    /// Tells whenever it may have become possible to read or write it again.
    fn changes(&self) -> watch::Receiver<u64>;

    /// Waits for what is under way, then closes it.
    async fn close(&self);
}
