//! A source in memory, which goes about conditions as sources do.

use super::*;

/// A source in memory that leaves out what does not match, as far as its own parts tell.
#[derive(Debug, Clone)]
pub(super) struct InMemory {
    pub(super) id: SourceId,
    pub(super) parts: Vec<Entity>,
    pub(super) fails: bool,
    /// Whether it answers with everything that it has, whatever it was asked.
    pub(super) lies: bool,
    /// Whether it decides filters exactly.
    pub(super) exact: bool,
}

impl InMemory {
    fn matching(&self, query: &SourceQuery) -> Vec<Entity> {
        if self.lies {
            return self.parts.clone();
        }
        let matches = |part: &&Entity| {
            part.types.iter().any(|r#type| query.types.contains(r#type))
                && (query.ids.is_empty() || query.ids.contains(&part.id))
                && query.filter.as_ref().is_none_or(|filter| filter.matches(part))
        };
        let mut found: Vec<Entity> = self.parts.iter().filter(matches).cloned().collect();
        for entity in &mut found {
            entity
                .attributes
                .retain(|attribute| query.attributes.includes(&attribute.name));
        }
        found
    }

    fn failure(&self) -> AdapterError {
        AdapterError::new(&self.id, ErrorKind::Unreachable, "as the test wants it")
    }
}

/// A source of these tests, and what it is asked.
#[derive(Debug)]
pub(super) struct AskedOf<S> {
    pub(super) source: S,
    pub(super) query: SourceQuery,
}

#[async_trait]
impl Adapter for InMemory {
    fn source(&self) -> &SourceId {
        &self.id
    }

    fn prepare(&self, query: &SourceQuery) -> Arc<dyn PreparedQuery> {
        Arc::new(AskedOf {
            source: self.clone(),
            query: query.clone(),
        })
    }

    async fn may_hold_relationships(&self, _: &[AttributeName], _: &Call) -> Result<bool, AdapterError> {
        Ok(false)
    }
}

#[async_trait]
impl PreparedQuery for AskedOf<InMemory> {
    fn push_down(&self) -> PushDown {
        let exact_if = |none: bool| if none { Coverage::Exact } else { Coverage::Narrows };
        PushDown {
            selection: Coverage::Exact,
            id_pattern: Coverage::Exact,
            any_attribute: Coverage::Exact,
            filter: exact_if(self.source.exact || self.query.filter.is_none()),
            geo: exact_if(self.query.geo.is_none()),
            scope: exact_if(self.query.scope.is_none()),
        }
    }

    fn asked(&self, _: Option<Page>) -> Result<Vec<AskedRequest>, AdapterError> {
        Ok(Vec::new())
    }

    async fn retrieve(&self, _: &Call) -> Result<Option<Yielded>, AdapterError> {
        if self.source.fails {
            return Err(self.source.failure());
        }
        Ok(self.source.matching(&self.query).pop().map(Yielded::Entity))
    }

    fn query(&self, page: Option<Page>, _: &Call) -> EntityStream {
        if self.source.fails {
            return futures::stream::iter([Err(self.source.failure())]).boxed();
        }
        let page = page.unwrap_or(Page {
            limit: usize::MAX,
            offset: 0,
        });
        let page = self
            .source
            .matching(&self.query)
            .into_iter()
            .skip(page.offset)
            .take(page.limit);
        futures::stream::iter(page.map(Yielded::Entity).map(Ok).collect::<Vec<_>>()).boxed()
    }

    async fn count(&self, _: &Call) -> Result<Counted, AdapterError> {
        Ok(Counted::entities(self.source.matching(&self.query).len() as u64))
    }
}
