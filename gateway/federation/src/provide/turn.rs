//! Turns: writes to one partition are made and told one after the other.

use std::sync::Arc;
use std::time::Instant;

use kakehashi_adapters::Position;
use kakehashi_runtime::slots::Slot;
use ngsi_ld::Entity;

use super::{Provider, WatchedWrite, WriteRefusal};
use crate::registry::RegisteredSource;

/// Writes that have their turn: they have begun, and the next begin when they were told.
pub(super) struct Begun {
    /// Gone before the turn is given back.
    watched: Option<Box<dyn WatchedWrite>>,
    _turn: Slot,
}

impl Begun {
    /// Waits for the turn for as long as somebody waits for the write, and until there is no time left to begin.
    pub(super) async fn wait(provider: &Provider<'_>, source: &Arc<RegisteredSource>) -> Result<Self, WriteRefusal> {
        let Provider {
            watcher, until, caller, ..
        } = *provider;
        let turns = watcher.turns(source);
        let turn = tokio::time::timeout_at(until.into(), turns.take(&provider.asker.consumer.id));
        let turn = tokio::select! {
            // Looked at first: what has its turn at once must not begin for nobody either.
            biased;
            () = caller.cancelled() => return Err(WriteRefusal::CallerLeft),
            turn = turn => turn.ok().flatten(),
        };
        let turn = turn.filter(|_| Instant::now() < until).ok_or(WriteRefusal::Late)?;
        Ok(Self {
            watched: watcher.begun(source),
            _turn: turn,
        })
    }

    /// Whether somebody is told of it.
    pub(super) fn is_watched(&self) -> bool {
        self.watched.is_some()
    }

    /// A write was committed.
    pub(super) fn tell(&self, position: Option<Position>, before: Option<Entity>, after: Option<Entity>) {
        if let Some(watched) = &self.watched {
            watched.committed(position, before, after);
        }
    }
}
