//! What a permit asks beside naming attributes: of an entity, by `@q`, `@scope`, `@area` and `@ids`; of a request, by `@purpose`,
//! `@ial` and `@aal`; and of a consumer, by `@contract` and `@consent`.
//!
//! The owner writes the conditions, so that they are judged on the entity as its source holds it, before anything is
//! taken out: what a condition looks at need not be granted. But a name that is classed stricter than limited, or that
//! nobody has classified where persons may be, is none that a condition may look at: it is never asked of a source.
//! Conditions are judged on values as the source holds them, too, before inspection: they are the owner's words, and no
//! consumer can vary them to find out what is masked.

use std::sync::Arc;

use kakehashi_core::consumer::{AssuranceLevels, Consumer};
use ngsi_ld::query::{Area, Condition, Expression, GeoQuery, ScopeQuery};
use ngsi_ld::{AttributeName, Entity};

use super::PersonalData;
use super::admission::References;
use super::classification::{Class, TypeClasses};
use super::ids_condition::IdsCondition;
use super::unmet::Unmet;

/// What a permit asks of an entity and of a request. The texts are as the owner has written them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PermitConditions {
    /// `@q` (clause 4.9)
    pub q: Option<FilterCondition>,
    /// `@scope` (clause 4.19)
    pub scope: Option<ScopeCondition>,
    /// `@area`
    pub area: Option<AreaCondition>,
    /// `@ids`
    pub ids: Option<IdsCondition>,
    /// `@purpose`: one of these; empty: any, and none at all.
    pub purposes: Vec<Arc<str>>,
    /// `@ial`: the least level of identity assurance.
    pub ial: Option<u8>,
    /// `@aal`: the least level of authentication assurance.
    pub aal: Option<u8>,
    /// `@contract`, `@consent`
    pub references: References,
    /// `@relationships`
    pub relationships: Relationships,
}

/// `@q` of a permit.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterCondition {
    /// As it is written.
    pub text: Arc<str>,
    /// What it means, with expanded names.
    pub filter: Expression,
}

/// `@scope` of a permit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeCondition {
    /// As it is written.
    pub text: Arc<str>,
    /// What it means.
    pub query: ScopeQuery,
}

/// `@area` of a permit.
#[derive(Debug, Clone, PartialEq)]
pub struct AreaCondition {
    /// As it is written: the name of a file below policies/, or GeoJSON.
    pub text: Arc<str>,
    /// The attribute that must lie in it: `location`.
    pub property: AttributeName,
    /// The area.
    pub area: Arc<Area>,
}

/// `@relationships` of a permit: what becomes of Relationships whose target the consumer may not see, as far as that
/// can be told. Those to persons are never kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relationships {
    /// They are taken out.
    Dropped,
    /// That they exist is shown, not whereto they lead.
    Masked,
    /// They are shown.
    #[default]
    Kept,
}

impl Relationships {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Kept, Self::Masked, Self::Dropped];

    /// The word in policies.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Masked => "masked",
            Self::Dropped => "dropped",
        }
    }
}

impl PermitConditions {
    /// Whether it asks something of an entity, so that some entities of a type may be covered and others not.
    #[must_use]
    pub fn are_about_entities(&self) -> bool {
        self.q.is_some() || self.scope.is_some() || self.area.is_some() || self.ids.is_some()
    }

    /// Whether it applies to a request of this consumer.
    pub fn apply_to(&self, consumer: &Consumer) -> bool {
        self.unmet_by(consumer).is_none()
    }

    /// Why it does not apply to a request of this consumer; `None`: it does.
    pub(super) fn unmet_by(&self, consumer: &Consumer) -> Option<Unmet> {
        let states = |wanted: &Arc<str>| consumer.purpose.as_ref() == Some(wanted);
        let AssuranceLevels {
            identity,
            authentication,
        } = consumer.levels;
        let reaches = |level: Option<u8>, least: Option<u8>| least.is_none_or(|least| level >= Some(least));
        if !self.purposes.is_empty() && !self.purposes.iter().any(states) {
            Some(Unmet::Purpose)
        } else if !reaches(identity, self.ial) {
            Some(Unmet::IdentityAssurance)
        } else if !reaches(authentication, self.aal) {
            Some(Unmet::AuthenticationAssurance)
        } else {
            self.references.unmet_by(consumer)
        }
    }

    /// The conditions as they hold for a type: without what they say of attributes that may not be looked at in it.
    /// `None`: nothing of the type can fulfil them.
    pub(super) fn for_type(self: &Arc<Self>, classes: &TypeClasses, personal_data: PersonalData) -> Option<Arc<Self>> {
        let may_look_at = |name: &AttributeName| match classes.attribute(name) {
            Some(class) => !class.is_guarded(),
            None => personal_data == PersonalData::None || is_core(name),
        };
        if let Some(area) = &self.area
            && !may_look_at(&area.property)
        {
            return None;
        }
        let Some(q) = &self.q else {
            return Some(Arc::clone(self));
        };
        let filter = without_hidden(&q.filter, &may_look_at)?;
        if filter == q.filter {
            return Some(Arc::clone(self));
        }
        let q = FilterCondition {
            text: Arc::clone(&q.text),
            filter,
        };
        Some(Arc::new(Self {
            q: Some(q),
            ..Self::clone(self)
        }))
    }

    /// Whether they cover an entity as its source holds it.
    pub(super) fn cover(&self, entity: &Entity) -> bool {
        #[cfg(test)]
        assert!(entity.id.as_str() != FAULTY, "as the test wants it");
        let by_filter = self.q.as_ref().is_none_or(|q| q.filter.matches(entity));
        let by_scope = |scope: &ScopeCondition| scope.query.matches(&entity.scopes);
        let by_area = |area: &AreaCondition| area.area.encloses(entity, &area.property);
        let by_id = self.ids.as_ref().is_none_or(|ids| ids.matches(&entity.id));
        by_id && by_filter && self.scope.as_ref().is_none_or(by_scope) && self.area.as_ref().is_none_or(by_area)
    }

    /// The attributes that `@q` looks at, and attributes of them.
    pub(super) fn looked_at(&self) -> Vec<&AttributeName> {
        let mut names = Vec::new();
        if let Some(q) = &self.q {
            collect(&q.filter, &mut names);
        }
        names
    }

    fn looks_at_dates(&self) -> bool {
        self.looked_at().into_iter().any(AttributeName::is_system_date)
    }

    /// The attributes of the entity that a source must be asked for, so that they can be judged.
    fn attributes(&self) -> impl Iterator<Item = &AttributeName> {
        let filter = self.q.iter().flat_map(|q| q.filter.attributes());
        filter.chain(self.area.iter().map(|area| &area.property))
    }
}

/// An id of entities whose judging fails, to see what becomes of that.
#[cfg(test)]
pub(super) const FAULTY: &str = "urn:test:faulty";

/// Whether a name is one that the core context has (clause 4.4): `observedAt`, `unitCode`, `createdAt` and the like
/// say nothing about a person by themselves.
pub(super) fn is_core(name: &AttributeName) -> bool {
    const CORE: [&str; 7] = [
        "observedAt",
        "createdAt",
        "modifiedAt",
        "deletedAt",
        "expiresAt",
        "unitCode",
        "datasetId",
    ];
    let short = name.as_str().strip_prefix("https://uri.etsi.org/ngsi-ld/");
    short.is_some_and(|short| CORE.contains(&short))
}

fn collect<'a>(filter: &'a Expression, names: &mut Vec<&'a AttributeName>) {
    match filter {
        Expression::And(parts) | Expression::Or(parts) => {
            for part in parts {
                collect(part, names);
            }
        }
        Expression::Condition(Condition { path, .. }) => {
            names.push(&path.attribute);
            names.extend(&path.sub_attributes);
        }
    }
}

/// A filter as if no entity had what may not be looked at; `None`: it never holds then. No condition holds because
/// something is absent (clause 4.9), so that leaving an alternative out only narrows.
fn without_hidden(filter: &Expression, may_look_at: &dyn Fn(&AttributeName) -> bool) -> Option<Expression> {
    match filter {
        Expression::And(parts) => {
            let parts: Option<Vec<Expression>> = parts.iter().map(|part| without_hidden(part, may_look_at)).collect();
            parts.map(Expression::And)
        }
        Expression::Or(parts) => {
            let parts: Vec<Expression> = parts
                .iter()
                .filter_map(|part| without_hidden(part, may_look_at))
                .collect();
            (!parts.is_empty()).then_some(Expression::Or(parts))
        }
        Expression::Condition(condition) => {
            let path = &condition.path;
            let visible = may_look_at(&path.attribute) && path.sub_attributes.iter().all(may_look_at);
            visible.then(|| filter.clone())
        }
    }
}

/// What a source may be asked for instead of everything of a type, because no permit covers the rest.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Restriction {
    /// Attributes that conditions look at, granted or not, in order. They are asked for, and taken out again.
    pub attributes: Vec<AttributeName>,
    /// Whether conditions look at dates that the system keeps of entities.
    pub system_attributes: bool,
    /// A filter that everything covered fulfils; `None`: there is none for all permits together.
    pub filter: Option<Expression>,
    /// A geo-query that everything covered fulfils.
    pub geo: Option<GeoQuery>,
    /// Whether what fulfils `filter` is covered, all of it by the same permits.
    pub decided_by_filter: bool,
}

impl Restriction {
    /// What these permits' conditions come to; `None`: one covers everything, or there are none, so that nothing has
    /// to be judged.
    pub(super) fn of(all: &[&PermitConditions]) -> Option<Self> {
        if !all.iter().any(|conditions| conditions.are_about_entities()) {
            return None;
        }
        let attributes = all.iter().flat_map(|conditions| conditions.attributes());
        let mut attributes: Vec<AttributeName> = attributes.filter(|name| !name.is_system_date()).cloned().collect();
        attributes.sort_unstable();
        attributes.dedup();
        let filter = any_filter(all);
        let first = all.first();
        let is_first_filter_alone = |conditions: &&PermitConditions| {
            let same = first.is_some_and(|first| first.q == conditions.q);
            same && conditions.scope.is_none() && conditions.area.is_none() && conditions.ids.is_none()
        };
        Some(Self {
            attributes,
            system_attributes: all.iter().any(|conditions| conditions.looks_at_dates()),
            decided_by_filter: filter.is_some() && all.iter().all(is_first_filter_alone),
            filter,
            geo: same_box(all),
        })
    }
}

/// Longest filter that a source is told of, in bytes as its owners wrote it: it stands in a URL, beside the consumer's.
/// What is longer the gateway judges by itself.
const MOST_TOLD_BYTES: usize = 2048;

/// One of the filters; `None`: some permit has none, or they are too long.
fn any_filter(all: &[&PermitConditions]) -> Option<Expression> {
    let mut filters: Vec<Expression> = Vec::new();
    let mut bytes = 0;
    for conditions in all {
        let q = conditions.q.as_ref()?;
        if !filters.contains(&q.filter) {
            bytes += q.text.len();
            filters.push(q.filter.clone());
        }
    }
    if bytes > MOST_TOLD_BYTES {
        return None;
    }
    match filters.len() {
        0 => None,
        1 => filters.pop(),
        _ => Some(Expression::Or(filters)),
    }
}

/// The box around the area, if all permits have the same.
fn same_box(all: &[&PermitConditions]) -> Option<GeoQuery> {
    let first = all.first()?.area.as_ref()?;
    let is_same = |area: &AreaCondition| Arc::ptr_eq(&area.area, &first.area) || area.area == first.area;
    let all_same = all
        .iter()
        .all(|conditions| conditions.area.as_ref().is_some_and(is_same));
    all_same.then(|| first.area.box_around(first.property.clone()))
}

/// The classes of the attributes that `@q` looks at which make it one that cannot be: they are personal or guarded
/// otherwise, or nobody has classified them.
pub(super) fn fault_of(class: Option<Class>) -> Option<&'static str> {
    match class {
        Some(class) if class.is_personal() => Some("is personal"),
        Some(class) if class.is_guarded() => Some("has a class that is stricter than limited"),
        None => Some("has no class"),
        Some(_) => None,
    }
}
