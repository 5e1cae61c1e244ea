//! What is asked about: a type of a tenant's, or an attribute of it, and the sources that may hold it.

use kakehashi_config::Config;
use kakehashi_core::diagnostics::nearest;
use kakehashi_core::names::TenantId;
use kakehashi_documents::vocabulary::{compact_attribute, compact_type, expand_attribute, expand_type};
use kakehashi_federation::granted_names::is_public;
use kakehashi_federation::registry::{RegisteredSource, Registry};
use kakehashi_policy::{Class, PersonalData};
use ngsi_ld::{AttributeName, TypeName};

use super::CannotTell;
use crate::hint;

/// Members of every entity that is seen at all: they have no class, and no permit names them.
const OF_EVERY_ENTITY: [&str; 9] = [
    "id",
    "@id",
    "type",
    "@type",
    "scope",
    "createdAt",
    "modifiedAt",
    "deletedAt",
    "expiresAt",
];

/// Types of a tenant that are named to whoever asks for one that it has not.
const MOST_TYPES_NAMED: usize = 20;

/// What is asked about.
pub(crate) struct Subject<'a> {
    /// Whose data.
    pub(crate) tenant: &'a TenantId,
    /// Of which type.
    pub(crate) r#type: TypeName,
    /// Which attribute; `None`: the entities as such.
    pub(crate) attribute: Option<AttributeName>,
    /// The sources that may hold it.
    pub(super) sources: Vec<&'a RegisteredSource>,
}

impl<'a> Subject<'a> {
    /// Reads the names. `notes`: what there is to say about them.
    pub(super) fn read(
        config: &'a Config,
        registry: &'a Registry,
        [tenant, r#type]: [&str; 2],
        attribute: Option<&str>,
        notes: &mut Vec<String>,
    ) -> Result<Self, CannotTell> {
        let Some(tenant) = config.tenant(tenant) else {
            let known = config.tenants.iter().map(|tenant| tenant.id.as_str());
            return Err(CannotTell::Tenant(tenant.to_owned(), hint(tenant, known)));
        };
        let r#type = expand_type(r#type).map_err(CannotTell::Name)?;
        let attribute = match attribute {
            Some(name) if OF_EVERY_ENTITY.contains(&name) => {
                notes.push(format!("`{name}` is shown of every entity that is seen at all"));
                None
            }
            Some(name) => Some(expand_attribute(name).map_err(CannotTell::Name)?),
            None => None,
        };
        let own = registry.configured().iter().map(AsRef::as_ref);
        let own = own.filter(|source: &&RegisteredSource| source.tenant == tenant.id);
        let sources = own.filter(|source| source.may_hold(&r#type, &[])).collect();
        Ok(Self {
            tenant: &tenant.id,
            r#type,
            attribute,
            sources,
        })
    }

    /// The class of what is asked about; `None`: nobody has classified it.
    pub(super) fn class(&self, config: &Config) -> Option<Class> {
        let classification = config.policy.classification();
        match &self.attribute {
            Some(name) => classification.attribute_class(&self.r#type, name),
            None => classification.type_class(&self.r#type),
        }
    }

    /// Whether the sources may hold personal data: one answer for each kind of source.
    pub(super) fn kinds(&self) -> Vec<PersonalData> {
        let mut kinds: Vec<PersonalData> = self.sources.iter().map(|source| source.personal_data).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// Why nobody sees it, whatever the policies say; `None`: some source may hold it.
    pub(super) fn not_provided(&self, registry: &Registry) -> Option<String> {
        if self.sources.iter().any(|source| self.is_provided_by(source)) {
            return None;
        }
        let (tenant, shown) = (self.tenant, compact_type(&self.r#type));
        if let (Some(name), false) = (&self.attribute, self.sources.is_empty()) {
            let name = compact_attribute(name);
            return Some(format!("no source of `{tenant}` provides `{name}` of `{shown}`"));
        }
        let own = registry.configured().iter().filter(|source| source.tenant == *tenant);
        let provides = own.flat_map(|source| &source.provides);
        let mut provided: Vec<String> = provides
            .filter_map(|provision| provision.r#type.as_ref().map(compact_type))
            .collect();
        provided.sort();
        provided.dedup();
        let near = nearest(&shown, provided.iter().map(String::as_str));
        let help = match (near, provided.as_slice()) {
            (Some(near), _) => format!("; did you mean `{near}`?"),
            (None, []) => "; it has no source: see `provides` and `partitions` in tenants.toml".to_owned(),
            (None, provided) if provided.len() <= MOST_TYPES_NAMED => {
                format!("; they provide {}", provided.join(", "))
            }
            (None, _) => String::new(),
        };
        Some(format!("no source of `{tenant}` provides `{shown}`{help}"))
    }

    /// Whether a source provides the attribute of the type, as far as it says which.
    pub(super) fn is_provided_by(&self, source: &RegisteredSource) -> bool {
        let provided = source.provided_attributes(&self.r#type, &[]);
        self.attribute.as_ref().is_none_or(|name| provided.includes(name))
    }

    /// What is said of names that nobody has classified: they may be misspelt.
    /// `is_for_all`: whoever is told may know every name.
    pub(super) fn unknown_names(&self, config: &Config, is_for_all: bool) -> Vec<String> {
        let classification = config.policy.classification();
        let shown = compact_type(&self.r#type);
        let may_be_told = |iri: &str| is_for_all || is_public(iri);
        if classification.type_class(&self.r#type).is_none() {
            let known = config.policy.known_types().iter();
            let known = known.filter(|name| may_be_told(name.as_str())).map(compact_type);
            let known: Vec<String> = known.collect();
            let near = hint(&shown, known.iter().map(String::as_str));
            return vec![format!("nobody has classified the type `{shown}`{near}")];
        }
        let Some(name) = &self.attribute else {
            return Vec::new();
        };
        if classification.attribute_class(&self.r#type, name).is_some() {
            return Vec::new();
        }
        let known: Vec<String> = config
            .policy
            .attributes_known(&self.r#type)
            .filter(|name| may_be_told(name.as_str()))
            .map(compact_attribute)
            .collect();
        let name = compact_attribute(name);
        let near = hint(&name, known.iter().map(String::as_str));
        vec![format!("nobody has classified `{name}` of `{shown}`{near}")]
    }
}
