//! A query to a source, prepared when it is first needed, and then never again.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};

use kakehashi_adapters::{Adapter, PreparedQuery, SourceQuery};

/// A query, and how its source takes it. Whoever changes the query undoes the preparation, so that nothing is asked that was
/// decided for another one.
#[derive(Debug)]
pub struct OncePrepared {
    query: SourceQuery,
    prepared: OnceLock<Arc<dyn PreparedQuery>>,
}

impl OncePrepared {
    /// How the source of that adapter takes the query. A query belongs to one source: whoever asks first decides.
    pub(super) fn by(&self, adapter: &dyn Adapter) -> &dyn PreparedQuery {
        &**self.prepared.get_or_init(|| adapter.prepare(&self.query))
    }

    /// The same query to the same source, for somebody else: what is prepared stays so.
    pub(super) fn shared(&self) -> Self {
        Self {
            query: self.query.clone(),
            prepared: self.prepared.clone(),
        }
    }
}

impl From<SourceQuery> for OncePrepared {
    fn from(query: SourceQuery) -> Self {
        Self {
            query,
            prepared: OnceLock::new(),
        }
    }
}

impl Deref for OncePrepared {
    type Target = SourceQuery;

    fn deref(&self) -> &SourceQuery {
        &self.query
    }
}

impl DerefMut for OncePrepared {
    fn deref_mut(&mut self) -> &mut SourceQuery {
        self.prepared.take();
        &mut self.query
    }
}
