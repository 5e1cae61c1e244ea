//! Ids that a tenant speaks for by its claims, and what other tenants' sources say under them: it adds to what the owner
//! says, and stands with it or not at all. Why: `docs/decisions/additions-stand-with-their-owner.md`.
//!
//! It knows claims alone; what is shown of an entity, and who may see it, is decided elsewhere.

use hashbrown::HashMap;
use kakehashi_core::names::TenantId;
use ngsi_ld::query::{IdPattern, IdPatterns};
use ngsi_ld::{Entity, EntityId, TypeName};

use super::registered_source::RegisteredSource;
use super::registration::{ProvidedIds, Provision};

/// How much a claim says of an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    /// Nothing.
    None,
    /// It covers the id, and the id or the type is another's: the id names another type, or names none and the entity is of
    /// another.
    OfIdOrType,
    /// It covers the id, and its type is the one that the id names or, where it names none, one of the entity's.
    Full,
}

/// Whose a part of an entity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The source speaks for the entity.
    Owner,
    /// Nobody does, or another source of the same tenant.
    Free,
    /// Another tenant does.
    Addition,
}

/// Every claim of one revision. Looking one up costs the same at ten and at two thousand tenants.
#[derive(Debug, Default)]
pub struct ClaimedIds {
    by_type: HashMap<TypeName, Claimants>,
    /// By what a type is called in ids.
    by_name: HashMap<Box<str>, Claimants>,
    of_any_type: Claimants,
    /// Those of some ids alone, of whatever type.
    of_some_ids: Claimants,
    /// Whose they are, and of which ids, each once.
    all: Vec<(TenantId, ProvidedIds)>,
    /// Whether there are any at all.
    exist: bool,
}

/// Who claims ids of one type.
#[derive(Debug, Default)]
struct Claimants {
    of_any_id: Vec<TenantId>,
    /// Those of some ids, each with the tenant that claims them. `None`: there are none.
    patterns: Option<IdPatterns>,
    of_pattern: Vec<TenantId>,
}

impl Claimants {
    fn of<'a>(claims: &[(&'a TenantId, Option<&'a IdPattern>)]) -> Self {
        let with_pattern = claims
            .iter()
            .filter_map(|(tenant, pattern)| Some((*tenant, (*pattern)?)));
        let of_pattern: Vec<TenantId> = with_pattern.clone().map(|(tenant, _)| tenant.clone()).collect();
        let any_id = claims.iter().filter(|(_, pattern)| pattern.is_none());
        Self {
            of_any_id: any_id.map(|(tenant, _)| (*tenant).clone()).collect(),
            patterns: (!of_pattern.is_empty()).then(|| IdPatterns::of(with_pattern.map(|(_, pattern)| pattern))),
            of_pattern,
        }
    }

    /// Whether the tenant claims the id, and whether another one does.
    fn claim(&self, id: &EntityId, tenant: &TenantId) -> (bool, bool) {
        let found = self.patterns.as_ref().map(|patterns| patterns.found_in(id));
        let found = found.iter().flatten().filter_map(|place| self.of_pattern.get(*place));
        let (mut own, mut others) = (false, false);
        for claimant in self.of_any_id.iter().chain(found) {
            own |= claimant == tenant;
            others |= claimant != tenant;
        }
        (own, others)
    }
}

/// The strongest claims to one entity.
struct Strongest<'a> {
    tenant: &'a TenantId,
    own: Strength,
    others: Strength,
}

impl Strongest<'_> {
    fn add(&mut self, claimants: Option<&Claimants>, id: &EntityId, strength: Strength) {
        let Some(claimants) = claimants.filter(|_| self.own < strength || self.others < strength) else {
            return;
        };
        let (own, others) = claimants.claim(id, self.tenant);
        if own {
            self.own = self.own.max(strength);
        }
        if others {
            self.others = self.others.max(strength);
        }
    }
}

impl ClaimedIds {
    /// The claims of sources.
    pub(super) fn of(sources: &[RegisteredSource]) -> Self {
        let claims = sources.iter().flat_map(|source| {
            let claims = source.provides.iter().filter(|provision| provision.authoritative);
            claims.map(move |provision| (&source.tenant, provision))
        });
        let mut all: Vec<(TenantId, ProvidedIds)> = Vec::new();
        for (tenant, provision) in claims.clone() {
            let claim = (tenant.clone(), provision.ids.clone());
            // Those of one source stand together.
            if all.last() != Some(&claim) {
                all.push(claim);
            }
        }
        let mut by_type: HashMap<TypeName, Vec<_>> = HashMap::new();
        let mut by_name: HashMap<Box<str>, Vec<_>> = HashMap::new();
        let (mut of_any_type, mut of_some_ids) = (Vec::new(), Vec::new());
        for (tenant, provision) in claims {
            let claim = (tenant, provision.ids.pattern());
            if claim.1.is_some() {
                of_some_ids.push(claim);
            }
            match &provision.r#type {
                None => of_any_type.push(claim),
                Some(name) => {
                    by_type.entry(name.clone()).or_default().push(claim);
                    by_name.entry(called(name).into()).or_default().push(claim);
                }
            }
        }
        Self {
            all,
            exist: !by_type.is_empty() || !of_any_type.is_empty(),
            by_type: by_type
                .into_iter()
                .map(|(name, all)| (name, Claimants::of(&all)))
                .collect(),
            by_name: by_name
                .into_iter()
                .map(|(name, all)| (name, Claimants::of(&all)))
                .collect(),
            of_any_type: Claimants::of(&of_any_type),
            of_some_ids: Claimants::of(&of_some_ids),
        }
    }

    /// Whose the part of an entity is that a source has sent.
    #[must_use]
    pub fn standing(&self, entity: &Entity, source: &RegisteredSource) -> Standing {
        if !self.exist {
            return Standing::Free;
        }
        let named = self.type_named_by(entity);
        // What the source claims fully is its own: most parts of most answers.
        let claims = source.provides.iter().filter(|provision| provision.authoritative);
        let mut covering = claims.filter(|provision| provision.covers(entity)).peekable();
        let speaks = covering.peek().is_some();
        if covering.any(|provision| is_of_name(provision, named)) {
            return Standing::Owner;
        }
        let mut strongest = Strongest {
            tenant: &source.tenant,
            own: Strength::None,
            others: Strength::None,
        };
        let id = &entity.id;
        strongest.add(Some(&self.of_any_type), id, Strength::Full);
        if let Some(named) = named {
            strongest.add(self.by_name.get(named), id, Strength::Full);
        } else {
            strongest.add(Some(&self.of_some_ids), id, Strength::OfIdOrType);
        }
        for name in &entity.types {
            let is_named = named.is_none_or(|named| named == called(name));
            let strength = if is_named { Strength::Full } else { Strength::OfIdOrType };
            strongest.add(self.by_type.get(name), id, strength);
        }
        match strongest.own.cmp(&strongest.others) {
            std::cmp::Ordering::Less => Standing::Addition,
            _ if speaks => Standing::Owner,
            _ => Standing::Free,
        }
    }

    /// Whether another tenant may speak for an entity that a source holds.
    #[must_use]
    pub fn may_be_of_others(&self, source: &RegisteredSource) -> bool {
        let may_be = |claimed: &(TenantId, ProvidedIds)| {
            claimed.0 != source.tenant && source.provides.iter().any(|one| one.ids.may_meet(&claimed.1))
        };
        self.all.iter().any(may_be)
    }

    /// What the type is called that an id names (clause A.3: `urn:ngsi-ld:<type>:...`), where somebody has a claim to that
    /// type or the entity is of it. Otherwise the id names none: whoever makes up the types of its entities makes up no
    /// namespace.
    fn type_named_by<'a>(&self, entity: &'a Entity) -> Option<&'a str> {
        let (name, _) = entity.id.as_str().strip_prefix("urn:ngsi-ld:")?.split_once(':')?;
        let is_known = self.by_name.contains_key(name) || entity.types.iter().any(|own| called(own) == name);
        is_known.then_some(name)
    }
}

fn is_of_name(provision: &Provision, named: Option<&str>) -> bool {
    match (&provision.r#type, named) {
        (Some(name), Some(named)) => called(name) == named,
        _ => true,
    }
}

/// What a type is called in ids: the last part of its IRI.
fn called(name: &TypeName) -> &str {
    let text = name.as_str();
    text.rsplit(['/', '#', ':']).next().unwrap_or(text)
}

#[cfg(test)]
mod tests;
