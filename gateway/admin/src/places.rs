//! How much administrators may ask at once: places for requests, and fewer for those for which something is computed.
//! Whoever administers one tenant must not take the processor, the memory or the connections from everybody else.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{HeaderValue, StatusCode, header};
use kakehashi_config::{Administrator, AdministratorRole};

use super::problem::AdminProblem;

/// Requests of one administrator that are under way, until their last byte has left: what a page shows at once, some times
/// over.
pub(super) const MOST_REQUESTS_OF_ONE: usize = 32;

/// The same of all tenants' administrators together: half of the connections that one address may have, so that behind a
/// proxy as well there is a connection for operators, monitors and probes.
pub(super) const MOST_REQUESTS_OF_TENANTS: usize = 128;

/// Those of one administrator for which something is computed: each kind of judging at once.
pub(super) const MOST_COMPUTED_OF_ONE: usize = 4;

/// The same of all tenants' administrators together; what is beyond is the operators' and auditors'.
pub(super) const MOST_COMPUTED_OF_TENANTS: usize = 12;

/// The same in all. Each may hold a body and a revision in memory.
pub(super) const MOST_COMPUTED: usize = 16;

/// When to ask again, in seconds: judging a proposal takes no longer, mostly.
const AGAIN_AFTER: u16 = 1;

/// What a place is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A request, until its last byte has left.
    Request,
    /// Computing something: a proposal is read, compared, tried, applied.
    Computing,
}

/// Places for what administrators ask. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    requests: Taken,
    computed: Taken,
}

/// Places that are taken.
#[derive(Debug, Default)]
struct Taken {
    by_one: HashMap<Arc<str>, usize>,
    by_tenants: usize,
    by_all: usize,
}

/// How many there are.
struct Bounds {
    of_one: usize,
    of_tenants: usize,
    of_all: usize,
}

/// A place that is taken, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    purpose: Purpose,
    administrator: Arc<str>,
    is_of_tenant: bool,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// The administrator has as many as one may have.
    ForOne,
    /// All have as many as there are.
    AtAll,
}

impl Purpose {
    const fn bounds(self) -> Bounds {
        match self {
            Self::Request => Bounds {
                of_one: MOST_REQUESTS_OF_ONE,
                of_tenants: MOST_REQUESTS_OF_TENANTS,
                // Operators and auditors are few, and trusted.
                of_all: usize::MAX,
            },
            Self::Computing => Bounds {
                of_one: MOST_COMPUTED_OF_ONE,
                of_tenants: MOST_COMPUTED_OF_TENANTS,
                of_all: MOST_COMPUTED,
            },
        }
    }
}

impl Places {
    /// Takes a place for an administrator.
    ///
    /// # Errors
    /// [`NoPlace`]
    pub(super) fn take(&self, purpose: Purpose, administrator: &Administrator) -> Result<Place, NoPlace> {
        let bounds = purpose.bounds();
        let is_of_tenant = matches!(administrator.role, AdministratorRole::Tenant(_));
        let mut table = self.lock();
        let taken = table.of(purpose);
        if taken
            .by_one
            .get(&administrator.id)
            .is_some_and(|own| *own >= bounds.of_one)
        {
            return Err(NoPlace::ForOne);
        }
        if taken.by_all >= bounds.of_all || (is_of_tenant && taken.by_tenants >= bounds.of_tenants) {
            return Err(NoPlace::AtAll);
        }
        *taken.by_one.entry(Arc::clone(&administrator.id)).or_default() += 1;
        taken.by_tenants += usize::from(is_of_tenant);
        taken.by_all += 1;
        drop(table);
        Ok(Place {
            places: self.clone(),
            purpose,
            administrator: Arc::clone(&administrator.id),
            is_of_tenant,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // Nothing that is done under this lock can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    const fn of(&mut self, purpose: Purpose) -> &mut Taken {
        match purpose {
            Purpose::Request => &mut self.requests,
            Purpose::Computing => &mut self.computed,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.places.lock();
        let taken = table.of(self.purpose);
        if let Entry::Occupied(mut own) = taken.by_one.entry(Arc::clone(&self.administrator)) {
            *own.get_mut() = own.get().saturating_sub(1);
            if *own.get() == 0 {
                own.remove();
            }
        }
        taken.by_tenants = taken.by_tenants.saturating_sub(usize::from(self.is_of_tenant));
        taken.by_all = taken.by_all.saturating_sub(1);
    }
}

impl NoPlace {
    /// What an administrator is told.
    pub(super) fn told(self, purpose: Purpose) -> AdminProblem {
        let (status, detail) = match (self, purpose) {
            (Self::ForOne, Purpose::Request) => (
                StatusCode::TOO_MANY_REQUESTS,
                "you have as many requests under way as one administrator may; take their answers first",
            ),
            (Self::ForOne, Purpose::Computing) => (
                StatusCode::TOO_MANY_REQUESTS,
                "as much is being judged or applied for you as may be for one administrator; wait for it",
            ),
            (Self::AtAll, Purpose::Request) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "administrators of tenants have as many requests under way as there may be; try again",
            ),
            (Self::AtAll, Purpose::Computing) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "as much is being judged or applied for administrators as may be at once; try again",
            ),
        };
        again(status, detail)
    }
}

/// A problem that passes.
pub(super) fn again(status: StatusCode, detail: &str) -> AdminProblem {
    AdminProblem::new(status, detail).with_header(header::RETRY_AFTER, HeaderValue::from(AGAIN_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kakehashi_core::names::TenantId;

    fn administrator(id: &str, role: AdministratorRole) -> Administrator {
        Administrator { id: id.into(), role }
    }

    fn of_tenant(id: &str) -> Administrator {
        administrator(id, AdministratorRole::Tenant(TenantId::new("sano")))
    }

    #[test]
    fn one_has_its_own_and_tenants_leave_some_to_operators() {
        let places = Places::default();
        let take = |administrator: &Administrator| places.take(Purpose::Computing, administrator);
        let first = of_tenant("a");
        let of_first: Vec<Place> = std::iter::from_fn(|| take(&first).ok()).collect();
        assert_eq!(of_first.len(), MOST_COMPUTED_OF_ONE);
        assert_eq!(take(&first).err(), Some(NoPlace::ForOne));
        // Requests are counted for themselves.
        assert!(places.take(Purpose::Request, &first).is_ok());
        let mut of_others = Vec::new();
        for id in ["b", "c"] {
            let one = of_tenant(id);
            of_others.extend(std::iter::from_fn(|| take(&one).ok()));
        }
        assert_eq!(of_first.len() + of_others.len(), MOST_COMPUTED_OF_TENANTS);
        assert_eq!(take(&of_tenant("d")).err(), Some(NoPlace::AtAll));
        let operator = administrator("ops", AdministratorRole::Operator);
        let of_operator: Vec<Place> = std::iter::from_fn(|| take(&operator).ok()).collect();
        assert_eq!(of_operator.len(), MOST_COMPUTED - MOST_COMPUTED_OF_TENANTS);
        let auditor = administrator("auditor", AdministratorRole::Auditor);
        assert_eq!(take(&auditor).err(), Some(NoPlace::AtAll));
        drop(of_first);
        assert!(take(&auditor).is_ok() && take(&of_tenant("d")).is_ok());
        drop((of_others, of_operator));
        let table = places.lock();
        assert!(table.computed.by_one.is_empty() && table.computed.by_all == 0 && table.computed.by_tenants == 0);
    }
}
