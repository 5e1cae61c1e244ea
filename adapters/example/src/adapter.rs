//! The adapter: it decides which entities are meant by their types and ids, and leaves every other condition to the gateway.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::{self, StreamExt};
use kakehashi_contract::{
    Adapter, AdapterError, AskedRequest, Call, Counted, Coverage, EntityStream, Page, PreparedQuery, PushDown,
    SourceId, SourceQuery, Yielded,
};
use ngsi_ld::entity::SystemAttributes;
use ngsi_ld::{Entity, TypeName};

/// An [`Adapter`] for entities that were read from a file.
#[derive(Debug)]
pub struct FileAdapter {
    source: SourceId,
    entities: Arc<[Entity]>,
    types: Box<[TypeName]>,
}

impl FileAdapter {
    /// The source of that name. It answers for these types alone, whatever else the file holds.
    #[must_use]
    pub fn new(source: SourceId, entities: Arc<[Entity]>, types: &[TypeName]) -> Self {
        Self {
            source,
            entities,
            types: types.into(),
        }
    }
}

/// Never an attribute that was not asked for.
fn shown(entity: &Entity, query: &SourceQuery) -> Entity {
    let mut shown = entity.clone();
    shown
        .attributes
        .retain(|attribute| query.attributes.includes(&attribute.name));
    if !query.system_attributes {
        shown.system = SystemAttributes::default();
        for attribute in &mut shown.attributes {
            for instance in &mut attribute.instances {
                instance.system = SystemAttributes::default();
            }
        }
    }
    shown
}

#[async_trait]
impl Adapter for FileAdapter {
    fn source(&self) -> &SourceId {
        &self.source
    }

    /// Which of the types are held is found out here, once for all that is asked of the query.
    fn prepare(&self, query: &SourceQuery) -> Arc<dyn PreparedQuery> {
        let types = query.types.iter().filter(|name| self.types.contains(name));
        Arc::new(PreparedFile {
            entities: Arc::clone(&self.entities),
            types: types.cloned().collect(),
            query: query.clone(),
        })
    }

    async fn has_entities_of_several_types(&self, _: &[TypeName], _: &Call) -> Result<bool, AdapterError> {
        Ok(self.entities.iter().any(|entity| entity.types.len() > 1))
    }
}

/// What is asked of the entities of the file.
#[derive(Debug)]
struct PreparedFile {
    entities: Arc<[Entity]>,
    /// Those of the query that the source answers for.
    types: Box<[TypeName]>,
    query: SourceQuery,
}

impl PreparedFile {
    /// The entities that types and ids select, with what may be asked for of each, in the order of the file.
    fn selected(&self) -> Vec<Entity> {
        let query = &self.query;
        let is_asked = |entity: &&Entity| {
            self.types.iter().any(|name| entity.has_type(name))
                && (query.ids.is_empty() || query.ids.contains(&entity.id))
        };
        let selected = self.entities.iter().filter(is_asked).map(|entity| shown(entity, query));
        selected.collect()
    }
}

#[async_trait]
impl PreparedQuery for PreparedFile {
    /// Types and ids are decided exactly; a condition that is not there is decided, too.
    fn push_down(&self) -> PushDown {
        let query = &self.query;
        let unless = |is_asked: bool| if is_asked { Coverage::None } else { Coverage::Exact };
        PushDown {
            selection: Coverage::Exact,
            id_pattern: unless(query.id_pattern.is_some()),
            any_attribute: unless(!query.any_attribute.is_empty()),
            filter: unless(query.filter.is_some()),
            geo: unless(query.geo.is_some()),
            scope: unless(query.scope.is_some()),
        }
    }

    /// Nobody is asked.
    fn asked(&self, _: Option<Page>) -> Result<Vec<AskedRequest>, AdapterError> {
        Ok(Vec::new())
    }

    async fn retrieve(&self, _: &Call) -> Result<Option<Yielded>, AdapterError> {
        Ok(self.selected().into_iter().next().map(Yielded::Entity))
    }

    /// A page is cut only where everything is decided here, so that it is one of the answer.
    fn query(&self, page: Option<Page>, _: &Call) -> EntityStream {
        let page = page.filter(|_| self.push_down().is_exact());
        let (offset, limit) = page.map_or((0, usize::MAX), |page| (page.offset, page.limit));
        let page = self.selected().into_iter().skip(offset).take(limit);
        stream::iter(page.map(Yielded::Entity).map(Ok)).boxed()
    }

    async fn count(&self, _: &Call) -> Result<Counted, AdapterError> {
        Ok(Counted::entities(self.selected().len() as u64))
    }
}
