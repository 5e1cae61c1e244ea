//! Which names of types and attributes a consumer may be told of: those that a source which it is granted something of is
//! said to have, by the source itself or by a permit, and of those that the classification names the ones that the gateway's
//! own @context has, which anybody may read. Whatever else there is, is absent from them, and what somebody else's source has
//! adds nothing, also where a permit for everything would grant it: a name that is hidden and one that nobody has are the same
//! here.
//!
//! No source is asked, nothing is looked up.

use std::collections::BTreeSet;

use kakehashi_adapters::AttributeSelection;
use kakehashi_core::names::TenantId;
use kakehashi_policy::{PermittedAttributes, PolicyEngine, TypeGrant};
use ngsi_ld::context::Context;
use ngsi_ld::query::{Query, TypeSelection};
use ngsi_ld::{AttributeName, TypeName};

use super::Question;
use super::plan::{Asker, sources_of};
use super::registered_source::RegisteredSource;

/// The names that one consumer may be told of, for its operation and purpose.
#[derive(Debug, Clone, Copy)]
pub struct GrantedNames<'a> {
    asker: &'a Asker<'a>,
    /// Whose data alone is meant; `None`: that of all.
    tenant: Option<&'a TenantId>,
}

impl<'a> GrantedNames<'a> {
    /// The names of somebody who asks for the data of a tenant, or of all.
    #[must_use]
    pub fn of(asker: &'a Asker<'a>, tenant: Option<&'a TenantId>) -> Self {
        Self { asker, tenant }
    }

    /// Whether the type is one of them; `None`: there are too many sources of it to say.
    #[must_use]
    pub fn has_type(&self, r#type: &TypeName) -> Option<bool> {
        let mut is_granted = false;
        self.each_grant(std::slice::from_ref(r#type), &mut |_, _| is_granted = true)?;
        Some(is_granted)
    }

    /// The attributes that are granted of these types, of one of them at least; `None`: there are too many sources to say.
    #[must_use]
    pub fn attributes_of(&self, types: &[TypeName]) -> Option<BTreeSet<AttributeName>> {
        let mut names = BTreeSet::new();
        self.each_grant(types, &mut |source, grant| {
            let provided = source.provided_attributes(grant.r#type(), &[]);
            let of_class = self.asker.policies.attributes_known(grant.r#type());
            let of_class = of_class.filter(|name| is_public(name.as_str()));
            let of_permits = grant.permits().iter().filter_map(|permit| match &permit.attributes {
                PermittedAttributes::Unrestricted => None,
                PermittedAttributes::Only(names) => Some(names),
            });
            let of_source = match &provided {
                AttributeSelection::All => &[][..],
                AttributeSelection::Only(names) => &names[..],
            };
            let said = of_class.chain(of_permits.flatten()).chain(of_source);
            let told = said.filter(|name| grant.includes(name) && provided.includes(name));
            names.extend(told.cloned());
        })?;
        Some(names)
    }

    /// What is granted of each of these types, source by source.
    fn each_grant(&self, types: &[TypeName], take: &mut dyn FnMut(&RegisteredSource, &TypeGrant)) -> Option<()> {
        let Asker {
            consumer,
            operation,
            policies,
            ..
        } = *self.asker;
        let selection = types.iter().cloned().map(TypeSelection::Type).collect();
        let question = Question {
            query: Query {
                types: Some(TypeSelection::Any(selection)),
                ..Query::default()
            },
            tenant: self.tenant.cloned(),
            ..Question::default()
        };
        for source in sources_of(&question, self.asker, types).ok()? {
            for r#type in types.iter().filter(|name| is_said_to_have(&source, name, policies)) {
                let grant = policies.grant(consumer, operation, &source.tenant, r#type, source.personal_data);
                if !grant.is_empty() {
                    take(&source, &grant);
                }
            }
        }
        Some(())
    }
}

/// Whether a source is said to have a type by its name: it says so itself, or it may have any and the classification names
/// one that the gateway's own @context has, too. What other sources say that they have, and what nobody names, counts alike: not
/// at all.
#[must_use]
pub fn is_said_to_have(source: &RegisteredSource, r#type: &TypeName, policies: &PolicyEngine) -> bool {
    let mut provides = source.provides.iter();
    source.may_hold(r#type, &[])
        && (policies.classification().knows_type(r#type) && is_public(r#type.as_str())
            || provides.any(|provision| provision.r#type.as_ref() == Some(r#type)))
}

/// Whether a name is one that anybody can read in the gateway's own @context.
#[must_use]
pub fn is_public(iri: &str) -> bool {
    Context::kakehashi().names(iri)
}
