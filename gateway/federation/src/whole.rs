//! What a tag of an entity takes: all that its reader sees of it, whatever it chooses to be shown. Whoever may write nothing makes
//! no change on the condition of a tag, and for it no source is asked for more than is shown.

use std::borrow::Cow;

use kakehashi_policy::{Operation, OperationGroup, unnamed_type};
use ngsi_ld::query::Query;

use super::Question;
use super::plan::{Asker, types_named_here};

impl Question {
    /// Whether something of an entity is chosen, so that less than all of it may have to be asked for.
    fn chooses(&self) -> bool {
        self.shown.is_some() || self.datasets.is_some() || self.leaving.is_some() || !self.query.attributes.is_empty()
    }

    /// Whether all that may be seen of the entity is asked for, which a tag is made of.
    pub(crate) fn asks_for_the_whole(&self, asker: &Asker<'_>) -> bool {
        // Of some of its sources alone an entity is not seen whole.
        self.is_tagged && self.held_by.is_none() && (!self.chooses() || may_write(self, asker))
    }

    /// What is asked of the sources.
    pub(crate) fn of_the_whole(&self, asker: &Asker<'_>) -> Cow<'_, Self> {
        if !self.chooses() || !self.asks_for_the_whole(asker) {
            return Cow::Borrowed(self);
        }
        Cow::Owned(Self {
            query: Query {
                attributes: Vec::new(),
                ..self.query.clone()
            },
            shown: None,
            datasets: None,
            leaving: None,
            ..self.clone()
        })
    }
}

/// Whether the consumer may write something where its writes go: into what belongs to the tenant that is named, or to its own.
fn may_write(question: &Question, asker: &Asker<'_>) -> bool {
    let Some(tenant) = question.tenant.as_ref().or_else(|| asker.consumer.tenant()) else {
        return false;
    };
    let unnamed = question.query.types.is_none().then(unnamed_type);
    let named = types_named_here(question, asker.policies);
    let writes = || {
        let operations = Operation::ALL.iter().copied();
        operations.filter(|operation| operation.group() == OperationGroup::Provide)
    };
    let mut writable = asker.registry.writable_sources(tenant);
    writable.any(|source| {
        named.iter().chain(&unnamed).any(|r#type| {
            let may = |operation| {
                let grant = asker
                    .policies
                    .grant(asker.consumer, operation, tenant, r#type, source.personal_data);
                !grant.is_empty()
            };
            writes().any(may)
        })
    })
}
