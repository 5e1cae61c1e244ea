//! Sources that are registered while the gateway runs. They are found and asked like those of the configuration, come and go
//! without a new revision, and stay from one revision to the next.
//!
//! None of them speaks with authority: what the configuration claims, nobody takes away by registering.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use hashbrown::HashMap;
use kakehashi_adapters::SourceId;
use kakehashi_core::names::TenantId;
use ngsi_ld::TypeName;
use ngsi_ld::entity::DateTime;

use super::registered_source::RegisteredSource;
use super::source_index::{SourceIndex, SourceNumber, Wanted};

/// Most sources that are registered at a time: twice what a country of municipalities is designed for. One takes some 2 KiB
/// and what its adapter does.
pub const MOST_REGISTERED: usize = 200_000;

/// Why a source is not registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CannotRegister {
    /// There is one of that name and tenant.
    #[error("a source of that name is registered for the tenant")]
    AlreadyRegistered,
    /// More than [`MOST_REGISTERED`].
    #[error("no more than {MOST_REGISTERED} sources can be registered at a time")]
    TooMany,
    /// It claims that what it says wins over what others say.
    #[error("a source that is registered while the gateway runs cannot be authoritative")]
    Authoritative,
    /// Its time is over already.
    #[error("the registration has expired")]
    Expired,
}

/// The sources that are registered now. Clones are the same ones.
#[derive(Debug, Clone, Default)]
pub struct Registrations(Arc<RwLock<Registered>>);

#[derive(Debug, Default)]
struct Registered {
    index: SourceIndex,
    sources: HashMap<SourceNumber, Arc<RegisteredSource>>,
    by_name: HashMap<(SourceId, TenantId), SourceNumber>,
    by_end: BTreeSet<(DateTime, SourceNumber)>,
    /// How many there ever were: who was registered first takes precedence where nothing else decides.
    begun: SourceNumber,
}

impl Registrations {
    /// Registers a source. It is asked from the next request on. Those whose time is over make room.
    ///
    /// # Errors
    /// [`CannotRegister`]
    pub fn add(&self, source: RegisteredSource) -> Result<(), CannotRegister> {
        if source.provides.iter().any(|provision| provision.authoritative) {
            return Err(CannotRegister::Authoritative);
        }
        if source.registration.has_expired() {
            return Err(CannotRegister::Expired);
        }
        let mut registered = self.write();
        registered.forget_expired();
        let name = (source.id.clone(), source.tenant.clone());
        if registered.by_name.contains_key(&name) {
            return Err(CannotRegister::AlreadyRegistered);
        }
        if registered.sources.len() >= MOST_REGISTERED {
            return Err(CannotRegister::TooMany);
        }
        let number = registered.begun;
        registered.begun += 1;
        registered.index.add(number, &source.provides);
        registered.by_name.insert(name, number);
        if let Some(end) = &source.registration.expires_at {
            registered.by_end.insert((end.clone(), number));
        }
        registered.sources.insert(number, Arc::new(source));
        Ok(())
    }

    /// Takes a source out. Requests under way go on with it. `None`: there is none of that name and tenant.
    pub fn remove(&self, id: &SourceId, tenant: &TenantId) -> Option<Arc<RegisteredSource>> {
        let mut registered = self.write();
        let number = registered.by_name.get(&(id.clone(), tenant.clone())).copied()?;
        registered.take_out(number)
    }

    /// How many there are, with those whose time is over and that nobody has missed yet.
    #[must_use]
    pub fn count(&self) -> usize {
        self.read().sources.len()
    }

    /// The source of that name.
    pub(super) fn find(&self, id: &SourceId, tenant: &TenantId) -> Option<(SourceNumber, Arc<RegisteredSource>)> {
        let registered = self.read();
        let number = *registered.by_name.get(&(id.clone(), tenant.clone()))?;
        Some((number, Arc::clone(registered.sources.get(&number)?)))
    }

    /// Those that may hold what is wanted, each once, in the order in which they were registered. `None`: more than `most`.
    pub(super) fn holding<'t, T>(&self, wanted: &Wanted<'_, T>, most: usize) -> Option<Vec<Arc<RegisteredSource>>>
    where
        T: IntoIterator<Item = &'t TypeName> + Clone,
    {
        let registered = self.read();
        if registered.sources.is_empty() {
            return Some(Vec::new());
        }
        let mut numbers = BTreeSet::new();
        let found = registered.index.find(wanted, &mut |number| {
            numbers.insert(number);
            if numbers.len() > most {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        if found.is_break() {
            return None;
        }
        let sources = numbers.iter().filter_map(|number| registered.sources.get(number));
        Some(sources.cloned().collect())
    }

    fn read(&self) -> RwLockReadGuard<'_, Registered> {
        // Nothing panics while it is held.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Registered> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registered {
    fn take_out(&mut self, number: SourceNumber) -> Option<Arc<RegisteredSource>> {
        let source = self.sources.remove(&number)?;
        self.by_name.remove(&(source.id.clone(), source.tenant.clone()));
        self.index.remove(number, &source.provides);
        if let Some(end) = &source.registration.expires_at {
            self.by_end.remove(&(end.clone(), number));
        }
        Some(source)
    }

    /// Takes out those whose time is over.
    fn forget_expired(&mut self) {
        while let Some((_, number)) = self.by_end.first() {
            let number = *number;
            let source = self.sources.get(&number);
            if source.is_some_and(|source| !source.registration.has_expired()) {
                return;
            }
            self.by_end.pop_first();
            self.take_out(number);
        }
    }
}
