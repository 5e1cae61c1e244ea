//! What a Context Source is registered with (CIM 009 clauses 5.2.8 to 5.2.10): in the configuration, or while the gateway runs.
//! The planner asks a source for nothing beyond it, and what a source answers beyond it is not believed (clause 4.3.6.1).
//!
//! What a registration says of *how* its source is asked (`endpoint`, `contextSourceInfo`, `management`) belongs to the
//! adapter that is made for it.

use std::time::SystemTime;

use compact_str::CompactString;
use kakehashi_adapters::AttributeSelection;
pub use kakehashi_core::mode::Mode;
use kakehashi_policy::Operation;
use ngsi_ld::entity::{DateTime, Geometry};
use ngsi_ld::query::{GeoQuery, IdPattern, Query};
use ngsi_ld::{Entity, EntityId, TypeName};

/// What holds for a source beside what it provides. By default nothing is limited.
#[derive(Debug, Clone, Default)]
pub struct Registration {
    /// How it stands to others.
    pub mode: Mode,
    /// The operations that it may be asked for; `None`: all.
    pub operations: Option<Box<[Operation]>>,
    /// The scopes of what it holds, with all that is below them. Empty: any, and none.
    pub scopes: Vec<CompactString>,
    /// Where everything is that it holds, by the default geometry property; `None`: anywhere, and nowhere.
    pub location: Option<Box<Geometry>>,
    /// From when on it holds no more; `None`: it stays.
    pub expires_at: Option<DateTime>,
}

impl Registration {
    /// Whether its time has come.
    pub(super) fn has_expired(&self) -> bool {
        let now = || DateTime::from_system_time(SystemTime::now());
        self.expires_at.as_ref().is_some_and(|end| *end <= now())
    }

    /// Whether its source may be asked this of what it holds.
    //= 4.3.6.1-1
    pub(super) fn admits(&self, operation: Operation, query: &Query) -> bool {
        let may_meet_scope = || {
            let scope = query.scope.as_ref();
            self.scopes.is_empty() || scope.is_none_or(|scope| scope.may_be_met_below(&self.scopes))
        };
        let may_meet_place = || {
            let asked = query.geo.as_ref().filter(|geo| is_of_location(geo));
            let place = self.location.as_deref();
            place
                .zip(asked)
                .is_none_or(|(place, asked)| asked.may_be_met_within(place))
        };
        let is_offered = self
            .operations
            .as_ref()
            .is_none_or(|offered| offered.contains(&operation));
        is_offered && !self.has_expired() && may_meet_scope() && may_meet_place()
    }
}

/// Whether a geo-query is about the default geometry property (clause 4.7), of which a registration says where it is.
fn is_of_location(geo: &GeoQuery) -> bool {
    geo.property.as_str() == "https://uri.etsi.org/ngsi-ld/location"
}

/// One kind of entity that a source provides: an `EntityInfo` with the names that stand beside it in its `RegistrationInfo`.
#[derive(Debug, Clone)]
pub struct Provision {
    /// The type; `None`: any.
    pub r#type: Option<TypeName>,
    /// Which ids.
    pub ids: ProvidedIds,
    /// `propertyNames` and `relationshipNames` together.
    pub attributes: AttributeSelection,
    /// Whether this source's attributes win over those of other sources.
    pub authoritative: bool,
}

/// `id` and `idPattern` of an `EntityInfo` (clause 5.2.8).
#[derive(Debug, Clone, PartialEq)]
pub enum ProvidedIds {
    /// Neither: any id.
    Any,
    /// This one.
    Only(EntityId),
    /// Those in which it is found.
    Matching(IdPattern),
}

impl ProvidedIds {
    /// Whether the id is one of them.
    #[must_use]
    pub fn include(&self, id: &EntityId) -> bool {
        match self {
            Self::Any => true,
            Self::Only(only) => only == id,
            Self::Matching(pattern) => pattern.matches(id),
        }
    }

    /// Whether an id may be one of both. Where that cannot be told from the patterns, it may.
    #[must_use]
    pub fn may_meet(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => true,
            (Self::Only(id), ids) | (ids, Self::Only(id)) => ids.include(id),
            (Self::Matching(one), Self::Matching(other)) => one.may_meet(other),
        }
    }

    /// The pattern, if there is one.
    #[must_use]
    pub const fn pattern(&self) -> Option<&IdPattern> {
        match self {
            Self::Matching(pattern) => Some(pattern),
            Self::Any | Self::Only(_) => None,
        }
    }
}

impl From<Option<IdPattern>> for ProvidedIds {
    fn from(pattern: Option<IdPattern>) -> Self {
        pattern.map_or(Self::Any, Self::Matching)
    }
}

impl Provision {
    /// Everything of a type, with any attributes and no authority.
    #[must_use]
    pub const fn of_type(r#type: TypeName) -> Self {
        Self {
            r#type: Some(r#type),
            ids: ProvidedIds::Any,
            attributes: AttributeSelection::All,
            authoritative: false,
        }
    }

    pub(super) fn covers_type(&self, r#type: &TypeName) -> bool {
        self.r#type.as_ref().is_none_or(|provided| provided == r#type)
    }

    /// Whether it speaks of some entity of the type with one of these ids; of any id, if none is given.
    pub(super) fn covers_any_of(&self, r#type: &TypeName, ids: &[EntityId]) -> bool {
        self.covers_type(r#type) && (ids.is_empty() || ids.iter().any(|id| self.ids.include(id)))
    }

    /// Whether it speaks of the entity.
    pub(super) fn covers(&self, entity: &Entity) -> bool {
        entity.types.iter().any(|r#type| self.covers_type(r#type)) && self.ids.include(&entity.id)
    }

    /// Whether it speaks of all that a source may say of every entity of the type.
    pub(super) fn covers_whole(&self, r#type: &TypeName) -> bool {
        self.covers_type(r#type) && self.ids == ProvidedIds::Any && self.attributes == AttributeSelection::All
    }
}

#[cfg(test)]
mod tests {
    use ngsi_ld::context::Context;
    use ngsi_ld::query::ScopeQuery;

    use super::*;

    fn near(metres: &str) -> GeoQuery {
        GeoQuery::parse(metres, "Point", "[139.6,36.3]", None, Context::core()).unwrap()
    }

    #[test]
    fn a_source_is_asked_for_nothing_beyond_its_registration() {
        let sano = Geometry::Polygon(vec![
            [
                (139.5, 36.2),
                (139.7, 36.2),
                (139.7, 36.5),
                (139.5, 36.5),
                (139.5, 36.2),
            ]
            .map(|(longitude, latitude)| ngsi_ld::entity::Position::new(longitude, latitude))
            .to_vec(),
        ]);
        let registration = Registration {
            operations: Some(Box::new([Operation::QueryEntity])),
            scopes: vec!["/佐野市/避難所".into()],
            location: Some(Box::new(sano)),
            ..Registration::default()
        };
        let query = |geo: Option<GeoQuery>, scope: Option<&str>| Query {
            geo,
            scope: scope.map(|scope| ScopeQuery::parse(scope).unwrap()),
            ..Query::default()
        };
        let far = |georel: &str| GeoQuery::parse(georel, "Point", "[140.5,36.3]", None, Context::core()).unwrap();
        for (asked, admitted) in [
            (query(None, None), true),
            (query(Some(near("near;maxDistance==10")), None), true),
            (query(Some(far("near;maxDistance==10")), None), false),
            (query(Some(far("near;maxDistance==80000")), None), true),
            (query(Some(far("near;minDistance==10")), None), true),
            (query(Some(far("intersects")), None), false),
            (query(Some(far("disjoint")), None), true),
            (query(None, Some("/佐野市/#")), true),
            (query(None, Some("/+/避難所")), true),
            (query(None, Some("/佐野市/避難所/小学校")), true),
            (query(None, Some("/佐野市/雨量")), false),
            (query(None, Some("(/佐野市/避難所;/矢板市)")), false),
            (query(None, Some("/矢板市|/佐野市/避難所")), true),
            (query(None, Some("/佐野市")), false),
        ] {
            assert_eq!(
                registration.admits(Operation::QueryEntity, &asked),
                admitted,
                "{asked:?}"
            );
        }
        assert!(!registration.admits(Operation::RetrieveEntity, &query(None, None)));
        let elsewhere = GeoQuery::parse(
            "near;maxDistance==10",
            "Point",
            "[140.5,36.3]",
            Some("entrance"),
            Context::core(),
        );
        assert!(registration.admits(Operation::QueryEntity, &query(Some(elsewhere.unwrap()), None)));
    }

    #[test]
    fn what_has_expired_is_not_asked() {
        let until = |text: &str| Registration {
            expires_at: Some(DateTime::parse(text).unwrap()),
            ..Registration::default()
        };
        assert!(!until("2020-01-01T00:00:00Z").admits(Operation::QueryEntity, &Query::default()));
        assert!(until("9000-01-01T00:00:00Z").admits(Operation::QueryEntity, &Query::default()));
    }
}
