//! The classes between limited and personal: what of them one permit may grant to one consumer.
//!
//! | class | who may have it, if a permit names it |
//! |---|---|
//! | pseudonymised | consumers of the tenant that owns it, nobody else |
//! | anonymised | those, and consumers with the contract that the permit names in `@contract` |
//! | person-related | those, and consumers with the consent that the permit names in `@consent` |
//!
//! A reference is both the owner's word, in its permit, and the operator's, in the consumer's table of tenants.toml:
//! neither alone lets anything out.

use std::sync::Arc;

use super::classification::Class;
use crate::config::{Consumer, TenantId};

/// The references that a permit asks for. A permit that asks for one applies to no consumer without it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct References {
    /// `@contract`: any of these; empty: none is asked for.
    pub(super) contracts: Vec<Box<str>>,
    /// `@consent`: any of these; empty: none is asked for.
    pub(super) consents: Vec<Box<str>>,
}

impl References {
    /// Whether a permit with these applies to a consumer.
    pub(super) fn are_held_by(&self, consumer: &Consumer) -> bool {
        let holds = |asked: &[Box<str>], held: &[Arc<str>]| {
            asked.is_empty() || asked.iter().any(|asked| held.iter().any(|held| **held == **asked))
        };
        holds(&self.contracts, &consumer.contracts) && holds(&self.consents, &consumer.consents)
    }
}

/// What one permit that applies may grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Admission {
    is_owner: bool,
    has_contract: bool,
    has_consent: bool,
}

impl Admission {
    /// By a permit with these references, for a consumer of the owner or of somebody else.
    pub(super) fn by(references: &References, is_owner: bool) -> Self {
        Self {
            is_owner,
            has_contract: !references.contracts.is_empty(),
            has_consent: !references.consents.is_empty(),
        }
    }

    /// Whether it may grant what has this class. What is not open has to be named as well.
    pub(super) const fn admits(self, class: Class) -> bool {
        match class {
            Class::Open | Class::Limited => true,
            Class::PersonRelated => self.is_owner || self.has_consent,
            Class::Anonymised => self.is_owner || self.has_contract,
            Class::Pseudonymised => self.is_owner,
            Class::Personal | Class::SpecialCare => false,
        }
    }
}

/// Whether a consumer is one of the tenant's own.
pub(super) fn is_owner(consumer: &Consumer, tenant: &TenantId) -> bool {
    consumer.tenant() == Some(tenant)
}
