//! Which types each tenant's sources provide, and whether they may hold personal data: all that decisions know of
//! sources.

use std::collections::{BTreeSet, HashMap};

use kakehashi_config::{Config, ProvidedType};
use kakehashi_core::names::TenantId;
use kakehashi_policy::PersonalData;
use ngsi_ld::TypeName;

/// What sources of one tenant hold: a type (`None`: any), and whether beside personal data.
pub(super) type Held<'a> = BTreeSet<(Option<&'a TypeName>, bool)>;

/// What the sources of each tenant hold.
pub struct Holdings<'a> {
    by_tenant: HashMap<&'a TenantId, Held<'a>>,
    nothing: Held<'a>,
}

impl<'a> Holdings<'a> {
    /// What tenants.toml says.
    pub(super) fn of(config: &'a Config) -> Self {
        let mut by_tenant: HashMap<&TenantId, Held<'a>> = HashMap::new();
        for source in config.sources() {
            let is_personal = source.personal_data == PersonalData::Present;
            for owner in source.owners() {
                let held = by_tenant.entry(owner).or_default();
                held.extend(source.provided_by(owner).map(|provides| match &provides.r#type {
                    ProvidedType::Type(name) => (Some(name), is_personal),
                    ProvidedType::Any => (None, is_personal),
                }));
            }
        }
        Self {
            by_tenant,
            nothing: Held::new(),
        }
    }

    /// What the sources of one tenant hold.
    pub(super) fn of_tenant(&self, tenant: &TenantId) -> &Held<'a> {
        self.by_tenant.get(tenant).unwrap_or(&self.nothing)
    }

    /// The types of one tenant: those that its sources name, and for a store of any type all that somebody has named.
    pub(super) fn types(&self, config: &'a Config, tenant: &TenantId) -> Vec<&'a TypeName> {
        let held = self.of_tenant(tenant);
        let named = held.iter().filter_map(|(name, _)| *name);
        let any = held.iter().any(|(name, _)| name.is_none());
        let known = any.then(|| config.policy.principal_types()).into_iter().flatten();
        named.chain(known).collect()
    }

    /// Whether sources that provide a type may hold personal data; one answer for each kind of source.
    pub(super) fn personal_data(&self, tenant: &TenantId, r#type: &TypeName) -> Vec<PersonalData> {
        self.kinds(tenant, |name| name.is_none_or(|name| name == r#type))
    }

    /// The same of all sources of a tenant.
    pub(super) fn any_personal_data(&self, tenant: &TenantId) -> Vec<PersonalData> {
        self.kinds(tenant, |_| true)
    }

    fn kinds(&self, tenant: &TenantId, is_meant: impl Fn(Option<&TypeName>) -> bool) -> Vec<PersonalData> {
        let meant = self.of_tenant(tenant).iter().filter(|(name, _)| is_meant(*name));
        let kinds: BTreeSet<bool> = meant.map(|(_, is_personal)| *is_personal).collect();
        let kind = |is_personal| {
            if is_personal {
                PersonalData::Present
            } else {
                PersonalData::None
            }
        };
        kinds.into_iter().map(kind).collect()
    }
}
