//! Who is connected to a listener, and who has to go when there is no room: the idle connections of the address that has
//! most of them. It bounds connections in all and for each address, and never ends one on which a request is under way.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use kakehashi_telemetry::ConnectionMetrics;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::connection_state::{ConnectionState, Ending, Group};
use super::head_room::HeadRoom;
use kakehashi_core::client_network;

/// Connections that are told to go when one must: as many as the address has more than the next, and no more than
/// this. Looking for the longest idle of an address costs as many looks as it has connections.
const MOST_ENDED_AT_ONCE: usize = 32;

/// Connections that were told to go and have not gone yet, beyond those that are allowed. HTTP/2 says goodbye in a
/// round trip; whoever answers no goodbye is gone within [`super::CLOSES_WITHIN`].
pub(super) const MOST_ENDING: usize = 1000;

/// What bounds the connections of a listener at the moment. It is asked whenever one is accepted, so that it may
/// change.
pub trait ConnectionBounds: Send + Sync + 'static {
    /// Connections at once.
    fn connections(&self) -> usize;

    /// Connections at once from one address.
    fn per_address(&self) -> usize;

    /// Whether an address stands for many clients, so that it is not counted as one.
    fn is_trusted(&self, address: IpAddr) -> bool;
}

/// Bounds that stay as they are, with nobody trusted.
#[derive(Debug, Clone, Copy)]
pub struct FixedBounds {
    /// Connections at once.
    pub connections: usize,
    /// Connections at once from one address.
    pub per_address: usize,
}

impl ConnectionBounds for FixedBounds {
    fn connections(&self) -> usize {
        self.connections
    }

    fn per_address(&self) -> usize {
        self.per_address
    }

    fn is_trusted(&self, _: IpAddr) -> bool {
        false
    }
}

/// Why there is no room for a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoRoom {
    /// Its address has as many as one may have, each with a request under way.
    ForAddress,
    /// There are as many as there may be, and none that would have to go for this one.
    AtAll,
}

/// The connections of a listener.
pub(super) struct Connections {
    bounds: Arc<dyn ConnectionBounds>,
    metrics: Arc<ConnectionMetrics>,
    head_room: Arc<HeadRoom>,
    table: Mutex<Table>,
    /// Told whenever one has ended.
    ended: Notify,
}

#[derive(Debug, Default)]
struct Table {
    groups: HashMap<Group, HashMap<u64, Arc<ConnectionState>>>,
    /// Clients' addresses, by how many connections they have.
    by_size: BTreeSet<(usize, Group)>,
    open: usize,
    /// Those that were told to go and have not gone yet. They are in no group any more.
    ending: usize,
    numbers: u64,
}

/// A connection that was let in, until this is dropped.
pub(super) struct Admitted {
    connections: Arc<Connections>,
    pub(super) state: Arc<ConnectionState>,
}

impl Connections {
    pub(super) fn new(bounds: Arc<dyn ConnectionBounds>, metrics: Arc<ConnectionMetrics>) -> Arc<Self> {
        Arc::new(Self {
            bounds,
            metrics,
            head_room: Arc::default(),
            table: Mutex::default(),
            ended: Notify::new(),
        })
    }

    /// Lets in a connection from this address, and tells others to go where that needs room.
    ///
    /// # Errors
    /// [`NoRoom`]; nobody was told to go.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Admitted, NoRoom> {
        let group = match self.bounds.is_trusted(address) {
            true => Group::Trusted,
            false => Group::Client(client_network(address)),
        };
        let (connections, per_address) = (self.bounds.connections().max(1), self.bounds.per_address().max(1));
        let mut table = self.lock();
        let number = table.numbers;
        table.numbers += 1;
        let (metrics, head_room) = (Arc::clone(&self.metrics), Arc::clone(&self.head_room));
        let state = Arc::new(ConnectionState::new(number, group, metrics, head_room));
        table.insert(&state);
        if let Err(no_room) = table.make_room(&state, connections, per_address, &self.metrics) {
            table.remove(&state);
            return Err(no_room);
        }
        drop(table);
        self.metrics.record_opened();
        Ok(Admitted {
            connections: Arc::clone(self),
            state,
        })
    }

    /// Where they are counted.
    pub(super) fn metrics(&self) -> &ConnectionMetrics {
        &self.metrics
    }

    /// Waits until a connection has ended. One task waits at a time.
    pub(super) async fn one_has_ended(&self) {
        self.ended.notified().await;
    }

    /// Asks all connections to end, and waits until they have.
    pub(super) async fn end_all(&self) {
        let all: Vec<Arc<ConnectionState>> = {
            let table = self.lock();
            table.groups.values().flat_map(HashMap::values).cloned().collect()
        };
        for state in all {
            state.end(Ending::Stopping);
        }
        while !self.lock().is_empty() {
            self.one_has_ended().await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Table> {
        // Whoever panicked did so between two changes: each is made whole.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn is_empty(&self) -> bool {
        self.open + self.ending == 0
    }

    fn size(&self, group: Group) -> usize {
        self.groups.get(&group).map_or(0, HashMap::len)
    }

    fn insert(&mut self, state: &Arc<ConnectionState>) {
        let members = self.groups.entry(state.group).or_default();
        members.insert(state.number, Arc::clone(state));
        let size = members.len();
        self.resize(state.group, size - 1, size);
        self.open += 1;
    }

    /// Whether it was there.
    fn remove(&mut self, state: &ConnectionState) -> bool {
        let Some(members) = self.groups.get_mut(&state.group) else {
            return false;
        };
        if members.remove(&state.number).is_none() {
            return false;
        }
        let size = members.len();
        if size == 0 {
            self.groups.remove(&state.group);
        }
        self.resize(state.group, size + 1, size);
        self.open -= 1;
        true
    }

    fn resize(&mut self, group: Group, before: usize, now: usize) {
        if group == Group::Trusted {
            return;
        }
        self.by_size.remove(&(before, group));
        if now > 0 {
            self.by_size.insert((now, group));
        }
    }

    /// Makes room for one that has been inserted, within both bounds.
    fn make_room(
        &mut self,
        newcomer: &ConnectionState,
        connections: usize,
        per_address: usize,
        metrics: &ConnectionMetrics,
    ) -> Result<(), NoRoom> {
        let is_client = newcomer.group != Group::Trusted;
        let beyond_share = if is_client {
            self.size(newcomer.group).saturating_sub(per_address)
        } else {
            0
        };
        let beyond_all = self.open.saturating_sub(connections);
        if beyond_share == 0 && beyond_all == 0 {
            return Ok(());
        }
        if self.ending >= MOST_ENDING {
            return Err(NoRoom::AtAll);
        }
        let going = if beyond_share > 0 {
            let going = self.longest_idle(newcomer.group, beyond_share.max(beyond_all), newcomer);
            if going.is_empty() {
                return Err(NoRoom::ForAddress);
            }
            going
        } else {
            self.greediest_idle(newcomer, beyond_all).ok_or(NoRoom::AtAll)?
        };
        for state in going {
            self.remove(&state);
            self.ending += 1;
            metrics.record_closed_for_room();
            state.end(Ending::Room);
        }
        Ok(())
    }

    /// Idle connections of the address that has most, and has more than the newcomer's; those of trusted proxies, which
    /// stand for many, when no address has any.
    fn greediest_idle(&self, newcomer: &ConnectionState, wanted: usize) -> Option<Vec<Arc<ConnectionState>>> {
        // Nobody goes for the sake of somebody who has more.
        let least = match newcomer.group {
            Group::Client(_) => self.size(newcomer.group),
            Group::Trusted => 1,
        };
        let mut groups = self
            .by_size
            .iter()
            .rev()
            .take_while(|(size, _)| *size >= least)
            .peekable();
        while let Some((size, group)) = groups.next() {
            let ahead = size - groups.peek().map_or(least, |(next, _)| *next).min(*size);
            let going = self.longest_idle(*group, wanted.max(ahead), newcomer);
            if !going.is_empty() {
                return Some(going);
            }
        }
        let going = self.longest_idle(Group::Trusted, wanted, newcomer);
        (!going.is_empty()).then_some(going)
    }

    /// Some connections of a group on which no request is under way, those that are so for longest.
    fn longest_idle(&self, group: Group, wanted: usize, newcomer: &ConnectionState) -> Vec<Arc<ConnectionState>> {
        let wanted = wanted.clamp(1, MOST_ENDED_AT_ONCE);
        let members = self.groups.get(&group).into_iter().flat_map(HashMap::values);
        let mut idle: Vec<(Instant, &Arc<ConnectionState>)> = members
            .filter(|state| state.number != newcomer.number)
            .filter_map(|state| Some((state.idle_since()?, state)))
            .collect();
        if idle.len() > wanted {
            idle.select_nth_unstable_by_key(wanted - 1, |(since, state)| (*since, state.number));
            idle.truncate(wanted);
        }
        idle.into_iter().map(|(_, state)| Arc::clone(state)).collect()
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let connections = &self.connections;
        let mut table = connections.lock();
        if !table.remove(&self.state) {
            table.ending = table.ending.saturating_sub(1);
        }
        drop(table);
        connections.metrics.record_ended();
        connections.ended.notify_one();
    }
}

#[cfg(test)]
mod tests;
