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

use kakehashi_core::consumer::Consumer;
use kakehashi_core::names::TenantId;

use super::classification::Class;
use super::unmet::Unmet;

/// The references that a permit asks for. A permit that asks for one applies to no consumer without it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    /// `@contract`: any of these; empty: none is asked for.
    pub contracts: Vec<Arc<str>>,
    /// `@consent`: any of these; empty: none is asked for.
    pub consents: Vec<Arc<str>>,
}

impl References {
    /// Why a permit with these does not apply to a consumer; `None`: it does.
    pub(super) fn unmet_by(&self, consumer: &Consumer) -> Option<Unmet> {
        let lacks = |asked: &[Arc<str>], held: &[Arc<str>]| {
            !asked.is_empty() && !asked.iter().any(|asked| held.contains(asked))
        };
        if lacks(&self.contracts, &consumer.contracts) {
            Some(Unmet::Contract)
        } else if lacks(&self.consents, &consumer.consents) {
            Some(Unmet::Consent)
        } else {
            None
        }
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
