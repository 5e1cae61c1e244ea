//! Several EntitySelectors in one query (clauses 5.2.23 and 5.2.33): an entity is meant when one of them selects it.
//! Where one condition on types and ids says the same as all of them, there are none; otherwise each source is asked for
//! what each of them selects, and for nothing else.

use std::borrow::Cow;

use ngsi_ld::query::{IdPattern, TypeSelection};
use ngsi_ld::{Entity, EntityId, TypeName};

use super::Question;

/// EntitySelector (Table 5.2.33-1).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EntitySelector {
    /// `type`; `None`: `*`.
    pub types: Option<TypeSelection>,
    /// `id`; empty: any.
    pub ids: Vec<EntityId>,
    /// `idPattern`
    pub id_pattern: Option<IdPattern>,
}

impl EntitySelector {
    /// Whether it selects the entity.
    #[must_use]
    pub fn selects(&self, entity: &Entity) -> bool {
        (self.ids.is_empty() || self.ids.contains(&entity.id))
            && self
                .id_pattern
                .as_ref()
                .is_none_or(|pattern| pattern.matches(&entity.id))
            && self.types.as_ref().is_none_or(|types| types.selects(&entity.types))
    }
}

/// One selector that selects whatever one of the given ones does, and those of them that are still to be looked at:
/// none, where it selects nothing else.
#[must_use]
pub fn joined(mut selectors: Vec<EntitySelector>) -> (EntitySelector, Vec<EntitySelector>) {
    let Some(first) = selectors.pop() else {
        return (EntitySelector::default(), selectors);
    };
    if selectors.is_empty() {
        return (first, selectors);
    }
    selectors.push(first.clone());
    let same_ids = |other: &EntitySelector| other.ids == first.ids && other.id_pattern == first.id_pattern;
    if selectors.iter().all(same_ids) {
        let types = any_type_of(&selectors);
        return (EntitySelector { types, ..first }, Vec::new());
    }
    let by_id_alone =
        |other: &EntitySelector| other.types == first.types && !other.ids.is_empty() && other.id_pattern.is_none();
    if selectors.iter().all(by_id_alone) {
        let mut ids: Vec<EntityId> = selectors.into_iter().flat_map(|selector| selector.ids).collect();
        ids.sort_unstable();
        ids.dedup();
        return (EntitySelector { ids, ..first }, Vec::new());
    }
    let covering = EntitySelector {
        types: any_type_of(&selectors),
        ..EntitySelector::default()
    };
    (covering, selectors)
}

fn any_type_of(selectors: &[EntitySelector]) -> Option<TypeSelection> {
    let mut any: Vec<TypeSelection> = Vec::new();
    for selector in selectors {
        let types = selector.types.as_ref()?;
        let parts = match types {
            TypeSelection::Any(parts) => parts.as_slice(),
            one => std::slice::from_ref(one),
        };
        for part in parts {
            if !any.contains(part) {
                any.push(part.clone());
            }
        }
    }
    match any.pop() {
        Some(only) if any.is_empty() => Some(only),
        Some(last) => {
            any.push(last);
            Some(TypeSelection::Any(any))
        }
        None => None,
    }
}

impl Question {
    /// The same question for each of its selectors alone, with the types of `named` that it is about; itself where it
    /// has none.
    pub(super) fn of_each_selector<'a>(
        &'a self,
        named: &'a [TypeName],
    ) -> impl Iterator<Item = (Cow<'a, Question>, Cow<'a, [TypeName]>)> {
        let itself = self.selectors.is_empty();
        let itself = itself.then_some((Cow::Borrowed(self), Cow::Borrowed(named)));
        let each = self.selectors.iter().map(|selector| {
            let mut question = self.clone();
            question.selectors.clear();
            question.query.types.clone_from(&selector.types);
            question.query.ids.clone_from(&selector.ids);
            question.query.id_pattern.clone_from(&selector.id_pattern);
            let types = match &selector.types {
                Some(selection) => selection.names().into_iter().cloned().collect(),
                None => Cow::Borrowed(named),
            };
            (Cow::Owned(question), types)
        });
        itself.into_iter().chain(each)
    }
}

#[cfg(test)]
mod tests {
    use ngsi_ld::context::Context;

    use super::*;

    fn selector(types: &str, ids: &[&str], pattern: Option<&str>) -> EntitySelector {
        EntitySelector {
            types: (types != "*").then(|| TypeSelection::parse(types, Context::core()).unwrap()),
            ids: ids.iter().map(|id| EntityId::parse(id).unwrap()).collect(),
            id_pattern: pattern.map(|pattern| IdPattern::parse(pattern).unwrap()),
        }
    }

    #[test]
    fn one_condition_is_made_where_it_says_the_same() {
        let a = selector("A", &[], None);
        assert_eq!(joined(Vec::new()), (EntitySelector::default(), Vec::new()));
        assert_eq!(joined(vec![a.clone()]), (a.clone(), Vec::new()));
        assert_eq!(joined(vec![a.clone(), a.clone()]), (a.clone(), Vec::new()));
        assert_eq!(
            joined(vec![a.clone(), selector("B|C", &[], None)]).0.types,
            selector("A|(B|C)", &[], None).types
        );
        let any = joined(vec![a.clone(), selector("*", &[], None)]);
        assert_eq!(any, (EntitySelector::default(), Vec::new()));
        let ids = joined(vec![
            selector("A", &["urn:x:2", "urn:x:1"], None),
            selector("A", &["urn:x:1"], None),
        ]);
        assert_eq!(ids, (selector("A", &["urn:x:1", "urn:x:2"], None), Vec::new()));
    }

    #[test]
    fn otherwise_they_are_looked_at_one_by_one() {
        let selectors = vec![
            selector("A", &["urn:x:1"], None),
            selector("B", &[], Some("^urn:y")),
            selector("A", &[], Some("9$")),
        ];
        let (covering, rest) = joined(selectors.clone());
        assert_eq!(rest, selectors);
        assert_eq!(covering, selector("A|B", &[], None));
        let question = Question {
            selectors: rest,
            ..Question::default()
        };
        let parts: Vec<_> = question.of_each_selector(&[]).map(|(part, _)| part).collect();
        assert_eq!(parts.len(), 3);
        assert!(parts.iter().all(|part| part.selectors.is_empty()));
        assert_eq!(parts[0].query.ids, selectors[0].ids);
        assert_eq!(parts[1].query.id_pattern, selectors[1].id_pattern);
        assert_eq!(parts[1].query.types, selectors[1].types);
    }
}
