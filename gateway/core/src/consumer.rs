//! Who asks: an application with credentials, or whoever has none. What it may see is decided by policies.

use std::num::NonZeroU32;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::names::{ConsumerId, RoleName, TenantId};

/// The consumer that callers without any credential are.
pub const ANONYMOUS: &str = "anonymous";

/// An application with credentials, or the anonymous one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumer {
    /// Its id.
    pub id: ConsumerId,
    /// Its name for people.
    pub name: String,
    /// Whom it belongs to; `None`: the anonymous consumer.
    pub affiliation: Option<Affiliation>,
    /// The roles it holds.
    pub roles: Vec<RoleName>,
    /// The roles that it holds by the token of this request, in order, with spaces between them: what is decided for
    /// one token must not be remembered for another. `None`: it holds those of its table alone.
    pub token_roles: Option<Arc<str>>,
    /// How surely its token says that its holder was identified (`acr`); `None`: by no token, or it does not say.
    pub assurance: Option<Arc<str>>,
    /// The contracts on anonymised data that bind it, by their references.
    pub contracts: Vec<Arc<str>>,
    /// The consents that it has obtained for person-related data, by their references.
    pub consents: Vec<Arc<str>>,
    /// The levels that the issuer of its token means by that; none without a token.
    pub levels: AssuranceLevels,
    /// What it may ask data for.
    pub purposes: Vec<Arc<str>>,
    /// What it asks data for: in a request, what the request states. Whoever has one purpose always asks for that.
    pub purpose: Option<Arc<str>>,
    /// How much it may ask.
    pub limits: ConsumerLimits,
}

impl Consumer {
    /// Whether it stands for callers without credentials.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.id.as_str() == ANONYMOUS
    }

    /// The same consumer, with further roles that a token says it has, with its assurance, and with the levels that
    /// its issuer means by that.
    #[must_use]
    pub fn with_token(
        self: &Arc<Self>,
        roles: &[RoleName],
        assurance: Option<&Arc<str>>,
        levels: AssuranceLevels,
    ) -> Arc<Self> {
        let further: Vec<&RoleName> = roles.iter().filter(|role| !self.roles.contains(role)).collect();
        if further.is_empty() && assurance.is_none() {
            return Arc::clone(self);
        }
        let names: Vec<&str> = further.iter().map(|role| role.as_str()).collect();
        Arc::new(Self {
            token_roles: (!names.is_empty()).then(|| names.join(" ").into()),
            assurance: assurance.cloned(),
            levels,
            roles: self.roles.iter().chain(further).cloned().collect(),
            ..Self::clone(self)
        })
    }

    /// The same consumer, asking for a purpose; `None`: it is not one of its purposes.
    #[must_use]
    pub fn for_purpose(self: &Arc<Self>, purpose: &str) -> Option<Arc<Self>> {
        if self.purpose.as_deref() == Some(purpose) {
            return Some(Arc::clone(self));
        }
        let purpose = self.purposes.iter().find(|own| ***own == *purpose)?;
        Some(Arc::new(Self {
            purpose: Some(Arc::clone(purpose)),
            ..Self::clone(self)
        }))
    }

    /// The same consumer as if it asked for a purpose, whichever it has: to explain, never to answer.
    #[must_use]
    pub fn with_purpose(self: &Arc<Self>, purpose: &str) -> Arc<Self> {
        Arc::new(Self {
            purpose: Some(purpose.into()),
            ..Self::clone(self)
        })
    }

    /// The tenant that it belongs to.
    #[must_use]
    pub fn tenant(&self) -> Option<&TenantId> {
        match &self.affiliation {
            Some(Affiliation::Tenant(tenant)) => Some(tenant),
            _ => None,
        }
    }
}

/// Whom a consumer belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Affiliation {
    /// A tenant.
    Tenant(TenantId),
    /// An organisation that shares no data.
    Organisation(Arc<str>),
}

/// How much a consumer may ask; the anonymous one: each client address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsumerLimits {
    /// Requests per second in the long run.
    pub requests_per_second: NonZeroU32,
    /// Requests at once after a pause.
    pub burst: NonZeroU32,
    /// Requests in one day; `None`: as many as the others allow.
    pub requests_per_day: Option<NonZeroU32>,
    /// Requests under way at once.
    pub concurrency: NonZeroU32,
}

impl ConsumerLimits {
    /// For a consumer whose table has no `limits`: an application with one user in front of each screen.
    pub const KNOWN: Self = Self::of(50, 100, 20);
    /// For the anonymous consumer, per client address: one person with a browser.
    pub const ANONYMOUS: Self = Self::of(5, 10, 4);

    const fn of(requests_per_second: u32, burst: u32, concurrency: u32) -> Self {
        Self {
            requests_per_second: at_least_one(requests_per_second),
            burst: at_least_one(burst),
            requests_per_day: None,
            concurrency: at_least_one(concurrency),
        }
    }
}

const fn at_least_one(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

/// How surely the holder of a token was identified, in levels from 1 (NIST SP 800-63; the guideline of Japan's
/// Digital Agency on identity assurance). `None`: nobody says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct AssuranceLevels {
    /// Identity assurance level: who it is.
    pub identity: Option<u8>,
    /// Authentication assurance level: that it is the same one.
    pub authentication: Option<u8>,
}

/// The highest level of assurance.
pub const HIGHEST_LEVEL: u8 = 3;

/// Consumers in the order in which they were written down, found by their ids.
#[derive(Debug, Clone, Default)]
pub struct Consumers {
    all: Vec<Arc<Consumer>>,
    by_id: HashMap<ConsumerId, Arc<Consumer>>,
}

impl Consumers {
    /// Adds one, after the others.
    pub fn push(&mut self, consumer: Arc<Consumer>) {
        self.by_id.insert(consumer.id.clone(), Arc::clone(&consumer));
        self.all.push(consumer);
    }

    /// The consumer of that id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Arc<Consumer>> {
        self.by_id.get(id)
    }

    /// All of them, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Consumer>> {
        self.all.iter()
    }
}
