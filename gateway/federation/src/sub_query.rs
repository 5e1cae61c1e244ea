//! What one source is asked, and what of it decides the source.

use std::sync::Arc;

use kakehashi_adapters::{
    AdapterError, AskedRequest, AttributeSelection, Coverage, Page, PreparedQuery, PushDown, SourceQuery,
};
use kakehashi_policy::{GrantSet, Restriction, TypeGrant};
use ngsi_ld::query::{Expression, Ordering, Query};
use ngsi_ld::{AttributeName, Entity, EntityId, TypeName};

use super::Question;
use super::asked_attributes::needs_system_dates;
use super::claimed::{ClaimedIds, Standing};
use super::once_prepared::OncePrepared;
use super::proxied::{NotBelieved, in_both};
use super::registered_source::RegisteredSource;
use super::release::Audit;
use super::told::{ShownIn, shown_in};

/// What one source is asked, and what may be shown of its answer.
#[derive(Debug)]
pub struct SubQuery {
    /// Whom.
    pub source: Arc<RegisteredSource>,
    /// What.
    pub query: OncePrepared,
    /// The part of the answer that is wanted; `None`: everything.
    pub page: Option<Page>,
    /// The grants of the source's owner.
    pub grants: Arc<GrantSet>,
    /// What inspection finds.
    pub audit: Arc<Audit>,
    /// What is asked for instead of everything, because no permit covers the rest; `None`: everything.
    pub restriction: Option<Arc<Restriction>>,
    /// Which of the consumer's own conditions the source is told of.
    pub told: Told,
    /// The ids that tenants speak for.
    pub claimed: Arc<ClaimedIds>,
    /// Whether the question names the one tenant that it asks, and is told what that one has.
    pub of_one_tenant: bool,
    /// Whether no other source is asked, so that nothing stands beside what this one says.
    pub is_only: bool,
    /// What the source is not believed; `None`: it is believed all that it provides.
    pub(super) not_believed: Option<Arc<NotBelieved>>,
}

/// The consumer's own conditions that a source is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// How much of `q`.
    pub filter: Coverage,
    /// The geo-query.
    pub geo: bool,
    /// `scopeQ`
    pub scope: bool,
}

impl Told {
    /// Of none.
    const NOTHING: Self = Self {
        filter: Coverage::None,
        geo: false,
        scope: false,
    };
}

impl SubQuery {
    /// What is asked, as the source takes it. Whoever asks shows what comes as the grants allow, and so this stays here.
    pub(super) fn prepared(&self) -> &dyn PreparedQuery {
        self.query.by(&*self.source.adapter)
    }

    /// What the source decides itself.
    #[must_use]
    pub fn push_down(&self) -> PushDown {
        self.prepared().push_down()
    }

    /// What the source would be asked first.
    ///
    /// # Errors
    /// [`AdapterError`], when what is asked cannot be sent at all.
    pub fn asked(&self) -> Result<Vec<AskedRequest>, AdapterError> {
        self.prepared().asked(self.page)
    }

    /// Whether the source may hold an entity of this id, of one of the types that it is asked for.
    pub(super) fn may_hold_id(&self, id: &EntityId) -> bool {
        let mut types = self.query.types.iter();
        types.any(|r#type| self.source.may_hold(r#type, std::slice::from_ref(id)))
    }

    /// Whether an entity may be found by both.
    #[must_use]
    pub fn may_share_ids_with(&self, other: &Self) -> bool {
        // That no entity of a source has two of its types is asked of the source elsewhere.
        !Arc::ptr_eq(&self.source, &other.source) && {
            let (types, others) = (&self.query.types, &other.query.types);
            self.source.may_share_ids_with(types, &other.source, others)
        }
    }

    /// Whether another tenant may speak for an entity that the source holds. Not where the operator knows that nobody else has
    /// its ids.
    pub(super) fn may_be_of_others(&self) -> bool {
        !self.source.owns_ids.are_said() && self.claimed.may_be_of_others(&self.source)
    }

    /// Whose the part of an entity is that the source has sent.
    pub(super) fn standing(&self, entity: &Entity) -> Standing {
        self.claimed.standing(entity, &self.source)
    }

    /// Whether what the source says of the entity would stand there without the tenant that speaks for it.
    pub(super) fn would_stand_alone(&self, entity: &Entity) -> bool {
        self.is_only && !self.of_one_tenant && self.standing(entity) == Standing::Addition
    }

    /// Whether the source decides the whole question by itself, so that its pages and counts are those of the
    /// view: it evaluates every condition, and nothing that it answers is left out afterwards. `question` is the
    /// question before it was narrowed. What remains to be asked is whether it has entities of several types, of
    /// which one may hide them.
    #[must_use]
    pub fn is_exact(&self, question: &Query) -> bool {
        let all_pushed = (question.filter.is_none() || self.told.filter == Coverage::Exact)
            && self.told.geo == question.geo.is_some()
            && self.told.scope == question.scope.is_some()
            && self.query.any_attribute.len() == question.attributes.len();
        let all_covered = self
            .restriction
            .as_ref()
            .is_none_or(|restriction| restriction.decided_by_filter);
        let types_decided = question
            .types
            .as_ref()
            .is_none_or(|selection| selects_each(selection, &self.query.types));
        let all_provided = self.query.types.iter().all(|r#type| self.source.provides_every(r#type));
        let all_believed = self.not_believed.is_none();
        all_pushed && all_covered && types_decided && all_provided && all_believed && self.push_down().is_exact()
    }

    /// Whether every entity of its own that the source may send is one of which the consumer may see something, whatever
    /// it is like; but for what other types it may have.
    #[must_use]
    pub fn shows_every_entity(&self) -> bool {
        let ids = &self.query.ids;
        let mut types = self.query.types.iter();
        types.all(|r#type| {
            let grants = self.grants.grants().iter();
            let covers_every = |grant: &Arc<TypeGrant>| grant.r#type() == r#type && grant.covers_every_entity();
            let is_asked_by_id = || {
                !ids.is_empty()
                    && ids
                        .iter()
                        .all(|id| self.source.may_hold(r#type, std::slice::from_ref(id)))
            };
            self.not_believed.is_none()
                && grants.clone().any(covers_every)
                && (self.source.provides_every(r#type) || is_asked_by_id())
        })
    }

    /// The attributes that its conditions look at.
    pub(super) fn looked_at(&self) -> Vec<AttributeName> {
        let query = &self.query;
        let filter = query.filter.iter().flat_map(|filter| filter.attributes());
        let place = query.geo.iter().map(|geo| &geo.property);
        filter.chain(place).chain(&query.any_attribute).cloned().collect()
    }

    /// Whether the source leaves entities out because of their attributes, so that a part of an entity that
    /// another source has found may be missing from its answer. What it leaves out because no permit covers it is not
    /// missing.
    #[must_use]
    pub fn filters_parts(&self) -> bool {
        let push_down = self.push_down();
        let conditional = |given: bool, coverage: Coverage| given && coverage != Coverage::None;
        conditional(self.told.filter != Coverage::None, push_down.filter)
            || conditional(self.told.geo, push_down.geo)
            || conditional(self.told.scope, push_down.scope)
            || conditional(!self.query.any_attribute.is_empty(), push_down.any_attribute)
    }

    /// The same question, for one page of the answer.
    #[must_use]
    pub fn paged(&self, page: Page) -> Self {
        self.of_part(Some(page))
    }

    /// The same question, for the whole answer.
    #[must_use]
    pub fn unpaged(&self) -> Self {
        self.of_part(None)
    }

    /// The same question about one of its types alone: of what another one shows it is not asked.
    #[must_use]
    pub(super) fn of_type(&self, r#type: &TypeName) -> Self {
        let types = vec![r#type.clone()];
        let judged = self.restriction.as_deref();
        let is_judged = |name: &AttributeName| judged.is_some_and(|judged| judged.attributes.contains(name));
        let is_asked = |name: &&AttributeName| is_judged(name) || shown_in(&types, name, &self.grants) != ShownIn::None;
        let attributes = match &self.query.attributes {
            AttributeSelection::All => AttributeSelection::All,
            AttributeSelection::Only(names) => AttributeSelection::only(names.iter().filter(is_asked).cloned()),
        };
        let query = SourceQuery {
            types,
            attributes,
            ..SourceQuery::clone(&self.query)
        };
        self.with(query.into(), self.told)
    }

    /// The same question for a part of its list.
    pub(super) fn of_part(&self, page: Option<Page>) -> Self {
        Self {
            page,
            ..self.with(self.query.shared(), self.told)
        }
    }

    /// The same question without the consumer's conditions on attributes, for some ids only.
    #[must_use]
    pub fn completing(&self, ids: Vec<EntityId>) -> Self {
        let restriction = self.restriction.as_deref();
        let query = SourceQuery {
            filter: restriction
                .and_then(|restriction| restriction.filter.clone())
                .map(Arc::new),
            geo: restriction
                .and_then(|restriction| restriction.geo.clone())
                .map(Arc::new),
            ..self.unconditional(ids)
        };
        self.with(query.into(), Told::NOTHING)
    }

    /// The same question with no more of each entity than decides whether it is in the list of these conditions.
    #[must_use]
    pub(super) fn least(&self, question: &Question) -> Self {
        let query = &self.query;
        // Where something was left out lately it is left out alike.
        let needs_all =
            question.leaving.is_some() || needs_system_dates(question) || self.source.flawed.includes_any(&query.types);
        if needs_all {
            return self.of_part(self.page);
        }
        let conditions = question.query.filter.iter().flat_map(Expression::attributes);
        let place = question.query.geo.iter().map(|geo| &geo.property);
        let judged = self.restriction.iter().flat_map(|restriction| &restriction.attributes);
        let ordering = question
            .order
            .iter()
            .flat_map(Ordering::paths)
            .map(|path| &path.attribute);
        let needed = conditions
            .chain(place)
            .chain(&question.query.attributes)
            .chain(ordering);
        // What is hidden is asked for by nobody's name, not even where everything else is.
        let is_shown = |name: &&AttributeName| shown_in(&query.types, name, &self.grants) != ShownIn::None;
        let needed = needed.filter(is_shown).chain(judged);
        let needed: Vec<AttributeName> = needed.cloned().collect();
        let looks_at_dates = |restriction: &Arc<Restriction>| restriction.system_attributes;
        // Which of two parts is newer is nothing to know where neither is looked at.
        let needs_dates = !needed.is_empty() || self.restriction.as_ref().is_some_and(looks_at_dates);
        let query = SourceQuery {
            attributes: in_both(AttributeSelection::only(needed), &query.attributes),
            system_attributes: query.system_attributes && needs_dates,
            ..SourceQuery::clone(query)
        };
        self.with(query.into(), self.told)
    }

    /// The question for one entity, without any condition on attributes: whether a permit covers it is judged here.
    #[must_use]
    pub fn into_by_id(mut self) -> Self {
        let query = &mut *self.query;
        query.any_attribute.clear();
        query.filter = None;
        query.geo = None;
        query.scope = None;
        self.page = None;
        self.told = Told::NOTHING;
        self
    }

    fn unconditional(&self, ids: Vec<EntityId>) -> SourceQuery {
        SourceQuery {
            ids,
            any_attribute: Vec::new(),
            filter: None,
            geo: None,
            scope: None,
            ..SourceQuery::clone(&self.query)
        }
    }

    fn with(&self, query: OncePrepared, told: Told) -> Self {
        Self {
            source: Arc::clone(&self.source),
            grants: Arc::clone(&self.grants),
            audit: Arc::clone(&self.audit),
            restriction: self.restriction.clone(),
            told,
            query,
            page: None,
            claimed: Arc::clone(&self.claimed),
            of_one_tenant: self.of_one_tenant,
            is_only: self.is_only,
            not_believed: self.not_believed.clone(),
        }
    }
}

/// Whether each of these types alone satisfies the selection, so that asking for any of them decides it.
fn selects_each(selection: &ngsi_ld::query::TypeSelection, types: &[TypeName]) -> bool {
    types
        .iter()
        .all(|r#type| selection.selects(std::slice::from_ref(r#type)))
}
